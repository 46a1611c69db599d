/* Messages about input files and about what simulated programs did wrong. */
#ifndef CP_CLI_REPORT_H
#define CP_CLI_REPORT_H

#include "cli/cmd.h"
#include "scenario/scenario.h"

/* Prints all messages on standard error; returns the exit code they ask for, 0 if there
 * are no errors. */
int cp_report_diag(const CpCli *cli, const CpDiag *diag);

/* New text: a help line for a file that is not there (a similar name, a setting without
 * -s), or "". */
char *cp_report_missing(const char *path);

/* New text: "coreplay: simulation stopped at t=3.002 s: deadlock (exit 4)" and below it who
 * holds and who waits, with `stop` in brackets; or, without `stop`, a note about what went
 * wrong in a run that went on. */
char *cp_report_diagnosis(const CpDiagnosis *diagnosis, const char *file, const char *stop);

#endif
