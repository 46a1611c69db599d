#include "sweeps/query.h"

#include "sim/error.h"
#include "sim/params.h"
#include "sweeps/expr.h"
#include "sweeps/stats.h"
#include "sweeps/table-source.h"
#include "lang/diag.h"
#include "traces/csv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- tables --- */

static void column_free(void *data)
{
    CpQueryColumn *c = data;
    g_free(c->name);
    g_free(c->key);
    g_free(c);
}

static CpTableData *data_new(void)
{
    CpTableData *data = g_new0(CpTableData, 1);
    data->columns = g_ptr_array_new_with_free_func(column_free);
    data->rows = g_ptr_array_new();
    return data;
}

static void cells_free(CpCell *cells, guint n)
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
        cells_free(data->rows->pdata[i], data->columns->len);
    }
    g_ptr_array_unref(data->rows);
    g_ptr_array_unref(data->columns);
    g_free(data);
}

static int find_column(const CpTableData *data, const char *name)
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

static const double scales[] = {
    [CP_UNIT_NS] = 1,       [CP_UNIT_COUNT] = 1,  [CP_UNIT_PPM] = 1e-6,
    [CP_UNIT_MILLI] = 1e-3, [CP_UNIT_NUMBER] = 1, [CP_UNIT_BYTES] = 1};

/* Shortest form that is exact to nine digits. */
static char *plain_number(double x)
{
    return x == floor(x) && fabs(x) < 9e15 ? g_strdup_printf("%.0f", x)
                                           : g_strdup_printf("%.9g", x);
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
    if (exact && c->is_metric && c->unit == CP_UNIT_NS) {
        return g_strdup_printf("%.0f", cell->number);
    }
    if (exact || !c->is_metric) {
        return plain_number(cell->number);
    }
    if (c->unit == CP_UNIT_NS) {
        g_autofree char *size = cp_format_time_human((CpTime)llround(fabs(cell->number)));
        return g_strconcat(cell->number < 0 ? "-" : "", size, NULL);
    }
    if (c->unit == CP_UNIT_PPM) {
        return g_strdup_printf("%.1f %%", cell->number * 100);
    }
    if (c->unit == CP_UNIT_BYTES) {
        return g_strdup_printf("%.1f MiB", cell->number / (1 << 20));
    }
    return cell->number == floor(cell->number) ? plain_number(cell->number)
                                               : g_strdup_printf("%.4g", cell->number);
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

/* --- loading --- */

static gboolean unknown_column(CpTableSource *s, const char *name, GError **error)
{
    g_autoptr(GPtrArray) names = cp_table_source_names(s);
    g_ptr_array_add(names, NULL);
    const char *near = cp_nearest(name, (const char *const *)names->pdata);
    g_autofree char *clean = cp_clean_text(name, -1);
    if (near != NULL) {
        g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                    "there is no column '%s'; did you mean '%s'?", clean, near);
    } else {
        g_autofree char *all = g_strjoinv(", ", (char **)names->pdata);
        g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                    "there is no column '%s' (columns: %s)", clean, all);
    }
    return FALSE;
}

/* Adds a column unless it is there; a word of a condition that is no column is text. */
static gboolean want(CpTableData *data, CpTableSource *s, const char *name, bool optional,
                     GError **error)
{
    if (*name == '\0' || find_column(data, name) >= 0) {
        return TRUE;
    }
    CpQueryColumn *c = g_new0(CpQueryColumn, 1);
    g_autoptr(GString) sql = g_string_new(NULL);
    if (cp_table_source_find(s, name, c, sql)) {
        if (find_column(data, c->name) < 0) {
            g_ptr_array_add(data->columns, c);
        } else {
            column_free(c);
        }
        return TRUE;
    }
    g_free(c);
    return optional || unknown_column(s, name, error);
}

