/* Any text as axis, condition and query (lines 1 to 6: axis, --filter, --columns, --group,
 * --show, --sort): an answer or a message, never a fault; an axis reads back as it prints.
 */
#include "sim/error.h"
#include "sweeps/axis.h"
#include "sweeps/query.h"

#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINES = 6, VALUES_MAX = 1000 };

static const char rows[] =
    "{\"outcome\":\"done\",\"seed\":1,\"settings\":{\"cores\":\"2\",\"policy\":\"rr\"},"
    "\"metrics\":{\"makespan_ns\":5000000,\"switches\":7,\"busy_share\":0.5}}\n"
    "{\"outcome\":\"deadlock\",\"seed\":2,\"settings\":{\"cores\":\"4\",\"policy\":"
    "\"fifo\"},"
    "\"metrics\":{\"makespan_ns\":7000000,\"switches\":null,\"busy_share\":1}}\n";

static void check_axis(const char *text)
{
    g_autoptr(GError) error = NULL;
    if (strchr(text, '@') != NULL) {
        return; /* a file of values */
    }
    CpAxis *axis = cp_axis_new(text, &error);
    if (axis == NULL) {
        if (error == NULL) {
            abort();
        }
        return;
    }
    for (uint64_t i = 0; i < MIN(cp_axis_size(axis), VALUES_MAX); i++) {
        g_free(cp_axis_value(axis, i));
    }
    if (cp_axis_size(axis) <= VALUES_MAX) {
        g_autoptr(GString) printed = g_string_new(NULL);
        cp_axis_print(axis, printed);
        CpAxis *again = cp_axis_new(printed->str, NULL);
        if (again == NULL || cp_axis_size(again) != cp_axis_size(axis)) {
            abort();
        }
        cp_axis_free(again);
    }
    cp_axis_free(axis);
}

static const char *or_null(const char *text)
{
    return text != NULL && *text != '\0' ? text : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    g_auto(GStrv) words = g_strsplit(valid, "\n", LINES);
    char *line[LINES] = {NULL};
    for (int i = 0; i < LINES && words[i] != NULL; i++) {
        line[i] = words[i];
    }
    if (line[0] != NULL) {
        check_axis(line[0]);
    }
    g_autofree char *path =
        g_strdup_printf("%s/fuzz-query-%d.jsonl", g_get_tmp_dir(), (int)getpid());
    if (!g_file_test(path, G_FILE_TEST_EXISTS) &&
        !g_file_set_contents(path, rows, -1, NULL)) {
        abort();
    }
    char *const files[] = {path, NULL};
    const CpQuery query = {.files = files,
                           .filter = or_null(line[1]),
                           .columns = or_null(line[2]),
                           .group = or_null(line[3]),
                           .show = or_null(line[4]),
                           .sort = or_null(line[5])};
    g_autoptr(GError) error = NULL;
    CpTableData *table = cp_query_run(&query, &error);
    if (table == NULL && (error == NULL || error->domain != CP_ERROR)) {
        abort();
    }
    if (table != NULL) {
        cp_table_data_free(table);
    }
    return 0;
}
