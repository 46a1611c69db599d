#include "models/python/future.h"

#include <string.h>

/* Kernel operations of Python threads: the interpreter lock is given up around whatever
 * may block, bursts run under it. */

bool py_is_main(const Py *p)
{
    return p->proc->main == p->tid;
}

/* --- a thread begins --- */

static uint32_t interp_gil(Py *p, uint32_t interp)
{
    cp_assert(interp == CP_NONE || interp < p->sim->w->interps->len);
    if (interp == CP_NONE) {
        return p->proc->gil;
    }
    uint32_t *gil = &p->proc->interp_gils[interp];
    if (*gil == CP_NONE) {
        py_memory_interpreter(p->ps, p->proc);
        bool own = g_array_index(p->sim->w->interps, CpInterpDecl, interp).own_gil;
        CpProcId proc = cp_thread(p->sim, p->tid)->proc;
        *gil = own && cp_python_has(&p->proc->version, CP_PY_INTERPRETER_LOCKS)
                   ? py_gil_new(p->sim, proc, p->proc->kind)
                   : p->proc->gil;
    }
    return *gil;
}

static bool is_forked(const Py *p)
{
    const CpThread *t = cp_thread(p->sim, p->tid);
    return t->proc >= p->sim->w->procs->len;
}

/* The first thread declared, or the one a forked process begins with. */
static void find_main(Py *p)
{
    const CpThread *t = cp_thread(p->sim, p->tid);
    const CpProcDecl *d = cp_proc_decl(p->sim->w, p->sim->procs[t->proc].decl);
    bool first = t->decl == d->first_thread && p->sim->cold[p->tid].instance == 0;
    if (p->proc->main == CP_NONE && (is_forked(p) || first)) {
        p->proc->main = p->tid;
    }
}

static uint8_t method_of(const Py *p, uint32_t decl)
{
    const CpWorkload *w = p->sim->w;
    uint8_t own = cp_thread_decl(w, decl)->start_method;
    for (uint32_t i = 0; i < w->pools->len && own == CP_START_DEFAULT; i++) {
        const CpPoolDecl *pool = cp_pool_decl(w, i);
        own = pool->worker == decl ? pool->start_method : own;
    }
    return own != CP_START_DEFAULT ? own : p->proc->start;
}

static CpTime boot_cost(const Py *p)
{
    const PyCosts *c = p->proc->cost;
    if (is_forked(p) && p->proc->main == p->tid) {
        switch (method_of(p, cp_thread(p->sim, p->tid)->decl)) {
        case CP_START_SPAWN:
            return c->boot_spawn;
        case CP_START_FORKSERVER:
            return c->boot_forkserver;
        default:
            return c->boot_fork;
        }
    }
    return p->t->flags & PY_STARTER ? p->proc->boot : 0;
}

static void tell_starter(Py *p)
{
    uint32_t parent = p->sim->rare[p->tid].parent_plus1;
    if (!(p->t->flags & PY_STARTER) || parent == 0) {
        return;
    }
    PyThread *t = py_thread(p->sim, parent - 1);
    cp_assert(p->t->flags & PY_BOOTED);
    if (t->flags & PY_AWAITS && t->child == p->tid) {
        t->flags &= (uint16_t)~PY_AWAITS;
        cp_wake_thread(p->sim, parent - 1, p->tid, CP_WAKE_THREAD, 0);
    }
}

enum { BOOT_BEGIN, BOOT_TAKES, BOOT_RAN };

CpStep py_boot(Py *p)
{
    PyThread *t = p->t;
    switch (t->boot) {
    case BOOT_BEGIN:
        find_main(p);
        t->gil = interp_gil(
            p, cp_thread_decl(p->sim->w, cp_thread(p->sim, p->tid)->decl)->interp);
        p->g = py_gil(p->sim, t->gil);
        t->base = cp_thread(p->sim, p->tid)->flow;
        t->loop = t->fut = CP_NONE;
        t->boot = BOOT_TAKES;
        PY_DO(py_take(p));
        /* fall through */
    case BOOT_TAKES:
        t->boot = BOOT_RAN;
        PY_DO(py_burst(p, boot_cost(p)));
        /* fall through */
    default:
        t->flags |= PY_BOOTED;
        py_memory_thread(p->ps, p->proc, 1);
        tell_starter(p);
        return CP_STEP_NEXT;
    }
}

