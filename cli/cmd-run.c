#include "cli/commands.h"

#include "cli/fold.h"
#include "cli/gantt.h"
#include "cli/interrupt.h"
#include "cli/overrides.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/summary.h"
#include "sim/batch.h"
#include "traces/export/formats.h"
#include "sim/words.h"
#include "scenario/result-json.h"
#include "scenario/run-names.h"
#include "scenario/warmup.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is said about each file that is run, and the exit code of all of them. */

enum { ROWS = 40, LINES = 40, DIAGNOSES_SHOWN = 3 /* of a kind */ };

static const CpOption options[] = {
    CP_OPTION_SET("Workload and machine"),
    CP_OPTION_MACHINE("Workload and machine"),
    CP_OPTION_KERNEL("Workload and machine"),
    {"seed", 0, CP_OPT_COUNT, "N", NULL, NULL, "Workload and machine",
     "seed of all random numbers (default 1)"},
    CP_OPTION_POLICY_FILE("Workload and machine"),
    {"exact-ticks", 0, CP_OPT_FLAG, NULL, NULL, NULL, "Workload and machine",
     "simulate every timer tick, those without effect included (slower, same result)"},
    CP_OPTION_UNTIL,
    CP_OPTION_WARMUP,
    CP_OPTION_MAX_EVENTS,
    CP_OPTION_MAX_WALL,
    {"output", 'o', CP_OPT_FILE, "FILE.cpr", NULL, NULL, "Output",
     "record every scheduling event into this file; - is standard output; an ending of "
     "coreplay export, such as .pftrace, makes a file for that viewer"},
    CP_OPTION_FORCE,
    {"jobs", 'j', CP_OPT_NUMBER, "N", NULL, NULL, "Output",
     "simulate this many files at once (default 1)"},
    {"gantt", 0, CP_OPT_FLAG, NULL, NULL, NULL, "Output",
     "draw who ran where and when, in letters, below the summary"},
    {"teaching", 0, CP_OPT_FLAG, NULL, NULL, NULL, "Output",
     "show arrival, response, waiting and turnaround time instead of switches"},
    {"rows", 0, CP_OPT_COUNT, "N", NULL, NULL, "Output",
     "show at most this many threads and tasks; 0 shows all (default 40)"},
    {"lines", 0, CP_OPT_COUNT, "N", NULL, NULL, "Output",
     "show at most this many lines of what the program prints; 0 shows all (default 40)"},
    {"var", 0, CP_OPT_TEXT, "NAME", NULL, NULL, "Output",
     "list the values this variable takes, when and by whom"},
    {NULL, 0, CP_OPT_FLAG, NULL, NULL, NULL, NULL, NULL},
};

/* What all files have in common. */
typedef struct {
    CpCli *cli;
    CpOverrides overrides;
    const char *output; /* NULL: no recording */
    bool piped;         /* the recording is what goes to standard output */
    bool between;       /* the recording is a step to another format and goes again */
    bool alone;         /* one file at a time: progress may be shown */
    int worst;          /* exit code so far */
    bool stop;          /* standard output is gone */
} Job;

/* What one file gave: texts are printed in the order of the arguments. */
typedef struct {
    GString *out, *err;
    int code;
} Outcome;

static void add_error(const Job *job, Outcome *outcome, const char *message)
{
    g_autofree char *clean = cp_clean_text(message, -1);
    g_string_append_printf(outcome->err, "coreplay run: %serror:%s %s\n",
                           job->cli->colour ? "\033[1;31m" : "",
                           job->cli->colour ? "\033[0m" : "", clean);
}

