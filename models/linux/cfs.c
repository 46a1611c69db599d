#include "models/linux/balance.h"

/* CFS, the fair class of Linux until 6.5: the thread with the least virtual runtime runs,
 * for its part of a period in which everybody is to run once.  Mirrors fair.c of 6.1.
 *
 * The running entity is outside the queue, and stays there until another one runs.  An
 * entity that leaves without sleeping takes its distance to min_v with it. */

enum {
    CFS_LATENCY,
    CFS_MIN_GRANULARITY,
    CFS_WAKEUP_GRANULARITY,
#define BALANCE(name, ...) BALANCE_##name,
#include "models/linux/features.def"
};

static const CpParam cfs_params[] = {
    {.name = "cfs.latency",
     .type = CP_PARAM_TIME,
     .def = "6ms",
     .min = 100 * CP_US,
     .max = CP_S,
     .help = "period of up to 8 threads; x (1 + log2 CPUs, 4 at most)"},
    {.name = "cfs.min_granularity",
     .type = CP_PARAM_TIME,
     .def = "750us",
     .min = 10 * CP_US,
     .max = CP_S,
     .help = "least part of a period; x (1 + log2 CPUs, 4 at most)"},
    {.name = "cfs.wakeup_granularity",
     .type = CP_PARAM_TIME,
     .def = "1ms",
     .max = CP_S,
     .help = "by so much a wakee must be behind to preempt; x (1 + log2 CPUs, 4 at most)"},
#define BALANCE(...) CP_FEATURE_PARAM("balance.", __VA_ARGS__)
#include "models/linux/features.def"
    {.name = NULL},
};

enum {
    FAIR_QUEUED = 1,
    FAIR_RELATIVE = 2, /* v is the distance to the min_v of the queue it left */
    FAIR_IDLE = 4,     /* SCHED_IDLE, or a group of such */
    FAIR_NORMAL = 8,   /* SCHED_NORMAL: may preempt */
    PERIOD_THREADS = 8,
    IDLE_LEAST = 750000, /* ns: least part of who is SCHED_IDLE beside others */
};

typedef struct {
    CpBalanceEnt bal; /* first, see load.h */
    int64_t v;        /* virtual runtime */
    uint32_t pos;     /* in the heap */
    uint32_t flags;
} Ent;

/* Least v first, then who came first. */
typedef struct {
    int64_t v;
    uint64_t low; /* order of insertion << 32 | entity */
} Row;

typedef struct {
    CpBalanceRq balance; /* first, see load.h */
    Row *row;            /* heap */
    uint32_t n, cap, seq;
    uint32_t n_idle;  /* entities here that are SCHED_IDLE */
    int64_t min_v;    /* never falls */
    CpEnt out;        /* the entity outside the heap, CP_NONE */
    CpTime ran;       /* of it, since it was picked */
    CpEnt next, last; /* who preempted, and whom: picked first if not too far ahead */
    CpEnt skip;       /* who yielded */
} Rq;

typedef struct {
    CpBalance balance; /* first, see load.h */
    CpTime latency, least, wakeup;
} Data;

static Rq *rq_of(const CpRq *rq)
{
    return rq->data;
}

static const Data *data_of(const CpRq *rq)
{
    return rq->policy->data;
}

static Ent *ent_of(const CpRq *rq, CpEnt ent)
{
    return (Ent *)(void *)cp_balance_ent(rq->policy, ent);
}

/* --- the heap --- */

static inline bool before(const Row *a, const Row *b)
{
    return a->v != b->v ? a->v < b->v : a->low < b->low;
}

static void put(CpRq *rq, uint32_t i, Row row)
{
    rq_of(rq)->row[i] = row;
    ent_of(rq, (CpEnt)row.low)->pos = i;
}

static void settle(CpRq *rq, uint32_t i, Row row)
{
    Rq *q = rq_of(rq);
    for (; i > 0 && before(&row, &q->row[(i - 1) / 2]); i = (i - 1) / 2) {
        put(rq, i, q->row[(i - 1) / 2]);
    }
    for (uint32_t child = 2 * i + 1; child < q->n; child = 2 * i + 1) {
        child += child + 1 < q->n && before(&q->row[child + 1], &q->row[child]);
        if (!before(&q->row[child], &row)) {
            break;
        }
        put(rq, i, q->row[child]);
        i = child;
    }
    put(rq, i, row);
}

