/* A recording as a line of JSON, as `coreplay run --json` prints one; private to sweeps/.
 */
#ifndef CP_SWEEPS_RECORDING_LINE_H
#define CP_SWEEPS_RECORDING_LINE_H

#include "sim/types.h"

/* New text: of a simulated run its own result, of a real one the figures of the program's
 * threads that can be read from its records.  CP_ERROR_INPUT. */
char *cp_recording_line(const char *path, GError **error);

#endif
