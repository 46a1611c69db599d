/* Help pages and the sources of manual pages, both written from the tables of cmd.h. */
#ifndef CP_CLI_HELP_H
#define CP_CLI_HELP_H

#include "cli/cmd.h"

/* The one-page list of commands. */
void cp_help_overview(CpCli *cli);

/* Usage, three examples, options by group, see also. */
void cp_help_command(CpCli *cli, const CpCmd *cmd);

/* Fills the marks of a manual page source (@NAME@ @SYNOPSIS@ @EXAMPLES@ @OPTIONS@
 * @COMMANDS@ @EXIT@ @SEE_ALSO@, each on a line of its own) from the tables; new text.
 * `cmd` is NULL for the page of the program itself. */
char *cp_help_manual(const CpCli *cli, const CpCmd *cmd, const char *source);

#endif
