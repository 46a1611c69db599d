#include "scenario/assemble.h"

#include "lang/keys.h"
#include "sim/words.h"

#include <string.h>

/* Which keys there are, and which one somebody may have meant. */

/* Keys that are not rows of a parameter table.  An ENUM without choices is a name checked
 * elsewhere. */
static const CpParam kernel_keys[] = {
    {"policy", CP_PARAM_ENUM, CP_PROFILE_DEFAULT, 0, 0, NULL,
     "the machine's scheduler: a kernel profile or a textbook policy (list policies)"},
    {"kernel", CP_PARAM_ENUM, "", 0, 0, NULL,
     "a kernel by its name, which sets policy, hz and preemption: debian13, 7.3, "
     "6.8.0-45-generic (list kernels)"},
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
    [CP_RUN_HOGS] = {"load.hogs", CP_PARAM_INT, "0", 0, 1000, NULL,
                     "threads beside the program that compute without end"},
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

/* --- unknown ones --- */

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
        g_autofree char *origin = cp_setting_origin(setting);
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
