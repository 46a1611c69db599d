#include "sim/group.h"

#include "sim/random.h"
#include "sim/runqueue.h"
#include "sim/thread.h"
#include "sim/timer.h"

/* Decides what weight a control group has on a CPU, and what of its CPU bandwidth (cpu.max)
 * is left there, per level of the tree.
 *
 * A group's quota is handed to CPUs in slices of 5 ms from a pool refilled each period;
 * mirrors fair.c:account_cfs_rq_runtime.  What follows when it is used up is quota.c's. */

enum { SLICE_NS = 5000000 };

void cp_groups_init(CpSim *sim)
{
    for (CpGroup g = 1; g < sim->n_groups; g++) {
        const CpGroupDecl *d = cp_group_decl(sim->w, g);
        CpTime period = d->period > 0 ? d->period : 100 * CP_MS;
        uint64_t r = cp_random(sim->seed, CP_RANDOM_GROUP, 0, g);
        sim->groups[g] =
            (CpGroupState){.parent = d->parent,
                           .shares = cp_group_shares(d->weight > 0 ? d->weight : 100),
                           .quota = d->quota,
                           .period = period,
                           .burst = d->burst,
                           .pool = d->quota,
                           .idle = d->idle,
                           .phase = (CpTime)(r % (uint64_t)period),
                           .first = CP_NONE,
                           .last = CP_NONE};
        CpPolicy *policy = &sim->classes[cp_fair_rank(sim)].policy;
        for (CpCpu cpu = 0; cpu < sim->n_cpus && policy->cls->group_weight != NULL; cpu++) {
            policy->cls->group_weight(policy, NULL, cp_group_ent(sim, g, cpu),
                                      sim->groups[g].shares, d->idle);
        }
    }
}

/* What decides when the running thread's slice is over has changed. */
static void look_again(CpSim *sim, CpCpuState *c)
{
    if (c->curr != CP_NONE && cp_thread(sim, c->curr)->state == CP_THREAD_RUNNING &&
        c->id != sim->event_cpu) {
        cp_cpu_look(sim, c);
        cp_cpu_arm(sim, c);
    }
}

/* A group's share on one CPU follows how many of its threads are there; mirrors
 * fair.c:calc_group_shares with thread counts for loads. */
void cp_group_share(CpSim *sim, CpGroup group)
{
    CpPolicy *policy = &sim->classes[cp_fair_rank(sim)].policy;
    uint64_t total = 0;
    if (policy->cls->group_weight == NULL || sim->n_cpus == 1) {
        return;
    }
    for (CpCpu cpu = 0; cpu < sim->n_cpus; cpu++) {
        total += cp_group_on(sim, group, cpu)->nr;
    }
    /* The kernel counts by averages that never quite reach the number of threads. */
    uint64_t times = policy->concur ? CLAMP(total - 1, 1, sim->n_cpus) : 1;
    for (CpCpu cpu = 0; cpu < sim->n_cpus; cpu++) {
        CpGroupCpu *gc = cp_group_on(sim, group, cpu);
        CpRq *rq = cp_rq(sim, sim->groups[group].parent, cpu, cp_fair_rank(sim));
        if (gc->nr == 0) {
            continue;
        }
        uint64_t shares = sim->groups[group].shares * times * gc->nr / total;
        uint32_t weight = shares < 2 ? 2 : (uint32_t)shares;
        if (weight != gc->weight) {
            gc->weight = weight;
            cp_settle(sim, cpu); /* what ran until its last tick was worth the old one */
            policy->cls->group_weight(policy, rq, cp_group_ent(sim, group, cpu), weight,
                                      sim->groups[group].idle);
            look_again(sim, &sim->cpus[cpu]);
        }
    }
}

/* Threads below a throttled group are none of its parents'; mirrors h_nr_queued. */
bool cp_group_count(CpSim *sim, CpGroup group, CpCpu cpu, int change)
{
    for (CpGroup g = group; g != 0; g = sim->groups[g].parent) {
        CpGroupCpu *gc = cp_group_on(sim, g, cpu);
        cp_assert(change > 0 || gc->nr >= (uint32_t)-change);
        gc->nr = (uint32_t)((int)gc->nr + change);
        cp_group_share(sim, g);
        if (gc->throttled) {
            return false;
        }
    }
    return true;
}

/* --- bandwidth --- */

void cp_group_start_periods(CpSim *sim, CpGroup group)
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

bool cp_group_grab(CpSim *sim, CpGroup group, CpGroupCpu *gc, CpTime target)
{
    CpGroupState *g = &sim->groups[group];
    CpTime need = target - gc->left;
    CpTime got = need < g->pool ? need : g->pool;
    cp_assert(need > 0);
    cp_group_start_periods(sim, group);
    if (got > 0) {
        g->pool -= got;
        gc->left += got;
    }
    cp_assert(g->pool >= 0);
    return gc->left > 0;
}

bool cp_group_charge(CpSim *sim, CpGroup group, CpCpu cpu, CpTime delta)
{
    CpGroupState *g = &sim->groups[group];
    cp_assert(delta > 0);
    if (g->quota == 0) {
        return false;
    }
    CpGroupCpu *gc = cp_group_on(sim, group, cpu);
    g->used = true;
    gc->left -= delta;
    return gc->left <= 0 && !cp_group_grab(sim, group, gc, SLICE_NS);
}

CpTime cp_group_look(const CpSim *sim, CpGroup group, const CpCpuState *c)
{
    cp_assert(sim->groups[group].quota >= 0);
    if (sim->groups[group].quota == 0) {
        return CP_NEVER;
    }
    CpTime left = cp_group_on(sim, group, c->id)->left;
    return sim->now + (left > 0 ? left : 0);
}

bool cp_group_hides(const CpSim *sim, CpGroup group, CpCpu cpu)
{
    for (CpGroup g = group; g != 0; g = sim->groups[g].parent) {
        if (cp_group_on(sim, g, cpu)->throttled) {
            return true;
        }
    }
    return false;
}

bool cp_thread_throttled(const CpSim *sim, CpTid tid, CpCpu cpu)
{
    return cp_group_hides(sim, cp_level(sim, cp_thread(sim, tid)), cpu);
}
