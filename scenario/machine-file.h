/* A machine in a file of its own: the machine and kernel blocks of the workload language
 * and nothing else, so that one description serves many workloads. */
#ifndef CP_SCENARIO_MACHINE_FILE_H
#define CP_SCENARIO_MACHINE_FILE_H

#include "lang/diag.h"

/* New array of texts: key, value, key, value ... in the order written; NULL after
 * reporting to `diag`. */
GPtrArray *cp_machine_file_load(const char *path, CpDiag *diag);

#endif
