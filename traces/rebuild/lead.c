#include "traces/rebuild/reading.h"

#include "traces/walk.h"

/* Decides how far a thread may run ahead of another one it has woken.
 *
 * Who hands something over and then needs an answer, or room in a full pipe, waits; but
 * only where the other one has not answered yet.  Where both share a CPU the woken one
 * often preempts, answers and waits again before the waker goes on, and no record tells
 * that the waker would have waited.  On another machine it has to.
 *
 * What is told is where wakers did stop: so much CPU time after a wake-up they waited for
 * the thread they had woken.  A waker that was hardly ever seen to run further ahead is
 * taken to need the answer there. */

enum {
    SAMPLES = 32,   /* kept of each kind */
    STOPPED_MIN = 4 /* fewer times it had to wait are chance */
};

typedef struct {
    CpTime sample[SAMPLES];
    uint32_t n; /* seen */
} Samples;

/* One thread woke another one. */
typedef struct {
    CpTime at;       /* CPU time of the waker at its last wake-up of the other */
    bool open;       /* the other one has not come to wait again */
    Samples stopped; /* how far the waker ran until it waited for the other */
    Samples free;    /* and how far when the other one came to wait, and it was running */
} Pair;

typedef struct {
    CpTime ran;        /* CPU time up to the end of its last span */
    uint32_t waker;    /* whose wake-up it has not waited after, CP_NONE */
    uint32_t begun_by; /* who has begun to wake it; CP_NONE: not told */
    CpTime begun_at;   /* CPU time of that one then */
    bool waits;        /* it waits, since it had run so long */
} Thread;

struct CpLeads {
    const CpTimeline *timeline; /* during reading */
    Thread *threads;
    uint32_t n_threads;
    GHashTable *pairs; /* by waker << 32 | sleeper: Pair */
};

static Pair *find(const CpLeads *l, uint32_t waker, uint32_t sleeper)
{
    int64_t key = cp_pair_key(waker, sleeper);
    return g_hash_table_lookup(l->pairs, &key);
}

static Pair *make(CpLeads *l, uint32_t waker, uint32_t sleeper)
{
    Pair *p = find(l, waker, sleeper);
    if (p == NULL) {
        int64_t key = cp_pair_key(waker, sleeper);
        p = g_new0(Pair, 1);
        g_hash_table_insert(l->pairs, g_memdup2(&key, sizeof key), p);
    }
    return p;
}

/* Of many a sample that is spread over all: each later one takes a place with the chance
 * that all have. */
static void add_sample(Samples *s, CpTime value)
{
    uint64_t r = (s->n + UINT64_C(1)) * UINT64_C(0x9e3779b97f4a7c15);
    uint32_t at = s->n < SAMPLES ? s->n : (uint32_t)((r >> 32) % (s->n + 1));
    if (at < SAMPLES) {
        s->sample[at] = value;
    }
    s->n++;
}

static CpTime ran_until(const CpLeads *l, uint32_t id, CpTime at)
{
    const CpSeenThread *seen = &l->timeline->threads[id];
    CpTime since = seen->state == CP_SEEN_RUNNING ? MAX(at - seen->since, 0) : 0;
    return l->threads[id].ran + since;
}

/* --- reading --- */

/* The sleeper has waited for the one that now wakes it, and that it had woken. */
static void note_stop(CpLeads *l, uint32_t sleeper, uint32_t waker)
{
    Thread *t = &l->threads[sleeper];
    Pair *back = t->waits ? find(l, sleeper, waker) : NULL;
    if (back != NULL && back->open) {
        add_sample(&back->stopped, t->ran - back->at);
        back->open = false;
    }
    t->waits = false;
}

/* How far the waker is, before it goes on: that the wake-up took place is told later where
 * a source tells its beginning only. */
static void on_record(void *data, const CpTimeline *tl, const CpRecord *r,
                      const CpRecord *more)
{
    CpLeads *l = data;
    (void)more; /* wake-ups have none */
    if (cp_record_kind(r) != CP_REC_WAKING || r->id >= l->n_threads) {
        return;
    }
    uint32_t waker = cp_timeline_running(tl, r->cpu);
    Thread *t = &l->threads[r->id];
    t->begun_by = r->arg & CP_WAKING_IRQ ? CP_NONE : waker;
    if (t->begun_by < l->n_threads) {
        t->begun_at = ran_until(l, waker, MAX(cp_record_time(r), tl->now));
        note_stop(l, r->id, waker);
    }
}

