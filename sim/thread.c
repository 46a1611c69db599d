#include "sim/engine.h"

#include <string.h>

/* Life and death of threads. */

enum { HISTS_MAX = 1024 }; /* threads with wake-up latencies of their own */

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
    for (uint32_t c = sim->rare[tid].first_plus1; c != 0; c = sim->rare[c - 1].next_plus1) {
        if (decl == CP_NONE ? !(cp_thread(sim, c - 1)->flags & CP_TF_DAEMON)
                            : cp_thread(sim, c - 1)->decl == decl) {
            return true;
        }
    }
    return false;
}

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
    t->cls = (uint8_t)class_for(sim, attr);
    t->affinity = attr->cpus == CP_NONE ? 0 : (uint16_t)(attr->cpus + 1);
    t->flags &= (uint8_t)~CP_TF_SPECIAL;
    t->flags |= attr->policy >= CP_SCHED_FIFO ? CP_TF_SPECIAL : 0;
    CpPolicy *policy = &sim->classes[t->cls].policy;
    if (policy->cls->attr != NULL) {
        policy->cls->attr(policy, tid, attr);
    }
}

static CpFlowId *free_flow(CpSim *sim, uint32_t n_regs)
{
    while (sim->free_flows->len <= n_regs) {
        const CpFlowId none = CP_NONE;
        g_array_append_val(sim->free_flows, none);
    }
    return &g_array_index(sim->free_flows, CpFlowId, n_regs);
}

/* A row with its registers: a freed one of as many, or a new one. */
static CpFlowId flow_row(CpSim *sim, uint32_t n_regs)
{
    CpFlowId *first = free_flow(sim, n_regs);
    CpFlowId id = *first;
    if (id != CP_NONE) {
        *first = sim->flows[id].thread;
        if (n_regs > 0) {
            memset(cp_regs(sim, &sim->flows[id]), 0, n_regs * sizeof(int64_t));
        }
        return id;
    }
    id = cp_table_add(&sim->flow_table);
    cp_require(id != CP_NONE);
    if (sim->rt_flows != NULL) {
        cp_table_add(&sim->rt_flow_table);
    }
    sim->flows[id].regs = n_regs > 0 ? sim->reg_table.n : CP_NONE;
    for (uint32_t i = 0; i < n_regs; i++) {
        cp_require(cp_table_add(&sim->reg_table) != CP_NONE);
    }
    return id;
}

CpFlowId cp_flow_new(CpSim *sim, uint32_t entry, uint32_t n_regs, uint64_t rng_id)
{
    CpFlowId id = flow_row(sim, n_regs);
    CpFlow *flow = &sim->flows[id];
    *flow = (CpFlow){.pc = entry,
                     .thread = CP_NONE,
                     .why = CP_WHY_BEGIN,
                     .regs = flow->regs,
                     .owner = CP_NONE,
                     .rng_id = rng_id};
    if (n_regs > 0 && sim->releases) {
        cp_regs(sim, flow)[CP_REG_RELEASE] = CP_NEVER;
    }
    return id;
}

void cp_flow_free(CpSim *sim, CpFlowId flow, uint32_t n_regs)
{
    CpFlowId *first = free_flow(sim, n_regs);
    sim->flows[flow].thread = *first;
    *first = flow;
}

/* Rows of the same index in every per-thread table. */
static CpTid add_rows(CpSim *sim)
{
    CpTid tid = cp_table_add(&sim->thread_table);
    cp_require(tid != CP_NONE);
    cp_table_add(&sim->cold_table);
    cp_table_add(&sim->rare_table);
    if (sim->rt_threads != NULL) {
        cp_table_add(&sim->rt_thread_table);
    }
    for (uint32_t rank = 0; rank < sim->n_classes; rank++) {
        if (sim->classes[rank].policy.ent_size > 0) {
            cp_table_add(&sim->ent_table[rank]);
        }
    }
    return tid;
}

/* The first threads keep their own wake-up latencies, by thread number. */
static void own_hist(CpSim *sim, CpTid tid)
{
    if (tid < HISTS_MAX) {
        CpHist *hist = cp_arena_alloc(sim->arena, sizeof *hist);
        cp_hist_init(hist, sim->arena);
        g_array_append_val(sim->thread_hists, hist);
    }
}

/* Memory is copied: what the child changes its parent does not see, nor the other way. */
static int64_t *copy_vars(CpSim *sim, CpProcId parent)
{
    uint32_t n = sim->w->vars->len;
    if (n == 0) {
        return NULL;
    }
    int64_t *vars = cp_arena_alloc(sim->arena, n * sizeof *vars);
    for (uint32_t i = 0; i < n; i++) {
        vars[i] = *cp_var(sim, parent, i);
    }
    return vars;
}

