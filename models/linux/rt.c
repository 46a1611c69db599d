/* The real-time class of Linux: SCHED_FIFO and SCHED_RR, one first-in-first-out list per
 * priority; mirrors rt.c.
 *
 * A preempted thread keeps its place at the head of its list.  RR counts ticks: when the
 * slice is used up and others share the list, the thread goes to the tail. */
#include "models/linux/balance.h"
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
    return cp_cpu_tick_due(rq->sim, rq->cpu) +
           (CpTime)(e->ticks > 0 ? e->ticks - 1 : 0) * cp_tick_period(rq->sim);
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

/* --- more than one CPU: who has to wait goes where something less urgent runs --- */

/* Of what runs or waits on a CPU in this class, -1 if nothing does. */
static int highest_on(const CpRq *rq, CpCpu cpu)
{
    const CpRq *other = cp_rq_on(rq, cpu);
    const Rq *q = rq_of(other);
    int best = highest(q);
    int out = q->out == CP_NONE ? -1 : ent_of(other, q->out)->prio;
    return best > out ? best : out;
}

/* The allowed CPU with the least urgent work, if that is less urgent than the thread;
 * CP_NONE.  Normal threads and idleness are the same; mirrors cpupri_find by a full scan.
 */
static CpCpu find_lowest(const CpRq *rq, CpTid tid, CpCpu waker_cpu)
{
    CpSim *sim = rq->sim;
    CpCpuMask mask = {{0}};
    int lowest = ent_of(rq, tid)->prio;
    for (CpCpu cpu = 0; cpu < cp_sim_machine(sim)->n_cpus; cpu++) {
        int p = highest_on(rq, cpu);
        if (p > lowest || p == ent_of(rq, tid)->prio || !cp_thread_allowed(sim, tid, cpu) ||
            cp_cpu_rank(sim, cpu) < rq->policy->rank) {
            continue;
        }
        if (p < lowest) {
            lowest = p;
            mask = (CpCpuMask){{0}};
        }
        cp_cpumask_set(&mask, cpu);
    }
    return lowest == ent_of(rq, tid)->prio
               ? CP_NONE
               : cp_place_near(sim, &mask, cp_thread_cpu(sim, tid), waker_cpu);
}

static bool may_move(const CpRq *rq, CpTid tid)
{
    CpCpu n = cp_sim_machine(rq->sim)->n_cpus;
    CpCpu found = 0;
    if (cp_thread_anywhere(rq->sim, tid)) {
        return n > 1;
    }
    for (CpCpu cpu = 0; cpu < n && found < 2; cpu++) {
        found += cp_thread_allowed(rq->sim, tid, cpu);
    }
    return found > 1;
}

/* It stays where it was unless something as urgent runs there, or something that cannot
 * give way; mirrors rt.c:select_task_rq_rt. */
static CpCpu rt_select_cpu(CpPolicy *policy, CpTid tid, CpCpu waker_cpu, CpWakeFlags flags)
{
    CpSim *sim = policy->sim;
    CpCpu prev = cp_thread_cpu(sim, tid);
    const CpRq *rq = cp_policy_rq(policy, prev);
    CpEnt out = rq_of(rq)->out;
    (void)flags; /* new or woken is the same */
    bool fits = cp_thread_allowed(sim, tid, prev);
    if (fits && (out == CP_NONE ||
                 (ent_of(rq, out)->prio < ent_of(rq, tid)->prio && may_move(rq, out)))) {
        return prev;
    }
    CpCpu cpu = find_lowest(rq, tid, waker_cpu);
    if (cpu != CP_NONE || fits) {
        return cpu != CP_NONE ? cpu : prev;
    }
    return cp_place_default(policy, tid, waker_cpu, flags);
}

/* The most urgent thread that waits here and could be elsewhere, here or on `on` only. */
static CpEnt pushable(CpRq *rq, CpCpu on)
{
    CpEnt e = rt_next_queued(rq, CP_NONE);
    while (e != CP_NONE &&
           (on == CP_NONE ? !may_move(rq, e) : !cp_thread_allowed(rq->sim, e, on))) {
        e = rt_next_queued(rq, e);
    }
    return e;
}

/* Is it about to run where it waits, because it is more urgent than what runs? */
static bool runs_soon(const CpRq *rq, CpEnt ent)
{
    CpEnt out = rq_of(rq)->out;
    return (out == CP_NONE && cp_cpu_rank(rq->sim, rq->cpu) > rq->policy->rank) ||
           (out != CP_NONE && ent_of(rq, ent)->prio > ent_of(rq, out)->prio);
}

/* Mirrors rt.c:push_rt_tasks. */
static void rt_push(CpRq *rq)
{
    CpEnt e;
    while (highest(rq_of(rq)) >= 0 && (e = pushable(rq, CP_NONE)) != CP_NONE) {
        CpCpu to = runs_soon(rq, e) ? CP_NONE : find_lowest(rq, e, rq->cpu);
        if (to == CP_NONE) {
            return;
        }
        cp_pull(rq->sim, e, to);
    }
}

/* Mirrors rt.c:pull_rt_task. */
static void rt_pull(CpRq *rq)
{
    CpCpu n = cp_sim_machine(rq->sim)->n_cpus;
    for (CpCpu cpu = 0; cpu < n && data_of(rq)->waiting > 0; cpu++) {
        CpRq *other = (CpRq *)(uintptr_t)cp_rq_on(rq, cpu); /* only walked */
        int here = highest_on(rq, rq->cpu);
        if (cpu == rq->cpu || highest(rq_of(other)) <= here) {
            continue;
        }
        CpEnt e = pushable(other, rq->cpu);
        if (e != CP_NONE && ent_of(rq, e)->prio > here && !runs_soon(other, e)) {
            cp_pull(rq->sim, e, rq->cpu);
        }
    }
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
    .pull = rt_pull,
    .push = rt_push,
    .next_queued = rt_next_queued,
    .audit = rt_audit,
};
