#include "models/python/py.h"

/* Free-threaded builds: no lock, but threads are attached while they run Python code, and a
 * collector stops the world: detached threads are taken as suspended, attached ones detach
 * at their next check point and wait; mirrors stop_the_world of Python/pystate.c. */

enum { POLL = CP_MS }; /* how often the stopper looks by itself */

static CpStep free_take(Py *p)
{
    cp_assert(!(p->t->flags & PY_HAS));
    PyGil *g = p->g;
    if (g->stopper != CP_NONE && g->stopper != p->tid) {
        cp_wait(p->sim, p->tid, g->world, CP_NEVER, CP_BLOCK_RUNTIME, p->t->gil);
        return CP_STEP_BLOCK;
    }
    g->attached++;
    p->t->flags |= PY_HAS;
    p->t->gil_wait += p->sim->now - p->t->asked;
    return CP_STEP_NEXT;
}

static CpStep free_drop(Py *p)
{
    cp_assert(p->t->flags & PY_HAS);
    cp_assert(p->g->attached > 0);
    PyGil *g = p->g;
    g->attached--;
    p->t->flags &= (uint16_t)~PY_HAS;
    py_ran(p);
    if (g->stopper != CP_NONE && g->attached == 1) {
        cp_wake(p->sim, g->cond, 1, p->tid, CP_WAKE_THREAD, 0);
    }
    return CP_STEP_NEXT;
}

const PyGilClass py_gil_free = {.take = free_take, .drop = free_drop};

/* Entered until the other threads have stopped; another stop goes first. */
CpStep py_world_stop(Py *p)
{
    cp_assert(p->t->flags & PY_HAS);
    PyGil *g = p->g;
    if (g->stopper == CP_NONE) {
        g->stopper = p->tid;
        CpProcId proc = cp_thread(p->sim, p->tid)->proc;
        for (CpTid tid = 0; tid < p->sim->tables.thread.n; tid++) {
            bool attached = py_thread(p->sim, tid)->flags & PY_HAS;
            if (tid != p->tid && attached && cp_thread(p->sim, tid)->proc == proc) {
                py_gil_stop(p, tid, p->proc->check / 2);
            }
        }
    }
    if (g->stopper != p->tid || g->attached == 1) {
        return CP_STEP_NEXT;
    }
    cp_wait(p->sim, p->tid, g->cond, p->sim->now + POLL, CP_BLOCK_RUNTIME, p->t->gil);
    return CP_STEP_BLOCK;
}

void py_world_start(Py *p)
{
    cp_assert(p->g->stopper == p->tid && p->g->attached == 1);
    p->g->stopper = CP_NONE;
    cp_wake(p->sim, p->g->world, UINT32_MAX, p->tid, CP_WAKE_THREAD, 0);
}
