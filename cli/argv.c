#include "cli/argv.h"

#include "cli/options.h"
#include "scenario/scenario.h"

#include <string.h>

/* Which option or operand each word of the command line is, and what to say about one that
 * is neither. */

/* An option as it was given. */
typedef struct {
    const CpOption *option;
    const char *value; /* borrowed from the words; "on" for flags */
} Given;

typedef struct {
    CpCli *cli;
    const CpCmd *cmd;
    char **words;
    int i;         /* word in hand */
    GArray *given; /* Given */
} Split;

/* A command that has this option, for options given too early; NULL: none. */
static const CpCmd *owner_of(const CpCli *cli, const char *name, char letter)
{
    for (const CpCmd *const *cmd = cli->commands; *cmd != NULL; cmd++) {
        if (name != NULL ? cp_options_find(*cmd, name, strlen(name)) != NULL
                         : cp_options_find_letter(*cmd, letter) != NULL) {
            return *cmd;
        }
    }
    return NULL;
}

static bool is_setting(const char *name)
{
    g_autofree CpSettingInfo *settings = cp_settings();
    for (const CpSettingInfo *i = settings; i->spec != NULL; i++) {
        if (strcmp(i->spec->name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* What to do about an option the command does not have. */
static void help_option(Split *s, const char *name, char letter, const char *near)
{
    const CpCmd *owner = s->cmd == NULL ? owner_of(s->cli, name, letter) : NULL;
    const char *cmd = s->cmd != NULL ? s->cmd->name : "";
    if (owner != NULL) {
        cp_help(s->cli, "options of a command stand after it, for example: coreplay %s ...",
                owner->name);
    } else if (name != NULL && s->cmd != NULL &&
               cp_options_find(s->cmd, "set", 3) != NULL && is_setting(name)) {
        cp_help(s->cli, "it is a setting: --set %s=VALUE   coreplay list settings %s", name,
                name);
    } else if (near != NULL) {
        cp_help(s->cli, "did you mean '--%s'?", near);
    } else {
        cp_help(s->cli, "coreplay %s%s--help lists the options", cmd, *cmd ? " " : "");
    }
}

static int unknown_option(Split *s, const char *name, size_t len)
{
    g_autofree char *word = g_strndup(name, len);
    cp_error(s->cli, "unknown option '--%s'", word);
    help_option(s, word, 0, cp_options_nearest(s->cmd, word));
    return CP_EXIT_USAGE;
}

static void push(Split *s, const CpOption *option, const char *value)
{
    Given given = {option, value != NULL ? value : "on"};
    g_array_append_val(s->given, given);
}

/* Takes the next word as the option's value.  A known long option there means that the
 * value was forgotten; a file of that name can still be given with '='. */
static int push_next(Split *s, const CpOption *option, const char *shown)
{
    const char *next = s->words[s->i + 1];
    if (next == NULL) {
        cp_error(s->cli, "option '%s' needs %s after it", shown, option->arg);
        return CP_EXIT_USAGE;
    }
    if (g_str_has_prefix(next, "--") &&
        cp_options_find(s->cmd, next + 2, strcspn(next + 2, "=")) != NULL) {
        cp_error(s->cli, "option '%s' needs %s after it, found '%s'", shown, option->arg,
                 next);
        cp_help(s->cli, "write --%s=%s if that is what you mean", option->name, next);
        return CP_EXIT_USAGE;
    }
    s->i++;
    push(s, option, next);
    return CP_EXIT_OK;
}

static int split_long(Split *s, const char *word)
{
    const char *name = word + 2;
    size_t len = strcspn(name, "=");
    const CpOption *option = cp_options_find(s->cmd, name, len);
    if (option == NULL) {
        return unknown_option(s, name, len);
    }
    const char *value = name[len] == '=' ? name + len + 1 : NULL;
    if (option->kind == CP_OPT_FLAG && value != NULL) {
        cp_error(s->cli, "option '--%s' takes no value, found '%s'", option->name, value);
        return CP_EXIT_USAGE;
    }
    if (option->kind == CP_OPT_FLAG || value != NULL) {
        push(s, option, value);
        return CP_EXIT_OK;
    }
    g_autofree char *shown = g_strdup_printf("--%s", option->name);
    return push_next(s, option, shown);
}

static int unknown_letter(Split *s, const char *word, const char *letter)
{
    size_t len = (size_t)(g_utf8_find_next_char(letter, NULL) - letter);
    cp_error(s->cli, "unknown option '-%.*s'%s%s%s", (int)len, letter,
             strlen(word) > 2 ? " in '" : "", strlen(word) > 2 ? word : "",
             strlen(word) > 2 ? "'" : "");
    help_option(s, NULL, *letter, NULL);
    return CP_EXIT_USAGE;
}

/* -j4, -j 4, -j=4, -qv, -qo FILE. */
static int split_short(Split *s, const char *word)
{
    if (word[2] != '\0' &&
        cp_options_find(s->cmd, word + 1, strcspn(word + 1, "=")) != NULL) {
        cp_error(s->cli, "unknown option '%s'", word);
        cp_help(s->cli, "did you mean '-%s'?   long options have two dashes", word);
        return CP_EXIT_USAGE;
    }
    for (const char *p = word + 1; *p != '\0'; p++) {
        const CpOption *option = cp_options_find_letter(s->cmd, *p);
        if (option == NULL) {
            return unknown_letter(s, word, p);
        }
        if (option->kind == CP_OPT_FLAG) {
            push(s, option, NULL);
        } else if (p[1] != '\0') {
            push(s, option, p + 1 + (p[1] == '='));
            return CP_EXIT_OK;
        } else {
            char shown[] = {'-', *p, '\0'};
            return push_next(s, option, shown);
        }
    }
    return CP_EXIT_OK;
}

static int split_word(Split *s, const char *word)
{
    return word[1] == '-' ? split_long(s, word) : split_short(s, word);
}

/* Values are looked at once all words are understood. */
static int store_all(CpCli *cli, const GArray *given)
{
    for (guint i = 0; i < given->len; i++) {
        const Given *g = &g_array_index(given, Given, i);
        g_autoptr(GError) error = NULL;
        if (!cp_options_store(cli, g->option, g->value, CP_ORIGIN_TYPED, &error)) {
            cp_error(cli, "%s", error->message);
            return CP_EXIT_USAGE;
        }
    }
    return CP_EXIT_OK;
}

int cp_argv_global(CpCli *cli, char **words, int *n_used)
{
    g_autoptr(GArray) given = g_array_new(FALSE, FALSE, sizeof(Given));
    Split s = {cli, NULL, words, 0, given};
    for (; words[s.i] != NULL && words[s.i][0] == '-' && words[s.i][1] != '\0'; s.i++) {
        int code = split_word(&s, words[s.i]);
        if (code != CP_EXIT_OK) {
            return code;
        }
    }
    *n_used = s.i;
    return store_all(cli, given);
}

int cp_argv_command(CpCli *cli, char **words)
{
    g_autoptr(GArray) given = g_array_new(FALSE, FALSE, sizeof(Given));
    Split s = {cli, cli->cmd, words, 0, given};
    bool only_operands = false;
    cp_options_operand(cli, NULL);
    for (; words[s.i] != NULL; s.i++) {
        const char *word = words[s.i];
        if (only_operands || word[0] != '-' || word[1] == '\0') {
            cp_options_operand(cli, word);
        } else if (strcmp(word, "--") == 0) {
            only_operands = true;
        } else {
            int code = split_word(&s, word);
            if (code != CP_EXIT_OK) {
                return code;
            }
        }
    }
    return store_all(cli, given);
}
