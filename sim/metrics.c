#include "sim/metrics.h"

#include "sim/engine.h"

#include <string.h>

/* Every figure of a run.  A metric is a row of a table and a case of a getter; nothing else
 * knows how a figure comes about. */

enum {
    RUN_MAKESPAN,
    RUN_CPU,
    RUN_BUSY,
    RUN_SWITCHES,
    RUN_VOLUNTARY,
    RUN_INVOLUNTARY,
    RUN_MIGRATIONS,
    RUN_WAKEUPS,
    RUN_WAKE_P50,
    RUN_WAKE_P99,
    RUN_WAKE_MAX,
    RUN_SLICE_P50,
    RUN_THROTTLED,
    RUN_THROUGHPUT,
    RUN_DROPPED,
    RUN_RESPONSE_MEAN,
    RUN_WAITING_MEAN,
    RUN_TURNAROUND_MEAN,
    RUN_OVERHEAD,
    RUN_EVENTS,
    RUN_GIL_ACQUISITIONS,
    RUN_GIL_SWITCHES,
    RUN_GIL_WAIT,
    RUN_LOOP_LAG_P99,
    RUN_GIL_FORCED,
    RUN_GIL_WASTED,
    RUN_LOOP_ITERATIONS,
    RUN_LOOP_LAG_P50,
    RUN_LOOP_LAG_MAX,
    RUN_LOOP_BLOCKED_MAX,
    RUN_TASKS,
    RUN_WARMUP,
    RUN_GIL_WAIT_MAX,
    RUN_LOST_UPDATES,
    RUN_MEMORY,
};

static const CpMetricInfo run_metrics[] = {
    [RUN_MAKESPAN] = {"makespan", CP_UNIT_NS,
                      "from the start to the end of the last thread"},
    [RUN_CPU] = {"cpu", CP_UNIT_NS, "CPU time of all threads"},
    [RUN_BUSY] = {"busy_share", CP_UNIT_PPM, "share of the CPUs' time that was busy"},
    [RUN_SWITCHES] = {"switches", CP_UNIT_COUNT,
                      "context switches of all CPUs, out of idle too"},
    [RUN_VOLUNTARY] = {"switches_voluntary", CP_UNIT_COUNT,
                       "switches out of threads that waited or ended"},
    [RUN_INVOLUNTARY] = {"switches_involuntary", CP_UNIT_COUNT,
                         "switches out of threads that could have gone on"},
    [RUN_MIGRATIONS] = {"migrations", CP_UNIT_COUNT, "moves of threads between CPUs"},
    [RUN_WAKEUPS] = {"wakeups", CP_UNIT_COUNT, "wake-ups of blocked threads"},
    [RUN_WAKE_P50] = {"wakeup_latency.p50", CP_UNIT_NS, "from enqueued to running, median"},
    [RUN_WAKE_P99] = {"wakeup_latency.p99", CP_UNIT_NS, "from enqueued to running, 99 %"},
    [RUN_WAKE_MAX] = {"wakeup_latency.max", CP_UNIT_NS, "from enqueued to running, worst"},
    [RUN_SLICE_P50] = {"run_slice.p50", CP_UNIT_NS, "stretch on a CPU, median"},
    [RUN_THROTTLED] = {"throttled", CP_UNIT_NS, "CPU time groups were held back by quotas"},
    [RUN_THROUGHPUT] = {"throughput", CP_UNIT_MILLI, "responses per second of the run"},
    [RUN_DROPPED] = {"dropped", CP_UNIT_COUNT, "requests refused by a full queue"},
    [RUN_RESPONSE_MEAN] = {"response.mean", CP_UNIT_NS,
                           "teaching: first run - arrival, mean over threads"},
    [RUN_WAITING_MEAN] = {"waiting.mean", CP_UNIT_NS,
                          "teaching: time runnable but not running, mean over threads"},
    [RUN_TURNAROUND_MEAN] = {"turnaround.mean", CP_UNIT_NS,
                             "teaching: end - arrival, mean over ended threads"},
    [RUN_OVERHEAD] = {"overhead", CP_UNIT_NS, "CPU time of kernel work"},
    [RUN_EVENTS] = {"events", CP_UNIT_COUNT, "events simulated"},
    [RUN_GIL_ACQUISITIONS] = {"gil_acquisitions", CP_UNIT_COUNT,
                              "takes of interpreters' locks; runtimes that have one"},
    [RUN_GIL_SWITCHES] = {"gil_switches", CP_UNIT_COUNT,
                          "takes by another thread than the last holder"},
    [RUN_GIL_WAIT] = {"gil_wait", CP_UNIT_NS, "time spent waiting for interpreters' locks"},
    [RUN_LOOP_LAG_P99] = {"loop_lag.p99", CP_UNIT_NS,
                          "event loops: from ready to begun, 99 %"},
    [RUN_GIL_FORCED] = {"gil_forced", CP_UNIT_COUNT, "drops because a waiter asked"},
    [RUN_GIL_WASTED] = {"gil_wasted", CP_UNIT_COUNT,
                        "wake-ups of a waiter that found the lock taken again"},
    [RUN_LOOP_ITERATIONS] = {"loop_iterations", CP_UNIT_COUNT, "iterations of event loops"},
    [RUN_LOOP_LAG_P50] = {"loop_lag.p50", CP_UNIT_NS,
                          "event loops: from ready to begun, median"},
    [RUN_LOOP_LAG_MAX] = {"loop_lag.max", CP_UNIT_NS,
                          "event loops: from ready to begun, worst"},
    [RUN_LOOP_BLOCKED_MAX] = {"loop_blocked.max", CP_UNIT_NS,
                              "longest single step of a task or callback in a loop"},
    [RUN_TASKS] = {"tasks", CP_UNIT_COUNT, "asyncio tasks and pool calls that ended"},
    [RUN_WARMUP] = {"warmup", CP_UNIT_NS, "from when metrics count; 0: from the start"},
    [RUN_GIL_WAIT_MAX] = {"gil_wait.max", CP_UNIT_NS,
                          "longest wait for an interpreter\'s lock"},
    [RUN_LOST_UPDATES] = {"lost_updates", CP_UNIT_COUNT,
                          "stores that erased what others had added since the load"},
    [RUN_MEMORY] = {"memory", CP_UNIT_BYTES,
                    "most memory that Python processes took at once, by account"},
};

