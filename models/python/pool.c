#include "models/python/future.h"

#include <string.h>

/* Executors and multiprocessing.Pool.
 *
 * Workers of threads and of interpreters take work from the executor's queue.  Between a
 * process pool and its workers stand two threads of the parent: the manager marks work as
 * running and reads results, the feeder pickles and writes; so up to one piece more than
 * there are workers is past cancelling.  A worker executes the flow of the call it took. */

enum { ROLE_WORKER, ROLE_MANAGER, ROLE_FEEDER };
enum { BIG = 64 * 1024 };

/* --- pickling --- */

/* Half of what pickling and unpickling take together. */
static CpTime pickle_cost(const Py *p, int64_t size, bool ints)
{
    const PyCosts *c = p->proc->cost;
    if (ints) {
        return c->pickle + c->pickle_int * size / 1024;
    }
    CpTime small = c->pickle_kib * MIN(size, BIG) / 1024;
    return c->pickle + small + (size > BIG ? c->pickle_big * (size - BIG) / 1024 : 0);
}

CpTime py_pickle_cost(const Py *p, int64_t size)
{
    return pickle_cost(p, size, false);
}

static const CpCallDecl *call_of(const Py *p, const PyFut *f)
{
    return cp_call_decl(p->sim->w, f->row);
}

static CpTime argument_cost(const Py *p, const PyFut *f)
{
    const CpCallDecl *c = call_of(p, f);
    return pickle_cost(p, c->size, c->flags & CP_CALL_INTS);
}

static CpTime result_cost(const Py *p, const PyFut *f)
{
    return pickle_cost(p, call_of(p, f)->returns, false);
}

/* --- queues of futures --- */

static void append(PySim *ps, uint32_t *first, uint32_t *last, uint32_t fut)
{
    py_fut(ps, fut)->next = CP_NONE;
    if (*first == CP_NONE) {
        *first = fut;
    } else {
        py_fut(ps, *last)->next = fut;
    }
    *last = fut;
}

static uint32_t pop(PySim *ps, uint32_t *first)
{
    uint32_t fut = *first;
    if (fut != CP_NONE) {
        *first = py_fut(ps, fut)->next;
    }
    return fut;
}

static bool take_out(PySim *ps, uint32_t *first, uint32_t *last, uint32_t fut)
{
    uint32_t before = CP_NONE, at = *first;
    while (at != CP_NONE && at != fut) {
        before = at;
        at = py_fut(ps, at)->next;
    }
    if (at == CP_NONE) {
        return false;
    }
    uint32_t next = py_fut(ps, fut)->next;
    if (before == CP_NONE) {
        *first = next;
    } else {
        py_fut(ps, before)->next = next;
    }
    if (*last == fut) {
        *last = before;
    }
    return true;
}

/* --- opening --- */

static bool by_process(const PyPool *pool)
{
    return pool->kind == CP_POOL_PROCESSES || pool->kind == CP_POOL_WORKERS;
}

static uint32_t default_size(const Py *p, uint8_t kind)
{
    uint32_t cpus = p->sim->n_cpus;
    if (kind == CP_POOL_PROCESSES || kind == CP_POOL_WORKERS) {
        return cpus;
    }
    return cp_python_has(&p->proc->version, CP_PY_POOL_CPUS_PLUS_4) ? MIN(32, cpus + 4)
                                                                    : 5 * cpus;
}

/* Whether futures are asked for through the pool later, so that it must keep them. */
static bool is_iterated(const CpSim *sim, uint32_t decl)
{
    for (uint32_t pc = 0; pc < sim->w->code->len; pc++) {
        const CpInsn *i = &sim->code[pc];
        if ((i->op == CP_OP_AS_COMPLETED || i->op == CP_OP_COMPLETED) && i->c == decl) {
            return true;
        }
    }
    return false;
}

static PyPool *open_pool(Py *p, uint32_t decl)
{
    uint32_t id = cp_table_add(&p->ps->pools);
    cp_require(id != CP_NONE);
    const CpPoolDecl *d = cp_pool_decl(p->sim->w, decl);
    PyPool *pool = py_pool(p->ps, id);
    *pool = (PyPool){.decl = decl,
                     .proc = cp_thread(p->sim, p->tid)->proc,
                     .kind = (uint8_t)d->kind,
                     .max = d->n > 0 ? d->n : default_size(p, (uint8_t)d->kind),
                     .keeps = is_iterated(p->sim, decl),
                     .first = CP_NONE,
                     .call_first = CP_NONE,
                     .res_first = CP_NONE,
                     .feed_first = CP_NONE,
                     .kept_first = CP_NONE,
                     .work = cp_channel_new(p->sim),
                     .done = cp_channel_new(p->sim),
                     .manage = cp_channel_new(p->sim),
                     .feed = cp_channel_new(p->sim)};
    p->proc->pools[decl] = id;
    return pool;
}

static PyPool *pool_of(Py *p, uint32_t decl)
{
    uint32_t id = p->proc->pools[decl];
    return id == CP_NONE ? open_pool(p, decl) : py_pool(p->ps, id);
}

