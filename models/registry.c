#include "models/registry.h"

/* What there is, and nothing else: which policy classes, runtimes and profiles. */

#include "sim/assert.h"
#include "sim/costs.h"

#include <string.h>

/* The classes kernels are built of, in models/linux/; profiles.def stacks them. */
#define LINUX_CLASSES(ROW)                                                                 \
    ROW(deadline)                                                                          \
    ROW(rt)                                                                                \
    ROW(eevdf)                                                                             \
    ROW(cfs)

/* The textbook policies, in models/textbook/NAME.c; each is a profile of its own. */
#define TEXTBOOK_CLASSES(ROW)                                                              \
    ROW(fcfs)                                                                              \
    ROW(rr)                                                                                \
    ROW(sjf)                                                                               \
    ROW(srtf)                                                                              \
    ROW(priority)                                                                          \
    ROW(mlfq)                                                                              \
    ROW(lottery)                                                                           \
    ROW(stride)                                                                            \
    ROW(edf)

#define RUNTIME_CLASSES(ROW)                                                               \
    ROW(native)                                                                            \
    ROW(python)

#define DECLARE_POLICY(name) extern const CpPolicyClass cp_policy_##name;
LINUX_CLASSES(DECLARE_POLICY)
TEXTBOOK_CLASSES(DECLARE_POLICY)
#define DECLARE_RUNTIME(name) extern const CpRuntimeClass cp_runtime_##name;
RUNTIME_CLASSES(DECLARE_RUNTIME)

#define ADDRESS_POLICY(name) &cp_policy_##name,
static const CpPolicyClass *const linux_classes[] = {LINUX_CLASSES(ADDRESS_POLICY)};
static const CpPolicyClass *const textbook[] = {TEXTBOOK_CLASSES(ADDRESS_POLICY)};
#define ADDRESS_RUNTIME(name) &cp_runtime_##name,
static const CpRuntimeClass *const runtimes[] = {RUNTIME_CLASSES(ADDRESS_RUNTIME) NULL};

/* --- profiles --- */

/* One row of profiles.def. */
typedef struct {
    const char *name, *alias, *base, *summary;
    const char *const *settings;
    const CpPolicyClass *classes[CP_STACK_MAX + 1];
} Kernel;

#define CLASSES(...)                                                                       \
    {                                                                                      \
        __VA_ARGS__                                                                        \
    }
#define FAMILY(name_, alias_, summary_, classes_, ...)                                     \
    {.name = name_,                                                                        \
     .alias = alias_,                                                                      \
     .summary = summary_,                                                                  \
     .classes = classes_,                                                                  \
     .settings = (const char *const[]){__VA_ARGS__, NULL}},
#define PROFILE(name_, base_, summary_, ...)                                               \
    {.name = name_,                                                                        \
     .base = base_,                                                                        \
     .summary = summary_,                                                                  \
     .settings = (const char *const[]){__VA_ARGS__, NULL}},
static const Kernel kernels[] = {
#include "models/linux/profiles.def"
};

enum { CLASSES_MAX = 32, PROFILES_MAX = 64 };

/* Made once.  Policies compiled from a user's file are added before any run begins, by the
 * one thread that reads the command line. */
static struct {
    GPtrArray *metrics[CP_SCOPES]; /* const CpMetric *, NULL-ended */
    const CpPolicyClass *classes[CLASSES_MAX + 1];
    CpProfile profiles[PROFILES_MAX + 1];
    unsigned n_classes, n_profiles;
    gsize done;
} all;

static const CpProfile *find_profile(const char *name)
{
    for (unsigned i = 0; i < all.n_profiles; i++) {
        const CpProfile *p = &all.profiles[i];
        if (strcmp(p->name, name) == 0 || g_strcmp0(p->alias, name) == 0) {
            return p;
        }
    }
    return NULL;
}

static void add_profile(const CpProfile *profile)
{
    cp_require(all.n_profiles < PROFILES_MAX);
    cp_require(find_profile(profile->name) == NULL);
    all.profiles[all.n_profiles++] = *profile;
}

static void add_class(const CpPolicyClass *cls)
{
    cp_require(all.n_classes < CLASSES_MAX);
    all.classes[all.n_classes++] = cls;
}

static void add_kernel(const Kernel *k)
{
    CpProfile profile = {.name = k->name,
                         .alias = k->alias,
                         .summary = k->summary,
                         .base = k->base != NULL ? find_profile(k->base) : NULL,
                         .settings = k->settings,
                         .kernel = true};
    cp_require((profile.base == NULL) == (k->base == NULL)); /* stands above */
    memcpy(profile.classes, profile.base != NULL ? profile.base->classes : k->classes,
           sizeof profile.classes);
    add_profile(&profile);
}

/* A class that is the whole stack, under its own name and those of its variants. */
static void add_policy(const CpPolicyClass *cls)
{
    add_class(cls);
    add_profile(&(CpProfile){.name = cls->name, .summary = cls->summary, .classes = {cls}});
    for (const CpPolicyVariant *v = cls->variants; v != NULL && v->name != NULL; v++) {
        add_profile(&(CpProfile){.name = v->name,
                                 .summary = v->summary,
                                 .settings = v->settings,
                                 .classes = {cls}});
    }
}

static bool is_listed(const CpMetric *row)
{
    const GPtrArray *rows = all.metrics[row->scope];
    for (guint i = 0; i < rows->len; i++) {
        if (strcmp(((const CpMetric *)rows->pdata[i])->name, row->name) == 0) {
            return true;
        }
    }
    return false;
}

