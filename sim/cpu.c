#include "sim/cpu.h"

#include "sim/group.h"
#include "sim/runqueue.h"
#include "sim/thread.h"
#include "sim/timer.h"

/* Decides what is charged to the thread that runs on a CPU, and when the CPU has to do
 * something: at the end of the burst, at a tick that matters, at a reschedule.
 *
 * Two clocks: all time passes, but interrupts (irq_left) are taken from whoever runs
 * without being charged, as clock_task does; kernel work (ovh_left) is charged but does not
 * advance the burst.  Both pass before the burst goes on. */

/* Balancing is a softirq, or another CPU's: until it looks at a CPU, that one has taken its
 * tick and switched, so that who waits there has often just run. */
enum { BALANCE_LAG = 2000 }; /* ns */

static inline CpTime min_time(CpTime a, CpTime b)
{
    return a < b ? a : b;
}

/* Nominal work done in `wall` ns at a CPU's speed, and the time a piece of work takes. What
 * is less than a nanosecond is kept: however often somebody looks, a burst ends at the same
 * moment. */
static inline CpTime work_of(CpCpuState *c, CpTime wall)
{
    cp_assert(wall >= 0 && c->speed > 0);
    if (G_LIKELY(c->speed == 1024)) {
        return wall;
    }
    CpTime parts = wall * c->speed + c->work_rest;
    c->work_rest = (uint32_t)(parts % 1024);
    return parts / 1024;
}

static inline CpTime wall_of(const CpCpuState *c, CpTime work)
{
    cp_assert(work >= 0 && c->speed > 0);
    if (G_LIKELY(c->speed == 1024) || work == 0) {
        return work;
    }
    return work > CP_NEVER / 2048 ? CP_NEVER / 4
                                  : (work * 1024 - c->work_rest + c->speed - 1) / c->speed;
}

void cp_cpu_advance(CpSim *sim, CpCpuState *c)
{
    CpTime delta = sim->now - c->clock;
    cp_assert(delta >= 0);
    cp_assert(c->irq_left >= 0 && c->ovh_left >= 0);
    if (delta == 0) {
        return;
    }
    c->clock = sim->now;
    if (c->curr == CP_NONE) {
        c->idle += delta;
        c->irq_left = 0;
        c->irq_until = c->irq_from;
        return;
    }
    if (G_UNLIKELY(c->irq_left > 0)) {
        CpTime irq = min_time(delta, c->irq_left);
        c->irq_left -= irq;
        c->irq += irq;
        sim->cold[c->curr].irq += irq;
        delta -= irq;
        if (delta == 0) {
            return;
        }
    }
    CpThread *t = cp_thread(sim, c->curr);
    CpTime work = delta;
    t->cpu_time += delta;
    if (c->ovh_left > 0) {
        CpTime ovh = min_time(delta, c->ovh_left);
        c->ovh_left -= ovh;
        c->overhead += ovh;
        work -= ovh;
    }
    cp_assert(work >= 0); /* interrupts and kernel work took no more than there was */
    c->busy += work;
    CpTime left = t->burst_left - work_of(c, work);
    t->burst_left = left;
    if (sim->now >= c->burst_end || left <= 0) {
        t->burst_left = 0;
        c->work_rest = 0;
    }
    c->uncharged += delta;
}

/* Tells the class, and the groups above, that the running thread had `delta`; true: it asks
 * for a reschedule. */
static bool charge_class(CpSim *sim, CpCpuState *c, CpTime delta)
{
    const CpThread *t = cp_thread(sim, c->curr);
    if (t->state != CP_THREAD_RUNNING) {
        return false;
    }
    bool resched = false;
    CpEnt ent = c->curr;
    cp_assert(delta > 0);
    if (G_UNLIKELY(c->server != CP_SERVER_OFF)) {
        resched = cp_server_charge(sim, c, delta);
    }
    if (G_LIKELY(sim->flat)) {
        CpRq *rq = c->root + c->cls;
        return (rq->policy->cls->account != NULL &&
                rq->policy->cls->account(rq, ent, delta)) ||
               resched;
    }
    for (CpGroup g = t->group; g != 0; g = sim->groups[g].parent) {
        sim->groups[g].cpu_time += delta;
    }
    for (CpGroup g = cp_level(sim, t);; g = sim->groups[g].parent) {
        CpRq *rq = cp_rq(sim, g, c->id, c->cls);
        if (rq->policy->cls->account != NULL) {
            resched |= rq->policy->cls->account(rq, ent, delta);
        }
        if (g == 0) {
            return resched;
        }
        if (cp_group_charge(sim, g, c->id, delta) && c->resched_at > sim->now) {
            c->resched_at = sim->now;
            cp_cpu_arm(sim, c);
        }
        ent = cp_group_ent(sim, g, c->id);
    }
}