enum {
    TH_START,
    TH_END,
    TH_CPU,
    TH_WORK,
    TH_RUNQ,
    TH_BLOCKED,
    TH_VOLUNTARY,
    TH_INVOLUNTARY,
    TH_MIGRATIONS,
    TH_WAKE_P50,
    TH_WAKE_P99,
    TH_ARRIVAL,
    TH_RESPONSE,
    TH_WAITING,
    TH_TURNAROUND,
    TH_GIL_WAIT,
    TH_GIL_ACQUISITIONS,
    TH_GIL_SHARE,
};

static const CpMetricInfo thread_metrics[] = {
    [TH_START] = {"start", CP_UNIT_NS, "when it was created or released"},
    [TH_END] = {"end", CP_UNIT_NS, "when it ended"},
    [TH_CPU] = {"cpu", CP_UNIT_NS, "CPU time"},
    [TH_WORK] = {"work", CP_UNIT_NS, "nominal work done, before speed and cost factors"},
    [TH_RUNQ] = {"runq_wait", CP_UNIT_NS, "runnable but not running"},
    [TH_BLOCKED] = {"blocked", CP_UNIT_NS, "off the CPU, waiting"},
    [TH_VOLUNTARY] = {"switches_voluntary", CP_UNIT_COUNT,
                      "switches out because it waited or ended"},
    [TH_INVOLUNTARY] = {"switches_involuntary", CP_UNIT_COUNT,
                        "switches out while runnable"},
    [TH_MIGRATIONS] = {"migrations", CP_UNIT_COUNT, "moves between CPUs"},
    [TH_WAKE_P50] = {"wakeup_latency.p50", CP_UNIT_NS, "from enqueued to running, median"},
    [TH_WAKE_P99] = {"wakeup_latency.p99", CP_UNIT_NS, "from enqueued to running, 99 %"},
    [TH_ARRIVAL] = {"arrival", CP_UNIT_NS, "teaching: when it came"},
    [TH_RESPONSE] = {"response", CP_UNIT_NS, "teaching: first run - arrival"},
    [TH_WAITING] = {"waiting", CP_UNIT_NS, "teaching: runnable but not running"},
    [TH_TURNAROUND] = {"turnaround", CP_UNIT_NS, "teaching: end - arrival"},
    [TH_GIL_WAIT] = {"gil_wait", CP_UNIT_NS, "waiting for an interpreter's lock"},
    [TH_GIL_ACQUISITIONS] = {"gil_acquisitions", CP_UNIT_COUNT,
                             "takes of an interpreter's lock"},
    [TH_GIL_SHARE] = {"gil_wait_share", CP_UNIT_PPM,
                      "share of its life it waited for an interpreter\'s lock"},
};

