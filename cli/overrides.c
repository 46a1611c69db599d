#include "cli/overrides.h"

#include "cli/options.h"
#include "cli/report.h"
#include "models/policy-file.h"
#include "models/registry.h"
#include "sim/params.h"
#include "scenario/host.h"
#include "scenario/machines.h"

#include <string.h>

/* Which overrides the command line and coreplay.conf make, and which of them is stronger.
 */

/* Takes key and value. */
static void add(CpOverrides *o, char *key, char *value, CpFrom from)
{
    g_ptr_array_add(o->texts, key);
    g_ptr_array_add(o->texts, value);
    CpOverride row = {.key = key, .value = value, .from = from};
    g_array_append_val(o->list, row);
}

/* "key=value"; the key may not be empty. */
static bool add_pair(CpOverrides *o, const char *pair)
{
    const char *equals = strchr(pair, '=');
    if (equals == NULL || equals == pair) {
        return false;
    }
    char *key = g_strstrip(g_strndup(pair, (size_t)(equals - pair)));
    add(o, key, g_strstrip(g_strdup(equals + 1)), CP_FROM_SET);
    return true;
}

static bool has_option(const CpCmd *cmd, const char *name)
{
    for (const CpOption *o = cmd->options; o->name != NULL; o++) {
        if (strcmp(o->name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* A machine given on the command line replaces all that the workload says of its own. */
static void forget_machine(CpOverrides *o)
{
    static const char *const plain[] = {"smt",       "1", "numa.nodes", "1",
                                        "llc.cores", "0", "capacity",   "[1024]"};
    for (size_t i = 0; i < G_N_ELEMENTS(plain); i += 2) {
        cp_overrides_add(o, plain[i], plain[i + 1], CP_FROM_MACHINE);
    }
}

static int add_machine_file(CpOverrides *o, const CpCli *cli, const char *path)
{
    forget_machine(o);
    CpDiag *diag = cp_diag_new(path, NULL, 0);
    g_autoptr(GPtrArray) pairs = cp_machine_file_load(path, diag);
    int code = cp_report_diag(cli, diag);
    for (unsigned i = 0; pairs != NULL && i < pairs->len; i += 2) {
        cp_overrides_add(o, pairs->pdata[i], pairs->pdata[i + 1], CP_FROM_MACHINE);
    }
    cp_diag_free(diag);
    return code;
}

static int add_host(CpOverrides *o, const CpCli *cli)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) pairs = cp_host_machine(CP_HOST_DEVICES, &error);
    if (pairs == NULL) {
        return cp_fail(cli, error);
    }
    forget_machine(o);
    for (unsigned i = 0; i < pairs->len; i += 2) {
        cp_overrides_add(o, pairs->pdata[i], pairs->pdata[i + 1], CP_FROM_MACHINE);
    }
    return CP_EXIT_OK;
}

static int add_machine(CpOverrides *o, const CpCli *cli)
{
    const char *wanted =
        has_option(cli->cmd, "machine") ? cp_opt_text(cli, "machine") : NULL;
    if (wanted == NULL) {
        return CP_EXIT_OK;
    }
    if (strcmp(wanted, "host") == 0) {
        return add_host(o, cli);
    }
    const char *const *preset = cp_machine_settings(wanted);
    if (preset != NULL) {
        forget_machine(o);
        for (; *preset != NULL; preset += 2) {
            cp_overrides_add(o, preset[0], preset[1], CP_FROM_MACHINE);
        }
        return CP_EXIT_OK;
    }
    if (g_file_test(wanted, G_FILE_TEST_EXISTS)) {
        return add_machine_file(o, cli, wanted);
    }
    if (strspn(wanted, "0123456789") == strlen(wanted)) {
        cp_error(cli, "--machine: '%s' is neither a machine's name nor a file", wanted);
        cp_help(cli, "for a number of cores: -s cores=%s", wanted);
        return CP_EXIT_USAGE;
    }
    bool is_path = strchr(wanted, '/') != NULL || strchr(wanted, '.') != NULL;
    if (is_path) {
        cp_error(cli, "--machine: there is no file '%s'", wanted);
        return CP_EXIT_INPUT;
    }
    return cp_unknown(cli, "machine", wanted, cp_machine_names, "coreplay list machines");
}

/* An option that stands for the setting of its name, with _ for -. */
static void add_option(CpOverrides *o, const CpCli *cli, const char *option)
{
    const char *value = has_option(cli->cmd, option) ? cp_opt_text(cli, option) : NULL;
    if (value != NULL) {
        char *key = g_strdelimit(g_strdup(option), "-", '_');
        add(o, key, g_strdup(value), CP_FROM_OPTION);
    }
}

/* How many random workloads a policy of the user's must pass; about a second. */
enum { CONFORM_RUNS = 20 };

static int add_policy(CpOverrides *o, const CpCli *cli)
{
    const char *path =
        has_option(cli->cmd, "policy-file") ? cp_opt_text(cli, "policy-file") : NULL;
    if (path == NULL) {
        return CP_EXIT_OK;
    }
    g_autoptr(GError) error = NULL;
    const CpPolicyClass *cls = cp_policy_file_load(path, &error);
    if (cls == NULL || !cp_policy_file_check(cls, CONFORM_RUNS, &error)) {
        return cp_fail(cli, error);
    }
    cp_policy_class_add(cls);
    cp_overrides_add(o, "policy", cls->name, CP_FROM_OPTION);
    return CP_EXIT_OK;
}

static int add_sets(CpOverrides *o, const CpCli *cli)
{
    for (char **pair = cp_opt_list(cli, "set"); *pair != NULL; pair++) {
        if (!add_pair(o, *pair)) {
            cp_error(cli, "--set: '%s' is not KEY=VALUE", *pair);
            cp_help(cli, "for example: -s cores=8   coreplay list settings shows all keys");
            return CP_EXIT_USAGE;
        }
    }
    return CP_EXIT_OK;
}

int cp_overrides_init(CpOverrides *overrides, const CpCli *cli)
{
    overrides->list = g_array_new(FALSE, FALSE, sizeof(CpOverride));
    overrides->texts = g_ptr_array_new_with_free_func(g_free);
    for (char **s = cp_options_settings(cli); *s != NULL; s += 2) {
        add(overrides, g_strdup(s[0]), g_strdup(s[1]), CP_FROM_CONFIG);
    }
    int code = add_machine(overrides, cli);
    if (code != CP_EXIT_OK) {
        return code;
    }
    static const char *const options[] = {"seed",       "until",    "warmup",
                                          "max-events", "max-wall", "kernel"};
    for (size_t i = 0; i < G_N_ELEMENTS(options); i++) {
        add_option(overrides, cli, options[i]);
    }
    if (has_option(cli->cmd, "exact-ticks") && cp_opt_flag(cli, "exact-ticks")) {
        add(overrides, g_strdup("exact_ticks"), g_strdup("on"), CP_FROM_OPTION);
    }
    code = add_policy(overrides, cli);
    return code == CP_EXIT_OK ? add_sets(overrides, cli) : code;
}

void cp_overrides_add(CpOverrides *overrides, const char *key, const char *value,
                      CpFrom from)
{
    add(overrides, g_strdup(key), g_strdup(value), from);
}

void cp_overrides_clear(CpOverrides *overrides)
{
    g_array_unref(overrides->list);
    g_ptr_array_unref(overrides->texts);
}
