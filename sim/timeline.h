/* The follower of records: from a stream of them, simulated or imported, to what was going
 * on.  It is fed blocks in order of time and keeps what each thread, CPU, lock and loop is
 * doing; what ends is handed to hooks, and what is going on can be asked for.
 *
 *     static void add(void *data, const CpSpan *span)
 *     {
 *         CpTime *waited = data;
 *         if (span->state == CP_SEEN_RUNNABLE) {
 *             waited[span->thread] += span->to - span->from;
 *         }
 *     }
 *     const CpTimelineHooks hooks = {.span = add};
 *     CpTimeline *tl = cp_timeline_new(&(CpTimelineConfig){.hooks = &hooks, .data =
 * waited}); cp_timeline_feed(tl, records, n);   // as often as there are blocks
 *     cp_timeline_finish(tl, end);
 *     cp_timeline_free(tl);
 *
 * Recordings are read by traces/walk.h, which does the last four lines.
 *
 * Nothing is made up.  A thread begins where its first evidence is: one that is first seen
 * when it is switched to has not waited before.  Where a source does not say in what state
 * a thread left its CPU ('?'), it is OFF until a wake-up shows that it slept; if it runs
 * again without one, it stays unknown whether it could have run.  A wait that ends without
 * a wake-up is told from one that was ended (CP_END_UNWOKEN).  Sources that tell only the
 * beginning of a wake-up (perf's sched_waking) are understood like those that tell its end.
 * One that begins while its thread is still leaving its CPU, up to CP_TIMELINE_EARLY
 * before, ends a wait that has no length.
 *
 * Memory grows with the numbers of threads, CPUs, locks, loops and of tasks and requests
 * that live at a time, not with the records.  The same records give the same calls however
 * they are split into blocks.  Hooks must not feed the timeline. */
#ifndef CP_SIM_TIMELINE_H
#define CP_SIM_TIMELINE_H

#include "sim/record.h"

/* A number not known yet, where CP_NONE means nobody: who runs on a CPU before its first
 * record, who holds a lock. */
#define CP_UNKNOWN (CP_NONE - 1)

/* --- what hooks are told --- */

typedef enum {
    CP_SEEN_NOT, /* nothing is known of the thread yet */
    CP_SEEN_RUNNABLE,
    CP_SEEN_RUNNING,
    CP_SEEN_BLOCKED,
    CP_SEEN_OFF, /* off the CPU; the recording does not say whether it could have run */
    CP_SEEN_ENDED,
} CpSeen;

/* How a span ended. */
typedef enum {
    CP_END_OPEN,      /* it did not: the recording, or its part, ends */
    CP_END_RUNS,      /* the thread was given a CPU */
    CP_END_WOKEN,     /* somebody or something ended the wait */
    CP_END_UNWOKEN,   /* it runs again, and nobody was seen to wake it */
    CP_END_BLOCKED,   /* it gave the CPU up to wait */
    CP_END_PREEMPTED, /* it lost the CPU, or offered it to others, and could have gone on */
    CP_END_OFF,       /* it left the CPU, nobody knows why */
    CP_END_EXIT,
    CP_END_ELSEWHERE, /* it was seen on another CPU before it left this one: a gap */
} CpEnd;

/* A thread was in one state.  Spans of a thread follow each other without gaps, from its
 * first evidence to its end; they may have no length. */
typedef struct {
    uint32_t thread;
    CpSeen state;    /* RUNNABLE, RUNNING, BLOCKED or OFF */
    CpTime from, to; /* cut at the window */
    CpTime since;    /* when it really began: <= from */
    uint32_t cpu;    /* RUNNING: on it; RUNNABLE: queued there; else where it was last */
    CpEnd end;       /* how it ended */
    bool woken;      /* RUNNABLE: by a wake-up, not by losing a CPU */
    bool is_new;     /* and this was its first one */
    CpTime begun;    /* RUNNABLE by a wake-up: when that was begun, <= since; else since */
    CpBlock why;     /* BLOCKED: on what; CP_BLOCK_NONE: not told */
    CpRecordKind on; /* and the kind whose names (cp_cpr_name_at) `object` is one of; */
    uint32_t object; /* CP_NONE: not told */
} CpSpan;

/* Who had a CPU: a thread, CP_NONE (idle) or CP_UNKNOWN (before the first record of that
 * CPU).  from < to; those of one CPU follow each other and fill the window. */
typedef struct {
    uint32_t cpu, thread;
    CpTime from, to;
} CpCpuSpan;

typedef struct {
    CpTime at;
    uint32_t cpu, from, to; /* threads, CP_NONE: idle; from: also CP_UNKNOWN */
    uint32_t arg;           /* of the record, see cp_switch_voluntary */
} CpSwitch;

