#include "models/python/py.h"

#include "sim/random.h"

/* Decides what a thread does below an operation: it gives the interpreter's lock up, takes
 * it, runs a burst under it; and books who has the lock.  How a lock is given and taken is
 * its kind's (gil-*.c). */

static const PyGilClass *const gil_classes[] = {
    [PY_GIL_TICK] = &py_gil_tick,       [PY_GIL_INTERVAL] = &py_gil_interval,
    [PY_GIL_TSTATE] = &py_gil_interval, [PY_GIL_NONE] = &py_gil_free,
    [PY_GIL_PYPY] = &py_gil_interval,
};

/* --- locks --- */

uint32_t py_gil_new(CpSim *sim, CpProcId proc, PyGilKind kind)
{
    uint32_t id = cp_row_new(sim, &py_sim(sim)->gils, "interpreter locks");
    *py_gil(sim, id) = (PyGil){.proc = proc,
                               .kind = (uint8_t)kind,
                               .holder = CP_NONE,
                               .last_holder = CP_NONE,
                               .stopper = CP_NONE,
                               .cond = cp_channel_new(sim),
                               .switch_cond = cp_channel_new(sim),
                               .mutex = cp_channel_new(sim),
                               .world = cp_channel_new(sim)};
    const PyProc *p = py_proc(sim, proc);
    py_gil(sim, id)->interval = p->v[PYP_INTERVAL];
    py_gil(sim, id)->to_check = p->tick * p->v[PYP_CHECK_INTERVAL];
    return id;
}

static uint32_t cpu_of(const Py *p)
{
    return cp_thread(p->sim, p->tid)->cpu;
}

void py_gil_got(Py *p)
{
    PyGil *g = p->g;
    CpTime waited = p->sim->now - p->t->asked;
    cp_assert(!g->locked);
    cp_assert(g->holder == CP_NONE);
    cp_assert(!(p->t->flags & PY_HAS) && waited >= 0);
    g->locked = true;
    g->holder = p->tid;
    g->held_since = p->sim->now;
    g->acquired++;
    g->wait_ns += waited;
    p->t->gil_wait += waited;
    p->t->acquired++;
    p->t->flags |= PY_HAS;
    if (waited > 0 && g->last_holder != CP_NONE) {
        py_blame(p->t, g->last_holder, waited);
        p->ps->wait_max = MAX(p->ps->wait_max, waited);
    }
    if (g->last_holder != p->tid) {
        g->switches += g->last_holder != CP_NONE;
        g->last_holder = p->tid;
        g->switch_number++;
    }
    cp_record_wide(p->sim, CP_REC_GIL_GOT, p->t->gil, cpu_of(p), 0, p->tid, waited);
}

void py_gil_gone(Py *p, bool asked)
{
    PyGil *g = p->g;
    cp_assert(g->holder == p->tid && g->locked);
    cp_assert(g->held_since <= p->sim->now);
    g->last_holder = p->tid;
    g->holder = CP_NONE;
    g->locked = false;
    g->forced += asked;
    g->hold_ns += p->sim->now - g->held_since;
    g->released = p->sim->now;
    p->t->flags &= (uint16_t)~PY_HAS;
    py_ran(p);
    cp_record_wide(p->sim, CP_REC_GIL_DROP, p->t->gil, cpu_of(p), asked, p->tid, 0);
}

void py_gil_stop(Py *p, CpTid holder, CpTime distance)
{
    cp_assert(distance >= 0);
    if (holder != CP_NONE && !(py_thread(p->sim, holder)->flags & PY_NOCHECK)) {
        cp_stop_at(p->sim, holder, p->sim->now + distance);
    }
}

bool py_wants_switch(const Py *p)
{
    switch ((PyGilKind)p->g->kind) {
    case PY_GIL_INTERVAL:
    case PY_GIL_PYPY:
        return p->g->request;
    case PY_GIL_TSTATE:
        return p->t->flags & PY_ASKED;
    case PY_GIL_NONE:
        return p->g->stopper != CP_NONE && p->g->stopper != p->tid;
    case PY_GIL_TICK:
        return false;
    }
    return false;
}

CpTime py_varied(Py *p, CpTime mean)
{
    enum { SIGMA = 600000 };
    if (mean == 0) {
        return 0;
    }
    CpDist dist = {.kind = CP_DIST_LOGNORMAL, .p = {mean, SIGMA}};
    uint64_t id = cp_rng_key(CP_RANDOM_RUNTIME, p->sim->flows[p->t->base].rng_id, 0);
    return cp_dist_sample(&dist, NULL, cp_rng_key(p->sim->seed, id, p->t->draws++));
}

