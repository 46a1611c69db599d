#include "scenario/settings.h"

#include "lang/keys.h"
#include "sim/words.h"

#include <string.h>

/* --- named machines --- */

typedef struct {
    const char *name;
    const char *const *settings; /* "key", "value", ..., NULL */
} Preset;

#define SETTINGS(...)                                                                      \
    (const char *const[])                                                                  \
    {                                                                                      \
        __VA_ARGS__, NULL                                                                  \
    }

static const Preset presets[] = {
    {"single", SETTINGS("cores", "1")},
    {"vm2", SETTINGS("cores", "2")},
    {"laptop4", SETTINGS("cores", "4", "smt", "2")},
    {"laptop8hybrid", SETTINGS("cores", "8", "capacity", "[1024 x 4, 512 x 4]")},
    {"desktop8", SETTINGS("cores", "8", "smt", "2")},
    {"server32", SETTINGS("cores", "32", "smt", "2", "llc.cores", "8")},
    {"server64x2",
     SETTINGS("cores", "128", "smt", "2", "numa.nodes", "2", "llc.cores", "8")},
};

const char *const cp_machine_presets[] = {"single",        "vm2",      "laptop4",
                                          "laptop8hybrid", "desktop8", "server32",
                                          "server64x2",    NULL};

const char *const *cp_machine_preset(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(presets); i++) {
        if (strcmp(presets[i].name, name) == 0) {
            return presets[i].settings;
        }
    }
    return NULL;
}

/* --- the table of all keys --- */

/* Keys that are not rows of a parameter table.  An ENUM without choices is a name checked
 * elsewhere. */
static const CpParam kernel_keys[] = {
    {"policy", CP_PARAM_ENUM, CP_PROFILE_DEFAULT, 0, 0, NULL,
     "the machine's scheduler: a kernel profile or a textbook policy (list policies)"},
    {NULL},
};
static const CpParam machine_keys[] = {
    {"machine", CP_PARAM_ENUM, "", 0, 0, NULL, "a named machine (laptop4, server64x2 ...)"},
    {"capacity", CP_PARAM_ENUM, "[1024]", 0, 0, NULL,
     "speed of each core, 1024 = full; the last entry repeats: [1024 x 4, 446 x 4]"},
    {NULL},
};
static const CpParam python_keys[] = {
    {"runtime.version", CP_PARAM_ENUM, "", 0, 0, NULL,
     "version of all python processes, instead of the one written"},
    {NULL},
};

const CpParam cp_run_params[] = {
    [CP_RUN_UNTIL] =
        {"until", CP_PARAM_TIME, "0ns", 0, 0, NULL,
         "simulated time at which the run ends; 0: when all threads have ended"},
    [CP_RUN_SEED] = {"seed", CP_PARAM_INT, "1", 0, INT64_MAX, NULL,
                     "start of all random numbers"},
    [CP_RUN_MAX_EVENTS] = {"max_events", CP_PARAM_INT, "0", 0, INT64_MAX, NULL,
                           "guard: most events of a run; 0: none"},
    [CP_RUN_MAX_WALL] = {"max_wall", CP_PARAM_TIME, "0ns", 0, 0, NULL,
                         "guard: most real time of a run; 0: none"},
    [CP_RUN_EXACT_TICKS] = {"exact_ticks", CP_PARAM_BOOL, "off", 0, 1, NULL,
                            "run every tick instead of leaving silent ones out"},
    [CP_RUN_WARMUP] = {"warmup", CP_PARAM_TIME, "0ns", 0, 0, "auto",
                       "metrics count from this simulated time on; auto: from when a pilot "
                       "run is steady"},
    [CP_RUN_COSTS] = {"costs", CP_PARAM_ENUM, "reference", 0, 0, "reference|ideal",
                      "what kernel work costs; ideal: nothing"},
    [CP_RUN_PARAMS] = {0},
};

static void add_table(GArray *all, const CpParam *spec, const char *owner)
{
    for (; spec != NULL && spec->name != NULL; spec++) {
        const CpSettingInfo info = {spec, owner};
        g_array_append_val(all, info);
    }
}

static void add_keys(GArray *all, const CpKey *keys)
{
    for (; keys->param.name != NULL; keys++) {
        const CpSettingInfo info = {&keys->param, "workload"};
        if (cp_key_is_setting(keys)) {
            g_array_append_val(all, info);
        }
    }
}

