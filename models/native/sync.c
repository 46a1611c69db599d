#include "models/native/sync.h"

#include "models/native/spin.h"
#include "sim/channel.h"
#include "sim/device.h"
#include "sim/diagnose.h"
#include "sim/flow.h"
#include "sim/object.h"
#include "sim/process.h"
#include "sim/recorder.h"
#include "sim/thread.h"
#include "sim/wake.h"

/* rt_state of a condition wait: what the thread is waiting for. */
enum { COND_SIGNALLED = 1, COND_RELOCK, COND_RELOCK_LATE };

/* A timeout runs from the first wait of the operation: when that begins, the register with
 * the length is turned into the moment. */
static CpTime deadline_of(const CpSim *sim, const CpFlow *flow, const CpInsn *i)
{
    if (i->b == CP_REG_NONE) {
        return CP_NEVER;
    }
    int64_t *reg = &cp_regs(sim, flow)[i->b];
    if (flow->why == CP_WHY_BEGIN) {
        *reg = *reg > CP_NEVER / 2 - sim->now ? CP_NEVER / 2 : sim->now + *reg;
    }
    return *reg;
}

/* The operation in hand is over. */
static CpStep over(CpSim *sim, CpTid tid, bool timed_out)
{
    CpFlow *flow = cp_flow_of(sim, tid);
    CpObjId obj = sim->code[flow->pc].c;
    if (G_UNLIKELY(cp_obj_decl(sim->w, obj)->spin != 0)) {
        cp_spin_end(sim, tid, obj);
    }
    flow->timed_out = timed_out;
    return CP_STEP_NEXT;
}

static CpStep timed_out(CpSim *sim, CpTid tid)
{
    return over(sim, tid, true);
}

static CpStep done(CpSim *sim, CpTid tid)
{
    return over(sim, tid, false);
}

/* The wait of an operation begins, or goes on after a wake-up in vain: on the CPU first, if
 * the object is waited for so; CP_STEP_NEXT: it ends there, too late. */
static CpStep wait_for(CpSim *sim, CpTid tid, const CpInsn *i, CpChan chan, CpBlock reason)
{
    CpFlow *flow = cp_flow_of(sim, tid);
    CpObj *o = &sim->objs[i->c];
    o->contended += flow->why == CP_WHY_BEGIN;
    if (reason == CP_BLOCK_LOCK && flow->why == CP_WHY_BEGIN) {
        cp_record_wide(sim, CP_REC_LOCK_WAIT, i->c, cp_thread(sim, tid)->cpu, 0, tid, 0);
    }
    CpTime deadline = deadline_of(sim, flow, i);
    CpStep step = cp_obj_decl(sim->w, i->c)->spin == 0
                      ? CP_STEP_BLOCK
                      : cp_spin_wait(sim, tid, i->c, deadline);
    if (step == CP_STEP_NEXT) {
        return timed_out(sim, tid);
    }
    if (step == CP_STEP_BLOCK) {
        cp_wait(sim, tid, chan, deadline, reason, i->c);
    }
    return step;
}

/* Wakes up to n waiters of an object and books how long they waited. */
static uint32_t wake(CpSim *sim, CpObj *o, CpChan chan, uint32_t n, CpTid waker,
                     uint32_t flags)
{
    uint32_t woken = 0;
    CpTid first;
    bool on_cpu = waker != CP_NONE && cp_thread(sim, waker)->state == CP_THREAD_RUNNING;
    while (woken < n && (first = cp_first_waiter(sim, chan)) != CP_NONE) {
        CpTime waited = sim->now - MAX(cp_spin_since(sim, first), sim->counted_from);
        o->wait_ns += waited;
        o->wait_max_ns = MAX(o->wait_max_ns, waited);
        cp_wake(sim, chan, 1, on_cpu ? waker : CP_NONE,
                on_cpu ? CP_WAKE_THREAD : CP_WAKE_OUTSIDE, flags);
        woken++;
    }
    return woken;
}

/* --- locks --- */

