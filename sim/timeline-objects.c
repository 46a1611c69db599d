#include "sim/timeline-own.h"

/* Decides who holds a lock or an interpreter's lock and who waits for one, which groups are
 * held back where, and how far requests to devices are. */

void cp_follow_objects_init(CpFollower *f, unsigned keep)
{
    const CpTimelineHooks *h = &f->hooks;
    if (h->lock || h->span || (keep & CP_KEEP_LOCKS)) {
        f->locks = g_array_new(FALSE, FALSE, sizeof(CpSeenLock));
    }
    if (h->gil || h->span || (keep & CP_KEEP_GILS)) {
        f->gils = g_array_new(FALSE, FALSE, sizeof(CpSeenLock));
    }
    if (h->throttle) {
        f->throttles = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    }
    if (h->device) {
        f->requests = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free,
                                            (GDestroyNotify)g_array_unref);
    }
}

void cp_follow_objects_clear(CpFollower *f)
{
    g_clear_pointer(&f->locks, g_array_unref);
    g_clear_pointer(&f->gils, g_array_unref);
    g_clear_pointer(&f->throttles, g_hash_table_unref);
    g_clear_pointer(&f->requests, g_hash_table_unref);
}

uint32_t cp_follow_object(const CpSeenThread *t, CpRecordKind *kind)
{
    uint32_t object = CP_NONE;
    if (t->why == CP_BLOCK_LOCK) {
        *kind = CP_REC_LOCK_WAIT;
        object = t->lock;
    } else if (t->why == CP_BLOCK_IO) {
        *kind = CP_REC_DEVICE;
        object = t->device;
    } else if (t->why == CP_BLOCK_RUNTIME) {
        *kind = t->asks != CP_NONE ? CP_REC_GIL_GOT : CP_REC_LOOP_READY;
        object = t->asks != CP_NONE ? t->asks : t->loop;
    }
    return object;
}

/* --- locks of both kinds --- */

static CpSeenLock *row_at(GArray *locks, uint32_t id)
{
    cp_assert(id < CP_TIMELINE_LOCKS_MAX);
    const CpSeenLock fresh = {.holder = CP_UNKNOWN};
    while (locks->len <= id) {
        g_array_append_val(locks, fresh);
    }
    return &g_array_index(locks, CpSeenLock, id);
}

static const CpSeenLock *seen_at(GArray *locks, uint32_t id)
{
    return locks != NULL && id < locks->len ? &g_array_index(locks, CpSeenLock, id) : NULL;
}

const CpSeenLock *cp_timeline_lock(const CpTimeline *tl, uint32_t id)
{
    return seen_at(((const CpFollower *)tl)->locks, id);
}

const CpSeenLock *cp_timeline_gil(const CpTimeline *tl, uint32_t id)
{
    return seen_at(((const CpFollower *)tl)->gils, id);
}

static void tell(const CpFollower *f, void (*hook)(void *, const CpLockSpan *),
                 const CpLockSpan *what)
{
    CpLockSpan span = *what;
    if (hook != NULL && cp_follow_cut(f, span.since, span.to, &span.from)) {
        hook(f->data, &span);
    }
}

static void end_holding(CpFollower *f, bool gil, uint32_t id, bool forced, CpEnd end)
{
    CpSeenLock *row = row_at(gil ? f->gils : f->locks, id);
    if (row->holder < CP_UNKNOWN) {
        CpLockSpan span = {.lock = id,
                           .thread = row->holder,
                           .held = true,
                           .forced = forced,
                           .end = end,
                           .to = f->seen.now,
                           .since = row->since};
        tell(f, gil ? f->hooks.gil : f->hooks.lock, &span);
    }
    row->holder = CP_NONE;
}

static void end_waiting(CpFollower *f, bool gil, uint32_t thread, CpTime at, CpEnd end)
{
    cp_assert(thread < f->seen.n_threads);
    CpSeenThread *t = &f->seen.threads[thread];
    uint32_t *id = gil ? &t->asks : &t->lock;
    if (*id != CP_NONE) {
        CpLockSpan span = {.lock = *id,
                           .thread = thread,
                           .end = end,
                           .to = at,
                           .since = gil ? t->gil_since : t->lock_since};
        tell(f, gil ? f->hooks.gil : f->hooks.lock, &span);
    }
    *id = CP_NONE;
}

void cp_follow_lock_left(CpFollower *f, uint32_t thread)
{
    const CpSeenThread *t = &f->seen.threads[thread];
    end_waiting(f, false, thread, MAX(t->resumed, t->lock_since), CP_END_UNWOKEN);
}