/* The run cannot be done: with --json its line is still there. */
static void give_up(const Job *job, Outcome *outcome, const char *file, const GError *error)
{
    outcome->code = error->domain == CP_ERROR ? error->code : CP_EXIT_OUTPUT;
    add_error(job, outcome, error->message);
    if (job->cli->json) {
        CpDiag *diag = cp_diag_new(file, NULL, 0);
        cp_diag_error(diag, (CpPos){0}, "%s", error->message);
        g_autofree char *errors = cp_diag_json(diag);
        cp_result_json_error(file, g_strstrip(errors), outcome->out);
        cp_diag_free(diag);
    }
}

static void refuse(const Job *job, Outcome *outcome, const char *file, const CpDiag *diag)
{
    g_autofree char *text = cp_diag_print(diag, job->cli->colour);
    g_autofree char *help = cp_report_missing(file);
    g_string_append_printf(outcome->err, "%s%s", text, help);
    outcome->code = cp_diag_code(diag);
    if (job->cli->json) {
        g_autofree char *errors = cp_diag_json(diag);
        cp_result_json_error(file, g_strstrip(errors), outcome->out);
    }
}

/* Whether the workload expects to end this way: a wanted deadlock is a success. */
static bool is_expected(const CpScenario *s, CpOutcome outcome)
{
    for (unsigned i = 0; i < s->expects->len; i++) {
        const CpExpect *e = s->expects->pdata[i];
        if (strcmp(e->metric, "outcome") == 0 && e->word != NULL &&
            strcmp(e->word, cp_outcome_name(outcome)) == 0) {
            return true;
        }
    }
    return false;
}

/* How many diagnoses of its kind came before this one. */
static unsigned count_before(const GPtrArray *diagnoses, unsigned i)
{
    const CpDiagnosis *d = diagnoses->pdata[i];
    unsigned n = 0;
    for (unsigned k = 0; k < i && n <= DIAGNOSES_SHOWN; k++) {
        n += strcmp(((const CpDiagnosis *)diagnoses->pdata[k])->kind, d->kind) == 0;
    }
    return n;
}

/* Says once that there are more of a kind. */
static void add_more(const CpResult *r, unsigned i, GString *err)
{
    const GPtrArray *diagnoses = cp_sim_diagnoses(r->sim);
    const CpDiagnosis *d = diagnoses->pdata[i];
    unsigned n = 0;
    for (unsigned k = i; k < diagnoses->len; k++) {
        n += strcmp(((const CpDiagnosis *)diagnoses->pdata[k])->kind, d->kind) == 0;
    }
    g_string_append_printf(err, "coreplay: %s: %s: %u more (--json lists them all)\n",
                           r->file, d->kind, n);
}

static void add_diagnoses(const CpResult *r, GString *err)
{
    const GPtrArray *diagnoses = cp_sim_diagnoses(r->sim);
    for (unsigned i = 0; i < diagnoses->len; i++) {
        const CpDiagnosis *d = diagnoses->pdata[i];
        unsigned before = count_before(diagnoses, i);
        if (before >= DIAGNOSES_SHOWN) {
            if (before == DIAGNOSES_SHOWN) {
                add_more(r, i, err);
            }
            continue;
        }
        if (strcmp(d->kind, "guard") == 0 ||
            (r->outcome == CP_OUTCOME_DEADLOCK && strcmp(d->kind, "lock cycle") == 0)) {
            continue; /* said by add_stop_note and by the deadlock */
        }
        bool stopped =
            r->outcome == CP_OUTCOME_DEADLOCK && strcmp(d->kind, "deadlock") == 0;
        const char *end = is_expected(r->scenario, r->outcome) ? "as expected" : "exit 4";
        g_autofree char *text = cp_report_diagnosis(d, r->file, stopped ? end : NULL);
        g_string_append(err, text);
    }
}

static int exit_code(const CpScenario *s, CpOutcome outcome, unsigned n_failed)
{
    bool is_stopped = outcome == CP_OUTCOME_DEADLOCK || outcome == CP_OUTCOME_GUARD ||
                      outcome == CP_OUTCOME_ERROR;
    if (outcome == CP_OUTCOME_INTERRUPTED) {
        return cp_interrupt_code() != 0 ? cp_interrupt_code() : CP_EXIT_SIGINT;
    }
    if (is_stopped && !is_expected(s, outcome)) {
        return CP_EXIT_MODEL;
    }
    return n_failed > 0 ? CP_EXIT_EXPECT : CP_EXIT_OK;
}

