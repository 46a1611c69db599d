#include "cli/sweep-job.h"

#include "cli/interrupt.h"
#include "cli/table-print.h"

/* What a search prints: each value it tried, and the one it found. */

static void print_try(const char *value, bool holds, const char *shown, void *data)
{
    CpSweepJob *job = data;
    if (job->tried != NULL) {
        cp_json_open(job->tried, NULL, '{');
        cp_table_json_value(job->tried, "value", value);
        cp_json_bool(job->tried, "holds", holds);
        cp_json_text(job->tried, "measured", shown);
        cp_json_close(job->tried, '}');
    } else {
        cp_out(job->cli, "%s%s=%s  %s  %s\n", job->others->str, job->find_key, value,
               holds ? "yes" : "no ", shown);
    }
}

/* Which search this is: the values of the other axes. */
static void begin_search(CpSweepJob *job, char *const *values)
{
    const CpGrid *grid = job->plan->grid;
    g_string_truncate(job->others, 0);
    if (job->cli->json) {
        job->tried = cp_json_new();
        cp_json_open(job->tried, NULL, '{');
        cp_json_text(job->tried, "find", job->find_max ? "max" : "min");
        cp_json_text(job->tried, "axis", cp_axis_key(cp_grid_axis(grid, job->find.axis)));
        cp_json_open(job->tried, "at", '{');
    }
    for (unsigned i = 0; values[i] != NULL; i++) {
        const char *key = cp_axis_key(cp_grid_axis(grid, i));
        if (i == job->find.axis) {
            continue;
        }
        if (job->tried != NULL) {
            cp_table_json_value(job->tried, key, values[i]);
        }
        g_string_append_printf(job->others, "%s=%s  ", key, values[i]);
    }
    if (job->tried != NULL) {
        cp_json_close(job->tried, '}');
        cp_json_open(job->tried, "tried", '[');
    }
}

static void end_search(CpSweepJob *job, const char *value)
{
    if (job->tried != NULL) {
        cp_json_close(job->tried, ']');
        cp_table_json_value(job->tried, "value", value);
        cp_out_json(job->cli, g_steal_pointer(&job->tried));
    } else if (value != NULL) {
        cp_out(job->cli, "%s%s %s  %s\n", job->others->str, job->find_max ? "max" : "min",
               job->find_key, value);
    } else {
        cp_out(job->cli, "%sno %s will do\n", job->others->str, job->find_key);
    }
}

/* The result file keeps the answer beside the points that were tried. */
static gboolean store_answer(const CpSweepJob *job, const char *value, GError **error)
{
    const CpAxis *axis = cp_grid_axis(job->plan->grid, job->find.axis);
    g_autofree char *at = g_strchomp(g_strdup(job->others->str));
    const CpAnswer answer = {.largest = job->find_max,
                             .axis = cp_axis_key(axis),
                             .such_that = cp_opt_text(job->cli, "such-that"),
                             .at = at,
                             .value = value};
    return cp_store_answer(job->store, &answer, error);
}

int cp_sweep_search(CpSweepJob *job)
{
    const CpGrid *grid = job->plan->grid;
    unsigned axis = job->find.axis;
    g_autofree uint64_t *places = g_new0(uint64_t, cp_grid_n_axes(grid) + 1);
    bool none = false;
    job->find.tried = print_try;
    job->find.data = job;
    for (uint64_t point = 0; point < cp_grid_size(grid); point++) {
        cp_grid_places(grid, point, places);
        if (places[axis] != 0) {
            continue; /* one search for each setting of the other axes */
        }
        g_auto(GStrv) values = cp_grid_values(grid, point);
        g_autoptr(GError) error = NULL;
        g_autofree char *value = NULL;
        begin_search(job, values);
        if (!cp_sweep_find(&job->o, &job->find, places, &value, &error)) {
            return cp_interrupt_code() != 0 ? cp_interrupt_code()
                                            : cp_fail(job->cli, error);
        }
        if (!store_answer(job, value, &error)) {
            return cp_fail(job->cli, error);
        }
        end_search(job, value);
        none = none || value == NULL;
    }
    return none ? CP_EXIT_EXPECT : CP_EXIT_OK;
}
