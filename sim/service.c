#include "sim/service.h"

#include "sim/arrival.h"
#include "sim/cpu.h"
#include "sim/device.h"
#include "sim/process.h"
#include "sim/recorder.h"
#include "sim/runqueue.h"
#include "sim/thread.h"
#include "sim/timer.h"
#include "sim/wake.h"

/* Decides what a kernel operation does: computing, sleeping, devices, threads, attributes;
 * and how long a burst is, and where it ends before its time.
 *
 * An operation that takes time is entered several times with a reason (flow->why): BEGIN,
 * then RAN, WOKEN, TIMEOUT or STOPPED. */

/* --- operations; each returns how the flow goes on --- */

static CpStep op_compute(CpSim *sim, CpTid tid, CpFlow *flow, const CpInsn *i)
{
    if (flow->why != CP_WHY_BEGIN) {
        return CP_STEP_NEXT;
    }
    cp_run(sim, tid, cp_burst_disturbed(sim, flow, cp_operand(sim, flow, i->a, i->c)));
    return CP_STEP_RUN;
}

static CpStep op_spin(CpSim *sim, CpTid tid, CpFlow *flow, const CpInsn *i)
{
    int64_t *end = &cp_regs(sim, flow)[i->b];
    CpThread *t = cp_thread(sim, tid);
    if (flow->why == CP_WHY_BEGIN) {
        *end = sim->now + cp_operand(sim, flow, i->a, i->c);
        t->flags |= CP_TF_SPIN;
    }
    if (*end <= sim->now) {
        t->flags &= (uint8_t)~CP_TF_SPIN;
        return CP_STEP_NEXT;
    }
    cp_run(sim, tid, *end - sim->now);
    return CP_STEP_RUN;
}

static CpStep sleep_until(CpSim *sim, CpTid tid, CpTime at)
{
    cp_assert(at >= sim->now);
    cp_block(sim, tid, at, CP_BLOCK_SLEEP, CP_NONE);
    return CP_STEP_BLOCK;
}

static CpStep op_sleep(CpSim *sim, CpTid tid, CpFlow *flow, const CpInsn *i)
{
    if (flow->why != CP_WHY_BEGIN) {
        cp_charge(sim, tid, sim->cost[CP_COST_SLEEP]);
        return CP_STEP_NEXT;
    }
    CpTime d = cp_operand(sim, flow, i->a, i->c);
    return sleep_until(sim, tid, d > CP_NEVER / 2 - sim->now ? CP_NEVER / 2 : sim->now + d);
}

static CpStep op_sleep_until(CpSim *sim, CpTid tid, CpFlow *flow, const CpInsn *i)
{
    int64_t *regs = cp_regs(sim, flow);
    if (flow->why == CP_WHY_BEGIN && regs[i->b] > sim->now) {
        return sleep_until(sim, tid, regs[i->b]);
    }
    regs[CP_REG_RELEASE] = regs[i->b];
    return CP_STEP_NEXT;
}

/* A job that begins late begins without a sleep before it: where decisions are not bound to
 * ticks (EDF) that is a moment to decide anew. */
static void begin_late(CpSim *sim, CpTid tid)
{
    const CpThread *t = cp_thread(sim, tid);
    const CpPolicyClass *cls = sim->classes[t->cls].cls;
    CpRq *rq = cp_thread_rq(sim, t);
    cp_assert(sim->cpus[t->cpu].curr == tid);
    if (!cls->ticked && cls->expired != NULL && cls->expired(rq, tid)) {
        cp_resched_after(sim, &sim->cpus[t->cpu], 0);
    }
}

/* In a register of PERIOD: the release at the thread's start is in force. */
#define AT_START INT64_MIN

/* A thread that has neither computed nor waited so far. */
static bool is_fresh(const CpSim *sim, CpTid tid)
{
    return sim->cold[tid].work == 0 && sim->cold[tid].nvcsw == 0;
}

/* The grid starts at the thread's start; register b holds the last release, 0 before the
 * first.  A thread that begins with `period` has its first release where it starts: there
 * is nothing to wait for, whenever it gets a CPU.  When late there is no sleep and the
 * missed release stays in force, so lateness is never forgotten. */
static CpStep op_period(CpSim *sim, CpTid tid, CpFlow *flow, const CpInsn *i)
{
    int64_t *regs = cp_regs(sim, flow);
    if (flow->why != CP_WHY_BEGIN) {
        cp_charge(sim, tid, sim->cost[CP_COST_SLEEP]);
        return CP_STEP_NEXT;
    }
    CpTime period = cp_operand(sim, flow, i->a & (uint8_t)~CP_ARG_RELATIVE, i->c);
    if (regs[i->b] == 0 && is_fresh(sim, tid)) {
        regs[i->b] = AT_START;
        regs[CP_REG_RELEASE] = sim->cold[tid].start;
        return CP_STEP_NEXT;
    }
    if (regs[i->b] == 0 || regs[i->b] == AT_START) {
        regs[i->b] = sim->cold[tid].start;
    }
    regs[i->b] += period;
    if (regs[i->b] <= sim->now) {
        regs[CP_REG_RELEASE] = regs[i->b];
        if (i->a & CP_ARG_RELATIVE) {
            regs[i->b] = sim->now;
        }
        begin_late(sim, tid);
        return CP_STEP_NEXT;
    }
    regs[CP_REG_RELEASE] = regs[i->b];
    return sleep_until(sim, tid, regs[i->b]);
}

