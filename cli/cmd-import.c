#include "cli/commands.h"

#include "cli/import-list.h"
#include "cli/interrupt.h"
#include "cli/recorder.h"
#include "sim/params.h"
#include "traces/import/formats.h"
#include "traces/rebuild/rebuild.h"
#include "traces/root.h"
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
    {"root", 0, CP_OPT_TEXT, "PID|NAME", NULL, NULL, "Part",
     "the program that is meant: this process and what it started. Of a recording it is "
     "remembered, a workload keeps nothing else"},
    {"others", 0, CP_OPT_FLAG, NULL, NULL, NULL, "Part",
     "workload: keep other processes as load that does not have to end"},
    {"pin", 0, CP_OPT_FLAG, NULL, NULL, NULL, "Part",
     "workload: a thread seen on one CPU only may run nowhere else"},
    {"list", 0, CP_OPT_FLAG, NULL, NULL, NULL, "Output",
     "print processes and threads with their CPU time, and write nothing"},
    {NULL, 0, CP_OPT_FLAG, NULL, NULL, NULL, NULL, NULL},
};

/* What was read of a foreign trace; NULL: a recording was read. */
static void add_reading(CpJson *json, const CpImportReport *r, const CpCprInfo *info)
{
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
}

/* What became of it as a workload. */
static void add_rebuilt(CpJson *json, const CpRebuild *rebuild)
{
    uint32_t n = cp_rebuild_n_threads(rebuild), n_load = 0;
    CpTime cpu = 0;
    for (uint32_t i = 0; i < n; i++) {
        const CpRebuiltThread *t = cp_rebuild_thread(rebuild, i);
        n_load += t->foreign;
        cpu += t->foreign ? 0 : t->cpu_time;
    }
    cp_json_open(json, "rebuilt", '{');
    cp_json_int(json, "threads", n - n_load);
    cp_json_int(json, "cpu_ns", cpu);
    cp_json_int(json, "makespan_ns", cp_rebuild_makespan(rebuild));
    cp_json_int(json, "load_threads", n_load);
    cp_json_int(json, "load_ns", cp_rebuild_load(rebuild));
    cp_json_int(json, "left_out_ns", cp_rebuild_left_out(rebuild));
    cp_json_open(json, "inferred", '[');
    for (const char *const *text = cp_rebuild_said(rebuild); *text != NULL; text++) {
        cp_json_text(json, NULL, *text);
    }
    cp_json_close(json, ']');
    cp_json_close(json, '}');
}

