/* A workload in executable form: instructions and the tables they refer to.
 *
 * Built once (by the workload language, by replay, by every importer, through the functions
 * below), checked by cp_workload_verify, then immutable and shared by any number of runs.
 *
 * Registers are 64-bit integers private to a flow, n_regs of them.  Calls do not nest into
 * themselves, so every task has fixed registers in its caller's frame: a call stores its
 * return address in one register and jumps. */
#ifndef CP_SIM_PROGRAM_H
#define CP_SIM_PROGRAM_H

#include "sim/cpumask.h"
#include "sim/dist.h"
#include "sim/op.h"
#include "sim/replay.h"
#include "sim/types.h"

/* a of instructions with a duration operand: where the value is. */
enum {
    CP_ARG_CONST,
    CP_ARG_REG,
    CP_ARG_DIST,
    CP_ARG_NONE,
    CP_ARG_MASK = 7,
    CP_ARG_SIZE = 64,     /* IO: the value is bytes */
    CP_ARG_RELATIVE = 128 /* PERIOD */
};

/* The value that is none: the item that ends `for x from q`, what a task without `return`
 * gives. */
#define CP_ITEM_NONE INT64_MIN

/* Registers with a fixed meaning; a flow that uses one has n_regs above it. */
enum {
    CP_REG_RELEASE, /* intended arrival of the request in hand; CP_NEVER: none */
    CP_REG_VALUE,   /* item sent or received */
    CP_REG_FREE,    /* first one for counters, arguments, locals */
    CP_REG_NONE = 0xffff,
};

/* b of COMPUTE. */
enum {
    CP_COMPUTE_NOGIL = 1,   /* a C call that released the interpreter's lock */
    CP_COMPUTE_NOCHECK = 2, /* a C call that keeps it: no check point inside */
};

/* a of SEND and RECV. */
enum {
    CP_IO_DROP = 1,  /* never block: drop the item if there is no room */
    CP_IO_AWAIT = 2, /* a coroutine awaits it; any other call blocks the thread */
};

/* a of POOL_SHUTDOWN. */
enum { CP_SHUTDOWN_WAIT = 1, CP_SHUTDOWN_CANCEL = 2 };

/* What a group of awaitables waits for. */
typedef enum {
    CP_GROUP_GATHER,    /* all; the first exception goes to the awaiter */
    CP_GROUP_ALL,       /* asyncio.wait: all, exceptions stay inside */
    CP_GROUP_FIRST,     /* the first to end */
    CP_GROUP_EXCEPTION, /* the first to fail, or all */
    CP_GROUP_TASKS,     /* TaskGroup: a failure cancels the others */
    CP_GROUP_RETURN,    /* gather: all; exceptions are results */
} CpGroupKind;

typedef enum {
    CP_ADD,
    CP_SUB,
    CP_MUL,
    CP_DIV
} CpArith; /* DIV by 0 gives 0 and a diagnosis */
typedef enum { CP_EQ, CP_NE, CP_LT, CP_LE, CP_GT, CP_GE } CpCmp;

/* Whether the comparison holds for a first value below (-1), equal to (0) or above (1) the
 * second. */
static inline bool cp_cmp_holds(CpCmp cmp, int order)
{
    switch (cmp) {
    case CP_EQ:
        return order == 0;
    case CP_NE:
        return order != 0;
    case CP_LT:
        return order < 0;
    case CP_LE:
        return order <= 0;
    case CP_GT:
        return order > 0;
    case CP_GE:
        return order >= 0;
    }
    return false;
}

typedef enum {
    CP_SCHED_NORMAL,
    CP_SCHED_BATCH,
    CP_SCHED_IDLE,
    CP_SCHED_FIFO,
    CP_SCHED_RR,
    CP_SCHED_DEADLINE,
    CP_SCHED_POLICIES
} CpSchedPolicy;

/* Their words in the workload language, in this order. */
#define CP_SCHED_WORDS "normal|batch|idle|fifo|rr|deadline"
const char *cp_sched_name(CpSchedPolicy policy);

/* Scheduling attributes of a thread, as sched_setattr takes them, plus what the textbook
 * policies read. */
