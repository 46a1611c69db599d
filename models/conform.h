/* The laws every policy must keep, checked on a run of a random workload:
 *
 * - nobody is lost: every thread ends, nothing hangs
 * - one place: nobody runs on two CPUs, unwoken, or on a CPU it may not use
 * - work is conserved: no CPU idles while a thread that could run there waits, if the class
 *   claims that and kernel work is free
 * - work is done: CPU time is the work the program asked for, if kernel work is free
 * - time adds up: run + wait + blocked = lifetime, for records and metrics alike; busy +
 *   idle + overhead = CPUs x elapsed
 * - it is repeatable: the same seed gives the same records
 * - ticks may be left out: running every tick gives the same switches
 *
 * They are checked from the records, in a walk that knows nothing of the engine. */
#ifndef CP_MODELS_CONFORM_H
#define CP_MODELS_CONFORM_H

#include "models/registry.h"
#include "sim/sim.h"

/* What is put to the test: a stack of classes with their settings, as in CpSimConfig. */
typedef struct {
    const CpPolicyClass *const *classes;
    const CpParamSet *const *params;
    bool kernel; /* threads may have policies of their own */
} CpConformSubject;

/* Runs random workload number `seed` and checks every law.  CP_ERROR_MODEL: names the law,
 * the time and the thread, and the seed that repeats it. */
gboolean cp_conform_check(const CpConformSubject *subject, uint64_t seed, GError **error);

/* The same for a registered profile with further settings ("key", "value", ..., NULL). */
gboolean cp_conform_profile(const CpProfile *profile, const char *const *settings,
                            uint64_t seed, GError **error);

/* The laws that hold whatever kernel work costs; `records` are those of the whole run of
 * `sim`. */
gboolean cp_conform_records(CpSim *sim, const CpRecord *records, size_t n, GError **error);

#endif
