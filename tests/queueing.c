/* Queues whose theory is known: M/M/1 and M/D/1 on one CPU under first come, first served.
 *
 * Every law is tried on independent runs; theory must lie within the 99 % confidence
 * interval of their means (Student's t). */
#include "models/ops.h"
#include "models/registry.h"
#include "sim/dist.h"
#include "sim/sim.h"
#include "scenario/scenario.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { RUNS = 20, JOBS = 5000 };

static const double t_99 =
    2.861; /* Student's t for 19 degrees of freedom, two-sided 99 % */
static const double service = 1e6; /* mean service time, ns */

/* Mean waiting time in the queue (Pollaczek and Khinchine); cv2 is the squared coefficient
 * of variation of the service time. */
static double theory(double load, double cv2)
{
    return load * service * (1 + cv2) / (2 * (1 - load));
}

static void assert_within(const char *what, const double *mean, double expected)
{
    double sum = 0, squares = 0;
    for (int i = 0; i < RUNS; i++) {
        sum += mean[i];
    }
    double average = sum / RUNS;
    for (int i = 0; i < RUNS; i++) {
        squares += (mean[i] - average) * (mean[i] - average);
    }
    double half = t_99 * sqrt(squares / (RUNS - 1) / RUNS);
    print_message("%s: theory %.1f us, measured %.1f +- %.1f us\n", what, expected / 1e3,
                  average / 1e3, half / 1e3);
    if (fabs(average - expected) > half) {
        fail_msg("%s: theory is outside the interval", what);
    }
}

static double metric(CpSim *sim, const char *name)
{
    int64_t value = 0;
    CpUnit unit;
    assert_true(cp_metric_find(sim, name, &value, &unit));
    return (double)value;
}

/* --- every job is a thread: the policy's queue is the queue --- */

/* Threads that arrive as a Poisson stream and compute once. */
static CpWorkload *jobs(uint64_t seed, double load, bool constant)
{
    CpWorkload *w = cp_workload_new(&cp_ops);
    CpProcId proc = cp_workload_proc(w, "p", "native");
    CpDist gap = {CP_DIST_EXP, 0, {(int64_t)(service / load), 0, 0}};
    CpDist work = {CP_DIST_EXP, 0, {(int64_t)service, 0, 0}};
    CpTime at = 0;
    for (uint64_t i = 0; i < JOBS; i++) {
        uint32_t thread = cp_workload_thread(w, proc, "job");
        CpThreadDecl *decl = cp_thread_decl(w, thread);
        at += cp_dist_sample(&gap, NULL, cp_rng_key(seed, 1, i));
        decl->start = at;
        decl->copies = 1;
        decl->entry = cp_workload_pc(w);
        CpTime need = constant ? (CpTime)service
                               : cp_dist_sample(&work, NULL, cp_rng_key(seed, 2, i));
        cp_workload_emit(w, CP_OP_COMPUTE, CP_ARG_CONST, 0, cp_workload_const(w, need), 0);
        cp_workload_emit(w, CP_OP_EXIT, 0, 0, 0, 0);
    }
    g_autoptr(GError) error = NULL;
    assert_true(cp_workload_verify(w, &error));
    return w;
}

static double mean_waiting(uint64_t seed, double load, bool constant)
{
    g_autoptr(GError) error = NULL;
    CpWorkload *w = jobs(seed, load, constant);
    CpParamSet *set = cp_params_new(cp_machine_params);
    assert_true(cp_params_set(set, CP_MACHINE_CORES, "1", CP_FROM_SET, &error));
    CpMachine *machine = cp_machine_new(set, NULL, 0, &error);
    CpParamSet *costs = cp_cost_set("ideal");
    const CpPolicyClass *const classes[] = {cp_policy_class_find("fcfs"), NULL};
    const CpParamSet *const params[] = {NULL};
    CpSimConfig config = {.machine = machine,
                          .classes = classes,
                          .class_params = params,
                          .runtimes = cp_runtime_classes(),
                          .costs = costs,
                          .workload = w,
                          .seed = seed,
                          .until = CP_NEVER};
    CpSim *sim = cp_sim_new(&config, &error);
    assert_non_null(sim);
    assert_int_equal(cp_sim_run(sim, &error), CP_OUTCOME_DONE);
    double mean = metric(sim, "waiting.mean");
    cp_sim_free(sim);
    cp_params_free(costs);
    cp_machine_free(machine);
    cp_params_free(set);
    cp_workload_free(w);
    return mean;
}

static void try_threads(const char *what, double load, bool constant)
{
    double mean[RUNS];
    for (uint64_t i = 0; i < RUNS; i++) {
        mean[i] = mean_waiting(i + 1, load, constant);
    }
    assert_within(what, mean, theory(load, constant ? 0 : 1));
}

/* Poisson arrivals, exponential work: waiting = load / (1 - load) services. */
static void test_mm1(void **state)
{
    (void)state;
    try_threads("M/M/1, load 0.5", 0.5, false);
    try_threads("M/M/1, load 0.7", 0.7, false);
}

/* Poisson arrivals, constant work: half of that. */
static void test_md1(void **state)
{
    (void)state;
    try_threads("M/D/1, load 0.5", 0.5, true);
    try_threads("M/D/1, load 0.7", 0.7, true);
}

/* --- requests to a server: the response time counts from the intended arrival --- */

static double mean_response(unsigned seed, const char *work)
{
    g_autofree char *text = g_strdup_printf(
        "run { costs ideal; until 10s; seed %u }\n"
        "machine { cores 1 }\n"
        "kernel { policy fcfs }\n"
        "socket inbox\n"
        "process server { thread worker { forever { recv inbox; cpu %s; respond } } }\n"
        "process load { thread gen { arrivals exp(2ms) until 10s { send inbox } } }\n",
        seed, work);
    CpDiag *diag = cp_diag_new("queue.cpw", text, strlen(text));
    CpScenario *scenario =
        cp_scenario_from_text("queue.cpw", text, strlen(text), NULL, 0, diag);
    if (scenario == NULL) {
        fail_msg("%s", cp_diag_print(diag, false));
    }
    CpSimConfig config = {0};
    cp_scenario_config(scenario, &config);
    g_autoptr(GError) error = NULL;
    CpSim *sim = cp_sim_new(&config, &error);
    assert_non_null(sim);
    assert_int_not_equal(cp_sim_run(sim, &error), CP_OUTCOME_ERROR);
    double mean = metric(sim, "latency.mean");
    cp_sim_free(sim);
    cp_scenario_free(scenario);
    cp_diag_free(diag);
    return mean;
}

static void try_server(const char *what, const char *work, double cv2)
{
    double mean[RUNS];
    for (unsigned i = 0; i < RUNS; i++) {
        mean[i] = mean_response(i + 1, work);
    }
    assert_within(what, mean, theory(0.5, cv2) + service);
}

static void test_server(void **state)
{
    (void)state;
    try_server("server, exponential work, load 0.5", "exp(1ms)", 1);
    try_server("server, constant work, load 0.5", "1ms", 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mm1),
        cmocka_unit_test(test_md1),
        cmocka_unit_test(test_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
