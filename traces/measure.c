#include "traces/measure.h"

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
    sums->ended = span->end == CP_END_WOKEN ? span->thread : CP_NONE;
    sums->ended_wait = length;
}

static void add_span(void *data, const CpSpan *span)
{
    Sums *sums = data;
    if (!is_kept(sums, span->thread)) {
        return;
    }
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
    if (w->thread == sums->ended && w->waker != CP_NONE) {
        sums->m->blocked_on_threads += sums->ended_wait;
    }
    sums->ended = CP_NONE;
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
    m->longest = m->queued = CP_NONE;
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
    }
    m->wakeup_p50 = cp_hist_quantile(&sums->latency, 500000);
    m->wakeup_p99 = cp_hist_quantile(&sums->latency, 990000);
}

gboolean cp_measure(CpCpr *cpr, const bool *keep, CpMeasure *out, GError **error)
{
    static const CpTimelineHooks hooks = {.span = add_span,
                                          .switched = add_switch,
                                          .wakeup = add_wakeup,
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
    gboolean ok = cp_walk(cpr, &all, &hooks, &sums, error);
    if (ok) {
        conclude(&sums);
        *out = m;
    }
    g_free(sums.kept);
    g_free(sums.ran);
    g_free(sums.queued);
    cp_arena_free(arena);
    return ok;
}
