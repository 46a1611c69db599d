#include "lang/compiler.h"

#include <string.h>

/* Decides what runs as a flow of its own in Python: calls of pools and loops, and the
 * handles `as` gives them. */

/* --- names of handles --- */

static bool is_var(Cpc *c, const char *name)
{
    const CpcObject *object = cpc_object(c, name);
    return object != NULL && object->is_var;
}

/* Names of a loop's own have their register in the loop. */
static void hoist_value(Cpc *c, const CpNode *s)
{
    const CpNode *name = cp_node_find(s, CP_CHILD_TO);
    bool own = s->kind == CP_NODE_IMAP || s->kind == CP_NODE_IMAP_UNORDERED;
    if (name == NULL || own || cpc_local(c, name->text) != NULL || is_var(c, name->text)) {
        return;
    }
    uint16_t reg = cpc_reg(c, 1);
    bool list = s->kind == CP_NODE_MAP || s->kind == CP_NODE_GATHER;
    cpc_local_push(c, name->text, reg, CP_DIM_ANY);
    cpc_local(c, name->text)->is_list = list;
    if (list) {
        cpc_emit(c, CP_OP_SET, 0, reg, cpc_const(c, 0), name);
    }
}

bool cpc_keep_value(Cpc *c, const CpNode *node)
{
    const CpNode *name = cp_node_find(node, CP_CHILD_TO);
    const CpcLocal *local = name != NULL ? cpc_local(c, name->text) : NULL;
    if (name == NULL) {
        return true;
    }
    bool list = node->kind == CP_NODE_MAP || node->kind == CP_NODE_GATHER;
    if (local != NULL && local->is_list != list) {
        return cp_diag_error(c->diag, name->pos, "'%s' is %s elsewhere", name->text,
                             list ? "a single value" : "a list of results");
    }
    if (local == NULL && list) {
        return cp_diag_error(c->diag, name->pos, "'%s' is a variable and holds no list",
                             name->text);
    }
    if (local != NULL) {
        cpc_emit(c, CP_OP_MOVE, 0, local->reg, CP_REG_VALUE, node);
        return true;
    }
    CpcObject *object = cpc_object(c, name->text);
    if (object == NULL || !object->is_var || !cpc_claim(c, name, object)) {
        return false;
    }
    cpc_emit(c, CP_OP_STORE, 0, CP_REG_VALUE, object->index, node);
    return true;
}

bool cpc_keep_in_time(Cpc *c, const CpNode *node)
{
    if (cp_node_find(node, CP_CHILD_TO) == NULL) {
        return true;
    }
    bool limited = cp_node_find(node, CP_CHILD_TIMEOUT) != NULL;
    uint32_t late = limited ? cpc_emit(c, CP_OP_JUMP_TIMEOUT, 0, 0, 0, node) : 0;
    bool ok = cpc_keep_value(c, node);
    if (limited) {
        cpc_land(c, late);
    }
    return ok;
}

uint32_t cpc_timer_event(Cpc *c, CpcThread *thread)
{
    if (thread->finished == CP_NONE) {
        g_autofree char *name = g_strdup_printf(
            "%s.finished",
            cp_workload_text(c->w, cp_thread_decl(c->w, thread->index)->name));
        thread->finished = cp_workload_obj(c->w, name, CP_OBJ_EVENT);
        cp_obj_decl(c->w, thread->finished)->proc = c->proc->index;
    }
    return thread->finished;
}

void cpc_none_of(Cpc *c, const CpcTask *task, const CpNode *node)
{
    if (!cpc_returns(cp_node_child(task->node, CP_CHILD_BODY))) {
        cpc_emit(c, CP_OP_SET, 0, CP_REG_VALUE, cpc_const(c, CP_ITEM_NONE), node);
    }
}

void cpc_hoist(Cpc *c, const CpNode *body)
{
    for (const CpNode *s = body->child; s != NULL; s = s->next) {
        const CpNode *name = cp_node_find(s, CP_CHILD_AS);
        if (name != NULL && cpc_local(c, name->text) == NULL) {
            cpc_local_push(c, name->text, cpc_reg(c, 1), CP_DIM_NUMBER);
        }
        hoist_value(c, s);
        for (const CpNode *child = s->child; child != NULL; child = child->next) {
            if (child->kind == CP_NODE_BODY) {
                cpc_hoist(c, child);
            } else if (child->kind == CP_NODE_CASE) {
                cpc_hoist(c, cp_node_child(child, CP_CHILD_BODY));
            }
        }
    }
}

/* Whether a call is under way is also known when a worker process has it. */
static uint32_t hidden_var(Cpc *c, const char *name, const char *what)
{
    g_autofree char *text = g_strdup_printf("%s.%s", name, what);
    bool shared = strcmp(what, "running") == 0;
    const CpVarDecl var = {cp_workload_string(c->w, text), c->proc->index, 0, shared};
    g_array_append_val(c->w->vars, var);
    return c->w->vars->len - 1;
}

