#include "sweeps/schema.h"

#include "sim/error.h"
#include "sim/units.h"
#include "lang/diag.h"

#include <string.h>

/* Which tables a result file has, and which files are taken for one. */

enum { NAME_MAX_BYTES = 1000 };

const char *const cp_result_columns[] = {"point",  "repeat", "seed",           "outcome",
                                         "failed", "error",  "expects_failed", NULL};

static const char *const tables[] = {"meta", "axis", "metric", "result"};

/* The answers of searches; files of the first versions do not have it. */
#define ANSWER                                                                             \
    "CREATE TABLE IF NOT EXISTS answer(find TEXT, axis TEXT, such_that TEXT, at TEXT, "    \
    "value TEXT, PRIMARY KEY(find, axis, such_that, at))"

void cp_sql_name(GString *sql, const char *name)
{
    g_string_append_c(sql, '"');
    for (; *name != '\0'; name++) {
        g_string_append(sql, *name == '"' ? "\"" : "");
        g_string_append_c(sql, *name);
    }
    g_string_append_c(sql, '"');
}

/* --- making --- */

static void add_columns(GString *sql, const GPtrArray *names, const char *kind)
{
    for (guint i = 0; i < names->len; i++) {
        g_string_append(sql, ", ");
        cp_sql_name(sql, names->pdata[i]);
        g_string_append(sql, kind);
    }
}

gboolean cp_schema_add_answer(CpDatabase *db, GError **error)
{
    return cp_database_exec(db, ANSWER, error);
}

gboolean cp_schema_create(CpDatabase *db, const GPtrArray *axes, const GPtrArray *metrics,
                          GError **error)
{
    g_autoptr(GString) sql = g_string_new(
        "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT);"
        "CREATE TABLE axis(position INTEGER PRIMARY KEY, key TEXT, column TEXT, spec TEXT);"
        "CREATE TABLE metric(position INTEGER PRIMARY KEY, name TEXT, column TEXT, unit "
        "TEXT);"
        "CREATE TABLE result(point INTEGER NOT NULL, repeat INTEGER NOT NULL, seed INTEGER "
        "NOT NULL, outcome TEXT NOT NULL, failed INTEGER NOT NULL, error TEXT, "
        "expects_failed INTEGER NOT NULL");
    add_columns(sql, axes, " TEXT");
    add_columns(sql, metrics, " INTEGER");
    g_string_append(sql, ", PRIMARY KEY(point, repeat)) WITHOUT ROWID");
    return cp_database_exec(db, sql->str, error);
}

GPtrArray *cp_schema_columns(CpDatabase *db, const char *table)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *sql =
        g_strdup_printf("SELECT column FROM %s ORDER BY position", table);
    sqlite3_stmt *stmt = cp_database_prepare(db, sql, NULL);
    while (stmt != NULL && sqlite3_step(stmt) == SQLITE_ROW) {
        g_ptr_array_add(names, g_strdup((const char *)sqlite3_column_text(stmt, 0)));
    }
    sqlite3_finalize(stmt);
    return names;
}

/* --- checking the tables --- */