enum { CPU_BUSY, CPU_IDLE, CPU_OVERHEAD, CPU_IRQ, CPU_SWITCHES };

static const CpMetricInfo cpu_metrics[] = {
    [CPU_BUSY] = {"busy", CP_UNIT_NS, "running threads, kernel work aside"},
    [CPU_IDLE] = {"idle", CP_UNIT_NS, "nothing to run"},
    [CPU_OVERHEAD] = {"overhead", CP_UNIT_NS,
                      "kernel work: switches, wake-ups, system calls"},
    [CPU_IRQ] = {"irq", CP_UNIT_NS, "interrupts"},
    [CPU_SWITCHES] = {"switches", CP_UNIT_COUNT, "context switches, out of idle too"},
};

enum {
    OBJ_ACQUIRED,
    OBJ_CONTENDED,
    OBJ_WAIT,
    OBJ_WAIT_MAX,
    OBJ_HOLD,
    OBJ_DROPPED,
    OBJ_MAX
};

static const CpMetricInfo object_metrics[] = {
    [OBJ_ACQUIRED] = {"acquired", CP_UNIT_COUNT, "times taken; items passed; requests"},
    [OBJ_CONTENDED] = {"contended", CP_UNIT_COUNT, "times somebody had to wait"},
    [OBJ_WAIT] = {"wait", CP_UNIT_NS, "time spent waiting for it, all threads"},
    [OBJ_WAIT_MAX] = {"wait.max", CP_UNIT_NS, "longest wait"},
    [OBJ_HOLD] = {"hold", CP_UNIT_NS, "time it was held"},
    [OBJ_DROPPED] = {"dropped", CP_UNIT_COUNT, "items refused because it was full"},
    [OBJ_MAX] = {"items.max", CP_UNIT_COUNT, "most items waiting in it"},
};

enum { GR_CPU, GR_PERIODS, GR_THROTTLED_PERIODS, GR_THROTTLED };

static const CpMetricInfo group_metrics[] = {
    [GR_CPU] = {"cpu", CP_UNIT_NS, "CPU time of its threads"},
    [GR_PERIODS] = {"periods", CP_UNIT_COUNT, "bandwidth periods in which it ran"},
    [GR_THROTTLED_PERIODS] = {"throttled_periods", CP_UNIT_COUNT, "of these, throttled"},
    [GR_THROTTLED] = {"throttled", CP_UNIT_NS, "time CPUs were held back"},
};

/* Metrics that add up over a run: what they were at the end of the warm-up is taken off. */
#define ROW(metric) (UINT64_C(1) << (metric))
static const uint64_t sums[CP_SCOPES] = {
    [CP_SCOPE_RUN] = ROW(RUN_CPU) | ROW(RUN_SWITCHES) | ROW(RUN_VOLUNTARY) |
                     ROW(RUN_INVOLUNTARY) | ROW(RUN_MIGRATIONS) | ROW(RUN_WAKEUPS) |
                     ROW(RUN_THROTTLED) | ROW(RUN_DROPPED) | ROW(RUN_OVERHEAD) |
                     ROW(RUN_GIL_ACQUISITIONS) | ROW(RUN_GIL_SWITCHES) | ROW(RUN_GIL_WAIT) |
                     ROW(RUN_GIL_FORCED) | ROW(RUN_GIL_WASTED) | ROW(RUN_LOOP_ITERATIONS) |
                     ROW(RUN_TASKS) | ROW(RUN_LOST_UPDATES),
    [CP_SCOPE_THREAD] = ROW(TH_CPU) | ROW(TH_WORK) | ROW(TH_RUNQ) | ROW(TH_BLOCKED) |
                        ROW(TH_VOLUNTARY) | ROW(TH_INVOLUNTARY) | ROW(TH_MIGRATIONS) |
                        ROW(TH_WAITING) | ROW(TH_GIL_WAIT) | ROW(TH_GIL_ACQUISITIONS),
    [CP_SCOPE_CPU] = ROW(CPU_BUSY) | ROW(CPU_IDLE) | ROW(CPU_OVERHEAD) | ROW(CPU_IRQ) |
                     ROW(CPU_SWITCHES),
    [CP_SCOPE_OBJECT] = ROW(OBJ_ACQUIRED) | ROW(OBJ_CONTENDED) | ROW(OBJ_WAIT) |
                        ROW(OBJ_HOLD) | ROW(OBJ_DROPPED),
    [CP_SCOPE_GROUP] =
        ROW(GR_CPU) | ROW(GR_PERIODS) | ROW(GR_THROTTLED_PERIODS) | ROW(GR_THROTTLED),
};

