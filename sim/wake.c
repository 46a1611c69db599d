#include "sim/wake.h"

#include "sim/channel.h"
#include "sim/cpu.h"
#include "sim/diagnose.h"
#include "sim/flow.h"
#include "sim/process.h"
#include "sim/random.h"
#include "sim/recorder.h"
#include "sim/runqueue.h"
#include "sim/service.h"
#include "sim/thread.h"
#include "sim/timer.h"

/* The wake-up path, in three steps: waking (in the waker's context), placement, activation
 * on the target CPU, which may be later; mirrors core.c:try_to_wake_up. */

enum { BEGIN_LIMIT = 1000 }; /* own operations before a thread's first wait */

CpTime cp_slack(const CpSim *sim, CpTid tid)
{
    const CpSchedAttr *attr = cp_thread_attr(sim, tid);
    if (attr->policy >= CP_SCHED_FIFO) {
        return 0;
    }
    return attr->slack >= 0 ? attr->slack : sim->cost[CP_COST_TIMER_SLACK];
}

static CpCpu place(CpSim *sim, CpTid tid, CpCpu waker_cpu, CpWakeFlags flags)
{
    CpThread *t = cp_thread(sim, tid);
    CpPolicy *policy = &sim->classes[t->cls].policy;
    if (policy->cls->global) {
        return t->cpu;
    }
    CpCpu cpu = policy->cls->select_cpu != NULL
                    ? policy->cls->select_cpu(policy, tid, waker_cpu, flags)
                    : cp_place_default(policy, tid, waker_cpu, flags);
    cp_assert(cpu < sim->n_cpus && cp_thread_allowed(sim, tid, cpu));
    return cpu;
}

/* An idle CPU near the last one, else the least loaded; what a class without an own
 * select_cpu gets. */
CpCpu cp_place_default(CpPolicy *policy, CpTid tid, CpCpu waker_cpu, CpWakeFlags flags)
{
    CpSim *sim = policy->sim;
    CpCpu last = cp_thread(sim, tid)->cpu, best = CP_NONE;
    uint32_t least = UINT32_MAX;
    (void)waker_cpu; /* the simplest placement looks at loads only */
    (void)flags;
    for (uint32_t i = 0; i < sim->n_cpus; i++) {
        CpCpu cpu = (last + i) % sim->n_cpus;
        if (cp_thread_allowed(sim, tid, cpu) && cp_cpu_nr(sim, cpu) < least) {
            least = cp_cpu_nr(sim, cpu);
            best = cpu;
        }
        if (least == 0) {
            break;
        }
    }
    cp_require(best != CP_NONE);
    return best;
}

void cp_woken_check(CpSim *sim, CpTid tid, CpWakeFlags flags)
{
    const CpThread *t = cp_thread(sim, tid);
    const CpCpuState *c = &sim->cpus[t->cpu];
    const CpPolicyClass *cls = sim->classes[t->cls].cls;
    if (G_UNLIKELY(cls->throttled != NULL) && cp_is_hidden(sim, tid)) {
        return;
    }
    cp_wakeup_check(sim, tid, t->cpu, flags);
    if (cls->push != NULL && c->curr != CP_NONE && c->resched_at == CP_NEVER) {
        cls->push(cp_thread_rq(sim, t));
    }
}

void cp_activate(CpSim *sim, CpTid tid, CpEnqFlags flags)
{
    CpThread *t = cp_thread(sim, tid);
    CpCpuState *c = &sim->cpus[t->cpu];
    cp_assert(t->state == CP_THREAD_BLOCKED || t->state == CP_THREAD_NEW);
    cp_assert(t->chan == CP_NONE && t->since <= sim->now);
    cp_cpu_account(sim, c);
    t->state = CP_THREAD_RUNNABLE;
    if (!(flags & CP_ENQ_RESTORE)) { /* else it never slept, but moved while it ran */
        cp_thread_was_blocked(sim, tid);
        t->since = sim->now;
        t->block = CP_BLOCK_NONE;
        t->flags |= CP_TF_WOKEN;
    }
    cp_enqueue(sim, tid, t->cpu, flags);
    if (!(flags & CP_ENQ_RESTORE)) {
        CpRecordKind kind = (flags & CP_ENQ_FORK) ? CP_REC_WAKEUP_NEW : CP_REC_WAKEUP;
        cp_record(sim, kind, tid, t->cpu, 0);
    }
    cp_woken_check(sim, tid, (flags & CP_ENQ_FORK) ? CP_WAKE_NEW : 0);
}

/* A virtual CPU that halted for long may have been taken away by its host, which then
 * needs time to give it back. */
static CpTime taken_away(CpSim *sim, CpCpuState *c, CpTime idle)
{
    if (idle < sim->cost[CP_COST_IDLE_POLL] || sim->cost[CP_COST_IDLE_TAKEN] == 0) {
        return 0;
    }
    uint64_t r = cp_random(sim->seed, CP_RANDOM_IDLE_EXIT, c->id, c->n_exits++);
    if ((int64_t)((r >> 32) * 1000000 >> 32) >= sim->cost[CP_COST_IDLE_TAKEN]) {
        return 0;
    }
    CpDist back = {.kind = CP_DIST_EXP, .p = {sim->cost[CP_COST_IDLE_BACK]}};
    return cp_dist_sample(&back, NULL, r << 32 | r >> 32);
}