CpSettingInfo *cp_settings(void)
{
    GArray *all = g_array_new(TRUE, TRUE, sizeof(CpSettingInfo));
    add_table(all, cp_machine_params, "machine");
    add_table(all, machine_keys, "machine");
    add_table(all, kernel_keys, "kernel");
    add_table(all, cp_run_params, "run");
    add_table(all, cp_cost_params, "costs");
    for (const CpPolicyClass *const *c = cp_policy_classes(); *c != NULL; c++) {
        add_table(all, (*c)->params, (*c)->name);
    }
    for (const CpRuntimeClass *const *r = cp_runtime_classes(); *r != NULL; r++) {
        add_table(all, (*r)->params, (*r)->name);
    }
    add_keys(all, cp_thread_keys);
    add_keys(all, cp_group_keys);
    add_table(all, python_keys, "python");
    return (CpSettingInfo *)(void *)g_array_free(all, FALSE);
}

/* --- messages --- */

/* "--set", "the workload": where a value comes from that has no place in the text. */
static char *origin_text(const CpSetting *setting)
{
    g_autofree char *origin = cp_from_print(setting->from, setting->key);
    bool is_noun = setting->from == CP_FROM_WORKLOAD || setting->from == CP_FROM_RECORDING;
    return g_strconcat(is_noun ? "the " : "", origin, NULL);
}

bool cp_setting_bad(CpBuild *b, const CpSetting *setting, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    if (setting->node != NULL) {
        cp_diag_error(b->diag, setting->node->child->pos, "%s", text);
    } else {
        g_autofree char *origin = origin_text(setting);
        cp_diag_usage(b->diag, "%s (in %s)", text, origin);
    }
    return false;
}

/* "cgroup.web.quota" for every setting of a table. */
static void add_subject(GPtrArray *keys, const char *of, const char *name,
                        const CpKey *table)
{
    for (; table->param.name != NULL; table++) {
        if (cp_key_is_setting(table)) {
            g_ptr_array_add(keys,
                            g_strdup_printf("%s.%s.%s", of, name, cp_key_word(table)));
        }
    }
}

/* All keys that could be meant, those of this workload's threads and groups included. */
static GPtrArray *all_keys(CpBuild *b)
{
    GPtrArray *keys = g_ptr_array_new_with_free_func(g_free);
    g_autofree CpSettingInfo *table = cp_settings();
    for (const CpSettingInfo *i = table; i->spec != NULL; i++) {
        if (strstr(i->spec->name, ".NAME.") == NULL) {
            g_ptr_array_add(keys, g_strdup(i->spec->name));
        }
    }
    for (guint i = 0; i < b->s->params->len; i++) {
        const CpWorkloadParam *p = g_ptr_array_index(b->s->params, i);
        g_ptr_array_add(keys, g_strdup(p->name));
    }
    const CpWorkload *w = b->s->workload;
    for (uint32_t i = 0; w != NULL && i < MIN(w->threads->len, 1000); i++) {
        const char *name = cp_workload_text(w, cp_thread_decl(w, i)->name);
        add_subject(keys, "thread", name, cp_thread_keys);
    }
    for (uint32_t i = 1; w != NULL && i < MIN(w->groups->len, 1000); i++) {
        const char *name = cp_workload_text(w, cp_group_decl(w, i)->name);
        add_subject(keys, "cgroup", name, cp_group_keys);
    }
    g_ptr_array_add(keys, NULL);
    return keys;
}

bool cp_setting_unknown(CpBuild *b, const CpSetting *setting)
{
    g_autoptr(GPtrArray) keys = all_keys(b);
    const char *near = cp_nearest(setting->key, (const char *const *)keys->pdata);
    if (setting->node != NULL) {
        cp_diag_error(b->diag, setting->node->pos, "unknown setting '%s'", setting->key);
    } else {
        g_autofree char *origin = origin_text(setting);
        cp_diag_usage(b->diag, "unknown setting '%s' (in %s)", setting->key, origin);
    }
    const char *topic = near != NULL ? near : "";
    const char *dot = strchr(topic, '.');
    g_autofree char *family = dot != NULL ? g_strndup(topic, (gsize)(dot - topic)) : NULL;
    if (near != NULL) {
        cp_diag_help(b->diag, "did you mean '%s'?  coreplay list settings %s", near,
                     family != NULL ? family : near);
    } else {
        cp_diag_help(b->diag, "coreplay list settings shows them all");
    }
    return false;
}

