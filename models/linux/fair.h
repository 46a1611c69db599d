/* The fair class (EEVDF) from inside: what its files share.
 *
 *   fair.c          the class and its hooks: who comes, goes and changes
 *   fair-queue      queued entities, and the search for the best of them
 *   fair-slice      how long a request is, and whom it protects
 *   fair-lag        what an entity is owed, kept over a sleep, and its place on return
 *   fair-charge.c   virtual time passes
 *   fair-hrtick.c   slices that end on a timer
 *   fair-pick.c     who runs next
 *   fair-preempt.c  whether a wakee takes the CPU
 *
 * An entity (a thread, or a group on one CPU) is in a run queue or not.  If it is, its
 * weight and v x weight are in the sums, and it is either queued or the one outside: the
 * entity that runs, or ran last.  A sleeper may still be in the queue (delayed dequeue).
 *
 * All sums are exact: 128-bit products against reference 0, so no reference moves. */
#ifndef CP_MODELS_LINUX_FAIR_H
#define CP_MODELS_LINUX_FAIR_H

#include "models/linux/balance.h"
#include "models/linux/features.h"
#include "models/linux/weight.h"
#include "sim/assert.h"
#include "sim/policy.h"

enum {
    CP_FAIR_QUEUED = 1,       /* in the queue */
    CP_FAIR_READY = 2,        /* in its second heap */
    CP_FAIR_DELAYED = 4,      /* asleep, still queued */
    CP_FAIR_REL_DEADLINE = 8, /* off the queue: the deadline is relative to v */
    CP_FAIR_IDLE = 16,        /* SCHED_IDLE */
    CP_FAIR_BATCH = 32,       /* SCHED_BATCH */
};

typedef struct {
    CpBalanceEnt bal; /* first, see load.h */
    int64_t v;        /* virtual runtime */
    int64_t deadline; /* virtual */
    union {
        int64_t vprot; /* of the running one: protected from preemption while v is below */
        int64_t vlag;  /* of others: V - v when it left the queue */
    };
    uint32_t slice; /* own request size, 0: the base */
    uint32_t pos;   /* in the queue */
    uint32_t flags;
} CpFairEnt;

G_STATIC_ASSERT(sizeof(CpFairEnt) == 80); /* a million threads: each byte is a megabyte */

/* A heap's row: key (v or deadline), then order of insertion, so that equal keys come out
 * first-in-first-out. */
typedef struct {
    int64_t key;
    uint64_t low; /* order of insertion << 32 | entity */
} CpFairNode;

typedef struct {
    CpFairNode *a;
    uint32_t n, cap;
} CpFairHeap;

enum { CP_FAIR_BAG_MAX = 20, CP_FAIR_BAG_AGAIN = 8 }; /* where a queue changes its form */

/* A few entities in no order, column by column for the search. */
typedef struct {
    uint32_t n;
    int64_t v[CP_FAIR_BAG_MAX], deadline[CP_FAIR_BAG_MAX];
    uint64_t low[CP_FAIR_BAG_MAX]; /* as in CpFairNode */
} CpFairBag;

typedef struct {
    CpFairHeap wait, ready; /* of a long queue */
    CpFairBag bag;          /* a short queue */
    bool heaps;             /* which of the two it is */
    uint32_t seq;           /* insertions so far */
} CpFairQueue;

/* A class's queue on one CPU at one level. */
typedef struct {
    CpBalanceRq balance; /* first, see load.h */
    CpFairQueue queue;
    __int128 sum;                  /* of weight x v, of all that are here */
    int64_t zero;                  /* V when the queue was last not empty */
    CpEnt out;                     /* the entity outside the queue, CP_NONE */
    CpEnt next;                    /* who won by its short slice and is picked first */
    CpTime next_tick;              /* first tick after the last charge; 0: not known */
    CpTime slice_end;              /* of a CPU: when a timer ends the slice, CP_NEVER */
    bool told;                     /* of a CPU: this moment's wake-up interrupted it */
    uint32_t n_custom;             /* entities with a slice of their own */
    uint32_t min_slice, max_slice; /* over all entities; good if n_custom > 0 and !stale */
    uint32_t n_min, n_max;         /* entities that have those */
    bool stale;
} CpFairRq;

