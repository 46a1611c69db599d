#include "traces/rebuild/evidence.h"

#include "sim/error.h"

#include <string.h>

/* What the threads of a recording did: who woke whom, what was a wait and how it ended. */

/* A lock dropped longer ago than this did not wake the thread that now runs again. */
#define DROP_NEAR (500 * CP_US)
/* Nor did the end of a child so long ago. */
#define END_NEAR  (200 * CP_US)

static const char *const rule_names[CP_RULES] = {"waking",   "author",  "lock",  "join",
                                                 "outvoted", "outside", "unseen"};

static RebuildThread *thread_at(CpRebuild *rb, uint32_t id)
{
    return &rb->threads[id];
}

/* --- pieces --- */

static int64_t add_piece(CpRebuild *rb, RebuildThread *t, CpPiece piece)
{
    t->n_pieces++;
    if (piece.kind != CP_PIECE_WAKE && !t->exiting && t->last_wakes != NULL) {
        g_array_set_size(t->last_wakes, 0);
    }
    return cp_pieces_add(rb->pieces, t->facts.id, &piece);
}

/* The author's side of a wake-up; `wait` is the place of the sleeper's, 0: not known yet.
 * The last ones towards the thread that started the author are kept: it may have been
 * joining it. */
static int64_t add_wake(CpRebuild *rb, RebuildThread *author, uint32_t sleeper,
                        int64_t wait, CpRebuildRule rule)
{
    int64_t place = add_piece(
        rb, author,
        (CpPiece){.kind = CP_PIECE_WAKE, .thread = sleeper, .rule = (uint8_t)rule});
    if (sleeper == author->spawned_by) {
        RebuildWake last = {place, wait, rule};
        if (author->last_wakes == NULL) {
            author->last_wakes = g_array_new(FALSE, FALSE, sizeof(RebuildWake));
        }
        g_array_append_val(author->last_wakes, last);
    }
    return place;
}

/* CPU time up to now becomes a piece, so that what follows happens behind it. */
static void settle_run(CpRebuild *rb, RebuildThread *t, CpTime now)
{
    if (t->state == THREAD_RUNNING) {
        t->run += now - t->since;
        t->since = now;
    }
    if (t->run > 0) {
        add_piece(rb, t, (CpPiece){.kind = CP_PIECE_RUN, .value = t->run});
        t->facts.cpu_time += t->run;
        t->run = 0;
    }
}

static bool is_kept(const CpRebuild *rb, uint32_t id)
{
    return id < rb->n_threads && rb->threads[id].kept;
}

/* --- a thread's life --- */

/* First sight of a thread that nobody started within the recording. */
static void begin(RebuildThread *t, CpTime start, uint32_t cpu)
{
    if (!t->begun) {
        t->begun = true;
        t->start = start;
        t->start_cpu = cpu;
    }
}

/* A wait that lasted from `since` to now, for somebody or for nobody.  One that ends before
 * the first piece is the thread's start.  Returns the place of the piece, 0: none. */
static int64_t end_wait(CpRebuild *rb, RebuildThread *t, CpTime now, uint32_t author,
                        CpRebuildRule rule)
{
    bool named = author != CP_NONE;
    int64_t place = 0;
    if (!named && !t->begun && t->spawned_by == CP_NONE) {
        begin(t, now - rb->from, t->cpu);
    } else {
        place = add_piece(rb, t,
                          (CpPiece){.kind = named ? CP_PIECE_WAIT : CP_PIECE_DELAY,
                                    .value = now - t->since,
                                    .thread = named ? author : 0,
                                    .rule = (uint8_t)rule});
        begin(t, 0, t->cpu);
    }
    rb->rules[rule]++;
    t->waits += named;
    t->by_author += named && rule == CP_RULE_AUTHOR;
    t->named += named;
    t->unnamed += !named && rule == CP_RULE_OUTSIDE;
    return place;
}

/* The thread is awake; who did it has been settled. */
static void make_ready(RebuildThread *t, CpTime now)
{
    t->state = THREAD_READY;
    t->since = now;
    t->doubtful = false;
}

/* --- who did it --- */

