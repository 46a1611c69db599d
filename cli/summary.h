/* The result of a run as a table for people; scenario/result-json has it for programs. */
#ifndef CP_CLI_SUMMARY_H
#define CP_CLI_SUMMARY_H

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
unsigned cp_summary_text(const CpResult *result, GString *out);

#endif
