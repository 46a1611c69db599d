/* Runs the points of a plan on worker threads and stores the rows.
 *
 * What is in the result file already is not run again.  Rows come in any order and are the
 * same however the work is split: a row depends on the plan, its point and its repeat. */
#ifndef CP_SWEEPS_SWEEP_H
#define CP_SWEEPS_SWEEP_H

#include "sweeps/stats.h"
#include "sweeps/store.h"

typedef struct {
    uint64_t done, total; /* rows to be run; those found in the file are none of them */
    uint64_t found, failed;
    double rate; /* rows a second */
} CpSweepProgress;

typedef struct {
    const CpPlan *plan; /* borrowed */
    CpStore *store;     /* borrowed */
    uint32_t repeats;
    uint64_t shard, n_shards; /* only points with index mod n_shards = shard */
    unsigned n_workers;       /* 0: as many as the host has CPUs */
    bool fail_fast;
    const CpSink *records; /* of all runs, called by all workers at once; NULL: none */
    const volatile int *interrupt; /* non-zero: finish what runs, store it, stop */
    double until_ci;               /* share of the mean the interval may have; 0: off */
    const char *until_metric;      /* column key it is taken of */
    CpStatistic until_what;        /* of the metric: its mean or a quantile over seeds */
    uint32_t repeats_max;          /* of until_ci */
    void (*progress)(const CpSweepProgress *progress, void *data); /* may be NULL */
    void *data;
} CpSweepOptions;

typedef struct {
    uint64_t rows;    /* run now */
    uint64_t found;   /* were in the file */
    uint64_t failed;  /* of both: points that cannot be run or stopped early */
    uint64_t missed;  /* of both: runs that did not meet an `expect` of the workload */
    unsigned workers; /* that could be started ... */
    unsigned workers_wanted; /* ... of so many */
    bool no_values;          /* no run has a value of `until_metric` */
    bool stopped;            /* by `interrupt` or fail_fast: points are missing */
} CpSweepResult;

gboolean cp_sweep_run(const CpSweepOptions *options, CpSweepResult *result, GError **error);
/* Only these points. */
gboolean cp_sweep_run_points(const CpSweepOptions *options, const uint64_t *points,
                             size_t n, CpSweepResult *result, GError **error);

/* Calls `visit` for each point of the shard that wants rows, with how many; the number of
 * rows and points is returned.  `store` NULL: none is there yet. */
typedef struct {
    uint64_t points, rows;
} CpSweepCount;
gboolean cp_sweep_missing(const CpSweepOptions *options,
                          void (*visit)(uint64_t point, uint32_t rows, void *data),
                          CpSweepCount *count, GError **error);

/* --find: the smallest (or largest) value of an axis at which a condition holds, found by
 * bisection: the condition must hold from some value on. */
typedef struct {
    const CpExpr *condition;
    unsigned axis;
    bool largest;
    /* Each value tried: whether the condition held, and the metric in question. */
    void (*tried)(const char *value, bool holds, const char *shown, void *data);
    void *data;
} CpFind;
/* CP_ERROR_USAGE: the condition begins with a name that is neither an axis nor a metric, or
 * compares different units; the axis steps together with another one. */
gboolean cp_sweep_find_check(const CpPlan *plan, const CpFind *find, GError **error);
/* *value: new text, NULL if no value will do.  `places` are the others' values. */
gboolean cp_sweep_find(const CpSweepOptions *options, const CpFind *find, uint64_t *places,
                       char **value, GError **error);

#endif
