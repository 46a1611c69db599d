#include "tests/accuracy/figures.h"

#include "sim/cpu.h"
#include "sim/group.h"
#include "sim/thread.h"
#include "tests/accuracy/translate.h"

#include <stdlib.h>
#include <string.h>

/* Wide figures have several modes: compared with the measured range. */
static const double WIDE = 0.5;
/* Below it a latency from a trace is its resolution and the cost of tracing. */
static const double TRACE_US_MIN = 10;
/* One traced repetition with fewer wake-ups is one draw of the tick phase. */
static const double SAMPLES_MIN = 20;
/* Fewer switches or migrations are a matter of chance: compared with a margin. */
enum { FEW = 20 };

static void figure_free(gpointer data)
{
    Figure *f = data;
    g_free(f->name);
    g_free(f->subject);
    g_free(f->hist);
    g_free(f->why_not);
    g_free(f->summary);
    g_array_unref(f->values);
    g_free(f);
}

static Spread measured_spread(yajl_val v)
{
    if (v != NULL && YAJL_IS_NUMBER(v)) {
        double x = number(v, NAN);
        return (Spread){x, x, x, 1};
    }
    return (Spread){number_at(v, "median", NAN), number_at(v, "min", NAN),
                    number_at(v, "max", NAN), 1};
}

static Figure *figure_new(GPtrArray *all, FigureKind kind, const char *name,
                          const char *subject, yajl_val measured)
{
    Spread spread = measured_spread(measured);
    if (isnan(spread.median)) {
        return NULL;
    }
    Figure *f = g_new0(Figure, 1);
    f->kind = kind;
    f->name = subject != NULL ? g_strdup_printf("%s.%s", name, subject) : g_strdup(name);
    f->subject = g_strdup(subject);
    f->measured = spread;
    f->values = g_array_new(FALSE, FALSE, sizeof(double));
    f->error = NAN;
    f->traced = kind >= FIGURE_MIGRATIONS;
    g_ptr_array_add(all, f);
    return f;
}

static const struct {
    const char *name;
    double q;
} quantiles[] = {{"mean", 2}, {"p50", 0.5}, {"p95", 0.95}, {"p99", 0.99}, {"max", 1}};

/* Figures of a distribution; its histogram in the workload has the same name. */
static void add_quantiles(GPtrArray *all, FigureKind kind, const char *name,
                          const char *subject, yajl_val measured)
{
    double samples = number(member(member(measured, "n"), "median"), NAN);
    for (size_t i = 0; i < G_N_ELEMENTS(quantiles); i++) {
        g_autofree char *full = g_strdup_printf("%s.%s", name, quantiles[i].name);
        Figure *f =
            figure_new(all, kind, full, subject, member(measured, quantiles[i].name));
        if (f != NULL) {
            f->quantile = quantiles[i].q;
            f->samples = samples;
            f->hist =
                subject != NULL ? g_strdup_printf("%s.%s", name, subject) : g_strdup(name);
        }
    }
}

static void add_thread(GPtrArray *all, const char *name, yajl_val t, double total_cpu)
{
    static const char *const latencies[] = {"sleep_over_us", "wake_lat_us", "resp_us"};
    figure_new(all, FIGURE_CPU, "cpu", name, member(t, "cpu"));
    Figure *f = figure_new(all, FIGURE_SHARE, "cpu_share", name, member(t, "cpu"));
    if (f != NULL && total_cpu > 0) {
        f->measured.median /= total_cpu;
        f->measured.min /= total_cpu;
        f->measured.max /= total_cpu;
    }
    figure_new(all, FIGURE_NVCSW, "nvcsw", name, member(t, "nvcsw"));
    figure_new(all, FIGURE_NIVCSW, "nivcsw", name, member(t, "nivcsw"));
    for (size_t i = 0; i < G_N_ELEMENTS(latencies); i++) {
        add_quantiles(all, FIGURE_LATENCY, latencies[i], name, member(t, latencies[i]));
    }
}

