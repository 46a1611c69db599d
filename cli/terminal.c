#include "cli/cmd.h"

#include "sim/params.h"
#include "sim/words.h"
#include "lang/diag.h"
#include "traces/cpr.h"
#include "traces/outfile.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* How results, messages and files leave the program. */

void cp_out_bytes(CpCli *cli, const void *bytes, size_t n)
{
    if (cli->out_errno == 0 && n > 0 && fwrite(bytes, 1, n, stdout) != n) {
        cli->out_errno = errno;
    }
}

/* Texts for people may quote what a user or a foreign file wrote: nothing that steers a
 * terminal gets through, the line ends of our own text do. */
static char *clean(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        char *raw = *line;
        *line = cp_clean_text(raw, -1);
        g_free(raw);
    }
    return g_strjoinv("\n", lines);
}

void cp_out(CpCli *cli, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_autofree char *shown = clean(text);
    cp_out_bytes(cli, shown, strlen(shown));
}

void cp_out_raw(CpCli *cli, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    cp_out_bytes(cli, text, strlen(text));
}

void cp_out_json(CpCli *cli, CpJson *json)
{
    cp_json_close(json, '}');
    g_autofree char *text = cp_json_free(json);
    cp_out_raw(cli, "%s\n", text);
}

bool cp_out_flush(CpCli *cli)
{
    if (cli->out_errno == 0 && fflush(stdout) != 0) {
        cli->out_errno = errno;
    }
    return cli->out_errno == 0;
}

int cp_out_finish(CpCli *cli, int code)
{
    if (cp_out_flush(cli)) {
        return code;
    }
    /* Whoever closed the pipe has read enough; a message would only disturb. */
    if (cli->out_errno != EPIPE) {
        cp_error(cli, "cannot write to standard output: %s", g_strerror(cli->out_errno));
    }
    return code == CP_EXIT_SIGINT || code == CP_EXIT_SIGTERM ? code : CP_EXIT_OUTPUT;
}

static const char *paint(const CpCli *cli, const char *sequence)
{
    return cli->colour ? sequence : "";
}

void cp_error(const CpCli *cli, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *raw = g_strdup_vprintf(format, args);
    va_end(args);
    g_autofree char *text = clean(raw);
    const char *name = cli->cmd != NULL ? cli->cmd->name : "";
    fprintf(stderr, "coreplay%s%s: %serror:%s %s\n", *name ? " " : "", name,
            paint(cli, "\033[1;31m"), paint(cli, "\033[0m"), text);
}

void cp_help(const CpCli *cli, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *raw = g_strdup_vprintf(format, args);
    va_end(args);
    g_autofree char *text = clean(raw);
    fprintf(stderr, "   %shelp:%s %s\n", paint(cli, "\033[1;36m"), paint(cli, "\033[0m"),
            text);
}

void cp_note(const CpCli *cli, const char *format, ...)
{
    if (cli->quiet) {
        return;
    }
    va_list args;
    va_start(args, format);
    g_autofree char *raw = g_strdup_vprintf(format, args);
    va_end(args);
    g_autofree char *text = clean(raw);
    fprintf(stderr, "%s\n", text);
}

int cp_fail(const CpCli *cli, const GError *error)
{
    cp_error(cli, "%s", error->message);
    return error->domain == CP_ERROR ? error->code : CP_EXIT_INPUT;
}

int cp_unknown(const CpCli *cli, const char *what, const char *word,
               const char *const *candidates, const char *list_command)
{
    cp_error(cli, "unknown %s '%s'", what, word);
    const char *near = cp_nearest(word, candidates);
    if (near != NULL) {
        cp_help(cli, "did you mean '%s'?   %s lists all", near, list_command);
    } else {
        cp_help(cli, "%s lists what there is", list_command);
    }
    return CP_EXIT_USAGE;
}

int cp_write_file(CpCli *cli, const char *path, const char *text, size_t n)
{
    g_autoptr(GError) error = NULL;
    if (strcmp(path, "-") == 0) {
        cp_out_bytes(cli, text, n);
        return CP_EXIT_OK;
    }
    CpOutFile *file = cp_outfile_new(path, &error);
    bool ok = file != NULL && cp_outfile_write(file, text, n, &error) &&
              cp_outfile_sync(file, &error) && cp_outfile_commit(file, &error);
    cp_outfile_free(file);
    return ok ? CP_EXIT_OK : cp_fail(cli, error);
}

static bool is_same_file(const char *path, const struct stat *st)
{
    struct stat other;
    return stat(path, &other) == 0 && other.st_dev == st->st_dev &&
           other.st_ino == st->st_ino;
}

/* What a command prints and what it writes cannot go the same way. */
static int check_standard_output(const CpCli *cli)
{
    if (cli->json) {
        cp_error(cli, "--json and --output - both want standard output");
        cp_help(cli, "give --output the name of a file");
        return CP_EXIT_USAGE;
    }
    if (isatty(STDOUT_FILENO)) {
        cp_error(cli, "--output -: standard output is a terminal");
        cp_help(cli, "redirect it, or give the name of a file");
        return CP_EXIT_USAGE;
    }
    return CP_EXIT_OK;
}

