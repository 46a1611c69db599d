#include "sim/runqueue.h"

#include "sim/cpu.h"
#include "sim/error.h"
#include "sim/group.h"
#include "sim/recorder.h"
#include "sim/thread.h"

#include <string.h>

/* The class stack: which queue an entity stands in, level by level.
 *
 * A thread of the root group stands in its class's queue of its CPU.  A thread of a control
 * group stands in the group's own queue of that CPU, and the group, as an entity, in its
 * parent's queue for as long as anything below it is runnable. */

/* A global class has one queue for all CPUs: each has a CpRq of its own, for `curr`, but
 * one structure behind it; the counts are kept in CPU 0's. */
static CpRq *counts_of(CpSim *sim, CpRq *rq)
{
    return rq->policy->cls->global ? cp_rq(sim, 0, 0, rq->policy->rank) : rq;
}

static gboolean class_init(CpSim *sim, uint32_t rank, GError **error)
{
    CpClassSlot *slot = &sim->classes[rank];
    const CpPolicyClass *cls = slot->cls = sim->config.classes[rank];
    slot->policy = (CpPolicy){.cls = cls,
                              .params = sim->config.class_params[rank],
                              .sim = sim,
                              .rank = (uint8_t)rank,
                              .ent_size = (uint32_t)(cls->ent_size + 7) & ~7u};
    if (slot->policy.ent_size > 0) {
        if (!cp_table_ready(&sim->tables.ent[rank], slot->policy.ent_size,
                            2 * CP_THREADS_MAX, error)) {
            return FALSE;
        }
        slot->policy.ents = sim->ents[rank] = sim->tables.ent[rank].rows;
    }
    slot->policy.data = cls->sim_size > 0 ? g_malloc0(cls->sim_size) : NULL;
    if (cls->init != NULL && !cls->init(&slot->policy, error)) {
        return FALSE;
    }
    if (slot->policy.server_runtime > 0 && sim->server.runtime == 0) {
        cp_assert(slot->policy.server_period > slot->policy.server_runtime);
        sim->server.runtime = slot->policy.server_runtime;
        sim->server.period = slot->policy.server_period;
    }
    return TRUE;
}

gboolean cp_runqueues_init(CpSim *sim, GError **error)
{
    const CpPolicyClass *last = sim->config.classes[sim->n_classes - 1];
    if (sim->n_groups > 1 && last->group_weight == NULL) {
        g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                    "policy %s has no control groups: leave out cgroup blocks, or choose a "
                    "kernel profile",
                    last->name);
        return FALSE;
    }
    sim->classes = g_new0(CpClassSlot, sim->n_classes);
    for (uint32_t rank = 0; rank < sim->n_classes; rank++) {
        if (!class_init(sim, rank, error)) {
            return FALSE;
        }
        sim->any_global |= sim->classes[rank].cls->global;
        sim->balances |= sim->classes[rank].cls->balance != NULL && sim->n_cpus > 1;
    }
    sim->flat = !sim->any_global && sim->n_groups == 1;
    sim->rqs = g_new0(CpRq, (size_t)sim->n_groups * sim->n_cpus * sim->n_classes);
    for (CpCpu cpu = 0; cpu < sim->n_cpus; cpu++) {
        sim->cpus[cpu].root = &sim->rqs[cpu * sim->n_classes];
    }
    for (CpGroup group = 0; group < sim->n_groups; group++) {
        for (CpCpu cpu = 0; cpu < sim->n_cpus; cpu++) {
            for (uint32_t rank = 0; rank < sim->n_classes; rank++) {
                const CpPolicyClass *cls = sim->classes[rank].cls;
                CpRq *rq = cp_rq(sim, group, cpu, rank);
                rq->policy = &sim->classes[rank].policy;
                rq->sim = sim;
                rq->cpu = cpu;
                rq->group = group;
                rq->curr = CP_NONE;
                if (cls->global && cpu + group > 0) {
                    rq->data = cp_rq(sim, 0, 0, rank)->data;
                    continue;
                }
                rq->data = cls->rq_size > 0 ? g_malloc0(cls->rq_size) : NULL;
                if (cls->rq_init != NULL) {
                    cls->rq_init(rq);
                }
            }
        }
    }
    return TRUE;
}

