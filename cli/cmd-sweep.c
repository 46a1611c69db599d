#include "cli/commands.h"

#include "cli/interrupt.h"
#include "cli/overrides.h"
#include "cli/sweep-job.h"
#include "cli/sweep-scripts.h"
#include "cli/table-print.h"
#include "scenario/result-json.h"
#include "sweeps/query.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

/* What is done with the points of a sweep: listed, handed to a cluster, or run and kept. */

static const CpOption options[] = {
    {"sweep", 0, CP_OPT_LIST, "AXIS", NULL, "settings", "Points",
     "vary a setting or param: cores=1,2,4  cores=1..64*2  gil.interval=1ms..10ms+3ms  "
     "load=@FILE; a param's name alone takes the values the workload lists"},
    {"zip", 0, CP_OPT_LIST, "A,B", NULL, NULL, "Points",
     "step these axes together instead of all combinations"},
    {"where", 0, CP_OPT_LIST, "EXPR", NULL, NULL, "Points",
     "only points for which this holds, for example 'workers <= 4 * cores'"},
    {"sample", 0, CP_OPT_NUMBER, "N", NULL, NULL, "Points",
     "only N points of all combinations, chosen by the seed"},
    {"repeat", 0, CP_OPT_NUMBER, "N", NULL, NULL, "Points",
     "simulate each point with N seeds, the same at every point (default 1)"},
    {"until-ci", 0, CP_OPT_TEXT, "[METRIC=]SHARE", NULL, NULL, "Points",
     "repeat until half the 95 % interval is this share of the mean, for example 2%, "
     "latency.p99=5% or 'p90(makespan)=3%'"},
    {"repeat-max", 0, CP_OPT_NUMBER, "N", NULL, NULL, "Points",
     "no more repeats than this for --until-ci (default 1000)"},
    {"shard", 0, CP_OPT_TEXT, "I/N", NULL, NULL, "Points",
     "only points whose index leaves I when divided by N; I from 0 to N-1"},
    {"find", 0, CP_OPT_TEXT, "min|max AXIS", NULL, NULL, "Search",
     "search the smallest or largest value of an axis by bisection"},
    {"such-that", 0, CP_OPT_TEXT, "EXPR", NULL, NULL, "Search",
     "what must hold there, for example 'latency.p99 < 50ms'"},
    CP_OPTION_SET("Workload and machine"),
    CP_OPTION_MACHINE("Workload and machine"),
    CP_OPTION_KERNEL("Workload and machine"),
    {"seed", 0, CP_OPT_COUNT, "N", NULL, NULL, "Workload and machine",
     "base seed, from which those of the repeats are made (default 1)"},
    CP_OPTION_POLICY_FILE("Workload and machine"),
    CP_OPTION_UNTIL,
    CP_OPTION_WARMUP,
    CP_OPTION_MAX_EVENTS,
    CP_OPTION_MAX_WALL,
    {"output", 'o', CP_OPT_FILE, "FILE.db", NULL, NULL, "Output",
     "result file; one that is there is continued. Without it a table is printed"},
    {"metric", 0, CP_OPT_LIST, "NAME", NULL, "metrics", "Output",
     "keep this metric too, for example cpu.worker-1; may be repeated"},
    {"jobs", 'j', CP_OPT_NUMBER, "N", NULL, NULL, "Output",
     "simulate this many points at once (default: as many as there are cores)"},
    {"dry-run", 0, CP_OPT_FLAG, NULL, NULL, NULL, "Output",
     "print the points and their number, run none"},
    {"missing", 0, CP_OPT_FLAG, NULL, NULL, NULL, "Output",
     "with --dry-run: only points that are not in the result file"},
    {"resume", 0, CP_OPT_FLAG, NULL, NULL, NULL, "Output",
     "continue a result file of the same plan; what happens anyway"},
    {"force-new", 0, CP_OPT_FLAG, NULL, NULL, NULL, "Output",
     "start over: what the result file holds is lost"},
    {"fail-fast", 0, CP_OPT_FLAG, NULL, NULL, NULL, "Output",
     "stop at the first failed point"},
    {"keep-going", 0, CP_OPT_FLAG, NULL, NULL, NULL, "Output",
     "store failed points with their error and go on; what happens anyway"},
    {"emit", 0, CP_OPT_WORD, "KIND", "slurm|parallel", NULL, "Output",
     "print a script that runs the sweep on a cluster or on several hosts"},
    {NULL, 0, CP_OPT_FLAG, NULL, NULL, NULL, NULL, NULL},
};

/* --- without running --- */

typedef struct {
    CpSweepJob *job;
    GString *line;
} Listing;

