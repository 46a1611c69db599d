/* One run: assembled from immutable parts, run to its end, then asked for results.
 *
 * A run is a value: it depends on the configuration and nothing else, holds no globals, and
 * two may run side by side on two host threads.  The order of simultaneous events is part
 * of the contract: timers before CPU events; timers by order of arming; CPUs by number. */
#ifndef CP_SIM_SIM_H
#define CP_SIM_SIM_H

#include "sim/costs.h"
#include "sim/machine.h"
#include "sim/metrics.h"
#include "sim/policy.h"
#include "sim/program.h"
#include "sim/record.h"
#include "sim/runtime.h"
#include "sim/types.h"

/* Everything is borrowed until cp_sim_free. */
typedef struct {
    const CpMachine *machine;
    const CpPolicyClass *const *classes;   /* highest first; NULL-ended */
    const CpParamSet *const *class_params; /* one a class; NULL entry: it has none */
    const CpRuntimeClass *const *runtimes; /* known ones; NULL-ended */
    const CpParamSet *const *proc_params;  /* one a process of the workload, may be NULL */
    const CpParamSet *costs;
    const CpWorkload *workload; /* verified */
    uint64_t seed;
    CpTime until;        /* CP_NEVER: run to the end */
    CpTime warmup;       /* metrics count from here on; 0: from the start */
    uint64_t max_events; /* 0: no guard */
    /* Instructions and events at one moment that count as a loop without time; 0: ten
     * million.  Tests that mean to meet such loops often set less. */
    uint64_t max_at_once;
    CpTime max_wall;    /* host ns, 0: no guard */
    bool exact_ticks;   /* run every tick instead of leaving silent ones out */
    const CpSink *sink; /* NULL: no records */
    CpRecordFilter filter;
    const volatile int *interrupt; /* set to non-zero by a signal handler, may be NULL */
    void (*progress)(CpTime now, uint64_t events,
                     void *data); /* now and then; may be NULL */
    void *progress_data;
} CpSimConfig;

/* CP_ERROR_USAGE or CP_ERROR_MODEL: a setting the classes or runtimes refuse. */
CpSim *cp_sim_new(const CpSimConfig *config, GError **error);
void cp_sim_free(CpSim *sim);

/* Makes the run ready again for another configuration, reusing its memory. */
gboolean cp_sim_reset(CpSim *sim, const CpSimConfig *config, GError **error);

/* Runs to the end.  Error only for CP_OUTCOME_ERROR (a broken law, a failing sink or
 * replay, an end before the warm-up was over); every other outcome is a result. */
CpOutcome cp_sim_run(CpSim *sim, GError **error);

CpOutcome cp_sim_outcome(const CpSim *sim);
uint64_t cp_sim_events(const CpSim *sim);
const CpSimConfig *cp_sim_config(const CpSim *sim);

/* What the simulated program did wrong, in order of time. */
typedef struct {
    const char
        *kind; /* "deadlock", "starvation", "zero-time loop", "unlock of a free lock" ... */
    CpTime at;
    char *text;      /* owned by the run */
    GArray *threads; /* CpTid, owned by the run */
} CpDiagnosis;
const GPtrArray *cp_sim_diagnoses(const CpSim *sim);

/* Threads that ever existed, in order of creation: 0 .. n-1. */
uint32_t cp_sim_n_threads(const CpSim *sim);
/* New text: "worker-3"; the declaration's name alone if it has one instance. */
char *cp_sim_thread_name(const CpSim *sim, CpTid tid);
/* Row of its process in the workload; a forked process has its parent's. */
CpProcId cp_sim_thread_proc(const CpSim *sim, CpTid tid);
uint32_t cp_sim_thread_decl(const CpSim *sim, CpTid tid);
/* Number of its process, as `pid` in the workload: from 1000 on, in order of creation. */
int64_t cp_sim_pid(const CpSim *sim, CpTid tid);
/* Threads in the order they ended (for `expect order`): new array of CpTid. */
GArray *cp_sim_end_order(const CpSim *sim);

/* Histograms named by the workload, by index of CpWorkload.hists. */
const CpHist *cp_sim_hist(const CpSim *sim, uint32_t hist);
/* Wake-up latency and run slices of the whole run. */
const CpHist *cp_sim_wakeup_hist(const CpSim *sim);
const CpHist *cp_sim_slice_hist(const CpSim *sim);

/* Names for the recording of this run, see traces/cpr.h. */
const char *cp_outcome_name(CpOutcome outcome);

#endif
