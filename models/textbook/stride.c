/* Stride scheduling (Waldspurger and Weihl, 1995): lottery's shares without the chance.
 *
 * A thread's stride is a large number divided by its tickets (100 if it asks for none). The
 * thread with the smallest pass runs for a quantum, and its pass grows by its stride, or by
 * the part of it that matches the part of the quantum it used.  Who joins starts at the
 * global pass, the pass of the thread that ran last, unless its own is already ahead:
 * sleeping saves nothing up and pays no debt off.  Equal passes: the lower number. */
#include "sim/policy-queue.h"

enum { STRIDE_QUANTUM };

/* A stride of one ticket; all small numbers divide it, so that usual strides are exact. */
static const int64_t stride_one = 720720000;

static const CpParam stride_params[] = {
    {.name = "stride.quantum",
     .type = CP_PARAM_TIME,
     .def = "10ms",
     .min = CP_US,
     .max = 1000 * CP_S,
     .help = "time on a CPU between two decisions"},
    {.name = NULL},
};

typedef struct {
    CpHeap heap;
    int64_t pass; /* global pass */
} Queue;

typedef struct {
    CpNode node;
    int64_t pass;
    CpTime used; /* since pass was brought up to date */
    CpTime end;  /* of the quantum; valid while running */
} Ent;

static void push(CpRq *rq, CpEnt ent)
{
    Queue *q = rq->data;
    const Ent *e = cp_ent_data(rq, ent);
    cp_heap_push(rq, &q->heap, (CpRow){e->pass, 0, ent});
}

/* Adds what the use since the last time costs. */
static void advance(CpRq *rq, CpEnt ent)
{
    Ent *e = cp_ent_data(rq, ent);
    uint32_t tickets = cp_thread_attr(rq->sim, ent)->tickets;
    cp_assert(!e->node.queued); /* pass is a key there */
    cp_assert(e->used >= 0);
    __int128 stride = stride_one / (tickets == 0 ? 100 : tickets);
    e->pass += (int64_t)(stride * e->used / rq->policy->params->v[STRIDE_QUANTUM]);
    e->used = 0;
}

static void stride_enqueue(CpRq *rq, CpEnt ent, CpEnqFlags flags)
{
    (void)flags; /* every way of becoming ready is the same */
    const Queue *q = rq->data;
    Ent *e = cp_ent_data(rq, ent);
    e->pass = MAX(e->pass, q->pass);
    push(rq, ent);
}

static bool stride_dequeue(CpRq *rq, CpEnt ent, CpDeqFlags flags)
{
    (void)flags; /* gone is gone */
    Queue *q = rq->data;
    cp_heap_remove(rq, &q->heap, ent);
    advance(rq, ent);
    return true;
}

static CpEnt stride_pick(CpRq *rq)
{
    const Queue *q = rq->data;
    const CpRow *row = cp_heap_first(rq, &q->heap);
    return row == NULL ? CP_NONE : row->ent;
}

static void stride_set_next(CpRq *rq, CpEnt ent)
{
    Queue *q = rq->data;
    Ent *e = cp_ent_data(rq, ent);
    cp_assert(e->node.queued); /* pick leaves it there */
    cp_assert(e->used == 0);   /* whoever waits has paid */
    cp_heap_remove(rq, &q->heap, ent);
    q->pass = MAX(q->pass, e->pass);
    e->end = cp_now(rq->sim) + rq->policy->params->v[STRIDE_QUANTUM];
}

static void stride_put_prev(CpRq *rq, CpEnt ent)
{
    advance(rq, ent);
    push(rq, ent);
}

static bool stride_account(CpRq *rq, CpEnt ent, CpTime delta)
{
    Ent *e = cp_ent_data(rq, ent);
    cp_assert(!e->node.queued && delta > 0);
    e->used += delta;
    return false;
}

static CpTime stride_next_look(CpRq *rq, CpEnt curr)
{
    const Ent *e = cp_ent_data(rq, curr);
    cp_assert(!e->node.queued); /* the end is that of the running one */
    return e->end;
}

static bool stride_expired(CpRq *rq, CpEnt curr)
{
    return cp_now(rq->sim) >= stride_next_look(rq, curr);
}

static CpEnt stride_next_queued(CpRq *rq, CpEnt after)
{
    const Queue *q = rq->data;
    return cp_heap_next(rq, &q->heap, after);
}

static void stride_rq_clear(CpRq *rq)
{
    Queue *q = rq->data;
    cp_heap_clear(&q->heap);
}

static void stride_audit(CpRq *rq)
{
    const Queue *q = rq->data;
    cp_heap_check(rq, &q->heap);
    for (uint32_t i = 0; i < q->heap.n; i++) {
        const Ent *e = cp_ent_data(rq, q->heap.row[i].ent);
        cp_require(q->heap.row[i].key == e->pass);
    }
}

const CpPolicyClass cp_policy_stride = {
    .name = "stride",
    .summary = "stride: shares by tickets, in a fixed order",
    .params = stride_params,
    .rq_size = sizeof(Queue),
    .ent_size = sizeof(Ent),
    .global = true,
    .conserving = true,
    .rq_clear = stride_rq_clear,
    .enqueue = stride_enqueue,
    .dequeue = stride_dequeue,
    .pick = stride_pick,
    .set_next = stride_set_next,
    .put_prev = stride_put_prev,
    .account = stride_account,
    .next_look = stride_next_look,
    .expired = stride_expired,
    .next_queued = stride_next_queued,
    .audit = stride_audit,
};
