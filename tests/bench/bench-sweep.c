/* Sweeps: points a second against the bare loop, two threads against one, a sweep against a
 * process for every point, what storing costs, and walking a plan of a million points.
 *
 * Points of 20 000 switches are 32 to 95 CPU-bound threads of mixed weights on 8 CPUs with
 * slices of 3 ms, every switch recorded, as the bare loop has them.  Points of 1 000
 * switches are threads that compute and sleep, without records.  Metrics are always on.
 * Each figure is of the quickest of a few passes: what else the machine does only adds. */
#include "tests/bench/bare-eevdf.h"
#include "tests/bench/bench.h"

#include "sweeps/runner.h"
#include "sweeps/sweep.h"

#include <glib/gstdio.h>
#include <math.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

static const char large[] = "param n = 32\n"
                            "machine { cores 8 }\n"
                            "kernel { eevdf.base_slice 3ms }\n"
                            "run { until 10s }\n"
                            "process p {\n"
                            "  thread a x n - 24 { forever { cpu 1s } }\n"
                            "  thread b x 6 (nice=1) { forever { cpu 1s } }\n"
                            "  thread c x 6 (nice=-1) { forever { cpu 1s } }\n"
                            "  thread d x 6 (nice=5) { forever { cpu 1s } }\n"
                            "  thread e x 6 (nice=-5) { forever { cpu 1s } }\n"
                            "}\n";
enum { PASSES = 5, FEWEST = 32, MOST = 95 }; /* threads of `large` */
#define SMALL(rounds)                                                                      \
    "machine { cores 8 }\n"                                                                \
    "process p { thread t x 32 { repeat " rounds                                           \
    " { cpu exp(200us); wait exp(2ms) } } }\n"
static const char small[] = SMALL("15");   /* 1 000 switches */
static const char longer[] = SMALL("100"); /* about 1 ms on one thread */

static void must(bool ok, const GError *error)
{
    if (!ok) {
        fprintf(stderr, "bench-sweep: %s\n", error != NULL ? error->message : "failed");
        exit(1);
    }
}

static char *scratch(const char *ending)
{
    g_autofree char *name = g_strdup_printf("coreplay-bench-%d%s", (int)getpid(), ending);
    return g_build_filename(g_get_tmp_dir(), name, NULL);
}

static CpPlan *make_plan(const char *text, const char *axis)
{
    g_autofree char *path = scratch(".cpw");
    g_autoptr(GError) error = NULL;
    must(g_file_set_contents(path, text, -1, &error), error);
    char *sweeps[] = {(char *)axis, NULL};
    CpPlanOptions options = {.path = path, .sweeps = sweeps};
    CpDiag *diag = cp_diag_new(path, NULL, 0);
    CpPlan *plan = cp_plan_new(&options, diag, &error);
    must(plan != NULL, error);
    cp_diag_free(diag);
    g_unlink(path);
    return plan;
}

/* A sink that only counts; all workers call it. */
static gboolean count_records(void *data, const CpRecord *records, size_t n, GError **error)
{
    (void)records, (void)error; /* nothing is kept, nothing can fail */
    atomic_fetch_add((atomic_size_t *)data, n);
    return TRUE;
}

static double count_switches(CpStore *store, const CpPlan *plan)
{
    double switches = 0;
    g_autoptr(GError) error = NULL;
    for (uint64_t point = 0; point < cp_grid_size(plan->grid); point++) {
        GArray *values = cp_store_values(store, point, "switches", &error);
        must(values != NULL, error);
        for (guint i = 0; i < values->len; i++) {
            switches += (double)g_array_index(values, int64_t, i);
        }
        g_array_unref(values);
    }
    return switches;
}

typedef struct {
    const CpPlan *plan;
    uint32_t repeats;
    unsigned workers;
    bool recorded;
} Job;

/* Seconds of a whole sweep, its file included. */
static double sweep_seconds(const Job *job, double *switches)
{
    g_autofree char *path = scratch(".db");
    g_autoptr(GError) error = NULL;
    atomic_size_t n_records = 0;
    const CpSink sink = {count_records, &n_records};
    g_unlink(path);
    double begun = bench_now_ns();
    CpStore *store = cp_store_open(path, job->plan, true, &error);
    must(store != NULL, error);
    CpSweepOptions o = {.plan = job->plan,
                        .store = store,
                        .repeats = job->repeats,
                        .n_shards = 1,
                        .n_workers = job->workers,
                        .records = job->recorded ? &sink : NULL};
    CpSweepResult result;
    must(cp_sweep_run(&o, &result, &error) && result.failed == 0, error);
    double seconds = (bench_now_ns() - begun) / 1e9;
    *switches = count_switches(store, job->plan);
    must(!job->recorded || (double)n_records >= *switches, NULL);
    cp_store_free(store);
    g_unlink(path);
    return seconds;
}

/* The bare loop at the same points: as many threads, as many switches in all. */
static double bare_seconds(uint64_t switches, uint32_t repeats)
{
    uint32_t n_points = (MOST - FEWEST + 1) * repeats;
    double begun = bench_now_ns();
    for (uint32_t i = 0; i < n_points; i++) {
        Bare b;
        bare_init(&b, 8, FEWEST + i / repeats, true);
        bare_run(&b, switches / n_points);
        bare_clear(&b);
    }
    return (bench_now_ns() - begun) / 1e9;
}

