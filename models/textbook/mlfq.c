/* Multi-level feedback queue (Arpaci-Dusseau, "Operating Systems: Three Easy Pieces").
 *
 *   1  A higher level runs before a lower one (0 is the top).
 *   2  Within a level: round robin with that level's quantum.
 *   3  A new thread enters at the top.
 *   4  Who has used up its allotment at a level, summed over all bursts and no matter how
 *      often it gave up the CPU, drops one level.
 *   5  Every boost period all threads go to the top, with fresh allotments.
 *
 * A newcomer of a higher level takes the CPU at once; the loser waits at the head of its
 * level and keeps the rest of its quantum.  A boost joins the lists in the order of levels;
 * who runs then goes on until its quantum, now that of the top level, is over. */
#include "sim/policy-queue.h"
#include "sim/error.h"

enum { MLFQ_QUANTA, MLFQ_ALLOTMENTS, MLFQ_BOOST, MLFQ_ARRIVAL };
enum { ARRIVE_TAIL, ARRIVE_HEAD };

static const CpParam mlfq_params[] = {
    {.name = "mlfq.quanta",
     .type = CP_PARAM_TIMES,
     .def = "10ms,20ms,40ms",
     .min = CP_US,
     .max = 1000 * CP_S,
     .help = "quantum of each level, top first; says how many levels there are"},
    {.name = "mlfq.allotments",
     .type = CP_PARAM_TIMES,
     .def = "quanta",
     .min = CP_US,
     .max = 1000 * CP_S,
     .choices = "quanta",
     .help = "CPU time at each level before dropping; quanta: as those"},
    {.name = "mlfq.boost",
     .type = CP_PARAM_TIME,
     .def = "1s",
     .min = 0,
     .max = 1000 * CP_S,
     .help = "all threads go to the top level that often; 0: never"},
    {.name = "mlfq.arrival",
     .type = CP_PARAM_ENUM,
     .def = "tail",
     .choices = "tail|head",
     .help = "where a thread that starts or has waited joins its level"},
    {.name = NULL},
};

typedef struct {
    CpFifo level[CP_PARAM_LIST_MAX];
    int64_t boosts; /* done so far */
} Queue;

typedef struct {
    CpNode node;
    uint32_t level;
    int64_t boosts; /* the queue's count when level and used were true */
    CpTime used;    /* of the allotment at this level */
    CpTime ran;     /* of the quantum */
    CpTime charged; /* moment of the last charge; valid while running */
    bool to_tail;   /* the quantum is over */
} Ent;

static gboolean mlfq_init(CpPolicy *policy, GError **error)
{
    const CpParamSet *set = policy->params;
    if (set->v[MLFQ_ALLOTMENTS] >= 0 && set->v[MLFQ_ALLOTMENTS] != set->v[MLFQ_QUANTA]) {
        g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                    "mlfq.allotments has %d entries, expected one for each of the %d "
                    "levels of mlfq.quanta",
                    (int)set->v[MLFQ_ALLOTMENTS], (int)set->v[MLFQ_QUANTA]);
        return FALSE;
    }
    return TRUE;
}

static void mlfq_rq_init(CpRq *rq)
{
    Queue *q = rq->data;
    for (size_t i = 0; i < CP_PARAM_LIST_MAX; i++) {
        cp_fifo_init(&q->level[i]);
    }
}

static CpTime allotment(const CpRq *rq, uint32_t level)
{
    const CpParamSet *set = rq->policy->params;
    cp_assert(level < set->v[MLFQ_QUANTA]);
    return set->list[set->v[MLFQ_ALLOTMENTS] >= 0 ? MLFQ_ALLOTMENTS : MLFQ_QUANTA][level];
}

/* Rule 5, done when somebody looks.  Threads learn of it in `entity`. */
static Queue *queue(CpRq *rq)
{
    Queue *q = rq->data;
    CpTime period = rq->policy->params->v[MLFQ_BOOST];
    if (period > 0 && q->boosts != cp_now(rq->sim) / period) {
        cp_assert(cp_now(rq->sim) / period > q->boosts); /* time goes on */
        q->boosts = cp_now(rq->sim) / period;
        for (size_t i = 1; i < CP_PARAM_LIST_MAX; i++) {
            cp_fifo_join(rq, &q->level[0], &q->level[i]);
        }
    }
    return q;
}

/* The thread's data, after the boosts it may have slept, waited or run through. */
static Ent *entity(CpRq *rq, CpEnt ent)
{
    const Queue *q = queue(rq);
    Ent *e = cp_ent_data(rq, ent);
    cp_assert(e->boosts <= q->boosts);
    if (e->boosts != q->boosts) {
        e->boosts = q->boosts;
        e->level = 0;
        e->used = 0;
        e->ran = e->node.queued ? 0 : e->ran;
    }
    return e;
}

static void mlfq_enqueue(CpRq *rq, CpEnt ent, CpEnqFlags flags)
{
    Ent *e = entity(rq, ent);
    if (flags & CP_ENQ_FORK) { /* rule 3 */
        e->level = 0;
        e->used = 0;
    }
    e->ran = 0;
    e->to_tail = false;
    cp_assert(e->level < rq->policy->params->v[MLFQ_QUANTA]);
    bool arrives = flags & (CP_ENQ_FORK | CP_ENQ_WAKEUP);
    CpFifo *level = &queue(rq)->level[e->level];
    if (arrives && rq->policy->params->v[MLFQ_ARRIVAL] == ARRIVE_HEAD) {
        cp_fifo_prepend(rq, level, ent);
    } else {
        cp_fifo_append(rq, level, ent);
    }
}

