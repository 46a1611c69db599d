/* First come, first served: one queue in order of readiness, nobody is interrupted.
 *
 * A thread leaves the CPU only when it blocks, ends or yields; one that yields goes to the
 * tail.  Of two that become ready at the same moment the one woken first is first, which at
 * the start of a run is the lower thread number. */
#include "sim/policy-queue.h"

typedef struct {
    CpNode node;
    bool yielded;
} Ent;

static void fcfs_rq_init(CpRq *rq)
{
    cp_fifo_init(rq->data);
}

static void fcfs_enqueue(CpRq *rq, CpEnt ent, CpEnqFlags flags)
{
    (void)flags; /* every way of becoming ready is the same */
    cp_fifo_append(rq, rq->data, ent);
}

static bool fcfs_dequeue(CpRq *rq, CpEnt ent, CpDeqFlags flags)
{
    (void)flags; /* gone is gone */
    cp_fifo_remove(rq, rq->data, ent);
    return true;
}

static CpEnt fcfs_pick(CpRq *rq)
{
    return cp_fifo_first(rq, rq->data);
}

static void fcfs_set_next(CpRq *rq, CpEnt ent)
{
    cp_assert(cp_node(rq, ent)->queued); /* pick leaves it there */
    cp_fifo_remove(rq, rq->data, ent);
}

static void fcfs_put_prev(CpRq *rq, CpEnt ent)
{
    Ent *e = cp_ent_data(rq, ent);
    cp_assert(!e->node.queued); /* it ran until now */
    if (e->yielded) {
        cp_fifo_append(rq, rq->data, ent);
    } else { /* a higher class took the CPU: the place at the head is kept */
        cp_fifo_prepend(rq, rq->data, ent);
    }
    e->yielded = false;
}

static void fcfs_yield(CpRq *rq)
{
    Ent *e = cp_ent_data(rq, rq->curr);
    cp_assert(!e->node.queued); /* it runs */
    e->yielded = true;
}

static CpEnt fcfs_next_queued(CpRq *rq, CpEnt after)
{
    return cp_fifo_next(rq, rq->data, after);
}

static void fcfs_audit(CpRq *rq)
{
    const CpFifo *fifo = rq->data;
    cp_fifo_check(rq, fifo);
    for (CpEnt ent = fifo->head; ent != CP_NONE; ent = cp_node(rq, ent)->next) {
        const Ent *e = cp_ent_data(rq, ent);
        cp_require(!e->yielded); /* it paid for that with its place */
    }
}

const CpPolicyClass cp_policy_fcfs = {
    .name = "fcfs",
    .summary = "first come, first served; never interrupts",
    .rq_size = sizeof(CpFifo),
    .ent_size = sizeof(Ent),
    .global = true,
    .conserving = true,
    .rq_init = fcfs_rq_init,
    .enqueue = fcfs_enqueue,
    .dequeue = fcfs_dequeue,
    .pick = fcfs_pick,
    .set_next = fcfs_set_next,
    .put_prev = fcfs_put_prev,
    .yield = fcfs_yield,
    .next_queued = fcfs_next_queued,
    .audit = fcfs_audit,
};
