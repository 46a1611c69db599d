/* Load averages: how much of the recent past something was so, of 1024, where what was 32
 * periods of 1024 x 1024 ns ago counts half; mirrors pelt.c.
 *
 * The kernel updates its sums at ticks and adds whole periods; here an average is known as
 * of the last change of what it averages, and read as of now by one multiplication.  So it
 * does not matter which ticks are simulated, and values are the ideal ones. */
#ifndef CP_MODELS_LINUX_PELT_H
#define CP_MODELS_LINUX_PELT_H

#include "sim/types.h"

enum {
    CP_PELT_UNIT_SHIFT = 10, /* a unit of time is 1024 ns */
    CP_PELT_HALF_SHIFT = 15, /* units in a half-life */
    CP_PELT_SHIFT = 20,      /* an average of 1 */
};

/* What an average that is always "yes" comes to, just below 1024. */
#define CP_PELT_FULL (((int64_t)1024 << CP_PELT_SHIFT) - 1)

static inline uint64_t cp_pelt_units(CpTime t)
{
    return (uint64_t)t >> CP_PELT_UNIT_SHIFT;
}

/* 2^31 x 2^(-k/128), k from 0 to 127 */
extern const uint32_t cp_pelt_steps[128];

/* The share, of 2^31, that is left of an average after so many units. */
static inline uint32_t cp_pelt_factor(uint64_t units)
{
    enum {
        STEP_SHIFT = CP_PELT_HALF_SHIFT - 7, /* units between two rows */
        GONE = 31,                           /* half-lives after which nothing is left */
        LN2 = 90852,                         /* ln 2 / 2^15 in 2^-32 */
    };
    uint64_t halves = units >> CP_PELT_HALF_SHIFT;
    if (halves >= GONE) {
        return 0;
    }
    uint32_t rest = (uint32_t)units & ((1u << CP_PELT_HALF_SHIFT) - 1);
    uint64_t f = cp_pelt_steps[rest >> STEP_SHIFT];
    /* Between two rows exp(-x) = 1 - x + x^2 / 2. */
    uint64_t x = (uint64_t)(rest & ((1u << STEP_SHIFT) - 1)) * LN2;
    f -= f * (x - (x * x >> 33)) >> 32;
    return (uint32_t)(f >> halves);
}

/* An average of a while later, if it was `to` all the time: 0 or CP_PELT_FULL. */
static inline uint32_t cp_pelt_later(uint32_t average, uint32_t to, uint32_t factor)
{
    int64_t gap = ((int64_t)average - to) * factor;
    return (uint32_t)(to + ((gap + (1 << 30)) >> 31));
}

/* The same for a sum of averages. */
static inline int64_t cp_pelt_sum_later(int64_t sum, int64_t to, uint32_t factor)
{
    __int128 gap = (__int128)(sum - to) * factor;
    return to + (int64_t)((gap + (1 << 30)) >> 31);
}

#endif
