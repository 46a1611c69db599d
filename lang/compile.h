/* The compiler: tree of a workload to executable form.
 *
 * Registers are given out before the program runs: calls cannot be recursive, so each task
 * has one place in the frame, behind all its possible callers.  Code is therefore compiled
 * twice, first only to count registers and to report errors. */
#ifndef CP_LANG_COMPILE_H
#define CP_LANG_COMPILE_H

#include "sim/program.h"
#include "lang/tree.h"

/* New verified workload, or NULL after reporting.  Data files named in the text are looked
 * up beside `source`. */
CpWorkload *cp_compile(const CpTree *tree, const char *source, CpDiag *diag);

#endif
