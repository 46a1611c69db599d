#include "sim/error.h"
#include "sweeps/grid.h"
#include "sweeps/stats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

static char *values_of(const char *text)
{
    g_autoptr(GError) error = NULL;
    CpAxis *axis = cp_axis_new(text, &error);
    if (axis == NULL) {
        assert_int_equal(error->code, CP_ERROR_USAGE);
        return g_strdup(error->message);
    }
    GString *out = g_string_new(NULL);
    for (uint64_t i = 0; i < cp_axis_size(axis) && i < 20; i++) {
        g_autofree char *value = cp_axis_value(axis, i);
        g_string_append_printf(out, "%s%s", i > 0 ? " " : "", value);
    }
    cp_axis_free(axis);
    return g_string_free(out, FALSE);
}

static void assert_values(const char *text, const char *expected)
{
    g_autofree char *found = values_of(text);
    assert_string_equal(found, expected);
}

/* Lists, ranges of all units and quoted values become the values written. */
static void test_axis_values(void **state)
{
    (void)state;
    assert_values("cores=1,2,4", "1 2 4");
    assert_values("cores=1..4", "1 2 3 4");
    assert_values("cores=1..64*2", "1 2 4 8 16 32 64");
    assert_values("cores=1..10*1.5", "1 2 3 5 8");
    assert_values("cores=1,4..6", "1 4 5 6");
    assert_values("i=1ms..10ms+3ms", "1ms 4ms 7ms 10ms");
    assert_values("i=100us..1s*10", "100us 1ms 10ms 100ms 1s");
    assert_values("q=50%..100%+25%", "50% 75% 100%");
    assert_values("s=64KiB..256KiB*2", "64KiB 128KiB 256KiB");
    assert_values("load=0.5..0.8+0.1", "0.5 0.6 0.7 0.8");
    assert_values("policy=cfs,eevdf-6.18", "cfs eevdf-6.18");
    assert_values("c=\"0-3,6\",1", "0-3,6 1");
    assert_values("items=[1s,2s],[3s]", "[1s,2s] [3s]");
}

/* What cannot be an axis is refused with its reason. */
static void test_axis_errors(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "cores=",
        "the list is empty",
        "cores",
        "is not an axis",
        "c=1,,2",
        "a value is empty",
        "c=1,1",
        "given twice",
        "c=1..9+0",
        "never ends",
        "c=1..9*1",
        "never ends",
        "c=0..9*2",
        "never ends",
        "c=9..1",
        "upwards only",
        "i=1ms..9ms",
        "has no step",
        "i=1ms..9",
        "different units",
        "i=1ms..9ms+2",
        "wrong unit",
        "c=1..x",
        "is not a number",
        "c=1..9e9*1.000001",
        "more than",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i += 2) {
        g_autofree char *found = values_of(cases[i]);
        if (strstr(found, cases[i + 1]) == NULL &&
            strstr(found, "is not a number") == NULL) {
            fail_msg("%s: %s", cases[i], found);
        }
    }
}

static CpGrid *grid_of(const char *const *axes)
{
    CpGrid *grid = cp_grid_new();
    for (; *axes != NULL; axes++) {
        assert_true(cp_grid_add(grid, cp_axis_new(*axes, NULL), NULL));
    }
    return grid;
}

static char *points_of(const CpGrid *grid)
{
    GString *out = g_string_new(NULL);
    for (uint64_t i = 0; i < cp_grid_walk_end(grid); i++) {
        uint64_t point;
        if (!cp_grid_walk(grid, i, &point)) {
            continue;
        }
        g_auto(GStrv) values = cp_grid_values(grid, point);
        g_autofree char *text = g_strjoinv("/", values);
        g_string_append_printf(out, "%s%u:%s", out->len > 0 ? " " : "", (unsigned)point,
                               text);
    }
    return g_string_free(out, FALSE);
}

