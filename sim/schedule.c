#include "sim/schedule.h"

#include "sim/cpu.h"
#include "sim/execute.h"
#include "sim/group.h"
#include "sim/recorder.h"
#include "sim/runqueue.h"
#include "sim/thread.h"
#include "sim/timer.h"

/* Decides which thread a CPU runs: what happens at a tick, when a burst is over and when a
 * reschedule is due; and when classes balance. */

/* --- the tick --- */

static bool ask_expired(CpSim *sim, CpCpuState *c, const CpPolicyClass *cls)
{
    bool expired = false;
    CpEnt ent = c->curr;
    for (CpGroup g = cp_level(sim, cp_thread(sim, ent));; g = sim->groups[g].parent) {
        CpRq *rq = cp_rq(sim, g, c->id, c->cls);
        expired |= cls->expired(rq, ent);
        if (g == 0) {
            return expired;
        }
        ent = cp_group_ent(sim, g, c->id);
    }
}

/* A tick, or the moment a class asked for. */
static void look(CpSim *sim, CpCpuState *c)
{
    const CpPolicyClass *cls = c->hooks;
    cp_assert(cls == sim->classes[cp_thread(sim, c->curr)->cls].cls);
    cp_cpu_account(sim, c);
    cp_cpu_tell_ticks(sim, c, sim->now);
    bool lazy = c->lazy && sim->now == sim->next_tick - sim->tick;
    if (c->resched_at > sim->now &&
        ((cls->expired != NULL && ask_expired(sim, c, cls)) || lazy)) {
        /* A tick's takes effect when the interrupts of this moment are over. */
        CpTime after = cls->ticked ? c->irq_left + c->ovh_left : 0;
        c->resched_at = MIN(c->resched_at, sim->now + after);
    }
    if (c->resched_at > sim->now) {
        cp_cpu_look(sim, c);
    }
}

/* --- switching --- */

static char leave_state(const CpThread *t)
{
    if (t->state == CP_THREAD_ENDED) {
        return 'X';
    }
    return t->block == CP_BLOCK_IO ? 'D' : 'S';
}

/* The running thread leaves the CPU; returns the state letter for the record. */
static char switch_out(CpSim *sim, CpCpuState *c)
{
    CpTid tid = c->curr;
    CpThread *t = cp_thread(sim, tid);
    CpThreadCold *cold = &sim->cold[tid];
    cp_assert(c->run_since <= sim->now);
    cp_assert(t->state != CP_THREAD_RUNNABLE || t->cpu != c->id || t->flags & CP_TF_WOKEN);
    cp_hist_add(&sim->slice_hist, sim->now - c->run_since);
    if (t->state == CP_THREAD_RUNNING) {
        t->state = CP_THREAD_RUNNABLE;
        t->since = sim->now;
        cold->nivcsw++;
        return 'R';
    }
    if (t->flags & CP_TF_WAKING) { /* taken over by another CPU */
        cold->nivcsw++;
        return 'R';
    }
    cold->nvcsw++; /* the last one of a thread that ends too, as the kernel counts */
    return leave_state(t);
}

/* A thread runs for the first time after it was woken for the first time. */
static void first_run(CpSim *sim, CpTid tid)
{
    if (tid < CP_FIRST_RUNS && sim->rare[tid].first_run_plus1 == 0) {
        sim->rare[tid].first_run_plus1 = sim->now + 1;
    }
}

/* A wake-up of the warm-up is none of those counted. */
static void woken_runs(CpSim *sim, CpTid tid, CpTime waited)
{
    cp_assert(waited >= 0);
    if (sim->now - waited < sim->counted_from) {
        return;
    }
    cp_hist_add(&sim->wakeup_hist, waited);
    if (tid < sim->thread_hists->len) {
        cp_hist_add(g_array_index(sim->thread_hists, CpHist *, tid), waited);
    }
}

