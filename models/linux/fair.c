/* EEVDF, the fair class of Linux since 6.6: among the entities that are owed service
 * (eligible: virtual runtime not above the weighted average V), run the one with the
 * earliest virtual deadline.
 *
 * All sums are exact: 128-bit products against reference 0, so no reference moves.  The
 * running entity is outside the structure but inside the sums.  A short queue is a bag that
 * a pick searches.  A long one is two heaps: those waiting to become eligible, by virtual
 * runtime, and those that were eligible when last seen, by deadline; a pick moves entities
 * over until the top of the second one is right.
 *
 * Versions differ by features.def only.  Mirrors fair.c of 6.18.35 unless said otherwise.
 */
#include "models/linux/balance.h"
#include "models/linux/features.h"
#include "sim/assert.h"

enum {
    EEVDF_BASE_SLICE,
    EEVDF_NORM_SLICE,
#define EEVDF(name, ...)   EEVDF_##name,
#define BALANCE(name, ...) BALANCE_##name,
#include "models/linux/features.def"
};

static const CpParam eevdf_params[] = {
    {.name = "eevdf.base_slice",
     .type = CP_PARAM_TIME,
     .def = "0ns",
     .max = CP_S,
     .help =
         "request size of every thread; 0: normalised slice x (1 + log2 CPUs, 4 at most)"},
    {.name = "eevdf.norm_slice",
     .type = CP_PARAM_TIME,
     .def = "700us",
     .min = 100 * CP_US,
     .max = CP_S,
     .help = "normalised base slice of one CPU"},
#define EEVDF(...)   CP_FEATURE_PARAM("eevdf.", __VA_ARGS__)
#define BALANCE(...) CP_FEATURE_PARAM("balance.", __VA_ARGS__)
#include "models/linux/features.def"
    {.name = NULL},
};

enum { QUEUED = 1, IN_READY = 2, DELAYED = 4, REL_DEADLINE = 8, IDLE = 16, BATCH = 32 };

typedef struct {
    int64_t v;        /* virtual runtime */
    int64_t deadline; /* virtual; relative to v while off the queue with REL_DEADLINE */
    union {
        int64_t vprot; /* of the running one: protected from preemption while v is below */
        int64_t vlag;  /* of others: V - v when it left the queue */
    };
    uint32_t weight;
    uint32_t factor; /* 1024 x inverse of the weight, shifted below 2^32 */
    uint32_t slice;  /* own request size, 0: the base */
    uint32_t pos;    /* in its heap */
    uint32_t flags;
    uint32_t shift; /* of the factor */
} Ent;

/* A heap's row: key (v or deadline), then order of insertion, so that equal keys come out
 * first-in-first-out. */
typedef struct {
    int64_t key;
    uint64_t low; /* order of insertion << 32 | entity */
} Node;

typedef struct {
    Node *a;
    uint32_t n, cap;
} Heap;

enum { BAG_MAX = 20, BAG_AGAIN = 8 }; /* sizes at which a queue changes its form */

/* A few entities in no order, column by column for the search. */
typedef struct {
    uint32_t n;
    int64_t v[BAG_MAX], deadline[BAG_MAX];
    uint64_t low[BAG_MAX]; /* as in Node */
} Bag;

typedef struct {
    CpBalanceRq balance; /* first: shared with linux-balance */
    Heap wait, ready;    /* of a long queue */
    Bag bag;             /* a short queue */
    bool heaps;          /* which of the two it is */
    __int128 sum;        /* of weight x v, running entity included */
    int64_t weight;      /* of all in the sum */
    int64_t zero;        /* V when the queue was last not empty */
    CpEnt out;           /* entity outside the heaps, CP_NONE */
    uint32_t seq;
    CpTime next_tick;              /* first tick after the last charge */
    uint32_t n_custom;             /* entities with a slice of their own */
    uint32_t min_slice, max_slice; /* over all entities; good if n_custom > 0 and !stale */
    bool stale;
} Rq;

typedef struct {
    CpBalanceFeatures balance; /* first: read by place.c and pull.c */
    CpEevdfFeatures has;
    uint32_t base; /* request of who asks for none, ns */
    CpTime tick;
} Data;

static inline Rq *rq_of(const CpRq *rq)
{
    return rq->data;
}

static inline const Data *data_of(const CpRq *rq)
{
    return rq->policy->data;
}

static inline Ent *ent_of(const CpRq *rq, CpEnt ent)
{
    return (Ent *)(void *)rq->policy->ents + ent;
}

G_STATIC_ASSERT(sizeof(Ent) % 8 == 0 && sizeof(Ent) == 48);

/* --- arithmetic --- */

