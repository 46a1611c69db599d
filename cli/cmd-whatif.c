#include "cli/commands.h"

#include "cli/columns.h"
#include "cli/interrupt.h"
#include "cli/overrides.h"
#include "cli/progress.h"
#include "cli/whatif-cause.h"
#include "cli/whatif-workload.h"
#include "plots/chart.h"
#include "sim/params.h"
#include "traces/import/formats.h"
#include "traces/facts.h"
#include "traces/measure.h"
#include "traces/outfile.h"
#include "traces/rebuild/rebuild.h"
#include "scenario/run-names.h"
#include "scenario/result-json.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What a change does to a recorded program: the recording, its simulation and the
 * changed simulation are measured alike and put side by side. */

static const CpOption options[] = {
    {"set", 's', CP_OPT_LIST, "KEY=VALUE", NULL, "settings", "What is changed",
     "predict with this setting; may be repeated"},
    {"machine", 'm', CP_OPT_FILE, "FILE|NAME", NULL, "machines", "What is changed",
     "predict on this machine: a name from 'list machines' or a file with a machine block"},
    CP_OPTION_KERNEL("What is changed"),
    {"add", 0, CP_OPT_TEXT, "LOAD", NULL, NULL, "What is changed",
     "predict with load beside it: 'hog' or 'hog x 2', threads that compute without end"},
    {"seed", 0, CP_OPT_COUNT, "N", NULL, NULL, "What is changed",
     "seed of all random numbers (default 1)"},
    {"from", 0, CP_OPT_TIME, "TIME", NULL, NULL, "Part of a trace text",
     "leave out what was before this time since the first event"},
    {"to", 0, CP_OPT_TIME, "TIME", NULL, NULL, "Part of a trace text",
     "leave out what was after this time"},
    {"root", 0, CP_OPT_TEXT, "PID|NAME", NULL, NULL, "Part of a trace text",
     "predict this process and what it started; all others are load beside it"},
    {"output", 'o', CP_OPT_FILE, "FOLDER", NULL, NULL, "Output",
     "keep the three recordings in this folder and draw their charts beside them"},
    {NULL, 0, CP_OPT_FLAG, NULL, NULL, NULL, NULL, NULL},
};

enum { RECORDED, SAME, CHANGED, COLUMNS, FEW_WAKEUPS = 20 };

static const char *const file_names[COLUMNS] = {"recorded.cpr", "same.cpr", "whatif.cpr"};
static const char *const chart_names[] = {"occupancy", "switches"};

typedef struct {
    CpCli *cli;
    char *folder;
    bool is_temporary;  /* the folder goes away at the end */
    GPtrArray *guarded; /* paths in it, and itself, that go unless all is well; or NULL */
    char *path[COLUMNS];
    char *label[COLUMNS]; /* "recorded", "2 cores", "cores=4" */
    CpCpr *cpr[COLUMNS];
    CpMeasure m[COLUMNS];
    uint32_t n_kept; /* threads of the program */
    uint32_t n_load; /* others, kept as load */
    CpTime load;     /* CPU time of these */
    char **warnings; /* of the recording */
    char **inferred; /* what it does not tell, but must have been so */
    CpOverrides changes;
} WhatIf;

/* --- from the recording to three files --- */

static int prepare_input(WhatIf *w)
{
    const char *input = w->cli->operands[0];
    if (cp_cpr_is_file(input)) {
        w->path[RECORDED] = g_strdup(input);
        return CP_EXIT_OK;
    }
    w->path[RECORDED] = g_build_filename(w->folder, file_names[RECORDED], NULL);
    CpImportOptions wanted = {
        .from = cp_opt_time(w->cli, "from", 0),
        .to = cp_opt_time(w->cli, "to", 0),
        .root = cp_opt_text(w->cli, "root"),
        .source = input,
        .interrupt = cp_interrupt_flag(),
    };
    CpImportReport report;
    cp_import_report_init(&report);
    g_autoptr(GError) error = NULL;
    gboolean ok = cp_import(input, w->path[RECORDED], &wanted, &report, &error);
    if (ok && w->cli->verbose) {
        g_autofree char *text = cp_import_report_text(&report);
        fputs(text, stderr);
    }
    cp_import_report_clear(&report);
    return ok ? CP_EXIT_OK : cp_fail(w->cli, error);
}

