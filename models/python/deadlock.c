#include "models/python/py.h"

#include "sim/sim.h"

#include <stdlib.h>
#include <string.h>

/* What is said of interpreters at the end of a run: which threads spent most of their time
 * waiting for a lock, for whom, whether waiters were woken in vain, and whether loops kept
 * up. */

enum { SHOWN = 5, INTERVALS_MIN = 10, WASTED_MIN = 1000, FEW_LAGS = 5 };

#define OVERLOAD_LAG (50 * CP_MS)
#define CLEAR_LAG    CP_S

/* Most of the waiting is one thread's doing if it outweighs all others together: a vote
 * weighted by time finds it with one counter. */
void py_blame(PyThread *t, CpTid holder, CpTime waited)
{
    cp_assert(waited > 0 && t->blamed_ns >= 0);
    if (t->blamed == holder) {
        t->blamed_ns += waited;
    } else if (waited > t->blamed_ns) {
        t->blamed = holder;
        t->blamed_ns = waited - t->blamed_ns;
    } else {
        t->blamed_ns -= waited;
    }
}

/* --- the share of waiting --- */

typedef struct {
    CpTid tid;
    CpTime wait;
    int64_t ppm;
} Waiter;

static bool waited_much(CpSim *sim, CpTid tid, Waiter *out)
{
    const PyThread *t = py_thread(sim, tid);
    const CpProcess *proc = &sim->procs[cp_thread(sim, tid)->proc];
    if (t->boot == 0) {
        return false;
    }
    const int64_t *v = ((const PyProc *)proc->data)->v;
    out->tid = tid;
    return cp_metric_named(sim, CP_SCOPE_THREAD, "gil_wait", tid, &out->wait) &&
           out->wait >= INTERVALS_MIN * v[PYP_INTERVAL] &&
           cp_metric_named(sim, CP_SCOPE_THREAD, "gil_wait_share", tid, &out->ppm) &&
           out->ppm > v[PYP_WAITING];
}

static int by_share(const void *a, const void *b)
{
    const Waiter *x = a, *y = b;
    return x->ppm != y->ppm ? (x->ppm < y->ppm ? 1 : -1)
                            : (x->tid > y->tid) - (x->tid < y->tid);
}

/* Who held the GIL for most of the waiting, CP_NONE: several did.  A thread that waits
 * still has blamed nobody for that. */
static CpTid culprit(const CpSim *sim, const Waiter *w)
{
    const PyThread *t = py_thread(sim, w->tid);
    CpTid holder = t->blamed;
    if (t->gil_wait < w->wait / 2) {
        holder = py_gil(sim, t->gil)->last_holder;
    } else if (t->blamed_ns < t->gil_wait / 2) {
        holder = CP_NONE;
    }
    return holder == w->tid ? CP_NONE : holder;
}

/* "io waited 82 % of its time (4.10 s) for the GIL, held by cpu" */
static void describe(const CpSim *sim, const Waiter *w, GString *out)
{
    CpTid holder = culprit(sim, w);
    g_autofree char *name = cp_sim_thread_name(sim, w->tid);
    g_autofree char *time = cp_format_time_human(w->wait);
    g_autofree char *other = holder != CP_NONE ? cp_sim_thread_name(sim, holder) : NULL;
    g_string_append_printf(
        out, "%s%s waited %" G_GINT64_FORMAT " %% of its time (%s) for the GIL, held by %s",
        out->len > 0 ? "\n" : "", name, (w->ppm + 5000) / 10000, time,
        other != NULL ? other : "others in turn");
}