/* --- bursts --- */

static CpTime scaled(const Py *p, CpTime work)
{
    cp_assert(work >= 0 && p->proc->v[PYP_SPEED] > 0);
    int64_t ppm = 1000000 + p->proc->overhead;
    if (p->proc->v[PYP_SPEED] != 1000000) {
        work = (CpTime)((__int128)work * 1000000 / p->proc->v[PYP_SPEED]);
    }
    return ppm == 1000000 ? work : (CpTime)((__int128)work * ppm / 1000000);
}

/* The burst the kernel would give, taken back from it. */
static CpTime kernel_burst(Py *p)
{
    CpThread *t = cp_thread(p->sim, p->tid);
    cp_kernel_step(p->sim, p->tid, p->insn, CP_WHY_BEGIN);
    CpTime work = t->burst_left;
    cp_assert(work >= 0 && p->sim->cold[p->tid].work >= work);
    p->sim->cold[p->tid].work -= work;
    t->burst_left = 0;
    return work;
}

enum { NOGIL_RUN = 1, NOGIL_RAN, NOGIL_BACK };

static CpStep compute_nogil(Py *p)
{
    CpFlow *flow = p->flow;
    switch (flow->rt_state) {
    case PY_OP_BEGIN:
        flow->rt_state = NOGIL_RUN;
        PY_DO(py_drop(p));
        /* fall through */
    case NOGIL_RUN:
        cp_assert(!(p->t->flags & PY_HAS));
        flow->rt_state = NOGIL_RAN;
        return cp_kernel_step(p->sim, p->tid, p->insn, CP_WHY_BEGIN);
    case NOGIL_RAN:
        flow->rt_state = NOGIL_BACK;
        PY_DO(py_take(p));
        /* fall through */
    default:
        return CP_STEP_NEXT;
    }
}

enum { COMPUTE_CHECKED = 1, COMPUTE_RAN, COMPUTE_OVER };

static CpStep compute(Py *p)
{
    CpFlow *flow = p->flow;
    if (p->insn->b & CP_COMPUTE_NOGIL) {
        return compute_nogil(p);
    }
    if (flow->rt_state == PY_OP_BEGIN) {
        flow->rt_state = COMPUTE_CHECKED;
        PY_DO(py_check(p));
    }
    if (flow->rt_state == COMPUTE_CHECKED) {
        p->t->flags |= p->insn->b & CP_COMPUTE_NOCHECK ? PY_NOCHECK : 0;
        flow->rt_state = COMPUTE_RAN;
        PY_DO(py_burst(p, scaled(p, kernel_burst(p))));
    }
    if (flow->rt_state == COMPUTE_RAN && p->t->flags & PY_NOCHECK) {
        p->t->flags &= (uint16_t)~PY_NOCHECK;
        flow->rt_state = COMPUTE_OVER;
        PY_DO(py_check(p));
    }
    return CP_STEP_NEXT;
}

enum { SPIN_STOPPED = 1, SPIN_CHECKED };

/* Busy until a moment: the check points are where it is stopped. */
static CpStep spin(Py *p)
{
    CpFlow *flow = p->flow;
    CpThread *t = cp_thread(p->sim, p->tid);
    if (flow->rt_state == PY_OP_BEGIN) {
        flow->rt_state = SPIN_STOPPED;
        return cp_kernel_step(p->sim, p->tid, p->insn, CP_WHY_BEGIN);
    }
    if (flow->rt_state == SPIN_STOPPED) {
        flow->rt_state = SPIN_CHECKED;
        t->flags &= (uint8_t)~CP_TF_SPIN;
        PY_DO(py_check(p));
    }
    flow->rt_state = SPIN_STOPPED;
    t->flags |= CP_TF_SPIN;
    return cp_kernel_step(p->sim, p->tid, p->insn, CP_WHY_RAN);
}

