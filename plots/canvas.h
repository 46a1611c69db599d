/* Where charts are drawn: boxes, lines, polygons and text on pages measured in points.
 *
 * The origin is the top left corner, y grows downwards, colours are 0xRRGGBB.  The
 * sequence is
 *     cp_canvas_new, measure text, cp_canvas_open, then for each page
 *     cp_canvas_page and drawing, cp_canvas_finish (the bytes of the file), free.
 * Pages of a PDF are pages; of the other formats they lie below each other.
 *
 * Drawing calls cannot fail: the first error is kept and reported by cp_canvas_finish,
 * after it nothing is drawn.  A page holds at most CP_CANVAS_MAX primitives, because a
 * vector file costs up to 500 bytes each; a chart that needs more is an error, so charts
 * aggregate first.  Text is made valid UTF-8 here, but cleaning of foreign names is the
 * caller's (cp_clean_text).
 *
 * Back ends are listed in canvas-formats.c: PLplot (canvas-plplot.c: PNG, SVG, PDF) and
 * text (canvas-text.c: one line a primitive), with which charts are tested where there is
 * no PLplot.  The PLplot back end draws one canvas at a time; a second thread waits in
 * cp_canvas_open. */
#ifndef CP_PLOTS_CANVAS_H
#define CP_PLOTS_CANVAS_H

#include "sim/types.h"

typedef uint32_t CpColour; /* 0xRRGGBB */

enum { CP_CANVAS_MAX = 20000 }; /* primitives a page */

typedef enum { CP_FORMAT_PNG, CP_FORMAT_SVG, CP_FORMAT_PDF, CP_FORMAT_TXT } CpFormat;

typedef enum { CP_ALIGN_LEFT, CP_ALIGN_CENTRE, CP_ALIGN_RIGHT } CpAlign;

typedef struct {
    double x, y, w, h; /* top left corner and size, points */
    CpColour colour;
} CpBox;

typedef struct {
    double x, y;
} CpPoint;

typedef struct {
    double size_pt;
    CpColour colour;
    CpAlign align;
    bool bold;
} CpTextStyle;

typedef struct {
    CpFormat format;
    double scale;       /* PNG: pixels a point */
    const char *title;  /* PDF and SVG: for search and screen readers; borrowed */
    const char *detail; /* the same, longer; borrowed */
} CpCanvasOptions;

typedef struct CpCanvas CpCanvas;

/* The format that a file's ending names, SVG for "-".  CP_ERROR_USAGE: none. */
gboolean cp_canvas_format(const char *path, CpFormat *format, GError **error);

/* CP_ERROR_OUTPUT: the format needs PLplot and this build has none, or its cairo driver
 * or any font is not installed. */
CpCanvas *cp_canvas_new(const CpCanvasOptions *options, GError **error);
void cp_canvas_free(CpCanvas *canvas);

/* Width in points of one line of text; works before any page is begun. */
double cp_canvas_text_width(CpCanvas *canvas, CpTextStyle style, const char *text);
/* New text that is at most `width` points wide; the middle is replaced by "…" if need be.
 */
char *cp_canvas_fit(CpCanvas *canvas, CpTextStyle style, const char *text, double width);

/* Whether pages have sizes of their own, instead of lying below each other. */
bool cp_canvas_is_paged(const CpCanvas *canvas);
/* Size of everything; a PDF takes it page by page and ignores it.  CP_ERROR_USAGE: too
 * large for the format. */
gboolean cp_canvas_open(CpCanvas *canvas, double width, double height, GError **error);
/* Begins a page of the given size and ends the one before. */
void cp_canvas_page(CpCanvas *canvas, double width, double height, CpColour background);

void cp_canvas_boxes(CpCanvas *canvas, const CpBox *boxes, size_t n);
void cp_canvas_line(CpCanvas *canvas, CpPoint a, CpPoint b, double width, CpColour colour);
void cp_canvas_polyline(CpCanvas *canvas, const CpPoint *points, size_t n, double width,
                        CpColour colour);
void cp_canvas_polygon(CpCanvas *canvas, const CpPoint *points, size_t n, CpColour colour);
/* One line; `at` is its left end, centre or right end, halfway up its capitals. */
void cp_canvas_text(CpCanvas *canvas, CpPoint at, CpTextStyle style, const char *text);

/* Primitives of the present page. */
unsigned cp_canvas_n_primitives(const CpCanvas *canvas);

/* Ends the last page; new bytes of the whole file, or NULL. */
GBytes *cp_canvas_finish(CpCanvas *canvas, GError **error);

#endif
