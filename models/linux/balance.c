#include "models/linux/balance.h"

/* When a CPU looks for work of others: at ticks while it is busy, when told to while it
 * idles, and when it goes idle. */

enum {
    BUSY_FACTOR = 16, /* a busy CPU balances that much more rarely */
    PINNED_MAX = 512, /* ms between tries where nothing may move */
    WINDOW = 1024,    /* tries of newly idle CPUs that are counted together */
    BEFORE = 1024,    /* the number of the run's first tick */
};

uint32_t cp_levels_of(const CpMachine *m, CpLevelKind kinds[static CP_LEVELS])
{
    uint32_t n = 0;
    if (m->smt > 1) {
        kinds[n++] = CP_LEVEL_SMT;
    }
    if (m->n_cores > m->n_llcs) {
        kinds[n++] = CP_LEVEL_LLC;
    }
    if (m->n_llcs > m->n_nodes) {
        kinds[n++] = CP_LEVEL_NODE;
    }
    if (m->n_nodes > 1) {
        kinds[n++] = CP_LEVEL_ALL;
    }
    return n;
}

static CpBalanceRq *state_of(const CpPolicy *policy, CpCpu cpu)
{
    return cp_balance_cpu(policy, cpu);
}

static CpBalanceTry try_of(const CpPolicy *policy, CpCpu cpu, uint32_t level,
                           const CpLevelKind *kinds)
{
    const CpMachine *m = cp_sim_machine(policy->sim);
    CpLevelKind kind = kinds[level];
    return (CpBalanceTry){.policy = policy,
                          .cpu = cpu,
                          .level = level,
                          .kind = kind,
                          .below = level > 0 ? kinds[level - 1] : kind,
                          .span = cp_level_span(m, kind, cpu),
                          .pct = cp_level_pct(kind),
                          .tries = kind == CP_LEVEL_SMT   ? 0
                                   : kind == CP_LEVEL_ALL ? 2
                                                          : 1,
                          .state = &state_of(policy, cpu)->level[level]};
}

/* --- one try --- */

/* At a level above the lowest one CPU of each group looks for all: the first idle one (with
 * an idle core, if there is such), else the first; mirrors fair.c:should_we_balance. */
static bool its_turn(const CpBalanceTry *b)
{
    CpSim *sim = b->policy->sim;
    const CpMachine *m = cp_sim_machine(sim);
    if (b->newidle) {
        return true;
    }
    CpCpuMask group = cp_balance_group(b->policy, b->level, b->cpu);
    CpCpu idle = CP_NONE, first = cp_cpumask_next(&group, 0);
    for (CpCpu c = first; c != CP_NONE; c = cp_cpumask_next(&group, c + 1)) {
        if (cp_cpu_nr(sim, c) > 0) {
            continue;
        }
        bool any = b->kind == CP_LEVEL_SMT || m->smt == 1 ||
                   !cp_balance_of(b->policy)->has.smt_group;
        if (any || cp_core_idle(sim, c)) {
            return c == b->cpu;
        }
        idle = idle == CP_NONE ? c : idle;
    }
    return (idle != CP_NONE ? idle : first) == b->cpu;
}

static void draw_clocks(const CpPolicy *policy, CpCpu cpu);

/* What a level says of its span to the level above: some could not move for their affinity.
 * Kept with the first CPU of the span. */
static void say_pinned(const CpBalanceTry *b, bool pinned)
{
    CpCpu first = cp_cpumask_next(b->span, 0);
    draw_clocks(b->policy, first);
    state_of(b->policy, first)->level[b->level].pinned = pinned;
}

static void balanced(const CpBalanceTry *b)
{
    b->state->failed = 0;
    say_pinned(b, false);
    if (!b->newidle && b->state->interval < 2 * b->state->span) {
        b->state->interval *= 2;
    }
}

typedef enum { NOT_ITS_TURN, NOTHING, MOVED } Outcome;

/* Mirrors fair.c:sched_balance_rq. */
static Outcome try_level(const CpBalanceTry *b)
{
    bool all_pinned = false;
    if (!its_turn(b)) {
        balanced(b);
        return NOT_ITS_TURN;
    }
    CpMovePlan plan = cp_balance_find(b);
    if (plan.kind == CP_MOVE_NOTHING) {
        balanced(b);
        return NOTHING;
    }
    if (cp_balance_move(b, &plan, &all_pinned)) {
        b->state->failed = 0;
        b->state->interval = b->newidle ? b->state->interval : b->state->span;
        return MOVED;
    }
    if (all_pinned) {
        say_pinned(b, true);
        b->state->failed = 0;
        if (!b->newidle && b->state->interval < PINNED_MAX) {
            b->state->interval *= 2;
        }
        return NOTHING;
    }
    if (b->newidle) {
        return NOTHING;
    }
    b->state->failed++;
    b->state->interval = b->state->span;
    if (cp_balance_push(b, &plan)) {
        b->state->failed = 0;
        return MOVED;
    }
    return NOTHING;
}