static void wake_all(Py *p, PyPool *pool)
{
    cp_wake(p->sim, pool->work, UINT32_MAX, p->tid, CP_WAKE_THREAD, 0);
    cp_wake(p->sim, pool->manage, UINT32_MAX, p->tid, CP_WAKE_THREAD, 0);
    cp_wake(p->sim, pool->feed, UINT32_MAX, p->tid, CP_WAKE_THREAD, 0);
}

/* Threads still to be started before the submit is over: their declaration, or CP_NONE. */
static uint32_t to_start(const Py *p, PyPool *pool)
{
    const CpPoolDecl *d = cp_pool_decl(p->sim->w, pool->decl);
    if (!by_process(pool)) {
        return pool->wanted > 0 ? d->worker : CP_NONE;
    }
    if (pool->wanted > 0) {
        return d->worker;
    }
    if (!pool->manager_on) {
        return d->manager;
    }
    return pool->feeder_on ? CP_NONE : d->feeder;
}

static void started(const Py *p, PyPool *pool, uint32_t decl)
{
    const CpPoolDecl *d = cp_pool_decl(p->sim->w, pool->decl);
    if (decl == d->worker) {
        pool->wanted--;
        pool->n++;
    } else if (decl == d->manager) {
        pool->manager_on = true;
    } else {
        pool->feeder_on = true;
    }
    pool->live++;
}

enum { START_FIRST = 10, START_ENDS = 15 };

/* Starts what to_start names, one after the other; rt_state START_FIRST and up. */
static CpStep start_threads(Py *p, PyPool *pool)
{
    CpFlow *flow = p->flow;
    for (;;) {
        if (flow->rt_state == START_ENDS) {
            flow->rt_state = START_FIRST;
        }
        if (flow->rt_state == START_FIRST) {
            p->t->starting = to_start(p, pool);
            if (p->t->starting == CP_NONE) {
                return CP_STEP_NEXT;
            }
            started(p, pool, p->t->starting);
        }
        const CpInsn spawn = {CP_OP_SPAWN, CP_REG_FREE, 0, p->t->starting};
        PY_DO(py_start_thread(p, &spawn, START_FIRST));
    }
}

CpStep py_op_pool_open(Py *p)
{
    PyPool *pool;
    if (p->flow->rt_state == 0) {
        pool = open_pool(p, p->insn->c);
        if (pool->kind != CP_POOL_WORKERS) {
            return CP_STEP_NEXT;
        }
        pool->wanted = pool->max;
        p->flow->rt_state = START_FIRST;
    }
    return start_threads(p, pool_of(p, p->insn->c));
}

/* --- submitting --- */

static void put_work(Py *p, PyPool *pool, uint32_t fut)
{
    switch ((CpPoolKind)pool->kind) {
    case CP_POOL_THREADS:
    case CP_POOL_INTERPRETERS:
        append(p->ps, &pool->first, &pool->last, fut);
        cp_wake(p->sim, pool->work, 1, p->tid, CP_WAKE_THREAD, 0);
        break;
    case CP_POOL_PROCESSES:
        append(p->ps, &pool->first, &pool->last, fut);
        cp_wake(p->sim, pool->manage, 1, p->tid, CP_WAKE_THREAD, 0);
        break;
    case CP_POOL_WORKERS:
        append(p->ps, &pool->feed_first, &pool->feed_last, fut);
        cp_wake(p->sim, pool->feed, 1, p->tid, CP_WAKE_THREAD, 0);
        break;
    }
    pool->unfinished++;
    p->proc->pending++;
}

/* How many workers this submit makes the pool start. */
static void want_workers(const Py *p, PyPool *pool)
{
    if (pool->kind == CP_POOL_WORKERS) {
        return;
    }
    uint8_t own = cp_pool_decl(p->sim->w, pool->decl)->start_method;
    bool forks = pool->kind == CP_POOL_PROCESSES &&
                 (own != CP_START_DEFAULT ? own : p->proc->start) == CP_START_FORK;
    bool looks = cp_python_has(&p->proc->version, CP_PY_POOL_CPUS_PLUS_4);
    if (forks || (pool->kind == CP_POOL_PROCESSES &&
                  !cp_python_has(&p->proc->version, CP_PY_POOL_FORKS_LATE))) {
        pool->wanted = pool->n == 0 ? pool->max : 0;
    } else if (looks && pool->idle > 0) {
        pool->idle--;
    } else if (pool->n < pool->max) {
        pool->wanted = 1;
    }
}

static void keep(PySim *ps, PyPool *pool, uint32_t fut)
{
    if (!pool->keeps) {
        return;
    }
    PyFut *f = py_fut(ps, fut);
    f->flags |= PY_F_KEEP;
    f->kept_next = CP_NONE;
    if (pool->kept_first == CP_NONE) {
        pool->kept_first = fut;
    } else {
        py_fut(ps, pool->kept_last)->kept_next = fut;
    }
    pool->kept_last = fut;
}

bool py_is_kept(const Py *p, uint32_t fut)
{
    const PyFut *f = py_fut(p->ps, fut);
    if (f->kind != PY_FUT_CALL || f->home == CP_NONE) {
        return false;
    }
    uint32_t at = py_pool(p->ps, f->home)->kept_first;
    while (at != CP_NONE && at != fut) {
        at = py_fut(p->ps, at)->kept_next;
    }
    return at == fut;
}

