/* Conditions over the values of a point or a row: `quota <= cores`,
 * `policy == eevdf and makespan < 2 s`, `latency.p99 < 50ms`.
 *
 * Operators: or and not, == != < <= > >=, + - * /, brackets.  A name the caller knows is
 * its value, any other is a word.  Shares count as numbers (50% is 0.5), times are ns,
 * sizes bytes; `none` is more than every number.  What is not known makes a comparison
 * false. */
#ifndef CP_SWEEPS_EXPR_H
#define CP_SWEEPS_EXPR_H

#include "sweeps/axis.h"

typedef struct CpExpr CpExpr;

typedef enum { CP_VALUE_NULL, CP_VALUE_NUMBER, CP_VALUE_TEXT } CpValueKind;

typedef struct {
    CpValueKind kind;
    CpDim dim;        /* of a number */
    double number;    /* ns, bytes or plain */
    const char *text; /* borrowed; also of a number that came as text */
} CpValue;

/* CP_ERROR_USAGE: says where the text cannot be understood. */
CpExpr *cp_expr_new(const char *text, GError **error);
void cp_expr_free(CpExpr *expr);

/* Value of a name; false: the caller has no such name. */
typedef bool (*CpExprLookup)(const char *name, CpValue *value, void *data);
bool cp_expr_holds(const CpExpr *expr, CpExprLookup lookup, void *data);

/* CP_ERROR_USAGE: it compares or adds what has different units, as in `makespan < 120`,
 * judging by these values; unknown ones and zero go with everything. */
gboolean cp_expr_check(const CpExpr *expr, CpExprLookup lookup, void *data, GError **error);

/* Names in it, in order, each once, words included: new, NULL-ended. */
char **cp_expr_names(const CpExpr *expr);

CpValue cp_value_from_quant(CpQuant number);
/* A text as value: a number with its unit, or the text itself, which is borrowed. */
CpValue cp_value_from_text(const char *text);

#endif
