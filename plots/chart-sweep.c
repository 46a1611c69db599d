#include "plots/chart-job.h"

#include "models/registry.h"
#include "plots/output.h"
#include "sim/error.h"
#include "sim/params.h"
#include "sweeps/figure.h"
#include "sweeps/query.h"
#include "lang/diag.h"

#include <math.h>
#include <string.h>

/* The chart of a sweep: a metric over an axis, one line for each value of another with its
 * 95 % interval over the repeats, bars if the axis has names, or a heat map over two axes.
 * Points stand where their value is; runs that failed are told, not drawn. */

enum { LINES_MAX = 12, CELLS_MAX = 10000, LABEL_STEP = 12, LEVEL = 1000000 };

#define DEFAULT_WIDTH  620.0
#define DEFAULT_HEIGHT 360.0
#define SIZE_MIN       200.0
#define LABEL_MAX      150.0
#define VALUE_MAX      4e18 /* axes are whole numbers, and reach a little beyond */

/* What is asked for. */
typedef struct {
    const char *file; /* result file, or lines of JSON */
    const char *x;    /* axis; NULL: the first one */
    const char *y;    /* metric; NULL: makespan */
    const char *by;   /* axes of the lines, "a,b"; NULL: the second one, if there is one */
    const char *heat; /* axis upwards of a heat map, or NULL: lines */
    const char *filter; /* as for query, or NULL */
    bool log;           /* equal factors are equally far upwards, or in colour */
} Wanted;

/* One mean with its interval. */
typedef struct {
    unsigned x, line; /* index of the value */
    double mean, ci;  /* in units of the axis; ci NAN: one repeat */
} Dot;

typedef struct {
    const Wanted *chart;
    const CpTheme *theme;
    CpCanvas *canvas;
    CpTableData *data;                 /* x, n_by columns of the line, mean, ci95 */
    unsigned n_by;                     /* axes that tell the lines apart, 0: one line */
    const CpQueryColumn *y;            /* of the mean */
    GPtrArray *xs, *lines;             /* text of the values, sorted if they are numbers */
    GArray *dots;                      /* Dot */
    double scale;                      /* from the metric's unit to that of the ticks */
    char *x_name, *line_name, *y_name; /* line_name NULL: one line */
    GString *others;                   /* axes that are neither shown nor filtered */
    double *at;                        /* place of each x value, 0 to 1 */
    bool has_words;                    /* x values are names: nothing lies between them */
    bool is_log;                       /* x values lie by their logarithms */
    char *failures;                    /* what is said of runs that failed; NULL: none */
    double width, height;
} Sweep;

/* --- data --- */

/* The values of neighbouring columns: "off, 4". */
static char *text_of(const CpTableData *data, const CpCell *cells, guint column,
                     guint n_columns)
{
    GString *text = g_string_new(NULL);
    for (guint i = column; i < column + n_columns; i++) {
        g_autofree char *own = cp_cell_text(&cells[i], data->columns->pdata[i], true);
        g_string_append_printf(text, "%s%s", i > column ? ", " : "", own);
    }
    return g_string_free(text, FALSE);
}

static int find_value(const GPtrArray *values, const char *text)
{
    for (guint i = 0; i < values->len; i++) {
        if (strcmp(values->pdata[i], text) == 0) {
            return (int)i;
        }
    }
    return -1;
}

/* Numbers go upwards; words, and values of several columns, keep the order of the sweep. */
static void collect(const CpTableData *data, guint column, guint n_columns,
                    GPtrArray *values, GArray *numbers)
{
    for (guint r = 0; r < data->rows->len; r++) {
        const CpCell *cells = data->rows->pdata[r];
        g_autofree char *text = text_of(data, cells, column, n_columns);
        if (find_value(values, text) >= 0) {
            continue;
        }
        const CpCell *cell = &cells[column];
        double number = n_columns == 1 && cell->kind == CP_CELL_NUMBER ? cell->number : NAN;
        if (values->len > CELLS_MAX) {
            return; /* refused for their number */
        }
        guint at = values->len;
        while (at > 0 && number < g_array_index(numbers, double, at - 1)) {
            at--;
        }
        g_ptr_array_insert(values, (gint)at, g_steal_pointer(&text));
        g_array_insert_val(numbers, at, number);
    }
}

/* Places on the axis: numbers by size, or by their logarithm when they span much; words
 * evenly. */
static void place(Sweep *s, const GArray *numbers)
{
    guint n = numbers->len;
    s->at = g_new0(double, n + 1);
    double low = n > 0 ? g_array_index(numbers, double, 0) : 0;
    double high = n > 0 ? g_array_index(numbers, double, n - 1) : 0;
    bool numeric = s->chart->heat == NULL;
    for (guint i = 0; i < n; i++) {
        numeric = numeric && isfinite(g_array_index(numbers, double, i));
    }
    s->has_words = !numeric && s->chart->heat == NULL;
    s->is_log = numeric && low > 0 && high / low >= 8;
    for (guint i = 0; i < n; i++) {
        double v = g_array_index(numbers, double, i);
        if (!numeric || !(high > low)) {
            s->at[i] = ((double)i + 0.5) / n;
        } else if (s->is_log) {
            s->at[i] = log(v / low) / log(high / low);
        } else {
            s->at[i] = (v - low) / (high - low);
        }
    }
}