void cp_runqueues_clear(CpSim *sim)
{
    size_t n = sim->rqs == NULL ? 0 : (size_t)sim->n_groups * sim->n_cpus * sim->n_classes;
    for (size_t i = 0; i < n; i++) {
        CpRq *rq = &sim->rqs[i];
        if (rq->policy->cls->global && rq->cpu + rq->group > 0) {
            continue;
        }
        if (rq->policy->cls->rq_clear != NULL) {
            rq->policy->cls->rq_clear(rq);
        }
        g_free(rq->data);
    }
    g_clear_pointer(&sim->rqs, g_free);
    for (uint32_t rank = 0; sim->classes != NULL && rank < sim->n_classes; rank++) {
        const CpPolicy *policy = &sim->classes[rank].policy;
        if (policy->ent_size > 0 && sim->n_groups > 1) {
            /* Groups' rows are behind all that the table counts as its own. */
            memset(policy->ents + (size_t)CP_ENT_GROUP * policy->ent_size, 0,
                   (size_t)sim->n_groups * sim->n_cpus * policy->ent_size);
        }
        g_free(policy->data);
    }
    g_clear_pointer(&sim->classes, g_free);
}

/* --- enqueue and dequeue, one level after the other --- */

void cp_enqueue_group(CpSim *sim, CpGroup group, CpCpu cpu, uint32_t rank, CpEnqFlags flags)
{
    CpEnt ent = cp_group_ent(sim, group, cpu);
    CpRq *rq = cp_rq(sim, sim->groups[group].parent, cpu, rank);
    const CpPolicyClass *cls = rq->policy->cls;
    CpGroupCpu *gc = &sim->group_cpu[group * sim->n_cpus + cpu];
    cp_assert(group > 0 && group < sim->n_groups);
    if (gc->delayed) {
        cp_assert(rq->delayed > 0);
        gc->delayed = false;
        rq->delayed--;
        cls->requeue(rq, ent);
    } else {
        cls->enqueue(rq, ent, flags);
    }
    rq->nr++;
}

void cp_dequeue_group(CpSim *sim, CpGroup group, CpCpu cpu, uint32_t rank, CpDeqFlags flags)
{
    CpEnt ent = cp_group_ent(sim, group, cpu);
    CpRq *rq = cp_rq(sim, sim->groups[group].parent, cpu, rank);
    cp_assert(rq->nr > 0);
    bool gone = rq->policy->cls->dequeue(rq, ent, flags);
    rq->nr--;
    if (rq->curr == ent) {
        rq->curr = CP_NONE;
    }
    if (!gone) {
        sim->group_cpu[group * sim->n_cpus + cpu].delayed = true;
        rq->delayed++;
    }
}

/* The levels above a thread that became runnable, up to the first that already was, or to a
 * throttled one. */
static void climb_in(CpSim *sim, const CpThread *t, CpCpu cpu, CpEnqFlags flags)
{
    for (CpGroup g = cp_level(sim, t); g != 0; g = sim->groups[g].parent) {
        if (cp_rq(sim, g, cpu, t->cls)->nr != 1 ||
            sim->group_cpu[g * sim->n_cpus + cpu].throttled) {
            break;
        }
        cp_enqueue_group(sim, g, cpu, t->cls, flags);
    }
    if (cp_group_count(sim, cp_level(sim, t), cpu, 1)) {
        cp_cpu_count(sim, &sim->cpus[cpu], 1);
    }
}

static void climb_out(CpSim *sim, const CpThread *t, CpDeqFlags flags)
{
    for (CpGroup g = cp_level(sim, t); g != 0; g = sim->groups[g].parent) {
        if (cp_rq(sim, g, t->cpu, t->cls)->nr != 0 ||
            sim->group_cpu[g * sim->n_cpus + t->cpu].throttled) {
            break;
        }
        cp_dequeue_group(sim, g, t->cpu, t->cls, flags);
    }
    if (cp_group_count(sim, cp_level(sim, t), t->cpu, -1)) {
        cp_cpu_count(sim, &sim->cpus[t->cpu], -1);
    }
}

/* --- threads that could run but may not --- */

bool cp_is_hidden(const CpSim *sim, CpTid tid)
{
    const CpThread *t = cp_thread(sim, tid);
    const CpRq *rq = cp_thread_rq(sim, t);
    const CpPolicyClass *cls = rq->policy->cls;
    return cls->throttled != NULL && rq->curr != tid && cls->throttled(rq, tid);
}

static void hide(CpSim *sim, CpTid tid, int change)
{
    const CpThread *t = cp_thread(sim, tid);
    CpRq *rq = cp_thread_rq(sim, t);
    cp_assert(!rq->policy->cls->global && rq->group == 0);
    rq->nr = (uint32_t)((int)rq->nr + change);
    cp_cpu_count(sim, &sim->cpus[t->cpu], change);
}