CpSetting *cp_setting_find(CpBuild *b, const char *key)
{
    for (guint i = b->list->len; i > 0; i--) {
        CpSetting *setting = &g_array_index(b->list, CpSetting, i - 1);
        if (strcmp(setting->key, key) == 0) {
            return setting;
        }
    }
    return NULL;
}

/* --- applying --- */

/* Sets a row of one table; *found says whether the key is one of its. */
static bool set_row(CpBuild *b, CpSetting *setting, CpParamSet *set, bool *found)
{
    int row = set != NULL ? cp_params_find(set->spec, setting->key) : -1;
    if (row < 0) {
        return true;
    }
    *found = true;
    g_autoptr(GError) error = NULL;
    return cp_params_set(set, row, setting->value, setting->from, &error) ||
           cp_setting_bad(b, setting, "%s", error->message);
}

/* A key of a policy that is not in force: the value is checked all the same, because a
 * sweep may choose that policy for other points. */
static bool set_idle_policy(CpBuild *b, CpSetting *setting, bool *found)
{
    for (const CpPolicyClass *const *c = cp_policy_classes(); *c != NULL; c++) {
        int row = (*c)->params != NULL ? cp_params_find((*c)->params, setting->key) : -1;
        if (row >= 0) {
            CpParamSet *set = cp_params_new((*c)->params);
            bool ok = set_row(b, setting, set, found);
            cp_params_free(set);
            return ok;
        }
    }
    return true;
}

bool cp_setting_has_subject(const char *key)
{
    bool subject = g_str_has_prefix(key, "thread.") || g_str_has_prefix(key, "cgroup.");
    return subject && strrchr(key, '.') > key + strlen("thread.");
}

void cp_subject_setting_free(void *data)
{
    CpSubjectSetting *subject = data;
    g_free(subject->key);
    g_free(subject->value);
    g_free(subject);
}

/* Of a key given twice the last one is kept, at its place: a share counts for the period
 * that was in force then. */
static void keep_subject(CpScenario *s, const CpSetting *setting)
{
    for (guint i = 0; i < s->subjects->len; i++) {
        const CpSubjectSetting *old = s->subjects->pdata[i];
        if (strcmp(old->key, setting->key) == 0) {
            g_ptr_array_remove_index(s->subjects, i);
            break;
        }
    }
    CpSubjectSetting *kept = g_new(CpSubjectSetting, 1);
    *kept =
        (CpSubjectSetting){g_strdup(setting->key), g_strdup(setting->value), setting->from};
    g_ptr_array_add(s->subjects, kept);
}

/* thread.NAME.KEY, cgroup.NAME.KEY */
static bool set_subject(CpBuild *b, CpSetting *setting, bool *found)
{
    if (!cp_setting_has_subject(setting->key)) {
        return true;
    }
    bool thread = g_str_has_prefix(setting->key, "thread.");
    const char *last = strrchr(setting->key, '.');
    const char *name = setting->key + strlen("thread.");
    g_autofree char *subject = g_strndup(name, (gsize)(last - name));
    CpWorkload *w = b->s->workload;
    uint32_t row = thread ? cp_thread_find(w, subject, 0) : cp_group_find(w, subject);
    const CpKey *key =
        cp_key_find(thread ? cp_thread_keys : cp_group_keys, CP_KINDS_ANY, last + 1);
    if (row == CP_NONE || key == NULL || !cp_key_is_setting(key)) {
        return true;
    }
    *found = true;
    g_autoptr(GError) error = NULL;
    if (!thread && !cp_group_set(w, row, last + 1, setting->value, &error)) {
        return cp_setting_bad(b, setting, "%s: %s", setting->key, error->message);
    }
    for (; thread && row != CP_NONE; row = cp_thread_find(w, subject, row + 1)) {
        if (!cp_thread_set(w, row, last + 1, setting->value, &error)) {
            return cp_setting_bad(b, setting, "%s: %s", setting->key, error->message);
        }
    }
    keep_subject(b->s, setting);
    return true;
}

/* process.NAME.KEY: settings of one process's runtime. */
static bool set_process(CpBuild *b, CpSetting *setting, bool *found)
{
    CpWorkload *w = b->s->workload;
    for (uint32_t i = 0; i < w->procs->len; i++) {
        g_autofree char *prefix =
            g_strdup_printf("process.%s.", cp_workload_text(w, cp_proc_decl(w, i)->name));
        CpParamSet *set = b->s->proc_params[i];
        if (!g_str_has_prefix(setting->key, prefix) || set == NULL) {
            continue;
        }
        CpSetting own = *setting;
        own.key = setting->key + strlen(prefix);
        return set_row(b, &own, set, found);
    }
    return true;
}