/* Kernel work varies as bursts do: without that, threads that only hand a message to and
 * fro fall into step to the nanosecond, and who is owed service is always the same one.  A
 * uniform number of the same standard deviation, cheaply keyed, will do here. */
static inline CpTime switch_cost(const CpSim *sim, const CpCpuState *c)
{
    uint64_t r = (c->noise + c->switches) * 0x9e3779b97f4a7c15u;
    r = (r ^ r >> 32) * 0xd6e8feb86659fd93u;
    return sim->noise.switch_least + (CpTime)((r >> 32) * sim->noise.switch_width >> 32);
}

static void switch_in(CpSim *sim, CpCpuState *c, CpTid tid)
{
    CpThread *t = cp_thread(sim, tid);
    CpTime waited = sim->now - t->since;
    cp_assert(t->state == CP_THREAD_RUNNABLE && waited >= 0);
    cp_assert(t->chan == CP_NONE && !(t->flags & (CP_TF_DELAYED | CP_TF_WAKING)));
    cp_assert(cp_thread_allowed(sim, tid, c->id));
    sim->cold[tid].runq_wait += waited;
    c->ovh_left = switch_cost(sim, c);
    c->work_rest = 0;
    if (t->flags & (CP_TF_WOKEN | CP_TF_MIGRATED | CP_TF_SPIN | CP_TF_STOP)) {
        if (t->flags & CP_TF_WOKEN) {
            first_run(sim, tid);
            woken_runs(sim, tid, waited);
        }
        if (t->flags & CP_TF_MIGRATED) {
            c->ovh_left += sim->cost[CP_COST_MIGRATION];
        }
        if (t->flags & CP_TF_SPIN) {
            cp_burst_respin(sim, tid);
        }
        if (t->flags & CP_TF_STOP) {
            cp_burst_stop(sim, tid);
        }
        t->flags &= (uint8_t) ~(CP_TF_WOKEN | CP_TF_MIGRATED);
    }
    if (t->cpu != c->id) { /* taken from a queue that all CPUs share */
        cp_cpu_count(sim, &sim->cpus[t->cpu], -1);
        cp_cpu_count(sim, c, 1);
        cp_migrate(sim, tid, c->id);
        t->cpu = (uint16_t)c->id;
    }
    t->state = CP_THREAD_RUNNING;
    t->since = sim->now;
    c->curr = tid;
    c->cls = t->cls;
    c->hooks = sim->classes[t->cls].cls;
    c->look_from = sim->now;
    if (G_UNLIKELY(c->cls + 1u < sim->n_classes)) {
        cp_server_arm(sim, c);
    }
}

/* An SMT sibling's speed depends on whether this CPU is busy. */
static void siblings(CpSim *sim, CpCpuState *c)
{
    const CpMachine *m = sim->machine;
    const CpCpuMask *mask = &m->core_cpus[m->cpu[c->id].core];
    for (CpCpu cpu = cp_cpumask_next(mask, 0); cpu != CP_NONE;
         cpu = cp_cpumask_next(mask, cpu + 1)) {
        CpCpuState *other = &sim->cpus[cpu];
        if (other != c) {
            cp_cpu_account(sim, other);
        }
        cp_cpu_speed(sim, other);
        if (other != c) {
            cp_cpu_arm(sim, other);
        }
    }
}

