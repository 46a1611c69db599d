#include "lang/compiler.h"

#include <string.h>

/* Decides what code calls and spawned threads become, and what a thread does to itself. */

/* --- calls and threads --- */

bool cpc_check_args(Cpc *c, const CpcTask *task, const CpNode *args)
{
    for (unsigned i = 0; args != NULL; args = args->next, i++) {
        bool literal =
            args->kind == CP_NODE_NUMBER && args->dim == CP_DIM_NUMBER && args->value != 0;
        if (literal && i < 64 && (task->time_params >> i & 1)) {
            g_autofree char *shown = cp_node_print(args);
            return cpc_no_unit(c, args, shown);
        }
    }
    return true;
}

bool cpc_call(Cpc *c, const char *name, const CpNode *args, const CpNode *node)
{
    CpcTask *task = g_hash_table_lookup(c->proc->tasks, name);
    if (task == NULL || !cpc_check_args(c, task, args)) {
        return false;
    }
    unsigned i = 1;
    for (const CpNode *arg = args; arg != NULL; arg = arg->next, i++) {
        if (!cpc_eval_to(c, arg, (uint16_t)(task->base + i), NULL)) {
            return false;
        }
    }
    cpc_emit(c, CP_OP_CALL, 0, (uint16_t)task->base, task->pc, node);
    return true;
}

bool cpc_do_call_as(Cpc *c, const CpNode *node)
{
    const CpNode *call = cp_node_child(node, CP_CHILD_CALL);
    const CpcTask *task = g_hash_table_lookup(c->proc->tasks, call->text);
    if (!cpc_call(c, call->text, call->child, node)) {
        return false;
    }
    cpc_none_of(c, task, node);
    return cpc_keep_value(c, node);
}

/* A coroutine function that is called makes a coroutine and runs nothing. */
bool cpc_do_call(Cpc *c, const CpNode *node)
{
    const CpcTask *task =
        g_hash_table_lookup(c->proc->tasks, cp_node_child(node, CP_CHILD_NAME)->text);
    if (task == NULL || !(task->node->flags & CP_FLAG_ASYNC)) {
        return cpc_call(c, cp_node_child(node, CP_CHILD_NAME)->text,
                        cp_node_child(node, CP_CHILD_ARGS), node);
    }
    if (!c->measure) {
        cp_diag_warning(c->diag, node->pos,
                        "'call %s(…)' makes a coroutine and runs nothing",
                        cp_node_child(node, CP_CHILD_NAME)->text);
        cp_diag_help(c->diag, "write 'await %s(…)' or 'create %s(…)'",
                     cp_node_child(node, CP_CHILD_NAME)->text,
                     cp_node_child(node, CP_CHILD_NAME)->text);
    }
    return true;
}

/* A Timer that somebody cancels. */
static bool is_cancelled(Cpc *c, const CpcThread *thread)
{
    const char *name = cp_workload_text(c->w, cp_thread_decl(c->w, thread->index)->name);
    return thread->after > 0 && g_hash_table_contains(c->proc->cancelled, name);
}

bool cpc_do_spawn(Cpc *c, const CpNode *node)
{
    const CpNode *call = cp_node_child(node, CP_CHILD_CALL);
    const CpNode *index = cp_node_child(node, CP_CHILD_INDEX);
    CpcThread *thread =
        g_hash_table_lookup(c->proc->threads, cp_node_child(node, CP_CHILD_NAME)->text);
    unsigned n = cp_node_count(call);
    uint16_t first = cpc_reg(c, n > 0 ? n : 1);
    if (thread == NULL || thread->task == NULL) {
        return false; /* reported when calls were looked up */
    }
    if (!cpc_check_args(c, thread->task, call->child)) {
        return false;
    }
    CpcValue v;
    if (!cp_node_is_null(index) && !cpc_eval(c, index, &v)) {
        return false;
    }
    unsigned i = 0;
    for (const CpNode *arg = call->child; arg != NULL; arg = arg->next, i++) {
        if (!cpc_eval_to(c, arg, (uint16_t)(first + i), NULL)) {
            return false;
        }
    }
    if (is_cancelled(c, thread)) {
        cpc_emit(c, CP_OP_EVENT_CLEAR, 0, 0, cpc_timer_event(c, thread), node);
    }
    cpc_emit(c, CP_OP_SPAWN, (uint8_t)first, (uint16_t)n, thread->index, node);
    return true;
}

static bool refuse_async(Cpc *c, const CpNode *node)
{
    const CpNode *name = cp_node_child(node, CP_CHILD_NAME);
    const CpcObject *object = cpc_object(c, name->text);
    if (object == NULL || object->is_var || !(object->node->flags & CP_FLAG_ASYNC)) {
        return false;
    }
    cp_diag_error(c->diag, name->pos, "not yet: join and task_done of an async queue");
    cp_diag_help(c->diag, "count the items: var left, and an async event for the last");
    return true;
}