/* Switches of all listed threads together, where kernel threads and other programs, which
 * add one here and there, do not matter any more. */
static void add_total(GPtrArray *all, yajl_val threads, size_t n)
{
    Spread sum = {0, 0, 0, 1};
    for (size_t i = 0; i < n; i++) {
        static const char *const parts[] = {"nvcsw", "nivcsw"};
        for (size_t k = 0; k < G_N_ELEMENTS(parts); k++) {
            Spread s =
                measured_spread(member(YAJL_GET_OBJECT(threads)->values[i], parts[k]));
            sum.median += s.median;
            sum.min += s.min;
            sum.max += s.max;
        }
    }
    Figure *f = n == 0 ? NULL
                       : figure_new(all, FIGURE_TOTAL, "switches_total", NULL,
                                    member(YAJL_GET_OBJECT(threads)->values[0], "nvcsw"));
    if (f != NULL) {
        f->measured = sum;
    }
}

static void add_group(GPtrArray *all, const char *name, yajl_val g)
{
    Figure *f =
        figure_new(all, FIGURE_THROTTLED, "throttled_s", name, member(g, "throttled_time"));
    if (f != NULL) {
        f->measured.median /= 1e9;
        f->measured.min /= 1e9;
        f->measured.max /= 1e9;
    }
    figure_new(all, FIGURE_N_THROTTLED, "nr_throttled", name, member(g, "nr_throttled"));
}

static void add_traced(GPtrArray *all, yajl_val scenario, yajl_val traced)
{
    yajl_val cpu = member(traced, "cpu");
    figure_new(all, FIGURE_MIGRATIONS, "migrations", NULL,
               member(traced, "migrations_tree"));
    figure_new(all, FIGURE_SWITCHES, "switches", NULL, member(traced, "switches_tree"));
    for (size_t i = 0; cpu != NULL && i < YAJL_GET_OBJECT(cpu)->len; i++) {
        const char *name = YAJL_GET_OBJECT(cpu)->keys[i];
        Figure *f = figure_new(all, FIGURE_BUSY, "busy_share", name,
                               member(YAJL_GET_OBJECT(cpu)->values[i], "busy_tree"));
        if (f != NULL) {
            f->cpu = simulated_cpu(scenario, (unsigned)atoi(name));
        }
    }
    figure_new(all, FIGURE_TRACED_HANDOFFS, "traced_handoffs", NULL,
               member(member(traced, "gil"), "handoffs"));
    add_quantiles(all, FIGURE_WAKEUP, "wakeup_latency_us", NULL,
                  member(traced, "wakeup_latency_us"));
    add_quantiles(all, FIGURE_SLICE, "run_slice_us", NULL, member(traced, "run_slice_us"));
}

/* Distributions a program reports of itself. */
static void add_latencies(GPtrArray *all, yajl_val figures)
{
    for (size_t i = 0; figures != NULL && i < YAJL_GET_OBJECT(figures)->len; i++) {
        const char *name = YAJL_GET_OBJECT(figures)->keys[i];
        if (g_str_has_suffix(name, "_us")) {
            add_quantiles(all, FIGURE_LATENCY, name, NULL,
                          YAJL_GET_OBJECT(figures)->values[i]);
        }
    }
}

