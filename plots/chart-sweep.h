/* The chart of a sweep: a metric over an axis, one line for each value of another with its
 * 95 % interval over the repeats, or a heat map over two axes. */
#ifndef CP_PLOTS_CHART_SWEEP_H
#define CP_PLOTS_CHART_SWEEP_H

#include "plots/chart.h"

extern const CpChartInfo cp_chart_sweep_info;

typedef struct {
    const char *file; /* result file, or lines of JSON */
    const char *x;    /* axis; NULL: the first one */
    const char *y;    /* metric; NULL: makespan */
    const char *by;   /* axes of the lines, "a,b"; NULL: the second one, if there is one */
    const char *heat; /* axis upwards of a heat map, or NULL: lines */
    const char *filter; /* as for query, or NULL */
    bool log;           /* equal factors are equally far upwards, or in colour */
} CpSweepChart;

/* `options`: title, theme, size, data_csv. */
gboolean cp_chart_sweep_draw(const CpSweepChart *chart, const char *path,
                             const CpChartOptions *options, GError **error);

#endif
