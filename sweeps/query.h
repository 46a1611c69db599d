/* Tables from result files of sweeps, the JSON lines of `coreplay run --json` and
 * recordings: choose columns, filter, group, aggregate over repeats, sort. */
#ifndef CP_SWEEPS_QUERY_H
#define CP_SWEEPS_QUERY_H

#include "sweeps/table.h"

typedef struct {
    char *const *files;  /* NULL-ended */
    const char *columns; /* "workload,makespan"; NULL: the usual ones */
    const char *filter;  /* condition; NULL: all rows */
    const char *group;   /* "model,cores"; NULL: no groups */
    const char *show;    /* "mean(makespan) ci95(makespan)"; NULL: these two of makespan */
    const char *sort;    /* "-makespan,cores"; NULL: by point */
    uint64_t limit;      /* 0: all rows */
    bool all_columns;    /* without `columns`: every one there is */
} CpQuery;

/* CP_ERROR_USAGE: unknown column (nearest named); CP_ERROR_INPUT: a file. */
CpTableData *cp_query_run(const CpQuery *query, GError **error);

/* Compares two variants, value `a` and `b` of an axis, pair by pair: runs that differ in
 * nothing else met the same work.  One row for each setting of the other axes. */
typedef struct {
    CpQuery query;      /* files and filter count */
    const char *axis;   /* "policy" */
    const char *a, *b;  /* "cfs", "eevdf" */
    const char *metric; /* "makespan" */
} CpComparison;
CpTableData *cp_query_compare(const CpComparison *comparison, GError **error);

/* Names of all columns of a file; new, NULL-ended. */
char **cp_query_columns(const char *file, GError **error);

/* What the searches whose answers these result files hold have found: columns find, axis,
 * such_that, at, value; no rows if there was none. */
CpTableData *cp_query_answers(char *const *files, GError **error);

/* Axes of the first file and how many repeats a point has; new, NULL-ended. */
char **cp_query_axes(const char *file, uint32_t *repeats, GError **error);

#endif
