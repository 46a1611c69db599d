#include "tests/accuracy/simulate.h"

#include "models/registry.h"
#include "sim/thread.h"
#include "sim/error.h"
#include "tests/accuracy/translate.h"

/* What all runs share. */
typedef struct {
    CpMachine *machine;
    CpParamSet *machine_params, *costs;
    const CpPolicyClass *const *classes;
    CpParamSet **class_params;
    CpWorkload *workload;
    CpParamSet **proc_params; /* one a process, NULL entries for native ones */
} Setup;

static CpParamSet *process_params(const CpWorkload *w, const CpProcDecl *proc,
                                  GError **error)
{
    const char *name = cp_workload_text(w, proc->runtime);
    const CpRuntimeClass *const *r = cp_runtime_classes();
    while (*r != NULL && g_strcmp0((*r)->name, name) != 0) {
        r++;
    }
    if (*r == NULL) {
        g_set_error(error, CP_ERROR, CP_ERROR_MODEL, "no runtime '%s'", name);
        return NULL;
    }
    CpParamSet *set = cp_params_new(
        (*r)->params != NULL ? (*r)->params : (const CpParam[]){{.name = NULL}});
    for (guint i = 0; i + 1 < proc->settings->len; i += 2) {
        int row = cp_params_find(set->spec, g_ptr_array_index(proc->settings, i));
        if (row < 0 || !cp_params_set(set, row, g_ptr_array_index(proc->settings, i + 1),
                                      CP_FROM_SET, error)) {
            if (row < 0) {
                g_set_error(error, CP_ERROR, CP_ERROR_MODEL, "no setting '%s'",
                            (const char *)g_ptr_array_index(proc->settings, i));
            }
            cp_params_free(set);
            return NULL;
        }
    }
    return set;
}

static gboolean setup_processes(Setup *s, GError **error)
{
    s->proc_params = g_new0(CpParamSet *, s->workload->procs->len + 1);
    for (guint i = 0; i < s->workload->procs->len; i++) {
        s->proc_params[i] =
            process_params(s->workload, cp_proc_decl(s->workload, i), error);
        if (s->proc_params[i] == NULL) {
            return FALSE;
        }
    }
    return TRUE;
}

/* The profile of the kernel a scenario was measured on. */
static const CpProfile *profile_of(yajl_val scenario, GError **error)
{
    const char *kernel = text_at(scenario, "kernel");
    g_auto(GStrv) part = g_strsplit(kernel[0] != '\0' ? kernel : "6.18", ".", 3);
    static const char *const families[] = {"eevdf", "cfs"};
    for (size_t i = 0; i < G_N_ELEMENTS(families); i++) {
        g_autofree char *name = g_strdup_printf("%s-%s.%s", families[i], part[0],
                                                part[1] != NULL ? part[1] : "");
        const CpProfile *profile = cp_profile_find(name);
        if (profile != NULL) {
            return profile;
        }
    }
    g_set_error(error, CP_ERROR, CP_ERROR_MODEL, "no profile for kernel %s", kernel);
    return NULL;
}

static gboolean set_number(CpParamSet *set, int row, uint32_t value, GError **error)
{
    g_autofree char *text = g_strdup_printf("%u", value);
    return cp_params_set(set, row, text, CP_FROM_SET, error);
}

/* CPUs that share a core do not slow each other on an emulated machine. */
static gboolean set_topology(CpParamSet *set, const Reality *reality, yajl_val scenario,
                             GError **error)
{
    yajl_val topology = member(scenario, "topology");
    uint32_t cpus = (uint32_t)number_at(topology, "cpus", reality->n_cpus);
    uint32_t smt = (uint32_t)number_at(topology, "smt", 1);
    uint32_t nodes = (uint32_t)number_at(topology, "numa_nodes", 1);
    uint32_t llcs = (uint32_t)number_at(topology, "llcs", nodes);
    return set_number(set, CP_MACHINE_CORES, cpus / smt, error) &&
           set_number(set, CP_MACHINE_SMT, smt, error) &&
           set_number(set, CP_MACHINE_NODES, nodes, error) &&
           set_number(set, CP_MACHINE_LLC, cpus / smt / MAX(llcs, nodes), error) &&
           (smt == 1 ||
            cp_params_set(set, CP_MACHINE_SMT_SPEED, "100%", CP_FROM_SET, error));
}

