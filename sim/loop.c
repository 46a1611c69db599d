#include "sim/loop.h"

#include "sim/audit.h"
#include "sim/baseline.h"
#include "sim/channel.h"
#include "sim/cpu.h"
#include "sim/device.h"
#include "sim/diagnose.h"
#include "sim/execute.h"
#include "sim/group.h"
#include "sim/noise.h"
#include "sim/process.h"
#include "sim/runqueue.h"
#include "sim/schedule.h"
#include "sim/thread.h"
#include "sim/timer.h"
#include "sim/wake.h"

/* Decides what happens next: the earliest of all timers and of what the CPUs are at. */

enum {
    CHECK_EVERY = 1 << 16, /* events between looks at the wall clock and at signals */
    FETCH_FROM = 8192,     /* threads whose rows do not all stay in the caches */
};

/* --- timers --- */

static void at_command(CpSim *sim, const CpAtDecl *at)
{
    switch (at->kind) {
    case CP_AT_NICE:
    case CP_AT_CPUS:
        for (CpTid tid = 0; tid < sim->tables.thread.n; tid++) {
            const CpThread *t = cp_thread(sim, tid);
            if (t->decl == at->subject && t->state != CP_THREAD_ENDED) {
                CpSchedAttr attr = *cp_thread_attr(sim, tid);
                attr.nice = at->kind == CP_AT_NICE ? (int32_t)at->value : attr.nice;
                attr.cpus = at->kind == CP_AT_CPUS ? (uint32_t)at->value : attr.cpus;
                cp_set_attr(sim, tid, &attr);
            }
        }
        return;
    case CP_AT_QUOTA:
        cp_group_set_quota(sim, at->subject, at->value);
        return;
    case CP_AT_WEIGHT:
        cp_group_set_weight(sim, at->subject, (uint32_t)at->value);
        return;
    case CP_AT_STOP:
        sim->stopping = true;
        sim->outcome = CP_OUTCOME_DONE;
        return;
    case CP_AT_OFFLINE:
    case CP_AT_ONLINE:
        cp_require(false); /* refused when the workload is compiled */
    }
}

static void thread_timer(CpSim *sim, CpTid tid, uint32_t gen)
{
    CpThread *t = cp_thread(sim, tid);
    if (t->wake_gen != gen || t->state != CP_THREAD_BLOCKED) {
        return;
    }
    cp_assert(!(t->flags & CP_TF_WAKING)); /* else the deadline would be stale */
    if (t->chan != CP_NONE) {
        cp_channel_remove(sim, tid);
    }
    CpFlow *flow = cp_flow_of(sim, tid);
    flow->why = CP_WHY_TIMEOUT;
    sim->last_useful = sim->now;
    cp_irq(sim, t->cpu,
           sim->cost[CP_COST_TIMER] + cp_cost_after_idle(sim->config.costs,
                                                         CP_COST_TIMER_COLD,
                                                         sim->now - t->since));
    sim->irq_cpu = t->cpu;
    cp_wake_begin(sim, tid, t->cpu, CP_NONE, CP_WAKE_TIMER, 0);
    sim->irq_cpu = CP_NONE;
}

static void activate_timer(CpSim *sim, CpTid tid, uint32_t flags)
{
    CpThread *t = cp_thread(sim, tid);
    cp_cpu_expect(sim, &sim->cpus[t->cpu], -1);
    if (t->state == CP_THREAD_ENDED) {
        return;
    }
    cp_assert(t->flags & CP_TF_WAKING);
    t->flags &= (uint8_t)~CP_TF_WAKING;
    sim->irq_cpu = t->cpu;
    cp_activate(sim, tid, (CpEnqFlags)flags);
    sim->irq_cpu = CP_NONE;
}

static void stop_timer(CpSim *sim, CpTid tid, uint32_t gen)
{
    CpThread *t = cp_thread(sim, tid);
    if (t->wake_gen != gen || t->burst_left == 0) {
        return;
    }
    CpCpuState *c = &sim->cpus[t->cpu];
    if (t->state != CP_THREAD_RUNNING) {
        t->flags |= CP_TF_STOP;
        return;
    }
    cp_cpu_advance(sim, c);
    cp_burst_stop(sim, tid);
    cp_cpu_arm(sim, c);
}

static void timer_event(CpSim *sim, CpTimer timer)
{
    cp_assert(timer.at == sim->now);
    uint32_t id = cp_timer_subject(&timer);
    switch (cp_timer_kind(&timer)) {
    case CP_TIMER_THREAD:
        thread_timer(sim, id, timer.gen);
        return;
    case CP_TIMER_ACTIVATE:
        activate_timer(sim, id, timer.gen);
        break;
    case CP_TIMER_START:
        if (cp_thread(sim, id)->state == CP_THREAD_NEW) {
            uint32_t parent = sim->rare[id].parent_plus1;
            cp_thread_start(sim, id, parent == 0 ? CP_NONE : parent - 1);
        }
        break;
    case CP_TIMER_DEVICE:
        cp_device_done(sim, id);
        break;
    case CP_TIMER_ARRIVAL:
        cp_arrival_fire(sim, id);
        break;
    case CP_TIMER_IRQ:
        cp_noise_fire(sim, id, timer.gen);
        return;
    case CP_TIMER_AT:
        at_command(sim, &g_array_index(sim->w->ats, CpAtDecl, id));
        break;
    case CP_TIMER_RUNTIME:
        cp_runtime_timer_fire(sim, id);
        break;
    case CP_TIMER_GROUP:
        cp_group_timer(sim, id);
        break;
    case CP_TIMER_STOP:
        stop_timer(sim, id, timer.gen);
        break;
    case CP_TIMER_SERVER:
        if (!cp_server_timer(sim, id, timer.gen)) {
            return;
        }
        cp_resched(sim, id);
        break;
    case CP_TIMER_WARMUP:
        cp_assert(sim->n_passive > 0);
        sim->n_passive--;
        cp_warmup_end(sim);
        return;
    case CP_TIMER_BALANCE:
        cp_balance_fire(sim, timer.gen);
        return;
    case CP_TIMER_CLASS:
        if (!cp_class_fire(sim, id, timer.gen)) {
            return;
        }
        cp_woken_check(sim, id, 0);
        break;
    case CP_TIMER_KINDS:
        cp_require(false);
    }
    sim->last_useful = sim->now;
}

