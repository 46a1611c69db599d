#include "models/linux/fair-slice.h"

/* The shortest and the longest request of a queue. */

/* Only entities with a slice of their own make this a search. */
void cp_fair_slices(const CpRq *rq)
{
    CpFairRq *q = cp_fair_rq(rq);
    if (q->n_custom == 0) {
        q->min_slice = q->max_slice = cp_fair_data(rq)->base;
        return;
    }
    if (!q->stale) {
        return;
    }
    q->min_slice = UINT32_MAX;
    q->max_slice = q->n_min = q->n_max = 0;
    for (uint32_t i = 0; i < cp_fair_n_queued(q); i++) {
        cp_fair_slice_joins(q, cp_fair_slice(rq, cp_fair_ent(rq, cp_fair_queued_at(q, i))));
    }
    if (q->out != CP_NONE) {
        cp_fair_slice_joins(q, cp_fair_slice(rq, cp_fair_ent(rq, q->out)));
    }
    cp_assert(q->min_slice <= q->max_slice); /* n_custom > 0: somebody was seen */
    q->stale = false;
}

void cp_fair_pass_slice(CpRq *rq)
{
    CpEnt ent;
    CpRq *up;
    while ((up = cp_rq_parent(rq, &ent)) != NULL && cp_fair_rq(rq)->balance.weight > 0) {
        CpFairRq *q = cp_fair_rq(up);
        CpFairEnt *e = cp_fair_ent(up, ent);
        cp_assert(ent >= CP_ENT_GROUP); /* threads have no queue below them */
        cp_fair_slices(rq);
        uint32_t shortest = cp_fair_rq(rq)->min_slice;
        uint32_t slice = shortest == cp_fair_data(rq)->base ? 0 : shortest;
        if (e->slice == slice) {
            return;
        }
        if ((e->flags & CP_FAIR_QUEUED) || q->out == ent) {
            q->n_custom += (uint32_t)(slice != 0) - (uint32_t)(e->slice != 0);
            q->stale = true;
        }
        e->slice = slice;
        rq = up;
    }
}
