#include "sim/engine.h"

/* The fair server: what waits behind a class that never lets go of a CPU gets a part of
 * each period all the same.
 *
 * It is deferred: armed when a thread of the last class begins to wait behind another
 * class, it steps in only when all of the period but its runtime has passed.  Time the last
 * class gets anyway is charged to it.  Mirrors deadline.c:dl_server_start,
 * dl_server_timer and update_curr_dl_se for the one server of the fair class. */

static uint32_t fair_rank(const CpSim *sim)
{
    return sim->n_classes - 1;
}

static bool waits(const CpSim *sim, const CpCore *core)
{
    return cp_rq(sim, 0, core->id, fair_rank(sim))->nr > 0 && core->curr != CP_NONE &&
           core->cls < fair_rank(sim);
}

void cp_server_arm(CpSim *sim, CpCore *core)
{
    if (sim->server_runtime == 0 || core->server != CP_SERVER_OFF || !waits(sim, core)) {
        return;
    }
    core->server = CP_SERVER_ARMED;
    core->server_left = sim->server_runtime;
    cp_timer_push(sim, CP_TIMER_SERVER, sim->now + sim->server_period - sim->server_runtime,
                  core->id, core->server_gen);
}

bool cp_server_timer(CpSim *sim, CpCpu cpu, uint32_t gen)
{
    CpCore *core = &sim->cores[cpu];
    if (core->server != CP_SERVER_ARMED || core->server_gen != gen) {
        return false;
    }
    core->server_gen++;
    core->server = CP_SERVER_OFF;
    if (!waits(sim, core)) {
        return false;
    }
    core->server = CP_SERVER_ON;
    cp_resched(sim, cpu);
    return true;
}

bool cp_server_charge(CpSim *sim, CpCore *core, CpTime delta)
{
    if (core->cls != fair_rank(sim)) {
        return false;
    }
    core->server_left -= delta;
    if (core->server_left > 0) {
        return false;
    }
    bool was_on = core->server == CP_SERVER_ON;
    core->server = CP_SERVER_OFF;
    core->server_gen++;
    return was_on;
}