void cp_hide(CpSim *sim, CpTid tid)
{
    hide(sim, tid, -1);
}

bool cp_class_fire(CpSim *sim, CpTid tid, uint32_t rank)
{
    const CpThread *t = cp_thread(sim, tid);
    bool could_run = t->state == CP_THREAD_RUNNABLE || t->state == CP_THREAD_RUNNING;
    if (t->cls != rank || !could_run) {
        return false;
    }
    CpRq *rq = cp_thread_rq(sim, t);
    cp_cpu_account(sim, &sim->cpus[t->cpu]);
    if (!rq->policy->cls->fired(rq, tid)) {
        return false;
    }
    hide(sim, tid, 1);
    return true;
}

void cp_enqueue(CpSim *sim, CpTid tid, CpCpu cpu, CpEnqFlags flags)
{
    CpThread *t = cp_thread(sim, tid);
    CpRq *rq = cp_rq(sim, cp_level(sim, t), cpu, t->cls);
    cp_assert(t->state == CP_THREAD_RUNNABLE || t->state == CP_THREAD_RUNNING);
    cp_assert(t->chan == CP_NONE && !(t->flags & (CP_TF_DELAYED | CP_TF_WAKING)));
    cp_assert(rq->policy->cls->global || cp_thread_allowed(sim, tid, cpu));
    t->cpu = (uint16_t)cpu;
    rq->policy->cls->enqueue(rq, tid, flags);
    counts_of(sim, rq)->nr++;
    climb_in(sim, t, cpu, flags);
    if (G_UNLIKELY(rq->policy->cls->throttled != NULL) && cp_is_hidden(sim, tid)) {
        cp_hide(sim, tid);
    }
    CpCpuState *c = &sim->cpus[cpu];
    if (G_UNLIKELY(c->cls < t->cls && c->curr != CP_NONE)) {
        cp_server_arm(sim, c);
    }
}

bool cp_dequeue(CpSim *sim, CpTid tid, CpDeqFlags flags)
{
    CpThread *t = cp_thread(sim, tid);
    CpRq *rq = cp_thread_rq(sim, t);
    if (G_UNLIKELY(rq->policy->cls->throttled != NULL) && cp_is_hidden(sim, tid)) {
        hide(sim, tid, 1);
    }
    cp_assert(counts_of(sim, rq)->nr > 0 && !(t->flags & CP_TF_DELAYED));
    if (rq->curr == tid) {
        cp_cpu_account(sim, &sim->cpus[t->cpu]);
    }
    bool gone = rq->policy->cls->dequeue(rq, tid, flags);
    if (rq->curr == tid) {
        rq->curr = CP_NONE;
    }
    /* Only who sleeps may stay, and a queue of all CPUs keeps no sleepers. */
    cp_assert(gone || (flags == CP_DEQ_SLEEP && !rq->policy->cls->global));
    if (!gone) {
        t->flags |= CP_TF_DELAYED;
        rq->delayed++;
    }
    counts_of(sim, rq)->nr--;
    climb_out(sim, t, flags);
    return gone;
}

void cp_rq_dequeue_done(CpRq *rq, CpEnt ent)
{
    CpSim *sim = rq->sim;
    cp_assert(rq->delayed > 0);
    rq->delayed--;
    if (ent & CP_ENT_GROUP) {
        sim->group_cpu[ent & ~CP_ENT_GROUP].delayed = false;
    } else {
        cp_assert(cp_thread(sim, ent)->flags & CP_TF_DELAYED);
        cp_thread(sim, ent)->flags &= (uint8_t)~CP_TF_DELAYED;
    }
}

/* A delayed thread leaves the structure for good, because it moves or its attributes
 * change. */
void cp_dequeue_delayed(CpSim *sim, CpTid tid, CpDeqFlags flags)
{
    CpThread *t = cp_thread(sim, tid);
    CpRq *rq = cp_thread_rq(sim, t);
    cp_assert(t->flags & CP_TF_DELAYED);
    if (!rq->policy->cls->dequeue(rq, tid, flags | CP_DEQ_SPECIAL)) {
        cp_require(false);
    }
    cp_rq_dequeue_done(rq, tid);
}

