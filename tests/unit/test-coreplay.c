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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
