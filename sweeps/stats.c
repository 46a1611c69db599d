#include "sweeps/stats.h"

#include "sim/dist.h"

#include <math.h>
#include <stdlib.h>

enum { RESAMPLES = 1000 };

double cp_stats_t(size_t freedom)
{
    static const double table[] = {
        12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281,
        2.2010,  2.1788, 2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860,
        2.0796,  2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484, 2.0452, 2.0423};
    if (freedom == 0) {
        return NAN;
    }
    if (freedom <= G_N_ELEMENTS(table)) {
        return table[freedom - 1];
    }
    /* Expansion around the normal quantile, exact to five digits from here on. */
    double z = 1.959964, n = (double)freedom;
    double z3 = z * z * z, z5 = z3 * z * z;
    return z + (z3 + z) / (4 * n) + (5 * z5 + 16 * z3 + 3 * z) / (96 * n * n);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

CpStats cp_stats(double *values, size_t n)
{
    CpStats s = {.n = n, .mean = NAN, .ci95 = NAN, .min = NAN, .max = NAN};
    if (n == 0) {
        return s;
    }
    qsort(values, n, sizeof *values, by_value);
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        sum += values[i];
    }
    s.mean = sum / (double)n;
    for (size_t i = 0; i < n; i++) {
        squares += (values[i] - s.mean) * (values[i] - s.mean);
    }
    s.min = values[0];
    s.max = values[n - 1];
    if (n > 1) {
        s.sd = sqrt(squares / (double)(n - 1));
        s.ci95 = cp_stats_t(n - 1) * s.sd / sqrt((double)n);
    }
    return s;
}

double cp_stats_quantile(const double *sorted, size_t n, double share)
{
    if (n == 0) {
        return NAN;
    }
    double at = share * (double)(n - 1);
    size_t i = (size_t)at;
    return i + 1 >= n ? sorted[n - 1]
                      : sorted[i] + (at - (double)i) * (sorted[i + 1] - sorted[i]);
}

void cp_stats_bootstrap(const double *values, size_t n, double share, double *low,
                        double *high)
{
    *low = *high = NAN;
    if (n < 2) {
        return;
    }
    g_autofree double *results = g_new(double, RESAMPLES);
    g_autofree double *drawn = g_new(double, n);
    for (uint64_t r = 0; r < RESAMPLES; r++) {
        for (size_t i = 0; i < n; i++) {
            drawn[i] = values[cp_rng_key(r, i, n) % n];
        }
        CpStats s = cp_stats(drawn, n);
        results[r] = share < 0 ? s.mean : cp_stats_quantile(drawn, n, share);
    }
    qsort(results, RESAMPLES, sizeof *results, by_value);
    *low = cp_stats_quantile(results, RESAMPLES, 0.025);
    *high = cp_stats_quantile(results, RESAMPLES, 0.975);
}
