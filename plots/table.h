/* Tables as text, Markdown or CSV, with columns that line up whatever the script.
 *
 *   CpTable *table = cp_table_new("thread", "<", "cpu", ">", NULL);
 *   cp_table_row(table, "main", "12 ms");
 *   g_autofree char *text = cp_table_print(table, CP_TABLE_TEXT, 0);
 *
 * Cells are copied; control characters in them become spaces, so a table never breaks a
 * terminal, but cleaning of foreign names stays the caller's (cp_clean_text). */
#ifndef CP_PLOTS_TABLE_H
#define CP_PLOTS_TABLE_H

#include "sim/types.h"

typedef struct CpTable CpTable;

typedef enum { CP_TABLE_TEXT, CP_TABLE_MARKDOWN, CP_TABLE_CSV } CpTableForm;

/* Pairs of heading and alignment, "<" left or ">" right, ended by NULL. */
CpTable *cp_table_new(const char *heading, ...) G_GNUC_NULL_TERMINATED;
void cp_table_free(CpTable *table);
/* One more column at the right, before the first row. */
void cp_table_column(CpTable *table, const char *heading, const char *align);
/* As many texts as there are columns; NULL is an empty cell. */
void cp_table_row(CpTable *table, const char *cell, ...);
void cp_table_row_array(CpTable *table, const char *const *cells);
/* A blank line in text form, nothing in the others. */
void cp_table_gap(CpTable *table);
size_t cp_table_n_rows(const CpTable *table);
/* New text, each line ended.  `width_max`: columns of the terminal for the text form, 0:
 * no limit; the widest left-aligned column gives way, its cells shortened in the middle. */
char *cp_table_print(const CpTable *table, CpTableForm form, unsigned width_max);

/* Columns a text takes on a terminal: two for wide characters, none for combining ones. */
unsigned cp_text_columns(const char *text);
/* New text of at most `columns` columns, shortened in the middle by "…". */
char *cp_text_fit(const char *text, unsigned columns);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(CpTable, cp_table_free)

#endif
