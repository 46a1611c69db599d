/* What the commands that load workloads share: overrides from the command line and
 * coreplay.conf, named machines, and the settings in force. */
#ifndef CP_CLI_OVERRIDES_H
#define CP_CLI_OVERRIDES_H

#include "cli/cmd.h"
#include "scenario/scenario.h"

/* Rows of option tables: what commands mean the same by they say with the same words. */
#define CP_OPTION_SET(group)                                                               \
    {                                                                                      \
        "set", 's', CP_OPT_LIST, "KEY=VALUE", NULL, "settings", group,                     \
            "override a setting or a param; may be repeated, the last one wins"            \
    }
#define CP_OPTION_KERNEL(group)                                                            \
    {                                                                                      \
        "kernel", 0, CP_OPT_TEXT, "NAME", NULL, NULL, group,                               \
            "simulate this kernel: debian13, 7.3 or what uname -r prints (list kernels)"   \
    }
#define CP_OPTION_MACHINE(group)                                                           \
    {                                                                                      \
        "machine", 'm', CP_OPT_FILE, "FILE|NAME", NULL, "machines", group,                 \
            "simulate on this machine: a name from 'list machines' or a file with a "      \
            "machine block"                                                                \
    }
#define CP_OPTION_POLICY_FILE(group)                                                       \
    {                                                                                      \
        "policy-file", 0, CP_OPT_FILE, "FILE", NULL, NULL, group,                          \
            "compile this scheduling policy, check it, and simulate with it"               \
    }
#define CP_OPTION_UNTIL                                                                    \
    {                                                                                      \
        "until", 0, CP_OPT_TIME, "TIME", NULL, NULL, "Limits",                             \
            "stop a run at this simulated time, for example 60s"                           \
    }
#define CP_OPTION_WARMUP                                                                   \
    {                                                                                      \
        "warmup", 0, CP_OPT_TEXT, "TIME|auto", NULL, NULL, "Limits",                       \
            "count metrics from this simulated time on; auto: from when a pilot run is "   \
            "steady"                                                                       \
    }
#define CP_OPTION_MAX_EVENTS                                                               \
    {                                                                                      \
        "max-events", 0, CP_OPT_NUMBER, "N", NULL, NULL, "Limits",                         \
            "guard: a run with more events is stopped and fails (code 4)"                  \
    }
#define CP_OPTION_MAX_WALL                                                                 \
    {                                                                                      \
        "max-wall", 0, CP_OPT_TIME, "TIME", NULL, NULL, "Limits",                          \
            "guard: a run that takes more real time is stopped and fails (code 4)"         \
    }

/* Overrides in the order of their strength, weakest first. */
typedef struct {
    GArray *list;     /* CpOverride */
    GPtrArray *texts; /* char *: what the list points to */
} CpOverrides;

/* From coreplay.conf, --machine, --seed, --until, --warmup, --max-events, --max-wall,
 * --exact-ticks and --set, as far as the command has these options; --policy-file is
 * compiled, checked and in force before --set, which may vary it.  Returns an exit code. */
int cp_overrides_init(CpOverrides *overrides, const CpCli *cli);
/* Adds the strongest one yet; copies the texts. */
void cp_overrides_add(CpOverrides *overrides, const char *key, const char *value,
                      CpFrom from);
void cp_overrides_clear(CpOverrides *overrides);

#endif
