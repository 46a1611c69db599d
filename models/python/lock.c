#include "models/python/future.h"
#include "models/native/sync.h"

/* Objects of threading and queue, shared variables and objects, the collector.
 *
 * An operation that would block gives the interpreter lock up first.  A Lock is won without
 * the GIL, which is then queued for; all other objects are Python code around locks, so
 * that what they guard is looked at with the GIL again, and may be gone by then. */

enum { HAND_OVER = CP_MS }; /* a mutex passes ownership to a waiter of that age */

static bool is_lock_op(CpOp op)
{
    return op == CP_OP_LOCK || op == CP_OP_RLOCK || op == CP_OP_WLOCK;
}

static bool full(const Py *p, const CpObj *o)
{
    const CpObjDecl *d = cp_obj_decl(p->sim->w, p->insn->c);
    int64_t size = p->insn->b == CP_REG_NONE ? 0 : cp_regs(p->sim, p->flow)[p->insn->b];
    if (p->insn->a & CP_IO_DROP) {
        return false;
    }
    if (d->kind == CP_OBJ_SOCKET && (d->latency > 0 || d->bandwidth > 0)) {
        return false;
    }
    if (d->kind == CP_OBJ_PIPE && d->size > 0) {
        return o->n > 0 && o->value + size > d->size;
    }
    return d->n > 0 && o->n >= (uint64_t)d->n;
}

/* Whether the operation cannot be done now. */
static bool would_block(const Py *p)
{
    const CpObj *o = &p->sim->objs[p->insn->c];
    switch ((CpSyncOp)p->insn->op) {
    case CP_OP_LOCK:
        return o->owner != CP_NONE && !(o->kind == CP_OBJ_RLOCK && o->owner == p->tid);
    case CP_OP_RLOCK:
        return o->owner != CP_NONE;
    case CP_OP_WLOCK:
        return o->owner != CP_NONE || o->depth > 0;
    case CP_OP_SEM_WAIT:
        return o->value <= 0;
    case CP_OP_EVENT_WAIT:
        return o->value == 0;
    case CP_OP_BARRIER:
        return o->value + 1 < cp_obj_decl(p->sim->w, p->insn->c)->n;
    case CP_OP_COND_WAIT:
    case CP_OP_WAIT_WAKE:
        return true;
    case CP_OP_SEND:
        return full(p, o);
    case CP_OP_RECV:
        return o->n == 0;
    case CP_OP_QUEUE_JOIN:
        return o->unfinished > 0;
    case CP_OP_PROBE:
    case CP_OP_TASK_DONE:
        return false;
    case CP_OP_UNLOCK:
    case CP_OP_RWUNLOCK:
    case CP_OP_SEM_POST:
    case CP_OP_EVENT_SET:
    case CP_OP_EVENT_CLEAR:
    case CP_OP_COND_SIGNAL:
    case CP_OP_WAKE:
        return false;
    }
    return false;
}

static CpTime op_cost(const Py *p)
{
    const PyCosts *c = p->proc->cost;
    bool shared = p->sim->objs[p->insn->c].flags & CP_OBJ_SHARED;
    switch (p->sim->objs[p->insn->c].kind) {
    case CP_OBJ_LOCK:
        return shared ? c->mp_lock : c->lock;
    case CP_OBJ_RLOCK:
    case CP_OBJ_RWLOCK:
        return shared ? c->mp_lock : c->rlock;
    case CP_OBJ_SEMAPHORE:
    case CP_OBJ_CONDITION:
    case CP_OBJ_EVENT:
    case CP_OBJ_BARRIER:
        return c->event;
    case CP_OBJ_QUEUE:
        return c->queue;
    case CP_OBJ_SOCKET:
        return c->sock;
    case CP_OBJ_PIPE:
        return c->pipe;
    default:
        return c->lock;
    }
}

