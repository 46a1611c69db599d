/* The commands, one cmd-X.c each. */
#ifndef CP_CLI_COMMANDS_H
#define CP_CLI_COMMANDS_H

#include "cli/cmd.h"

extern const CpCmd *const cp_commands[]; /* NULL-ended, in the order of the help page */

extern const CpCmd cp_cmd_run;
extern const CpCmd cp_cmd_sweep;
extern const CpCmd cp_cmd_merge;
extern const CpCmd cp_cmd_query;
extern const CpCmd cp_cmd_export;
extern const CpCmd cp_cmd_import;
extern const CpCmd cp_cmd_plot;
extern const CpCmd cp_cmd_record;
extern const CpCmd cp_cmd_whatif;
extern const CpCmd cp_cmd_validate;
extern const CpCmd cp_cmd_list;
extern const CpCmd cp_cmd_init;
extern const CpCmd cp_cmd_doctor;
extern const CpCmd cp_cmd_help;
extern const CpCmd cp_cmd_version;
extern const CpCmd cp_cmd_completion;

/* "coreplay 0.1.0", as text or JSON. */
int cp_version_print(CpCli *cli);

#endif
