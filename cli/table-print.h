/* Tables of queries: text for people, CSV, JSON lines. */
#ifndef CP_CLI_TABLE_PRINT_H
#define CP_CLI_TABLE_PRINT_H

#include "cli/cmd.h"
#include "sweeps/query.h"

void cp_table_print_text(CpCli *cli, const CpTableData *data);
void cp_table_print_csv(CpCli *cli, const CpTableData *data);
/* One object a line. */
void cp_table_print_json(CpCli *cli, const CpTableData *data);

#endif
