#include "cli/options.h"

#include "sim/assert.h"
#include "sim/params.h"
#include "scenario/scenario.h"

#include <stdlib.h>
#include <string.h>

struct CpOptions {
    GHashTable *values;  /* option name -> Value */
    GPtrArray *operands; /* char *, NULL-ended once parsed */
    GPtrArray *settings; /* char *: key, value ... of coreplay.conf, NULL-ended */
    char *config;        /* name of the file read, or NULL */
};

typedef struct {
    GPtrArray *texts; /* char *; the last counts unless the option is a list */
    char *origin;
} Value;

static void value_free(void *data)
{
    Value *value = data;
    g_ptr_array_unref(value->texts);
    g_free(value->origin);
    g_free(value);
}

CpOptions *cp_options_new(void)
{
    CpOptions *o = g_new0(CpOptions, 1);
    o->values = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, value_free);
    o->operands = g_ptr_array_new_with_free_func(g_free);
    o->settings = g_ptr_array_new_with_free_func(g_free);
    return o;
}

void cp_options_free(CpOptions *options)
{
    g_hash_table_unref(options->values);
    g_ptr_array_unref(options->operands);
    g_ptr_array_unref(options->settings);
    g_free(options->config);
    g_free(options);
}

/* --- the table --- */

void cp_options_each(const CpCmd *cmd, void (*visit)(const CpOption *, void *), void *data)
{
    for (const CpOption *o = cmd ? cmd->options : NULL; o != NULL && o->name; o++) {
        visit(o, data);
    }
    const CpOption *more = cmd && cmd->more_options ? cmd->more_options() : NULL;
    for (const CpOption *o = more; o != NULL && o->name; o++) {
        visit(o, data);
    }
    for (const CpOption *o = cp_global_options; o->name != NULL; o++) {
        visit(o, data);
    }
}

typedef struct {
    const char *name;
    size_t len;
    char letter;
    const CpOption *found;
} Search;

static void match_option(const CpOption *option, void *data)
{
    Search *search = data;
    bool same = search->name != NULL
                    ? strncmp(option->name, search->name, search->len) == 0 &&
                          option->name[search->len] == '\0'
                    : option->letter == search->letter;
    if (same && search->found == NULL) {
        search->found = option;
    }
}

static const CpOption *find_long(const CpCmd *cmd, const char *name, size_t len)
{
    Search search = {name, len, 0, NULL};
    cp_options_each(cmd, match_option, &search);
    return search.found;
}

static const CpOption *find_short(const CpCmd *cmd, char letter)
{
    Search search = {NULL, 0, letter, NULL};
    cp_options_each(cmd, match_option, &search);
    return search.found;
}

/* --- checking and storing one value --- */

static gboolean check_number(const char *text, int64_t min, GError **error)
{
    int64_t n = 0;
    if (!cp_parse_int(text, &n, error)) {
        return FALSE;
    }
    if (n < min) {
        g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                    "'%s' is too small: %" G_GINT64_FORMAT " or more is needed", text, min);
        return FALSE;
    }
    return TRUE;
}

