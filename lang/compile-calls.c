#include "lang/compiler.h"

#include <string.h>

/* Decides who calls whom: looks through all code for calls and spawned threads before
 * anything is compiled, and sorts the tasks so that callers come before callees. */

static void add_callee(GPtrArray *callees, CpcTask *task)
{
    task->called = true;
    if (!g_ptr_array_find(callees, task, NULL)) {
        g_ptr_array_add(callees, task);
    }
}

void cpc_scan_callee(CpcScan *s, CpcTask *task)
{
    add_callee(s->callees, task);
}

CpcTask *cpc_scan_task(CpcScan *s, const CpNode *name, unsigned n_args)
{
    CpcTask *task = g_hash_table_lookup(s->proc->tasks, name->text);
    if (task == NULL) {
        s->ok = cpc_unknown(s->c, name->pos, "task", name->text, s->proc->tasks, NULL);
        return NULL;
    }
    if (n_args != task->n_params) {
        cp_diag_error(s->c->diag, name->pos, "task '%s' takes %u argument%s, not %u",
                      name->text, task->n_params, task->n_params == 1 ? "" : "s", n_args);
        cp_diag_note(s->c->diag, task->node->pos, "declared here");
        s->ok = false;
        return NULL;
    }
    return task;
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

/* --- spawned threads --- */

static uint32_t spawn_flags(const CpNode *spawn)
{
    bool daemon = cp_node_find(spawn, CP_CHILD_DAEMON) != NULL;
    bool process = cp_node_says(cp_node_child(spawn, CP_CHILD_KIND), "process");
    return (uint32_t)CP_THREAD_SPAWNED | (daemon ? CP_THREAD_DAEMON : 0u) |
           (process ? CP_THREAD_FORKS : 0u);
}

/* Whether a child process must import the main module, as the text alone says. */
static bool imports_main(const CpcProc *proc, uint8_t method)
{
    method = method == CP_START_DEFAULT ? proc->start_method : method;
    return method == CP_START_SPAWN || method == CP_START_FORKSERVER ||
           (method == CP_START_DEFAULT && cp_python_has(&proc->version, CP_PY_FORKSERVER));
}

/* Whether a key of spawn is one that threads do not have.  `start` is both: the start
 * method of a process if it is a word, else when the thread begins. */
static bool is_spawn_key(Cpc *c, const CpNode *opt)
{
    return cp_key_find(cp_spawn_keys, CP_KINDS_ANY, opt->text) != NULL &&
           (strcmp(opt->text, "start") != 0 ||
            cpc_resolve(c, opt->child)->kind == CP_NODE_NAME);
}

static bool spawn_key(CpcScan *s, const CpNode *opt, const CpThreadDecl *decl,
                      CpSpawnKeys *keys)
{
    Cpc *c = s->c;
    if (!s->proc->python) {
        return cp_diag_error(c->diag, opt->pos, "'%s' needs a python runtime", opt->text);
    }
    if (!(decl->flags & CP_THREAD_FORKS) && strcmp(opt->text, "after") != 0) {
        return cp_diag_error(c->diag, opt->pos, "'%s' is an option of processes",
                             opt->text);
    }
    return cpc_key(c, cp_key_find(cp_spawn_keys, CP_KINDS_ANY, opt->text), opt, keys);
}

static bool spawn_keys(CpcScan *s, const CpNode *spawn, CpcThread *thread,
                       CpThreadDecl *decl)
{
    Cpc *c = s->c;
    bool ok = true;
    CpSpawnKeys keys = {.guard = true};
    CpNode rest = *cp_node_child(spawn, CP_CHILD_KEYS);
    const CpNode *first = rest.child;
    CpNodeList list = {&rest, NULL};
    rest.child = NULL;
    for (const CpNode *opt = first; opt != NULL; opt = opt->next) {
        if (is_spawn_key(c, opt)) {
            ok = spawn_key(s, opt, decl, &keys) && ok;
            continue;
        }
        CpNode *copy = g_newa(CpNode, 1);
        *copy = *opt;
        copy->next = NULL;
        cp_node_add(&list, copy);
    }
    thread->after = keys.after;
    decl->start_method = keys.method;
    thread->refused = !keys.guard && imports_main(s->proc, decl->start_method);
    return cpc_thread_keys(c, &rest, decl) && ok;
}

static void declare_spawned(CpcScan *s, const CpNode *spawn, CpcTask *task)
{
    const CpNode *name = cp_node_child(spawn, CP_CHILD_NAME);
    CpcThread *thread = g_hash_table_lookup(s->proc->threads, name->text);
    if (thread != NULL) {
        if (thread->task != task ||
            (cp_thread_decl(s->c->w, thread->index)->flags != spawn_flags(spawn))) {
            cp_diag_error(s->c->diag, name->pos, "thread '%s' is already something else",
                          name->text);
            cp_diag_note(s->c->diag, thread->node->pos, "first used here");
            cp_diag_help(s->c->diag, "give the threads of each task a name of their own");
            s->ok = false;
        }
        return;
    }
    thread = g_new0(CpcThread, 1);
    thread->node = spawn;
    thread->task = task;
    thread->finished = CP_NONE;
    thread->callees = g_ptr_array_new();
    g_ptr_array_add(thread->callees, task);
    thread->index = cp_workload_thread(s->c->w, s->proc->index, name->text);
    g_hash_table_insert(s->proc->threads, (char *)name->text, thread);
    g_ptr_array_add(s->proc->thread_list, thread);
    CpThreadDecl row = *cp_thread_decl(s->c->w, thread->index);
    row.flags = spawn_flags(spawn);
    row.copies = 0;
    row.line = spawn->pos.line;
    s->ok = spawn_keys(s, spawn, thread, &row) && s->ok;
    *cp_thread_decl(s->c->w, thread->index) = row;
}

void cpc_note_spawn(CpcScan *s, const CpNode *node)
{
    const CpNode *call = cp_node_child(node, CP_CHILD_CALL);
    CpcTask *task = cpc_scan_task(s, call, cp_node_count(call));
    if (task != NULL && cpc_scan_async(s, node, call, task, false)) {
        task->called = true;
        declare_spawned(s, node, task);
    }
}

/* --- looking through the code --- */

void cpc_note_none(CpcScan *s, const CpNode *node)
{
    (void)s;
    (void)node; /* most statements call nothing */
}

void cpc_note_call_as(CpcScan *s, const CpNode *node)
{
    const CpNode *call = cp_node_child(node, CP_CHILD_CALL);
    CpcTask *task = cpc_scan_task(s, call, cp_node_count(call));
    if (task != NULL && cpc_scan_async(s, node, call, task, false)) {
        add_callee(s->callees, task);
    }
}

void cpc_note_call(CpcScan *s, const CpNode *node)
{
    const CpNode *name = cp_node_child(node, CP_CHILD_NAME);
    CpcTask *task = cpc_scan_task(s, name, cp_node_count(node) - 1);
    if (task != NULL && !(task->node->flags & CP_FLAG_ASYNC)) {
        add_callee(s->callees, task);
    } else if (task != NULL) {
        task->called = true; /* makes a coroutine, runs nothing */
    }
}

/* Remembers arguments used directly as a time, so that a call with a bare number can be
 * refused where it is written. */
static void note_time(CpcScan *s, const CpNode *value)
{
    if (s->task == NULL || value == NULL || value->kind != CP_NODE_NAME) {
        return;
    }
    unsigned i = 0;
    const CpNode *params = cp_node_child(s->task->node, CP_CHILD_PARAMS);
    for (const CpNode *p = params->child; p != NULL; p = p->next, i++) {
        if (i < 64 && strcmp(p->text, value->text) == 0) {
            s->task->time_params |= (uint64_t)1 << i;
        }
    }
}

static void scan_statement(CpcScan *s, const CpNode *node)
{
    const CpStmtInfo *info = cp_stmt_info((CpNodeKind)node->kind);
    if (info != NULL && (s->proc->python || !(info->place & CP_STMT_PYTHON))) {
        note_time(s, cp_node_find(node, CP_CHILD_TIME));
        s->c->tables->note[node->kind](s, node);
    }
}

static void scan_body(CpcScan *s, const CpNode *body)
{
    for (const CpNode *node = body->child; node != NULL; node = node->next) {
        scan_statement(s, node);
        for (const CpNode *child = node->child; child != NULL; child = child->next) {
            if (child->kind == CP_NODE_BODY) {
                scan_body(s, child);
            } else if (child->kind == CP_NODE_CASE) {
                scan_body(s, cp_node_child(child, CP_CHILD_BODY));
            }
        }
    }
}

/* --- order of the tasks: callers before callees --- */

static void report_cycle(Cpc *c, GHashTable *left, CpcTask *from)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
    CpcTask *task = from;
    while (g_hash_table_add(seen, task)) {
        for (guint i = 0; i < task->callees->len; i++) {
            CpcTask *next = g_ptr_array_index(task->callees, i);
            if (g_hash_table_contains(left, next)) {
                task = next;
                break;
            }
        }
    }
    g_autoptr(GString) path = g_string_new(task->node->text);
    CpcTask *first = task;
    do {
        for (guint i = 0; i < task->callees->len; i++) {
            CpcTask *next = g_ptr_array_index(task->callees, i);
            if (g_hash_table_contains(left, next)) {
                task = next;
                break;
            }
        }
        g_string_append_printf(path, " -> %s", task->node->text);
    } while (task != first && path->len < 400);
    cp_diag_error(c->diag, first->node->pos, "tasks call each other in a circle: %s",
                  path->str);
    cp_diag_help(c->diag, "a task cannot call itself; use repeat, while or spawn");
}

