/* CPython on the simulated kernel: state and services shared by the files of the runtime.
 *
 *   python.c    processes, threads, the way of one operation
 *   operations.c  which function executes an operation
 *   versions.c  versions and what operations cost in each; settings
 *   gil.c       below an operation: the lock given up and taken, bursts
 *   gil-*.c     the kinds of interpreter lock
 *   syscall.c   operations of the kernel: bursts, sleeps, starting threads
 *   lock.c      threading objects, variables, the collector
 *   future.c    futures, exceptions
 *   pool.c      executors
 *   feeder.c    queues between processes
 *   event-loop.c, task.c ...  asyncio, see event-loop.h
 *
 * An operation is a state machine over CpFlow.rt_state that is entered again until it is
 * done.  Below it lies one of the thread: give up the lock, take it, run a burst under it
 * (`todo`).  An operation sets that going with py_drop, py_take, py_burst and goes on when
 * it is called again. */
#ifndef CP_MODELS_PYTHON_PY_H
#define CP_MODELS_PYTHON_PY_H

#include "models/python/python-ops.h"
#include "models/python/python.h"
#include "sim/channel.h"
#include "sim/cpu.h"
#include "sim/diagnose.h"
#include "sim/flow.h"
#include "sim/object.h"
#include "sim/process.h"
#include "sim/recorder.h"
#include "sim/thread.h"
#include "sim/timer.h"
#include "sim/wake.h"

typedef enum {
    PY_GIL_TICK,     /* 2.x: a semaphore, given up every so many ticks */
    PY_GIL_INTERVAL, /* 3.2 to 3.12: waiters ask after the interval; one flag for all */
    PY_GIL_TSTATE,   /* 3.13: the same, one flag a thread */
    PY_GIL_NONE,     /* free-threaded, Jython, IronPython */
    PY_GIL_PYPY,     /* as INTERVAL */
} PyGilKind;

/* Rows of cp_python_params. */
enum {
    PYP_GIL,
    PYP_INTERVAL,
    PYP_CHECK_INTERVAL,
    PYP_TICK,
    PYP_CHECK,
    PYP_FREE_OVERHEAD,
    PYP_FREE_SHARED,
    PYP_GAP,
    PYP_BACK,
    PYP_TIMEOUT,
    PYP_REQUEST,
    PYP_DROP,
    PYP_SIGNALLED,
    PYP_ENTER,
    PYP_START,
    PYP_BOOT,
    PYP_ADD,
    PYP_VALUE,
    PYP_LOCK,
    PYP_COSTS,
    PYP_COST_FACTOR,
    PYP_SPEED,
    PYP_CB_FACTOR,
    PYP_SLOW_CALLBACK,
    PYP_SOCKETS,
    PYP_COLD,
    PYP_COLD_HALF,
    PYP_CHILL,
    PYP_CHILL_HALF,
    PYP_STARVING,
    PYP_WAITING,
    PYP_GC_LIVE,
    PYP_GC_BASE,
    PYP_GC_PER_OBJECT,
    PYP_ATOMIC,
    PYP_LINE,
    PYP_INTERP_CREATE,
    PYP_MEM_PROCESS,
    PYP_MEM_FORKED,
    PYP_MEM_TOUCHED,
    PYP_MEM_INTERP,
    PYP_MEM_THREAD,
    PYP_MEM_TASK,
    PYP_MEM_FREE,
    PYP_MEM_LIMIT,
    PYP_COUNT
};

/* What operations of the interpreter cost, ns of CPU time unless said. */
typedef struct {
    uint32_t version; /* CP_PY; free-threaded builds have rows of their own */
    bool free;        /* row of a free-threaded build */
    CpTime add;       /* one `x += 1` in a loop */
    CpTime value;     /* the same of a multiprocessing.Value, each access under its lock */
    CpTime mp_lock;   /* taking or giving back a lock of multiprocessing */
    CpTime lock, rlock, event, queue; /* one operation on such an object */
    CpTime boot;                      /* new thread: until it says that it runs */
    CpTime start;                     /* Thread.start in the parent, kernel part aside */
    CpTime submit, item, result;      /* executor: submit, a worker's item, reading it */
    CpTime iter, step, callback;      /* loop: iteration, task step, other callback */
    CpTime create, timer, run;        /* create_task, call_later, asyncio.run */
    CpTime run_first;                 /* asyncio.run, the first of its process */
    CpTime sleep;                     /* asyncio.sleep beyond call_later */
    CpTime fire;                      /* taking a due timer from the heap, for each doubling
                                         of the heap */
    CpTime sock, pipe;                /* send or receive on one from Python, the system call
                                         itself aside */
    CpTime sock_call;                 /* loop.sock_recv or sock_sendall around that */
    CpTime again;                     /* finding nothing there: exception, future */
    CpTime poll;                      /* telling the selector to watch it, and to stop */
    CpTime feed_stream; /* a stream's read that waits: the transport reads, feeds
                           the reader, wakes its task */
    CpTime write;       /* StreamWriter.write and drain */
    CpTime fork, spawn, forkserver;                /* parent's part of starting a process */
    CpTime boot_fork, boot_spawn, boot_forkserver; /* child: until its function runs */
    CpTime exit_process;
    CpTime manage, feed, work; /* process pool: one round of the manager thread, of the
                                  feeder thread, of a worker, pickling aside */
    CpTime mp_put, mp_feed,
        mp_get; /* multiprocessing.Queue: put, the feeder's and the
                   getter's part with their system calls, pickling aside */
    CpTime pickle, pickle_kib, pickle_big, pickle_int; /* per item; per KiB; above 64 KiB;
                                                         per KiB of integers */
    CpTime print, touch, interp;
} PyCosts;