const CpMetricInfo *cp_metric_list(CpScope scope, size_t *n)
{
    switch (scope) {
    case CP_SCOPE_RUN:
        *n = G_N_ELEMENTS(run_metrics);
        return run_metrics;
    case CP_SCOPE_THREAD:
        *n = G_N_ELEMENTS(thread_metrics);
        return thread_metrics;
    case CP_SCOPE_CPU:
        *n = G_N_ELEMENTS(cpu_metrics);
        return cpu_metrics;
    case CP_SCOPE_OBJECT:
        *n = G_N_ELEMENTS(object_metrics);
        return object_metrics;
    case CP_SCOPE_GROUP:
        *n = G_N_ELEMENTS(group_metrics);
        return group_metrics;
    case CP_SCOPES:
        break;
    }
    *n = 0;
    return NULL;
}

char *cp_metric_key(const char *name, CpUnit unit)
{
    g_autofree char *key = g_strdup(name);
    g_strdelimit(key, ".", '_');
    return g_strconcat(key,
                       unit == CP_UNIT_NS      ? "_ns"
                       : unit == CP_UNIT_BYTES ? "_bytes"
                                               : "",
                       NULL);
}

/* What a metric was at the end of the warm-up, if it adds up. */
static int64_t base_of(const CpSim *sim, CpScope scope, uint32_t subject, size_t metric)
{
    const CpBase *base = sim->base;
    if (base == NULL || !(sums[scope] >> metric & 1) || subject >= base->n[scope]) {
        return 0;
    }
    size_t n;
    cp_metric_list(scope, &n);
    return base->v[scope][subject * n + metric];
}

/* --- CPUs --- */

/* Mirrors cp_core_advance, which would round the work of a slow CPU at this moment. */
CpLag cp_core_lag(const CpSim *sim, const CpCore *core)
{
    CpTime rest = sim->now - core->clock;
    CpLag lag = {0};
    if (core->curr == CP_NONE) {
        lag.idle = rest;
        return lag;
    }
    lag.irq = MIN(rest, core->irq_left);
    rest -= lag.irq;
    lag.overhead = MIN(rest, core->ovh_left);
    lag.busy = rest - lag.overhead;
    return lag;
}

static int64_t cpu_value(const CpSim *sim, CpCpu cpu, size_t metric)
{
    const CpCore *c = &sim->cores[cpu];
    CpLag lag = cp_core_lag(sim, c);
    switch (metric) {
    case CPU_BUSY:
        return c->busy + lag.busy;
    case CPU_IDLE:
        return c->idle + lag.idle;
    case CPU_OVERHEAD:
        return c->overhead + lag.overhead;
    case CPU_IRQ:
        return c->irq + lag.irq;
    default:
        return (int64_t)c->switches;
    }
}

static int64_t cpu_counted(const CpSim *sim, CpCpu cpu, size_t metric)
{
    return cpu_value(sim, cpu, metric) - base_of(sim, CP_SCOPE_CPU, cpu, metric);
}

/* --- threads --- */

/* What its CPU has not charged it with yet. */
static CpLag thread_lag(const CpSim *sim, CpTid tid)
{
    const CpCore *core = &sim->cores[cp_thread(sim, tid)->cpu];
    return core->curr == tid ? cp_core_lag(sim, core) : (CpLag){0};
}

/* Of the work given to it, what is done. */
static CpTime work_done(const CpSim *sim, CpTid tid)
{
    const CpThread *t = cp_thread(sim, tid);
    CpTime now = thread_lag(sim, tid).busy * sim->cores[t->cpu].speed / 1024;
    return sim->cold[tid].work - t->burst_left + MIN(now, t->burst_left);
}

