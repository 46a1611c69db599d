#include "cli/commands.h"

/* Which commands there are. */

/* In the order of the help page: what a new user needs first comes first. */
const CpCmd *const cp_commands[] = {
    &cp_cmd_init,       &cp_cmd_run,    &cp_cmd_sweep,  &cp_cmd_merge,  &cp_cmd_query,
    &cp_cmd_plot,       &cp_cmd_record, &cp_cmd_import, &cp_cmd_export, &cp_cmd_whatif,
    &cp_cmd_validate,   &cp_cmd_list,   &cp_cmd_doctor, &cp_cmd_help,   &cp_cmd_version,
    &cp_cmd_completion, NULL,
};