/* delta x 1024 / weight as the kernel rounds it (fair.c:__calc_delta): the inverse is
 * multiplied in, shifted so that the factor stays below 2^32. */
static inline int64_t vdelta(const Ent *e, int64_t delta)
{
    return (int64_t)(((unsigned __int128)(uint64_t)delta * e->factor) >> e->shift);
}

/* Weight 1024 is exact whatever its inverse; as a factor of one, so that charging need not
 * ask: of mixed weights nobody could predict the answer. */
static void set_inverse(Ent *e, uint32_t inverse)
{
    if (e->weight == 1024) {
        e->factor = 1u << 31;
        e->shift = 31;
        return;
    }
    uint64_t factor = (uint64_t)1024 * inverse;
    uint32_t high = (uint32_t)(factor >> 32);
    unsigned bits = high == 0 ? 0 : 32 - (unsigned)__builtin_clz(high);
    e->factor = (uint32_t)(factor >> bits);
    e->shift = 32 - bits;
}

static int64_t floor_div(__int128 a, int64_t b)
{
    if (a >= INT64_MIN && a <= INT64_MAX) {
        int64_t x = (int64_t)a;
        int64_t q = x / b;
        return q - (x % b < 0);
    }
    __int128 q = a / b;
    return (int64_t)(q - (a % b < 0));
}

/* The average virtual runtime V. */
static int64_t average(const Rq *q)
{
    return q->weight == 0 ? q->zero : floor_div(q->sum, q->weight);
}

/* sum >= v x weight, for integers the same as v <= floor(sum / weight). */
static inline bool eligible(const Rq *q, int64_t v)
{
    return q->sum >= (__int128)v * q->weight;
}

static void sum_add(Rq *q, const Ent *e)
{
    q->sum += (__int128)e->v * e->weight;
    q->weight += e->weight;
}

static void sum_sub(Rq *q, const Ent *e)
{
    if (q->weight == e->weight) {
        q->zero = e->v;
    }
    q->sum -= (__int128)e->v * e->weight;
    q->weight -= e->weight;
}

/* --- the two heaps, four children a node --- */

static inline CpEnt node_ent(Node node)
{
    return (CpEnt)node.low;
}

static inline bool before(Node a, Node b)
{
    return (a.key < b.key) | ((a.key == b.key) & (a.low < b.low));
}

static inline void place_node(const CpRq *rq, Heap *h, uint32_t i, Node node)
{
    h->a[i] = node;
    ent_of(rq, node_ent(node))->pos = i;
}

static inline void sift_up(const CpRq *rq, Heap *h, uint32_t i, Node node)
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

static inline void sift_down(const CpRq *rq, Heap *h, uint32_t i, Node node)
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

static inline void heap_push(const CpRq *rq, Heap *h, Node node)
{
    if (G_UNLIKELY(h->n == h->cap)) {
        cp_rq_reserve((void **)&h->a, &h->cap, h->n + 1, sizeof(Node));
    }
    sift_up(rq, h, h->n++, node);
}

static inline void heap_pop(const CpRq *rq, Heap *h)
{
    Node last = h->a[--h->n];
    if (h->n > 0) {
        sift_down(rq, h, 0, last);
    }
}

static void heap_remove(const CpRq *rq, Heap *h, uint32_t i)
{
    Node last = h->a[--h->n];
    if (i == h->n) {
        return;
    }
    if (i > 0 && before(last, h->a[(i - 1) / 4])) {
        sift_up(rq, h, i, last);
    } else {
        sift_down(rq, h, i, last);
    }
}

/* Puts a row where it belongs. */
static void heap_place(CpRq *rq, uint64_t low)
{
    Rq *q = rq_of(rq);
    CpEnt ent = (CpEnt)low;
    Ent *e = ent_of(rq, ent);
    if (eligible(q, e->v)) {
        e->flags |= IN_READY;
        heap_push(rq, &q->ready, (Node){e->deadline, low});
    } else {
        e->flags &= ~(uint32_t)IN_READY;
        heap_push(rq, &q->wait, (Node){e->v, low});
    }
}

static inline void bag_add(Bag *b, Ent *e, uint64_t low)
{
    e->pos = b->n;
    b->v[b->n] = e->v;
    b->deadline[b->n] = e->deadline;
    b->low[b->n] = low;
    b->n++;
}

static inline void bag_remove(const CpRq *rq, Bag *b, uint32_t i)
{
    uint32_t last = --b->n;
    b->v[i] = b->v[last];
    b->deadline[i] = b->deadline[last];
    b->low[i] = b->low[last];
    ent_of(rq, (CpEnt)b->low[i])->pos = i;
}

static void to_heaps(CpRq *rq)
{
    Rq *q = rq_of(rq);
    q->heaps = true;
    for (uint32_t i = 0; i < q->bag.n; i++) {
        heap_place(rq, q->bag.low[i]);
    }
    q->bag.n = 0;
}