typedef struct {
    CpSchedPolicy policy;
    int32_t nice;     /* -20..19 */
    int32_t rt_prio;  /* 1..99 under FIFO and RR; textbook policies: any, lower first */
    uint32_t tickets; /* lottery and stride; 0: 100 */
    CpTime slice;     /* 0: the policy's own */
    CpTime runtime, deadline, period; /* DEADLINE, EDF */
    CpTime slack;                     /* timer slack; -1: default */
    uint32_t cpus;                    /* index of a CPU mask, CP_NONE: all */
} CpSchedAttr;

/* "lock", "rwlock" ... as the workload language has them. */
const char *cp_obj_kind_name(CpObjKind kind);

enum { CP_OBJ_SHARED = 1, CP_OBJ_ASYNC = 2, CP_OBJ_PI = 4, CP_OBJ_HANDED = 8 };

typedef struct {
    uint32_t name; /* string */
    CpObjKind kind;
    uint32_t flags;
    CpProcId proc;  /* owner, CP_NONE: crosses processes */
    int64_t n;      /* initial count, parties, capacity in items (0: unbounded), channels */
    int64_t size;   /* pipe: buffer bytes */
    uint32_t lock;  /* condition: its lock object, CP_NONE: its own */
    CpTime spin;    /* CPU time a thread of C waits for it before it sleeps; 0: none, -1:
                       without end */
    CpTime latency; /* socket: one way; device: completion interrupt */
    int64_t bandwidth;   /* bytes per second; 0: socket: unlimited, device: not known */
    uint8_t service_arg; /* device: CP_ARG_CONST or CP_ARG_DIST, CP_ARG_NONE if not given */
    uint32_t service;
    uint32_t feeder; /* queue into which Python processes put: declaration of the thread
                        that writes what a process has put; CP_NONE: it is no such queue */
} CpObjDecl;

enum {
    CP_THREAD_SPAWNED = 1, /* started by SPAWN only, not at the beginning */
    CP_THREAD_DAEMON = 2,
    CP_THREAD_FORKS = 4, /* SPAWN makes a new process (a copy of the same declaration) */
    CP_THREAD_LOAD = 8,  /* of a replayed recording: not of the program, but beside it */
};

/* How a Python process starts another. */
typedef enum {
    CP_START_DEFAULT, /* what the parent's version and settings say */
    CP_START_FORK,
    CP_START_SPAWN,
    CP_START_FORKSERVER,
} CpStartMethod;

typedef struct {
    uint32_t name;
    CpProcId proc;
    uint32_t entry; /* pc */
    uint32_t n_regs;
    uint32_t copies; /* instances at the beginning; 0 for spawned ones */
    uint32_t flags;
    CpTime start; /* of the first instances */
    CpSchedAttr attr;
    uint32_t
        interp; /* python: interpreter of its process, a row of interps; CP_NONE: main */
    uint8_t start_method; /* of a spawned process, CpStartMethod */
    bool own_attr;        /* attr was written down; else a spawned thread inherits */
    CpGroup group;        /* CP_NONE: the process's */
    CpCpu start_cpu; /* placement of the first instance, CP_NONE: the policy's choice */
    uint32_t line;   /* of the declaration, 0: none */
} CpThreadDecl;

typedef struct {
    uint32_t name;
    uint32_t runtime;    /* string: "native", "python" */
    uint32_t version;    /* string or CP_NONE */
    GPtrArray *settings; /* "key", "value" pairs for the runtime; owned */
    CpGroup group;
    uint32_t first_thread, n_threads; /* its declarations, next to each other */
    CpProcId parent;
} CpProcDecl;

typedef struct {
    uint32_t name;
    CpGroup parent;
    uint32_t weight; /* cgroup v2 scale, 100 = default */
    CpTime quota;    /* 0: none */
    CpTime period, burst;
    uint32_t cpus; /* mask, CP_NONE */
    bool idle;
} CpGroupDecl;

/* A change of settings during the run. */
typedef enum {
    CP_AT_NICE,
    CP_AT_CPUS,
    CP_AT_QUOTA,
    CP_AT_WEIGHT,
    CP_AT_OFFLINE,
    CP_AT_ONLINE,
    CP_AT_STOP
} CpAtKind;
typedef struct {
    CpTime at;
    CpAtKind kind;
    uint32_t subject; /* thread declaration, group, or mask */
    int64_t value;
    uint32_t line; /* in the text; 0: none */
} CpAtDecl;

