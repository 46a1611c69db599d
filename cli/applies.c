#include "cli/applies.h"

#include "cli/options.h"
#include "plots/chart.h"
#include "traces/import/formats.h"

#include <stdio.h>
#include <string.h>

/* Whether an option does something: for this kind of input, this output, beside these
 * other options. */

typedef enum { WORKS, MAKES, NEEDS, NOT_WITH } RuleKind;

typedef struct {
    RuleKind kind;
    const char *command, *option, *words, *cure;
} Rule;

#define CP_WORKS(command, option, kinds, cure)   {WORKS, command, option, kinds, cure},
#define CP_MAKES(command, option, endings, cure) {MAKES, command, option, endings, cure},
#define CP_NEEDS(command, option, others, cure)  {NEEDS, command, option, others, cure},
#define CP_NOT_WITH(command, option, others, cure)                                         \
    {NOT_WITH, command, option, others, cure},
static const Rule rules[] = {
#include "cli/applies.def"
};

static bool is_rule(const Rule *rule, RuleKind kind, const CpCmd *cmd, const char *option)
{
    return rule->kind == kind && strcmp(rule->command, cmd->name) == 0 &&
           strcmp(rule->option, option) == 0;
}

static bool has_word(const char *words, const char *word)
{
    g_auto(GStrv) all = g_strsplit(words, " ", -1);
    return g_strv_contains((const char *const *)all, word);
}

/* --- kinds of input --- */

const char *cp_input_kind(const char *path)
{
    char head[64] = "";
    if (!g_file_test(path, G_FILE_TEST_IS_REGULAR)) {
        return NULL;
    }
    FILE *file = fopen(path, "rb");
    size_t n = file != NULL ? fread(head, 1, sizeof head - 1, file) : 0;
    if (file != NULL) {
        fclose(file);
    }
    if (cp_cpr_sniff(head, n)) {
        return "recording";
    }
    if (g_str_has_prefix(head, "SQLite format 3")) {
        return "results";
    }
    if (head[0] == '{' && strstr(head, "\"coreplay\"") != NULL) {
        return "lines";
    }
    if (g_str_has_suffix(path, ".conf")) {
        return "configuration";
    }
    if (g_str_has_suffix(path, ".cpw")) {
        return "workload";
    }
    return cp_import_format_of(path) != NULL ? "trace" : NULL;
}

/* How a kind is called in a sentence. */
static const char *kind_text(const char *kind)
{
    static const struct {
        const char *kind, *text;
    } texts[] = {
        {"workload", "a workload"},       {"recording", "a recording"},
        {"trace", "a trace text"},        {"results", "a result file"},
        {"lines", "lines of run --json"}, {"configuration", "a configuration file"}};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        if (strcmp(texts[i].kind, kind) == 0) {
            return texts[i].text;
        }
    }
    return kind;
}

/* The kind of an operand, one of the command's; NULL: any of them, or the command will say
 * what is wrong with it. */
static const char *operand_kind(const CpCmd *cmd, const char *operand)
{
    if (cmd->kinds_are == CP_KINDS_OF_WORDS) {
        return has_word(cmd->kinds, operand) ? operand : "other";
    }
    const char *kind = cp_input_kind(operand);
    return kind != NULL && has_word(cmd->kinds, kind) ? kind : NULL;
}

/* --- the table --- */

static char *chart_kinds(const CpOption *option)
{
    GString *out = g_string_new(NULL);
    for (const CpChartInfo *const *chart = cp_charts; *chart != NULL; chart++) {
        if (cp_chart_takes(*chart, option->name)) {
            g_string_append_printf(out, "%s%s", out->len > 0 ? " " : "", (*chart)->name);
        }
    }
    return g_string_free(out, FALSE);
}

char *cp_applies_kinds(const CpCmd *cmd, const CpOption *option)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rules); i++) {
        if (is_rule(&rules[i], WORKS, cmd, option->name)) {
            return g_strdup(rules[i].words);
        }
    }
    bool of_charts = cmd->kinds_are == CP_KINDS_OF_CHARTS;
    return of_charts ? chart_kinds(option) : g_strdup(cmd->kinds ? cmd->kinds : "all");
}

