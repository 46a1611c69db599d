/* What threads of a run were blocked on, in words. */
#ifndef CP_CLI_WAITS_H
#define CP_CLI_WAITS_H

#include "scenario/scenario.h"
#include "sim/sim.h"

/* New text for a table cell: "lock", "gil 80 %, sleep 20 %"; "" if it was not blocked, "-"
 * if nobody kept count. */
char *cp_waits_cell(const CpSim *sim, uint32_t tid);

/* Appends a line about all threads: how long they waited for a CPU and were blocked, on
 * what, and on which object most. */
void cp_waits_line(const CpScenario *scenario, const CpSim *sim, GString *out);

#endif