static void on_wakeup(void *data, const CpWakeup *w)
{
    CpLeads *l = data;
    if (w->thread >= l->n_threads || w->waker >= l->n_threads) {
        return;
    }
    Thread *t = &l->threads[w->thread];
    note_stop(l, w->thread, w->waker);
    Pair *p = make(l, w->waker, w->thread);
    p->at = t->begun_by == w->waker ? t->begun_at : ran_until(l, w->waker, w->at);
    p->open = true;
    t->begun_by = CP_NONE;
    t->waker = w->waker;
}

static void on_span(void *data, const CpSpan *s)
{
    CpLeads *l = data;
    if (s->state != CP_SEEN_RUNNING || s->thread >= l->n_threads) {
        return;
    }
    Thread *t = &l->threads[s->thread];
    t->ran += s->to - s->from;
    t->waits = s->end == CP_END_BLOCKED;
    if ((!t->waits && s->end != CP_END_EXIT) || t->waker == CP_NONE) {
        return;
    }
    Pair *p = find(l, t->waker, s->thread);
    if (p != NULL && p->open) {
        if (l->timeline->threads[t->waker].state == CP_SEEN_RUNNING) {
            add_sample(&p->free, ran_until(l, t->waker, s->to) - p->at);
        }
        p->open = false;
    }
    t->waker = CP_NONE;
}

gboolean cp_leads_read(CpRebuild *rb, GError **error)
{
    static const CpTimelineHooks hooks = {
        .each = on_record, .span = on_span, .wakeup = on_wakeup};
    const CpWalk walk = {.from = rb->from, .to = rb->to};
    CpLeads *l = rb->leads = g_new0(CpLeads, 1);
    l->n_threads = rb->n_threads;
    l->threads = g_new0(Thread, (size_t)rb->n_threads + 1);
    l->pairs = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    for (uint32_t i = 0; i < l->n_threads; i++) {
        l->threads[i].waker = l->threads[i].begun_by = CP_NONE;
    }
    CpTimeline *tl = cp_walk_timeline(rb->cpr, &walk, &hooks, l);
    l->timeline = tl;
    gboolean good = cp_walk_feed(rb->cpr, &walk, tl, error);
    l->timeline = NULL;
    cp_timeline_free(tl);
    g_clear_pointer(&l->threads, g_free);
    return good;
}

void cp_leads_free(CpLeads *l)
{
    if (l != NULL) {
        g_hash_table_unref(l->pairs);
        g_free(l->threads);
        g_free(l);
    }
}

/* --- what follows from it --- */

typedef struct {
    CpTime lead;
    double weight; /* times it stands for */
    bool stopped;
} Point;

static int by_lead(const void *a, const void *b)
{
    const Point *x = a, *y = b;
    if (x->lead != y->lead) {
        return x->lead < y->lead ? -1 : 1;
    }
    return y->stopped - x->stopped;
}

static uint32_t add_points(Point *points, uint32_t n, const Samples *s, bool stopped)
{
    uint32_t kept = MIN(s->n, SAMPLES);
    for (uint32_t i = 0; i < kept; i++) {
        points[n++] = (Point){s->sample[i], (double)s->n / kept, stopped};
    }
    return n;
}

/* Nine of ten wakers are stopped within the lead.  One that was not stopped before the
 * other came to wait says nothing of what is behind: it is taken out of those that could
 * have been stopped there (the estimate of Kaplan and Meier). */
CpTime cp_lead_of(const CpLeads *l, uint32_t waker, uint32_t sleeper)
{
    const Pair *p = find(l, waker, sleeper);
    if (p == NULL || p->stopped.n < STOPPED_MIN) {
        return CP_NEVER;
    }
    Point points[2 * SAMPLES];
    uint32_t n = add_points(points, 0, &p->stopped, true);
    n = add_points(points, n, &p->free, false);
    qsort(points, n, sizeof points[0], by_lead);
    double left = (double)p->stopped.n + p->free.n, going = 1;
    for (uint32_t i = 0; i < n; i++) {
        going *= points[i].stopped ? 1 - MIN(points[i].weight / left, 1) : 1;
        if (going <= 0.1) {
            return points[i].lead;
        }
        left -= points[i].weight;
    }
    return CP_NEVER;
}
