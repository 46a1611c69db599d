#include "lang/compiler.h"
#include "sim/words.h"

#include "models/python/declare.h"

#include <string.h>

/* Decides what code pools of threads, processes and interpreters become. */

/* --- before anything is compiled --- */

static bool pool_kind(Cpc *c, const CpNode *word, CpPoolKind *kind)
{
    static const char *const kinds[] = {[CP_POOL_THREADS] = "threads",
                                        [CP_POOL_PROCESSES] = "processes",
                                        [CP_POOL_INTERPRETERS] = "interpreters",
                                        [CP_POOL_WORKERS] = "workers",
                                        NULL};
    const CpNode *node = cpc_resolve(c, word);
    for (int i = 0; kinds[i] != NULL; i++) {
        if (cp_node_says(node, kinds[i])) {
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

void cpc_note_pool(CpcScan *s, const CpNode *node)
{
    Cpc *c = s->c;
    CpPoolKind kind;
    int64_t n = 0;
    const CpNode *count = cp_node_child(node, CP_CHILD_COUNT);
    CpPoolDecl keys = {.start_method = CP_START_DEFAULT};
    if (g_hash_table_contains(s->proc->pools, cp_node_child(node, CP_CHILD_NAME)->text)) {
        s->ok = cp_diag_error(c->diag, cp_node_child(node, CP_CHILD_NAME)->pos,
                              "pool '%s' is declared twice",
                              cp_node_child(node, CP_CHILD_NAME)->text);
        return;
    }
    bool ok = pool_kind(c, cp_node_child(node, CP_CHILD_KIND), &kind);
    ok = ok && (cp_node_is_null(count) || cpc_const_int(c, count, 1, 10000, &n));
    ok = ok && cpc_keys(c, cp_node_child(node, CP_CHILD_KEYS), cp_pool_keys, CP_KINDS_ANY,
                        "a pool", &keys);
    ok = ok && (kind != CP_POOL_INTERPRETERS ||
                cpc_needs_version(c, s->proc, node->pos, "a pool of interpreters",
                                  CP_PY_INTERPRETER_POOL));
    if (!ok) {
        s->ok = false;
        g_hash_table_insert(s->proc->pools,
                            (char *)cp_node_child(node, CP_CHILD_NAME)->text,
                            GUINT_TO_POINTER(1)); /* said once */
        return;
    }
    uint32_t pool = cp_workload_pool(
        c->w, s->proc->index, cp_node_child(node, CP_CHILD_NAME)->text, kind, (uint32_t)n);
    cp_pool_decl(c->w, pool)->start_method = keys.start_method;
    g_hash_table_insert(s->proc->pools, (char *)cp_node_child(node, CP_CHILD_NAME)->text,
                        GUINT_TO_POINTER(pool + 1));
}

/* The executor a loop makes for itself: its name cannot be written. */
static const char default_pool[] = "(default)";

static void note_default_pool(CpcScan *s)
{
    if (g_hash_table_contains(s->proc->pools, default_pool)) {
        return;
    }
    uint32_t pool =
        cp_workload_pool(s->c->w, s->proc->index, "executor", CP_POOL_THREADS, 0);
    g_hash_table_insert(s->proc->pools, (char *)(uintptr_t)default_pool,
                        GUINT_TO_POINTER(pool + 1));
}

void cpc_note_executor(CpcScan *s, const CpNode *node)
{
    if (cp_node_find(node, CP_CHILD_NAME) == NULL) {
        note_default_pool(s);
    }
    cpc_note_flow(s, node);
}

/* --- code --- */

bool cpc_pool_of(Cpc *c, const CpNode *name, uint32_t *pool)
{
    const char *text = name != NULL ? name->text : default_pool;
    guint row = GPOINTER_TO_UINT(g_hash_table_lookup(c->proc->pools, text));
    *pool = row - 1;
    return row != 0 || (name != NULL && cpc_unknown(c, name->pos, "pool", name->text,
                                                    c->proc->pools, NULL));
}

bool cpc_do_pool(Cpc *c, const CpNode *node)
{
    uint32_t pool;
    if (!cpc_pool_of(c, cp_node_child(node, CP_CHILD_NAME), &pool)) {
        return false;
    }
    cpc_emit(c, CP_OP_POOL_OPEN, 0, 0, pool, node);
    const CpInsn leave = {CP_OP_POOL_SHUTDOWN, CP_SHUTDOWN_WAIT, 0, pool};
    return cpc_with(c, node, &leave);
}

bool cpc_do_submit(Cpc *c, const CpNode *node)
{
    CpCallDecl call;
    bool apply = node->kind == CP_NODE_APPLY;
    const CpNode *as = cp_node_find(node, CP_CHILD_AS);
    uint32_t pool;
    if (!cpc_pool_of(c, cp_node_child(node, CP_CHILD_NAME), &pool) ||
        !cpc_make_call(c, cp_node_child(node, CP_CHILD_CALL), as, &call) ||
        !cpc_set_sizes(c, node, &call)) {
        return false;
    }
    call.pool = pool;
    call.flags |= apply ? (uint32_t)CP_CALL_KEEP : 0;
    cpc_emit(c, CP_OP_SUBMIT, 0, 0, cpc_call_row(c, &call), node);
    if (apply) {
        cpc_emit(c, CP_OP_RESULT, CP_REG_VALUE, CP_REG_NONE, 0, node);
        return cpc_keep_value(c, node);
    }
    cpc_keep_handle(c, as, node);
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
    return cpc_eval_to(c, cp_node_child(behind, CP_CHILD_LEFT), call->from, NULL) &&
           cpc_eval_to(c, cp_node_child(behind, CP_CHILD_RIGHT), (uint16_t)(call->from + 1),
                       NULL);
}

/* Runs the body once for each result until the iterator ends. */
static bool iterate(Cpc *c, uint16_t iter, const CpNode *node)
{
    const CpNode *to = cp_node_find(node, CP_CHILD_TO);
    const CpNode *as = cp_node_find(node, CP_CHILD_AS);
    uint32_t top = cpc_emit(c, CP_OP_ITER_NEXT, as != NULL, iter, 0, node);
    cpc_keep_handle(c, as, node);
    if (to != NULL) {
        uint16_t entry = cpc_reg(c, 1);
        cpc_emit(c, CP_OP_MOVE, 0, entry, CP_REG_VALUE, node);
        cpc_local_push(c, to->text, entry, CP_DIM_ANY);
    }
    CpcScope loop;
    cpc_scope_push(c, &loop, CPC_SCOPE_LOOP);
    loop.undo = (CpInsn){CP_OP_ITER_DROP, 0, iter, 0};
    bool ok = cpc_body(c, cp_node_child(node, CP_CHILD_BODY));
    if (to != NULL) {
        g_array_set_size(c->locals, c->locals->len - 1);
    }
    cpc_scope_land(c, &loop, CPC_CONTINUE);
    cpc_emit(c, CP_OP_JUMP, 0, 0, top, node);
    cpc_land(c, top);
    cpc_scope_land(c, &loop, CPC_BREAK);
    cpc_scope_pop(c, &loop);
    return ok;
}

bool cpc_do_map(Cpc *c, const CpNode *node)
{
    bool imap = node->kind != CP_NODE_MAP;
    uint16_t limit = CP_REG_NONE;
    const CpNode *name = cp_node_child(node, CP_CHILD_TASK);
    const CpNode *chunk = cp_node_child(node, CP_CHILD_CHUNK);
    CpcTask *task = g_hash_table_lookup(c->proc->tasks, name->text);
    const CpcFlow *flow = task != NULL ? cpc_flow_find(c->proc, task, NULL) : NULL;
    CpCallDecl call = {.thread = CP_NONE, .delay_arg = CP_ARG_NONE, .list = CP_NONE};
    int64_t n = 0;
    if (flow == NULL || !cpc_pool_of(c, cp_node_child(node, CP_CHILD_NAME), &call.pool) ||
        (!cp_node_is_null(chunk) && !cpc_const_int(c, chunk, 1, INT32_MAX, &n)) ||
        !cpc_set_sizes(c, node, &call) ||
        !map_over(c, cp_node_child(node, CP_CHILD_LIST), &call)) {
        return false;
    }
    call.task = flow->index;
    call.chunk = (uint32_t)n;
    bool named = cp_node_find(node, CP_CHILD_TO) != NULL;
    call.flags |= named ? (uint32_t)CP_CALL_VALUES : 0;
    if (!cpc_timeout_reg(c, node, &limit)) {
        return false;
    }
    uint16_t iter = cpc_reg(c, 1);
    cpc_emit(c, CP_OP_MAP, node->kind == CP_NODE_IMAP_UNORDERED, iter,
             cpc_call_row(c, &call), node);
    if (imap) {
        return iterate(c, iter, node);
    }
    cpc_emit(c, CP_OP_ITER_ALL, (uint8_t)iter, limit, 0, node);
    return cpc_keep_in_time(c, node) && cpc_timed_out(c, node);
}

bool cpc_do_result(Cpc *c, const CpNode *node)
{
    uint16_t handle, timeout;
    if (!cpc_handle_reg(c, cp_node_child(node, CP_CHILD_NAME), &handle) ||
        !cpc_timeout_reg(c, node, &timeout)) {
        return false;
    }
    cpc_emit(c, CP_OP_RESULT, (uint8_t)handle, timeout, 0, node);
    return cpc_keep_in_time(c, node) && cpc_timed_out(c, node);
}

/* cancel TIMER: its event is set, so that it ends without a call. */
static bool cancel_timer(Cpc *c, const CpNode *node)
{
    const char *name = cp_node_child(node, CP_CHILD_NAME)->text;
    CpcThread *thread = g_hash_table_lookup(c->proc->threads, name);
    bool is_timer = thread != NULL && thread->after > 0 &&
                    g_hash_table_lookup(c->proc->handles, name) == NULL;
    if (is_timer) {
        cpc_emit(c, CP_OP_EVENT_SET, 0, 0, cpc_timer_event(c, thread), node);
    }
    return is_timer;
}

bool cpc_do_cancel(Cpc *c, const CpNode *node)
{
    uint16_t handle;
    if (cancel_timer(c, node)) {
        return true;
    }
    if (!cpc_handle_reg(c, cp_node_child(node, CP_CHILD_NAME), &handle)) {
        return false;
    }
    cpc_emit(c, CP_OP_CANCEL, (uint8_t)handle, 0, 0, node);
    return true;
}

bool cpc_do_as_completed(Cpc *c, const CpNode *node)
{
    uint32_t pool;
    uint16_t iter = cpc_reg(c, 1);
    if (!cpc_pool_of(c, cp_node_child(node, CP_CHILD_NAME), &pool)) {
        return false;
    }
    cpc_emit(c, CP_OP_AS_COMPLETED, 0, iter, pool, node);
    return iterate(c, iter, node);
}

CpGroupKind cpc_group_kind(const CpNode *word)
{
    return cp_node_says(word, "first")       ? CP_GROUP_FIRST
           : cp_node_says(word, "exception") ? CP_GROUP_EXCEPTION
                                             : CP_GROUP_ALL;
}

bool cpc_do_completed(Cpc *c, const CpNode *node)
{
    uint32_t pool;
    uint16_t timeout;
    if (!cpc_pool_of(c, cp_node_child(node, CP_CHILD_NAME), &pool) ||
        !cpc_timeout_reg(c, node, &timeout)) {
        return false;
    }
    cpc_emit(c, CP_OP_COMPLETED,
             (uint8_t)cpc_group_kind(cp_node_child(node, CP_CHILD_MODE)), timeout, pool,
             node);
    return cpc_timeout_else(c, node);
}

bool cpc_do_shutdown(Cpc *c, const CpNode *node)
{
    uint32_t pool;
    bool cancel = !cp_node_is_null(cp_node_child(node, CP_CHILD_MODE));
    if (!cpc_pool_of(c, cp_node_child(node, CP_CHILD_NAME), &pool)) {
        return false;
    }
    cpc_emit(c, CP_OP_POOL_SHUTDOWN,
             (uint8_t)(CP_SHUTDOWN_WAIT | (cancel ? CP_SHUTDOWN_CANCEL : 0)), 0, pool,
             node);
    return true;
}
