/* Typed tunables: the one table behind `coreplay list settings`, --set, sweeps and the
 * kernel, machine and run blocks of a workload.
 *
 * An owner (a policy class, the machine, the cost set ...) has a static array of CpParam
 * ended by a NULL name, and keeps values in a CpParamSet with one entry per row in the same
 * order, so code reads `set->v[EEVDF_BASE_SLICE]`.  Times are ns, shares parts per million.
 */
#ifndef CP_SIM_PARAMS_H
#define CP_SIM_PARAMS_H

#include "sim/types.h"
#include "sim/units.h"

typedef enum {
    CP_PARAM_INT,   /* 4, -20, 1024 */
    CP_PARAM_TIME,  /* 3ms: ns */
    CP_PARAM_BOOL,  /* on, off: 1, 0 */
    CP_PARAM_SHARE, /* 12.5%: parts per million */
    CP_PARAM_ENUM,  /* one of `choices`: index of the word */
    CP_PARAM_TIMES, /* 1ms,2ms,4ms: value is the number of entries, the entries in list */
    CP_PARAM_SIZE,  /* 64KiB: bytes */
} CpParamType;

enum { CP_PARAM_LIST_MAX = 16 };

/* Where a value comes from.  From CONFIG on somebody said so; from MACHINE on it was said
 * on the command line, which is stronger than what a workload says. */
typedef enum {
    CP_FROM_BUILT_IN,  /* default of the row */
    CP_FROM_PROFILE,   /* of the policy by name: a kernel's difference */
    CP_FROM_VERSION,   /* of the runtime's version */
    CP_FROM_COSTS,     /* of the cost set */
    CP_FROM_CONFIG,    /* a configuration file */
    CP_FROM_RECORDING, /* what is replayed */
    CP_FROM_WORKLOAD,  /* the text */
    CP_FROM_MACHINE,   /* a machine chosen for the run */
    CP_FROM_OPTION,    /* an option of its own, such as --seed */
    CP_FROM_SET,       /* KEY=VALUE */
    CP_FROM_SWEEP,     /* an axis */
    CP_FROMS
} CpFrom;

typedef struct {
    const char *name; /* full dotted key, "eevdf.base_slice" */
    CpParamType type;
    const char *def;     /* default, in the form a user would write */
    int64_t min, max;    /* inclusive, in the stored unit; both 0: no bounds */
    const char *choices; /* CP_PARAM_ENUM: "a|b|c"; TIME and TIMES: words that may stand
                            instead of a time, stored as -1, -2 ...; else NULL */
    const char *help;    /* one line, says what it mirrors */
} CpParam;

typedef struct {
    const CpParam *spec; /* borrowed, static */
    size_t n;
    int64_t *v;                        /* one value a row */
    CpTime (*list)[CP_PARAM_LIST_MAX]; /* CP_PARAM_TIMES rows */
    uint8_t *from;                     /* CpFrom, one a row */
} CpParamSet;

static inline bool cp_params_given(const CpParamSet *set, int row)
{
    return set->from[row] >= CP_FROM_CONFIG;
}

/* Returns a new set holding the defaults.  A default that does not parse is a bug. */
CpParamSet *cp_params_new(const CpParam *spec);
void cp_params_free(CpParamSet *set);

/* Index of a key, or -1. */
int cp_params_find(const CpParam *spec, const char *name);

/* Sets one row from text.  CP_ERROR_USAGE: unit missing, out of bounds (says the bounds),
 * not one of the choices (names the nearest). */
gboolean cp_params_set(CpParamSet *set, int row, const char *text, CpFrom from,
                       GError **error);

/* Returns new text of the value in canonical form ("1400us"), which parses back to it. */
char *cp_params_print(const CpParamSet *set, int row);
/* New text of a stored value that is no word of `choices`. */
char *cp_param_text(CpParamType type, int64_t value);

#endif
