/* Tables of a result file: how they are made, and whether a file has them and nothing in
 * their place; private to sweeps/.
 *
 * A result file may come from anybody.  What is read here must be plain tables: views,
 * virtual tables, generated columns and conditions could do anything, or never end. */
#ifndef CP_SWEEPS_SCHEMA_H
#define CP_SWEEPS_SCHEMA_H

#include "sweeps/database.h"

#include "sim/metrics.h"

/* Columns of `result` before the axes and metrics; NULL-ended. */
extern const char *const cp_result_columns[];

/* Appends a name as SQL has it. */
void cp_sql_name(GString *sql, const char *name);

/* Makes the tables, with these columns of `result` behind its own; both are GPtrArray of
 * text. */
gboolean cp_schema_create(CpDatabase *db, const GPtrArray *axes, const GPtrArray *metrics,
                          GError **error);

/* Makes the table of answers, unless it is there. */
gboolean cp_schema_add_answer(CpDatabase *db, GError **error);

/* CP_ERROR_INPUT: the tables are not those of a result file, their pages are damaged, or
 * `axis` and `metric` do not say what `result` has. */
gboolean cp_schema_check(CpDatabase *db, GError **error);

/* CP_ERROR_INPUT: `result` has not just these columns behind its own, or may have a point
 * and repeat twice. */
gboolean cp_schema_has(CpDatabase *db, const GPtrArray *axes, const GPtrArray *metrics,
                       GError **error);

/* The columns of the axes or metrics, in order: new GPtrArray of text. */
GPtrArray *cp_schema_columns(CpDatabase *db, const char *table);

/* What a column of `result` holds: a whole number that is not negative, text or nothing,
 * or the integer of a metric or nothing. */
typedef enum { CP_STORED_NUMBER, CP_STORED_TEXT, CP_STORED_METRIC } CpStored;

/* What the columns beside axes and metrics hold. */
CpStored cp_stored_kind(const char *column);
/* Whether the i-th value of a row is what coreplay writes there; the unit is that of a
 * metric. */
bool cp_stored_is_good(sqlite3_stmt *stmt, int i, CpStored kind, CpUnit unit);
/* Sets CP_ERROR_INPUT: a row holds in this column what no run has; returns FALSE. */
gboolean cp_stored_odd(CpDatabase *db, const char *column, GError **error);
/* Checks every value of every row. */
gboolean cp_stored_check(CpDatabase *db, GError **error);

#endif
