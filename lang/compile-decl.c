#include "lang/compiler.h"

#include "sim/error.h"
#include "models/python/python.h"
#include "sim/params.h"

#include <string.h>

/* --- helpers --- */

static bool duplicate(Cpc *c, const CpNode *node, const char *what, const CpNode *first)
{
    cp_diag_error(c->diag, node->pos, "%s '%s' is declared twice", what, node->text);
    cp_diag_note(c->diag, first->pos, "first declared here");
    return false;
}

/* The text of a setting; the name of a param stands for its value.  New text. */
static char *setting_text(Cpc *c, const CpNode *value)
{
    const CpNode *param = g_hash_table_lookup(c->params, value->text);
    return param != NULL ? cp_node_print(param->child) : g_strdup(value->text);
}

/* --- attributes --- */

/* What sched_setattr would refuse. */
static bool check_attr(Cpc *c, const CpNode *at, CpSchedAttr *attr)
{
    bool rt = attr->policy == CP_SCHED_FIFO || attr->policy == CP_SCHED_RR;
    if (rt && (attr->rt_prio < 1 || attr->rt_prio > 99)) {
        cp_diag_error(c->diag, at->pos, "policy=%s needs a priority",
                      attr->policy == CP_SCHED_FIFO ? "fifo" : "rr");
        cp_diag_help(c->diag, "write prio=1 (low) to prio=99 (high)");
        return false;
    }
    if (attr->policy != CP_SCHED_DEADLINE) {
        return true;
    }
    attr->period = attr->period > 0 ? attr->period : attr->deadline;
    attr->deadline = attr->deadline > 0 ? attr->deadline : attr->period;
    if (attr->runtime <= 0 || attr->runtime > attr->deadline ||
        attr->deadline > attr->period) {
        cp_diag_error(c->diag, at->pos,
                      "policy=deadline needs runtime <= deadline <= period");
        cp_diag_help(c->diag, "write runtime=5ms, deadline=20ms, period=20ms");
        return false;
    }
    return true;
}

bool cpc_thread_keys(Cpc *c, const CpNode *opts, CpThreadDecl *thread)
{
    for (const CpNode *opt = opts->child; opt != NULL; opt = opt->next) {
        thread->own_attr = thread->own_attr || strcmp(opt->text, "start") != 0;
    }
    return cpc_keys(c, opts, cp_thread_keys, CP_KINDS_ANY, "a thread", thread) &&
           check_attr(c, opts, &thread->attr);
}

/* --- resources --- */

#define KIND(K) (1u << CP_OBJ_##K)

static bool declare_obj(Cpc *c, const CpNode *node, CpProcId owner, uint32_t *index)
{
    CpObjKind kind = (CpObjKind)node->value;
    const CpNode *value = cp_node_at(node, 1);
    *index = cp_workload_obj(c->w, node->text, kind);
    bool is_async = node->flags & CP_FLAG_ASYNC;
    if (is_async && owner != CP_NONE && !c->proc->python) {
        return cp_diag_error(c->diag, node->pos, "'async' objects need a python runtime");
    }
    const uint32_t async_kinds = KIND(LOCK) | KIND(SEMAPHORE) | KIND(EVENT) | KIND(QUEUE) |
                                 KIND(CONDITION) | KIND(BARRIER);
    if (is_async && !((async_kinds >> kind) & 1)) {
        return cp_diag_error(c->diag, node->pos, "asyncio has no %s",
                             cp_resource_word(kind));
    }
    CpObjDecl obj = *cp_obj_decl(c->w, *index);
    bool crosses = kind == CP_OBJ_PIPE || kind == CP_OBJ_SOCKET || kind == CP_OBJ_DEVICE ||
                   (node->flags & CP_FLAG_SHARED);
    obj.proc = crosses ? CP_NONE : owner;
    obj.flags = (node->flags & CP_FLAG_SHARED ? (uint32_t)CP_OBJ_SHARED : 0) |
                (is_async ? (uint32_t)CP_OBJ_ASYNC : 0);
    obj.n = kind == CP_OBJ_SEMAPHORE || kind == CP_OBJ_DEVICE ? 1 : 0;
    obj.size = kind == CP_OBJ_PIPE ? 65536 : 0;
    g_autofree char *of = g_strdup_printf("a %s", cp_resource_word(kind));
    bool ok = cpc_keys(c, node->child, cp_resource_keys, 1u << kind, of, &obj);
    if (value->kind != CP_NODE_NULL) {
        bool counts = kind == CP_OBJ_SEMAPHORE || kind == CP_OBJ_BARRIER;
        ok = ok && (counts ? cpc_const_int(c, value, 0, CP_THREADS_MAX, &obj.n)
                           : cp_diag_error(c->diag, value->pos, "a %s has no value",
                                           cp_resource_word(kind)));
    }
    if (ok && kind == CP_OBJ_BARRIER && obj.n < 1) {
        cp_diag_error(c->diag, node->pos, "barrier '%s' needs its number of parties",
                      node->text);
        cp_diag_help(c->diag, "write barrier %s (n=4)", node->text);
        return false;
    }
    *cp_obj_decl(c->w, *index) = obj;
    return ok;
}

