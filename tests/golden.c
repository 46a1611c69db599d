/* Golden cases: tests/golden/CASE/workload.cpw is run, and what happened must be what
 * tests/golden/CASE/expect.txt says: who ran when on each CPU and held each interpreter's
 * lock, when each thread came, first ran and ended, marks and diagnoses, and the `expect`
 * lines of the workload.  Every case is run twice, with silent ticks left out and with
 * every tick run.
 *
 *     golden [CASE ...]
 *
 * A case whose name ends in "-measured" has costs and so only `expect` lines.
 * CP_GOLDEN_UPDATE=1 writes the files instead. */
#include "models/python/laws.h"
#include "sim/error.h"
#include "scenario/scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEGMENTS_A_LINE = 10, SEGMENTS_MAX = 1000, MARKS_MAX = 40, LINES_MAX = 20 };

static gboolean collect(void *data, const CpRecord *records, size_t n, GError **error)
{
    (void)error; /* memory does not fail */
    g_array_append_vals(data, records, (guint)n);
    return TRUE;
}

/* --- printing --- */

static void print_time(GString *out, CpTime t)
{
    g_autofree char *text = cp_format_time(t);
    g_string_append(out, text);
}

static void print_segment(GString *out, CpSim *sim, CpTid tid, CpTime from, CpTime to,
                          unsigned *n)
{
    if (from == to || (*n)++ >= SEGMENTS_MAX) {
        return;
    }
    g_autofree char *name = tid == CP_NONE ? g_strdup("-") : cp_sim_thread_name(sim, tid);
    if ((*n - 1) % SEGMENTS_A_LINE == 0) {
        g_autofree char *at = cp_format_time(from);
        g_string_append_printf(out, "\n%12s ", at);
    }
    g_string_append_printf(out, " %s ", name);
    print_time(out, to - from);
}

static void end_segments(GString *out, unsigned n)
{
    if (n > SEGMENTS_MAX) {
        g_string_append_printf(out, "\n             ... and %u more", n - SEGMENTS_MAX);
    }
    g_string_append_c(out, '\n');
}

/* One line of segments "thread length" after the other; "-" is idle. */
static void print_cpu(GString *out, CpSim *sim, const GArray *records, CpCpu cpu,
                      CpTime end)
{
    CpTid curr = CP_NONE;
    CpTime since = 0;
    unsigned n = 0;
    g_string_append_printf(out, "cpu %u", cpu);
    for (guint i = 0; i < records->len; i++) {
        const CpRecord *r = &g_array_index(records, CpRecord, i);
        if (cp_record_kind(r) != CP_REC_SWITCH || r->cpu != cpu) {
            continue;
        }
        print_segment(out, sim, curr, since, cp_record_time(r), &n);
        curr = r->id;
        since = cp_record_time(r);
    }
    print_segment(out, sim, curr, since, end, &n);
    end_segments(out, n);
}

/* Who holds an interpreter's lock, likewise; "-" is nobody. */
static void print_gil(GString *out, CpSim *sim, const GArray *records, uint32_t gil,
                      CpTime end)
{
    CpTid holder = CP_NONE;
    CpTime since = 0;
    unsigned n = 0;
    g_string_append_printf(out, "gil %u", gil);
    for (guint i = 0; i + 1 < records->len; i++) {
        const CpRecord *r = &g_array_index(records, CpRecord, i);
        uint32_t kind = cp_record_kind(r);
        if ((kind != CP_REC_GIL_GOT && kind != CP_REC_GIL_DROP) || r->id != gil) {
            continue;
        }
        CpTid next = kind == CP_REC_GIL_GOT ? (r + 1)->id : CP_NONE;
        if (next == holder) {
            continue;
        }
        print_segment(out, sim, holder, since, cp_record_time(r), &n);
        holder = next;
        since = cp_record_time(r);
    }
    print_segment(out, sim, holder, since, end, &n);
    end_segments(out, n);
}

static uint32_t n_gils(const GArray *records)
{
    uint32_t n = 0;
    for (guint i = 0; i < records->len; i++) {
        const CpRecord *r = &g_array_index(records, CpRecord, i);
        n = cp_record_kind(r) == CP_REC_GIL_GOT ? MAX(n, r->id + 1) : n;
    }
    return n;
}

static void print_marks(GString *out, CpSim *sim, const GArray *records)
{
    unsigned n = 0;
    for (guint i = 0; i + 1 < records->len; i++) {
        const CpRecord *r = &g_array_index(records, CpRecord, i);
        if (cp_record_kind(r) != CP_REC_MARK || n++ >= MARKS_MAX) {
            continue;
        }
        g_autofree char *name = cp_sim_thread_name(sim, (r + 1)->id);
        g_autofree char *at = cp_format_time(cp_record_time(r));
        g_string_append_printf(out, "mark %s: %s, %s\n", at, name,
                               cp_workload_text(cp_sim_config(sim)->workload, r->id));
    }
}

