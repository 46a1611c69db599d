#include "plots/lane-panel.h"

#include "lang/diag.h"
#include "traces/walk.h"

#include <math.h>

/* Who holds an interpreter's lock and how many wait for it, one panel a lock.  Times that
 * are long enough to see are drawn as they are; the others become columns in which heights
 * are exact shares of the time.  A mark above the lane is a lock given up because another
 * thread asked for it. */

/* --- reading --- */

/* What the window shows of the locks of one recording.  Read from the start, so that who
 * holds and who waits at the start of the window is known. */
static gboolean walk_gils(const CpChartJob *job, size_t recording,
                          void (*fn)(void *data, const CpLockSpan *span), void *data,
                          GError **error)
{
    const CpTimelineHooks hooks = {.gil = fn};
    CpWalk walk = {0};
    return !cp_chart_extent(job, recording, &walk.from, &walk.to) ||
           cp_walk(job->recordings[recording], &walk, &hooks, data, error);
}

/* --- what there is --- */

typedef struct {
    size_t recording;
    uint32_t gil, first_tid; /* first_tid: names the process */
    CpTime held, waited;
    uint64_t n_held, n_handed, n_forced;
    uint32_t last_tid;
    CpLanePanel place;
    CpBins lane, waits;
    bool has_bins;
    double mark_end; /* of the last mark */
} Lock;

typedef struct {
    CpChartJob *job;
    GArray *locks;                   /* Lock; those shown after choose_locks */
    uint32_t n_hidden;               /* locks without room */
    CpTime held[CP_LISTED_MAX + 1];  /* [slot] */
    CpTime waits[CP_LISTED_MAX + 1]; /* [slot] */
    uint64_t n_forced;
    CpColour colours[CP_LISTED_MAX + 1];
    CpLegend legend;
    CpScale x;
    CpTicks ticks; /* of the waiters */
    CpLaneBoxes boxes;
    double column_pt;
    size_t recording; /* being read */
} Gil;

static Lock *lock_at(const Gil *g, guint i)
{
    return &g_array_index(g->locks, Lock, i);
}

static Lock *find_lock(const Gil *g, uint32_t gil)
{
    for (guint i = g->locks->len; i-- > 0;) {
        Lock *lock = lock_at(g, i);
        if (lock->recording == g->recording && lock->gil == gil) {
            return lock;
        }
    }
    return NULL;
}

static void count(void *data, const CpLockSpan *span)
{
    Gil *g = data;
    CpTime length = span->to - span->from;
    if (length == 0 && !span->forced) {
        return;
    }
    Lock *lock = find_lock(g, span->lock);
    if (lock == NULL) {
        Lock fresh = {.recording = g->recording,
                      .gil = span->lock,
                      .first_tid = span->thread,
                      .last_tid = CP_NONE};
        g_array_append_val(g->locks, fresh);
        lock = lock_at(g, g->locks->len - 1);
    }
    uint32_t slot =
        MIN(cp_cast_slot(g->job->cast, g->recording, span->thread), CP_LISTED_MAX);
    if (!span->held) {
        lock->waited += length;
        g->waits[slot] += length;
        return;
    }
    if (length > 0) {
        lock->held += length;
        g->held[slot] += length;
        lock->n_held++;
        lock->n_handed += lock->last_tid != CP_NONE && lock->last_tid != span->thread;
        lock->last_tid = span->thread;
    }
    lock->n_forced += span->forced;
    g->n_forced += span->forced;
}