static bool declare_var(Cpc *c, const CpNode *node, CpProcId owner, uint32_t *index)
{
    bool shared = node->flags & CP_FLAG_SHARED;
    CpVarDecl var = {cp_workload_string(c->w, node->text), shared ? CP_NONE : owner, 0,
                     shared};
    const CpNode *value = cp_node_at(node, 1);
    CpcValue v = {0};
    bool ok = true;
    if (value->kind != CP_NODE_NULL) {
        ok = cpc_is_const(c, value, &v) ||
             cp_diag_error(c->diag, value->pos, "expected a value known before the run");
    }
    if (node->child->child != NULL) {
        const char *const none[] = {NULL};
        ok = cpc_unknown_key(c, node->child->child, "a var", none);
    }
    var.value = cpc_round(&v);
    g_array_append_val(c->w->vars, var);
    *index = c->w->vars->len - 1;
    return ok;
}

static bool declare_resource(Cpc *c, GHashTable *table, const CpNode *node, CpProcId owner)
{
    CpcObject *first = g_hash_table_lookup(table, node->text);
    const CpNode *param = g_hash_table_lookup(c->params, node->text);
    if (first != NULL || param != NULL) {
        return duplicate(c, node, "name", first != NULL ? first->node : param);
    }
    CpcObject *object = g_new0(CpcObject, 1);
    object->node = node;
    object->owner = owner;
    object->used_by = CP_NONE;
    object->lock = CP_NONE;
    object->is_var = node->value == CP_RESOURCE_VAR;
    bool ok = object->is_var ? declare_var(c, node, owner, &object->index)
                             : declare_obj(c, node, owner, &object->index);
    g_hash_table_insert(table, (char *)node->text, object);
    return ok;
}

/* --- groups --- */

static bool declare_group(Cpc *c, const CpNode *node, CpGroup parent)
{
    CpWorkload *w = c->w;
    const char *above = cp_workload_text(w, cp_group_decl(w, parent)->name);
    g_autofree char *path =
        parent == 0 ? g_strdup(node->text) : g_strconcat(above, "/", node->text, NULL);
    for (CpGroup i = 1; i < w->groups->len; i++) {
        if (strcmp(cp_workload_text(w, cp_group_decl(w, i)->name), path) == 0) {
            return cp_diag_error(c->diag, node->pos, "cgroup '%s' is declared twice", path);
        }
    }
    const CpGroupDecl decl = {.name = cp_workload_string(w, path),
                              .parent = parent,
                              .weight = 100,
                              .period = 100 * CP_MS,
                              .cpus = CP_NONE};
    CpGroup group = w->groups->len;
    g_array_append_val(w->groups, decl);
    bool ok = true;
    for (const CpNode *s = node->child; s != NULL; s = s->next) {
        if (s->kind == CP_NODE_CGROUP) {
            ok = declare_group(c, s, group) && ok;
            continue;
        }
        g_autoptr(GError) error = NULL;
        g_autofree char *value = setting_text(c, s->child);
        if (!cp_group_set(w, group, s->text, value, &error)) {
            bool unknown = g_str_has_prefix(error->message, "unknown");
            ok = cp_diag_error(c->diag, unknown ? s->pos : s->child->pos, "%s",
                               error->message);
        }
    }
    return ok;
}

