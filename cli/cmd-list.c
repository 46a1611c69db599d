#include "cli/commands.h"

#include "cli/applies.h"
#include "cli/options.h"
#include "cli/examples.h"
#include "cli/overrides.h"
#include "cli/report.h"
#include "cli/columns.h"
#include "models/registry.h"
#include "plots/chart.h"
#include "sim/metrics.h"
#include "scenario/result-json.h"
#include "traces/export/formats.h"
#include "traces/import/formats.h"
#include "models/kernels.h"
#include "scenario/host.h"
#include "scenario/machines.h"

#include <string.h>

/* Which lists there are, and what is said about each thing in them. */

#define KINDS                                                                              \
    "policies|models|runtimes|metrics|charts|formats|distributions|settings|examples|"     \
    "machines|kernels|options"

static const CpOption options[] = {
    {"names", 0, CP_OPT_FLAG, NULL, NULL, NULL, "Options", "print the names only"},
    {"effective", 0, CP_OPT_FILE, "FILE", NULL, NULL, "Options",
     "settings: show the values in force for this workload and where each came from"},
    {"set", 's', CP_OPT_LIST, "KEY=VALUE", NULL, "settings", "Options",
     "with --effective: override a setting, as for run"},
    {"machine", 'm', CP_OPT_FILE, "FILE|NAME", NULL, "machines", "Options",
     "with --effective: use this machine, as for run"},
    {NULL, 0, CP_OPT_FLAG, NULL, NULL, NULL, NULL, NULL},
};

/* Rows of any list: names and what is to be said about them. */
typedef struct {
    const char *const *columns; /* JSON keys; the first is "name"; NULL-ended */
    unsigned n_columns;
    GPtrArray *cells; /* char * or NULL */
} Rows;

static Rows rows_new(const char *const *columns)
{
    return (Rows){columns, g_strv_length((char **)columns),
                  g_ptr_array_new_with_free_func(g_free)};
}

static void rows_add(Rows *rows, const char *text)
{
    g_ptr_array_add(rows->cells, g_strdup(text));
}

static void print_names(CpCli *cli, const Rows *rows)
{
    for (unsigned i = 0; i < rows->cells->len; i += rows->n_columns) {
        cp_out(cli, "%s\n", (char *)rows->cells->pdata[i]);
    }
}

static void print_json(CpCli *cli, const Rows *rows, const char *kind)
{
    CpJson *json = cp_result_json_new();
    cp_json_open(json, kind, '[');
    for (unsigned i = 0; i < rows->cells->len; i += rows->n_columns) {
        cp_json_open(json, NULL, '{');
        for (unsigned c = 0; c < rows->n_columns; c++) {
            cp_json_text(json, rows->columns[c], rows->cells->pdata[i + c]);
        }
        cp_json_close(json, '}');
    }
    cp_json_close(json, ']');
    cp_out_json(cli, json);
}

static void print_table(CpCli *cli, const Rows *rows)
{
    g_autofree char *align = g_strnfill(rows->n_columns, 'l');
    g_autoptr(CpColumns) table = cp_columns_new(align);
    for (unsigned c = 0; c < rows->n_columns; c++) {
        cp_columns_cell(table, rows->columns[c]);
    }
    for (unsigned i = 0; i < rows->cells->len; i++) {
        const char *text = rows->cells->pdata[i];
        cp_columns_cell(table, text ? text : "");
    }
    g_autoptr(GString) out = g_string_new(NULL);
    cp_columns_print(table, out);
    cp_out(cli, "%s", out->str);
}

static int print_rows(CpCli *cli, Rows *rows, const char *kind)
{
    if (cp_opt_flag(cli, "names")) {
        print_names(cli, rows);
    } else if (cli->json) {
        print_json(cli, rows, kind);
    } else {
        print_table(cli, rows);
    }
    g_ptr_array_unref(rows->cells);
    return CP_EXIT_OK;
}

static int list_policies(CpCli *cli)
{
    static const char *const columns[] = {"name", "also", "kind", "summary", NULL};
    Rows rows = rows_new(columns);
    for (const CpProfile *p = cp_profiles(); p->name != NULL; p++) {
        rows_add(&rows, p->name);
        rows_add(&rows, p->alias);
        rows_add(&rows, p->kernel ? "kernel" : "textbook");
        rows_add(&rows, p->summary);
    }
    return print_rows(cli, &rows, "policies");
}

static int list_runtimes(CpCli *cli)
{
    static const char *const columns[] = {"name", "summary", NULL};
    Rows rows = rows_new(columns);
    for (const CpRuntimeClass *const *r = cp_runtime_classes(); *r != NULL; r++) {
        rows_add(&rows, (*r)->name);
        rows_add(&rows, (*r)->summary);
    }
    return print_rows(cli, &rows, "runtimes");
}