static uint32_t new_work(Py *p, PyPool *pool, const CpCallDecl *call)
{
    uint32_t fut = py_call_new(p, call, PY_FUT_CALL);
    PyFut *f = py_fut(p->ps, fut);
    f->home = p->proc->pools[pool->decl];
    f->row = (uint32_t)(call - cp_call_decl(p->sim->w, 0));
    cp_record_wide(p->sim, CP_REC_TASK_CREATE, fut, cp_thread(p->sim, p->tid)->cpu, 0,
                   CP_NONE, py_label(p, fut));
    return fut;
}

/* rt_state 1: the work is made; START_FIRST and up: threads are started. */
CpStep py_submit(Py *p, const CpCallDecl *call, uint32_t *out)
{
    CpFlow *flow = p->flow;
    PyPool *pool = pool_of(p, call->pool);
    if (flow->rt_state == 0) {
        if (pool->broken) {
            return py_raise(p, p->ps->exc_broken);
        }
        if (pool->closed) {
            cp_diagnose(
                p->sim, "submit after shutdown", &p->tid, 1, "%s takes no more calls",
                cp_workload_text(p->sim->w, cp_pool_decl(p->sim->w, pool->decl)->name));
            return CP_STEP_NEXT;
        }
        flow->rt_state = 1;
        CpTime pickling = pool->kind == CP_POOL_INTERPRETERS
                              ? pickle_cost(p, call->size, call->flags & CP_CALL_INTS)
                              : 0;
        PY_DO(py_burst(p, p->proc->cost->submit + pickling));
    }
    if (flow->rt_state == 1) {
        uint32_t fut = new_work(p, pool, call);
        keep(p->ps, pool, fut);
        want_workers(p, pool);
        put_work(p, pool, fut);
        p->t->submitted = fut;
        py_fut(p->ps, fut)->flags |= PY_F_KEEP; /* until this is over */
        flow->rt_state = START_FIRST;
    }
    PY_DO(start_threads(p, pool));
    *out = p->t->submitted;
    return CP_STEP_NEXT;
}

CpStep py_op_submit(Py *p)
{
    const CpCallDecl *call = cp_call_decl(p->sim->w, p->insn->c);
    uint32_t fut = CP_NONE;
    PY_DO(py_submit(p, call, &fut));
    cp_regs(p->sim, p->flow)[CP_REG_VALUE] = 0;
    if (fut == CP_NONE) {
        return CP_STEP_NEXT;
    }
    cp_regs(p->sim, p->flow)[CP_REG_VALUE] = py_handle(p->ps, fut);
    PyFut *f = py_fut(p->ps, fut);
    bool kept = call->flags & CP_CALL_KEEP || py_pool(p->ps, f->home)->keeps;
    if (!kept) {
        f->flags &= (uint8_t)~PY_F_KEEP;
        if (py_is_done(f)) {
            py_fut_free(p->ps, fut);
        }
    }
    return CP_STEP_NEXT;
}

/* --- the end of a call --- */

void py_pending_done(Py *p, PyProc *owner)
{
    owner->pending--;
    if (owner->pending == 0 && owner->n_spawned == 0 && owner->main_waits) {
        owner->main_waits = false;
        cp_wake_thread(p->sim, owner->main, p->tid, CP_WAKE_THREAD, 0);
    }
}

static void finished(Py *p, PyPool *pool)
{
    pool->unfinished--;
    py_pending_done(p, py_proc(p->sim, pool->proc));
    if (pool->unfinished == 0 && pool->closed) {
        wake_all(p, pool);
    }
}

static void settle(Py *p, uint32_t fut, PyFutState state, uint32_t exc)
{
    PyFut *f = py_fut(p->ps, fut);
    PyPool *pool = py_pool(p->ps, f->home);
    bool awaited = f->cb != CP_NONE;
    cp_record_wide(p->sim, CP_REC_TASK_END, fut, cp_thread(p->sim, p->tid)->cpu,
                   state == PY_DONE        ? 0
                   : state == PY_CANCELLED ? 1
                                           : 2,
                   p->tid, 0);
    py_flow_done(p, fut);
    py_finish(p, fut, state, f->value, exc);
    finished(p, pool);
    if (!awaited && !(f->flags & (PY_F_KEEP | PY_F_GROUPED))) {
        py_fut_free(p->ps, fut);
    }
}

bool py_call_cancel(Py *p, uint32_t fut)
{
    PyFut *f = py_fut(p->ps, fut);
    if (f->state != PY_PENDING) {
        return false;
    }
    PyPool *pool = py_pool(p->ps, f->home);
    if (!take_out(p->ps, &pool->first, &pool->last, fut)) {
        return false;
    }
    settle(p, fut, PY_CANCELLED, p->ps->exc_cancelled);
    return true;
}

/* The next element of a chunk, on the same flow; false: there is none. */
static bool next_element(Py *p, uint32_t fut)
{
    PyFut *f = py_fut(p->ps, fut);
    if (f->n_elements <= 1) {
        return false;
    }
    const CpCallDecl *call = call_of(p, f);
    const CpTaskDecl *d = cp_task_decl(p->sim->w, f->decl);
    f->n_elements--;
    f->index++;
    p->flow->pc = d->entry;
    cp_regs(p->sim, p->flow)[CP_REG_FREE + call->n_args] =
        py_element(p, call, f->index, f->from);
    return true;
}