static gboolean refuse(CpDatabase *db, GError **error, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

static gboolean refuse(CpDatabase *db, GError **error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *why = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_autofree char *path = cp_clean_text(db->path, -1);
    g_autofree char *clean = cp_clean_text(why, -1);
    g_set_error(error, CP_ERROR, CP_ERROR_INPUT,
                "%s is not a result file of coreplay sweep, or it was changed: %s", path,
                clean);
    return FALSE;
}

/* Whether the definition of a table has nothing that computes: no conditions, defaults,
 * generated columns, and no other table behind it.  Names in quotes may be anything. */
static bool is_plain(const char *sql)
{
    static const char *const words[] = {"AS",        "CHECK",      "COLLATE", "CONSTRAINT",
                                        "DEFAULT",   "FOREIGN",    "SELECT",  "VIRTUAL",
                                        "GENERATED", "REFERENCES", "WHERE",   NULL};
    while (*sql != '\0') {
        if (*sql == '"') {
            const char *end = strchr(sql + 1, '"');
            if (end == NULL) {
                return false;
            }
            sql = end + 1;
        } else if (g_ascii_isalnum(*sql) || *sql == '_') {
            const char *start = sql;
            while (g_ascii_isalnum(*sql) || *sql == '_') {
                sql++;
            }
            g_autofree char *word = g_strndup(start, (gsize)(sql - start));
            for (int i = 0; words[i] != NULL; i++) {
                if (g_ascii_strcasecmp(word, words[i]) == 0) {
                    return false;
                }
            }
        } else if (g_ascii_isspace(*sql) || strchr("(),", *sql) != NULL) {
            sql++;
        } else {
            return false; /* comments, other quotes, expressions */
        }
    }
    return true;
}

/* An index on an expression computes, too. */
static bool is_plain_index(const char *sql)
{
    const char *first = strchr(sql, '(');
    return is_plain(sql) && (first == NULL || strchr(first + 1, '(') == NULL);
}

static gboolean check_definitions(CpDatabase *db, GError **error)
{
    sqlite3_stmt *stmt = cp_database_prepare(
        db,
        "SELECT type, name, sql FROM sqlite_master WHERE tbl_name COLLATE NOCASE IN "
        "('meta', 'axis', 'metric', 'result', 'answer')",
        error);
    unsigned found = 0;
    gboolean ok = stmt != NULL;
    int code = SQLITE_DONE;
    while (ok && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
        const char *type = (const char *)sqlite3_column_text(stmt, 0);
        const char *name = (const char *)sqlite3_column_text(stmt, 1);
        const char *sql = (const char *)sqlite3_column_text(stmt, 2);
        if (g_strcmp0(type, "table") == 0 && name != NULL && sql != NULL) {
            for (size_t i = 0; i < G_N_ELEMENTS(tables); i++) {
                found |= strcmp(name, tables[i]) == 0 ? 1U << i : 0;
            }
            ok = is_plain(sql) || refuse(db, error, "%s is no plain table", name);
        } else if (g_strcmp0(type, "index") == 0) {
            ok = sql == NULL || is_plain_index(sql) ||
                 refuse(db, error, "the index %s computes something", name);
        } else if (g_strcmp0(type, "trigger") != 0) { /* which are switched off */
            ok = refuse(db, error, "%s is a %s instead of a table",
                        name != NULL ? name : "?", type != NULL ? type : "?");
        }
    }
    sqlite3_finalize(stmt);
    if (ok && code != SQLITE_DONE) {
        return cp_database_fail(db, code, error);
    }
    for (size_t i = 0; ok && i < G_N_ELEMENTS(tables); i++) {
        ok = (found & 1U << i) != 0 || refuse(db, error, "it has no table %s", tables[i]);
    }
    return ok;
}

/* Only the pages of the tables that are read. */
static gboolean check_pages(CpDatabase *db, GError **error)
{
    for (size_t i = 0; i < G_N_ELEMENTS(tables); i++) {
        g_autofree char *sql = g_strdup_printf("PRAGMA quick_check(%s)", tables[i]);
        sqlite3_stmt *stmt = cp_database_prepare(db, sql, error);
        if (stmt == NULL) {
            return FALSE;
        }
        int code = sqlite3_step(stmt);
        const char *said =
            code == SQLITE_ROW ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
        bool ok = g_strcmp0(said, "ok") == 0;
        /* A column of the wrong kind is told with the row that is read, where it counts. */
        ok = ok || (said != NULL && g_str_has_prefix(said, "non-"));
        if (!ok && code != SQLITE_ROW) {
            sqlite3_finalize(stmt);
            return cp_database_fail(db, code, error);
        }
        if (!ok) {
            const char *line = said != NULL ? said : "?";
            line += g_str_has_prefix(line, "***") ? strcspn(line, "\n") : 0;
            refuse(db, error, "table %s is damaged: %.200s", tables[i],
                   *line == '\n' ? line + 1 : line);
        }
        sqlite3_finalize(stmt);
        if (!ok) {
            return FALSE;
        }
    }
    return TRUE;
}

/* --- checking what is in them --- */

static bool is_short(const char *text)
{
    return text != NULL && *text != '\0' && strlen(text) <= NAME_MAX_BYTES;
}

/* Every row of `axis` or `metric` names a column that `result` has. */
static gboolean check_named(CpDatabase *db, const char *table, const char *sql,
                            const GHashTable *columns, GError **error)
{
    sqlite3_stmt *stmt = cp_database_prepare(db, sql, error);
    gboolean ok = stmt != NULL;
    int code = SQLITE_DONE;
    while (ok && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(stmt, 0);
        const char *column = (const char *)sqlite3_column_text(stmt, 1);
        const char *unit = (const char *)sqlite3_column_text(stmt, 2);
        if (!is_short(name) || !is_short(column)) {
            ok = refuse(db, error, "a row of %s has no name", table);
        } else if (unit == NULL ||
                   (strcmp(table, "metric") == 0 && cp_unit_find(unit) == CP_UNITS)) {
            ok = refuse(db, error, "%s '%.100s' has no %s", table, name,
                        strcmp(table, "metric") == 0 ? "known unit" : "values");
        } else if (!g_hash_table_contains((GHashTable *)columns, column)) {
            ok = refuse(db, error, "result has no column '%.100s'", column);
        }
    }
    sqlite3_finalize(stmt);
    return ok && (code == SQLITE_DONE || cp_database_fail(db, code, error));
}

static gboolean check_columns(CpDatabase *db, GError **error)
{
    g_autoptr(GHashTable) columns =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    sqlite3_stmt *stmt =
        cp_database_prepare(db, "SELECT name FROM pragma_table_info('result')", error);
    if (stmt == NULL) {
        return FALSE;
    }
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        g_hash_table_add(columns, g_strdup((const char *)sqlite3_column_text(stmt, 0)));
    }
    sqlite3_finalize(stmt);
    for (int i = 0; cp_result_columns[i] != NULL; i++) {
        if (!g_hash_table_contains(columns, cp_result_columns[i])) {
            return refuse(db, error, "result has no column '%s'", cp_result_columns[i]);
        }
    }
    return check_named(db, "axis", "SELECT key, column, spec FROM axis", columns, error) &&
           check_named(db, "metric", "SELECT name, column, unit FROM metric", columns,
                       error);
}

