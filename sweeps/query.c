#include "sweeps/query.h"

#include "sim/error.h"
#include "sim/params.h"
#include "sim/words.h"
#include "lang/diag.h"
#include "sweeps/aggregate.h"
#include "sweeps/expr.h"
#include "sweeps/figure.h"
#include "sweeps/table-source.h"

#include <math.h>
#include <string.h>

/* Which columns a query loads from its files, which rows it keeps, and what it shows. */

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
    if (*name == '\0' || cp_table_data_find(data, name) >= 0) {
        return TRUE;
    }
    CpQueryColumn *c = g_new0(CpQueryColumn, 1);
    g_autoptr(GString) sql = g_string_new(NULL);
    if (cp_table_source_find(s, name, c, sql)) {
        if (cp_table_data_find(data, c->name) < 0) {
            g_ptr_array_add(data->columns, c);
        } else {
            cp_column_free(c);
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
        bool is_number = v.kind == CP_VALUE_NUMBER && !c->is_word;
        cell->kind = is_number ? CP_CELL_NUMBER : CP_CELL_TEXT;
        cell->number = v.number;
        return;
    }
    cell->kind = CP_CELL_NUMBER;
    double stored = sqlite3_column_double(stmt, i);
    cell->number = c->is_metric ? cp_figure(c->unit, stored) : stored;
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
    int code = SQLITE_DONE;
    gboolean ok = TRUE;
    while (ok && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
        CpCell *cells = g_new0(CpCell, n + 1);
        for (guint i = 0; ok && i < n; i++) {
            const CpQueryColumn *c = data->columns->pdata[i];
            ok = cp_table_source_check(s, stmt, (int)i, c, error);
            if (ok) {
                read_cell(stmt, (int)i, c, &cells[i]);
            }
        }
        g_ptr_array_add(data->rows, cells);
    }
    sqlite3_finalize(stmt);
    return ok && (code == SQLITE_DONE || cp_table_source_fail(s, code, error));
}

/* --- filter --- */

typedef struct {
    const CpTableData *data;
    const CpCell *cells;
} RowScope;

static bool look_up(const char *name, CpValue *value, void *user)
{
    const RowScope *scope = user;
    int i = cp_table_data_find(scope->data, name);
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
        value->dim = c->is_metric ? cp_figure_dim(c->unit) : CP_DIM_NUMBER;
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
            cp_cells_free(data->rows->pdata[i], data->columns->len);
        }
    }
    g_ptr_array_set_size(data->rows, (gint)kept);
    return TRUE;
}

/* --- a query --- */

typedef struct {
    const CpQuery *q;
    CpTableData *data;     /* columns loaded */
    char **groups;         /* or NULL */
    char **shown;          /* without groups: columns in order */
    GPtrArray *aggregates; /* CpAggregate */
    CpExpr *filter;
    bool failed_too; /* the filter chooses among failed runs itself */
} Job;

static gboolean want_list(Job *job, CpTableSource *s, char **names, GError **error)
{
    for (; names != NULL && *names != NULL; names++) {
        if (*g_strstrip(*names) == '\0') {
            g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                        "a list of columns has an empty name: one comma between two names");
            return FALSE;
        }
        if (!want(job->data, s, *names, false, error)) {
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
        if (!cp_aggregates_read(show, job->aggregates, error) ||
            !want_list(job, s, job->groups, error)) {
            return FALSE;
        }
    } else if (job->q->columns != NULL) {
        job->shown = g_strsplit(job->q->columns, ",", -1);
    } else {
        job->shown = usual_columns(job, s);
    }
    for (guint i = 0; i < job->aggregates->len; i++) {
        const CpAggregate *a = job->aggregates->pdata[i];
        if (!want(job->data, s, a->metric, false, error)) {
            return FALSE;
        }
    }
    if (job->aggregates->len > 0) { /* intervals are over seeds */
        want(job->data, s, "seed", true, NULL);
        want(job->data, s, "repeat", true, NULL);
        want(job->data, s, "failed", true, NULL);
        want(job->data, s, "outcome", true, NULL);
    }
    if (!want_list(job, s, job->shown, error)) {
        return FALSE;
    }
    g_auto(GStrv) names = job->filter != NULL ? cp_expr_names(job->filter) : NULL;
    for (char **name = names; name != NULL && *name != NULL; name++) {
        want(job->data, s, *name, true, NULL);
    }
    if (names != NULL && names[0] != NULL && cp_table_data_find(job->data, names[0]) < 0) {
        return unknown_column(s, names[0], error);
    }
    return TRUE;
}

