#include "lang/compiler.h"

#include <string.h>

/* Decides what code tasks, threads and flows become, and where a statement may stand. */

/* --- emission --- */

uint32_t cpc_emit(Cpc *c, CpOp op, uint8_t a, uint16_t b, uint32_t arg, const CpNode *at)
{
    return c->measure ? 0 : cp_workload_emit(c->w, op, a, b, arg, at->pos.line);
}

uint32_t cpc_pc(const Cpc *c)
{
    return c->measure ? 0 : cp_workload_pc(c->w);
}

void cpc_land(Cpc *c, uint32_t jump)
{
    if (!c->measure) {
        cp_insn(c->w, jump)->c = cp_workload_pc(c->w);
    }
}

uint32_t cpc_const(Cpc *c, int64_t value)
{
    return c->measure ? 0 : cp_workload_const(c->w, value);
}

uint32_t cpc_dist(Cpc *c, CpDist dist)
{
    return c->measure ? 0 : cp_workload_dist(c->w, dist);
}

uint32_t cpc_list(Cpc *c, const GArray *values)
{
    return c->measure ? 0
                      : cp_workload_list(c->w, (const int64_t *)(const void *)values->data,
                                         values->len);
}

uint16_t cpc_reg(Cpc *c, unsigned n)
{
    uint32_t first = c->base + c->reg;
    c->reg += n;
    c->reg_max = MAX(c->reg_max, c->reg);
    return (uint16_t)MIN(first, UINT16_MAX - 1);
}

/* --- statements --- */

typedef bool (*Compile)(Cpc *c, const CpNode *node);

