/* Metrics of a run with a warm-up, and the rule that finds one. */
#include "models/registry.h"
#include "scenario/scenario.h"
#include "scenario/warmup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* A moment at which nothing else happens, in the middle of the workloads below. */
#define WARMUP (40 * CP_MS + 7)

static const char native[] =
    "machine { cores 4; smt 2; capacity [1024 x 2, 512 x 2] }\n"
    "cgroup web { quota 60%; period 10ms; cgroup api { weight 300 } }\n"
    "cgroup bulk { weight 50 }\n"
    "lock l\n"
    "device disk (channels=1)\n"
    "queue q (capacity=3)\n"
    "noise irq (every=exp(1ms), steal=20us)\n"
    "process a in web/api {\n"
    "  thread w x 5 { repeat 40 { cpu exp(700us); lock l { cpu 200us }; io disk 300us } }\n"
    "}\n"
    "process b in bulk { thread h x 3 { repeat 30 { cpu uniform(1ms, 4ms); yield } } }\n"
    "process c {\n"
    "  thread gen { arrivals exp(500us) until 90ms { send q } }\n"
    "  thread eat x 2 (policy=fifo, prio=5) { until 95ms { recv q timeout 1ms; cpu 300us } "
    "}\n"
    "  thread cycle { repeat 20 { cpu 1ms; period 5ms } }\n"
    "}\n";

/* Who waits for the lock most is told from the end of the warm-up on: nobody here. */
static const char python[] =
    "machine { cores 2 }\n"
    "kernel { gil.waiting 100% }\n"
    "process p runtime python \"3.12\" {\n"
    "  lock l\n"
    "  task job() { repeat 30 { cpu exp(1500us); lock l { cpu 100us }; wait 500us } }\n"
    "  async task beat() { repeat 30 { await wait 2ms; cpu 100us } }\n"
    "  thread main { for i in 1..3 { spawn thread w job() }; join all }\n"
    "  thread loop loop asyncio { gather { beat(); beat() } }\n"
    "}\n";

typedef struct {
    CpScenario *s;
    CpSim *sim;
    GArray *records; /* CpRecord */
} Run;

static gboolean keep(void *data, const CpRecord *records, size_t n, GError **error)
{
    (void)error; /* memory does not fail */
    g_array_append_vals(data, records, (guint)n);
    return TRUE;
}

static CpScenario *load(const char *text)
{
    CpDiag *diag = cp_diag_new("test", NULL, 0);
    CpScenario *s = cp_scenario_from_text("test", text, strlen(text), NULL, 0, diag);
    if (s == NULL) {
        fail_msg("%s", cp_diag_print(diag, false));
    }
    cp_diag_free(diag);
    return s;
}

/* Runs to `until` or to the end; requires that no conservation law was broken. */
static Run run(const char *text, CpTime warmup, CpTime until)
{
    Run r = {.s = load(text), .records = g_array_new(FALSE, FALSE, sizeof(CpRecord))};
    const CpSink sink = {keep, r.records};
    g_autoptr(GError) error = NULL;
    CpSimConfig config;
    cp_scenario_config(r.s, &config);
    config.warmup = warmup;
    config.until = until;
    config.sink = &sink;
    r.sim = cp_sim_new(&config, &error);
    assert_non_null(r.sim);
    cp_sim_run(r.sim, &error);
    if (error != NULL) {
        fail_msg("%s", error->message);
    }
    return r;
}

static void run_clear(Run *r)
{
    cp_sim_free(r->sim);
    cp_scenario_free(r->s);
    g_array_unref(r->records);
}

/* A metric by its name, 0 if it is not defined. */
static int64_t metric(const Run *r, CpScope scope, uint32_t subject, const char *name)
{
    int64_t value;
    assert_non_null(cp_metric_row(scope, name, strlen(name)));
    return subject < cp_metric_subjects(r->sim, scope) &&
                   cp_metric_named(r->sim, scope, name, subject, &value)
               ? value
               : 0;
}

/* What adds up and is booked as it happens: before the warm-up and after it make the whole.
 */
