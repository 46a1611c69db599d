#include "sim/cpu.h"
#include "sim/runqueue.h"
#include "sim/thread.h"
#include "sim/timer.h"

/* Decides what becomes of a thread whose attributes change, wherever it is. */

/* The class of the stack that takes a thread's policy. */
static uint32_t class_for(const CpSim *sim, const CpSchedAttr *attr)
{
    uint32_t rank = 0;
    while (rank + 1 < sim->n_classes &&
           !(sim->classes[rank].cls->serves & 1u << attr->policy)) {
        rank++;
    }
    return rank;
}

void cp_thread_class(CpSim *sim, CpTid tid, const CpSchedAttr *attr)
{
    CpThread *t = cp_thread(sim, tid);
    cp_assert(attr->policy <= CP_SCHED_DEADLINE);
    cp_assert(attr->cpus == CP_NONE || attr->cpus < sim->w->masks->len);
    /* Else it would stand in the structure of a class that is no longer its own. */
    cp_assert(!(t->flags & CP_TF_DELAYED));
    t->cls = (uint8_t)class_for(sim, attr);
    t->affinity = attr->cpus == CP_NONE ? 0 : (uint16_t)(attr->cpus + 1);
    t->flags &= (uint8_t)~CP_TF_SPECIAL;
    t->flags |= attr->policy >= CP_SCHED_FIFO ? CP_TF_SPECIAL : 0;
    CpPolicy *policy = &sim->classes[t->cls].policy;
    if (policy->cls->attr != NULL) {
        policy->cls->attr(policy, tid, attr);
    }
}

/* A running thread must leave its CPU: the stopper takes it over, so it is off every queue
 * for a moment; mirrors core.c:migration_cpu_stop.  `to` may be the CPU it is on. */
static void move_running(CpSim *sim, CpTid tid, CpCpu to)
{
    CpThread *t = cp_thread(sim, tid);
    cp_assert(t->state == CP_THREAD_RUNNING);
    cp_assert(cp_thread_allowed(sim, tid, to));
    CpEnqFlags moved = to == t->cpu ? 0 : CP_ENQ_MIGRATED;
    cp_resched_now(sim, &sim->cpus[t->cpu]);
    t->state = CP_THREAD_BLOCKED;
    t->flags |= CP_TF_WAKING;
    t->since = sim->now;
    t->cpu = (uint16_t)to;
    cp_cpu_expect(sim, &sim->cpus[to], 1);
    cp_timer_push(sim, CP_TIMER_ACTIVATE, sim->now + 1, tid, CP_ENQ_RESTORE | moved);
}

void cp_push(CpSim *sim, CpTid tid, CpCpu to)
{
    CpThread *t = cp_thread(sim, tid);
    cp_require(t->state == CP_THREAD_RUNNING && cp_thread_allowed(sim, tid, to));
    cp_cpu_account(sim, &sim->cpus[t->cpu]);
    if (!cp_dequeue(sim, tid, CP_DEQ_MIGRATE | CP_DEQ_SPECIAL)) {
        cp_require(false);
    }
    cp_migrate(sim, tid, to);
    move_running(sim, tid, to);
}

static bool same_attr(const CpSchedAttr *a, const CpSchedAttr *b)
{
    return a->policy == b->policy && a->nice == b->nice && a->rt_prio == b->rt_prio &&
           a->tickets == b->tickets && a->slice == b->slice && a->runtime == b->runtime &&
           a->deadline == b->deadline && a->period == b->period && a->slack == b->slack &&
           a->cpus == b->cpus;
}

/* Row of the attributes: programs change between few, however often they do. */
static uint32_t changed_row(CpSim *sim, const CpSchedAttr *attr)
{
    enum { ROWS_TRIED = 1024 };
    uint32_t first = sim->w->threads->len, n = sim->attrs->len;
    for (uint32_t row = n; row > first && row + ROWS_TRIED > n; row--) {
        if (same_attr(&g_array_index(sim->attrs, CpSchedAttr, row - 1), attr)) {
            return row - 1;
        }
    }
    g_array_append_val(sim->attrs, *attr);
    return n;
}

/* A thread of the class on that CPU has come, gone, or has another claim; mirrors
 * rt.c:switched_from_rt, switched_to_rt and prio_changed_rt. */
static void spread(CpSim *sim, uint32_t rank, CpCpu cpu)
{
    CpRq *rq = cp_rq(sim, 0, cpu, rank);
    const CpPolicyClass *cls = rq->policy->cls;
    if (cls->pull != NULL) {
        cls->pull(rq);
    }
    if (cls->push != NULL) {
        cls->push(rq);
    }
}

void cp_set_attr(CpSim *sim, CpTid tid, const CpSchedAttr *attr)
{
    cp_assert(cp_thread(sim, tid)->state != CP_THREAD_ENDED);
    CpThread *t = cp_thread(sim, tid);
    bool queued = t->state == CP_THREAD_RUNNABLE || t->state == CP_THREAD_RUNNING;
    bool running = t->state == CP_THREAD_RUNNING;
    CpCpuState *c = &sim->cpus[t->cpu];
    uint32_t was = t->cls;
    cp_cpu_account(sim, c);
    if (t->flags & CP_TF_DELAYED) {
        cp_dequeue_delayed(sim, tid, CP_DEQ_SAVE);
    }
    if (queued && !cp_dequeue(sim, tid, CP_DEQ_SAVE | CP_DEQ_SPECIAL)) {
        cp_require(false);
    }
    if (running) {
        cp_clear_curr(sim, c); /* its class, and so its queues, may be others now */
    }
    sim->cold[tid].attr = changed_row(sim, attr);
    cp_thread_class(sim, tid, attr);
    if (!queued) {
        return;
    }
    CpCpu cpu = t->cpu;
    bool moves = !cp_thread_allowed(sim, tid, cpu);
    if (moves) {
        cpu = cp_place_default(&sim->classes[t->cls].policy, tid, cpu, 0);
        cp_migrate(sim, tid, cpu);
        if (running) {
            move_running(sim, tid, cpu);
            return;
        }
    }
    if (running && cp_thread_throttled(sim, tid, cpu)) {
        move_running(sim, tid,
                     cpu); /* a real-time thread comes back to a throttled group */
        return;
    }
    cp_enqueue(sim, tid, cpu, CP_ENQ_RESTORE | (moves ? CP_ENQ_MIGRATED : 0));
    cp_assert(cp_thread_allowed(sim, tid, t->cpu));
    if (running && !moves) {
        cp_assert(c->curr == tid);
        c->cls = t->cls;
        c->hooks = sim->classes[t->cls].cls;
        cp_set_next(sim, c, tid);
        cp_cpu_look(sim, c);
        cp_resched_after(sim, c, 0);
    } else {
        cp_wakeup_check(sim, tid, cpu, 0);
    }
    spread(sim, was, t->cpu);
    if (t->cls != was) {
        spread(sim, t->cls, t->cpu);
    }
}
