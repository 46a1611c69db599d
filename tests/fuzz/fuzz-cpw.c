/* Any bytes as a workload and as a condition over metrics: messages or a scenario, never a
 * fault; what is read as a tree survives its JSON form. */
#include "lang/workload-json.h"
#include "lang/parse.h"
#include "scenario/scenario.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(const CpTree *tree)
{
    g_autofree char *json = cp_json_write(tree, false);
    CpDiag *diag = cp_diag_new("fuzz.json", json, strlen(json));
    CpTree *again = cp_json_read(json, strlen(json), diag);
    if (again != NULL) {
        g_autofree char *second = cp_json_write(again, false);
        if (strcmp(json, second) != 0) {
            abort();
        }
    }
    cp_tree_free(again);
    cp_diag_free(diag);
}

static void condition(const char *text, size_t size)
{
    CpDiag *diag = cp_diag_new("", text, size);
    CpTree *tree = cp_tree_new();
    const CpNode *node = cp_parse_condition(tree, text, size, diag);
    if ((node == NULL) != (cp_diag_n_errors(diag) > 0)) {
        abort();
    }
    g_autofree char *shown = cp_diag_inline(diag);
    cp_tree_free(tree);
    cp_diag_free(diag);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    CpDiag *diag = cp_diag_new("fuzz.cpw", text, size);
    CpTree *tree = cp_parse(text, size, diag);
    if (tree != NULL) {
        round_trip(tree);
    }
    cp_tree_free(tree);
    condition(text, size);
    g_autofree char *printed = cp_diag_print(diag, false);
    cp_diag_free(diag);
    diag = cp_diag_new("fuzz.cpw", text, size);
    CpScenario *scenario =
        cp_scenario_from_text("/nowhere/fuzz.cpw", text, size, NULL, 0, diag);
    if (scenario == NULL && cp_diag_n_errors(diag) == 0) {
        abort();
    }
    g_autofree char *json = cp_diag_json(diag);
    cp_scenario_free(scenario);
    cp_diag_free(diag);
    return 0;
}