static const struct {
    CpScope scope;
    const char *name;
} sums[] = {
    {CP_SCOPE_RUN, "cpu"},
    {CP_SCOPE_RUN, "switches"},
    {CP_SCOPE_RUN, "switches_voluntary"},
    {CP_SCOPE_RUN, "switches_involuntary"},
    {CP_SCOPE_RUN, "migrations"},
    {CP_SCOPE_RUN, "wakeups"},
    {CP_SCOPE_RUN, "overhead"},
    {CP_SCOPE_RUN, "dropped"},
    {CP_SCOPE_RUN, "gil_acquisitions"},
    {CP_SCOPE_RUN, "gil_switches"},
    {CP_SCOPE_RUN, "gil_wait"},
    {CP_SCOPE_RUN, "loop_iterations"},
    {CP_SCOPE_RUN, "tasks"},
    {CP_SCOPE_THREAD, "cpu"},
    {CP_SCOPE_THREAD, "work"},
    {CP_SCOPE_THREAD, "runq_wait"},
    {CP_SCOPE_THREAD, "blocked"},
    {CP_SCOPE_THREAD, "switches_voluntary"},
    {CP_SCOPE_THREAD, "gil_wait"},
    {CP_SCOPE_CPU, "busy"},
    {CP_SCOPE_CPU, "idle"},
    {CP_SCOPE_CPU, "overhead"},
    {CP_SCOPE_CPU, "irq"},
    {CP_SCOPE_CPU, "switches"},
    {CP_SCOPE_OBJECT, "acquired"},
    {CP_SCOPE_OBJECT, "contended"},
    {CP_SCOPE_GROUP, "cpu"},
    {CP_SCOPE_GROUP, "periods"},
    {CP_SCOPE_GROUP, "throttled_periods"},
};

static void check_sums(const Run *whole, const Run *before, const Run *after)
{
    for (size_t i = 0; i < G_N_ELEMENTS(sums); i++) {
        CpScope scope = sums[i].scope;
        for (uint32_t k = 0; k < cp_metric_subjects(whole->sim, scope); k++) {
            int64_t all = metric(whole, scope, k, sums[i].name);
            int64_t early = metric(before, scope, k, sums[i].name);
            int64_t late = metric(after, scope, k, sums[i].name);
            if (early + late != all) {
                fail_msg("%s of %u: %ld + %ld is not %ld", sums[i].name, k, (long)early,
                         (long)late, (long)all);
            }
        }
    }
}

static void check_split(const char *text)
{
    Run whole = run(text, 0, CP_NEVER);
    Run before = run(text, 0, WARMUP);
    Run after = run(text, WARMUP, CP_NEVER);
    assert_true(before.records->len > 100);
    assert_true(whole.records->len > before.records->len + 100);
    assert_int_equal(after.records->len, whole.records->len);
    assert_memory_equal(after.records->data, whole.records->data,
                        whole.records->len * sizeof(CpRecord));
    check_sums(&whole, &before, &after);
    assert_int_equal(metric(&after, CP_SCOPE_RUN, 0, "warmup"), WARMUP);
    assert_int_equal(metric(&after, CP_SCOPE_RUN, 0, "makespan"),
                     metric(&whole, CP_SCOPE_RUN, 0, "makespan"));
    run_clear(&whole);
    run_clear(&before);
    run_clear(&after);
}

/* A warm-up changes nothing that happens; before and after add up to the whole. */
static void test_split_native(void **state)
{
    (void)state;
    check_split(native);
}

static void test_split_python(void **state)
{
    (void)state;
    check_split(python);
}

/* Answers every 10 ms from 10 ms on, released 4 ms before; a lock held from 1 to 9 of each
 * 10 ms, for which another thread waits. */
static const char counted[] =
    "machine { cores 4 }\n"
    "run { costs ideal; warmup 25ms }\n"
    "lock l\n"
    "process p {\n"
    "  thread answer { repeat 10 { wait 6ms; timed t { wait 4ms } } }\n"
    "  thread owner { repeat 10 { wait 1ms; lock l { wait 8ms }; "
    "wait 1ms } }\n"
    "  thread other { repeat 10 { wait 2ms; lock l { }; wait 1ms } }\n"
    "}\n";

/* Of what began before, histograms count nothing, and times what lies behind. */
static void test_straddling(void **state)
{
    (void)state;
    Run r = run(counted, 28 * CP_MS, CP_NEVER);
    int64_t value = 0;
    CpUnit unit;
    /* The third answer is released at 26 ms. */
    assert_true(cp_metric_find(r.sim, "t.n", &value, &unit));
    assert_int_equal(value, 7);
    assert_true(cp_metric_find(r.sim, "t.max", &value, &unit));
    assert_int_equal(value, 4 * CP_MS);
    /* Held to 29 ms, then seven times 8 ms; waited for as long, less 1 ms each time. */
    assert_int_equal(metric(&r, CP_SCOPE_OBJECT, 0, "hold"), (1 + 7 * 8) * CP_MS);
    assert_int_equal(metric(&r, CP_SCOPE_CPU, 0, "idle") +
                         metric(&r, CP_SCOPE_CPU, 0, "busy"),
                     72 * CP_MS);
    run_clear(&r);
}

