/* Sizes on paper: "180mm", "7in", "500pt", "180mm x 90mm". */
#ifndef CP_CLI_SIZE_H
#define CP_CLI_SIZE_H

#include "sim/error.h"

/* Width and height in points; height 0 if only one length is given. */
gboolean cp_parse_paper(const char *text, double *width, double *height, GError **error);

#endif