static CpStep op_io(CpSim *sim, CpTid tid, CpFlow *flow, const CpInsn *i)
{
    if (flow->why != CP_WHY_BEGIN) {
        return CP_STEP_NEXT;
    }
    bool given = (i->a & CP_ARG_MASK) != CP_ARG_NONE, sized = i->a & CP_ARG_SIZE;
    int64_t amount = given ? cp_operand(sim, flow, i->a, i->c) : -1;
    cp_block(sim, tid, CP_NEVER, CP_BLOCK_IO, i->b);
    cp_device_submit(sim, i->b, tid, sized ? -1 : amount, sized ? amount : 0);
    return CP_STEP_BLOCK;
}

static CpStep op_outside(CpSim *sim, CpTid tid, CpFlow *flow, const CpInsn *i)
{
    if (flow->why != CP_WHY_BEGIN) {
        return CP_STEP_NEXT;
    }
    CpTime d = cp_operand(sim, flow, i->a, i->c);
    CpThread *t = cp_thread(sim, tid);
    cp_block(sim, tid, CP_NEVER, CP_BLOCK_OUTSIDE, CP_NONE);
    cp_timer_push(sim, CP_TIMER_THREAD, sim->now + d, tid, t->wake_gen);
    return CP_STEP_BLOCK;
}

/* An open stream.  A body that takes no time runs outside any CPU while the thread sleeps
 * until the stream ends; another body runs on the thread, released at each arrival. */
static CpStep op_arrivals(CpSim *sim, CpTid tid, CpFlow *flow, const CpInsn *i)
{
    const CpArrivalsDecl *decl = &g_array_index(sim->w->arrivals, CpArrivalsDecl, i->c);
    int64_t *regs = cp_regs(sim, flow);
    if (decl->instant) {
        if (flow->why != CP_WHY_BEGIN) {
            flow->pc = decl->end;
            return CP_STEP_AGAIN;
        }
        cp_block(sim, tid, CP_NEVER, CP_BLOCK_SLEEP, CP_NONE);
        cp_arrival_open(sim, tid, i->c, flow);
        return CP_STEP_BLOCK;
    }
    if (flow->why != CP_WHY_BEGIN) {
        regs[CP_REG_RELEASE] = regs[i->b];
        return CP_STEP_NEXT;
    }
    CpStream stream = {
        .tid = tid, .desc = i->c, .next = regs[i->b], .index = (uint32_t)regs[i->b + 1]};
    stream.next = regs[i->b + 1] == 0 ? sim->now : stream.next;
    if (!cp_arrival_time(sim, &stream, flow)) {
        flow->pc = decl->end;
        return CP_STEP_AGAIN;
    }
    regs[i->b] = stream.next;
    regs[i->b + 1] = stream.index;
    if (stream.next <= sim->now) {
        regs[CP_REG_RELEASE] = regs[i->b];
        return CP_STEP_NEXT;
    }
    return sleep_until(sim, tid, stream.next);
}

static CpStep op_arrive_end(CpSim *sim, CpTid tid, CpFlow *flow, const CpInsn *i)
{
    (void)tid; /* only its flow moves */
    flow->pc = sim->arrivals.begin[i->c];
    return CP_STEP_AGAIN;
}

static CpStep op_yield(CpSim *sim, CpTid tid, CpFlow *flow, const CpInsn *i)
{
    (void)i; /* no operands */
    CpThread *t = cp_thread(sim, tid);
    if (flow->why != CP_WHY_BEGIN) {
        return CP_STEP_NEXT;
    }
    CpRq *rq = cp_thread_rq(sim, t);
    cp_assert(sim->cpus[t->cpu].curr == tid);
    cp_cpu_account(sim, &sim->cpus[t->cpu]);
    if (rq->policy->cls->yield != NULL) {
        rq->policy->cls->yield(rq);
    }
    flow->pc++;
    cp_resched_after(sim, &sim->cpus[t->cpu], 0);
    return CP_STEP_AGAIN;
}

