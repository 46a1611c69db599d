/* What kernel work costs, as measured quantities with a physical meaning.  One set is
 * shared by all scenarios; `ideal` has every entry 0. */
#ifndef CP_SIM_COSTS_H
#define CP_SIM_COSTS_H

#include "sim/params.h"

enum {
    CP_COST_SWITCH,    /* context switch, both threads warm: CPU time of the next thread */
    CP_COST_MIGRATION, /* extra CPU time of the first burst after a migration */
    CP_COST_WAKE,      /* waker's side of a wake-up: CPU time of the waker */
    CP_COST_WAKE_REMOTE,  /* wake-up sent to another CPU: until it reschedules */
    CP_COST_WAKE_IPI,     /* CPU time of a waker that interrupts an idle CPU */
    CP_COST_TIMER,        /* timer interrupt: time taken from the CPU it fires on */
    CP_COST_TIMER_SLACK,  /* default timer slack of normal threads */
    CP_COST_SLEEP,        /* CPU time of entering a sleep and coming back */
    CP_COST_FORK,         /* CPU time of the parent for one thread start */
    CP_COST_FORK_PROCESS, /* the same for one process */
    CP_COST_SYSCALL,      /* lock, queue and pipe operations that enter the kernel */
    CP_COST_SOCKET,       /* more of one that sends to or receives from a socket */
    CP_COST_SPEED_NOISE,  /* standard deviation of the length of a burst of 1 ms, ppm */
    CP_COST_SPEED_HIT,
    CP_COST_IDLE_EXIT,  /* leaving idle: times at idle lengths 0.1 0.3 1 3 10 30 ms */
    CP_COST_IDLE_COLD,  /* CPU time lost to cold caches after idling, by the same lengths */
    CP_COST_TIMER_COLD, /* more of a timer interrupt after as long a sleep */
    CP_COST_IDLE_POLL,  /* idle time after which the host may take the CPU away */
    CP_COST_IDLE_TAKEN, /* share of idle periods after which it had, ppm */
    CP_COST_IDLE_BACK,  /* mean time to get the CPU back then */
    CP_COSTS
};

extern const CpParam cp_cost_params[];

/* IDLE_EXIT or IDLE_COLD after `idle` ns; linear between the given points. */
CpTime cp_cost_after_idle(const CpParamSet *costs, unsigned row, CpTime idle);

#endif
