#include "models/python/future.h"

#include "sim/service.h"

#include <string.h>

/* Futures and the flows behind them, exceptions, and the small operations. */

/* --- futures --- */

uint32_t py_fut_new(PySim *ps, PyFutKind kind)
{
    uint32_t id = ps->free_fut;
    uint32_t gen = 0;
    py_memory(ps, kind == PY_FUT_TASK ? ps->task_bytes : 0);
    if (id != CP_NONE) {
        ps->free_fut = py_fut(ps, id)->next;
        gen = py_fut(ps, id)->gen;
    } else {
        id = cp_row_new(ps->sim, &ps->futs, "futures");
    }
    *py_fut(ps, id) = (PyFut){.kind = (uint8_t)kind,
                              .gen = gen,
                              .flow = CP_NONE,
                              .home = CP_NONE,
                              .waits = CP_NONE,
                              .cb = CP_NONE,
                              .next = CP_NONE,
                              .group = CP_NONE,
                              .sibling = CP_NONE,
                              .list = 0};
    return id;
}

void py_fut_free(PySim *ps, uint32_t fut)
{
    PyFut *f = py_fut(ps, fut);
    cp_require(fut != 0 && fut != ps->free_fut); /* nobody frees it twice */
    cp_assert(f->flow == CP_NONE);
    py_memory(ps, f->kind == PY_FUT_TASK ? -ps->task_bytes : 0);
    f->gen++;
    f->next = ps->free_fut;
    ps->free_fut = fut;
}

int64_t py_handle(const PySim *ps, uint32_t fut)
{
    cp_assert(fut != 0); /* it names nothing */
    return (int64_t)(((uint64_t)(py_fut(ps, fut)->gen & 0x7fffffff) << 32) | fut);
}

uint32_t py_of_handle(const PySim *ps, int64_t handle)
{
    uint32_t fut = (uint32_t)handle;
    if (fut == 0 || fut >= ps->futs.n) {
        return CP_NONE;
    }
    return (py_fut(ps, fut)->gen & 0x7fffffff) == (uint64_t)handle >> 32 ? fut : CP_NONE;
}

static PyCb *cb_at(const PySim *ps, uint32_t cb)
{
    cp_assert(cb < ps->cbs.n);
    return (PyCb *)ps->cbs.rows + cb;
}

void py_add_cb(PySim *ps, uint32_t fut, PyCbKind kind, uint32_t target)
{
    cp_assert(!py_is_done(py_fut(ps, fut)));
    uint32_t id = ps->free_cb;
    if (id != CP_NONE) {
        ps->free_cb = cb_at(ps, id)->next;
    } else {
        id = cp_row_new(ps->sim, &ps->cbs, "callbacks");
    }
    *cb_at(ps, id) = (PyCb){kind, target, CP_NONE};
    uint32_t *link = &py_fut(ps, fut)->cb;
    while (*link != CP_NONE) {
        link = &cb_at(ps, *link)->next;
    }
    *link = id;
}

static void free_cb(PySim *ps, uint32_t cb)
{
    cp_assert(cb != ps->free_cb);
    cb_at(ps, cb)->next = ps->free_cb;
    ps->free_cb = cb;
}

void py_drop_cb(PySim *ps, uint32_t fut, PyCbKind kind, uint32_t target)
{
    uint32_t *link = &py_fut(ps, fut)->cb;
    while (*link != CP_NONE) {
        PyCb *cb = cb_at(ps, *link);
        if (cb->kind == kind && cb->target == target) {
            uint32_t gone = *link;
            *link = cb->next;
            free_cb(ps, gone);
            return;
        }
        link = &cb->next;
    }
}

