#include "sweeps/stats.h"

#include "sim/dist.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* How means, quantiles and their intervals come about. */

enum {
    RESAMPLES = 1000,
    SAMPLE_LARGE = 10000, /* from here on fewer will do, and time is short */
    RESAMPLES_LARGE = 200,
};

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

/* --- statistics by name --- */

bool cp_statistic_find(const char *name, CpStatistic *out)
{
    static const char *const names[] = {"mean", "sd", "min", "max", "sum", "n", NULL};
    for (unsigned i = 0; names[i] != NULL; i++) {
        if (strcmp(name, names[i]) == 0) {
            *out = (CpStatistic){(CpStatisticKind)i, 0};
            return true;
        }
    }
    *out = (CpStatistic){CP_STAT_QUANTILE, 0.5};
    if (strcmp(name, "median") == 0) {
        return true;
    }
    if (name[0] != 'p' || !g_ascii_isdigit(name[1])) {
        return false;
    }
    char *end = NULL;
    double digits = g_ascii_strtod(name + 1, &end);
    out->share = strcmp(name, "p999") == 0 ? 0.999 : digits / 100;
    return *end == '\0' && out->share <= 1;
}

static double sum_of(const double *values, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += values[i];
    }
    return sum;
}

double cp_statistic_of(CpStatistic what, double *values, size_t n)
{
    switch (what.kind) {
    case CP_STAT_N:
        return (double)n;
    case CP_STAT_SUM:
        return n > 0 ? sum_of(values, n) : NAN;
    case CP_STAT_MEAN:
        return n > 0 ? sum_of(values, n) / (double)n : NAN;
    case CP_STAT_SD:
        return n > 1 ? cp_stats(values, n).sd : NAN;
    case CP_STAT_MIN:
        return cp_stats(values, n).min;
    case CP_STAT_MAX:
        return cp_stats(values, n).max;
    case CP_STAT_QUANTILE:
        break;
    }
    qsort(values, n, sizeof *values, by_value);
    return cp_stats_quantile(values, n, what.share);
}

/* --- intervals over seeds --- */

/* Means of the seeds; *n is how many there are. */
static double *seed_means(const CpSample *s, size_t *n)
{
    double *means = g_new(double, s->n + 1);
    *n = 0;
    for (size_t i = 0, next; i < s->n; i = next) {
        for (next = i; next < s->n && s->seeds[next] == s->seeds[i]; next++) {
        }
        means[(*n)++] = sum_of(s->values + i, next - i) / (double)(next - i);
    }
    return means;
}

double cp_sample_ci95(const CpSample *sample)
{
    size_t n;
    g_autofree double *means = seed_means(sample, &n);
    return cp_stats(means, n).ci95;
}

/* Where the values of each seed begin, and the end. */
static size_t *seed_begins(const CpSample *s, size_t *n)
{
    size_t *begins = g_new(size_t, s->n + 1);
    *n = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (i == 0 || s->seeds[i] != s->seeds[i - 1]) {
            begins[(*n)++] = i;
        }
    }
    begins[*n] = s->n;
    return begins;
}

void cp_sample_bootstrap(const CpSample *s, CpStatistic what, double *low, double *high)
{
    size_t n_seeds;
    g_autofree size_t *begins = seed_begins(s, &n_seeds);
    *low = *high = NAN;
    if (n_seeds < 2) {
        return;
    }
    size_t most = 0;
    for (size_t i = 0; i < n_seeds; i++) {
        most = MAX(most, begins[i + 1] - begins[i]);
    }
    unsigned resamples = s->n > SAMPLE_LARGE ? RESAMPLES_LARGE : RESAMPLES;
    g_autofree double *results = g_new(double, resamples);
    g_autofree double *drawn = g_new(double, n_seeds *most);
    for (uint64_t r = 0; r < resamples; r++) {
        size_t n = 0;
        for (size_t i = 0; i < n_seeds; i++) {
            size_t seed = cp_rng_key(r, i, n_seeds) % n_seeds;
            size_t size = begins[seed + 1] - begins[seed];
            memcpy(drawn + n, s->values + begins[seed], size * sizeof *drawn);
            n += size;
        }
        results[r] = cp_statistic_of(what, drawn, n);
    }
    qsort(results, resamples, sizeof *results, by_value);
    *low = cp_stats_quantile(results, resamples, 0.025);
    *high = cp_stats_quantile(results, resamples, 0.975);
}