/* All words of an option's rules of that kind; NULL: there is none. */
static char *words_of(RuleKind kind, const CpCmd *cmd, const CpOption *option)
{
    GString *out = g_string_new(NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(rules); i++) {
        const Rule *rule = &rules[i];
        if (is_rule(rule, kind, cmd, option->name)) {
            g_autofree char *words = g_strdup(rule->words);
            g_strdelimit(words, " ", kind == NEEDS ? '|' : ' ');
            g_string_append_printf(out, "%s%s", out->len > 0 ? " " : "", words);
        } else if (kind == NOT_WITH && rule->kind == kind &&
                   strcmp(rule->command, cmd->name) == 0 &&
                   has_word(rule->words, option->name)) {
            g_string_append_printf(out, "%s%s", out->len > 0 ? " " : "", rule->option);
        }
    }
    char *text = g_string_free(out, FALSE);
    if (*text == '\0') {
        g_clear_pointer(&text, g_free);
    }
    return text;
}

char *cp_applies_needs(const CpCmd *cmd, const CpOption *option)
{
    return words_of(NEEDS, cmd, option);
}

char *cp_applies_not_with(const CpCmd *cmd, const CpOption *option)
{
    return words_of(NOT_WITH, cmd, option);
}

char *cp_applies_makes(const CpCmd *cmd, const CpOption *option)
{
    return words_of(MAKES, cmd, option);
}

/* --- what was given --- */

typedef struct {
    CpCli *cli;
    int code;
} Check;

static void help_cure(const Check *c, const char *cure)
{
    int first = c->cli->cmd->kinds_are == CP_KINDS_OF_CHARTS;
    const char *input = c->cli->n_operands > first ? c->cli->operands[first] : "FILE";
    g_auto(GStrv) parts = g_strsplit(cure, "@", -1);
    g_autofree char *text = g_strjoinv(input, parts);
    cp_help(c->cli, "%s", text);
}

/* Whether somebody typed it; what a configuration file says is a default, and forgotten
 * where it does nothing. */
static bool was_typed(const Check *c, const CpOption *option)
{
    const char *origin = cp_opt_origin(c->cli, option->name);
    if (strcmp(origin, CP_ORIGIN_TYPED) == 0) {
        return true;
    }
    cp_options_forget(c->cli, option);
    return false;
}

static const char *cure_of(const CpCmd *cmd, const CpOption *option)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rules); i++) {
        if (is_rule(&rules[i], WORKS, cmd, option->name)) {
            return rules[i].cure;
        }
    }
    return NULL;
}

/* "a trace text, a recording". */
static char *kinds_text(const char *kinds)
{
    g_auto(GStrv) all = g_strsplit(kinds, " ", -1);
    for (char **kind = all; *kind != NULL; kind++) {
        char *text = g_strdup(kind_text(*kind));
        g_free(*kind);
        *kind = text;
    }
    return g_strjoinv(", ", all);
}

static void refuse_kind(Check *c, const CpOption *option, const char *what,
                        const char *kinds)
{
    const CpCmd *cmd = c->cli->cmd;
    if (!was_typed(c, option)) {
        return;
    }
    g_autofree char *text = kinds_text(kinds);
    const char *cure = cure_of(cmd, option);
    cp_error(c->cli, "--%s does nothing for %s%s%s", option->name, what,
             *kinds != '\0' ? "; it is for: " : "", text);
    if (cure != NULL) {
        help_cure(c, cure);
    } else {
        cp_help(c->cli, "leave it out, or: coreplay %s %.*s ... --%s", cmd->name,
                (int)strcspn(kinds, " "), kinds, option->name);
    }
    c->code = CP_EXIT_USAGE;
}

static void check_charts(Check *c, const CpOption *option, const char *kinds)
{
    const char *first = c->cli->operands[0];
    g_auto(GStrv) charts = g_strsplit(first != NULL ? first : "", ",", -1);
    for (char **chart = charts; *chart != NULL; chart++) {
        const char *name = g_strstrip(*chart);
        if (cp_chart_find(name) == NULL || has_word(kinds, name)) {
            return; /* the command knows what to say about a chart that is none */
        }
    }
    g_autofree char *what = g_strdup_printf("chart %s", first);
    refuse_kind(c, option, what, kinds);
}

