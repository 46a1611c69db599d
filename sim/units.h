/* Units: what numbers measure, how they are written, and what the figures of a run mean.
 *
 * Two tables serve the whole program.  `cp_suffixes` has what may stand behind a number
 * ("ms", "KiB", "%"): the language, settings, options, sweeps and charts read and write
 * amounts by it.  `cp_units` has what the stored integer of a metric stands for: result
 * files, JSON keys, `expect`, `query` and charts read that.  All of it is exact and in
 * integers; what the edges compute from it (means, axes) is theirs, see sweeps/figure.h. */
#ifndef CP_SIM_UNITS_H
#define CP_SIM_UNITS_H

#include "sim/types.h"

/* What a number measures. */
typedef enum {
    CP_DIM_NUMBER,
    CP_DIM_TIME,  /* ns */
    CP_DIM_SIZE,  /* bytes */
    CP_DIM_SHARE, /* parts per million */
    CP_DIM_ANY,   /* known at run time, or read from JSON, which has no units */
} CpDim;

/* --- amounts as text --- */

typedef struct {
    const char *name;
    CpDim dim;
    int64_t size; /* in ns, bytes or parts per million */
    bool printed; /* min and h are read only */
} CpSuffix;

/* By dimension, each from the finest to the coarsest; ended by a row without a name. */
extern const CpSuffix cp_suffixes[];

/* The suffix that is the `len` characters at `text`, or NULL. */
const CpSuffix *cp_suffix_find(const char *text, size_t len);
/* The coarsest printed one of which there is at least one in `value`, else the finest. */
const CpSuffix *cp_suffix_for(CpDim dim, int64_t value);
/* New text, "ns, us, ms, s, min or h" if `between` is ", " and `last` " or "; ANY: all. */
char *cp_suffix_names(CpDim dim, const char *between, const char *last);

/* Each parses the whole string.  CP_ERROR_USAGE: no number, no unit, not whole in the
 * finest unit ...; zero needs no unit. */
gboolean cp_parse_time(const char *text, CpTime *out, GError **error);   /* "1.5ms" */
gboolean cp_parse_size(const char *text, int64_t *out, GError **error);  /* "64KiB" */
gboolean cp_parse_share(const char *text, int64_t *out, GError **error); /* "50%" */
gboolean cp_parse_int(const char *text, int64_t *out, GError **error);
/* TIME, SIZE or SHARE. */
gboolean cp_parse_amount(CpDim dim, const char *text, int64_t *out, GError **error);

/* Exact shortest form, which parses back: 1400000 -> "1400us", 65536 -> "64KiB", 125000 ->
 * "12.5%".  New text. */
char *cp_format_amount(CpDim dim, int64_t value);
char *cp_format_time(CpTime t); /* the same; CP_NEVER is "never" */
/* For people: three or four digits and a unit, "1.40 ms", "20.001 s". */
char *cp_format_time_human(CpTime t);
/* value / 10^decimals without trailing zeros: (200500, 3) is "200.5".  At most 18. */
char *cp_format_decimal(int64_t value, unsigned decimals);

/* --- figures of a run --- */

typedef enum {
    CP_UNIT_NS,
    CP_UNIT_COUNT,
    CP_UNIT_PPM,    /* a share: JSON prints it as 0..1 */
    CP_UNIT_MILLI,  /* thousandths, for rates: 200.5 a second is 200500 */
    CP_UNIT_NUMBER, /* a variable of the workload */
    CP_UNIT_BYTES,  /* memory */
    CP_UNITS
} CpUnit;

typedef struct {
    const char *name;   /* in result files */
    const char *ending; /* of keys in JSON and CSV, "_ns" */
    CpDim dim;
    unsigned decimals; /* the stored integer is the figure times 10^decimals */
    /* For people (times aside, which choose their unit): so many of the stored integer are
     * one, named so, with so many decimals in exact texts. */
    int64_t shown_size;
    const char *shown;
    unsigned shown_decimals;
} CpUnitInfo;

extern const CpUnitInfo cp_units[CP_UNITS];

/* Unit of that name, or CP_UNITS. */
CpUnit cp_unit_find(const char *name);
/* 10^decimals of the unit. */
int64_t cp_unit_scale(CpUnit unit);
/* New text for people, "1.40 ms", "12.34%", "200.500", "11.2 MiB". */
char *cp_unit_text(CpUnit unit, int64_t value);

#endif