static void read_cell(sqlite3_stmt *stmt, int i, const CpQueryColumn *c, CpCell *cell)
{
    int type = sqlite3_column_type(stmt, i);
    if (type == SQLITE_NULL) {
        return;
    }
    if (type == SQLITE_TEXT) {
        cell->text = g_strdup((const char *)sqlite3_column_text(stmt, i));
        CpValue v = cp_value_from_text(cell->text);
        cell->kind = v.kind == CP_VALUE_NUMBER ? CP_CELL_NUMBER : CP_CELL_TEXT;
        cell->number = v.number;
        return;
    }
    cell->kind = CP_CELL_NUMBER;
    cell->number = sqlite3_column_double(stmt, i) * (c->is_metric ? scales[c->unit] : 1);
}

/* The rows of one file, with the columns of `data`; what a file does not have is empty. */
static gboolean load_rows(CpTableData *data, CpTableSource *s, const char *path,
                          GError **error)
{
    g_autoptr(GString) sql = g_string_new(NULL);
    guint n = data->columns->len;
    for (guint i = 0; i < n; i++) {
        const CpQueryColumn *c = data->columns->pdata[i];
        CpQueryColumn own = {0};
        g_string_append(sql, i > 0 ? ", " : "");
        if (strcmp(c->name, "file") == 0) {
            char *text = sqlite3_mprintf("%Q", path);
            g_string_append(sql, text);
            sqlite3_free(text);
        } else if (!cp_table_source_find(s, c->name, &own, sql)) {
            g_string_append(sql, "NULL");
        }
        g_free(own.name);
        g_free(own.key);
    }
    sqlite3_stmt *stmt = cp_table_source_select(s, n > 0 ? sql->str : "NULL", error);
    if (stmt == NULL) {
        return FALSE;
    }
    int code;
    while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
        CpCell *cells = g_new0(CpCell, n + 1);
        for (guint i = 0; i < n; i++) {
            read_cell(stmt, (int)i, data->columns->pdata[i], &cells[i]);
        }
        g_ptr_array_add(data->rows, cells);
    }
    sqlite3_finalize(stmt);
    return code == SQLITE_DONE || cp_table_source_fail(s, code, error);
}

/* --- filter --- */

typedef struct {
    const CpTableData *data;
    const CpCell *cells;
} RowScope;

static bool look_up(const char *name, CpValue *value, void *user)
{
    const RowScope *scope = user;
    int i = find_column(scope->data, name);
    if (i < 0) {
        return false;
    }
    const CpCell *cell = &scope->cells[i];
    const CpQueryColumn *c = scope->data->columns->pdata[i];
    *value = (CpValue){.kind = CP_VALUE_NULL};
    if (cell->kind == CP_CELL_TEXT ||
        (cell->kind == CP_CELL_NUMBER && cell->text != NULL)) {
        *value = cp_value_from_text(cell->text);
    } else if (cell->kind == CP_CELL_NUMBER) {
        *value = (CpValue){.kind = CP_VALUE_NUMBER, .number = cell->number};
        value->dim = c->is_metric && c->unit == CP_UNIT_NS ? CP_DIMS_TIME : CP_DIMS_NUMBER;
    }
    return true;
}

static gboolean filter_rows(CpTableData *data, const CpExpr *filter, GError **error)
{
    guint kept = 0;
    RowScope first = {data, data->rows->len > 0 ? data->rows->pdata[0] : NULL};
    if (data->rows->len > 0 && !cp_expr_check(filter, look_up, &first, error)) {
        g_prefix_error(error, "--filter: ");
        return FALSE;
    }
    for (guint i = 0; i < data->rows->len; i++) {
        RowScope scope = {data, data->rows->pdata[i]};
        if (cp_expr_holds(filter, look_up, &scope)) {
            data->rows->pdata[kept++] = data->rows->pdata[i];
        } else {
            cells_free(data->rows->pdata[i], data->columns->len);
        }
    }
    g_ptr_array_set_size(data->rows, (gint)kept);
    return TRUE;
}

/* --- aggregates --- */

/* What is made of a column: a statistic, or an end or half the width of its interval. */
typedef enum { PLAIN, CI95, LO95, HI95 } Interval;

