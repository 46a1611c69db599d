#include "lang/compiler.h"
#include "sim/words.h"

#include <string.h>

/* Decides what a process, its tasks and its threads become. */

static void task_free(void *data)
{
    CpcTask *task = data;
    g_ptr_array_unref(task->callees);
    g_free(task);
}

static void flow_free(void *data)
{
    CpcFlow *flow = data;
    g_ptr_array_unref(flow->callees);
    g_free(flow);
}

static void thread_free(void *data)
{
    CpcThread *thread = data;
    g_ptr_array_unref(thread->callees);
    g_free(thread);
}

bool cpc_declare_task(Cpc *c, const CpNode *node)
{
    CpcProc *proc = c->proc;
    CpcTask *first = g_hash_table_lookup(proc->tasks, node->text);
    if (first != NULL) {
        return cpc_duplicate(c, node, "task", first->node);
    }
    if ((node->flags & CP_FLAG_ASYNC) && !proc->python) {
        return cp_diag_error(c->diag, node->pos, "async task '%s' needs a python runtime",
                             node->text);
    }
    CpcTask *task = g_new0(CpcTask, 1);
    task->node = node;
    task->n_params = cp_node_count(cp_node_child(node, CP_CHILD_PARAMS));
    task->callees = g_ptr_array_new();
    g_hash_table_insert(proc->tasks, (char *)node->text, task);
    g_ptr_array_add(proc->task_list, task);
    for (const CpNode *a = cp_node_child(node, CP_CHILD_PARAMS)->child; a != NULL;
         a = a->next) {
        for (const CpNode *b = cp_node_child(node, CP_CHILD_PARAMS)->child; b != a;
             b = b->next) {
            if (strcmp(a->text, b->text) == 0) {
                return cp_diag_error(c->diag, a->pos, "argument '%s' is named twice",
                                     a->text);
            }
        }
    }
    return task->n_params <= 32 ||
           cp_diag_error(c->diag, node->pos, "task '%s' has more than 32 arguments",
                         node->text);
}

/* thread main loop asyncio (eager=on): its body becomes the loop's main task. */
static bool declare_loop(Cpc *c, CpcProc *proc, CpcThread *thread, const CpNode *loop)
{
    static const char *const names[] = {"asyncio", "uvloop", NULL};
    bool uvloop = strcmp(loop->text, "uvloop") == 0;
    bool ok = true;
    if (!g_strv_contains(names, loop->text)) {
        const char *near = cp_nearest(loop->text, names);
        cp_diag_error(c->diag, loop->pos, "unknown event loop '%s'", loop->text);
        cp_diag_help(c->diag,
                     near != NULL ? "did you mean '%s'?" : "loops: asyncio, uvloop", near);
        ok = false;
    }
    uint32_t flags = CP_TASK_ASYNC | (uvloop ? (uint32_t)CP_TASK_UVLOOP : 0);
    ok = cpc_keys(c, loop->child, cp_loop_keys, CP_KINDS_ANY, "a loop", &flags) && ok;
    ok = cpc_needs_version(c, proc, loop->pos, "asyncio with async and await",
                           CP_PY_ASYNC_AWAIT) &&
         ok;
    ok = (!(flags & CP_TASK_EAGER) ||
          cpc_needs_version(c, proc, loop->pos, "eager=on", CP_PY_EAGER_TASKS)) &&
         ok;
    g_autofree char *name = g_strdup_printf("%s.main", thread->node->text);
    thread->main = cpc_flow_new(c, proc, NULL, name);
    thread->main->body = thread->body;
    thread->body = NULL;
    CpTaskDecl *decl = cp_task_decl(c->w, thread->main->index);
    decl->line = thread->node->pos.line;
    decl->flags = flags;
    return ok;
}

bool cpc_declare_thread(Cpc *c, const CpNode *node)
{
    CpcProc *proc = c->proc;
    CpcThread *first = g_hash_table_lookup(proc->threads, node->text);
    if (first != NULL) {
        return cpc_duplicate(c, node, "thread", first->node);
    }
    CpcThread *thread = g_new0(CpcThread, 1);
    thread->node = node;
    thread->callees = g_ptr_array_new();
    thread->body = cp_node_child(node, CP_CHILD_BODY);
    thread->index = cp_workload_thread(c->w, proc->index, node->text);
    g_hash_table_insert(proc->threads, (char *)node->text, thread);
    g_ptr_array_add(proc->thread_list, thread);
    CpThreadDecl *decl = cp_thread_decl(c->w, thread->index);
    CpThreadDecl row = *decl;
    const CpNode *copies = cp_node_child(node, CP_CHILD_COPIES);
    const CpNode *loop = cp_node_child(node, CP_CHILD_LOOP);
    int64_t n = 1;
    bool ok =
        copies->kind == CP_NODE_NULL || cpc_const_int(c, copies, 1, CP_THREADS_MAX, &n);
    ok = cpc_thread_keys(c, cp_node_child(node, CP_CHILD_KEYS), &row) && ok;
    ok = cpc_find_group(c, cp_node_child(node, CP_CHILD_GROUP), &row.group) && ok;
    if (loop->kind != CP_NODE_NULL && !proc->python) {
        ok = cp_diag_error(c->diag, loop->pos, "'loop' needs a python runtime");
    } else if (loop->kind != CP_NODE_NULL) {
        ok = declare_loop(c, proc, thread, loop) && ok;
    }
    row.copies = (uint32_t)n;
    row.flags = node->flags & CP_FLAG_DAEMON ? CP_THREAD_DAEMON : 0;
    row.line = node->pos.line;
    *cp_thread_decl(c->w, thread->index) = row;
    return ok;
}