static bool runs(const CpRebuild *rb, uint32_t id)
{
    return is_kept(rb, id) && rb->threads[id].state == THREAD_RUNNING;
}

/* The lock of an interpreter has changed hands a moment ago.  One who asked for it was
 * woken by the one who dropped it; one who dropped it, and waits until somebody has taken
 * it, by the one who took it. */
static uint32_t lock_partner(const CpRebuild *rb, uint32_t id, CpTime now)
{
    const RebuildThread *t = &rb->threads[id];
    if (t->gil >= rb->gils->len) {
        return CP_NONE;
    }
    const RebuildGil *gil = &g_array_index(rb->gils, RebuildGil, t->gil);
    if (gil->dropped == INT64_MIN || now - gil->dropped > DROP_NEAR) {
        return CP_NONE;
    }
    if (gil->dropper == id) {
        uint32_t taker = gil->taken >= gil->dropped ? gil->taker : gil->asker;
        return taker != id && runs(rb, taker) ? taker : CP_NONE;
    }
    bool asked = t->asked != INT64_MIN && gil->dropped >= t->asked;
    return asked && is_kept(rb, gil->dropper) ? gil->dropper : CP_NONE;
}

/* Puts the author's WAKE and the sleeper's WAIT, which know each other. */
static void link_wake(CpRebuild *rb, uint32_t id, uint32_t author, CpTime now,
                      CpRebuildRule rule)
{
    RebuildThread *t = thread_at(rb, id), *a = thread_at(rb, author);
    int64_t wait = end_wait(rb, t, now, author, rule);
    settle_run(rb, a, now);
    add_wake(rb, a, id, wait, rule);
}

/* The sleeper's child ended a moment ago on another CPU: it was joining it. */
static bool joins(CpRebuild *rb, RebuildThread *t, CpTime now)
{
    if (t->ended_child == CP_NONE || t->child_end < t->since ||
        now - t->child_end > END_NEAR) {
        return false;
    }
    t->last_join = add_piece(rb, t,
                             (CpPiece){.kind = CP_PIECE_JOIN,
                                       .value = now - t->since,
                                       .thread = t->ended_child,
                                       .rule = CP_RULE_JOIN});
    rb->rules[CP_RULE_JOIN]++;
    t->ended_child = CP_NONE;
    return true;
}

static void wake(CpRebuild *rb, uint32_t id, uint32_t author, CpTime now,
                 CpRebuildRule rule)
{
    RebuildThread *t = thread_at(rb, id);
    if (author == id || !is_kept(rb, author) ||
        thread_at(rb, author)->state != THREAD_RUNNING) {
        author = CP_NONE;
    }
    if (author == CP_NONE) {
        author = lock_partner(rb, id, now);
        rule = CP_RULE_LOCK;
    }
    if (author == CP_NONE || author == id) {
        if (!joins(rb, t, now)) {
            end_wait(rb, t, now, CP_NONE, CP_RULE_OUTSIDE);
        }
    } else {
        link_wake(rb, id, author, now, rule);
    }
    make_ready(t, now);
}

/* A thread whose state at switch-out was not known did sleep if somebody woke it. */
static bool sleeps(const RebuildThread *t)
{
    return t->state == THREAD_BLOCKED || t->state == THREAD_UNSEEN ||
           (t->state == THREAD_READY && t->doubtful);
}

static uint32_t current_on(const CpRebuild *rb, uint32_t cpu)
{
    return cpu < rb->n_cpus ? rb->current[cpu] : CP_NONE;
}

/* Simulated runs say the cause only when the thread is enqueued, so the author is put down
 * at once and taken back if it was a timer that interrupted it. */
static void on_waking(CpRebuild *rb, const CpRecord *r, CpTime now)
{
    RebuildThread *t = thread_at(rb, r->id);
    if (!t->kept || !rb->open || !sleeps(t)) {
        return;
    }
    uint32_t author = r->arg & CP_WAKING_IRQ ? CP_NONE : current_on(rb, r->cpu);
    if (!rb->simulated) {
        wake(rb, r->id, author, now, CP_RULE_WAKING);
        return;
    }
    t->wake_begun = true;
    t->waker = CP_NONE;
    if (author != r->id && is_kept(rb, author)) {
        RebuildThread *a = thread_at(rb, author);
        settle_run(rb, a, now);
        t->waker = author;
        t->waker_piece = add_wake(rb, a, r->id, 0, CP_RULE_WAKING);
    }
}

