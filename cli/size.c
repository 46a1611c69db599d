#include "cli/size.h"

#include <string.h>

/* Which sizes of paper there are. */

/* Smaller than this nothing can be read, larger than this nothing can show it. */
static const double POINTS_MIN = 72, POINTS_MAX = 14400;

static gboolean parse_length(const char *text, double *points, const char **end,
                             GError **error)
{
    static const struct {
        const char *unit;
        double points;
    } units[] = {{"mm", 72 / 25.4}, {"cm", 720 / 25.4}, {"in", 72}, {"pt", 1}};
    char *rest = NULL;
    double value = g_ascii_strtod(text, &rest);
    for (size_t i = 0; rest != text && i < G_N_ELEMENTS(units); i++) {
        if (g_str_has_prefix(rest, units[i].unit)) {
            *points = value * units[i].points;
            *end = rest + strlen(units[i].unit);
            if (*points >= POINTS_MIN && *points <= POINTS_MAX) {
                return TRUE;
            }
            g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                        "'%s' is out of range, expected 1in to 200in", text);
            return FALSE;
        }
    }
    g_set_error(error, CP_ERROR, CP_ERROR_USAGE, "'%s' is not a length; write %s", text,
                rest == text ? "for example 180mm, 7in or 180mm x 90mm"
                             : "the unit with it: mm, cm, in or pt");
    return FALSE;
}

gboolean cp_parse_paper(const char *text, double *width, double *height, GError **error)
{
    const char *end = NULL;
    double w = 0;
    double h = 0;
    if (!parse_length(text, &w, &end, error)) {
        return FALSE;
    }
    end += strspn(end, " ");
    if (*end == 'x') {
        end += 1 + strspn(end + 1, " ");
        if (!parse_length(end, &h, &end, error)) {
            return FALSE;
        }
    }
    if (*end != '\0') {
        g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                    "'%s' has something after the size: '%s'", text, end);
        return FALSE;
    }
    *width = w;
    *height = h;
    return TRUE;
}