static void to_bag(CpRq *rq)
{
    Rq *q = rq_of(rq);
    q->heaps = false;
    for (Heap *h = &q->wait; h <= &q->ready; h++) {
        for (uint32_t i = 0; i < h->n; i++) {
            Ent *e = ent_of(rq, node_ent(h->a[i]));
            e->flags &= ~(uint32_t)IN_READY;
            bag_add(&q->bag, e, h->a[i].low);
        }
        h->n = 0;
    }
}

static inline void push(CpRq *rq, Ent *e, CpEnt ent)
{
    Rq *q = rq_of(rq);
    uint64_t low = (uint64_t)q->seq++ << 32 | ent;
    e->flags |= QUEUED;
    if (G_UNLIKELY(!q->heaps && q->bag.n == BAG_MAX)) {
        to_heaps(rq);
    }
    if (G_UNLIKELY(q->heaps)) {
        heap_place(rq, low);
    } else {
        bag_add(&q->bag, e, low);
    }
}

static inline void unqueue(CpRq *rq, Ent *e)
{
    Rq *q = rq_of(rq);
    if (G_UNLIKELY(q->heaps)) {
        heap_remove(rq, (e->flags & IN_READY) ? &q->ready : &q->wait, e->pos);
        if (q->wait.n + q->ready.n < BAG_AGAIN) {
            to_bag(rq);
        }
    } else {
        bag_remove(rq, &q->bag, e->pos);
    }
    e->flags &= ~(uint32_t)(QUEUED | IN_READY);
}

/* Queues the entity outside the structure and takes out another one; in a bag it simply
 * gets the other's place. */
static inline void exchange(CpRq *rq, Ent *next)
{
    Rq *q = rq_of(rq);
    CpEnt prev = q->out;
    Ent *p = ent_of(rq, prev);
    if (G_UNLIKELY(q->heaps || q->bag.n == BAG_MAX)) {
        q->out = CP_NONE;
        push(rq, p, prev);
        unqueue(rq, next);
        return;
    }
    uint32_t i = next->pos;
    p->flags |= QUEUED;
    p->pos = i;
    q->bag.v[i] = p->v;
    q->bag.deadline[i] = p->deadline;
    q->bag.low[i] = (uint64_t)q->seq++ << 32 | prev;
    next->flags &= ~(uint32_t)QUEUED;
}

static inline uint32_t n_queued(const Rq *q)
{
    return q->heaps ? q->wait.n + q->ready.n : q->bag.n;
}

/* The i-th queued entity, in no order. */
static CpEnt queued_at(const Rq *q, uint32_t i)
{
    if (!q->heaps) {
        return (CpEnt)q->bag.low[i];
    }
    return i < q->wait.n ? node_ent(q->wait.a[i]) : node_ent(q->ready.a[i - q->wait.n]);
}

/* --- slices --- */

static inline uint32_t slice_of(const CpRq *rq, const Ent *e)
{
    return e->slice != 0 ? e->slice : data_of(rq)->base;
}

static void slice_seen(const CpRq *rq, uint32_t slice)
{
    Rq *q = rq_of(rq);
    q->min_slice = MIN(q->min_slice, slice);
    q->max_slice = MAX(q->max_slice, slice);
}

/* Shortest and longest request of the queue; only entities with a slice of their own make
 * this a search, repeated when such a one came or went. */
static void slices(const CpRq *rq)
{
    Rq *q = rq_of(rq);
    if (q->n_custom == 0) {
        q->min_slice = q->max_slice = data_of(rq)->base;
        return;
    }
    if (!q->stale) {
        return;
    }
    q->min_slice = UINT32_MAX;
    q->max_slice = 0;
    for (uint32_t i = 0; i < n_queued(q); i++) {
        slice_seen(rq, slice_of(rq, ent_of(rq, queued_at(q, i))));
    }
    if (q->out != CP_NONE) {
        slice_seen(rq, slice_of(rq, ent_of(rq, q->out)));
    }
    q->stale = false;
}

/* --- protection of the running entity --- */

static void protect(CpRq *rq, Ent *e)
{
    e->vprot = e->deadline;
    if (rq_of(rq)->n_custom > 0 && data_of(rq)->has.protect == CP_PROTECT_SHORTEST) {
        uint32_t own = slice_of(rq, e);
        slices(rq);
        uint32_t shortest = rq_of(rq)->min_slice;
        if (shortest < own) {
            e->vprot = MIN(e->deadline, e->v + vdelta(e, shortest));
        }
    }
}

