#include "traces/csv.h"

#include <string.h>

/* Which fields of CSV files need quotes. */

void cp_csv_field(GString *out, const char *text)
{
    if (strpbrk(text, ",\"\n\r") == NULL) {
        g_string_append(out, text);
        return;
    }
    g_string_append_c(out, '"');
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '"') {
            g_string_append_c(out, '"');
        }
        g_string_append_c(out, *p);
    }
    g_string_append_c(out, '"');
}
