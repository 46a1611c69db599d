#include "cli/whatif-workload.h"

#include "cli/columns.h"
#include "cli/interrupt.h"
#include "cli/overrides.h"
#include "scenario/result-json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Which changes a workload is tried under when none is asked for, and what each assumes. */

typedef struct {
    const char *key, *value;
    const char *name;
    bool python; /* says nothing of a program without an interpreter */
    const char *assumes;
} Change;

static const Change changes[] = {
    {"cores", "1", "1 core", false, "the same work on one core"},
    {"cores", "2", "2 cores", false, "equal cores, caches not shared worse"},
    {"cores", "4", "4 cores", false, "equal cores, caches not shared worse"},
    {"cores", "8", "8 cores", false, "equal cores, caches not shared worse"},
    {"gil.interval", "500us", "switch interval 0.5 ms", true,
     "sys.setswitchinterval(0.0005)"},
    {"gil.interval", "50ms", "switch interval 50 ms", true, "sys.setswitchinterval(0.05)"},
    {"runtime.version", "3.8", "Python 3.8", true, "bursts as long as recorded"},
    {"runtime.version", "3.11", "Python 3.11", true, "bursts as long as recorded"},
    {"runtime.version", "3.12", "Python 3.12", true, "bursts as long as recorded"},
    {"runtime.version", "3.13", "Python 3.13", true, "bursts as long as recorded"},
    {"runtime.version", "3.13t", "Python 3.13t, no GIL", true,
     "every module supports it; bytecode is slower as the model says"},
    {"runtime.version", "3.14t", "Python 3.14t, no GIL", true,
     "every module supports it; bytecode is slower as the model says"},
};

enum { MAX_WALL_S = 10 };

/* What came of one change. */
typedef struct {
    const Change *change; /* NULL: none */
    bool ran;
    CpOutcome outcome;
    int64_t makespan, switches; /* ns; number */
} Answer;

static bool is_python(const CpScenario *scenario)
{
    for (uint32_t i = 0; i < scenario->workload->procs->len; i++) {
        if (scenario->proc_params[i] != NULL) {
            return true;
        }
    }
    return false;
}

static int simulate(const CpScenario *scenario, Answer *answer, GError **error)
{
    CpSimConfig config = {0};
    CpUnit unit = CP_UNIT_NS;
    cp_scenario_config(scenario, &config);
    config.interrupt = cp_interrupt_flag();
    CpSim *sim = cp_sim_new(&config, error);
    if (sim == NULL) {
        return CP_EXIT_MODEL;
    }
    answer->outcome = cp_sim_run(sim, error);
    answer->ran = *error == NULL &&
                  cp_metric_find(sim, "makespan", &answer->makespan, &unit) &&
                  cp_metric_find(sim, "switches", &answer->switches, &unit);
    cp_sim_free(sim);
    return cp_interrupt_code();
}

/* Runs the workload with one change; `python` is set by the first run. */
static int try_change(CpCli *cli, const Change *change, Answer *answer, bool *python)
{
    const char *file = cli->operands[0];
    CpOverrides overrides;
    *answer = (Answer){.change = change};
    int code = cp_overrides_init(&overrides, cli);
    if (code != CP_EXIT_OK) {
        return code;
    }
    g_autofree char *wall = g_strdup_printf("%ds", MAX_WALL_S);
    cp_overrides_add(&overrides, "max_wall", wall, CP_FROM_OPTION);
    if (change != NULL) {
        cp_overrides_add(&overrides, change->key, change->value, CP_FROM_SWEEP);
    }
    CpDiag *diag = cp_diag_new(file, NULL, 0);
    CpScenario *scenario = cp_scenario_load(
        file, (const CpOverride *)(void *)overrides.list->data, overrides.list->len, diag);
    if (scenario != NULL) {
        g_autoptr(GError) error = NULL;
        *python = change == NULL ? is_python(scenario) : *python;
        code = simulate(scenario, answer, &error);
        if (error != NULL && change == NULL) {
            code = cp_fail(cli, error);
        }
        cp_scenario_free(scenario);
    } else if (change == NULL) {
        g_autofree char *messages = cp_diag_print(diag, cli->colour);
        fputs(messages, stderr);
        code = cp_diag_code(diag);
    }
    cp_diag_free(diag);
    cp_overrides_clear(&overrides);
    return code;
}

