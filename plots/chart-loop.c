#include "plots/lane-panel.h"

#include "sim/params.h"
#include "lang/diag.h"
#include "traces/walk.h"

#include <math.h>
#include <string.h>

/* What an event loop does, one panel a loop: steps of tasks, the loop's own work, polling;
 * marks above the lane are iterations.  Below, how long a callback had to wait that became
 * ready in an iteration: the length of the iteration, and how much later than its timeout
 * the poll before it came back. */

/* asyncio's slow_callback_duration: what a recording without the setting was made with. */
#define SLOW_CALLBACK (100 * CP_MS)

/* --- reading --- */

typedef enum { STEP, BLOCKED, OWN, STATES } State;

static const char *const state_names[STATES] = {"task step", "blocking call",
                                                "the loop itself"};
static const unsigned state_colours[STATES] = {0, 5, 4};

/* What steps belong to: value of the record, or -1 - id of a task without one.  Each once.
 */
typedef struct {
    GArray *values; /* int64_t */
    GHashTable *rows;
} Labels;

static uint32_t label_of(Labels *labels, int64_t value, uint32_t id)
{
    int64_t key = value > 0 ? value : -1 - (int64_t)id;
    void *row = g_hash_table_lookup(labels->rows, &key);
    if (row == NULL) {
        g_array_append_val(labels->values, key);
        row = GUINT_TO_POINTER(labels->values->len); /* row + 1 */
        int64_t *copy = g_new(int64_t, 1);
        *copy = key;
        g_hash_table_insert(labels->rows, copy, row);
    }
    return GPOINTER_TO_UINT(row) - 1;
}

/* How long a step is a blocking call: as the user says, else as the process of that thread
 * had it set when it was simulated. */
static CpTime blocking_length(const CpChartJob *job, const CpCpr *cpr, uint32_t tid)
{
    CpTime given = cp_chart_time(job->values, "blocking", 0);
    if (given > 0) {
        return given;
    }
    const char *process = "";
    if (tid < cp_cpr_n_threads(cpr)) {
        process = cp_cpr_text(cpr, cp_cpr_thread_at(cpr, tid)->process);
    }
    g_autofree char *own = g_strdup_printf("process.%s.loop.slow_callback=", process);
    g_auto(GStrv) lines =
        g_strsplit(cp_cpr_text(cpr, cp_cpr_info(cpr)->settings), "\n", -1);
    CpTime length = 0;
    for (char **line = lines; *line != NULL; line++) {
        const char *key = g_str_has_prefix(*line, own) ? own : "loop.slow_callback=";
        if (g_str_has_prefix(*line, key) &&
            cp_parse_time(*line + strlen(key), &length, NULL) && length > 0) {
            return length;
        }
    }
    return SLOW_CALLBACK;
}

/* --- what there is --- */

typedef struct {
    size_t recording;
    uint32_t loop;
    CpTime spent[STATES];
    uint64_t n_steps, n_blocked, n_iterations;
    CpTime longest, lag; /* step; callback's wait */
    uint32_t longest_task;
    CpTime blocking; /* steps as long as this are blocking calls */
    CpLanePanel place;
    CpBins lane;
    CpTime *wait, *late; /* [bin]: of the iteration with the longest wait; owned */
    bool has_bins;
    double mark_end; /* of the last mark */
} Loop;

typedef struct {
    CpChartJob *job;
    GArray *loops; /* Loop; those shown after choose_loops */
    Labels labels;
    uint32_t n_hidden; /* loops without room */
    CpTime spent[STATES];
    uint64_t n_blocked, n_iterations;
    CpColour colours[STATES + 1]; /* [state]; the last: lateness */
    CpLegend legend;
    CpScale x;
    CpTicks ticks;        /* of waits, in units */
    const CpSuffix *unit; /* of lags */
    CpLaneBoxes boxes;
    double column_pt;
    size_t recording; /* being read */
    CpTime until;     /* end of the window in it */
} Chart;