/* VALUE is the handle: kept in the local name, and for other tasks if they use it. */
void cpc_keep_handle(Cpc *c, const CpNode *name, const CpNode *node)
{
    if (name == NULL) {
        return;
    }
    const CpcLocal *local = cpc_local(c, name->text);
    const CpcHandle *handle = g_hash_table_lookup(c->proc->handles, name->text);
    cpc_emit(c, CP_OP_MOVE, 0, local->reg, CP_REG_VALUE, node);
    if (handle->var != CP_NONE) {
        cpc_emit(c, CP_OP_STORE, 0, CP_REG_VALUE, handle->var, node);
    }
}

/* Register with a handle; one that another task was given is read from its variable. */
bool cpc_handle_reg(Cpc *c, const CpNode *name, uint16_t *reg)
{
    CpcHandle *handle = g_hash_table_lookup(c->proc->handles, name->text);
    const CpcLocal *local = cpc_local(c, name->text);
    if (handle == NULL) {
        cpc_unknown(c, name->pos, "handle", name->text, c->proc->handles, NULL);
        cp_diag_help(c->diag, "'as %s' behind submit, create or executor names one",
                     name->text);
        return false;
    }
    if (local != NULL) {
        *reg = local->reg;
        return true;
    }
    if (handle->var == CP_NONE) {
        handle->var = hidden_var(c, name->text, "handle");
    }
    *reg = cpc_reg(c, 1);
    cpc_emit(c, CP_OP_LOAD, 0, *reg, handle->var, name);
    return true;
}

/* --- flows --- */

CpcFlow *cpc_flow_find(CpcProc *proc, CpcTask *task, const CpcHandle *runs)
{
    for (guint i = 0; i < proc->flow_list->len; i++) {
        CpcFlow *flow = g_ptr_array_index(proc->flow_list, i);
        if (flow->task == task && flow->runs == runs && flow->body == NULL) {
            return flow;
        }
    }
    return NULL;
}

CpcFlow *cpc_flow_new(Cpc *c, CpcProc *proc, CpcTask *task, const char *name)
{
    CpcFlow *flow = g_new0(CpcFlow, 1);
    flow->task = task;
    flow->callees = g_ptr_array_new();
    flow->index = cp_workload_task(c->w, proc->index, name);
    if (task != NULL) {
        task->called = true;
        g_ptr_array_add(flow->callees, task);
        cp_task_decl(c->w, flow->index)->line = task->node->pos.line;
        cp_task_decl(c->w, flow->index)->flags =
            task->node->flags & CP_FLAG_ASYNC ? CP_TASK_ASYNC : 0;
    }
    g_ptr_array_add(proc->flow_list, flow);
    return flow;
}

static CpcHandle *add_handle(CpcScan *s, const CpNode *name)
{
    CpcHandle *handle = g_hash_table_lookup(s->proc->handles, name->text);
    if (handle == NULL) {
        handle = g_new0(CpcHandle, 1);
        handle->var = handle->run_var = CP_NONE;
        if (g_hash_table_contains(s->proc->running, name->text)) {
            handle->run_var = hidden_var(s->c, name->text, "running");
        }
        g_hash_table_insert(s->proc->handles, (char *)name->text, handle);
    }
    return handle;
}

/* A task that runs as a flow of its own: async ones in a loop, the others elsewhere. */
static void scan_flow(CpcScan *s, const CpNode *stmt, const CpNode *name, unsigned n_args,
                      bool is_async)
{
    const CpNode *as = cp_node_find(stmt, CP_CHILD_AS);
    CpcHandle *handle = as != NULL ? add_handle(s, as) : NULL;
    CpcTask *task = cpc_scan_task(s, name, n_args);
    if (task == NULL || !cpc_scan_async(s, stmt, name, task, is_async)) {
        return;
    }
    const CpcHandle *runs = handle != NULL && handle->run_var != CP_NONE ? handle : NULL;
    CpcFlow *flow = cpc_flow_find(s->proc, task, runs);
    if (flow == NULL) {
        flow = cpc_flow_new(s->c, s->proc, task, task->node->text);
        flow->runs = runs;
        cp_task_decl(s->c->w, flow->index)->run_var =
            runs != NULL ? runs->run_var : CP_NONE;
    }
}

static void note_call(CpcScan *s, const CpNode *node, bool is_async)
{
    const CpNode *call = cp_node_child(node, CP_CHILD_CALL);
    scan_flow(s, node, call, cp_node_count(call), is_async);
}

/* A statement that only names a handle. */
void cpc_note_handle(CpcScan *s, const CpNode *node)
{
    const CpNode *as = cp_node_find(node, CP_CHILD_AS);
    if (as != NULL) {
        add_handle(s, as);
    }
}

