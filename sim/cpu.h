/* CPUs: what each runs, until when, and what it has done. */
#ifndef CP_SIM_CPU_H
#define CP_SIM_CPU_H

#include "sim/state.h"

struct CpCpuState {
    CpTime clock;      /* everything is charged up to here */
    CpTime burst_end;  /* end of the running burst if nothing happens; CP_NEVER */
    CpTime look;       /* when the class wants to look; CP_NEVER */
    CpTime resched_at; /* when the pending reschedule takes effect; CP_NEVER */
    CpTime irq_left;   /* interrupt time still to pass before curr goes on; not charged */
    CpTime irq_from;   /* the last stretch of it began, and ends or ended, */
    CpTime irq_until;  /* ... then */
    CpTime ovh_left;   /* kernel work still to pass; charged to curr */
    CpTime uncharged;  /* time of curr that its class has not been told of */
    const CpPolicyClass *hooks; /* of curr's class */
    CpTid curr;                 /* CP_NONE: idle */
    uint8_t cls;                /* rank of curr's class */
    bool online;
    bool clock_stands;  /* a wake-up preempts: what passes until then is charged to the next
                         * thread, since the queue's clock is not read a second time
                         * (core.c:rq_clock_skip_update) */
    uint32_t waking;    /* threads on their way here */
    bool balancing;     /* inside a newidle pull */
    uint32_t speed;     /* of 1024: capacity, less a busy SMT sibling */
    uint32_t work_rest; /* 1024ths of a ns of work that burst_left has not been told of */
    uint32_t nr;        /* runnable threads here, curr included */
    CpTime run_since;   /* curr was switched in, or the CPU went idle */
    CpTime idled;       /* length of the last idle time that ended, and when it did */
    CpTime idled_until;
    CpTime look_from; /* ticks up to here have been seen by the class */
    CpCpu id;
    CpRq *root; /* its queues at the root, by class */
    /* statistics */
    CpTime busy, idle, overhead, irq;
    uint64_t switches;
    uint64_t noise;      /* key of the random numbers for its switches */
    uint32_t server_gen; /* bumping it makes the server's timer stale */
    CpTime exit_at;      /* leaving idle: when it can run something */
    CpTime taken_at;     /* taken is of then: when takes last changed */
    uint32_t taken;      /* see cp_cpu_taken */
    bool takes;          /* a thread of a class before the last one runs */
    CpTime server_left;  /* runtime of the fair server's period left */
    bool lazy;           /* the next tick is to reschedule */
    uint8_t server;      /* CP_SERVER_* */
    uint32_t n_exits;    /* random numbers drawn for leaving idle */
};

enum {
    CP_SERVER_OFF,
    CP_SERVER_ARMED, /* threads of the last class wait behind another class */
    CP_SERVER_ON,    /* the last class goes first */
};

/* Classes balance right after that tick.  A timer that is overtaken by an earlier one is
 * stale: balance_gen tells. */
void cp_balance_at(CpSim *sim, CpTime tick);

/* Every change of what a CPU has to do goes through these two. */
static inline void cp_cpu_idle(CpSim *sim, const CpCpuState *c)
{
    if (c->nr + c->waking == 0) {
        cp_cpumask_set(&sim->idle, c->id);
    } else {
        cp_cpumask_clear(&sim->idle, c->id);
    }
}

static inline void cp_cpu_count(CpSim *sim, CpCpuState *c, int change)
{
    sim->n_overloaded -= c->nr >= 2;
    cp_assert(change >= 0 || c->nr >= (uint32_t)-change);
    c->nr = (uint32_t)((int)c->nr + change);
    sim->n_overloaded += c->nr >= 2;
    cp_cpu_idle(sim, c);
    if (sim->balances && sim->balance_at > sim->next_tick &&
        (sim->n_overloaded > 0 || sim->layered)) {
        cp_balance_at(sim, sim->next_tick);
    }
}

static inline void cp_cpu_expect(CpSim *sim, CpCpuState *c, int change)
{
    cp_assert(change >= 0 || c->waking >= (uint32_t)-change);
    c->waking = (uint32_t)((int)c->waking + change);
    cp_cpu_idle(sim, c);
}

/* Clocks and the running burst up to now; the class learns of it at the next account. */
void cp_cpu_advance(CpSim *sim, CpCpuState *c);
/* The same, and charges the class: where the kernel updates the running thread, i.e. at
 * ticks, switches, wake-ups on this CPU and changes of attributes; mirrors update_curr. */
void cp_cpu_account(CpSim *sim, CpCpuState *c);
/* Only up to the last tick that has passed, as if every tick were simulated. */
void cp_cpu_account_tick(CpSim *sim, CpCpuState *c);
void cp_cpu_arm(CpSim *sim, CpCpuState *c);
void cp_cpu_speed(CpSim *sim, CpCpuState *c);
/* Ask for a reschedule that takes effect after `delay`. */
void cp_resched_after(CpSim *sim, CpCpuState *c, CpTime delay);
/* Its thread was taken off the queues from outside: the CPU has to switch now. */
void cp_resched_now(CpSim *sim, CpCpuState *c);
/* Tells a class that counts ticks how many went by, up to `to`. */
void cp_cpu_tell_ticks(CpSim *sim, CpCpuState *c, CpTime to);
/* The class's next look for the running thread, after its queue changed. */
void cp_cpu_look(CpSim *sim, CpCpuState *c);

/* An interrupt takes `cost` from whoever runs there, without charging it. */
void cp_irq(CpSim *sim, CpCpu cpu, CpTime cost);

/* What a CPU did that its counters have not been told of yet, split as they would. */
typedef struct {
    CpTime idle, irq, overhead, busy;
} CpLag;
CpLag cp_cpu_lag(const CpSim *sim, const CpCpuState *c);

/* server.c */
/* A thread of the last class may have begun to wait behind another class. */
void cp_server_arm(CpSim *sim, CpCpuState *c);
/* Its timer has come.  True: the server steps in, choose anew. */
bool cp_server_timer(CpSim *sim, CpCpu cpu, uint32_t gen);
/* The running thread was charged; true: the server's time is up, choose anew. */
bool cp_server_charge(CpSim *sim, CpCpuState *c, CpTime delta);

#endif