static void push(CpRq *rq, CpEnt ent)
{
    Rq *q = rq_of(rq);
    Ent *e = ent_of(rq, ent);
    void *array = q->row;
    cp_assert(!(e->flags & FAIR_QUEUED));
    cp_rq_reserve(&array, &q->cap, q->n + 1, sizeof(Row));
    q->row = array;
    e->flags |= FAIR_QUEUED;
    q->n++;
    settle(rq, q->n - 1, (Row){e->v, (uint64_t)q->seq++ << 32 | ent});
}

static void remove_ent(CpRq *rq, CpEnt ent)
{
    Rq *q = rq_of(rq);
    Ent *e = ent_of(rq, ent);
    cp_assert(e->flags & FAIR_QUEUED);
    e->flags &= ~(uint32_t)FAIR_QUEUED;
    Row tail = q->row[--q->n];
    if ((CpEnt)tail.low != ent) {
        settle(rq, e->pos, tail);
    }
}

static CpEnt leftmost(const Rq *q)
{
    return q->n == 0 ? CP_NONE : (CpEnt)q->row[0].low;
}

static CpEnt second(const Rq *q)
{
    if (q->n < 2) {
        return CP_NONE;
    }
    bool right = q->n > 2 && before(&q->row[2], &q->row[1]);
    return (CpEnt)q->row[right ? 2 : 1].low;
}

/* --- time --- */

static void update_min(CpRq *rq)
{
    Rq *q = rq_of(rq);
    int64_t least = INT64_MAX;
    if (q->out != CP_NONE) {
        least = ent_of(rq, q->out)->v;
    }
    if (q->n > 0) {
        least = MIN(least, q->row[0].v);
    }
    q->min_v = least == INT64_MAX ? q->min_v : MAX(q->min_v, least);
}

/* An entity's part of the period, level by level; mirrors fair.c:sched_slice. */
static CpTime slice_of(CpRq *rq, CpEnt ent)
{
    const Data *d = data_of(rq);
    const Ent *e = ent_of(rq, ent);
    uint32_t nr = MAX(cp_cpu_nr(rq->sim, rq->cpu), 1);
    __int128 slice = nr > PERIOD_THREADS ? nr * d->least : d->latency;
    bool among_others = (e->flags & FAIR_IDLE) && rq_of(rq)->n_idle < rq->nr;
    CpTime least = among_others ? IDLE_LEAST : d->least;
    CpEnt at = ent;
    for (CpRq *q = rq; q != NULL;) {
        int64_t weight = ent_of(q, at)->bal.load.weight;
        bool here = (ent_of(q, at)->flags & FAIR_QUEUED) || rq_of(q)->out == at;
        slice = slice * weight / (rq_of(q)->balance.weight + (here ? 0 : weight));
        CpEnt up;
        q = cp_rq_parent(q, &up);
        at = q != NULL ? up : at;
    }
    return MAX((CpTime)slice, least);
}

/* Virtual time of the stretch [now - delta, now], as if each tick inside it had charged:
 * the last digits are rounded that often. */
static int64_t charge(const CpRq *rq, const Ent *e, CpTime delta)
{
    CpTime tick = cp_tick_period(rq->sim), to = cp_now(rq->sim), from = to - delta;
    CpTime next = cp_tick_after(rq->sim, from + 1);
    if (to <= next) {
        return cp_vdelta(&e->bal.load, delta);
    }
    int64_t n = (to - next) / tick, rest = (to - next) % tick;
    return cp_vdelta(&e->bal.load, next - from) + n * cp_vdelta(&e->bal.load, tick) +
           cp_vdelta(&e->bal.load, rest);
}

static bool cfs_account(CpRq *rq, CpEnt ent, CpTime delta)
{
    Rq *q = rq_of(rq);
    Ent *e = ent_of(rq, ent);
    cp_assert(q->out == ent && delta > 0);
    e->v += charge(rq, e, delta);
    q->ran += delta;
    update_min(rq);
    return false;
}