static const char *which_guard(const CpSim *sim)
{
    const GPtrArray *diagnoses = cp_sim_diagnoses(sim);
    for (guint i = diagnoses->len; i > 0; i--) {
        const CpDiagnosis *d = diagnoses->pdata[i - 1];
        if (strcmp(d->kind, "guard") == 0) {
            return d->text;
        }
    }
    return "a limit was reached";
}

/* What stopped the run, for outcomes that are no diagnosis. */
static void add_stop_note(const Job *job, const CpResult *r, GString *err)
{
    CpSim *sim = r->sim;
    CpOutcome outcome = r->outcome;
    CpTime end = 0;
    CpUnit unit = CP_UNIT_NS;
    g_autofree char *when = cp_metric_find(sim, "makespan", &end, &unit)
                                ? cp_format_time_human(end)
                                : g_strdup("?");
    const char *kept =
        job->output != NULL && !job->between ? ", the recording so far is kept" : "";
    if (outcome == CP_OUTCOME_GUARD) {
        g_string_append_printf(err,
                               "coreplay: simulation stopped at t=%s: guard hit after "
                               "%" G_GUINT64_FORMAT " events (exit 4)%s\n"
                               "   %s\n"
                               "   help: raise --max-events or --max-wall, or end it with "
                               "--until TIME\n",
                               when, cp_sim_events(sim), kept, which_guard(sim));
    } else if (is_expected(r->scenario, outcome)) {
        return;
    } else if (outcome == CP_OUTCOME_DEADLOCK && job->output != NULL && !job->piped &&
               !job->between) {
        g_string_append_printf(
            err,
            "   help: coreplay plot occupancy %s -o fig.svg draws how it "
            "came to this\n",
            job->output);
    } else if (outcome == CP_OUTCOME_DEADLOCK && !job->piped) {
        g_string_append(err, "   help: record it with -o run.cpr, then coreplay plot "
                             "occupancy run.cpr -o fig.svg\n");
    } else if (outcome == CP_OUTCOME_INTERRUPTED) {
        g_string_append_printf(
            err, "coreplay: interrupted at t=%s: results are partial%s\n", when, kept);
    }
}

static void report(const Job *job, Outcome *outcome, const CpResult *result,
                   const GString *json, unsigned n_failed)
{
    const CpCli *cli = job->cli;
    if (cli->json) {
        g_string_append(outcome->out, json->str);
    } else {
        n_failed = cp_summary_text(result, outcome->out);
    }
    if (!cli->quiet || exit_code(result->scenario, result->outcome, 0) != CP_EXIT_OK) {
        add_diagnoses(result, outcome->err);
    }
    add_stop_note(job, result, outcome->err);
    outcome->code = exit_code(result->scenario, result->outcome, n_failed);
    if (n_failed > 0) {
        g_string_append_printf(outcome->err, "coreplay run: %s: %u expect line%s failed\n",
                               result->file, n_failed, n_failed == 1 ? "" : "s");
    }
}

static gboolean finish_recording(CpCprWriter *writer, const CpResult *result,
                                 const GString *json, GError **error)
{
    CpCprInfo info;
    cp_run_describe(writer, result->sim, result->scenario, json->str, &info);
    return cp_cpr_writer_finish(writer, &info, error);
}

