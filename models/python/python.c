#include "models/python/py.h"

#include "models/python/future.h"
#include "models/native/sync.h"
#include "sim/error.h"
#include "sim/random.h"

#include <string.h>

/* Processes and threads of Python, and the way of one operation: what the thread still has
 * to do below it, the start handshake, then the operation. */

enum { GILS_MAX = CP_PROCS_MAX, LOOPS_MAX = 1 << 20, POOLS_MAX = 1 << 20 };

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

static CpStep run_op(CpSim *sim, CpTid tid, const CpInsn *insn, CpWhy why)
{
    Py p;
    py_enter(&p, sim, tid);
    p.insn = insn;
    p.why = why;
    if (G_UNLIKELY(cp_thread(sim, tid)->state != CP_THREAD_RUNNING)) {
        return py_outside(&p); /* body of an arrival stream */
    }
    if (G_UNLIKELY(p.t->flags & (PY_EINTR | PY_RESUMES | PY_PAUSED)) &&
        cp_thread(sim, tid)->flow == p.t->base) {
        PY_DO(py_interrupted(&p));
    }
    if (p.t->todo != 0) {
        PY_DO(py_go_on(&p));
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
    return py_dispatch(&p);
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
    cp_table_clear(&ps->cells);
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

/* Where functions begin. */
static bool *function_begins(const CpWorkload *w)
{
    bool *begins = g_new0(bool, w->code->len + 1);
    for (uint32_t i = 0; i < w->threads->len; i++) {
        begins[cp_thread_decl(w, i)->entry] = true;
    }
    for (uint32_t i = 0; i < w->tasks->len; i++) {
        begins[cp_task_decl(w, i)->entry] = true;
    }
    for (uint32_t i = 0; i < w->code->len; i++) {
        const CpInsn *insn = &g_array_index(w->code, CpInsn, i);
        if (insn->op == CP_OP_CALL) {
            begins[insn->c] = true;
        }
    }
    return begins;
}

/* Locks that some function releases without having taken them, so that another thread than
 * the one that did may be waited for. */
static void find_handed(CpSim *sim)
{
    const CpWorkload *w = sim->w;
    g_autofree bool *begins = function_begins(w);
    for (uint32_t i = 0; i < w->code->len; i++) {
        const CpInsn *release = &g_array_index(w->code, CpInsn, i);
        if (release->op != CP_OP_UNLOCK) {
            continue;
        }
        bool taken = false;
        for (uint32_t at = i; !begins[at] && at > 0 && !taken; at--) {
            const CpInsn *insn = &g_array_index(w->code, CpInsn, at - 1);
            taken = insn->op == CP_OP_LOCK && insn->c == release->c;
        }
        sim->objs[release->c].flags |= taken ? 0 : CP_OBJ_HANDED;
    }
}

static gboolean init_shared(CpSim *sim, GError **error)
{
    cp_assert(sim->rt.shared == NULL);
    PySim *ps = g_new0(PySim, 1);
    ps->sim = sim;
    sim->rt.shared = ps;
    sim->rt.shared_free = free_shared;
    if (!cp_table_init(&ps->gils, sizeof(PyGil), GILS_MAX, error) ||
        !cp_table_init(&ps->futs, sizeof(PyFut), CP_THREADS_MAX, error) ||
        !cp_table_init(&ps->cbs, sizeof(PyCb), CP_THREADS_MAX, error) ||
        !cp_table_init(&ps->loops, sizeof(PyLoop), LOOPS_MAX, error) ||
        !cp_table_init(&ps->pools, sizeof(PyPool), POOLS_MAX, error) ||
        !cp_table_init(&ps->cells, sizeof(PyCell), CP_THREADS_MAX, error)) {
        return FALSE;
    }
    ps->free_fut = ps->free_cb = CP_NONE;
    ps->exc_cancelled = find_string(sim->w, "cancelled", PY_EXC_CANCELLED);
    ps->exc_timeout = find_string(sim->w, "timeout", PY_EXC_TIMEOUT);
    ps->exc_broken = find_string(sim->w, "broken", PY_EXC_BROKEN);
    ps->exc_runtime = find_string(sim->w, "RuntimeError", PY_EXC_RUNTIME);
    ps->exc_value = find_string(sim->w, "ValueError", PY_EXC_VALUE);
    find_handed(sim);
    cp_hist_init(&ps->lag, sim->arena);
    ps->coming = cp_arena_alloc(sim->arena, sizeof(uint32_t) * (sim->w->objs->len + 1));
    ps->homes = cp_arena_alloc(sim->arena, sizeof(uint32_t) * (sim->w->objs->len + 1));
    ps->queues = cp_arena_alloc(sim->arena, sizeof(PyQueue) * 2 * (sim->w->objs->len + 1));
    if (!py_mp_init(sim, ps, error)) {
        return FALSE;
    }
    sim->rt.poll = py_loop_poll;
    cp_require(cp_table_add(&ps->futs) == 0); /* handle 0 names nothing */
    cp_require(cp_table_add(&ps->cells) == 0);
    sim->rt.print_list = py_print_list;
    ps->defaults = cp_params_new(cp_python_params);
    return TRUE;
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
    cp_require(set->spec == cp_python_params); /* rows are found by their numbers */
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
    if (sim->rt.shared == NULL && !init_shared(sim, error)) {
        return FALSE;
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
    p->value = p->v[PYP_VALUE];
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
    cp_assert(cp_thread(sim, tid)->state == CP_THREAD_ENDED);
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
        ps->growth.end = ps->rounds.end = 0;
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
