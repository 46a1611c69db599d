/* Round robin: one queue in order of readiness, everybody runs for a quantum at most.
 *
 * The quantum begins at the dispatch.  Who has used it up goes to the tail.  Tie rule: of a
 * thread that becomes ready at the very moment another's quantum ends, the textbook
 * convention queues the newcomer first; `rr.arrival_first off` queues the expired one
 * first. */
#include "sim/policy-queue.h"

enum { RR_QUANTUM, RR_ARRIVAL_FIRST };

static const CpParam rr_params[] = {
    {.name = "rr.quantum",
     .type = CP_PARAM_TIME,
     .def = "10ms",
     .min = CP_US,
     .max = 1000 * CP_S,
     .help = "longest time on a CPU from dispatch while others wait"},
    {.name = "rr.arrival_first",
     .type = CP_PARAM_BOOL,
     .def = "on",
     .help =
         "a thread that becomes ready when a quantum ends is queued before the expired"},
    {.name = NULL},
};

typedef struct {
    CpNode node;
    CpTime end;    /* of the quantum; valid while running */
    CpTime queued; /* moment of going to the tail */
    bool was_over; /* went there because the quantum was over (or yielded) */
} Ent;

static void rr_rq_init(CpRq *rq)
{
    cp_fifo_init(rq->data);
}

/* To the tail, but before those of the other kind that went there at this very moment, if
 * the tie rule says so. */
static void to_tail(CpRq *rq, CpEnt ent, bool was_over)
{
    bool arrival_first = rq->policy->params->v[RR_ARRIVAL_FIRST] != 0;
    CpFifo *fifo = rq->data;
    CpTime now = cp_now(rq->sim);
    CpEnt next = CP_NONE;
    if (was_over != arrival_first) {
        for (CpEnt last = fifo->tail; last != CP_NONE; last = cp_node(rq, last)->prev) {
            const Ent *other = cp_ent_data(rq, last);
            if (other->queued != now || other->was_over == was_over) {
                break;
            }
            next = last;
        }
    }
    cp_assert(next == CP_NONE || cp_node(rq, next)->queued);
    Ent *e = cp_ent_data(rq, ent);
    e->queued = now;
    e->was_over = was_over;
    cp_fifo_insert(rq, fifo, ent, next);
}

static void rr_enqueue(CpRq *rq, CpEnt ent, CpEnqFlags flags)
{
    (void)flags; /* every way of becoming ready is the same */
    to_tail(rq, ent, false);
}

static bool rr_dequeue(CpRq *rq, CpEnt ent, CpDeqFlags flags)
{
    (void)flags; /* gone is gone */
    cp_fifo_remove(rq, rq->data, ent);
    return true;
}

static CpEnt rr_pick(CpRq *rq)
{
    return cp_fifo_first(rq, rq->data);
}

static void rr_set_next(CpRq *rq, CpEnt ent)
{
    Ent *e = cp_ent_data(rq, ent);
    cp_assert(e->node.queued); /* pick leaves it there */
    cp_fifo_remove(rq, rq->data, ent);
    e->end = cp_now(rq->sim) + rq->policy->params->v[RR_QUANTUM];
}

static void rr_put_prev(CpRq *rq, CpEnt ent)
{
    const Ent *e = cp_ent_data(rq, ent);
    cp_assert(!e->node.queued); /* it ran until now */
    if (cp_now(rq->sim) >= e->end) {
        to_tail(rq, ent, true);
    } else { /* a higher class took the CPU: the place at the head is kept */
        cp_fifo_prepend(rq, rq->data, ent);
    }
}

static CpTime rr_next_look(CpRq *rq, CpEnt curr)
{
    const Ent *e = cp_ent_data(rq, curr);
    cp_assert(!e->node.queued); /* the end is that of the running one */
    return e->end;
}

static bool rr_expired(CpRq *rq, CpEnt curr)
{
    return cp_now(rq->sim) >= rr_next_look(rq, curr);
}

static void rr_yield(CpRq *rq)
{
    Ent *e = cp_ent_data(rq, rq->curr);
    cp_assert(!e->node.queued); /* it runs */
    e->end = cp_now(rq->sim);
}

static CpEnt rr_next_queued(CpRq *rq, CpEnt after)
{
    return cp_fifo_next(rq, rq->data, after);
}

static CpTime rr_slice(const CpParamSet *params, uint32_t n_cpus)
{
    (void)n_cpus; /* the same for any machine */
    return params->v[RR_QUANTUM];
}

static void rr_audit(CpRq *rq)
{
    const CpFifo *fifo = rq->data;
    CpTime before = 0;
    cp_fifo_check(rq, fifo);
    for (CpEnt ent = fifo->head; ent != CP_NONE; ent = cp_node(rq, ent)->next) {
        const Ent *e = cp_ent_data(rq, ent);
        cp_require(e->queued >= before); /* who came earlier is nearer to the head */
        before = e->queued;
    }
}

const CpPolicyClass cp_policy_rr = {
    .name = "rr",
    .summary = "round robin: a quantum for everybody in turn",
    .params = rr_params,
    .slice = rr_slice,
    .rq_size = sizeof(CpFifo),
    .ent_size = sizeof(Ent),
    .global = true,
    .conserving = true,
    .rq_init = rr_rq_init,
    .enqueue = rr_enqueue,
    .dequeue = rr_dequeue,
    .pick = rr_pick,
    .set_next = rr_set_next,
    .put_prev = rr_put_prev,
    .next_look = rr_next_look,
    .expired = rr_expired,
    .yield = rr_yield,
    .next_queued = rr_next_queued,
    .audit = rr_audit,
};
