/* The parser of the workload language: text to tree, all errors with positions.
 *
 * Recursive descent with one token of look-ahead.  After an error it goes on at the next
 * ';', end of line or '}', so one run reports many errors.  Limits: 64 MiB of text, blocks
 * 64 deep, a million written statements. */
#ifndef CP_LANG_PARSE_H
#define CP_LANG_PARSE_H

#include "lang/tree.h"

enum {
    CP_PARSE_BYTES_MAX = 64 << 20,
    CP_PARSE_DEPTH_MAX = 64,
    CP_PARSE_STMTS_MAX = 1000000,
    CP_PARSE_LIST_MAX = 1000000,
};

/* New tree, or NULL after reporting; `text` stays borrowed by diag only. */
CpTree *cp_parse(const char *text, size_t len, CpDiag *diag);
/* One value as a `param` line takes it (a number, word, text, list); NULL after reporting
 * to diag.  The node lives in `tree`. */
CpNode *cp_parse_value(CpTree *tree, const char *text, size_t len, CpDiag *diag);
/* A condition over the values of a run or a point, "policy == eevdf and makespan < 2 s":
 * CP_NODE_AND, OR and NOT over comparisons; a name is any metric, setting or word.  NULL
 * after reporting to diag; the nodes live in `tree`. */
CpNode *cp_parse_condition(CpTree *tree, const char *text, size_t len, CpDiag *diag);

#endif
