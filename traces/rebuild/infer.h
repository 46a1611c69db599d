/* What kept the threads of a recording from CPUs that were idle.
 *
 * A thread that could run while a CPU it may use did nothing for longer than a tick was
 * held back by something that is not in the records.  What fits is inferred, said with the
 * figures that speak for it, and carried into the rebuilt workload:
 *   quota      it waited on its own idle CPU, again and again until the same moment of a
 *              period: its process is in a group with bandwidth control
 *   offline    the idle CPU was used before, the thread that stops CPUs was the last there
 *   affinity   it did not run on the idle CPU any more, again and again
 *   unrecorded nothing is told of the other CPUs at all
 * Where nothing fits, a prediction would be wrong: cp_infer_refusal says why. */
#ifndef CP_TRACES_REBUILD_INFER_H
#define CP_TRACES_REBUILD_INFER_H

#include "sim/cpumask.h"
#include "traces/cpr.h"

/* A group with bandwidth control. */
typedef struct {
    char *name;                  /* "quota_600" */
    CpTime period, quota, burst; /* ns */
} CpInferredGroup;

/* A CPU that was taken away. */
typedef struct {
    CpCpu cpu;
    CpTime from, to; /* since the start of the part; to = CP_NEVER: to its end */
} CpInferredOffline;

/* By thread of the recording. */
typedef struct {
    uint32_t group; /* index of groups, CP_NONE */
    bool limited;   /* may use the CPUs of the mask only */
    bool bound;     /* because it, or a thread it has to do with, was bound to them */
    CpCpuMask cpus;
} CpInferredThread;

typedef struct {
    CpInferredThread *threads;
    GArray *groups;  /* CpInferredGroup */
    GArray *offline; /* CpInferredOffline, by time */
    GPtrArray *said; /* char *: one line each */
    char *refusal;   /* NULL: a prediction can be made */
} CpInfer;

/* What inference has to know of a thread. */
typedef struct {
    const char *name;
    int64_t pid;
    bool kernel; /* of the kernel: it has its own rules */
} CpInferThread;

/* Reads the part [from, to] of the recording.  CP_ERROR_INPUT: a damaged block. */
CpInfer *cp_infer_new(CpCpr *cpr, const CpInferThread *threads, CpTime from, CpTime to,
                      GError **error);
void cp_infer_free(CpInfer *infer);

#endif