/* Loops get a handle each; threads, groups of threads and iterators are told at once. */
static void run_cb(Py *p, const PyCb *cb, uint32_t fut)
{
    cp_assert(py_is_done(py_fut(p->ps, fut)));
    PySim *ps = p->ps;
    switch ((PyCbKind)cb->kind) {
    case PY_CB_STEP:
    case PY_CB_STOP:
        py_loop_ready(p->sim, py_fut(ps, cb->target)->home, cb->kind, cb->target);
        break;
    case PY_CB_CHILD:
        if (py_fut(ps, cb->target)->home == CP_NONE) {
            py_group_child(p, cb->target, fut);
        } else {
            py_loop_ready(p->sim, py_fut(ps, cb->target)->home, cb->kind, fut);
        }
        break;
    case PY_CB_THREAD:
        cp_wake_thread(p->sim, cb->target, p->tid, CP_WAKE_THREAD, 0);
        break;
    case PY_CB_SET: {
        PyFut *f = py_fut(ps, cb->target);
        f->value = py_fut(ps, fut)->value;
        f->exc = py_fut(ps, fut)->exc;
        f->result = py_fut(ps, fut)->state;
        f->call = CP_NONE;
        py_loop_ready(p->sim, f->home, cb->kind, cb->target);
        py_loop_wake(p->sim, f->home, p->tid, true);
        break;
    }
    case PY_CB_ITER:
        py_iter_child(p, cb->target, fut);
        break;
    default:
        cp_require(false);
    }
}

void py_finish(Py *p, uint32_t fut, PyFutState state, int64_t value, uint32_t exc)
{
    PyFut *f = py_fut(p->ps, fut);
    cp_require(!py_is_done(f)); /* a future ends once */
    cp_assert(state >= PY_DONE);
    f->state = (uint8_t)state;
    f->value = value;
    f->exc = exc;
    uint32_t cb = f->cb;
    f->cb = CP_NONE;
    while (cb != CP_NONE) {
        PyCb copy = *cb_at(p->ps, cb);
        free_cb(p->ps, cb);
        run_cb(p, &copy, fut);
        cb = copy.next;
    }
}

/* --- flows --- */

uint32_t py_call_new(Py *p, const CpCallDecl *call, PyFutKind kind)
{
    const CpTaskDecl *d = cp_task_decl(p->sim->w, call->task);
    uint32_t fut = py_fut_new(p->ps, kind);
    cp_assert(CP_REG_FREE + (uint32_t)call->n_args <= d->n_regs);
    PyFut *f = py_fut(p->ps, fut);
    uint64_t rng = cp_rng_key(p->flow->rng_id, call->task, ++p->ps->calls);
    f->flow = cp_flow_new(p->sim, d->entry, d->n_regs, rng);
    f->decl = call->task;
    f->flags = call->flags & CP_CALL_KEEP ? PY_F_KEEP : 0;
    CpFlow *flow = &p->sim->flows[f->flow];
    int64_t *to = cp_regs(p->sim, flow);
    const int64_t *from = cp_regs(p->sim, p->flow);
    to[CP_REG_RELEASE] = from[CP_REG_RELEASE];
    for (uint32_t i = 0; i < call->n_args; i++) {
        to[CP_REG_FREE + i] = from[call->first_arg + i];
    }
    flow->owner = fut;
    *py_flow(p->sim, f->flow) =
        (PyFlow){.number = kind == PY_FUT_TASK ? ++p->proc->n_tasks : 0};
    return fut;
}

int64_t py_label(const Py *p, uint32_t fut)
{
    const PyFut *f = py_fut(p->ps, fut);
    int64_t number = f->flow != CP_NONE ? py_flow(p->sim, f->flow)->number : 0;
    return number << CP_RECORD_FUNCTION_BITS | (f->decl + 1);
}

void py_record_start(Py *p, uint32_t fut)
{
    PyFut *f = py_fut(p->ps, fut);
    PyFlow *pf = py_flow(p->sim, f->flow);
    if (pf->begun || f->kind == PY_FUT_CALLBACK) {
        return;
    }
    pf->begun = true;
    cp_record_wide(p->sim, CP_REC_TASK_START, fut, cp_thread(p->sim, p->tid)->cpu, 0,
                   p->tid, 0);
}

void py_flow_done(Py *p, uint32_t fut)
{
    PyFut *f = py_fut(p->ps, fut);
    if (f->flow == CP_NONE) {
        return;
    }
    const CpTaskDecl *d = cp_task_decl(p->sim->w, f->decl);
    py_lists_end(p->ps, py_flow(p->sim, f->flow));
    f->decl = f->flags & PY_F_GROUPED ? py_flow(p->sim, f->flow)->index : f->decl;
    cp_flow_free(p->sim, f->flow, d->n_regs);
    f->flow = CP_NONE;
    if (d->run_var != CP_NONE) {
        *cp_var(p->sim, d->proc, d->run_var) = 0;
    }
}

