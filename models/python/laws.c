#include "models/python/laws.h"

#include "sim/error.h"
#include "sim/params.h"
#include "sim/timeline.h"

#include <stdarg.h>

/* Decides of each record whether a CPython could have made it, as things stand: who has the
 * interpreter's lock, what a loop may do next, which tasks there are. */

struct CpPyLaws {
    CpTimeline *timeline;
    GError *error; /* the law broken; NULL: none so far */
    uint32_t lost; /* a call that was submitted and has not ended; CP_NONE: none */
    CpTime now;    /* of the record looked at */
};

static bool broken(CpPyLaws *laws, const char *format, ...) G_GNUC_PRINTF(2, 3);

static bool broken(CpPyLaws *laws, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *what = g_strdup_vprintf(format, args);
    va_end(args);
    g_autofree char *when = cp_format_time(laws->now);
    laws->error = g_error_new(CP_ERROR, CP_ERROR_MODEL, "%s, at %s", what, when);
    return false;
}

/* --- locks --- */

static uint32_t holder_of(const CpTimeline *tl, bool gil, uint32_t id)
{
    const CpSeenLock *lock = gil ? cp_timeline_gil(tl, id) : cp_timeline_lock(tl, id);
    return lock != NULL ? lock->holder : CP_UNKNOWN;
}

static bool got(CpPyLaws *laws, const CpTimeline *tl, const CpRecord *r, uint32_t thread)
{
    bool gil = cp_record_kind(r) == CP_REC_GIL_GOT;
    uint32_t holder = holder_of(tl, gil, r->id);
    if (holder < CP_UNKNOWN && (gil || holder != thread)) {
        return broken(laws, "%s %u is taken by thread %u while thread %u has it",
                      gil ? "interpreter lock" : "lock", r->id, thread, holder);
    }
    uint32_t runs = cp_timeline_running(tl, r->cpu);
    return !gil || runs == CP_UNKNOWN || runs == thread ||
           broken(laws, "interpreter lock %u is taken by thread %u, which is not running",
                  r->id, thread);
}

static bool drop(CpPyLaws *laws, const CpTimeline *tl, const CpRecord *r, uint32_t thread)
{
    bool gil = cp_record_kind(r) == CP_REC_GIL_DROP;
    uint32_t holder = holder_of(tl, gil, r->id);
    return holder == CP_UNKNOWN || holder == thread ||
           broken(laws, "%s %u is given up by thread %u, which does not have it",
                  gil ? "interpreter lock" : "lock", r->id, thread);
}

/* The thread does what only Python code does. */
static bool runs_python(CpPyLaws *laws, const CpTimeline *tl, uint32_t thread,
                        const char *what)
{
    const CpSeenThread *t = cp_timeline_thread(tl, thread);
    return t == NULL || t->gil != CP_NONE ||
           broken(laws, "thread %u %s without its interpreter's lock", thread, what);
}

/* --- loops --- */

static bool loop_turns(CpPyLaws *laws, const CpTimeline *tl, uint32_t id, uint32_t thread)
{
    const CpSeenLoop *l = cp_timeline_loop(tl, id);
    if (l != NULL && l->thread != CP_NONE && l->thread != thread) {
        return broken(laws, "loop %u runs on thread %u and on thread %u", id, l->thread,
                      thread);
    }
    return runs_python(laws, tl, thread, "runs an event loop");
}

static bool loop_steps(CpPyLaws *laws, const CpTimeline *tl, uint32_t id)
{
    const CpSeenLoop *l = cp_timeline_loop(tl, id);
    if (l == NULL || l->thread == CP_NONE) {
        return true;
    }
    bool polls = l->state == CP_LOOP_POLLS;
    if (polls || l->handles == l->n_steps) {
        return broken(laws, "loop %u makes a step %s", id,
                      polls ? "while it polls" : "more than it has handles");
    }
    return runs_python(laws, tl, l->thread, "makes a step of a task");
}

