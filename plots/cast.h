/* Who appears in a chart: the threads that ran, their names, colours and order.
 *
 * The same thread keeps its colour in every chart of a run and in every recording drawn
 * beside it: colours follow the rank of the name among the threads that ran most in the
 * whole run, never the window.  Recordings are matched by name; the second thread of a
 * name matches the second one.  Names are cleaned here and fit to be drawn. */
#ifndef CP_PLOTS_CAST_H
#define CP_PLOTS_CAST_H

#include "plots/theme.h"
#include "traces/cpr.h"

enum { CP_LISTED_MAX = 16 }; /* rows of a legend of threads */

typedef struct {
    char *name;      /* cleaned; with process or thread number where names repeat; owned */
    CpTime whole_ns; /* CPU time in all recordings */
    CpTime cpu_ns;   /* the same within the window */
    uint32_t slot;   /* place in the list, or the slot of the others */
    CpColour colour; /* of listed ones */
} CpActor;

typedef struct {
    GPtrArray *actors; /* CpActor; owned */
    size_t n_recordings;
    uint32_t **actor_of; /* [recording][thread id]: index in actors, or CP_NONE */
    uint32_t *n_ids;     /* [recording] */
    uint64_t **n_slices; /* [recording][cpu]: slices in the window */
    CpActor **listed;    /* by CPU time in the window, largest first; borrowed */
    uint32_t n_listed;
    uint32_t n_others; /* ran in the window, not listed */
    CpTime others_ns;  /* their CPU time */
} CpCast;

/* Reads all recordings once. */
CpCast *cp_cast_new(CpCpr *const *recordings, size_t n, CpTime from, CpTime to,
                    GError **error);
void cp_cast_free(CpCast *cast);
/* Decides who is listed: all, or if they are more than `max` the first max - 1; of more
 * than eight not those with less than a thousandth of the time. */
void cp_cast_list(CpCast *cast, uint32_t max, const CpTheme *theme);
/* Slot of a thread: its place in the list; n_listed for the others. */
uint32_t cp_cast_slot(const CpCast *cast, size_t recording, uint32_t tid);
/* NULL: a thread the recording does not name. */
const CpActor *cp_cast_actor(const CpCast *cast, size_t recording, uint32_t tid);
/* Colour of a slot. */
CpColour cp_cast_colour(const CpCast *cast, uint32_t slot, const CpTheme *theme);

/* Order of names with numbers in them: "worker-2" before "worker-10". */
int cp_name_compare(const char *a, const char *b);

#endif
