#include "traces/import/importer.h"

/* What is said of a foreign trace: what it held, and what it does not tell, with its
 * weight. */

void cp_import_report_init(CpImportReport *r)
{
    *r = (CpImportReport){.cpus = g_array_new(FALSE, FALSE, sizeof(CpImportCpu))};
}

void cp_import_report_clear(CpImportReport *r)
{
    g_clear_pointer(&r->cpus, g_array_unref);
}

#define N G_GUINT64_FORMAT

static const CpImportCpu *cpu_of(const CpImportReport *r, guint i)
{
    return &g_array_index(r->cpus, CpImportCpu, i);
}

/* --- warnings --- */

static void warn(GPtrArray *out, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void warn(GPtrArray *out, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_ptr_array_add(out, g_strdup_vprintf(format, args));
    va_end(args);
}

static double percent(CpTime part, CpTime all)
{
    return all > 0 ? MIN(100 * (double)part / (double)all, 100) : 0;
}

/* Time of all CPUs that were seen. */
static CpTime cpu_time(const CpImportReport *r)
{
    CpTime n = 0;
    for (guint i = 0; i < r->cpus->len; i++) {
        n += cpu_of(r, i)->begin != 0 || cpu_of(r, i)->end != 0;
    }
    return n * (r->last - r->first);
}

static void warn_losses(const CpImportReport *r, GPtrArray *out)
{
    CpTime lossy = 0;
    for (guint i = 0; i < r->cpus->len; i++) {
        lossy += cpu_of(r, i)->lossy;
    }
    double share = percent(lossy, cpu_time(r));
    if (r->lost > 0) {
        warn(out, "%" N " events lost, says the trace, around %.1f %% of the CPUs' time",
             r->lost, share);
    }
    if (r->lost_uncounted > 0) {
        warn(out,
             "%" N " times events were lost, the trace does not say how many, around "
             "%.1f %% of the CPUs' time",
             r->lost_uncounted, share);
    }
    if (r->overwritten > 0) {
        warn(out, "%" N " events overwritten before the beginning", r->overwritten);
    }
}

/* Buffers hold equally many events, not equally long times. */
static void warn_lengths(const CpImportReport *r, GPtrArray *out)
{
    CpTime span = r->last - r->first;
    for (guint i = 0; r->overwritten > 0 && i < r->cpus->len; i++) {
        const CpImportCpu *c = cpu_of(r, i);
        if (c->end != 0 && c->begin - r->first > span / 100) {
            warn(
                out,
                "CPU %u is known from %.6f s on only: nothing is told of it for %.1f %% of "
                "the recording",
                i, (double)(c->begin - r->first) / 1e9, percent(c->begin - r->first, span));
        }
    }
}

static void warn_repairs(const CpImportReport *r, GPtrArray *out)
{
    CpTime unknown = 0;
    for (guint i = 0; i < r->cpus->len; i++) {
        unknown += cpu_of(r, i)->unknown;
    }
    if (r->mismatches > 0) {
        warn(out,
             "%" N " switches from a thread that was not there: who ran is not known for "
             "%.6f s, %.1f %% of the CPUs' time; was it recorded with a filter? record "
             "whole CPUs",
             r->mismatches, (double)unknown / 1e9, percent(unknown, cpu_time(r)));
    }
    if (r->missing_idle > 0) {
        warn(out,
             "%" N " switches from idle were missing: put in where the thread's run-time "
             "report or wake-up says; %.1f %% of all switches",
             r->missing_idle, percent((CpTime)r->missing_idle, (CpTime)r->switches));
    }
    if (r->marked > 0) {
        warn(out, "%" N " switches reconstructed already in the source, %.1f %% of all",
             r->marked, percent((CpTime)r->marked, (CpTime)r->switches));
    }
    if (r->shifted) {
        warn(out,
             "states are printed as kernels 4.14 to 4.20 do (idle leaves with S): S is "
             "read as R, D as S, T as D");
    }
    if (r->heads_differ > 0) {
        warn(out,
             "%" N " switches name another thread than the head of their line, whose pids "
             "are a container's or another thread's: only pids behind the event's name "
             "were used, processes are not known",
             r->heads_differ);
    }
    if (r->odd_states > 0) {
        warn(out, "%" N " switches with a state that is not known: taken for sleeping",
             r->odd_states);
    }
}

typedef struct {
    uint64_t n;
    const char *text;
} Count;

char **cp_import_report_warnings(const CpImportReport *r)
{
    GPtrArray *out = g_ptr_array_new();
    warn_losses(r, out);
    warn_lengths(r, out);
    warn_repairs(r, out);
    const Count left_out[] = {
        {r->late, "events too late to sort: given a later time"},
        {r->leaps, "events more than half a year away: left out"},
        {r->no_cpu - r->cpu_above, "events without a CPU: left out"},
        {r->cpu_above, "events of CPU 1024 and above, which cannot be simulated: left out"},
        {r->integers, "events with an integer clock: left out"},
        {r->broken, "events with an unreadable payload: left out"},
        {r->unread, "lines that are no trace lines: left out"},
        {r->long_lines, "lines longer than 1 MiB: left out"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(left_out); i++) {
        if (left_out[i].n > 0) {
            warn(out, "%" N " %s", left_out[i].n, left_out[i].text);
        }
    }
    if (r->first_bad > 0) {
        warn(out, "first line left out: %" N, r->first_bad);
    }
    if (r->cut) {
        warn(out, "the last line has no end: the file may be cut");
    }
    g_ptr_array_add(out, NULL);
    return (char **)g_ptr_array_free(out, FALSE);
}

/* --- all of it --- */

static void report_line(GString *out, uint64_t n, const char *text)
{
    if (n > 0) {
        g_string_append_printf(out, "  %" N " %s\n", n, text);
    }
}

static void report_cpus(const CpImportReport *r, GString *out)
{
    uint32_t n = MAX(r->n_cpus, r->n_cpus_told), told = 0;
    g_autoptr(GString) list = g_string_new(NULL);
    for (guint i = 0; i < r->cpus->len; i++) {
        if (cpu_of(r, i)->switches > 0) {
            g_string_append_printf(list, "%s%u", told++ > 0 ? ", " : "", i);
        }
    }
    if (told > 0 && told < n && told <= 16) {
        g_string_append_printf(out,
                               "  of %u CPUs only CPU%s %s ha%s switches: the other%s did "
                               "nothing or %s not recorded\n",
                               n, told > 1 ? "s" : "", list->str, told > 1 ? "ve" : "s",
                               n - told > 1 ? "s" : "", n - told > 1 ? "were" : "was");
    }
}

char *cp_import_report_text(const CpImportReport *r)
{
    GString *out = g_string_new(NULL);
    g_string_append_printf(out,
                           "%" N " lines, %" N " events of %u threads on %u CPUs in "
                           "%.6f s: %" N " switches, %" N " wake-ups\n",
                           r->lines, r->events, r->n_threads, r->n_cpus,
                           (double)(r->last - r->first) / 1e9, r->switches,
                           MAX(r->wakings, r->wakeups));
    for (guint i = 0; i < r->cpus->len; i++) {
        const CpImportCpu *c = cpu_of(r, i);
        if (c->switches > 0) {
            g_string_append_printf(out, "  CPU %u: %" N " switches, %.1f %% busy", i,
                                   c->switches,
                                   percent(c->busy, c->busy + c->idle + c->unknown));
            if (c->unknown > 0) {
                g_string_append_printf(out, ", %.1f %% not known",
                                       percent(c->unknown, c->busy + c->idle + c->unknown));
            }
            g_string_append_c(out, '\n');
        }
    }
    report_cpus(r, out);
    report_line(out, r->other, "events of kinds that are not used");
    report_line(out, r->unsorted, "events out of order: sorted");
    report_line(out, r->duplicates, "duplicate events: left out");
    report_line(out, r->renames, "threads renamed");
    g_auto(GStrv) warnings = cp_import_report_warnings(r);
    for (char **w = warnings; *w != NULL; w++) {
        g_string_append_printf(out, "  %s\n", *w);
    }
    return g_string_free(out, FALSE);
}
