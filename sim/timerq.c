#include "sim/timerq.h"

#include "sim/assert.h"

#include <string.h>

/* Radix heap in base 2^DIGIT.  An entry's bucket is (level, digit): the highest digit in
 * which its time differs from `last`, the time last popped, and the value of that digit.
 * All entries agree with `last` above that digit, so
 *   - buckets in order of (level, digit) are in order of time: the first one used holds the
 *     minimum;
 *   - entries of level 0 differ in the lowest digit alone: one bucket, one time;
 *   - when `last` moves to the minimum, only the first bucket's entries change place, and
 *     they go to lower levels, all empty then.  They keep their order, and a later push of
 *     an equal time lands behind them in the same bucket: first in, first out.
 * An entry moves at most once a level.  A bucket is a list of chunks from one pool, so that
 * memory follows the number of entries and not the largest size each bucket ever had. */
enum {
    DIGIT = 4,
    RADIX = 1 << DIGIT,
    LEVELS = 64 / DIGIT,
    CHUNK_ENTRIES = 31,
    SLAB_CHUNKS = 128,
};

typedef struct Chunk Chunk;

struct Chunk {
    Chunk *next; /* in the bucket, or in the pool's free list */
    CpTimer entry[CHUNK_ENTRIES];
};

typedef struct {
    Chunk *first, *last; /* NULL: empty */
    uint32_t head;       /* first entry left in `first` */
    uint32_t tail;       /* entries in `last` */
    CpTime min;          /* of all entries; valid unless empty */
} Bucket;

typedef struct Slab Slab;

struct Slab {
    Slab *next;
    Chunk chunk[SLAB_CHUNKS];
};

struct CpTimerq {
    CpTime last;             /* time last popped */
    uint32_t levels;         /* bit l: some bucket of level l is used */
    uint16_t digits[LEVELS]; /* bit d: bucket (level, d) is used */
    Chunk *spare;
    Slab *slabs;
    size_t n;
    Bucket bucket[LEVELS * RADIX];
};

G_STATIC_ASSERT(RADIX <= 16 && LEVELS <= 32);

CpTimerq *cp_timerq_new(void)
{
    return g_new0(CpTimerq, 1);
}

void cp_timerq_free(CpTimerq *q)
{
    if (q == NULL) {
        return;
    }
    for (Slab *s = q->slabs, *next; s != NULL; s = next) {
        next = s->next;
        g_free(s);
    }
    g_free(q);
}

static void pool_add_slab(CpTimerq *q, Slab *slab)
{
    for (size_t i = SLAB_CHUNKS; i-- > 0;) {
        slab->chunk[i].next = q->spare;
        q->spare = &slab->chunk[i];
    }
}

void cp_timerq_reset(CpTimerq *q)
{
    Slab *slabs = q->slabs;
    memset(q, 0, sizeof *q);
    q->slabs = slabs;
    for (Slab *s = slabs; s != NULL; s = s->next) {
        pool_add_slab(q, s);
    }
}

static G_GNUC_NO_INLINE void pool_grow(CpTimerq *q)
{
    Slab *slab = g_new(Slab, 1);
    slab->next = q->slabs;
    q->slabs = slab;
    pool_add_slab(q, slab);
}

static inline Chunk *chunk_take(CpTimerq *q)
{
    if (G_UNLIKELY(q->spare == NULL)) {
        pool_grow(q);
    }
    Chunk *c = q->spare;
    q->spare = c->next;
    return c;
}

static inline void chunk_give(CpTimerq *q, Chunk *c)
{
    c->next = q->spare;
    q->spare = c;
}

static inline unsigned bucket_of(const CpTimerq *q, CpTime at)
{
    cp_assert(at >= q->last);
    uint64_t differ = (uint64_t)at ^ (uint64_t)q->last;
    unsigned level = (63u - (unsigned)__builtin_clzll(differ | 1)) / DIGIT;
    unsigned digit = (unsigned)((uint64_t)at >> (level * DIGIT)) & (RADIX - 1);
    return level * RADIX + digit;
}

static inline void bucket_add(CpTimerq *q, CpTimer timer)
{
    unsigned k = bucket_of(q, timer.at);
    Bucket *b = &q->bucket[k];
    if (b->first == NULL) {
        b->first = b->last = chunk_take(q);
        b->head = b->tail = 0;
        b->min = timer.at;
        q->levels |= 1u << (k / RADIX);
        q->digits[k / RADIX] |= (uint16_t)(1u << (k % RADIX));
    } else if (b->tail == CHUNK_ENTRIES) {
        b->last = b->last->next = chunk_take(q);
        b->tail = 0;
    }
    b->last->entry[b->tail++] = timer;
    b->min = timer.at < b->min ? timer.at : b->min;
}

static inline unsigned first_used(const CpTimerq *q)
{
    cp_assert(q->levels != 0);
    unsigned level = (unsigned)__builtin_ctz(q->levels);
    cp_assert(q->digits[level] != 0);
    return level * RADIX + (unsigned)__builtin_ctz(q->digits[level]);
}

static inline void bucket_emptied(CpTimerq *q, unsigned k)
{
    q->bucket[k].first = NULL;
    q->digits[k / RADIX] &= (uint16_t) ~(1u << (k % RADIX));
    if (q->digits[k / RADIX] == 0) {
        q->levels &= ~(1u << (k / RADIX));
    }
}

/* Moves `last` to the minimum and the first bucket's entries to lower levels. */
static void spread(CpTimerq *q, unsigned k)
{
    Bucket b = q->bucket[k];
    cp_assert(b.first != NULL && b.min > q->last);
    q->last = b.min;
    bucket_emptied(q, k);
    for (Chunk *c = b.first, *next; c != NULL; c = next) {
        next = c == b.last ? NULL : c->next;
        unsigned end = next == NULL ? b.tail : CHUNK_ENTRIES;
        for (unsigned i = c == b.first ? b.head : 0; i < end; i++) {
            bucket_add(q, c->entry[i]);
        }
        chunk_give(q, c);
    }
}

void cp_timerq_push(CpTimerq *q, CpTimer timer)
{
    cp_require(timer.at >= q->last);
    q->n++;
    bucket_add(q, timer);
}

CpTime cp_timerq_next(const CpTimerq *q)
{
    cp_assert((q->n == 0) == (q->levels == 0));
    return q->levels == 0 ? CP_NEVER : q->bucket[first_used(q)].min;
}

CpTimer cp_timerq_pop(CpTimerq *q)
{
    cp_require(q->n > 0);
    unsigned k = first_used(q);
    Bucket *b = &q->bucket[k];
    bool is_single = b->first == b->last && b->head + 1 == b->tail;
    if (k >= RADIX && !is_single) {
        spread(q, k);
        k = first_used(q);
        cp_assert(k < RADIX);
        b = &q->bucket[k];
        is_single = b->first == b->last && b->head + 1 == b->tail;
    }
    CpTimer timer = b->first->entry[b->head++];
    cp_assert(timer.at >= q->last);
    q->last = timer.at;
    q->n--;
    if (is_single || b->head == CHUNK_ENTRIES) {
        Chunk *c = b->first;
        b->first = c->next;
        b->head = 0;
        if (is_single) {
            bucket_emptied(q, k);
        }
        chunk_give(q, c);
    }
    return timer;
}

bool cp_timerq_soon(const CpTimerq *q, CpTimer *timer)
{
    if (q->levels == 0) {
        return false;
    }
    const Bucket *b = &q->bucket[first_used(q)];
    *timer = b->first->entry[b->head];
    return true;
}

size_t cp_timerq_size(const CpTimerq *q)
{
    return q->n;
}
