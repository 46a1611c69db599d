/* Channels: wait queues, ordered as futex queues are. */
#ifndef CP_SIM_CHANNEL_H
#define CP_SIM_CHANNEL_H

#include "sim/state.h"

struct CpChannel {
    CpTid first, last;
    uint32_t n;
    uint32_t n_rt; /* real-time waiters at the front, by priority */
};

void cp_channel_add(CpSim *sim, CpChan chan, CpTid tid);
void cp_channel_remove(CpSim *sim, CpTid tid);
/* Puts a waiter in front of another one of the same channel; neither is real-time. */
void cp_channel_move(CpSim *sim, CpTid tid, CpTid before);

#endif