CpStep py_call_ended(Py *p, uint32_t fut)
{
    PyFut *f = py_fut(p->ps, fut);
    PyPool *pool = py_pool(p->ps, f->home);
    if (p->end_state == PY_DONE && next_element(p, fut)) {
        return CP_STEP_AGAIN;
    }
    if (by_process(pool)) {
        p->t->end_state = p->end_state; /* the worker pickles it and tells the manager */
        p->t->end_exc = f->exc;
        return py_switch_to(p, p->t->base);
    }
    p->t->fut = CP_NONE;
    settle(p, fut, (PyFutState)p->end_state, f->exc);
    return py_switch_to(p, p->t->base);
}

/* --- workers --- */

enum {
    SERVE_BEGIN,
    SERVE_CREATED,
    SERVE_NEXT,
    SERVE_IDLE,
    SERVE_WOKEN,
    SERVE_RUN,
    SERVE_RAN,
    SERVE_SENT
};

static bool is_over(const PyPool *pool)
{
    return pool->broken || (pool->closed && pool->unfinished == 0);
}

static CpStep leave_pool(Py *p, PyPool *pool)
{
    p->t->serves = 0;
    if (--pool->live == 0) {
        cp_wake(p->sim, pool->done, UINT32_MAX, p->tid, CP_WAKE_THREAD, 0);
    }
    return CP_STEP_NEXT;
}

/* Waits on a channel of the pool without the GIL; `ready` is looked at again then. */
static CpStep wait_at(Py *p, CpChan chan, bool ready)
{
    p->flow->rt_state = SERVE_WOKEN;
    if (ready) {
        return CP_STEP_NEXT;
    }
    cp_wait(p->sim, p->tid, chan, CP_NEVER, CP_BLOCK_RUNTIME, CP_NONE);
    return CP_STEP_BLOCK;
}

static CpStep run_call(Py *p, uint32_t fut)
{
    PyFut *f = py_fut(p->ps, fut);
    f->state = PY_RUNNING;
    p->t->fut = fut;
    p->flow->rt_state = SERVE_RAN;
    return py_switch_to(p, f->flow);
}

/* An interpreter of its own, with its own lock. */
static CpStep own_interpreter(Py *p, PyPool *pool)
{
    if (pool->kind != CP_POOL_INTERPRETERS) {
        p->flow->rt_state = SERVE_NEXT;
        return CP_STEP_NEXT;
    }
    if (p->flow->rt_state == SERVE_BEGIN) {
        p->flow->rt_state = SERVE_CREATED;
        PY_DO(py_drop(p));
    }
    py_memory_interpreter(p->ps, p->proc);
    p->t->gil = py_gil_new(p->sim, cp_thread(p->sim, p->tid)->proc, p->proc->kind);
    p->g = py_gil(p->sim, p->t->gil);
    p->flow->rt_state = SERVE_NEXT;
    return py_burst(p, p->proc->ideal ? 0 : p->proc->v[PYP_INTERP_CREATE]);
}

static CpStep worker(Py *p, PyPool *pool)
{
    CpFlow *flow = p->flow;
    bool process = by_process(pool);
    p->t->serves = process ? p->proc->pools[pool->decl] + 1 : 0;
    uint32_t *queue = process ? &pool->call_first : &pool->first;
    for (;;) {
        switch (flow->rt_state) {
        case SERVE_BEGIN:
        case SERVE_CREATED:
            PY_DO(own_interpreter(p, pool));
            break;
        case SERVE_NEXT: {
            uint32_t fut = pop(p->ps, queue);
            if (fut != CP_NONE) {
                pool->n_calls -= process;
                p->t->fut = fut;
                py_fut(p->ps, fut)->state = PY_RUNNING;
                flow->rt_state = SERVE_RUN;
                bool pickled = process || pool->kind == CP_POOL_INTERPRETERS;
                PY_DO(
                    py_burst(p, (process ? p->proc->cost->work : p->proc->cost->item) +
                                    (pickled ? argument_cost(p, py_fut(p->ps, fut)) : 0)));
                break;
            }
            if (is_over(pool) || (pool->closed && !process)) {
                return leave_pool(p, pool);
            }
            pool->idle += !process;
            flow->rt_state = SERVE_IDLE;
            PY_DO(py_drop(p));
            break;
        }
        case SERVE_IDLE:
            PY_DO(
                wait_at(p, pool->work,
                        *queue != CP_NONE || is_over(pool) || (pool->closed && !process)));
            break;
        case SERVE_WOKEN:
            flow->rt_state = SERVE_NEXT;
            PY_DO(py_take(p));
            break;
        case SERVE_RUN:
            return run_call(p, p->t->fut);
        case SERVE_RAN:
            flow->rt_state = SERVE_NEXT;
            if (process) {
                flow->rt_state = SERVE_SENT;
                PY_DO(py_burst(p, result_cost(p, py_fut(p->ps, p->t->fut))));
            }
            break;
        default: { /* SERVE_SENT */
            PyFut *f = py_fut(p->ps, p->t->fut);
            f->outcome = p->t->end_state;
            f->exc = p->t->end_exc;
            append(p->ps, &pool->res_first, &pool->res_last, p->t->fut);
            p->t->fut = CP_NONE;
            cp_wake(p->sim, pool->manage, 1, p->tid, CP_WAKE_THREAD, 0);
            py_charge(p, p->sim->cost[CP_COST_SYSCALL]);
            flow->rt_state = SERVE_NEXT;
            break;
        }
        }
    }
}

