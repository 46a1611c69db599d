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

/* Settings of a declared group or thread by key ("quota", "weight", "nice", "cpus" ...):
 * for the blocks of the text, for `at` and for overrides alike.  CP_ERROR_USAGE. */
gboolean cp_group_set(CpWorkload *w, CpGroup group, const char *key, const char *value,
                      GError **error);
gboolean cp_thread_set(CpWorkload *w, uint32_t thread, const char *key, const char *value,
                       GError **error);
/* Keys those take; end with NULL. */
extern const char *const cp_group_keys[];
extern const char *const cp_thread_keys[];
/* Group of a path ("web/api", or "api" if there is one only), or CP_NONE. */
CpGroup cp_group_find(const CpWorkload *w, const char *path);
/* Declaration number `from` or later of a thread with that name, or CP_NONE. */
uint32_t cp_thread_find(const CpWorkload *w, const char *name, uint32_t from);

#endif