/* What the window shows of the loops of one recording.  Read from the start, so that what
 * goes on at the start of the window is known, and beyond its end, so that it is known how
 * long what began in it lasts. */
static gboolean walk_loops(Chart *chart, size_t recording, const CpTimelineHooks *hooks,
                           GError **error)
{
    CpWalk walk = {0};
    chart->recording = recording;
    return !cp_chart_extent(chart->job, recording, &walk.from, &chart->until) ||
           cp_walk(chart->job->recordings[recording], &walk, hooks, chart, error);
}

static gboolean walk_all(Chart *chart, const CpTimelineHooks *hooks, GError **error)
{
    for (size_t i = 0; i < chart->job->n; i++) {
        if (!walk_loops(chart, i, hooks, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static Loop *loop_at(const Chart *chart, guint i)
{
    return &g_array_index(chart->loops, Loop, i);
}

static Loop *find_loop(const Chart *chart, uint32_t id)
{
    for (guint i = chart->loops->len; i-- > 0;) {
        Loop *loop = loop_at(chart, i);
        if (loop->recording == chart->recording && loop->loop == id) {
            return loop;
        }
    }
    return NULL;
}

/* The first span or iteration of a loop adds it. */
static Loop *found_loop(Chart *chart, uint32_t id, uint32_t thread)
{
    Loop *loop = find_loop(chart, id);
    if (loop == NULL) {
        const CpCpr *cpr = chart->job->recordings[chart->recording];
        Loop fresh = {.recording = chart->recording,
                      .loop = id,
                      .blocking = blocking_length(chart->job, cpr, thread)};
        g_array_append_val(chart->loops, fresh);
        loop = loop_at(chart, chart->loops->len - 1);
    }
    return loop;
}

static State state_of(const Loop *loop, const CpLoopSpan *span)
{
    bool blocks = span->to - span->since >= loop->blocking;
    return span->state == CP_LOOP_OWN ? OWN : blocks ? BLOCKED : STEP;
}

/* What of the span is in the window; 0: nothing. */
static CpTime shown_length(const Chart *chart, const CpLoopSpan *span)
{
    CpTime to = MIN(span->to, chart->until);
    return span->state != CP_LOOP_POLLS && span->from < to ? to - span->from : 0;
}

static void count_span(void *data, const CpLoopSpan *span)
{
    Chart *chart = data;
    CpTime length = shown_length(chart, span);
    if (length == 0) {
        return;
    }
    Loop *loop = found_loop(chart, span->loop, span->thread);
    State state = state_of(loop, span);
    loop->spent[state] += length;
    chart->spent[state] += length;
    loop->n_steps += state != OWN;
    loop->n_blocked += state == BLOCKED;
    chart->n_blocked += state == BLOCKED;
    if (state != OWN && length > loop->longest) {
        loop->longest = length;
        loop->longest_task = label_of(&chart->labels, span->label, span->task);
    }
}

static void count_iteration(void *data, const CpIteration *it)
{
    Chart *chart = data;
    if (it->begin > chart->until) {
        return;
    }
    Loop *loop = found_loop(chart, it->loop, it->thread);
    loop->n_iterations++;
    chart->n_iterations++;
    loop->lag = MAX(loop->lag, it->end - it->begin + it->late);
}

static gboolean count_all(Chart *chart, GError **error)
{
    const CpTimelineHooks hooks = {.loop = count_span, .iteration = count_iteration};
    return walk_all(chart, &hooks, error);
}

static int by_place(const void *a, const void *b)
{
    const Loop *x = a, *y = b;
    if (x->recording != y->recording) {
        return x->recording < y->recording ? -1 : 1;
    }
    return x->loop != y->loop ? (x->loop < y->loop ? -1 : 1) : 0;
}

static int by_lag(const void *a, const void *b)
{
    const Loop *x = a, *y = b;
    return x->lag != y->lag ? (x->lag > y->lag ? -1 : 1) : by_place(a, b);
}

/* Keeps the loops that kept callbacks waiting longest, in order of their numbers. */
static void choose_loops(Chart *chart, unsigned room)
{
    g_array_sort(chart->loops, by_lag);
    if (chart->loops->len > room) {
        chart->n_hidden = chart->loops->len - room;
        g_array_set_size(chart->loops, room);
    }
    g_array_sort(chart->loops, by_place);
}

/* New text: as the recording names it, else its number. */
static char *loop_name(const Chart *chart, const Loop *loop)
{
    const CpCpr *cpr = chart->job->recordings[loop->recording];
    const char *given = cp_cpr_name_at(cpr, CP_REC_LOOP_READY, loop->loop);
    return given[0] != '\0' ? cp_clean_text(given, -1)
                            : g_strdup_printf("loop %u", loop->loop + 1);
}

/* New text: "Task-3 fetch", as Python names the task and its function; a callback is its
 * function. */
static char *task_name(const Chart *chart, const Loop *loop, uint32_t label)
{
    int64_t value = g_array_index(chart->labels.values, int64_t, label);
    if (value < 0) {
        return g_strdup_printf("task %" G_GINT64_FORMAT, -1 - value);
    }
    const CpCpr *cpr = chart->job->recordings[loop->recording];
    g_autofree char *function = cp_clean_text(
        cp_cpr_name_at(cpr, CP_REC_TASK_CREATE, CP_RECORD_FUNCTION(value)), -1);
    uint32_t number = CP_RECORD_TASK_NUMBER(value);
    if (number == 0) {
        return function[0] != '\0' ? g_steal_pointer(&function) : g_strdup("callback");
    }
    return g_strdup_printf("Task-%u%s%s", number, function[0] != '\0' ? " " : "", function);
}

/* --- boxes --- */

static uint32_t bin_at(const CpBins *bins, CpTime at)
{
    const CpBinsShape *shape = &bins->shape;
    double part = (double)(at - shape->from) / (double)(shape->to - shape->from);
    double bin = floor(part * shape->n_bins);
    return (uint32_t)CLAMP(bin, 0, (double)shape->n_bins - 1);
}

/* An iteration is drawn over its columns, in each of which the longest wait counts. */
static void add_iteration(void *data, const CpIteration *it)
{
    Chart *chart = data;
    Loop *loop = find_loop(chart, it->loop);
    if (loop == NULL || it->begin > chart->until) {
        return; /* not shown */
    }
    if (it->begin >= chart->job->from) {
        cp_lane_panel_mark(&chart->boxes, &loop->place.marks,
                           cp_scale_at(&chart->x, it->begin), chart->job->theme->muted,
                           &loop->mark_end);
    }
    CpTime wait = it->end - it->begin + it->late;
    uint32_t last = bin_at(&loop->lane, it->end);
    for (uint32_t bin = bin_at(&loop->lane, it->begin); bin <= last; bin++) {
        if (wait > loop->wait[bin]) {
            loop->wait[bin] = wait;
            loop->late[bin] = it->late;
        }
    }
}

static void add_span(void *data, const CpLoopSpan *span)
{
    Chart *chart = data;
    Loop *loop = find_loop(chart, span->loop);
    CpTime length = shown_length(chart, span);
    if (loop != NULL && length > 0) {
        uint32_t task = label_of(&chart->labels, span->label, span->task);
        cp_bins_add(&loop->lane, 0, task, state_of(loop, span), span->from,
                    span->from + length);
    }
}

static void clear_parts(Chart *chart)
{
    for (guint i = 0; i < chart->loops->len; i++) {
        Loop *loop = loop_at(chart, i);
        if (loop->has_bins) {
            cp_bins_clear(&loop->lane);
            g_free(loop->wait);
            g_free(loop->late);
            loop->has_bins = false;
        }
    }
    cp_lane_boxes_reset(&chart->boxes);
}

static void init_bins(Chart *chart, Loop *loop)
{
    CpBinsShape shape = {
        .from = chart->job->from,
        .to = chart->job->to,
        .n_cpus = 1,
        .cpus_per_lane = 1,
        .n_bins = (uint32_t)MAX(loop->place.lane.w / chart->column_pt, 1),
        .n_slots = STATES,
    };
    cp_bins_init(&loop->lane, &shape);
    loop->wait = g_new0(CpTime, shape.n_bins);
    loop->late = g_new0(CpTime, shape.n_bins);
    loop->has_bins = true;
    loop->mark_end = 0;
}

static gboolean read_parts(Chart *chart, GError **error)
{
    const CpTimelineHooks hooks = {.loop = add_span, .iteration = add_iteration};
    clear_parts(chart);
    for (guint i = 0; i < chart->loops->len; i++) {
        init_bins(chart, loop_at(chart, i));
    }
    return walk_all(chart, &hooks, error);
}

/* Two boxes on each other: the iteration, then what the poll was late. */
static void add_waits(Chart *chart, const Loop *loop)
{
    const CpArea *area = &loop->place.amount;
    CpTime top = chart->ticks.tick[chart->ticks.n - 1].value * chart->unit->size;
    CpScale y = {0, top, area->y + area->h, area->y};
    double bottom = y.start;
    for (uint32_t bin = 0, next; bin < loop->lane.shape.n_bins; bin = next) {
        CpTime wait = loop->wait[bin], late = loop->late[bin];
        next = bin + 1;
        while (next < loop->lane.shape.n_bins && loop->wait[next] == wait &&
               loop->late[next] == late) {
            next++;
        }
        double x0 = cp_scale_at(&chart->x, cp_bins_edge(&loop->lane, bin));
        double x1 = cp_scale_at(&chart->x, cp_bins_edge(&loop->lane, next));
        double middle = cp_scale_at(&y, wait - late), high = cp_scale_at(&y, wait);
        CpBox boxes[2] = {{x0, middle, x1 - x0, bottom - middle, chart->colours[STEP]},
                          {x0, high, x1 - x0, middle - high, chart->colours[STATES]}};
        for (int i = 0; i < 2; i++) {
            if (boxes[i].h >= 0.1) {
                g_array_append_val(chart->boxes.boxes, boxes[i]);
            }
        }
    }
}

static CpLaneLook look_of(const Chart *chart, const Loop *loop)
{
    return (CpLaneLook){loop->place.lane, &chart->x, 1, chart->colours};
}

static void add_boxes(Chart *chart)
{
    for (guint i = 0; i < chart->loops->len; i++) {
        Loop *loop = loop_at(chart, i);
        CpLaneLook look = look_of(chart, loop);
        CpTime from, to;
        cp_chart_extent(chart->job, loop->recording, &from, &to);
        cp_lane_backgrounds(&chart->boxes, &look, from, to, chart->job->theme->lane);
        cp_lane_pieces(&chart->boxes, &look, &loop->lane);
        cp_lane_columns(&chart->boxes, &look, &loop->lane);
        add_waits(chart, loop);
    }
}

static void choose_unit(Chart *chart)
{
    CpTime most = 1;
    for (guint i = 0; i < chart->loops->len; i++) {
        most = MAX(most, loop_at(chart, i)->lag);
    }
    chart->unit = cp_suffix_for(CP_DIM_TIME, MAX(most / 2, CP_US));
    cp_ticks_count(&chart->ticks, (most + chart->unit->size - 1) / chart->unit->size, 3);
}

/* Coarser each time until the page can be carried. */
static gboolean build(Chart *chart, GError **error)
{
    choose_unit(chart);
    for (chart->column_pt = CP_LANE_COLUMN_PT;; chart->column_pt *= 2) {
        if (!read_parts(chart, error)) {
            return FALSE;
        }
        add_boxes(chart);
        if (chart->boxes.boxes->len + chart->boxes.marks->len <= CP_LANE_BOXES_MAX) {
            return TRUE;
        }
    }
}

/* --- drawing --- */

static void draw_heading(Chart *chart, const Loop *loop)
{
    CpChartJob *job = chart->job;
    const CpArea *lane = &loop->place.lane;
    g_autofree char *name = loop_name(chart, loop);
    g_autofree char *full =
        job->n > 1 ? g_strdup_printf("%s · %s", job->labels[loop->recording], name)
                   : g_strdup(name);
    g_autofree char *task =
        loop->n_steps > 0 ? task_name(chart, loop, loop->longest_task) : NULL;
    g_autofree char *longest = cp_time_text(loop->longest);
    g_autofree char *lag = cp_time_text(loop->lag);
    g_autofree char *steps = cp_count_text((int64_t)loop->n_steps);
    g_autofree char *iterations = cp_count_text((int64_t)loop->n_iterations);
    g_autofree char *text =
        loop->n_steps > 0
            ? g_strdup_printf("%s iterations, %s steps · longest step %s (%s) · "
                              "longest wait %s",
                              iterations, steps, longest, task, lag)
            : g_strdup_printf("%s iterations, no steps · longest wait %s", iterations, lag);
    cp_axes_panel_heading(job->canvas, job->theme, CP_PAGE_MARGIN, loop->place.heading_y,
                          lane->x + lane->w - CP_PAGE_MARGIN, full, text);
}

/* Tasks and lengths inside blocking calls that are wide enough. */
static void draw_blocked_names(Chart *chart, const Loop *loop)
{
    const CpBins *bins = &loop->lane;
    CpTextStyle style = {7.5, cp_theme_ink(chart->colours[BLOCKED]), CP_ALIGN_LEFT, false};
    for (guint i = 0; i < bins->pieces->len && loop->place.lane.h >= 12; i++) {
        const CpPiece *piece = &g_array_index(bins->pieces, CpPiece, i);
        double x0 = cp_scale_at(&chart->x, piece->from);
        double x1 = cp_scale_at(&chart->x, piece->to);
        if (piece->slot != BLOCKED || x1 - x0 < 24) {
            continue;
        }
        g_autofree char *name = task_name(chart, loop, piece->tid);
        g_autofree char *length = cp_time_text(piece->to - piece->from);
        g_autofree char *text = g_strdup_printf("%s: %s", name, length);
        const char *best =
            cp_canvas_text_width(chart->job->canvas, style, text) <= x1 - x0 - 7 ? text
                                                                                 : length;
        if (cp_canvas_text_width(chart->job->canvas, style, best) <= x1 - x0 - 7) {
            CpPoint at = {x0 + 3, loop->place.lane.y + loop->place.lane.h / 2};
            cp_canvas_text(chart->job->canvas, at, style, best);
        }
    }
}

static void draw_panel(Chart *chart, const Loop *loop, const CpTicks *time, bool is_last)
{
    CpChartJob *job = chart->job;
    const CpLanePanel *place = &loop->place;
    draw_heading(chart, loop);
    CpTextStyle style = cp_theme_tick(job->theme);
    style.align = CP_ALIGN_RIGHT;
    CpPoint at = {place->lane.x - 6, place->lane.y + place->lane.h / 2};
    cp_canvas_text(job->canvas, at, style, "loop");
    CpScale y = {0, chart->ticks.tick[chart->ticks.n - 1].value,
                 place->amount.y + place->amount.h, place->amount.y};
    g_autofree char *title =
        g_strdup_printf("lag: longest wait of a callback [%s]", cp_unit_name(chart->unit));
    cp_axes_count(job->canvas, job->theme, &place->amount, &y, &chart->ticks, title);
    cp_axes_time(job->canvas, job->theme, &place->amount, &chart->x, time, is_last);
}

static void fill_legend(Chart *chart)
{
    bool has_values = chart->job->n == 1 && chart->job->width >= CP_LEGEND_PAGE_MIN;
    const CpTheme *theme = chart->job->theme;
    cp_legend_init(&chart->legend, "event loop", has_values ? "time" : NULL);
    for (int s = 0; s < STATES; s++) {
        char *name = s == BLOCKED && chart->n_blocked > 0 && has_values
                         ? g_strdup_printf("%s (%" G_GUINT64_FORMAT ")", state_names[s],
                                           chart->n_blocked)
                         : g_strdup(state_names[s]);
        cp_legend_add(&chart->legend, name,
                      has_values ? cp_time_text(chart->spent[s]) : NULL, chart->colours[s],
                      false);
    }
    cp_legend_add(&chart->legend, g_strdup("polling"), NULL, theme->lane, false);
    cp_legend_add(&chart->legend, g_strdup("poll came late"), NULL, chart->colours[STATES],
                  false);
    cp_legend_add(&chart->legend, g_strdup("iteration"),
                  has_values ? cp_count_text((int64_t)chart->n_iterations) : NULL,
                  theme->muted, true);
}

static void draw_caption(const Chart *chart, double height)
{
    CpTime least = CP_NEVER, most = 0;
    for (guint i = 0; i < chart->loops->len; i++) {
        least = MIN(least, loop_at(chart, i)->blocking);
        most = MAX(most, loop_at(chart, i)->blocking);
    }
    g_autofree char *blocking = cp_time_text(least);
    g_autofree char *longer = cp_time_text(most);
    GString *text = g_string_new(NULL);
    g_string_append_printf(
        text,
        "Steps last until the next one or the poll; blocking: from %s%s%s "
        "on. Lag: the iteration's length and its poll's lateness.",
        blocking, least < most ? " to " : "", least < most ? longer : "");
    if (chart->n_hidden > 0) {
        g_string_append_printf(text, " %u loop%s with less lag not shown.", chart->n_hidden,
                               chart->n_hidden == 1 ? "" : "s");
    }
    cp_axes_caption(chart->job->canvas, chart->job->theme, chart->job->width,
                    height - cp_axes_caption_height(chart->job->width), text->str);
    g_string_free(text, TRUE);
}

static void write_row(const Chart *chart, const Loop *loop, const char *what, CpTime from,
                      CpTime to, CpTime value)
{
    g_autofree char *name = loop_name(chart, loop);
    g_autofree char *series = g_strdup_printf("%s: %s", name, what);
    CpChartRow row = {"loop", loop->recording, "", from, to, series, value, "ns"};
    if (value > 0) {
        cp_chart_row(chart->job, &row);
    }
}

static void write_rows(const Chart *chart, const Loop *loop)
{
    const CpBins *bins = &loop->lane;
    for (guint i = 0; i < bins->pieces->len; i++) {
        const CpPiece *p = &g_array_index(bins->pieces, CpPiece, i);
        write_row(chart, loop, state_names[p->slot], p->from, p->to, p->to - p->from);
    }
    for (uint32_t bin = 0; bin < bins->shape.n_bins; bin++) {
        CpTime from = cp_bins_edge(bins, bin), to = cp_bins_edge(bins, bin + 1);
        for (uint32_t slot = 0; slot < STATES; slot++) {
            write_row(chart, loop, state_names[slot], from, to,
                      cp_bins_at(bins, 0, bin)[slot]);
        }
        write_row(chart, loop, "lag", from, to, loop->wait[bin]);
    }
}

static gboolean draw_loops(Chart *chart, double top, double height, GError **error)
{
    CpChartJob *job = chart->job;
    fill_legend(chart);
    choose_unit(chart);
    CpTextStyle style = cp_theme_tick(job->theme);
    double left = CP_PAGE_MARGIN +
                  MAX(cp_canvas_text_width(job->canvas, style, "loop") + 8,
                      ceil(cp_axes_count_width(job->canvas, job->theme, &chart->ticks)));
    CpArea area = cp_lane_panels_place(job, &chart->legend, left, top, height);
    choose_loops(chart, cp_lane_panels_room(area.h));
    for (guint i = 0; i < chart->loops->len; i++) {
        loop_at(chart, i)->place = cp_lane_panel_at(&area, i, chart->loops->len);
    }
    chart->x = (CpScale){job->from, job->to, area.x, area.x + area.w};
    if (!build(chart, error)) {
        return FALSE;
    }
    CpTicks time;
    cp_ticks_time(&time, job->from, job->to, cp_axes_time_room(area.w));
    for (guint i = 0; i < chart->loops->len; i++) {
        draw_panel(chart, loop_at(chart, i), &time, i + 1 == chart->loops->len);
    }
    cp_lane_boxes_draw(&chart->boxes, job->canvas);
    for (guint i = 0; i < chart->loops->len; i++) {
        draw_blocked_names(chart, loop_at(chart, i));
    }
    draw_caption(chart, height);
    for (guint i = 0; i < chart->loops->len && job->csv != NULL; i++) {
        write_rows(chart, loop_at(chart, i));
    }
    return TRUE;
}

static void init(Chart *chart, CpChartJob *job)
{
    *chart = (Chart){.job = job};
    chart->loops = g_array_new(FALSE, TRUE, sizeof(Loop));
    chart->labels.values = g_array_new(FALSE, FALSE, sizeof(int64_t));
    chart->labels.rows = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    for (int s = 0; s < STATES; s++) {
        chart->colours[s] = cp_theme_colour(job->theme, state_colours[s]);
    }
    chart->colours[STATES] = cp_theme_colour(job->theme, 1);
    cp_lane_boxes_init(&chart->boxes);
}

static void clear(Chart *chart)
{
    clear_parts(chart);
    cp_lane_boxes_clear(&chart->boxes);
    g_array_unref(chart->loops);
    g_array_unref(chart->labels.values);
    g_hash_table_unref(chart->labels.rows);
    if (chart->legend.entries != NULL) {
        cp_legend_clear(&chart->legend);
    }
}

static gboolean draw(CpChartJob *job, double height, GError **error)
{
    Chart chart;
    init(&chart, job);
    double top = cp_chart_heading(job, &cp_chart_loop);
    gboolean ok = job->from >= job->to || count_all(&chart, error);
    if (ok && chart.loops->len == 0) {
        cp_lane_panels_message(job, top, height,
                               job->from < job->to ? "no event loop in this recording"
                                                   : "nothing was recorded",
                               "Simulate a workload of an asyncio program; recordings of "
                               "real programs do not tell what their loops do.");
    } else if (ok) {
        ok = draw_loops(&chart, top, height, error);
    }
    clear(&chart);
    return ok;
}

/* A failure to read shows when the page is drawn. */
static double natural_height(const CpChartJob *job)
{
    Chart chart;
    init(&chart, (CpChartJob *)job);
    count_all(&chart, NULL);
    unsigned n = MIN(chart.loops->len, CP_LANE_PANELS_MAX);
    clear(&chart);
    return n > 0 ? cp_lane_panels_page(job, n) : 140;
}

static const CpChartOption own_options[] = {
    {"blocking", CP_CHART_TIME, "TIME",
     "steps this long are blocking calls (default: loop.slow_callback of the recorded run, "
     "100ms)"},
    {NULL, CP_CHART_FLAG, NULL, NULL},
};

const CpChartClass cp_chart_loop = {
    .info = {"loop", "iterations, lag and blocking calls of event loops, over time",
             CP_CHART_RECORDINGS, 8, own_options},
    .title = "Event loops",
    .height = natural_height,
    .draw = draw,
};
