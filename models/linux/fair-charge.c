#include "models/linux/fair-slice.h"

/* Virtual time passes: the running entity is charged, its request renewed when it is used
 * up, and when that could next lead to a decision. */

static inline bool alone(const CpRq *rq)
{
    return rq->nr + rq->delayed <= 1;
}

/* One update_curr; true: the request was used up, and is renewed. */
static bool charge(CpRq *rq, CpFairEnt *e, CpTime delta)
{
    cp_assert(delta > 0); /* time passed */
    e->v += cp_vdelta(&e->bal.load, delta);
    if (e->v < e->deadline) {
        return false;
    }
    bool whole = e->vprot == e->deadline;
    e->deadline = e->v + cp_vdelta(&e->bal.load, cp_fair_slice(rq, e));
    if (cp_fair_data(rq)->has.protect == CP_PROTECT_REQUEST && whole) {
        cp_fair_unprotect(rq, e);
    }
    cp_assert(e->deadline > e->v);
    return true;
}

/* n ticks that nobody looked at, as if each had charged: the deadline is renewed at the
 * first tick that reaches it, then every `per` ticks. */
static bool charge_ticks(CpRq *rq, CpFairEnt *e, uint64_t n)
{
    CpTime tick = cp_fair_data(rq)->tick;
    int64_t dv = cp_vdelta(&e->bal.load, tick);
    int64_t vslice = cp_vdelta(&e->bal.load, cp_fair_slice(rq, e));
    if (n == 1 || dv == 0) {
        return charge(rq, e, tick);
    }
    int64_t gap = e->deadline - e->v;
    uint64_t first = gap <= dv ? 1 : (uint64_t)((gap + dv - 1) / dv);
    if (first > n) {
        e->v += (int64_t)n * dv;
        return false;
    }
    uint64_t per = vslice <= dv ? 1 : (uint64_t)((vslice + dv - 1) / dv);
    uint64_t last = first + (n - first) / per * per;
    cp_assert(last <= n && n - last < per); /* the next renewal is not due */
    e->deadline = e->v + (int64_t)last * dv + vslice;
    e->v += (int64_t)n * dv;
    cp_assert(e->deadline > e->v);
    return true;
}

/* The stretch [now - delta, now], cut at the ticks inside it. */
static bool charge_stretch(CpRq *rq, CpFairEnt *e, CpTime delta)
{
    CpFairRq *q = cp_fair_rq(rq);
    CpTime tick = cp_fair_data(rq)->tick;
    CpTime to = cp_now(rq->sim), from = to - delta;
    if (q->next_tick <= from) {
        q->next_tick = cp_tick_after(rq->sim, from + 1);
    }
    cp_assert(q->next_tick > from && q->next_tick - from <= tick);
    if (to < q->next_tick) {
        return charge(rq, e, delta);
    }
    bool expired = charge(rq, e, q->next_tick - from);
    if (to - q->next_tick >= tick) {
        uint64_t n = (uint64_t)((to - q->next_tick) / tick);
        expired |= charge_ticks(rq, e, n);
        q->next_tick += (CpTime)n * tick;
    }
    if (to > q->next_tick) {
        expired |= charge(rq, e, to - q->next_tick);
    }
    q->next_tick += tick;
    return expired;
}

bool cp_fair_account(CpRq *rq, CpEnt ent, CpTime delta)
{
    CpFairRq *q = cp_fair_rq(rq);
    CpFairEnt *e = cp_fair_ent(rq, ent);
    int64_t v = e->v;
    cp_assert(q->out == ent); /* v of a queued one is a key */
    bool expired = charge_stretch(rq, e, delta);
    cp_assert(e->v >= v);
    q->sum += (__int128)(e->v - v) * e->bal.load.weight;
    if (alone(rq)) {
        return false;
    }
    if (cp_fair_data(rq)->has.protect == CP_PROTECT_REQUEST) {
        return expired;
    }
    return expired || !cp_fair_is_protected(rq, e);
}

CpTime cp_fair_next_look(CpRq *rq, CpEnt curr)
{
    const CpFairEnt *e = cp_fair_ent(rq, curr);
    if (alone(rq)) {
        return CP_NEVER;
    }
    CpTime now = cp_now(rq->sim);
    int64_t until = cp_fair_data(rq)->has.protect == CP_PROTECT_REQUEST
                        ? e->deadline
                        : MIN(e->vprot, e->deadline);
    int64_t left = until - e->v;
    if (left <= 0) {
        return now;
    }
    return now + (CpTime)(((unsigned __int128)(uint64_t)left * e->bal.load.weight) >> 10);
}

bool cp_fair_expired(CpRq *rq, CpEnt curr)
{
    const CpFairEnt *e = cp_fair_ent(rq, curr);
    cp_assert(cp_fair_rq(rq)->out == curr); /* only its mark is a protection */
    if (rq->group == 0 && cp_hrtick_fires(rq)) {
        return true;
    }
    return !alone(rq) && cp_fair_data(rq)->has.protect != CP_PROTECT_REQUEST &&
           !cp_fair_is_protected(rq, e);
}

void cp_fair_yield(CpRq *rq)
{
    CpFairRq *q = cp_fair_rq(rq);
    CpFairEnt *e = cp_fair_ent(rq, rq->curr);
    cp_assert(q->out == rq->curr);
    if (alone(rq)) {
        return;
    }
    if (cp_fair_data(rq)->has.yield == CP_YIELD_FORFEIT) {
        if (!cp_fair_eligible(q, e->v)) {
            return;
        }
        q->sum += (__int128)(e->deadline - e->v) * e->bal.load.weight;
        e->v = e->deadline;
    }
    e->deadline += cp_vdelta(&e->bal.load, cp_fair_slice(rq, e));
    cp_fair_unprotect(rq, e);
}