void cp_follow_lock(CpFollower *f, const CpRecord *r, uint32_t thread)
{
    CpSeenThread *t = f->locks != NULL ? cp_follow_thread(f, thread) : NULL;
    if (t == NULL || r->id >= CP_TIMELINE_LOCKS_MAX) {
        return;
    }
    CpTime now = f->seen.now;
    CpSeenLock *row = row_at(f->locks, r->id);
    if (cp_record_kind(r) == CP_REC_LOCK_WAIT) {
        cp_follow_lock_left(f, thread);
        t->lock = r->id;
        t->lock_since = now;
    } else if (cp_record_kind(r) == CP_REC_LOCK_GOT) {
        end_waiting(f, false, thread, now, CP_END_RUNS);
        if (row->holder != thread) { /* a lock may be taken again by its owner */
            end_holding(f, false, r->id, false, CP_END_ELSEWHERE);
            *row = (CpSeenLock){thread, now};
        }
    } else if (row->holder == thread || row->holder == CP_UNKNOWN) {
        end_holding(f, false, r->id, false, CP_END_RUNS);
    }
}

void cp_follow_gil(CpFollower *f, const CpRecord *r, uint32_t thread)
{
    CpSeenThread *t = f->gils != NULL ? cp_follow_thread(f, thread) : NULL;
    if (t == NULL || r->id >= CP_TIMELINE_LOOPS_MAX) {
        return;
    }
    CpTime now = f->seen.now;
    CpSeenLock *row = row_at(f->gils, r->id);
    if (cp_record_kind(r) == CP_REC_GIL_ASK) {
        end_waiting(f, true, thread, now, CP_END_UNWOKEN);
        t->asks = r->id;
        t->gil_since = now;
    } else if (cp_record_kind(r) == CP_REC_GIL_GOT) {
        end_waiting(f, true, thread, now, CP_END_RUNS);
        end_holding(f, true, r->id, false, CP_END_ELSEWHERE);
        *row = (CpSeenLock){thread, now};
        t->gil = r->id;
    } else if (row->holder == thread || row->holder == CP_UNKNOWN) {
        end_holding(f, true, r->id, r->arg & 1, CP_END_RUNS);
        t->gil = CP_NONE;
    }
}

/* --- the end of threads --- */

void cp_follow_objects_exit(CpFollower *f, uint32_t thread)
{
    CpSeenThread *t = &f->seen.threads[thread];
    if (f->gils != NULL) {
        end_waiting(f, true, thread, f->seen.now, CP_END_EXIT);
        if (t->gil < CP_UNKNOWN && row_at(f->gils, t->gil)->holder == thread) {
            end_holding(f, true, t->gil, false, CP_END_EXIT);
        }
        t->gil = CP_UNKNOWN;
    }
    if (f->locks != NULL) { /* what it held stays locked */
        end_waiting(f, false, thread, f->seen.now, CP_END_EXIT);
    }
}

static void finish_locks(CpFollower *f, GArray *locks, bool gil)
{
    for (uint32_t id = 0; locks != NULL && id < locks->len; id++) {
        end_holding(f, gil, id, false, CP_END_OPEN);
    }
    for (uint32_t id = 0; locks != NULL && id < f->seen.n_threads; id++) {
        end_waiting(f, gil, id, f->seen.now, CP_END_OPEN);
    }
}

/* --- quotas --- */

static void *throttle_key(const CpRecord *r)
{
    return GSIZE_TO_POINTER((gsize)r->id << 16 | r->cpu);
}

static void tell_throttle(const CpFollower *f, CpThrottleSpan span, CpEnd end)
{
    cp_assert(f->hooks.throttle != NULL);
    span.end = end;
    span.to = f->seen.now;
    if (cp_follow_cut(f, span.since, span.to, &span.from)) {
        f->hooks.throttle(f->data, &span);
    }
}

void cp_follow_throttle(CpFollower *f, const CpRecord *r)
{
    if (f->throttles == NULL) {
        return;
    }
    const CpThrottleSpan *open = g_hash_table_lookup(f->throttles, throttle_key(r));
    if (r->arg == 0 && open != NULL) {
        tell_throttle(f, *open, CP_END_RUNS);
        g_hash_table_remove(f->throttles, throttle_key(r));
    } else if (r->arg != 0 && open == NULL) {
        CpThrottleSpan *span = g_new0(CpThrottleSpan, 1);
        *span = (CpThrottleSpan){.group = r->id, .cpu = r->cpu, .since = f->seen.now};
        g_hash_table_insert(f->throttles, throttle_key(r), span);
    }
}

