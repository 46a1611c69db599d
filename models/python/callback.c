#include "models/python/event-loop.h"

#include "models/python/pool.h"

/* What a loop runs that is no task: call_soon and call_later, what an executor sends back,
 * handlers of signals. */

/* The loop that thread runs; CP_NONE: none, or none yet. */
static uint32_t loop_of(const Py *p, CpTid tid)
{
    const PyThread *t = py_thread(p->sim, tid);
    return t->boot > 0 ? t->loop : CP_NONE;
}

CpStep py_op_call_soon(Py *p)
{
    const CpCallDecl *call = cp_call_decl(p->sim->w, p->insn->c);
    uint32_t loop = p->t->loop;
    if (call->thread != CP_NONE) {
        const CpDeclState *d = &p->sim->decls[call->thread];
        loop = d->instances > 0 ? loop_of(p, d->first) : CP_NONE;
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
        py_loop_arm(p, loop, p->sim->now + MAX(d, 0), PY_R_CALL, fut);
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
    f->call = fut;
    f->flags = PY_F_KEEP;
    if (py_is_done(py_fut(p->ps, fut))) { /* it was quick */
        const PyFut *c = py_fut(p->ps, fut);
        f->value = c->value;
        f->exc = c->exc;
        f->result = c->state;
        py_loop_ready(p->sim, f->home, PY_CB_SET, plain);
        py_loop_wake(p->sim, f->home, p->tid, true);
        f->call = CP_NONE;
        py_pool_let_go(p->ps, fut);
    } else {
        py_add_cb(p->ps, fut, PY_CB_SET, plain);
    }
    cp_regs(p->sim, p->flow)[CP_REG_VALUE] = py_handle(p->ps, plain);
    return CP_STEP_NEXT;
}

bool py_signal(Py *p, CpProcId proc, uint32_t number)
{
    cp_assert(proc < p->sim->tables.proc.n);
    const CpWorkload *w = p->sim->w;
    PyProc *to = py_proc(p->sim, proc);
    for (uint32_t i = 0; i < w->handlers->len; i++) {
        const CpHandlerDecl *h = &g_array_index(w->handlers, CpHandlerDecl, i);
        if (h->proc != p->sim->procs[proc].decl || h->number != number ||
            to->main == CP_NONE) {
            continue;
        }
        const CpCallDecl call = {.task = h->task};
        uint32_t loop = loop_of(p, to->main);
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