static void diagnose_waiting(CpSim *sim)
{
    g_autoptr(GArray) waiters = g_array_new(FALSE, FALSE, sizeof(Waiter));
    for (CpTid tid = 0; tid < sim->tables.thread.n; tid++) {
        Waiter w;
        if (py_is_python(sim, cp_thread(sim, tid)->proc) && waited_much(sim, tid, &w)) {
            g_array_append_val(waiters, w);
        }
    }
    if (waiters->len == 0) {
        return;
    }
    qsort(waiters->data, waiters->len, sizeof(Waiter), by_share);
    CpTid threads[SHOWN];
    uint32_t n = MIN(waiters->len, SHOWN);
    g_autoptr(GString) text = g_string_new(NULL);
    for (uint32_t i = 0; i < n; i++) {
        const Waiter *w = &g_array_index(waiters, Waiter, i);
        threads[i] = w->tid;
        describe(sim, w, text);
    }
    if (waiters->len > n) {
        g_string_append_printf(text, "\nand %u more threads waited most of their time",
                               waiters->len - n);
    }
    cp_diagnose(sim, "waiting for the GIL", threads, n, "%s", text->str);
}

/* --- wake-ups in vain --- */

static void diagnose_wasted(CpSim *sim)
{
    for (uint32_t i = 0; i < py_sim(sim)->gils.n; i++) {
        const PyGil *g = py_gil(sim, i);
        if (g->wasted < WASTED_MIN || g->wasted < g->switches) {
            continue;
        }
        uint64_t woken = g->wasted + g->switches;
        cp_diagnose(sim, "wasted wake-ups", &g->last_holder, g->last_holder != CP_NONE,
                    "%" G_GUINT64_FORMAT " times a thread that waits for the GIL was woken "
                    "and found it taken again: %" G_GUINT64_FORMAT
                    " of 100 such wake-ups were in vain",
                    g->wasted, g->wasted * 100 / woken);
    }
}

/* --- loops that do not keep up --- */

/* The lag of an idle or a busy loop stays; where more comes than it can do, it grows as
 * long as that lasts: each epoch, twice as long as the last, has a larger mean. */
static bool grows(const PyGrowth *g, CpTime *last)
{
    if (g->end == 0 || g->n == 0 || g->mean[0] < CP_MS) {
        return false;
    }
    *last = g->sum / (CpTime)g->n;
    /* A loop whose iterations take seconds comes to few timers. */
    return (g->n >= FEW_LAGS || *last >= CLEAR_LAG) && *last >= OVERLOAD_LAG &&
           *last >= g->mean[1] / 4 * 5 && g->mean[1] >= g->mean[0] / 2 * 3;
}

static void diagnose_overload(CpSim *sim)
{
    const PySim *ps = py_sim(sim);
    CpTime last;
    bool late = grows(&ps->growth, &last);
    const PyGrowth *g = late ? &ps->growth : &ps->rounds;
    if (!late && !grows(g, &last)) {
        return;
    }
    g_autofree char *a = cp_format_time_human(g->mean[0]);
    g_autofree char *b = cp_format_time_human(g->mean[1]);
    g_autofree char *c = cp_format_time_human(last);
    cp_diagnose(
        sim, "overloaded loop", NULL, 0,
        "%s of event loops %s: on average %s, then %s, %s at the end; more is asked "
        "of the loop than one thread can do",
        late ? "callbacks" : "iterations",
        late ? "come later and later" : "take longer and longer", a, b, c);
}

/* --- memory --- */

static void diagnose_memory(CpSim *sim)
{
    const PySim *ps = py_sim(sim);
    if (ps->limit > 0 && ps->memory_max > ps->limit) {
        cp_diagnose(sim, "out of memory", NULL, 0,
                    "the Python processes take %" G_GINT64_FORMAT
                    " MiB at most, memory.limit is %" G_GINT64_FORMAT
                    " MiB: the real ones would be ended by the kernel or wait for the disk",
                    (ps->memory_max + (1 << 20) - 1) >> 20, ps->limit >> 20);
    }
}

void py_diagnose_end(CpSim *sim)
{
    if (py_sim(sim) != NULL) {
        diagnose_memory(sim);
        diagnose_waiting(sim);
        diagnose_wasted(sim);
        diagnose_overload(sim);
    }
}
