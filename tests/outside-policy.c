/* A policy as somebody outside the project would write it: first come, first served, one
 * queue a CPU.  It is compiled against the installed headers by `make installcheck`. */
#include "sim/policy.h"

typedef struct {
    uint32_t *ring; /* entities in order of arrival */
    uint32_t cap, head, n;
} Queue;

static void enqueue(CpRq *rq, CpEnt ent, CpEnqFlags flags)
{
    Queue *q = rq->data;
    (void)flags; /* every way of arriving is equal here */
    cp_rq_reserve((void **)&q->ring, &q->cap, q->head + q->n + 1, sizeof *q->ring);
    q->ring[q->head + q->n++] = ent;
}

static bool dequeue(CpRq *rq, CpEnt ent, CpDeqFlags flags)
{
    Queue *q = rq->data;
    (void)flags; /* leaving is leaving */
    for (uint32_t i = q->head; i < q->head + q->n; i++) {
        if (q->ring[i] == ent) {
            for (uint32_t j = i; j + 1 < q->head + q->n; j++) {
                q->ring[j] = q->ring[j + 1];
            }
            q->n--;
            break;
        }
    }
    return true;
}

static CpEnt pick(CpRq *rq)
{
    const Queue *q = rq->data;
    return q->n > 0 ? q->ring[q->head] : CP_NONE;
}

extern const CpPolicyClass cp_policy_outside;
const CpPolicyClass cp_policy_outside = {
    .name = "outside",
    .summary = "first come, first served, from a file outside the tree",
    .rq_size = sizeof(Queue),
    .enqueue = enqueue,
    .dequeue = dequeue,
    .pick = pick,
};
