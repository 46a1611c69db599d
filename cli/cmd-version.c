#include "cli/commands.h"

#include "traces/cpr.h"
#include "scenario/result-json.h"

/* Which versions the program and its formats have. */

static const CpOption options[] = {
    {NULL, 0, CP_OPT_FLAG, NULL, NULL, NULL, NULL, NULL},
};

int cp_version_print(CpCli *cli)
{
    if (!cli->json) {
        cp_out(cli, "coreplay %s\n", PACKAGE_VERSION);
        return CP_EXIT_OK;
    }
    CpJson *json = cp_result_json_new();
    cp_json_int(json, "cpr_version", CP_CPR_VERSION);
    cp_out_json(cli, json);
    return CP_EXIT_OK;
}

const CpCmd cp_cmd_version = {
    .name = "version",
    .summary = "show the version of coreplay and of its formats",
    .operands = "",
    .examples = {{"coreplay version", "print the version"},
                 {"coreplay version --json",
                  "with the versions of the JSON and .cpr formats"},
                 {"coreplay --version", "the same as coreplay version"}},
    .options = options,
    .see_also = "coreplay(1), coreplay-doctor(1)",
    .run = cp_version_print,
};
