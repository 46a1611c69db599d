#include "cli/whatif-cause.h"

#include "lang/diag.h"
#include "sim/params.h"

#include <math.h>

/* What is said about a prediction.  The makespan is the length of the critical path, so
 * what changed on it is what made the difference; what all threads together wait for is
 * told beside it. */

static CpTime span(const CpMeasure *m)
{
    return m->last - m->first;
}

/* Nothing beside the whole. */
static bool is_small(CpTime part, CpTime whole)
{
    return ABS(part) <= whole / 200;
}

static double percent(CpTime part, CpTime whole)
{
    return whole > 0 ? (double)part / (double)whole * 100 : 0;
}

char *cp_cause_thread(const CpCpr *cpr, uint32_t id)
{
    const CpCprThread *t = cp_cpr_thread_at(cpr, id);
    const char *name = cp_cpr_text(cpr, t->name);
    return cp_clean_text(*name != '\0' ? name : cp_cpr_text(cpr, t->process), -1);
}

static void add_change(GString *out, CpTime before, CpTime after)
{
    g_autofree char *was = cp_format_time_human(before);
    g_autofree char *is = cp_format_time_human(after);
    g_string_append_printf(out, "%s instead of %s", is, was);
}

/* --- what changed --- */

static bool is_same_count(uint64_t a, uint64_t b)
{
    return fabs((double)a - (double)b) <= 0.005 * (double)MAX(a, b);
}

/* Whether no figure of the table is another one. */
static bool is_same(const CpMeasure *a, const CpMeasure *b)
{
    CpTime whole = MAX(a->cpu, span(a));
    return is_small(span(b) - span(a), span(a)) && is_small(b->cpu - a->cpu, a->cpu) &&
           is_small(b->run_wait - a->run_wait, whole) &&
           is_small(b->blocked - a->blocked, MAX(whole, a->blocked)) &&
           is_same_count(a->switches, b->switches);
}

/* Parts of the critical path, as a verb of those on it. */
typedef struct {
    const char *text;
    CpTime before, after;
} Part;

/* The part whose change goes the way of the effect and is largest; NULL: none is worth a
 * word. */
static const Part *main_part(const Part *parts, size_t n, CpTime effect)
{
    const Part *best = NULL;
    for (size_t i = 0; i < n; i++) {
        CpTime change = parts[i].after - parts[i].before;
        bool same_way = (change < 0) == (effect < 0);
        if (same_way && ABS(change) > ABS(effect) / 10 &&
            (best == NULL || ABS(change) > ABS(best->after - best->before))) {
            best = &parts[i];
        }
    }
    return best;
}

static void add_part(GString *out, const CpCause *c, CpTime effect)
{
    const CpPath *a = &c->before->path, *b = &c->after->path;
    const Part parts[] = {
        {"are on a CPU", a->run, b->run},
        {"wait for a CPU", a->queued, b->queued},
        {"wait for timers, devices and others", a->outside, b->outside},
        {"are off their CPU, nobody knows why,", a->unknown, b->unknown},
    };
    const Part *part = main_part(parts, G_N_ELEMENTS(parts), effect);
    if (part == NULL) {
        g_string_append(out, " by the order in which its threads run");
        return;
    }
    g_string_append_printf(out, ", because on its critical path threads %s ", part->text);
    add_change(out, part->before, part->after);
}

/* A wait of all threads together that changed by much beside the effect. */
static void add_together(GString *out, const CpCause *c, CpTime effect)
{
    const CpMeasure *a = c->before, *b = c->after;
    CpTime queued = b->run_wait - a->run_wait, lock = b->lock_wait - a->lock_wait,
           gil = b->gil_wait - a->gil_wait;
    CpTime least = MAX(ABS(effect) / 5, a->cpu / 100);
    if (ABS(queued) > least) {
        g_string_append(out, "; all threads together wait for a CPU ");
        add_change(out, a->run_wait, b->run_wait);
    }
    if (ABS(gil) > least) {
        g_string_append(out, ", for the GIL ");
        add_change(out, a->gil_wait, b->gil_wait);
    }
    if (ABS(lock) > least && b->lock != CP_NONE) {
        g_autofree char *name =
            cp_clean_text(cp_cpr_name_at(c->cpr, CP_REC_LOCK_WAIT, b->lock), -1);
        g_string_append_printf(out, ", for locks, most for '%s', ", name);
        add_change(out, a->lock_wait, b->lock_wait);
    }
}