GPtrArray *figures_of(const Reality *reality, yajl_val scenario)
{
    GPtrArray *all = g_ptr_array_new_with_free_func(figure_free);
    yajl_val measured = measured_of(reality, scenario);
    yajl_val figures = member(measured, "figures");
    yajl_val threads = member(figures, "threads"), groups = member(figures, "cgroup");
    double total = 0;
    size_t n =
        threads != NULL && YAJL_IS_OBJECT(threads) ? YAJL_GET_OBJECT(threads)->len : 0;
    for (size_t i = 0; i < n; i++) {
        yajl_val t = YAJL_GET_OBJECT(threads)->values[i];
        total += number_at(member(t, "cpu"), "median", 0);
    }
    figure_new(all, FIGURE_MAKESPAN, "makespan_s", NULL, member(figures, "wall"));
    for (size_t i = 0; i < n; i++) {
        add_thread(all, YAJL_GET_OBJECT(threads)->keys[i],
                   YAJL_GET_OBJECT(threads)->values[i], total);
    }
    if (is_native(scenario)) {
        add_total(all, threads, n);
    } else {
        figure_new(all, FIGURE_NVCSW, "nvcsw", NULL, member(figures, "nvcsw"));
        figure_new(all, FIGURE_NIVCSW, "nivcsw", NULL, member(figures, "nivcsw"));
        figure_new(all, FIGURE_HANDOFFS, "handoffs", NULL, member(figures, "handoffs"));
        add_latencies(all, figures);
    }
    for (size_t i = 0; groups != NULL && i < YAJL_GET_OBJECT(groups)->len; i++) {
        add_group(all, YAJL_GET_OBJECT(groups)->keys[i],
                  YAJL_GET_OBJECT(groups)->values[i]);
    }
    add_traced(all, scenario, member(measured, "traced"));
    return all;
}

/* --- values of a simulated run --- */

static CpTid find_thread(const CpSim *sim, const char *name)
{
    for (CpTid tid = 0; tid < cp_sim_n_threads(sim); tid++) {
        g_autofree char *text = cp_sim_thread_name(sim, tid);
        if (strcmp(text, name) == 0) {
            return tid;
        }
    }
    return CP_NONE;
}

/* Threads that a measurement lists: those that were not started by others as children. */
static bool is_listed(GPtrArray *figures, const CpSim *sim, CpTid tid)
{
    g_autofree char *name = cp_sim_thread_name(sim, tid);
    for (guint i = 0; i < figures->len; i++) {
        const Figure *f = g_ptr_array_index(figures, i);
        if (f->kind == FIGURE_SHARE && strcmp(f->subject, name) == 0) {
            return true;
        }
    }
    return false;
}

static double listed_cpu(GPtrArray *figures, const CpSim *sim)
{
    double sum = 0;
    for (CpTid tid = 0; tid < cp_sim_n_threads(sim); tid++) {
        if (is_listed(figures, sim, tid)) {
            sum += (double)cp_thread(sim, tid)->cpu_time;
        }
    }
    return sum;
}

/* As the programs themselves report: the value at place floor(n x q). */
static double quantile_us(const CpHist *h, double q)
{
    if (h == NULL || h->n == 0) {
        return NAN;
    }
    if (q > 1) {
        return (double)cp_hist_mean(h) / 1000;
    }
    if (q >= 1) {
        return (double)h->max / 1000;
    }
    double place = (floor((double)h->n * q) + 0.5) / (double)h->n;
    return (double)cp_hist_quantile(h, (uint32_t)(MIN(place, 1) * 1e6)) / 1000;
}

static const CpHist *find_hist(const CpSim *sim, const char *name)
{
    for (uint32_t i = 0; i < sim->w->hists->len; i++) {
        const char *text =
            cp_workload_text(sim->w, g_array_index(sim->w->hists, uint32_t, i));
        if (strcmp(text, name) == 0) {
            return cp_sim_hist(sim, i);
        }
    }
    return NULL;
}

static double metric(CpSim *sim, const char *name)
{
    int64_t value = 0;
    CpUnit unit;
    return cp_metric_find(sim, name, &value, &unit) ? (double)value : NAN;
}

/* Threads looked at their own counters while they lived: without the switch at their end.
 */
static double voluntary_switches(const CpSim *sim, CpTid tid)
{
    bool ended = cp_thread(sim, tid)->state == CP_THREAD_ENDED;
    uint32_t n = sim->cold[tid].nvcsw;
    return ended && n > 0 ? n - 1 : n;
}