/* --- waits --- */

static bool will_block(const Py *p)
{
    const int64_t *regs = cp_regs(p->sim, p->flow);
    switch (p->insn->op) {
    case CP_OP_SLEEP_UNTIL:
        return regs[p->insn->b] > p->sim->now;
    case CP_OP_JOIN:
        return cp_has_child(p->sim, p->tid, p->insn->c);
    default:
        return true;
    }
}

enum { WAIT_CALL = 1, WAIT_BLOCKED, WAIT_BACK };

/* Gives the lock up, waits as a native thread would, takes the lock again. */
static CpStep blocking(Py *p)
{
    CpFlow *flow = p->flow;
    CpStep step;
    switch (flow->rt_state) {
    case PY_OP_BEGIN:
        if (!will_block(p)) {
            return cp_kernel_step(p->sim, p->tid, p->insn, CP_WHY_BEGIN);
        }
        flow->rt_state = WAIT_CALL;
        PY_DO(py_drop(p));
        /* fall through */
    case WAIT_CALL:
        flow->rt_state = WAIT_BLOCKED;
        if (p->sim->w->handlers->len > 0) {
            p->t->wait_end = py_wait_end(p);
        }
        step = cp_kernel_step(p->sim, p->tid, p->insn, CP_WHY_BEGIN);
        break;
    case WAIT_BLOCKED:
        step = cp_kernel_step(p->sim, p->tid, p->insn, p->why);
        break;
    default:
        flow->timed_out = (p->t->flags & PY_TIMED_OUT) != 0;
        return CP_STEP_NEXT;
    }
    if (step != CP_STEP_NEXT) {
        return step;
    }
    p->t->flags &= (uint16_t)~PY_TIMED_OUT;
    p->t->flags |= flow->timed_out ? PY_TIMED_OUT : 0;
    flow->rt_state = WAIT_BACK;
    PY_DO(py_take(p));
    flow->timed_out = (p->t->flags & PY_TIMED_OUT) != 0;
    return CP_STEP_NEXT;
}

enum { MOVED_BLOCKED = 1, MOVED_BACK };

/* Operations that move the program counter themselves: whether they block is seen
 * afterwards. */
static CpStep maybe_blocking(Py *p)
{
    CpFlow *flow = p->flow;
    if (flow->rt_state == PY_OP_BEGIN) {
        flow->rt_state = MOVED_BLOCKED;
        CpStep step = cp_kernel_step(p->sim, p->tid, p->insn, CP_WHY_BEGIN);
        if (step == CP_STEP_BLOCK) {
            py_drop_blocked(p);
        }
        return step;
    }
    if (flow->rt_state == MOVED_BLOCKED) {
        flow->rt_state = MOVED_BACK;
        PY_DO(py_take(p));
    }
    return cp_kernel_step(p->sim, p->tid, p->insn, CP_WHY_TIMEOUT);
}

enum { YIELD_DROPPED = 1, YIELD_BACK };

/* The kernel moves the program counter and asks for another pick; we come back here for the
 * lock, since what follows may be an operation that takes no time and is Python code. */
static CpStep yield(Py *p)
{
    CpFlow *flow = p->flow;
    switch (flow->rt_state) {
    case PY_OP_BEGIN:
        flow->rt_state = YIELD_DROPPED;
        PY_DO(py_drop(p));
        /* fall through */
    case YIELD_DROPPED:
        cp_kernel_step(p->sim, p->tid, p->insn, CP_WHY_BEGIN);
        flow->pc--;
        flow->rt_state = YIELD_BACK;
        cp_run(p->sim, p->tid, 0);
        return CP_STEP_RUN;
    default:
        PY_DO(py_take(p));
        return CP_STEP_NEXT;
    }
}

/* --- starting threads and processes --- */

static CpTime start_cost(const Py *p, uint32_t decl)
{
    const PyCosts *c = p->proc->cost;
    if (!(cp_thread_decl(p->sim->w, decl)->flags & CP_THREAD_FORKS)) {
        return c->start;
    }
    switch (method_of(p, decl)) {
    case CP_START_SPAWN:
        return c->spawn;
    case CP_START_FORKSERVER:
        return c->forkserver;
    default:
        return c->fork;
    }
}

