/* From argv to option values: split, parse with GOption, fill in defaults from files. */
#ifndef CP_CLI_OPTIONS_H
#define CP_CLI_OPTIONS_H

#include "cli/cmd.h"

/* Parses the words before the command.  On success *n_used words were options and their
 * values.  On failure the message is printed and the exit code returned. */
int cp_options_parse_global(CpCli *cli, char **words, int *n_used);

/* Parses the words after the command into cli->options and cli->operands. */
int cp_options_parse(CpCli *cli, char **words);

/* Fills options not given from the environment and coreplay.conf. */
int cp_options_defaults(CpCli *cli);

CpOptions *cp_options_new(void);
void cp_options_free(CpOptions *options);

/* Settings of the configuration file's [settings] part: "key", "value" pairs, NULL-ended.
 */
char **cp_options_settings(const CpCli *cli);
/* Name of the configuration file in force, or NULL. */
const char *cp_options_config(const CpCli *cli);

/* Checks a configuration file for `validate`; prints messages. */
int cp_options_check_config(const CpCli *cli, const char *path);

/* Calls `visit` for each option of a command, then for the global ones; `cmd` NULL: the
 * global ones only. */
void cp_options_each(const CpCmd *cmd, void (*visit)(const CpOption *option, void *data),
                     void *data);

#endif
