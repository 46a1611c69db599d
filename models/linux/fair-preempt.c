#include "models/linux/fair-slice.h"

/* Whether a wakee takes the CPU from the entity that runs; mirrors
 * fair.c:check_preempt_wakeup_fair. */

/* PREEMPT_SHORT of 6.12: would the wakee come first if nobody were protected? */
static bool short_wins(const CpRq *rq, const CpFairEnt *w, const CpFairEnt *c)
{
    const CpFairRq *q = cp_fair_rq(rq);
    return cp_fair_slice(rq, w) < cp_fair_slice(rq, c) && cp_fair_eligible(q, w->v) &&
           (w->deadline < c->deadline || !cp_fair_eligible(q, c->v));
}

bool cp_fair_preempts(CpRq *rq, CpEnt woken, CpWakeFlags flags)
{
    const CpFairEnt *w = cp_fair_ent(rq, woken);
    CpFairEnt *c = cp_fair_ent(rq, rq->curr);
    const CpEevdfFeatures *has = &cp_fair_data(rq)->has;
    cp_assert((w->flags & CP_FAIR_QUEUED) || woken >= CP_ENT_GROUP); /* or throttled */
    cp_assert(!(w->flags & CP_FAIR_DELAYED));                        /* it woke */
    if ((w->flags ^ c->flags) & CP_FAIR_IDLE) {
        if (c->flags & CP_FAIR_IDLE) {
            cp_fair_unprotect(rq, c);
        }
        return c->flags & CP_FAIR_IDLE;
    }
    if (w->flags & (CP_FAIR_BATCH | CP_FAIR_IDLE)) {
        return false;
    }
    bool is_short = cp_fair_slice(rq, w) < cp_fair_slice(rq, c);
    if ((flags & CP_WAKE_NEW) && !is_short && !has->preempt_new) {
        return false;
    }
    if (has->preempt_short == CP_PREEMPT_SHORT_CANCEL && short_wins(rq, w, c)) {
        cp_fair_unprotect(rq, c);
    }
    bool unprotected = is_short && has->preempt_short >= CP_PREEMPT_SHORT_PICK;
    if (cp_fair_choose(rq, !unprotected) == woken) {
        if (unprotected) {
            cp_fair_unprotect(rq, c);
        }
        return true;
    }
    if (is_short && has->preempt_short == CP_PREEMPT_SHORT_ELIGIBLE &&
        cp_fair_eligible(cp_fair_rq(rq), w->v)) {
        cp_fair_unprotect(rq, c);
        cp_fair_rq(rq)->next = woken;
        return true;
    }
    if (has->shrink >= CP_SHRINK_ALWAYS || (is_short && has->shrink == CP_SHRINK_SHORT)) {
        cp_fair_shrink_protection(rq, c);
    }
    return false;
}

bool cp_fair_waits_for_tick(const CpRq *rq)
{
    const CpFairRq *q = (const CpFairRq *)(const void *)cp_balance_cpu(rq->policy, rq->cpu);
    return cp_fair_data(rq)->has.lazy && !q->told;
}
