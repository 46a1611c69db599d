#include "plots/canvas-backend.h"

#include "sim/error.h"
#include "lang/diag.h"

#include <string.h>

/* Which formats there are, by the ending of a file, and which back end draws each. */

#ifdef HAVE_PLPLOT
#define DRAWN cp_canvas_plplot_new
#else
#define DRAWN not_built

static CpCanvas *not_built(GError **error)
{
    g_set_error(error, CP_ERROR, CP_ERROR_OUTPUT,
                "this build has no PLplot and draws .txt charts only; configure without "
                "--without-plplot for svg, pdf and png");
    return NULL;
}
#endif

static const struct {
    const char *ending;
    CpCanvas *(*create)(GError **error);
} formats[] = {
    [CP_FORMAT_PNG] = {".png", DRAWN},
    [CP_FORMAT_SVG] = {".svg", DRAWN},
    [CP_FORMAT_PDF] = {".pdf", DRAWN},
    [CP_FORMAT_TXT] = {".txt", cp_canvas_text_new},
};

gboolean cp_canvas_format(const char *path, CpFormat *format, GError **error)
{
    if (strcmp(path, "-") == 0) {
        *format = CP_FORMAT_SVG;
        return TRUE;
    }
    g_autofree char *lower = g_ascii_strdown(path, -1);
    for (size_t i = 0; i < G_N_ELEMENTS(formats); i++) {
        if (g_str_has_suffix(lower, formats[i].ending)) {
            *format = (CpFormat)i;
            return TRUE;
        }
    }
    g_autofree char *clean = cp_clean_text(path, -1);
    g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                "the ending of '%s' names no chart format; use .svg, .pdf, .png or .txt",
                clean);
    return FALSE;
}

CpCanvas *cp_canvas_new(const CpCanvasOptions *options, GError **error)
{
    CpCanvas *canvas = formats[options->format].create(error);
    if (canvas == NULL) {
        return NULL;
    }
    canvas->format = options->format;
    canvas->scale = options->scale > 0 ? options->scale : 2;
    canvas->title = g_strdup(options->title != NULL ? options->title : "");
    canvas->detail = g_strdup(options->detail != NULL ? options->detail : "");
    return canvas;
}
