/* Flows of the python runtime: futures and tasks, the loops and pools that run them. */
#ifndef CP_MODELS_PYTHON_FUTURE_H
#define CP_MODELS_PYTHON_FUTURE_H

#include "models/python/py.h"

/* Exceptions no workload names. */
enum {
    PY_EXC_CANCELLED = 0x40000000,
    PY_EXC_TIMEOUT,
    PY_EXC_BROKEN,
    PY_EXC_RUNTIME,
    PY_EXC_VALUE,
};

typedef enum {
    PY_FUT_TASK,     /* asyncio task: has a flow */
    PY_FUT_CALL,     /* work for a pool: has a flow */
    PY_FUT_CALLBACK, /* call_soon, call_later, signal handler: has a flow */
    PY_FUT_GROUP,    /* gather, wait, TaskGroup, completed */
    PY_FUT_TIMEOUT,  /* asyncio.timeout block */
    PY_FUT_ITER,     /* map, as_completed */
    PY_FUT_PLAIN,    /* what run_in_executor returns: set by the loop */
} PyFutKind;

typedef enum { PY_PENDING, PY_RUNNING, PY_DONE, PY_CANCELLED, PY_FAILED } PyFutState;

enum {
    PY_F_KEEP = 1,        /* somebody has the handle: stays until it is read */
    PY_F_SCHEDULED = 2,   /* task: its step is in the ready queue */
    PY_F_MUST_CANCEL = 4, /* task: the next step raises `cancelled` */
    PY_F_READ = 8,        /* group: its awaiter has gone on */
    PY_F_SLEEPS = 16,     /* task: waits for its own timer */
    PY_F_QUEUED = 32,     /* task: waits in the queue of an asyncio object */
    PY_F_EXPIRED = 64,    /* timeout block: its time is over */
    PY_F_GROUPED = 128,   /* child of a group, which frees it */
};

/* What has a handle and may be waited for; 64 bytes (a task has 32 more for its flow and 8
 * per register).  Fields of one place are of different kinds, named after the comment. */
typedef struct {
    uint8_t kind, state, flags;
    union {
        uint8_t group_kind; /* group: CpGroupKind */
        bool is_left;       /* task: the end of asyncio.run has cancelled it */
        struct {
            uint8_t outcome : 4; /* call of a process: PyFutState that its worker sends */
            uint8_t holds : 4;   /* call: of its submit, and of a list it is on */
        };
        bool as_finished; /* iterator: in order of finishing, not of submission */
    };
    uint32_t gen;  /* upper half of its handle; timers carry it too */
    CpFlowId flow; /* CP_NONE: none (any more) */
    uint32_t home; /* loop, or pool */
    union {
        uint32_t waits;     /* task: the future it waits for, CP_NONE */
        uint32_t call;      /* plain: the pool's call it stands for, CP_NONE when over */
        uint32_t task;      /* timeout block: whose */
        uint32_t kept_next; /* call: the next one that its pool or an iterator keeps */
        CpTid reader;       /* iterator: thread that waits for its next, CP_NONE */
    };
    uint32_t cb;   /* first callback */
    uint32_t next; /* in the queue of a pool, an object, or the free list */
    uint32_t decl; /* task declaration; call row while a pool has it */
    uint32_t exc;  /* raised: string index */
    union {
        uint32_t n_waits;    /* task: waits begun so far */
        uint32_t n_left;     /* group: children not finished */
        uint32_t n_unread;   /* iterator: not yet read */
        uint32_t n_elements; /* call of a map: elements of its chunk not done */
        uint32_t result;     /* plain: PyFutState of its call */
    };
    union {
        struct {
            uint32_t group, sibling; /* child of a group: whose, and the next child */
        };
        struct {
            uint32_t creator; /* task whose first step runs inside create_task */
            uint32_t begun;   /* 0 meanwhile */
        };
        struct {
            uint32_t index, from; /* call of a map: element, first integer */
        };
        struct {
            uint32_t first, last; /* iterator: calls to be yielded, linked by kept_next */
        };
        uint32_t first_child; /* group */
        uint32_t outer;       /* timeout block: handler of exceptions around it */
        CpFlowId back_to;     /* handler of a signal of a thread without loop */
    };
    union {
        uint32_t place; /* task: which queue of an object it is in */
        uint32_t row;   /* call: its row of calls */
        uint32_t
            taken; /* iterator: elements read of its first call; group: children added */
    };
    union {
        uint32_t before; /* child of a group: the one before it, CP_NONE: first */
        uint32_t list;   /* iterator, call of a map, group: of its results; 0: none */
    };
    int64_t value;
} PyFut;

G_STATIC_ASSERT(sizeof(PyFut) <= 64);

/* A cell of a list of results; the head of a list has its length, and in exc the size of
 * its block. */
typedef struct {
    int64_t value;
    uint32_t exc;  /* string of the exception it stands for; 0: none */
    uint32_t next; /* head: next list of its flow; 0: none */
} PyCell;

