#include "sim/policy.h"

#include "sim/cpu.h"
#include "sim/flow.h"
#include "sim/group.h"
#include "sim/random.h"
#include "sim/runqueue.h"
#include "sim/thread.h"
#include "sim/timer.h"

/* Decides what a scheduling class learns when it asks the engine. */

const CpPolicy *cp_policy_of(const CpSim *sim, const CpPolicyClass *cls)
{
    for (uint32_t rank = 0; rank < sim->n_classes; rank++) {
        if (sim->classes[rank].cls == cls) {
            return &sim->classes[rank].policy;
        }
    }
    return NULL;
}

const CpCpuMask *cp_idle_mask(const CpSim *sim)
{
    return &sim->idle;
}

uint32_t cp_cpu_nr(const CpSim *sim, CpCpu cpu)
{
    cp_assert(cpu < sim->n_cpus);
    return sim->cpus[cpu].nr + sim->cpus[cpu].waking;
}

uint32_t cp_cpu_coming(const CpSim *sim, CpCpu cpu)
{
    cp_assert(cpu < sim->n_cpus);
    return sim->cpus[cpu].waking;
}

CpTid cp_cpu_curr(const CpSim *sim, CpCpu cpu)
{
    cp_assert(cpu < sim->n_cpus);
    return sim->cpus[cpu].curr;
}

CpTime cp_cpu_uncharged(const CpSim *sim, CpCpu cpu)
{
    cp_assert(cpu < sim->n_cpus);
    return sim->cpus[cpu].uncharged;
}

const CpWorkload *cp_run_workload(const CpSim *sim)
{
    return sim->w;
}

void cp_class_timer(const CpRq *rq, CpEnt ent, CpTime at)
{
    cp_assert(!(ent & CP_ENT_GROUP));
    cp_timer_push(rq->sim, CP_TIMER_CLASS, at, ent, rq->policy->rank);
}

uint32_t cp_cpu_rank(const CpSim *sim, CpCpu cpu)
{
    cp_assert(cpu < sim->n_cpus);
    return sim->cpus[cpu].curr == CP_NONE ? CP_CLASSES_MAX : sim->cpus[cpu].cls;
}

CpTime cp_cpu_since(const CpSim *sim, CpCpu cpu)
{
    cp_assert(cpu < sim->n_cpus);
    return sim->cpus[cpu].run_since;
}

CpTime cp_cpu_busy_since(const CpSim *sim, CpCpu cpu)
{
    cp_assert(cpu < sim->n_cpus);
    return sim->cpus[cpu].idled_until;
}

bool cp_cpu_online(const CpSim *sim, CpCpu cpu)
{
    cp_assert(cpu < sim->n_cpus);
    return sim->cpus[cpu].online;
}

uint32_t cp_crowded_cpus(const CpSim *sim)
{
    cp_assert(sim->n_overloaded <= sim->n_cpus);
    return sim->n_overloaded;
}

const CpRq *cp_thread_queue(const CpPolicy *policy, CpTid tid, CpCpu cpu)
{
    const CpSim *sim = policy->sim;
    return cp_rq(sim, cp_level(sim, cp_thread(sim, tid)), cpu, policy->rank);
}

bool cp_thread_allowed(const CpSim *sim, CpTid tid, CpCpu cpu)
{
    cp_assert(cpu < sim->n_cpus);
    return sim->cpus[cpu].online && cp_allowed(sim, cp_thread(sim, tid), cpu);
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
    cp_assert(cpu < rq->sim->n_cpus);
    return cp_rq(rq->sim, rq->group, cpu, rq->policy->rank);
}

CpRq *cp_rq_parent(const CpRq *rq, CpEnt *ent)
{
    CpSim *sim = rq->sim;
    if (rq->group == 0) {
        return NULL;
    }
    cp_assert(rq->group < sim->n_groups);
    *ent = cp_group_ent(sim, rq->group, rq->cpu);
    return cp_rq(sim, sim->groups[rq->group].parent, rq->cpu, rq->policy->rank);
}

const CpRq *cp_policy_rq(const CpPolicy *policy, CpCpu cpu)
{
    cp_assert(cpu < policy->sim->n_cpus);
    return cp_rq(policy->sim, 0, cpu, policy->rank);
}

void cp_rq_reserve(void **array, uint32_t *cap, uint32_t n, size_t size)
{
    cp_require(size > 0);
    if (n > *cap) {
        /* Large steps for large arrays: what is not touched is not there, but what a
         * smaller one leaves behind is. */
        uint32_t bigger = *cap < 16 ? 16 : *cap < 256 ? 2 * *cap : 8 * *cap;
        bigger = bigger < n ? n : bigger;
        *array = g_realloc_n(*array, bigger, size);
        *cap = bigger;
    }
    cp_assert(n <= *cap);
}

uint64_t cp_rq_random(CpRq *rq)
{
    return cp_random(rq->sim->seed, CP_RANDOM_QUEUE, rq->cpu, rq->draws++);
}

const CpSchedAttr *cp_thread_attr(const CpSim *sim, CpTid tid)
{
    cp_assert(sim->cold[tid].attr < sim->attrs->len);
    return &g_array_index(sim->attrs, CpSchedAttr, sim->cold[tid].attr);
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
    cp_assert(cp_thread(sim, tid)->since <= sim->now);
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
    cp_assert(share <= 1024 && after >= 0);
    CpTime half = 32 * CP_MS;
    if (after >= 10 * half) {
        return 0;
    }
    CpTime n = after / half, part = after % half;
    return (uint32_t)(((CpTime)share >> n) * (2 * half - part) / (2 * half));
}

CpTime cp_thread_cpu_time(const CpSim *sim, CpTid tid)
{
    const CpThread *t = cp_thread(sim, tid);
    const CpCpuState *c = &sim->cpus[t->cpu];
    CpTime passed = sim->now - c->clock - c->irq_left;
    return t->cpu_time + (c->curr == tid && passed > 0 ? passed : 0);
}

uint32_t cp_cpu_taken(const CpSim *sim, CpCpu cpu)
{
    cp_assert(cpu < sim->n_cpus);
    const CpCpuState *c = &sim->cpus[cpu];
    CpTime since = sim->now - c->taken_at;
    return c->takes ? 1024 - forgotten(1024 - c->taken, since) : forgotten(c->taken, since);
}

CpRq *cp_rq_below(const CpRq *rq, CpEnt ent)
{
    cp_assert(ent & CP_ENT_GROUP);
    return cp_rq(rq->sim, (ent & ~CP_ENT_GROUP) / rq->sim->n_cpus, rq->cpu,
                 rq->policy->rank);
}

CpTime cp_tick_after_far(const CpSim *sim, CpTime t)
{
    if (t <= sim->tick_phase) {
        return sim->tick_phase;
    }
    CpTime n = (t - sim->tick_phase + sim->tick - 1) / sim->tick;
    CpTime at = sim->tick_phase + n * sim->tick;
    cp_assert(at >= t && at - t < sim->tick);
    return at;
}

uint32_t cp_cpus_online(const CpSim *sim)
{
    cp_assert(sim->n_online > 0 && sim->n_online <= sim->n_cpus);
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
