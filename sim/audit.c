#include "sim/audit.h"

#include "sim/baseline.h"
#include "sim/cpu.h"
#include "sim/error.h"
#include "sim/runqueue.h"
#include "sim/thread.h"

#include <inttypes.h>
#include <string.h>

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

/* --- from the warm-up on --- */

/* A metric since the warm-up, by name; 0 if it is not defined. */
static CpTime counted(CpSim *sim, CpScope scope, uint32_t subject, const char *name)
{
    int64_t value;
    return cp_metric_named(sim, scope, name, subject, &value) ? value : 0;
}

static gboolean check_counted_thread(CpSim *sim, CpTid tid, CpTime cpu, GError **error)
{
    const CpThread *t = cp_thread(sim, tid);
    const CpThreadCold *c = &sim->cold[tid];
    CpTime end = t->state == CP_THREAD_ENDED ? t->since : sim->now;
    CpTime life = end - MAX(c->start, sim->counted_from);
    CpTime irq = c->irq - (tid < sim->base->n[CP_SCOPE_THREAD] ? sim->base->irq[tid] : 0);
    CpTime sum = cpu + irq + counted(sim, CP_SCOPE_THREAD, tid, "runq_wait") +
                 counted(sim, CP_SCOPE_THREAD, tid, "blocked");
    if (t->state != CP_THREAD_NEW && sum != MAX(life, 0)) {
        g_autofree char *name = cp_sim_thread_name(sim, tid);
        return broken(error, "run + wait + blocked = lifetime after the warm-up", name, sum,
                      life);
    }
    return TRUE;
}

/* The same laws for what the metrics count. */
static gboolean check_counted(CpSim *sim, GError **error)
{
    static const char *const parts[] = {"busy", "overhead", "irq", "idle"};
    CpTime charged = 0, busy = 0, window = sim->now - sim->counted_from;
    for (CpCpu cpu = 0; cpu < sim->n_cpus; cpu++) {
        CpTime sum = 0;
        for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
            CpTime part = counted(sim, CP_SCOPE_CPU, cpu, parts[i]);
            sum += part;
            busy += i < 2 ? part : 0;
        }
        if (sum != window) {
            g_autofree char *name = g_strdup_printf("cpu %u", cpu);
            return broken(error, "busy + idle + overhead = time after the warm-up", name,
                          sum, window);
        }
    }
    for (CpTid tid = 0; tid < sim->tables.thread.n; tid++) {
        CpTime cpu = counted(sim, CP_SCOPE_THREAD, tid, "cpu");
        charged += cpu;
        if (!check_counted_thread(sim, tid, cpu, error)) {
            return FALSE;
        }
    }
    return charged == busy || broken(error, "time charged = busy time after the warm-up",
                                     "all CPUs", charged, busy);
}

gboolean cp_audit_end(CpSim *sim, GError **error)
{
    CpTime charged = 0, busy = 0;
    for (CpCpu cpu = 0; cpu < sim->n_cpus; cpu++) {
        const CpCpuState *c = &sim->cpus[cpu];
        CpTime sum = c->busy + c->idle + c->overhead + c->irq;
        busy += c->busy + c->overhead;
        if (sum != sim->now) {
            g_autofree char *name = g_strdup_printf("cpu %u", cpu);
            return broken(error, "busy + idle + overhead = elapsed", name, sum, sim->now);
        }
    }
    for (CpTid tid = 0; tid < sim->tables.thread.n; tid++) {
        charged += cp_thread(sim, tid)->cpu_time;
        if (!check_thread(sim, tid, error)) {
            return FALSE;
        }
    }
    if (charged != busy) {
        return broken(error, "time charged to threads = busy time", "all CPUs", charged,
                      busy);
    }
    return sim->base == NULL || check_counted(sim, error);
}

/* Walks every structure; audit builds only. */
void cp_audit_now(CpSim *sim)
{
    for (CpCpu cpu = 0; cpu < sim->n_cpus; cpu++) {
        const CpCpuState *c = &sim->cpus[cpu];
        if (c->curr != CP_NONE) {
            const CpThread *t = cp_thread(sim, c->curr);
            bool leaving = c->resched_at <= sim->now; /* taken off, not switched yet */
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
