#include "scenario/play.h"

#include "models/registry.h"

#include <string.h>

/* What a program is told of metrics: which there are, whose they are, what they are now. */

/* What callers see is the beginning. */
typedef struct {
    CpPlayMetric seen;
    const CpMetric *row;       /* NULL: found by its name */
    char *own_name, *own_help; /* owned */
} Metric;

static void metric_free(void *data)
{
    Metric *m = data;
    if (m != NULL) {
        g_free(m->own_name);
        g_free(m->own_help);
        g_free(m);
    }
}

static void add_row(GPtrArray *metrics, const CpMetric *row)
{
    Metric *m = g_new0(Metric, 1);
    m->row = row;
    m->seen = (CpPlayMetric){row->name, cp_scope_names[row->scope],
                             cp_units[row->unit].name, row->help};
    g_ptr_array_add(metrics, m);
}

/* Takes name and help. */
static void add_own(GPtrArray *metrics, char *name, CpUnit unit, char *help)
{
    Metric *m = g_new0(Metric, 1);
    m->own_name = name;
    m->own_help = help;
    m->seen = (CpPlayMetric){name, cp_scope_names[CP_SCOPE_RUN], cp_units[unit].name, help};
    g_ptr_array_add(metrics, m);
}

/* The workload's histograms and variables. */
static void add_workload(GPtrArray *metrics, const CpWorkload *w)
{
    for (unsigned i = 0; i < w->hists->len; i++) {
        const char *hist = cp_workload_text(w, g_array_index(w->hists, uint32_t, i));
        for (const CpHistPart *part = cp_hist_parts; part->name != NULL; part++) {
            add_own(
                metrics, g_strconcat(hist, ".", part->name, NULL), part->unit,
                g_strdup_printf("%s of histogram %s of the workload", part->name, hist));
        }
    }
    for (unsigned i = 0; i < w->vars->len; i++) {
        const char *var = cp_workload_text(w, g_array_index(w->vars, CpVarDecl, i).name);
        add_own(metrics, g_strconcat("var.", var, NULL), CP_UNIT_NUMBER,
                g_strdup_printf("variable %s of the workload", var));
    }
}

const CpPlayMetric *const *cp_play_metrics(CpPlay *play)
{
    if (play->metrics == NULL) {
        play->metrics = g_ptr_array_new_with_free_func(metric_free);
        for (CpScope scope = 0; scope < CP_SCOPES; scope++) {
            for (const CpMetric *const *row = cp_metrics(scope); *row != NULL; row++) {
                add_row(play->metrics, *row);
            }
        }
        add_workload(play->metrics, play->scenario->workload);
        g_ptr_array_add(play->metrics, NULL);
    }
    return (const CpPlayMetric *const *)play->metrics->pdata;
}

static CpScope find_scope(const char *name)
{
    CpScope scope = 0;
    while (scope < CP_SCOPES && strcmp(cp_scope_names[scope], name) != 0) {
        scope++;
    }
    return scope;
}

uint32_t cp_play_count(const CpPlay *play, const char *scope)
{
    CpScope found = find_scope(scope);
    return play->sim == NULL || found == CP_SCOPES ? 0
           : found == CP_SCOPE_RUN                 ? 1
                                                   : cp_metric_subjects(play->sim, found);
}

/* New text. */
static char *make_name(const CpPlay *play, CpScope scope, uint32_t subject)
{
    const CpWorkload *w = play->scenario->workload;
    switch (scope) {
    case CP_SCOPE_THREAD:
        return cp_sim_thread_name(play->sim, subject);
    case CP_SCOPE_CPU:
        return g_strdup_printf("%u", subject);
    case CP_SCOPE_OBJECT:
        return g_strdup(cp_workload_text(w, cp_obj_decl(w, subject)->name));
    case CP_SCOPE_GROUP:
        return g_strdup(cp_workload_text(w, cp_group_decl(w, subject)->name));
    default:
        return g_strdup("");
    }
}

const char *cp_play_name(CpPlay *play, const char *scope, uint32_t subject)
{
    CpScope found = find_scope(scope);
    if (subject >= cp_play_count(play, scope)) {
        return NULL;
    }
    if (play->names == NULL) {
        play->names = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    }
    int64_t key = (int64_t)((uint64_t)found << 32 | subject);
    char *name = g_hash_table_lookup(play->names, &key);
    if (name == NULL) {
        name = make_name(play, found, subject);
        g_hash_table_insert(play->names, g_memdup2(&key, sizeof key), name);
    }
    return name;
}

bool cp_play_value(CpPlay *play, const CpPlayMetric *metric, uint32_t subject,
                   int64_t *value)
{
    const Metric *m = (const Metric *)(const void *)metric;
    CpUnit unit;
    if (subject >= cp_play_count(play, metric->scope)) {
        return false;
    }
    return m->row != NULL ? cp_metric_value(play->sim, m->row, subject, value)
                          : cp_metric_find(play->sim, metric->name, value, &unit);
}
