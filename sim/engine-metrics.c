#include "sim/metrics.h"

#include "sim/cpu.h"
#include "sim/group.h"
#include "sim/object.h"
#include "sim/thread.h"

/* The metrics of the engine: one row each, with its getter above the table. */

/* --- CPUs --- */

/* Mirrors cp_cpu_advance, which would round the work of a slow CPU at this moment. */
CpLag cp_cpu_lag(const CpSim *sim, const CpCpuState *c)
{
    CpTime rest = sim->now - c->clock;
    CpLag lag = {0};
    if (c->curr == CP_NONE) {
        lag.idle = rest;
        return lag;
    }
    lag.irq = MIN(rest, c->irq_left);
    rest -= lag.irq;
    lag.overhead = MIN(rest, c->ovh_left);
    lag.busy = rest - lag.overhead;
    cp_assert(lag.busy >= 0); /* a clock is never ahead of now */
    return lag;
}

CP_METRIC_GETTER(cpu_busy, sim->cpus[i].busy + cp_cpu_lag(sim, &sim->cpus[i]).busy)
CP_METRIC_GETTER(cpu_idle, sim->cpus[i].idle + cp_cpu_lag(sim, &sim->cpus[i]).idle)
CP_METRIC_GETTER(cpu_overhead,
                 sim->cpus[i].overhead + cp_cpu_lag(sim, &sim->cpus[i]).overhead)
CP_METRIC_GETTER(cpu_irq, sim->cpus[i].irq + cp_cpu_lag(sim, &sim->cpus[i]).irq)
CP_METRIC_GETTER(cpu_switches, sim->cpus[i].switches)

/* --- threads --- */

/* What its CPU has not charged it with yet. */
static CpLag thread_lag(const CpSim *sim, CpTid tid)
{
    const CpCpuState *c = &sim->cpus[cp_thread(sim, tid)->cpu];
    return c->curr == tid ? cp_cpu_lag(sim, c) : (CpLag){0};
}

static CpTime open_time(const CpSim *sim, CpTid tid, CpThreadState state)
{
    const CpThread *t = cp_thread(sim, tid);
    cp_assert(t->since <= sim->now);
    return t->state == state ? sim->now - t->since : 0;
}

CP_METRIC_GETTER(thread_start, sim->cold[i].start)

CP_METRIC_GETTER_IF(thread_end, cp_thread(sim, i)->state == CP_THREAD_ENDED,
                    cp_thread(sim, i)->since)

static bool thread_cpu(const CpSim *sim, uint32_t tid, int64_t *value)
{
    CpLag lag = thread_lag(sim, tid);
    *value = cp_thread(sim, tid)->cpu_time + lag.overhead + lag.busy;
    return true;
}

/* Of the work given to it, what is done. */
static bool thread_work(const CpSim *sim, uint32_t tid, int64_t *value)
{
    const CpThread *t = cp_thread(sim, tid);
    const CpCpuState *c = &sim->cpus[t->cpu];
    CpTime rest = c->curr == tid && c->speed != 1024 ? c->work_rest : 0;
    CpTime now = (thread_lag(sim, tid).busy * c->speed + rest) / 1024;
    *value = sim->cold[tid].work - t->burst_left + MIN(now, t->burst_left);
    cp_assert(*value >= 0 && *value <= sim->cold[tid].work);
    return true;
}

CP_METRIC_GETTER(thread_waiting,
                 sim->cold[i].runq_wait + open_time(sim, i, CP_THREAD_RUNNABLE))
CP_METRIC_GETTER(thread_blocked,
                 sim->cold[i].blocked + open_time(sim, i, CP_THREAD_BLOCKED))
/* What it was blocked on; only the first threads keep it. */
static bool blocked_on(const CpSim *sim, CpTid tid, CpBlock why, int64_t *value)
{
    if (tid >= sim->thread_blocks->len) {
        return false;
    }
    CpTime open =
        cp_thread(sim, tid)->block == why ? open_time(sim, tid, CP_THREAD_BLOCKED) : 0;
    *value = g_array_index(sim->thread_blocks, CpTime *, tid)[why] + open;
    return true;
}