/* What to do when a future is done. */
typedef enum {
    PY_CB_STEP,   /* step the task */
    PY_CB_CHILD,  /* tell the group */
    PY_CB_THREAD, /* wake the thread */
    PY_CB_STOP,   /* the loop's main task: leave the loop */
    PY_CB_SET,    /* a pool's call that a loop awaits: set the loop's future */
    PY_CB_ITER,   /* tell the iterator */
    /* handles of a loop that are no callbacks of futures */
    PY_R_SLEEP,   /* a task's sleep is over */
    PY_R_TIMEOUT, /* a timeout block's time is over */
    PY_R_WAIT,    /* the time of a wait with a limit is over */
    PY_R_CALL,    /* run the callback's flow */
    PY_R_PIPE,    /* read the self-pipe */
    PY_R_IO,      /* a socket is ready for the task */
    PY_R_LEFT,    /* a task that asyncio.run has cancelled at its end is over */
} PyCbKind;

typedef struct {
    uint32_t kind, target, next;
} PyCb;

typedef struct {
    uint32_t kind : 4, wait : 28; /* PyCbKind; wait of the task it belongs to */
    uint32_t fut;
} PyReady;

typedef struct {
    CpTime when;
    uint32_t fut, gen;
    uint32_t kind : 4, wait : 28; /* as of PyReady */
    uint32_t order;
} PyTimer;

/* An event loop; runs on one thread. */
typedef struct {
    CpTid tid;
    bool uvloop, eager, stopping;
    bool ending;      /* the main task is over; those left are cancelled and waited for */
    bool selecting;   /* off the CPU, or on the way there, in select */
    bool woken;       /* the self-pipe has a byte */
    uint32_t main;    /* future of the main task */
    uint32_t current; /* task whose step runs, CP_NONE */
    uint32_t id;
    PyReady *ready; /* ring */
    uint32_t head, n_ready, ready_cap;
    uint32_t batch;  /* handles of this iteration not run yet */
    PyTimer *timers; /* binary heap by (when, order) */
    uint32_t n_timers, timers_cap, order;
    uint32_t n_io;    /* tasks that wait for a socket */
    uint32_t n_left;  /* ending: tasks not over yet */
    uint32_t signals; /* callbacks of signals whose bytes are in the self-pipe; CP_NONE */
    CpTime step_since;
    CpTime begun;       /* of the iteration in hand; CP_NEVER: it has a single handle */
    CpTime slept_since; /* its select sleeps, or has, since then; CP_NEVER: it did not */
    uint64_t iterations;
} PyLoop;

/* An executor or multiprocessing.Pool. */
typedef struct {
    uint32_t decl;
    CpProcId proc;
    CpTid opener;   /* the thread that opened it, which means this one by its name */
    uint32_t outer; /* pool the name stood for before in that process, CP_NONE */
    uint8_t kind, start;
    bool closed;   /* no more submits */
    bool left;     /* who shut it down has gone on: its name is free */
    bool broken;   /* ProcessPoolExecutor: a worker has died, nothing works any more */
    bool reported; /* that it lost a worker was diagnosed */
    bool keeps;    /* futures are asked for through the pool */
    uint32_t max, n, idle; /* workers: at most, started, waiting beyond the queue */
    uint32_t wanted;       /* workers to be started next */
    uint32_t first, last;  /* futures queued, pending */
    uint32_t n_queued;
    uint32_t unfinished; /* submitted and not done */
    uint32_t live;       /* worker threads alive */
    CpChan work;         /* idle workers */
    CpChan done;         /* those who wait for its end */
    /* processes: between the manager and the workers */
    uint32_t call_first, call_last, n_calls; /* call queue, past cancelling */
    uint32_t res_first, res_last;            /* finished, to be read by the manager */
    CpChan manage;                           /* manager thread */
    CpChan feed;                             /* feeder thread */
    uint32_t feed_first, feed_last;
    bool manager_on, feeder_on;
    uint32_t kept_first, kept_last; /* futures as_completed may still yield */
} PyPool;

/* Coroutines that wait for an asyncio object: getters or holders first, putters second. */
typedef struct PyQueue {
    uint32_t first_plus1, last_plus1; /* futures linked by `next`; 0: empty */
} PyQueue;

static inline PyFut *py_fut(const PySim *ps, uint32_t fut)
{
    cp_assert(fut < ps->futs.n);
    return (PyFut *)ps->futs.rows + fut;
}

static inline PyLoop *py_loop(const PySim *ps, uint32_t loop)
{
    cp_assert(loop < ps->loops.n);
    return (PyLoop *)ps->loops.rows + loop;
}

static inline PyPool *py_pool(const PySim *ps, uint32_t pool)
{
    cp_assert(pool < ps->pools.n);
    return (PyPool *)ps->pools.rows + pool;
}

