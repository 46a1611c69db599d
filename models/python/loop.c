#include "models/python/future.h"

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
enum { WAIT_BITS = (1 << 28) - 1 };
enum { FETCH_FROM = 64 }; /* handles that are ready, 3 at least */

/* --- ready queue and timers --- */

static void grow_ready(PyLoop *l)
{
    uint32_t cap = l->ready_cap == 0 ? 64 : l->ready_cap * 2;
    PyReady *ready = g_new(PyReady, cap);
    for (uint32_t i = 0; i < l->n_ready; i++) {
        ready[i] = l->ready[(l->head + i) & (l->ready_cap - 1)];
    }
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
    l->ready[(l->head + l->n_ready++) & (l->ready_cap - 1)] = r;
}

void py_loop_ready(CpSim *sim, uint32_t loop, uint32_t kind, uint32_t fut)
{
    PySim *ps = py_sim(sim);
    PyFut *f = py_fut(ps, fut);
    if (kind == PY_CB_STEP) {
        if (f->flags & PY_F_SCHEDULED) {
            return;
        }
        f->flags |= PY_F_SCHEDULED;
    }
    push_ready(py_loop(ps, loop),
               (PyReady){.kind = kind & 15, .wait = f->n & WAIT_BITS, .fut = fut});
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
    if (flow < p->sim->flow_table.n) { /* a future may be gone by now */
        __builtin_prefetch(&p->sim->flows[flow], 1);
        __builtin_prefetch(py_flow(p->sim, flow), 1);
    }
    flow = py_fut(p->ps, first->fut)->flow;
    if (flow < p->sim->flow_table.n && p->sim->flows[flow].regs != CP_NONE) {
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
        return f->flags & PY_F_SLEEPS && (f->n & WAIT_BITS) == t->wait;
    case PY_R_WAIT:
        return f->waits != CP_NONE && (f->n & WAIT_BITS) == t->wait;
    case PY_R_CALL:
        return f->state == PY_PENDING;
    default:
        return true;
    }
}

static void arm(Py *p, uint32_t loop, CpTime when, PyCbKind kind, uint32_t fut)
{
    const PyFut *f = py_fut(p->ps, fut);
    push_timer(py_loop(p->ps, loop), (PyTimer){.when = when,
                                               .fut = fut,
                                               .gen = f->gen,
                                               .kind = kind & 15,
                                               .wait = f->n & WAIT_BITS});
}

/* --- the loop --- */

static CpTime loop_cost(const Py *p, const PyLoop *l, CpTime cost)
{
    return l->uvloop ? cost * p->proc->v[PYP_CB_FACTOR] / 1000000 : cost;
}

static uint32_t new_loop(Py *p, uint32_t flags)
{
    uint32_t id = cp_table_add(&p->ps->loops);
    cp_require(id != CP_NONE);
    *py_loop(p->ps, id) = (PyLoop){.tid = p->tid,
                                   .uvloop = flags & CP_TASK_UVLOOP,
                                   .eager = flags & CP_TASK_EAGER,
                                   .slept_since = CP_NEVER,
                                   .current = CP_NONE,
                                   .signals = CP_NONE,
                                   .id = id};
    return id;
}

static void record_created(Py *p, uint32_t fut, uint32_t creator)
{
    cp_record_wide(p->sim, CP_REC_TASK_CREATE, fut, cp_thread(p->sim, p->tid)->cpu, 0,
                   creator, py_label(p, fut));
}

static void begin(Py *p)
{
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
    record_created(p, l->main, CP_NONE);
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
    CpTime ms = (left + (l->uvloop ? CP_MS / 2 : CP_MS - 1)) / CP_MS;
    CpTime slack = cp_slack(p->sim, p->tid);
    CpTime late = MIN(ms * CP_MS / 1000, 100 * CP_MS);
    CpTime extra = slack == 0 || late < slack ? 0 : late - slack;
    return p->sim->now + ms * CP_MS + extra;
}

static CpStep iteration(Py *p, PyLoop *l)
{
    CpFlow *flow = p->flow;
    py_charge(p, loop_cost(p, l, p->proc->cost->iter));
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
    l->slept_since = CP_NEVER;
    py_charge(
        p, (CpTime)((__int128)p->proc->cold * slept / (slept + p->proc->v[PYP_COLD_HALF])));
}

/* Each level of the timer heap costs a comparison of two handles, a Python call. */
static CpTime fire_cost(const Py *p, const PyLoop *l)
{
    return loop_cost(p, l, p->proc->cost->fire) * (32 - __builtin_clz(l->n_timers | 1));
}

