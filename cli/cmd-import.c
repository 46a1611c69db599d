#include "cli/commands.h"

#include "cli/json.h"
#include "cli/signals.h"
#include "sim/error.h"
#include "sim/params.h"
#include "traces/import-text.h"
#include "traces/rebuild.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

static const CpOption options[] = {
    {"output", 'o', CP_OPT_FILE, "FILE", NULL, NULL, "Output",
     "write this file: a recording (.cpr) or a workload (.cpw)"},
    {"from", 0, CP_OPT_TIME, "TIME", NULL, NULL, "Part",
     "leave out what was before this time since the first event"},
    {"to", 0, CP_OPT_TIME, "TIME", NULL, NULL, "Part",
     "leave out what was after this time"},
    {"root", 0, CP_OPT_NUMBER, "PID", NULL, NULL, "Part",
     "rebuild only this process and what it started"},
    {NULL, 0, CP_OPT_FLAG, NULL, NULL, NULL, NULL, NULL},
};

static CpTime time_option(const CpCli *cli, const char *name)
{
    CpTime t = 0;
    const char *text = cp_opt_text(cli, name);
    return text != NULL && cp_parse_time(text, &t, NULL) ? t : 0;
}

static void print_json(CpCli *cli, const CpImportReport *r, const CpCprInfo *info)
{
    CpJson *json = cp_json_new();
    cp_json_open(json, NULL, '{');
    cp_json_text(json, "coreplay", PACKAGE_VERSION);
    cp_json_int(json, "schema", CP_JSON_SCHEMA);
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
    cp_json_open(json, "cpu_list", '[');
    for (unsigned i = 0; i < r->cpus->len; i++) {
        const CpImportCpu *c = &g_array_index(r->cpus, CpImportCpu, i);
        cp_json_open(json, NULL, '{');
        cp_json_int(json, "cpu", i);
        cp_json_int(json, "switches", (int64_t)c->switches);
        cp_json_int(json, "busy_ns", c->busy);
        cp_json_int(json, "idle_ns", c->idle);
        cp_json_int(json, "lost", (int64_t)c->lost);
        cp_json_close(json, '}');
    }
    cp_json_close(json, ']');
    cp_json_close(json, '}');
    g_autofree char *text = cp_json_free(json);
    cp_out(cli, "%s\n", text);
}

/* The recording knows best what was lost and repaired. */
static int report(CpCli *cli, const char *recording, const CpImportReport *r)
{
    g_autoptr(GError) error = NULL;
    CpCpr *cpr = cp_cpr_open(recording, &error);
    if (cpr == NULL) {
        return cp_fail(cli, error);
    }
    if (cli->json) {
        print_json(cli, r, cp_cpr_info(cpr));
    }
    g_autofree char *text = cp_import_report_text(r);
    if (!cli->quiet) {
        fputs(text, stderr);
    }
    cp_cpr_free(cpr);
    return CP_EXIT_OK;
}

static int import_recording(CpCli *cli, const char *output)
{
    const char *root = cp_opt_text(cli, "root");
    CpImportOptions wanted = {
        .from = time_option(cli, "from"),
        .to = time_option(cli, "to"),
        .root_pid = root != NULL ? g_ascii_strtoll(root, NULL, 10) : 0,
        .source = cli->operands[0],
        .interrupt = cp_signals_flag(),
    };
    CpImportReport r;
    cp_import_report_init(&r);
    cp_signals_catch();
    g_autoptr(GError) error = NULL;
    int code = CP_EXIT_OK;
    if (!cp_import_text(cli->operands[0], output, &wanted, &r, &error)) {
        code = cp_fail(cli, error);
        code = cp_signals_code() != 0 ? cp_signals_code() : code;
    } else {
        code = report(cli, output, &r);
    }
    cp_import_report_clear(&r);
    return code;
}

/* From the recording beside it to the workload text. */
static int write_workload(CpCli *cli, const char *recording, const char *output)
{
    g_autoptr(GError) error = NULL;
    CpCpr *cpr = cp_cpr_open(recording, &error);
    CpRebuild *rb = cpr != NULL ? cp_rebuild_new(cpr, NULL, &error) : NULL;
    int code = CP_EXIT_OK;
    if (rb == NULL) {
        code = cp_fail(cli, error);
    } else {
        g_autofree char *text = cp_rebuild_text(rb);
        g_autofree char *facts = cp_rebuild_report(rb);
        GError *failed = NULL;
        if (!g_file_set_contents_full(output, text, -1, G_FILE_SET_CONTENTS_CONSISTENT,
                                      0666, &failed)) {
            g_set_error(&error, CP_ERROR, CP_ERROR_OUTPUT, "%s", failed->message);
            g_clear_error(&failed);
            code = cp_fail(cli, error);
        } else if (!cli->quiet) {
            fputs(facts, stderr);
        }
    }
    cp_rebuild_free(rb);
    cp_cpr_free(cpr);
    return code;
}

/* A workload is rebuilt from a recording that is kept only while it is being read. */
static int import_workload(CpCli *cli, const char *output)
{
    g_autofree char *recording = g_strconcat(output, ".tmp.cpr", NULL);
    int code = import_recording(cli, recording);
    if (code == CP_EXIT_OK) {
        code = write_workload(cli, recording, output);
    }
    g_unlink(recording);
    return code;
}

static int check_arguments(const CpCli *cli, const char *output)
{
    if (output == NULL) {
        cp_error(cli, "where to? --output is missing");
        cp_help(cli, "for example: coreplay import %s -o real.cpr", cli->operands[0]);
        return CP_EXIT_USAGE;
    }
    CpTime to = time_option(cli, "to");
    if (cp_opt_text(cli, "to") != NULL && to <= time_option(cli, "from")) {
        cp_error(cli, "--to must be later than --from");
        return CP_EXIT_USAGE;
    }
    if (!g_str_has_suffix(output, ".cpr") && !g_str_has_suffix(output, ".cpw")) {
        cp_error(cli, "--output: '%s' ends neither in .cpr nor in .cpw", output);
        cp_help(cli, ".cpr is a recording, .cpw a workload text");
        return CP_EXIT_USAGE;
    }
    return cp_output_check(cli, output, cli->operands);
}

static int run(CpCli *cli)
{
    const char *output = cp_opt_text(cli, "output");
    int code = check_arguments(cli, output);
    if (code != CP_EXIT_OK) {
        return code;
    }
    return g_str_has_suffix(output, ".cpw") ? import_workload(cli, output)
                                            : import_recording(cli, output);
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
