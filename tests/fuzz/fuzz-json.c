/* Any bytes as a workload in JSON: messages, or a tree whose JSON form reads back the same,
 * and a run that ends; never a fault. */
#include "lang/workload-json.h"
#include "scenario/scenario.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { EVENTS_MAX = 2000 };

static void write_back(const char *text, size_t len)
{
    CpDiag *diag = cp_diag_new("w.json", text, len);
    CpTree *tree = cp_json_read(text, len, diag);
    if ((tree == NULL) != (cp_diag_n_errors(diag) > 0)) {
        abort();
    }
    cp_diag_free(diag);
    if (tree == NULL) {
        return;
    }
    g_autofree char *once = cp_json_write(tree, false);
    CpDiag *second = cp_diag_new("again.json", once, strlen(once));
    CpTree *again = cp_json_read(once, strlen(once), second);
    g_autofree char *twice = again != NULL ? cp_json_write(again, false) : NULL;
    if (g_strcmp0(once, twice) != 0) {
        abort();
    }
    cp_diag_free(second);
    cp_tree_free(again);
    cp_tree_free(tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    size_t len = strlen(text);
    size_t start = strspn(text, " \t\r\n");
    if (text[start] != '{' && text[start] != '[') {
        return 0; /* the workload language has a target of its own */
    }
    write_back(text, len);
    CpDiag *diag = cp_diag_new("w.json", text, len);
    CpScenario *s = cp_scenario_from_text("w.json", text, len, NULL, 0, diag);
    cp_diag_free(diag);
    if (s == NULL) {
        return 0;
    }
    CpSimConfig config = {0};
    cp_scenario_config(s, &config);
    config.max_events = EVENTS_MAX;
    g_autoptr(GError) error = NULL;
    CpSim *sim = cp_sim_new(&config, &error);
    if (sim != NULL) {
        cp_sim_run(sim, &error);
    }
    cp_sim_free(sim);
    cp_scenario_free(s);
    return 0;
}
