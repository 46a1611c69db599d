#include "cli/commands.h"

#include "cli/completion.h"

#include <string.h>

/* Prints the completion script of a shell, or what such a script asks for. */

static const CpOption options[] = {
    {"current", 0, CP_OPT_TEXT, "TEXT", NULL, NULL, "Options",
     "words: what has been typed of the word to complete"},
    {NULL, 0, CP_OPT_FLAG, NULL, NULL, NULL, NULL, NULL},
};

static int run(CpCli *cli)
{
    static const char *const shells[] = {"bash", "zsh", "fish", "words", NULL};
    const char *what = cli->operands[0];
    if (strcmp(what, "words") == 0) {
        const char *current = cp_opt_text(cli, "current");
        g_autofree char *words =
            cp_completion_words(cli, cli->operands + 1, current != NULL ? current : "");
        cp_out_raw(cli, "%s", words);
        return CP_EXIT_OK;
    }
    if (!g_strv_contains(shells, what)) {
        return cp_unknown(cli, "shell", what, shells, "coreplay help completion");
    }
    if (cli->n_operands > 1) {
        cp_error(cli, "unexpected operand '%s'", cli->operands[1]);
        cp_help(cli, "usage: coreplay completion %s", what);
        return CP_EXIT_USAGE;
    }
    cp_out_raw(cli, "%s", cp_completion_script(what));
    return CP_EXIT_OK;
}

const CpCmd cp_cmd_completion = {
    .name = "completion",
    .summary = "print the completion script of a shell",
    .operands = "bash|zsh|fish|words [WORD...]",
    .operand_list = "bash|zsh|fish|words",
    .operands_min = 1,
    .operands_max = -1,
    .kinds = "words other",
    .kinds_are = CP_KINDS_OF_WORDS,
    .examples = {{"source <(coreplay completion bash)", "complete in this bash session"},
                 {"coreplay completion zsh > ~/.zfunc/_coreplay",
                  "for zsh, with ~/.zfunc in fpath"},
                 {"coreplay completion fish > ~/.config/fish/completions/coreplay.fish",
                  "for fish"}},
    .options = options,
    .see_also = "coreplay(1), coreplay-help(1)",
    .run = run,
};