/* *is_new: it was made, and holds nothing yet. */
static int prepare_folder(WhatIf *w, bool *is_new)
{
    const char *folder = cp_opt_text(w->cli, "output");
    g_autoptr(GError) error = NULL;
    if (folder == NULL) {
        w->is_temporary = true;
        w->folder = g_dir_make_tmp("coreplay-XXXXXX", &error);
        if (w->folder == NULL) {
            cp_error(w->cli, "%s", error->message);
            return CP_EXIT_OUTPUT;
        }
        *is_new = true;
        return CP_EXIT_OK;
    }
    w->folder = g_strdup(folder);
    *is_new = !g_file_test(folder, G_FILE_TEST_EXISTS);
    if (g_mkdir_with_parents(folder, 0777) != 0) {
        cp_error(w->cli, "%s: %s", folder, g_strerror(errno));
        return CP_EXIT_OUTPUT;
    }
    return CP_EXIT_OK;
}

/* Measures the program's own threads in the recording: the ones a workload is rebuilt of.
 */
static int measure_recorded(WhatIf *w)
{
    g_autoptr(GError) error = NULL;
    CpCpr *cpr = w->cpr[RECORDED] = cp_cpr_open(w->path[RECORDED], &error);
    static const CpRebuildOptions wanted = {.foreign = true};
    CpRebuild *rebuild = cpr != NULL ? cp_rebuild_new(cpr, &wanted, &error) : NULL;
    if (rebuild == NULL) {
        return cp_fail(w->cli, error);
    }
    g_autofree bool *keep = g_new0(bool, cp_cpr_n_threads(cpr) + 1);
    for (uint32_t i = 0; i < cp_rebuild_n_threads(rebuild); i++) {
        const CpRebuiltThread *t = cp_rebuild_thread(rebuild, i);
        keep[t->id] = !t->foreign;
        w->n_kept += !t->foreign;
        w->n_load += t->foreign;
    }
    w->load = cp_rebuild_load(rebuild);
    w->warnings = cp_facts_warnings(cpr);
    w->inferred = g_strdupv((char **)(void *)cp_rebuild_said(rebuild));
    g_autofree char *refusal = g_strdup(cp_rebuild_refusal(rebuild));
    cp_rebuild_free(rebuild);
    if (refusal != NULL) {
        cp_error(w->cli, "%s: nothing can be predicted: %s", w->cli->operands[0], refusal);
        cp_help(w->cli, "record all CPUs and the whole program, or a part without this: "
                        "--from, --to");
        return CP_EXIT_INPUT;
    }
    return cp_measure(cpr, keep, &w->m[RECORDED], &error) ? CP_EXIT_OK
                                                          : cp_fail(w->cli, error);
}

static int simulate(WhatIf *w, const CpScenario *scenario, const char *path)
{
    g_autoptr(GError) error = NULL;
    CpSimConfig config = {0};
    CpProgress progress;
    CpCprWriter *writer = cp_cpr_writer_new(path, &error);
    if (writer == NULL) {
        return cp_fail(w->cli, error);
    }
    CpSink sink = cp_cpr_sink(writer);
    cp_scenario_config(scenario, &config);
    cp_progress_begin(&progress, w->cli, "whatif", config.until);
    config.sink = &sink;
    config.progress = cp_progress_update;
    config.progress_data = &progress;
    config.interrupt = cp_interrupt_flag();
    CpSim *sim = cp_sim_new(&config, &error);
    CpOutcome outcome = sim != NULL ? cp_sim_run(sim, &error) : CP_OUTCOME_ERROR;
    cp_progress_end(&progress);
    CpCprInfo info;
    bool ok = false;
    if (error == NULL) {
        cp_run_describe(writer, sim, scenario, NULL, &info);
        ok = cp_cpr_writer_finish(writer, &info, &error);
    }
    int code = ok ? CP_EXIT_OK : cp_fail(w->cli, error);
    if (ok && cp_interrupt_code() != 0) {
        code = cp_interrupt_code();
    } else if (ok && outcome != CP_OUTCOME_DONE && outcome != CP_OUTCOME_UNTIL) {
        cp_error(w->cli, "the simulation stopped: %s", cp_outcome_name(outcome));
        cp_help(w->cli, "coreplay run %s says why", w->path[RECORDED]);
        code = CP_EXIT_MODEL;
    }
    g_clear_pointer(&sim, cp_sim_free);
    cp_cpr_writer_free(writer);
    return code;
}