static CpTime open_time(const CpSim *sim, CpTid tid, CpThreadState state)
{
    const CpThread *t = cp_thread(sim, tid);
    return t->state == state ? sim->now - t->since : 0;
}

static CpTime waiting(const CpSim *sim, CpTid tid)
{
    return sim->cold[tid].runq_wait + open_time(sim, tid, CP_THREAD_RUNNABLE);
}

static bool thread_quantile(const CpSim *sim, CpTid tid, uint32_t ppm, int64_t *value)
{
    if (tid >= sim->thread_hists->len) {
        return false;
    }
    const CpHist *h = g_array_index(sim->thread_hists, CpHist *, tid);
    *value = cp_hist_quantile(h, ppm);
    return h->n > 0;
}

/* A figure that a language runtime keeps: the first that knows it answers. */
static bool runtime_value(const CpSim *sim, CpScope scope, uint32_t subject,
                          const char *name, int64_t *value)
{
    for (size_t i = 0; sim->rt_threads != NULL && sim->config.runtimes[i] != NULL; i++) {
        const CpRuntimeClass *r = sim->config.runtimes[i];
        if (r->metric != NULL && r->metric(sim, scope, subject, name, value)) {
            return true;
        }
    }
    return false;
}

static bool thread_counted(const CpSim *sim, CpTid tid, size_t metric, int64_t *value);

/* Of the time it was alive and counted. */
static bool gil_share(const CpSim *sim, CpTid tid, int64_t *value)
{
    const CpThread *t = cp_thread(sim, tid);
    CpTime end = t->state == CP_THREAD_ENDED ? t->since : sim->now;
    CpTime life = end - MAX(sim->cold[tid].start, sim->counted_from);
    int64_t wait = 0;
    if (life <= 0 || !thread_counted(sim, tid, TH_GIL_WAIT, &wait)) {
        return false;
    }
    *value = (int64_t)((__int128)wait * 1000000 / life);
    return true;
}

static bool thread_value(const CpSim *sim, CpTid tid, size_t metric, int64_t *value)
{
    const CpThread *t = cp_thread(sim, tid);
    const CpThreadCold *c = &sim->cold[tid];
    switch (metric) {
    case TH_START:
    case TH_ARRIVAL:
        *value = c->start;
        return true;
    case TH_END:
        *value = t->since;
        return t->state == CP_THREAD_ENDED;
    case TH_CPU:
        *value = t->cpu_time + thread_lag(sim, tid).overhead + thread_lag(sim, tid).busy;
        return true;
    case TH_WORK:
        *value = work_done(sim, tid);
        return true;
    case TH_RUNQ:
    case TH_WAITING:
        *value = waiting(sim, tid);
        return true;
    case TH_BLOCKED:
        *value = c->blocked + open_time(sim, tid, CP_THREAD_BLOCKED);
        return true;
    case TH_VOLUNTARY:
        *value = c->nvcsw;
        return true;
    case TH_INVOLUNTARY:
        *value = c->nivcsw;
        return true;
    case TH_MIGRATIONS:
        *value = c->migrations;
        return true;
    case TH_WAKE_P50:
        return thread_quantile(sim, tid, 500000, value);
    case TH_WAKE_P99:
        return thread_quantile(sim, tid, 990000, value);
    case TH_RESPONSE:
        *value = sim->rare[tid].first_run_plus1 - 1 - c->start;
        return sim->rare[tid].first_run_plus1 > 0;
    case TH_TURNAROUND:
        *value = t->since - c->start;
        return t->state == CP_THREAD_ENDED;
    case TH_GIL_SHARE:
        return gil_share(sim, tid, value);
    default:
        return runtime_value(sim, CP_SCOPE_THREAD, tid, thread_metrics[metric].name, value);
    }
}

static bool thread_counted(const CpSim *sim, CpTid tid, size_t metric, int64_t *value)
{
    bool known = thread_value(sim, tid, metric, value);
    *value -= known ? base_of(sim, CP_SCOPE_THREAD, tid, metric) : 0;
    return known;
}

/* --- the run --- */

static int64_t thread_sum(const CpSim *sim, size_t metric)
{
    int64_t sum = 0;
    for (CpTid tid = 0; tid < sim->thread_table.n; tid++) {
        int64_t v;
        sum += thread_value(sim, tid, metric, &v) ? v : 0;
    }
    return sum;
}

