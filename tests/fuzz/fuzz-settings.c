/* Any lines KEY=VALUE as settings of a workload: messages, or a run that ends, never a
 * fault; and what is then in force is accepted again. */
#include "scenario/scenario.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { EVENTS_MAX = 2000, SETTINGS_MAX = 16 };

static const char workload[] =
    "param n = 2\n"
    "cgroup g { weight 50 }\n"
    "process p in g { lock l; thread main x 2 {\n"
    "  repeat n { cpu 1ms; lock l { wait 1ms } } } }\n"
    "process q runtime python \"3.12\" { thread t { cpu 2ms } }\n";

static CpScenario *load(const CpOverride *overrides, size_t n)
{
    CpDiag *diag = cp_diag_new("w", workload, strlen(workload));
    CpScenario *s =
        cp_scenario_from_text("w", workload, strlen(workload), overrides, n, diag);
    if ((s == NULL) != (cp_diag_n_errors(diag) > 0)) {
        abort();
    }
    cp_diag_free(diag);
    return s;
}

static void add(const CpSettingInForce *setting, void *data)
{
    const CpOverride o = {g_strdup(setting->key), g_strdup(setting->value), CP_FROM_SET};
    g_array_append_val((GArray *)data, o);
}

static void accept_again(const CpScenario *s)
{
    GArray *list = g_array_new(FALSE, TRUE, sizeof(CpOverride));
    cp_scenario_each_setting(s, add, list);
    CpOverride *all = (CpOverride *)(void *)list->data;
    CpScenario *again = load(all, list->len);
    if (again == NULL) {
        abort();
    }
    cp_scenario_free(again);
    for (guint i = 0; i < list->len; i++) {
        g_free((char *)(uintptr_t)all[i].key);
        g_free((char *)(uintptr_t)all[i].value);
    }
    g_array_unref(list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_auto(GStrv) lines = g_strsplit(text, "\n", SETTINGS_MAX);
    CpOverride overrides[SETTINGS_MAX];
    size_t n = 0;
    for (char **line = lines; *line != NULL; line++) {
        char *value = strchr(*line, '=');
        if (value != NULL) {
            *value = '\0';
            overrides[n++] = (CpOverride){*line, value + 1, CP_FROM_SET};
        }
    }
    CpScenario *s = load(overrides, n);
    if (s == NULL) {
        return 0;
    }
    accept_again(s);
    CpSimConfig config = {0};
    cp_scenario_config(s, &config);
    config.max_events = EVENTS_MAX;
    g_autoptr(GError) error = NULL;
    CpSim *sim = cp_sim_new(&config, &error);
    if (sim != NULL && cp_sim_run(sim, &error) == CP_OUTCOME_ERROR) {
        abort();
    }
    cp_sim_free(sim);
    cp_scenario_free(s);
    return 0;
}
