/* Control groups: weights and CPU bandwidth, level by level. */
#ifndef CP_SIM_GROUP_H
#define CP_SIM_GROUP_H

#include "sim/state.h"

struct CpGroupState {
    CpGroup parent;
    uint32_t shares; /* 1024 = default */
    CpTime cpu_time;
    /* bandwidth */
    CpTime quota, period, burst, pool;
    bool timer_on, idle;
    bool used;         /* charged since the last period began */
    CpTime phase;      /* of its periods */
    CpCpu first, last; /* throttled CPUs in order */
    uint64_t periods, throttled_periods;
    CpTime throttled_ns;
};

struct CpGroupCpu {
    bool throttled;
    bool delayed;    /* the group entity sleeps in its parent's structure */
    CpTime left;     /* runtime granted to this CPU */
    CpTime since;    /* throttled since */
    uint32_t nr;     /* runnable threads below, but for those below a throttled group */
    uint32_t weight; /* its share here as the class was told; 0: not yet */
    uint32_t next;   /* CPU throttled after this one, first come first served */
};

static inline CpGroupCpu *cp_group_on(const CpSim *sim, CpGroup group, CpCpu cpu)
{
    cp_assert(group < sim->n_groups && cpu < sim->n_cpus);
    return &sim->group_cpu[group * sim->n_cpus + cpu];
}

/* cgroup v2 weight to shares: 100 -> 1024 (core.c:cpu_weight_write_u64). */
static inline uint32_t cp_group_shares(uint32_t weight)
{
    return (weight * 1024 + 50) / 100;
}

void cp_groups_init(CpSim *sim);
/* Divides the group's shares among the CPUs its threads are on. */
void cp_group_share(CpSim *sim, CpGroup group);
/* Fills gc->left up to `target` from the pool, as far as that goes; false: nothing left. */
bool cp_group_grab(CpSim *sim, CpGroup group, CpGroupCpu *gc, CpTime target);
/* Sets the timer that refills the pool, if it is not set. */
void cp_group_start_periods(CpSim *sim, CpGroup group);
/* Something of the group ran there; true: its quota is used up, choose anew. */
bool cp_group_charge(CpSim *sim, CpGroup group, CpCpu cpu, CpTime delta);
/* When the CPU's share of the group's quota runs out if curr goes on; CP_NEVER: no quota.
 */
CpTime cp_group_look(const CpSim *sim, CpGroup group, const CpCpuState *c);
/* A thread below `group` became runnable or stopped being so; false: hidden by a throttled
 * ancestor, so that the CPU does not count it. */
bool cp_group_count(CpSim *sim, CpGroup group, CpCpu cpu, int change);
/* The group, or one above it, is throttled on that CPU. */
bool cp_group_hides(const CpSim *sim, CpGroup group, CpCpu cpu);

/* quota.c */
/* After put_prev: takes the groups of a thread that ran out of quota off the CPU. */
void cp_group_throttle(CpSim *sim, CpCpuState *c, CpTid tid);
/* A period begins: the pool is refilled, who waits for it comes back. */
void cp_group_timer(CpSim *sim, CpGroup group);
/* Changes of cpu.max and cpu.weight during the run; a quota of 0 is none. */
void cp_group_set_quota(CpSim *sim, CpGroup group, CpTime quota);
void cp_group_set_weight(CpSim *sim, CpGroup group, uint32_t weight);

#endif
