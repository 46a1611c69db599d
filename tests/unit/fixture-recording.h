/* Made-up recordings for tests of readers: threads that run, sleep and are preempted by a
 * plain rule, with all that a real recording has (switches, wake-ups, migrations, names).
 */
#ifndef CP_TESTS_FIXTURE_RECORDING_H
#define CP_TESTS_FIXTURE_RECORDING_H

#include "traces/cpr.h"

typedef struct {
    uint32_t n_cpus, n_threads;
    CpTime end;
    CpTime slice;           /* typical length of a slice */
    unsigned idle_permille; /* part of the slices after which the CPU idles as long */
    unsigned long_permille; /* part of the slices that are twenty times as long */
    uint64_t seed;
    CpOrigin origin;
    const char *const *names; /* of the first threads, NULL-ended; NULL: "worker-1" ... */
    const char *machine, *policy, *workload;
} Fixture;

/* Writes a recording; a failure ends the test program. */
void fixture_write(const char *path, const Fixture *fixture);
/* Writes these records, of `n_threads` threads named "worker-1" ...; MORE records right
 * after their heads. */
void fixture_write_records(const char *path, const Fixture *fixture,
                           const CpRecord *records, size_t n);
/* The same, opened. */
CpCpr *fixture_open(const char *path, const Fixture *fixture);

/* cmocka's set-up and tear-down: *state is the path of an empty temporary file. */
int fixture_set_up(void **state);
int fixture_tear_down(void **state);

#endif
