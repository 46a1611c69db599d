#include "cli/overrides.h"

#include "cli/report.h"
#include "sim/params.h"

#include <string.h>

typedef struct {
    void (*visit)(const CpEffective *, void *);
    void *data;
    const CpOverrides *overrides;
    const CpScenario *bare; /* loaded without coreplay.conf; NULL: there is none */
} Walk;

/* The last override of a key, or NULL. */
static const CpOverride *find_override(const CpOverrides *o, const char *key)
{
    for (unsigned i = o != NULL ? o->list->len : 0; i > 0; i--) {
        const CpOverride *row = &g_array_index(o->list, CpOverride, i - 1);
        if (strcmp(row->key, key) == 0) {
            return row;
        }
    }
    return NULL;
}

static bool is_given_in(const CpParamSet *set, const char *key)
{
    int row = set != NULL ? cp_params_find(set->spec, key) : -1;
    return row >= 0 && set->given[row];
}

/* Whether the workload itself gives the setting: it does if it is given without
 * coreplay.conf. */
static bool is_in_workload(const Walk *walk, const char *key)
{
    const CpScenario *s = walk->bare;
    if (s == NULL) {
        return false;
    }
    bool given = is_given_in(s->machine_params, key) || is_given_in(s->run, key) ||
                 is_given_in(s->costs, key);
    for (size_t i = 0; s->classes[i] != NULL; i++) {
        given = given || is_given_in(s->class_params[i], key);
    }
    return given;
}

static const char *origin_of(const Walk *walk, const char *key, bool given)
{
    const CpOverride *o = find_override(walk->overrides, key);
    bool is_config = o != NULL && strncmp(o->origin, "--", 2) != 0;
    if (o != NULL && (!is_config || !is_in_workload(walk, key))) {
        return o->origin;
    }
    return given || is_config ? "workload" : "built-in";
}

static void walk_set(const Walk *walk, const CpParamSet *set)
{
    for (size_t i = 0; set != NULL && i < set->n; i++) {
        const char *key = set->spec[i].name;
        g_autofree char *value = cp_params_print(set, (int)i);
        CpEffective e = {key, value, origin_of(walk, key, set->given[i])};
        walk->visit(&e, walk->data);
    }
}

static void walk_scenario(const Walk *walk, const CpScenario *s)
{
    const CpOverride *o = find_override(walk->overrides, "policy");
    const char *bare = walk->bare != NULL ? walk->bare->policy : s->policy;
    bool is_default = strcmp(bare, "eevdf-6.18") == 0;
    bool is_config = o != NULL && strncmp(o->origin, "--", 2) != 0;
    CpEffective policy = {"policy", s->policy,
                          o != NULL && (!is_config || is_default) ? o->origin
                          : is_default                            ? "built-in"
                                                                  : "workload"};
    walk->visit(&policy, walk->data);
    walk_set(walk, s->machine_params);
    walk_set(walk, s->run);
    walk_set(walk, s->costs);
    for (size_t i = 0; s->classes[i] != NULL; i++) {
        walk_set(walk, s->class_params[i]);
    }
    for (unsigned i = 0; i < s->params->len; i++) {
        const CpWorkloadParam *p = s->params->pdata[i];
        CpEffective e = {p->name, p->value, origin_of(walk, p->name, true)};
        walk->visit(&e, walk->data);
    }
}

void cp_settings_walk(const CpScenario *s,
                      void (*visit)(const CpEffective *setting, void *data), void *data)
{
    Walk walk = {visit, data, NULL, NULL};
    walk_scenario(&walk, s);
}

/* The scenario without what coreplay.conf says, or NULL if that makes no sense alone. */
static CpScenario *load_bare(const char *path, const CpOverrides *overrides)
{
    g_autoptr(GArray) late = g_array_new(FALSE, FALSE, sizeof(CpOverride));
    for (unsigned i = 0; i < overrides->list->len; i++) {
        const CpOverride *o = &g_array_index(overrides->list, CpOverride, i);
        if (strncmp(o->origin, "--", 2) == 0) {
            g_array_append_val(late, *o);
        }
    }
    CpDiag *diag = cp_diag_new(path, NULL, 0);
    CpScenario *s = NULL;
    if (late->len < overrides->list->len && strcmp(path, "-") != 0) {
        s = cp_scenario_load(path, (const CpOverride *)(void *)late->data, late->len, diag);
    }
    cp_diag_free(diag);
    return s;
}

int cp_settings_effective(CpCli *cli, const char *path,
                          void (*visit)(const CpEffective *, void *), void *data)
{
    CpOverrides overrides;
    int code = cp_overrides_init(&overrides, cli);
    if (code == CP_EXIT_OK) {
        CpDiag *diag = cp_diag_new(path, NULL, 0);
        CpScenario *scenario =
            cp_scenario_load(path, (const CpOverride *)(void *)overrides.list->data,
                             overrides.list->len, diag);
        code = cp_report_diag(cli, diag);
        if (scenario != NULL) {
            Walk walk = {visit, data, &overrides, load_bare(path, &overrides)};
            walk_scenario(&walk, scenario);
            cp_scenario_free((CpScenario *)walk.bare);
            cp_scenario_free(scenario);
        }
        cp_diag_free(diag);
    }
    cp_overrides_clear(&overrides);
    return code;
}