/* The row of that version, else of the last one before it; static. */
const PyCosts *py_costs(const CpPyVersion *version, bool ideal);
/* An interpreter of that version with nothing imported, bytes. */
int64_t py_bare_size(const CpPyVersion *version);
/* Those times that factor. */
PyCosts py_costs_scaled(const PyCosts *costs, int64_t ppm);

/* One interpreter lock.  In a free-threaded process: who is attached, and the stop of the
 * world. */
typedef struct {
    CpProcId proc;
    uint8_t kind; /* PyGilKind */
    bool locked;
    bool request;    /* up to 3.12: the one flag all waiters share */
    bool mutex_held; /* the mutex inside, R10 of the specification */
    uint32_t entering,
        signals; /* on their way to sleep on `cond`; signals meant for them */
    uint32_t switch_entering, switch_signals; /* the same of `switch_cond` */
    CpTid holder, last_holder;
    uint64_t switch_number;
    uint32_t n_waits; /* rounds of waiting so far */
    CpChan cond, switch_cond, mutex;
    CpTime interval;
    CpTime to_check; /* tick: CPU time of the holder to the next check */
    uint32_t coming; /* tick: woken and have not tried yet */
    CpTime held_since;
    CpTime released; /* when it was last given up */
    /* free-threaded */
    uint32_t attached;
    CpTid stopper; /* who stops the world, CP_NONE */
    CpChan world;  /* who waits for the restart */
    /* statistics */
    uint64_t acquired, switches, forced, wasted;
    CpTime wait_ns, hold_ns;
} PyGil;

/* What is to do before the operation goes on, in this order. */
enum { PY_DO_DROP = 1, PY_DO_TAKE = 2, PY_DO_BURST = 4 };

enum {
    PY_HAS = 1,     /* holds the GIL, or is attached */
    PY_BOOTED = 2,  /* start handshake is over */
    PY_ASKED = 4,   /* drop request for this thread */
    PY_NOCHECK = 8, /* the running burst has no check point */
    PY_FINAL = 16,  /* the thread ends: its drop never waits */
    PY_TIMED_OUT = 32,
    PY_STARTER = 64,    /* its parent waits for the handshake */
    PY_SWITCHING = 128, /* the drop under way was asked for */
    PY_LATE = 256,      /* its wait for the GIL lasted the whole interval */
    PY_AWAITS = 512,    /* sleeps until its child has booted */
    PY_CHILD = 1024,    /* counted among the threads its process waits for */
    PY_DIES = 2048,     /* an exception ends it */
    PY_EINTR = 8192,    /* a signal has ended its wait; the handler has not run yet */
    PY_RESUMES = 16384, /* a handler runs, or has, in the middle of a wait */
    PY_PAUSED = 32768,  /* the same in the middle of a burst */
    PY_ENTERING = 4096, /* found the mutex inside taken, is on its way to sleep on it */
};

/* State of a thread that a signal handler uses as well; fields as of PyThread. */
typedef struct {
    uint8_t todo;
    bool waited;
    uint16_t sync;
    CpTime left;
    int64_t copy;
} PySaved;

