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
/* Number of the pair, as pieces have it. */
uint32_t cp_rebuild_pair(CpRebuild *rb, uint32_t waker, uint32_t other);
/* A wait for the answer of another thread that it has woken. */
void cp_rebuild_wait_answer(CpRebuild *rb, RebuildThread *t, uint32_t other);
/* Kernel work of so many ns stands in what it runs from here on, or is about to end: the
 * machine adds it again, so it is taken out. */
static inline void cp_rebuild_owe(RebuildThread *t, CpTime cost)
{
    t->owed += cost;
}
/* First sight of a thread that nobody started within the recording. */
void cp_rebuild_begin(RebuildThread *t, CpTime start, uint32_t cpu);

/* --- lead.c --- */

static inline int64_t cp_pair_key(uint32_t waker, uint32_t sleeper)
{
    return (int64_t)((uint64_t)waker << 32 | sleeper);
}

/* Reads how far wakers ran ahead of those they woke.  CP_ERROR_INPUT: a damaged block. */
gboolean cp_leads_read(CpRebuild *rb, GError **error);
void cp_leads_free(CpLeads *leads);
/* CPU time that the waker was seen to have after a wake-up of the sleeper before it waited
 * for it; CP_NEVER: it never waits. */
CpTime cp_lead_of(const CpLeads *leads, uint32_t waker, uint32_t sleeper);

/* --- waking.c: all at a record that has not been followed yet --- */

void cp_rebuild_on_waking(CpRebuild *rb, const CpRecord *r, CpTime now);
void cp_rebuild_on_wakeup(CpRebuild *rb, const CpRecord *r, CpTime now);
/* An interpreter's lock was asked for, got or dropped. */
void cp_rebuild_on_gil(CpRebuild *rb, CpRecordKind kind, uint32_t gil, uint32_t id,
                       CpTime now);
/* It comes to none of its waits for answers any more: they are not given. */
void cp_rebuild_forget_dues(CpRebuild *rb, RebuildThread *t);
/* It leaves its CPU to wait, and has been woken already. */
void cp_rebuild_early(CpRebuild *rb, RebuildThread *t, CpTime now);
/* It is about to wait again, or ends: whoever woke it may go on. */
void cp_rebuild_answer(CpRebuild *rb, RebuildThread *t, CpTime now);
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