/* A halted CPU takes time to come back; the longer it slept the more.  Another CPU has to
 * interrupt it. */
static CpTime idle_exit(CpSim *sim, CpCpu cpu, CpCpu from, CpTid waker)
{
    CpCpuState *c = &sim->cpus[cpu];
    if (c->curr != CP_NONE || c->resched_at != CP_NEVER) {
        return 0;
    }
    if (c->exit_at > sim->now) {
        return c->exit_at - sim->now; /* one interrupt wakes all, then one is picked */
    }
    CpTime idle = sim->now - c->run_since, delay = 0;
    cp_assert(idle >= 0);
    if (from != cpu) {
        delay = sim->cost[CP_COST_WAKE_REMOTE];
        if (waker != CP_NONE) {
            cp_charge(sim, waker, sim->cost[CP_COST_WAKE_IPI]);
        }
    }
    delay += cp_cost_after_idle(sim->config.costs, CP_COST_IDLE_EXIT, idle) +
             taken_away(sim, c, idle);
    c->exit_at = sim->now + delay;
    return delay;
}

/* Enqueues the thread on its CPU, at once or when that CPU has left idle. */
static void send(CpSim *sim, CpTid tid, CpCpu from, CpTid waker, CpEnqFlags flags)
{
    CpThread *t = cp_thread(sim, tid);
    bool at_once = sim->classes[t->cls].cls->global;
    CpTime delay = at_once ? 0 : idle_exit(sim, t->cpu, from, waker);
    if (delay == 0) {
        cp_activate(sim, tid, flags);
        return;
    }
    cp_assert(delay > 0);
    t->flags |= CP_TF_WAKING;
    t->state = CP_THREAD_BLOCKED;
    cp_cpu_expect(sim, &sim->cpus[t->cpu], 1);
    cp_timer_push(sim, CP_TIMER_ACTIVATE, sim->now + delay, tid, flags);
}

void cp_wake_begin(CpSim *sim, CpTid tid, CpCpu from, CpTid waker, CpWakeCause cause,
                   uint32_t flags)
{
    CpThread *t = cp_thread(sim, tid);
    cp_assert(t->state == CP_THREAD_BLOCKED && !(t->flags & CP_TF_WAKING));
    t->wake_gen++;
    sim->wakeups++;
    cp_thread_was_blocked(sim, tid);
    t->since = sim->now;
    uint32_t irq = cause == CP_WAKE_THREAD ? 0 : CP_WAKING_IRQ;
    cp_record(sim, CP_REC_WAKING, tid, from, t->cpu | irq);
    if (waker != CP_NONE) {
        cp_charge(sim, waker, sim->cost[CP_COST_WAKE]);
    }
    if (t->flags & CP_TF_DELAYED) {
        CpCpuState *c = &sim->cpus[t->cpu];
        /* Its lag is taken against what the last tick, wake-up or switch knew of the
         * running thread (fair.c:requeue_delayed_entity has no update_curr). */
        cp_cpu_account_tick(sim, c);
        t->state = CP_THREAD_RUNNABLE;
        t->block = CP_BLOCK_NONE;
        t->flags |= CP_TF_WOKEN;
        cp_requeue_delayed(sim, tid);
        cp_cpu_account(sim, c);
        cp_record(sim, CP_REC_WAKEUP, tid, t->cpu, cause);
        cp_wakeup_check(sim, tid, t->cpu, CP_WAKE_DELAYED);
        return;
    }
    CpCpu cpu = place(sim, tid, from, (CpWakeFlags)flags);
    CpEnqFlags how = CP_ENQ_WAKEUP;
    if (cpu != t->cpu) {
        cp_migrate(sim, tid, cpu);
        t->cpu = (uint16_t)cpu;
        how |= CP_ENQ_MIGRATED;
    }
    send(sim, tid, from, waker, how);
}

/* An operation on the thread's own registers alone, which nobody can tell from outside. */
static bool is_private(const CpInsn *insn)
{
    switch (insn->op) {
    case CP_OP_NOP:
    case CP_OP_JUMP:
    case CP_OP_CALL:
    case CP_OP_LOOP:
    case CP_OP_SET:
    case CP_OP_MOVE:
    case CP_OP_ARITH:
    case CP_OP_LIST_GET:
    case CP_OP_JUMP_IF:
        return true;
    default:
        return false;
    }
}

/* Whether the first thing a new thread does is to wait for a time or a device; what comes
 * before it, on its own registers, has been executed then. */
static bool begins_off(CpSim *sim, CpTid tid)
{
    const CpThread *t = cp_thread(sim, tid);
    CpFlow *flow = cp_flow_of(sim, tid);
    if (!sim->classes[t->cls].cls->global ||
        sim->procs[t->proc].runtime->kernel_step != NULL) {
        return false;
    }
    for (uint32_t n = 0; n < BEGIN_LIMIT && is_private(&sim->code[flow->pc]); n++) {
        cp_control(sim, tid, flow, &sim->code[flow->pc]);
    }
    return sim->code[flow->pc].op == CP_OP_SLEEP || sim->code[flow->pc].op == CP_OP_IO;
}