/* Everything a simulation is put together from. */
static int list_models(CpCli *cli)
{
    static const char *const columns[] = {"name", "kind", "summary", NULL};
    static const struct {
        const char *name, *summary;
    } objects[] = {
        {"lock", "mutex; pi=on: priority inheritance; spin=50us: waited for on the CPU"},
        {"rlock", "mutex its holder may take again"},
        {"rwlock", "many readers or one writer"},
        {"semaphore", "counting semaphore (n=3)"},
        {"condition", "condition variable over a lock"},
        {"event", "flag that threads wait for"},
        {"barrier", "holds threads until n have come (n=4)"},
        {"queue", "bounded or unbounded queue of items (capacity=4)"},
        {"pipe", "byte pipe between processes (size=64KiB)"},
        {"socket", "messages with latency and bandwidth"},
        {"device", "disk or card with channels and a service time"},
    };
    Rows rows = rows_new(columns);
    for (const CpPolicyClass *const *c = cp_policy_classes(); *c != NULL; c++) {
        rows_add(&rows, (*c)->name);
        rows_add(&rows, "scheduling class");
        rows_add(&rows, (*c)->summary);
    }
    for (const CpRuntimeClass *const *r = cp_runtime_classes(); *r != NULL; r++) {
        rows_add(&rows, (*r)->name);
        rows_add(&rows, "runtime");
        rows_add(&rows, (*r)->summary);
    }
    for (const char *const *name = cp_cost_set_names; *name != NULL; name++) {
        rows_add(&rows, *name);
        rows_add(&rows, "cost set");
        rows_add(&rows, strcmp(*name, "ideal") == 0
                            ? "all costs are zero"
                            : "what kernel work costs, as measured");
    }
    for (size_t i = 0; i < G_N_ELEMENTS(objects); i++) {
        rows_add(&rows, objects[i].name);
        rows_add(&rows, "object");
        rows_add(&rows, objects[i].summary);
    }
    return print_rows(cli, &rows, "models");
}

static int list_metrics(CpCli *cli)
{
    static const char *const columns[] = {"name", "scope", "key", "meaning", NULL};
    Rows rows = rows_new(columns);
    for (unsigned scope = 0; scope < CP_SCOPES; scope++) {
        for (const CpMetric *const *m = cp_metrics((CpScope)scope); *m != NULL; m++) {
            g_autofree char *key = cp_metric_key((*m)->name, (*m)->unit);
            rows_add(&rows, (*m)->name);
            rows_add(&rows, cp_scope_names[scope]);
            rows_add(&rows, key);
            rows_add(&rows, (*m)->help);
        }
    }
    return print_rows(cli, &rows, "metrics");
}

static int list_charts(CpCli *cli)
{
    static const char *const columns[] = {"name", "summary", NULL};
    Rows rows = rows_new(columns);
    for (const CpChartInfo *const *c = cp_charts; *c != NULL; c++) {
        rows_add(&rows, (*c)->name);
        rows_add(&rows, (*c)->summary);
    }
    return print_rows(cli, &rows, "charts");
}

static int list_formats(CpCli *cli)
{
    static const char *const columns[] = {"name", "read", "written", "meaning", NULL};
    Rows rows = rows_new(columns);
    for (const CpImportFormat *const *f = cp_import_formats; *f != NULL; f++) {
        rows_add(&rows, (*f)->name);
        rows_add(&rows, (*f)->read != NULL ? "yes" : "no");
        rows_add(&rows, "no");
        rows_add(&rows, (*f)->help);
    }
    for (const CpExportFormat *const *f = cp_export_formats; *f != NULL; f++) {
        g_autofree char *help = g_strdup_printf("%s (%s)", (*f)->help, (*f)->endings);
        rows_add(&rows, (*f)->name);
        rows_add(&rows, "no");
        rows_add(&rows, "yes");
        rows_add(&rows, g_intern_string(help));
    }
    return print_rows(cli, &rows, "formats");
}

