#include "cli/completion.h"

#include "cli/applies.h"
#include "cli/examples.h"
#include "cli/options.h"
#include "models/python/python.h"
#include "models/registry.h"
#include "plots/chart.h"
#include "scenario/machines.h"
#include "scenario/scenario.h"
#include "sim/metrics.h"
#include "sweeps/query.h"

#include <string.h>

/* What a shell offers for each word of a command line. */

typedef struct {
    CpCli *cli;
    const CpCmd *cmd;        /* NULL: not typed yet */
    const char *current;     /* the word in hand */
    const CpOption *pending; /* the word is its value */
    GPtrArray *operands;     /* char *, borrowed: those before it */
    GPtrArray *axes;         /* char *, owned: keys given to --sweep */
    GString *out;
} Ask;

/* A whole word that may stand there; help NULL: none. */
static void offer(Ask *a, const char *before, const char *name, const char *after,
                  const char *help)
{
    g_autofree char *word = g_strconcat(before, name, after, NULL);
    if (!g_str_has_prefix(word, a->current) || strpbrk(word, "\n\t") != NULL) {
        return;
    }
    g_autofree char *text = g_strdelimit(g_strdup(help != NULL ? help : ""), "\n\t", ' ');
    g_string_append_printf(a->out, "%s%s%s\n", word, *text != '\0' ? "\t" : "", text);
}

static void offer_files(Ask *a)
{
    g_string_append(a->out, ":files\n");
}

static void offer_words(Ask *a, const char *before, const char *bar_separated)
{
    g_auto(GStrv) words = g_strsplit(bar_separated, "|", -1);
    for (char **word = words; *word != NULL; word++) {
        offer(a, before, *word, "", NULL);
    }
}

/* --- what the files on the line hold --- */

static bool is_small_workload(const char *path)
{
    g_autofree char *text = NULL;
    size_t size = 0;
    bool named = g_str_has_suffix(path, ".cpw") || g_str_has_suffix(path, ".json");
    return named && g_file_get_contents(path, &text, &size, NULL) && size < 1 << 20;
}

/* Calls `visit` for each param of the workloads on the line. */
static void each_param(Ask *a, void (*visit)(Ask *, const CpWorkloadParam *, const char *),
                       const char *data)
{
    for (guint i = 0; i < a->operands->len; i++) {
        const char *path = a->operands->pdata[i];
        if (!is_small_workload(path)) {
            continue;
        }
        CpDiag *diag = cp_diag_new(path, NULL, 0);
        CpScenario *s = cp_scenario_load(path, NULL, 0, diag);
        for (guint k = 0; s != NULL && k < s->params->len; k++) {
            visit(a, s->params->pdata[k], data);
        }
        if (s != NULL) {
            cp_scenario_free(s);
        }
        cp_diag_free(diag);
    }
}

/* --- settings and their values --- */

static void offer_param_key(Ask *a, const CpWorkloadParam *p, const char *before)
{
    g_autofree char *help = g_strdup_printf("param of the workload, %s", p->value);
    offer(a, before, p->name, "=", help);
}

static void offer_keys(Ask *a, const char *before)
{
    g_autofree CpSettingInfo *settings = cp_settings();
    for (const CpSettingInfo *s = settings; s->spec != NULL; s++) {
        if (!g_str_has_prefix(s->spec->help, "not yet")) {
            offer(a, before, s->spec->name, "=", s->spec->help);
        }
    }
    each_param(a, offer_param_key, before);
}

static void offer_policies(Ask *a, const char *before)
{
    for (const CpProfile *p = cp_profiles(); p->name != NULL; p++) {
        offer(a, before, p->name, "", p->summary);
        if (p->alias != NULL && *p->alias != '\0') {
            offer(a, before, p->alias, "", p->name);
        }
    }
}

