/* Text tables with columns as wide as their widest cell. */
#ifndef CP_CLI_TABLE_H
#define CP_CLI_TABLE_H

#include "sim/types.h"

typedef struct CpTable CpTable;

/* `align` has one letter a column: 'l' or 'r'. */
CpTable *cp_table_new(const char *align);
void cp_table_free(CpTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CpTable, cp_table_free)

/* Adds a cell; a full row begins the next one. */
void cp_table_cell(CpTable *table, const char *text);
void cp_table_cellf(CpTable *table, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* Widens a column to at least `width` characters, so that tables of many runs line up. */
void cp_table_min_width(CpTable *table, unsigned column, unsigned width);
/* Appends the table; no blanks at the end of a line. */
void cp_table_print(const CpTable *table, GString *out);

#endif
