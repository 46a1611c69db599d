/* One worker of a sweep: runs rows one after the other, keeping what can be used again (the
 * compiled workload, the settings of a point for its repeats, the run's memory); private to
 * sweeps/. */
#ifndef CP_SWEEPS_RUNNER_H
#define CP_SWEEPS_RUNNER_H

#include "sweeps/store.h"

/* Compiled workloads, shared by the workers. */
typedef struct CpCompiled CpCompiled;
CpCompiled *cp_compiled_new(const CpPlan *plan);
void cp_compiled_free(CpCompiled *compiled);

typedef struct CpRunner CpRunner;
CpRunner *cp_runner_new(const CpPlan *plan, CpCompiled *compiled);
void cp_runner_free(CpRunner *runner);
/* Where the records of its runs go from now on: borrowed, NULL: nothing is recorded. */
void cp_runner_sink(CpRunner *runner, const CpSink *sink);

/* New row; what goes wrong is in it. */
CpRow *cp_runner_run(CpRunner *runner, uint64_t point, uint32_t repeat);

#endif
