#include "traces/export/kernel.h"

#include "lang/diag.h"

/* Which numbers and names threads get, and which events a record becomes. */

/* --- threads --- */

/* A name that fits into a kernel's event: no longer, and no half of a character. */
static char *comm_of(const char *name)
{
    g_autofree char *clean = cp_clean_text(name, -1);
    size_t n = strlen(clean);
    if (n > CP_COMM_MAX) {
        n = CP_COMM_MAX;
        while (n > 0 && ((unsigned char)clean[n] & 0xc0) == 0x80) {
            n--;
        }
    }
    return n == 0 ? g_strdup("<...>") : g_strndup(clean, n);
}

/* Simulated threads count from 0, which is the idle task's number in a kernel; there a
 * process has the number of its first thread. */
static void number_simulated(const CpCpr *cpr, CpKernelTasks *tasks)
{
    g_autoptr(GHashTable) leaders = g_hash_table_new(NULL, NULL);
    for (uint32_t i = 0; i < tasks->n; i++) {
        gpointer process = GINT_TO_POINTER((int)cp_cpr_thread_at(cpr, i)->pid);
        gpointer leader;
        int32_t pid = (int32_t)i + 1;
        if (!g_hash_table_lookup_extended(leaders, process, NULL, &leader)) {
            leader = GINT_TO_POINTER(pid);
            g_hash_table_insert(leaders, process, leader);
        }
        tasks->tasks[i].pid = pid;
        tasks->tasks[i].tgid = GPOINTER_TO_INT(leader);
    }
}

CpKernelTasks *cp_kernel_tasks_new(const CpCpr *cpr)
{
    CpKernelTasks *tasks = g_new0(CpKernelTasks, 1);
    tasks->n = cp_cpr_n_threads(cpr);
    tasks->tasks = g_new0(CpKernelTask, MAX(tasks->n, 1));
    for (uint32_t i = 0; i < tasks->n; i++) {
        const CpCprThread *row = cp_cpr_thread_at(cpr, i);
        bool has_prio = row->prio >= 0 && row->prio < 2 * CP_PRIO_DEFAULT;
        tasks->tasks[i] = (CpKernelTask){
            .thread = i,
            .pid = (int32_t)CLAMP(row->tid, 1, INT32_MAX),
            .tgid = (int32_t)CLAMP(row->pid > 0 ? row->pid : row->tid, 1, INT32_MAX),
            .prio = has_prio ? row->prio : CP_PRIO_DEFAULT,
            .comm = comm_of(cp_cpr_text(cpr, row->name)),
        };
    }
    if (cp_cpr_info(cpr)->origin == CP_ORIGIN_SIMULATED) {
        number_simulated(cpr, tasks);
    }
    return tasks;
}

void cp_kernel_tasks_free(CpKernelTasks *tasks)
{
    for (uint32_t i = 0; i < tasks->n; i++) {
        g_free((char *)tasks->tasks[i].comm);
    }
    g_free(tasks->tasks);
    g_free(tasks);
}

CpTime cp_kernel_base(const CpCpr *cpr)
{
    const CpCprInfo *info = cp_cpr_info(cpr);
    return info->origin == CP_ORIGIN_SIMULATED ? CP_KERNEL_START : info->clock_base;
}

int64_t cp_kernel_state_number(uint32_t state)
{
    static const struct {
        char letter;
        int64_t number;
    } numbers[] = {{'S', 1},  {'D', 2},  {'T', 4},  {'t', 8},
                   {'X', 16}, {'Z', 32}, {'P', 64}, {'I', 128}};
    if (state & CP_SWITCH_PREEMPTED) {
        return 256;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++) {
        if (numbers[i].letter == CP_SWITCH_STATE(state)) {
            return numbers[i].number;
        }
    }
    return CP_SWITCH_STATE(state) == 'R' ? 0 : 1;
}

/* --- which kinds the recording has itself --- */

typedef struct {
    bool waking, wakeup, runtime;
} Has;

static bool look(void *data, const CpRecord *records, size_t n)
{
    Has *has = data;
    for (size_t i = 0; i < n; i++) {
        CpRecordKind kind = cp_record_kind(&records[i]);
        has->waking |= kind == CP_REC_WAKING;
        has->wakeup |= kind == CP_REC_WAKEUP;
        has->runtime |= kind == CP_REC_RUNTIME;
    }
    return !(has->waking && has->wakeup && has->runtime);
}

