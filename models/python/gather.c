#include "models/python/event-loop.h"

/* Groups of awaitables: when a gather, a wait or a TaskGroup is over, and with what. */

bool py_cancel_children(Py *p, const PyFut *group)
{
    cp_assert(group->kind == PY_FUT_GROUP);
    bool any = false;
    for (uint32_t c = group->first_child; c != CP_NONE; c = py_fut(p->ps, c)->sibling) {
        any |= py_task_cancel(p, c);
    }
    return any;
}

static void free_group(PySim *ps, uint32_t group)
{
    const PyFut *g = py_fut(ps, group);
    cp_assert(g->kind == PY_FUT_GROUP);
    if (g->n_left == 0 && g->flags & PY_F_READ) {
        py_fut_free(ps, group);
    }
}

/* Its place among those added; its flow may have ended. */
static uint32_t index_of(const Py *p, const PyFut *c)
{
    return c->flow != CP_NONE ? py_flow(p->sim, c->flow)->index : c->decl;
}

/* A child is no member any more. */
static void leave(PySim *ps, PyFut *g, PyFut *c)
{
    if (c->flags & PY_F_GROUPED) {
        if (c->before == CP_NONE) {
            g->first_child = c->sibling;
        } else {
            py_fut(ps, c->before)->sibling = c->sibling;
        }
        if (c->sibling != CP_NONE) {
            py_fut(ps, c->sibling)->before = c->before;
        }
    }
    c->group = c->sibling = CP_NONE;
    c->flags &= (uint8_t)~PY_F_GROUPED;
}

/* A child has ended, or had when it was added. */
void py_group_child(Py *p, uint32_t group, uint32_t child)
{
    PyFut *g = py_fut(p->ps, group);
    PyFut *c = py_fut(p->ps, child);
    cp_assert(g->kind == PY_FUT_GROUP && g->n_left > 0);
    cp_assert(py_is_done(c));
    bool failed = c->state != PY_DONE;
    uint32_t exc = failed ? c->exc : 0;
    if (g->group_kind == CP_GROUP_GATHER || g->group_kind == CP_GROUP_RETURN) {
        py_list_put(p->ps, &g->list, index_of(p, c), c->value, exc);
    }
    g->n_left--;
    leave(p->ps, g, c);
    bool unread = c->flags & (PY_F_KEEP | PY_F_SCHEDULED) && c->kind != PY_FUT_PLAIN;
    if (!unread && c->kind != PY_FUT_CALL) {
        py_fut_free(p->ps, child);
    }
    bool all = g->n_left == 0 && g->flags & PY_F_SCHEDULED;
    if (py_is_done(g)) {
        free_group(p->ps, group);
        return;
    }
    g->exc = g->exc == 0 ? exc : g->exc;
    switch ((CpGroupKind)g->group_kind) {
    case CP_GROUP_GATHER:
        if (failed || all) {
            py_finish(p, group, g->exc != 0 ? PY_FAILED : PY_DONE, 0, g->exc);
        }
        break;
    case CP_GROUP_RETURN:
        if (all) {
            py_finish(p, group, PY_DONE, 0, 0);
        }
        break;
    case CP_GROUP_TASKS:
        if (failed && exc != p->ps->exc_cancelled) {
            py_cancel_children(p, g);
        }
        if (all) {
            py_finish(p, group, g->exc != 0 ? PY_FAILED : PY_DONE, 0, g->exc);
        }
        break;
    case CP_GROUP_FIRST:
        py_finish(p, group, PY_DONE, 0, 0);
        break;
    case CP_GROUP_EXCEPTION:
    case CP_GROUP_ALL:
        if (all || (failed && g->group_kind == CP_GROUP_EXCEPTION)) {
            py_finish(p, group, PY_DONE, 0, 0);
        }
        break;
    }
}

CpStep py_op_group(Py *p)
{
    uint32_t id = py_fut_new(p->ps, PY_FUT_GROUP);
    PyFut *g = py_fut(p->ps, id);
    g->group_kind = p->insn->a;
    g->home = p->t->loop;
    g->flags = PY_F_KEEP;
    cp_regs(p->sim, p->flow)[p->insn->b] = py_handle(p->ps, id);
    return CP_STEP_NEXT;
}