void cp_requeue_delayed(CpSim *sim, CpTid tid)
{
    CpThread *t = cp_thread(sim, tid);
    CpRq *rq = cp_thread_rq(sim, t);
    cp_assert(t->flags & CP_TF_DELAYED && rq->delayed > 0);
    rq->policy->cls->requeue(rq, tid);
    rq->delayed--;
    t->flags &= (uint8_t)~CP_TF_DELAYED;
    rq->nr++;
    climb_in(sim, t, t->cpu, CP_ENQ_WAKEUP);
}

/* --- choosing --- */

/* The thread the last class would run, whatever waits in the others. */
static CpTid pick_last(CpSim *sim, CpCpuState *c)
{
    uint32_t rank = sim->n_classes - 1;
    CpRq *rq = cp_rq(sim, 0, c->id, rank);
    CpEnt ent = rq->nr + rq->delayed == 0 ? CP_NONE : rq->policy->cls->pick(rq);
    while (ent != CP_NONE && (ent & CP_ENT_GROUP)) {
        rq = cp_rq(sim, (ent & ~CP_ENT_GROUP) / sim->n_cpus, c->id, rank);
        ent = rq->policy->cls->pick(rq);
    }
    return ent;
}

CpTid cp_pick(CpSim *sim, CpCpuState *c)
{
    if (G_UNLIKELY(c->server == CP_SERVER_ON)) {
        CpTid tid = pick_last(sim, c);
        if (tid != CP_NONE) {
            return tid;
        }
        c->server = CP_SERVER_OFF;
    }
    for (uint32_t rank = 0; sim->flat && rank < sim->n_classes; rank++) {
        CpRq *rq = c->root + rank;
        CpEnt ent = rq->nr + rq->delayed == 0 ? CP_NONE : rq->policy->cls->pick(rq);
        if (ent != CP_NONE) {
            return ent;
        }
    }
    for (uint32_t rank = 0; !sim->flat && rank < sim->n_classes; rank++) {
        CpRq *rq = cp_rq(sim, 0, c->id, rank);
        const CpRq *counts = counts_of(sim, rq);
        if (counts->nr + counts->delayed == 0) {
            continue;
        }
        CpEnt ent = rq->policy->cls->pick(rq);
        while (ent != CP_NONE && (ent & CP_ENT_GROUP)) {
            rq = cp_rq(sim, (ent & ~CP_ENT_GROUP) / sim->n_cpus, c->id, rank);
            ent = rq->policy->cls->pick(rq);
        }
        if (ent != CP_NONE) {
            return ent;
        }
    }
    return CP_NONE;
}

void cp_put_prev(CpSim *sim, CpCpuState *c, CpTid tid)
{
    cp_assert(c->curr == tid && c->uncharged == 0);
    const CpThread *t = cp_thread(sim, tid);
    CpEnt ent = tid;
    for (CpGroup g = cp_level(sim, t);; g = sim->groups[g].parent) {
        CpRq *rq = cp_rq(sim, g, c->id, t->cls);
        if (rq->policy->cls->put_prev != NULL) {
            rq->policy->cls->put_prev(rq, ent);
        }
        if (g == 0) {
            return;
        }
        ent = cp_group_ent(sim, g, c->id);
    }
}

static void set_curr(CpSim *sim, CpCpuState *c, CpTid tid, bool on)
{
    const CpThread *t = cp_thread(sim, tid);
    CpEnt ent = tid;
    for (CpGroup g = cp_level(sim, t);; g = sim->groups[g].parent) {
        cp_rq(sim, g, c->id, t->cls)->curr = on ? ent : CP_NONE;
        if (g == 0) {
            return;
        }
        ent = cp_group_ent(sim, g, c->id);
    }
}

void cp_set_next(CpSim *sim, CpCpuState *c, CpTid tid)
{
    cp_assert(cp_thread(sim, tid)->state != CP_THREAD_BLOCKED);
    const CpThread *t = cp_thread(sim, tid);
    CpEnt ent = tid;
    if (G_LIKELY(sim->flat)) {
        CpRq *rq = c->root + t->cls;
        if (rq->policy->cls->set_next != NULL) {
            rq->policy->cls->set_next(rq, tid);
        }
        c->root[c->cls].curr = CP_NONE;
        rq->curr = tid;
        return;
    }
    for (CpGroup g = cp_level(sim, t);; g = sim->groups[g].parent) {
        CpRq *rq = cp_rq(sim, g, c->id, t->cls);
        if (rq->policy->cls->set_next != NULL) {
            rq->policy->cls->set_next(rq, ent);
        }
        if (g == 0) {
            break;
        }
        ent = cp_group_ent(sim, g, c->id);
    }
    if (c->curr != CP_NONE && c->curr != tid) {
        set_curr(sim, c, c->curr, false);
    }
    set_curr(sim, c, tid, true);
}