static CpStep op_spawn(CpSim *sim, CpTid tid, CpFlow *flow, const CpInsn *i)
{
    bool process = cp_thread_decl(sim->w, i->c)->flags & CP_THREAD_FORKS;
    CpTime cost = sim->cost[process ? CP_COST_FORK_PROCESS : CP_COST_FORK];
    bool on_cpu = cp_thread(sim, tid)->state == CP_THREAD_RUNNING;
    if (flow->why == CP_WHY_BEGIN && cost > 0 && on_cpu) {
        cp_charge(sim, tid, cost);
        cp_run(sim, tid, 0);
        return CP_STEP_RUN;
    }
    CpTid child = cp_thread_create(sim, i->c, tid);
    cp_assert(cp_thread(sim, child)->state == CP_THREAD_NEW);
    CpFlow *to = cp_flow_of(sim, child);
    for (uint32_t k = 0; k < i->b; k++) {
        cp_regs(sim, to)[CP_REG_FREE + k] = cp_regs(sim, flow)[i->a + k];
    }
    cp_record_wide(sim, CP_REC_FORK, child, cp_thread(sim, tid)->cpu, 0, tid, 0);
    if (cp_thread_decl(sim->w, i->c)->start > 0) {
        CpTime at = sim->now + cp_thread_decl(sim->w, i->c)->start;
        sim->cold[child].start = at;
        cp_timer_push(sim, CP_TIMER_START, at, child, 0);
    } else {
        cp_thread_start(sim, child, tid);
    }
    return CP_STEP_NEXT;
}

static CpStep op_join(CpSim *sim, CpTid tid, CpFlow *flow, const CpInsn *i)
{
    flow->timed_out = flow->why == CP_WHY_TIMEOUT;
    if (flow->timed_out || !cp_has_child(sim, tid, i->c)) {
        return CP_STEP_NEXT;
    }
    CpTime deadline = CP_NEVER;
    if (i->b != CP_REG_NONE) {
        int64_t *reg = &cp_regs(sim, flow)[i->b];
        *reg += flow->why == CP_WHY_BEGIN ? sim->now : 0;
        deadline = *reg;
    }
    cp_block(sim, tid, deadline, CP_BLOCK_JOIN, i->c);
    return CP_STEP_BLOCK;
}

static CpStep change_attr(CpSim *sim, CpTid tid, CpFlow *flow, const CpSchedAttr *attr)
{
    flow->pc++;
    cp_set_attr(sim, tid, attr);
    return CP_STEP_AGAIN;
}

static CpStep op_set_nice(CpSim *sim, CpTid tid, CpFlow *flow, const CpInsn *i)
{
    CpSchedAttr attr = *cp_thread_attr(sim, tid);
    attr.nice = (int32_t)CLAMP(cp_const(sim, i->c), -20, 19);
    return change_attr(sim, tid, flow, &attr);
}

static CpStep op_set_affinity(CpSim *sim, CpTid tid, CpFlow *flow, const CpInsn *i)
{
    CpSchedAttr attr = *cp_thread_attr(sim, tid);
    attr.cpus = i->c;
    return change_attr(sim, tid, flow, &attr);
}

static CpStep op_set_sched(CpSim *sim, CpTid tid, CpFlow *flow, const CpInsn *i)
{
    CpSchedAttr attr = g_array_index(sim->w->attrs, CpSchedAttr, i->c);
    attr.cpus = attr.cpus == CP_NONE ? cp_thread_attr(sim, tid)->cpus : attr.cpus;
    return change_attr(sim, tid, flow, &attr);
}

static CpStep op_exit_process(CpSim *sim, CpTid tid, CpFlow *flow, const CpInsn *i)
{
    (void)flow; /* it goes no further */
    (void)i;    /* no operands */
    cp_process_end(sim, cp_thread(sim, tid)->proc, tid);
    return CP_STEP_EXIT;
}

static CpStep op_exit(CpSim *sim, CpTid tid, CpFlow *flow, const CpInsn *i)
{
    (void)sim;  /* cp_flow_run ends the thread */
    (void)tid;  /* as above */
    (void)flow; /* it goes no further */
    (void)i;    /* no operands */
    return CP_STEP_EXIT;
}

static CpStep op_print(CpSim *sim, CpTid tid, CpFlow *flow, const CpInsn *i)
{
    cp_print(sim, tid, flow, i, 0);
    cp_charge(sim, tid, sim->cost[CP_COST_SYSCALL]);
    return CP_STEP_NEXT;
}

static CpStep op_stop(CpSim *sim, CpTid tid, CpFlow *flow, const CpInsn *i)
{
    (void)tid;  /* all threads stop */
    (void)flow; /* it goes no further */
    (void)i;    /* no operands */
    sim->stopping = true;
    sim->outcome = CP_OUTCOME_DONE;
    return CP_STEP_EXIT;
}

const CpService cp_services[] = {
#define CP_OP(NAME, name, ...) op_##name,
#include "sim/kernel-ops.def"
#undef CP_OP
};

CpStep cp_kernel_step(CpSim *sim, CpTid tid, const CpInsn *i, CpWhy why)
{
    CpFlow *flow = cp_flow_of(sim, tid);
    flow->why = (uint8_t)why;
    cp_assert(i->op >= CP_OP_KERNEL && i->op < CP_OP_RUNTIME);
    return cp_services[i->op - CP_OP_KERNEL](sim, tid, flow, i);
}
