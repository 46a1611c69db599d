/* Settings and the text forms of values. */
#include "sim/cpumask.h"
#include "sim/dist.h"
#include "sim/error.h"
#include "sim/params.h"
#include "sim/words.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct {
    const char *text;
    int64_t value;
} Good;

typedef struct {
    const char *text, *why; /* part of the message */
} Bad;

typedef gboolean (*Parse)(const char *text, int64_t *out, GError **error);

static void check_good(Parse parse, const Good *good, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int64_t value = -77;
        GError *error = NULL;
        if (!parse(good[i].text, &value, &error)) {
            fail_msg("'%s': %s", good[i].text, error->message);
        }
        assert_int_equal(value, good[i].value);
    }
}

/* A bad text is refused with the reason and leaves the output alone. */
static void check_bad(Parse parse, const Bad *bad, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int64_t value = -77;
        GError *error = NULL;
        if (parse(bad[i].text, &value, &error)) {
            fail_msg("'%s' was taken as %ld", bad[i].text, (long)value);
        }
        assert_int_equal(value, -77);
        assert_true(g_error_matches(error, CP_ERROR, CP_ERROR_USAGE));
        if (strstr(error->message, bad[i].why) == NULL) {
            fail_msg("'%s': got \"%s\", expected \"%s\"", bad[i].text, error->message,
                     bad[i].why);
        }
        g_error_free(error);
    }
}

static void test_time(void **state)
{
    (void)state; /* no fixture */
    static const Good good[] = {
        {"1.5ms", 1500000},
        {"0", 0},
        {"0ns", 0},
        {"0.0", 0},
        {"1ns", 1},
        {"0.001us", 1},
        {"1.000000000s", CP_S},
        {"0.123456789s", 123456789},
        {"00012us", 12000},
        {"2min", 120 * CP_S},
        {"1.5h", 5400 * CP_S},
        {"0.1min", 6 * CP_S},
        {"9223372036854775806ns", INT64_MAX - 1},
        {"9223372036.854775806s", INT64_MAX - 1},
        {"1.500000000000000000000000000000s", 1500 * CP_MS},
        {"0000000000000000000000000000000001s", CP_S},
    };
    static const Bad bad[] = {
        {"", "not a number"},
        {"ms", "not a number"},
        {"5", "has no unit, expected ns, us, ms, s, min or h"},
        {"-5ms", "is negative"},
        {"+5ms", "not a number"},
        {"- 5ms", "not a number"},
        {" 5ms", "not a number"},
        {"5 ms", "unknown unit ' ms'"},
        {"5ms ", "unknown unit"},
        {"5msx", "unknown unit 'msx'"},
        {"5sec", "unknown unit 'sec'"},
        {"5MS", "unknown unit 'MS'"},
        {"1e3s", "unknown unit 'e3s'"},
        {"1,5ms", "unknown unit ',5ms'"},
        {".5ms", "not a number"},
        {"5.ms", "no digit behind the point"},
        {"1.5.5ms", "unknown unit '.5ms'"},
        {"0x10ns", "unknown unit"},
        {"inf", "not a number"},
        {"nan", "not a number"},
        {"0.1ns", "not a multiple of 1 ns"},
        {"1.0001us", "not a multiple of 1 ns"},
        {"9223372036854775807ns", "too large"},
        {"9223372036.854775807s", "too large"},
        {"18446744073709551616ns", "too large"},
        {"18446744073709551617s", "too large"},
        {"99999999999999999999999999999999999999999s", "too large"},
        {"2562048h", "too large"},
        {"0.0000000000000000001s", "more than 18 digits"},
        {"5\033[31m", "\\033"},
    };
    check_good(cp_parse_time, good, G_N_ELEMENTS(good));
    check_bad(cp_parse_time, bad, G_N_ELEMENTS(bad));
}