void cp_clear_curr(CpSim *sim, CpCpuState *c)
{
    set_curr(sim, c, c->curr, false);
}

/* The CPU goes idle: no queue has a running entity. */
void cp_set_idle(CpSim *sim, CpCpuState *c)
{
    if (c->curr != CP_NONE) {
        set_curr(sim, c, c->curr, false);
    }
}

/* --- wake-up preemption --- */

static unsigned depth(const CpSim *sim, CpGroup g)
{
    unsigned n = 0;
    for (; g != 0; g = sim->groups[g].parent) {
        n++;
    }
    return n;
}

/* Climbs from two threads to the entities that share a queue; mirrors
 * fair.c:find_matching_se. */
static CpRq *matching(CpSim *sim, CpCpuState *c, CpTid woken, CpEnt *ent)
{
    CpGroup a = cp_level(sim, cp_thread(sim, woken));
    CpGroup b = cp_level(sim, cp_thread(sim, c->curr));
    unsigned da = depth(sim, a), db = depth(sim, b);
    cp_assert(cp_thread(sim, woken)->cls == c->cls);
    *ent = woken;
    while (a != b) {
        if (da >= db) {
            *ent = cp_group_ent(sim, a, c->id);
            a = sim->groups[a].parent;
            da--;
        } else {
            b = sim->groups[b].parent;
            db--;
        }
    }
    return cp_rq(sim, a, c->id, c->cls);
}

static bool takes(CpSim *sim, CpCpuState *c, CpTid woken, CpWakeFlags flags)
{
    cp_assert(c->curr != CP_NONE);
    uint8_t rank = cp_thread(sim, woken)->cls;
    if (rank != c->cls) {
        bool served = c->server == CP_SERVER_ON && c->cls == sim->n_classes - 1;
        return rank < c->cls && !served;
    }
    if (cp_group_hides(sim, cp_level(sim, cp_thread(sim, woken)), c->id)) {
        return false; /* it is in no queue the CPU chooses from */
    }
    CpEnt ent;
    CpRq *rq = matching(sim, c, woken, &ent);
    const CpPolicyClass *cls = rq->policy->cls;
    return cls->preempts != NULL && cls->preempts(rq, ent, flags);
}

/* A CPU that will choose anew at this moment anyway: it idles, or its thread has just
 * blocked or ended. */
static bool is_free(const CpSim *sim, const CpCpuState *c)
{
    return c->curr == CP_NONE || cp_thread(sim, c->curr)->state != CP_THREAD_RUNNING;
}

/* A thread came into a queue shared by all CPUs: a free CPU takes it, else the CPU whose
 * thread has the weakest claim. */
static void check_global(CpSim *sim, CpTid tid, CpWakeFlags flags)
{
    cp_assert(cp_thread(sim, tid)->state == CP_THREAD_RUNNABLE);
    CpCpuState *victim = NULL;
    for (CpCpu cpu = 0; cpu < sim->n_cpus; cpu++) {
        CpCpuState *c = &sim->cpus[cpu];
        if (c->resched_at != CP_NEVER || !cp_thread_allowed(sim, tid, cpu)) {
            continue;
        }
        if (is_free(sim, c)) {
            cp_resched_after(sim, c, 0);
            return;
        }
        cp_cpu_account(sim, c);
        if (takes(sim, c, tid, flags) &&
            (victim == NULL || takes(sim, c, victim->curr, CP_WAKE_DISPLACED))) {
            victim = c;
        }
    }
    if (victim != NULL) {
        cp_resched_after(sim, victim, 0);
        return;
    }
    for (CpCpu cpu = 0; cpu < sim->n_cpus; cpu++) {
        if (!is_free(sim, &sim->cpus[cpu])) {
            cp_cpu_look(sim, &sim->cpus[cpu]);
            cp_cpu_arm(sim, &sim->cpus[cpu]);
        }
    }
}

/* With threads pinned to CPUs the one chosen may not be the one the CPU was woken for, and
 * who lost its CPU may have a better claim to another: whoever is left over is offered to
 * the CPUs that idle. */
