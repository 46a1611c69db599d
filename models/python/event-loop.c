#include "models/python/event-loop.h"

#include <string.h>

/* asyncio: one loop a thread, tasks as flows.
 *
 * The thread's own flow stands at LOOP_RUN and is the loop: it polls, moves due timers to
 * the ready queue and runs as many handles as were ready then.  A handle that steps a task
 * makes the thread execute the task's flow until that awaits, which brings it back to the
 * loop's.  Mirrors Lib/asyncio/base_events.py:_run_once. */

enum {
    RUN_BEGIN,
    RUN_ITERATION,
    RUN_POLL,
    RUN_SELECT,
    RUN_SELECTED,
    RUN_COLLECT,
    RUN_HANDLES,
    RUN_LAST,
};
enum { FETCH_FROM = 64 }; /* handles that are ready, 3 at least */
/* --- ready queue and timers --- */

static void grow_ready(PyLoop *l)
{
    uint32_t cap = l->ready_cap == 0 ? 64 : l->ready_cap * 2;
    PyReady *ready = g_new(PyReady, cap);
    for (uint32_t i = 0; i < l->n_ready; i++) {
        ready[i] = l->ready[(l->head + i) & (l->ready_cap - 1)];
    }
    cp_assert((cap & (cap - 1)) == 0 && l->n_ready < cap);
    g_free(l->ready);
    l->ready = ready;
    l->ready_cap = cap;
    l->head = 0;
}

static void push_ready(PyLoop *l, PyReady r)
{
    if (l->n_ready == l->ready_cap) {
        grow_ready(l);
    }
    cp_assert(l->n_ready < l->ready_cap && l->batch <= l->n_ready);
    l->ready[(l->head + l->n_ready++) & (l->ready_cap - 1)] = r;
}

void py_loop_ready(CpSim *sim, uint32_t loop, uint32_t kind, uint32_t fut)
{
    PySim *ps = py_sim(sim);
    PyFut *f = py_fut(ps, fut);
    if (kind == PY_CB_STEP) {
        cp_assert(f->kind == PY_FUT_TASK && f->home == loop);
        if (f->flags & PY_F_SCHEDULED) {
            return;
        }
        f->flags |= PY_F_SCHEDULED;
    }
    push_ready(py_loop(ps, loop),
               (PyReady){.kind = kind & 15, .wait = f->n_waits & PY_WAIT_BITS, .fut = fut});
}

void py_loop_wake(CpSim *sim, uint32_t loop, CpTid waker, bool pipe)
{
    PyLoop *l = py_loop(py_sim(sim), loop);
    l->woken |= pipe;
    if (l->selecting) {
        l->selecting = false;
        bool runs = waker != CP_NONE && cp_thread(sim, waker)->state == CP_THREAD_RUNNING;
        cp_wake_thread(sim, l->tid, runs ? waker : CP_NONE,
                       runs ? CP_WAKE_THREAD : CP_WAKE_OUTSIDE, 0);
    }
}

static bool sooner(const PyTimer *a, const PyTimer *b)
{
    return a->when != b->when ? a->when < b->when : a->order < b->order;
}

static void push_timer(PyLoop *l, PyTimer t)
{
    if (l->n_timers == l->timers_cap) {
        l->timers_cap = l->timers_cap == 0 ? 64 : l->timers_cap * 2;
        l->timers = g_renew(PyTimer, l->timers, l->timers_cap);
    }
    t.order = l->order++;
    uint32_t i = l->n_timers++;
    for (; i > 0 && sooner(&t, &l->timers[(i - 1) / 4]); i = (i - 1) / 4) {
        l->timers[i] = l->timers[(i - 1) / 4];
    }
    l->timers[i] = t;
}