/* It was a timer that interrupted the author. */
static void unwake(CpRebuild *rb, uint32_t author, int64_t place)
{
    RebuildThread *a = thread_at(rb, author);
    cp_pieces_take_back(rb->pieces, author, place);
    for (guint i = 0; a->last_wakes != NULL && i < a->last_wakes->len; i++) {
        if (g_array_index(a->last_wakes, RebuildWake, i).place == place) {
            g_array_remove_index(a->last_wakes, i);
            return;
        }
    }
}

static void note_wait(RebuildThread *a, int64_t place, int64_t wait)
{
    for (guint i = 0; a->last_wakes != NULL && i < a->last_wakes->len; i++) {
        RebuildWake *last = &g_array_index(a->last_wakes, RebuildWake, i);
        last->wait = last->place == place ? wait : last->wait;
    }
}

/* The end of a simulated wake-up: the cause is known now. */
static void confirm_wake(CpRebuild *rb, const CpRecord *r, CpTime now)
{
    RebuildThread *t = thread_at(rb, r->id);
    bool by_thread = CP_WAKEUP_CAUSE(r->arg) == CP_WAKE_THREAD && t->waker != CP_NONE;
    if (by_thread) {
        int64_t wait = end_wait(rb, t, now, t->waker, CP_RULE_WAKING);
        note_wait(thread_at(rb, t->waker), t->waker_piece, wait);
    } else {
        if (t->waker != CP_NONE) {
            unwake(rb, t->waker, t->waker_piece);
        }
        end_wait(rb, t, now, CP_NONE, CP_RULE_OUTSIDE);
    }
    t->wake_begun = false;
    t->waker = CP_NONE;
    make_ready(t, now);
}

static void on_wakeup(CpRebuild *rb, const CpRecord *r, CpTime now)
{
    RebuildThread *t = thread_at(rb, r->id);
    if (!t->kept || !rb->open || !sleeps(t)) {
        return;
    }
    if (t->cpu == CP_NONE) {
        t->cpu = r->cpu;
    }
    if (rb->simulated && t->wake_begun) {
        confirm_wake(rb, r, now);
        return;
    }
    /* Where waking events exist, a wake-up without one comes from outside. */
    bool named = CP_WAKEUP_CAUSE(r->arg) == CP_WAKE_THREAD && !rb->has_waking;
    wake(rb, r->id, named ? current_on(rb, CP_WAKEUP_AUTHOR(r)) : CP_NONE, now,
         CP_RULE_AUTHOR);
}

static void on_wakeup_new(CpRebuild *rb, const CpRecord *r, CpTime now)
{
    RebuildThread *t = thread_at(rb, r->id);
    if (t->state == THREAD_UNSEEN) {
        t->cpu = t->start_cpu = r->cpu;
        if (t->kept && rb->open && t->spawned_by == CP_NONE) {
            begin(t, now - rb->from, r->cpu);
        }
        make_ready(t, now);
    }
}

/* --- start and end of threads --- */

/* A thread that waited for one of its children to end, and started others only after all
 * had ended, waited for all of them: on another machine another one may be the last. */
static void note_all_joined(CpRebuild *rb, RebuildThread *t)
{
    if (t->last_join != 0 && t->live_children == 0) {
        cp_pieces_change(rb->pieces, t->facts.id, t->last_join, CP_PIECE_JOIN_ALL);
    }
    t->last_join = 0;
}

static bool in_tree(const CpRebuild *rb, uint32_t id, uint32_t parent)
{
    return rb->options.root_pid == 0 ? cp_cpr_thread_at(rb->cpr, id)->flags % 2 == 0
                                     : parent != CP_NONE && rb->threads[parent].kept &&
                                           !rb->threads[parent].foreign;
}

static void keep(CpRebuild *rb, uint32_t id, bool foreign)
{
    RebuildThread *t = thread_at(rb, id);
    t->foreign = t->facts.foreign = foreign;
    t->kept = !foreign || rb->options.foreign;
}