/* The smallest mean above zero; 0: there is none. */
static double smallest(const Sweep *s)
{
    double low = 0;
    for (guint i = 0; i < s->dots->len; i++) {
        double mean = g_array_index(s->dots, Dot, i).mean;
        low = mean > 0 && (low == 0 || mean < low) ? mean : low;
    }
    return low;
}

static gboolean check_numbers(const Sweep *s, GError **error)
{
    bool lines_fit = s->chart->heat != NULL || s->lines->len <= LINES_MAX;
    if (!lines_fit || (uint64_t)s->xs->len * s->lines->len > CELLS_MAX) {
        g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                    "'%s' has %u values, too many for %s; use --filter, or --heat %s",
                    s->line_name != NULL ? s->line_name : s->x_name,
                    s->line_name != NULL ? s->lines->len : s->xs->len,
                    lines_fit ? "a chart" : "lines",
                    s->line_name != NULL ? s->line_name : "AXIS");
        return FALSE;
    }
    return TRUE;
}

static gboolean read_dots(Sweep *s, GError **error)
{
    guint mean = 1 + s->n_by;
    g_autoptr(GArray) x_numbers = g_array_new(FALSE, FALSE, sizeof(double));
    g_autoptr(GArray) line_numbers = g_array_new(FALSE, FALSE, sizeof(double));
    s->y = s->data->columns->pdata[mean];
    s->scale = s->y->is_metric ? cp_figure_shown(s->y->unit, 1) : 1;
    collect(s->data, 0, 1, s->xs, x_numbers);
    if (s->n_by > 0) {
        collect(s->data, 1, s->n_by, s->lines, line_numbers);
    } else {
        g_ptr_array_add(s->lines, g_strdup(""));
    }
    if (!check_numbers(s, error)) {
        return FALSE;
    }
    place(s, x_numbers);
    for (guint r = 0; r < s->data->rows->len; r++) {
        const CpCell *cells = s->data->rows->pdata[r];
        g_autofree char *x = text_of(s->data, cells, 0, 1);
        g_autofree char *line = text_of(s->data, cells, 1, s->n_by);
        Dot dot = {.x = (unsigned)find_value(s->xs, x),
                   .line = s->n_by > 0 ? (unsigned)find_value(s->lines, line) : 0,
                   .mean = cells[mean].number * s->scale,
                   .ci = cells[mean + 1].kind == CP_CELL_NUMBER
                             ? cells[mean + 1].number * s->scale
                             : NAN};
        if (cells[mean].kind == CP_CELL_NUMBER) {
            g_array_append_val(s->dots, dot);
        }

        if (cells[mean].kind == CP_CELL_NUMBER &&
            !(fabs(dot.mean) + (isnan(dot.ci) ? 0 : dot.ci) < VALUE_MAX)) {
            g_set_error(error, CP_ERROR, CP_ERROR_INPUT,
                        "values of '%s' are too large to be drawn", s->y_name);
            return FALSE;
        }
    }
    if (s->dots->len == 0) {
        g_set_error(error, CP_ERROR, CP_ERROR_USAGE, "no run has a value of '%s'%s%s",
                    s->y_name, s->failures != NULL ? ". " : "",
                    s->failures != NULL ? s->failures : "");
        return FALSE;
    }
    if (s->chart->log && smallest(s) <= 0) {
        g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                    "--log: no value of '%s' is above zero", s->y_name);
        return FALSE;
    }
    return TRUE;
}

/* An axis by its name or the last part of it. */
static bool is_axis(const char *axis, const char *name)
{
    g_autofree char *tail = g_strconcat(".", name, NULL);
    return strcmp(axis, name) == 0 || g_str_has_suffix(axis, tail);
}

enum { FAILURES_NAMED = 2 };

