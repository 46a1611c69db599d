#include "scenario/assemble.h"

#include "lang/cures.h"
#include "lang/keys.h"
#include "models/kernels.h"
#include "scenario/machines.h"
#include "sim/words.h"

#include <string.h>

/* What each KEY VALUE changes: rows of tables, threads and groups, and what is chosen by
 * name. */

/* --- messages --- */

bool cp_setting_bad(CpBuild *b, const CpSetting *setting, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    if (setting->node != NULL) {
        cp_diag_error(b->diag, setting->node->child->pos, "%s", text);
    } else {
        g_autofree char *origin = cp_setting_origin(setting);
        cp_diag_usage(b->diag, "%s (in %s)", text, origin);
        g_autofree char *typed = g_strdup_printf("%s=%s", setting->key, setting->value);
        const char *cure = cp_cure_find(typed, strlen(typed), strlen(setting->key) + 1);
        if (cure != NULL) {
            cp_diag_help(b->diag, "%s", cure);
        }
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

static bool describes_kernel(const char *key)
{
    return strcmp(key, "hz") == 0 || strcmp(key, "eevdf.lazy") == 0;
}

static bool apply_one(CpBuild *b, CpSetting *setting)
{
    CpScenario *s = b->s;
    bool found = setting->used;
    if (b->other_machine && setting->node != NULL && describes_machine(setting->key)) {
        return true;
    }
    if (setting->from < b->kernel_from && describes_kernel(setting->key)) {
        return true;
    }
    if (strcmp(setting->key, "capacity") == 0) {
        return set_capacity(b, setting);
    }
    if (strcmp(setting->key, "policy") == 0 || strcmp(setting->key, "machine") == 0 ||
        strcmp(setting->key, "kernel") == 0) {
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

/* kernel=NAME stands for a profile, ticks and preemption, unless a policy is chosen by a
 * stronger word; false: reported. */
static bool choose_kernel(CpBuild *b, CpSetting *policy, bool *chosen)
{
    CpSetting *setting = cp_setting_find(b, "kernel");
    CpKernelChoice choice = {0};
    if (setting == NULL || (policy != NULL && policy->from > setting->from)) {
        return true;
    }
    if (!cp_kernel_choose(setting->value, &choice)) {
        const char *near = cp_nearest(setting->value, cp_kernel_names());
        g_autofree char *all = g_strjoinv(", ", (char **)(uintptr_t)cp_kernel_names());
        cp_setting_bad(b, setting, "unknown kernel '%s'", setting->value);
        cp_diag_help(b->diag,
                     near != NULL
                         ? "did you mean '%s'?"
                         : "a version such as 6.12, what uname -r prints, or one of %s",
                     near != NULL ? near : all);
        return false;
    }
    b->profile = choice.profile;
    b->kernel_from = setting->from;
    b->s->kernel_said = choice.said;
    b->s->policy_from = setting->from;
    b->s->classes = b->profile->classes;
    b->s->class_params = cp_profile_params(b->profile);
    b->s->policy = g_strdup(b->profile->name);
    g_autofree char *hz = g_strdup_printf("%u", choice.hz);
    CpSetting ticks = {.key = "hz", .value = hz, .from = setting->from};
    bool ok = set_row(b, &ticks, b->s->machine_params, &(bool){false});
    for (size_t i = 0; ok && choice.lazy && b->s->classes[i] != NULL; i++) {
        CpSetting lazy = {
            .key = "eevdf.lazy", .value = (char[]){"on"}, .from = setting->from};
        ok = set_row(b, &lazy, b->s->class_params[i], &(bool){false});
    }
    *chosen = true;
    return ok;
}

/* The stack of classes of the policy in force, with the profile's own settings. */
static bool choose_policy(CpBuild *b)
{
    CpSetting *setting = cp_setting_find(b, "policy");
    bool chosen = false;
    if (!choose_kernel(b, setting, &chosen) || chosen) {
        return chosen;
    }
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
    const char *const *pairs = cp_machine_settings(setting->value);
    if (pairs == NULL) {
        const char *near = cp_nearest(setting->value, cp_machine_names);
        g_autofree char *all = g_strjoinv(", ", (char **)cp_machine_names);
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
    settle_runtimes(s);
    return ok;
}
