#include "scenario/assemble.h"

#include <string.h>

/* Which settings a scenario has in force and where each comes from: the one walk behind a
 * result's JSON, a recording's list and `list settings --effective`. */

typedef struct {
    const CpScenario *s;
    void (*visit)(const CpSettingInForce *setting, void *data);
    void *data;
} Walk;

char *cp_from_print(CpFrom from, const char *key)
{
    static const char *const names[CP_FROMS] = {
        [CP_FROM_BUILT_IN] = "built-in",
        [CP_FROM_PROFILE] = "profile",
        [CP_FROM_VERSION] = "version",
        [CP_FROM_COSTS] = "costs",
        [CP_FROM_CONFIG] = "coreplay.conf",
        [CP_FROM_RECORDING] = "recording",
        [CP_FROM_WORKLOAD] = "workload",
        [CP_FROM_MACHINE] = "--machine",
        [CP_FROM_SET] = "--set",
        [CP_FROM_SWEEP] = "--sweep",
    };
    if (from == CP_FROM_OPTION) { /* max_events is set by --max-events */
        char *option = g_strconcat("--", key, NULL);
        return g_strdelimit(option, "_", '-');
    }
    return g_strdup(names[from]);
}

char *cp_setting_origin(const CpSetting *setting)
{
    g_autofree char *origin = cp_from_print(setting->from, setting->key);
    bool is_noun = setting->from == CP_FROM_WORKLOAD || setting->from == CP_FROM_RECORDING;
    return g_strconcat(is_noun ? "the " : "", origin, NULL);
}

static void visit(const Walk *walk, const char *key, const char *value, CpFrom from)
{
    const CpSettingInForce setting = {key, value, from};
    walk->visit(&setting, walk->data);
}

/* A setting whose name no param has: --set KEY would mean that. */
static void visit_own(const Walk *walk, const char *key, const char *value, CpFrom from)
{
    if (cp_scenario_param(walk->s, key) == NULL) {
        visit(walk, key, value, from);
    }
}

static void visit_row(const Walk *walk, const CpParamSet *set, size_t row)
{
    g_autofree char *value = cp_params_print(set, (int)row);
    visit_own(walk, set->spec[row].name, value, set->from[row]);
}

static void visit_set(const Walk *walk, const CpParamSet *set)
{
    for (size_t i = 0; set != NULL && i < set->n; i++) {
        visit_row(walk, set, i);
    }
}

/* Of the cores, as one writes it: "[1024 x 4, 512 x 4]", or "[1024]" for all. */
static void visit_capacity(const Walk *walk)
{
    const CpMachine *m = walk->s->machine;
    g_autoptr(GString) text = g_string_new("[");
    for (uint32_t i = 0, n; i < m->n_cores; i += n) {
        for (n = 1; i + n < m->n_cores && m->cpu[i + n].capacity == m->cpu[i].capacity;
             n++) {
        }
        g_string_append_printf(text, n == 1 || n == m->n_cores ? "%s%u" : "%s%u x %u",
                               i > 0 ? ", " : "", m->cpu[i].capacity, n);
    }
    g_string_append_c(text, ']');
    visit_own(walk, "capacity", text->str, walk->s->capacity_from);
}

/* --- runtimes --- */

static bool is_same(const CpParamSet *a, const CpParamSet *b, size_t row)
{
    return a->v[row] == b->v[row] && a->from[row] == b->from[row] &&
           memcmp(a->list[row], b->list[row], sizeof a->list[row]) == 0;
}

/* A setting of a runtime: `first` is the first of its processes. */
static void visit_runtime_row(const Walk *walk, uint32_t first, size_t row)
{
    const CpWorkload *w = walk->s->workload;
    CpParamSet *const *sets = walk->s->proc_params;
    bool same = true;
    for (uint32_t i = first + 1; i < w->procs->len && same; i++) {
        same = sets[i] == NULL || sets[i]->spec != sets[first]->spec ||
               is_same(sets[i], sets[first], row);
    }
    if (same) {
        visit_row(walk, sets[first], row);
        return;
    }
    for (uint32_t i = first; i < w->procs->len; i++) {
        if (sets[i] != NULL && sets[i]->spec == sets[first]->spec) {
            const char *name = cp_workload_text(w, cp_proc_decl(w, i)->name);
            g_autofree char *key =
                g_strdup_printf("process.%s.%s", name, sets[i]->spec[row].name);
            g_autofree char *value = cp_params_print(sets[i], (int)row);
            visit(walk, key, value, sets[i]->from[row]);
        }
    }
}

static bool is_first(const CpScenario *s, uint32_t proc)
{
    bool first = s->proc_params[proc] != NULL;
    for (uint32_t i = 0; i < proc && first; i++) {
        first = s->proc_params[i] == NULL ||
                s->proc_params[i]->spec != s->proc_params[proc]->spec;
    }
    return first;
}

/* The version of all processes that have one, if they agree or were made to. */
static void visit_version(const Walk *walk)
{
    const CpWorkload *w = walk->s->workload;
    uint32_t version = CP_NONE;
    for (uint32_t i = 0; i < w->procs->len; i++) {
        uint32_t own = cp_proc_decl(w, i)->version;
        if (own != CP_NONE && version != CP_NONE && own != version) {
            return;
        }
        version = own != CP_NONE ? own : version;
    }
    if (version != CP_NONE) {
        CpFrom from = walk->s->version_from;
        visit_own(walk, "runtime.version", cp_workload_text(w, version),
                  from != CP_FROM_BUILT_IN ? from : CP_FROM_WORKLOAD);
    }
}

static void visit_runtimes(const Walk *walk)
{
    const CpScenario *s = walk->s;
    visit_version(walk);
    for (uint32_t i = 0; i < s->workload->procs->len; i++) {
        for (size_t row = 0; is_first(s, i) && row < s->proc_params[i]->n; row++) {
            visit_runtime_row(walk, i, row);
        }
    }
}

void cp_scenario_each_setting(const CpScenario *s,
                              void (*visit_each)(const CpSettingInForce *, void *),
                              void *data)
{
    const Walk walk = {s, visit_each, data};
    visit_own(&walk, "policy", s->policy, s->policy_from);
    visit_set(&walk, s->machine_params);
    visit_capacity(&walk);
    visit_set(&walk, s->run);
    visit_set(&walk, s->costs);
    for (size_t i = 0; s->classes[i] != NULL; i++) {
        visit_set(&walk, s->class_params[i]);
    }
    visit_runtimes(&walk);
    for (guint i = 0; i < s->subjects->len; i++) {
        const CpSubjectSetting *subject = s->subjects->pdata[i];
        visit(&walk, subject->key, subject->value, subject->from);
    }
    for (guint i = 0; i < s->params->len; i++) {
        const CpWorkloadParam *param = s->params->pdata[i];
        visit(&walk, param->name, param->value, param->from);
    }
}
