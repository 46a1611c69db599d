/* Any bytes as a result file or as lines of JSON: a table or a refusal, never a fault. */
#include "sim/error.h"
#include "sweeps/query.h"

#include <glib/gstdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void show(const CpTableData *table)
{
    g_autoptr(GString) csv = g_string_new(NULL);
    cp_table_data_csv_head(table, csv);
    for (guint r = 0; r < table->rows->len; r++) {
        cp_table_data_csv_row(table, r, csv);
        for (guint c = 0; c < table->columns->len; c++) {
            const CpCell *cells = table->rows->pdata[r];
            g_free(cp_cell_text(&cells[c], table->columns->pdata[c], false));
        }
    }
    if (!g_utf8_validate(csv->str, -1, NULL)) {
        abort();
    }
}

static void ask(const CpQuery *query)
{
    g_autoptr(GError) error = NULL;
    CpTableData *table = cp_query_run(query, &error);
    if (table != NULL) {
        show(table);
        cp_table_data_free(table);
    } else if (error == NULL || error->domain != CP_ERROR) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *path =
        g_strdup_printf("%s/fuzz-results-%d.db", g_get_tmp_dir(), (int)getpid());
    if (!g_file_set_contents_full(path, (const char *)data, (gssize)size,
                                  G_FILE_SET_CONTENTS_NONE, 0600, NULL)) {
        abort();
    }
    char *const files[] = {path, NULL};
    const CpQuery queries[] = {
        {.files = files},
        {.files = files, .all_columns = true},
        {.files = files, .group = "cores", .show = "mean(makespan) ci95(cpu)"},
        {.files = files, .columns = "makespan,cores", .filter = "cores >= 2"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(queries); i++) {
        ask(&queries[i]);
    }
    uint32_t repeats;
    g_strfreev(cp_query_axes(path, &repeats, NULL));
    g_unlink(path);
    return 0;
}
