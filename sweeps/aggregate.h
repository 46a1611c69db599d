/* One line for many rows: "mean(makespan) ci95(p95(latency.p99))" of each group; private to
 * sweeps/. */
#ifndef CP_SWEEPS_AGGREGATE_H
#define CP_SWEEPS_AGGREGATE_H

#include "sweeps/stats.h"
#include "sweeps/table.h"

/* What is made of a column: a statistic, or an end or half the width of its interval. */
typedef enum { CP_PLAIN, CP_CI95, CP_LO95, CP_HI95 } CpInterval;

typedef struct {
    char *text;   /* "p95(latency.p99)": as written, without the metric */
    char *metric; /* column */
    CpStatistic what;
    CpInterval interval;
} CpAggregate;

void cp_aggregate_free(void *aggregate);

/* Appends the aggregates of --show.  CP_ERROR_USAGE. */
gboolean cp_aggregates_read(const char *text, GPtrArray *list, GError **error);

/* New table: the columns named, then the aggregates, one row for each group.  All columns
 * they mention are in `data`.  Runs that failed stopped somewhere: they are counted, and in
 * no statistic unless `failed_too`. */
CpTableData *cp_table_data_grouped(const CpTableData *data, char **names,
                                   const GPtrArray *aggregates, bool failed_too);

#endif