/* --- at ticks --- */

static uint64_t tick_number(const CpSim *sim, CpTime at)
{
    CpTime phase = cp_sim_machine(sim)->tick_phase;
    return BEFORE + (at <= phase ? 0 : (uint64_t)((at - phase) / cp_tick_period(sim)));
}

/* Ticks from one try to the next; mirrors fair.c:get_sd_balance_interval. */
static uint64_t interval_of(const CpPolicy *policy, const CpBalanceLevel *l, bool busy)
{
    CpTime tick = cp_tick_period(policy->sim);
    CpTime ms = (CpTime)l->interval * (busy ? BUSY_FACTOR : 1);
    uint64_t n = (uint64_t)((ms * CP_MS + tick - 1) / tick) - (busy ? 1 : 0);
    uint64_t most = (uint64_t)(CP_S / 10 / tick) * cp_cpus_online(policy->sim);
    return CLAMP(n, 1, MAX(most, 1));
}

/* Before the run the CPUs had looked in vain for a while, each at its own time. */
static void draw_clocks(const CpPolicy *policy, CpCpu cpu)
{
    CpLevelKind kinds[CP_LEVELS];
    CpBalanceRq *q = state_of(policy, cpu);
    uint32_t n = cp_levels_of(cp_sim_machine(policy->sim), kinds);
    uint32_t cap = 0;
    if (q->level != NULL) {
        return;
    }
    cp_rq_reserve((void **)&q->level, &cap, n, sizeof(CpBalanceLevel));
    for (uint32_t i = 0; i < n; i++) {
        enum { OLDEST = 11 }; /* ticks; clocks of CPUs are within 40 ms */
        CpRq *rq = (CpRq *)(uintptr_t)cp_policy_rq(policy, cpu); /* for its numbers */
        uint32_t span =
            cp_cpumask_count(cp_level_span(cp_sim_machine(policy->sim), kinds[i], cpu));
        uint64_t ago = 1 + (cp_rq_random(rq) >> 32) * OLDEST / ((uint64_t)1 << 32);
        q->level[i] = (CpBalanceLevel){.last = BEFORE - ago,
                                       .span = span,
                                       .interval = 2 * span,
                                       .calls = WINDOW / 2,
                                       .hits = WINDOW / 4,
                                       .ratio = WINDOW / 2};
    }
}

static CpTime time_of(const CpSim *sim, uint64_t tick)
{
    cp_assert(tick >= BEFORE);
    return cp_sim_machine(sim)->tick_phase + (CpTime)(tick - BEFORE) * cp_tick_period(sim);
}

/* Tries of a busy CPU that nobody simulated, because no CPU had a thread to spare: all
 * found balance. */
static void catch_up(const CpBalanceTry *b, uint64_t tick)
{
    CpBalanceLevel *l = b->state;
    const CpSim *sim = b->policy->sim;
    uint64_t first = tick_number(sim, cp_cpu_busy_since(sim, b->cpu)) + 1;
    for (;;) {
        uint64_t due = MAX(l->last + interval_of(b->policy, l, true), first);
        if (due >= tick) {
            return;
        }
        uint32_t was = l->interval;
        balanced(b);
        l->last = due;
        if (l->interval == was) { /* it does not grow any more: as often as there is time */
            uint64_t n = interval_of(b->policy, l, true);
            l->last += (tick - 1 - due) / n * n;
        }
    }
}

static bool is_busy(const CpSim *sim, CpCpu cpu)
{
    return cp_cpu_nr(sim, cpu) > cp_cpu_coming(sim, cpu);
}

/* One CPU's levels, upwards; returns its next tick with a try.  Mirrors
 * fair.c:sched_balance_domains. */