/* Adds the rows of one table that came in with that number. */
static void add_metrics(const CpMetric *rows, unsigned since)
{
    for (; rows != NULL && rows->name != NULL; rows++) {
        if (rows->since == since) {
            cp_require(rows->get != NULL && rows->help != NULL && !is_listed(rows));
            g_ptr_array_add(all.metrics[rows->scope], (gpointer)rows);
        }
    }
}

static void list_metrics(void)
{
    for (unsigned scope = 0; scope < CP_SCOPES; scope++) {
        g_clear_pointer(&all.metrics[scope], g_ptr_array_unref);
        all.metrics[scope] = g_ptr_array_new();
    }
    for (unsigned since = 0; since <= UINT8_MAX; since++) {
        add_metrics(cp_engine_metrics, since);
        for (const CpRuntimeClass *const *r = runtimes; *r != NULL; r++) {
            add_metrics((*r)->metrics, since);
        }
        for (const CpPolicyClass *const *c = all.classes; *c != NULL; c++) {
            add_metrics((*c)->metrics, since);
        }
    }
    for (unsigned scope = 0; scope < CP_SCOPES; scope++) {
        g_ptr_array_add(all.metrics[scope], NULL);
    }
}

static void set_up(void)
{
    if (g_once_init_enter(&all.done)) {
        for (size_t i = 0; i < G_N_ELEMENTS(linux_classes); i++) {
            add_class(linux_classes[i]);
        }
        for (size_t i = 0; i < G_N_ELEMENTS(kernels); i++) {
            add_kernel(&kernels[i]);
        }
        for (size_t i = 0; i < G_N_ELEMENTS(textbook); i++) {
            add_policy(textbook[i]);
        }
        list_metrics();
        g_once_init_leave(&all.done, 1);
    }
}

const CpPolicyClass *const *cp_policy_classes(void)
{
    set_up();
    return all.classes;
}

const CpPolicyClass *cp_policy_class_find(const char *name)
{
    for (const CpPolicyClass *const *c = cp_policy_classes(); *c != NULL; c++) {
        if (strcmp((*c)->name, name) == 0) {
            return *c;
        }
    }
    return NULL;
}

void cp_policy_class_add(const CpPolicyClass *cls)
{
    set_up();
    add_policy(cls);
    list_metrics();
}

const CpRuntimeClass *const *cp_runtime_classes(void)
{
    return runtimes;
}

const CpRuntimeClass *cp_runtime_class_find(const char *name)
{
    for (const CpRuntimeClass *const *r = runtimes; *r != NULL; r++) {
        if (strcmp((*r)->name, name) == 0) {
            return *r;
        }
    }
    return NULL;
}

const CpMetric *const *cp_metrics(CpScope scope)
{
    set_up();
    return (const CpMetric *const *)all.metrics[scope]->pdata;
}

const CpMetric *cp_metric_row(CpScope scope, const char *name, size_t len)
{
    for (const CpMetric *const *m = cp_metrics(scope); *m != NULL; m++) {
        if (strncmp((*m)->name, name, len) == 0 && (*m)->name[len] == '\0') {
            return *m;
        }
    }
    return NULL;
}

const CpProfile *cp_profiles(void)
{
    set_up();
    return all.profiles;
}

const CpProfile *cp_profile_find(const char *name)
{
    set_up();
    return find_profile(name);
}

/* --- the settings of a stack --- */

CpParamSet *cp_class_params_find(const CpPolicyClass *const *classes, CpParamSet **params,
                                 const char *key, int *row)
{
    for (size_t i = 0; classes[i] != NULL; i++) {
        *row = params[i] != NULL ? cp_params_find(params[i]->spec, key) : -1;
        if (*row >= 0) {
            return params[i];
        }
    }
    return NULL;
}

/* What the bases say, then what the profile changes.  The lists are ours, so a key nobody
 * has or a value that does not parse is a bug of theirs. */
static void apply(const CpProfile *profile, CpParamSet **params)
{
    if (profile->base != NULL) {
        apply(profile->base, params); /* as deep as profiles.def is */
    }
    for (const char *const *s = profile->settings; s != NULL && *s != NULL; s += 2) {
        int row;
        CpParamSet *set = cp_class_params_find(profile->classes, params, s[0], &row);
        cp_require(set != NULL);
        gboolean parses = cp_params_set(set, row, s[1], CP_FROM_PROFILE, NULL);
        cp_require(parses);
    }
}

CpParamSet **cp_profile_params(const CpProfile *profile)
{
    CpParamSet **params = g_new0(CpParamSet *, CP_STACK_MAX + 1);
    for (size_t i = 0; profile->classes[i] != NULL; i++) {
        const CpParam *spec = profile->classes[i]->params;
        params[i] = spec != NULL ? cp_params_new(spec) : NULL;
    }
    apply(profile, params);
    return params;
}

void cp_class_params_free(const CpPolicyClass *const *classes, CpParamSet **params)
{
    for (size_t i = 0; params != NULL && classes[i] != NULL; i++) {
        cp_params_free(params[i]);
    }
    g_free(params);
}

/* --- cost sets --- */

const char *const cp_cost_set_names[] = {"reference", "ideal", NULL};

CpParamSet *cp_cost_set(const char *name)
{
    if (strcmp(name, "reference") == 0) {
        return cp_params_new(cp_cost_params);
    }
    if (strcmp(name, "ideal") != 0) {
        return NULL;
    }
    CpParamSet *set = cp_params_new(cp_cost_params);
    for (size_t i = 0; i < set->n; i++) {
        set->v[i] = set->spec[i].type == CP_PARAM_TIMES ? set->v[i] : 0;
        memset(set->list[i], 0, sizeof set->list[i]);
        set->from[i] = CP_FROM_COSTS;
    }
    return set;
}
