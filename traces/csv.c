#include "traces/csv.h"

#include "lang/diag.h"

#include <stdbool.h>
#include <string.h>

/* Which fields of CSV files need quotes. */

/* A spreadsheet computes what begins so, whoever wrote it. */
static bool is_formula(const char *text)
{
    if (*text == '\0' || strchr("=+-@\t", *text) == NULL) {
        return false;
    }
    char *end;
    g_ascii_strtod(text, &end);
    return end == text || *end != '\0' || g_ascii_isalpha(text[1]); /* -inf, -nan */
}

/* Most fields are numbers and plain words. */
static bool is_plain(const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        if (!g_ascii_isprint(*p) || *p == ',' || *p == '"') {
            return false;
        }
    }
    return !is_formula(text);
}

void cp_csv_field(GString *out, const char *text)
{
    if (is_plain(text)) {
        g_string_append(out, text);
        return;
    }
    g_autofree char *clean = cp_clean_text(text, -1);
    bool quoted = strpbrk(clean, ",\"") != NULL;
    g_string_append(out, quoted ? "\"" : "");
    g_string_append(out, is_formula(text) ? "'" : "");
    for (const char *p = clean; *p != '\0'; p++) {
        g_string_append(out, *p == '"' ? "\"" : "");
        g_string_append_c(out, *p);
    }
    g_string_append(out, quoted ? "\"" : "");
}
