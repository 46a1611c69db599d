#include "sweeps/store.h"

#include "sim/assert.h"
#include "sim/error.h"
#include "sweeps/schema.h"
#include "lang/diag.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

/* What a result file holds, and when rows are safe in it. */

struct CpStore {
    CpDatabase *db;
    sqlite3_stmt *insert;
    GPtrArray *batch; /* CpRow, not yet written */
    bool made;        /* the file was not there, or empty */
};

void cp_row_free(void *data)
{
    CpRow *row = data;
    g_free(row->error);
    g_free(row->values);
    g_free(row->known);
    g_free(row);
}

void cp_store_free(CpStore *store)
{
    if (store == NULL) {
        return;
    }
    sqlite3_finalize(store->insert);
    g_clear_pointer(&store->batch, g_ptr_array_unref);
    cp_database_free(store->db);
    g_free(store);
}

void cp_store_give_up(CpStore *store)
{
    if (store != NULL && store->made) {
        sqlite3_stmt *stmt =
            cp_database_prepare(store->db, "SELECT 1 FROM result LIMIT 1", NULL);
        store->db->drop = stmt != NULL && sqlite3_step(stmt) == SQLITE_DONE;
        sqlite3_finalize(stmt);
    }
    cp_store_free(store);
}

/* --- making a file --- */

/* Column of an axis; a metric of that name has it already. */
static char *axis_column(const CpPlan *plan, const char *key)
{
    bool taken = g_strv_contains(cp_result_columns, key);
    for (guint i = 0; i < plan->metrics->len; i++) {
        const CpMetricColumn *c = plan->metrics->pdata[i];
        taken = taken || g_ascii_strcasecmp(c->key, key) == 0;
    }
    return g_strconcat(key, taken ? " (axis)" : "", NULL);
}

/* Columns of axes and metrics, as a new file has them; new. */
static GPtrArray *axis_columns(const CpPlan *plan)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    for (unsigned i = 0; i < cp_grid_n_axes(plan->grid); i++) {
        const CpAxis *axis = cp_grid_axis(plan->grid, i);
        g_ptr_array_add(names, axis_column(plan, cp_axis_key(axis)));
    }
    return names;
}

static GPtrArray *metric_columns(const CpPlan *plan)
{
    GPtrArray *names = g_ptr_array_new();
    for (guint i = 0; i < plan->metrics->len; i++) {
        const CpMetricColumn *c = plan->metrics->pdata[i];
        g_ptr_array_add(names, c->key);
    }
    return names;
}

static gboolean create_tables(CpStore *store, const CpPlan *plan, GError **error)
{
    g_autoptr(GPtrArray) axes = axis_columns(plan);
    g_autoptr(GPtrArray) metrics = metric_columns(plan);
    return cp_schema_create(store->db, axes, metrics, error);
}

