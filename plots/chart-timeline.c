#include "plots/chart-job.h"

#include "plots/lane-boxes.h"
#include "traces/walk.h"

#include <math.h>

/* What each thread does: on which CPU it runs, whether it waits for one, or for what else.
 * As in the chart of CPUs, states are drawn as they are while they are few, and gathered in
 * columns of exact shares once they are not. */

enum {
    ROWS_MAX = 48,
    CPUS_TOLD_APART = 8, /* more have one colour */
    BOXES_MAX = 18000,
    DROPPED_MAX = 5,
    COLUMN_SHARE = 38, /* room right of the rows, for shares of CPU time */
    HEAD = 14,
};

#define ROW_PITCH     15.0
#define ROW_LEAST     7.5
#define LABEL_PITCH   9.0
#define NAMES_SHARE   0.24 /* part of the page that names may take */
#define DROPPED_SHARE 0.02

/* What is told apart beside running. */
typedef enum {
    READY,
    ON_GIL,
    ON_LOCK,
    ON_OTHERS,
    ON_DEVICE,
    SLEEPS,
    BLOCKED, /* the recording does not say on what */
    UNKNOWN,
    N_STATES,
} State;

static const char *const state_names[] = {
    [READY] = "waits for a CPU",
    [ON_GIL] = "waits for the GIL",
    [ON_LOCK] = "waits for a lock",
    [ON_OTHERS] = "waits for other threads",
    [ON_DEVICE] = "waits for I/O",
    [SLEEPS] = "sleeps",
    [BLOCKED] = "waits, not told for what",
    [UNKNOWN] = "off, not known why",
};

typedef struct {
    CpChartJob *job;
    CpLegend legend;
    CpArea area; /* of the rows */
    CpScale x;
    GArray *rows;                   /* uint32_t: thread by row */
    uint32_t *row_of;               /* [thread]; CP_NONE: not shown */
    uint32_t n_hidden, n_cpu_slots; /* slots: CPUs, then states */
    CpBins bins;
    bool has_bins;
    CpLaneBoxes boxes;
    CpColour colours[CPUS_TOLD_APART + N_STATES];
    CpTime total[CPUS_TOLD_APART + N_STATES];
    CpTime *ran; /* [row] */
    CpTime from, to;
    double column_pt;
} Timeline;

/* --- which threads are shown --- */

static const CpActor *actor_of(const Timeline *t, uint32_t thread)
{
    return cp_cast_actor(t->job->cast, 0, thread);
}

static bool is_wanted(const char *names, const char *name)
{
    g_auto(GStrv) patterns = g_strsplit(names != NULL ? names : "*", ",", -1);
    for (char **p = patterns; *p != NULL; p++) {
        if (g_pattern_match_simple(g_strstrip(*p), name)) {
            return true;
        }
    }
    return false;
}

static int compare_time(const void *a, const void *b, void *data)
{
    const Timeline *t = data;
    CpTime x = actor_of(t, *(const uint32_t *)a)->cpu_ns;
    CpTime y = actor_of(t, *(const uint32_t *)b)->cpu_ns;
    return x == y ? 0 : x < y ? 1 : -1;
}

static int compare_name(const void *a, const void *b, void *data)
{
    const Timeline *t = data;
    return cp_name_compare(actor_of(t, *(const uint32_t *)a)->name,
                           actor_of(t, *(const uint32_t *)b)->name);
}

/* Those that ran most, in order of their names. */
static void choose_rows(Timeline *t)
{
    uint32_t n = cp_cpr_n_threads(t->job->recordings[0]);
    const char *names = cp_chart_text(t->job->values, "threads");
    t->rows = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    t->row_of = g_new(uint32_t, MAX(n, 1));
    for (uint32_t i = 0; i < n; i++) {
        const CpActor *actor = actor_of(t, i);
        t->row_of[i] = CP_NONE;
        if (actor != NULL && actor->cpu_ns > 0 && is_wanted(names, actor->name)) {
            g_array_append_val(t->rows, i);
        }
    }
    g_array_sort_with_data(t->rows, compare_time, t);
    if (t->rows->len > ROWS_MAX) {
        t->n_hidden = t->rows->len - ROWS_MAX;
        g_array_set_size(t->rows, ROWS_MAX);
    }
    g_array_sort_with_data(t->rows, compare_name, t);
    for (guint row = 0; row < t->rows->len; row++) {
        t->row_of[g_array_index(t->rows, uint32_t, row)] = row;
    }
    t->ran = g_new0(CpTime, MAX(t->rows->len, 1));
}