typedef struct {
    char *text;   /* "p95(latency.p99)": as written, without the metric */
    char *metric; /* column */
    CpStatistic what;
    Interval interval;
} Aggregate;

static void aggregate_free(void *data)
{
    Aggregate *a = data;
    g_free(a->text);
    g_free(a->metric);
    g_free(a);
}

static gboolean bad_aggregate(const char *text, GError **error)
{
    g_autofree char *clean = cp_clean_text(text, -1);
    g_set_error(
        error, CP_ERROR, CP_ERROR_USAGE,
        "--show: '%s' is not a function of a metric; for example: 'mean(makespan) "
        "ci95(makespan) p95(latency.p99) ci95(p95(latency.p99))'   (functions: mean "
        "sd min max sum n median pNN, and ci95 lo95 hi95 of these or of a metric)",
        clean);
    return FALSE;
}

/* "name(rest)" -> name, and the word becomes "rest"; NULL: it is not of that form. */
static char *take_function(char **word)
{
    char *open = strchr(*word, '(');
    size_t len = strlen(*word);
    if (open == NULL || open == *word || (*word)[len - 1] != ')' ||
        open + 2 > *word + len - 1) {
        return NULL;
    }
    char *name = g_strndup(*word, (gsize)(open - *word));
    (*word)[len - 1] = '\0';
    *word = open + 1;
    return name;
}

static bool read_interval(const char *name, Interval *out)
{
    static const char *const names[] = {[CI95] = "ci95", [LO95] = "lo95", [HI95] = "hi95"};
    for (Interval i = CI95; i <= HI95; i++) {
        if (strcmp(name, names[i]) == 0) {
            *out = i;
            return true;
        }
    }
    return false;
}

static gboolean read_aggregate(const char *text, Aggregate *a, GError **error)
{
    g_autofree char *copy = g_strdup(text);
    char *word = copy;
    g_autofree char *outer = take_function(&word);
    if (outer == NULL) {
        return bad_aggregate(text, error);
    }
    bool is_interval = read_interval(outer, &a->interval);
    g_autofree char *inner =
        is_interval && strchr(word, '(') != NULL ? take_function(&word) : NULL;
    const char *function = inner != NULL ? inner : is_interval ? "mean" : outer;
    if (!cp_statistic_find(function, &a->what) || strpbrk(word, "()") != NULL) {
        return bad_aggregate(text, error);
    }
    a->text = inner != NULL ? g_strdup_printf("%s(%s", outer, inner) : g_strdup(outer);
    a->metric = g_strdup(word);
    return TRUE;
}

static gboolean read_aggregates(const char *text, GPtrArray *list, GError **error)
{
    g_auto(GStrv) words = g_strsplit_set(text, " ,\t\n", -1);
    for (char **word = words; *word != NULL; word++) {
        if (**word == '\0') {
            continue;
        }
        Aggregate *a = g_new0(Aggregate, 1);
        g_ptr_array_add(list, a);
        if (!read_aggregate(*word, a, error)) {
            return FALSE;
        }
    }
    return list->len > 0 || bad_aggregate(text, error);
}

typedef struct {
    double seed, value;
} Seeded;

static int by_seed(const void *a, const void *b)
{
    double x = ((const Seeded *)a)->seed, y = ((const Seeded *)b)->seed;
    return (x > y) - (x < y);
}

/* The values of a column, those of a seed together.  Only rows of sweeps have seeds that
 * mean something: lines of several runs are each for itself. */
static Seeded *seeded_values(const CpTableData *data, const GPtrArray *rows, int column,
                             size_t *n)
{
    int seed = find_column(data, "repeat") >= 0 ? find_column(data, "seed") : -1;
    Seeded *list = g_new(Seeded, rows->len + 1);
    *n = 0;
    for (guint i = 0; i < rows->len; i++) {
        const CpCell *cells = rows->pdata[i];
        if (cells[column].kind == CP_CELL_NUMBER) {
            list[(*n)++] =
                (Seeded){seed >= 0 ? cells[seed].number : i, cells[column].number};
        }
    }
    qsort(list, *n, sizeof *list, by_seed);
    return list;
}

