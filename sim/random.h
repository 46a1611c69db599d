/* Random streams: every random number of a run is keyed by the seed, an id and a count,
 * never drawn in the order of events, so that a change of policy changes no work.  This is
 * the list of all ids; two things that draw have two ids. */
#ifndef CP_SIM_RANDOM_H
#define CP_SIM_RANDOM_H

#include "sim/dist.h"

/* Ids of what is numbered: domain << 32 | number.  Flows have ids of their own, hashes of
 * who started them (thread.c:child_id), which are no smaller numbers by any likelihood. */
typedef enum {
    CP_RANDOM_QUEUE = 1,     /* decisions of a class's queue (lottery); number: CPU */
    CP_RANDOM_IRQ = 2,       /* interrupt noise; number: noise x CP_CPUS_MAX + CPU; even
                                counts: gaps, odd ones: lengths */
    CP_RANDOM_GROUP = 3,     /* phase of bandwidth periods; number 0, count: group */
    CP_RANDOM_IDLE_EXIT = 4, /* a halted CPU comes back late; number: CPU */
    CP_RANDOM_SWITCH = 5,    /* key of how much switches cost; number: CPU */
} CpRandomDomain;

/* Second streams of a flow. */
enum {
    CP_RANDOM_RUNTIME = 0x61c, /* what a runtime's own work takes; seed of the flow's id */
};
#define CP_RANDOM_BURST UINT64_C(0x6e6f697365) /* disturbances of bursts; into the seed */

/* Outside a run: programs made for tests. */
enum { CP_RANDOM_WORKLOAD = 0x72616e64 };

static inline uint64_t cp_random(uint64_t seed, CpRandomDomain domain, uint32_t number,
                                 uint64_t count)
{
    return cp_rng_key(seed, (uint64_t)domain << 32 | number, count);
}

#endif
