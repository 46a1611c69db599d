#include "models/linux/load.h"

/* Averages and lists follow what happens to threads. */

static CpBalanceRq *rq_of(const CpRq *rq)
{
    return rq->data;
}

static CpBalanceRq *top_of(const CpRq *rq)
{
    return cp_balance_cpu(rq->policy, rq->cpu);
}

static bool counts(const CpRq *rq)
{
    return cp_balance_of(rq->policy)->several;
}

static uint64_t now_of(const CpSim *sim)
{
    return cp_pelt_units(cp_now(sim));
}

void cp_load_init(CpRq *rq)
{
    CpBalanceRq *q = rq_of(rq);
    q->newest = q->oldest = CP_NONE;
    q->idle_mean = CP_MS;
}

void cp_load_clear(CpRq *rq)
{
    g_free(rq_of(rq)->level);
}

/* --- averages --- */

static int64_t target(const CpBalanceEnt *e, uint32_t flag)
{
    return e->flags & flag ? CP_PELT_FULL : 0;
}

/* Brings an entity's averages up to now. */
static void advance(const CpSim *sim, CpBalanceEnt *e)
{
    uint32_t units = (uint32_t)now_of(sim) - e->at;
    if (units == 0) {
        return;
    }
    uint32_t f = cp_pelt_factor(units);
    e->at += units;
    e->util = (uint32_t)cp_pelt_later(e->util, target(e, CP_LOAD_RUNNING), f);
    e->runnable = (uint32_t)cp_pelt_later(e->runnable, target(e, CP_LOAD_RUNNABLE), f);
    e->queued = (uint32_t)cp_pelt_later(e->queued, target(e, CP_LOAD_HERE), f);
}

/* The same for a queue; util, runnable and ran mean nothing below the top. */
static void advance_rq(const CpSim *sim, CpBalanceRq *q)
{
    uint64_t units = now_of(sim) - q->at;
    if (units == 0) {
        return;
    }
    uint32_t f = cp_pelt_factor(units);
    q->at += units;
    q->load = cp_pelt_later(q->load, q->weight << CP_PELT_SHIFT, f);
    q->util = cp_pelt_later(q->util, q->runs ? CP_PELT_FULL : 0, f);
    q->ran = cp_pelt_later(q->ran, q->runs ? CP_PELT_FULL : 0, f);
    q->runnable = cp_pelt_later(q->runnable, (int64_t)q->nr * CP_PELT_FULL, f);
}

/* What a thread adds to the load of its queue, shifted. */
static int64_t own_load(const CpBalanceEnt *e)
{
    return (int64_t)((uint64_t)e->load.weight * e->queued >> 10);
}

/* The share of its queue's load in each parent's: as if it stood at the top. */
static int64_t load_at_top(const CpRq *rq, const CpBalanceEnt *e)
{
    __int128 load = own_load(e);
    CpEnt group;
    CpRq *up;
    for (CpRq *at = (CpRq *)(uintptr_t)rq; (up = cp_rq_parent(at, &group)) != NULL;
         at = up) {
        CpBalanceRq *q = rq_of(at);
        CpBalanceEnt *g = cp_balance_ent(rq->policy, group);
        advance_rq(rq->sim, q);
        advance(rq->sim, g);
        load = load * own_load(g) / (q->load + 1);
    }
    return (int64_t)load;
}

static void add(int64_t *sum, int64_t change)
{
    *sum = MAX(*sum + change, 0);
}

/* A thread's history counts in the averages of the CPU it is on. */
static void attach(const CpRq *rq, CpBalanceEnt *e)
{
    CpBalanceRq *top = top_of(rq), *q = rq_of(rq);
    cp_assert(!(e->flags & CP_LOAD_ATTACHED));
    advance_rq(rq->sim, top);
    advance_rq(rq->sim, q);
    e->flags |= CP_LOAD_ATTACHED;
    e->cpu = (uint16_t)rq->cpu;
    add(&q->load, own_load(e));
    if (q != top) {
        add(&top->load, load_at_top(rq, e));
    }
    add(&top->util, (int64_t)e->util);
    add(&top->runnable, (int64_t)e->runnable);
}

static void detach(const CpRq *rq, CpBalanceEnt *e, CpEnt ent)
{
    if (!(e->flags & CP_LOAD_ATTACHED)) {
        return;
    }
    const CpRq *from = cp_thread_queue(rq->policy, ent, e->cpu);
    CpBalanceRq *top = top_of(from), *q = rq_of(from);
    advance_rq(rq->sim, top);
    advance_rq(rq->sim, q);
    e->flags &= (uint16_t)~CP_LOAD_ATTACHED;
    if (q != top) {
        add(&top->load, -load_at_top(from, e));
    }
    add(&q->load, -own_load(e));
    add(&top->util, -(int64_t)e->util);
    add(&top->runnable, -(int64_t)e->runnable);
}

