#include "sim/metrics.h"

#include "sim/baseline.h"

#include <string.h>

/* What a metric is worth in a run: whose rows take part in it, what the warm-up is taken
 * off from, and which row a name means. */

/* --- tables --- */

static void add_table(CpSim *sim, const CpMetric *rows)
{
    CpMetricTable *table = &sim->metric_tables[sim->n_metric_tables];
    if (rows != NULL) {
        *table = (CpMetricTable){.rows = rows};
        for (; rows[table->n].name != NULL; table->n++) {
        }
        sim->n_metric_tables++;
    }
}

void cp_metrics_init(CpSim *sim)
{
    size_t n_runtimes = 0;
    while (sim->config.runtimes[n_runtimes] != NULL) {
        n_runtimes++;
    }
    sim->metric_tables = cp_arena_alloc(sim->arena, (1 + n_runtimes + sim->n_classes) *
                                                        sizeof *sim->metric_tables);
    sim->n_metric_tables = 0;
    add_table(sim, cp_engine_metrics);
    for (size_t i = 0; i < n_runtimes; i++) {
        add_table(sim, sim->config.runtimes[i]->metrics);
    }
    for (size_t i = 0; i < sim->n_classes; i++) {
        add_table(sim, sim->config.classes[i]->metrics);
    }
    cp_assert(sim->n_metric_tables <= 1 + n_runtimes + sim->n_classes);
}

/* The table a row stands in, or NULL: its owner has no part in the run. */
static const CpMetricTable *table_of(const CpSim *sim, const CpMetric *metric)
{
    for (size_t k = 0; k < sim->n_metric_tables; k++) {
        const CpMetricTable *table = &sim->metric_tables[k];
        if ((uintptr_t)metric >= (uintptr_t)table->rows &&
            (uintptr_t)metric < (uintptr_t)(table->rows + table->n)) {
            return table;
        }
    }
    return NULL;
}

/* The row of that scope whose name is the `len` characters at `name`, or NULL. */
static const CpMetric *find_row(const CpSim *sim, CpScope scope, const char *name,
                                size_t len)
{
    cp_assert(scope < CP_SCOPES);
    for (size_t k = 0; k < sim->n_metric_tables; k++) {
        for (const CpMetric *m = sim->metric_tables[k].rows; m->name != NULL; m++) {
            if (m->scope == scope && m->name[0] == name[0] &&
                strncmp(m->name, name, len) == 0 && m->name[len] == '\0') {
                return m;
            }
        }
    }
    return NULL;
}

/* --- values --- */

uint32_t cp_metric_subjects(const CpSim *sim, CpScope scope)
{
    switch (scope) {
    case CP_SCOPE_THREAD:
        return sim->tables.thread.n;
    case CP_SCOPE_CPU:
        return sim->n_cpus;
    case CP_SCOPE_OBJECT:
        return sim->w->objs->len;
    case CP_SCOPE_GROUP:
        return sim->n_groups;
    case CP_SCOPE_RUN:
    case CP_SCOPES:
        break;
    }
    return 1;
}

bool cp_metric_value(const CpSim *sim, const CpMetric *metric, uint32_t subject,
                     int64_t *value)
{
    cp_require(subject < cp_metric_subjects(sim, metric->scope));
    const CpMetricTable *table = table_of(sim, metric);
    if (table == NULL || !metric->get(sim, subject, value)) {
        return false;
    }
    if (metric->sums && sim->base != NULL && subject < sim->base->n[metric->scope]) {
        *value -= table->base[metric - table->rows][subject];
    }
    cp_assert(!metric->sums || *value >= 0); /* what adds up never falls */
    return true;
}

const CpMetric *cp_metric_in(const CpSim *sim, CpScope scope, const char *name)
{
    return find_row(sim, scope, name, strlen(name));
}

bool cp_metric_named(const CpSim *sim, CpScope scope, const char *name, uint32_t subject,
                     int64_t *value)
{
    const CpMetric *metric = cp_metric_in(sim, scope, name);
    return metric != NULL && cp_metric_value(sim, metric, subject, value);
}

char *cp_metric_key(const char *name, CpUnit unit)
{
    cp_require(unit < CP_UNITS);
    g_autofree char *key = g_strdup(name);
    g_strdelimit(key, ".", '_');
    return g_strconcat(key, cp_units[unit].ending, NULL);
}

/* --- by name --- */

const char *const cp_scope_names[CP_SCOPES] = {"run", "thread", "cpu", "object", "cgroup"};

#define QUANTILE(name, ppm)                                                                \
    static bool name(const CpHist *h, int64_t *value)                                      \
    {                                                                                      \
        *value = cp_hist_quantile(h, ppm);                                                 \
        return h->n > 0;                                                                   \
    }

QUANTILE(p50, 500000)
QUANTILE(p90, 900000)
QUANTILE(p95, 950000)
QUANTILE(p99, 990000)
QUANTILE(p999, 999000)

