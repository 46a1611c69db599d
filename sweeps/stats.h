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
/* 95 % interval of a quantile (share < 0: of the mean) by resampling the repeats 1 000
 * times, always the same way for the same values. */
void cp_stats_bootstrap(const double *values, size_t n, double share, double *low,
                        double *high);
/* 97.5 % point of Student's distribution. */
double cp_stats_t(size_t freedom);

#endif
