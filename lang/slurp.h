/* Small files in one piece: lists of times, machines, configurations, values of an axis.
 *
 * What is named on the command line may be a pipe or a device; what a workload names, which
 * may come from anybody, must be a regular file. */
#ifndef CP_LANG_SLURP_H
#define CP_LANG_SLURP_H

#include <glib.h>
#include <stdbool.h>

enum { CP_SLURP_MAX = 64 << 20 }; /* bytes */

/* New text, ended by a zero byte; CP_ERROR_INPUT with the path before the reason, also when
 * the file does not end within CP_SLURP_MAX; CP_ERROR_OUTPUT if the host has no room for
 * one more open file. */
gboolean cp_slurp(const char *path, bool only_regular, char **text, gsize *len,
                  GError **error);

#endif
