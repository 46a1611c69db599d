#include "plots/chart-job.h"

#include "plots/lane-boxes.h"

#include <math.h>

/* Who runs on each CPU.  While slices are few they are drawn as they are; once any lane
 * has more than one slice a column, or too many are too short to see, long slices are
 * still drawn exactly but the rest becomes columns in which each thread's height is its
 * exact share of the time, so that what is seen never depends on which slice was last. */

enum {
    LANES_MAX = 64,    /* of a chart; more CPUs share lanes */
    BOXES_MAX = 18500, /* leaves room for text below CP_CANVAS_MAX */
    DROPPED_MAX = 5,   /* slices that may be left out of any picture */
    PANEL_GAP = 10,
    PANEL_HEADING = 17,
};

#define SHARE_PITCH   9.0  /* lanes this high have their busy share beside them */
#define LABEL_PITCH   10.5 /* lanes this high name themselves and their slices */
#define DROPPED_SHARE 0.02 /* part of the slices that may be left out of a picture */

static const double lane_steps[][2] = {{2, 40}, {4, 30}, {8, 24}, {16, 16}, {32, 11}};

/* One recording's lanes. */
typedef struct {
    size_t recording;
    CpArea area;     /* of the lanes */
    CpTime from, to; /* of the recording within the window; from >= to: nothing */
    uint32_t n_cpus;
    CpBins bins;
    bool has_bins;
} Panel;

typedef struct {
    CpChartJob *job;
    CpLegend legend;
    Panel *panels;
    uint32_t cpus_per_lane;
    CpScale x;
    CpLaneBoxes boxes;
    CpColour colours[CP_LISTED_MAX + 1]; /* [slot] */
    double column_pt;                    /* 0: every slice is drawn */
    CpTime mark_ns;                      /* what a mark's width is worth */
} Occupancy;

/* --- layout --- */

static uint32_t lanes_of(uint32_t n_cpus, uint32_t cpus_per_lane)
{
    return (n_cpus + cpus_per_lane - 1) / cpus_per_lane;
}

static uint32_t count_lanes(const CpChartJob *job, uint32_t cpus_per_lane)
{
    uint32_t n = 0;
    for (size_t i = 0; i < job->n; i++) {
        n += lanes_of(cp_cpr_info(job->recordings[i])->n_cpus, cpus_per_lane);
    }
    return n;
}

/* CPUs a lane, so that lanes are at least four points high. */
static uint32_t choose_grouping(const CpChartJob *job, double room)
{
    uint32_t group = 1;
    while (group < CP_CPUS_MAX && (count_lanes(job, group) > LANES_MAX * job->n ||
                                   count_lanes(job, group) * 4.0 > room)) {
        group *= 2;
    }
    return group;
}

static double lane_pitch(uint32_t n_lanes)
{
    for (size_t i = 0; i < G_N_ELEMENTS(lane_steps); i++) {
        if (n_lanes <= lane_steps[i][0]) {
            return lane_steps[i][1];
        }
    }
    return 7;
}

/* What lies above the lanes: for one recording the head of the busy column, for several
 * their headings and the gaps between them. */
static double panels_height(const CpChartJob *job)
{
    return job->n == 1 ? 14
                       : (double)job->n * (PANEL_HEADING + PANEL_GAP) - (double)PANEL_GAP;
}

/* Height that is not lanes: headings, gaps, axis, caption. */
static double fixed_height(const CpChartJob *job)
{
    double heading = job->n == 1 ? 54 : 39;
    double second_line = job->n == 1 && job->width < CP_LEGEND_PAGE_MIN ? 13 : 0;
    return heading + second_line + panels_height(job) + CP_TIME_AXIS_HEIGHT + 4 +
           cp_axes_caption_height(job->width);
}

static double natural_height(const CpChartJob *job)
{
    uint32_t n_lanes = count_lanes(job, choose_grouping(job, 1e9));
    double lanes = n_lanes * lane_pitch(n_lanes);
    double legend = 13.0 * (job->cast->n_listed + 3);
    if (job->width < CP_LEGEND_PAGE_MIN) {
        return fixed_height(job) + lanes + legend / 2;
    }
    double lowest = legend - CP_TIME_AXIS_HEIGHT - panels_height(job);
    return fixed_height(job) + MAX(lanes, lowest);
}

