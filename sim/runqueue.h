/* Run queues: where threads and groups stand, class by class and level by level. */
#ifndef CP_SIM_RUNQUEUE_H
#define CP_SIM_RUNQUEUE_H

#include "sim/cpu.h"
#include "sim/thread.h"

struct CpClassSlot {
    CpPolicy policy;
    const CpPolicyClass *cls;
};

static inline CpRq *cp_rq(const CpSim *sim, CpGroup group, CpCpu cpu, uint32_t cls)
{
    cp_assert(group < sim->n_groups && cpu < sim->n_cpus && cls < sim->n_classes);
    return G_LIKELY(group == 0)
               ? sim->cpus[cpu].root + cls
               : &sim->rqs[(group * sim->n_cpus + cpu) * sim->n_classes + cls];
}

static inline CpEnt cp_group_ent(const CpSim *sim, CpGroup group, CpCpu cpu)
{
    return CP_ENT_GROUP | (group * sim->n_cpus + cpu);
}

/* The class that queues groups and has the fair server: the last one. */
static inline uint32_t cp_fair_rank(const CpSim *sim)
{
    return sim->n_classes - 1;
}

/* Group in whose queue a thread stands.  Only the last class queues groups: threads of the
 * others stand at the root whatever their group, as without CONFIG_RT_GROUP_SCHED. */
static inline CpGroup cp_level(const CpSim *sim, const CpThread *t)
{
    return t->cls == cp_fair_rank(sim) ? t->group : 0;
}

gboolean cp_runqueues_init(CpSim *sim, GError **error);
void cp_runqueues_clear(CpSim *sim);
/* A thread that its class keeps off the queue although it could run. */
bool cp_is_hidden(const CpSim *sim, CpTid tid);
/* It has just become one, and counts as not runnable from here on. */
void cp_hide(CpSim *sim, CpTid tid);
/* cp_class_timer has come; true: the thread waits for a CPU again. */
bool cp_class_fire(CpSim *sim, CpTid tid, uint32_t rank);
void cp_enqueue(CpSim *sim, CpTid tid, CpCpu cpu, CpEnqFlags flags);
/* False: stays in the structure (delayed dequeue). */
bool cp_dequeue(CpSim *sim, CpTid tid, CpDeqFlags flags);
CpTid cp_pick(CpSim *sim, CpCpuState *c);
void cp_put_prev(CpSim *sim, CpCpuState *c, CpTid tid);
void cp_set_next(CpSim *sim, CpCpuState *c, CpTid tid);
/* Class queue of a thread on a CPU. */
static inline CpRq *cp_thread_rq(const CpSim *sim, const CpThread *t)
{
    return cp_rq(sim, cp_level(sim, t), t->cpu, t->cls);
}
void cp_enqueue_group(CpSim *sim, CpGroup group, CpCpu cpu, uint32_t rank,
                      CpEnqFlags flags);
void cp_dequeue_group(CpSim *sim, CpGroup group, CpCpu cpu, uint32_t rank,
                      CpDeqFlags flags);
void cp_dequeue_delayed(CpSim *sim, CpTid tid, CpDeqFlags flags);
void cp_requeue_delayed(CpSim *sim, CpTid tid);
/* The running thread's queues have no running entity any more. */
void cp_clear_curr(CpSim *sim, CpCpuState *c);
void cp_set_idle(CpSim *sim, CpCpuState *c);
void cp_migrate(CpSim *sim, CpTid tid, CpCpu to);
/* One queue for all CPUs, after a choice: offers those left over to other CPUs.  `prev`
 * lost its CPU, or is CP_NONE. */
void cp_global_rest(CpSim *sim, CpTid prev);
void cp_wakeup_check(CpSim *sim, CpTid tid, CpCpu cpu, CpWakeFlags flags);

#endif
