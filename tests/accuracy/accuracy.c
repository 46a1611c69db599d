/* Simulates the programs of a folder of measurements and says how far off each figure is.
 *
 *   accuracy [--runs N] [--only TEXT] [--json FILE] [--markdown FILE] [--within KEY=SHARE]
 *            FOLDER
 *
 * --within makes the program fail if the median error of that summary key is larger. */
#include "sim/batch.h"
#include "tests/accuracy/report.h"

#include <stdio.h>
#include <string.h>

static struct {
    int runs, workers;
    char *only, *json, *markdown;
    char **within, **folder;
    gboolean quiet;
} opt = {.runs = 10};

static const GOptionEntry entries[] = {
    {"runs", 0, 0, G_OPTION_ARG_INT, &opt.runs, "tick phases a scenario", "N"},
    {"workers", 0, 0, G_OPTION_ARG_INT, &opt.workers, "host threads, 0: all", "N"},
    {"only", 0, 0, G_OPTION_ARG_STRING, &opt.only, "scenarios with TEXT in their id",
     "TEXT"},
    {"json", 0, 0, G_OPTION_ARG_FILENAME, &opt.json, "write FILE", "FILE"},
    {"markdown", 0, 0, G_OPTION_ARG_FILENAME, &opt.markdown, "write FILE", "FILE"},
    {"within", 0, 0, G_OPTION_ARG_STRING_ARRAY, &opt.within,
     "fail if the median error of KEY is above SHARE", "KEY=SHARE"},
    {"quiet", 'q', 0, G_OPTION_ARG_NONE, &opt.quiet, "print the summary only", NULL},
    {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &opt.folder, NULL, "FOLDER"},
    {NULL, 0, 0, 0, NULL, NULL, NULL},
};

typedef struct {
    const Reality *reality;
    GPtrArray *scenarios; /* yajl_val */
    GPtrArray *outcomes;
} Work;

static void *one_scenario(uint64_t index, unsigned worker, void *data)
{
    const Work *w = data;
    (void)worker; /* all are alike */
    return simulate(w->reality, g_ptr_array_index(w->scenarios, (guint)index),
                    (unsigned)opt.runs);
}

static bool collect(uint64_t index, void *result, void *data)
{
    const Work *w = data;
    (void)index; /* results come in order */
    g_ptr_array_add(w->outcomes, result);
    return true;
}

static void choose_scenarios(Work *w)
{
    yajl_val all = w->reality->scenarios;
    for (size_t i = 0; i < length(all); i++) {
        yajl_val s = YAJL_GET_ARRAY(all)->values[i];
        if (opt.only == NULL || strstr(text_at(s, "id"), opt.only) != NULL) {
            g_ptr_array_add(w->scenarios, s);
        }
    }
}

static gboolean write_file(const char *path, char *content, GError **error)
{
    gboolean ok = path == NULL || g_file_set_contents(path, content, -1, error);
    g_free(content);
    return ok;
}

/* Returns whether the summary keeps to every bound. */
static bool keeps_bounds(const GArray *summary)
{
    bool ok = true;
    for (char **p = opt.within; p != NULL && *p != NULL; p++) {
        g_auto(GStrv) pair = g_strsplit(*p, "=", 2);
        bool found = false;
        for (guint i = 0; i < summary->len && pair[1] != NULL; i++) {
            const Summary *s = &g_array_index(summary, Summary, i);
            if (strcmp(s->key, pair[0]) == 0 && s->n > 0) {
                found = true;
                if (s->median_err > g_ascii_strtod(pair[1], NULL)) {
                    fprintf(stderr, "%s: median error %.3f is above %s\n", s->key,
                            s->median_err, pair[1]);
                    ok = false;
                }
            }
        }
        if (!found) {
            fprintf(stderr, "%s: nothing was compared\n", *p);
            ok = false;
        }
    }
    return ok;
}

static int compare(const Reality *reality)
{
    GError *error = NULL;
    Work w = {.reality = reality,
              .scenarios = g_ptr_array_new(),
              .outcomes = g_ptr_array_new_with_free_func((GDestroyNotify)outcome_free)};
    choose_scenarios(&w);
    CpBatch batch = {.job = one_scenario,
                     .done = collect,
                     .data = &w,
                     .n_workers = (unsigned)opt.workers};
    cp_batch_run(&batch, w.scenarios->len);
    GArray *summary = report_summary(w.outcomes);
    if (!opt.quiet) {
        report_print(stdout, reality, w.outcomes);
    }
    report_print_summary(stdout, summary);
    gboolean ok =
        write_file(opt.json, report_json(reality, w.outcomes, summary), &error) &&
        write_file(opt.markdown, report_markdown(reality, w.outcomes, summary), &error);
    if (!ok) {
        fprintf(stderr, "accuracy: %s\n", error->message);
        g_clear_error(&error);
    }
    ok = ok && keeps_bounds(summary);
    g_array_unref(summary);
    g_ptr_array_unref(w.outcomes);
    g_ptr_array_unref(w.scenarios);
    return ok ? 0 : 1;
}

int main(int argc, char **argv)
{
    GError *error = NULL;
    GOptionContext *context = g_option_context_new(NULL);
    g_option_context_add_main_entries(context, entries, NULL);
    gboolean ok = g_option_context_parse(context, &argc, &argv, &error);
    g_option_context_free(context);
    if (!ok || opt.folder == NULL || opt.folder[0] == NULL || opt.runs < 1) {
        fprintf(stderr, "accuracy: %s\n",
                error != NULL ? error->message : "one folder of measurements is needed");
        g_clear_error(&error);
        return 2;
    }
    Reality *reality = reality_load(opt.folder[0], &error);
    if (reality == NULL) {
        fprintf(stderr, "accuracy: %s\n", error->message);
        g_clear_error(&error);
        return 2;
    }
    int status = compare(reality);
    reality_free(reality);
    g_strfreev(opt.folder);
    g_strfreev(opt.within);
    return status;
}