static void fill_legend(Occupancy *o)
{
    CpChartJob *job = o->job;
    const CpCast *cast = job->cast;
    bool has_values = job->n == 1 && job->width >= CP_LEGEND_PAGE_MIN;
    cp_legend_init(&o->legend, "thread", has_values ? "CPU time" : NULL);
    for (uint32_t i = 0; i < cast->n_listed; i++) {
        const CpActor *actor = cast->listed[i];
        cp_legend_add(&o->legend, g_strdup(actor->name),
                      has_values ? cp_time_text(actor->cpu_ns) : NULL, actor->colour,
                      false);
    }
    if (cast->n_others > 0) {
        cp_legend_add(&o->legend, g_strdup_printf("others (%u)", cast->n_others),
                      has_values ? cp_time_text(cast->others_ns) : NULL, job->theme->others,
                      false);
    }
    cp_legend_add(&o->legend, g_strdup("idle"), NULL, job->theme->lane, false);
}

static void lane_name(const Panel *panel, uint32_t cpus_per_lane, uint32_t lane, char *out,
                      size_t size)
{
    uint32_t first = lane * cpus_per_lane;
    uint32_t last = MIN(first + cpus_per_lane, panel->n_cpus) - 1;
    if (first == last) {
        g_snprintf(out, (gulong)size, "CPU %u", first);
    } else {
        g_snprintf(out, (gulong)size, "CPU %u–%u", first, last);
    }
}

/* Places the panels' lanes below each other within `area`. */
static void place_panels(Occupancy *o, const CpArea *area)
{
    CpChartJob *job = o->job;
    bool is_one = job->n == 1;
    double extra = panels_height(job);
    o->cpus_per_lane = choose_grouping(job, area->h - extra);
    double pitch = (area->h - extra) / count_lanes(job, o->cpus_per_lane);
    pitch = MIN(pitch, lane_steps[0][1] * 1.25);
    pitch = MAX(floor(pitch * 2) / 2, 0.5);
    double y = area->y + (is_one ? 14 : 0);
    for (size_t i = 0; i < job->n; i++) {
        Panel *panel = &o->panels[i];
        panel->recording = i;
        panel->n_cpus = cp_cpr_info(job->recordings[i])->n_cpus;
        cp_chart_extent(job, i, &panel->from, &panel->to);
        y += is_one ? 0 : PANEL_HEADING;
        double height = lanes_of(panel->n_cpus, o->cpus_per_lane) * pitch;
        panel->area = (CpArea){area->x, ceil(y), area->w, MAX(height, 1)};
        y = panel->area.y + panel->area.h + PANEL_GAP;
    }
}

/* --- reading --- */

typedef struct {
    const CpCast *cast;
    CpBins *bins;
    size_t recording;
} Feed;

static void feed_bins(void *data, uint32_t cpu, uint32_t tid, CpTime from, CpTime to)
{
    Feed *feed = data;
    cp_bins_add(feed->bins, cpu, tid, cp_cast_slot(feed->cast, feed->recording, tid), from,
                to);
}

static void clear_bins(Occupancy *o)
{
    for (size_t i = 0; i < o->job->n; i++) {
        if (o->panels[i].has_bins) {
            cp_bins_clear(&o->panels[i].bins);
            o->panels[i].has_bins = false;
        }
    }
    cp_lane_boxes_reset(&o->boxes);
}

