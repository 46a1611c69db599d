#include "scenario/play.h"

#include "sim/timeline.h"
#include "scenario/warmup.h"

/* What a program is told of a run while it goes on: the timeline's findings, in words. */

typedef struct {
    CpPlay *play;
    const CpPlayCallbacks *callbacks;
    void *data;
    CpTimeline *timeline;
} Walk;

static const char *const states[] = {[CP_SEEN_RUNNABLE] = "runnable",
                                     [CP_SEEN_RUNNING] = "running",
                                     [CP_SEEN_BLOCKED] = "blocked",
                                     [CP_SEEN_OFF] = "off"};

static const char *const reasons[] = {
    [CP_BLOCK_NONE] = "",          [CP_BLOCK_SLEEP] = "sleep",
    [CP_BLOCK_LOCK] = "lock",      [CP_BLOCK_COND] = "cond",
    [CP_BLOCK_QUEUE] = "queue",    [CP_BLOCK_IO] = "io",
    [CP_BLOCK_JOIN] = "join",      [CP_BLOCK_RUNTIME] = "runtime",
    [CP_BLOCK_OUTSIDE] = "outside"};

/* Name of a lock, queue or device of the workload, or "". */
static const char *object_name(const Walk *walk, const CpSpan *span)
{
    const CpWorkload *w = walk->play->scenario->workload;
    bool is_object = span->on == CP_REC_LOCK_WAIT || span->on == CP_REC_DEVICE;
    return is_object && span->object < w->objs->len
               ? cp_workload_text(w, cp_obj_decl(w, span->object)->name)
               : "";
}

static void on_span(void *data, const CpSpan *span)
{
    const Walk *walk = data;
    bool is_blocked = span->state == CP_SEEN_BLOCKED;
    const CpPlaySpan seen = {
        .thread = span->thread,
        .cpu = span->cpu,
        .from = span->from,
        .to = span->to,
        .state = states[span->state],
        .why = is_blocked ? reasons[span->why] : "",
        .object = is_blocked ? object_name(walk, span) : "",
    };
    walk->callbacks->span(walk->data, &seen);
}

static void on_switch(void *data, const CpSwitch *s)
{
    const Walk *walk = data;
    const CpPlaySwitch seen = {
        .at = s->at,
        .cpu = s->cpu,
        .from = s->from == CP_UNKNOWN ? CP_PLAY_NOBODY : s->from,
        .to = s->to,
        .voluntary = cp_switch_voluntary(s->arg),
    };
    walk->callbacks->switched(walk->data, &seen);
}

static void on_wakeup(void *data, const CpWakeup *w)
{
    const Walk *walk = data;
    const CpPlayWakeup seen = {w->at, w->thread, w->cpu, w->waker};
    walk->callbacks->wakeup(walk->data, &seen);
}

static gboolean feed(void *data, const CpRecord *records, size_t n, GError **error)
{
    const Walk *walk = data;
    (void)error; /* following records cannot fail */
    cp_timeline_feed(walk->timeline, records, n);
    return TRUE;
}

gboolean cp_play_walk(CpPlay *play, const CpPlayCallbacks *callbacks, void *data,
                      GError **error)
{
    G_STATIC_ASSERT(CP_PLAY_NOBODY == CP_NONE);
    const CpTimelineHooks hooks = {
        .span = callbacks->span != NULL ? on_span : NULL,
        .switched = callbacks->switched != NULL ? on_switch : NULL,
        .wakeup = callbacks->wakeup != NULL ? on_wakeup : NULL,
    };
    Walk walk = {play, callbacks, data, NULL};
    const CpSink sink = {feed, &walk};
    walk.timeline = cp_timeline_new(
        &(CpTimelineConfig){.simulated = true, .hooks = &hooks, .data = &walk});
    gboolean ok = cp_play_run_into(play, &sink, error);
    int64_t end;
    if (ok && cp_play_query(play, "makespan", &end)) {
        cp_timeline_finish(walk.timeline, end);
    }
    cp_timeline_free(walk.timeline);
    return ok;
}
