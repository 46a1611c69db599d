#include "traces/import/text.h"

#include "sim/error.h"
#include "traces/import/text-event.h"
#include "traces/import/text-lines.h"

#include <string.h>

enum { CHECK_EVERY = 1 << 16 }; /* lines between looks at the interrupt flag */

/* Other formats are recognised, to say what to do with them. */
static gboolean check_format(CpLines *lines, const char *path, GError **error)
{
    static const struct {
        const char *magic;
        size_t n;
        const char *advice;
    } known[] = {
        {"PERFILE2", 8,
         "is a perf.data file; turn it into text first: "
         "perf script --ns -F comm,pid,tid,cpu,time,event,trace -i FILE > FILE.txt"},
        {"\x17\x08\x44tracing", 10,
         "is a trace.dat file; turn it into text first: trace-cmd report -t FILE > "
         "FILE.txt"},
        {"\x89"
         "CPR\r\n\x1a\n",
         8, "is a coreplay recording already"},
        {"\x28\xb5\x2f\xfd", 4, "is compressed with zstd; unpack it first: zstd -d FILE"},
        {"\xfd"
         "7zXZ",
         5, "is compressed with xz; unpack it first: xz -dk FILE"},
        {"TRACE:\n\x78", 8,
         "is compressed atrace output; record it without -z, or make it text with "
         "systrace"},
    };
    const char *bytes;
    size_t n;
    if (!cp_lines_peek(lines, &bytes, &n, error)) {
        return FALSE;
    }
    if (n == 0) {
        g_set_error(
            error, CP_ERROR, CP_ERROR_INPUT,
            "%s: the file is empty, expected text of perf script or trace-cmd report",
            path);
        return FALSE;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
        if (n >= known[i].n && memcmp(bytes, known[i].magic, known[i].n) == 0) {
            g_set_error(error, CP_ERROR, CP_ERROR_INPUT, "%s: %s", path, known[i].advice);
            return FALSE;
        }
    }
    return TRUE;
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

static gboolean read_lines(CpLines *lines, CpImporter *importer,
                           const CpImportOptions *options, bool again, CpImportReport *r,
                           GError **error)
{
    const char *line;
    size_t len;
    GError *local = NULL;
    while (cp_lines_next(lines, &line, &len, &local)) {
        CpTraceEvent event;
        switch (cp_text_event(line, len, &event)) {
        case CP_TEXT_EVENT:
            if (!cp_importer_push(importer, &event, error)) {
                return FALSE;
            }
            break;
        case CP_TEXT_HEADER:
            note_heading(r, line, len);
            break;
        case CP_TEXT_BROKEN:
            note_bad(r, &r->broken, cp_lines_number(lines));
            break;
        case CP_TEXT_UNKNOWN:
            note_bad(r, &r->unread, cp_lines_number(lines));
            break;
        case CP_TEXT_END:
            if (r->events > 0) {
                return TRUE;
            }
            break;
        }
        if (again && cp_importer_disordered(importer)) {
            return TRUE;
        }
        if (cp_lines_number(lines) % CHECK_EVERY == 0 && options->interrupt != NULL &&
            *options->interrupt != 0) {
            g_set_error(error, CP_ERROR, CP_ERROR_MODEL,
                        "interrupted after %" G_GUINT64_FORMAT
                        " lines; nothing was written",
                        cp_lines_number(lines));
            return FALSE;
        }
    }
    if (local != NULL) {
        g_propagate_error(error, local);
        return FALSE;
    }
    return TRUE;
}

static gboolean no_switch(const char *path, const CpImportReport *r, GError **error)
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
    return FALSE;
}

/* One reading of the file; *again: it must be read once more, keeping all events. */
static gboolean import_pass(const char *path, const char *out_path, CpImportOrder order,
                            const CpImportOptions *options, CpImportReport *r, bool *again,
                            GError **error)
{
    CpLines *lines = cp_lines_open(path, error);
    CpImporter *importer = NULL;
    gboolean good = FALSE;
    *again = false;
    if (lines == NULL || !check_format(lines, path, error)) {
        goto out;
    }
    bool can_again = cp_lines_seekable(lines) && order == CP_ORDER_WINDOW;
    importer = cp_importer_new(out_path, order, options, r, error);
    if (importer == NULL || !read_lines(lines, importer, options, can_again, r, error)) {
        goto out;
    }
    if (can_again && cp_importer_disordered(importer)) {
        *again = true;
        goto out;
    }
    r->lines = cp_lines_number(lines);
    r->bytes = cp_lines_bytes(lines);
    r->long_lines = cp_lines_long(lines);
    r->cut = cp_lines_cut(lines);
    if (!cp_importer_drain(importer, error)) {
        goto out;
    }
    good =
        r->switches > 0 ? cp_importer_finish(importer, error) : no_switch(path, r, error);
out:
    cp_importer_free(importer);
    cp_lines_free(lines);
    return good;
}

gboolean cp_import_text(const char *path, const char *out_path,
                        const CpImportOptions *options, CpImportReport *report,
                        GError **error)
{
    static const CpImportOptions none = {0};
    options = options ? options : &none;
    bool again;
    gboolean good =
        import_pass(path, out_path, CP_ORDER_WINDOW, options, report, &again, error);
    if (again) {
        cp_import_report_clear(report);
        cp_import_report_init(report);
        good = import_pass(path, out_path, CP_ORDER_ALL, options, report, &again, error);
    }
    return good;
}
