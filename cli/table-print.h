/* Tables of queries: text for people, CSV, JSON lines. */
#ifndef CP_CLI_TABLE_PRINT_H
#define CP_CLI_TABLE_PRINT_H

#include "cli/cmd.h"
#include "sweeps/query.h"

void cp_table_print_text(CpCli *cli, const CpTableData *data);
void cp_table_print_csv(CpCli *cli, const CpTableData *data);
/* One object a line. */
void cp_table_print_json(CpCli *cli, const CpTableData *data);

/* A value of an axis: a number where it is one; one with a unit as it was written, and as a
 * number under the key that says the unit ("load": "3ms", "load_ns": 3000000). */
void cp_table_json_value(CpJson *json, const char *key, const char *text);

#endif