/* Row of the variable --var names, CP_NONE without it. */
static bool find_var(const Job *job, const CpWorkload *w, uint32_t *var, GError **error)
{
    const char *name = cp_opt_text(job->cli, "var");
    *var = CP_NONE;
    for (uint32_t i = 0; name != NULL && i < w->vars->len && *var == CP_NONE; i++) {
        bool is = strcmp(cp_workload_text(w, g_array_index(w->vars, CpVarDecl, i).name),
                         name) == 0;
        *var = is ? i : CP_NONE;
    }
    if (name == NULL || *var != CP_NONE) {
        return true;
    }
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (uint32_t i = 0; i < w->vars->len; i++) {
        g_ptr_array_add(names, (char *)(uintptr_t)cp_workload_text(
                                   w, g_array_index(w->vars, CpVarDecl, i).name));
    }
    g_ptr_array_add(names, NULL);
    const char *near = cp_nearest(name, (const char *const *)names->pdata);
    g_set_error(error, CP_ERROR, CP_ERROR_USAGE, "--var: there is no variable '%s'%s%s%s",
                name, near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
                near != NULL ? "'?" : "");
    return false;
}

static bool make_log(const Job *job, const CpScenario *s, CpSimConfig *config,
                     CpRunLog **log, GError **error)
{
    uint32_t var;
    if (!find_var(job, s->workload, &var, error)) {
        return false;
    }
    if (var != CP_NONE || cp_run_log_has_any(s->workload) || cp_expects_output(s)) {
        *log = cp_run_log_new(s->workload, var);
        cp_run_log_watch(*log, config);
    }
    return true;
}

static void simulate(const Job *job, Outcome *outcome, const char *file,
                     const CpScenario *scenario, CpCprWriter *writer)
{
    CpSimConfig config = {0};
    cp_scenario_config(scenario, &config);
    CpSink sink = {0};
    CpProgress progress;
    cp_progress_begin(&progress, job->cli, "run", config.until);
    if (writer != NULL) {
        sink = cp_cpr_sink(writer);
        config.sink = &sink;
    }
    if (job->alone) {
        config.progress = cp_progress_update;
        config.progress_data = &progress;
    }
    config.interrupt = cp_interrupt_flag();
    g_autoptr(GError) error = NULL;
    CpSim *sim = NULL;
    g_autoptr(CpRunLog) log = NULL;
    if (!make_log(job, scenario, &config, &log, &error)) {
        give_up(job, outcome, file, error);
        return;
    }
    if (cp_warmup_resolve(scenario, &config, &error)) {
        sim = cp_sim_new(&config, &error);
    }
    if (sim == NULL) {
        give_up(job, outcome, file, error);
        return;
    }
    CpResult result = {file,
                       sim,
                       scenario,
                       cp_sim_run(sim, &error),
                       cp_opt_flag(job->cli, "teaching"),
                       (unsigned)cp_opt_number(job->cli, "rows", ROWS),
                       (unsigned)cp_opt_number(job->cli, "lines", LINES),
                       log};
    cp_progress_end(&progress);
    g_autoptr(GString) json = g_string_new(NULL);
    bool wants_json = job->cli->json || writer != NULL;
    unsigned n_failed =
        error == NULL && wants_json ? cp_result_json(scenario, sim, log, file, json) : 0;
    if (error != NULL ||
        (writer != NULL && !finish_recording(writer, &result, json, &error))) {
        give_up(job, outcome, file, error);
    } else {
        report(job, outcome, &result, json, n_failed);
    }
    cp_sim_free(sim);
}

static void run_file(const Job *job, Outcome *outcome, const char *file)
{
    CpDiag *diag = cp_diag_new(file, NULL, 0);
    CpScenario *scenario =
        cp_scenario_load(file, (const CpOverride *)(void *)job->overrides.list->data,
                         job->overrides.list->len, diag);
    g_autoptr(GError) error = NULL;
    CpCprWriter *writer = NULL;
    if (scenario == NULL) {
        refuse(job, outcome, file, diag);
    } else if (job->output != NULL &&
               (writer = cp_cpr_writer_new(job->output, &error)) == NULL) {
        give_up(job, outcome, file, error);
    } else {
        g_autofree char *warnings = cp_diag_print(diag, job->cli->colour);
        g_string_append(outcome->err, job->cli->quiet ? "" : warnings);
        simulate(job, outcome, file, scenario, writer);
    }
    if (writer != NULL) {
        cp_cpr_writer_free(writer);
    }
    if (scenario != NULL) {
        cp_scenario_free(scenario);
    }
    cp_diag_free(diag);
}

