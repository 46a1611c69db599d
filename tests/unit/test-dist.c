/* Random numbers: fixed-point functions against libm, samples against theory. */
#include "sim/dist.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define Q32 4294967296.0

enum { SAMPLES = 200000 };

/* Equal arguments give equal bits; a change of any one changes about half of them. */
static void test_key(void **state)
{
    (void)state; /* no fixture */
    uint64_t flips = 0;
    for (uint64_t i = 0; i < 1000; i++) {
        uint64_t key = cp_rng_key(1, 2, i);
        assert_true(key == cp_rng_key(1, 2, i));
        flips += (uint64_t)__builtin_popcountll(key ^ cp_rng_key(1, 2, i + 1));
        flips += (uint64_t)__builtin_popcountll(key ^ cp_rng_key(1, 3, i));
        flips += (uint64_t)__builtin_popcountll(key ^ cp_rng_key(2, 2, i));
    }
    assert_in_range(flips, 3000 * 32 - 1000, 3000 * 32 + 1000);
    /* The three are not interchangeable. */
    assert_false(cp_rng_key(1, 2, 3) == cp_rng_key(3, 2, 1));
    assert_false(cp_rng_key(0, 0, 1) == cp_rng_key(0, 1, 0));
}

/* The bytes of a stream are part of the results, so they never change. */
static void test_golden(void **state)
{
    (void)state;
    const CpDist exponential = {CP_DIST_EXP, 0, {4000000}};
    const CpDist normal = {CP_DIST_NORMAL, 0, {4000000, 1000000}};
    assert_true(cp_rng_key(1, 2, 3) == UINT64_C(0xd0734750fde362b3));
    assert_int_equal(cp_dist_sample(&exponential, NULL, cp_rng_key(1, 2, 3)), 821907);
    assert_int_equal(cp_dist_sample(&normal, NULL, cp_rng_key(1, 2, 3)), 4893701);
}

/* ln, exp and the normal quantile agree with libm. */
static void test_functions(void **state)
{
    (void)state;
    double worst_ln = 0, worst_exp = 0, worst_normal = 0;
    for (uint64_t i = 0; i < SAMPLES; i++) {
        uint64_t bits = cp_rng_key(5, 0, i);
        uint64_t x = MAX(bits >> bits % 64, 1);
        double ln = log((double)x) - 32 * M_LN2;
        worst_ln = fmax(worst_ln, fabs((double)cp_fix_ln(x) / Q32 - ln));
        int64_t y = (int64_t)(bits % (UINT64_C(44) << 32)) - (INT64_C(22) << 32);
        double e = exp((double)y / Q32);
        worst_exp = fmax(worst_exp, fabs((double)cp_fix_exp(y) / Q32 - e) / (e + 1));
        /* Backwards through the distribution function of libm; the lower half only, where
         * it is exact. */
        double p = ((double)(bits >> 1) + 0.5) * 0x1p-64;
        double z = (double)cp_fix_normal(bits >> 1) / Q32;
        double density = exp(-z * z / 2) / sqrt(2 * M_PI);
        worst_normal = fmax(worst_normal, fabs(erfc(-z / M_SQRT2) / 2 - p) / density);
        assert_int_equal(cp_fix_normal(~(bits >> 1)), -cp_fix_normal(bits >> 1));
    }
    print_message("worst errors: ln %.2g, exp %.2g, normal %.2g\n", worst_ln, worst_exp,
                  worst_normal);
    assert_true(worst_ln < 3e-10);
    assert_true(worst_exp < 3e-10);
    assert_true(worst_normal < 1e-8);
}

/* The ends of the domains. */
static void test_function_ends(void **state)
{
    (void)state;
    assert_int_equal(cp_fix_ln(UINT64_C(1) << 32), 0);
    assert_true(cp_fix_ln(0) == INT64_MIN);
    assert_true(cp_fix_exp(0) == UINT64_C(1) << 32);
    assert_true(cp_fix_exp(INT64_MAX) == UINT64_MAX);
    assert_true(cp_fix_exp(INT64_MIN) == 0);
    assert_true(fabs((double)cp_fix_normal(0) / Q32 + 9.080) < 0.001);
    assert_true(fabs((double)cp_fix_normal(UINT64_MAX) / Q32 - 9.080) < 0.001);
    assert_true(llabs(cp_fix_normal(UINT64_C(1) << 63)) < 2);
    for (int shift = 1; shift < 32; shift++) { /* exp saturates without a jump */
        int64_t x = (INT64_C(22) << 32) + (INT64_C(1) << shift) * 11;
        assert_true(cp_fix_exp(x) >= cp_fix_exp(x - 1));
    }
}