static int list_distributions(CpCli *cli)
{
    static const char *const columns[] = {"name", "form", "meaning", NULL};
    static const struct {
        const char *name, *form, *meaning;
    } forms[] = {
        {"constant", "3ms", "always the same"},
        {"uniform", "uniform(1ms, 3ms)", "every value between both, both included"},
        {"exp", "exp(4ms)", "exponential with this mean"},
        {"normal", "normal(4ms, 1ms)", "mean and standard deviation; below 0 counts as 0"},
        {"lognormal", "lognormal(mean=2ms, sigma=0.6)",
         "mean of the value, sigma of its logarithm"},
        {"pareto", "pareto(min=1ms, alpha=1.5)", "heavy tail above a minimum"},
        {"weibull", "weibull(scale=2ms, shape=0.8)", "scale and shape"},
        {"choice", "choice([1ms, 5ms, 20ms])", "each entry equally likely"},
        {"empirical", "empirical(\"times.txt\")",
         "as in a file with one time a line, linear between"},
    };
    Rows rows = rows_new(columns);
    for (size_t i = 0; i < G_N_ELEMENTS(forms); i++) {
        rows_add(&rows, forms[i].name);
        rows_add(&rows, forms[i].form);
        rows_add(&rows, forms[i].meaning);
    }
    return print_rows(cli, &rows, "distributions");
}

static int list_machines(CpCli *cli)
{
    static const char *const columns[] = {"name", "settings", NULL};
    Rows rows = rows_new(columns);
    for (const char *const *name = cp_machine_names; *name != NULL; name++) {
        g_autoptr(GString) settings = g_string_new(NULL);
        for (const char *const *p = cp_machine_settings(*name); *p != NULL; p += 2) {
            g_string_append_printf(settings, "%s%s=%s", settings->len > 0 ? " " : "", p[0],
                                   p[1]);
        }
        rows_add(&rows, *name);
        rows_add(&rows, settings->str);
    }
    g_autoptr(GPtrArray) host = cp_host_machine(CP_HOST_DEVICES, NULL);
    g_autoptr(GString) settings = g_string_new(host == NULL ? "not known" : NULL);
    for (guint i = 0; host != NULL && i < host->len; i += 2) {
        g_string_append_printf(settings, "%s%s=%s", i > 0 ? " " : "",
                               (char *)host->pdata[i], (char *)host->pdata[i + 1]);
    }
    rows_add(&rows, "host");
    rows_add(&rows, settings->str);
    return print_rows(cli, &rows, "machines");
}

static int list_kernels(CpCli *cli)
{
    static const char *const columns[] = {"name", "taken_for", NULL};
    Rows rows = rows_new(columns);
    for (const char *const *name = cp_kernel_names(); *name != NULL; name++) {
        rows_add(&rows, *name);
        g_autofree char *summary = cp_kernel_summary(*name);
        rows_add(&rows, summary + strlen(*name) + 1);
    }
    return print_rows(cli, &rows, "kernels");
}

/* A cell with a text it takes, or "-". */
static void rows_take(Rows *rows, char *text)
{
    bool is_empty = text == NULL || *text == '\0';
    g_ptr_array_add(rows->cells,
                    is_empty ? g_strdup("-") : g_strdelimit(g_strdup(text), " ", ','));
    g_free(text);
}

typedef struct {
    Rows rows;
    const CpCmd *cmd;
} OptionList;

static void add_option_row(const CpOption *option, void *data)
{
    OptionList *list = data;
    bool is_global = strcmp(option->group, "Global options") == 0;
    if (is_global && strcmp(option->name, "json") != 0) {
        return; /* these work everywhere */
    }
    g_autofree char *name = g_strdup_printf("%s --%s", list->cmd->name, option->name);
    rows_add(&list->rows, name);
    rows_take(&list->rows, cp_applies_kinds(list->cmd, option));
    rows_take(&list->rows, cp_applies_makes(list->cmd, option));
    rows_take(&list->rows, cp_applies_needs(list->cmd, option));
    rows_take(&list->rows, cp_applies_not_with(list->cmd, option));
}

static int list_options(CpCli *cli)
{
    static const char *const columns[] = {"name",  "works_on", "output",
                                          "needs", "not_with", NULL};
    OptionList list = {.rows = rows_new(columns)};
    for (const CpCmd *const *cmd = cli->commands; *cmd != NULL; cmd++) {
        list.cmd = *cmd;
        cp_options_each(*cmd, add_option_row, &list);
    }
    return print_rows(cli, &list.rows, "options");
}

static int list_examples(CpCli *cli)
{
    static const char *const columns[] = {"name", "summary", NULL};
    Rows rows = rows_new(columns);
    g_autoptr(GPtrArray) examples = cp_examples();
    for (unsigned i = 0; i < examples->len; i++) {
        const CpExampleFile *example = examples->pdata[i];
        rows_add(&rows, example->name);
        rows_add(&rows, example->summary);
    }
    return print_rows(cli, &rows, "examples");
}

/* --- settings --- */

static const char *const type_names[] = {"number", "time",  "on or off", "share",
                                         "word",   "times", "size"};