/* --- events --- */

typedef struct {
    CpCpr *cpr;
    CpKernelTasks *tasks;
    Has has;
    bool stopped;
    CpTime from, to, base;
    CpKernelFn fn;
    void *data;
} Walk;

static const CpKernelTask idle_task = {
    .thread = CP_NONE, .prio = CP_PRIO_DEFAULT, .comm = "swapper"};

static CpKernelTask task(const Walk *w, uint32_t thread)
{
    return thread < w->tasks->n ? w->tasks->tasks[thread] : idle_task;
}

static void emit(Walk *w, const CpKernelEvent *e)
{
    if (!w->stopped) {
        w->stopped = !w->fn(w->data, e);
    }
}

static void on_switch(Walk *w, const CpTimeline *tl, const CpRecord *r, CpKernelEvent *e)
{
    uint32_t before = cp_timeline_running(tl, r->cpu);
    CpTime since = r->cpu < tl->n_cpus ? tl->cpus[r->cpu].since : w->from;
    CpTime at = cp_record_time(r);
    if (before == r->id || r->id == CP_UNKNOWN ||
        (before == CP_UNKNOWN && (r->arg & CP_SWITCH_RECONSTRUCTED) != 0)) {
        return; /* who ran when the recording began is no event */
    }
    e->subject = task(w, before);
    e->other = task(w, r->id);
    since = MAX(since, w->from);
    if (!w->has.runtime && e->subject.thread != CP_NONE && at > since) {
        CpKernelEvent charge = *e;
        charge.kind = CP_KERNEL_RUNTIME;
        charge.value = at - since;
        emit(w, &charge);
    }
    e->kind = CP_KERNEL_SWITCH;
    e->state = e->subject.thread == CP_NONE ? 'R' : r->arg & 0x3ff;
    emit(w, e);
}

/* A wake-up has two halves: what one of them tells is told by the other, too, where the
 * source has only one. */
static void on_wake(Walk *w, const CpTimeline *tl, const CpRecord *r, CpKernelEvent *e)
{
    CpRecordKind kind = cp_record_kind(r);
    e->subject = task(w, r->id);
    e->cpu2 = r->cpu;
    if (kind == CP_REC_WAKING) {
        e->cpu2 = r->arg & ~CP_WAKING_IRQ;
        e->irq = (r->arg & CP_WAKING_IRQ) != 0;
        e->kind = CP_KERNEL_WAKING;
        emit(w, e);
        return;
    }
    e->cpu = CP_WAKEUP_AUTHOR(r);
    e->current = task(w, cp_timeline_running(tl, e->cpu));
    if (kind == CP_REC_WAKEUP && !w->has.waking) {
        e->kind = CP_KERNEL_WAKING;
        emit(w, e);
    }
    e->kind = kind == CP_REC_WAKEUP ? CP_KERNEL_WAKEUP : CP_KERNEL_WAKEUP_NEW;
    emit(w, e);
}

static void rename_task(Walk *w, uint32_t thread, const char *name)
{
    if (thread < w->tasks->n) {
        g_free((char *)w->tasks->tasks[thread].comm);
        w->tasks->tasks[thread].comm = comm_of(name);
    }
}