static PyTimer pop_timer(PyLoop *l)
{
    cp_assert(l->n_timers > 0);
    PyTimer top = l->timers[0];
    PyTimer t = l->timers[--l->n_timers];
    uint32_t i = 0;
    for (;;) {
        uint32_t child = 4 * i + 1, best = child;
        if (child >= l->n_timers) {
            break;
        }
        uint32_t end = MIN(child + 4, l->n_timers);
        for (uint32_t k = child + 1; k < end; k++) {
            best = sooner(&l->timers[k], &l->timers[best]) ? k : best;
        }
        if (!sooner(&l->timers[best], &t)) {
            break;
        }
        l->timers[i] = l->timers[best];
        i = best;
    }
    if (l->n_timers > 0) {
        l->timers[i] = t;
        cp_assert(!sooner(&l->timers[0], &top)); /* they come in order */
    }
    return top;
}

/* Hints: of ten thousands of tasks no row is in a cache when its turn comes, so the rows of
 * the timers and handles that come next are fetched meanwhile.  A handle's future was read
 * when it became ready; what that leads to is fetched one step later. */
static void fetch_timers(const PySim *ps, const PyLoop *l)
{
    for (uint32_t i = 0; i < MIN(l->n_timers, 5); i++) {
        __builtin_prefetch(py_fut(ps, l->timers[i].fut), 1);
    }
}

static void fetch_handles(const Py *p, const PyLoop *l)
{
    if (l->n_ready < FETCH_FROM) {
        return;
    }
    const PyReady *third = &l->ready[(l->head + 2) & (l->ready_cap - 1)];
    const PyReady *second = &l->ready[(l->head + 1) & (l->ready_cap - 1)];
    const PyReady *first = &l->ready[l->head];
    __builtin_prefetch(py_fut(p->ps, third->fut), 1);
    CpFlowId flow = py_fut(p->ps, second->fut)->flow;
    if (flow < p->sim->tables.flow.n) { /* a future may be gone by now */
        __builtin_prefetch(&p->sim->flows[flow], 1);
        __builtin_prefetch(py_flow(p->sim, flow), 1);
    }
    flow = py_fut(p->ps, first->fut)->flow;
    if (flow < p->sim->tables.flow.n && p->sim->flows[flow].regs != CP_NONE) {
        __builtin_prefetch(cp_regs(p->sim, &p->sim->flows[flow]), 1);
    }
}

/* Whether what the timer was for still waits for it. */
static bool is_valid(const PySim *ps, const PyTimer *t)
{
    const PyFut *f = py_fut(ps, t->fut);
    if (f->gen != t->gen) {
        return false;
    }
    switch ((PyCbKind)t->kind) {
    case PY_R_SLEEP:
        return f->flags & PY_F_SLEEPS && (f->n_waits & PY_WAIT_BITS) == t->wait;
    case PY_R_WAIT:
        return f->waits != CP_NONE && (f->n_waits & PY_WAIT_BITS) == t->wait;
    case PY_R_CALL:
        return f->state == PY_PENDING;
    default:
        return true;
    }
}

void py_loop_arm(Py *p, uint32_t loop, CpTime when, PyCbKind kind, uint32_t fut)
{
    const PyFut *f = py_fut(p->ps, fut);
    push_timer(py_loop(p->ps, loop), (PyTimer){.when = when,
                                               .fut = fut,
                                               .gen = f->gen,
                                               .kind = kind & 15,
                                               .wait = f->n_waits & PY_WAIT_BITS});
}

/* --- the loop --- */

static uint32_t new_loop(Py *p, uint32_t flags)
{
    uint32_t id = cp_row_new(p->sim, &p->ps->loops, "event loops");
    *py_loop(p->ps, id) = (PyLoop){.tid = p->tid,
                                   .uvloop = flags & CP_TASK_UVLOOP,
                                   .eager = flags & CP_TASK_EAGER,
                                   .slept_since = CP_NEVER,
                                   .current = CP_NONE,
                                   .signals = CP_NONE,
                                   .id = id};
    return id;
}

void py_record_created(Py *p, uint32_t fut, uint32_t creator)
{
    cp_record_wide(p->sim, CP_REC_TASK_CREATE, fut, cp_thread(p->sim, p->tid)->cpu, 0,
                   creator, py_label(p, fut));
}