/* Fetches what the next timer will need. */
static void fetch_ahead(CpSim *sim)
{
    CpTimer timer;
    if (cp_timerq_soon(sim->timers, &timer) && cp_timer_kind(&timer) == CP_TIMER_THREAD) {
        cp_ent_fetch(&sim->classes[sim->n_classes - 1].policy, cp_timer_subject(&timer));
    }
}

/* --- the loop --- */

static void guards(CpSim *sim, gint64 wall_start)
{
    const CpSimConfig *c = &sim->config;
    if (c->interrupt != NULL && *c->interrupt != 0) {
        sim->stopping = true;
        sim->outcome = CP_OUTCOME_INTERRUPTED;
    } else if (c->max_wall > 0 &&
               (g_get_monotonic_time() - wall_start) * 1000 > c->max_wall) {
        cp_diagnose(sim, "guard", NULL, 0, "the limit of max-wall was reached");
        sim->stopping = true;
        sim->outcome = CP_OUTCOME_GUARD;
    }
    if (c->progress != NULL) {
        c->progress(sim->now, sim->events, c->progress_data);
    }
}

/* Only interrupt noise is left to happen: nothing can move a thread any more. */
static bool is_dead(const CpSim *sim, CpTime slot)
{
    cp_assert(cp_timerq_size(sim->timers) >= sim->n_passive);
    return slot == CP_NEVER && cp_timerq_size(sim->timers) == sim->n_passive;
}

void cp_stop_dead(CpSim *sim)
{
    cp_assert(sim->n_threads_live > 0);
    sim->stopping = true;
    if (cp_load_is_over(sim)) {
        sim->outcome = CP_OUTCOME_DONE;
        sim->now = sim->last_useful;
        return;
    }
    sim->outcome = CP_OUTCOME_DEADLOCK;
    cp_diagnose_deadlock(sim);
}

/* The end that was asked for, or that of all time. */
static void stop_late(CpSim *sim, CpTime until)
{
    sim->now = until;
    sim->outcome = CP_OUTCOME_UNTIL;
    if (until < sim->config.until) {
        g_autofree char *end = cp_format_time_human(until);
        cp_diagnose(sim, "guard", NULL, 0,
                    "%s (208 days) is as long as a run can be: end it with until", end);
        sim->outcome = CP_OUTCOME_GUARD;
    }
}

void cp_loop(CpSim *sim)
{
    CpTime until = MIN(sim->config.until, (CpTime)CP_SLOT_LAST - 1);
    gint64 wall_start = g_get_monotonic_time();
    uint64_t check = CHECK_EVERY;
    cp_moment_begins(sim);
    uint64_t max = sim->config.max_events > 0 ? sim->config.max_events : UINT64_MAX;
    while (!sim->stopping) {
        CpCpu cpu;
        CpTime slot = cp_slots_next(&sim->slots, &cpu);
        CpTime timer = cp_timerq_next(sim->timers);
        CpTime next = timer <= slot ? timer : slot;
        if (G_UNLIKELY(is_dead(sim, slot))) {
            cp_stop_dead(sim);
            return;
        }
        if (G_UNLIKELY(next > until)) {
            stop_late(sim, until);
            return;
        }
        cp_assert(next >= sim->now);
        if (next > sim->now) {
            sim->turn = 0;
            if (G_UNLIKELY(cp_moment_begins(sim) >= CHECK_EVERY)) {
                check = sim->events + 1; /* a moment can be as long as many events */
            }
        } else if (G_UNLIKELY(!cp_moment_goes_on(sim))) {
            return;
        }
        sim->now = next;
        if (next >= sim->next_tick) {
            sim->next_tick = cp_tick_after_far(sim, next + 1);
        }
        if (timer <= slot) {
            timer_event(sim, cp_timerq_pop(sim->timers));
            if (G_UNLIKELY(sim->tables.thread.n >= FETCH_FROM)) {
                fetch_ahead(sim);
            }
        } else {
            cp_cpu_event(sim, &sim->cpus[cpu]);
            sim->last_useful = sim->now;
        }
#ifdef CP_AUDIT
        cp_audit_now(sim);
#endif
        if (G_UNLIKELY(++sim->events >= check)) {
            check = sim->events + CHECK_EVERY;
            guards(sim, wall_start);
        }
        if (G_UNLIKELY(sim->events >= max && !sim->stopping)) {
            cp_diagnose(sim, "guard", NULL, 0, "the limit of max-events was reached");
            sim->outcome = CP_OUTCOME_GUARD;
            return;
        }
    }
}
