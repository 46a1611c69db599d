/* Any bytes as a file that a run names: a machine, and a list of times for `empirical` and
 * `arrivals`: messages or a run that ends, never a fault. */
#include "scenario/machines.h"
#include "scenario/scenario.h"

#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { EVENTS_MAX = 2000 };

static void run(const char *text)
{
    CpDiag *diag = cp_diag_new("w", text, strlen(text));
    CpScenario *s = cp_scenario_from_text("w", text, strlen(text), NULL, 0, diag);
    if ((s == NULL) != (cp_diag_n_errors(diag) > 0)) {
        abort();
    }
    cp_diag_free(diag);
    if (s == NULL) {
        return;
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
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *path =
        g_strdup_printf("%s/fuzz-files-%d.txt", g_get_tmp_dir(), (int)getpid());
    if (!g_file_set_contents_full(path, (const char *)data, (gssize)size,
                                  G_FILE_SET_CONTENTS_NONE, 0600, NULL)) {
        abort();
    }
    CpDiag *diag = cp_diag_new(path, NULL, 0);
    GPtrArray *pairs = cp_machine_file_load(path, diag);
    if ((pairs == NULL) != (cp_diag_n_errors(diag) > 0)) {
        abort();
    }
    if (pairs != NULL) {
        g_ptr_array_unref(pairs);
    }
    cp_diag_free(diag);
    g_autofree char *times =
        g_strdup_printf("process p { thread a { repeat 3 { cpu empirical(\"%s\") } }\n"
                        "thread b { arrivals \"%s\" { cpu 1us } } }\n",
                        path, path);
    run(times);
    g_unlink(path);
    return 0;
}