CpProcId cp_process_fork(CpSim *sim, CpProcId parent)
{
    CpProcId id = cp_table_add(&sim->proc_table);
    cp_require(id != CP_NONE);
    CpProcess *p = &sim->procs[id];
    const CpProcess *from = &sim->procs[parent];
    *p = (CpProcess){.decl = from->decl,
                     .runtime = from->runtime,
                     .params = from->params,
                     .vars = copy_vars(sim, parent)};
    p->data = cp_arena_alloc(sim->arena, p->runtime->proc_size);
    if (p->runtime->init != NULL) {
        cp_require(p->runtime->init(sim, id, NULL)); /* the same settings passed before */
    }
    return id;
}

CpTid cp_thread_create(CpSim *sim, uint32_t decl, CpTid parent)
{
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
    own_hist(sim, tid);
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
        for (uint32_t i = 0; i < d->copies; i++) {
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
    if (!(t->flags & CP_TF_DAEMON) && --sim->n_threads_live == 0) {
        sim->stopping = true;
        sim->outcome = CP_OUTCOME_DONE;
    }
}

/* Ends a thread from outside: because its process ends. */
static void end_other(CpSim *sim, CpTid tid)
{
    CpThread *t = cp_thread(sim, tid);
    if (t->state == CP_THREAD_ENDED || t->state == CP_THREAD_NEW) {
        return;
    }
    cp_core_account(sim, &sim->cores[t->cpu]);
    if (t->chan != CP_NONE) {
        cp_channel_remove(sim, tid);
    }
    t->wake_gen++;
    CpThreadCold *cold = &sim->cold[tid];
    if (t->state == CP_THREAD_BLOCKED) {
        cold->blocked += sim->now - t->since;
        if (t->flags & CP_TF_DELAYED) {
            cp_dequeue_delayed(sim, tid, CP_DEQ_EXIT);
        }
    } else {
        cold->runq_wait += t->state == CP_THREAD_RUNNABLE ? sim->now - t->since : 0;
        if (!cp_dequeue(sim, tid, CP_DEQ_EXIT | CP_DEQ_SPECIAL)) {
            cp_require(false);
        }
        if (t->state == CP_THREAD_RUNNING) {
            cp_resched_after(sim, &sim->cores[t->cpu], 0);
        }
    }
    t->burst_left = 0;
    cp_thread_end(sim, tid);
}

void cp_process_end(CpSim *sim, CpProcId proc, CpTid except)
{
    for (CpTid tid = 0; tid < sim->thread_table.n; tid++) {
        if (tid != except && cp_thread(sim, tid)->proc == proc) {
            end_other(sim, tid);
        }
    }
}

/* A running thread must leave its CPU: the stopper takes it over, so it is off every queue
 * for a moment; mirrors core.c:migration_cpu_stop. */
static void move_running(CpSim *sim, CpTid tid, CpCpu to)
{
    CpThread *t = cp_thread(sim, tid);
    cp_resched_after(sim, &sim->cores[t->cpu], 0);
    t->state = CP_THREAD_BLOCKED;
    t->flags |= CP_TF_WAKING;
    t->since = sim->now;
    t->cpu = (uint16_t)to;
    cp_core_expect(sim, &sim->cores[to], 1);
    cp_timer_push(sim, CP_TIMER_ACTIVATE, sim->now + 1, tid,
                  CP_ENQ_RESTORE | CP_ENQ_MIGRATED);
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

void cp_set_attr(CpSim *sim, CpTid tid, const CpSchedAttr *attr)
{
    CpThread *t = cp_thread(sim, tid);
    bool queued = t->state == CP_THREAD_RUNNABLE || t->state == CP_THREAD_RUNNING;
    bool running = t->state == CP_THREAD_RUNNING;
    CpCore *core = &sim->cores[t->cpu];
    cp_core_account(sim, core);
    if (t->flags & CP_TF_DELAYED) {
        cp_dequeue_delayed(sim, tid, CP_DEQ_SAVE);
    }
    if (queued && !cp_dequeue(sim, tid, CP_DEQ_SAVE | CP_DEQ_SPECIAL)) {
        cp_require(false);
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
    cp_enqueue(sim, tid, cpu, CP_ENQ_RESTORE | (moves ? CP_ENQ_MIGRATED : 0));
    if (running && !moves) {
        core->cls = t->cls;
        core->hooks = sim->classes[t->cls].cls;
        cp_set_next(sim, core, tid);
        cp_core_look(sim, core);
        cp_resched_after(sim, core, 0);
    } else {
        cp_wakeup_check(sim, tid, cpu, 0);
    }
}

/* --- queries --- */

uint32_t cp_sim_n_threads(const CpSim *sim)
{
    return sim->thread_table.n;
}

char *cp_sim_thread_name(const CpSim *sim, CpTid tid)
{
    const CpThread *t = cp_thread(sim, tid);
    const char *name = cp_workload_text(sim->w, cp_thread_decl(sim->w, t->decl)->name);
    if (sim->decls[t->decl].instances <= 1) {
        return g_strdup(name);
    }
    return g_strdup_printf("%s-%u", name, sim->cold[tid].instance + 1);
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
