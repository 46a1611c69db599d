#include "traces/rebuild/reading.h"

#include "traces/walk.h"

/* Decides what the threads of a recording did between two waits: CPU time, starts of
 * others, changes of priority, and where their lives begin and end. */

/* A tick takes the CPU from nobody who has not had it for the shortest slice there is. */
#define SLICE_MIN (700 * CP_US)

enum { YIELDS_MIN = 10 };

static RebuildThread *thread_at(CpRebuild *rb, uint32_t id)
{
    return &rb->threads[id];
}

/* --- pieces --- */

int64_t cp_rebuild_add(CpRebuild *rb, RebuildThread *t, CpPiece piece)
{
    t->acts |= piece.kind == CP_PIECE_WAKE || piece.kind == CP_PIECE_SPAWN;
    bool is_behind = piece.kind != CP_PIECE_WAKE && piece.kind != CP_PIECE_ANSWER;
    if (is_behind && !t->exiting && t->last_wakes != NULL) {
        g_array_set_size(t->last_wakes, 0);
    }
    return cp_pieces_add(rb->pieces, t->facts.id, &piece);
}

/* It has run since `since`, up to now; what of that is known already is not counted twice.
 */
static void add_run(CpRebuild *rb, RebuildThread *t, CpTime since, CpTime now)
{
    CpTime from = MAX(MAX(since, rb->from), t->settled);
    if (now > from) {
        t->run += now - from;
        t->settled = now;
    }
}

void cp_rebuild_wait_answer(CpRebuild *rb, RebuildThread *t, uint32_t other)
{
    uint32_t pair = cp_rebuild_pair(rb, t->facts.id, other);
    cp_rebuild_add(rb, t, (CpPiece){.kind = CP_PIECE_AWAIT, .thread = pair});
    g_array_index(rb->pairs, RebuildPair, pair).n++;
    rb->rules[CP_RULE_REPLY]++;
}

/* So much of the CPU time becomes a piece, less the kernel work that it holds. */
static void put_run(CpRebuild *rb, RebuildThread *t, CpTime run)
{
    CpTime paid = MIN(run, t->owed);
    if (run > paid) {
        cp_rebuild_add(rb, t, (CpPiece){.kind = CP_PIECE_RUN, .value = run - paid});
    }
    t->facts.cpu_time += run;
    t->owed -= paid;
    t->run -= run;
}

/* The first due within the CPU time that is known; NULL: none. */
static RebuildDue *next_due(RebuildThread *t)
{
    RebuildDue *next = NULL;
    for (guint i = 0; t->dues != NULL && i < t->dues->len; i++) {
        RebuildDue *due = &g_array_index(t->dues, RebuildDue, i);
        if (due->at <= t->facts.cpu_time + t->run && (next == NULL || due->at < next->at)) {
            next = due;
        }
    }
    return next;
}

/* A due whose answer came later than the thread did was none: it was seen to go on. */
static void pay_dues(CpRebuild *rb, RebuildThread *t)
{
    for (RebuildDue *due; (due = next_due(t)) != NULL;) {
        if (due->answered) {
            put_run(rb, t, MAX(due->at - t->facts.cpu_time, 0));
            cp_rebuild_wait_answer(rb, t, due->other);
        }
        g_array_remove_index(t->dues, (guint)(due - (RebuildDue *)(void *)t->dues->data));
    }
}

void cp_rebuild_settle(CpRebuild *rb, RebuildThread *t, CpTime now)
{
    const CpSeenThread *seen = cp_rebuild_seen(rb, t);
    if (seen->state == CP_SEEN_RUNNING && !t->ended) {
        add_run(rb, t, seen->since, now);
    }
    pay_dues(rb, t);
    put_run(rb, t, t->run);
}

/* --- start and end of threads --- */

void cp_rebuild_begin(RebuildThread *t, CpTime start, uint32_t cpu)
{
    if (!t->begun) {
        t->begun = true;
        t->start = start;
        t->start_cpu = cpu;
    }
}

void cp_rebuild_keep(CpRebuild *rb, uint32_t id, bool foreign)
{
    RebuildThread *t = thread_at(rb, id);
    t->foreign = t->facts.foreign = foreign;
    t->kept = !foreign || rb->options.foreign;
}

