#include "sim/sim.h"

#include "sim/engine.h"
#include "sim/error.h"
#include "sim/operand.h"

#include <string.h>

/* Assembly, the main loop, and the end of a run. */

enum {
    CHECK_EVERY = 1 << 16, /* events between looks at the wall clock and at signals */
    FETCH_FROM = 8192,     /* threads whose rows do not all stay in the caches */
};

/* --- records --- */

static bool wanted(const CpRecordFilter *filter, const CpRecord *r)
{
    CpTime t = cp_record_time(r);
    bool in_window = t >= filter->from && (filter->to == 0 || t <= filter->to);
    return in_window && !(filter->drop_kinds >> cp_record_kind(r) & 1);
}

/* Drops what the filter refuses; a MORE record shares its head's fate. */
static size_t filter_block(const CpRecordFilter *filter, CpRecord *records, size_t n)
{
    size_t kept = 0;
    bool keep = false;
    for (size_t i = 0; i < n; i++) {
        if (cp_record_kind(&records[i]) != CP_REC_MORE) {
            keep = wanted(filter, &records[i]);
        }
        if (keep) {
            records[kept++] = records[i];
        }
    }
    return kept;
}

void cp_record_flush(CpSim *sim)
{
    const CpRecordFilter *filter = &sim->config.filter;
    size_t n = (size_t)(sim->rec - sim->rec_block);
    if (filter->from > 0 || filter->to > 0 || filter->drop_kinds != 0) {
        n = filter_block(filter, sim->rec_block, n);
    }
    sim->rec = sim->rec_block;
    if (n == 0 || sim->io_error != NULL) {
        return;
    }
    const CpSink *sink = sim->config.sink;
    if (!sink->write(sink->data, sim->rec_block, n, &sim->io_error)) {
        sim->stopping = true;
        sim->outcome = CP_OUTCOME_ERROR;
    }
}

void cp_record_wide(CpSim *sim, CpRecordKind kind, uint32_t id, uint32_t cpu, uint32_t arg,
                    uint32_t id2, int64_t value)
{
    if (sim->rec == NULL) {
        return;
    }
    if (sim->rec_end - sim->rec < 2) {
        cp_record_flush(sim);
    }
    *sim->rec++ = cp_record_make(sim->now, kind, id, cpu, arg);
    *sim->rec++ = cp_record_make(value, CP_REC_MORE, id2, 0, 0);
}

/* --- assembly --- */

static void init_cores(CpSim *sim)
{
    sim->cores = g_new0(CpCore, sim->n_cpus);
    sim->n_idle = sim->n_online = sim->n_cpus;
    sim->idle = sim->machine->all;
    for (CpCpu cpu = 0; cpu < sim->n_cpus; cpu++) {
        sim->cores[cpu] = (CpCore){.curr = CP_NONE,
                                   .noise = cp_rng_key(sim->seed, 0x500000000u + cpu, 0),
                                   .burst_end = CP_NEVER,
                                   .look = CP_NEVER,
                                   .resched_at = CP_NEVER,
                                   .online = true,
                                   .id = cpu};
        cp_core_speed(sim, &sim->cores[cpu]);
    }
}

static void init_objects(CpSim *sim)
{
    sim->objs = g_new0(CpObj, sim->w->objs->len + 1);
    for (uint32_t i = 0; i < sim->w->objs->len; i++) {
        const CpObjDecl *d = cp_obj_decl(sim->w, i);
        sim->objs[i] = (CpObj){.kind = d->kind,
                               .flags = d->flags,
                               .decl = i,
                               .owner = CP_NONE,
                               .lock = d->lock,
                               .value = d->kind == CP_OBJ_SEMAPHORE ? d->n : 0,
                               .chan = cp_channel_new(sim),
                               .chan2 = cp_channel_new(sim)};
    }
}

static const CpRuntimeClass *find_runtime(const CpSim *sim, const char *name)
{
    for (size_t i = 0; sim->config.runtimes[i] != NULL; i++) {
        if (strcmp(sim->config.runtimes[i]->name, name) == 0) {
            return sim->config.runtimes[i];
        }
    }
    return NULL;
}

