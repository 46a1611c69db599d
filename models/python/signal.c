#include "models/python/future.h"

/* Signals of a process whose main thread runs no event loop.  The C handler only notes the
 * signal; the Python function runs in the main thread, at a check point of a burst or after
 * the system call in hand has come back with EINTR.  Since PEP 475 (3.5) the call is then
 * made again for the time that is left. */

/* Whether the wait of that operation ends with EINTR; all others notice the signal when
 * they are over. */
static bool ends_early(const Py *p, const PyProc *to, CpOp op)
{
    switch (op) {
    case CP_OP_SLEEP:
    case CP_OP_SLEEP_UNTIL:
    case CP_OP_OUTSIDE:
    case CP_OP_RECV:
    case CP_OP_SEND:
        return true;
    case CP_OP_LOCK:
    case CP_OP_RLOCK:
    case CP_OP_WLOCK:
    case CP_OP_SEM_WAIT:
    case CP_OP_EVENT_WAIT:
    case CP_OP_JOIN:
        return cp_python_has(&to->version, CP_PY_SIGNALS_END_LOCKS);
    default:
        (void)p; /* only the operation matters */
        return false;
    }
}

void py_interrupt_main(Py *p, PyProc *to)
{
    cp_assert(to->main != CP_NONE);
    PyThread *t = py_thread(p->sim, to->main);
    const CpThread *th = cp_thread(p->sim, to->main);
    const CpFlow *flow = cp_flow_of(p->sim, to->main);
    if (th->state == CP_THREAD_ENDED || th->flow != t->base || !(t->flags & PY_BOOTED)) {
        return; /* it is in a handler, or has not begun */
    }
    bool waits = th->state == CP_THREAD_BLOCKED && !(th->flags & CP_TF_WAKING);
    if (waits && t->todo == 0 && ends_early(p, to, p->sim->code[flow->pc].op)) {
        t->flags |= PY_EINTR;
        cp_wake_thread(p->sim, to->main, p->tid, CP_WAKE_THREAD, 0);
    } else if (t->todo == PY_DO_BURST && t->stage == 1) {
        py_gil_stop(p, to->main, to->check);
    }
}

/* When the sleep that begins would be over; CP_NEVER: it is none. */
CpTime py_wait_end(Py *p)
{
    CpFlow *flow = p->flow;
    CpOp op = p->insn->op;
    if (op == CP_OP_SLEEP_UNTIL) {
        return cp_regs(p->sim, flow)[p->insn->b];
    }
    if (op != CP_OP_SLEEP && op != CP_OP_OUTSIDE) {
        return CP_NEVER;
    }
    uint32_t draws = flow->draws; /* the operation itself draws the same again */
    CpTime d = cp_operand(p->sim, flow, p->insn->a, p->insn->c);
    flow->draws = draws;
    return d > CP_NEVER / 2 - p->sim->now ? CP_NEVER / 2 : p->sim->now + MAX(d, 0);
}

/* What the handler may use while the operation below it is half done. */
static void save(PyThread *t)
{
    t->saved = (PySaved){.todo = t->todo,
                         .left = t->left,
                         .copy = t->copy,
                         .sync = t->sync,
                         .waited = t->waited};
    t->todo = 0;
}

static void restore(PyThread *t)
{
    cp_assert(t->todo == 0); /* the handler has left nothing to do */
    t->todo = t->saved.todo;
    t->left = t->saved.left;
    t->copy = t->saved.copy;
    t->sync = t->saved.sync;
    t->waited = t->saved.waited;
    t->stage = 0;
}

static CpStep handle(Py *p)
{
    cp_assert(p->proc->main == p->tid && p->t->flags & PY_HAS);
    PyFut *f = py_fut(p->ps, p->proc->signals);
    p->proc->signals = f->next;
    f->back_to = cp_thread(p->sim, p->tid)->flow;
    return py_switch_to(p, f->flow);
}

CpStep py_handle_signal(Py *p)
{
    return p->proc->signals != CP_NONE && p->proc->main == p->tid ? handle(p)
                                                                  : CP_STEP_NEXT;
}

CpStep py_pause_burst(Py *p)
{
    bool here = p->proc->main == p->tid && !(p->t->flags & PY_NOCHECK) &&
                cp_thread(p->sim, p->tid)->flow == p->t->base;
    if (!here) {
        return CP_STEP_NEXT;
    }
    save(p->t);
    p->t->flags |= PY_PAUSED;
    return handle(p);
}

/* The system call is made again. */
static CpStep wait_again(Py *p)
{
    PyThread *t = p->t;
    const CpObj *o = &p->sim->objs[p->insn->c];
    switch (p->insn->op) {
    case CP_OP_SLEEP:
    case CP_OP_SLEEP_UNTIL:
    case CP_OP_OUTSIDE:
        if (cp_python_has(&p->proc->version, CP_PY_WAITS_RESUME) &&
            t->wait_end > p->sim->now) {
            return py_sleep(
                p, t->wait_end,
                p->insn->op == CP_OP_OUTSIDE ? CP_BLOCK_OUTSIDE : CP_BLOCK_SLEEP, CP_NONE);
        }
        p->why = CP_WHY_TIMEOUT;
        return CP_STEP_NEXT;
    case CP_OP_EVENT_WAIT:
        if (o->value == 0) {
            const int64_t *regs = cp_regs(p->sim, p->flow);
            CpTime end = p->insn->b == CP_REG_NONE ? CP_NEVER : regs[p->insn->b];
            cp_wait(p->sim, p->tid, o->chan, end, CP_BLOCK_COND, p->insn->c);
            return CP_STEP_BLOCK;
        }
        /* fall through */
    default: /* it looks again, and waits if there is nothing */
        p->why = CP_WHY_WOKEN;
        return CP_STEP_NEXT;
    }
}

CpStep py_interrupted(Py *p)
{
    PyThread *t = p->t;
    if (t->flags & PY_EINTR) {
        PY_DO(py_take(p));
        t->flags &= (uint16_t)~PY_EINTR;
        t->flags |= PY_RESUMES;
        save(t);
    }
    if (p->proc->signals != CP_NONE) {
        PY_DO(py_take(p));
        return handle(p);
    }
    if (t->flags & PY_PAUSED) {
        t->flags &= (uint16_t)~PY_PAUSED;
        restore(t);
        return CP_STEP_NEXT;
    }
    if (t->flags & PY_HAS || t->todo != 0) { /* a drop that was asked for takes a while */
        PY_DO(py_drop(p));
    }
    t->flags &= (uint16_t)~PY_RESUMES;
    restore(t);
    return wait_again(p);
}
