#include "traces/rebuild/reading.h"

/* Decides who woke whom: whether somebody of the recording ended a wait, and whether that
 * was a join. */

/* A lock dropped longer ago than this did not wake the thread that now runs again. */
#define DROP_NEAR (500 * CP_US)
/* Nor did the end of a child so long ago. */
#define END_NEAR  (200 * CP_US)

static RebuildThread *thread_at(CpRebuild *rb, uint32_t id)
{
    return &rb->threads[id];
}

static bool runs(const CpRebuild *rb, uint32_t id)
{
    return cp_rebuild_is_kept(rb, id) && rb->timeline->threads[id].state == CP_SEEN_RUNNING;
}

/* Since when it is off its CPU, within the part. */
static CpTime off_since(const CpRebuild *rb, const RebuildThread *t)
{
    return MAX(cp_rebuild_seen(rb, t)->since, rb->from);
}

/* --- pieces --- */

/* The author's side of a wake-up; `wait` is the place of the sleeper's.  The last ones
 * towards the thread that started the author are kept: it may have been joining it. */
static int64_t add_wake(CpRebuild *rb, RebuildThread *author, uint32_t sleeper,
                        int64_t wait, CpRebuildRule rule)
{
    int64_t place = cp_rebuild_add(
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

/* A wait that lasted until now, for somebody or for nobody.  One that ends before the first
 * piece is the thread's start.  Returns the place of the piece, 0: none. */
static int64_t end_wait(CpRebuild *rb, RebuildThread *t, CpTime now, uint32_t author,
                        CpRebuildRule rule)
{
    bool named = author != CP_NONE;
    bool was_off = cp_rebuild_seen(rb, t)->state != CP_SEEN_RUNNING;
    int64_t place = 0;
    cp_rebuild_settle(rb, t, now);
    if (!named && !t->begun && t->spawned_by == CP_NONE) {
        cp_rebuild_begin(t, now - rb->from, t->cpu);
    } else {
        place = cp_rebuild_add(rb, t,
                               (CpPiece){.kind = named ? CP_PIECE_WAIT : CP_PIECE_DELAY,
                                         .value = was_off ? now - off_since(rb, t) : 0,
                                         .thread = named ? author : 0,
                                         .rule = (uint8_t)rule});
        cp_rebuild_begin(t, 0, t->cpu);
    }
    rb->rules[rule]++;
    t->waits += named;
    t->by_author += named && rule == CP_RULE_AUTHOR;
    t->named += named;
    t->unnamed += !named && rule == CP_RULE_OUTSIDE;
    t->awake = true;
    return place;
}

void cp_rebuild_unseen(CpRebuild *rb, RebuildThread *t, CpTime now)
{
    end_wait(rb, t, now, CP_NONE, CP_RULE_UNSEEN);
}

/* --- who did it --- */

/* The lock of an interpreter has changed hands a moment ago.  One who asked for it was
 * woken by the one who dropped it; one who dropped it, and waits until somebody has taken
 * it, by the one who took it. */
static uint32_t lock_partner(const CpRebuild *rb, const RebuildThread *t, CpTime now)
{
    if (t->gil >= rb->gils->len) {
        return CP_NONE;
    }
    const RebuildGil *gil = &g_array_index(rb->gils, RebuildGil, t->gil);
    if (gil->dropped == INT64_MIN || now - gil->dropped > DROP_NEAR) {
        return CP_NONE;
    }
    if (gil->dropper == t->facts.id) {
        uint32_t taker = gil->taken >= gil->dropped ? gil->taker : gil->asker;
        return taker != t->facts.id && runs(rb, taker) ? taker : CP_NONE;
    }
    bool asked = t->asked != INT64_MIN && gil->dropped >= t->asked;
    return asked && cp_rebuild_is_kept(rb, gil->dropper) ? gil->dropper : CP_NONE;
}

/* --- answers --- */

uint32_t cp_rebuild_pair(CpRebuild *rb, uint32_t waker, uint32_t other)
{
    int64_t key = cp_pair_key(waker, other);
    uint32_t found = GPOINTER_TO_UINT(g_hash_table_lookup(rb->pair_of, &key));
    if (found == 0) {
        const RebuildPair pair = {waker, other, 0};
        g_array_append_val(rb->pairs, pair);
        found = rb->pairs->len;
        g_hash_table_insert(rb->pair_of, g_memdup2(&key, sizeof key),
                            GUINT_TO_POINTER(found));
    }
    return found - 1;
}

/* Index of the due that waits for an answer of the other; len: none. */
static guint open_due(const RebuildThread *t, uint32_t other)
{
    guint i = 0, n = t->dues != NULL ? t->dues->len : 0;
    while (i < n && (g_array_index(t->dues, RebuildDue, i).other != other ||
                     g_array_index(t->dues, RebuildDue, i).answered)) {
        i++;
    }
    return i;
}

/* It did wait for the other, and was woken: nothing is hidden. */
static void drop_due(RebuildThread *t, uint32_t other)
{
    guint i = open_due(t, other);
    if (t->dues != NULL && i < t->dues->len) {
        g_array_remove_index(t->dues, i);
    }
}

void cp_rebuild_answer(CpRebuild *rb, RebuildThread *t, CpTime now)
{
    RebuildThread *waker = t->woken_by != CP_NONE ? thread_at(rb, t->woken_by) : NULL;
    t->woken_by = CP_NONE;
    if (waker == NULL || waker->ended) {
        return;
    }
    cp_rebuild_settle(rb, waker, now);
    guint i = open_due(waker, t->facts.id);
    if (waker->dues != NULL && i < waker->dues->len) {
        RebuildDue *due = &g_array_index(waker->dues, RebuildDue, i);
        uint32_t pair = cp_rebuild_pair(rb, waker->facts.id, t->facts.id);
        due->answered = true;
        due->place =
            cp_rebuild_add(rb, t, (CpPiece){.kind = CP_PIECE_ANSWER, .thread = pair});
    }
}

/* The waker has to wait for the sleeper's answer so far on.  Where it was not seen to wait,
 * it goes on up to the next time it wakes the same one: that a wake-up was recorded says
 * that the other one waited again.  Threads of the kernel and of other programs are not
 * waited for. */
static void add_due(CpRebuild *rb, RebuildThread *author, RebuildThread *sleeper)
{
    drop_due(author, sleeper->facts.id);
    sleeper->woken_by = CP_NONE;
    if (author->foreign || sleeper->foreign) {
        return;
    }
    CpTime lead = cp_lead_of(rb->leads, author->facts.id, sleeper->facts.id);
    const RebuildDue due = {.other = sleeper->facts.id,
                            .at = lead == CP_NEVER ? CP_NEVER
                                                   : author->facts.cpu_time + lead};
    if (author->dues == NULL) {
        author->dues = g_array_new(FALSE, FALSE, sizeof(RebuildDue));
    }
    g_array_append_val(author->dues, due);
    sleeper->woken_by = author->facts.id;
}

/* It is about to wake the other again, which has waited for that. */
static void pay_due_to(CpRebuild *rb, RebuildThread *t, uint32_t other)
{
    for (guint i = t->dues != NULL ? t->dues->len : 0; i-- > 0;) {
        const RebuildDue *due = &g_array_index(t->dues, RebuildDue, i);
        if (due->other == other && due->at == CP_NEVER && due->answered) {
            g_array_remove_index(t->dues, i);
            cp_rebuild_wait_answer(rb, t, other);
        }
    }
}

void cp_rebuild_forget_dues(CpRebuild *rb, RebuildThread *t)
{
    for (guint i = 0; t->dues != NULL && i < t->dues->len; i++) {
        const RebuildDue *due = &g_array_index(t->dues, RebuildDue, i);
        if (due->answered) {
            cp_pieces_take_back(rb->pieces, due->other, due->place);
        }
    }
    g_clear_pointer(&t->dues, g_array_unref);
}

/* Puts the author's WAKE and the sleeper's WAIT, which know each other. */
static void link_wake(CpRebuild *rb, RebuildThread *t, uint32_t author, CpTime now,
                      CpRebuildRule rule)
{
    RebuildThread *a = thread_at(rb, author);
    int64_t wait = end_wait(rb, t, now, author, rule);
    cp_rebuild_settle(rb, a, now);
    pay_due_to(rb, a, t->facts.id);
    add_wake(rb, a, t->facts.id, wait, rule);
    drop_due(t, author);
    add_due(rb, a, t);
    cp_rebuild_owe(a, rb->cost[CP_COST_WAKE]);
    uint32_t cpu = cp_rebuild_seen(rb, t)->cpu;
    if (cpu != cp_rebuild_seen(rb, a)->cpu &&
        cp_timeline_running(rb->timeline, cpu) == CP_NONE) {
        cp_rebuild_owe(a, rb->cost[CP_COST_WAKE_IPI]);
    }
}

/* The sleeper's child ended a moment ago on another CPU: it was joining it. */
static bool joins(CpRebuild *rb, RebuildThread *t, CpTime now)
{
    CpTime since = off_since(rb, t);
    if (t->ended_child == CP_NONE || t->child_end < since ||
        now - t->child_end > END_NEAR) {
        return false;
    }
    cp_rebuild_settle(rb, t, now);
    t->last_join = cp_rebuild_add(rb, t,
                                  (CpPiece){.kind = CP_PIECE_JOIN,
                                            .value = now - since,
                                            .thread = t->ended_child,
                                            .rule = CP_RULE_JOIN});
    rb->rules[CP_RULE_JOIN]++;
    t->ended_child = CP_NONE;
    t->awake = true;
    return true;
}

/* The thread's wait has been ended by `author`, if that can be. */
static void wake(CpRebuild *rb, RebuildThread *t, uint32_t author, CpTime now,
                 CpRebuildRule rule)
{
    if (author == t->facts.id || !runs(rb, author)) {
        author = lock_partner(rb, t, now);
        rule = CP_RULE_LOCK;
    }
    if (author != CP_NONE && author != t->facts.id) {
        link_wake(rb, t, author, now, rule);
    } else if (!joins(rb, t, now)) {
        end_wait(rb, t, now, CP_NONE, CP_RULE_OUTSIDE);
    }
}

/* A thread whose state at switch-out was not known did sleep if somebody woke it. */
static bool sleeps(const CpRebuild *rb, const RebuildThread *t)
{
    uint8_t state = cp_rebuild_seen(rb, t)->state;
    return rb->open && t->kept && !t->awake && !t->ended &&
           (state == CP_SEEN_BLOCKED || state == CP_SEEN_NOT || state == CP_SEEN_OFF);
}

void cp_rebuild_on_waking(CpRebuild *rb, const CpRecord *r, CpTime now)
{
    RebuildThread *t = thread_at(rb, r->id);
    uint32_t current = cp_timeline_running(rb->timeline, r->cpu);
    if (!sleeps(rb, t)) {
        t->early_by = r->arg & CP_WAKING_IRQ ? CP_NONE : current;
        return;
    }
    if ((r->arg & CP_WAKING_IRQ) && runs(rb, current)) {
        cp_rebuild_owe(thread_at(rb, current), rb->cost[CP_COST_TIMER]);
    }
    wake(rb, t, r->arg & CP_WAKING_IRQ ? CP_NONE : current, now, CP_RULE_WAKING);
}

void cp_rebuild_early(CpRebuild *rb, RebuildThread *t, CpTime now)
{
    uint32_t author = t->early_by;
    if (author != t->facts.id && cp_rebuild_is_kept(rb, author) &&
        !thread_at(rb, author)->ended) {
        link_wake(rb, t, author, now, CP_RULE_WAKING);
    } else {
        end_wait(rb, t, now, CP_NONE, CP_RULE_OUTSIDE);
    }
}

void cp_rebuild_on_wakeup(CpRebuild *rb, const CpRecord *r, CpTime now)
{
    RebuildThread *t = thread_at(rb, r->id);
    if (!sleeps(rb, t)) {
        return;
    }
    t->cpu = t->cpu == CP_NONE ? r->cpu : t->cpu;
    /* Where waking events exist, a wake-up without one comes from outside. */
    bool named = CP_WAKEUP_CAUSE(r->arg) == CP_WAKE_THREAD && !rb->has_waking;
    uint32_t author =
        named ? cp_timeline_running(rb->timeline, CP_WAKEUP_AUTHOR(r)) : CP_NONE;
    wake(rb, t, author, now, CP_RULE_AUTHOR);
}

void cp_rebuild_on_gil(CpRebuild *rb, CpRecordKind kind, uint32_t gil, uint32_t id,
                       CpTime now)
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

/* --- what it was in the end --- */

void cp_rebuild_note_all_joined(CpRebuild *rb, RebuildThread *t)
{
    /* A thread that waited for one of its children to end, and started others only after
     * all had ended, waited for all of them: on another machine another one may be the
     * last. */
    if (t->last_join != 0 && t->live_children == 0) {
        cp_pieces_change(rb->pieces, t->facts.id, t->last_join, CP_PIECE_JOIN_ALL);
    }
    t->last_join = 0;
}

void cp_rebuild_find_join(CpRebuild *rb, RebuildThread *t)
{
    if (t->spawned_by == CP_NONE) {
        return;
    }
    RebuildThread *p = thread_at(rb, t->spawned_by);
    for (guint i = 0; t->exiting && t->last_wakes != NULL && i < t->last_wakes->len; i++) {
        const RebuildWake *w = &g_array_index(t->last_wakes, RebuildWake, i);
        rb->rules[w->rule]--;
        rb->rules[CP_RULE_JOIN]++;
        p->waits--;
        p->by_author -= w->rule == CP_RULE_AUTHOR;
        p->last_join = w->wait;
        cp_pieces_change(rb->pieces, t->spawned_by, w->wait, CP_PIECE_JOIN);
        cp_pieces_take_back(rb->pieces, t->facts.id, w->place);
    }
}

void cp_rebuild_outvote(CpRebuild *rb, RebuildThread *t)
{
    if (t->by_author > 0 && t->unnamed > 2 * t->named) {
        cp_pieces_outvote(rb->pieces, t->facts.id, CP_RULE_AUTHOR);
        rb->rules[CP_RULE_AUTHOR] -= t->by_author;
        rb->rules[CP_RULE_OUTVOTED] += t->by_author;
        t->waits -= t->by_author;
    }
}
