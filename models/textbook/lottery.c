/* Lottery scheduling (Waldspurger and Weihl, 1994): every quantum one ticket is drawn, and
 * whoever holds it runs.
 *
 * The winner is found by walking the list of waiting threads until the tickets passed
 * exceed the number drawn.  The walk is done in a Fenwick tree, whose node i holds the
 * tickets of the (i & -i) rows up to i, so it takes the logarithm of the length; the audit
 * compares with the plain sums.  Threads get 100 tickets if they ask for none. */
#include "sim/policy-queue.h"

enum { LOTTERY_QUANTUM };

static const CpParam lottery_params[] = {
    {.name = "lottery.quantum",
     .type = CP_PARAM_TIME,
     .def = "10ms",
     .min = CP_US,
     .max = 1000 * CP_S,
     .help = "time between two drawings"},
    {.name = NULL},
};

/* Rows are numbered from 1. */
typedef struct {
    uint64_t sum; /* tickets of rows i - (i & -i) + 1 .. i */
    CpEnt ent;
    uint32_t tickets; /* of this row alone */
} Row;

typedef struct {
    Row *row;
    uint32_t n, cap;
} Queue;

typedef struct {
    CpNode node; /* node.pos is the row */
    CpTime end;  /* of the quantum; valid while running */
} Ent;

static uint32_t tickets_of(const CpRq *rq, CpEnt ent)
{
    uint32_t tickets = cp_thread_attr(rq->sim, ent)->tickets;
    return tickets == 0 ? 100 : tickets;
}

/* Row i gets these tickets instead of those it has. */
static void set_row(CpRq *rq, Queue *q, uint32_t i, CpEnt ent, uint32_t tickets)
{
    cp_assert(i >= 1 && i <= q->n);
    cp_assert((ent == CP_NONE) == (tickets == 0));           /* nobody's row wins nothing */
    uint64_t change = (uint64_t)tickets - q->row[i].tickets; /* modulo 2^64 */
    q->row[i].ent = ent;
    q->row[i].tickets = tickets;
    if (ent != CP_NONE) {
        cp_node(rq, ent)->pos = i;
    }
    for (uint32_t k = i; k <= q->n; k += k & -k) {
        q->row[k].sum += change;
    }
}

static uint64_t total(const Queue *q)
{
    uint64_t sum = 0;
    for (uint32_t i = q->n; i > 0; i -= i & -i) {
        sum += q->row[i].sum;
    }
    return sum;
}

static void push(CpRq *rq, CpEnt ent)
{
    Queue *q = rq->data;
    cp_assert(!cp_node(rq, ent)->queued); /* one row a thread */
    void *array = q->row;
    cp_rq_reserve(&array, &q->cap, q->n + 2, sizeof *q->row);
    q->row = array;
    uint32_t i = ++q->n;
    q->row[i] = (Row){0, CP_NONE, 0};
    for (uint32_t k = i - 1; k > i - (i & -i); k -= k & -k) { /* rows this node covers */
        q->row[i].sum += q->row[k].sum;
    }
    cp_node(rq, ent)->queued = true;
    set_row(rq, q, i, ent, tickets_of(rq, ent));
}

/* The last row moves into the hole. */
static void take_out(CpRq *rq, CpEnt ent)
{
    Queue *q = rq->data;
    CpNode *node = cp_node(rq, ent);
    if (!node->queued) { /* it runs */
        return;
    }
    cp_assert(q->row[node->pos].ent == ent);
    Row last = q->row[q->n];
    set_row(rq, q, q->n, CP_NONE, 0);
    q->n--;
    if (last.ent != ent) {
        set_row(rq, q, node->pos, last.ent, last.tickets);
    }
    node->queued = false;
}

static void lottery_enqueue(CpRq *rq, CpEnt ent, CpEnqFlags flags)
{
    (void)flags; /* every way of becoming ready is the same */
    push(rq, ent);
}

static bool lottery_dequeue(CpRq *rq, CpEnt ent, CpDeqFlags flags)
{
    (void)flags; /* gone is gone */
    take_out(rq, ent);
    return true;
}

