#include "sim/timeline.h"

#include "sim/assert.h"
#include "sim/timeline-own.h"

#include <string.h>

/* Decides from the records in what state each thread is, who has each CPU, and when a state
 * ends.  Locks, loops and the rest are in timeline-objects.c and timeline-runtime.c. */

#define BIT(kind) (UINT64_C(1) << (kind))

/* Kinds that a MORE record follows. */
static const uint64_t wide_kinds = 0
#define CP_RECORD(NAME, name, number, more, id, arg, id2, value, meaning)                  \
    | (uint64_t)(more) << (number)
#include "sim/records.def"
#undef CP_RECORD
    ;

static const uint64_t known_kinds = 0
#define CP_RECORD(NAME, name, number, more, id, arg, id2, value, meaning) | BIT(number)
#include "sim/records.def"
#undef CP_RECORD
    ;

/* --- rows --- */

static uint32_t room_for(uint32_t id, uint32_t cap, uint32_t max)
{
    cp_assert(id < max && cap <= max);
    uint32_t more = cap < max / 2 ? cap * 2 : max;
    return MIN(MAX(MAX(more, id + 1), 16), max);
}

static void add_threads(CpFollower *f, uint32_t n)
{
    CpTimeline *tl = &f->seen;
    if (n > f->threads_cap) {
        f->threads_cap = room_for(n - 1, f->threads_cap, f->threads_max);
        tl->threads = g_renew(CpSeenThread, tl->threads, f->threads_cap);
    }
    for (; tl->n_threads < n; tl->n_threads++) {
        tl->threads[tl->n_threads] = (CpSeenThread){.waking = CP_NEVER,
                                                    .early = CP_NEVER,
                                                    .cpu = CP_NONE,
                                                    .ran_on = CP_NONE,
                                                    .waker = CP_NONE,
                                                    .lock = CP_NONE,
                                                    .asks = CP_NONE,
                                                    .gil = CP_UNKNOWN,
                                                    .loop = CP_NONE,
                                                    .device = CP_NONE};
    }
}

CpSeenThread *cp_follow_thread(CpFollower *f, uint32_t id)
{
    if (G_UNLIKELY(id >= f->seen.n_threads)) {
        if (id >= f->threads_max) {
            return NULL;
        }
        add_threads(f, id + 1);
    }
    return &f->seen.threads[id];
}

static void add_cpus(CpFollower *f, uint32_t n)
{
    CpTimeline *tl = &f->seen;
    if (n > f->cpus_cap) {
        f->cpus_cap = room_for(n - 1, f->cpus_cap, f->cpus_max);
        tl->cpus = g_renew(CpSeenCpu, tl->cpus, f->cpus_cap);
    }
    for (; tl->n_cpus < n; tl->n_cpus++) {
        tl->cpus[tl->n_cpus] = (CpSeenCpu){.thread = CP_UNKNOWN, .since = f->from};
    }
}

static CpSeenCpu *cpu_at(CpFollower *f, uint32_t cpu)
{
    if (G_UNLIKELY(cpu >= f->seen.n_cpus)) {
        if (cpu >= f->cpus_max) {
            return NULL;
        }
        add_cpus(f, cpu + 1);
    }
    return &f->seen.cpus[cpu];
}

/* --- states of threads --- */

static void tell_span(CpFollower *f, uint32_t id, const CpSeenThread *t, CpTime to,
                      CpEnd end)
{
    CpTime from;
    if (f->hooks.span == NULL || !cp_follow_cut(f, t->since, to, &from)) {
        return;
    }
    bool runnable = t->state == CP_SEEN_RUNNABLE;
    CpSpan span = {.thread = id,
                   .state = (CpSeen)t->state,
                   .from = from,
                   .to = to,
                   .since = t->since,
                   .cpu = t->cpu,
                   .end = end,
                   .woken = runnable && t->woken,
                   .is_new = runnable && t->is_new,
                   .begun = runnable && t->woken ? t->begun : t->since,
                   .why = CP_BLOCK_NONE,
                   .object = CP_NONE};
    if (t->state == CP_SEEN_BLOCKED) {
        span.why = (CpBlock)t->why;
        span.object = cp_follow_object(t, &span.on);
    }
    f->hooks.span(f->data, &span);
}

