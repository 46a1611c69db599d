#include "cli/config-file.h"

#include "cli/options.h"
#include "sim/params.h"
#include "sim/words.h"
#include "lang/slurp.h"

#include <string.h>

/* Which defaults coreplay.conf and the environment give to options and settings. */

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
    bool found; /* it lies in the current folder and nobody named it */
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

/* What runs code, names a file to write or to read, or overwrites one is nothing that a
 * folder somebody else made may decide; a machine is only read. */
static bool is_trusted_only(const CpOption *option)
{
    return (option->kind == CP_OPT_FILE && strcmp(option->name, "machine") != 0) ||
           g_str_has_prefix(option->name, "force");
}

static int config_key(Config *c, const CpCmd *cmd, const char *group, const char *key)
{
    const CpOption *option = cp_options_find(cmd, key, strlen(key));
    bool usable = option != NULL && strcmp(key, "help") != 0 &&
                  strcmp(key, "version") != 0 && strcmp(key, "config") != 0 &&
                  strcmp(key, "directory") != 0;
    if (!usable) {
        g_autofree char *what = g_strdup_printf("[%s] has no option '%s'", group, key);
        return config_error(c, group, key, what, cp_options_nearest(cmd, key));
    }
    g_autofree char *value = g_key_file_get_string(c->keys, group, key, NULL);
    g_autoptr(GError) error = NULL;
    if (value == NULL || !cp_options_check(option, value, &error)) {
        g_autofree char *what =
            g_strdup_printf("%s: %s", key, error ? error->message : "not a text");
        return config_error(c, group, key, what, NULL);
    }
    if (c->found && is_trusted_only(option)) {
        if (c->apply && (cmd == NULL || cmd == c->cli->cmd)) {
            cp_note(
                c->cli,
                "%s:%u: '%s' is left out: it counts on the command line, in a file named "
                "by --config and in your own configuration",
                c->path, line_of(c->text, group, key), key);
        }
        return CP_EXIT_OK;
    }
    bool is_off = option->kind == CP_OPT_FLAG && strcmp(value, "on") != 0 &&
                  strcmp(value, "true") != 0;
    bool wanted = c->apply && (cmd == NULL || cmd == c->cli->cmd) && !is_off;
    if (wanted && cp_opt_origin(c->cli, option->name) == NULL) {
        g_autofree char *origin =
            g_strdup_printf("%s:%u", c->path, line_of(c->text, group, key));
        cp_options_store(c->cli, option, value, origin, NULL);
    }
    return CP_EXIT_OK;
}

static int config_settings(Config *c, char **keys)
{
    for (; c->apply && *keys != NULL; keys++) {
        cp_options_setting(c->cli, *keys,
                           g_key_file_get_string(c->keys, "settings", *keys, NULL));
    }
    return CP_EXIT_OK;
}

static int config_group(Config *c, const char *group)
{
    g_auto(GStrv) keys = g_key_file_get_keys(c->keys, group, NULL, NULL);
    if (strcmp(group, "settings") == 0) {
        return config_settings(c, keys);
    }
    const CpCmd *cmd = cp_command_find(c->cli, group);
    if (cmd == NULL && strcmp(group, "global") != 0) {
        g_autoptr(GPtrArray) names = g_ptr_array_new();
        for (const CpCmd *const *p = c->cli->commands; *p != NULL; p++) {
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

static int config_read(CpCli *cli, const char *path, bool apply, bool found)
{
    g_autofree char *text = NULL;
    size_t len = 0;
    g_autoptr(GError) error = NULL;
    if (!cp_slurp(path, false, &text, &len, &error)) {
        cp_error(cli, "%s", error->message);
        return CP_EXIT_INPUT;
    }
    g_autoptr(GKeyFile) keys = g_key_file_new();
    if (!g_key_file_load_from_data(keys, text, len, G_KEY_FILE_NONE, &error)) {
        cp_error(cli, "%s: %s", path, error->message);
        cp_help(cli, "the file has parts like [run] with lines like jobs=4");
        return CP_EXIT_INPUT;
    }
    Config c = {cli, path, text, keys, apply, found};
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

int cp_config_file_check(const CpCli *cli, const char *path)
{
    return config_read((CpCli *)cli, path, false, false);
}

static char *config_path(CpCli *cli, bool *found)
{
    const char *given = cp_opt_text(cli, "config");
    if (given != NULL) {
        return g_strdup(given);
    }
    if (g_file_test("coreplay.conf", G_FILE_TEST_IS_REGULAR)) {
        *found = true;
        return g_strdup("coreplay.conf");
    }
    g_autofree char *path =
        g_build_filename(g_get_user_config_dir(), "coreplay", "coreplay.conf", NULL);
    return g_file_test(path, G_FILE_TEST_IS_REGULAR) ? g_steal_pointer(&path) : NULL;
}

int cp_config_file_defaults(CpCli *cli)
{
    const char *jobs = g_getenv("COREPLAY_JOBS");
    const CpOption *option = cp_options_find(cli->cmd, "jobs", 4);
    if (option != NULL && jobs != NULL && cp_opt_text(cli, "jobs") == NULL) {
        g_autoptr(GError) error = NULL;
        if (!cp_options_store(cli, option, jobs, "COREPLAY_JOBS", &error)) {
            cp_error(cli, "%s (in COREPLAY_JOBS)", error->message);
            return CP_EXIT_USAGE;
        }
    }
    bool found = false;
    char *path = config_path(cli, &found);
    cp_options_set_config(cli, path);
    if (found) {
        cp_note(cli, "defaults are read from coreplay.conf in this folder");
    }
    return path != NULL ? config_read(cli, path, true, found) : CP_EXIT_OK;
}
