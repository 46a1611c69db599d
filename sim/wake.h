/* Waits and wake-ups, as the kernel does them. */
#ifndef CP_SIM_WAKE_H
#define CP_SIM_WAKE_H

#include "sim/state.h"

/* Blocks the running thread: off its queue, with a deadline or CP_NEVER. */
void cp_block(CpSim *sim, CpTid tid, CpTime deadline, CpBlock reason, uint32_t object);
/* A thread came into the queue of its CPU after a sleep: does it get the CPU, or go
 * elsewhere? */
void cp_woken_check(CpSim *sim, CpTid tid, CpWakeFlags flags);
void cp_activate(CpSim *sim, CpTid tid, CpEnqFlags flags);
void cp_wake_begin(CpSim *sim, CpTid tid, CpCpu from, CpTid waker, CpWakeCause cause,
                   uint32_t flags);
CpTime cp_slack(const CpSim *sim, CpTid tid);

/* A created thread begins. */
void cp_thread_start(CpSim *sim, CpTid tid, CpTid parent);

#endif
