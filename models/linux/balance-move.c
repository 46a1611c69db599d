#include "models/linux/balance.h"

/* Which threads are taken from the busiest group, and whether any is. */

/* The CPU of the group to take from; mirrors fair.c:sched_balance_find_src_rq. */
static CpCpu source(const CpBalanceTry *b, const CpMovePlan *plan, const CpCpuMask * not )
{
    const CpPolicy *policy = b->policy;
    CpCpu best = CP_NONE;
    uint64_t most = 0, most_per = 1;
    for (CpCpu c = cp_cpumask_next(&plan->from, 0); c != CP_NONE;
         c = cp_cpumask_next(&plan->from, c + 1)) {
        uint32_t nr = MIN(cp_balance_cpu(policy, c)->nr, cp_cpu_nr(policy->sim, c));
        CpLoads l = cp_load_of_cpu(policy, c);
        uint64_t capacity = cp_load_capacity(policy, c);
        uint64_t full = cp_sim_machine(policy->sim)->cpu[c].capacity;
        uint64_t value, per = 1;
        if (nr == 0 || cp_cpumask_has(not, c) || c == b->cpu) {
            continue;
        }
        switch (plan->kind) {
        case CP_MOVE_LOAD:
            if (nr == 1 && (int64_t)l.load > plan->amount &&
                capacity * b->pct >= full * 100) {
                continue;
            }
            value = l.load;
            per = capacity;
            break;
        case CP_MOVE_UTIL:
            if (nr == 1) {
                continue;
            }
            value = MAX(l.util, l.runnable);
            break;
        default:
            value = nr;
        }
        if (best == CP_NONE || value * most_per > most * per) {
            best = c;
            most = value;
            most_per = per;
        }
    }
    return best;
}

/* One look through a CPU's threads. */
typedef struct {
    const CpBalanceTry *b;
    CpMovePlan *plan;
    CpCpu from, to;
    uint32_t moved, seen, pinned;
    CpCpu other; /* of the puller's group, where a pinned one may run; CP_NONE */
} Look;

static bool is_hot(const CpBalanceTry *b, const CpBalanceEnt *e)
{
    enum { HOT_UNITS = 488 }; /* migration_cost, 0.5 ms */
    uint32_t ago = (uint32_t)cp_pelt_units(cp_now(b->policy->sim)) - e->at;
    return b->kind != CP_LEVEL_SMT && !(e->flags & CP_LOAD_COLD) && ago < HOT_UNITS &&
           b->state->failed <= b->tries;
}

/* Mirrors fair.c:can_migrate_task. */
static bool may_move(Look *l, CpEnt ent, const CpBalanceEnt *e)
{
    const CpPolicy *policy = l->b->policy;
    const CpBalance *data = cp_balance_of(policy);
    CpSim *sim = policy->sim;
    if (!(e->flags & CP_LOAD_RUNNABLE) || cp_thread_throttled(sim, ent, l->from) ||
        cp_thread_throttled(sim, ent, l->to)) {
        return false;
    }
    if (data->has.leave_ineligible && l->b->state->failed == 0 &&
        cp_thread_queue(policy, ent, l->to)->nr > 0 &&
        !data->eligible(cp_thread_queue(policy, ent, l->from), ent)) {
        return false;
    }
    if (!cp_thread_allowed(sim, ent, l->to)) {
        CpCpuMask own = cp_balance_group(policy, l->b->level, l->b->cpu);
        l->pinned++;
        for (CpCpu c = cp_cpumask_next(&own, 0); c != CP_NONE && !l->b->newidle;
             c = cp_cpumask_next(&own, c + 1)) {
            if (c != l->to && cp_thread_allowed(sim, ent, c)) {
                l->other = c;
                break;
            }
        }
        return false;
    }
    return !(e->flags & CP_LOAD_RUNNING) && !is_hot(l->b, e);
}

