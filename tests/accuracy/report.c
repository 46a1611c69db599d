#include "tests/accuracy/report.h"

#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_gen.h>

/* In this order; those of kernels by the number of CPUs. */
static const char *const classes[] = {
    "kernel.makespan_",       "kernel.cpu_share_",  "kernel.switches_",
    "kernel.switches_total_", "kernel.migrations_", "kernel.throttled_",
    "kernel.wakeup_",         "python.makespan_",   "python.",
};

/* The place of a key: its class, the longest that fits, then what follows. */
static size_t class_of(const char *key)
{
    size_t best = 0, length = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(classes); i++) {
        size_t n = strlen(classes[i]);
        if (n > length && strncmp(key, classes[i], n) == 0) {
            best = i;
            length = n;
        }
    }
    return best;
}

static int by_place(const void *a, const void *b)
{
    const char *x = *(const char *const *)a, *y = *(const char *const *)b;
    size_t i = class_of(x), k = class_of(y);
    long n = strtol(x + strlen(classes[i]), NULL, 10);
    long m = strtol(y + strlen(classes[k]), NULL, 10);
    return i != k ? (i > k) - (i < k) : n != m ? (n > m) - (n < m) : strcmp(x, y);
}

/* The keys that anything counts under: new array of borrowed text. */
static GPtrArray *keys_of(const GPtrArray *outcomes)
{
    GPtrArray *keys = g_ptr_array_new();
    for (guint i = 0; i < outcomes->len; i++) {
        const Outcome *o = g_ptr_array_index(outcomes, i);
        for (guint k = 0; k < o->figures->len; k++) {
            const Figure *f = g_ptr_array_index(o->figures, k);
            if (f->summary != NULL &&
                !g_ptr_array_find_with_equal_func(keys, f->summary, g_str_equal, NULL)) {
                g_ptr_array_add(keys, f->summary);
            }
        }
    }
    g_ptr_array_sort(keys, by_place);
    return keys;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double place(const GArray *sorted, double q)
{
    double at = q * (double)(sorted->len - 1);
    guint i = (guint)at;
    double low = g_array_index(sorted, double, i);
    double high = g_array_index(sorted, double, MIN(i + 1, sorted->len - 1));
    return low + (high - low) * (at - i);
}

static Summary summarise(const GPtrArray *outcomes, const char *key)
{
    g_autoptr(GArray) errors = g_array_new(FALSE, FALSE, sizeof(double));
    unsigned inside = 0;
    for (guint i = 0; i < outcomes->len; i++) {
        const Outcome *o = g_ptr_array_index(outcomes, i);
        for (guint k = 0; k < o->figures->len; k++) {
            const Figure *f = g_ptr_array_index(o->figures, k);
            if (f->summary != NULL && strcmp(f->summary, key) == 0) {
                g_array_append_val(errors, f->error);
                inside += f->in_range;
            }
        }
    }
    Summary s = {.key = key, .median_err = NAN, .p90_err = NAN, .n = errors->len};
    if (errors->len > 0) {
        g_array_sort(errors, by_value);
        s.median_err = place(errors, 0.5);
        s.p90_err = place(errors, 0.9);
        s.in_range = (double)inside / errors->len;
    }
    return s;
}

GArray *report_summary(const GPtrArray *outcomes)
{
    GArray *summary = g_array_new(FALSE, FALSE, sizeof(Summary));
    g_autoptr(GPtrArray) keys = keys_of(outcomes);
    for (guint i = 0; i < keys->len; i++) {
        Summary s = summarise(outcomes, g_ptr_array_index(keys, i));
        g_array_append_val(summary, s);
    }
    return summary;
}

/* --- text --- */

static void number_text(char *out, size_t size, double v)
{
    if (isnan(v)) {
        g_snprintf(out, (gulong)size, "-");
    } else {
        g_snprintf(out, (gulong)size, fabs(v) >= 1000 ? "%.0f" : "%.4g", v);
    }
}

static char *spread_text(const Spread *s)
{
    char median[32], min[32], max[32];
    number_text(median, sizeof median, s->median);
    number_text(min, sizeof min, s->min);
    number_text(max, sizeof max, s->max);
    return g_strdup_printf("%s (%s..%s)", median, min, max);
}

static char *error_text(const Figure *f)
{
    return isnan(f->error) ? g_strdup("-")
                           : g_strdup_printf("%.1f %%%s", f->error * 100,
                                             f->by_range ? " of range" : "");
}

static void print_distances(FILE *out, const Outcome *o)
{
    g_autoptr(GPtrArray) names = figures_distributions(o->figures);
    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        fprintf(out, "  KS distance %-20s %.3f at least\n", name,
                figures_distance(o->figures, name));
    }
}