/* --- a worker dies --- */

static uint32_t pool_number(const PySim *ps, const PyPool *pool)
{
    return (uint32_t)(pool - (const PyPool *)ps->pools.rows);
}

static void report_death(CpSim *sim, CpTid tid, PyPool *pool)
{
    const char *name = cp_workload_text(sim->w, cp_pool_decl(sim->w, pool->decl)->name);
    if (pool->reported) {
        return;
    }
    pool->reported = true;
    if (pool->kind == CP_POOL_PROCESSES) {
        cp_diagnose(sim, "broken process pool", &tid, 1,
                    "a worker of %s has died: its %u unfinished calls raise `broken`", name,
                    pool->unfinished);
    } else {
        cp_diagnose(sim, "worker died", &tid, 1,
                    "a worker of %s has died: another takes its place, but the result of "
                    "the call it had never comes",
                    name);
    }
}

/* multiprocessing.Pool puts another in its place; the executor's manager sees its sentinel
 * and gives up. */
void py_worker_ended(CpSim *sim, CpTid tid)
{
    PyThread *t = py_thread(sim, tid);
    if (t->serves == 0) {
        return;
    }
    PyPool *pool = py_pool(py_sim(sim), t->serves - 1);
    t->serves = 0;
    pool->live--;
    if (!pool->broken && pool->unfinished > 0) {
        report_death(sim, tid, pool);
        pool->broken = pool->kind == CP_POOL_PROCESSES;
        pool->wanted += pool->kind == CP_POOL_WORKERS;
        pool->n -= pool->kind == CP_POOL_WORKERS;
        cp_wake(sim, pool->manage, 1, CP_NONE, CP_WAKE_OUTSIDE, 0);
    }
    if (pool->live == 0) {
        cp_wake(sim, pool->done, UINT32_MAX, CP_NONE, CP_WAKE_OUTSIDE, 0);
    }
}

/* The manager ends the other workers and everything that was submitted. */
static void break_pool(Py *p, PyPool *pool)
{
    PySim *ps = p->ps;
    uint32_t me = pool_number(ps, pool);
    for (CpTid tid = 0; tid < p->sim->tables.thread.n; tid++) {
        if (py_thread(p->sim, tid)->serves == me + 1) {
            cp_process_end(p->sim, cp_thread(p->sim, tid)->proc, CP_NONE);
        }
    }
    pool->first = pool->call_first = pool->feed_first = pool->res_first = CP_NONE;
    for (uint32_t fut = 0; fut < ps->futs.n; fut++) {
        const PyFut *f = py_fut(ps, fut);
        if (f->kind == PY_FUT_CALL && f->home == me && !py_is_done(f)) {
            settle(p, fut, PY_FAILED, ps->exc_broken);
        }
    }
    wake_all(p, pool);
}

/* --- the threads between a process pool and its workers --- */

static bool may_feed(const PyPool *pool)
{
    return pool->kind == CP_POOL_PROCESSES && !pool->broken && pool->first != CP_NONE &&
           pool->n_calls < pool->max + 1;
}

/* Workers that died; the first ones are started by whoever makes the pool. */
static bool must_replace(const PyPool *pool)
{
    return pool->kind == CP_POOL_WORKERS && pool->wanted > 0 && pool->feeder_on;
}

/* Fills the call queue, then reads one result. */
static CpStep manager(Py *p, PyPool *pool)
{
    CpFlow *flow = p->flow;
    for (;;) {
        if (flow->rt_state >= START_FIRST) {
            PY_DO(start_threads(p, pool));
            flow->rt_state = SERVE_NEXT;
        }
        switch (flow->rt_state) {
        case SERVE_BEGIN:
        case SERVE_NEXT:
            if (must_replace(pool)) {
                flow->rt_state = START_FIRST;
                break;
            }
            if (pool->broken && pool->res_first == CP_NONE) {
                break_pool(p, pool);
                return leave_pool(p, pool);
            }
            while (may_feed(pool)) {
                uint32_t fut = pop(p->ps, &pool->first);
                py_fut(p->ps, fut)->state = PY_RUNNING;
                pool->n_calls++;
                append(p->ps, &pool->feed_first, &pool->feed_last, fut);
                cp_wake(p->sim, pool->feed, 1, p->tid, CP_WAKE_THREAD, 0);
            }
            if (pool->res_first != CP_NONE) {
                p->t->fut = pop(p->ps, &pool->res_first);
                flow->rt_state = SERVE_RAN;
                PY_DO(py_burst(p, p->proc->cost->pickle));
                break;
            }
            if (is_over(pool)) {
                return leave_pool(p, pool);
            }
            flow->rt_state = SERVE_IDLE;
            PY_DO(py_drop(p));
            break;
        case SERVE_IDLE:
            PY_DO(wait_at(p, pool->manage,
                          pool->res_first != CP_NONE || may_feed(pool) || is_over(pool) ||
                              must_replace(pool)));
            break;
        case SERVE_WOKEN:
            py_charge(p, p->proc->cost->manage);
            flow->rt_state = SERVE_NEXT;
            PY_DO(py_take(p));
            break;
        default: { /* SERVE_RAN */
            uint32_t fut = p->t->fut;
            PyFut *f = py_fut(p->ps, fut);
            p->t->fut = CP_NONE;
            pool->idle++;
            settle(p, fut, (PyFutState)f->outcome, f->exc);
            flow->rt_state = SERVE_NEXT;
            break;
        }
        }
    }
}

