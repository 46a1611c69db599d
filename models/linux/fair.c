#include "models/linux/fair.h"

#include "models/linux/fair-lag.h"
#include "models/linux/fair-slice.h"

/* EEVDF, the fair class of Linux since 6.6: among the entities that are owed service
 * (eligible: virtual runtime not above the weighted average V), run the one with the
 * earliest virtual deadline.  Here are the class and what happens to entities that come, go
 * and change.
 *
 * Versions differ by features.def only; fair.c of 6.18.35 is mirrored unless said
 * otherwise. */

enum {
    EEVDF_BASE_SLICE,
    EEVDF_NORM_SLICE,
#define EEVDF(name, ...)   EEVDF_##name,
#define BALANCE(name, ...) BALANCE_##name,
#include "models/linux/features.def"
};

static const CpParam eevdf_params[] = {
    {.name = "eevdf.base_slice",
     .type = CP_PARAM_TIME,
     .def = "0ns",
     .max = CP_S,
     .help =
         "request size of every thread; 0: normalised slice x (1 + log2 CPUs, 4 at most)"},
    {.name = "eevdf.norm_slice",
     .type = CP_PARAM_TIME,
     .def = "700us",
     .min = 100 * CP_US,
     .max = CP_S,
     .help = "normalised base slice of one CPU"},
#define EEVDF(...)   CP_FEATURE_PARAM("eevdf.", __VA_ARGS__)
#define BALANCE(...) CP_FEATURE_PARAM("balance.", __VA_ARGS__)
#include "models/linux/features.def"
    {.name = NULL},
};

/* --- coming and going --- */

/* In the run queue, queued or outside. */
static bool is_here(const CpRq *rq, const CpFairEnt *e, CpEnt ent)
{
    return cp_fair_rq(rq)->out == ent || (e->flags & CP_FAIR_QUEUED);
}

static void eevdf_enqueue(CpRq *rq, CpEnt ent, CpEnqFlags flags)
{
    CpFairEnt *e = cp_fair_ent(rq, ent);
    cp_assert(!is_here(rq, e, ent));
    cp_assert(!(e->flags & CP_FAIR_DELAYED)); /* such a one is requeued */
    if (flags & CP_ENQ_FORK) {
        e->vlag = 0;
    }
    cp_fair_place_entity(rq, e, flags & CP_ENQ_FORK);
    cp_fair_join(rq, e, ent);
    cp_fair_slices_changed(rq);
    cp_load_wake(rq, ent, flags & CP_ENQ_FORK);
    cp_hrtick_comes(rq);
}

static bool eevdf_dequeue(CpRq *rq, CpEnt ent, CpDeqFlags flags)
{
    CpFairRq *q = cp_fair_rq(rq);
    CpFairEnt *e = cp_fair_ent(rq, ent);
    bool was_delayed = e->flags & CP_FAIR_DELAYED;
    bool may_delay = (flags & CP_DEQ_SLEEP) && !(flags & (CP_DEQ_EXIT | CP_DEQ_SPECIAL));
    cp_assert(is_here(rq, e, ent));
    cp_fair_update_lag(rq, e);
    if (may_delay && cp_fair_data(rq)->has.delay_dequeue && !cp_fair_eligible(q, e->v)) {
        if (q->out == ent) {
            q->out = CP_NONE;
            cp_fair_push(rq, e, ent);
        }
        e->flags |= CP_FAIR_DELAYED;
        cp_load_sleep(rq, ent);
        return false;
    }
    if (was_delayed) {
        cp_fair_forget_lag(e);
        e->flags &= ~(uint32_t)CP_FAIR_DELAYED;
    }
    cp_load_leave(rq, ent, flags & CP_DEQ_EXIT);
    cp_fair_leave(rq, e, ent);
    cp_fair_slices_changed(rq);
    if (!(flags & CP_DEQ_SLEEP) && !was_delayed) {
        cp_fair_keep_deadline(e);
    }
    return true;
}