/* The state the thread was in is over at `at`, another one begins. */
static void become(CpFollower *f, uint32_t id, CpSeen state, CpTime at, CpEnd end)
{
    cp_assert(id < f->seen.n_threads);
    cp_assert(f->seen.n_running + f->seen.n_runnable <= f->seen.n_threads);
    CpSeenThread *t = &f->seen.threads[id];
    if (t->state != CP_SEEN_NOT && t->state != CP_SEEN_ENDED) {
        tell_span(f, id, t, at, end);
    }
    f->seen.n_running -= t->state == CP_SEEN_RUNNING;
    f->seen.n_running += state == CP_SEEN_RUNNING;
    f->seen.n_runnable -= t->state == CP_SEEN_RUNNABLE;
    f->seen.n_runnable += state == CP_SEEN_RUNNABLE;
    t->state = (uint8_t)state;
    t->since = at;
}

static void become_ended(CpFollower *f, uint32_t id, CpTime at)
{
    CpSeenThread *t = &f->seen.threads[id];
    become(f, id, CP_SEEN_ENDED, at, CP_END_EXIT);
    t->exiting = false;
    t->waking = CP_NEVER;
}

static bool can_be_woken(const CpSeenThread *t)
{
    return t->state != CP_SEEN_RUNNING && t->state != CP_SEEN_RUNNABLE;
}

/* The wake-up is complete: the thread has been in a queue since `at`. */
static void become_woken(CpFollower *f, uint32_t id, CpTime at, uint32_t cpu, bool is_new)
{
    cp_assert(can_be_woken(&f->seen.threads[id]));
    CpSeenThread *t = &f->seen.threads[id];
    if (t->lock != CP_NONE && t->state == CP_SEEN_BLOCKED && t->why != CP_BLOCK_LOCK &&
        t->why != CP_BLOCK_NONE) {
        cp_follow_lock_left(f, id); /* it has waited for something else */
    }
    become(f, id, CP_SEEN_RUNNABLE, at, CP_END_WOKEN);
    t->woken = true;
    t->is_new = is_new;
    t->begun = MIN(t->waking, at);
    t->waking = CP_NEVER;
    t->cpu = cpu != CP_NONE ? cpu : t->cpu;
    if (f->hooks.wakeup != NULL && at >= f->from) {
        CpWakeup w = {at, id, cpu, t->waker, is_new};
        f->hooks.wakeup(f->data, &w);
    }
    t->waker = CP_NONE;
}

/* --- switches --- */

/* The thread leaves the CPU; unless it has been seen on another one since. */
static void leave(CpFollower *f, uint32_t id, const CpRecord *r)
{
    if (id >= f->seen.n_threads) {
        return;
    }
    CpSeenThread *t = &f->seen.threads[id];
    if (t->state != CP_SEEN_RUNNING || t->cpu != r->cpu) {
        return;
    }
    CpTime now = f->seen.now;
    char letter = CP_SWITCH_STATE(r->arg);
    if (letter == 'X' || letter == 'Z') {
        become_ended(f, id, now);
    } else if (!cp_switch_voluntary(r->arg)) {
        become(f, id, CP_SEEN_RUNNABLE, now, CP_END_PREEMPTED);
        t->woken = t->is_new = false;
    } else if (letter == '?') {
        become(f, id, CP_SEEN_OFF, now, CP_END_OFF);
    } else {
        become(f, id, CP_SEEN_BLOCKED, now, CP_END_BLOCKED);
        t->why = f->simulated ? CP_BLOCK_SLEEP : CP_BLOCK_NONE;
        if (cp_timeline_was_early(t, now)) {
            t->waking = now;
        } else {
            t->waker = CP_NONE;
        }
    }
    t->early = CP_NEVER;
}

