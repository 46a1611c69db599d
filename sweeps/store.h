/* The result file of a sweep: SQLite, see docs/result-store.md.
 *
 * A row is one run: a repeat of a point.  Rows appear in whole batches; a batch that was
 * committed survives whatever ends the program.  The file carries its plan, and rows of
 * another plan are refused.  A store is used by one thread. */
#ifndef CP_SWEEPS_STORE_H
#define CP_SWEEPS_STORE_H

#include "sweeps/plan.h"

enum { CP_STORE_SCHEMA = 1 };

typedef struct CpStore CpStore;

typedef struct {
    uint64_t point;
    uint32_t repeat;
    uint64_t seed;
    const char *outcome; /* static: "done" ... , "refused": the point cannot be run */
    char *error;         /* NULL: none */
    uint32_t expects_failed;
    bool failed;     /* counts as a failed point */
    bool lost;       /* the host could not run it, `error` says why: no row to store */
    int64_t *values; /* one a metric of the plan; NULL: none known */
    bool *known;
} CpRow;

void cp_row_free(void *row);

/* Opens the file for writing, makes it if it is not there.  `fresh`: starts over.  "" is a
 * store in memory.  CP_ERROR_INPUT: another plan, a newer version, not a result file;
 * CP_ERROR_OUTPUT: cannot be written. */
CpStore *cp_store_open(const char *path, const CpPlan *plan, bool fresh, GError **error);
/* For reading, and for --missing: rows of this plan. */
CpStore *cp_store_open_read(const char *path, const CpPlan *plan, GError **error);
void cp_store_free(CpStore *store);
/* The same after a sweep that failed: a file that was made for it and has no row goes. */
void cp_store_give_up(CpStore *store);

/* Says how many repeats and points (after `where`) the sweep wants; the larger number of
 * repeats is kept. */
gboolean cp_store_want(CpStore *store, uint64_t points, uint32_t repeats, GError **error);

/* Adds a row to the batch; takes it. */
void cp_store_add(CpStore *store, CpRow *row);
/* Writes the batch: it is on the disk, all of it, or after an error none of it.  Rows that
 * are there stay as they are. */
gboolean cp_store_commit(CpStore *store, const CpPlan *plan, GError **error);

typedef struct {
    uint64_t point;
    uint32_t repeat;
    bool failed, missed; /* a failed point; an `expect` of the workload was not met */
} CpRowId;
/* Appends the rows of the points from .. to-1, in order. */
gboolean cp_store_done(CpStore *store, uint64_t from, uint64_t to, GArray *ids,
                       GError **error);
/* Values of a metric at one point, in order of repeats: new array of int64_t. */
GArray *cp_store_values(CpStore *store, uint64_t point, const char *key, GError **error);

/* What a search found. */
typedef struct {
    bool largest;
    const char *axis, *such_that; /* "cores", "makespan < 500ms" */
    const char *at;               /* "load=3ms policy=rr": values of the other axes */
    const char *value;            /* NULL: none will do */
} CpAnswer;
/* Keeps it; one to the same question is replaced. */
gboolean cp_store_answer(CpStore *store, const CpAnswer *answer, GError **error);

typedef struct {
    uint64_t added, known; /* rows copied, rows that were there */
    uint64_t missing;      /* rows the plan still wants */
} CpMergeResult;
/* Joins result files of one plan into `path`. */
gboolean cp_store_merge(const char *path, char *const *inputs, CpMergeResult *result,
                        GError **error);

#endif
