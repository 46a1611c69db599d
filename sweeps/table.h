/* A table of results: named columns, rows of cells. */
#ifndef CP_SWEEPS_TABLE_H
#define CP_SWEEPS_TABLE_H

#include "sim/metrics.h"

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
    bool is_word; /* an axis whose values are names, even "3.12" */
    CpUnit unit;  /* of a metric */
} CpQueryColumn;

typedef struct {
    GPtrArray *columns; /* CpQueryColumn */
    GPtrArray *rows;    /* CpCell *, one a column */
    uint64_t n_failed;  /* of groups: runs that failed and are in no statistic */
} CpTableData;

CpTableData *cp_table_data_new(void);
void cp_table_data_free(CpTableData *data);

/* A column by name, key, or the last part of an axis; -1: there is none. */
int cp_table_data_find(const CpTableData *data, const char *name);

/* New copies, and what frees them; a row has n cells. */
CpQueryColumn *cp_column_copy(const CpQueryColumn *column);
void cp_column_free(void *column);
CpCell cp_cell_copy(const CpCell *cell);
void cp_cells_free(CpCell *cells, unsigned n);

/* New text of a cell for people, or exact for CSV and JSON ("" if there is none). */
char *cp_cell_text(const CpCell *cell, const CpQueryColumn *column, bool exact);

/* The table as CSV: its first line, and one row. */
void cp_table_data_csv_head(const CpTableData *data, GString *out);
void cp_table_data_csv_row(const CpTableData *data, unsigned row, GString *out);

/* What a row has in these columns, as one text; new. */
char *cp_table_data_key(const CpTableData *data, const CpCell *cells, char **names);
/* Rows that have the same in these columns, in the order of their first one: new GPtrArray
 * of GPtrArray of CpCell *. */
GPtrArray *cp_table_data_groups(const CpTableData *data, char **names);
/* "-makespan,cores": - is downwards; equal rows stay in order.  CP_ERROR_USAGE: no column.
 */
gboolean cp_table_data_sort(CpTableData *data, const char *text, GError **error);

#endif
