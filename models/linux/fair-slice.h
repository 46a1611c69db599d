/* How long a request is, and for how long it protects the running entity from others
 * (RUN_TO_PARITY; mirrors fair.c:set_protect_slice and its neighbours). */
#ifndef CP_MODELS_LINUX_FAIR_SLICE_H
#define CP_MODELS_LINUX_FAIR_SLICE_H

#include "models/linux/fair-queue.h"

/* Brings min_slice and max_slice of the queue up to date. */
void cp_fair_slices(const CpRq *rq);
/* A group asks for as short a request as the shortest in its queue, and so on upwards;
 * mirrors fair.c:enqueue_task_fair and dequeue_entities. */
void cp_fair_pass_slice(CpRq *rq);

/* After entities came or went. */
static inline void cp_fair_slices_changed(CpRq *rq)
{
    if (G_UNLIKELY(rq->group != 0) && cp_fair_data(rq)->has.group_slice) {
        cp_fair_pass_slice(rq);
    }
}

/* --- protection --- */

/* V without the running entity e; e's own v if it is alone. */
static inline int64_t cp_fair_others(const CpFairRq *q, const CpFairEnt *e)
{
    int64_t weight = q->balance.weight - e->bal.load.weight;
    return weight == 0
               ? e->v
               : cp_fair_floor_div(q->sum - (__int128)e->v * e->bal.load.weight, weight);
}

/* e, which was not running before, runs. */
static inline void cp_fair_protect(CpRq *rq, CpFairEnt *e)
{
    e->vprot = e->deadline;
    uint32_t how = cp_fair_data(rq)->has.protect;
    if (cp_fair_rq(rq)->n_custom > 0 && how != CP_PROTECT_REQUEST) {
        cp_fair_slices(rq);
        uint32_t shortest = cp_fair_rq(rq)->min_slice;
        cp_assert(shortest <= cp_fair_slice(rq, e)); /* it is one of them */
        if (shortest < cp_fair_slice(rq, e) && how == CP_PROTECT_INELIGIBLE) {
            e->vprot = MIN(e->deadline, cp_fair_others(cp_fair_rq(rq), e) + 1);
        } else if (shortest < cp_fair_slice(rq, e)) {
            e->vprot = MIN(e->deadline, e->v + cp_vdelta(&e->bal.load, shortest));
        }
    }
    cp_assert(e->vprot <= e->deadline);
}

/* Under CP_PROTECT_REQUEST the mark is the deadline, or no mark at all. */
static inline bool cp_fair_is_protected(const CpRq *rq, const CpFairEnt *e)
{
    return cp_fair_data(rq)->has.protect == CP_PROTECT_REQUEST ? e->vprot == e->deadline
                                                               : e->v < e->vprot;
}

static inline void cp_fair_unprotect(const CpRq *rq, CpFairEnt *e)
{
    bool request = cp_fair_data(rq)->has.protect == CP_PROTECT_REQUEST;
    e->vprot = request ? e->deadline - 1 : e->v;
    cp_assert(!cp_fair_is_protected(rq, e));
}

/* The protection is no longer than the shortest slice. */
static inline void cp_fair_shrink_protection(const CpRq *rq, CpFairEnt *e)
{
    cp_fair_slices(rq);
    int64_t from = e->v;
    if (cp_fair_data(rq)->has.shrink == CP_SHRINK_BELOW) {
        from = MIN(from, cp_fair_average(cp_fair_rq(rq)));
    }
    e->vprot = MIN(e->vprot, from + cp_vdelta(&e->bal.load, cp_fair_rq(rq)->min_slice));
}

#endif
