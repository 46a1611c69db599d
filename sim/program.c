#include "sim/program.h"

#include "sim/assert.h"

#include <string.h>

/* Constants are hash keys stored in pointers. */
G_STATIC_ASSERT(sizeof(void *) == sizeof(int64_t));

static const char *const obj_kinds[CP_OBJ_KINDS] = {
    [CP_OBJ_LOCK] = "lock",           [CP_OBJ_RLOCK] = "rlock",
    [CP_OBJ_RWLOCK] = "rwlock",       [CP_OBJ_SEMAPHORE] = "semaphore",
    [CP_OBJ_CONDITION] = "condition", [CP_OBJ_EVENT] = "event",
    [CP_OBJ_BARRIER] = "barrier",     [CP_OBJ_QUEUE] = "queue",
    [CP_OBJ_PIPE] = "pipe",           [CP_OBJ_SOCKET] = "socket",
    [CP_OBJ_DEVICE] = "device",       [CP_OBJ_OBJECT] = "object",
};

const char *cp_obj_kind_name(CpObjKind kind)
{
    cp_require(kind < CP_OBJ_KINDS);
    return obj_kinds[kind];
}

const char *cp_sched_name(CpSchedPolicy policy)
{
    static const char *const words[] = {
        [CP_SCHED_NORMAL] = "normal", [CP_SCHED_BATCH] = "batch",
        [CP_SCHED_IDLE] = "idle",     [CP_SCHED_FIFO] = "fifo",
        [CP_SCHED_RR] = "rr",         [CP_SCHED_DEADLINE] = "deadline",
    };
    cp_require(policy < CP_SCHED_POLICIES);
    return words[policy];
}

static void proc_clear(void *data)
{
    CpProcDecl *proc = data;
    g_ptr_array_unref(proc->settings);
}

CpWorkload *cp_workload_new(const CpOpTable *ops)
{
    cp_require(ops != NULL && ops->n <= UINT8_MAX + 1u);
    CpWorkload *w = g_new0(CpWorkload, 1);
    w->ops = ops;
    w->code = g_array_new(FALSE, FALSE, sizeof(CpInsn));
    w->line = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    w->consts = g_array_new(FALSE, FALSE, sizeof(int64_t));
    w->const_index = g_hash_table_new(NULL, NULL);
    w->values = g_array_new(FALSE, FALSE, sizeof(int64_t));
    w->lists = g_array_new(FALSE, FALSE, sizeof(CpList));
    w->dists = g_array_new(FALSE, FALSE, sizeof(CpDist));
    w->masks = g_array_new(FALSE, FALSE, sizeof(CpCpuMask));
    w->attrs = g_array_new(FALSE, FALSE, sizeof(CpSchedAttr));
    w->strings = g_ptr_array_new_with_free_func(g_free);
    w->string_index = g_hash_table_new(g_str_hash, g_str_equal);
    w->objs = g_array_new(FALSE, FALSE, sizeof(CpObjDecl));
    w->procs = g_array_new(FALSE, FALSE, sizeof(CpProcDecl));
    g_array_set_clear_func(w->procs, proc_clear);
    w->threads = g_array_new(FALSE, FALSE, sizeof(CpThreadDecl));
    w->groups = g_array_new(FALSE, FALSE, sizeof(CpGroupDecl));
    w->ats = g_array_new(FALSE, FALSE, sizeof(CpAtDecl));
    w->arrivals = g_array_new(FALSE, FALSE, sizeof(CpArrivalsDecl));
    w->noises = g_array_new(FALSE, FALSE, sizeof(CpNoiseDecl));
    w->hists = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    w->vars = g_array_new(FALSE, FALSE, sizeof(CpVarDecl));
    w->tasks = g_array_new(FALSE, FALSE, sizeof(CpTaskDecl));
    w->calls = g_array_new(FALSE, FALSE, sizeof(CpCallDecl));
    w->pools = g_array_new(FALSE, FALSE, sizeof(CpPoolDecl));
    w->interps = g_array_new(FALSE, FALSE, sizeof(CpInterpDecl));
    w->handlers = g_array_new(FALSE, FALSE, sizeof(CpHandlerDecl));
    cp_workload_string(w, "");
    const CpGroupDecl root = {.parent = CP_NONE, .weight = 100, .cpus = CP_NONE};
    g_array_append_val(w->groups, root);
    return w;
}

void cp_workload_free(CpWorkload *w)
{
    if (w == NULL) {
        return;
    }
    GArray *const arrays[] = {w->code,     w->line,    w->consts, w->values, w->lists,
                              w->dists,    w->masks,   w->attrs,  w->objs,   w->procs,
                              w->threads,  w->groups,  w->ats,    w->hists,  w->vars,
                              w->arrivals, w->noises,  w->tasks,  w->calls,  w->pools,
                              w->interps,  w->handlers};
    for (size_t i = 0; i < G_N_ELEMENTS(arrays); i++) {
        g_array_unref(arrays[i]);
    }
    g_hash_table_unref(w->const_index);
    g_hash_table_unref(w->string_index);
    g_ptr_array_unref(w->strings);
    if (w->replay != NULL) {
        w->replay->free(w->replay->source);
        g_array_unref(w->replay->targets);
        g_free(w->replay);
    }
    g_free(w);
}

uint32_t cp_workload_string(CpWorkload *w, const char *text)
{
    void *index;
    if (g_hash_table_lookup_extended(w->string_index, text, NULL, &index)) {
        return GPOINTER_TO_UINT(index);
    }
    char *copy = g_strdup(text);
    g_hash_table_insert(w->string_index, copy, GUINT_TO_POINTER(w->strings->len));
    g_ptr_array_add(w->strings, copy);
    return w->strings->len - 1;
}