static CpStep feeder(Py *p, PyPool *pool)
{
    CpFlow *flow = p->flow;
    for (;;) {
        switch (flow->rt_state) {
        case SERVE_BEGIN:
        case SERVE_NEXT: {
            uint32_t fut = pool->broken ? CP_NONE : pop(p->ps, &pool->feed_first);
            if (fut != CP_NONE) {
                p->t->fut = fut;
                flow->rt_state = SERVE_RAN;
                PY_DO(py_burst(p,
                               p->proc->cost->feed + argument_cost(p, py_fut(p->ps, fut))));
                break;
            }
            if (is_over(pool)) {
                return leave_pool(p, pool);
            }
            flow->rt_state = SERVE_IDLE;
            PY_DO(py_drop(p));
            break;
        }
        case SERVE_IDLE:
            PY_DO(wait_at(p, pool->feed, pool->feed_first != CP_NONE || is_over(pool)));
            break;
        case SERVE_WOKEN:
            flow->rt_state = SERVE_NEXT;
            PY_DO(py_take(p));
            break;
        default:                /* SERVE_RAN */
            if (pool->broken) { /* the call it has in hand has failed meanwhile */
                flow->rt_state = SERVE_NEXT;
                break;
            }
            py_charge(p, p->sim->cost[CP_COST_SYSCALL]);
            append(p->ps, &pool->call_first, &pool->call_last, p->t->fut);
            p->t->fut = CP_NONE;
            cp_wake(p->sim, pool->work, 1, p->tid, CP_WAKE_THREAD, 0);
            flow->rt_state = SERVE_NEXT;
            break;
        }
    }
}

CpStep py_op_pool_serve(Py *p)
{
    PyPool *pool = pool_of(p, p->insn->c);
    switch (p->insn->a) {
    case ROLE_WORKER:
        return worker(p, pool);
    case ROLE_MANAGER:
        return manager(p, pool);
    default:
        return feeder(p, pool);
    }
}

/* --- waiting for results --- */

/* Sleeps without the GIL until the future is done, or the time in register b is over. */
static CpStep wait_done(Py *p, uint32_t fut, uint16_t limit)
{
    CpFlow *flow = p->flow;
    PyFut *f = py_fut(p->ps, fut);
    switch (flow->rt_state) {
    case 0:
        flow->timed_out = 0;
        p->t->deadline = CP_NEVER;
        if (py_is_done(f)) {
            return CP_STEP_NEXT;
        }
        if (limit != CP_REG_NONE) {
            p->t->deadline = p->sim->now + cp_regs(p->sim, flow)[limit];
        }
        py_add_cb(p->ps, fut, PY_CB_THREAD, p->tid);
        f->flags |= PY_F_KEEP;
        flow->rt_state = 1;
        PY_DO(py_drop(p));
        /* fall through */
    case 1:
        if (!py_is_done(f)) {
            if (p->why == CP_WHY_TIMEOUT && p->sim->now >= p->t->deadline) {
                p->t->flags |= PY_TIMED_OUT;
            } else {
                p->t->flags &= (uint16_t)~PY_TIMED_OUT;
                return py_sleep(p, p->t->deadline, CP_BLOCK_RUNTIME, CP_NONE);
            }
        } else {
            p->t->flags &= (uint16_t)~PY_TIMED_OUT;
        }
        flow->rt_state = 2;
        PY_DO(py_take(p));
        /* fall through */
    default:
        flow->timed_out = (p->t->flags & PY_TIMED_OUT) != 0;
        if (flow->timed_out) {
            py_drop_cb(p->ps, fut, PY_CB_THREAD, p->tid);
        }
        return CP_STEP_NEXT;
    }
}

CpStep py_op_result(Py *p)
{
    uint32_t fut = py_of_handle(p->ps, cp_regs(p->sim, p->flow)[p->insn->a]);
    if (fut == CP_NONE) {
        p->flow->timed_out = 0;
        return CP_STEP_NEXT;
    }
    PY_DO(wait_done(p, fut, p->insn->b));
    if (p->flow->timed_out) {
        return CP_STEP_NEXT;
    }
    py_charge(p, p->proc->cost->result);
    return py_read(p, fut);
}

CpStep py_op_cancel(Py *p)
{
    int64_t *regs = cp_regs(p->sim, p->flow);
    uint32_t fut = py_of_handle(p->ps, regs[p->insn->a]);
    regs[CP_REG_VALUE] = fut != CP_NONE && py_task_cancel(p, fut);
    return CP_STEP_NEXT;
}

/* --- map --- */

int64_t py_element(const Py *p, const CpCallDecl *call, uint32_t index, uint32_t from)
{
    if (call->list != CP_NONE) {
        const CpList *l = &g_array_index(p->sim->w->lists, CpList, call->list);
        return g_array_index(p->sim->w->values, int64_t, l->first + index);
    }
    return (int64_t)from + index;
}