static CpStep sync_step(Py *p, CpWhy why)
{
    cp_assert(cp_op_is_sync(p->insn->op));
    p->flow->why = (uint8_t)why;
    uint16_t state = p->flow->rt_state;
    p->flow->rt_state = p->t->sync;
    CpStep step = cp_sync_step(p->sim, p->tid, p->insn, why);
    p->t->sync = p->flow->rt_state;
    p->flow->rt_state = state;
    return step;
}

/* A waiter that is old enough gets the lock from its owner's hands. */
static bool hand_over(Py *p)
{
    CpObj *o = &p->sim->objs[p->insn->c];
    CpTid first = cp_first_waiter(p->sim, o->chan);
    if (!p->proc->hand_over || o->kind != CP_OBJ_LOCK || first == CP_NONE ||
        p->sim->now - cp_thread(p->sim, first)->since <= HAND_OVER) {
        return false;
    }
    cp_sync_unlock(p->sim, p->insn->c, p->tid);
    return cp_sync_try_lock(p->sim, p->insn->c, first);
}

/* Whether somebody sleeps for the lock or, of a semaphore, was woken and has not tried yet:
 * the semaphore counts those too, so that each release enters the kernel.  Then the moments
 * in which the lock is free count, and what its operations cost passes at once. */
static bool is_sought(const Py *p)
{
    const CpObj *o = &p->sim->objs[p->insn->c];
    return !p->proc->ideal && o->kind == CP_OBJ_LOCK &&
           (cp_waiters(p->sim, o->chan) > 0 ||
            (!p->proc->hand_over && p->ps->coming[p->insn->c] > 0));
}

/* Pipes and sockets are read and written in the kernel without the GIL, whether that blocks
 * or not: who waits for the GIL may take it meanwhile.  Mirrors sock_call_impl. */
static bool is_io(const Py *p)
{
    if (p->insn->op != CP_OP_SEND && p->insn->op != CP_OP_RECV) {
        return false;
    }
    uint8_t kind = p->sim->objs[p->insn->c].kind;
    return kind == CP_OBJ_PIPE || kind == CP_OBJ_SOCKET;
}

enum {
    SYNC_BEGIN,
    SYNC_CALL,
    SYNC_TRY,
    SYNC_BLOCK,
    SYNC_PASSED,
    SYNC_WOKEN,
    SYNC_LOOK,
    SYNC_DRAIN,
    SYNC_DRAINED,
    SYNC_DONE
};

/* A barrier takes nobody in until all it released have left, which each does with the GIL:
 * mirrors Barrier._enter and _exit of Lib/threading.py. */
static bool is_draining(const Py *p)
{
    return p->insn->op == CP_OP_BARRIER && p->sim->objs[p->insn->c].depth > 0;
}

static void leave_barrier(Py *p)
{
    CpObj *o = &p->sim->objs[p->insn->c];
    bool left = p->insn->op == CP_OP_BARRIER && !p->flow->timed_out;
    if (left && o->depth > 0 && --o->depth == 0) {
        cp_wake(p->sim, o->chan2, UINT32_MAX, p->tid, CP_WAKE_THREAD, 0);
    }
}

/* The last one to arrive at a barrier releases the others and leaves at once. */
static CpStep pass(Py *p)
{
    CpObj *o = &p->sim->objs[p->insn->c];
    bool paid = p->insn->op == CP_OP_SEND && is_io(p);
    CpStep step = sync_step(p, paid ? CP_WHY_RAN : CP_WHY_BEGIN);
    if (p->insn->op == CP_OP_BARRIER && step == CP_STEP_NEXT) {
        o->depth = (uint32_t)MAX(cp_obj_decl(p->sim->w, p->insn->c)->n - 1, 0);
    }
    return step;
}

static CpStep remember(Py *p)
{
    p->t->flags &= (uint16_t)~PY_TIMED_OUT;
    p->t->flags |= p->flow->timed_out ? PY_TIMED_OUT : 0;
    p->flow->rt_state = SYNC_DONE;
    PY_DO(py_take(p));
    p->flow->timed_out = (p->t->flags & PY_TIMED_OUT) != 0;
    if (is_io(p)) {
        py_charge(p, op_cost(p) / 2); /* the result becomes an object */
    }
    return CP_STEP_NEXT;
}

