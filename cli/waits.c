#include "cli/waits.h"

#include "sim/params.h"

#include <string.h>

/* Which waits are worth a word. */

typedef struct {
    const char *name; /* for people */
    const char *metric;
    uint32_t kinds; /* of objects that are waited for so, bits by CpObjKind */
} Cause;

enum { SLEEP, LOCK, SYNC, QUEUE, IO, JOIN, GIL, RUNTIME, OUTSIDE, CAUSES };

static const Cause causes[CAUSES] = {
    [SLEEP] = {"sleep", "blocked.sleep", 0},
    [LOCK] = {"lock", "blocked.lock",
              1 << CP_OBJ_LOCK | 1 << CP_OBJ_RLOCK | 1 << CP_OBJ_RWLOCK |
                  1 << CP_OBJ_OBJECT},
    [SYNC] = {"sync", "blocked.sync",
              1 << CP_OBJ_SEMAPHORE | 1 << CP_OBJ_CONDITION | 1 << CP_OBJ_EVENT |
                  1 << CP_OBJ_BARRIER},
    [QUEUE] = {"queue", "blocked.queue",
               1 << CP_OBJ_QUEUE | 1 << CP_OBJ_PIPE | 1 << CP_OBJ_SOCKET},
    [IO] = {"I/O", "blocked.io", 1 << CP_OBJ_DEVICE},
    [JOIN] = {"join", "blocked.join", 0},
    [GIL] = {"GIL", "gil_wait", 0},
    [RUNTIME] = {"loop or pool", "blocked.runtime", 0},
    [OUTSIDE] = {"outside", "blocked.outside", 0},
};

typedef struct {
    CpTime of[CAUSES];
    CpTime all;
} Waits;

static CpTime value_of(const CpSim *sim, CpScope scope, const char *name, uint32_t subject)
{
    int64_t value = 0;
    return cp_metric_named(sim, scope, name, subject, &value) ? value : 0;
}

/* Waiting for an interpreter's lock is part of what a runtime waits for; a waiter that
 * comes to look is on a CPU meanwhile. */
static void collect(const CpSim *sim, CpScope scope, uint32_t subject, Waits *w)
{
    for (unsigned i = 0; i < CAUSES; i++) {
        w->of[i] = value_of(sim, scope, causes[i].metric, subject);
    }
    w->of[GIL] = MIN(w->of[GIL], w->of[RUNTIME]);
    w->of[RUNTIME] -= w->of[GIL];
    w->all = 0;
    for (unsigned i = 0; i < CAUSES; i++) {
        w->all += w->of[i];
    }
}

/* The cause with most time below `limit`; CAUSES: none. */
static unsigned next_cause(const Waits *w, const bool *taken)
{
    unsigned best = CAUSES;
    for (unsigned i = 0; i < CAUSES; i++) {
        if (!taken[i] && w->of[i] > 0 && (best == CAUSES || w->of[i] > w->of[best])) {
            best = i;
        }
    }
    return best;
}

char *cp_waits_cell(const CpSim *sim, uint32_t tid)
{
    int64_t known;
    if (!cp_metric_named(sim, CP_SCOPE_THREAD, "blocked.sleep", tid, &known)) {
        return g_strdup("-");
    }
    Waits w;
    bool taken[CAUSES] = {false};
    GString *out = g_string_new(NULL);
    collect(sim, CP_SCOPE_THREAD, tid, &w);
    for (unsigned n = 0; n < 2; n++) {
        unsigned i = next_cause(&w, taken);
        double share = i < CAUSES ? (double)w.of[i] / (double)w.all * 100 : 0;
        if (share < 5) {
            break;
        }
        taken[i] = true;
        g_string_append_printf(out, "%s%s", n > 0 ? ", " : "", causes[i].name);
        if (share < 99.5) {
            g_string_append_printf(out, " %.0f %%", share);
        }
    }
    return g_string_free(out, FALSE);
}

/* New text: the object of these kinds that was waited for longest, " ('inbox' 12 ms)"; "":
 * there is none. */
static char *worst_object(const CpScenario *s, const CpSim *sim, const Cause *cause)
{
    const CpWorkload *w = s->workload;
    CpTime longest = 0;
    uint32_t worst = CP_NONE;
    for (uint32_t i = 0; i < cp_metric_subjects(sim, CP_SCOPE_OBJECT); i++) {
        bool fits = (cause->kinds >> cp_obj_decl(w, i)->kind & 1) != 0;
        CpTime wait = fits ? value_of(sim, CP_SCOPE_OBJECT, "wait", i) : 0;
        if (wait > longest) {
            longest = wait;
            worst = i;
        }
    }
    if (worst == CP_NONE) {
        return g_strdup("");
    }
    g_autofree char *name =
        cp_clean_text(cp_workload_text(w, cp_obj_decl(w, worst)->name), -1);
    return g_strdup_printf(" ('%s')", name);
}

void cp_waits_line(const CpScenario *scenario, const CpSim *sim, GString *out)
{
    Waits w;
    bool taken[CAUSES] = {false};
    collect(sim, CP_SCOPE_RUN, 0, &w);
    CpTime queued = value_of(sim, CP_SCOPE_RUN, "runq_wait", 0);
    g_autofree char *waiting = cp_format_time_human(queued);
    g_autofree char *blocked = cp_format_time_human(w.all);
    g_string_append_printf(out, "waiting   %s for a CPU    blocked %s", waiting, blocked);
    for (unsigned n = 0;; n++) {
        unsigned i = next_cause(&w, taken);
        if (i == CAUSES) {
            break;
        }
        taken[i] = true;
        g_autofree char *time = cp_format_time_human(w.of[i]);
        g_autofree char *object = worst_object(scenario, sim, &causes[i]);
        g_string_append_printf(out, "%s %s %s%s", n == 0 ? ":" : ",", causes[i].name, time,
                               object);
    }
    g_string_append_c(out, '\n');
}