/* Runs the rebuilt workload and measures what was recorded of it. */
static int run_variant(WhatIf *w, int column, const CpOverrides *overrides)
{
    CpDiag *diag = cp_diag_new(w->path[RECORDED], NULL, 0);
    const CpOverride *list =
        overrides != NULL ? (const CpOverride *)(void *)overrides->list->data : NULL;
    CpScenario *scenario = cp_scenario_load(
        w->path[RECORDED], list, overrides != NULL ? overrides->list->len : 0, diag);
    g_autofree char *messages = cp_diag_print(diag, w->cli->colour);
    int code = scenario == NULL ? cp_diag_code(diag) : CP_EXIT_OK;
    if (scenario == NULL || w->cli->verbose) {
        fputs(messages, stderr);
    }
    cp_diag_free(diag);
    if (scenario == NULL) {
        return code;
    }
    w->path[column] = g_build_filename(w->folder, file_names[column], NULL);
    code = simulate(w, scenario, w->path[column]);
    cp_scenario_free(scenario);
    g_autoptr(GError) error = NULL;
    if (code == CP_EXIT_OK &&
        ((w->cpr[column] = cp_cpr_open(w->path[column], &error)) == NULL ||
         !cp_measure(w->cpr[column], NULL, &w->m[column], &error))) {
        code = cp_fail(w->cli, error);
    }
    return code;
}

/* --- what is said --- */

static CpTime span(const CpMeasure *m)
{
    return m->last - m->first;
}

/* Rows of the table; every figure is read from one CpMeasure. */
typedef struct {
    const char *name, *key;
    bool is_time;
    bool may_lack; /* left out where all are zero */
} Row;

static const Row rows[] = {
    {"makespan", "makespan_ns", true, false},
    {"CPU time", "cpu_ns", true, false},
    {"waiting for a CPU", "runq_wait_ns", true, false},
    {"blocked", "blocked_ns", true, false},
    {"  until a thread ends it", "blocked_on_threads_ns", true, false},
    {"  timers, devices, others", "blocked_outside_ns", true, false},
    {"  for locks", "lock_wait_ns", true, true},
    {"  for the GIL", "gil_wait_ns", true, true},
    {"switches", "switches", false, false},
    {"  voluntary", "switches_voluntary", false, false},
    {"  involuntary", "switches_involuntary", false, false},
    {"migrations", "migrations", false, false},
    {"wake-ups", "wakeups", false, false},
    {"wake-up latency p50", "wakeup_latency_p50_ns", true, false},
    {"wake-up latency p99", "wakeup_latency_p99_ns", true, false},
};

static int64_t figure(const CpMeasure *m, size_t row)
{
    const int64_t figures[] = {span(m),
                               m->cpu,
                               m->run_wait,
                               m->blocked,
                               m->blocked_on_threads,
                               m->blocked - m->blocked_on_threads,
                               m->lock_wait,
                               m->gil_wait,
                               (int64_t)m->switches,
                               (int64_t)m->voluntary,
                               (int64_t)m->involuntary,
                               (int64_t)m->migrations,
                               (int64_t)m->wakeups,
                               m->wakeup_p50,
                               m->wakeup_p99};
    G_STATIC_ASSERT(G_N_ELEMENTS(figures) == G_N_ELEMENTS(rows));
    return figures[row];
}

static void add_figure(CpColumns *table, const Row *row, int64_t value)
{
    if (row->is_time) {
        g_autofree char *text = cp_format_time_human(value);
        cp_columns_cell(table, text);
    } else {
        cp_columns_cellf(table, "%" PRId64, value);
    }
}

/* Difference from `from` to `to` as a share of `from`; "" if there is none to take. */
static void add_share(CpColumns *table, int64_t from, int64_t to)
{
    if (from == 0) {
        cp_columns_cell(table, to == 0 ? "0 %" : "-");
    } else {
        double percent = ((double)to - (double)from) / (double)from * 100;
        cp_columns_cellf(table, "%+.*f %%", percent > -99.5 && percent < 99.5 ? 1 : 0,
                         percent);
    }
}

