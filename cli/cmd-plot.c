#include "cli/commands.h"

#include "cli/report.h"
#include "cli/size.h"
#include "traces/facts.h"
#include "plots/chart.h"
#include "sim/assert.h"
#include "sim/params.h"

#include <stdio.h>
#include <string.h>

/* Which charts are drawn of which files, and how they look. */

static const CpOption options[] = {
    {"output", 'o', CP_OPT_FILE, "FILE", NULL, NULL, "Output",
     "write to this file; its ending says the format: svg, pdf, png or txt; - is "
     "standard output, as svg"},
    {"data", 0, CP_OPT_FILE, "FILE.csv", NULL, NULL, "Output",
     "write the numbers behind the chart to this file as well"},
    CP_OPTION_FORCE,
    {"title", 0, CP_OPT_TEXT, "TEXT", NULL, NULL, "Looks", "title above the chart"},
    {"label", 0, CP_OPT_TEXT, "A,B", NULL, NULL, "Looks",
     "names of the recordings, one each, separated by commas"},
    {"size", 0, CP_OPT_TEXT, "SIZE", NULL, NULL, "Looks",
     "width, or width and height: 180mm, 7in, 500pt, 180mmx90mm"},
    {"theme", 0, CP_OPT_WORD, "NAME", "light|dark", NULL, "Looks",
     "colours: light or dark"},
    {"from", 0, CP_OPT_TIME, "TIME", NULL, NULL, "Part",
     "begin at this time, for example 4.9s"},
    {"to", 0, CP_OPT_TIME, "TIME", NULL, NULL, "Part", "end at this time"},
    {NULL, 0, CP_OPT_FLAG, NULL, NULL, NULL, NULL, NULL},
};

enum { CHART_OPTIONS_MAX = 64 };

/* The options that single charts have, as options of the command. */
static const CpOption *chart_options(void)
{
    static const CpOptKind kinds[] = {[CP_CHART_FLAG] = CP_OPT_FLAG,
                                      [CP_CHART_TEXT] = CP_OPT_TEXT,
                                      [CP_CHART_TIME] = CP_OPT_TIME};
    static gsize once;
    static CpOption rows[CHART_OPTIONS_MAX + 1];
    if (!g_once_init_enter(&once)) {
        return rows;
    }
    size_t n = 0;
    for (const CpChartInfo *const *chart = cp_charts; *chart != NULL; chart++) {
        g_autofree char *group = g_strconcat("Chart ", (*chart)->name, NULL);
        const CpChartOption *o = (*chart)->options;
        for (; o != NULL && o->name != NULL; o++) {
            cp_require(n < CHART_OPTIONS_MAX);
            rows[n++] = (CpOption){.name = o->name,
                                   .letter = o->name[1] == '\0' ? o->name[0] : '\0',
                                   .kind = kinds[o->kind],
                                   .arg = o->arg,
                                   .group = g_intern_string(group),
                                   .help = o->help};
        }
    }
    g_once_init_leave(&once, 1);
    return rows;
}

typedef struct {
    CpChartOptions options;
    CpChartValue values[CHART_OPTIONS_MAX + 1];
    char **charts;
    char **labels; /* NULL: none given */
    GPtrArray *recordings;
} Plot;

static void read_values(const CpCli *cli, Plot *plot)
{
    size_t n = 0;
    for (const CpOption *o = chart_options(); o->name != NULL; o++) {
        const char *text = cp_opt_text(cli, o->name);
        if (text != NULL) {
            plot->values[n++] = (CpChartValue){o->name, text};
        }
    }
    plot->options.values = plot->values;
}

static int read_looks(const CpCli *cli, Plot *plot)
{
    CpChartOptions *o = &plot->options;
    read_values(cli, plot);
    o->title = cp_opt_text(cli, "title");
    o->theme = cp_opt_text(cli, "theme");
    o->data_csv = cp_opt_text(cli, "data");
    o->from = cp_opt_time(cli, "from", 0);
    o->to = cp_opt_time(cli, "to", 0);
    if (cp_opt_text(cli, "to") != NULL && o->to <= o->from) {
        cp_error(cli, "--to must be later than --from");
        return CP_EXIT_USAGE;
    }
    const char *size = cp_opt_text(cli, "size");
    g_autoptr(GError) error = NULL;
    if (size != NULL && !cp_parse_paper(size, &o->width_pt, &o->height_pt, &error)) {
        cp_error(cli, "--size: %s", error->message);
        return CP_EXIT_USAGE;
    }
    return CP_EXIT_OK;
}

static int read_labels(const CpCli *cli, Plot *plot)
{
    const char *labels = cp_opt_text(cli, "label");
    int n_recordings = cli->n_operands - 1;
    if (labels == NULL) {
        return CP_EXIT_OK;
    }
    plot->labels = g_strsplit(labels, ",", -1);
    if ((int)g_strv_length(plot->labels) != n_recordings) {
        cp_error(cli, "--label has %u names for %d recording%s",
                 g_strv_length(plot->labels), n_recordings, n_recordings == 1 ? "" : "s");
        cp_help(cli, "for example: --label before,after");
        return CP_EXIT_USAGE;
    }
    plot->options.labels = (const char *const *)plot->labels;
    return CP_EXIT_OK;
}

static int unknown_chart(const CpCli *cli, const char *name)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (const CpChartInfo *const *chart = cp_charts; *chart != NULL; chart++) {
        g_ptr_array_add(names, (void *)(*chart)->name);
    }
    g_ptr_array_add(names, NULL);
    if (g_file_test(name, G_FILE_TEST_EXISTS)) {
        cp_error(cli, "the first operand is the chart, found the file '%s'", name);
        cp_help(cli, "for example: coreplay plot occupancy %s -o fig.svg", name);
        return CP_EXIT_USAGE;
    }
    return cp_unknown(cli, "chart", name, (const char *const *)names->pdata,
                      "coreplay list charts");
}