static void begin(Py *p)
{
    cp_assert(p->t->loop == CP_NONE);
    const CpCallDecl *call = cp_call_decl(p->sim->w, p->insn->c);
    uint32_t id = new_loop(p, cp_task_decl(p->sim->w, call->task)->flags);
    PyLoop *l = py_loop(p->ps, id);
    p->t->loop = id;
    l->main = py_call_new(p, call, PY_FUT_TASK);
    PyFut *f = py_fut(p->ps, l->main);
    f->home = id;
    f->flags |= PY_F_KEEP;
    py_add_cb(p->ps, l->main, PY_CB_STOP, l->main);
    py_loop_ready(p->sim, id, PY_CB_STEP, l->main);
    py_record_created(p, l->main, CP_NONE);
    py_charge(p, p->proc->looped ? p->proc->cost->run : p->proc->cost->run_first);
    p->proc->looped = true;
}

/* Time to the first timer that still means something; CP_NEVER: none. */
static CpTime first_timer(const PySim *ps, PyLoop *l)
{
    while (l->n_timers > 0 && !is_valid(ps, &l->timers[0])) {
        pop_timer(l);
    }
    return l->n_timers == 0 ? CP_NEVER : l->timers[0].when;
}

/* epoll takes whole milliseconds, rounded up (uvloop: to the nearest), and is late by its
 * slack or a thousandth of the time. */
static CpTime deadline(const Py *p, const PyLoop *l, CpTime when)
{
    if (when == CP_NEVER) {
        return CP_NEVER;
    }
    CpTime left = when > p->sim->now ? when - p->sim->now : 0;
    cp_assert(l->tid == p->tid);
    CpTime ms = (left + (l->uvloop ? CP_MS / 2 : CP_MS - 1)) / CP_MS;
    CpTime slack = cp_slack(p->sim, p->tid);
    CpTime late = MIN(ms * CP_MS / 1000, 100 * CP_MS);
    CpTime extra = slack == 0 || late < slack ? 0 : late - slack;
    return p->sim->now + ms * CP_MS + extra;
}

enum { FIRST_EPOCH = 16 * CP_MS };

static void note_growth(PyGrowth *g, CpTime now, CpTime lag)
{
    if (g->end == 0) {
        *g = (PyGrowth){.end = FIRST_EPOCH, .mean = {-1, -1}};
    }
    while (now >= g->end) {
        g->mean[0] = g->mean[1];
        g->mean[1] = g->n > 0 ? g->sum / (CpTime)g->n : -1;
        g->sum = 0;
        g->n = 0;
        g->end *= 2;
    }
    g->sum += lag;
    g->n++;
}

static CpStep iteration(Py *p, PyLoop *l)
{
    CpFlow *flow = p->flow;
    if (l->iterations > 0 && l->begun != CP_NEVER && l->begun >= p->sim->counted_from) {
        note_growth(&p->ps->rounds, p->sim->now, p->sim->now - l->begun);
    }
    py_charge(p, py_loop_cost(p, l, p->proc->cost->iter));
    CpTime when = l->n_ready > 0 ? p->sim->now : first_timer(p->ps, l);
    CpTime timeout = when == CP_NEVER ? -1 : MAX(when - p->sim->now, 0);
    cp_record_wide(p->sim, CP_REC_LOOP_SELECT, l->id, cp_thread(p->sim, p->tid)->cpu, 0,
                   p->tid, timeout);
    if (timeout == 0 && py_gil_waiters(p) == 0 && !py_wants_switch(p)) {
        flow->rt_state = RUN_COLLECT;
        return CP_STEP_NEXT; /* nobody would notice that the lock is given up */
    }
    flow->rt_state = timeout == 0 ? RUN_POLL : RUN_SELECT;
    return py_pay(p);
}