/* An open arrival stream. */
typedef struct {
    uint8_t arg;  /* gap: CP_ARG_CONST, CP_ARG_REG or CP_ARG_DIST; CP_ARG_NONE: times from a
                     list */
    uint32_t gap; /* index, by arg; list index for CP_ARG_NONE */
    CpTime until; /* CP_NEVER */
    uint32_t end; /* pc after the body */
    bool instant; /* body only sends, signals, marks ...: runs without a CPU */
} CpArrivalsDecl;

/* Interrupts: time taken from whoever runs. */
typedef struct {
    uint32_t name;
    CpDist every, steal;
    uint32_t cpus; /* mask, CP_NONE: all */
} CpNoiseDecl;

typedef struct {
    uint32_t first, n; /* in the value table */
} CpList;

/* --- declarations only the python runtime reads --- */

enum {
    CP_TASK_ASYNC = 1,  /* async def: only an event loop runs it */
    CP_TASK_EAGER = 2,  /* of a loop's main task: tasks of this loop are eager */
    CP_TASK_UVLOOP = 4, /* of a loop's main task: the loop is uvloop's */
};

/* A function that runs as a flow of its own: a coroutine, the work given to a pool, a
 * callback, a signal handler.  Its code ends with PY_RETURN. */
typedef struct {
    uint32_t name;
    CpProcId proc;
    uint32_t entry;  /* pc */
    uint32_t n_regs; /* at least CP_REG_FREE; arguments come first */
    uint32_t flags;
    uint32_t line;
    uint32_t run_var; /* variable that is 0 once it has ended, however; CP_NONE */
} CpTaskDecl;

enum {
    CP_CALL_KEEP = 1,   /* the program keeps the handle ("as h") and may wait for it */
    CP_CALL_INTS = 2,   /* the argument is a list of integers: slow to pickle */
    CP_CALL_VALUES = 4, /* MAP: the program reads the results */
};

/* One call of a task as it stands in the text. */
typedef struct {
    uint32_t task;
    uint32_t pool;   /* CP_NONE: the operation needs none */
    uint32_t thread; /* CALL_SOON: thread declaration with the loop; CP_NONE: own */
    uint16_t first_arg, n_args; /* registers of the caller, copied to CP_REG_FREE .. */
    uint32_t flags;
    int64_t size, returns; /* pickled bytes of the argument and of the result */
    uint8_t delay_arg;     /* CALL_SOON: CP_ARG_NONE soon, else after that time */
    uint32_t delay;
    /* MAP: the element becomes the argument after the n_args given ones. */
    uint32_t list; /* CP_NONE: the integers from register `from` to `from` + 1 */
    uint16_t from;
    uint32_t chunk; /* 0: the pool's own rule */
} CpCallDecl;

typedef enum {
    CP_POOL_THREADS,      /* ThreadPoolExecutor */
    CP_POOL_PROCESSES,    /* ProcessPoolExecutor */
    CP_POOL_INTERPRETERS, /* InterpreterPoolExecutor */
    CP_POOL_WORKERS,      /* multiprocessing.Pool */
} CpPoolKind;

typedef struct {
    uint32_t name;
    CpProcId proc;
    CpPoolKind kind;
    uint32_t n;                       /* workers, 0: the version's default */
    uint8_t start_method;             /* CpStartMethod */
    uint32_t worker, manager, feeder; /* thread declarations, CP_NONE: has none */
} CpPoolDecl;

typedef struct {
    uint32_t name;
    CpProcId proc;
    bool own_gil;
} CpInterpDecl;

typedef struct {
    CpProcId proc;
    uint32_t number; /* of the signal, as Linux counts */
    uint32_t task;
} CpHandlerDecl;

struct CpWorkload {
    const CpOpTable *ops; /* rows of all operations; static */
    GArray *code;         /* CpInsn */
    GArray *line;         /* uint32_t: source line of each instruction, 0: none */
    GArray *consts;       /* int64_t */
    GHashTable *const_index;
    GArray *values;     /* int64_t: lists, CHOICE, EMPIRICAL */
    GArray *lists;      /* CpList */
    GArray *dists;      /* CpDist */
    GArray *masks;      /* CpCpuMask */
    GArray *attrs;      /* CpSchedAttr, for SET_SCHED */
    GPtrArray *strings; /* char *, owned; index 0 is "" */
    GHashTable *string_index;
    GArray *objs;     /* CpObjDecl */
    GArray *procs;    /* CpProcDecl */
    GArray *threads;  /* CpThreadDecl */
    GArray *groups;   /* CpGroupDecl; 0 is the root */
    GArray *ats;      /* CpAtDecl, sorted by time at verification */
    GArray *arrivals; /* CpArrivalsDecl */
    GArray *noises;   /* CpNoiseDecl */
    GArray *hists;    /* uint32_t: names (string) */
    GArray *vars;     /* CpVarDecl */
    GArray *tasks;    /* CpTaskDecl */
    GArray *calls;    /* CpCallDecl */
    GArray *pools;    /* CpPoolDecl */
    GArray *interps;  /* CpInterpDecl */
    GArray *handlers; /* CpHandlerDecl */
    CpReplay *replay; /* owned; NULL: every program is in `code` */
    uint32_t name;    /* string */
    uint32_t source;  /* string: file name for messages */
};

