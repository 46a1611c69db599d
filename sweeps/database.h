/* SQLite behind the result files: opening, version, messages; private to sweeps/. */
#ifndef CP_SWEEPS_DATABASE_H
#define CP_SWEEPS_DATABASE_H

#include "sim/types.h"

#include <sqlite3.h>

typedef enum {
    CP_DATABASE_READ,
    CP_DATABASE_WRITE,
    CP_DATABASE_MAKE, /* a new file that nobody else sees yet: it has no journal */
} CpDatabaseUse;

typedef struct {
    sqlite3 *handle;
    char *path; /* as given */
    bool writes;
    int turn;           /* of a writer, until its tables are there: see cp_database_ready */
    bool made;          /* the file was not there */
    bool drop;          /* at the end the file goes, if nobody else has it open */
    int64_t steps_left; /* of a reader: how much more SQLite may do */
} CpDatabase;

/* "" is a database in memory.  A file to be written is in WAL mode, on a network file
 * system it has a rollback journal. */
CpDatabase *cp_database_open(const char *path, CpDatabaseUse use, GError **error);
/* The tables are made or checked: others may open the file, and the limit of steps ends. */
void cp_database_ready(CpDatabase *db);
/* A file that was written becomes a single file without journal; one that was made and was
 * never ready goes. */
void cp_database_free(CpDatabase *db);

/* Whether this is a result file this version can read; *is_new: it is still empty. */
gboolean cp_database_check(CpDatabase *db, bool *is_new, GError **error);
bool cp_database_is_empty(CpDatabase *db);

gboolean cp_database_exec(CpDatabase *db, const char *sql, GError **error);
sqlite3_stmt *cp_database_prepare(CpDatabase *db, const char *sql, GError **error);
/* Texts are bound in their order; NULL-ended. */
gboolean cp_database_insert(CpDatabase *db, const char *sql, const char *const *texts,
                            GError **error);
/* New text of a row of `meta`, or NULL. */
char *cp_database_meta(CpDatabase *db, const char *key);

/* Sets the error for a result code; returns FALSE. */
gboolean cp_database_fail(CpDatabase *db, int code, GError **error);

#endif
