/* The queued entities of a fair run queue, and the search for the one with the earliest
 * deadline among the eligible.
 *
 * A short queue is a bag that a pick searches, here and inline because most are short.  A
 * long one is two heaps (fair-queue.c): those waiting to become eligible, by virtual
 * runtime, and those that were eligible when last seen, by deadline; a pick moves entities
 * over until the top of the second one is right.  docs/decisions.md says why two forms.
 *
 * `push` and `remove` know the queue only; `join` and `leave` are for an entity that comes
 * into the run queue or goes, and keep the sums. */
#ifndef CP_MODELS_LINUX_FAIR_QUEUE_H
#define CP_MODELS_LINUX_FAIR_QUEUE_H

#include "models/linux/fair.h"

/* The parts for long queues. */
void cp_fair_heap_place(CpRq *rq, uint64_t low);
void cp_fair_heap_remove(CpRq *rq, CpFairEnt *e);
CpEnt cp_fair_heap_best(CpRq *rq);
void cp_fair_to_heaps(CpRq *rq);
void cp_fair_queue_clear(CpFairQueue *q);
/* Every structure agrees with itself; adds up what is queued. */
void cp_fair_queue_audit(const CpRq *rq, __int128 *sum, int64_t *weight);

static inline uint32_t cp_fair_n_queued(const CpFairRq *rq)
{
    const CpFairQueue *q = &rq->queue;
    return q->heaps ? q->wait.n + q->ready.n : q->bag.n;
}

/* The i-th queued entity, in no order. */
static inline CpEnt cp_fair_queued_at(const CpFairRq *rq, uint32_t i)
{
    const CpFairQueue *q = &rq->queue;
    cp_assert(i < cp_fair_n_queued(rq));
    if (!q->heaps) {
        return (CpEnt)q->bag.low[i];
    }
    return (CpEnt)(i < q->wait.n ? q->wait.a[i].low : q->ready.a[i - q->wait.n].low);
}

static inline void cp_fair_bag_add(CpFairBag *b, CpFairEnt *e, uint64_t low)
{
    cp_assert(b->n < CP_FAIR_BAG_MAX);
    e->pos = b->n;
    b->v[b->n] = e->v;
    b->deadline[b->n] = e->deadline;
    b->low[b->n] = low;
    b->n++;
}

static inline void cp_fair_bag_remove(const CpRq *rq, CpFairBag *b, uint32_t i)
{
    cp_assert(i < b->n);
    uint32_t last = --b->n;
    b->v[i] = b->v[last];
    b->deadline[i] = b->deadline[last];
    b->low[i] = b->low[last];
    cp_fair_ent(rq, (CpEnt)b->low[i])->pos = i;
}

static inline void cp_fair_push(CpRq *rq, CpFairEnt *e, CpEnt ent)
{
    CpFairQueue *q = &cp_fair_rq(rq)->queue;
    uint64_t low = (uint64_t)q->seq++ << 32 | ent;
    cp_assert(!(e->flags & CP_FAIR_QUEUED)); /* queued once */
    e->flags |= CP_FAIR_QUEUED;
    if (G_UNLIKELY(!q->heaps && q->bag.n == CP_FAIR_BAG_MAX)) {
        cp_fair_to_heaps(rq);
    }
    if (G_UNLIKELY(q->heaps)) {
        cp_fair_heap_place(rq, low);
    } else {
        cp_fair_bag_add(&q->bag, e, low);
    }
}

static inline void cp_fair_remove(CpRq *rq, CpFairEnt *e)
{
    CpFairQueue *q = &cp_fair_rq(rq)->queue;
    cp_assert(e->flags & CP_FAIR_QUEUED);
    if (G_UNLIKELY(q->heaps)) {
        cp_fair_heap_remove(rq, e);
    } else {
        cp_fair_bag_remove(rq, &q->bag, e->pos);
    }
    e->flags &= ~(uint32_t)(CP_FAIR_QUEUED | CP_FAIR_READY);
}

/* Queues the entity outside the queue and takes out another one; in a bag it simply gets
 * the other's place. */