static void on_fork(CpRebuild *rb, uint32_t child, uint32_t parent, CpTime now)
{
    RebuildThread *c = thread_at(rb, child);
    if (c->state != THREAD_UNSEEN || parent >= rb->n_threads || parent == child) {
        return;
    }
    RebuildThread *p = thread_at(rb, parent);
    bool is_root = cp_cpr_thread_at(rb->cpr, child)->tid == rb->options.root_pid;
    keep(rb, child, !is_root && !in_tree(rb, child, parent));
    c->parent = parent;
    if (rb->open && p->kept) {
        note_all_joined(rb, p);
    }
    p->live_children++;
    if (!rb->open || !c->kept || !p->kept || p->state != THREAD_RUNNING) {
        return;
    }
    settle_run(rb, p, now);
    add_piece(rb, p, (CpPiece){.kind = CP_PIECE_SPAWN, .thread = child});
    c->spawned_by = parent;
    c->begun = true;
}

/* The end of the thread woke the one that had started it: that one joined it. */
static void find_join(CpRebuild *rb, uint32_t id)
{
    RebuildThread *t = thread_at(rb, id);
    if (t->spawned_by == CP_NONE) {
        return;
    }
    RebuildThread *p = thread_at(rb, t->spawned_by);
    for (guint i = 0; t->exiting && t->last_wakes != NULL && i < t->last_wakes->len; i++) {
        const RebuildWake *w = &g_array_index(t->last_wakes, RebuildWake, i);
        if (w->wait == 0) {
            continue;
        }
        rb->rules[w->rule]--;
        rb->rules[CP_RULE_JOIN]++;
        p->waits--;
        p->by_author -= w->rule == CP_RULE_AUTHOR;
        p->last_join = w->wait;
        cp_pieces_change(rb->pieces, t->spawned_by, w->wait, CP_PIECE_JOIN);
        cp_pieces_take_back(rb->pieces, id, w->place);
    }
}

static void note_exit(CpRebuild *rb, uint32_t id, CpTime now)
{
    RebuildThread *t = thread_at(rb, id);
    if (!t->kept || !rb->open) {
        return;
    }
    settle_run(rb, t, now);
    if (t->spawned_by != CP_NONE) {
        RebuildThread *p = thread_at(rb, t->spawned_by);
        p->ended_child = id;
        p->child_end = now;
    }
    /* A simulated thread wakes its joiner just before it says that it ends, so wake-ups
     * with nothing behind them count too. */
    t->exiting = true;
}

static void end_thread(CpRebuild *rb, uint32_t id)
{
    RebuildThread *t = thread_at(rb, id);
    if (t->state == THREAD_ENDED) {
        return;
    }
    t->state = THREAD_ENDED;
    if (t->kept && rb->open) {
        find_join(rb, id);
        note_all_joined(rb, t);
        g_clear_pointer(&t->last_wakes, g_array_unref);
        cp_pieces_rest(rb->pieces, id);
    }
    if (t->parent != CP_NONE) {
        thread_at(rb, t->parent)->live_children--;
    }
}

/* --- switches --- */

static void switch_out(CpRebuild *rb, uint32_t id, uint32_t arg, CpTime now)
{
    RebuildThread *t = thread_at(rb, id);
    if (t->state != THREAD_RUNNING) {
        return;
    }
    char letter = CP_SWITCH_STATE(arg);
    bool ready = letter == 'R' || letter == '?' || (arg & CP_SWITCH_PREEMPTED);
    if (t->kept && rb->open) {
        t->facts.last = now - rb->from;
        t->facts.voluntary += !ready;
        t->facts.involuntary += ready;
        if (ready) {
            t->run += now - t->since;
        } else {
            settle_run(rb, t, now);
        }
    }
    t->since = now;
    t->doubtful = letter == '?';
    t->state = ready ? THREAD_READY : THREAD_BLOCKED;
    if (letter == 'X' || letter == 'Z') {
        end_thread(rb, id);
    }
}

