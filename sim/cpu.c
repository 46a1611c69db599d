#include "sim/engine.h"

/* What one CPU does: charge the running thread, end its burst, look at the tick, switch.
 *
 * Two clocks: all time passes, but interrupts (irq_left) are taken from whoever runs
 * without being charged, as clock_task does; kernel work (ovh_left) is charged but does not
 * advance the burst.  Both pass before the burst goes on. */

static inline CpTime min_time(CpTime a, CpTime b)
{
    return a < b ? a : b;
}

/* Nominal work done in `wall` ns at a CPU's speed, and the time a piece of work takes. */
static inline CpTime work_of(const CpCore *core, CpTime wall)
{
    return G_LIKELY(core->speed == 1024) ? wall : wall * core->speed / 1024;
}

static inline CpTime wall_of(const CpCore *core, CpTime work)
{
    if (G_LIKELY(core->speed == 1024)) {
        return work;
    }
    return work > CP_NEVER / 2048 ? CP_NEVER / 4
                                  : (work * 1024 + core->speed - 1) / core->speed;
}

void cp_core_advance(CpSim *sim, CpCore *core)
{
    CpTime delta = sim->now - core->clock;
    if (delta == 0) {
        return;
    }
    core->clock = sim->now;
    if (core->curr == CP_NONE) {
        core->idle += delta;
        core->irq_left = 0;
        return;
    }
    if (G_UNLIKELY(core->irq_left > 0)) {
        CpTime irq = min_time(delta, core->irq_left);
        core->irq_left -= irq;
        core->irq += irq;
        sim->cold[core->curr].irq += irq;
        delta -= irq;
        if (delta == 0) {
            return;
        }
    }
    CpThread *t = cp_thread(sim, core->curr);
    CpTime work = delta;
    t->cpu_time += delta;
    if (core->ovh_left > 0) {
        CpTime ovh = min_time(delta, core->ovh_left);
        core->ovh_left -= ovh;
        core->overhead += ovh;
        work -= ovh;
    }
    core->busy += work;
    CpTime left = t->burst_left - work_of(core, work);
    t->burst_left = sim->now >= core->burst_end || left < 0 ? 0 : left;
    core->uncharged += delta;
}

void cp_core_account(CpSim *sim, CpCore *core)
{
    cp_core_advance(sim, core);
    CpTime delta = core->uncharged;
    if (delta == 0) {
        return;
    }
    core->uncharged = 0;
    if (cp_charge_class(sim, core, delta) && core->resched_at > sim->now) {
        core->resched_at = sim->now;
        if (sim->event_cpu != core->id) { /* else it is armed when its event is over */
            cp_core_arm(sim, core);
        }
    }
}

void cp_core_account_tick(CpSim *sim, CpCore *core)
{
    CpTime now = sim->now, tick = sim->next_tick - sim->tick;
    cp_core_advance(sim, core);
    if (tick == now && core->id >= sim->turn) {
        tick -= sim->tick; /* the one of this moment is still to come here */
    }
    CpTime since = now - tick;
    if (core->uncharged > since && core->curr != CP_NONE) {
        CpTime rest = core->uncharged - since;
        core->uncharged = since;
        sim->now = tick;
        cp_charge_class(sim, core, rest);
        sim->now = now;
    }
}

void cp_core_arm(CpSim *sim, CpCore *core)
{
    CpTime key = core->resched_at;
    if (core->curr != CP_NONE) {
        const CpThread *t = cp_thread(sim, core->curr);
        CpTime rest = wall_of(core, t->burst_left);
        CpTime from = core->clock + core->irq_left + core->ovh_left;
        core->burst_end = rest > CP_NEVER - from ? CP_NEVER : from + rest;
        key = min_time(min_time(key, core->burst_end), core->look);
    }
    cp_slots_set(&sim->slots, core->id, key);
}

void cp_resched_after(CpSim *sim, CpCore *core, CpTime delay)
{
    CpTime at = sim->now + delay;
    if (core->curr != CP_NONE) {
        at += core->irq_left + core->ovh_left;
    }
    if (at < core->resched_at) {
        core->resched_at = at;
        cp_core_arm(sim, core);
    }
}

void cp_resched(CpSim *sim, CpCpu cpu)
{
    cp_core_account(sim, &sim->cores[cpu]);
    cp_resched_after(sim, &sim->cores[cpu], 0);
}

/* --- the tick --- */