static int64_t all_blocked_on(const CpSim *sim, CpBlock why)
{
    CpTime sum = sim->blocked_by[why];
    for (CpTid tid = 0; tid < sim->tables.thread.n; tid++) {
        if (cp_thread(sim, tid)->block == why) {
            sum += open_time(sim, tid, CP_THREAD_BLOCKED);
        }
    }
    return sum;
}

#define BLOCKED_ON(name, why)                                                              \
    static bool thread_blocked_##name(const CpSim *sim, uint32_t i, int64_t *value)        \
    {                                                                                      \
        return blocked_on(sim, i, why, value);                                             \
    }                                                                                      \
    CP_METRIC_GETTER(run_blocked_##name, all_blocked_on(sim, why))

BLOCKED_ON(sleep, CP_BLOCK_SLEEP)
BLOCKED_ON(lock, CP_BLOCK_LOCK)
BLOCKED_ON(sync, CP_BLOCK_COND)
BLOCKED_ON(queue, CP_BLOCK_QUEUE)
BLOCKED_ON(io, CP_BLOCK_IO)
BLOCKED_ON(join, CP_BLOCK_JOIN)
BLOCKED_ON(runtime, CP_BLOCK_RUNTIME)
BLOCKED_ON(outside, CP_BLOCK_OUTSIDE)

CP_METRIC_GETTER(thread_voluntary, sim->cold[i].nvcsw)
CP_METRIC_GETTER(thread_involuntary, sim->cold[i].nivcsw)
CP_METRIC_GETTER(thread_migrations, sim->cold[i].migrations)

/* Latencies of its wake-ups, NULL: there was none. */
static const CpHist *wakeups_of(const CpSim *sim, CpTid tid)
{
    const CpHist *h = tid < sim->thread_hists->len
                          ? g_array_index(sim->thread_hists, CpHist *, tid)
                          : NULL;
    return h != NULL && h->n > 0 ? h : NULL;
}

CP_METRIC_GETTER_IF(thread_wake_p50, wakeups_of(sim, i) != NULL,
                    cp_hist_quantile(wakeups_of(sim, i), 500000))
CP_METRIC_GETTER_IF(thread_wake_p99, wakeups_of(sim, i) != NULL,
                    cp_hist_quantile(wakeups_of(sim, i), 990000))

CP_METRIC_GETTER_IF(thread_response, sim->rare[i].first_run_plus1 > 0,
                    sim->rare[i].first_run_plus1 - 1 - sim->cold[i].start)
CP_METRIC_GETTER_IF(thread_turnaround, cp_thread(sim, i)->state == CP_THREAD_ENDED,
                    cp_thread(sim, i)->since - sim->cold[i].start)

/* --- objects --- */

CP_METRIC_GETTER(object_acquired, sim->objs[i].acquired)
CP_METRIC_GETTER(object_contended, sim->objs[i].contended)
CP_METRIC_GETTER(object_wait, sim->objs[i].wait_ns)
CP_METRIC_GETTER(object_wait_max, sim->objs[i].wait_max_ns)
CP_METRIC_GETTER(object_spin, sim->objs[i].spin_ns)
CP_METRIC_GETTER(object_hold, sim->objs[i].hold_ns)
CP_METRIC_GETTER(object_dropped, sim->objs[i].dropped)
CP_METRIC_GETTER(object_items_max, sim->objs[i].n_max)

/* --- groups --- */

/* What the running threads of a group have not been charged with yet. */
static CpTime group_lag(const CpSim *sim, CpGroup group)
{
    CpTime sum = 0;
    for (CpCpu cpu = 0; cpu < sim->n_cpus; cpu++) {
        const CpCpuState *c = &sim->cpus[cpu];
        if (c->curr == CP_NONE || cp_thread(sim, c->curr)->state != CP_THREAD_RUNNING) {
            continue;
        }
        CpGroup g = cp_thread(sim, c->curr)->group;
        while (g != group && g != 0) {
            g = sim->groups[g].parent;
        }
        CpLag lag = cp_cpu_lag(sim, c);
        sum += g == group && g != 0 ? c->uncharged + lag.overhead + lag.busy : 0;
    }
    cp_assert(sum >= 0);
    return sum;
}

CP_METRIC_GETTER(group_cpu, sim->groups[i].cpu_time + group_lag(sim, i))
CP_METRIC_GETTER(group_periods, sim->groups[i].periods)
CP_METRIC_GETTER(group_throttled_periods, sim->groups[i].throttled_periods)
CP_METRIC_GETTER(group_throttled, sim->groups[i].throttled_ns)

/* --- the run --- */

/* Over all subjects of a scope. */
static int64_t sum_of(const CpSim *sim, CpScope scope,
                      bool (*get)(const CpSim *, uint32_t, int64_t *))
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < cp_metric_subjects(sim, scope); i++) {
        int64_t v;
        sum += get(sim, i, &v) ? v : 0;
    }
    return sum;
}

