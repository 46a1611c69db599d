/* Speed and size of the engine, against the bare loop beside it and against its goals.
 *
 *   bench-sched [--quick]
 *
 * Cases: CPU-bound threads of mixed weights under EEVDF (recorded, not recorded, bare
 * loop); threads that compute and sleep (metrics only, recorded to a file); one CPU with
 * 10 and with 1 000 threads; a million threads on 64 CPUs.  What is compared is measured
 * in turns within one run, and the medians are taken. */
#include "tests/bench/bare-eevdf.h"
#include "tests/bench/bench.h"
#include "tests/bench/case.h"
#include "traces/cpr.h"

#include <glib/gstdio.h>
#include <unistd.h>

enum { ROUNDS = 7 };

/* --- workloads --- */

static const int nice_of_weight[][2] = {
    {1024, 0}, {820, 1}, {1277, -1}, {335, 5}, {3121, -5}};

static int nice_of(uint32_t weight)
{
    for (size_t i = 0; i < G_N_ELEMENTS(nice_of_weight); i++) {
        if ((uint32_t)nice_of_weight[i][0] == weight) {
            return nice_of_weight[i][1];
        }
    }
    return 0;
}

/* n threads that compute for ever, with the bare loop's weights, thread i on CPU i mod
 * n_cpus as there. */
static CpWorkload *cpu_bound(unsigned n, unsigned n_cpus)
{
    CpWorkload *w = cp_workload_new(&cp_ops);
    CpProcId proc = cp_workload_proc(w, "hogs", "native");
    uint32_t entry = cp_workload_pc(w);
    for (unsigned i = 0; i < n; i++) {
        g_autofree char *name = g_strdup_printf("hog-%u", i);
        CpCpuMask mask = {0};
        cp_cpumask_set(&mask, i % n_cpus);
        uint32_t cpus = cp_workload_mask(w, &mask);
        uint32_t decl = cp_workload_thread(w, proc, name);
        CpThreadDecl *t = cp_thread_decl(w, decl);
        t->entry = entry;
        t->attr.nice = nice_of(bare_weight(i));
        t->attr.cpus = cpus;
        t->own_attr = true;
    }
    cp_workload_emit(w, CP_OP_COMPUTE, CP_ARG_CONST, 0, cp_workload_const(w, 1000 * CP_S),
                     0);
    cp_workload_emit(w, CP_OP_JUMP, 0, 0, entry, 0);
    return w;
}

/* --- cases --- */

/* A sink that only counts: what recording costs the engine itself. */
static gboolean count_records(void *data, const CpRecord *records, size_t n, GError **error)
{
    (void)records, (void)error; /* nothing is kept, nothing can fail */
    *(uint64_t *)data += n;
    return TRUE;
}

static double bare_ns_per_switch(uint64_t n)
{
    Bare b;
    bare_init(&b, 8, 64, true);
    bare_run(&b, n / 4);
    double start = bench_now_ns();
    bare_run(&b, n);
    double ns = (bench_now_ns() - start) / (double)n;
    bare_clear(&b);
    return ns;
}

static void bench_hogs(bool quick)
{
    static const BenchGoal against_bare = {"sched.recorded_vs_bare", "ratio",
                                           BENCH_AT_LEAST, 0.7, 0.5};
    static const BenchGoal on_off = {"sched.recording_on_vs_off", "ratio", BENCH_AT_LEAST,
                                     0.85, 0.85};
    unsigned rounds = quick ? 1 : ROUNDS;
    double bare[ROUNDS], on[ROUNDS], off[ROUNDS];
    uint64_t n_records = 0;
    CpSink sink = {count_records, &n_records};
    Case c;
    case_init(&c, cpu_bound(64, 8), 8);
    c.config.until = (quick ? 2 : 300) * CP_S;
    for (unsigned i = 0; i < rounds; i++) {
        c.config.sink = &sink;
        n_records = 0;
        Timing t = case_run(&c);
        on[i] = t.ns / (double)t.switches;
        must(n_records >= (uint64_t)t.switches, NULL);
        bare[i] = bare_ns_per_switch((uint64_t)t.switches);
        c.config.sink = NULL;
        t = case_run(&c);
        off[i] = t.ns / (double)t.switches;
    }
    case_clear(&c);
    double b = bench_median(bare, rounds), with = bench_median(on, rounds),
           without = bench_median(off, rounds);
    printf(
        "# 8 CPUs, 64 threads, mixed weights: bare %.1f, recorded %.1f, not recorded %.1f "
        "ns a switch\n",
        b, with, without);
    bench_report(&against_bare, b / with);
    bench_report(&on_off, without / with);
}