/* Settings of the class, read once. */
typedef struct {
    CpBalance balance; /* first, see load.h */
    CpEevdfFeatures has;
    uint32_t base; /* request of who asks for none, ns */
    CpTime tick;
} CpFairData;

static inline CpFairRq *cp_fair_rq(const CpRq *rq)
{
    return rq->data;
}

static inline const CpFairData *cp_fair_data(const CpRq *rq)
{
    return rq->policy->data;
}

static inline CpFairEnt *cp_fair_ent(const CpRq *rq, CpEnt ent)
{
    return (CpFairEnt *)(void *)rq->policy->ents + ent;
}

/* --- the weighted average V --- */

static inline int64_t cp_fair_floor_div(__int128 a, int64_t b)
{
    if (a >= INT64_MIN && a <= INT64_MAX) {
        int64_t x = (int64_t)a;
        int64_t q = x / b;
        return q - (x % b < 0);
    }
    __int128 q = a / b;
    return (int64_t)(q - (a % b < 0));
}

/* V; mirrors fair.c:avg_vruntime. */
static inline int64_t cp_fair_average(const CpFairRq *q)
{
    return q->balance.weight == 0 ? q->zero : cp_fair_floor_div(q->sum, q->balance.weight);
}

/* Is an entity at v owed service, v <= V?  sum >= v x weight is the same for integers. */
static inline bool cp_fair_eligible(const CpFairRq *q, int64_t v)
{
    return q->sum >= (__int128)v * q->balance.weight;
}

static inline void cp_fair_sum_add(const CpRq *rq, const CpFairEnt *e)
{
    CpFairRq *q = cp_fair_rq(rq);
    cp_assert(q->balance.weight > 0 || q->sum == 0); /* what is nobody's was taken out */
    q->sum += (__int128)e->v * e->bal.load.weight;
    cp_load_weigh(rq, e->bal.load.weight);
}

static inline void cp_fair_sum_sub(const CpRq *rq, const CpFairEnt *e)
{
    CpFairRq *q = cp_fair_rq(rq);
    cp_assert(q->balance.weight >= e->bal.load.weight);
    if (q->balance.weight == e->bal.load.weight) {
        q->zero = e->v;
    }
    q->sum -= (__int128)e->v * e->bal.load.weight;
    cp_load_weigh(rq, -(int64_t)e->bal.load.weight);
    cp_assert(q->balance.weight > 0 || q->sum == 0);
}

/* --- what the files without a header offer --- */

extern const CpPolicyClass cp_policy_eevdf;

/* fair-pick.c: the entity to run.  A sleeper that is met on the way leaves the queue. */
CpEnt cp_fair_choose(CpRq *rq, bool protected_stays);

/* fair-charge.c and fair-preempt.c: hooks of the class, see sim/policy.h. */
bool cp_fair_account(CpRq *rq, CpEnt ent, CpTime delta);
CpTime cp_fair_next_look(CpRq *rq, CpEnt curr);
bool cp_fair_expired(CpRq *rq, CpEnt curr);
void cp_fair_yield(CpRq *rq);
bool cp_fair_preempts(CpRq *rq, CpEnt woken, CpWakeFlags flags);
bool cp_fair_waits_for_tick(const CpRq *rq);

/* fair-hrtick.c: the thread that begins to run, or one that comes to a CPU whose timer does
 * not run, sets it; every choice stops it. */
void cp_hrtick_starts(const CpRq *rq, CpEnt ent);
void cp_hrtick_comes(const CpRq *rq);
void cp_hrtick_stop(const CpRq *rq);
CpTime cp_hrtick_at(const CpRq *root);
/* Has it fired?  It does so once. */
bool cp_hrtick_fires(const CpRq *rq);

#endif
