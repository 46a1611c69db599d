#include "sim/channel.h"

#include "sim/thread.h"

/* Decides in what order threads wait: as in futex queues real-time waiters by priority,
 * then all others first come first served; mirrors futex_queue. */

CpChan cp_channel_new(CpSim *sim)
{
    CpChan chan = cp_row_new(sim, &sim->tables.chan, "wait queues");
    sim->chans[chan] = (CpChannel){.first = CP_NONE, .last = CP_NONE};
    return chan;
}

static int rt_prio(const CpSim *sim, CpTid tid)
{
    if (!(cp_thread(sim, tid)->flags & CP_TF_SPECIAL)) {
        return 0;
    }
    const CpSchedAttr *attr = cp_thread_attr(sim, tid);
    return attr->policy == CP_SCHED_FIFO || attr->policy == CP_SCHED_RR ? attr->rt_prio : 0;
}

static void insert_before(CpSim *sim, CpChannel *c, CpTid tid, CpTid before)
{
    CpThread *t = cp_thread(sim, tid);
    CpTid after = before == CP_NONE ? c->last : cp_thread(sim, before)->prev;
    cp_assert(before == CP_NONE || &sim->chans[cp_thread(sim, before)->chan] == c);
    cp_assert((c->n == 0) == (c->first == CP_NONE) && (c->n == 0) == (c->last == CP_NONE));
    t->next = before;
    t->prev = after;
    if (after == CP_NONE) {
        c->first = tid;
    } else {
        cp_thread(sim, after)->next = tid;
    }
    if (before == CP_NONE) {
        c->last = tid;
    } else {
        cp_thread(sim, before)->prev = tid;
    }
}

void cp_channel_add(CpSim *sim, CpChan chan, CpTid tid)
{
    CpChannel *c = &sim->chans[chan];
    int prio = rt_prio(sim, tid);
    CpTid before = CP_NONE;
    cp_assert(cp_thread(sim, tid)->chan == CP_NONE); /* in one queue at a time */
    cp_assert(c->n_rt <= c->n);
    if (prio > 0) {
        before = c->first;
        for (uint32_t i = 0; i < c->n_rt && rt_prio(sim, before) >= prio; i++) {
            before = cp_thread(sim, before)->next;
        }
        c->n_rt++;
    }
    insert_before(sim, c, tid, before);
    c->n++;
    cp_thread(sim, tid)->chan = chan;
}

void cp_channel_move(CpSim *sim, CpTid tid, CpTid before)
{
    CpChan chan = cp_thread(sim, tid)->chan;
    cp_assert(tid != before && cp_thread(sim, before)->chan == chan);
    cp_assert(rt_prio(sim, tid) == 0 && rt_prio(sim, before) == 0);
    cp_channel_remove(sim, tid);
    insert_before(sim, &sim->chans[chan], tid, before);
    sim->chans[chan].n++;
    cp_thread(sim, tid)->chan = chan;
}

void cp_channel_remove(CpSim *sim, CpTid tid)
{
    CpThread *t = cp_thread(sim, tid);
    cp_assert(t->chan != CP_NONE);
    CpChannel *c = &sim->chans[t->chan];
    cp_assert((t->prev == CP_NONE ? c->first : cp_thread(sim, t->prev)->next) == tid);
    cp_assert((t->next == CP_NONE ? c->last : cp_thread(sim, t->next)->prev) == tid);
    if (t->prev == CP_NONE) {
        c->first = t->next;
    } else {
        cp_thread(sim, t->prev)->next = t->next;
    }
    if (t->next == CP_NONE) {
        c->last = t->prev;
    } else {
        cp_thread(sim, t->next)->prev = t->prev;
    }
    c->n--;
    c->n_rt -= c->n_rt > 0 && rt_prio(sim, tid) > 0;
    t->chan = CP_NONE;
    t->next = t->prev = CP_NONE;
}

uint32_t cp_waiters(const CpSim *sim, CpChan chan)
{
    cp_assert(chan < sim->tables.chan.n);
    return sim->chans[chan].n;
}

CpTid cp_first_waiter(const CpSim *sim, CpChan chan)
{
    cp_assert(chan < sim->tables.chan.n);
    return sim->chans[chan].first;
}