static bool number(const CpHist *h, int64_t *value)
{
    *value = (int64_t)h->n;
    return true;
}

static bool mean(const CpHist *h, int64_t *value)
{
    *value = cp_hist_mean(h);
    return h->n > 0;
}

static bool largest(const CpHist *h, int64_t *value)
{
    *value = h->max;
    return h->n > 0;
}

static bool smallest(const CpHist *h, int64_t *value)
{
    *value = h->min;
    return h->n > 0;
}

const CpHistPart cp_hist_parts[] = {
    {"n", CP_UNIT_COUNT, number, true, true},    {"mean", CP_UNIT_NS, mean, true, true},
    {"p50", CP_UNIT_NS, p50, true, true},        {"p90", CP_UNIT_NS, p90, false, true},
    {"p95", CP_UNIT_NS, p95, false, false},      {"p99", CP_UNIT_NS, p99, true, true},
    {"p999", CP_UNIT_NS, p999, true, false},     {"max", CP_UNIT_NS, largest, true, true},
    {"min", CP_UNIT_NS, smallest, false, false}, {NULL, CP_UNIT_NS, NULL, false, false},
};

const CpHistPart *cp_hist_part(const char *name)
{
    for (const CpHistPart *part = cp_hist_parts; part->name != NULL; part++) {
        if (strcmp(part->name, name) == 0) {
            return part;
        }
    }
    return NULL;
}

static bool find_hist(const CpSim *sim, const char *name, int64_t *value, CpUnit *unit)
{
    const char *dot = strrchr(name, '.');
    const CpHistPart *part = dot != NULL ? cp_hist_part(dot + 1) : NULL;
    for (uint32_t i = 0; part != NULL && i < sim->w->hists->len; i++) {
        const char *h = cp_workload_text(sim->w, g_array_index(sim->w->hists, uint32_t, i));
        if (strlen(h) == (size_t)(dot - name) && strncmp(h, name, strlen(h)) == 0) {
            *unit = part->unit;
            return part->get(&sim->hists[i], value);
        }
    }
    return false;
}

static bool find_var(const CpSim *sim, const char *name, int64_t *value, CpUnit *unit)
{
    for (uint32_t i = 0; i < sim->w->vars->len; i++) {
        const CpVarDecl *v = &g_array_index(sim->w->vars, CpVarDecl, i);
        if (strcmp(cp_workload_text(sim->w, v->name), name) == 0) {
            *value = sim->vars[i];
            *unit = CP_UNIT_NUMBER;
            return true;
        }
    }
    return false;
}

/* METRIC.THREAD, as in `end.worker-2`: a thread's name, or its declaration's if it has one
 * instance. */
static bool find_thread(const CpSim *sim, const char *metric, size_t len, const char *name,
                        int64_t *value, CpUnit *unit)
{
    const CpMetric *row = find_row(sim, CP_SCOPE_THREAD, metric, len);
    for (CpTid tid = 0; row != NULL && tid < sim->tables.thread.n; tid++) {
        g_autofree char *own = cp_sim_thread_name(sim, tid);
        if (strcmp(own, name) == 0) {
            *unit = row->unit;
            return cp_metric_value(sim, row, tid, value);
        }
    }
    return false;
}

static bool find_group(const CpSim *sim, const char *name, int64_t *value, CpUnit *unit)
{
    for (CpGroup g = 1; g < sim->n_groups; g++) {
        const char *own = cp_workload_text(sim->w, cp_group_decl(sim->w, g)->name);
        size_t len = strlen(own);
        if (strncmp(name, own, len) != 0 || name[len] != '.') {
            continue;
        }
        const char *metric = name + len + 1;
        const CpMetric *row = find_row(sim, CP_SCOPE_GROUP, metric, strlen(metric));
        if (row != NULL) {
            *unit = row->unit;
            return cp_metric_value(sim, row, g, value);
        }
    }
    return false;
}

bool cp_metric_find(const CpSim *sim, const char *name, int64_t *value, CpUnit *unit)
{
    const CpMetric *row = find_row(sim, CP_SCOPE_RUN, name, strlen(name));
    if (row != NULL) {
        *unit = row->unit;
        return cp_metric_value(sim, row, 0, value);
    }
    if (g_str_has_prefix(name, "var.")) {
        return find_var(sim, name + 4, value, unit);
    }
    if (g_str_has_prefix(name, "cgroup.")) {
        return find_group(sim, name + 7, value, unit);
    }
    if (find_hist(sim, name, value, unit)) {
        return true;
    }
    for (const char *dot = strchr(name, '.'); dot != NULL; dot = strchr(dot + 1, '.')) {
        if (find_thread(sim, name, (size_t)(dot - name), dot + 1, value, unit)) {
            return true;
        }
    }
    return false;
}