static bool in_tree(const CpRebuild *rb, uint32_t id, uint32_t parent)
{
    return rb->options.root_pid == 0
               ? (cp_cpr_thread_at(rb->cpr, id)->flags & CP_CPR_KERNEL) == 0
               : rb->threads[parent].kept && !rb->threads[parent].foreign;
}

static void on_fork(CpRebuild *rb, uint32_t child, uint32_t parent, CpTime now)
{
    RebuildThread *c = thread_at(rb, child);
    if (cp_rebuild_seen(rb, c)->state != CP_SEEN_NOT || parent >= rb->n_threads ||
        parent == child) {
        return;
    }
    RebuildThread *p = thread_at(rb, parent);
    bool is_root = cp_cpr_thread_at(rb->cpr, child)->tid == rb->options.root_pid;
    cp_rebuild_keep(rb, child, !is_root && !in_tree(rb, child, parent));
    c->parent = parent;
    if (rb->open && p->kept) {
        cp_rebuild_note_all_joined(rb, p);
    }
    p->live_children++;
    /* Load goes on for ever, so it starts nothing of the program: that begins when it did.
     */
    if (!rb->open || !c->kept || !p->kept || c->foreign != p->foreign ||
        cp_rebuild_seen(rb, p)->state != CP_SEEN_RUNNING) {
        return;
    }
    bool process = rb->pids[child] != rb->pids[parent];
    cp_rebuild_owe(p, rb->cost[process ? CP_COST_FORK_PROCESS : CP_COST_FORK]);
    cp_rebuild_settle(rb, p, now);
    cp_rebuild_add(rb, p, (CpPiece){.kind = CP_PIECE_SPAWN, .thread = child});
    c->spawned_by = parent;
    c->begun = true;
}

static void on_wakeup_new(CpRebuild *rb, const CpRecord *r, CpTime now)
{
    RebuildThread *t = thread_at(rb, r->id);
    if (cp_rebuild_seen(rb, t)->state != CP_SEEN_NOT) {
        return;
    }
    t->cpu = t->start_cpu = r->cpu;
    if (t->kept && rb->open) {
        t->awake = true;
        if (t->spawned_by == CP_NONE) {
            cp_rebuild_begin(t, now - rb->from, r->cpu);
        }
    }
}

static void on_ending(CpRebuild *rb, uint32_t id, CpTime now)
{
    RebuildThread *t = thread_at(rb, id);
    if (!t->kept || !rb->open) {
        return;
    }
    cp_rebuild_settle(rb, t, now);
    if (t->spawned_by != CP_NONE) {
        RebuildThread *p = thread_at(rb, t->spawned_by);
        p->ended_child = id;
        p->child_end = now;
    }
    /* A simulated thread wakes its joiner just before it says that it ends, so wake-ups
     * with nothing behind them count too. */
    t->exiting = true;
}

static void end_thread(CpRebuild *rb, RebuildThread *t)
{
    if (t->ended) {
        return;
    }
    t->ended = true;
    if (t->kept) {
        cp_rebuild_forget_dues(rb, t);
        cp_rebuild_find_join(rb, t);
        cp_rebuild_note_all_joined(rb, t);
        g_clear_pointer(&t->last_wakes, g_array_unref);
        cp_pieces_rest(rb->pieces, t->facts.id);
    }
    if (t->parent != CP_NONE) {
        thread_at(rb, t->parent)->live_children--;
    }
}

static void on_priority(CpRebuild *rb, uint32_t id, int64_t prio, CpTime now)
{
    RebuildThread *t = thread_at(rb, id);
    if (prio < 0 || prio > 139 || prio == t->prio) {
        return;
    }
    t->prio = (int32_t)prio;
    if (!t->begun) {
        t->start_prio = t->prio;
    } else if (t->kept && rb->open && !t->ended) {
        cp_rebuild_settle(rb, t, now);
        bool normal = prio >= 100;
        int64_t rt_prio = CLAMP(99 - prio, 1, 99);
        cp_rebuild_add(rb, t,
                       (CpPiece){.kind = normal ? CP_PIECE_NICE : CP_PIECE_RT,
                                 .value = normal ? prio - 120 : rt_prio});
        t->changes_rt |= !normal;
        rb->prio_seen[normal ? prio : 99 - rt_prio] = true;
    }
}

/* --- what the timeline tells --- */

