#include "cli/commands.h"

#include "cli/config-file.h"
#include "cli/overrides.h"
#include "cli/report.h"
#include "traces/cpr.h"
#include "scenario/result-json.h"

#include <stdio.h>
#include <string.h>

/* Whether files are well-formed, without running them. */

static const CpOption options[] = {
    {"listing", 0, CP_OPT_FLAG, NULL, NULL, NULL, "Options",
     "print the program the workload compiles to"},
    {"set", 's', CP_OPT_LIST, "KEY=VALUE", NULL, "settings", "Options",
     "check with this setting, as for run"},
    {"machine", 'm', CP_OPT_FILE, "FILE|NAME", NULL, "machines", "Options",
     "check with this machine, as for run"},
    {NULL, 0, CP_OPT_FLAG, NULL, NULL, NULL, NULL, NULL},
};

static bool is_config(const char *path)
{
    return g_str_has_suffix(path, ".conf");
}

static void print_object(CpCli *cli, const char *path, const CpDiag *diag, bool ok,
                         const CpScenario *scenario)
{
    CpJson *json = cp_result_json_new();
    cp_json_text(json, "file", path);
    cp_json_bool(json, "ok", ok);
    if (diag != NULL) {
        g_autofree char *messages = cp_diag_json(diag);
        cp_json_raw(json, "messages", g_strstrip(messages));
    }
    if (scenario != NULL && cp_opt_flag(cli, "listing")) {
        g_autofree char *listing = cp_workload_listing(scenario->workload);
        cp_json_text(json, "listing", listing);
    }
    cp_out_json(cli, json);
}

static int check_config(CpCli *cli, const char *path)
{
    int code = cp_config_file_check(cli, path);
    if (cli->json) {
        print_object(cli, path, NULL, code == CP_EXIT_OK, NULL);
    } else if (code == CP_EXIT_OK && !cli->quiet) {
        cp_out(cli, "%s: ok, a configuration file\n", path);
    }
    return code;
}

static void print_text(CpCli *cli, const char *path, const CpScenario *scenario)
{
    const CpWorkload *w = scenario->workload;
    if (cp_opt_flag(cli, "listing")) {
        g_autofree char *listing = cp_workload_listing(w);
        cp_out(cli, "%s", listing);
    } else if (!cli->quiet) {
        cp_out(cli, "%s: ok, %u thread declaration%s, %u instructions, %u expect line%s\n",
               path, w->threads->len, w->threads->len == 1 ? "" : "s", w->code->len,
               scenario->expects->len, scenario->expects->len == 1 ? "" : "s");
    }
}

static int check_workload(CpCli *cli, const char *path, const CpOverrides *overrides)
{
    CpDiag *diag = cp_diag_new(path, NULL, 0);
    CpScenario *scenario =
        cp_scenario_load(path, (const CpOverride *)(void *)overrides->list->data,
                         overrides->list->len, diag);
    int code = scenario != NULL ? CP_EXIT_OK : cp_diag_code(diag);
    if (cli->json) {
        print_object(cli, path, diag, scenario != NULL, scenario);
    } else {
        cp_report_diag(cli, diag);
        g_autofree char *help = cp_report_missing(path);
        fputs(help, stderr);
        if (scenario != NULL) {
            print_text(cli, path, scenario);
        }
    }
    if (scenario != NULL) {
        cp_scenario_free(scenario);
    }
    cp_diag_free(diag);
    return code;
}

static int run(CpCli *cli)
{
    CpOverrides overrides;
    int worst = cp_overrides_init(&overrides, cli);
    for (char **path = cli->operands; worst != CP_EXIT_USAGE && *path != NULL; path++) {
        int code = is_config(*path) ? check_config(cli, *path)
                                    : check_workload(cli, *path, &overrides);
        worst = MAX(worst, code);
    }
    cp_overrides_clear(&overrides);
    return worst;
}

const CpCmd cp_cmd_validate = {
    .name = "validate",
    .summary = "check workloads, recordings and configuration files without running them",
    .operands = "FILE...",
    .operand_list = "files",
    .operands_min = 1,
    .operands_max = -1,
    .kinds = "workload recording configuration",
    .also = "check lint verify",
    .examples = {{"coreplay validate first.cpw",
                  "every problem with line, column and help"},
                 {"coreplay validate --listing first.cpw",
                  "the program the workload compiles to"},
                 {"coreplay validate --json *.cpw", "one JSON object a file"}},
    .options = options,
    .see_also = "coreplay-run(1), coreplay-workload(5)",
    .run = run,
};
