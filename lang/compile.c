#include "lang/compiler.h"

#include "sim/params.h"

#include <string.h>

enum { REGS_MAX = 250 }; /* some instructions name a register in 8 bits */

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

/* --- names --- */

CpcLocal *cpc_local(Cpc *c, const char *name)
{
    for (guint i = c->locals->len; i > 0; i--) {
        CpcLocal *local = &g_array_index(c->locals, CpcLocal, i - 1);
        if (strcmp(local->name, name) == 0) {
            return local;
        }
    }
    return NULL;
}

void cpc_local_push(Cpc *c, const char *name, uint16_t reg, CpDim dim)
{
    const CpcLocal local = {name, reg, (uint8_t)dim};
    g_array_append_val(c->locals, local);
}

CpcObject *cpc_object(Cpc *c, const char *name)
{
    CpcObject *object =
        c->proc != NULL ? g_hash_table_lookup(c->proc->objects, name) : NULL;
    return object != NULL ? object : g_hash_table_lookup(c->objects, name);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

bool cpc_unknown(Cpc *c, CpPos pos, const char *what, const char *name, ...)
{
    g_autoptr(GPtrArray) known = g_ptr_array_new();
    va_list tables;
    va_start(tables, name);
    for (GHashTable *t = va_arg(tables, GHashTable *); t != NULL;
         t = va_arg(tables, GHashTable *)) {
        GHashTableIter iter;
        void *key;
        g_hash_table_iter_init(&iter, t);
        while (g_hash_table_iter_next(&iter, &key, NULL)) {
            g_ptr_array_add(known, key);
        }
    }
    va_end(tables);
    for (guint i = 0; i < c->locals->len; i++) {
        g_ptr_array_add(known, (char *)g_array_index(c->locals, CpcLocal, i).name);
    }
    /* Hash order must not decide which of two equally near names is shown. */
    g_ptr_array_sort(known, compare_names);
    g_ptr_array_add(known, NULL);
    const char *near = cp_nearest(name, (const char *const *)known->pdata);
    cp_diag_error(c->diag, pos, "unknown %s '%s'", what, name);
    if (near != NULL) {
        cp_diag_help(c->diag, "did you mean '%s'?", near);
    } else if (known->len > 1 && known->len <= 9) {
        g_autofree char *all = g_strjoinv(", ", (char **)known->pdata);
        cp_diag_help(c->diag, "known here: %s", all);
    }
    return false;
}

/* --- calls --- */

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

static uint32_t spawn_flags(const CpNode *spawn)
{
    bool daemon = cp_node_at(spawn, 3)->kind != CP_NODE_NULL;
    bool process = strcmp(spawn->child->text, "process") == 0;
    return (uint32_t)CP_THREAD_SPAWNED | (daemon ? CP_THREAD_DAEMON : 0u) |
           (process ? CP_THREAD_FORKS : 0u);
}

/* Whether a child process must import the main module, as the text alone says. */
static bool imports_main(const CpcProc *proc, uint8_t method)
{
    method = method == CP_START_DEFAULT ? proc->start_method : method;
    return method == CP_START_SPAWN || method == CP_START_FORKSERVER ||
           (method == CP_START_DEFAULT && proc->version >= 314);
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
    CpNode rest = *cp_node_at(spawn, 4);
    CpNodeList list = {&rest, NULL};
    rest.child = NULL;
    for (const CpNode *opt = cp_node_at(spawn, 4)->child; opt != NULL; opt = opt->next) {
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
    const CpNode *name = cp_node_at(spawn, 1);
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

/* Remembers arguments used directly as a time, so that a call with a bare number can be
 * refused where it is written. */
static void note_time(CpcScan *s, const CpNode *value)
{
    if (s->task == NULL || value == NULL || value->kind != CP_NODE_NAME) {
        return;
    }
    unsigned i = 0;
    for (const CpNode *p = s->task->node->child->child; p != NULL; p = p->next, i++) {
        if (i < 64 && strcmp(p->text, value->text) == 0) {
            s->task->time_params |= (uint64_t)1 << i;
        }
    }
}

static void scan_statement(CpcScan *s, const CpNode *node)
{
    CpcTask *task;
    switch (node->kind) {
    case CP_NODE_CALL:
        task = cpc_scan_task(s, node->child, cp_node_count(node) - 1);
        if (task != NULL && !(task->node->flags & CP_FLAG_ASYNC)) {
            add_callee(s->callees, task);
        } else if (task != NULL) {
            task->called = true; /* makes a coroutine, runs nothing */
        }
        break;
    case CP_NODE_SPAWN:
        task = cpc_scan_task(s, cp_node_at(node, 2), cp_node_count(cp_node_at(node, 2)));
        if (task != NULL && cpc_scan_async(s, node, cp_node_at(node, 2), task, false)) {
            task->called = true;
            declare_spawned(s, node, task);
        }
        break;
    case CP_NODE_CPU:
    case CP_NODE_SPIN:
    case CP_NODE_WAIT:
    case CP_NODE_PERIOD:
    case CP_NODE_UNTIL:
    case CP_NODE_AWAIT_WAIT:
    case CP_NODE_INPUT:
        note_time(s, node->child);
        break;
    default:
        if (s->proc->python) {
            cpc_scan_python(s, node);
        }
        break;
    }
}

static void scan_body(CpcScan *s, const CpNode *body)
{
    for (const CpNode *node = body->child; node != NULL; node = node->next) {
        if (cp_stmt_info((CpNodeKind)node->kind) != NULL) {
            scan_statement(s, node);
        }
        for (const CpNode *child = node->child; child != NULL; child = child->next) {
            if (child->kind == CP_NODE_BODY) {
                scan_body(s, child);
            } else if (child->kind == CP_NODE_CASE) {
                scan_body(s, cp_node_at(child, 1));
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
        scan_body(&scan, cp_node_at(scan.task->node, 1));
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

/* --- code --- */

static bool task_code(Cpc *c, CpcTask *task)
{
    const CpNode *end = task->node;
    c->base = task->base;
    c->reg = 1 + task->n_params; /* return address, arguments */
    c->reg_max = c->reg;
    c->periodic = false;
    task->pc = cpc_pc(c);
    uint16_t reg = (uint16_t)(task->base + 1);
    for (const CpNode *p = task->node->child->child; p != NULL; p = p->next) {
        cpc_local_push(c, p->text, reg++, CP_DIM_ANY);
    }
    c->is_async = task->node->flags & CP_FLAG_ASYNC;
    cpc_hoist(c, cp_node_at(task->node, 1));
    bool ok = cpc_body(c, cp_node_at(task->node, 1));
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

/* Callees are emitted first, so that calls know where to go. */
static bool proc_code(Cpc *c, CpcProc *proc)
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

static bool all_code(Cpc *c)
{
    bool ok = true;
    for (guint i = 0; i < c->proc_list->len; i++) {
        ok = proc_code(c, g_ptr_array_index(c->proc_list, i)) && ok;
    }
    return ok;
}

/* --- registers --- */

static void push_down(const GPtrArray *callees, uint32_t end)
{
    for (guint i = 0; i < callees->len; i++) {
        CpcTask *task = g_ptr_array_index(callees, i);
        task->base = MAX(task->base, end);
    }
}

/* End of the frames a piece of code can reach; whether it uses `period`. */
static uint32_t reach(const GPtrArray *callees, const uint32_t *ends, uint32_t end,
                      bool *periodic)
{
    for (guint i = 0; i < callees->len; i++) {
        const CpcTask *task = g_ptr_array_index(callees, i);
        end = MAX(end, ends[task->pc]);
        *periodic = *periodic || task->periodic;
    }
    return end;
}

static bool too_many(Cpc *c, const CpNode *at)
{
    cp_diag_error(c->diag, at->pos,
                  "calls and loops are nested too deeply: more than %d "
                  "values at once",
                  REGS_MAX);
    cp_diag_help(c->diag, "split the work into spawned threads or fewer nested calls");
    return false;
}

/* Gives each task its place behind all callers, then each thread its number of registers.
 * task->pc serves as the row of `ends` until code is emitted. */
static bool layout(Cpc *c, CpcProc *proc)
{
    guint n = proc->task_list->len;
    g_autofree uint32_t *ends = g_new0(uint32_t, n + 1);
    for (guint i = 0; i < proc->thread_list->len; i++) {
        CpcThread *thread = g_ptr_array_index(proc->thread_list, i);
        push_down(thread->callees, CP_REG_FREE + thread->frame);
    }
    for (guint i = 0; i < proc->flow_list->len; i++) {
        CpcFlow *flow = g_ptr_array_index(proc->flow_list, i);
        push_down(flow->callees, CP_REG_FREE + flow->frame);
    }
    uint32_t all = CP_REG_FREE;
    for (guint i = 0; i < n; i++) {
        CpcTask *task = g_ptr_array_index(proc->task_list, i);
        task->base = MAX(task->base, CP_REG_FREE);
        task->pc = i;
        push_down(task->callees, task->base + task->frame);
        all = MAX(all, task->base + task->frame);
        if (all > REGS_MAX) {
            return too_many(c, task->node);
        }
    }
    for (guint i = n; i > 0; i--) {
        CpcTask *task = g_ptr_array_index(proc->task_list, i - 1);
        ends[i - 1] = reach(task->callees, ends, task->base + task->frame, &task->periodic);
    }
    for (guint i = 0; i < proc->thread_list->len; i++) {
        const CpcThread *thread = g_ptr_array_index(proc->thread_list, i);
        all = MAX(all, CP_REG_FREE + thread->frame);
        if (all > REGS_MAX) {
            return too_many(c, thread->node);
        }
    }
    for (guint i = 0; i < proc->flow_list->len; i++) {
        const CpcFlow *flow = g_ptr_array_index(proc->flow_list, i);
        all = MAX(all, CP_REG_FREE + flow->frame);
        if (all > REGS_MAX) {
            return too_many(c, flow->body != NULL ? flow->body : flow->task->node);
        }
    }
    proc->grid = (uint16_t)all;
    for (guint i = 0; i < proc->flow_list->len; i++) {
        CpcFlow *flow = g_ptr_array_index(proc->flow_list, i);
        uint32_t end =
            reach(flow->callees, ends, CP_REG_FREE + flow->frame, &flow->periodic);
        cp_task_decl(c->w, flow->index)->n_regs =
            flow->periodic ? (uint32_t)proc->grid + 1 : end;
    }
    for (guint i = 0; i < proc->thread_list->len; i++) {
        CpcThread *thread = g_ptr_array_index(proc->thread_list, i);
        uint32_t end =
            reach(thread->callees, ends, CP_REG_FREE + thread->frame, &thread->periodic);
        cp_thread_decl(c->w, thread->index)->n_regs =
            thread->periodic ? (uint32_t)proc->grid + 1 : end;
    }
    return true;
}

static bool all_layout(Cpc *c)
{
    for (guint i = 0; i < c->proc_list->len; i++) {
        if (!layout(c, g_ptr_array_index(c->proc_list, i))) {
            return false;
        }
    }
    return true;
}

/* --- the whole --- */

static void warn_objects(Cpc *c, GHashTable *objects)
{
    g_autoptr(GList) names =
        g_list_sort(g_hash_table_get_keys(objects), (GCompareFunc)strcmp);
    for (GList *l = names; l != NULL; l = l->next) {
        const CpcObject *object = g_hash_table_lookup(objects, l->data);
        if (!object->used) {
            cp_diag_warning(c->diag, object->node->pos, "%s '%s' is never used",
                            cp_resource_word(object->node->value), object->node->text);
        }
    }
}

static void warn_unused(Cpc *c)
{
    warn_objects(c, c->objects);
    for (guint i = 0; i < c->proc_list->len; i++) {
        CpcProc *proc = g_ptr_array_index(c->proc_list, i);
        warn_objects(c, proc->objects);
        for (guint k = 0; k < proc->task_list->len; k++) {
            const CpcTask *task = g_ptr_array_index(proc->task_list, k);
            if (!task->called) {
                cp_diag_warning(c->diag, task->node->pos, "task '%s' is never called",
                                task->node->text);
            }
        }
    }
}

static void proc_free(void *data)
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
    g_ptr_array_unref(proc->flow_list);
    g_free(proc);
}

static bool compile(Cpc *c)
{
    /* The code is looked at even if a declaration is wrong, for the errors in it. */
    bool ok = cpc_declare(c);
    c->measure = true;
    ok = all_code(c) && ok;
    if (!ok || !all_layout(c)) {
        return false;
    }
    c->measure = false;
    if (!all_code(c)) {
        return false;
    }
    warn_unused(c);
    g_autoptr(GError) error = NULL;
    if (!cp_workload_verify(c->w, &error)) {
        return cp_diag_error(c->diag, (CpPos){0}, "bug in the compiler: %s",
                             error->message);
    }
    return true;
}

CpWorkload *cp_compile(const CpTree *tree, const char *source, CpDiag *diag)
{
    Cpc c = {
        .w = cp_workload_new(), .diag = diag, .source = source, .root = cp_tree_root(tree)};
    c.group = CP_REG_NONE;
    c.params = g_hash_table_new(g_str_hash, g_str_equal);
    c.objects = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
    c.procs = g_hash_table_new(g_str_hash, g_str_equal);
    c.proc_list = g_ptr_array_new_with_free_func(proc_free);
    c.locals = g_array_new(FALSE, FALSE, sizeof(CpcLocal));
    g_autofree char *base = g_path_get_basename(source);
    char *dot = strrchr(base, '.');
    if (dot != NULL && dot != base) {
        *dot = '\0';
    }
    c.w->name = cp_workload_string(c.w, base);
    c.w->source = cp_workload_string(c.w, source);
    unsigned before = cp_diag_n_errors(diag);
    bool ok = compile(&c) && cp_diag_n_errors(diag) == before;
    g_hash_table_unref(c.params);
    g_hash_table_unref(c.objects);
    g_hash_table_unref(c.procs);
    g_ptr_array_unref(c.proc_list);
    g_array_unref(c.locals);
    if (!ok) {
        cp_workload_free(c.w);
        return NULL;
    }
    return c.w;
}