static void switch_in(CpRebuild *rb, uint32_t id, uint32_t cpu, uint32_t arg, CpTime now)
{
    RebuildThread *t = thread_at(rb, id);
    if (t->kept && rb->open) {
        if (t->state == THREAD_BLOCKED) {
            end_wait(rb, t, now, CP_NONE, CP_RULE_UNSEEN);
        }
        /* Seen for the first time on a CPU: it waited there since the start, unless the
         * recording itself begins only now or tells no wake-ups. */
        bool waited = rb->has_wakeups && !(arg & CP_SWITCH_RECONSTRUCTED);
        begin(t, waited ? 0 : now - rb->from, cpu);
        if (t->facts.first < 0) {
            t->facts.first = now - rb->from;
        }
        bool moved = t->cpu != CP_NONE && t->cpu != cpu;
        t->facts.migrations += moved;
        t->several_cpus |= moved;
    }
    if (t->state == THREAD_ENDED) {
        return;
    }
    t->state = THREAD_RUNNING;
    t->cpu = cpu;
    t->since = now;
}

static void on_switch(CpRebuild *rb, const CpRecord *r, CpTime now)
{
    if (r->cpu >= rb->n_cpus) {
        return;
    }
    uint32_t prev = rb->current[r->cpu];
    rb->current[r->cpu] = r->id < rb->n_threads ? r->id : CP_NONE;
    if (prev == r->id && prev != CP_NONE) {
        return; /* the same thread again: nothing changes */
    }
    if (prev != CP_NONE) {
        switch_out(rb, prev, r->arg, now);
    }
    if (r->id < rb->n_threads) {
        switch_in(rb, r->id, r->cpu, r->arg, now);
    }
}

/* --- the rest --- */

static void on_priority(CpRebuild *rb, uint32_t id, int64_t prio, CpTime now)
{
    RebuildThread *t = thread_at(rb, id);
    if (prio < 0 || prio > 139 || prio == t->prio) {
        return;
    }
    t->prio = (int32_t)prio;
    if (!t->begun) {
        t->start_prio = t->prio;
    } else if (t->kept && rb->open) {
        settle_run(rb, t, now);
        bool normal = prio >= 100;
        int64_t rt_prio = CLAMP(99 - prio, 1, 99);
        add_piece(rb, t,
                  (CpPiece){.kind = normal ? CP_PIECE_NICE : CP_PIECE_RT,
                            .value = normal ? prio - 120 : rt_prio});
        t->changes_rt |= !normal;
        rb->prio_seen[normal ? prio : 99 - rt_prio] = true;
    }
}

static void on_gil(CpRebuild *rb, CpRecordKind kind, uint32_t gil, uint32_t id, CpTime now)
{
    if (gil > UINT16_MAX || id >= rb->n_threads) {
        return;
    }
    while (gil >= rb->gils->len) {
        RebuildGil none = {CP_NONE, CP_NONE, CP_NONE, INT64_MIN, INT64_MIN};
        g_array_append_val(rb->gils, none);
    }
    RebuildThread *t = thread_at(rb, id);
    RebuildGil *g = &g_array_index(rb->gils, RebuildGil, gil);
    t->gil = gil;
    if (kind == CP_REC_GIL_ASK) {
        t->asked = now;
        g->asker = id;
    } else if (kind == CP_REC_GIL_GOT) {
        t->asked = INT64_MIN;
        g->taker = id;
        g->taken = now;
    } else {
        g->dropper = id;
        g->dropped = now;
    }
}

static void on_record(CpRebuild *rb, const CpRecord *r, const CpRecord *more)
{
    CpTime now = cp_record_time(r);
    CpRecordKind kind = cp_record_kind(r);
    if (kind == CP_REC_SWITCH) {
        on_switch(rb, r, now);
    } else if (kind == CP_REC_GIL_ASK || kind == CP_REC_GIL_GOT ||
               kind == CP_REC_GIL_DROP) {
        on_gil(rb, kind, r->id, more ? more->id : CP_NONE, now);
    } else if (r->id >= rb->n_threads) {
        return;
    } else if (kind == CP_REC_WAKING) {
        on_waking(rb, r, now);
    } else if (kind == CP_REC_WAKEUP) {
        on_wakeup(rb, r, now);
    } else if (kind == CP_REC_WAKEUP_NEW) {
        on_wakeup_new(rb, r, now);
    } else if (kind == CP_REC_EXIT) {
        note_exit(rb, r->id, now);
    } else if (kind == CP_REC_FORK && more != NULL) {
        on_fork(rb, r->id, more->id, now);
    } else if (kind == CP_REC_PRIORITY && more != NULL) {
        on_priority(rb, r->id, cp_record_value(more), now);
    }
}

