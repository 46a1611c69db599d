#include "sim/error.h"

#include "sim/assert.h"

#include <stdio.h>
#include <stdlib.h>

GQuark cp_error_quark(void)
{
    return g_quark_from_static_string("coreplay");
}

void cp_assert_failed(const char *what, const char *file, int line)
{
    fprintf(stderr, "coreplay: bug: %s:%d: %s does not hold\n", file, line, what);
    abort();
}
