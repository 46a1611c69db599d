#include "models/python/pool.h"

#include <string.h>

/* Executors and multiprocessing.Pool.
 *
 * Workers of threads and of interpreters take work from the executor's queue.  Between a
 * process pool and its workers stand two threads of the parent: the manager marks work as
 * running and reads results, the feeder pickles and writes; so up to one piece more than
 * there are workers is past cancelling.  A worker executes the flow of the call it took. */

enum { BIG = 64 * 1024 };

/* --- pickling --- */

/* Half of what pickling and unpickling take together. */
CpTime py_pickle(const Py *p, int64_t size, bool ints)
{
    cp_assert(size >= 0);
    const PyCosts *c = p->proc->cost;
    if (ints) {
        return c->pickle + c->pickle_int * size / 1024;
    }
    CpTime small = c->pickle_kib * MIN(size, BIG) / 1024;
    return c->pickle + small + (size > BIG ? c->pickle_big * (size - BIG) / 1024 : 0);
}

CpTime py_pickle_cost(const Py *p, int64_t size)
{
    return py_pickle(p, size, false);
}

/* --- queues of futures --- */

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
    cp_assert(*first == CP_NONE || *last != CP_NONE);
    return true;
}

/* --- opening --- */

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

/* Takes pools that are gone from their name. */
static void forget_gone(Py *p, uint32_t decl)
{
    uint32_t *head = &p->proc->pools[decl];
    while (*head != CP_NONE && py_pool(p->ps, *head)->left &&
           py_pool(p->ps, *head)->live == 0) {
        *head = py_pool(p->ps, *head)->outer;
    }
}

static PyPool *open_pool(Py *p, uint32_t decl)
{
    forget_gone(p, decl);
    uint32_t id = cp_row_new(p->sim, &p->ps->pools, "pools");
    const CpPoolDecl *d = cp_pool_decl(p->sim->w, decl);
    PyPool *pool = py_pool(p->ps, id);
    *pool = (PyPool){.decl = decl,
                     .proc = cp_thread(p->sim, p->tid)->proc,
                     .opener = p->tid,
                     .outer = p->proc->pools[decl],
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
    pool->wanted = pool->kind == CP_POOL_WORKERS ? pool->max : 0; /* started at once */
    p->proc->pools[decl] = id;
    py_flow(p->sim, cp_thread(p->sim, p->tid)->flow)->pool = id;
    return pool;
}

static PyPool *find_pool(Py *p, uint32_t decl)
{
    if (p->t->pool > 0 && py_pool(p->ps, p->t->pool - 1)->decl == decl) {
        return py_pool(p->ps, p->t->pool - 1);
    }
    uint32_t last = p->proc->pools[decl], own = last;
    while (own != CP_NONE && py_pool(p->ps, own)->opener != p->tid) {
        own = py_pool(p->ps, own)->outer;
    }
    return own != CP_NONE    ? py_pool(p->ps, own)
           : last != CP_NONE ? py_pool(p->ps, last)
                             : open_pool(p, decl);
}

PyPool *py_pool_of(Py *p, uint32_t decl)
{
    uint32_t *id = &py_flow(p->sim, cp_thread(p->sim, p->tid)->flow)->pool;
    cp_assert(decl < p->sim->w->pools->len);
    if (p->flow->rt_state == PY_OP_BEGIN) {
        *id = py_pool_number(p->ps, find_pool(p, decl));
    }
    cp_assert(py_pool(p->ps, *id)->decl == decl);
    return py_pool(p->ps, *id);
}

void py_pool_wake_all(Py *p, PyPool *pool)
{
    cp_wake(p->sim, pool->work, UINT32_MAX, p->tid, CP_WAKE_THREAD, 0);
    cp_wake(p->sim, pool->manage, UINT32_MAX, p->tid, CP_WAKE_THREAD, 0);
    cp_wake(p->sim, pool->feed, UINT32_MAX, p->tid, CP_WAKE_THREAD, 0);
}

/* Threads still to be started before the submit is over: their declaration, or CP_NONE. */
static uint32_t to_start(const Py *p, PyPool *pool)
{
    const CpPoolDecl *d = cp_pool_decl(p->sim->w, pool->decl);
    if (!py_pool_is_processes(pool)) {
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
        cp_assert(pool->wanted > 0);
        pool->wanted--;
        pool->n++;
    } else if (decl == d->manager) {
        pool->manager_on = true;
    } else {
        pool->feeder_on = true;
    }
    pool->live++;
}

/* Starts what to_start names, one after the other; rt_state PY_POOL_STARTS and up. */
CpStep py_pool_start_threads(Py *p, PyPool *pool)
{
    CpFlow *flow = p->flow;
    for (;;) {
        if (flow->rt_state == PY_POOL_STARTED) {
            flow->rt_state = PY_POOL_STARTS;
        }
        if (flow->rt_state == PY_POOL_STARTS) {
            p->t->starting = to_start(p, pool);
            if (p->t->starting == CP_NONE) {
                p->t->opens = 0;
                return CP_STEP_NEXT;
            }
            started(p, pool, p->t->starting);
            p->t->opens = py_pool_number(p->ps, pool) + 1;
        }
        const CpInsn spawn = {CP_OP_SPAWN, CP_REG_FREE, 0, p->t->starting};
        PY_DO(py_start_thread(p, &spawn, PY_POOL_STARTS));
    }
}

CpStep py_op_pool_open(Py *p)
{
    PyPool *pool;
    if (p->flow->rt_state == PY_OP_BEGIN) {
        pool = open_pool(p, p->insn->c);
        if (pool->kind != CP_POOL_WORKERS) {
            return CP_STEP_NEXT;
        }
        p->flow->rt_state = PY_POOL_STARTS;
    }
    return py_pool_start_threads(p, py_pool_of(p, p->insn->c));
}

/* --- submitting --- */

void py_pool_put(Py *p, PyPool *pool, uint32_t fut)
{
    switch ((CpPoolKind)pool->kind) {
    case CP_POOL_THREADS:
    case CP_POOL_INTERPRETERS:
        py_pool_append(p->ps, &pool->first, &pool->last, fut);
        cp_wake(p->sim, pool->work, 1, p->tid, CP_WAKE_THREAD, 0);
        break;
    case CP_POOL_PROCESSES:
        py_pool_append(p->ps, &pool->first, &pool->last, fut);
        cp_wake(p->sim, pool->manage, 1, p->tid, CP_WAKE_THREAD, 0);
        break;
    case CP_POOL_WORKERS:
        py_pool_append(p->ps, &pool->feed_first, &pool->feed_last, fut);
        cp_wake(p->sim, pool->feed, 1, p->tid, CP_WAKE_THREAD, 0);
        break;
    }
    pool->unfinished++;
    p->proc->pending++;
}

/* How many workers this submit makes the pool start. */
void py_pool_want_workers(const Py *p, PyPool *pool)
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
    cp_assert(f->kind == PY_FUT_CALL);
    f->holds++;
    f->kept_next = CP_NONE;
    if (pool->kept_first == CP_NONE) {
        pool->kept_first = fut;
    } else {
        py_fut(ps, pool->kept_last)->kept_next = fut;
    }
    pool->kept_last = fut;
}

