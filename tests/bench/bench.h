/* How a benchmark reports: one line a figure, name, unit, goal, limit and what was
 * measured.
 *
 * `goal` is what we want, `limit` what is still acceptable; both are upper bounds for costs
 * and lower bounds for rates.  With BENCH_OUT set in the environment the same figures are
 * appended to that file as JSON objects, one a line, which tools/bench joins.  A benchmark
 * that is given --quick makes one short pass: the figures mean nothing then, it only shows
 * that the program still runs. */
#ifndef CP_TESTS_BENCH_H
#define CP_TESTS_BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef enum { BENCH_AT_MOST, BENCH_AT_LEAST } BenchSense;

typedef struct {
    const char *name; /* "sched.recorded_vs_bare" */
    const char *unit; /* "ns", "M events/s", "ratio" */
    BenchSense sense;
    double goal, limit; /* equal if there is only one bound */
} BenchGoal;

static inline double bench_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static inline bool bench_quick(int argc, char **argv)
{
    return argc > 1 && strcmp(argv[1], "--quick") == 0;
}

static inline int bench_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts the values and returns the middle one. */
static inline double bench_median(double *values, size_t n)
{
    qsort(values, n, sizeof *values, bench_compare);
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

/* A figure beyond its goal but within its limit is met. */
static inline void bench_report(const BenchGoal *goal, double measured)
{
    bool at_most = goal->sense == BENCH_AT_MOST;
    bool met = at_most ? measured <= goal->limit : measured >= goal->limit;
    printf("%-34s %-12s %s %10.4g %10.4g %10.4g  %s\n", goal->name, goal->unit,
           at_most ? "<=" : ">=", goal->goal, goal->limit, measured,
           met ? "met" : "MISSED");
    fflush(stdout);
    const char *path = getenv("BENCH_OUT");
    FILE *out = path != NULL ? fopen(path, "a") : NULL;
    if (out != NULL) {
        fprintf(out,
                "{\"name\":\"%s\",\"unit\":\"%s\",\"goal\":%.6g,\"limit\":%.6g,"
                "\"measured\":%.6g,\"met\":%s}\n",
                goal->name, goal->unit, goal->goal, goal->limit, measured,
                met ? "true" : "false");
        fclose(out);
    }
}

#endif