static gboolean setup(Setup *s, const Reality *reality, yajl_val scenario,
                      CpWorkload *workload, CpTime tick_phase, GError **error)
{
    const CpProfile *profile = profile_of(scenario, error);
    *s = (Setup){.workload = workload};
    if (profile == NULL) {
        return FALSE;
    }
    *s = (Setup){.workload = workload,
                 .machine_params = cp_params_new(cp_machine_params),
                 .costs = cp_cost_set("reference"),
                 .classes = profile->classes,
                 .class_params = cp_profile_params(profile)};
    s->machine_params->v[CP_MACHINE_TICK_PHASE] = tick_phase;
    for (unsigned i = 0; reality->lazy && profile->classes[i] != NULL; i++) {
        int row = profile->classes[i]->params == NULL
                      ? -1
                      : cp_params_find(profile->classes[i]->params, "eevdf.lazy");
        if (row >= 0) {
            s->class_params[i]->v[row] = 1;
        }
    }
    if (!set_topology(s->machine_params, reality, scenario, error) ||
        !setup_processes(s, error)) {
        return FALSE;
    }
    s->machine = cp_machine_new(s->machine_params, NULL, 0, error);
    return s->machine != NULL;
}

static void setup_clear(Setup *s)
{
    for (guint i = 0; s->proc_params != NULL && s->proc_params[i] != NULL; i++) {
        cp_params_free(s->proc_params[i]);
    }
    g_free(s->proc_params);
    if (s->classes != NULL) {
        cp_class_params_free(s->classes, s->class_params);
        cp_params_free(s->costs);
        cp_params_free(s->machine_params);
    }
    if (s->machine != NULL) {
        cp_machine_free(s->machine);
    }
    cp_workload_free(s->workload);
}

/* A simulated program that takes ten times as long as the real one is far enough off. */
static CpTime limit_of(const Reality *reality, yajl_val scenario)
{
    yajl_val wall = member(member(measured_of(reality, scenario), "figures"), "wall");
    return (CpTime)(number_at(wall, "median", 10) * 10e9);
}

/* One run; `use` gets it when it is over. */
typedef void (*Use)(CpSim *sim, void *data);

static gboolean run(const Reality *reality, yajl_val scenario, const Repetition *rep,
                    Use use, void *data, GError **error)
{
    Setup s;
    CpWorkload *workload = translate(reality, scenario, rep, error);
    if (workload == NULL) {
        return FALSE;
    }
    gboolean ok = setup(&s, reality, scenario, workload, rep->tick_phase, error);
    if (ok) {
        CpSimConfig config = {
            .machine = s.machine,
            .classes = s.classes,
            .class_params = (const CpParamSet *const *)s.class_params,
            .runtimes = cp_runtime_classes(),
            .proc_params = (const CpParamSet *const *)s.proc_params,
            .costs = s.costs,
            .workload = workload,
            .seed = rep->seed,
            .until = limit_of(reality, scenario),
            .max_events = 400000000,
        };
        CpSim *sim = cp_sim_new(&config, error);
        ok = sim != NULL && cp_sim_run(sim, error) != CP_OUTCOME_ERROR;
        if (ok) {
            use(sim, data);
        }
        cp_sim_free(sim);
    }
    setup_clear(&s);
    return ok;
}

/* --- the scale of bursts --- */

typedef struct {
    double ratio; /* CPU time over work */
    double cpu;   /* s */
} Ratio;

static void add_ratio(CpSim *sim, void *data)
{
    Ratio *r = data;
    double cpu = 0, work = 0;
    for (CpTid tid = 0; tid < cp_sim_n_threads(sim); tid++) {
        cpu += (double)cp_thread(sim, tid)->cpu_time;
        work += (double)sim->cold[tid].work;
    }
    r->ratio = work > 0 ? cpu / work : 1;
    r->cpu = cpu / 1e9;
}

