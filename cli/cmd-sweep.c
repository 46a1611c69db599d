#include "cli/commands.h"

#include "cli/interrupt.h"
#include "cli/overrides.h"
#include "cli/report.h"
#include "cli/sweep-scripts.h"
#include "cli/table-print.h"
#include "sweeps/sweep.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

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
    {"seed", 0, CP_OPT_COUNT, "N", NULL, NULL, "Workload and machine",
     "base seed, from which those of the repeats are made (default 1)"},
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

typedef struct {
    CpCli *cli;
    const char *output; /* as given, or NULL */
    char *scratch;      /* file of a sweep without -o */
    CpPlan *plan;
    CpStore *store;
    CpSweepOptions o;
    CpExpr *condition; /* of --such-that */
    char *find_key;
    bool find_max;
    CpFind find;
    GString *others; /* of the present search: values of the other axes */
    CpJson *tried;   /* of it, with --json; else NULL */
    char *until_key; /* metric of --until-ci */
    int64_t shown_us;
    bool drawn;
} Job;

/* --- options --- */

static int usage(const CpCli *cli, const char *text, const char *help)
{
    cp_error(cli, "%s", text);
    cp_help(cli, "%s", help);
    return CP_EXIT_USAGE;
}

static int read_shard(Job *job)
{
    const char *text = cp_opt_text(job->cli, "shard");
    job->o.n_shards = 1;
    if (text == NULL) {
        return CP_EXIT_OK;
    }
    char *end = NULL;
    bool digit = g_ascii_isdigit(*text);
    job->o.shard = g_ascii_strtoull(text, &end, 10);
    if (digit && *end == '/' && g_ascii_isdigit(end[1])) {
        job->o.n_shards = g_ascii_strtoull(end + 1, &end, 10);
        if (*end == '\0' && job->o.shard < job->o.n_shards) {
            return CP_EXIT_OK;
        }
    }
    g_autofree char *what =
        g_strdup_printf("--shard: '%s' is not I/N with I from 0 to N - 1", text);
    return usage(job->cli, what, "for example: --shard 0/4, 1/4, 2/4 and 3/4 make a whole");
}

static int read_find(Job *job)
{
    const char *find = cp_opt_text(job->cli, "find");
    const char *such = cp_opt_text(job->cli, "such-that");
    if (find == NULL && such == NULL) {
        return CP_EXIT_OK;
    }
    if (find == NULL || such == NULL) {
        return usage(job->cli, "--find and --such-that belong together",
                     "for example: --find 'min cores' --such-that 'latency.p99 < 50ms'");
    }
    static const char *const others[] = {"until-ci", "shard", "sample", "emit", NULL};
    for (const char *const *other = others; *other != NULL; other++) {
        if (cp_opt_text(job->cli, *other) != NULL) {
            g_autofree char *what =
                g_strdup_printf("--find and --%s do not go together", *other);
            return usage(job->cli, what,
                         "a search runs few points, in an order of its own; --repeat sets "
                         "how often each");
        }
    }
    g_auto(GStrv) words = g_strsplit_set(find, " ", 2);
    job->find_max = strcmp(words[0], "max") == 0;
    if (words[1] == NULL || (!job->find_max && strcmp(words[0], "min") != 0)) {
        return usage(job->cli, "--find takes 'min AXIS' or 'max AXIS'",
                     "for example: --find 'min cores'");
    }
    job->find_key = g_strstrip(g_strdup(words[1]));
    g_autoptr(GError) error = NULL;
    job->condition = cp_expr_new(such, &error);
    if (job->condition == NULL) {
        cp_error(job->cli, "--such-that: %s", error->message);
        return CP_EXIT_USAGE;
    }
    return CP_EXIT_OK;
}