static int import_recording(CpCli *cli, const char *output, CpImportReport *r)
{
    CpImportOptions wanted = {
        .from = cp_opt_time(cli, "from", 0),
        .to = cp_opt_time(cli, "to", 0),
        .root = cp_opt_text(cli, "root"),
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

/* What is done with the recording once it stands there. */
typedef struct {
    CpCli *cli;
    CpCpr *cpr;
    const CpImportReport *report; /* NULL: it was there already */
    CpJson *json;                 /* NULL: no JSON is wanted */
} Finish;

/* `wanted->root_pid` is set from --root, unless the recording knows it. */
static CpRebuild *rebuild(const Finish *f, CpRebuildOptions *wanted, int *code)
{
    const char *root = f->report == NULL ? cp_opt_text(f->cli, "root") : NULL;
    g_autoptr(GError) error = NULL;
    CpRebuild *made = NULL;
    if (root == NULL || cp_root_find_in(f->cpr, root, &wanted->root_pid, &error)) {
        made = cp_rebuild_new(f->cpr, wanted, &error);
    } else {
        g_prefix_error(&error, "%s: ", f->cli->operands[0]);
    }
    if (made == NULL) {
        *code = cp_fail(f->cli, error);
    }
    return made;
}

static int write_workload(const Finish *f, const char *output)
{
    bool part = f->report == NULL; /* the window has not been cut out yet */
    int code = CP_EXIT_OK;
    CpRebuildOptions wanted = {
        .foreign = cp_opt_flag(f->cli, "others"),
        .pin = cp_opt_flag(f->cli, "pin"),
        .from = part ? cp_opt_time(f->cli, "from", 0) : 0,
        .to = part ? cp_opt_time(f->cli, "to", 0) : 0,
    };
    g_autoptr(GError) error = NULL;
    CpRebuild *made = rebuild(f, &wanted, &code);
    if (made == NULL) {
        return code;
    }
    g_autofree char *text = cp_rebuild_text(made, &error);
    g_autofree char *report = cp_rebuild_report(made);
    code = text != NULL ? cp_write_file(f->cli, output, text, strlen(text))
                        : cp_fail(f->cli, error);
    if (code == CP_EXIT_OK && !f->cli->quiet) {
        fputs(report, stderr);
    }
    if (code == CP_EXIT_OK && f->json != NULL) {
        add_rebuilt(f->json, made);
    }
    cp_rebuild_free(made);
    return code;
}

/* Of a recording whose program was named: what others took of the CPUs meanwhile. */
static int tell_others(const Finish *f)
{
    int code = CP_EXIT_OK;
    CpRebuildOptions wanted = {.foreign = true};
    CpRebuild *made = rebuild(f, &wanted, &code);
    if (made == NULL) {
        return code;
    }
    CpTime load = cp_rebuild_load(made), cpu = 0;
    uint32_t n = cp_rebuild_n_threads(made), n_load = 0;
    for (uint32_t i = 0; i < n; i++) {
        const CpRebuiltThread *t = cp_rebuild_thread(made, i);
        n_load += t->foreign;
        cpu += t->foreign ? 0 : t->cpu_time;
    }
    if (!f->cli->quiet && load > 0) {
        g_autofree char *own = cp_format_time_human(cpu);
        g_autofree char *other = cp_format_time_human(load);
        fprintf(stderr,
                "  --root: %u thread%s with %s of CPU time; %u other%s took %s, %.1f %% of "
                "all. run and whatif keep them as load, a workload with --others\n",
                n - n_load, n - n_load == 1 ? "" : "s", own, n_load, n_load == 1 ? "" : "s",
                other, (double)load / (double)MAX(cpu + load, 1) * 100);
    }
    if (f->json != NULL) {
        add_rebuilt(f->json, made);
    }
    cp_rebuild_free(made);
    return code;
}

/* What comes after the recording stands at `recording`: the workload, the list, the JSON.
 */
static int finish(CpCli *cli, const char *recording, const CpImportReport *r)
{
    g_autoptr(GError) error = NULL;
    const char *output = cp_opt_text(cli, "output");
    Finish f = {.cli = cli, .report = r, .cpr = cp_cpr_open(recording, &error)};
    if (f.cpr == NULL) {
        return cp_fail(cli, error);
    }
    int code = CP_EXIT_OK;
    if (output == NULL) {
        code = cp_import_list(cli, f.cpr, r == NULL ? cp_opt_time(cli, "from", 0) : 0,
                              r == NULL ? cp_opt_time(cli, "to", 0) : 0);
        cp_cpr_free(f.cpr);
        return code;
    }
    if (cli->json) {
        f.json = cp_result_json_new();
        cp_json_text(f.json, "file", cli->operands[0]);
        cp_json_text(f.json, "output", output);
        if (r != NULL) {
            add_reading(f.json, r, cp_cpr_info(f.cpr));
        }
    }
    if (g_str_has_suffix(output, ".cpw")) {
        code = write_workload(&f, output);
    } else if (cp_opt_text(cli, "root") != NULL) {
        code = tell_others(&f);
    }
    if (f.json != NULL && code == CP_EXIT_OK) {
        cp_out_json(cli, g_steal_pointer(&f.json));
    } else if (f.json != NULL) {
        g_free(cp_json_free(f.json));
    }
    cp_cpr_free(f.cpr);
    return code;
}

/* The recording a workload is rebuilt from, or a list is made of, is a step between and
 * goes again. */
static int import_between(CpCli *cli, CpImportReport *r)
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
    bool wants_file = output != NULL && !g_str_has_suffix(output, ".cpw");
    if (!wants_file && cp_cpr_is_file(cli->operands[0])) {
        return finish(cli, cli->operands[0], NULL);
    }
    CpImportReport r;
    cp_import_report_init(&r);
    cp_interrupt_catch();
    int code = CP_EXIT_OK;
    if (!wants_file) {
        code = import_between(cli, &r);
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
    if (output == NULL && !cp_opt_flag(cli, "list")) {
        cp_error(cli, "where to? --output is missing");
        cp_help(cli,
                "for example: coreplay import %s -o real.cpr; --list shows who is in it",
                cli->operands[0]);
        return CP_EXIT_USAGE;
    }
    CpTime to = cp_opt_time(cli, "to", 0);
    if (cp_opt_text(cli, "to") != NULL && to <= cp_opt_time(cli, "from", 0)) {
        cp_error(cli, "--to must be later than --from");
        return CP_EXIT_USAGE;
    }
    if (output == NULL) {
        return CP_EXIT_OK;
    }
    if (!g_str_has_suffix(output, ".cpr") && !g_str_has_suffix(output, ".cpw") &&
        strcmp(output, "-") != 0) {
        cp_error(cli, "--output: '%s' ends neither in .cpr nor in .cpw", output);
        cp_help(cli, ".cpr is a recording, .cpw a workload text");
        return CP_EXIT_USAGE;
    }
    return cp_output_check(cli, output, ".cpr .cpw", cli->operands);
}

/* A Python program is read, not run: what its source says becomes a workload. */
static int read_program(CpCli *cli)
{
    static const struct {
        const char *name;
        bool flag;
    } others[] = {{"from", false},  {"to", false}, {"root", false},
                  {"others", true}, {"pin", true}, {"list", true}};
    const char *output = cp_opt_text(cli, "output");
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++) {
        const char *name = others[i].name;
        if (others[i].flag ? cp_opt_flag(cli, name) : cp_opt_text(cli, name) != NULL) {
            cp_error(cli, "--%s belongs to recordings; a program that is read has none",
                     name);
            cp_help(cli, "coreplay record -- %s runs it and records what it does",
                    cli->operands[0]);
            return CP_EXIT_USAGE;
        }
    }
    if (output == NULL || !g_str_has_suffix(output, ".cpw")) {
        cp_error(cli, "a program becomes a workload: --output FILE.cpw");
        cp_help(cli, "for example: coreplay import %s -o app.cpw", cli->operands[0]);
        return CP_EXIT_USAGE;
    }
    int code = cp_output_check(cli, output, ".cpw", cli->operands);
    const char *const words[] = {"--read", "-o", output, "--", cli->operands[0], NULL};
    return code == CP_EXIT_OK ? cp_recorder_run(cli, NULL, words) : code;
}

static int run(CpCli *cli)
{
    if (g_str_has_suffix(cli->operands[0], ".py")) {
        return read_program(cli);
    }
    const char *output = cp_opt_text(cli, "output");
    int code = check_arguments(cli, output);
    return code == CP_EXIT_OK ? import(cli, output) : code;
}

const CpCmd cp_cmd_import = {
    .name = "import",
    .summary =
        "turn a recording, or the source of a Python program, into a recording or workload",
    .operands = "FILE",
    .operand_list = "files",
    .operands_min = 1,
    .operands_max = 1,
    .kinds = "trace recording",
    .also = "read load convert",
    .examples = {{"coreplay import perf.data -o real.cpr",
                  "perf.data, trace.dat, text of perf script or the kernel's trace file"},
                 {"coreplay import trace.txt -o real.cpw --from 1s --to 3s --root server",
                  "two seconds of one process, as a workload to read and edit"},
                 {"coreplay import app.py -o app.cpw",
                  "a Python program that is read and not run: unknown lengths are params"}},
    .options = options,
    .see_also = "coreplay-plot(1), coreplay-run(1), coreplay-workload(5)",
    .run = run,
};
