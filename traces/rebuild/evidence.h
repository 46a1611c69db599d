/* What reading a recording leaves for making a workload: what is known of its threads, and
 * one stream of pieces a thread, numbered as the thread is in the recording. */
#ifndef CP_TRACES_REBUILD_EVIDENCE_H
#define CP_TRACES_REBUILD_EVIDENCE_H

#include "traces/rebuild/infer.h"
#include "traces/rebuild/pieces.h"
#include "traces/rebuild/rebuild.h"

/* A wake-up as its author did it. */
typedef struct {
    int64_t place; /* of its piece */
    int64_t wait;  /* of the sleeper's */
    CpRebuildRule rule;
} RebuildWake;

/* Where a waker has to wait until the one it woke has answered. */
typedef struct {
    uint32_t other;
    CpTime at;     /* CPU time of the waker */
    bool answered; /* before the waker came there: it is a wait that did not show */
    int64_t place; /* of the answer's piece */
} RebuildDue;

/* A thread waits for answers of another one. */
typedef struct {
    uint32_t waker, other;
    uint64_t n; /* times */
} RebuildPair;

typedef struct CpLeads CpLeads;

typedef struct {
    CpRebuiltThread facts;
    uint32_t cpu; /* last one it ran on, or was to run on; CP_NONE */
    uint32_t start_cpu;
    uint32_t parent; /* who started it within the recording, CP_NONE */
    uint32_t
        spawned_by; /* a kept thread that starts it, CP_NONE: it exists or starts itself */
    CpTime run;     /* CPU time not yet put into a piece */
    CpTime owed;    /* kernel work still to be taken out of it */
    CpTime settled; /* CPU time up to then is in `run` or in pieces */
    CpTime start;   /* when it begins, if nobody starts it */
    CpTime asked;   /* for an interpreter's lock and has not got it; INT64_MIN: not */
    uint32_t gil;
    GArray *dues;      /* RebuildDue; NULL: none */
    uint32_t woken_by; /* who waits for its answer, CP_NONE */
    uint32_t early_by; /* who woke it last while it still ran; CP_NONE: an interrupt */
    uint64_t yields;
    GArray *last_wakes; /* RebuildWake: of the thread that started it, with nothing behind
                           them; NULL: none */
    int64_t last_join;  /* place of its last join, 0 */
    uint64_t waits, by_author; /* pieces that wait to be woken; by rule 'author' */
    uint32_t live_children;
    uint32_t ended_child;     /* the child that ended last, CP_NONE */
    CpTime child_end;         /* and when */
    int32_t prio, start_prio; /* kernel priority now and at its start */
    uint64_t named, unnamed;  /* wake-ups with and without an author */
    bool changes_rt;          /* it became a real-time thread */
    bool exiting;             /* it has begun to end */
    bool acts;                /* it woke or started others */
    bool awake;               /* what it waited for since it left its CPU is in a piece */
    bool kept, foreign, begun, ended, several_cpus;
} RebuildThread;

/* An interpreter's lock. */
typedef struct {
    uint32_t dropper, asker, taker; /* threads that did so last */
    CpTime dropped, taken;
} RebuildGil;

struct CpRebuild {
    CpRebuildOptions options;
    CpCpr *cpr;           /* borrowed during reading; texts are copied */
    GPtrArray *names;     /* char *, by thread of the recording */
    GPtrArray *processes; /* char * */
    int64_t *pids;
    int64_t *tids;
    RebuildThread *threads;
    CpTime cost[CP_COSTS]; /* taken out of the pieces */
    uint32_t n_threads;
    CpPieces *pieces;
    CpInfer *infer;
    CpLeads *leads;
    GArray *pairs;       /* RebuildPair: those with answers */
    GHashTable *pair_of; /* cp_pair_key(waker, other): number of the pair + 1 */
    bool prio_seen[140]; /* kernel priorities that threads changed to */
    GArray *order;       /* uint32_t: kept threads, by process, then as they appeared */
    GArray *gils;        /* RebuildGil */
    uint32_t n_cpus;
    struct CpTimeline *timeline; /* during reading */
    CpTime *last_woken;          /* by CPU: somebody joined its queue then */
    bool tells_preempted;        /* the source marks switches that were no thread's wish */
    bool has_waking;             /* the source tells the beginnings of wake-ups */
    bool open;                   /* reading has reached the part */
    CpTime from, to;             /* in the recording */
    CpTime left_out;             /* CPU time of threads that are not kept */
    char *source;
    uint64_t rules[CP_RULES];
};

/* One piece of a folded program: either a piece, or `times` > 1 repetitions of the `n`
 * pieces that follow. */
typedef struct {
    CpPiece piece;
    uint32_t times, n;
} FoldedPiece;

/* New array of FoldedPiece from one of CpPiece: exact repetitions become loops. */
GArray *cp_rebuild_fold(const GArray *pieces);

/* Names of the kept threads, by declaration: as recorded, with the tid where several
 * threads have the same one; `plain`: fit for the workload language. */
GPtrArray *cp_rebuild_names(const CpRebuild *rb, bool plain);
/* As the language wants it; `otherwise` begins it where there is no letter. */
char *cp_rebuild_plain_name(const char *name, const char *otherwise);
/* Of the answers of one thread to another: new text, made of the threads' names. */
char *cp_rebuild_pair_name(const CpRebuild *rb, uint32_t pair, const GPtrArray *names);
const char *cp_rebuild_process_name(const CpRebuild *rb, uint32_t thread);

static inline const RebuildThread *cp_rebuild_kept(const CpRebuild *rb, uint32_t decl)
{
    return &rb->threads[g_array_index(rb->order, uint32_t, decl)];
}

/* The CPUs it may use; NULL: all. */
static inline const CpCpuMask *cp_rebuild_cpus(const CpRebuild *rb, const RebuildThread *t)
{
    const CpInferredThread *i = &rb->infer->threads[t->facts.id];
    bool freed = rb->options.unbound && i->bound && !t->foreign;
    return i->limited && !freed ? &i->cpus : NULL;
}

/* A real-time thread that lost its CPU although it could run took turns with others. */
static inline CpSchedPolicy cp_rebuild_rt_policy(const RebuildThread *t)
{
    return t->facts.involuntary > 0 ? CP_SCHED_RR : CP_SCHED_FIFO;
}

#endif
