#include "sim/engine.h"

#include "sim/error.h"

#include <inttypes.h>

/* Conservation laws, checked at the end of every run, release builds too. */

static gboolean broken(GError **error, const char *law, const char *who, CpTime have,
                       CpTime want)
{
    g_set_error(error, CP_ERROR, CP_ERROR_MODEL,
                "conservation law broken: %s: %s: %" PRId64 " ns instead of %" PRId64
                " (a bug in coreplay, please report it)",
                law, who, have, want);
    return FALSE;
}

/* Time up to the end of the run that the last state of a thread lasted. */
static gboolean check_thread(const CpSim *sim, CpTid tid, GError **error)
{
    const CpThread *t = cp_thread(sim, tid);
    const CpThreadCold *c = &sim->cold[tid];
    if (t->state == CP_THREAD_NEW) {
        return TRUE;
    }
    CpTime open = t->state == CP_THREAD_RUNNABLE || t->state == CP_THREAD_BLOCKED
                      ? sim->now - t->since
                      : 0;
    CpTime life = (t->state == CP_THREAD_ENDED ? t->since : sim->now) - c->start;
    CpTime irq = c->irq;
    CpTime sum = t->cpu_time + c->runq_wait + c->blocked + open + irq;
    if (sum != life) {
        g_autofree char *name = cp_sim_thread_name(sim, tid);
        return broken(error, "run + wait + blocked = lifetime", name, sum, life);
    }
    return TRUE;
}

gboolean cp_audit_end(CpSim *sim, GError **error)
{
    CpTime charged = 0, busy = 0;
    for (CpCpu cpu = 0; cpu < sim->n_cpus; cpu++) {
        const CpCore *c = &sim->cores[cpu];
        CpTime sum = c->busy + c->idle + c->overhead + c->irq;
        busy += c->busy + c->overhead;
        if (sum != sim->now) {
            g_autofree char *name = g_strdup_printf("cpu %u", cpu);
            return broken(error, "busy + idle + overhead = elapsed", name, sum, sim->now);
        }
    }
    for (CpTid tid = 0; tid < sim->thread_table.n; tid++) {
        charged += cp_thread(sim, tid)->cpu_time;
        if (!check_thread(sim, tid, error)) {
            return FALSE;
        }
    }
    if (charged != busy) {
        return broken(error, "time charged to threads = busy time", "all CPUs", charged,
                      busy);
    }
    return TRUE;
}

/* Walks every structure; audit builds only. */
void cp_audit_now(CpSim *sim)
{
    for (CpCpu cpu = 0; cpu < sim->n_cpus; cpu++) {
        const CpCore *core = &sim->cores[cpu];
        if (core->curr != CP_NONE) {
            const CpThread *t = cp_thread(sim, core->curr);
            bool leaving = core->resched_at <= sim->now; /* taken off, not switched yet */
            cp_require(leaving || t->state == CP_THREAD_RUNNING);
            cp_require(leaving || t->cpu == cpu);
            cp_require(leaving || cp_allowed(sim, t, cpu));
        }
        for (uint32_t rank = 0; rank < sim->n_classes; rank++) {
            CpRq *rq = cp_rq(sim, 0, cpu, rank);
            if (rq->policy->cls->audit != NULL) {
                rq->policy->cls->audit(rq);
            }
        }
    }
}
