/* Where fair threads run: place.c chooses a CPU for who wakes or is new, balance.c says
 * when a CPU looks for work, balance-find.c which group of CPUs has too much and how much
 * of it, balance-move.c what is taken.  The averages they judge by are those of load.h.
 *
 * The CPUs of a machine form levels, the smallest first: threads of a core, a last-level
 * cache, a memory node, all.  The span of a CPU at a level falls into groups, which are the
 * spans of the level below, or single CPUs at the lowest; mirrors topology.c:sd_init. */
#ifndef CP_MODELS_LINUX_BALANCE_H
#define CP_MODELS_LINUX_BALANCE_H

#include "models/linux/load.h"

/* Kinds of levels. */
typedef enum {
    CP_LEVEL_SMT,
    CP_LEVEL_LLC,
    CP_LEVEL_NODE,
    CP_LEVEL_ALL,
    CP_LEVELS
} CpLevelKind;

enum {
    CP_BALANCE_LOOKS = 32, /* threads looked at, and moved, in one go (sched_nr_migrate) */
};

/* The levels a machine has, smallest first; returns how many. */
uint32_t cp_levels_of(const CpMachine *m, CpLevelKind kinds[static CP_LEVELS]);

/* One try of one CPU at one level. */
typedef struct {
    const CpPolicy *policy;
    CpCpu cpu;               /* that pulls */
    uint32_t level;          /* index of the machine's levels */
    CpLevelKind kind, below; /* of the level and the one inside it */
    const CpCpuMask *span;
    uint32_t pct;   /* an imbalance below it is tolerated */
    uint32_t tries; /* failures until cache-hot threads move too */
    bool idle;      /* the CPU has nothing to do */
    bool newidle;   /* as of now */
    CpBalanceLevel *state;
} CpBalanceTry;

static inline const CpCpuMask *cp_level_span(const CpMachine *m, CpLevelKind kind,
                                             CpCpu cpu)
{
    switch (kind) {
    case CP_LEVEL_SMT:
        return &m->core_cpus[m->cpu[cpu].core];
    case CP_LEVEL_LLC:
        return &m->llc_cpus[m->cpu[cpu].llc];
    case CP_LEVEL_NODE:
        return &m->node_cpus[m->cpu[cpu].node];
    default:
        return &m->all;
    }
}

/* An imbalance of so many per cent is tolerated. */
static inline uint32_t cp_level_pct(CpLevelKind kind)
{
    return kind == CP_LEVEL_SMT ? 110 : 117;
}

/* Has no CPU of this one's core anything to do? */
bool cp_core_idle(const CpSim *sim, CpCpu cpu);

typedef enum {
    CP_MOVE_NOTHING,
    CP_MOVE_LOAD,
    CP_MOVE_UTIL,
    CP_MOVE_TASKS,
} CpMoveKind;

/* What is to be moved to the CPU that tries. */
typedef struct {
    CpMoveKind kind;
    int64_t amount; /* of load, utilisation or threads */
    CpCpuMask from; /* CPUs of the busiest group */
} CpMovePlan;

/* balance-find.c; mirrors fair.c:sched_balance_find_src_group. */
CpMovePlan cp_balance_find(const CpBalanceTry *b);
/* balance-find.c: what a CPU is to others that choose among CPUs. */
typedef enum {
    CP_GROUP_SPARE,
    CP_GROUP_FULL,
    CP_GROUP_MISFIT,
    CP_GROUP_SMT,
    CP_GROUP_PINNED,
    CP_GROUP_OVERLOADED,
} CpGroupType;
typedef struct {
    CpCpu member; /* one of its CPUs */
    CpGroupType type;
    uint64_t load, util, runnable, capacity, average; /* average: of load a capacity */
    uint64_t misfit;            /* load of the CPU that has lost capacity to others */
    uint32_t nr, runs, idle, n; /* threads, fair ones awake, idle CPUs, CPUs */
    uint32_t cores;
} CpGroupStats;
/* Load a capacity, whatever the type. */
static inline uint64_t cp_group_average(const CpGroupStats *g)
{
    return g->capacity == 0 ? 0 : g->load * 1024 / g->capacity;
}

/* Figures of the group of `level` that holds `member`; the thread `without` is left out of
 * them (fork), or CP_NONE. */
CpGroupStats cp_group_stats(const CpPolicy *policy, uint32_t level, CpCpu member,
                            CpTid without, uint32_t pct);
/* The CPUs of that group. */
CpCpuMask cp_balance_group(const CpPolicy *policy, uint32_t level, CpCpu member);

/* A walk over the groups of a span, a CPU's own first, then upwards, wrapping: a member of
 * each, the CPU itself of its own. */
typedef struct {
    const CpPolicy *policy;
    uint32_t level;
    CpCpu from, at;
    const CpCpuMask *span;
    CpCpuMask left; /* of several CPUs a group: whose groups are still to come */
} CpGroups;
CpGroups cp_groups_begin(const CpPolicy *policy, uint32_t level, CpCpu cpu,
                         const CpCpuMask *span);
CpCpu cp_groups_next(CpGroups *walk);

/* balance-move.c; mirrors fair.c:sched_balance_rq.  Returns whether anything moved. */
bool cp_balance_move(const CpBalanceTry *b, CpMovePlan *plan, bool *all_pinned);
/* A running thread of that CPU goes to the one that tries, as no waiting one could. */
bool cp_balance_push(const CpBalanceTry *b, CpMovePlan *plan);

/* place.c: of `mask`, the CPU a real-time or deadline thread takes: its own, else near it
 * the waker's or the first one; mirrors rt.c:find_lowest_rq and deadline.c:find_later_rq.
 */
CpCpu cp_place_near(const CpSim *sim, const CpCpuMask *mask, CpCpu own, CpCpu waker_cpu);

/* Hooks of the class, see sim/policy.h. */
CpCpu cp_balance_select_cpu(CpPolicy *policy, CpTid tid, CpCpu waker_cpu,
                            CpWakeFlags flags);
bool cp_balance_newidle(CpRq *rq);
CpTime cp_balance_tick(CpPolicy *policy);

#endif
