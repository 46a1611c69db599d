/* Settings of a scenario while it is put together: every KEY VALUE of the text, of the
 * configuration and of the command line, in order of precedence; private to scenario/. */
#ifndef CP_SCENARIO_SETTINGS_H
#define CP_SCENARIO_SETTINGS_H

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
    bool other_machine;     /* --set machine=NAME: what the text says of its own is void */
} CpBuild;

/* Report, return false. */
bool cp_setting_bad(CpBuild *b, const CpSetting *setting, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
bool cp_setting_unknown(CpBuild *b, const CpSetting *setting);

/* Whether a key is thread.NAME.KEY or cgroup.NAME.KEY. */
bool cp_setting_has_subject(const char *key);
void cp_subject_setting_free(void *data);

/* The setting in force for a key, or NULL. */
CpSetting *cp_setting_find(CpBuild *b, const char *key);
/* Makes machine, policy stack, costs and run settings of the scenario. */
bool cp_settings_apply(CpBuild *b);

#endif
