#include "models/runtimes.h"

#include "models/sync.h"

/* Threads as in C: every runtime operation is a synchronisation object's. */

static void timer(CpSim *sim, uint32_t id, uint32_t gen)
{
    (void)gen; /* messages are never cancelled */
    cp_sync_timer(sim, id);
}

const CpRuntimeClass cp_runtime_native = {
    .name = "native",
    .summary = "threads as in C: pthread locks, queues, pipes, sockets",
    .step = cp_sync_step,
    .timer = timer,
};
