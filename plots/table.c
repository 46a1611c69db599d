#include "plots/table.h"

#include "sim/assert.h"

#include <stdarg.h>
#include <string.h>

enum { GAP = 2, COLUMN_MIN = 8 };

typedef struct {
    char *heading; /* owned */
    bool is_right;
} Column;

struct CpTable {
    GArray *columns; /* Column */
    GPtrArray *rows; /* char **: one text a column; NULL: a gap */
};

/* --- text --- */

unsigned cp_text_columns(const char *text)
{
    unsigned columns = 0;
    for (const char *p = text; *p != '\0'; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char_validated(p, -1);
        if (c == (gunichar)-1 || c == (gunichar)-2) {
            columns++;
        } else if (!g_unichar_iszerowidth(c)) {
            columns += g_unichar_iswide(c) ? 2 : 1;
        }
    }
    return columns;
}

/* Bytes at the start of `text` that take at most `columns` columns. */
static size_t head_bytes(const char *text, unsigned columns)
{
    const char *p = text;
    unsigned used = 0;
    while (*p != '\0') {
        gunichar c = g_utf8_get_char(p);
        unsigned step = g_unichar_iszerowidth(c) ? 0 : g_unichar_iswide(c) ? 2 : 1;
        if (used + step > columns) {
            break;
        }
        used += step;
        p = g_utf8_next_char(p);
    }
    return (size_t)(p - text);
}

char *cp_text_fit(const char *text, unsigned columns)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    unsigned whole = cp_text_columns(valid);
    if (whole <= columns) {
        return g_steal_pointer(&valid);
    }
    if (columns == 0) {
        return g_strdup("");
    }
    unsigned tail = (columns - 1) / 2, head = columns - 1 - tail;
    const char *end = valid + head_bytes(valid, whole - tail);
    /* A wide character across the cut would leave the tail a column too wide. */
    while (*end != '\0' && cp_text_columns(end) > tail) {
        end = g_utf8_next_char(end);
    }
    return g_strdup_printf("%.*s…%s", (int)head_bytes(valid, head), valid, end);
}

/* New valid text on one line. */
static char *clean_cell(const char *text)
{
    char *valid = g_utf8_make_valid(text != NULL ? text : "", -1);
    for (char *p = valid; *p != '\0'; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f) {
            *p = ' ';
        }
    }
    return valid;
}

/* --- building --- */

static Column *column_at(const CpTable *table, guint i)
{
    return &g_array_index(table->columns, Column, i);
}

static void free_row(void *row)
{
    g_strfreev(row);
}

CpTable *cp_table_new(const char *heading, ...)
{
    CpTable *table = g_new0(CpTable, 1);
    table->columns = g_array_new(FALSE, FALSE, sizeof(Column));
    table->rows = g_ptr_array_new_with_free_func(free_row);
    va_list args;
    va_start(args, heading);
    while (heading != NULL) {
        cp_table_column(table, heading, va_arg(args, const char *));
        heading = va_arg(args, const char *);
    }
    va_end(args);
    return table;
}

void cp_table_free(CpTable *table)
{
    if (table == NULL) {
        return;
    }
    for (guint i = 0; i < table->columns->len; i++) {
        g_free(column_at(table, i)->heading);
    }
    g_array_unref(table->columns);
    g_ptr_array_unref(table->rows);
    g_free(table);
}

void cp_table_column(CpTable *table, const char *heading, const char *align)
{
    cp_require(table->rows->len == 0);
    Column column = {clean_cell(heading), align[0] == '>'};
    g_array_append_val(table->columns, column);
}

void cp_table_row_array(CpTable *table, const char *const *cells)
{
    guint n = table->columns->len;
    char **row = g_new0(char *, n + 1);
    for (guint i = 0; i < n; i++) {
        row[i] = clean_cell(cells[i]);
    }
    g_ptr_array_add(table->rows, row);
}

void cp_table_row(CpTable *table, const char *cell, ...)
{
    guint n = table->columns->len;
    g_autofree const char **cells = g_new0(const char *, n + 1);
    va_list args;
    va_start(args, cell);
    for (guint i = 0; i < n; i++) {
        cells[i] = i == 0 ? cell : va_arg(args, const char *);
    }
    va_end(args);
    cp_table_row_array(table, cells);
}

void cp_table_gap(CpTable *table)
{
    g_ptr_array_add(table->rows, NULL);
}

size_t cp_table_n_rows(const CpTable *table)
{
    size_t n = 0;
    for (guint i = 0; i < table->rows->len; i++) {
        n += g_ptr_array_index(table->rows, i) != NULL;
    }
    return n;
}

/* --- printing --- */

/* New text: the cell in Markdown, where a bar would end it and a '<' begin a tag. */
static char *markdown_cell(const char *cell)
{
    GString *out = g_string_new(NULL);
    for (const char *p = cell; *p != '\0'; p++) {
        if (strchr("|\\`*_<[", *p) != NULL) {
            g_string_append_c(out, '\\');
        }
        g_string_append_c(out, *p);
    }
    return g_string_free(out, FALSE);
}

/* New text: the cell as it is printed before padding. */
static char *formed(CpTableForm form, const char *cell)
{
    return form == CP_TABLE_MARKDOWN ? markdown_cell(cell) : g_strdup(cell);
}

static void measure(const CpTable *table, CpTableForm form, unsigned *widths)
{
    for (guint i = 0; i < table->columns->len; i++) {
        g_autofree char *heading = formed(form, column_at(table, i)->heading);
        widths[i] = cp_text_columns(heading);
        for (guint r = 0; r < table->rows->len; r++) {
            char **row = g_ptr_array_index(table->rows, r);
            if (row != NULL) {
                g_autofree char *cell = formed(form, row[i]);
                widths[i] = MAX(widths[i], cp_text_columns(cell));
            }
        }
    }
}