CpStep py_switch_to(Py *p, CpFlowId flow)
{
    cp_assert(flow < p->sim->tables.flow.n);
    cp_assert(p->t->todo == 0);
    cp_thread(p->sim, p->tid)->flow = flow;
    p->sim->flows[flow].thread = p->tid;
    return CP_STEP_SWITCH;
}

CpStep py_read(Py *p, uint32_t fut)
{
    PyFut *f = py_fut(p->ps, fut);
    cp_assert(py_is_done(f));
    uint32_t exc = f->state == PY_DONE ? 0 : f->exc;
    cp_regs(p->sim, p->flow)[CP_REG_VALUE] = f->value;
    f->flags &= (uint8_t)~PY_F_KEEP;
    bool free = f->cb == CP_NONE && f->flow == CP_NONE && !(f->flags & PY_F_SCHEDULED);
    if (free && (f->kind != PY_FUT_CALL || f->holds == 0)) {
        py_fut_free(p->ps, fut);
    }
    if (exc != 0) {
        return py_raise(p, exc);
    }
    return CP_STEP_NEXT;
}

/* --- exceptions --- */

static const char *exception_name(const Py *p, uint32_t exc)
{
    return exc == p->ps->exc_cancelled ? "cancelled"
           : exc == p->ps->exc_timeout ? "timeout"
           : exc == p->ps->exc_broken  ? "broken"
           : exc == p->ps->exc_runtime ? "RuntimeError"
           : exc == p->ps->exc_value   ? "ValueError"
                                       : cp_workload_text(p->sim->w, exc);
}

/* The instruction after the TIMEOUT_END of this block. */
static uint32_t end_of_block(const Py *p, uint32_t pc)
{
    uint16_t reg = p->sim->code[pc].b;
    do {
        pc++;
        cp_assert(pc < p->sim->w->code->len);
    } while (p->sim->code[pc].op != CP_OP_TIMEOUT_END || p->sim->code[pc].a != 0 ||
             p->sim->code[pc].b != reg);
    return pc + 1;
}

/* A timeout block is left by an exception: its own becomes a time-out. */
static bool left_block(Py *p, uint32_t pc, uint32_t exc)
{
    int64_t handle = cp_regs(p->sim, p->flow)[p->sim->code[pc].b];
    uint32_t fut = py_of_handle(p->ps, handle);
    if (fut == CP_NONE) {
        return false;
    }
    PyFut *f = py_fut(p->ps, fut);
    bool own = f->flags & PY_F_EXPIRED && exc == p->ps->exc_cancelled;
    py_flow(p->sim, cp_thread(p->sim, p->tid)->flow)->handler = f->outer;
    py_fut_free(p->ps, fut);
    return own;
}

/* Nobody handles it: the thread or task ends. */
static CpStep unhandled(Py *p, uint32_t exc)
{
    bool cancelled = exc == p->ps->exc_cancelled;
    if (p->flow->owner != CP_NONE) {
        return py_return(p, cancelled ? PY_CANCELLED : PY_FAILED, 0, exc);
    }
    cp_diagnose(p->sim, "unhandled exception", &p->tid, 1, "%s ends the thread",
                exception_name(p, exc));
    p->t->flags |= PY_DIES;
    p->flow->rt_state = PY_OP_BEGIN;
    return py_end_thread(p);
}

CpStep py_raise(Py *p, uint32_t exc)
{
    cp_assert(exc != 0);
    PyFlow *pf = py_flow(p->sim, cp_thread(p->sim, p->tid)->flow);
    while (pf->handler != 0) {
        uint32_t pc = pf->handler - 1;
        const CpInsn *i = &p->sim->code[pc];
        if (i->op == CP_OP_TIMEOUT_BEGIN) {
            uint32_t end = end_of_block(p, pc);
            if (left_block(p, pc, exc)) {
                p->flow->pc = end;
                p->flow->timed_out = 1;
                return CP_STEP_AGAIN;
            }
            continue;
        }
        int64_t *reg = &cp_regs(p->sim, p->flow)[i->b];
        pf->handler = (uint32_t)*reg;
        *reg = exc;
        p->flow->pc = i->c;
        return CP_STEP_AGAIN;
    }
    return unhandled(p, exc);
}