static inline void cp_fair_exchange(CpRq *rq, CpFairEnt *next)
{
    CpFairRq *q = cp_fair_rq(rq);
    CpFairBag *bag = &q->queue.bag;
    CpEnt prev = q->out;
    CpFairEnt *p = cp_fair_ent(rq, prev);
    cp_assert(next->flags & CP_FAIR_QUEUED);
    cp_assert(!(p->flags & CP_FAIR_QUEUED)); /* the one outside is outside */
    if (G_UNLIKELY(q->queue.heaps || bag->n == CP_FAIR_BAG_MAX)) {
        q->out = CP_NONE;
        cp_fair_push(rq, p, prev);
        cp_fair_remove(rq, next);
        return;
    }
    uint32_t i = next->pos;
    p->flags |= CP_FAIR_QUEUED;
    p->pos = i;
    bag->v[i] = p->v;
    bag->deadline[i] = p->deadline;
    bag->low[i] = (uint64_t)q->queue.seq++ << 32 | prev;
    next->flags &= ~(uint32_t)CP_FAIR_QUEUED;
}

/* Among equal deadlines the one queued first.  No branches, which nobody could predict: who
 * is not eligible comes behind all who are. */
static inline CpEnt cp_fair_bag_best(const CpFairRq *q)
{
    const CpFairBag *b = &q->queue.bag;
    const int64_t behind = (int64_t)1 << 62;
    __int128 best = (__int128)behind << 64;
    int64_t v_avg = cp_fair_average(q);
    for (uint32_t i = 0; i < b->n; i++) {
        int64_t late = (v_avg - b->v[i]) >> 63; /* all bits if it is */
        __int128 d = b->deadline[i] + (late & behind);
        __int128 key = (__int128)((unsigned __int128)d << 64 | b->low[i]);
        best = MIN(best, key);
    }
    return best >> 64 > behind / 2 ? CP_NONE : (CpEnt)best;
}

/* The queued entity with the earliest deadline among the eligible, or CP_NONE. */
static inline CpEnt cp_fair_best(CpRq *rq)
{
    const CpFairRq *q = cp_fair_rq(rq);
    CpEnt best = G_UNLIKELY(q->queue.heaps) ? cp_fair_heap_best(rq) : cp_fair_bag_best(q);
    cp_assert(best == CP_NONE || cp_fair_eligible(q, cp_fair_ent(rq, best)->v));
    return best;
}

/* --- coming and going --- */

static inline uint32_t cp_fair_slice(const CpRq *rq, const CpFairEnt *e)
{
    return e->slice != 0 ? e->slice : cp_fair_data(rq)->base;
}

/* The shortest and the longest slice are kept up where there are others than the usual one;
 * they are looked for again when the last entity that had one of them is gone. */
static inline void cp_fair_slice_joins(CpFairRq *q, uint32_t slice)
{
    q->n_min = slice < q->min_slice ? 1 : q->n_min + (slice == q->min_slice);
    q->n_max = slice > q->max_slice ? 1 : q->n_max + (slice == q->max_slice);
    q->min_slice = MIN(q->min_slice, slice);
    q->max_slice = MAX(q->max_slice, slice);
}

static inline void cp_fair_slice_leaves(CpFairRq *q, uint32_t slice)
{
    cp_assert(q->n_min > 0 && q->n_max > 0);
    q->n_min -= slice == q->min_slice;
    q->n_max -= slice == q->max_slice;
    q->stale = q->n_min == 0 || q->n_max == 0;
}

static inline void cp_fair_join(CpRq *rq, CpFairEnt *e, CpEnt ent)
{
    CpFairRq *q = cp_fair_rq(rq);
    cp_assert(q->out != ent); /* it is here already */
    cp_fair_sum_add(rq, e);
    if (G_LIKELY(q->n_custom == 0 || q->stale)) {
        q->stale = true;
    } else {
        cp_fair_slice_joins(q, cp_fair_slice(rq, e));
    }
    q->n_custom += e->slice != 0;
    cp_fair_push(rq, e, ent);
}

static inline void cp_fair_leave(CpRq *rq, CpFairEnt *e, CpEnt ent)
{
    CpFairRq *q = cp_fair_rq(rq);
    q->next = q->next == ent ? CP_NONE : q->next;
    if (q->out == ent) {
        cp_assert(!(e->flags & CP_FAIR_QUEUED));
        q->out = CP_NONE;
    } else {
        cp_fair_remove(rq, e);
    }
    cp_fair_sum_sub(rq, e);
    cp_assert(e->slice == 0 || q->n_custom > 0);
    if (G_LIKELY(q->n_custom == 0 || q->stale)) {
        q->stale = true;
    } else {
        cp_fair_slice_leaves(q, cp_fair_slice(rq, e));
    }
    q->n_custom -= e->slice != 0;
}

#endif
