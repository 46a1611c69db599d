#include "cli/sweep-job.h"

#include "cli/overrides.h"
#include "cli/report.h"

#include <string.h>

/* What the options of a sweep mean: which points, how often, what is kept, what is sought.
 */

int cp_sweep_usage(const CpCli *cli, const char *text, const char *help)
{
    cp_error(cli, "%s", text);
    cp_help(cli, "%s", help);
    return CP_EXIT_USAGE;
}

static int read_shard(CpSweepJob *job)
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
    return cp_sweep_usage(job->cli, what,
                          "for example: --shard 0/4, 1/4, 2/4 and 3/4 make a whole");
}

static int read_find(CpSweepJob *job)
{
    const char *find = cp_opt_text(job->cli, "find");
    const char *such = cp_opt_text(job->cli, "such-that");
    if (find == NULL) {
        return CP_EXIT_OK;
    }
    g_auto(GStrv) words = g_strsplit_set(find, " ", 2);
    job->find_max = strcmp(words[0], "max") == 0;
    if (words[1] == NULL || (!job->find_max && strcmp(words[0], "min") != 0)) {
        return cp_sweep_usage(job->cli, "--find takes 'min AXIS' or 'max AXIS'",
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
static bool read_until_metric(CpSweepJob *job, const char *text)
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

static int read_until_ci(CpSweepJob *job)
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
        return cp_sweep_usage(job->cli, what,
                              "for example: --until-ci 2% or latency.p99=5%");
    }
    job->o.until_ci = (double)q.value / 1e6;
    g_autofree char *metric =
        equals != NULL ? g_strndup(text, (gsize)(equals - text)) : g_strdup("makespan");
    if (!read_until_metric(job, g_strstrip(metric))) {
        g_autofree char *what = g_strdup_printf(
            "--until-ci: '%s' is neither a metric nor mean, median or pNN of one", metric);
        return cp_sweep_usage(job->cli, what, "for example: --until-ci 'p90(makespan)=3%'");
    }
    /* An interval needs some repeats to begin with. */
    job->o.repeats = MIN(MAX(job->o.repeats, 5), job->o.repeats_max);
    return CP_EXIT_OK;
}

/* The columns the conditions ask for are kept. */
static char **metric_names(const CpSweepJob *job)
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

static int make_plan(CpSweepJob *job)
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

static int find_until_metric(CpSweepJob *job)
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

/* Before a file is opened or anything is run. */
static int check_find(CpSweepJob *job)
{
    if (job->find_key == NULL) {
        return CP_EXIT_OK;
    }
    int axis = cp_grid_find(job->plan->grid, job->find_key);
    if (axis < 0) {
        return cp_sweep_usage(job->cli, "--find: the axis is not part of the sweep",
                              "name it as --sweep does");
    }
    job->find = (CpFind){
        .condition = job->condition, .axis = (unsigned)axis, .largest = job->find_max};
    g_autoptr(GError) error = NULL;
    return cp_sweep_find_check(job->plan, &job->find, &error) ? CP_EXIT_OK
                                                              : cp_fail(job->cli, error);
}

int cp_sweep_plan(CpSweepJob *job)
{
    int (*const steps[])(CpSweepJob *) = {read_shard, read_find,         read_until_ci,
                                          make_plan,  find_until_metric, check_find};
    int code = CP_EXIT_OK;
    for (size_t i = 0; code == CP_EXIT_OK && i < G_N_ELEMENTS(steps); i++) {
        code = steps[i](job);
    }
    return code;
}
