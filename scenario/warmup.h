/* The warm-up of a run: how much of its beginning its metrics leave out.
 *
 * `auto` asks a pilot run: the same run without a warm-up.  What it observes is the
 * response times in the order they ended (`latency` if there is one, else the first
 * `respond` or `timed` of the workload; wake-up latencies if it has none).  MSER-5 cuts
 * them: of the means of five values each, it drops as many at the beginning as make the
 * standard error of the mean of the rest smallest, half of them at most.  A run for which
 * that half is best never was steady. */
#ifndef CP_SCENARIO_WARMUP_H
#define CP_SCENARIO_WARMUP_H

#include "scenario/scenario.h"

/* Whether the scenario leaves its warm-up to a pilot run. */
bool cp_warmup_is_auto(const CpScenario *scenario);

/* Completes a configuration made by cp_scenario_config: finds the warm-up if it is `auto`,
 * with the seed of the configuration, and checks that it ends before the run does.
 * CP_ERROR_USAGE: it does not; CP_ERROR_MODEL: the pilot run was too short or not steady.
 */
gboolean cp_warmup_resolve(const CpScenario *scenario, CpSimConfig *config, GError **error);

/* The rule by itself: how many of the n values at the beginning to drop; a value is the
 * mean of some observations.  Negative: the half and more. */
int64_t cp_warmup_mser(const double *values, size_t n);

#endif
