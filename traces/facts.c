#include "traces/facts.h"

#include <string.h>

/* How a recording's facts are found again in its settings. */

char **cp_facts(const CpCpr *cpr, const char *key)
{
    GPtrArray *out = g_ptr_array_new();
    const char *settings = cp_cpr_text(cpr, cp_cpr_info(cpr)->settings);
    g_auto(GStrv) lines = g_strsplit(settings, "\n", -1);
    size_t n = strlen(key);
    for (char **line = lines; *line != NULL; line++) {
        if (strncmp(*line, key, n) == 0 && (*line)[n] == '=') {
            g_ptr_array_add(out, g_strdup(*line + n + 1));
        }
    }
    g_ptr_array_add(out, NULL);
    return (char **)g_ptr_array_free(out, FALSE);
}

char **cp_facts_warnings(const CpCpr *cpr)
{
    return cp_facts(cpr, "warning");
}