/* Shortest first; what did not end comes last. */
static int by_makespan(const void *a, const void *b)
{
    const Answer *x = a, *y = b;
    bool x_done = x->outcome == CP_OUTCOME_DONE, y_done = y->outcome == CP_OUTCOME_DONE;
    if (x_done != y_done) {
        return x_done ? -1 : 1;
    }
    if (x->makespan != y->makespan) {
        return x->makespan < y->makespan ? -1 : 1;
    }
    return x->change < y->change ? -1 : x->change > y->change;
}

static void print_text(CpCli *cli, const GArray *answers, int64_t same)
{
    g_autoptr(CpColumns) table = cp_columns_new("lrrrl");
    const char *const heads[] = {"", "makespan", "change", "switches", "assumes"};
    for (size_t i = 0; i < G_N_ELEMENTS(heads); i++) {
        cp_columns_cell(table, heads[i]);
    }
    for (unsigned i = 0; i < answers->len; i++) {
        const Answer *a = &g_array_index(answers, Answer, i);
        g_autofree char *makespan = cp_format_time_human(a->makespan);
        cp_columns_cell(table, a->change != NULL ? a->change->name : "as it stands");
        cp_columns_cell(table, makespan);
        if (a->outcome != CP_OUTCOME_DONE) {
            cp_columns_cell(table, cp_outcome_name(a->outcome));
        } else {
            cp_columns_cellf(table, "%+.1f %%",
                             same > 0 ? ((double)a->makespan / (double)same - 1) * 100 : 0);
        }
        cp_columns_cellf(table, "%" PRId64, a->switches);
        cp_columns_cell(table, a->change != NULL ? a->change->assumes : "");
    }
    g_autoptr(GString) text = g_string_new(NULL);
    cp_columns_print(table, text);
    cp_out(cli, "%s", text->str);
}

static void print_json(CpCli *cli, const GArray *answers)
{
    CpJson *json = cp_result_json_new();
    cp_json_text(json, "file", cli->operands[0]);
    cp_json_open(json, "answers", '[');
    for (unsigned i = 0; i < answers->len; i++) {
        const Answer *a = &g_array_index(answers, Answer, i);
        cp_json_open(json, NULL, '{');
        cp_json_text(json, "set", a->change != NULL ? a->change->key : NULL);
        cp_json_text(json, "value", a->change != NULL ? a->change->value : NULL);
        cp_json_text(json, "outcome", cp_outcome_name(a->outcome));
        cp_json_int(json, "makespan_ns", a->makespan);
        cp_json_int(json, "switches", a->switches);
        cp_json_close(json, '}');
    }
    cp_json_close(json, ']');
    cp_out_json(cli, json);
}

int cp_whatif_workload(CpCli *cli)
{
    bool python = false;
    Answer answer;
    int code = try_change(cli, NULL, &answer, &python);
    if (code != CP_EXIT_OK) {
        return code;
    }
    int64_t same = answer.makespan;
    g_autoptr(GArray) answers = g_array_new(false, false, sizeof(Answer));
    g_array_append_val(answers, answer);
    for (size_t i = 0; i < G_N_ELEMENTS(changes) && code == CP_EXIT_OK; i++) {
        if (changes[i].python && !python) {
            continue;
        }
        code = try_change(cli, &changes[i], &answer, &python);
        if (answer.ran) {
            g_array_append_val(answers, answer);
        }
    }
    if (code != CP_EXIT_OK) {
        return code;
    }
    g_array_sort(answers, by_makespan);
    if (cli->json) {
        print_json(cli, answers);
    } else {
        print_text(cli, answers, same);
    }
    return CP_EXIT_OK;
}