/* --- the part --- */

/* At the start of the part every thread that is not ended begins anew. */
static void open_part(CpRebuild *rb)
{
    rb->open = true;
    for (uint32_t i = 0; i < rb->n_threads; i++) {
        RebuildThread *t = thread_at(rb, i);
        t->since = MAX(t->since, rb->from);
        if (!t->kept) {
            continue;
        }
        if (t->state == THREAD_RUNNING || t->state == THREAD_READY) {
            begin(t, 0, t->cpu);
        }
        if (t->state == THREAD_RUNNING) {
            t->facts.first = 0;
        }
    }
}

static void close_part(CpRebuild *rb, CpTime end)
{
    for (uint32_t i = 0; i < rb->n_threads; i++) {
        RebuildThread *t = thread_at(rb, i);
        if (!t->kept) {
            continue;
        }
        if (t->state == THREAD_RUNNING) {
            t->facts.last = end - rb->from;
        }
        settle_run(rb, t, MAX(end, t->since));
        if (t->state != THREAD_ENDED) {
            note_all_joined(rb, t);
        }
        if (t->wake_begun && t->waker != CP_NONE) {
            unwake(rb, t->waker, t->waker_piece); /* whatever it was, it has not come */
        }
    }
}

/* Calls `each` for every record with its continuation, until it says no. */
typedef bool (*EachRecord)(CpRebuild *rb, const CpRecord *r, const CpRecord *more);

static gboolean read_records(CpRebuild *rb, EachRecord each, GError **error)
{
    CpRecord *block = g_new(CpRecord, CP_RECORD_BLOCK);
    gboolean good = TRUE;
    bool going = true;
    for (uint32_t b = 0; going && good && b < cp_cpr_n_blocks(rb->cpr); b++) {
        size_t n = 0;
        good = cp_cpr_read(rb->cpr, b, block, &n, error);
        for (size_t i = 0; good && going && i < n; i++) {
            if (cp_record_kind(&block[i]) == CP_REC_MORE) {
                continue;
            }
            bool wide = i + 1 < n && cp_record_kind(&block[i + 1]) == CP_REC_MORE;
            going = each(rb, &block[i], wide ? &block[i + 1] : NULL);
        }
    }
    g_free(block);
    return good;
}

/* The first reading: what kinds of records there are. */
static bool look(CpRebuild *rb, const CpRecord *r, const CpRecord *more)
{
    CpRecordKind kind = cp_record_kind(r);
    rb->has_waking |= kind == CP_REC_WAKING && !more;
    rb->has_wakeups |= kind == CP_REC_WAKEUP || kind == CP_REC_WAKING;
    return !rb->has_waking;
}

static bool step(CpRebuild *rb, const CpRecord *r, const CpRecord *more)
{
    CpTime now = cp_record_time(r);
    if (!rb->open && now >= rb->from) {
        open_part(rb);
    }
    if (now > rb->to) {
        return false;
    }
    on_record(rb, r, more);
    return true;
}

/* --- choosing threads --- */

static void choose_threads(CpRebuild *rb)
{
    int64_t root = rb->options.root_pid;
    for (uint32_t i = 0; i < rb->n_threads; i++) {
        const CpCprThread *t = cp_cpr_thread_at(rb->cpr, i);
        bool kernel = t->flags % 2 != 0;
        keep(rb, i, root != 0 ? t->pid != root && t->tid != root : kernel);
    }
}

/* Timers interrupt whoever runs: where most wake-ups of a thread named nobody, those that
 * did named a victim. */
static void outvote(CpRebuild *rb, RebuildThread *t)
{
    if (t->by_author > 0 && t->unnamed > 2 * t->named) {
        cp_pieces_outvote(rb->pieces, t->facts.id, CP_RULE_AUTHOR);
        rb->rules[CP_RULE_AUTHOR] -= t->by_author;
        rb->rules[CP_RULE_OUTVOTED] += t->by_author;
        t->waits -= t->by_author;
    }
}

