#include "lang/diag.h"
#include "traces/export/formats.h"
#include "traces/export/kernel.h"
#include "traces/thread-names.h"

/* Which rows a Chrome trace has: CPUs, threads by process, interpreters' locks, event
 * loops. */

/* Numbers of processes that stand for no process; those of threads are smaller. */
enum { PID_CPUS = 0, PID_GILS = INT32_MAX - 1, PID_LOOPS = INT32_MAX };

typedef struct {
    const CpExportJob *job;
    CpStream *out;
    CpKernelTasks *tasks;
    char **names;     /* by thread, in quotes */
    GHashTable *told; /* rows that have their name */
    CpTime from;
    int64_t runnable;
} Chrome;

/* New: the text in quotes. */
static char *quoted(const char *text)
{
    g_autofree char *clean = cp_clean_text(text, -1);
    GString *out = g_string_new("\"");
    for (const char *p = clean; *p != '\0'; p++) {
        if (*p == '"' || *p == '\\') {
            g_string_append_c(out, '\\');
        }
        g_string_append_c(out, *p);
    }
    g_string_append_c(out, '"');
    return g_string_free(out, FALSE);
}

/* Microseconds with their fraction. */
static void put_us(CpStream *s, const char *key, CpTime ns)
{
    cp_stream_text(s, key);
    cp_stream_unsigned(s, (uint64_t)ns / 1000, 1);
    if (ns % 1000 != 0) {
        cp_stream_char(s, '.');
        cp_stream_unsigned(s, (uint64_t)ns % 1000, 3);
    }
}

static void put_key(CpStream *s, const char *key, int64_t value)
{
    cp_stream_text(s, key);
    cp_stream_int(s, value);
}

/* A name of a process (tid < 0) or of a thread. */
static void put_name(CpStream *s, int64_t pid, int64_t tid, const char *name)
{
    put_key(s, "{\"ph\":\"M\",\"pid\":", pid);
    put_key(s, ",\"tid\":", MAX(tid, 0));
    cp_stream_text(s, tid < 0 ? ",\"name\":\"process_name\",\"args\":{\"name\":"
                              : ",\"name\":\"thread_name\",\"args\":{\"name\":");
    cp_stream_text(s, name);
    cp_stream_text(s, "}},\n");
}

/* `name` is in quotes. */
static void put_slice(CpStream *s, const char *name, const char *category, CpTime from,
                      CpTime to, int64_t pid, int64_t tid)
{
    cp_stream_text(s, "{\"ph\":\"X\",\"name\":");
    cp_stream_text(s, name);
    cp_stream_text(s, ",\"cat\":\"");
    cp_stream_text(s, category);
    put_us(s, "\",\"ts\":", from);
    put_us(s, ",\"dur\":", to - from);
    put_key(s, ",\"pid\":", pid);
    put_key(s, ",\"tid\":", tid);
    cp_stream_text(s, "},\n");
}

static const char *thread_name(const Chrome *c, uint32_t thread)
{
    return thread < c->tasks->n ? c->names[thread] : "\"?\"";
}

static void on_cpu(void *data, const CpCpuSpan *span)
{
    const Chrome *c = data;
    if (span->thread < CP_UNKNOWN && !cp_export_stop(c->job)) {
        put_slice(c->out, thread_name(c, span->thread), "cpu", span->from, span->to,
                  PID_CPUS, span->cpu);
    }
}

static void on_span(void *data, const CpSpan *span)
{
    static const char *const states[] = {[CP_SEEN_RUNNABLE] = "\"runnable\"",
                                         [CP_SEEN_RUNNING] = "\"running\"",
                                         [CP_SEEN_BLOCKED] = "\"blocked\"",
                                         [CP_SEEN_OFF] = "\"off\""};
    const Chrome *c = data;
    if (span->from == span->to || span->thread >= c->tasks->n || cp_export_stop(c->job)) {
        return;
    }
    const CpKernelTask *t = &c->tasks->tasks[span->thread];
    g_autofree char *reason = NULL;
    if (span->state == CP_SEEN_BLOCKED && span->object != CP_NONE) {
        const char *name = cp_cpr_name_at(c->job->cpr, span->on, span->object);
        g_autofree char *text = g_strconcat("waits for ", name, NULL);
        reason = *name != '\0' ? quoted(text) : NULL;
    }
    put_slice(c->out, reason != NULL ? reason : states[span->state], "thread", span->from,
              span->to, t->tgid, t->pid);
}

/* Tells the name of a row once. */
static void tell_row(Chrome *c, int64_t pid, uint32_t row, CpRecordKind domain,
                     const char *what)
{
    gint64 *key = g_new(gint64, 1);
    *key = pid << 32 | row;
    if (g_hash_table_add(c->told, key)) {
        const char *name = cp_cpr_name_at(c->job->cpr, domain, row);
        g_autofree char *plain =
            *name != '\0' ? g_strdup(name) : g_strdup_printf("%s %u", what, row);
        g_autofree char *title = quoted(plain);
        put_name(c->out, pid, row, title);
    }
}