/* Without the folder, which is elsewhere on another machine. */
static void print_diagnoses(GString *out, const CpSim *sim)
{
    const char *source = cp_workload_text(cp_sim_config(sim)->workload,
                                          cp_sim_config(sim)->workload->source);
    g_autofree char *dir = g_path_get_dirname(source);
    g_autofree char *folder = g_strconcat(dir, "/", NULL);
    const GPtrArray *list = cp_sim_diagnoses(sim);
    for (guint i = 0; i < list->len; i++) {
        const CpDiagnosis *d = g_ptr_array_index(list, i);
        g_autofree char *at = cp_format_time(d->at);
        g_auto(GStrv) lines = g_strsplit(d->text, "\n", -1);
        g_autofree char *whole = g_strjoinv("; ", lines);
        g_auto(GStrv) parts = g_strsplit(whole, folder, -1);
        g_autofree char *text = g_strjoinv("", parts);
        g_string_append_printf(out, "diagnosis %s: %s: %s\n", at, d->kind, text);
    }
}

static bool metric(CpSim *sim, CpScope scope, CpTid tid, const char *name, int64_t *value)
{
    return cp_metric_named(sim, scope, name, tid, value);
}

static void print_metrics(GString *out, CpSim *sim, CpScope scope, CpTid tid,
                          const char *const *names)
{
    for (size_t i = 0; names[i] != NULL; i++) {
        int64_t value;
        g_string_append_printf(out, "%s %s ", i == 0 ? "" : ",", names[i]);
        if (metric(sim, scope, tid, names[i], &value)) {
            print_time(out, value);
        } else {
            g_string_append(out, "none");
        }
    }
    g_string_append_c(out, '\n');
}

static void print_threads(GString *out, CpSim *sim)
{
    static const char *const each[] = {"arrival",    "response", "waiting",
                                       "turnaround", "cpu",      NULL};
    static const char *const mean[] = {"response.mean", "waiting.mean", "turnaround.mean",
                                       NULL};
    for (CpTid tid = 0; tid < cp_sim_n_threads(sim); tid++) {
        g_autofree char *name = cp_sim_thread_name(sim, tid);
        g_string_append_printf(out, "%s:", name);
        print_metrics(out, sim, CP_SCOPE_THREAD, tid, each);
    }
    g_string_append(out, "all:");
    print_metrics(out, sim, CP_SCOPE_RUN, 0, mean);
}

/* "print 20 ms main: done", the first LINES_MAX lines. */
static void print_output(GString *out, const CpSim *sim, const CpRunLog *log)
{
    for (unsigned i = 0; i < MIN(cp_run_log_n_lines(log), LINES_MAX); i++) {
        const CpLogEntry *line = cp_run_log_line(log, i);
        g_autofree char *text = cp_run_log_text(log, sim, i);
        g_autofree char *name = cp_sim_thread_name(sim, line->tid);
        g_string_append(out, "print ");
        print_time(out, line->at);
        g_string_append_printf(out, " %s: %s\n", name, text);
    }
}

/* --- one case --- */

static GString *describe(const CpScenario *scenario, CpSim *sim, const GArray *records)
{
    GString *out = g_string_new(NULL);
    int64_t end = 0;
    (void)metric(sim, CP_SCOPE_RUN, 0, "makespan", &end); /* always defined */
    g_string_append_printf(out, "%s at ", cp_outcome_name(cp_sim_outcome(sim)));
    print_time(out, end);
    g_string_append_c(out, '\n');
    for (CpCpu cpu = 0; cpu < cp_sim_config(sim)->machine->n_cpus; cpu++) {
        print_cpu(out, sim, records, cpu, end);
    }
    for (uint32_t gil = 0; gil < n_gils(records); gil++) {
        print_gil(out, sim, records, gil, end);
    }
    print_threads(out, sim);
    print_marks(out, sim, records);
    print_diagnoses(out, sim);
    g_autoptr(CpRunLog) log = cp_run_log_new(scenario->workload, CP_NONE);
    cp_run_log_feed(log, (const CpRecord *)(const void *)records->data, records->len);
    print_output(out, sim, log);
    for (guint i = 0; i < scenario->expects->len; i++) {
        const CpExpect *e = g_ptr_array_index(scenario->expects, i);
        g_autofree char *measured = NULL;
        if (cp_expect_check(scenario, e, sim, log, &measured) == CP_EXPECT_FAILED) {
            g_string_append_printf(out, "FAILED line %u: %s, measured %s\n", e->line,
                                   e->text, measured);
        }
    }
    return out;
}

static gboolean keeps_laws(const CpSim *sim, const GArray *records, GError **error)
{
    g_autoptr(GArray) ended = cp_sim_end_order(sim);
    bool done = cp_sim_outcome(sim) == CP_OUTCOME_DONE &&
                ended->len == cp_sim_n_threads(sim); /* idle servers have not ended */
    CpPyLaws *laws = cp_pylaws_new();
    gboolean ok = cp_pylaws_read(laws, (const CpRecord *)(const void *)records->data,
                                 records->len, error) &&
                  cp_pylaws_end(laws, done, error);
    cp_pylaws_free(laws);
    return ok;
}

