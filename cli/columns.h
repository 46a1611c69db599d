/* Text tables with columns as wide as their widest cell. */
#ifndef CP_CLI_COLUMNS_H
#define CP_CLI_COLUMNS_H

#include "sim/types.h"

typedef struct CpColumns CpColumns;

/* `align` has one letter a column: 'l' or 'r'. */
CpColumns *cp_columns_new(const char *align);
void cp_columns_free(CpColumns *columns);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CpColumns, cp_columns_free)

/* Adds a cell; a full row begins the next one. */
void cp_columns_cell(CpColumns *columns, const char *text);
void cp_columns_cellf(CpColumns *columns, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* Widens a column to at least `width` characters, so that tables of many runs line up. */
void cp_columns_min_width(CpColumns *columns, unsigned column, unsigned width);
/* Appends the table; no blanks at the end of a line.  On a narrow terminal the columns that
 * do not fit follow in a block of their own, each with the first column before it, and text
 * in the last one is folded. */
void cp_columns_print(const CpColumns *columns, GString *out);

#endif
