#include "cli/completion.h"

#include "cli/options.h"

#include <string.h>

/* What a shell offers for each word of a command line. */

/* What a value or an operand can be: shell code differs, the decision is the same. */
typedef enum { OFFER_NOTHING, OFFER_FILES, OFFER_WORDS, OFFER_LIST } Offer;

static Offer offer_of(const CpOption *o)
{
    switch (o->kind) {
    case CP_OPT_FILE:
        return o->list != NULL ? OFFER_LIST : OFFER_FILES;
    case CP_OPT_WORD:
        return OFFER_WORDS;
    case CP_OPT_TEXT:
    case CP_OPT_LIST:
        return o->list != NULL ? OFFER_LIST : OFFER_NOTHING;
    default:
        return OFFER_NOTHING;
    }
}

static char *words_of(const char *bar_separated)
{
    return g_strdelimit(g_strdup(bar_separated), "|", ' ');
}

static char *command_names(const CpCmd *const *commands)
{
    GString *out = g_string_new(NULL);
    for (const CpCmd *const *cmd = commands; *cmd != NULL; cmd++) {
        g_string_append_printf(out, "%s%s", out->len > 0 ? " " : "", (*cmd)->name);
    }
    return g_string_free(out, FALSE);
}

/* Single quotes for sh-like shells and fish. */
static char *quoted(const char *text)
{
    return g_shell_quote(text);
}

/* --- bash --- */

static void bash_flag(const CpOption *o, void *data)
{
    GString *out = data;
    g_string_append_printf(out, "%s--%s%s", out->str[out->len - 1] == '"' ? "" : " ",
                           o->name, o->kind == CP_OPT_FLAG ? "" : "=");
    if (o->letter) {
        g_string_append_printf(out, " -%c", o->letter);
    }
}

static void bash_value(const CpOption *o, void *data)
{
    GString *out = data;
    Offer offer = offer_of(o);
    if (o->kind == CP_OPT_FLAG) {
        return;
    }
    g_string_append_printf(out, "        --%s", o->name);
    if (o->letter) {
        g_string_append_printf(out, "|-%c", o->letter);
    }
    g_string_append(out, ") ");
    if (offer == OFFER_WORDS) {
        g_autofree char *words = words_of(o->choices);
        g_string_append_printf(out, "_coreplay_words \"%s\"", words);
    } else if (offer == OFFER_LIST) {
        g_string_append_printf(out, "_coreplay_list %s%s", o->list,
                               o->kind == CP_OPT_FILE ? "; _coreplay_files" : "");
    } else if (offer == OFFER_FILES) {
        g_string_append(out, "_coreplay_files");
    } else {
        g_string_append(out, ":");
    }
    g_string_append(out, "; return ;;\n");
}

static void bash_operands(GString *out, const CpCmd *const *commands, const CpCmd *cmd)
{
    const char *list = cmd->operand_list;
    if (list == NULL) {
        g_string_append(out, "        :\n");
    } else if (strcmp(list, "files") == 0) {
        g_string_append(out, "        _coreplay_files\n");
    } else if (strcmp(list, "commands") == 0) {
        g_autofree char *names = command_names(commands);
        g_string_append_printf(out, "        _coreplay_words \"%s\"\n", names);
    } else if (strchr(list, '|') != NULL) {
        g_autofree char *words = words_of(list);
        g_string_append_printf(out, "        _coreplay_words \"%s\"\n", words);
    } else {
        g_string_append_printf(out, "        _coreplay_list %s; _coreplay_files\n", list);
    }
}

static void bash_command(GString *out, const CpCmd *const *commands, const CpCmd *cmd)
{
    g_string_append_printf(out, "    %s)\n        case \"$before\" in\n", cmd->name);
    cp_options_each(cmd, bash_value, out);
    g_string_append(out, "        esac\n        case \"$word\" in\n        -*) "
                         "_coreplay_words \"");
    cp_options_each(cmd, bash_flag, out);
    g_string_append(out, "\"; return ;;\n        esac\n");
    bash_operands(out, commands, cmd);
    g_string_append(out, "        ;;\n");
}