/* Sorts the task list so that callers come first; false if calls go round in a circle. */
static bool sort_tasks(Cpc *c, CpcProc *proc)
{
    g_autoptr(GHashTable) left = g_hash_table_new(NULL, NULL); /* task -> callers */
    g_autoptr(GPtrArray) order = g_ptr_array_new();
    for (guint i = 0; i < proc->task_list->len; i++) {
        g_hash_table_insert(left, g_ptr_array_index(proc->task_list, i), NULL);
    }
    for (guint i = 0; i < proc->task_list->len; i++) {
        CpcTask *task = g_ptr_array_index(proc->task_list, i);
        for (guint k = 0; k < task->callees->len; k++) {
            void *callee = g_ptr_array_index(task->callees, k);
            gsize n = GPOINTER_TO_SIZE(g_hash_table_lookup(left, callee));
            g_hash_table_insert(left, callee, GSIZE_TO_POINTER(n + 1));
        }
    }
    for (guint i = 0; i < proc->task_list->len; i++) {
        void *task = g_ptr_array_index(proc->task_list, i);
        if (g_hash_table_lookup(left, task) == NULL) {
            g_ptr_array_add(order, task);
        }
    }
    for (guint i = 0; i < order->len; i++) {
        CpcTask *task = g_ptr_array_index(order, i);
        g_hash_table_remove(left, task);
        for (guint k = 0; k < task->callees->len; k++) {
            void *callee = g_ptr_array_index(task->callees, k);
            gsize n = GPOINTER_TO_SIZE(g_hash_table_lookup(left, callee)) - 1;
            g_hash_table_insert(left, callee, GSIZE_TO_POINTER(n));
            if (n == 0) {
                g_ptr_array_add(order, callee);
            }
        }
    }
    for (guint i = 0; i < proc->task_list->len; i++) {
        CpcTask *task = g_ptr_array_index(proc->task_list, i);
        if (g_hash_table_contains(left, task)) {
            /* It is on a circle, or called from one; only the former has callees left. */
            report_cycle(c, left, task);
            return false;
        }
    }
    if (order->len > 0) {
        memcpy(proc->task_list->pdata, order->pdata, order->len * sizeof(void *));
    }
    return true;
}

