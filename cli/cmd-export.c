#include "cli/commands.h"

#include "cli/interrupt.h"
#include "cli/report.h"
#include "traces/export/formats.h"
#include "traces/facts.h"

#include <stdio.h>

/* Which format a recording is written in, and what is said about it. */

static const CpOption options[] = {
    {"output", 'o', CP_OPT_FILE, "FILE", NULL, NULL, "Output",
     "write this file; its ending says the format, see coreplay list formats; - is "
     "standard output"},
    {"format", 0, CP_OPT_TEXT, "NAME", NULL, NULL, "Output",
     "write this format, whatever the ending of the file is"},
    CP_OPTION_FORCE,
    {"from", 0, CP_OPT_TIME, "TIME", NULL, NULL, "Part",
     "begin at this time of the recording"},
    {"to", 0, CP_OPT_TIME, "TIME", NULL, NULL, "Part", "end at this time"},
    {NULL, 0, CP_OPT_FLAG, NULL, NULL, NULL, NULL, NULL},
};

static int unknown_format(const CpCli *cli, const char *name)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (const CpExportFormat *const *f = cp_export_formats; *f != NULL; f++) {
        g_ptr_array_add(names, (void *)(*f)->name);
    }
    g_ptr_array_add(names, NULL);
    return cp_unknown(cli, "format", name, (const char *const *)names->pdata,
                      "coreplay list formats");
}

/* NULL: an error was printed; `code` is set. */
static const CpExportFormat *choose(const CpCli *cli, const char *output, int *code)
{
    const char *name = cp_opt_text(cli, "format");
    const CpExportFormat *format =
        name != NULL ? cp_export_find(name) : cp_export_of_name(output);
    *code = CP_EXIT_OK;
    if (format == NULL && name != NULL) {
        *code = unknown_format(cli, name);
    } else if (format == NULL) {
        cp_error(cli, "which format? '%s' does not say", output);
        g_autoptr(GString) endings = g_string_new(NULL);
        for (const CpExportFormat *const *f = cp_export_formats; *f != NULL; f++) {
            g_auto(GStrv) first = g_strsplit((*f)->endings, " ", 2);
            g_string_append_printf(endings, "%s%s", endings->len > 0 ? ", " : "", first[0]);
        }
        cp_help(cli, "end the name in %s, or give --format NAME", endings->str);
        *code = CP_EXIT_USAGE;
    }
    return format;
}

static CpCpr *open_recording(const CpCli *cli, int *code)
{
    g_autoptr(GError) error = NULL;
    const char *path = cli->operands[0];
    CpCpr *cpr = cp_cpr_open(path, &error);
    if (cpr == NULL) {
        *code = cp_fail(cli, error);
        g_autofree char *help = cp_report_missing(path);
        fputs(help, stderr);
        if (*help == '\0' && g_str_has_suffix(path, ".cpw")) {
            cp_help(cli, "record it first: coreplay run %s -o run.cpr", path);
        } else if (*help == '\0') {
            cp_help(cli,
                    "a recording of another program is imported first: coreplay import "
                    "%s -o real.cpr",
                    path);
        }
        return NULL;
    }
    g_auto(GStrv) warnings = cp_facts_warnings(cpr);
    for (char **text = warnings; *text != NULL; text++) {
        cp_note(cli, "%s: %s", path, *text);
    }
    return cpr;
}

static int write_file(const CpCli *cli, CpCpr *cpr, const CpExportFormat *format,
                      const char *output)
{
    g_autoptr(GError) error = NULL;
    cp_interrupt_catch();
    if (!cp_export(cpr, format, cp_opt_time(cli, "from", 0), cp_opt_time(cli, "to", 0),
                   output, cp_interrupt_flag(), &error)) {
        int code = cp_fail(cli, error);
        return cp_interrupt_code() != 0 ? cp_interrupt_code() : code;
    }
    if (cli->verbose) {
        cp_note(cli, "wrote %s: %s", output, format->help);
    }
    return CP_EXIT_OK;
}

static int run(CpCli *cli)
{
    const char *output = cp_opt_text(cli, "output");
    int code = CP_EXIT_OK;
    if (output == NULL) {
        cp_error(cli, "where to? --output is missing");
        cp_help(cli, "for example: -o run.pftrace   the ending says the format");
        return CP_EXIT_USAGE;
    }
    if (cp_opt_text(cli, "to") != NULL &&
        cp_opt_time(cli, "to", 0) <= cp_opt_time(cli, "from", 0)) {
        cp_error(cli, "--to must be later than --from");
        return CP_EXIT_USAGE;
    }
    const CpExportFormat *format = choose(cli, output, &code);
    if (format == NULL) {
        return code;
    }
    code = cp_output_check(cli, output, ".csv .json .txt", cli->operands);
    CpCpr *cpr = code == CP_EXIT_OK ? open_recording(cli, &code) : NULL;
    if (cpr == NULL) {
        return code;
    }
    code = write_file(cli, cpr, format, output);
    cp_cpr_free(cpr);
    return code;
}

const CpCmd cp_cmd_export = {
    .name = "export",
    .summary = "write a recording for other viewers: perf, Perfetto, KernelShark, CSV",
    .operands = "FILE.cpr",
    .operand_list = "files",
    .operands_min = 1,
    .operands_max = 1,
    .also = "convert save write perfetto chrome ftrace",
    .examples = {{"coreplay export run.cpr -o run.pftrace",
                  "to be opened at ui.perfetto.dev"},
                 {"coreplay export run.cpr -o perf.data",
                  "for perf sched timehist -i perf.data"},
                 {"coreplay export run.cpr -o run.csv --from 1s --to 2s",
                  "a second of it as a table of intervals"}},
    .options = options,
    .see_also = "coreplay-run(1), coreplay-import(1), coreplay-plot(1)",
    .run = run,
};