/* --- several files --- */

static void *on_job(uint64_t index, unsigned worker, void *data)
{
    (void)worker; /* a result depends on its file only */
    const Job *job = data;
    Outcome *outcome = g_new0(Outcome, 1);
    outcome->out = g_string_new(NULL);
    outcome->err = g_string_new(NULL);
    run_file(job, outcome, job->cli->operands[index]);
    return outcome;
}

static void outcome_free(void *data)
{
    Outcome *outcome = data;
    g_string_free(outcome->out, TRUE);
    g_string_free(outcome->err, TRUE);
    g_free(outcome);
}

static bool on_done(uint64_t index, void *result, void *data)
{
    Job *job = data;
    Outcome *outcome = result;
    bool several = job->cli->n_operands > 1;
    if (several && !job->cli->json && outcome->out->len > 0) {
        cp_out(job->cli, "%s%s:\n", index > 0 ? "\n" : "", job->cli->operands[index]);
    }
    if (!job->piped) {
        cp_out_bytes(job->cli, outcome->out->str, outcome->out->len);
    } else if (!job->cli->quiet) {
        fputs(outcome->out->str, stderr);
    }
    bool works = cp_out_flush(job->cli);
    fputs(outcome->err->str, stderr);
    job->worst = MAX(job->worst, outcome->code);
    outcome_free(outcome);
    return works && cp_interrupt_code() == 0;
}

static int check_output(const CpCli *cli, const char *output)
{
    if (output != NULL && cli->n_operands > 1) {
        cp_error(cli, "--output takes the recording of one file, %d are given",
                 cli->n_operands);
        cp_help(cli, "run them one by one");
        return CP_EXIT_USAGE;
    }
    return output != NULL ? cp_output_check(cli, output, ".cpr", cli->operands)
                          : CP_EXIT_OK;
}

static int run_all(CpCli *cli, const char *output, bool between)
{
    Job job = {.cli = cli, .output = output, .between = between};
    job.piped = g_strcmp0(job.output, "-") == 0;
    int code = cp_overrides_init(&job.overrides, cli);
    unsigned n_jobs = (unsigned)MIN(cp_opt_number(cli, "jobs", 1), cli->n_operands);
    job.alone = n_jobs == 1;
    if (code == CP_EXIT_OK) {
        cp_interrupt_catch();
        CpBatch batch = {on_job, on_done, outcome_free, &job, n_jobs};
        cp_batch_run(&batch, (uint64_t)cli->n_operands);
        code = cp_interrupt_code() != 0 ? cp_interrupt_code() : job.worst;
    }
    cp_overrides_clear(&job.overrides);
    return code;
}

/* --- what is made of the recording --- */

static int export(const CpCli *cli, CpCpr *cpr, const CpExportFormat *format,
                  const char *output)
{
    g_autoptr(GError) error = NULL;
    return cp_export(cpr, format, 0, 0, output, cp_interrupt_flag(), &error)
               ? CP_EXIT_OK
               : cp_fail(cli, error);
}

static int print_gantt(CpCli *cli, CpCpr *cpr)
{
    enum { WIDTH = 80 /* where there is no terminal */ };
    g_autoptr(GError) error = NULL;
    const char *charset;
    unsigned width = cp_fold_width();
    CpGanttLook look = {.width = width > 0 ? width : WIDTH,
                        .ascii = !g_get_charset(&charset),
                        .colour = cli->colour &&
                                  (isatty(STDOUT_FILENO) ||
                                   g_strcmp0(cp_opt_text(cli, "color"), "always") == 0)};
    g_autofree char *text = cp_gantt_text(cpr, &look, &error);
    if (text == NULL) {
        return cp_fail(cli, error);
    }
    cp_out(cli, "\n%s", text);
    return CP_EXIT_OK;
}

