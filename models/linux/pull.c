#include "models/linux/balance.h"

#include "sim/assert.h"

/* Which waiting threads are taken to another CPU: by one that goes idle, and at ticks. */

enum {
    BUSY_FACTOR = 16, /* a busy CPU balances that much more rarely */
    HOT_NS = 500000,  /* migration_cost: ran that recently = cache-hot */
};

static CpBalanceRq *state_of(const CpRq *rq)
{
    return rq->data;
}

static bool movable(const CpRq *from, CpEnt ent, CpCpu to, bool hot_too)
{
    if (ent & CP_ENT_GROUP || !cp_thread_allowed(from->sim, ent, to)) {
        return false;
    }
    return hot_too || cp_now(from->sim) - cp_thread_ready_since(from->sim, ent) >= HOT_NS;
}

/* The last queued thread of a CPU that may move: the detach loop of load_balance starts
 * from the tail. */
static CpTid candidate(const CpRq *from, CpCpu to, uint64_t load_max, uint32_t failed)
{
    const CpPolicyClass *cls = from->policy->cls;
    CpRq *rq = (CpRq *)(uintptr_t)from; /* next_queued only walks */
    CpTid best = CP_NONE;
    CpEnt e = cls->next_queued(rq, CP_NONE);
    for (uint32_t n = 0; e != CP_NONE && n < CP_BALANCE_LOOKS;
         n++, e = cls->next_queued(rq, e)) {
        cp_assert(e != from->curr); /* who runs is pulled by nobody */
        if (!movable(from, e, to, failed > 1)) {
            continue;
        }
        uint64_t w = cp_nice_weight(cp_thread_attr(from->sim, e)->nice);
        if ((w >> MIN(failed, 63)) <= load_max) {
            best = e;
        }
    }
    return best;
}

static CpCpu busiest(const CpRq *rq, uint32_t at_least)
{
    CpSim *sim = rq->sim;
    const CpMachine *m = cp_sim_machine(sim);
    CpCpu best = CP_NONE;
    for (uint32_t i = 1; i < m->n_cpus; i++) {
        CpCpu cpu = (rq->cpu + i) % m->n_cpus;
        const CpRq *other = cp_rq_on(rq, cpu);
        if (other->nr < at_least) {
            continue;
        }
        bool near = m->cpu[cpu].llc == m->cpu[rq->cpu].llc;
        bool best_near = best != CP_NONE && m->cpu[best].llc == m->cpu[rq->cpu].llc;
        if (best == CP_NONE || (near && !best_near) ||
            (near == best_near &&
             state_of(other)->load > state_of(cp_rq_on(rq, best))->load)) {
            best = cpu;
        }
    }
    cp_assert(best != rq->cpu);
    return best;
}

bool cp_balance_newidle(CpRq *rq)
{
    const CpBalanceFeatures *has = rq->policy->data;
    cp_assert(rq->nr == 0); /* else it is not about to idle */
    CpCpu from = busiest(rq, 2);
    if (from == CP_NONE) {
        return false;
    }
    uint64_t dice = (uint64_t)(((unsigned __int128)cp_rq_random(rq) * 1000000) >> 64);
    if (dice >= has->newidle) {
        return false;
    }
    CpTid tid = candidate(cp_rq_on(rq, from), rq->cpu, UINT64_MAX, 2);
    if (tid == CP_NONE) {
        return false;
    }
    cp_pull(rq->sim, tid, rq->cpu);
    return true;
}

/* --- balancing at ticks --- */

/* An idle CPU takes half the difference at once; the busy CPU's tick kicks it. */
static void feed_idle(CpRq *rq, CpCpu idle)
{
    uint32_t n = MIN(rq->nr / 2, (uint32_t)CP_BALANCE_LOOKS);
    for (uint32_t i = 0; i < n && rq->nr >= 2; i++) {
        CpTid tid = candidate(rq, idle, UINT64_MAX, 2);
        if (tid == CP_NONE) {
            return;
        }
        cp_pull(rq->sim, tid, idle);
        cp_assert(cp_thread_cpu(rq->sim, tid) == idle);
    }
}

static CpTime interval_of(const CpRq *rq, bool busy)
{
    uint32_t span = cp_sim_machine(rq->sim)->n_cpus;
    const CpBalanceRq *b = state_of(rq);
    CpTime interval = b->interval == 0 ? span * CP_MS : b->interval;
    CpTime cap = CP_S / 10 * span;
    interval = busy ? interval * BUSY_FACTOR - 1 : interval;
    cp_assert(interval > 0); /* or one tick would balance for ever */
    return interval < cap ? interval : cap;
}

/* One CPU's turn: pull from the busiest if it is busier by more than the threshold; mirrors
 * fair.c:sched_balance_rq for overloaded groups of one CPU each. */
static void rebalance(CpRq *rq)
{
    CpBalanceRq *b = state_of(rq);
    uint32_t span = cp_sim_machine(rq->sim)->n_cpus;
    CpCpu from = busiest(rq, 2);
    bool moved = false, balanced = true;
    if (from != CP_NONE) {
        const CpRq *src = cp_rq_on(rq, from);
        uint64_t theirs = state_of(src)->load, ours = b->load;
        if (theirs * 100 > ours * CP_IMBALANCE_PCT && src->nr > rq->nr) {
            balanced = false;
            cp_assert(theirs > ours);
            CpTid tid = candidate(src, rq->cpu, (theirs - ours) / 2, b->failed);
            if (tid != CP_NONE) {
                cp_pull(rq->sim, tid, rq->cpu);
                moved = true;
            }
        }
    }
    b->failed = moved || balanced ? 0 : b->failed + 1;
    CpTime interval = b->interval == 0 ? span * CP_MS : b->interval;
    interval = moved ? span * CP_MS : balanced ? 2 * interval : interval;
    b->interval = MIN(interval, 2 * span * CP_MS);
    b->next_balance = cp_now(rq->sim) + interval_of(rq, rq->nr > 0);
}

CpTime cp_balance_tick(CpRq *rq)
{
    CpSim *sim = rq->sim;
    CpTime next = CP_NEVER;
    cp_assert(rq->group == 0); /* queues of groups are balanced with their CPU's */
    uint32_t n = cp_sim_machine(sim)->n_cpus;
    for (uint32_t i = 1; i < n && rq->nr >= 2; i++) {
        CpCpu cpu = (rq->cpu + i) % n;
        CpRq *other =
            (CpRq *)(uintptr_t)cp_rq_on(rq, cpu); /* its own turn, run from here */
        if (cp_cpu_nr(sim, cpu) == 0) {
            feed_idle(rq, cpu);
        } else if (cp_now(sim) >= state_of(other)->next_balance) {
            rebalance(other);
        }
    }
    if (cp_now(sim) >= state_of(rq)->next_balance) {
        rebalance(rq);
    }
    for (uint32_t i = 0; i < n; i++) {
        next = MIN(next, state_of(cp_rq_on(rq, i))->next_balance);
    }
    return next;
}
