/* Machines to run on: those with a name, and those in a file of their own, which has the
 * machine and kernel blocks of the workload language and nothing else, so that one
 * description serves many workloads. */
#ifndef CP_SCENARIO_MACHINES_H
#define CP_SCENARIO_MACHINES_H

#include "lang/diag.h"

/* For `machine "NAME"` and -m, ended by NULL. */
extern const char *const cp_machine_names[];
/* Settings of one: "key", "value", ..., NULL-ended; NULL: no such machine. */
const char *const *cp_machine_settings(const char *name);

/* New array of texts: key, value, key, value ... in the order written; NULL after
 * reporting to `diag`. */
GPtrArray *cp_machine_file_load(const char *path, CpDiag *diag);

#endif
