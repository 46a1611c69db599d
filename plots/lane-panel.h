/* Panels of one lane each, with a row of marks above it and an amount over time below; for
 * charts of runtimes, where a panel is an interpreter's lock or an event loop.
 *
 * Panels share the time axis.  Those that find no room are left to the caller to name. */
#ifndef CP_PLOTS_LANE_PANEL_H
#define CP_PLOTS_LANE_PANEL_H

#include "plots/chart-job.h"
#include "plots/lane-boxes.h"

enum {
    CP_LANE_PANELS_MAX = 8,
    CP_LANE_BOXES_MAX = 18000, /* leaves room for text below CP_CANVAS_MAX */
};

/* Where the parts of a panel lie. */
typedef struct {
    double heading_y; /* top of the heading */
    CpArea marks, lane, amount;
} CpLanePanel;

/* Height that n panels look best in, and with what surrounds them on a page. */
double cp_lane_panels_page(const CpChartJob *job, unsigned n);
/* How many fit into a height, at least one. */
unsigned cp_lane_panels_room(double height);
/* Panel i of n within `area`. */
CpLanePanel cp_lane_panel_at(const CpArea *area, unsigned i, unsigned n);
/* The area of all panels between heading and time axis; draws the legend.  `left` is the
 * room for labels left of the area. */
CpArea cp_lane_panels_place(CpChartJob *job, const CpLegend *legend, double left,
                            double top, double height);
/* A mark of a row of marks, unless it would touch the one before it: the next may begin at
 * *end.  Many marks become a comb, never a bar. */
void cp_lane_panel_mark(CpLaneBoxes *boxes, const CpArea *row, double x, CpColour colour,
                        double *end);
/* Bins of one lane as columns stacked on the bottom of `area`, the slots' time as a number
 * of threads on average; `top` of them fill it. */
void cp_lane_panel_columns(CpLaneBoxes *boxes, const CpArea *area, const CpBins *bins,
                           int64_t top, const CpScale *x, const CpColour *colours);
/* Says in the middle of the page why there is nothing to draw, and below what to do. */
void cp_lane_panels_message(CpChartJob *job, double top, double height, const char *why,
                            const char *remedy);

#endif