int cp_output_no_pipe(const CpCli *cli, const char *path)
{
    if (strcmp(path, "-") == 0) {
        cp_error(cli, "--output: this result cannot go to standard output");
        cp_help(cli, "give the name of a file: it is a database");
        return CP_EXIT_USAGE;
    }
    return CP_EXIT_OK;
}

/* Kinds of files by their endings, and how their content begins; NULL: text, which people
 * edit, or which cannot be told. */
static const struct {
    const char *ending, *what, *magic;
    bool replaceable; /* text that the program writes and nobody edits */
} kinds[] = {
    {".cpr", "a recording", "CPR", false},
    {".db", "a result file of a sweep", NULL, true}, /* continued, not replaced */
    {".cpw", "a workload", NULL, false},
    {".c", "a policy", NULL, false},
    {".csv", "a table", NULL, true},
    {".json", "JSON", NULL, false},
    {".svg", "a chart", "<", false},
    {".pdf", "a chart", "%PDF", false},
    {".png", "a chart", "\x89PNG", false},
    {".txt", "a chart of letters", NULL, true},
};

static int kind_of(const char *path)
{
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (g_str_has_suffix(path, kinds[i].ending)) {
            return (int)i;
        }
    }
    return -1;
}

static int check_ending(const CpCli *cli, const char *path, const char *endings)
{
    int kind = kind_of(path);
    if (endings == NULL || kind < 0) {
        return CP_EXIT_OK;
    }
    g_auto(GStrv) good = g_strsplit(endings, " ", -1);
    if (g_strv_contains((const char *const *)good, kinds[kind].ending)) {
        return CP_EXIT_OK;
    }
    int wanted = kind_of(good[0]);
    cp_error(cli, "'%s' is %s by its ending, and this is %s", path, kinds[kind].what,
             wanted >= 0 ? kinds[wanted].what : "another kind of file");
    bool results = strcmp(good[0], ".db") == 0;
    cp_help(cli,
            results ? "name it %s; for a table: coreplay query RESULTS.db --csv"
                    : "name it %s",
            good[0]);
    return CP_EXIT_USAGE;
}

/* Whether a file that is there may go without a word: it is empty, or of the kind that is
 * written anyway. */
static bool may_replace(const char *path, const struct stat *st)
{
    char head[16] = "";
    int kind = kind_of(path);
    if (st->st_size == 0 || (kind >= 0 && kinds[kind].replaceable)) {
        return true;
    }
    FILE *file = fopen(path, "rb");
    size_t n = file != NULL ? fread(head, 1, sizeof head, file) : 0;
    if (file != NULL) {
        fclose(file);
    }
    if (cp_cpr_sniff(head, n)) {
        return kind < 0 || strcmp(kinds[kind].ending, ".cpr") == 0;
    }
    const char *magic = kind >= 0 ? kinds[kind].magic : NULL;
    return magic != NULL && n >= strlen(magic) && memcmp(head, magic, strlen(magic)) == 0;
}

int cp_output_check(const CpCli *cli, const char *path, const char *endings,
                    char *const *inputs)
{
    struct stat st;
    if (strcmp(path, "-") == 0) {
        return check_standard_output(cli);
    }
    int code = check_ending(cli, path, endings);
    if (code != CP_EXIT_OK || stat(path, &st) != 0) {
        return code;
    }
    if (!S_ISREG(st.st_mode)) {
        cp_error(cli, "cannot write '%s': it is %s", path,
                 S_ISDIR(st.st_mode) ? "a directory" : "not a regular file");
        return CP_EXIT_OUTPUT;
    }
    for (; inputs != NULL && *inputs != NULL; inputs++) {
        if (is_same_file(*inputs, &st)) {
            cp_error(cli, "--output would overwrite the input '%s'", *inputs);
            return CP_EXIT_USAGE;
        }
    }
    if (!may_replace(path, &st) && !cp_opt_flag(cli, "force")) {
        cp_error(cli, "'%s' exists already", path);
        cp_help(cli, "give another name with -o, or --force to overwrite it");
        return CP_EXIT_OUTPUT;
    }
    return CP_EXIT_OK;
}

char *cp_data_path(const char *name)
{
    /* A build that was not installed has its data beside the program. */
    const char *from = g_getenv("COREPLAY_DATA");
    g_autofree char *program = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *beside = program != NULL ? g_path_get_dirname(program) : NULL;
    g_autofree char *built =
        beside != NULL ? g_build_filename(beside, "traces", "record", NULL) : NULL;
    const char *roots[] = {from, CP_PKGDATADIR, beside, built};
    for (size_t i = 0; i < G_N_ELEMENTS(roots); i++) {
        if (roots[i] == NULL) {
            continue;
        }
        g_autofree char *path = g_build_filename(roots[i], name, NULL);
        if (g_file_test(path, G_FILE_TEST_EXISTS)) {
            return g_steal_pointer(&path);
        }
    }
    return NULL;
}