static char *bash_script(const CpCmd *const *commands)
{
    GString *out = g_string_new(
        "# bash completion of coreplay; written by: coreplay completion bash\n"
        "_coreplay_words() {\n"
        "    mapfile -t -O \"${#COMPREPLY[@]}\" COMPREPLY < <(compgen -W \"$1\" -- "
        "\"$word\")\n"
        "    if [[ ${COMPREPLY[0]-} == *[=.] ]]; then compopt -o nospace; fi\n"
        "}\n"
        "_coreplay_files() {\n"
        "    compopt -o filenames\n"
        "    mapfile -t -O \"${#COMPREPLY[@]}\" COMPREPLY < <(compgen -f -- \"$word\")\n"
        "}\n"
        "_coreplay_list() {\n"
        "    local suffix=\n"
        "    if [[ $1 == settings ]]; then suffix='='; fi\n"
        "    _coreplay_words \"$(coreplay list \"$1\" --names 2>/dev/null | "
        "sed \"s/$/$suffix/\")\"\n"
        "}\n"
        "_coreplay() {\n"
        "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} "
        "command= i\n"
        "    COMPREPLY=()\n"
        "    # Bash splits at '=': --set=key and --color=auto arrive in pieces.\n"
        "    if [[ $word == '=' ]]; then word=; "
        "elif [[ $before == '=' ]]; then before=${COMP_WORDS[COMP_CWORD-2]}; fi\n"
        "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
        "        case ${COMP_WORDS[i]} in\n"
        "        --config|--directory|-C|--color|--progress) ((i++)) ;;\n"
        "        -*|=) ;;\n"
        "        *) command=${COMP_WORDS[i]}; break ;;\n"
        "        esac\n"
        "    done\n"
        "    case $command in\n"
        "    '')\n"
        "        case \"$before\" in\n");
    cp_options_each(NULL, bash_value, out);
    g_string_append(out, "        esac\n        case \"$word\" in\n        -*) "
                         "_coreplay_words \"");
    cp_options_each(NULL, bash_flag, out);
    g_autofree char *names = command_names(commands);
    g_string_append_printf(out,
                           "\"; return ;;\n        esac\n"
                           "        _coreplay_words \"%s\"\n        ;;\n",
                           names);
    for (const CpCmd *const *cmd = commands; *cmd != NULL; cmd++) {
        bash_command(out, commands, *cmd);
    }
    g_string_append(out, "    esac\n}\ncomplete -F _coreplay coreplay\n");
    return g_string_free(out, FALSE);
}

/* --- zsh --- */

static char *zsh_escape(const char *text)
{
    GString *out = g_string_new(NULL);
    for (const char *p = text; *p != '\0'; p++) {
        if (strchr("[]:\\", *p) != NULL) {
            g_string_append_c(out, '\\');
        }
        g_string_append_c(out, *p);
    }
    return g_string_free(out, FALSE);
}

static char *zsh_action(const CpOption *o)
{
    switch (offer_of(o)) {
    case OFFER_WORDS: {
        g_autofree char *words = words_of(o->choices);
        return g_strdup_printf("(%s)", words);
    }
    case OFFER_FILES:
        return g_strdup("_files");
    case OFFER_LIST:
        return g_strdup_printf(" _coreplay_list %s", o->list);
    default:
        return g_strdup(" ");
    }
}

static void zsh_option(const CpOption *o, void *data)
{
    GString *out = data;
    g_autofree char *help = zsh_escape(o->help);
    g_autofree char *action = zsh_action(o);
    for (int is_short = 0; is_short <= (o->letter != 0); is_short++) {
        g_autofree char *name =
            is_short ? g_strdup_printf("-%c", o->letter) : g_strdup_printf("--%s", o->name);
        const char *join = o->kind == CP_OPT_FLAG ? "" : is_short ? "+" : "=";
        g_autofree char *spec =
            o->kind == CP_OPT_FLAG
                ? g_strdup_printf("%s[%s]", name, help)
                : g_strdup_printf("%s%s%s[%s]:%s:%s", o->kind == CP_OPT_LIST ? "*" : "",
                                  name, join, help, o->arg, action);
        g_autofree char *word = quoted(spec);
        g_string_append_printf(out, " \\\n            %s", word);
    }
}

static void zsh_command(GString *out, const CpCmd *const *commands, const CpCmd *cmd)
{
    g_string_append_printf(out, "    %s)\n        _arguments -s", cmd->name);
    cp_options_each(cmd, zsh_option, out);
    const char *list = cmd->operand_list;
    if (list != NULL && strcmp(list, "files") == 0) {
        g_string_append(out, " \\\n            '*:file:_files'");
    } else if (list != NULL && strcmp(list, "commands") == 0) {
        g_autofree char *names = command_names(commands);
        g_string_append_printf(out, " \\\n            '1:command:(%s)'", names);
    } else if (list != NULL && strchr(list, '|') != NULL) {
        g_autofree char *words = words_of(list);
        g_string_append_printf(out, " \\\n            '1:what:(%s)'", words);
    } else if (list != NULL) {
        g_string_append_printf(out,
                               " \\\n            '1:name: _coreplay_list %s'"
                               " \\\n            '*:file:_files'",
                               list);
    }
    g_string_append(out, "\n        ;;\n");
}