bool cp_sync_try_lock(CpSim *sim, CpObjId obj, CpTid tid)
{
    CpObj *o = &sim->objs[obj];
    if (o->owner == tid && o->kind == CP_OBJ_RLOCK) {
        o->depth++;
        return true;
    }
    if (o->owner != CP_NONE) {
        return false;
    }
    cp_assert(o->depth == 0);
    o->owner = tid;
    o->depth = 1;
    o->since = sim->now;
    o->acquired++;
    cp_record_wide(sim, CP_REC_LOCK_GOT, obj, cp_thread(sim, tid)->cpu, 0, tid, 0);
    return true;
}

/* --- priority inheritance: the owner runs as its most urgent waiter would --- */

static int urgency(const CpSchedAttr *a)
{
    return a->policy == CP_SCHED_FIFO || a->policy == CP_SCHED_RR ? a->rt_prio : 0;
}

static void set_effective(CpSim *sim, CpTid tid, const CpSchedAttr *from)
{
    CpThreadRare *rare = &sim->rare[tid];
    uint32_t row =
        rare->base_attr_plus1 == 0 ? sim->cold[tid].attr : rare->base_attr_plus1 - 1;
    cp_assert(row < sim->attrs->len);
    CpSchedAttr attr = g_array_index(sim->attrs, CpSchedAttr, row);
    bool inherits = from != NULL && urgency(from) > urgency(&attr);
    rare->base_attr_plus1 = inherits ? row + 1 : 0;
    if (inherits) {
        attr.policy = from->policy;
        attr.rt_prio = from->rt_prio;
    }
    const CpSchedAttr *now = cp_thread_attr(sim, tid);
    if (attr.policy != now->policy || attr.rt_prio != now->rt_prio) {
        cp_record_wide(sim, CP_REC_PRIORITY, tid, cp_thread(sim, tid)->cpu, 0, CP_NONE,
                       urgency(&attr) > 0 ? 99 - attr.rt_prio : 120 + attr.nice);
        cp_set_attr(sim, tid, &attr);
    }
}

/* Along the chain of owners: mirrors rtmutex.c:rt_mutex_adjust_prio_chain. */
static void boost(CpSim *sim, CpObjId obj, CpTid waiter)
{
    for (unsigned depth = 0; depth < 64; depth++) {
        CpTid owner = sim->objs[obj].owner;
        if (!(sim->objs[obj].flags & CP_OBJ_PI) || owner == CP_NONE) {
            return;
        }
        if (urgency(cp_thread_attr(sim, waiter)) <= urgency(cp_thread_attr(sim, owner))) {
            return;
        }
        CpSchedAttr from = *cp_thread_attr(sim, waiter);
        set_effective(sim, owner, &from);
        const CpThread *t = cp_thread(sim, owner);
        if (t->state != CP_THREAD_BLOCKED || t->block != CP_BLOCK_LOCK) {
            return;
        }
        waiter = owner;
        obj = sim->cold[owner].object;
    }
}

/* After a release: what the remaining waiters of its other locks still ask for. */
static void deboost(CpSim *sim, CpTid tid)
{
    const CpSchedAttr *best = NULL;
    for (uint32_t i = 0; i < sim->w->objs->len; i++) {
        const CpObj *o = &sim->objs[i];
        CpTid first = cp_first_waiter(sim, o->chan);
        if (o->owner == tid && (o->flags & CP_OBJ_PI) && first != CP_NONE &&
            (best == NULL || urgency(cp_thread_attr(sim, first)) > urgency(best))) {
            best = cp_thread_attr(sim, first);
        }
    }
    CpSchedAttr copy = best != NULL ? *best : (CpSchedAttr){0};
    set_effective(sim, tid, best != NULL ? &copy : NULL);
}

void cp_sync_unlock(CpSim *sim, CpObjId obj, CpTid tid)
{
    CpObj *o = &sim->objs[obj];
    CpTid owner = o->owner;
    cp_require(owner != CP_NONE && o->depth > 0);
    if (--o->depth > 0) {
        return;
    }
    o->owner = CP_NONE;
    o->hold_ns += sim->now - MAX(o->since, sim->counted_from);
    cp_record_wide(sim, CP_REC_LOCK_DROP, obj, cp_thread(sim, tid)->cpu, 0, owner,
                   sim->now - o->since);
    cp_spin_look(sim, obj, 1);
    if (wake(sim, o, o->chan, 1, tid, 0) > 0) {
        cp_charge(sim, tid, sim->cost[CP_COST_SYSCALL]);
    }
    if (o->flags & CP_OBJ_PI && cp_thread(sim, owner)->state != CP_THREAD_ENDED) {
        deboost(sim, owner);
    }
}