/* asyncio.wait takes its callbacks back when it is over: who is left may join another. */
static void let_go(Py *p, uint32_t group)
{
    PySim *ps = p->ps;
    PyFut *g = py_fut(ps, group);
    uint32_t child = g->first_child;
    while (child != CP_NONE) {
        PyFut *c = py_fut(ps, child);
        uint32_t next = c->sibling;
        if (c->flags & PY_F_KEEP) {
            py_drop_cb(ps, child, PY_CB_CHILD, group);
            leave(ps, g, c);
            g->n_left--;
        }
        child = next;
    }
}

/* A future that ends as a member of another group does: each is in one list only. */
static uint32_t stand_in(Py *p, uint32_t child)
{
    uint32_t plain = py_fut_new(p->ps, PY_FUT_PLAIN);
    const PyFut *c = py_fut(p->ps, child);
    py_fut(p->ps, plain)->home = p->t->loop;
    if (py_is_done(c)) {
        py_finish(p, plain, (PyFutState)c->state, c->value, c->exc);
    } else {
        py_add_cb(p->ps, child, PY_CB_SET, plain);
    }
    return plain;
}

CpStep py_op_group_add(Py *p)
{
    const int64_t *regs = cp_regs(p->sim, p->flow);
    uint32_t child = py_of_handle(p->ps, regs[p->insn->a]);
    uint32_t group = py_of_handle(p->ps, regs[p->insn->b]);
    if (child == CP_NONE || group == CP_NONE) {
        return CP_STEP_NEXT;
    }
    if (py_fut(p->ps, child)->flags & PY_F_GROUPED) {
        child = stand_in(p, child);
    }
    PyFut *g = py_fut(p->ps, group), *c = py_fut(p->ps, child);
    g->n_left++;
    if (c->flow != CP_NONE) {
        py_flow(p->sim, c->flow)->index = g->taken;
    } else {
        c->decl = g->taken;
    }
    g->taken++;
    c->group = group;
    c->sibling = g->first_child;
    c->before = CP_NONE;
    if (g->first_child != CP_NONE) {
        py_fut(p->ps, g->first_child)->before = child;
    }
    g->first_child = child;
    c->flags |= PY_F_GROUPED;
    if (py_is_done(c)) {
        py_group_child(p, group, child);
    } else {
        py_add_cb(p->ps, child, PY_CB_CHILD, group);
    }
    return CP_STEP_NEXT;
}

CpStep py_op_group_await(Py *p)
{
    uint32_t group = py_of_handle(p->ps, cp_regs(p->sim, p->flow)[p->insn->a]);
    if (group == CP_NONE) {
        return CP_STEP_NEXT;
    }
    PyFut *g = py_fut(p->ps, group);
    if (p->flow->rt_state == PY_AWAIT_BEGIN) {
        g->flags |= PY_F_SCHEDULED; /* complete: no child will be added */
        if (!py_is_done(g) && g->n_left > 0) {
            return py_wait_future(p, group);
        }
        p->flow->timed_out = 0;
    }
    uint32_t exc = 0;
    bool out = p->flow->rt_state == PY_AWAIT_OVER && py_ran_out(p);
    bool thrown = py_take_raised(p, &exc);
    g->flags |= PY_F_READ;
    if (g->group_kind == CP_GROUP_ALL || g->group_kind == CP_GROUP_FIRST ||
        g->group_kind == CP_GROUP_EXCEPTION) {
        let_go(p, group);
    }
    if (!out && !thrown) {
        exc = g->exc != 0 && g->state != PY_DONE ? g->exc : 0;
        if (g->state == PY_PENDING && g->exc != 0 &&
            (g->group_kind == CP_GROUP_GATHER || g->group_kind == CP_GROUP_TASKS)) {
            exc = g->exc;
        }
    }
    cp_regs(p->sim, p->flow)[CP_REG_VALUE] = 0;
    if (g->group_kind == CP_GROUP_GATHER || g->group_kind == CP_GROUP_RETURN) {
        if (exc == 0 && !out && py_is_done(g)) {
            cp_regs(p->sim, p->flow)[CP_REG_VALUE] = g->list;
            py_list_own(p, g->list);
        } else {
            py_list_free(p->ps, g->list);
        }
        g->list = 0;
    }
    free_group(p->ps, group);
    return exc != 0 ? py_raise(p, exc) : CP_STEP_NEXT;
}
