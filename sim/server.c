#include "sim/cpu.h"
#include "sim/runqueue.h"
#include "sim/timer.h"

/* Decides when the fair server steps in: what waits behind a class that never lets go of a
 * CPU gets a part of each period all the same.
 *
 * It is deferred: armed when a thread of the last class begins to wait behind another
 * class, it steps in only when all of the period but its runtime has passed.  Time the last
 * class gets anyway is charged to it.  Mirrors deadline.c:dl_server_start,
 * dl_server_timer and update_curr_dl_se for the one server of the fair class. */

static bool waits(const CpSim *sim, const CpCpuState *c)
{
    return cp_rq(sim, 0, c->id, cp_fair_rank(sim))->nr > 0 && c->curr != CP_NONE &&
           c->cls < cp_fair_rank(sim);
}

void cp_server_arm(CpSim *sim, CpCpuState *c)
{
    if (sim->server.runtime == 0 || c->server != CP_SERVER_OFF || !waits(sim, c)) {
        return;
    }
    cp_assert(sim->server.period > sim->server.runtime);
    c->server = CP_SERVER_ARMED;
    c->server_left = sim->server.runtime;
    cp_timer_push(sim, CP_TIMER_SERVER, sim->now + sim->server.period - sim->server.runtime,
                  c->id, c->server_gen);
}

bool cp_server_timer(CpSim *sim, CpCpu cpu, uint32_t gen)
{
    CpCpuState *c = &sim->cpus[cpu];
    if (c->server != CP_SERVER_ARMED || c->server_gen != gen) {
        return false;
    }
    cp_assert(c->server_left > 0);
    c->server_gen++;
    c->server = CP_SERVER_OFF;
    if (!waits(sim, c)) {
        return false;
    }
    c->server = CP_SERVER_ON;
    return true;
}

bool cp_server_charge(CpSim *sim, CpCpuState *c, CpTime delta)
{
    if (c->cls != cp_fair_rank(sim)) {
        return false;
    }
    cp_assert(c->server != CP_SERVER_OFF && delta > 0);
    c->server_left -= delta;
    if (c->server_left > 0) {
        return false;
    }
    bool was_on = c->server == CP_SERVER_ON;
    c->server = CP_SERVER_OFF;
    c->server_gen++;
    return was_on;
}