void report_print(FILE *out, const Reality *reality, const GPtrArray *outcomes)
{
    fprintf(out, "%u CPUs\n", reality->n_cpus);
    for (guint i = 0; i < outcomes->len; i++) {
        const Outcome *o = g_ptr_array_index(outcomes, i);
        fprintf(out, "\n%s (%g core(s)), bursts x %.4f%s\n", text_at(o->scenario, "id"),
                number_at(o->scenario, "cores", 1), o->scale * o->corrected,
                o->failure != NULL ? ", not simulated:" : "");
        if (o->failure != NULL) {
            fprintf(out, "  %s\n", o->failure);
            continue;
        }
        for (guint k = 0; k < o->figures->len; k++) {
            const Figure *f = g_ptr_array_index(o->figures, k);
            g_autofree char *m = spread_text(&f->measured);
            g_autofree char *s = spread_text(&f->simulated);
            g_autofree char *e = error_text(f);
            fprintf(out, "  %-26s %-28s %-28s %-18s %s\n", f->name, m, s, e,
                    f->why_not != NULL   ? f->why_not
                    : f->summary != NULL ? f->summary
                                         : "printed only");
        }
        print_distances(out, o);
    }
}

void report_print_summary(FILE *out, const GArray *summary)
{
    fprintf(out, "\n%-26s %10s %10s %10s %5s\n", "", "median err", "p90 err", "in range",
            "n");
    for (guint i = 0; i < summary->len; i++) {
        const Summary *s = &g_array_index(summary, Summary, i);
        if (s->n == 0) {
            fprintf(out, "%-26s %10s %10s %10s %5u\n", s->key, "-", "-", "-", 0);
        } else {
            fprintf(out, "%-26s %8.1f %% %8.1f %% %8.0f %% %5u\n", s->key,
                    s->median_err * 100, s->p90_err * 100, s->in_range * 100, s->n);
        }
    }
}

/* --- Markdown --- */

static void markdown_summary(GString *out, const GArray *summary)
{
    g_string_append(out, "| figure | median error | 90th percentile | inside the measured "
                         "range | n |\n|---|---|---|---|---|\n");
    for (guint i = 0; i < summary->len; i++) {
        const Summary *s = &g_array_index(summary, Summary, i);
        if (s->n == 0) {
            g_string_append_printf(out, "| `%s` | - | - | - | 0 |\n", s->key);
        } else {
            g_string_append_printf(out, "| `%s` | %.1f %% | %.1f %% | %.0f %% | %u |\n",
                                   s->key, s->median_err * 100, s->p90_err * 100,
                                   s->in_range * 100, s->n);
        }
    }
}

static void markdown_figures(GString *out, const Outcome *o)
{
    g_string_append(out, "| figure | measured | simulated | error |\n|---|---|---|---|\n");
    for (guint k = 0; k < o->figures->len; k++) {
        const Figure *f = g_ptr_array_index(o->figures, k);
        if (f->summary == NULL && f->kind != FIGURE_MAKESPAN &&
            (f->kind != FIGURE_LATENCY || f->quantile != 0.5)) {
            continue;
        }
        g_autofree char *m = spread_text(&f->measured);
        g_autofree char *s = spread_text(&f->simulated);
        g_autofree char *e = error_text(f);
        g_string_append_printf(out, "| %s%s | %s | %s | %s |\n", f->name,
                               f->summary != NULL ? "" : " (not counted)", m, s, e);
    }
}