/* "metric" or "p90(metric)"; false: no such function. */
static bool read_until_metric(Job *job, const char *text)
{
    const char *open = strchr(text, '(');
    size_t len = strlen(text);
    if (open == NULL) {
        job->until_key = g_strdup(text);
        return len > 0;
    }
    g_autofree char *function = g_strndup(text, (gsize)(open - text));
    if (text[len - 1] != ')' || !cp_statistic_find(function, &job->o.until_what)) {
        return false;
    }
    job->until_key = g_strndup(open + 1, (gsize)(text + len - 1 - (open + 1)));
    return job->o.until_what.kind == CP_STAT_MEAN ||
           job->o.until_what.kind == CP_STAT_QUANTILE;
}

static int read_until_ci(Job *job)
{
    const char *text = cp_opt_text(job->cli, "until-ci");
    job->o.repeats = (uint32_t)MIN(cp_opt_number(job->cli, "repeat", 1), 1000000);
    job->o.repeats_max =
        (uint32_t)MIN(cp_opt_number(job->cli, "repeat-max", 1000), 1000000);
    if (text == NULL) {
        return CP_EXIT_OK;
    }
    const char *equals = strrchr(text, '=');
    CpQuant q;
    bool ok = cp_quant_parse(equals != NULL ? equals + 1 : text, &q) &&
              q.dim == CP_DIM_SHARE && q.value > 0;
    if (!ok) {
        g_autofree char *what =
            g_strdup_printf("--until-ci: '%s' is not a share of the mean", text);
        return usage(job->cli, what, "for example: --until-ci 2% or latency.p99=5%");
    }
    job->o.until_ci = (double)q.value / 1e6;
    g_autofree char *metric =
        equals != NULL ? g_strndup(text, (gsize)(equals - text)) : g_strdup("makespan");
    if (!read_until_metric(job, g_strstrip(metric))) {
        g_autofree char *what = g_strdup_printf(
            "--until-ci: '%s' is neither a metric nor mean, median or pNN of one", metric);
        return usage(job->cli, what, "for example: --until-ci 'p90(makespan)=3%'");
    }
    /* An interval needs some repeats to begin with. */
    job->o.repeats = MIN(MAX(job->o.repeats, 5), job->o.repeats_max);
    return CP_EXIT_OK;
}

/* The columns the conditions ask for are kept. */
static char **metric_names(const Job *job)
{
    GPtrArray *names = g_ptr_array_new();
    for (char **m = cp_opt_list(job->cli, "metric"); *m != NULL; m++) {
        g_ptr_array_add(names, g_strdup(*m));
    }
    if (job->until_key != NULL) {
        g_ptr_array_add(names, g_strdup(job->until_key));
    }
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_free(names, FALSE);
}

static int make_plan(Job *job)
{
    CpCli *cli = job->cli;
    CpOverrides overrides;
    int code = cp_overrides_init(&overrides, cli);
    if (code != CP_EXIT_OK) {
        cp_overrides_clear(&overrides);
        return code;
    }
    g_auto(GStrv) metrics = metric_names(job);
    g_auto(GStrv) names = job->condition != NULL ? cp_expr_names(job->condition) : NULL;
    CpPlanOptions o = {
        .path = cli->operands[0],
        .overrides = (const CpOverride *)(void *)overrides.list->data,
        .n_overrides = overrides.list->len,
        .sweeps = cp_opt_list(cli, "sweep"),
        .zips = cp_opt_list(cli, "zip"),
        .wheres = cp_opt_list(cli, "where"),
        .metrics = metrics,
        .names = names,
        .sample = (uint64_t)cp_opt_number(cli, "sample", 0),
        .find_key = job->find_key,
    };
    CpDiag *diag = cp_diag_new(o.path, NULL, 0);
    g_autoptr(GError) error = NULL;
    job->plan = cp_plan_new(&o, diag, &error);
    if (job->plan == NULL) {
        code = error != NULL ? cp_fail(cli, error) : cp_report_diag(cli, diag);
    }
    cp_diag_free(diag);
    cp_overrides_clear(&overrides);
    job->o.plan = job->plan;
    return code;
}

