#include "models/registry.h"

/* What there is, and nothing else: which policy classes, runtimes and profiles. */

#include "sim/assert.h"
#include "sim/costs.h"

#include <string.h>

/* Every policy class, one row each; the file is models/linux/ or models/textbook/ NAME.c.
 */
#define POLICY_CLASSES(ROW)                                                                \
    ROW(rt)                                                                                \
    ROW(eevdf)                                                                             \
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
POLICY_CLASSES(DECLARE_POLICY)
#define DECLARE_RUNTIME(name) extern const CpRuntimeClass cp_runtime_##name;
RUNTIME_CLASSES(DECLARE_RUNTIME)

enum { ADDED_MAX = 8 };

#define ADDRESS_POLICY(name) &cp_policy_##name,
static const CpPolicyClass *const classes[] = {POLICY_CLASSES(ADDRESS_POLICY) NULL};
#define ADDRESS_RUNTIME(name) &cp_runtime_##name,
static const CpRuntimeClass *const runtimes[] = {RUNTIME_CLASSES(ADDRESS_RUNTIME) NULL};

#define STACK(...)                                                                         \
    (const char *const[])                                                                  \
    {                                                                                      \
        __VA_ARGS__, NULL                                                                  \
    }

static const CpProfile profiles[] = {
    {.name = "eevdf-6.18",
     .alias = "eevdf",
     .summary = "Linux 6.18 stable: rt, then EEVDF",
     .classes = STACK("rt", "eevdf"),
     .kernel = true},
    {.name = "eevdf-6.18.0",
     .summary = "Linux 6.18 as released",
     .classes = STACK("rt", "eevdf"),
     .settings = STACK("eevdf.preempt", "6.18.0", "eevdf.lag_limit", "two_slices",
                       "eevdf.yield", "postpone", "eevdf.newidle", "100%"),
     .kernel = true},
    {.name = "eevdf-6.12",
     .summary = "Linux 6.12 stable: slices may differ, delayed dequeue",
     .classes = STACK("rt", "eevdf"),
     .settings = STACK("eevdf.preempt", "6.12", "eevdf.protect", "request",
                       "eevdf.lag_limit", "two_slices"),
     .kernel = true},
    {.name = "eevdf-6.6",
     .summary = "Linux 6.6: the first EEVDF",
     .classes = STACK("rt", "eevdf"),
     .settings =
         STACK("eevdf.preempt", "6.6", "eevdf.protect", "request", "eevdf.lag_limit",
               "two_slices", "eevdf.delay_dequeue", "off", "eevdf.norm_slice", "750us",
               "eevdf.yield", "postpone", "eevdf.newidle", "100%"),
     .kernel = true},
    {.name = "fcfs", .summary = "first come, first served", .classes = STACK("fcfs")},
    {.name = "rr", .summary = "round robin", .classes = STACK("rr")},
    {.name = "sjf", .summary = "shortest job first", .classes = STACK("sjf")},
    {.name = "srtf", .summary = "shortest remaining time first", .classes = STACK("srtf")},
    {.name = "priority", .summary = "fixed priorities", .classes = STACK("priority")},
    {.name = "mlfq", .summary = "multi-level feedback queue", .classes = STACK("mlfq")},
    {.name = "lottery", .summary = "lottery scheduling", .classes = STACK("lottery")},
    {.name = "stride", .summary = "stride scheduling", .classes = STACK("stride")},
    {.name = "edf", .summary = "earliest deadline first", .classes = STACK("edf")},
    {.name = "rm",
     .summary = "rate monotonic: the shortest period first",
     .classes = STACK("edf"),
     .settings = STACK("edf.rule", "rm")},
    {.name = "llf",
     .summary = "least laxity first",
     .classes = STACK("edf"),
     .settings = STACK("edf.rule", "llf")},
    {.name = NULL},
};

/* Policies compiled from a user's file are added once, before any run begins, by the one
 * thread that reads the command line. */
static struct {
    GPtrArray *metrics[CP_SCOPES]; /* const CpMetric *, NULL-ended */
    const CpPolicyClass *classes[G_N_ELEMENTS(classes) + ADDED_MAX];
    CpProfile profiles[G_N_ELEMENTS(profiles) + ADDED_MAX];
    const char *stacks[ADDED_MAX][2];
    unsigned n;
    gsize done;
} added;

static bool is_listed(const CpMetric *row)
{
    const GPtrArray *rows = added.metrics[row->scope];
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
            g_ptr_array_add(added.metrics[rows->scope], (gpointer)rows);
        }
    }
}

static void list_metrics(void)
{
    for (unsigned scope = 0; scope < CP_SCOPES; scope++) {
        g_clear_pointer(&added.metrics[scope], g_ptr_array_unref);
        added.metrics[scope] = g_ptr_array_new();
    }
    for (unsigned since = 0; since <= UINT8_MAX; since++) {
        add_metrics(cp_engine_metrics, since);
        for (const CpRuntimeClass *const *r = runtimes; *r != NULL; r++) {
            add_metrics((*r)->metrics, since);
        }
        for (const CpPolicyClass *const *c = added.classes; *c != NULL; c++) {
            add_metrics((*c)->metrics, since);
        }
    }
    for (unsigned scope = 0; scope < CP_SCOPES; scope++) {
        g_ptr_array_add(added.metrics[scope], NULL);
    }
}

static void set_up(void)
{
    if (g_once_init_enter(&added.done)) {
        memcpy(added.classes, classes, sizeof classes);
        memcpy(added.profiles, profiles, sizeof profiles);
        list_metrics();
        g_once_init_leave(&added.done, 1);
    }
}

const CpPolicyClass *const *cp_policy_classes(void)
{
    set_up();
    return added.classes;
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
    g_return_if_fail(added.n < ADDED_MAX);
    added.stacks[added.n][0] = cls->name;
    added.classes[G_N_ELEMENTS(classes) - 1 + added.n] = cls;
    added.profiles[G_N_ELEMENTS(profiles) - 1 + added.n] = (CpProfile){
        .name = cls->name, .summary = cls->summary, .classes = added.stacks[added.n]};
    added.n++;
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
    return (const CpMetric *const *)added.metrics[scope]->pdata;
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
    return added.profiles;
}

const CpProfile *cp_profile_find(const char *name)
{
    for (const CpProfile *p = cp_profiles(); p->name != NULL; p++) {
        if (strcmp(p->name, name) == 0 ||
            (p->alias != NULL && strcmp(p->alias, name) == 0)) {
            return p;
        }
    }
    return NULL;
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
