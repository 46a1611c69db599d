#include "traces/import/formats.h"

#include "sim/error.h"
#include "traces/import/text-event.h"

#include <string.h>

/* Which lines of `perf script`, the kernel's trace file, trace-cmd report or systrace say
 * something about the recording, and what is wrong with a file that says nothing. */

enum { CHECK_EVERY = 1 << 16 }; /* lines between looks at the interrupt flag */

/* A scheduler event among the first lines. */
static bool sniff(const char *bytes, size_t n)
{
    const char *line = bytes, *end;
    while ((end = memchr(line, '\n', n - (size_t)(line - bytes))) != NULL) {
        CpTraceEvent event;
        if (cp_text_event(line, (size_t)(end - line), &event) == CP_TEXT_EVENT &&
            event.kind != CP_TRACE_OTHER) {
            return true;
        }
        line = end + 1;
    }
    return false;
}

static void note_heading(CpImportReport *r, const char *line, size_t len)
{
    uint32_t n_cpus;
    uint64_t overwritten;
    cp_text_heading(line, MIN(len, 256), &n_cpus, &overwritten);
    r->n_cpus_told = MAX(r->n_cpus_told, n_cpus);
    r->overwritten += overwritten;
}

static void note_bad(CpImportReport *r, uint64_t *count, uint64_t line)
{
    (*count)++;
    if (r->first_bad == 0) {
        r->first_bad = line;
    }
}

static gboolean is_interrupted(const CpImportJob *job, uint64_t lines, GError **error)
{
    if (lines % CHECK_EVERY != 0 || job->interrupt == NULL || *job->interrupt == 0) {
        return FALSE;
    }
    g_set_error(error, CP_ERROR, CP_ERROR_MODEL,
                "interrupted after %" G_GUINT64_FORMAT " lines; nothing was written",
                lines);
    return TRUE;
}

static gboolean read_lines(const CpImportJob *job, GError **error)
{
    CpImportReport *r = job->report;
    const char *line;
    size_t len;
    GError *local = NULL;
    while (cp_input_line(job->input, &line, &len, &local)) {
        CpTraceEvent event;
        switch (cp_text_event(line, len, &event)) {
        case CP_TEXT_EVENT:
            if (!cp_importer_push(job->importer, &event, error)) {
                return FALSE;
            }
            break;
        case CP_TEXT_HEADER:
            note_heading(r, line, len);
            break;
        case CP_TEXT_BROKEN:
            note_bad(r, &r->broken, cp_input_n_lines(job->input));
            break;
        case CP_TEXT_UNKNOWN:
            note_bad(r, &r->unread, cp_input_n_lines(job->input));
            break;
        case CP_TEXT_END:
            if (r->events > 0) {
                return TRUE;
            }
            break;
        }
        if (job->again && cp_importer_disordered(job->importer)) {
            return TRUE;
        }
        if (is_interrupted(job, cp_input_n_lines(job->input), error)) {
            return FALSE;
        }
    }
    if (local != NULL) {
        g_propagate_error(error, local);
        return FALSE;
    }
    return TRUE;
}

static gboolean read_text(const CpImportJob *job, GError **error)
{
    if (!read_lines(job, error)) {
        return FALSE;
    }
    job->report->lines = cp_input_n_lines(job->input);
    job->report->long_lines = cp_input_n_long(job->input);
    job->report->cut = cp_input_cut(job->input);
    return TRUE;
}

static void complain(const char *path, const CpImportReport *r, GError **error)
{
    if (r->events + r->other > 0) {
        g_set_error(error, CP_ERROR, CP_ERROR_INPUT,
                    "%s: %" G_GUINT64_FORMAT " events, but none of them is a readable "
                    "sched_switch with a CPU; record with `perf sched record` or -e "
                    "'sched:*', and print with `perf script --ns -F "
                    "comm,pid,tid,cpu,time,event,trace`",
                    path, r->events + r->other);
    } else if (r->first_bad > 0) {
        g_set_error(
            error, CP_ERROR, CP_ERROR_INPUT,
            "%s:%" G_GUINT64_FORMAT ": not a line of a scheduler trace, nor is any of "
            "the %" G_GUINT64_FORMAT " lines; expected text of perf script, trace-cmd "
            "report, the kernel's trace file or systrace",
            path, r->first_bad, r->lines);
    } else {
        g_set_error(error, CP_ERROR, CP_ERROR_INPUT,
                    "%s: no events in %" G_GUINT64_FORMAT " lines: the trace is empty",
                    path, r->lines);
    }
}

const CpImportFormat cp_import_text = {
    .name = "text",
    .help = "text of perf script, trace-cmd report, the kernel's trace file or systrace",
    .sniff = sniff,
    .read = read_text,
    .complain = complain,
};
