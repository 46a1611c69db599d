#include "sweeps/query.h"

#include "sim/error.h"
#include "lang/diag.h"
#include "sweeps/stats.h"

#include <math.h>
#include <string.h>

/* Which of two variants is better, judged pair by pair: runs that differ in nothing else
 * met the same work. */

/* Less is better for all but what is produced. */
static bool more_is_better(const char *metric)
{
    return strstr(metric, "throughput") != NULL || strstr(metric, "busy_share") != NULL ||
           g_str_has_suffix(metric, ".n");
}

typedef struct {
    const CpComparison *c;
    const CpTableData *data;
    char **others;        /* axes beside the compared one */
    GHashTable *a_values; /* others + repeat -> cell of A */
} Pairs;

static char *pair_key(const Pairs *p, const CpCell *cells)
{
    g_autofree char *rest = cp_table_data_key(p->data, cells, p->others);
    const CpCell *repeat = &cells[cp_table_data_find(p->data, "repeat")];
    return g_strdup_printf("%s%.0f", rest, repeat->number);
}

static bool is_variant(const Pairs *p, const CpCell *cells, const char *value)
{
    int i = cp_table_data_find(p->data, p->c->axis);
    g_autofree char *text = cp_cell_text(&cells[i], p->data->columns->pdata[i], true);
    return strcmp(text, value) == 0;
}

static void add_text(CpCell *cell, char *text)
{
    *cell = (CpCell){CP_CELL_TEXT, 0, text};
}

static char *verdict(const Pairs *p, const CpQueryColumn *metric, const CpStats *s)
{
    CpCell size = {CP_CELL_NUMBER, fabs(s->mean), NULL},
           ci = {CP_CELL_NUMBER, s->ci95, NULL};
    g_autofree char *by = cp_cell_text(&size, metric, false);
    g_autofree char *plus_minus = cp_cell_text(&ci, metric, false);
    bool less = s->mean < 0;
    const char *winner = less == more_is_better(metric->name) ? p->c->a : p->c->b;
    if (s->n < 2) {
        return s->n == 0 ? g_strdup("no pairs")
                         : g_strdup_printf("%s better by %s (one pair)", winner, by);
    }
    if (s->min == 0 && s->max == 0) {
        return g_strdup("the same in every pair");
    }
    if (!(fabs(s->mean) > s->ci95)) {
        return g_strdup_printf("no difference shown: %s +- %s", by, plus_minus);
    }
    return g_strdup_printf("%s better by %s +- %s", winner, by, plus_minus);
}

static CpCell *compare_group(const Pairs *p, const GPtrArray *rows, guint n_columns)
{
    int m = cp_table_data_find(p->data, p->c->metric);
    const CpQueryColumn *metric = p->data->columns->pdata[m];
    g_autofree double *differences = g_new(double, rows->len + 1);
    size_t n = 0;
    for (guint i = 0; i < rows->len; i++) {
        const CpCell *cells = rows->pdata[i];
        g_autofree char *key = pair_key(p, cells);
        const CpCell *a = g_hash_table_lookup(p->a_values, key);
        if (is_variant(p, cells, p->c->b) && a != NULL && cells[m].kind == CP_CELL_NUMBER) {
            differences[n++] = cells[m].number - a->number;
        }
    }
    CpStats s = cp_stats(differences, n);
    CpCell *out = g_new0(CpCell, n_columns + 1);
    guint k = 0;
    for (char **name = p->others; *name != NULL; name++) {
        out[k++] = cp_cell_copy(
            &((const CpCell *)rows->pdata[0])[cp_table_data_find(p->data, *name)]);
    }
    out[k++] = (CpCell){n > 0 ? CP_CELL_NUMBER : CP_CELL_NULL, s.mean, NULL};
    out[k++] = (CpCell){n > 1 ? CP_CELL_NUMBER : CP_CELL_NULL, s.ci95, NULL};
    out[k++] = (CpCell){CP_CELL_NUMBER, (double)n, NULL};
    add_text(&out[k], verdict(p, metric, &s));
    return out;
}

static void add_column(CpTableData *data, char *name, char *key, bool is_metric,
                       CpUnit unit)
{
    CpQueryColumn *c = g_new0(CpQueryColumn, 1);
    *c = (CpQueryColumn){.name = name, .key = key, .is_metric = is_metric, .unit = unit};
    g_ptr_array_add(data->columns, c);
}

