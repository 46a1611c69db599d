/* Whose metrics there are, and what they had come to at the end of the warm-up. */
#ifndef CP_SIM_BASELINE_H
#define CP_SIM_BASELINE_H

#include "sim/state.h"

/* One owner's metrics. */
struct CpMetricTable {
    const CpMetric *rows; /* n of them */
    size_t n;
    int64_t **base; /* by row and subject, what it had come to at the end of the warm-up,
                       valid while there is a CpBase; NULL entry: the row does not add up */
};

/* What the warm-up added to the metrics that add up. */
struct CpBase {
    GPtrArray *blocks;     /* of CpMetricTable.base */
    uint32_t n[CP_SCOPES]; /* subjects there were */
    CpTime *irq; /* by thread: interrupts are part of their lives, but no metric */
};

/* Metrics count from now on.  Nothing that decides about the simulated program changes. */
void cp_warmup_end(CpSim *sim);
void cp_warmup_clear(CpSim *sim);

/* metrics.c */
/* Finds the tables of those who take part: engine, runtimes, classes. */
void cp_metrics_init(CpSim *sim);

#endif
