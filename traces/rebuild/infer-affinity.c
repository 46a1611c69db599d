#include "traces/rebuild/infer-work.h"

#include "sim/units.h"

/* Decides which threads were bound to some CPUs.
 *
 * A kernel that may choose gives a thread that wakes up an idle CPU, and takes one that
 * waits for a busy CPU to an idle one within a tick or two.  A thread that waits again and
 * again while a CPU is idle, and does not run there any more, may not use it.  Threads
 * inherit what they may use from the one that started them. */

enum { OFTEN = 10 }; /* wake-ups beside an idle CPU that are no chance */

/* --- evidence --- */

static InferBeside *beside(InferWork *w, InferThread *t)
{
    t->beside = t->beside ? t->beside : g_new0(InferBeside, w->n_cpus);
    return t->beside;
}

/* An idle time counts if it holds all of a wait after a wake-up, or a long part of any. */
static void add_wait(InferWork *w, const CpSpan *s)
{
    const InferSpan wait = {.who = s->thread, .cpu = s->cpu, .from = s->from, .to = s->to};
    CpTime length = s->to - s->from;
    for (CpCpu c = 0; c < w->n_cpus; c++) {
        CpTime until;
        bool is_own = c == s->cpu;
        if (w->idle[c]->len == 0 || (is_own && length < CP_INFER_OWN_MIN)) {
            continue;
        }
        CpTime idle = cp_infer_overlap(w->idle[c], &wait, &until);
        bool whole = !is_own && s->woken && idle == length && length > 0;
        if (whole || idle >= CP_INFER_OWN_MIN) {
            InferBeside *b = &beside(w, &w->threads[s->thread])[c];
            b->all += idle;
            b->since += idle;
            b->n += whole;
        }
    }
}

static void add_span(void *data, const CpSpan *s)
{
    InferWork *w = data;
    if (s->thread >= w->n_threads || s->cpu >= w->n_cpus || w->info[s->thread].kernel ||
        w->out->threads[s->thread].group != CP_NONE) {
        return;
    }
    InferThread *t = &w->threads[s->thread];
    if (s->state == CP_SEEN_RUNNING && s->to > s->from && t->beside != NULL) {
        t->beside[s->cpu].since = 0;
        t->beside[s->cpu].n = 0;
    } else if (s->state == CP_SEEN_RUNNABLE && s->end == CP_END_RUNS) {
        add_wait(w, s);
    }
}

static void add_record(void *data, const CpTimeline *tl, const CpRecord *r,
                       const CpRecord *more)
{
    InferWork *w = data;
    (void)tl; /* who started whom does not depend on what is going on */
    if (cp_record_kind(r) == CP_REC_FORK && more != NULL && r->id < w->n_threads) {
        w->threads[r->id].parent = more->id < r->id ? more->id : CP_NONE;
    }
}

/* --- what follows from it --- */

/* No small part of all its waiting. */
static bool is_much(const InferThread *t, CpTime time)
{
    return time > 0 && time * 10 >= t->waited;
}

/* It was kept from the CPU, and did not use it afterwards. */
static bool is_kept_from(const InferThread *t, CpCpu c)
{
    const InferBeside *b = t->beside != NULL ? &t->beside[c] : NULL;
    return b != NULL && is_much(t, b->since) &&
           (b->since >= CP_INFER_TICK || (b->since >= CP_INFER_OWN_MIN && b->n >= OFTEN));
}

/* It was kept from the CPU for long, but ran there later: no affinity is behind it. */
static bool is_odd(const InferThread *t, CpCpu c)
{
    CpTime before = t->beside != NULL ? t->beside[c].all - t->beside[c].since : 0;
    return before >= CP_INFER_TICK && is_much(t, before);
}

/* Whether affinity explains what happened to the thread; *mask: what it may use then. */
static bool is_bound(const InferWork *w, const InferThread *t, CpCpuMask *mask)
{
    bool kept = false, odd = false;
    *mask = t->ran;
    for (CpCpu c = 0; t->beside != NULL && c < w->n_cpus; c++) {
        if (is_kept_from(t, c)) {
            kept = true;
            cp_cpumask_clear(mask, c);
        }
        odd |= is_odd(t, c);
    }
    return kept && !odd && cp_cpumask_count(mask) > 0;
}

/* CPUs that those threads of the process use that were kept from others; false: they were
 * kept from some of these too, so each has its own. */
