/* The result of a run, as a table for people and as stable JSON.  Everything is read from
 * the metrics registry: a new metric appears here by itself. */
#ifndef CP_CLI_RESULT_H
#define CP_CLI_RESULT_H

#include "scenario/scenario.h"

typedef struct {
    const char *file; /* as given on the command line */
    CpSim *sim;       /* after its run */
    const CpScenario *scenario;
    CpOutcome outcome;
    bool teaching;     /* columns of textbooks */
    unsigned rows_max; /* threads shown in the table; 0: all */
} CpResult;

/* Appends the summary, with its expect lines; returns how many of them failed. */
unsigned cp_result_text(const CpResult *result, GString *out);

/* Appends one line of JSON; returns how many expect lines failed. */
unsigned cp_result_json(const CpResult *result, GString *out);

/* The same for a file that could not be run: `errors` is a JSON array. */
void cp_result_json_error(const char *file, const char *errors, GString *out);

#endif