/* --- futures --- */

static bool made(CpPyLaws *laws, const CpTimeline *tl, uint32_t id)
{
    const CpSeenTask *task = cp_timeline_task(tl, id);
    return task == NULL || !task->open ||
           broken(laws, "future %u is made again before it has ended", id);
}

static bool ended(CpPyLaws *laws, const CpTimeline *tl, uint32_t id)
{
    const CpSeenTask *task = cp_timeline_task(tl, id);
    return task == NULL || task->open || broken(laws, "future %u ends twice", id);
}

/* Told of tasks that have ended, and at the end of those that have not. */
static void end_task(void *data, const CpTaskSpan *task)
{
    CpPyLaws *laws = data;
    bool is_call = CP_RECORD_TASK_NUMBER(task->label) == 0;
    if (task->end == CP_END_OPEN && is_call && laws->lost == CP_NONE) {
        laws->lost = task->task;
    }
}

/* --- the walk --- */

static bool acts(CpPyLaws *laws, const CpTimeline *tl, const CpRecord *r, uint32_t thread)
{
    return cp_timeline_running(tl, r->cpu) != thread ||
           runs_python(laws, tl, thread, "runs Python code");
}

static void check(void *data, const CpTimeline *tl, const CpRecord *r, const CpRecord *more)
{
    CpPyLaws *laws = data;
    if (laws->error != NULL) {
        return;
    }
    laws->now = cp_record_time(r);
    if (laws->now < tl->now) {
        broken(laws, "time goes back");
        return;
    }
    switch (cp_record_kind(r)) {
    case CP_REC_GIL_GOT:
    case CP_REC_LOCK_GOT:
        got(laws, tl, r, more->id);
        return;
    case CP_REC_GIL_DROP:
    case CP_REC_LOCK_DROP:
        drop(laws, tl, r, more->id);
        return;
    case CP_REC_LOOP_SELECT:
    case CP_REC_LOOP_READY:
        loop_turns(laws, tl, r->id, more->id);
        return;
    case CP_REC_LOOP_STEP:
        loop_steps(laws, tl, r->id);
        return;
    case CP_REC_TASK_CREATE:
        made(laws, tl, r->id);
        return;
    case CP_REC_TASK_END:
        ended(laws, tl, r->id);
        return;
    case CP_REC_MARK:
    case CP_REC_RESPOND:
        acts(laws, tl, r, more->id);
        return;
    default:
        return;
    }
}

CpPyLaws *cp_pylaws_new(void)
{
    const CpTimelineHooks hooks = {.each = check, .task = end_task};
    CpPyLaws *laws = g_new0(CpPyLaws, 1);
    laws->lost = CP_NONE;
    laws->timeline = cp_timeline_new(&(CpTimelineConfig){
        .keep = CP_KEEP_LOCKS | CP_KEEP_GILS | CP_KEEP_LOOPS | CP_KEEP_TASKS,
        .simulated = true,
        .hooks = &hooks,
        .data = laws});
    return laws;
}

void cp_pylaws_free(CpPyLaws *laws)
{
    cp_timeline_free(laws->timeline);
    g_clear_error(&laws->error);
    g_free(laws);
}

static gboolean verdict(CpPyLaws *laws, GError **error)
{
    if (laws->error != NULL) {
        g_propagate_error(error, g_error_copy(laws->error));
    }
    return laws->error == NULL;
}

gboolean cp_pylaws_read(void *data, const CpRecord *records, size_t n, GError **error)
{
    CpPyLaws *laws = data;
    cp_timeline_feed(laws->timeline, records, n);
    return verdict(laws, error);
}

gboolean cp_pylaws_end(CpPyLaws *laws, bool done, GError **error)
{
    cp_timeline_finish(laws->timeline, laws->timeline->now);
    if (done && laws->error == NULL && laws->lost != CP_NONE) {
        broken(laws, "call %u was submitted and has not ended", laws->lost);
    }
    return verdict(laws, error);
}
