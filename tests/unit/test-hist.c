/* Histograms against the sorted values. */
#include "sim/dist.h"
#include "sim/hist.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { VALUES = 20000 };

/* Values over many octaves, from 0 to 2^bits. */
static int64_t random_value(uint64_t seed, uint64_t i, unsigned bits)
{
    return (int64_t)(cp_rng_key(seed, 1, i) >> (64 - cp_rng_key(seed, 2, i) % bits - 1));
}

static int compare_values(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void check_quantiles(const CpHist *hist, const int64_t *sorted, size_t n)
{
    for (uint32_t ppm = 0; ppm <= 1000000; ppm += 2500) {
        uint64_t rank = MAX(((uint64_t)n * ppm + 999999) / 1000000, 1);
        int64_t exact = sorted[rank - 1];
        int64_t got = cp_hist_quantile(hist, ppm);
        /* 0.8 % of the value, either way. */
        if (ABS(got - exact) > exact / 125) {
            fail_msg("quantile %u ppm: got %ld, exact %ld", ppm, (long)got, (long)exact);
        }
    }
}

/* Quantiles are within 0.8 %; count, minimum, maximum and mean are exact. */
static void test_quantiles(void **state)
{
    (void)state; /* no fixture */
    static const unsigned bits[] = {5, 8, 20, 34, 62};
    static int64_t value[VALUES];
    for (size_t b = 0; b < G_N_ELEMENTS(bits); b++) {
        CpArena *arena = cp_arena_new();
        CpHist hist;
        __int128 sum = 0;
        cp_hist_init(&hist, arena);
        for (size_t i = 0; i < VALUES; i++) {
            value[i] = random_value(b, i, bits[b]);
            sum += value[i];
            cp_hist_add(&hist, value[i]);
        }
        qsort(value, VALUES, sizeof *value, compare_values);
        check_quantiles(&hist, value, VALUES);
        assert_int_equal(hist.n, VALUES);
        assert_int_equal(hist.min, value[0]);
        assert_int_equal(hist.max, value[VALUES - 1]);
        assert_int_equal(cp_hist_mean(&hist), (int64_t)((sum + VALUES / 2) / VALUES));
        cp_arena_free(arena);
    }
}

/* The ends: nothing, one value, the largest time, a negative one. */
static void test_edges(void **state)
{
    (void)state;
    CpArena *arena = cp_arena_new();
    CpHist hist;
    cp_hist_init(&hist, arena);
    assert_int_equal(cp_hist_quantile(&hist, 500000), 0);
    assert_int_equal(cp_hist_mean(&hist), 0);
    assert_int_equal(cp_hist_below(&hist, 100), 0);
    cp_hist_add(&hist, INT64_MAX);
    for (uint32_t ppm = 0; ppm <= 1000000; ppm += 250000) {
        assert_int_equal(cp_hist_quantile(&hist, ppm), INT64_MAX);
    }
    cp_hist_add(&hist, -5);
    assert_int_equal(hist.min, 0);
    assert_int_equal(cp_hist_quantile(&hist, 500000), 0);
    assert_int_equal(cp_hist_below(&hist, 0), 1);
    assert_int_equal(cp_hist_below(&hist, -1), 0);
    assert_int_equal(cp_hist_below(&hist, INT64_MAX), 2);
    cp_arena_free(arena);
}

/* Below: exact for small values, never falling, everything at the maximum. */
static void test_below(void **state)
{
    (void)state;
    CpArena *arena = cp_arena_new();
    CpHist hist;
    cp_hist_init(&hist, arena);
    for (int64_t v = 0; v < 1000; v++) {
        cp_hist_add(&hist, v);
    }
    uint64_t before = 0;
    for (int64_t v = 0; v < 1000; v++) {
        uint64_t n = cp_hist_below(&hist, v);
        assert_true(n >= before && n >= (uint64_t)v + 1);
        assert_true(n <= (uint64_t)v + 1 + (uint64_t)v / 64);
        before = n;
    }
    assert_int_equal(before, 1000);
    cp_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quantiles),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_below),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