/* The setting of the workload reaches the run; one that does not end in time is refused. */
static void test_setting(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    CpScenario *s = load(counted);
    CpSimConfig config;
    cp_scenario_config(s, &config);
    assert_int_equal(config.warmup, 25 * CP_MS);
    assert_true(cp_warmup_resolve(s, &config, &error));
    config.until = 25 * CP_MS;
    assert_false(cp_warmup_resolve(s, &config, &error));
    assert_non_null(strstr(error->message, "does not end before the run"));
    cp_scenario_free(s);
}

/* A run that is over before its warm-up is an error, and counts nothing. */
static void test_too_short(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    CpScenario *s = load(counted);
    CpSimConfig config;
    cp_scenario_config(s, &config);
    config.warmup = CP_S;
    CpSim *sim = cp_sim_new(&config, &error);
    assert_int_equal(cp_sim_run(sim, &error), CP_OUTCOME_ERROR);
    assert_non_null(strstr(error->message, "before its warm-up of 1.000 s was over"));
    cp_sim_free(sim);
    cp_scenario_free(s);
}

/* A warm-up that is still to come hides no deadlock. */
static void test_deadlock(void **state)
{
    (void)state;
    static const char text[] = "event e\n"
                               "process p { thread t { cpu 1ms; waitfor e } }\n";
    Run r = run(text, CP_S, CP_NEVER);
    assert_int_equal(cp_sim_outcome(r.sim), CP_OUTCOME_DEADLOCK);
    assert_in_range(metric(&r, CP_SCOPE_RUN, 0, "makespan"), CP_MS / 2, 2 * CP_MS);
    run_clear(&r);
}

/* The rule drops a decaying beginning, nothing of a steady series, and finds no steady part
 * in one that grows to its end. */
static void test_mser(void **state)
{
    (void)state;
    double decay[200], flat[200], noisy[200], growing[200];
    for (size_t i = 0; i < 200; i++) {
        double noise = (double)(i * 7919 % 11) - 5;
        decay[i] = 100 + noise + (i < 30 ? 400 - 13.0 * (double)i : 0);
        flat[i] = 0.1;
        noisy[i] = 100 + noise;
        growing[i] = (double)i * 10 + noise;
    }
    assert_in_range(cp_warmup_mser(decay, 200), 25, 32);
    assert_int_equal(cp_warmup_mser(flat, 200), 0);
    assert_in_range(cp_warmup_mser(noisy, 200), 0, 15);
    assert_true(cp_warmup_mser(growing, 200) < 0);
}

/* `auto` leaves out the queue that a slow beginning piled up, the same way every time. */
static void test_auto(void **state)
{
    (void)state;
    static const char text[] =
        "run { until 20s; warmup auto }\n"
        "machine { cores 1 }\n"
        "queue q\n"
        "process p {\n"
        "  thread w { wait 1s; forever { recv q; cpu exp(1ms); respond } }\n"
        "  thread gen { arrivals exp(2ms) until 20s { send q } }\n"
        "}\n";
    g_autoptr(GError) error = NULL;
    CpScenario *s = load(text);
    assert_true(cp_warmup_is_auto(s));
    CpSimConfig config, again;
    cp_scenario_config(s, &config);
    again = config;
    assert_true(cp_warmup_resolve(s, &config, &error));
    assert_true(cp_warmup_resolve(s, &again, &error));
    assert_in_range(config.warmup, 1500 * CP_MS, 4 * CP_S);
    assert_int_equal(again.warmup, config.warmup);
    cp_scenario_free(s);
}

/* Too few observations are an error that says how many there must be. */
static void test_auto_too_few(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    CpScenario *s = load("run { warmup auto }\nprocess p { thread t { repeat 9 { wait 1ms; "
                         "cpu 1ms } } }\n");
    CpSimConfig config;
    cp_scenario_config(s, &config);
    assert_false(cp_warmup_resolve(s, &config, &error));
    assert_non_null(strstr(error->message, "9 wake-ups in the pilot run, at least 50"));
    cp_scenario_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split_native), cmocka_unit_test(test_split_python),
        cmocka_unit_test(test_straddling),   cmocka_unit_test(test_setting),
        cmocka_unit_test(test_too_short),    cmocka_unit_test(test_deadlock),
        cmocka_unit_test(test_mser),         cmocka_unit_test(test_auto),
        cmocka_unit_test(test_auto_too_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
