#include "cli/cmd.h"

#include "cli/commands.h"
#include "cli/help.h"
#include "cli/options.h"
#include "sim/params.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const CpExitInfo cp_exit_codes[] = {
    {"0", "done"},
    {"1", "done, but an expect line of the workload failed"},
    {"2", "usage: unknown command, option or setting, or a bad value"},
    {"3", "input: file missing, malformed or of another version"},
    {"4",
     "the simulation stopped: deadlock, guard (--max-events, --max-wall), model error; "
     "results so far are written and marked"},
    {"5", "output or environment: disk full, no permission, closed pipe, missing driver"},
    {"130, 143", "interrupted by Ctrl-C or SIGTERM: the first one finishes and stores what "
                 "was done, the second ends at once"},
    {NULL, NULL},
};

const CpOption cp_global_options[] = {
    {"quiet", 'q', CP_OPT_FLAG, NULL, NULL, NULL, "Global options",
     "print results and errors only"},
    {"verbose", 'v', CP_OPT_FLAG, NULL, NULL, NULL, "Global options",
     "say more on standard error"},
    {"json", 0, CP_OPT_FLAG, NULL, NULL, NULL, "Global options",
     "print JSON on standard output instead of text"},
    {"color", 0, CP_OPT_WORD, "WHEN", "auto|always|never", NULL, "Global options",
     "colour messages: auto, always or never (auto: on a terminal, without NO_COLOR)"},
    {"progress", 0, CP_OPT_WORD, "WHEN", "auto|always|never", NULL, "Global options",
     "draw a progress line on standard error: auto, always or never"},
    {"config", 0, CP_OPT_FILE, "FILE", NULL, NULL, "Global options",
     "read defaults from this file instead of coreplay.conf"},
    {"directory", 'C', CP_OPT_FILE, "DIR", NULL, NULL, "Global options",
     "change to this directory first"},
    {"help", 'h', CP_OPT_FLAG, NULL, NULL, NULL, "Global options", "show help and exit"},
    {"version", 'V', CP_OPT_FLAG, NULL, NULL, NULL, "Global options",
     "show the version and exit"},
    {NULL, 0, CP_OPT_FLAG, NULL, NULL, NULL, NULL, NULL},
};

const CpCmd *cp_command_find(const char *name)
{
    for (const CpCmd *const *cmd = cp_commands; *cmd != NULL; cmd++) {
        if (strcmp((*cmd)->name, name) == 0) {
            return *cmd;
        }
    }
    return NULL;
}

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

/* A word people type for another command: "simulate" for run. */
static const CpCmd *find_synonym(const char *word)
{
    for (const CpCmd *const *cmd = cp_commands; *cmd != NULL; cmd++) {
        g_auto(GStrv) also = g_strsplit((*cmd)->also ? (*cmd)->also : "", " ", -1);
        if (g_strv_contains((const char *const *)also, word)) {
            return *cmd;
        }
    }
    return NULL;
}

static int unknown_command(const CpCli *cli, const char *word)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (const CpCmd *const *cmd = cp_commands; *cmd != NULL; cmd++) {
        g_ptr_array_add(names, (void *)(*cmd)->name);
    }
    g_ptr_array_add(names, NULL);
    g_autofree char *lower = g_ascii_strdown(word, -1);
    const char *near = cp_nearest(lower, (const char *const *)names->pdata);
    const CpCmd *synonym = find_synonym(lower);
    cp_error(cli, "unknown command '%s'", word);
    if (g_file_test(word, G_FILE_TEST_EXISTS)) {
        bool is_recording = g_str_has_suffix(word, ".cpr");
        cp_help(cli,
                is_recording
                    ? "to draw the recording: coreplay plot occupancy %s -o fig.svg"
                    : "to simulate that file: coreplay run %s",
                word);
    } else if (synonym != NULL || near != NULL) {
        cp_help(cli, "did you mean 'coreplay %s'?", synonym ? synonym->name : near);
    } else {
        cp_help(cli, "coreplay help lists the commands");
    }
    return CP_EXIT_USAGE;
}

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
    int code = cp_options_parse(cli, words);
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
        code = cp_options_defaults(cli);
    }
    if (code != CP_EXIT_OK) {
        return code;
    }
    settle(cli);
    return cli->cmd->run(cli);
}

static int dispatch(CpCli *cli, char **words)
{
    int n_used = 0;
    int code = cp_options_parse_global(cli, words, &n_used);
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
    const CpCmd *cmd = cp_command_find(words[0]);
    if (cmd == NULL) {
        return unknown_command(cli, words[0]);
    }
    cli->cmd = cmd;
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
    CpCli cli = {.options = cp_options_new()};
    int code = dispatch(&cli, argc > 0 ? argv + 1 : no_words);
    code = cp_out_finish(&cli, code);
    cp_options_free(cli.options);
    return code;
}
