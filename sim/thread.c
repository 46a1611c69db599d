#include "sim/thread.h"

#include "sim/channel.h"
#include "sim/cpu.h"
#include "sim/flow.h"
#include "sim/process.h"
#include "sim/recorder.h"
#include "sim/runqueue.h"
#include "sim/timer.h"
#include "sim/wake.h"

#include <string.h>

/* Life and death of threads. */

enum { HISTS_MAX = 1024 }; /* threads with wake-up latencies and waits of their own */

static uint64_t child_id(const CpSim *sim, uint32_t decl, uint32_t instance, CpTid parent)
{
    uint64_t seed = parent == CP_NONE ? 0 : cp_flow_of(sim, parent)->rng_id;
    return cp_rng_key(seed, decl, instance);
}

/* Threads of a declaration share one attribute row; row i belongs to declaration i. */
static uint32_t attr_row(CpSim *sim, uint32_t decl, CpTid parent)
{
    const CpThreadDecl *d = cp_thread_decl(sim->w, decl);
    return parent != CP_NONE && !d->own_attr ? sim->cold[parent].attr : decl;
}

static void add_kin(CpSim *sim, CpTid child, CpTid parent)
{
    CpThreadRare *kin = sim->rare;
    cp_assert(kin[child].parent_plus1 == 0 && child != parent);
    kin[child].parent_plus1 = parent + 1;
    kin[child].next_plus1 = kin[parent].first_plus1;
    if (kin[parent].first_plus1 != 0) {
        kin[kin[parent].first_plus1 - 1].prev_plus1 = child + 1;
    }
    kin[parent].first_plus1 = child + 1;
}

static void remove_kin(CpSim *sim, CpTid child)
{
    CpThreadRare *k = &sim->rare[child];
    if (k->parent_plus1 == 0) {
        return;
    }
    cp_assert((k->prev_plus1 != 0
                   ? sim->rare[k->prev_plus1 - 1].next_plus1
                   : sim->rare[k->parent_plus1 - 1].first_plus1) == child + 1);
    if (k->prev_plus1 != 0) {
        sim->rare[k->prev_plus1 - 1].next_plus1 = k->next_plus1;
    } else {
        sim->rare[k->parent_plus1 - 1].first_plus1 = k->next_plus1;
    }
    if (k->next_plus1 != 0) {
        sim->rare[k->next_plus1 - 1].prev_plus1 = k->prev_plus1;
    }
}

bool cp_has_child(const CpSim *sim, CpTid tid, uint32_t decl)
{
    cp_assert(decl == CP_NONE || decl < sim->w->threads->len);
    for (uint32_t c = sim->rare[tid].first_plus1; c != 0; c = sim->rare[c - 1].next_plus1) {
        if (decl == CP_NONE ? !(cp_thread(sim, c - 1)->flags & CP_TF_DAEMON)
                            : cp_thread(sim, c - 1)->decl == decl) {
            return true;
        }
    }
    return false;
}

/* Rows of the same index in every per-thread table. */
static CpTid add_rows(CpSim *sim)
{
    CpTid tid = cp_row_new(sim, &sim->tables.thread, "threads");
    cp_table_add(&sim->tables.cold);
    cp_table_add(&sim->tables.rare);
    if (sim->rt.threads != NULL) {
        cp_table_add(&sim->tables.rt_thread);
    }
    for (uint32_t rank = 0; rank < sim->n_classes; rank++) {
        if (sim->classes[rank].policy.ent_size > 0) {
            cp_table_add(&sim->tables.ent[rank]);
        }
    }
    /* One index for all of them. */
    cp_assert(sim->tables.cold.n == tid + 1 && sim->tables.rare.n == tid + 1);
    return tid;
}

