#include "lang/compiler.h"

#include <string.h>

/* Decides what code the tasks, flows and threads of a process become. */

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
    unsigned i = 0;
    for (const CpNode *p = params->child; p != NULL; p = p->next, i++) {
        cpc_local_push(c, p->text, reg++, CP_DIM_ANY);
        cpc_local(c, p->text)->is_time = i < 64 && (task->time_params >> i & 1);
    }
    c->is_async = task->node->flags & CP_FLAG_ASYNC;
    CpcScope code;
    cpc_code_begin(c, &code, body, true);
    cpc_hoist(c, body);
    bool ok = cpc_body(c, body);
    cpc_code_end(c, &code, end);
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
    if (thread->after > 0 && thread->finished != CP_NONE) {
        uint16_t limit = cpc_reg(c, 1);
        cpc_emit(c, CP_OP_SET, 0, limit, cpc_const(c, thread->after), thread->node);
        cpc_emit(c, CP_OP_EVENT_WAIT, 0, limit, thread->finished, thread->node);
        uint32_t to_call = cpc_emit(c, CP_OP_JUMP_TIMEOUT, 0, 0, 0, thread->node);
        cpc_emit(c, CP_OP_EXIT, 0, 0, 0, thread->node);
        cpc_land(c, to_call);
    } else if (thread->after > 0) {
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
        CpcScope code;
        cpc_code_begin(c, &code, thread->body, false);
        cpc_hoist(c, thread->body);
        ok = cpc_body(c, thread->body);
        cpc_code_end(c, &code, thread->node);
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
        CpcScope code;
        c->is_async = true;
        cpc_code_begin(c, &code, flow->body, false);
        cpc_hoist(c, flow->body);
        ok = cpc_body(c, flow->body);
        cpc_code_end(c, &code, flow->body);
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
        cpc_none_of(c, task, task->node);
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