static void tell_moved(CpFollower *f, uint32_t id, uint32_t from, uint32_t to, bool told)
{
    if (f->hooks.migration != NULL && cp_follow_inside(f)) {
        CpMigration m = {f->seen.now, id, from, to, told};
        f->hooks.migration(f->data, &m);
    }
}

/* The thread is given the CPU.  A wake-up of which only the beginning is told ends there.
 */
static void enter(CpFollower *f, uint32_t id, uint32_t cpu)
{
    CpSeenThread *t = cp_follow_thread(f, id);
    if (t == NULL) {
        return;
    }
    CpTime now = f->seen.now;
    if (t->waking != CP_NEVER && can_be_woken(t)) {
        become_woken(f, id, t->waking, CP_NONE, t->state == CP_SEEN_NOT);
    }
    CpEnd end = t->state == CP_SEEN_RUNNABLE  ? CP_END_RUNS
                : t->state == CP_SEEN_RUNNING ? CP_END_ELSEWHERE
                                              : CP_END_UNWOKEN;
    if (t->state == CP_SEEN_BLOCKED || (t->state == CP_SEEN_RUNNABLE && t->woken)) {
        t->resumed = now;
    }
    become(f, id, CP_SEEN_RUNNING, now, end);
    if (t->ran_on != CP_NONE && t->ran_on != cpu) {
        tell_moved(f, id, t->ran_on, cpu, false);
    }
    t->cpu = t->ran_on = cpu;
    t->waking = t->early = CP_NEVER;
}

static void end_cpu_span(CpFollower *f, uint32_t cpu, const CpSeenCpu *c, CpTime to)
{
    CpTime from = MAX(c->since, f->from);
    if (f->hooks.cpu != NULL && from < to) {
        CpCpuSpan span = {cpu, c->thread, from, to};
        f->hooks.cpu(f->data, &span);
    }
}

/* A switch from a thread to itself is none. */
static void on_switch(CpFollower *f, const CpRecord *r)
{
    CpSeenCpu *c = cpu_at(f, r->cpu);
    if (c == NULL || c->thread == r->id) {
        return;
    }
    CpTime now = f->seen.now;
    end_cpu_span(f, r->cpu, c, now);
    if (f->hooks.switched != NULL && cp_follow_inside(f)) {
        CpSwitch s = {now, r->cpu, c->thread, r->id, r->arg};
        f->hooks.switched(f->data, &s);
    }
    if (f->threads_max > 0) {
        leave(f, c->thread, r);
        enter(f, r->id, r->cpu);
    }
    c->thread = r->id;
    c->since = now;
}

/* --- wake-ups, moves, ends --- */

static void on_waking(CpFollower *f, const CpRecord *r)
{
    CpSeenThread *t = cp_follow_thread(f, r->id);
    bool early = t != NULL && t->state == CP_SEEN_RUNNING;
    if (t == NULL || (!can_be_woken(t) && !early) || t->waking != CP_NEVER) {
        return;
    }
    if (t->state == CP_SEEN_OFF) { /* so it slept */
        t->state = CP_SEEN_BLOCKED;
        t->why = CP_BLOCK_NONE;
    }
    uint32_t waker =
        r->arg & CP_WAKING_IRQ ? CP_NONE : cp_timeline_running(&f->seen, r->cpu);
    *(early ? &t->early : &t->waking) = f->seen.now;
    t->waker = waker < CP_UNKNOWN && waker != r->id ? waker : CP_NONE;
}

