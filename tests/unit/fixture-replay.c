#include "tests/unit/fixture-replay.h"

#include "scenario/run-names.h"
#include "scenario/scenario.h"

#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void must(bool ok, const GError *error)
{
    if (!ok) {
        g_error("fixture: %s", error != NULL ? error->message : "failed");
    }
}

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
    const CpOverride override = {"rounds", rounds, CP_FROM_SET};
    CpDiag *diag = cp_diag_new("fixture", NULL, 0);
    CpScenario *s =
        cp_scenario_from_text("fixture", workload, strlen(workload), &override, 1, diag);
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

double fixture_replay(const char *path, const char *rounds, double *ns)
{
    pid_t pid = fork();
    if (pid == 0) {
        record_rounds(path, rounds);
    }
    wait_for(pid);
    int64_t start = g_get_monotonic_time();
    pid = fork();
    if (pid == 0) {
        replay(path);
    }
    double bytes = wait_for(pid);
    if (ns != NULL) {
        *ns = (double)(g_get_monotonic_time() - start) * 1000;
    }
    return bytes;
}
