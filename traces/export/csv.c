#include "lang/diag.h"
#include "traces/csv.h"
#include "traces/export/formats.h"
#include "traces/export/kernel.h"
#include "traces/thread-names.h"

/* What a row of a table is: one state of one thread, or one context switch. */

typedef struct {
    const CpExportJob *job;
    CpStream *out;
    CpKernelTasks *tasks;
    char **names; /* by thread, as fields */
} Table;

static void put_time(CpStream *s, int64_t ns)
{
    cp_stream_int(s, ns);
    cp_stream_char(s, ',');
}

static void put_thread(const Table *t, uint32_t thread)
{
    CpStream *s = t->out;
    if (thread >= t->tasks->n) {
        cp_stream_text(s, thread == CP_NONE ? "0,0,idle" : ",,");
        return;
    }
    cp_stream_int(s, t->tasks->tasks[thread].tgid);
    cp_stream_char(s, ',');
    cp_stream_int(s, t->tasks->tasks[thread].pid);
    cp_stream_char(s, ',');
    cp_stream_text(s, t->names[thread]);
}

static void put_reason(const Table *t, const CpSpan *span)
{
    if (span->state != CP_SEEN_BLOCKED || span->why == CP_BLOCK_NONE) {
        cp_stream_char(t->out, ',');
        return;
    }
    static const char *const reasons[] = {
        [CP_BLOCK_SLEEP] = "sleep",     [CP_BLOCK_LOCK] = "lock",
        [CP_BLOCK_COND] = "signal",     [CP_BLOCK_QUEUE] = "queue",
        [CP_BLOCK_IO] = "io",           [CP_BLOCK_JOIN] = "join",
        [CP_BLOCK_RUNTIME] = "runtime", [CP_BLOCK_OUTSIDE] = "outside"};
    cp_stream_text(t->out,
                   (size_t)span->why < G_N_ELEMENTS(reasons) ? reasons[span->why] : "");
    cp_stream_char(t->out, ',');
    if (span->object != CP_NONE) {
        const char *name = cp_cpr_name_at(t->job->cpr, span->on, span->object);
        g_autofree char *clean = cp_clean_text(name, -1);
        g_autoptr(GString) field = g_string_new(NULL);
        cp_csv_field(field, clean);
        cp_stream_text(t->out, field->str);
    }
}

static void put_span(void *data, const CpSpan *span)
{
    static const char *const states[] = {[CP_SEEN_RUNNABLE] = "runnable",
                                         [CP_SEEN_RUNNING] = "running",
                                         [CP_SEEN_BLOCKED] = "blocked",
                                         [CP_SEEN_OFF] = "off"};
    const Table *t = data;
    CpStream *s = t->out;
    if (span->from == span->to || cp_export_stop(t->job)) {
        return;
    }
    put_time(s, span->from);
    put_time(s, span->to);
    if (span->state == CP_SEEN_RUNNING) {
        cp_stream_unsigned(s, span->cpu, 1);
    }
    cp_stream_char(s, ',');
    put_thread(t, span->thread);
    cp_stream_char(s, ',');
    cp_stream_text(s, states[span->state]);
    cp_stream_char(s, ',');
    put_reason(t, span);
    cp_stream_char(s, '\n');
}

/* --- context switches --- */

static bool put_switch(void *data, const CpKernelEvent *e)
{
    const Table *t = data;
    CpStream *s = t->out;
    if (e->kind != CP_KERNEL_SWITCH) {
        return true;
    }
    put_time(s, e->at - cp_kernel_base(t->job->cpr));
    cp_stream_unsigned(s, e->cpu, 1);
    cp_stream_char(s, ',');
    put_thread(t, e->subject.thread);
    cp_stream_char(s, ',');
    cp_stream_char(s, CP_SWITCH_STATE(e->state));
    cp_stream_text(s, e->state & CP_SWITCH_PREEMPTED ? "+," : ",");
    put_thread(t, e->other.thread);
    cp_stream_char(s, '\n');
    return !cp_export_stop(t->job);
}

/* --- tables --- */

static void table_init(Table *t, const CpExportJob *job)
{
    *t = (Table){.job = job, .out = job->out, .tasks = cp_kernel_tasks_new(job->cpr)};
    t->names = cp_thread_names(job->cpr);
    for (char **name = t->names; *name != NULL; name++) {
        GString *field = g_string_new(NULL);
        cp_csv_field(field, *name);
        g_free(*name);
        *name = g_string_free(field, FALSE);
    }
}

static void table_clear(Table *t)
{
    g_strfreev(t->names);
    cp_kernel_tasks_free(t->tasks);
}

static gboolean write_intervals(const CpExportJob *job, GError **error)
{
    Table t;
    table_init(&t, job);
    cp_stream_text(job->out, "t_start_ns,t_end_ns,cpu,pid,tid,comm,state,reason,object\n");
    const CpTimelineHooks hooks = {.span = put_span};
    const CpWalk walk = {.from = job->from, .to = job->to};
    gboolean ok = cp_walk(job->cpr, &walk, &hooks, &t, error);
    table_clear(&t);
    return ok;
}

static gboolean write_switches(const CpExportJob *job, GError **error)
{
    Table t;
    table_init(&t, job);
    cp_stream_text(job->out, "t_ns,cpu,prev_pid,prev_tid,prev_comm,prev_state,next_pid,"
                             "next_tid,next_comm\n");
    gboolean ok = cp_kernel_walk(job->cpr, job->from, job->to, put_switch, &t, error);
    table_clear(&t);
    return ok;
}

const CpExportFormat cp_export_csv = {
    .name = "csv",
    .endings = ".csv",
    .help = "table of intervals, a row for each state of a thread: pandas, R, spreadsheets",
    .write = write_intervals,
};

const CpExportFormat cp_export_switches = {
    .name = "switches",
    .endings = ".switches.csv",
    .help = "table of context switches",
    .write = write_switches,
};
