/* The installed library: load, override, run, query, free. */
#include "scenario/coreplay.h"

#include "sim/error.h"

#include <glib/gstdio.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const char workload[] = "machine { cores 1 }\n"
                               "process p { thread a x 2 { cpu 10ms } }\n";

static char *write_workload(const char *text)
{
    char *path = NULL;
    int fd = g_file_open_tmp("coreplay-XXXXXX.cpw", &path, NULL);
    assert_true(fd >= 0);
    assert_true(g_close(fd, NULL));
    assert_true(g_file_set_contents(path, text, -1, NULL));
    return path;
}

/* Two threads of 10 ms take 20 ms on one core and 10 ms on two, and a little overhead. */
static void test_run_and_override(void **state)
{
    (void)state;
    g_autofree char *path = write_workload(workload);
    g_autoptr(GError) error = NULL;
    g_autoptr(CpPlay) play = cp_play_load(path, &error);
    assert_null(error);
    assert_null(cp_play_outcome(play));
    int64_t one, two, none;
    assert_false(cp_play_query(play, "makespan", &one));
    assert_true(cp_play_run(play, &error));
    assert_string_equal(cp_play_outcome(play), "done");
    assert_true(cp_play_query(play, "makespan", &one));
    assert_in_range(one, 20000000, 21000000);
    assert_true(cp_play_set(play, "cores", "2", &error));
    assert_true(cp_play_run(play, &error));
    assert_true(cp_play_query(play, "makespan", &two));
    assert_in_range(two, 10000000, 11000000);
    assert_false(cp_play_query(play, "no such metric", &none));
    g_unlink(path);
}

/* A wrong setting is refused by name, and the play goes on with the settings before. */
static void test_wrong_setting(void **state)
{
    (void)state;
    g_autofree char *path = write_workload(workload);
    g_autoptr(GError) error = NULL;
    g_autoptr(CpPlay) play = cp_play_load(path, &error);
    assert_false(cp_play_set(play, "coers", "2", &error));
    assert_int_equal(error->code, CP_ERROR_USAGE);
    assert_non_null(strstr(error->message, "cores"));
    g_clear_error(&error);
    assert_true(cp_play_run(play, &error));
    g_unlink(path);
}

/* The metric of that name and scope, or a failure. */
static const CpPlayMetric *find_metric(CpPlay *play, const char *scope, const char *name)
{
    for (const CpPlayMetric *const *m = cp_play_metrics(play); *m != NULL; m++) {
        if (strcmp((*m)->scope, scope) == 0 && strcmp((*m)->name, name) == 0) {
            return *m;
        }
    }
    fail_msg("there is no %s of %s", name, scope);
    return NULL;
}

/* All metrics say what they are; those of the run give what a query gives, those of threads
 * and CPUs add up, and the workload's own histograms and variables are among them. */
static void test_metrics(void **state)
{
    (void)state;
    g_autofree char *path = write_workload("machine { cores 2 }\n"
                                           "process p { var n = 0; thread a x 3 { repeat 4 "
                                           "{ timed step { cpu 1ms } n += 1 } } }\n");
    g_autoptr(GError) error = NULL;
    g_autoptr(CpPlay) play = cp_play_load(path, &error);
    assert_null(error);
    int64_t value, same, sum = 0;
    assert_int_equal(cp_play_count(play, "thread"), 0); /* no run yet */
    assert_false(cp_play_value(play, find_metric(play, "run", "makespan"), 0, &value));
    assert_true(cp_play_run(play, &error));
    for (const CpPlayMetric *const *m = cp_play_metrics(play); *m != NULL; m++) {
        assert_true(*(*m)->name != '\0' && *(*m)->unit != '\0' && *(*m)->help != '\0');
        assert_true(cp_play_count(play, (*m)->scope) > 0 ||
                    strcmp((*m)->scope, "object") == 0);
        if (strcmp((*m)->scope, "run") == 0 && cp_play_value(play, *m, 0, &value)) {
            assert_true(cp_play_query(play, (*m)->name, &same));
            assert_int_equal(value, same);
        }
    }
    assert_int_equal(cp_play_count(play, "run"), 1);
    assert_int_equal(cp_play_count(play, "thread"), 3);
    assert_int_equal(cp_play_count(play, "cpu"), 2);
    assert_int_equal(cp_play_count(play, "no such scope"), 0);
    assert_string_equal(cp_play_name(play, "thread", 1), "a-2");
    assert_string_equal(cp_play_name(play, "cpu", 1), "1");
    assert_null(cp_play_name(play, "thread", 3));
    const CpPlayMetric *cpu = find_metric(play, "thread", "cpu");
    for (uint32_t i = 0; i < 3; i++) {
        assert_true(cp_play_value(play, cpu, i, &value));
        sum += value;
    }
    assert_false(cp_play_value(play, cpu, 3, &value));
    assert_true(cp_play_query(play, "cpu", &same));
    assert_int_equal(sum, same);
    assert_true(cp_play_value(play, find_metric(play, "run", "step.n"), 0, &value));
    assert_int_equal(value, 12);
    assert_true(cp_play_value(play, find_metric(play, "run", "var.n"), 0, &value));
    assert_int_equal(value, 12);
    assert_string_equal(find_metric(play, "run", "step.p99")->unit, "ns");
    assert_true(cp_play_set(play, "cores", "1", &error));
    assert_int_equal(cp_play_count(play, "cpu"), 0); /* the run is of other settings */
    g_unlink(path);
}

