#include "cli/commands.h"

#include "cli/completion.h"

/* Prints the completion script of a shell. */

static const CpOption options[] = {
    {NULL, 0, CP_OPT_FLAG, NULL, NULL, NULL, NULL, NULL},
};

static int run(CpCli *cli)
{
    static const char *const shells[] = {"bash", "zsh", "fish", NULL};
    const char *shell = cli->operands[0];
    if (!g_strv_contains(shells, shell)) {
        return cp_unknown(cli, "shell", shell, shells, "coreplay help completion");
    }
    g_autofree char *script = cp_completion_script(cli->commands, shell);
    cp_out(cli, "%s", script);
    return CP_EXIT_OK;
}

const CpCmd cp_cmd_completion = {
    .name = "completion",
    .summary = "print the completion script of a shell",
    .operands = "bash|zsh|fish",
    .operand_list = "bash|zsh|fish",
    .operands_min = 1,
    .operands_max = 1,
    .examples = {{"source <(coreplay completion bash)", "complete in this bash session"},
                 {"coreplay completion zsh > ~/.zfunc/_coreplay",
                  "for zsh, with ~/.zfunc in fpath"},
                 {"coreplay completion fish > ~/.config/fish/completions/coreplay.fish",
                  "for fish"}},
    .options = options,
    .see_also = "coreplay(1), coreplay-help(1)",
    .run = run,
};
