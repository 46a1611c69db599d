/* Lag: what an entity is owed, V - v, kept while it is off the queue, and where it comes
 * back. */
#ifndef CP_MODELS_LINUX_FAIR_LAG_H
#define CP_MODELS_LINUX_FAIR_LAG_H

#include "models/linux/fair.h"

/* Notes the lag of an entity that is about to leave; mirrors fair.c:update_entity_lag. */
void cp_fair_update_lag(const CpRq *rq, CpFairEnt *e);
/* What was owed is paid or forgotten, what is owed to others is kept (DELAY_ZERO). */
static inline void cp_fair_forget_lag(CpFairEnt *e)
{
    e->vlag = MIN(e->vlag, 0);
}
/* v and deadline of an entity about to join; `initial`: a new thread. */
void cp_fair_place_entity(const CpRq *rq, CpFairEnt *e, bool initial);

/* The deadline of an entity that left in the middle of a request waits relative to v. */
static inline void cp_fair_keep_deadline(CpFairEnt *e)
{
    cp_assert(e->deadline >= e->v);
    e->deadline -= e->v;
    e->flags |= CP_FAIR_REL_DEADLINE;
}

#endif