/* The row at which the sum of tickets exceeds `drawn`: descends from the largest power of
 * two. */
static uint32_t find(const Queue *q, uint64_t drawn)
{
    uint32_t at = 0;
    for (uint32_t step = 1u << 31; step > 0; step /= 2) {
        if (step <= q->n - at && q->row[at + step].sum <= drawn) {
            at += step;
            drawn -= q->row[at].sum;
        }
    }
    cp_assert(at < q->n); /* fewer were drawn than there are */
    return at + 1;
}

/* The slow drawing, among the threads that may run here; for pinned threads only. */
static CpEnt draw_allowed(CpRq *rq)
{
    const Queue *q = rq->data;
    uint64_t sum = 0;
    for (uint32_t i = 1; i <= q->n; i++) {
        sum += cp_rq_allows(rq, q->row[i].ent) ? q->row[i].tickets : 0;
    }
    if (sum == 0) {
        return CP_NONE;
    }
    uint64_t drawn = cp_rq_random(rq) % sum;
    uint32_t i = 0;
    for (uint64_t passed = 0; passed <= drawn;) {
        i++;
        cp_assert(i <= q->n);
        passed += cp_rq_allows(rq, q->row[i].ent) ? q->row[i].tickets : 0;
    }
    return q->row[i].ent;
}

static CpEnt lottery_pick(CpRq *rq)
{
    const Queue *q = rq->data;
    if (q->n == 0) {
        return CP_NONE;
    }
    CpEnt winner = q->row[find(q, cp_rq_random(rq) % total(q))].ent;
    return cp_rq_allows(rq, winner) ? winner : draw_allowed(rq);
}

static void lottery_set_next(CpRq *rq, CpEnt ent)
{
    Ent *e = cp_ent_data(rq, ent);
    cp_assert(e->node.queued); /* pick leaves it there */
    take_out(rq, ent);
    e->end = cp_now(rq->sim) + rq->policy->params->v[LOTTERY_QUANTUM];
}

static CpTime lottery_next_look(CpRq *rq, CpEnt curr)
{
    const Ent *e = cp_ent_data(rq, curr);
    cp_assert(!e->node.queued); /* the end is that of the running one */
    return e->end;
}

static bool lottery_expired(CpRq *rq, CpEnt curr)
{
    return cp_now(rq->sim) >= lottery_next_look(rq, curr);
}

static CpEnt lottery_next_queued(CpRq *rq, CpEnt after)
{
    const Queue *q = rq->data;
    uint32_t i = after == CP_NONE ? 1 : cp_node(rq, after)->pos + 1;
    return i <= q->n ? q->row[i].ent : CP_NONE;
}

static void lottery_rq_clear(CpRq *rq)
{
    Queue *q = rq->data;
    g_free(q->row);
    *q = (Queue){0};
}

static void lottery_audit(CpRq *rq)
{
    const Queue *q = rq->data;
    uint64_t sum = 0;
    for (uint32_t i = 1; i <= q->n; i++) {
        cp_require(cp_node(rq, q->row[i].ent)->pos == i);
        cp_require(q->row[i].tickets == tickets_of(rq, q->row[i].ent));
        cp_require(cp_node(rq, q->row[i].ent)->queued);
        cp_require(find(q, sum) == i);
        sum += q->row[i].tickets;
        cp_require(find(q, sum - 1) == i);
    }
    cp_require(sum == total(q));
}

const CpPolicyClass cp_policy_lottery = {
    .name = "lottery",
    .summary = "lottery: a ticket is drawn every quantum",
    .params = lottery_params,
    .rq_size = sizeof(Queue),
    .ent_size = sizeof(Ent),
    .global = true,
    .conserving = true,
    .rq_clear = lottery_rq_clear,
    .enqueue = lottery_enqueue,
    .dequeue = lottery_dequeue,
    .pick = lottery_pick,
    .set_next = lottery_set_next,
    .put_prev = push,
    .next_look = lottery_next_look,
    .expired = lottery_expired,
    .next_queued = lottery_next_queued,
    .audit = lottery_audit,
};
