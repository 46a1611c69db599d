#include "traces/measure.h"

#include "traces/critical.h"
#include "traces/walk.h"

/* Decides what of the threads' spans is CPU time, waiting, a switch and a latency. */

typedef struct {
    bool *kept;           /* by thread */
    CpTime *ran, *queued; /* the same */
    uint32_t n_threads;
    uint32_t ended;    /* thread whose wait has just ended by a wake-up, CP_NONE */
    CpTime ended_wait; /* that long */
    CpHist latency;
    CpMeasure *m;
    uint64_t n_moved;    /* went on on another CPU than before */
    bool has_migrations; /* the recording has records of them */
    bool begun;
    CpTimeline *tl;
    CpCritical *critical;
    CpTime *awaited;   /* by thread: waiting it ended */
    GArray *lock_wait; /* CpTime by lock */
} Sums;

static bool is_kept(const Sums *sums, uint32_t thread)
{
    return thread < sums->n_threads && sums->kept[thread];
}

static void add_run(Sums *sums, const CpSpan *span)
{
    CpMeasure *m = sums->m;
    sums->ran[span->thread] += span->to - span->from;
    m->cpu += span->to - span->from;
    bool left = span->end != CP_END_OPEN && span->end != CP_END_ELSEWHERE;
    m->involuntary += span->end == CP_END_PREEMPTED;
    m->voluntary += left && span->end != CP_END_PREEMPTED;
    if (span->from == span->to) {
        return; /* it came to end, or to wait again: it did no work */
    }
    m->first = sums->begun ? MIN(m->first, span->from) : span->from;
    m->last = MAX(m->last, span->to);
    sums->begun = true;
}

/* Who ended the wait is told right behind it, see add_wakeup. */
static void add_block(Sums *sums, const CpSpan *span)
{
    CpTime length = span->to - span->from;
    sums->m->blocked += length;
    sums->m->blocked_by[span->why] += length;
    sums->ended = span->end == CP_END_WOKEN ? span->thread : CP_NONE;
    sums->ended_wait = length;
}

static void add_span(void *data, const CpSpan *span)
{
    Sums *sums = data;
    if (!is_kept(sums, span->thread)) {
        return;
    }
    cp_critical_span(sums->critical, span);
    if (span->state == CP_SEEN_RUNNING) {
        add_run(sums, span);
    } else if (span->state == CP_SEEN_BLOCKED) {
        add_block(sums, span);
    } else if (span->state == CP_SEEN_RUNNABLE && span->end == CP_END_RUNS) {
        sums->m->run_wait += span->to - span->from;
        sums->queued[span->thread] += span->to - span->from;
        if (span->woken) {
            sums->m->wake_delay += span->since - span->begun;
            cp_hist_add(&sums->latency, span->to - span->begun);
        }
    }
}

static void add_switch(void *data, const CpSwitch *s)
{
    Sums *sums = data;
    sums->m->switches += is_kept(sums, s->from) || is_kept(sums, s->to);
}

static void add_wakeup(void *data, const CpWakeup *w)
{
    Sums *sums = data;
    sums->m->wakeups += is_kept(sums, w->thread);
    cp_critical_wakeup(sums->critical, sums->tl, w);
    if (w->thread == sums->ended && w->waker != CP_NONE) {
        sums->m->blocked_on_threads += sums->ended_wait;
        if (is_kept(sums, w->waker)) {
            sums->awaited[w->waker] += sums->ended_wait;
        }
    }
    sums->ended = CP_NONE;
}

static void add_lock(void *data, const CpLockSpan *span)
{
    Sums *sums = data;
    if (!span->held && is_kept(sums, span->thread)) {
        if (span->lock >= sums->lock_wait->len) {
            g_array_set_size(sums->lock_wait, span->lock + 1);
        }
        g_array_index(sums->lock_wait, CpTime, span->lock) += span->to - span->from;
    }
}

