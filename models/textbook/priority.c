/* Static priorities: the ready thread with the smallest number runs.
 *
 * The number is the thread's `prio`, plus its nice value so that either may be used.  Equal
 * numbers: earlier ready, then lower thread number.  With `priority.preemptive on` a more
 * urgent newcomer takes the CPU at once, else when the running thread blocks or ends.
 *
 * Ageing (`priority.age_step` > 0) cures starvation: a thread that waits gains one level
 * every step,
 *     effective = base - floor(waited / step),
 * runs at the level it has reached, and begins anew from its base when it next waits.  All
 * waiting threads age alike, so the order between them never changes and one heap keyed by
 * base * step + (time since when it waits) yields the smallest effective number at any
 * moment.  Of equal effective numbers of different bases the one closer to its next gain
 * comes first. */
#include "sim/policy-queue.h"

enum { PRIORITY_PREEMPTIVE, PRIORITY_AGE_STEP };

static const CpParam priority_params[] = {
    {.name = "priority.preemptive",
     .type = CP_PARAM_BOOL,
     .def = "on",
     .help = "a more urgent thread takes the CPU at once"},
    {.name = "priority.age_step",
     .type = CP_PARAM_TIME,
     .def = "0ns",
     .min = 0,
     .max = 1000 * CP_S,
     .help = "waiting that long gains one level; 0: no ageing"},
    {.name = NULL},
};

typedef struct {
    CpNode node;
    CpTime ready;  /* tie rule: when it became ready, or yielded */
    CpTime since;  /* waits since then; valid while queued */
    int64_t level; /* effective number; valid while running */
} Ent;

static int64_t base_of(const CpRq *rq, CpEnt ent)
{
    const CpSchedAttr *attr = cp_thread_attr(rq->sim, ent);
    return attr->rt_prio + attr->nice;
}

/* Waiting begins now, whether the thread was woken or lost the CPU. */
static void queue_up(CpRq *rq, CpEnt ent)
{
    Ent *e = cp_ent_data(rq, ent);
    CpTime step = rq->policy->params->v[PRIORITY_AGE_STEP];
    e->since = cp_now(rq->sim);
    int64_t key = step == 0 ? base_of(rq, ent) : base_of(rq, ent) * step + e->since;
    cp_heap_push(rq, rq->data, (CpRow){key, e->ready, ent});
}

static void priority_enqueue(CpRq *rq, CpEnt ent, CpEnqFlags flags)
{
    (void)flags; /* every way of becoming ready is the same */
    Ent *e = cp_ent_data(rq, ent);
    e->ready = cp_now(rq->sim);
    queue_up(rq, ent);
}

static bool priority_dequeue(CpRq *rq, CpEnt ent, CpDeqFlags flags)
{
    (void)flags; /* gone is gone */
    cp_heap_remove(rq, rq->data, ent);
    return true;
}

static CpEnt priority_pick(CpRq *rq)
{
    const CpRow *row = cp_heap_first(rq, rq->data);
    return row == NULL ? CP_NONE : row->ent;
}

static void priority_set_next(CpRq *rq, CpEnt ent)
{
    Ent *e = cp_ent_data(rq, ent);
    CpTime step = rq->policy->params->v[PRIORITY_AGE_STEP];
    cp_assert(e->node.queued && e->since <= cp_now(rq->sim));
    cp_heap_remove(rq, rq->data, ent);
    e->level = base_of(rq, ent) - (step == 0 ? 0 : (cp_now(rq->sim) - e->since) / step);
}

static bool priority_preempts(CpRq *rq, CpEnt woken, CpWakeFlags flags)
{
    (void)flags; /* new and woken threads are alike */
    const Ent *curr = cp_ent_data(rq, rq->curr);
    cp_assert(curr->level <= base_of(rq, rq->curr)); /* ageing only helps */
    return rq->policy->params->v[PRIORITY_PREEMPTIVE] != 0 &&
           base_of(rq, woken) < curr->level;
}

/* When the first waiting thread will have aged past the running one. */
static CpTime priority_next_look(CpRq *rq, CpEnt curr)
{
    const int64_t *v = rq->policy->params->v;
    const Ent *e = cp_ent_data(rq, curr);
    const CpRow *row = cp_heap_first(rq, rq->data);
    cp_assert(!e->node.queued); /* or its level says nothing */
    if (row == NULL || v[PRIORITY_PREEMPTIVE] == 0 || v[PRIORITY_AGE_STEP] == 0) {
        return CP_NEVER;
    }
    return row->key - (e->level - 1) * v[PRIORITY_AGE_STEP];
}

static bool priority_expired(CpRq *rq, CpEnt curr)
{
    return cp_now(rq->sim) >= priority_next_look(rq, curr);
}

/* Behind those of the same number. */
static void priority_yield(CpRq *rq)
{
    Ent *e = cp_ent_data(rq, rq->curr);
    cp_assert(!e->node.queued); /* ready is a key there */
    e->ready = cp_now(rq->sim);
}

static CpEnt priority_next_queued(CpRq *rq, CpEnt after)
{
    return cp_heap_next(rq, rq->data, after);
}

static void priority_rq_clear(CpRq *rq)
{
    cp_heap_clear(rq->data);
}

static void priority_audit(CpRq *rq)
{
    const CpHeap *heap = rq->data;
    CpTime step = rq->policy->params->v[PRIORITY_AGE_STEP];
    cp_heap_check(rq, heap);
    for (uint32_t i = 0; i < heap->n; i++) {
        const CpRow *row = &heap->row[i];
        const Ent *e = cp_ent_data(rq, row->ent);
        int64_t base = base_of(rq, row->ent);
        cp_require(row->key == (step == 0 ? base : base * step + e->since));
        cp_require(row->tie == e->ready && e->ready <= e->since);
    }
}

const CpPolicyClass cp_policy_priority = {
    .name = "priority",
    .summary = "static priorities, preemptive or not, with ageing if wanted",
    .params = priority_params,
    .rq_size = sizeof(CpHeap),
    .ent_size = sizeof(Ent),
    .global = true,
    .conserving = true,
    .rq_clear = priority_rq_clear,
    .enqueue = priority_enqueue,
    .dequeue = priority_dequeue,
    .pick = priority_pick,
    .set_next = priority_set_next,
    .put_prev = queue_up,
    .preempts = priority_preempts,
    .next_look = priority_next_look,
    .expired = priority_expired,
    .yield = priority_yield,
    .next_queued = priority_next_queued,
    .audit = priority_audit,
};