static double total_switches(GPtrArray *figures, const CpSim *sim)
{
    double sum = 0;
    for (CpTid tid = 0; tid < cp_sim_n_threads(sim); tid++) {
        sum += is_listed(figures, sim, tid)
                   ? voluntary_switches(sim, tid) + sim->cold[tid].nivcsw
                   : 0;
    }
    return sum;
}

static double sum_switches(const CpSim *sim, bool voluntary)
{
    double sum = 0;
    for (CpTid tid = 0; tid < cp_sim_n_threads(sim); tid++) {
        sum += voluntary ? voluntary_switches(sim, tid) : sim->cold[tid].nivcsw;
    }
    return sum;
}

static double thread_figure(GPtrArray *figures, const Figure *f, const CpSim *sim)
{
    CpTid tid = f->subject != NULL ? find_thread(sim, f->subject) : CP_NONE;
    if (f->subject == NULL) {
        return sum_switches(sim, f->kind == FIGURE_NVCSW);
    }
    if (tid == CP_NONE) {
        return NAN;
    }
    switch (f->kind) {
    case FIGURE_CPU:
        return (double)cp_thread(sim, tid)->cpu_time / 1e9;
    case FIGURE_SHARE:
        return (double)cp_thread(sim, tid)->cpu_time / listed_cpu(figures, sim);
    case FIGURE_NVCSW:
        return voluntary_switches(sim, tid);
    default:
        return sim->cold[tid].nivcsw;
    }
}

/* Groups of the measurement are named by the end of the workload's names. */
static double group_figure(const Figure *f, const CpSim *sim)
{
    for (CpGroup g = 1; g < sim->n_groups; g++) {
        const char *name = cp_workload_text(sim->w, cp_group_decl(sim->w, g)->name);
        if (g_str_has_suffix(name, f->subject)) {
            return f->kind == FIGURE_THROTTLED ? (double)sim->groups[g].throttled_ns / 1e9
                                               : (double)sim->groups[g].throttled_periods;
        }
    }
    return NAN;
}

static double busy_share(const Figure *f, const CpSim *sim)
{
    unsigned cpu = f->cpu;
    if (cpu >= sim->n_cpus || sim->end == 0) {
        return NAN;
    }
    const CpCpuState *core = &sim->cpus[cpu];
    return (double)(core->busy + core->overhead) / (double)sim->end;
}

static const CpHist *hist_of(const Figure *f, const CpSim *sim)
{
    switch (f->kind) {
    case FIGURE_LATENCY:
        return find_hist(sim, f->hist);
    case FIGURE_WAKEUP:
        return cp_sim_wakeup_hist(sim);
    case FIGURE_SLICE:
        return cp_sim_slice_hist(sim);
    default:
        return NULL;
    }
}

/* Where the measured quantile lies among the simulated values. */
static void add_below(Figure *f, const CpSim *sim)
{
    const CpHist *h = f->quantile < 1 ? hist_of(f, sim) : NULL;
    if (h != NULL && h->n > 0) {
        f->below +=
            (double)cp_hist_below(h, (int64_t)(f->measured.median * 1000)) / (double)h->n;
        f->n_below++;
    }
}

/* As the program counts them, else every one of the interpreter's lock. */
static double handoffs(CpSim *sim)
{
    for (guint i = 0; i < sim->w->vars->len; i++) {
        uint32_t name = g_array_index(sim->w->vars, CpVarDecl, i).name;
        if (strcmp(cp_workload_text(sim->w, name), HANDOFFS_VARIABLE) == 0) {
            return (double)sim->vars[i];
        }
    }
    return metric(sim, "gil_switches");
}