static void add_effect(GString *out, const CpCause *c)
{
    const CpMeasure *a = c->before, *b = c->after;
    CpTime effect = span(b) - span(a);
    g_string_append_printf(out, "with %s the program ", c->change);
    if (is_same(a, b)) {
        g_autofree char *wait = cp_format_time_human(b->run_wait);
        g_string_append_printf(out,
                               "takes as long as before: nothing changed, its threads wait "
                               "%s for a CPU",
                               wait);
        return;
    }
    if (is_small(effect, span(a))) {
        g_string_append(out, "takes as long as before");
        if (!is_small(b->run_wait - a->run_wait, MAX(a->run_wait, a->cpu))) {
            g_string_append(out, ": its threads wait for a CPU ");
            add_change(out, a->run_wait, b->run_wait);
            g_string_append(out, ", but not those on its critical path");
        }
        return;
    }
    g_string_append_printf(out, "is %.1f %% %s", fabs(percent(effect, span(a))),
                           effect < 0 ? "shorter" : "longer");
    add_part(out, c, effect);
    add_together(out, c, effect);
}

/* --- what bounds it --- */

/* Which lock, or thread, the others wait for.  Locks are known where they were recorded; a
 * rebuilt program waits for the threads that held them. */
static void add_awaited(GString *out, const CpCause *c)
{
    const CpMeasure *b = c->after, *r = c->recorded;
    bool has_lock = b->lock != CP_NONE && b->lock_wait > span(b) / 10;
    bool had_lock = r->lock != CP_NONE && r->lock_wait > span(r) / 10;
    if (has_lock || had_lock) {
        const CpMeasure *m = has_lock ? b : r;
        const CpCpr *cpr = has_lock ? c->cpr : c->recording;
        g_autofree char *name =
            cp_clean_text(cp_cpr_name_at(cpr, CP_REC_LOCK_WAIT, m->lock), -1);
        g_autofree char *time = cp_format_time_human(m->lock_wait);
        g_string_append_printf(out, "; threads wait%s %s for locks, most for '%s'",
                               has_lock ? "" : "ed", time, name);
    } else if (MAX(b->gil_wait, r->gil_wait) > span(b) / 10) {
        g_autofree char *time = cp_format_time_human(MAX(b->gil_wait, r->gil_wait));
        g_string_append_printf(out, "; threads wait%s %s for the GIL",
                               b->gil_wait > 0 ? "" : "ed", time);
    } else if (b->awaited != CP_NONE && b->awaited_time > span(b) / 10) {
        g_autofree char *name = cp_cause_thread(c->cpr, b->awaited);
        g_autofree char *time = cp_format_time_human(b->awaited_time);
        g_string_append_printf(out, "; of other threads most wait for '%s', %s", name,
                               time);
    }
}

/* What the time is made of now, and whether more cores can help. */
static void add_bound(GString *out, const CpCause *c)
{
    const CpMeasure *b = c->after;
    CpTime run, whole = span(b);
    uint32_t most = cp_path_most(&b->path, &run);
    g_autofree char *name = most != CP_NONE ? cp_cause_thread(c->cpr, most) : NULL;
    double busy = percent(run, whole);
    if (name != NULL && busy > 95) {
        g_string_append_printf(
            out,
            ". One thread, '%s', computes %.0f %% of that time: more cores cannot help",
            name, busy);
        return;
    }
    g_string_append_printf(out, ". Of that time %.0f %% on the critical path is on a CPU",
                           percent(b->path.run, whole));
    if (name != NULL && busy >= 1) {
        g_string_append_printf(out, ", most of it '%s'", name);
    }
    if (!is_small(b->path.outside, whole)) {
        g_string_append_printf(out, "; %.0f %% waits for timers, devices and others",
                               percent(b->path.outside, whole));
    }
    if (!is_small(b->path.unknown, whole)) {
        g_string_append_printf(out, "; of %.0f %% nothing is told",
                               percent(b->path.unknown, whole));
    }
    add_awaited(out, c);
    if (percent(b->path.queued, whole) < 1) {
        g_string_append(out, "; hardly any waits for a CPU: more cores cannot help");
        return;
    }
    g_string_append_printf(out, "; %.0f %% waits for a CPU",
                           percent(b->path.queued, whole));
    if (b->queued != CP_NONE) {
        g_autofree char *queued = cp_cause_thread(c->cpr, b->queued);
        g_autofree char *time = cp_format_time_human(b->queued_time);
        g_string_append_printf(out, ", longest of all threads '%s', %s", queued, time);
    }
}

char *cp_cause_text(const CpCause *cause)
{
    GString *out = g_string_new(NULL);
    add_effect(out, cause);
    add_bound(out, cause);
    g_string_append_c(out, '.');
    return g_string_free(out, FALSE);
}