/* A thread that did not run and could not became runnable. */
typedef struct {
    CpTime at;
    uint32_t thread, cpu; /* enqueued there; CP_NONE: the source does not tell */
    uint32_t waker;       /* who ran where it was sent; CP_NONE: nobody, or an interrupt */
    bool is_new;          /* its first one */
} CpWakeup;

typedef struct {
    CpTime at;
    uint32_t thread, from, to; /* CPUs */
    bool told; /* by a record; else only seen, since it runs on another CPU than before */
} CpMigration;

/* A lock, or the lock of an interpreter, as one thread had to do with it. */
typedef struct {
    uint32_t lock, thread;
    bool held;   /* else: waited for */
    bool forced; /* held, and given up because another thread asked for it */
    CpEnd end;   /* OPEN; EXIT: of the thread; RUNS: got or given up */
    CpTime from, to, since;
} CpLockSpan;

typedef enum { CP_LOOP_STEP, CP_LOOP_OWN, CP_LOOP_POLLS } CpLoopState;

/* An event loop executed one step of a task or callback, did its own work, or polled. */
typedef struct {
    uint32_t loop, thread; /* thread: CP_NONE, not known yet */
    CpLoopState state;
    uint32_t task; /* of a step */
    int64_t label; /* of a step: value of its record, see CP_RECORD_FUNCTION */
    CpEnd end;     /* OPEN, or RUNS: it went on to the next state */
    CpTime from, to, since;
} CpLoopSpan;

/* One iteration of an event loop, from its poll's end to its next poll; it touches the
 * window but is not cut at its beginning. */
typedef struct {
    uint32_t loop, thread;
    CpTime begin, end;
    CpTime late;      /* the poll before it came back so long after its timeout */
    int64_t handles;  /* ready when it began; -1: not known */
    uint32_t n_steps; /* made in it */
} CpIteration;

/* A task of an event loop, or a call for a pool. */
typedef struct {
    uint32_t task;    /* number, used again after its end */
    uint32_t creator; /* task, CP_NONE */
    int64_t label;
    CpTime from, to, since;
    CpEnd end;    /* OPEN: not ended yet */
    uint32_t how; /* ended: 0 done, 1 cancelled, 2 failed */
} CpTaskSpan;

/* A CPU ran nothing of a group, by its quota. */
typedef struct {
    uint32_t group, cpu;
    CpEnd end;
    CpTime from, to, since;
} CpThrottleSpan;

/* A request to a device; CP_NEVER: that did not happen, or not yet. */
typedef struct {
    uint32_t device, thread;
    CpTime submitted, started, done;
} CpDeviceSpan;

/* A mark, a response or a gap of the recording. */
typedef struct {
    CpTime at;
    uint32_t id;     /* mark: its string; response: its histogram; gap: what, see GAP */
    uint32_t thread; /* gap: number of events lost */
    uint32_t cpu;    /* CP_RECORD_NO_CPU: not known */
    int64_t value;   /* response: ns; gap: ns */
} CpMoment;

typedef struct CpTimeline CpTimeline;

/* All may be NULL.  Records that no hook needs are passed over quickly. */
typedef struct {
    /* Every record of a known kind, before it is followed: what is asked of the timeline
     * is how things stood until then.  `more`: its continuation, NULL if it has none. */
    void (*each)(void *data, const CpTimeline *tl, const CpRecord *r, const CpRecord *more);
    /* threads and CPUs */
    void (*span)(void *data, const CpSpan *span);
    void (*cpu)(void *data, const CpCpuSpan *span);
    void (*switched)(void *data, const CpSwitch *s); /* never to the same thread */
    void (*wakeup)(void *data, const CpWakeup *w);
    void (*migration)(void *data, const CpMigration *m);
    /* objects */
    void (*lock)(void *data, const CpLockSpan *span);
    void (*gil)(void *data, const CpLockSpan *span);
    void (*throttle)(void *data, const CpThrottleSpan *span);
    void (*device)(void *data, const CpDeviceSpan *span);
    /* runtimes */
    void (*loop)(void *data, const CpLoopSpan *span);
    void (*iteration)(void *data, const CpIteration *iteration);
    void (*task)(void *data, const CpTaskSpan *span);
    /* moments */
    void (*mark)(void *data, const CpMoment *point);
    void (*respond)(void *data, const CpMoment *point);
    void (*gap)(void *data, const CpMoment *point);
} CpTimelineHooks;

/* --- what can be asked --- */

/* A thread that has made up its mind to wait needs so long at most until it is off its CPU:
 * the kernel marks it first, so that others may wake it already. */
#define CP_TIMELINE_EARLY (50 * CP_US)

