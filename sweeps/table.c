#include "sweeps/table.h"

#include "sim/error.h"
#include "sim/params.h"
#include "lang/diag.h"
#include "traces/csv.h"
#include "sweeps/figure.h"

#include <math.h>
#include <string.h>

/* Which column a name means, how a cell reads, which rows belong together and which come
 * first. */

void cp_column_free(void *data)
{
    CpQueryColumn *c = data;
    g_free(c->name);
    g_free(c->key);
    g_free(c);
}

CpTableData *cp_table_data_new(void)
{
    CpTableData *data = g_new0(CpTableData, 1);
    data->columns = g_ptr_array_new_with_free_func(cp_column_free);
    data->rows = g_ptr_array_new();
    return data;
}

void cp_cells_free(CpCell *cells, guint n)
{
    for (guint i = 0; i < n; i++) {
        g_free(cells[i].text);
    }
    g_free(cells);
}

void cp_table_data_free(CpTableData *data)
{
    if (data == NULL) {
        return;
    }
    for (guint i = 0; i < data->rows->len; i++) {
        cp_cells_free(data->rows->pdata[i], data->columns->len);
    }
    g_ptr_array_unref(data->rows);
    g_ptr_array_unref(data->columns);
    g_free(data);
}

int cp_table_data_find(const CpTableData *data, const char *name)
{
    for (guint i = 0; i < data->columns->len; i++) {
        const CpQueryColumn *c = data->columns->pdata[i];
        g_autofree char *tail = g_strconcat(".", name, NULL);
        if (strcmp(c->name, name) == 0 || strcmp(c->key, name) == 0 ||
            (!c->is_metric && g_str_has_suffix(c->name, tail))) {
            return (int)i;
        }
    }
    return -1;
}

char *cp_cell_text(const CpCell *cell, const CpQueryColumn *c, bool exact)
{
    if (cell->kind == CP_CELL_TEXT) {
        return g_strdup(cell->text);
    }
    if (cell->kind == CP_CELL_NULL || isnan(cell->number)) {
        return g_strdup(exact ? "" : "-");
    }
    if (cell->text != NULL) {
        return g_strdup(cell->text);
    }
    if (exact && c->is_metric && cp_figure_dim(c->unit) == CP_DIM_TIME) {
        return g_strdup_printf("%.0f", cell->number);
    }
    if (exact || !c->is_metric) {
        return cp_figure_plain(cell->number);
    }
    return cp_figure_text(c->unit, cell->number);
}

void cp_table_data_csv_head(const CpTableData *data, GString *out)
{
    for (guint i = 0; i < data->columns->len; i++) {
        const CpQueryColumn *c = data->columns->pdata[i];
        g_string_append(out, i > 0 ? "," : "");
        cp_csv_field(out, c->key);
    }
    g_string_append_c(out, '\n');
}

void cp_table_data_csv_row(const CpTableData *data, unsigned row, GString *out)
{
    const CpCell *cells = data->rows->pdata[row];
    for (guint i = 0; i < data->columns->len; i++) {
        g_autofree char *text = cp_cell_text(&cells[i], data->columns->pdata[i], true);
        g_string_append(out, i > 0 ? "," : "");
        cp_csv_field(out, text);
    }
    g_string_append_c(out, '\n');
}

CpCell cp_cell_copy(const CpCell *cell)
{
    return (CpCell){cell->kind, cell->number, g_strdup(cell->text)};
}

CpQueryColumn *cp_column_copy(const CpQueryColumn *c)
{
    CpQueryColumn *copy = g_new0(CpQueryColumn, 1);
    *copy = *c;
    copy->name = g_strdup(c->name);
    copy->key = g_strdup(c->key);
    return copy;
}

char *cp_table_data_key(const CpTableData *data, const CpCell *cells, char **names)
{
    GString *key = g_string_new(NULL);
    for (; *names != NULL; names++) {
        int i = cp_table_data_find(data, *names);
        g_autofree char *text = cp_cell_text(&cells[i], data->columns->pdata[i], true);
        g_string_append_printf(key, "%s\n", text);
    }
    return g_string_free(key, FALSE);
}

/* Groups in the order of their first row: GPtrArray of GPtrArray of cells. */
GPtrArray *cp_table_data_groups(const CpTableData *data, char **names)
{
    GPtrArray *groups = g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref);
    g_autoptr(GHashTable) by_key =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < data->rows->len; i++) {
        char *key = cp_table_data_key(data, data->rows->pdata[i], names);
        GPtrArray *group = g_hash_table_lookup(by_key, key);
        if (group == NULL) {
            group = g_ptr_array_new();
            g_ptr_array_add(groups, group);
            g_hash_table_insert(by_key, key, group);
        } else {
            g_free(key);
        }
        g_ptr_array_add(group, data->rows->pdata[i]);
    }
    return groups;
}

typedef struct {
    int column;
    bool down;
} SortKey;

static int compare_cells(const CpCell *a, const CpCell *b)
{
    if (a->kind != b->kind) {
        return (a->kind > b->kind) - (a->kind < b->kind);
    }
    if (a->kind == CP_CELL_TEXT) {
        return strverscmp(a->text, b->text); /* 3.8 is before 3.12 */
    }
    return (a->number > b->number) - (a->number < b->number);
}

static int compare_rows(const void *a, const void *b, void *data)
{
    const CpCell *x = *(CpCell *const *)a, *y = *(CpCell *const *)b;
    const GArray *keys = data;
    for (guint i = 0; i < keys->len; i++) {
        SortKey key = g_array_index(keys, SortKey, i);
        int order = compare_cells(&x[key.column], &y[key.column]);
        if (order != 0) {
            return key.down ? -order : order;
        }
    }
    return 0;
}

gboolean cp_table_data_sort(CpTableData *data, const char *text, GError **error)
{
    g_autoptr(GArray) keys = g_array_new(FALSE, FALSE, sizeof(SortKey));
    g_auto(GStrv) names = g_strsplit(text, ",", -1);
    for (char **name = names; *name != NULL; name++) {
        g_strstrip(*name);
        SortKey key = {.down = **name == '-'};
        key.column = cp_table_data_find(data, *name + (key.down ? 1 : 0));
        if (key.column < 0) {
            g_autofree char *clean = cp_clean_text(*name, -1);
            g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                        "--sort: '%s' is not a column of this table", clean);
            return FALSE;
        }
        g_array_append_val(keys, key);
    }
    /* A merge sort: equal rows stay in order. */
    g_qsort_with_data(data->rows->pdata, (gint)data->rows->len, sizeof(void *),
                      compare_rows, keys);
    return TRUE;
}