static CpTableData *compare_all(Pairs *p)
{
    CpTableData *out = cp_table_data_new();
    int m = cp_table_data_find(p->data, p->c->metric);
    const CpQueryColumn *metric = p->data->columns->pdata[m];
    for (guint i = 0; i < p->data->rows->len; i++) {
        CpCell *cells = p->data->rows->pdata[i];
        if (is_variant(p, cells, p->c->a) && cells[m].kind == CP_CELL_NUMBER) {
            g_hash_table_insert(p->a_values, pair_key(p, cells), &cells[m]);
        }
    }
    for (char **name = p->others; *name != NULL; name++) {
        g_ptr_array_add(
            out->columns,
            cp_column_copy(p->data->columns->pdata[cp_table_data_find(p->data, *name)]));
    }
    add_column(out, g_strdup_printf("%s: %s - %s", metric->name, p->c->b, p->c->a),
               g_strdup_printf("difference_%s", metric->key), true, metric->unit);
    add_column(out, g_strdup("ci95"), g_strdup_printf("ci95_%s", metric->key), true,
               metric->unit);
    add_column(out, g_strdup("pairs"), g_strdup("pairs"), false, CP_UNIT_NUMBER);
    add_column(out, g_strdup("verdict"), g_strdup("verdict"), false, CP_UNIT_NUMBER);
    g_autoptr(GPtrArray) groups = cp_table_data_groups(p->data, p->others);
    for (guint g = 0; g < groups->len; g++) {
        g_ptr_array_add(out->rows, compare_group(p, groups->pdata[g], out->columns->len));
    }
    return out;
}

/* Both variants are values that rows have. */
static gboolean check_variants(const Pairs *p, GError **error)
{
    g_autoptr(GPtrArray) values = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GHashTable) known = g_hash_table_new(g_str_hash, g_str_equal);
    int column = cp_table_data_find(p->data, p->c->axis);
    for (guint i = 0; i < p->data->rows->len; i++) {
        const CpCell *cells = p->data->rows->pdata[i];
        char *text = cp_cell_text(&cells[column], p->data->columns->pdata[column], true);
        if (g_hash_table_contains(known, text)) {
            g_free(text);
        } else {
            g_hash_table_add(known, text);
            g_ptr_array_add(values, text);
        }
    }
    g_ptr_array_add(values, NULL);
    const char *const variants[] = {p->c->a, p->c->b};
    for (size_t i = 0; values->len > 1 && i < G_N_ELEMENTS(variants); i++) {
        if (!g_strv_contains((const char *const *)values->pdata, variants[i])) {
            g_autofree char *all = g_strjoinv(", ", (char **)values->pdata);
            g_autofree char *clean = cp_clean_text(variants[i], -1);
            g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                        "--compare: no run has %s = %s (values: %s)", p->c->axis, clean,
                        all);
            return FALSE;
        }
    }
    return TRUE;
}

CpTableData *cp_query_compare(const CpComparison *c, GError **error)
{
    uint32_t repeats;
    g_auto(GStrv) axes = cp_query_axes(c->query.files[0], &repeats, error);
    if (axes == NULL) {
        return NULL;
    }
    g_autoptr(GPtrArray) others = g_ptr_array_new();
    const char *own = NULL;
    for (char **axis = axes; *axis != NULL; axis++) {
        g_autofree char *tail = g_strconcat(".", c->axis, NULL);
        if (own == NULL && (strcmp(*axis, c->axis) == 0 || g_str_has_suffix(*axis, tail))) {
            own = *axis;
        } else {
            g_ptr_array_add(others, *axis);
        }
    }
    g_autofree char *all = g_strjoinv(", ", axes);
    if (own == NULL) {
        g_autofree char *clean = cp_clean_text(c->axis, -1);
        g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                    "--compare: '%s' is no axis (axes: %s)", clean, all);
        return NULL;
    }
    g_ptr_array_add(others, NULL);
    g_autofree char *rest = g_strjoinv(",", (char **)others->pdata);
    g_autofree char *columns =
        g_strdup_printf("%s%s%s,repeat,%s", own, *rest ? "," : "", rest, c->metric);
    CpQuery query = c->query;
    query.columns = columns;
    /* A run that stopped early differs for that reason. */
    g_autofree char *done = c->query.filter != NULL
                                ? g_strdup_printf("(%s) and failed == 0", c->query.filter)
                                : g_strdup("failed == 0");
    query.filter = done;
    query.group = query.sort = NULL;
    query.limit = 0;
    CpTableData *data = cp_query_run(&query, error);
    if (data == NULL) {
        return NULL;
    }
    Pairs pairs = {c, data, (char **)others->pdata, NULL};
    pairs.a_values = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    CpTableData *out = check_variants(&pairs, error) ? compare_all(&pairs) : NULL;
    g_hash_table_unref(pairs.a_values);
    cp_table_data_free(data);
    return out;
}
