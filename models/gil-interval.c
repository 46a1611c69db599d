#include "models/runtime-python.h"

/* The GIL of CPython 3.2 and later, and of PyPy: mirrors take_gil and drop_gil of
 * Python/ceval_gil.c.
 *
 * There is no hand-over.  A waiter sleeps on `cond` for the interval; if the lock has not
 * changed hands meanwhile it asks for it, and the holder obeys at its next check point: it
 * gives the lock up and sleeps on `switch_cond` until somebody else has taken it.  The
 * mutex inside is a lock like any other, held by a waiter from its time-out until it waits
 * again and by the holder while it signals, so that either may find it taken. */

enum { TAKE_BEGIN, TAKE_LOCK, TAKE_TRY, TAKE_WAITED, TAKE_RELOCK, TAKE_ASKED };
enum { DROP_BEGIN, DROP_LOCK, DROP_SIGNALLED, DROP_WAIT, DROP_WAITED };

static CpStep wait_mutex(Py *p)
{
    cp_wait(p->sim, p->tid, p->g->mutex, CP_NEVER, CP_BLOCK_RUNTIME, p->t->gil);
    return CP_STEP_BLOCK;
}

/* Returns whether somebody was woken. */
static bool unlock_mutex(Py *p)
{
    p->g->mutex_held = false;
    if (cp_waiters(p->sim, p->g->mutex) == 0) {
        return false;
    }
    cp_wake(p->sim, p->g->mutex, 1, p->tid, CP_WAKE_THREAD, 0);
    return true;
}

/* Of those that begin to wait at the same instant, the one whose last wait began first goes
 * first. */
static void order(Py *p)
{
    uint32_t last =
        p->t->stage == TAKE_TRY && p->t->waits > 0 ? p->t->wait_number : UINT32_MAX;
    CpTid before = CP_NONE;
    CpTid at = cp_thread(p->sim, p->tid)->prev;
    while (at != CP_NONE && cp_thread(p->sim, at)->since == p->sim->now &&
           py_thread(p->sim, at)->last_number > last) {
        before = at;
        at = cp_thread(p->sim, at)->prev;
    }
    if (before != CP_NONE) {
        cp_channel_move(p->sim, p->tid, before);
    }
    p->t->waits++;
    p->t->last_number = last;
    p->t->wait_number = p->g->n_waits++;
}

static CpStep wait_cond(Py *p)
{
    p->t->seen = p->g->switch_number;
    unlock_mutex(p);
    cp_wait(p->sim, p->tid, p->g->cond, p->sim->now + p->g->interval, CP_BLOCK_RUNTIME,
            p->t->gil);
    order(p);
    p->t->stage = TAKE_WAITED;
    return CP_STEP_BLOCK;
}

static void request(Py *p)
{
    PyGil *g = p->g;
    if (g->kind == PY_GIL_TSTATE) {
        py_thread(p->sim, g->last_holder)->flags |= PY_ASKED;
    } else {
        g->request = true;
    }
    cp_record_wide(p->sim, CP_REC_GIL_REQUEST, p->t->gil, cp_thread(p->sim, p->tid)->cpu, 0,
                   p->tid, 0);
    py_gil_stop(p, g->holder, p->proc->check / 2);
}

/* The mutex is held and the lock is free. */
static CpStep got(Py *p)
{
    PyGil *g = p->g;
    py_gil_got(p);
    if (cp_waiters(p->sim, g->switch_cond) > 0) {
        cp_wake(p->sim, g->switch_cond, 1, p->tid, CP_WAKE_THREAD, 0);
    }
    g->request = false;
    p->t->flags &= (uint16_t)~PY_ASKED;
    unlock_mutex(p);
    return CP_STEP_NEXT;
}

/* The mutex is held again after a wait: was it in vain, may the holder be asked? */
static bool ask(Py *p)
{
    PyGil *g = p->g;
    if (!g->locked) {
        return false;
    }
    if (!(p->t->flags & PY_LATE)) {
        g->wasted++;
        return false;
    }
    if (g->switch_number != p->t->seen) {
        return false;
    }
    request(p);
    return true;
}

