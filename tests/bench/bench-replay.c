/* Memory and speed of replaying a recording.
 *
 *   bench-replay [--quick]
 *
 * A recording and one ten times as long are replayed, each in a process of its own: the
 * most memory it had, and the time of a switch from opening the recording to the end of the
 * simulation. */
#include "tests/bench/case.h"
#include "traces/run-names.h"
#include "traces/scenario.h"

#include <glib/gstdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Threads that compute, sleep, and queue at a lock: about 35 switches a round. */
static const char workload[] =
    "param rounds = 1\n"
    "machine { cores 4 }\n"
    "process p runtime native {\n"
    "  lock l\n"
    "  thread w x 16 { repeat rounds {\n"
    "    cpu exp(20us); wait exp(50us); lock l { cpu exp(5us) }\n"
    "  } }\n"
    "}\n";

/* Simulates so many rounds and records them. */
static void record_rounds(const char *path, const char *rounds)
{
    const CpOverride override = {"rounds", rounds, "--set"};
    CpDiag *diag = cp_diag_new("bench", NULL, 0);
    CpScenario *s =
        cp_scenario_from_text("bench", workload, strlen(workload), &override, 1, diag);
    must(s != NULL, NULL);
    GError *error = NULL;
    CpCprWriter *writer = cp_cpr_writer_new(path, &error);
    must(writer != NULL, error);
    CpSink sink = cp_cpr_sink(writer);
    CpSimConfig config;
    cp_scenario_config(s, &config);
    config.sink = &sink;
    CpSim *sim = cp_sim_new(&config, &error);
    must(sim != NULL && cp_sim_run(sim, &error) == CP_OUTCOME_DONE, error);
    CpCprInfo info;
    cp_run_describe(writer, sim, s, NULL, &info);
    must(cp_cpr_writer_finish(writer, &info, &error), error);
    _exit(0); /* so that nothing of it is in the memory of those measured */
}

static void replay(const char *path)
{
    CpDiag *diag = cp_diag_new(path, NULL, 0);
    CpScenario *s = cp_scenario_load(path, NULL, 0, diag);
    must(s != NULL, NULL);
    GError *error = NULL;
    CpSimConfig config;
    cp_scenario_config(s, &config);
    CpSim *sim = cp_sim_new(&config, &error);
    must(sim != NULL && cp_sim_run(sim, &error) == CP_OUTCOME_DONE, error);
    _exit(0); /* the process is only for being measured */
}

/* Waits for a process that was forked; bytes of memory it had at the most. */
static double wait_for(pid_t pid)
{
    struct rusage usage;
    int status = 1;
    must(pid > 0 && wait4(pid, &status, 0, &usage) == pid && status == 0, NULL);
    return (double)usage.ru_maxrss * 1024;
}

/* Records so many rounds and replays them; *ns: how long that took. */
static double peak_of(const char *path, const char *rounds, double *ns)
{
    pid_t pid = fork();
    if (pid == 0) {
        record_rounds(path, rounds);
    }
    wait_for(pid);
    double start = bench_now_ns();
    pid = fork();
    if (pid == 0) {
        replay(path);
    }
    double bytes = wait_for(pid);
    *ns = bench_now_ns() - start;
    return bytes;
}

/* Switches in the recording. */
static uint64_t count_switches(const char *path)
{
    GError *error = NULL;
    CpCpr *cpr = cp_cpr_open(path, &error);
    must(cpr != NULL, error);
    g_autofree CpRecord *block = g_new(CpRecord, CP_RECORD_BLOCK);
    uint64_t switches = 0;
    for (uint32_t b = 0; b < cp_cpr_n_blocks(cpr); b++) {
        size_t n;
        must(cp_cpr_read(cpr, b, block, &n, &error), error);
        for (size_t i = 0; i < n; i++) {
            switches += cp_record_kind(&block[i]) == CP_REC_SWITCH;
        }
    }
    cp_cpr_free(cpr);
    return switches;
}

int main(int argc, char **argv)
{
    static const BenchGoal growth = {"replay.memory_10x", "ratio", BENCH_AT_MOST, 1.1, 1.1};
    static const BenchGoal resident = {"replay.resident", "MB", BENCH_AT_MOST, 16, 32};
    static const BenchGoal rate = {"replay.rate", "M switches/s", BENCH_AT_LEAST, 1, 0.5};
    bool quick = bench_quick(argc, argv);
    g_autofree char *dir = g_dir_make_tmp("bench-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "run.cpr", NULL);
    double ns;
    double small = peak_of(path, quick ? "60" : "6000", &ns);
    double large = peak_of(path, quick ? "600" : "60000", &ns);
    uint64_t switches = count_switches(path);
    printf("# %.1f MB; %.1f MB for %.2g M switches\n", small / 1e6, large / 1e6,
           (double)switches / 1e6);
    bench_report(&growth, large / small);
    bench_report(&resident, large / 1e6);
    bench_report(&rate, (double)switches / ns * 1e3);
    g_unlink(path);
    g_rmdir(dir);
    return 0;
}
