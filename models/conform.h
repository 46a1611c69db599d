/* The laws every policy must keep, checked on a run of a random workload.
 *
 *   nobody lost         every thread ends, nothing hangs
 *   one place           nobody runs on two CPUs, nobody runs without having been woken,
 * nobody runs on a CPU it may not use work conserved      no CPU idles while a thread that
 * could run there waits (a class that claims it, free kernel work) work done           CPU
 * time = the work the program asked for (free kernel work) time adds up        run + wait +
 * blocked = lifetime, for records and metrics alike; busy + idle + overhead = CPUs x
 * elapsed repeatable          the same seed gives the same records ticks left out running
 * every tick gives the same switches as leaving silent ones out
 *
 * The laws are checked from the record stream, in a walk that knows nothing of the engine.
 */
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