static void test_size(void **state)
{
    (void)state;
    static const Good good[] = {
        {"64KiB", 65536},      {"0", 0},           {"1B", 1},
        {"1.5KiB", 1536},      {"0.5MiB", 524288}, {"3GiB", INT64_C(3) << 30},
        {"0.0009765625KiB", 1}};
    static const Bad bad[] = {{"64", "has no unit, expected B, KiB, MiB or GiB"},
                              {"64KB", "unknown unit 'KB'"},
                              {"0.5B", "not a multiple of 1 byte"},
                              {"0.3KiB", "not a multiple"},
                              {"-1B", "is negative"},
                              {"8589934592GiB", "too large"}};
    check_good(cp_parse_size, good, G_N_ELEMENTS(good));
    check_bad(cp_parse_size, bad, G_N_ELEMENTS(bad));
}

static void test_share(void **state)
{
    (void)state;
    static const Good good[] = {
        {"50%", 500000}, {"12.5%", 125000}, {"0.0001%", 1}, {"250%", 2500000}, {"0", 0}};
    static const Bad bad[] = {{"50", "has no unit, expected %"},
                              {"0.00001%", "not a multiple of 0.0001 %"},
                              {"50%%", "unknown unit '%%'"},
                              {"-1%", "is negative"},
                              {"%", "not a number"}};
    check_good(cp_parse_share, good, G_N_ELEMENTS(good));
    check_bad(cp_parse_share, bad, G_N_ELEMENTS(bad));
}

static void test_int(void **state)
{
    (void)state;
    static const Good good[] = {{"0", 0},
                                {"-20", -20},
                                {"+7", 7},
                                {"-0", 0},
                                {"007", 7},
                                {"9223372036854775807", INT64_MAX},
                                {"-9223372036854775808", INT64_MIN}};
    static const Bad bad[] = {{"", "not a whole number"},
                              {"-", "not a whole number"},
                              {"+-1", "not a whole number"},
                              {"1.0", "not a whole number"},
                              {"1e3", "not a whole number"},
                              {" 1", "not a whole number"},
                              {"1 ", "not a whole number"},
                              {"0x1", "not a whole number"},
                              {"9223372036854775808", "too large"},
                              {"-9223372036854775809", "too large"},
                              {"99999999999999999999999", "too large"}};
    check_good(cp_parse_int, good, G_N_ELEMENTS(good));
    check_bad(cp_parse_int, bad, G_N_ELEMENTS(bad));
}

/* A decimal comma in the locale changes nothing. */
static void test_locale(void **state)
{
    (void)state;
    char *before = g_strdup(setlocale(LC_ALL, NULL));
    if (setlocale(LC_ALL, "de_DE.UTF-8") == NULL) {
        print_message("no German locale here; only the C locale was tried\n");
    }
    CpTime t = 0;
    assert_true(cp_parse_time("1.5ms", &t, NULL));
    g_autofree char *text = cp_format_time_human(t);
    assert_string_equal(text, "1.50 ms");
    setlocale(LC_ALL, before);
    g_free(before);
}

/* Every time prints to a text that parses back to it. */
static void test_format_round_trip(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 20000; i++) {
        uint64_t r = cp_rng_key(3, 0, i);
        CpTime unit = (CpTime[]){1, CP_US, CP_MS, CP_S}[i % 4];
        CpTime t = (CpTime)(r >> (1 + r % 63)) / unit * unit, back = -1;
        g_autofree char *text = cp_format_time(t);
        if (!cp_parse_time(text, &back, NULL) || back != t) {
            fail_msg("seed 3, %lu: %ld printed as %s", (unsigned long)i, (long)t, text);
        }
    }
}

