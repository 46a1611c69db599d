/* Metrics: every figure of a run by name, unit and scope.
 *
 * A metric is one row of a table with the function that gets it.  The engine has a table,
 * and so has a runtime or a policy class that keeps figures of its own; models/registry.h
 * lists the rows of all of them.  JSON keys, `expect`, `query`, charts and `compare` read
 * these rows; nothing formats a metric by hand.  Names are dotted (`wakeup_latency.p99`);
 * in JSON and CSV the dot is `_` and times end in `_ns`.
 *
 * Metrics are kept online (counters and histograms), never as samples.  A getter says what
 * has come together since the start of the run; what was before the end of a warm-up is
 * taken off here if the row `sums`, and else its owner begins anew there. */
#ifndef CP_SIM_METRICS_H
#define CP_SIM_METRICS_H

#include "sim/hist.h"
#include "sim/types.h"
#include "sim/units.h"

typedef enum {
    CP_SCOPE_RUN,
    CP_SCOPE_THREAD,
    CP_SCOPE_CPU,
    CP_SCOPE_OBJECT, /* locks, queues, devices */
    CP_SCOPE_GROUP,
    CP_SCOPES
} CpScope;

extern const char *const cp_scope_names[CP_SCOPES]; /* "run", "thread" ... */

typedef struct CpMetric {
    const char *name; /* dotted, without scope; NULL ends a table */
    CpScope scope;
    CpUnit unit;
    const char *help; /* one line */
    /* Value of a subject (thread, CPU ...; 0 for RUN) since the start of the run.  False:
     * not defined in this run (JSON null). */
    bool (*get)(const CpSim *sim, uint32_t subject, int64_t *value);
    bool sums;     /* adds up over a run */
    uint8_t since; /* rows are printed by this number, then by table: what is added later
                      has a higher one, so that older columns keep their places */
} CpMetric;

/* Getters that are an expression of `sim` and the subject `i`; the second is defined only
 * if something holds, and evaluates nothing else before. */
#define CP_METRIC_GETTER_IF(name, defined, expression)                                     \
    static bool name(const CpSim *sim, uint32_t i, int64_t *value)                         \
    {                                                                                      \
        (void)sim, (void)i; /* not every expression has both */                            \
        if (!(defined)) {                                                                  \
            return false;                                                                  \
        }                                                                                  \
        *value = (int64_t)(expression);                                                    \
        return true;                                                                       \
    }
#define CP_METRIC_GETTER(name, expression) CP_METRIC_GETTER_IF(name, true, expression)

/* The engine's own rows. */
extern const CpMetric cp_engine_metrics[];

/* What is read from a histogram of the workload (`respond`, `timed`): HIST.p99. */
typedef struct {
    const char *name;
    CpUnit unit;
    bool (*get)(const CpHist *h, int64_t *value); /* false: nothing was observed */
    bool in_result; /* each histogram has it in a JSON result */
    bool in_sweep;  /* and in the rows of a sweep; others are asked for by name */
} CpHistPart;

/* In printing order, ended by a row without a name. */
extern const CpHistPart cp_hist_parts[];
/* The part of that name, or NULL. */
const CpHistPart *cp_hist_part(const char *name);

/* New text: the stable JSON and CSV key, "wakeup_latency_p99_ns". */
char *cp_metric_key(const char *name, CpUnit unit);

/* Value of a metric as counted: without the warm-up.  False: not defined in this run, or
 * its owner has no part in it. */
bool cp_metric_value(const CpSim *sim, const CpMetric *metric, uint32_t subject,
                     int64_t *value);

/* The row of that name among those of the run, or NULL; for loops over subjects. */
const CpMetric *cp_metric_in(const CpSim *sim, CpScope scope, const char *name);
/* Its value, by name. */
bool cp_metric_named(const CpSim *sim, CpScope scope, const char *name, uint32_t subject,
                     int64_t *value);

/* By dotted name as `expect` and `query` write it: `makespan`, `latency.p99`, `end.NAME`,
 * `cpu.NAME` (thread), `var.NAME`, `HIST.PART`.  False: no such metric,
 * or not defined in this run. */
bool cp_metric_find(const CpSim *sim, const char *name, int64_t *value, CpUnit *unit);

/* How many subjects a scope has. */
uint32_t cp_metric_subjects(const CpSim *sim, CpScope scope);

#endif
