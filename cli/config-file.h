/* coreplay.conf and the environment: values of options that the command line did not give.
 */
#ifndef CP_CLI_CONFIG_FILE_H
#define CP_CLI_CONFIG_FILE_H

#include "cli/cmd.h"

/* Fills options not given from the environment and coreplay.conf. */
int cp_config_file_defaults(CpCli *cli);

/* Checks a configuration file for `validate`; prints messages. */
int cp_config_file_check(const CpCli *cli, const char *path);

#endif
