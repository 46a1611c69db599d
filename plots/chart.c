#include "plots/chart.h"

#include "plots/chart-job.h"
#include "plots/output.h"
#include "sim/assert.h"
#include "sim/error.h"
#include "sim/params.h"
#include "sim/words.h"
#include "lang/diag.h"

#include <math.h>
#include <string.h>

/* Which charts there are, and what is the same for all of them: the window, the page, the
 * words about a recording, the file. */

static const CpChartClass *const charts[] = {
#define CP_CHART(name) &cp_chart_##name,
#include "plots/charts.def"
#undef CP_CHART
};

const CpChartInfo *const cp_charts[] = {
#define CP_CHART(name) &cp_chart_##name.info,
#include "plots/charts.def"
#undef CP_CHART
    NULL,
};

#define DEFAULT_WIDTH   760.0
/* Smaller pages have no room for axes and names. */
#define WIDTH_MIN       200.0
#define HEIGHT_MIN      100.0
#define HEIGHT_MIN_EACH 60.0 /* for each recording */
#define MM_PER_POINT    (25.4 / 72)

const CpChartInfo *cp_chart_find(const char *name)
{
    for (const CpChartInfo *const *info = cp_charts; *info != NULL; info++) {
        if (strcmp((*info)->name, name) == 0) {
            return *info;
        }
    }
    return NULL;
}

/* --- what the user asked for --- */

static const CpChartClass *find_chart(const char *name, CpChartNeeds needs, GError **error)
{
    const char *names[G_N_ELEMENTS(charts) + 1] = {NULL};
    for (size_t i = 0, n = 0; i < G_N_ELEMENTS(charts); i++) {
        if (charts[i]->info.needs == needs && strcmp(charts[i]->info.name, name) == 0) {
            return charts[i];
        }
        if (charts[i]->info.needs == needs) {
            names[n++] = charts[i]->info.name;
        }
    }
    g_autofree char *all = g_strjoinv(", ", (char **)names);
    g_autofree char *clean = cp_clean_text(name, -1);
    const char *nearest = cp_nearest(name, names);
    if (nearest != NULL) {
        g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                    "unknown chart '%s'; did you mean '%s'? (charts: %s)", clean, nearest,
                    all);
    } else {
        g_set_error(error, CP_ERROR, CP_ERROR_USAGE, "unknown chart '%s' (charts: %s)",
                    clean, all);
    }
    return NULL;
}

static const CpChartOption *own_option(const CpChartInfo *chart, const char *name)
{
    const CpChartOption *o = chart->options;
    for (; o != NULL && o->name != NULL; o++) {
        if (strcmp(o->name, name) == 0) {
            return o;
        }
    }
    return NULL;
}

bool cp_chart_takes(const CpChartInfo *chart, const char *option)
{
    static const char *const of_recordings[] = {"label", "from", "to", NULL};
    for (size_t i = 0; i < G_N_ELEMENTS(charts); i++) {
        if (own_option(&charts[i]->info, option) != NULL) {
            return own_option(chart, option) != NULL;
        }
    }
    return chart->needs == CP_CHART_RECORDINGS || !g_strv_contains(of_recordings, option);
}

/* Says which charts have it. */
static gboolean refuse_option(const char *name, const char *const *drawn, GError **error)
{
    g_autoptr(GString) having = g_string_new(NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(charts); i++) {
        if (own_option(&charts[i]->info, name) != NULL) {
            g_string_append_printf(having, "%s%s", having->len > 0 ? ", " : "",
                                   charts[i]->info.name);
        }
    }
    g_autofree char *all = g_strjoinv(", ", (char **)drawn);
    if (having->len == 0) {
        g_set_error(error, CP_ERROR, CP_ERROR_USAGE, "no chart has an option '%s'", name);
    } else {
        g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                    "option '%s' does nothing for chart %s; it is for: %s", name, all,
                    having->str);
    }
    return FALSE;
}

/* Each value is of an option that one of the charts has, and what that option takes. */
static gboolean check_values(const CpChartValue *values, const char *const *drawn,
                             GError **error)
{
    for (const CpChartValue *v = values; v != NULL && v->name != NULL; v++) {
        const CpChartOption *o = NULL;
        for (size_t i = 0; i < G_N_ELEMENTS(charts) && o == NULL; i++) {
            o = g_strv_contains(drawn, charts[i]->info.name)
                    ? own_option(&charts[i]->info, v->name)
                    : NULL;
        }
        CpTime t;
        if (o == NULL) {
            return refuse_option(v->name, drawn, error);
        }
        if (o->kind == CP_CHART_TIME && !cp_parse_time(v->text, &t, error)) {
            g_prefix_error(error, "option '%s': ", v->name);
            return FALSE;
        }
    }
    return TRUE;
}