/* A new interpreter imports the main module: variables are what that sets them to. */
static void import_anew(const Py *p, CpProcId proc)
{
    for (uint32_t i = 0; i < p->sim->w->vars->len; i++) {
        const CpVarDecl *d = &g_array_index(p->sim->w->vars, CpVarDecl, i);
        if (!d->shared) {
            *cp_var(p->sim, proc, i) = d->value;
        }
    }
}

/* The kernel has made the thread. */
static void child_made(Py *p, uint32_t decl)
{
    CpTid child = p->sim->tables.thread.n - 1;
    cp_assert(cp_thread(p->sim, child)->decl == decl);
    uint32_t flags = cp_thread_decl(p->sim->w, decl)->flags;
    PyThread *c = py_thread(p->sim, child);
    p->t->child = child;
    c->pool = p->t->opens;
    if (flags & CP_THREAD_FORKS) {
        PyProc *forked = py_proc(p->sim, cp_thread(p->sim, child)->proc);
        memcpy(forked->pools, p->proc->pools, p->sim->w->pools->len * sizeof(uint32_t));
        py_memory_child(p->ps, p->proc, forked, method_of(p, decl));
        if (method_of(p, decl) != CP_START_FORK) {
            import_anew(p, cp_thread(p->sim, child)->proc);
        }
    } else {
        c->flags |= PY_STARTER;
    }
    if (!(flags & (CP_THREAD_DAEMON | CP_THREAD_FORKS))) {
        c->flags |= PY_CHILD;
        p->proc->n_spawned++;
    }
}

CpStep py_start_thread(Py *p, const CpInsn *spawn, uint16_t from)
{
    CpFlow *flow = p->flow;
    uint32_t decl = spawn->c;
    CpStep step;
    switch (flow->rt_state - from) {
    case PY_START_BEGIN:
        flow->rt_state = from + PY_START_CREATES;
        PY_DO(py_burst(p, start_cost(p, decl)));
        /* fall through */
    case PY_START_CREATES:
        flow->rt_state = from + PY_START_CREATED;
        step = cp_kernel_step(p->sim, p->tid, spawn, CP_WHY_BEGIN);
        if (step != CP_STEP_NEXT) {
            return step;
        }
        goto made;
    case PY_START_CREATED:
        cp_kernel_step(p->sim, p->tid, spawn, CP_WHY_RAN);
    made:
        child_made(p, decl);
        if (cp_thread_decl(p->sim->w, decl)->flags & CP_THREAD_FORKS) {
            break;
        }
        flow->rt_state = from + PY_START_BOOTS;
        PY_DO(py_drop(p));
        /* fall through */
    case PY_START_BOOTS:
        if (!(py_thread(p->sim, p->t->child)->flags & PY_BOOTED)) {
            flow->rt_state = from + PY_START_BOOTED;
            p->t->flags |= PY_AWAITS;
            return py_sleep(p, CP_NEVER, CP_BLOCK_RUNTIME, p->t->gil);
        }
        /* fall through */
    default:
        flow->rt_state = from + PY_START_DONE;
        PY_DO(py_take(p));
        break;
    }
    flow->rt_state = from + PY_START_DONE;
    return CP_STEP_NEXT;
}

static CpStep spawn(Py *p)
{
    if (p->flow->rt_state == PY_START_DONE) {
        return CP_STEP_NEXT;
    }
    return py_start_thread(p, p->insn, PY_OP_BEGIN);
}

CpStep py_spawn_outside(Py *p)
{
    CpStep step = cp_kernel_step(p->sim, p->tid, p->insn, CP_WHY_BEGIN);
    cp_assert(step == CP_STEP_NEXT); /* it costs nothing outside the CPUs */
    child_made(p, p->insn->c);
    return step;
}

/* --- ends --- */