/* The product has the order written, the last axis fastest; an index is a place in it. */
static void test_product(void **state)
{
    (void)state;
    CpGrid *grid = grid_of((const char *const[]){"a=1,2", "b=x,y,z", NULL});
    assert_true(cp_grid_seal(grid, NULL));
    g_autofree char *points = points_of(grid);
    assert_string_equal(points, "0:1/x 1:1/y 2:1/z 3:2/x 4:2/y 5:2/z");
    uint64_t places[2];
    for (uint64_t i = 0; i < cp_grid_size(grid); i++) {
        cp_grid_places(grid, i, places);
        assert_int_equal(cp_grid_index(grid, places), i);
    }
    cp_grid_free(grid);
}

/* Zipped axes step together; dropped points keep their index. */
static void test_zip_where(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    CpGrid *grid = grid_of(
        (const char *const[]){"cores=1,2,4", "p=x,y", "web.quota=50%,200%,none", NULL});
    assert_true(cp_grid_zip(grid, "cores,quota", &error));
    assert_true(
        cp_grid_where(grid, "quota <= cores and not (p == y and cores > 1)", &error));
    assert_true(cp_grid_seal(grid, &error));
    assert_int_equal(cp_grid_size(grid), 6);
    g_autofree char *points = points_of(grid);
    assert_string_equal(points, "0:1/x/50% 1:1/y/50% 2:2/x/200%");
    assert_false(cp_grid_zip(grid, "p,cores", &error));
    assert_non_null(strstr(error->message, "equally many"));
    g_clear_error(&error);
    assert_false(cp_grid_where(grid, "core > 1", &error));
    assert_non_null(strstr(error->message, "did you mean 'cores'"));
    cp_grid_free(grid);
}

/* Conditions that cannot be understood are refused; none crashes. */
static void test_where_syntax(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "(",
        "cores <",
        "cores < )",
        "1 2",
        "a == 5q",
        "cores cores",
        "and",
        "a ==== b",
        "5",
        "((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((a"};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        CpExpr *expr = cp_expr_new(bad[i], &error);
        if (expr != NULL && strcmp(bad[i], "and") != 0) {
            fail_msg("accepted: %s", bad[i]);
        }
        cp_expr_free(expr);
    }
}

static bool find_value(const char *name, CpValue *value, void *data)
{
    (void)data; /* the values are the same for all */
    *value = strcmp(name, "quota") == 0   ? cp_value_from_text("50%")
             : strcmp(name, "time") == 0  ? cp_value_from_text("3ms")
             : strcmp(name, "limit") == 0 ? cp_value_from_text("none")
             : strcmp(name, "lost") == 0  ? (CpValue){.kind = CP_VALUE_NULL}
                                          : (CpValue){.kind = CP_VALUE_TEXT, .text = name};
    return value->kind != CP_VALUE_TEXT || strcmp(name, "limit") == 0;
}

/* Shares are numbers, `none` is more than any, what is not known makes a comparison false,
 * and a name nobody knows is a word. */
static void test_where_values(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool holds;
    } cases[] = {{"quota == 0.5", true},       {"quota * 2 == 1", true},
                 {"time < 4 ms", true},        {"time / 1ms == 3", true},
                 {"limit > 1000000", true},    {"lost < 1", false},
                 {"lost != 1", false},         {"word == word", true},
                 {"word != other", true},      {"not lost == 1", true},
                 {"time == 3ms and 0", false}, {"lost or time - 1ms == 2ms", true},
                 {"-time < 0", true},          {"1 / 0 == 1", false}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        CpExpr *expr = cp_expr_new(cases[i].text, &error);
        assert_non_null(expr);
        if (cp_expr_holds(expr, find_value, NULL) != cases[i].holds) {
            fail_msg("%s is %s", cases[i].text, cases[i].holds ? "false" : "true");
        }
        cp_expr_free(expr);
    }
    g_autoptr(GError) error = NULL;
    CpExpr *expr = cp_expr_new("quota == 1 or time + 1ms < 120", &error);
    assert_false(cp_expr_check(expr, find_value, NULL, &error));
    assert_non_null(strstr(error->message, "is a time, but '120' is a number without"));
    g_auto(GStrv) names = cp_expr_names(expr);
    assert_string_equal(names[0], "quota");
    assert_string_equal(names[1], "time");
    assert_null(names[2]);
    cp_expr_free(expr);
}

