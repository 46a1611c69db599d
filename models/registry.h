/* Everything that can be chosen by name: policy classes, runtimes, profiles, cost sets.
 *
 * A textbook policy is one file models/textbook/x.c that exports `cp_policy_x`, plus its
 * row in registry.c and its line in module.am; it then appears in `coreplay list policies`,
 * in settings, in sweeps and in the conformance tests.  A kernel is a row of
 * models/linux/profiles.def. */
#ifndef CP_MODELS_REGISTRY_H
#define CP_MODELS_REGISTRY_H

#include "sim/metrics.h"
#include "sim/policy.h"
#include "sim/runtime.h"

enum { CP_STACK_MAX = 8 }; /* classes above each other */

/* What `policy NAME` selects: a stack of classes and their settings.  A kernel is a short
 * table of differences from another one, never an `if (version)`. */
typedef struct CpProfile CpProfile;
struct CpProfile {
    const char *name;  /* "eevdf-6.18", "rr" */
    const char *alias; /* "eevdf": newest of the family; NULL */
    const char *summary;
    const CpProfile *base;       /* whose settings hold unless changed here; NULL */
    const char *const *settings; /* "key", "value", ..., NULL-ended; NULL: none */
    bool kernel; /* threads may have policies of their own (fifo, rr, batch ...) */
    const CpPolicyClass *classes[CP_STACK_MAX + 1]; /* first asked first, NULL-ended */
};

/* The policy of a workload that names none. */
#define CP_PROFILE_DEFAULT "eevdf-6.18"

const CpPolicyClass *const *cp_policy_classes(void); /* NULL-ended */
const CpPolicyClass *cp_policy_class_find(const char *name);
const CpRuntimeClass *const *cp_runtime_classes(void); /* NULL-ended */
const CpRuntimeClass *cp_runtime_class_find(const char *name);
const CpProfile *cp_profiles(void);                 /* ended by a NULL name */
const CpProfile *cp_profile_find(const char *name); /* or alias; NULL */

/* The metrics of a scope, of the engine and of every runtime and class whether or not they
 * take part in a run, in printing order; NULL-ended, good until a class is added.  Workload
 * histograms (`respond`, `timed`) and variables come on top of the RUN scope. */
const CpMetric *const *cp_metrics(CpScope scope);
/* The row whose name is the `len` characters at `name`, or NULL. */
const CpMetric *cp_metric_row(CpScope scope, const char *name, size_t len);

/* Settings of a stack of classes, one set a class (NULL: it has none), NULL-ended by the
 * class list.  Returns new sets with the profile's values, which count as defaults. */
CpParamSet **cp_profile_params(const CpProfile *profile);
/* Frees what cp_profile_params returned for these classes; NULL is fine. */
void cp_class_params_free(const CpPolicyClass *const *classes, CpParamSet **params);
/* The set that has a setting, and its row; NULL: no class of the stack has it. */
CpParamSet *cp_class_params_find(const CpPolicyClass *const *classes, CpParamSet **params,
                                 const char *key, int *row);

/* Classes of policies compiled from a user's file (--policy-file); takes a borrowed class
 * that must outlive every run.  Its name becomes a profile of its own, and so do those of
 * its variants. */
void cp_policy_class_add(const CpPolicyClass *cls);

/* Cost sets: "reference" and "ideal".  Returns a new set, or NULL for an unknown name. */
CpParamSet *cp_cost_set(const char *name);
extern const char *const cp_cost_set_names[];

#endif