/* Quantiles of a handful of wake-ups mean nothing and stand last: they are left out. */
static size_t n_rows(const WhatIf *w)
{
    return G_N_ELEMENTS(rows) - (w->m[RECORDED].wakeups < FEW_WAKEUPS ? 2 : 0);
}

static void print_table(const WhatIf *w)
{
    g_autoptr(CpColumns) table = cp_columns_new("lrrrrr");
    cp_columns_cell(table, "");
    cp_columns_cell(table, w->label[RECORDED]);
    cp_columns_cell(table, w->label[SAME]);
    cp_columns_cell(table, "error");
    cp_columns_cell(table, w->label[CHANGED]);
    cp_columns_cell(table, "change");
    for (size_t i = 0; i < n_rows(w); i++) {
        int64_t recorded = figure(&w->m[RECORDED], i), same = figure(&w->m[SAME], i),
                changed = figure(&w->m[CHANGED], i);
        if (rows[i].may_lack && recorded == 0 && same == 0 && changed == 0) {
            continue; /* the recording does not tell */
        }
        cp_columns_cell(table, rows[i].name);
        add_figure(table, &rows[i], recorded);
        add_figure(table, &rows[i], same);
        add_share(table, recorded, same);
        add_figure(table, &rows[i], changed);
        add_share(table, same, changed);
    }
    g_autoptr(GString) text = g_string_new(NULL);
    cp_columns_print(table, text);
    cp_out(w->cli, "%s", text->str);
}

/* What simulated threads wait for is told, and what recorded ones do where a runtime was
 * recorded. */
static const struct {
    CpBlock why;
    const char *name, *key;
} reasons[] = {{CP_BLOCK_SLEEP, "sleep", "blocked_sleep_ns"},
               {CP_BLOCK_LOCK, "lock", "blocked_lock_ns"},
               {CP_BLOCK_COND, "sync", "blocked_sync_ns"},
               {CP_BLOCK_QUEUE, "queue", "blocked_queue_ns"},
               {CP_BLOCK_IO, "I/O", "blocked_io_ns"},
               {CP_BLOCK_JOIN, "join", "blocked_join_ns"},
               {CP_BLOCK_RUNTIME, "GIL, loop or pool", "blocked_runtime_ns"},
               {CP_BLOCK_OUTSIDE, "outside", "blocked_outside_model_ns"}};

static void print_reasons(const WhatIf *w, const CpMeasure *m)
{
    g_autoptr(GString) out = g_string_new(NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(reasons); i++) {
        CpTime time = m->blocked_by[reasons[i].why];
        g_autofree char *text = cp_format_time_human(time);
        if (time > 0) {
            g_string_append_printf(out, "%s%s %s", out->len > 0 ? ", " : "",
                                   reasons[i].name, text);
        }
    }
    if (out->len > 0) {
        g_autofree char *all = cp_format_time_human(m->blocked);
        cp_out(w->cli, "Blocked for %s: %s.\n", all, out->str);
    }
}

static void print_recorded(const WhatIf *w)
{
    const CpMeasure *m = &w->m[RECORDED];
    CpCpr *cpr = w->cpr[RECORDED];
    uint32_t n_cpus = cp_cpr_info(cpr)->n_cpus;
    g_autofree char *how_long = cp_format_time_human(span(m));
    g_autofree char *cpu = cp_format_time_human(m->cpu);
    g_autofree char *name =
        m->longest != CP_NONE ? cp_cause_thread(cpr, m->longest) : g_strdup("-");
    cp_out(w->cli,
           "Recorded: %u thread%s on %u CPU%s for %s, using %s of CPU time; the busiest, "
           "'%s', took %.0f %% of it.\n",
           w->n_kept, w->n_kept == 1 ? "" : "s", n_cpus, n_cpus == 1 ? "" : "s", how_long,
           cpu, name, m->cpu > 0 ? (double)m->longest_cpu / (double)m->cpu * 100 : 0);
    print_reasons(w, m);
    if (w->load > 0) {
        g_autofree char *load = cp_format_time_human(w->load);
        cp_out(w->cli,
               "Beside it: %u thread%s of the kernel or of other programs, using %s of CPU "
               "time; kept as load.\n",
               w->n_load, w->n_load == 1 ? "" : "s", load);
    }
    for (char **text = w->warnings; *text != NULL; text++) {
        cp_out(w->cli, "Warning: %s.\n", *text);
    }
    for (char **text = w->inferred; *text != NULL; text++) {
        cp_out(w->cli, "Inferred: %s.\n", *text);
    }
    cp_out(w->cli, "\n");
}