/* The lock may have been handed over to it while it slept. */
static bool owns(const Py *p)
{
    const CpObj *o = &p->sim->objs[p->insn->c];
    return p->insn->op == CP_OP_LOCK && o->kind == CP_OBJ_LOCK && o->owner == p->tid;
}

/* The wait is over: a lock or a socket is tried at once, the state of other objects is
 * looked at with the GIL. */
static CpStep woken(Py *p)
{
    CpFlow *flow = p->flow;
    p->t->late = p->why == CP_WHY_TIMEOUT;
    if (is_lock_op(p->insn->op)) {
        uint32_t *coming = &p->ps->coming[p->insn->c];
        *coming -= !p->t->late && *coming > 0;
        if (owns(p)) {
            flow->timed_out = 0;
            return remember(p);
        }
        CpStep step = sync_step(p, p->why);
        return step == CP_STEP_NEXT ? remember(p) : step;
    }
    if (is_io(p)) { /* the kernel looks, before the GIL is asked for */
        PY_DO(sync_step(p, p->why));
        flow->rt_state = SYNC_PASSED;
        return py_pay(p);
    }
    flow->rt_state = SYNC_LOOK;
    return py_take(p);
}

static bool settled(const Py *p)
{
    CpOp op = p->insn->op;
    return p->t->late || op == CP_OP_EVENT_WAIT || op == CP_OP_BARRIER ||
           op == CP_OP_WAIT_WAKE || op == CP_OP_COND_WAIT || !would_block(p);
}

/* With the GIL after a wait. */
static CpStep look(Py *p)
{
    cp_assert(p->t->flags & PY_HAS);
    if (!settled(p)) {
        p->flow->rt_state = SYNC_BLOCK;
        p->t->waited = true;
        PY_DO(py_drop(p));
        return CP_STEP_NEXT;
    }
    CpStep step = sync_step(p, p->t->late ? CP_WHY_TIMEOUT : CP_WHY_WOKEN);
    if (step == CP_STEP_BLOCK) { /* a condition waits for its lock again */
        py_drop_blocked(p);
        p->flow->rt_state = SYNC_WOKEN;
        return step;
    }
    leave_barrier(p);
    p->flow->rt_state = SYNC_DONE;
    return CP_STEP_NEXT;
}

static CpStep wait_drained(Py *p)
{
    cp_assert(!(p->t->flags & PY_HAS));
    cp_wait(p->sim, p->tid, p->sim->objs[p->insn->c].chan2, CP_NEVER, CP_BLOCK_COND,
            p->insn->c);
    return CP_STEP_BLOCK;
}

static CpStep begin(Py *p)
{
    CpFlow *flow = p->flow;
    cp_assert(p->t->flags & PY_HAS); /* whether it must wait is seen under it */
    p->t->sync = 0;
    p->t->waited = false;
    if (is_draining(p)) {
        flow->rt_state = SYNC_DRAIN;
        return py_drop(p);
    }
    if (p->insn->op == CP_OP_LOCK && is_sought(p)) {
        py_charge(p, op_cost(p));
        flow->rt_state = SYNC_TRY;
        return py_pay(p);
    }
    if (is_io(p)) {
        py_charge(p, op_cost(p) / 2);
        flow->rt_state = SYNC_CALL;
        return py_drop(p);
    }
    if (would_block(p)) {
        flow->rt_state = SYNC_BLOCK;
        return py_drop(p);
    }
    py_charge(p, op_cost(p));
    flow->rt_state = SYNC_DONE;
    return pass(p);
}