static double value_of(GPtrArray *figures, const Figure *f, CpSim *sim)
{
    switch (f->kind) {
    case FIGURE_MAKESPAN:
        return metric(sim, "makespan") / 1e9;
    case FIGURE_CPU:
    case FIGURE_SHARE:
    case FIGURE_NVCSW:
    case FIGURE_NIVCSW:
        return thread_figure(figures, f, sim);
    case FIGURE_TOTAL:
        return total_switches(figures, sim);
    case FIGURE_LATENCY:
    case FIGURE_WAKEUP:
    case FIGURE_SLICE:
        return quantile_us(hist_of(f, sim), f->quantile);
    case FIGURE_THROTTLED:
    case FIGURE_N_THROTTLED:
        return group_figure(f, sim);
    case FIGURE_HANDOFFS:
        return handoffs(sim);
    case FIGURE_TRACED_HANDOFFS:
        return metric(sim, "gil_switches");
    case FIGURE_MIGRATIONS:
        return metric(sim, "migrations");
    case FIGURE_SWITCHES:
        return metric(sim, "switches");
    case FIGURE_BUSY:
        return busy_share(f, sim);
    }
    return NAN;
}

void figures_add(GPtrArray *figures, CpSim *sim, bool traced)
{
    for (guint i = 0; i < figures->len; i++) {
        Figure *f = g_ptr_array_index(figures, i);
        double v = f->traced == traced ? value_of(figures, f, sim) : NAN;
        if (!isnan(v)) {
            g_array_append_val(f->values, v);
            add_below(f, sim);
        }
    }
}

/* --- comparing --- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

Spread spread_of(const GArray *values)
{
    if (values->len == 0) {
        return (Spread){NAN, NAN, NAN, 0};
    }
    g_autoptr(GArray) sorted = g_array_copy((GArray *)(uintptr_t)values);
    g_array_sort(sorted, by_value);
    guint n = sorted->len;
    double lower = g_array_index(sorted, double, (n - 1) / 2);
    double upper = g_array_index(sorted, double, n / 2);
    return (Spread){(lower + upper) / 2, g_array_index(sorted, double, 0),
                    g_array_index(sorted, double, n - 1), n};
}

/* One interpreter lock for all threads. */
static bool has_gil(yajl_val scenario)
{
    yajl_val model = member(scenario, "model");
    return !is_native(scenario) && strcmp(text_at(model, "gil"), "none") != 0 &&
           member(model, "processes") == NULL;
}

/* CPU time of the threads over the makespan: about 1 if one lock bounds the program. */
static bool bound_by_gil(yajl_val scenario, yajl_val measured)
{
    yajl_val figures = member(measured, "figures"), threads = member(figures, "threads");
    double cpu = 0;
    for (size_t i = 0; threads != NULL && i < YAJL_GET_OBJECT(threads)->len; i++) {
        yajl_val t = member(YAJL_GET_OBJECT(threads)->values[i], "cpu");
        cpu += number_at(t, "median", 0);
    }
    double share = cpu / number_at(member(figures, "wall"), "median", NAN);
    return has_gil(scenario) && share > 0.8 && share < 1.1;
}

/* Threads that do nothing but compute: their CPU time is the makespan of one core. */
static bool only_hogs(yajl_val scenario)
{
    static const char *const others[] = {
        "sleep", "lock", "barrier",   "sem_wait", "event_wait",  "cond_wait_token", "get",
        "put",   "recv", "run_nogil", "plock",    "await_sleep", "loop_until_none"};
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++) {
        if (python_threads_use(scenario, others[i])) {
            return false;
        }
    }
    return member(member(scenario, "model"), "threads") != NULL;
}

static const char *why_makespan(yajl_val scenario, yajl_val measured, bool one_core)
{
    bool from_cpu =
        g_str_has_prefix(text_at(member(measured, "burst_scale"), "from"), "thread CPU");
    if (is_native(scenario) && kload_fixes_end(scenario)) {
        return "the program fixes its end";
    }
    if (is_native(scenario) ? from_cpu && one_core
                            : from_cpu && only_hogs(scenario) &&
                                  (one_core || bound_by_gil(scenario, measured))) {
        return "the scale of bursts came from the CPU time";
    }
    return NULL;
}

/* Programs count hand-overs between threads that compute. */
static const char *why_handoffs(const Figure *f, yajl_val scenario)
{
    if (!has_gil(scenario)) {
        return "there is no interpreter lock";
    }
    if (f->kind == FIGURE_HANDOFFS && f->measured.median < 5) {
        return "only threads that compute count them";
    }
    return NULL;
}

