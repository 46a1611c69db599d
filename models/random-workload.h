/* Random workloads for testing policies: small programs that meet every way of leaving a
 * CPU and coming back, always end, and need a known amount of CPU time.
 *
 * A workload is a function of its seed, so a failure can be repeated.  Threads compute,
 * sleep, wait for a device, take a lock, hand items to each other, yield, change their nice
 * value, start children and wait for them; some are pinned to some of the CPUs. */
#ifndef CP_MODELS_RANDOM_WORKLOAD_H
#define CP_MODELS_RANDOM_WORKLOAD_H

#include "sim/program.h"

typedef struct {
    uint64_t seed;
    uint32_t n_cpus;
    bool kernel; /* some threads get real-time and other policies of their own */
} CpRandomPlan;

/* Returns a new, verified workload.  *work gets a new array of CpTime: the CPU time each
 * thread of a declaration needs, by declaration. */
CpWorkload *cp_random_workload(const CpRandomPlan *plan, GArray **work);

#endif
