#include "cli/commands.h"

#include "cli/help.h"

#include <string.h>

/* Which page a word asks for. */

static const CpOption options[] = {
    {"manual", 0, CP_OPT_FILE, "FILE", NULL, NULL, "Options",
     "fill the marks of a manual page source from the option tables and print it"},
    {NULL, 0, CP_OPT_FLAG, NULL, NULL, NULL, NULL, NULL},
};

static const CpCmd *find(const CpCli *cli, const char *name, int *code)
{
    const CpCmd *cmd = cp_command_find(cli, name);
    if (cmd == NULL) {
        g_autoptr(GPtrArray) names = g_ptr_array_new();
        for (const CpCmd *const *p = cli->commands; *p != NULL; p++) {
            g_ptr_array_add(names, (void *)(*p)->name);
        }
        g_ptr_array_add(names, NULL);
        *code = cp_unknown(cli, "command", name, (const char *const *)names->pdata,
                           "coreplay help");
    }
    return cmd;
}

/* "docs/coreplay-run.1.scd" is about the command run; "coreplay.1.scd" about the program.
 */
static int manual(CpCli *cli, const char *path)
{
    g_autofree char *source = NULL;
    g_autoptr(GError) error = NULL;
    if (!g_file_get_contents(path, &source, NULL, &error)) {
        return cp_fail(cli, error);
    }
    g_autofree char *base = g_path_get_basename(path);
    const CpCmd *cmd = NULL;
    if (g_str_has_prefix(base, "coreplay-")) {
        g_autofree char *name =
            g_strndup(base + strlen("coreplay-"), strcspn(base + strlen("coreplay-"), "."));
        int code = CP_EXIT_OK;
        cmd = find(cli, name, &code);
        if (cmd == NULL) {
            return code;
        }
    }
    g_autofree char *text = cp_help_manual(cli, cmd, source);
    cp_out(cli, "%s", text);
    return CP_EXIT_OK;
}

static int run(CpCli *cli)
{
    if (cp_opt_text(cli, "manual") != NULL) {
        return manual(cli, cp_opt_text(cli, "manual"));
    }
    if (cli->n_operands == 0) {
        cp_help_overview(cli);
        return CP_EXIT_OK;
    }
    int code = CP_EXIT_OK;
    const CpCmd *cmd = find(cli, cli->operands[0], &code);
    if (cmd != NULL) {
        cp_help_command(cli, cmd);
    }
    return code;
}

const CpCmd cp_cmd_help = {
    .name = "help",
    .summary = "explain a command: examples, options, related pages",
    .operands = "[COMMAND]",
    .operand_list = "commands",
    .operands_max = 1,
    .examples = {{"coreplay help", "list the commands and exit codes"},
                 {"coreplay help run", "examples and options of run"},
                 {"coreplay plot --help", "the same page for plot"}},
    .options = options,
    .see_also = "coreplay(1), coreplay-list(1)",
    .run = run,
};
