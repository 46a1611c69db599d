#include "sim/group.h"

#include "sim/cpu.h"
#include "sim/random.h"
#include "sim/recorder.h"
#include "sim/runqueue.h"
#include "sim/thread.h"
#include "sim/timer.h"

/* Control groups: weight and CPU bandwidth (cpu.max), per level of the tree.
 *
 * A group's quota is handed to CPUs in slices of 5 ms from a pool refilled each period;
 * mirrors fair.c:account_cfs_rq_runtime, throttle_cfs_rq, do_sched_cfs_period_timer. */

enum { SLICE_NS = 5000000 };

static CpGroupCpu *at_cpu(const CpSim *sim, CpGroup group, CpCpu cpu)
{
    cp_assert(group < sim->n_groups && cpu < sim->n_cpus);
    return &sim->group_cpu[group * sim->n_cpus + cpu];
}

/* The class that queues groups: the last one. */
static uint32_t fair_rank(const CpSim *sim)
{
    return sim->n_classes - 1;
}

/* cgroup v2 weight to shares: 100 -> 1024 (core.c:cpu_weight_write_u64). */
static uint32_t shares_of(uint32_t weight)
{
    return (weight * 1024 + 50) / 100;
}

void cp_groups_init(CpSim *sim)
{
    for (CpGroup g = 1; g < sim->n_groups; g++) {
        const CpGroupDecl *d = cp_group_decl(sim->w, g);
        CpTime period = d->period > 0 ? d->period : 100 * CP_MS;
        uint64_t r = cp_random(sim->seed, CP_RANDOM_GROUP, 0, g);
        sim->groups[g] =
            (CpGroupState){.parent = d->parent,
                           .shares = shares_of(d->weight > 0 ? d->weight : 100),
                           .quota = d->quota,
                           .period = period,
                           .burst = d->burst,
                           .pool = d->quota,
                           .idle = d->idle,
                           .phase = (CpTime)(r % (uint64_t)period),
                           .first = CP_NONE,
                           .last = CP_NONE};
        CpPolicy *policy = &sim->classes[fair_rank(sim)].policy;
        for (CpCpu cpu = 0; cpu < sim->n_cpus && policy->cls->group_weight != NULL; cpu++) {
            policy->cls->group_weight(policy, NULL, cp_group_ent(sim, g, cpu),
                                      sim->groups[g].shares, d->idle);
        }
    }
}

/* A group's share on one CPU follows how many of its threads are there; mirrors
 * fair.c:calc_group_shares with thread counts for loads. */
static void share(CpSim *sim, CpGroup group)
{
    CpPolicy *policy = &sim->classes[fair_rank(sim)].policy;
    uint64_t total = 0;
    if (policy->cls->group_weight == NULL || sim->n_cpus == 1) {
        return;
    }
    for (CpCpu cpu = 0; cpu < sim->n_cpus; cpu++) {
        total += at_cpu(sim, group, cpu)->nr;
    }
    /* The kernel counts by averages that never quite reach the number of threads. */
    uint64_t times = policy->concur ? CLAMP(total - 1, 1, sim->n_cpus) : 1;
    for (CpCpu cpu = 0; cpu < sim->n_cpus; cpu++) {
        uint64_t nr = at_cpu(sim, group, cpu)->nr;
        CpRq *rq = cp_rq(sim, sim->groups[group].parent, cpu, fair_rank(sim));
        if (nr > 0) {
            uint64_t weight = sim->groups[group].shares * times * nr / total;
            policy->cls->group_weight(policy, rq, cp_group_ent(sim, group, cpu),
                                      weight < 2 ? 2 : (uint32_t)weight,
                                      sim->groups[group].idle);
        }
    }
}

bool cp_group_count(CpSim *sim, CpGroup group, CpCpu cpu, int change)
{
    bool visible = true;
    for (CpGroup g = group; g != 0; g = sim->groups[g].parent) {
        CpGroupCpu *gc = at_cpu(sim, g, cpu);
        cp_assert(change > 0 || gc->nr >= (uint32_t)-change);
        gc->nr = (uint32_t)((int)gc->nr + change);
        visible = visible && !gc->throttled;
        share(sim, g);
    }
    return visible;
}