static void forget(Rq *q, CpEnt ent)
{
    q->next = q->next == ent ? CP_NONE : q->next;
    q->last = q->last == ent ? CP_NONE : q->last;
    q->skip = q->skip == ent ? CP_NONE : q->skip;
}

/* Mirrors fair.c:check_preempt_tick. */
static bool cfs_expired(CpRq *rq, CpEnt curr)
{
    Rq *q = rq_of(rq);
    if (q->n == 0) {
        return false;
    }
    CpTime slice = slice_of(rq, curr);
    if (q->ran > slice) {
        forget(q, curr);
        return true;
    }
    return q->ran >= data_of(rq)->least && ent_of(rq, curr)->v - q->row[0].v > slice;
}

static CpTime cfs_next_look(CpRq *rq, CpEnt curr)
{
    Rq *q = rq_of(rq);
    const Ent *e = ent_of(rq, curr);
    if (q->n == 0) {
        return CP_NEVER;
    }
    CpTime slice = slice_of(rq, curr), least = data_of(rq)->least;
    int64_t ahead = q->row[0].v + slice - e->v;
    CpTime far =
        ahead <= 0
            ? 0
            : (CpTime)(((unsigned __int128)(uint64_t)ahead * e->bal.load.weight) >> 10);
    CpTime wait = MIN(slice - q->ran, MAX(least - q->ran, far));
    return cp_now(rq->sim) + MAX(wait, 0);
}

/* --- coming and going --- */

/* Mirrors fair.c:place_entity. */
static void place(CpRq *rq, Ent *e, CpEnt ent, CpEnqFlags flags)
{
    Rq *q = rq_of(rq);
    const Data *d = data_of(rq);
    if ((flags & CP_ENQ_WAKEUP) && (flags & CP_ENQ_MIGRATED) && !(ent & CP_ENT_GROUP)) {
        const CpRq *from = cp_thread_queue(rq->policy, ent, e->bal.cpu);
        cp_settle(rq->sim, e->bal.cpu); /* its min_v is that of its last tick */
        e->v += q->min_v - rq_of(from)->min_v;
    }
    if (e->flags & FAIR_RELATIVE) {
        e->flags &= ~(uint32_t)FAIR_RELATIVE;
        e->v += q->min_v;
    }
    if (flags & CP_ENQ_FORK) {
        e->v = q->min_v + cp_vdelta(&e->bal.load, slice_of(rq, ent));
    } else if (flags & CP_ENQ_WAKEUP) {
        CpTime credit = ((e->flags & FAIR_IDLE) ? d->least : d->latency) / 2;
        e->v = MAX(e->v, q->min_v - credit);
    }
}

static void cfs_enqueue(CpRq *rq, CpEnt ent, CpEnqFlags flags)
{
    Rq *q = rq_of(rq);
    Ent *e = ent_of(rq, ent);
    cp_assert(q->out != ent);
    place(rq, e, ent, flags);
    cp_load_weigh(rq, e->bal.load.weight);
    q->n_idle += (e->flags & FAIR_IDLE) != 0;
    push(rq, ent);
    cp_load_wake(rq, ent, flags & CP_ENQ_FORK);
    update_min(rq);
}

static bool cfs_dequeue(CpRq *rq, CpEnt ent, CpDeqFlags flags)
{
    Rq *q = rq_of(rq);
    Ent *e = ent_of(rq, ent);
    cp_load_leave(rq, ent, flags & CP_DEQ_EXIT);
    forget(q, ent);
    if (q->out == ent) {
        q->out = CP_NONE;
    } else {
        remove_ent(rq, ent);
    }
    cp_load_weigh(rq, -(int64_t)e->bal.load.weight);
    q->n_idle -= (e->flags & FAIR_IDLE) != 0;
    if (!(flags & CP_DEQ_SLEEP)) {
        e->v -= q->min_v;
        e->flags |= FAIR_RELATIVE;
    }
    update_min(rq);
    return true;
}

/* --- choosing --- */

