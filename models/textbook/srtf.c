/* Shortest remaining time first (SRPT): at every moment the thread with the least left of
 * its burst runs.
 *
 * Lengths are known exactly, as of when a thread became ready: one that waits is not looked
 * at again, though variables may have changed what it will do.  A newcomer takes the CPU
 * only if its burst is strictly smaller than what the running thread has left;
 * `srtf.preempt_equal on` makes it take the CPU at equality too.  Equal ones in the queue:
 * earlier ready, then lower number. */
#include "sim/policy-queue.h"

enum { SRTF_PREEMPT_EQUAL };

static const CpParam srtf_params[] = {
    {.name = "srtf.preempt_equal",
     .type = CP_PARAM_BOOL,
     .def = "off",
     .help = "a newcomer takes the CPU also from a thread with as much left as itself"},
    {.name = NULL},
};

typedef struct {
    CpNode node;
    CpTime ready; /* tie rule: when it last became ready */
} Ent;

static void push(CpRq *rq, CpEnt ent)
{
    const Ent *e = cp_ent_data(rq, ent);
    CpTime left = cp_thread_burst_left(rq->sim, ent);
    cp_assert(left >= 0);
    cp_heap_push(rq, rq->data, (CpRow){left, e->ready, ent});
}

static void srtf_enqueue(CpRq *rq, CpEnt ent, CpEnqFlags flags)
{
    (void)flags; /* what counts is what is left */
    Ent *e = cp_ent_data(rq, ent);
    e->ready = cp_now(rq->sim);
    push(rq, ent);
}

static bool srtf_dequeue(CpRq *rq, CpEnt ent, CpDeqFlags flags)
{
    (void)flags; /* gone is gone */
    cp_heap_remove(rq, rq->data, ent);
    return true;
}

static CpEnt srtf_pick(CpRq *rq)
{
    const CpRow *row = cp_heap_first(rq, rq->data);
    return row == NULL ? CP_NONE : row->ent;
}

static void srtf_set_next(CpRq *rq, CpEnt ent)
{
    cp_assert(cp_node(rq, ent)->queued); /* pick leaves it there */
    cp_heap_remove(rq, rq->data, ent);
}

/* Who is displaced by an equal one waits behind it. */
static void srtf_put_prev(CpRq *rq, CpEnt ent)
{
    Ent *e = cp_ent_data(rq, ent);
    cp_assert(!e->node.queued); /* it ran until now */
    if (rq->policy->params->v[SRTF_PREEMPT_EQUAL] != 0) {
        e->ready = cp_now(rq->sim) + 1;
    }
    push(rq, ent);
}

static bool srtf_preempts(CpRq *rq, CpEnt woken, CpWakeFlags flags)
{
    cp_assert(!cp_node(rq, rq->curr)->queued); /* it runs */
    CpTime mine = cp_thread_burst_left(rq->sim, rq->curr);
    CpTime its = cp_thread_burst_left(rq->sim, woken);
    bool at_equal =
        rq->policy->params->v[SRTF_PREEMPT_EQUAL] != 0 && !(flags & CP_WAKE_DISPLACED);
    return its < mine || (its == mine && at_equal);
}

static CpEnt srtf_next_queued(CpRq *rq, CpEnt after)
{
    return cp_heap_next(rq, rq->data, after);
}

static void srtf_rq_clear(CpRq *rq)
{
    cp_heap_clear(rq->data);
}

static void srtf_audit(CpRq *rq)
{
    const CpHeap *heap = rq->data;
    cp_heap_check(rq, heap);
}

const CpPolicyClass cp_policy_srtf = {
    .name = "srtf",
    .summary = "shortest remaining time first; preempts",
    .params = srtf_params,
    .rq_size = sizeof(CpHeap),
    .ent_size = sizeof(Ent),
    .global = true,
    .conserving = true,
    .rq_clear = srtf_rq_clear,
    .enqueue = srtf_enqueue,
    .dequeue = srtf_dequeue,
    .pick = srtf_pick,
    .set_next = srtf_set_next,
    .put_prev = srtf_put_prev,
    .preempts = srtf_preempts,
    .next_queued = srtf_next_queued,
    .audit = srtf_audit,
};
