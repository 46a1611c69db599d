/* Which option works on what: the table of applies.def and of the charts, and its rules.
 * See cmd.h for the kinds a command has. */
#ifndef CP_CLI_APPLIES_H
#define CP_CLI_APPLIES_H

#include "cli/cmd.h"

/* The kind of file that is by its content: "workload", "recording", "trace" (text of
 * another recorder), "results" (of a sweep), "lines" (of run --json), "configuration";
 * NULL: it is no regular file, or of a kind that only the command can tell. */
const char *cp_input_kind(const char *path);

/* New text: the kinds an option works on, separated by blanks; "" for none. */
char *cp_applies_kinds(const CpCmd *cmd, const CpOption *option);
/* New texts, NULL if there is no such rule: these have to be given with it ("a|b": one of
 * them); none of these may be; --output ends so.  Separated by blanks. */
char *cp_applies_needs(const CpCmd *cmd, const CpOption *option);
char *cp_applies_not_with(const CpCmd *cmd, const CpOption *option);
char *cp_applies_makes(const CpCmd *cmd, const CpOption *option);

/* Refuses what was typed and does nothing here, saying what to do; forgets it where a
 * configuration file says it.  Returns an exit code. */
int cp_applies_check(CpCli *cli);

#endif
