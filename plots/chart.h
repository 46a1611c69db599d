/* Charts: from recordings, or the results of a sweep, to a page.  A chart reads records and
 * metrics only, so it draws a simulated run and an imported recording alike.
 *
 * charts.def lists the charts; each says of itself what it is called, what it needs and
 * which options are its own, and the command line, its help and its completion ask here. */
#ifndef CP_PLOTS_CHART_H
#define CP_PLOTS_CHART_H

#include "traces/cpr.h"

/* An option that one chart has and the others do not. */
typedef enum { CP_CHART_FLAG, CP_CHART_TEXT, CP_CHART_TIME } CpChartOptionKind;

typedef struct {
    const char *name; /* "blocking"; NULL ends a list; a single letter is its short form */
    CpChartOptionKind kind;
    const char *arg;  /* name of the value in help; NULL for flags */
    const char *help; /* what it does; a sentence part, lower case, no full stop */
} CpChartOption;

/* The value given for one; flags have any text. */
typedef struct {
    const char *name, *text;
} CpChartValue;

typedef struct {
    const char *title;          /* NULL: the chart's own */
    const char *theme;          /* "light", "dark" */
    double width_pt, height_pt; /* 0: 760 wide, as high as the data need */
    double scale;               /* PNG pixels a point, 0: 2 */
    CpTime from, to;            /* to = 0: the end */
    const char *const *labels;  /* one a recording, NULL-ended; NULL: from the recordings */
    const char *data_csv;       /* path for the numbers behind the chart, NULL: none */
    const CpChartValue *values; /* of the charts' own options, ended by a NULL name; NULL:
                                   none */
} CpChartOptions;

typedef enum {
    CP_CHART_RECORDINGS, /* .cpr files, for cp_chart_draw */
    CP_CHART_RESULTS,    /* a result file or lines of JSON, for cp_chart_draw_results */
} CpChartNeeds;

typedef struct {
    const char *name, *summary;
    CpChartNeeds needs;
    unsigned inputs_max;          /* files one chart can show side by side (aligned) */
    const CpChartOption *options; /* its own; NULL: none */
} CpChartInfo;

extern const CpChartInfo *const cp_charts[];        /* NULL-ended */
const CpChartInfo *cp_chart_find(const char *name); /* NULL: there is none */

/* Whether an option of the command line does something for a chart: its own ones, and those
 * of its kind. */
bool cp_chart_takes(const CpChartInfo *chart, const char *option);

/* Draws one or more charts (pages) of the recordings to `path`; format by ending: svg, pdf,
 * png, txt (the text back end).  PDF takes several pages; for the others charts are put
 * below each other.  Written under a temporary name, then renamed.  CP_ERROR_USAGE: unknown
 * chart or ending (nearest named); CP_ERROR_OUTPUT: cannot write, driver missing (says what
 * to install). */
gboolean cp_chart_draw(const char *const *charts, CpCpr *const *recordings,
                       size_t n_recordings, const char *path, const CpChartOptions *options,
                       GError **error);

/* The same for a chart of results, which stands alone. */
gboolean cp_chart_draw_results(const char *chart, const char *file, const char *path,
                               const CpChartOptions *options, GError **error);

#endif
