#include "cli/options.h"

#include "sim/assert.h"
#include "sim/params.h"
#include "sim/words.h"

#include <string.h>

/* Which options a command has, what their values may be, and which value counts. */

static const CpOption global_options[] = {
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
    g_ptr_array_add(o->settings, NULL);
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
    for (const CpOption *o = global_options; o->name != NULL; o++) {
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

const CpOption *cp_options_find(const CpCmd *cmd, const char *name, size_t len)
{
    Search search = {name, len, 0, NULL};
    cp_options_each(cmd, match_option, &search);
    return search.found;
}

const CpOption *cp_options_find_letter(const CpCmd *cmd, char letter)
{
    Search search = {NULL, 0, letter, NULL};
    cp_options_each(cmd, match_option, &search);
    return search.found;
}

static void collect_name(const CpOption *option, void *data)
{
    g_ptr_array_add(data, (void *)option->name);
}

const char *cp_options_nearest(const CpCmd *cmd, const char *word)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    cp_options_each(cmd, collect_name, names);
    g_ptr_array_add(names, NULL);
    return cp_nearest(word, (const char *const *)names->pdata);
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

gboolean cp_options_check(const CpOption *option, const char *text, GError **error)
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

gboolean cp_options_store(CpCli *cli, const CpOption *option, const char *text,
                          const char *origin, GError **error)
{
    g_autoptr(GError) why = NULL;
    if (!cp_options_check(option, text, &why)) {
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

void cp_options_forget(CpCli *cli, const CpOption *option)
{
    g_hash_table_remove(cli->options->values, option->name);
}

/* --- what belongs to no single option --- */

void cp_options_operand(CpCli *cli, const char *word)
{
    GPtrArray *operands = cli->options->operands;
    if (operands->len > 0) {
        g_ptr_array_set_size(operands, (int)operands->len - 1); /* the NULL */
    }
    if (word != NULL) {
        g_ptr_array_add(operands, g_strdup(word));
    }
    cli->n_operands = (int)operands->len;
    g_ptr_array_add(operands, NULL);
    cli->operands = (char **)operands->pdata;
}

void cp_options_setting(CpCli *cli, const char *key, char *value)
{
    GPtrArray *settings = cli->options->settings;
    g_ptr_array_set_size(settings, (int)settings->len - 1); /* the NULL */
    g_ptr_array_add(settings, g_strdup(key));
    g_ptr_array_add(settings, value);
    g_ptr_array_add(settings, NULL);
}

char **cp_options_settings(const CpCli *cli)
{
    return (char **)cli->options->settings->pdata;
}

void cp_options_set_config(CpCli *cli, char *path)
{
    cli->options->config = path;
}

const char *cp_options_config(const CpCli *cli)
{
    return cli->options->config;
}

/* --- values --- */

static const Value *lookup(const CpCli *cli, const char *name)
{
    cp_require(cp_options_find(cli->cmd, name, strlen(name)) != NULL);
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