static gboolean count_all(Gil *g, GError **error)
{
    for (size_t i = 0; i < g->job->n; i++) {
        g->recording = i;
        if (!walk_gils(g->job, i, count, g, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static int by_place(const void *a, const void *b)
{
    const Lock *x = a, *y = b;
    if (x->recording != y->recording) {
        return x->recording < y->recording ? -1 : 1;
    }
    return x->gil != y->gil ? (x->gil < y->gil ? -1 : 1) : 0;
}

static int by_use(const void *a, const void *b)
{
    const Lock *x = a, *y = b;
    CpTime use_x = x->held + x->waited, use_y = y->held + y->waited;
    return use_x != use_y ? (use_x > use_y ? -1 : 1) : by_place(a, b);
}

/* Keeps the locks most used, in order of their numbers. */
static void choose_locks(Gil *g, unsigned room)
{
    g_array_sort(g->locks, by_use);
    if (g->locks->len > room) {
        g->n_hidden = g->locks->len - room;
        g_array_set_size(g->locks, room);
    }
    g_array_sort(g->locks, by_place);
}

/* New text: "GIL of server", or as the recording names it. */
static char *lock_name(const Gil *g, const Lock *lock)
{
    const CpCpr *cpr = g->job->recordings[lock->recording];
    const char *given = cp_cpr_name_at(cpr, CP_REC_GIL_GOT, lock->gil);
    const CpCprThread *thread = cp_cpr_thread_at(cpr, lock->first_tid);
    g_autofree char *process = cp_clean_text(cp_cpr_text(cpr, thread->process), -1);
    if (given[0] != '\0') {
        return cp_clean_text(given, -1);
    }
    return process[0] != '\0' ? g_strdup_printf("GIL of %s", process)
                              : g_strdup_printf("GIL %u", lock->gil + 1);
}

/* --- boxes --- */

static void add_part(void *data, const CpLockSpan *span)
{
    Gil *g = data;
    Lock *lock = find_lock(g, span->lock);
    if (lock == NULL) {
        return;
    }
    if (span->from < span->to) {
        uint32_t slot = cp_cast_slot(g->job->cast, g->recording, span->thread);
        cp_bins_add(span->held ? &lock->lane : &lock->waits, 0, span->thread, slot,
                    span->from, span->to);
    }
    if (span->forced) {
        cp_lane_panel_mark(&g->boxes, &lock->place.marks, cp_scale_at(&g->x, span->to),
                           g->job->theme->text, &lock->mark_end);
    }
}

static void clear_parts(Gil *g)
{
    for (guint i = 0; i < g->locks->len; i++) {
        Lock *lock = lock_at(g, i);
        if (lock->has_bins) {
            cp_bins_clear(&lock->lane);
            cp_bins_clear(&lock->waits);
            lock->has_bins = false;
        }
    }
    cp_lane_boxes_reset(&g->boxes);
}

static void init_bins(Gil *g, Lock *lock)
{
    CpBinsShape shape = {
        .from = g->job->from,
        .to = g->job->to,
        .n_cpus = 1,
        .cpus_per_lane = 1,
        .n_bins = (uint32_t)MAX(lock->place.lane.w / g->column_pt, 1),
        .n_slots = g->job->cast->n_listed + 1,
    };
    cp_bins_init(&lock->lane, &shape);
    shape.long_ns = G_MAXINT64;
    cp_bins_init(&lock->waits, &shape);
    lock->has_bins = true;
    lock->mark_end = 0;
}

static gboolean read_parts(Gil *g, GError **error)
{
    clear_parts(g);
    for (guint i = 0; i < g->locks->len; i++) {
        init_bins(g, lock_at(g, i));
    }
    for (size_t i = 0; i < g->job->n; i++) {
        g->recording = i;
        if (!walk_gils(g->job, i, add_part, g, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

/* The most threads that waited on average in any column; where one hands over to the next
 * a column may have a little more than one. */
static int64_t most_waiting(const Gil *g)
{
    double most = 1;
    for (guint i = 0; i < g->locks->len; i++) {
        const CpBins *bins = &lock_at(g, i)->waits;
        for (uint32_t bin = 0; bin < bins->shape.n_bins; bin++) {
            CpTime width = cp_bins_edge(bins, bin + 1) - cp_bins_edge(bins, bin), sum = 0;
            for (uint32_t slot = 0; slot < bins->shape.n_slots; slot++) {
                sum += cp_bins_at(bins, 0, bin)[slot];
            }
            most = width > 0 ? MAX(most, (double)sum / (double)width) : most;
        }
    }
    return (int64_t)ceil(most - 0.05);
}

static CpLaneLook look_of(const Gil *g, const Lock *lock)
{
    return (CpLaneLook){lock->place.lane, &g->x, 1, g->colours};
}

static void add_boxes(Gil *g)
{
    int64_t top = g->ticks.tick[g->ticks.n - 1].value;
    for (guint i = 0; i < g->locks->len; i++) {
        Lock *lock = lock_at(g, i);
        CpLaneLook look = look_of(g, lock);
        CpTime from, to;
        cp_chart_extent(g->job, lock->recording, &from, &to);
        cp_lane_backgrounds(&g->boxes, &look, from, to, g->job->theme->lane);
        cp_lane_pieces(&g->boxes, &look, &lock->lane);
        cp_lane_columns(&g->boxes, &look, &lock->lane);
        cp_lane_panel_columns(&g->boxes, &lock->place.amount, &lock->waits, top, &g->x,
                              g->colours);
    }
}

/* Coarser each time until the page can be carried. */
static gboolean build(Gil *g, GError **error)
{
    for (g->column_pt = CP_LANE_COLUMN_PT;; g->column_pt *= 2) {
        if (!read_parts(g, error)) {
            return FALSE;
        }
        cp_ticks_count(&g->ticks, most_waiting(g), 3);
        add_boxes(g);
        if (g->boxes.boxes->len + g->boxes.marks->len <= CP_LANE_BOXES_MAX) {
            return TRUE;
        }
    }
}

/* --- drawing --- */

static void draw_heading(Gil *g, const Lock *lock)
{
    CpChartJob *job = g->job;
    const CpArea *lane = &lock->place.lane;
    CpTime from = 0, to = 0;
    cp_chart_extent(job, lock->recording, &from, &to);
    g_autofree char *name = lock_name(g, lock);
    g_autofree char *full =
        job->n > 1 ? g_strdup_printf("%s · %s", job->labels[lock->recording], name)
                   : g_strdup(name);
    g_autofree char *share = cp_share_text(lock->held, to - from);
    g_autofree char *waited = cp_time_text(lock->waited);
    g_autofree char *handed = cp_count_text((int64_t)lock->n_handed);
    g_autofree char *taken = cp_count_text((int64_t)lock->n_held);
    g_autofree char *text =
        g_strdup_printf("held %s · taken %s times, %s by another thread · "
                        "threads waited %s",
                        share, taken, handed, waited);
    cp_axes_panel_heading(job->canvas, job->theme, CP_PAGE_MARGIN, lock->place.heading_y,
                          lane->x + lane->w - CP_PAGE_MARGIN, full, text);
}

static void draw_panel(Gil *g, const Lock *lock, const CpTicks *time, bool is_last)
{
    CpChartJob *job = g->job;
    const CpLanePanel *place = &lock->place;
    draw_heading(g, lock);
    CpTextStyle style = cp_theme_tick(job->theme);
    style.align = CP_ALIGN_RIGHT;
    CpPoint at = {place->lane.x - 6, place->lane.y + place->lane.h / 2};
    cp_canvas_text(job->canvas, at, style, "holder");
    CpScale y = {0, g->ticks.tick[g->ticks.n - 1].value, place->amount.y + place->amount.h,
                 place->amount.y};
    cp_axes_count(job->canvas, job->theme, &place->amount, &y, &g->ticks,
                  "threads waiting");
    cp_axes_time(job->canvas, job->theme, &place->amount, &g->x, time, is_last);
}

static void fill_legend(Gil *g)
{
    const CpCast *cast = g->job->cast;
    bool has_values = g->job->n == 1 && g->job->width >= CP_LEGEND_PAGE_MIN;
    cp_legend_init(&g->legend, "thread", has_values ? "held" : NULL);
    for (uint32_t slot = 0; slot <= cast->n_listed; slot++) {
        if (g->held[slot] + g->waits[slot] > 0) {
            const char *name =
                slot < cast->n_listed ? cast->listed[slot]->name : "other threads";
            cp_legend_add(&g->legend, g_strdup(name),
                          has_values ? cp_time_text(g->held[slot]) : NULL, g->colours[slot],
                          false);
        }
    }
    cp_legend_add(&g->legend, g_strdup("free"), NULL, g->job->theme->lane, false);
    if (g->n_forced > 0) {
        cp_legend_add(&g->legend, g_strdup("forced drop"),
                      has_values ? cp_count_text((int64_t)g->n_forced) : NULL,
                      g->job->theme->text, true);
    }
}

static void draw_caption(const Gil *g, double height)
{
    CpTime span = g->job->to - g->job->from;
    double width = lock_at(g, 0)->place.lane.w;
    g_autofree char *column = cp_time_text((CpTime)((double)span * g->column_pt / width));
    GString *text = g_string_new(NULL);
    g_string_append_printf(text,
                           "Above who holds the lock, below who waits; times below %s are "
                           "shares of columns. ",
                           column);
    g_string_append(text, g->n_forced > 0 ? "Marks: given up because asked to."
                                          : "No forced drop is recorded.");
    if (g->n_hidden > 0) {
        g_string_append_printf(text, " %u lock%s less used not shown.", g->n_hidden,
                               g->n_hidden == 1 ? "" : "s");
    }
    cp_axes_caption(g->job->canvas, g->job->theme, g->job->width,
                    height - cp_axes_caption_height(g->job->width), text->str);
    g_string_free(text, TRUE);
}

static void write_row(const Gil *g, const Lock *lock, uint32_t slot, const char *what,
                      CpTime from, CpTime to, CpTime value)
{
    const CpCast *cast = g->job->cast;
    const char *thread = slot < cast->n_listed ? cast->listed[slot]->name : "others";
    g_autofree char *name = lock_name(g, lock);
    g_autofree char *series = g_strdup_printf("%s: %s %s", name, thread, what);
    CpChartRow row = {"gil", lock->recording, "", from, to, series, value, "ns"};
    if (value > 0) {
        cp_chart_row(g->job, &row);
    }
}

static void write_bins(const Gil *g, const Lock *lock, const CpBins *bins, const char *what)
{
    for (guint i = 0; i < bins->pieces->len; i++) {
        const CpPiece *p = &g_array_index(bins->pieces, CpPiece, i);
        write_row(g, lock, p->slot, what, p->from, p->to, p->to - p->from);
    }
    for (uint32_t bin = 0; bin < bins->shape.n_bins; bin++) {
        const CpTime *ns = cp_bins_at(bins, 0, bin);
        for (uint32_t slot = 0; slot < bins->shape.n_slots; slot++) {
            write_row(g, lock, slot, what, cp_bins_edge(bins, bin),
                      cp_bins_edge(bins, bin + 1), ns[slot]);
        }
    }
}

static gboolean draw_locks(Gil *g, double top, double height, GError **error)
{
    CpChartJob *job = g->job;
    fill_legend(g);
    double left = CP_PAGE_MARGIN +
                  cp_canvas_text_width(job->canvas, cp_theme_tick(job->theme), "holder") +
                  8;
    CpArea area = cp_lane_panels_place(job, &g->legend, left, top, height);
    choose_locks(g, cp_lane_panels_room(area.h));
    for (guint i = 0; i < g->locks->len; i++) {
        lock_at(g, i)->place = cp_lane_panel_at(&area, i, g->locks->len);
    }
    g->x = (CpScale){job->from, job->to, area.x, area.x + area.w};
    if (!build(g, error)) {
        return FALSE;
    }
    CpTicks time;
    cp_ticks_time(&time, job->from, job->to, cp_axes_time_room(area.w));
    for (guint i = 0; i < g->locks->len; i++) {
        draw_panel(g, lock_at(g, i), &time, i + 1 == g->locks->len);
    }
    cp_lane_boxes_draw(&g->boxes, job->canvas);
    draw_caption(g, height);
    for (guint i = 0; i < g->locks->len && job->csv != NULL; i++) {
        write_bins(g, lock_at(g, i), &lock_at(g, i)->lane, "holds");
        write_bins(g, lock_at(g, i), &lock_at(g, i)->waits, "waits");
    }
    return TRUE;
}

static void init(Gil *g, CpChartJob *job)
{
    *g = (Gil){.job = job};
    g->locks = g_array_new(FALSE, TRUE, sizeof(Lock));
    cp_cast_list(job->cast, CP_LISTED_MAX, job->theme);
    for (uint32_t slot = 0; slot <= job->cast->n_listed; slot++) {
        g->colours[slot] = cp_cast_colour(job->cast, slot, job->theme);
    }
    cp_lane_boxes_init(&g->boxes);
}

static void clear(Gil *g)
{
    clear_parts(g);
    cp_lane_boxes_clear(&g->boxes);
    g_array_unref(g->locks);
    if (g->legend.entries != NULL) {
        cp_legend_clear(&g->legend);
    }
}

static gboolean draw(CpChartJob *job, double height, GError **error)
{
    Gil g;
    init(&g, job);
    double top = cp_chart_heading(job, &cp_chart_gil);
    gboolean ok = job->from >= job->to || count_all(&g, error);
    if (ok && g.locks->len == 0) {
        cp_lane_panels_message(
            job, top, height,
            job->from < job->to ? "no interpreter lock in this recording"
                                : "nothing was recorded",
            "Simulate a workload with 'runtime python' and a version that has a lock, or "
            "import a trace with probes on CPython's take_gil and drop_gil.");
    } else if (ok) {
        ok = draw_locks(&g, top, height, error);
    }
    clear(&g);
    return ok;
}

/* A failure to read shows when the page is drawn. */
static double natural_height(const CpChartJob *job)
{
    Gil g;
    init(&g, (CpChartJob *)job);
    count_all(&g, NULL);
    double panels = cp_lane_panels_page(job, MIN(g.locks->len, CP_LANE_PANELS_MAX));
    double height = g.locks->len > 0 ? panels : 140;
    clear(&g);
    return height;
}

const CpChartClass cp_chart_gil = {
    .info = {"gil", "who holds an interpreter's lock and who waits for it, over time",
             CP_CHART_RECORDINGS, 8, NULL},
    .title = "Interpreter locks",
    .height = natural_height,
    .draw = draw,
};
