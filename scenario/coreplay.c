#include "scenario/play.h"

#include "sim/error.h"
#include "sim/sim.h"
#include "scenario/warmup.h"

/* The library: what a play keeps between loading, setting, running and reading. */

/* Reads the file anew with all overrides: parameters of a workload decide how it is
 * compiled.  NULL with the messages as the error's text. */
static CpScenario *load(const CpPlay *play, GError **error)
{
    size_t n = play->keys->len;
    g_autofree CpOverride *overrides = g_new0(CpOverride, n + 1);
    for (size_t i = 0; i < n; i++) {
        overrides[i] =
            (CpOverride){play->keys->pdata[i], play->values->pdata[i], CP_FROM_SET};
    }
    CpDiag *diag = cp_diag_new(play->path, NULL, 0);
    CpScenario *scenario = cp_scenario_load(play->path, overrides, n, diag);
    if (scenario == NULL) {
        g_autofree char *text = cp_diag_print(diag, false);
        g_strchomp(text);
        g_set_error_literal(error, CP_ERROR, cp_diag_code(diag), text);
    }
    cp_diag_free(diag);
    return scenario;
}

static void forget_run(CpPlay *play)
{
    g_clear_pointer(&play->sim, cp_sim_free);
    g_clear_pointer(&play->names, g_hash_table_unref);
}

static void replace(CpPlay *play, CpScenario *scenario)
{
    forget_run(play);
    g_clear_pointer(&play->metrics, g_ptr_array_unref);
    g_clear_pointer(&play->scenario, cp_scenario_free);
    play->scenario = scenario;
}

const char *cp_play_version(void)
{
    return PACKAGE_VERSION;
}

CpPlay *cp_play_load(const char *path, GError **error)
{
    CpPlay *play = g_new0(CpPlay, 1);
    play->path = g_strdup(path);
    play->keys = g_ptr_array_new_with_free_func(g_free);
    play->values = g_ptr_array_new_with_free_func(g_free);
    play->scenario = load(play, error);
    if (play->scenario == NULL) {
        g_clear_pointer(&play, cp_play_free);
    }
    return play;
}

gboolean cp_play_set(CpPlay *play, const char *key, const char *value, GError **error)
{
    g_ptr_array_add(play->keys, g_strdup(key));
    g_ptr_array_add(play->values, g_strdup(value));
    CpScenario *scenario = load(play, error);
    if (scenario == NULL) {
        g_ptr_array_set_size(play->keys, (gint)play->keys->len - 1);
        g_ptr_array_set_size(play->values, (gint)play->values->len - 1);
        return FALSE;
    }
    replace(play, scenario);
    return TRUE;
}

gboolean cp_play_run_into(CpPlay *play, const CpSink *records, GError **error)
{
    CpSimConfig config = {0};
    forget_run(play);
    cp_scenario_config(play->scenario, &config);
    config.sink = records;
    if (!cp_warmup_resolve(play->scenario, &config, error)) {
        return FALSE;
    }
    play->sim = cp_sim_new(&config, error);
    if (play->sim == NULL) {
        return FALSE;
    }
    if (cp_sim_run(play->sim, error) == CP_OUTCOME_ERROR) {
        forget_run(play);
        return FALSE;
    }
    return TRUE;
}

gboolean cp_play_run(CpPlay *play, GError **error)
{
    return cp_play_run_into(play, NULL, error);
}

const char *cp_play_outcome(const CpPlay *play)
{
    return play->sim != NULL ? cp_outcome_name(cp_sim_outcome(play->sim)) : NULL;
}

bool cp_play_query(CpPlay *play, const char *metric, int64_t *value)
{
    CpUnit unit;
    return play->sim != NULL && cp_metric_find(play->sim, metric, value, &unit);
}

void cp_play_free(CpPlay *play)
{
    if (play != NULL) {
        replace(play, NULL);
        g_ptr_array_unref(play->keys);
        g_ptr_array_unref(play->values);
        g_free(play->path);
        g_free(play);
    }
}