/* The same rows, one after the other, stored nowhere. */
static double runner_seconds(const CpPlan *plan, uint32_t repeats)
{
    CpCompiled *compiled = cp_compiled_new(plan);
    CpRunner *runner = cp_runner_new(plan, compiled);
    double begun = bench_now_ns();
    for (uint64_t point = 0; point < cp_grid_size(plan->grid); point++) {
        for (uint32_t r = 0; r < repeats; r++) {
            cp_row_free(cp_runner_run(runner, point, r));
        }
    }
    double seconds = (bench_now_ns() - begun) / 1e9;
    cp_runner_free(runner);
    cp_compiled_free(compiled);
    return seconds;
}

/* A process for each point, which reads the workload and simulates it. */
static double process_seconds(unsigned n)
{
    double begun = bench_now_ns();
    for (unsigned i = 0; i < n; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            CpPlan *plan = make_plan(small, "hz=250,100");
            CpRunner *runner = cp_runner_new(plan, cp_compiled_new(plan));
            CpRow *row = cp_runner_run(runner, 0, i);
            _exit(row->failed);
        }
        int status;
        must(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0, NULL);
    }
    return (bench_now_ns() - begun) / 1e9 / n;
}

static void bench_large(bool quick)
{
    static const BenchGoal bare = {"sweep.points_vs_bare", "ratio", BENCH_AT_LEAST, 0.5,
                                   0.4};
    static const BenchGoal two = {"sweep.two_threads", "ratio", BENCH_AT_LEAST, 1.8, 1.4};
    CpPlan *plan = make_plan(large, quick ? "n=32,33" : "n=32..95");
    Job job = {.plan = plan, .repeats = quick ? 1 : 8, .recorded = true};
    double switches = 0, one = INFINITY, both = INFINITY, base = INFINITY;
    for (unsigned i = 0; i < (quick ? 1 : PASSES); i++) {
        job.workers = 1;
        one = fmin(one, sweep_seconds(&job, &switches));
        job.workers = 2;
        both = fmin(both, sweep_seconds(&job, &switches));
        base = fmin(base, bare_seconds((uint64_t)switches, job.repeats));
    }
    double n = (double)cp_grid_size(plan->grid) * job.repeats;
    printf("# %.0f switches a point; points/s: one thread %.0f, two %.0f, bare loop %.0f\n",
           switches / n, n / one, n / both, n / base);
    bench_report(&bare, base / one);
    bench_report(&two, one / both);
    cp_plan_free(plan);
}

static void bench_small(bool quick)
{
    static const BenchGoal rate = {"sweep.small_points", "points/s", BENCH_AT_LEAST, 1000,
                                   333};
    static const BenchGoal process = {"sweep.vs_process", "ratio", BENCH_AT_LEAST, 3, 2};
    CpPlan *plan = make_plan(small, "hz=250,100");
    Job job = {.plan = plan, .repeats = quick ? 20 : 500, .workers = 1};
    double switches, all = INFINITY, forks = INFINITY, n = 2.0 * job.repeats;
    for (unsigned i = 0; i < (quick ? 1 : PASSES); i++) {
        all = fmin(all, sweep_seconds(&job, &switches));
        forks = fmin(forks, process_seconds(quick ? 5 : 50));
    }
    printf("# %.0f switches a point\n", switches / n);
    bench_report(&rate, n / all);
    bench_report(&process, forks / (all / n));
    cp_plan_free(plan);
}

/* What storing costs at 1 000 points a second: points so long that one thread simulates
 * about as many, with their file and without one. */
static void bench_store(bool quick)
{
    static const BenchGoal goal = {"sweep.store_overhead", "share", BENCH_AT_MOST, 0.05,
                                   0.1};
    CpPlan *plan = make_plan(longer, "hz=250,100");
    Job job = {.plan = plan, .repeats = quick ? 5 : 250, .workers = 1};
    double switches, stored = INFINITY, alone = INFINITY;
    for (unsigned i = 0; i < (quick ? 1 : PASSES); i++) {
        alone = fmin(alone, runner_seconds(plan, job.repeats));
        stored = fmin(stored, sweep_seconds(&job, &switches));
    }
    printf("# storing at %.0f points/s\n", 2.0 * job.repeats / alone);
    bench_report(&goal, quick ? 0 : stored / alone - 1);
    cp_plan_free(plan);
}

static void bench_walk(bool quick)
{
    static const BenchGoal goal = {"sweep.walk_1e6_points", "s", BENCH_AT_MOST, 2, 2};
    CpPlan *plan =
        make_plan(small, quick ? "hz=100..1000" : "eevdf.base_slice=1us..1s+1us");
    CpSweepOptions o = {.plan = plan, .repeats = 1, .n_shards = 1};
    CpSweepCount count;
    GError *error = NULL;
    double begun = bench_now_ns();
    must(cp_sweep_missing(&o, NULL, &count, &error), error);
    bench_report(&goal, (bench_now_ns() - begun) / 1e9);
    cp_plan_free(plan);
}

int main(int argc, char **argv)
{
    bool quick = bench_quick(argc, argv);
    /* Benchmarks are tied to one CPU; this one needs two. */
    cpu_set_t all;
    memset(&all, 0xff, sizeof all);
    if (sched_setaffinity(0, sizeof all, &all) != 0) {
        printf("# cannot leave the one CPU: two threads will gain nothing\n");
    }
    bench_large(quick);
    bench_small(quick);
    bench_store(quick);
    bench_walk(quick);
    return 0;
}