static void collect(Py *p, PyLoop *l)
{
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
                cp_hist_add(&ps->lag, MAX(p->sim->now - t.when, 0));
            }
            push_ready(l, (PyReady){.kind = t.kind, .wait = t.wait, .fut = t.fut});
        }
    }
    l->batch = l->n_ready;
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
    l->current = fut;
    l->step_since = p->sim->now;
    if (p->sim->rec != NULL) {
        cp_record_wide(p->sim, CP_REC_LOOP_STEP, l->id, cp_thread(p->sim, p->tid)->cpu, 0,
                       fut, py_label(p, fut));
    }
    PyFlow *pf = py_flow(p->sim, f->flow);
    if (f->flags & PY_F_MUST_CANCEL) {
        f->flags &= (uint8_t)~PY_F_MUST_CANCEL;
        pf->raised = p->ps->exc_cancelled;
    }
    CpStep step = py_switch_to(p, f->flow);
    p->flow = &p->sim->flows[f->flow];
    if (pf->raised != 0 && p->flow->rt_state == 0) {
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
    py_charge(p, loop_cost(p, l, p->proc->cost->step));
    return enter_flow(p, l, fut);
}

static void set_plain(Py *p, uint32_t fut)
{
    PyFut *f = py_fut(p->ps, fut);
    if (!py_is_done(f)) {
        py_finish(p, fut, (PyFutState)f->n, f->value, f->exc);
    }
}

