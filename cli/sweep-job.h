/* One invocation of `coreplay sweep`: what its parts share.  sweep-plan.c reads the
 * options, cmd-sweep.c runs all points, sweep-search.c looks for one. */
#ifndef CP_CLI_SWEEP_JOB_H
#define CP_CLI_SWEEP_JOB_H

#include "cli/cmd.h"
#include "sweeps/sweep.h"

typedef struct {
    CpCli *cli;
    const char *output; /* as given, or NULL */
    char *scratch;      /* file of a sweep without -o */
    CpPlan *plan;
    CpStore *store;
    CpSweepOptions o;
    CpExpr *condition; /* of --such-that */
    char *find_key;
    bool find_max;
    CpFind find;
    GString *others; /* of the present search: values of the other axes */
    CpJson *tried;   /* of it, with --json; else NULL */
    char *until_key; /* metric of --until-ci */
    int64_t shown_us;
    bool drawn;
} CpSweepJob;

/* Prints a message and a help line; returns CP_EXIT_USAGE. */
int cp_sweep_usage(const CpCli *cli, const char *text, const char *help);

/* From the options to the plan; returns an exit code. */
int cp_sweep_plan(CpSweepJob *job);

/* Searches, once for each setting of the other axes, and prints what it finds. */
int cp_sweep_search(CpSweepJob *job);

#endif