/* Opens the recording of a run and makes of it what was asked for. */
static int use_recording(CpCli *cli, const char *recording, const CpExportFormat *format,
                         const char *output)
{
    g_autoptr(GError) error = NULL;
    CpCpr *cpr = cp_cpr_open(recording, &error);
    if (cpr == NULL) {
        return cp_fail(cli, error);
    }
    int code = format != NULL ? export(cli, cpr, format, output) : CP_EXIT_OK;
    if (code == CP_EXIT_OK && cp_opt_flag(cli, "gantt")) {
        code = print_gantt(cli, cpr);
    }
    cp_cpr_free(cpr);
    return code;
}

/* The run is recorded in a folder of its own, and the recording goes again. */
static int run_between(CpCli *cli, const CpExportFormat *format, const char *output)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *dir = g_dir_make_tmp("coreplay-XXXXXX", &error);
    if (dir == NULL) {
        cp_error(cli, "%s", error->message);
        return CP_EXIT_OUTPUT;
    }
    g_autofree char *between = g_build_filename(dir, "run.cpr", NULL);
    int code = run_all(cli, between, true);
    if (g_file_test(between, G_FILE_TEST_EXISTS)) {
        int used = use_recording(cli, between, format, output);
        code = used != CP_EXIT_OK ? used : code;
        if (unlink(between) != 0) {
            cp_note(cli, "could not remove %s", between);
        }
    }
    if (rmdir(dir) != 0) {
        cp_note(cli, "could not remove %s", dir);
    }
    return code;
}

static int check_gantt(const CpCli *cli, const char *output)
{
    const char *why = cli->n_operands > 1           ? "it draws one file"
                      : g_strcmp0(output, "-") == 0 ? "standard output has the recording"
                                                    : NULL;
    if (cp_opt_flag(cli, "gantt") && why != NULL) {
        cp_error(cli, "--gantt does nothing here: %s", why);
        return CP_EXIT_USAGE;
    }
    return CP_EXIT_OK;
}

static int run(CpCli *cli)
{
    const char *output = cp_opt_text(cli, "output");
    int code = check_output(cli, output);
    code = code == CP_EXIT_OK ? check_gantt(cli, output) : code;
    if (code != CP_EXIT_OK) {
        return code;
    }
    const CpExportFormat *format = output != NULL ? cp_export_of_name(output) : NULL;
    bool gantt = cp_opt_flag(cli, "gantt");
    if (format != NULL || (gantt && output == NULL)) {
        return run_between(cli, format, output);
    }
    code = run_all(cli, output, false);
    if (gantt && g_file_test(output, G_FILE_TEST_EXISTS)) {
        int used = use_recording(cli, output, NULL, NULL);
        code = used != CP_EXIT_OK ? used : code;
    }
    return code;
}

const CpCmd cp_cmd_run = {
    .name = "run",
    .summary = "simulate workloads, print summaries, optionally record every event",
    .operands = "FILE...",
    .operand_list = "files",
    .operands_min = 1,
    .operands_max = -1,
    .kinds = "workload recording",
    .also = "simulate sim exec start play",
    .examples = {{"coreplay run first.cpw -s cores=2", "simulate on two cores"},
                 {"coreplay run first.cpw -o first.cpr --json",
                  "record every event, print the result as JSON"},
                 {"coreplay run nightly/*.cpw -j2 --json > nightly.jsonl",
                  "several files, two at once, one JSON object a line"}},
    .options = options,
    .see_also = "coreplay-plot(1), coreplay-validate(1), coreplay-list(1), "
                "coreplay-workload(5)",
    .run = run,
};