/* Whether a thread is part of a mean over threads: of waiting if it lived after the
 * warm-up, of response and turnaround if it came after it. */
static bool is_counted(const CpSim *sim, CpTid tid, size_t metric)
{
    const CpThread *t = cp_thread(sim, tid);
    if (metric == TH_WAITING) {
        return t->state != CP_THREAD_ENDED || t->since >= sim->counted_from;
    }
    return sim->cold[tid].start >= sim->counted_from;
}

static bool thread_mean(const CpSim *sim, size_t metric, int64_t *value)
{
    int64_t n = 0, sum = 0;
    for (CpTid tid = 0; tid < sim->thread_table.n; tid++) {
        int64_t v;
        if (is_counted(sim, tid, metric) && thread_counted(sim, tid, metric, &v)) {
            sum += v;
            n++;
        }
    }
    *value = n == 0 ? 0 : sum / n;
    return n > 0;
}

static CpTime counted_time(const CpSim *sim)
{
    return sim->end - sim->counted_from;
}

static int64_t busy_ppm(const CpSim *sim)
{
    unsigned __int128 busy = 0;
    for (CpCpu cpu = 0; cpu < sim->n_cpus; cpu++) {
        busy += (uint64_t)(cpu_counted(sim, cpu, CPU_BUSY) +
                           cpu_counted(sim, cpu, CPU_OVERHEAD) +
                           cpu_counted(sim, cpu, CPU_IRQ));
    }
    unsigned __int128 all = (unsigned __int128)(uint64_t)counted_time(sim) * sim->n_cpus;
    return all == 0 ? 0 : (int64_t)(busy * 1000000 / all);
}

static int64_t core_sum(const CpSim *sim, size_t metric)
{
    int64_t sum = 0;
    for (CpCpu cpu = 0; cpu < sim->n_cpus; cpu++) {
        sum += cpu_value(sim, cpu, metric);
    }
    return sum;
}

static int64_t dropped(const CpSim *sim)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < sim->w->objs->len; i++) {
        n += sim->objs[i].dropped;
    }
    return (int64_t)n;
}

static int64_t throttled(const CpSim *sim)
{
    int64_t sum = 0;
    for (CpGroup g = 1; g < sim->n_groups; g++) {
        sum += sim->groups[g].throttled_ns;
    }
    return sum;
}

/* The end of the last thread; the end of the run if some never ended. */
static CpTime makespan(const CpSim *sim)
{
    return sim->end;
}

static bool run_value(const CpSim *sim, size_t metric, int64_t *value)
{
    switch (metric) {
    case RUN_MAKESPAN:
        *value = makespan(sim);
        return true;
    case RUN_CPU:
        *value = thread_sum(sim, TH_CPU);
        return true;
    case RUN_BUSY:
        *value = busy_ppm(sim);
        return true;
    case RUN_SWITCHES:
        *value = core_sum(sim, CPU_SWITCHES);
        return true;
    case RUN_VOLUNTARY:
        *value = thread_sum(sim, TH_VOLUNTARY);
        return true;
    case RUN_INVOLUNTARY:
        *value = thread_sum(sim, TH_INVOLUNTARY);
        return true;
    case RUN_MIGRATIONS:
        *value = thread_sum(sim, TH_MIGRATIONS);
        return true;
    case RUN_WAKEUPS:
        *value = (int64_t)sim->wakeups;
        return true;
    case RUN_WAKE_P50:
        *value = cp_hist_quantile(&sim->wakeup_hist, 500000);
        return sim->wakeup_hist.n > 0;
    case RUN_WAKE_P99:
        *value = cp_hist_quantile(&sim->wakeup_hist, 990000);
        return sim->wakeup_hist.n > 0;
    case RUN_WAKE_MAX:
        *value = sim->wakeup_hist.max;
        return sim->wakeup_hist.n > 0;
    case RUN_SLICE_P50:
        *value = cp_hist_quantile(&sim->slice_hist, 500000);
        return sim->slice_hist.n > 0;
    case RUN_THROTTLED:
        *value = throttled(sim);
        return true;
    case RUN_THROUGHPUT:
        if (counted_time(sim) <= 0) {
            return false;
        }
        *value = (int64_t)((__int128)sim->responses * 1000 * CP_S / counted_time(sim));
        return true;
    case RUN_DROPPED:
        *value = dropped(sim);
        return true;
    case RUN_RESPONSE_MEAN:
        return thread_mean(sim, TH_RESPONSE, value);
    case RUN_WAITING_MEAN:
        return thread_mean(sim, TH_WAITING, value);
    case RUN_TURNAROUND_MEAN:
        return thread_mean(sim, TH_TURNAROUND, value);
    case RUN_OVERHEAD:
        *value = core_sum(sim, CPU_OVERHEAD);
        return true;
    case RUN_EVENTS:
        *value = (int64_t)sim->events;
        return true;
    case RUN_WARMUP:
        *value = sim->counted_from;
        return true;
    default:
        return runtime_value(sim, CP_SCOPE_RUN, 0, run_metrics[metric].name, value);
    }
}

