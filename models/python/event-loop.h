/* Coroutines on an event loop: what the files of asyncio share.
 *
 *   event-loop.c     the loop: ready queue, timers, select, handles
 *   task.c           tasks: create, await, sleep, cancel, timeout blocks
 *   gather.c         groups of awaitables: gather, wait, TaskGroup
 *   callback.c       call_soon and its kin, executors, handlers of signals
 *   async-object.c   locks, queues, events, sockets that coroutines wait for
 *
 * A task's step begins in event-loop.c (py_switch_to its flow) and ends in py_suspend or
 * py_task_ended, which bring the thread back to the loop's own flow. */
#ifndef CP_MODELS_PYTHON_EVENT_LOOP_H
#define CP_MODELS_PYTHON_EVENT_LOOP_H

#include "models/python/future.h"

/* Place within an operation that awaits (rt_state). */
enum {
    PY_AWAIT_BEGIN,
    PY_AWAIT_OVER,   /* what it waited for came, or was cancelled */
    PY_AWAIT_RELOCK, /* of a condition: it has waited for the lock as well */
    PY_AWAIT_STATES
};

enum { PY_WAIT_BITS = (1 << 28) - 1 }; /* of the number of a task's wait that timers keep */

/* What an operation of the loop takes: uvloop's take a part of asyncio's. */
static inline CpTime py_loop_cost(const Py *p, const PyLoop *l, CpTime cost)
{
    return l->uvloop ? cost * p->proc->v[PYP_CB_FACTOR] / 1000000 : cost;
}

/* A handle that is due then. */
void py_loop_arm(Py *p, uint32_t loop, CpTime when, PyCbKind kind, uint32_t fut);

/* The task or callback whose flow the thread executes. */
static inline uint32_t py_current(const Py *p)
{
    return p->flow->owner;
}

/* A new wait of the running task: timers of earlier ones mean nothing any more. */
static inline PyFut *py_begin_wait(Py *p)
{
    PyFut *f = py_fut(p->ps, py_current(p));
    f->n_waits++;
    f->flags &= (uint8_t)~PY_F_EXPIRED;
    return f;
}

/* Suspends the running task; it goes on with rt_state. */
CpStep py_suspend(Py *p, uint16_t rt_state);
/* Whether an exception was thrown into the running task; takes it. */
bool py_take_raised(Py *p, uint32_t *exc);
/* Awaits the future, with the operation's limit if it has one. */
CpStep py_wait_future(Py *p, uint32_t fut);
/* After that: whether the limit ran out. */
bool py_ran_out(Py *p);
void py_record_created(Py *p, uint32_t fut, uint32_t creator);
/* Cancels what a group waits for; whether there was any. */
bool py_cancel_children(Py *p, const PyFut *group);
/* A task that is cancelled leaves the queue of the object it waits for. */
void py_leave_queue(PySim *ps, uint32_t fut);

#endif
