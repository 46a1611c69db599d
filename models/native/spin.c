#include "models/native/spin.h"

#include "models/native/sync.h"
#include "sim/cpu.h"
#include "sim/diagnose.h"
#include "sim/group.h"
#include "sim/loop.h"
#include "sim/process.h"
#include "sim/thread.h"

/* Decides who spins and for how long, who notices a release, and when nothing will ever
 * happen but spinning. */

enum {
    CHUNK = 100 * 1000000, /* ns; spinning without end looks around that often */
    QUIET = 100,           /* looks without any progress after which there will be none */
};

static CpTime budget_of(const CpSim *sim, CpTid tid, CpObjId obj)
{
    const CpThread *t = cp_thread(sim, tid);
    bool may =
        t->state == CP_THREAD_RUNNING && sim->procs[t->proc].runtime == &cp_runtime_native;
    return may ? cp_obj_decl(sim->w, obj)->spin : 0;
}

/* --- the list of who spins for an object, first come first --- */

static void append(CpSim *sim, CpObj *o, CpTid tid)
{
    CpThreadRare *r = &sim->rare[tid];
    r->spin_prev_plus1 = o->spin_last_plus1;
    r->spin_next_plus1 = 0;
    if (o->spin_last_plus1 > 0) {
        sim->rare[o->spin_last_plus1 - 1].spin_next_plus1 = tid + 1;
    } else {
        o->spin_first_plus1 = tid + 1;
    }
    o->spin_last_plus1 = tid + 1;
}

static void unlink_spinner(CpSim *sim, CpObj *o, CpTid tid)
{
    const CpThreadRare *r = &sim->rare[tid];
    if (r->spin_prev_plus1 > 0) {
        sim->rare[r->spin_prev_plus1 - 1].spin_next_plus1 = r->spin_next_plus1;
    } else {
        cp_assert(o->spin_first_plus1 == tid + 1);
        o->spin_first_plus1 = r->spin_next_plus1;
    }
    if (r->spin_next_plus1 > 0) {
        sim->rare[r->spin_next_plus1 - 1].spin_prev_plus1 = r->spin_prev_plus1;
    } else {
        cp_assert(o->spin_last_plus1 == tid + 1);
        o->spin_last_plus1 = r->spin_prev_plus1;
    }
}

/* --- nothing but spinning --- */

static bool spins_forever(const CpSim *sim, CpTid tid)
{
    return sim->rare[tid].spin_state == CP_SPIN_ON && sim->rare[tid].spin_left < 0;
}

/* Timers that come again and again as long as somebody runs. */
static uint64_t periodic_timers(const CpSim *sim)
{
    uint64_t n = sim->n_passive;
    for (CpGroup g = 1; g < sim->n_groups; g++) {
        n += sim->groups[g].timer_on;
    }
    for (CpCpu cpu = 0; cpu < sim->n_cpus; cpu++) {
        n += sim->cpus[cpu].server == CP_SERVER_ARMED;
    }
    return n;
}

/* Everybody who could run spins without end, or nobody else has got anywhere for a while:
 * what they wait for will never come. */
static bool is_hopeless(CpSim *sim)
{
    uint64_t mark = sim->wakeups;
    bool others = false;
    for (CpTid tid = 0; tid < sim->tables.thread.n; tid++) {
        const CpThread *t = cp_thread(sim, tid);
        bool awake = t->state == CP_THREAD_RUNNING || t->state == CP_THREAD_RUNNABLE ||
                     t->state == CP_THREAD_NEW || t->flags & CP_TF_WAKING;
        if (awake && !spins_forever(sim, tid)) {
            others = true;
            mark += (uint64_t)cp_thread_cpu_time(sim, tid) + 1;
        }
    }
    if (cp_timerq_size(sim->timers) > periodic_timers(sim)) {
        sim->spin_quiet = 0;
        return false;
    }
    sim->spin_quiet = mark == sim->spin_mark ? sim->spin_quiet + 1 : 0;
    sim->spin_mark = mark;
    return !others || sim->spin_quiet > QUIET;
}

/* --- spinning --- */

/* What it has burnt of the stretch that is over, and what is left to burn. */
static void settle(CpSim *sim, CpTid tid, CpObj *o)
{
    CpThreadRare *r = &sim->rare[tid];
    bool stopped = cp_flow_of(sim, tid)->why == CP_WHY_STOPPED;
    CpTime burnt = r->spin_stretch - (stopped ? cp_run_left(sim, tid) : 0);
    cp_assert(burnt >= 0);
    o->spin_ns += burnt;
    sim->cold[tid].work -= burnt; /* it got nothing done */
    r->spin_stretch = 0;
    if (r->spin_left >= 0) {
        r->spin_left = MAX(r->spin_left - burnt, 0);
    }
}

