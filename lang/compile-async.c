#include "lang/compiler.h"

#include <string.h>

/* Decides what code tasks and groups of an event loop become. */

static bool in_group(Cpc *c)
{
    return c->group != CP_REG_NONE;
}

static void group_add(Cpc *c, const CpNode *node)
{
    cpc_emit(c, CP_OP_GROUP_ADD, CP_REG_VALUE, c->group, 0, node);
}

/* Inside gather and its like, what is created belongs to the group. */
bool cpc_do_create(Cpc *c, const CpNode *node)
{
    CpCallDecl call;
    bool start = node->kind == CP_NODE_START;
    const CpNode *as = cp_node_find(node, CP_CHILD_AS);
    if (start && !in_group(c)) {
        cp_diag_error(c->diag, node->pos, "a call stands here without a word before it");
        cp_diag_help(c->diag, "write 'await %s(…)' or 'create %s(…)'",
                     cp_node_child(node, CP_CHILD_CALL)->text,
                     cp_node_child(node, CP_CHILD_CALL)->text);
        return false;
    }
    if (!cpc_make_call(c, cp_node_child(node, CP_CHILD_CALL), as, &call)) {
        return false;
    }
    call.flags |= start ? (uint32_t)CP_CALL_KEEP : 0;
    cpc_emit(c, CP_OP_CREATE, 0, 0, cpc_call_row(c, &call), node);
    cpc_keep_handle(c, as, node);
    if (start) {
        group_add(c, node);
    }
    return true;
}

bool cpc_do_member(Cpc *c, const CpNode *node)
{
    uint16_t handle;
    if (!cpc_handle_reg(c, cp_node_child(node, CP_CHILD_NAME), &handle)) {
        return false;
    }
    if (!in_group(c)) {
        return cp_diag_error(c->diag, node->pos, "write 'await %s'",
                             cp_node_child(node, CP_CHILD_NAME)->text);
    }
    cpc_emit(c, CP_OP_GROUP_ADD, (uint8_t)handle, c->group, 0, node);
    return true;
}

/* The calls of the body, and waiting for them; NODE may have a timeout. */
static bool group(Cpc *c, CpGroupKind kind, const CpNode *node)
{
    uint16_t limit;
    uint16_t outer = c->group;
    if (!cpc_timeout_reg(c, node, &limit)) {
        return false;
    }
    uint16_t reg = cpc_reg(c, 1);
    cpc_emit(c, CP_OP_GROUP, (uint8_t)kind, reg, 0, node);
    c->group = reg;
    CpcScope wall;
    cpc_scope_push(c, &wall, CPC_SCOPE_WALL);
    wall.what = "a group of calls";
    bool ok = cpc_body(c, cp_node_child(node, CP_CHILD_BODY));
    cpc_scope_pop(c, &wall);
    c->group = outer;
    cpc_emit(c, CP_OP_GROUP_AWAIT, (uint8_t)reg, limit, 0, node);
    return ok;
}

bool cpc_do_gather(Cpc *c, const CpNode *node)
{
    bool tasks = node->kind == CP_NODE_GROUP;
    if (tasks && !cpc_needs_version(c, c->proc, node->pos, "'group' (TaskGroup)",
                                    CP_PY_TASK_GROUP)) {
        return false;
    }
    if (tasks) {
        return group(c, CP_GROUP_TASKS, node);
    }
    bool keeps = !cp_node_is_null(cp_node_child(node, CP_CHILD_MODE));
    return group(c, keeps ? CP_GROUP_RETURN : CP_GROUP_GATHER, node) &&
           cpc_keep_value(c, node);
}

bool cpc_do_await_set(Cpc *c, const CpNode *node)
{
    return group(c, cpc_group_kind(cp_node_child(node, CP_CHILD_MODE)), node) &&
           cpc_timeout_else(c, node);
}

bool cpc_do_await(Cpc *c, const CpNode *node)
{
    uint16_t handle, timeout;
    if (!cpc_handle_reg(c, cp_node_child(node, CP_CHILD_NAME), &handle) ||
        !cpc_timeout_reg(c, node, &timeout)) {
        return false;
    }
    cpc_emit(c, CP_OP_AWAIT, (uint8_t)handle, timeout, 0, node);
    return cpc_keep_in_time(c, node) && cpc_timed_out(c, node);
}

/* asyncio.timeout around a call or a block. */
static bool timeout_block(Cpc *c, const CpNode *node)
{
    uint8_t a;
    uint32_t arg;
    if (!cpc_duration(c, cp_node_child(node, CP_CHILD_TIMEOUT), &a, &arg)) {
        return false;
    }
    const CpNode *body = cp_node_find(node, CP_CHILD_BODY);
    const CpNode *call = cp_node_find(node, CP_CHILD_CALL);
    uint16_t reg = cpc_reg(c, 1);
    cpc_emit(c, CP_OP_TIMEOUT_BEGIN, a, reg, arg, node);
    CpcScope limit;
    cpc_scope_undo(c, &limit, CP_OP_TIMEOUT_END, 1, reg, 0);
    bool ok = body != NULL ? cpc_body(c, body) : cpc_call(c, call->text, call->child, call);
    cpc_scope_pop(c, &limit);
    if (call != NULL && ok) {
        cpc_none_of(c, g_hash_table_lookup(c->proc->tasks, call->text), node);
    }
    cpc_emit(c, CP_OP_TIMEOUT_END, 0, reg, 0, node);
    return ok && cpc_keep_in_time(c, node) && cpc_timed_out(c, node);
}

