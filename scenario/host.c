#include "scenario/host.h"

#include "sim/cpumask.h"
#include "sim/error.h"

#include <string.h>

/* Decides what the host's topology is in settings of a machine: cores, CPUs a core, memory
 * nodes, cores a last-level cache. */

typedef struct {
    CpCpuMask online;
    unsigned n_cpus;
} Host;

/* A list such as 0-3,6 in one file; false: there is none. */
static bool read_list(const char *root, CpCpuMask *mask, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

static bool read_list(const char *root, CpCpuMask *mask, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *name = g_strdup_vprintf(format, args);
    va_end(args);
    g_autofree char *path = g_build_filename(root, name, NULL);
    g_autofree char *text = NULL;
    *mask = (CpCpuMask){{0}};
    return g_file_get_contents(path, &text, NULL, NULL) &&
           cp_parse_cpus(g_strstrip(text), mask, NULL);
}

/* Which CPUs share the last cache with one: of those the kernel lists, the largest set that
 * does not leave its node. */
static CpCpuMask last_cache(const char *root, CpCpu cpu)
{
    CpCpuMask best = {{0}}, shared;
    cp_cpumask_set(&best, cpu);
    for (unsigned i = 0;
         read_list(root, &shared, "cpu/cpu%u/cache/index%u/shared_cpu_list", cpu, i); i++) {
        if (cp_cpumask_count(&shared) > cp_cpumask_count(&best)) {
            best = shared;
        }
    }
    return best;
}

static CpCpuMask core_of(const char *root, CpCpu cpu)
{
    CpCpuMask mask;
    if (!read_list(root, &mask, "cpu/cpu%u/topology/core_cpus_list", cpu) &&
        !read_list(root, &mask, "cpu/cpu%u/topology/thread_siblings_list", cpu)) {
        cp_cpumask_set(&mask, cpu);
    }
    return mask;
}

/* How many different sets the online CPUs form; 0: they are not of one size. */
static unsigned count_sets(const char *root, const Host *h,
                           CpCpuMask (*set_of)(const char *root, CpCpu cpu))
{
    unsigned n = 0, size = 0;
    for (CpCpu c = cp_cpumask_next(&h->online, 0); c != CP_NONE;
         c = cp_cpumask_next(&h->online, c + 1)) {
        CpCpuMask set = set_of(root, c);
        for (size_t w = 0; w < G_N_ELEMENTS(set.bits); w++) {
            set.bits[w] &= h->online.bits[w];
        }
        unsigned k = cp_cpumask_count(&set);
        if (size != 0 && k != size) {
            return 0;
        }
        size = k;
        n += cp_cpumask_next(&set, 0) == c;
    }
    return n;
}

static unsigned count_nodes(const char *root, const Host *h)
{
    unsigned n = 0;
    CpCpuMask nodes, cpus;
    if (!read_list(root, &nodes, "node/online")) {
        return 1;
    }
    for (CpCpu i = cp_cpumask_next(&nodes, 0); i != CP_NONE;
         i = cp_cpumask_next(&nodes, i + 1)) {
        if (!read_list(root, &cpus, "node/node%u/cpulist", i)) {
            continue;
        }
        bool any = false;
        for (CpCpu c = cp_cpumask_next(&cpus, 0); c != CP_NONE && !any;
             c = cp_cpumask_next(&cpus, c + 1)) {
            any = cp_cpumask_has(&h->online, c);
        }
        n += any;
    }
    return MAX(n, 1);
}

static void add(GPtrArray *pairs, const char *key, unsigned value)
{
    g_ptr_array_add(pairs, g_strdup(key));
    g_ptr_array_add(pairs, g_strdup_printf("%u", value));
}

GPtrArray *cp_host_machine(const char *root, GError **error)
{
    Host h = {.n_cpus = 0};
    if (!read_list(root, &h.online, "cpu/online")) {
        g_set_error(error, CP_ERROR, CP_ERROR_INPUT,
                    "%s/cpu/online cannot be read: the host's machine is not known; "
                    "describe it in a file: machine { cores 4 }",
                    root);
        return NULL;
    }
    h.n_cpus = cp_cpumask_count(&h.online);
    unsigned cores = count_sets(root, &h, core_of), nodes = count_nodes(root, &h);
    unsigned caches = count_sets(root, &h, last_cache);
    if (cores == 0 || cores % nodes != 0 || (caches > nodes && cores % caches != 0)) {
        g_set_error(error, CP_ERROR, CP_ERROR_INPUT,
                    "the host's %u CPUs do not form cores, caches and nodes of equal size; "
                    "describe a machine like it in a file: machine { cores 4; capacity "
                    "[1024 x 2, 512 x 2] }",
                    h.n_cpus);
        return NULL;
    }
    GPtrArray *pairs = g_ptr_array_new_with_free_func(g_free);
    add(pairs, "cores", cores);
    add(pairs, "smt", h.n_cpus / cores);
    add(pairs, "numa.nodes", nodes);
    add(pairs, "llc.cores", caches > nodes && caches < cores ? cores / caches : 0);
    return pairs;
}
