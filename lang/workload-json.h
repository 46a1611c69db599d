/* The JSON form of a workload, both ways.
 *
 *   {"schema":1,"params":[...],"machine":{...},"resources":[...],"processes":[...],...}
 *
 * It is canonical: arrays in order, times as integer ns, keys in a fixed order, nothing of
 * the text's spacing or comments; the workload hash is taken over it.  What each construct
 * looks like is said in docs/workload-language.md. */
#ifndef CP_LANG_WORKLOAD_JSON_H
#define CP_LANG_WORKLOAD_JSON_H

#include "lang/tree.h"

/* New text; `pretty`: indented, with a line end. */
char *cp_json_write(const CpTree *tree, bool pretty);
/* New text: 16 hex digits of the canonical form's SHA-256. */
char *cp_json_hash(const CpTree *tree);
/* New tree, or NULL after reporting with line and column. */
CpTree *cp_json_read(const char *text, size_t len, CpDiag *diag);

#endif
