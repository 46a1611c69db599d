#include "sweeps/table-source.h"

#include "sim/error.h"
#include "lang/diag.h"
#include "scenario/scenario.h"
#include "sweeps/recording-line.h"
#include "sweeps/schema.h"
#include "traces/cpr.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Where a column is found in a result file or in lines of JSON. */

enum { LINE_MAX_BYTES = 16 << 20 };

struct CpTableSource {
    CpDatabase *db;
    char *path;
    bool is_json;
};

void cp_table_source_free(CpTableSource *s)
{
    if (s != NULL) {
        cp_database_free(s->db);
        g_free(s->path);
        g_free(s);
    }
}

/* --- opening --- */

static gboolean add_line(CpTableSource *s, const char *line, unsigned number,
                         GError **error)
{
    const char *const row[] = {line, NULL};
    sqlite3_stmt *check = cp_database_prepare(
        s->db, "SELECT json_valid(?1) AND json_type(?1) = 'object'", error);
    if (check == NULL) {
        return FALSE;
    }
    sqlite3_bind_text(check, 1, line, -1, SQLITE_STATIC);
    bool valid = sqlite3_step(check) == SQLITE_ROW && sqlite3_column_int(check, 0) == 1;
    sqlite3_finalize(check);
    if (!valid) {
        g_autofree char *clean = cp_clean_text(s->path, -1);
        g_set_error(
            error, CP_ERROR, CP_ERROR_INPUT,
            "%s:%u: not a JSON object; a result file (.db) or the lines of coreplay "
            "run --json are expected",
            clean, number);
        return FALSE;
    }
    return cp_database_insert(s->db, "INSERT INTO result VALUES(?)", row, error);
}

/* False: there are no more.  A line that is too long is cut behind that. */
static bool next_line(FILE *file, GString *line)
{
    int c;
    g_string_truncate(line, 0);
    while ((c = getc_unlocked(file)) != EOF && line->len <= LINE_MAX_BYTES) {
        if (c == '\n') {
            return true;
        }
        g_string_append_c(line, (char)c);
    }
    return line->len > 0;
}

static gboolean too_long(const CpTableSource *s, unsigned number, GError **error)
{
    g_autofree char *clean = cp_clean_text(s->path, -1);
    g_set_error(error, CP_ERROR, CP_ERROR_INPUT,
                "%s:%u: a line of more than %d MiB; the lines of coreplay run --json are "
                "expected",
                clean, number, LINE_MAX_BYTES >> 20);
    return FALSE;
}

static gboolean read_lines(CpTableSource *s, FILE *file, GError **error)
{
    g_autoptr(GString) line = g_string_new(NULL);
    unsigned number = 0;
    gboolean ok = cp_database_exec(s->db, "CREATE TABLE result(line TEXT)", error);
    while (ok && next_line(file, line)) {
        number++;
        if (line->len > LINE_MAX_BYTES) {
            return too_long(s, number, error);
        }
        g_strstrip(line->str);
        ok = *line->str == '\0' || add_line(s, line->str, number, error);
    }
    return ok;
}

static gboolean open_lines(CpTableSource *s, FILE *file, GError **error)
{
    s->is_json = true;
    s->db = cp_database_open("", CP_DATABASE_WRITE, error);
    return s->db != NULL && read_lines(s, file, error);
}

/* A recording is one line. */
static gboolean open_recording(CpTableSource *s, GError **error)
{
    g_autofree char *line = cp_recording_line(s->path, error);
    if (line == NULL) {
        return FALSE;
    }
    s->is_json = true;
    s->db = cp_database_open("", true, error);
    return s->db != NULL &&
           cp_database_exec(s->db, "CREATE TABLE result(line TEXT)", error) &&
           add_line(s, line, 1, error);
}