static gboolean check_word(const CpOption *option, const char *text, GError **error)
{
    g_auto(GStrv) words = g_strsplit(option->choices, "|", -1);
    if (g_strv_contains((const char *const *)words, text)) {
        return TRUE;
    }
    const char *near = cp_nearest(text, (const char *const *)words);
    g_autofree char *list = g_strjoinv(", ", words);
    g_set_error(error, CP_ERROR, CP_ERROR_USAGE, "'%s' is not one of %s%s%s%s", text, list,
                near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    return FALSE;
}

static gboolean check_value(const CpOption *option, const char *text, GError **error)
{
    CpTime t = 0;
    switch (option->kind) {
    case CP_OPT_FLAG:
        return TRUE;
    case CP_OPT_FILE:
        if (*text == '\0') {
            g_set_error(error, CP_ERROR, CP_ERROR_USAGE, "the file name is empty");
            return FALSE;
        }
        return TRUE;
    case CP_OPT_NUMBER:
        return check_number(text, 1, error);
    case CP_OPT_COUNT:
        return check_number(text, 0, error);
    case CP_OPT_TIME:
        return cp_parse_time(text, &t, error);
    case CP_OPT_WORD:
        return check_word(option, text, error);
    case CP_OPT_TEXT:
    case CP_OPT_LIST:
        if (!g_utf8_validate(text, -1, NULL)) {
            g_set_error(error, CP_ERROR, CP_ERROR_USAGE, "the text is not valid UTF-8");
            return FALSE;
        }
        return TRUE;
    }
    return TRUE;
}

static gboolean store(CpCli *cli, const CpOption *option, const char *text,
                      const char *origin, GError **error)
{
    g_autoptr(GError) why = NULL;
    if (!check_value(option, text, &why)) {
        g_set_error(error, CP_ERROR, CP_ERROR_USAGE, "--%s: %s", option->name,
                    why->message);
        return FALSE;
    }
    Value *value = g_hash_table_lookup(cli->options->values, option->name);
    if (value == NULL) {
        value = g_new0(Value, 1);
        value->texts = g_ptr_array_new_with_free_func(g_free);
        value->origin = g_strdup(origin);
        g_hash_table_insert(cli->options->values, (char *)option->name, value);
    }
    if (option->kind != CP_OPT_LIST) {
        g_ptr_array_set_size(value->texts, 0);
    } else if (value->texts->len > 0) {
        g_ptr_array_set_size(value->texts, (int)value->texts->len - 1); /* the NULL */
    }
    g_ptr_array_add(value->texts, g_strdup(text));
    if (option->kind == CP_OPT_LIST) {
        g_ptr_array_add(value->texts, NULL);
    }
    return TRUE;
}

/* --- splitting: GOption does not know -j4, and its messages suggest nothing --- */

typedef struct {
    CpCli *cli;
    const CpCmd *cmd;
    char **words;
    int i;            /* word in hand */
    GPtrArray *canon; /* char *: "--name=value", "--flag" for GOption */
} Split;

static void collect_name(const CpOption *option, void *data)
{
    g_ptr_array_add(data, (void *)option->name);
}

/* A command that has this option, for options given too early; NULL: none. */
static const CpCmd *owner_of(const char *name, char letter)
{
    for (const CpCmd *const *cmd = cp_commands; *cmd != NULL; cmd++) {
        for (const CpOption *o = (*cmd)->options; o->name != NULL; o++) {
            if (name != NULL ? strcmp(o->name, name) == 0 : o->letter == letter) {
                return *cmd;
            }
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
    const CpCmd *owner = s->cmd == NULL ? owner_of(name, letter) : NULL;
    const char *cmd = s->cmd != NULL ? s->cmd->name : "";
    if (owner != NULL) {
        cp_help(s->cli, "options of a command stand after it, for example: coreplay %s ...",
                owner->name);
    } else if (name != NULL && s->cmd != NULL && find_long(s->cmd, "set", 3) != NULL &&
               is_setting(name)) {
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
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    cp_options_each(s->cmd, collect_name, names);
    g_ptr_array_add(names, NULL);
    cp_error(s->cli, "unknown option '--%s'", word);
    help_option(s, word, 0, cp_nearest(word, (const char *const *)names->pdata));
    return CP_EXIT_USAGE;
}

static void push(Split *s, const CpOption *option, const char *value)
{
    g_ptr_array_add(s->canon, value ? g_strconcat("--", option->name, "=", value, NULL)
                                    : g_strconcat("--", option->name, NULL));
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
        find_long(s->cmd, next + 2, strcspn(next + 2, "=")) != NULL) {
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
    const CpOption *option = find_long(s->cmd, name, len);
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
    if (word[2] != '\0' && find_long(s->cmd, word + 1, strcspn(word + 1, "=")) != NULL) {
        cp_error(s->cli, "unknown option '%s'", word);
        cp_help(s->cli, "did you mean '-%s'?   long options have two dashes", word);
        return CP_EXIT_USAGE;
    }
    for (const char *p = word + 1; *p != '\0'; p++) {
        const CpOption *option = find_short(s->cmd, *p);
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

/* --- GOption --- */

static gboolean on_option(const char *name, const char *value, void *data, GError **error)
{
    CpCli *cli = data;
    const CpOption *option = find_long(cli->cmd, name + 2, strlen(name + 2));
    cp_require(option != NULL);
    return store(cli, option, value ? value : "on", "the command line", error);
}

static void add_entry(const CpOption *option, void *data)
{
    GOptionEntry entry = {
        .long_name = option->name,
        .arg = G_OPTION_ARG_CALLBACK,
        .arg_data = (void *)on_option,
        .description = option->help,
        .arg_description = option->arg,
        /* File names and titles are bytes for us to check, not text in the locale. */
        .flags =
            option->kind == CP_OPT_FLAG ? G_OPTION_FLAG_NO_ARG : G_OPTION_FLAG_FILENAME,
    };
    g_array_append_val((GArray *)data, entry);
}

static int parse_canonical(CpCli *cli, const CpCmd *cmd, GPtrArray *canon)
{
    g_autoptr(GArray) entries = g_array_new(TRUE, TRUE, sizeof(GOptionEntry));
    cp_options_each(cmd, add_entry, entries);
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    GOptionGroup *group = g_option_group_new("coreplay", "", "", cli, NULL);
    g_option_group_add_entries(group, (GOptionEntry *)(void *)entries->data);
    g_option_context_set_main_group(context, group);
    g_option_context_set_help_enabled(context, FALSE);
    g_auto(GStrv) argv = g_new0(char *, canon->len + 2);
    argv[0] = g_strdup("coreplay");
    for (unsigned i = 0; i < canon->len; i++) {
        argv[i + 1] = g_strdup(canon->pdata[i]);
    }
    g_autoptr(GError) error = NULL;
    if (!g_option_context_parse_strv(context, &argv, &error)) {
        cp_error(cli, "%s", error->message);
        return CP_EXIT_USAGE;
    }
    return CP_EXIT_OK;
}

static int split_word(Split *s, const char *word)
{
    return word[1] == '-' ? split_long(s, word) : split_short(s, word);
}

int cp_options_parse_global(CpCli *cli, char **words, int *n_used)
{
    g_autoptr(GPtrArray) canon = g_ptr_array_new_with_free_func(g_free);
    Split s = {cli, NULL, words, 0, canon};
    for (; words[s.i] != NULL && words[s.i][0] == '-' && words[s.i][1] != '\0'; s.i++) {
        int code = split_word(&s, words[s.i]);
        if (code != CP_EXIT_OK) {
            return code;
        }
    }
    *n_used = s.i;
    return parse_canonical(cli, NULL, canon);
}

int cp_options_parse(CpCli *cli, char **words)
{
    g_autoptr(GPtrArray) canon = g_ptr_array_new_with_free_func(g_free);
    GPtrArray *operands = cli->options->operands;
    Split s = {cli, cli->cmd, words, 0, canon};
    bool only_operands = false;
    for (; words[s.i] != NULL; s.i++) {
        const char *word = words[s.i];
        if (only_operands || word[0] != '-' || word[1] == '\0') {
            g_ptr_array_add(operands, g_strdup(word));
        } else if (strcmp(word, "--") == 0) {
            only_operands = true;
        } else {
            int code = split_word(&s, word);
            if (code != CP_EXIT_OK) {
                return code;
            }
        }
    }
    cli->n_operands = (int)operands->len;
    g_ptr_array_add(operands, NULL);
    cli->operands = (char **)operands->pdata;
    return parse_canonical(cli, cli->cmd, canon);
}

/* --- coreplay.conf --- */

/* Line of a key in the text, for messages: GKeyFile does not keep it. */
static unsigned line_of(const char *text, const char *group, const char *key)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_autofree char *heading = g_strdup_printf("[%s]", group);
    bool inside = false;
    for (unsigned i = 0; lines[i] != NULL; i++) {
        char *line = g_strstrip(lines[i]);
        if (*line == '[') {
            inside = g_str_has_prefix(line, heading);
            if (inside && key == NULL) {
                return i + 1;
            }
        }
        size_t len = key != NULL ? strlen(key) : 0;
        if (inside && key != NULL && strncmp(line, key, len) == 0 &&
            strchr("= \t", line[len]) != NULL) {
            return i + 1;
        }
    }
    return 0;
}

typedef struct {
    CpCli *cli;
    const char *path;
    char *text; /* of the file */
    GKeyFile *keys;
    bool apply; /* store values for cli->cmd; else only check */
} Config;

static int config_error(Config *c, const char *group, const char *key, const char *what,
                        const char *near)
{
    cp_error(c->cli, "%s:%u: %s", c->path, line_of(c->text, group, key), what);
    if (near != NULL) {
        cp_help(c->cli, "did you mean '%s'?", near);
    }
    return CP_EXIT_INPUT;
}

static int config_key(Config *c, const CpCmd *cmd, const char *group, const char *key)
{
    const CpOption *option = find_long(cmd, key, strlen(key));
    bool usable = option != NULL && strcmp(key, "help") != 0 &&
                  strcmp(key, "version") != 0 && strcmp(key, "config") != 0 &&
                  strcmp(key, "directory") != 0;
    if (!usable) {
        g_autoptr(GPtrArray) names = g_ptr_array_new();
        cp_options_each(cmd, collect_name, names);
        g_ptr_array_add(names, NULL);
        g_autofree char *what = g_strdup_printf("[%s] has no option '%s'", group, key);
        return config_error(c, group, key, what,
                            cp_nearest(key, (const char *const *)names->pdata));
    }
    g_autofree char *value = g_key_file_get_string(c->keys, group, key, NULL);
    g_autoptr(GError) error = NULL;
    if (value == NULL || !check_value(option, value, &error)) {
        g_autofree char *what =
            g_strdup_printf("%s: %s", key, error ? error->message : "not a text");
        return config_error(c, group, key, what, NULL);
    }
    bool is_off = option->kind == CP_OPT_FLAG && strcmp(value, "on") != 0 &&
                  strcmp(value, "true") != 0;
    bool wanted = c->apply && (cmd == NULL || cmd == c->cli->cmd) && !is_off;
    if (wanted && g_hash_table_lookup(c->cli->options->values, option->name) == NULL) {
        g_autofree char *origin =
            g_strdup_printf("%s:%u", c->path, line_of(c->text, group, key));
        store(c->cli, option, value, origin, NULL);
    }
    return CP_EXIT_OK;
}

static int config_settings(Config *c, char **keys)
{
    GPtrArray *settings = c->cli->options->settings;
    for (; c->apply && *keys != NULL; keys++) {
        g_ptr_array_add(settings, g_strdup(*keys));
        g_ptr_array_add(settings, g_key_file_get_string(c->keys, "settings", *keys, NULL));
    }
    return CP_EXIT_OK;
}

static int config_group(Config *c, const char *group)
{
    g_auto(GStrv) keys = g_key_file_get_keys(c->keys, group, NULL, NULL);
    if (strcmp(group, "settings") == 0) {
        return config_settings(c, keys);
    }
    const CpCmd *cmd = cp_command_find(group);
    if (cmd == NULL && strcmp(group, "global") != 0) {
        g_autoptr(GPtrArray) names = g_ptr_array_new();
        for (const CpCmd *const *p = cp_commands; *p != NULL; p++) {
            g_ptr_array_add(names, (void *)(*p)->name);
        }
        g_ptr_array_add(names, (void *)"global");
        g_ptr_array_add(names, (void *)"settings");
        g_ptr_array_add(names, NULL);
        g_autofree char *what = g_strdup_printf("unknown part [%s]", group);
        return config_error(c, group, NULL, what,
                            cp_nearest(group, (const char *const *)names->pdata));
    }
    int code = CP_EXIT_OK;
    for (char **key = keys; *key != NULL && code == CP_EXIT_OK; key++) {
        code = config_key(c, cmd, group, *key);
    }
    return code;
}

static int config_read(CpCli *cli, const char *path, bool apply)
{
    g_autofree char *text = NULL;
    size_t len = 0;
    g_autoptr(GError) error = NULL;
    if (!g_file_get_contents(path, &text, &len, &error)) {
        cp_error(cli, "%s", error->message);
        return CP_EXIT_INPUT;
    }
    g_autoptr(GKeyFile) keys = g_key_file_new();
    if (!g_key_file_load_from_data(keys, text, len, G_KEY_FILE_NONE, &error)) {
        cp_error(cli, "%s: %s", path, error->message);
        cp_help(cli, "the file has parts like [run] with lines like jobs=4");
        return CP_EXIT_INPUT;
    }
    Config c = {cli, path, text, keys, apply};
    g_auto(GStrv) groups = g_key_file_get_groups(keys, NULL);
    int code = CP_EXIT_OK;
    /* The command's own part goes first: it beats [global]. */
    if (apply && cli->cmd != NULL && g_key_file_has_group(keys, cli->cmd->name)) {
        code = config_group(&c, cli->cmd->name);
    }
    for (char **group = groups; *group != NULL && code == CP_EXIT_OK; group++) {
        if (!apply || cli->cmd == NULL || strcmp(*group, cli->cmd->name) != 0) {
            code = config_group(&c, *group);
        }
    }
    return code;
}

int cp_options_check_config(const CpCli *cli, const char *path)
{
    return config_read((CpCli *)cli, path, false);
}

static char *config_path(CpCli *cli)
{
    const char *given = cp_opt_text(cli, "config");
    if (given != NULL) {
        return g_strdup(given);
    }
    if (g_file_test("coreplay.conf", G_FILE_TEST_IS_REGULAR)) {
        return g_strdup("coreplay.conf");
    }
    g_autofree char *path =
        g_build_filename(g_get_user_config_dir(), "coreplay", "coreplay.conf", NULL);
    return g_file_test(path, G_FILE_TEST_IS_REGULAR) ? g_steal_pointer(&path) : NULL;
}

int cp_options_defaults(CpCli *cli)
{
    const char *jobs = g_getenv("COREPLAY_JOBS");
    const CpOption *option = find_long(cli->cmd, "jobs", 4);
    if (option != NULL && jobs != NULL && cp_opt_text(cli, "jobs") == NULL) {
        g_autoptr(GError) error = NULL;
        if (!store(cli, option, jobs, "COREPLAY_JOBS", &error)) {
            cp_error(cli, "%s (in COREPLAY_JOBS)", error->message);
            return CP_EXIT_USAGE;
        }
    }
    cli->options->config = config_path(cli);
    int code = CP_EXIT_OK;
    if (cli->options->config != NULL) {
        code = config_read(cli, cli->options->config, true);
    }
    g_ptr_array_add(cli->options->settings, NULL);
    return code;
}

char **cp_options_settings(const CpCli *cli)
{
    return (char **)cli->options->settings->pdata;
}

const char *cp_options_config(const CpCli *cli)
{
    return cli->options->config;
}

/* --- values --- */

static const Value *lookup(const CpCli *cli, const char *name)
{
    cp_require(find_long(cli->cmd, name, strlen(name)) != NULL);
    return g_hash_table_lookup(cli->options->values, name);
}

bool cp_opt_flag(const CpCli *cli, const char *name)
{
    return lookup(cli, name) != NULL;
}

const char *cp_opt_text(const CpCli *cli, const char *name)
{
    const Value *value = lookup(cli, name);
    return value != NULL ? value->texts->pdata[0] : NULL;
}

int64_t cp_opt_number(const CpCli *cli, const char *name, int64_t otherwise)
{
    const char *text = cp_opt_text(cli, name);
    int64_t n = otherwise;
    if (text != NULL && !cp_parse_int(text, &n, NULL)) {
        cp_require(!"checked when it was stored");
    }
    return n;
}

CpTime cp_opt_time(const CpCli *cli, const char *name, CpTime otherwise)
{
    const char *text = cp_opt_text(cli, name);
    CpTime t = otherwise;
    if (text != NULL && !cp_parse_time(text, &t, NULL)) {
        cp_require(!"checked when it was stored");
    }
    return t;
}

char **cp_opt_list(const CpCli *cli, const char *name)
{
    static char *none[] = {NULL};
    const Value *value = lookup(cli, name);
    return value != NULL ? (char **)value->texts->pdata : none;
}

const char *cp_opt_origin(const CpCli *cli, const char *name)
{
    const Value *value = lookup(cli, name);
    return value != NULL ? value->origin : NULL;
}