static void set_colours(Timeline *t)
{
    const CpTheme *theme = t->job->theme;
    uint32_t n_cpus = cp_cpr_info(t->job->recordings[0])->n_cpus;
    t->n_cpu_slots = n_cpus > CPUS_TOLD_APART ? 1 : MAX(n_cpus, 1);
    for (uint32_t i = 0; i < t->n_cpu_slots; i++) {
        t->colours[i] = cp_theme_colour(theme, i);
    }
    CpColour *states = t->colours + t->n_cpu_slots;
    states[READY] = cp_colour_mix(theme->background, theme->text, 0.62);
    states[ON_GIL] = cp_colour_mix(0xaa3377, theme->background, 0.45);
    states[ON_LOCK] = cp_colour_mix(0xcc3311, theme->background, 0.45);
    states[ON_OTHERS] = cp_colour_mix(0xddaa33, theme->background, 0.55);
    states[ON_DEVICE] = cp_colour_mix(0x228833, theme->background, 0.60);
    states[SLEEPS] = theme->lane;
    states[BLOCKED] = cp_colour_mix(theme->lane, theme->others, 0.15);
    states[UNKNOWN] = cp_colour_mix(theme->lane, theme->others, 0.6);
}

/* --- reading --- */

static State state_of(const CpSpan *span)
{
    if (span->state == CP_SEEN_RUNNABLE) {
        return READY;
    }
    if (span->state != CP_SEEN_BLOCKED) {
        return UNKNOWN;
    }
    switch (span->why) {
    case CP_BLOCK_SLEEP:
        return SLEEPS;
    case CP_BLOCK_LOCK:
        return ON_LOCK;
    case CP_BLOCK_IO:
        return ON_DEVICE;
    case CP_BLOCK_RUNTIME:
        return span->on == CP_REC_LOOP_READY ? SLEEPS : ON_GIL;
    case CP_BLOCK_COND:
    case CP_BLOCK_QUEUE:
    case CP_BLOCK_JOIN:
        return ON_OTHERS;
    default: /* recordings of real programs do not say more */
        return BLOCKED;
    }
}

static void on_span(void *data, const CpSpan *span)
{
    Timeline *t = data;
    uint32_t row = span->thread < cp_cpr_n_threads(t->job->recordings[0])
                       ? t->row_of[span->thread]
                       : CP_NONE;
    if (row == CP_NONE || span->from >= span->to) {
        return;
    }
    bool runs = span->state == CP_SEEN_RUNNING;
    uint32_t slot = runs ? (t->n_cpu_slots > 1 ? MIN(span->cpu, t->n_cpu_slots - 1) : 0)
                         : t->n_cpu_slots + state_of(span);
    cp_bins_add(&t->bins, row, slot, slot, span->from, span->to);
    t->total[slot] += span->to - span->from;
    t->ran[row] += runs ? span->to - span->from : 0;
}

static void clear_bins(Timeline *t)
{
    if (t->has_bins) {
        cp_bins_clear(&t->bins);
        t->has_bins = false;
    }
    cp_lane_boxes_reset(&t->boxes);
    memset(t->total, 0, sizeof t->total);
    memset(t->ran, 0, MAX(t->rows->len, 1) * sizeof *t->ran);
}

static gboolean read_spans(Timeline *t, GError **error)
{
    CpChartJob *job = t->job;
    CpBinsShape shape = {
        .from = job->from,
        .to = job->to,
        .n_cpus = MAX(t->rows->len, 1),
        .cpus_per_lane = 1,
        .n_bins = t->column_pt > 0 ? (uint32_t)MAX(t->area.w / t->column_pt, 1) : 0,
        .n_slots = t->n_cpu_slots + N_STATES,
    };
    clear_bins(t);
    cp_bins_init(&t->bins, &shape);
    t->has_bins = true;
    const CpTimelineHooks hooks = {.span = on_span};
    const CpWalk walk = {.from = job->from, .to = job->to};
    return t->from >= t->to || cp_walk(job->recordings[0], &walk, &hooks, t, error);
}