static CpStep op_lock(CpSim *sim, CpTid tid, const CpInsn *i, CpWhy why)
{
    if (why == CP_WHY_TIMEOUT) {
        return timed_out(sim, tid); /* also if it is free by now: nobody looks again */
    }
    if (cp_sync_try_lock(sim, i->c, tid)) {
        return done(sim, tid);
    }
    CpStep step = wait_for(sim, tid, i, sim->objs[i->c].chan, CP_BLOCK_LOCK);
    if (step == CP_STEP_BLOCK) {
        boost(sim, i->c, tid);
    }
    return step;
}

static CpStep op_unlock(CpSim *sim, CpTid tid, const CpInsn *i, CpWhy why)
{
    (void)why; /* it never waits */
    if (sim->objs[i->c].owner != tid) {
        const char *name = cp_workload_text(sim->w, cp_obj_decl(sim->w, i->c)->name);
        cp_diagnose(sim, "release of a lock not held", &tid, 1,
                    "%s is released by a thread that does not hold it", name);
        return CP_STEP_NEXT;
    }
    cp_sync_unlock(sim, i->c, tid);
    return CP_STEP_NEXT;
}

/* --- rwlock: readers first, as glibc's default --- */

static CpStep op_rlock(CpSim *sim, CpTid tid, const CpInsn *i, CpWhy why)
{
    CpObj *o = &sim->objs[i->c];
    if (o->owner == CP_NONE) {
        o->depth++;
        o->acquired++;
        return done(sim, tid);
    }
    return why == CP_WHY_TIMEOUT ? timed_out(sim, tid)
                                 : wait_for(sim, tid, i, o->chan, CP_BLOCK_LOCK);
}

static CpStep op_wlock(CpSim *sim, CpTid tid, const CpInsn *i, CpWhy why)
{
    CpObj *o = &sim->objs[i->c];
    if (o->owner == CP_NONE && o->depth == 0) {
        o->owner = tid;
        o->since = sim->now;
        o->acquired++;
        return done(sim, tid);
    }
    cp_assert(o->owner == CP_NONE || o->depth == 0); /* a writer is alone */
    return why == CP_WHY_TIMEOUT ? timed_out(sim, tid)
                                 : wait_for(sim, tid, i, o->chan2, CP_BLOCK_LOCK);
}

static CpStep op_rwunlock(CpSim *sim, CpTid tid, const CpInsn *i, CpWhy why)
{
    (void)why; /* it never waits */
    CpObj *o = &sim->objs[i->c];
    if (o->owner == tid) {
        cp_assert(o->depth == 0 && o->since <= sim->now);
        o->owner = CP_NONE;
        o->hold_ns += sim->now - MAX(o->since, sim->counted_from);
        cp_spin_look(sim, i->c, UINT32_MAX);
        if (wake(sim, o, o->chan, UINT32_MAX, tid, 0) == 0) {
            wake(sim, o, o->chan2, 1, tid, 0);
        }
    } else if (o->depth > 0 && --o->depth == 0) {
        cp_spin_look(sim, i->c, UINT32_MAX);
        wake(sim, o, o->chan2, 1, tid, 0);
    }
    return CP_STEP_NEXT;
}

/* --- semaphore, event, barrier --- */

/* What the thread waited for on its CPU has happened, whatever has become of it since. */
static bool is_granted(const CpSim *sim, CpTid tid, CpObjId obj)
{
    return cp_obj_decl(sim->w, obj)->spin != 0 &&
           sim->rare[tid].spin_state == CP_SPIN_GRANTED;
}

static CpStep op_sem_wait(CpSim *sim, CpTid tid, const CpInsn *i, CpWhy why)
{
    CpObj *o = &sim->objs[i->c];
    cp_assert(o->value >= 0);
    if (o->value > 0) {
        o->value--;
        o->acquired++;
        return done(sim, tid);
    }
    return why == CP_WHY_TIMEOUT ? timed_out(sim, tid)
                                 : wait_for(sim, tid, i, o->chan, CP_BLOCK_COND);
}