static uint64_t balance_cpu(const CpPolicy *policy, CpCpu cpu, uint64_t tick)
{
    CpLevelKind kinds[CP_LEVELS];
    uint32_t n = cp_levels_of(cp_sim_machine(policy->sim), kinds);
    uint64_t next = UINT64_MAX;
    bool busy = is_busy(policy->sim, cpu), goes_on = true;
    draw_clocks(policy, cpu);
    for (uint32_t i = 0; i < n; i++) {
        CpBalanceTry b = try_of(policy, cpu, i, kinds);
        b.idle = !busy;
        if (busy) {
            catch_up(&b, tick);
        }
        if (goes_on && tick >= b.state->last + interval_of(policy, b.state, busy)) {
            Outcome o = try_level(&b);
            goes_on = o != NOT_ITS_TURN;
            b.state->last = tick;
            busy = o == MOVED ? is_busy(policy->sim, cpu) : busy;
        }
        next = MIN(next, b.state->last + interval_of(policy, b.state, busy));
    }
    state_of(policy, cpu)->due = MAX(next, tick + 1);
    return MAX(next, tick + 1);
}

/* Does a busy CPU tell idle ones of work?  Mirrors fair.c:nohz_balancer_kick. */
static bool tells(const CpPolicy *policy, CpCpu cpu)
{
    const CpSim *sim = policy->sim;
    const CpMachine *m = cp_sim_machine(sim);
    uint64_t full = m->cpu[cpu].capacity;
    if (cp_cpu_nr(sim, cpu) - cp_cpu_coming(sim, cpu) >= 2) {
        return true;
    }
    if (cp_balance_cpu(policy, cpu)->nr > 0 &&
        cp_load_capacity(policy, cpu) * 117 < full * 100) {
        return true;
    }
    const CpCpuMask *cache = &m->llc_cpus[m->cpu[cpu].llc];
    uint32_t busy = 0;
    for (CpCpu c = cp_cpumask_next(cache, 0); c != CP_NONE && busy < 2;
         c = cp_cpumask_next(cache, c + 1)) {
        busy += is_busy(sim, c);
    }
    return busy > 1;
}

/* One idle CPU tries for all of them, and for itself last; mirrors
 * fair.c:_nohz_idle_balance.
 */
static void balance_idle(CpPolicy *policy, uint64_t tick)
{
    CpSim *sim = policy->sim;
    CpCpuMask idle = *cp_idle_mask(sim);
    CpCpu leader = cp_cpumask_next(&idle, 0);
    uint64_t next = UINT64_MAX;
    if (leader == CP_NONE) {
        return;
    }
    for (CpCpu c = cp_cpumask_next(&idle, leader + 1);; c = cp_cpumask_next(&idle, c + 1)) {
        CpCpu cpu = c == CP_NONE ? leader : c;
        if (cp_cpu_nr(sim, leader) > 0) {
            next = tick + 1; /* the rest is done then */
            break;
        }
        if (cp_cpu_online(sim, cpu) && cp_cpu_nr(sim, cpu) == 0) {
            next = MIN(next, balance_cpu(policy, cpu, tick));
        }
        if (c == CP_NONE) {
            break;
        }
    }
    cp_balance_of(policy)->idle_next = next == UINT64_MAX ? tick + 1 : next;
}

/* Idle CPUs nobody has asked yet when they want to try.  One that went idle since the last
 * tick is asked at this one, so that it counts from the next on; mirrors the part of
 * fair.c:nohz_balancer_kick and _nohz_idle_balance that collects next_balance. */
static void ask_idle(const CpPolicy *policy, uint64_t tick, bool latest)
{
    CpBalance *data = cp_balance_of(policy);
    const CpSim *sim = policy->sim;
    const CpCpuMask *idle = cp_idle_mask(sim);
    CpTime last = cp_now(sim) - cp_tick_period(sim);
    for (CpCpu c = cp_cpumask_next(idle, 0); c != CP_NONE;
         c = cp_cpumask_next(idle, c + 1)) {
        if (cp_cpumask_has(&data->asked, c) || !cp_cpu_online(sim, c) ||
            (!latest && cp_cpu_since(sim, c) > last)) {
            continue;
        }
        CpLevelKind kinds[CP_LEVELS];
        uint32_t n = cp_levels_of(cp_sim_machine(sim), kinds);
        draw_clocks(policy, c);
        for (uint32_t i = 0; i < n; i++) {
            const CpBalanceLevel *l = &state_of(policy, c)->level[i];
            uint64_t due = l->last + interval_of(policy, l, false);
            data->idle_next = MIN(data->idle_next, MAX(due, tick));
        }
        cp_cpumask_set(&data->asked, c);
    }
    for (size_t w = 0; w < G_N_ELEMENTS(idle->bits); w++) {
        data->asked.bits[w] &= idle->bits[w];
    }
}