static const char *why_switches(const Figure *f, yajl_val measured)
{
    yajl_val threads = member(member(measured, "figures"), "threads");
    if (f->measured.max < 1 && f->simulated.max < 1) {
        return "never happens";
    }
    if (f->subject == NULL && threads != NULL && YAJL_GET_OBJECT(threads)->len > 1) {
        return "with start and end of the interpreter; threads are counted one by one";
    }
    return NULL;
}

static const char *why_wakeup(const Figure *f)
{
    if (f->samples < SAMPLES_MIN) {
        return "too few samples";
    }
    return f->measured.median < TRACE_US_MIN
               ? "resolution and cost of the trace are as large"
               : NULL;
}

static const char *why_not(const Figure *f, yajl_val scenario, yajl_val measured)
{
    bool one_core = number_at(scenario, "cores", 1) < 2;
    if (f->values->len == 0) {
        return "the simulation has no such figure";
    }
    switch (f->kind) {
    case FIGURE_MAKESPAN:
        return why_makespan(scenario, measured, one_core);
    case FIGURE_CPU:
        return "agrees by construction: the scale of bursts came from it";
    case FIGURE_SHARE:
        return is_native(scenario) && kload_thread_fixes_end(scenario, f->subject)
                   ? NULL
                   : "the work is given, so the share is too";
    case FIGURE_NVCSW:
    case FIGURE_NIVCSW:
        return why_switches(f, measured);
    case FIGURE_HANDOFFS:
    case FIGURE_TRACED_HANDOFFS:
        return why_handoffs(f, scenario);
    case FIGURE_WAKEUP:
        return why_wakeup(f);
    case FIGURE_LATENCY:
        return f->quantile < 1 ? NULL : "extremes and means of several modes";
    default:
        return NULL;
    }
}

/* The key of the summary a counted figure belongs to. */
static char *python_key(const Figure *f, yajl_val scenario, yajl_val measured)
{
    switch (f->kind) {
    case FIGURE_MAKESPAN:
        return g_strdup(bound_by_gil(scenario, measured) ? "python.makespan_gil"
                                                         : "python.makespan_other");
    case FIGURE_HANDOFFS:
    case FIGURE_TRACED_HANDOFFS:
        return g_strdup("python.handoffs");
    case FIGURE_NVCSW:
    case FIGURE_NIVCSW:
        return g_strdup("python.switches");
    default:
        return NULL;
    }
}

static char *summary_key(const Figure *f, yajl_val scenario, yajl_val measured)
{
    bool is_wake = f->kind == FIGURE_WAKEUP ||
                   (f->kind == FIGURE_LATENCY && !g_str_has_prefix(f->name, "resp"));
    unsigned cores = (unsigned)MAX(number_at(scenario, "cores", 1), 1);
    if (!is_native(scenario)) {
        return python_key(f, scenario, measured);
    }
    switch (f->kind) {
    case FIGURE_MAKESPAN:
        return cores > 1 ? g_strdup_printf("kernel.makespan_%ucore", cores) : NULL;
    case FIGURE_SHARE:
        return g_strdup_printf("kernel.cpu_share_%ucore", cores);
    case FIGURE_NVCSW:
    case FIGURE_NIVCSW:
        return g_strdup_printf("kernel.switches_%ucore", cores);
    case FIGURE_TOTAL:
        return f->measured.median < FEW
                   ? NULL
                   : g_strdup_printf("kernel.switches_total_%ucore", cores);
    case FIGURE_MIGRATIONS:
        return cores > 1 ? g_strdup_printf("kernel.migrations_%ucore", cores) : NULL;
    case FIGURE_THROTTLED:
        return g_strdup_printf("kernel.throttled_%ucore", cores);
    default:
        return is_wake && f->quantile == 0.5    ? g_strdup("kernel.wakeup_p50")
               : is_wake && f->quantile == 0.99 ? g_strdup("kernel.wakeup_p99")
                                                : NULL;
    }
}

