#include "plots/chart-job.h"

#include "traces/walk.h"

#include <math.h>

/* How often threads leave their CPU, by their own will or not, and how often they move:
 * counts in bins of a round length.  Switches out of idle are not switches out of a
 * thread and are not counted, as the kernel counts them.  Migrations have an axis of
 * their own below, since they are neither part of the switches nor of their size. */

enum {
    BIN_PT = 5, /* least width of a bin */
    PANEL_GAP = 12,
    PANEL_HEADING = 17,
    TITLE_ROOM = 18, /* above an area, for the title of its count axis */
};

#define STRIP_SHARE 0.28 /* part of a panel's height that migrations take */

typedef enum { VOLUNTARY, INVOLUNTARY, MIGRATIONS, SERIES } Series;

static const char *const series_names[SERIES] = {"voluntary", "involuntary", "migrations"};
static const unsigned series_colours[SERIES] = {0, 1, 2};

/* Counts of one recording. */
typedef struct {
    uint32_t *count[SERIES]; /* [bin]; owned */
    int64_t total[SERIES];
    /* What follows is needed while reading. */
    CpTime from, to, step; /* window; length of a bin */
    int64_t first;         /* number of the first bin, counted from time 0 */
    uint32_t n_bins;
    uint32_t *moved; /* [bin]: threads seen on another CPU than before; owned */
    int64_t n_moved;
} Counts;

typedef struct {
    CpChartJob *job;
    Counts *counts; /* one a recording */
    CpLegend legend;
    CpTime step;
    CpScale x;
    CpTicks time, switches, migrations;
    bool has_migrations;
} Chart;

/* --- reading --- */

static void count(Counts *c, uint32_t *bins, int64_t *total, CpTime at)
{
    int64_t bin = at / c->step - c->first;
    bins[CLAMP(bin, 0, (int64_t)c->n_bins - 1)]++;
    *total += 1;
}

/* Out of idle, or of nobody knows what, is not out of a thread. */
static void add_switch(void *data, const CpSwitch *w)
{
    Counts *c = data;
    if (w->from < CP_UNKNOWN) {
        Series s = cp_switch_voluntary(w->arg) ? VOLUNTARY : INVOLUNTARY;
        count(c, c->count[s], &c->total[s], w->at);
    }
}

static void add_migration(void *data, const CpMigration *m)
{
    Counts *c = data;
    if (m->told) {
        count(c, c->count[MIGRATIONS], &c->total[MIGRATIONS], m->at);
    } else {
        count(c, c->moved, &c->n_moved, m->at);
    }
}

static void clear_counts(Counts *c)
{
    for (int s = 0; s < SERIES; s++) {
        g_clear_pointer(&c->count[s], g_free);
    }
    g_clear_pointer(&c->moved, g_free);
}

/* A recording without migration events still shows who ran where. */
static void use_moved(Counts *c)
{
    if (c->total[MIGRATIONS] == 0) {
        uint32_t *unused = c->count[MIGRATIONS];
        c->count[MIGRATIONS] = c->moved;
        c->moved = unused;
        c->total[MIGRATIONS] = c->n_moved;
    }
}

static gboolean read_counts(Chart *chart, size_t i, GError **error)
{
    CpChartJob *job = chart->job;
    CpCpr *cpr = job->recordings[i];
    Counts *c = &chart->counts[i];
    c->from = job->from;
    c->to = job->to;
    c->step = chart->step;
    c->first = job->from / chart->step;
    c->n_bins = (uint32_t)((job->to - 1) / chart->step - c->first) + 1;
    for (int s = 0; s < SERIES; s++) {
        c->count[s] = g_new0(uint32_t, c->n_bins);
    }
    c->moved = g_new0(uint32_t, c->n_bins);
    const CpTimelineHooks hooks = {.switched = add_switch, .migration = add_migration};
    const CpWalk walk = {.from = job->from, .to = job->to, .near = true};
    if (!cp_walk(cpr, &walk, &hooks, c, error)) {
        return FALSE;
    }
    use_moved(c);
    return TRUE;
}

/* --- drawing --- */

static void bin_extent(const Chart *chart, const Counts *c, uint32_t bin, CpTime *from,
                       CpTime *to)
{
    *from = MAX((c->first + bin) * chart->step, c->from);
    *to = MIN((c->first + bin + 1) * chart->step, c->to);
}

