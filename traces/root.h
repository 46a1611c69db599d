/* Which process of a recording is meant by a number or a name. */
#ifndef CP_TRACES_ROOT_H
#define CP_TRACES_ROOT_H

#include "traces/cpr.h"

/* One thread; texts are borrowed. */
typedef struct {
    const char *name, *process; /* "" if not known */
    int64_t pid, tid;
    uint32_t parent; /* row of the thread that started it, CP_NONE */
} CpRootThread;

/* The pid of the process: `who` is its pid, the tid or the name of one of its threads, or
 * its own name.  Of several of that name the one is meant that started all others.
 * CP_ERROR_INPUT: there is none, or several; the message names them. */
gboolean cp_root_find(const CpRootThread *threads, uint32_t n, const char *who,
                      int64_t *pid, GError **error);
/* The same in a recording. */
gboolean cp_root_find_in(CpCpr *cpr, const char *who, int64_t *pid, GError **error);

#endif