/* Under PROTECT_REQUEST the mark is the deadline or no mark at all. */
static inline void unprotect(const CpRq *rq, Ent *e)
{
    e->vprot = data_of(rq)->has.protect == CP_PROTECT_REQUEST ? e->deadline - 1 : e->v;
}

static inline bool is_protected(const CpRq *rq, const Ent *e)
{
    return data_of(rq)->has.protect == CP_PROTECT_REQUEST ? e->vprot == e->deadline
                                                          : e->v < e->vprot;
}

/* --- lag --- */

static void update_lag(const CpRq *rq, Ent *e)
{
    const Data *d = data_of(rq);
    uint32_t longest = slice_of(rq, e);
    int64_t limit;
    if (d->has.lag_limit == CP_LAG_TWO_SLICES) {
        limit = vdelta(e, MAX((int64_t)2 * longest, d->tick));
    } else {
        slices(rq);
        limit = vdelta(e, (int64_t)rq_of(rq)->max_slice + d->tick);
    }
    e->vlag = CLAMP(average(rq_of(rq)) - e->v, -limit, limit);
}

/* Mirrors fair.c:place_entity. */
static void place(CpRq *rq, Ent *e, bool initial)
{
    Rq *q = rq_of(rq);
    int64_t lag = 0;
    if (q->weight > 0 && e->vlag != 0) {
        lag = (int64_t)((__int128)e->vlag * (q->weight + e->weight) / q->weight);
    }
    e->v = average(q) - lag;
    if (e->flags & REL_DEADLINE) {
        e->flags &= ~(uint32_t)REL_DEADLINE;
        e->deadline += e->v;
        return;
    }
    int64_t vslice = vdelta(e, slice_of(rq, e));
    e->deadline = e->v + (initial ? vslice / 2 : vslice);
}

static void join(CpRq *rq, Ent *e, CpEnt ent)
{
    Rq *q = rq_of(rq);
    sum_add(q, e);
    q->n_custom += e->slice != 0;
    q->stale = true;
    push(rq, e, ent);
}

static void leave(CpRq *rq, Ent *e, CpEnt ent)
{
    Rq *q = rq_of(rq);
    if (q->out == ent) {
        q->out = CP_NONE;
    } else {
        unqueue(rq, e);
    }
    sum_sub(q, e);
    q->n_custom -= e->slice != 0;
    q->stale = true;
}

/* Since 6.12 a group asks for as short a request as the shortest in its queue, and so on
 * upwards; mirrors fair.c:enqueue_task_fair and dequeue_entities. */
static void pass_slice(CpRq *rq)
{
    CpEnt ent;
    CpRq *up;
    while ((up = cp_rq_parent(rq, &ent)) != NULL && rq_of(rq)->weight > 0) {
        Rq *q = rq_of(up);
        Ent *e = ent_of(up, ent);
        slices(rq);
        uint32_t slice =
            rq_of(rq)->min_slice == data_of(rq)->base ? 0 : rq_of(rq)->min_slice;
        if (e->slice == slice) {
            return;
        }
        if ((e->flags & QUEUED) || q->out == ent) {
            q->n_custom += (uint32_t)(slice != 0) - (uint32_t)(e->slice != 0);
            q->stale = true;
        }
        e->slice = slice;
        rq = up;
    }
}

static inline void slices_changed(CpRq *rq)
{
    if (G_UNLIKELY(rq->group != 0) && data_of(rq)->has.group_slice) {
        pass_slice(rq);
    }
}

/* --- hooks --- */

static void eevdf_enqueue(CpRq *rq, CpEnt ent, CpEnqFlags flags)
{
    Ent *e = ent_of(rq, ent);
    if (flags & CP_ENQ_FORK) {
        e->vlag = 0;
    }
    place(rq, e, flags & CP_ENQ_FORK);
    join(rq, e, ent);
    slices_changed(rq);
    rq_of(rq)->balance.load += e->weight;
}

static bool eevdf_dequeue(CpRq *rq, CpEnt ent, CpDeqFlags flags)
{
    Rq *q = rq_of(rq);
    Ent *e = ent_of(rq, ent);
    bool was_delayed = e->flags & DELAYED;
    bool may_delay = (flags & CP_DEQ_SLEEP) && !(flags & (CP_DEQ_EXIT | CP_DEQ_SPECIAL));
    update_lag(rq, e);
    q->balance.load -= was_delayed ? 0 : e->weight;
    if (may_delay && data_of(rq)->has.delay_dequeue && !eligible(q, e->v)) {
        if (q->out == ent) {
            q->out = CP_NONE;
            push(rq, e, ent);
        }
        e->flags |= DELAYED;
        return false;
    }
    if (was_delayed) {
        e->vlag = MIN(e->vlag, 0);
        e->flags &= ~(uint32_t)DELAYED;
    }
    leave(rq, e, ent);
    slices_changed(rq);
    if (!(flags & CP_DEQ_SLEEP) && !was_delayed) {
        e->deadline -= e->v;
        e->flags |= REL_DEADLINE;
    }
    return true;
}

