/* Processes: threads that share a runtime and variables. */
#ifndef CP_SIM_PROCESS_H
#define CP_SIM_PROCESS_H

#include "sim/state.h"

struct CpProcess {
    uint32_t decl;
    const CpRuntimeClass *runtime;
    const CpParamSet *params; /* of the runtime, NULL */
    uint32_t n_live;
    /* A forked process's own copies of the variables that are not shared, by number; NULL:
     * a declared process, whose variables are those of the run. */
    int64_t *vars;
    void *data; /* proc_size bytes */
};

/* The variable as that process sees it; valid until the end of the run. */
static inline int64_t *cp_var(const CpSim *sim, CpProcId proc, uint32_t var)
{
    cp_assert(proc < sim->tables.proc.n && var < sim->w->vars->len);
    int64_t *own = sim->procs[proc].vars;
    return G_LIKELY(own == NULL) || g_array_index(sim->w->vars, CpVarDecl, var).shared
               ? &sim->vars[var]
               : &own[var];
}

/* A process like `parent` begins: its runtime is new, its declaration the same. */
CpProcId cp_process_fork(CpSim *sim, CpProcId parent);
/* Every other thread of the process ends. */
void cp_process_end(CpSim *sim, CpProcId proc, CpTid except);

/* cp_timer: what it fires for. */
typedef struct {
    CpProcId proc;
    uint32_t id, gen;
    uint32_t next_free;
} CpRuntimeTimer;

/* The timer of a runtime has come. */
void cp_runtime_timer_fire(CpSim *sim, uint32_t row);

#endif
