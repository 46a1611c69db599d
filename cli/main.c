#include "cli/cmd.h"

#include "cli/applies.h"
#include "cli/argv.h"
#include "cli/commands.h"
#include "cli/config-file.h"
#include "cli/help.h"
#include "cli/interrupt.h"
#include "cli/memory.h"
#include "cli/options.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What happens around a command: standard streams, global options, its operands, the exit
 * code. */

/* A closed standard stream would hand its number to the next file opened, and messages
 * would end up in a recording.  The stand-ins refuse every read or write. */
static void guard_standard_streams(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) == -1 && errno == EBADF) {
            int got = open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
            if (got < 0) {
                _exit(CP_EXIT_OUTPUT);
            }
        }
    }
}

/* For messages where nothing can be asked any more. */
static const char *command;

static bool decide(const char *when, bool automatic)
{
    if (when == NULL || strcmp(when, "auto") == 0) {
        return automatic;
    }
    return strcmp(when, "always") == 0;
}

/* Reads the global options once all are known. */
static void settle(CpCli *cli)
{
    const char *term = g_getenv("TERM");
    const char *no_color = g_getenv("NO_COLOR");
    bool is_tty = isatty(STDERR_FILENO) && term != NULL && strcmp(term, "dumb") != 0;
    cli->quiet = cp_opt_flag(cli, "quiet");
    cli->verbose = cp_opt_flag(cli, "verbose") && !cli->quiet;
    cli->json = cp_opt_flag(cli, "json");
    cli->colour = decide(cp_opt_text(cli, "color"),
                         is_tty && (no_color == NULL || *no_color == '\0'));
    cli->progress = !cli->quiet && decide(cp_opt_text(cli, "progress"), is_tty);
}

static int change_directory(const CpCli *cli)
{
    const char *dir = cp_opt_text(cli, "directory");
    if (dir != NULL && chdir(dir) != 0) {
        cp_error(cli, "cannot change to directory '%s': %s", dir, g_strerror(errno));
        return CP_EXIT_INPUT;
    }
    return CP_EXIT_OK;
}

static int check_operands(const CpCli *cli)
{
    const CpCmd *cmd = cli->cmd;
    if (cli->n_operands < cmd->operands_min) {
        cp_error(cli, "expected %s, found %s", cmd->operands,
                 cli->n_operands == 0 ? "nothing" : "too few operands");
        cp_help(cli, "for example: %s   coreplay help %s says more",
                cmd->examples[0].command, cmd->name);
        return CP_EXIT_USAGE;
    }
    if (g_strv_contains((const char *const *)cli->operands, "")) {
        cp_error(cli, "an operand is empty");
        cp_help(cli, "a shell variable without a value does that");
        return CP_EXIT_USAGE;
    }
    if (cmd->operands_max >= 0 && cli->n_operands > cmd->operands_max) {
        cp_error(cli, "unexpected operand '%s'", cli->operands[cmd->operands_max]);
        cp_help(cli, "usage: coreplay %s%s%s", cmd->name, *cmd->operands ? " " : "",
                cmd->operands);
        return CP_EXIT_USAGE;
    }
    return CP_EXIT_OK;
}

static int run_command(CpCli *cli, char **words)
{
    int code = cp_argv_command(cli, words);
    if (code != CP_EXIT_OK) {
        return code;
    }
    settle(cli);
    if (cp_opt_flag(cli, "help")) {
        cp_help_command(cli, cli->cmd);
        return CP_EXIT_OK;
    }
    if (cp_opt_flag(cli, "version")) {
        return cp_version_print(cli);
    }
    code = change_directory(cli);
    if (code == CP_EXIT_OK) {
        code = check_operands(cli);
    }
    if (code == CP_EXIT_OK) {
        code = cp_config_file_defaults(cli);
    }
    if (code != CP_EXIT_OK) {
        return code;
    }
    code = cp_applies_check(cli);
    if (code != CP_EXIT_OK) {
        return code;
    }
    settle(cli);
    return cli->cmd->run(cli);
}

static int dispatch(CpCli *cli, char **words)
{
    int n_used = 0;
    int code = cp_argv_global(cli, words, &n_used);
    if (code != CP_EXIT_OK) {
        return code;
    }
    settle(cli);
    words += n_used;
    if (words[0] == NULL && cp_opt_flag(cli, "version")) {
        return cp_version_print(cli);
    }
    if (words[0] == NULL && cp_opt_flag(cli, "help")) {
        cp_help_overview(cli);
        return CP_EXIT_OK;
    }
    if (words[0] == NULL) {
        cp_error(cli, "no command given");
        cp_help(cli, "coreplay help lists the commands; to begin: coreplay init && "
                     "coreplay run first.cpw");
        return CP_EXIT_USAGE;
    }
    const CpCmd *cmd = cp_command_find(cli, words[0]);
    if (cmd == NULL) {
        return cp_command_unknown(cli, words[0]);
    }
    cli->cmd = cmd;
    command = cmd->name;
    return run_command(cli, words + 1);
}

int main(int argc, char **argv)
{
    guard_standard_streams();
    /* Only for characters in messages: numbers keep the point, whatever the locale. */
    setlocale(LC_CTYPE, "");
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file beyond its limit is an error like a full disk */
    char *no_words[] = {NULL};
    cp_memory_watch(&command);
    cp_interrupt_clean();
    CpCli cli = {.commands = cp_commands, .options = cp_options_new()};
    int code = dispatch(&cli, argc > 0 ? argv + 1 : no_words);
    code = cp_out_finish(&cli, code);
    if (code == CP_EXIT_OUTPUT) {
        cp_memory_tell();
    }
    cp_options_free(cli.options);
    return code;
}