/* A thread the main thread waits for at its end is gone. */
static void leave(Py *p)
{
    if (!(p->t->flags & PY_CHILD)) {
        return;
    }
    p->t->flags &= (uint16_t)~PY_CHILD;
    cp_assert(p->proc->n_spawned > 0);
    if (--p->proc->n_spawned == 0 && p->proc->main_waits && p->proc->pending == 0) {
        p->proc->main_waits = false;
        cp_wake_thread(p->sim, p->proc->main, p->tid, CP_WAKE_THREAD, 0);
    }
}

static bool others_live(const Py *p)
{
    CpProcId proc = cp_thread(p->sim, p->tid)->proc;
    for (CpTid tid = 0; tid < p->sim->tables.thread.n; tid++) {
        const CpThread *t = cp_thread(p->sim, tid);
        if (tid != p->tid && t->proc == proc && t->state != CP_THREAD_ENDED &&
            !(t->flags & CP_TF_DAEMON)) {
            return true;
        }
    }
    return false;
}

enum { END_JOINS = 1, END_EXITS, END_DROPS, END_GONE };

/* The main thread waits for the others of its process first; whoever is last takes the
 * daemon threads with it. */
static CpStep end_thread(Py *p)
{
    CpFlow *flow = p->flow;
    switch (flow->rt_state) {
    case PY_OP_BEGIN:
        if (py_is_main(p) && p->proc->n_spawned + p->proc->pending > 0) {
            flow->rt_state = END_JOINS;
            PY_DO(py_drop(p));
        }
        /* fall through */
    case END_JOINS:
        if (py_is_main(p) && p->proc->n_spawned + p->proc->pending > 0) {
            p->proc->main_waits = true;
            flow->rt_state = END_JOINS;
            CpObjId queue = py_mp_unwritten(p);
            return py_sleep(p, CP_NEVER, queue == CP_NONE ? CP_BLOCK_JOIN : CP_BLOCK_QUEUE,
                            queue);
        }
        flow->rt_state = END_EXITS;
        PY_DO(py_take(p));
        /* fall through */
    case END_EXITS:
        flow->rt_state = END_DROPS;
        PY_DO(py_burst(p, is_forked(p) && py_is_main(p) ? p->proc->cost->exit_process : 0));
        /* fall through */
    case END_DROPS:
        flow->rt_state = END_GONE;
        p->t->flags |= PY_FINAL;
        PY_DO(py_drop(p));
        /* fall through */
    default:
        leave(p);
        if (py_is_main(p) || p->proc->main_ended) {
            p->proc->main_ended = true;
            if (!others_live(p)) {
                if (p->proc->pending > 0) { /* calls are waited for at exit */
                    p->proc->main = p->tid;
                    p->proc->main_waits = true;
                    return py_sleep(p, CP_NEVER, CP_BLOCK_JOIN, CP_NONE);
                }
                cp_process_end(p->sim, cp_thread(p->sim, p->tid)->proc, p->tid);
            }
        }
        return CP_STEP_EXIT;
    }
}

CpStep py_end_thread(Py *p)
{
    return end_thread(p);
}

CpStep py_kernel(Py *p)
{
    switch ((CpKernelOp)p->insn->op) {
    case CP_OP_COMPUTE:
        return compute(p);
    case CP_OP_SPIN:
        return spin(p);
    case CP_OP_SLEEP:
    case CP_OP_SLEEP_UNTIL:
    case CP_OP_IO:
    case CP_OP_JOIN:
    case CP_OP_OUTSIDE:
        return blocking(p);
    case CP_OP_PERIOD:
    case CP_OP_ARRIVALS:
        return maybe_blocking(p);
    case CP_OP_YIELD:
        return yield(p);
    case CP_OP_PRINT:
        return py_print(p);
    case CP_OP_SPAWN:
        return spawn(p);
    case CP_OP_EXIT:
        return end_thread(p);
    case CP_OP_ARRIVE_END:
    case CP_OP_SET_NICE:
    case CP_OP_SET_AFFINITY:
    case CP_OP_SET_SCHED:
    case CP_OP_EXIT_PROCESS:
    case CP_OP_STOP:
        break;
    }
    return cp_kernel_step(p->sim, p->tid, p->insn, CP_WHY_BEGIN);
}