static void print_point(uint64_t point, uint32_t rows, void *data)
{
    Listing *listing = data;
    const CpPlan *plan = listing->job->plan;
    (void)rows; /* how many of the repeats: the total says enough */
    g_auto(GStrv) values = cp_grid_values(plan->grid, point);
    g_string_printf(listing->line, "%" G_GUINT64_FORMAT, point);
    for (unsigned i = 0; values[i] != NULL; i++) {
        g_string_append_printf(listing->line, " %s=%s",
                               cp_axis_key(cp_grid_axis(plan->grid, i)), values[i]);
    }
    g_string_append_c(listing->line, '\n');
    cp_out_bytes(listing->job->cli, listing->line->str, listing->line->len);
}

static int open_for_reading(CpSweepJob *job)
{
    bool wanted = cp_opt_flag(job->cli, "missing") || cp_opt_text(job->cli, "emit") != NULL;
    if (!wanted || job->output == NULL || cp_opt_flag(job->cli, "force-new") ||
        !g_file_test(job->output, G_FILE_TEST_EXISTS)) {
        return CP_EXIT_OK;
    }
    g_autoptr(GError) error = NULL;
    job->o.store = job->store = cp_store_open_read(job->output, job->plan, &error);
    return job->store != NULL ? CP_EXIT_OK : cp_fail(job->cli, error);
}

static int dry_run(CpSweepJob *job)
{
    int code = open_for_reading(job);
    if (code != CP_EXIT_OK) {
        return code;
    }
    Listing listing = {job, g_string_new(NULL)};
    CpSweepCount count;
    g_autoptr(GError) error = NULL;
    job->o.data = &listing;
    bool lists = !job->cli->quiet && !job->cli->json;
    gboolean ok = cp_sweep_missing(&job->o, lists ? print_point : NULL, &count, &error);
    g_string_free(listing.line, TRUE);
    if (!ok) {
        return cp_fail(job->cli, error);
    }
    if (job->cli->json) {
        CpJson *json = cp_json_new();
        cp_json_open(json, NULL, '{');
        cp_json_int(json, "points", (int64_t)count.points);
        cp_json_int(json, "runs", (int64_t)count.rows);
        cp_out_json(job->cli, json);
    } else {
        cp_out(job->cli, "%" G_GUINT64_FORMAT " points, %" G_GUINT64_FORMAT " runs\n",
               count.points, count.rows);
    }
    return CP_EXIT_OK;
}

/* What one row takes: the first point, a middle one and the last, for a second at most. */
static double measure(const CpSweepJob *job)
{
    CpSweepOptions o = job->o;
    g_autoptr(GError) error = NULL;
    o.store = cp_store_open("", job->plan, false, &error);
    o.n_workers = 1;
    o.repeats = 1;
    if (o.store == NULL) {
        return 1;
    }
    uint64_t end = cp_grid_walk_end(job->plan->grid);
    int64_t begun = g_get_monotonic_time();
    unsigned n = 0;
    for (uint64_t i = 0; i < 3 && g_get_monotonic_time() - begun < 1000000; i++) {
        uint64_t point;
        CpSweepResult result;
        cp_grid_walk(job->plan->grid, (end - 1) / 2 * i, &point);
        n += cp_sweep_run_points(&o, &point, 1, &result, &error) ? 1 : 0;
    }
    cp_store_free(o.store);
    return (double)(g_get_monotonic_time() - begun) / 1e6 / MAX(n, 1);
}

static int emit(CpSweepJob *job, const char *kind)
{
    int code = open_for_reading(job);
    CpSweepCount count;
    g_autoptr(GError) error = NULL;
    if (code != CP_EXIT_OK) {
        return code;
    }
    if (!cp_sweep_missing(&job->o, NULL, &count, &error)) {
        return cp_fail(job->cli, error);
    }
    CpSweepScript script = {job->output, job->cli->operands[0], count.points, count.rows,
                            measure(job)};
    if (strcmp(kind, "slurm") == 0) {
        cp_sweep_script_slurm(job->cli, &script);
    } else {
        cp_sweep_script_parallel(job->cli, &script);
    }
    return CP_EXIT_OK;
}

/* --- progress --- */