/* In textbooks a job may arrive in the middle of a wait: its policy gets to know it, and it
 * waits from the first moment, without a CPU to say so.  (A thread of a kernel has to run
 * to call nanosleep.) */
static void begin_off(CpSim *sim, CpTid tid)
{
    CpThread *t = cp_thread(sim, tid);
    CpFlow *flow = cp_flow_of(sim, tid);
    const CpInsn *insn = &sim->code[flow->pc];
    cp_cpu_account(sim, &sim->cpus[t->cpu]);
    t->state = CP_THREAD_RUNNABLE;
    cp_enqueue(sim, tid, t->cpu, CP_ENQ_FORK);
    flow->why = CP_WHY_BEGIN;
    CpStep step = cp_services[insn->op - CP_OP_KERNEL](sim, tid, flow, insn);
    cp_assert(step == CP_STEP_BLOCK);
    (void)step; /* release builds */
    cp_record(sim, CP_REC_BLOCK, tid, t->cpu, t->block);
}

void cp_thread_start(CpSim *sim, CpTid tid, CpTid parent)
{
    CpThread *t = cp_thread(sim, tid);
    CpThreadCold *cold = &sim->cold[tid];
    const CpThreadDecl *decl = cp_thread_decl(sim->w, t->decl);
    CpCpu from = parent == CP_NONE ? t->cpu : cp_thread(sim, parent)->cpu;
    cp_assert(t->state == CP_THREAD_NEW);
    cold->start = t->since = sim->now;
    if (sim->periodic && decl->n_regs > 0) {
        cp_regs(sim, cp_flow_of(sim, tid))[CP_REG_RELEASE] = sim->now;
    }
    if (decl->start_cpu < sim->n_cpus && cold->instance == 0 &&
        cp_thread_allowed(sim, tid, decl->start_cpu)) {
        t->cpu = (uint16_t)decl->start_cpu;
    } else {
        CpWakeFlags how = CP_WAKE_NEW | (parent == CP_NONE ? CP_WAKE_UNPARENTED : 0);
        t->cpu = (uint16_t)place(sim, tid, from, how);
    }
    if (begins_off(sim, tid)) {
        begin_off(sim, tid);
    } else {
        send(sim, tid, from, parent, CP_ENQ_FORK);
    }
}

bool cp_wake_thread(CpSim *sim, CpTid tid, CpTid waker, CpWakeCause cause, uint32_t flags)
{
    CpThread *t = cp_thread(sim, tid);
    if (t->state != CP_THREAD_BLOCKED || (t->flags & CP_TF_WAKING)) {
        return false;
    }
    if (t->chan != CP_NONE) {
        cp_channel_remove(sim, tid);
    }
    CpFlow *flow = cp_flow_of(sim, tid);
    flow->why = CP_WHY_WOKEN;
    flow->timed_out = 0;
    CpCpu from = waker != CP_NONE          ? cp_thread(sim, waker)->cpu
                 : sim->irq_cpu != CP_NONE ? sim->irq_cpu
                                           : t->cpu;
    cp_wake_begin(sim, tid, from, waker, cause, flags);
    return true;
}

void cp_block(CpSim *sim, CpTid tid, CpTime deadline, CpBlock reason, uint32_t object)
{
    CpThread *t = cp_thread(sim, tid);
    /* Under textbook policies a thread may wait before it has ever run. */
    cp_assert(t->state == CP_THREAD_RUNNING || t->state == CP_THREAD_RUNNABLE ||
              t->state == CP_THREAD_BLOCKED);
    t->block = (uint8_t)reason;
    sim->cold[tid].object = object;
    cp_dequeue(sim, tid, CP_DEQ_SLEEP);
    t->state = CP_THREAD_BLOCKED;
    t->since = sim->now;
    if (deadline != CP_NEVER) {
        cp_timer_push(sim, CP_TIMER_THREAD, deadline + cp_slack(sim, tid), tid,
                      t->wake_gen);
    }
    if (reason == CP_BLOCK_LOCK) {
        cp_diagnose_cycle(sim, tid);
    }
}

/* --- channels --- */

uint32_t cp_wake(CpSim *sim, CpChan chan, uint32_t n, CpTid waker, CpWakeCause cause,
                 uint32_t flags)
{
    uint32_t woken = 0;
    while (woken < n && sim->chans[chan].first != CP_NONE) {
        bool woke = cp_wake_thread(sim, sim->chans[chan].first, waker, cause, flags);
        cp_assert(woke); /* who waits is blocked, and leaves the queue */
        woken++;
    }
    return woken;
}

void cp_wait(CpSim *sim, CpTid tid, CpChan chan, CpTime deadline, CpBlock reason,
             uint32_t object)
{
    cp_assert(chan < sim->tables.chan.n);
    cp_channel_add(sim, chan, tid);
    cp_block(sim, tid, deadline, reason, object);
}
