/* The real-time class of Linux: SCHED_FIFO and SCHED_RR, one first-in-first-out list per
 * priority; mirrors rt.c.
 *
 * A preempted thread keeps its place at the head of its list.  RR counts ticks: when the
 * slice is used up and others share the list, the thread goes to the tail. */
#include "sim/policy-queue.h"
#include "sim/error.h"

enum { RT_RR_SLICE, RT_SERVER_RUNTIME, RT_SERVER_PERIOD };

static const CpParam rt_params[] = {
    {.name = "rt.rr_slice",
     .type = CP_PARAM_TIME,
     .def = "100ms",
     .min = CP_MS,
     .max = 10 * CP_S,
     .help = "SCHED_RR slice, in whole ticks"},
    {.name = "rt.server_runtime",
     .type = CP_PARAM_TIME,
     .def = "50ms",
     .max = CP_S,
     .help = "what normal threads get of each period although real-time ones never stop "
             "(fair server; 0: nothing)"},
    {.name = "rt.server_period",
     .type = CP_PARAM_TIME,
     .def = "1s",
     .min = CP_MS,
     .max = 10 * CP_S,
     .help = "period of the fair server"},
    {.name = NULL},
};

enum { PRIO_MAX = 99 };

typedef struct {
    CpNode node;
    int32_t prio; /* 1..PRIO_MAX, higher first */
    bool rr;
    uint32_t ticks; /* of the slice left */
} Ent;

typedef struct {
    uint64_t used[2]; /* bit p: list p is not empty */
    CpFifo list[PRIO_MAX + 1];
    CpEnt out;    /* running entity, not in a list */
    bool expired; /* it goes to the tail */
} Rq;

typedef struct {
    uint32_t waiting; /* threads in lists, on all CPUs */
} Data;

static Data *data_of(const CpRq *rq)
{
    return rq->policy->data;
}

static Rq *rq_of(const CpRq *rq)
{
    return rq->data;
}

static Ent *ent_of(const CpRq *rq, CpEnt ent)
{
    return cp_ent_data(rq, ent);
}

static uint32_t slice_ticks(const CpRq *rq)
{
    CpTime tick = cp_tick_period(rq->sim);
    CpTime n = rq->policy->params->v[RT_RR_SLICE] / tick;
    return n < 1 ? 1 : (uint32_t)n;
}

static void put(CpRq *rq, CpEnt ent, bool head)
{
    Rq *q = rq_of(rq);
    int prio = ent_of(rq, ent)->prio;
    cp_assert(prio >= 1 && prio <= PRIO_MAX); /* a place in list and used */
    data_of(rq)->waiting++;
    if (head) {
        cp_fifo_prepend(rq, &q->list[prio], ent);
    } else {
        cp_fifo_append(rq, &q->list[prio], ent);
    }
    q->used[prio / 64] |= (uint64_t)1 << (prio % 64);
}

static void take(CpRq *rq, CpEnt ent)
{
    Rq *q = rq_of(rq);
    int prio = ent_of(rq, ent)->prio;
    cp_assert(cp_node(rq, ent)->queued && data_of(rq)->waiting > 0);
    data_of(rq)->waiting--;
    cp_fifo_remove(rq, &q->list[prio], ent);
    if (q->list[prio].head == CP_NONE) {
        q->used[prio / 64] &= ~((uint64_t)1 << (prio % 64));
    }
}

static int highest(const Rq *q)
{
    if (q->used[1] != 0) {
        return 127 - __builtin_clzll(q->used[1]);
    }
    return q->used[0] != 0 ? 63 - __builtin_clzll(q->used[0]) : -1;
}

static gboolean rt_init(CpPolicy *policy, GError **error)
{
    const int64_t *v = policy->params->v;
    if (v[RT_SERVER_RUNTIME] > v[RT_SERVER_PERIOD]) {
        g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                    "rt.server_runtime is longer than rt.server_period");
        return FALSE;
    }
    policy->server_runtime = v[RT_SERVER_RUNTIME];
    policy->server_period = v[RT_SERVER_PERIOD];
    return TRUE;
}

static void rt_rq_init(CpRq *rq)
{
    Rq *q = rq_of(rq);
    for (size_t i = 0; i < G_N_ELEMENTS(q->list); i++) {
        cp_fifo_init(&q->list[i]);
    }
    q->out = CP_NONE;
}