/* 1: se is so far behind curr that it may preempt; 0: behind; -1: not behind.  Mirrors
 * fair.c:wakeup_preempt_entity. */
static int behind(const CpRq *rq, const Ent *curr, const Ent *se)
{
    int64_t gap = curr->v - se->v;
    if (gap <= 0) {
        return -1;
    }
    return gap > cp_vdelta(&se->bal.load, data_of(rq)->wakeup) ? 1 : 0;
}

/* Mirrors fair.c:pick_next_entity. */
static CpEnt cfs_pick(CpRq *rq)
{
    Rq *q = rq_of(rq);
    if (q->out != CP_NONE && rq->curr != q->out) {
        CpEnt ent = q->out; /* a higher class had the CPU in between */
        q->out = CP_NONE;
        push(rq, ent);
    }
    CpEnt left = leftmost(q), curr = q->out;
    if (curr != CP_NONE && (left == CP_NONE || ent_of(rq, curr)->v < q->row[0].v)) {
        left = curr;
    }
    if (left == CP_NONE) {
        return CP_NONE;
    }
    CpEnt best = left;
    const Ent *l = ent_of(rq, left);
    if (q->skip == left) {
        CpEnt other = left == curr ? leftmost(q) : second(q);
        if (left != curr && curr != CP_NONE &&
            (other == CP_NONE || ent_of(rq, curr)->v < ent_of(rq, other)->v)) {
            other = curr;
        }
        best = other != CP_NONE && behind(rq, ent_of(rq, other), l) < 1 ? other : best;
    }
    if (q->next != CP_NONE && behind(rq, ent_of(rq, q->next), l) < 1) {
        return q->next;
    }
    if (q->last != CP_NONE && behind(rq, ent_of(rq, q->last), l) < 1) {
        return q->last;
    }
    return best;
}

static void cfs_set_next(CpRq *rq, CpEnt ent)
{
    Rq *q = rq_of(rq);
    cp_load_run(rq, ent);
    if (q->out == ent) {
        return;
    }
    forget(q, ent);
    remove_ent(rq, ent);
    if (q->out != CP_NONE) {
        CpEnt prev = q->out;
        q->out = CP_NONE;
        push(rq, prev);
    }
    q->out = ent;
    q->ran = 0;
}

/* Mirrors fair.c:check_preempt_wakeup. */
static bool cfs_preempts(CpRq *rq, CpEnt woken, CpWakeFlags flags)
{
    Rq *q = rq_of(rq);
    const Ent *w = ent_of(rq, woken), *c = ent_of(rq, rq->curr);
    (void)flags; /* a new thread is like any other */
    if ((w->flags ^ c->flags) & FAIR_IDLE) {
        return c->flags & FAIR_IDLE;
    }
    if (!(woken & CP_ENT_GROUP) && !(w->flags & FAIR_NORMAL)) {
        return false;
    }
    if (behind(rq, c, w) != 1) {
        return false;
    }
    q->next = woken;
    q->last = rq->nr >= PERIOD_THREADS && !(rq->curr & CP_ENT_GROUP) ? rq->curr : q->last;
    return true;
}

static void cfs_yield(CpRq *rq)
{
    Rq *q = rq_of(rq);
    forget(q, rq->curr);
    q->skip = rq->curr;
}

/* --- attributes --- */

static void cfs_attr(CpPolicy *policy, CpEnt ent, const CpSchedAttr *attr)
{
    Ent *e = (Ent *)(void *)cp_balance_ent(policy, ent);
    cp_assert(!(e->flags & FAIR_QUEUED));
    e->bal.load = cp_thread_weight(attr);
    e->flags &= ~(uint32_t)(FAIR_IDLE | FAIR_NORMAL);
    e->flags |= attr->policy == CP_SCHED_IDLE    ? FAIR_IDLE
                : attr->policy == CP_SCHED_BATCH ? 0
                                                 : FAIR_NORMAL;
}

