#include "sim/timeline-own.h"

/* Decides what event loops do and how long: a state lasts until the next record of the
 * loop, an iteration from the end of one poll to the next poll.  And which tasks live. */

void cp_follow_runtime_init(CpFollower *f, unsigned keep)
{
    const CpTimelineHooks *h = &f->hooks;
    if (h->loop || h->iteration || h->span || (keep & CP_KEEP_LOOPS)) {
        f->loops = g_array_new(FALSE, FALSE, sizeof(CpSeenLoop));
    }
    if (h->task || (keep & CP_KEEP_TASKS)) {
        f->tasks = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    }
}

void cp_follow_runtime_clear(CpFollower *f)
{
    g_clear_pointer(&f->loops, g_array_unref);
    g_clear_pointer(&f->tasks, g_hash_table_unref);
}

/* --- loops --- */

static CpSeenLoop *loop_at(CpFollower *f, uint32_t id)
{
    cp_assert(id < CP_TIMELINE_LOOPS_MAX);
    const CpSeenLoop fresh = {
        .thread = CP_NONE, .task = CP_NONE, .handles = -1, .timeout = CP_NEVER};
    while (f->loops->len <= id) {
        g_array_append_val(f->loops, fresh);
    }
    return &g_array_index(f->loops, CpSeenLoop, id);
}

const CpSeenLoop *cp_timeline_loop(const CpTimeline *tl, uint32_t id)
{
    const CpFollower *f = (const CpFollower *)tl;
    return f->loops != NULL && id < f->loops->len ? &g_array_index(f->loops, CpSeenLoop, id)
                                                  : NULL;
}

static void end_state(const CpFollower *f, uint32_t id, const CpSeenLoop *l, CpEnd end)
{
    CpTime from;
    if (f->hooks.loop == NULL || !l->is_known ||
        !cp_follow_cut(f, l->since, f->seen.now, &from)) {
        return;
    }
    bool step = l->state == CP_LOOP_STEP;
    CpLoopSpan span = {.loop = id,
                       .thread = l->thread,
                       .state = l->state,
                       .task = step ? l->task : CP_NONE,
                       .label = step ? l->label : 0,
                       .end = end,
                       .from = from,
                       .to = f->seen.now,
                       .since = l->since};
    f->hooks.loop(f->data, &span);
}

static void end_iteration(const CpFollower *f, uint32_t id, const CpSeenLoop *l)
{
    cp_assert(!l->is_known || l->begin <= f->seen.now);
    if (f->hooks.iteration != NULL && l->is_known && l->state != CP_LOOP_POLLS &&
        cp_follow_inside(f)) {
        CpIteration it = {.loop = id,
                          .thread = l->thread,
                          .begin = l->begin,
                          .end = f->seen.now,
                          .late = l->late,
                          .handles = l->handles,
                          .n_steps = l->n_steps};
        f->hooks.iteration(f->data, &it);
    }
}

static void begin_poll(CpSeenLoop *l, CpTime now, int64_t timeout)
{
    l->state = CP_LOOP_POLLS;
    l->timeout = timeout > 0 ? now + timeout : CP_NEVER;
    l->handles = -1;
    l->n_steps = 0;
    l->late = 0;
}

static void begin_iteration(CpSeenLoop *l, CpTime now, int64_t handles)
{
    bool is_late = l->is_known && l->state == CP_LOOP_POLLS && l->timeout < now;
    l->state = CP_LOOP_OWN;
    l->late = is_late ? now - l->timeout : 0;
    cp_assert(l->late >= 0);
    l->timeout = CP_NEVER;
    l->begin = now;
    l->handles = handles;
    l->n_steps = 0;
}

/* The first record of a loop may be one in the middle of an iteration. */
static void begin_step(CpSeenLoop *l, CpTime now, uint32_t task, int64_t label)
{
    if (!l->is_known || l->state == CP_LOOP_POLLS) {
        l->begin = now;
    }
    l->state = CP_LOOP_STEP;
    l->task = task;
    l->label = label;
    l->n_steps++;
}

