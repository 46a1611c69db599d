#include "models/python/py.h"

/* The GIL of CPython 3.2 and later, and of PyPy: mirrors take_gil and drop_gil of
 * Python/ceval_gil.c.
 *
 * There is no hand-over.  A waiter sleeps on `cond` for the interval; if the lock has not
 * changed hands meanwhile it asks for it, and the holder obeys at its next check point: it
 * gives the lock up and sleeps on `switch_cond` until somebody else has taken it.  The
 * mutex inside is a lock like any other, held by a waiter from its time-out until it waits
 * again and by the holder while it signals, so that either may find it taken.
 *
 * Nor is going to sleep a moment: between the mutex and the end of the system call a waiter
 * still runs, and a signal or an unlock that comes meanwhile makes it go on without having
 * slept.  Which of the two is first decides how often a hand-over sleeps. */

enum {
    TAKE_BEGIN,
    TAKE_LOCK,
    TAKE_TRY,
    TAKE_UNLOCKED,
    TAKE_ENTERED,
    TAKE_WAITED,
    TAKE_RELOCK,
    TAKE_ASKED
};
enum { DROP_BEGIN, DROP_LOCK, DROP_SIGNALLED, DROP_WAIT, DROP_ENTERED, DROP_WAITED };

/* Of the time lost to cold caches after a sleep, the part that falls between the request
 * and the release of the mutex. */
enum { COLD_PART = 7 };

/* The way into a wait, until asleep. */
static CpStep enter_wait(Py *p)
{
    cp_charge(p->sim, p->tid, py_varied(p, p->proc->enter));
    return py_pay(p);
}

/* Entered again until it has the mutex. */
static CpStep lock_mutex(Py *p)
{
    PyGil *g = p->g;
    PyThread *t = p->t;
    if (g->mutex_held && !(t->flags & PY_ENTERING) && p->proc->enter > 0) {
        t->flags |= PY_ENTERING;
        PY_DO(enter_wait(p));
    }
    t->flags &= (uint16_t)~PY_ENTERING;
    if (g->mutex_held) {
        cp_wait(p->sim, p->tid, g->mutex, CP_NEVER, CP_BLOCK_RUNTIME, t->gil);
        return CP_STEP_BLOCK;
    }
    g->mutex_held = true;
    return CP_STEP_NEXT;
}

/* Whoever is woken may run at once, before this thread goes on. */
static CpStep unlock_mutex(Py *p)
{
    cp_assert(p->g->mutex_held);
    p->g->mutex_held = false;
    if (cp_waiters(p->sim, p->g->mutex) == 0) {
        return CP_STEP_NEXT;
    }
    cp_wake(p->sim, p->g->mutex, 1, p->tid, CP_WAKE_THREAD, 0);
    cp_charge(p->sim, p->tid, p->sim->cost[CP_COST_SYSCALL]);
    return py_pay(p);
}

/* Of those that begin to wait at the same instant, the one whose last wait began first goes
 * first. */
