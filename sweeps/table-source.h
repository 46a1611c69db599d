/* Where the rows of a query come from: a result file, lines of JSON, or a recording, which
 * is one such line; private to sweeps/. */
#ifndef CP_SWEEPS_TABLE_SOURCE_H
#define CP_SWEEPS_TABLE_SOURCE_H

#include "sweeps/database.h"
#include "sweeps/table.h"

typedef struct CpTableSource CpTableSource;

CpTableSource *cp_table_source_new(const char *path, GError **error);
void cp_table_source_free(CpTableSource *source);

/* A column by name or key; its SQL expression is appended.  False: there is none. */
bool cp_table_source_find(CpTableSource *source, const char *name, CpQueryColumn *column,
                          GString *sql);
/* Names of all columns, in order; new GPtrArray of text. */
GPtrArray *cp_table_source_names(CpTableSource *source);
/* Names of the axes; none for JSON. */
GPtrArray *cp_table_source_axes(CpTableSource *source);
uint32_t cp_table_source_repeats(CpTableSource *source);
/* Rows of the expressions, sorted by point and repeat. */
sqlite3_stmt *cp_table_source_select(CpTableSource *source, const char *expressions,
                                     GError **error);
/* CP_ERROR_INPUT: the i-th value of a row is not what coreplay writes in this column. */
gboolean cp_table_source_check(CpTableSource *source, sqlite3_stmt *stmt, int i,
                               const CpQueryColumn *column, GError **error);
/* What searches found: find, axis, such_that, at, value; NULL: the file has none. */
sqlite3_stmt *cp_table_source_answers(CpTableSource *source);
gboolean cp_table_source_fail(CpTableSource *source, int code, GError **error);

#endif