/* Figures without evidence, by reason. */
static void markdown_left_out(GString *out, const Outcome *o)
{
    g_autoptr(GPtrArray) reasons = g_ptr_array_new();
    for (guint k = 0; k < o->figures->len; k++) {
        const Figure *f = g_ptr_array_index(o->figures, k);
        char *why = f->why_not;
        if (why != NULL &&
            !g_ptr_array_find_with_equal_func(reasons, why, g_str_equal, NULL)) {
            g_ptr_array_add(reasons, why);
        }
    }
    for (guint i = 0; i < reasons->len; i++) {
        const char *reason = g_ptr_array_index(reasons, i), *comma = "";
        g_string_append(out, i == 0 ? "\nLeft out: " : "; ");
        for (guint k = 0; k < o->figures->len; k++) {
            const Figure *f = g_ptr_array_index(o->figures, k);
            if (f->why_not != NULL && strcmp(f->why_not, reason) == 0) {
                g_string_append_printf(out, "%s%s", comma, f->name);
                comma = ", ";
            }
        }
        g_string_append_printf(out, " (%s)", reason);
    }
    g_string_append(out, reasons->len > 0 ? ".\n" : "");
}

static void markdown_scenario(GString *out, const Outcome *o)
{
    g_string_append_printf(out, "\n### %s\n\n%s\n\n", text_at(o->scenario, "id"),
                           text_at(o->scenario, "description"));
    if (o->failure != NULL) {
        g_string_append_printf(out, "Not simulated: %s.\n", o->failure);
        return;
    }
    markdown_figures(out, o);
    markdown_left_out(out, o);
    g_autoptr(GPtrArray) names = figures_distributions(o->figures);
    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        g_string_append_printf(
            out, "%s%s %.3f%s", i == 0 ? "\nKS distance, at least: " : "", name,
            figures_distance(o->figures, name), i + 1 < names->len ? ", " : ".\n");
    }
}

static const char introduction[] =
    "# Accuracy\n\n"
    "Written by `make accuracy`. Programs with exactly known work were run on a real "
    "machine (2 virtual CPUs, Linux 6.18, 250 Hz); the same programs, translated by one "
    "general translator, were simulated with the `eevdf-6.18` profile and the `reference` "
    "costs. Each was simulated at several tick phases, with the CPUs its threads really "
    "began on, with the burst scale of each repetition and with different seeds. Figures "
    "read median (least..most), over repetitions and over simulated runs.\n\n"
    "- An error is |simulated - measured| / measured of the medians. Counts of switches "
    "below 20 are compared with an absolute margin of 3 + 13 a second, because kernel "
    "threads and other processes add that many.\n"
    "- Where a measured figure spreads by more than half of itself it has several modes; "
    "then the distance from the measured range counts (\"of range\").\n"
    "- Left out as no evidence, and printed with the reason: the makespan of programs that "
    "fix their end, CPU times (the burst scale came from them), latencies in a trace that "
    "are as short as its resolution.\n"
    "- A KS distance is the largest difference of the two distribution functions at the "
    "quantiles that were measured, so the true one is at least that.\n"
    "- From the scale of bursts that came from CPU time, the simulated cost of switches is "
    "taken out, since it is contained in it.\n"
    "- Every figure, also those left out, stands in `accuracy.json` and in what the "
    "program "
    "prints.\n\n"
    "Some programs have several regimes, and where and when a thread wakes decides which: "
    "in an echo beside a thread that computes (`convoy_echo`) a message takes two switch "
    "intervals, one, or next to nothing if the computing thread happens to be out of "
    "phase. Such figures are compared with the measured range; a simulation that stays in "
    "one regime lies inside it and still does not show the others.\n\n";

char *report_markdown(const Reality *reality, const GPtrArray *outcomes,
                      const GArray *summary)
{
    GString *out = g_string_new(introduction);
    unsigned simulated = 0;
    for (guint i = 0; i < outcomes->len; i++) {
        const Outcome *o = g_ptr_array_index(outcomes, i);
        simulated += o->failure == NULL;
    }
    g_string_append_printf(out,
                           "%u of %u scenarios were simulated, on a machine of %u "
                           "CPUs.\n\n## Summary\n\n",
                           simulated, outcomes->len, reality->n_cpus);
    markdown_summary(out, summary);
    g_string_append(out, "\n## Scenarios\n");
    for (guint i = 0; i < outcomes->len; i++) {
        markdown_scenario(out, g_ptr_array_index(outcomes, i));
    }
    return g_string_free(out, FALSE);
}