static void on_wakeup(CpFollower *f, const CpRecord *r, bool is_new)
{
    CpSeenThread *t = cp_follow_thread(f, r->id);
    if (t == NULL || !can_be_woken(t)) {
        if (t != NULL) {
            t->early = CP_NEVER; /* it did not come to wait */
        }
        return;
    }
    if (t->waking == CP_NEVER && CP_WAKEUP_CAUSE(r->arg) == CP_WAKE_THREAD) {
        uint32_t waker = cp_timeline_running(&f->seen, CP_WAKEUP_AUTHOR(r));
        t->waker = waker < CP_UNKNOWN && waker != r->id ? waker : CP_NONE;
    }
    if (t->state == CP_SEEN_OFF) {
        t->state = CP_SEEN_BLOCKED;
        t->why = CP_BLOCK_NONE;
    }
    become_woken(f, r->id, f->seen.now, r->cpu, is_new);
}

static void on_migration(CpFollower *f, const CpRecord *r)
{
    tell_moved(f, r->id, r->cpu, r->arg, true);
    CpSeenThread *t = f->threads_max > 0 ? cp_follow_thread(f, r->id) : NULL;
    if (t != NULL && t->state != CP_SEEN_RUNNING) {
        t->cpu = r->arg;
    }
}

/* One that runs goes on to end until its last switch. */
static void on_ending(CpFollower *f, uint32_t id)
{
    CpSeenThread *t = cp_follow_thread(f, id);
    if (t == NULL) {
        return;
    }
    cp_follow_objects_exit(f, id);
    if (t->state == CP_SEEN_RUNNING) {
        t->exiting = true;
    } else if (t->state != CP_SEEN_ENDED) {
        become_ended(f, id, f->seen.now);
    }
}

static void on_block(CpFollower *f, const CpRecord *r)
{
    CpSeenThread *t = cp_follow_thread(f, r->id);
    if (t != NULL && t->state == CP_SEEN_NOT) { /* it begins with a wait */
        become(f, r->id, CP_SEEN_BLOCKED, f->seen.now, CP_END_UNWOKEN);
        t->cpu = r->cpu;
    }
    if (t != NULL && t->state == CP_SEEN_BLOCKED) {
        t->why = (uint8_t)r->arg;
    }
}

/* --- the stream --- */

static void tell_point(CpFollower *f, void (*hook)(void *, const CpMoment *),
                       const CpRecord *r, const CpRecord *more)
{
    if (hook != NULL && cp_follow_inside(f)) {
        bool is_gap = cp_record_kind(r) == CP_REC_GAP;
        CpMoment point = {f->seen.now, is_gap ? r->arg : r->id, more->id, r->cpu,
                          cp_record_value(more)};
        hook(f->data, &point);
    }
}

static void follow_more(CpFollower *f, const CpRecord *r, const CpRecord *more)
{
    cp_assert(cp_record_info(cp_record_kind(r))->has_more);
    switch (cp_record_kind(r)) {
    case CP_REC_LOCK_WAIT:
    case CP_REC_LOCK_GOT:
    case CP_REC_LOCK_DROP:
        cp_follow_lock(f, r, more->id);
        return;
    case CP_REC_GIL_ASK:
    case CP_REC_GIL_GOT:
    case CP_REC_GIL_DROP:
        cp_follow_gil(f, r, more->id);
        return;
    case CP_REC_LOOP_SELECT:
    case CP_REC_LOOP_READY:
    case CP_REC_LOOP_STEP:
        cp_follow_loop(f, r, more);
        return;
    case CP_REC_TASK_CREATE:
    case CP_REC_TASK_END:
        cp_follow_task(f, r, more);
        return;
    case CP_REC_DEVICE:
        cp_follow_device(f, r, more);
        return;
    case CP_REC_MARK:
        tell_point(f, f->hooks.mark, r, more);
        return;
    case CP_REC_RESPOND:
        tell_point(f, f->hooks.respond, r, more);
        return;
    case CP_REC_GAP:
        tell_point(f, f->hooks.gap, r, more);
        return;
    default:
        return;
    }
}

