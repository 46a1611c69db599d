/* The result of a run as a table for people; scenario/result-json has it for programs. */
#ifndef CP_CLI_SUMMARY_H
#define CP_CLI_SUMMARY_H

#include "scenario/scenario.h"

typedef struct {
    const char *file; /* as given on the command line */
    CpSim *sim;       /* after its run */
    const CpScenario *scenario;
    CpOutcome outcome;
    bool teaching;       /* columns of textbooks */
    unsigned rows_max;   /* threads and tasks shown in the tables; 0: all */
    unsigned lines_max;  /* lines shown of what the program prints, values of a variable; 0:
                            all */
    const CpRunLog *log; /* NULL: nothing was kept */
} CpResult;

/* Appends the summary, with its expect lines; returns how many of them failed. */
unsigned cp_summary_text(const CpResult *result, GString *out);

#endif