/* Kinds with a second record. */
static void on_wide(Walk *w, const CpRecord *r, const CpRecord *more, CpKernelEvent *e)
{
    static const uint8_t kinds[CP_REC_KINDS] = {
        [CP_REC_RUNTIME] = CP_KERNEL_RUNTIME, [CP_REC_FORK] = CP_KERNEL_FORK,
        [CP_REC_EXEC] = CP_KERNEL_EXEC,       [CP_REC_PRIORITY] = CP_KERNEL_PRIORITY,
        [CP_REC_RENAME] = CP_KERNEL_RENAME,   [CP_REC_GIL_ASK] = CP_KERNEL_GIL_ASK,
        [CP_REC_GIL_GOT] = CP_KERNEL_GIL_GOT, [CP_REC_GIL_DROP] = CP_KERNEL_GIL_DROP,
        [CP_REC_MARK] = CP_KERNEL_MARK,       [CP_REC_GAP] = CP_KERNEL_LOST,
    };
    CpRecordKind kind = cp_record_kind(r);
    e->kind = kinds[kind];
    e->subject = task(w, r->id);
    e->value = cp_record_value(more);
    switch (kind) {
    case CP_REC_FORK:
        e->other = e->subject;
        e->subject = task(w, more->id);
        break;
    case CP_REC_EXEC:
    case CP_REC_RENAME:
        e->text = cp_cpr_text(w->cpr, more->id);
        break;
    case CP_REC_GIL_ASK:
    case CP_REC_GIL_GOT:
    case CP_REC_GIL_DROP:
        e->subject = task(w, more->id);
        break;
    case CP_REC_MARK:
        e->subject = task(w, more->id);
        e->text = cp_cpr_name_at(w->cpr, CP_REC_MARK, r->id);
        break;
    case CP_REC_GAP:
        e->value = more->id;
        break;
    default:
        break;
    }
    if (kind != CP_REC_GAP || (r->arg == 0 && e->value > 0)) {
        emit(w, e);
    }
    if (kind == CP_REC_RENAME) {
        rename_task(w, r->id, e->text);
    } else if (kind == CP_REC_PRIORITY && r->id < w->tasks->n) {
        w->tasks->tasks[r->id].prio = (int32_t)e->value;
    }
}

static void on_each(void *data, const CpTimeline *tl, const CpRecord *r,
                    const CpRecord *more)
{
    Walk *w = data;
    CpTime at = cp_record_time(r);
    if (w->stopped || at < w->from || at > w->to) {
        return;
    }
    uint32_t cpu = r->cpu == CP_RECORD_NO_CPU ? 0 : r->cpu;
    CpKernelEvent e = {.at = at + w->base,
                       .cpu = cpu,
                       .cpu2 = cpu,
                       .current = task(w, cp_timeline_running(tl, cpu)),
                       .subject = idle_task,
                       .other = idle_task};
    switch (cp_record_kind(r)) {
    case CP_REC_SWITCH:
        on_switch(w, tl, r, &e);
        break;
    case CP_REC_WAKING:
    case CP_REC_WAKEUP:
    case CP_REC_WAKEUP_NEW:
        on_wake(w, tl, r, &e);
        break;
    case CP_REC_MIGRATE:
        e.kind = CP_KERNEL_MIGRATE;
        e.subject = task(w, r->id);
        e.value = r->cpu;
        e.cpu2 = r->arg;
        emit(w, &e);
        break;
    case CP_REC_EXIT:
        e.kind = CP_KERNEL_EXIT;
        e.subject = task(w, r->id);
        e.value = r->arg;
        emit(w, &e);
        break;
    case CP_REC_RUNTIME:
    case CP_REC_FORK:
    case CP_REC_EXEC:
    case CP_REC_PRIORITY:
    case CP_REC_RENAME:
    case CP_REC_GIL_ASK:
    case CP_REC_GIL_GOT:
    case CP_REC_GIL_DROP:
    case CP_REC_MARK:
    case CP_REC_GAP:
        if (more != NULL) {
            on_wide(w, r, more, &e);
        }
        break;
    default: /* what kernels do not log */
        break;
    }
}

gboolean cp_kernel_walk(CpCpr *cpr, CpTime from, CpTime to, CpKernelFn event, void *data,
                        GError **error)
{
    const CpCprInfo *info = cp_cpr_info(cpr);
    Walk w = {.cpr = cpr,
              .base = cp_kernel_base(cpr),
              .from = MAX(from, info->start),
              .to = to == 0 ? info->end : MIN(to, info->end),
              .fn = event,
              .data = data};
    if (!cp_walk_records(cpr, info->start, info->end, look, &w.has, error)) {
        return FALSE;
    }
    w.tasks = cp_kernel_tasks_new(cpr);
    const CpTimelineHooks hooks = {.each = on_each};
    const CpWalk all = {.to = to};
    gboolean ok = cp_walk(cpr, &all, &hooks, &w, error);
    cp_kernel_tasks_free(w.tasks);
    return ok;
}
