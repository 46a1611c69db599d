#include "plots/scale.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void check_ticks(CpTime from, CpTime to, unsigned max, const char *title,
                        const char *labels)
{
    CpTicks ticks;
    cp_ticks_time(&ticks, from, to, max);
    GString *got = g_string_new(NULL);
    for (unsigned i = 0; i < ticks.n; i++) {
        g_string_append_printf(got, "%s%s", i > 0 ? " " : "", ticks.tick[i].text);
        assert_in_range(ticks.tick[i].value, from, to);
    }
    assert_string_equal(ticks.title, title);
    assert_string_equal(got->str, labels);
    g_string_free(got, TRUE);
}

/* The unit follows the largest value, steps are 1-2-5, decimals are those of the step. */
static void test_time_ticks(void **state)
{
    (void)state;
    check_ticks(0, 2 * CP_S, 4, "time [s]", "0.0 0.5 1.0 1.5 2.0");
    check_ticks(0, 1999 * CP_MS, 4, "time [ms]", "0 500 1000 1500");
    check_ticks(0, 600 * CP_MS, 6, "time [ms]", "0 100 200 300 400 500 600");
    check_ticks(0, 5 * CP_US, 5, "time [µs]", "0 1 2 3 4 5");
    check_ticks(0, 3, 5, "time [ns]", "0 1 2 3");
    check_ticks(0, 1, 5, "time [ns]", "0 1");
    check_ticks(4900 * CP_MS, 5100 * CP_MS, 4, "time [s]", "4.90 4.95 5.00 5.05 5.10");
}

/* A short window late in a run is labelled from a round time before it. */
static void test_time_offset(void **state)
{
    (void)state;
    CpTime hour = 3600 * CP_S;
    check_ticks(hour + 100, hour + 200, 5, "time after 3600.0000001 s [ns]",
                "0 20 40 60 80 100");
    check_ticks(5 * CP_S, 5 * CP_S + 10 * CP_US, 5, "time after 5 s [µs]", "0 2 4 6 8 10");
}

/* Every range gives at least one tick, all within it, none twice. */
static void test_any_range(void **state)
{
    (void)state;
    uint64_t x = 1;
    for (int i = 0; i < 20000; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        CpTime from = (CpTime)(x >> (x % 55 + 9)),
               span = (CpTime)(x % (1u << (i % 30))) + 1;
        CpTicks ticks;
        cp_ticks_time(&ticks, from, from + span, 1 + (unsigned)i % 20);
        for (unsigned k = 0; k < ticks.n; k++) {
            assert_in_range(ticks.tick[k].value, from, from + span);
            assert_true(k == 0 || ticks.tick[k].value > ticks.tick[k - 1].value);
            assert_true(k == 0 || strcmp(ticks.tick[k].text, ticks.tick[k - 1].text) != 0);
        }
        cp_ticks_count(&ticks, (int64_t)(x >> (x % 55 + 3)), 1 + (unsigned)i % 10);
        assert_true(ticks.n >= 2 && ticks.tick[0].value == 0);
    }
}

/* A count axis begins at zero and ends at or above the largest count. */
static void test_count_ticks(void **state)
{
    (void)state;
    CpTicks ticks;
    cp_ticks_count(&ticks, 0, 4);
    assert_int_equal(ticks.n, 2);
    cp_ticks_count(&ticks, 9, 5);
    assert_int_equal(ticks.tick[ticks.n - 1].value, 10);
    cp_ticks_count(&ticks, 123456, 4);
    assert_int_equal(ticks.tick[ticks.n - 1].value, 150000);
    assert_string_equal(ticks.tick[ticks.n - 1].text, "150\u202f000");
}

static void test_texts(void **state)
{
    (void)state;
    static const struct {
        int64_t part, whole;
        const char *text;
    } shares[] = {{0, 10, "0 %"},        {10, 10, "100 %"},      {1, 3, "33 %"},
                  {1, 100000, "<0.1 %"}, {9999, 10000, ">99 %"}, {5, 1000, "0.5 %"},
                  {0, 0, "0 %"}};
    for (size_t i = 0; i < G_N_ELEMENTS(shares); i++) {
        g_autofree char *text = cp_share_text(shares[i].part, shares[i].whole);
        assert_string_equal(text, shares[i].text);
    }
    g_autofree char *four = cp_count_text(1234), *five = cp_count_text(-12345);
    assert_string_equal(four, "1234");
    assert_string_equal(five, "-12\u202f345");
    g_autofree char *us = cp_time_text(12300);
    assert_string_equal(us, "12.3 µs");
}

/* Values lie where the map says, and steps are 1, 2 or 5 times a power of ten. */
static void test_scale(void **state)
{
    (void)state;
    CpScale scale = {1000, 2000, 50, 150};
    assert_true(cp_scale_at(&scale, 1500) == 100);
    static const int64_t steps[][2] = {{1, 1}, {3, 5}, {6, 10}, {11, 20}, {201, 500}};
    for (size_t i = 0; i < G_N_ELEMENTS(steps); i++) {
        assert_int_equal(cp_scale_step(steps[i][0]), steps[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_time_ticks), cmocka_unit_test(test_time_offset),
        cmocka_unit_test(test_any_range),  cmocka_unit_test(test_count_ticks),
        cmocka_unit_test(test_texts),      cmocka_unit_test(test_scale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