bool cpc_do_timeout(Cpc *c, const CpNode *node)
{
    return cpc_needs_version(c, c->proc, node->pos, "a 'timeout' block",
                             CP_PY_TASK_GROUP) &&
           timeout_block(c, node);
}

/* A coroutine that is awaited runs in place.  wait_for makes a task of it up to 3.11. */
bool cpc_do_await_call(Cpc *c, const CpNode *node)
{
    const CpNode *call = cp_node_child(node, CP_CHILD_CALL);
    CpCallDecl row;
    uint16_t limit;
    if (cp_node_find(node, CP_CHILD_TIMEOUT) == NULL) {
        if (!cpc_call(c, call->text, call->child, call)) {
            return false;
        }
        if (cp_node_find(node, CP_CHILD_TO) != NULL) {
            cpc_none_of(c, g_hash_table_lookup(c->proc->tasks, call->text), node);
        }
        return cpc_keep_value(c, node);
    }
    if (cp_python_has(&c->proc->version, CP_PY_WAIT_FOR_IN_PLACE)) {
        return timeout_block(c, node);
    }
    if (!cpc_make_call(c, call, NULL, &row) || !cpc_timeout_reg(c, node, &limit)) {
        return false;
    }
    row.flags |= CP_CALL_KEEP;
    cpc_emit(c, CP_OP_CREATE, 0, 0, cpc_call_row(c, &row), node);
    cpc_emit(c, CP_OP_AWAIT, CP_REG_VALUE, limit, 0, node);
    return cpc_keep_in_time(c, node) && cpc_timed_out(c, node);
}

bool cpc_do_await_wait(Cpc *c, const CpNode *node)
{
    uint8_t a;
    uint32_t arg;
    if (!cpc_duration(c, cp_node_child(node, CP_CHILD_TIME), &a, &arg)) {
        return false;
    }
    cpc_emit(c, CP_OP_AWAIT_SLEEP, a, 0, arg, node);
    return true;
}

bool cpc_do_await_yield(Cpc *c, const CpNode *node)
{
    cpc_emit(c, CP_OP_AWAIT_SLEEP, CP_ARG_CONST, 0, cpc_const(c, 0), node);
    return true;
}

/* The ordinary operation; cpc_find_obj looks at the flag and takes it back. */
bool cpc_do_await_op(Cpc *c, const CpNode *node)
{
    const CpNode *body = cp_node_child(node, CP_CHILD_BODY);
    const CpNode *op = body->child;
    if (op == NULL || op->next != NULL ||
        !(cp_stmt_info((CpNodeKind)op->kind)->place & CP_STMT_AWAITABLE)) {
        return cp_diag_error(c->diag, node->pos, "this cannot be awaited");
    }
    c->awaiting = true;
    bool ok = cpc_body(c, body);
    c->awaiting = false;
    return ok;
}

bool cpc_do_executor(Cpc *c, const CpNode *node)
{
    CpCallDecl call;
    bool awaits = node->kind == CP_NODE_AWAIT_EXECUTOR;
    const CpNode *pool = cp_node_find(node, CP_CHILD_NAME);
    const CpNode *as = cp_node_find(node, CP_CHILD_AS);
    uint16_t limit = CP_REG_NONE;
    if (!cpc_make_call(c, cp_node_child(node, CP_CHILD_CALL), as, &call) ||
        !cpc_set_sizes(c, node, &call) || !cpc_pool_of(c, pool, &call.pool) ||
        (awaits && !cpc_timeout_reg(c, node, &limit))) {
        return false;
    }
    call.flags |= awaits || in_group(c) ? (uint32_t)CP_CALL_KEEP : 0;
    cpc_emit(c, CP_OP_EXECUTOR, 0, 0, cpc_call_row(c, &call), node);
    if (awaits) {
        cpc_emit(c, CP_OP_AWAIT, CP_REG_VALUE, limit, 0, node);
        return cpc_keep_in_time(c, node) && cpc_timed_out(c, node);
    }
    cpc_keep_handle(c, as, node);
    if (in_group(c)) {
        group_add(c, node);
    }
    return true;
}

bool cpc_do_call_soon(Cpc *c, const CpNode *node)
{
    CpCallDecl call;
    const CpNode *delay = cp_node_child(node, CP_CHILD_DELAY);
    const CpNode *thread = cp_node_child(node, CP_CHILD_THREAD);
    const CpNode *as = cp_node_find(node, CP_CHILD_AS);
    if (!cpc_make_call(c, cp_node_child(node, CP_CHILD_CALL), as, &call)) {
        return false;
    }
    if (!cp_node_is_null(delay) && !cpc_duration(c, delay, &call.delay_arg, &call.delay)) {
        return false;
    }
    if (!cp_node_is_null(thread)) {
        const CpcThread *on = g_hash_table_lookup(c->proc->threads, thread->text);
        if (on == NULL) {
            return cpc_unknown(c, thread->pos, "thread", thread->text, c->proc->threads,
                               NULL);
        }
        call.thread = on->index;
    }
    cpc_emit(c, CP_OP_CALL_SOON, 0, 0, cpc_call_row(c, &call), node);
    cpc_keep_handle(c, as, node);
    return true;
}