/* CPU time of all threads that were measured one by one. */
static double measured_cpu(yajl_val measured)
{
    yajl_val threads = member(member(measured, "figures"), "threads");
    double cpu = 0;
    for (size_t i = 0; threads != NULL && i < YAJL_GET_OBJECT(threads)->len; i++) {
        yajl_val t = member(YAJL_GET_OBJECT(threads)->values[i], "cpu");
        cpu += number_at(t, "median", 0);
    }
    return cpu;
}

/* A scale taken from CPU time contains the cost of switches and wake-ups; the simulation
 * adds its own, so that it is taken out: one iteration.  A scale taken from a check before
 * and after can be far off for short bursts of Python; where bursts are nearly all the CPU
 * time, that says what they took. */
static gboolean correct(const Reality *reality, Outcome *o, const Repetition *rep,
                        GError **error)
{
    yajl_val measured = measured_of(reality, o->scenario);
    const char *from = text_at(member(measured, "burst_scale"), "from");
    Ratio r = {1, 0};
    if (!run(reality, o->scenario, rep, add_ratio, &r, error)) {
        return FALSE;
    }
    double real = measured_cpu(measured);
    bool bursts = !is_native(o->scenario) && r.ratio < 1.1 && r.cpu > 0.1 &&
                  r.cpu > real * 0.8 && r.cpu < real * 1.25;
    o->corrected = 1;
    if (g_str_has_prefix(from, "thread CPU") && r.ratio > 0) {
        o->corrected = 1 / r.ratio;
    } else if (bursts && member(member(o->scenario, "model"), "processes") == NULL) {
        o->corrected = real / r.cpu;
    }
    return TRUE;
}

/* --- repetitions --- */

static yajl_val element(yajl_val array, unsigned i)
{
    size_t n = length(array);
    return n == 0 ? NULL : YAJL_GET_ARRAY(array)->values[i % n];
}

static Repetition repetition(const Reality *reality, yajl_val scenario, unsigned i,
                             unsigned runs, bool traced)
{
    yajl_val m = measured_of(reality, scenario), per = member(m, "per_repetition");
    double median = number_at(member(m, "burst_scale"), "median", 1);
    double own = number(element(member(per, "burst_scale"), i), median);
    double machine = number_at(m, "traced_burst_scale", median);
    return (Repetition){.scale = traced ? machine : own,
                        .start_cpu = element(member(per, "start_cpu"), i),
                        .tick_phase = 4 * CP_MS * (CpTime)i / (CpTime)runs + 1000,
                        .seed = 1 + i + (traced ? 1000 : 0)};
}

typedef struct {
    Outcome *outcome;
    bool traced;
} Taking;

static void take_figures(CpSim *sim, void *data)
{
    const Taking *t = data;
    figures_add(t->outcome->figures, sim, t->traced);
    t->outcome->events += cp_sim_events(sim);
}

static gboolean repeat(const Reality *reality, Outcome *o, unsigned runs, GError **error)
{
    Repetition first = repetition(reality, o->scenario, 0, runs, false);
    first.scale = o->scale;
    if (!correct(reality, o, &first, error)) {
        return FALSE;
    }
    for (unsigned i = 0; i < 2 * runs; i++) {
        Taking taking = {o, i >= runs};
        Repetition rep = repetition(reality, o->scenario, i % runs, runs, taking.traced);
        rep.scale *= o->corrected;
        if (!run(reality, o->scenario, &rep, take_figures, &taking, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

Outcome *simulate(const Reality *reality, yajl_val scenario, unsigned runs)
{
    GError *error = NULL;
    Outcome *o = g_new0(Outcome, 1);
    yajl_val m = measured_of(reality, scenario);
    o->scenario = scenario;
    o->figures = figures_of(reality, scenario);
    o->scale = number_at(member(m, "burst_scale"), "median", 1);
    if (m == NULL) {
        o->failure = g_strdup("it was not measured");
    } else if (!repeat(reality, o, runs, &error)) {
        o->failure = g_strdup(error != NULL ? error->message : "the simulation failed");
        g_clear_error(&error);
    }
    figures_compare(o->figures, reality, scenario);
    return o;
}

void outcome_free(Outcome *o)
{
    g_ptr_array_unref(o->figures);
    g_free(o->failure);
    g_free(o);
}