static double interval_of(const Aggregate *a, const CpSample *sample)
{
    double low, high;
    if (a->interval == CI95 && a->what.kind == CP_STAT_MEAN) {
        return cp_sample_ci95(sample);
    }
    cp_sample_bootstrap(sample, a->what, &low, &high);
    return a->interval == LO95 ? low : a->interval == HI95 ? high : (high - low) / 2;
}

static CpCell aggregate(const CpTableData *data, const GPtrArray *rows, const Aggregate *a)
{
    size_t n;
    g_autofree Seeded *list = seeded_values(data, rows, find_column(data, a->metric), &n);
    g_autofree double *values = g_new(double, n + 1);
    g_autofree double *seeds = g_new(double, n + 1);
    for (size_t i = 0; i < n; i++) {
        values[i] = list[i].value;
        seeds[i] = list[i].seed;
    }
    const CpSample sample = {values, seeds, n};
    CpCell cell = {.kind = CP_CELL_NUMBER};
    cell.number = a->interval == PLAIN ? cp_statistic_of(a->what, values, n)
                                       : interval_of(a, &sample);
    cell.kind = isnan(cell.number) ? CP_CELL_NULL : CP_CELL_NUMBER;
    return cell;
}

/* "ci95(p95(makespan))" for people, "ci95_p95_makespan_ns" in CSV and JSON. */
static CpQueryColumn *aggregate_column(const Aggregate *a, const CpQueryColumn *c)
{
    CpQueryColumn *own = g_new0(CpQueryColumn, 1);
    bool nested = strchr(a->text, '(') != NULL;
    g_autofree char *words = g_strdup(a->text);
    g_strdelimit(words, "(", '_');
    own->name = g_strdup_printf("%s(%s)%s", a->text, c->name, nested ? ")" : "");
    own->is_metric = c->is_metric && a->what.kind != CP_STAT_N;
    own->unit = own->is_metric ? c->unit : CP_UNIT_NUMBER;
    /* A number of values is no time, whatever it counts. */
    g_autofree char *plain = cp_metric_key(c->name, CP_UNIT_NUMBER);
    own->key = g_strdup_printf("%s_%s", words, own->is_metric ? c->key : plain);
    return own;
}

static CpCell copy_cell(const CpCell *cell)
{
    return (CpCell){cell->kind, cell->number, g_strdup(cell->text)};
}

static CpQueryColumn *copy_column(const CpQueryColumn *c)
{
    CpQueryColumn *copy = g_new0(CpQueryColumn, 1);
    *copy = (CpQueryColumn){g_strdup(c->name), g_strdup(c->key), c->is_metric, c->unit};
    return copy;
}

static char *group_key(const CpTableData *data, const CpCell *cells, char **names)
{
    GString *key = g_string_new(NULL);
    for (; *names != NULL; names++) {
        int i = find_column(data, *names);
        g_autofree char *text = cp_cell_text(&cells[i], data->columns->pdata[i], true);
        g_string_append_printf(key, "%s\n", text);
    }
    return g_string_free(key, FALSE);
}

