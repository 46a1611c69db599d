/* The progress line: standard error, at most 10 updates a second, erased at the end.
 * Where no line may be drawn, --verbose prints one every 10 seconds instead. */
#ifndef CP_CLI_PROGRESS_H
#define CP_CLI_PROGRESS_H

#include "cli/cmd.h"

typedef struct {
    const CpCli *cli;
    const char *label; /* "run", borrowed */
    CpTime total;      /* end of simulated time, CP_NEVER: not known */
    int64_t begun_us;  /* host clock */
    int64_t next_us;   /* host clock of the next update */
    bool drawn;        /* a line stands on the terminal */
} CpProgress;

void cp_progress_begin(CpProgress *progress, const CpCli *cli, const char *label,
                       CpTime total);
/* Fits CpSimConfig.progress; `progress` is the CpProgress. */
void cp_progress_update(CpTime now, uint64_t events, void *progress);
/* Erases the line. */
void cp_progress_end(CpProgress *progress);

#endif
