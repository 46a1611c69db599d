/* The list of metrics: its order, and rows that a policy class brings. */
#include "fixture-run.h"

#include "models/registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

/* Columns of results keep their places: a new metric has a higher `since` and stands behind
 * all of these. */
static void test_order(void **state)
{
    (void)state; /* cmocka's signature */
    static const char *const keys[] = {"makespan_ns",
                                       "cpu_ns",
                                       "busy_share",
                                       "switches",
                                       "switches_voluntary",
                                       "switches_involuntary",
                                       "migrations",
                                       "wakeups",
                                       "wakeup_latency_p50_ns",
                                       "wakeup_latency_p99_ns",
                                       "wakeup_latency_max_ns",
                                       "run_slice_p50_ns",
                                       "throttled_ns",
                                       "throughput",
                                       "dropped",
                                       "response_mean_ns",
                                       "waiting_mean_ns",
                                       "turnaround_mean_ns",
                                       "overhead_ns",
                                       "events",
                                       "gil_acquisitions",
                                       "gil_switches",
                                       "gil_wait_ns",
                                       "loop_lag_p99_ns",
                                       "gil_forced",
                                       "gil_wasted",
                                       "loop_iterations",
                                       "loop_lag_p50_ns",
                                       "loop_lag_max_ns",
                                       "loop_blocked_max_ns",
                                       "tasks",
                                       "warmup_ns",
                                       "gil_wait_max_ns",
                                       "lost_updates",
                                       "memory_bytes"};
    const CpMetric *const *rows = cp_metrics(CP_SCOPE_RUN);
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        assert_non_null(rows[i]);
        g_autofree char *key = cp_metric_key(rows[i]->name, rows[i]->unit);
        assert_string_equal(key, keys[i]);
    }
    assert_ptr_equal(cp_metric_row(CP_SCOPE_RUN, "cpu and more", 3), rows[1]);
    assert_null(cp_metric_row(CP_SCOPE_RUN, "cp", 2));
    assert_null(cp_metric_row(CP_SCOPE_CPU, "makespan", 8));
}

/* --- a class of its own --- */

static CpPolicyClass counting; /* first come, first served, that counts its picks */

static CpEnt pick(CpRq *rq)
{
    ++*(uint64_t *)rq->policy->data;
    return cp_policy_class_find("fcfs")->pick(rq);
}

CP_METRIC_GETTER_IF(picks, cp_policy_of(sim, &counting) != NULL,
                    *(const uint64_t *)cp_policy_of(sim, &counting)->data)
CP_METRIC_GETTER(ordinal, i)

static const CpMetric counting_metrics[] = {
    {"counting.picks", CP_SCOPE_RUN, CP_UNIT_COUNT, "choices", picks, .sums = true,
     .since = 2},
    {"counting.ordinal", CP_SCOPE_THREAD, CP_UNIT_NUMBER, "of the thread", ordinal,
     .sums = false, .since = 2},
    {.name = NULL},
};

static void run_two(Fixture *f, const char *policy)
{
    fixture_init(f);
    f->policy = policy;
    for (int i = 0; i < 2; i++) {
        fixture_thread(f, i == 0 ? "a" : "b", 1);
        fixture_emit(f, COMPUTE, CP_ARG_CONST, 0, fixture_const(f, CP_MS));
        fixture_emit(f, EXIT, 0, 0, 0);
    }
    fixture_run(f);
}

/* A row of a class is listed behind the others, is worth something where the class takes
 * part, and is undefined elsewhere. */
static void test_class(void **state)
{
    (void)state; /* cmocka's signature */
    counting = *cp_policy_class_find("fcfs");
    counting.name = "counting";
    counting.sim_size = sizeof(uint64_t);
    counting.pick = pick;
    counting.metrics = counting_metrics;
    cp_policy_class_add(&counting);
    const CpMetric *row = cp_metric_row(CP_SCOPE_RUN, "counting.picks", 14);
    assert_ptr_equal(row, &counting_metrics[0]);
    size_t n = 0;
    while (cp_metrics(CP_SCOPE_RUN)[n] != NULL) {
        n++;
    }
    assert_ptr_equal(cp_metrics(CP_SCOPE_RUN)[n - 1], row);
    Fixture f;
    run_two(&f, "counting");
    assert_in_range(fixture_metric(&f, "counting.picks"), 2, 4);
    assert_int_equal(fixture_metric(&f, "counting.ordinal.b"), 1);
    fixture_clear(&f);
    run_two(&f, "fcfs");
    int64_t value;
    CpUnit unit;
    assert_false(cp_metric_value(f.sim, row, 0, &value));
    assert_false(cp_metric_find(f.sim, "counting.picks", &value, &unit));
    assert_false(cp_metric_named(f.sim, CP_SCOPE_RUN, "gil_wait", 0, &value));
    fixture_clear(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_class),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