/* KEY of a runtime: for all processes that have it.  It is checked even if none has. */
static bool set_runtime(CpBuild *b, CpSetting *setting, bool *found)
{
    bool ok = true;
    for (uint32_t i = 0; i < b->s->workload->procs->len && ok; i++) {
        ok = set_row(b, setting, b->s->proc_params[i], found);
    }
    for (const CpRuntimeClass *const *r = cp_runtime_classes(); *r != NULL && ok; r++) {
        if ((*r)->params != NULL && !*found) {
            CpParamSet *set = cp_params_new((*r)->params);
            ok = set_row(b, setting, set, found);
            cp_params_free(set);
        }
    }
    return ok;
}

/* [1024 x 4, 446 x 4] */
static bool set_capacity(CpBuild *b, CpSetting *setting)
{
    g_autofree char *text = g_strdup(setting->value);
    g_strdelimit(text, "[]", ' ');
    g_auto(GStrv) parts = g_strsplit(text, ",", -1);
    b->n_capacity = 0;
    for (int i = 0; parts[i] != NULL; i++) {
        g_auto(GStrv) words = g_strsplit(g_strstrip(parts[i]), "x", 2);
        int64_t value;
        int64_t n = 1;
        bool ok = words[0] != NULL && cp_parse_int(g_strstrip(words[0]), &value, NULL) &&
                  (words[1] == NULL || cp_parse_int(g_strstrip(words[1]), &n, NULL));
        if (!ok || value < 1 || value > 1024 || n < 1 ||
            n > (int64_t)(CP_CPUS_MAX - b->n_capacity)) {
            return cp_setting_bad(
                b, setting,
                "capacity: '%s' is not a capacity (1 to 1024) or a capacity "
                "x a number of cores",
                parts[i]);
        }
        for (; n > 0; n--) {
            b->capacity[b->n_capacity++] = (uint32_t)value;
        }
    }
    b->s->capacity_from = setting->from;
    return true;
}

static bool describes_machine(const char *key)
{
    static const char *const keys[] = {"cores",     "smt",      "numa.nodes",
                                       "llc.cores", "capacity", NULL};
    return g_strv_contains(keys, key);
}

static bool apply_one(CpBuild *b, CpSetting *setting)
{
    CpScenario *s = b->s;
    bool found = setting->used;
    if (b->other_machine && setting->node != NULL && describes_machine(setting->key)) {
        return true;
    }
    if (strcmp(setting->key, "capacity") == 0) {
        return set_capacity(b, setting);
    }
    if (strcmp(setting->key, "policy") == 0 || strcmp(setting->key, "machine") == 0) {
        return true; /* looked at before */
    }
    CpParamSet *const sets[] = {s->machine_params, s->run, s->costs};
    bool ok = true;
    for (size_t i = 0; i < G_N_ELEMENTS(sets) && !found; i++) {
        ok = set_row(b, setting, sets[i], &found);
    }
    for (size_t i = 0; s->classes[i] != NULL && !found; i++) {
        ok = set_row(b, setting, s->class_params[i], &found);
    }
    if (!found && ok) {
        ok = set_subject(b, setting, &found);
    }
    if (!found && ok) {
        ok = set_process(b, setting, &found);
    }
    if (!found && ok) {
        ok = set_runtime(b, setting, &found);
    }
    if (!found && ok) {
        ok = set_idle_policy(b, setting, &found);
    }
    if (found || !ok) {
        return ok;
    }
    if (strcmp(setting->key, "runtime.version") == 0) {
        return true; /* was put into the text */
    }
    return cp_setting_unknown(b, setting);
}

static bool choose_costs(CpBuild *b)
{
    CpSetting *setting = cp_setting_find(b, "costs");
    const char *name = setting != NULL ? setting->value : "reference";
    b->s->costs = cp_cost_set(name);
    if (b->s->costs != NULL) {
        return true;
    }
    b->s->costs = cp_cost_set("reference");
    const char *near = cp_nearest(name, cp_cost_set_names);
    cp_setting_bad(b, setting, "unknown cost set '%s'", name);
    if (near != NULL) {
        cp_diag_help(b->diag, "did you mean '%s'?", near);
    } else {
        cp_diag_help(b->diag, "cost sets: reference, ideal");
    }
    setting->used = true; /* said once */
    return false;
}

