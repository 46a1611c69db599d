#include "sim/flow.h"

/* Decides how long a burst will be before it is run: the oracle of SJF and SRTF. */

/* How far it looks, and how much of that counts as instructions of this moment: who has
 * every look begin anew without time passing must come to an end, too. */
enum { AHEAD_INSNS = 256, AHEAD_PER_TURN = 16 };

/* Registers as they were before a look ahead, in order of change. */
typedef struct {
    struct {
        int64_t *reg;
        int64_t was;
    } rows[2 * AHEAD_INSNS];
    size_t n;
} Undo;

static void keep(CpSim *sim, const CpFlow *flow, const CpInsn *insn, Undo *undo)
{
    const CpOpInfo *info = cp_op_info(sim->w, insn->op);
    uint32_t n = !(info->flags & CP_OPF_WRITES) ? 0 : info->operands[0] == 'P' ? 2 : 1;
    cp_assert(undo->n + n <= G_N_ELEMENTS(undo->rows)); /* two registers a step at most */
    for (uint32_t k = 0; k < n; k++) {
        int64_t *reg = &cp_regs(sim, flow)[insn->b + k];
        undo->rows[undo->n].reg = reg;
        undo->rows[undo->n++].was = *reg;
    }
}

/* How an instruction not yet begun looks from before: does the burst go on after it?  If it
 * does, what it adds is added. */
static bool goes_on(CpSim *sim, CpFlow *flow, const CpInsn *insn, CpTime *sum)
{
    const CpOpInfo *info = cp_op_info(sim->w, insn->op);
    if (info->waits == CP_WAITS_RUNS) {
        CpTime time = cp_operand(sim, flow, insn->a, insn->c);
        time = insn->op == CP_OP_COMPUTE ? cp_burst_disturbed(sim, flow, time) : time;
        *sum += CLAMP(time, 0, CP_NEVER / 2 - *sum); /* a product may be anything */
    }
    return info->waits != CP_WAITS_YES && !(info->flags & CP_OPF_ENDS);
}

/* Follows a copy of the flow to where it will wait; adds up what it computes until then. */
static CpTime walk_ahead(CpSim *sim, CpTid tid, CpFlow *flow, Undo *undo, uint32_t *n)
{
    CpTime sum = 0;
    for (*n = 0; *n < AHEAD_INSNS; ++*n) {
        cp_assert(flow->pc < sim->w->code->len);
        const CpInsn *insn = &sim->code[flow->pc];
        bool is_control = insn->op < CP_OP_KERNEL;
        if (is_control && !(cp_op_info(sim->w, insn->op)->flags & CP_OPF_EFFECT)) {
            keep(sim, flow, insn, undo);
            cp_control(sim, tid, flow, insn);
            continue;
        }
        bool begun = flow->why != CP_WHY_BEGIN;
        bool ends = cp_op_info(sim->w, insn->op)->flags & CP_OPF_ENDS;
        if (!is_control && (begun ? ends : !goes_on(sim, flow, insn, &sum))) {
            return sum; /* an end that has begun is one still */
        }
        flow->why = CP_WHY_BEGIN;
        flow->pc++;
    }
    return sum;
}

/* Runs on the thread's own registers, which are put back, and on its own draws, which are
 * keyed by number: the real execution will meet the same values. */
static CpTime flow_ahead(CpSim *sim, CpTid tid)
{
    CpFlow flow = *cp_flow_of(sim, tid);
    Undo undo;
    undo.n = 0;
    const bool stopping = sim->stopping;
    uint32_t n;
    CpTime sum = walk_ahead(sim, tid, &flow, &undo, &n);
    sim->at_once -= MIN(sim->at_once, n / AHEAD_PER_TURN);
    /* Nothing has happened; a recording that cannot be read ends the run sooner. */
    cp_assert(sim->stopping == stopping || sim->fatal != NULL);
    while (undo.n > 0) {
        undo.n--;
        *undo.rows[undo.n].reg = undo.rows[undo.n].was;
    }
    return sum;
}

CpTime cp_thread_burst_left(CpSim *sim, CpTid tid)
{
    CpTime burst = MIN(cp_thread(sim, tid)->burst_left, CP_NEVER / 2);
    return burst + flow_ahead(sim, tid);
}