/* Which runs failed, and why: the first few. */
static void tell_failures(Sweep *s)
{
    const Wanted *c = s->chart;
    g_autofree char *axes = s->line_name != NULL
                                ? g_strdup_printf("%s,%s", s->x_name, s->line_name)
                                : g_strdup(s->x_name);
    g_autofree char *columns = g_strconcat(axes, ",outcome,error", NULL);
    guint n_axes = 1 + s->n_by;
    g_autofree char *filter = c->filter != NULL
                                  ? g_strdup_printf("(%s) and failed == 1", c->filter)
                                  : g_strdup("failed == 1");
    char *const files[] = {(char *)c->file, NULL};
    CpQuery query = {.files = files, .columns = columns, .filter = filter};
    CpTableData *data = s->data->n_failed > 0 ? cp_query_run(&query, NULL) : NULL;
    g_autoptr(GString) said = g_string_new(NULL);
    g_autoptr(GPtrArray) seen = g_ptr_array_new_with_free_func(g_free);
    for (guint r = 0; data != NULL && r < data->rows->len; r++) {
        const CpCell *cells = data->rows->pdata[r];
        g_autofree char *at = text_of(data, cells, 0, n_axes);
        g_autofree char *outcome = text_of(data, cells, n_axes, 1);
        g_autofree char *why = text_of(data, cells, n_axes + 1, 1);
        const char *reason = strcmp(outcome, "refused") == 0 ? why : outcome;
        char *text =
            g_strdup_printf("%s: %.*s", at, (int)MIN(strcspn(reason, "\n"), 60), reason);
        if (find_value(seen, text) < 0 && seen->len < FAILURES_NAMED) {
            g_string_append_printf(said, "%s%s", seen->len > 0 ? "; " : "", text);
            g_ptr_array_add(seen, text);
        } else {
            g_free(text);
        }
    }
    cp_table_data_free(data);
    if (s->data->n_failed > 0) {
        s->failures =
            g_strdup_printf("Not drawn: %" G_GUINT64_FORMAT " run%s that failed%s%s%s.",
                            s->data->n_failed, s->data->n_failed == 1 ? "" : "s",
                            said->len > 0 ? " (" : "", said->str, said->len > 0 ? ")" : "");
    }
}

static gboolean load(Sweep *s, GError **error)
{
    const Wanted *c = s->chart;
    uint32_t repeats;
    g_auto(GStrv) axes = cp_query_axes(c->file, &repeats, error);
    if (axes == NULL) {
        return FALSE;
    }
    const char *x = c->x != NULL ? c->x : axes[0];
    if (x == NULL) {
        g_set_error(error, CP_ERROR, CP_ERROR_USAGE, "which axis? for example: -x cores");
        return FALSE;
    }
    const char *line = c->heat != NULL ? c->heat : c->by;
    for (char **axis = axes; line == NULL && *axis != NULL; axis++) {
        line = strcmp(*axis, x) != 0 ? *axis : NULL;
    }
    g_auto(GStrv) by = g_strsplit(line != NULL ? line : "", ",", -1);
    s->n_by = g_strv_length(by);
    if (c->heat != NULL && s->n_by > 1) {
        g_set_error(error, CP_ERROR, CP_ERROR_USAGE, "--heat takes one axis");
        return FALSE;
    }
    for (char **axis = axes; *axis != NULL; axis++) {
        bool shown = is_axis(*axis, x);
        for (char **name = by; *name != NULL; name++) {
            shown = shown || is_axis(*axis, g_strstrip(*name));
        }
        const char *tail = strrchr(*axis, '.');
        bool filtered =
            c->filter != NULL && strstr(c->filter, tail != NULL ? tail + 1 : *axis) != NULL;
        if (!shown && !filtered) {
            g_string_append_printf(s->others, "%s%s", s->others->len > 0 ? ", " : "",
                                   *axis);
        }
    }
    s->x_name = g_strdup(x);
    s->line_name = line != NULL ? g_strjoinv(", ", by) : NULL;
    s->y_name = g_strdup(c->y != NULL ? c->y : "makespan");
    g_autofree char *group = g_strjoin(",", x, line, NULL);
    g_autofree char *show = g_strdup_printf("mean(%s) ci95(%s)", s->y_name, s->y_name);
    char *const files[] = {(char *)c->file, NULL};
    CpQuery query = {.files = files, .filter = c->filter, .group = group, .show = show};
    s->data = cp_query_run(&query, error);
    if (s->data != NULL) {
        tell_failures(s);
    }
    return s->data != NULL && read_dots(s, error);
}

/* --- axes --- */

static double largest(const Sweep *s)
{
    double top = 0;
    for (guint i = 0; i < s->dots->len; i++) {
        const Dot *d = &g_array_index(s->dots, Dot, i);
        top = MAX(top, d->mean + (isnan(d->ci) ? 0 : d->ci));
    }
    return top;
}

/* Where a value lies on a logarithmic axis, in millionths of a factor of ten. */
static int64_t level_of(double value)
{
    return (int64_t)llround(log10(value) * LEVEL);
}

static bool is_time(const Sweep *s)
{
    return s->y->is_metric && cp_units[s->y->unit].dim == CP_DIM_TIME;
}

/* New text: the metric and the unit its values are shown in, if it is not itself one. */
static char *titled(const Sweep *s)
{
    const char *unit = s->y->is_metric ? cp_units[s->y->unit].shown : "";
    return *unit != '\0' ? g_strdup_printf("%s [%s]", s->y_name, unit)
                         : g_strdup(s->y_name);
}

