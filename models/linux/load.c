#include "models/linux/load.h"

/* How averages follow what happens to threads. */

static CpBalanceRq *rq_of(const CpRq *rq)
{
    return rq->data;
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
    q->running = CP_NONE;
    q->idle_mean = CP_MS;
}

void cp_load_clear(CpRq *rq)
{
    g_free(rq_of(rq)->level);
}

/* --- averages --- */

static inline uint32_t target(const CpBalanceEnt *e, uint32_t flag)
{
    return e->flags & flag ? (uint32_t)CP_PELT_FULL : 0;
}

/* Brings a thread's averages up to now, or a group's. */
static void advance(const CpSim *sim, CpBalanceEnt *e, CpEnt ent)
{
    uint32_t units = (uint32_t)now_of(sim) - e->at;
    if (units == 0) {
        return;
    }
    uint32_t f = cp_pelt_factor(units), ran = 0;
    e->at += units;
    if (!(ent & CP_ENT_GROUP)) {
        uint32_t got = (uint32_t)cp_pelt_units(cp_thread_cpu_time(sim, ent));
        uint32_t part = got - e->got;
        e->got = got;
        /* All of it or nothing is what mostly happens, and a division is slow. */
        ran = part == 0      ? 0
              : part < units ? (uint32_t)((uint64_t)CP_PELT_FULL * part / units)
                             : (uint32_t)CP_PELT_FULL;
    }
    e->util = cp_pelt_later(e->util, ran, f);
    e->runnable = cp_pelt_later(e->runnable, target(e, CP_LOAD_RUNNABLE), f);
    e->queued = cp_pelt_later(e->queued, target(e, CP_LOAD_HERE), f);
}

/* The same for a queue; util and runnable mean nothing below the top. */
static void advance_rq(const CpSim *sim, CpBalanceRq *q)
{
    uint64_t units = now_of(sim) - q->at;
    if (units == 0) {
        return;
    }
    uint32_t f = cp_pelt_factor(units);
    q->at += units;
    q->load = cp_pelt_sum_later(q->load, q->weight << CP_PELT_SHIFT, f);
    q->util = cp_pelt_sum_later(q->util, q->running != CP_NONE ? CP_PELT_FULL : 0, f);
    q->runnable = cp_pelt_sum_later(q->runnable, (int64_t)q->nr * CP_PELT_FULL, f);
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
        advance(rq->sim, g, group);
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
    CpBalanceRq *top = cp_balance_top(rq), *q = rq_of(rq);
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
    CpBalanceRq *top = cp_balance_top(from), *q = rq_of(from);
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
static void born(const CpRq *rq, CpBalanceEnt *e, CpTid tid)
{
    CpBalanceRq *top = cp_balance_top(rq), *q = rq_of(rq);
    advance_rq(rq->sim, top);
    advance_rq(rq->sim, q);
    int64_t half = (CP_PELT_FULL - MIN(top->util, CP_PELT_FULL)) / 2, util = half;
    if (q == top && top->util > 0) {
        util = (int64_t)((__int128)top->util * e->load.weight /
                         ((top->load >> CP_PELT_SHIFT) + 1));
        util = MIN(util, half);
    }
    e->at = (uint32_t)now_of(rq->sim);
    e->got = (uint32_t)cp_pelt_units(cp_thread_cpu_time(rq->sim, tid));
    e->util = e->runnable = (uint32_t)util;
    e->queued = (uint32_t)CP_PELT_FULL;
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

static inline void take_turn(CpBalanceRq *top, CpBalanceEnt *e)
{
    e->turn = ++top->turns;
}

/* Threads only: groups have a load and nothing else. */
static void thread_wakes(const CpRq *rq, CpBalanceEnt *e, CpEnt ent, bool is_new)
{
    CpBalanceRq *top = cp_balance_top(rq);
    if (is_new) {
        born(rq, e, ent);
    } else {
        uint32_t slept = (uint32_t)now_of(rq->sim) - e->at;
        bool hot = slept < cp_pelt_units(CP_LOAD_HOT) && e->cpu == rq->cpu;
        advance(rq->sim, e, ent);
        e->flags &= (uint16_t)~CP_LOAD_COLD;
        e->flags |= hot ? 0 : CP_LOAD_COLD;
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
        take_turn(top, e);
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
        advance(rq->sim, e, ent);
    } else {
        thread_wakes(rq, e, ent, is_new);
    }
    e->flags |= CP_LOAD_HERE | CP_LOAD_RUNNABLE;
}

void cp_load_stop(const CpRq *rq, CpEnt ent)
{
    CpBalanceRq *top = cp_balance_top(rq);
    if (counts(rq) && top->running == ent) {
        advance_rq(rq->sim, top);
        top->running = CP_NONE;
    }
}

void cp_load_update(const CpRq *rq, CpTid tid)
{
    advance(rq->sim, cp_balance_ent(rq->policy, tid), tid);
    advance_rq(rq->sim, cp_balance_top(rq));
}

void cp_load_sleep(const CpRq *rq, CpEnt ent)
{
    CpBalanceEnt *e = cp_balance_ent(rq->policy, ent);
    if (!counts(rq)) {
        return;
    }
    cp_assert(e->flags & CP_LOAD_RUNNABLE);
    advance(rq->sim, e, ent);
    e->flags &= (uint16_t)~CP_LOAD_RUNNABLE;
    if (!(ent & CP_ENT_GROUP)) {
        CpBalanceRq *top = cp_balance_top(rq);
        advance_rq(rq->sim, top);
        top->running = top->running == ent ? CP_NONE : top->running;
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
    if (e->flags & CP_LOAD_RUNNABLE) {
        cp_load_sleep(rq, ent);
    } else {
        advance(rq->sim, e, ent);
    }
    e->flags &= (uint16_t)~CP_LOAD_HERE;
    if (!(ent & CP_ENT_GROUP)) {
        cp_balance_top(rq)->asleep--;
        if (ends) {
            detach(rq, e, ent);
        }
    }
}

void cp_load_pass_over(const CpRq *rq, CpEnt ent)
{
    take_turn(cp_balance_top(rq), cp_balance_ent(rq->policy, ent));
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
    advance(policy->sim, e, tid);
    return (CpLoads){(uint64_t)load_at_top(rq, e) >> CP_PELT_SHIFT,
                     e->util >> CP_PELT_SHIFT, e->runnable >> CP_PELT_SHIFT};
}

uint64_t cp_load_capacity(const CpPolicy *policy, CpCpu cpu)
{
    uint64_t full = cp_sim_machine(policy->sim)->cpu[cpu].capacity;
    uint64_t taken = cp_cpu_taken(policy->sim, cpu);
    return taken >= 1024 ? 1 : MAX(full * (1024 - taken) / 1024, 1);
}