/* Bars of the given series stacked on each other. */
static void draw_bars(const Chart *chart, const Counts *c, const CpScale *y, Series first,
                      Series last)
{
    GArray *boxes = g_array_new(FALSE, FALSE, sizeof(CpBox));
    for (uint32_t bin = 0; bin < c->n_bins; bin++) {
        CpTime from, to;
        bin_extent(chart, c, bin, &from, &to);
        double x0 = round(cp_scale_at(&chart->x, from) * 2) / 2;
        double x1 = round(cp_scale_at(&chart->x, to) * 2) / 2;
        double gap = x1 - x0 > 3 ? 1 : 0;
        int64_t sum = 0;
        for (Series s = first; s <= last; s++) {
            double bottom = cp_scale_at(y, sum);
            sum += c->count[s][bin];
            double top = cp_scale_at(y, sum);
            CpBox box = {x0, top, MAX(x1 - x0 - gap, 0.5), bottom - top,
                         cp_theme_colour(chart->job->theme, series_colours[s])};
            if (c->count[s][bin] > 0) {
                g_array_append_val(boxes, box);
            }
        }
    }
    cp_canvas_boxes(chart->job->canvas, (const CpBox *)(void *)boxes->data, boxes->len);
    g_array_unref(boxes);
}

static void draw_counts(const Chart *chart, const Counts *c, const CpArea *area,
                        const CpTicks *ticks, Series first, Series last)
{
    CpChartJob *job = chart->job;
    CpTime step = chart->step;
    const CpSuffix *unit = cp_suffix_for(CP_DIM_TIME, step);
    g_autofree char *title = g_strdup_printf(
        "%s per %" G_GINT64_FORMAT " %s", first == MIGRATIONS ? "migrations" : "switches",
        step / unit->size, cp_unit_name(unit));
    int64_t top = ticks->tick[ticks->n - 1].value;
    CpScale y = {0, top, area->y + area->h, area->y};
    cp_axes_count(job->canvas, job->theme, area, &y, ticks, title);
    draw_bars(chart, c, &y, first, last);
}

static void draw_panel(const Chart *chart, size_t i, const CpArea *area)
{
    CpChartJob *job = chart->job;
    const Counts *c = &chart->counts[i];
    CpArea main = *area;
    bool is_last = i + 1 == job->n;
    if (job->n > 1) {
        g_autofree char *details =
            g_strdup_printf("%s · %" G_GINT64_FORMAT " voluntary · %" G_GINT64_FORMAT
                            " involuntary · %" G_GINT64_FORMAT " migrations",
                            job->details[i], c->total[VOLUNTARY], c->total[INVOLUNTARY],
                            c->total[MIGRATIONS]);
        cp_axes_panel_heading(job->canvas, job->theme, CP_PAGE_MARGIN, main.y,
                              job->width - 2 * CP_PAGE_MARGIN, job->labels[i], details);
        main.y += PANEL_HEADING;
        main.h -= PANEL_HEADING;
    }
    main.y += TITLE_ROOM;
    main.h -= TITLE_ROOM;
    CpArea strip = main;
    if (chart->has_migrations) {
        strip.h = floor((main.h - TITLE_ROOM) * STRIP_SHARE);
        main.h -= strip.h + TITLE_ROOM + 4;
        strip.y = main.y + main.h + TITLE_ROOM + 4;
    }
    draw_counts(chart, c, &main, &chart->switches, VOLUNTARY, INVOLUNTARY);
    if (chart->has_migrations) {
        cp_axes_time(job->canvas, job->theme, &main, &chart->x, &chart->time, false);
        draw_counts(chart, c, &strip, &chart->migrations, MIGRATIONS, MIGRATIONS);
    }
    cp_axes_time(job->canvas, job->theme, &strip, &chart->x, &chart->time, is_last);
}

static void fill_legend(Chart *chart)
{
    const Counts *c = &chart->counts[0];
    bool is_one = chart->job->n == 1;
    cp_legend_init(&chart->legend, "switches", is_one ? "count" : NULL);
    for (int s = 0; s < SERIES; s++) {
        cp_legend_add(&chart->legend, g_strdup(series_names[s]),
                      is_one ? cp_count_text(c->total[s]) : NULL,
                      cp_theme_colour(chart->job->theme, series_colours[s]), false);
    }
}

/* Axes are common to all recordings, so that heights compare. */
static void choose_counts(Chart *chart, double height)
{
    int64_t switches = 0, migrations = 0;
    for (size_t i = 0; i < chart->job->n; i++) {
        const Counts *c = &chart->counts[i];
        for (uint32_t bin = 0; bin < c->n_bins; bin++) {
            int64_t sum = (int64_t)c->count[VOLUNTARY][bin] + c->count[INVOLUNTARY][bin];
            switches = MAX(switches, sum);
            migrations = MAX(migrations, c->count[MIGRATIONS][bin]);
        }
    }
    chart->has_migrations = migrations > 0;
    double panel = height / (double)chart->job->n;
    cp_ticks_count(&chart->switches, switches, panel > 220 ? 5 : panel > 130 ? 4 : 2);
    cp_ticks_count(&chart->migrations, migrations, panel > 220 ? 2 : 1);
}