static CpStep wait_op(Py *p)
{
    CpFlow *flow = p->flow;
    for (;;) {
        switch (flow->rt_state) {
        case SYNC_BEGIN:
            PY_DO(begin(p));
            if (flow->rt_state == SYNC_DONE) {
                return CP_STEP_NEXT;
            }
            break;
        case SYNC_CALL:
            flow->rt_state = SYNC_BLOCK;
            if (p->insn->op == CP_OP_SEND) {
                cp_charge(p->sim, p->tid, cp_sync_io_cost(p->sim, p->insn->c));
                PY_DO(py_pay(p));
            }
            break;
        case SYNC_DRAIN:
            flow->rt_state = SYNC_DRAINED;
            if (is_draining(p)) {
                return wait_drained(p);
            }
            break;
        case SYNC_DRAINED:
            flow->rt_state = SYNC_BEGIN;
            PY_DO(py_take(p));
            break;
        case SYNC_TRY:
            if (!would_block(p)) {
                flow->rt_state = SYNC_DONE;
                return sync_step(p, CP_WHY_BEGIN);
            }
            flow->rt_state = SYNC_BLOCK;
            PY_DO(py_drop(p));
            break;
        case SYNC_BLOCK: {
            flow->rt_state = SYNC_WOKEN;
            CpStep step = p->t->waited ? sync_step(p, CP_WHY_WOKEN) : pass(p);
            if (step != CP_STEP_NEXT) {
                return step;
            }
            flow->rt_state = SYNC_PASSED;
            PY_DO(py_pay(p)); /* for the wake-up of who waits at the other end */
            break;
        }
        case SYNC_PASSED:
            PY_DO(py_pay(p)); /* whom it has woken may run before it leaves the kernel */
            return remember(p);
        case SYNC_WOKEN:
            PY_DO(woken(p));
            if (flow->rt_state == SYNC_DONE) {
                return CP_STEP_NEXT;
            }
            break;
        case SYNC_LOOK:
            PY_DO(look(p));
            if (flow->rt_state == SYNC_DONE) {
                return CP_STEP_NEXT;
            }
            break;
        default:
            if (p->insn->op != CP_OP_COND_WAIT && p->t->flags & PY_TIMED_OUT) {
                flow->timed_out = 1;
            }
            return CP_STEP_NEXT;
        }
    }
}

bool py_is_full(const Py *p)
{
    return full(p, &p->sim->objs[p->insn->c]);
}

CpStep py_sync_now(Py *p)
{
    p->t->sync = 0;
    return sync_step(p, p->insn->op == CP_OP_SEND ? CP_WHY_RAN : CP_WHY_BEGIN);
}

/* A process that is forked has a copy of everything; an object two processes use must be
 * made for it.  We have only one of each, and say so. */
static void check_shared(Py *p)
{
    cp_assert(p->insn->c < p->sim->w->objs->len);
    const CpObjDecl *d = cp_obj_decl(p->sim->w, p->insn->c);
    uint32_t *home = &p->ps->homes[p->insn->c];
    uint32_t me = cp_thread(p->sim, p->tid)->proc + 1;
    if (G_LIKELY(*home == me || *home == UINT32_MAX)) {
        return;
    }
    if (*home == 0 && !(d->flags & CP_OBJ_SHARED) && d->kind != CP_OBJ_PIPE &&
        d->kind != CP_OBJ_SOCKET) {
        *home = me;
        return;
    }
    if (*home != 0) {
        const char *name = cp_workload_text(p->sim->w, d->name);
        cp_diagnose(p->sim, "object of another process", &p->tid, 1,
                    "%s is not shared: each process would have a copy of its own, here all "
                    "use one.  Declare it in front of the process: shared ... %s",
                    name, name);
    }
    *home = UINT32_MAX;
}