/* Groups in the order of their first row: GPtrArray of GPtrArray of cells. */
static GPtrArray *make_groups(const CpTableData *data, char **names)
{
    GPtrArray *groups = g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref);
    g_autoptr(GHashTable) by_key =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < data->rows->len; i++) {
        char *key = group_key(data, data->rows->pdata[i], names);
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

static CpTableData *grouped(const CpTableData *data, char **names,
                            const GPtrArray *aggregates)
{
    CpTableData *out = data_new();
    g_autoptr(GPtrArray) groups = make_groups(data, names);
    guint n_names = g_strv_length(names);
    for (char **name = names; *name != NULL; name++) {
        g_ptr_array_add(out->columns,
                        copy_column(data->columns->pdata[find_column(data, *name)]));
    }
    for (guint k = 0; k < aggregates->len; k++) {
        const Aggregate *a = aggregates->pdata[k];
        const CpQueryColumn *c = data->columns->pdata[find_column(data, a->metric)];
        g_ptr_array_add(out->columns, aggregate_column(a, c));
    }
    for (guint g = 0; g < groups->len; g++) {
        const GPtrArray *rows = groups->pdata[g];
        CpCell *cells = g_new0(CpCell, out->columns->len + 1);
        for (guint i = 0; i < n_names; i++) {
            cells[i] =
                copy_cell(&((const CpCell *)rows->pdata[0])[find_column(data, names[i])]);
        }
        for (guint k = 0; k < aggregates->len; k++) {
            cells[n_names + k] = aggregate(data, rows, aggregates->pdata[k]);
        }
        g_ptr_array_add(out->rows, cells);
    }
    return out;
}

/* --- sorting --- */

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
        return strcmp(a->text, b->text);
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

static gboolean sort_rows(CpTableData *data, const char *text, GError **error)
{
    g_autoptr(GArray) keys = g_array_new(FALSE, FALSE, sizeof(SortKey));
    g_auto(GStrv) names = g_strsplit(text, ",", -1);
    for (char **name = names; *name != NULL; name++) {
        g_strstrip(*name);
        SortKey key = {.down = **name == '-'};
        key.column = find_column(data, *name + (key.down ? 1 : 0));
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

/* --- a query --- */

typedef struct {
    const CpQuery *q;
    CpTableData *data;     /* columns loaded */
    char **groups;         /* or NULL */
    char **shown;          /* without groups: columns in order */
    GPtrArray *aggregates; /* Aggregate */
    CpExpr *filter;
} Job;

static gboolean want_list(Job *job, CpTableSource *s, char **names, GError **error)
{
    for (; names != NULL && *names != NULL; names++) {
        if (!want(job->data, s, g_strstrip(*names), false, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

/* Columns nobody asked for by name. */
static char **usual_columns(Job *job, CpTableSource *s)
{
    static const char *const usual[] = {"outcome", "makespan", "cpu", "switches",
                                        "latency.p99"};
    g_autoptr(GPtrArray) all = cp_table_source_names(s);
    g_autoptr(GPtrArray) axes = cp_table_source_axes(s);
    GPtrArray *names = g_ptr_array_new();
    if (job->q->files[1] != NULL) {
        g_ptr_array_add(names, g_strdup("file"));
    }
    if (axes->len == 0) {
        g_ptr_array_add(names, g_strdup("workload"));
    }
    GPtrArray *first = job->q->all_columns ? all : axes;
    for (guint i = 0; i < first->len; i++) {
        g_ptr_array_add(names, g_strdup(first->pdata[i]));
    }
    for (size_t i = 0; !job->q->all_columns && i < G_N_ELEMENTS(usual); i++) {
        CpQueryColumn c = {0};
        g_autoptr(GString) sql = g_string_new(NULL);
        if (cp_table_source_find(s, usual[i], &c, sql)) {
            g_ptr_array_add(names, g_strdup(usual[i]));
        }
        g_free(c.name);
        g_free(c.key);
    }
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_free(names, FALSE);
}

/* What to load, from the first file. */
static gboolean plan_columns(Job *job, CpTableSource *s, GError **error)
{
    if (job->q->group != NULL) {
        const char *show = job->q->show != NULL
                               ? job->q->show
                               : "mean(makespan) ci95(makespan) n(makespan)";
        job->groups = g_strsplit(job->q->group, ",", -1);
        if (!read_aggregates(show, job->aggregates, error) ||
            !want_list(job, s, job->groups, error)) {
            return FALSE;
        }
    } else if (job->q->columns != NULL) {
        job->shown = g_strsplit(job->q->columns, ",", -1);
    } else {
        job->shown = usual_columns(job, s);
    }
    for (guint i = 0; i < job->aggregates->len; i++) {
        const Aggregate *a = job->aggregates->pdata[i];
        if (!want(job->data, s, a->metric, false, error)) {
            return FALSE;
        }
    }
    if (job->aggregates->len > 0) { /* intervals are over seeds */
        want(job->data, s, "seed", true, NULL);
        want(job->data, s, "repeat", true, NULL);
    }
    if (!want_list(job, s, job->shown, error)) {
        return FALSE;
    }
    g_auto(GStrv) names = job->filter != NULL ? cp_expr_names(job->filter) : NULL;
    for (char **name = names; name != NULL && *name != NULL; name++) {
        want(job->data, s, *name, true, NULL);
    }
    if (names != NULL && names[0] != NULL && find_column(job->data, names[0]) < 0) {
        return unknown_column(s, names[0], error);
    }
    return TRUE;
}

/* The file's name is a column when there are several. */
static void want_file(Job *job)
{
    if (job->q->files[1] != NULL) {
        CpQueryColumn *c = g_new0(CpQueryColumn, 1);
        *c = (CpQueryColumn){g_strdup("file"), g_strdup("file"), false, CP_UNIT_NUMBER};
        g_ptr_array_add(job->data->columns, c);
    }
}

static gboolean load(Job *job, GError **error)
{
    want_file(job);
    for (char *const *path = job->q->files; *path != NULL; path++) {
        CpTableSource *s = cp_table_source_new(*path, error);
        gboolean ok = s != NULL && (path != job->q->files || plan_columns(job, s, error)) &&
                      load_rows(job->data, s, *path, error);
        cp_table_source_free(s);
        if (!ok) {
            return FALSE;
        }
    }
    return job->filter == NULL || filter_rows(job->data, job->filter, error);
}

/* Only the columns shown, in their order. */
static CpTableData *chosen(const CpTableData *data, char **names)
{
    CpTableData *out = data_new();
    for (char **name = names; *name != NULL; name++) {
        int i = find_column(data, *name);
        if (i >= 0) {
            g_ptr_array_add(out->columns, copy_column(data->columns->pdata[i]));
        }
    }
    for (guint r = 0; r < data->rows->len; r++) {
        const CpCell *from = data->rows->pdata[r];
        CpCell *cells = g_new0(CpCell, out->columns->len + 1);
        guint k = 0;
        for (char **name = names; *name != NULL; name++) {
            int i = find_column(data, *name);
            if (i >= 0) {
                cells[k++] = copy_cell(&from[i]);
            }
        }
        g_ptr_array_add(out->rows, cells);
    }
    return out;
}

static void job_clear(Job *job)
{
    cp_table_data_free(job->data);
    g_strfreev(job->groups);
    g_strfreev(job->shown);
    g_ptr_array_unref(job->aggregates);
    cp_expr_free(job->filter);
}

static gboolean job_init(Job *job, const CpQuery *query, GError **error)
{
    *job = (Job){.q = query, .data = data_new()};
    job->aggregates = g_ptr_array_new_with_free_func(aggregate_free);
    if (query->filter != NULL) {
        job->filter = cp_expr_new(query->filter, error);
        if (job->filter == NULL) {
            g_prefix_error(error, "--filter: ");
            return FALSE;
        }
    }
    return TRUE;
}

CpTableData *cp_query_run(const CpQuery *query, GError **error)
{
    Job job;
    CpTableData *out = NULL;
    if (job_init(&job, query, error) && load(&job, error)) {
        /* Sorting by a column that is not shown needs it loaded; sort what is shown. */
        out = job.groups != NULL ? grouped(job.data, job.groups, job.aggregates)
                                 : chosen(job.data, job.shown);
        if (query->sort != NULL && !sort_rows(out, query->sort, error)) {
            g_clear_pointer(&out, cp_table_data_free);
        }
    }
    while (out != NULL && query->limit > 0 && out->rows->len > query->limit) {
        cells_free(out->rows->pdata[out->rows->len - 1], out->columns->len);
        g_ptr_array_set_size(out->rows, (gint)out->rows->len - 1);
    }
    job_clear(&job);
    return out;
}

char **cp_query_axes(const char *file, uint32_t *repeats, GError **error)
{
    CpTableSource *s = cp_table_source_new(file, error);
    if (s == NULL) {
        return NULL;
    }
    GPtrArray *axes = cp_table_source_axes(s);
    *repeats = cp_table_source_repeats(s);
    cp_table_source_free(s);
    g_ptr_array_add(axes, NULL);
    g_ptr_array_set_free_func(axes, NULL);
    return (char **)g_ptr_array_free(axes, FALSE);
}

/* --- paired comparison --- */

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
    g_autofree char *rest = group_key(p->data, cells, p->others);
    const CpCell *repeat = &cells[find_column(p->data, "repeat")];
    return g_strdup_printf("%s%.0f", rest, repeat->number);
}

static bool is_variant(const Pairs *p, const CpCell *cells, const char *value)
{
    int i = find_column(p->data, p->c->axis);
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
    int m = find_column(p->data, p->c->metric);
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
        out[k++] =
            copy_cell(&((const CpCell *)rows->pdata[0])[find_column(p->data, *name)]);
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
    *c = (CpQueryColumn){name, key, is_metric, unit};
    g_ptr_array_add(data->columns, c);
}

static CpTableData *compare_all(Pairs *p)
{
    CpTableData *out = data_new();
    int m = find_column(p->data, p->c->metric);
    const CpQueryColumn *metric = p->data->columns->pdata[m];
    for (guint i = 0; i < p->data->rows->len; i++) {
        CpCell *cells = p->data->rows->pdata[i];
        if (is_variant(p, cells, p->c->a) && cells[m].kind == CP_CELL_NUMBER) {
            g_hash_table_insert(p->a_values, pair_key(p, cells), &cells[m]);
        }
    }
    for (char **name = p->others; *name != NULL; name++) {
        g_ptr_array_add(out->columns,
                        copy_column(p->data->columns->pdata[find_column(p->data, *name)]));
    }
    add_column(out, g_strdup_printf("%s: %s - %s", metric->name, p->c->b, p->c->a),
               g_strdup_printf("difference_%s", metric->key), true, metric->unit);
    add_column(out, g_strdup("ci95"), g_strdup_printf("ci95_%s", metric->key), true,
               metric->unit);
    add_column(out, g_strdup("pairs"), g_strdup("pairs"), false, CP_UNIT_NUMBER);
    add_column(out, g_strdup("verdict"), g_strdup("verdict"), false, CP_UNIT_NUMBER);
    g_autoptr(GPtrArray) groups = make_groups(p->data, p->others);
    for (guint g = 0; g < groups->len; g++) {
        g_ptr_array_add(out->rows, compare_group(p, groups->pdata[g], out->columns->len));
    }
    return out;
}

/* Both variants are values that rows have. */
static gboolean check_variants(const Pairs *p, GError **error)
{
    g_autoptr(GPtrArray) values = g_ptr_array_new_with_free_func(g_free);
    int column = find_column(p->data, p->c->axis);
    for (guint i = 0; i < p->data->rows->len; i++) {
        const CpCell *cells = p->data->rows->pdata[i];
        char *text = cp_cell_text(&cells[column], p->data->columns->pdata[column], true);
        if (g_ptr_array_find_with_equal_func(values, text, g_str_equal, NULL)) {
            g_free(text);
        } else {
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
    query.group = NULL;
    Job job;
    CpTableData *out = NULL;
    if (job_init(&job, &query, error) && load(&job, error)) {
        Pairs pairs = {c, job.data, (char **)others->pdata, NULL};
        pairs.a_values = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        out = check_variants(&pairs, error) ? compare_all(&pairs) : NULL;
        g_hash_table_unref(pairs.a_values);
    }
    job_clear(&job);
    return out;
}
