/* Shell completions.  What can stand where is decided here, once; the script of a shell
 * only asks for it and shows it. */
#ifndef CP_CLI_COMPLETION_H
#define CP_CLI_COMPLETION_H

#include "cli/cmd.h"

/* The completion script; `shell` is bash, zsh or fish. */
const char *cp_completion_script(const char *shell);

/* New text: what can follow `words` (NULL-ended, without the program's name) and begins
 * with `current`, one a line, a tab before what it is; ":files" where a file may stand. */
char *cp_completion_words(CpCli *cli, char *const *words, const char *current);

#endif