static gboolean open_source(CpTableSource *s, GError **error)
{
    bool standard = strcmp(s->path, "-") == 0;
    bool folder = g_file_test(s->path, G_FILE_TEST_IS_DIR);
    FILE *file = standard ? stdin : folder ? NULL : fopen(s->path, "rb");
    if (file == NULL) {
        g_autofree char *clean = cp_clean_text(s->path, -1);
        g_set_error(error, CP_ERROR, CP_ERROR_INPUT, "%s: cannot read: %s", clean,
                    folder ? "it is a directory" : g_strerror(errno));
        return FALSE;
    }
    int first = getc(file);
    ungetc(first, file);
    if (first == '{' || standard) {
        gboolean ok = open_lines(s, file, error);
        if (!standard) {
            fclose(file);
        }
        return ok;
    }
    fclose(file);
    if (cp_cpr_is_file(s->path)) {
        return open_recording(s, error);
    }
    bool is_new;
    s->db = cp_database_open(s->path, CP_DATABASE_READ, error);
    if (s->db == NULL || !cp_database_check(s->db, &is_new, error)) {
        return FALSE;
    }
    return !is_new || cp_database_fail(s->db, SQLITE_NOTADB, error);
}

CpTableSource *cp_table_source_new(const char *path, GError **error)
{
    CpTableSource *s = g_new0(CpTableSource, 1);
    s->path = g_strdup(path);
    if (!open_source(s, error)) {
        cp_table_source_free(s);
        return NULL;
    }
    return s;
}

/* --- columns --- */

static void set_column(CpQueryColumn *c, const char *name, const char *key, bool is_metric,
                       CpUnit unit)
{
    *c = (CpQueryColumn){
        .name = g_strdup(name), .key = g_strdup(key), .is_metric = is_metric, .unit = unit};
}

/* Whether the values of a setting are names; "process.web.gil" is one of "gil". */
static bool is_word_setting(const char *key)
{
    g_autofree CpSettingInfo *settings = cp_settings();
    for (const CpSettingInfo *i = settings; i->spec != NULL; i++) {
        g_autofree char *tail = g_strconcat(".", i->spec->name, NULL);
        if (strcmp(i->spec->name, key) == 0 || g_str_has_suffix(key, tail)) {
            return i->spec->type == CP_PARAM_ENUM;
        }
    }
    return false;
}

/* The only row of a table whose `field` is the name or, for axes, ends in ".name". */
static char **find_row(CpTableSource *s, const char *sql, const char *name)
{
    sqlite3_stmt *stmt = cp_database_prepare(s->db, sql, NULL);
    char **row = NULL;
    if (stmt != NULL) {
        sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
    }
    if (stmt != NULL && sqlite3_step(stmt) == SQLITE_ROW) {
        row = g_new0(char *, 4);
        for (int i = 0; i < MIN(sqlite3_column_count(stmt), 3); i++) {
            row[i] = g_strdup((const char *)sqlite3_column_text(stmt, i));
        }
    }
    sqlite3_finalize(stmt);
    return row;
}

static bool find_stored(CpTableSource *s, const char *name, CpQueryColumn *c, GString *sql)
{
    if (g_strv_contains(cp_result_columns, name)) {
        set_column(c, name, name, false, CP_UNIT_NUMBER);
        cp_sql_name(sql, name);
        return true;
    }
    if (strcmp(name, "workload") == 0) {
        set_column(c, name, name, false, CP_UNIT_NUMBER);
        g_string_append(sql, "(SELECT value FROM meta WHERE key = 'workload')");
        return true;
    }
    g_auto(GStrv) axis =
        find_row(s,
                 "SELECT key, column FROM axis WHERE key = ?1 OR key LIKE '%.' || ?1 "
                 "ORDER BY key = ?1 DESC, position LIMIT 1",
                 name);
    if (axis != NULL) {
        set_column(c, axis[0], axis[0], false, CP_UNIT_NUMBER);
        cp_sql_name(sql, axis[1]);
        c->is_word = is_word_setting(axis[0]);
        return true;
    }
    g_auto(GStrv) metric = find_row(
        s, "SELECT name, column, unit FROM metric WHERE name = ?1 OR column = ?1", name);
    CpUnit unit = metric != NULL ? cp_unit_find(metric[2]) : CP_UNITS;
    if (unit == CP_UNITS) {
        return false;
    }
    set_column(c, metric[0], metric[1], true, unit);
    cp_sql_name(sql, metric[1]);
    return true;
}

