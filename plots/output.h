/* Files that appear whole or not at all. */
#ifndef CP_PLOTS_OUTPUT_H
#define CP_PLOTS_OUTPUT_H

#include <glib.h>

typedef struct {
    const char *path; /* borrowed */
    GBytes *bytes;    /* borrowed */
} CpOutput;

/* Writes all files, then gives them their names, see traces/outfile.h; if one cannot be
 * written none appears.  CP_ERROR_OUTPUT. */
gboolean cp_output_write(const CpOutput *outputs, size_t n, GError **error);

#endif