static void check_word(Check *c, const CpOption *option, const char *kinds)
{
    const CpCmd *cmd = c->cli->cmd;
    const char *word = c->cli->operands[0];
    if (has_word(kinds, word != NULL ? operand_kind(cmd, word) : "other")) {
        return;
    }
    g_autofree char *what =
        g_strdup_printf("%s%s%s", cmd->name, word ? " " : "", word ? word : "");
    refuse_kind(c, option, what, kinds);
}

static void check_files(Check *c, const CpOption *option, const char *kinds)
{
    for (char **file = c->cli->operands; *file != NULL; file++) {
        const char *kind = operand_kind(c->cli->cmd, *file);
        if (kind != NULL && !has_word(kinds, kind)) {
            g_autofree char *what = g_strdup_printf("%s, '%s'", kind_text(kind), *file);
            refuse_kind(c, option, what, kinds);
            return;
        }
    }
}

static void check_kind(Check *c, const CpOption *option)
{
    const CpCmd *cmd = c->cli->cmd;
    g_autofree char *kinds = cp_applies_kinds(cmd, option);
    if (*kinds == '\0') {
        refuse_kind(c, option, cmd->name, kinds);
    } else if (cmd->kinds_are == CP_KINDS_OF_CHARTS) {
        check_charts(c, option, kinds);
    } else if (cmd->kinds_are == CP_KINDS_OF_WORDS) {
        check_word(c, option, kinds);
    } else if (cmd->kinds != NULL) {
        check_files(c, option, kinds);
    }
}

static bool is_given(const Check *c, const char *name)
{
    return cp_opt_origin(c->cli, name) != NULL;
}

/* The first of these options that was given; NULL: none. */
static const char *given_of(const Check *c, char *const *names)
{
    for (; *names != NULL; names++) {
        if (is_given(c, *names)) {
            return *names;
        }
    }
    return NULL;
}

static void check_rule(Check *c, const CpOption *option, const Rule *rule)
{
    g_auto(GStrv) words = g_strsplit(rule->words, " ", -1);
    const char *other = rule->kind != MAKES ? given_of(c, words) : NULL;
    const char *output = rule->kind == MAKES ? cp_opt_text(c->cli, "output") : NULL;
    const char *dot = output != NULL ? strrchr(output, '.') : NULL;
    bool ok = rule->kind == MAKES ? output == NULL || has_word(rule->words, dot ? dot : "")
              : rule->kind == NEEDS ? other != NULL
                                    : other == NULL;
    if (ok || !was_typed(c, option)) {
        return;
    }
    if (rule->kind == MAKES) {
        cp_error(c->cli, "--%s is for a result that ends in %s, and this is '%s'",
                 option->name, rule->words, output);
    } else if (rule->kind == NEEDS) {
        g_autofree char *all = g_strjoinv(" or --", words);
        cp_error(c->cli, "--%s needs --%s", option->name, all);
    } else {
        cp_error(c->cli, "--%s and --%s do not go together", option->name, other);
    }
    help_cure(c, rule->cure);
    c->code = CP_EXIT_USAGE;
}

/* What does not go together is said first: it is the clearer message. */
static void check_beside(const CpOption *option, void *data)
{
    Check *c = data;
    for (size_t i = 0; i < G_N_ELEMENTS(rules) && c->code == CP_EXIT_OK; i++) {
        if (is_rule(&rules[i], NOT_WITH, c->cli->cmd, option->name) &&
            is_given(c, option->name)) {
            check_rule(c, option, &rules[i]);
        }
    }
}

static void check_option(const CpOption *option, void *data)
{
    Check *c = data;
    if (c->code != CP_EXIT_OK || !is_given(c, option->name)) {
        return;
    }
    check_kind(c, option);
    for (size_t i = 0; i < G_N_ELEMENTS(rules) && c->code == CP_EXIT_OK; i++) {
        if ((is_rule(&rules[i], MAKES, c->cli->cmd, option->name) ||
             is_rule(&rules[i], NEEDS, c->cli->cmd, option->name)) &&
            is_given(c, option->name)) {
            check_rule(c, option, &rules[i]);
        }
    }
}

int cp_applies_check(CpCli *cli)
{
    Check c = {cli, CP_EXIT_OK};
    cp_options_each(cli->cmd, check_beside, &c);
    cp_options_each(cli->cmd, check_option, &c);
    return c.code;
}