CpStep cp_spin_wait(CpSim *sim, CpTid tid, CpObjId obj, CpTime deadline)
{
    const CpFlow *flow = cp_flow_of(sim, tid);
    CpObj *o = &sim->objs[obj];
    CpThreadRare *r = &sim->rare[tid];
    if (r->spin_state == CP_SPIN_OVER) {
        return CP_STEP_BLOCK;
    }
    if (r->spin_state == CP_SPIN_NOT) {
        CpTime budget = budget_of(sim, tid, obj);
        if (budget == 0) {
            return CP_STEP_BLOCK;
        }
        r->spin_left = budget;
        r->spin_since_plus1 = sim->now + 1;
        r->spin_state = CP_SPIN_ON;
        append(sim, o, tid);
    } else {
        settle(sim, tid, o);
    }
    if (deadline <= sim->now) {
        return CP_STEP_NEXT;
    }
    if (r->spin_left == 0) {
        unlink_spinner(sim, o, tid);
        r->spin_state = CP_SPIN_OVER;
        return CP_STEP_BLOCK;
    }
    if (r->spin_left < 0 && flow->why == CP_WHY_RAN && is_hopeless(sim)) {
        sim->last_useful = sim->now; /* however many ticks were simulated before */
        cp_stop_dead(sim);
    }
    r->spin_stretch = r->spin_left < 0 ? CHUNK : r->spin_left;
    r->spin_stretch = MIN(r->spin_stretch, deadline - sim->now);
    cp_run(sim, tid, r->spin_stretch);
    return CP_STEP_RUN;
}

CpTime cp_spin_since(const CpSim *sim, CpTid tid)
{
    CpTime since = sim->rare[tid].spin_since_plus1;
    return since > 0 ? since - 1 : cp_thread(sim, tid)->since;
}

/* It does not wait any more: for how long it did is booked. */
static void leave(CpSim *sim, CpTid tid, CpObj *o)
{
    CpTime waited = sim->now - MAX(cp_spin_since(sim, tid), sim->counted_from);
    unlink_spinner(sim, o, tid);
    o->wait_ns += waited;
    o->wait_max_ns = MAX(o->wait_max_ns, waited);
}

void cp_spin_end(CpSim *sim, CpTid tid, CpObjId obj)
{
    CpObj *o = &sim->objs[obj];
    if (sim->rare[tid].spin_state == CP_SPIN_NOT) {
        return;
    }
    if (sim->rare[tid].spin_state != CP_SPIN_OVER) {
        settle(sim, tid, o);
    }
    if (sim->rare[tid].spin_state == CP_SPIN_ON) {
        leave(sim, tid, o);
    }
    sim->rare[tid].spin_since_plus1 = 0;
    sim->rare[tid].spin_state = CP_SPIN_NOT;
}

void cp_spin_ended(CpSim *sim, CpTid tid)
{
    if (sim->rare[tid].spin_state == CP_SPIN_ON) {
        CpObjId obj = sim->code[cp_flow_of(sim, tid)->pc].c;
        unlink_spinner(sim, &sim->objs[obj], tid);
    }
}

/* Its stretch ends: now if it runs, else when it does. */
static void interrupt(CpSim *sim, CpTid tid)
{
    CpThread *t = cp_thread(sim, tid);
    if (t->state == CP_THREAD_RUNNING) {
        cp_stop_at(sim, tid, sim->now);
    } else {
        t->flags |= CP_TF_STOP;
    }
}

void cp_spin_look(CpSim *sim, CpObjId obj, uint32_t n)
{
    CpTid next = sim->objs[obj].spin_first_plus1;
    for (; next > 0; next = sim->rare[next - 1].spin_next_plus1) {
        bool runs = cp_thread(sim, next - 1)->state == CP_THREAD_RUNNING;
        if (!runs || n > 0) {
            interrupt(sim, next - 1);
            n -= runs;
        }
    }
}

void cp_spin_grant(CpSim *sim, CpObjId obj)
{
    CpObj *o = &sim->objs[obj];
    while (o->spin_first_plus1 > 0) {
        CpTid tid = o->spin_first_plus1 - 1;
        leave(sim, tid, o);
        sim->rare[tid].spin_state = CP_SPIN_GRANTED;
        interrupt(sim, tid);
    }
}