static gint by_process(gconstpointer a, gconstpointer b, void *data)
{
    const CpRebuild *rb = data;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    if (rb->pids[x] != rb->pids[y]) {
        return rb->pids[x] < rb->pids[y] ? -1 : 1;
    }
    return (x > y) - (x < y);
}

/* Threads that did nothing are left out, unless somebody starts them. */
static void make_order(CpRebuild *rb)
{
    for (uint32_t i = 0; i < rb->n_threads; i++) {
        RebuildThread *t = thread_at(rb, i);
        if (!t->kept) {
            continue;
        }
        outvote(rb, t);
        if (t->facts.cpu_time > 0 || t->spawned_by != CP_NONE || t->n_pieces > 0) {
            g_array_append_val(rb->order, i);
        } else {
            t->kept = false;
        }
    }
    g_array_sort_with_data(rb->order, by_process, rb);
    for (guint i = 0; i < rb->order->len; i++) {
        thread_at(rb, g_array_index(rb->order, uint32_t, i))->facts.decl = i;
    }
}

/* --- life --- */

static CpRebuild *alloc(CpCpr *cpr, const CpRebuildOptions *options)
{
    const CpCprInfo *info = cp_cpr_info(cpr);
    CpRebuild *rb = g_new0(CpRebuild, 1);
    rb->options = *options;
    rb->cpr = cpr;
    rb->simulated = info->origin == CP_ORIGIN_SIMULATED;
    rb->from = MAX(options->from, info->start);
    rb->to = options->to == 0 ? info->end : MIN(options->to, info->end);
    rb->n_threads = cp_cpr_n_threads(cpr);
    rb->threads = g_new0(RebuildThread, (size_t)rb->n_threads + 1);
    rb->pids = g_new0(int64_t, (size_t)rb->n_threads + 1);
    rb->tids = g_new0(int64_t, (size_t)rb->n_threads + 1);
    rb->names = g_ptr_array_new_with_free_func(g_free);
    rb->processes = g_ptr_array_new_with_free_func(g_free);
    for (uint32_t i = 0; i < rb->n_threads; i++) {
        const CpCprThread *t = cp_cpr_thread_at(cpr, i);
        rb->threads[i] = (RebuildThread){
            .facts = {.id = i, .first = -1},
            .cpu = CP_NONE,
            .start_cpu = CP_NONE,
            .parent = CP_NONE,
            .spawned_by = CP_NONE,
            .waker = CP_NONE,
            .asked = INT64_MIN,
            .ended_child = CP_NONE,
            .prio = t->prio,
            .start_prio = t->prio,
        };
        rb->pids[i] = t->pid;
        rb->tids[i] = t->tid;
        g_ptr_array_add(rb->names, g_strdup(cp_cpr_text(cpr, t->name)));
        g_ptr_array_add(rb->processes, g_strdup(cp_cpr_text(cpr, t->process)));
    }
    rb->n_cpus = MAX(info->n_cpus, 1);
    rb->current = g_new(uint32_t, rb->n_cpus);
    memset(rb->current, 0xff, rb->n_cpus * sizeof *rb->current);
    rb->order = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    rb->gils = g_array_new(FALSE, FALSE, sizeof(RebuildGil));
    rb->source = g_strdup(cp_cpr_text(cpr, info->source));
    return rb;
}

/* The root the importer was told, if the caller names none. */
static void root_of_recording(CpRebuild *rb)
{
    const char *settings = cp_cpr_text(rb->cpr, cp_cpr_info(rb->cpr)->settings);
    if (rb->options.root_pid == 0 && g_str_has_prefix(settings, "root=")) {
        rb->options.root_pid = g_ascii_strtoll(settings + 5, NULL, 10);
    }
}