static void offer_versions(Ask *a, const char *before)
{
    CpPyVersion version;
    offer(a, before, "2.7", "", NULL);
    for (unsigned minor = 0; minor < 32; minor++) {
        for (unsigned free_threaded = 0; free_threaded < 2; free_threaded++) {
            g_autofree char *name =
                g_strdup_printf("3.%u%s", minor, free_threaded ? "t" : "");
            if (cp_python_version(name, &version, NULL)) {
                offer(a, before, name, "", NULL);
            }
        }
    }
}

static void offer_setting_values(Ask *a, const CpParam *spec, const char *before)
{
    if (strcmp(spec->name, "policy") == 0) {
        offer_policies(a, before);
    } else if (strcmp(spec->name, "runtime.version") == 0) {
        offer_versions(a, before);
    } else if (strcmp(spec->name, "costs") == 0) {
        for (const char *const *name = cp_cost_set_names; *name != NULL; name++) {
            offer(a, before, *name, "", NULL);
        }
    } else if (spec->type == CP_PARAM_BOOL) {
        offer_words(a, before, "on|off");
    } else {
        offer_words(a, before, spec->choices != NULL ? spec->choices : "");
        offer(a, before, spec->def, "", "the default");
    }
}

static void offer_param_values(Ask *a, const CpWorkloadParam *p, const char *key_before)
{
    g_auto(GStrv) parts = g_strsplit(key_before, "\n", 2); /* key, what stands before */
    if (strcmp(p->name, parts[0]) == 0) {
        offer_words(a, parts[1], p->choices != NULL ? p->choices : p->value);
    }
}

/* KEY=VALUE, of --sweep VALUE,VALUE... */
static void offer_settings(Ask *a, const char *before, const char *typed, bool several)
{
    const char *equals = strchr(typed, '=');
    if (equals == NULL) {
        offer_keys(a, before);
        return;
    }
    const char *comma = several ? strrchr(equals, ',') : NULL;
    const char *rest = comma != NULL ? comma + 1 : equals + 1;
    g_autofree char *key = g_strndup(typed, (size_t)(equals - typed));
    g_autofree char *head = g_strndup(typed, (size_t)(rest - typed));
    g_autofree char *all = g_strconcat(before, head, NULL);
    g_autofree CpSettingInfo *settings = cp_settings();
    for (const CpSettingInfo *s = settings; s->spec != NULL; s++) {
        g_autofree char *tail = g_strconcat(".", s->spec->name, NULL);
        if (strcmp(s->spec->name, key) == 0 || g_str_has_suffix(key, tail)) {
            offer_setting_values(a, s->spec, all);
        }
    }
    g_autofree char *both = g_strconcat(key, "\n", all, NULL);
    each_param(a, offer_param_values, both);
}

/* --- axes, columns, metrics --- */

static void offer_param_name(Ask *a, const CpWorkloadParam *p, const char *before)
{
    if (p->choices != NULL) {
        offer(a, before, p->name, "", "param of the workload");
    }
}

static void offer_axes(Ask *a, const char *before)
{
    for (guint i = 0; i < a->axes->len; i++) {
        offer(a, before, a->axes->pdata[i], "", "axis");
    }
    each_param(a, offer_param_name, before);
    for (guint i = 0; i < a->operands->len; i++) {
        uint32_t repeats;
        const char *kind = cp_input_kind(a->operands->pdata[i]);
        g_auto(GStrv) axes = g_strcmp0(kind, "results") == 0
                                 ? cp_query_axes(a->operands->pdata[i], &repeats, NULL)
                                 : NULL;
        for (char **axis = axes; axis != NULL && *axis != NULL; axis++) {
            offer(a, before, *axis, "", "axis");
        }
    }
}

static void offer_metrics(Ask *a, const char *before)
{
    for (const CpMetric *const *m = cp_metrics(CP_SCOPE_RUN); *m != NULL; m++) {
        offer(a, before, (*m)->name, "", (*m)->help);
    }
}

/* Columns of the files; without files those that runs have. */
static void offer_columns(Ask *a, const char *before)
{
    bool any = false;
    for (guint i = 0; i < a->operands->len; i++) {
        const char *path = a->operands->pdata[i];
        g_auto(GStrv) names =
            cp_input_kind(path) != NULL ? cp_query_columns(path, NULL) : NULL;
        for (char **name = names; name != NULL && *name != NULL; name++) {
            offer(a, before, *name, "", NULL);
            any = true;
        }
    }
    if (!any) {
        offer_metrics(a, before);
    }
}