static void add_gil(void *data, const CpLockSpan *span)
{
    Sums *sums = data;
    if (!span->held && is_kept(sums, span->thread)) {
        sums->m->gil_wait += span->to - span->from;
    }
}

static void add_migration(void *data, const CpMigration *m)
{
    Sums *sums = data;
    sums->has_migrations |= m->told;
    sums->n_moved += !m->told && is_kept(sums, m->thread);
    sums->m->migrations += m->told && is_kept(sums, m->thread);
}

static void conclude(Sums *sums)
{
    CpMeasure *m = sums->m;
    m->longest = m->queued = m->awaited = m->lock = CP_NONE;
    m->migrations = sums->has_migrations ? m->migrations : sums->n_moved;
    for (uint32_t i = 0; i < sums->n_threads; i++) {
        if (sums->ran[i] > m->longest_cpu) {
            m->longest_cpu = sums->ran[i];
            m->longest = i;
        }
        if (sums->queued[i] > m->queued_time) {
            m->queued_time = sums->queued[i];
            m->queued = i;
        }
        if (sums->awaited[i] > m->awaited_time) {
            m->awaited_time = sums->awaited[i];
            m->awaited = i;
        }
    }
    CpTime longest = 0;
    for (uint32_t i = 0; i < sums->lock_wait->len; i++) {
        CpTime wait = g_array_index(sums->lock_wait, CpTime, i);
        m->lock_wait += wait;
        m->lock = wait > longest ? i : m->lock;
        longest = MAX(longest, wait);
    }
    m->path = *cp_critical_path(sums->critical);
    CpTime told = m->path.run + m->path.queued + m->path.outside;
    m->path.unknown = MAX(m->last - m->first - told, 0);
    m->wakeup_p50 = cp_hist_quantile(&sums->latency, 500000);
    m->wakeup_p99 = cp_hist_quantile(&sums->latency, 990000);
}

gboolean cp_measure(CpCpr *cpr, const bool *keep, CpMeasure *out, GError **error)
{
    static const CpTimelineHooks hooks = {.span = add_span,
                                          .switched = add_switch,
                                          .wakeup = add_wakeup,
                                          .lock = add_lock,
                                          .gil = add_gil,
                                          .migration = add_migration};
    const CpWalk all = {0};
    CpMeasure m = {0};
    CpArena *arena = cp_arena_new();
    Sums sums = {.n_threads = cp_cpr_n_threads(cpr), .ended = CP_NONE, .m = &m};
    sums.kept = g_new0(bool, sums.n_threads + 1);
    sums.ran = g_new0(CpTime, sums.n_threads + 1);
    sums.queued = g_new0(CpTime, sums.n_threads + 1);
    cp_hist_init(&sums.latency, arena);
    for (uint32_t i = 0; i < sums.n_threads; i++) {
        sums.kept[i] =
            keep != NULL
                ? keep[i]
                : (cp_cpr_thread_at(cpr, i)->flags & (CP_CPR_KERNEL | CP_CPR_LOAD)) == 0;
    }
    sums.awaited = g_new0(CpTime, sums.n_threads + 1);
    sums.lock_wait = g_array_new(FALSE, TRUE, sizeof(CpTime));
    sums.critical = cp_critical_new(sums.kept, sums.n_threads);
    sums.tl = cp_walk_timeline(cpr, &all, &hooks, &sums);
    gboolean ok = cp_walk_feed(cpr, &all, sums.tl, error);
    if (ok) {
        cp_timeline_finish(sums.tl, cp_cpr_info(cpr)->end);
    }
    cp_timeline_free(sums.tl);
    if (ok) {
        conclude(&sums);
        *out = m;
    }
    cp_critical_free(sums.critical);
    g_array_unref(sums.lock_wait);
    g_free(sums.awaited);
    g_free(sums.kept);
    g_free(sums.ran);
    g_free(sums.queued);
    cp_arena_free(arena);
    return ok;
}
