/* Any bytes as a recording that is rebuilt and simulated: a refusal or a run, never a
 * fault. The checksum of the tables is put right first, so that damage reaches what lies
 * behind. */
#include "traces/cpr-pack.h"
#include "traces/cpr.h"
#include "scenario/scenario.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TRAILER = 40, EVENTS_MAX = 20000 };

static void mend_checksum(uint8_t *bytes, size_t size)
{
    if (size < TRAILER) {
        return;
    }
    uint8_t *trailer = bytes + size - TRAILER;
    uint64_t offset = cp_get_u64(trailer), n = cp_get_u64(trailer + 8);
    if (offset <= size - TRAILER && n == size - TRAILER - offset) {
        cp_put_u64(trailer + 16, cp_cpr_checksum(bytes + offset, n, 0));
    }
}

static void simulate(const CpScenario *s)
{
    CpSimConfig config = {0};
    cp_scenario_config(s, &config);
    config.max_events = EVENTS_MAX;
    g_autoptr(GError) error = NULL;
    CpSim *sim = cp_sim_new(&config, &error);
    if (sim != NULL && cp_sim_run(sim, &error) == CP_OUTCOME_ERROR) {
        abort(); /* a recording cannot break a law of the engine */
    }
    cp_sim_free(sim);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd = memfd_create("cpr", 0);
    uint8_t *copy = g_malloc0(size + 1);
    memcpy(copy, data, size);
    mend_checksum(copy, size);
    if (fd < 0 || write(fd, copy, size) != (ssize_t)size) {
        abort();
    }
    g_free(copy);
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
    CpDiag *diag = cp_diag_new(path, NULL, 0);
    CpScenario *s = cp_cpr_is_file(path) ? cp_scenario_load(path, NULL, 0, diag) : NULL;
    if (s != NULL) {
        simulate(s);
    }
    cp_scenario_free(s);
    cp_diag_free(diag);
    close(fd);
    return 0;
}