static void offer_charts(Ask *a, const char *before)
{
    for (const CpChartInfo *const *chart = cp_charts; *chart != NULL; chart++) {
        offer(a, before, (*chart)->name, "", (*chart)->summary);
    }
}

static void offer_examples(Ask *a)
{
    g_autoptr(GPtrArray) examples = cp_examples();
    for (guint i = 0; i < examples->len; i++) {
        const CpExampleFile *example = examples->pdata[i];
        offer(a, "", example->name, "", example->summary);
    }
}

/* --- values of options --- */

typedef enum { NOTHING, SETTINGS, AXES, COLUMNS, METRICS, MACHINES, SEARCH } Kind;

/* What the values of an option name: its row says so, else its name does. */
static Kind kind_of(const CpOption *o)
{
    static const struct {
        const char *name;
        Kind kind;
    } kinds[] = {{"settings", SETTINGS}, {"machines", MACHINES}, {"metrics", METRICS},
                 {"zip", AXES},          {"where", AXES},        {"x", AXES},
                 {"by", AXES},           {"heat", AXES},         {"compare", AXES},
                 {"y", METRICS},         {"metric", METRICS},    {"until-ci", METRICS},
                 {"such-that", METRICS}, {"columns", COLUMNS},   {"filter", COLUMNS},
                 {"group", COLUMNS},     {"sort", COLUMNS},      {"find", SEARCH}};
    const char *name = o->list != NULL ? o->list : o->name;
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            return kinds[i].kind;
        }
    }
    return NOTHING;
}

static void offer_machines(Ask *a, const char *before)
{
    for (const char *const *name = cp_machine_names; *name != NULL; name++) {
        offer(a, before, *name, "", NULL);
    }
    offer_files(a);
}

/* "A,B": what is before the last comma stays. */
static char *up_to_comma(const char *before, const char *typed)
{
    const char *comma = strrchr(typed, ',');
    g_autofree char *head = g_strndup(typed, comma ? (size_t)(comma + 1 - typed) : 0);
    return g_strconcat(before, head, NULL);
}

static void offer_search(Ask *a, const char *before)
{
    static const char *const ends[] = {"min ", "max "};
    for (size_t i = 0; i < G_N_ELEMENTS(ends); i++) {
        g_autofree char *all = g_strconcat(before, ends[i], NULL);
        offer_axes(a, all);
    }
}

/* `before` stands in the word before the value that is typed so far. */
static void offer_value(Ask *a, const CpOption *o, const char *before, const char *typed)
{
    g_autofree char *head = up_to_comma(before, typed);
    switch (kind_of(o)) {
    case SETTINGS:
        offer_settings(a, before, typed, strcmp(o->name, "sweep") == 0);
        return;
    case AXES:
        offer_axes(a, head);
        return;
    case COLUMNS:
        offer_columns(a, head);
        return;
    case METRICS:
        offer_metrics(a, head);
        return;
    case MACHINES:
        offer_machines(a, before);
        return;
    case SEARCH:
        offer_search(a, before);
        return;
    case NOTHING:
        break;
    }
    if (o->kind == CP_OPT_WORD) {
        offer_words(a, before, o->choices);
    } else if (o->kind == CP_OPT_FILE) {
        offer_files(a);
    }
}

/* --- options, commands, operands --- */

static void offer_option(const CpOption *o, void *data)
{
    Ask *a = data;
    g_autofree char *name = g_strdup_printf("--%s", o->name);
    offer(a, "", name, o->kind == CP_OPT_FLAG ? "" : "=", o->help);
    if (o->letter && strlen(a->current) < 3) {
        char letter[] = {'-', o->letter, '\0'};
        offer(a, "", letter, "", o->help);
    }
}