/* A delayed entity wakes: what it earned while asleep is not kept (DELAY_ZERO). */
static void eevdf_requeue(CpRq *rq, CpEnt ent)
{
    CpFairEnt *e = cp_fair_ent(rq, ent);
    cp_assert(e->flags & CP_FAIR_DELAYED);
    cp_assert(cp_fair_rq(rq)->out != ent); /* a sleeper does not run */
    cp_fair_update_lag(rq, e);
    e->flags &= ~(uint32_t)CP_FAIR_DELAYED;
    cp_load_wake(rq, ent, false);
    cp_hrtick_comes(rq);
    if (e->vlag > 0) {
        cp_fair_leave(rq, e, ent);
        e->vlag = 0;
        cp_fair_place_entity(rq, e, false);
        cp_fair_join(rq, e, ent);
    }
}

/* --- running --- */

static CpEnt eevdf_pick(CpRq *rq)
{
    CpFairRq *q = cp_fair_rq(rq);
    if (q->out != CP_NONE && rq->curr != q->out) {
        CpEnt ent = q->out; /* a higher class had the CPU in between */
        q->out = CP_NONE;
        cp_fair_push(rq, cp_fair_ent(rq, ent), ent);
    }
    if (rq->group == 0) {
        cp_hrtick_stop(rq);
    }
    if (q->next != CP_NONE) {
        const CpFairEnt *e = cp_fair_ent(rq, q->next);
        CpEnt next = q->next;
        q->next = CP_NONE;
        if ((e->flags & CP_FAIR_QUEUED) && cp_fair_eligible(q, e->v)) {
            return next;
        }
    }
    return cp_fair_choose(rq, true);
}

/* Who will probably run next, from each heap. */
static void fetch_ahead(const CpRq *rq)
{
    const CpFairQueue *q = &cp_fair_rq(rq)->queue;
    for (const CpFairHeap *h = &q->wait; h <= &q->ready; h++) {
        if (h->n > 0) {
            cp_ent_fetch(rq->policy, (CpEnt)h->a[0].low);
        }
    }
}

/* put_prev leaves the entity outside until it is clear that another one runs, because only
 * a change of entity renews the protection. */
static void eevdf_set_next(CpRq *rq, CpEnt ent)
{
    CpFairRq *q = cp_fair_rq(rq);
    CpFairEnt *e = cp_fair_ent(rq, ent);
    cp_assert(!(e->flags & CP_FAIR_DELAYED)); /* asleep */
    cp_load_run(rq, ent);
    if (q->out == ent) {
        return;
    }
    if (q->out != CP_NONE) {
        cp_fair_exchange(rq, e);
    } else {
        cp_fair_remove(rq, e);
    }
    q->out = ent;
    cp_fair_protect(rq, e);
    cp_hrtick_starts(rq, ent);
    q->next_tick = 0;
    if (G_UNLIKELY(q->queue.heaps)) {
        fetch_ahead(rq);
    }
}

/* --- attributes --- */

/* What an entity off the queue is owed, and has left of its request, is worth the same by
 * another weight. */
static void rescale(CpFairEnt *e, uint32_t weight)
{
    int64_t old = e->bal.load.weight;
    cp_assert(!(e->flags & CP_FAIR_QUEUED)); /* keys stand still */
    if (old == 0 || old == weight) {
        return;
    }
    e->vlag = e->vlag * old / weight;
    if (e->flags & CP_FAIR_REL_DEADLINE) {
        e->deadline = e->deadline * old / weight;
    }
}

static void eevdf_attr(CpPolicy *policy, CpEnt ent, const CpSchedAttr *attr)
{
    CpFairEnt *e = (CpFairEnt *)(void *)policy->ents + ent;
    CpLoadWeight load = cp_thread_weight(attr);
    rescale(e, load.weight);
    e->bal.load = load;
    e->slice = attr->slice > 0 ? (uint32_t)CLAMP(attr->slice, CP_US * 100, CP_MS * 100) : 0;
    e->flags &= ~(uint32_t)(CP_FAIR_IDLE | CP_FAIR_BATCH);
    e->flags |= attr->policy == CP_SCHED_IDLE    ? CP_FAIR_IDLE
                : attr->policy == CP_SCHED_BATCH ? CP_FAIR_BATCH
                                                 : 0;
}