void cp_follow_loop(CpFollower *f, const CpRecord *r, const CpRecord *more)
{
    if (f->loops == NULL || r->id >= CP_TIMELINE_LOOPS_MAX) {
        return;
    }
    CpSeenLoop *l = loop_at(f, r->id);
    CpTime now = f->seen.now;
    int64_t value = cp_record_value(more);
    CpRecordKind kind = cp_record_kind(r);
    end_state(f, r->id, l, CP_END_RUNS);
    if (kind == CP_REC_LOOP_STEP) {
        begin_step(l, now, more->id, value);
    } else {
        end_iteration(f, r->id, l);
        (kind == CP_REC_LOOP_SELECT ? begin_poll : begin_iteration)(l, now, value);
        l->thread = more->id;
        CpSeenThread *t = f->threads_max > 0 ? cp_follow_thread(f, more->id) : NULL;
        if (t != NULL) {
            t->loop = r->id;
        }
    }
    l->since = now;
    l->is_known = true;
}

/* --- tasks --- */

const CpSeenTask *cp_timeline_task(const CpTimeline *tl, uint32_t id)
{
    const CpFollower *f = (const CpFollower *)tl;
    return f->tasks != NULL ? g_hash_table_lookup(f->tasks, GUINT_TO_POINTER(id)) : NULL;
}

static void end_task(const CpFollower *f, uint32_t id, CpSeenTask *task, CpEnd end,
                     uint32_t how)
{
    CpTime from;
    if (f->hooks.task != NULL && task->open &&
        cp_follow_cut(f, task->since, f->seen.now, &from)) {
        CpTaskSpan span = {.task = id,
                           .creator = task->creator,
                           .label = task->label,
                           .from = from,
                           .to = f->seen.now,
                           .since = task->since,
                           .end = end,
                           .how = how};
        f->hooks.task(f->data, &span);
    }
    task->open = false;
}

void cp_follow_task(CpFollower *f, const CpRecord *r, const CpRecord *more)
{
    if (f->tasks == NULL) {
        return;
    }
    void *key = GUINT_TO_POINTER(r->id);
    CpSeenTask *task = g_hash_table_lookup(f->tasks, key);
    if (task == NULL) {
        task = g_new0(CpSeenTask, 1);
        g_hash_table_insert(f->tasks, key, task);
    }
    if (cp_record_kind(r) == CP_REC_TASK_END) {
        end_task(f, r->id, task, CP_END_EXIT, r->arg);
    } else {
        end_task(f, r->id, task, CP_END_ELSEWHERE, 0);
        *task = (CpSeenTask){true, more->id, cp_record_value(more), f->seen.now};
    }
}

static int by_number(const void *a, const void *b)
{
    guint x = GPOINTER_TO_UINT(*(void *const *)a), y = GPOINTER_TO_UINT(*(void *const *)b);
    return (x > y) - (x < y);
}

/* --- the end of the stream --- */

static void finish_tasks(CpFollower *f)
{
    GPtrArray *ids = g_ptr_array_new();
    GHashTableIter iter;
    void *id;
    g_hash_table_iter_init(&iter, f->tasks);
    while (g_hash_table_iter_next(&iter, &id, NULL)) {
        g_ptr_array_add(ids, id);
    }
    g_ptr_array_sort(ids, by_number);
    for (guint i = 0; i < ids->len; i++) {
        id = g_ptr_array_index(ids, i);
        end_task(f, GPOINTER_TO_UINT(id), g_hash_table_lookup(f->tasks, id), CP_END_OPEN,
                 0);
    }
    g_ptr_array_unref(ids);
}

void cp_follow_runtime_finish(CpFollower *f)
{
    for (uint32_t id = 0; f->loops != NULL && id < f->loops->len; id++) {
        const CpSeenLoop *l = loop_at(f, id);
        end_state(f, id, l, CP_END_OPEN);
        end_iteration(f, id, l);
    }
    if (f->tasks != NULL) {
        finish_tasks(f);
    }
}
