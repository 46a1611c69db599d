/* What a recording of a simulated run says of itself: names of threads, locks, devices,
 * marks, histograms and groups, and where it came from. */
#ifndef CP_SCENARIO_RUN_NAMES_H
#define CP_SCENARIO_RUN_NAMES_H

#include "traces/cpr.h"
#include "scenario/scenario.h"

/* New text, fit for a terminal: the workload's name, or that of its file: a recording has
 * no other. */
char *cp_run_workload_name(const CpScenario *scenario, const char *file);

/* Adds the names to the recording and fills `info` from a run that ended.  `metrics` is the
 * run's JSON object, or NULL. */
void cp_run_describe(CpCprWriter *writer, CpSim *sim, const CpScenario *scenario,
                     const char *metrics, CpCprInfo *info);

#endif
