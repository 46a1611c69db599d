/* Means, intervals and quantiles over repeats. */
#ifndef CP_SWEEPS_STATS_H
#define CP_SWEEPS_STATS_H

#include "sim/types.h"

typedef struct {
    size_t n;
    double mean, sd; /* sd of the sample; 0 for n < 2 */
    double ci95;     /* half the 95 % interval of the mean (Student); NAN for n < 2 */
    double min, max;
} CpStats;

/* Sorts the values. */
CpStats cp_stats(double *values, size_t n);
/* Quantile of sorted values, 0 to 1, straight between neighbours. */
double cp_stats_quantile(const double *sorted, size_t n, double share);
/* 97.5 % point of Student's distribution. */
double cp_stats_t(size_t freedom);

typedef enum {
    CP_STAT_MEAN,
    CP_STAT_SD,
    CP_STAT_MIN,
    CP_STAT_MAX,
    CP_STAT_SUM,
    CP_STAT_N,
    CP_STAT_QUANTILE,
} CpStatisticKind;

typedef struct {
    CpStatisticKind kind;
    double share; /* of a quantile, 0 to 1 */
} CpStatistic;

/* "mean", "sd", "min", "max", "sum", "n", "median", "p95"; false: none of these. */
bool cp_statistic_find(const char *name, CpStatistic *out);
/* Orders the values as it likes; NAN if there are too few. */
double cp_statistic_of(CpStatistic what, double *values, size_t n);

/* Values with the seeds of their runs; those of a seed stand together, since what runs of
 * one seed have in common is no chance of theirs.  Intervals are over seeds. */
typedef struct {
    const double *values;
    const double *seeds;
    size_t n;
} CpSample;

/* Half the 95 % interval of the mean (Student, of the seeds' means); NAN for one seed. */
double cp_sample_ci95(const CpSample *sample);
/* Ends of the 95 % interval of a statistic by drawing as many seeds as there are, with
 * replacement, 1 000 times (200 beyond 10 000 values), always the same way for the same
 * number of seeds.  NAN for one seed. */
void cp_sample_bootstrap(const CpSample *sample, CpStatistic what, double *low,
                         double *high);

#endif
