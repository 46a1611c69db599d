/* Speed and size of the python runtime.
 *
 *   bench-python [--quick]
 *
 * Cases: 1 000 threads that contend for one GIL; 100 000 asyncio tasks of one loop that
 * sleep and wake, and what each takes in memory. */
#include "tests/bench/bench.h"
#include "tests/bench/case.h"

#include <unistd.h>

enum { ROUNDS = 3 };

static CpWorkload *python(CpProcId *proc)
{
    CpWorkload *w = cp_workload_new(&cp_ops);
    *proc = cp_workload_proc(w, "app", "python");
    cp_proc_decl(w, *proc)->version = cp_workload_string(w, "3.12");
    return w;
}

static CpWorkload *contention(unsigned n)
{
    CpProcId proc;
    CpWorkload *w = python(&proc);
    uint32_t decl = cp_workload_thread(w, proc, "worker");
    cp_thread_decl(w, decl)->copies = n;
    uint32_t top = cp_workload_pc(w);
    cp_workload_emit(w, CP_OP_COMPUTE, CP_ARG_CONST, 0, cp_workload_const(w, CP_MS), 0);
    cp_workload_emit(w, CP_OP_JUMP, 0, 0, top, 0);
    return w;
}

static void bench_gil(bool quick)
{
    static const BenchGoal goal = {"python.gil_1000_threads", "M events/s", BENCH_AT_LEAST,
                                   2, 2};
    double rate[ROUNDS];
    unsigned rounds = quick ? 1 : ROUNDS;
    Case c;
    case_init(&c, contention(1000), 8);
    c.config.until = (quick ? 1 : 20) * CP_S;
    for (unsigned i = 0; i < rounds; i++) {
        Timing t = case_run(&c);
        rate[i] = (double)t.events / t.ns * 1e3;
    }
    case_clear(&c);
    bench_report(&goal, bench_median(rate, rounds));
}

/* A main task that creates n others, each of which sleeps `rounds` times. */
static CpWorkload *tasks(unsigned n, unsigned rounds)
{
    CpProcId proc;
    CpWorkload *w = python(&proc);
    enum { R = CP_REG_FREE };
    uint32_t one = cp_workload_task(w, proc, "one");
    cp_task_decl(w, one)->n_regs = 3;
    cp_task_decl(w, one)->flags = CP_TASK_ASYNC;
    cp_workload_emit(w, CP_OP_SET, 0, R, cp_workload_const(w, rounds), 0);
    CpDist d = {.kind = CP_DIST_UNIFORM, .p = {CP_MS, 2 * CP_S, 0}};
    uint32_t top =
        cp_workload_emit(w, CP_OP_AWAIT_SLEEP, CP_ARG_DIST, 0, cp_workload_dist(w, d), 0);
    cp_workload_emit(w, CP_OP_LOOP, 0, R, top, 0);
    cp_workload_emit(w, CP_OP_PY_RETURN, 0, CP_REG_VALUE, 0, 0);
    uint32_t all = cp_workload_task(w, proc, "all");
    cp_task_decl(w, all)->n_regs = 5;
    cp_task_decl(w, all)->flags = CP_TASK_ASYNC;
    cp_workload_emit(w, CP_OP_SET, 0, R, cp_workload_const(w, n), 0);
    cp_workload_emit(w, CP_OP_GROUP, CP_GROUP_GATHER, R + 1, 0, 0);
    top = cp_workload_emit(w, CP_OP_CREATE, 0, 0, cp_workload_call(w, one), 0);
    cp_workload_emit(w, CP_OP_GROUP_ADD, CP_REG_VALUE, R + 1, 0, 0);
    cp_workload_emit(w, CP_OP_LOOP, 0, R, top, 0);
    cp_workload_emit(w, CP_OP_GROUP_AWAIT, R + 1, CP_REG_NONE, 0, 0);
    cp_workload_emit(w, CP_OP_PY_RETURN, 0, CP_REG_VALUE, 0, 0);
    cp_workload_thread(w, proc, "main");
    cp_workload_emit(w, CP_OP_PY_BEGIN, 0, 0, 0, 0);
    cp_workload_emit(w, CP_OP_LOOP_RUN, 0, 0, cp_workload_call(w, all), 0);
    cp_workload_emit(w, CP_OP_EXIT, 0, 0, 0, 0);
    return w;
}

static long resident_kib(void)
{
    long pages = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f == NULL || fscanf(f, "%ld %ld", &pages, &resident) != 2) {
        resident = 0;
    }
    if (f != NULL) {
        fclose(f);
    }
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static void bench_tasks(bool quick)
{
    static const BenchGoal rate_goal = {"python.task_steps", "M steps/s", BENCH_AT_LEAST, 3,
                                        3};
    static const BenchGoal size_goal = {"python.task_size", "bytes", BENCH_AT_MOST, 200,
                                        200};
    unsigned n = quick ? 1000 : 100000, sleeps = quick ? 3 : 20;
    unsigned rounds = quick ? 1 : ROUNDS;
    double rate[ROUNDS], size = 0;
    Case c;
    case_init(&c, tasks(n, sleeps), 2);
    for (unsigned i = 0; i < rounds; i++) {
        long before = resident_kib();
        GError *error = NULL;
        CpSim *sim = cp_sim_new(&c.config, &error);
        must(sim != NULL, error);
        double start = bench_now_ns();
        must(cp_sim_run(sim, &error) == CP_OUTCOME_DONE, error);
        rate[i] = (double)n * (sleeps + 1) / (bench_now_ns() - start) * 1e3;
        size = i == 0 ? (double)(resident_kib() - before) * 1024 / n : size;
        cp_sim_free(sim);
    }
    case_clear(&c);
    bench_report(&rate_goal, bench_median(rate, rounds));
    bench_report(&size_goal, size);
}

int main(int argc, char **argv)
{
    bool quick = bench_quick(argc, argv);
    bench_tasks(quick); /* first: what later cases leave behind is not its memory */
    bench_gil(quick);
    return 0;
}