/* What the machine will add for the switch to the thread. */
static void owe_switch(CpRebuild *rb, RebuildThread *t, const CpSwitch *s, bool moved)
{
    const CpParamSet *costs = rb->options.costs;
    cp_rebuild_owe(t, rb->cost[CP_COST_SWITCH]);
    cp_rebuild_owe(t, moved ? rb->cost[CP_COST_MIGRATION] : 0);
    if (costs != NULL && s->from == CP_NONE) {
        CpTime idle = s->at - rb->timeline->cpus[s->cpu].since;
        cp_rebuild_owe(t, cp_cost_after_idle(costs, CP_COST_IDLE_COLD, idle));
    }
}

/* A thread that could have gone on left its CPU to one that had waited there since before
 * it came, and no tick can be behind it: it offered the CPU.  Where a source marks
 * preemption, what is not marked is an offer. */
static void note_yield(CpRebuild *rb, const CpSwitch *s)
{
    const CpSeenCpu *cpu = &rb->timeline->cpus[s->cpu];
    if (!cp_rebuild_is_kept(rb, s->from) || s->to >= rb->n_threads ||
        CP_SWITCH_STATE(s->arg) != 'R') {
        return;
    }
    RebuildThread *t = thread_at(rb, s->from);
    const CpSeenThread *next = &rb->timeline->threads[s->to];
    bool marked = (s->arg & CP_SWITCH_PREEMPTED) != 0;
    bool waited = next->state == CP_SEEN_RUNNABLE && next->since <= cpu->since &&
                  rb->last_woken[s->cpu] <= cpu->since;
    rb->tells_preempted |= marked;
    if (!marked && !t->ended && waited && s->at - cpu->since < SLICE_MIN) {
        cp_rebuild_settle(rb, t, s->at);
        cp_rebuild_add(rb, t, (CpPiece){.kind = CP_PIECE_YIELD});
        t->yields++;
    }
}

/* Yields come in numbers: ticks and the odd wake-up that nobody told of make a few that
 * look like them. */
static bool does_yield(const CpRebuild *rb, const RebuildThread *t)
{
    return rb->tells_preempted ||
           (t->yields >= YIELDS_MIN && (CpTime)t->yields > t->facts.cpu_time / CP_MS);
}

/* A thread is given a CPU. */
static void on_switched(void *data, const CpSwitch *s)
{
    CpRebuild *rb = data;
    note_yield(rb, s);
    RebuildThread *t = s->to < rb->n_threads ? thread_at(rb, s->to) : NULL;
    if (t == NULL || !t->kept || t->ended) {
        return;
    }
    if (cp_rebuild_seen(rb, t)->state == CP_SEEN_BLOCKED && !t->awake) {
        cp_rebuild_unseen(rb, t, s->at);
    }
    cp_rebuild_begin(t, s->at - rb->from, s->cpu);
    bool moved = t->cpu != CP_NONE && t->cpu != s->cpu;
    owe_switch(rb, t, s, moved);
    t->facts.migrations += moved;
    t->several_cpus |= moved;
    t->cpu = s->cpu;
}

/* It has lost it, or gave it up. */
static void on_span(void *data, const CpSpan *s)
{
    CpRebuild *rb = data;
    RebuildThread *t = thread_at(rb, s->thread);
    rb->left_out += s->state == CP_SEEN_RUNNING && !t->kept ? s->to - s->from : 0;
    if (s->state == CP_SEEN_RUNNING && t->kept && !t->ended) {
        add_run(rb, t, s->from, s->to);
        bool left = s->end != CP_END_OPEN && s->end != CP_END_ELSEWHERE;
        t->facts.first = t->facts.first < 0 ? s->from - rb->from : t->facts.first;
        t->facts.last = s->to - rb->from;
        t->facts.involuntary += s->end == CP_END_PREEMPTED;
        t->facts.voluntary += left && s->end != CP_END_PREEMPTED;
        t->awake = false;
        if (s->end == CP_END_BLOCKED || s->end == CP_END_EXIT) {
            cp_rebuild_settle(rb, t, s->to);
            cp_rebuild_answer(rb, t, s->to);
        }
        if (s->end == CP_END_BLOCKED &&
            cp_timeline_was_early(cp_rebuild_seen(rb, t), s->to)) {
            cp_rebuild_early(rb, t, s->to);
        }
    }
    if (s->end == CP_END_EXIT) {
        end_thread(rb, t);
    }
}

