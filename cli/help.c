#include "cli/help.h"

#include "cli/fold.h"
#include "cli/options.h"

#include <string.h>

/* What help pages and manual pages say, and in which order. */

static const struct {
    const char *code, *meaning;
} exit_codes[] = {
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
};

enum { HELP_WIDTH = 80, OPTION_COLUMN = 29, SHORT_COLUMN = 8, TEXT_MIN = 40 };

/* Prints text from a column on, broken between words; a narrow terminal takes it as well.
 */
static void print_wrapped(GString *out, const char *text, unsigned column)
{
    unsigned terminal = cp_fold_width();
    unsigned width = terminal > 0 ? MIN(terminal, HELP_WIDTH) : HELP_WIDTH;
    if (column + TEXT_MIN > width) {
        while (out->len > 0 && out->str[out->len - 1] == ' ') {
            g_string_truncate(out, out->len - 1);
        }
        g_string_append_printf(out, "\n%*s", SHORT_COLUMN, "");
        column = SHORT_COLUMN;
    }
    cp_fold_words(out, text, column, width);
}

static char *option_head(const CpOption *o)
{
    g_autofree char *letter =
        o->letter ? g_strdup_printf("-%c, ", o->letter) : g_strdup("    ");
    return g_strdup_printf("%s--%s%s%s", letter, o->name, o->arg ? " " : "",
                           o->arg ? o->arg : "");
}

static void add_once(GPtrArray *groups, const char *group)
{
    for (unsigned i = 0; i < groups->len; i++) {
        if (strcmp(groups->pdata[i], group) == 0) {
            return;
        }
    }
    g_ptr_array_add(groups, (void *)group);
}

static void collect_group(const CpOption *o, void *groups)
{
    add_once(groups, o->group);
}

typedef struct {
    GString *out;
    const char *group;
} Section;

static void print_option(const CpOption *o, void *data)
{
    Section *s = data;
    if (strcmp(o->group, s->group) != 0) {
        return;
    }
    g_autofree char *head = option_head(o);
    g_string_append_printf(s->out, "  %-*s", OPTION_COLUMN - 2, head);
    if (strlen(head) + 4 > OPTION_COLUMN) {
        g_string_append_printf(s->out, "\n%*s", OPTION_COLUMN, "");
    }
    print_wrapped(s->out, o->help, OPTION_COLUMN);
}

static void print_options(GString *out, const CpCmd *cmd)
{
    g_autoptr(GPtrArray) groups = g_ptr_array_new();
    cp_options_each(cmd, collect_group, groups);
    for (unsigned i = 0; i < groups->len; i++) {
        Section s = {out, groups->pdata[i]};
        g_string_append_printf(out, "\n%s:\n", s.group);
        cp_options_each(cmd, print_option, &s);
    }
}

void cp_help_command(CpCli *cli, const CpCmd *cmd)
{
    g_autoptr(GString) out = g_string_new(NULL);
    g_string_append_printf(out, "usage: coreplay %s %s%s[OPTIONS]\n%s\n\nExamples:\n",
                           cmd->name, cmd->operands, *cmd->operands ? " " : "",
                           cmd->summary);
    for (size_t i = 0; i < G_N_ELEMENTS(cmd->examples) && cmd->examples[i].command; i++) {
        g_string_append_printf(out, "  %s\n      %s\n", cmd->examples[i].command,
                               cmd->examples[i].shows);
    }
    print_options(out, cmd);
    g_string_append_printf(out, "\nSee also: %s\n", cmd->see_also);
    cp_out(cli, "%s", out->str);
}

void cp_help_overview(CpCli *cli)
{
    g_autoptr(GString) out = g_string_new(
        "usage: coreplay COMMAND [OPTIONS] [FILES]\n"
        "Simulates how operating systems share processor cores among threads.\n\n"
        "Examples:\n"
        "  coreplay init && coreplay run first.cpw\n"
        "      write a first workload and simulate it\n"
        "  coreplay run first.cpw -s cores=2 -o first.cpr\n"
        "      the same on two cores, with every event recorded\n"
        "  coreplay plot occupancy first.cpr -o first.svg\n"
        "      draw who ran where\n\nCommands:\n");
    for (const CpCmd *const *cmd = cli->commands; *cmd != NULL; cmd++) {
        g_string_append_printf(out, "  %-12s", (*cmd)->name);
        print_wrapped(out, (*cmd)->summary, 14);
    }
    print_options(out, NULL);
    g_string_append(out, "\nExit codes:\n");
    for (size_t i = 0; i < G_N_ELEMENTS(exit_codes); i++) {
        g_string_append_printf(out, "  %-10s", exit_codes[i].code);
        print_wrapped(out, exit_codes[i].meaning, 12);
    }
    g_string_append(out, "\ncoreplay help COMMAND shows one command; "
                         "man coreplay-workload explains the language.\n");
    cp_out(cli, "%s", out->str);
}

/* --- manual pages --- */

