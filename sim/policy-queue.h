/* The two structures textbook policies queue entities in: a first-in-first-out list and a
 * heap.
 *
 * Both are intrusive: an entity's policy data begins with a CpNode, which says where it is,
 * so anything can be taken out from anywhere without a search.  An entity is in one of them
 * at a time.  A list step costs the same for any length; a heap step costs the logarithm.
 *
 * Queues that serve all CPUs may hold threads pinned elsewhere.  The `..._first` functions
 * leave those out; only then, and only past the pinned ones, do they search. */
#ifndef CP_SIM_POLICY_QUEUE_H
#define CP_SIM_POLICY_QUEUE_H

#include "sim/assert.h"
#include "sim/policy.h"

/* Must be the first member of a class's entity data. */
typedef struct {
    CpEnt next, prev; /* list: neighbours, CP_NONE at the ends */
    uint32_t pos;     /* heap: index of the row + 1 */
    bool queued;      /* in a list or a heap */
} CpNode;

static inline CpNode *cp_node(const CpRq *rq, CpEnt ent)
{
    return cp_ent_data(rq, ent);
}

/* --- list --- */

typedef struct {
    CpEnt head, tail; /* CP_NONE when empty */
} CpFifo;

static inline void cp_fifo_init(CpFifo *fifo)
{
    *fifo = (CpFifo){CP_NONE, CP_NONE};
}

/* Puts ent before `next`; CP_NONE: at the tail. */
static inline void cp_fifo_insert(CpRq *rq, CpFifo *fifo, CpEnt ent, CpEnt next)
{
    CpEnt prev = next == CP_NONE ? fifo->tail : cp_node(rq, next)->prev;
    CpNode *node = cp_node(rq, ent);
    cp_assert(!node->queued);
    node->next = next;
    node->prev = prev;
    node->queued = true;
    *(prev == CP_NONE ? &fifo->head : &cp_node(rq, prev)->next) = ent;
    *(next == CP_NONE ? &fifo->tail : &cp_node(rq, next)->prev) = ent;
}

static inline void cp_fifo_append(CpRq *rq, CpFifo *fifo, CpEnt ent)
{
    cp_fifo_insert(rq, fifo, ent, CP_NONE);
}

static inline void cp_fifo_prepend(CpRq *rq, CpFifo *fifo, CpEnt ent)
{
    cp_fifo_insert(rq, fifo, ent, fifo->head);
}

/* Nothing happens if ent is not queued (because it runs). */
static inline void cp_fifo_remove(CpRq *rq, CpFifo *fifo, CpEnt ent)
{
    CpNode *node = cp_node(rq, ent);
    if (!node->queued) {
        return;
    }
    *(node->prev == CP_NONE ? &fifo->head : &cp_node(rq, node->prev)->next) = node->next;
    *(node->next == CP_NONE ? &fifo->tail : &cp_node(rq, node->next)->prev) = node->prev;
    node->queued = false;
}

/* Moves all of `from` behind `to`. */
static inline void cp_fifo_join(CpRq *rq, CpFifo *to, CpFifo *from)
{
    if (from->head == CP_NONE) {
        return;
    }
    cp_node(rq, from->head)->prev = to->tail;
    *(to->tail == CP_NONE ? &to->head : &cp_node(rq, to->tail)->next) = from->head;
    to->tail = from->tail;
    cp_fifo_init(from);
}

/* The first one allowed on this CPU, or CP_NONE. */
static inline CpEnt cp_fifo_first(const CpRq *rq, const CpFifo *fifo)
{
    CpEnt ent = fifo->head;
    while (ent != CP_NONE && !cp_rq_allows(rq, ent)) {
        ent = cp_node(rq, ent)->next;
    }
    return ent;
}

/* Walks the list; `after` CP_NONE: start. */
static inline CpEnt cp_fifo_next(const CpRq *rq, const CpFifo *fifo, CpEnt after)
{
    return after == CP_NONE ? fifo->head : cp_node(rq, after)->next;
}

static inline void cp_fifo_check(const CpRq *rq, const CpFifo *fifo)
{
    CpEnt prev = CP_NONE;
    for (CpEnt ent = fifo->head; ent != CP_NONE; ent = cp_node(rq, ent)->next) {
        cp_require(cp_node(rq, ent)->queued);
        cp_require(cp_node(rq, ent)->prev == prev);
        prev = ent;
    }
    cp_require(fifo->tail == prev);
}