static bool find_group(Cpc *c, const CpNode *name, CpGroup *group)
{
    if (name->kind != CP_NODE_NAME) {
        return true;
    }
    *group = cp_group_find(c->w, name->text);
    if (*group != CP_NONE) {
        return true;
    }
    g_autoptr(GPtrArray) known = g_ptr_array_new();
    for (CpGroup i = 1; i < c->w->groups->len; i++) {
        g_ptr_array_add(known,
                        (char *)cp_workload_text(c->w, cp_group_decl(c->w, i)->name));
    }
    g_ptr_array_add(known, NULL);
    const char *near = cp_nearest(name->text, (const char *const *)known->pdata);
    cp_diag_error(c->diag, name->pos, "unknown cgroup '%s'", name->text);
    if (near != NULL) {
        cp_diag_help(c->diag, "did you mean '%s'?", near);
    } else {
        cp_diag_help(c->diag, "declare it at file level: cgroup %s { weight 100 }",
                     name->text);
    }
    return false;
}

/* --- processes and threads --- */

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

static bool declare_task(Cpc *c, CpcProc *proc, const CpNode *node)
{
    CpcTask *first = g_hash_table_lookup(proc->tasks, node->text);
    if (first != NULL) {
        return duplicate(c, node, "task", first->node);
    }
    if ((node->flags & CP_FLAG_ASYNC) && !proc->python) {
        return cp_diag_error(c->diag, node->pos, "async task '%s' needs a python runtime",
                             node->text);
    }
    CpcTask *task = g_new0(CpcTask, 1);
    task->node = node;
    task->n_params = cp_node_count(node->child);
    task->callees = g_ptr_array_new();
    g_hash_table_insert(proc->tasks, (char *)node->text, task);
    g_ptr_array_add(proc->task_list, task);
    for (const CpNode *a = node->child->child; a != NULL; a = a->next) {
        for (const CpNode *b = node->child->child; b != a; b = b->next) {
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
    ok = cpc_needs_version(c, proc, loop->pos, "asyncio with async and await", 305) && ok;
    ok = (!(flags & CP_TASK_EAGER) ||
          cpc_needs_version(c, proc, loop->pos, "eager=on", 312)) &&
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

static bool declare_thread(Cpc *c, CpcProc *proc, const CpNode *node)
{
    CpcThread *first = g_hash_table_lookup(proc->threads, node->text);
    if (first != NULL) {
        return duplicate(c, node, "thread", first->node);
    }
    CpcThread *thread = g_new0(CpcThread, 1);
    thread->node = node;
    thread->callees = g_ptr_array_new();
    thread->body = cp_node_at(node, 4);
    thread->index = cp_workload_thread(c->w, proc->index, node->text);
    g_hash_table_insert(proc->threads, (char *)node->text, thread);
    g_ptr_array_add(proc->thread_list, thread);
    CpThreadDecl *decl = cp_thread_decl(c->w, thread->index);
    CpThreadDecl row = *decl;
    const CpNode *copies = cp_node_at(node, 0);
    const CpNode *loop = cp_node_at(node, 2);
    int64_t n = 1;
    bool ok =
        copies->kind == CP_NODE_NULL || cpc_const_int(c, copies, 1, CP_THREADS_MAX, &n);
    ok = cpc_thread_keys(c, cp_node_at(node, 1), &row) && ok;
    ok = find_group(c, cp_node_at(node, 3), &row.group) && ok;
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

static bool refuse_runtime(Cpc *c, const CpNode *runtime)
{
    static const char *const runtimes[] = {"native", "python", NULL};
    const char *near = cp_nearest(runtime->text, runtimes);
    cp_diag_error(c->diag, runtime->pos, "unknown runtime '%s'", runtime->text);
    cp_diag_help(c->diag, near != NULL ? "did you mean '%s'?" : "runtimes: native, python",
                 near);
    return false;
}

/* session=on, of any runtime. */
static bool refuse_session(Cpc *c, const CpNode *opt)
{
    cp_diag_error(c->diag, opt->pos,
                  "not yet: autogroups ('session') are not part of this version");
    cp_diag_help(c->diag, "put the process into a cgroup of its own: process NAME in "
                          "GROUP { ... }");
    return false;
}

/* An option of the runtime is a setting of the process. */
static bool python_option(Cpc *c, CpcProc *proc, const CpNode *opt)
{
    static const char *const known[] = {"gil",           "interval", "check_interval",
                                        "free_overhead", "start",    NULL};
    if (strcmp(opt->text, "session") == 0) {
        return refuse_session(c, opt);
    }
    if (!g_strv_contains(known, opt->text)) {
        return cpc_unknown_key(c, opt, "the python runtime", known);
    }
    bool own = strcmp(opt->text, "gil") == 0 || strcmp(opt->text, "start") == 0;
    g_autofree char *key = own ? g_strdup(opt->text) : g_strconcat("gil.", opt->text, NULL);
    const CpNode *node = cpc_resolve(c, opt->child);
    g_autofree char *value = cp_node_print(node);
    g_autoptr(GError) error = NULL;
    if (strcmp(opt->text, "interval") == 0 && node->kind == CP_NODE_NUMBER) {
        CpTime interval;
        if (!cpc_const_time(c, opt->child, &interval)) {
            return false;
        }
        g_free(value);
        value = cp_format_time(interval);
    }
    CpParamSet *set = cp_params_new(cp_python_params);
    int row = cp_params_find(cp_python_params, key);
    bool ok = cp_params_set(set, row, value, CP_FROM_WORKLOAD, &error) ||
              cp_diag_error(c->diag, opt->child->pos, "%s", error->message);
    if (ok && strcmp(opt->text, "start") == 0) {
        proc->start_method = (uint8_t)set->v[row]; /* auto is CP_START_DEFAULT */
    }
    cp_params_free(set);
    if (!ok) {
        return false;
    }
    GPtrArray *settings = cp_proc_decl(c->w, proc->index)->settings;
    g_ptr_array_add(settings, g_steal_pointer(&key));
    g_ptr_array_add(settings, g_steal_pointer(&value));
    return true;
}

static bool declare_python(Cpc *c, CpcProc *proc, const CpNode *runtime)
{
    const CpNode *text = cp_node_at(runtime, 0);
    PyVersion version;
    g_autoptr(GError) error = NULL;
    bool ok = true;
    if (text->kind == CP_NODE_NULL) {
        cp_diag_error(c->diag, runtime->pos, "the python runtime needs a version");
        cp_diag_help(c->diag, "write runtime python \"3.12\"");
        return false;
    }
    if (!cp_python_version(text->text, &version, &error)) {
        return cp_diag_error(c->diag, text->pos, "%s", error->message);
    }
    proc->version = version.number;
    cp_proc_decl(c->w, proc->index)->version = cp_workload_string(c->w, text->text);
    for (const CpNode *opt = cp_node_at(runtime, 1)->child; opt != NULL; opt = opt->next) {
        ok = python_option(c, proc, opt) && ok;
    }
    return ok;
}

static bool declare_interp(Cpc *c, CpcProc *proc, const CpNode *node)
{
    if (g_hash_table_contains(proc->interps, node->text)) {
        return cp_diag_error(c->diag, node->pos, "interpreter '%s' is declared twice",
                             node->text);
    }
    CpInterpDecl decl = {.own_gil = true};
    if (!cpc_keys(c, node->child, cp_interp_keys, CP_KINDS_ANY, "an interpreter", &decl)) {
        return false;
    }
    uint32_t row = cp_workload_interp(c->w, proc->index, node->text, decl.own_gil);
    g_hash_table_insert(proc->interps, (char *)node->text, GUINT_TO_POINTER(row + 1));
    return !decl.own_gil || cpc_needs_version(c, proc, node->pos,
                                              "an interpreter with a GIL of its own", 312);
}

/* on SIGINT f(): tasks are known by now. */
static bool declare_handler(Cpc *c, CpcProc *proc, const CpNode *node)
{
    CpHandlerDecl handler = {.proc = proc->index};
    const CpNode *call = node->child;
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

static bool check_native(Cpc *c, const CpNode *runtime)
{
    const CpNode *version = cp_node_at(runtime, 0);
    const CpNode *opts = cp_node_at(runtime, 1);
    static const char *const known[] = {"session", NULL};
    if (version->kind != CP_NODE_NULL) {
        return cp_diag_error(c->diag, version->pos, "the native runtime has no versions");
    }
    for (const CpNode *opt = opts->child; opt != NULL; opt = opt->next) {
        if (strcmp(opt->text, "session") != 0) {
            return cpc_unknown_key(c, opt, "the native runtime", known);
        }
        return refuse_session(c, opt);
    }
    return true;
}

static bool declare_members(Cpc *c, CpcProc *proc)
{
    bool ok = true;
    const CpNode *first = cp_node_at(proc->node, 2);
    for (const CpNode *m = first; m != NULL; m = m->next) {
        if (m->kind == CP_NODE_INTERP || m->kind == CP_NODE_HANDLER) {
            ok = (proc->python ||
                  cp_diag_error(c->diag, m->pos, "'%s' needs a python runtime", m->text)) &&
                 ok;
        }
        if (m->kind == CP_NODE_INTERP && proc->python) {
            ok = declare_interp(c, proc, m) && ok;
        }
    }
    for (const CpNode *m = first; m != NULL; m = m->next) {
        if (m->kind == CP_NODE_RESOURCE) {
            ok = declare_resource(c, proc->objects, m, proc->index) && ok;
        } else if (m->kind == CP_NODE_TASK) {
            ok = declare_task(c, proc, m) && ok;
        } else if (m->kind == CP_NODE_THREAD) {
            ok = declare_thread(c, proc, m) && ok;
        }
    }
    for (const CpNode *m = first; m != NULL; m = m->next) {
        if (m->kind == CP_NODE_HANDLER && proc->python) {
            ok = declare_handler(c, proc, m) && ok;
        }
    }
    if (ok && proc->thread_list->len == 0) {
        cp_diag_error(c->diag, proc->node->pos, "process '%s' has no threads",
                      proc->node->text);
        cp_diag_help(c->diag, "write thread main { ... } in it");
        return false;
    }
    return ok;
}

static bool declare_process(Cpc *c, const CpNode *node)
{
    CpcProc *first = g_hash_table_lookup(c->procs, node->text);
    const CpNode *runtime = cp_node_at(node, 0);
    if (first != NULL) {
        return duplicate(c, node, "process", first->node);
    }
    bool python = strcmp(runtime->text, "python") == 0;
    if (!python && strcmp(runtime->text, "native") != 0) {
        return refuse_runtime(c, runtime);
    }
    CpcProc *proc = g_new0(CpcProc, 1);
    proc->node = node;
    proc->objects = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
    proc->tasks = g_hash_table_new(g_str_hash, g_str_equal);
    proc->threads = g_hash_table_new(g_str_hash, g_str_equal);
    proc->task_list = g_ptr_array_new_with_free_func(task_free);
    proc->thread_list = g_ptr_array_new_with_free_func(thread_free);
    proc->python = python;
    proc->pools = g_hash_table_new(g_str_hash, g_str_equal);
    proc->interps = g_hash_table_new(g_str_hash, g_str_equal);
    proc->handles = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
    proc->running = g_hash_table_new(g_str_hash, g_str_equal);
    proc->flow_list = g_ptr_array_new_with_free_func(flow_free);
    proc->index = cp_workload_proc(c->w, node->text, python ? "python" : "native");
    g_hash_table_insert(c->procs, (char *)node->text, proc);
    g_ptr_array_add(c->proc_list, proc);
    CpGroup group = 0;
    bool ok = python ? declare_python(c, proc, runtime) : check_native(c, runtime);
    ok = find_group(c, cp_node_at(node, 1), &group) && ok;
    cp_proc_decl(c->w, proc->index)->group = group == CP_NONE ? 0 : group;
    c->proc = proc;
    ok = declare_members(c, proc) && ok;
    ok = cpc_scan_calls(c, proc) && ok;
    c->proc = NULL;
    return ok;
}

/* --- noise, at --- */

static bool declare_noise(Cpc *c, const CpNode *node)
{
    const CpNode *opts = node->child;
    CpNoiseDecl noise = {.name = cp_workload_string(c->w, node->text), .cpus = CP_NONE};
    bool ok = cpc_keys(c, opts, cp_noise_keys, CP_KINDS_ANY, "noise", &noise);
    if (ok &&
        (cp_opts_find(opts, "every") == NULL || cp_opts_find(opts, "steal") == NULL)) {
        cp_diag_error(c->diag, node->pos, "noise '%s' needs every= and steal=", node->text);
        cp_diag_help(c->diag, "write noise %s (every=exp(1ms), steal=5us)", node->text);
        return false;
    }
    if (ok && noise.every.kind == CP_DIST_CONST && noise.every.p[0] == 0) {
        return cp_diag_error(c->diag, node->pos, "noise '%s': every= must be above 0",
                             node->text);
    }
    g_array_append_val(c->w->noises, noise);
    return ok;
}

/* What `set` may change while the run goes on. */
static const struct {
    const char *begin, *end;
    CpAtKind kind;
} at_keys[] = {{"thread.", ".nice", CP_AT_NICE},
               {"thread.", ".cpus", CP_AT_CPUS},
               {"cgroup.", ".quota", CP_AT_QUOTA},
               {"cgroup.", ".weight", CP_AT_WEIGHT}};

static bool is_of_group(CpAtKind kind)
{
    return kind == CP_AT_QUOTA || kind == CP_AT_WEIGHT;
}

/* The value is checked, and put into its unit, by setting the row and taking it back. */
static gboolean at_value(CpWorkload *w, CpAtDecl *at, const char *key, const char *value,
                         GError **error)
{
    if (is_of_group(at->kind)) {
        CpGroupDecl before = *cp_group_decl(w, at->subject);
        gboolean ok = cp_group_set(w, at->subject, key, value, error);
        const CpGroupDecl *now = cp_group_decl(w, at->subject);
        at->value = at->kind == CP_AT_QUOTA ? now->quota : now->weight;
        *cp_group_decl(w, at->subject) = before;
        return ok;
    }
    CpThreadDecl before = *cp_thread_decl(w, at->subject);
    gboolean ok = cp_thread_set(w, at->subject, key, value, error);
    const CpSchedAttr *attr = &cp_thread_decl(w, at->subject)->attr;
    at->value = at->kind == CP_AT_NICE ? attr->nice : (int64_t)attr->cpus;
    *cp_thread_decl(w, at->subject) = before;
    return ok;
}

/* set thread.NAME.nice 5, set cgroup.PATH.quota 50% */
static bool at_set(Cpc *c, const CpNode *action, CpTime when)
{
    size_t i = 0;
    while (i < G_N_ELEMENTS(at_keys) &&
           !(g_str_has_prefix(action->text, at_keys[i].begin) &&
             g_str_has_suffix(action->text, at_keys[i].end) &&
             strlen(action->text) > strlen(at_keys[i].begin) + strlen(at_keys[i].end))) {
        i++;
    }
    if (i == G_N_ELEMENTS(at_keys)) {
        cp_diag_error(c->diag, action->pos, "setting '%s' cannot change during a run",
                      action->text);
        cp_diag_help(c->diag, "possible: thread.NAME.nice, thread.NAME.cpus, "
                              "cgroup.NAME.quota, cgroup.NAME.weight");
        return false;
    }
    const char *from = action->text + strlen(at_keys[i].begin);
    g_autofree char *subject = g_strndup(from, strlen(from) - strlen(at_keys[i].end));
    g_autofree char *value = setting_text(c, action->child);
    bool thread = !is_of_group(at_keys[i].kind);
    CpAtDecl at = {.at = when, .kind = at_keys[i].kind};
    at.subject = thread ? cp_thread_find(c->w, subject, 0) : cp_group_find(c->w, subject);
    if (at.subject == CP_NONE) {
        return cp_diag_error(c->diag, action->pos, "no %s is named '%s'",
                             thread ? "thread" : "cgroup", subject);
    }
    g_autoptr(GError) error = NULL;
    if (!at_value(c->w, &at, at_keys[i].end + 1, value, &error)) {
        return cp_diag_error(c->diag, action->child->pos, "%s", error->message);
    }
    do {
        g_array_append_val(c->w->ats, at);
        at.subject = thread ? cp_thread_find(c->w, subject, at.subject + 1) : CP_NONE;
    } while (at.subject != CP_NONE);
    return true;
}

static bool declare_at(Cpc *c, const CpNode *node)
{
    CpTime when;
    if (!cpc_const_time(c, node->child, &when)) {
        return false;
    }
    bool ok = true;
    for (const CpNode *action = node->child->next; action != NULL; action = action->next) {
        if (action->kind == CP_NODE_SETTING) {
            ok = at_set(c, action, when) && ok;
        } else {
            cp_diag_error(c->diag, action->pos,
                          "not yet: taking CPUs offline and online is not part of this "
                          "version");
            cp_diag_help(c->diag, "keep threads away from them: set thread.NAME.cpus 0-1");
            ok = false;
        }
    }
    return ok;
}

/* --- all --- */

static bool declare_param(Cpc *c, const CpNode *node)
{
    const CpNode *first = g_hash_table_lookup(c->params, node->text);
    if (first != NULL) {
        return duplicate(c, node, "param", first);
    }
    g_hash_table_insert(c->params, (char *)node->text, (void *)node);
    return true;
}

typedef bool (*Declare)(Cpc *c, const CpNode *node);

static bool declare_file_resource(Cpc *c, const CpNode *node)
{
    return declare_resource(c, c->objects, node, CP_NONE);
}

static bool declare_file_group(Cpc *c, const CpNode *node)
{
    return declare_group(c, node, 0);
}

/* Each kind may refer to those before it, wherever they stand in the file. */
bool cpc_declare(Cpc *c)
{
    static const struct {
        CpNodeKind kind;
        Declare declare;
    } steps[] = {
        {CP_NODE_PARAM, declare_param},
        {CP_NODE_CGROUP, declare_file_group},
        {CP_NODE_RESOURCE, declare_file_resource},
        {CP_NODE_PROCESS, declare_process},
        {CP_NODE_NOISE, declare_noise},
        {CP_NODE_AT, declare_at},
    };
    bool ok = true;
    bool any = false;
    for (size_t i = 0; i < G_N_ELEMENTS(steps); i++) {
        for (const CpNode *node = c->root->child; node != NULL; node = node->next) {
            any = any || node->kind == CP_NODE_PROCESS;
            if (node->kind == steps[i].kind) {
                ok = steps[i].declare(c, node) && ok;
            }
        }
    }
    if (!any) {
        cp_diag_error(c->diag, (CpPos){0}, "no process: nothing to run");
        cp_diag_help(c->diag, "write process NAME { thread main { cpu 10ms } }");
        return false;
    }
    return ok;
}
