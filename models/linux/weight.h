/* Weights of fair entities and what time is worth by them: a nanosecond of an entity of
 * weight w is 1024 / w virtual ones, as the kernel rounds it (fair.c:__calc_delta).
 *
 * The kernel multiplies by an inverse from a table, so results differ from a division in
 * the last digits, and goldens hang on them. */
#ifndef CP_MODELS_LINUX_WEIGHT_H
#define CP_MODELS_LINUX_WEIGHT_H

#include "sim/assert.h"
#include "sim/policy.h"

enum { CP_WEIGHT_IDLE = 3 }; /* of SCHED_IDLE threads and idle groups */

typedef struct {
    uint32_t weight; /* 1024: nice 0 */
    uint32_t factor; /* 1024 x inverse of the weight, shifted below 2^32 */
    uint32_t shift;  /* of the factor */
} CpLoadWeight;

/* delta ns of real time in virtual ones; delta is not negative. */
static inline int64_t cp_vdelta(const CpLoadWeight *w, int64_t delta)
{
    cp_assert(delta >= 0); /* the product below has no sign */
    return (int64_t)(((unsigned __int128)(uint64_t)delta * w->factor) >> w->shift);
}

/* The weight with this inverse (2^32 / weight).  Weight 1024 is exact whatever its inverse;
 * as a factor of one, so that charging need not ask: of mixed weights nobody could predict
 * the answer. */
static inline CpLoadWeight cp_load_weight(uint32_t weight, uint32_t inverse)
{
    cp_assert(weight > 0);
    if (weight == 1024) {
        return (CpLoadWeight){weight, 1u << 31, 31};
    }
    uint64_t factor = (uint64_t)1024 * inverse;
    uint32_t high = (uint32_t)(factor >> 32);
    unsigned bits = high == 0 ? 0 : 32 - (unsigned)__builtin_clz(high);
    return (CpLoadWeight){weight, (uint32_t)(factor >> bits), 32 - bits};
}

/* A thread's: the table's inverses are rounded. */
static inline CpLoadWeight cp_thread_weight(const CpSchedAttr *attr)
{
    if (attr->policy == CP_SCHED_IDLE) {
        return cp_load_weight(CP_WEIGHT_IDLE, 1431655765u);
    }
    uint32_t weight = cp_nice_weight(attr->nice);
    return cp_load_weight(weight, (uint32_t)((((uint64_t)1 << 33) / weight + 1) / 2));
}

/* A group's share: computed inverses are truncated. */
static inline CpLoadWeight cp_group_weight(uint32_t weight)
{
    return cp_load_weight(weight, (uint32_t)((((uint64_t)1 << 32) - 1) / weight));
}

/* By how much tunables of time grow with the CPUs: 1 + log2, at most 4; mirrors
 * fair.c:get_update_sysctl_factor. */
static inline uint32_t cp_scaling(uint32_t n_cpus)
{
    return 32 - (uint32_t)__builtin_clz(MIN(n_cpus, 8));
}

#endif