typedef struct {
    uint8_t todo;
    uint8_t stage;  /* within the first thing to do */
    uint8_t boot;   /* stage of the start handshake */
    bool reported;  /* starvation was diagnosed */
    uint16_t flags; /* PY_HAS .. */
    uint32_t gil;
    uint8_t end_state; /* of the call a process worker has run */
    uint32_t end_exc;
    uint32_t starting;  /* declaration of the thread a pool starts */
    uint32_t submitted; /* future of the submit, or group, in hand */
    uint32_t map_next, map_n;
    CpTime deadline;    /* of the wait in hand */
    CpTime until;       /* end of its interval of waiting for the GIL */
    CpTime wait_since;  /* begin of its present round of waiting for the GIL */
    CpTime wait_before; /* length of the round before, 0: it is the first */
    CpTid child;        /* thread whose handshake it waits for */
    CpTime left;        /* burst: nominal work left */
    CpTime chunk;       /* burst: what was handed to cp_run */
    CpTime asked;       /* begins to wait for the GIL */
    uint64_t seen;      /* switch number when it last began to wait */
    CpTime gil_wait;
    CpTime ran_at;        /* when it last took or gave up the GIL */
    CpTime idle_then;     /* idle time of that CPU up to then */
    CpTime cold;          /* by how much cold caches will slow down what it does next */
    CpCpu ran_on;         /* the CPU */
    CpTid blamed;         /* who held the GIL for most of that */
    CpTime blamed_ns;     /* by how much that outweighs all others */
    uint32_t waits;       /* rounds of the present wait for the GIL */
    uint32_t wait_number; /* of its present round among all of that GIL */
    uint32_t last_number; /* of the round before, UINT32_MAX: none */
    int64_t copy;         /* VAR_ADD: what was loaded */
    uint16_t sync;        /* rt_state of the synchronisation step below */
    bool late;            /* its wait for an object timed out */
    bool waited;          /* it has waited for that object before */
    uint32_t acquired;
    uint32_t draws;  /* random numbers its costs have drawn */
    uint32_t loop;   /* event loop it runs, CP_NONE */
    CpFlowId base;   /* its own flow while it executes others */
    uint32_t fut;    /* future it serves, CP_NONE */
    uint32_t pool;   /* pool it was started for + 1; 0: none */
    uint32_t opens;  /* pool it starts threads for + 1; 0: none */
    uint32_t serves; /* process pool it works for + 1; 0: none (any more) */
    CpTime wait_end; /* main thread: when its sleep is over */
    PySaved saved;   /* main thread: what was under way when a signal handler began */
} PyThread;

/* By flow. */
typedef struct {
    uint32_t handler; /* pc + 1 of the innermost TRY or TIMEOUT_BEGIN; 0: none */
    uint32_t raised;  /* exception to raise when it goes on; 0: none */
    uint32_t number;  /* of an asyncio task in its process, from 1 */
    uint32_t pool;    /* of the pool's operation under way */
    bool begun;       /* it was told of its first step, or that a worker has it */
    uint32_t lists;   /* first list of results it has; 0: none */
    uint32_t index;   /* child of a group: among those added */
} PyFlow;

typedef struct {
    CpPyVersion version;
    PyGilKind kind;
    const PyCosts *cost; /* of the version, times python.cost_factor */
    const int64_t *v;    /* settings */
    bool ideal;
    uint8_t start;         /* CpStartMethod */
    uint32_t gil;          /* of the main interpreter */
    uint32_t *interp_gils; /* by row of workload->interps, CP_NONE: not made yet */
    uint32_t *pools;       /* by row of workload->pools, CP_NONE: not open */
    CpTid main;            /* main thread, CP_NONE before it begins */
    uint32_t n_tasks;      /* asyncio tasks made so far */
    uint32_t n_spawned;    /* living threads started by others, not daemon */
    uint32_t pending;      /* futures of its executors not finished, items not written */
    bool main_waits;       /* the main thread is at its end and waits for those */
    bool finalizing;
    bool server;                          /* the fork server runs */
    bool looped;                          /* it has run an event loop */
    CpTime check, timeout, request, drop; /* costs of the lock, 0 if costs are ideal */
    CpTime signalled, enter, gap, back, tick;
    CpTime boot, add; /* thread.boot, var.add in force */
    CpTime value;     /* var.shared in force */
    CpTime cold;      /* loop.cold in force */
    CpTime chill;     /* python.cold in force */
    uint64_t collections;
    int64_t overhead; /* of a free-threaded build, ppm */
    bool hand_over;   /* threading.Lock passes ownership after 1 ms */
    bool main_ended;
    bool counted;         /* in the account of memory */
    bool served;          /* so is the server that forks for it */
    int64_t memory;       /* bytes counted for it, threads and tasks aside */
    uint64_t young, live; /* garbage collector */
    uint32_t signals;     /* callbacks of signals to run, CP_NONE: none */
} PyProc;

/* How a length develops: its mean in epochs, each twice as long as the one before.
 */
