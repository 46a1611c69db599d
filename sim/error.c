#include "sim/error.h"

#include "sim/assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

GQuark cp_error_quark(void)
{
    return g_quark_from_static_string("coreplay");
}

gboolean cp_error_text(GError **error, const char *text, const char *why)
{
    g_autofree char *shown = g_strndup(text, 40);
    g_autofree char *escaped = g_strescape(shown, NULL);
    g_set_error(error, CP_ERROR, CP_ERROR_USAGE, "'%s%s' %s", escaped,
                strlen(text) > 40 ? "..." : "", why);
    return FALSE;
}

void cp_assert_failed(const char *what, const char *file, int line)
{
    fprintf(stderr, "coreplay: bug: %s:%d: %s does not hold\n", file, line, what);
    abort();
}