/* At the start of the part every thread that is not ended begins anew. */
static void open_part(CpRebuild *rb)
{
    rb->open = true;
    for (uint32_t i = 0; i < rb->n_threads; i++) {
        RebuildThread *t = thread_at(rb, i);
        const CpSeenThread *seen = cp_rebuild_seen(rb, t);
        t->ended = seen->state == CP_SEEN_ENDED;
        t->cpu = seen->cpu != CP_NONE ? seen->cpu : t->cpu;
        if (t->kept &&
            (seen->state == CP_SEEN_RUNNING || seen->state == CP_SEEN_RUNNABLE)) {
            cp_rebuild_begin(t, 0, t->cpu);
        }
    }
}

/* Somebody joins the queue of a CPU: who runs there may be preempted. */
static void note_woken(CpRebuild *rb, const CpRecord *r, CpRecordKind kind, CpTime now)
{
    bool has_target = kind == CP_REC_WAKING || kind == CP_REC_MIGRATE;
    uint32_t cpu = has_target ? r->arg & ~(uint32_t)CP_WAKING_IRQ : r->cpu;
    if (cpu < rb->n_cpus) {
        rb->last_woken[cpu] = now;
    }
}

static void on_record(void *data, const CpTimeline *tl, const CpRecord *r,
                      const CpRecord *more)
{
    CpRebuild *rb = data;
    CpTime now = MAX(cp_record_time(r), tl->now);
    CpRecordKind kind = cp_record_kind(r);
    if (!rb->open && now >= rb->from) {
        open_part(rb);
    }
    if ((kind == CP_REC_WAKING || kind == CP_REC_WAKEUP || kind == CP_REC_WAKEUP_NEW ||
         kind == CP_REC_MIGRATE)) {
        note_woken(rb, r, kind, now);
    }
    if (kind == CP_REC_GIL_ASK || kind == CP_REC_GIL_GOT || kind == CP_REC_GIL_DROP) {
        cp_rebuild_on_gil(rb, kind, r->id, more ? more->id : CP_NONE, now);
    } else if (r->id >= rb->n_threads) {
        return;
    } else if (kind == CP_REC_WAKING) {
        cp_rebuild_on_waking(rb, r, now);
    } else if (kind == CP_REC_WAKEUP) {
        cp_rebuild_on_wakeup(rb, r, now);
    } else if (kind == CP_REC_WAKEUP_NEW) {
        on_wakeup_new(rb, r, now);
    } else if (kind == CP_REC_EXIT) {
        on_ending(rb, r->id, now);
    } else if (kind == CP_REC_FORK && more != NULL) {
        on_fork(rb, r->id, more->id, now);
    } else if (kind == CP_REC_PRIORITY && more != NULL) {
        on_priority(rb, r->id, cp_record_value(more), now);
    }
}

/* --- the part --- */

static void close_part(CpRebuild *rb)
{
    for (uint32_t i = 0; i < rb->n_threads; i++) {
        RebuildThread *t = thread_at(rb, i);
        if (!t->kept) {
            continue;
        }
        cp_rebuild_settle(rb, t, rb->timeline->now);
        if (t->yields > 0 && !does_yield(rb, t)) {
            cp_pieces_drop_yields(rb->pieces, t->facts.id);
        }
        if (!t->ended) {
            cp_rebuild_forget_dues(rb, t);
            cp_rebuild_note_all_joined(rb, t);
        }
    }
}

/* Whether the source tells the beginnings of wake-ups: where it does, it does so early. */
static bool look(void *data, const CpRecord *records, size_t n)
{
    CpRebuild *rb = data;
    for (size_t i = 0; i < n && !rb->has_waking; i++) {
        rb->has_waking = cp_record_kind(&records[i]) == CP_REC_WAKING;
    }
    return !rb->has_waking;
}

gboolean cp_rebuild_read(CpRebuild *rb, GError **error)
{
    static const CpTimelineHooks hooks = {
        .each = on_record, .span = on_span, .switched = on_switched};
    const CpWalk walk = {.from = rb->from, .to = rb->to};
    if (!cp_walk_records(rb->cpr, 0, CP_NEVER, look, rb, error)) {
        return FALSE;
    }
    rb->timeline = cp_walk_timeline(rb->cpr, &walk, &hooks, rb);
    gboolean good = cp_walk_feed(rb->cpr, &walk, rb->timeline, error);
    if (good) {
        cp_timeline_finish(rb->timeline, rb->to);
        close_part(rb);
    }
    g_clear_pointer(&rb->timeline, cp_timeline_free);
    return good;
}
