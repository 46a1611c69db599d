/* What the commands that load workloads share: overrides from the command line and
 * coreplay.conf, named machines, effective settings, and the shipped examples. */
#ifndef CP_CLI_SETTINGS_H
#define CP_CLI_SETTINGS_H

#include "cli/cmd.h"
#include "traces/scenario.h"

/* Overrides in the order of their strength, weakest first. */
typedef struct {
    GArray *list;     /* CpOverride */
    GPtrArray *texts; /* char *: what the list points to */
} CpOverrides;

/* From coreplay.conf, --machine, --seed, --until, --max-events, --max-wall, --exact-ticks
 * and --set, as far as the command has these options.  Returns an exit code. */
int cp_overrides_init(CpOverrides *overrides, const CpCli *cli);
/* Adds the strongest one yet; copies the texts. */
void cp_overrides_add(CpOverrides *overrides, const char *key, const char *value,
                      const char *origin);
void cp_overrides_clear(CpOverrides *overrides);

typedef struct {
    const char *key, *value, *origin;
} CpEffective;

/* Calls `visit` for each setting in force, each once. */
void cp_settings_walk(const CpScenario *scenario,
                      void (*visit)(const CpEffective *setting, void *data), void *data);

/* The same for a file that is still to be loaded, with the origin of each value: an option,
 * coreplay.conf, the workload or built-in.  Returns an exit code. */
int cp_settings_effective(CpCli *cli, const char *path,
                          void (*visit)(const CpEffective *setting, void *data),
                          void *data);

typedef struct {
    char *name, *summary;
    char *path; /* NULL: the text is cp_starter_workload */
} CpExampleFile;
/* New array of CpExampleFile *, by name.  At least the starter is there, even if the
 * examples are not installed. */
GPtrArray *cp_examples(void);

#endif
