/* Basic types shared by every folder.
 *
 * Time is a signed 64-bit count of nanoseconds from the start of the run; there is no
 * floating point in sim/ or models/.  Entities are named by 32-bit handles, which are
 * indexes into tables owned by one CpSim; a pointer into such a table lives only within
 * a function.  CP_NONE is the handle that names nothing. */
#ifndef CP_SIM_TYPES_H
#define CP_SIM_TYPES_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef int64_t CpTime; /* ns */

#define CP_NEVER INT64_MAX
#define CP_US    ((CpTime)1000)
#define CP_MS    ((CpTime)1000000)
#define CP_S     ((CpTime)1000000000)

#define CP_NONE UINT32_MAX

typedef uint32_t CpTid;    /* thread: what the kernel schedules */
typedef uint32_t CpFlowId; /* flow: a behaviour being executed */
typedef uint32_t CpChan;   /* channel: a wait queue */
typedef uint32_t CpObjId;  /* object: lock, semaphore, queue, device ... */
typedef uint32_t CpProcId; /* process */
typedef uint32_t CpGroup;  /* control group; 0 is the root */
typedef uint32_t CpCpu;    /* number of a CPU as the kernel counts: a hardware thread */

/* What a run queue holds: a thread, or a control group as seen on one CPU.  Group entities
 * are numbered from CP_ENT_GROUP on, right after the last thread there can be, so that one
 * table holds both; CP_NONE has that bit too. */
typedef uint32_t CpEnt;
#define CP_ENT_GROUP 0x01000000u

enum {
    CP_CPUS_MAX = 1024,
    CP_THREADS_MAX = CP_ENT_GROUP,
    CP_PROCS_MAX = 1 << 20,
};

typedef struct CpSim CpSim;
typedef struct CpWorkload CpWorkload;

/* State of a thread as the kernel sees it. */
typedef enum {
    CP_THREAD_NEW,      /* declared or created, never enqueued */
    CP_THREAD_RUNNABLE, /* waits for a CPU */
    CP_THREAD_RUNNING,
    CP_THREAD_BLOCKED, /* off the CPU; see CpThread.chan, CpThread.block */
    CP_THREAD_ENDED,
} CpThreadState;

/* On what a blocked thread waits; kept at block time for deadlock cycles, explanations
 * and the reconstruction of recordings alike. */
typedef enum {
    CP_BLOCK_NONE,
    CP_BLOCK_SLEEP,   /* timed sleep, period, arrival */
    CP_BLOCK_LOCK,    /* object id */
    CP_BLOCK_COND,    /* object id: condition, event, barrier, semaphore */
    CP_BLOCK_QUEUE,   /* object id: queue, pipe, socket */
    CP_BLOCK_IO,      /* object id: device */
    CP_BLOCK_JOIN,    /* thread declaration, or CP_NONE for all children */
    CP_BLOCK_RUNTIME, /* a language runtime's own wait (GIL, event loop) */
    CP_BLOCK_OUTSIDE, /* wait for something the model does not contain */
    CP_BLOCKS
} CpBlock;

/* Why a thread became runnable. */
typedef enum {
    CP_WAKE_THREAD, /* another thread's action */
    CP_WAKE_TIMER,
    CP_WAKE_DEVICE,  /* completion interrupt */
    CP_WAKE_OUTSIDE, /* an arrival or an event from outside the model */
} CpWakeCause;

/* How a run ended. */
typedef enum {
    CP_OUTCOME_DONE,     /* every non-daemon thread ended */
    CP_OUTCOME_UNTIL,    /* the given end of simulated time was reached */
    CP_OUTCOME_DEADLOCK, /* threads are blocked and nothing can wake them */
    CP_OUTCOME_GUARD,    /* max-events, max-wall or the zero-time guard */
    CP_OUTCOME_ERROR,    /* the model broke a law, or the sink failed */
    CP_OUTCOME_INTERRUPTED,
} CpOutcome;

#endif