/* on SIGINT f(): tasks are known by now. */
bool cpc_declare_handler(Cpc *c, const CpNode *node)
{
    CpcProc *proc = c->proc;
    CpHandlerDecl handler = {.proc = proc->index};
    const CpNode *call = cp_node_child(node, CP_CHILD_CALL);
    CpcScan scan = {.c = c, .proc = proc, .ok = true};
    CpcTask *task = cpc_scan_task(&scan, call, cp_node_count(call));
    if (!cpc_signal(c, node->pos, node->text, &handler.number) || task == NULL ||
        !cpc_scan_async(&scan, node, call, task, false)) {
        return false;
    }
    if (call->child != NULL) {
        return cp_diag_error(c->diag, call->pos, "a handler's task takes no arguments");
    }
    handler.task = cpc_flow_new(c, proc, task, task->node->text)->index;
    g_array_append_val(c->w->handlers, handler);
    return true;
}

/* --- processes --- */

static bool refuse_runtime(Cpc *c, const CpNode *runtime)
{
    static const char *const runtimes[] = {"native", "python", NULL};
    const char *near = cp_nearest(runtime->text, runtimes);
    cp_diag_error(c->diag, runtime->pos, "unknown runtime '%s'", runtime->text);
    cp_diag_help(c->diag, near != NULL ? "did you mean '%s'?" : "runtimes: native, python",
                 near);
    return false;
}

static bool declare_members(Cpc *c, CpcProc *proc)
{
    bool ok = cpc_declare_members(c, cp_node_child(proc->node, CP_CHILD_MEMBERS));
    if (ok && proc->thread_list->len == 0) {
        cp_diag_error(c->diag, proc->node->pos, "process '%s' has no threads",
                      proc->node->text);
        cp_diag_help(c->diag, "write thread main { ... } in it");
        return false;
    }
    return ok;
}

static CpcProc *proc_new(const CpNode *node)
{
    CpcProc *proc = g_new0(CpcProc, 1);
    proc->node = node;
    proc->objects = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
    proc->tasks = g_hash_table_new(g_str_hash, g_str_equal);
    proc->threads = g_hash_table_new(g_str_hash, g_str_equal);
    proc->task_list = g_ptr_array_new_with_free_func(task_free);
    proc->thread_list = g_ptr_array_new_with_free_func(thread_free);
    proc->pools = g_hash_table_new(g_str_hash, g_str_equal);
    proc->interps = g_hash_table_new(g_str_hash, g_str_equal);
    proc->handles = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
    proc->running = g_hash_table_new(g_str_hash, g_str_equal);
    proc->cancelled = g_hash_table_new(g_str_hash, g_str_equal);
    proc->flow_list = g_ptr_array_new_with_free_func(flow_free);
    return proc;
}

void cpc_proc_free(void *data)
{
    CpcProc *proc = data;
    g_hash_table_unref(proc->objects);
    g_hash_table_unref(proc->tasks);
    g_hash_table_unref(proc->threads);
    g_ptr_array_unref(proc->task_list);
    g_ptr_array_unref(proc->thread_list);
    g_hash_table_unref(proc->pools);
    g_hash_table_unref(proc->interps);
    g_hash_table_unref(proc->handles);
    g_hash_table_unref(proc->running);
    g_hash_table_unref(proc->cancelled);
    g_ptr_array_unref(proc->flow_list);
    g_free(proc);
}

bool cpc_declare_process(Cpc *c, const CpNode *node)
{
    CpcProc *first = g_hash_table_lookup(c->procs, node->text);
    const CpNode *runtime = cp_node_child(node, CP_CHILD_RUNTIME);
    if (first != NULL) {
        return cpc_duplicate(c, node, "process", first->node);
    }
    bool python = strcmp(runtime->text, "python") == 0;
    if (!python && strcmp(runtime->text, "native") != 0) {
        return refuse_runtime(c, runtime);
    }
    CpcProc *proc = proc_new(node);
    proc->python = python;
    proc->index = cp_workload_proc(c->w, node->text, python ? "python" : "native");
    g_hash_table_insert(c->procs, (char *)node->text, proc);
    g_ptr_array_add(c->proc_list, proc);
    CpGroup group = 0;
    bool ok =
        python ? cpc_python_runtime(c, proc, runtime) : cpc_native_runtime(c, runtime);
    ok = cpc_find_group(c, cp_node_child(node, CP_CHILD_GROUP), &group) && ok;
    cp_proc_decl(c->w, proc->index)->group = group == CP_NONE ? 0 : group;
    c->proc = proc;
    ok = declare_members(c, proc) && ok;
    ok = cpc_scan_calls(c, proc) && ok;
    c->proc = NULL;
    return ok;
}
