#include "sim/machine.h"

#include "sim/assert.h"
#include "sim/error.h"

#include <inttypes.h>

enum { FULL_SPEED = 1024 };

const CpParam cp_machine_params[] = {
    [CP_MACHINE_CORES] = {"cores", CP_PARAM_INT, "2", 1, CP_CPUS_MAX, NULL,
                          "physical cores"},
    [CP_MACHINE_SMT] = {"smt", CP_PARAM_INT, "1", 1, 8, NULL, "CPUs a core"},
    [CP_MACHINE_NODES] = {"numa.nodes", CP_PARAM_INT, "1", 1, CP_CPUS_MAX, NULL,
                          "memory nodes, each with the same number of cores"},
    [CP_MACHINE_LLC] = {"llc.cores", CP_PARAM_INT, "0", 0, CP_CPUS_MAX, NULL,
                        "cores sharing a last-level cache; 0: all of a node"},
    [CP_MACHINE_HZ] = {"hz", CP_PARAM_INT, "250", 1, 10000, NULL,
                       "ticks a second, CONFIG_HZ (100, 250, 300 and 1000 are usual)"},
    [CP_MACHINE_TICK_PHASE] = {"tick.phase", CP_PARAM_TIME, "0ns", 0, CP_S, NULL,
                               "time of the first tick, below one tick's length"},
    [CP_MACHINE_SMT_SPEED] = {"smt.speed", CP_PARAM_SHARE, "60%", 10000, 1000000, NULL,
                              "speed of a CPU while its sibling is busy (estimate)"},
    [CP_MACHINE_PARAMS] = {0},
};

static gboolean check_topology(const CpParamSet *set, GError **error)
{
    int64_t cores = set->v[CP_MACHINE_CORES], smt = set->v[CP_MACHINE_SMT];
    int64_t nodes = set->v[CP_MACHINE_NODES], llc = set->v[CP_MACHINE_LLC];
    if (cores < 1 || smt < 1 || cores * smt > CP_CPUS_MAX) {
        g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                    "%" PRId64 " cores with %" PRId64 " CPUs each make %" PRId64
                    " CPUs, expected 1 to %d; lower 'cores' or 'smt'",
                    cores, smt, cores * smt, CP_CPUS_MAX);
        return FALSE;
    }
    if (nodes < 1 || cores % nodes != 0) {
        g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                    "%" PRId64 " cores cannot be divided among %" PRId64
                    " memory nodes; make 'cores' a multiple of 'numa.nodes'",
                    cores, nodes);
        return FALSE;
    }
    if (llc < 0 || (llc > 0 && cores / nodes % llc != 0)) {
        g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                    "the %" PRId64
                    " cores of a node cannot be divided into caches of %" PRId64
                    "; make 'llc.cores' a divisor of it, or 0",
                    cores / nodes, llc);
        return FALSE;
    }
    return TRUE;
}

static gboolean check_rest(const CpParamSet *set, const uint32_t *capacity, size_t n,
                           GError **error)
{
    CpTime tick = CP_S / set->v[CP_MACHINE_HZ];
    if (set->v[CP_MACHINE_TICK_PHASE] >= tick) {
        g_autofree char *phase = cp_format_time(set->v[CP_MACHINE_TICK_PHASE]);
        g_autofree char *length = cp_format_time(tick);
        g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                    "tick.phase: %s is not below the length of a tick, %s", phase, length);
        return FALSE;
    }
    for (size_t i = 0; i < n; i++) {
        if (capacity[i] < 1 || capacity[i] > FULL_SPEED) {
            g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                        "capacity: %u is out of range, expected 1 to %d (full speed)",
                        capacity[i], FULL_SPEED);
            return FALSE;
        }
    }
    return TRUE;
}

static void fill_cpus(CpMachine *m, const uint32_t *capacity, size_t n)
{
    uint32_t cores_per_llc = m->n_cores / m->n_llcs;
    uint32_t cores_per_node = m->n_cores / m->n_nodes;
    for (CpCpu cpu = 0; cpu < m->n_cpus; cpu++) {
        CpCpuInfo *info = &m->cpu[cpu];
        info->core = cpu % m->n_cores;
        info->llc = info->core / cores_per_llc;
        info->node = info->core / cores_per_node;
        cp_assert(info->llc < m->n_llcs && info->node < m->n_nodes);
        info->capacity = n == 0 ? FULL_SPEED : capacity[MIN(info->core, n - 1)];
        cp_cpumask_set(&m->all, cpu);
        cp_cpumask_set(&m->core_cpus[info->core], cpu);
        cp_cpumask_set(&m->llc_cpus[info->llc], cpu);
        cp_cpumask_set(&m->node_cpus[info->node], cpu);
    }
}

CpMachine *cp_machine_new(const CpParamSet *set, const uint32_t *capacity, size_t n,
                          GError **error)
{
    cp_require(set->spec == cp_machine_params);
    n = capacity == NULL ? 0 : n;
    if (!check_topology(set, error) || !check_rest(set, capacity, n, error)) {
        return NULL;
    }
    const int64_t *v = set->v;
    CpMachine *m = g_new0(CpMachine, 1);
    m->n_cores = (uint32_t)v[CP_MACHINE_CORES];
    m->smt = (uint32_t)v[CP_MACHINE_SMT];
    m->n_cpus = m->n_cores * m->smt;
    m->n_nodes = (uint32_t)v[CP_MACHINE_NODES];
    m->n_llcs =
        v[CP_MACHINE_LLC] == 0 ? m->n_nodes : m->n_cores / (uint32_t)v[CP_MACHINE_LLC];
    m->tick = CP_S / v[CP_MACHINE_HZ];
    m->tick_phase = v[CP_MACHINE_TICK_PHASE];
    m->smt_speed = (uint32_t)(v[CP_MACHINE_SMT_SPEED] * FULL_SPEED / 1000000);
    m->cpu = g_new0(CpCpuInfo, m->n_cpus);
    m->core_cpus = g_new0(CpCpuMask, m->n_cores);
    m->llc_cpus = g_new0(CpCpuMask, m->n_llcs);
    m->node_cpus = g_new0(CpCpuMask, m->n_nodes);
    fill_cpus(m, capacity, n);
    cp_assert(cp_cpumask_count(&m->all) == m->n_cpus);
    return m;
}

void cp_machine_free(CpMachine *machine)
{
    if (machine == NULL) {
        return;
    }
    g_free(machine->cpu);
    g_free(machine->core_cpus);
    g_free(machine->llc_cpus);
    g_free(machine->node_cpus);
    g_free(machine);
}
