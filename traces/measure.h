/* Figures of some threads of a recording, real or simulated, read from its records alone:
 * the same arithmetic for both, so that they can be put side by side. */
#ifndef CP_TRACES_MEASURE_H
#define CP_TRACES_MEASURE_H

#include "sim/hist.h"
#include "traces/cpr.h"

enum { CP_PATH_THREADS = 4 };

/* What the critical path is made of, see critical.h; the parts add up to its length. */
typedef struct {
    CpTime run;     /* on a CPU */
    CpTime queued;  /* runnable without one, and on the way there from a wake-up */
    CpTime outside; /* waiting for a timer, a device, or nobody seen */
    CpTime unknown; /* off a CPU, nobody knows why */
    struct {        /* who runs on it, at most; CP_NONE: nobody */
        uint32_t thread;
        CpTime run;
    } most[CP_PATH_THREADS];
} CpPath;

typedef struct {
    CpTime first, last; /* first and last moment one of the threads was on a CPU */
    CpTime cpu;         /* CPU time of all of them */
    CpTime run_wait;    /* runnable without a CPU, all of them */
    CpTime wake_delay;  /* between beginning and end of wake-ups, all of them: not part of
                           run_wait; 0 where a source tells only one of the two */
    CpTime blocked;     /* waiting for something else, from its beginning seen */
    CpTime blocked_by[CP_BLOCKS]; /* the same by what it was for, as far as it is told */
    CpTime blocked_on_threads; /* of that, ended by another thread; the rest by a timer, a
                                  device, or nobody seen */
    uint64_t switches;         /* to or from one of them */
    uint64_t voluntary, involuntary; /* switches out of one of them */
    uint64_t migrations;             /* moves between CPUs, also while queued */
    uint64_t wakeups;
    CpTime wakeup_p50, wakeup_p99; /* from the beginning of a wake-up to running; 0 if
                                      there were none */
    uint32_t longest;              /* thread with the most CPU time, CP_NONE */
    CpTime longest_cpu;
    uint32_t queued;     /* thread that was runnable without a CPU longest, CP_NONE */
    CpTime queued_time;  /* and for how long */
    uint32_t awaited;    /* thread that ended most of the others' waiting, CP_NONE */
    CpTime awaited_time; /* so much */
    CpTime lock_wait;    /* for locks, all of them, as far as the recording tells */
    uint32_t lock;       /* waited for longest, CP_NONE; a name of LOCK_WAIT records */
    CpTime gil_wait;     /* for interpreters' locks */
    CpPath path;         /* what the last to run waited for, from beginning to end */
} CpMeasure;

/* `keep` has one entry a thread of the recording; NULL: all but threads of the kernel
 * and load.
 * CP_ERROR_INPUT: a damaged block. */
gboolean cp_measure(CpCpr *cpr, const bool *keep, CpMeasure *out, GError **error);

/* The thread that runs most on a path, CP_NONE, and how long. */
uint32_t cp_path_most(const CpPath *path, CpTime *run);

#endif
