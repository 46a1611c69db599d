/* The event loop. */
#ifndef CP_SIM_LOOP_H
#define CP_SIM_LOOP_H

#include "sim/state.h"

/* Until nothing is left to happen, or a limit is met. */
void cp_loop(CpSim *sim);
/* Nothing can move any thread any more: the run ends here. */
void cp_stop_dead(CpSim *sim);

#endif