static CpStep op_sem_post(CpSim *sim, CpTid tid, const CpInsn *i, CpWhy why)
{
    (void)why; /* it never waits */
    CpObj *o = &sim->objs[i->c];
    cp_assert(o->value >= 0);
    uint32_t n = i->a == 0 ? 1 : i->a;
    o->value += n;
    cp_spin_look(sim, i->c, n);
    if (wake(sim, o, o->chan, n, tid, 0) > 0) {
        cp_charge(sim, tid, sim->cost[CP_COST_SYSCALL]);
    }
    return CP_STEP_NEXT;
}

static CpStep op_event_wait(CpSim *sim, CpTid tid, const CpInsn *i, CpWhy why)
{
    CpObj *o = &sim->objs[i->c];
    if (o->value != 0 || why == CP_WHY_WOKEN || is_granted(sim, tid, i->c)) {
        return done(sim, tid);
    }
    return why == CP_WHY_TIMEOUT ? timed_out(sim, tid)
                                 : wait_for(sim, tid, i, o->chan, CP_BLOCK_COND);
}

static CpStep op_event_set(CpSim *sim, CpTid tid, const CpInsn *i, CpWhy why)
{
    (void)why; /* it never waits */
    CpObj *o = &sim->objs[i->c];
    o->value = 1;
    cp_spin_grant(sim, i->c);
    if (wake(sim, o, o->chan, UINT32_MAX, tid, 0) > 0) {
        cp_charge(sim, tid, sim->cost[CP_COST_SYSCALL]);
    }
    return CP_STEP_NEXT;
}

static CpStep op_event_clear(CpSim *sim, CpTid tid, const CpInsn *i, CpWhy why)
{
    (void)tid; /* anybody may */
    (void)why; /* it never waits */
    sim->objs[i->c].value = 0;
    return CP_STEP_NEXT;
}

/* Between the end of its limit and its next instruction the others may have come: it
 * counted as one of them, so it has passed, too.  Mirrors Barrier._wait of
 * Lib/threading.py. */
static CpStep op_barrier(CpSim *sim, CpTid tid, const CpInsn *i, CpWhy why)
{
    CpObj *o = &sim->objs[i->c];
    uint16_t *round = &cp_flow_of(sim, tid)->rt_state; /* the one it waits for */
    bool passed = *round != (uint16_t)o->acquired;
    if (why == CP_WHY_WOKEN || (why == CP_WHY_TIMEOUT && passed) ||
        is_granted(sim, tid, i->c)) {
        return done(sim, tid);
    }
    if (why == CP_WHY_TIMEOUT) {
        cp_assert(o->value > 0);
        o->value--;
        return timed_out(sim, tid);
    }
    o->value += why == CP_WHY_BEGIN;
    if (o->value < cp_obj_decl(sim->w, i->c)->n) {
        *round = (uint16_t)o->acquired;
        CpStep step = wait_for(sim, tid, i, o->chan, CP_BLOCK_COND);
        o->value -= step == CP_STEP_NEXT; /* it goes without the others */
        return step;
    }
    o->value = 0;
    o->acquired++;
    cp_spin_grant(sim, i->c);
    wake(sim, o, o->chan, UINT32_MAX, tid, 0);
    return done(sim, tid);
}

/* --- condition: chan is its lock's queue, chan2 that of the waiters --- */

static CpObjId lock_of(const CpSim *sim, CpObjId cond)
{
    return sim->objs[cond].lock == CP_NONE ? cond : sim->objs[cond].lock;
}

static CpStep cond_relock(CpSim *sim, CpTid tid, const CpInsn *i)
{
    CpFlow *flow = cp_flow_of(sim, tid);
    CpObjId l = lock_of(sim, i->c);
    if (cp_sync_try_lock(sim, l, tid)) {
        flow->timed_out = flow->rt_state == COND_RELOCK_LATE;
        return CP_STEP_NEXT;
    }
    cp_wait(sim, tid, sim->objs[l].chan, CP_NEVER, CP_BLOCK_LOCK, l);
    return CP_STEP_BLOCK;
}

