#include "traces/critical.h"

#include "sim/assert.h"

/* Decides what a thread that goes on has waited for. */

struct CpCritical {
    const bool *kept;
    uint32_t n;
    CpPath *paths;  /* to the end of the last span of each thread */
    CpTime *ran_to; /* of each: when it last left a CPU */
    bool *seen;     /* of each: it has a path */
    CpTime first;   /* when one ran first; CP_NEVER: not yet */
    uint32_t ended; /* thread whose wait has just ended by a wake-up, CP_NONE */
    CpTime waited;  /* that long */
    CpTime last;    /* latest end of a span in which one ran */
    CpPath best;    /* of that one */
};

static void clear(CpPath *path)
{
    *path = (CpPath){0};
    for (size_t i = 0; i < CP_PATH_THREADS; i++) {
        path->most[i].thread = CP_NONE;
    }
}

CpCritical *cp_critical_new(const bool *kept, uint32_t n_threads)
{
    CpCritical *c = g_new0(CpCritical, 1);
    c->kept = kept;
    c->n = n_threads;
    c->ended = CP_NONE;
    c->last = INT64_MIN;
    c->first = CP_NEVER;
    c->ran_to = g_new0(CpTime, (size_t)n_threads + 1);
    c->seen = g_new0(bool, (size_t)n_threads + 1);
    c->paths = g_new(CpPath, (size_t)n_threads + 1);
    for (uint32_t i = 0; i < n_threads; i++) {
        clear(&c->paths[i]);
    }
    clear(&c->best);
    return c;
}

void cp_critical_free(CpCritical *c)
{
    g_free(c->paths);
    g_free(c->ran_to);
    g_free(c->seen);
    g_free(c);
}

/* Of more threads than there is room for, the one that ran least is forgotten. */
static void add_run(CpPath *path, uint32_t thread, CpTime length)
{
    size_t at = 0;
    path->run += length;
    for (size_t i = 0; i < CP_PATH_THREADS; i++) {
        if (path->most[i].thread == thread) {
            path->most[i].run += length;
            return;
        }
        at = path->most[i].run < path->most[at].run ? i : at;
    }
    if (path->most[at].thread == CP_NONE || path->most[at].run < length) {
        path->most[at].thread = thread;
        path->most[at].run = length;
    }
}

static bool is_kept(const CpCritical *c, uint32_t thread)
{
    return thread < c->n && c->kept[thread];
}

/* A thread that nobody was seen to start came from outside. */
static void begin(CpCritical *c, uint32_t thread, CpTime at)
{
    if (!c->seen[thread]) {
        c->seen[thread] = true;
        c->paths[thread].outside = c->first < at ? at - c->first : 0;
    }
}

void cp_critical_span(CpCritical *c, const CpSpan *span)
{
    if (!is_kept(c, span->thread)) {
        return;
    }
    CpPath *path = &c->paths[span->thread];
    CpTime length = span->to - span->from;
    cp_assert(length >= 0);
    begin(c, span->thread, span->from);
    if (span->state == CP_SEEN_RUNNING && length > 0) {
        c->first = MIN(c->first, span->from);
    }
    switch (span->state) {
    case CP_SEEN_RUNNING:
        add_run(path, span->thread, length);
        c->ran_to[span->thread] = span->to;
        if (length > 0 && span->to >= c->last) {
            c->last = span->to;
            c->best = *path;
        }
        break;
    case CP_SEEN_RUNNABLE:
        path->queued += length;
        break;
    case CP_SEEN_BLOCKED:
        if (span->end == CP_END_WOKEN) { /* by whom is told next */
            c->ended = span->thread;
            c->waited = length;
        } else {
            path->outside += length;
        }
        break;
    default:
        path->unknown += length;
        break;
    }
}

/* The path of a thread to this moment. */
static CpPath path_now(const CpCritical *c, const CpTimeline *tl, uint32_t id, CpTime at)
{
    CpPath path = c->paths[id];
    const CpSeenThread *t = cp_timeline_thread(tl, id);
    CpTime since = t != NULL ? MAX(at - t->since, 0) : 0;
    if (c->ran_to[id] > at) { /* the wake-up is told later than it was */
        add_run(&path, id, at - c->ran_to[id]);
        return path;
    }
    if (t != NULL && t->state == CP_SEEN_RUNNING) {
        add_run(&path, id, since);
    } else {
        path.queued += since; /* it has gone meanwhile: the wake-up takes that long */
    }
    return path;
}

void cp_critical_wakeup(CpCritical *c, const CpTimeline *tl, const CpWakeup *w)
{
    if (is_kept(c, w->thread)) {
        if (is_kept(c, w->waker) && w->waker != w->thread) {
            begin(c, w->waker, w->at);
            c->paths[w->thread] = path_now(c, tl, w->waker, w->at);
            c->seen[w->thread] = true;
        } else if (c->ended == w->thread) {
            c->paths[w->thread].outside += c->waited;
        }
    }
    c->ended = CP_NONE;
}

const CpPath *cp_critical_path(const CpCritical *c)
{
    return &c->best;
}

uint32_t cp_path_most(const CpPath *path, CpTime *run)
{
    uint32_t most = CP_NONE;
    *run = 0;
    for (size_t i = 0; i < CP_PATH_THREADS; i++) {
        if (path->most[i].thread != CP_NONE && path->most[i].run > *run) {
            most = path->most[i].thread;
            *run = path->most[i].run;
        }
    }
    return most;
}
