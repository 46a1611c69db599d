/* Reading a recording, or a window of it, block by block.
 *
 *     const CpTimelineHooks hooks = {.span = add};
 *     const CpWalk all = {0};
 *     if (!cp_walk(cpr, &all, &hooks, data, error)) { ... }
 *
 * gives everything that sim/timeline.h finds in the recording to the hooks. */
#ifndef CP_TRACES_WALK_H
#define CP_TRACES_WALK_H

#include "sim/timeline.h"
#include "traces/cpr.h"

/* What to read.  Zero-filled: everything. */
typedef struct {
    CpTime from, to; /* window, cut to the recording; to = 0: up to its end */
    /* False: reading begins with the recording, so that all is known at the start of the
     * window.  True: it begins near the window, which takes the time of the window only;
     * of what was before it is known who ran on each CPU. */
    bool near;
} CpWalk;

/* CP_ERROR_INPUT: a damaged block. */
gboolean cp_walk(CpCpr *cpr, const CpWalk *walk, const CpTimelineHooks *hooks, void *data,
                 GError **error);

/* The same in two steps, for those who ask the timeline at the end: new, to be freed by the
 * caller, and read to the end of the window, but not finished. */
CpTimeline *cp_walk_timeline(CpCpr *cpr, const CpWalk *walk, const CpTimelineHooks *hooks,
                             void *data);
gboolean cp_walk_feed(CpCpr *cpr, const CpWalk *walk, CpTimeline *tl, GError **error);

/* Some records of a recording, in order; false: no more are wanted. */
typedef bool (*CpRecordsFn)(void *data, const CpRecord *records, size_t n);

/* All records of the blocks that touch [from, to], some of them outside it. */
gboolean cp_walk_records(CpCpr *cpr, CpTime from, CpTime to, CpRecordsFn fn, void *data,
                         GError **error);

#endif