/* A group that is in the run queue changes its weight there; mirrors
 * fair.c:reweight_entity. */
static void reweight(CpRq *rq, CpFairEnt *e, CpEnt ent, uint32_t weight)
{
    CpFairRq *q = cp_fair_rq(rq);
    bool out = q->out == ent;
    int64_t vprot = e->vprot;
    cp_fair_update_lag(rq, e);
    cp_fair_leave(rq, e, ent);
    cp_fair_keep_deadline(e);
    rescale(e, weight);
    e->bal.load = cp_group_weight(weight);
    cp_fair_place_entity(rq, e, false);
    cp_fair_join(rq, e, ent);
    if (out) {
        cp_fair_remove(rq, e);
        q->out = ent;
        e->vprot = vprot;
    }
}

static void eevdf_group_weight(CpPolicy *policy, CpRq *rq, CpEnt ent, uint32_t weight,
                               bool idle)
{
    CpFairEnt *e = (CpFairEnt *)(void *)policy->ents + ent;
    cp_assert(ent >= CP_ENT_GROUP); /* threads have attributes */
    weight = idle ? CP_WEIGHT_IDLE : weight;
    e->flags = (e->flags & ~(uint32_t)CP_FAIR_IDLE) | (idle ? CP_FAIR_IDLE : 0);
    if (e->bal.load.weight == weight) {
        return;
    }
    if (rq != NULL && is_here(rq, e, ent)) {
        reweight(rq, e, ent, weight);
    } else {
        rescale(e, weight);
        e->bal.load = cp_group_weight(weight);
    }
}

/* --- the rest --- */

/* The base request: more CPUs, longer slices. */
static CpTime eevdf_slice(const CpParamSet *params, uint32_t n_cpus)
{
    const int64_t *v = params->v;
    return v[EEVDF_BASE_SLICE] > 0 ? v[EEVDF_BASE_SLICE]
                                   : v[EEVDF_NORM_SLICE] * cp_scaling(n_cpus);
}

static bool has_claim(const CpRq *rq, CpEnt ent)
{
    return cp_fair_eligible(cp_fair_rq(rq), cp_fair_ent(rq, ent)->v);
}

static gboolean eevdf_init(CpPolicy *policy, GError **error)
{
    const int64_t *v = policy->params->v;
    CpFairData *d = policy->data;
    (void)error; /* every value within the bounds will do */
    *d = (CpFairData){
        .base = (uint32_t)eevdf_slice(policy->params, cp_cpus_online(policy->sim)),
        .tick = cp_tick_period(policy->sim),
        .balance.several = cp_sim_machine(policy->sim)->n_cpus > 1,
        .balance.eligible = has_claim,
#define EEVDF(name, ...)   .has.name = (uint32_t)v[EEVDF_##name],
#define BALANCE(name, ...) .balance.has.name = (uint32_t)v[BALANCE_##name],
#include "models/linux/features.def"
    };
    policy->concur = d->has.group_share == CP_GROUP_SHARE_CONCUR;
    return TRUE;
}

static void eevdf_rq_init(CpRq *rq)
{
    cp_fair_rq(rq)->out = CP_NONE;
    cp_fair_rq(rq)->slice_end = CP_NEVER;
    cp_fair_rq(rq)->next = CP_NONE;
    cp_load_init(rq);
}

static void eevdf_rq_clear(CpRq *rq)
{
    cp_fair_queue_clear(&cp_fair_rq(rq)->queue);
    cp_load_clear(rq);
}

enum { SKIP_MAX = 32 }; /* sleepers in a row after which a walk gives up */