/* Runtimes share the tables, so rows are as long as the longest. */
static void init_runtime_tables(CpSim *sim, const CpRuntimeClass *runtime)
{
    if (runtime->thread_size > 0 && sim->rt_threads == NULL) {
        cp_table_ready(&sim->rt_thread_table, runtime->thread_size, CP_THREADS_MAX);
        sim->rt_threads = sim->rt_thread_table.rows;
    }
    if (runtime->flow_size > 0 && sim->rt_flows == NULL) {
        cp_table_ready(&sim->rt_flow_table, runtime->flow_size, CP_THREADS_MAX);
        sim->rt_flows = sim->rt_flow_table.rows;
    }
    cp_require(runtime->thread_size <= sim->rt_thread_table.row_size &&
               runtime->flow_size <= sim->rt_flow_table.row_size);
}

static gboolean init_processes(CpSim *sim, GError **error)
{
    for (CpProcId i = 0; i < sim->w->procs->len; i++) {
        const CpProcDecl *d = cp_proc_decl(sim->w, i);
        cp_require(cp_table_add(&sim->proc_table) == i);
        CpProcess *p = &sim->procs[i];
        const char *name = cp_workload_text(sim->w, d->runtime);
        p->decl = i;
        p->runtime = find_runtime(sim, name);
        p->params = sim->config.proc_params == NULL ? NULL : sim->config.proc_params[i];
        if (p->runtime == NULL) {
            g_set_error(error, CP_ERROR, CP_ERROR_USAGE, "unknown runtime '%s'", name);
            return FALSE;
        }
        init_runtime_tables(sim, p->runtime);
        p->data = cp_arena_alloc(sim->arena, p->runtime->proc_size);
        if (p->runtime->init != NULL && !p->runtime->init(sim, i, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static void init_tables(CpSim *sim)
{
    cp_table_ready(&sim->thread_table, sizeof(CpThread), CP_THREADS_MAX);
    cp_table_ready(&sim->cold_table, sizeof(CpThreadCold), CP_THREADS_MAX);
    cp_table_ready(&sim->flow_table, sizeof(CpFlow), CP_THREADS_MAX);
    cp_table_ready(&sim->rare_table, sizeof(CpThreadRare), CP_THREADS_MAX);
    cp_table_ready(&sim->chan_table, sizeof(CpChannel), CP_THREADS_MAX);
    cp_table_ready(&sim->reg_table, sizeof(int64_t), 8u * CP_THREADS_MAX);
    cp_table_ready(&sim->proc_table, sizeof(CpProcess), CP_PROCS_MAX);
    sim->procs = sim->proc_table.rows;
    sim->free_flows = g_array_new(FALSE, FALSE, sizeof(CpFlowId));
    sim->threads = sim->thread_table.rows;
    sim->cold = sim->cold_table.rows;
    sim->flows = sim->flow_table.rows;
    sim->rare = sim->rare_table.rows;
    sim->chans = sim->chan_table.rows;
    sim->regs = sim->reg_table.rows;
    sim->requests = g_array_new(FALSE, FALSE, sizeof(CpRequest));
    sim->streams = g_array_new(FALSE, FALSE, sizeof(CpStream));
    sim->runtime_timers = g_array_new(FALSE, FALSE, sizeof(CpRuntimeTimer));
    sim->end_order = g_array_new(FALSE, FALSE, sizeof(CpTid));
    sim->thread_hists = g_array_new(FALSE, FALSE, sizeof(CpHist *));
    sim->attrs = g_array_new(FALSE, FALSE, sizeof(CpSchedAttr));
    sim->free_request = sim->free_runtime_timer = CP_NONE;
    sim->arena = sim->arena == NULL ? cp_arena_new() : sim->arena;
}

static void free_diagnosis(gpointer data)
{
    CpDiagnosis *d = data;
    g_free(d->text);
    g_array_unref(d->threads);
    g_free(d);
}

static bool uses_release(const CpWorkload *w, const CpInsn *insn)
{
    return cp_op_info(w, insn->op)->flags & CP_OPF_RELEASE ||
           cp_operands_registers(w, insn).release;
}

/* What depends on the workload's tables. */
static void init_workload(CpSim *sim)
{
    const CpWorkload *w = sim->w;
    sim->code = (const CpInsn *)(void *)w->code->data;
    sim->replay = w->replay != NULL ? w->replay->open(w->replay->source) : NULL;
    sim->decls = g_new0(CpDeclState, w->threads->len + 1);
    for (uint32_t i = 0; i < w->threads->len; i++) {
        g_array_append_val(sim->attrs, cp_thread_decl(w, i)->attr);
    }
    sim->vars = g_new0(int64_t, w->vars->len + 1);
    for (uint32_t i = 0; i < w->vars->len; i++) {
        sim->vars[i] = g_array_index(w->vars, CpVarDecl, i).value;
    }
    sim->hists = g_new0(CpHist, w->hists->len + 1);
    for (uint32_t i = 0; i < w->hists->len; i++) {
        cp_hist_init(&sim->hists[i], sim->arena);
    }
    cp_hist_init(&sim->slice_hist, sim->arena);
    cp_hist_init(&sim->wakeup_hist, sim->arena);
    sim->arrival_begin = g_new0(uint32_t, w->arrivals->len + 1);
    for (uint32_t pc = 0; pc < w->code->len; pc++) {
        if (sim->code[pc].op == CP_OP_ARRIVALS) {
            sim->arrival_begin[sim->code[pc].c] = pc;
        }
        sim->periodic |= sim->code[pc].op == CP_OP_PERIOD;
        sim->releases = sim->releases || uses_release(w, &sim->code[pc]);
    }
    sim->noise_draws = g_new0(uint64_t, (size_t)w->noises->len * sim->n_cpus + 1);
}

/* A disturbance of mean length `hit`, exponential, has the mean square 2 hit^2; as many
 * come in 1 ms as make up the variance asked for.  Where that would be most of the time,
 * they are longer instead. */
static void init_noise(CpSim *sim)
{
    int64_t ppm = sim->cost[CP_COST_SPEED_NOISE];             /* also ns of a millisecond */
    CpTime spread = sim->cost[CP_COST_SWITCH] * ppm / 577350; /* sqrt(3) deviations */
    sim->switch_least = sim->cost[CP_COST_SWITCH] - spread;
    sim->switch_width = 2 * (uint64_t)spread + 1;
    if (ppm > 0) {
        sim->hit = MAX(sim->cost[CP_COST_SPEED_HIT], 2 * ppm * ppm / 1000000 + 1);
        sim->hit_gap = 2 * sim->hit * sim->hit / ppm * CP_MS / ppm;
    }
}

static gboolean sim_init(CpSim *sim, const CpSimConfig *config, GError **error)
{
    sim->config = *config;
    sim->w = config->workload;
    sim->machine = config->machine;
    sim->cost = config->costs->v;
    sim->seed = config->seed;
    init_noise(sim);
    sim->tick = config->machine->tick;
    sim->tick_phase = config->machine->tick_phase;
    sim->next_tick = cp_tick_after_far(sim, 1);
    sim->exact_ticks = config->exact_ticks;
    sim->smt = config->machine->smt > 1;
    sim->irq_cpu = sim->event_cpu = CP_NONE;
    sim->n_cpus = config->machine->n_cpus;
    sim->n_groups = sim->w->groups->len > 0 ? sim->w->groups->len : 1;
    while (config->classes[sim->n_classes] != NULL) {
        sim->n_classes++;
    }
    cp_require(sim->n_classes > 0 && sim->n_classes <= G_N_ELEMENTS(sim->ents));
    sim->diagnoses = g_ptr_array_new_with_free_func(free_diagnosis);
    sim->timers = sim->timers == NULL ? cp_timerq_new() : sim->timers;
    cp_slots_init(&sim->slots, sim->n_cpus);
    init_tables(sim);
    cp_metrics_init(sim);
    init_cores(sim);
    sim->groups = g_new0(CpGroupState, sim->n_groups);
    sim->group_cpu = g_new0(CpGroupCpu, (size_t)sim->n_groups * sim->n_cpus);
    init_workload(sim);
    init_objects(sim);
    if (!cp_runqueues_init(sim, error) || !init_processes(sim, error)) {
        return FALSE;
    }
    cp_groups_init(sim);
    if (config->sink != NULL) {
        sim->rec = sim->rec_block = g_new(CpRecord, CP_RECORD_BLOCK);
        sim->rec_end = sim->rec_block + CP_RECORD_BLOCK;
    }
    return TRUE;
}

CpSim *cp_sim_new(const CpSimConfig *config, GError **error)
{
    CpSim *sim = g_new0(CpSim, 1);
    if (!sim_init(sim, config, error)) {
        cp_sim_free(sim);
        return NULL;
    }
    return sim;
}

static void clear_arrays(CpSim *sim)
{
    g_array_unref(sim->free_flows);
    g_array_unref(sim->requests);
    g_array_unref(sim->streams);
    g_array_unref(sim->runtime_timers);
    g_array_unref(sim->end_order);
    g_array_unref(sim->thread_hists);
    g_array_unref(sim->attrs);
}

/* What lies in the tables goes, and what hangs off them. */
static void clear_run(CpSim *sim)
{
    for (uint32_t i = 0; sim->objs != NULL && i < sim->w->objs->len; i++) {
        g_free(sim->objs[i].items);
    }
    for (uint32_t i = 0; i < sim->proc_table.n; i++) {
        if (sim->procs[i].runtime != NULL && sim->procs[i].runtime->clear != NULL) {
            sim->procs[i].runtime->clear(sim, i);
        }
    }
    if (sim->rt_shared_free != NULL) {
        sim->rt_shared_free(sim->rt_shared);
    }
    if (sim->replay != NULL) {
        sim->w->replay->close(sim->replay);
    }
    cp_runqueues_clear(sim);
    cp_warmup_clear(sim);
    clear_arrays(sim);
    g_ptr_array_unref(sim->diagnoses);
    cp_slots_clear(&sim->slots);
    g_free(sim->cores);
    g_free(sim->groups);
    g_free(sim->group_cpu);
    g_free(sim->objs);
    g_free(sim->decls);
    g_free(sim->vars);
    g_free(sim->hists);
    g_free(sim->arrival_begin);
    g_free(sim->noise_draws);
    g_free(sim->rec_block);
    g_clear_error(&sim->io_error);
}

/* Does one thing with each table. */
static void each_table(CpSim *sim, void (*visit)(CpTable *table))
{
    CpTable *tables[] = {&sim->thread_table, &sim->cold_table,      &sim->flow_table,
                         &sim->rare_table,   &sim->chan_table,      &sim->reg_table,
                         &sim->proc_table,   &sim->rt_thread_table, &sim->rt_flow_table};
    for (size_t i = 0; i < G_N_ELEMENTS(tables); i++) {
        visit(tables[i]);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(sim->ent_table); i++) {
        visit(&sim->ent_table[i]);
    }
}

void cp_sim_free(CpSim *sim)
{
    if (sim != NULL) {
        clear_run(sim);
        each_table(sim, cp_table_clear);
        cp_timerq_free(sim->timers);
        cp_arena_free(sim->arena);
        g_free(sim);
    }
}

/* Tables, timers and the arena keep their memory: to give it back and to take it anew costs
 * as much as a short run, and workers of one process would wait for each other. */
gboolean cp_sim_reset(CpSim *sim, const CpSimConfig *config, GError **error)
{
    CpTimerq *timers = sim->timers;
    clear_run(sim);
    each_table(sim, cp_table_reset);
    cp_arena_reset(sim->arena);
    cp_timerq_reset(timers);
    memset(sim, 0, offsetof(CpSim, thread_table));
    sim->timers = timers;
    return sim_init(sim, config, error);
}

/* --- the loop --- */

static void at_command(CpSim *sim, const CpAtDecl *at)
{
    switch (at->kind) {
    case CP_AT_NICE:
    case CP_AT_CPUS:
        for (CpTid tid = 0; tid < sim->thread_table.n; tid++) {
            const CpThread *t = cp_thread(sim, tid);
            if (t->decl == at->subject && t->state != CP_THREAD_ENDED) {
                CpSchedAttr attr = *cp_thread_attr(sim, tid);
                attr.nice = at->kind == CP_AT_NICE ? (int32_t)at->value : attr.nice;
                attr.cpus = at->kind == CP_AT_CPUS ? (uint32_t)at->value : attr.cpus;
                cp_set_attr(sim, tid, &attr);
            }
        }
        return;
    case CP_AT_QUOTA:
        cp_group_set_quota(sim, at->subject, at->value);
        return;
    case CP_AT_WEIGHT:
        cp_group_set_weight(sim, at->subject, (uint32_t)at->value);
        return;
    case CP_AT_STOP:
        sim->stopping = true;
        sim->outcome = CP_OUTCOME_DONE;
        return;
    case CP_AT_OFFLINE:
    case CP_AT_ONLINE:
        cp_require(false); /* refused when the workload is compiled */
    }
}

static void thread_timer(CpSim *sim, CpTid tid, uint32_t gen)
{
    CpThread *t = cp_thread(sim, tid);
    if (t->wake_gen != gen || t->state != CP_THREAD_BLOCKED) {
        return;
    }
    if (t->chan != CP_NONE) {
        cp_channel_remove(sim, tid);
    }
    CpFlow *flow = cp_flow_of(sim, tid);
    flow->why = CP_WHY_TIMEOUT;
    sim->last_useful = sim->now;
    cp_irq(sim, t->cpu,
           sim->cost[CP_COST_TIMER] + cp_cost_after_idle(sim->config.costs,
                                                         CP_COST_TIMER_COLD,
                                                         sim->now - t->since));
    sim->irq_cpu = t->cpu;
    cp_wake_begin(sim, tid, t->cpu, CP_NONE, CP_WAKE_TIMER, 0);
    sim->irq_cpu = CP_NONE;
}

static void activate_timer(CpSim *sim, CpTid tid, uint32_t flags)
{
    CpThread *t = cp_thread(sim, tid);
    cp_core_expect(sim, &sim->cores[t->cpu], -1);
    if (t->state == CP_THREAD_ENDED) {
        return;
    }
    t->flags &= (uint8_t)~CP_TF_WAKING;
    sim->irq_cpu = t->cpu;
    cp_activate(sim, tid, (CpEnqFlags)flags);
    sim->irq_cpu = CP_NONE;
}

static void stop_timer(CpSim *sim, CpTid tid, uint32_t gen)
{
    CpThread *t = cp_thread(sim, tid);
    if (t->wake_gen != gen || t->burst_left == 0) {
        return;
    }
    CpCore *core = &sim->cores[t->cpu];
    if (t->state != CP_THREAD_RUNNING) {
        t->flags |= CP_TF_STOP;
        return;
    }
    cp_core_advance(sim, core);
    cp_stop_now(sim, core, tid);
    cp_core_arm(sim, core);
}

static void runtime_timer(CpSim *sim, uint32_t row)
{
    CpRuntimeTimer *timer = &g_array_index(sim->runtime_timers, CpRuntimeTimer, row);
    CpProcId proc = timer->proc;
    uint32_t id = timer->id, gen = timer->gen;
    timer->next_free = sim->free_runtime_timer;
    sim->free_runtime_timer = row;
    sim->procs[proc].runtime->timer(sim, id, gen);
}

void cp_timer(CpSim *sim, CpProcId proc, CpTime at, uint32_t id, uint32_t gen)
{
    uint32_t row = sim->free_runtime_timer;
    if (row == CP_NONE) {
        CpRuntimeTimer empty = {0};
        g_array_append_val(sim->runtime_timers, empty);
        row = sim->runtime_timers->len - 1;
    } else {
        sim->free_runtime_timer =
            g_array_index(sim->runtime_timers, CpRuntimeTimer, row).next_free;
    }
    g_array_index(sim->runtime_timers, CpRuntimeTimer, row) =
        (CpRuntimeTimer){.proc = proc, .id = id, .gen = gen};
    cp_timer_push(sim, CP_TIMER_RUNTIME, at, row, 0);
}

static void timer_event(CpSim *sim, CpTimer timer)
{
    uint32_t id = timer.id & ((1u << CP_TIMER_SHIFT) - 1);
    switch (timer.id >> CP_TIMER_SHIFT) {
    case CP_TIMER_THREAD:
        thread_timer(sim, id, timer.gen);
        return;
    case CP_TIMER_ACTIVATE:
        activate_timer(sim, id, timer.gen);
        break;
    case CP_TIMER_START:
        if (cp_thread(sim, id)->state == CP_THREAD_NEW) {
            uint32_t parent = sim->rare[id].parent_plus1;
            cp_thread_start(sim, id, parent == 0 ? CP_NONE : parent - 1);
        }
        break;
    case CP_TIMER_DEVICE:
        cp_device_done(sim, id);
        break;
    case CP_TIMER_ARRIVAL:
        cp_arrival_fire(sim, id);
        break;
    case CP_TIMER_NOISE:
        cp_noise_fire(sim, id, timer.gen);
        return;
    case CP_TIMER_AT:
        at_command(sim, &g_array_index(sim->w->ats, CpAtDecl, id));
        break;
    case CP_TIMER_RUNTIME:
        runtime_timer(sim, id);
        break;
    case CP_TIMER_GROUP:
        cp_group_timer(sim, id);
        break;
    case CP_TIMER_STOP:
        stop_timer(sim, id, timer.gen);
        break;
    case CP_TIMER_SERVER:
        if (!cp_server_timer(sim, id, timer.gen)) {
            return;
        }
        break;
    case CP_TIMER_WARMUP:
        sim->n_noise--;
        cp_warmup_end(sim);
        return;
    default:
        cp_require(false);
    }
    sim->last_useful = sim->now;
}

/* Fetches what the next timer will need. */
static void fetch_ahead(CpSim *sim)
{
    CpTimer timer;
    if (cp_timerq_soon(sim->timers, &timer) &&
        timer.id >> CP_TIMER_SHIFT == CP_TIMER_THREAD) {
        cp_ent_fetch(&sim->classes[sim->n_classes - 1].policy,
                     timer.id & ((1u << CP_TIMER_SHIFT) - 1));
    }
}

static void guards(CpSim *sim, gint64 wall_start)
{
    const CpSimConfig *c = &sim->config;
    if (c->interrupt != NULL && *c->interrupt != 0) {
        sim->stopping = true;
        sim->outcome = CP_OUTCOME_INTERRUPTED;
    } else if (c->max_wall > 0 &&
               (g_get_monotonic_time() - wall_start) * 1000 > c->max_wall) {
        cp_diagnose(sim, "guard", NULL, 0, "the limit of max-wall was reached");
        sim->stopping = true;
        sim->outcome = CP_OUTCOME_GUARD;
    }
    if (c->progress != NULL) {
        c->progress(sim->now, sim->events, c->progress_data);
    }
}

/* Only interrupt noise is left to happen: nothing can move a thread any more. */
static bool is_dead(const CpSim *sim, CpTime slot)
{
    return slot == CP_NEVER && cp_timerq_size(sim->timers) == sim->n_noise;
}

static void stop_dead(CpSim *sim)
{
    sim->stopping = true;
    sim->outcome = CP_OUTCOME_DEADLOCK;
    cp_diagnose_deadlock(sim);
}

static void loop(CpSim *sim)
{
    gint64 wall_start = g_get_monotonic_time();
    uint64_t check = CHECK_EVERY;
    uint64_t max = sim->config.max_events > 0 ? sim->config.max_events : UINT64_MAX;
    while (!sim->stopping) {
        CpCpu cpu;
        CpTime slot = cp_slots_next(&sim->slots, &cpu);
        CpTime timer = cp_timerq_next(sim->timers);
        CpTime next = timer <= slot ? timer : slot;
        if (G_UNLIKELY(is_dead(sim, slot))) {
            stop_dead(sim);
            return;
        }
        if (G_UNLIKELY(next > sim->config.until)) {
            sim->now = sim->config.until;
            sim->outcome = CP_OUTCOME_UNTIL;
            return;
        }
        cp_assert(next >= sim->now);
        sim->turn = next > sim->now ? 0 : sim->turn;
        sim->now = next;
        if (next >= sim->next_tick) {
            sim->next_tick = cp_tick_after_far(sim, next + 1);
        }
        if (timer <= slot) {
            timer_event(sim, cp_timerq_pop(sim->timers));
            if (G_UNLIKELY(sim->thread_table.n >= FETCH_FROM)) {
                fetch_ahead(sim);
            }
        } else {
            cp_core_event(sim, &sim->cores[cpu]);
            sim->last_useful = sim->now;
        }
#ifdef CP_AUDIT
        cp_audit_now(sim);
#endif
        if (G_UNLIKELY(++sim->events >= check)) {
            check = sim->events + CHECK_EVERY;
            guards(sim, wall_start);
        }
        if (G_UNLIKELY(sim->events >= max && !sim->stopping)) {
            cp_diagnose(sim, "guard", NULL, 0, "the limit of max-events was reached");
            sim->outcome = CP_OUTCOME_GUARD;
            return;
        }
    }
}

static void finish(CpSim *sim)
{
    for (CpCpu cpu = 0; cpu < sim->n_cpus; cpu++) {
        cp_core_account(sim, &sim->cores[cpu]);
    }
    sim->end = sim->now;
    for (size_t i = 0; sim->rt_threads != NULL && sim->config.runtimes[i] != NULL; i++) {
        if (sim->config.runtimes[i]->finish != NULL) {
            sim->config.runtimes[i]->finish(sim);
        }
    }
    if (sim->rec != NULL) {
        cp_record_flush(sim);
    }
}

/* Like interrupt noise, the end of the warm-up keeps nothing alive. */
static void begin_warmup(CpSim *sim)
{
    if (sim->config.warmup > 0) {
        cp_timer_push(sim, CP_TIMER_WARMUP, sim->config.warmup, 0, 0);
        sim->n_noise++;
    }
}

/* A run that is over before its warm-up has nothing to count. */
static gboolean check_warmup(CpSim *sim, GError **error)
{
    if (sim->config.warmup == 0 || sim->base != NULL) {
        return TRUE;
    }
    cp_warmup_end(sim);
    if (sim->outcome != CP_OUTCOME_DONE && sim->outcome != CP_OUTCOME_UNTIL) {
        return TRUE; /* it was stopped: that is said already */
    }
    g_autofree char *end = cp_format_time_human(sim->end);
    g_autofree char *warmup = cp_format_time_human(sim->config.warmup);
    g_set_error(
        error, CP_ERROR, CP_ERROR_MODEL,
        "the run ended at %s, before its warm-up of %s was over: nothing is counted; "
        "make the warm-up shorter or the run longer",
        end, warmup);
    return FALSE;
}

CpOutcome cp_sim_run(CpSim *sim, GError **error)
{
    begin_warmup(sim);
    cp_noises_init(sim);
    for (uint32_t i = 0; i < sim->w->ats->len; i++) {
        cp_timer_push(sim, CP_TIMER_AT, g_array_index(sim->w->ats, CpAtDecl, i).at, i, 0);
    }
    cp_threads_init(sim);
    if (sim->n_threads_live > 0) {
        loop(sim);
    }
    finish(sim);
    if (sim->io_error != NULL) {
        g_propagate_error(error, g_steal_pointer(&sim->io_error));
        sim->outcome = CP_OUTCOME_ERROR;
    } else if (!check_warmup(sim, error) || !cp_audit_end(sim, error)) {
        sim->outcome = CP_OUTCOME_ERROR;
    }
    return sim->outcome;
}

/* --- queries --- */

CpOutcome cp_sim_outcome(const CpSim *sim)
{
    return sim->outcome;
}

uint64_t cp_sim_events(const CpSim *sim)
{
    return sim->events;
}

const CpSimConfig *cp_sim_config(const CpSim *sim)
{
    return &sim->config;
}

const GPtrArray *cp_sim_diagnoses(const CpSim *sim)
{
    return sim->diagnoses;
}

const CpHist *cp_sim_hist(const CpSim *sim, uint32_t hist)
{
    return &sim->hists[hist];
}

const CpHist *cp_sim_wakeup_hist(const CpSim *sim)
{
    return &sim->wakeup_hist;
}

const CpHist *cp_sim_slice_hist(const CpSim *sim)
{
    return &sim->slice_hist;
}

const char *cp_outcome_name(CpOutcome outcome)
{
    static const char *const names[] = {
        [CP_OUTCOME_DONE] = "done",         [CP_OUTCOME_UNTIL] = "until",
        [CP_OUTCOME_DEADLOCK] = "deadlock", [CP_OUTCOME_GUARD] = "guard",
        [CP_OUTCOME_ERROR] = "error",       [CP_OUTCOME_INTERRUPTED] = "interrupted",
    };
    return names[outcome];
}