/* --- JSON --- */

static void put_text(yajl_gen g, const char *s)
{
    yajl_gen_string(g, (const unsigned char *)s, strlen(s));
}

static void put_number(yajl_gen g, const char *key, double v)
{
    char buffer[40];
    put_text(g, key);
    if (isnan(v)) {
        yajl_gen_null(g);
        return;
    }
    g_ascii_formatd(buffer, sizeof buffer, "%.9g", v);
    yajl_gen_number(g, buffer, strlen(buffer));
}

static void put_spread(yajl_gen g, const char *key, const Spread *s)
{
    put_text(g, key);
    yajl_gen_map_open(g);
    put_number(g, "median", s->median);
    put_number(g, "min", s->min);
    put_number(g, "max", s->max);
    yajl_gen_map_close(g);
}

static void put_figure(yajl_gen g, const Figure *f)
{
    yajl_gen_map_open(g);
    put_text(g, "name");
    put_text(g, f->name);
    put_spread(g, "measured", &f->measured);
    put_spread(g, "simulated", &f->simulated);
    put_number(g, "error", f->error);
    put_text(g, "in_range");
    yajl_gen_bool(g, f->in_range);
    put_text(g, "counted");
    yajl_gen_bool(g, f->summary != NULL);
    if (f->summary != NULL) {
        put_text(g, "summary");
        put_text(g, f->summary);
    } else {
        put_text(g, "why_not");
        put_text(g, f->why_not != NULL ? f->why_not : "printed only");
    }
    yajl_gen_map_close(g);
}

static void put_distances(yajl_gen g, const Outcome *o)
{
    g_autoptr(GPtrArray) names = figures_distributions(o->figures);
    put_text(g, "ks_at_least");
    yajl_gen_map_open(g);
    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        put_number(g, name, figures_distance(o->figures, name));
    }
    yajl_gen_map_close(g);
}

static void put_scenario(yajl_gen g, const Outcome *o)
{
    yajl_gen_map_open(g);
    put_text(g, "id");
    put_text(g, text_at(o->scenario, "id"));
    put_number(g, "cores", number_at(o->scenario, "cores", 1));
    if (o->failure != NULL) {
        put_text(g, "not_simulated");
        put_text(g, o->failure);
    }
    put_text(g, "figures");
    yajl_gen_array_open(g);
    for (guint k = 0; k < o->figures->len; k++) {
        put_figure(g, g_ptr_array_index(o->figures, k));
    }
    yajl_gen_array_close(g);
    put_distances(g, o);
    yajl_gen_map_close(g);
}

static void put_summary(yajl_gen g, const GArray *summary)
{
    put_text(g, "summary");
    yajl_gen_map_open(g);
    for (guint i = 0; i < summary->len; i++) {
        const Summary *s = &g_array_index(summary, Summary, i);
        put_text(g, s->key);
        yajl_gen_map_open(g);
        put_number(g, "median_err", s->median_err);
        put_number(g, "p90_err", s->p90_err);
        put_number(g, "in_range", s->in_range);
        put_number(g, "n", s->n);
        yajl_gen_map_close(g);
    }
    yajl_gen_map_close(g);
}

char *report_json(const Reality *reality, const GPtrArray *outcomes, const GArray *summary)
{
    const unsigned char *buffer = NULL;
    size_t len = 0;
    yajl_gen g = yajl_gen_alloc(NULL);
    yajl_gen_config(g, yajl_gen_beautify, 1);
    yajl_gen_config(g, yajl_gen_indent_string, " ");
    yajl_gen_map_open(g);
    put_number(g, "cpus", reality->n_cpus);
    put_text(g, "scenarios");
    yajl_gen_array_open(g);
    for (guint i = 0; i < outcomes->len; i++) {
        put_scenario(g, g_ptr_array_index(outcomes, i));
    }
    yajl_gen_array_close(g);
    put_summary(g, summary);
    yajl_gen_map_close(g);
    yajl_gen_get_buf(g, &buffer, &len);
    char *text = g_strndup((const char *)buffer, len);
    yajl_gen_free(g);
    return text;
}