/* A new thread is taken to want half of what its CPU has left; mirrors
 * fair.c:post_init_entity_util_avg. */
static void born(const CpRq *rq, CpBalanceEnt *e)
{
    CpBalanceRq *top = top_of(rq), *q = rq_of(rq);
    advance_rq(rq->sim, top);
    advance_rq(rq->sim, q);
    int64_t half = (CP_PELT_FULL - MIN(top->util, CP_PELT_FULL)) / 2, util = half;
    if (q == top && top->util > 0) {
        util = (int64_t)((__int128)top->util * e->load.weight /
                         ((top->load >> CP_PELT_SHIFT) + 1));
        util = MIN(util, half);
    }
    e->at = (uint32_t)now_of(rq->sim);
    e->util = e->runnable = (uint32_t)util;
    e->queued = (uint32_t)CP_PELT_FULL;
}

/* --- the list: who came or ran last is the newest --- */

static void unlink_ent(const CpRq *rq, CpBalanceEnt *e)
{
    CpBalanceRq *top = top_of(rq);
    if (e->newer != CP_NONE) {
        cp_balance_ent(rq->policy, e->newer)->older = e->older;
    } else {
        top->newest = e->older;
    }
    if (e->older != CP_NONE) {
        cp_balance_ent(rq->policy, e->older)->newer = e->newer;
    } else {
        top->oldest = e->newer;
    }
}

static void link_newest(const CpRq *rq, CpBalanceEnt *e, CpEnt ent)
{
    CpBalanceRq *top = top_of(rq);
    e->newer = CP_NONE;
    e->older = top->newest;
    if (top->newest != CP_NONE) {
        cp_balance_ent(rq->policy, top->newest)->newer = ent;
    } else {
        top->oldest = ent;
    }
    top->newest = ent;
}

void cp_load_to_front(const CpRq *rq, CpEnt ent)
{
    CpBalanceEnt *e = cp_balance_ent(rq->policy, ent);
    if (top_of(rq)->newest != ent) {
        unlink_ent(rq, e);
        link_newest(rq, e, ent);
    }
}

/* --- what happens --- */

void cp_load_weigh(const CpRq *rq, int64_t change)
{
    CpBalanceRq *q = rq_of(rq);
    if (counts(rq)) {
        advance_rq(rq->sim, q);
    }
    q->weight += change;
    cp_assert(q->weight >= 0);
}

/* Threads only: groups have a load and nothing else. */
static void thread_wakes(const CpRq *rq, CpBalanceEnt *e, CpEnt ent, bool is_new)
{
    CpBalanceRq *top = top_of(rq);
    if (is_new) {
        born(rq, e);
    } else {
        enum { HOT_UNITS = 488 }; /* 0.5 ms */
        bool hot = (uint32_t)now_of(rq->sim) - e->at < HOT_UNITS;
        advance(rq->sim, e);
        e->flags &= (uint16_t)~CP_LOAD_COLD;
        e->flags |= hot && e->cpu == rq->cpu ? 0 : CP_LOAD_COLD;
    }
    if (!(e->flags & CP_LOAD_ATTACHED) || e->cpu != rq->cpu) {
        detach(rq, e, ent);
        attach(rq, e);
    }
    advance_rq(rq->sim, top);
    top->nr++;
    if (e->flags & CP_LOAD_HERE) {
        cp_assert(top->asleep > 0);
        top->asleep--;
    } else {
        link_newest(rq, e, ent);
    }
}

void cp_load_wake(const CpRq *rq, CpEnt ent, bool is_new)
{
    CpBalanceEnt *e = cp_balance_ent(rq->policy, ent);
    if (!counts(rq)) {
        return;
    }
    cp_assert(!(e->flags & CP_LOAD_RUNNABLE)); /* it wakes once */
    if (ent & CP_ENT_GROUP) {
        advance(rq->sim, e);
    } else {
        thread_wakes(rq, e, ent, is_new);
    }
    e->flags |= CP_LOAD_HERE | CP_LOAD_RUNNABLE;
}

static void stop(const CpRq *rq, CpBalanceEnt *e)
{
    CpBalanceRq *top = top_of(rq);
    if (e->flags & CP_LOAD_RUNNING) {
        advance_rq(rq->sim, top);
        top->runs = false;
        e->flags &= (uint16_t) ~(CP_LOAD_RUNNING | CP_LOAD_COLD);
    }
}