static int find_until_metric(Job *job)
{
    if (job->until_key == NULL) {
        return CP_EXIT_OK;
    }
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (guint i = 0; i < job->plan->metrics->len; i++) {
        const CpMetricColumn *c = job->plan->metrics->pdata[i];
        g_ptr_array_add(names, c->name);
        if (strcmp(c->name, job->until_key) == 0) {
            job->o.until_metric = c->key;
            return CP_EXIT_OK;
        }
    }
    g_ptr_array_add(names, NULL);
    return cp_unknown(job->cli, "metric", job->until_key, (const char *const *)names->pdata,
                      "coreplay list metrics");
}

/* --- without running --- */

typedef struct {
    Job *job;
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

static int open_for_reading(Job *job)
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

static int dry_run(Job *job)
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
static double measure(const Job *job)
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

static int emit(Job *job, const char *kind)
{
    if (job->output == NULL) {
        return usage(job->cli, "--emit needs the name of the result file",
                     "for example: -o all.db --emit slurm > submit.sh; sh submit.sh");
    }
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
    Job *job = data;
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

static void end_progress(Job *job)
{
    if (job->drawn) {
        fputs("\r\033[K", stderr);
        job->drawn = false;
    }
}

/* --- running --- */

static int open_store(Job *job)
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
        code = code == CP_EXIT_OK ? cp_output_check(cli, path, inputs) : code;
        if (code != CP_EXIT_OK) {
            return code;
        }
    }
    job->store = cp_store_open(path, job->plan, cp_opt_flag(cli, "force-new"), &error);
    job->o.store = job->store;
    return job->store != NULL ? CP_EXIT_OK : cp_fail(cli, error);
}

/* Means and intervals of makespan and of the metrics that options name. */
static char *means_shown(const Job *job)
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

/* Without -o the results are the output. */
static int print_results(Job *job)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) axes = g_string_new(NULL);
    for (unsigned i = 0; i < cp_grid_n_axes(job->plan->grid); i++) {
        g_string_append_printf(axes, "%s%s", i > 0 ? "," : "",
                               cp_axis_key(cp_grid_axis(job->plan->grid, i)));
    }
    bool repeats = job->o.repeats > 1 && !job->cli->json;
    g_autofree char *show = means_shown(job);
    char *const files[] = {job->scratch, NULL};
    CpQuery query = {.files = files,
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
    return CP_EXIT_OK;
}

static void print_summary(const Job *job, const CpSweepResult *r)
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
static void print_how_to_see(const Job *job, const CpSweepResult *r)
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

