/* The deadline class of Linux: SCHED_DEADLINE, earliest deadline first among threads that
 * each get at most their runtime in every period (a constant bandwidth server); mirrors
 * deadline.c.
 *
 * A thread that has used up its runtime is throttled: it is off the queue, though runnable,
 * until its next period begins.  The runtime is charged where the running thread is
 * updated, i.e. at ticks, so that it may run over by up to a tick, which it then owes; with
 * `deadline.hrtick` a timer ends it on time. */
#include "models/linux/balance.h"
#include "sim/error.h"
#include "sim/policy-queue.h"

#include <inttypes.h>

enum { DL_BANDWIDTH, DL_HRTICK };

static const CpParam dl_params[] = {
    {.name = "deadline.bandwidth",
     .type = CP_PARAM_SHARE,
     .def = "95%",
     .min = 10000,
     .max = 1000000,
     .help = "share of all CPUs that deadline threads may ask for "
             "(sched_rt_runtime_us of sched_rt_period_us)"},
    {.name = "deadline.hrtick",
     .type = CP_PARAM_BOOL,
     .def = "off",
     .help = "HRTICK_DL: a timer throttles on time, not the next tick (since 7.1)"},
    {.name = NULL},
};

typedef struct {
    CpNode node;
    bool fresh;     /* new parameters: its first period begins when it comes */
    bool throttled; /* until `again` */
    bool yielded;   /* gives up the rest of this period */
    CpTime full, relative, period; /* runtime, deadline and period asked for */
    CpTime left;                   /* of the runtime; below 0: owed */
    uint32_t rest;                 /* 1024ths of a ns it was charged besides */
    CpTime deadline;               /* of this period */
    CpTime again;                  /* when the next one begins */
} Ent;

typedef struct {
    CpHeap heap;  /* those that wait, by deadline */
    CpEnt out;    /* running entity, not in the heap */
    int64_t turn; /* equal deadlines: first come first served */
} Rq;

typedef struct {
    uint32_t waiting; /* threads in heaps, on all CPUs */
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

/* --- admission --- */

static int64_t asked(const CpSchedAttr *a)
{
    CpTime period = a->period > 0 ? a->period : a->deadline;
    return a->policy == CP_SCHED_DEADLINE && period > 0
               ? (int64_t)((__int128)a->runtime * 1000000 / period)
               : 0;
}

static bool covers_all(const CpSim *sim, const CpWorkload *w, uint32_t mask)
{
    const CpCpuMask *all = &cp_sim_machine(sim)->all;
    for (CpCpu c = cp_cpumask_next(all, 0); c != CP_NONE && mask != CP_NONE;
         c = cp_cpumask_next(all, c + 1)) {
        if (!cp_cpumask_has(&g_array_index(w->masks, CpCpuMask, mask), c)) {
            return false;
        }
    }
    return true;
}

/* What threads of the workload ask for at its beginning, in millionths of a CPU; mirrors
 * sched_dl_overflow, and the rule that the affinity covers all CPUs. */
static gboolean dl_init(CpPolicy *policy, GError **error)
{
    const CpWorkload *w = cp_run_workload(policy->sim);
    int64_t sum = 0, most = policy->params->v[DL_BANDWIDTH] * cp_cpus_online(policy->sim);
    for (guint i = 0; i < w->threads->len; i++) {
        const CpThreadDecl *d = cp_thread_decl(w, i);
        sum += asked(&d->attr) * (d->flags & CP_THREAD_SPAWNED ? 0 : d->copies);
        if (asked(&d->attr) > 0 && !covers_all(policy->sim, w, d->attr.cpus)) {
            g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                        "thread %s: a deadline thread may not be bound to CPUs; leave out "
                        "cpus=, as sched_setattr would refuse it",
                        cp_workload_text(w, d->name));
            return FALSE;
        }
    }
    if (sum > most) {
        g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                    "deadline threads ask for %" PRId64 ".%" PRId64
                    " %% of a CPU, and %" PRId64 ".%" PRId64
                    " %% are admitted; raise deadline.bandwidth or cores, or ask for less "
                    "runtime a period",
                    sum / 10000, sum / 1000 % 10, most / 10000, most / 1000 % 10);
        return FALSE;
    }
    return TRUE;
}

static void dl_attr(CpPolicy *policy, CpEnt ent, const CpSchedAttr *attr)
{
    Ent *e = (Ent *)(void *)(policy->ents + (size_t)ent * policy->ent_size);
    cp_assert(!e->node.queued); /* its key would be another */
    e->full = attr->runtime;
    e->period = attr->period > 0 ? attr->period : attr->deadline;
    e->relative = attr->deadline > 0 ? attr->deadline : e->period;
    e->fresh = true;
    e->throttled = e->yielded = false;
}