static bool any_has(CpTableSource *s, const char *path)
{
    g_autofree char *sql = sqlite3_mprintf(
        "SELECT 1 FROM result WHERE json_type(line, %Q) IS NOT NULL LIMIT 1", path);
    sqlite3_stmt *stmt = cp_database_prepare(s->db, sql, NULL);
    bool has = stmt != NULL && sqlite3_step(stmt) == SQLITE_ROW;
    sqlite3_finalize(stmt);
    sqlite3_free(g_steal_pointer(&sql));
    return has;
}

/* The unit that the ending of a key says; a number if it says none. */
static CpUnit unit_of_key(const char *key)
{
    for (CpUnit u = 0; u < CP_UNITS; u++) {
        if (*cp_units[u].ending != '\0' && g_str_has_suffix(key, cp_units[u].ending)) {
            return u;
        }
    }
    return CP_UNIT_NUMBER;
}

static bool find_json_key(CpTableSource *s, const char *place, const char *name,
                          const char *ending, CpQueryColumn *c, GString *sql)
{
    g_autofree char *key = g_strconcat(name, ending, NULL);
    g_strdelimit(key, ".", '_');
    CpUnit unit = unit_of_key(key);
    g_autofree char *path = g_strdup_printf("%s\"%s\"", place, key);
    bool is_figure = strcmp(place, "$.") != 0 || unit != CP_UNIT_NUMBER;
    if (strpbrk(key, "\"'\\") != NULL || !is_figure || !any_has(s, path)) {
        return false;
    }
    set_column(c, name, key, true, unit);
    g_string_append_printf(sql, "json_extract(line, '%s')", path);
    return true;
}

/* A metric by its name or key: the unit is in the key; shares are 0 to 1 in JSON.  Rows
 * that `query --json` printed have their metrics at the top. */
static bool find_json_metric(CpTableSource *s, const char *name, CpQueryColumn *c,
                             GString *sql)
{
    static const char *const places[] = {"$.metrics.", "$."};
    for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
        if (find_json_key(s, places[i], name, "", c, sql)) {
            return true;
        }
        for (CpUnit u = 0; u < CP_UNITS; u++) {
            const char *ending = cp_units[u].ending;
            if (*ending != '\0' && find_json_key(s, places[i], name, ending, c, sql)) {
                return true;
            }
        }
    }
    return false;
}

static bool find_json(CpTableSource *s, const char *name, CpQueryColumn *c, GString *sql)
{
    static const char *const places[] = {"$.\"%s\"", "$.settings.\"%s\"", "$.params.\"%s\"",
                                         "$.workload.\"%s\""};
    if (find_json_metric(s, name, c, sql)) {
        return true;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(places) && strpbrk(name, "\"'\\") == NULL; i++) {
        g_autoptr(GString) path = g_string_new(places[i]);
        g_string_replace(path, "%s", name, 1);
        if (!any_has(s, path->str)) {
            continue;
        }
        set_column(c, name, name, false, CP_UNIT_NUMBER);
        /* An object such as `workload` is shown by its name. */
        g_string_append_printf(sql,
                               "CASE json_type(line, '%s') WHEN 'object' THEN "
                               "coalesce(json_extract(line, '%s.file'), json_extract(line, "
                               "'%s.name')) ELSE json_extract(line, '%s') END",
                               path->str, path->str, path->str, path->str);
        return true;
    }
    return false;
}

