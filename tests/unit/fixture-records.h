/* Random scheduling records, for tests and benchmarks of recordings. */
#ifndef CP_TESTS_FIXTURE_RECORDS_H
#define CP_TESTS_FIXTURE_RECORDS_H

#include "sim/record.h"

/* The next number of a stream that begins with any *seed (splitmix64). */
uint64_t fixture_random(uint64_t *seed);
/* New array of at least n CpRecord: switches, wake-ups and migrations of threads on 8 CPUs,
 * some 25 us apart. */
GArray *fixture_mixed_records(size_t n, uint32_t n_threads);

#endif