static void on_gil(void *data, const CpLockSpan *span)
{
    Chrome *c = data;
    if (span->held && span->from < span->to) {
        tell_row(c, PID_GILS, span->lock, CP_REC_GIL_GOT, "interpreter");
        put_slice(c->out, thread_name(c, span->thread), "gil", span->from, span->to,
                  PID_GILS, span->lock);
    }
}

static void on_loop(void *data, const CpLoopSpan *span)
{
    Chrome *c = data;
    if (span->from == span->to) {
        return;
    }
    tell_row(c, PID_LOOPS, span->loop, CP_REC_LOOP_READY, "loop");
    g_autofree char *step = NULL;
    if (span->state == CP_LOOP_STEP) {
        step = quoted(cp_cpr_name_at(c->job->cpr, CP_REC_TASK_CREATE,
                                     CP_RECORD_FUNCTION(span->label)));
    }
    put_slice(c->out,
              step != NULL                   ? step
              : span->state == CP_LOOP_POLLS ? "\"polls\""
                                             : "\"loop\"",
              "loop", span->from, span->to, PID_LOOPS, span->loop);
}

static void on_each(void *data, const CpTimeline *tl, const CpRecord *r,
                    const CpRecord *more)
{
    (void)r, (void)more;
    Chrome *c = data;
    if (tl->n_runnable == c->runnable || tl->now < c->from) {
        return;
    }
    c->runnable = tl->n_runnable;
    put_us(c->out, "{\"ph\":\"C\",\"name\":\"threads waiting for a CPU\",\"pid\":0,\"ts\":",
           tl->now);
    put_key(c->out, ",\"args\":{\"threads\":", c->runnable);
    cp_stream_text(c->out, "}},\n");
}

static void on_mark(void *data, const CpMoment *m)
{
    const Chrome *c = data;
    g_autofree char *name = quoted(cp_cpr_name_at(c->job->cpr, CP_REC_MARK, m->id));
    const CpKernelTask *t = m->thread < c->tasks->n ? &c->tasks->tasks[m->thread] : NULL;
    cp_stream_text(c->out, "{\"ph\":\"i\",\"s\":\"t\",\"name\":");
    cp_stream_text(c->out, name);
    put_us(c->out, ",\"ts\":", m->at);
    put_key(c->out, ",\"pid\":", t != NULL ? t->tgid : PID_CPUS);
    put_key(c->out, ",\"tid\":", t != NULL ? t->pid : 0);
    cp_stream_text(c->out, "},\n");
}

static void put_names(Chrome *c)
{
    CpCpr *cpr = c->job->cpr;
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
    put_name(c->out, PID_CPUS, -1, "\"CPUs\"");
    for (uint32_t cpu = 0; cpu < cp_cpr_info(cpr)->n_cpus; cpu++) {
        g_autofree char *name = g_strdup_printf("\"CPU %u\"", cpu);
        put_name(c->out, PID_CPUS, cpu, name);
    }
    for (uint32_t i = 0; i < c->tasks->n; i++) {
        const CpKernelTask *t = &c->tasks->tasks[i];
        if (g_hash_table_add(seen, GINT_TO_POINTER(t->tgid))) {
            const char *process = cp_cpr_text(cpr, cp_cpr_thread_at(cpr, i)->process);
            g_autofree char *name = quoted(*process != '\0' ? process : t->comm);
            put_name(c->out, t->tgid, -1, name);
        }
        put_name(c->out, t->tgid, t->pid, c->names[i]);
    }
    put_name(c->out, PID_GILS, -1, "\"Interpreters' locks (GIL)\"");
    put_name(c->out, PID_LOOPS, -1, "\"Event loops\"");
}

static gboolean write_chrome(const CpExportJob *job, GError **error)
{
    Chrome c = {
        .job = job,
        .out = job->out,
        .tasks = cp_kernel_tasks_new(job->cpr),
        .names = cp_thread_names(job->cpr),
        .told = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL),
        .from = job->from,
        .runnable = -1,
    };
    for (char **name = c.names; *name != NULL; name++) {
        char *text = quoted(*name);
        g_free(*name);
        *name = text;
    }
    cp_stream_text(job->out, "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n");
    put_names(&c);
    const CpTimelineHooks hooks = {.each = on_each,
                                   .cpu = on_cpu,
                                   .span = on_span,
                                   .gil = on_gil,
                                   .loop = on_loop,
                                   .mark = on_mark};
    const CpWalk walk = {.from = job->from, .to = job->to};
    gboolean ok = cp_walk(job->cpr, &walk, &hooks, &c, error);
    /* Without a comma behind it. */
    cp_stream_text(job->out,
                   "{\"ph\":\"M\",\"pid\":0,\"tid\":0,\"name\":\"process_sort_index\","
                   "\"args\":{\"sort_index\":-1}}\n]}\n");
    g_hash_table_unref(c.told);
    g_strfreev(c.names);
    cp_kernel_tasks_free(c.tasks);
    return ok;
}

const CpExportFormat cp_export_chrome = {
    .name = "chrome",
    .endings = ".trace.json .json",
    .help = "Chrome trace JSON: chrome://tracing, Perfetto, Speedscope, Firefox Profiler",
    .write = write_chrome,
};