static gboolean nothing_kept(const CpRebuild *rb, GError **error)
{
    if (rb->options.root_pid != 0) {
        g_set_error(error, CP_ERROR, CP_ERROR_INPUT,
                    "no thread of process %" G_GINT64_FORMAT " or its children ran between "
                    "%.6f s and %.6f s of the recording",
                    rb->options.root_pid, (double)rb->from / 1e9, (double)rb->to / 1e9);
    } else {
        g_set_error(error, CP_ERROR, CP_ERROR_INPUT,
                    "no thread ran between %.6f s and %.6f s of the recording: nothing to "
                    "rebuild",
                    (double)rb->from / 1e9, (double)rb->to / 1e9);
    }
    return FALSE;
}

static gboolean derive(CpRebuild *rb, GError **error)
{
    rb->pieces = cp_pieces_new(rb->n_threads, error);
    if (rb->pieces == NULL || !read_records(rb, look, error) ||
        !read_records(rb, step, error)) {
        return FALSE;
    }
    close_part(rb, rb->to);
    make_order(rb);
    if (!cp_pieces_seal(rb->pieces, error)) {
        return FALSE;
    }
    return rb->order->len > 0 || nothing_kept(rb, error);
}

CpRebuild *cp_rebuild_new(CpCpr *cpr, const CpRebuildOptions *options, GError **error)
{
    static const CpRebuildOptions none = {0};
    CpRebuild *rb = alloc(cpr, options ? options : &none);
    root_of_recording(rb);
    choose_threads(rb);
    if (!derive(rb, error)) {
        cp_rebuild_free(rb);
        return NULL;
    }
    return rb;
}

void cp_rebuild_free(CpRebuild *rb)
{
    if (rb == NULL) {
        return;
    }
    for (uint32_t i = 0; i < rb->n_threads; i++) {
        g_clear_pointer(&rb->threads[i].last_wakes, g_array_unref);
    }
    cp_pieces_unref(rb->pieces);
    g_ptr_array_unref(rb->names);
    g_ptr_array_unref(rb->processes);
    g_free(rb->threads);
    g_free(rb->pids);
    g_free(rb->tids);
    g_free(rb->current);
    g_array_unref(rb->order);
    g_array_unref(rb->gils);
    g_free(rb->source);
    g_free(rb);
}

/* --- facts --- */

uint32_t cp_rebuild_n_threads(const CpRebuild *rb)
{
    return rb->order->len;
}

const CpRebuiltThread *cp_rebuild_thread(const CpRebuild *rb, uint32_t i)
{
    return &rb->threads[g_array_index(rb->order, uint32_t, i)].facts;
}

CpTime cp_rebuild_makespan(const CpRebuild *rb)
{
    CpTime first = CP_NEVER, last = 0;
    for (uint32_t i = 0; i < rb->order->len; i++) {
        const CpRebuiltThread *t = cp_rebuild_thread(rb, i);
        if (!t->foreign && t->cpu_time > 0) {
            first = MIN(first, t->first);
            last = MAX(last, t->last);
        }
    }
    return first == CP_NEVER ? 0 : last - first;
}

uint64_t cp_rebuild_rule_count(const CpRebuild *rb, CpRebuildRule rule)
{
    return rb->rules[rule];
}

char *cp_rebuild_report(const CpRebuild *rb)
{
    GString *out = g_string_new(NULL);
    uint32_t n_foreign = 0;
    uint64_t switches = 0;
    CpTime cpu = 0;
    for (uint32_t i = 0; i < rb->order->len; i++) {
        const CpRebuiltThread *t = cp_rebuild_thread(rb, i);
        n_foreign += t->foreign;
        cpu += t->foreign ? 0 : t->cpu_time;
        switches += t->voluntary + t->involuntary;
    }
    g_string_append_printf(
        out,
        "%u threads (%u of them load from others), %.6f s of CPU time in "
        "%.6f s, %" G_GUINT64_FORMAT " times off a CPU\n",
        rb->order->len, n_foreign, (double)cpu / 1e9, (double)cp_rebuild_makespan(rb) / 1e9,
        switches);
    for (unsigned i = 0; i < CP_RULES; i++) {
        if (rb->rules[i] > 0) {
            g_string_append_printf(out,
                                   "  %" G_GUINT64_FORMAT " waits ended by rule '%s'\n",
                                   rb->rules[i], rule_names[i]);
        }
    }
    return g_string_free(out, FALSE);
}