uint32_t py_gil_waiters(const Py *p)
{
    const PyGil *g = p->g;
    return g->kind == PY_GIL_NONE ? g->stopper != CP_NONE
                                  : cp_waiters(p->sim, g->cond) + g->entering +
                                        cp_waiters(p->sim, g->mutex) + g->mutex_held;
}

void py_drop_blocked(Py *p)
{
    if (!(p->t->flags & PY_HAS)) {
        return;
    }
    if (p->g->kind == PY_GIL_NONE) {
        gil_classes[PY_GIL_NONE]->drop(p);
        return;
    }
    py_gil_gone(p, false);
    if (p->g->kind == PY_GIL_TICK) {
        p->g->coming += cp_waiters(p->sim, p->g->cond) > 0;
    } else if (cp_waiters(p->sim, p->g->cond) == 0 && p->g->signals < p->g->entering) {
        p->g->signals++;
    }
    cp_wake(p->sim, p->g->cond, 1, CP_NONE, CP_WAKE_THREAD, 0);
}

/* --- what the thread does below an operation --- */

/* Without a GIL, threads that run the same code and objects slow each other down: looked at
 * piece by piece, for how many there are changes. */
static CpTime share_code(Py *p)
{
    CpTime piece = MIN(p->t->left, CP_MS);
    if (p->g->attached > 1) {
        CpTime more = piece * p->proc->v[PYP_FREE_SHARED] / 1000000;
        p->t->left += more;
        piece += more;
    }
    return piece;
}

/* One call of cp_run; what comes back is in `why` when it is entered again. */
static CpStep burst(Py *p)
{
    PyThread *t = p->t;
    bool tick = p->g->kind == PY_GIL_TICK;
    if (t->stage == 1) {
        CpTime rest = p->why == CP_WHY_STOPPED ? cp_run_left(p->sim, p->tid) : 0;
        cp_assert(rest >= 0 && rest <= t->chunk);
        t->left -= t->chunk - rest;
        if (tick) {
            py_tick_ran(p, t->chunk - rest);
        }
        t->stage = 0;
        if (t->left <= 0) {
            return CP_STEP_NEXT;
        }
        if (tick) {
            t->todo |= PY_DO_DROP | PY_DO_TAKE;
            return CP_STEP_AGAIN;
        }
    }
    if (G_UNLIKELY(py_wants_switch(p))) {
        t->todo |= PY_DO_DROP | PY_DO_TAKE;
        return CP_STEP_AGAIN;
    }
    if (G_UNLIKELY(p->proc->signals != CP_NONE)) {
        PY_DO(py_pause_burst(p));
    }
    cp_assert(t->flags & PY_HAS); /* nobody runs Python code without it */
    t->chunk = t->left;
    if (p->g->kind == PY_GIL_NONE && p->proc->v[PYP_FREE_SHARED] > 0) {
        t->chunk = share_code(p);
    }
    if (tick && py_tick_contended(p)) {
        t->chunk = MIN(t->left, py_tick_left(p));
    }
    t->stage = 1;
    cp_run(p->sim, p->tid, t->chunk);
    return CP_STEP_RUN;
}

static void begin_take(Py *p)
{
    cp_assert(!(p->t->flags & PY_HAS));
    p->t->asked = p->sim->now;
    if (p->g->kind != PY_GIL_NONE) {
        cp_record_wide(p->sim, CP_REC_GIL_ASK, p->t->gil, cpu_of(p), 0, p->tid, 0);
    }
}

void py_ran(Py *p)
{
    const CpCpuState *cpu = &p->sim->cpus[cpu_of(p)];
    p->t->ran_at = p->sim->now;
    p->t->ran_on = cpu->id;
    p->t->idle_then = cpu->idle;
}

static void check_starving(Py *p)
{
    CpTime waited = p->sim->now - p->t->asked;
    cp_assert(waited >= 0);
    if (waited < p->proc->v[PYP_STARVING] || p->t->reported) {
        return;
    }
    p->t->reported = true;
    CpTid threads[2] = {p->tid, p->g->last_holder};
    cp_diagnose(p->sim, "starvation", threads, p->g->last_holder == CP_NONE ? 1 : 2,
                "a thread has waited %" G_GINT64_FORMAT " ms for the interpreter lock: "
                "its holder gives it up and takes it again before a waiter can",
                waited / CP_MS);
}