static CpStep op_cond_wait(CpSim *sim, CpTid tid, const CpInsn *i, CpWhy why)
{
    CpFlow *flow = cp_flow_of(sim, tid);
    CpObjId l = lock_of(sim, i->c);
    if (why == CP_WHY_BEGIN) {
        if (sim->objs[l].owner != tid) {
            cp_diagnose(sim, "wait on a condition without its lock", &tid, 1,
                        "the lock of the condition is not held");
            return CP_STEP_NEXT;
        }
        flow->rt_state = COND_SIGNALLED;
        CpStep step = wait_for(sim, tid, i, sim->objs[i->c].chan2, CP_BLOCK_COND);
        cp_sync_unlock(sim, l, tid);
        return step;
    }
    if (flow->rt_state == COND_SIGNALLED) {
        flow->rt_state = why == CP_WHY_TIMEOUT ? COND_RELOCK_LATE : COND_RELOCK;
    }
    return cond_relock(sim, tid, i);
}

static CpStep op_cond_signal(CpSim *sim, CpTid tid, const CpInsn *i, CpWhy why)
{
    (void)why; /* it never waits */
    CpObj *o = &sim->objs[i->c];
    uint32_t n = i->a == 255 ? UINT32_MAX : i->a == 0 ? 1 : i->a;
    if (wake(sim, o, o->chan2, n, tid, 0) > 0) {
        cp_charge(sim, tid, sim->cost[CP_COST_SYSCALL]);
    }
    return CP_STEP_NEXT;
}

/* --- queues, pipes, sockets --- */

CpTime cp_sync_io_cost(const CpSim *sim, CpObjId obj)
{
    return sim->cost[CP_COST_SYSCALL] +
           (sim->objs[obj].kind == CP_OBJ_SOCKET ? sim->cost[CP_COST_SOCKET] : 0);
}

static bool is_full(const CpSim *sim, CpObjId obj, int64_t size)
{
    const CpObj *o = &sim->objs[obj];
    const CpObjDecl *d = cp_obj_decl(sim->w, obj);
    if (d->kind == CP_OBJ_PIPE && d->size > 0) {
        return o->n > 0 && o->value + size > d->size;
    }
    return d->n > 0 && o->n >= (uint64_t)d->n;
}

static void deliver(CpSim *sim, CpObjId obj, CpItem item, CpTid from)
{
    CpObj *o = &sim->objs[obj];
    bool was_empty = o->n == 0;
    cp_assert(item.size >= 0 && o->value >= 0);
    o->value += item.size;
    o->passed++;
    o->unfinished++;
    cp_items_push(o, item);
    if (G_UNLIKELY(o->pollers > 0)) {
        sim->rt.poll(sim, obj, from);
    }
    bool sync = o->kind == CP_OBJ_SOCKET || (o->kind == CP_OBJ_PIPE && was_empty);
    wake(sim, o, o->chan, 1, from, sync ? CP_WAKE_SYNC : 0);
}

static bool has_line(const CpObjDecl *d)
{
    return d->kind == CP_OBJ_SOCKET && (d->latency > 0 || d->bandwidth > 0);
}

/* Whoever takes a message off a local socket tells its sender that there is room again; a
 * sender that meanwhile waits for an answer is woken in vain, since both directions of a
 * socket have one queue of waiters.  Mirrors af_unix.c:unix_write_space. */
static void tell_sender(CpSim *sim, const CpItem *item, CpObjId obj, CpTid tid)
{
    if (sim->objs[obj].kind != CP_OBJ_SOCKET || item->from == CP_NONE ||
        has_line(cp_obj_decl(sim->w, obj)) ||
        cp_thread(sim, tid)->state != CP_THREAD_RUNNING) {
        return;
    }
    const CpThread *t = cp_thread(sim, item->from);
    if (t->state != CP_THREAD_BLOCKED || t->block != CP_BLOCK_QUEUE) {
        return;
    }
    CpObjId waits = sim->cold[item->from].object;
    if (waits != obj && sim->objs[waits].kind == CP_OBJ_SOCKET &&
        t->chan == sim->objs[waits].chan) {
        cp_wake_thread(sim, item->from, tid, CP_WAKE_THREAD, CP_WAKE_SYNC);
    }
}