/* --- the other scopes --- */

static int64_t object_value(const CpObj *o, size_t metric)
{
    switch (metric) {
    case OBJ_ACQUIRED:
        return (int64_t)o->acquired;
    case OBJ_CONTENDED:
        return (int64_t)o->contended;
    case OBJ_WAIT:
        return o->wait_ns;
    case OBJ_WAIT_MAX:
        return o->wait_max_ns;
    case OBJ_HOLD:
        return o->hold_ns;
    case OBJ_DROPPED:
        return (int64_t)o->dropped;
    default:
        return o->n_max;
    }
}

/* What the running threads of a group have not been charged with yet. */
static CpTime group_lag(const CpSim *sim, CpGroup group)
{
    CpTime sum = 0;
    for (CpCpu cpu = 0; cpu < sim->n_cpus; cpu++) {
        const CpCore *core = &sim->cores[cpu];
        if (core->curr == CP_NONE ||
            cp_thread(sim, core->curr)->state != CP_THREAD_RUNNING) {
            continue;
        }
        CpGroup g = cp_thread(sim, core->curr)->group;
        while (g != group && g != 0) {
            g = sim->groups[g].parent;
        }
        CpLag lag = cp_core_lag(sim, core);
        sum += g == group && g != 0 ? core->uncharged + lag.overhead + lag.busy : 0;
    }
    return sum;
}

static int64_t group_value(const CpSim *sim, CpGroup group, size_t metric)
{
    const CpGroupState *g = &sim->groups[group];
    switch (metric) {
    case GR_CPU:
        return g->cpu_time + group_lag(sim, group);
    case GR_PERIODS:
        return (int64_t)g->periods;
    case GR_THROTTLED_PERIODS:
        return (int64_t)g->throttled_periods;
    default:
        return g->throttled_ns;
    }
}

uint32_t cp_metric_subjects(const CpSim *sim, CpScope scope)
{
    switch (scope) {
    case CP_SCOPE_THREAD:
        return sim->thread_table.n;
    case CP_SCOPE_CPU:
        return sim->n_cpus;
    case CP_SCOPE_OBJECT:
        return sim->w->objs->len;
    case CP_SCOPE_GROUP:
        return sim->n_groups;
    default:
        return 1;
    }
}

/* Since the start of the run. */
static bool whole_value(CpSim *sim, CpScope scope, uint32_t subject, size_t metric,
                        int64_t *value)
{
    cp_require(subject < cp_metric_subjects(sim, scope));
    switch (scope) {
    case CP_SCOPE_RUN:
        return run_value(sim, metric, value);
    case CP_SCOPE_THREAD:
        return thread_value(sim, subject, metric, value);
    case CP_SCOPE_CPU:
        *value = cpu_value(sim, subject, metric);
        return true;
    case CP_SCOPE_OBJECT:
        *value = object_value(&sim->objs[subject], metric);
        return true;
    case CP_SCOPE_GROUP:
        *value = group_value(sim, subject, metric);
        return true;
    case CP_SCOPES:
        break;
    }
    return false;
}

bool cp_metric_value(CpSim *sim, CpScope scope, uint32_t subject, size_t metric,
                     int64_t *value)
{
    if (!whole_value(sim, scope, subject, metric, value)) {
        return false;
    }
    *value -= base_of(sim, scope, subject, metric);
    return true;
}

/* --- by name --- */