static uint32_t n_elements(const Py *p, const CpCallDecl *call)
{
    if (call->list != CP_NONE) {
        return g_array_index(p->sim->w->lists, CpList, call->list).n;
    }
    const int64_t *regs = cp_regs(p->sim, p->flow);
    int64_t n = regs[call->from + 1] - regs[call->from] + 1;
    return (uint32_t)CLAMP(n, 0, INT32_MAX);
}

/* multiprocessing.Pool: a quarter of a worker's share. */
static uint32_t chunk_size(const PyPool *pool, const CpCallDecl *call, uint32_t n)
{
    if (call->chunk > 0) {
        return by_process(pool) ? call->chunk : 1;
    }
    if (pool->kind != CP_POOL_WORKERS) {
        return 1;
    }
    return MAX(1u, (n + 4 * pool->max - 1) / (4 * pool->max));
}

/* Appends a future to what an iterator yields. */
static void yield_later(PySim *ps, uint32_t iter, uint32_t fut)
{
    PyFut *it = py_fut(ps, iter);
    py_fut(ps, fut)->kept_next = CP_NONE;
    if (it->first == CP_NONE) {
        it->first = fut;
    } else {
        py_fut(ps, it->last)->kept_next = fut;
    }
    it->last = fut;
}

static void map_one(Py *p, PyPool *pool, const CpCallDecl *call, uint32_t chunk)
{
    uint32_t index = p->t->map_next;
    uint32_t n = MIN(chunk, p->t->map_n - index);
    uint32_t fut = new_work(p, pool, call);
    PyFut *f = py_fut(p->ps, fut);
    f->n_elements = n;
    f->index = index;
    f->from = call->list != CP_NONE ? 0 : (uint32_t)cp_regs(p->sim, p->flow)[call->from];
    f->flags |= PY_F_KEEP;
    cp_regs(p->sim, &p->sim->flows[f->flow])[CP_REG_FREE + call->n_args] =
        py_element(p, call, index, f->from);
    uint32_t iter = py_of_handle(p->ps, cp_regs(p->sim, p->flow)[p->insn->b]);
    yield_later(p->ps, iter, fut);
    p->t->map_next += n;
    want_workers(p, pool);
    put_work(p, pool, fut);
}

CpStep py_op_map(Py *p)
{
    CpFlow *flow = p->flow;
    const CpCallDecl *call = cp_call_decl(p->sim->w, p->insn->c);
    PyPool *pool = pool_of(p, call->pool);
    if (flow->rt_state == 0 && pool->broken) {
        return py_raise(p, p->ps->exc_broken);
    }
    if (flow->rt_state == 0) {
        uint32_t iter = py_fut_new(p->ps, PY_FUT_ITER);
        p->t->map_next = 0;
        p->t->map_n = n_elements(p, call);
        py_fut(p->ps, iter)->n_unread = p->t->map_n;
        py_fut(p->ps, iter)->value = p->t->map_n;
        py_fut(p->ps, iter)->flags = PY_F_KEEP;
        cp_regs(p->sim, flow)[p->insn->b] = py_handle(p->ps, iter);
        flow->rt_state = 1;
    }
    uint32_t chunk = chunk_size(pool, call, p->t->map_n);
    for (;;) {
        if (flow->rt_state >= START_FIRST) {
            PY_DO(start_threads(p, pool));
            flow->rt_state = 1;
        }
        if (flow->rt_state == 1) {
            if (p->t->map_next >= p->t->map_n) {
                return CP_STEP_NEXT;
            }
            flow->rt_state = 2;
            PY_DO(py_burst(p, p->proc->cost->submit));
        }
        map_one(p, pool, call, chunk);
        flow->rt_state = START_FIRST;
    }
}

/* --- iterators --- */

void py_iter_child(Py *p, uint32_t iter, uint32_t child)
{
    yield_later(p->ps, iter, child);
    PyFut *it = py_fut(p->ps, iter);
    if (it->reader != CP_NONE) {
        CpTid tid = it->reader;
        it->reader = CP_NONE;
        cp_wake_thread(p->sim, tid, p->tid, CP_WAKE_THREAD, 0);
    }
}

/* The finished ones in the order of submission, the others as they finish. */
CpStep py_op_as_completed(Py *p)
{
    PyPool *pool = pool_of(p, p->insn->c);
    uint32_t iter = py_fut_new(p->ps, PY_FUT_ITER);
    PyFut *it = py_fut(p->ps, iter);
    it->flags = PY_F_KEEP;
    it->as_finished = true;
    cp_regs(p->sim, p->flow)[p->insn->b] = py_handle(p->ps, iter);
    uint32_t fut = pool->kept_first;
    pool->kept_first = CP_NONE;
    while (fut != CP_NONE) {
        uint32_t next = py_fut(p->ps, fut)->kept_next;
        it->n_unread++;
        if (py_is_done(py_fut(p->ps, fut))) {
            yield_later(p->ps, iter, fut);
        } else {
            py_add_cb(p->ps, fut, PY_CB_ITER, iter);
        }
        fut = next;
    }
    return CP_STEP_NEXT;
}

