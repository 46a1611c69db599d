/* What every chart gets, and what a chart is: one file, one CpChartClass, one line in
 * charts.def.  A chart draws one page with the helpers of axes, legend, scale and lanes. */
#ifndef CP_PLOTS_CHART_JOB_H
#define CP_PLOTS_CHART_JOB_H

#include "plots/axes.h"
#include "plots/cast.h"
#include "plots/chart.h"
#include "plots/legend.h"

typedef struct {
    CpCanvas *canvas;
    const CpTheme *theme;
    CpCpr *const *recordings; /* borrowed */
    size_t n;
    CpTime from, to;            /* window on the common time axis; to >= from */
    char **labels;              /* cleaned, one a recording */
    char **details;             /* machine, policy, seed, workload; one a recording */
    const char *title;          /* cleaned; NULL: the chart's own */
    CpCast *cast;               /* of all recordings and this window */
    double width;               /* of the page, points */
    double height;              /* of the page; 0: the chart's choice */
    GString *csv;               /* rows for --data, or NULL; see cp_chart_row */
    const CpChartValue *values; /* borrowed; see cp_chart_text */
} CpChartJob;

typedef struct {
    CpChartInfo info;
    const char *title; /* default */
    /* Height the page should have when the user named none. */
    double (*height)(const CpChartJob *job);
    /* Draws onto the page begun, job->width by `height`.  Only reading can fail. */
    gboolean (*draw)(CpChartJob *job, double height, GError **error);
    /* Instead of all these, for charts of results: draws the whole file. */
    gboolean (*draw_results)(const char *file, const char *path,
                             const CpChartOptions *options, GError **error);
} CpChartClass;

#define CP_CHART(name) extern const CpChartClass cp_chart_##name;
#include "plots/charts.def"
#undef CP_CHART

/* Values of the chart's own options: NULL or `otherwise` if not given. */
const char *cp_chart_text(const CpChartValue *values, const char *name);
CpTime cp_chart_time(const CpChartValue *values, const char *name, CpTime otherwise);

/* One number behind a chart: what was drawn of a recording on some CPUs ("" for all)
 * between two times.  Does nothing without --data. */
typedef struct {
    const char *chart;
    size_t recording;
    const char *cpus;
    CpTime from, to;
    const char *series; /* thread or quantity */
    int64_t value;
    const char *unit;
} CpChartRow;
void cp_chart_row(CpChartJob *job, const CpChartRow *row);

/* The recording's part of the window; false: none of it. */
bool cp_chart_extent(const CpChartJob *job, size_t recording, CpTime *from, CpTime *to);

/* Title and, for a single recording, its details; y of the data below. */
double cp_chart_heading(CpChartJob *job, const CpChartClass *chart);

#endif
