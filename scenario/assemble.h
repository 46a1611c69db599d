/* A scenario while it is put together; private to scenario/.
 *
 *   tree -> rewrite.c: params, versions -> compiled -> assemble.c: every KEY VALUE of the
 *   configuration, the text and the command line in order -> settings.c: applied ->
 *   assemble.c: machine, masks and policies agree */
#ifndef CP_SCENARIO_ASSEMBLE_H
#define CP_SCENARIO_ASSEMBLE_H

#include "models/registry.h"
#include "scenario/scenario.h"
#include "lang/tree.h"

typedef struct {
    const char *key;
    char *value;        /* owned */
    const CpNode *node; /* CP_NODE_SETTING of the text, or NULL */
    CpFrom from;
    bool used; /* already applied or refused */
} CpSetting;

typedef struct {
    CpScenario *s;
    CpTree *tree; /* of the workload; NULL for a recording */
    CpDiag *diag;
    GArray *list;             /* CpSetting, later ones win */
    const CpProfile *profile; /* in force */
    uint32_t capacity[CP_CPUS_MAX];
    size_t n_capacity;
    uint32_t recorded_cpus; /* of a recording */
    CpFrom kernel_from;     /* of a kernel's name: what was said before is void */
    bool other_machine;     /* --set machine=NAME: what the text says of its own is void */
} CpBuild;

/* --- rewrite.c --- */

/* Whether it is stronger than what the workload says. */
bool cp_override_is_late(const CpOverride *override);
/* The declaration of a param in the tree, or NULL. */
CpNode *cp_param_in(const CpTree *tree, const char *name);
/* Give params their values and processes their version of the runtime; false: reported. */
bool cp_rewrite_params(CpBuild *b, const CpOverride *overrides, size_t n);
bool cp_rewrite_versions(CpBuild *b, const CpOverride *overrides, size_t n);

/* --- assemble.c --- */

/* New, without a workload yet. */
CpScenario *cp_scenario_new(const char *source);
/* Completes a scenario whose workload is compiled; false: reported. */
bool cp_assemble(CpBuild *b, const CpOverride *overrides, size_t n);

/* --- scenario.c --- */

void cp_subject_setting_free(void *data);

/* --- in-force.c --- */

/* New text, "--set", "the workload": where a value comes from that has no place in the
 * text. */
char *cp_setting_origin(const CpSetting *setting);

/* --- settings.c --- */

/* Report, return false. */
bool cp_setting_bad(CpBuild *b, const CpSetting *setting, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
bool cp_setting_unknown(CpBuild *b, const CpSetting *setting);

/* Whether a key is thread.NAME.KEY or cgroup.NAME.KEY. */
bool cp_setting_has_subject(const char *key);

/* The setting in force for a key, or NULL. */
CpSetting *cp_setting_find(CpBuild *b, const char *key);
/* Makes machine, policy stack, costs and run settings of the scenario. */
bool cp_settings_apply(CpBuild *b);

#endif
