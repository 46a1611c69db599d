/* What timers of a run mean: kind and subject share the 32 bits of CpTimer.id. */
#ifndef CP_SIM_TIMER_H
#define CP_SIM_TIMER_H

#include "sim/state.h"

enum { CP_TIMER_SHIFT = 28 }; /* the kind stands above */

typedef enum {
    CP_TIMER_THREAD,   /* deadline of a wait; gen = wake_gen */
    CP_TIMER_ACTIVATE, /* woken thread is enqueued on its CPU; gen = CpEnqFlags */
    CP_TIMER_START,    /* declared thread starts */
    CP_TIMER_DEVICE,   /* request of a device is served; id = row of requests */
    CP_TIMER_ARRIVAL,  /* id = row of arrivals.streams */
    CP_TIMER_IRQ,      /* interrupt noise; id = its declaration, gen = CPU */
    CP_TIMER_AT,       /* change of settings; id = row of the workload's */
    CP_TIMER_RUNTIME,  /* id = row of rt.timers */
    CP_TIMER_GROUP,    /* bandwidth period; id = group */
    CP_TIMER_STOP,     /* cp_stop_at; gen = wake_gen */
    CP_TIMER_SERVER,   /* the fair server's turn; id = CPU, gen = server_gen */
    CP_TIMER_WARMUP,   /* metrics begin to count */
    CP_TIMER_BALANCE,  /* classes even out the load */
    CP_TIMER_CLASS,    /* cp_class_timer; id = thread, gen = rank of its class */
    CP_TIMER_KINDS,
} CpTimerKind;

G_STATIC_ASSERT(CP_TIMER_KINDS <= 1 << (32 - CP_TIMER_SHIFT));

static inline CpTimerKind cp_timer_kind(const CpTimer *timer)
{
    return (CpTimerKind)(timer->id >> CP_TIMER_SHIFT);
}

static inline uint32_t cp_timer_subject(const CpTimer *timer)
{
    return timer->id & ((1u << CP_TIMER_SHIFT) - 1);
}

/* A moment that has passed is now. */
static inline void cp_timer_push(CpSim *sim, CpTimerKind kind, CpTime at, uint32_t id,
                                 uint32_t gen)
{
    cp_assert(id >> CP_TIMER_SHIFT == 0);
    cp_timerq_push(sim->timers, (CpTimer){at < sim->now ? sim->now : at,
                                          (uint32_t)kind << CP_TIMER_SHIFT | id, gen});
}

#endif
