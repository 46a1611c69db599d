#include "models/native/spin.h"
#include "models/native/sync.h"
#include "sim/object.h"
#include "sim/thread.h"

/* Threads as in C: every runtime operation is a synchronisation object's. */

static void timer(CpSim *sim, uint32_t id, uint32_t gen)
{
    (void)gen; /* messages are never cancelled */
    cp_sync_timer(sim, id);
}

/* The way into the kernel passes before a message is there, that of the wake-up after. */
static CpStep step(CpSim *sim, CpTid tid, const CpInsn *i, CpWhy why)
{
    if (i->op == CP_OP_SEND && why == CP_WHY_BEGIN && cp_sync_io_cost(sim, i->c) > 0 &&
        sim->objs[i->c].kind != CP_OBJ_QUEUE &&
        cp_thread(sim, tid)->state == CP_THREAD_RUNNING) {
        cp_charge(sim, tid, cp_sync_io_cost(sim, i->c));
        cp_run(sim, tid, 0);
        return CP_STEP_RUN;
    }
    return cp_sync_step(sim, tid, i, why);
}

const CpRuntimeClass cp_runtime_native = {
    .name = "native",
    .summary = "threads as in C: pthread locks, queues, pipes, sockets",
    .step = step,
    .thread_ended = cp_spin_ended,
    .timer = timer,
};