static double distance_to_range(double v, const Spread *range)
{
    return v < range->min ? range->min - v : v > range->max ? v - range->max : 0;
}

static bool is_count(const Figure *f)
{
    return f->kind == FIGURE_NVCSW || f->kind == FIGURE_NIVCSW ||
           f->kind == FIGURE_SWITCHES || f->kind == FIGURE_N_THROTTLED ||
           f->kind == FIGURE_MIGRATIONS;
}

/* Kernel threads and other processes add switches: below 20 the margin is absolute, and
 * what lies beyond it is taken as a share of 20. */
static double error_of(Figure *f, double makespan)
{
    const Spread *m = &f->measured, *s = &f->simulated;
    double off = fabs(s->median - m->median);
    if (is_count(f) && m->median < FEW) {
        return MAX(off - (3 + 13 * makespan), 0) / FEW;
    }
    if (m->median == 0) {
        return off == 0 ? 0 : NAN;
    }
    if (f->by_range) {
        return distance_to_range(s->median, m) / m->median;
    }
    return off / m->median;
}

void figures_compare(GPtrArray *figures, const Reality *reality, yajl_val scenario)
{
    yajl_val measured = measured_of(reality, scenario);
    bool competes = is_native(scenario) && kload_competes(scenario);
    double makespan = number_at(member(member(measured, "figures"), "wall"), "median", 0);
    for (guint i = 0; i < figures->len; i++) {
        Figure *f = g_ptr_array_index(figures, i);
        f->simulated = spread_of(f->values);
        f->distance = f->n_below > 0 ? fabs(f->below / f->n_below - f->quantile) : NAN;
        const char *reason = why_not(f, scenario, measured);
        f->why_not = g_strdup(reason);
        if (f->values->len == 0) {
            continue;
        }
        bool is_wake = f->kind == FIGURE_LATENCY || f->kind == FIGURE_WAKEUP;
        f->by_range = f->measured.max - f->measured.min > WIDE * f->measured.median ||
                      (competes && is_wake);
        f->error = error_of(f, makespan);
        f->in_range = distance_to_range(f->simulated.median, &f->measured) == 0;
        if (isnan(f->error) && f->why_not == NULL) {
            f->why_not = g_strdup("measured as 0");
        }
        f->summary = f->why_not == NULL ? summary_key(f, scenario, measured) : NULL;
    }
}

/* --- distributions --- */

/* "wake_lat_us.sl" of "wake_lat_us.p99.sl". */
static char *distribution_of(const Figure *f)
{
    for (size_t i = 0; i < G_N_ELEMENTS(quantiles); i++) {
        g_autofree char *part = g_strdup_printf(".%s", quantiles[i].name);
        const char *at = strstr(f->name, part);
        if (at != NULL) {
            return g_strdup_printf("%.*s%s", (int)(at - f->name), f->name,
                                   at + strlen(part));
        }
    }
    return g_strdup(f->name);
}

GPtrArray *figures_distributions(const GPtrArray *figures)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < figures->len; i++) {
        const Figure *f = g_ptr_array_index(figures, i);
        g_autofree char *name = distribution_of(f);
        if (f->n_below > 0 &&
            !g_ptr_array_find_with_equal_func(names, name, g_str_equal, NULL)) {
            g_ptr_array_add(names, g_steal_pointer(&name));
        }
    }
    return names;
}

double figures_distance(const GPtrArray *figures, const char *name)
{
    double largest = NAN;
    for (guint i = 0; i < figures->len; i++) {
        const Figure *f = g_ptr_array_index(figures, i);
        g_autofree char *own = distribution_of(f);
        if (f->n_below > 0 && strcmp(own, name) == 0) {
            largest = isnan(largest) ? f->distance : MAX(largest, f->distance);
        }
    }
    return largest;
}