static char *cause_text(const WhatIf *w)
{
    const CpCause cause = {.change = w->label[CHANGED],
                           .before = &w->m[SAME],
                           .after = &w->m[CHANGED],
                           .recorded = &w->m[RECORDED],
                           .cpr = w->cpr[CHANGED],
                           .recording = w->cpr[RECORDED]};
    return cp_cause_text(&cause);
}

static void print_cause(const WhatIf *w)
{
    g_autofree char *text = cause_text(w);
    cp_out(w->cli, "\nCause: %s\n", text);
}

static void json_path(CpJson *json, const CpPath *path, CpCpr *cpr)
{
    CpTime run;
    uint32_t most = cp_path_most(path, &run);
    g_autofree char *name = most != CP_NONE ? cp_cause_thread(cpr, most) : NULL;
    cp_json_int(json, "critical_cpu_ns", path->run);
    cp_json_int(json, "critical_runq_wait_ns", path->queued);
    cp_json_int(json, "critical_outside_ns", path->outside);
    cp_json_int(json, "critical_unknown_ns", path->unknown);
    cp_json_text(json, "critical_thread", name);
    cp_json_int(json, "critical_thread_cpu_ns", run);
}

static void print_json(const WhatIf *w)
{
    static const char *const names[COLUMNS] = {"recorded", "simulated", "predicted"};
    CpJson *json = cp_result_json_new();
    cp_json_text(json, "file", w->cli->operands[0]);
    cp_json_text(json, "change", w->label[CHANGED]);
    g_autofree char *cause = cause_text(w);
    cp_json_text(json, "cause", cause);
    cp_json_int(json, "threads", w->n_kept);
    cp_json_int(json, "load_threads", w->n_load);
    cp_json_int(json, "load_ns", w->load);
    cp_json_open(json, "warnings", '[');
    for (char **text = w->warnings; *text != NULL; text++) {
        cp_json_text(json, NULL, *text);
    }
    cp_json_close(json, ']');
    cp_json_open(json, "inferred", '[');
    for (char **text = w->inferred; *text != NULL; text++) {
        cp_json_text(json, NULL, *text);
    }
    cp_json_close(json, ']');
    for (int c = 0; c < COLUMNS; c++) {
        cp_json_open(json, names[c], '{');
        cp_json_int(json, "cpus", cp_cpr_info(w->cpr[c])->n_cpus);
        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
            cp_json_int(json, rows[i].key, figure(&w->m[c], i));
        }
        for (size_t i = 0; i < G_N_ELEMENTS(reasons); i++) {
            cp_json_int(json, reasons[i].key, w->m[c].blocked_by[reasons[i].why]);
        }
        json_path(json, &w->m[c].path, w->cpr[c]);
        cp_json_close(json, '}');
    }
    cp_out_json(w->cli, json);
}

/* --- charts --- */

static int draw(const WhatIf *w, const char *chart, const char *ending)
{
    g_autofree char *file = g_strdup_printf("%s.%s", chart, ending);
    g_autofree char *path = g_build_filename(w->folder, file, NULL);
    const char *const charts[] = {chart, NULL};
    const char *const labels[] = {w->label[RECORDED], w->label[SAME], w->label[CHANGED],
                                  NULL};
    CpTime end = 0;
    for (int c = 0; c < COLUMNS; c++) {
        end = MAX(end, w->m[c].last);
    }
    CpChartOptions looks = {.labels = labels, .to = end};
    g_autoptr(GError) error = NULL;
    if (!cp_chart_draw(charts, w->cpr, COLUMNS, path, &looks, &error)) {
        return cp_fail(w->cli, error);
    }
    if (!w->cli->json) {
        cp_out(w->cli, "  %s\n", path);
    }
    return CP_EXIT_OK;
}

