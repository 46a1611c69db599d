#include "plots/chart.h"
#include "tests/unit/fixture-drawing.h"
#include "tests/unit/fixture-recording.h"

#include <glib/gstdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* The charts of interpreter locks and event loops, from recordings made up record by
 * record. */

static char *folder;

static const Fixture base = {.n_cpus = 3,
                             .n_threads = 3,
                             .end = 100 * CP_MS,
                             .seed = 1,
                             .machine = "3 cores",
                             .policy = "eevdf-6.18",
                             .workload = "made-up.cpw"};

static void wide(GArray *out, CpTime at, CpRecordKind kind, uint32_t id, uint32_t arg,
                 uint32_t second, int64_t value)
{
    CpRecord head = cp_record_make(at, kind, id, 0, arg);
    CpRecord more = cp_record_make(value, CP_REC_MORE, second, 0, 0);
    g_array_append_val(out, head);
    g_array_append_val(out, more);
}

static GArray *new_records(void)
{
    GArray *out = g_array_new(FALSE, FALSE, sizeof(CpRecord));
    for (uint32_t tid = 0; tid < 3; tid++) {
        /* All run, so that all have names and colours. */
        CpRecord r = cp_record_make(tid, CP_REC_SWITCH, tid, tid, 'S');
        g_array_append_val(out, r);
    }
    return out;
}

static CpCpr *open_records(GArray *records, const Fixture *fixture)
{
    GError *error = NULL;
    g_autofree char *path = g_build_filename(folder, "made-up.cpr", NULL);
    fixture_write_records(path, fixture, (const CpRecord *)(void *)records->data,
                          records->len);
    CpCpr *cpr = cp_cpr_open(path, &error);
    assert_non_null(cpr);
    unlink(path);
    g_array_unref(records);
    return cpr;
}

/* Draws; nothing may lie outside the page.  *csv gets the numbers, NULL: not wanted. */
static char *drawn(const char *chart, CpCpr *const *cpr, size_t n, CpChartOptions options,
                   char **csv)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_build_filename(folder, "made-up.txt", NULL);
    g_autofree char *csv_path = g_build_filename(folder, "made-up.csv", NULL);
    const char *const charts[] = {chart, NULL};
    char *text = NULL;
    options.data_csv = csv != NULL ? csv_path : NULL;
    cp_chart_draw(charts, cpr, n, path, &options, &error);
    assert_string_equal(error != NULL ? error->message : "", "");
    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    unlink(path);
    if (csv != NULL) {
        assert_true(g_file_get_contents(csv_path, csv, NULL, NULL));
        unlink(csv_path);
    }
    fixture_check_drawing(text);
    return text;
}

static int64_t csv_sum(const char *csv, const char *series)
{
    int64_t sum = 0;
    g_auto(GStrv) lines = g_strsplit(csv, "\n", -1);
    for (char **line = lines; *line != NULL && **line != '\0'; line++) {
        g_auto(GStrv) field = g_strsplit(*line, ",", -1);
        assert_int_equal(g_strv_length(field), 8);
        if (strcmp(field[5], series) == 0) {
            sum += g_ascii_strtoll(field[6], NULL, 10);
        }
    }
    return sum;
}

/* Worker 1 holds 0 to 40 ms, is made to give way to worker 2 who waited from 10 ms; worker
 * 3 waits from 60 ms to the end. */
static GArray *gil_records(void)
{
    GArray *r = new_records();
    wide(r, 10, CP_REC_GIL_ASK, 0, 0, 0, 0);
    wide(r, 10, CP_REC_GIL_GOT, 0, 0, 0, 0);
    wide(r, 10 * CP_MS, CP_REC_GIL_ASK, 0, 0, 1, 0);
    wide(r, 15 * CP_MS, CP_REC_GIL_REQUEST, 0, 0, 1, 0);
    wide(r, 40 * CP_MS, CP_REC_GIL_DROP, 0, 1, 0, 0);
    wide(r, 41 * CP_MS, CP_REC_GIL_GOT, 0, 0, 1, 31 * CP_MS);
    wide(r, 60 * CP_MS, CP_REC_GIL_ASK, 0, 0, 2, 0);
    return r;
}