static void rt_attr(CpPolicy *policy, CpEnt ent, const CpSchedAttr *attr)
{
    Ent *e = (Ent *)(void *)(policy->ents + (size_t)ent * policy->ent_size);
    cp_assert(!e->node.queued); /* the list is that of its priority */
    e->prio = CLAMP(attr->rt_prio, 1, PRIO_MAX);
    e->rr = attr->policy == CP_SCHED_RR;
    e->ticks = 0;
}

static void rt_enqueue(CpRq *rq, CpEnt ent, CpEnqFlags flags)
{
    Ent *e = ent_of(rq, ent);
    (void)flags;                      /* waking, new or moved: to the tail */
    cp_assert(rq_of(rq)->out != ent); /* else it would be here twice */
    if (e->ticks == 0) {
        e->ticks = slice_ticks(rq);
    }
    put(rq, ent, false);
}

static bool rt_dequeue(CpRq *rq, CpEnt ent, CpDeqFlags flags)
{
    Rq *q = rq_of(rq);
    (void)flags; /* gone is gone */
    if (q->out == ent) {
        q->out = CP_NONE;
    } else {
        take(rq, ent);
    }
    return true;
}

static CpEnt rt_pick(CpRq *rq)
{
    const Rq *q = rq_of(rq);
    int prio = highest(q);
    return prio < 0 ? CP_NONE : q->list[prio].head;
}

static void rt_set_next(CpRq *rq, CpEnt ent)
{
    Rq *q = rq_of(rq);
    cp_assert(q->out == CP_NONE); /* put back or gone */
    cp_assert(ent_of(rq, ent)->prio == highest(q));
    take(rq, ent);
    q->out = ent;
    q->expired = false;
}

static void rt_put_prev(CpRq *rq, CpEnt ent)
{
    Rq *q = rq_of(rq);
    if (q->out == ent) {
        q->out = CP_NONE;
        put(rq, ent, !q->expired);
        q->expired = false;
    }
}

static bool rt_preempts(CpRq *rq, CpEnt woken, CpWakeFlags flags)
{
    (void)flags; /* priority alone decides */
    return ent_of(rq, woken)->prio > ent_of(rq, rq->curr)->prio;
}

static bool shares_list(const CpRq *rq, const Ent *e)
{
    return rq_of(rq)->list[e->prio].head != CP_NONE;
}

static CpTime rt_next_look(CpRq *rq, CpEnt curr)
{
    const Ent *e = ent_of(rq, curr);
    cp_assert(rq_of(rq)->out == curr);
    if (!e->rr || !shares_list(rq, e)) {
        return CP_NEVER;
    }
    CpTime first = cp_tick_after(rq->sim, cp_now(rq->sim) + 1);
    return first + (CpTime)(e->ticks > 0 ? e->ticks - 1 : 0) * cp_tick_period(rq->sim);
}

/* The slice is refilled each time it runs out, shared or not; mirrors rt.c:task_tick_rt. */
static void rt_ticked_over(CpRq *rq, CpEnt curr, uint64_t n)
{
    Ent *e = ent_of(rq, curr);
    uint32_t full = slice_ticks(rq);
    if (!e->rr) {
        return;
    }
    cp_assert(e->ticks > 0 && e->ticks <= full); /* refilled the tick it runs out */
    if (n < e->ticks) {
        e->ticks -= (uint32_t)n;
        return;
    }
    n = (n - e->ticks) % full;
    e->ticks = full - (uint32_t)n;
    rq_of(rq)->expired |= n == 0;
}

static bool rt_expired(CpRq *rq, CpEnt curr)
{
    Rq *q = rq_of(rq);
    const Ent *e = ent_of(rq, curr);
    q->expired = q->expired && e->rr && shares_list(rq, e);
    return q->expired;
}

static void rt_yield(CpRq *rq)
{
    rq_of(rq)->expired = true;
}

static CpEnt rt_next_queued(CpRq *rq, CpEnt after)
{
    Rq *q = rq_of(rq);
    int prio = PRIO_MAX;
    if (after != CP_NONE) {
        cp_assert(cp_node(rq, after)->queued); /* or its neighbours are none */
        CpEnt next = cp_node(rq, after)->next;
        if (next != CP_NONE) {
            return next;
        }
        prio = ent_of(rq, after)->prio - 1;
    }
    for (; prio > 0; prio--) {
        if (q->list[prio].head != CP_NONE) {
            return q->list[prio].head;
        }
    }
    return CP_NONE;
}

/* --- more than one CPU: a CPU whose best waiting thread could run elsewhere --- */