/* --- heap --- */

/* What decides who comes first: smaller key, then smaller tie, then smaller number. */
typedef struct {
    int64_t key, tie;
    CpEnt ent;
} CpRow;

typedef struct {
    CpRow *row;
    uint32_t n, cap;
} CpHeap;

static inline bool cp_row_before(const CpRow *a, const CpRow *b)
{
    if (a->key != b->key) {
        return a->key < b->key;
    }
    if (a->tie != b->tie) {
        return a->tie < b->tie;
    }
    return a->ent < b->ent;
}

static inline void cp_heap_put(CpRq *rq, CpHeap *heap, uint32_t i, CpRow row)
{
    heap->row[i] = row;
    cp_node(rq, row.ent)->pos = i + 1;
}

/* Moves row towards the root or the leaves, starting from the hole i. */
static inline void cp_heap_settle(CpRq *rq, CpHeap *heap, uint32_t i, CpRow row)
{
    while (i > 0 && cp_row_before(&row, &heap->row[(i - 1) / 2])) {
        cp_heap_put(rq, heap, i, heap->row[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    for (uint32_t child = 2 * i + 1; child < heap->n; child = 2 * i + 1) {
        if (child + 1 < heap->n &&
            cp_row_before(&heap->row[child + 1], &heap->row[child])) {
            child++;
        }
        if (!cp_row_before(&heap->row[child], &row)) {
            break;
        }
        cp_heap_put(rq, heap, i, heap->row[child]);
        i = child;
    }
    cp_heap_put(rq, heap, i, row);
}

static inline void cp_heap_push(CpRq *rq, CpHeap *heap, CpRow row)
{
    cp_assert(!cp_node(rq, row.ent)->queued);
    cp_node(rq, row.ent)->queued = true;
    void *array = heap->row;
    cp_rq_reserve(&array, &heap->cap, heap->n + 1, sizeof *heap->row);
    heap->row = array;
    heap->n++;
    cp_heap_settle(rq, heap, heap->n - 1, row);
}

/* Nothing happens if ent is not queued (because it runs). */
static inline void cp_heap_remove(CpRq *rq, CpHeap *heap, CpEnt ent)
{
    CpNode *node = cp_node(rq, ent);
    if (!node->queued) {
        return;
    }
    node->queued = false;
    CpRow last = heap->row[--heap->n];
    if (last.ent != ent) {
        cp_heap_settle(rq, heap, node->pos - 1, last);
    }
}

/* The first row allowed on this CPU, or NULL; valid until the heap changes. */
static inline const CpRow *cp_heap_first(const CpRq *rq, const CpHeap *heap)
{
    if (heap->n == 0 || cp_rq_allows(rq, heap->row[0].ent)) {
        return heap->n == 0 ? NULL : &heap->row[0];
    }
    const CpRow *best = NULL;
    for (uint32_t i = 1; i < heap->n; i++) {
        const CpRow *row = &heap->row[i];
        if ((best == NULL || cp_row_before(row, best)) && cp_rq_allows(rq, row->ent)) {
            best = row;
        }
    }
    return best;
}

static inline void cp_heap_clear(CpHeap *heap)
{
    g_free(heap->row);
    *heap = (CpHeap){0};
}

/* Walks the heap in the order of its array; `after` CP_NONE: start. */
static inline CpEnt cp_heap_next(const CpRq *rq, const CpHeap *heap, CpEnt after)
{
    uint32_t i = after == CP_NONE ? 0 : cp_node(rq, after)->pos;
    return i < heap->n ? heap->row[i].ent : CP_NONE;
}

static inline void cp_heap_check(const CpRq *rq, const CpHeap *heap)
{
    for (uint32_t i = 0; i < heap->n; i++) {
        cp_require(cp_node(rq, heap->row[i].ent)->queued);
        cp_require(cp_node(rq, heap->row[i].ent)->pos == i + 1);
        cp_require(i == 0 || !cp_row_before(&heap->row[i], &heap->row[(i - 1) / 2]));
    }
}

#endif