/* A product beyond the limit is refused with its number, and costs neither time nor
 * memory; a sample of it is possible and has no point twice. */
static void test_huge(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    CpGrid *grid = grid_of((const char *const[]){"a=1..1000000", "b=1..1000000", NULL});
    assert_false(cp_grid_seal(grid, &error));
    assert_non_null(strstr(error->message, "1000000000000 points"));
    cp_grid_sample(grid, 1000, 7);
    assert_true(cp_grid_seal(grid, NULL));
    g_autoptr(GHashTable) seen =
        g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    for (uint64_t i = 0; i < cp_grid_walk_end(grid); i++) {
        uint64_t *point = g_new(uint64_t, 1);
        assert_true(cp_grid_walk(grid, i, point));
        assert_true(*point < cp_grid_size(grid));
        assert_true(g_hash_table_add(seen, point));
    }
    cp_grid_free(grid);
}

/* The interval of ten known values is that of the textbook. */
static void test_stats(void **state)
{
    (void)state;
    double v[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    CpStats s = cp_stats(v, 10);
    assert_true(fabs(s.mean - 5.5) < 1e-9 && fabs(s.sd - 3.02765) < 1e-4);
    assert_true(fabs(s.ci95 - 2.2622 * 3.02765 / sqrt(10)) < 1e-3);
    assert_true(fabs(cp_stats_t(100) - 1.98397) < 1e-3);
    CpStatistic mean, p90;
    assert_true(cp_statistic_find("mean", &mean) && cp_statistic_find("p90", &p90));
    assert_false(cp_statistic_find("p101", &p90) || cp_statistic_find("pp", &p90));
    assert_true(cp_statistic_find("p90", &p90));
    assert_true(fabs(cp_statistic_of(p90, v, 10) - 9.1) < 1e-9);
    double low, high, seeds[10];
    for (int i = 0; i < 10; i++) {
        seeds[i] = i;
    }
    const CpSample own = {v, seeds, 10};
    cp_sample_bootstrap(&own, mean, &low, &high);
    assert_true(low > 3.3 && low < 4.3 && high > 6.7 && high < 7.7);
    assert_true(fabs(cp_sample_ci95(&own) - s.ci95) < 1e-9);
    cp_sample_bootstrap(&own, p90, &low, &high);
    assert_true(low > 5 && low < 8 && high > 9.5 && high <= 10);
    /* Values that go in pairs of one seed are five pieces of evidence, not ten. */
    for (int i = 0; i < 10; i++) {
        seeds[i] = i / 2;
    }
    assert_true(fabs(cp_sample_ci95(&own) - 2.7764 * sqrt(10) / sqrt(5)) < 1e-3);
    double wide_low, wide_high;
    cp_sample_bootstrap(&own, mean, &wide_low, &wide_high);
    assert_true(wide_high - wide_low > 2.2);
    const CpSample single = {v, seeds, 2};
    assert_true(isnan(cp_sample_ci95(&single)));
    assert_true(fabs(cp_stats_quantile(v, 10, 0.5) - 5.5) < 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_axis_values),  cmocka_unit_test(test_axis_errors),
        cmocka_unit_test(test_product),      cmocka_unit_test(test_zip_where),
        cmocka_unit_test(test_where_values), cmocka_unit_test(test_where_syntax),
        cmocka_unit_test(test_huge),         cmocka_unit_test(test_stats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