/* --- bandwidth --- */

static void start_periods(CpSim *sim, CpGroup group)
{
    CpGroupState *g = &sim->groups[group];
    if (g->timer_on) {
        return;
    }
    cp_assert(g->period > 0 && g->phase < g->period);
    CpTime n = sim->now < g->phase ? 0 : (sim->now - g->phase) / g->period + 1;
    g->timer_on = true;
    cp_timer_push(sim, CP_TIMER_GROUP, g->phase + n * g->period, group, 0);
}

static bool grab(CpSim *sim, CpGroup group, CpGroupCpu *gc, CpTime target)
{
    CpGroupState *g = &sim->groups[group];
    CpTime need = target - gc->left;
    CpTime got = need < g->pool ? need : g->pool;
    cp_assert(need > 0);
    start_periods(sim, group);
    if (got > 0) {
        g->pool -= got;
        gc->left += got;
    }
    return gc->left > 0;
}

void cp_group_charge(CpSim *sim, CpGroup group, CpCpuState *c, CpTime delta)
{
    CpGroupState *g = &sim->groups[group];
    cp_assert(delta > 0);
    g->cpu_time += delta;
    if (g->quota == 0) {
        return;
    }
    CpGroupCpu *gc = at_cpu(sim, group, c->id);
    g->used = true;
    gc->left -= delta;
    if (gc->left <= 0 && !grab(sim, group, gc, SLICE_NS) && c->resched_at > sim->now) {
        c->resched_at = sim->now;
        cp_cpu_arm(sim, c);
    }
}

CpTime cp_group_look(const CpSim *sim, CpGroup group, const CpCpuState *c)
{
    cp_assert(sim->groups[group].quota >= 0);
    if (sim->groups[group].quota == 0) {
        return CP_NEVER;
    }
    CpTime left = at_cpu(sim, group, c->id)->left;
    return sim->now + (left > 0 ? left : 0);
}

bool cp_group_hides(const CpSim *sim, CpGroup group, CpCpu cpu)
{
    for (CpGroup g = group; g != 0; g = sim->groups[g].parent) {
        if (at_cpu(sim, g, cpu)->throttled) {
            return true;
        }
    }
    return false;
}

static bool hidden(const CpSim *sim, CpGroup group, CpCpu cpu)
{
    return cp_group_hides(sim, sim->groups[group].parent, cpu);
}

/* Takes a group's entity off its parents on this CPU, as if its last thread had left. */
static void throttle(CpSim *sim, CpGroup group, CpCpuState *c)
{
    CpGroupState *g = &sim->groups[group];
    CpGroupCpu *gc = at_cpu(sim, group, c->id);
    for (CpGroup up = group; up != 0; up = sim->groups[up].parent) {
        if (up != group && (cp_rq(sim, up, c->id, fair_rank(sim))->nr != 0 ||
                            at_cpu(sim, up, c->id)->throttled)) {
            break;
        }
        cp_dequeue_group(sim, up, c->id, fair_rank(sim), CP_DEQ_SPECIAL);
    }
    cp_assert(!gc->throttled && gc->nr > 0);
    cp_cpu_count(sim, c, hidden(sim, group, c->id) ? 0 : -(int)gc->nr);
    gc->throttled = true;
    gc->since = sim->now;
    gc->next = CP_NONE;
    if (g->first == CP_NONE) {
        g->first = c->id;
    } else {
        at_cpu(sim, group, g->last)->next = c->id;
    }
    g->last = c->id;
    cp_record(sim, CP_REC_THROTTLE, group, c->id, 1);
}

void cp_group_throttle(CpSim *sim, CpCpuState *c, CpTid tid)
{
    for (CpGroup g = cp_thread(sim, tid)->group; g != 0; g = sim->groups[g].parent) {
        CpGroupCpu *gc = at_cpu(sim, g, c->id);
        if (sim->groups[g].quota > 0 && gc->left <= 0 && !gc->throttled &&
            !grab(sim, g, gc, 1)) {
            throttle(sim, g, c);
        }
    }
}