static inline CpTime class_look(CpSim *sim, const CpCore *core, const CpPolicyClass *cls)
{
    CpTime look = CP_NEVER;
    CpEnt ent = core->curr;
    if (cls->next_look == NULL) {
        return CP_NEVER;
    }
    if (G_LIKELY(sim->flat)) {
        return cls->next_look(core->root + core->cls, ent);
    }
    for (CpGroup g = cp_thread(sim, ent)->group;; g = sim->groups[g].parent) {
        CpRq *rq = cp_rq(sim, cls->global ? 0 : g, core->id, core->cls);
        look = min_time(look, cls->next_look(rq, ent));
        if (g == 0) {
            return look;
        }
        look = min_time(look, cp_group_look(sim, g, core));
        ent = cp_group_ent(sim, g, core->id);
    }
}

/* The tick of this very moment, if there is one, still comes for CPUs whose turn has not
 * been yet: timers go before CPUs, and CPUs by number. */
void cp_core_look(CpSim *sim, CpCore *core)
{
    const CpPolicyClass *cls = core->hooks;
    CpTime look = class_look(sim, core, cls);
    if (look != CP_NEVER) { /* the class does not know of what is uncharged */
        look -= core->uncharged;
    }
    if (G_UNLIKELY(core->server == CP_SERVER_ON)) {
        look = min_time(look, sim->now + core->server_left);
    }
    if (cls->ticked) {
        CpTime first = sim->now + (core->id < sim->turn);
        if (core->nr >= 2 && cls->balance != NULL && sim->n_cpus > 1) {
            look = min_time(look, sim->balance_at);
        }
        if (sim->exact_ticks) {
            look = first;
        }
        if (look != CP_NEVER) {
            look = cp_tick_after(sim, look > first ? look : first);
        }
    } else if (look < sim->now) {
        look = sim->now;
    }
    core->look = look;
}

/* Tells a class that counts ticks how many went by, up to `to`. */
static inline void tell_ticks(CpSim *sim, CpCore *core, CpTime to)
{
    const CpPolicyClass *cls = core->hooks;
    if (cls->ticked_over == NULL) {
        return;
    }
    CpTime first = cp_tick_after(sim, core->look_from + 1);
    core->look_from = to;
    if (first <= to) {
        uint64_t n = (uint64_t)((to - first) / sim->tick) + 1;
        cls->ticked_over(cp_rq(sim, 0, core->id, core->cls), core->curr, n);
    }
}

static bool ask_expired(CpSim *sim, CpCore *core, const CpPolicyClass *cls)
{
    bool expired = false;
    CpEnt ent = core->curr;
    for (CpGroup g = cp_thread(sim, ent)->group;; g = sim->groups[g].parent) {
        CpRq *rq = cp_rq(sim, cls->global ? 0 : g, core->id, core->cls);
        expired |= cls->expired(rq, ent);
        if (g == 0) {
            return expired;
        }
        ent = cp_group_ent(sim, g, core->id);
    }
}

