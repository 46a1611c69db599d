#include "sweeps/plan.h"

#include "models/registry.h"
#include "sim/dist.h"
#include "sim/error.h"
#include "sim/params.h"
#include "traces/cpr.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What a sweep is about: the text of the plan, the seeds of its runs, the columns it
 * keeps. */

enum {
    BYTES_MAX = 64 * 1024 * 1024,
    CHECKED_MAX = 64, /* values of an axis tried before the sweep begins */
    ENDS_MAX = 32,    /* threads whose end is a column */
};

#define SEED_REPEAT UINT64_C(0x7377656570) /* key of the seeds of repeats */

static void column_free(void *data)
{
    CpMetricColumn *c = data;
    g_free(c->name);
    g_free(c->key);
    g_free(c);
}

void cp_plan_free(CpPlan *plan)
{
    if (plan == NULL) {
        return;
    }
    g_free(plan->path);
    g_free(plan->text);
    g_clear_pointer(&plan->overrides, g_array_unref);
    g_clear_pointer(&plan->texts, g_ptr_array_unref);
    cp_scenario_free(plan->base);
    cp_grid_free(plan->grid);
    g_clear_pointer(&plan->metrics, g_ptr_array_unref);
    g_free(plan->identity);
    g_free(plan->hash);
    g_free(plan);
}

uint64_t cp_plan_seed(const CpPlan *plan, uint32_t repeat)
{
    return cp_rng_key(plan->seed, repeat, SEED_REPEAT) >> 11;
}

/* --- the workload --- */

static gboolean read_workload(CpPlan *plan, GError **error)
{
    bool standard = strcmp(plan->path, "-") == 0;
    FILE *file = standard ? stdin : fopen(plan->path, "rb");
    g_autofree char *clean = cp_clean_text(plan->path, -1);
    if (file == NULL || g_file_test(plan->path, G_FILE_TEST_IS_DIR)) {
        g_set_error(error, CP_ERROR, CP_ERROR_INPUT, "%s: cannot read: %s", clean,
                    file == NULL ? g_strerror(errno) : "it is a directory");
        if (file != NULL) {
            fclose(file);
        }
        return FALSE;
    }
    GString *text = g_string_new(NULL);
    char buffer[65536];
    size_t n;
    while (text->len <= BYTES_MAX && (n = fread(buffer, 1, sizeof buffer, file)) > 0) {
        g_string_append_len(text, buffer, (gssize)n);
        if (cp_cpr_sniff(text->str, text->len) && !standard) {
            break;
        }
    }
    bool recording = cp_cpr_sniff(text->str, text->len);
    if (!standard) {
        fclose(file);
    }
    plan->len = text->len;
    plan->text = g_string_free(text, FALSE);
    if (recording) {
        g_clear_pointer(&plan->text, g_free);
    }
    return TRUE;
}

static CpScenario *load(const CpPlan *plan, const GArray *overrides, CpDiag *diag)
{
    const CpOverride *list = (const CpOverride *)(const void *)overrides->data;
    if (plan->text == NULL) {
        return cp_scenario_load(plan->path, list, overrides->len, diag);
    }
    return cp_scenario_from_text(plan->path, plan->text, plan->len, list, overrides->len,
                                 diag);
}

/* Overrides of the plan, then the axes' values. */
static GArray *with_values(const CpPlan *plan, char *const *values)
{
    GArray *all = g_array_copy(plan->overrides);
    for (unsigned i = 0; i < cp_grid_n_axes(plan->grid); i++) {
        CpOverride o = {cp_axis_key(cp_grid_axis(plan->grid, i)), values[i], CP_FROM_SWEEP};
        g_array_append_val(all, o);
    }
    return all;
}

CpScenario *cp_plan_scenario(const CpPlan *plan, char *const *values,
                             const CpScenario *shared, CpDiag *diag)
{
    g_autoptr(GArray) all = with_values(plan, values);
    if (shared != NULL) {
        return cp_scenario_retune(shared, (const CpOverride *)(const void *)all->data,
                                  all->len, diag);
    }
    return load(plan, all, diag);
}