static void unthrottle(CpSim *sim, CpGroup group, CpCpuState *c)
{
    CpGroupState *g = &sim->groups[group];
    CpGroupCpu *gc = at_cpu(sim, group, c->id);
    cp_assert(gc->throttled && g->first == c->id && gc->since <= sim->now);
    g->first = gc->next;
    gc->throttled = false;
    g->throttled_ns += sim->now - MAX(gc->since, sim->counted_from);
    cp_record(sim, CP_REC_THROTTLE, group, c->id, 0);
    if (gc->nr == 0) {
        return;
    }
    cp_cpu_account(sim, c);
    for (CpGroup up = group; up != 0; up = sim->groups[up].parent) {
        bool was = cp_rq(sim, sim->groups[up].parent, c->id, fair_rank(sim))->nr > 0;
        cp_enqueue_group(sim, up, c->id, fair_rank(sim), CP_ENQ_RESTORE);
        if (was || at_cpu(sim, sim->groups[up].parent, c->id)->throttled) {
            break;
        }
    }
    cp_cpu_count(sim, c, hidden(sim, group, c->id) ? 0 : (int)gc->nr);
    cp_resched_after(sim, c, 0);
}

void cp_group_timer(CpSim *sim, CpGroup group)
{
    CpGroupState *g = &sim->groups[group];
    bool was_throttled = g->first != CP_NONE;
    cp_assert(g->timer_on);
    g->timer_on = false;
    if (!g->used && !was_throttled) {
        g->pool = g->quota;
        return;
    }
    g->used = false;
    g->periods++;
    g->throttled_periods += was_throttled;
    g->pool =
        g->pool + g->quota < g->quota + g->burst ? g->pool + g->quota : g->quota + g->burst;
    while (g->first != CP_NONE && g->pool > 0) {
        CpGroupCpu *gc = at_cpu(sim, group, g->first);
        CpTime give = -gc->left + 1 < g->pool ? -gc->left + 1 : g->pool;
        g->pool -= give;
        gc->left += give;
        if (gc->left <= 0) {
            break;
        }
        unthrottle(sim, group, &sim->cpus[g->first]);
    }
    start_periods(sim, group);
}

/* --- changes during the run --- */

/* Up to now everybody is charged by the old rules. */
static void account_all(CpSim *sim)
{
    for (CpCpu cpu = 0; cpu < sim->n_cpus; cpu++) {
        cp_cpu_account(sim, &sim->cpus[cpu]);
    }
}

/* When each CPU must look again under the new ones. */
static void look_all(CpSim *sim)
{
    for (CpCpu cpu = 0; cpu < sim->n_cpus; cpu++) {
        CpCpuState *c = &sim->cpus[cpu];
        if (c->curr != CP_NONE) {
            cp_cpu_look(sim, c);
            cp_cpu_arm(sim, c);
        }
    }
}

/* Mirrors core.c:tg_set_cfs_bandwidth: the pool is refilled and nobody stays throttled. */
void cp_group_set_quota(CpSim *sim, CpGroup group, CpTime quota)
{
    cp_assert(group > 0 && group < sim->n_groups && quota >= 0);
    CpGroupState *g = &sim->groups[group];
    account_all(sim);
    g->quota = g->pool = quota;
    for (CpCpu cpu = 0; cpu < sim->n_cpus; cpu++) {
        at_cpu(sim, group, cpu)->left = 1;
    }
    while (g->first != CP_NONE) {
        unthrottle(sim, group, &sim->cpus[g->first]);
    }
    if (quota > 0) {
        start_periods(sim, group);
    }
    look_all(sim);
}

void cp_group_set_weight(CpSim *sim, CpGroup group, uint32_t weight)
{
    cp_assert(group > 0 && group < sim->n_groups && weight > 0);
    CpPolicy *policy = &sim->classes[fair_rank(sim)].policy;
    CpGroupState *g = &sim->groups[group];
    account_all(sim);
    g->shares = shares_of(weight);
    if (sim->n_cpus == 1 && policy->cls->group_weight != NULL) {
        CpRq *rq = cp_rq(sim, g->parent, 0, fair_rank(sim));
        policy->cls->group_weight(policy, rq, cp_group_ent(sim, group, 0), g->shares,
                                  g->idle);
    }
    share(sim, group);
    look_all(sim);
}
