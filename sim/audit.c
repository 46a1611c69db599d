#include "sim/audit.h"

#include "sim/baseline.h"
#include "sim/channel.h"
#include "sim/cpu.h"
#include "sim/error.h"
#include "sim/group.h"
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

/* What the states of a thread have lasted so far, in all; it was in one of them all its
 * life. */
static CpTime lifetime(const CpSim *sim, CpTid tid, CpTime *life)
{
    const CpThread *t = cp_thread(sim, tid);
    const CpThreadCold *c = &sim->cold[tid];
    bool is_off = t->state == CP_THREAD_RUNNABLE || t->state == CP_THREAD_BLOCKED;
    CpTime open = is_off ? sim->now - t->since : 0;
    *life = (t->state == CP_THREAD_ENDED ? t->since : sim->now) - c->start;
    return t->cpu_time + c->runq_wait + c->blocked + open + c->irq;
}

static gboolean check_thread(const CpSim *sim, CpTid tid, GError **error)
{
    CpTime life, sum = lifetime(sim, tid, &life);
    if (cp_thread(sim, tid)->state != CP_THREAD_NEW && sum != life) {
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

/* --- after every event, in audit builds --- */

typedef struct {
    uint32_t nr[CP_CPUS_MAX], waking[CP_CPUS_MAX]; /* threads of each CPU, by state */
    uint32_t live, waiting, delayed;
} Seen;

static void audit_cpu(CpSim *sim, const CpCpuState *c)
{
    cp_audit(c->clock <= sim->now);
    cp_audit(c->busy + c->idle + c->overhead + c->irq == c->clock);
    cp_audit(c->irq_left >= 0 && c->ovh_left >= 0 && c->uncharged >= 0);
    cp_audit(cp_cpumask_has(&sim->idle, c->id) == (c->nr + c->waking == 0));
    if (c->curr != CP_NONE) {
        const CpThread *t = cp_thread(sim, c->curr);
        bool leaving = c->resched_at <= sim->now; /* taken off, not switched yet */
        cp_audit(leaving || t->state == CP_THREAD_RUNNING);
        cp_audit(leaving || t->cpu == c->id);
        cp_audit(leaving || cp_allowed(sim, t, c->id));
        cp_audit(leaving || c->cls == t->cls);
        cp_audit(c->hooks == sim->classes[c->cls].cls);
    }
    for (uint32_t rank = 0; rank < sim->n_classes; rank++) {
        CpRq *rq = cp_rq(sim, 0, c->id, rank);
        if (rq->policy->cls->audit != NULL) {
            rq->policy->cls->audit(rq);
        }
    }
}

static void audit_cpus(CpSim *sim)
{
    uint32_t idle = 0, online = 0, overloaded = 0;
    for (CpCpu cpu = 0; cpu < sim->n_cpus; cpu++) {
        const CpCpuState *c = &sim->cpus[cpu];
        audit_cpu(sim, c);
        idle += c->curr == CP_NONE;
        online += c->online;
        overloaded += c->nr >= 2;
    }
    cp_audit(idle == sim->n_idle);
    cp_audit(online == sim->n_online);
    cp_audit(overloaded == sim->n_overloaded);
}

static void audit_thread(const CpSim *sim, CpTid tid, Seen *seen)
{
    const CpThread *t = cp_thread(sim, tid);
    const CpCpuState *c = &sim->cpus[t->cpu];
    bool queued = t->state == CP_THREAD_RUNNABLE || t->state == CP_THREAD_RUNNING;
    bool ended = t->state == CP_THREAD_ENDED;
    seen->live += !ended && !(t->flags & CP_TF_DAEMON);
    seen->waiting += t->chan != CP_NONE;
    seen->delayed += (t->flags & CP_TF_DELAYED) != 0;
    seen->nr[t->cpu] +=
        queued && !cp_group_hides(sim, cp_level(sim, t), t->cpu) && !cp_is_hidden(sim, tid);
    seen->waking[t->cpu] += !ended && (t->flags & CP_TF_WAKING);
    cp_audit(t->state != CP_THREAD_RUNNING || c->curr == tid);
    cp_audit(t->chan == CP_NONE || t->state == CP_THREAD_BLOCKED);
    cp_audit(!(t->flags & CP_TF_DELAYED) || t->state == CP_THREAD_BLOCKED);
    cp_audit(!(t->flags & CP_TF_WAKING) || t->state == CP_THREAD_BLOCKED || ended);
    cp_audit(t->burst_left >= 0 && t->since <= sim->now);
    CpTime sum, life, late = c->curr == tid ? sim->now - c->clock : 0;
    sum = lifetime(sim, tid, &life);
    cp_audit(t->state == CP_THREAD_NEW || sum + late == life);
}

/* Many threads are not all walked at every event. */
static void audit_threads(const CpSim *sim)
{
    enum { OFTEN = 64 };
    uint32_t n = sim->tables.thread.n;
    if (sim->events % (1 + n / OFTEN) != 0) {
        return;
    }
    Seen seen = {.live = 0};
    for (CpTid tid = 0; tid < n; tid++) {
        audit_thread(sim, tid, &seen);
    }
    cp_audit(seen.live == sim->n_threads_live);
    for (CpCpu cpu = 0; cpu < sim->n_cpus; cpu++) {
        cp_audit(seen.nr[cpu] == sim->cpus[cpu].nr);
        cp_audit(seen.waking[cpu] <= sim->cpus[cpu].waking); /* one may end on its way */
    }
    for (CpChan chan = 0; chan < sim->tables.chan.n; chan++) {
        cp_audit(sim->chans[chan].n_rt <= sim->chans[chan].n);
        cp_audit(seen.waiting >= sim->chans[chan].n);
        seen.waiting -= sim->chans[chan].n;
    }
    cp_audit(seen.waiting == 0); /* whoever waits is counted by one channel */
    uint32_t delayed = 0;
    for (size_t i = 0; i < (size_t)sim->n_groups * sim->n_cpus; i++) {
        seen.delayed += sim->group_cpu[i].delayed;
        for (uint32_t rank = 0; rank < sim->n_classes; rank++) {
            delayed += sim->rqs[i * sim->n_classes + rank].delayed;
        }
    }
    cp_audit(seen.delayed == delayed);
}

/* Walks every structure; audit builds only. */
void cp_audit_now(CpSim *sim)
{
    audit_cpus(sim);
    audit_threads(sim);
}