static const char *const endings[] = {"svg", "png"};

static int draw_all(const WhatIf *w)
{
#ifndef HAVE_PLPLOT
    cp_note(w->cli, "charts are left out: this build is without PLplot");
    return CP_EXIT_OK;
#endif
    if (!w->cli->json) {
        cp_out(w->cli, "\nCharts:\n");
    }
    int code = CP_EXIT_OK;
    for (size_t i = 0; i < G_N_ELEMENTS(chart_names) && code == CP_EXIT_OK; i++) {
        for (size_t k = 0; k < G_N_ELEMENTS(endings) && code == CP_EXIT_OK; k++) {
            code = draw(w, chart_names[i], endings[k]);
        }
    }
    return code;
}

/* --- the command --- */

/* "cores=4" reads "4 cores"; everything else stays as it was typed. */
static char *change_label(const CpCli *cli)
{
    char **sets = cp_opt_list(cli, "set");
    const char *machine = cp_opt_text(cli, "machine");
    const char *kernel = cp_opt_text(cli, "kernel");
    const char *add = cp_opt_text(cli, "add");
    if (sets[0] != NULL && sets[1] == NULL && machine == NULL && kernel == NULL &&
        add == NULL && g_str_has_prefix(sets[0], "cores=")) {
        const char *n = sets[0] + strlen("cores=");
        return g_strdup_printf("%s core%s", n, strcmp(n, "1") == 0 ? "" : "s");
    }
    g_autofree char *all = g_strjoinv(" ", sets);
    g_autofree char *beside = add != NULL ? g_strconcat("beside ", add, NULL) : NULL;
    const char *const named[] = {machine, kernel, all, beside};
    GString *label = g_string_new(NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(named); i++) {
        if (named[i] != NULL && *named[i] != '\0') {
            g_string_append_printf(label, "%s%s", label->len > 0 ? " " : "", named[i]);
        }
    }
    return g_string_free(label, FALSE);
}

/* Where the recording tells of wake-ups only the beginning, waiting for a CPU includes what
 * they take: then it does so for simulated ones too. */
static void compare_alike(WhatIf *w)
{
    for (int c = SAME; c < COLUMNS && w->m[RECORDED].wake_delay == 0; c++) {
        w->m[c].run_wait += w->m[c].wake_delay;
    }
}

/* A folder half filled is no result, unless it was there before: all that may be in it goes
 * with the program until it is done. */
static void guard_folder(WhatIf *w)
{
    w->guarded = g_ptr_array_new_with_free_func(g_free);
    for (int c = 0; c < COLUMNS; c++) {
        g_ptr_array_add(w->guarded, g_build_filename(w->folder, file_names[c], NULL));
    }
    for (size_t i = 0; i < G_N_ELEMENTS(chart_names); i++) {
        for (size_t k = 0; k < G_N_ELEMENTS(endings); k++) {
            g_ptr_array_add(w->guarded, g_strdup_printf("%s/%s.%s", w->folder,
                                                        chart_names[i], endings[k]));
        }
    }
    g_ptr_array_add(w->guarded, g_strdup(w->folder));
    for (guint i = 0; i < w->guarded->len; i++) {
        cp_outfile_remember(w->guarded->pdata[i]);
    }
}

static void end_guard(WhatIf *w, bool drop)
{
    for (guint i = 0; w->guarded != NULL && i < w->guarded->len; i++) {
        char *path = w->guarded->pdata[i];
        if (drop && g_unlink(path) != 0) {
            g_rmdir(path);
        }
        cp_outfile_forget(path);
    }
    g_clear_pointer(&w->guarded, g_ptr_array_unref);
}