static bool hist_value(const CpHist *h, const char *what, int64_t *value, CpUnit *unit)
{
    static const struct {
        const char *name;
        uint32_t ppm;
    } quantiles[] = {{"p50", 500000},
                     {"p90", 900000},
                     {"p95", 950000},
                     {"p99", 990000},
                     {"p999", 999000}};
    *unit = CP_UNIT_NS;
    if (strcmp(what, "n") == 0) {
        *unit = CP_UNIT_COUNT;
        *value = (int64_t)h->n;
        return true;
    }
    if (strcmp(what, "mean") == 0) {
        *value = cp_hist_mean(h);
        return h->n > 0;
    }
    if (strcmp(what, "max") == 0 || strcmp(what, "min") == 0) {
        *value = what[1] == 'a' ? h->max : h->min;
        return h->n > 0;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(quantiles); i++) {
        if (strcmp(what, quantiles[i].name) == 0) {
            *value = cp_hist_quantile(h, quantiles[i].ppm);
            return h->n > 0;
        }
    }
    return false;
}

static bool find_hist(const CpSim *sim, const char *name, int64_t *value, CpUnit *unit)
{
    const char *dot = strrchr(name, '.');
    for (uint32_t i = 0; dot != NULL && i < sim->w->hists->len; i++) {
        const char *h = cp_workload_text(sim->w, g_array_index(sim->w->hists, uint32_t, i));
        if (strlen(h) == (size_t)(dot - name) && strncmp(h, name, strlen(h)) == 0) {
            return hist_value(&sim->hists[i], dot + 1, value, unit);
        }
    }
    return false;
}

static bool find_var(const CpSim *sim, const char *name, int64_t *value, CpUnit *unit)
{
    for (uint32_t i = 0; i < sim->w->vars->len; i++) {
        const CpVarDecl *v = &g_array_index(sim->w->vars, CpVarDecl, i);
        if (strcmp(cp_workload_text(sim->w, v->name), name) == 0) {
            *value = sim->vars[i];
            *unit = CP_UNIT_NUMBER;
            return true;
        }
    }
    return false;
}

/* METRIC.THREAD, as in `end.worker-2`: a thread's name, or its declaration's if it has one
 * instance. */
static bool find_thread(const CpSim *sim, const char *metric, size_t len, const char *name,
                        int64_t *value, CpUnit *unit)
{
    for (size_t m = 0; m < G_N_ELEMENTS(thread_metrics); m++) {
        const char *key = thread_metrics[m].name;
        if (strlen(key) != len || strncmp(key, metric, len) != 0) {
            continue;
        }
        for (CpTid tid = 0; tid < sim->thread_table.n; tid++) {
            g_autofree char *own = cp_sim_thread_name(sim, tid);
            if (strcmp(own, name) == 0) {
                *unit = thread_metrics[m].unit;
                return thread_counted(sim, tid, m, value);
            }
        }
    }
    return false;
}

static bool find_group(CpSim *sim, const char *name, int64_t *value, CpUnit *unit)
{
    for (CpGroup g = 1; g < sim->n_groups; g++) {
        const char *own = cp_workload_text(sim->w, cp_group_decl(sim->w, g)->name);
        size_t len = strlen(own);
        if (strncmp(name, own, len) != 0 || name[len] != '.') {
            continue;
        }
        for (size_t m = 0; m < G_N_ELEMENTS(group_metrics); m++) {
            if (strcmp(group_metrics[m].name, name + len + 1) == 0) {
                *unit = group_metrics[m].unit;
                return cp_metric_value(sim, CP_SCOPE_GROUP, g, m, value);
            }
        }
    }
    return false;
}

bool cp_metric_find(CpSim *sim, const char *name, int64_t *value, CpUnit *unit)
{
    for (size_t m = 0; m < G_N_ELEMENTS(run_metrics); m++) {
        if (strcmp(run_metrics[m].name, name) == 0) {
            *unit = run_metrics[m].unit;
            return cp_metric_value(sim, CP_SCOPE_RUN, 0, m, value);
        }
    }
    if (g_str_has_prefix(name, "var.")) {
        return find_var(sim, name + 4, value, unit);
    }
    if (g_str_has_prefix(name, "cgroup.")) {
        return find_group(sim, name + 7, value, unit);
    }
    if (find_hist(sim, name, value, unit)) {
        return true;
    }
    for (const char *dot = strchr(name, '.'); dot != NULL; dot = strchr(dot + 1, '.')) {
        if (find_thread(sim, name, (size_t)(dot - name), dot + 1, value, unit)) {
            return true;
        }
    }
    return false;
}
