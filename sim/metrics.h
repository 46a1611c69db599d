/* The metrics registry: every figure of a run by name, unit and scope.
 *
 * Metrics are kept online (counters and histograms), never as samples.  JSON keys,
 * `expect`, `query`, charts and `compare` all read this one list; nothing formats a metric
 * by hand. Names are dotted (`wakeup_latency.p99`); in JSON and CSV the dot is `_` and
 * times end in
 * `_ns`. */
#ifndef CP_SIM_METRICS_H
#define CP_SIM_METRICS_H

#include "sim/hist.h"
#include "sim/types.h"

typedef enum {
    CP_UNIT_NS,
    CP_UNIT_COUNT,
    CP_UNIT_PPM,    /* a share: JSON prints it as 0..1 */
    CP_UNIT_MILLI,  /* thousandths, for rates: 200.5 a second is 200500 */
    CP_UNIT_NUMBER, /* a variable of the workload */
    CP_UNIT_BYTES,  /* memory */
} CpUnit;

typedef enum {
    CP_SCOPE_RUN,
    CP_SCOPE_THREAD,
    CP_SCOPE_CPU,
    CP_SCOPE_OBJECT, /* locks, queues, devices */
    CP_SCOPE_GROUP,
    CP_SCOPES
} CpScope;

typedef struct {
    const char *name; /* dotted, without scope */
    CpUnit unit;
    const char *help;
} CpMetricInfo;

/* The metrics of a scope, in printing order; static.  Workload histograms (`respond`,
 * `timed`) come on top of the RUN scope, see cp_sim_hist. */
const CpMetricInfo *cp_metric_list(CpScope scope, size_t *n);

/* New text: the stable JSON and CSV key, "wakeup_latency_p99_ns". */
char *cp_metric_key(const char *name, CpUnit unit);

/* Value of metric number `metric` of cp_metric_list(scope) for `subject` (thread, CPU ...;
 * ignored for RUN).  False: not defined in this run (JSON null). */
bool cp_metric_value(CpSim *sim, CpScope scope, uint32_t subject, size_t metric,
                     int64_t *value);

/* By dotted name as `expect` and `query` write it: `makespan`, `latency.p99`, `end.NAME`,
 * `cpu.NAME` (thread), `var.NAME`, `HIST.n|mean|p50|p99|p999|max`.  False: no such metric,
 * or not defined in this run. */
bool cp_metric_find(CpSim *sim, const char *name, int64_t *value, CpUnit *unit);

/* How many subjects a scope has. */
uint32_t cp_metric_subjects(const CpSim *sim, CpScope scope);

#endif
