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
    bool delayed;  /* the group entity sleeps in its parent's structure */
    CpTime left;   /* runtime granted to this CPU */
    CpTime since;  /* throttled since */
    uint32_t nr;   /* runnable threads below */
    uint32_t next; /* CPU throttled after this one, first come first served */
};

void cp_groups_init(CpSim *sim);
void cp_group_charge(CpSim *sim, CpGroup group, CpCpuState *c, CpTime delta);
/* When the CPU's share of the group's quota runs out if curr goes on; CP_NEVER: no quota.
 */
CpTime cp_group_look(const CpSim *sim, CpGroup group, const CpCpuState *c);
/* After put_prev: takes the groups of a thread that ran out of quota off the CPU. */
void cp_group_throttle(CpSim *sim, CpCpuState *c, CpTid tid);
/* A thread below `group` became runnable or stopped being so; false: hidden by a throttled
 * ancestor, so that the CPU does not count it. */
bool cp_group_count(CpSim *sim, CpGroup group, CpCpu cpu, int change);
/* The group, or one above it, is throttled on that CPU. */
bool cp_group_hides(const CpSim *sim, CpGroup group, CpCpu cpu);
void cp_group_timer(CpSim *sim, CpGroup group);
/* Changes of cpu.max and cpu.weight during the run; a quota of 0 is none. */
void cp_group_set_quota(CpSim *sim, CpGroup group, CpTime quota);
void cp_group_set_weight(CpSim *sim, CpGroup group, uint32_t weight);

#endif
