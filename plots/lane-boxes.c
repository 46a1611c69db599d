#include "plots/lane-boxes.h"

#include <math.h>

/* Which boxes stand for slices and shares of time, and which are too small to be drawn. */

/* Heights below this cannot be told from nothing. */
#define SEEN_PT 0.5

/* Boxes searched for a left neighbour: more than a column ever has. */
enum { NEIGHBOURS = 40 };

void cp_lane_boxes_init(CpLaneBoxes *boxes)
{
    boxes->boxes = g_array_new(FALSE, FALSE, sizeof(CpBox));
    boxes->marks = g_array_new(FALSE, FALSE, sizeof(CpBox));
    boxes->n_slices = boxes->n_dropped = 0;
}

void cp_lane_boxes_clear(CpLaneBoxes *boxes)
{
    g_clear_pointer(&boxes->boxes, g_array_unref);
    g_clear_pointer(&boxes->marks, g_array_unref);
}

void cp_lane_boxes_reset(CpLaneBoxes *boxes)
{
    g_array_set_size(boxes->boxes, 0);
    g_array_set_size(boxes->marks, 0);
    boxes->n_slices = boxes->n_dropped = 0;
}

void cp_lane_boxes_draw(const CpLaneBoxes *boxes, CpCanvas *canvas)
{
    cp_canvas_boxes(canvas, (const CpBox *)(void *)boxes->boxes->data, boxes->boxes->len);
    cp_canvas_boxes(canvas, (const CpBox *)(void *)boxes->marks->data, boxes->marks->len);
}

double cp_lane_pitch(const CpLaneLook *look)
{
    return look->area.h / look->n_lanes;
}

CpArea cp_lane_area(const CpLaneLook *look, uint32_t lane)
{
    double pitch = cp_lane_pitch(look);
    double gap = CLAMP(floor(pitch * 0.16 * 2) / 2, 0.5, 3);
    const CpArea *all = &look->area;
    return (CpArea){all->x, all->y + lane * pitch + gap / 2, all->w, pitch - gap};
}

static double pixel(double at)
{
    return round(at * 2) / 2;
}

void cp_lane_backgrounds(CpLaneBoxes *boxes, const CpLaneLook *look, CpTime from, CpTime to,
                         CpColour colour)
{
    double x0 = pixel(cp_scale_at(look->x, from)), x1 = pixel(cp_scale_at(look->x, to));
    for (uint32_t lane = 0; from < to && lane < look->n_lanes; lane++) {
        CpArea a = cp_lane_area(look, lane);
        CpBox box = {x0, a.y, MAX(x1 - x0, SEEN_PT), a.h, colour};
        g_array_append_val(boxes->boxes, box);
    }
}

/* A slice too short to see becomes a mark, unless it would hide another mark. */
static void add_mark(CpLaneBoxes *boxes, const CpArea *a, double at, CpColour colour,
                     double *last_end)
{
    double x = CLAMP(pixel(at), a->x, a->x + a->w - CP_LANE_MARK_PT);
    if (x < *last_end) {
        boxes->n_dropped++;
        return;
    }
    CpBox box = {x, a->y, CP_LANE_MARK_PT, a->h, colour};
    g_array_append_val(boxes->marks, box);
    *last_end = x + CP_LANE_MARK_PT;
}

/* Wide slices get a hairline of space behind them, so that equal colours stay apart. */
void cp_lane_pieces(CpLaneBoxes *boxes, const CpLaneLook *look, const CpBins *bins)
{
    g_autofree double *mark_end = g_new0(double, look->n_lanes);
    for (guint i = 0; i < bins->pieces->len; i++) {
        const CpPiece *piece = &g_array_index(bins->pieces, CpPiece, i);
        CpArea a = cp_lane_area(look, piece->lane);
        CpColour colour = look->colours[piece->slot];
        double x0 = cp_scale_at(look->x, piece->from);
        double x1 = cp_scale_at(look->x, piece->to);
        boxes->n_slices++;
        if (x1 - x0 < CP_LANE_MARK_PT) {
            add_mark(boxes, &a, x0, colour, &mark_end[piece->lane]);
            continue;
        }
        double width = pixel(x1) - pixel(x0);
        CpBox box = {pixel(x0), a.y, width > 4 ? width - 0.5 : width, a.h, colour};
        g_array_append_val(boxes->boxes, box);
    }
}

/* Joins a box to the one left of it in the same lane, whose boxes begin at `first`, when
 * both have one height and colour. */
static void add_joined(GArray *boxes, guint first, const CpBox *box)
{
    for (guint i = boxes->len; i-- > first && boxes->len - i < NEIGHBOURS;) {
        CpBox *old = &g_array_index(boxes, CpBox, i);
        if (old->colour == box->colour && old->y == box->y && old->h == box->h &&
            fabs(old->x + old->w - box->x) < 0.01) {
            old->w += box->w;
            return;
        }
    }
    g_array_append_val(boxes, *box);
}

static CpTime sum_slots(const CpTime *ns, uint32_t n_slots, uint32_t *largest)
{
    CpTime sum = 0;
    for (uint32_t slot = 0; slot < n_slots; slot++) {
        sum += ns[slot];
        *largest = ns[slot] > ns[*largest] ? slot : *largest;
    }
    return sum;
}

/* One column, `place` its extent along the time axis and the full height of the lane. */
static void add_column(GArray *boxes, guint first, const CpArea *place,
                       const CpColour *colours, const CpTime *ns, uint32_t n_slots,
                       CpTime whole)
{
    uint32_t largest = 0;
    CpTime busy = sum_slots(ns, n_slots, &largest), sum = 0;
    double bottom = place->y + place->h;
    if (busy > 0 && place->h * (double)busy < SEEN_PT * (double)whole) {
        /* Too little to see still shows that the CPU was not idle. */
        CpBox box = {place->x, bottom - SEEN_PT, place->w, SEEN_PT, colours[largest]};
        add_joined(boxes, first, &box);
        return;
    }
    for (uint32_t slot = 0; slot < n_slots; slot++) {
        sum += ns[slot];
        double top = place->y + place->h * (1 - (double)sum / (double)whole);
        CpBox box = {place->x, top, place->w, bottom - top, colours[slot]};
        if (ns[slot] > 0 && bottom - top >= 0.1) {
            add_joined(boxes, first, &box);
            bottom = top;
        }
    }
}

void cp_lane_columns(CpLaneBoxes *boxes, const CpLaneLook *look, const CpBins *bins)
{
    for (uint32_t lane = 0; lane < bins->n_lanes; lane++) {
        CpArea place = cp_lane_area(look, lane);
        guint first = boxes->boxes->len;
        for (uint32_t bin = 0; bin < bins->shape.n_bins; bin++) {
            size_t cell = (size_t)lane * bins->shape.n_bins + bin;
            CpTime open = bins->open[cell], close = bins->close[cell];
            place.x = cp_scale_at(look->x, open);
            place.w = cp_scale_at(look->x, close) - place.x;
            if (open < close) {
                add_column(boxes->boxes, first, &place, look->colours,
                           cp_bins_at(bins, lane, bin), bins->shape.n_slots,
                           (close - open) * cp_bins_lane_cpus(bins, lane));
            }
        }
    }
}