static void offer_commands(Ask *a)
{
    for (const CpCmd *const *cmd = a->cli->commands; *cmd != NULL; cmd++) {
        offer(a, "", (*cmd)->name, "", (*cmd)->summary);
    }
}

static void offer_operand(Ask *a)
{
    const char *list = a->cmd->operand_list;
    bool is_first = a->operands->len == 0;
    if (list == NULL) {
        return;
    }
    if (strcmp(list, "files") == 0) {
        offer_files(a);
    } else if (strcmp(list, "commands") == 0) {
        offer_commands(a);
    } else if (strcmp(list, "charts") == 0) {
        if (is_first) {
            g_autofree char *head = up_to_comma("", a->current);
            offer_charts(a, head);
        } else {
            offer_files(a);
        }
    } else if (strcmp(list, "examples") == 0) {
        offer_examples(a);
    } else if (is_first) {
        offer_words(a, "", list);
    } else if (strcmp(a->operands->pdata[0], "settings") == 0) {
        g_autofree CpSettingInfo *settings = cp_settings();
        for (const CpSettingInfo *s = settings; s->spec != NULL; s++) {
            offer(a, "", s->spec->name, "", s->spec->help);
        }
    }
}

/* --- the words before --- */

/* The option that takes the next word as its value, NULL: none does. */
static const CpOption *read_option(const Ask *a, const char *word)
{
    const CpOption *o = NULL;
    if (word[1] == '-') {
        o = strchr(word, '=') == NULL ? cp_options_find(a->cmd, word + 2, strlen(word + 2))
                                      : NULL;
        return o != NULL && o->kind != CP_OPT_FLAG ? o : NULL;
    }
    for (const char *p = word + 1; *p != '\0'; p++) {
        o = cp_options_find_letter(a->cmd, *p);
        if (o == NULL || o->kind != CP_OPT_FLAG) {
            return p[1] == '\0' ? o : NULL;
        }
    }
    return NULL;
}

static void note_axis(Ask *a, const char *value)
{
    g_ptr_array_add(a->axes, g_strndup(value, strcspn(value, "=")));
}

static void read_words(Ask *a, char *const *words)
{
    bool only_operands = false;
    for (; *words != NULL; words++) {
        const char *word = *words;
        if (a->pending != NULL) {
            if (strcmp(a->pending->name, "sweep") == 0) {
                note_axis(a, word);
            }
            a->pending = NULL;
        } else if (!only_operands && strcmp(word, "--") == 0) {
            only_operands = true;
        } else if (!only_operands && word[0] == '-' && word[1] != '\0') {
            a->pending = read_option(a, word);
            if (g_str_has_prefix(word, "--sweep=")) {
                note_axis(a, word + strlen("--sweep="));
            }
        } else if (a->cmd == NULL) {
            a->cmd = cp_command_find(a->cli, word);
            if (a->cmd == NULL) {
                return; /* nothing is known of what follows */
            }
        } else {
            g_ptr_array_add(a->operands, (void *)word);
        }
    }
}

char *cp_completion_words(CpCli *cli, char *const *words, const char *current)
{
    Ask a = {.cli = cli, .current = current, .out = g_string_new(NULL)};
    a.operands = g_ptr_array_new();
    a.axes = g_ptr_array_new_with_free_func(g_free);
    read_words(&a, words);
    const char *equals = strchr(current, '=');
    bool is_long = g_str_has_prefix(current, "--");
    const CpOption *attached =
        is_long && equals != NULL
            ? cp_options_find(a.cmd, current + 2, (size_t)(equals - current - 2))
            : NULL;
    if (a.pending != NULL) {
        offer_value(&a, a.pending, "", current);
    } else if (attached != NULL) {
        g_autofree char *before = g_strndup(current, (size_t)(equals + 1 - current));
        offer_value(&a, attached, before, equals + 1);
    } else if (current[0] == '-') {
        cp_options_each(a.cmd, offer_option, &a);
    } else if (a.cmd == NULL) {
        offer_commands(&a);
    } else {
        offer_operand(&a);
    }
    g_ptr_array_unref(a.operands);
    g_ptr_array_unref(a.axes);
    return g_string_free(a.out, FALSE);
}

