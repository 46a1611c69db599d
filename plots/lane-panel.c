#include "plots/lane-panel.h"

#include <math.h>

/* How many panels fit, how high they are, and what stands in each. */

enum {
    HEADING = 17,
    MARKS = 6,       /* height of the row of marks */
    TITLE_ROOM = 19, /* above an amount, for the title of its axis */
    PANEL_GAP = 14,
    PANEL_PITCH = 146, /* of a panel with the gap below it */
    PITCH_MIN = 84,
    LANE_MAX = 26,
};

#define LANE_SHARE 0.34 /* part that the lane takes of what it shares with the amount */

double cp_lane_panels_page(const CpChartJob *job, unsigned n)
{
    double narrow = job->width < CP_LEGEND_PAGE_MIN ? 65 : 0;
    return 58 + narrow + MAX(n, 1) * (double)PANEL_PITCH + CP_TIME_AXIS_HEIGHT +
           cp_axes_caption_height(job->width);
}

unsigned cp_lane_panels_room(double height)
{
    return CLAMP((unsigned)(MAX(height, 0) + PANEL_GAP) / PITCH_MIN, 1, CP_LANE_PANELS_MAX);
}

CpLanePanel cp_lane_panel_at(const CpArea *area, unsigned i, unsigned n)
{
    double pitch = floor((area->h + PANEL_GAP) / n);
    double y = ceil(area->y) + i * pitch;
    double room = MAX(pitch - PANEL_GAP - HEADING - MARKS - TITLE_ROOM, 12);
    double lane = MIN(floor(room * LANE_SHARE), LANE_MAX);
    CpLanePanel panel = {.heading_y = y};
    panel.marks = (CpArea){area->x, y + HEADING, area->w, MARKS};
    panel.lane = (CpArea){area->x, panel.marks.y + MARKS, area->w, lane};
    panel.amount =
        (CpArea){area->x, panel.lane.y + lane + TITLE_ROOM, area->w, room - lane};
    return panel;
}

CpArea cp_lane_panels_place(CpChartJob *job, const CpLegend *legend, double left,
                            double top, double height)
{
    double caption = cp_axes_caption_height(job->width);
    double bottom = height - caption - CP_TIME_AXIS_HEIGHT;
    left = ceil(left);
    CpArea area = {left, top, job->width - left - CP_PAGE_MARGIN - 6, bottom - top};
    if (job->width < CP_LEGEND_PAGE_MIN) {
        double width = job->width - 2 * CP_PAGE_MARGIN;
        double rows =
            cp_legend_rows(legend, job->canvas, job->theme, CP_PAGE_MARGIN, 0, width, true);
        /* The data go before the key. */
        if (rows < area.h / 2) {
            cp_legend_rows(legend, job->canvas, job->theme, CP_PAGE_MARGIN,
                           height - caption - rows, width, false);
            area.h -= rows;
        }
    } else {
        double width = cp_legend_width(legend, job->canvas, job->theme, job->width * 0.18);
        CpArea column = {job->width - CP_PAGE_MARGIN - width, top, width, height - top};
        cp_legend_column(legend, job->canvas, job->theme, &column);
        area.w -= width;
    }
    area.w = MAX(floor(area.w / CP_LANE_COLUMN_PT), 12) * CP_LANE_COLUMN_PT;
    area.h = MAX(area.h, 40);
    return area;
}

void cp_lane_panel_mark(CpLaneBoxes *boxes, const CpArea *row, double x, CpColour colour,
                        double *end)
{
    x = CLAMP(round(x * 2) / 2, row->x, row->x + row->w - CP_LANE_MARK_PT);
    if (x < *end) {
        return;
    }
    CpBox box = {x, row->y, CP_LANE_MARK_PT, row->h - 1, colour};
    g_array_append_val(boxes->marks, box);
    *end = x + 2 * CP_LANE_MARK_PT;
}

/* Adds a box, or makes the one left of it wider. */
static void add_column_box(GArray *boxes, guint *last, const CpBox *box)
{
    if (*last > 0) {
        CpBox *old = &g_array_index(boxes, CpBox, *last - 1);
        if (fabs(old->y - box->y) < 0.01 && fabs(old->h - box->h) < 0.01 &&
            fabs(old->x + old->w - box->x) < 0.01) {
            old->w += box->w;
            return;
        }
    }
    g_array_append_val(boxes, *box);
    *last = boxes->len;
}

void cp_lane_panel_columns(CpLaneBoxes *boxes, const CpArea *area, const CpBins *bins,
                           int64_t top, const CpScale *x, const CpColour *colours)
{
    const CpBinsShape *shape = &bins->shape;
    g_autofree guint *last = g_new0(guint, shape->n_slots + 1);
    for (uint32_t bin = 0; bin < shape->n_bins; bin++) {
        CpTime from = cp_bins_edge(bins, bin), to = cp_bins_edge(bins, bin + 1);
        const CpTime *ns = cp_bins_at(bins, 0, bin);
        double x0 = cp_scale_at(x, from), x1 = cp_scale_at(x, to);
        double bottom = area->y + area->h;
        for (uint32_t slot = 0; slot < shape->n_slots && from < to; slot++) {
            double share = (double)ns[slot] / ((double)(to - from) * (double)top);
            double height = MIN(area->h * share, bottom - area->y);
            CpBox box = {x0, bottom - height, x1 - x0, height, colours[slot]};
            if (height >= 0.1) {
                add_column_box(boxes->boxes, &last[slot], &box);
                bottom -= height;
            }
        }
    }
}

void cp_lane_panels_message(CpChartJob *job, double top, double height, const char *why,
                            const char *remedy)
{
    double room = cp_axes_caption_height(job->width);
    CpArea area = {CP_PAGE_MARGIN, top, job->width - 2 * CP_PAGE_MARGIN,
                   MAX(height - top - room, 10)};
    cp_axes_message(job->canvas, job->theme, &area, why);
    cp_axes_caption(job->canvas, job->theme, job->width, height - room, remedy);
}