/* 1, 2 and 5 times the powers of ten, or these alone if there are many. */
static CpScale make_log_axis(const Sweep *s, CpTicks *ticks, char **title)
{
    double low = smallest(s), high = MAX(largest(s), low);
    double power = pow(10, floor(log10(low)));
    bool all = high / low < 2000;
    bool time = is_time(s);
    CpScale y = {0, 0, 0, 0};
    memset(ticks, 0, sizeof *ticks);
    for (unsigned i = 0; ticks->n < CP_TICKS_MAX; i++) {
        static const double steps[] = {1, 2, 5};
        double value = power * steps[i % 3];
        power = i % 3 == 2 ? power * 10 : power;
        bool wanted = (all || i % 3 == 0) && value >= 1;
        if (!wanted) {
            continue;
        }
        if (value * (all ? 2.5 : 10) <= low) {
            continue; /* the next one is below all values too */
        }
        CpTick *tick = &ticks->tick[ticks->n++];
        g_autofree char *text = time ? cp_format_time((CpTime)llround(value))
                                     : cp_count_text((int64_t)llround(value));
        tick->value = level_of(value);
        g_strlcpy(tick->text, text, sizeof tick->text);
        if (value >= high) {
            break;
        }
    }
    y.from = MIN(ticks->tick[0].value, level_of(low));
    y.to = MAX(ticks->tick[ticks->n - 1].value, y.from + 1);
    g_autofree char *own = titled(s);
    *title = g_strconcat(own, ", log scale", NULL);
    return y;
}

static CpScale make_y_axis(const Sweep *s, CpTicks *ticks, char **title)
{
    double top = MAX(largest(s), 1);
    CpScale y = {0, 1, 0, 0};
    if (s->chart->log) {
        return make_log_axis(s, ticks, title);
    }
    if (is_time(s)) {
        y.to = (int64_t)ceil(top * 1.04);
        cp_ticks_time(ticks, 0, y.to, 6);
        const char *unit = strchr(ticks->title, '[');
        *title = g_strdup_printf("%s %s", s->y_name, unit != NULL ? unit : "");
    } else {
        cp_ticks_count(ticks, (int64_t)ceil(top), 6);
        y.to = ticks->tick[ticks->n - 1].value;
        *title = titled(s);
    }
    return y;
}

/* Labels of the x values below the area, as many as fit. */
static void draw_x_axis(const Sweep *s, const CpArea *area)
{
    double base = area->y + area->h, used = -1e9;
    CpTextStyle style = cp_theme_tick(s->theme);
    CpColour ink = cp_colour_mix(s->theme->muted, s->theme->background, 0.4);
    if (s->chart->heat == NULL) {
        cp_canvas_line(s->canvas, (CpPoint){area->x - 8, base},
                       (CpPoint){area->x + area->w + 8, base}, 0.75, ink);
    }
    for (guint i = 0; i < s->xs->len; i++) {
        double x = area->x + s->at[i] * area->w;
        g_autofree char *clean = cp_clean_text(s->xs->pdata[i], -1);
        g_autofree char *text = cp_canvas_fit(s->canvas, style, clean, 90);
        double half = cp_canvas_text_width(s->canvas, style, text) / 2;
        cp_canvas_line(s->canvas, (CpPoint){x, base}, (CpPoint){x, base + 4}, 0.75, ink);
        if (x - half > used + 6) {
            cp_canvas_text(s->canvas, (CpPoint){x, base + 11}, style, text);
            used = x + half;
        }
    }
    g_autofree char *title = g_strconcat(s->x_name, s->is_log ? ", log scale" : "", NULL);
    cp_canvas_text(s->canvas, (CpPoint){area->x + area->w / 2, base + 25}, style, title);
}

/* --- lines --- */

/* Colours that read as thin lines on this background. */
static CpColour line_colour(const Sweep *s, unsigned line)
{
    unsigned found = 0;
    for (unsigned i = 0; i < CP_THEME_COLOURS; i++) {
        CpColour colour = cp_theme_colour(s->theme, i);
        if (cp_colour_contrast(colour, s->theme->background) >= 2.9 && found++ == line) {
            return colour;
        }
    }
    return cp_theme_colour(s->theme, line);
}

static void draw_interval(const Sweep *s, double x, double low, double high,
                          CpColour colour)
{
    CpColour soft = cp_colour_mix(colour, s->theme->background, 0.35);
    cp_canvas_line(s->canvas, (CpPoint){x, low}, (CpPoint){x, high}, 1, soft);
    cp_canvas_line(s->canvas, (CpPoint){x - 3, low}, (CpPoint){x + 3, low}, 1, soft);
    cp_canvas_line(s->canvas, (CpPoint){x - 3, high}, (CpPoint){x + 3, high}, 1, soft);
}

static double y_at(const Sweep *s, const CpScale *y, double value)
{
    if (s->chart->log) {
        int64_t level = value > 0 ? level_of(value) : y->from;
        return cp_scale_at(y, CLAMP(level, y->from, y->to));
    }
    return cp_scale_at(y, (int64_t)llround(CLAMP(value, 0, (double)y->to)));
}