/* If the CPU was idle since the thread last ran there, the interpreter's code and data come
 * back from memory: the longer it was, the more of them.  They do as it needs them, see
 * py_cold.  Event loops count that for themselves. */
static void go_cold(Py *p)
{
    cp_assert(p->t->flags & PY_HAS);
    cp_assert(p->t->ran_at <= p->sim->now);
    const CpCpuState *cpu = &p->sim->cpus[cpu_of(p)];
    CpTime idle = p->t->ran_on == cpu->id
                      ? cpu->idle - p->t->idle_then
                      : MIN(cpu->idled, cpu->idled_until - p->t->ran_at);
    py_ran(p);
    if (idle <= 0 || p->proc->chill == 0 || p->t->loop != CP_NONE) {
        return;
    }
    CpTime cold =
        (CpTime)((__int128)p->proc->chill * idle / (idle + p->proc->v[PYP_CHILL_HALF]));
    p->t->cold = MAX(p->t->cold, cold);
}

CpTime py_cold(PyThread *t, CpTime work)
{
    enum { RATE = 3 }; /* more time for the same work, until all is there again */
    CpTime more = MIN(t->cold, work < CP_S ? work * RATE : work);
    cp_assert(more >= 0);
    t->cold -= more;
    return more;
}

CpStep py_go_on(Py *p)
{
    PyThread *t = p->t;
    const PyGilClass *gil = gil_classes[p->g->kind];
    while (t->todo != 0) {
        uint8_t bit = t->todo & PY_DO_DROP   ? PY_DO_DROP
                      : t->todo & PY_DO_TAKE ? PY_DO_TAKE
                                             : PY_DO_BURST;
        CpStep step;
        if (bit == PY_DO_DROP) {
            step = t->flags & PY_HAS || t->stage > 0 ? gil->drop(p) : CP_STEP_NEXT;
        } else if (bit == PY_DO_TAKE) {
            if (t->flags & PY_HAS) {
                step = CP_STEP_NEXT;
            } else {
                if (t->stage == 0) {
                    begin_take(p);
                }
                step = gil->take(p);
                if (step == CP_STEP_BLOCK) {
                    check_starving(p);
                } else if (step == CP_STEP_NEXT) {
                    go_cold(p);
                }
            }
        } else {
            step = burst(p);
            if (step == CP_STEP_AGAIN) {
                continue;
            }
        }
        if (step != CP_STEP_NEXT) {
            return step;
        }
        t->todo &= (uint8_t)~bit;
        t->stage = 0;
    }
    return CP_STEP_NEXT;
}

CpStep py_drop(Py *p)
{
    p->t->todo |= PY_DO_DROP;
    return py_go_on(p);
}

CpStep py_take(Py *p)
{
    p->t->todo |= PY_DO_TAKE;
    return py_go_on(p);
}

CpStep py_check(Py *p)
{
    if (!py_wants_switch(p)) {
        return CP_STEP_NEXT;
    }
    p->t->todo |= PY_DO_DROP | PY_DO_TAKE;
    return py_go_on(p);
}

CpStep py_burst(Py *p, CpTime work)
{
    if (work <= 0) {
        return py_take(p);
    }
    cp_assert(!(p->t->todo & PY_DO_BURST)); /* one at a time */
    p->t->left = work + py_cold(p->t, work);
    p->t->todo |= PY_DO_BURST | PY_DO_TAKE;
    return py_go_on(p);
}

CpStep py_pay(Py *p)
{
    const CpCpuState *cpu = &p->sim->cpus[cpu_of(p)];
    if (cpu->ovh_left == 0) {
        if (cpu->resched_at > p->sim->now) {
            p->why = CP_WHY_RAN;
            return CP_STEP_NEXT;
        }
        cp_charge(p->sim, p->tid, 1); /* the switch that is due comes first */
    }
    cp_run(p->sim, p->tid, 0);
    return CP_STEP_RUN;
}

CpStep py_sleep(Py *p, CpTime deadline, CpBlock reason, uint32_t object)
{
    cp_assert(!(p->t->flags & PY_HAS)); /* nobody sleeps with the interpreter's lock */
    cp_block(p->sim, p->tid, deadline, reason, object);
    return CP_STEP_BLOCK;
}
