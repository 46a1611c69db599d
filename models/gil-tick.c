#include "models/runtime-python.h"

/* The GIL of Python 2: a semaphore of value 1 that the holder posts and takes again every
 * check interval.  Whoever decrements it first has it, so a waiter that is woken on another
 * CPU usually comes too late and sleeps again.
 *
 * Without a waiter a check does nothing, so none is simulated: the holder runs on, and the
 * first one to wait stops it at its next check. */

enum { TAKE_BEGIN, TAKE_TRY, TAKE_WOKEN };
enum { DROP_BEGIN, DROP_POSTED };

static CpTime interval(const Py *p)
{
    return p->proc->tick * p->proc->v[PYP_CHECK_INTERVAL];
}

void py_tick_ran(Py *p, CpTime ran)
{
    PyGil *g = p->g;
    CpTime all = interval(p);
    g->to_check -= ran;
    if (g->to_check <= 0) {
        g->to_check = all - (-g->to_check) % all;
    }
}

CpTime py_tick_left(const Py *p)
{
    return p->g->to_check;
}

/* The holder runs without checks: from now on it must make them. */
static void stop_holder(Py *p)
{
    CpTid holder = p->g->holder;
    CpThread *h = cp_thread(p->sim, holder);
    PyThread *t = py_thread(p->sim, holder);
    if (cp_waiters(p->sim, p->g->cond) > 1 || !(t->todo & PY_DO_BURST)) {
        return;
    }
    CpCore *core = &p->sim->cores[h->cpu];
    CpTime wait = 0;
    if (h->state == CP_THREAD_RUNNING) {
        cp_core_account(p->sim, core);
        wait = core->irq_left + core->ovh_left;
    }
    CpTime ran = t->chunk - h->burst_left;
    CpTime left = p->g->to_check - ran % interval(p);
    left += left <= 0 ? interval(p) : 0;
    if (left < h->burst_left) {
        cp_stop_at(p->sim, holder, p->sim->now + wait + left);
    }
}

/* Without waiters the holder still posts and takes the semaphore at each check, which is
 * not simulated; a waiter that comes just then finds it free.  The holder has lost it. */
static bool slips_in(Py *p)
{
    PyGil *g = p->g;
    if (g->holder == CP_NONE || p->proc->window == 0) {
        return false;
    }
    CpThread *h = cp_thread(p->sim, g->holder);
    PyThread *t = py_thread(p->sim, g->holder);
    if (!(t->todo & PY_DO_BURST) || t->todo & (PY_DO_DROP | PY_DO_TAKE) || t->stage != 1 ||
        h->burst_left <= 0) {
        return false;
    }
    /* Where in its interval the holder is then depends on less than a model knows. */
    uint64_t r = cp_rng_key(p->sim->seed, p->flow->rng_id, p->flow->draws++);
    if (r % (uint64_t)interval(p) >= (uint64_t)p->proc->window) {
        return false;
    }
    Py loser = {.sim = p->sim, .tid = g->holder, .t = t, .g = g};
    cp_stop_at(p->sim, g->holder, p->sim->now);
    py_gil_gone(&loser, false);
    return true;
}

static CpStep tick_take(Py *p)
{
    PyThread *t = p->t;
    PyGil *g = p->g;
    if (!g->locked || (t->stage == TAKE_WOKEN && slips_in(p))) {
        py_gil_got(p);
        return CP_STEP_NEXT;
    }
    g->wasted += t->stage == TAKE_WOKEN;
    t->stage = TAKE_WOKEN;
    cp_wait(p->sim, p->tid, g->cond, CP_NEVER, CP_BLOCK_RUNTIME, t->gil);
    if (g->holder != CP_NONE) {
        stop_holder(p);
    }
    return CP_STEP_BLOCK;
}

static CpStep tick_drop(Py *p)
{
    PyThread *t = p->t;
    if (t->stage != DROP_BEGIN) {
        return CP_STEP_NEXT;
    }
    t->stage = DROP_POSTED;
    py_gil_gone(p, false);
    if (cp_waiters(p->sim, p->g->cond) == 0) {
        return CP_STEP_NEXT;
    }
    cp_wake(p->sim, p->g->cond, 1, p->tid, CP_WAKE_THREAD, 0);
    cp_charge(p->sim, p->tid, p->sim->cost[CP_COST_SYSCALL] + p->proc->gap);
    return py_pay(p);
}

const PyGilClass py_gil_tick = {.take = tick_take, .drop = tick_drop};