static void show_progress(const CpSweepProgress *p, void *data)
{
    CpSweepJob *job = data;
    const CpCli *cli = job->cli;
    int64_t now = g_get_monotonic_time();
    bool line = cli->progress;
    if ((!line && !cli->verbose) || (!line && now - job->shown_us < 10 * G_USEC_PER_SEC)) {
        return;
    }
    job->shown_us = now;
    double share = p->total > 0 ? (double)p->done / (double)p->total : 0;
    char bar[13] = "------------";
    memset(bar, '#', (size_t)(CLAMP(share, 0, 1) * 12));
    g_autoptr(GString) text = g_string_new(NULL);
    g_string_printf(text, "sweep  [%s] %" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT, bar,
                    p->done, p->total);
    if (p->found > 0) {
        g_string_append_printf(text, "  %" G_GUINT64_FORMAT " were there", p->found);
    }
    if (p->failed > 0) {
        g_string_append_printf(text, "  %" G_GUINT64_FORMAT " failed", p->failed);
    }
    if (p->rate > 0) {
        double left = (double)(p->total - MIN(p->done, p->total)) / p->rate;
        g_string_append_printf(text, "  %.0f pts/s  eta %.0f s", p->rate, left);
    }
    fprintf(stderr, line ? "\r\033[K%s" : "%s\n", text->str);
    job->drawn = line;
}

static void end_progress(CpSweepJob *job)
{
    if (job->drawn) {
        fputs("\r\033[K", stderr);
        job->drawn = false;
    }
}

/* --- running --- */

static int open_store(CpSweepJob *job)
{
    CpCli *cli = job->cli;
    g_autoptr(GError) error = NULL;
    const char *path = job->output;
    if (path == NULL) {
        int fd = g_file_open_tmp("coreplay-XXXXXX.db", &job->scratch, &error);
        if (fd < 0) {
            return cp_fail(cli, error);
        }
        g_close(fd, NULL);
        path = job->scratch;
    } else {
        char *const inputs[] = {cli->operands[0], NULL};
        int code = cp_output_no_pipe(cli, path);
        code = code == CP_EXIT_OK ? cp_output_check(cli, path, ".db", inputs) : code;
        if (code != CP_EXIT_OK) {
            return code;
        }
    }
    job->store = cp_store_open(path, job->plan, cp_opt_flag(cli, "force-new"), &error);
    job->o.store = job->store;
    return job->store != NULL ? CP_EXIT_OK : cp_fail(cli, error);
}

/* Means and intervals of makespan and of the metrics that options name. */
static char *means_shown(const CpSweepJob *job)
{
    GString *show = g_string_new("mean(makespan) ci95(makespan)");
    char **metrics = cp_opt_list(job->cli, "metric");
    const char *until = job->until_key;
    if (until != NULL && strcmp(until, "makespan") != 0 &&
        !g_strv_contains((const char *const *)metrics, until)) {
        g_string_append_printf(show, " mean(%s) ci95(%s)", until, until);
    }
    for (; *metrics != NULL; metrics++) {
        g_string_append_printf(show, " mean(%s) ci95(%s)", *metrics, *metrics);
    }
    g_string_append(show, " n(makespan)");
    return g_string_free(show, FALSE);
}

/* The columns of single runs when metrics were asked for: axes, outcome and these. */
static char *columns_shown(const CpSweepJob *job, const char *axes)
{
    char **metrics = cp_opt_list(job->cli, "metric");
    if (*metrics == NULL) {
        return NULL;
    }
    g_autofree char *names = g_strjoinv(",", metrics);
    return g_strdup_printf("%s%soutcome,makespan,%s", axes, *axes != '\0' ? "," : "",
                           names);
}

enum { FAILURES_SHOWN = 20 };

/* Where a run failed and why, without the number of its repeat; new text. */
static char *failure_text(const CpTableData *data, const CpCell *cells)
{
    GString *text = g_string_new(NULL);
    guint n_axes = data->columns->len - 2; /* then outcome and error */
    for (guint i = 0; i < n_axes; i++) {
        const CpQueryColumn *c = data->columns->pdata[i];
        g_autofree char *cell = cp_cell_text(&cells[i], c, true);
        g_string_append_printf(text, "%s%s=%s", i > 0 ? " " : "", c->name, cell);
    }
    const char *outcome = cells[n_axes].text, *why = cells[n_axes + 1].text;
    if (why == NULL || !g_str_has_prefix(why, outcome)) {
        g_string_append_printf(text, ": %s", outcome);
    }
    if (why != NULL) {
        g_string_append_printf(text, ": %.*s", (int)strcspn(why, "\n"), why);
    }
    return g_string_free(text, FALSE);
}

