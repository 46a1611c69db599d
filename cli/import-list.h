/* Who is in a recording: what `coreplay import --list` prints. */
#ifndef CP_CLI_IMPORT_LIST_H
#define CP_CLI_IMPORT_LIST_H

#include "cli/cmd.h"
#include "traces/cpr.h"

/* Prints processes and their threads, those with most CPU time first, between `from` and
 * `to` (0: up to the end).  Returns an exit code. */
int cp_import_list(CpCli *cli, CpCpr *cpr, CpTime from, CpTime to);

#endif
