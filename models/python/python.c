#include "models/python/python.h"

#include "models/python/future.h"
#include "models/native/sync.h"
#include "sim/error.h"
#include "sim/random.h"

#include <string.h>

/* Processes and threads of Python, and the way of one operation: what the thread still has
 * to do below it, the start handshake, then the operation. */

enum { GILS_MAX = CP_PROCS_MAX, LOOPS_MAX = 1 << 20, POOLS_MAX = 1 << 20 };

static const PyGilClass *const gil_classes[] = {
    [PY_GIL_TICK] = &py_gil_tick,       [PY_GIL_INTERVAL] = &py_gil_interval,
    [PY_GIL_TSTATE] = &py_gil_interval, [PY_GIL_NONE] = &py_gil_free,
    [PY_GIL_PYPY] = &py_gil_interval,
};

/* --- locks --- */

uint32_t py_gil_new(CpSim *sim, CpProcId proc, PyGilKind kind)
{
    uint32_t id = cp_table_add(&py_sim(sim)->gils);
    cp_require(id != CP_NONE);
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
    cp_assert(!g->locked && g->holder == CP_NONE);
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
    cp_assert(g->holder == p->tid);
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

/* One call of cp_run; what comes back is in `why` when it is entered again. */
static CpStep burst(Py *p)
{
    PyThread *t = p->t;
    bool tick = p->g->kind == PY_GIL_TICK;
    if (t->stage == 1) {
        CpTime rest = p->why == CP_WHY_STOPPED ? cp_run_left(p->sim, p->tid) : 0;
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
    if (tick && py_tick_contended(p)) {
        t->chunk = MIN(t->left, py_tick_left(p));
    }
    t->stage = 1;
    cp_run(p->sim, p->tid, t->chunk);
    return CP_STEP_RUN;
}

static void begin_take(Py *p)
{
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
 * back from memory: the longer it was, the more of them.  Event loops count that for
 * themselves. */
static CpStep warm_up(Py *p)
{
    const CpCpuState *cpu = &p->sim->cpus[cpu_of(p)];
    CpTime idle = p->t->ran_on == cpu->id
                      ? cpu->idle - p->t->idle_then
                      : MIN(cpu->idled, cpu->idled_until - p->t->ran_at);
    py_ran(p);
    if (idle <= 0 || p->proc->chill == 0 || p->t->loop != CP_NONE) {
        return CP_STEP_NEXT;
    }
    py_charge(
        p, (CpTime)((__int128)p->proc->chill * idle / (idle + p->proc->v[PYP_CHILL_HALF])));
    return py_pay(p);
}

static CpStep go_on(Py *p)
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
                    step = warm_up(p);
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
    return go_on(p);
}

CpStep py_take(Py *p)
{
    p->t->todo |= PY_DO_TAKE;
    return go_on(p);
}

CpStep py_check(Py *p)
{
    if (!py_wants_switch(p)) {
        return CP_STEP_NEXT;
    }
    p->t->todo |= PY_DO_DROP | PY_DO_TAKE;
    return go_on(p);
}

CpStep py_burst(Py *p, CpTime work)
{
    if (work <= 0) {
        return py_take(p);
    }
    p->t->left = work;
    p->t->todo |= PY_DO_BURST | PY_DO_TAKE;
    return go_on(p);
}

CpStep py_pay(Py *p)
{
    if (p->sim->cpus[cpu_of(p)].ovh_left == 0 &&
        p->sim->cpus[cpu_of(p)].resched_at > p->sim->now) {
        p->why = CP_WHY_RAN;
        return CP_STEP_NEXT;
    }
    cp_run(p->sim, p->tid, 0);
    return CP_STEP_RUN;
}

CpStep py_sleep(Py *p, CpTime deadline, CpBlock reason, uint32_t object)
{
    cp_block(p->sim, p->tid, deadline, reason, object);
    return CP_STEP_BLOCK;
}

/* --- one operation --- */

void py_enter(Py *p, CpSim *sim, CpTid tid)
{
    p->sim = sim;
    p->tid = tid;
    p->t = py_thread(sim, tid);
    p->proc = py_proc(sim, cp_thread(sim, tid)->proc);
    p->ps = py_sim(sim);
    p->flow = cp_flow_of(sim, tid);
    p->g = py_gil(sim, p->t->gil);
}

/* A process whose threads only begin and end stands for a variant that is not taken; it is
 * not counted. */
static bool does_something(CpOp op)
{
    return op != CP_OP_PY_BEGIN && op != CP_OP_EXIT && op != CP_OP_LOOP_RUN &&
           op != CP_OP_PY_RETURN;
}

static CpStep dispatch(Py *p)
{
    CpOp op = p->insn->op;
    if (G_UNLIKELY(!p->proc->counted) && does_something(op)) {
        py_memory_process(p->ps, p->proc);
    }
    if (op < CP_OP_RUNTIME) {
        return py_kernel(p);
    }
    if (cp_op_is_sync(op)) {
        return py_lock_step(p);
    }
    return py_op_step(p);
}

static CpStep run_op(CpSim *sim, CpTid tid, const CpInsn *insn, CpWhy why)
{
    Py p;
    if (G_UNLIKELY(cp_thread(sim, tid)->state != CP_THREAD_RUNNING)) {
        return cp_sync_step(sim, tid, insn, why); /* body of an arrival stream */
    }
    py_enter(&p, sim, tid);
    p.insn = insn;
    p.why = why;
    if (G_UNLIKELY(p.t->flags & (PY_EINTR | PY_RESUMES | PY_PAUSED)) &&
        cp_thread(sim, tid)->flow == p.t->base) {
        PY_DO(py_interrupted(&p));
    }
    if (p.t->todo != 0) {
        PY_DO(go_on(&p));
        p.why = CP_WHY_RAN;
    }
    if (G_UNLIKELY(!(p.t->flags & PY_BOOTED))) {
        PY_DO(py_boot(&p));
        p.why = CP_WHY_RAN;
    }
    if (p.flow->rt_state == PY_OP_BEGIN) {
        if (!(p.t->flags & PY_HAS)) {
            PY_DO(py_take(&p));
        }
        if (G_UNLIKELY(p.proc->signals != CP_NONE)) {
            PY_DO(py_handle_signal(&p));
        }
        p.why = CP_WHY_BEGIN;
    }
    return dispatch(&p);
}

/* --- processes --- */

static void free_shared(void *data)
{
    PySim *ps = data;
    py_loops_clear(ps);
    py_mp_clear(ps);
    cp_table_clear(&ps->gils);
    cp_table_clear(&ps->futs);
    cp_table_clear(&ps->cbs);
    cp_table_clear(&ps->loops);
    cp_table_clear(&ps->pools);
    cp_params_free(ps->defaults);
    g_free(ps);
}

static uint32_t find_string(const CpWorkload *w, const char *text, uint32_t otherwise)
{
    void *index;
    return g_hash_table_lookup_extended(w->string_index, text, NULL, &index)
               ? GPOINTER_TO_UINT(index)
               : otherwise;
}

static void init_shared(CpSim *sim)
{
    PySim *ps = g_new0(PySim, 1);
    cp_table_init(&ps->gils, sizeof(PyGil), GILS_MAX);
    cp_table_init(&ps->futs, sizeof(PyFut), CP_THREADS_MAX);
    cp_table_init(&ps->cbs, sizeof(PyCb), CP_THREADS_MAX);
    cp_table_init(&ps->loops, sizeof(PyLoop), LOOPS_MAX);
    cp_table_init(&ps->pools, sizeof(PyPool), POOLS_MAX);
    ps->free_fut = ps->free_cb = CP_NONE;
    ps->exc_cancelled = find_string(sim->w, "cancelled", PY_EXC_CANCELLED);
    ps->exc_timeout = find_string(sim->w, "timeout", PY_EXC_TIMEOUT);
    ps->exc_broken = find_string(sim->w, "broken", PY_EXC_BROKEN);
    cp_hist_init(&ps->lag, sim->arena);
    ps->coming = cp_arena_alloc(sim->arena, sizeof(uint32_t) * (sim->w->objs->len + 1));
    ps->homes = cp_arena_alloc(sim->arena, sizeof(uint32_t) * (sim->w->objs->len + 1));
    ps->queues = cp_arena_alloc(sim->arena, sizeof(PyQueue) * 2 * (sim->w->objs->len + 1));
    py_mp_init(sim, ps);
    sim->rt.poll = py_loop_poll;
    cp_require(cp_table_add(&ps->futs) == 0); /* handle 0 names nothing */
    ps->defaults = cp_params_new(cp_python_params);
    sim->rt.shared = ps;
    sim->rt.shared_free = free_shared;
}

PyGilKind py_gil_kind(const CpPyVersion *version, int64_t setting)
{
    enum { AUTO, ON, OFF, TICK, INTERVAL, TSTATE, NONE, PYPY };
    switch (setting) {
    case OFF:
    case NONE:
        return PY_GIL_NONE;
    case TICK:
        return PY_GIL_TICK;
    case INTERVAL:
        return PY_GIL_INTERVAL;
    case TSTATE:
        return PY_GIL_TSTATE;
    case PYPY:
        return PY_GIL_PYPY;
    default:
        break;
    }
    if (setting == AUTO && version->free) {
        return PY_GIL_NONE;
    }
    if (version->pypy) {
        return PY_GIL_PYPY;
    }
    return !cp_python_has(version, CP_PY_INTERVAL_LOCK)    ? PY_GIL_TICK
           : !cp_python_has(version, CP_PY_LOCK_FLAG_EACH) ? PY_GIL_INTERVAL
                                                           : PY_GIL_TSTATE;
}

static uint8_t start_method(const PyProc *p)
{
    if (p->v[PYP_START] != 0) {
        return (uint8_t)p->v[PYP_START];
    }
    return cp_python_has(&p->version, CP_PY_FORKSERVER) ? CP_START_FORKSERVER
                                                        : CP_START_FORK;
}

static uint32_t *none_rows(CpSim *sim, uint32_t n)
{
    uint32_t *rows = cp_arena_alloc(sim->arena, (n + 1) * sizeof *rows);
    for (uint32_t i = 0; i < n; i++) {
        rows[i] = CP_NONE;
    }
    return rows;
}

/* The settings of the process, those nobody has given as its version has them. */
static const int64_t *settings_in_force(CpSim *sim, CpProcId proc, const char *version)
{
    const CpParamSet *set = sim->procs[proc].params;
    set = set != NULL ? set : py_sim(sim)->defaults;
    CpParamSet own = {.spec = set->spec, .n = set->n, .list = set->list};
    own.v = cp_arena_alloc(sim->arena, set->n * sizeof *own.v);
    own.from = cp_arena_alloc(sim->arena, set->n * sizeof *own.from);
    memcpy(own.v, set->v, set->n * sizeof *own.v);
    memcpy(own.from, set->from, set->n * sizeof *own.from);
    py_settle(&own, version, sim->config.costs);
    return own.v;
}

static gboolean init(CpSim *sim, CpProcId proc, GError **error)
{
    PyProc *p = py_proc(sim, proc);
    const CpProcDecl *d = cp_proc_decl(sim->w, sim->procs[proc].decl);
    const char *version =
        d->version == CP_NONE ? PY_VERSION_DEFAULT : cp_workload_text(sim->w, d->version);
    if (!cp_python_version(version, &p->version, error)) {
        return FALSE;
    }
    if (sim->rt.shared == NULL) {
        init_shared(sim);
    }
    p->v = settings_in_force(sim, proc, version);
    p->kind = py_gil_kind(&p->version, p->v[PYP_GIL]);
    p->ideal = py_costs_are_ideal(sim->config.costs, p->v);
    PyCosts *cost = cp_arena_alloc(sim->arena, sizeof *cost);
    *cost = py_costs_scaled(py_costs(&p->version, p->ideal), p->v[PYP_COST_FACTOR]);
    p->cost = cost;
    p->cold = p->v[PYP_COLD];
    p->chill = p->v[PYP_CHILL];
    p->check = p->v[PYP_CHECK];
    p->timeout = p->v[PYP_TIMEOUT];
    p->request = p->v[PYP_REQUEST];
    p->drop = p->v[PYP_DROP];
    p->signalled = p->v[PYP_SIGNALLED];
    p->enter = p->v[PYP_ENTER];
    p->gap = p->v[PYP_GAP];
    p->back = p->v[PYP_BACK];
    p->tick = p->v[PYP_TICK];
    p->boot = p->v[PYP_BOOT];
    p->add = p->v[PYP_ADD];
    p->overhead =
        p->kind != PY_GIL_NONE || p->version.foreign ? 0 : p->v[PYP_FREE_OVERHEAD];
    p->hand_over = p->v[PYP_LOCK] == 2 ||
                   (p->v[PYP_LOCK] == 0 && cp_python_has(&p->version, CP_PY_LOCK_MUTEX));
    p->start = start_method(p);
    p->main = p->signals = CP_NONE;
    p->live = (uint64_t)p->v[PYP_GC_LIVE];
    p->interp_gils = none_rows(sim, sim->w->interps->len);
    p->pools = none_rows(sim, sim->w->pools->len);
    p->gil = py_gil_new(sim, proc, p->kind);
    if (proc == 0 || py_sim(sim)->gils.n == 1) {
        py_sim(sim)->task_bytes = p->v[PYP_MEM_TASK];
        py_sim(sim)->limit = p->v[PYP_MEM_LIMIT];
    }
    return TRUE;
}

static void timer(CpSim *sim, uint32_t id, uint32_t gen)
{
    (void)gen; /* messages are never cancelled */
    cp_sync_timer(sim, id);
}

static void thread_ended(CpSim *sim, CpTid tid)
{
    CpProcId proc = cp_thread(sim, tid)->proc;
    if (py_thread(sim, tid)->flags & PY_BOOTED) {
        py_memory_thread(py_sim(sim), py_proc(sim, proc), -1);
    }
    if (sim->procs[proc].n_live == 0) {
        py_memory_gone(py_sim(sim), py_proc(sim, proc));
    }
    py_worker_ended(sim, tid);
}

/* The warm-up is over. */
static void restart(CpSim *sim)
{
    PySim *ps = py_sim(sim);
    if (ps != NULL) {
        cp_hist_reset(&ps->lag);
        ps->growth.end = 0;
        ps->blocked_max = 0;
        ps->wait_max = 0;
        ps->memory_max = ps->memory;
    }
}

const CpRuntimeClass cp_runtime_python = {
    .name = "python",
    .summary = "CPython of a version: interpreter lock, threading, pools, asyncio",
    .params = cp_python_params,
    .proc_size = sizeof(PyProc),
    .thread_size = sizeof(PyThread),
    .flow_size = sizeof(PyFlow),
    .settle = py_settle,
    .init = init,
    .step = run_op,
    .kernel_step = run_op,
    .thread_ended = thread_ended,
    .timer = timer,
    .restart = restart,
    .finish = py_diagnose_end,
    .metrics = py_metrics,
};