static gboolean read_panels(Occupancy *o, GError **error)
{
    CpChartJob *job = o->job;
    double width = o->panels[0].area.w;
    for (size_t i = 0; i < job->n; i++) {
        Panel *panel = &o->panels[i];
        CpBinsShape shape = {
            .from = job->from,
            .to = job->to,
            .n_cpus = panel->n_cpus,
            .cpus_per_lane = o->cpus_per_lane,
            .n_bins = o->column_pt > 0 ? (uint32_t)MAX(width / o->column_pt, 1) : 0,
            .n_slots = job->cast->n_listed + 1,
        };
        cp_bins_init(&panel->bins, &shape);
        panel->has_bins = true;
        Feed feed = {job->cast, &panel->bins, i};
        if (panel->from < panel->to && !cp_slices_walk(job->recordings[i], job->from,
                                                       job->to, feed_bins, &feed, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

/* --- boxes --- */

static CpLaneLook look_of(const Occupancy *o, const Panel *panel)
{
    return (CpLaneLook){panel->area, &o->x, lanes_of(panel->n_cpus, o->cpus_per_lane),
                        o->colours};
}

static void add_boxes(Occupancy *o)
{
    for (size_t i = 0; i < o->job->n; i++) {
        const Panel *panel = &o->panels[i];
        CpLaneLook look = look_of(o, panel);
        cp_lane_backgrounds(&o->boxes, &look, panel->from, panel->to, o->job->theme->lane);
        cp_lane_pieces(&o->boxes, &look, &panel->bins);
        cp_lane_columns(&o->boxes, &look, &panel->bins);
    }
}

/* Whether any lane has more slices than columns of the finest kind. */
static bool is_dense(const Occupancy *o)
{
    double columns = o->panels[0].area.w / CP_LANE_COLUMN_PT;
    uint64_t total = 0;
    for (size_t i = 0; i < o->job->n; i++) {
        for (uint32_t cpu = 0; cpu < o->panels[i].n_cpus; cpu++) {
            uint64_t n = o->job->cast->n_slices[i][cpu];
            total += n;
            if ((double)n > columns || total > BOXES_MAX) {
                return true;
            }
        }
    }
    return o->cpus_per_lane > 1;
}

/* Whether next to no slice was left out. */
static bool is_honest(const Occupancy *o)
{
    double most = (double)o->boxes.n_slices * DROPPED_SHARE;
    return o->column_pt > 0 || (double)o->boxes.n_dropped <= MAX(most, DROPPED_MAX);
}

/* Reads and aggregates, coarser each time, until the picture is honest and small. */
static gboolean build(Occupancy *o, GError **error)
{
    o->column_pt = is_dense(o) ? CP_LANE_COLUMN_PT : 0;
    for (;;) {
        clear_bins(o);
        if (!read_panels(o, error)) {
            return FALSE;
        }
        add_boxes(o);
        if (is_honest(o) && o->boxes.boxes->len + o->boxes.marks->len <= BOXES_MAX) {
            return TRUE;
        }
        o->column_pt = o->column_pt == 0 ? CP_LANE_COLUMN_PT : o->column_pt * 2;
    }
}

/* --- drawing --- */

static void draw_lane_names(Occupancy *o, const Panel *panel)
{
    CpLaneLook look = look_of(o, panel);
    CpTextStyle style = cp_theme_tick(o->job->theme);
    style.align = CP_ALIGN_RIGHT;
    double pitch = cp_lane_pitch(&look);
    uint32_t step = 1;
    while (step * pitch < LABEL_PITCH) {
        step *= 2;
    }
    for (uint32_t lane = 0; lane < panel->bins.n_lanes; lane += step) {
        char name[32];
        CpArea a = cp_lane_area(&look, lane);
        lane_name(panel, o->cpus_per_lane, lane, name, sizeof name);
        cp_canvas_text(o->job->canvas, (CpPoint){a.x - 6, a.y + a.h / 2}, style, name);
    }
}

/* Busy share of each lane, right of it. */
static void draw_shares(Occupancy *o, const Panel *panel)
{
    CpLaneLook look = look_of(o, panel);
    const CpBins *bins = &panel->bins;
    CpTextStyle style = cp_theme_tick(o->job->theme);
    style.align = CP_ALIGN_RIGHT;
    double right = panel->area.x + panel->area.w + 36;
    if (cp_lane_pitch(&look) < SHARE_PITCH || panel->from >= panel->to) {
        return;
    }
    for (uint32_t lane = 0; lane < bins->n_lanes; lane++) {
        CpArea a = cp_lane_area(&look, lane);
        CpTime whole = (panel->to - panel->from) * cp_bins_lane_cpus(bins, lane);
        g_autofree char *share = cp_share_text(cp_bins_busy(bins, lane), whole);
        cp_canvas_text(o->job->canvas, (CpPoint){right, a.y + a.h / 2}, style, share);
    }
    CpTextStyle small = cp_theme_caption(o->job->theme);
    small.align = CP_ALIGN_RIGHT;
    cp_canvas_text(o->job->canvas, (CpPoint){right, panel->area.y - 7}, small, "busy");
}

/* Names inside slices wide enough; not again and again for the same thread. */
static void draw_slice_names(Occupancy *o, const Panel *panel)
{
    CpLaneLook look = look_of(o, panel);
    const CpBins *bins = &panel->bins;
    if (cp_lane_pitch(&look) < LABEL_PITCH + 2) {
        return;
    }
    g_autofree uint32_t *last = g_new(uint32_t, bins->n_lanes);
    g_autofree double *last_x = g_new0(double, bins->n_lanes);
    for (uint32_t lane = 0; lane < bins->n_lanes; lane++) {
        last[lane] = CP_NONE;
    }
    for (guint i = 0; i < bins->pieces->len; i++) {
        const CpPiece *piece = &g_array_index(bins->pieces, CpPiece, i);
        double x0 = cp_scale_at(&o->x, piece->from), x1 = cp_scale_at(&o->x, piece->to);
        const CpActor *actor = cp_cast_actor(o->job->cast, panel->recording, piece->tid);
        bool is_repeat = last[piece->lane] == piece->tid && x0 < last_x[piece->lane] + 150;
        if (actor == NULL || x1 - x0 < 24 || is_repeat) {
            continue;
        }
        CpColour area = cp_cast_colour(o->job->cast, piece->slot, o->job->theme);
        CpTextStyle style = {7.5, cp_theme_ink(area), CP_ALIGN_LEFT, false};
        if (cp_canvas_text_width(o->job->canvas, style, actor->name) <= x1 - x0 - 7) {
            CpArea a = cp_lane_area(&look, piece->lane);
            cp_canvas_text(o->job->canvas, (CpPoint){x0 + 3, a.y + a.h / 2}, style,
                           actor->name);
            last[piece->lane] = piece->tid;
            last_x[piece->lane] = x0;
        }
    }
}

/* Says when a recording ended, in the room right of it. */
static void draw_end(Occupancy *o, const Panel *panel)
{
    CpTextStyle style = cp_theme_caption(o->job->theme);
    double x = cp_scale_at(&o->x, panel->to) + 6;
    g_autofree char *end = cp_time_text(panel->to);
    g_autofree char *text = g_strconcat("ends at ", end, NULL);
    double room = panel->area.x + panel->area.w - x;
    if (panel->from < panel->to && panel->to < o->job->to &&
        cp_canvas_text_width(o->job->canvas, style, text) <= room) {
        cp_canvas_text(o->job->canvas, (CpPoint){x, panel->area.y + panel->area.h - 7},
                       style, text);
    }
}

/* Right below the axis, so that it is not lost under a short chart beside a long legend. */
static void draw_caption(Occupancy *o, double height)
{
    GString *text = g_string_new(NULL);
    double width = o->panels[0].area.w;
    if (o->column_pt > 0) {
        double share = o->column_pt / width;
        g_autofree char *column =
            cp_time_text((CpTime)((double)(o->job->to - o->job->from) * share));
        g_string_append_printf(text,
                               "Short slices are gathered in columns of %s, in which "
                               "heights are shares of the time. ",
                               column);
    }
    if (o->boxes.n_dropped > 0) {
        g_autofree char *mark = cp_time_text(o->mark_ns);
        g_autofree char *n = cp_count_text((int64_t)o->boxes.n_dropped);
        g_string_append_printf(text, "%s slice%s shorter than %s not shown. ", n,
                               o->boxes.n_dropped == 1 ? "" : "s", mark);
    }
    if (o->cpus_per_lane > 1) {
        g_string_append_printf(text, "A lane is %u CPUs.", o->cpus_per_lane);
    }
    const CpArea *last = &o->panels[o->job->n - 1].area;
    double y = o->job->width < CP_LEGEND_PAGE_MIN
                   ? height - cp_axes_caption_height(o->job->width)
                   : last->y + last->h + CP_TIME_AXIS_HEIGHT;
    g_strchomp(text->str);
    cp_axes_caption(o->job->canvas, o->job->theme, o->job->width, y, text->str);
    g_string_free(text, TRUE);
}

static void draw_panel(Occupancy *o, const Panel *panel, const CpTicks *ticks)
{
    CpChartJob *job = o->job;
    if (job->n > 1) {
        cp_axes_panel_heading(
            job->canvas, job->theme, CP_PAGE_MARGIN, panel->area.y - PANEL_HEADING,
            panel->area.x + panel->area.w - CP_PAGE_MARGIN, job->labels[panel->recording],
            job->details[panel->recording]);
    }
    draw_lane_names(o, panel);
    draw_shares(o, panel);
    draw_slice_names(o, panel);
    draw_end(o, panel);
    cp_axes_time(job->canvas, job->theme, &panel->area, &o->x, ticks,
                 panel->recording + 1 == job->n);
    if (panel->from >= panel->to) {
        cp_axes_message(job->canvas, job->theme, &panel->area,
                        "nothing recorded in this window");
    }
}

static void draw_all(Occupancy *o, double height)
{
    CpCanvas *canvas = o->job->canvas;
    CpTicks ticks;
    cp_ticks_time(&ticks, o->job->from, o->job->to, cp_axes_time_room(o->panels[0].area.w));
    cp_lane_boxes_draw(&o->boxes, canvas);
    for (size_t i = 0; i < o->job->n; i++) {
        draw_panel(o, &o->panels[i], &ticks);
    }
    draw_caption(o, height);
}

/* Where lanes and legend go; draws the legend. */
static CpArea place_legend(Occupancy *o, double top, double height)
{
    CpChartJob *job = o->job;
    double bottom = height - cp_axes_caption_height(job->width) - CP_TIME_AXIS_HEIGHT - 4;
    CpTextStyle tick = cp_theme_tick(job->theme);
    char widest[32];
    Panel any = {.n_cpus = 0};
    for (size_t i = 0; i < job->n; i++) {
        any.n_cpus = MAX(any.n_cpus, cp_cpr_info(job->recordings[i])->n_cpus);
    }
    uint32_t group = choose_grouping(job, bottom - top);
    lane_name(&any, group, lanes_of(any.n_cpus, group) - 1, widest, sizeof widest);
    double left =
        CP_PAGE_MARGIN + ceil(cp_canvas_text_width(job->canvas, tick, widest)) + 6;
    CpArea area = {left, top, job->width - left - CP_PAGE_MARGIN - 38, bottom - top};
    if (job->width < CP_LEGEND_PAGE_MIN) {
        double width = job->width - 2 * CP_PAGE_MARGIN;
        double rows = cp_legend_rows(&o->legend, job->canvas, job->theme, CP_PAGE_MARGIN, 0,
                                     width, true);
        cp_legend_rows(&o->legend, job->canvas, job->theme, CP_PAGE_MARGIN,
                       height - cp_axes_caption_height(job->width) - rows, width, false);
        area.h -= rows;
        return area;
    }
    double width = cp_legend_width(&o->legend, job->canvas, job->theme, job->width * 0.16);
    CpArea column = {job->width - CP_PAGE_MARGIN - width, top, width, height - top};
    area.w -= width;
    cp_legend_column(&o->legend, job->canvas, job->theme, &column);
    return area;
}

static const char *slot_name(const CpCast *cast, uint32_t slot)
{
    return slot < cast->n_listed ? cast->listed[slot]->name : "others";
}

static void write_piece(Occupancy *o, const Panel *panel, const CpPiece *piece)
{
    char cpus[16];
    const CpActor *actor = cp_cast_actor(o->job->cast, panel->recording, piece->tid);
    g_snprintf(cpus, sizeof cpus, "%u", piece->lane * o->cpus_per_lane);
    CpChartRow row = {"occupancy",
                      panel->recording,
                      cpus,
                      piece->from,
                      piece->to,
                      actor != NULL ? actor->name : "others",
                      piece->to - piece->from,
                      "ns"};
    cp_chart_row(o->job, &row);
}

static void write_bin(Occupancy *o, const Panel *panel, uint32_t lane, uint32_t bin)
{
    const CpBins *bins = &panel->bins;
    const CpTime *ns = cp_bins_at(bins, lane, bin);
    size_t cell = (size_t)lane * bins->shape.n_bins + bin;
    char cpus[32];
    uint32_t first = lane * o->cpus_per_lane, n = cp_bins_lane_cpus(bins, lane);
    g_snprintf(cpus, sizeof cpus, n > 1 ? "%u-%u" : "%u", first, first + n - 1);
    for (uint32_t slot = 0; slot < bins->shape.n_slots; slot++) {
        CpChartRow row = {"occupancy",
                          panel->recording,
                          cpus,
                          bins->open[cell],
                          bins->close[cell],
                          slot_name(o->job->cast, slot),
                          ns[slot],
                          "ns"};
        if (ns[slot] > 0) {
            cp_chart_row(o->job, &row);
        }
    }
}

static void write_rows(Occupancy *o)
{
    for (size_t i = 0; i < o->job->n && o->job->csv != NULL; i++) {
        const Panel *panel = &o->panels[i];
        for (guint k = 0; k < panel->bins.pieces->len; k++) {
            write_piece(o, panel, &g_array_index(panel->bins.pieces, CpPiece, k));
        }
        for (uint32_t lane = 0; lane < panel->bins.n_lanes; lane++) {
            for (uint32_t bin = 0; bin < panel->bins.shape.n_bins; bin++) {
                write_bin(o, panel, lane, bin);
            }
        }
    }
}

/* Fits the data area to whole columns and whole pixels. */
static void fix_area(CpArea *area)
{
    area->x = ceil(area->x);
    area->w =
        MAX(floor(area->w / CP_LANE_COLUMN_PT) * CP_LANE_COLUMN_PT, 12 * CP_LANE_COLUMN_PT);
    area->h = MAX(area->h, 20);
}

static gboolean draw_window(Occupancy *o, double height, GError **error)
{
    CpChartJob *job = o->job;
    double top = cp_chart_heading(job, &cp_chart_occupancy);
    unsigned room = cp_legend_room(height - top - cp_axes_caption_height(job->width)) - 1;
    cp_cast_list(job->cast, MIN(room, CP_LISTED_MAX), job->theme);
    for (uint32_t slot = 0; slot <= job->cast->n_listed; slot++) {
        o->colours[slot] = cp_cast_colour(job->cast, slot, job->theme);
    }
    fill_legend(o);
    CpArea area = place_legend(o, top, height);
    fix_area(&area);
    if (job->from >= job->to) {
        cp_axes_message(job->canvas, job->theme, &area, "nothing was recorded");
        return TRUE;
    }
    place_panels(o, &area);
    o->x = (CpScale){job->from, job->to, area.x, area.x + area.w};
    o->mark_ns = (CpTime)((double)(job->to - job->from) * CP_LANE_MARK_PT / area.w);
    if (!build(o, error)) {
        return FALSE;
    }
    draw_all(o, height);
    write_rows(o);
    return TRUE;
}

static gboolean draw(CpChartJob *job, double height, GError **error)
{
    Occupancy o = {.job = job};
    o.panels = g_new0(Panel, job->n);
    cp_lane_boxes_init(&o.boxes);
    gboolean ok = draw_window(&o, height, error);
    clear_bins(&o);
    cp_legend_clear(&o.legend);
    cp_lane_boxes_clear(&o.boxes);
    g_free(o.panels);
    return ok;
}

const CpChartClass cp_chart_occupancy = {
    .info = {"occupancy", "which thread runs on which CPU, over time", CP_CHART_RECORDINGS,
             8, NULL},
    .title = "CPU occupancy",
    .height = natural_height,
    .draw = draw,
};
