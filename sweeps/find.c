#include "sim/error.h"
#include "sim/params.h"
#include "sim/words.h"
#include "sweeps/figure.h"
#include "sweeps/stats.h"
#include "sweeps/sweep.h"

#include <string.h>

/* Which value of an axis is the smallest or largest at which a condition holds. */

/* Values of the point in question, means over its repeats. */
typedef struct {
    const CpSweepOptions *o;
    uint64_t point;
    char **values; /* of the axes */
    GString *shown;
    GError **error;
} Scope;

static void show(GString *out, const CpMetricColumn *c, double mean)
{
    g_autofree char *text = cp_figure_dim(c->unit) == CP_DIM_TIME
                                ? cp_format_time_human((CpTime)mean)
                                : g_strdup_printf("%g", mean);
    g_string_append_printf(out, "%s%s %s", out->len > 0 ? ", " : "", c->name, text);
}

static const CpMetricColumn *find_metric(const CpPlan *plan, const char *name)
{
    for (guint i = 0; i < plan->metrics->len; i++) {
        const CpMetricColumn *c = plan->metrics->pdata[i];
        if (strcmp(c->name, name) == 0 || strcmp(c->key, name) == 0) {
            return c;
        }
    }
    return NULL;
}

static bool metric_value(Scope *scope, const CpMetricColumn *c, CpValue *value)
{
    GArray *list = cp_store_values(scope->o->store, scope->point, c->key, NULL);
    double sum = 0;
    *value = (CpValue){.kind = CP_VALUE_NULL};
    for (guint i = 0; list != NULL && i < list->len; i++) {
        sum += (double)g_array_index(list, int64_t, i);
    }
    if (list != NULL && list->len > 0) {
        double mean = cp_figure(c->unit, sum / list->len);
        show(scope->shown, c, mean);
        *value = (CpValue){
            .kind = CP_VALUE_NUMBER, .dim = cp_figure_dim(c->unit), .number = mean};
    }
    if (list != NULL) {
        g_array_unref(list);
    }
    return true;
}

static bool look_up(const char *name, CpValue *value, void *data)
{
    Scope *scope = data;
    int axis = cp_grid_find(scope->o->plan->grid, name);
    const CpMetricColumn *c = find_metric(scope->o->plan, name);
    if (axis >= 0) {
        *value = cp_value_from_text(scope->values[axis]);
        return true;
    }
    return c != NULL && metric_value(scope, c, value);
}

/* --- before anything is run --- */

/* Some value of the right unit. */
static bool look_up_unit(const char *name, CpValue *value, void *data)
{
    const CpPlan *plan = data;
    int axis = cp_grid_find(plan->grid, name);
    if (axis >= 0) {
        g_autofree char *text = cp_axis_value(cp_grid_axis(plan->grid, (unsigned)axis), 0);
        *value = cp_value_from_text(text);
        value->text = NULL;
        value->kind = value->kind == CP_VALUE_TEXT ? CP_VALUE_NULL : value->kind;
        return true;
    }
    const CpMetricColumn *c = find_metric(plan, name);
    if (c != NULL) {
        *value = (CpValue){.kind = CP_VALUE_NUMBER, .number = 1};
        value->dim = cp_figure_dim(c->unit);
    }
    return c != NULL;
}

/* A first name that nothing has is no word to compare with, but a mistake. */
static gboolean check_first_name(const CpPlan *plan, const CpExpr *condition,
                                 GError **error)
{
    g_auto(GStrv) names = cp_expr_names(condition);
    g_autoptr(GPtrArray) known = g_ptr_array_new();
    if (names[0] == NULL || cp_grid_find(plan->grid, names[0]) >= 0 ||
        find_metric(plan, names[0]) != NULL) {
        return TRUE;
    }
    for (guint i = 0; i < plan->metrics->len; i++) {
        g_ptr_array_add(known, ((CpMetricColumn *)plan->metrics->pdata[i])->name);
    }
    g_ptr_array_add(known, NULL);
    const char *near = cp_nearest(names[0], (const char *const *)known->pdata);
    g_autofree char *hint = near != NULL ? g_strdup_printf("did you mean '%s'?", near)
                                         : g_strdup("coreplay list metrics shows them");
    g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                "--such-that: '%s' is neither a metric nor an axis; %s", names[0], hint);
    return FALSE;
}

gboolean cp_sweep_find_check(const CpPlan *plan, const CpFind *find, GError **error)
{
    if (cp_grid_is_zipped(plan->grid, find->axis)) {
        g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                    "--find: the axis '%s' steps together with another one, by --zip, and "
                    "cannot be moved alone; search one that is not zipped",
                    cp_axis_key(cp_grid_axis(plan->grid, find->axis)));
        return FALSE;
    }
    if (!check_first_name(plan, find->condition, error)) {
        return FALSE;
    }
    if (!cp_expr_check(find->condition, look_up_unit, (void *)plan, error)) {
        g_prefix_error(error, "--such-that: ");
        return FALSE;
    }
    return TRUE;
}

/* --- the search --- */

/* Runs the point if need be; a point that failed does not satisfy anything. */
static gboolean try_point(const CpSweepOptions *o, const CpFind *find, uint64_t point,
                          bool *holds, GError **error)
{
    CpSweepResult result;
    if (!cp_sweep_run_points(o, &point, 1, &result, error)) {
        return FALSE;
    }
    if (result.stopped) {
        g_set_error(error, CP_ERROR, CP_ERROR_MODEL, "the search was interrupted");
        return FALSE;
    }
    Scope scope = {.o = o, .point = point, .shown = g_string_new(NULL)};
    scope.values = cp_grid_values(o->plan->grid, point);
    *holds = cp_grid_keeps(o->plan->grid, point) &&
             cp_expr_holds(find->condition, look_up, &scope);
    if (find->tried != NULL) {
        find->tried(scope.values[find->axis], *holds,
                    scope.shown->len > 0 ? scope.shown->str : "no value", find->data);
    }
    g_strfreev(scope.values);
    g_string_free(scope.shown, TRUE);
    return TRUE;
}

gboolean cp_sweep_find(const CpSweepOptions *o, const CpFind *find, uint64_t *places,
                       char **value, GError **error)
{
    const CpAxis *axis = cp_grid_axis(o->plan->grid, find->axis);
    uint64_t n = cp_axis_size(axis);
    /* Invariant in steps from the wanted end: below `low` it does not hold, at `high` it
     * does (high = n: not known to hold anywhere). */
    uint64_t low = 0, high = n;
    *value = NULL;
    while (low < high) {
        /* The far end first: if it does not hold there, nothing does. */
        uint64_t at = high == n ? n - 1 : low + (high - low) / 2;
        bool holds;
        places[find->axis] = find->largest ? n - 1 - at : at;
        if (!try_point(o, find, cp_grid_index(o->plan->grid, places), &holds, error)) {
            return FALSE;
        }
        if (!holds && high == n) {
            return TRUE;
        }
        if (holds) {
            high = at;
        } else {
            low = at + 1;
        }
    }
    if (high < n) {
        *value = cp_axis_value(axis, find->largest ? n - 1 - high : high);
    }
    return TRUE;
}