static bool has_intervals(const Sweep *s)
{
    for (guint i = 0; i < s->dots->len; i++) {
        if (!isnan(g_array_index(s->dots, Dot, i).ci)) {
            return true;
        }
    }
    return false;
}

/* NULL: no value there. */
static const Dot *dot_at(const Sweep *s, unsigned line, unsigned x)
{
    for (guint i = 0; i < s->dots->len; i++) {
        const Dot *d = &g_array_index(s->dots, Dot, i);
        if (d->line == line && d->x == x) {
            return d;
        }
    }
    return NULL;
}

/* Later lines lie on earlier ones; those under them are wider, so that both are seen. */
static double line_width(const Sweep *s, const CpScale *y, unsigned line)
{
    unsigned covered = 0;
    for (unsigned other = line + 1; other < s->lines->len; other++) {
        unsigned same = 0, both = 0;
        for (unsigned x = 0; x < s->xs->len; x++) {
            const Dot *a = dot_at(s, line, x), *b = dot_at(s, other, x);
            if (a != NULL && b != NULL) {
                both++;
                same += fabs(y_at(s, y, a->mean) - y_at(s, y, b->mean)) < 1.5;
            }
        }
        covered += same > 1 && 2 * same >= both;
    }
    return 1.75 + 1.5 * MIN(covered, 2);
}

/* Returns where the line ends.  It is broken where a value is missing. */
static CpPoint draw_line(const Sweep *s, const CpArea *area, const CpScale *y,
                         unsigned line)
{
    g_autofree CpPoint *points = g_new(CpPoint, s->xs->len + 1);
    CpColour colour = line_colour(s, line);
    CpPoint end = {area->x, area->y};
    size_t n = 0;
    for (unsigned x = 0; x <= s->xs->len; x++) {
        const Dot *d = x < s->xs->len ? dot_at(s, line, x) : NULL;
        if (d != NULL) {
            end = (CpPoint){area->x + s->at[x] * area->w, y_at(s, y, d->mean)};
            if (!isnan(d->ci)) {
                draw_interval(s, end.x, y_at(s, y, d->mean - d->ci),
                              y_at(s, y, d->mean + d->ci), colour);
            }
            CpBox box = {end.x - 2.5, end.y - 2.5, 5, 5, colour};
            cp_canvas_boxes(s->canvas, &box, 1);
            points[n++] = end;
            continue;
        }
        if (n > 1) {
            cp_canvas_polyline(s->canvas, points, n, line_width(s, y, line), colour);
        }
        n = 0;
    }
    return end;
}

/* Direct labels right of the lines' ends, moved apart where they would touch. */
static void draw_labels(const Sweep *s, const CpArea *area, const CpPoint *ends)
{
    unsigned n = s->lines->len;
    g_autofree double *y = g_new0(double, n + 1);
    g_autofree unsigned *order = g_new0(unsigned, n + 1);
    for (unsigned i = 0; i < n; i++) {
        unsigned k = i;
        for (; k > 0 && ends[order[k - 1]].y > ends[i].y; k--) {
            order[k] = order[k - 1];
        }
        order[k] = i;
    }
    double next = area->y;
    for (unsigned i = 0; i < n; i++) {
        y[i] = MAX(ends[order[i]].y, next);
        next = y[i] + LABEL_STEP;
    }
    double room = area->y + area->h;
    for (unsigned i = n; i-- > 0;) {
        y[i] = MIN(y[i], room);
        room = y[i] - LABEL_STEP;
    }
    for (unsigned i = 0; i < n; i++) {
        CpColour colour = line_colour(s, order[i]);
        CpTextStyle style = cp_theme_label(s->theme);
        style.colour = cp_colour_mix(colour, s->theme->text, 0.35);
        g_autofree char *clean = cp_clean_text(s->lines->pdata[order[i]], -1);
        g_autofree char *text = cp_canvas_fit(s->canvas, style, clean, LABEL_MAX);
        CpPoint end = ends[order[i]];
        CpPoint at = {area->x + area->w + 14, y[i]};
        cp_canvas_line(s->canvas, (CpPoint){end.x + 4, end.y}, (CpPoint){at.x - 3, at.y},
                       0.6, cp_colour_mix(colour, s->theme->background, 0.5));
        cp_canvas_text(s->canvas, at, style, text);
    }
}

/* --- bars --- */

/* Where the bars of a line stand in the room of a name, and how wide they are. */
typedef struct {
    double first, step, width; /* from the middle of the room; points */
} Bars;

static Bars place_bars(const Sweep *s, const CpArea *area)
{
    double room = area->w / MAX(s->xs->len, 1) * 0.72;
    double step = MIN(room / s->lines->len, 44);
    return (Bars){-step * s->lines->len / 2, step, MAX(step - 2, 1)};
}

