#include "cli/commands.h"

#include "cli/table-print.h"

#include <string.h>

/* Which question a query asks and in which form its table is printed. */

static const CpOption options[] = {
    {"columns", 0, CP_OPT_TEXT, "A,B", NULL, NULL, "Table",
     "columns to show: axes, outcome, seed, repeat, and every metric"},
    {"filter", 0, CP_OPT_TEXT, "EXPR", NULL, NULL, "Table",
     "only rows for which this holds, for example 'cores >= 4 and latency.p99 < 50ms'"},
    {"group", 0, CP_OPT_TEXT, "A,B", NULL, NULL, "Table",
     "one line for each combination of these; repeats are aggregated"},
    {"show", 0, CP_OPT_TEXT, "LIST", NULL, NULL, "Table",
     "with --group: mean sd min max sum n median pNN of metrics, and ci95 lo95 hi95 of "
     "these, for example 'mean(makespan) ci95(makespan) ci95(p95(makespan))'"},
    {"sort", 0, CP_OPT_TEXT, "A,-B", NULL, NULL, "Table",
     "sort by these columns of the table; - is downwards"},
    {"limit", 0, CP_OPT_NUMBER, "N", NULL, NULL, "Table", "show at most this many lines"},
    {"compare", 0, CP_OPT_TEXT, "AXIS=A,B", NULL, NULL, "Comparison",
     "how much B differs from A, pair by pair: both met the same work"},
    {"metric", 0, CP_OPT_TEXT, "NAME", NULL, NULL, "Comparison",
     "the metric --compare looks at (default makespan)"},
    {"answers", 0, CP_OPT_FLAG, NULL, NULL, NULL, "Table",
     "show what the searches of sweep --find found, instead of runs"},
    {"csv", 0, CP_OPT_FLAG, NULL, NULL, NULL, "Output", "print CSV with exact values"},
    {NULL, 0, CP_OPT_FLAG, NULL, NULL, NULL, NULL, NULL},
};

static void print(CpCli *cli, const CpTableData *data)
{
    if (data->n_failed > 0) {
        cp_note(cli,
                "%" G_GUINT64_FORMAT " run%s that failed %s in no statistic; to see them: "
                "--filter 'failed == 1' --columns point,outcome,error",
                data->n_failed, data->n_failed == 1 ? "" : "s",
                data->n_failed == 1 ? "is" : "are");
    }
    if (cp_opt_flag(cli, "csv")) {
        cp_table_print_csv(cli, data);
    } else if (cli->json) {
        cp_table_print_json(cli, data);
    } else {
        cp_table_print_text(cli, data);
    }
}

static int compare(CpCli *cli, const CpQuery *query, const char *text)
{
    const char *equals = strchr(text, '=');
    const char *comma = equals != NULL ? strchr(equals, ',') : NULL;
    if (comma == NULL || strchr(comma + 1, ',') != NULL || equals == text ||
        comma == equals + 1 || comma[1] == '\0') {
        cp_error(cli, "--compare: '%s' is not AXIS=A,B", text);
        cp_help(cli, "for example: --compare policy=cfs,eevdf");
        return CP_EXIT_USAGE;
    }
    g_autofree char *axis = g_strndup(text, (gsize)(equals - text));
    g_autofree char *a = g_strndup(equals + 1, (gsize)(comma - equals - 1));
    const char *metric = cp_opt_text(cli, "metric");
    CpComparison c = {*query, axis, a, comma + 1, metric != NULL ? metric : "makespan"};
    g_autoptr(GError) error = NULL;
    CpTableData *data = cp_query_compare(&c, &error);
    if (data == NULL) {
        return cp_fail(cli, error);
    }
    print(cli, data);
    cp_table_data_free(data);
    return CP_EXIT_OK;
}

static int run(CpCli *cli)
{
    CpQuery query = {
        .files = cli->operands,
        .columns = cp_opt_text(cli, "columns"),
        .filter = cp_opt_text(cli, "filter"),
        .group = cp_opt_text(cli, "group"),
        .show = cp_opt_text(cli, "show"),
        .sort = cp_opt_text(cli, "sort"),
        .limit = (uint64_t)cp_opt_number(cli, "limit", 0),
        .all_columns = cp_opt_flag(cli, "csv") || cli->json,
    };
    const char *comparison = cp_opt_text(cli, "compare");
    if (comparison != NULL) {
        return compare(cli, &query, comparison);
    }
    g_autoptr(GError) error = NULL;
    CpTableData *data = cp_opt_flag(cli, "answers")
                            ? cp_query_answers(cli->operands, &error)
                            : cp_query_run(&query, &error);
    if (data == NULL) {
        return cp_fail(cli, error);
    }
    print(cli, data);
    cp_table_data_free(data);
    return CP_EXIT_OK;
}

const CpCmd cp_cmd_query = {
    .name = "query",
    .summary = "show results of sweeps and runs as a table, CSV or JSON",
    .operands = "FILE...",
    .operand_list = "files",
    .operands_min = 1,
    .operands_max = -1,
    .kinds = "results lines recording",
    .also = "table results select ask",
    .examples =
        {{"coreplay query web.db --group policy,cores --show 'mean(makespan) "
          "ci95(makespan)'",
          "means with their intervals"},
         {"coreplay query web.db --compare policy=rr,fcfs --metric latency.p99",
          "which one is better, and by how much"},
         {"coreplay query nightly.jsonl --columns workload,makespan --sort -makespan",
          "lines of coreplay run --json, longest first"}},
    .options = options,
    .see_also = "coreplay-sweep(1), coreplay-merge(1), coreplay-plot(1)",
    .run = run,
};
