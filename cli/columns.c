#include "cli/columns.h"

#include <stdarg.h>
#include <string.h>

/* How wide the columns of a text table are. */

enum { GAP = 2 };

struct CpColumns {
    char *align;
    unsigned n_columns;
    unsigned *width;
    GPtrArray *cells; /* char *, row by row */
};

CpColumns *cp_columns_new(const char *align)
{
    CpColumns *table = g_new0(CpColumns, 1);
    table->align = g_strdup(align);
    table->n_columns = (unsigned)strlen(align);
    table->width = g_new0(unsigned, table->n_columns);
    table->cells = g_ptr_array_new_with_free_func(g_free);
    return table;
}

void cp_columns_free(CpColumns *table)
{
    g_free(table->align);
    g_free(table->width);
    g_ptr_array_unref(table->cells);
    g_free(table);
}

void cp_columns_cell(CpColumns *table, const char *text)
{
    unsigned column = table->cells->len % table->n_columns;
    unsigned len = (unsigned)g_utf8_strlen(text, -1);
    /* The last column may hold sentences; nothing has to line up behind it. */
    if (len > table->width[column]) {
        table->width[column] = len;
    }
    g_ptr_array_add(table->cells, g_strdup(text));
}

void cp_columns_cellf(CpColumns *table, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    cp_columns_cell(table, text);
}

void cp_columns_min_width(CpColumns *table, unsigned column, unsigned width)
{
    if (width > table->width[column]) {
        table->width[column] = width;
    }
}

void cp_columns_print(const CpColumns *table, GString *out)
{
    for (unsigned i = 0; i < table->cells->len; i++) {
        const char *text = table->cells->pdata[i];
        unsigned column = i % table->n_columns;
        bool is_last = column + 1 == table->n_columns;
        unsigned pad = table->width[column] - (unsigned)g_utf8_strlen(text, -1);
        if (table->align[column] == 'r') {
            g_string_append_printf(out, "%*s%s", (int)pad, "", text);
        } else {
            g_string_append_printf(out, "%s%*s", text, (int)pad, "");
        }
        if (!is_last) {
            g_string_append_printf(out, "%*s", GAP, "");
            continue;
        }
        while (out->len > 0 && out->str[out->len - 1] == ' ') {
            g_string_truncate(out, out->len - 1);
        }
        g_string_append_c(out, '\n');
    }
}