void cp_global_rest(CpSim *sim, CpTid prev)
{
    uint32_t rank = sim->n_classes - 1; /* textbook profiles have one class */
    if (prev != CP_NONE && sim->classes[cp_thread(sim, prev)->cls].cls->global) {
        check_global(sim, prev, CP_WAKE_DISPLACED);
    }
    uint32_t waiting = cp_rq(sim, 0, 0, rank)->nr, idle = 0;
    for (CpCpu cpu = 0; cpu < sim->n_cpus; cpu++) {
        waiting -= !is_free(sim, &sim->cpus[cpu]) && sim->cpus[cpu].cls == rank;
        idle += sim->cpus[cpu].curr == CP_NONE && sim->cpus[cpu].online;
    }
    cp_assert(waiting <= cp_rq(sim, 0, 0, rank)->nr);
    for (CpCpu cpu = 0; cpu < sim->n_cpus && waiting > 0 && idle > 0; cpu++) {
        CpCpuState *c = &sim->cpus[cpu];
        if (c->curr == CP_NONE && c->online) {
            cp_resched_after(sim, c, 0);
        }
    }
}

void cp_wakeup_check(CpSim *sim, CpTid tid, CpCpu cpu, CpWakeFlags flags)
{
    CpThread *t = cp_thread(sim, tid);
    if (sim->any_global && sim->classes[t->cls].cls->global) {
        check_global(sim, tid, flags);
        return;
    }
    CpCpuState *c = &sim->cpus[cpu];
    cp_assert(t->cpu == cpu);
    if (c->curr == CP_NONE) {
        cp_resched_after(sim, c, 0);
    } else if (is_free(sim, c)) {
        return;
    } else if (takes(sim, c, tid, flags)) {
        CpTime delay = sim->irq_cpu == cpu ? 0 : sim->cost[CP_COST_WAKE_REMOTE];
        const CpPolicyClass *cls = sim->classes[t->cls].cls;
        if (sim->irq_cpu != cpu && t->cls == c->cls && cls->waits_for_tick != NULL &&
            cls->waits_for_tick(cp_thread_rq(sim, t))) {
            c->lazy = true;
            cp_cpu_look(sim, c);
            cp_cpu_arm(sim, c);
            return;
        }
        c->clock_stands = true;
        if (sim->next_tick - sim->now <= delay + c->irq_left + c->ovh_left ||
            sim->now == sim->next_tick - sim->tick) {
            cp_cpu_look(sim, c); /* a tick comes first, or that of this moment may */
            cp_cpu_arm(sim, c);
        }
        cp_resched_after(sim, c, delay);
    } else if (c->lazy && sim->irq_cpu == cpu) {
        cp_resched_after(sim, c, 0); /* on the way out of the interrupt */
    } else if (t->cls == c->cls) {
        cp_cpu_look(sim, c);
        cp_cpu_arm(sim, c);
    }
}

/* --- moving --- */

void cp_migrate(CpSim *sim, CpTid tid, CpCpu to)
{
    cp_assert(to < sim->n_cpus && to != cp_thread(sim, tid)->cpu);
    CpThread *t = cp_thread(sim, tid);
    cp_record(sim, CP_REC_MIGRATE, tid, t->cpu, to);
    sim->cold[tid].migrations++;
    t->flags |= CP_TF_MIGRATED;
}

void cp_pull(CpSim *sim, CpTid tid, CpCpu to)
{
    CpThread *t = cp_thread(sim, tid);
    cp_require(t->state == CP_THREAD_RUNNABLE);
    cp_assert(to < sim->n_cpus && cp_thread_allowed(sim, tid, to));
    cp_assert(sim->cpus[t->cpu].curr != tid);
    cp_cpu_account(sim, &sim->cpus[t->cpu]);
    cp_cpu_account(sim, &sim->cpus[to]);
    CpCpu from = t->cpu;
    if (!cp_dequeue(sim, tid, CP_DEQ_MIGRATE | CP_DEQ_SPECIAL)) {
        cp_require(false);
    }
    cp_migrate(sim, tid, to);
    cp_enqueue(sim, tid, to, CP_ENQ_MIGRATED);
    CpTid curr = sim->cpus[from].curr; /* one that is leaving has no more looks to come */
    if (curr != CP_NONE && cp_thread(sim, curr)->state == CP_THREAD_RUNNING) {
        cp_cpu_look(sim, &sim->cpus[from]);
        cp_cpu_arm(sim, &sim->cpus[from]);
    }
    if (!sim->cpus[to].balancing) {
        cp_wakeup_check(sim, tid, to, 0);
    }
}