typedef struct {
    uint32_t name;
    CpProcId proc;
    int64_t value;
    bool shared; /* between processes; else a child process has its own */
} CpVarDecl;

/* With the operations of every runtime its processes may have. */
CpWorkload *cp_workload_new(const CpOpTable *ops);
void cp_workload_free(CpWorkload *w);

/* Each adds one row and returns its index; equal strings, constants and histograms share
 * one.  Declarations come with defaults: an object without owner, a process in the root
 * group, one copy of a thread that begins at the next instruction emitted.  The threads of
 * a process are declared one after the other, before those of another. */
uint32_t cp_workload_string(CpWorkload *w, const char *text);
const char *cp_workload_text(const CpWorkload *w, uint32_t string);
uint32_t cp_workload_const(CpWorkload *w, int64_t value);
uint32_t cp_workload_dist(CpWorkload *w, CpDist dist);
uint32_t cp_workload_list(CpWorkload *w, const int64_t *values, uint32_t n);
uint32_t cp_workload_mask(CpWorkload *w, const CpCpuMask *mask);
uint32_t cp_workload_hist(CpWorkload *w, const char *name);
uint32_t cp_workload_obj(CpWorkload *w, const char *name, CpObjKind kind);
uint32_t cp_workload_proc(CpWorkload *w, const char *name, const char *runtime);
uint32_t cp_workload_thread(CpWorkload *w, CpProcId proc, const char *name);
/* A task that begins at the next instruction emitted, with CP_REG_FREE registers. */
uint32_t cp_workload_task(CpWorkload *w, CpProcId proc, const char *name);
/* A call with defaults: no arguments, handle not kept, soon, sizes 0. */
uint32_t cp_workload_call(CpWorkload *w, uint32_t task);
uint32_t cp_workload_interp(CpWorkload *w, CpProcId proc, const char *name, bool own_gil);
uint32_t cp_workload_emit(CpWorkload *w, CpOp op, uint8_t a, uint16_t b, uint32_t c,
                          uint32_t line);
static inline uint32_t cp_workload_pc(const CpWorkload *w)
{
    return w->code->len;
}

#define cp_obj_decl(w, i)    (&g_array_index((w)->objs, CpObjDecl, (i)))
#define cp_proc_decl(w, i)   (&g_array_index((w)->procs, CpProcDecl, (i)))
#define cp_thread_decl(w, i) (&g_array_index((w)->threads, CpThreadDecl, (i)))
#define cp_group_decl(w, i)  (&g_array_index((w)->groups, CpGroupDecl, (i)))
#define cp_task_decl(w, i)   (&g_array_index((w)->tasks, CpTaskDecl, (i)))
#define cp_call_decl(w, i)   (&g_array_index((w)->calls, CpCallDecl, (i)))
#define cp_pool_decl(w, i)   (&g_array_index((w)->pools, CpPoolDecl, (i)))
#define cp_insn(w, i)        (&g_array_index((w)->code, CpInsn, (i)))

static inline const CpOpInfo *cp_op_info(const CpWorkload *w, CpOp op)
{
    cp_assert((unsigned)op < w->ops->n);
    return &w->ops->rows[op];
}

/* Default attributes: NORMAL, nice 0, default slack, all CPUs. */
CpSchedAttr cp_sched_attr_default(void);

/* Checks that every operand refers to an existing row and every jump to an instruction,
 * that a thread has the registers its code uses and that control cannot run past the end;
 * sorts `ats`.  A failure is a bug in whoever built it. */
gboolean cp_workload_verify(CpWorkload *w, GError **error);

/* Returns new text: one line an instruction, with names; for `validate --listing`. */
char *cp_workload_listing(const CpWorkload *w);

#endif