/* The quantile function never falls. */
static void test_normal_monotone(void **state)
{
    (void)state;
    int64_t before = cp_fix_normal(0);
    for (uint64_t i = 0; i <= 100000; i++) {
        uint64_t bits = i == 100000 ? UINT64_MAX : i * (UINT64_MAX / 100000);
        int64_t z = cp_fix_normal(bits);
        assert_true(z >= before);
        before = z;
    }
}

typedef struct {
    CpDist dist;
    double mean, sigma;        /* in theory; sigma < 0: infinite */
    double (*below)(double x); /* distribution function, NULL: not checked */
} Case;

static double below_uniform(double x)
{
    return (x - 1000) / 8001;
}

static double below_exp(double x)
{
    return 1 - exp(-x / 1e6);
}

static double below_normal(double x)
{
    return erfc(-(x - 1e6) / 2e5 / M_SQRT2) / 2;
}

static double below_lognormal(double x)
{
    double mu = log(1e6) - 0.8 * 0.8 / 2;
    return erfc(-(log(x) - mu) / 0.8 / M_SQRT2) / 2;
}

static double below_pareto(double x)
{
    return x < 1e6 ? 0 : 1 - pow(1e6 / x, 3.5);
}

static double below_weibull(double x)
{
    return 1 - exp(-pow(x / 1e6, 1.5));
}

