#include "cli/columns.h"

#include "cli/fold.h"

#include <stdarg.h>
#include <string.h>

/* How wide the columns of a text table are. */

enum { GAP = 2, TEXT_MIN = 24 };

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

/* One row of some columns, or what is left of them: a last one of text may be folded. */
static void print_row(const CpColumns *table, unsigned row, const unsigned *shown,
                      unsigned n, unsigned width, GString *out)
{
    unsigned at = 0;
    for (unsigned k = 0; k < n; k++) {
        const char *text = table->cells->pdata[row * table->n_columns + shown[k]];
        unsigned pad = table->width[shown[k]] - (unsigned)g_utf8_strlen(text, -1);
        bool is_last = k + 1 == n;
        if (is_last && table->align[shown[k]] == 'l') {
            cp_fold_words(out, text, at, at + TEXT_MIN <= width ? width : 0);
            return;
        }
        bool right = table->align[shown[k]] == 'r';
        g_string_append_printf(out, "%*s%s%*s", right ? (int)pad : 0, "", text,
                               right || is_last ? 0 : (int)pad, "");
        g_string_append(out, is_last ? "\n" : "  ");
        at += table->width[shown[k]] + GAP;
    }
}

/* The columns from `from` on that fit beside the first one; returns the next one's number.
 */
static unsigned choose(const CpColumns *table, unsigned from, unsigned width,
                       unsigned *shown, unsigned *n)
{
    unsigned at = 0;
    *n = 0;
    if (from > 0) {
        shown[(*n)++] = 0;
        at = table->width[0] + GAP;
    }
    unsigned first = *n;
    for (; from < table->n_columns; from++) {
        bool is_text = from + 1 == table->n_columns && table->align[from] == 'l';
        unsigned least = is_text ? MIN(table->width[from], TEXT_MIN) : table->width[from];
        if (width > 0 && *n > first && at + least > width) {
            break;
        }
        shown[(*n)++] = from;
        at += table->width[from] + GAP;
    }
    return from;
}

static void trim(GString *out, size_t from)
{
    size_t to = from;
    for (size_t i = from; i < out->len; i++) {
        if (out->str[i] == '\n') {
            while (to > from && out->str[to - 1] == ' ') {
                to--;
            }
        }
        out->str[to++] = out->str[i];
    }
    g_string_truncate(out, to);
}

void cp_columns_print(const CpColumns *table, GString *out)
{
    unsigned width = cp_fold_width();
    unsigned n_rows = table->cells->len / table->n_columns;
    g_autofree unsigned *shown = g_new0(unsigned, table->n_columns + 1);
    unsigned n = 0;
    for (unsigned next = 0; next < table->n_columns;) {
        unsigned from = next;
        next = choose(table, from, width, shown, &n);
        size_t begin = out->len;
        g_string_append(out, from > 0 ? "\n" : "");
        for (unsigned row = 0; row < n_rows; row++) {
            print_row(table, row, shown, n, width, out);
        }
        trim(out, begin);
    }
}
