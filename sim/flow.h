/* Flows: behaviours being executed.  A plain thread executes one for life; a runtime may
 * have a thread execute one after the other. */
#ifndef CP_SIM_FLOW_H
#define CP_SIM_FLOW_H

#include "sim/runtime.h"
#include "sim/thread.h"

struct CpFlow {
    uint32_t pc;
    CpTid thread;      /* who executes it; CP_NONE: outside a CPU (arrivals) */
    uint32_t draws;    /* random numbers drawn so far */
    uint8_t why;       /* CpWhy with which the instruction at pc is (re-)entered */
    uint8_t timed_out; /* result of the last wait */
    uint16_t rt_state; /* the runtime's place within an instruction */
    uint32_t regs;     /* first row of sim->regs, CP_NONE: none */
    uint32_t owner;    /* the runtime's */
    uint64_t rng_id;   /* logical id, independent of scheduling */
};

G_STATIC_ASSERT(sizeof(CpFlow) == 32);

/* What a thread executes. */
static inline CpFlow *cp_flow_of(const CpSim *sim, CpTid tid)
{
    cp_assert(cp_thread(sim, tid)->flow < sim->tables.flow.n);
    return &sim->flows[sim->threads[tid].flow];
}

static inline int64_t *cp_regs(const CpSim *sim, const CpFlow *flow)
{
    cp_assert(flow->regs < sim->tables.reg.n);
    return sim->regs + flow->regs;
}

/* A flow that belongs to no thread yet; freed flows are used again. */
CpFlowId cp_flow_new(CpSim *sim, uint32_t entry, uint32_t n_regs, uint64_t rng_id);
void cp_flow_free(CpSim *sim, CpFlowId flow, uint32_t n_regs);

/* Executes one operation of control-ops.def and moves the pc. */
void cp_control(CpSim *sim, CpTid tid, CpFlow *flow, const CpInsn *insn);
/* Value of an operand given by CP_ARG_*; may draw a random number. */
int64_t cp_operand(CpSim *sim, CpFlow *flow, uint8_t arg, uint32_t index);

/* burst.c */
/* The burst of a spinning thread ends at a moment: what is left of it now. */
void cp_burst_respin(CpSim *sim, CpTid tid);
/* A stop that came due off the CPU: the burst ends here. */
void cp_burst_stop(CpSim *sim, CpTid tid);
/* How disturbances lengthen a burst, or shorten it; draws one number. */
CpTime cp_burst_disturbed(CpSim *sim, CpFlow *flow, CpTime work);

#endif