static void order(Py *p)
{
    cp_assert(cp_thread(p->sim, p->tid)->chan == p->g->cond);
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

/* The mutex is held and so is the lock. */
static CpStep begin_wait(Py *p)
{
    cp_assert(p->g->mutex_held && p->g->locked);
    p->t->wait_before = p->t->waits > 0 ? p->t->wait_before : 0;
    p->t->wait_since = p->sim->now;
    p->t->seen = p->g->switch_number;
    p->t->until = p->sim->now + p->g->interval;
    p->g->entering++;
    p->t->stage = TAKE_UNLOCKED;
    return unlock_mutex(p);
}

/* Signalled on the way, or asleep now. */
static CpStep wait_cond(Py *p)
{
    PyGil *g = p->g;
    cp_assert(g->entering > 0 && g->signals <= g->entering);
    g->entering--;
    if (g->signals > 0) {
        g->signals--;
        p->t->flags &= (uint16_t)~PY_LATE;
        p->t->stage = TAKE_RELOCK;
        return CP_STEP_NEXT;
    }
    cp_wait(p->sim, p->tid, g->cond, MAX(p->t->until, p->sim->now + 1), CP_BLOCK_RUNTIME,
            p->t->gil);
    order(p);
    p->t->stage = TAKE_WAITED;
    return CP_STEP_BLOCK;
}

static void request(Py *p)
{
    PyGil *g = p->g;
    cp_assert(g->mutex_held && g->locked);
    cp_assert(g->last_holder == g->holder && g->holder != p->tid);
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
    cp_assert(g->mutex_held && g->switch_signals <= g->switch_entering);
    py_gil_got(p);
    if (cp_waiters(p->sim, g->switch_cond) > 0) {
        cp_wake(p->sim, g->switch_cond, 1, p->tid, CP_WAKE_THREAD, 0);
    } else if (g->switch_signals < g->switch_entering) {
        g->switch_signals++;
    }
    g->request = false;
    p->t->flags &= (uint16_t)~PY_ASKED;
    g->mutex_held = false;
    if (cp_waiters(p->sim, g->mutex) > 0) {
        cp_wake(p->sim, g->mutex, 1, p->tid, CP_WAKE_THREAD, 0);
    }
    return CP_STEP_NEXT;
}

/* The mutex is held again after a wait: was it in vain, may the holder be asked? */
static bool ask(Py *p)
{
    cp_assert(p->g->mutex_held);
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

/* From its first instruction after a signal until it asks for the mutex: longer if it has
 * hardly run of late, in this wait or between it and the one before. */
static CpTime signalled(Py *p)
{
    enum { WARM = 700, HALF = 200 * CP_US };
    CpTime full = p->proc->signalled;
    CpTime slept = MAX(p->sim->now - p->t->wait_since, p->t->wait_before);
    cp_assert(slept >= 0);
    if (p->proc->ideal) {
        return full; /* given, and meant so */
    }
    if (full > WARM) {
        full = WARM + (CpTime)((__int128)(full - WARM) * slept / (slept + HALF));
    }
    return py_varied(p, full);
}

/* From the end of the wait on the condition until it asks for the mutex. */
static CpStep woken(Py *p)
{
    cp_assert(cp_thread(p->sim, p->tid)->chan == CP_NONE);
    bool late = p->why == CP_WHY_TIMEOUT;
    p->t->flags = (uint16_t)(late ? p->t->flags | PY_LATE : p->t->flags & ~PY_LATE);
    p->t->stage = TAKE_RELOCK;
    cp_charge(p->sim, p->tid, late ? p->proc->timeout : signalled(p));
    p->t->wait_before = p->sim->now - p->t->wait_since;
    return py_pay(p);
}

/* It holds the mutex for longer after a sleep in which its caches went cold. */
static CpStep asked(Py *p)
{
    CpTime slept = p->proc->ideal ? 0 : p->g->interval;
    CpTime cold = cp_cost_after_idle(p->sim->config.costs, CP_COST_IDLE_COLD, slept);
    p->t->stage = TAKE_ASKED;
    cp_charge(p->sim, p->tid, py_varied(p, p->proc->request + cold / COLD_PART));
    return py_pay(p);
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
            PY_DO(lock_mutex(p));
            t->stage = TAKE_TRY;
            break;
        case TAKE_TRY:
            if (!g->locked) {
                return got(p);
            }
            PY_DO(begin_wait(p));
            break;
        case TAKE_UNLOCKED:
            t->stage = TAKE_ENTERED;
            if (p->proc->enter > 0) {
                PY_DO(enter_wait(p));
            }
            break;
        case TAKE_ENTERED:
            PY_DO(wait_cond(p));
            break;
        case TAKE_WAITED:
            PY_DO(woken(p));
            break;
        case TAKE_RELOCK:
            PY_DO(lock_mutex(p));
            t->stage = TAKE_TRY;
            if (ask(p)) {
                PY_DO(asked(p));
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
    cp_assert(first != CP_NONE);
    if (!p->proc->ideal || cp_thread(p->sim, first)->since < p->sim->now) {
        return false;
    }
    for (CpTid tid = 0; tid < p->sim->tables.thread.n; tid++) {
        const PyThread *t = py_thread(p->sim, tid);
        const CpThread *k = cp_thread(p->sim, tid);
        bool back = (t->todo & (PY_DO_DROP | PY_DO_TAKE)) == PY_DO_TAKE &&
                    t->stage == TAKE_WAITED && t->gil == p->t->gil &&
                    k->state == CP_THREAD_RUNNABLE && k->since == p->sim->now &&
                    t->waits > 0;
        if (back && t->wait_number < py_thread(p->sim, first)->last_number &&
            p->sim->cpus[k->cpu].curr == CP_NONE) {
            return true;
        }
    }
    return false;
}

static CpStep signal_waiter(Py *p)
{
    cp_assert(p->g->mutex_held);
    PyGil *g = p->g;
    py_gil_gone(p, p->t->flags & PY_SWITCHING);
    p->t->stage = DROP_SIGNALLED;
    if (cp_waiters(p->sim, g->cond) > 0) {
        if (another_comes(p)) {
            return CP_STEP_NEXT;
        }
        cp_wake(p->sim, g->cond, 1, p->tid, CP_WAKE_THREAD, 0);
    } else if (g->signals < g->entering) {
        g->signals++;
    } else {
        return CP_STEP_NEXT;
    }
    cp_charge(p->sim, p->tid, p->sim->cost[CP_COST_SYSCALL]);
    return py_pay(p);
}

/* Somebody asked: wait until another thread has it. */
static CpStep forced_switch(Py *p)
{
    cp_assert(!(p->t->flags & (PY_HAS | PY_FINAL)));
    PyGil *g = p->g;
    p->t->stage = DROP_WAITED;
    if (g->last_holder != p->tid) {
        return CP_STEP_NEXT;
    }
    g->request = false;
    p->t->flags &= (uint16_t)~PY_ASKED;
    g->switch_entering++;
    p->t->stage = DROP_ENTERED;
    return p->proc->enter > 0 ? enter_wait(p) : CP_STEP_NEXT;
}

static CpStep wait_switch(Py *p)
{
    cp_assert(p->g->switch_entering > 0);
    PyGil *g = p->g;
    g->switch_entering--;
    p->t->stage = DROP_WAITED;
    if (g->switch_signals > 0) {
        g->switch_signals--;
        return CP_STEP_NEXT;
    }
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
                cp_charge(p->sim, p->tid, py_varied(p, p->proc->drop));
            }
            PY_DO(py_pay(p)); /* what was charged before was done with the lock */
            break;
        case DROP_LOCK:
            PY_DO(lock_mutex(p));
            PY_DO(signal_waiter(p));
            break;
        case DROP_SIGNALLED:
            t->stage = DROP_WAIT;
            PY_DO(unlock_mutex(p));
            break;
        case DROP_WAIT:
            if (t->flags & PY_FINAL || !py_wants_switch(p)) {
                return CP_STEP_NEXT;
            }
            PY_DO(forced_switch(p));
            break;
        case DROP_ENTERED:
            PY_DO(wait_switch(p));
            break;
        default: /* DROP_WAITED */
            return CP_STEP_NEXT;
        }
    }
}

const PyGilClass py_gil_interval = {.take = interval_take, .drop = interval_drop};