/* The end of the last thread; the end of the run if some never ended. */
CP_METRIC_GETTER(run_makespan, sim->end)
CP_METRIC_GETTER(run_cpu, sum_of(sim, CP_SCOPE_THREAD, thread_cpu))

static CpTime counted_time(const CpSim *sim)
{
    cp_assert(sim->end >= sim->counted_from);
    return sim->end - sim->counted_from;
}

static bool run_busy_share(const CpSim *sim, uint32_t run, int64_t *value)
{
    (void)run; /* there is one */
    static const char *const parts[] = {"busy", "overhead", "irq"};
    unsigned __int128 busy = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        const CpMetric *row = cp_metric_in(sim, CP_SCOPE_CPU, parts[i]);
        for (CpCpu cpu = 0; cpu < sim->n_cpus; cpu++) {
            int64_t part;
            busy += cp_metric_value(sim, row, cpu, &part) ? (uint64_t)part : 0;
        }
    }
    unsigned __int128 all = (unsigned __int128)(uint64_t)counted_time(sim) * sim->n_cpus;
    *value = all == 0 ? 0 : (int64_t)(busy * 1000000 / all);
    cp_assert(*value <= 1000000);
    return true;
}

CP_METRIC_GETTER(run_switches, sum_of(sim, CP_SCOPE_CPU, cpu_switches))
CP_METRIC_GETTER(run_voluntary, sum_of(sim, CP_SCOPE_THREAD, thread_voluntary))
CP_METRIC_GETTER(run_involuntary, sum_of(sim, CP_SCOPE_THREAD, thread_involuntary))
CP_METRIC_GETTER(run_runq_wait, sum_of(sim, CP_SCOPE_THREAD, thread_waiting))
CP_METRIC_GETTER(run_blocked, sum_of(sim, CP_SCOPE_THREAD, thread_blocked))
CP_METRIC_GETTER(run_migrations, sum_of(sim, CP_SCOPE_THREAD, thread_migrations))
CP_METRIC_GETTER(run_wakeups, sim->wakeups)

CP_METRIC_GETTER_IF(run_wake_p50, sim->wakeup_hist.n > 0,
                    cp_hist_quantile(&sim->wakeup_hist, 500000))

CP_METRIC_GETTER_IF(run_wake_p99, sim->wakeup_hist.n > 0,
                    cp_hist_quantile(&sim->wakeup_hist, 990000))

CP_METRIC_GETTER_IF(run_wake_max, sim->wakeup_hist.n > 0, sim->wakeup_hist.max)

CP_METRIC_GETTER_IF(run_slice_p50, sim->slice_hist.n > 0,
                    cp_hist_quantile(&sim->slice_hist, 500000))

CP_METRIC_GETTER_IF(run_throughput, counted_time(sim) > 0,
                    (__int128)sim->responses * 1000 * CP_S / counted_time(sim))

