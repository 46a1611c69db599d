/* Runs independent jobs on worker threads; results come back in input order.
 *
 * A job must depend on its index only.  `done` is called on the calling thread, once per
 * index, in order 0, 1, 2 ...; returning false stops: jobs in flight finish, none starts.
 */
#ifndef CP_SIM_BATCH_H
#define CP_SIM_BATCH_H

#include "sim/types.h"

typedef struct {
    void *(*job)(uint64_t index, unsigned worker, void *data); /* on a worker */
    bool (*done)(uint64_t index, void *result, void *data);    /* takes result */
    GDestroyNotify drop; /* frees a result finished after the stop, which `done` never
                            gets; may be NULL */
    void *data;          /* handed to both */
    unsigned n_workers;  /* 0: as many as the host has CPUs */
} CpBatch;

/* Returns the number of indexes delivered. */
uint64_t cp_batch_run(const CpBatch *batch, uint64_t n);

#endif
