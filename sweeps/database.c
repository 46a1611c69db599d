#include "sweeps/database.h"

#include "sim/error.h"
#include "sweeps/schema.h"
#include "sweeps/store.h"
#include "lang/diag.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/vfs.h>
#include <unistd.h>

/* How result files are opened, and what is said when SQLite refuses. */

enum {
    BUSY_MS = 60 * 1000,
    TEXT_MAX = 64 << 20, /* bytes of a value, a row or a statement */
    STEPS_AT_ONCE = 10000,
    STEPS_MIN = 20 * 1000 * 1000,
    STEPS_PER_BYTE = 200, /* a query of all columns takes about one */
};

gboolean cp_database_fail(CpDatabase *db, int code, GError **error)
{
    g_autofree char *path = cp_clean_text(db->path, -1);
    int primary = code & 0xff;
    int system = db->handle != NULL ? sqlite3_system_errno(db->handle) : 0;
    switch (primary) {
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
        g_set_error(error, CP_ERROR, CP_ERROR_INPUT,
                    "%s is not a result file of coreplay sweep%s", path,
                    primary == SQLITE_CORRUPT ? ", or it is damaged" : "");
        return FALSE;
    case SQLITE_INTERRUPT:
        g_set_error(error, CP_ERROR, CP_ERROR_INPUT,
                    "%s: reading it takes more steps than its size explains; it is no "
                    "result file of coreplay sweep, or it was changed",
                    path);
        return FALSE;
    case SQLITE_TOOBIG:
        g_set_error(error, CP_ERROR, CP_ERROR_INPUT,
                    "%s has a value of more than %d MiB, which no sweep writes", path,
                    TEXT_MAX >> 20);
        return FALSE;
    case SQLITE_FULL:
    case SQLITE_IOERR:
        g_set_error(error, CP_ERROR, CP_ERROR_OUTPUT,
                    "%s: cannot be written: %s; what was stored before is kept: make room "
                    "and run the same command again",
                    path, system != 0 ? g_strerror(system) : sqlite3_errstr(code));
        return FALSE;
    case SQLITE_CANTOPEN:
        if (system == EMFILE || system == ENFILE) {
            g_set_error(error, CP_ERROR, CP_ERROR_OUTPUT, "%s: cannot be opened: %s", path,
                        g_strerror(system));
            return FALSE;
        }
        g_set_error(error, CP_ERROR, db->writes ? CP_ERROR_OUTPUT : CP_ERROR_INPUT,
                    "%s: cannot be opened%s", path,
                    db->writes ? " for writing; may its folder be written?" : "");
        return FALSE;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        g_set_error(error, CP_ERROR, CP_ERROR_OUTPUT, "%s may not be written", path);
        return FALSE;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        g_set_error(error, CP_ERROR, CP_ERROR_OUTPUT,
                    "%s is in use by another program for longer than %d s", path,
                    BUSY_MS / 1000);
        return FALSE;
    default:
        g_set_error(error, CP_ERROR, db->writes ? CP_ERROR_OUTPUT : CP_ERROR_INPUT,
                    "%s: %s%s%s", path,
                    db->handle != NULL ? sqlite3_errmsg(db->handle) : sqlite3_errstr(code),
                    system != 0 ? ": " : "", system != 0 ? g_strerror(system) : "");
        return FALSE;
    }
}

gboolean cp_database_exec(CpDatabase *db, const char *sql, GError **error)
{
    int code = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
    return code == SQLITE_OK || cp_database_fail(db, code, error);
}

sqlite3_stmt *cp_database_prepare(CpDatabase *db, const char *sql, GError **error)
{
    sqlite3_stmt *stmt = NULL;
    int code = sqlite3_prepare_v2(db->handle, sql, -1, &stmt, NULL);
    if (code != SQLITE_OK) {
        cp_database_fail(db, code, error);
        return NULL;
    }
    return stmt;
}

gboolean cp_database_insert(CpDatabase *db, const char *sql, const char *const *texts,
                            GError **error)
{
    sqlite3_stmt *stmt = cp_database_prepare(db, sql, error);
    if (stmt == NULL) {
        return FALSE;
    }
    for (int i = 0; texts[i] != NULL; i++) {
        sqlite3_bind_text(stmt, i + 1, texts[i], -1, SQLITE_STATIC);
    }
    int code = sqlite3_step(stmt);
    sqlite3_finalize(stmt);
    return code == SQLITE_DONE || cp_database_fail(db, code, error);
}

