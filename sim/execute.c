#include "sim/execute.h"

#include "sim/arrival.h"
#include "sim/cpu.h"
#include "sim/diagnose.h"
#include "sim/process.h"
#include "sim/runqueue.h"
#include "sim/service.h"
#include "sim/thread.h"

/* The op interpreter: decides who executes an instruction, and when a thread needs time.
 *
 * Control operations are flow.c's, kernel services service.c's; from CP_OP_RUNTIME on the
 * process's runtime decides. */

/* Instructions and events at one moment before we call it a loop: so many, and so many more
 * for each thread, since all threads may do something at once. */
enum { ZERO_TIME_LIMIT = 10000000, ZERO_TIME_THREAD = 64 };

static CpStep execute(CpSim *sim, CpTid tid, CpFlow *flow, const CpInsn *insn)
{
    if (G_LIKELY(insn->op < CP_OP_KERNEL)) {
        cp_control(sim, tid, flow, insn);
        return CP_STEP_AGAIN;
    }
    const CpRuntimeClass *runtime = sim->procs[cp_thread(sim, tid)->proc].runtime;
    cp_assert(flow == cp_flow_of(sim, tid));
    if (insn->op >= CP_OP_RUNTIME) {
        return runtime->step(sim, tid, insn, (CpWhy)flow->why);
    }
    if (runtime->kernel_step != NULL) {
        return runtime->kernel_step(sim, tid, insn, (CpWhy)flow->why);
    }
    return cp_services[insn->op - CP_OP_KERNEL](sim, tid, flow, insn);
}

static uint64_t moment_limit(const CpSim *sim)
{
    return sim->config.max_at_once > 0 ? sim->config.max_at_once : ZERO_TIME_LIMIT;
}

uint64_t cp_moment_begins(CpSim *sim)
{
    uint64_t limit = moment_limit(sim) + (uint64_t)ZERO_TIME_THREAD * sim->tables.thread.n;
    uint64_t left = sim->at_once;
    sim->at_once = limit;
    return left < limit ? limit - left : 0;
}

static CpFlowEnd zero_loop(CpSim *sim, CpTid tid)
{
    cp_diagnose(sim, "zero-time loop", &tid, tid != CP_NONE,
                "a loop repeats without time passing (%" G_GUINT64_FORMAT " instructions)",
                moment_limit(sim));
    sim->stopping = true;
    sim->outcome = CP_OUTCOME_GUARD;
    return CP_FLOW_PREEMPT;
}

bool cp_moment_goes_on(CpSim *sim)
{
    if (G_LIKELY(sim->at_once > 0)) {
        sim->at_once--;
        return true;
    }
    zero_loop(sim, CP_NONE);
    return false;
}

/* May the next instruction begin only after pending kernel work has passed?  A burst simply
 * comes after it, everything else must wait. */
static bool must_pay_first(const CpCpuState *c, const CpFlow *flow, const CpInsn *insn)
{
    return c->ovh_left > 0 && flow->why == CP_WHY_BEGIN && insn->op >= CP_OP_KERNEL &&
           insn->op != CP_OP_COMPUTE;
}

/* As many instructions as `left` allows, which it counts down. */
static inline CpFlowEnd run(CpSim *sim, CpCpuState *c, CpTid tid, uint64_t *left)
{
    CpFlow *flow = cp_flow_of(sim, tid);
    bool was_due = c->resched_at <= sim->now;
    cp_assert(c->curr == tid && cp_thread(sim, tid)->cpu == c->id);
    cp_assert(cp_thread(sim, tid)->state == CP_THREAD_RUNNING);
    for (; *left > 0; --*left) {
        const CpInsn *insn = &sim->code[flow->pc];
        if (sim->stopping || (c->resched_at <= sim->now && !was_due)) {
            return CP_FLOW_PREEMPT;
        }
        if (G_UNLIKELY(must_pay_first(c, flow, insn))) {
            return CP_FLOW_BURST;
        }
        switch (execute(sim, tid, flow, insn)) {
        case CP_STEP_NEXT:
            flow->pc++;
            flow->why = CP_WHY_BEGIN;
            flow->rt_state = 0;
            break;
        case CP_STEP_AGAIN:
            flow->why = CP_WHY_BEGIN;
            flow->rt_state = 0;
            break;
        case CP_STEP_RUN:
            cp_assert(cp_thread(sim, tid)->burst_left >= 0);
            flow->why = CP_WHY_RAN;
            if (cp_thread(sim, tid)->burst_left > 0 || c->ovh_left > 0) {
                return CP_FLOW_BURST;
            }
            break;
        case CP_STEP_BLOCK:
            cp_assert(cp_thread(sim, tid)->state != CP_THREAD_RUNNING);
            return CP_FLOW_BLOCKED;
        case CP_STEP_SWITCH:
            flow = cp_flow_of(sim, tid);
            break;
        case CP_STEP_EXIT:
            if (cp_thread(sim, tid)->state == CP_THREAD_RUNNING) {
                cp_dequeue(sim, tid, CP_DEQ_EXIT | CP_DEQ_SPECIAL);
                cp_thread_end(sim, tid);
            }
            return CP_FLOW_ENDED;
        }
        if (cp_thread(sim, tid)->state != CP_THREAD_RUNNING) {
            return CP_FLOW_BLOCKED;
        }
    }
    return zero_loop(sim, tid);
}

CpFlowEnd cp_flow_run(CpSim *sim, CpCpuState *c, CpTid tid)
{
    const uint64_t before = sim->at_once;
    uint64_t left = before;
    CpFlowEnd end = run(sim, c, tid, &left);
    uint64_t more = before - sim->at_once + 1; /* to look ahead, and to come here */
    sim->at_once = left > more ? left - more : 0;
    return end;
}

/* Executes an instant body outside any CPU, from pc up to the ARRIVE_END, for a request
 * released at that time. */
static void run_outside(CpSim *sim, CpTid tid, uint32_t pc, CpTime release)
{
    CpFlow *flow = cp_flow_of(sim, tid);
    int64_t *own = &cp_regs(sim, flow)[CP_REG_RELEASE];
    const CpTime kept = *own;
    const uint32_t back = flow->pc;
    const uint8_t why = flow->why;
    cp_assert(cp_thread(sim, tid)->state != CP_THREAD_RUNNING);
    flow->pc = pc;
    *own = release;
    while (!sim->stopping && cp_moment_goes_on(sim)) {
        const CpInsn *insn = &sim->code[flow->pc];
        if (insn->op == CP_OP_ARRIVE_END) {
            break;
        }
        flow->why = CP_WHY_BEGIN;
        CpStep step = execute(sim, tid, flow, insn);
        cp_assert(step == CP_STEP_NEXT || step == CP_STEP_AGAIN); /* it takes no time */
        flow->pc += step == CP_STEP_NEXT;
    }
    *own = kept;
    flow->pc = back;
    flow->why = why;
}

void cp_arrival_fire(CpSim *sim, uint32_t row)
{
    cp_assert(row < sim->arrivals.streams->len);
    CpStream stream = g_array_index(sim->arrivals.streams, CpStream, row);
    const CpThread *t = cp_thread(sim, stream.tid);
    if (t->state == CP_THREAD_ENDED) {
        return;
    }
    if (stream.index == UINT32_MAX) {
        cp_wake_thread(sim, stream.tid, CP_NONE, CP_WAKE_TIMER, 0);
        return;
    }
    cp_assert(stream.next <= sim->now);
    run_outside(sim, stream.tid, stream.body, stream.next);
    cp_arrival_arm(sim, row, cp_flow_of(sim, stream.tid));
}
