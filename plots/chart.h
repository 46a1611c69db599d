/* Charts: from recordings to a page.  A chart reads records and metrics only, so it draws a
 * simulated run and an imported recording alike. */
#ifndef CP_PLOTS_CHART_H
#define CP_PLOTS_CHART_H

#include "traces/cpr.h"

typedef struct {
    const char *title;          /* NULL: the chart's own */
    const char *theme;          /* "light", "dark" */
    double width_pt, height_pt; /* 0: 760 wide, as high as the data need */
    double scale;               /* PNG pixels a point, 0: 2 */
    CpTime from, to;            /* to = 0: the end */
    CpTime blocking;            /* steps of loops as long as this are blocking calls; 0: as
                                   the recording says */
    const char *const *labels;  /* one a recording, NULL-ended; NULL: from the recordings */
    const char *data_csv;       /* path for the numbers behind the chart, NULL: none */
} CpChartOptions;

typedef struct {
    const char *name, *summary;
    unsigned inputs_max; /* recordings one chart can show side by side (aligned) */
} CpChartInfo;

const CpChartInfo *cp_charts(void); /* ended by a NULL name */

/* Draws one or more charts (pages) of the recordings to `path`; format by ending: svg, pdf,
 * png, txt (the text back end).  PDF takes several pages; for the others charts are put
 * below each other.  Written under a temporary name, then renamed.  CP_ERROR_USAGE: unknown
 * chart or ending (nearest named); CP_ERROR_OUTPUT: cannot write, driver missing (says what
 * to install). */
gboolean cp_chart_draw(const char *const *charts, CpCpr *const *recordings,
                       size_t n_recordings, const char *path, const CpChartOptions *options,
                       GError **error);

#endif
