#include "models/python/pool.h"

/* What the threads of a pool do: workers, a process pool's manager and feeder, and what
 * follows when a worker dies. */

enum { ROLE_WORKER, ROLE_MANAGER, ROLE_FEEDER };

static CpTime argument_cost(const Py *p, const PyFut *f)
{
    const CpCallDecl *c = py_pool_call(p, f);
    return py_pickle(p, c->size, c->flags & CP_CALL_INTS);
}

static CpTime result_cost(const Py *p, const PyFut *f)
{
    return py_pickle(p, py_pool_call(p, f)->returns, false);
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
    cp_assert(pool->live > 0);
    p->t->serves = 0;
    if (--pool->live == 0) {
        cp_wake(p->sim, pool->done, UINT32_MAX, p->tid, CP_WAKE_THREAD, 0);
    }
    return CP_STEP_NEXT;
}

/* Waits on a channel of the pool without the GIL; `ready` is looked at again then. */
static CpStep wait_at(Py *p, CpChan chan, bool ready)
{
    cp_assert(!(p->t->flags & PY_HAS));
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
    cp_assert(f->kind == PY_FUT_CALL && f->flow != CP_NONE);
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
    bool process = py_pool_is_processes(pool);
    p->t->serves = process ? p->t->pool : 0;
    uint32_t *queue = process ? &pool->call_first : &pool->first;
    for (;;) {
        switch (flow->rt_state) {
        case SERVE_BEGIN:
        case SERVE_CREATED:
            PY_DO(own_interpreter(p, pool));
            break;
        case SERVE_NEXT: {
            uint32_t fut = py_pool_pop(p->ps, queue);
            if (fut != CP_NONE) {
                pool->n_calls -= process;
                p->t->fut = fut;
                py_fut(p->ps, fut)->state = PY_RUNNING;
                py_record_start(p, fut);
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
            f->outcome = p->t->end_state & 0xfu;
            f->exc = p->t->end_exc;
            py_pool_append(p->ps, &pool->res_first, &pool->res_last, p->t->fut);
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
    cp_assert(py_pool_is_processes(pool) && pool->live > 0);
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
    cp_assert(pool->broken);
    PySim *ps = p->ps;
    uint32_t me = py_pool_number(ps, pool);
    for (CpTid tid = 0; tid < p->sim->tables.thread.n; tid++) {
        if (py_thread(p->sim, tid)->serves == me + 1) {
            cp_process_end(p->sim, cp_thread(p->sim, tid)->proc, CP_NONE);
        }
    }
    pool->first = pool->call_first = pool->feed_first = pool->res_first = CP_NONE;
    for (uint32_t fut = 0; fut < ps->futs.n; fut++) {
        const PyFut *f = py_fut(ps, fut);
        if (f->kind == PY_FUT_CALL && f->home == me && !py_is_done(f)) {
            py_pool_settle(p, fut, PY_FAILED, ps->exc_broken);
        }
    }
    py_pool_wake_all(p, pool);
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
        if (flow->rt_state >= PY_POOL_STARTS) {
            PY_DO(py_pool_start_threads(p, pool));
            flow->rt_state = SERVE_NEXT;
        }
        switch (flow->rt_state) {
        case SERVE_BEGIN:
        case SERVE_NEXT:
            if (must_replace(pool)) {
                flow->rt_state = PY_POOL_STARTS;
                break;
            }
            if (pool->broken && pool->res_first == CP_NONE) {
                break_pool(p, pool);
                return leave_pool(p, pool);
            }
            while (may_feed(pool)) {
                uint32_t fut = py_pool_pop(p->ps, &pool->first);
                py_fut(p->ps, fut)->state = PY_RUNNING;
                pool->n_calls++;
                py_pool_append(p->ps, &pool->feed_first, &pool->feed_last, fut);
                cp_wake(p->sim, pool->feed, 1, p->tid, CP_WAKE_THREAD, 0);
            }
            if (pool->res_first != CP_NONE) {
                p->t->fut = py_pool_pop(p->ps, &pool->res_first);
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
            py_pool_settle(p, fut, (PyFutState)f->outcome, f->exc);
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
            uint32_t fut = pool->broken ? CP_NONE : py_pool_pop(p->ps, &pool->feed_first);
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
            py_pool_append(p->ps, &pool->call_first, &pool->call_last, p->t->fut);
            p->t->fut = CP_NONE;
            cp_wake(p->sim, pool->work, 1, p->tid, CP_WAKE_THREAD, 0);
            flow->rt_state = SERVE_NEXT;
            break;
        }
    }
}

CpStep py_op_pool_serve(Py *p)
{
    PyPool *pool = py_pool_of(p, p->insn->c);
    switch (p->insn->a) {
    case ROLE_WORKER:
        return worker(p, pool);
    case ROLE_MANAGER:
        return manager(p, pool);
    default:
        return feeder(p, pool);
    }
}