static int finish(Job *job, const CpSweepResult *r)
{
    int signal_code = cp_interrupt_code();
    if (job->output != NULL) {
        print_summary(job, r);
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

static int sweep(Job *job)
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
    g_clear_pointer(&job->store, cp_store_free);
    int printed = job->output == NULL ? print_results(job) : CP_EXIT_OK;
    return printed != CP_EXIT_OK ? printed : code;
}

/* --- searching --- */

static void print_try(const char *value, bool holds, const char *shown, void *data)
{
    Job *job = data;
    if (job->tried != NULL) {
        cp_json_open(job->tried, NULL, '{');
        cp_json_text(job->tried, "value", value);
        cp_json_bool(job->tried, "holds", holds);
        cp_json_text(job->tried, "measured", shown);
        cp_json_close(job->tried, '}');
    } else {
        cp_out(job->cli, "%s%s=%s  %s  %s\n", job->others->str, job->find_key, value,
               holds ? "yes" : "no ", shown);
    }
}

/* Which search this is: the values of the other axes. */
static void begin_search(Job *job, char *const *values)
{
    const CpGrid *grid = job->plan->grid;
    g_string_truncate(job->others, 0);
    if (job->cli->json) {
        job->tried = cp_json_new();
        cp_json_open(job->tried, NULL, '{');
        cp_json_text(job->tried, "find", job->find_max ? "max" : "min");
        cp_json_text(job->tried, "axis", cp_axis_key(cp_grid_axis(grid, job->find.axis)));
        cp_json_open(job->tried, "at", '{');
    }
    for (unsigned i = 0; values[i] != NULL; i++) {
        const char *key = cp_axis_key(cp_grid_axis(grid, i));
        if (i == job->find.axis) {
            continue;
        }
        if (job->tried != NULL) {
            cp_json_text(job->tried, key, values[i]);
        }
        g_string_append_printf(job->others, "%s=%s  ", key, values[i]);
    }
    if (job->tried != NULL) {
        cp_json_close(job->tried, '}');
        cp_json_open(job->tried, "tried", '[');
    }
}

static void end_search(Job *job, const char *value)
{
    if (job->tried != NULL) {
        cp_json_close(job->tried, ']');
        cp_json_text(job->tried, "value", value);
        cp_out_json(job->cli, g_steal_pointer(&job->tried));
    } else if (value != NULL) {
        cp_out(job->cli, "%s%s %s  %s\n", job->others->str, job->find_max ? "max" : "min",
               job->find_key, value);
    } else {
        cp_out(job->cli, "%sno %s will do\n", job->others->str, job->find_key);
    }
}

/* Before a file is opened or anything is run. */
static int check_find(Job *job)
{
    if (job->find_key == NULL) {
        return CP_EXIT_OK;
    }
    int axis = cp_grid_find(job->plan->grid, job->find_key);
    if (axis < 0) {
        return usage(job->cli, "--find: the axis is not part of the sweep",
                     "name it as --sweep does");
    }
    job->find = (CpFind){job->condition, (unsigned)axis, job->find_max, print_try, job};
    g_autoptr(GError) error = NULL;
    return cp_sweep_find_check(job->plan, &job->find, &error) ? CP_EXIT_OK
                                                              : cp_fail(job->cli, error);
}

static int find(Job *job)
{
    const CpGrid *grid = job->plan->grid;
    unsigned axis = job->find.axis;
    g_autofree uint64_t *places = g_new0(uint64_t, cp_grid_n_axes(grid) + 1);
    bool none = false;
    for (uint64_t point = 0; point < cp_grid_size(grid); point++) {
        cp_grid_places(grid, point, places);
        if (places[axis] != 0) {
            continue; /* one search for each setting of the other axes */
        }
        g_auto(GStrv) values = cp_grid_values(grid, point);
        g_autoptr(GError) error = NULL;
        g_autofree char *value = NULL;
        begin_search(job, values);
        if (!cp_sweep_find(&job->o, &job->find, places, &value, &error)) {
            return cp_interrupt_code() != 0 ? cp_interrupt_code()
                                            : cp_fail(job->cli, error);
        }
        end_search(job, value);
        none = none || value == NULL;
    }
    return none ? CP_EXIT_EXPECT : CP_EXIT_OK;
}

/* --- the command --- */

static int act(Job *job)
{
    const char *kind = cp_opt_text(job->cli, "emit");
    if (kind != NULL) {
        return emit(job, kind);
    }
    if (cp_opt_flag(job->cli, "dry-run")) {
        return dry_run(job);
    }
    int code = open_store(job);
    if (code != CP_EXIT_OK) {
        return code;
    }
    cp_interrupt_catch();
    return job->find_key != NULL ? find(job) : sweep(job);
}

static int run(CpCli *cli)
{
    Job job = {.cli = cli, .output = cp_opt_text(cli, "output")};
    job.o.n_workers = (unsigned)MIN(cp_opt_number(cli, "jobs", 0), 1024);
    job.o.fail_fast = cp_opt_flag(cli, "fail-fast");
    job.o.interrupt = cp_interrupt_flag();
    job.shown_us = g_get_monotonic_time();
    job.others = g_string_new(NULL);
    int (*const steps[])(Job *) = {read_shard, read_find,         read_until_ci,
                                   make_plan,  find_until_metric, check_find,
                                   act};
    int code = CP_EXIT_OK;
    for (size_t i = 0; code == CP_EXIT_OK && i < G_N_ELEMENTS(steps); i++) {
        code = steps[i](&job);
    }
    cp_store_free(job.store);
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
