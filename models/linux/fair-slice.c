#include "models/linux/fair-slice.h"

/* The shortest and the longest request of a queue. */

static void slice_seen(const CpRq *rq, uint32_t slice)
{
    CpFairRq *q = cp_fair_rq(rq);
    q->min_slice = MIN(q->min_slice, slice);
    q->max_slice = MAX(q->max_slice, slice);
}

/* Only entities with a slice of their own make this a search, repeated when such a one came
 * or went. */
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
    q->max_slice = 0;
    for (uint32_t i = 0; i < cp_fair_n_queued(q); i++) {
        slice_seen(rq, cp_fair_slice(rq, cp_fair_ent(rq, cp_fair_queued_at(q, i))));
    }
    if (q->out != CP_NONE) {
        slice_seen(rq, cp_fair_slice(rq, cp_fair_ent(rq, q->out)));
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
