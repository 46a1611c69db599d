#include "models/linux/fair-lag.h"

#include "models/linux/fair-slice.h"

/* How much lag is kept, and how it survives the insertion of its owner. */

void cp_fair_update_lag(const CpRq *rq, CpFairEnt *e)
{
    const CpFairData *d = cp_fair_data(rq);
    const CpFairRq *q = cp_fair_rq(rq);
    int64_t limit;
    cp_assert(q->balance.weight >= e->bal.load.weight); /* it still counts in V */
    if (d->has.lag_limit == CP_LAG_TWO_SLICES) {
        int64_t two = (int64_t)2 * cp_fair_slice(rq, e);
        limit = cp_vdelta(&e->bal.load, MAX(two, d->tick));
    } else {
        cp_fair_slices(rq);
        limit = cp_vdelta(&e->bal.load, (int64_t)q->max_slice + d->tick);
    }
    e->vlag = CLAMP(cp_fair_average(q) - e->v, -limit, limit);
}

/* Mirrors fair.c:place_entity: the insertion moves V towards v, so the lag is made longer
 * by as much as that takes away. */
void cp_fair_place_entity(const CpRq *rq, CpFairEnt *e, bool initial)
{
    const CpFairRq *q = cp_fair_rq(rq);
    int64_t lag = 0;
    cp_assert(!(e->flags & CP_FAIR_QUEUED)); /* its v is a key there */
    if (q->balance.weight > 0 && e->vlag != 0) {
        lag = (int64_t)((__int128)e->vlag * (q->balance.weight + e->bal.load.weight) /
                        q->balance.weight);
    }
    e->v = cp_fair_average(q) - lag;
    if (e->flags & CP_FAIR_REL_DEADLINE) {
        e->flags &= ~(uint32_t)CP_FAIR_REL_DEADLINE;
        e->deadline += e->v;
    } else {
        int64_t vslice = cp_vdelta(&e->bal.load, cp_fair_slice(rq, e));
        e->deadline = e->v + (initial ? vslice / 2 : vslice);
    }
    cp_assert(e->deadline >= e->v);
}