static char *zsh_script(const CpCmd *const *commands)
{
    GString *out =
        g_string_new("#compdef coreplay\n"
                     "# zsh completion of coreplay; written by: coreplay completion zsh\n"
                     "_coreplay_list() {\n"
                     "    local -a names\n"
                     "    names=(${(f)\"$(coreplay list $1 --names 2>/dev/null)\"})\n"
                     "    if [[ $1 == settings ]]; then compadd -S '=' -a names; "
                     "else compadd -a names; fi\n"
                     "}\n"
                     "_coreplay() {\n"
                     "    local -a commands\n"
                     "    commands=(\n");
    for (const CpCmd *const *cmd = commands; *cmd != NULL; cmd++) {
        g_autofree char *summary = zsh_escape((*cmd)->summary);
        g_autofree char *pair = g_strdup_printf("%s:%s", (*cmd)->name, summary);
        g_autofree char *word = quoted(pair);
        g_string_append_printf(out, "        %s\n", word);
    }
    g_string_append(
        out, "    )\n"
             "    local i=2\n"
             "    while (( i < CURRENT )) && [[ $words[i] == -* ]]; do (( i++ )); done\n"
             "    if (( i >= CURRENT )); then\n"
             "        _arguments -s");
    cp_options_each(NULL, zsh_option, out);
    g_string_append(out, "\n        _describe command commands\n        return\n    fi\n"
                         "    local command=$words[i]\n"
                         "    words=(\"${(@)words[i,-1]}\")\n"
                         "    (( CURRENT -= i - 1 ))\n"
                         "    case $command in\n");
    for (const CpCmd *const *cmd = commands; *cmd != NULL; cmd++) {
        zsh_command(out, commands, *cmd);
    }
    g_string_append(out, "    esac\n}\n_coreplay \"$@\"\n");
    return g_string_free(out, FALSE);
}

/* --- fish --- */

typedef struct {
    GString *out;
    const char *when; /* fish condition */
} FishContext;

static void fish_option(const CpOption *o, void *data)
{
    FishContext *c = data;
    g_autofree char *help = quoted(o->help);
    g_string_append_printf(c->out, "complete -c coreplay %s -l %s", c->when, o->name);
    if (o->letter) {
        g_string_append_printf(c->out, " -s %c", o->letter);
    }
    switch (offer_of(o)) {
    case OFFER_WORDS: {
        g_autofree char *words = words_of(o->choices);
        g_string_append_printf(c->out, " -x -a '%s'", words);
        break;
    }
    case OFFER_LIST:
        g_string_append_printf(c->out, " %s -a '(coreplay list %s --names 2>/dev/null%s)'",
                               o->kind == CP_OPT_FILE ? "-r" : "-x", o->list,
                               strcmp(o->list, "settings") == 0 ? " | sed s/\\$/=/" : "");
        break;
    case OFFER_FILES:
        g_string_append(c->out, " -r -F");
        break;
    case OFFER_NOTHING:
        g_string_append(c->out, o->kind == CP_OPT_FLAG ? "" : " -x");
        break;
    }
    g_string_append_printf(c->out, " -d %s\n", help);
}

static void fish_operands(GString *out, const CpCmd *const *commands, const CpCmd *cmd,
                          const char *when)
{
    const char *list = cmd->operand_list;
    if (list == NULL) {
        return;
    }
    if (strcmp(list, "files") == 0) {
        g_string_append_printf(out, "complete -c coreplay %s -F\n", when);
    } else if (strcmp(list, "commands") == 0 || strchr(list, '|') != NULL) {
        g_autofree char *words =
            strchr(list, '|') != NULL ? words_of(list) : command_names(commands);
        g_string_append_printf(out, "complete -c coreplay %s -f -a '%s'\n", when, words);
    } else {
        g_string_append_printf(out,
                               "complete -c coreplay %s -F -a "
                               "'(coreplay list %s --names 2>/dev/null)'\n",
                               when, list);
    }
}

static char *fish_script(const CpCmd *const *commands)
{
    GString *out =
        g_string_new("# fish completion of coreplay; written by: coreplay completion fish\n"
                     "complete -c coreplay -f\n");
    for (const CpCmd *const *cmd = commands; *cmd != NULL; cmd++) {
        g_autofree char *summary = quoted((*cmd)->summary);
        g_string_append_printf(
            out, "complete -c coreplay -n __fish_use_subcommand -a %s -d %s\n",
            (*cmd)->name, summary);
    }
    FishContext global = {out, "-n __fish_use_subcommand"};
    cp_options_each(NULL, fish_option, &global);
    for (const CpCmd *const *cmd = commands; *cmd != NULL; cmd++) {
        g_autofree char *when =
            g_strdup_printf("-n '__fish_seen_subcommand_from %s'", (*cmd)->name);
        FishContext c = {out, when};
        cp_options_each(*cmd, fish_option, &c);
        fish_operands(out, commands, *cmd, when);
    }
    return g_string_free(out, FALSE);
}

char *cp_completion_script(const CpCmd *const *commands, const char *shell)
{
    if (strcmp(shell, "bash") == 0) {
        return bash_script(commands);
    }
    return strcmp(shell, "zsh") == 0 ? zsh_script(commands) : fish_script(commands);
}