static void test_format(void **state)
{
    (void)state;
    static const struct {
        CpTime t;
        const char *exact, *human;
    } cases[] = {
        {0, "0ns", "0 ns"},
        {999, "999ns", "999 ns"},
        {1000, "1us", "1.00 us"},
        {1400000, "1400us", "1.40 ms"},
        {5 * CP_S, "5s", "5.000 s"},
        {9994, "9994ns", "9.99 us"},
        {9995, "9995ns", "10.0 us"},
        {99949, "99949ns", "99.9 us"},
        {99950, "99950ns", "100 us"},
        {999499, "999499ns", "999 us"},
        {999500, "999500ns", "1.00 ms"},
        {999499999, "999499999ns", "999 ms"},
        {999500000, "999500us", "1.000 s"},
        {20001 * CP_MS, "20001ms", "20.001 s"},
        {3600 * CP_S, "3600s", "3600.000 s"},
        {-1400000, "-1400us", "-1.40 ms"},
        {CP_NEVER, "never", "never"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *exact = cp_format_time(cases[i].t);
        g_autofree char *human = cp_format_time_human(cases[i].t);
        assert_string_equal(exact, cases[i].exact);
        assert_string_equal(human, cases[i].human);
    }
}

static void test_cpus(void **state)
{
    (void)state;
    CpCpuMask mask;
    assert_true(cp_parse_cpus("0-3,6,1023", &mask, NULL));
    assert_int_equal(cp_cpumask_count(&mask), 6);
    assert_true(cp_cpumask_has(&mask, 3) && cp_cpumask_has(&mask, 6));
    assert_true(cp_cpumask_has(&mask, 1023) && !cp_cpumask_has(&mask, 4));
    assert_true(cp_parse_cpus("5,0-1,1", &mask, NULL));
    assert_int_equal(cp_cpumask_count(&mask), 3);
    static const Bad bad[] = {
        {"", "'' is not a CPU number"},
        {"a", "'a' is not"},
        {"1,", "'' is not"},
        {"1-", "'' is not"},
        {"-1", "'-1' is not"},
        {"0,1024", "'1024' is not a CPU number; the highest"},
        {"99999999999999999999", "highest is 1023"},
        {"3-1", "'3-1' runs backwards"},
        {"1-2-3", "'-3' follows"},
        {"1 2", "' 2' follows"},
        {"0,1x", "'x' follows"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        CpCpuMask kept = mask;
        g_autoptr(GError) error = NULL;
        assert_false(cp_parse_cpus(bad[i].text, &mask, &error));
        assert_memory_equal(&kept, &mask, sizeof mask);
        if (strstr(error->message, bad[i].why) == NULL) {
            fail_msg("'%s': got \"%s\"", bad[i].text, error->message);
        }
    }
}

/* Decimals are exact and end where the digits do. */
static void test_format_decimal(void **state)
{
    (void)state;
    static const struct {
        int64_t value;
        unsigned decimals;
        const char *text;
    } cases[] = {
        {0, 6, "0"},
        {200500, 3, "200.5"},
        {-200500, 3, "-200.5"},
        {7, 0, "7"},
        {50, 6, "0.00005"},
        {1000000, 6, "1"},
        {INT64_MIN, 18, "-9.223372036854775808"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = cp_format_decimal(cases[i].value, cases[i].decimals);
        assert_string_equal(text, cases[i].text);
    }
}

/* Each unit of figures has a name of its own, and a text that people read. */
static void test_units(void **state)
{
    (void)state;
    static const struct {
        CpUnit unit;
        int64_t value;
        const char *text;
    } cases[] = {
        {CP_UNIT_NS, 1400000, "1.40 ms"}, {CP_UNIT_COUNT, 12345, "12345"},
        {CP_UNIT_PPM, 123456, "12.34%"},  {CP_UNIT_MILLI, 200050, "200.050"},
        {CP_UNIT_NUMBER, -3, "-3"},       {CP_UNIT_BYTES, 11796480, "11.2 MiB"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = cp_unit_text(cases[i].unit, cases[i].value);
        assert_string_equal(text, cases[i].text);
        assert_int_equal(cp_unit_find(cp_units[i].name), i);
    }
    assert_int_equal(G_N_ELEMENTS(cases), CP_UNITS);
    assert_int_equal(cp_unit_find("furlong"), CP_UNITS);
    assert_int_equal(cp_unit_scale(CP_UNIT_PPM), 1000000);
    g_autofree char *all = cp_suffix_names(CP_DIM_ANY, " ", " ");
    assert_string_equal(all, "ns us ms s min h % B KiB MiB GiB");
    assert_string_equal(cp_suffix_for(CP_DIM_TIME, 0)->name, "ns");
    assert_string_equal(cp_suffix_for(CP_DIM_TIME, CP_MS)->name, "ms");
    assert_string_equal(cp_suffix_for(CP_DIM_TIME, 3600 * CP_S)->name, "s");
    assert_null(cp_suffix_find("msec", 4));
    assert_non_null(cp_suffix_find("msec", 2));
}

static void test_nearest(void **state)
{
    (void)state;
    static const char *const words[] = {"lock",       "spawn", "eevdf.base_slice",
                                        "rr.quantum", "hz",    NULL};
    static const struct {
        const char *word, *nearest;
    } cases[] = {
        {"lok", "lock"},
        {"lcok", "lock"},
        {"LOCK", "lock"},
        {"swapn", "spawn"},
        {"eevdf.slice", NULL},
        {"eevdf.base_slic", "eevdf.base_slice"},
        {"eevdf.baseslise", "eevdf.base_slice"},
        {"zebra", NULL},
        {"ms", NULL},
        {"hs", NULL},
        {"foo", NULL},
        {"khz", "hz"},
        {"Hz", "hz"},
        {"loc", "lock"},
        {"", NULL},
        {"rr.quant", "rr.quantum"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const char *near = cp_nearest(cases[i].word, words);
        if (g_strcmp0(near, cases[i].nearest) != 0) {
            fail_msg("'%s': got %s", cases[i].word, near != NULL ? near : "nothing");
        }
    }
    g_autofree char *huge = g_strnfill(1000000, 'x');
    assert_null(cp_nearest(huge, words));
}

/* --- sets --- */

enum { ROW_INT, ROW_TIME, ROW_BOOL, ROW_SHARE, ROW_ENUM, ROW_TIMES, ROW_SIZE, ROWS };

static const CpParam spec[] = {
    [ROW_INT] = {"t.int", CP_PARAM_INT, "4", -20, 1024, NULL, "an int"},
    [ROW_TIME] = {"t.time", CP_PARAM_TIME, "3ms", 1000, CP_S, NULL, "a time"},
    [ROW_BOOL] = {"t.bool", CP_PARAM_BOOL, "on", 0, 0, NULL, "a bool"},
    [ROW_SHARE] = {"t.share", CP_PARAM_SHARE, "12.5%", 0, 0, NULL, "a share"},
    [ROW_ENUM] = {"t.enum", CP_PARAM_ENUM, "full", 0, 0, "none|voluntary|full", "a word"},
    [ROW_TIMES] = {"t.times", CP_PARAM_TIMES, "1ms,2ms,4ms", 1, CP_S, NULL, "times"},
    [ROW_SIZE] = {"t.size", CP_PARAM_SIZE, "64KiB", 0, 0, NULL, "a size"},
    [ROWS] = {0},
};

static void test_set_defaults(void **state)
{
    (void)state;
    CpParamSet *set = cp_params_new(spec);
    assert_int_equal(set->n, ROWS);
    for (int row = 0; row < ROWS; row++) {
        g_autofree char *text = cp_params_print(set, row);
        assert_string_equal(text, spec[row].def);
        assert_int_equal(set->from[row], CP_FROM_BUILT_IN);
        assert_int_equal(cp_params_find(spec, spec[row].name), row);
    }
    assert_int_equal(cp_params_find(spec, "t.in"), -1);
    assert_int_equal(set->list[ROW_TIMES][2], 4 * CP_MS);
    cp_params_free(set);
    cp_params_free(NULL);
}

/* A refused value changes nothing; the message names the key, the bounds or the words. */
static void test_set_errors(void **state)
{
    (void)state;
    static const struct {
        int row;
        const char *text, *message;
    } cases[] = {
        {ROW_INT, "1025", "t.int: 1025 is out of range, expected -20 to 1024"},
        {ROW_INT, "-21", "t.int: -21 is out of range, expected -20 to 1024"},
        {ROW_INT, "x", "t.int: 'x' is not a whole number"},
        {ROW_TIME, "3", "t.time: '3' has no unit, expected ns, us, ms, s, min or h"},
        {ROW_TIME, "999ns", "t.time: 999ns is out of range, expected 1us to 1s"},
        {ROW_BOOL, "yes", "t.bool: 'yes' is not one of off, on"},
        {ROW_ENUM, "ful",
         "t.enum: 'ful' is not one of none, voluntary, full; did you mean "
         "'full'?"},
        {ROW_ENUM, "", "t.enum: '' is not one of none, voluntary, full"},
        {ROW_TIMES, "", "t.times: '' is not a list of 1 to 16 times"},
        {ROW_TIMES, "1ms,,2ms", "t.times: '' is not a number; expected a time"},
        {ROW_TIMES, "1ms,2s", "t.times: 2s is out of range, expected 1ns to 1s"},
        {ROW_TIMES, "1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s",
         "t.times: '1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1...' is not a list of 1 to 16 "
         "times"},
    };
    CpParamSet *set = cp_params_new(spec);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        assert_false(cp_params_set(set, cases[i].row, cases[i].text, CP_FROM_SET, &error));
        assert_string_equal(error->message, cases[i].message);
        g_autofree char *kept = cp_params_print(set, cases[i].row);
        assert_string_equal(kept, spec[cases[i].row].def);
        assert_false(cp_params_given(set, cases[i].row));
    }
    cp_params_free(set);
}

/* print gives a text that set takes back to the same value, for random values of each
 * type. */
static void test_set_round_trip(void **state)
{
    (void)state;
    CpParamSet *set = cp_params_new(spec);
    for (uint64_t i = 0; i < 5000; i++) {
        uint64_t r = cp_rng_key(11, 0, i);
        set->v[ROW_INT] = (int64_t)(r % 1045) - 20;
        set->v[ROW_TIME] = 1000 + (int64_t)(r % 999999000);
        set->v[ROW_BOOL] = r & 1;
        set->v[ROW_SHARE] = (int64_t)(r % 3000000);
        set->v[ROW_ENUM] = (int64_t)(r % 3);
        set->v[ROW_TIMES] = 1 + (int64_t)(r % 16);
        set->v[ROW_SIZE] = (int64_t)(r >> (1 + r % 60));
        for (uint64_t k = 0; k < 16; k++) {
            set->list[ROW_TIMES][k] = 1 + (CpTime)(cp_rng_key(11, 1 + k, i) % 999999999);
        }
        CpParamSet *copy = cp_params_new(spec);
        for (int row = 0; row < ROWS; row++) {
            g_autofree char *text = cp_params_print(set, row);
            g_autoptr(GError) error = NULL;
            if (!cp_params_set(copy, row, text, CP_FROM_SET, &error)) {
                fail_msg("seed 11, %lu: %s", (unsigned long)i, error->message);
            }
            assert_int_equal(copy->v[row], set->v[row]);
            assert_true(cp_params_given(copy, row));
        }
        assert_memory_equal(copy->list[ROW_TIMES], set->list[ROW_TIMES],
                            (size_t)set->v[ROW_TIMES] * sizeof(CpTime));
        cp_params_free(copy);
    }
    cp_params_free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_time),           cmocka_unit_test(test_size),
        cmocka_unit_test(test_share),          cmocka_unit_test(test_int),
        cmocka_unit_test(test_locale),         cmocka_unit_test(test_format_round_trip),
        cmocka_unit_test(test_format),         cmocka_unit_test(test_cpus),
        cmocka_unit_test(test_format_decimal), cmocka_unit_test(test_units),
        cmocka_unit_test(test_nearest),        cmocka_unit_test(test_set_defaults),
        cmocka_unit_test(test_set_errors),     cmocka_unit_test(test_set_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