/* A Connection pickles what it sends, in one call, and its reader unpickles it. */
static CpStep pipe_op(Py *p)
{
    const CpObj *o = &p->sim->objs[p->insn->c];
    const PyCosts *c = p->proc->cost;
    if (p->insn->op == CP_OP_SEND) {
        if (p->flow->rt_state == PY_OP_BEGIN) {
            uint16_t size = p->insn->b;
            py_charge(p,
                      c->mp_feed + py_pickle_cost(p, size == CP_REG_NONE
                                                         ? 0
                                                         : cp_regs(p->sim, p->flow)[size]));
        }
        return py_thread_op(p);
    }
    int64_t size = o->n > 0 ? o->items[o->head].size : 0;
    PY_DO(py_thread_op(p));
    py_charge(p, p->flow->timed_out ? 0 : c->mp_get + py_pickle_cost(p, size));
    return CP_STEP_NEXT;
}

CpStep py_lock_step(Py *p)
{
    CpOp op = p->insn->op;
    bool has_object = op != CP_OP_WAKE && op != CP_OP_WAIT_WAKE;
    if (has_object) {
        check_shared(p);
        if (G_UNLIKELY(py_is_mp_queue(p))) {
            return py_mp_step(p);
        }
    }
    if (has_object && op != CP_OP_PROBE &&
        (p->sim->objs[p->insn->c].flags & CP_OBJ_ASYNC ||
         ((op == CP_OP_SEND || op == CP_OP_RECV) && p->insn->a & CP_IO_AWAIT))) {
        return py_aio_object(p);
    }
    if ((op == CP_OP_SEND || op == CP_OP_RECV) &&
        p->sim->objs[p->insn->c].kind == CP_OBJ_PIPE) {
        return pipe_op(p);
    }
    return py_thread_op(p);
}

enum { UNLOCK_PAID = 1 };

/* Which exception a release or the use of a condition raises here, 0: none.  A Lock may be
 * released by any thread, an RLock and the lock of a condition only by who holds them. */
static uint32_t misuse(const Py *p)
{
    const CpObj *o = &p->sim->objs[p->insn->c];
    if (o->kind == CP_OBJ_LOCK && o->owner == CP_NONE) {
        return o->flags & CP_OBJ_SHARED ? p->ps->exc_value : p->ps->exc_runtime;
    }
    if (o->kind != CP_OBJ_LOCK && o->owner != p->tid) {
        return p->ps->exc_runtime;
    }
    return 0;
}

/* Waiting on a condition and notifying it take its lock to be held. */
static bool has_condition(const Py *p)
{
    const CpObj *o = &p->sim->objs[p->insn->c];
    const CpObj *lock = o->lock == CP_NONE ? o : &p->sim->objs[o->lock];
    return lock->kind == CP_OBJ_LOCK ? lock->owner != CP_NONE : lock->owner == p->tid;
}

static CpStep unlock(Py *p)
{
    CpObj *o = &p->sim->objs[p->insn->c];
    cp_assert(p->t->flags & PY_HAS);
    if (p->flow->rt_state == UNLOCK_PAID) {
        return CP_STEP_NEXT;
    }
    py_charge(p, op_cost(p));
    if (misuse(p) != 0) {
        return py_raise(p, misuse(p));
    }
    if (hand_over(p)) {
        cp_wake_thread(p->sim, o->owner, p->tid, CP_WAKE_THREAD, 0);
        return CP_STEP_NEXT;
    }
    if (is_sought(p)) {
        if (cp_waiters(p->sim, o->chan) > 0) {
            p->ps->coming[p->insn->c]++;
        } else {
            py_charge(p, p->sim->cost[CP_COST_SYSCALL]);
        }
        p->flow->rt_state = UNLOCK_PAID;
    }
    cp_sync_unlock(p->sim, p->insn->c, p->tid);
    return p->flow->rt_state == UNLOCK_PAID ? py_pay(p) : CP_STEP_NEXT;
}