char *cp_database_meta(CpDatabase *db, const char *key)
{
    char *value = NULL;
    sqlite3_stmt *stmt =
        cp_database_prepare(db, "SELECT value FROM meta WHERE key = ?", NULL);
    if (stmt != NULL) {
        sqlite3_bind_text(stmt, 1, key, -1, SQLITE_STATIC);
        if (sqlite3_step(stmt) == SQLITE_ROW) {
            value = g_strdup((const char *)sqlite3_column_text(stmt, 0));
        }
    }
    sqlite3_finalize(stmt);
    return value;
}

/* Shared memory, which WAL needs, does not work across machines. */
static bool is_network(const char *path)
{
    static const unsigned long kinds[] = {
        0x6969,     /* NFS */
        0x517b,     /* SMB */
        0xff534d42, /* CIFS */
        0xfe534d42, /* SMB2 */
        0x0bd00bd0, /* Lustre */
        0x47504653, /* GPFS */
        0x19830326, /* BeeGFS */
        0x00c36400, /* Ceph */
        0x65735546, /* FUSE */
        0x5346414f, /* AFS */
        0x01021997, /* 9P */
    };
    struct statfs fs;
    g_autofree char *folder = g_path_get_dirname(path);
    if (statfs(folder, &fs) != 0) {
        return false;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (((unsigned long)fs.f_type & 0xffffffff) == kinds[i]) {
            return true;
        }
    }
    return false;
}

static gboolean set_modes(CpDatabase *db, CpDatabaseUse use, GError **error)
{
    const char *journal = use == CP_DATABASE_MAKE ? "MEMORY"
                          : is_network(db->path)  ? "DELETE"
                                                  : "WAL";
    g_autofree char *sql =
        g_strdup_printf("PRAGMA journal_mode = %s; PRAGMA synchronous = FULL", journal);
    return cp_database_exec(db, sql, error);
}

/* Before SQLite is asked to, because it would tell that a folder is missing as an unclear
 * "unable to open". */
static gboolean check_file(const char *path, bool writes, GError **error)
{
    g_autofree char *clean = cp_clean_text(path, -1);
    g_autofree char *folder = g_path_get_dirname(path);
    if (!g_file_test(path, G_FILE_TEST_EXISTS) && !writes) {
        g_set_error(error, CP_ERROR, CP_ERROR_INPUT, "%s: no such file", clean);
        return FALSE;
    }
    if (!g_file_test(folder, G_FILE_TEST_IS_DIR)) {
        g_set_error(error, CP_ERROR, CP_ERROR_OUTPUT, "%s: its folder does not exist",
                    clean);
        return FALSE;
    }
    if (g_file_test(path, G_FILE_TEST_EXISTS) &&
        !g_file_test(path, G_FILE_TEST_IS_REGULAR)) {
        g_set_error(error, CP_ERROR, writes ? CP_ERROR_OUTPUT : CP_ERROR_INPUT,
                    "%s is no regular file", clean);
        return FALSE;
    }
    return TRUE;
}

/* What stands beside the file under an ending: its size, 0 if there is none. */
static int64_t size_beside(const char *path, const char *ending)
{
    g_autofree char *name = g_strconcat(path, ending, NULL);
    GStatBuf status;
    return g_lstat(name, &status) == 0 ? (int64_t)status.st_size : 0;
}

/* Whether a rollback journal names another one, which SQLite would then read and delete.
 * No sweep writes such a journal. */
static bool names_other_journal(const char *path)
{
    static const unsigned char magic[] = {0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7};
    g_autofree char *name = g_strconcat(path, "-journal", NULL);
    unsigned char end[sizeof magic];
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    bool names = fd >= 0 && lseek(fd, -(off_t)sizeof end, SEEK_END) > 0 &&
                 read(fd, end, sizeof end) == (ssize_t)sizeof end &&
                 memcmp(end, magic, sizeof end) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return names;
}