/* Takes columns from the widest left-aligned one until the table fits. */
static void narrow(const CpTable *table, unsigned *widths, unsigned width_max)
{
    guint n = table->columns->len;
    for (;;) {
        unsigned total = n > 0 ? (n - 1) * GAP : 0;
        guint widest = n;
        for (guint i = 0; i < n; i++) {
            total += widths[i];
            if (!column_at(table, i)->is_right && widths[i] > COLUMN_MIN &&
                (widest == n || widths[i] > widths[widest])) {
                widest = i;
            }
        }
        if (total <= width_max || widest == n) {
            return;
        }
        widths[widest]--;
    }
}

static void pad(GString *out, unsigned columns)
{
    for (unsigned i = 0; i < columns; i++) {
        g_string_append_c(out, ' ');
    }
}

static void put_cell(GString *out, const char *cell, unsigned width, bool is_right)
{
    g_autofree char *fit = cp_text_fit(cell, width);
    unsigned used = cp_text_columns(fit);
    pad(out, is_right ? width - used : 0);
    g_string_append(out, fit);
    pad(out, is_right ? 0 : width - used);
}

static void end_line(GString *out)
{
    while (out->len > 0 && out->str[out->len - 1] == ' ') {
        g_string_truncate(out, out->len - 1);
    }
    g_string_append_c(out, '\n');
}

static void put_text_line(GString *out, const CpTable *table, char *const *cells,
                          const unsigned *widths)
{
    for (guint i = 0; i < table->columns->len; i++) {
        const Column *column = column_at(table, i);
        pad(out, i > 0 ? GAP : 0);
        put_cell(out, cells != NULL ? cells[i] : column->heading, widths[i],
                 column->is_right);
    }
    end_line(out);
}

static char *print_text(const CpTable *table, unsigned width_max)
{
    GString *out = g_string_new(NULL);
    g_autofree unsigned *widths = g_new0(unsigned, table->columns->len + 1);
    measure(table, CP_TABLE_TEXT, widths);
    if (width_max > 0) {
        narrow(table, widths, width_max);
    }
    put_text_line(out, table, NULL, widths);
    for (guint r = 0; r < table->rows->len; r++) {
        char **row = g_ptr_array_index(table->rows, r);
        if (row == NULL) {
            g_string_append_c(out, '\n');
        } else {
            put_text_line(out, table, row, widths);
        }
    }
    return g_string_free(out, FALSE);
}

static void put_markdown_line(GString *out, const CpTable *table, char *const *cells,
                              const unsigned *widths)
{
    g_string_append_c(out, '|');
    for (guint i = 0; i < table->columns->len; i++) {
        const Column *column = column_at(table, i);
        g_autofree char *cell = markdown_cell(cells != NULL ? cells[i] : column->heading);
        g_string_append_c(out, ' ');
        put_cell(out, cell, widths[i], column->is_right);
        g_string_append(out, " |");
    }
    g_string_append_c(out, '\n');
}

static char *print_markdown(const CpTable *table)
{
    GString *out = g_string_new(NULL);
    g_autofree unsigned *widths = g_new0(unsigned, table->columns->len + 1);
    measure(table, CP_TABLE_MARKDOWN, widths);
    put_markdown_line(out, table, NULL, widths);
    g_string_append_c(out, '|');
    for (guint i = 0; i < table->columns->len; i++) {
        bool is_right = column_at(table, i)->is_right;
        g_string_append_c(out, is_right ? '-' : ':');
        for (unsigned k = 0; k < widths[i]; k++) {
            g_string_append_c(out, '-');
        }
        g_string_append(out, is_right ? ":|" : "-|");
    }
    g_string_append_c(out, '\n');
    for (guint r = 0; r < table->rows->len; r++) {
        if (g_ptr_array_index(table->rows, r) != NULL) {
            put_markdown_line(out, table, g_ptr_array_index(table->rows, r), widths);
        }
    }
    return g_string_free(out, FALSE);
}

static void put_csv_line(GString *out, const CpTable *table, char *const *cells)
{
    for (guint i = 0; i < table->columns->len; i++) {
        const char *cell = cells != NULL ? cells[i] : column_at(table, i)->heading;
        g_string_append(out, i > 0 ? "," : "");
        if (strpbrk(cell, ",\"") == NULL) {
            g_string_append(out, cell);
            continue;
        }
        g_auto(GStrv) parts = g_strsplit(cell, "\"", -1);
        g_autofree char *doubled = g_strjoinv("\"\"", parts);
        g_string_append_printf(out, "\"%s\"", doubled);
    }
    g_string_append_c(out, '\n');
}

static char *print_csv(const CpTable *table)
{
    GString *out = g_string_new(NULL);
    put_csv_line(out, table, NULL);
    for (guint r = 0; r < table->rows->len; r++) {
        if (g_ptr_array_index(table->rows, r) != NULL) {
            put_csv_line(out, table, g_ptr_array_index(table->rows, r));
        }
    }
    return g_string_free(out, FALSE);
}

char *cp_table_print(const CpTable *table, CpTableForm form, unsigned width_max)
{
    switch (form) {
    case CP_TABLE_MARKDOWN:
        return print_markdown(table);
    case CP_TABLE_CSV:
        return print_csv(table);
    case CP_TABLE_TEXT:
    default:
        return print_text(table, width_max);
    }
}
