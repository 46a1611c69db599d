/* The simulated machine: CPUs, which of them share a core, a last-level cache and a
 * memory node, and how fast each is.  Immutable once built; shared by runs. */
#ifndef CP_SIM_MACHINE_H
#define CP_SIM_MACHINE_H

#include "sim/cpumask.h"
#include "sim/params.h"

/* Rows of the machine's settings, in this order. */
enum {
    CP_MACHINE_CORES, /* physical cores */
    CP_MACHINE_SMT,   /* CPUs a core */
    CP_MACHINE_NODES, /* memory nodes */
    CP_MACHINE_LLC,   /* cores sharing a last-level cache; 0: all of a node */
    CP_MACHINE_HZ,
    CP_MACHINE_TICK_PHASE, /* time of the first tick, 0 <= phase < 1/hz */
    CP_MACHINE_SMT_SPEED,  /* share of full speed when the sibling is busy */
    CP_MACHINE_PARAMS
};

extern const CpParam cp_machine_params[];

typedef struct {
    uint32_t core, llc, node; /* numbers, dense from 0 */
    uint32_t capacity;        /* 1024 = full speed */
} CpCpuInfo;

typedef struct {
    uint32_t n_cpus;
    CpTime tick, tick_phase; /* ns */
    uint32_t smt_speed;      /* of 1024: speed of a CPU whose sibling is busy */
    uint32_t smt, n_cores, n_llcs, n_nodes;
    CpCpuInfo *cpu; /* n_cpus; CPU i is on core i % n_cores, as Linux numbers them */
    CpCpuMask all;
    CpCpuMask *llc_cpus, *node_cpus, *core_cpus;
} CpMachine;

/* Builds a machine from settings.  `capacity` (n entries of 1..1024, or NULL) is given per
 * core and repeats its last entry.  CP_ERROR_USAGE: more than CP_CPUS_MAX CPUs, cores not
 * divisible by nodes ... */
CpMachine *cp_machine_new(const CpParamSet *set, const uint32_t *capacity, size_t n,
                          GError **error);
void cp_machine_free(CpMachine *machine);

#endif
