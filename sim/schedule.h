/* What a CPU does when its time has come, and the balancing of all CPUs. */
#ifndef CP_SIM_SCHEDULE_H
#define CP_SIM_SCHEDULE_H

#include "sim/state.h"

/* The earliest of what the CPU waits for has come: the end of its burst, its class's look,
 * or a reschedule. */
void cp_cpu_event(CpSim *sim, CpCpuState *c);
/* The timer of balancing has come. */
void cp_balance_fire(CpSim *sim, uint32_t gen);

#endif
