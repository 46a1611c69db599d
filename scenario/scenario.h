/* A scenario: everything one run needs, from a workload text, a recording and overrides.
 *
 *   text or tree -> CpScenario -> cp_scenario_config -> cp_sim_new
 *
 * Precedence of settings: built-in < config file < workload < command line; CpFrom says for
 * each value which of them it was.  `param` values are known before compilation, because
 * the workload is compiled for them. */
#ifndef CP_SCENARIO_SCENARIO_H
#define CP_SCENARIO_SCENARIO_H

#include "sim/sim.h"
#include "lang/diag.h"
#include "scenario/run-log.h"

typedef struct {
    const char *key, *value; /* borrowed during the call */
    CpFrom from;             /* CP_FROM_CONFIG, or MACHINE and later */
} CpOverride;

/* One `expect` line. */
typedef struct {
    char *text;   /* as written */
    char *metric; /* dotted name; "outcome", "order", "output" */
    CpCmp cmp;
    int64_t value;         /* in the metric's stored unit */
    int64_t tolerance;     /* absolute; -1: none */
    int64_t tolerance_ppm; /* of value; -1: none */
    char *word;            /* outcome name, or the names of an order, comma-separated */
    char **lines;          /* of an output, NULL-ended; NULL: it is none */
    uint32_t line;
    bool applies;    /* its `if` holds of the params in force */
    bool as_written; /* of the file's own settings only */
} CpExpect;

/* What a run says of it. */
typedef enum { CP_EXPECT_FAILED, CP_EXPECT_OK, CP_EXPECT_NOT_JUDGED } CpVerdict;

typedef struct CpScenario {
    CpWorkload *workload;
    CpMachine *machine;
    const struct CpPolicyClass *const *classes; /* NULL-ended; the profile's */
    CpParamSet **class_params;                  /* one a class, NULL: it has none */
    CpParamSet *machine_params, *costs, *run;
    CpParamSet **proc_params; /* one a process; NULL entry: its runtime has no settings */
    char *policy;             /* profile name */
    char *kernel_said;        /* how a kernel given by name is taken; NULL: none was */
    CpFrom policy_from, capacity_from, version_from; /* BUILT_IN: nobody
                                                        overrides what processes name */
    GPtrArray *subjects; /* CpSubjectSetting: what was said of threads and groups */
    char *source;        /* file name, "-" or "" */
    char *hash;          /* of the canonical JSON form: 16 hex digits */
    GPtrArray *expects;  /* CpExpect */
    bool overridden;     /* a setting of the command line may have changed the result */
    GPtrArray *params;   /* CpWorkloadParam: name, value in force, choices */
    /* For cp_scenario_retune. */
    const struct CpScenario *base; /* owner of the workload, borrowed; NULL: this one */
    GPtrArray *written; /* key, value, key ...: settings of the text; NULL: a recording */
} CpScenario;

typedef struct {
    char *name;
    char *value;   /* text in force */
    char *choices; /* "a|b|c" or NULL */
    CpFrom from;   /* CP_FROM_WORKLOAD: as written */
} CpWorkloadParam;

/* The param of that name, or NULL. */
const CpWorkloadParam *cp_scenario_param(const CpScenario *scenario, const char *name);

/* A setting of a thread or control group, beside what its declaration says. */
typedef struct {
    char *key, *value; /* "thread.worker.nice", "5" */
    CpFrom from;
} CpSubjectSetting;

/* Rows of scenario->run. */
enum {
    CP_RUN_UNTIL,
    CP_RUN_SEED,
    CP_RUN_MAX_EVENTS,
    CP_RUN_MAX_WALL,
    CP_RUN_EXACT_TICKS,
    CP_RUN_WARMUP, /* CP_WARMUP_AUTO: see scenario/warmup.h */
    CP_RUN_COSTS,
    CP_RUN_HOGS,
    CP_RUN_PARAMS
};
enum { CP_WARMUP_AUTO = -1 };
extern const CpParam cp_run_params[];

/* Reads a .cpw text, its JSON form or a .cpr recording (by content); "-" is standard input.
 * On failure messages are in `diag` and NULL is returned. */
CpScenario *cp_scenario_load(const char *path, const CpOverride *overrides, size_t n,
                             CpDiag *diag);
/* The same from memory; `name` is used in messages. */
CpScenario *cp_scenario_from_text(const char *name, const char *text, size_t len,
                                  const CpOverride *overrides, size_t n, CpDiag *diag);
void cp_scenario_free(CpScenario *scenario);

/* Whether a setting is independent of the compiled workload: not a param, not of a thread
 * or control group, and the scenario is no recording. */
bool cp_scenario_can_retune(const CpScenario *base, const char *key);
/* The same workload, not compiled again, under other settings: all overrides are given
 * anew; those that cp_scenario_can_retune refuses are skipped, they must be those `base`
 * was loaded with.  Borrows from `base` until freed; threads may do so at once. */
CpScenario *cp_scenario_retune(const CpScenario *base, const CpOverride *overrides,
                               size_t n, CpDiag *diag);

/* Fills a configuration that borrows from the scenario. */
void cp_scenario_config(const CpScenario *scenario, CpSimConfig *config);

/* Judges one expect of the scenario after the run; *measured is new text.  Not judged is
 * one whose `if` does not hold, or that holds as written where a setting was given.  `log`:
 * of the run, needed if the scenario expects an output. */
CpVerdict cp_expect_check(const CpScenario *scenario, const CpExpect *expect, CpSim *sim,
                          const CpRunLog *log, char **measured);
/* Whether one of its expects is about what the program prints. */
bool cp_expects_output(const CpScenario *scenario);
/* "ok", "FAILED", "not judged". */
const char *cp_verdict_name(CpVerdict verdict);

/* Whether runs of the scenario have a metric of that name, and its unit.  If not, *near is
 * new text of the one that may be meant, or NULL. */
bool cp_scenario_metric(const CpScenario *scenario, const char *name, CpUnit *unit,
                        char **near);

/* Every setting key there is, with the owner's table row; for list, completion,
 * suggestions.  New array that ends with a NULL spec; an ENUM without choices takes a name
 * or a text, and NAME in a key stands for a thread or group of the workload. */
typedef struct {
    const CpParam *spec;
    const char *owner; /* "machine", "run", "costs", a policy or runtime name */
} CpSettingInfo;
CpSettingInfo *cp_settings(void);

/* A setting in force; texts are borrowed during the visit. */
typedef struct {
    const char *key, *value; /* as --set takes them */
    CpFrom from;
} CpSettingInForce;
/* Visits every setting of the scenario once: given as --set KEY=VALUE, all of them together
 * make the run that it makes.  A setting of a runtime is one of all its processes if it is
 * the same in all, else process.NAME.KEY of each. */
void cp_scenario_each_setting(const CpScenario *scenario,
                              void (*visit)(const CpSettingInForce *setting, void *data),
                              void *data);
/* New text for people: "built-in", "workload", "--set", "--seed" for the key `seed`. */
char *cp_from_print(CpFrom from, const char *key);

#endif