/* What is drawn of a lock are the times of its records, cut to the window. */
static void test_gil(void **state)
{
    (void)state;
    CpCpr *cpr = open_records(gil_records(), &base);
    g_autofree char *csv = NULL, *part = NULL;
    g_autofree char *text = drawn("gil", &cpr, 1, (CpChartOptions){.title = NULL}, &csv);
    assert_int_equal(csv_sum(csv, "GIL of app: worker-1 holds"), 40 * CP_MS - 10);
    assert_int_equal(csv_sum(csv, "GIL of app: worker-2 holds"), 59 * CP_MS);
    assert_int_equal(csv_sum(csv, "GIL of app: worker-2 waits"), 31 * CP_MS);
    assert_int_equal(csv_sum(csv, "GIL of app: worker-3 waits"), 40 * CP_MS);
    assert_non_null(strstr(text, "GIL of app"));
    assert_non_null(strstr(text, "forced drop"));
    assert_non_null(strstr(text, "threads waiting"));
    assert_non_null(strstr(text, "taken 2 times, 1 by another thread"));
    CpChartOptions window = {.from = 20 * CP_MS, .to = 50 * CP_MS};
    g_autofree char *zoomed = drawn("gil", &cpr, 1, window, &part);
    assert_int_equal(csv_sum(part, "GIL of app: worker-1 holds"), 20 * CP_MS);
    assert_int_equal(csv_sum(part, "GIL of app: worker-2 holds"), 9 * CP_MS);
    assert_int_equal(csv_sum(part, "GIL of app: worker-2 waits"), 21 * CP_MS);
    assert_int_equal(csv_sum(part, "GIL of app: worker-3 waits"), 0);
    cp_cpr_free(cpr);
}

/* Two iterations: a short step, then one that blocks the loop for 30 ms; the second poll
 * asked for 20 ms and came back after 25 ms. */
static GArray *loop_records(void)
{
    GArray *r = new_records();
    wide(r, CP_MS, CP_REC_LOOP_SELECT, 0, 0, 0, -1);
    wide(r, 5 * CP_MS, CP_REC_LOOP_READY, 0, 0, 0, 1);
    wide(r, 6 * CP_MS, CP_REC_LOOP_STEP, 0, 0, 7, 0);
    wide(r, 8 * CP_MS, CP_REC_LOOP_SELECT, 0, 0, 0, 20 * CP_MS);
    wide(r, 33 * CP_MS, CP_REC_LOOP_READY, 0, 0, 0, 1);
    wide(r, 34 * CP_MS, CP_REC_LOOP_STEP, 0, 0, 8, 0);
    wide(r, 64 * CP_MS, CP_REC_LOOP_SELECT, 0, 0, 0, -1);
    return r;
}

static void test_loop(void **state)
{
    (void)state;
    CpCpr *cpr = open_records(loop_records(), &base);
    g_autofree char *csv = NULL, *all = NULL;
    const CpChartValue values[] = {{"blocking", "10ms"}, {NULL, NULL}};
    CpChartOptions ten = {.values = values};
    g_autofree char *text = drawn("loop", &cpr, 1, ten, &csv);
    assert_int_equal(csv_sum(csv, "loop 1: task step"), 2 * CP_MS);
    assert_int_equal(csv_sum(csv, "loop 1: blocking call"), 30 * CP_MS);
    assert_int_equal(csv_sum(csv, "loop 1: the loop itself"), 2 * CP_MS);
    assert_non_null(strstr(text, "2 iterations, 2 steps"));
    assert_non_null(strstr(text, "longest step 30.0 ms (task 8)"));
    assert_non_null(strstr(text, "longest wait 36.0 ms")); /* 31 ms, and 5 ms late */
    assert_non_null(strstr(text, "blocking call (1)"));
    assert_non_null(strstr(text, "poll came late"));
    /* asyncio itself reports steps from 100 ms on */
    g_autofree char *plain = drawn("loop", &cpr, 1, (CpChartOptions){.title = NULL}, &all);
    assert_int_equal(csv_sum(all, "loop 1: task step"), 32 * CP_MS);
    assert_non_null(strstr(plain, "blocking: from 100 ms on"));
    cp_cpr_free(cpr);
}

