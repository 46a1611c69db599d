/* Executors and multiprocessing.Pool: what their files share.
 *
 *   pool.c      opening, submitting, the end of a call, shutting down
 *   worker.c    the threads of a pool: workers, and the two between processes
 *   iterator.c  waiting for results: result, map, as_completed, wait */
#ifndef CP_MODELS_PYTHON_POOL_H
#define CP_MODELS_PYTHON_POOL_H

#include "models/python/future.h"

/* rt_state while an operation starts threads of a pool. */
enum { PY_POOL_STARTS = 10, PY_POOL_STARTED = PY_POOL_STARTS + PY_START_DONE };

static inline const CpCallDecl *py_pool_call(const Py *p, const PyFut *f)
{
    cp_assert(f->kind == PY_FUT_CALL && f->row < p->sim->w->calls->len);
    return cp_call_decl(p->sim->w, f->row);
}

static inline bool py_pool_is_processes(const PyPool *pool)
{
    return pool->kind == CP_POOL_PROCESSES || pool->kind == CP_POOL_WORKERS;
}

/* Half of what pickling and unpickling that many bytes take together; `ints`: integers. */
CpTime py_pickle(const Py *p, int64_t size, bool ints);
/* Futures linked by `next`, first in, first out. */
static inline void py_pool_append(PySim *ps, uint32_t *first, uint32_t *last, uint32_t fut)
{
    py_fut(ps, fut)->next = CP_NONE;
    if (*first == CP_NONE) {
        *first = fut;
    } else {
        py_fut(ps, *last)->next = fut;
    }
    *last = fut;
}

static inline uint32_t py_pool_pop(PySim *ps, uint32_t *first)
{
    uint32_t fut = *first;
    if (fut != CP_NONE) {
        *first = py_fut(ps, fut)->next;
    }
    return fut;
}

/* The pool of the operation under way, which begins with the one that name stands for where
 * the thread is: the one it works for, the last one it opened itself, the last one of its
 * process, or else one made now. */
PyPool *py_pool_of(Py *p, uint32_t decl);

static inline uint32_t py_pool_number(const PySim *ps, const PyPool *pool)
{
    return (uint32_t)(pool - (const PyPool *)ps->pools.rows);
}
/* Starts the threads the pool needs, one after the other; rt_state PY_POOL_STARTS and up.
 */
CpStep py_pool_start_threads(Py *p, PyPool *pool);
/* A call as a future of its own, pending. */
uint32_t py_pool_new_work(Py *p, PyPool *pool, const CpCallDecl *call);
/* How many workers a submit makes the pool start. */
void py_pool_want_workers(const Py *p, PyPool *pool);
/* Queues the work, and wakes who takes it. */
void py_pool_put(Py *p, PyPool *pool, uint32_t fut);
/* Wakes all threads of the pool: it is closed or broken. */
void py_pool_wake_all(Py *p, PyPool *pool);
/* Frees a call that is over and that nobody needs any more. */
void py_pool_let_go(PySim *ps, uint32_t fut);
/* The call is over. */
void py_pool_settle(Py *p, uint32_t fut, PyFutState state, uint32_t exc);

#endif