void cp_cpu_account(CpSim *sim, CpCpuState *c)
{
    cp_cpu_advance(sim, c);
    CpTime delta = c->uncharged;
    cp_assert(delta >= 0);
    if (delta == 0) {
        return;
    }
    c->uncharged = 0;
    if (charge_class(sim, c, delta) && c->resched_at > sim->now) {
        c->resched_at = sim->now;
        if (sim->event_cpu != c->id) { /* else it is armed when its event is over */
            cp_cpu_arm(sim, c);
        }
    }
}

/* What the last stretch of interrupts took since that moment: it was not charged. */
static CpTime irq_since(const CpCpuState *c, CpTime from, CpTime now)
{
    CpTime begin = c->irq_from > from ? c->irq_from : from;
    CpTime end = min_time(c->irq_until, now);
    return end > begin ? end - begin : 0;
}

void cp_cpu_account_tick(CpSim *sim, CpCpuState *c)
{
    CpTime now = sim->now, tick = sim->next_tick - sim->tick;
    cp_cpu_advance(sim, c);
    if (tick == now && c->id >= sim->turn) {
        tick -= sim->tick; /* the one of this moment is still to come here */
    }
    cp_assert(tick <= now);
    CpTime since = now - tick - irq_since(c, tick, now);
    cp_assert(since >= 0);
    if (c->uncharged > since && c->curr != CP_NONE) {
        CpTime rest = c->uncharged - since;
        c->uncharged = since;
        sim->now = tick;
        charge_class(sim, c, rest);
        sim->now = now;
    }
}

void cp_cpu_arm(CpSim *sim, CpCpuState *c)
{
    CpTime key = c->resched_at;
    if (c->curr != CP_NONE) {
        const CpThread *t = cp_thread(sim, c->curr);
        CpTime rest = wall_of(c, t->burst_left);
        CpTime from = c->clock + c->irq_left + c->ovh_left;
        c->burst_end = rest > CP_NEVER - from ? CP_NEVER : from + rest;
        key = min_time(min_time(key, c->burst_end), c->look);
    }
    cp_assert(key >= sim->now); /* nothing is planned for the past */
    cp_slots_set(&sim->slots, c->id, key);
}

void cp_resched_after(CpSim *sim, CpCpuState *c, CpTime delay)
{
    cp_assert(delay >= 0);
    CpTime at = sim->now + delay;
    if (c->curr != CP_NONE) {
        at += c->irq_left + c->ovh_left;
    }
    if (at < c->resched_at) {
        c->resched_at = at;
        cp_cpu_arm(sim, c);
    }
}

void cp_resched_now(CpSim *sim, CpCpuState *c)
{
    c->resched_at = sim->now;
    cp_cpu_arm(sim, c);
}

void cp_resched(CpSim *sim, CpCpu cpu)
{
    cp_cpu_account(sim, &sim->cpus[cpu]);
    cp_resched_after(sim, &sim->cpus[cpu], 0);
}

void cp_settle(CpSim *sim, CpCpu cpu)
{
    if (sim->now == sim->next_tick - sim->tick) {
        cp_cpu_account(sim, &sim->cpus[cpu]);
    } else {
        cp_cpu_account_tick(sim, &sim->cpus[cpu]);
    }
}

/* --- the tick --- */

void cp_cpu_tell_ticks(CpSim *sim, CpCpuState *c, CpTime to)
{
    const CpPolicyClass *cls = c->hooks;
    if (cls->ticked_over == NULL) {
        return;
    }
    CpTime first = cp_tick_after(sim, c->look_from + 1);
    c->look_from = to;
    if (first <= to) {
        uint64_t n = (uint64_t)((to - first) / sim->tick) + 1;
        cls->ticked_over(cp_rq(sim, 0, c->id, c->cls), c->curr, n);
    }
}