typedef struct {
    CpTime end;     /* of the epoch in hand; 0: none yet */
    CpTime mean[2]; /* of the two before, the older first; -1: none */
    CpTime sum;     /* of the one in hand */
    uint64_t n;
} PyGrowth;

/* State shared by all Python processes of a run. */
typedef struct {
    CpSim *sim; /* the run */
    CpTable gils, futs, cbs, loops, pools;
    CpTable cells;          /* list.c: PyCell */
    uint32_t free_list[33]; /* blocks of lists, by size; 0: none */
    CpTable buffers;        /* feeder.c: what processes have put and not written yet */
    struct PyMpQueue *mp;   /* feeder.c: by object */
    CpParamSet *defaults;   /* of processes without settings */
    uint32_t free_fut, free_cb;
    /* string indexes; the last two: RuntimeError, ValueError */
    uint32_t exc_cancelled, exc_timeout, exc_broken, exc_runtime, exc_value;
    uint32_t *coming; /* by object: woken by a release of the lock, have not tried it yet */
    uint32_t *homes;  /* by object: 1 + the process that uses it; 0: none yet, UINT32_MAX:
                         any may, or it was reported */
    struct PyQueue *queues; /* coroutines waiting for objects: two by object */
    CpHist lag;
    PyGrowth growth; /* of the lag of timers */
    PyGrowth rounds; /* of iterations with several handles, which is the lag of the next */
    uint64_t iterations, tasks, tasks_failed, lost, calls;
    int64_t memory, memory_max; /* bytes of all processes, now and at most */
    int64_t task_bytes, limit;  /* memory.task, memory.limit of the first process */
    CpTime wait_max;            /* longest wait for a GIL */
    CpTime blocked_max;
} PySim;

/* The operation in hand. */
typedef struct {
    CpSim *sim;
    CpTid tid;
    PyThread *t;
    PyProc *proc;
    PyGil *g;
    PySim *ps;
    CpFlow *flow;
    const CpInsn *insn;
    CpWhy why;
    uint8_t end_state; /* PyFutState of the flow that ends */
} Py;

extern const CpMetric py_metrics[]; /* metrics.c */

static inline PySim *py_sim(const CpSim *sim)
{
    return sim->rt.shared;
}

static inline PyThread *py_thread(const CpSim *sim, CpTid tid)
{
    return (PyThread *)(void *)sim->rt.threads + tid;
}

static inline PyFlow *py_flow(const CpSim *sim, CpFlowId flow)
{
    return (PyFlow *)(void *)sim->rt.flows + flow;
}

static inline PyProc *py_proc(const CpSim *sim, CpProcId proc)
{
    return sim->procs[proc].data;
}

/* Whether it is a process of Python. */
static inline bool py_is_python(const CpSim *sim, CpProcId proc)
{
    return sim->procs[proc].runtime->metrics == py_metrics;
}

static inline PyGil *py_gil(const CpSim *sim, uint32_t gil)
{
    return (PyGil *)py_sim(sim)->gils.rows + gil;
}

/* Fills in who does what. */
void py_enter(Py *p, CpSim *sim, CpTid tid);

/* --- services for operations; each says NEXT when done, else the operation returns what it
 * said and is entered again, with rt_state as set before the call --- */

#define PY_DO(call)                                                                        \
    do {                                                                                   \
        CpStep step_ = (call);                                                             \
        if (step_ != CP_STEP_NEXT) {                                                       \
            return step_;                                                                  \
        }                                                                                  \
    } while (0)

/* Keeps when and where the thread was last at the interpreter's code. */
void py_ran(Py *p);
/* Goes on with what the thread has to do (todo). */
CpStep py_go_on(Py *p);
CpStep py_drop(Py *p);
CpStep py_take(Py *p);
/* Gives the GIL to whoever asked, and takes it again, if somebody did. */
CpStep py_check(Py *p);
CpStep py_burst(Py *p, CpTime work);
/* Lets charged kernel or interpreter work pass. */
CpStep py_pay(Py *p);
/* How much longer that much work takes because the caches are cold. */
CpTime py_cold(PyThread *t, CpTime work);
/* Interpreter work under the GIL that is too short to be interrupted. */
static inline void py_charge(Py *p, CpTime cost)
{
    cp_charge(p->sim, p->tid, p->t->cold > 0 ? cost + py_cold(p->t, cost) : cost);
}
/* The thread sleeps until cp_wake_thread, or the deadline. */
CpStep py_sleep(Py *p, CpTime deadline, CpBlock reason, uint32_t object);
/* Raises an exception in the running flow. */
CpStep py_raise(Py *p, uint32_t exception);
bool py_wants_switch(const Py *p);
/* A cost of the lock as it varies from time to time: log-normal, drawn apart from the work.
 */