static bool unknown_policy(CpBuild *b, const CpSetting *setting)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (const CpProfile *p = cp_profiles(); p->name != NULL; p++) {
        g_ptr_array_add(names, (char *)p->name);
        if (p->alias != NULL) {
            g_ptr_array_add(names, (char *)p->alias);
        }
    }
    g_ptr_array_add(names, NULL);
    const char *near = cp_nearest(setting->value, (const char *const *)names->pdata);
    cp_setting_bad(b, setting, "unknown policy '%s'", setting->value);
    if (near != NULL) {
        cp_diag_help(b->diag, "did you mean '%s'?  coreplay list policies", near);
    } else {
        g_autofree char *all = g_strjoinv(", ", (char **)names->pdata);
        cp_diag_help(b->diag, "policies: %s", all);
    }
    return false;
}

/* The stack of classes of the policy in force, with the profile's own settings. */
static bool choose_policy(CpBuild *b)
{
    CpSetting *setting = cp_setting_find(b, "policy");
    b->profile = cp_profile_find(setting != NULL ? setting->value : CP_PROFILE_DEFAULT);
    if (b->profile == NULL) {
        return setting == NULL || unknown_policy(b, setting);
    }
    b->s->policy = g_strdup(b->profile->name);
    b->s->policy_from = setting != NULL ? setting->from : CP_FROM_BUILT_IN;
    b->s->classes = b->profile->classes;
    b->s->class_params = cp_profile_params(b->profile);
    return true;
}

/* A named machine comes before everything else that is said about the machine. */
static bool choose_machine(CpBuild *b)
{
    b->s->machine_params = cp_params_new(cp_machine_params);
    CpSetting *setting = cp_setting_find(b, "machine");
    if (setting == NULL) {
        return true;
    }
    b->other_machine = setting->from >= CP_FROM_MACHINE;
    const char *const *pairs = cp_machine_preset(setting->value);
    if (pairs == NULL) {
        const char *near = cp_nearest(setting->value, cp_machine_presets);
        g_autofree char *all = g_strjoinv(", ", (char **)cp_machine_presets);
        cp_setting_bad(b, setting, "unknown machine '%s'", setting->value);
        if (near != NULL) {
            cp_diag_help(b->diag, "did you mean '%s'?", near);
        } else {
            cp_diag_help(b->diag, "machines: %s; or describe one: machine { cores 4 }",
                         all);
        }
        return false;
    }
    for (; *pairs != NULL; pairs += 2) {
        CpSetting own = {.key = pairs[0], .value = (char *)pairs[1], .from = setting->from};
        if (!(strcmp(own.key, "capacity") == 0
                  ? set_capacity(b, &own)
                  : set_row(b, &own, b->s->machine_params, &(bool){false}))) {
            return false;
        }
    }
    return true;
}

/* "[1024 x 4, 512 x 4]"; new text. */
static char *print_capacity(const CpBuild *b)
{
    GString *text = g_string_new("[");
    for (size_t i = 0, n; i < b->n_capacity; i += n) {
        for (n = 1; i + n < b->n_capacity && b->capacity[i + n] == b->capacity[i]; n++) {
        }
        g_string_append_printf(text, n > 1 ? "%s%u x %zu" : "%s%u", i > 0 ? ", " : "",
                               b->capacity[i], n);
    }
    g_string_append(text, b->n_capacity > 0 ? "]" : "1024]");
    return g_string_free(text, FALSE);
}

/* What nobody has said of the runtimes follows from their versions and the costs. */
static void settle_runtimes(CpScenario *s)
{
    for (uint32_t i = 0; i < s->workload->procs->len; i++) {
        const CpProcDecl *proc = cp_proc_decl(s->workload, i);
        const char *version =
            proc->version != CP_NONE ? cp_workload_text(s->workload, proc->version) : NULL;
        const CpRuntimeClass *runtime =
            cp_runtime_class_find(cp_workload_text(s->workload, proc->runtime));
        if (s->proc_params[i] != NULL && runtime->settle != NULL) {
            runtime->settle(s->proc_params[i], version, s->costs);
        }
    }
}

bool cp_settings_apply(CpBuild *b)
{
    CpScenario *s = b->s;
    s->run = cp_params_new(cp_run_params);
    bool ok = choose_machine(b);
    ok = choose_costs(b) && ok;
    if (!choose_policy(b)) {
        return false;
    }
    for (guint i = 0; i < b->list->len; i++) {
        ok = apply_one(b, &g_array_index(b->list, CpSetting, i)) && ok;
    }
    s->capacity = print_capacity(b);
    settle_runtimes(s);
    return ok;
}