static int read_charts(const CpCli *cli, Plot *plot)
{
    unsigned n_recordings = (unsigned)cli->n_operands - 1;
    plot->charts = g_strsplit(cli->operands[0], ",", -1);
    for (char **name = plot->charts; *name != NULL; name++) {
        const CpChartInfo *chart = cp_chart_find(g_strstrip(*name));
        if (chart == NULL) {
            return unknown_chart(cli, *name);
        }
        if (n_recordings > chart->inputs_max) {
            cp_error(cli, "chart '%s' shows at most %u recordings, %u are given", *name,
                     chart->inputs_max, n_recordings);
            return CP_EXIT_USAGE;
        }
    }
    return CP_EXIT_OK;
}

static int open_recordings(const CpCli *cli, Plot *plot)
{
    for (char **path = cli->operands + 1; *path != NULL; path++) {
        g_autoptr(GError) error = NULL;
        CpCpr *recording = cp_cpr_open(*path, &error);
        if (recording == NULL) {
            int code = cp_fail(cli, error);
            g_autofree char *help = cp_report_missing(*path);
            fputs(help, stderr);
            if (*help == '\0' && g_str_has_suffix(*path, ".cpw")) {
                cp_help(cli, "record it first: coreplay run %s -o run.cpr", *path);
            }
            return code;
        }
        g_auto(GStrv) warnings = cp_facts_warnings(recording);
        for (char **text = warnings; *text != NULL; text++) {
            cp_note(cli, "%s: %s", *path, *text);
        }
        g_ptr_array_add(plot->recordings, recording);
    }
    return CP_EXIT_OK;
}

static int draw(CpCli *cli, Plot *plot, const char *output)
{
    g_autoptr(GError) error = NULL;
    if (!cp_chart_draw((const char *const *)plot->charts,
                       (CpCpr *const *)plot->recordings->pdata, plot->recordings->len,
                       output, &plot->options, &error)) {
        return cp_fail(cli, error);
    }
    if (cli->verbose) {
        cp_note(cli, "wrote %s", output);
    }
    return CP_EXIT_OK;
}

static void free_recording(void *recording)
{
    cp_cpr_free(recording);
}

/* The chart, whose ending the canvas knows, and the numbers behind it. */
static int check_outputs(const CpCli *cli, const char *output)
{
    const char *data = cp_opt_text(cli, "data");
    int code = cp_output_check(cli, output, NULL, cli->operands + 1);
    return code == CP_EXIT_OK && data != NULL
               ? cp_output_check(cli, data, ".csv .txt", cli->operands + 1)
               : code;
}

/* A chart of a result file, which is no recording. */
static int plot_results(CpCli *cli, const CpChartInfo *chart, const char *output)
{
    Plot plot = {0};
    g_autoptr(GError) error = NULL;
    if (cli->n_operands != 2) {
        cp_error(cli, "chart '%s' shows one result file, %d are given", chart->name,
                 cli->n_operands - 1);
        return CP_EXIT_USAGE;
    }
    int code = read_looks(cli, &plot);
    if (code == CP_EXIT_OK) {
        code = check_outputs(cli, output);
    }
    if (code == CP_EXIT_OK && !cp_chart_draw_results(chart->name, cli->operands[1], output,
                                                     &plot.options, &error)) {
        code = cp_fail(cli, error);
    }
    return code;
}

static int run(CpCli *cli)
{
    const char *output = cp_opt_text(cli, "output");
    if (output == NULL) {
        cp_error(cli, "where to? --output is missing");
        cp_help(cli, "for example: -o fig.svg   the ending says the format");
        return CP_EXIT_USAGE;
    }
    const CpChartInfo *chart = cp_chart_find(cli->operands[0]);
    if (chart != NULL && chart->needs == CP_CHART_RESULTS) {
        return plot_results(cli, chart, output);
    }
    Plot plot = {.recordings = g_ptr_array_new_with_free_func(free_recording)};
    int code = read_looks(cli, &plot);
    int (*const steps[])(const CpCli *, Plot *) = {read_charts, read_labels,
                                                   open_recordings};
    for (size_t i = 0; code == CP_EXIT_OK && i < G_N_ELEMENTS(steps); i++) {
        code = steps[i](cli, &plot);
    }
    if (code == CP_EXIT_OK) {
        code = check_outputs(cli, output);
    }
    if (code == CP_EXIT_OK) {
        code = draw(cli, &plot, output);
    }
    g_strfreev(plot.charts);
    g_strfreev(plot.labels);
    g_ptr_array_unref(plot.recordings);
    return code;
}

const CpCmd cp_cmd_plot = {
    .name = "plot",
    .summary = "draw charts of recordings, simulated or real",
    .operands = "CHART[,CHART...] FILE.cpr...",
    .operand_list = "charts",
    .operands_min = 2,
    .operands_max = -1,
    .kinds_are = CP_KINDS_OF_CHARTS,
    .also = "draw chart graph figure show",
    .examples =
        {{"coreplay plot occupancy first.cpr -o fig.svg", "who ran where and when"},
         {"coreplay plot occupancy,switches first.cpr -o fig.pdf --from 10ms --to 50ms",
          "two pages, a part of the time"},
         {"coreplay plot occupancy real.cpr sim.cpr --label real,simulated -o fig.png",
          "two recordings in aligned panels"}},
    .options = options,
    .more_options = chart_options,
    .see_also = "coreplay-run(1), coreplay-import(1), coreplay-list(1)",
    .run = run,
};
