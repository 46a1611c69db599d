#include "models/linux/balance.h"

/* Which group of CPUs has too much for the one that looks, and how much of it. */

/* --- figures of a group --- */

static void add_cpu(CpGroupStats *g, const CpPolicy *policy, CpCpu cpu, CpTid without,
                    uint32_t pct)
{
    const CpSim *sim = policy->sim;
    const CpBalanceRq *q = cp_balance_cpu(policy, cpu);
    CpLoads l = cp_load_of_cpu(policy, cpu);
    uint64_t capacity = cp_load_capacity(policy, cpu);
    uint32_t nr = cp_cpu_nr(sim, cpu) - cp_cpu_coming(sim, cpu);
    uint32_t runs = MIN(q->nr, nr), count = nr + q->asleep;
    if (without != CP_NONE && cp_balance_ent(policy, without)->cpu == cpu &&
        (cp_balance_ent(policy, without)->flags & CP_LOAD_ATTACHED)) {
        CpLoads own = cp_load_of_thread(policy, without);
        l.load -= MIN(l.load, own.load);
        l.util -= MIN(l.util, own.util);
        l.runnable -= MIN(l.runnable, own.runnable);
    }
    g->load += l.load;
    g->util += l.util;
    g->runnable += l.runnable;
    g->capacity += capacity;
    g->nr += cp_balance_of(policy)->has.count_asleep ? count : nr;
    g->runs += cp_balance_of(policy)->has.count_asleep ? runs + q->asleep : runs;
    g->idle += cp_cpu_nr(sim, cpu) == 0;
    g->n++;
    if (runs == 1 &&
        capacity * pct < (uint64_t)cp_sim_machine(sim)->cpu[cpu].capacity * 100) {
        g->misfit = MAX(g->misfit, l.load);
    }
}

static bool overloaded(const CpGroupStats *g, uint32_t pct)
{
    return g->nr > g->n &&
           (100 * g->capacity < pct * g->util || pct * g->capacity < 100 * g->runnable);
}

static bool has_spare(const CpGroupStats *g, uint32_t pct)
{
    return g->nr < g->n ||
           (pct * g->capacity >= 100 * g->runnable && 100 * g->capacity > pct * g->util);
}

static void sum_up(CpGroupStats *g, const CpMachine *m, uint32_t pct)
{
    g->cores = MAX(g->n / m->smt, 1);
    g->type = overloaded(g, pct)  ? CP_GROUP_OVERLOADED
              : has_spare(g, pct) ? CP_GROUP_SPARE
                                  : CP_GROUP_FULL;
    g->average = g->type == CP_GROUP_OVERLOADED ? cp_group_average(g) : 0;
}

CpGroupStats cp_group_stats(const CpPolicy *policy, uint32_t level, CpCpu member,
                            CpTid without, uint32_t pct)
{
    const CpMachine *m = cp_sim_machine(policy->sim);
    CpLevelKind kinds[CP_LEVELS];
    CpGroupStats g = {.member = member};
    if (level == 0) {
        if (cp_cpu_online(policy->sim, member)) {
            add_cpu(&g, policy, member, without, pct);
        }
        sum_up(&g, m, pct);
        return g;
    }
    cp_levels_of(m, kinds);
    const CpCpuMask *cpus = cp_level_span(m, kinds[level - 1], member);
    for (CpCpu c = cp_cpumask_next(cpus, 0); c != CP_NONE;
         c = cp_cpumask_next(cpus, c + 1)) {
        if (cp_cpu_online(policy->sim, c)) {
            add_cpu(&g, policy, c, without, pct);
        }
    }
    sum_up(&g, m, pct);
    return g;
}

CpCpuMask cp_balance_group(const CpPolicy *policy, uint32_t level, CpCpu member)
{
    const CpMachine *m = cp_sim_machine(policy->sim);
    CpLevelKind kinds[CP_LEVELS];
    CpCpuMask one = {{0}};
    if (level > 0) {
        cp_levels_of(m, kinds);
        return *cp_level_span(m, kinds[level - 1], member);
    }
    cp_cpumask_set(&one, member);
    return one;
}

CpGroups cp_groups_begin(const CpPolicy *policy, uint32_t level, CpCpu cpu,
                         const CpCpuMask *span)
{
    CpGroups walk = {
        .policy = policy, .level = level, .from = cpu, .at = cpu, .span = span};
    if (level > 0) {
        walk.left = *span;
    }
    return walk;
}