CpTime cp_balance_tick(CpPolicy *policy)
{
    CpSim *sim = policy->sim;
    CpBalance *data = cp_balance_of(policy);
    CpLevelKind kinds[CP_LEVELS];
    const CpMachine *m = cp_sim_machine(sim);
    uint64_t tick = tick_number(sim, cp_now(sim)), next = UINT64_MAX;
    bool layered = cp_levels_of(m, kinds) > 1, told = false;
    if (!data->several || (!layered && cp_crowded_cpus(sim) == 0)) {
        return CP_NEVER;
    }
    for (CpCpu cpu = 0; cpu < m->n_cpus; cpu++) {
        if (!cp_cpu_online(sim, cpu) || !is_busy(sim, cpu)) {
            continue;
        }
        uint64_t due = state_of(policy, cpu)->due;
        due = tick < due ? due : balance_cpu(policy, cpu, tick);
        next = MIN(next, due);
        told = told || (cp_idle_cpus(sim) > 0 && tells(policy, cpu));
    }
    if (told && cp_idle_cpus(sim) > 0) {
        ask_idle(policy, tick, false);
        if (tick >= data->idle_next) {
            balance_idle(policy, tick);
        }
        ask_idle(policy, tick, true);
        next = MIN(next, MAX(data->idle_next, tick + 1));
    }
    return next == UINT64_MAX ? CP_NEVER : time_of(sim, next);
}

/* --- newly idle --- */

/* How long the CPU's idle times are; mirrors core.c:ttwu_do_activate. */
static void learn_idle(const CpRq *rq)
{
    CpBalanceRq *q = state_of(rq->policy, rq->cpu);
    CpTime until = cp_cpu_busy_since(rq->sim, rq->cpu);
    if (q->idle_from > 0 && until > q->idle_from) {
        q->idle_mean += (until - q->idle_from - q->idle_mean) / 8;
        q->idle_mean = MIN(q->idle_mean, CP_MS);
    }
    q->idle_from = cp_now(rq->sim);
}

/* How often tries of this level have been worth it lately, of 1024; mirrors
 * fair.c:update_newidle_stats. */
static void learn_worth(const CpRq *rq, CpBalanceLevel *l, uint32_t hits)
{
    const CpBalance *data = cp_balance_of(rq->policy);
    l->hits += hits;
    if (++l->calls < WINDOW) {
        return;
    }
    l->ratio = MIN(l->hits, (uint32_t)WINDOW);
    if (data->has.newidle == CP_NEWIDLE_RATE) {
        uint64_t rate = (uint64_t)(cp_now(rq->sim) - l->window) >> 22;
        l->ratio = (uint32_t)MIN(l->hits + rate, (uint64_t)WINDOW);
        l->window = cp_now(rq->sim);
    }
    l->calls /= 2;
    l->hits /= 2;
}

bool cp_balance_newidle(CpRq *rq)
{
    const CpBalance *data = cp_balance_of(rq->policy);
    CpLevelKind kinds[CP_LEVELS];
    uint32_t n = cp_levels_of(cp_sim_machine(rq->sim), kinds);
    CpTime cost = 0;
    if (!data->several) {
        return false;
    }
    draw_clocks(rq->policy, rq->cpu);
    learn_idle(rq);
    for (uint32_t i = 0; i < n; i++) {
        CpBalanceTry b = try_of(rq->policy, rq->cpu, i, kinds);
        uint32_t weight = 1;
        b.idle = b.newidle = true;
        cost += 2 * CP_US + (CpTime)b.state->span * CP_US / 10; /* of looking at its CPUs */
        if (state_of(rq->policy, rq->cpu)->idle_mean < cost) {
            return false;
        }
        if (data->has.newidle != CP_NEWIDLE_ALWAYS &&
            !(data->has.newidle == CP_NEWIDLE_RATE && b.state->ratio >= WINDOW)) {
            uint32_t d = (uint32_t)(cp_rq_random(rq) >> 54), w = 1 + b.state->ratio;
            if (d > w) {
                learn_worth(rq, b.state, 0);
                continue;
            }
            weight = (WINDOW + w / 2) / w;
        }
        bool moved = try_level(&b) == MOVED;
        learn_worth(rq, b.state, moved ? weight : 0);
        if (moved) {
            return true;
        }
    }
    return false;
}
