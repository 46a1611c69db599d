/* What a workload does under each of a list of changes. */
#ifndef CP_CLI_WHATIF_WORKLOAD_H
#define CP_CLI_WHATIF_WORKLOAD_H

#include "cli/cmd.h"

/* Runs the workload that is the command's operand as it stands, with --set and --machine,
 * and under other numbers of cores, switch intervals and Python versions; prints them
 * ranked by makespan.  Returns the exit code. */
int cp_whatif_workload(CpCli *cli);

#endif