/* Queue.join: until task_done has been said of every item. */
static bool join_queue(Cpc *c, const CpNode *node)
{
    CpObjKind kind;
    uint16_t reg;
    if (refuse_async(c, node)) {
        return false;
    }
    uint32_t obj = cpc_find_obj(c, cp_node_child(node, CP_CHILD_NAME), "join",
                                CP_OBJ_BIT(QUEUE), &kind);
    if (obj == CP_NONE || !cpc_timeout_reg(c, node, &reg)) {
        return false;
    }
    cpc_emit(c, CP_OP_QUEUE_JOIN, 0, reg, obj, node);
    return cpc_timeout_else(c, node);
}

bool cpc_do_task_done(Cpc *c, const CpNode *node)
{
    CpObjKind kind;
    if (refuse_async(c, node)) {
        return false;
    }
    uint32_t obj = cpc_find_obj(c, cp_node_child(node, CP_CHILD_NAME), "task_done",
                                CP_OBJ_BIT(QUEUE), &kind);
    if (obj == CP_NONE) {
        return false;
    }
    cpc_emit(c, CP_OP_TASK_DONE, 0, 0, obj, node);
    return true;
}

bool cpc_do_join(Cpc *c, const CpNode *node)
{
    const CpNode *name = cp_node_child(node, CP_CHILD_NAME);
    uint16_t reg;
    uint32_t decl = CP_NONE;
    const CpcObject *object = cpc_object(c, name->text);
    if (object != NULL && !object->is_var && strcmp(name->text, "all") != 0 &&
        g_hash_table_lookup(c->proc->threads, name->text) == NULL) {
        return join_queue(c, node);
    }
    if (strcmp(name->text, "all") != 0) {
        const CpcThread *thread = g_hash_table_lookup(c->proc->threads, name->text);
        if (thread == NULL) {
            return cpc_unknown(c, name->pos, "thread", name->text, c->proc->threads, NULL);
        }
        if (thread->body != NULL) {
            cp_diag_error(c->diag, name->pos, "thread '%s' is not spawned by this thread",
                          name->text);
            cp_diag_help(c->diag,
                         "join waits for spawned threads; here: while running %s "
                         "{ wait 1ms }, or an event",
                         name->text);
            return false;
        }
        decl = thread->index;
    }
    if (!cpc_timeout_reg(c, node, &reg)) {
        return false;
    }
    cpc_emit(c, CP_OP_JOIN, 0, reg, decl, node);
    return cpc_timeout_else(c, node);
}

/* --- the thread itself --- */

bool cpc_do_nice(Cpc *c, const CpNode *node)
{
    int64_t nice;
    if (!cpc_const_int(c, cp_node_child(node, CP_CHILD_VALUE), -20, 19, &nice)) {
        return false;
    }
    cpc_emit(c, CP_OP_SET_NICE, 0, 0, cpc_const(c, nice), node);
    return true;
}

bool cpc_do_affinity(Cpc *c, const CpNode *node)
{
    uint32_t mask;
    if (!cpc_mask(c, cp_node_child(node, CP_CHILD_CPUS), &mask)) {
        return false;
    }
    cpc_emit(c, CP_OP_SET_AFFINITY, 0, 0, mask, node);
    return true;
}

/* policy NAME (attrs): the same checks as for a thread's attributes. */
bool cpc_do_policy(Cpc *c, const CpNode *node)
{
    const CpNode *opts = cp_node_child(node, CP_CHILD_KEYS);
    CpThreadDecl thread = {.attr = cp_sched_attr_default()};
    CpNode name = *cp_node_child(node, CP_CHILD_NAME);
    name.next = NULL;
    CpNode policy = {
        .kind = CP_NODE_OPT, .pos = name.pos, .text = "policy", .child = &name};
    policy.next = opts->child;
    CpNode all = *opts;
    all.pos = name.pos;
    all.child = &policy;
    if (!cpc_thread_keys(c, &all, &thread)) {
        return false;
    }
    uint32_t row = c->measure ? 0 : c->w->attrs->len;
    if (!c->measure) {
        g_array_append_val(c->w->attrs, thread.attr);
    }
    cpc_emit(c, CP_OP_SET_SCHED, 0, 0, row, node);
    return true;
}

bool cpc_do_yield(Cpc *c, const CpNode *node)
{
    cpc_emit(c, CP_OP_YIELD, 0, 0, 0, node);
    return true;
}

bool cpc_do_stop(Cpc *c, const CpNode *node)
{
    cpc_emit(c, CP_OP_STOP, 0, 0, 0, node);
    return true;
}

bool cpc_do_exit(Cpc *c, const CpNode *node)
{
    cpc_emit(c, CP_OP_EXIT_PROCESS, 0, 0, 0, node);
    return true;
}
