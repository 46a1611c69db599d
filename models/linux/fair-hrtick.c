#include "models/linux/fair-slice.h"

/* Slices that end on a timer of the CPU's own, not at a tick; mirrors
 * fair.c:hrtick_start_fair and hrtick_update, core.c:hrtick.
 *
 * The timer is set to the virtual deadline when a thread is switched in beside others, and
 * when the first other one comes.  A thread that is picked again does not set it anew: the
 * next tick governs. */

enum {
    LEAST = 10000, /* ns from now */
    LATE = 2000,   /* ns from the timer to the charge of the interrupted thread */
};

static CpFairRq *cpu_of(const CpRq *rq)
{
    return (CpFairRq *)(void *)cp_balance_cpu(rq->policy, rq->cpu);
}

static bool in_use(const CpRq *rq)
{
    return cp_fair_data(rq)->has.hrtick;
}

static void arm(const CpRq *rq, const CpFairEnt *e)
{
    CpTime now = cp_now(rq->sim);
    int64_t left = e->deadline - e->v;
    CpTime wall =
        left <= 0
            ? 0
            : (CpTime)(((unsigned __int128)(uint64_t)left * e->bal.load.weight + 1023) >>
                       10);
    cpu_of(rq)->slice_end = now + MAX(wall, LEAST) + LATE;
}

void cp_hrtick_starts(const CpRq *rq, CpEnt ent)
{
    if (in_use(rq) && !(ent & CP_ENT_GROUP) && cp_cpu_nr(rq->sim, rq->cpu) >= 2) {
        arm(rq, cp_fair_ent(rq, ent));
    }
}

void cp_hrtick_comes(const CpRq *rq)
{
    if (!in_use(rq)) {
        return;
    }
    CpTid curr = cp_cpu_curr(rq->sim, rq->cpu);
    CpFairRq *q = cpu_of(rq);
    q->told = false;
    if (q->slice_end != CP_NEVER || curr == CP_NONE) {
        return;
    }
    const CpRq *at = cp_thread_queue(rq->policy, curr, rq->cpu);
    if (cp_fair_rq(at)->out == curr && at->curr == curr) {
        arm(at, cp_fair_ent(at, curr));
        q->told = true;
    }
}

void cp_hrtick_stop(const CpRq *rq)
{
    if (in_use(rq)) {
        cpu_of(rq)->slice_end = CP_NEVER;
    }
}

CpTime cp_hrtick_at(const CpRq *root)
{
    return cp_fair_rq(root)->slice_end;
}

bool cp_hrtick_fires(const CpRq *rq)
{
    if (!in_use(rq) || cpu_of(rq)->slice_end > cp_now(rq->sim)) {
        return false;
    }
    cpu_of(rq)->slice_end = CP_NEVER;
    return true;
}
