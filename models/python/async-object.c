#include "models/python/event-loop.h"
#include "models/native/sync.h"

/* Objects that coroutines wait for: asyncio's locks, semaphores, events, conditions,
 * barriers and queues, and sockets and pipes seen by the loop's select. */

static PyQueue *queue_of(const PySim *ps, CpObjId obj, int side)
{
    cp_assert(side == 0 || side == 1);
    return &ps->queues[2 * obj + (uint32_t)side];
}

static void enqueue(PySim *ps, PyQueue *q, uint32_t fut)
{
    cp_assert((q->first_plus1 == 0) == (q->last_plus1 == 0));
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
    cp_assert((q->first_plus1 == 0) == (q->last_plus1 == 0));
}

void py_leave_queue(PySim *ps, uint32_t fut)
{
    PyFut *f = py_fut(ps, fut);
    cp_assert(f->kind == PY_FUT_TASK && f->flags & PY_F_QUEUED);
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
    PyFut *me = py_begin_wait(p);
    cp_assert(me->kind == PY_FUT_TASK && !(me->flags & PY_F_QUEUED));
    me->flags |= PY_F_QUEUED;
    me->place = 2 * p->insn->c + (uint32_t)side;
    enqueue(p->ps, queue_of(p->ps, p->insn->c, side), py_current(p));
    return py_suspend(p, rt_state);
}

static CpStep aio_acquire(Py *p, CpObj *o)
{
    PyQueue *q = queue_of(p->ps, p->insn->c, 0);
    bool sem = o->kind == CP_OBJ_SEMAPHORE;
    bool free = sem ? o->value > 0 : o->owner == CP_NONE;
    if (p->flow->rt_state == PY_AWAIT_BEGIN) {
        if (!free || q->first_plus1 != 0) {
            return queue_up(p, 0, PY_AWAIT_OVER);
        }
        o->value -= sem;
    }
    cp_assert(!sem || o->value >= 0);
    if (!sem) {
        o->owner = p->tid;
    }
    o->acquired++;
    return CP_STEP_NEXT;
}

static CpStep aio_release(Py *p, CpObj *o)
{
    PyQueue *q = queue_of(p->ps, p->insn->c, 0);
    if (o->kind == CP_OBJ_LOCK && o->owner == CP_NONE) {
        return py_raise(p, p->ps->exc_runtime);
    }
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
        return queue_up(p, 1, PY_AWAIT_OVER);
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
        return queue_up(p, 0, PY_AWAIT_OVER);
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

/* After what waits in the order of the select; from IO_CALL on the system call is under
 * way. */
enum { IO_CALL = PY_AWAIT_STATES, IO_SENT, IO_DONE, IO_AGAIN };

static bool stream_waits(const Py *p, const CpObj *o)
{
    return p->insn->op == CP_OP_RECV ? o->n == 0 : py_is_full(p);
}

static CpStep stream_wait(Py *p, CpObj *o)
{
    o->pollers++;
    return queue_up(p, p->insn->op == CP_OP_SEND, PY_AWAIT_OVER);
}

/* The system call without the GIL: meanwhile others may take it, or what was to be had. */
static CpStep stream_call(Py *p, CpObj *o)
{
    CpFlow *flow = p->flow;
    switch (flow->rt_state) {
    case IO_CALL:
        flow->rt_state = IO_SENT;
        if (p->insn->op == CP_OP_SEND) {
            cp_charge(p->sim, p->tid, cp_sync_io_cost(p->sim, p->insn->c));
            PY_DO(py_pay(p));
        }
        /* fall through */
    case IO_SENT:
        if (stream_waits(p, o)) {
            flow->rt_state = IO_AGAIN;
            PY_DO(py_take(p));
            return stream_wait(p, o);
        }
        flow->rt_state = IO_DONE;
        cp_require(py_sync_now(p) == CP_STEP_NEXT);
        PY_DO(py_pay(p));
        /* fall through */
    case IO_DONE:
        PY_DO(py_take(p));
        return CP_STEP_NEXT;
    default:
        return stream_wait(p, o);
    }
}

/* Sockets and pipes cross processes: what waits there is seen by the loop's select. */
static CpStep stream(Py *p, CpObj *o)
{
    bool recv = p->insn->op == CP_OP_RECV, waits = stream_waits(p, o);
    const PyLoop *l = py_loop(p->ps, p->t->loop);
    py_charge(p, py_loop_cost(p, l, stream_cost(p, recv, waits)));
    if (waits) {
        return stream_wait(p, o);
    }
    if (py_gil_waiters(p) == 0 && !py_wants_switch(p)) {
        cp_charge(p->sim, p->tid, recv ? 0 : cp_sync_io_cost(p->sim, p->insn->c));
        return py_sync_now(p); /* nobody would notice that the lock is given up */
    }
    p->flow->rt_state = IO_CALL;
    PY_DO(py_drop(p));
    return stream_call(p, o);
}

static CpStep aio_event(Py *p, CpObj *o)
{
    if (p->insn->op == CP_OP_EVENT_WAIT) {
        return p->flow->rt_state == PY_AWAIT_BEGIN && o->value == 0
                   ? queue_up(p, 0, PY_AWAIT_OVER)
                   : CP_STEP_NEXT;
    }
    o->value = p->insn->op == CP_OP_EVENT_SET;
    if (o->value != 0) {
        tell(p->sim, queue_of(p->ps, p->insn->c, 0), UINT32_MAX);
    }
    return CP_STEP_NEXT;
}

static CpStep aio_barrier(Py *p, CpObj *o)
{
    if (p->flow->rt_state == PY_AWAIT_BEGIN &&
        ++o->value < cp_obj_decl(p->sim->w, p->insn->c)->n) {
        return queue_up(p, 0, PY_AWAIT_OVER);
    }
    if (p->flow->rt_state == PY_AWAIT_BEGIN) {
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
    if (p->flow->rt_state == PY_AWAIT_BEGIN) {
        l->owner = CP_NONE;
        tell(p->sim, lq, 1);
        return queue_up(p, 1, PY_AWAIT_OVER);
    }
    if (p->flow->rt_state == PY_AWAIT_OVER &&
        (l->owner != CP_NONE || lq->first_plus1 != 0)) {
        PyFut *me = py_begin_wait(p);
        me->flags |= PY_F_QUEUED;
        me->place = 2 * lock;
        enqueue(p->ps, lq, py_current(p));
        return py_suspend(p, PY_AWAIT_RELOCK);
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
    case CP_OP_PROBE:
    case CP_OP_QUEUE_JOIN:
    case CP_OP_TASK_DONE:
        break;
    }
    cp_require(false); /* a replay has no objects, the others come here no way */
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
    if (p->flow->rt_state >= IO_CALL) {
        return stream_call(p, o);
    }
    if (p->flow->rt_state != PY_AWAIT_BEGIN) { /* its turn has come, or it was cancelled */
        PyFut *me = py_fut(p->ps, py_current(p));
        if (me->flags & PY_F_QUEUED) {
            py_leave_queue(p->ps, py_current(p));
        }
        cp_assert(!streams || o->pollers > 0);
        o->pollers -= streams;
        if (py_take_raised(p, &exc)) {
            tell(p->sim, queue_of(p->ps, p->insn->c, 0),
                 o->kind == CP_OBJ_LOCK && o->owner == CP_NONE);
            return py_raise(p, exc);
        }
    } else if (!streams) {
        py_charge(p, p->proc->cost->lock * 2);
    }
    return streams ? stream(p, o) : object_op(p, o);
}