/* Whether its header says that the file is in WAL mode. */
static bool is_wal(const char *path)
{
    unsigned char version[2] = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool wal = fd >= 0 && pread(fd, version, sizeof version, 18) == 2 && version[1] == 2;
    if (fd >= 0) {
        close(fd);
    }
    return wal;
}

/* The file comes from anybody: nothing in it may compute, and nothing in it is bigger than
 * what a sweep writes. */
static void defend(CpDatabase *db)
{
    static const int off[] = {SQLITE_DBCONFIG_TRUSTED_SCHEMA, SQLITE_DBCONFIG_ENABLE_VIEW,
                              SQLITE_DBCONFIG_ENABLE_TRIGGER, SQLITE_DBCONFIG_DQS_DDL,
                              SQLITE_DBCONFIG_DQS_DML};
    for (size_t i = 0; i < G_N_ELEMENTS(off); i++) {
        sqlite3_db_config(db->handle, off[i], 0, NULL);
    }
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_limit(db->handle, SQLITE_LIMIT_LENGTH, TEXT_MAX);
    sqlite3_limit(db->handle, SQLITE_LIMIT_ATTACHED, 1);
    sqlite3_limit(db->handle, SQLITE_LIMIT_TRIGGER_DEPTH, 1);
    sqlite3_exec(db->handle, "PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0", NULL,
                 NULL, NULL);
}

/* Ends a query that takes more steps than the size of the file explains. */
static int count_steps(void *data)
{
    CpDatabase *db = data;
    db->steps_left -= STEPS_AT_ONCE;
    return db->steps_left < 0;
}

static void limit_steps(CpDatabase *db)
{
    GStatBuf status;
    int64_t size = g_stat(db->path, &status) == 0 ? (int64_t)status.st_size : 0;
    db->steps_left = STEPS_MIN + size * STEPS_PER_BYTE + size_beside(db->path, "-wal");
    sqlite3_progress_handler(db->handle, STEPS_AT_ONCE, count_steps, db);
}

/* A file in order is opened for reading only.  What a killed writer left behind must be put
 * in order first, by one who may write; else it is read as it stands. */
static int open_handle(CpDatabase *db)
{
    if (*db->path == '\0') {
        return sqlite3_open_v2(":memory:", &db->handle, SQLITE_OPEN_READWRITE, NULL);
    }
    if (names_other_journal(db->path)) {
        return SQLITE_NOTADB;
    }
    bool wal = is_wal(db->path), left = size_beside(db->path, "-wal") > 0;
    bool in_order = !wal && !left && size_beside(db->path, "-journal") == 0;
    int flags = SQLITE_OPEN_READWRITE | (db->writes ? SQLITE_OPEN_CREATE : 0);
    g_autofree char *uri = NULL;
    if (!db->writes && (in_order || g_access(db->path, W_OK) != 0)) {
        flags = SQLITE_OPEN_READONLY;
        if (wal && !left) { /* would want to make one */
            g_autofree char *escaped = g_uri_escape_string(db->path, "/", TRUE);
            uri = g_strdup_printf("file:%s?immutable=1", escaped);
            flags |= SQLITE_OPEN_URI;
        }
    }
    int code = sqlite3_open_v2(uri != NULL ? uri : db->path, &db->handle, flags, NULL);
    if (code == SQLITE_OK) {
        defend(db);
        limit_steps(db);
    }
    if (code == SQLITE_OK && !db->writes) {
        code = sqlite3_exec(db->handle, "PRAGMA query_only = ON", NULL, NULL, NULL);
    }
    return code;
}

/* Two programs that change the journal mode of one file at once wait for each other until
 * one gives up, so they take turns.  The lock is on the folder, because closing any handle
 * of the file itself would drop SQLite's locks on it; where a file system has no such locks
 * there are no turns.  Returns a descriptor to close, or -1. */