static CpStep block_in_select(Py *p, PyLoop *l)
{
    cp_assert(!l->selecting && l->current == CP_NONE);
    p->flow->rt_state = RUN_SELECTED;
    if (l->n_ready > 0 || l->woken) {
        return CP_STEP_NEXT;
    }
    CpTime when = first_timer(p->ps, l);
    if (when <= p->sim->now) {
        return CP_STEP_NEXT;
    }
    CpTime at = deadline(p, l, when);
    if (at <= p->sim->now) {
        return CP_STEP_NEXT;
    }
    l->selecting = true;
    l->slept_since = p->sim->now;
    return py_sleep(p, at, CP_BLOCK_RUNTIME, l->id);
}

/* After a select that slept, the loop's code and data come back from memory: the longer it
 * slept, the more of them. */
static void warm_up(Py *p, PyLoop *l)
{
    if (l->slept_since == CP_NEVER) {
        return;
    }
    CpTime slept = p->sim->now - l->slept_since;
    cp_assert(slept >= 0);
    l->slept_since = CP_NEVER;
    py_charge(
        p, (CpTime)((__int128)p->proc->cold * slept / (slept + p->proc->v[PYP_COLD_HALF])));
}

/* Each level of the timer heap costs a comparison of two handles, a Python call. */
static CpTime fire_cost(const Py *p, const PyLoop *l)
{
    return py_loop_cost(p, l, p->proc->cost->fire) * (32 - __builtin_clz(l->n_timers | 1));
}

static void collect(Py *p, PyLoop *l)
{
    cp_assert(l->batch == 0); /* those of the iteration before have run */
    PySim *ps = p->ps;
    if (l->woken) {
        l->woken = false;
        push_ready(l, (PyReady){.kind = PY_R_PIPE});
    }
    /* uvloop's clock counts milliseconds, so a timer may fire up to half of one early. */
    CpTime end = p->sim->now + (l->uvloop ? CP_MS / 2 : 0);
    while (l->n_timers > 0 && l->timers[0].when <= end) {
        py_charge(p, fire_cost(p, l));
        PyTimer t = pop_timer(l);
        fetch_timers(ps, l);
        if (is_valid(ps, &t)) {
            if (t.when >= p->sim->counted_from) { /* else it was due in the warm-up */
                CpTime lag = MAX(p->sim->now - t.when, 0);
                cp_hist_add(&ps->lag, lag);
                note_growth(&ps->growth, p->sim->now, lag);
            }
            push_ready(l, (PyReady){.kind = t.kind, .wait = t.wait, .fut = t.fut});
        }
    }
    l->batch = l->n_ready;
    l->begun = l->n_ready > 1 ? p->sim->now : CP_NEVER;
    l->iterations++;
    ps->iterations++;
    cp_record_wide(p->sim, CP_REC_LOOP_READY, l->id, cp_thread(p->sim, p->tid)->cpu, 0,
                   p->tid, l->batch);
}

/* --- handles --- */

/* The thread executes the flow until it comes back; an exception may be waiting for one
 * that has not begun. */
static CpStep enter_flow(Py *p, PyLoop *l, uint32_t fut)
{
    PyFut *f = py_fut(p->ps, fut);
    cp_assert(l->current == CP_NONE && f->flow != CP_NONE);
    l->current = fut;
    l->step_since = p->sim->now;
    if (p->sim->rec.next != NULL) {
        cp_record_wide(p->sim, CP_REC_LOOP_STEP, l->id, cp_thread(p->sim, p->tid)->cpu, 0,
                       fut, py_label(p, fut));
        py_record_start(p, fut);
    }
    PyFlow *pf = py_flow(p->sim, f->flow);
    if (f->flags & PY_F_MUST_CANCEL) {
        f->flags &= (uint8_t)~PY_F_MUST_CANCEL;
        pf->raised = p->ps->exc_cancelled;
    }
    CpStep step = py_switch_to(p, f->flow);
    p->flow = &p->sim->flows[f->flow];
    if (pf->raised != 0 && p->flow->rt_state == PY_AWAIT_BEGIN) {
        uint32_t exc = pf->raised;
        pf->raised = 0;
        if (py_raise(p, exc) == CP_STEP_AGAIN) {
            p->flow->why = CP_WHY_BEGIN;
        }
    }
    return step;
}

