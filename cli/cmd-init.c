#include "cli/commands.h"

#include "cli/examples.h"
#include "cli/example-service.h"
#include "cli/example-starter.h"
#include "cli/columns.h"
#include "models/policy-file.h"

#include <string.h>

/* Which example is written, and where. */

static const CpOption options[] = {
    {"list", 0, CP_OPT_FLAG, NULL, NULL, NULL, "Output", "list the examples"},
    {"output", 'o', CP_OPT_FILE, "FILE", NULL, NULL, "Output",
     "write to this file; - is standard output"},
    {"policy", 0, CP_OPT_TEXT, "NAME", NULL, NULL, "Output",
     "write the C file of a scheduling policy of your own instead"},
    {"rate", 0, CP_OPT_TEXT, "N/s", NULL, NULL, "python-service",
     "requests per second (200/s)"},
    {"cpu", 0, CP_OPT_TEXT, "TIME", NULL, NULL, "python-service",
     "CPU time of a request (2ms)"},
    {"io", 0, CP_OPT_TEXT, "TIME", NULL, NULL, "python-service",
     "waiting time of a request (8ms)"},
    {"released", 0, CP_OPT_TEXT, "SHARE", NULL, NULL, "python-service",
     "share of the CPU time in C code without the GIL (20%)"},
    {"memory", 0, CP_OPT_TEXT, "SIZE", NULL, NULL, "python-service",
     "memory of a process (60MiB)"},
    CP_OPTION_FORCE,
    {NULL, 0, CP_OPT_FLAG, NULL, NULL, NULL, NULL, NULL},
};

static int write_new(CpCli *cli, const char *path, const char *text)
{
    bool is_stdout = strcmp(path, "-") == 0; /* which may be a terminal: it is a text */
    int code = is_stdout ? CP_EXIT_OK : cp_output_check(cli, path, NULL, NULL);
    return code == CP_EXIT_OK ? cp_write_file(cli, path, text, strlen(text)) : code;
}

static int write_policy(CpCli *cli, const char *name)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = cp_policy_file_template(name, &error);
    if (text == NULL) {
        return cp_fail(cli, error);
    }
    g_autofree char *file = g_strdup_printf("%s.c", name);
    const char *path = cp_opt_text(cli, "output");
    path = path != NULL ? path : file;
    int code = write_new(cli, path, text);
    if (code == CP_EXIT_OK && strcmp(path, "-") != 0) {
        cp_note(cli, "wrote %s; next: coreplay run first.cpw --policy-file %s", path, path);
    }
    return code;
}

static const char *text_or(CpCli *cli, const char *option, const char *otherwise)
{
    const char *text = cp_opt_text(cli, option);
    return text != NULL ? text : otherwise;
}

static char *read_service(CpCli *cli, int *code)
{
    const CpService service = {.rate = text_or(cli, "rate", "200/s"),
                               .cpu = text_or(cli, "cpu", "2ms"),
                               .io = text_or(cli, "io", "8ms"),
                               .released = text_or(cli, "released", "20%"),
                               .memory = text_or(cli, "memory", "60MiB")};
    g_autoptr(GError) error = NULL;
    char *text = cp_service_workload(&service, &error);
    if (text == NULL) {
        *code = cp_fail(cli, error);
    }
    return text;
}

static char *read_example(CpCli *cli, const CpExampleFile *example, int *code)
{
    char *text = NULL;
    g_autoptr(GError) error = NULL;
    if (strcmp(example->name, CP_SERVICE_NAME) == 0) {
        return read_service(cli, code);
    }
    if (example->path == NULL) {
        return g_strdup(cp_starter_workload);
    }
    if (!g_file_get_contents(example->path, &text, NULL, &error)) {
        *code = cp_fail(cli, error);
    }
    return text;
}

/* New text of the example, or NULL with the message printed. */
static char *example_text(CpCli *cli, const char *name, int *code)
{
    g_autoptr(GPtrArray) examples = cp_examples();
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (unsigned i = 0; i < examples->len; i++) {
        const CpExampleFile *example = examples->pdata[i];
        if (strcmp(example->name, name) == 0) {
            return read_example(cli, example, code);
        }
        g_ptr_array_add(names, example->name);
    }
    g_ptr_array_add(names, NULL);
    *code = cp_unknown(cli, "example", name, (const char *const *)names->pdata,
                       "coreplay init --list");
    return NULL;
}

static int write_example(CpCli *cli, const char *given)
{
    g_autofree char *name = g_str_has_suffix(given, ".cpw")
                                ? g_strndup(given, strlen(given) - 4)
                                : g_strdup(given);
    int code = CP_EXIT_OK;
    g_autofree char *text = example_text(cli, name, &code);
    if (text == NULL) {
        return code;
    }
    g_autofree char *file = g_strdup_printf("%s.cpw", name);
    const char *path = cp_opt_text(cli, "output");
    path = path != NULL ? path : file;
    code = write_new(cli, path, text);
    if (code == CP_EXIT_OK && strcmp(path, "-") != 0) {
        cp_note(cli, "wrote %s; next: coreplay run %s", path, path);
    }
    return code;
}

static int list(CpCli *cli)
{
    g_autoptr(GPtrArray) examples = cp_examples();
    g_autoptr(CpColumns) table = cp_columns_new("ll");
    for (unsigned i = 0; i < examples->len; i++) {
        const CpExampleFile *example = examples->pdata[i];
        cp_columns_cell(table, example->name);
        cp_columns_cell(table, example->summary);
    }
    g_autoptr(GString) out = g_string_new(NULL);
    cp_columns_print(table, out);
    cp_out(cli, "%s", out->str);
    return CP_EXIT_OK;
}

static int run(CpCli *cli)
{
    const char *policy = cp_opt_text(cli, "policy");
    if (cp_opt_flag(cli, "list")) {
        return list(cli);
    }
    if (policy != NULL && cli->n_operands > 0) {
        cp_error(cli,
                 "--policy writes a policy, '%s' would be an example: give one of them",
                 cli->operands[0]);
        return CP_EXIT_USAGE;
    }
    if (policy != NULL) {
        return write_policy(cli, policy);
    }
    return write_example(cli, cli->n_operands > 0 ? cli->operands[0] : CP_STARTER_NAME);
}

const CpCmd cp_cmd_init = {
    .name = "init",
    .summary = "write a commented example workload, or a policy of your own",
    .operands = "[NAME]",
    .operand_list = "examples",
    .operands_max = 1,
    .kinds = "python-service other",
    .kinds_are = CP_KINDS_OF_WORDS,
    .also = "new create example examples start",
    .examples = {{"coreplay init", "write first.cpw, a workload to begin with"},
                 {"coreplay init python-service --rate 200/s --cpu 2ms --io 8ms",
                  "a Python service in all its forms, ready to sweep"},
                 {"coreplay init --policy mine",
                  "write mine.c, a scheduling policy for run --policy-file"}},
    .options = options,
    .see_also = "coreplay-run(1), coreplay-workload(5)",
    .run = run,
};