static CpArea place_legend(Chart *chart, double top, double height)
{
    CpChartJob *job = chart->job;
    double left =
        CP_PAGE_MARGIN +
        ceil(MAX(cp_axes_count_width(job->canvas, job->theme, &chart->switches),
                 cp_axes_count_width(job->canvas, job->theme, &chart->migrations)));
    CpArea area = {left, top, job->width - left - CP_PAGE_MARGIN - 6,
                   height - top - cp_axes_caption_height(job->width) - CP_TIME_AXIS_HEIGHT -
                       2};
    if (job->width < CP_LEGEND_PAGE_MIN) {
        double width = job->width - 2 * CP_PAGE_MARGIN;
        double rows = cp_legend_rows(&chart->legend, job->canvas, job->theme,
                                     CP_PAGE_MARGIN, 0, width, true);
        cp_legend_rows(&chart->legend, job->canvas, job->theme, CP_PAGE_MARGIN,
                       height - cp_axes_caption_height(job->width) - rows, width, false);
        area.h -= rows;
        return area;
    }
    double width = cp_legend_width(&chart->legend, job->canvas, job->theme, 150);
    double y = top + (job->n > 1 ? PANEL_HEADING : 0);
    CpArea column = {job->width - CP_PAGE_MARGIN - width, y, width, height - y};
    area.w -= width;
    cp_legend_column(&chart->legend, job->canvas, job->theme, &column);
    return area;
}

static void write_rows(const Chart *chart)
{
    for (size_t i = 0; i < chart->job->n; i++) {
        const Counts *c = &chart->counts[i];
        for (uint32_t bin = 0; bin < c->n_bins; bin++) {
            for (int s = 0; s < SERIES; s++) {
                CpChartRow row = {.chart = "switches",
                                  .recording = i,
                                  .cpus = "",
                                  .series = series_names[s],
                                  .value = c->count[s][bin],
                                  .unit = "count"};
                bin_extent(chart, c, bin, &row.from, &row.to);
                cp_chart_row(chart->job, &row);
            }
        }
    }
}

static void draw_panels(Chart *chart, CpArea area)
{
    CpChartJob *job = chart->job;
    double pitch = floor((area.h + PANEL_GAP) / (double)job->n);
    chart->x = (CpScale){job->from, job->to, area.x, area.x + area.w};
    cp_ticks_time(&chart->time, job->from, job->to, cp_axes_time_room(area.w));
    area.h = MAX(pitch - PANEL_GAP, 50);
    for (size_t i = 0; i < job->n; i++, area.y += pitch) {
        draw_panel(chart, i, &area);
    }
}

static gboolean draw_window(Chart *chart, double height, GError **error)
{
    CpChartJob *job = chart->job;
    double top = cp_chart_heading(job, &cp_chart_switches);
    if (job->from >= job->to) {
        CpArea area = {CP_PAGE_MARGIN, top, job->width - 2 * CP_PAGE_MARGIN, height - top};
        cp_axes_message(job->canvas, job->theme, &area, "nothing was recorded");
        return TRUE;
    }
    /* The legend's width hardly matters for the number of bins. */
    double width = job->width < CP_LEGEND_PAGE_MIN ? job->width * 0.8 : job->width * 0.75;
    chart->step =
        cp_scale_step((CpTime)((double)(job->to - job->from) * BIN_PT / width) + 1);
    for (size_t i = 0; i < job->n; i++) {
        if (!read_counts(chart, i, error)) {
            return FALSE;
        }
    }
    fill_legend(chart);
    choose_counts(chart, height - top - CP_TIME_AXIS_HEIGHT);
    draw_panels(chart, place_legend(chart, top, height));
    cp_axes_caption(
        job->canvas, job->theme, job->width, height - cp_axes_caption_height(job->width),
        "Voluntary: it slept or ended; involuntary: it was preempted. Switches out "
        "of idle are not counted.");
    write_rows(chart);
    return TRUE;
}

static gboolean draw(CpChartJob *job, double height, GError **error)
{
    Chart chart = {.job = job};
    chart.counts = g_new0(Counts, job->n);
    gboolean ok = draw_window(&chart, height, error);
    for (size_t i = 0; i < job->n; i++) {
        clear_counts(&chart.counts[i]);
    }
    if (chart.legend.entries != NULL) {
        cp_legend_clear(&chart.legend);
    }
    g_free(chart.counts);
    return ok;
}

static double natural_height(const CpChartJob *job)
{
    double panels = job->n == 1 ? 230 : 185 * (double)job->n;
    double legend = job->width < CP_LEGEND_PAGE_MIN ? 26 : 0;
    double second_line = job->n == 1 && job->width < CP_LEGEND_PAGE_MIN ? 13 : 0;
    return 54 + second_line + panels + legend + CP_TIME_AXIS_HEIGHT +
           cp_axes_caption_height(job->width);
}

const CpChartClass cp_chart_switches = {
    .info = {"switches", "voluntary and involuntary switches and migrations, over time",
             CP_CHART_RECORDINGS, 8, NULL},
    .title = "Context switches",
    .height = natural_height,
    .draw = draw,
};
