/* What reading a recording leaves for writing a workload: one list of pieces a thread. */
#ifndef CP_TRACES_REBUILD_INTERNAL_H
#define CP_TRACES_REBUILD_INTERNAL_H

#include "traces/rebuild.h"

typedef enum {
    PIECE_NONE,  /* taken back */
    PIECE_RUN,   /* value ns on a CPU */
    PIECE_DELAY, /* value ns off it, ended by nobody we know */
    PIECE_WAIT,  /* until `thread` wakes it; value: how long it took */
    PIECE_WAKE,  /* wake `thread`; value: index of its PIECE_WAIT */
    PIECE_SPAWN, /* start `thread` */
    PIECE_JOIN,  /* wait for the end of `thread`; CP_NONE: of all it started */
    PIECE_NICE,  /* own nice value becomes value */
    PIECE_RT,    /* own policy becomes FIFO with priority value */
} PieceKind;

typedef struct {
    int64_t value;
    uint32_t thread; /* in the recording */
    uint8_t kind;    /* PieceKind */
    uint8_t rule;    /* CpRebuildRule of a wait or delay */
} Piece;

typedef enum {
    THREAD_UNSEEN,
    THREAD_READY,
    THREAD_RUNNING,
    THREAD_BLOCKED,
    THREAD_ENDED,
} ThreadState;

typedef struct {
    CpRebuiltThread facts;
    GArray *pieces; /* Piece; NULL: the thread is not kept */
    ThreadState state;
    uint32_t cpu; /* last one it ran on, CP_NONE */
    uint32_t start_cpu;
    uint32_t parent; /* who started it within the recording, CP_NONE */
    uint32_t
        spawned_by; /* a kept thread that starts it, CP_NONE: it exists or starts itself */
    uint32_t waker; /* author of a wake-up begun but not reported yet, CP_NONE */
    uint32_t waker_piece; /* its PIECE_WAKE */
    CpTime since;         /* of the state */
    CpTime run;           /* CPU time not yet put into a piece */
    CpTime start;         /* when it begins, if nobody starts it */
    CpTime asked;         /* for an interpreter's lock and has not got it; INT64_MIN: not */
    uint32_t gil;
    uint32_t exit_mark; /* number of pieces when it began to end; CP_NONE: it has not */
    uint32_t last_join; /* its last PIECE_JOIN, CP_NONE */
    uint32_t live_children;
    uint32_t ended_child;     /* the child that ended last, CP_NONE */
    CpTime child_end;         /* and when */
    int32_t prio, start_prio; /* kernel priority now and at its start */
    uint32_t named, unnamed;  /* wake-ups with and without an author */
    bool kept, foreign, begun, doubtful, several_cpus, wake_begun;
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
    uint32_t n_threads;
    GArray *order;     /* uint32_t: kept threads, by process, then as they appeared */
    GArray *gils;      /* RebuildGil */
    uint32_t *current; /* thread by CPU, CP_NONE: idle or not known */
    uint32_t n_cpus;
    bool simulated, has_waking, has_wakeups, open, past;
    CpTime from, to; /* in the recording */
    char *source;
    uint64_t rules[CP_RULES];
};

/* One piece of a folded program: either a piece, or `times` > 1 repetitions of the `n`
 * pieces that follow. */
typedef struct {
    Piece piece;
    uint32_t times, n;
} FoldedPiece;

/* New array of FoldedPiece: pieces that were taken back are left out, neighbouring runs are
 * joined, and exact repetitions become loops. */
GArray *cp_rebuild_fold(const GArray *pieces);

#endif