/* The file's name is a column when there are several. */
static void want_file(Job *job)
{
    if (job->q->files[1] != NULL) {
        CpQueryColumn *c = g_new0(CpQueryColumn, 1);
        *c = (CpQueryColumn){
            .name = g_strdup("file"), .key = g_strdup("file"), .unit = CP_UNIT_NUMBER};
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
    CpTableData *out = cp_table_data_new();
    for (char **name = names; *name != NULL; name++) {
        int i = cp_table_data_find(data, *name);
        if (i >= 0) {
            g_ptr_array_add(out->columns, cp_column_copy(data->columns->pdata[i]));
        }
    }
    for (guint r = 0; r < data->rows->len; r++) {
        const CpCell *from = data->rows->pdata[r];
        CpCell *cells = g_new0(CpCell, out->columns->len + 1);
        guint k = 0;
        for (char **name = names; *name != NULL; name++) {
            int i = cp_table_data_find(data, *name);
            if (i >= 0) {
                cells[k++] = cp_cell_copy(&from[i]);
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
    *job = (Job){.q = query, .data = cp_table_data_new()};
    job->aggregates = g_ptr_array_new_with_free_func(cp_aggregate_free);
    if (query->filter != NULL) {
        job->filter = cp_expr_new(query->filter, error);
        if (job->filter == NULL) {
            g_prefix_error(error, "--filter: ");
            return FALSE;
        }
        g_auto(GStrv) names = cp_expr_names(job->filter);
        job->failed_too = g_strv_contains((const char *const *)names, "failed") ||
                          g_strv_contains((const char *const *)names, "outcome");
    }
    return TRUE;
}

CpTableData *cp_query_run(const CpQuery *query, GError **error)
{
    Job job;
    CpTableData *out = NULL;
    if (job_init(&job, query, error) && load(&job, error)) {
        /* Sorting by a column that is not shown needs it loaded; sort what is shown. */
        out = job.groups != NULL ? cp_table_data_grouped(job.data, job.groups,
                                                         job.aggregates, job.failed_too)
                                 : chosen(job.data, job.shown);
        if (query->sort != NULL && !cp_table_data_sort(out, query->sort, error)) {
            g_clear_pointer(&out, cp_table_data_free);
        }
    }
    while (out != NULL && query->limit > 0 && out->rows->len > query->limit) {
        cp_cells_free(out->rows->pdata[out->rows->len - 1], out->columns->len);
        g_ptr_array_set_size(out->rows, (gint)out->rows->len - 1);
    }
    job_clear(&job);
    return out;
}

static gboolean add_answers(CpTableData *out, const char *path, GError **error)
{
    CpTableSource *s = cp_table_source_new(path, error);
    sqlite3_stmt *stmt = s != NULL ? cp_table_source_answers(s) : NULL;
    while (stmt != NULL && sqlite3_step(stmt) == SQLITE_ROW) {
        CpCell *cells = g_new0(CpCell, out->columns->len + 1);
        for (guint i = 0; i < out->columns->len; i++) {
            const CpQueryColumn *c = out->columns->pdata[i];
            const char *text = (const char *)sqlite3_column_text(stmt, (int)i);
            if (text != NULL && *text != '\0' && g_utf8_validate(text, -1, NULL)) {
                read_cell(stmt, (int)i, c, &cells[i]);
            }
        }
        g_ptr_array_add(out->rows, cells);
    }
    sqlite3_finalize(stmt);
    cp_table_source_free(s);
    return s != NULL;
}

CpTableData *cp_query_answers(char *const *files, GError **error)
{
    static const char *const names[] = {"find", "axis", "such_that", "at", "value"};
    CpTableData *out = cp_table_data_new();
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        CpQueryColumn *c = g_new0(CpQueryColumn, 1);
        *c = (CpQueryColumn){
            .name = g_strdup(names[i]), .key = g_strdup(names[i]), .unit = CP_UNIT_NUMBER};
        g_ptr_array_add(out->columns, c);
    }
    for (; *files != NULL; files++) {
        if (!add_answers(out, *files, error)) {
            cp_table_data_free(out);
            return NULL;
        }
    }
    return out;
}

char **cp_query_columns(const char *file, GError **error)
{
    CpTableSource *s = cp_table_source_new(file, error);
    if (s == NULL) {
        return NULL;
    }
    GPtrArray *names = cp_table_source_names(s);
    cp_table_source_free(s);
    g_ptr_array_add(names, NULL);
    g_ptr_array_set_free_func(names, NULL);
    return (char **)g_ptr_array_free(names, FALSE);
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