bool cp_table_source_find(CpTableSource *s, const char *name, CpQueryColumn *c,
                          GString *sql)
{
    return s->is_json ? find_json(s, name, c, sql) : find_stored(s, name, c, sql);
}

static void add_all(CpTableSource *s, const char *sql, GPtrArray *names)
{
    sqlite3_stmt *stmt = cp_database_prepare(s->db, sql, NULL);
    while (stmt != NULL && sqlite3_step(stmt) == SQLITE_ROW) {
        g_ptr_array_add(names, g_strdup((const char *)sqlite3_column_text(stmt, 0)));
    }
    sqlite3_finalize(stmt);
}

GPtrArray *cp_table_source_axes(CpTableSource *s)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    if (!s->is_json) {
        add_all(s, "SELECT key FROM axis ORDER BY position", names);
    }
    return names;
}

GPtrArray *cp_table_source_names(CpTableSource *s)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    if (s->is_json) {
        g_ptr_array_add(names, g_strdup("workload"));
        g_ptr_array_add(names, g_strdup("outcome"));
        add_all(s, "SELECT DISTINCT key FROM result, json_each(line, '$.metrics')", names);
        return names;
    }
    g_ptr_array_add(names, g_strdup("point"));
    g_ptr_array_add(names, g_strdup("repeat"));
    g_ptr_array_add(names, g_strdup("seed"));
    add_all(s, "SELECT key FROM axis ORDER BY position", names);
    static const char *const after[] = {"outcome", "expects_failed", "failed", "error"};
    for (size_t i = 0; i < G_N_ELEMENTS(after); i++) {
        g_ptr_array_add(names, g_strdup(after[i]));
    }
    add_all(s, "SELECT name FROM metric ORDER BY position", names);
    return names;
}

uint32_t cp_table_source_repeats(CpTableSource *s)
{
    g_autofree char *text = s->is_json ? NULL : cp_database_meta(s->db, "repeats");
    return text != NULL ? (uint32_t)g_ascii_strtoull(text, NULL, 10) : 1;
}

sqlite3_stmt *cp_table_source_select(CpTableSource *s, const char *expressions,
                                     GError **error)
{
    g_autofree char *sql = g_strdup_printf("SELECT %s FROM result ORDER BY %s", expressions,
                                           s->is_json ? "rowid" : "point, repeat");
    return cp_database_prepare(s->db, sql, error);
}

gboolean cp_table_source_check(CpTableSource *s, sqlite3_stmt *stmt, int i,
                               const CpQueryColumn *c, GError **error)
{
    if (strcmp(c->name, "file") == 0) {
        return TRUE;
    }
    if (s->is_json) {
        bool good = sqlite3_column_type(stmt, i) != SQLITE_FLOAT ||
                    isfinite(sqlite3_column_double(stmt, i));
        g_autofree char *clean = good ? NULL : cp_clean_text(s->path, -1);
        if (!good) {
            g_set_error(error, CP_ERROR, CP_ERROR_INPUT, "%s: a number of %s is too large",
                        clean, c->key);
        }
        return good;
    }
    bool own = g_strv_contains(cp_result_columns, c->name);
    CpStored kind = c->is_metric ? CP_STORED_METRIC
                    : own        ? cp_stored_kind(c->name)
                                 : CP_STORED_TEXT;
    return cp_stored_is_good(stmt, i, kind, c->unit) || cp_stored_odd(s->db, c->key, error);
}

sqlite3_stmt *cp_table_source_answers(CpTableSource *s)
{
    return s->is_json ? NULL
                      : cp_database_prepare(s->db,
                                            "SELECT find, axis, such_that, at, value FROM "
                                            "answer ORDER BY find, axis, such_that, rowid",
                                            NULL);
}

gboolean cp_table_source_fail(CpTableSource *s, int code, GError **error)
{
    return cp_database_fail(s->db, code, error);
}