/* A bar from zero; a mark where there is no zero. */
static void draw_bar(const Sweep *s, const CpArea *area, const CpScale *y, const Dot *d)
{
    Bars bars = place_bars(s, area);
    double left = area->x + s->at[d->x] * area->w + bars.first + d->line * bars.step;
    double top = y_at(s, y, d->mean), base = area->y + area->h;
    CpColour colour = line_colour(s, d->line);
    CpBox box = {left + 1, top, bars.width, base - top, colour};
    if (s->chart->log) {
        box = (CpBox){left + bars.step / 2 - 3, top - 3, 6, 6, colour};
    }
    cp_canvas_boxes(s->canvas, &box, 1);
    if (!isnan(d->ci)) {
        draw_interval(s, left + bars.step / 2, y_at(s, y, d->mean - d->ci),
                      y_at(s, y, d->mean + d->ci), s->theme->text);
    }
}

/* The names of the lines at the right, each with its colour. */
static void draw_key(const Sweep *s, const CpArea *area)
{
    for (unsigned i = 0; s->line_name != NULL && i < s->lines->len; i++) {
        double x = area->x + area->w + 14, y = area->y + 6 + i * LABEL_STEP;
        CpBox box = {x, y - 3.5, 7, 7, line_colour(s, i)};
        g_autofree char *clean = cp_clean_text(s->lines->pdata[i], -1);
        CpTextStyle style = cp_theme_label(s->theme);
        g_autofree char *text = cp_canvas_fit(s->canvas, style, clean, LABEL_MAX);
        cp_canvas_boxes(s->canvas, &box, 1);
        cp_canvas_text(s->canvas, (CpPoint){x + 11, y}, style, text);
    }
}

static void draw_bars(const Sweep *s, const CpArea *area, const CpScale *y)
{
    for (guint i = 0; i < s->dots->len; i++) {
        draw_bar(s, area, y, &g_array_index(s->dots, Dot, i));
    }
    draw_key(s, area);
}

static double label_width(const Sweep *s)
{
    double widest =
        s->line_name != NULL && s->chart->heat == NULL
            ? cp_canvas_text_width(s->canvas, cp_theme_tick(s->theme), s->line_name)
            : 0;
    for (guint i = 0; i < s->lines->len; i++) {
        g_autofree char *clean = cp_clean_text(s->lines->pdata[i], -1);
        double width = cp_canvas_text_width(s->canvas, cp_theme_label(s->theme), clean);
        widest = MAX(widest, MIN(width, LABEL_MAX) + (s->has_words ? 11 : 0));
    }
    return widest;
}

static void draw_lines(const Sweep *s, CpArea area)
{
    CpTicks ticks;
    g_autofree char *title = NULL;
    CpScale y = make_y_axis(s, &ticks, &title);
    double left = cp_axes_count_width(s->canvas, s->theme, &ticks) + 8;
    area.x += left;
    area.w -= left + 20 + label_width(s);
    area.y += 14;
    area.h -= 14;
    y.start = area.y + area.h;
    y.end = area.y;
    CpArea grid = {area.x - 8, area.y, area.w + 16, area.h};
    cp_axes_count(s->canvas, s->theme, &grid, &y, &ticks, title);
    draw_x_axis(s, &area);
    if (s->line_name != NULL) {
        CpTextStyle style = cp_theme_tick(s->theme);
        style.align = CP_ALIGN_LEFT;
        double x = area.x + area.w + 14;
        cp_canvas_text(s->canvas, (CpPoint){x, area.y - 9}, style, s->line_name);
    }
    if (s->has_words) {
        draw_bars(s, &area, &y);
        return;
    }
    CpPoint ends[LINES_MAX];
    for (unsigned i = 0; i < s->lines->len; i++) {
        ends[i] = draw_line(s, &area, &y, i);
    }
    if (s->line_name != NULL) {
        draw_labels(s, &area, ends);
    }
}

/* --- heat map --- */

/* Light to dark in one hue; reads in print and with any colour vision. */
static CpColour heat_colour(const Sweep *s, double share)
{
    bool dark = s->theme->background < 0x808080;
    CpColour low = dark ? 0x1d3345 : 0xe8f1f8, high = dark ? 0xbfe3ff : 0x004b7c;
    return cp_colour_mix(low, high, share);
}

static void draw_cell(const Sweep *s, const CpBox *box, double mean)
{
    CpCell cell = {CP_CELL_NUMBER, mean / s->scale, NULL};
    g_autofree char *text = mean == 0 ? g_strdup("0") : cp_cell_text(&cell, s->y, false);
    CpTextStyle style = cp_theme_label(s->theme);
    style.align = CP_ALIGN_CENTRE;
    style.colour = cp_theme_ink(box->colour);
    cp_canvas_boxes(s->canvas, box, 1);
    bool fits = cp_canvas_text_width(s->canvas, style, text) < box->w - 4 && box->h > 11;
    if (fits) {
        cp_canvas_text(s->canvas, (CpPoint){box->x + box->w / 2, box->y + box->h / 2},
                       style, text);
    }
}

