#include "lang/diag.h"
#include "traces/export/formats.h"
#include "traces/export/kernel.h"

#include <stdio.h>

/* How an event looks in the kernel's trace file. */

enum { TASK_WIDTH = 16, TGID_WIDTH = 7 };

typedef struct {
    const CpExportJob *job;
    CpStream *out;
} Text;

static const char *comm(const CpKernelTask *t, uint32_t cpu, char buffer[32])
{
    if (t->thread != CP_NONE) {
        return t->comm;
    }
    snprintf(buffer, 32, "swapper/%u", cpu);
    return buffer;
}

static void put_padded(CpStream *s, int64_t value, unsigned width)
{
    char text[24];
    int n = snprintf(text, sizeof text, "%" G_GINT64_FORMAT, value);
    for (unsigned i = (unsigned)n; i < width; i++) {
        cp_stream_char(s, ' ');
    }
    cp_stream_bytes(s, text, (size_t)n);
}

/* "          worker-12      (     10) [001] ....     0.000012345: " */
static void put_head(CpStream *s, const CpKernelEvent *e)
{
    bool idle = e->current.thread == CP_NONE;
    const char *name = idle ? "<idle>" : e->current.comm;
    for (size_t n = strlen(name); n < TASK_WIDTH; n++) {
        cp_stream_char(s, ' ');
    }
    cp_stream_text(s, name);
    cp_stream_char(s, '-');
    cp_stream_int(s, e->current.pid);
    for (int64_t left = e->current.pid, n = 0; n < TGID_WIDTH; n++, left /= 10) {
        if (left == 0 && n > 0) {
            cp_stream_char(s, ' ');
        }
    }
    cp_stream_text(s, " (");
    if (idle) {
        cp_stream_text(s, "-------");
    } else {
        put_padded(s, e->current.tgid, TGID_WIDTH);
    }
    cp_stream_text(s, ") [");
    cp_stream_unsigned(s, e->cpu, 3);
    cp_stream_text(s, e->irq ? "] d.h. " : "] .... ");
    put_padded(s, e->at / CP_S, 5);
    cp_stream_char(s, '.');
    cp_stream_unsigned(s, (uint64_t)(e->at % CP_S), 9);
    cp_stream_text(s, ": ");
}

static void put_key(CpStream *s, const char *key, int64_t value)
{
    cp_stream_text(s, key);
    cp_stream_int(s, value);
}

static void put_task(CpStream *s, const char *prefix, const CpKernelTask *t, uint32_t cpu)
{
    char buffer[32];
    cp_stream_text(s, prefix);
    cp_stream_text(s, "comm=");
    cp_stream_text(s, comm(t, cpu, buffer));
    cp_stream_char(s, ' ');
    cp_stream_text(s, prefix);
    put_key(s, "pid=", t->pid);
}

static void put_prio(CpStream *s, const char *prefix, int32_t prio)
{
    cp_stream_char(s, ' ');
    cp_stream_text(s, prefix);
    put_key(s, "prio=", prio);
}

static void put_switch(CpStream *s, const CpKernelEvent *e)
{
    cp_stream_text(s, "sched_switch: ");
    put_task(s, "prev_", &e->subject, e->cpu);
    put_prio(s, "prev_", e->subject.prio);
    cp_stream_text(s, " prev_state=");
    cp_stream_char(s, CP_SWITCH_STATE(e->state));
    if (e->state & CP_SWITCH_PREEMPTED) {
        cp_stream_char(s, '+');
    }
    cp_stream_text(s, " ==> ");
    put_task(s, "next_", &e->other, e->cpu);
    put_prio(s, "next_", e->other.prio);
    if (e->state & CP_SWITCH_RECONSTRUCTED) {
        cp_stream_text(s, " reconstructed=1");
    }
}

static void put_wake(CpStream *s, const CpKernelEvent *e, const char *name)
{
    cp_stream_text(s, name);
    put_task(s, "", &e->subject, e->cpu);
    put_prio(s, "", e->subject.prio);
    cp_stream_text(s, " target_cpu=");
    cp_stream_unsigned(s, e->cpu2, 3);
}