static gboolean fill_tables(CpStore *store, const CpPlan *plan, GError **error)
{
    CpDatabase *db = store->db;
    for (unsigned i = 0; i < cp_grid_n_axes(plan->grid); i++) {
        const CpAxis *axis = cp_grid_axis(plan->grid, i);
        g_autofree char *column = axis_column(plan, cp_axis_key(axis));
        g_autoptr(GString) spec = g_string_new(NULL);
        cp_axis_print(axis, spec);
        const char *row[] = {cp_axis_key(axis), column, spec->str, NULL};
        if (!cp_database_insert(db, "INSERT INTO axis(key, column, spec) VALUES(?, ?, ?)",
                                row, error)) {
            return FALSE;
        }
    }
    for (guint i = 0; i < plan->metrics->len; i++) {
        const CpMetricColumn *c = plan->metrics->pdata[i];
        const char *row[] = {c->name, c->key, cp_units[c->unit].name, NULL};
        if (!cp_database_insert(
                db, "INSERT INTO metric(name, column, unit) VALUES(?, ?, ?)", row, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean fill_meta(CpStore *store, const CpPlan *plan, GError **error)
{
    g_autofree char *schema = g_strdup_printf("%d", CP_STORE_SCHEMA);
    g_autofree char *seed = g_strdup_printf("%" G_GUINT64_FORMAT, plan->seed);
    const char *meta[] = {"schema",        schema,
                          "coreplay",      PACKAGE_VERSION,
                          "workload",      plan->path,
                          "workload_text", plan->text != NULL ? plan->text : "",
                          "workload_hash", plan->base->hash,
                          "plan",          plan->identity,
                          "plan_hash",     plan->hash,
                          "seed",          seed,
                          "points",        "0",
                          "repeats",       "0"};
    for (size_t i = 0; i < G_N_ELEMENTS(meta); i += 2) {
        const char *row[] = {meta[i], meta[i + 1], NULL};
        if (!cp_database_insert(store->db, "INSERT INTO meta VALUES(?, ?)", row, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

/* All or nothing: a kill in the middle leaves an empty file, which is taken as new. */
static gboolean create(CpStore *store, const CpPlan *plan, GError **error)
{
    return create_tables(store, plan, error) && fill_tables(store, plan, error) &&
           fill_meta(store, plan, error);
}

/* --- opening --- */

/* What differs, in the user's words. */
static const char *difference(const char *a, const char *b)
{
    static const struct {
        const char *prefix, *what;
    } kinds[] = {{"coreplay ", "another version of coreplay"},
                 {"workload ", "the workload changed"},
                 {"seed ", "another seed"},
                 {"set ", "other settings"},
                 {"sweep ", "other axes"},
                 {"zip ", "another --zip"},
                 {"where ", "another --where"},
                 {"sample ", "another --sample"},
                 {"metric ", "other metrics are kept, see --metric"},
                 {"metrics ", "other metrics are kept, see --metric"}};
    g_auto(GStrv) one = g_strsplit(a, "\n", -1);
    g_auto(GStrv) two = g_strsplit(b, "\n", -1);
    for (size_t k = 0; k < G_N_ELEMENTS(kinds); k++) {
        for (int i = 0; one[i] != NULL; i++) {
            if (g_str_has_prefix(one[i], kinds[k].prefix) &&
                !g_strv_contains((const char *const *)two, one[i])) {
                return kinds[k].what;
            }
        }
        for (int i = 0; two[i] != NULL; i++) {
            if (g_str_has_prefix(two[i], kinds[k].prefix) &&
                !g_strv_contains((const char *const *)one, two[i])) {
                return kinds[k].what;
            }
        }
    }
    return "other axes";
}

static gboolean check_plan(CpStore *store, const char *path, const CpPlan *plan,
                           GError **error)
{
    g_autofree char *hash = cp_database_meta(store->db, "plan_hash");
    g_autofree char *identity = cp_database_meta(store->db, "plan");
    if (hash != NULL && strcmp(hash, plan->hash) == 0) {
        g_autoptr(GPtrArray) axes = axis_columns(plan);
        g_autoptr(GPtrArray) metrics = metric_columns(plan);
        return cp_schema_has(store->db, axes, metrics, error);
    }
    g_autofree char *clean = cp_clean_text(path, -1);
    g_set_error(
        error, CP_ERROR, CP_ERROR_INPUT,
        "%s holds another plan (%s); use a new -o file, or --force-new to start over",
        clean, difference(identity != NULL ? identity : "", plan->identity));
    return FALSE;
}

static gboolean open_tables(CpStore *store, const char *path, const CpPlan *plan,
                            GError **error)
{
    if (!cp_database_exec(store->db, "BEGIN IMMEDIATE", error)) {
        return FALSE;
    }
    bool is_new;
    gboolean ok = cp_database_check(store->db, &is_new, error);
    ok = ok && (is_new ? create(store, plan, error) : check_plan(store, path, plan, error));
    if (ok) {
        cp_database_ready(store->db);
        store->made = is_new;
    }
    /* After an error there is nothing to end if SQLite rolled back by itself. */
    return ok ? cp_database_exec(store->db, "COMMIT", error)
              : (cp_database_exec(store->db, "ROLLBACK", NULL), FALSE);
}

static gboolean prepare_insert(CpStore *store, const CpPlan *plan, GError **error)
{
    g_autoptr(GString) sql = g_string_new("INSERT OR IGNORE INTO result VALUES(?");
    guint n = 7 + cp_grid_n_axes(plan->grid) + plan->metrics->len;
    for (guint i = 1; i < n; i++) {
        g_string_append(sql, ",?");
    }
    g_string_append_c(sql, ')');
    store->insert = cp_database_prepare(store->db, sql->str, error);
    return store->insert != NULL;
}

CpStore *cp_store_open(const char *path, const CpPlan *plan, bool fresh, GError **error)
{
    if (fresh && *path != '\0') {
        g_autofree char *wal = g_strconcat(path, "-wal", NULL);
        g_autofree char *shm = g_strconcat(path, "-shm", NULL);
        g_autofree char *journal = g_strconcat(path, "-journal", NULL);
        g_unlink(wal);
        g_unlink(shm);
        g_unlink(journal);
        g_unlink(path);
    }
    CpStore *store = g_new0(CpStore, 1);
    store->batch = g_ptr_array_new_with_free_func(cp_row_free);
    store->db = cp_database_open(path, CP_DATABASE_WRITE, error);
    if (store->db == NULL || !open_tables(store, path, plan, error) ||
        !prepare_insert(store, plan, error)) {
        cp_store_free(store);
        return NULL;
    }
    return store;
}

CpStore *cp_store_open_read(const char *path, const CpPlan *plan, GError **error)
{
    CpStore *store = g_new0(CpStore, 1);
    store->db = cp_database_open(path, CP_DATABASE_READ, error);
    bool is_new;
    if (store->db == NULL || !cp_database_check(store->db, &is_new, error) ||
        (!is_new && !check_plan(store, path, plan, error))) {
        cp_store_free(store);
        return NULL;
    }
    return store;
}

/* --- rows --- */

gboolean cp_store_want(CpStore *store, uint64_t points, uint32_t repeats, GError **error)
{
    g_autofree char *sql = g_strdup_printf(
        "UPDATE meta SET value = %" G_GUINT64_FORMAT " WHERE key = 'points';"
        "UPDATE meta SET value = max(CAST(value AS INTEGER), %u) WHERE key = 'repeats'",
        points, repeats);
    return cp_database_exec(store->db, sql, error);
}

static void bind_row(sqlite3_stmt *insert, const CpPlan *plan, const CpRow *row,
                     char *const *values)
{
    int k = 1;
    sqlite3_bind_int64(insert, k++, (int64_t)row->point);
    sqlite3_bind_int64(insert, k++, row->repeat);
    sqlite3_bind_int64(insert, k++, (int64_t)row->seed);
    sqlite3_bind_text(insert, k++, row->outcome, -1, SQLITE_STATIC);
    sqlite3_bind_int(insert, k++, row->failed);
    sqlite3_bind_text(insert, k++, row->error, -1, SQLITE_STATIC);
    sqlite3_bind_int64(insert, k++, row->expects_failed);
    for (unsigned i = 0; values[i] != NULL; i++) {
        sqlite3_bind_text(insert, k++, values[i], -1, SQLITE_STATIC);
    }
    for (guint i = 0; i < plan->metrics->len; i++, k++) {
        if (row->values != NULL && row->known[i]) {
            sqlite3_bind_int64(insert, k, row->values[i]);
        } else {
            sqlite3_bind_null(insert, k);
        }
    }
}

gboolean cp_store_answer(CpStore *store, const CpAnswer *a, GError **error)
{
    const char *row[] = {a->largest ? "max" : "min",       a->axis, a->such_that, a->at,
                         a->value != NULL ? a->value : "", NULL};
    return cp_schema_add_answer(store->db, error) &&
           cp_database_insert(store->db,
                              "INSERT OR REPLACE INTO answer VALUES(?, ?, ?, ?, ?)", row,
                              error);
}

void cp_store_add(CpStore *store, CpRow *row)
{
    g_ptr_array_add(store->batch, row);
}

static gboolean insert_row(CpStore *store, const CpPlan *plan, const CpRow *row,
                           GError **error)
{
    g_auto(GStrv) values = cp_grid_values(plan->grid, row->point);
    bind_row(store->insert, plan, row, values);
    int code = sqlite3_step(store->insert);
    sqlite3_reset(store->insert);
    return code == SQLITE_DONE || cp_database_fail(store->db, code, error);
}

/* The file is locked only while the batch is written, so that others can write too. */
gboolean cp_store_commit(CpStore *store, const CpPlan *plan, GError **error)
{
    if (store->batch->len == 0) {
        return TRUE;
    }
    gboolean ok = cp_database_exec(store->db, "BEGIN IMMEDIATE", error);
    bool begun = ok;
    for (guint i = 0; ok && i < store->batch->len; i++) {
        ok = insert_row(store, plan, store->batch->pdata[i], error);
    }
    ok = ok && cp_database_exec(store->db, "COMMIT", error);
    if (begun && !ok) {
        cp_database_exec(store->db, "ROLLBACK", NULL);
    }
    g_ptr_array_set_size(store->batch, 0);
    return ok;
}

gboolean cp_store_done(CpStore *store, uint64_t from, uint64_t to, GArray *ids,
                       GError **error)
{
    if (cp_database_is_empty(store->db)) {
        return TRUE;
    }
    g_autofree char *sql =
        g_strdup_printf("SELECT point, repeat, failed, expects_failed FROM result "
                        "WHERE point >= %" G_GUINT64_FORMAT
                        " AND point < %" G_GUINT64_FORMAT " ORDER BY point, repeat",
                        from, to);
    sqlite3_stmt *stmt = cp_database_prepare(store->db, sql, error);
    int code = SQLITE_ROW;
    gboolean ok = stmt != NULL;
    while (ok && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
        for (int i = 0; ok && i < 4; i++) {
            ok = cp_stored_is_good(stmt, i, CP_STORED_NUMBER, CP_UNIT_NUMBER) ||
                 cp_stored_odd(store->db, sqlite3_column_name(stmt, i), error);
        }
        CpRowId id = {(uint64_t)sqlite3_column_int64(stmt, 0),
                      (uint32_t)sqlite3_column_int64(stmt, 1),
                      sqlite3_column_int(stmt, 2) != 0, sqlite3_column_int(stmt, 3) > 0};
        g_array_append_val(ids, id);
    }
    sqlite3_finalize(stmt);
    return ok && (code == SQLITE_DONE || cp_database_fail(store->db, code, error));
}

GArray *cp_store_values(CpStore *store, uint64_t point, const char *key, GError **error)
{
    g_autoptr(GString) sql = g_string_new("SELECT ");
    cp_sql_name(sql, key);
    g_string_append_printf(sql,
                           " FROM result WHERE point = %" G_GUINT64_FORMAT
                           " AND NOT failed ORDER BY repeat",
                           point);
    sqlite3_stmt *stmt = cp_database_prepare(store->db, sql->str, error);
    if (stmt == NULL) {
        return NULL;
    }
    GArray *values = g_array_new(FALSE, FALSE, sizeof(int64_t));
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        /* Others than numbers are refused where a row is read to be shown. */
        if (sqlite3_column_type(stmt, 0) == SQLITE_INTEGER) {
            int64_t value = sqlite3_column_int64(stmt, 0);
            g_array_append_val(values, value);
        }
    }
    sqlite3_finalize(stmt);
    return values;
}
