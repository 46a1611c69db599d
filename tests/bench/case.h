/* A run put together by hand, for benchmarks: the newest EEVDF profile with a slice of 3
 * ms, reference costs, a workload built through sim/program.h. */
#ifndef CP_TESTS_BENCH_CASE_H
#define CP_TESTS_BENCH_CASE_H

#include "models/registry.h"
#include "models/ops.h"
#include "sim/sim.h"
#include "tests/bench/bench.h"

/* One configured run and what it borrows from. */
typedef struct {
    CpWorkload *workload;
    CpMachine *machine;
    CpParamSet *machine_params, *costs;
    const CpPolicyClass *const *classes;
    CpParamSet **class_params;
    CpSimConfig config;
} Case;

static inline void must(bool ok, GError *error)
{
    if (!ok) {
        fprintf(stderr, "benchmark: %s\n", error != NULL ? error->message : "failed");
        exit(1);
    }
}

/* The settings of the newest EEVDF profile, with the bare loop's slice. */
static inline void case_policy(Case *c)
{
    const CpProfile *profile = cp_profile_find("eevdf");
    must(profile != NULL, NULL);
    c->classes = profile->classes;
    c->class_params = cp_profile_params(profile);
    int row;
    CpParamSet *set =
        cp_class_params_find(c->classes, c->class_params, "eevdf.base_slice", &row);
    must(set != NULL && cp_params_set(set, row, "3ms", CP_FROM_SET, NULL), NULL);
}

/* Takes the workload, which is verified here. */
static inline void case_init(Case *c, CpWorkload *workload, unsigned cores)
{
    GError *error = NULL;
    g_autofree char *text = g_strdup_printf("%u", cores);
    *c = (Case){.workload = workload};
    must(cp_workload_verify(workload, &error), error);
    c->machine_params = cp_params_new(cp_machine_params);
    must(cp_params_set(c->machine_params, CP_MACHINE_CORES, text, CP_FROM_SET, &error),
         error);
    c->machine = cp_machine_new(c->machine_params, NULL, 0, &error);
    must(c->machine != NULL, error);
    c->costs = cp_cost_set("reference");
    case_policy(c);
    c->config = (CpSimConfig){
        .machine = c->machine,
        .classes = c->classes,
        .class_params = (const CpParamSet *const *)c->class_params,
        .runtimes = cp_runtime_classes(),
        .costs = c->costs,
        .workload = workload,
        .seed = 1,
        .until = CP_NEVER,
    };
}

static inline void case_clear(Case *c)
{
    cp_class_params_free(c->classes, c->class_params);
    cp_params_free(c->costs);
    cp_machine_free(c->machine);
    cp_params_free(c->machine_params);
    cp_workload_free(c->workload);
}

typedef struct {
    double ns; /* of cp_sim_run */
    uint64_t events;
    int64_t switches;
} Timing;

static inline Timing case_run(const Case *c)
{
    GError *error = NULL;
    CpUnit unit;
    CpSim *sim = cp_sim_new(&c->config, &error);
    must(sim != NULL, error);
    double start = bench_now_ns();
    CpOutcome outcome = cp_sim_run(sim, &error);
    Timing t = {.ns = bench_now_ns() - start, .events = cp_sim_events(sim)};
    must(outcome != CP_OUTCOME_ERROR, error);
    must(cp_metric_find(sim, "switches", &t.switches, &unit), NULL);
    cp_sim_free(sim);
    return t;
}

/* n equal threads that compute and sleep in turn, exponentially distributed. */
static inline CpWorkload *sleepers(unsigned n, CpTime compute, CpTime sleep)
{
    CpWorkload *w = cp_workload_new(&cp_ops);
    CpProcId proc = cp_workload_proc(w, "mixed", "native");
    uint32_t decl = cp_workload_thread(w, proc, "worker");
    CpThreadDecl *t = cp_thread_decl(w, decl);
    t->copies = n;
    uint32_t entry = t->entry = cp_workload_pc(w);
    CpDist c = {.kind = CP_DIST_EXP, .p = {compute}},
           s = {.kind = CP_DIST_EXP, .p = {sleep}};
    cp_workload_emit(w, CP_OP_COMPUTE, CP_ARG_DIST, 0, cp_workload_dist(w, c), 0);
    cp_workload_emit(w, CP_OP_SLEEP, CP_ARG_DIST, 0, cp_workload_dist(w, s), 0);
    cp_workload_emit(w, CP_OP_JUMP, 0, 0, entry, 0);
    return w;
}

#endif