/* --- periods --- */

static void begin_period(Ent *e, CpTime now)
{
    e->deadline = now + e->relative;
    e->left = e->full;
    e->fresh = false;
}

/* Would what is left by the deadline be more than its share of the time until then?  In
 * units of 1024 ns; mirrors dl_entity_overflow. */
static bool overflows(const Ent *e, CpTime now)
{
    __int128 left = (__int128)(e->relative >> 10) * (e->left >> 10);
    __int128 right = (__int128)((e->deadline - now) >> 10) * (e->full >> 10);
    return left > right;
}

/* It wakes; mirrors update_dl_entity. */
static void wakes(Ent *e, CpTime now)
{
    if (e->fresh) {
        begin_period(e, now);
        return;
    }
    if (e->deadline >= now && !overflows(e, now)) {
        return;
    }
    if (e->relative < e->period && e->deadline >= now) {
        __int128 density = ((__int128)e->full << 20) / e->relative;
        e->left = (CpTime)(density * (e->deadline - now) >> 20);
        return;
    }
    begin_period(e, now);
}

/* Periods go by until something is left; mirrors replenish_dl_entity. */
static void replenish(Ent *e, CpTime now)
{
    if (e->left <= 0) {
        CpTime n = -e->left / e->full + 1;
        e->deadline += n * e->period;
        e->left += n * e->full;
    } else {
        e->deadline += e->period; /* it had yielded */
        e->left = e->full;
    }
    if (e->deadline < now) {
        begin_period(e, now);
    }
    e->throttled = e->yielded = false;
}

/* Nothing is left: until the next period it may not run.  False: that has begun already. */
static bool throttle(CpRq *rq, CpEnt ent)
{
    Ent *e = ent_of(rq, ent);
    CpTime now = cp_now(rq->sim);
    e->again = e->deadline - e->relative + e->period;
    if (e->again <= now) {
        replenish(e, now);
        return false;
    }
    e->throttled = true;
    cp_class_timer(rq, ent, e->again);
    return true;
}

/* --- the queue --- */

static void put(CpRq *rq, CpEnt ent)
{
    Rq *q = rq_of(rq);
    data_of(rq)->waiting++;
    cp_heap_push(rq, &q->heap, (CpRow){ent_of(rq, ent)->deadline, q->turn++, ent});
}

static void take(CpRq *rq, CpEnt ent)
{
    data_of(rq)->waiting -= cp_node(rq, ent)->queued;
    cp_heap_remove(rq, &rq_of(rq)->heap, ent);
}

static void dl_rq_init(CpRq *rq)
{
    rq_of(rq)->out = CP_NONE;
}

static void dl_rq_clear(CpRq *rq)
{
    cp_heap_clear(&rq_of(rq)->heap);
}

/* Woken between its deadline and its next period, a thread whose deadline is before that
 * has to wait for it; mirrors dl_check_constrained_dl. */
static bool too_late(const Ent *e, CpTime now)
{
    return e->relative < e->period && e->deadline < now &&
           now < e->deadline - e->relative + e->period;
}

static void dl_enqueue(CpRq *rq, CpEnt ent, CpEnqFlags flags)
{
    Ent *e = ent_of(rq, ent);
    CpTime now = cp_now(rq->sim);
    if (flags & CP_ENQ_WAKEUP && !e->throttled && !e->fresh && too_late(e, now)) {
        e->left = MIN(e->left, 0);
        throttle(rq, ent);
    }
    if (e->throttled && e->again > now) {
        return;
    }
    if (e->throttled) {
        replenish(e, e->again); /* it slept through it */
    }
    if (e->fresh || flags & (CP_ENQ_WAKEUP | CP_ENQ_FORK)) {
        wakes(e, now);
    }
    put(rq, ent);
}

static bool dl_dequeue(CpRq *rq, CpEnt ent, CpDeqFlags flags)
{
    (void)flags; /* gone is gone */
    if (rq_of(rq)->out == ent) {
        rq_of(rq)->out = CP_NONE;
    } else {
        take(rq, ent);
    }
    return true;
}

static bool dl_throttled(const CpRq *rq, CpEnt ent)
{
    return ent_of(rq, ent)->throttled;
}

static CpEnt dl_pick(CpRq *rq)
{
    const CpHeap *heap = &rq_of(rq)->heap;
    return heap->n == 0 ? CP_NONE : heap->row[0].ent;
}

static void dl_set_next(CpRq *rq, CpEnt ent)
{
    take(rq, ent);
    rq_of(rq)->out = ent;
}