/* Runs that failed, and why: they are in no mean. */
static int print_failed(CpSweepJob *job, const char *axes)
{
    g_autoptr(GError) error = NULL;
    char *const files[] = {job->scratch, NULL};
    g_autofree char *columns =
        g_strdup_printf("%s%soutcome,error", axes, *axes != '\0' ? "," : "");
    CpQuery query = {.files = files, .columns = columns, .filter = "failed == 1"};
    CpTableData *data = cp_query_run(&query, &error);
    if (data == NULL) {
        return cp_fail(job->cli, error);
    }
    if (data->rows->len > 0) {
        cp_out(job->cli, "\nNot counted, %u run%s that failed:\n", data->rows->len,
               data->rows->len == 1 ? "" : "s");
    }
    g_autofree char *before = NULL;
    unsigned n = 0;
    for (guint r = 0; r < data->rows->len; r++) {
        g_autofree char *text = failure_text(data, data->rows->pdata[r]);
        if (g_strcmp0(text, before) == 0 || n++ >= FAILURES_SHOWN) {
            continue;
        }
        g_autofree char *clean = cp_clean_text(text, -1);
        cp_out(job->cli, "  %s\n", clean);
        g_free(before);
        before = g_steal_pointer(&text);
    }
    if (n > FAILURES_SHOWN) {
        cp_out(job->cli, "  and %u more (-o FILE.db keeps them all)\n", n - FAILURES_SHOWN);
    }
    cp_table_data_free(data);
    return CP_EXIT_OK;
}

/* Without -o the results are the output. */
static int print_results(CpSweepJob *job)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) axes = g_string_new(NULL);
    for (unsigned i = 0; i < cp_grid_n_axes(job->plan->grid); i++) {
        g_string_append_printf(axes, "%s%s", i > 0 ? "," : "",
                               cp_axis_key(cp_grid_axis(job->plan->grid, i)));
    }
    bool repeats = job->o.repeats > 1 && !job->cli->json;
    g_autofree char *show = means_shown(job);
    bool is_table = !repeats && !job->cli->json;
    g_autofree char *columns = is_table ? columns_shown(job, axes->str) : NULL;
    char *const files[] = {job->scratch, NULL};
    CpQuery query = {.files = files,
                     .columns = columns,
                     .all_columns = job->cli->json,
                     .group = repeats ? axes->str : NULL,
                     .show = show};
    CpTableData *data = cp_query_run(&query, &error);
    if (data == NULL) {
        return cp_fail(job->cli, error);
    }
    if (job->cli->json) {
        cp_table_print_json(job->cli, data);
    } else {
        cp_table_print_text(job->cli, data);
    }
    cp_table_data_free(data);
    return job->cli->json ? CP_EXIT_OK : print_failed(job, axes->str);
}

static void print_summary_json(const CpSweepJob *job, const CpSweepResult *r)
{
    CpJson *json = cp_result_json_new();
    cp_json_text(json, "file", job->output);
    cp_json_int(json, "runs", (int64_t)r->rows);
    cp_json_int(json, "found", (int64_t)r->found);
    cp_json_int(json, "failed", (int64_t)r->failed);
    cp_json_int(json, "expects_failed", (int64_t)r->missed);
    cp_json_bool(json, "stopped", r->stopped);
    cp_out_json(job->cli, json);
}

static void print_summary(const CpSweepJob *job, const CpSweepResult *r)
{
    const char *what = r->stopped ? "stopped" : "done";
    g_autofree char *missed =
        r->missed > 0
            ? g_strdup_printf(", %" G_GUINT64_FORMAT " did not meet an expect", r->missed)
            : g_strdup("");
    cp_note(job->cli,
            "sweep %s: %" G_GUINT64_FORMAT " runs stored in %s, %" G_GUINT64_FORMAT
            " were there, %" G_GUINT64_FORMAT " failed%s",
            what, r->rows, job->output, r->found, r->failed, missed);
}

/* Says how to see what is not as it should be. */
static void print_how_to_see(const CpSweepJob *job, const CpSweepResult *r)
{
    if (job->output == NULL || job->cli->quiet) {
        return;
    }
    if (r->failed > 0) {
        cp_help(job->cli, "coreplay query %s --filter 'failed == 1' --columns point,error",
                job->output);
    } else if (r->missed > 0) {
        cp_help(job->cli, "coreplay query %s --filter 'expects_failed > 0'", job->output);
    }
}

