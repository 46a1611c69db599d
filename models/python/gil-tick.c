#include "models/python/py.h"

/* The GIL of Python 2: a semaphore of value 1 that the holder posts and takes again every
 * check interval.  Whoever decrements it first has it, so a waiter that is woken on another
 * CPU usually comes too late and sleeps again.
 *
 * The semaphore counts who waits, from before the sleep until the decrement.  While it
 * counts anybody each post enters the kernel, which leaves the lock free for that long: a
 * waiter that comes just then has it.  If it counts nobody a check does nothing, so none is
 * simulated: the holder runs on, and the first one to wait stops it at its next check. */

enum { TAKE_BEGIN, TAKE_ENTERED, TAKE_WOKEN, TAKE_BACK };
enum { DROP_BEGIN, DROP_POSTED };

static CpTime interval(const Py *p)
{
    return p->proc->tick * p->proc->v[PYP_CHECK_INTERVAL];
}

void py_tick_ran(Py *p, CpTime ran)
{
    PyGil *g = p->g;
    CpTime all = interval(p);
    cp_assert(ran >= 0 && all > 0);
    g->to_check -= ran;
    if (g->to_check <= 0) {
        g->to_check = all - (-g->to_check) % all;
    }
    cp_assert(g->to_check > 0 && g->to_check <= all);
}

CpTime py_tick_left(const Py *p)
{
    return p->g->to_check;
}

bool py_tick_contended(const Py *p)
{
    const PyGil *g = p->g;
    return cp_waiters(p->sim, g->cond) + g->entering + g->coming > 0;
}

/* The holder runs without checks: from now on it must make them. */
static void stop_holder(Py *p)
{
    CpTid holder = p->g->holder;
    CpThread *h = cp_thread(p->sim, holder);
    PyThread *t = py_thread(p->sim, holder);
    if (!(t->todo & PY_DO_BURST) || t->todo & (PY_DO_DROP | PY_DO_TAKE)) {
        return; /* it looks for waiters before it goes on */
    }
    CpCpuState *cpu = &p->sim->cpus[h->cpu];
    CpTime wait = 0;
    if (h->state == CP_THREAD_RUNNING) {
        cp_cpu_account(p->sim, cpu);
        wait = cpu->irq_left + cpu->ovh_left;
    }
    CpTime ran = t->chunk - h->burst_left;
    cp_assert(ran >= 0);
    CpTime left = p->g->to_check - ran % interval(p);
    left += left <= 0 ? interval(p) : 0;
    if (left < h->burst_left) {
        cp_stop_at(p->sim, holder, p->sim->now + wait + left);
    }
}

/* Counted as a waiter from now on, asleep a little later. */
static CpStep enter(Py *p)
{
    PyGil *g = p->g;
    cp_assert(g->locked && g->holder != p->tid);
    if (g->holder != CP_NONE && !py_tick_contended(p)) {
        stop_holder(p);
    }
    g->entering++;
    p->t->stage = TAKE_ENTERED;
    if (p->proc->enter == 0) {
        return CP_STEP_NEXT;
    }
    cp_charge(p->sim, p->tid, py_varied(p, p->proc->enter));
    return py_pay(p);
}

static CpStep tick_take(Py *p)
{
    PyThread *t = p->t;
    PyGil *g = p->g;
    for (;;) {
        switch (t->stage) {
        case TAKE_WOKEN:
            t->stage = TAKE_BACK;
            cp_charge(p->sim, p->tid, py_varied(p, p->proc->back));
            PY_DO(py_pay(p));
            break;
        case TAKE_BACK:
            g->coming -= g->coming > 0;
            g->wasted += g->locked;
            t->stage = TAKE_BEGIN;
            break;
        case TAKE_BEGIN:
            if (!g->locked) {
                py_gil_got(p);
                return CP_STEP_NEXT;
            }
            PY_DO(enter(p));
            break;
        default: /* TAKE_ENTERED */
            cp_assert(g->entering > 0);
            g->entering--;
            if (!g->locked) {
                py_gil_got(p);
                return CP_STEP_NEXT;
            }
            t->stage = TAKE_WOKEN;
            cp_wait(p->sim, p->tid, g->cond, CP_NEVER, CP_BLOCK_RUNTIME, t->gil);
            return CP_STEP_BLOCK;
        }
    }
}

static CpStep tick_drop(Py *p)
{
    PyThread *t = p->t;
    if (t->stage != DROP_BEGIN) {
        return CP_STEP_NEXT;
    }
    t->stage = DROP_POSTED;
    bool counted = py_tick_contended(p);
    py_gil_gone(p, false);
    if (!counted) {
        return CP_STEP_NEXT;
    }
    CpTime cost = p->sim->cost[CP_COST_SYSCALL];
    if (cp_waiters(p->sim, p->g->cond) > 0) {
        p->g->coming++;
        cp_wake(p->sim, p->g->cond, 1, p->tid, CP_WAKE_THREAD, 0);
        cost += py_varied(p, p->proc->gap);
    }
    cp_charge(p->sim, p->tid, cost);
    return py_pay(p);
}

const PyGilClass py_gil_tick = {.take = tick_take, .drop = tick_drop};