static void dl_put_prev(CpRq *rq, CpEnt ent)
{
    if (rq_of(rq)->out == ent) {
        rq_of(rq)->out = CP_NONE;
        if (!ent_of(rq, ent)->throttled) {
            put(rq, ent);
        }
    }
}

static bool is_first(const CpRq *rq, const Ent *e)
{
    const CpHeap *heap = &rq_of(rq)->heap;
    return heap->n == 0 || e->deadline <= heap->row[0].key;
}

/* Mirrors update_curr_dl: slower CPUs use it up more slowly. */
static bool dl_account(CpRq *rq, CpEnt ent, CpTime delta)
{
    Ent *e = ent_of(rq, ent);
    uint32_t capacity = cp_sim_machine(rq->sim)->cpu[rq->cpu].capacity;
    CpTime parts = delta * capacity + e->rest;
    e->left -= parts / 1024;
    e->rest = (uint32_t)(parts % 1024);
    if (e->throttled || e->left > 0) {
        return e->throttled;
    }
    return throttle(rq, ent) || !is_first(rq, e);
}

static bool dl_preempts(CpRq *rq, CpEnt woken, CpWakeFlags flags)
{
    (void)flags; /* the deadline alone decides */
    return ent_of(rq, woken)->deadline < ent_of(rq, rq->curr)->deadline;
}

static CpTime runs_out(const CpRq *rq, const Ent *e)
{
    uint32_t capacity = cp_sim_machine(rq->sim)->cpu[rq->cpu].capacity;
    return cp_now(rq->sim) + (MAX(e->left, 0) * 1024 + capacity - 1) / capacity;
}

static CpTime dl_next_look(CpRq *rq, CpEnt curr)
{
    return runs_out(rq, ent_of(rq, curr));
}

static CpTime dl_timer(const CpRq *root)
{
    CpEnt out = rq_of(root)->out;
    return root->policy->params->v[DL_HRTICK] != 0 && out != CP_NONE
               ? runs_out(root, ent_of(root, out)) - cp_cpu_uncharged(root->sim, root->cpu)
               : CP_NEVER;
}

static bool dl_expired(CpRq *rq, CpEnt curr)
{
    return ent_of(rq, curr)->throttled;
}

/* The rest of this period is given up. */
static void dl_yield(CpRq *rq)
{
    Ent *e = ent_of(rq, rq->curr);
    e->left = MIN(e->left, 0);
    e->yielded = true;
    if (!e->throttled) {
        throttle(rq, rq->curr);
    }
}

/* The next period of a throttled thread begins. */
static bool dl_fired(CpRq *rq, CpEnt ent)
{
    Ent *e = ent_of(rq, ent);
    CpTime now = cp_now(rq->sim);
    if (!e->throttled || e->again != now) {
        return false;
    }
    replenish(e, now);
    if (rq_of(rq)->out == ent) {
        return false; /* it had not left its CPU yet */
    }
    put(rq, ent);
    return true;
}

static CpEnt dl_next_queued(CpRq *rq, CpEnt after)
{
    return cp_heap_next(rq, &rq_of(rq)->heap, after);
}

/* --- more than one CPU --- */

/* The earliest deadline of a CPU, CP_NEVER: no such thread. */
static CpTime earliest_on(const CpRq *rq, CpCpu cpu)
{
    const CpRq *other = cp_rq_on(rq, cpu);
    const Rq *q = rq_of(other);
    CpTime first = q->heap.n > 0 ? q->heap.row[0].key : CP_NEVER;
    return q->out == CP_NONE ? first : MIN(first, ent_of(other, q->out)->deadline);
}

/* A CPU without deadline threads, else the one whose earliest deadline is the latest, if it
 * is later than this thread's; mirrors find_later_rq and cpudl_find by a full scan. */
static CpCpu find_later(const CpRq *rq, CpTid tid, CpTime deadline, CpCpu waker_cpu)
{
    CpSim *sim = rq->sim;
    CpCpuMask free = {{0}};
    CpCpu latest = CP_NONE;
    CpTime most = deadline;
    bool any = false;
    for (CpCpu cpu = 0; cpu < cp_sim_machine(sim)->n_cpus; cpu++) {
        CpTime d = earliest_on(rq, cpu);
        if (!cp_thread_allowed(sim, tid, cpu)) {
            continue;
        }
        if (d == CP_NEVER) {
            cp_cpumask_set(&free, cpu);
            any = true;
        } else if (d > most) {
            most = d;
            latest = cpu;
        }
    }
    return any ? cp_place_near(sim, &free, cp_thread_cpu(sim, tid), waker_cpu) : latest;
}