static int take_turn(const CpDatabase *db)
{
    if (!db->writes || *db->path == '\0') {
        return -1;
    }
    g_autofree char *folder = g_path_get_dirname(db->path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (fd >= 0 && flock(fd, LOCK_EX) != 0 && errno == EINTR) {
    }
    return fd;
}

static void end_turn(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}

/* What SQLite made before something failed; nobody else wrote it meanwhile. */
static void drop_files(const CpDatabase *db)
{
    static const char *const endings[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < G_N_ELEMENTS(endings); i++) {
        g_autofree char *path = g_strconcat(db->path, endings[i], NULL);
        g_unlink(path);
    }
}

CpDatabase *cp_database_open(const char *path, CpDatabaseUse use, GError **error)
{
    bool writes = use != CP_DATABASE_READ;
    if (*path != '\0' && !check_file(path, writes, error)) {
        return NULL;
    }
    CpDatabase *db = g_new0(CpDatabase, 1);
    db->path = g_strdup(path);
    db->writes = writes;
    db->turn = take_turn(db);
    db->made = db->turn >= 0 && !g_file_test(path, G_FILE_TEST_EXISTS);
    int code = open_handle(db);
    bool ok = code == SQLITE_OK;
    if (ok) {
        sqlite3_busy_timeout(db->handle, BUSY_MS);
        sqlite3_extended_result_codes(db->handle, 1);
        ok = !writes || *path == '\0' || set_modes(db, use, error);
    } else {
        cp_database_fail(db, code, error);
    }
    if (!ok) {
        cp_database_free(db);
        return NULL;
    }
    return db;
}

void cp_database_free(CpDatabase *db)
{
    if (db == NULL) {
        return;
    }
    bool ready = db->turn < 0;
    int turn = ready ? take_turn(db) : db->turn;
    if (turn >= 0 && db->handle != NULL) {
        /* Fails while another program has the file open, which then does it. */
        sqlite3_busy_timeout(db->handle, 0);
        int code =
            sqlite3_exec(db->handle, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
        /* Where two can write at once this needs the file for itself. */
        db->drop = db->drop && code == SQLITE_OK && !is_network(db->path);
    }
    sqlite3_close(db->handle);
    if (turn >= 0 && (ready ? db->drop : db->made)) {
        drop_files(db);
    }
    end_turn(turn);
    g_free(db->path);
    g_free(db);
}

void cp_database_ready(CpDatabase *db)
{
    sqlite3_progress_handler(db->handle, 0, NULL, NULL);
    end_turn(db->turn);
    db->turn = -1;
}

bool cp_database_is_empty(CpDatabase *db)
{
    sqlite3_stmt *stmt =
        cp_database_prepare(db, "SELECT count(*) FROM sqlite_master", NULL);
    bool empty = stmt != NULL && sqlite3_step(stmt) == SQLITE_ROW &&
                 sqlite3_column_int64(stmt, 0) == 0;
    sqlite3_finalize(stmt);
    return empty;
}

gboolean cp_database_check(CpDatabase *db, bool *is_new, GError **error)
{
    sqlite3_stmt *stmt = cp_database_prepare(
        db, "SELECT count(*), coalesce(sum(name = 'meta'), 0) FROM sqlite_master", error);
    int code = stmt != NULL ? sqlite3_step(stmt) : SQLITE_ERROR;
    bool ours = code == SQLITE_ROW && sqlite3_column_int(stmt, 1) > 0;
    *is_new = code == SQLITE_ROW && sqlite3_column_int(stmt, 0) == 0;
    sqlite3_finalize(stmt);
    if (stmt == NULL || *is_new) {
        return stmt != NULL;
    }
    if (code != SQLITE_ROW) {
        return cp_database_fail(db, code, error);
    }
    g_autofree char *schema = ours ? cp_database_meta(db, "schema") : NULL;
    g_autofree char *version = ours ? cp_database_meta(db, "coreplay") : NULL;
    g_autofree char *path = cp_clean_text(db->path, -1);
    if (schema == NULL) {
        return cp_database_fail(db, SQLITE_NOTADB, error);
    }
    if (g_ascii_strtoll(schema, NULL, 10) > CP_STORE_SCHEMA) {
        g_set_error(error, CP_ERROR, CP_ERROR_INPUT,
                    "%s was written by a newer version (coreplay %s, schema %s; this one "
                    "reads up to %d)",
                    path, version != NULL ? version : "?", schema, CP_STORE_SCHEMA);
        return FALSE;
    }
    return cp_schema_check(db, error);
}