static void follow(CpFollower *f, const CpRecord *r, const CpRecord *more)
{
    CpTime at = cp_record_time(r);
    if (at > f->to) {
        f->past = true;
        return;
    }
    if (f->hooks.each != NULL) {
        f->hooks.each(f->data, &f->seen, r, more);
    }
    f->seen.now = MAX(f->seen.now, at); /* damaged recordings may go back */
    switch (cp_record_kind(r)) {
    case CP_REC_SWITCH:
        on_switch(f, r);
        return;
    case CP_REC_WAKING:
        on_waking(f, r);
        return;
    case CP_REC_WAKEUP:
    case CP_REC_WAKEUP_NEW:
        on_wakeup(f, r, cp_record_kind(r) == CP_REC_WAKEUP_NEW);
        return;
    case CP_REC_MIGRATE:
        on_migration(f, r);
        return;
    case CP_REC_BLOCK:
        on_block(f, r);
        return;
    case CP_REC_EXIT:
        on_ending(f, r->id);
        return;
    case CP_REC_THROTTLE:
        cp_follow_throttle(f, r);
        return;
    default:
        if (more != NULL) {
            follow_more(f, r, more);
        }
    }
}

static bool is_more(const CpRecord *r)
{
    return cp_record_kind(r) == CP_REC_MORE;
}

void cp_timeline_feed(CpTimeline *tl, const CpRecord *records, size_t n)
{
    CpFollower *f = (CpFollower *)tl;
    if (f->has_head && n > 0) {
        f->has_head = false;
        if (is_more(&records[0])) {
            follow(f, &f->head, &records[0]);
        }
    }
    for (size_t i = 0; i < n && !f->past; i++) {
        const CpRecord *r = &records[i];
        unsigned kind = r->at & 0xff;
        if (kind >= CP_REC_KINDS || !(f->wanted >> kind & 1)) {
            continue;
        }
        if (!(wide_kinds >> kind & 1)) {
            follow(f, r, NULL);
        } else if (i + 1 == n) {
            f->has_head = true;
            f->head = *r;
        } else if (is_more(&records[i + 1])) {
            follow(f, r, &records[i + 1]);
        }
    }
}

/* --- what to follow --- */

#define THREAD_KINDS                                                                       \
    (BIT(CP_REC_SWITCH) | BIT(CP_REC_WAKING) | BIT(CP_REC_WAKEUP) |                        \
     BIT(CP_REC_WAKEUP_NEW) | BIT(CP_REC_MIGRATE) | BIT(CP_REC_EXIT) | BIT(CP_REC_BLOCK))
#define LOCK_KINDS                                                                         \
    (BIT(CP_REC_LOCK_WAIT) | BIT(CP_REC_LOCK_GOT) | BIT(CP_REC_LOCK_DROP) |                \
     BIT(CP_REC_EXIT))
#define GIL_KINDS                                                                          \
    (BIT(CP_REC_GIL_ASK) | BIT(CP_REC_GIL_GOT) | BIT(CP_REC_GIL_DROP) | BIT(CP_REC_EXIT))
#define LOOP_KINDS                                                                         \
    (BIT(CP_REC_LOOP_SELECT) | BIT(CP_REC_LOOP_READY) | BIT(CP_REC_LOOP_STEP))
#define TASK_KINDS (BIT(CP_REC_TASK_CREATE) | BIT(CP_REC_TASK_END))

/* Records needed for what the hooks tell. */
static uint64_t wanted_kinds(const CpTimelineHooks *h, unsigned keep)
{
    uint64_t kinds = 0;
    kinds |= h->each ? known_kinds & ~BIT(CP_REC_MORE) : 0;
    /* What a thread waits for is part of its spans; who gave up waiting for a lock is seen
     * when it waits for something else. */
    kinds |= h->span ? THREAD_KINDS | LOCK_KINDS | GIL_KINDS | LOOP_KINDS : 0;
    kinds |= h->span || h->device ? BIT(CP_REC_DEVICE) : 0;
    kinds |= h->wakeup ? THREAD_KINDS : 0;
    kinds |= h->migration ? BIT(CP_REC_SWITCH) | BIT(CP_REC_MIGRATE) : 0;
    kinds |= h->cpu || h->switched ? BIT(CP_REC_SWITCH) : 0;
    kinds |= h->lock ? LOCK_KINDS | THREAD_KINDS : 0;
    kinds |= keep & CP_KEEP_LOCKS ? LOCK_KINDS : 0;
    kinds |= h->gil || (keep & CP_KEEP_GILS) ? GIL_KINDS : 0;
    kinds |= h->loop || h->iteration || (keep & CP_KEEP_LOOPS) ? LOOP_KINDS : 0;
    kinds |= h->task || (keep & CP_KEEP_TASKS) ? TASK_KINDS : 0;
    kinds |= h->throttle ? BIT(CP_REC_THROTTLE) : 0;
    kinds |= h->mark ? BIT(CP_REC_MARK) : 0;
    kinds |= h->respond ? BIT(CP_REC_RESPOND) : 0;
    kinds |= h->gap ? BIT(CP_REC_GAP) : 0;
    return kinds;
}

