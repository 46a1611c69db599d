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

static bool is_hot(const CpBalanceTry *b, CpEnt ent)
{
    CpSim *sim = b->policy->sim;
    return b->kind != CP_LEVEL_SMT && b->state->failed <= b->tries &&
           !(cp_balance_ent(b->policy, ent)->flags & CP_LOAD_COLD) &&
           cp_now(sim) - cp_thread_ready_since(sim, ent) < CP_LOAD_HOT;
}

/* Another CPU of the puller's group where the thread may run, or CP_NONE. */
static CpCpu elsewhere(const Look *l, CpEnt ent)
{
    CpCpuMask own = cp_balance_group(l->b->policy, l->b->level, l->b->cpu);
    for (CpCpu c = cp_cpumask_next(&own, 0); c != CP_NONE;
         c = cp_cpumask_next(&own, c + 1)) {
        if (c != l->to && cp_thread_allowed(l->b->policy->sim, ent, c)) {
            return c;
        }
    }
    return l->other;
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
        l->pinned++;
        l->other = l->b->level > 0 && !l->b->newidle ? elsewhere(l, ent) : CP_NONE;
        return false;
    }
    return !is_hot(l->b, ent);
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

/* Threads in the order of their turns, the one that ran longest ago first. */
typedef struct {
    CpEnt ent[CP_BALANCE_LOOKS];
    uint32_t turn[CP_BALANCE_LOOKS];
    uint32_t n;
} Queue;

static void insert(Queue *q, CpEnt ent, uint32_t turn)
{
    uint32_t i = q->n;
    if (q->n < CP_BALANCE_LOOKS) {
        q->n++;
    } else if ((int32_t)(q->turn[--i] - turn) <= 0) {
        return;
    }
    for (; i > 0 && (int32_t)(q->turn[i - 1] - turn) > 0; i--) {
        q->ent[i] = q->ent[i - 1];
        q->turn[i] = q->turn[i - 1];
    }
    q->ent[i] = ent;
    q->turn[i] = turn;
}

/* Waiting threads of a queue and of the groups in it. */
static void collect(const CpPolicy *policy, CpRq *rq, Queue *q)
{
    for (CpEnt e = policy->cls->next_queued(rq, CP_NONE); e != CP_NONE;
         e = policy->cls->next_queued(rq, e)) {
        if (e & CP_ENT_GROUP) {
            collect(policy, cp_rq_below(rq, e), q);
        } else {
            insert(q, e, cp_balance_ent(policy, e)->turn);
        }
    }
}

/* Mirrors fair.c:detach_tasks: from the one that ran longest ago on; who is passed over
 * comes last next time. */
static void take(Look *l)
{
    const CpPolicy *policy = l->b->policy;
    CpSim *sim = policy->sim;
    CpRq *rq = (CpRq *)(uintptr_t)cp_policy_rq(policy, l->from); /* only walked */
    Queue q = {.n = 0};
    cp_settle(sim, l->from); /* claims are judged by it */
    collect(policy, rq, &q);
    for (uint32_t i = 0; i < q.n && l->plan->amount > 0; i++) {
        CpEnt ent = q.ent[i];
        int64_t worth = 0;
        if (l->b->idle && cp_cpu_nr(sim, l->from) <= 1) {
            return;
        }
        l->seen++;
        if (!may_move(l, ent, cp_balance_ent(policy, ent)) || !fits(l, ent, &worth)) {
            cp_load_pass_over(rq, ent);
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
        CpTid curr = cp_balance_cpu(b->policy, from)->running; /* it counts, too */
        bool runs_free = curr != CP_NONE && cp_thread_allowed(b->policy->sim, curr, b->cpu);
        if (l.pinned == 0 || l.pinned < l.seen || runs_free) {
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
    if (cp_balance_cpu(policy, from)->running != curr) {
        return false; /* of another class */
    }
    cp_push(sim, curr, b->cpu);
    return true;
}
