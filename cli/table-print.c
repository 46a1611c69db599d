#include "cli/table-print.h"

#include "cli/columns.h"
#include "lang/diag.h"
#include "sweeps/expr.h"
#include "sweeps/figure.h"

#include <math.h>
#include <string.h>

/* How the table of a query reads: for people, as CSV, as JSON. */

void cp_table_print_text(CpCli *cli, const CpTableData *data)
{
    g_autoptr(GString) align = g_string_new(NULL);
    for (guint i = 0; i < data->columns->len; i++) {
        bool number = false;
        for (guint r = 0; r < data->rows->len; r++) {
            const CpCell *cells = data->rows->pdata[r];
            number = number || cells[i].kind == CP_CELL_NUMBER;
        }
        g_string_append_c(align, number ? 'r' : 'l');
    }
    g_autoptr(CpColumns) columns = cp_columns_new(align->str);
    for (guint i = 0; i < data->columns->len; i++) {
        const CpQueryColumn *c = data->columns->pdata[i];
        cp_columns_cell(columns, c->name);
    }
    for (guint r = 0; r < data->rows->len; r++) {
        const CpCell *cells = data->rows->pdata[r];
        for (guint i = 0; i < data->columns->len; i++) {
            g_autofree char *text = cp_cell_text(&cells[i], data->columns->pdata[i], false);
            g_autofree char *clean = cp_clean_text(text, -1);
            cp_columns_cell(columns, clean);
        }
    }
    g_autoptr(GString) out = g_string_new(NULL);
    cp_columns_print(columns, out);
    cp_out_bytes(cli, out->str, out->len);
}

void cp_table_print_csv(CpCli *cli, const CpTableData *data)
{
    g_autoptr(GString) out = g_string_new(NULL);
    cp_table_data_csv_head(data, out);
    for (guint r = 0; r < data->rows->len; r++) {
        cp_table_data_csv_row(data, r, out);
        if (out->len > 65536) {
            cp_out_bytes(cli, out->str, out->len);
            g_string_truncate(out, 0);
        }
    }
    cp_out_bytes(cli, out->str, out->len);
}

void cp_table_json_value(CpJson *json, const char *key, const char *text)
{
    CpValue v = {.kind = CP_VALUE_NULL};
    if (text == NULL) {
        cp_json_null(json, key);
        return;
    }
    v = cp_value_from_text(text);
    if (v.kind != CP_VALUE_NUMBER || !isfinite(v.number)) {
        cp_json_text(json, key, text);
        return;
    }
    g_autofree char *number = cp_figure_plain(v.number);
    if (v.dim == CP_DIM_NUMBER) {
        cp_json_raw(json, key, number);
        return;
    }
    CpUnit unit = v.dim == CP_DIM_TIME   ? CP_UNIT_NS
                  : v.dim == CP_DIM_SIZE ? CP_UNIT_BYTES
                                         : CP_UNIT_PPM;
    g_autofree char *own = cp_metric_key(key, unit);
    cp_json_text(json, key, text);
    cp_json_raw(json, own, number);
}

static void add_cell(CpJson *json, const CpCell *cell, const CpQueryColumn *c)
{
    bool number = cell->kind == CP_CELL_NUMBER && cell->text == NULL;
    g_autofree char *text = cp_cell_text(cell, c, true);
    if (cell->kind == CP_CELL_NULL || (number && !isfinite(cell->number))) {
        cp_json_null(json, c->key);
    } else if (number) {
        cp_json_raw(json, c->key, text);
    } else if (cell->kind == CP_CELL_NUMBER) {
        cp_table_json_value(json, c->key, cell->text);
    } else {
        cp_json_text(json, c->key, text);
    }
}

void cp_table_print_json(CpCli *cli, const CpTableData *data)
{
    for (guint r = 0; r < data->rows->len; r++) {
        const CpCell *cells = data->rows->pdata[r];
        CpJson *json = cp_json_new();
        cp_json_open(json, NULL, '{');
        for (guint i = 0; i < data->columns->len; i++) {
            add_cell(json, &cells[i], data->columns->pdata[i]);
        }
        cp_out_json(cli, json);
    }
}