/* Where a mean lies between the lowest and the highest. */
static double heat_share(const Sweep *s, double mean, double low, double high)
{
    if (s->chart->log) {
        low = smallest(s); /* what is not above zero has the lightest colour */
        return high > low && mean > low ? log(mean / low) / log(high / low) : 0;
    }
    return high > low ? (mean - low) / (high - low) : 0;
}

static void draw_heat(const Sweep *s, CpArea area)
{
    double low = INFINITY, high = -INFINITY;
    double left = MIN(label_width(s), LABEL_MAX) + 10;
    area.x += left;
    area.w -= left;
    area.y += 12;
    area.h -= 12;
    for (guint i = 0; i < s->dots->len; i++) {
        low = MIN(low, g_array_index(s->dots, Dot, i).mean);
        high = MAX(high, g_array_index(s->dots, Dot, i).mean);
    }
    double w = area.w / s->xs->len, h = area.h / s->lines->len;
    for (guint i = 0; i < s->dots->len; i++) {
        const Dot *d = &g_array_index(s->dots, Dot, i);
        double share = heat_share(s, d->mean, low, high);
        CpBox box = {area.x + d->x * w + 0.5,
                     area.y + (s->lines->len - 1 - d->line) * h + 0.5, w - 1, h - 1,
                     heat_colour(s, share)};
        draw_cell(s, &box, d->mean);
    }
    CpTextStyle style = cp_theme_tick(s->theme);
    style.align = CP_ALIGN_RIGHT;
    unsigned skip = (unsigned)ceil(LABEL_STEP / h);
    for (guint i = 0; i < s->lines->len; i += MAX(skip, 1)) {
        double y = area.y + (s->lines->len - 1 - i + 0.5) * h;
        g_autofree char *clean = cp_clean_text(s->lines->pdata[i], -1);
        g_autofree char *text = cp_canvas_fit(s->canvas, style, clean, LABEL_MAX);
        cp_canvas_text(s->canvas, (CpPoint){area.x - 6, y}, style, text);
    }
    style.align = CP_ALIGN_LEFT;
    cp_canvas_text(s->canvas, (CpPoint){area.x - left, area.y - 9}, style, s->line_name);
    draw_x_axis(s, &area);
}

/* --- the page --- */

/* New text: what a part of a histogram of the workload is; NULL: it is none. */
static char *part_words(const char *name)
{
    static const struct {
        const char *part, *words;
    } parts[] = {{"n", "how many values there are of"},
                 {"mean", "mean of all values of"},
                 {"min", "smallest value of"},
                 {"max", "largest value of"}};
    const char *dot = strrchr(name, '.');
    if (dot == NULL || cp_hist_part(dot + 1) == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        if (strcmp(parts[i].part, dot + 1) == 0) {
            return g_strdup_printf("%s '%.*s'", parts[i].words, (int)(dot - name), name);
        }
    }
    return g_strdup_printf("%.2s%s%s %% of all values of '%.*s' are at most this", dot + 2,
                           dot[2] != '\0' && dot[3] != '\0' && dot[4] != '\0' ? "." : "",
                           dot[2] != '\0' && dot[3] != '\0' ? dot + 4 : "",
                           (int)(dot - name), name);
}

/* New text: what the metric is, in words; NULL: a name of the workload's own. */
static char *metric_words(const char *name)
{
    for (unsigned scope = 0; scope < CP_SCOPES; scope++) {
        for (const CpMetric *const *m = cp_metrics((CpScope)scope); *m != NULL; m++) {
            g_autofree char *key = cp_metric_key((*m)->name, (*m)->unit);
            g_autofree char *of_one = g_strconcat((*m)->name, ".", NULL);
            if (strcmp((*m)->name, name) == 0 || strcmp(key, name) == 0) {
                return g_strdup((*m)->help);
            }
            if (scope != CP_SCOPE_RUN && g_str_has_prefix(name, of_one)) {
                return g_strdup_printf("%s, of '%s'", (*m)->help, name + strlen(of_one));
            }
        }
    }
    return part_words(name);
}

/* The numbers behind the chart. */
static GBytes *make_csv(const Sweep *s)
{
    GString *csv = g_string_new(NULL);
    cp_table_data_csv_head(s->data, csv);
    for (guint r = 0; r < s->data->rows->len; r++) {
        cp_table_data_csv_row(s->data, r, csv);
    }
    return g_string_free_to_bytes(csv);
}

