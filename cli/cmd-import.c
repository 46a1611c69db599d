#include "cli/commands.h"

#include "cli/interrupt.h"
#include "sim/params.h"
#include "traces/import/formats.h"
#include "traces/rebuild/rebuild.h"
#include "scenario/result-json.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What becomes of a foreign recording: a .cpr recording, or a workload rebuilt from it. */

static const CpOption options[] = {
    {"output", 'o', CP_OPT_FILE, "FILE", NULL, NULL, "Output",
     "write this file: a recording (.cpr) or a workload (.cpw); - is standard output, for "
     "a recording"},
    CP_OPTION_FORCE,
    {"from", 0, CP_OPT_TIME, "TIME", NULL, NULL, "Part",
     "leave out what was before this time since the first event"},
    {"to", 0, CP_OPT_TIME, "TIME", NULL, NULL, "Part",
     "leave out what was after this time"},
    {"root", 0, CP_OPT_NUMBER, "PID", NULL, NULL, "Part",
     "workload: keep this process and what it started"},
    {"others", 0, CP_OPT_FLAG, NULL, NULL, NULL, "Part",
     "workload: keep other processes as load that does not have to end"},
    {"pin", 0, CP_OPT_FLAG, NULL, NULL, NULL, "Part",
     "workload: a thread seen on one CPU only may run nowhere else"},
    {NULL, 0, CP_OPT_FLAG, NULL, NULL, NULL, NULL, NULL},
};

static void print_json(CpCli *cli, const CpImportReport *r, const CpCprInfo *info)
{
    CpJson *json = cp_result_json_new();
    cp_json_text(json, "file", cli->operands[0]);
    cp_json_text(json, "output", cp_opt_text(cli, "output"));
    cp_json_int(json, "events", (int64_t)r->events);
    cp_json_int(json, "switches", (int64_t)r->switches);
    cp_json_int(json, "wakeups", (int64_t)MAX(r->wakings, r->wakeups));
    cp_json_int(json, "cpus", r->n_cpus);
    cp_json_int(json, "threads", r->n_threads);
    cp_json_int(json, "span_ns", r->last - r->first);
    cp_json_int(json, "lost", (int64_t)info->lost);
    cp_json_int(json, "repaired", (int64_t)info->repaired);
    cp_json_int(json, "unsorted", (int64_t)r->unsorted);
    cp_json_int(json, "duplicates", (int64_t)r->duplicates);
    cp_json_int(json, "unread_lines", (int64_t)(r->unread + r->broken + r->long_lines));
    cp_json_bool(json, "cut", r->cut);
    g_auto(GStrv) warnings = cp_import_report_warnings(r);
    cp_json_open(json, "warnings", '[');
    for (char **text = warnings; *text != NULL; text++) {
        cp_json_text(json, NULL, *text);
    }
    cp_json_close(json, ']');
    cp_json_open(json, "cpu_list", '[');
    for (unsigned i = 0; i < r->cpus->len; i++) {
        const CpImportCpu *c = &g_array_index(r->cpus, CpImportCpu, i);
        cp_json_open(json, NULL, '{');
        cp_json_int(json, "cpu", i);
        cp_json_int(json, "switches", (int64_t)c->switches);
        cp_json_int(json, "busy_ns", c->busy);
        cp_json_int(json, "idle_ns", c->idle);
        cp_json_int(json, "unknown_ns", c->unknown);
        cp_json_int(json, "lost", (int64_t)c->lost);
        cp_json_close(json, '}');
    }
    cp_json_close(json, ']');
    cp_out_json(cli, json);
}

static int import_recording(CpCli *cli, const char *output, CpImportReport *r)
{
    CpImportOptions wanted = {
        .from = cp_opt_time(cli, "from", 0),
        .to = cp_opt_time(cli, "to", 0),
        .root_pid = cp_opt_number(cli, "root", 0),
        .source = cli->operands[0],
        .interrupt = cp_interrupt_flag(),
    };
    g_autoptr(GError) error = NULL;
    if (!cp_import(cli->operands[0], output, &wanted, r, &error)) {
        int code = cp_fail(cli, error);
        return cp_interrupt_code() != 0 ? cp_interrupt_code() : code;
    }
    g_autofree char *text = cp_import_report_text(r);
    if (!cli->quiet) {
        fputs(text, stderr);
    }
    return CP_EXIT_OK;
}

/* `part`: the window has not been cut out yet. */
static int write_workload(CpCli *cli, CpCpr *cpr, bool part, const char *output)
{
    CpRebuildOptions wanted = {
        .root_pid = cp_opt_number(cli, "root", 0),
        .foreign = cp_opt_flag(cli, "others"),
        .pin = cp_opt_flag(cli, "pin"),
        .from = part ? cp_opt_time(cli, "from", 0) : 0,
        .to = part ? cp_opt_time(cli, "to", 0) : 0,
    };
    g_autoptr(GError) error = NULL;
    CpRebuild *rebuild = cp_rebuild_new(cpr, &wanted, &error);
    if (rebuild == NULL) {
        return cp_fail(cli, error);
    }
    g_autofree char *text = cp_rebuild_text(rebuild, &error);
    g_autofree char *report = cp_rebuild_report(rebuild);
    int code =
        text != NULL ? cp_write_file(cli, output, text, strlen(text)) : cp_fail(cli, error);
    if (code == CP_EXIT_OK && !cli->quiet) {
        fputs(report, stderr);
    }
    cp_rebuild_free(rebuild);
    return code;
}

