#include "sim/cpu.h"
#include "sim/group.h"
#include "sim/recorder.h"
#include "sim/runqueue.h"
#include "sim/thread.h"

/* Decides when a control group that has used up its quota leaves a CPU and when it comes
 * back, and what a change of cpu.max or cpu.weight does during the run.  Mirrors
 * fair.c:throttle_cfs_rq, unthrottle_cfs_rq and do_sched_cfs_period_timer. */

/* The group's entity is in its parent's queue. */
static bool is_queued(const CpSim *sim, CpGroup group, CpCpu cpu)
{
    return cp_rq(sim, group, cpu, cp_fair_rank(sim))->nr != 0 &&
           !cp_group_on(sim, group, cpu)->throttled;
}

/* All of a group on one CPU comes into sight of its parents, or goes out of it. */
static void count_all(CpSim *sim, CpGroup group, CpCpuState *c, int sign)
{
    int change = sign * (int)cp_group_on(sim, group, c->id)->nr;
    if (cp_group_count(sim, sim->groups[group].parent, c->id, change)) {
        cp_cpu_count(sim, c, change);
    }
}

/* Takes a group's entity off its parents on this CPU, as if its last thread had left.  It
 * may be off already: a group below it has run out at the same moment. */
static void throttle(CpSim *sim, CpGroup group, CpCpuState *c)
{
    CpGroupState *g = &sim->groups[group];
    CpGroupCpu *gc = cp_group_on(sim, group, c->id);
    bool queued = is_queued(sim, group, c->id);
    for (CpGroup up = group; up != 0 && queued; up = sim->groups[up].parent) {
        if (up != group && (cp_rq(sim, up, c->id, cp_fair_rank(sim))->nr != 0 ||
                            cp_group_on(sim, up, c->id)->throttled)) {
            break;
        }
        cp_dequeue_group(sim, up, c->id, cp_fair_rank(sim), CP_DEQ_SPECIAL);
    }
    cp_assert(!gc->throttled);
    count_all(sim, group, c, -1);
    gc->throttled = true;
    gc->since = sim->now;
    gc->next = CP_NONE;
    if (g->first == CP_NONE) {
        g->first = c->id;
    } else {
        cp_group_on(sim, group, g->last)->next = c->id;
    }
    g->last = c->id;
    cp_record(sim, CP_REC_THROTTLE, group, c->id, 1);
}

void cp_group_throttle(CpSim *sim, CpCpuState *c, CpTid tid)
{
    for (CpGroup g = cp_thread(sim, tid)->group; g != 0; g = sim->groups[g].parent) {
        CpGroupCpu *gc = cp_group_on(sim, g, c->id);
        if (sim->groups[g].quota > 0 && gc->left <= 0 && !gc->throttled &&
            !cp_group_grab(sim, g, gc, 1)) {
            throttle(sim, g, c);
        }
    }
}

static void unthrottle(CpSim *sim, CpGroup group, CpCpuState *c)
{
    CpGroupState *g = &sim->groups[group];
    CpGroupCpu *gc = cp_group_on(sim, group, c->id);
    cp_assert(gc->throttled && g->first == c->id && gc->since <= sim->now);
    g->first = gc->next;
    gc->throttled = false;
    g->throttled_ns += sim->now - MAX(gc->since, sim->counted_from);
    cp_record(sim, CP_REC_THROTTLE, group, c->id, 0);
    if (!is_queued(sim, group, c->id)) {
        return;
    }
    cp_cpu_account(sim, c);
    for (CpGroup up = group; up != 0; up = sim->groups[up].parent) {
        bool was = cp_rq(sim, sim->groups[up].parent, c->id, cp_fair_rank(sim))->nr > 0;
        cp_enqueue_group(sim, up, c->id, cp_fair_rank(sim), CP_ENQ_RESTORE);
        if (was || cp_group_on(sim, sim->groups[up].parent, c->id)->throttled) {
            break;
        }
    }
    count_all(sim, group, c, 1);
    cp_resched_after(sim, c, 0);
}

void cp_group_timer(CpSim *sim, CpGroup group)
{
    CpGroupState *g = &sim->groups[group];
    bool was_throttled = g->first != CP_NONE;
    cp_assert(g->timer_on);
    for (CpCpu cpu = 0; cpu < sim->n_cpus; cpu++) { /* as if each tick had charged */
        if (sim->cpus[cpu].curr != CP_NONE) {
            cp_cpu_account_tick(sim, &sim->cpus[cpu]);
        }
    }
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
        CpGroupCpu *gc = cp_group_on(sim, group, g->first);
        CpTime give = -gc->left + 1 < g->pool ? -gc->left + 1 : g->pool;
        g->pool -= give;
        gc->left += give;
        cp_assert(give > 0 && g->pool >= 0);
        if (gc->left <= 0) {
            break;
        }
        unthrottle(sim, group, &sim->cpus[g->first]);
    }
    cp_group_start_periods(sim, group);
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
        cp_group_on(sim, group, cpu)->left = 1;
    }
    while (g->first != CP_NONE) {
        unthrottle(sim, group, &sim->cpus[g->first]);
    }
    if (quota > 0) {
        cp_group_start_periods(sim, group);
    }
    look_all(sim);
}

void cp_group_set_weight(CpSim *sim, CpGroup group, uint32_t weight)
{
    cp_assert(group > 0 && group < sim->n_groups && weight > 0);
    CpPolicy *policy = &sim->classes[cp_fair_rank(sim)].policy;
    CpGroupState *g = &sim->groups[group];
    account_all(sim);
    g->shares = cp_group_shares(weight);
    if (sim->n_cpus == 1 && policy->cls->group_weight != NULL) {
        CpRq *rq = cp_rq(sim, g->parent, 0, cp_fair_rank(sim));
        policy->cls->group_weight(policy, rq, cp_group_ent(sim, group, 0), g->shares,
                                  g->idle);
    }
    cp_group_share(sim, group);
    look_all(sim);
}