static CpLaneLook look_of(const Timeline *t)
{
    return (CpLaneLook){t->area, &t->x, MAX(t->rows->len, 1), t->colours};
}

/* Coarser each time, until the picture is honest and small. */
static gboolean build(Timeline *t, GError **error)
{
    bool many = cp_cpr_n_records(t->job->recordings[0]) > 8 * (uint64_t)BOXES_MAX;
    t->column_pt = many ? CP_LANE_COLUMN_PT : 0;
    for (;;) {
        if (!read_spans(t, error)) {
            return FALSE;
        }
        CpLaneLook look = look_of(t);
        cp_lane_pieces(&t->boxes, &look, &t->bins);
        cp_lane_columns(&t->boxes, &look, &t->bins);
        double most = (double)t->boxes.n_slices * DROPPED_SHARE;
        bool is_honest =
            t->column_pt > 0 || (double)t->boxes.n_dropped <= MAX(most, DROPPED_MAX);
        if (is_honest && t->boxes.boxes->len + t->boxes.marks->len <= BOXES_MAX) {
            return TRUE;
        }
        t->column_pt = t->column_pt == 0 ? CP_LANE_COLUMN_PT : t->column_pt * 2;
    }
}

/* --- layout --- */

static double page_height(const CpChartJob *job)
{
    uint32_t n = MIN(job->cast->n_listed + job->cast->n_others, ROWS_MAX);
    double legend = job->width < CP_LEGEND_PAGE_MIN ? 40 : 13.0 * (N_STATES + 6);
    double rows = job->width < CP_LEGEND_PAGE_MIN ? n * ROW_PITCH + legend
                                                  : MAX(n * ROW_PITCH, legend);
    return 54 + HEAD + rows + CP_TIME_AXIS_HEIGHT + 4 + cp_axes_caption_height(job->width);
}

static void fill_legend(Timeline *t)
{
    bool has_values = t->job->width >= CP_LEGEND_PAGE_MIN;
    cp_legend_init(&t->legend, "state", has_values ? "in all" : NULL);
    for (uint32_t i = 0; i < t->n_cpu_slots + N_STATES; i++) {
        if (t->total[i] == 0) {
            continue;
        }
        char *name = i >= t->n_cpu_slots  ? g_strdup(state_names[i - t->n_cpu_slots])
                     : t->n_cpu_slots > 1 ? g_strdup_printf("runs on CPU %u", i)
                                          : g_strdup("runs");
        cp_legend_add(&t->legend, name, has_values ? cp_time_text(t->total[i]) : NULL,
                      t->colours[i], false);
    }
}

/* Room for the names at the left. */
static double names_width(const Timeline *t)
{
    CpTextStyle style = cp_theme_tick(t->job->theme);
    double widest = 0;
    for (guint row = 0; row < t->rows->len; row++) {
        const char *name = actor_of(t, g_array_index(t->rows, uint32_t, row))->name;
        widest = MAX(widest, cp_canvas_text_width(t->job->canvas, style, name));
    }
    return ceil(MIN(widest, t->job->width * NAMES_SHARE)) + 6;
}

/* Where the rows go; the legend is drawn later, when its sums are known. */
static void place(Timeline *t, double top, double height, CpArea *legend)
{
    CpChartJob *job = t->job;
    double left = CP_PAGE_MARGIN + names_width(t);
    double bottom = height - cp_axes_caption_height(job->width) - CP_TIME_AXIS_HEIGHT - 4;
    double right = job->width - CP_PAGE_MARGIN - COLUMN_SHARE;
    double width = 0;
    for (uint32_t i = 0; i < t->n_cpu_slots + N_STATES; i++) {
        t->total[i] = 1; /* all entries, for the room they may need */
    }
    fill_legend(t);
    if (job->width < CP_LEGEND_PAGE_MIN) {
        double rows = cp_legend_rows(&t->legend, job->canvas, job->theme, CP_PAGE_MARGIN, 0,
                                     job->width - 2 * CP_PAGE_MARGIN, true);
        *legend =
            (CpArea){CP_PAGE_MARGIN, height - cp_axes_caption_height(job->width) - rows,
                     job->width - 2 * CP_PAGE_MARGIN, rows};
        bottom -= rows;
    } else {
        width = cp_legend_width(&t->legend, job->canvas, job->theme, job->width * 0.2) + 30;
        *legend = (CpArea){job->width - CP_PAGE_MARGIN - width, top, width, height - top};
        right -= width;
    }
    cp_legend_clear(&t->legend);
    double room = bottom - top - HEAD;
    double pitch = MIN(room / MAX(t->rows->len, 1), ROW_PITCH * 2);
    pitch = MAX(floor(pitch * 2) / 2, 0.5);
    t->area = (CpArea){left, top + HEAD, MAX(right - left, 20),
                       MAX(pitch * MAX(t->rows->len, 1), 1)};
    t->x = (CpScale){job->from, job->to, t->area.x, t->area.x + t->area.w};
}