CpStep py_thread_op(Py *p)
{
    switch ((CpSyncOp)p->insn->op) {
    case CP_OP_UNLOCK:
        return unlock(p);
    case CP_OP_COND_SIGNAL:
        if (!has_condition(p)) {
            return py_raise(p, p->ps->exc_runtime);
        }
        /* fall through */
    case CP_OP_RWUNLOCK:
    case CP_OP_SEM_POST:
    case CP_OP_EVENT_SET:
    case CP_OP_EVENT_CLEAR:
    case CP_OP_PROBE:
    case CP_OP_TASK_DONE:
        py_charge(p, op_cost(p));
        return sync_step(p, CP_WHY_BEGIN);
    case CP_OP_WAKE:
        return sync_step(p, CP_WHY_BEGIN);
    case CP_OP_COND_WAIT:
        if (p->flow->rt_state == PY_OP_BEGIN && !has_condition(p)) {
            return py_raise(p, p->ps->exc_runtime);
        }
        /* fall through */
    case CP_OP_LOCK:
    case CP_OP_RLOCK:
    case CP_OP_WLOCK:
    case CP_OP_SEM_WAIT:
    case CP_OP_EVENT_WAIT:
    case CP_OP_BARRIER:
    case CP_OP_SEND:
    case CP_OP_RECV:
    case CP_OP_QUEUE_JOIN:
    case CP_OP_WAIT_WAKE:
        return wait_op(p);
    }
    return CP_STEP_EXIT; /* no such operation */
}

/* --- shared variables --- */

/* Up to 3.9, or with a call on the right side, another thread may come between the load and
 * the store; it then loses everything the others stored meanwhile.  In memory that
 * processes share no lock of an interpreter keeps the others out. */
static bool may_be_torn(const Py *p)
{
    return g_array_index(p->sim->w->vars, CpVarDecl, p->insn->c).shared ||
           p->insn->a != 0 || !cp_python_has(&p->proc->version, CP_PY_RARE_CHECKS) ||
           p->proc->kind == PY_GIL_NONE;
}

void py_var_store(Py *p, int64_t *var, int64_t loaded, int64_t amount)
{
    if (__builtin_add_overflow(loaded, amount, var)) {
        cp_diagnose(p->sim, "arithmetic", &p->tid, 1, "overflow");
        *var = 0;
    }
}

static void store(Py *p, int64_t *var, int64_t amount)
{
    if (*var != p->t->copy && p->ps->lost++ == 0) {
        const CpVarDecl *d = &g_array_index(p->sim->w->vars, CpVarDecl, p->insn->c);
        cp_diagnose(p->sim, "lost update", &p->tid, 1,
                    "%s was loaded before and is stored after others changed it: their "
                    "%" G_GINT64_FORMAT " is lost",
                    cp_workload_text(p->sim->w, d->name),
                    (int64_t)((uint64_t)*var - (uint64_t)p->t->copy));
    }
    py_var_store(p, var, p->t->copy, amount);
}

enum { ADD_LOADS = 1, ADD_STORES, ADD_OVER };

CpStep py_op_var_add(Py *p)
{
    CpFlow *flow = p->flow;
    int64_t *var = cp_var(p->sim, cp_thread(p->sim, p->tid)->proc, p->insn->c);
    int64_t amount = cp_regs(p->sim, flow)[p->insn->b];
    bool value = g_array_index(p->sim->w->vars, CpVarDecl, p->insn->c).shared;
    CpTime cost = value ? p->proc->value : p->proc->add;
    bool torn = may_be_torn(p);
    switch (flow->rt_state) {
    case PY_OP_BEGIN:
        flow->rt_state = ADD_LOADS;
        PY_DO(py_check(p));
        /* fall through */
    case ADD_LOADS:
        flow->rt_state = ADD_STORES;
        p->t->copy = *var;
        p->t->flags |= torn ? 0 : PY_NOCHECK;
        PY_DO(py_burst(p, cost * 3 / 5));
        /* fall through */
    case ADD_STORES:
        flow->rt_state = ADD_OVER;
        cp_assert(p->t->flags & PY_HAS);
        store(p, var, amount);
        cp_record_var(p->sim, p->tid, p->insn->c, *var);
        PY_DO(py_burst(p, cost - cost * 3 / 5));
        /* fall through */
    default:
        p->t->flags &= (uint16_t)~PY_NOCHECK;
        return CP_STEP_NEXT;
    }
}