/* A delayed entity wakes: what it earned while asleep is not kept (DELAY_ZERO). */
static void eevdf_requeue(CpRq *rq, CpEnt ent)
{
    Ent *e = ent_of(rq, ent);
    update_lag(rq, e);
    rq_of(rq)->balance.load += e->weight;
    e->flags &= ~(uint32_t)DELAYED;
    if (e->vlag > 0) {
        leave(rq, e, ent);
        e->vlag = 0;
        place(rq, e, false);
        join(rq, e, ent);
    }
}

/* Among equal deadlines the one queued first.  No branches, which nobody could predict: who
 * is not eligible comes behind all who are. */
static inline CpEnt best_in_bag(const Rq *q)
{
    const Bag *b = &q->bag;
    const int64_t behind = (int64_t)1 << 62;
    __int128 best = (__int128)behind << 64;
    int64_t v_avg = average(q);
    for (uint32_t i = 0; i < b->n; i++) {
        int64_t late = (v_avg - b->v[i]) >> 63; /* all bits if it is */
        __int128 d = b->deadline[i] + (late & behind);
        __int128 key = (__int128)((unsigned __int128)d << 64 | b->low[i]);
        best = MIN(best, key);
    }
    return best >> 64 > behind / 2 ? CP_NONE : (CpEnt)best;
}

/* The heaps: afterwards the result is at the top of the second one. */
static CpEnt best_in_heaps(CpRq *rq)
{
    Rq *q = rq_of(rq);
    while (q->wait.n > 0 && eligible(q, q->wait.a[0].key)) {
        Node top = q->wait.a[0];
        heap_pop(rq, &q->wait);
        heap_place(rq, top.low);
    }
    while (q->ready.n > 0) {
        Node top = q->ready.a[0];
        if (eligible(q, ent_of(rq, node_ent(top))->v)) {
            return node_ent(top);
        }
        heap_pop(rq, &q->ready);
        heap_place(rq, top.low);
    }
    return CP_NONE;
}

/* The queued entity with the earliest deadline among the eligible, or CP_NONE. */
static inline CpEnt best_queued(CpRq *rq)
{
    return G_UNLIKELY(rq_of(rq)->heaps) ? best_in_heaps(rq) : best_in_bag(rq_of(rq));
}

/* Mirrors fair.c:pick_eevdf and pick_next_entity. */
static CpEnt choose(CpRq *rq, bool protected_stays)
{
    Rq *q = rq_of(rq);
    for (;;) {
        CpEnt curr = q->out;
        const Ent *c = curr == CP_NONE ? NULL : ent_of(rq, curr);
        if (c != NULL && n_queued(q) == 0) {
            return curr;
        }
        if (c != NULL && !eligible(q, c->v)) {
            c = NULL;
        }
        if (c != NULL && protected_stays && is_protected(rq, c)) {
            return curr;
        }
        CpEnt best = best_queued(rq);
        if (best == CP_NONE) {
            return c != NULL ? curr : CP_NONE;
        }
        Ent *e = ent_of(rq, best);
        if (c != NULL && (c->deadline < e->deadline ||
                          (data_of(rq)->has.tie_to_curr && c->deadline == e->deadline))) {
            return curr;
        }
        if (!(e->flags & DELAYED)) {
            return best;
        }
        update_lag(rq, e);
        e->vlag = MIN(e->vlag, 0);
        e->flags &= ~(uint32_t)DELAYED;
        leave(rq, e, best);
        slices_changed(rq);
        cp_rq_dequeue_done(rq, best);
    }
}

static CpEnt eevdf_pick(CpRq *rq)
{
    Rq *q = rq_of(rq);
    if (q->out != CP_NONE && rq->curr != q->out) {
        CpEnt ent = q->out; /* a higher class had the CPU in between */
        q->out = CP_NONE;
        push(rq, ent_of(rq, ent), ent);
    }
    return choose(rq, true);
}

/* Who will probably run next, from each heap. */
static void fetch_ahead(const CpRq *rq)
{
    const Rq *q = rq_of(rq);
    for (const Heap *h = &q->wait; h <= &q->ready; h++) {
        if (h->n > 0) {
            cp_ent_fetch(rq->policy, node_ent(h->a[0]));
        }
    }
}

/* put_prev leaves the entity outside until it is clear that another one runs, because only
 * a change of entity renews the protection. */
