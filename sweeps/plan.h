/* The plan of a sweep: which workload, which settings, which points, which seeds.
 *
 * Its text names everything a result depends on; result files carry it, and files of
 * different plans are never mixed.  The number of repeats and the shard are no part of it:
 * more repeats may be added to a file, and any split gives the same rows. */
#ifndef CP_SWEEPS_PLAN_H
#define CP_SWEEPS_PLAN_H

#include "sim/metrics.h"
#include "sweeps/grid.h"
#include "scenario/scenario.h"

typedef struct {
    const char *path; /* workload or recording; "-" is standard input */
    const CpOverride *overrides;
    size_t n_overrides;
    char **sweeps, **zips, **wheres; /* NULL-ended, or NULL */
    char **metrics;                  /* kept beside the usual ones; NULL-ended, or NULL */
    char **names;                    /* of a condition: kept if they are metrics; or NULL */
    uint64_t sample;                 /* 0: every point */
    const char *find_key;            /* axis that --find moves along, or NULL */
} CpPlanOptions;

typedef struct {
    char *name; /* dotted */
    char *key;  /* in JSON, CSV and the result file */
    CpUnit unit;
    const CpMetric *metric; /* of the run; NULL: found by its name */
} CpMetricColumn;

typedef struct {
    char *path;
    char *text; /* of the workload; NULL: a recording */
    size_t len;
    GPtrArray *texts;   /* what `overrides` points to */
    GArray *overrides;  /* CpOverride, without the axes */
    CpScenario *base;   /* without the axes */
    CpGrid *grid;       /* sealed */
    GPtrArray *metrics; /* CpMetricColumn */
    uint64_t seed;      /* base seed */
    char *identity;     /* the text of the plan */
    char *hash;         /* of it, 64 hex digits */
} CpPlan;

/* On failure either `diag` has errors (about the workload or a setting) or `error` is set.
 */
CpPlan *cp_plan_new(const CpPlanOptions *options, CpDiag *diag, GError **error);
void cp_plan_free(CpPlan *plan);

/* Seed of a repeat: the same at every point, so that all variants meet the same work.  Fits
 * 53 bits, which every reader of JSON and CSV keeps exact. */
uint64_t cp_plan_seed(const CpPlan *plan, uint32_t repeat);

/* Loads the scenario of a point.  `shared` has the compiled workload if it can be used
 * (see cp_plan_compile_key), or is NULL. */
CpScenario *cp_plan_scenario(const CpPlan *plan, char *const *values,
                             const CpScenario *shared, CpDiag *diag);
/* New text: the values that decide what is compiled.  NULL: nothing can be shared. */
char *cp_plan_compile_key(const CpPlan *plan, char *const *values);

#endif