/* The first threads keep their own wake-up latencies and waits, by thread number. */
static void own_figures(CpSim *sim, CpTid tid)
{
    if (tid < HISTS_MAX) {
        CpHist *hist = cp_arena_alloc(sim->arena, sizeof *hist);
        CpTime *blocks = cp_arena_alloc(sim->arena, CP_BLOCKS * sizeof *blocks);
        memset(blocks, 0, CP_BLOCKS * sizeof *blocks);
        cp_hist_init(hist, sim->arena);
        g_array_append_val(sim->thread_hists, hist);
        g_array_append_val(sim->thread_blocks, blocks);
    }
}

void cp_thread_was_blocked(CpSim *sim, CpTid tid)
{
    const CpThread *t = cp_thread(sim, tid);
    CpTime length = sim->now - t->since;
    cp_assert(t->block < CP_BLOCKS && length >= 0);
    sim->cold[tid].blocked += length;
    sim->blocked_by[t->block] += length;
    if (tid < sim->thread_blocks->len) {
        g_array_index(sim->thread_blocks, CpTime *, tid)[t->block] += length;
    }
}

CpTid cp_thread_create(CpSim *sim, uint32_t decl, CpTid parent)
{
    cp_assert(decl < sim->w->threads->len);
    const CpThreadDecl *d = cp_thread_decl(sim->w, decl);
    CpTid tid = add_rows(sim);
    CpThread *t = cp_thread(sim, tid);
    CpThreadCold *cold = &sim->cold[tid];
    CpDeclState *state = &sim->decls[decl];
    uint32_t instance = state->instances++;
    state->first = instance == 0 ? tid : state->first;
    state->live++;
    *cold = (CpThreadCold){
        .instance = instance, .object = CP_NONE, .attr = attr_row(sim, decl, parent)};
    own_figures(sim, tid);
    if (instance == 0 && state->credits > 0) {
        sim->rare[tid].credits = state->credits;
    }
    *t = (CpThread){.next = CP_NONE,
                    .prev = CP_NONE,
                    .chan = CP_NONE,
                    .decl = decl,
                    .proc = parent != CP_NONE ? cp_thread(sim, parent)->proc : d->proc,
                    .state = CP_THREAD_NEW,
                    .flags = (d->flags & CP_THREAD_DAEMON) ? CP_TF_DAEMON : 0};
    t->group = d->group != CP_NONE ? d->group
               : parent != CP_NONE ? cp_thread(sim, parent)->group
                                   : cp_proc_decl(sim->w, d->proc)->group;
    t->cpu = parent != CP_NONE ? cp_thread(sim, parent)->cpu : 0;
    t->flow = cp_flow_new(sim, d->entry, d->n_regs, child_id(sim, decl, instance, parent));
    sim->flows[t->flow].thread = tid;
    if ((d->flags & CP_THREAD_FORKS) && parent != CP_NONE) {
        t->proc = cp_process_fork(sim, cp_thread(sim, parent)->proc);
    }
    if (parent != CP_NONE) {
        add_kin(sim, tid, parent);
    }
    cp_thread_class(sim, tid, &g_array_index(sim->attrs, CpSchedAttr, cold->attr));
    sim->n_threads_live += !(t->flags & CP_TF_DAEMON);
    sim->procs[t->proc].n_live++;
    return tid;
}

/* Declared threads: those that start at 0 do so in order before the first event. */
void cp_threads_init(CpSim *sim)
{
    for (uint32_t decl = 0; decl < sim->w->threads->len; decl++) {
        const CpThreadDecl *d = cp_thread_decl(sim->w, decl);
        for (uint32_t i = 0; i < d->copies && !sim->stopping; i++) {
            CpTid tid = cp_thread_create(sim, decl, CP_NONE);
            sim->cold[tid].start = d->start;
            if (d->start > 0) {
                cp_timer_push(sim, CP_TIMER_START, d->start, tid, 0);
            } else {
                cp_thread_start(sim, tid, CP_NONE);
            }
        }
    }
}

