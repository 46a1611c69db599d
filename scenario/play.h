/* What a play is made of; private to coreplay.c and play-*.c. */
#ifndef CP_SCENARIO_PLAY_H
#define CP_SCENARIO_PLAY_H

#include "scenario/coreplay.h"
#include "scenario/scenario.h"

struct CpPlay {
    char *path;
    GPtrArray *keys, *values; /* owned text; overrides in the order given */
    CpScenario *scenario;     /* with the overrides of the last load */
    CpSim *sim;               /* of the last run, borrows from scenario; NULL before */
    GPtrArray *metrics; /* CpPlayMetric, NULL-ended; of the scenario, made when asked */
    GHashTable *names;  /* scope << 32 | subject -> text; of the last run, as asked for */
};

/* cp_play_run, with the records of the run handed to a sink; NULL: none. */
gboolean cp_play_run_into(CpPlay *play, const CpSink *records, GError **error);

#endif
