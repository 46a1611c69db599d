#include "sim/sim.h"

#include "sim/arrival.h"
#include "sim/audit.h"
#include "sim/baseline.h"
#include "sim/channel.h"
#include "sim/cpu.h"
#include "sim/device.h"
#include "sim/diagnose.h"
#include "sim/error.h"
#include "sim/group.h"
#include "sim/loop.h"
#include "sim/noise.h"
#include "sim/object.h"
#include "sim/operand.h"
#include "sim/process.h"
#include "sim/random.h"
#include "sim/recorder.h"
#include "sim/runqueue.h"
#include "sim/thread.h"
#include "sim/timer.h"

#include <string.h>

/* Decides how a run is put together, and when it is over. */

/* --- records --- */

/* --- assembly --- */

static void init_cores(CpSim *sim)
{
    sim->cpus = g_new0(CpCpuState, sim->n_cpus);
    sim->n_idle = sim->n_online = sim->n_cpus;
    sim->idle = sim->machine->all;
    for (CpCpu cpu = 0; cpu < sim->n_cpus; cpu++) {
        sim->cpus[cpu] =
            (CpCpuState){.curr = CP_NONE,
                         .noise = cp_random(sim->seed, CP_RANDOM_SWITCH, cpu, 0),
                         .burst_end = CP_NEVER,
                         .look = CP_NEVER,
                         .resched_at = CP_NEVER,
                         .online = true,
                         .id = cpu};
        cp_cpu_speed(sim, &sim->cpus[cpu]);
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
static gboolean init_runtime_tables(CpSim *sim, const CpRuntimeClass *runtime,
                                    GError **error)
{
    if (runtime->thread_size > 0 && sim->rt.threads == NULL) {
        if (!cp_table_ready(&sim->tables.rt_thread, runtime->thread_size, CP_THREADS_MAX,
                            error)) {
            return FALSE;
        }
        sim->rt.threads = sim->tables.rt_thread.rows;
    }
    if (runtime->flow_size > 0 && sim->rt.flows == NULL) {
        if (!cp_table_ready(&sim->tables.rt_flow, runtime->flow_size, CP_THREADS_MAX,
                            error)) {
            return FALSE;
        }
        sim->rt.flows = sim->tables.rt_flow.rows;
    }
    cp_require(runtime->thread_size <= sim->tables.rt_thread.row_size &&
               runtime->flow_size <= sim->tables.rt_flow.row_size);
    return TRUE;
}

static gboolean init_processes(CpSim *sim, GError **error)
{
    for (CpProcId i = 0; i < sim->w->procs->len; i++) {
        const CpProcDecl *d = cp_proc_decl(sim->w, i);
        cp_require(cp_table_add(&sim->tables.proc) == i);
        CpProcess *p = &sim->procs[i];
        const char *name = cp_workload_text(sim->w, d->runtime);
        p->decl = i;
        p->runtime = find_runtime(sim, name);
        p->params = sim->config.proc_params == NULL ? NULL : sim->config.proc_params[i];
        if (p->runtime == NULL) {
            g_set_error(error, CP_ERROR, CP_ERROR_USAGE, "unknown runtime '%s'", name);
            return FALSE;
        }
        if (!init_runtime_tables(sim, p->runtime, error)) {
            return FALSE;
        }
        p->data = cp_arena_alloc(sim->arena, p->runtime->proc_size);
        if (p->runtime->init != NULL && !p->runtime->init(sim, i, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static void init_arrays(CpSim *sim)
{
    sim->free_flows = g_array_new(FALSE, FALSE, sizeof(CpFlowId));
    sim->requests.rows = g_array_new(FALSE, FALSE, sizeof(CpRequest));
    sim->arrivals.streams = g_array_new(FALSE, FALSE, sizeof(CpStream));
    sim->rt.timers = g_array_new(FALSE, FALSE, sizeof(CpRuntimeTimer));
    sim->end_order = g_array_new(FALSE, FALSE, sizeof(CpTid));
    sim->thread_hists = g_array_new(FALSE, FALSE, sizeof(CpHist *));
    sim->thread_blocks = g_array_new(FALSE, FALSE, sizeof(CpTime *));
    sim->attrs = g_array_new(FALSE, FALSE, sizeof(CpSchedAttr));
    sim->requests.free = sim->rt.free_timer = CP_NONE;
    sim->arena = sim->arena == NULL ? cp_arena_new() : sim->arena;
}

static gboolean init_tables(CpSim *sim, GError **error)
{
    const struct {
        CpTable *table;
        void **rows; /* where it is found */
        size_t row_size;
        uint32_t n_max;
    } tables[] = {
        {&sim->tables.thread, (void **)&sim->threads, sizeof(CpThread), CP_THREADS_MAX},
        {&sim->tables.cold, (void **)&sim->cold, sizeof(CpThreadCold), CP_THREADS_MAX},
        {&sim->tables.flow, (void **)&sim->flows, sizeof(CpFlow), CP_THREADS_MAX},
        {&sim->tables.rare, (void **)&sim->rare, sizeof(CpThreadRare), CP_THREADS_MAX},
        {&sim->tables.chan, (void **)&sim->chans, sizeof(CpChannel), CP_THREADS_MAX},
        {&sim->tables.reg, (void **)&sim->regs, sizeof(int64_t), 8u * CP_THREADS_MAX},
        {&sim->tables.proc, (void **)&sim->procs, sizeof(CpProcess), CP_PROCS_MAX},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(tables); i++) {
        if (!cp_table_ready(tables[i].table, tables[i].row_size, tables[i].n_max, error)) {
            return FALSE;
        }
        *tables[i].rows = tables[i].table->rows;
    }
    return TRUE;
}

static bool uses_release(const CpWorkload *w, const CpInsn *insn)
{
    return cp_op_info(w, insn->op)->flags & CP_OPF_RELEASE ||
           cp_operands_registers(w, insn).release;
}

/* What depends on the workload's tables. */
static void init_workload(CpSim *sim)
{
    cp_assert(sim->n_cpus > 0 && sim->w->code->len > 0);
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
    sim->arrivals.begin = g_new0(uint32_t, w->arrivals->len + 1);
    for (uint32_t pc = 0; pc < w->code->len; pc++) {
        if (sim->code[pc].op == CP_OP_ARRIVALS) {
            sim->arrivals.begin[sim->code[pc].c] = pc;
        }
        sim->periodic |= sim->code[pc].op == CP_OP_PERIOD;
        sim->releases = sim->releases || uses_release(w, &sim->code[pc]);
    }
    sim->irq_draws = g_new0(uint64_t, (size_t)w->noises->len * sim->n_cpus + 1);
}

static gboolean sim_init(CpSim *sim, const CpSimConfig *config, GError **error)
{
    cp_require(config->workload != NULL && config->machine != NULL);
    cp_require(config->costs->spec == cp_cost_params);
    sim->config = *config;
    sim->w = config->workload;
    sim->machine = config->machine;
    sim->cost = config->costs->v;
    sim->seed = config->seed;
    cp_noise_init(sim);
    sim->tick = config->machine->tick;
    sim->tick_phase = config->machine->tick_phase;
    sim->next_tick = cp_tick_after_far(sim, 1);
    sim->exact_ticks = config->exact_ticks;
    sim->smt = config->machine->smt > 1;
    sim->layered = sim->smt || config->machine->n_llcs > 1;
    sim->balance_at = CP_NEVER;
    sim->irq_cpu = sim->event_cpu = CP_NONE;
    sim->n_cpus = config->machine->n_cpus;
    sim->n_groups = sim->w->groups->len > 0 ? sim->w->groups->len : 1;
    while (config->classes[sim->n_classes] != NULL) {
        sim->n_classes++;
    }
    cp_require(sim->n_classes > 0 && sim->n_classes <= G_N_ELEMENTS(sim->ents));
    sim->diagnoses = g_ptr_array_new_with_free_func(cp_diagnosis_free);
    sim->timers = sim->timers == NULL ? cp_timerq_new() : sim->timers;
    cp_slots_init(&sim->slots, sim->n_cpus);
    init_arrays(sim);
    if (!init_tables(sim, error)) {
        return FALSE;
    }
    cp_metrics_init(sim);
    init_cores(sim);
    sim->groups = g_new0(CpGroupState, sim->n_groups);
    sim->group_cpu = g_new0(CpGroupCpu, (size_t)sim->n_groups * sim->n_cpus);
    init_workload(sim);
    cp_objects_init(sim);
    if (!cp_runqueues_init(sim, error) || !init_processes(sim, error)) {
        return FALSE;
    }
    cp_groups_init(sim);
    if (config->sink != NULL) {
        sim->rec.next = sim->rec.block = g_new(CpRecord, CP_RECORD_BLOCK);
        sim->rec.end = sim->rec.block + CP_RECORD_BLOCK;
        sim->rec.drop = config->filter.drop_kinds;
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
    g_array_unref(sim->requests.rows);
    g_array_unref(sim->arrivals.streams);
    g_array_unref(sim->rt.timers);
    g_array_unref(sim->end_order);
    g_array_unref(sim->thread_hists);
    g_array_unref(sim->thread_blocks);
    g_array_unref(sim->attrs);
}

/* What lies in the tables goes, and what hangs off them. */
static void clear_run(CpSim *sim)
{
    cp_objects_clear(sim);
    if (sim->rt.shared_free != NULL) {
        sim->rt.shared_free(sim->rt.shared);
    }
    if (sim->replay != NULL) {
        sim->w->replay->close(sim->replay);
    }
    cp_runqueues_clear(sim);
    cp_warmup_clear(sim);
    clear_arrays(sim);
    g_ptr_array_unref(sim->diagnoses);
    cp_slots_clear(&sim->slots);
    g_free(sim->cpus);
    g_free(sim->groups);
    g_free(sim->group_cpu);
    g_free(sim->decls);
    g_free(sim->vars);
    g_free(sim->hists);
    g_free(sim->arrivals.begin);
    g_free(sim->irq_draws);
    g_free(sim->rec.block);
    g_clear_error(&sim->fatal);
}

/* Does one thing with each table. */
static void each_table(CpSim *sim, void (*visit)(CpTable *table))
{
    CpTable *tables[] = {&sim->tables.thread, &sim->tables.cold,      &sim->tables.flow,
                         &sim->tables.rare,   &sim->tables.chan,      &sim->tables.reg,
                         &sim->tables.proc,   &sim->tables.rt_thread, &sim->tables.rt_flow};
    for (size_t i = 0; i < G_N_ELEMENTS(tables); i++) {
        visit(tables[i]);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(sim->tables.ent); i++) {
        visit(&sim->tables.ent[i]);
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
    memset(sim, 0, offsetof(CpSim, tables));
    sim->timers = timers;
    return sim_init(sim, config, error);
}

/* --- the loop --- */

uint32_t cp_row_new(CpSim *sim, CpTable *table, const char *what)
{
    uint32_t row = cp_table_add(table), limit = table->n_max - table->n_max / 16;
    cp_require(row != CP_NONE);
    if (G_UNLIKELY(row >= limit) && sim->fatal == NULL) {
        g_autofree char *now = cp_format_time_human(sim->now);
        g_set_error(&sim->fatal, CP_ERROR, CP_ERROR_MODEL,
                    "at %s the workload had %u %s, more than the simulator has room for: "
                    "make the run shorter, or create fewer",
                    now, row, what);
        sim->stopping = true;
        sim->outcome = CP_OUTCOME_ERROR;
    }
    return row;
}

static void finish(CpSim *sim)
{
    for (CpCpu cpu = 0; cpu < sim->n_cpus; cpu++) {
        cp_cpu_account(sim, &sim->cpus[cpu]);
    }
    sim->end = sim->now;
    cp_assert(sim->end >= sim->counted_from);
    for (size_t i = 0; sim->rt.threads != NULL && sim->config.runtimes[i] != NULL; i++) {
        if (sim->config.runtimes[i]->finish != NULL) {
            sim->config.runtimes[i]->finish(sim);
        }
    }
    if (sim->rec.next != NULL) {
        cp_record_flush(sim);
    }
}

/* Like interrupt noise, the end of the warm-up keeps nothing alive. */
static void begin_warmup(CpSim *sim)
{
    if (sim->config.warmup > 0) {
        cp_timer_push(sim, CP_TIMER_WARMUP, sim->config.warmup, 0, 0);
        sim->n_passive++;
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
    cp_require(sim->events == 0); /* a run is run once */
    begin_warmup(sim);
    cp_noise_begin(sim);
    for (uint32_t i = 0; i < sim->w->ats->len; i++) {
        cp_timer_push(sim, CP_TIMER_AT, g_array_index(sim->w->ats, CpAtDecl, i).at, i, 0);
    }
    cp_threads_init(sim);
    if (sim->n_threads_live > 0) {
        cp_loop(sim);
    }
    finish(sim);
    if (sim->fatal != NULL) {
        g_propagate_error(error, g_steal_pointer(&sim->fatal));
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
    cp_require(hist < sim->w->hists->len);
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
    cp_require(outcome < G_N_ELEMENTS(names));
    return names[outcome];
}