static GString *run(const CpScenario *scenario, bool exact_ticks, GError **error)
{
    g_autoptr(GArray) records = g_array_new(FALSE, FALSE, sizeof(CpRecord));
    CpSink sink = {collect, records};
    CpSimConfig config = {0};
    cp_scenario_config(scenario, &config);
    config.sink = &sink;
    config.exact_ticks = exact_ticks;
    CpSim *sim = cp_sim_new(&config, error);
    if (sim == NULL) {
        return NULL;
    }
    GString *out = NULL;
    CpOutcome outcome = cp_sim_run(sim, error);
    if (outcome != CP_OUTCOME_ERROR && keeps_laws(sim, records, error)) {
        out = describe(scenario, sim, records);
    }
    cp_sim_free(sim);
    return out;
}

/* The first line in which two texts differ. */
static void show_difference(const char *name, const char *want, const char *got)
{
    g_auto(GStrv) a = g_strsplit(want, "\n", -1);
    g_auto(GStrv) b = g_strsplit(got, "\n", -1);
    guint i = 0;
    while (a[i] != NULL && b[i] != NULL && strcmp(a[i], b[i]) == 0) {
        i++;
    }
    printf("FAIL %s, line %u of expect.txt\n  expected: %s\n  happened: %s\n", name, i + 1,
           a[i] ? a[i] : "(end)", b[i] ? b[i] : "(end)");
}

/* Costs that were measured may be measured again: only the `expect` lines count, each with
 * its tolerance. */
static bool is_measured(const char *name)
{
    return g_str_has_suffix(name, "-measured");
}

static bool compare(const char *name, const char *file, const char *got)
{
    g_autofree char *want = NULL;
    if (strstr(got, "FAILED") != NULL) {
        printf("FAIL %s: %s", name, strstr(got, "FAILED"));
        return false;
    }
    if (is_measured(name)) {
        return true;
    }
    if (getenv("CP_GOLDEN_UPDATE") != NULL) {
        return g_file_set_contents(file, got, -1, NULL);
    }
    if (!g_file_get_contents(file, &want, NULL, NULL)) {
        printf("FAIL %s: no expect.txt; CP_GOLDEN_UPDATE=1 writes it\n", name);
        return false;
    }
    if (strcmp(want, got) != 0) {
        show_difference(name, want, got);
        return false;
    }
    return true;
}

static bool try_case(const char *folder, const char *name)
{
    g_autofree char *workload = g_build_filename(folder, name, "workload.cpw", NULL);
    g_autofree char *expect = g_build_filename(folder, name, "expect.txt", NULL);
    g_autoptr(GError) error = NULL;
    CpDiag *diag = cp_diag_new(workload, NULL, 0);
    CpScenario *scenario = cp_scenario_load(workload, NULL, 0, diag);
    GString *got = scenario ? run(scenario, false, &error) : NULL;
    GString *exact = got ? run(scenario, !is_measured(name), &error) : NULL;
    bool ok = false;
    if (scenario == NULL) {
        g_autofree char *text = cp_diag_print(diag, false);
        printf("FAIL %s: %s\n", name, text);
    } else if (exact == NULL) {
        printf("FAIL %s: %s\n", name, error->message);
    } else if (strcmp(got->str, exact->str) != 0) {
        printf("with every tick run: ");
        show_difference(name, got->str, exact->str);
    } else {
        ok = compare(name, expect, got->str);
    }
    if (got != NULL) {
        g_string_free(got, TRUE);
    }
    if (exact != NULL) {
        g_string_free(exact, TRUE);
    }
    cp_scenario_free(scenario);
    cp_diag_free(diag);
    return ok;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static GPtrArray *all_cases(const char *folder)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    GDir *dir = g_dir_open(folder, 0, NULL);
    const char *name;
    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(folder, name, "workload.cpw", NULL);
        if (g_file_test(path, G_FILE_TEST_EXISTS)) {
            g_ptr_array_add(names, g_strdup(name));
        }
    }
    if (dir != NULL) {
        g_dir_close(dir);
    }
    g_ptr_array_sort(names, by_name);
    return names;
}

int main(int argc, char **argv)
{
    const char *top = getenv("top_srcdir");
    g_autofree char *folder = g_build_filename(top ? top : ".", "tests", "golden", NULL);
    g_autoptr(GPtrArray) names = all_cases(folder);
    unsigned n = 0, passed = 0;
    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        bool wanted = argc < 2;
        for (int k = 1; k < argc; k++) {
            wanted |= strcmp(argv[k], name) == 0;
        }
        if (wanted) {
            n++;
            passed += try_case(folder, name);
        }
    }
    printf("%u of %u golden cases pass\n", passed, n);
    return n > 0 && passed == n ? 0 : 1;
}
