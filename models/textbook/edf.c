/* Scheduling by deadlines (Liu and Layland, 1973): EDF, RM and LLF, by `edf.rule`.
 *
 *   edf  earliest deadline first: the job whose absolute deadline is next
 *   rm   rate monotonic: the shortest period, fixed for a thread
 *   llf  least laxity first: deadline - now - work left, looked at again every `edf.unit`
 *
 * A thread's `deadline` counts from the release of the job in hand; without one its
 * `period` is taken, and threads with neither run in the background.  All three are
 * preemptive.
 *
 * Waiting threads lose laxity at the same rate, so deadline - work left orders them for as
 * long as they wait: all three rules keep one number a thread, and the smallest runs. Equal
 * numbers: the lower thread number, even if another one is running (`edf.tie task`, as in
 * the usual tables), or the earlier released (`edf.tie arrival`). */
#include "sim/policy-queue.h"

enum { EDF_RULE, EDF_TIE, EDF_UNIT };
enum { EDF, RM, LLF };
enum { TIE_TASK, TIE_ARRIVAL };

static const CpParam edf_params[] = {
    {.name = "edf.rule",
     .type = CP_PARAM_ENUM,
     .def = "edf",
     .choices = "edf|rm|llf",
     .help = "earliest deadline, rate monotonic or least laxity"},
    {.name = "edf.tie",
     .type = CP_PARAM_ENUM,
     .def = "task",
     .choices = "task|arrival",
     .help = "who comes first of two equals: lower thread number or earlier release"},
    {.name = "edf.unit",
     .type = CP_PARAM_TIME,
     .def = "1ms",
     .min = CP_US,
     .max = 1000 * CP_S,
     .help = "llf compares again after running that long"},
    {.name = NULL},
};

typedef struct {
    CpNode node;
    CpTime look; /* llf: next comparison; valid while running */
} Ent;

/* What decides between threads, as of now. */
static CpRow row_of(const CpRq *rq, CpEnt ent)
{
    const int64_t *v = rq->policy->params->v;
    const CpSchedAttr *attr = cp_thread_attr(rq->sim, ent);
    CpTime release = cp_thread_release(rq->sim, ent);
    CpTime span = attr->deadline > 0 ? attr->deadline : attr->period;
    CpTime period = attr->period > 0 ? attr->period : attr->deadline;
    CpRow row = {CP_NEVER, v[EDF_TIE] == TIE_ARRIVAL ? release : 0, ent};
    if (span == 0) {
        return row;
    }
    cp_assert(release <= cp_now(rq->sim)); /* no job before its time */
    switch (v[EDF_RULE]) {
    case EDF:
        row.key = release + span;
        break;
    case RM:
        row.key = period;
        break;
    default:
        row.key = release + span - cp_thread_burst_left(rq->sim, ent);
    }
    return row;
}

static void push(CpRq *rq, CpEnt ent)
{
    cp_heap_push(rq, rq->data, row_of(rq, ent));
}

static void edf_enqueue(CpRq *rq, CpEnt ent, CpEnqFlags flags)
{
    (void)flags; /* every way of becoming ready is the same */
    push(rq, ent);
}

static bool edf_dequeue(CpRq *rq, CpEnt ent, CpDeqFlags flags)
{
    (void)flags; /* gone is gone */
    cp_heap_remove(rq, rq->data, ent);
    return true;
}

static CpEnt edf_pick(CpRq *rq)
{
    const CpRow *row = cp_heap_first(rq, rq->data);
    return row == NULL ? CP_NONE : row->ent;
}

static void edf_set_next(CpRq *rq, CpEnt ent)
{
    Ent *e = cp_ent_data(rq, ent);
    cp_assert(e->node.queued); /* pick leaves it there */
    cp_heap_remove(rq, rq->data, ent);
    e->look = cp_now(rq->sim) + rq->policy->params->v[EDF_UNIT];
}

static bool edf_preempts(CpRq *rq, CpEnt woken, CpWakeFlags flags)
{
    (void)flags;                               /* new and woken threads are alike */
    cp_assert(!cp_node(rq, rq->curr)->queued); /* it runs */
    CpRow its = row_of(rq, woken), mine = row_of(rq, rq->curr);
    return cp_row_before(&its, &mine);
}

static CpTime edf_next_look(CpRq *rq, CpEnt curr)
{
    const Ent *e = cp_ent_data(rq, curr);
    cp_assert(!e->node.queued); /* its look is that of the running one */
    return rq->policy->params->v[EDF_RULE] == LLF ? e->look : CP_NEVER;
}

static bool edf_expired(CpRq *rq, CpEnt curr)
{
    Ent *e = cp_ent_data(rq, curr);
    const CpRow *first = cp_heap_first(rq, rq->data);
    CpRow mine = row_of(rq, curr);
    e->look = cp_now(rq->sim) + rq->policy->params->v[EDF_UNIT];
    return first != NULL && cp_row_before(first, &mine);
}

static CpEnt edf_next_queued(CpRq *rq, CpEnt after)
{
    return cp_heap_next(rq, rq->data, after);
}

static void edf_rq_clear(CpRq *rq)
{
    cp_heap_clear(rq->data);
}

static void edf_audit(CpRq *rq)
{
    const CpHeap *heap = rq->data;
    cp_heap_check(rq, heap);
    for (uint32_t i = 0; i < heap->n; i++) {
        const CpRow *row = &heap->row[i];
        CpRow now = row_of(rq, row->ent);
        cp_require(row->key <= now.key); /* no deadline comes nearer while waiting */
    }
}

static const CpPolicyVariant edf_variants[] = {
    {"rm", "rate monotonic: the shortest period first",
     (const char *const[]){"edf.rule", "rm", NULL}},
    {"llf", "least laxity first", (const char *const[]){"edf.rule", "llf", NULL}},
    {.name = NULL},
};

const CpPolicyClass cp_policy_edf = {
    .name = "edf",
    .summary = "earliest deadline first; preempts",
    .params = edf_params,
    .variants = edf_variants,
    .rq_size = sizeof(CpHeap),
    .ent_size = sizeof(Ent),
    .global = true,
    .conserving = true,
    .rq_clear = edf_rq_clear,
    .enqueue = edf_enqueue,
    .dequeue = edf_dequeue,
    .pick = edf_pick,
    .set_next = edf_set_next,
    .put_prev = push,
    .preempts = edf_preempts,
    .next_look = edf_next_look,
    .expired = edf_expired,
    .next_queued = edf_next_queued,
    .audit = edf_audit,
};