static void wake_joiner(CpSim *sim, CpTid tid)
{
    uint32_t parent = sim->rare[tid].parent_plus1;
    if (parent == 0) {
        return;
    }
    CpThread *p = cp_thread(sim, parent - 1);
    uint32_t object = sim->cold[parent - 1].object;
    if (p->state == CP_THREAD_BLOCKED && p->block == CP_BLOCK_JOIN &&
        !cp_has_child(sim, parent - 1, object)) {
        cp_wake_thread(sim, parent - 1, tid, CP_WAKE_THREAD, 0);
    }
}

void cp_thread_end(CpSim *sim, CpTid tid)
{
    CpThread *t = cp_thread(sim, tid);
    CpProcess *proc = &sim->procs[t->proc];
    cp_assert(t->state != CP_THREAD_ENDED && t->chan == CP_NONE);
    cp_assert(proc->n_live > 0 && sim->decls[t->decl].live > 0);
    t->state = CP_THREAD_ENDED;
    t->since = sim->now;
    proc->n_live--;
    sim->decls[t->decl].live--;
    cp_record(sim, CP_REC_EXIT, tid, t->cpu, proc->n_live == 0);
    remove_kin(sim, tid);
    wake_joiner(sim, tid);
    g_array_append_val(sim->end_order, tid);
    if (proc->runtime->thread_ended != NULL) {
        proc->runtime->thread_ended(sim, tid);
    }
    cp_assert(t->flags & CP_TF_DAEMON || sim->n_threads_live > 0);
    if (!(t->flags & CP_TF_DAEMON) && --sim->n_threads_live == 0) {
        sim->stopping = true;
        sim->outcome = CP_OUTCOME_DONE;
    }
}

void cp_thread_kill(CpSim *sim, CpTid tid)
{
    CpThread *t = cp_thread(sim, tid);
    if (t->state == CP_THREAD_ENDED) {
        return;
    }
    if (t->state == CP_THREAD_NEW) { /* it never starts */
        sim->cold[tid].start = sim->now;
        cp_thread_end(sim, tid);
        return;
    }
    cp_cpu_account(sim, &sim->cpus[t->cpu]);
    if (t->chan != CP_NONE) {
        cp_channel_remove(sim, tid);
    }
    t->wake_gen++;
    CpThreadCold *cold = &sim->cold[tid];
    if (t->state == CP_THREAD_BLOCKED) {
        cp_thread_was_blocked(sim, tid);
        if (t->flags & CP_TF_DELAYED) {
            cp_dequeue_delayed(sim, tid, CP_DEQ_EXIT);
        }
    } else {
        cold->runq_wait += t->state == CP_THREAD_RUNNABLE ? sim->now - t->since : 0;
        if (!cp_dequeue(sim, tid, CP_DEQ_EXIT | CP_DEQ_SPECIAL)) {
            cp_require(false);
        }
        if (t->state == CP_THREAD_RUNNING) {
            cp_resched_now(sim, &sim->cpus[t->cpu]);
        }
    }
    t->burst_left = 0;
    cp_assert(!(t->flags & CP_TF_DELAYED));
    cp_thread_end(sim, tid);
}

/* --- queries --- */

void cp_process_end(CpSim *sim, CpProcId proc, CpTid except)
{
    cp_assert(proc < sim->tables.proc.n);
    for (CpTid tid = 0; tid < sim->tables.thread.n; tid++) {
        if (tid != except && cp_thread(sim, tid)->proc == proc) {
            cp_thread_kill(sim, tid);
        }
    }
}

uint32_t cp_sim_n_threads(const CpSim *sim)
{
    return sim->tables.thread.n;
}

CpProcId cp_sim_thread_proc(const CpSim *sim, CpTid tid)
{
    return sim->procs[cp_thread(sim, tid)->proc].decl;
}

uint32_t cp_sim_thread_decl(const CpSim *sim, CpTid tid)
{
    return cp_thread(sim, tid)->decl;
}

GArray *cp_sim_end_order(const CpSim *sim)
{
    return g_array_copy(sim->end_order);
}