const char *cp_workload_text(const CpWorkload *w, uint32_t string)
{
    cp_require(string < w->strings->len);
    return g_ptr_array_index(w->strings, string);
}

uint32_t cp_workload_const(CpWorkload *w, int64_t value)
{
    void *index;
    if (g_hash_table_lookup_extended(w->const_index, (void *)value, NULL, &index)) {
        return GPOINTER_TO_UINT(index);
    }
    g_hash_table_insert(w->const_index, (void *)value, GUINT_TO_POINTER(w->consts->len));
    g_array_append_val(w->consts, value);
    return w->consts->len - 1;
}

uint32_t cp_workload_dist(CpWorkload *w, CpDist dist)
{
    g_array_append_val(w->dists, dist);
    return w->dists->len - 1;
}

uint32_t cp_workload_list(CpWorkload *w, const int64_t *values, uint32_t n)
{
    cp_require(n == 0 || values != NULL);
    const CpList list = {w->values->len, n};
    if (n > 0) {
        g_array_append_vals(w->values, values, n);
    }
    g_array_append_val(w->lists, list);
    return w->lists->len - 1;
}

uint32_t cp_workload_mask(CpWorkload *w, const CpCpuMask *mask)
{
    g_array_append_vals(w->masks, mask, 1);
    return w->masks->len - 1;
}

uint32_t cp_workload_hist(CpWorkload *w, const char *name)
{
    uint32_t string = cp_workload_string(w, name);
    for (uint32_t i = 0; i < w->hists->len; i++) {
        if (g_array_index(w->hists, uint32_t, i) == string) {
            return i;
        }
    }
    g_array_append_val(w->hists, string);
    return w->hists->len - 1;
}

uint32_t cp_workload_obj(CpWorkload *w, const char *name, CpObjKind kind)
{
    cp_require(kind < CP_OBJ_KINDS);
    const CpObjDecl obj = {.name = cp_workload_string(w, name),
                           .kind = kind,
                           .proc = CP_NONE,
                           .lock = CP_NONE,
                           .feeder = CP_NONE,
                           .service_arg = CP_ARG_NONE};
    g_array_append_val(w->objs, obj);
    return w->objs->len - 1;
}

uint32_t cp_workload_proc(CpWorkload *w, const char *name, const char *runtime)
{
    const CpProcDecl proc = {.name = cp_workload_string(w, name),
                             .runtime = cp_workload_string(w, runtime),
                             .version = CP_NONE,
                             .settings = g_ptr_array_new_with_free_func(g_free),
                             .first_thread = w->threads->len,
                             .parent = CP_NONE};
    g_array_append_val(w->procs, proc);
    return w->procs->len - 1;
}

uint32_t cp_workload_thread(CpWorkload *w, CpProcId proc, const char *name)
{
    cp_require(proc < w->procs->len);
    CpProcDecl *owner = cp_proc_decl(w, proc);
    if (owner->n_threads == 0) {
        owner->first_thread = w->threads->len;
    }
    cp_require(owner->first_thread + owner->n_threads == w->threads->len);
    owner->n_threads++;
    const CpThreadDecl thread = {.name = cp_workload_string(w, name),
                                 .proc = proc,
                                 .entry = w->code->len,
                                 .n_regs = CP_REG_FREE,
                                 .copies = 1,
                                 .attr = cp_sched_attr_default(),
                                 .group = CP_NONE,
                                 .interp = CP_NONE,
                                 .start_cpu = CP_NONE};
    g_array_append_val(w->threads, thread);
    return w->threads->len - 1;
}

uint32_t cp_workload_task(CpWorkload *w, CpProcId proc, const char *name)
{
    cp_require(proc < w->procs->len);
    const CpTaskDecl task = {.name = cp_workload_string(w, name),
                             .proc = proc,
                             .entry = w->code->len,
                             .n_regs = CP_REG_FREE,
                             .run_var = CP_NONE};
    g_array_append_val(w->tasks, task);
    return w->tasks->len - 1;
}

uint32_t cp_workload_call(CpWorkload *w, uint32_t task)
{
    cp_require(task < w->tasks->len);
    const CpCallDecl call = {.task = task,
                             .pool = CP_NONE,
                             .thread = CP_NONE,
                             .delay_arg = CP_ARG_NONE,
                             .list = CP_NONE};
    g_array_append_val(w->calls, call);
    return w->calls->len - 1;
}

uint32_t cp_workload_interp(CpWorkload *w, CpProcId proc, const char *name, bool own_gil)
{
    cp_require(proc < w->procs->len);
    const CpInterpDecl interp = {
        .name = cp_workload_string(w, name), .proc = proc, .own_gil = own_gil};
    g_array_append_val(w->interps, interp);
    return w->interps->len - 1;
}

uint32_t cp_workload_emit(CpWorkload *w, CpOp op, uint8_t a, uint16_t b, uint32_t c,
                          uint32_t line)
{
    cp_require((unsigned)op < w->ops->n);
    cp_assert(w->code->len == w->line->len);
    const CpInsn insn = {(uint8_t)op, a, b, c};
    g_array_append_val(w->code, insn);
    g_array_append_val(w->line, line);
    return w->code->len - 1;
}

CpSchedAttr cp_sched_attr_default(void)
{
    return (CpSchedAttr){.policy = CP_SCHED_NORMAL, .slack = -1, .cpus = CP_NONE};
}
