/* A recording as the kernel's tracer would have logged it: the events that ftrace, perf and
 * the tools behind them know, with the numbers and names a kernel gives to threads. */
#ifndef CP_TRACES_EXPORT_KERNEL_H
#define CP_TRACES_EXPORT_KERNEL_H

#include "traces/walk.h"

/* Longest name of a thread in a kernel's event, without its end. */
enum { CP_COMM_MAX = 15, CP_PRIO_DEFAULT = 120 };

/* When simulated runs begin: tools take a time of 0 for none. */
#define CP_KERNEL_START CP_S

typedef enum {
    CP_KERNEL_SWITCH,     /* subject -> other, state */
    CP_KERNEL_WAKING,     /* subject, cpu2 = target */
    CP_KERNEL_WAKEUP,     /* subject, cpu2 = target */
    CP_KERNEL_WAKEUP_NEW, /* subject, cpu2 = target */
    CP_KERNEL_MIGRATE,    /* subject, from value to cpu2 */
    CP_KERNEL_RUNTIME,    /* subject, value = ns */
    CP_KERNEL_FORK,       /* subject = parent, other = child */
    CP_KERNEL_EXEC,       /* subject, text = file */
    CP_KERNEL_EXIT,       /* subject, value 1: last of its process */
    CP_KERNEL_PRIORITY,   /* subject, value = its new priority */
    CP_KERNEL_RENAME,     /* subject, text = its new name */
    CP_KERNEL_GIL_ASK,    /* the running thread asks for an interpreter's lock, */
    CP_KERNEL_GIL_GOT,    /* has it, */
    CP_KERNEL_GIL_DROP,   /* releases it */
    CP_KERNEL_MARK,       /* the running thread, text */
    CP_KERNEL_LOST,       /* value = events */
    CP_KERNEL_KINDS
} CpKernelKind;

/* A thread as a kernel names it; row CP_NONE is the idle task. */
typedef struct {
    uint32_t thread; /* of the recording; CP_NONE: idle */
    int32_t pid, tgid;
    int32_t prio;
    const char *comm;
} CpKernelTask;

typedef struct {
    CpKernelKind kind;
    CpTime at; /* of the source's clock; simulated: CP_KERNEL_START and on */
    uint32_t cpu, cpu2;
    uint32_t state; /* of a switch: letter and CP_SWITCH_ bits */
    bool irq;       /* happened in an interrupt, not by `current` */
    CpKernelTask current, subject, other;
    int64_t value;
    const char *text;
} CpKernelEvent;

/* Reads the recording, or the window of it; `event` gets every event in order of time;
 * false ends the reading.  What the recording lacks and readers need is added from what it
 * has: both halves of a wake-up, CPU time at each switch. */
typedef bool (*CpKernelFn)(void *data, const CpKernelEvent *event);
gboolean cp_kernel_walk(CpCpr *cpr, CpTime from, CpTime to, CpKernelFn event, void *data,
                        GError **error);

/* Numbers and names of all threads at their beginning. */
typedef struct {
    CpKernelTask *tasks;
    uint32_t n;
} CpKernelTasks;

CpKernelTasks *cp_kernel_tasks_new(const CpCpr *cpr);
void cp_kernel_tasks_free(CpKernelTasks *tasks);

/* Time of the events that happened when the recording's time was 0. */
CpTime cp_kernel_base(const CpCpr *cpr);

/* The number a kernel since 4.14 has for a state. */
int64_t cp_kernel_state_number(uint32_t state);

#endif