CpTime py_varied(Py *p, CpTime mean);

/* --- memory.c: how much memory there is in use --- */
static inline void py_memory(PySim *ps, int64_t change)
{
    ps->memory += change;
    cp_assert(ps->memory >= 0);
    ps->memory_max = MAX(ps->memory_max, ps->memory);
}
/* A declared process begins; a child of one; an interpreter is made; a thread comes (1) or
 * goes (-1); the last thread of a process has ended. */
void py_memory_process(PySim *ps, PyProc *proc);
void py_memory_child(PySim *ps, PyProc *parent, PyProc *child, uint8_t method);
void py_memory_interpreter(PySim *ps, PyProc *proc);
void py_memory_thread(PySim *ps, PyProc *proc, int sign);
void py_memory_gone(PySim *ps, PyProc *proc);

/* --- a kind of GIL; `take` and `drop` are entered until they say NEXT --- */
typedef struct {
    CpStep (*take)(Py *p);
    CpStep (*drop)(Py *p);
} PyGilClass;

extern const PyGilClass py_gil_tick, py_gil_interval, py_gil_free;
uint32_t py_gil_new(CpSim *sim, CpProcId proc, PyGilKind kind);
/* The kind of a version's lock under the setting `gil`. */
PyGilKind py_gil_kind(const CpPyVersion *version, int64_t setting);

/* --- settle.c: settings nobody gave --- */
#define PY_VERSION_DEFAULT "3.13" /* of a process that names none */
/* Whether the interpreter's operations take no time: said so, or the kernel's take none. */
bool py_costs_are_ideal(const CpParamSet *costs, const int64_t *v);
/* As CpRuntimeClass says. */
void py_settle(CpParamSet *set, const char *version, const CpParamSet *costs);
/* The thread has waited for a GIL that this one held last. */
void py_blame(PyThread *t, CpTid holder, CpTime waited);
/* deadlock.c: what is to be said of waiting when the run is over. */
void py_diagnose_end(CpSim *sim);
/* Books the taking and giving up of a lock; for the kinds. */
void py_gil_got(Py *p);
void py_gil_gone(Py *p, bool asked);
/* Asks the holder to stop its burst at its next check point. */
void py_gil_stop(Py *p, CpTid holder, CpTime distance);
uint32_t py_gil_waiters(const Py *p);
/* Gives the GIL up for a thread that is off the CPU already. */
void py_drop_blocked(Py *p);
/* Free-threaded: stops all other threads at their next check point; NEXT when they have. */
CpStep py_world_stop(Py *p);
void py_world_start(Py *p);
/* Tick lock: CPU time to the next check, and what is known to have passed. */
CpTime py_tick_left(const Py *p);
void py_tick_ran(Py *p, CpTime ran);
/* Whether somebody waits for a tick lock, asleep or on the way. */
bool py_tick_contended(const Py *p);

/* --- operations --- */
/* rt_state of an operation that has not begun; each names the places that come after. */
enum { PY_OP_BEGIN };
/* rt_state of a thread being started, from where its operation says. */
enum {
    PY_START_BEGIN,
    PY_START_CREATES,
    PY_START_CREATED,
    PY_START_BOOTS,
    PY_START_BOOTED,
    PY_START_DONE
};
CpStep py_lock_step(Py *p); /* lock.c: LOCK .. WAIT_WAKE */
CpStep py_kernel(Py *p);    /* syscall.c: operations of the kernel */
CpStep py_boot(Py *p);      /* syscall.c: a thread begins */
CpStep py_print(Py *p);     /* future.c: a line is printed */
/* Starts a thread or process as that SPAWN says; rt_state goes through `from` +
 * PY_START_BEGIN .. PY_START_DONE. */
CpStep py_start_thread(Py *p, const CpInsn *spawn, uint16_t from);
/* A SPAWN of a thread that is on no CPU: an arrival starts it. */
CpStep py_spawn_outside(Py *p);
CpStep py_end_thread(Py *p);
/* signal.c: a signal for that process is noted; its main thread learns of it. */
void py_interrupt_main(Py *p, PyProc *to);
/* In the main thread: runs a handler, between two operations or in the middle of a burst;
 * NEXT: there is none. */
CpStep py_handle_signal(Py *p);
CpStep py_pause_burst(Py *p);
/* With PY_EINTR, PY_RESUMES or PY_PAUSED: NEXT when the operation goes on. */
CpStep py_interrupted(Py *p);
CpTime py_wait_end(Py *p);
bool py_is_main(const Py *p);

#endif
