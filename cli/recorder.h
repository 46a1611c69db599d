#ifndef COREPLAY_CLI_RECORDER_H
#define COREPLAY_CLI_RECORDER_H

#include "cli/commands.h"

/* Puts coreplay_record.py, run by `python` (NULL: python3) with these arguments, in the
 * place of this program.  Returns an exit code, with the reason on stderr, if that fails.
 * `words` ends with NULL and stays the caller's. */
int cp_recorder_run(CpCli *cli, const char *python, const char *const *words);

#endif
