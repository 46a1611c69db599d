#include "sim/flow.h"

#include "sim/diagnose.h"
#include "sim/process.h"
#include "sim/recorder.h"
#include "sim/thread.h"

#include <string.h>

/* Decides what an operation does that takes no time, and which rows and registers a flow
 * has. */

/* --- rows --- */

static CpFlowId *free_flow(CpSim *sim, uint32_t n_regs)
{
    while (sim->free_flows->len <= n_regs) {
        const CpFlowId none = CP_NONE;
        g_array_append_val(sim->free_flows, none);
    }
    return &g_array_index(sim->free_flows, CpFlowId, n_regs);
}

/* A row with its registers: a freed one of as many, or a new one. */
static CpFlowId flow_row(CpSim *sim, uint32_t n_regs)
{
    CpFlowId *first = free_flow(sim, n_regs);
    CpFlowId id = *first;
    if (id != CP_NONE) {
        *first = sim->flows[id].thread;
        if (n_regs > 0) {
            memset(cp_regs(sim, &sim->flows[id]), 0, n_regs * sizeof(int64_t));
        }
        return id;
    }
    id = cp_row_new(sim, &sim->tables.flow, "threads and tasks");
    if (sim->rt.flows != NULL) {
        cp_table_add(&sim->tables.rt_flow);
    }
    sim->flows[id].regs = n_regs > 0 ? sim->tables.reg.n : CP_NONE;
    for (uint32_t i = 0; i < n_regs; i++) {
        cp_row_new(sim, &sim->tables.reg, "variables of threads and tasks");
    }
    return id;
}

CpFlowId cp_flow_new(CpSim *sim, uint32_t entry, uint32_t n_regs, uint64_t rng_id)
{
    cp_assert(entry < sim->w->code->len);
    CpFlowId id = flow_row(sim, n_regs);
    CpFlow *flow = &sim->flows[id];
    *flow = (CpFlow){.pc = entry,
                     .thread = CP_NONE,
                     .why = CP_WHY_BEGIN,
                     .regs = flow->regs,
                     .owner = CP_NONE,
                     .rng_id = rng_id};
    if (n_regs > 0 && sim->releases) {
        cp_regs(sim, flow)[CP_REG_RELEASE] = CP_NEVER;
    }
    return id;
}

void cp_flow_free(CpSim *sim, CpFlowId flow, uint32_t n_regs)
{
    CpFlowId *first = free_flow(sim, n_regs);
    cp_assert(flow < sim->tables.flow.n);
    cp_assert(*first != flow); /* nobody frees it twice */
    cp_assert((sim->flows[flow].regs == CP_NONE) == (n_regs == 0));
    sim->flows[flow].thread = *first;
    *first = flow;
}

/* --- operations that take no time --- */

static int64_t sample(CpSim *sim, CpFlow *flow, uint32_t dist)
{
    cp_assert(dist < sim->w->dists->len);
    return cp_dist_sample(&g_array_index(sim->w->dists, CpDist, dist),
                          (const int64_t *)(void *)sim->w->values->data,
                          cp_rng_key(sim->seed, flow->rng_id, flow->draws++));
}

int64_t cp_operand(CpSim *sim, CpFlow *flow, uint8_t arg, uint32_t index)
{
    switch (arg & CP_ARG_MASK) {
    case CP_ARG_CONST:
        return cp_const(sim, index);
    case CP_ARG_REG:
        cp_assert(flow->regs != CP_NONE);
        return cp_regs(sim, flow)[index];
    case CP_ARG_DIST:
        return sample(sim, flow, index);
    default:
        return 0;
    }
}

/* Of a copy of the flow, which reads ahead, nothing is said: it has not happened yet. */
static int64_t arith(CpSim *sim, CpTid tid, const CpFlow *flow, const CpInsn *i)
{
    const int64_t *regs = cp_regs(sim, flow);
    int64_t a = regs[i->c & 0xffff], b = regs[i->c >> 16], out = 0;
    bool bad = false;
    switch ((CpArith)i->a) {
    case CP_ADD:
        bad = __builtin_add_overflow(a, b, &out);
        break;
    case CP_SUB:
        bad = __builtin_sub_overflow(a, b, &out);
        break;
    case CP_MUL:
        bad = __builtin_mul_overflow(a, b, &out);
        break;
    case CP_DIV:
        bad = b == 0 || (a == INT64_MIN && b == -1);
        out = bad ? 0 : a / b;
        break;
    }
    if (bad && flow == cp_flow_of(sim, tid)) {
        cp_diagnose(sim, "arithmetic", &tid, 1, "%s",
                    b == 0 && i->a == CP_DIV ? "division by zero" : "overflow");
    }
    return bad ? 0 : out;
}

static bool compare(uint8_t cmp, int64_t a, int64_t b)
{
    return cp_cmp_holds((CpCmp)cmp, (a > b) - (a < b));
}

static void respond(CpSim *sim, CpTid tid, uint32_t hist, CpTime from)
{
    cp_assert(hist < sim->w->hists->len);
    cp_assert(from == CP_NEVER ||
              from <= sim->now); /* nothing is answered before it is asked */
    if (from == CP_NEVER) {
        cp_diagnose(sim, "respond without a request", &tid, tid != CP_NONE,
                    "respond: nothing was received or released before");
        return;
    }
    if (from >= sim->counted_from) { /* else it began in the warm-up */
        cp_hist_add(&sim->hists[hist], sim->now - from);
    }
    uint32_t cpu = tid == CP_NONE ? CP_RECORD_NO_CPU : cp_thread(sim, tid)->cpu;
    cp_record_wide(sim, CP_REC_RESPOND, hist, cpu, 0, tid, sim->now - from);
}