/* "1 to 1024", "a, b or c", "". */
static char *range_text(const CpParam *p)
{
    if (p->type == CP_PARAM_ENUM && p->choices == NULL) {
        return g_strdup(""); /* a name or a text, see its help */
    }
    if (p->type == CP_PARAM_ENUM) {
        g_auto(GStrv) words = g_strsplit(p->choices, "|", -1);
        return g_strjoinv(", ", words);
    }
    if (p->type == CP_PARAM_BOOL) {
        return g_strdup("on, off");
    }
    if (p->type == CP_PARAM_TIME && p->choices != NULL) {
        return g_strconcat("a time, ", p->choices, NULL);
    }
    if (p->min == 0 && p->max == 0) {
        return g_strdup("");
    }
    g_autofree char *min = cp_param_text(p->type, p->min);
    if (p->max >= INT64_MAX / 2) {
        return g_strdup_printf("%s or more", min);
    }
    g_autofree char *max = cp_param_text(p->type, p->max);
    return g_strdup_printf("%s to %s", min, max);
}

/* A key itself, or everything below it: "gil" shows gil and gil.interval; `anywhere`: every
 * key that contains the word. */
static bool key_matches(const char *name, const char *wanted, bool anywhere)
{
    size_t len = wanted != NULL ? strlen(wanted) : 0;
    if (wanted == NULL || anywhere) {
        return wanted == NULL || strstr(name, wanted) != NULL;
    }
    return strncmp(name, wanted, len) == 0 && (name[len] == '\0' || name[len] == '.');
}

static void describe(CpCli *cli, const CpSettingInfo *s)
{
    g_autofree char *range = range_text(s->spec);
    cp_out(cli, "%s\n    %s\n    owner    %s\n    type     %s\n    default  %s\n",
           s->spec->name, s->spec->help, s->owner, type_names[s->spec->type], s->spec->def);
    if (*range != '\0') {
        cp_out(cli, "    range    %s\n", range);
    }
    cp_out(cli, "    example  coreplay run first.cpw -s %s=%s\n", s->spec->name,
           s->spec->def);
}

static int unknown_setting(CpCli *cli, const char *key)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_autofree CpSettingInfo *settings = cp_settings();
    for (const CpSettingInfo *s = settings; s->spec != NULL; s++) {
        g_ptr_array_add(names, (void *)s->spec->name);
    }
    g_ptr_array_add(names, NULL);
    return cp_unknown(cli, "setting", key, (const char *const *)names->pdata,
                      "coreplay list settings");
}

static void add_setting(Rows *rows, const CpSettingInfo *s)
{
    g_autofree char *range = range_text(s->spec);
    rows_add(rows, s->spec->name);
    rows_add(rows, s->spec->def);
    rows_add(rows, range);
    rows_add(rows, s->owner);
    rows_add(rows, s->spec->help);
}

/* Adds the settings that match; returns the last one, or NULL. */
static const CpSettingInfo *add_settings(Rows *rows, const CpSettingInfo *settings,
                                         const char *wanted, bool anywhere)
{
    const CpSettingInfo *last = NULL;
    for (const CpSettingInfo *s = settings; s->spec != NULL; s++) {
        /* Keys of what this version lacks are known only to be refused with the reason. */
        bool is_usable = !g_str_has_prefix(s->spec->help, "not yet");
        if (!is_usable || !key_matches(s->spec->name, wanted, anywhere)) {
            continue;
        }
        add_setting(rows, s);
        last = s;
    }
    return last;
}

static const CpSettingInfo *find_setting(const CpSettingInfo *settings, const char *key)
{
    for (const CpSettingInfo *s = settings; key != NULL && s->spec != NULL; s++) {
        if (strcmp(s->spec->name, key) == 0) {
            return s;
        }
    }
    return NULL;
}

/* A key that has others below it: itself first, then a table of those. */
static int describe_all(CpCli *cli, const CpSettingInfo *own, const CpSettingInfo *settings,
                        const char *const *columns)
{
    g_autofree char *below = g_strconcat(own->spec->name, ".", NULL);
    Rows rows = rows_new(columns);
    describe(cli, own);
    for (const CpSettingInfo *s = settings; s->spec != NULL; s++) {
        if (g_str_has_prefix(s->spec->name, below)) {
            add_setting(&rows, s);
        }
    }
    cp_out(cli, "\n");
    return print_rows(cli, &rows, "settings");
}