uint32_t py_pool_new_work(Py *p, PyPool *pool, const CpCallDecl *call)
{
    uint32_t fut = py_call_new(p, call, PY_FUT_CALL);
    PyFut *f = py_fut(p->ps, fut);
    f->home = py_pool_number(p->ps, pool);
    f->row = (uint32_t)(call - cp_call_decl(p->sim->w, 0));
    cp_assert(f->row < p->sim->w->calls->len && f->home != CP_NONE);
    cp_record_wide(p->sim, CP_REC_TASK_CREATE, fut, cp_thread(p->sim, p->tid)->cpu, 0,
                   CP_NONE, py_label(p, fut));
    return fut;
}

enum { SUBMIT_MADE = 1 };

/* PY_POOL_STARTS and up: threads are started. */
CpStep py_submit(Py *p, const CpCallDecl *call, uint32_t *out)
{
    CpFlow *flow = p->flow;
    PyPool *pool = py_pool_of(p, call->pool);
    if (flow->rt_state == PY_OP_BEGIN) {
        if (pool->broken) {
            return py_raise(p, p->ps->exc_broken);
        }
        if (pool->closed) {
            cp_diagnose(
                p->sim, "submit after shutdown", &p->tid, 1, "%s takes no more calls",
                cp_workload_text(p->sim->w, cp_pool_decl(p->sim->w, pool->decl)->name));
            return CP_STEP_NEXT;
        }
        flow->rt_state = SUBMIT_MADE;
        CpTime pickling = pool->kind == CP_POOL_INTERPRETERS
                              ? py_pickle(p, call->size, call->flags & CP_CALL_INTS)
                              : 0;
        PY_DO(py_burst(p, p->proc->cost->submit + pickling));
    }
    if (flow->rt_state == SUBMIT_MADE) {
        uint32_t fut = py_pool_new_work(p, pool, call);
        keep(p->ps, pool, fut);
        py_pool_want_workers(p, pool);
        py_pool_put(p, pool, fut);
        p->t->submitted = fut;
        py_fut(p->ps, fut)->holds++; /* until this is over */
        flow->rt_state = PY_POOL_STARTS;
    }
    PY_DO(py_pool_start_threads(p, pool));
    *out = p->t->submitted;
    py_fut(p->ps, *out)->holds--;
    return CP_STEP_NEXT;
}