/* The window: what was asked for, else from the first start to the last end. */
static gboolean find_window(CpChartJob *job, const CpChartOptions *options, GError **error)
{
    CpTime start = CP_NEVER, end = 0;
    for (size_t i = 0; i < job->n; i++) {
        const CpCprInfo *info = cp_cpr_info(job->recordings[i]);
        start = MIN(start, info->start);
        end = MAX(end, info->end);
    }
    job->from = options->from > 0 ? options->from : MIN(start, end);
    job->to = options->to > 0 ? options->to : end;
    g_autofree char *from = cp_time_text(job->from), *to = cp_time_text(job->to);
    if (options->from < 0 || options->to < 0 ||
        (options->to > 0 && options->to <= job->from)) {
        g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                    "the window from %s to %s is empty; --to must be later than --from",
                    from, to);
        return FALSE;
    }
    if (options->from > end) {
        g_autofree char *last = cp_time_text(end);
        g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                    "--from %s is after the end of the recording at %s", from, last);
        return FALSE;
    }
    job->from = MAX(job->from, 0);
    job->to = MAX(job->to, job->from);
    return TRUE;
}

static gboolean check_size(const CpChartJob *job, GError **error)
{
    double height_min = HEIGHT_MIN + HEIGHT_MIN_EACH * (double)job->n;
    if (job->width >= WIDTH_MIN && (job->height <= 0 || job->height >= height_min)) {
        return TRUE;
    }
    g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                "the page is too small; it needs at least %.0f x %.0f points "
                "(%.0f x %.0f mm)",
                WIDTH_MIN, height_min, ceil(WIDTH_MIN * MM_PER_POINT),
                ceil(height_min * MM_PER_POINT));
    return FALSE;
}

/* --- what the recordings say of themselves --- */

static void add_part(GString *out, const char *text)
{
    if (text[0] != '\0') {
        g_string_append_printf(out, "%s%s", out->len > 0 ? " · " : "", text);
    }
}

static void add_string(GString *out, const CpCpr *cpr, uint32_t string)
{
    if (string != 0) {
        g_autofree char *clean = cp_clean_text(cp_cpr_text(cpr, string), -1);
        add_part(out, clean);
    }
}

/* "2 cores · eevdf-6.18 · seed 1 · cafe.cpw": enough to make the run again. */
static char *describe(const CpCpr *cpr)
{
    const CpCprInfo *info = cp_cpr_info(cpr);
    GString *out = g_string_new(NULL);
    bool is_real = info->origin == CP_ORIGIN_RECORDED;
    g_autofree char *cpus =
        g_strdup_printf("%u CPU%s", info->n_cpus, info->n_cpus == 1 ? "" : "s");
    g_autofree char *seed = g_strdup_printf("seed %" G_GUINT64_FORMAT, info->seed);
    if (info->machine != 0) {
        add_string(out, cpr, info->machine);
    } else {
        add_part(out, cpus);
    }
    add_string(out, cpr, info->policy);
    /* An imported machine may say so itself. */
    if (!is_real || strstr(out->str, "recorded") == NULL) {
        add_part(out, is_real ? "recorded" : seed);
    }
    add_string(out, cpr, info->workload != 0 ? info->workload : info->source);
    if (info->lost > 0) {
        g_string_append_printf(out, " · %" G_GUINT64_FORMAT " events lost", info->lost);
    }
    return g_string_free(out, FALSE);
}

static char *default_label(const CpCpr *cpr)
{
    bool is_real = cp_cpr_info(cpr)->origin == CP_ORIGIN_RECORDED;
    return g_strdup(is_real ? "recorded" : "simulated");
}

static void describe_all(CpChartJob *job, const CpChartOptions *options)
{
    const char *const *given = options->labels;
    job->labels = g_new0(char *, job->n + 1);
    job->details = g_new0(char *, job->n + 1);
    for (size_t i = 0; i < job->n; i++) {
        job->labels[i] = given != NULL && *given != NULL
                             ? cp_clean_text(*given, -1)
                             : default_label(job->recordings[i]);
        job->details[i] = describe(job->recordings[i]);
        if (given != NULL && *given != NULL) {
            given++;
        }
    }
    if (job->n == 1 && options->labels != NULL) { /* it has no panel of its own to name */
        char *details = g_strdup_printf("%s · %s", job->labels[0], job->details[0]);
        g_free(job->details[0]);
        job->details[0] = details;
    }
}

/* --- drawing --- */

typedef struct {
    const CpChartClass *chart[64];
    double height[64];
    size_t n;
    double total; /* of all heights */
} Pages;