static void switch_to(CpSim *sim, CpCpuState *c, CpTid next)
{
    CpTid prev = c->curr;
    char state = 'R';
    if (prev != CP_NONE) {
        cp_cpu_tell_ticks(sim, c, sim->now - 1);
        state = switch_out(sim, c);
        if (G_UNLIKELY(next == CP_NONE || cp_thread(sim, next)->cls != c->cls) &&
            c->hooks->off != NULL && cp_thread(sim, prev)->state == CP_THREAD_RUNNABLE) {
            c->hooks->off(cp_thread_rq(sim, cp_thread(sim, prev)), prev);
        }
    }
    cp_assert(prev != next);
    c->switches++;
    CpTime idle = prev == CP_NONE ? sim->now - c->run_since : 0;
    c->run_since = sim->now;
    if (idle > 0) {
        c->idled = idle;
        c->idled_until = sim->now;
    }
    c->ovh_left = 0;
    c->uncharged = 0;
    if (next != CP_NONE) {
        cp_set_next(sim, c, next);
        switch_in(sim, c, next);
        if (idle > 0) {
            c->ovh_left += cp_cost_after_idle(sim->config.costs, CP_COST_IDLE_COLD, idle);
        }
    } else {
        cp_set_idle(sim, c);
        c->curr = CP_NONE;
        c->look = CP_NEVER;
        c->burst_end = CP_NEVER;
        sim->n_idle++;
    }
    sim->n_idle -= prev == CP_NONE;
    cp_assert(sim->n_idle <= sim->n_cpus);
    bool takes = next != CP_NONE && c->cls + 1u < sim->n_classes;
    if (G_UNLIKELY(takes != c->takes)) {
        c->taken = cp_cpu_taken(sim, c->id);
        c->taken_at = sim->now;
        c->takes = takes;
    }
    cp_record(sim, CP_REC_SWITCH, next, c->id, (uint8_t)state);
    if (state != 'R' && cp_thread(sim, prev)->block > CP_BLOCK_SLEEP) {
        cp_record(sim, CP_REC_BLOCK, prev, c->id, cp_thread(sim, prev)->block);
    }
    if (G_UNLIKELY(sim->smt) && (prev == CP_NONE) != (next == CP_NONE)) {
        siblings(sim, c);
    }
}

/* Nothing to run here: ask the classes to bring something over. */
static CpTid newidle(CpSim *sim, CpCpuState *c)
{
    if (sim->n_overloaded == 0 || !c->online) {
        return CP_NONE; /* nobody has a thread to spare */
    }
    for (uint32_t rank = 0; rank < sim->n_classes; rank++) {
        const CpPolicyClass *cls = sim->classes[rank].cls;
        if (cls->newidle == NULL) {
            continue;
        }
        c->balancing = true;
        bool pulled = cls->newidle(cp_rq(sim, 0, c->id, rank));
        c->balancing = false;
        if (pulled) {
            return cp_pick(sim, c);
        }
    }
    return CP_NONE;
}

/* The CPU's thread is gone: its class and those below may have others wait elsewhere. */
static void pull(CpSim *sim, CpCpuState *c)
{
    c->balancing = true;
    for (uint32_t rank = c->cls; rank < sim->n_classes; rank++) {
        CpRq *rq = cp_rq(sim, 0, c->id, rank);
        if (rq->policy->cls->pull != NULL) {
            rq->policy->cls->pull(rq);
        }
        if (rq->nr > 0) {
            break;
        }
    }
    c->balancing = false;
}

/* Mirrors core.c:__schedule: the running thread, if still runnable, competes with the rest.
 * Returns whether the CPU's thread changed. */
static bool schedule(CpSim *sim, CpCpuState *c)
{
    CpTid prev = c->curr;
    bool runnable = prev != CP_NONE && cp_thread(sim, prev)->state == CP_THREAD_RUNNING;
    CpTime carry = 0;
    if (runnable && G_UNLIKELY(c->clock_stands)) {
        cp_cpu_account_tick(sim, c);
        carry = c->uncharged;
        c->uncharged = 0;
    } else if (runnable && (c->clock != sim->now || c->uncharged > 0)) {
        cp_cpu_account(sim, c);
    }
    c->clock_stands = c->lazy = false;
    c->resched_at = CP_NEVER;
    bool gone = prev != CP_NONE && !runnable;
    if (runnable) {
        if (c->hooks->put_prev != NULL) {
            cp_put_prev(sim, c, prev);
        }
        if (G_UNLIKELY(c->hooks->throttled != NULL) &&
            c->hooks->throttled(cp_thread_rq(sim, cp_thread(sim, prev)), prev)) {
            cp_hide(sim, prev);
            gone = true;
        }
        if (cp_level(sim, cp_thread(sim, prev)) != 0) {
            cp_group_throttle(sim, c, prev);
        }
    }
    if (gone && c->cls + 1u < sim->n_classes) {
        pull(sim, c);
    }
    CpTid next = cp_pick(sim, c);
    if (next == CP_NONE) {
        next = newidle(sim, c);
    }
    if (next == prev) {
        c->uncharged = carry;
        if (prev != CP_NONE) {
            cp_set_next(sim, c, prev);
            cp_cpu_look(sim, c);
        }
        return false;
    }
    switch_to(sim, c, next);
    if (next != CP_NONE) {
        c->uncharged = carry;
        cp_cpu_look(sim, c);
    }
    if (sim->any_global) {
        cp_global_rest(sim, runnable ? prev : CP_NONE);
    }
    if (next != CP_NONE && c->hooks->push != NULL) {
        c->hooks->push(cp_rq(sim, 0, c->id, c->cls));
    }
    return true;
}

