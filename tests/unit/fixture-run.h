/* Runs a workload built in C on a small machine, for tests of the engine and its models. */
#ifndef CP_TESTS_FIXTURE_RUN_H
#define CP_TESTS_FIXTURE_RUN_H

#include "models/ops.h"
#include "sim/sim.h"

typedef struct {
    CpWorkload *w;
    CpProcId proc;            /* a native process to put threads into */
    const char *policy;       /* profile name */
    const char *costs;        /* cost set */
    const char *settings[16]; /* "key", "value" pairs of machine and classes, NULL-ended */
    CpTime until;
    uint64_t seed;
    bool exact_ticks;
    bool record;
    const CpRuntimeClass *runtime; /* NULL: the registered ones */

    /* after run_fixture */
    CpSim *sim;
    CpOutcome outcome;
    GArray *records; /* CpRecord */
    CpMachine *machine;
    CpParamSet *machine_set, *cost_set, **class_set;
    const CpPolicyClass *const *classes;
} Fixture;

/* One CPU, EEVDF 6.18, all costs zero, no end. */
void fixture_init(Fixture *f);
/* Runs and requires that no law was broken. */
void fixture_run(Fixture *f);
void fixture_clear(Fixture *f);

/* Adds a thread declaration whose code begins here. */
uint32_t fixture_thread(Fixture *f, const char *name, uint32_t n_regs);
#define fixture_emit(f, op, a, b, c) cp_workload_emit((f)->w, CP_OP_##op, (a), (b), (c), 0)
uint32_t fixture_const(Fixture *f, int64_t value);

/* A metric of the run or of thread `tid`, by name; fails the test if it is not defined. */
int64_t fixture_metric(Fixture *f, const char *name);
/* Lengths in ns of thread tid's stretches on a CPU, from the records: new array of CpTime.
 */
GArray *fixture_stretches(const Fixture *f, CpTid tid);

#endif
