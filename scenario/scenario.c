#include "scenario/scenario.h"

#include "models/registry.h"
#include "scenario/assemble.h"
#include "scenario/expect.h"

#include <string.h>

/* What a scenario holds and what of it a run is configured with. */

static void param_free(void *data)
{
    CpWorkloadParam *p = data;
    g_free(p->name);
    g_free(p->value);
    g_free(p->choices);
    g_free(p);
}

CpScenario *cp_scenario_new(const char *source)
{
    CpScenario *s = g_new0(CpScenario, 1);
    s->source = g_strdup(source);
    s->expects = g_ptr_array_new_with_free_func(cp_expect_free);
    s->params = g_ptr_array_new_with_free_func(param_free);
    s->subjects = g_ptr_array_new_with_free_func(cp_subject_setting_free);
    return s;
}

void cp_subject_setting_free(void *data)
{
    CpSubjectSetting *subject = data;
    g_free(subject->key);
    g_free(subject->value);
    g_free(subject);
}

void cp_scenario_free(CpScenario *s)
{
    if (s == NULL) {
        return;
    }
    cp_class_params_free(s->classes, s->class_params);
    for (uint32_t i = 0; s->proc_params != NULL && i < s->workload->procs->len; i++) {
        cp_params_free(s->proc_params[i]);
    }
    if (s->base == NULL) {
        cp_workload_free(s->workload);
    }
    g_clear_pointer(&s->written, g_ptr_array_unref);
    cp_machine_free(s->machine);
    cp_params_free(s->machine_params);
    cp_params_free(s->costs);
    cp_params_free(s->run);
    g_free(s->proc_params);
    g_free(s->policy);
    g_free(s->kernel_said);
    g_free(s->source);
    g_free(s->hash);
    g_ptr_array_unref(s->expects);
    g_ptr_array_unref(s->params);
    g_ptr_array_unref(s->subjects);
    g_free(s);
}

const CpWorkloadParam *cp_scenario_param(const CpScenario *s, const char *name)
{
    for (guint i = 0; i < s->params->len; i++) {
        const CpWorkloadParam *param = s->params->pdata[i];
        if (strcmp(param->name, name) == 0) {
            return param;
        }
    }
    return NULL;
}

void cp_scenario_config(const CpScenario *s, CpSimConfig *config)
{
    const int64_t *run = s->run->v;
    *config = (CpSimConfig){
        .machine = s->machine,
        .classes = s->classes,
        .class_params = (const CpParamSet *const *)s->class_params,
        .runtimes = cp_runtime_classes(),
        .proc_params = (const CpParamSet *const *)s->proc_params,
        .costs = s->costs,
        .workload = s->workload,
        .seed = (uint64_t)run[CP_RUN_SEED],
        .until = run[CP_RUN_UNTIL] > 0 ? run[CP_RUN_UNTIL] : CP_NEVER,
        .warmup = MAX(run[CP_RUN_WARMUP], 0),
        .max_events = (uint64_t)run[CP_RUN_MAX_EVENTS],
        .max_wall = run[CP_RUN_MAX_WALL],
        .exact_ticks = run[CP_RUN_EXACT_TICKS] != 0,
        .filter = {.drop_kinds = UINT64_C(1) << CP_REC_VAR}, /* many, and rarely wanted */
    };
}