/* Names of `running NAME`, which a handle must know before it is made. */
static void scan_running(CpcProc *proc, const CpNode *node)
{
    for (const CpNode *n = node->child; n != NULL; n = n->next) {
        if (n->kind == CP_NODE_RUNNING) {
            g_hash_table_add(proc->running, (char *)n->text);
        }
        scan_running(proc, n);
    }
}

bool cpc_scan_calls(Cpc *c, CpcProc *proc)
{
    CpcScan scan = {.c = c, .proc = proc, .ok = true};
    if (proc->python) {
        scan_running(proc, proc->node);
    }
    for (guint i = 0; i < proc->task_list->len; i++) {
        scan.task = g_ptr_array_index(proc->task_list, i);
        scan.callees = scan.task->callees;
        scan_body(&scan, cp_node_child(scan.task->node, CP_CHILD_BODY));
    }
    scan.task = NULL;
    for (guint i = 0; i < proc->flow_list->len; i++) {
        CpcFlow *flow = g_ptr_array_index(proc->flow_list, i);
        if (flow->body != NULL) {
            scan.callees = flow->callees;
            scan_body(&scan, flow->body);
        }
    }
    guint n_declared = proc->thread_list->len;
    for (guint i = 0; i < n_declared; i++) {
        CpcThread *thread = g_ptr_array_index(proc->thread_list, i);
        if (thread->body != NULL) {
            scan.callees = thread->callees;
            scan_body(&scan, thread->body);
        }
    }
    return scan.ok && sort_tasks(c, proc);
}