static CpStep step_task(Py *p, PyLoop *l, uint32_t fut)
{
    PyFut *f = py_fut(p->ps, fut);
    f->flags &= (uint8_t)~PY_F_SCHEDULED;
    if (py_is_done(f)) {
        return CP_STEP_NEXT;
    }
    py_charge(p, py_loop_cost(p, l, p->proc->cost->step));
    return enter_flow(p, l, fut);
}

static void set_plain(Py *p, uint32_t fut)
{
    PyFut *f = py_fut(p->ps, fut);
    cp_assert(f->kind == PY_FUT_PLAIN);
    if (!py_is_done(f)) {
        py_finish(p, fut, (PyFutState)f->result, f->value, f->exc);
    }
}

static void time_is_over(Py *p, const PyReady *r)
{
    PyFut *f = py_fut(p->ps, r->fut);
    if (r->kind == PY_R_TIMEOUT) {
        if (f->kind != PY_FUT_TIMEOUT || (f->n_waits & PY_WAIT_BITS) != r->wait) {
            return; /* the block was left while its handle was ready already */
        }
        f->flags |= PY_F_EXPIRED;
        py_task_cancel(p, f->task);
    } else if (f->waits != CP_NONE && (f->n_waits & PY_WAIT_BITS) == r->wait) {
        f->flags |= PY_F_EXPIRED;
        if (py_fut(p->ps, f->waits)->kind == PY_FUT_GROUP) {
            py_drop_cb(p->ps, f->waits, PY_CB_STEP, r->fut);
            py_loop_ready(p->sim, f->home, PY_CB_STEP, r->fut);
        } else {
            py_task_cancel(p, f->waits);
        }
    }
}

/* The bytes of signals make their callbacks ready, for the next iteration; mirrors
 * Lib/asyncio/unix_events.py:_process_self_data. */
static void read_pipe(Py *p, PyLoop *l)
{
    for (; l->signals != CP_NONE; l->signals = py_fut(p->ps, l->signals)->next) {
        py_loop_ready(p->sim, l->id, PY_R_CALL, l->signals);
    }
}

/* The last task that was left when the main task ended ends the wait for them, a gather. */
static void one_less(Py *p, PyLoop *l)
{
    cp_assert(l->n_left > 0);
    if (--l->n_left == 0) {
        py_loop_ready(p->sim, l->id, PY_CB_STOP, l->main);
    }
}

static CpStep run_handle(Py *p, PyLoop *l, PyReady r)
{
    PyFut *f = py_fut(p->ps, r.fut);
    if (r.kind == PY_CB_STEP) {
        return step_task(p, l, r.fut);
    }
    py_charge(p, py_loop_cost(p, l, p->proc->cost->callback));
    switch ((PyCbKind)r.kind) {
    case PY_CB_CHILD:
        if (f->flags & PY_F_GROUPED) { /* else the wait was over before */
            py_group_child(p, f->group, r.fut);
        }
        break;
    case PY_CB_STOP:
        l->stopping = true;
        break;
    case PY_CB_SET:
        set_plain(p, r.fut);
        break;
    case PY_R_LEFT:
        one_less(p, l);
        break;
    case PY_R_SLEEP:
        if (f->flags & PY_F_SLEEPS && (f->n_waits & PY_WAIT_BITS) == r.wait) {
            f->flags &= (uint8_t)~PY_F_SLEEPS;
            py_loop_ready(p->sim, f->home, PY_CB_STEP, r.fut);
        }
        break;
    case PY_R_TIMEOUT:
    case PY_R_WAIT:
        time_is_over(p, &r);
        break;
    case PY_R_IO:
        py_loop_ready(p->sim, f->home, PY_CB_STEP, r.fut);
        break;
    case PY_R_CALL:
        if (f->state == PY_PENDING) {
            return enter_flow(p, l, r.fut);
        }
        py_flow_done(p, r.fut);
        py_fut_free(p->ps, r.fut);
        break;
    default:
        read_pipe(p, l);
        break;
    }
    return CP_STEP_NEXT;
}