/* Runs with records written to a file; returns events a microsecond. */
static double run_to_file(Case *c, const char *path, double *bytes_per_record)
{
    GError *error = NULL;
    CpCprWriter *w = cp_cpr_writer_new(path, &error);
    must(w != NULL, error);
    CpSink sink = cp_cpr_sink(w);
    c->config.sink = &sink;
    double start = bench_now_ns();
    Timing t = case_run(c);
    CpCprInfo info = {.n_cpus = c->machine->n_cpus, .end = c->config.until};
    must(cp_cpr_writer_finish(w, &info, &error), error);
    double ns = bench_now_ns() - start;
    cp_cpr_writer_free(w);
    c->config.sink = NULL;
    CpCpr *cpr = cp_cpr_open(path, &error);
    must(cpr != NULL, error);
    GStatBuf st;
    must(g_stat(path, &st) == 0, NULL);
    *bytes_per_record = (double)st.st_size / (double)cp_cpr_n_records(cpr);
    cp_cpr_free(cpr);
    g_unlink(path);
    return (double)t.events / ns * 1e3;
}

static void bench_sleepers(bool quick)
{
    static const BenchGoal plain_goal = {"sched.sleep_wake", "M events/s", BENCH_AT_LEAST,
                                         12, 8};
    static const BenchGoal file_goal = {"sched.sleep_wake_to_file", "M events/s",
                                        BENCH_AT_LEAST, 5, 5};
    static const BenchGoal disk_goal = {"record.on_disk", "bytes", BENCH_AT_MOST, 5, 5};
    static const BenchGoal memory_goal = {"record.in_memory", "bytes", BENCH_AT_MOST, 16,
                                          16};
    unsigned rounds = quick ? 1 : ROUNDS;
    double plain[ROUNDS], file[ROUNDS], bytes = 0;
    g_autofree char *path = g_strdup_printf("bench-sched-%d.cpr", (int)getpid());
    Case c;
    case_init(&c, sleepers(64, 200 * CP_US, 2 * CP_MS), 8);
    c.config.until = (quick ? 1 : 30) * CP_S;
    for (unsigned i = 0; i < rounds; i++) {
        Timing t = case_run(&c);
        plain[i] = (double)t.events / t.ns * 1e3;
        file[i] = run_to_file(&c, path, &bytes);
    }
    case_clear(&c);
    bench_report(&plain_goal, bench_median(plain, rounds));
    bench_report(&file_goal, bench_median(file, rounds));
    bench_report(&disk_goal, bytes);
    bench_report(&memory_goal, (double)sizeof(CpRecord));
}

static void bench_growth(bool quick)
{
    static const BenchGoal goal = {"sched.growth_10_to_1000", "ratio", BENCH_AT_MOST, 3, 3};
    unsigned rounds = quick ? 1 : ROUNDS;
    double few[ROUNDS], many[ROUNDS];
    Case a, b;
    case_init(&a, cpu_bound(10, 1), 1);
    case_init(&b, cpu_bound(1000, 1), 1);
    a.config.until = b.config.until = (quick ? 2 : 1000) * CP_S;
    for (unsigned i = 0; i < rounds; i++) {
        Timing t = case_run(&a);
        few[i] = t.ns / (double)t.switches;
        t = case_run(&b);
        many[i] = t.ns / (double)t.switches;
    }
    case_clear(&a);
    case_clear(&b);
    bench_report(&goal, bench_median(many, rounds) / bench_median(few, rounds));
}

static double resident_bytes(void)
{
    g_autofree char *text = NULL;
    unsigned long long size = 0, resident = 0;
    if (!g_file_get_contents("/proc/self/statm", &text, NULL, NULL) ||
        sscanf(text, "%llu %llu", &size, &resident) != 2) {
        return 0;
    }
    return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

static void bench_million(bool quick)
{
    static const BenchGoal rate_goal = {"million.rate", "M events/s", BENCH_AT_LEAST, 2.5,
                                        2.5};
    static const BenchGoal thread_goal = {"million.per_thread", "bytes", BENCH_AT_MOST, 256,
                                          256};
    static const BenchGoal size_goal = {"million.resident", "MB", BENCH_AT_MOST, 300, 300};
    unsigned n = quick ? 10000 : 1000000;
    GError *error = NULL;
    Case c;
    case_init(&c, sleepers(n, 100 * CP_US, 2 * CP_S), 64);
    c.config.until = quick ? 100 * CP_MS : 4 * CP_S;
    double before = resident_bytes();
    CpSim *sim = cp_sim_new(&c.config, &error);
    must(sim != NULL, error);
    double start = bench_now_ns();
    must(cp_sim_run(sim, &error) != CP_OUTCOME_ERROR, error);
    double ns = bench_now_ns() - start, after = resident_bytes();
    bench_report(&rate_goal, (double)cp_sim_events(sim) / ns * 1e3);
    bench_report(&thread_goal, (after - before) / n);
    bench_report(&size_goal, after / 1e6);
    cp_sim_free(sim);
    case_clear(&c);
}

int main(int argc, char **argv)
{
    bool quick = bench_quick(argc, argv);
    bench_million(quick); /* first: what later cases leave behind is not its memory */
    bench_hogs(quick);
    bench_sleepers(quick);
    bench_growth(quick);
    return 0;
}
