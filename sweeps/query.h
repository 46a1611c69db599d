/* Tables from result files of sweeps and from the JSON lines of `coreplay run --json`:
 * choose columns, filter, group, aggregate over repeats, sort. */
#ifndef CP_SWEEPS_QUERY_H
#define CP_SWEEPS_QUERY_H

#include "sim/metrics.h"

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

typedef enum { CP_CELL_NULL, CP_CELL_NUMBER, CP_CELL_TEXT } CpCellKind;
typedef struct {
    CpCellKind kind;
    double number; /* in the column's unit */
    char *text;    /* owned; of a number too if it came as text */
} CpCell;

typedef struct {
    char *name; /* as asked for: "makespan", "mean(latency.p99)" */
    char *key;  /* in CSV and JSON: "mean_latency_p99_ns" */
    bool is_metric;
    CpUnit unit; /* of a metric */
} CpQueryColumn;

typedef struct {
    GPtrArray *columns; /* CpQueryColumn */
    GPtrArray *rows;    /* CpCell *, one a column */
} CpTableData;

/* CP_ERROR_USAGE: unknown column (nearest named); CP_ERROR_INPUT: a file. */
CpTableData *cp_query_run(const CpQuery *query, GError **error);
void cp_table_data_free(CpTableData *data);

/* Compares two variants, value `a` and `b` of an axis, pair by pair: runs that differ in
 * nothing else met the same work.  One row for each setting of the other axes. */
typedef struct {
    CpQuery query;      /* files and filter count */
    const char *axis;   /* "policy" */
    const char *a, *b;  /* "cfs", "eevdf" */
    const char *metric; /* "makespan" */
} CpComparison;
CpTableData *cp_query_compare(const CpComparison *comparison, GError **error);

/* New text of a cell for people, or exact for CSV and JSON ("" if there is none). */
char *cp_cell_text(const CpCell *cell, const CpQueryColumn *column, bool exact);

/* The table as CSV: its first line, and one row. */
void cp_table_data_csv_head(const CpTableData *data, GString *out);
void cp_table_data_csv_row(const CpTableData *data, unsigned row, GString *out);

/* Axes of the first file and how many repeats a point has; new, NULL-ended. */
char **cp_query_axes(const char *file, uint32_t *repeats, GError **error);

#endif
