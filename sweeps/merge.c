#include "sim/error.h"
#include "sweeps/schema.h"
#include "sweeps/store.h"
#include "lang/diag.h"
#include "traces/outfile.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

/* Which result files may be joined, and whose rows count. */

/* Tables of the target: columns as the first input has them, definitions our own. */
static gboolean copy_tables(CpDatabase *db, GError **error)
{
    g_autoptr(GPtrArray) axes = cp_schema_columns(db, "part.axis");
    g_autoptr(GPtrArray) metrics = cp_schema_columns(db, "part.metric");
    return cp_schema_create(db, axes, metrics, error) &&
           cp_database_exec(db,
                            "INSERT INTO meta SELECT key, value FROM part.meta;"
                            "INSERT INTO axis SELECT position, key, column, spec FROM "
                            "part.axis;"
                            "INSERT INTO metric SELECT position, name, column, unit FROM "
                            "part.metric;",
                            error);
}

static int64_t ask(CpDatabase *db, const char *sql)
{
    sqlite3_stmt *stmt = cp_database_prepare(db, sql, NULL);
    int64_t value = stmt != NULL && sqlite3_step(stmt) == SQLITE_ROW
                        ? sqlite3_column_int64(stmt, 0)
                        : -1;
    sqlite3_finalize(stmt);
    return value;
}

static gboolean same_plan(CpDatabase *db, const char *input, GError **error)
{
    int64_t same = ask(db, "SELECT (SELECT value FROM meta WHERE key = 'plan_hash') = "
                           "(SELECT value FROM part.meta WHERE key = 'plan_hash')");
    if (same != 1) {
        g_autofree char *clean = cp_clean_text(input, -1);
        g_autofree char *target = cp_clean_text(db->path, -1);
        g_set_error(error, CP_ERROR, CP_ERROR_INPUT,
                    "%s holds another plan than the files before it; only shards of one "
                    "sweep can be joined",
                    clean);
        return FALSE;
    }
    /* A row depends on its plan alone, so a row in both files is the same row. */
    int64_t differing = ask(db, "SELECT count(*) FROM (SELECT * FROM part.result WHERE "
                                "(point, repeat) IN (SELECT point, repeat FROM result) "
                                "EXCEPT SELECT * FROM result)");
    if (differing != 0) {
        g_autofree char *clean = cp_clean_text(input, -1);
        g_set_error(
            error, CP_ERROR, CP_ERROR_INPUT,
            "%s has %" G_GINT64_FORMAT " row%s that differ from those of the files "
            "before it; a guard of real time (--max-wall) or a damaged file does that",
            clean, differing, differing == 1 ? "" : "s");
        return FALSE;
    }
    return TRUE;
}

static gboolean join(CpDatabase *db, const char *input, CpMergeResult *result,
                     GError **error)
{
    int64_t in_part = ask(db, "SELECT count(*) FROM part.result");
    if (!cp_database_exec(db, "BEGIN IMMEDIATE", error)) {
        return FALSE;
    }
    gboolean ok = !cp_database_is_empty(db) || copy_tables(db, error);
    ok = ok && same_plan(db, input, error);
    ok = ok && cp_database_exec(db,
                                "INSERT OR IGNORE INTO result SELECT * FROM part.result "
                                "ORDER BY point, repeat",
                                error);
    int64_t changes = ok ? sqlite3_changes64(db->handle) : 0;
    ok = ok &&
         cp_database_exec(
             db,
             "UPDATE meta SET value = max(CAST(value AS INTEGER), (SELECT CAST(p.value "
             "AS INTEGER) FROM part.meta p WHERE p.key = meta.key)) WHERE key IN "
             "('points', 'repeats')",
             error);
    ok = ok && cp_database_exec(db, "COMMIT", error);
    if (!ok) {
        cp_database_exec(db, "ROLLBACK", NULL);
        return FALSE;
    }
    result->added += (uint64_t)changes;
    result->known += (uint64_t)(in_part - changes);
    return TRUE;
}

/* Opened on its own first, which says clearly what is wrong with a file. */
static gboolean check_input(const char *path, GError **error)
{
    CpDatabase *db = cp_database_open(path, CP_DATABASE_READ, error);
    bool is_new = false;
    gboolean ok = db != NULL && cp_database_check(db, &is_new, error);
    if (ok && is_new) {
        ok = cp_database_fail(db, SQLITE_NOTADB, error);
    }
    if (ok) {
        g_autoptr(GPtrArray) axes = cp_schema_columns(db, "axis");
        g_autoptr(GPtrArray) metrics = cp_schema_columns(db, "metric");
        ok = cp_schema_has(db, axes, metrics, error) && cp_stored_check(db, error);
    }
    cp_database_free(db);
    return ok;
}

static gboolean join_all(CpDatabase *db, char *const *inputs, CpMergeResult *result,
                         GError **error)
{
    for (; *inputs != NULL; inputs++) {
        const char *const row[] = {*inputs, NULL};
        if (!check_input(*inputs, error) ||
            !cp_database_insert(db, "ATTACH ? AS part", row, error)) {
            return FALSE;
        }
        gboolean ok = join(db, *inputs, result, error);
        cp_database_exec(db, "DETACH part", NULL);
        if (!ok) {
            return FALSE;
        }
    }
    int64_t wanted =
        ask(db, "SELECT (SELECT CAST(value AS INTEGER) FROM meta WHERE key = "
                "'points') * (SELECT CAST(value AS INTEGER) FROM meta WHERE key "
                "= 'repeats')");
    int64_t there = ask(db, "SELECT count(*) FROM result");
    result->missing = wanted > there ? (uint64_t)(wanted - there) : 0;
    return TRUE;
}

gboolean cp_store_merge(const char *path, char *const *inputs, CpMergeResult *result,
                        GError **error)
{
    *result = (CpMergeResult){0};
    bool there = g_file_test(path, G_FILE_TEST_EXISTS);
    g_autofree char *work = there ? g_strdup(path) : g_strconcat(path, ".part", NULL);
    if (!there) {
        g_unlink(work);
    } else if (!check_input(path, error)) {
        return FALSE;
    }
    cp_outfile_remember(there ? NULL : work);
    CpDatabase *db =
        cp_database_open(work, there ? CP_DATABASE_WRITE : CP_DATABASE_MAKE, error);
    if (db == NULL) {
        cp_outfile_forget(work);
        return FALSE;
    }
    cp_database_ready(db); /* what is there was checked */
    gboolean ok = join_all(db, inputs, result, error);
    cp_database_free(db);
    if (!there && !ok) {
        g_unlink(work);
    } else if (!there && g_rename(work, path) != 0) {
        g_set_error(error, CP_ERROR, CP_ERROR_OUTPUT, "%s: %s", path, g_strerror(errno));
        g_unlink(work);
        ok = FALSE;
    }
    cp_outfile_forget(work);
    return ok;
}