typedef struct {
    CpPlay *play;
    int64_t last[4], ran, slept, locked; /* last: end of a thread's latest span */
    unsigned spans, switches, wakeups;
} Seen;

static void see_span(void *data, const CpPlaySpan *span)
{
    Seen *seen = data;
    seen->spans++;
    assert_in_range(span->thread, 0, 3);
    assert_non_null(cp_play_name(seen->play, "thread", span->thread));
    assert_true(seen->last[span->thread] == 0 || seen->last[span->thread] == span->from);
    seen->last[span->thread] = span->to;
    int64_t length = span->to - span->from;
    seen->ran += strcmp(span->state, "running") == 0 ? length : 0;
    seen->slept += strcmp(span->why, "sleep") == 0 ? length : 0;
    seen->locked += strcmp(span->object, "gate") == 0 ? length : 0;
}

static void see_switch(void *data, const CpPlaySwitch *s)
{
    Seen *seen = data;
    assert_int_not_equal(s->from, s->to);
    seen->switches++;
}

static void see_wakeup(void *data, const CpPlayWakeup *w)
{
    Seen *seen = data;
    assert_in_range(w->thread, 0, 3);
    seen->wakeups++;
}

/* A walk gives the result of a run, and tells of it what its metrics add up to. */
static void test_walk(void **state)
{
    (void)state;
    g_autofree char *path =
        write_workload("machine { cores 2 }\nprocess p { lock gate\n"
                       "thread a x 4 { repeat 5 { lock gate { cpu 1ms } wait 2ms } } }\n");
    g_autoptr(GError) error = NULL;
    g_autoptr(CpPlay) play = cp_play_load(path, &error);
    assert_null(error);
    const CpPlayCallbacks callbacks = {
        .span = see_span, .switched = see_switch, .wakeup = see_wakeup};
    const CpPlayCallbacks none = {.span = NULL};
    Seen seen = {.play = play};
    int64_t makespan, walked, value;
    assert_true(cp_play_run(play, &error));
    assert_true(cp_play_query(play, "makespan", &makespan));
    assert_true(cp_play_walk(play, &callbacks, &seen, &error));
    assert_true(cp_play_query(play, "makespan", &walked));
    assert_int_equal(walked, makespan);
    assert_true(cp_play_query(play, "cpu", &value));
    assert_true(seen.ran >= value); /* kernel work is not the threads' */
    assert_true(seen.ran < value + value / 10);
    assert_in_range(seen.slept, 4 * 5 * 2000000, 4 * 5 * 2100000);
    assert_true(seen.locked > 0);
    assert_true(cp_play_query(play, "switches", &value));
    assert_int_equal(seen.switches, value);
    assert_true(cp_play_query(play, "wakeups", &value));
    assert_in_range(seen.wakeups, value, value + 4); /* the first ones are no wake-ups */
    assert_true(cp_play_walk(play, &none, NULL, &error));
    g_unlink(path);
}

/* The version is that of the release. */
static void test_version(void **state)
{
    (void)state;
    assert_string_equal(cp_play_version(), PACKAGE_VERSION);
}

/* What cannot be read gives NULL, the code of an input error and the place. */
static void test_wrong_input(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    assert_null(cp_play_load("/nonexistent/file.cpw", &error));
    assert_int_equal(error->code, CP_ERROR_INPUT);
    g_clear_error(&error);
    g_autofree char *path = write_workload("process p { thread a { cpu 10 } }\n");
    assert_null(cp_play_load(path, &error));
    assert_int_equal(error->code, CP_ERROR_INPUT);
    assert_non_null(strstr(error->message, ":1:"));
    g_unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run_and_override),
        cmocka_unit_test(test_wrong_setting),
        cmocka_unit_test(test_wrong_input),
        cmocka_unit_test(test_metrics),
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