static int list_settings(CpCli *cli, const char *wanted)
{
    static const char *const columns[] = {"name",  "default", "range",
                                          "owner", "meaning", NULL};
    Rows rows = rows_new(columns);
    g_autofree CpSettingInfo *settings = cp_settings();
    const CpSettingInfo *last = add_settings(&rows, settings, wanted, false);
    if (last == NULL) {
        last = add_settings(&rows, settings, wanted, true);
    }
    bool is_one = rows.cells->len == rows.n_columns && wanted != NULL;
    bool for_people = !cli->json && !cp_opt_flag(cli, "names");
    const CpSettingInfo *own = find_setting(settings, wanted);
    bool is_head = own != NULL && !is_one && for_people;
    if (last != NULL && !(is_one && for_people) && !is_head) {
        return print_rows(cli, &rows, "settings");
    }
    g_ptr_array_unref(rows.cells);
    if (is_head) {
        return describe_all(cli, own, settings, columns);
    }
    if (last == NULL) {
        return unknown_setting(cli, wanted);
    }
    describe(cli, last);
    return CP_EXIT_OK;
}

/* --- settings in force --- */

typedef struct {
    Rows rows;
    const char *wanted;
} InForce;

static void add_in_force(const CpSettingInForce *setting, void *data)
{
    InForce *list = data;
    if (key_matches(setting->key, list->wanted, false)) {
        g_autofree char *origin = cp_from_print(setting->from, setting->key);
        rows_add(&list->rows, setting->key);
        rows_add(&list->rows, setting->value);
        rows_add(&list->rows, origin);
    }
}

static int load_for_list(CpCli *cli, const char *path, CpScenario **scenario)
{
    CpOverrides overrides;
    int code = cp_overrides_init(&overrides, cli);
    if (code == CP_EXIT_OK) {
        CpDiag *diag = cp_diag_new(path, NULL, 0);
        *scenario = cp_scenario_load(path, (const CpOverride *)(void *)overrides.list->data,
                                     overrides.list->len, diag);
        code = cp_report_diag(cli, diag);
        cp_diag_free(diag);
    }
    cp_overrides_clear(&overrides);
    return code;
}

static int list_effective(CpCli *cli, const char *path, const char *wanted)
{
    static const char *const columns[] = {"name", "value", "origin", NULL};
    CpScenario *scenario = NULL;
    int code = load_for_list(cli, path, &scenario);
    if (scenario == NULL) {
        return code;
    }
    InForce list = {rows_new(columns), wanted};
    cp_scenario_each_setting(scenario, add_in_force, &list);
    cp_scenario_free(scenario);
    return print_rows(cli, &list.rows, "settings");
}

static int run(CpCli *cli)
{
    static const struct {
        const char *name;
        int (*list)(CpCli *cli);
    } kinds[] = {
        {"policies", list_policies},
        {"models", list_models},
        {"runtimes", list_runtimes},
        {"metrics", list_metrics},
        {"charts", list_charts},
        {"formats", list_formats},
        {"machines", list_machines},
        {"kernels", list_kernels},
        {"distributions", list_distributions},
        {"examples", list_examples},
        {"options", list_options},
    };
    const char *kind = cli->operands[0];
    const char *wanted = cli->n_operands > 1 ? cli->operands[1] : NULL;
    const char *effective = cp_opt_text(cli, "effective");
    bool is_settings = strcmp(kind, "settings") == 0;
    if (!is_settings && wanted != NULL) {
        cp_error(cli, "only 'list settings' takes a key");
        return CP_EXIT_USAGE;
    }
    if (is_settings) {
        return effective != NULL ? list_effective(cli, effective, wanted)
                                 : list_settings(cli, wanted);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (strcmp(kind, kinds[i].name) == 0) {
            return kinds[i].list(cli);
        }
    }
    g_auto(GStrv) names = g_strsplit(KINDS, "|", -1);
    return cp_unknown(cli, "list", kind, (const char *const *)names, "coreplay help list");
}

const CpCmd cp_cmd_list = {
    .name = "list",
    .summary =
        "list policies, models, metrics, charts, formats, settings, examples and more",
    .operands = "WHAT [KEY]",
    .operand_list = KINDS,
    .operands_min = 1,
    .operands_max = 2,
    .kinds = "settings other",
    .kinds_are = CP_KINDS_OF_WORDS,
    .also = "ls show settings policies metrics",
    .examples = {{"coreplay list policies", "what -s policy=NAME can be"},
                 {"coreplay list settings eevdf", "all settings that begin with eevdf"},
                 {"coreplay list settings --effective first.cpw -s cores=2",
                  "the values in force for a workload, and where each came from"}},
    .options = options,
    .see_also = "coreplay(1), coreplay-run(1), coreplay-workload(5)",
    .run = run,
};