static void eevdf_set_next(CpRq *rq, CpEnt ent)
{
    Rq *q = rq_of(rq);
    Ent *e = ent_of(rq, ent);
    if (q->out == ent) {
        return;
    }
    if (q->out != CP_NONE) {
        exchange(rq, e);
    } else {
        unqueue(rq, e);
    }
    q->out = ent;
    protect(rq, e);
    q->next_tick = 0; /* not known */
    if (G_UNLIKELY(q->heaps)) {
        fetch_ahead(rq);
    }
}

/* --- charging --- */

/* One update_curr: the request is renewed when it is used up. */
static bool charge(CpRq *rq, Ent *e, CpTime delta)
{
    e->v += vdelta(e, delta);
    if (e->v < e->deadline) {
        return false;
    }
    bool whole = e->vprot == e->deadline;
    e->deadline = e->v + vdelta(e, slice_of(rq, e));
    if (data_of(rq)->has.protect == CP_PROTECT_REQUEST && whole) {
        e->vprot = e->deadline - 1; /* the mark no longer matches: not protected */
    }
    return true;
}

/* n ticks that nobody looked at, as if each had charged: the deadline is renewed at the
 * first tick that reaches it, then every `per` ticks. */
static bool charge_ticks(CpRq *rq, Ent *e, uint64_t n)
{
    CpTime tick = data_of(rq)->tick;
    int64_t dv = vdelta(e, tick), vslice = vdelta(e, slice_of(rq, e));
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
    e->deadline = e->v + (int64_t)last * dv + vslice;
    e->v += (int64_t)n * dv;
    return true;
}