/* Whether a thread is worth the amount that is left, and how much of it. */
static bool fits(const Look *l, CpEnt ent, int64_t *worth)
{
    CpLoads load = cp_load_of_thread(l->b->policy, ent);
    uint32_t shift = MIN(l->b->state->failed, 63);
    switch (l->plan->kind) {
    case CP_MOVE_LOAD:
        *worth = (int64_t)MAX(load.load, 1);
        break;
    case CP_MOVE_UTIL:
        *worth = (int64_t)load.util;
        break;
    default:
        *worth = 1;
        return true;
    }
    return *worth >> shift <= l->plan->amount;
}

/* Mirrors fair.c:detach_tasks: from the one that ran longest ago on; who is passed over
 * comes last next time. */
static void take(Look *l)
{
    const CpPolicy *policy = l->b->policy;
    CpSim *sim = policy->sim;
    const CpRq *rq = cp_policy_rq(policy, l->from);
    CpBalanceRq *top = cp_balance_cpu(policy, l->from);
    cp_settle(sim, l->from); /* claims are judged by it */
    uint32_t looks = MIN(top->nr + top->asleep, (uint32_t)CP_BALANCE_LOOKS);
    while (l->seen < looks && top->oldest != CP_NONE && l->plan->amount > 0) {
        CpEnt ent = top->oldest;
        int64_t worth = 0;
        if (l->b->idle && cp_cpu_nr(sim, l->from) <= 1) {
            return;
        }
        l->seen++;
        if (!may_move(l, ent, cp_balance_ent(policy, ent)) || !fits(l, ent, &worth)) {
            cp_load_to_front(rq, ent);
            continue;
        }
        cp_pull(sim, ent, l->to);
        cp_assert(cp_thread_cpu(sim, ent) == l->to);
        l->plan->amount -= worth;
        l->moved++;
        if (l->b->newidle) {
            return; /* a CPU that others wait for does one thing at a time */
        }
    }
}

bool cp_balance_move(const CpBalanceTry *b, CpMovePlan *plan, bool *all_pinned)
{
    CpCpuMask not = {{0}};
    for (;;) {
        CpCpu from = source(b, plan, &not );
        Look l = {.b = b, .plan = plan, .from = from, .to = b->cpu, .other = CP_NONE};
        if (from == CP_NONE || cp_cpu_nr(b->policy->sim, from) <= 1) {
            return false;
        }
        take(&l);
        if (l.moved == 0 && l.other != CP_NONE) {
            Look again = {
                .b = b, .plan = plan, .from = from, .to = l.other, .other = CP_NONE};
            take(&again);
            l.moved += again.moved;
        }
        if (l.moved > 0) {
            return true;
        }
        if (l.pinned == 0 || l.pinned < l.seen) {
            return false;
        }
        *all_pinned = true;
        cp_cpumask_set(&not, from);
    }
}

/* Mirrors fair.c:need_active_balance and active_load_balance_cpu_stop. */
bool cp_balance_push(const CpBalanceTry *b, CpMovePlan *plan)
{
    const CpPolicy *policy = b->policy;
    CpSim *sim = policy->sim;
    const CpMachine *m = cp_sim_machine(sim);
    CpCpuMask none = {{0}};
    CpCpu from = source(b, plan, &none);
    if (from == CP_NONE) {
        return false;
    }
    uint64_t here = cp_load_capacity(policy, b->cpu),
             there = cp_load_capacity(policy, from);
    bool tasks = plan->kind == CP_MOVE_TASKS && b->state->failed > b->tries + 2;
    bool slow = b->idle && cp_balance_cpu(policy, from)->nr == 1 &&
                there * b->pct < (uint64_t)m->cpu[from].capacity * 100 &&
                there * b->pct < here * 100;
    CpTid curr = cp_cpu_curr(sim, from);
    if ((!tasks && !slow) || curr == CP_NONE || !cp_thread_allowed(sim, curr, b->cpu)) {
        return false;
    }
    CpRq *rq = (CpRq *)(uintptr_t)cp_policy_rq(policy, from); /* only told */
    if (!(cp_balance_ent(policy, curr)->flags & CP_LOAD_RUNNING) || rq->nr == 0) {
        return false; /* of another class */
    }
    cp_push(sim, curr, b->cpu);
    return true;
}
