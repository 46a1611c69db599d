/* What the parts of inference have of each other: infer.c reads the waits and idle times
 * and says what quotas and CPUs offline explain, infer-affinity.c what affinity does. */
#ifndef CP_TRACES_REBUILD_INFER_WORK_H
#define CP_TRACES_REBUILD_INFER_WORK_H

#include "traces/rebuild/infer.h"
#include "traces/walk.h"

/* Shorter waits on an idle CPU are wake-up latencies; shorter ones beside an idle CPU the
 * balancing's delay. */
#define CP_INFER_OWN_MIN (2 * CP_MS)
#define CP_INFER_TICK    (10 * CP_MS)

/* A thread was runnable, or a CPU idle. */
typedef struct {
    uint32_t who; /* thread; of an idle time: thread that ran there before, CP_NONE */
    CpCpu cpu;
    CpTime from, to;
    CpTime idle;  /* of a wait: its own CPU idled so long */
    CpTime until; /* and to this moment */
    bool last;    /* of an idle time: it has no end */
} InferSpan;

/* A thread was runnable while a CPU that was not its own was idle. */
typedef struct {
    CpTime all;   /* so long */
    CpTime since; /* of that, since it last ran on that CPU */
    uint32_t n;   /* wake-ups since then after which it had to wait all the same */
} InferBeside;

typedef struct {
    CpCpuMask ran;       /* on these CPUs */
    CpTime waited;       /* in all */
    InferBeside *beside; /* by CPU; NULL: never waited beside an idle one */
    uint32_t throttles;  /* waits on an idle CPU */
    uint32_t parent;     /* who started it within the recording, CP_NONE */
} InferThread;

typedef struct {
    CpInfer *out;
    const CpInferThread *info;
    InferThread *threads;
    uint32_t n_threads, n_cpus;
    GArray **idle;     /* InferSpan, by CPU */
    GArray *waits;     /* InferSpan: those of OWN_MIN and longer */
    bool *recorded;    /* by CPU: something is known of it */
    uint32_t *before;  /* by CPU: thread that ran there last */
    GArray *processes; /* of infer.c */
    CpTime from, to;
    uint32_t n_idle;
} InferWork;

/* How long the CPU was idle during the wait; *until: the end of the last such time. */
CpTime cp_infer_overlap(GArray *idle, const InferSpan *wait, CpTime *until);
void cp_infer_say(const InferWork *w, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* "CPUs 0-3,6": new text. */
char *cp_infer_cpus_text(const CpCpuMask *mask);
void cp_infer_limit(InferWork *w, uint32_t thread, const CpCpuMask *mask);

/* Finds threads that were kept from idle CPUs and limits them to those they may use.
 * Reads the part once more.  CP_ERROR_INPUT: a damaged block. */
gboolean cp_infer_affinity(InferWork *w, CpCpr *cpr, const CpWalk *part, GError **error);

static inline InferSpan *cp_infer_span(GArray *spans, guint i)
{
    return &g_array_index(spans, InferSpan, i);
}

#endif