CpCpu cp_groups_next(CpGroups *walk)
{
    CpCpu member = walk->at;
    const CpCpuMask *left = walk->level > 0 ? &walk->left : walk->span;
    if (member == CP_NONE) {
        return CP_NONE;
    }
    if (walk->level > 0) {
        CpCpuMask group = cp_balance_group(walk->policy, walk->level, member);
        for (size_t w = 0; w < G_N_ELEMENTS(group.bits); w++) {
            walk->left.bits[w] &= ~group.bits[w];
        }
    }
    CpCpu next = cp_cpumask_next(left, member + 1);
    if (next == CP_NONE && member >= walk->from) {
        next = cp_cpumask_next(left, 0);
    }
    walk->at =
        next >= walk->from && (member < walk->from || next == walk->from) ? CP_NONE : next;
    return member;
}

/* --- the busiest --- */

typedef struct {
    CpGroupStats local, busiest;
    bool found;
    uint64_t load, capacity; /* of the whole span */
} View;

static bool is_smt(const CpBalanceTry *b)
{
    return b->level > 0 && b->below == CP_LEVEL_SMT;
}

/* Did the level below find threads in this group that could not move for their affinity? */
static bool says_pinned(const CpBalanceTry *b, CpCpu member)
{
    CpCpuMask group = cp_balance_group(b->policy, b->level, member);
    const CpBalanceRq *q = cp_balance_cpu(b->policy, cp_cpumask_next(&group, 0));
    return q->level != NULL && q->level[b->level - 1].pinned;
}

/* What only matters to who looks. */
static void classify(const CpBalanceTry *b, CpGroupStats *g)
{
    const CpBalance *data = cp_balance_of(b->policy);
    if (g->type == CP_GROUP_OVERLOADED) {
        return;
    }
    if (b->level > 0 && says_pinned(b, g->member)) {
        g->type = CP_GROUP_PINNED;
    } else if (b->idle && is_smt(b) && g->runs > 1 && data->has.smt_group) {
        g->type = CP_GROUP_SMT;
    } else if (b->idle && g->misfit > 0) {
        g->type = CP_GROUP_MISFIT;
    }
}

/* Is g busier than the busiest so far, which was met earlier? */
static bool busier(const CpGroupStats *g, const CpGroupStats *best)
{
    if (g->type != best->type) {
        return g->type > best->type;
    }
    switch (g->type) {
    case CP_GROUP_OVERLOADED:
        return g->average > best->average;
    case CP_GROUP_MISFIT:
        return g->misfit > best->misfit;
    case CP_GROUP_SMT:
    case CP_GROUP_SPARE:
        return g->idle != best->idle ? g->idle < best->idle : g->nr > best->nr;
    default:
        return false;
    }
}

static void consider(View *v, CpGroupStats g)
{
    if (g.runs == 0) {
        return;
    }
    if (!v->found || busier(&g, &v->busiest)) {
        v->busiest = g;
        v->found = true;
    }
}

static void see(const CpBalanceTry *b, View *v, CpCpu member)
{
    CpGroupStats g = cp_group_stats(b->policy, b->level, member, CP_NONE, b->pct);
    v->load += g.load;
    v->capacity += g.capacity;
    if (member == b->cpu) {
        v->local = g;
    } else {
        classify(b, &g);
        consider(v, g);
    }
}

/* Every group of the span, its own first and then upwards, wrapping. */
static View look(const CpBalanceTry *b)
{
    View v = {.found = false};
    CpGroups walk = cp_groups_begin(b->policy, b->level, b->cpu, b->span);
    for (CpCpu member; (member = cp_groups_next(&walk)) != CP_NONE;) {
        see(b, &v, member);
    }
    return v;
}

/* By how many threads two groups differ, as far as that asks for a move; mirrors
 * fair.c:sibling_imbalance. */
static int64_t siblings(const CpBalanceTry *b, const View *v)
{
    int64_t nb = v->busiest.nr, nl = v->local.nr;
    int64_t cb = v->busiest.cores, cl = v->local.cores;
    if (!cp_balance_of(b->policy)->has.busy_sibling && !b->idle) {
        return 0;
    }
    if (cb == cl) {
        return MAX(nb - nl, 0);
    }
    int64_t x = MAX(cl * nb - cb * nl, 0);
    x = (2 * x + cl + cb) / (cl + cb);
    return x <= 1 && nl == 0 && nb > 1 ? 2 : x;
}

