#include "models/python/pool.h"

/* How a thread gets the results of a pool's calls: one by one, in order, as they finish. */

/* --- waiting for results --- */

enum { DONE_WAITS = 1, DONE_BACK };

/* Sleeps without the GIL until the future is done, or that moment has come. */
static CpStep wait_until(Py *p, uint32_t fut, CpTime deadline)
{
    CpFlow *flow = p->flow;
    PyFut *f = py_fut(p->ps, fut);
    switch (flow->rt_state) {
    case PY_OP_BEGIN:
        flow->timed_out = 0;
        p->t->deadline = deadline;
        if (py_is_done(f)) {
            return CP_STEP_NEXT;
        }
        py_add_cb(p->ps, fut, PY_CB_THREAD, p->tid);
        f->flags |= PY_F_KEEP;
        flow->rt_state = DONE_WAITS;
        PY_DO(py_drop(p));
        /* fall through */
    case DONE_WAITS:
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
        flow->rt_state = DONE_BACK;
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

/* The limit is the length in a register, or CP_REG_NONE. */
static CpStep wait_done(Py *p, uint32_t fut, uint16_t limit)
{
    CpTime length = limit != CP_REG_NONE ? cp_regs(p->sim, p->flow)[limit] : CP_NEVER;
    return wait_until(p, fut,
                      length > CP_NEVER / 2 ? CP_NEVER : p->sim->now + MAX(length, 0));
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
        cp_assert(index < l->n);
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
        return py_pool_is_processes(pool) ? call->chunk : 1;
    }
    if (pool->kind != CP_POOL_WORKERS) {
        return 1;
    }
    cp_assert(pool->max > 0);
    return MAX(1u, (n + 4 * pool->max - 1) / (4 * pool->max));
}

/* Appends a future to what an iterator yields. */
static void yield_later(PySim *ps, uint32_t iter, uint32_t fut)
{
    PyFut *it = py_fut(ps, iter);
    cp_assert(it->kind == PY_FUT_ITER && py_fut(ps, fut)->kind == PY_FUT_CALL);
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
    cp_assert(index < p->t->map_n && n > 0);
    uint32_t fut = py_pool_new_work(p, pool, call);
    PyFut *f = py_fut(p->ps, fut);
    f->n_elements = n;
    f->index = index;
    f->from = call->list != CP_NONE ? 0 : (uint32_t)cp_regs(p->sim, p->flow)[call->from];
    f->flags |= PY_F_KEEP;
    cp_regs(p->sim, &p->sim->flows[f->flow])[CP_REG_FREE + call->n_args] =
        py_element(p, call, index, f->from);
    uint32_t iter = py_of_handle(p->ps, cp_regs(p->sim, p->flow)[p->insn->b]);
    f->list = py_fut(p->ps, iter)->list;
    if (py_fut(p->ps, iter)->as_finished) {
        py_add_cb(p->ps, fut, PY_CB_ITER, iter);
    } else {
        yield_later(p->ps, iter, fut);
    }
    p->t->map_next += n;
    py_pool_want_workers(p, pool);
    py_pool_put(p, pool, fut);
}

enum { MAP_NEXT = 1, MAP_SUBMITS };

CpStep py_op_map(Py *p)
{
    CpFlow *flow = p->flow;
    const CpCallDecl *call = cp_call_decl(p->sim->w, p->insn->c);
    PyPool *pool = py_pool_of(p, call->pool);
    if (flow->rt_state == PY_OP_BEGIN && pool->broken) {
        return py_raise(p, p->ps->exc_broken);
    }
    if (flow->rt_state == PY_OP_BEGIN) {
        uint32_t iter = py_fut_new(p->ps, PY_FUT_ITER);
        p->t->map_next = 0;
        p->t->map_n = n_elements(p, call);
        py_fut(p->ps, iter)->n_unread = p->t->map_n;
        py_fut(p->ps, iter)->value = p->t->map_n;
        py_fut(p->ps, iter)->flags = PY_F_KEEP;
        py_fut(p->ps, iter)->as_finished = p->insn->a != 0;
        py_fut(p->ps, iter)->list =
            call->flags & CP_CALL_VALUES ? py_list_new(p->ps, p->t->map_n) : 0;
        cp_regs(p->sim, flow)[p->insn->b] = py_handle(p->ps, iter);
        flow->rt_state = MAP_NEXT;
    }
    uint32_t chunk = chunk_size(pool, call, p->t->map_n);
    for (;;) {
        if (flow->rt_state >= PY_POOL_STARTS) {
            PY_DO(py_pool_start_threads(p, pool));
            flow->rt_state = MAP_NEXT;
        }
        if (flow->rt_state == MAP_NEXT) {
            if (p->t->map_next >= p->t->map_n) {
                return CP_STEP_NEXT;
            }
            flow->rt_state = MAP_SUBMITS;
            PY_DO(py_burst(p, p->proc->cost->submit));
        }
        map_one(p, pool, call, chunk);
        flow->rt_state = PY_POOL_STARTS;
    }
}

/* --- iterators --- */

/* A call whose result nobody will read through the iterator it belonged to. */
static void forget_call(PySim *ps, uint32_t fut)
{
    PyFut *f = py_fut(ps, fut);
    if (f->n_elements > 0) {
        f->list = 0;
        f->flags &= (uint8_t)~PY_F_KEEP;
    } else {
        f->holds--;
    }
    py_pool_let_go(ps, fut);
}

void py_iter_child(Py *p, uint32_t iter, uint32_t child)
{
    if (py_fut(p->ps, iter)->state == PY_CANCELLED) { /* its loop was left */
        forget_call(p->ps, child);
        return;
    }
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
    PyPool *pool = py_pool_of(p, p->insn->c);
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

enum { YIELDED_WAITS = 1, YIELDED_BACK };

/* One wait for the next result. */
static CpStep wait_next(Py *p, uint32_t iter, CpTime deadline)
{
    PyFut *it = py_fut(p->ps, iter);
    CpFlow *flow = p->flow;
    if (!it->as_finished) { /* in order of submission */
        return wait_until(p, it->first, deadline);
    }
    switch (flow->rt_state) {
    case PY_OP_BEGIN:
        if (it->first != CP_NONE) {
            return CP_STEP_NEXT;
        }
        flow->rt_state = YIELDED_WAITS;
        PY_DO(py_drop(p));
        /* fall through */
    case YIELDED_WAITS:
        if (it->first == CP_NONE) {
            it->reader = p->tid;
            return py_sleep(p, CP_NEVER, CP_BLOCK_RUNTIME, CP_NONE);
        }
        flow->rt_state = YIELDED_BACK;
        PY_DO(py_take(p));
        /* fall through */
    default:
        return CP_STEP_NEXT;
    }
}

/* Which element of a map comes next, of those its first call has. */
static uint32_t next_element(const Py *p, const PyFut *it, const PyFut *f)
{
    if (!it->as_finished) {
        return (uint32_t)(it->value - it->n_unread - 1);
    }
    uint32_t chunk =
        chunk_size(py_pool(p->ps, f->home), py_pool_call(p, f), (uint32_t)it->value);
    return f->index - f->index % chunk + it->taken;
}

/* Takes the next result out; a chunk gives as many as it has elements, the last of which is
 * the `index`-th of the whole. */
static CpStep take_next(Py *p, uint32_t iter)
{
    PyFut *it = py_fut(p->ps, iter);
    uint32_t fut = it->first;
    PyFut *f = py_fut(p->ps, fut);
    int64_t *value = &cp_regs(p->sim, p->flow)[CP_REG_VALUE];
    cp_assert(it->n_unread > 0 && py_is_done(f));
    it->n_unread--;
    bool of_map = f->n_elements > 0 && f->state == PY_DONE;
    uint32_t at = of_map ? next_element(p, it, f) : 0;
    bool more = of_map && at < f->index;
    it->taken = more ? it->taken + 1 : 0;
    int64_t own = of_map && it->list != 0 ? py_list_get(p->ps, it->list, at) : f->value;
    if (more) {
        *value = own;
        return CP_STEP_NEXT;
    }
    it->first = f->kept_next;
    f->kept_next = CP_NONE;
    if (it->as_finished && f->n_elements == 0) { /* it was on the list of its pool */
        f->holds--;
    }
    if (p->insn->op == CP_OP_ITER_NEXT && p->insn->a != 0) {
        *value = py_handle(p->ps, fut);
        return CP_STEP_NEXT;
    }
    py_charge(p, p->proc->cost->result);
    CpStep step = py_read(p, fut);
    if (step == CP_STEP_NEXT && it->list != 0) {
        *value = own;
    }
    return step;
}

static void free_iter(PySim *ps, uint32_t iter)
{
    py_list_free(ps, py_fut(ps, iter)->list);
    py_fut_free(ps, iter);
}

CpStep py_op_iter_next(Py *p)
{
    uint32_t iter = py_of_handle(p->ps, cp_regs(p->sim, p->flow)[p->insn->b]);
    if (iter == CP_NONE || py_fut(p->ps, iter)->n_unread == 0) {
        if (iter != CP_NONE) {
            free_iter(p->ps, iter);
        }
        p->flow->pc = p->insn->c;
        return CP_STEP_AGAIN;
    }
    PY_DO(wait_next(p, iter, CP_NEVER));
    return take_next(p, iter);
}
/* Executor.map cancels what nobody will read any more; the others are only forgotten. Calls
 * that are not over tell an iterator `as they finish`, which stays for them. */
static void drop_iter(Py *p, uint32_t iter)
{
    PyFut *it = py_fut(p->ps, iter);
    uint32_t fut = it->first;
    it->first = CP_NONE;
    while (fut != CP_NONE) {
        PyFut *f = py_fut(p->ps, fut);
        uint32_t next = f->kept_next;
        bool executor = py_pool(p->ps, f->home)->kind != CP_POOL_WORKERS;
        f->kept_next = CP_NONE;
        bool cancels = !it->as_finished && executor && !py_is_done(f);
        if (cancels) {
            f->list = 0;
            f->flags &= (uint8_t)~PY_F_KEEP;
        }
        if (!cancels || !py_call_cancel(p, fut)) {
            forget_call(p->ps, fut);
        }
        fut = next;
    }
    if (it->as_finished) {
        it->state = PY_CANCELLED;
    } else {
        free_iter(p->ps, iter);
    }
}

/* The limit, if there is one, is turned into the moment when the wait begins. */
CpStep py_op_iter_all(Py *p)
{
    int64_t *regs = cp_regs(p->sim, p->flow);
    uint32_t iter = py_of_handle(p->ps, regs[p->insn->a]);
    if (iter == CP_NONE) {
        p->flow->timed_out = 0;
        return CP_STEP_NEXT;
    }
    PyFut *it = py_fut(p->ps, iter);
    bool limited = p->insn->b != CP_REG_NONE;
    if (limited && it->state == PY_PENDING) {
        int64_t length = CLAMP(regs[p->insn->b], 0, CP_NEVER / 2 - p->sim->now);
        regs[p->insn->b] = p->sim->now + length;
    }
    it->state = PY_RUNNING;
    while (it->n_unread > 0) {
        PY_DO(wait_next(p, iter, limited ? regs[p->insn->b] : CP_NEVER));
        if (p->flow->timed_out) {
            drop_iter(p, iter);
            return CP_STEP_NEXT;
        }
        PY_DO(take_next(p, iter));
        p->flow->rt_state = PY_OP_BEGIN;
    }
    p->flow->timed_out = 0;
    regs[CP_REG_VALUE] = it->list;
    py_list_own(p, it->list);
    py_fut_free(p->ps, iter);
    return CP_STEP_NEXT;
}

CpStep py_op_iter_drop(Py *p)
{
    uint32_t iter = py_of_handle(p->ps, cp_regs(p->sim, p->flow)[p->insn->b]);
    if (iter != CP_NONE) {
        drop_iter(p, iter);
    }
    return CP_STEP_NEXT;
}

CpStep py_op_fut_done(Py *p)
{
    int64_t *regs = cp_regs(p->sim, p->flow);
    uint32_t fut = py_of_handle(p->ps, regs[p->insn->a]);
    regs[p->insn->b] = fut == CP_NONE || py_is_done(py_fut(p->ps, fut));
    return CP_STEP_NEXT;
}

/* concurrent.futures.wait over what the pool keeps. */
CpStep py_op_completed(Py *p)
{
    PyPool *pool = py_pool_of(p, p->insn->c);
    if (p->flow->rt_state == PY_OP_BEGIN) {
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
