/* Shell completions, written from the tables of cmd.h. */
#ifndef CP_CLI_COMPLETION_H
#define CP_CLI_COMPLETION_H

#include "cli/cmd.h"

/* New text of the completion script; `shell` is bash, zsh or fish. */
char *cp_completion_script(const CpCmd *const *commands, const char *shell);

#endif