static CpEnt eevdf_next_queued(CpRq *rq, CpEnt after)
{
    const CpFairRq *q = cp_fair_rq(rq);
    uint32_t i = 0;
    bool waits = q->out != CP_NONE && q->out != rq->curr; /* for another class or group */
    if (after == CP_NONE && waits) {
        return q->out;
    }
    if (after != CP_NONE && after != q->out) {
        const CpFairEnt *e = cp_fair_ent(rq, after);
        cp_assert(e->flags & CP_FAIR_QUEUED); /* or its place says nothing */
        i = e->pos + 1 + ((e->flags & CP_FAIR_READY) ? q->queue.wait.n : 0);
    }
    uint32_t end = MIN(cp_fair_n_queued(q), i + SKIP_MAX);
    for (; i < end; i++) {
        CpEnt ent = cp_fair_queued_at(q, i);
        if (!(cp_fair_ent(rq, ent)->flags & CP_FAIR_DELAYED)) {
            return ent;
        }
    }
    return CP_NONE;
}

/* Laws of every entity in a run queue. */
static void audit_entity(const CpRq *rq, CpEnt ent)
{
    const CpFairEnt *e = cp_fair_ent(rq, ent);
    cp_require(e->deadline >= e->v);
    cp_require(!(e->flags & CP_FAIR_REL_DEADLINE));
    cp_require(e->bal.load.weight > 0);
}

static void eevdf_audit(CpRq *rq)
{
    const CpFairRq *q = cp_fair_rq(rq);
    __int128 sum = 0;
    int64_t weight = 0;
    uint32_t n_custom = 0, n_min = 0, n = cp_fair_n_queued(q);
    cp_fair_queue_audit(rq, &sum, &weight);
    for (uint32_t i = 0; i < n; i++) {
        CpEnt ent = cp_fair_queued_at(q, i);
        cp_require(ent != q->out); /* queued or outside */
        audit_entity(rq, ent);
        n_custom += cp_fair_ent(rq, ent)->slice != 0;
        n_min += cp_fair_slice(rq, cp_fair_ent(rq, ent)) <= q->min_slice;
    }
    if (q->out != CP_NONE) {
        const CpFairEnt *e = cp_fair_ent(rq, q->out);
        cp_require(!(e->flags & (CP_FAIR_QUEUED | CP_FAIR_DELAYED)));
        sum += (__int128)e->v * e->bal.load.weight;
        weight += e->bal.load.weight;
        audit_entity(rq, q->out);
        n_custom += e->slice != 0;
        n_min += cp_fair_slice(rq, e) <= q->min_slice;
    }
    cp_require(sum == q->sum);
    cp_require(weight == q->balance.weight);
    cp_require(n_custom == q->n_custom);
    cp_require(n_custom == 0 || q->stale || n_min == q->n_min);
    cp_require(rq->nr + rq->delayed == n + (q->out != CP_NONE));
}

const CpPolicyClass cp_policy_eevdf = {
    .name = "eevdf",
    .summary =
        "earliest eligible virtual deadline first: the fair class of Linux since 6.6",
    .params = eevdf_params,
    .slice = eevdf_slice,
    .sim_size = sizeof(CpFairData),
    .rq_size = sizeof(CpFairRq),
    .ent_size = sizeof(CpFairEnt),
    .ticked = true,
    .init = eevdf_init,
    .rq_init = eevdf_rq_init,
    .rq_clear = eevdf_rq_clear,
    .attr = eevdf_attr,
    .group_weight = eevdf_group_weight,
    .select_cpu = cp_balance_select_cpu,
    .enqueue = eevdf_enqueue,
    .dequeue = eevdf_dequeue,
    .requeue = eevdf_requeue,
    .pick = eevdf_pick,
    .set_next = eevdf_set_next,
    .off = cp_load_stop,
    .account = cp_fair_account,
    .preempts = cp_fair_preempts,
    .waits_for_tick = cp_fair_waits_for_tick,
    .timer = cp_hrtick_at,
    .next_look = cp_fair_next_look,
    .expired = cp_fair_expired,
    .yield = cp_fair_yield,
    .newidle = cp_balance_newidle,
    .balance = cp_balance_tick,
    .next_queued = eevdf_next_queued,
    .audit = eevdf_audit,
};
