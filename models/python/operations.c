#include "models/python/future.h"

#include "models/native/sync.h"

/* Decides which function executes an operation of a Python thread. */

static CpStep (*const steps[])(Py *p) = {
#define CP_OP(NAME, name, ...) py_op_##name,
#include "models/python/python-ops.def"
#undef CP_OP
};

static CpStep op_step(Py *p)
{
    if (p->t->flags & PY_DIES) {
        return py_end_thread(p);
    }
    cp_assert(p->insn->op >= CP_OP_PYTHON);
    return steps[p->insn->op - CP_OP_PYTHON](p);
}

/* A process whose threads only begin and end stands for a variant that is not taken; it is
 * not counted. */
static bool does_something(CpOp op)
{
    return op != CP_OP_PY_BEGIN && op != CP_OP_EXIT && op != CP_OP_LOOP_RUN &&
           op != CP_OP_PY_RETURN;
}

CpStep py_outside(Py *p)
{
    switch (p->insn->op) {
    case CP_OP_SPAWN:
        return py_spawn_outside(p);
    case CP_OP_VAR_ADD: {
        int64_t *var = cp_var(p->sim, cp_thread(p->sim, p->tid)->proc, p->insn->c);
        py_var_store(p, var, *var, cp_regs(p->sim, p->flow)[p->insn->b]);
        return CP_STEP_NEXT;
    }
    default:
        return cp_sync_step(p->sim, p->tid, p->insn, p->why);
    }
}

CpStep py_dispatch(Py *p)
{
    cp_assert(p->t->todo == 0 && p->t->stage == 0);
    cp_assert(p->t->flags & PY_BOOTED);
    CpOp op = p->insn->op;
    if (G_UNLIKELY(!p->proc->counted) && does_something(op)) {
        py_memory_process(p->ps, p->proc);
    }
    if (op < CP_OP_RUNTIME) {
        return py_kernel(p);
    }
    if (cp_op_is_sync(op)) {
        return py_lock_step(p);
    }
    return op_step(p);
}