static int compare_values(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* Kolmogorov-Smirnov distance between sorted samples and a distribution function. */
static double ks_distance(const int64_t *v, double (*below)(double))
{
    double worst = 0;
    for (size_t i = 0; i < SAMPLES; i++) {
        /* Samples are rounded to whole ns: half a step of slack each side. */
        double low = below((double)v[i] - 0.5), high = below((double)v[i] + 0.5);
        worst = fmax(worst, low - (double)(i + 1) / SAMPLES);
        worst = fmax(worst, (double)i / SAMPLES - high);
    }
    return worst;
}

static void check_case(const Case *c, uint64_t seed)
{
    static int64_t v[SAMPLES];
    double sum = 0, squares = 0;
    for (uint64_t i = 0; i < SAMPLES; i++) {
        v[i] = cp_dist_sample(&c->dist, NULL, cp_rng_key(seed, c->dist.kind, i));
        assert_true(v[i] >= 0);
        sum += (double)v[i];
        squares += ((double)v[i] - c->mean) * ((double)v[i] - c->mean);
    }
    double mean = sum / SAMPLES, sigma = sqrt(squares / SAMPLES);
    /* Four standard errors; the seeds are fixed, so this cannot fail by chance later. */
    assert_true(fabs(mean - c->mean) < 4 * c->sigma / sqrt(SAMPLES));
    assert_true(fabs(sigma / c->sigma - 1) < 0.05);
    if (c->below != NULL) {
        qsort(v, SAMPLES, sizeof *v, compare_values);
        double d = ks_distance(v, c->below);
        print_message("kind %u: mean %.6g of %.6g, KS distance %.2g\n", c->dist.kind, mean,
                      c->mean, d);
        assert_true(d < 1.63 / sqrt(SAMPLES)); /* level 1 % */
    }
}

/* Mean, spread and shape of every distribution are those of theory. */
static void test_shapes(void **state)
{
    (void)state;
    const double g1 = tgamma(1 + 1 / 1.5), g2 = tgamma(1 + 2 / 1.5);
    const double w1 = tgamma(1 + 1 / 0.7), w2 = tgamma(1 + 2 / 0.7);
    const Case cases[] = {
        {{CP_DIST_UNIFORM, 0, {1000, 9000}}, 5000, 8001 / sqrt(12), below_uniform},
        {{CP_DIST_EXP, 0, {1000000}}, 1e6, 1e6, below_exp},
        {{CP_DIST_NORMAL, 0, {1000000, 200000}}, 1e6, 2e5, below_normal},
        {{CP_DIST_LOGNORMAL, 0, {1000000, 800000}},
         1e6,
         1e6 * sqrt(exp(0.64) - 1),
         below_lognormal},
        {{CP_DIST_PARETO, 0, {1000000, 3500000}},
         1e6 * 3.5 / 2.5,
         1e6 * sqrt(3.5 / 1.5) / 2.5,
         below_pareto},
        {{CP_DIST_WEIBULL, 0, {1000000, 1500000}},
         1e6 * g1,
         1e6 * sqrt(g2 - g1 * g1),
         below_weibull},
        {{CP_DIST_WEIBULL, 0, {1000000, 700000}}, 1e6 * w1, 1e6 * sqrt(w2 - w1 * w1), NULL},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        check_case(&cases[i], 2026);
    }
}

/* What would be below zero is zero. */
static void test_cut_normal(void **state)
{
    (void)state;
    const CpDist negative = {CP_DIST_NORMAL, 0, {-1000, 1}};
    assert_int_equal(cp_dist_sample(&negative, NULL, 12345), 0);
}

/* Values from the table: each as often as the others; straight lines between sorted ones.
 */
static void test_tables(void **state)
{
    (void)state;
    static const int64_t table[] = {-1, 10, 20, 40, 80};
    const CpDist choice = {CP_DIST_CHOICE, 0, {1, 4}};
    const CpDist empirical = {CP_DIST_EMPIRICAL, 0, {1, 4}};
    const CpDist single = {CP_DIST_EMPIRICAL, 0, {3, 1}};
    unsigned hits[81] = {0};
    double sum = 0;
    for (uint64_t i = 0; i < SAMPLES; i++) {
        hits[cp_dist_sample(&choice, table, cp_rng_key(1, 1, i))]++;
        int64_t v = cp_dist_sample(&empirical, table, cp_rng_key(1, 2, i));
        assert_in_range(v, 10, 80);
        sum += (double)v;
    }
    for (size_t k = 1; k < 5; k++) {
        assert_in_range(hits[table[k]], SAMPLES / 4 - 1000, SAMPLES / 4 + 1000);
    }
    assert_true(fabs(sum / SAMPLES - 34.5) < 0.2); /* samples are rounded down */
    assert_int_equal(cp_dist_sample(&empirical, table, 0), 10);
    assert_int_equal(cp_dist_sample(&empirical, table, UINT64_MAX), 79);
    assert_int_equal(cp_dist_sample(&single, table, UINT64_MAX), 40);
}

/* Extreme parameters give some value >= 0, never an overflow. */
static void test_extremes(void **state)
{
    (void)state;
    static const int64_t big = INT64_MAX - 1;
    const CpDist dists[] = {
        {CP_DIST_CONST, 0, {-5}},
        {CP_DIST_CONST, 0, {big}},
        {CP_DIST_UNIFORM, 0, {0, big}},
        {CP_DIST_UNIFORM, 0, {7, 7}},
        {CP_DIST_EXP, 0, {big}},
        {CP_DIST_EXP, 0, {0}},
        {CP_DIST_NORMAL, 0, {big, big}},
        {CP_DIST_NORMAL, 0, {0, 0}},
        {CP_DIST_LOGNORMAL, 0, {big, big}},
        {CP_DIST_LOGNORMAL, 0, {1, 0}},
        {CP_DIST_PARETO, 0, {big, 1}},
        {CP_DIST_PARETO, 0, {1, big}},
        {CP_DIST_WEIBULL, 0, {big, 1}},
        {CP_DIST_WEIBULL, 0, {1, big}},
    };
    for (size_t k = 0; k < G_N_ELEMENTS(dists); k++) {
        for (uint64_t i = 0; i < 1000; i++) {
            uint64_t bits = i == 0 ? 0 : i == 1 ? UINT64_MAX : cp_rng_key(9, k, i);
            assert_true(cp_dist_sample(&dists[k], NULL, bits) >= 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key),
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_functions),
        cmocka_unit_test(test_function_ends),
        cmocka_unit_test(test_normal_monotone),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_cut_normal),
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_extremes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
