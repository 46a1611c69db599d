/* The work of `make bench-peers` in coreplay: THREADS threads on CPUS CPUs compute for
 * 200 us and sleep for 2 ms on average, for MS of simulated time, under EEVDF with
 * metrics only.  Prints bursts of computing simulated, and ns of host time for each.
 *
 *   peer-coreplay THREADS CPUS MS */
#include "tests/bench/case.h"

int main(int argc, char **argv)
{
    char *quick[] = {argv[0], "16", "2", "100", NULL};
    if (argc == 2 && bench_quick(argc, argv)) {
        argv = quick;
    } else if (argc != 4) {
        fprintf(stderr, "usage: peer-coreplay THREADS CPUS MS\n");
        return 2;
    }
    GError *error = NULL;
    CpUnit unit;
    int64_t bursts = 0;
    Case c;
    case_init(&c, sleepers((unsigned)atoi(argv[1]), 200 * CP_US, 2 * CP_MS),
              (unsigned)atoi(argv[2]));
    c.config.until = atoi(argv[3]) * CP_MS;
    CpSim *sim = cp_sim_new(&c.config, &error);
    must(sim != NULL, error);
    double start = bench_now_ns();
    must(cp_sim_run(sim, &error) != CP_OUTCOME_ERROR, error);
    double ns = bench_now_ns() - start;
    must(cp_metric_find(sim, "wakeups", &bursts, &unit), NULL);
    printf("%lld %.1f\n", (long long)bursts, ns / (double)bursts);
    cp_sim_free(sim);
    case_clear(&c);
    return 0;
}