static void draw_page(Sweep *s, const char *title)
{
    g_autofree char *words = metric_words(s->y_name);
    g_autofree char *subtitle =
        words != NULL ? g_strdup_printf("%s: %s", s->y_name, words) : NULL;
    double top = cp_axes_heading(s->canvas, s->theme, s->width, title, subtitle);
    double caption = cp_axes_caption_height(s->width);
    CpArea area = {CP_PAGE_MARGIN, top, s->width - 2 * CP_PAGE_MARGIN,
                   s->height - top - caption - 38};
    if (s->chart->heat != NULL) {
        draw_heat(s, area);
    } else {
        draw_lines(s, area);
    }
    g_autofree char *cells =
        g_strdup_printf(has_intervals(s) ? "Shown: %s, means over the repeats"
                                         : "Shown: %s, one run a point",
                        s->y_name);
    const char *means = s->chart->heat != NULL ? cells
                        : has_intervals(s)
                            ? "Means over the repeats with their 95 % intervals"
                            : "One run a point";
    g_autofree char *text =
        s->others->len > 0
            ? g_strdup_printf("%s; all values of %s together.", means, s->others->str)
            : g_strconcat(means, ".", NULL);
    if (s->failures != NULL) {
        char *both = g_strdup_printf("%s %s", text, s->failures);
        g_free(text);
        text = both;
    }
    cp_axes_caption(s->canvas, s->theme, s->width, s->height - caption, text);
}

static gboolean draw(Sweep *s, const char *path, const CpChartOptions *o, GError **error)
{
    CpFormat format;
    s->theme = cp_theme_find(o->theme, error);
    if (s->theme == NULL || !cp_canvas_format(path, &format, error)) {
        return FALSE;
    }
    s->width = o->width_pt > 0 ? o->width_pt : DEFAULT_WIDTH;
    s->height =
        o->height_pt > 0 ? o->height_pt : ceil(s->width * DEFAULT_HEIGHT / DEFAULT_WIDTH);
    if (s->width < SIZE_MIN || s->height < SIZE_MIN) {
        g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                    "the page is too small; it needs at least 71 x 71 mm");
        return FALSE;
    }
    g_autofree char *own =
        g_strdup_printf(s->line_name != NULL ? "%s by %s and %s" : "%s by %s", s->y_name,
                        s->x_name, s->line_name);
    g_autofree char *title = cp_clean_text(o->title != NULL ? o->title : own, -1);
    CpCanvasOptions options = {
        .format = format, .scale = o->scale, .title = title, .detail = own};
    s->canvas = cp_canvas_new(&options, error);
    if (s->canvas == NULL || !cp_canvas_open(s->canvas, s->width, s->height, error)) {
        return FALSE;
    }
    cp_canvas_page(s->canvas, s->width, s->height, s->theme->background);
    draw_page(s, title);
    g_autoptr(GBytes) bytes = cp_canvas_finish(s->canvas, error);
    g_autoptr(GBytes) csv = o->data_csv != NULL ? make_csv(s) : NULL;
    CpOutput outputs[] = {{path, bytes}, {o->data_csv, csv}};
    return bytes != NULL && cp_output_write(outputs, csv != NULL ? 2 : 1, error);
}

static gboolean draw_results(const char *file, const char *path,
                             const CpChartOptions *options, GError **error)
{
    const CpChartValue *values = options->values;
    const Wanted wanted = {
        .file = file,
        .x = cp_chart_text(values, "x"),
        .y = cp_chart_text(values, "y"),
        .by = cp_chart_text(values, "by"),
        .heat = cp_chart_text(values, "heat"),
        .filter = cp_chart_text(values, "filter"),
        .log = cp_chart_text(values, "log") != NULL,
    };
    Sweep s = {.chart = &wanted, .others = g_string_new(NULL)};
    s.xs = g_ptr_array_new_with_free_func(g_free);
    s.lines = g_ptr_array_new_with_free_func(g_free);
    s.dots = g_array_new(FALSE, FALSE, sizeof(Dot));
    gboolean ok = load(&s, error) && draw(&s, path, options, error);
    cp_canvas_free(s.canvas);
    cp_table_data_free(s.data);
    g_ptr_array_unref(s.xs);
    g_ptr_array_unref(s.lines);
    g_array_unref(s.dots);
    g_string_free(s.others, TRUE);
    g_free(s.at);
    g_free(s.failures);
    g_free(s.x_name);
    g_free(s.line_name);
    g_free(s.y_name);
    return ok;
}

static const CpChartOption own_options[] = {
    {"x", CP_CHART_TEXT, "AXIS", "the axis to the right (default: the first of the sweep)"},
    {"y", CP_CHART_TEXT, "METRIC", "the metric upwards (default makespan)"},
    {"by", CP_CHART_TEXT, "A,B",
     "one line for each value of this axis, or for each combination of several"},
    {"heat", CP_CHART_TEXT, "AXIS", "draw a heat map with this axis upwards"},
    {"log", CP_CHART_FLAG, NULL,
     "a logarithmic axis upwards, or colours of a heat map, for values that differ by "
     "factors"},
    {"filter", CP_CHART_TEXT, "EXPR",
     "only runs for which this holds, as for coreplay query"},
    {NULL, CP_CHART_FLAG, NULL, NULL},
};

const CpChartClass cp_chart_sweep = {
    .info = {"sweep",
             "a metric over the axes of a sweep: lines with intervals, or a heat map",
             CP_CHART_RESULTS, 1, own_options},
    .draw_results = draw_results,
};