static const Compile compilers[CP_NODE_KINDS] = {
#define CP_STMT(KIND, word, place, children, read, note, compile, form)                    \
    [CP_NODE_##KIND] = cpc_do_##compile,
#include "lang/tree.def"
#undef CP_STMT
};

/* The parser has looked at this already, the JSON reader has not. */
static bool check_place(Cpc *c, const CpNode *node)
{
    unsigned place = cp_stmt_info((CpNodeKind)node->kind)->place;
    if ((place & CP_STMT_PYTHON) && !c->proc->python) {
        cp_diag_error(c->diag, node->pos, "this statement needs a python runtime");
        cp_diag_help(c->diag, "declare the process with 'runtime python \"3.12\"'");
        return false;
    }
    return !(place & CP_STMT_ASYNC) || c->is_async ||
           cp_diag_error(c->diag, node->pos, "this statement stands in an async task only");
}

/* Registers a statement takes are free again after it. */
bool cpc_body(Cpc *c, const CpNode *body)
{
    bool ok = true;
    for (const CpNode *s = body->child; s != NULL; s = s->next) {
        uint32_t save = c->reg;
        ok = check_place(c, s) && compilers[s->kind](c, s) && ok;
        c->reg = save;
    }
    return ok;
}

/* --- tasks, flows, threads --- */

static bool task_code(Cpc *c, CpcTask *task)
{
    const CpNode *end = task->node;
    c->base = task->base;
    c->reg = 1 + task->n_params; /* return address, arguments */
    c->reg_max = c->reg;
    c->periodic = false;
    task->pc = cpc_pc(c);
    uint16_t reg = (uint16_t)(task->base + 1);
    const CpNode *params = cp_node_child(task->node, CP_CHILD_PARAMS);
    const CpNode *body = cp_node_child(task->node, CP_CHILD_BODY);
    for (const CpNode *p = params->child; p != NULL; p = p->next) {
        cpc_local_push(c, p->text, reg++, CP_DIM_ANY);
    }
    c->is_async = task->node->flags & CP_FLAG_ASYNC;
    cpc_hoist(c, body);
    bool ok = cpc_body(c, body);
    c->is_async = false;
    cpc_emit(c, CP_OP_RETURN, 0, (uint16_t)task->base, 0, end);
    g_array_set_size(c->locals, 0);
    task->frame = c->reg_max;
    task->periodic = task->periodic || c->periodic;
    return ok;
}

/* A spawned thread finds its arguments in the first registers and hands them on. */
static void spawned_code(Cpc *c, CpcThread *thread)
{
    const CpcTask *task = thread->task;
    uint16_t first = cpc_reg(c, task->n_params);
    for (uint16_t i = 0; i < task->n_params; i++) {
        cpc_emit(c, CP_OP_MOVE, 0, (uint16_t)(task->base + 1 + i), first + i, thread->node);
    }
    cpc_emit(c, CP_OP_CALL, 0, (uint16_t)task->base, task->pc, thread->node);
}

static void python_begin(Cpc *c, const CpcThread *thread)
{
    cpc_emit(c, CP_OP_PY_BEGIN, 0, 0, 0, thread->node);
    if (thread->refused && !c->measure) {
        cpc_emit(c, CP_OP_RAISE, 0, 0,
                 cp_workload_string(c->w, "RuntimeError (no main guard)"), thread->node);
    }
    if (thread->after > 0) {
        cpc_emit(c, CP_OP_SLEEP, CP_ARG_CONST, 0, cpc_const(c, thread->after),
                 thread->node);
    }
}

static bool thread_code(Cpc *c, CpcThread *thread)
{
    bool ok = true;
    c->base = CP_REG_FREE;
    c->reg = c->reg_max = 0;
    c->periodic = false;
    if (!c->measure) {
        cp_thread_decl(c->w, thread->index)->entry = cpc_pc(c);
    }
    if (c->proc->python) {
        python_begin(c, thread);
    }
    if (thread->main != NULL) {
        CpCallDecl call = {.task = thread->main->index,
                           .pool = CP_NONE,
                           .thread = CP_NONE,
                           .delay_arg = CP_ARG_NONE,
                           .list = CP_NONE};
        g_array_append_val(c->w->calls, call);
        cpc_emit(c, CP_OP_LOOP_RUN, 0, 0, c->w->calls->len - 1, thread->node);
    } else if (thread->body != NULL) {
        cpc_hoist(c, thread->body);
        ok = cpc_body(c, thread->body);
        g_array_set_size(c->locals, 0);
    } else {
        spawned_code(c, thread);
    }
    cpc_emit(c, CP_OP_EXIT, 0, 0, 0, thread->node);
    thread->frame = c->reg_max;
    thread->periodic = thread->periodic || c->periodic;
    return ok;
}

bool cpc_flow_code(Cpc *c, CpcFlow *flow)
{
    bool ok = true;
    c->base = CP_REG_FREE;
    c->reg = c->reg_max = 0;
    c->periodic = false;
    if (!c->measure) {
        cp_task_decl(c->w, flow->index)->entry = cpc_pc(c);
    }
    if (flow->body != NULL) {
        c->is_async = true;
        cpc_hoist(c, flow->body);
        ok = cpc_body(c, flow->body);
        c->is_async = false;
        cpc_emit(c, CP_OP_PY_RETURN, 0, CP_REG_VALUE, 0, flow->body);
        g_array_set_size(c->locals, 0);
    } else {
        const CpcTask *task = flow->task;
        uint16_t first = cpc_reg(c, task->n_params);
        for (uint16_t i = 0; i < task->n_params; i++) {
            cpc_emit(c, CP_OP_MOVE, 0, (uint16_t)(task->base + 1 + i), first + i,
                     task->node);
        }
        cpc_emit(c, CP_OP_CALL, 0, (uint16_t)task->base, task->pc, task->node);
        cpc_emit(c, CP_OP_PY_RETURN, 0, CP_REG_VALUE, 0, task->node);
    }
    flow->frame = c->reg_max;
    flow->periodic = flow->periodic || c->periodic;
    return ok;
}

/* Callees are emitted first, so that calls know where to go. */
bool cpc_proc_code(Cpc *c, CpcProc *proc)
{
    bool ok = true;
    c->proc = proc;
    for (guint i = proc->task_list->len; i > 0; i--) {
        CpcTask *task = g_ptr_array_index(proc->task_list, i - 1);
        if (c->measure || task->called) {
            ok = task_code(c, task) && ok;
        }
    }
    for (guint i = 0; i < proc->flow_list->len; i++) {
        ok = cpc_flow_code(c, g_ptr_array_index(proc->flow_list, i)) && ok;
    }
    for (guint i = 0; i < proc->thread_list->len; i++) {
        ok = thread_code(c, g_ptr_array_index(proc->thread_list, i)) && ok;
    }
    c->proc = NULL;
    return ok;
}