/* --- drawing --- */

static void draw_names(const Timeline *t)
{
    const CpChartJob *job = t->job;
    CpLaneLook look = look_of(t);
    CpTextStyle style = cp_theme_tick(job->theme);
    style.align = CP_ALIGN_RIGHT;
    double pitch = cp_lane_pitch(&look);
    style.size_pt = MIN(style.size_pt, MAX(pitch - 1, 6));
    uint32_t step = 1;
    while (step * pitch < ROW_LEAST) {
        step *= 2;
    }
    for (guint row = 0; row < t->rows->len; row += step) {
        CpArea a = cp_lane_area(&look, row);
        const char *name = actor_of(t, g_array_index(t->rows, uint32_t, row))->name;
        g_autofree char *fit =
            cp_canvas_fit(job->canvas, style, name, t->area.x - CP_PAGE_MARGIN - 6);
        cp_canvas_text(job->canvas, (CpPoint){a.x - 6, a.y + a.h / 2}, style, fit);
    }
}

/* Share of the window in which each thread ran. */
static void draw_shares(const Timeline *t)
{
    const CpChartJob *job = t->job;
    CpLaneLook look = look_of(t);
    CpTextStyle style = cp_theme_tick(job->theme);
    style.align = CP_ALIGN_RIGHT;
    double right = t->area.x + t->area.w + 36;
    if (cp_lane_pitch(&look) < LABEL_PITCH || t->from >= t->to) {
        return;
    }
    for (guint row = 0; row < t->rows->len; row++) {
        CpArea a = cp_lane_area(&look, row);
        g_autofree char *share = cp_share_text(t->ran[row], t->to - t->from);
        cp_canvas_text(job->canvas, (CpPoint){right, a.y + a.h / 2}, style, share);
    }
    CpTextStyle small = cp_theme_caption(job->theme);
    small.align = CP_ALIGN_RIGHT;
    cp_canvas_text(job->canvas, (CpPoint){right, t->area.y - 7}, small, "runs");
}

static void draw_caption(const Timeline *t, double height)
{
    CpChartJob *job = t->job;
    g_autoptr(GString) text = g_string_new(NULL);
    if (t->column_pt > 0) {
        double share = t->column_pt / t->area.w;
        g_autofree char *column =
            cp_time_text((CpTime)((double)(job->to - job->from) * share));
        g_string_append_printf(text,
                               "Short states are gathered in columns of %s, in which "
                               "heights are shares of the time. ",
                               column);
    }
    if (t->n_hidden > 0) {
        g_string_append_printf(text, "%u more threads, which ran less, are not shown. ",
                               t->n_hidden);
    }
    if (t->boxes.n_dropped > 0) {
        g_autofree char *n = cp_count_text((int64_t)t->boxes.n_dropped);
        g_string_append_printf(text, "%s states are too short to be seen. ", n);
    }
    double y = job->width < CP_LEGEND_PAGE_MIN
                   ? height - cp_axes_caption_height(job->width)
                   : t->area.y + t->area.h + CP_TIME_AXIS_HEIGHT;
    cp_axes_caption(job->canvas, job->theme, job->width, y, g_strchomp(text->str));
}