/* What comes after the recording stands at `recording`: the workload, the JSON. */
static int finish(CpCli *cli, const char *recording, const CpImportReport *r)
{
    g_autoptr(GError) error = NULL;
    const char *output = cp_opt_text(cli, "output");
    CpCpr *cpr = cp_cpr_open(recording, &error);
    if (cpr == NULL) {
        return cp_fail(cli, error);
    }
    int code = CP_EXIT_OK;
    if (g_str_has_suffix(output, ".cpw")) {
        code = write_workload(cli, cpr, r == NULL, output);
    }
    if (code == CP_EXIT_OK && cli->json && r != NULL) {
        print_json(cli, r, cp_cpr_info(cpr));
    }
    cp_cpr_free(cpr);
    return code;
}

/* The recording a workload is rebuilt from is a step between and goes again. */
static int import_workload(CpCli *cli, CpImportReport *r)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *dir = g_dir_make_tmp("coreplay-XXXXXX", &error);
    if (dir == NULL) {
        cp_error(cli, "%s", error->message);
        return CP_EXIT_OUTPUT;
    }
    g_autofree char *between = g_build_filename(dir, "import.cpr", NULL);
    int code = import_recording(cli, between, r);
    if (code == CP_EXIT_OK) {
        code = finish(cli, between, r);
    }
    if (unlink(between) != 0 && code == CP_EXIT_OK) {
        cp_note(cli, "could not remove %s", between);
    }
    if (rmdir(dir) != 0 && code == CP_EXIT_OK) {
        cp_note(cli, "could not remove %s", dir);
    }
    return code;
}

static int import(CpCli *cli, const char *output)
{
    bool wants_workload = g_str_has_suffix(output, ".cpw");
    if (wants_workload && cp_cpr_is_file(cli->operands[0])) {
        return finish(cli, cli->operands[0], NULL);
    }
    CpImportReport r;
    cp_import_report_init(&r);
    cp_interrupt_catch();
    int code = CP_EXIT_OK;
    if (wants_workload) {
        code = import_workload(cli, &r);
    } else {
        code = import_recording(cli, output, &r);
        bool is_file = strcmp(output, "-") != 0;
        code = code == CP_EXIT_OK && is_file ? finish(cli, output, &r) : code;
    }
    cp_import_report_clear(&r);
    return code;
}

static int check_arguments(const CpCli *cli, const char *output)
{
    if (output == NULL) {
        cp_error(cli, "where to? --output is missing");
        cp_help(cli, "for example: coreplay import %s -o real.cpr", cli->operands[0]);
        return CP_EXIT_USAGE;
    }
    CpTime to = cp_opt_time(cli, "to", 0);
    if (cp_opt_text(cli, "to") != NULL && to <= cp_opt_time(cli, "from", 0)) {
        cp_error(cli, "--to must be later than --from");
        return CP_EXIT_USAGE;
    }
    if (!g_str_has_suffix(output, ".cpr") && !g_str_has_suffix(output, ".cpw") &&
        strcmp(output, "-") != 0) {
        cp_error(cli, "--output: '%s' ends neither in .cpr nor in .cpw", output);
        cp_help(cli, ".cpr is a recording, .cpw a workload text");
        return CP_EXIT_USAGE;
    }
    static const char *const of_workloads[] = {"others", "pin"};
    bool workload = g_str_has_suffix(output, ".cpw");
    for (size_t i = 0; !workload && i < G_N_ELEMENTS(of_workloads); i++) {
        if (cp_opt_text(cli, of_workloads[i]) != NULL) {
            cp_error(cli, "--%s is for a workload, and '%s' is a recording",
                     of_workloads[i], output);
            cp_help(cli, "a recording keeps all threads; name a workload: -o real.cpw");
            return CP_EXIT_USAGE;
        }
    }
    return cp_output_check(cli, output, ".cpr .cpw", cli->operands);
}

static int run(CpCli *cli)
{
    const char *output = cp_opt_text(cli, "output");
    int code = check_arguments(cli, output);
    return code == CP_EXIT_OK ? import(cli, output) : code;
}

const CpCmd cp_cmd_import = {
    .name = "import",
    .summary = "turn a recording of real programs into a .cpr recording or a workload",
    .operands = "FILE",
    .operand_list = "files",
    .operands_min = 1,
    .operands_max = 1,
    .also = "read load convert",
    .examples = {{"coreplay import trace.txt -o real.cpr",
                  "text of perf script, trace-cmd report or the kernel's trace file"},
                 {"coreplay import trace.txt -o real.cpw --from 1s --to 3s --root 4711",
                  "two seconds of one process, as a workload to read and edit"},
                 {"perf script -i perf.data | coreplay import - -o real.cpr --json",
                  "from a pipe, with the report as JSON"}},
    .options = options,
    .see_also = "coreplay-plot(1), coreplay-run(1), coreplay-workload(5)",
    .run = run,
};
