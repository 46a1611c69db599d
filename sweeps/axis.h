/* An axis of a sweep: one setting or workload param and the values it takes.
 *
 *   cores=1,2,4,8           a list             gil.interval=1ms..10ms+3ms  step by step
 *   cores=1..64*2           by a factor        load=@loads.txt             one value a line
 *   cores=1..8              whole numbers      policy=cfs,eevdf            names
 *
 * A value with commas stands in brackets or double quotes.  A range that steps is never
 * written out: a million values cost what one does. */
#ifndef CP_SWEEPS_AXIS_H
#define CP_SWEEPS_AXIS_H

#include "sim/types.h"
#include "sim/units.h"

typedef struct CpAxis CpAxis;

/* CP_ERROR_USAGE: says what is wrong with the text; CP_ERROR_INPUT: the file of values. */
CpAxis *cp_axis_new(const char *text, GError **error);
/* From values at hand, NULL-ended; at least one. */
CpAxis *cp_axis_from_values(const char *key, const char *const *values);
void cp_axis_free(CpAxis *axis);

const char *cp_axis_key(const CpAxis *axis);
uint64_t cp_axis_size(const CpAxis *axis);
/* New text of value i. */
char *cp_axis_value(const CpAxis *axis, uint64_t i);
/* Appends the axis in the form it can be read back from, files written out. */
void cp_axis_print(const CpAxis *axis, GString *out);

/* A number with its unit. */
typedef struct {
    CpDim dim;     /* NUMBER, TIME, SIZE or SHARE */
    int64_t value; /* millionths, ns, bytes or parts per million */
} CpQuant;

/* Value i without making a text: a borrowed one, or NULL and the number of a range. */
const char *cp_axis_peek(const CpAxis *axis, uint64_t i, CpQuant *number);

/* "4", "0.25", "3ms", "64KiB", "50%"; false: not a number. */
bool cp_quant_parse(const char *text, CpQuant *out);
char *cp_quant_print(CpQuant quant);

#endif