static int by_group(const void *a, const void *b)
{
    const CpThrottleSpan *x = *(void *const *)a, *y = *(void *const *)b;
    return x->group != y->group ? (x->group < y->group ? -1 : 1)
                                : (x->cpu > y->cpu) - (x->cpu < y->cpu);
}

/* What a table still has, in an order that does not depend on it. */
static GPtrArray *values_of(GHashTable *table, GCompareFunc order)
{
    GPtrArray *values = g_ptr_array_new();
    GHashTableIter iter;
    void *value;
    g_hash_table_iter_init(&iter, table);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        g_ptr_array_add(values, value);
    }
    g_ptr_array_sort(values, order);
    return values;
}

static void finish_throttles(CpFollower *f)
{
    g_autoptr(GPtrArray) open = values_of(f->throttles, by_group);
    for (guint i = 0; i < open->len; i++) {
        const CpThrottleSpan *span = g_ptr_array_index(open, i);
        tell_throttle(f, *span, CP_END_OPEN);
    }
}

/* --- devices --- */

enum { SUBMITTED, STARTED, DONE };

static void tell_device(const CpFollower *f, const CpDeviceSpan *span)
{
    cp_assert(span->submitted <= span->started);
    CpTime end = span->done != CP_NEVER ? span->done : f->seen.now;
    if (end >= f->from) {
        f->hooks.device(f->data, span);
    }
}

/* Requests of one thread to one device are served in order. */
static void follow_request(CpFollower *f, const CpRecord *r, uint32_t thread)
{
    gint64 key = (gint64)((uint64_t)r->id << 32 | thread);
    GArray *open = g_hash_table_lookup(f->requests, &key);
    CpTime now = f->seen.now;
    if (open == NULL && r->arg == SUBMITTED) {
        gint64 *copy = g_new(gint64, 1);
        *copy = key;
        open = g_array_new(FALSE, FALSE, sizeof(CpDeviceSpan));
        g_hash_table_insert(f->requests, copy, open);
    }
    if (r->arg == SUBMITTED) {
        CpDeviceSpan span = {r->id, thread, now, CP_NEVER, CP_NEVER};
        g_array_append_val(open, span);
        return;
    }
    for (guint i = 0; open != NULL && i < open->len; i++) {
        CpDeviceSpan *span = &g_array_index(open, CpDeviceSpan, i);
        if (r->arg == STARTED && span->started == CP_NEVER) {
            span->started = now;
            return;
        }
        if (r->arg == DONE && span->started != CP_NEVER) {
            span->done = now;
            tell_device(f, span);
            g_array_remove_index(open, i);
            break;
        }
    }
    if (open != NULL && open->len == 0) {
        g_hash_table_remove(f->requests, &key);
    }
}

void cp_follow_device(CpFollower *f, const CpRecord *r, const CpRecord *more)
{
    CpSeenThread *t = f->threads_max > 0 ? cp_follow_thread(f, more->id) : NULL;
    if (t != NULL && r->arg == SUBMITTED) {
        t->device = r->id;
    }
    if (f->requests != NULL) {
        follow_request(f, r, more->id);
    }
}

static int by_device(const void *a, const void *b)
{
    const GArray *p = *(void *const *)a, *q = *(void *const *)b;
    const CpDeviceSpan *x = &g_array_index(p, CpDeviceSpan, 0);
    const CpDeviceSpan *y = &g_array_index(q, CpDeviceSpan, 0);
    return x->device != y->device ? (x->device < y->device ? -1 : 1)
                                  : (x->thread > y->thread) - (x->thread < y->thread);
}

static void finish_requests(CpFollower *f)
{
    g_autoptr(GPtrArray) rows = values_of(f->requests, by_device);
    for (guint i = 0; i < rows->len; i++) {
        const GArray *open = g_ptr_array_index(rows, i);
        for (guint k = 0; k < open->len; k++) {
            tell_device(f, &g_array_index(open, CpDeviceSpan, k));
        }
    }
}

/* --- the end of the stream --- */

void cp_follow_objects_finish(CpFollower *f)
{
    finish_locks(f, f->locks, false);
    finish_locks(f, f->gils, true);
    if (f->throttles != NULL) {
        finish_throttles(f);
    }
    if (f->requests != NULL) {
        finish_requests(f);
    }
}