static void time_is_over(Py *p, const PyReady *r)
{
    PyFut *f = py_fut(p->ps, r->fut);
    if (r->kind == PY_R_TIMEOUT) {
        f->flags |= PY_F_EXPIRED;
        py_task_cancel(p, f->waits);
    } else if (f->waits != CP_NONE && (f->n & WAIT_BITS) == r->wait) {
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
    py_charge(p, loop_cost(p, l, p->proc->cost->callback));
    switch ((PyCbKind)r.kind) {
    case PY_CB_CHILD:
        py_group_child(p, f->a, r.fut);
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
        if (f->flags & PY_F_SLEEPS && (f->n & WAIT_BITS) == r.wait) {
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
            f->group = 1;
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

/* --- the way back to the loop --- */

static uint32_t current(const Py *p)
{
    return p->flow->owner;
}

/* As Python names it and its coroutine: "Task-3 fetch"; a callback has no number. */
static void diagnose_blocked(Py *p, uint32_t fut, CpTime length)
{
    const PyFut *f = py_fut(p->ps, fut);
    const char *name = cp_workload_text(p->sim->w, cp_task_decl(p->sim->w, f->decl)->name);
    uint32_t number = CP_RECORD_TASK_NUMBER(py_label(p, fut));
    if (number == 0) {
        cp_diagnose(p->sim, "blocked loop", &p->tid, 1,
                    "the callback %s kept the event loop busy for %" G_GINT64_FORMAT " ms",
                    name, length / CP_MS);
        return;
    }
    cp_diagnose(p->sim, "blocked loop", &p->tid, 1,
                "one step of Task-%u %s kept the event loop busy for %" G_GINT64_FORMAT
                " ms",
                number, name, length / CP_MS);
}

/* The step of a task or callback ends here. */
static CpStep back(Py *p, uint32_t fut)
{
    PyLoop *l = py_loop(p->ps, py_fut(p->ps, fut)->home);
    PyFut *f = py_fut(p->ps, fut);
    if (l->current == fut && f->b == 0 && f->kind == PY_FUT_TASK) {
        uint32_t creator = f->a; /* its first step ran inside create_task */
        f->a = f->b = CP_NONE;
        l->current = creator;
        return py_switch_to(p, py_fut(p->ps, creator)->flow);
    }
    CpTime length = p->sim->now - MAX(l->step_since, p->sim->counted_from);
    p->ps->blocked_max = MAX(p->ps->blocked_max, length);
    if (length >= p->proc->v[PYP_SLOW_CALLBACK]) {
        diagnose_blocked(p, fut, length);
    }
    l->current = CP_NONE;
    return py_switch_to(p, p->t->base);
}

static void record_ended(Py *p, uint32_t fut, PyFutState state)
{
    uint32_t how = state == PY_DONE ? 0 : state == PY_CANCELLED ? 1 : 2;
    cp_record_wide(p->sim, CP_REC_TASK_END, fut, cp_thread(p->sim, p->tid)->cpu, how,
                   p->tid, 0);
}

CpStep py_task_ended(Py *p, uint32_t fut)
{
    PyFut *f = py_fut(p->ps, fut);
    if (f->home == CP_NONE) { /* a signal handler of a thread without loop */
        CpFlowId to = f->a;
        py_flow_done(p, fut);
        py_fut_free(p->ps, fut);
        return py_switch_to(p, to);
    }
    bool awaited = f->cb != CP_NONE;
    uint32_t state = p->end_state;
    if (f->kind == PY_FUT_TASK) { /* a callback is no future */
        record_ended(p, fut, (PyFutState)state);
    }
    if (f->group != 0) {
        py_loop_ready(p->sim, f->home, PY_R_LEFT, py_loop(p->ps, f->home)->main);
    }
    py_finish(p, fut, (PyFutState)state, f->value, f->exc);
    CpStep step = back(p, fut);
    py_flow_done(p, fut);
    if (!awaited && !(f->flags & (PY_F_KEEP | PY_F_SCHEDULED))) {
        py_fut_free(p->ps, fut);
    }
    return step;
}

/* Suspends the running task; it goes on with rt_state. */
static CpStep suspend(Py *p, uint16_t rt_state)
{
    p->flow->rt_state = rt_state;
    return back(p, current(p));
}

static bool raised(Py *p, uint32_t *exc)
{
    PyFlow *pf = py_flow(p->sim, cp_thread(p->sim, p->tid)->flow);
    *exc = pf->raised;
    pf->raised = 0;
    return *exc != 0;
}

static PyFut *begin_wait(Py *p)
{
    PyFut *f = py_fut(p->ps, current(p));
    f->n++;
    f->flags &= (uint8_t)~PY_F_EXPIRED;
    return f;
}

/* --- cancellation --- */

static bool cancel_children(Py *p, const PyFut *group)
{
    bool any = false;
    for (uint32_t c = group->a; c != CP_NONE; c = py_fut(p->ps, c)->b) {
        any |= py_task_cancel(p, c);
    }
    return any;
}

static void leave_queue(PySim *ps, uint32_t fut);

/* Throws `cancelled` into a task that waits for nothing but its loop. */
static void throw_into(Py *p, uint32_t fut)
{
    PyFut *f = py_fut(p->ps, fut);
    f->n++;
    f->waits = CP_NONE;
    f->flags &= (uint8_t) ~(PY_F_SLEEPS | PY_F_QUEUED);
    py_flow(p->sim, f->flow)->raised = p->ps->exc_cancelled;
    py_loop_ready(p->sim, f->home, PY_CB_STEP, fut);
}

/* asyncio.wait does not pass a cancellation on to what it waits for. */
static bool waits_only(const PyFut *f)
{
    return f->kind == PY_FUT_GROUP && f->group != CP_GROUP_GATHER &&
           f->group != CP_GROUP_TASKS;
}

bool py_task_cancel(Py *p, uint32_t fut)
{
    PyFut *f = py_fut(p->ps, fut);
    if (py_is_done(f)) {
        return false;
    }
    switch ((PyFutKind)f->kind) {
    case PY_FUT_CALL:
        return py_call_cancel(p, fut);
    case PY_FUT_CALLBACK:
        f->state = PY_CANCELLED;
        return true;
    case PY_FUT_GROUP:
        return cancel_children(p, f);
    case PY_FUT_PLAIN:
        if (f->waits != CP_NONE && !py_call_cancel(p, f->waits)) {
            py_drop_cb(p->ps, f->waits, PY_CB_SET, fut);
        }
        py_finish(p, fut, PY_CANCELLED, 0, p->ps->exc_cancelled);
        return true;
    case PY_FUT_TASK:
        break;
    default:
        return false;
    }
    if (f->flags & PY_F_SLEEPS) {
        throw_into(p, fut);
    } else if (f->flags & PY_F_QUEUED) {
        leave_queue(p->ps, fut);
        throw_into(p, fut);
    } else if (f->waits != CP_NONE && waits_only(py_fut(p->ps, f->waits))) {
        py_drop_cb(p->ps, f->waits, PY_CB_STEP, fut);
        throw_into(p, fut);
    } else if (f->waits != CP_NONE && py_task_cancel(p, f->waits)) {
        /* it learns when what it awaits has ended */
    } else {
        f->flags |= PY_F_MUST_CANCEL;
    }
    return true;
}

/* --- groups --- */

static void free_group(PySim *ps, uint32_t group)
{
    const PyFut *g = py_fut(ps, group);
    if (g->n == 0 && g->flags & PY_F_READ) {
        py_fut_free(ps, group);
    }
}

/* A child has ended, or had when it was added. */
void py_group_child(Py *p, uint32_t group, uint32_t child)
{
    PyFut *g = py_fut(p->ps, group);
    PyFut *c = py_fut(p->ps, child);
    bool failed = c->state != PY_DONE;
    uint32_t exc = failed ? c->exc : 0;
    g->n--;
    if (c->flags & PY_F_GROUPED) {
        if (c->prev == CP_NONE) {
            g->a = c->b;
        } else {
            py_fut(p->ps, c->prev)->b = c->b;
        }
        if (c->b != CP_NONE) {
            py_fut(p->ps, c->b)->prev = c->prev;
        }
    }
    c->a = c->b = CP_NONE;
    c->flags &= (uint8_t)~PY_F_GROUPED;
    bool unread = c->flags & (PY_F_KEEP | PY_F_SCHEDULED) && c->kind != PY_FUT_PLAIN;
    if (!unread && c->kind != PY_FUT_CALL) {
        py_fut_free(p->ps, child);
    }
    bool all = g->n == 0 && g->flags & PY_F_SCHEDULED;
    if (py_is_done(g)) {
        free_group(p->ps, group);
        return;
    }
    g->exc = g->exc == 0 ? exc : g->exc;
    switch ((CpGroupKind)g->group) {
    case CP_GROUP_GATHER:
        if (failed || all) {
            py_finish(p, group, g->exc != 0 ? PY_FAILED : PY_DONE, 0, g->exc);
        }
        break;
    case CP_GROUP_TASKS:
        if (failed && exc != p->ps->exc_cancelled) {
            cancel_children(p, g);
        }
        if (all) {
            py_finish(p, group, g->exc != 0 ? PY_FAILED : PY_DONE, 0, g->exc);
        }
        break;
    case CP_GROUP_FIRST:
        py_finish(p, group, PY_DONE, 0, 0);
        break;
    case CP_GROUP_EXCEPTION:
    case CP_GROUP_ALL:
        if (all || (failed && g->group == CP_GROUP_EXCEPTION)) {
            py_finish(p, group, PY_DONE, 0, 0);
        }
        break;
    }
}

CpStep py_op_group(Py *p)
{
    uint32_t id = py_fut_new(p->ps, PY_FUT_GROUP);
    PyFut *g = py_fut(p->ps, id);
    g->group = p->insn->a;
    g->home = p->t->loop;
    g->flags = PY_F_KEEP;
    cp_regs(p->sim, p->flow)[p->insn->b] = py_handle(p->ps, id);
    return CP_STEP_NEXT;
}

CpStep py_op_group_add(Py *p)
{
    const int64_t *regs = cp_regs(p->sim, p->flow);
    uint32_t child = py_of_handle(p->ps, regs[p->insn->a]);
    uint32_t group = py_of_handle(p->ps, regs[p->insn->b]);
    if (child == CP_NONE || group == CP_NONE) {
        return CP_STEP_NEXT;
    }
    PyFut *g = py_fut(p->ps, group), *c = py_fut(p->ps, child);
    g->n++;
    c->a = group;
    c->b = g->a;
    c->prev = CP_NONE;
    if (g->a != CP_NONE) {
        py_fut(p->ps, g->a)->prev = child;
    }
    g->a = child;
    c->flags |= PY_F_GROUPED;
    if (py_is_done(c)) {
        py_group_child(p, group, child);
    } else {
        py_add_cb(p->ps, child, PY_CB_CHILD, group);
    }
    return CP_STEP_NEXT;
}

/* After a wait: its limit ran out, or an exception was thrown in. */
static bool ran_out(Py *p)
{
    PyFut *f = py_fut(p->ps, current(p));
    bool out = f->flags & PY_F_EXPIRED;
    f->flags &= (uint8_t)~PY_F_EXPIRED;
    f->waits = CP_NONE;
    p->flow->timed_out = out;
    return out;
}

static CpStep wait_future(Py *p, uint32_t fut)
{
    PyFut *me = begin_wait(p);
    me->waits = fut;
    py_add_cb(p->ps, fut, PY_CB_STEP, current(p));
    if (p->insn->b != CP_REG_NONE) {
        CpTime limit = cp_regs(p->sim, p->flow)[p->insn->b];
        py_charge(p, p->proc->cost->timer);
        arm(p, me->home, p->sim->now + limit, PY_R_WAIT, current(p));
    }
    return suspend(p, 1);
}

CpStep py_op_group_await(Py *p)
{
    uint32_t group = py_of_handle(p->ps, cp_regs(p->sim, p->flow)[p->insn->a]);
    if (group == CP_NONE) {
        return CP_STEP_NEXT;
    }
    PyFut *g = py_fut(p->ps, group);
    if (p->flow->rt_state == 0) {
        g->flags |= PY_F_SCHEDULED; /* complete: no child will be added */
        if (!py_is_done(g) && g->n > 0) {
            return wait_future(p, group);
        }
        p->flow->timed_out = 0;
    }
    uint32_t exc = 0;
    bool out = p->flow->rt_state == 1 && ran_out(p);
    bool thrown = raised(p, &exc);
    g->flags |= PY_F_READ;
    if (!out && !thrown) {
        exc = g->exc != 0 && g->state != PY_DONE ? g->exc : 0;
        if (g->state == PY_PENDING && g->exc != 0 &&
            (g->group == CP_GROUP_GATHER || g->group == CP_GROUP_TASKS)) {
            exc = g->exc;
        }
    }
    free_group(p->ps, group);
    return exc != 0 ? py_raise(p, exc) : CP_STEP_NEXT;
}

/* --- tasks --- */

CpStep py_op_create(Py *p)
{
    const CpCallDecl *call = cp_call_decl(p->sim->w, p->insn->c);
    if (p->flow->rt_state == 1) {
        return CP_STEP_NEXT; /* its eager first step is over */
    }
    uint32_t loop = p->t->loop;
    if (loop == CP_NONE) {
        cp_diagnose(p->sim, "no running event loop", &p->tid, 1,
                    "a task is created by a thread that runs no loop");
        return CP_STEP_NEXT;
    }
    uint32_t fut = py_call_new(p, call, PY_FUT_TASK);
    PyFut *f = py_fut(p->ps, fut);
    PyLoop *l = py_loop(p->ps, loop);
    f->home = loop;
    cp_regs(p->sim, p->flow)[CP_REG_VALUE] = py_handle(p->ps, fut);
    record_created(p, fut, current(p));
    py_charge(p, loop_cost(p, l, p->proc->cost->create));
    if (!l->eager || !cp_python_has(&p->proc->version, CP_PY_EAGER_TASKS)) {
        py_loop_ready(p->sim, loop, PY_CB_STEP, fut);
        return CP_STEP_NEXT;
    }
    p->flow->rt_state = 1;
    f->a = current(p);
    f->b = 0;
    l->current = fut;
    return py_switch_to(p, f->flow);
}

CpStep py_op_await(Py *p)
{
    uint32_t fut = py_of_handle(p->ps, cp_regs(p->sim, p->flow)[p->insn->a]);
    uint32_t exc;
    if (p->flow->rt_state == 1) {
        bool out = ran_out(p);
        if (raised(p, &exc) && !out) {
            return py_raise(p, exc);
        }
        if (fut != CP_NONE && out) {
            py_fut(p->ps, fut)->exc = 0; /* its cancellation is ours */
        }
        return fut == CP_NONE ? CP_STEP_NEXT : py_read(p, fut);
    }
    p->flow->timed_out = 0;
    if (fut == CP_NONE) {
        cp_regs(p->sim, p->flow)[CP_REG_VALUE] = 0;
        return CP_STEP_NEXT;
    }
    if (py_is_done(py_fut(p->ps, fut))) {
        return py_read(p, fut);
    }
    return wait_future(p, fut);
}

CpStep py_op_await_sleep(Py *p)
{
    uint32_t exc;
    if (p->flow->rt_state == 1) {
        return raised(p, &exc) ? py_raise(p, exc) : CP_STEP_NEXT;
    }
    CpTime d = cp_operand(p->sim, p->flow, p->insn->a, p->insn->c);
    PyFut *me = begin_wait(p);
    PyLoop *l = py_loop(p->ps, me->home);
    if (d <= 0) {
        py_loop_ready(p->sim, me->home, PY_CB_STEP, current(p));
        return suspend(p, 1);
    }
    py_charge(p, loop_cost(p, l, p->proc->cost->timer + p->proc->cost->sleep));
    me->flags |= PY_F_SLEEPS;
    arm(p, me->home, d > CP_NEVER / 2 - p->sim->now ? CP_NEVER / 2 : p->sim->now + d,
        PY_R_SLEEP, current(p));
    return suspend(p, 1);
}

/* --- timeout blocks --- */

CpStep py_op_timeout_begin(Py *p)
{
    CpTime d = cp_operand(p->sim, p->flow, p->insn->a, p->insn->c);
    PyFlow *pf = py_flow(p->sim, cp_thread(p->sim, p->tid)->flow);
    uint32_t fut = py_fut_new(p->ps, PY_FUT_TIMEOUT);
    PyFut *f = py_fut(p->ps, fut);
    f->home = p->t->loop;
    f->waits = current(p);
    f->a = pf->handler;
    pf->handler = p->flow->pc + 1;
    cp_regs(p->sim, p->flow)[p->insn->b] = py_handle(p->ps, fut);
    py_charge(p, p->proc->cost->timer);
    arm(p, f->home, p->sim->now + d, PY_R_TIMEOUT, fut);
    return CP_STEP_NEXT;
}

CpStep py_op_timeout_end(Py *p)
{
    uint32_t fut = py_of_handle(p->ps, cp_regs(p->sim, p->flow)[p->insn->b]);
    p->flow->timed_out = 0;
    if (fut != CP_NONE) {
        py_flow(p->sim, cp_thread(p->sim, p->tid)->flow)->handler = py_fut(p->ps, fut)->a;
        py_fut_free(p->ps, fut);
    }
    return CP_STEP_NEXT;
}

/* --- callbacks and executors --- */

CpStep py_op_call_soon(Py *p)
{
    const CpCallDecl *call = cp_call_decl(p->sim->w, p->insn->c);
    uint32_t loop = p->t->loop;
    if (call->thread != CP_NONE) {
        const CpDeclState *d = &p->sim->decls[call->thread];
        loop = d->instances > 0 ? py_thread(p->sim, d->first)->loop : CP_NONE;
    }
    if (loop == CP_NONE) {
        cp_diagnose(p->sim, "no running event loop", &p->tid, 1,
                    "a callback is meant for a thread that runs no loop");
        return CP_STEP_NEXT;
    }
    uint32_t fut = py_call_new(p, call, PY_FUT_CALLBACK);
    py_fut(p->ps, fut)->home = loop;
    cp_regs(p->sim, p->flow)[CP_REG_VALUE] = py_handle(p->ps, fut);
    py_charge(p, p->proc->cost->callback);
    if (call->delay_arg == CP_ARG_NONE) {
        py_loop_ready(p->sim, loop, PY_R_CALL, fut);
    } else {
        CpTime d = cp_operand(p->sim, p->flow, call->delay_arg, call->delay);
        arm(p, loop, p->sim->now + MAX(d, 0), PY_R_CALL, fut);
    }
    if (loop != p->t->loop) {
        py_charge(p, p->sim->cost[CP_COST_SYSCALL]);
        py_loop_wake(p->sim, loop, p->tid, true);
    }
    return CP_STEP_NEXT;
}

CpStep py_op_executor(Py *p)
{
    const CpCallDecl *call = cp_call_decl(p->sim->w, p->insn->c);
    uint32_t fut = CP_NONE;
    PY_DO(py_submit(p, call, &fut));
    if (fut == CP_NONE) {
        return CP_STEP_NEXT;
    }
    uint32_t plain = py_fut_new(p->ps, PY_FUT_PLAIN);
    PyFut *f = py_fut(p->ps, plain);
    f->home = p->t->loop;
    f->waits = fut;
    f->flags = PY_F_KEEP;
    if (py_is_done(py_fut(p->ps, fut))) { /* it was quick */
        const PyFut *c = py_fut(p->ps, fut);
        f->value = c->value;
        f->exc = c->exc;
        f->n = c->state;
        py_loop_ready(p->sim, f->home, PY_CB_SET, plain);
        py_loop_wake(p->sim, f->home, p->tid, true);
    } else {
        py_add_cb(p->ps, fut, PY_CB_SET, plain);
    }
    cp_regs(p->sim, p->flow)[CP_REG_VALUE] = py_handle(p->ps, plain);
    return CP_STEP_NEXT;
}

bool py_signal(Py *p, CpProcId proc, uint32_t number)
{
    const CpWorkload *w = p->sim->w;
    PyProc *to = py_proc(p->sim, proc);
    for (uint32_t i = 0; i < w->handlers->len; i++) {
        const CpHandlerDecl *h = &g_array_index(w->handlers, CpHandlerDecl, i);
        if (h->proc != p->sim->procs[proc].decl || h->number != number ||
            to->main == CP_NONE) {
            continue;
        }
        const CpCallDecl call = {.task = h->task};
        uint32_t loop = py_thread(p->sim, to->main)->loop;
        uint32_t fut = py_call_new(p, &call, PY_FUT_CALLBACK);
        py_fut(p->ps, fut)->home = loop;
        if (loop != CP_NONE) {
            uint32_t *last = &py_loop(p->ps, loop)->signals;
            while (*last != CP_NONE) {
                last = &py_fut(p->ps, *last)->next;
            }
            py_fut(p->ps, fut)->next = CP_NONE;
            *last = fut;
            py_loop_wake(p->sim, loop, p->tid, true);
        } else {
            py_fut(p->ps, fut)->next = to->signals;
            to->signals = fut;
            py_interrupt_main(p, to);
        }
        return true;
    }
    return false;
}

/* --- asyncio objects --- */

static PyQueue *queue_of(const PySim *ps, CpObjId obj, int side)
{
    return &ps->queues[2 * obj + (uint32_t)side];
}

static void enqueue(PySim *ps, PyQueue *q, uint32_t fut)
{
    py_fut(ps, fut)->next = CP_NONE;
    if (q->last_plus1 == 0) {
        q->first_plus1 = fut + 1;
    } else {
        py_fut(ps, q->last_plus1 - 1)->next = fut;
    }
    q->last_plus1 = fut + 1;
}

static void unqueue(PySim *ps, PyQueue *q, uint32_t fut)
{
    uint32_t before = CP_NONE, at = q->first_plus1 - 1;
    while (q->first_plus1 != 0 && at != CP_NONE && at != fut) {
        before = at;
        at = py_fut(ps, at)->next;
    }
    if (q->first_plus1 == 0 || at == CP_NONE) {
        return;
    }
    uint32_t next = py_fut(ps, fut)->next;
    if (before == CP_NONE) {
        q->first_plus1 = next + 1; /* CP_NONE + 1 is 0: empty */
    } else {
        py_fut(ps, before)->next = next;
    }
    if (q->last_plus1 == fut + 1) {
        q->last_plus1 = before + 1;
    }
}

static void leave_queue(PySim *ps, uint32_t fut)
{
    PyFut *f = py_fut(ps, fut);
    f->flags &= (uint8_t)~PY_F_QUEUED;
    unqueue(ps, &ps->queues[f->place], fut);
}

/* Lets up to n waiters go on that have not been told yet; they stay in the queue until they
 * do, so that newcomers stand behind them. */
static uint32_t tell(CpSim *sim, PyQueue *q, uint32_t n)
{
    PySim *ps = py_sim(sim);
    uint32_t told = 0;
    for (uint32_t f = q->first_plus1 - 1; q->first_plus1 != 0 && f != CP_NONE && told < n;
         f = py_fut(ps, f)->next) {
        if (!(py_fut(ps, f)->flags & PY_F_SCHEDULED)) {
            py_loop_ready(sim, py_fut(ps, f)->home, PY_CB_STEP, f);
            told++;
        }
    }
    return told;
}

/* The loop's select finds a socket or pipe ready. */
static void io_ready(CpSim *sim, PyQueue *q, CpTid from)
{
    PySim *ps = py_sim(sim);
    if (q->first_plus1 == 0) {
        return;
    }
    uint32_t fut = q->first_plus1 - 1;
    uint32_t loop = py_fut(ps, fut)->home;
    if (!(py_fut(ps, fut)->flags & PY_F_SCHEDULED)) {
        py_loop_ready(sim, loop, PY_R_IO, fut);
    }
    py_loop_wake(sim, loop, from, false);
}

void py_loop_poll(CpSim *sim, CpObjId obj, CpTid from)
{
    io_ready(sim, queue_of(py_sim(sim), obj, 0), from);
    io_ready(sim, queue_of(py_sim(sim), obj, 1), from);
}

static CpStep queue_up(Py *p, int side, uint16_t rt_state)
{
    PyFut *me = begin_wait(p);
    me->flags |= PY_F_QUEUED;
    me->place = 2 * p->insn->c + (uint32_t)side;
    enqueue(p->ps, queue_of(p->ps, p->insn->c, side), current(p));
    return suspend(p, rt_state);
}

static CpStep aio_acquire(Py *p, CpObj *o)
{
    PyQueue *q = queue_of(p->ps, p->insn->c, 0);
    bool sem = o->kind == CP_OBJ_SEMAPHORE;
    bool free = sem ? o->value > 0 : o->owner == CP_NONE;
    if (p->flow->rt_state == 0) {
        if (!free || q->first_plus1 != 0) {
            return queue_up(p, 0, 1);
        }
        o->value -= sem;
    }
    if (!sem) {
        o->owner = p->tid;
    }
    o->acquired++;
    return CP_STEP_NEXT;
}

static CpStep aio_release(Py *p, CpObj *o)
{
    PyQueue *q = queue_of(p->ps, p->insn->c, 0);
    o->owner = CP_NONE;
    tell(p->sim, q, 1);
    return CP_STEP_NEXT;
}

/* The value goes to the first waiter as it is released. */
static CpStep aio_post(Py *p, CpObj *o)
{
    uint32_t n = MAX(p->insn->a, 1u);
    o->value += n;
    o->value -= tell(p->sim, queue_of(p->ps, p->insn->c, 0), n);
    cp_assert(o->value >= 0); /* no more go on than there are places */
    return CP_STEP_NEXT;
}

static bool aio_full(const Py *p, const CpObj *o)
{
    int64_t cap = cp_obj_decl(p->sim->w, p->insn->c)->n;
    return cap > 0 && o->n >= (uint64_t)cap && !(p->insn->a & CP_IO_DROP);
}

static CpStep aio_send(Py *p, CpObj *o)
{
    if (aio_full(p, o)) {
        return queue_up(p, 1, 1);
    }
    const int64_t *regs = cp_regs(p->sim, p->flow);
    CpItem item = {.value = regs[CP_REG_VALUE],
                   .stamp = regs[CP_REG_RELEASE] == CP_NEVER ? p->sim->now
                                                             : regs[CP_REG_RELEASE],
                   .sent = p->sim->now};
    cp_items_push(o, item);
    o->passed++;
    tell(p->sim, queue_of(p->ps, p->insn->c, 0), 1);
    return CP_STEP_NEXT;
}

static CpStep aio_recv(Py *p, CpObj *o)
{
    if (o->n == 0) {
        return queue_up(p, 0, 1);
    }
    int64_t *regs = cp_regs(p->sim, p->flow);
    CpItem item = cp_items_pop(o);
    regs[CP_REG_VALUE] = item.value;
    regs[CP_REG_RELEASE] = item.stamp;
    o->acquired++;
    tell(p->sim, queue_of(p->ps, p->insn->c, 1), 1);
    return CP_STEP_NEXT;
}

/* What a send or receive on a socket or pipe takes, its system call aside.  A stream's
 * transport stays with the selector; the calls of the loop tell it about each wait. */
static CpTime stream_cost(const Py *p, bool recv, bool waits)
{
    const PyCosts *c = p->proc->cost;
    if (p->proc->v[PYP_SOCKETS] == 1) {
        return waits ? c->again + c->poll : c->sock + c->sock_call;
    }
    if (!recv) {
        return waits ? 0 : c->write;
    }
    return waits ? c->feed_stream : c->sock_call;
}

/* Sockets and pipes cross processes: what waits there is seen by the loop's select. */
static CpStep stream(Py *p, CpObj *o)
{
    bool recv = p->insn->op == CP_OP_RECV;
    bool waits = recv ? o->n == 0 : py_is_full(p);
    const PyLoop *l = py_loop(p->ps, p->t->loop);
    py_charge(p, loop_cost(p, l, stream_cost(p, recv, waits)));
    if (waits) {
        o->pollers++;
        return queue_up(p, !recv, 1);
    }
    return py_sync_now(p);
}

static CpStep aio_event(Py *p, CpObj *o)
{
    if (p->insn->op == CP_OP_EVENT_WAIT) {
        return p->flow->rt_state == 0 && o->value == 0 ? queue_up(p, 0, 1) : CP_STEP_NEXT;
    }
    o->value = p->insn->op == CP_OP_EVENT_SET;
    if (o->value != 0) {
        tell(p->sim, queue_of(p->ps, p->insn->c, 0), UINT32_MAX);
    }
    return CP_STEP_NEXT;
}

static CpStep aio_barrier(Py *p, CpObj *o)
{
    if (p->flow->rt_state == 0 && ++o->value < cp_obj_decl(p->sim->w, p->insn->c)->n) {
        return queue_up(p, 0, 1);
    }
    if (p->flow->rt_state == 0) {
        o->value = 0;
        tell(p->sim, queue_of(p->ps, p->insn->c, 0), UINT32_MAX);
    }
    return CP_STEP_NEXT;
}

/* A condition: queue 0 for its lock (its own row serves as one), queue 1 for the waiters.
 */
static CpStep aio_condition(Py *p, CpObj *o)
{
    CpObjId lock = o->lock == CP_NONE ? p->insn->c : o->lock;
    CpObj *l = &p->sim->objs[lock];
    PyQueue *lq = queue_of(p->ps, lock, 0);
    if (p->insn->op == CP_OP_COND_SIGNAL) {
        tell(p->sim, queue_of(p->ps, p->insn->c, 1),
             p->insn->a == 255 ? UINT32_MAX : MAX(p->insn->a, 1u));
        return CP_STEP_NEXT;
    }
    if (p->flow->rt_state == 0) {
        l->owner = CP_NONE;
        tell(p->sim, lq, 1);
        return queue_up(p, 1, 1);
    }
    if (p->flow->rt_state == 1 && (l->owner != CP_NONE || lq->first_plus1 != 0)) {
        PyFut *me = begin_wait(p);
        me->flags |= PY_F_QUEUED;
        me->place = 2 * lock;
        enqueue(p->ps, lq, current(p));
        return suspend(p, 2);
    }
    l->owner = p->tid;
    return CP_STEP_NEXT;
}

static CpStep object_op(Py *p, CpObj *o)
{
    switch ((CpSyncOp)p->insn->op) {
    case CP_OP_LOCK:
    case CP_OP_SEM_WAIT:
    case CP_OP_RLOCK:
    case CP_OP_WLOCK:
        return aio_acquire(p, o);
    case CP_OP_UNLOCK:
    case CP_OP_RWUNLOCK:
        return aio_release(p, o);
    case CP_OP_SEM_POST:
        return aio_post(p, o);
    case CP_OP_SEND:
        return aio_send(p, o);
    case CP_OP_RECV:
        return aio_recv(p, o);
    case CP_OP_COND_WAIT:
    case CP_OP_COND_SIGNAL:
        return aio_condition(p, o);
    case CP_OP_EVENT_WAIT:
    case CP_OP_EVENT_SET:
    case CP_OP_EVENT_CLEAR:
        return aio_event(p, o);
    case CP_OP_BARRIER:
        return aio_barrier(p, o);
    case CP_OP_WAKE:
    case CP_OP_WAIT_WAKE:
        break;
    }
    cp_require(false); /* a replay has no objects */
    return CP_STEP_EXIT;
}

CpStep py_aio_object(Py *p)
{
    CpObj *o = &p->sim->objs[p->insn->c];
    bool streams = !(o->flags & CP_OBJ_ASYNC);
    bool in_loop = p->flow->owner != CP_NONE &&
                   py_fut(p->ps, p->flow->owner)->kind != PY_FUT_CALL &&
                   p->t->loop != CP_NONE;
    uint32_t exc;
    if (!in_loop) {
        return streams || cp_op_info(p->sim->w, p->insn->op)->waits != CP_WAITS_NO
                   ? py_thread_op(p)
                   : object_op(p, o);
    }
    if (p->flow->rt_state > 0) { /* its turn has come, or it was cancelled */
        PyFut *me = py_fut(p->ps, current(p));
        if (me->flags & PY_F_QUEUED) {
            leave_queue(p->ps, current(p));
        }
        o->pollers -= streams;
        if (raised(p, &exc)) {
            tell(p->sim, queue_of(p->ps, p->insn->c, 0),
                 o->kind == CP_OBJ_LOCK && o->owner == CP_NONE);
            return py_raise(p, exc);
        }
    } else if (!streams) {
        py_charge(p, p->proc->cost->lock * 2);
    }
    return streams ? stream(p, o) : object_op(p, o);
}