static CpStep interval_take(Py *p)
{
    PyThread *t = p->t;
    PyGil *g = p->g;
    for (;;) {
        switch (t->stage) {
        case TAKE_BEGIN:
            t->waits = 0;
            t->stage = TAKE_LOCK;
            break;
        case TAKE_LOCK:
            if (g->mutex_held) {
                return wait_mutex(p);
            }
            g->mutex_held = true;
            t->stage = TAKE_TRY;
            break;
        case TAKE_TRY:
            return g->locked ? wait_cond(p) : got(p);
        case TAKE_WAITED: {
            bool late = p->why == CP_WHY_TIMEOUT;
            t->flags = (uint16_t)(late ? t->flags | PY_LATE : t->flags & ~PY_LATE);
            t->stage = TAKE_RELOCK;
            cp_charge(p->sim, p->tid, late ? p->proc->timeout : p->proc->signalled);
            PY_DO(py_pay(p));
            break;
        }
        case TAKE_RELOCK:
            if (g->mutex_held) {
                return wait_mutex(p);
            }
            g->mutex_held = true;
            t->stage = TAKE_TRY;
            if (ask(p)) {
                t->stage = TAKE_ASKED;
                cp_charge(p->sim, p->tid, p->proc->request);
                PY_DO(py_pay(p));
            }
            break;
        default: /* TAKE_ASKED */
            t->stage = TAKE_TRY;
            break;
        }
    }
}

/* With ideal costs a waiter whose interval ends at this very instant may be on its way back
 * into the queue: if it belongs before the first one there, it runs now, finds the lock
 * free and takes it. */
static bool another_comes(const Py *p)
{
    CpTid first = cp_first_waiter(p->sim, p->g->cond);
    if (!p->proc->ideal || cp_thread(p->sim, first)->since < p->sim->now) {
        return false;
    }
    for (CpTid tid = 0; tid < p->sim->thread_table.n; tid++) {
        const PyThread *t = py_thread(p->sim, tid);
        const CpThread *k = cp_thread(p->sim, tid);
        bool back = t->todo & PY_DO_TAKE && t->stage == TAKE_WAITED &&
                    t->gil == p->t->gil && k->state == CP_THREAD_RUNNABLE &&
                    k->since == p->sim->now && t->waits > 0;
        if (back && t->wait_number < py_thread(p->sim, first)->last_number &&
            p->sim->cores[k->cpu].curr == CP_NONE) {
            return true;
        }
    }
    return false;
}

static CpStep signal_waiter(Py *p)
{
    py_gil_gone(p, p->t->flags & PY_SWITCHING);
    p->t->stage = DROP_SIGNALLED;
    if (cp_waiters(p->sim, p->g->cond) > 0 && !another_comes(p)) {
        cp_wake(p->sim, p->g->cond, 1, p->tid, CP_WAKE_THREAD, 0);
        cp_charge(p->sim, p->tid, p->sim->cost[CP_COST_SYSCALL]);
        return py_pay(p);
    }
    return CP_STEP_NEXT;
}

/* Somebody asked: wait until another thread has it. */
static CpStep forced_switch(Py *p)
{
    PyGil *g = p->g;
    if (g->last_holder != p->tid) {
        return CP_STEP_NEXT;
    }
    g->request = false;
    p->t->flags &= (uint16_t)~PY_ASKED;
    p->t->stage = DROP_WAITED;
    cp_wait(p->sim, p->tid, g->switch_cond, CP_NEVER, CP_BLOCK_RUNTIME, p->t->gil);
    return CP_STEP_BLOCK;
}

static CpStep interval_drop(Py *p)
{
    PyThread *t = p->t;
    for (;;) {
        switch (t->stage) {
        case DROP_BEGIN:
            t->stage = DROP_LOCK;
            t->flags &= (uint16_t)~PY_SWITCHING;
            if (py_wants_switch(p) && !(t->flags & PY_FINAL)) {
                t->flags |= PY_SWITCHING;
                cp_charge(p->sim, p->tid, p->proc->drop);
                PY_DO(py_pay(p));
            }
            break;
        case DROP_LOCK:
            if (p->g->mutex_held) {
                return wait_mutex(p);
            }
            p->g->mutex_held = true;
            PY_DO(signal_waiter(p));
            break;
        case DROP_SIGNALLED:
            t->stage = DROP_WAIT;
            if (unlock_mutex(p)) { /* whom it woke may run before this thread looks on */
                cp_charge(p->sim, p->tid, p->sim->cost[CP_COST_SYSCALL]);
                PY_DO(py_pay(p));
            }
            break;
        case DROP_WAIT:
            if (t->flags & PY_FINAL || !py_wants_switch(p)) {
                return CP_STEP_NEXT;
            }
            return forced_switch(p);
        default: /* DROP_WAITED */
            return CP_STEP_NEXT;
        }
    }
}

const PyGilClass py_gil_interval = {.take = interval_take, .drop = interval_drop};