static int finish(CpSweepJob *job, const CpSweepResult *r)
{
    int signal_code = cp_interrupt_code();
    if (job->output != NULL) {
        print_summary(job, r);
    }
    if (job->output != NULL && job->cli->json) {
        print_summary_json(job, r);
    }
    if (signal_code != 0) {
        g_autofree char *again = cp_sweep_command(job->cli);
        cp_help(job->cli,
                job->output != NULL
                    ? "to go on where it stopped: %s"
                    : "with -o FILE.db a sweep can be continued: %s -o FILE.db",
                again);
        return signal_code;
    }
    print_how_to_see(job, r);
    if (r->workers < r->workers_wanted) {
        cp_note(job->cli, "only %u of %u workers could be started; -j says how many",
                r->workers, r->workers_wanted);
    }
    if (r->no_values && !r->stopped) {
        cp_note(job->cli,
                "--until-ci: no run has a value of %s, so none was repeated for it",
                job->until_key);
    }
    if (r->missed > 0 && job->output == NULL) {
        cp_note(job->cli, "%" G_GUINT64_FORMAT " runs did not meet an expect", r->missed);
    }
    return r->failed > 0 ? CP_EXIT_MODEL : r->missed > 0 ? CP_EXIT_EXPECT : CP_EXIT_OK;
}

static int sweep(CpSweepJob *job)
{
    g_autoptr(GError) error = NULL;
    CpSweepResult result;
    CpSweepCount count;
    CpSweepOptions all = job->o;
    all.store = NULL;
    all.n_shards = 1;
    job->o.progress = show_progress;
    job->o.data = job;
    gboolean ok = cp_sweep_missing(&all, NULL, &count, &error) &&
                  cp_store_want(job->store, count.points, job->o.repeats, &error) &&
                  cp_sweep_run(&job->o, &result, &error);
    end_progress(job);
    if (!ok) {
        return cp_fail(job->cli, error);
    }
    if (count.points == 0) {
        cp_note(job->cli,
                "there was nothing to do: --where leaves none of %" G_GUINT64_FORMAT
                " points",
                cp_grid_size(job->plan->grid));
    }
    int code = finish(job, &result);
    if (code != CP_EXIT_OUTPUT) {
        g_clear_pointer(&job->store, cp_store_free);
    }
    int printed = job->output == NULL ? print_results(job) : CP_EXIT_OK;
    return printed != CP_EXIT_OK ? printed : code;
}

/* --- the command --- */

static int act(CpSweepJob *job)
{
    const char *kind = cp_opt_text(job->cli, "emit");
    if (kind != NULL) {
        return emit(job, kind);
    }
    if (cp_opt_flag(job->cli, "dry-run")) {
        return dry_run(job);
    }
    cp_interrupt_catch();
    cp_interrupt_without_memory();
    int code = open_store(job);
    if (code != CP_EXIT_OK) {
        return code;
    }
    return job->find_key != NULL ? cp_sweep_search(job) : sweep(job);
}

static int run(CpCli *cli)
{
    CpSweepJob job = {.cli = cli, .output = cp_opt_text(cli, "output")};
    job.o.n_workers = (unsigned)MIN(cp_opt_number(cli, "jobs", 0), 1024);
    job.o.fail_fast = cp_opt_flag(cli, "fail-fast");
    job.o.interrupt = cp_interrupt_flag();
    job.shown_us = g_get_monotonic_time();
    job.others = g_string_new(NULL);
    int code = cp_sweep_plan(&job);
    if (code == CP_EXIT_OK) {
        code = act(&job);
    }
    if (code == CP_EXIT_OUTPUT) {
        cp_store_give_up(job.store);
    } else {
        cp_store_free(job.store);
    }
    cp_plan_free(job.plan);
    cp_expr_free(job.condition);
    g_free(job.find_key);
    g_string_free(job.others, TRUE);
    if (job.tried != NULL) {
        g_free(cp_json_free(job.tried));
    }
    g_free(job.until_key);
    if (job.scratch != NULL) {
        g_unlink(job.scratch);
        g_free(job.scratch);
    }
    return code;
}

const CpCmd cp_cmd_sweep = {
    .name = "sweep",
    .summary = "simulate many variants (what if) into a result file that can be continued",
    .operands = "FILE",
    .operand_list = "files",
    .operands_min = 1,
    .operands_max = 1,
    .kinds = "workload recording",
    .also = "what-if grid vary explore scan",
    .examples = {{"coreplay sweep web.cpw --sweep cores=1,2,4 --sweep rate=200,400 "
                  "--repeat 20 -o w.db",
                  "all combinations, 20 seeds each"},
                 {"coreplay sweep web.cpw --find 'min cores' --such-that 'latency.p99 < "
                  "50ms'",
                  "the fewest cores that are enough"},
                 {"coreplay sweep web.cpw --sweep cores=1..64 -o all.db --emit slurm > "
                  "submit.sh",
                  "the same on a cluster"}},
    .options = options,
    .see_also = "coreplay-query(1), coreplay-merge(1), coreplay-plot(1), coreplay-run(1)",
    .run = run,
};