/* --- futures --- */
uint32_t py_fut_new(PySim *ps, PyFutKind kind);
void py_fut_free(PySim *ps, uint32_t fut);
int64_t py_handle(const PySim *ps, uint32_t fut);
/* CP_NONE: it was read already. */
uint32_t py_of_handle(const PySim *ps, int64_t handle);
static inline bool py_is_done(const PyFut *f)
{
    return f->state >= PY_DONE;
}
void py_add_cb(PySim *ps, uint32_t fut, PyCbKind kind, uint32_t target);
void py_drop_cb(PySim *ps, uint32_t fut, PyCbKind kind, uint32_t target);
/* Ends a future and tells whoever waits: at once, or through the loop it belongs to. */
void py_finish(Py *p, uint32_t fut, PyFutState state, int64_t value, uint32_t exc);
/* A flow for the call's task with its arguments. */
uint32_t py_call_new(Py *p, const CpCallDecl *call, PyFutKind kind);
void py_flow_done(Py *p, uint32_t fut);
/* Value of its records: number of the task and its function. */
int64_t py_label(const Py *p, uint32_t fut);
/* Records that a task or call begins, the first time. */
void py_record_start(Py *p, uint32_t fut);
/* What reading a finished future gives: VALUE, or its exception is raised. */
CpStep py_read(Py *p, uint32_t fut);
/* The thread goes on with that flow. */
CpStep py_switch_to(Py *p, CpFlowId flow);

/* --- list.c: lists of results, by the cell of their head; 0: none --- */
uint32_t py_list_new(PySim *ps, uint32_t n);
void py_list_free(PySim *ps, uint32_t list);
uint32_t py_list_n(const PySim *ps, uint32_t list);
/* Puts an entry; a list that is too short grows, and may move. */
void py_list_put(PySim *ps, uint32_t *list, uint32_t i, int64_t value, uint32_t exc);
int64_t py_list_get(const PySim *ps, uint32_t list, uint32_t i);
/* The running flow has it from now on; a flow ends, and its lists with it. */
void py_list_own(const Py *p, uint32_t list);
void py_lists_end(PySim *ps, PyFlow *pf);
/* CpSim.rt.print_list. */
void py_print_list(CpSim *sim, CpTid tid, int64_t handle);

/* --- operations --- */
/* An operation of python-ops.def; each row has its function. */
/* operations.c: executes the operation in hand. */
CpStep py_dispatch(Py *p);
/* lock.c: the variable is what was loaded and that much more. */
void py_var_store(Py *p, int64_t *var, int64_t loaded, int64_t amount);
/* The same for the body of an arrival stream, which runs on no CPU and takes no time. */
CpStep py_outside(Py *p);
#define CP_OP(NAME, name, ...) CpStep py_op_##name(Py *p);
#include "models/python/python-ops.def"
#undef CP_OP
gboolean py_mp_init(CpSim *sim, PySim *ps, GError **error);
void py_mp_clear(PySim *ps);
/* Whether the operation is a put or get of a multiprocessing.Queue; then this does it. */
bool py_is_mp_queue(const Py *p);
CpStep py_mp_step(Py *p);
/* A queue into which the process has put items that its feeder has not written yet, or
 * CP_NONE. */
CpObjId py_mp_unwritten(const Py *p);

/* pool.c */
/* The thread has ended: was it a worker that was not told to? */
void py_worker_ended(CpSim *sim, CpTid tid);
/* One thing less that the process waits for at its end. */
void py_pending_done(Py *p, PyProc *owner);
/* Half of what pickling and unpickling so many bytes take together. */
CpTime py_pickle_cost(const Py *p, int64_t size);
/* An operation of a coroutine on an asyncio object or socket. */
CpStep py_aio_object(Py *p);
/* lock.c: the operation as a thread does it; at once, if it cannot block. */
CpStep py_thread_op(Py *p);
CpStep py_sync_now(Py *p);
/* SEND would have to wait for room. */
bool py_is_full(const Py *p);
CpStep py_return(Py *p, PyFutState state, int64_t value, uint32_t exc);

/* event-loop.c, task.c, gather.c, callback.c, async-object.c */
void py_loop_ready(CpSim *sim, uint32_t loop, uint32_t kind, uint32_t fut);
/* Lets it leave its select; `pipe`: through the self-pipe. */
void py_loop_wake(CpSim *sim, uint32_t loop, CpTid waker, bool pipe);
/* A socket or pipe that coroutines wait for has something. */
void py_loop_poll(CpSim *sim, CpObjId obj, CpTid from);
void py_loops_clear(PySim *ps);
/* The process gets a signal; false: it has no handler for it. */
bool py_signal(Py *p, CpProcId proc, uint32_t number);
CpStep py_task_ended(Py *p, uint32_t fut);
bool py_task_cancel(Py *p, uint32_t fut);
void py_group_child(Py *p, uint32_t group, uint32_t child);

/* pool.c */
CpStep py_call_ended(Py *p, uint32_t fut);
bool py_call_cancel(Py *p, uint32_t fut);
void py_iter_child(Py *p, uint32_t iter, uint32_t child);
/* The element of a MAP's sequence; `from`: the first integer. */
int64_t py_element(const Py *p, const CpCallDecl *call, uint32_t index, uint32_t from);
/* Submits a call: its future to *fut when it says NEXT, CP_NONE if it was refused. */
CpStep py_submit(Py *p, const CpCallDecl *call, uint32_t *fut);
#endif