/* On a socket with latency or bandwidth the item travels first; `since` is when the line is
 * free again. */
static bool in_flight(CpSim *sim, CpObjId obj, CpItem item, CpTid from)
{
    const CpObjDecl *d = cp_obj_decl(sim->w, obj);
    if (!has_line(d)) {
        return false;
    }
    CpObj *o = &sim->objs[obj];
    cp_assert(item.size >= 0);
    CpTime start = MAX(sim->now, o->since);
    if (d->bandwidth > 0) {
        start += (CpTime)((__int128)item.size * CP_S / d->bandwidth);
    }
    o->since = start;
    uint32_t row = cp_request_new(sim);
    *cp_request(sim, row) = (CpRequest){.obj = obj, .tid = from, .item = item};
    cp_timer(sim, cp_thread(sim, from)->proc, start + d->latency, row, 0);
    return true;
}

void cp_sync_timer(CpSim *sim, uint32_t id)
{
    CpRequest r = *cp_request(sim, id);
    cp_assert(sim->objs[r.obj].kind == CP_OBJ_SOCKET);
    cp_request_free(sim, id);
    if (is_full(sim, r.obj, r.item.size)) {
        sim->objs[r.obj].dropped++;
        return;
    }
    deliver(sim, r.obj, r.item, CP_NONE);
}

static CpStep op_send(CpSim *sim, CpTid tid, const CpInsn *i, CpWhy why)
{
    CpFlow *flow = cp_flow_of(sim, tid);
    const int64_t *regs = cp_regs(sim, flow);
    CpObj *o = &sim->objs[i->c];
    bool on_cpu = cp_thread(sim, tid)->state == CP_THREAD_RUNNING;
    CpItem item = {.value = regs[CP_REG_VALUE],
                   .stamp = regs[CP_REG_RELEASE],
                   .size = i->b == CP_REG_NONE ? 0 : regs[i->b],
                   .sent = sim->now,
                   .from = tid};
    item.stamp = item.stamp == CP_NEVER ? sim->now : item.stamp;
    CpTime cost = why == CP_WHY_RAN ? 0 : cp_sync_io_cost(sim, i->c); /* paid before */
    if (in_flight(sim, i->c, item, tid)) {
        cp_charge(sim, tid, cost);
        return CP_STEP_NEXT;
    }
    if (is_full(sim, i->c, item.size)) {
        if (i->a == 1 || !on_cpu) {
            o->dropped++;
            return CP_STEP_NEXT;
        }
        o->contended += why == CP_WHY_BEGIN || why == CP_WHY_RAN;
        cp_wait(sim, tid, o->chan2, CP_NEVER, CP_BLOCK_QUEUE, i->c);
        return CP_STEP_BLOCK;
    }
    deliver(sim, i->c, item, tid);
    cp_charge(sim, tid, cost);
    return CP_STEP_NEXT;
}

static CpStep op_recv(CpSim *sim, CpTid tid, const CpInsn *i, CpWhy why)
{
    CpFlow *flow = cp_flow_of(sim, tid);
    int64_t *regs = cp_regs(sim, flow);
    CpObj *o = &sim->objs[i->c];
    if (o->n == 0) {
        return why == CP_WHY_TIMEOUT ? timed_out(sim, tid)
                                     : wait_for(sim, tid, i, o->chan, CP_BLOCK_QUEUE);
    }
    CpItem item = cp_items_pop(o);
    o->value -= item.size;
    cp_assert(o->n > 0 || o->value == 0); /* no bytes without an item */
    o->acquired++;
    regs[CP_REG_VALUE] = item.value;
    regs[CP_REG_RELEASE] = item.stamp;
    if (G_UNLIKELY(o->pollers > 0)) {
        sim->rt.poll(sim, i->c, tid);
    }
    wake(sim, o, o->chan2, 1, tid, 0);
    tell_sender(sim, &item, i->c, tid);
    cp_charge(sim, tid, cp_sync_io_cost(sim, i->c));
    return done(sim, tid);
}

