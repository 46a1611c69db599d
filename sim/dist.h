/* Integer-only distributions over keyed random numbers.
 *
 * A value depends only on (seed, id of the entity, number of the draw), never on the order
 * of events, so that variants of a workload meet the same work.  All arithmetic is integer
 * (tables and 128-bit products), so the bytes are the same on every machine. */
#ifndef CP_SIM_DIST_H
#define CP_SIM_DIST_H

#include "sim/types.h"

typedef enum {
    CP_DIST_CONST,     /* p[0] */
    CP_DIST_UNIFORM,   /* p[0]..p[1], inclusive */
    CP_DIST_EXP,       /* mean p[0] */
    CP_DIST_NORMAL,    /* mean p[0], sigma p[1]; below 0 counts as 0 */
    CP_DIST_LOGNORMAL, /* mean p[0] (of the value, not of its logarithm), sigma p[1] / 10^6
                        */
    CP_DIST_PARETO,    /* minimum p[0], alpha p[1] / 10^6 */
    CP_DIST_WEIBULL,   /* scale p[0], shape p[1] / 10^6 */
    CP_DIST_CHOICE, /* equally likely entries p[0] .. p[0] + p[1] - 1 of the value table */
    CP_DIST_EMPIRICAL, /* p[1] sorted values from p[0] of the value table, linear between */
} CpDistKind;

typedef struct {
    uint32_t kind; /* CpDistKind */
    uint32_t pad;
    int64_t p[3];
} CpDist;

/* 64 random bits, equal for equal arguments. */
uint64_t cp_rng_key(uint64_t seed, uint64_t id, uint64_t draw);

/* One value >= 0.  `table` serves CHOICE and EMPIRICAL. */
int64_t cp_dist_sample(const CpDist *dist, const int64_t *table, uint64_t bits);

/* ln(x / 2^32) and exp in 32.32 fixed point, and the normal quantile, for tests. */
int64_t cp_fix_ln(uint64_t x);
uint64_t cp_fix_exp(int64_t x);
int64_t cp_fix_normal(uint64_t bits);

#endif