static void put_others(CpStream *s, const CpKernelEvent *e)
{
    g_autofree char *text = e->text != NULL ? cp_clean_text(e->text, -1) : NULL;
    switch (e->kind) {
    case CP_KERNEL_FORK:
        cp_stream_text(s, "sched_process_fork: ");
        put_task(s, "", &e->subject, e->cpu);
        cp_stream_char(s, ' ');
        put_task(s, "child_", &e->other, e->cpu);
        break;
    case CP_KERNEL_EXEC:
        cp_stream_text(s, "sched_process_exec: filename=");
        cp_stream_text(s, text);
        put_key(s, " pid=", e->subject.pid);
        put_key(s, " old_pid=", e->subject.pid);
        break;
    case CP_KERNEL_EXIT:
        cp_stream_text(s, "sched_process_exit: ");
        put_task(s, "", &e->subject, e->cpu);
        put_prio(s, "", e->subject.prio);
        cp_stream_text(s, e->value ? " group_dead=true" : " group_dead=false");
        break;
    case CP_KERNEL_PRIORITY:
        cp_stream_text(s, "sched_pi_setprio: ");
        put_task(s, "", &e->subject, e->cpu);
        put_prio(s, "old", e->subject.prio);
        put_prio(s, "new", (int32_t)e->value);
        break;
    case CP_KERNEL_RENAME:
        put_key(s, "task_rename: pid=", e->subject.pid);
        cp_stream_text(s, " oldcomm=");
        cp_stream_text(s, e->subject.comm);
        cp_stream_text(s, " newcomm=");
        cp_stream_text(s, text);
        cp_stream_text(s, " oom_score_adj=0");
        break;
    default: /* MARK */
        put_key(s, "tracing_mark_write: I|", e->subject.tgid);
        cp_stream_char(s, '|');
        cp_stream_text(s, text);
        break;
    }
}

static bool put_event(void *data, const CpKernelEvent *e)
{
    const Text *text = data;
    CpStream *s = text->out;
    if (e->kind == CP_KERNEL_LOST) {
        put_key(s, "CPU:", e->cpu);
        put_key(s, " [LOST ", e->value);
        cp_stream_text(s, " EVENTS]\n");
        return true;
    }
    put_head(s, e);
    switch (e->kind) {
    case CP_KERNEL_SWITCH:
        put_switch(s, e);
        break;
    case CP_KERNEL_WAKING:
        put_wake(s, e, "sched_waking: ");
        break;
    case CP_KERNEL_WAKEUP:
        put_wake(s, e, "sched_wakeup: ");
        break;
    case CP_KERNEL_WAKEUP_NEW:
        put_wake(s, e, "sched_wakeup_new: ");
        break;
    case CP_KERNEL_MIGRATE:
        cp_stream_text(s, "sched_migrate_task: ");
        put_task(s, "", &e->subject, e->cpu);
        put_prio(s, "", e->subject.prio);
        put_key(s, " orig_cpu=", e->value);
        put_key(s, " dest_cpu=", e->cpu2);
        break;
    case CP_KERNEL_RUNTIME:
        cp_stream_text(s, "sched_stat_runtime: ");
        put_task(s, "", &e->subject, e->cpu);
        put_key(s, " runtime=", e->value);
        cp_stream_text(s, " [ns]");
        break;
    case CP_KERNEL_GIL_ASK:
        cp_stream_text(s, "gil:take_enter: ()");
        break;
    case CP_KERNEL_GIL_GOT:
        cp_stream_text(s, "gil:take_return: ()");
        break;
    case CP_KERNEL_GIL_DROP:
        cp_stream_text(s, "gil:drop_enter: ()");
        break;
    default:
        put_others(s, e);
        break;
    }
    cp_stream_char(s, '\n');
    return !cp_export_stop(text->job);
}

static gboolean write_ftrace(const CpExportJob *job, GError **error)
{
    Text text = {job, job->out};
    cp_stream_text(job->out,
                   "# tracer: nop\n#\n# entries-in-buffer/entries-written: 0/0   #P:");
    cp_stream_unsigned(job->out, cp_cpr_info(job->cpr)->n_cpus, 1);
    cp_stream_text(job->out,
                   "\n#\n"
                   "#           TASK-PID     (   TGID) [CPU] FLAGS  TIMESTAMP  FUNCTION\n"
                   "#              | |             |     |    |         |         |\n");
    return cp_kernel_walk(job->cpr, job->from, job->to, put_event, &text, error);
}

const CpExportFormat cp_export_ftrace = {
    .name = "ftrace",
    .endings = ".ftrace .systrace .txt",
    .help = "text as in the kernel's trace file: Perfetto, scripts, coreplay import",
    .write = write_ftrace,
};