static bool process_cpus(const InferWork *w, int64_t pid, CpCpuMask *all)
{
    *all = (CpCpuMask){{0}};
    for (uint32_t i = 0; i < w->n_threads; i++) {
        CpCpuMask mask;
        if (w->info[i].pid == pid && is_bound(w, &w->threads[i], &mask)) {
            for (size_t k = 0; k < G_N_ELEMENTS(mask.bits); k++) {
                all->bits[k] |= mask.bits[k];
            }
        }
    }
    for (uint32_t i = 0; i < w->n_threads; i++) {
        for (CpCpu c = 0; w->info[i].pid == pid && c < w->n_cpus; c++) {
            if (is_kept_from(&w->threads[i], c) && cp_cpumask_has(all, c)) {
                return false;
            }
        }
    }
    return true;
}

static void limit_bound(InferWork *w)
{
    uint32_t n = 0, example = CP_NONE;
    CpTime waited = 0;
    CpCpuMask idle = {{0}};
    for (uint32_t i = 0; i < w->n_threads; i++) {
        const InferThread *t = &w->threads[i];
        CpCpuMask own, all;
        if (!is_bound(w, t, &own)) {
            continue;
        }
        cp_infer_limit(w, i, process_cpus(w, w->info[i].pid, &all) ? &all : &own);
        CpTime most = 0;
        for (CpCpu c = 0; c < w->n_cpus; c++) {
            if (is_kept_from(t, c)) {
                cp_cpumask_set(&idle, c);
                most = MAX(most, t->beside[c].since);
            }
        }
        waited += most;
        w->out->threads[i].bound = true;
        example = n++ == 0 ? i : example;
    }
    if (n == 0) {
        return;
    }
    g_autofree char *beside_text = cp_infer_cpus_text(&idle);
    g_autofree char *allowed = cp_infer_cpus_text(&w->out->threads[example].cpus);
    g_autofree char *time = cp_format_time_human(waited);
    cp_infer_say(
        w,
        "affinity inferred for '%s'%s: runnable for %s while %s, not used then, %s idle: "
        "bound to %s%s on the recorded machine; with a number of cores given it may use "
        "all of these",
        w->info[example].name, n > 1 ? " and others" : "", time, beside_text,
        cp_cpumask_count(&idle) > 1 ? "were" : "was", allowed,
        n > 1 ? " (others: to those they used)" : "");
}

/* --- who is bound with them --- */

/* Nothing speaks against the thread being bound so: a CPU outside was used before the
 * binding, if at all. */
static bool fits(const InferWork *w, const InferThread *t, const CpCpuMask *mask)
{
    bool good = true;
    for (CpCpu c = 0; good && c < w->n_cpus; c++) {
        bool left = t->beside != NULL && (t->beside[c].n > 0 || t->beside[c].since > 0);
        good = !cp_cpumask_has(&t->ran, c) || cp_cpumask_has(mask, c) || left;
    }
    return good;
}

static void inherit(InferWork *w, uint32_t i, uint32_t from)
{
    const CpInferredThread *other = &w->out->threads[from];
    CpInferredThread *t = &w->out->threads[i];
    if (other->bound && !t->limited && !w->info[i].kernel && t->group == CP_NONE &&
        fits(w, &w->threads[i], &other->cpus)) {
        cp_infer_limit(w, i, &other->cpus);
        t->bound = true;
    }
}

/* Threads of a process, and those that started each other, are bound alike. */
static void widen(InferWork *w)
{
    g_autoptr(GHashTable) first = g_hash_table_new(g_int64_hash, g_int64_equal);
    for (uint32_t i = 0; i < w->n_threads; i++) {
        if (w->out->threads[i].bound && !g_hash_table_contains(first, &w->info[i].pid)) {
            g_hash_table_insert(first, (void *)&w->info[i].pid, GUINT_TO_POINTER(i));
        }
    }
    for (uint32_t i = w->n_threads; i-- > 0;) {
        if (w->threads[i].parent != CP_NONE) {
            inherit(w, w->threads[i].parent, i);
        }
    }
    for (uint32_t i = 0; i < w->n_threads; i++) {
        void *same;
        if (w->threads[i].parent != CP_NONE) {
            inherit(w, i, w->threads[i].parent);
        }
        if (g_hash_table_lookup_extended(first, &w->info[i].pid, NULL, &same)) {
            inherit(w, i, GPOINTER_TO_UINT(same));
        }
    }
}

gboolean cp_infer_affinity(InferWork *w, CpCpr *cpr, const CpWalk *part, GError **error)
{
    static const CpTimelineHooks hooks = {.each = add_record, .span = add_span};
    if (w->n_idle == 0) {
        return TRUE; /* nobody waited beside an idle CPU */
    }
    if (!cp_walk(cpr, part, &hooks, w, error)) {
        return FALSE;
    }
    limit_bound(w);
    widen(w);
    return TRUE;
}