void cp_load_sleep(const CpRq *rq, CpEnt ent)
{
    CpBalanceEnt *e = cp_balance_ent(rq->policy, ent);
    if (!counts(rq)) {
        return;
    }
    cp_assert(e->flags & CP_LOAD_RUNNABLE);
    advance(rq->sim, e);
    e->flags &= (uint16_t)~CP_LOAD_RUNNABLE;
    if (!(ent & CP_ENT_GROUP)) {
        CpBalanceRq *top = top_of(rq);
        stop(rq, e);
        advance_rq(rq->sim, top);
        cp_assert(top->nr > 0);
        top->nr--;
        top->asleep++;
    }
}

void cp_load_leave(const CpRq *rq, CpEnt ent, bool ends)
{
    CpBalanceEnt *e = cp_balance_ent(rq->policy, ent);
    if (!counts(rq)) {
        return;
    }
    cp_assert(e->flags & CP_LOAD_HERE);
    if (!(ent & CP_ENT_GROUP)) {
        CpBalanceRq *top = top_of(rq);
        if (e->flags & CP_LOAD_RUNNABLE) {
            cp_load_sleep(rq, ent);
        }
        top->asleep--;
        unlink_ent(rq, e);
    }
    advance(rq->sim, e);
    e->flags &= (uint16_t) ~(CP_LOAD_HERE | CP_LOAD_RUNNABLE);
    if (ends && !(ent & CP_ENT_GROUP)) {
        detach(rq, e, ent);
    }
}

void cp_load_run(const CpRq *rq, CpEnt ent)
{
    CpBalanceEnt *e = cp_balance_ent(rq->policy, ent);
    if (!counts(rq) || (ent & CP_ENT_GROUP) || (e->flags & CP_LOAD_RUNNING)) {
        return;
    }
    CpBalanceRq *top = top_of(rq);
    advance(rq->sim, e);
    e->flags |= CP_LOAD_RUNNING;
    if (!top->runs) {
        advance_rq(rq->sim, top);
        top->runs = true;
    }
    cp_load_to_front(rq, ent);
}

void cp_load_stop(const CpRq *rq, CpEnt ent)
{
    CpBalanceEnt *e = cp_balance_ent(rq->policy, ent);
    if (!counts(rq) || (ent & CP_ENT_GROUP)) {
        return;
    }
    advance(rq->sim, e);
    stop(rq, e);
}

/* --- asking --- */

CpLoads cp_load_of_cpu(const CpPolicy *policy, CpCpu cpu)
{
    CpBalanceRq *q = cp_balance_cpu(policy, cpu);
    advance_rq(policy->sim, q);
    int64_t util = MIN(q->util, CP_PELT_FULL);
    return (CpLoads){(uint64_t)q->load >> CP_PELT_SHIFT, (uint64_t)util >> CP_PELT_SHIFT,
                     (uint64_t)q->runnable >> CP_PELT_SHIFT};
}

CpLoads cp_load_of_thread(const CpPolicy *policy, CpTid tid)
{
    CpBalanceEnt *e = cp_balance_ent(policy, tid);
    const CpRq *rq = cp_thread_queue(policy, tid, e->cpu);
    advance(policy->sim, e);
    return (CpLoads){(uint64_t)load_at_top(rq, e) >> CP_PELT_SHIFT,
                     e->util >> CP_PELT_SHIFT, e->runnable >> CP_PELT_SHIFT};
}

uint64_t cp_load_capacity(const CpPolicy *policy, CpCpu cpu)
{
    CpBalanceRq *q = cp_balance_cpu(policy, cpu);
    uint64_t full = cp_sim_machine(policy->sim)->cpu[cpu].capacity;
    advance_rq(policy->sim, q);
    uint64_t ran = (uint64_t)q->ran >> CP_PELT_SHIFT, all = cp_cpu_util(policy->sim, cpu);
    uint64_t others = all > ran ? all - ran : 0;
    return others >= 1024 ? 1 : MAX(full * (1024 - others) / 1024, 1);
}

void cp_load_audit(const CpRq *rq)
{
    const CpBalanceRq *top = top_of(rq);
    uint32_t nr = 0, asleep = 0;
    CpEnt newer = CP_NONE;
    if (!counts(rq) || rq->group != 0) {
        return;
    }
    for (CpEnt ent = top->newest; ent != CP_NONE;) {
        const CpBalanceEnt *e = cp_balance_ent(rq->policy, ent);
        cp_require(e->newer == newer && (e->flags & CP_LOAD_HERE) && e->cpu == rq->cpu);
        nr += (e->flags & CP_LOAD_RUNNABLE) != 0;
        asleep += !(e->flags & CP_LOAD_RUNNABLE);
        newer = ent;
        ent = e->older;
    }
    cp_require(top->oldest == newer);
    cp_require(nr == top->nr && asleep == top->asleep);
}