/* A tick, or the moment a class asked for. */
static void look(CpSim *sim, CpCore *core)
{
    const CpPolicyClass *cls = core->hooks;
    cp_core_account(sim, core);
    tell_ticks(sim, core, sim->now);
    if (core->resched_at > sim->now && cls->expired != NULL &&
        ask_expired(sim, core, cls)) {
        /* A tick's takes effect when the interrupts of this moment are over. */
        CpTime after = cls->ticked ? core->irq_left + core->ovh_left : 0;
        core->resched_at = min_time(core->resched_at, sim->now + after);
    }
    if (core->nr >= 2 && cls->balance != NULL &&
        (sim->now >= sim->balance_at || sim->n_idle > 0)) {
        sim->balance_at = cls->balance(core->root + core->cls);
    }
    if (core->resched_at > sim->now) {
        cp_core_look(sim, core);
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
static char switch_out(CpSim *sim, CpCore *core)
{
    CpTid tid = core->curr;
    CpThread *t = cp_thread(sim, tid);
    CpThreadCold *cold = &sim->cold[tid];
    cp_hist_add(&sim->slice_hist, sim->now - core->run_since);
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
static inline CpTime switch_cost(const CpSim *sim, const CpCore *core)
{
    uint64_t r = (core->noise + core->switches) * 0x9e3779b97f4a7c15u;
    r = (r ^ r >> 32) * 0xd6e8feb86659fd93u;
    return sim->switch_least + (CpTime)((r >> 32) * sim->switch_width >> 32);
}

static void switch_in(CpSim *sim, CpCore *core, CpTid tid)
{
    CpThread *t = cp_thread(sim, tid);
    CpTime waited = sim->now - t->since;
    sim->cold[tid].runq_wait += waited;
    core->ovh_left = switch_cost(sim, core);
    if (t->flags & (CP_TF_WOKEN | CP_TF_MIGRATED | CP_TF_SPIN | CP_TF_STOP)) {
        if (t->flags & CP_TF_WOKEN) {
            first_run(sim, tid);
            woken_runs(sim, tid, waited);
        }
        if (t->flags & CP_TF_MIGRATED) {
            core->ovh_left += sim->cost[CP_COST_MIGRATION];
        }
        if (t->flags & CP_TF_SPIN) {
            cp_flow_respin(sim, tid);
        }
        if (t->flags & CP_TF_STOP) {
            cp_stop_now(sim, core, tid);
        }
        t->flags &= (uint8_t) ~(CP_TF_WOKEN | CP_TF_MIGRATED);
    }
    if (t->cpu != core->id) { /* taken from a queue that all CPUs share */
        cp_core_count(sim, &sim->cores[t->cpu], -1);
        cp_core_count(sim, core, 1);
        cp_migrate(sim, tid, core->id);
        t->cpu = (uint16_t)core->id;
    }
    t->state = CP_THREAD_RUNNING;
    t->since = sim->now;
    core->curr = tid;
    core->cls = t->cls;
    core->hooks = sim->classes[t->cls].cls;
    core->look_from = sim->now;
    if (G_UNLIKELY(core->cls + 1u < sim->n_classes)) {
        cp_server_arm(sim, core);
    }
}

/* An SMT sibling's speed depends on whether this CPU is busy. */
static void siblings(CpSim *sim, CpCore *core)
{
    const CpMachine *m = sim->machine;
    const CpCpuMask *mask = &m->core_cpus[m->cpu[core->id].core];
    for (CpCpu c = cp_cpumask_next(mask, 0); c != CP_NONE;
         c = cp_cpumask_next(mask, c + 1)) {
        CpCore *other = &sim->cores[c];
        if (other != core) {
            cp_core_account(sim, other);
        }
        cp_core_speed(sim, other);
        if (other != core) {
            cp_core_arm(sim, other);
        }
    }
}

void cp_core_speed(CpSim *sim, CpCore *core)
{
    const CpMachine *m = sim->machine;
    uint32_t speed = m->cpu[core->id].capacity;
    if (sim->smt) {
        const CpCpuMask *mask = &m->core_cpus[m->cpu[core->id].core];
        for (CpCpu c = cp_cpumask_next(mask, 0); c != CP_NONE;
             c = cp_cpumask_next(mask, c + 1)) {
            if (c != core->id && sim->cores[c].curr != CP_NONE) {
                speed = speed * m->smt_speed / 1024;
                break;
            }
        }
    }
    core->speed = speed > 0 ? speed : 1;
}

/* A CPU went idle: the next tick of those with too much to do may feed it. */
static void tell_overloaded(CpSim *sim)
{
    for (CpCpu cpu = 0; cpu < sim->n_cpus; cpu++) {
        CpCore *core = &sim->cores[cpu];
        if (core->nr >= 2 && core->curr != CP_NONE) {
            cp_core_look(sim, core);
            cp_core_arm(sim, core);
        }
    }
}

static void switch_to(CpSim *sim, CpCore *core, CpTid next)
{
    CpTid prev = core->curr;
    char state = 'R';
    if (prev != CP_NONE) {
        tell_ticks(sim, core, sim->now - 1);
        state = switch_out(sim, core);
    }
    core->switches++;
    CpTime idle = prev == CP_NONE ? sim->now - core->run_since : 0;
    if (prev == CP_NONE || next == CP_NONE) {
        core->util = cp_cpu_util(sim, core->id);
        core->util_at = sim->now;
    }
    core->run_since = sim->now;
    if (idle > 0) {
        core->idled = idle;
        core->idled_until = sim->now;
    }
    core->ovh_left = 0;
    core->uncharged = 0;
    if (next != CP_NONE) {
        cp_set_next(sim, core, next);
        switch_in(sim, core, next);
        if (idle > 0) {
            core->ovh_left +=
                cp_cost_after_idle(sim->config.costs, CP_COST_IDLE_COLD, idle);
        }
    } else {
        cp_set_idle(sim, core);
        core->curr = CP_NONE;
        core->look = CP_NEVER;
        core->burst_end = CP_NEVER;
        sim->n_idle++;
        if (sim->n_overloaded > 0) {
            tell_overloaded(sim);
        }
    }
    sim->n_idle -= prev == CP_NONE;
    cp_record(sim, CP_REC_SWITCH, next, core->id, (uint8_t)state);
    if (state != 'R' && cp_thread(sim, prev)->block > CP_BLOCK_SLEEP) {
        cp_record(sim, CP_REC_BLOCK, prev, core->id, cp_thread(sim, prev)->block);
    }
    if (G_UNLIKELY(sim->smt) && (prev == CP_NONE) != (next == CP_NONE)) {
        siblings(sim, core);
    }
}

/* Nothing to run here: ask the classes to bring something over. */
static CpTid newidle(CpSim *sim, CpCore *core)
{
    if (sim->n_overloaded == 0 || !core->online) {
        return CP_NONE; /* nobody has a thread to spare */
    }
    for (uint32_t rank = 0; rank < sim->n_classes; rank++) {
        const CpPolicyClass *cls = sim->classes[rank].cls;
        if (cls->newidle == NULL) {
            continue;
        }
        core->balancing = true;
        bool pulled = cls->newidle(cp_rq(sim, 0, core->id, rank));
        core->balancing = false;
        if (pulled) {
            return cp_pick(sim, core);
        }
    }
    return CP_NONE;
}

/* Mirrors core.c:__schedule: the running thread, if still runnable, competes with the rest.
 * Returns whether the CPU's thread changed. */
static bool schedule(CpSim *sim, CpCore *core)
{
    CpTid prev = core->curr;
    bool runnable = prev != CP_NONE && cp_thread(sim, prev)->state == CP_THREAD_RUNNING;
    CpTime carry = 0;
    if (runnable && G_UNLIKELY(core->clock_stands)) {
        cp_core_account_tick(sim, core);
        carry = core->uncharged;
        core->uncharged = 0;
    } else if (runnable && (core->clock != sim->now || core->uncharged > 0)) {
        cp_core_account(sim, core);
    }
    core->clock_stands = false;
    core->resched_at = CP_NEVER;
    if (runnable) {
        if (core->hooks->put_prev != NULL) {
            cp_put_prev(sim, core, prev);
        }
        if (cp_thread(sim, prev)->group != 0) {
            cp_group_throttle(sim, core, prev);
        }
    }
    CpTid next = cp_pick(sim, core);
    if (next == CP_NONE) {
        next = newidle(sim, core);
    }
    if (next == prev) {
        core->uncharged = carry;
        if (prev != CP_NONE) {
            cp_set_next(sim, core, prev);
            cp_core_look(sim, core);
        }
        return false;
    }
    switch_to(sim, core, next);
    if (next != CP_NONE) {
        core->uncharged = carry;
        cp_core_look(sim, core);
    }
    if (sim->any_global) {
        cp_global_rest(sim, runnable ? prev : CP_NONE);
    }
    return true;
}

/* --- one event of a CPU --- */

/* Lets the running thread execute until it needs time or leaves; switches as often as
 * threads at this instant block at once. */
static void proceed(CpSim *sim, CpCore *core)
{
    while (core->curr != CP_NONE && !sim->stopping) {
        CpThread *t = cp_thread(sim, core->curr);
        if (t->state == CP_THREAD_RUNNING && (t->burst_left > 0 || core->ovh_left > 0)) {
            return;
        }
        switch (cp_flow_run(sim, core, core->curr)) {
        case CP_FLOW_BURST:
            if (core->resched_at > sim->now) {
                return;
            }
            break;
        case CP_FLOW_PREEMPT:
        case CP_FLOW_BLOCKED:
        case CP_FLOW_ENDED:
            break;
        }
        if (!schedule(sim, core) && core->curr != CP_NONE &&
            cp_thread(sim, core->curr)->burst_left > 0) {
            return;
        }
    }
}

/* Kernel work is over that had to pass before the next instruction, and somebody else is to
 * run: the way out of the kernel is where that happens. */
static bool leaves_kernel(CpSim *sim, const CpCore *core)
{
    return core->resched_at <= sim->now && cp_flow_of(sim, core->curr)->why == CP_WHY_BEGIN;
}

void cp_core_event(CpSim *sim, CpCore *core)
{
    sim->irq_cpu = sim->event_cpu = core->id;
    sim->turn = core->id < sim->turn ? sim->turn : core->id + 1;
    if (core->curr != CP_NONE && core->hooks->ticked) {
        cp_core_advance(sim, core); /* the end of a burst is no business of the kernel */
    } else {
        cp_core_account(sim, core);
    }
    if (core->curr != CP_NONE && sim->now >= core->burst_end && !leaves_kernel(sim, core)) {
        proceed(sim, core);
    }
    if (core->curr != CP_NONE && sim->now >= core->look) {
        look(sim, core);
    }
    if (core->resched_at <= sim->now && (schedule(sim, core) || core->curr != CP_NONE)) {
        proceed(sim, core);
    }
    cp_core_arm(sim, core);
    sim->irq_cpu = sim->event_cpu = CP_NONE;
}
