#include "sim/process.h"

#include "sim/thread.h"
#include "sim/timer.h"

/* Decides what a new process has of its parent, and what goes with an old one. */

/* Memory is copied: what the child changes its parent does not see, nor the other way. */
static int64_t *copy_vars(CpSim *sim, CpProcId parent)
{
    uint32_t n = sim->w->vars->len;
    if (n == 0) {
        return NULL;
    }
    int64_t *vars = cp_arena_alloc(sim->arena, n * sizeof *vars);
    for (uint32_t i = 0; i < n; i++) {
        vars[i] = *cp_var(sim, parent, i);
    }
    return vars;
}

CpProcId cp_process_fork(CpSim *sim, CpProcId parent)
{
    cp_assert(parent < sim->tables.proc.n);
    CpProcId id = cp_row_new(sim, &sim->tables.proc, "processes");
    CpProcess *p = &sim->procs[id];
    const CpProcess *from = &sim->procs[parent];
    *p = (CpProcess){.decl = from->decl,
                     .runtime = from->runtime,
                     .params = from->params,
                     .vars = copy_vars(sim, parent)};
    p->data = cp_arena_alloc(sim->arena, p->runtime->proc_size);
    if (p->runtime->init != NULL) {
        cp_require(p->runtime->init(sim, id, NULL)); /* the same settings passed before */
    }
    return id;
}

/* --- timers of runtimes --- */

void cp_runtime_timer_fire(CpSim *sim, uint32_t row)
{
    cp_assert(row < sim->rt.timers->len);
    CpRuntimeTimer *timer = &g_array_index(sim->rt.timers, CpRuntimeTimer, row);
    CpProcId proc = timer->proc;
    uint32_t id = timer->id, gen = timer->gen;
    cp_assert(row != sim->rt.free_timer); /* it fires once */
    timer->next_free = sim->rt.free_timer;
    sim->rt.free_timer = row;
    sim->procs[proc].runtime->timer(sim, id, gen);
}

void cp_timer(CpSim *sim, CpProcId proc, CpTime at, uint32_t id, uint32_t gen)
{
    cp_assert(sim->procs[proc].runtime->timer != NULL);
    cp_assert(at >= sim->now);
    uint32_t row = sim->rt.free_timer;
    if (row == CP_NONE) {
        CpRuntimeTimer empty = {0};
        g_array_append_val(sim->rt.timers, empty);
        row = sim->rt.timers->len - 1;
    } else {
        sim->rt.free_timer = g_array_index(sim->rt.timers, CpRuntimeTimer, row).next_free;
    }
    g_array_index(sim->rt.timers, CpRuntimeTimer, row) =
        (CpRuntimeTimer){.proc = proc, .id = id, .gen = gen};
    cp_timer_push(sim, CP_TIMER_RUNTIME, at, row, 0);
}
