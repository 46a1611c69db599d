/* Executing the instructions of flows, on a CPU and outside. */
#ifndef CP_SIM_EXECUTE_H
#define CP_SIM_EXECUTE_H

#include "sim/flow.h"

typedef enum { CP_FLOW_BURST, CP_FLOW_BLOCKED, CP_FLOW_ENDED, CP_FLOW_PREEMPT } CpFlowEnd;
/* Executes instructions of the running thread until one needs time. */
CpFlowEnd cp_flow_run(CpSim *sim, CpCpuState *c, CpTid tid);

/* A moment begins, or an event more of the present one does.  The first returns what the
 * moment before had in instructions and events; the second is false, and the run is over,
 * if there are too many: time does not pass. */
uint64_t cp_moment_begins(CpSim *sim);
bool cp_moment_goes_on(CpSim *sim);

/* The timer of an arrival stream has come: its body is executed for the request. */
void cp_arrival_fire(CpSim *sim, uint32_t stream);

#endif