char *cp_plan_compile_key(const CpPlan *plan, char *const *values)
{
    if (plan->base->written == NULL) {
        return NULL;
    }
    GString *key = g_string_new(NULL);
    for (unsigned i = 0; i < cp_grid_n_axes(plan->grid); i++) {
        const char *name = cp_axis_key(cp_grid_axis(plan->grid, i));
        if (!cp_scenario_can_retune(plan->base, name)) {
            g_string_append_printf(key, "%s\n", values[i]);
        }
    }
    return g_string_free(key, FALSE);
}

/* --- axes --- */

/* The values a param lists in the workload: param load = 5 in [5, 10, 20]. */
static CpAxis *axis_of_param(const CpWorkloadParam *param)
{
    g_auto(GStrv) values = g_strsplit(param->choices, "|", -1);
    return cp_axis_from_values(param->name, (const char *const *)values);
}

static CpAxis *read_axis(const CpPlan *plan, const char *text, GError **error)
{
    if (strchr(text, '=') != NULL) {
        return cp_axis_new(text, error);
    }
    const CpWorkloadParam *param = cp_scenario_param(plan->base, text);
    if (param != NULL && param->choices != NULL) {
        return axis_of_param(param);
    }
    g_autofree char *clean = cp_clean_text(text, -1);
    g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                "--sweep %s: no values; write %s=1,2,4, or list them in the workload: "
                "param %s = 1 in [1, 2, 4]",
                clean, clean, clean);
    return NULL;
}

/* An axis for --find without --sweep: all values the setting may have. */
static CpAxis *axis_of_setting(const char *key, GError **error)
{
    g_autofree CpSettingInfo *all = cp_settings();
    for (const CpSettingInfo *s = all; s->spec != NULL; s++) {
        if (strcmp(s->spec->name, key) == 0 && s->spec->type == CP_PARAM_INT &&
            s->spec->max > s->spec->min) {
            g_autofree char *text =
                g_strdup_printf("%s=%" G_GINT64_FORMAT "..%" G_GINT64_FORMAT, key,
                                s->spec->min, s->spec->max);
            return cp_axis_new(text, error);
        }
    }
    g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                "--find: say where to look; for example: --sweep %s=1..64", key);
    return NULL;
}

static gboolean add_axes(CpPlan *plan, const CpPlanOptions *o, GError **error)
{
    for (char **text = o->sweeps; text != NULL && *text != NULL; text++) {
        CpAxis *axis = read_axis(plan, *text, error);
        if (axis != NULL && strcmp(cp_axis_key(axis), "seed") == 0) {
            g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                        "seeds are repeats: use --repeat 20 instead of an axis 'seed'");
            g_clear_pointer(&axis, cp_axis_free);
        }
        if (axis == NULL || !cp_grid_add(plan->grid, axis, error)) {
            return FALSE;
        }
    }
    /* Axes that live in the workload. */
    bool none = o->find_key == NULL && (o->sweeps == NULL || o->sweeps[0] == NULL);
    for (guint i = 0; none && i < plan->base->params->len; i++) {
        const CpWorkloadParam *param = plan->base->params->pdata[i];
        if (param->choices != NULL &&
            !cp_grid_add(plan->grid, axis_of_param(param), error)) {
            return FALSE;
        }
    }
    if (o->find_key != NULL && cp_grid_find(plan->grid, o->find_key) < 0) {
        CpAxis *axis = axis_of_setting(o->find_key, error);
        if (axis == NULL || !cp_grid_add(plan->grid, axis, error)) {
            return FALSE;
        }
    }
    if (cp_grid_n_axes(plan->grid) == 0) {
        g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                    "nothing to vary; for example: --sweep cores=1,2,4");
        return FALSE;
    }
    return TRUE;
}