static gboolean find_charts(Pages *pages, const char *const *names, size_t n_recordings,
                            GError **error)
{
    for (; *names != NULL; names++) {
        const CpChartClass *chart = find_chart(*names, CP_CHART_RECORDINGS, error);
        if (chart == NULL) {
            return FALSE;
        }
        if (n_recordings > chart->info.inputs_max) {
            g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                        "chart '%s' shows %u recordings at most, not %zu", chart->info.name,
                        chart->info.inputs_max, n_recordings);
            return FALSE;
        }
        if (pages->n == G_N_ELEMENTS(pages->chart)) {
            g_set_error(error, CP_ERROR, CP_ERROR_USAGE, "at most %zu charts in one file",
                        G_N_ELEMENTS(pages->chart));
            return FALSE;
        }
        pages->chart[pages->n++] = chart;
    }
    return TRUE;
}

static gboolean draw_pages(CpChartJob *job, Pages *pages, GError **error)
{
    double tallest = 0;
    for (size_t i = 0; i < pages->n; i++) {
        double height = job->height > 0 ? job->height : pages->chart[i]->height(job);
        pages->height[i] = ceil(height);
        pages->total += pages->height[i];
        tallest = MAX(tallest, pages->height[i]);
    }
    bool is_paged = cp_canvas_is_paged(job->canvas);
    if (!cp_canvas_open(job->canvas, job->width, is_paged ? tallest : pages->total,
                        error)) {
        return FALSE;
    }
    for (size_t i = 0; i < pages->n; i++) {
        cp_canvas_page(job->canvas, job->width, pages->height[i], job->theme->background);
        if (!pages->chart[i]->draw(job, pages->height[i], error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean write_files(CpChartJob *job, const char *path, const char *csv_path,
                            GError **error)
{
    g_autoptr(GBytes) bytes = cp_canvas_finish(job->canvas, error);
    if (bytes == NULL) {
        return FALSE;
    }
    CpOutput outputs[2] = {{path, bytes}, {csv_path, NULL}};
    g_autoptr(GBytes) csv = NULL;
    if (job->csv != NULL) {
        csv = outputs[1].bytes = g_string_free_to_bytes(g_steal_pointer(&job->csv));
    }
    return cp_output_write(outputs, csv != NULL ? 2 : 1, error);
}

static CpCanvas *new_canvas(const CpChartJob *job, const Pages *pages, CpFormat format,
                            double scale, GError **error)
{
    g_autofree char *detail = g_strjoinv("; ", job->details);
    CpCanvasOptions options = {
        .format = format,
        .scale = scale,
        .title = job->title != NULL ? job->title : pages->chart[0]->title,
        .detail = detail,
    };
    return cp_canvas_new(&options, error);
}

static gboolean run_job(CpChartJob *job, Pages *pages, const char *path,
                        const CpChartOptions *options, GError **error)
{
    CpFormat format;
    if (!cp_canvas_format(path, &format, error) || !find_window(job, options, error) ||
        !check_size(job, error) ||
        (job->theme = cp_theme_find(options->theme, error)) == NULL) {
        return FALSE;
    }
    describe_all(job, options);
    if ((job->canvas = new_canvas(job, pages, format, options->scale, error)) == NULL) {
        return FALSE;
    }
    job->cast = cp_cast_new(job->recordings, job->n, job->from, job->to, error);
    if (job->cast == NULL) {
        return FALSE;
    }
    cp_cast_list(job->cast, CP_LISTED_MAX, job->theme);
    if (options->data_csv != NULL) {
        job->csv = g_string_new("chart,recording,cpus,from_ns,to_ns,series,value,unit\n");
    }
    return draw_pages(job, pages, error) &&
           write_files(job, path, options->data_csv, error);
}

gboolean cp_chart_draw(const char *const *names, CpCpr *const *recordings,
                       size_t n_recordings, const char *path, const CpChartOptions *options,
                       GError **error)
{
    static const CpChartOptions none;
    options = options != NULL ? options : &none;
    cp_require(n_recordings > 0 && names[0] != NULL);
    Pages pages = {.n = 0};
    if (!find_charts(&pages, names, n_recordings, error) ||
        !check_values(options->values, names, error)) {
        return FALSE;
    }
    g_autofree char *title =
        options->title != NULL ? cp_clean_text(options->title, -1) : NULL;
    CpChartJob job = {
        .recordings = recordings,
        .n = n_recordings,
        .title = title,
        .width = options->width_pt > 0 ? options->width_pt : DEFAULT_WIDTH,
        .height = options->height_pt,
        .values = options->values,
    };
    gboolean ok = run_job(&job, &pages, path, options, error);
    cp_canvas_free(job.canvas);
    cp_cast_free(job.cast);
    g_strfreev(job.labels);
    g_strfreev(job.details);
    if (job.csv != NULL) {
        g_string_free(job.csv, TRUE);
    }
    return ok;
}

gboolean cp_chart_draw_results(const char *name, const char *file, const char *path,
                               const CpChartOptions *options, GError **error)
{
    const CpChartClass *chart = find_chart(name, CP_CHART_RESULTS, error);
    const char *const drawn[] = {name, NULL};
    return chart != NULL && check_values(options->values, drawn, error) &&
           chart->draw_results(file, path, options, error);
}