typedef struct {
    CpTime since;   /* of the state */
    CpTime early;   /* of a running one: a wake-up was begun then; CP_NEVER: none */
    CpTime waking;  /* a wake-up was begun then and has not ended; CP_NEVER: none */
    CpTime begun;   /* when the one that made it RUNNABLE was */
    CpTime resumed; /* when it last came back from a wait */
    CpTime lock_since, gil_since;
    uint32_t cpu;    /* RUNNING: on it; RUNNABLE: queued there; else where it was last */
    uint32_t ran_on; /* CPU it ran on last, CP_NONE */
    uint32_t waker;  /* of the wake-up begun, early ones too */
    uint32_t lock;   /* it waits for this lock, CP_NONE */
    uint32_t asks;   /* and for this interpreter's lock, CP_NONE */
    uint32_t gil;    /* it has this interpreter's lock; CP_NONE, CP_UNKNOWN */
    uint32_t loop;   /* it runs this event loop; CP_NONE */
    uint32_t device; /* it sent the last request to; CP_NONE */
    uint8_t state;   /* CpSeen */
    uint8_t why;     /* CpBlock of a blocked one */
    bool woken, is_new, exiting;
} CpSeenThread;

typedef struct {
    uint32_t thread; /* CP_NONE: idle; CP_UNKNOWN */
    CpTime since;
} CpSeenCpu;

typedef struct {
    uint32_t holder; /* CP_NONE: free; CP_UNKNOWN */
    CpTime since;
} CpSeenLock;

typedef struct {
    bool is_known;
    CpLoopState state;
    uint32_t thread, task; /* CP_NONE: not known; task: of a step */
    int64_t label;
    int64_t handles; /* of the iteration; -1: not known */
    uint32_t n_steps;
    CpTime since, begin; /* of the state, of the iteration */
    CpTime timeout;      /* when the poll should come back; CP_NEVER: it need not */
    CpTime late;
} CpSeenLoop;

/* What was seen of a task. */
typedef struct {
    bool open;        /* made and not ended */
    uint32_t creator; /* of an open one */
    int64_t label;
    CpTime since;
} CpSeenTask;

/* Numbers of loops and interpreters' locks, and of locks, from these on are damage. */
enum { CP_TIMELINE_LOOPS_MAX = 1 << 16, CP_TIMELINE_LOCKS_MAX = 1 << 22 };

/* For reading; pointers are good until the next feed.  What else a timeline knows is its
 * own. */
struct CpTimeline {
    CpTime now;            /* of the last record followed */
    CpSeenThread *threads; /* NULL: no hook needs them */
    CpSeenCpu *cpus;
    uint32_t n_threads, n_cpus;     /* rows */
    uint32_t n_running, n_runnable; /* threads in these states */
};

/* What to follow also without a hook for it. */
enum { CP_KEEP_LOCKS = 1, CP_KEEP_GILS = 2, CP_KEEP_LOOPS = 4, CP_KEEP_TASKS = 8 };

typedef struct {
    CpTime from, to; /* window: spans are cut at it, moments outside left out, records
                        behind it not followed; to = 0: no end */
    uint32_t n_cpus, n_threads; /* records of others are not followed; 0: as many as come */
    unsigned keep;              /* CP_KEEP_* */
    bool simulated;             /* a wait whose reason no record tells is a sleep */
    const CpTimelineHooks *hooks; /* borrowed */
    void *data;                   /* first argument of the hooks */
} CpTimelineConfig;

CpTimeline *cp_timeline_new(const CpTimelineConfig *config);
void cp_timeline_free(CpTimeline *tl);
/* Who runs there when the window begins, of a stream that begins in the middle; before the
 * first feed. */
void cp_timeline_runs(CpTimeline *tl, uint32_t cpu, uint32_t thread);
/* Records in order of time. */
void cp_timeline_feed(CpTimeline *tl, const CpRecord *records, size_t n);
/* Ends all that is going on at `at`, or at the end of the window if that is earlier. */
void cp_timeline_finish(CpTimeline *tl, CpTime at);

/* A running thread that leaves its CPU to wait at `now` has been woken already. */
static inline bool cp_timeline_was_early(const CpSeenThread *t, CpTime now)
{
    return t->early != CP_NEVER && now - t->early <= CP_TIMELINE_EARLY;
}

/* NULL: no such row yet. */
static inline const CpSeenThread *cp_timeline_thread(const CpTimeline *tl, uint32_t id)
{
    return id < tl->n_threads ? &tl->threads[id] : NULL;
}

static inline uint32_t cp_timeline_running(const CpTimeline *tl, uint32_t cpu)
{
    return cpu < tl->n_cpus ? tl->cpus[cpu].thread : CP_UNKNOWN;
}

/* Of what is followed: because of its hook, of `span` (locks, interpreters' locks and loops
 * are what threads wait for), or of `keep`.  NULL: not seen yet. */
const CpSeenLock *cp_timeline_lock(const CpTimeline *tl, uint32_t id);
const CpSeenLock *cp_timeline_gil(const CpTimeline *tl, uint32_t id);
const CpSeenLoop *cp_timeline_loop(const CpTimeline *tl, uint32_t id);
const CpSeenTask *cp_timeline_task(const CpTimeline *tl, uint32_t id);

#endif