/* Mean of a figure of the threads; of those still alive at the end of the warm-up, or of
 * those that began after it. */
static bool thread_mean(const CpSim *sim, const char *name, bool alive, int64_t *value)
{
    const CpMetric *row = cp_metric_in(sim, CP_SCOPE_THREAD, name);
    cp_assert(row != NULL);
    int64_t n = 0, sum = 0;
    for (CpTid tid = 0; tid < sim->tables.thread.n; tid++) {
        const CpThread *t = cp_thread(sim, tid);
        bool counts = alive ? t->state != CP_THREAD_ENDED || t->since >= sim->counted_from
                            : sim->cold[tid].start >= sim->counted_from;
        int64_t v;
        if (counts && cp_metric_value(sim, row, tid, &v)) {
            sum += v;
            n++;
        }
    }
    *value = n == 0 ? 0 : sum / n;
    return n > 0;
}

static bool run_response_mean(const CpSim *sim, uint32_t run, int64_t *value)
{
    (void)run; /* there is one */
    return thread_mean(sim, "response", false, value);
}

static bool run_waiting_mean(const CpSim *sim, uint32_t run, int64_t *value)
{
    (void)run; /* there is one */
    return thread_mean(sim, "waiting", true, value);
}

static bool run_turnaround_mean(const CpSim *sim, uint32_t run, int64_t *value)
{
    (void)run; /* there is one */
    return thread_mean(sim, "turnaround", false, value);
}

CP_METRIC_GETTER(run_overhead, sum_of(sim, CP_SCOPE_CPU, cpu_overhead))
CP_METRIC_GETTER(run_dropped, sum_of(sim, CP_SCOPE_OBJECT, object_dropped))
CP_METRIC_GETTER(run_throttled, sum_of(sim, CP_SCOPE_GROUP, group_throttled))
CP_METRIC_GETTER(run_events, sim->events)
CP_METRIC_GETTER(run_warmup, sim->counted_from)

/* --- the table --- */

/* Of what is blocked; a wait is one of these. */
#define BLOCKED_ROW(scope_, prefix, name_, text)                                           \
    {                                                                                      \
        "blocked." #name_, scope_, CP_UNIT_NS, "blocked on " text,                         \
            prefix##_blocked_##name_, .sums = true, .since = 2                             \
    }
#define BLOCKED_ROWS(scope, prefix)                                                        \
    BLOCKED_ROW(scope, prefix, sleep, "a timer: sleep, period, arrival"),                  \
        BLOCKED_ROW(scope, prefix, lock, "a lock"),                                        \
        BLOCKED_ROW(scope, prefix, sync, "a condition, event, barrier or semaphore"),      \
        BLOCKED_ROW(scope, prefix, queue, "a queue, pipe or socket"),                      \
        BLOCKED_ROW(scope, prefix, io, "a device"),                                        \
        BLOCKED_ROW(scope, prefix, join, "the end of another thread"),                     \
        BLOCKED_ROW(scope, prefix, runtime,                                                \
                    "its runtime: the GIL, an event loop, a pool"),                        \
        BLOCKED_ROW(scope, prefix, outside, "something the model does not contain")

