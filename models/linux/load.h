/* Who was how busy: load averages of threads, of queues and of CPUs, and in which order the
 * threads of a CPU ran last.
 *
 * Any fair class can be balanced: its policy data begins with CpBalance, its queue data
 * with CpBalanceRq and its entity data with CpBalanceEnt, and it tells of what happens
 * through the functions below.  With one CPU nothing is kept, since nobody asks. */
#ifndef CP_MODELS_LINUX_LOAD_H
#define CP_MODELS_LINUX_LOAD_H

#include "models/linux/features.h"
#include "models/linux/pelt.h"
#include "models/linux/weight.h"
#include "sim/assert.h"
#include "sim/policy.h"

/* Who ran that recently has something in its CPU's cache (migration_cost), ns. */
enum { CP_LOAD_HOT = 500000 };

/* What an entity is, as flags. */
enum {
    CP_LOAD_HERE = 1,     /* in a queue, asleep there or not */
    CP_LOAD_RUNNABLE = 2, /* not asleep */
    CP_LOAD_ATTACHED = 4, /* counted in its CPU's averages */
    CP_LOAD_COLD = 8,     /* nothing of it is in the cache of its CPU */
};

/* Averages are of 1024, shifted by CP_PELT_SHIFT, as of `at` in units of pelt.h.  That of
 * running is known of each stretch between two sleeps, or of the last 130 ms, as a whole:
 * what the thread got of it, evenly. */
typedef struct {
    CpLoadWeight load;
    uint32_t at;
    uint32_t util, runnable, queued; /* running, not asleep, in a queue */
    uint32_t got;                    /* CPU time up to `at`, in units */
    uint32_t turn; /* when it came to its CPU or began to run, counted there */
    uint16_t cpu;  /* in whose averages it counts */
    uint16_t flags;
} CpBalanceEnt;

/* How far one CPU is with balancing at one level of the machine. */
typedef struct {
    uint64_t last;     /* tick of its last try */
    uint32_t span;     /* CPUs at this level, it included */
    uint32_t interval; /* ms, not multiplied for busy CPUs */
    uint32_t failed;   /* tries in a row that moved nothing */
    bool pinned;       /* threads of this span could not move for their affinity */
    /* newly idle: tries and successes of this window, and what came of the last one */
    uint32_t calls, hits, ratio;
    CpTime window; /* when it began */
} CpBalanceLevel;

typedef struct {
    int64_t weight; /* of all that are here */
    int64_t load;   /* its average, of weight 1, shifted by CP_PELT_SHIFT */
    uint64_t at;    /* averages are of then */
    /* Of a CPU, i.e. only in the queue at the top: */
    int64_t util, runnable; /* of its threads, blocked ones included */
    uint32_t nr;            /* runnable threads, of groups too */
    uint32_t asleep;        /* threads asleep in a queue */
    CpEnt running;          /* fair thread, CP_NONE */
    uint32_t turns;         /* given to threads, see CpBalanceEnt */
    CpBalanceLevel *level;  /* by level; NULL: its clocks were not set going yet */
    uint64_t due;           /* tick before which it need not try at any level */
    /* idle times: when the last one began, and their decayed mean */
    CpTime idle_from, idle_mean;
    uint32_t scan;     /* CPUs of its cache a wake-up looks at for an idle one */
    CpTime scan_until; /* when that is computed anew */
} CpBalanceRq;

typedef struct {
    CpBalanceFeatures has;
    bool several;       /* CPUs */
    uint64_t idle_next; /* tick; before it no idle CPU need be told of work */
    CpCpuMask asked;    /* idle CPUs whose next try is counted in it */
    /* Does ent, which waits in rq, have a claim to run?  Of the class. */
    bool (*eligible)(const CpRq *rq, CpEnt ent);
} CpBalance;

static inline CpBalance *cp_balance_of(const CpPolicy *policy)
{
    return policy->data;
}

static inline CpBalanceEnt *cp_balance_ent(const CpPolicy *policy, CpEnt ent)
{
    return (CpBalanceEnt *)(void *)(policy->ents + (size_t)ent * policy->ent_size);
}

/* The CPU's queue at the top. */
static inline CpBalanceRq *cp_balance_cpu(const CpPolicy *policy, CpCpu cpu)
{
    return cp_policy_rq(policy, cpu)->data;
}

/* The same, of any queue of the CPU. */
static inline CpBalanceRq *cp_balance_top(const CpRq *rq)
{
    return G_LIKELY(rq->group == 0) ? (CpBalanceRq *)rq->data
                                    : cp_balance_cpu(rq->policy, rq->cpu);
}

/* --- told by the class --- */

void cp_load_init(CpRq *rq);
void cp_load_clear(CpRq *rq);
/* The weights in a queue are about to change by this much. */
void cp_load_weigh(const CpRq *rq, int64_t change);
/* ent comes into rq, awake (again, if it is there). */
void cp_load_wake(const CpRq *rq, CpEnt ent, bool is_new);
/* ent sleeps and stays in rq. */
void cp_load_sleep(const CpRq *rq, CpEnt ent);
/* ent leaves rq; for good if it ends. */
void cp_load_leave(const CpRq *rq, CpEnt ent, bool ends);
/* Brings the averages of a thread and of its CPU up to now. */
void cp_load_update(const CpRq *rq, CpTid tid);
/* ent begins to run (below), or stops although it could go on, and no other fair thread
 * runs. */
void cp_load_stop(const CpRq *rq, CpEnt ent);
/* ent counts as if it had just come: balancing passed it over. */
void cp_load_pass_over(const CpRq *rq, CpEnt ent);

static inline void cp_load_run(const CpRq *rq, CpEnt ent)
{
    if (cp_balance_of(rq->policy)->several && !(ent & CP_ENT_GROUP)) {
        CpBalanceRq *top = cp_balance_top(rq);
        CpBalanceEnt *e = cp_balance_ent(rq->policy, ent);
        bool old =
            (uint32_t)cp_pelt_units(cp_now(rq->sim)) - e->at > 4u << CP_PELT_HALF_SHIFT;
        if (G_UNLIKELY(old || top->running == CP_NONE)) {
            cp_load_update(rq, ent);
        }
        if (top->running != ent) {
            top->running = ent;
            e->flags &= (uint16_t)~CP_LOAD_COLD;
            e->turn = ++top->turns;
        }
    }
}

/* --- asked by placement and balancing; averages of now, 1024 a CPU or a weight --- */

typedef struct {
    uint64_t load, util, runnable;
} CpLoads;

CpLoads cp_load_of_cpu(const CpPolicy *policy, CpCpu cpu);
/* A thread's load counts as much as its groups weigh there. */
CpLoads cp_load_of_thread(const CpPolicy *policy, CpTid tid);
/* What other classes and slow hardware leave of a CPU for fair threads, of 1024. */
uint64_t cp_load_capacity(const CpPolicy *policy, CpCpu cpu);

#endif