/* --- what is asked of objects --- */

static CpStep op_probe(CpSim *sim, CpTid tid, const CpInsn *i, CpWhy why)
{
    (void)why; /* it never waits */
    const CpObj *o = &sim->objs[i->c];
    bool is = o->owner != CP_NONE;
    switch (o->kind) {
    case CP_OBJ_EVENT:
        is = o->value != 0;
        break;
    case CP_OBJ_SEMAPHORE:
        is = o->value == 0;
        break;
    case CP_OBJ_QUEUE:
    case CP_OBJ_PIPE:
    case CP_OBJ_SOCKET:
        is = o->n == 0;
        break;
    default:
        break;
    }
    cp_regs(sim, cp_flow_of(sim, tid))[i->b] = is;
    return CP_STEP_NEXT;
}

/* Mirrors Queue.join and Queue.task_done of Lib/queue.py. */
static CpStep op_queue_join(CpSim *sim, CpTid tid, const CpInsn *i, CpWhy why)
{
    const CpObj *o = &sim->objs[i->c];
    if (o->unfinished == 0) {
        return done(sim, tid);
    }
    return why == CP_WHY_TIMEOUT ? timed_out(sim, tid)
                                 : wait_for(sim, tid, i, o->joiners, CP_BLOCK_QUEUE);
}

static CpStep op_task_done(CpSim *sim, CpTid tid, const CpInsn *i, CpWhy why)
{
    (void)why; /* it never waits */
    CpObj *o = &sim->objs[i->c];
    if (o->unfinished == 0) {
        cp_diagnose(sim, "task_done too often", &tid, 1,
                    "%s has had as many task_done as items",
                    cp_workload_text(sim->w, cp_obj_decl(sim->w, i->c)->name));
        return CP_STEP_NEXT;
    }
    if (--o->unfinished == 0 && wake(sim, o, o->joiners, UINT32_MAX, tid, 0) > 0) {
        cp_charge(sim, tid, sim->cost[CP_COST_SYSCALL]);
    }
    return CP_STEP_NEXT;
}

/* --- replay: recorded wake-ups, counted so that none is lost --- */

static CpStep op_wake(CpSim *sim, CpTid tid, const CpInsn *i, CpWhy why)
{
    (void)why; /* it never waits */
    CpDeclState *d = &sim->decls[i->c];
    if (d->instances == 0) {
        d->credits++;
        return CP_STEP_NEXT;
    }
    CpThread *t = cp_thread(sim, d->first);
    const CpFlow *flow = cp_flow_of(sim, d->first);
    bool waits = t->state == CP_THREAD_BLOCKED && !(t->flags & CP_TF_WAKING) &&
                 sim->code[flow->pc].op == CP_OP_WAIT_WAKE;
    if (waits) {
        cp_wake_thread(sim, d->first, tid, CP_WAKE_THREAD, 0);
    } else {
        sim->rare[d->first].credits++;
    }
    return CP_STEP_NEXT;
}

static CpStep op_wait_wake(CpSim *sim, CpTid tid, const CpInsn *i, CpWhy why)
{
    (void)i; /* no operands */
    if (why == CP_WHY_WOKEN) {
        return CP_STEP_NEXT;
    }
    if (sim->rare[tid].credits > 0) {
        sim->rare[tid].credits--;
        return CP_STEP_NEXT;
    }
    cp_assert(cp_thread(sim, tid)->chan == CP_NONE); /* CP_OP_WAKE finds it by its number */
    cp_block(sim, tid, CP_NEVER, CP_BLOCK_COND, CP_NONE);
    return CP_STEP_BLOCK;
}

static CpStep (*const steps[])(CpSim *sim, CpTid tid, const CpInsn *i, CpWhy why) = {
#define CP_OP(NAME, name, ...) op_##name,
#include "models/native/sync-ops.def"
#undef CP_OP
};

CpStep cp_sync_step(CpSim *sim, CpTid tid, const CpInsn *i, CpWhy why)
{
    cp_require(cp_op_is_sync(i->op));
    return steps[i->op - CP_OP_RUNTIME](sim, tid, i, why);
}