void py_pool_let_go(PySim *ps, uint32_t fut)
{
    const PyFut *f = py_fut(ps, fut);
    bool awaited = f->cb != CP_NONE || f->flags & (PY_F_KEEP | PY_F_GROUPED);
    cp_assert(f->kind == PY_FUT_CALL);
    if (py_is_done(f) && f->holds == 0 && !awaited) {
        py_fut_free(ps, fut);
    }
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
    py_pool_let_go(p->ps, fut);
    return CP_STEP_NEXT;
}

/* --- the end of a call --- */

void py_pending_done(Py *p, PyProc *owner)
{
    cp_assert(owner->pending > 0);
    owner->pending--;
    if (owner->pending == 0 && owner->n_spawned == 0 && owner->main_waits) {
        owner->main_waits = false;
        cp_wake_thread(p->sim, owner->main, p->tid, CP_WAKE_THREAD, 0);
    }
}

static void finished(Py *p, PyPool *pool)
{
    cp_assert(pool->unfinished > 0);
    pool->unfinished--;
    py_pending_done(p, py_proc(p->sim, pool->proc));
    if (pool->unfinished == 0 && pool->closed) {
        py_pool_wake_all(p, pool);
    }
}

void py_pool_settle(Py *p, uint32_t fut, PyFutState state, uint32_t exc)
{
    PyFut *f = py_fut(p->ps, fut);
    PyPool *pool = py_pool(p->ps, f->home);
    bool awaited = f->cb != CP_NONE; /* whoever is told now goes on with it */
    cp_assert(f->kind == PY_FUT_CALL);
    cp_record_wide(p->sim, CP_REC_TASK_END, fut, cp_thread(p->sim, p->tid)->cpu,
                   state == PY_DONE        ? 0
                   : state == PY_CANCELLED ? 1
                                           : 2,
                   p->tid, 0);
    py_flow_done(p, fut);
    py_finish(p, fut, state, f->value, exc);
    finished(p, pool);
    if (!awaited) {
        py_pool_let_go(p->ps, fut);
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
    py_pool_settle(p, fut, PY_CANCELLED, p->ps->exc_cancelled);
    return true;
}

/* The next element of a chunk, on the same flow; false: there is none. */
static bool next_element(Py *p, uint32_t fut)
{
    PyFut *f = py_fut(p->ps, fut);
    if (f->n_elements <= 1) {
        return false;
    }
    const CpCallDecl *call = py_pool_call(p, f);
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
    cp_assert(p->t->fut == fut && f->state == PY_RUNNING);
    if (f->n_elements > 0 && f->list != 0) {
        uint32_t exc = p->end_state == PY_DONE ? 0 : f->exc;
        py_list_put(p->ps, &f->list, f->index, f->value, exc);
    }
    if (p->end_state == PY_DONE && next_element(p, fut)) {
        return CP_STEP_AGAIN;
    }
    if (py_pool_is_processes(pool)) {
        p->t->end_state = p->end_state; /* the worker pickles it and tells the manager */
        p->t->end_exc = f->exc;
        return py_switch_to(p, p->t->base);
    }
    p->t->fut = CP_NONE;
    py_pool_settle(p, fut, (PyFutState)p->end_state, f->exc);
    return py_switch_to(p, p->t->base);
}

/* --- shutdown --- */

enum { SHUTDOWN_WAITS = 1, SHUTDOWN_BACK };

CpStep py_op_pool_shutdown(Py *p)
{
    CpFlow *flow = p->flow;
    PyPool *pool = py_pool_of(p, p->insn->c);
    switch (flow->rt_state) {
    case PY_OP_BEGIN:
        pool->closed = true;
        if (p->insn->a & CP_SHUTDOWN_CANCEL) {
            while (pool->first != CP_NONE) {
                py_call_cancel(p, pool->first);
            }
        }
        py_pool_wake_all(p, pool);
        if (!(p->insn->a & CP_SHUTDOWN_WAIT) || pool->live == 0) {
            break;
        }
        flow->rt_state = SHUTDOWN_WAITS;
        PY_DO(py_drop(p));
        /* fall through */
    case SHUTDOWN_WAITS:
        if (pool->live > 0) {
            cp_wait(p->sim, p->tid, pool->done, CP_NEVER, CP_BLOCK_RUNTIME, CP_NONE);
            return CP_STEP_BLOCK;
        }
        flow->rt_state = SHUTDOWN_BACK;
        PY_DO(py_take(p));
        /* fall through */
    default:
        break;
    }
    pool->left = true;
    forget_gone(p, p->insn->c);
    return CP_STEP_NEXT;
}