/* --- balancing --- */

void cp_balance_fire(CpSim *sim, uint32_t gen)
{
    cp_assert(sim->n_passive > 0);
    sim->n_passive--;
    if (gen != sim->balance_gen) {
        return;
    }
    CpTime next = CP_NEVER;
    sim->balance_at = sim->now; /* what happens meanwhile is told by what is returned */
    for (uint32_t rank = 0; rank < sim->n_classes; rank++) {
        const CpPolicyClass *cls = sim->classes[rank].cls;
        if (cls->balance != NULL) {
            CpTime at = cls->balance(&sim->classes[rank].policy);
            next = MIN(next, at);
        }
    }
    sim->balance_at = next;
    if (next != CP_NEVER) {
        cp_balance_at(sim, next);
    }
}

/* --- one event of a CPU --- */

/* Lets the running thread execute until it needs time or leaves; switches as often as
 * threads at this instant block at once. */
static void proceed(CpSim *sim, CpCpuState *c)
{
    while (c->curr != CP_NONE && !sim->stopping) {
        CpThread *t = cp_thread(sim, c->curr);
        if (t->state == CP_THREAD_RUNNING && (t->burst_left > 0 || c->ovh_left > 0)) {
            return;
        }
        if (t->state == CP_THREAD_RUNNING &&
            cp_flow_run(sim, c, c->curr) == CP_FLOW_BURST && c->resched_at > sim->now) {
            return;
        }
        if (!schedule(sim, c) && c->curr != CP_NONE &&
            cp_thread(sim, c->curr)->burst_left > 0) {
            return;
        }
    }
}

/* Kernel work is over that had to pass before the next instruction, and somebody else is to
 * run: the way out of the kernel is where that happens. */
static bool leaves_kernel(CpSim *sim, const CpCpuState *c)
{
    return c->resched_at <= sim->now && cp_flow_of(sim, c->curr)->why == CP_WHY_BEGIN;
}

void cp_cpu_event(CpSim *sim, CpCpuState *c)
{
    cp_assert(sim->irq_cpu == CP_NONE && sim->event_cpu == CP_NONE); /* a flat stack */
    sim->irq_cpu = sim->event_cpu = c->id;
    sim->turn = c->id < sim->turn ? sim->turn : c->id + 1;
    if (c->curr != CP_NONE && c->hooks->ticked) {
        cp_cpu_advance(sim, c); /* the end of a burst is no business of the kernel */
    } else {
        cp_cpu_account(sim, c);
    }
    if (c->curr != CP_NONE && sim->now >= c->burst_end && !leaves_kernel(sim, c)) {
        proceed(sim, c);
    }
    if (c->curr != CP_NONE && sim->now >= c->look) {
        look(sim, c);
    }
    if (c->resched_at <= sim->now && (schedule(sim, c) || c->curr != CP_NONE)) {
        proceed(sim, c);
    }
    cp_cpu_arm(sim, c);
    sim->irq_cpu = sim->event_cpu = CP_NONE;
}
