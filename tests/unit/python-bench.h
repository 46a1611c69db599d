/* A Python process on a simulated machine, for tests: the program is built with the
 * program builder, runs with ideal costs, and its records are kept. */
#ifndef CP_TESTS_PYTHON_BENCH_H
#define CP_TESTS_PYTHON_BENCH_H

#include "models/ops.h"
#include "models/python/declare.h"
#include "models/python/laws.h"
#include "models/registry.h"
#include "sim/sim.h"

typedef struct {
    CpTime at;
    uint32_t kind, id, arg, id2;
    int64_t value;
} PyRec;

typedef struct {
    CpWorkload *w;
    CpProcId proc;
    const char *version, *policy;
    unsigned cores;
    CpTime until;
    uint64_t seed;
    const char *costs; /* "ideal" */
    struct {
        const char *key, *value;
    } set[16]; /* settings of the runtime */
    unsigned n_set;
    CpSim *sim;
    CpOutcome outcome;
    GArray *records; /* PyRec */
    CpPyLaws *laws;  /* every run is checked against them */
    /* owned, freed by bench_free */
    CpMachine *machine;
    CpParamSet *costs_set, *machine_set, **proc_params;
    CpParamSet **class_params;
    const CpPolicyClass *const *classes;
    CpSink sink;
} Bench;

Bench *bench_new(const char *version, unsigned cores);
void bench_set(Bench *b, const char *key, const char *value);
/* A thread of the process, with PY_BEGIN emitted. */
uint32_t bench_thread(Bench *b, const char *name, uint32_t n_regs);
/* One that SPAWN starts. */
uint32_t bench_spawned(Bench *b, const char *name, uint32_t n_regs, uint32_t flags);
uint32_t bench_task(Bench *b, const char *name, uint32_t n_regs, uint32_t flags);
uint32_t bench_emit(Bench *b, CpOp op, uint8_t a, uint16_t b_, uint32_t c);
void bench_compute(Bench *b, CpTime work);
void bench_sleep(Bench *b, CpTime length);
void bench_await_sleep(Bench *b, CpTime length);
void bench_mark(Bench *b, const char *text);
void bench_end(Bench *b);    /* EXIT */
void bench_return(Bench *b); /* PY_RETURN */
uint32_t bench_const(Bench *b, int64_t value);
void bench_set_reg(Bench *b, uint16_t reg, int64_t value);
void bench_move(Bench *b, uint16_t to, uint16_t from);
void bench_run(Bench *b);
void bench_free(Bench *b);
/* Time of the n-th mark of that text, -1: none. */
CpTime bench_marked(const Bench *b, const char *text, unsigned n);
unsigned bench_marks(const Bench *b, const char *text);
CpTime bench_thread_end(const Bench *b, const char *name);
int64_t bench_metric(const Bench *b, const char *name);
unsigned bench_count(const Bench *b, uint32_t kind);
unsigned bench_diagnoses(const Bench *b, const char *kind);
/* The stretches in which threads hold the GIL, as "A 0-5 B 5-10": whole ms. */
char *bench_holders(const Bench *b, CpTime unit);

#endif