static gboolean make_grid(CpPlan *plan, const CpPlanOptions *o, GError **error)
{
    plan->grid = cp_grid_new();
    if (!add_axes(plan, o, error)) {
        return FALSE;
    }
    for (char **zip = o->zips; zip != NULL && *zip != NULL; zip++) {
        if (!cp_grid_zip(plan->grid, *zip, error)) {
            return FALSE;
        }
    }
    for (char **where = o->wheres; where != NULL && *where != NULL; where++) {
        if (!cp_grid_where(plan->grid, *where, error)) {
            return FALSE;
        }
    }
    cp_grid_sample(plan->grid, o->sample, plan->seed);
    return cp_grid_seal(plan->grid, error);
}

/* Tries the values of every axis with the others at their first: what is wrong with an
 * option (an unknown key, a unit) is said now; what is wrong with a point is its result. */
static bool check_values(const CpPlan *plan, CpDiag *diag)
{
    for (unsigned a = 0; a < cp_grid_n_axes(plan->grid); a++) {
        uint64_t n = cp_axis_size(cp_grid_axis(plan->grid, a));
        for (uint64_t i = 0; i < MIN(n, CHECKED_MAX); i++) {
            uint64_t k =
                i < CHECKED_MAX / 2 || n <= CHECKED_MAX ? i : n - 1 - (i - CHECKED_MAX / 2);
            g_auto(GStrv) values = cp_grid_values(plan->grid, 0);
            g_free(values[a]);
            values[a] = cp_axis_value(cp_grid_axis(plan->grid, a), k);
            CpDiag *own = cp_diag_new(plan->path, NULL, 0);
            CpScenario *s = cp_plan_scenario(plan, values, NULL, own);
            bool wrong = s == NULL && cp_diag_code(own) == CP_ERROR_USAGE;
            cp_scenario_free(s);
            cp_diag_free(own);
            if (wrong) {
                cp_plan_scenario(plan, values, NULL,
                                 diag); /* says it again, to the caller */
                return false;
            }
        }
    }
    return true;
}

/* --- columns --- */

static void add_column(GPtrArray *columns, const char *name, CpUnit unit)
{
    for (guint i = 0; i < columns->len; i++) {
        const CpMetricColumn *c = columns->pdata[i];
        if (strcmp(c->name, name) == 0) {
            return;
        }
    }
    CpMetricColumn *c = g_new0(CpMetricColumn, 1);
    c->name = g_strdup(name);
    c->key = cp_metric_key(name, unit);
    c->unit = unit;
    c->metric = cp_metric_row(CP_SCOPE_RUN, name, strlen(name));
    g_ptr_array_add(columns, c);
}

static void add_hists(CpPlan *plan)
{
    const CpWorkload *w = plan->base->workload;
    for (guint i = 0; i < w->hists->len; i++) {
        const char *h = cp_workload_text(w, g_array_index(w->hists, uint32_t, i));
        for (const CpHistPart *part = cp_hist_parts; part->name != NULL; part++) {
            g_autofree char *name = g_strdup_printf("%s.%s", h, part->name);
            if (part->in_sweep) {
                add_column(plan->metrics, name, part->unit);
            }
        }
    }
}

static void add_metrics(CpPlan *plan)
{
    const CpWorkload *w = plan->base->workload;
    plan->metrics = g_ptr_array_new_with_free_func(column_free);
    for (const CpMetric *const *m = cp_metrics(CP_SCOPE_RUN); *m != NULL; m++) {
        add_column(plan->metrics, (*m)->name, (*m)->unit);
    }
    add_hists(plan);
    for (guint i = 0; i < MIN(w->vars->len, 100); i++) {
        const CpVarDecl *v = &g_array_index(w->vars, CpVarDecl, i);
        g_autofree char *name = g_strconcat("var.", cp_workload_text(w, v->name), NULL);
        add_column(plan->metrics, name, CP_UNIT_NUMBER);
    }
    for (guint i = 0; i < MIN(w->threads->len, ENDS_MAX); i++) {
        const char *thread = cp_workload_text(w, cp_thread_decl(w, i)->name);
        g_autofree char *name = g_strconcat("end.", thread, NULL);
        add_column(plan->metrics, name, CP_UNIT_NS);
    }
}

