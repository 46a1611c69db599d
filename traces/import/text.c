#include "traces/import/formats.h"

#include "sim/error.h"
#include "traces/import/text-event.h"

#include <string.h>

/* Which lines of `perf script`, the kernel's trace file, trace-cmd report or
 * systrace say something about the recording, and what is wrong with a file
 * that says nothing. */

enum { CHECK_EVERY = 1 << 16 }; /* lines between looks at the interrupt flag */

static bool is_escaped(const char *line, size_t len)
{
    return memchr(line, '&', len) != NULL &&
           (memmem(line, len, "&gt;", 4) != NULL || memmem(line, len, "&lt;", 4) != NULL);
}

/* A scheduler event among the first lines. */
static bool sniff(const char *bytes, size_t n)
{
    const char *line = bytes, *end;
    while ((end = memchr(line, '\n', n - (size_t)(line - bytes))) != NULL) {
        CpTraceEvent event;
        size_t len = (size_t)(end - line);
        if (is_escaped(line, len)) {
            return memmem(line, len, "sched_switch: prev_comm=", 24) != NULL;
        }
        CpTextKind kind = cp_text_event(line, len, &event);
        if ((kind == CP_TEXT_EVENT && event.kind != CP_TRACE_OTHER) ||
            kind == CP_TEXT_INTEGER) {
            return true;
        }
        line = end + 1;
    }
    return false;
}

/* In a page the marks of names and arrows are written as entities: takes the
 * line into `plain`, with room behind it. */
static void unescape(GString *plain, const char **line, size_t *len)
{
    static const struct {
        const char *entity;
        char c;
    } marks[] = {{"&lt;", '<'},   {"&gt;", '>'},    {"&amp;", '&'}, {"&quot;", '"'},
                 {"&#39;", '\''}, {"&#x27;", '\''}, {"&nbsp;", ' '}};
    static const char slack[CP_LINE_SLACK] = {0};
    g_string_truncate(plain, 0);
    for (const char *p = *line, *end = *line + *len; p < end;) {
        size_t i = 0;
        while (i < G_N_ELEMENTS(marks) &&
               strncmp(p, marks[i].entity, strlen(marks[i].entity)) != 0) {
            i++;
        }
        bool is_mark = i < G_N_ELEMENTS(marks);
        g_string_append_c(plain, is_mark ? marks[i].c : *p);
        p += is_mark ? strlen(marks[i].entity) : 1;
    }
    *len = plain->len;
    g_string_append_len(plain, slack, CP_LINE_SLACK);
    *line = plain->str;
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
    g_autoptr(GString) plain = g_string_new(NULL);
    while (cp_input_line(job->input, &line, &len, &local)) {
        CpTraceEvent event;
        if (G_UNLIKELY(is_escaped(line, len))) {
            unescape(plain, &line, &len);
        }
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
        case CP_TEXT_INTEGER:
            note_bad(r, &r->integers, cp_input_n_lines(job->input));
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
    if (r->integers > 0) {
        g_set_error(error, CP_ERROR, CP_ERROR_INPUT,
                    "%s:%" G_GUINT64_FORMAT ": integer clock: the times are counts (of "
                    "cycles or events), not seconds; record with trace_clock=mono: "
                    "trace-cmd record -C mono -e sched, or echo mono > "
                    "/sys/kernel/tracing/trace_clock",
                    path, r->first_bad);
    } else if (r->cpu_above > 0 && r->cpu_above == r->no_cpu) {
        g_set_error(error, CP_ERROR, CP_ERROR_INPUT,
                    "%s: all events are of CPU %d and above, and at most %d CPUs are "
                    "simulated",
                    path, CP_CPUS_MAX, CP_CPUS_MAX);
    } else if (r->no_cpu > 0) {
        g_set_error(error, CP_ERROR, CP_ERROR_INPUT,
                    "%s: the column of the CPU is missing in %" G_GUINT64_FORMAT " events, "
                    "none has a readable sched_switch with a CPU; print with `perf script "
                    "--ns -F comm,pid,tid,cpu,time,event,trace`",
                    path, r->no_cpu);
    } else if (r->events + r->other > 0) {
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
    .help = "text of perf script, trace-cmd report, the kernel's trace file or "
            "systrace",
    .sniff = sniff,
    .read = read_text,
    .complain = complain,
};
