/* Sets of CPUs: a fixed bitmap, so that a copy is plain assignment. */
#ifndef CP_SIM_CPUMASK_H
#define CP_SIM_CPUMASK_H

#include "sim/assert.h"
#include "sim/types.h"

typedef struct CpCpuMask {
    uint64_t bits[CP_CPUS_MAX / 64];
} CpCpuMask;

/* "0-3,6": sets bits; the error names the first bad number. */
gboolean cp_parse_cpus(const char *text, CpCpuMask *out, GError **error);

static inline void cp_cpumask_set(CpCpuMask *mask, CpCpu cpu)
{
    cp_assert(cpu < CP_CPUS_MAX);
    mask->bits[cpu / 64] |= (uint64_t)1 << (cpu % 64);
}

static inline void cp_cpumask_clear(CpCpuMask *mask, CpCpu cpu)
{
    cp_assert(cpu < CP_CPUS_MAX);
    mask->bits[cpu / 64] &= ~((uint64_t)1 << (cpu % 64));
}

static inline bool cp_cpumask_has(const CpCpuMask *mask, CpCpu cpu)
{
    cp_assert(cpu < CP_CPUS_MAX);
    return (mask->bits[cpu / 64] >> (cpu % 64)) & 1;
}

/* First CPU at or after `from`, or CP_NONE. */
static inline CpCpu cp_cpumask_next(const CpCpuMask *mask, CpCpu from)
{
    for (CpCpu word = from / 64; word < CP_CPUS_MAX / 64; word++) {
        uint64_t bits = mask->bits[word];
        if (word == from / 64) {
            bits &= ~(uint64_t)0 << (from % 64);
        }
        if (bits != 0) {
            return word * 64 + (CpCpu)__builtin_ctzll(bits);
        }
    }
    return CP_NONE;
}

static inline uint32_t cp_cpumask_count(const CpCpuMask *mask)
{
    uint32_t n = 0;
    for (size_t i = 0; i < CP_CPUS_MAX / 64; i++) {
        n += (uint32_t)__builtin_popcountll(mask->bits[i]);
    }
    return n;
}

#endif
