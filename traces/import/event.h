/* One event of a foreign trace, as an importer's reader hands it on: names are pieces of
 * the reader's text, threads are the pids of the recorded machine. */
#ifndef CP_TRACES_IMPORT_EVENT_H
#define CP_TRACES_IMPORT_EVENT_H

#include "sim/types.h"

typedef struct {
    const char *text; /* borrowed; not terminated */
    uint32_t len;
} CpSpan;

typedef enum {
    CP_TRACE_OTHER,      /* an event we have no use for; who ran there is still told */
    CP_TRACE_SWITCH,     /* from subject to other */
    CP_TRACE_WAKING,     /* subject, cpu2 = target */
    CP_TRACE_WAKEUP,     /* subject, cpu2 = target */
    CP_TRACE_WAKEUP_NEW, /* subject, cpu2 = target */
    CP_TRACE_MIGRATE,    /* subject from value to cpu2 */
    CP_TRACE_FORK,       /* subject = parent, other = child */
    CP_TRACE_EXEC,       /* subject; other.comm = file name */
    CP_TRACE_EXIT,       /* subject; value 1: last of its process */
    CP_TRACE_RUNTIME,    /* subject, value = ns */
    CP_TRACE_PRIORITY,   /* subject, value = new priority */
    CP_TRACE_RENAME,     /* subject, its new name */
    CP_TRACE_GIL_ASK,    /* the running thread */
    CP_TRACE_GIL_GOT,
    CP_TRACE_GIL_DROP,
    CP_TRACE_LOST, /* value = number of events, -1: not told; cpu or CP_NONE */
} CpTraceKind;

#define CP_PRIO_UNKNOWN INT32_MIN

typedef struct {
    int32_t pid;  /* 0: idle; -1: not known */
    int32_t prio; /* kernel priority, CP_PRIO_UNKNOWN */
    CpSpan comm;  /* length 0: not known */
} CpTraceTask;

typedef struct {
    CpTraceKind kind;
    CpTime time;         /* of the source's clock */
    uint32_t cpu, cpu2;  /* CP_NONE: not known */
    uint32_t state;      /* of a switch: letter and CP_SWITCH_ bits */
    int32_t tgid;        /* process of `current`, -1: not known */
    CpTraceTask current; /* who ran there according to the line's head */
    CpTraceTask subject, other;
    int64_t value;
    bool cpu_above;       /* of a CPU beyond the greatest number: cpu is CP_NONE */
    bool state_is_number; /* of a switch: the state was printed as one */
    bool irq; /* known to have happened in an interrupt, not by the running thread */
} CpTraceEvent;

#endif
