#include "cli/commands.h"

#include "cli/options.h"
#include "cli/recorder.h"

#include <string.h>

/* Which interpreter runs the recorder, and what it is told. */

static const CpOption options[] = {
    {"output", 'o', CP_OPT_FILE, "FILE.cpw", NULL, NULL, "Options",
     "write the workload to this file (the program's name with .cpw)"},
    {"python", 0, CP_OPT_FILE, "PYTHON", NULL, NULL, "Options",
     "run the program with this interpreter (python3)"},
    {"for", 0, CP_OPT_TIME, "TIME", NULL, NULL, "Options",
     "end the program after this time; what it did until then is written"},
    {NULL, 0, CP_OPT_FLAG, NULL, NULL, NULL, NULL, NULL},
};

/* "python3 prog.py" may be given as it is typed: the first word is the interpreter. */
static bool is_interpreter(const char *word)
{
    g_autofree char *base = g_path_get_basename(word);
    return g_str_has_prefix(base, "python") && !g_str_has_suffix(base, ".py") &&
           !g_str_has_suffix(base, ".pyw");
}

static int run(CpCli *cli)
{
    char **operands = cli->operands;
    const char *python = cp_opt_text(cli, "python");
    if (is_interpreter(operands[0])) {
        python = python != NULL ? python : operands[0];
        operands++;
    }
    if (operands[0] == NULL) {
        cp_error(cli, "which program? none is given after '%s'", cli->operands[0]);
        cp_help(cli, "for example: coreplay record -- prog.py ARGUMENTS");
        return CP_EXIT_USAGE;
    }
    const char *output = cp_opt_text(cli, "output");
    if (output != NULL && cp_output_no_pipe(cli, output) != CP_EXIT_OK) {
        return CP_EXIT_USAGE;
    }
    g_autofree char *limit =
        g_strdup_printf("%" G_GINT64_FORMAT "us", cp_opt_time(cli, "for", 0) / 1000);
    g_autoptr(GPtrArray) words = g_ptr_array_new();
    if (output != NULL) {
        g_ptr_array_add(words, (char *)"-o");
        g_ptr_array_add(words, (char *)output);
    }
    if (cp_opt_text(cli, "for") != NULL) {
        g_ptr_array_add(words, (char *)"--for");
        g_ptr_array_add(words, limit);
    }
    if (strcmp(operands[0], "-m") != 0) {
        g_ptr_array_add(words, (char *)"--");
    }
    for (; *operands != NULL; operands++) {
        g_ptr_array_add(words, *operands);
    }
    g_ptr_array_add(words, NULL);
    return cp_recorder_run(cli, python, (const char *const *)words->pdata);
}

const CpCmd cp_cmd_record = {
    .name = "record",
    .summary = "run a Python program and write what it did as a workload",
    .operands = "[--] PROGRAM [ARGUMENTS]",
    .operand_list = "files",
    .operands_min = 1,
    .operands_max = -1,
    .also = "python trace profile capture",
    .examples = {{"coreplay record -o app.cpw -- app.py 8",
                  "run app.py 8 with python3; app.cpw is the workload"},
                 {"coreplay record --for 5s -- server.py", "a program that does not end"},
                 {"coreplay run app.cpw -s cores=4", "the recorded program on four cores"}},
    .options = options,
    .see_also =
        "coreplay-run(1), coreplay-whatif(1), coreplay-import(1), coreplay-workload(5)",
    .run = run,
};