const CpMetric cp_engine_metrics[] = {
    {"makespan", CP_SCOPE_RUN, CP_UNIT_NS, "from the start to the end of the last thread",
     run_makespan, .sums = false},
    {"cpu", CP_SCOPE_RUN, CP_UNIT_NS, "CPU time of all threads", run_cpu, .sums = true},
    {"busy_share", CP_SCOPE_RUN, CP_UNIT_PPM, "share of the CPUs' time that was busy",
     run_busy_share, .sums = false},
    {"switches", CP_SCOPE_RUN, CP_UNIT_COUNT,
     "context switches of all CPUs, out of idle too", run_switches, .sums = true},
    {"switches_voluntary", CP_SCOPE_RUN, CP_UNIT_COUNT,
     "switches out of threads that waited or ended", run_voluntary, .sums = true},
    {"switches_involuntary", CP_SCOPE_RUN, CP_UNIT_COUNT,
     "switches out of threads that could have gone on", run_involuntary, .sums = true},
    {"migrations", CP_SCOPE_RUN, CP_UNIT_COUNT, "moves of threads between CPUs",
     run_migrations, .sums = true},
    {"wakeups", CP_SCOPE_RUN, CP_UNIT_COUNT, "wake-ups of blocked threads", run_wakeups,
     .sums = true},
    {"wakeup_latency.p50", CP_SCOPE_RUN, CP_UNIT_NS, "from enqueued to running, median",
     run_wake_p50, .sums = false},
    {"wakeup_latency.p99", CP_SCOPE_RUN, CP_UNIT_NS, "from enqueued to running, 99 %",
     run_wake_p99, .sums = false},
    {"wakeup_latency.max", CP_SCOPE_RUN, CP_UNIT_NS, "from enqueued to running, worst",
     run_wake_max, .sums = false},
    {"run_slice.p50", CP_SCOPE_RUN, CP_UNIT_NS, "stretch on a CPU, median", run_slice_p50,
     .sums = false},
    {"throttled", CP_SCOPE_RUN, CP_UNIT_NS, "CPU time groups were held back by quotas",
     run_throttled, .sums = true},
    {"throughput", CP_SCOPE_RUN, CP_UNIT_MILLI, "responses per second of the run",
     run_throughput, .sums = false},
    {"dropped", CP_SCOPE_RUN, CP_UNIT_COUNT, "requests refused by a full queue",
     run_dropped, .sums = true},
    {"response.mean", CP_SCOPE_RUN, CP_UNIT_NS,
     "teaching: first run - arrival, mean over threads", run_response_mean, .sums = false},
    {"waiting.mean", CP_SCOPE_RUN, CP_UNIT_NS,
     "teaching: time runnable but not running, mean over threads", run_waiting_mean,
     .sums = false},
    {"turnaround.mean", CP_SCOPE_RUN, CP_UNIT_NS,
     "teaching: end - arrival, mean over ended threads", run_turnaround_mean,
     .sums = false},
    {"overhead", CP_SCOPE_RUN, CP_UNIT_NS, "CPU time of kernel work", run_overhead,
     .sums = true},
    {"events", CP_SCOPE_RUN, CP_UNIT_COUNT, "events simulated", run_events, .sums = false},
    {"warmup", CP_SCOPE_RUN, CP_UNIT_NS, "from when metrics count; 0: from the start",
     run_warmup, .sums = false, .since = 1},
    {"runq_wait", CP_SCOPE_RUN, CP_UNIT_NS, "runnable but not running, all threads",
     run_runq_wait, .sums = true, .since = 2},
    {"blocked", CP_SCOPE_RUN, CP_UNIT_NS, "off the CPU, waiting, all threads", run_blocked,
     .sums = true, .since = 2},
    BLOCKED_ROWS(CP_SCOPE_RUN, run),
    {"start", CP_SCOPE_THREAD, CP_UNIT_NS, "when it was created or released", thread_start,
     .sums = false},
    {"end", CP_SCOPE_THREAD, CP_UNIT_NS, "when it ended", thread_end, .sums = false},
    {"cpu", CP_SCOPE_THREAD, CP_UNIT_NS, "CPU time", thread_cpu, .sums = true},
    {"work", CP_SCOPE_THREAD, CP_UNIT_NS,
     "nominal work done, before speed and cost factors", thread_work, .sums = true},
    {"runq_wait", CP_SCOPE_THREAD, CP_UNIT_NS, "runnable but not running", thread_waiting,
     .sums = true},
    {"blocked", CP_SCOPE_THREAD, CP_UNIT_NS, "off the CPU, waiting", thread_blocked,
     .sums = true},
    {"switches_voluntary", CP_SCOPE_THREAD, CP_UNIT_COUNT,
     "switches out because it waited or ended", thread_voluntary, .sums = true},
    {"switches_involuntary", CP_SCOPE_THREAD, CP_UNIT_COUNT, "switches out while runnable",
     thread_involuntary, .sums = true},
    {"migrations", CP_SCOPE_THREAD, CP_UNIT_COUNT, "moves between CPUs", thread_migrations,
     .sums = true},
    {"wakeup_latency.p50", CP_SCOPE_THREAD, CP_UNIT_NS, "from enqueued to running, median",
     thread_wake_p50, .sums = false},
    {"wakeup_latency.p99", CP_SCOPE_THREAD, CP_UNIT_NS, "from enqueued to running, 99 %",
     thread_wake_p99, .sums = false},
    {"arrival", CP_SCOPE_THREAD, CP_UNIT_NS, "teaching: when it came", thread_start,
     .sums = false},
    {"response", CP_SCOPE_THREAD, CP_UNIT_NS, "teaching: first run - arrival",
     thread_response, .sums = false},
    {"waiting", CP_SCOPE_THREAD, CP_UNIT_NS, "teaching: runnable but not running",
     thread_waiting, .sums = true},
    {"turnaround", CP_SCOPE_THREAD, CP_UNIT_NS, "teaching: end - arrival",
     thread_turnaround, .sums = false},
    BLOCKED_ROWS(CP_SCOPE_THREAD, thread),
    {"busy", CP_SCOPE_CPU, CP_UNIT_NS, "running threads, kernel work aside", cpu_busy,
     .sums = true},
    {"idle", CP_SCOPE_CPU, CP_UNIT_NS, "nothing to run", cpu_idle, .sums = true},
    {"overhead", CP_SCOPE_CPU, CP_UNIT_NS, "kernel work: switches, wake-ups, system calls",
     cpu_overhead, .sums = true},
    {"irq", CP_SCOPE_CPU, CP_UNIT_NS, "interrupts", cpu_irq, .sums = true},
    {"switches", CP_SCOPE_CPU, CP_UNIT_COUNT, "context switches, out of idle too",
     cpu_switches, .sums = true},
    {"acquired", CP_SCOPE_OBJECT, CP_UNIT_COUNT, "times taken; items passed; requests",
     object_acquired, .sums = true},
    {"contended", CP_SCOPE_OBJECT, CP_UNIT_COUNT, "times somebody had to wait",
     object_contended, .sums = true},
    {"wait", CP_SCOPE_OBJECT, CP_UNIT_NS, "time spent waiting for it, all threads",
     object_wait, .sums = true},
    {"wait.max", CP_SCOPE_OBJECT, CP_UNIT_NS, "longest wait", object_wait_max,
     .sums = false},
    {"spin", CP_SCOPE_OBJECT, CP_UNIT_NS, "CPU time burnt in waiting for it", object_spin,
     .sums = true},
    {"hold", CP_SCOPE_OBJECT, CP_UNIT_NS, "time it was held", object_hold, .sums = true},
    {"dropped", CP_SCOPE_OBJECT, CP_UNIT_COUNT, "items refused because it was full",
     object_dropped, .sums = true},
    {"items.max", CP_SCOPE_OBJECT, CP_UNIT_COUNT, "most items waiting in it",
     object_items_max, .sums = false},
    {"cpu", CP_SCOPE_GROUP, CP_UNIT_NS, "CPU time of its threads", group_cpu, .sums = true},
    {"periods", CP_SCOPE_GROUP, CP_UNIT_COUNT, "bandwidth periods in which it ran",
     group_periods, .sums = true},
    {"throttled_periods", CP_SCOPE_GROUP, CP_UNIT_COUNT, "of these, throttled",
     group_throttled_periods, .sums = true},
    {"throttled", CP_SCOPE_GROUP, CP_UNIT_NS, "time CPUs were held back", group_throttled,
     .sums = true},
    {.name = NULL},
};