/* A recording of neither says what to do. */
static void test_nothing(void **state)
{
    (void)state;
    CpCpr *cpr = open_records(new_records(), &base);
    static const double widths[] = {0, 255, 200};
    for (size_t i = 0; i < G_N_ELEMENTS(widths); i++) {
        CpChartOptions options = {.width_pt = widths[i]};
        g_autofree char *gil = drawn("gil", &cpr, 1, options, NULL);
        g_autofree char *loop = drawn("loop", &cpr, 1, options, NULL);
        assert_non_null(strstr(gil, "no interpreter"));
        assert_non_null(strstr(loop, "no event loop"));
        if (widths[i] == 0) {
            assert_non_null(strstr(gil, "no interpreter lock in this recording"));
            assert_non_null(strstr(gil, "runtime python"));
            assert_non_null(strstr(loop, "asyncio"));
        }
    }
    cp_cpr_free(cpr);
    Fixture empty = base;
    empty.end = 0;
    cpr = open_records(g_array_new(FALSE, FALSE, sizeof(CpRecord)), &empty);
    g_autofree char *none = drawn("gil", &cpr, 1, (CpChartOptions){.title = NULL}, NULL);
    assert_non_null(strstr(none, "nothing was recorded"));
    cp_cpr_free(cpr);
}

/* Many locks and loops with very many changes fit a page; damaged order does no harm. */
static void test_many(void **state)
{
    (void)state;
    GArray *r = new_records();
    uint32_t random = 1;
    for (CpTime at = 10; at < 90 * CP_MS; at += 1500) {
        random = random * 1664525u + 1013904223u;
        uint32_t kind = random >> 24, id = (random >> 16 & 0xff) % 12;
        wide(r, at, CP_REC_GIL_ASK + kind % 4, id, random >> 8 & 1, (random >> 4) % 4, 0);
        wide(r, at, CP_REC_LOOP_SELECT + kind % 3, id, 0, kind, (int64_t)kind - 1);
    }
    CpCpr *cpr = open_records(r, &base);
    CpCpr *const twice[] = {cpr, cpr};
    static const double pages[][2] = {{0, 0}, {255, 0}, {200, 220}, {2000, 1200}};
    for (size_t i = 0; i < G_N_ELEMENTS(pages); i++) {
        CpChartOptions options = {.width_pt = pages[i][0], .height_pt = pages[i][1]};
        g_autofree char *gil = drawn("gil", twice, 2, options, NULL);
        g_autofree char *loop = drawn("loop", twice, 2, options, NULL);
        assert_non_null(strstr(gil, "\"holder\""));
        assert_non_null(strstr(loop, "\"loop\""));
        options.from = 40 * CP_MS;
        options.to = 40 * CP_MS + 2000;
        g_autofree char *gil_zoom = drawn("gil", &cpr, 1, options, NULL);
        g_autofree char *loop_zoom = drawn("loop", &cpr, 1, options, NULL);
        assert_non_null(gil_zoom);
        assert_non_null(loop_zoom);
    }
    cp_cpr_free(cpr);
}

static int set_up(void **state)
{
    (void)state;
    folder = g_dir_make_tmp("chart-runtime-XXXXXX", NULL);
    return folder == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    int failed = g_rmdir(folder);
    g_free(folder);
    return failed;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gil),
        cmocka_unit_test(test_loop),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
