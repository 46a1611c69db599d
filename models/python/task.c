#include "models/python/event-loop.h"

/* Tasks: how a coroutine begins, waits, goes on, is cancelled and ends. */

/* --- the way back to the loop --- */

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
    cp_assert(l->tid == p->tid && l->current == fut);
    if (l->current == fut && f->kind == PY_FUT_TASK && f->begun == 0) {
        uint32_t creator = f->creator; /* its first step ran inside create_task */
        f->group = f->sibling = CP_NONE;
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
    cp_assert(state >= PY_DONE && state <= PY_FAILED);
    uint32_t how = state == PY_DONE ? 0 : state == PY_CANCELLED ? 1 : 2;
    cp_record_wide(p->sim, CP_REC_TASK_END, fut, cp_thread(p->sim, p->tid)->cpu, how,
                   p->tid, 0);
}

CpStep py_task_ended(Py *p, uint32_t fut)
{
    PyFut *f = py_fut(p->ps, fut);
    if (f->home == CP_NONE) { /* a signal handler of a thread without loop */
        CpFlowId to = f->back_to;
        py_flow_done(p, fut);
        py_fut_free(p->ps, fut);
        return py_switch_to(p, to);
    }
    bool awaited = f->cb != CP_NONE;
    uint32_t state = p->end_state;
    if (f->kind == PY_FUT_TASK) { /* a callback is no future */
        record_ended(p, fut, (PyFutState)state);
    }
    if (f->kind == PY_FUT_TASK && f->is_left) {
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
CpStep py_suspend(Py *p, uint16_t rt_state)
{
    cp_assert(rt_state != PY_AWAIT_BEGIN); /* it would wait again for ever */
    p->flow->rt_state = rt_state;
    return back(p, py_current(p));
}

bool py_take_raised(Py *p, uint32_t *exc)
{
    PyFlow *pf = py_flow(p->sim, cp_thread(p->sim, p->tid)->flow);
    *exc = pf->raised;
    pf->raised = 0;
    return *exc != 0;
}

/* --- waits --- */

/* After a wait: its limit ran out, or an exception was thrown in. */
bool py_ran_out(Py *p)
{
    PyFut *f = py_fut(p->ps, py_current(p));
    bool out = f->flags & PY_F_EXPIRED;
    f->flags &= (uint8_t)~PY_F_EXPIRED;
    f->waits = CP_NONE;
    p->flow->timed_out = out;
    return out;
}

CpStep py_wait_future(Py *p, uint32_t fut)
{
    PyFut *me = py_begin_wait(p);
    me->waits = fut;
    py_add_cb(p->ps, fut, PY_CB_STEP, py_current(p));
    if (p->insn->b != CP_REG_NONE) {
        CpTime limit = cp_regs(p->sim, p->flow)[p->insn->b];
        py_charge(p, p->proc->cost->timer);
        py_loop_arm(p, me->home, p->sim->now + limit, PY_R_WAIT, py_current(p));
    }
    return py_suspend(p, PY_AWAIT_OVER);
}

/* --- cancellation --- */

/* Throws `cancelled` into a task that waits for nothing but its loop. */
static void throw_into(Py *p, uint32_t fut)
{
    PyFut *f = py_fut(p->ps, fut);
    cp_assert(f->kind == PY_FUT_TASK && !py_is_done(f));
    f->n_waits++;
    f->waits = CP_NONE;
    f->flags &= (uint8_t) ~(PY_F_SLEEPS | PY_F_QUEUED);
    py_flow(p->sim, f->flow)->raised = p->ps->exc_cancelled;
    py_loop_ready(p->sim, f->home, PY_CB_STEP, fut);
}

/* asyncio.wait does not pass a cancellation on to what it waits for. */
static bool waits_only(const PyFut *f)
{
    return f->kind == PY_FUT_GROUP && f->group_kind != CP_GROUP_GATHER &&
           f->group_kind != CP_GROUP_TASKS;
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
        return py_cancel_children(p, f);
    case PY_FUT_PLAIN:
        if (f->call != CP_NONE && !py_call_cancel(p, f->call)) {
            py_drop_cb(p->ps, f->call, PY_CB_SET, fut);
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
        py_leave_queue(p->ps, fut);
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

/* --- tasks --- */

CpStep py_op_create(Py *p)
{
    const CpCallDecl *call = cp_call_decl(p->sim->w, p->insn->c);
    if (p->flow->rt_state == PY_AWAIT_OVER) {
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
    py_record_created(p, fut, py_current(p));
    py_charge(p, py_loop_cost(p, l, p->proc->cost->create));
    if (!l->eager || !cp_python_has(&p->proc->version, CP_PY_EAGER_TASKS)) {
        py_loop_ready(p->sim, loop, PY_CB_STEP, fut);
        return CP_STEP_NEXT;
    }
    p->flow->rt_state = PY_AWAIT_OVER;
    f->creator = py_current(p);
    f->begun = 0;
    l->current = fut;
    py_record_start(p, fut);
    return py_switch_to(p, f->flow);
}

CpStep py_op_await(Py *p)
{
    uint32_t fut = py_of_handle(p->ps, cp_regs(p->sim, p->flow)[p->insn->a]);
    uint32_t exc;
    if (p->flow->rt_state == PY_AWAIT_OVER) {
        bool out = py_ran_out(p);
        if (py_take_raised(p, &exc) && !out) {
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
    return py_wait_future(p, fut);
}

CpStep py_op_await_sleep(Py *p)
{
    uint32_t exc;
    if (p->flow->rt_state == PY_AWAIT_OVER) {
        return py_take_raised(p, &exc) ? py_raise(p, exc) : CP_STEP_NEXT;
    }
    CpTime d = cp_operand(p->sim, p->flow, p->insn->a, p->insn->c);
    PyFut *me = py_begin_wait(p);
    PyLoop *l = py_loop(p->ps, me->home);
    if (d <= 0) {
        py_loop_ready(p->sim, me->home, PY_CB_STEP, py_current(p));
        return py_suspend(p, PY_AWAIT_OVER);
    }
    py_charge(p, py_loop_cost(p, l, p->proc->cost->timer + p->proc->cost->sleep));
    me->flags |= PY_F_SLEEPS;
    py_loop_arm(p, me->home,
                d > CP_NEVER / 2 - p->sim->now ? CP_NEVER / 2 : p->sim->now + d, PY_R_SLEEP,
                py_current(p));
    return py_suspend(p, PY_AWAIT_OVER);
}

/* --- timeout blocks --- */

CpStep py_op_timeout_begin(Py *p)
{
    CpTime d = cp_operand(p->sim, p->flow, p->insn->a, p->insn->c);
    PyFlow *pf = py_flow(p->sim, cp_thread(p->sim, p->tid)->flow);
    uint32_t fut = py_fut_new(p->ps, PY_FUT_TIMEOUT);
    PyFut *f = py_fut(p->ps, fut);
    f->home = p->t->loop;
    f->task = py_current(p);
    f->n_waits = f->gen; /* a handle that is late finds another number, or kind */
    f->outer = pf->handler;
    pf->handler = p->flow->pc + 1;
    cp_regs(p->sim, p->flow)[p->insn->b] = py_handle(p->ps, fut);
    py_charge(p, p->proc->cost->timer);
    py_loop_arm(p, f->home, p->sim->now + d, PY_R_TIMEOUT, fut);
    return CP_STEP_NEXT;
}

CpStep py_op_timeout_end(Py *p)
{
    uint32_t fut = py_of_handle(p->ps, cp_regs(p->sim, p->flow)[p->insn->b]);
    p->flow->timed_out = 0;
    if (fut != CP_NONE) {
        py_flow(p->sim, cp_thread(p->sim, p->tid)->flow)->handler =
            py_fut(p->ps, fut)->outer;
        py_fut_free(p->ps, fut);
    }
    return CP_STEP_NEXT;
}