/* Nodes may differ by a little: it costs more to be far from memory. */
static int64_t adjusted(const CpBalanceTry *b, const View *v, int64_t imbalance)
{
    const CpMachine *m = cp_sim_machine(b->policy->sim);
    uint32_t per_node = m->n_llcs / m->n_nodes, cpus = m->n_cpus / m->n_nodes;
    uint32_t allowed = per_node > 1 ? per_node : MAX(cpus / 8, 1);
    return b->kind == CP_LEVEL_ALL && v->local.nr + 1 <= allowed && imbalance <= 2
               ? 0
               : imbalance;
}

/* Mirrors fair.c:calculate_imbalance; amount 0: nothing. */
static CpMovePlan amount(const CpBalanceTry *b, View *v)
{
    CpGroupStats *busy = &v->busiest, *local = &v->local;
    bool prefers = b->level > 0;
    CpMovePlan plan = {.kind = CP_MOVE_TASKS, .amount = 1};
    plan.from = cp_balance_group(b->policy, b->level, busy->member);
    if (busy->type == CP_GROUP_MISFIT) {
        plan.kind = CP_MOVE_LOAD;
        plan.amount = (int64_t)busy->misfit;
        return plan;
    }
    if (busy->type == CP_GROUP_SMT || busy->type == CP_GROUP_PINNED) {
        return plan;
    }
    if (local->type == CP_GROUP_SPARE) {
        if (busy->type > CP_GROUP_FULL && b->kind > CP_LEVEL_LLC) {
            plan.kind = CP_MOVE_UTIL;
            plan.amount = (int64_t)MAX(local->capacity, local->util) - (int64_t)local->util;
            if (plan.amount == 0 && b->idle) {
                plan.kind = CP_MOVE_TASKS;
                plan.amount = 1;
            }
            return plan;
        }
        int64_t n = busy->n == 1 || prefers
                        ? siblings(b, v)
                        : MAX((int64_t)local->idle - (int64_t)busy->idle, 0);
        plan.amount = adjusted(b, v, n) >> 1;
        return plan;
    }
    uint64_t whole = v->load * 1024 / MAX(v->capacity, 1);
    plan.kind = CP_MOVE_LOAD;
    if (local->type < CP_GROUP_OVERLOADED) {
        local->average = cp_group_average(local);
        if (local->average >= busy->average || local->average >= whole) {
            plan.amount = 0;
            return plan;
        }
    }
    int64_t out = (int64_t)((busy->average - whole) * busy->capacity);
    int64_t in = (int64_t)((whole - local->average) * local->capacity);
    plan.amount = MIN(out, in) / 1024;
    return plan;
}

/* Whether there is anything to be done about the busiest group. */
static bool asks(const CpBalanceTry *b, const View *v)
{
    const CpGroupStats *busy = &v->busiest, *local = &v->local;
    bool prefers = b->level > 0;
    if (busy->type == CP_GROUP_PINNED || busy->type == CP_GROUP_MISFIT) {
        return true;
    }
    if (local->type > busy->type) {
        return false;
    }
    if (local->type == CP_GROUP_OVERLOADED) {
        uint64_t whole = v->load * 1024 / MAX(v->capacity, 1);
        return local->average < busy->average && local->average < whole &&
               100 * busy->average > b->pct * local->average;
    }
    if (prefers && local->type == CP_GROUP_SPARE && siblings(b, v) > 1) {
        return true;
    }
    if (busy->type != CP_GROUP_OVERLOADED) {
        if (!b->idle) {
            return false;
        }
        if (busy->type == CP_GROUP_SMT) {
            return true;
        }
        if (busy->n > 1 && local->idle <= busy->idle + 1) {
            return false;
        }
        return busy->runs != 1;
    }
    return true;
}

CpMovePlan cp_balance_find(const CpBalanceTry *b)
{
    View v = look(b);
    CpMovePlan plan = {.kind = CP_MOVE_NOTHING};
    if (v.found && asks(b, &v)) {
        plan = amount(b, &v);
    }
    if (plan.amount <= 0) {
        plan.kind = CP_MOVE_NOTHING;
    }
    return plan;
}
