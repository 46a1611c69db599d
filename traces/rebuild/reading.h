/* What the parts of reading a recording have of each other: lives.c follows the threads,
 * waking.c says who ended their waits. */
#ifndef CP_TRACES_REBUILD_READING_H
#define CP_TRACES_REBUILD_READING_H

#include "sim/timeline.h"
#include "traces/rebuild/evidence.h"

/* --- lives.c --- */

/* Reads the part of the recording into pieces.  CP_ERROR_INPUT: a damaged block. */
gboolean cp_rebuild_read(CpRebuild *rb, GError **error);
/* Whether the thread belongs to the program, or is load from others. */
void cp_rebuild_keep(CpRebuild *rb, uint32_t id, bool foreign);
/* Appends a piece and returns its place. */
int64_t cp_rebuild_add(CpRebuild *rb, RebuildThread *t, CpPiece piece);
/* CPU time up to now becomes a piece, so that what follows happens behind it. */
void cp_rebuild_settle(CpRebuild *rb, RebuildThread *t, CpTime now);
/* Kernel work of so many ns stands in what it runs from here on, or is about to end: the
 * machine adds it again, so it is taken out. */
static inline void cp_rebuild_owe(RebuildThread *t, CpTime cost)
{
    t->owed += cost;
}
/* First sight of a thread that nobody started within the recording. */
void cp_rebuild_begin(RebuildThread *t, CpTime start, uint32_t cpu);

/* --- waking.c: all at a record that has not been followed yet --- */

void cp_rebuild_on_waking(CpRebuild *rb, const CpRecord *r, CpTime now);
void cp_rebuild_on_wakeup(CpRebuild *rb, const CpRecord *r, CpTime now);
/* An interpreter's lock was asked for, got or dropped. */
void cp_rebuild_on_gil(CpRebuild *rb, CpRecordKind kind, uint32_t gil, uint32_t id,
                       CpTime now);
/* It is given a CPU, and nobody was seen to end its wait. */
void cp_rebuild_unseen(CpRebuild *rb, RebuildThread *t, CpTime now);
/* The thread has ended: did that wake the one who had started it? */
void cp_rebuild_find_join(CpRebuild *rb, RebuildThread *t);
/* The thread starts others, or the part ends: what its last join was for. */
void cp_rebuild_note_all_joined(CpRebuild *rb, RebuildThread *t);
/* Timers interrupt whoever runs: where most wake-ups of a thread named nobody, those that
 * did named a victim. */
void cp_rebuild_outvote(CpRebuild *rb, RebuildThread *t);

static inline bool cp_rebuild_is_kept(const CpRebuild *rb, uint32_t id)
{
    return id < rb->n_threads && rb->threads[id].kept;
}

static inline const CpSeenThread *cp_rebuild_seen(const CpRebuild *rb,
                                                  const RebuildThread *t)
{
    return &rb->timeline->threads[t->facts.id];
}

#endif