gboolean cp_schema_check(CpDatabase *db, GError **error)
{
    return check_definitions(db, error) && check_pages(db, error) &&
           check_columns(db, error);
}

gboolean cp_schema_has(CpDatabase *db, const GPtrArray *axes, const GPtrArray *metrics,
                       GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (int i = 0; cp_result_columns[i] != NULL; i++) {
        g_ptr_array_add(names, (void *)cp_result_columns[i]);
    }
    g_ptr_array_extend(names, (GPtrArray *)axes, NULL, NULL);
    g_ptr_array_extend(names, (GPtrArray *)metrics, NULL, NULL);
    sqlite3_stmt *stmt =
        cp_database_prepare(db, "SELECT name, pk FROM pragma_table_info('result')", error);
    guint n = 0;
    bool good = true;
    while (stmt != NULL && sqlite3_step(stmt) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(stmt, 0);
        int key = sqlite3_column_int(stmt, 1); /* its place in the primary key */
        good = good && n < names->len && g_strcmp0(name, names->pdata[n]) == 0 &&
               key == (n < 2 ? (int)n + 1 : 0);
        n++;
    }
    sqlite3_finalize(stmt);
    return stmt != NULL && ((good && n == names->len) ||
                            refuse(db, error, "result has other columns than it should"));
}

/* --- checking rows --- */

CpStored cp_stored_kind(const char *column)
{
    bool text = strcmp(column, "outcome") == 0 || strcmp(column, "error") == 0;
    return text ? CP_STORED_TEXT : CP_STORED_NUMBER;
}

bool cp_stored_is_good(sqlite3_stmt *stmt, int i, CpStored kind, CpUnit unit)
{
    int type = sqlite3_column_type(stmt, i);
    bool is_null = type == SQLITE_NULL;
    switch (kind) {
    case CP_STORED_NUMBER:
        return type == SQLITE_INTEGER && sqlite3_column_int64(stmt, i) >= 0;
    case CP_STORED_TEXT:
        return is_null || (type == SQLITE_TEXT &&
                           g_utf8_validate((const char *)sqlite3_column_text(stmt, i),
                                           sqlite3_column_bytes(stmt, i), NULL));
    case CP_STORED_METRIC:
        return is_null || (type == SQLITE_INTEGER &&
                           (sqlite3_column_int64(stmt, i) >= 0 || unit == CP_UNIT_NUMBER ||
                            unit == CP_UNIT_MILLI));
    }
    return false;
}

gboolean cp_stored_odd(CpDatabase *db, const char *column, GError **error)
{
    return refuse(db, error, "a row of result holds in '%.100s' what no run has", column);
}

static GArray *metric_units(CpDatabase *db)
{
    GArray *units = g_array_new(FALSE, FALSE, sizeof(CpUnit));
    sqlite3_stmt *stmt =
        cp_database_prepare(db, "SELECT unit FROM metric ORDER BY position", NULL);
    while (stmt != NULL && sqlite3_step(stmt) == SQLITE_ROW) {
        CpUnit unit = cp_unit_find((const char *)sqlite3_column_text(stmt, 0));
        g_array_append_val(units, unit);
    }
    sqlite3_finalize(stmt);
    return units;
}

gboolean cp_stored_check(CpDatabase *db, GError **error)
{
    g_autoptr(GPtrArray) axes = cp_schema_columns(db, "axis");
    g_autoptr(GPtrArray) metrics = cp_schema_columns(db, "metric");
    g_autoptr(GArray) units = metric_units(db);
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (int i = 0; cp_result_columns[i] != NULL; i++) {
        g_ptr_array_add(names, (void *)cp_result_columns[i]);
    }
    guint n_own = names->len, n_text = n_own + axes->len;
    g_ptr_array_extend(names, axes, NULL, NULL);
    g_ptr_array_extend(names, metrics, NULL, NULL);
    g_autoptr(GString) sql = g_string_new("SELECT ");
    for (guint i = 0; i < names->len; i++) {
        g_string_append(sql, i > 0 ? ", " : "");
        cp_sql_name(sql, names->pdata[i]);
    }
    g_string_append(sql, " FROM result");
    sqlite3_stmt *stmt = cp_database_prepare(db, sql->str, error);
    gboolean ok = stmt != NULL;
    int code = SQLITE_DONE;
    while (ok && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
        for (guint i = 0; ok && i < names->len; i++) {
            CpStored kind = i < n_own    ? cp_stored_kind(names->pdata[i])
                            : i < n_text ? CP_STORED_TEXT
                                         : CP_STORED_METRIC;
            CpUnit unit =
                i < n_text ? CP_UNIT_NUMBER : g_array_index(units, CpUnit, i - n_text);
            ok = cp_stored_is_good(stmt, (int)i, kind, unit) ||
                 cp_stored_odd(db, names->pdata[i], error);
        }
    }
    sqlite3_finalize(stmt);
    return ok && (code == SQLITE_DONE || cp_database_fail(db, code, error));
}
