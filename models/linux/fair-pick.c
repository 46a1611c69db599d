#include "models/linux/fair-lag.h"
#include "models/linux/fair-slice.h"

/* Who runs next; mirrors fair.c:pick_eevdf and pick_next_entity. */

/* A sleeper whose turn it would be goes to sleep for good. */
static void finish_sleep(CpRq *rq, CpFairEnt *e, CpEnt ent)
{
    cp_assert(rq->delayed > 0);
    cp_fair_update_lag(rq, e);
    cp_fair_forget_lag(e);
    e->flags &= ~(uint32_t)CP_FAIR_DELAYED;
    cp_load_leave(rq, ent, false);
    cp_fair_leave(rq, e, ent);
    cp_fair_slices_changed(rq);
    cp_rq_dequeue_done(rq, ent);
}

CpEnt cp_fair_choose(CpRq *rq, bool protected_stays)
{
    CpFairRq *q = cp_fair_rq(rq);
    for (;;) { /* a sleeper less each time */
        CpEnt curr = q->out;
        const CpFairEnt *c = curr == CP_NONE ? NULL : cp_fair_ent(rq, curr);
        if (c != NULL && cp_fair_n_queued(q) == 0) {
            return curr;
        }
        if (c != NULL && !cp_fair_eligible(q, c->v)) {
            c = NULL;
        }
        if (c != NULL && protected_stays && cp_fair_is_protected(rq, c)) {
            return curr;
        }
        CpEnt best = cp_fair_best(rq);
        if (best == CP_NONE) {
            cp_assert(c != NULL ||
                      q->balance.weight == 0); /* somebody is not above the average */
            return c != NULL ? curr : CP_NONE;
        }
        CpFairEnt *e = cp_fair_ent(rq, best);
        if (c != NULL && (c->deadline < e->deadline || (cp_fair_data(rq)->has.tie_to_curr &&
                                                        c->deadline == e->deadline))) {
            return curr;
        }
        if (!(e->flags & CP_FAIR_DELAYED)) {
            return best;
        }
        finish_sleep(rq, e, best);
    }
}