/* --- shared objects --- */

enum { TOUCH_RAN = 1 };

/* With a GIL an operation is just work.  Without, each locks the object and counts its
 * references atomically, which costs more the more threads do it. */
CpStep py_op_touch(Py *p)
{
    CpFlow *flow = p->flow;
    CpObj *o = &p->sim->objs[p->insn->c];
    int64_t n = g_array_index(p->sim->w->consts, int64_t, p->insn->b);
    if (flow->rt_state == TOUCH_RAN) {
        cp_assert(o->depth > 0);
        o->depth--;
        return CP_STEP_NEXT;
    }
    flow->rt_state = TOUCH_RAN;
    o->depth++;
    o->acquired += (uint64_t)n;
    o->contended += o->depth > 1;
    CpTime each = p->proc->cost->touch;
    if (p->proc->kind == PY_GIL_NONE && !p->proc->ideal) {
        each += p->proc->v[PYP_ATOMIC] + p->proc->v[PYP_LINE] * (o->depth - 1);
    }
    PY_DO(py_burst(p, each * n));
    o->depth--;
    return CP_STEP_NEXT;
}

/* --- the collector --- */

static bool collects(const PyProc *proc)
{
    uint64_t young = cp_python_has(&proc->version, CP_PY_LARGE_YOUNG) ? 2000 : 700;
    return proc->young > young &&
           (proc->kind != PY_GIL_NONE || proc->young > proc->live / 4);
}

/* Under a GIL each tenth collection looks at the middle generation, each hundredth at
 * everything; without one every collection does. */
static CpTime pause_of(PyProc *proc)
{
    cp_assert(proc->young > 0);
    proc->collections++;
    uint64_t looked = proc->young;
    if (proc->kind == PY_GIL_NONE || proc->collections % 100 == 0) {
        looked += proc->live;
    } else if (proc->collections % 10 == 0) {
        looked *= 10;
    }
    proc->young = 0;
    return proc->ideal ? 0
                       : proc->v[PYP_GC_BASE] +
                             proc->v[PYP_GC_PER_OBJECT] * (CpTime)MIN(looked, 1u << 30);
}

enum { COLLECT_PAUSED = 1, COLLECT_STOPS, COLLECT_STOPPED };

static CpStep collect_free(Py *p)
{
    CpFlow *flow = p->flow;
    for (;;) {
        switch (flow->rt_state) {
        case COLLECT_STOPS:
            PY_DO(py_check(p));
            PY_DO(py_world_stop(p));
            if (p->g->stopper == p->tid) {
                flow->rt_state = COLLECT_STOPPED;
                p->t->flags |= PY_NOCHECK;
                PY_DO(py_burst(p, pause_of(p->proc)));
            }
            break;
        default:
            p->t->flags &= (uint16_t)~PY_NOCHECK;
            py_world_start(p);
            return CP_STEP_NEXT;
        }
    }
}

CpStep py_op_alloc(Py *p)
{
    CpFlow *flow = p->flow;
    PyProc *proc = p->proc;
    switch (flow->rt_state) {
    case PY_OP_BEGIN:
        proc->young += (uint64_t)g_array_index(p->sim->w->consts, int64_t, p->insn->c);
        if (!collects(proc)) {
            return CP_STEP_NEXT;
        }
        flow->rt_state = proc->kind == PY_GIL_NONE ? COLLECT_STOPS : COLLECT_PAUSED;
        if (flow->rt_state == COLLECT_STOPS) {
            return collect_free(p);
        }
        p->t->flags |= PY_NOCHECK;
        PY_DO(py_burst(p, pause_of(proc)));
        /* fall through */
    case COLLECT_PAUSED:
        p->t->flags &= (uint16_t)~PY_NOCHECK;
        return CP_STEP_NEXT;
    default:
        return collect_free(p);
    }
}
