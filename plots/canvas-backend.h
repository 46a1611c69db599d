/* For back ends of canvases: what each has to do.  A back end is one file canvas-X.c and
 * its rows in canvas-formats.c. */
#ifndef CP_PLOTS_CANVAS_BACKEND_H
#define CP_PLOTS_CANVAS_BACKEND_H

#include "plots/canvas.h"

typedef struct {
    gboolean (*open)(CpCanvas *canvas, double width, double height, GError **error);
    void (*page)(CpCanvas *canvas, double width, double height, CpColour background);
    void (*end_page)(CpCanvas *canvas);
    void (*boxes)(CpCanvas *canvas, const CpBox *boxes, size_t n);
    void (*polyline)(CpCanvas *canvas, const CpPoint *points, size_t n, double width,
                     CpColour colour);
    void (*polygon)(CpCanvas *canvas, const CpPoint *points, size_t n, CpColour colour);
    void (*text)(CpCanvas *canvas, CpPoint at, CpTextStyle style, const char *text);
    double (*text_width)(CpCanvas *canvas, CpTextStyle style, const char *text);
    GBytes *(*finish)(CpCanvas *canvas); /* NULL after cp_canvas_fail */
    void (*free)(CpCanvas *canvas);      /* all of it, also after a failed open */
} CpCanvasClass;

/* First member of a back end's own struct. */
struct CpCanvas {
    const CpCanvasClass *cls;
    CpFormat format;
    double scale;
    char *title, *detail; /* owned */
    unsigned n_primitives;
    bool on_page;
    GError *error; /* the first one */
};

/* Keeps the first error; later drawing does nothing. */
void cp_canvas_fail(CpCanvas *canvas, GError *error);

/* The back ends there are. */
CpCanvas *cp_canvas_text_new(GError **error);
#ifdef HAVE_PLPLOT
CpCanvas *cp_canvas_plplot_new(GError **error);
#endif

#endif
