#include "sim/engine.h"
#include "sim/error.h"

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

static CpRq *queue_of(CpSim *sim, CpGroup group, CpCpu cpu, uint32_t rank)
{
    return cp_rq(sim, sim->classes[rank].cls->global ? 0 : group, cpu, rank);
}

const CpPolicy *cp_policy_of(const CpSim *sim, const CpPolicyClass *cls)
{
    for (uint32_t rank = 0; rank < sim->n_classes; rank++) {
        if (sim->classes[rank].cls == cls) {
            return &sim->classes[rank].policy;
        }
    }
    return NULL;
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
        cp_table_ready(&sim->ent_table[rank], slot->policy.ent_size, 2 * CP_THREADS_MAX);
        slot->policy.ents = sim->ents[rank] = sim->ent_table[rank].rows;
    }
    slot->policy.data = cls->sim_size > 0 ? g_malloc0(cls->sim_size) : NULL;
    if (cls->init != NULL && !cls->init(&slot->policy, error)) {
        return FALSE;
    }
    if (slot->policy.server_runtime > 0 && sim->server_runtime == 0) {
        sim->server_runtime = slot->policy.server_runtime;
        sim->server_period = slot->policy.server_period;
    }
    return TRUE;
}

gboolean cp_runqueues_init(CpSim *sim, GError **error)
{
    const CpPolicyClass *last = sim->config.classes[sim->n_classes - 1];
    if (sim->n_groups > 1 && last->group_weight == NULL) {
        g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                    "policy %s has no control groups: leave out cgroup blocks, or choose a "
                    "kernel profile such as eevdf",
                    last->name);
        return FALSE;
    }
    sim->classes = g_new0(CpClassSlot, sim->n_classes);
    for (uint32_t rank = 0; rank < sim->n_classes; rank++) {
        if (!class_init(sim, rank, error)) {
            return FALSE;
        }
        sim->any_global |= sim->classes[rank].cls->global;
    }
    sim->flat = !sim->any_global && sim->n_groups == 1;
    sim->rqs = g_new0(CpRq, (size_t)sim->n_groups * sim->n_cpus * sim->n_classes);
    for (CpCpu cpu = 0; cpu < sim->n_cpus; cpu++) {
        sim->cores[cpu].root = &sim->rqs[cpu * sim->n_classes];
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
    if (gc->delayed) {
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
    for (CpGroup g = t->group; g != 0; g = sim->groups[g].parent) {
        if (cp_rq(sim, g, cpu, t->cls)->nr != 1 ||
            sim->group_cpu[g * sim->n_cpus + cpu].throttled) {
            break;
        }
        cp_enqueue_group(sim, g, cpu, t->cls, flags);
    }
    if (cp_group_count(sim, t->group, cpu, 1)) {
        cp_core_count(sim, &sim->cores[cpu], 1);
    }
}

static void climb_out(CpSim *sim, const CpThread *t, CpDeqFlags flags)
{
    for (CpGroup g = t->group; g != 0; g = sim->groups[g].parent) {
        if (cp_rq(sim, g, t->cpu, t->cls)->nr != 0 ||
            sim->group_cpu[g * sim->n_cpus + t->cpu].throttled) {
            break;
        }
        cp_dequeue_group(sim, g, t->cpu, t->cls, flags);
    }
    if (cp_group_count(sim, t->group, t->cpu, -1)) {
        cp_core_count(sim, &sim->cores[t->cpu], -1);
    }
}

void cp_enqueue(CpSim *sim, CpTid tid, CpCpu cpu, CpEnqFlags flags)
{
    CpThread *t = cp_thread(sim, tid);
    CpRq *rq = queue_of(sim, t->group, cpu, t->cls);
    t->cpu = (uint16_t)cpu;
    rq->policy->cls->enqueue(rq, tid, flags);
    counts_of(sim, rq)->nr++;
    climb_in(sim, t, cpu, flags);
    CpCore *core = &sim->cores[cpu];
    if (G_UNLIKELY(core->cls < t->cls && core->curr != CP_NONE)) {
        cp_server_arm(sim, core);
    }
}

bool cp_dequeue(CpSim *sim, CpTid tid, CpDeqFlags flags)
{
    CpThread *t = cp_thread(sim, tid);
    CpRq *rq = queue_of(sim, t->group, t->cpu, t->cls);
    if (rq->curr == tid) {
        cp_core_account(sim, &sim->cores[t->cpu]);
    }
    bool gone = rq->policy->cls->dequeue(rq, tid, flags);
    if (rq->curr == tid) {
        rq->curr = CP_NONE;
    }
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
    rq->delayed--;
    if (ent & CP_ENT_GROUP) {
        sim->group_cpu[ent & ~CP_ENT_GROUP].delayed = false;
    } else {
        cp_thread(sim, ent)->flags &= (uint8_t)~CP_TF_DELAYED;
    }
}

/* A delayed thread leaves the structure for good, because it moves or its attributes
 * change. */
void cp_dequeue_delayed(CpSim *sim, CpTid tid, CpDeqFlags flags)
{
    CpThread *t = cp_thread(sim, tid);
    CpRq *rq = queue_of(sim, t->group, t->cpu, t->cls);
    if (!rq->policy->cls->dequeue(rq, tid, flags | CP_DEQ_SPECIAL)) {
        cp_require(false);
    }
    cp_rq_dequeue_done(rq, tid);
}

void cp_requeue_delayed(CpSim *sim, CpTid tid)
{
    CpThread *t = cp_thread(sim, tid);
    CpRq *rq = queue_of(sim, t->group, t->cpu, t->cls);
    rq->policy->cls->requeue(rq, tid);
    rq->delayed--;
    t->flags &= (uint8_t)~CP_TF_DELAYED;
    rq->nr++;
    climb_in(sim, t, t->cpu, CP_ENQ_WAKEUP);
}

/* --- choosing --- */

/* The thread the last class would run, whatever waits in the others. */
static CpTid pick_last(CpSim *sim, CpCore *core)
{
    uint32_t rank = sim->n_classes - 1;
    CpRq *rq = queue_of(sim, 0, core->id, rank);
    CpEnt ent = rq->nr + rq->delayed == 0 ? CP_NONE : rq->policy->cls->pick(rq);
    while (ent != CP_NONE && (ent & CP_ENT_GROUP)) {
        rq = cp_rq(sim, (ent & ~CP_ENT_GROUP) / sim->n_cpus, core->id, rank);
        ent = rq->policy->cls->pick(rq);
    }
    return ent;
}

CpTid cp_pick(CpSim *sim, CpCore *core)
{
    if (G_UNLIKELY(core->server == CP_SERVER_ON)) {
        CpTid tid = pick_last(sim, core);
        if (tid != CP_NONE) {
            return tid;
        }
        core->server = CP_SERVER_OFF;
    }
    for (uint32_t rank = 0; sim->flat && rank < sim->n_classes; rank++) {
        CpRq *rq = core->root + rank;
        CpEnt ent = rq->nr + rq->delayed == 0 ? CP_NONE : rq->policy->cls->pick(rq);
        if (ent != CP_NONE) {
            return ent;
        }
    }
    for (uint32_t rank = 0; !sim->flat && rank < sim->n_classes; rank++) {
        CpRq *rq = queue_of(sim, 0, core->id, rank);
        const CpRq *counts = counts_of(sim, rq);
        if (counts->nr + counts->delayed == 0) {
            continue;
        }
        CpEnt ent = rq->policy->cls->pick(rq);
        while (ent != CP_NONE && (ent & CP_ENT_GROUP)) {
            rq = cp_rq(sim, (ent & ~CP_ENT_GROUP) / sim->n_cpus, core->id, rank);
            ent = rq->policy->cls->pick(rq);
        }
        if (ent != CP_NONE) {
            return ent;
        }
    }
    return CP_NONE;
}

void cp_put_prev(CpSim *sim, CpCore *core, CpTid tid)
{
    const CpThread *t = cp_thread(sim, tid);
    CpEnt ent = tid;
    for (CpGroup g = t->group;; g = sim->groups[g].parent) {
        CpRq *rq = queue_of(sim, g, core->id, t->cls);
        if (rq->policy->cls->put_prev != NULL) {
            rq->policy->cls->put_prev(rq, ent);
        }
        if (g == 0) {
            return;
        }
        ent = cp_group_ent(sim, g, core->id);
    }
}

static void set_curr(CpSim *sim, CpCore *core, CpTid tid, bool on)
{
    const CpThread *t = cp_thread(sim, tid);
    CpEnt ent = tid;
    for (CpGroup g = t->group;; g = sim->groups[g].parent) {
        cp_rq(sim, g, core->id, t->cls)->curr = on ? ent : CP_NONE;
        if (g == 0) {
            return;
        }
        ent = cp_group_ent(sim, g, core->id);
    }
}

void cp_set_next(CpSim *sim, CpCore *core, CpTid tid)
{
    const CpThread *t = cp_thread(sim, tid);
    CpEnt ent = tid;
    if (G_LIKELY(sim->flat)) {
        CpRq *rq = core->root + t->cls;
        if (rq->policy->cls->set_next != NULL) {
            rq->policy->cls->set_next(rq, tid);
        }
        core->root[core->cls].curr = CP_NONE;
        rq->curr = tid;
        return;
    }
    for (CpGroup g = t->group;; g = sim->groups[g].parent) {
        CpRq *rq = queue_of(sim, g, core->id, t->cls);
        if (rq->policy->cls->set_next != NULL) {
            rq->policy->cls->set_next(rq, ent);
        }
        if (g == 0) {
            break;
        }
        ent = cp_group_ent(sim, g, core->id);
    }
    if (core->curr != CP_NONE && core->curr != tid) {
        set_curr(sim, core, core->curr, false);
    }
    set_curr(sim, core, tid, true);
}

/* The CPU goes idle: no queue has a running entity. */
void cp_set_idle(CpSim *sim, CpCore *core)
{
    if (core->curr != CP_NONE) {
        set_curr(sim, core, core->curr, false);
    }
}

bool cp_charge_class(CpSim *sim, CpCore *core, CpTime delta)
{
    const CpThread *t = cp_thread(sim, core->curr);
    if (t->state != CP_THREAD_RUNNING) {
        return false;
    }
    bool resched = false;
    CpEnt ent = core->curr;
    if (G_UNLIKELY(core->server != CP_SERVER_OFF)) {
        resched = cp_server_charge(sim, core, delta);
    }
    if (G_LIKELY(sim->flat)) {
        CpRq *rq = core->root + core->cls;
        return (rq->policy->cls->account != NULL &&
                rq->policy->cls->account(rq, ent, delta)) ||
               resched;
    }
    for (CpGroup g = t->group;; g = sim->groups[g].parent) {
        CpRq *rq = queue_of(sim, g, core->id, core->cls);
        if (rq->policy->cls->account != NULL) {
            resched |= rq->policy->cls->account(rq, ent, delta);
        }
        if (g == 0) {
            return resched;
        }
        cp_group_charge(sim, g, core, delta);
        ent = cp_group_ent(sim, g, core->id);
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
static CpRq *matching(CpSim *sim, CpCore *core, CpTid woken, CpEnt *ent)
{
    CpGroup a = cp_thread(sim, woken)->group, b = cp_thread(sim, core->curr)->group;
    unsigned da = depth(sim, a), db = depth(sim, b);
    *ent = woken;
    while (a != b) {
        if (da >= db) {
            *ent = cp_group_ent(sim, a, core->id);
            a = sim->groups[a].parent;
            da--;
        } else {
            b = sim->groups[b].parent;
            db--;
        }
    }
    return queue_of(sim, a, core->id, core->cls);
}

static bool takes(CpSim *sim, CpCore *core, CpTid woken, CpWakeFlags flags)
{
    uint8_t cls = cp_thread(sim, woken)->cls;
    if (cls != core->cls) {
        bool served = core->server == CP_SERVER_ON && core->cls == sim->n_classes - 1;
        return cls < core->cls && !served;
    }
    CpEnt ent;
    CpRq *rq = matching(sim, core, woken, &ent);
    const CpPolicyClass *c = rq->policy->cls;
    return c->preempts != NULL && c->preempts(rq, ent, flags);
}

/* A CPU that will choose anew at this moment anyway: it idles, or its thread has just
 * blocked or ended. */
static bool is_free(const CpSim *sim, const CpCore *core)
{
    return core->curr == CP_NONE || cp_thread(sim, core->curr)->state != CP_THREAD_RUNNING;
}

/* A thread came into a queue shared by all CPUs: a free CPU takes it, else the CPU whose
 * thread has the weakest claim. */
static void check_global(CpSim *sim, CpTid tid, CpWakeFlags flags)
{
    CpCore *victim = NULL;
    for (CpCpu cpu = 0; cpu < sim->n_cpus; cpu++) {
        CpCore *core = &sim->cores[cpu];
        if (core->resched_at != CP_NEVER || !cp_thread_allowed(sim, tid, cpu)) {
            continue;
        }
        if (is_free(sim, core)) {
            cp_resched_after(sim, core, 0);
            return;
        }
        cp_core_account(sim, core);
        if (takes(sim, core, tid, flags) &&
            (victim == NULL || takes(sim, core, victim->curr, CP_WAKE_DISPLACED))) {
            victim = core;
        }
    }
    if (victim != NULL) {
        cp_resched_after(sim, victim, 0);
        return;
    }
    for (CpCpu cpu = 0; cpu < sim->n_cpus; cpu++) {
        if (!is_free(sim, &sim->cores[cpu])) {
            cp_core_look(sim, &sim->cores[cpu]);
            cp_core_arm(sim, &sim->cores[cpu]);
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
        waiting -= !is_free(sim, &sim->cores[cpu]) && sim->cores[cpu].cls == rank;
        idle += sim->cores[cpu].curr == CP_NONE && sim->cores[cpu].online;
    }
    for (CpCpu cpu = 0; cpu < sim->n_cpus && waiting > 0 && idle > 0; cpu++) {
        CpCore *core = &sim->cores[cpu];
        if (core->curr == CP_NONE && core->online) {
            cp_resched_after(sim, core, 0);
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
    CpCore *core = &sim->cores[cpu];
    if (core->curr == CP_NONE) {
        cp_resched_after(sim, core, 0);
    } else if (is_free(sim, core)) {
        return;
    } else if (takes(sim, core, tid, flags)) {
        CpTime delay = sim->irq_cpu == cpu ? 0 : sim->cost[CP_COST_WAKE_REMOTE];
        core->clock_stands = true;
        if (sim->next_tick - sim->now <= delay + core->irq_left + core->ovh_left ||
            sim->now == sim->next_tick - sim->tick) {
            cp_core_look(sim, core); /* a tick comes first, or that of this moment may */
            cp_core_arm(sim, core);
        }
        cp_resched_after(sim, core, delay);
    } else if (t->cls == core->cls) {
        cp_core_look(sim, core);
        cp_core_arm(sim, core);
    }
}

/* --- moving --- */

void cp_migrate(CpSim *sim, CpTid tid, CpCpu to)
{
    CpThread *t = cp_thread(sim, tid);
    cp_record(sim, CP_REC_MIGRATE, tid, t->cpu, to);
    sim->cold[tid].migrations++;
    t->flags |= CP_TF_MIGRATED;
}

void cp_pull(CpSim *sim, CpTid tid, CpCpu to)
{
    CpThread *t = cp_thread(sim, tid);
    cp_require(t->state == CP_THREAD_RUNNABLE);
    cp_core_account(sim, &sim->cores[t->cpu]);
    cp_core_account(sim, &sim->cores[to]);
    CpCpu from = t->cpu;
    if (!cp_dequeue(sim, tid, CP_DEQ_MIGRATE | CP_DEQ_SPECIAL)) {
        cp_require(false);
    }
    cp_migrate(sim, tid, to);
    cp_enqueue(sim, tid, to, CP_ENQ_MIGRATED);
    if (sim->cores[from].curr != CP_NONE) {
        cp_core_look(sim, &sim->cores[from]);
        cp_core_arm(sim, &sim->cores[from]);
    }
    if (!sim->cores[to].balancing) {
        cp_wakeup_check(sim, tid, to, 0);
    }
}

/* --- what classes may ask --- */

const CpCpuMask *cp_idle_mask(const CpSim *sim)
{
    return &sim->idle;
}

uint32_t cp_cpu_nr(const CpSim *sim, CpCpu cpu)
{
    return sim->cores[cpu].nr + sim->cores[cpu].waking;
}

uint32_t cp_cpu_coming(const CpSim *sim, CpCpu cpu)
{
    return sim->cores[cpu].waking;
}

CpTid cp_cpu_curr(const CpSim *sim, CpCpu cpu)
{
    return sim->cores[cpu].curr;
}

CpTime cp_cpu_since(const CpSim *sim, CpCpu cpu)
{
    return sim->cores[cpu].run_since;
}

bool cp_thread_allowed(const CpSim *sim, CpTid tid, CpCpu cpu)
{
    return sim->cores[cpu].online && cp_allowed(sim, cp_thread(sim, tid), cpu);
}

bool cp_thread_anywhere(const CpSim *sim, CpTid tid)
{
    return cp_thread(sim, tid)->affinity == 0 && sim->n_online == sim->n_cpus;
}

CpCpu cp_thread_cpu(const CpSim *sim, CpTid tid)
{
    return cp_thread(sim, tid)->cpu;
}

const CpMachine *cp_sim_machine(const CpSim *sim)
{
    return sim->machine;
}

const CpRq *cp_rq_on(const CpRq *rq, CpCpu cpu)
{
    return cp_rq(rq->sim, rq->group, cpu, rq->policy->rank);
}

CpRq *cp_rq_parent(const CpRq *rq, CpEnt *ent)
{
    CpSim *sim = rq->sim;
    if (rq->group == 0) {
        return NULL;
    }
    *ent = cp_group_ent(sim, rq->group, rq->cpu);
    return cp_rq(sim, sim->groups[rq->group].parent, rq->cpu, rq->policy->rank);
}

const CpRq *cp_policy_rq(const CpPolicy *policy, CpCpu cpu)
{
    return cp_rq(policy->sim, 0, cpu, policy->rank);
}

void cp_rq_reserve(void **array, uint32_t *cap, uint32_t n, size_t size)
{
    if (n > *cap) {
        /* Large steps for large arrays: what is not touched is not there, but what a
         * smaller one leaves behind is. */
        uint32_t bigger = *cap < 16 ? 16 : *cap < 256 ? 2 * *cap : 8 * *cap;
        bigger = bigger < n ? n : bigger;
        *array = g_realloc_n(*array, bigger, size);
        *cap = bigger;
    }
}

uint64_t cp_rq_random(CpRq *rq)
{
    return cp_rng_key(rq->sim->seed, 0x100000000u + rq->cpu, rq->draws++);
}

const CpSchedAttr *cp_thread_attr(const CpSim *sim, CpTid tid)
{
    return &g_array_index(sim->attrs, CpSchedAttr, sim->cold[tid].attr);
}

CpTime cp_thread_burst_left(CpSim *sim, CpTid tid)
{
    return cp_thread(sim, tid)->burst_left + cp_flow_ahead(sim, tid);
}

void cp_ent_fetch(const CpPolicy *policy, CpEnt ent)
{
    const CpSim *sim = policy->sim;
    const char *row = policy->ents + (size_t)ent * policy->ent_size;
    __builtin_prefetch(row, 1);
    __builtin_prefetch(row + policy->ent_size - 1, 1);
    if (!(ent & CP_ENT_GROUP)) {
        __builtin_prefetch(&sim->threads[ent], 1);
        __builtin_prefetch(&sim->cold[ent], 1);
        __builtin_prefetch(&sim->flows[ent],
                           1); /* most threads have the flow of their number */
    }
}

CpTime cp_thread_ready_since(const CpSim *sim, CpTid tid)
{
    return cp_thread(sim, tid)->since;
}

bool cp_rq_allows(const CpRq *rq, CpEnt ent)
{
    return (ent & CP_ENT_GROUP) || cp_thread_allowed(rq->sim, ent, rq->cpu);
}

CpTime cp_thread_release(const CpSim *sim, CpTid tid)
{
    const CpFlow *flow = cp_flow_of(sim, tid);
    bool has_one = sim->releases && flow->regs != CP_NONE;
    CpTime release = has_one ? cp_regs(sim, flow)[CP_REG_RELEASE] : CP_NEVER;
    return release == CP_NEVER ? cp_thread_ready_since(sim, tid) : release;
}

/* A share of 1024 that is forgotten: half of it in 32 ms, linear in between. */
static uint32_t forgotten(uint32_t share, CpTime after)
{
    CpTime half = 32 * CP_MS;
    if (after >= 10 * half) {
        return 0;
    }
    CpTime n = after / half, part = after % half;
    return (uint32_t)(((CpTime)share >> n) * (2 * half - part) / (2 * half));
}

uint32_t cp_cpu_util(const CpSim *sim, CpCpu cpu)
{
    const CpCore *core = &sim->cores[cpu];
    CpTime since = sim->now - core->util_at;
    return core->curr == CP_NONE ? forgotten(core->util, since)
                                 : 1024 - forgotten(1024 - core->util, since);
}

uint32_t cp_thread_demand(const CpSim *sim, CpTid tid)
{
    const CpThread *t = cp_thread(sim, tid);
    const CpThreadCold *cold = &sim->cold[tid];
    CpTime life = sim->now - cold->start;
    CpTime wanted = t->cpu_time + cold->runq_wait;
    wanted += t->state == CP_THREAD_RUNNABLE ? sim->now - t->since : 0;
    if (t->state == CP_THREAD_RUNNING) { /* what passed since its CPU's last event */
        const CpCore *core = &sim->cores[t->cpu];
        CpTime passed = sim->now - core->clock - core->irq_left;
        wanted += passed > 0 ? passed : 0;
    }
    if (life <= 0) {
        return 0;
    }
    return (uint32_t)((1024 - forgotten(1024, life)) * MIN(wanted, life) / life);
}

CpTime cp_tick_after_far(const CpSim *sim, CpTime t)
{
    if (t <= sim->tick_phase) {
        return sim->tick_phase;
    }
    CpTime n = (t - sim->tick_phase + sim->tick - 1) / sim->tick;
    return sim->tick_phase + n * sim->tick;
}

uint32_t cp_cpus_online(const CpSim *sim)
{
    return sim->n_online;
}

/* Weights of nice -20..19: each step is a factor of about 1.25 (the documented figures of
 * the kernel's interface, see linux-scheduler 1.2). */
uint32_t cp_nice_weight(int nice)
{
    static const uint32_t weight[40] = {
        88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916,
        9548,  7620,  6100,  4904,  3906,  3121,  2501,  1991,  1586,  1277,
        1024,  820,   655,   526,   423,   335,   272,   215,   172,   137,
        110,   87,    70,    56,    45,    36,    29,    23,    18,    15,
    };
    return weight[CLAMP(nice, -20, 19) + 20];
}