CpTime cp_cpu_tick_due(const CpSim *sim, CpCpu cpu)
{
    cp_assert(cpu < sim->n_cpus && sim->cpus[cpu].curr != CP_NONE);
    return cp_tick_after(sim, sim->cpus[cpu].look_from + 1);
}

static inline CpTime class_look(CpSim *sim, const CpCpuState *c, const CpPolicyClass *cls)
{
    CpTime look = CP_NEVER;
    CpEnt ent = c->curr;
    if (cls->next_look == NULL) {
        return CP_NEVER;
    }
    if (G_LIKELY(sim->flat)) {
        return cls->next_look(c->root + c->cls, ent);
    }
    for (CpGroup g = cp_level(sim, cp_thread(sim, ent));; g = sim->groups[g].parent) {
        CpRq *rq = cp_rq(sim, g, c->id, c->cls);
        look = min_time(look, cls->next_look(rq, ent));
        if (g == 0) {
            return look;
        }
        look = min_time(look, cp_group_look(sim, g, c));
        ent = cp_group_ent(sim, g, c->id);
    }
}

/* The tick of this very moment, if there is one, still comes for CPUs whose turn has not
 * been yet: timers go before CPUs, and CPUs by number. */
void cp_cpu_look(CpSim *sim, CpCpuState *c)
{
    const CpPolicyClass *cls = c->hooks;
    bool had_turn = c->id < sim->turn;
    if (cls->ticked_over != NULL && sim->now > c->look_from) {
        cp_cpu_tell_ticks(sim, c, sim->now - !had_turn);
    }
    CpTime look = class_look(sim, c, cls);
    if (look != CP_NEVER) { /* the class does not know of what is uncharged */
        look -= c->uncharged;
    }
    if (G_UNLIKELY(c->server == CP_SERVER_ON)) {
        look = min_time(look, sim->now + c->server_left);
    }
    if (cls->ticked) {
        CpTime first = sim->now + had_turn;
        if (sim->exact_ticks || c->lazy) {
            look = first;
        }
        if (look != CP_NEVER) {
            look = cp_tick_after(sim, look > first ? look : first);
        }
    } else if (look < sim->now) {
        look = sim->now;
    }
    if (cls->timer != NULL) {
        CpTime timer = cls->timer(c->root + c->cls);
        look = min_time(look, timer < sim->now ? sim->now : timer);
    }
    cp_assert(c->curr != CP_NONE && look >= sim->now);
    c->look = look;
}

void cp_cpu_speed(CpSim *sim, CpCpuState *c)
{
    const CpMachine *m = sim->machine;
    uint32_t speed = m->cpu[c->id].capacity;
    if (sim->smt) {
        const CpCpuMask *mask = &m->core_cpus[m->cpu[c->id].core];
        for (CpCpu cpu = cp_cpumask_next(mask, 0); cpu != CP_NONE;
             cpu = cp_cpumask_next(mask, cpu + 1)) {
            if (cpu != c->id && sim->cpus[cpu].curr != CP_NONE) {
                speed = speed * m->smt_speed / 1024;
                break;
            }
        }
    }
    cp_assert(speed <= 1024);
    c->speed = speed > 0 ? speed : 1;
}

/* --- balancing --- */

void cp_balance_at(CpSim *sim, CpTime tick)
{
    cp_assert(tick > sim->now);
    sim->balance_at = tick;
    sim->n_passive++;
    cp_timer_push(sim, CP_TIMER_BALANCE, tick + BALANCE_LAG, 0, ++sim->balance_gen);
}

/* --- interrupts --- */

/* An interrupt takes `cost` from whoever runs there, without charging it.  What was before
 * the last tick is charged first: of more than one stretch since then we keep no account.
 */
void cp_irq(CpSim *sim, CpCpu cpu, CpTime cost)
{
    cp_assert(cpu < sim->n_cpus);
    CpCpuState *c = &sim->cpus[cpu];
    if (cost > 0 && c->curr != CP_NONE) {
        cp_cpu_account_tick(sim, c);
        c->irq_from = c->irq_left > 0 ? c->irq_from : sim->now;
        c->irq_left += cost;
        c->irq_until = sim->now + c->irq_left;
        cp_cpu_arm(sim, c);
    }
}
