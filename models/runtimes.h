/* The language runtimes there are; one file each. */
#ifndef CP_MODELS_RUNTIMES_H
#define CP_MODELS_RUNTIMES_H

#include "sim/runtime.h"

extern const CpRuntimeClass cp_runtime_native, cp_runtime_python;

/* Event loops of a run, by the numbers of their records, and the thread each runs on. */
uint32_t cp_python_n_loops(const CpSim *sim);
CpTid cp_python_loop_thread(const CpSim *sim, uint32_t loop, bool *uvloop);

#endif