static void answer(CpSim *sim, CpTid tid, uint32_t hist, CpTime release)
{
    sim->responses += release != CP_NEVER;
    respond(sim, tid, hist, release);
}

static uint32_t list_get(CpSim *sim, uint32_t list, int64_t index, int64_t *out)
{
    cp_assert(list < sim->w->lists->len);
    const CpList *l = &g_array_index(sim->w->lists, CpList, list);
    if (index < 0 || index >= l->n) {
        return 0;
    }
    *out = g_array_index(sim->w->values, int64_t, l->first + (uint32_t)index);
    return 1;
}

static void op_mark(CpSim *sim, CpTid tid, uint32_t string)
{
    cp_assert(string < sim->w->strings->len);
    uint32_t cpu = tid == CP_NONE ? CP_RECORD_NO_CPU : cp_thread(sim, tid)->cpu;
    cp_record_wide(sim, CP_REC_MARK, string, cpu, 0, tid, 0);
}

/* Where the next piece of the thread's stream goes on; a source that fails ends the run. */
static uint32_t replay(CpSim *sim, CpTid tid, const CpFlow *flow, const CpInsn *i)
{
    const CpReplay *replay = sim->w->replay;
    int64_t *regs = cp_regs(sim, flow) + i->b;
    CpReplayPiece piece;
    if (sim->fatal != NULL || !replay->next(sim->replay, cp_thread(sim, tid)->decl,
                                            &regs[0], &piece, &sim->fatal)) {
        sim->stopping = true;
        sim->outcome = CP_OUTCOME_ERROR;
        return flow->pc;
    }
    cp_require(piece.target < replay->targets->len); /* it comes from a file */
    regs[1] = piece.value;
    return g_array_index(replay->targets, uint32_t, piece.target);
}

/* Executes one control instruction and moves the pc. */
void cp_control(CpSim *sim, CpTid tid, CpFlow *flow, const CpInsn *i)
{
    int64_t *regs = flow->regs == CP_NONE ? NULL : cp_regs(sim, flow);
    uint32_t next = flow->pc + 1;
    switch ((CpControlOp)i->op) {
    case CP_OP_NOP:
        break;
    case CP_OP_JUMP:
        next = i->c;
        break;
    case CP_OP_CALL:
        regs[i->b] = next;
        next = i->c;
        break;
    case CP_OP_RETURN:
        next = (uint32_t)regs[i->b];
        break;
    case CP_OP_LOOP:
        next = --regs[i->b] > 0 ? i->c : next;
        break;
    case CP_OP_SET:
        regs[i->b] = cp_const(sim, i->c);
        break;
    case CP_OP_MOVE:
        regs[i->b] = regs[i->c & 0xffff];
        break;
    case CP_OP_ARITH:
        regs[i->b] = arith(sim, tid, flow, i);
        break;
    case CP_OP_SAMPLE:
        regs[i->b] = cp_operand(sim, flow, i->a, i->c);
        break;
    case CP_OP_LOAD:
        regs[i->b] = *cp_var(sim, cp_thread(sim, tid)->proc, i->c);
        break;
    case CP_OP_STORE:
        *cp_var(sim, cp_thread(sim, tid)->proc, i->c) = regs[i->b];
        cp_record_var(sim, tid, i->c, regs[i->b]);
        break;
    case CP_OP_LIST_GET:
        list_get(sim, i->c, regs[i->a], &regs[i->b]);
        break;
    case CP_OP_JUMP_IF:
        next = compare(i->a, regs[i->b], regs[i->b + 1]) ? i->c : next;
        break;
    case CP_OP_JUMP_TIMEOUT:
        next = flow->timed_out ? i->c : next;
        break;
    case CP_OP_JUMP_CHANCE: {
        uint64_t r = cp_rng_key(sim->seed, flow->rng_id, flow->draws++);
        uint64_t ppm = (uint64_t)(((unsigned __int128)r * 1000000) >> 64);
        next = (int64_t)ppm < cp_const(sim, i->b) ? i->c : next;
        break;
    }
    case CP_OP_JUMP_BEFORE:
        next = sim->now < regs[i->b] ? i->c : next;
        break;
    case CP_OP_RUNNING:
        regs[i->b] = sim->decls[i->c].live > 0;
        break;
    case CP_OP_NOW:
    case CP_OP_PID:
        regs[i->b] = i->op == CP_OP_NOW ? sim->now : cp_sim_pid(sim, tid);
        break;
    case CP_OP_MARK:
        op_mark(sim, tid, i->c);
        break;
    case CP_OP_RESPOND:
        answer(sim, tid, i->c, regs[CP_REG_RELEASE]);
        break;
    case CP_OP_TIMED_END:
        respond(sim, tid, i->c, regs[i->b]);
        break;
    case CP_OP_REPLAY:
        next = replay(sim, tid, flow, i);
        break;
    }
    cp_assert(next < sim->w->code->len); /* the verifier has walked every path */
    flow->pc = next;
}
