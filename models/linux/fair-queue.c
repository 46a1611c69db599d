#include "models/linux/fair-queue.h"

/* Long queues: two heaps with four children a node, and when a queue changes its form. */

static inline CpEnt node_ent(CpFairNode node)
{
    return (CpEnt)node.low;
}

static inline bool before(CpFairNode a, CpFairNode b)
{
    return (a.key < b.key) | ((a.key == b.key) & (a.low < b.low));
}

static inline void place_node(const CpRq *rq, CpFairHeap *h, uint32_t i, CpFairNode node)
{
    h->a[i] = node;
    cp_fair_ent(rq, node_ent(node))->pos = i;
}

static inline void sift_up(const CpRq *rq, CpFairHeap *h, uint32_t i, CpFairNode node)
{
    while (i > 0) {
        uint32_t up = (i - 1) / 4;
        if (!before(node, h->a[up])) {
            break;
        }
        place_node(rq, h, i, h->a[up]);
        i = up;
    }
    place_node(rq, h, i, node);
}

static inline void sift_down(const CpRq *rq, CpFairHeap *h, uint32_t i, CpFairNode node)
{
    uint32_t child;
    while ((child = 4 * i + 1) < h->n) {
        uint32_t end = child + 4 < h->n ? child + 4 : h->n;
        for (uint32_t k = child + 1; k < end; k++) {
            child = before(h->a[k], h->a[child]) ? k : child;
        }
        if (!before(h->a[child], node)) {
            break;
        }
        place_node(rq, h, i, h->a[child]);
        i = child;
    }
    place_node(rq, h, i, node);
}

static inline void heap_push(const CpRq *rq, CpFairHeap *h, CpFairNode node)
{
    if (G_UNLIKELY(h->n == h->cap)) {
        cp_rq_reserve((void **)&h->a, &h->cap, h->n + 1, sizeof(CpFairNode));
    }
    cp_assert(h->n < h->cap);
    sift_up(rq, h, h->n++, node);
}

static inline void heap_pop(const CpRq *rq, CpFairHeap *h)
{
    cp_assert(h->n > 0);
    CpFairNode last = h->a[--h->n];
    if (h->n > 0) {
        sift_down(rq, h, 0, last);
    }
}

static void heap_remove(const CpRq *rq, CpFairHeap *h, uint32_t i)
{
    cp_assert(i < h->n);
    CpFairNode last = h->a[--h->n];
    if (i == h->n) {
        return;
    }
    if (i > 0 && before(last, h->a[(i - 1) / 4])) {
        sift_up(rq, h, i, last);
    } else {
        sift_down(rq, h, i, last);
    }
}

/* Puts a row into the heap where it belongs. */
void cp_fair_heap_place(CpRq *rq, uint64_t low)
{
    CpFairRq *q = cp_fair_rq(rq);
    CpFairEnt *e = cp_fair_ent(rq, (CpEnt)low);
    cp_assert(q->queue.heaps && (e->flags & CP_FAIR_QUEUED));
    if (cp_fair_eligible(q, e->v)) {
        e->flags |= CP_FAIR_READY;
        heap_push(rq, &q->queue.ready, (CpFairNode){e->deadline, low});
    } else {
        e->flags &= ~(uint32_t)CP_FAIR_READY;
        heap_push(rq, &q->queue.wait, (CpFairNode){e->v, low});
    }
}

void cp_fair_to_heaps(CpRq *rq)
{
    CpFairQueue *q = &cp_fair_rq(rq)->queue;
    cp_assert(!q->heaps && q->wait.n + q->ready.n == 0);
    q->heaps = true;
    for (uint32_t i = 0; i < q->bag.n; i++) {
        cp_fair_heap_place(rq, q->bag.low[i]);
    }
    q->bag.n = 0;
}

static void to_bag(CpRq *rq)
{
    CpFairQueue *q = &cp_fair_rq(rq)->queue;
    cp_assert(q->heaps && q->bag.n == 0);
    q->heaps = false;
    for (CpFairHeap *h = &q->wait; h <= &q->ready; h++) {
        for (uint32_t i = 0; i < h->n; i++) {
            CpFairEnt *e = cp_fair_ent(rq, node_ent(h->a[i]));
            e->flags &= ~(uint32_t)CP_FAIR_READY;
            cp_fair_bag_add(&q->bag, e, h->a[i].low);
        }
        h->n = 0;
    }
}

void cp_fair_heap_remove(CpRq *rq, CpFairEnt *e)
{
    CpFairQueue *q = &cp_fair_rq(rq)->queue;
    heap_remove(rq, (e->flags & CP_FAIR_READY) ? &q->ready : &q->wait, e->pos);
    if (q->wait.n + q->ready.n < CP_FAIR_BAG_AGAIN) {
        to_bag(rq);
    }
}

/* Afterwards the result is at the top of the second heap. */
CpEnt cp_fair_heap_best(CpRq *rq)
{
    CpFairRq *q = cp_fair_rq(rq);
    CpFairHeap *wait = &q->queue.wait, *ready = &q->queue.ready;
    while (wait->n > 0 && cp_fair_eligible(q, wait->a[0].key)) {
        CpFairNode top = wait->a[0];
        heap_pop(rq, wait);
        cp_fair_heap_place(rq, top.low);
    }
    while (ready->n > 0) {
        CpFairNode top = ready->a[0];
        if (cp_fair_eligible(q, cp_fair_ent(rq, node_ent(top))->v)) {
            return node_ent(top);
        }
        heap_pop(rq, ready);
        cp_fair_heap_place(rq, top.low);
    }
    return CP_NONE;
}

void cp_fair_queue_clear(CpFairQueue *q)
{
    g_free(q->wait.a);
    g_free(q->ready.a);
    *q = (CpFairQueue){0};
}

/* --- audit --- */

static void count(const CpFairEnt *e, __int128 *sum, int64_t *weight)
{
    *sum += (__int128)e->v * e->bal.load.weight;
    *weight += e->bal.load.weight;
}

static void audit_heap(const CpRq *rq, const CpFairHeap *h, bool ready, __int128 *sum,
                       int64_t *weight)
{
    for (uint32_t i = 0; i < h->n; i++) {
        const CpFairEnt *e = cp_fair_ent(rq, node_ent(h->a[i]));
        cp_require(e->pos == i && (e->flags & CP_FAIR_QUEUED));
        cp_require(!(e->flags & CP_FAIR_READY) == !ready);
        cp_require(h->a[i].key == (ready ? e->deadline : e->v));
        cp_require(i == 0 || !before(h->a[i], h->a[(i - 1) / 4]));
        count(e, sum, weight);
    }
}

static void audit_bag(const CpRq *rq, const CpFairBag *b, __int128 *sum, int64_t *weight)
{
    for (uint32_t i = 0; i < b->n; i++) {
        const CpFairEnt *e = cp_fair_ent(rq, (CpEnt)b->low[i]);
        cp_require(e->pos == i && (e->flags & CP_FAIR_QUEUED));
        cp_require(!(e->flags & CP_FAIR_READY));
        cp_require(b->v[i] == e->v && b->deadline[i] == e->deadline);
        count(e, sum, weight);
    }
}

void cp_fair_queue_audit(const CpRq *rq, __int128 *sum, int64_t *weight)
{
    const CpFairQueue *q = &cp_fair_rq(rq)->queue;
    cp_require(q->heaps ? q->bag.n == 0 : q->wait.n + q->ready.n == 0);
    audit_bag(rq, &q->bag, sum, weight);
    audit_heap(rq, &q->wait, false, sum, weight);
    audit_heap(rq, &q->ready, true, sum, weight);
}
