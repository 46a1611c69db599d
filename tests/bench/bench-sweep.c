/* Sweeps: switches a second within points against the bare loop, two threads against one,
 * a sweep against a process for every point, what storing costs, and walking a plan of a
 * million points.
 *
 * Points of 20 000 switches are 32 to 95 CPU-bound threads on 8 CPUs, those of 1 000
 * switches threads that compute and sleep.  Metrics are on; a sweep keeps no records. */
#include "tests/bench/bare-eevdf.h"
#include "tests/bench/bench.h"

#include "sweeps/runner.h"
#include "sweeps/sweep.h"

#include <glib/gstdio.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

static const char large[] = "param n = 32\n"
                            "machine { cores 8 }\n"
                            "run { until 10s }\n"
                            "process p { thread t x n { forever { cpu 1s } } }\n";
static const char small[] =
    "machine { cores 8 }\n"
    "process p { thread t x 32 { repeat 15 { cpu exp(200us); wait exp(2ms) } } }\n";

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

/* Seconds of a whole sweep, its file included. */
static double sweep_seconds(const CpPlan *plan, uint32_t repeats, unsigned workers,
                            double *switches)
{
    g_autofree char *path = scratch(".db");
    g_autoptr(GError) error = NULL;
    g_unlink(path);
    double begun = bench_now_ns();
    CpStore *store = cp_store_open(path, plan, true, &error);
    must(store != NULL, error);
    CpSweepOptions o = {.plan = plan,
                        .store = store,
                        .repeats = repeats,
                        .n_shards = 1,
                        .n_workers = workers};
    CpSweepResult result;
    must(cp_sweep_run(&o, &result, &error), error);
    double seconds = (bench_now_ns() - begun) / 1e9;
    *switches = 0;
    for (uint64_t point = 0; point < cp_grid_size(plan->grid); point++) {
        GArray *values = cp_store_values(store, point, "switches", &error);
        must(values != NULL, error);
        for (guint i = 0; i < values->len; i++) {
            *switches += (double)g_array_index(values, int64_t, i);
        }
        g_array_unref(values);
    }
    cp_store_free(store);
    g_unlink(path);
    return seconds;
}

static double bare_seconds(uint64_t switches)
{
    Bare b;
    double begun = bench_now_ns();
    bare_init(&b, 8, 64, true);
    bare_run(&b, switches);
    bare_clear(&b);
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
    static const BenchGoal bare = {"sweep.switches_vs_bare", "ratio", BENCH_AT_LEAST, 0.5,
                                   0.15};
    static const BenchGoal two = {"sweep.two_threads", "ratio", BENCH_AT_LEAST, 1.8, 1.4};
    CpPlan *plan = make_plan(large, quick ? "n=32,33" : "n=32..95");
    double switches, one[3], both[3], base[3];
    size_t rounds = quick ? 1 : 3;
    for (size_t i = 0; i < rounds; i++) {
        one[i] = sweep_seconds(plan, 1, 1, &switches);
        both[i] = sweep_seconds(plan, 1, 2, &switches);
        base[i] = bare_seconds((uint64_t)switches);
    }
    double a = bench_median(one, rounds), b = bench_median(both, rounds);
    printf("# %.0f switches a point, %.0f points/s on one thread\n",
           switches / (double)cp_grid_size(plan->grid),
           (double)cp_grid_size(plan->grid) / a);
    bench_report(&bare, bench_median(base, rounds) / a);
    bench_report(&two, a / b);
    cp_plan_free(plan);
}

static void bench_small(bool quick)
{
    static const BenchGoal rate = {"sweep.small_points", "points/s", BENCH_AT_LEAST, 1000,
                                   333};
    static const BenchGoal process = {"sweep.vs_process", "ratio", BENCH_AT_LEAST, 3, 1.2};
    static const BenchGoal cost = {"sweep.store_overhead", "share", BENCH_AT_MOST, 0.05,
                                   0.15};
    CpPlan *plan = make_plan(small, "hz=250,100");
    uint32_t repeats = quick ? 20 : 1000;
    double switches, seconds[3], bare[3];
    size_t rounds = quick ? 1 : 3;
    for (size_t i = 0; i < rounds; i++) {
        bare[i] = runner_seconds(plan, repeats);
        seconds[i] = sweep_seconds(plan, repeats, 1, &switches);
    }
    double all = bench_median(seconds, rounds), alone = bench_median(bare, rounds);
    double n = 2.0 * repeats;
    bench_report(&rate, n / all);
    bench_report(&process, process_seconds(quick ? 10 : 200) / (all / n));
    bench_report(&cost, quick ? 0 : all / alone - 1);
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
    bench_walk(quick);
    return 0;
}
