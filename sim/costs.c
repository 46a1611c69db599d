#include "sim/costs.h"

#include "sim/assert.h"

/* Defaults: the `reference` set, measured on a 2-CPU virtual machine under Linux 6.18
 * (HZ=250) unless the row says otherwise.  They fit together: a timer that fires beside a
 * busy thread has its sleeper running after timer + wake + switch = 4 us, as measured. */
const CpParam cp_cost_params[] = {
    [CP_COST_SWITCH] = {"switch.cost", CP_PARAM_TIME, "400ns", 0, CP_S, NULL,
                        "context switch, both threads warm; CPU time of the next thread"},
    [CP_COST_MIGRATION] =
        {"migration.cost", CP_PARAM_TIME, "2us", 0, CP_S, NULL,
         "extra CPU time of the first burst after a migration (estimate)"},
    [CP_COST_WAKE] = {"wake.cost", CP_PARAM_TIME, "350ns", 0, CP_S, NULL,
                      "waker's side of a wake-up; CPU time of the waker"},
    [CP_COST_WAKE_REMOTE] = {"wake.remote", CP_PARAM_TIME, "3500ns", 0, CP_S, NULL,
                             "wake-up sent to another CPU: until that CPU reschedules"},
    [CP_COST_WAKE_IPI] = {"wake.ipi", CP_PARAM_TIME, "1500ns", 0, CP_S, NULL,
                          "interrupting an idle CPU; CPU time of the waker (a virtual "
                          "machine leaves to its host for it)"},
    [CP_COST_TIMER] = {"timer.cost", CP_PARAM_TIME, "3250ns", 0, CP_S, NULL,
                       "timer interrupt; taken from the CPU it fires on"},
    [CP_COST_TIMER_SLACK] = {"timer.slack", CP_PARAM_TIME, "50us", 0, CP_S, NULL,
                             "default timer slack of normal threads, as in Linux"},
    [CP_COST_SLEEP] = {"sleep.cost", CP_PARAM_TIME, "3us", 0, CP_S, NULL,
                       "CPU time of entering a sleep and coming back"},
    [CP_COST_FORK] = {"fork.cost", CP_PARAM_TIME, "15us", 0, CP_S, NULL,
                      "starting a thread; CPU time of the parent (estimate)"},
    [CP_COST_FORK_PROCESS] = {"fork.process", CP_PARAM_TIME, "60us", 0, CP_S, NULL,
                              "starting a process; CPU time of the parent (estimate)"},
    [CP_COST_SYSCALL] = {"syscall.cost", CP_PARAM_TIME, "200ns", 0, CP_S, NULL,
                         "a lock, queue or pipe operation that enters the kernel"},
    [CP_COST_SOCKET] = {"socket.cost", CP_PARAM_TIME, "400ns", 0, CP_S, NULL,
                        "sending to or receiving from a socket, beyond syscall.cost (Unix "
                        "sockets against pipes, measured)"},
    [CP_COST_SPEED_NOISE] = {"speed.noise", CP_PARAM_SHARE, "1%", 0, 500000, NULL,
                             "standard deviation of the length of a burst of 1 ms (of "
                             "another it grows with the root) and of the cost of a switch"},
    [CP_COST_SPEED_HIT] =
        {"speed.hit", CP_PARAM_TIME, "13us", 0, CP_MS, NULL,
         "mean length of one disturbance of a burst: an interrupt, or the "
         "host at work; the shortest the noise allows if it is less"},
    [CP_COST_IDLE_EXIT] = {"idle.exit", CP_PARAM_TIMES, "1us,3us,7us,70us,35us,120us", 0,
                           CP_S, NULL,
                           "leaving idle after 0.1, 0.3, 1, 3, 10 and 30 ms of it"},
    [CP_COST_IDLE_COLD] = {"idle.cold", CP_PARAM_TIMES, "0ns,0ns,4us,10us,15us,21us", 0,
                           CP_S, NULL,
                           "extra CPU time of the first thread after that much idle time: "
                           "cold caches"},
    [CP_COST_TIMER_COLD] = {"timer.cold", CP_PARAM_TIMES, "0ns,0ns,0ns,0ns,0ns,12us", 0,
                            CP_S, NULL,
                            "timer interrupt on a busy CPU: more of it after a sleep of "
                            "0.1, 0.3, 1, 3, 10 and 30 ms, for cold caches"},
    [CP_COST_IDLE_POLL] = {"idle.poll", CP_PARAM_TIME, "200us", 0, CP_S, NULL,
                           "idle time after which the host may take the CPU away"},
    [CP_COST_IDLE_TAKEN] = {"idle.taken", CP_PARAM_SHARE, "18%", 0, 1000000, NULL,
                            "share of longer idle periods at whose end the host had"},
    [CP_COST_IDLE_BACK] = {"idle.back", CP_PARAM_TIME, "90us", 0, CP_S, NULL,
                           "mean of the time it then takes to come back, exponential"},
    [CP_COSTS] = {0},
};

CpTime cp_cost_after_idle(const CpParamSet *costs, unsigned row, CpTime idle)
{
    cp_assert(costs->spec[row].type == CP_PARAM_TIMES);
    static const CpTime lengths[] = {100 * CP_US, 300 * CP_US, CP_MS,
                                     3 * CP_MS,   10 * CP_MS,  30 * CP_MS};
    const CpTime *cost = costs->list[row];
    size_t n = MIN((size_t)costs->v[row], G_N_ELEMENTS(lengths));
    CpTime x0 = 0, y0 = 0; /* no idle time, nothing to leave */
    for (size_t i = 0; i < n; i++) {
        if (idle < lengths[i]) {
            return cost[i] == y0
                       ? y0
                       : y0 + (cost[i] - y0) * MAX(idle - x0, 0) / (lengths[i] - x0);
        }
        x0 = lengths[i];
        y0 = cost[i];
    }
    return y0;
}