/* Escapes what scdoc would read as mark-up. */
static char *scd(const char *text)
{
    GString *out = g_string_new(NULL);
    for (const char *p = text; *p != '\0'; p++) {
        if (strchr("*_\\#~`", *p) != NULL) {
            g_string_append_c(out, '\\');
        }
        g_string_append_c(out, *p);
    }
    return g_string_free(out, FALSE);
}

static void manual_option(const CpOption *o, void *data)
{
    Section *s = data;
    if (strcmp(o->group, s->group) != 0) {
        return;
    }
    g_autofree char *help = scd(o->help);
    g_string_append_c(s->out, '*');
    if (o->letter) {
        g_string_append_printf(s->out, "-%c*, *", o->letter);
    }
    g_string_append_printf(s->out, "--%s*", o->name);
    if (o->arg != NULL) {
        g_string_append_printf(s->out, " _%s_", o->arg);
    }
    g_string_append_printf(s->out, "\n\t%c%s.\n\n", g_ascii_toupper(help[0]), help + 1);
}

static void manual_options(GString *out, const CpCmd *cmd)
{
    g_autoptr(GPtrArray) groups = g_ptr_array_new();
    cp_options_each(cmd, collect_group, groups);
    for (unsigned i = 0; i < groups->len; i++) {
        Section s = {out, groups->pdata[i]};
        g_string_append_printf(out, "## %s\n\n", s.group);
        cp_options_each(cmd, manual_option, &s);
    }
}

static void manual_examples(GString *out, const CpCmd *cmd)
{
    for (size_t i = 0; i < G_N_ELEMENTS(cmd->examples) && cmd->examples[i].command; i++) {
        const char *shows = cmd->examples[i].shows;
        g_autofree char *text = scd(shows);
        g_string_append_printf(out, "%c%s:\n\n```\n%s\n```\n\n", g_ascii_toupper(text[0]),
                               text + 1, cmd->examples[i].command);
    }
}

static void manual_commands(GString *out, const CpCli *cli)
{
    for (const CpCmd *const *cmd = cli->commands; *cmd != NULL; cmd++) {
        g_autofree char *summary = scd((*cmd)->summary);
        g_string_append_printf(out, "*coreplay-%s*(1)\n\t%c%s.\n\n", (*cmd)->name,
                               g_ascii_toupper(summary[0]), summary + 1);
    }
}

static void manual_exit(GString *out)
{
    for (size_t i = 0; i < G_N_ELEMENTS(exit_codes); i++) {
        g_autofree char *meaning = scd(exit_codes[i].meaning);
        g_string_append_printf(out, "*%s*\n\t%c%s.\n\n", exit_codes[i].code,
                               g_ascii_toupper(meaning[0]), meaning + 1);
    }
}

static void manual_see_also(GString *out, const CpCmd *cmd)
{
    g_auto(GStrv) pages = g_strsplit(cmd->see_also, ", ", -1);
    for (char **page = pages; *page != NULL; page++) {
        char *section = strchr(*page, '(');
        g_string_append_printf(out, "%s*%.*s*%s", page > pages ? ", " : "",
                               section ? (int)(section - *page) : (int)strlen(*page), *page,
                               section ? section : "");
    }
    g_string_append_c(out, '\n');
}

static void manual_operands(GString *out, const CpCmd *cmd)
{
    /* Words in capitals are what the user replaces. */
    g_string_append_printf(out, "*coreplay %s*", cmd->name);
    g_auto(GStrv) words = g_strsplit(cmd->operands, " ", -1);
    for (char **word = words; *word != NULL && **word != '\0'; word++) {
        g_autofree char *text = scd(*word);
        g_string_append_printf(out, " %s", text);
    }
    g_string_append(out, " [_OPTIONS_]\n");
}

static bool fill_mark(GString *out, const CpCli *cli, const CpCmd *cmd, const char *mark)
{
    if (strcmp(mark, "@COMMANDS@") == 0) {
        manual_commands(out, cli);
    } else if (strcmp(mark, "@EXIT@") == 0) {
        manual_exit(out);
    } else if (strcmp(mark, "@OPTIONS@") == 0) {
        manual_options(out, cmd);
    } else if (cmd == NULL) {
        return false;
    } else if (strcmp(mark, "@NAME@") == 0) {
        g_autofree char *summary = scd(cmd->summary);
        g_string_append_printf(out, "coreplay-%s - %s\n", cmd->name, summary);
    } else if (strcmp(mark, "@SYNOPSIS@") == 0) {
        manual_operands(out, cmd);
    } else if (strcmp(mark, "@EXAMPLES@") == 0) {
        manual_examples(out, cmd);
    } else if (strcmp(mark, "@SEE_ALSO@") == 0) {
        manual_see_also(out, cmd);
    } else {
        return false;
    }
    return true;
}

char *cp_help_manual(const CpCli *cli, const CpCmd *cmd, const char *source)
{
    GString *out = g_string_new(NULL);
    g_auto(GStrv) lines = g_strsplit(source, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        if (!fill_mark(out, cli, cmd, *line)) {
            g_string_append_printf(out, "%s%s", *line, line[1] != NULL ? "\n" : "");
        }
    }
    return g_string_free(out, FALSE);
}