/* The stretch [now - delta, now], cut at the ticks inside it. */
static bool charge_stretch(CpRq *rq, Ent *e, CpTime delta)
{
    Rq *q = rq_of(rq);
    CpTime tick = data_of(rq)->tick;
    CpTime to = cp_now(rq->sim), from = to - delta;
    if (q->next_tick <= from) {
        q->next_tick = cp_tick_after(rq->sim, from + 1);
    }
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

static inline bool alone(const CpRq *rq)
{
    return rq->nr + rq->delayed <= 1;
}

static bool eevdf_account(CpRq *rq, CpEnt ent, CpTime delta)
{
    Rq *q = rq_of(rq);
    Ent *e = ent_of(rq, ent);
    int64_t v = e->v;
    bool expired = charge_stretch(rq, e, delta);
    q->sum += (__int128)(e->v - v) * e->weight;
    if (alone(rq)) {
        return false;
    }
    if (data_of(rq)->has.protect == CP_PROTECT_REQUEST) {
        return expired;
    }
    return expired || !is_protected(rq, e);
}

static CpTime eevdf_next_look(CpRq *rq, CpEnt curr)
{
    const Ent *e = ent_of(rq, curr);
    if (alone(rq)) {
        return CP_NEVER;
    }
    CpTime now = cp_now(rq->sim);
    if (rq->nr >= 2 && cp_idle_cpus(rq->sim) > 0) {
        return now; /* the next tick may feed an idle CPU */
    }
    int64_t until = data_of(rq)->has.protect == CP_PROTECT_REQUEST
                        ? e->deadline
                        : MIN(e->vprot, e->deadline);
    int64_t left = until - e->v;
    if (left <= 0) {
        return now;
    }
    return now + (CpTime)(((unsigned __int128)(uint64_t)left * e->weight) >> 10);
}

static bool eevdf_expired(CpRq *rq, CpEnt curr)
{
    const Ent *e = ent_of(rq, curr);
    return !alone(rq) && data_of(rq)->has.protect == CP_PROTECT_SHORTEST &&
           !is_protected(rq, e);
}

/* --- wake-up preemption: mirrors fair.c:check_preempt_wakeup_fair --- */

static bool short_wins(const CpRq *rq, const Ent *w, const Ent *c)
{
    const Rq *q = rq_of(rq);
    return slice_of(rq, w) < slice_of(rq, c) && eligible(q, w->v) &&
           (w->deadline < c->deadline || !eligible(q, c->v));
}

/* The protection is no longer than the shortest slice. */
static void shrink_protection(CpRq *rq, Ent *c)
{
    slices(rq);
    c->vprot = MIN(c->vprot, c->v + vdelta(c, rq_of(rq)->min_slice));
}

static bool eevdf_preempts(CpRq *rq, CpEnt woken, CpWakeFlags flags)
{
    const Ent *w = ent_of(rq, woken);
    Ent *c = ent_of(rq, rq->curr);
    const CpEevdfFeatures *has = &data_of(rq)->has;
    if ((w->flags ^ c->flags) & IDLE) {
        if (c->flags & IDLE) {
            unprotect(rq, c);
        }
        return c->flags & IDLE;
    }
    if (w->flags & (BATCH | IDLE)) {
        return false;
    }
    bool is_short = slice_of(rq, w) < slice_of(rq, c);
    if ((flags & CP_WAKE_NEW) && !is_short && !has->preempt_new) {
        return false;
    }
    if (has->preempt_short == CP_PREEMPT_SHORT_CANCEL && short_wins(rq, w, c)) {
        unprotect(rq, c);
    }
    bool unprotected = is_short && has->preempt_short == CP_PREEMPT_SHORT_PICK;
    if (choose(rq, !unprotected) == woken) {
        if (unprotected) {
            unprotect(rq, c);
        }
        return true;
    }
    if (has->shrink == CP_SHRINK_ALWAYS || (is_short && has->shrink == CP_SHRINK_SHORT)) {
        shrink_protection(rq, c);
    }
    return false;
}

static void eevdf_yield(CpRq *rq)
{
    Rq *q = rq_of(rq);
    Ent *e = ent_of(rq, rq->curr);
    if (alone(rq)) {
        return;
    }
    if (data_of(rq)->has.yield == CP_YIELD_FORFEIT) {
        if (!eligible(q, e->v)) {
            return;
        }
        q->sum += (__int128)(e->deadline - e->v) * e->weight;
        e->v = e->deadline;
    }
    e->deadline += vdelta(e, slice_of(rq, e));
    unprotect(rq, e);
}

/* --- attributes --- */

static void set_weight(Ent *e, uint32_t weight)
{
    if (e->weight == weight) {
        return;
    }
    if (e->weight != 0) { /* keep lag x weight and (deadline - v) x weight */
        e->vlag = e->vlag * (int64_t)e->weight / weight;
        if (e->flags & REL_DEADLINE) {
            e->deadline = e->deadline * (int64_t)e->weight / weight;
        }
    }
    e->weight = weight;
    set_inverse(e, (uint32_t)((((uint64_t)1 << 32) - 1) / weight));
}

/* Inverses of the 40 weights are 2^32 / w, rounded; groups' are truncated. */
static uint32_t inverse(uint32_t weight)
{
    return (uint32_t)((((uint64_t)1 << 33) / weight + 1) / 2);
}

static void eevdf_attr(CpPolicy *policy, CpEnt ent, const CpSchedAttr *attr)
{
    Ent *e = (Ent *)(void *)policy->ents + ent;
    bool idle = attr->policy == CP_SCHED_IDLE;
    set_weight(e, idle ? 3 : cp_nice_weight(attr->nice));
    set_inverse(e, idle ? 1431655765u : inverse(e->weight));
    e->slice = attr->slice > 0 ? (uint32_t)CLAMP(attr->slice, CP_US * 100, CP_MS * 100) : 0;
    e->flags &= ~(uint32_t)(IDLE | BATCH);
    e->flags |= idle ? IDLE : attr->policy == CP_SCHED_BATCH ? BATCH : 0;
}

/* Mirrors fair.c:reweight_entity. */
static void eevdf_group_weight(CpPolicy *policy, CpRq *rq, CpEnt ent, uint32_t weight,
                               bool idle)
{
    Ent *e = (Ent *)(void *)policy->ents + ent;
    bool on_rq = rq != NULL && (rq_of(rq)->out == ent || (e->flags & QUEUED));
    weight = idle ? 3 : weight;
    e->flags = (e->flags & ~(uint32_t)IDLE) | (idle ? IDLE : 0);
    if (!on_rq || e->weight == weight) {
        set_weight(e, weight);
        return;
    }
    Rq *q = rq_of(rq);
    bool out = q->out == ent;
    int64_t vprot = e->vprot;
    update_lag(rq, e);
    leave(rq, e, ent);
    q->balance.load -= (e->flags & DELAYED) ? 0 : e->weight;
    e->deadline -= e->v;
    e->flags |= REL_DEADLINE;
    set_weight(e, weight);
    place(rq, e, false);
    q->balance.load += (e->flags & DELAYED) ? 0 : e->weight;
    join(rq, e, ent);
    if (out) {
        unqueue(rq, e);
        q->out = ent;
        e->vprot = vprot;
    }
}

/* --- the rest --- */

/* The base request: more CPUs, longer slices; mirrors fair.c:get_update_sysctl_factor. */
static CpTime eevdf_slice(const CpParamSet *params, uint32_t n_cpus)
{
    const int64_t *v = params->v;
    uint32_t factor = 32 - (uint32_t)__builtin_clz(MIN(n_cpus, 8)); /* 1 + log2 */
    return v[EEVDF_BASE_SLICE] > 0 ? v[EEVDF_BASE_SLICE] : v[EEVDF_NORM_SLICE] * factor;
}

static gboolean eevdf_init(CpPolicy *policy, GError **error)
{
    const int64_t *v = policy->params->v;
    Data *d = policy->data;
    (void)error; /* every value within the bounds will do */
    *d = (Data){
        .base = (uint32_t)eevdf_slice(policy->params, cp_cpus_online(policy->sim)),
        .tick = cp_tick_period(policy->sim),
#define EEVDF(name, ...)   .has.name = (uint32_t)v[EEVDF_##name],
#define BALANCE(name, ...) .balance.name = (uint32_t)v[BALANCE_##name],
#include "models/linux/features.def"
    };
    return TRUE;
}

static void eevdf_rq_init(CpRq *rq)
{
    rq_of(rq)->out = CP_NONE;
}

static void eevdf_rq_clear(CpRq *rq)
{
    g_free(rq_of(rq)->wait.a);
    g_free(rq_of(rq)->ready.a);
}

enum { SKIP_MAX = 32 }; /* sleepers in a row after which a walk gives up */

static CpEnt eevdf_next_queued(CpRq *rq, CpEnt after)
{
    const Rq *q = rq_of(rq);
    uint32_t i = 0;
    if (after != CP_NONE) {
        const Ent *e = ent_of(rq, after);
        i = e->pos + 1 + ((e->flags & IN_READY) ? q->wait.n : 0);
    }
    uint32_t end = MIN(n_queued(q), i + SKIP_MAX);
    for (; i < end; i++) {
        CpEnt ent = queued_at(q, i);
        if (!(ent_of(rq, ent)->flags & DELAYED)) {
            return ent;
        }
    }
    return CP_NONE;
}

static void audit_heap(const CpRq *rq, const Heap *h, bool ready, __int128 *sum,
                       int64_t *weight)
{
    for (uint32_t i = 0; i < h->n; i++) {
        const Ent *e = ent_of(rq, node_ent(h->a[i]));
        cp_require(e->pos == i && (e->flags & QUEUED));
        cp_require(!(e->flags & IN_READY) == !ready);
        cp_require(h->a[i].key == (ready ? e->deadline : e->v));
        cp_require(i == 0 || !before(h->a[i], h->a[(i - 1) / 4]));
        *sum += (__int128)e->v * e->weight;
        *weight += e->weight;
    }
}

static void audit_bag(const CpRq *rq, const Bag *b, __int128 *sum, int64_t *weight)
{
    for (uint32_t i = 0; i < b->n; i++) {
        const Ent *e = ent_of(rq, (CpEnt)b->low[i]);
        cp_require(e->pos == i && (e->flags & QUEUED) && !(e->flags & IN_READY));
        cp_require(b->v[i] == e->v && b->deadline[i] == e->deadline);
        *sum += (__int128)e->v * e->weight;
        *weight += e->weight;
    }
}

static void eevdf_audit(CpRq *rq)
{
    const Rq *q = rq_of(rq);
    __int128 sum = 0;
    int64_t weight = 0;
    cp_require(q->heaps ? q->bag.n == 0 : q->wait.n + q->ready.n == 0);
    audit_bag(rq, &q->bag, &sum, &weight);
    audit_heap(rq, &q->wait, false, &sum, &weight);
    audit_heap(rq, &q->ready, true, &sum, &weight);
    if (q->out != CP_NONE) {
        const Ent *e = ent_of(rq, q->out);
        sum += (__int128)e->v * e->weight;
        weight += e->weight;
    }
    cp_require(sum == q->sum);
    cp_require(weight == q->weight);
    cp_require(rq->nr + rq->delayed == n_queued(q) + (q->out != CP_NONE));
}

const CpPolicyClass cp_policy_eevdf = {
    .name = "eevdf",
    .summary =
        "earliest eligible virtual deadline first: the fair class of Linux since 6.6",
    .params = eevdf_params,
    .slice = eevdf_slice,
    .sim_size = sizeof(Data),
    .rq_size = sizeof(Rq),
    .ent_size = sizeof(Ent),
    .ticked = true,
    .init = eevdf_init,
    .rq_init = eevdf_rq_init,
    .rq_clear = eevdf_rq_clear,
    .attr = eevdf_attr,
    .group_weight = eevdf_group_weight,
    .select_cpu = cp_linux_select_cpu,
    .enqueue = eevdf_enqueue,
    .dequeue = eevdf_dequeue,
    .requeue = eevdf_requeue,
    .pick = eevdf_pick,
    .set_next = eevdf_set_next,
    .account = eevdf_account,
    .preempts = eevdf_preempts,
    .next_look = eevdf_next_look,
    .expired = eevdf_expired,
    .yield = eevdf_yield,
    .newidle = cp_linux_newidle,
    .balance = cp_linux_balance,
    .next_queued = eevdf_next_queued,
    .audit = eevdf_audit,
};