/* One wait for the next result; rt_state 0 to 2. */
static CpStep wait_next(Py *p, uint32_t iter)
{
    PyFut *it = py_fut(p->ps, iter);
    CpFlow *flow = p->flow;
    if (!it->as_finished) { /* in order of submission */
        return wait_done(p, it->first, CP_REG_NONE);
    }
    switch (flow->rt_state) {
    case 0:
        if (it->first != CP_NONE) {
            return CP_STEP_NEXT;
        }
        flow->rt_state = 1;
        PY_DO(py_drop(p));
        /* fall through */
    case 1:
        if (it->first == CP_NONE) {
            it->reader = p->tid;
            return py_sleep(p, CP_NEVER, CP_BLOCK_RUNTIME, CP_NONE);
        }
        flow->rt_state = 2;
        PY_DO(py_take(p));
        /* fall through */
    default:
        return CP_STEP_NEXT;
    }
}

/* Takes the next result out; a chunk gives as many as it has elements, the last of which is
 * the `index`-th of the whole. */
static CpStep take_next(Py *p, uint32_t iter)
{
    PyFut *it = py_fut(p->ps, iter);
    uint32_t fut = it->first;
    PyFut *f = py_fut(p->ps, fut);
    it->n_unread--;
    if (!it->as_finished && f->state == PY_DONE &&
        it->value - it->n_unread < (int64_t)f->index + 1) {
        cp_regs(p->sim, p->flow)[CP_REG_VALUE] = f->value;
        return CP_STEP_NEXT;
    }
    it->first = f->kept_next;
    f->kept_next = CP_NONE;
    py_charge(p, p->proc->cost->result);
    return py_read(p, fut);
}

CpStep py_op_iter_next(Py *p)
{
    uint32_t iter = py_of_handle(p->ps, cp_regs(p->sim, p->flow)[p->insn->b]);
    if (iter == CP_NONE || py_fut(p->ps, iter)->n_unread == 0) {
        if (iter != CP_NONE) {
            py_fut_free(p->ps, iter);
        }
        p->flow->pc = p->insn->c;
        return CP_STEP_AGAIN;
    }
    PY_DO(wait_next(p, iter));
    return take_next(p, iter);
}

CpStep py_op_iter_all(Py *p)
{
    uint32_t iter = py_of_handle(p->ps, cp_regs(p->sim, p->flow)[p->insn->b]);
    if (iter == CP_NONE) {
        return CP_STEP_NEXT;
    }
    while (py_fut(p->ps, iter)->n_unread > 0) {
        PY_DO(wait_next(p, iter));
        PY_DO(take_next(p, iter));
        p->flow->rt_state = 0;
    }
    py_fut_free(p->ps, iter);
    return CP_STEP_NEXT;
}

/* concurrent.futures.wait over what the pool keeps. */
CpStep py_op_completed(Py *p)
{
    PyPool *pool = pool_of(p, p->insn->c);
    if (p->flow->rt_state == 0) {
        uint32_t group = py_fut_new(p->ps, PY_FUT_GROUP);
        PyFut *g = py_fut(p->ps, group);
        g->group_kind = p->insn->a;
        g->flags = PY_F_KEEP | PY_F_SCHEDULED | PY_F_READ;
        p->t->submitted = group;
        uint32_t done = 0, last_done = CP_NONE;
        for (uint32_t f = pool->kept_first; f != CP_NONE; f = py_fut(p->ps, f)->kept_next) {
            if (py_is_done(py_fut(p->ps, f))) {
                done++;
                last_done = f;
            } else {
                g->n_left++;
                py_add_cb(p->ps, f, PY_CB_CHILD, group);
            }
        }
        bool first = p->insn->a == CP_GROUP_FIRST && last_done != CP_NONE;
        if (g->n_left == 0 || first) {
            p->flow->timed_out = 0;
            return CP_STEP_NEXT;
        }
    }
    PY_DO(wait_done(p, p->t->submitted, p->insn->b));
    if (py_fut(p->ps, p->t->submitted)->n_left == 0) {
        py_fut_free(p->ps, p->t->submitted);
    }
    return CP_STEP_NEXT;
}

/* --- shutdown --- */

CpStep py_op_pool_shutdown(Py *p)
{
    CpFlow *flow = p->flow;
    PyPool *pool = pool_of(p, p->insn->c);
    switch (flow->rt_state) {
    case 0:
        pool->closed = true;
        if (p->insn->a & CP_SHUTDOWN_CANCEL) {
            while (pool->first != CP_NONE) {
                py_call_cancel(p, pool->first);
            }
        }
        wake_all(p, pool);
        if (!(p->insn->a & CP_SHUTDOWN_WAIT) || pool->live == 0) {
            break;
        }
        flow->rt_state = 1;
        PY_DO(py_drop(p));
        /* fall through */
    case 1:
        if (pool->live > 0) {
            cp_wait(p->sim, p->tid, pool->done, CP_NEVER, CP_BLOCK_RUNTIME, CP_NONE);
            return CP_STEP_BLOCK;
        }
        flow->rt_state = 2;
        PY_DO(py_take(p));
        /* fall through */
    default:
        break;
    }
    if (pool->live == 0 && p->proc->pools[p->insn->c] != CP_NONE) {
        p->proc->pools[p->insn->c] = CP_NONE;
    }
    return CP_STEP_NEXT;
}
