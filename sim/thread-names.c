#include "sim/process.h"
#include "sim/thread.h"

/* Decides what a thread of a run is called. */

char *cp_sim_thread_name(const CpSim *sim, CpTid tid)
{
    const CpThread *t = cp_thread(sim, tid);
    const char *name = cp_workload_text(sim->w, cp_thread_decl(sim->w, t->decl)->name);
    if (sim->decls[t->decl].instances <= 1) {
        return g_strdup(name);
    }
    return g_strdup_printf("%s-%u", name, sim->cold[tid].instance + 1);
}
