/* Declarations of a workload that need threads of their own: pools, and queues between
 * processes.  Each counts as declaring threads of the process, and emits their code, so it
 * may stand only where no body is being emitted. */
#ifndef CP_MODELS_PYTHON_DECLARE_H
#define CP_MODELS_PYTHON_DECLARE_H

#include "sim/program.h"

/* Declares the pool and the threads it needs. */
uint32_t cp_workload_pool(CpWorkload *w, CpProcId proc, const char *name, CpPoolKind kind,
                          uint32_t n);
/* Makes the queue one of multiprocessing: declares its feeder thread. */
void cp_workload_feeder(CpWorkload *w, CpProcId proc, uint32_t obj);

#endif