static int running_prio(const CpRq *rq, CpCpu cpu)
{
    const CpRq *other = cp_rq_on(rq, cpu);
    const Rq *q = rq_of(other);
    int best = highest(q);
    int out = q->out == CP_NONE ? -1 : ent_of(other, q->out)->prio;
    return best > out ? best : out;
}

/* The allowed CPU with the lowest real-time priority, the previous one and then the waker's
 * first; only if the previous one runs something as urgent.  Mirrors rt.c:select_task_rq_rt
 * and cpupri_find by a full scan. */
static CpCpu rt_select_cpu(CpPolicy *policy, CpTid tid, CpCpu waker_cpu, CpWakeFlags flags)
{
    CpSim *sim = policy->sim;
    const CpRq *rq = cp_policy_rq(policy, 0);
    CpCpu prev = cp_thread_cpu(sim, tid);
    int prio = ent_of(rq, tid)->prio;
    (void)flags; /* new or woken is the same */
    if (cp_thread_allowed(sim, tid, prev) && running_prio(rq, prev) < prio) {
        return prev;
    }
    CpCpu best = CP_NONE;
    int lowest = PRIO_MAX + 1;
    CpCpu n = cp_sim_machine(sim)->n_cpus;
    for (CpCpu i = 0; i < n; i++) {
        CpCpu cpu = (waker_cpu + i) % n;
        int p = running_prio(rq, cpu);
        if (cp_thread_allowed(sim, tid, cpu) && p < lowest) {
            lowest = p;
            best = cpu;
        }
    }
    cp_assert(best != CP_NONE); /* a mask is not empty */
    return best;
}

/* The highest waiting thread of another CPU comes over; mirrors rt.c:pull_rt_task. */
static bool rt_newidle(CpRq *rq)
{
    CpCpu n = cp_sim_machine(rq->sim)->n_cpus;
    CpTid best = CP_NONE;
    int prio = 0;
    if (data_of(rq)->waiting == 0) {
        return false; /* no real-time thread waits anywhere */
    }
    for (CpCpu i = 1; i < n; i++) {
        const CpRq *other = cp_rq_on(rq, (rq->cpu + i) % n);
        CpRq *walk = (CpRq *)(uintptr_t)other; /* next_queued only walks */
        for (CpEnt e = rt_next_queued(walk, CP_NONE); e != CP_NONE;
             e = rt_next_queued(walk, e)) {
            if (cp_thread_allowed(rq->sim, e, rq->cpu) && ent_of(rq, e)->prio > prio) {
                prio = ent_of(rq, e)->prio;
                best = e;
            }
        }
    }
    if (best == CP_NONE) {
        return false;
    }
    cp_assert(cp_thread_cpu(rq->sim, best) != rq->cpu);
    cp_pull(rq->sim, best, rq->cpu);
    return true;
}

static void rt_audit(CpRq *rq)
{
    const Rq *q = rq_of(rq);
    uint32_t n = 0;
    for (int prio = 0; prio <= PRIO_MAX; prio++) {
        bool used = q->used[prio / 64] >> (prio % 64) & 1;
        cp_require(used == (q->list[prio].head != CP_NONE));
        cp_fifo_check(rq, &q->list[prio]);
        for (CpEnt e = q->list[prio].head; e != CP_NONE; e = cp_node(rq, e)->next) {
            cp_require(ent_of(rq, e)->prio == prio);
            cp_require(e != q->out); /* waits or runs */
            n++;
        }
    }
    cp_require(n + (q->out != CP_NONE) == rq->nr);
    cp_require(n <= data_of(rq)->waiting);
}

const CpPolicyClass cp_policy_rt = {
    .name = "rt",
    .summary = "SCHED_FIFO and SCHED_RR: fixed priorities, first come first served",
    .params = rt_params,
    .serves = 1u << CP_SCHED_FIFO | 1u << CP_SCHED_RR,
    .sim_size = sizeof(Data),
    .rq_size = sizeof(Rq),
    .ent_size = sizeof(Ent),
    .ticked = true,
    .init = rt_init,
    .rq_init = rt_rq_init,
    .attr = rt_attr,
    .select_cpu = rt_select_cpu,
    .enqueue = rt_enqueue,
    .dequeue = rt_dequeue,
    .pick = rt_pick,
    .set_next = rt_set_next,
    .put_prev = rt_put_prev,
    .preempts = rt_preempts,
    .next_look = rt_next_look,
    .expired = rt_expired,
    .ticked_over = rt_ticked_over,
    .yield = rt_yield,
    .newidle = rt_newidle,
    .next_queued = rt_next_queued,
    .audit = rt_audit,
};
