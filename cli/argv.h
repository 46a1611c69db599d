/* From the words of the command line to options and operands. */
#ifndef CP_CLI_ARGV_H
#define CP_CLI_ARGV_H

#include "cli/cmd.h"

/* Reads the words before the command.  On success *n_used words were options and their
 * values.  On failure the message is printed and the exit code returned. */
int cp_argv_global(CpCli *cli, char **words, int *n_used);

/* Reads the words after the command into cli->options and cli->operands. */
int cp_argv_command(CpCli *cli, char **words);

#endif