static void draw_legend(Timeline *t, const CpArea *area)
{
    const CpChartJob *job = t->job;
    fill_legend(t);
    if (job->width < CP_LEGEND_PAGE_MIN) {
        cp_legend_rows(&t->legend, job->canvas, job->theme, area->x, area->y, area->w,
                       false);
    } else {
        cp_legend_column(&t->legend, job->canvas, job->theme, area);
    }
}

/* The numbers behind it: each thread's time in each state. */
static void write_rows(const Timeline *t)
{
    for (guint i = 0; i < t->bins.pieces->len; i++) {
        const CpPiece *piece = &g_array_index(t->bins.pieces, CpPiece, i);
        char cpu[16] = "";
        bool runs = piece->slot < t->n_cpu_slots;
        if (runs && t->n_cpu_slots > 1) {
            g_snprintf(cpu, sizeof cpu, "%u", piece->slot);
        }
        const char *name = actor_of(t, g_array_index(t->rows, uint32_t, piece->lane))->name;
        g_autofree char *series = g_strdup_printf(
            "%s: %s", name, runs ? "runs" : state_names[piece->slot - t->n_cpu_slots]);
        CpChartRow row = {
            "timeline", 0, cpu, piece->from, piece->to, series, piece->to - piece->from,
            "ns"};
        cp_chart_row(t->job, &row);
    }
    for (uint32_t lane = 0; lane < t->rows->len; lane++) {
        const char *name = actor_of(t, g_array_index(t->rows, uint32_t, lane))->name;
        for (uint32_t bin = 0; bin < t->bins.shape.n_bins; bin++) {
            const CpTime *ns = cp_bins_at(&t->bins, lane, bin);
            for (uint32_t slot = 0; slot < t->bins.shape.n_slots; slot++) {
                if (ns[slot] == 0) {
                    continue;
                }
                bool runs = slot < t->n_cpu_slots;
                g_autofree char *series = g_strdup_printf(
                    "%s: %s", name, runs ? "runs" : state_names[slot - t->n_cpu_slots]);
                CpChartRow row = {"timeline",
                                  0,
                                  "",
                                  cp_bins_edge(&t->bins, bin),
                                  cp_bins_edge(&t->bins, bin + 1),
                                  series,
                                  ns[slot],
                                  "ns"};
                cp_chart_row(t->job, &row);
            }
        }
    }
}

static void draw_all(Timeline *t, double height, const CpArea *legend)
{
    CpChartJob *job = t->job;
    CpTicks ticks;
    cp_ticks_time(&ticks, job->from, job->to, cp_axes_time_room(t->area.w));
    cp_lane_boxes_draw(&t->boxes, job->canvas);
    draw_names(t);
    draw_shares(t);
    draw_legend(t, legend);
    cp_axes_time(job->canvas, job->theme, &t->area, &t->x, &ticks, true);
    if (t->rows->len == 0) {
        cp_axes_message(job->canvas, job->theme, &t->area,
                        cp_chart_text(job->values, "threads") != NULL
                            ? "no thread of that name ran in this window"
                            : "no thread ran in this window");
    }
    draw_caption(t, height);
    if (job->csv != NULL) {
        write_rows(t);
    }
}

static gboolean draw(CpChartJob *job, double height, GError **error)
{
    Timeline t = {.job = job};
    cp_lane_boxes_init(&t.boxes);
    choose_rows(&t);
    set_colours(&t);
    cp_chart_extent(job, 0, &t.from, &t.to);
    CpArea legend;
    place(&t, cp_chart_heading(job, &cp_chart_timeline), height, &legend);
    gboolean ok = build(&t, error);
    if (ok) {
        draw_all(&t, height, &legend);
    }
    clear_bins(&t);
    cp_lane_boxes_clear(&t.boxes);
    cp_legend_clear(&t.legend);
    g_array_unref(t.rows);
    g_free(t.row_of);
    g_free(t.ran);
    return ok;
}

static const CpChartOption options[] = {
    {"threads", CP_CHART_TEXT, "A,B", "threads of these names only; * stands for anything"},
    {NULL, CP_CHART_FLAG, NULL, NULL},
};

const CpChartClass cp_chart_timeline = {
    .info = {.name = "timeline",
             .summary = "what each thread does: runs, waits for a CPU, for locks, sleeps",
             .inputs_max = 1,
             .options = options},
    .title = "What each thread does",
    .height = page_height,
    .draw = draw,
};