static bool needs_threads(const CpTimelineHooks *h, unsigned keep)
{
    return h->each || h->span || h->wakeup || h->migration || h->lock || h->gil ||
           (keep & (CP_KEEP_LOCKS | CP_KEEP_GILS));
}

/* --- life --- */

CpTimeline *cp_timeline_new(const CpTimelineConfig *config)
{
    cp_require(config->hooks != NULL);
    cp_require(config->n_cpus <= CP_CPUS_ROWS_MAX);
    const CpTimelineHooks *h = config->hooks;
    CpFollower *f = g_new0(CpFollower, 1);
    f->hooks = *h;
    f->data = config->data;
    f->from = config->from;
    f->to = config->to != 0 ? config->to : CP_NEVER;
    f->simulated = config->simulated;
    f->wanted = wanted_kinds(h, config->keep);
    f->cpus_max = config->n_cpus != 0 ? config->n_cpus : CP_CPUS_ROWS_MAX;
    add_cpus(f, config->n_cpus);
    if (needs_threads(h, config->keep)) {
        f->threads_max = config->n_threads != 0 ? config->n_threads : CP_THREADS_MAX;
        add_threads(f, config->n_threads);
    }
    cp_follow_objects_init(f, config->keep);
    cp_follow_runtime_init(f, config->keep);
    return &f->seen;
}

void cp_timeline_free(CpTimeline *tl)
{
    if (tl == NULL) {
        return;
    }
    CpFollower *f = (CpFollower *)tl;
    cp_follow_objects_clear(f);
    cp_follow_runtime_clear(f);
    g_free(tl->threads);
    g_free(tl->cpus);
    g_free(f);
}

void cp_timeline_runs(CpTimeline *tl, uint32_t cpu, uint32_t thread)
{
    CpFollower *f = (CpFollower *)tl;
    CpSeenCpu *c = cpu_at(f, cpu);
    CpSeenThread *t = thread < CP_UNKNOWN ? cp_follow_thread(f, thread) : NULL;
    cp_require(c != NULL && c->thread == CP_UNKNOWN);
    c->thread = thread;
    if (t != NULL) {
        become(f, thread, CP_SEEN_RUNNING, f->from, CP_END_ELSEWHERE);
        t->cpu = t->ran_on = cpu;
    }
}

void cp_timeline_finish(CpTimeline *tl, CpTime at)
{
    CpFollower *f = (CpFollower *)tl;
    tl->now = MAX(tl->now, MIN(at, f->to));
    f->past = true;
    f->has_head = false;
    for (uint32_t cpu = 0; cpu < tl->n_cpus; cpu++) {
        end_cpu_span(f, cpu, &tl->cpus[cpu], tl->now);
    }
    for (uint32_t id = 0; id < tl->n_threads; id++) {
        const CpSeenThread *t = &tl->threads[id];
        if (t->state != CP_SEEN_NOT && t->state != CP_SEEN_ENDED) {
            tell_span(f, id, t, tl->now, CP_END_OPEN);
        }
    }
    cp_follow_objects_finish(f);
    cp_follow_runtime_finish(f);
}