/* --- the scripts --- */

static const char bash_script[] =
    "# bash completion of coreplay; written by: coreplay completion bash\n"
    "_coreplay() {\n"
    "    local line=${COMP_LINE:0:COMP_POINT} current= head word\n"
    "    local -a words\n"
    "    read -ra words <<<\"$line\"\n"
    "    if [[ $line != *[[:space:]] ]]; then\n"
    "        current=${words[-1]}\n"
    "        unset 'words[-1]'\n"
    "    fi\n"
    "    # Bash replaces what is behind the last '=' or ':' only.\n"
    "    head=${current%\"${current##*[=:]}\"}\n"
    "    COMPREPLY=()\n"
    "    while IFS=$'\\t' read -r word _; do\n"
    "        if [[ $word == :files ]]; then\n"
    "            compopt -o filenames\n"
    "            mapfile -t -O \"${#COMPREPLY[@]}\" COMPREPLY < <(compgen -f -- "
    "\"${current#\"$head\"}\")\n"
    "        else\n"
    "            COMPREPLY+=(\"${word#\"$head\"}\")\n"
    "        fi\n"
    "    done < <(coreplay completion words --current=\"$current\" -- \"${words[@]:1}\" "
    "2>/dev/null)\n"
    "    if [[ ${COMPREPLY[0]-} == *[=.] ]]; then compopt -o nospace; fi\n"
    "}\n"
    "complete -F _coreplay coreplay\n";

static const char zsh_script[] =
    "#compdef coreplay\n"
    "# zsh completion of coreplay; written by: coreplay completion zsh\n"
    "_coreplay() {\n"
    "    local line word tab=$'\\t'\n"
    "    local -a whole wholes open opens\n"
    "    local -i files=0\n"
    "    for line in \"${(@f)$(coreplay completion words --current=\"$PREFIX\" -- "
    "\"${(@)words[2,CURRENT-1]}\" 2>/dev/null)}\"; do\n"
    "        word=${line%%$tab*}\n"
    "        if [[ $line == :files ]]; then\n"
    "            files=1\n"
    "        elif [[ -z $line ]]; then\n"
    "            continue\n"
    "        elif [[ $word == *= ]]; then\n"
    "            open+=(\"$word\") opens+=(\"$word  ${${line#$word}#$tab}\")\n"
    "        else\n"
    "            whole+=(\"$word\") wholes+=(\"$word  ${${line#$word}#$tab}\")\n"
    "        fi\n"
    "    done\n"
    "    (( $#open )) && compadd -Q -S '' -l -d opens -a open\n"
    "    (( $#whole )) && compadd -Q -l -d wholes -a whole\n"
    "    if (( files )); then\n"
    "        [[ $PREFIX == --*=* ]] && compset -P '*='\n"
    "        _files\n"
    "    fi\n"
    "}\n"
    "if [[ $funcstack[1] == _coreplay ]]; then _coreplay \"$@\"; "
    "else compdef _coreplay coreplay; fi\n";

static const char fish_script[] =
    "# fish completion of coreplay; written by: coreplay completion fish\n"
    "function __coreplay_ask\n"
    "    set -l words (commandline -opc)\n"
    "    coreplay completion words --current=(commandline -ct | string collect -a) -- "
    "$words[2..] 2>/dev/null\n"
    "end\n"
    "function __coreplay_words\n"
    "    __coreplay_ask | string match -v -- ':files'\n"
    "end\n"
    "function __coreplay_files\n"
    "    __coreplay_ask | string match -q -- ':files'\n"
    "end\n"
    "complete -c coreplay -f -a '(__coreplay_words)'\n"
    "complete -c coreplay -n __coreplay_files -F\n";

const char *cp_completion_script(const char *shell)
{
    return strcmp(shell, "bash") == 0  ? bash_script
           : strcmp(shell, "zsh") == 0 ? zsh_script
                                       : fish_script;
}