static int whatif(WhatIf *w)
{
    bool is_new = false;
    int code = prepare_folder(w, &is_new);
    if (is_new) {
        guard_folder(w);
    }
    code = code == CP_EXIT_OK ? prepare_input(w) : code;
    code = code == CP_EXIT_OK ? measure_recorded(w) : code;
    code = code == CP_EXIT_OK ? run_variant(w, SAME, NULL) : code;
    code = code == CP_EXIT_OK ? run_variant(w, CHANGED, &w->changes) : code;
    if (code != CP_EXIT_OK) {
        return code;
    }
    compare_alike(w);
    w->label[RECORDED] = g_strdup("recorded");
    w->label[SAME] =
        g_strdup_printf("simulated, %u cores", cp_cpr_info(w->cpr[SAME])->n_cpus);
    w->label[CHANGED] = change_label(w->cli);
    if (w->cli->json) {
        print_json(w);
    } else {
        print_recorded(w);
        print_table(w);
        print_cause(w);
    }
    return w->is_temporary ? CP_EXIT_OK : draw_all(w);
}

static void clear(WhatIf *w, bool done)
{
    for (int c = 0; c < COLUMNS; c++) {
        g_clear_pointer(&w->cpr[c], cp_cpr_free);
        g_free(w->path[c]);
        g_free(w->label[c]);
    }
    end_guard(w, w->is_temporary || !done);
    g_free(w->folder);
    g_strfreev(w->warnings);
    g_strfreev(w->inferred);
    cp_overrides_clear(&w->changes);
}

/* "hog x 2" is load.hogs=2. */
static int add_load(WhatIf *w)
{
    const char *text = cp_opt_text(w->cli, "add");
    if (text == NULL) {
        return CP_EXIT_OK;
    }
    g_auto(GStrv) parts = g_strsplit(text, "x", 2);
    int64_t n = 1;
    bool good = strcmp(g_strstrip(parts[0]), "hog") == 0 &&
                (parts[1] == NULL || cp_parse_int(g_strstrip(parts[1]), &n, NULL)) &&
                n >= 1 && n <= 1000;
    if (!good) {
        cp_error(w->cli, "--add: '%s' is no load", text);
        cp_help(w->cli, "write 'hog' or 'hog x 2', with up to 1000 of them");
        return CP_EXIT_USAGE;
    }
    g_autofree char *value = g_strdup_printf("%" PRId64, n);
    cp_overrides_add(&w->changes, "load.hogs", value, CP_FROM_OPTION);
    return CP_EXIT_OK;
}

static int run(CpCli *cli)
{
    WhatIf w = {.cli = cli};
    if (g_str_has_suffix(cli->operands[0], ".cpw")) {
        if (cp_opt_text(cli, "add") != NULL) {
            cp_error(cli, "--add is for a recording, and '%s' is a workload",
                     cli->operands[0]);
            cp_help(cli, "write a thread into it, or -s load.hogs=2");
            return CP_EXIT_USAGE;
        }
        cp_interrupt_catch();
        cp_interrupt_without_memory();
        return cp_whatif_workload(cli);
    }
    if (cp_opt_list(cli, "set")[0] == NULL && cp_opt_text(cli, "machine") == NULL &&
        cp_opt_text(cli, "kernel") == NULL && cp_opt_text(cli, "add") == NULL) {
        cp_error(cli, "what is changed? --set, --machine, --kernel and --add are missing");
        cp_help(cli, "for example: coreplay whatif %s -s cores=4", cli->operands[0]);
        return CP_EXIT_USAGE;
    }
    int code = cp_overrides_init(&w.changes, cli);
    cp_interrupt_catch();
    cp_interrupt_without_memory();
    code = code == CP_EXIT_OK ? add_load(&w) : code;
    if (code == CP_EXIT_OK) {
        code = whatif(&w);
    }
    clear(&w, code == CP_EXIT_OK);
    return code;
}

const CpCmd cp_cmd_whatif = {
    .name = "whatif",
    .summary = "predict a recorded program on another machine or under other settings",
    .operands = "RECORDING|WORKLOAD.cpw",
    .operand_list = "files",
    .operands_min = 1,
    .operands_max = 1,
    .kinds = "trace recording workload",
    .also = "predict forecast what-if",
    .examples = {{"coreplay whatif real.cpr -s cores=4", "what would four cores gain?"},
                 {"coreplay whatif trace.txt -s cores=8 -o out",
                  "from a recording of perf, with charts in the folder out"},
                 {"coreplay whatif app.cpw",
                  "a workload on 1 to 8 cores and, for Python, other versions"}},
    .options = options,
    .see_also = "coreplay-import(1), coreplay-run(1), coreplay-plot(1)",
    .run = run,
};