/* --- small operations --- */

enum { PRINT_WRITES = 1, PRINT_WRITTEN, PRINT_BACK };

/* The line is there when it is written. */
static void print_line(const Py *p)
{
    uint32_t fut = p->flow->owner;
    cp_print(p->sim, p->tid, p->flow, p->insn, fut != CP_NONE ? py_label(p, fut) : 0);
}

CpStep py_print(Py *p)
{
    CpFlow *flow = p->flow;
    switch (flow->rt_state) {
    case PY_OP_BEGIN:
        py_charge(p, p->proc->cost->print);
        flow->rt_state = PRINT_WRITES;
        if (py_gil_waiters(p) == 0 && !py_wants_switch(p)) {
            print_line(p);
            return CP_STEP_NEXT; /* nobody would notice */
        }
        PY_DO(py_drop(p));
        /* fall through */
    case PRINT_WRITES:
        flow->rt_state = PRINT_WRITTEN;
        print_line(p);
        cp_charge(p->sim, p->tid, p->sim->cost[CP_COST_SYSCALL]);
        PY_DO(py_pay(p));
        /* fall through */
    case PRINT_WRITTEN:
        flow->rt_state = PRINT_BACK;
        PY_DO(py_take(p));
        /* fall through */
    default:
        return CP_STEP_NEXT;
    }
}

CpStep py_op_try(Py *p)
{
    PyFlow *pf = py_flow(p->sim, cp_thread(p->sim, p->tid)->flow);
    cp_regs(p->sim, p->flow)[p->insn->b] = pf->handler;
    pf->handler = p->flow->pc + 1;
    return CP_STEP_NEXT;
}

CpStep py_op_try_end(Py *p)
{
    PyFlow *pf = py_flow(p->sim, cp_thread(p->sim, p->tid)->flow);
    pf->handler = (uint32_t)cp_regs(p->sim, p->flow)[p->insn->b];
    return CP_STEP_NEXT;
}

/* A signal without a handler ends the process, as the default action does. */
CpStep py_op_kill(Py *p)
{
    CpDeclState *d = &p->sim->decls[p->insn->c];
    if (d->instances == 0 || d->live == 0) {
        return CP_STEP_NEXT;
    }
    CpProcId to = cp_thread(p->sim, d->first)->proc;
    const PyProc *own = p->proc;
    py_charge(p, p->sim->cost[CP_COST_SYSCALL]);
    if (py_is_python(p->sim, to) && py_signal(p, to, p->insn->a)) {
        return CP_STEP_NEXT;
    }
    bool self = py_proc(p->sim, to) == own;
    cp_process_end(p->sim, to, self ? p->tid : CP_NONE);
    return self ? CP_STEP_EXIT : CP_STEP_NEXT;
}

CpStep py_return(Py *p, PyFutState state, int64_t value, uint32_t exc)
{
    cp_assert(p->flow->owner != CP_NONE);
    cp_assert(state >= PY_DONE);
    uint32_t fut = p->flow->owner;
    PyFut *f = py_fut(p->ps, fut);
    f->value = value;
    f->exc = exc;
    p->ps->tasks++;
    p->ps->tasks_failed += state == PY_FAILED;
    p->end_state = state;
    return f->kind == PY_FUT_CALL ? py_call_ended(p, fut) : py_task_ended(p, fut);
}

CpStep py_op_py_begin(Py *p)
{
    (void)p; /* py_boot has done everything */
    return CP_STEP_NEXT;
}

CpStep py_op_py_return(Py *p)
{
    return py_return(p, PY_DONE, cp_regs(p->sim, p->flow)[p->insn->b], 0);
}

CpStep py_op_raise(Py *p)
{
    return py_raise(p, p->insn->c);
}

CpStep py_op_reraise(Py *p)
{
    return py_raise(p, (uint32_t)cp_regs(p->sim, p->flow)[p->insn->b]);
}