static CpStep handles(Py *p, PyLoop *l)
{
    while (l->batch > 0) {
        PY_DO(py_check(p));
        PyReady r = l->ready[l->head];
        cp_assert(l->n_ready >= l->batch);
        l->head = (l->head + 1) & (l->ready_cap - 1);
        l->n_ready--;
        fetch_handles(p, l);
        l->batch--;
        PY_DO(run_handle(p, l, r));
    }
    return CP_STEP_NEXT;
}

/* Cancels the tasks that are left when the main task is over; whether there are any.
 * Mirrors Lib/asyncio/runners.py:_cancel_all_tasks. */
static bool cancel_left(Py *p, PyLoop *l)
{
    l->ending = true;
    if (!cp_python_has(&p->proc->version, CP_PY_RUN_CANCELS_LEFT)) {
        return l->n_left > 0;
    }
    for (uint32_t i = 1; i < p->ps->futs.n; i++) {
        PyFut *f = py_fut(p->ps, i);
        if (f->kind == PY_FUT_TASK && f->home == l->id && f->flow != CP_NONE &&
            !py_is_done(f)) {
            f->is_left = true;
            l->n_left++;
            py_task_cancel(p, i);
        }
    }
    return l->n_left > 0;
}

static void free_loop(PyLoop *l)
{
    g_free(l->ready);
    g_free(l->timers);
    l->ready = NULL;
    l->timers = NULL;
    l->n_ready = l->n_timers = l->ready_cap = l->timers_cap = 0;
}

uint32_t cp_python_n_loops(const CpSim *sim)
{
    return py_sim(sim) != NULL ? py_sim(sim)->loops.n : 0;
}

CpTid cp_python_loop_thread(const CpSim *sim, uint32_t loop, bool *uvloop)
{
    cp_require(loop < cp_python_n_loops(sim));
    const PyLoop *l = py_loop(py_sim(sim), loop);
    *uvloop = l->uvloop;
    return l->tid;
}

void py_loops_clear(PySim *ps)
{
    for (uint32_t i = 0; i < ps->loops.n; i++) {
        free_loop(py_loop(ps, i));
    }
}

CpStep py_op_loop_run(Py *p)
{
    CpFlow *flow = p->flow;
    for (;;) {
        PyLoop *l = p->t->loop == CP_NONE ? NULL : py_loop(p->ps, p->t->loop);
        switch (flow->rt_state) {
        case RUN_BEGIN:
            begin(p);
            flow->rt_state = RUN_ITERATION;
            break;
        case RUN_ITERATION:
            PY_DO(iteration(p, l));
            break;
        case RUN_POLL:
        case RUN_SELECT:
            if (p->t->flags & PY_HAS) {
                PY_DO(py_drop(p));
            }
            flow->rt_state = flow->rt_state == RUN_POLL ? RUN_SELECTED : RUN_SELECT;
            if (flow->rt_state == RUN_SELECT) {
                PY_DO(block_in_select(p, l));
            }
            break;
        case RUN_SELECTED:
            l->selecting = false;
            flow->rt_state = RUN_COLLECT;
            PY_DO(py_take(p));
            break;
        case RUN_COLLECT:
            warm_up(p, l);
            collect(p, l);
            flow->rt_state = RUN_HANDLES;
            break;
        case RUN_HANDLES:
            PY_DO(handles(p, l));
            flow->rt_state = RUN_ITERATION;
            if (l->stopping) {
                bool left = !l->ending && cancel_left(p, l);
                flow->rt_state = left ? RUN_ITERATION : RUN_LAST;
                l->stopping = false;
            }
            break;
        default:
            PY_DO(py_pay(p));
            free_loop(l);
            p->t->loop = CP_NONE;
            return py_read(p, l->main);
        }
    }
}
