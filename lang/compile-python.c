#include "lang/compiler.h"

#include "sim/params.h"

#include <string.h>

/* Statements of the python runtime; docs/python-runtime.md says what they become. */

static bool is_null(const CpNode *node)
{
    return node->kind == CP_NODE_NULL;
}

static bool has_word(const CpNode *node, const char *word)
{
    return node->text != NULL && strcmp(node->text, word) == 0;
}

/* --- names of handles --- */

/* Child with the name of `as`, or NULL. */
static const CpNode *name_given(const CpNode *s)
{
    unsigned at;
    switch ((CpNodeKind)s->kind) {
    case CP_NODE_SUBMIT:
    case CP_NODE_EXECUTOR:
        at = 2;
        break;
    case CP_NODE_CREATE:
        at = 1;
        break;
    case CP_NODE_CALL_SOON:
        at = 3;
        break;
    default:
        return NULL;
    }
    const CpNode *name = cp_node_at(s, at);
    return is_null(name) ? NULL : name;
}

void cpc_hoist(Cpc *c, const CpNode *body)
{
    for (const CpNode *s = body->child; s != NULL; s = s->next) {
        const CpNode *name =
            cp_stmt_info((CpNodeKind)s->kind) != NULL ? name_given(s) : NULL;
        if (name != NULL && cpc_local(c, name->text) == NULL) {
            cpc_local_push(c, name->text, cpc_reg(c, 1), CP_DIM_NUMBER);
        }
        for (const CpNode *child = s->child; child != NULL; child = child->next) {
            if (child->kind == CP_NODE_BODY) {
                cpc_hoist(c, child);
            } else if (child->kind == CP_NODE_CASE) {
                cpc_hoist(c, cp_node_at(child, 1));
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
static void keep_handle(Cpc *c, const CpNode *name, const CpNode *node)
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
static bool handle_reg(Cpc *c, const CpNode *name, uint16_t *reg)
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

/* --- looking calls up, before anything is compiled --- */

static CpcFlow *find_flow(CpcProc *proc, CpcTask *task, const CpcHandle *runs)
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
    const CpNode *as = name_given(stmt);
    CpcHandle *handle = as != NULL ? add_handle(s, as) : NULL;
    CpcTask *task = cpc_scan_task(s, name, n_args);
    if (task == NULL || !cpc_scan_async(s, stmt, name, task, is_async)) {
        return;
    }
    const CpcHandle *runs = handle != NULL && handle->run_var != CP_NONE ? handle : NULL;
    CpcFlow *flow = find_flow(s->proc, task, runs);
    if (flow == NULL) {
        flow = cpc_flow_new(s->c, s->proc, task, task->node->text);
        flow->runs = runs;
        cp_task_decl(s->c->w, flow->index)->run_var =
            runs != NULL ? runs->run_var : CP_NONE;
    }
}

bool cpc_scan_async(CpcScan *s, const CpNode *stmt, const CpNode *name, const CpcTask *task,
                    bool is_async)
{
    bool is = task->node->flags & CP_FLAG_ASYNC;
    if (is == is_async) {
        return true;
    }
    s->ok = false;
    cp_diag_error(s->c->diag, name->pos,
                  is ? "task '%s' is async: only an event loop runs it"
                     : "task '%s' is not async",
                  name->text);
    cp_diag_note(s->c->diag, task->node->pos, "declared here");
    if (is) {
        cp_diag_help(s->c->diag,
                     "write 'await %s(…)' or 'create %s(…)' in an async task, or make a "
                     "thread with 'loop asyncio'",
                     name->text, name->text);
    } else if (stmt->kind == CP_NODE_CREATE || stmt->kind == CP_NODE_START) {
        cp_diag_help(s->c->diag, "write 'async task %s(…)', or 'executor %s(…)'",
                     name->text, name->text);
    } else {
        cp_diag_help(s->c->diag, "write 'call %s(…)', or 'async task %s(…)'", name->text,
                     name->text);
    }
    return false;
}

static bool pool_kind(Cpc *c, const CpNode *word, CpPoolKind *kind)
{
    static const char *const kinds[] = {[CP_POOL_THREADS] = "threads",
                                        [CP_POOL_PROCESSES] = "processes",
                                        [CP_POOL_INTERPRETERS] = "interpreters",
                                        [CP_POOL_WORKERS] = "workers",
                                        NULL};
    const CpNode *node = cpc_resolve(c, word);
    for (int i = 0; kinds[i] != NULL; i++) {
        if (has_word(node, kinds[i])) {
            *kind = (CpPoolKind)i;
            return true;
        }
    }
    const char *near = cp_nearest(node->text, kinds);
    cp_diag_error(c->diag, word->pos, "unknown kind of pool '%s'", node->text);
    cp_diag_help(c->diag,
                 near != NULL ? "did you mean '%s'?"
                              : "kinds: threads, processes, interpreters, workers",
                 near);
    return false;
}

static void scan_pool(CpcScan *s, const CpNode *node)
{
    Cpc *c = s->c;
    CpPoolKind kind;
    int64_t n = 0;
    const CpNode *count = cp_node_at(node, 3);
    CpPoolDecl keys = {.start_method = CP_START_DEFAULT};
    if (g_hash_table_contains(s->proc->pools, node->child->text)) {
        s->ok = cp_diag_error(c->diag, node->child->pos, "pool '%s' is declared twice",
                              node->child->text);
        return;
    }
    bool ok = pool_kind(c, cp_node_at(node, 1), &kind);
    ok = ok && (is_null(count) || cpc_const_int(c, count, 1, 10000, &n));
    ok =
        ok && cpc_keys(c, cp_node_at(node, 4), cp_pool_keys, CP_KINDS_ANY, "a pool", &keys);
    ok = ok && (kind != CP_POOL_INTERPRETERS ||
                cpc_needs_version(c, s->proc, node->pos, "a pool of interpreters", 314));
    if (!ok) {
        s->ok = false;
        g_hash_table_insert(s->proc->pools, (char *)node->child->text,
                            GUINT_TO_POINTER(1)); /* said once */
        return;
    }
    uint32_t pool =
        cp_workload_pool(c->w, s->proc->index, node->child->text, kind, (uint32_t)n);
    cp_pool_decl(c->w, pool)->start_method = keys.start_method;
    g_hash_table_insert(s->proc->pools, (char *)node->child->text,
                        GUINT_TO_POINTER(pool + 1));
}

/* The executor a loop makes for itself: its name cannot be written. */
static const char default_pool[] = "(default)";

static void scan_default_pool(CpcScan *s)
{
    if (g_hash_table_contains(s->proc->pools, default_pool)) {
        return;
    }
    uint32_t pool =
        cp_workload_pool(s->c->w, s->proc->index, "executor", CP_POOL_THREADS, 0);
    g_hash_table_insert(s->proc->pools, (char *)(uintptr_t)default_pool,
                        GUINT_TO_POINTER(pool + 1));
}

bool cpc_needs_version(Cpc *c, const CpcProc *proc, CpPos pos, const char *what,
                       unsigned version)
{
    if (proc->version >= version) {
        return true;
    }
    cp_diag_error(c->diag, pos, "%s needs Python %u.%u", what, version / 100,
                  version % 100);
    cp_diag_help(c->diag, "declare the process with 'runtime python \"%u.%u\"', or newer",
                 version / 100, version % 100);
    return false;
}

/* A shared queue into which Python puts something is multiprocessing's. */
static void scan_send(CpcScan *s, const CpNode *name)
{
    const CpcObject *object = g_hash_table_lookup(s->c->objects, name->text);
    if (object == NULL || object->is_var ||
        g_hash_table_contains(s->proc->objects, name->text)) {
        return;
    }
    const CpObjDecl *d = cp_obj_decl(s->c->w, object->index);
    if (d->kind == CP_OBJ_QUEUE && d->flags & CP_OBJ_SHARED && d->feeder == CP_NONE) {
        cp_workload_feeder(s->c->w, s->proc->index, object->index);
    }
}

void cpc_scan_python(CpcScan *s, const CpNode *node)
{
    const CpNode *first = node->child;
    switch ((CpNodeKind)node->kind) {
    case CP_NODE_SEND:
        scan_send(s, first);
        break;
    case CP_NODE_POOL:
        scan_pool(s, node);
        break;
    case CP_NODE_SUBMIT:
    case CP_NODE_APPLY:
        scan_flow(s, node, cp_node_at(node, 1), cp_node_count(cp_node_at(node, 1)), false);
        break;
    case CP_NODE_MAP:
    case CP_NODE_IMAP:
        scan_flow(s, node, cp_node_at(node, 1), 1, false);
        break;
    case CP_NODE_EXECUTOR:
    case CP_NODE_AWAIT_EXECUTOR:
        if (is_null(cp_node_at(node, 1))) {
            scan_default_pool(s);
        }
        scan_flow(s, node, first, cp_node_count(first), false);
        break;
    case CP_NODE_CALL_SOON:
        scan_flow(s, node, first, cp_node_count(first), false);
        break;
    case CP_NODE_CREATE:
    case CP_NODE_START:
        scan_flow(s, node, first, cp_node_count(first), true);
        break;
    case CP_NODE_AWAIT_CALL:
        if (!is_null(cp_node_at(node, 1)) && s->proc->version < 312) {
            scan_flow(s, node, first, cp_node_count(first), true);
        } else {
            CpcTask *task = cpc_scan_task(s, first, cp_node_count(first));
            if (task != NULL && cpc_scan_async(s, node, first, task, true)) {
                cpc_scan_callee(s, task);
            }
        }
        break;
    default:
        break;
    }
}

/* --- code of flows --- */

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

/* --- calls --- */

/* Pickled sizes: three children from `at` on. */
static bool set_sizes(Cpc *c, const CpNode *at, CpCallDecl *call)
{
    const CpNode *ints = at->next;
    const CpNode *returns = ints->next;
    call->flags |= is_null(ints) ? 0 : (uint32_t)CP_CALL_INTS;
    return (is_null(at) || cpc_const_size(c, at, &call->size)) &&
           (is_null(returns) || cpc_const_size(c, returns, &call->returns));
}

static bool pool_of(Cpc *c, const CpNode *name, uint32_t *pool)
{
    guint row = GPOINTER_TO_UINT(g_hash_table_lookup(c->proc->pools, name->text));
    *pool = row - 1;
    return row != 0 || cpc_unknown(c, name->pos, "pool", name->text, c->proc->pools, NULL);
}

/* A row for the call of a task; its arguments are evaluated into registers. */
static bool make_call(Cpc *c, const CpNode *invoke, const CpNode *as, CpCallDecl *call)
{
    CpcTask *task = g_hash_table_lookup(c->proc->tasks, invoke->text);
    const CpcHandle *handle =
        as != NULL ? g_hash_table_lookup(c->proc->handles, as->text) : NULL;
    bool tracked = handle != NULL && handle->run_var != CP_NONE;
    const CpcFlow *flow =
        task != NULL ? find_flow(c->proc, task, tracked ? handle : NULL) : NULL;
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

static uint32_t call_row(Cpc *c, const CpCallDecl *call)
{
    if (c->measure) {
        return 0;
    }
    g_array_append_val(c->w->calls, *call);
    return c->w->calls->len - 1;
}

/* A timeout that passed goes to `else`, or raises `timeout`. */
static bool timed_out(Cpc *c, const CpNode *timeout, const CpNode *other)
{
    if (is_null(timeout)) {
        return true;
    }
    if (!is_null(other)) {
        return cpc_timeout_else(c, other);
    }
    uint32_t to_raise = cpc_emit(c, CP_OP_JUMP_TIMEOUT, 0, 0, 0, timeout);
    uint32_t to_end = cpc_emit(c, CP_OP_JUMP, 0, 0, 0, timeout);
    cpc_land(c, to_raise);
    cpc_emit(c, CP_OP_RAISE, 0, 0, c->measure ? 0 : cp_workload_string(c->w, "timeout"),
             timeout);
    cpc_land(c, to_end);
    return true;
}

/* --- pools --- */

static bool do_pool(Cpc *c, const CpNode *node)
{
    uint32_t pool;
    if (!pool_of(c, node->child, &pool)) {
        return false;
    }
    cpc_emit(c, CP_OP_POOL_OPEN, 0, 0, pool, node);
    bool ok = cpc_body(c, cp_node_at(node, 2));
    cpc_emit(c, CP_OP_POOL_SHUTDOWN, CP_SHUTDOWN_WAIT, 0, pool, node);
    return ok;
}

static bool do_submit(Cpc *c, const CpNode *node)
{
    CpCallDecl call;
    bool apply = node->kind == CP_NODE_APPLY;
    const CpNode *as = name_given(node);
    uint32_t pool;
    if (!pool_of(c, node->child, &pool) || !make_call(c, cp_node_at(node, 1), as, &call) ||
        !set_sizes(c, cp_node_at(node, 3), &call)) {
        return false;
    }
    call.pool = pool;
    call.flags |= apply ? (uint32_t)CP_CALL_KEEP : 0;
    cpc_emit(c, CP_OP_SUBMIT, 0, 0, call_row(c, &call), node);
    if (apply) {
        cpc_emit(c, CP_OP_RESULT, CP_REG_VALUE, CP_REG_NONE, 0, node);
    }
    keep_handle(c, as, node);
    return true;
}

/* The list or range a map goes over. */
static bool map_over(Cpc *c, const CpNode *list, CpCallDecl *call)
{
    const CpNode *behind = cpc_resolve(c, list);
    if (behind->kind != CP_NODE_RANGE) {
        CpDim dim;
        g_autoptr(GArray) values = g_array_new(FALSE, FALSE, sizeof(int64_t));
        if (!cpc_const_list(c, list, values, &dim)) {
            return false;
        }
        call->list = cpc_list(c, values);
        return true;
    }
    call->from = cpc_reg(c, 2);
    return cpc_eval_to(c, cp_node_at(behind, 0), call->from, NULL) &&
           cpc_eval_to(c, cp_node_at(behind, 1), (uint16_t)(call->from + 1), NULL);
}

/* Runs the body once for each result until the iterator ends. */
static bool iterate(Cpc *c, uint16_t iter, const CpNode *body, const CpNode *node)
{
    uint32_t top = cpc_emit(c, CP_OP_ITER_NEXT, 0, iter, 0, node);
    bool ok = cpc_body(c, body);
    cpc_emit(c, CP_OP_JUMP, 0, 0, top, node);
    cpc_land(c, top);
    return ok;
}

static bool do_map(Cpc *c, const CpNode *node)
{
    bool imap = node->kind == CP_NODE_IMAP;
    const CpNode *name = cp_node_at(node, 1);
    const CpNode *chunk = cp_node_at(node, imap ? 4 : 3);
    CpcTask *task = g_hash_table_lookup(c->proc->tasks, name->text);
    const CpcFlow *flow = task != NULL ? find_flow(c->proc, task, NULL) : NULL;
    CpCallDecl call = {.thread = CP_NONE, .delay_arg = CP_ARG_NONE, .list = CP_NONE};
    int64_t n = 0;
    if (flow == NULL || !pool_of(c, node->child, &call.pool) ||
        (!is_null(chunk) && !cpc_const_int(c, chunk, 1, INT32_MAX, &n)) ||
        !set_sizes(c, chunk->next, &call) || !map_over(c, cp_node_at(node, 2), &call)) {
        return false;
    }
    call.task = flow->index;
    call.chunk = (uint32_t)n;
    uint16_t iter = cpc_reg(c, 1);
    cpc_emit(c, CP_OP_MAP, 0, iter, call_row(c, &call), node);
    if (imap) {
        return iterate(c, iter, cp_node_at(node, 3), node);
    }
    cpc_emit(c, CP_OP_ITER_ALL, 0, iter, 0, node);
    return true;
}

static bool do_result(Cpc *c, const CpNode *node)
{
    uint16_t handle, timeout;
    if (!handle_reg(c, node->child, &handle) ||
        !cpc_timeout_reg(c, cp_node_at(node, 1), &timeout)) {
        return false;
    }
    cpc_emit(c, CP_OP_RESULT, (uint8_t)handle, timeout, 0, node);
    return timed_out(c, cp_node_at(node, 1), cp_node_at(node, 2));
}

static bool do_cancel(Cpc *c, const CpNode *node)
{
    uint16_t handle;
    if (!handle_reg(c, node->child, &handle)) {
        return false;
    }
    cpc_emit(c, CP_OP_CANCEL, (uint8_t)handle, 0, 0, node);
    return true;
}

static bool do_as_completed(Cpc *c, const CpNode *node)
{
    uint32_t pool;
    uint16_t iter = cpc_reg(c, 1);
    if (!pool_of(c, node->child, &pool)) {
        return false;
    }
    cpc_emit(c, CP_OP_AS_COMPLETED, 0, iter, pool, node);
    return iterate(c, iter, cp_node_at(node, 1), node);
}

static CpGroupKind group_kind(const CpNode *word)
{
    return has_word(word, "first")       ? CP_GROUP_FIRST
           : has_word(word, "exception") ? CP_GROUP_EXCEPTION
                                         : CP_GROUP_ALL;
}

static bool do_completed(Cpc *c, const CpNode *node)
{
    uint32_t pool;
    uint16_t timeout;
    if (!pool_of(c, node->child, &pool) ||
        !cpc_timeout_reg(c, cp_node_at(node, 2), &timeout)) {
        return false;
    }
    cpc_emit(c, CP_OP_COMPLETED, (uint8_t)group_kind(cp_node_at(node, 1)), timeout, pool,
             node);
    return cpc_timeout_else(c, cp_node_at(node, 3));
}

static bool do_shutdown(Cpc *c, const CpNode *node)
{
    uint32_t pool;
    bool cancel = !is_null(cp_node_at(node, 1));
    if (!pool_of(c, node->child, &pool)) {
        return false;
    }
    cpc_emit(c, CP_OP_POOL_SHUTDOWN,
             (uint8_t)(CP_SHUTDOWN_WAIT | (cancel ? CP_SHUTDOWN_CANCEL : 0)), 0, pool,
             node);
    return true;
}

/* --- asyncio --- */

static bool in_group(Cpc *c)
{
    return c->group != CP_REG_NONE;
}

static void group_add(Cpc *c, const CpNode *node)
{
    cpc_emit(c, CP_OP_GROUP_ADD, CP_REG_VALUE, c->group, 0, node);
}

/* Inside gather and its like, what is created belongs to the group. */
static bool do_create(Cpc *c, const CpNode *node)
{
    CpCallDecl call;
    bool start = node->kind == CP_NODE_START;
    const CpNode *as = name_given(node);
    if (start && !in_group(c)) {
        cp_diag_error(c->diag, node->pos, "a call stands here without a word before it");
        cp_diag_help(c->diag, "write 'await %s(…)' or 'create %s(…)'", node->child->text,
                     node->child->text);
        return false;
    }
    if (!make_call(c, node->child, as, &call)) {
        return false;
    }
    call.flags |= start ? (uint32_t)CP_CALL_KEEP : 0;
    cpc_emit(c, CP_OP_CREATE, 0, 0, call_row(c, &call), node);
    keep_handle(c, as, node);
    if (start) {
        group_add(c, node);
    }
    return true;
}

static bool do_member(Cpc *c, const CpNode *node)
{
    uint16_t handle;
    if (!handle_reg(c, node->child, &handle)) {
        return false;
    }
    if (!in_group(c)) {
        return cp_diag_error(c->diag, node->pos, "write 'await %s'", node->child->text);
    }
    cpc_emit(c, CP_OP_GROUP_ADD, (uint8_t)handle, c->group, 0, node);
    return true;
}

static bool group(Cpc *c, CpGroupKind kind, const CpNode *body, const CpNode *timeout,
                  const CpNode *node)
{
    uint16_t limit = CP_REG_NONE;
    uint16_t outer = c->group;
    if (timeout != NULL && !cpc_timeout_reg(c, timeout, &limit)) {
        return false;
    }
    uint16_t reg = cpc_reg(c, 1);
    cpc_emit(c, CP_OP_GROUP, (uint8_t)kind, reg, 0, node);
    c->group = reg;
    bool ok = cpc_body(c, body);
    c->group = outer;
    cpc_emit(c, CP_OP_GROUP_AWAIT, (uint8_t)reg, limit, 0, node);
    return ok;
}

static bool do_gather(Cpc *c, const CpNode *node)
{
    bool tasks = node->kind == CP_NODE_GROUP;
    if (tasks && !cpc_needs_version(c, c->proc, node->pos, "'group' (TaskGroup)", 311)) {
        return false;
    }
    return group(c, tasks ? CP_GROUP_TASKS : CP_GROUP_GATHER, node->child, NULL, node);
}

static bool do_await_set(Cpc *c, const CpNode *node)
{
    return group(c, group_kind(node->child), cp_node_at(node, 1), cp_node_at(node, 2),
                 node) &&
           cpc_timeout_else(c, cp_node_at(node, 3));
}

static bool do_await(Cpc *c, const CpNode *node)
{
    uint16_t handle, timeout;
    if (!handle_reg(c, node->child, &handle) ||
        !cpc_timeout_reg(c, cp_node_at(node, 1), &timeout)) {
        return false;
    }
    cpc_emit(c, CP_OP_AWAIT, (uint8_t)handle, timeout, 0, node);
    return timed_out(c, cp_node_at(node, 1), cp_node_at(node, 2));
}

/* asyncio.timeout around a call or a block. */
static bool timeout_block(Cpc *c, const CpNode *time, const CpNode *body,
                          const CpNode *call, const CpNode *other, const CpNode *node)
{
    uint8_t a;
    uint32_t arg;
    if (!cpc_duration(c, time, &a, &arg)) {
        return false;
    }
    uint16_t reg = cpc_reg(c, 1);
    cpc_emit(c, CP_OP_TIMEOUT_BEGIN, a, reg, arg, node);
    bool ok = body != NULL ? cpc_body(c, body) : cpc_call(c, call->text, call->child, call);
    cpc_emit(c, CP_OP_TIMEOUT_END, 0, reg, 0, node);
    return ok && timed_out(c, time, other);
}

static bool do_timeout(Cpc *c, const CpNode *node)
{
    return cpc_needs_version(c, c->proc, node->pos, "a 'timeout' block", 311) &&
           timeout_block(c, node->child, cp_node_at(node, 1), NULL, cp_node_at(node, 2),
                         node);
}

/* A coroutine that is awaited runs in place.  wait_for makes a task of it up to 3.11. */
static bool do_await_call(Cpc *c, const CpNode *node)
{
    const CpNode *call = node->child;
    const CpNode *timeout = cp_node_at(node, 1);
    const CpNode *other = cp_node_at(node, 2);
    CpCallDecl row;
    uint16_t limit;
    if (is_null(timeout)) {
        return cpc_call(c, call->text, call->child, call);
    }
    if (c->proc->version >= 312) {
        return timeout_block(c, timeout, NULL, call, other, node);
    }
    if (!make_call(c, call, NULL, &row) || !cpc_timeout_reg(c, timeout, &limit)) {
        return false;
    }
    row.flags |= CP_CALL_KEEP;
    cpc_emit(c, CP_OP_CREATE, 0, 0, call_row(c, &row), node);
    cpc_emit(c, CP_OP_AWAIT, CP_REG_VALUE, limit, 0, node);
    return timed_out(c, timeout, other);
}

static bool do_await_wait(Cpc *c, const CpNode *node)
{
    uint8_t a;
    uint32_t arg;
    if (!cpc_duration(c, node->child, &a, &arg)) {
        return false;
    }
    cpc_emit(c, CP_OP_AWAIT_SLEEP, a, 0, arg, node);
    return true;
}

static bool do_await_yield(Cpc *c, const CpNode *node)
{
    cpc_emit(c, CP_OP_AWAIT_SLEEP, CP_ARG_CONST, 0, cpc_const(c, 0), node);
    return true;
}

/* The ordinary operation; cpc_find_obj looks at the flag and takes it back. */
static bool do_await_op(Cpc *c, const CpNode *node)
{
    const CpNode *op = node->child->child;
    static const uint8_t kinds[] = {CP_NODE_LOCK, CP_NODE_ACQUIRE, CP_NODE_WAITFOR,
                                    CP_NODE_RECV, CP_NODE_SEND,    CP_NODE_RECV_EACH};
    if (op == NULL || op->next != NULL || memchr(kinds, op->kind, sizeof kinds) == NULL) {
        return cp_diag_error(c->diag, node->pos, "this cannot be awaited");
    }
    c->awaiting = true;
    bool ok = cpc_body(c, node->child);
    c->awaiting = false;
    return ok;
}

static bool do_executor(Cpc *c, const CpNode *node)
{
    CpCallDecl call;
    bool awaits = node->kind == CP_NODE_AWAIT_EXECUTOR;
    const CpNode *pool = cp_node_at(node, 1);
    const CpNode *as = name_given(node);
    uint16_t limit = CP_REG_NONE;
    if (!make_call(c, node->child, as, &call) ||
        !set_sizes(c, cp_node_at(node, awaits ? 4 : 3), &call) ||
        (!is_null(pool) && !pool_of(c, pool, &call.pool)) ||
        (awaits && !cpc_timeout_reg(c, cp_node_at(node, 2), &limit))) {
        return false;
    }
    if (is_null(pool)) {
        call.pool = GPOINTER_TO_UINT(g_hash_table_lookup(c->proc->pools, default_pool)) - 1;
    }
    call.flags |= awaits || in_group(c) ? (uint32_t)CP_CALL_KEEP : 0;
    cpc_emit(c, CP_OP_EXECUTOR, 0, 0, call_row(c, &call), node);
    if (awaits) {
        cpc_emit(c, CP_OP_AWAIT, CP_REG_VALUE, limit, 0, node);
        return timed_out(c, cp_node_at(node, 2), cp_node_at(node, 3));
    }
    keep_handle(c, as, node);
    if (in_group(c)) {
        group_add(c, node);
    }
    return true;
}

static bool do_call_soon(Cpc *c, const CpNode *node)
{
    CpCallDecl call;
    const CpNode *delay = cp_node_at(node, 1);
    const CpNode *thread = cp_node_at(node, 2);
    const CpNode *as = name_given(node);
    if (!make_call(c, node->child, as, &call)) {
        return false;
    }
    if (!is_null(delay) && !cpc_duration(c, delay, &call.delay_arg, &call.delay)) {
        return false;
    }
    if (!is_null(thread)) {
        const CpcThread *on = g_hash_table_lookup(c->proc->threads, thread->text);
        if (on == NULL) {
            return cpc_unknown(c, thread->pos, "thread", thread->text, c->proc->threads,
                               NULL);
        }
        call.thread = on->index;
    }
    cpc_emit(c, CP_OP_CALL_SOON, 0, 0, call_row(c, &call), node);
    keep_handle(c, as, node);
    return true;
}

/* --- exceptions --- */

static uint32_t exception(Cpc *c, const CpNode *name)
{
    return c->measure ? 0 : cp_workload_string(c->w, name->text);
}

static bool is_word(const CpNode *name, const char *word)
{
    return name->kind == CP_NODE_NAME && strcmp(name->text, word) == 0;
}

static bool is_clause(const CpNode *name)
{
    return !is_word(name, "else") && !is_word(name, "finally");
}

/* Without a name: what the except block around it handles. */
static bool do_raise(Cpc *c, const CpNode *node)
{
    const CpNode *name = node->child;
    if (is_null(name) && c->caught == 0) {
        cp_diag_error(c->diag, node->pos,
                      "'raise' without a name stands in no except block");
        cp_diag_help(c->diag, "name the exception: raise broken");
        return false;
    }
    if (is_null(name)) {
        cpc_emit(c, CP_OP_RERAISE, 0, c->caught, 0, node);
        return true;
    }
    if (!is_clause(name)) {
        return cp_diag_error(c->diag, name->pos, "'%s' is not the name of an exception",
                             name->text);
    }
    cpc_emit(c, CP_OP_RAISE, 0, 0, exception(c, name), node);
    return true;
}

/* What the clauses of a try must be: except, the one for any exception last, then else,
 * then finally. */
static bool check_clauses(Cpc *c, const CpNode *node)
{
    bool any = false, all = false, otherwise = false, finally = false;
    for (const CpNode *n = node->child->next; n != NULL; n = n->next->next) {
        bool is_else = is_word(n, "else"), is_finally = is_word(n, "finally");
        if (finally || (otherwise && !is_finally)) {
            return cp_diag_error(c->diag, n->pos,
                                 "'%s' must be the last clause of this try",
                                 finally ? "finally" : "else");
        }
        if (is_else && !any) {
            return cp_diag_error(c->diag, n->pos, "'else' of a try without except");
        }
        if (!is_else && !is_finally && all) {
            cp_diag_error(c->diag, n->pos, "an except without name must be the last");
            cp_diag_help(c->diag, "it takes every exception, so that nothing is left here");
            return false;
        }
        any |= !is_else && !is_finally;
        all |= is_null(n);
        otherwise |= is_else;
        finally |= is_finally;
    }
    return any || finally ||
           cp_diag_error(c->diag, node->pos, "'try' has neither except nor finally");
}

/* Jumps to the clause's body if the exception in `handler` is `name`.  Exception is all but
 * `cancelled`, as in Python since 3.8. */
static void match(Cpc *c, const CpNode *name, uint16_t handler, GArray *to_body)
{
    uint16_t wanted = (uint16_t)(handler + 1);
    bool most = is_word(name, "Exception");
    uint32_t string = c->measure ? 0
                      : most     ? cp_workload_string(c->w, "cancelled")
                                 : exception(c, name);
    cpc_emit(c, CP_OP_SET, 0, wanted, cpc_const(c, string), name);
    uint32_t jump = cpc_emit(c, CP_OP_JUMP_IF, most ? CP_NE : CP_EQ, handler, 0, name);
    g_array_append_val(to_body, jump);
}

/* The clause's tests and body; *to_end: behind all clauses. */
static bool except_clause(Cpc *c, const CpNode *names, uint16_t handler, GArray *to_end)
{
    g_autoptr(GArray) to_body = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    uint32_t to_next = 0;
    if (names->kind == CP_NODE_LIST) {
        for (const CpNode *n = names->child; n != NULL; n = n->next) {
            match(c, n, handler, to_body);
        }
    } else if (!is_null(names) && !is_word(names, "BaseException")) {
        match(c, names, handler, to_body);
    }
    bool takes_all = is_null(names) || is_word(names, "BaseException");
    if (!takes_all) {
        to_next = cpc_emit(c, CP_OP_JUMP, 0, 0, 0, names);
    }
    for (guint i = 0; i < to_body->len; i++) {
        cpc_land(c, g_array_index(to_body, uint32_t, i));
    }
    uint16_t before = c->caught;
    c->caught = handler;
    bool ok = cpc_body(c, names->next);
    c->caught = before;
    uint32_t done = cpc_emit(c, CP_OP_JUMP, 0, 0, 0, names);
    g_array_append_val(to_end, done);
    if (!takes_all) {
        cpc_land(c, to_next);
    }
    return ok;
}

/* The try with its except and else clauses. */
static bool guarded(Cpc *c, const CpNode *node)
{
    const CpNode *first = node->child->next;
    if (!is_clause(first)) {
        return cpc_body(c, node->child);
    }
    g_autoptr(GArray) to_end = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    uint16_t handler = cpc_reg(c, 2);
    uint32_t to_handler = cpc_emit(c, CP_OP_TRY, 0, handler, 0, node);
    bool ok = cpc_body(c, node->child);
    cpc_emit(c, CP_OP_TRY_END, 0, handler, 0, node);
    for (const CpNode *n = first; n != NULL; n = n->next->next) {
        ok = (!is_word(n, "else") || cpc_body(c, n->next)) && ok;
    }
    uint32_t done = cpc_emit(c, CP_OP_JUMP, 0, 0, 0, node);
    g_array_append_val(to_end, done);
    cpc_land(c, to_handler);
    for (const CpNode *n = first; n != NULL && is_clause(n); n = n->next->next) {
        ok = except_clause(c, n, handler, to_end) && ok;
    }
    cpc_emit(c, CP_OP_RERAISE, 0, handler, 0, node);
    for (guint i = 0; i < to_end->len; i++) {
        cpc_land(c, g_array_index(to_end, uint32_t, i));
    }
    return ok;
}

/* `finally` is one piece of code for both ways into it: the register holds the exception to
 * go on with, or -1. */
static bool do_try(Cpc *c, const CpNode *node)
{
    if (!check_clauses(c, node)) {
        return false;
    }
    const CpNode *last = node->child->next;
    while (last->next->next != NULL) {
        last = last->next->next;
    }
    if (!is_word(last, "finally")) {
        return guarded(c, node);
    }
    uint16_t exc = cpc_reg(c, 2);
    uint32_t to_finally = cpc_emit(c, CP_OP_TRY, 0, exc, 0, node);
    bool ok = guarded(c, node);
    cpc_emit(c, CP_OP_TRY_END, 0, exc, 0, node);
    cpc_emit(c, CP_OP_SET, 0, exc, cpc_const(c, -1), node);
    cpc_land(c, to_finally);
    ok = cpc_body(c, last->next) && ok;
    cpc_emit(c, CP_OP_SET, 0, (uint16_t)(exc + 1), cpc_const(c, -1), node);
    uint32_t to_end = cpc_emit(c, CP_OP_JUMP_IF, CP_EQ, exc, 0, node);
    cpc_emit(c, CP_OP_RERAISE, 0, exc, 0, node);
    cpc_land(c, to_end);
    return ok;
}

/* --- the rest --- */

static bool do_print(Cpc *c, const CpNode *node)
{
    cpc_emit(c, CP_OP_PRINT, 0, 0, 0, node);
    return true;
}

static bool do_input(Cpc *c, const CpNode *node)
{
    uint8_t a;
    uint32_t arg;
    if (!cpc_duration(c, node->child, &a, &arg)) {
        return false;
    }
    cpc_emit(c, CP_OP_OUTSIDE, a, 0, arg, node);
    return true;
}

static bool do_touch(Cpc *c, const CpNode *node)
{
    CpObjKind kind;
    int64_t n = 1;
    const CpNode *count = cp_node_at(node, 1);
    uint32_t obj = cpc_find_obj(c, node->child, "touch", 1u << CP_OBJ_OBJECT, &kind);
    if (obj == CP_NONE ||
        (!is_null(count) && !cpc_const_int(c, count, 0, INT64_MAX / 1000, &n))) {
        return false;
    }
    uint32_t row = cpc_const(c, n);
    if (row > UINT16_MAX) {
        return cp_diag_error(c->diag, node->pos,
                             "more than 65536 different constants before this 'touch'");
    }
    cpc_emit(c, CP_OP_TOUCH, 0, (uint16_t)row, obj, node);
    return true;
}

static bool do_alloc(Cpc *c, const CpNode *node)
{
    int64_t n;
    if (!cpc_const_int(c, node->child, 0, INT32_MAX, &n)) {
        return false;
    }
    cpc_emit(c, CP_OP_ALLOC, 0, 0, cpc_const(c, n), node);
    return true;
}

bool cpc_signal(Cpc *c, CpPos pos, const char *name, uint32_t *number)
{
    static const struct {
        const char *name;
        uint32_t number;
    } all[] = {{"SIGHUP", 1},   {"SIGINT", 2},   {"SIGQUIT", 3},
               {"SIGKILL", 9},  {"SIGUSR1", 10}, {"SIGUSR2", 12},
               {"SIGALRM", 14}, {"SIGTERM", 15}, {"SIGCHLD", 17}};
    const char *names[G_N_ELEMENTS(all) + 1] = {NULL};
    for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
        if (strcmp(all[i].name, name) == 0) {
            *number = all[i].number;
            return true;
        }
        names[i] = all[i].name;
    }
    const char *near = cp_nearest(name, names);
    g_autofree char *list = g_strjoinv(", ", (char **)names);
    cp_diag_error(c->diag, pos, "unknown signal '%s'", name);
    if (near != NULL) {
        cp_diag_help(c->diag, "did you mean '%s'?", near);
    } else {
        cp_diag_help(c->diag, "signals: %s", list);
    }
    return false;
}

/* A process is meant by its name, or by that of a thread or spawned process in it. */
static bool do_kill(Cpc *c, const CpNode *node)
{
    const CpNode *name = node->child;
    const CpNode *word = cp_node_at(node, 1);
    uint32_t number;
    if (!cpc_signal(c, word->pos, word->text, &number)) {
        return false;
    }
    const CpcThread *thread = g_hash_table_lookup(c->proc->threads, name->text);
    const CpcProc *proc = g_hash_table_lookup(c->procs, name->text);
    if (thread == NULL && proc == NULL) {
        return cpc_unknown(c, name->pos, "process or thread", name->text, c->procs,
                           c->proc->threads, NULL);
    }
    uint32_t decl =
        thread != NULL ? thread->index : cp_proc_decl(c->w, proc->index)->first_thread;
    cpc_emit(c, CP_OP_KILL, (uint8_t)number, 0, decl, node);
    return true;
}

static const struct {
    CpNodeKind kind;
    bool loop; /* stands in async code only */
    bool (*compile)(Cpc *c, const CpNode *node);
} compilers[] = {
    {CP_NODE_POOL, false, do_pool},
    {CP_NODE_SUBMIT, false, do_submit},
    {CP_NODE_APPLY, false, do_submit},
    {CP_NODE_MAP, false, do_map},
    {CP_NODE_IMAP, false, do_map},
    {CP_NODE_RESULT, false, do_result},
    {CP_NODE_CANCEL, false, do_cancel},
    {CP_NODE_AS_COMPLETED, false, do_as_completed},
    {CP_NODE_COMPLETED, false, do_completed},
    {CP_NODE_SHUTDOWN, false, do_shutdown},
    {CP_NODE_CREATE, true, do_create},
    {CP_NODE_START, false, do_create},
    {CP_NODE_MEMBER, true, do_member},
    {CP_NODE_GATHER, true, do_gather},
    {CP_NODE_GROUP, true, do_gather},
    {CP_NODE_TIMEOUT, true, do_timeout},
    {CP_NODE_AWAIT, true, do_await},
    {CP_NODE_AWAIT_CALL, true, do_await_call},
    {CP_NODE_AWAIT_WAIT, true, do_await_wait},
    {CP_NODE_AWAIT_YIELD, true, do_await_yield},
    {CP_NODE_AWAIT_SET, true, do_await_set},
    {CP_NODE_AWAIT_OP, true, do_await_op},
    {CP_NODE_AWAIT_EXECUTOR, true, do_executor},
    {CP_NODE_EXECUTOR, true, do_executor},
    {CP_NODE_CALL_SOON, false, do_call_soon},
    {CP_NODE_RAISE, false, do_raise},
    {CP_NODE_TRY, false, do_try},
    {CP_NODE_PRINT, false, do_print},
    {CP_NODE_INPUT, false, do_input},
    {CP_NODE_TOUCH, false, do_touch},
    {CP_NODE_ALLOC, false, do_alloc},
    {CP_NODE_KILL, false, do_kill},
};

bool cpc_python(Cpc *c, const CpNode *node)
{
    if (!c->proc->python) {
        cp_diag_error(c->diag, node->pos, "this statement needs a python runtime");
        cp_diag_help(c->diag, "declare the process with 'runtime python \"3.12\"'");
        return false;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(compilers); i++) {
        if (compilers[i].kind != (CpNodeKind)node->kind) {
            continue;
        }
        if (compilers[i].loop && !c->is_async) {
            return cp_diag_error(c->diag, node->pos,
                                 "this statement stands in an async task only");
        }
        return compilers[i].compile(c, node);
    }
    return false;
}