void cpc_note_cancel(CpcScan *s, const CpNode *node)
{
    g_hash_table_add(s->proc->cancelled, (char *)cp_node_child(node, CP_CHILD_NAME)->text);
}

void cpc_note_flow(CpcScan *s, const CpNode *node)
{
    note_call(s, node, false);
}

void cpc_note_async_flow(CpcScan *s, const CpNode *node)
{
    note_call(s, node, true);
}

void cpc_note_map(CpcScan *s, const CpNode *node)
{
    scan_flow(s, node, cp_node_child(node, CP_CHILD_TASK), 1, false);
}

/* A coroutine that is awaited runs in place; with a timeout wait_for makes a task of it up
 * to 3.11. */
void cpc_note_await_call(CpcScan *s, const CpNode *node)
{
    const CpNode *call = cp_node_child(node, CP_CHILD_CALL);
    if (cp_node_find(node, CP_CHILD_TIMEOUT) != NULL &&
        !cp_python_has(&s->proc->version, CP_PY_WAIT_FOR_IN_PLACE)) {
        scan_flow(s, node, call, cp_node_count(call), true);
        return;
    }
    CpcTask *task = cpc_scan_task(s, call, cp_node_count(call));
    if (task != NULL && cpc_scan_async(s, node, call, task, true)) {
        cpc_scan_callee(s, task);
    }
}

/* --- calls --- */

bool cpc_set_sizes(Cpc *c, const CpNode *node, CpCallDecl *call)
{
    const CpNode *size = cp_node_find(node, CP_CHILD_SIZE);
    const CpNode *returns = cp_node_find(node, CP_CHILD_RETURNS);
    call->flags |= cp_node_find(node, CP_CHILD_INTS) != NULL ? (uint32_t)CP_CALL_INTS : 0;
    return (size == NULL || cpc_const_size(c, size, &call->size)) &&
           (returns == NULL || cpc_const_size(c, returns, &call->returns));
}

/* A row for the call of a task; its arguments are evaluated into registers. */
bool cpc_make_call(Cpc *c, const CpNode *invoke, const CpNode *as, CpCallDecl *call)
{
    CpcTask *task = g_hash_table_lookup(c->proc->tasks, invoke->text);
    const CpcHandle *handle =
        as != NULL ? g_hash_table_lookup(c->proc->handles, as->text) : NULL;
    bool tracked = handle != NULL && handle->run_var != CP_NONE;
    const CpcFlow *flow =
        task != NULL ? cpc_flow_find(c->proc, task, tracked ? handle : NULL) : NULL;
    if (flow == NULL || !cpc_check_args(c, task, invoke->child)) {
        return false;
    }
    unsigned n = cp_node_count(invoke);
    uint16_t first = cpc_reg(c, n);
    uint16_t to = first;
    for (const CpNode *arg = invoke->child; arg != NULL; arg = arg->next) {
        if (!cpc_eval_to(c, arg, to++, NULL)) {
            return false;
        }
    }
    *call = (CpCallDecl){.task = flow->index,
                         .pool = CP_NONE,
                         .thread = CP_NONE,
                         .first_arg = first,
                         .n_args = (uint16_t)n,
                         .flags = as != NULL ? CP_CALL_KEEP : 0,
                         .delay_arg = CP_ARG_NONE,
                         .list = CP_NONE};
    if (tracked) {
        uint16_t one = cpc_reg(c, 1);
        cpc_emit(c, CP_OP_SET, 0, one, cpc_const(c, 1), invoke);
        cpc_emit(c, CP_OP_STORE, 0, one, handle->run_var, invoke);
    }
    return true;
}

uint32_t cpc_call_row(Cpc *c, const CpCallDecl *call)
{
    if (c->measure) {
        return 0;
    }
    g_array_append_val(c->w->calls, *call);
    return c->w->calls->len - 1;
}

/* A timeout that passed goes to `else`, or raises `timeout`. */
bool cpc_timed_out(Cpc *c, const CpNode *node)
{
    const CpNode *timeout = cp_node_find(node, CP_CHILD_TIMEOUT);
    if (timeout == NULL) {
        return true;
    }
    if (cp_node_find(node, CP_CHILD_ELSE) != NULL) {
        return cpc_timeout_else(c, node);
    }
    uint32_t to_raise = cpc_emit(c, CP_OP_JUMP_TIMEOUT, 0, 0, 0, timeout);
    uint32_t to_end = cpc_emit(c, CP_OP_JUMP, 0, 0, 0, timeout);
    cpc_land(c, to_raise);
    cpc_emit(c, CP_OP_RAISE, 0, 0, c->measure ? 0 : cp_workload_string(c->w, "timeout"),
             timeout);
    cpc_land(c, to_end);
    return true;
}