/* Those that options name. */
static gboolean add_named(CpPlan *plan, const CpPlanOptions *o, GError **error)
{
    CpUnit unit;
    for (char **m = o->metrics; m != NULL && *m != NULL; m++) {
        g_autofree char *near = NULL;
        if (!cp_scenario_metric(plan->base, *m, &unit, &near)) {
            g_autofree char *clean = cp_clean_text(*m, -1);
            g_autofree char *hint = near != NULL
                                        ? g_strdup_printf("did you mean '%s'?", near)
                                        : g_strdup("coreplay list metrics shows them");
            g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                        "the workload has no metric '%s'; %s", clean, hint);
            return FALSE;
        }
        add_column(plan->metrics, *m, unit);
    }
    for (char **m = o->names; m != NULL && *m != NULL; m++) {
        g_autofree char *near = NULL;
        if (cp_scenario_metric(plan->base, *m, &unit, &near)) {
            add_column(plan->metrics, *m, unit);
        }
    }
    return TRUE;
}

/* --- the plan --- */

static void copy_overrides(CpPlan *plan, const CpPlanOptions *o)
{
    plan->overrides = g_array_new(FALSE, FALSE, sizeof(CpOverride));
    plan->texts = g_ptr_array_new_with_free_func(g_free);
    for (size_t i = 0; i < o->n_overrides; i++) {
        CpOverride row = {g_strdup(o->overrides[i].key), g_strdup(o->overrides[i].value),
                          o->overrides[i].from};
        g_ptr_array_add(plan->texts, (char *)row.key);
        g_ptr_array_add(plan->texts, (char *)row.value);
        g_array_append_val(plan->overrides, row);
    }
}

/* `n_usual` metrics every sweep of the workload keeps; the others were asked for, and files
 * without them cannot take the rows. */
static void identify(CpPlan *plan, guint n_usual)
{
    GString *text = g_string_new(NULL);
    g_string_append_printf(text, "coreplay %s\nworkload %s\nseed %" G_GUINT64_FORMAT "\n",
                           PACKAGE_VERSION, plan->base->hash, plan->seed);
    for (guint i = 0; i < plan->overrides->len; i++) {
        const CpOverride *o = &g_array_index(plan->overrides, CpOverride, i);
        if (strcmp(o->key, "seed") != 0) {
            g_string_append_printf(text, "set %s=%s\n", o->key, o->value);
        }
    }
    cp_grid_print(plan->grid, text);
    for (guint i = n_usual; i < plan->metrics->len; i++) {
        const CpMetricColumn *c = plan->metrics->pdata[i];
        g_string_append_printf(text, "metric %s\n", c->name);
    }
    g_string_append_printf(text, "metrics %u\n", plan->metrics->len);
    plan->identity = g_string_free(text, FALSE);
    plan->hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, plan->identity, -1);
}

CpPlan *cp_plan_new(const CpPlanOptions *o, CpDiag *diag, GError **error)
{
    CpPlan *plan = g_new0(CpPlan, 1);
    plan->path = g_strdup(o->path);
    copy_overrides(plan, o);
    bool ok = read_workload(plan, error);
    plan->base = ok ? load(plan, plan->overrides, diag) : NULL;
    ok = plan->base != NULL;
    if (ok) {
        plan->seed = (uint64_t)plan->base->run->v[CP_RUN_SEED];
    }
    ok = ok && make_grid(plan, o, error) && check_values(plan, diag);
    guint n_usual = 0;
    if (ok) {
        add_metrics(plan);
        n_usual = plan->metrics->len;
        ok = add_named(plan, o, error);
    }
    if (!ok) {
        cp_plan_free(plan);
        return NULL;
    }
    identify(plan, n_usual);
    return plan;
}
