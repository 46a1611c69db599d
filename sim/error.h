/* Error domain of libcoreplay, used at the edges only (files, options, init hooks,
 * sinks).  The code decides the exit code of the program. */
#ifndef CP_SIM_ERROR_H
#define CP_SIM_ERROR_H

#include <glib.h>

#define CP_ERROR (cp_error_quark())

typedef enum {
    CP_ERROR_USAGE = 2,  /* a bad option or setting value */
    CP_ERROR_INPUT = 3,  /* a file that is missing, malformed or of another version */
    CP_ERROR_MODEL = 4,  /* the simulation had to stop */
    CP_ERROR_OUTPUT = 5, /* disk full, no permission, missing driver */
} CpErrorCode;

GQuark cp_error_quark(void);

/* Sets CP_ERROR_USAGE with "'TEXT' WHY", whatever came in shown shortened and printable;
 * returns FALSE. */
gboolean cp_error_text(GError **error, const char *text, const char *why);

#endif