static void cfs_group_weight(CpPolicy *policy, CpRq *rq, CpEnt ent, uint32_t weight,
                             bool idle)
{
    Ent *e = (Ent *)(void *)cp_balance_ent(policy, ent);
    bool here = rq != NULL && ((e->flags & FAIR_QUEUED) || rq_of(rq)->out == ent);
    weight = idle ? CP_WEIGHT_IDLE : weight;
    if (here) {
        cp_load_weigh(rq, (int64_t)weight - e->bal.load.weight);
        rq_of(rq)->n_idle += (uint32_t)idle - ((e->flags & FAIR_IDLE) != 0);
    }
    e->flags = (e->flags & ~(uint32_t)FAIR_IDLE) | (idle ? FAIR_IDLE : 0);
    e->bal.load = cp_group_weight(weight);
}

/* --- the rest --- */

static bool has_claim(const CpRq *rq, CpEnt ent)
{
    (void)rq, (void)ent; /* there is no such thing */
    return true;
}

static gboolean cfs_init(CpPolicy *policy, GError **error)
{
    const int64_t *v = policy->params->v;
    CpTime factor = cp_scaling(cp_cpus_online(policy->sim));
    (void)error; /* every value within the bounds will do */
    *(Data *)policy->data = (Data){
        .balance.several = cp_sim_machine(policy->sim)->n_cpus > 1,
        .balance.eligible = has_claim,
        .latency = v[CFS_LATENCY] * factor,
        .least = v[CFS_MIN_GRANULARITY] * factor,
        .wakeup = v[CFS_WAKEUP_GRANULARITY] * factor,
#define BALANCE(name, ...) .balance.has.name = (uint32_t)v[BALANCE_##name],
#include "models/linux/features.def"
    };
    return TRUE;
}

static void cfs_rq_init(CpRq *rq)
{
    Rq *q = rq_of(rq);
    q->out = q->next = q->last = q->skip = CP_NONE;
    cp_load_init(rq);
}

static void cfs_rq_clear(CpRq *rq)
{
    g_free(rq_of(rq)->row);
    cp_load_clear(rq);
}

static CpEnt cfs_next_queued(CpRq *rq, CpEnt after)
{
    const Rq *q = rq_of(rq);
    bool waits = q->out != CP_NONE && q->out != rq->curr; /* for another class or group */
    if (after == CP_NONE && waits) {
        return q->out;
    }
    uint32_t i = after == CP_NONE || after == q->out ? 0 : ent_of(rq, after)->pos + 1;
    return i < q->n ? (CpEnt)q->row[i].low : CP_NONE;
}

static void cfs_audit(CpRq *rq)
{
    const Rq *q = rq_of(rq);
    int64_t weight = q->out == CP_NONE ? 0 : ent_of(rq, q->out)->bal.load.weight;
    for (uint32_t i = 0; i < q->n; i++) {
        const Ent *e = ent_of(rq, (CpEnt)q->row[i].low);
        cp_require(e->pos == i && (e->flags & FAIR_QUEUED) && q->row[i].v == e->v);
        cp_require(i == 0 || !before(&q->row[i], &q->row[(i - 1) / 2]));
        weight += e->bal.load.weight;
    }
    cp_require(weight == q->balance.weight);
    cp_require(rq->nr == q->n + (q->out != CP_NONE));
}

const CpPolicyClass cp_policy_cfs = {
    .name = "cfs",
    .summary = "least virtual runtime first: the fair class of Linux until 6.5",
    .params = cfs_params,
    .sim_size = sizeof(Data),
    .rq_size = sizeof(Rq),
    .ent_size = sizeof(Ent),
    .ticked = true,
    .init = cfs_init,
    .rq_init = cfs_rq_init,
    .rq_clear = cfs_rq_clear,
    .attr = cfs_attr,
    .group_weight = cfs_group_weight,
    .select_cpu = cp_balance_select_cpu,
    .enqueue = cfs_enqueue,
    .dequeue = cfs_dequeue,
    .pick = cfs_pick,
    .set_next = cfs_set_next,
    .off = cp_load_stop,
    .account = cfs_account,
    .preempts = cfs_preempts,
    .next_look = cfs_next_look,
    .expired = cfs_expired,
    .yield = cfs_yield,
    .newidle = cp_balance_newidle,
    .balance = cp_balance_tick,
    .next_queued = cfs_next_queued,
    .audit = cfs_audit,
};