/* Mirrors select_task_rq_dl. */
static CpCpu dl_select_cpu(CpPolicy *policy, CpTid tid, CpCpu waker_cpu, CpWakeFlags flags)
{
    CpSim *sim = policy->sim;
    CpCpu prev = cp_thread_cpu(sim, tid);
    const CpRq *rq = cp_policy_rq(policy, prev);
    CpEnt out = rq_of(rq)->out;
    const Ent *e = ent_of(rq, tid);
    CpTime now = cp_now(sim);
    /* As it will be when it comes. */
    CpTime deadline = e->fresh || e->deadline < now ? now + e->relative : e->deadline;
    if (!cp_thread_allowed(sim, tid, prev)) {
        return cp_place_default(policy, tid, waker_cpu, flags);
    }
    if (out == CP_NONE || deadline < ent_of(rq, out)->deadline) {
        return prev;
    }
    CpCpu cpu = find_later(rq, tid, deadline, waker_cpu);
    return cpu != CP_NONE ? cpu : prev;
}

/* The earliest of those that wait here, on `on` only; CP_NONE. */
static CpEnt pushable(const CpRq *rq, CpCpu on)
{
    const CpHeap *heap = &rq_of(rq)->heap;
    const CpRow *best = NULL;
    for (uint32_t i = 0; i < heap->n; i++) {
        const CpRow *row = &heap->row[i];
        if ((best == NULL || cp_row_before(row, best)) &&
            (on == CP_NONE || cp_thread_allowed(rq->sim, row->ent, on))) {
            best = row;
        }
    }
    return best == NULL ? CP_NONE : best->ent;
}

static bool runs_soon(const CpRq *rq, CpEnt ent)
{
    CpEnt out = rq_of(rq)->out;
    return out == CP_NONE || ent_of(rq, ent)->deadline < ent_of(rq, out)->deadline;
}

/* Mirrors push_dl_tasks. */
static void dl_push(CpRq *rq)
{
    CpEnt e;
    while (rq_of(rq)->heap.n > 0 && (e = pushable(rq, CP_NONE)) != CP_NONE) {
        CpCpu to = runs_soon(rq, e) ? CP_NONE
                                    : find_later(rq, e, ent_of(rq, e)->deadline, rq->cpu);
        if (to == CP_NONE || to == rq->cpu) {
            return;
        }
        cp_pull(rq->sim, e, to);
    }
}

/* Mirrors pull_dl_task. */
static void dl_pull(CpRq *rq)
{
    CpCpu n = cp_sim_machine(rq->sim)->n_cpus;
    for (CpCpu cpu = 0; cpu < n && data_of(rq)->waiting > 0; cpu++) {
        const CpRq *other = cp_rq_on(rq, cpu);
        CpTime here = earliest_on(rq, rq->cpu);
        if (cpu == rq->cpu || rq_of(other)->heap.n == 0) {
            continue;
        }
        CpEnt e = pushable(other, rq->cpu);
        if (e != CP_NONE && ent_of(rq, e)->deadline < here && !runs_soon(other, e)) {
            cp_pull(rq->sim, e, rq->cpu);
        }
    }
}

static void dl_audit(CpRq *rq)
{
    const Rq *q = rq_of(rq);
    cp_heap_check(rq, &q->heap);
    for (uint32_t i = 0; i < q->heap.n; i++) {
        const Ent *e = ent_of(rq, q->heap.row[i].ent);
        cp_require(!e->throttled && q->heap.row[i].key == e->deadline);
    }
    cp_require(q->heap.n + (q->out != CP_NONE) == rq->nr);
    cp_require(q->heap.n <= data_of(rq)->waiting);
}

const CpPolicyClass cp_policy_deadline = {
    .name = "deadline",
    .summary = "SCHED_DEADLINE: earliest deadline first, runtime a period enforced",
    .params = dl_params,
    .serves = 1u << CP_SCHED_DEADLINE,
    .sim_size = sizeof(Data),
    .rq_size = sizeof(Rq),
    .ent_size = sizeof(Ent),
    .ticked = true,
    .init = dl_init,
    .rq_init = dl_rq_init,
    .rq_clear = dl_rq_clear,
    .attr = dl_attr,
    .select_cpu = dl_select_cpu,
    .enqueue = dl_enqueue,
    .dequeue = dl_dequeue,
    .throttled = dl_throttled,
    .pick = dl_pick,
    .set_next = dl_set_next,
    .put_prev = dl_put_prev,
    .account = dl_account,
    .preempts = dl_preempts,
    .timer = dl_timer,
    .next_look = dl_next_look,
    .expired = dl_expired,
    .yield = dl_yield,
    .fired = dl_fired,
    .pull = dl_pull,
    .push = dl_push,
    .next_queued = dl_next_queued,
    .audit = dl_audit,
};
