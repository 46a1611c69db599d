/* `coreplay sweep --emit`: scripts that run a sweep on many machines. */
#ifndef CP_CLI_SWEEP_SCRIPTS_H
#define CP_CLI_SWEEP_SCRIPTS_H

#include "cli/cmd.h"

typedef struct {
    const char *output; /* the result file */
    const char *file;   /* the workload */
    uint64_t points;
    uint64_t rows;  /* still to be run */
    double seconds; /* of one row, measured */
} CpSweepScript;

/* New text: the command that goes on where this one stops, quoted for a shell. */
char *cp_sweep_command(const CpCli *cli);

void cp_sweep_script_slurm(CpCli *cli, const CpSweepScript *script);
void cp_sweep_script_parallel(CpCli *cli, const CpSweepScript *script);

#endif