static bool mlfq_dequeue(CpRq *rq, CpEnt ent, CpDeqFlags flags)
{
    (void)flags; /* gone is gone */
    const Ent *e = entity(rq, ent);
    cp_fifo_remove(rq, &queue(rq)->level[e->level], ent);
    return true;
}

static CpEnt mlfq_pick(CpRq *rq)
{
    const Queue *q = queue(rq);
    int64_t levels = rq->policy->params->v[MLFQ_QUANTA];
    CpEnt ent = CP_NONE;
    for (int64_t i = 0; i < levels && ent == CP_NONE; i++) { /* rule 1 */
        ent = cp_fifo_first(rq, &q->level[i]);
    }
    return ent;
}

static void mlfq_set_next(CpRq *rq, CpEnt ent)
{
    Ent *e = entity(rq, ent);
    cp_assert(e->node.queued); /* pick leaves it there */
    cp_fifo_remove(rq, &queue(rq)->level[e->level], ent);
    e->charged = cp_now(rq->sim);
}

static void mlfq_put_prev(CpRq *rq, CpEnt ent)
{
    Ent *e = entity(rq, ent);
    cp_assert(!e->node.queued); /* it ran until now */
    CpFifo *level = &queue(rq)->level[e->level];
    if (e->to_tail) { /* rule 2 */
        cp_fifo_append(rq, level, ent);
        e->ran = 0;
    } else {
        cp_fifo_prepend(rq, level, ent);
    }
    e->to_tail = false;
}

/* Rule 4: every burst is charged to the allotment, before a boost of this moment. */
static bool mlfq_account(CpRq *rq, CpEnt ent, CpTime delta)
{
    uint32_t lowest = (uint32_t)rq->policy->params->v[MLFQ_QUANTA] - 1;
    Ent *e = cp_ent_data(rq, ent);
    cp_assert(!e->node.queued && delta > 0);
    e->charged = cp_now(rq->sim);
    e->used += delta;
    e->ran += delta;
    e = entity(rq, ent);
    e->to_tail |= e->ran >= rq->policy->params->list[MLFQ_QUANTA][e->level];
    if (e->used >= allotment(rq, e->level)) {
        e->level += e->level < lowest;
        e->used = 0;
        e->to_tail = true;
    }
    cp_assert(e->used < allotment(rq, e->level)); /* rule 4 was kept */
    return e->to_tail;
}

/* What is left of the quantum or of the allotment, whichever ends first. */
static CpTime turn_left(const CpRq *rq, const Ent *e)
{
    return MIN(rq->policy->params->list[MLFQ_QUANTA][e->level] - e->ran,
               allotment(rq, e->level) - e->used);
}

static CpTime mlfq_next_look(CpRq *rq, CpEnt curr)
{
    CpTime boost = rq->policy->params->v[MLFQ_BOOST], now = cp_now(rq->sim);
    const Ent *e = entity(rq, curr);
    CpTime left = turn_left(rq, e), look = e->charged + left;
    cp_assert(e->charged <= now);
    look = look <= now ? now + left : look; /* interrupts took time without a charge */
    return boost > 0 ? MIN(look, (e->boosts + 1) * boost) : look;
}

static bool mlfq_expired(CpRq *rq, CpEnt curr)
{
    Ent *e = entity(rq, curr);
    e->to_tail |= turn_left(rq, e) <= 0;
    return e->to_tail;
}

static bool mlfq_preempts(CpRq *rq, CpEnt woken, CpWakeFlags flags)
{
    (void)flags; /* new and woken threads are alike */
    return entity(rq, woken)->level < entity(rq, rq->curr)->level;
}

static void mlfq_yield(CpRq *rq)
{
    entity(rq, rq->curr)->to_tail = true;
}

static CpEnt mlfq_next_queued(CpRq *rq, CpEnt after)
{
    const Queue *q = queue(rq);
    int64_t levels = rq->policy->params->v[MLFQ_QUANTA];
    int64_t level = after == CP_NONE ? 0 : entity(rq, after)->level;
    CpEnt ent = cp_fifo_next(rq, &q->level[level], after);
    while (ent == CP_NONE && ++level < levels) {
        ent = q->level[level].head;
    }
    return ent;
}

static void mlfq_audit(CpRq *rq)
{
    const Queue *q = rq->data;
    int64_t levels = rq->policy->params->v[MLFQ_QUANTA];
    for (uint32_t i = 0; i < CP_PARAM_LIST_MAX; i++) {
        cp_fifo_check(rq, &q->level[i]);
        cp_require(i < levels || q->level[i].head == CP_NONE);
        for (CpEnt ent = q->level[i].head; ent != CP_NONE; ent = cp_node(rq, ent)->next) {
            const Ent *e = cp_ent_data(rq, ent);
            bool told = e->boosts == q->boosts;
            cp_require(told ? e->level == i : i == 0); /* boosted, and does not know yet */
        }
    }
}

const CpPolicyClass cp_policy_mlfq = {
    .name = "mlfq",
    .summary = "multi-level feedback queue: interactive threads stay on top",
    .params = mlfq_params,
    .rq_size = sizeof(Queue),
    .ent_size = sizeof(Ent),
    .global = true,
    .conserving = true,
    .init = mlfq_init,
    .rq_init = mlfq_rq_init,
    .enqueue = mlfq_enqueue,
    .dequeue = mlfq_dequeue,
    .pick = mlfq_pick,
    .set_next = mlfq_set_next,
    .put_prev = mlfq_put_prev,
    .account = mlfq_account,
    .preempts = mlfq_preempts,
    .next_look = mlfq_next_look,
    .expired = mlfq_expired,
    .yield = mlfq_yield,
    .next_queued = mlfq_next_queued,
    .audit = mlfq_audit,
};
