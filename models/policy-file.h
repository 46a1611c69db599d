/* Policies outside the tree: one C file, compiled and loaded at run time.
 *
 * The file includes headers of coreplay ("sim/policy.h", "sim/policy-queue.h" ...) and
 * exports `const CpPolicyClass cp_policy`.  It is compiled with $CC, or cc, to a shared
 * object that stays loaded until the program ends.  Headers are looked for in
 * $COREPLAY_INCLUDE, where coreplay is installed, beside and above the running program, and
 * above the current directory.  See docs/adding-a-policy.md. */
#ifndef CP_MODELS_POLICY_FILE_H
#define CP_MODELS_POLICY_FILE_H

#include "sim/policy.h"

/* Compiles, loads and looks the class over.  CP_ERROR_INPUT: the file is missing or does
 * not compile (with what the compiler said), or its class lacks something; CP_ERROR_USAGE:
 * no compiler or no headers.  The class is not registered yet, see cp_policy_class_add. */
const CpPolicyClass *cp_policy_file_load(const char *path, GError **error);

/* Runs the conformance laws on `n` random workloads, in a child process, so that a policy
 * that crashes or hangs is reported like one that breaks a law.  CP_ERROR_MODEL. */
gboolean cp_policy_file_check(const CpPolicyClass *cls, unsigned n, GError **error);

/* Returns new text: a small complete policy of that name to begin with, as `coreplay init
 * --policy NAME` writes it; NULL and CP_ERROR_USAGE if the name cannot be one. */
char *cp_policy_file_template(const char *name, GError **error);

#endif
