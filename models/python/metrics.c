#include "models/python/py.h"

#include "sim/thread.h"

/* The metrics of Python processes: interpreter locks, event loops, tasks, lost updates and
 * memory.  They are null where no process is one of Python's. */

/* --- threads --- */

static bool is_python(const CpSim *sim, CpTid tid)
{
    return py_sim(sim) != NULL && py_thread(sim, tid)->boot != 0;
}

static CpTime wait_of(const CpSim *sim, CpTid tid)
{
    const PyThread *t = py_thread(sim, tid);
    bool waits = t->todo & PY_DO_TAKE && !(t->flags & PY_HAS) && t->stage > 0;
    cp_assert(!waits || t->asked <= sim->now);
    return t->gil_wait + (waits ? sim->now - t->asked : 0);
}

CP_METRIC_GETTER_IF(thread_wait, is_python(sim, i), wait_of(sim, i))
CP_METRIC_GETTER_IF(thread_acquisitions, is_python(sim, i), py_thread(sim, i)->acquired)

/* Of the time it was alive and counted. */
static bool thread_wait_share(const CpSim *sim, uint32_t tid, int64_t *value)
{
    const CpThread *t = cp_thread(sim, tid);
    CpTime end = t->state == CP_THREAD_ENDED ? t->since : sim->now;
    CpTime life = end - MAX(sim->cold[tid].start, sim->counted_from);
    int64_t wait = 0;
    if (life <= 0 || !cp_metric_named(sim, CP_SCOPE_THREAD, "gil_wait", tid, &wait)) {
        return false;
    }
    *value = (int64_t)((__int128)wait * 1000000 / life);
    return true;
}

/* --- locks, over all interpreters --- */

typedef struct {
    uint64_t acquired, switches, forced, wasted;
} Sums;

static Sums sums_of(const CpSim *sim)
{
    Sums sums = {0};
    for (uint32_t i = 0; i < py_sim(sim)->gils.n; i++) {
        const PyGil *g = py_gil(sim, i);
        sums.acquired += g->acquired;
        sums.switches += g->switches;
        sums.forced += g->forced;
        sums.wasted += g->wasted;
    }
    return sums;
}

static CpTime wait_sum(const CpSim *sim)
{
    CpTime sum = 0;
    for (CpTid tid = 0; tid < sim->tables.thread.n; tid++) {
        sum += is_python(sim, tid) ? wait_of(sim, tid) : 0;
    }
    return sum;
}

CP_METRIC_GETTER_IF(gil_acquisitions, py_sim(sim) != NULL, sums_of(sim).acquired)
CP_METRIC_GETTER_IF(gil_switches, py_sim(sim) != NULL, sums_of(sim).switches)
CP_METRIC_GETTER_IF(gil_forced, py_sim(sim) != NULL, sums_of(sim).forced)
CP_METRIC_GETTER_IF(gil_wasted, py_sim(sim) != NULL, sums_of(sim).wasted)
CP_METRIC_GETTER_IF(gil_wait, py_sim(sim) != NULL, wait_sum(sim))
CP_METRIC_GETTER_IF(gil_wait_max, py_sim(sim) != NULL, py_sim(sim)->wait_max)
CP_METRIC_GETTER_IF(lost_updates, py_sim(sim) != NULL, py_sim(sim)->lost)
CP_METRIC_GETTER_IF(memory, py_sim(sim) != NULL, py_sim(sim)->memory_max)

/* --- loops and pools --- */

static bool has_loops(const CpSim *sim)
{
    return py_sim(sim) != NULL && py_sim(sim)->loops.n > 0;
}

static bool has_lags(const CpSim *sim)
{
    return has_loops(sim) && py_sim(sim)->lag.n > 0;
}

CP_METRIC_GETTER_IF(loop_lag_p50, has_lags(sim),
                    cp_hist_quantile(&py_sim(sim)->lag, 500000))
CP_METRIC_GETTER_IF(loop_lag_p99, has_lags(sim),
                    cp_hist_quantile(&py_sim(sim)->lag, 990000))
CP_METRIC_GETTER_IF(loop_lag_max, has_lags(sim), py_sim(sim)->lag.max)
CP_METRIC_GETTER_IF(loop_blocked_max, has_loops(sim), py_sim(sim)->blocked_max)
CP_METRIC_GETTER_IF(loop_iterations, has_loops(sim), py_sim(sim)->iterations)
CP_METRIC_GETTER_IF(tasks, py_sim(sim) != NULL, py_sim(sim)->tasks)

/* --- the table --- */

const CpMetric py_metrics[] = {
    {"gil_acquisitions", CP_SCOPE_RUN, CP_UNIT_COUNT,
     "takes of interpreters' locks; runtimes that have one", gil_acquisitions,
     .sums = true},
    {"gil_switches", CP_SCOPE_RUN, CP_UNIT_COUNT,
     "takes by another thread than the last holder", gil_switches, .sums = true},
    {"gil_wait", CP_SCOPE_RUN, CP_UNIT_NS, "time spent waiting for interpreters' locks",
     gil_wait, .sums = true},
    {"loop_lag.p99", CP_SCOPE_RUN, CP_UNIT_NS, "event loops: from ready to begun, 99 %",
     loop_lag_p99, .sums = false},
    {"gil_forced", CP_SCOPE_RUN, CP_UNIT_COUNT, "drops because a waiter asked", gil_forced,
     .sums = true},
    {"gil_wasted", CP_SCOPE_RUN, CP_UNIT_COUNT,
     "wake-ups of a waiter that found the lock taken again", gil_wasted, .sums = true},
    {"loop_iterations", CP_SCOPE_RUN, CP_UNIT_COUNT, "iterations of event loops",
     loop_iterations, .sums = true},
    {"loop_lag.p50", CP_SCOPE_RUN, CP_UNIT_NS, "event loops: from ready to begun, median",
     loop_lag_p50, .sums = false},
    {"loop_lag.max", CP_SCOPE_RUN, CP_UNIT_NS, "event loops: from ready to begun, worst",
     loop_lag_max, .sums = false},
    {"loop_blocked.max", CP_SCOPE_RUN, CP_UNIT_NS,
     "longest single step of a task or callback in a loop", loop_blocked_max,
     .sums = false},
    {"tasks", CP_SCOPE_RUN, CP_UNIT_COUNT, "asyncio tasks and pool calls that ended", tasks,
     .sums = true},
    {"gil_wait.max", CP_SCOPE_RUN, CP_UNIT_NS, "longest wait for an interpreter's lock",
     gil_wait_max, .sums = false, .since = 1},
    {"lost_updates", CP_SCOPE_RUN, CP_UNIT_COUNT,
     "stores that erased what others had added since the load", lost_updates, .sums = true,
     .since = 1},
    {"memory", CP_SCOPE_RUN, CP_UNIT_BYTES,
     "most memory that Python processes took at once, by account", memory, .sums = false,
     .since = 1},
    {"gil_wait", CP_SCOPE_THREAD, CP_UNIT_NS, "waiting for an interpreter's lock",
     thread_wait, .sums = true},
    {"gil_acquisitions", CP_SCOPE_THREAD, CP_UNIT_COUNT, "takes of an interpreter's lock",
     thread_acquisitions, .sums = true},
    {"gil_wait_share", CP_SCOPE_THREAD, CP_UNIT_PPM,
     "share of its life it waited for an interpreter's lock", thread_wait_share,
     .sums = false},
    {.name = NULL},
};
