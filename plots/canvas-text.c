#include "plots/canvas-backend.h"

#include <string.h>

/* What a page looks like as text, one line a primitive: for tests, and for reading where
 * there is no PLplot. */

typedef struct {
    CpCanvas base;
    GString *out;
    unsigned n_pages;
} TextCanvas;

static TextCanvas *text_canvas(CpCanvas *canvas)
{
    return (TextCanvas *)canvas;
}

/* Appends a number with two decimals at most, the same in every locale. */
static void put_number(GString *out, double number)
{
    char buffer[G_ASCII_DTOSTR_BUF_SIZE];
    g_ascii_formatd(buffer, sizeof buffer, "%.2f", number);
    char *end = buffer + strlen(buffer);
    while (end[-1] == '0') {
        *--end = '\0';
    }
    if (end[-1] == '.') {
        *--end = '\0';
    }
    g_string_append_c(out, ' ');
    g_string_append(out, strcmp(buffer, "-0") == 0 ? "0" : buffer);
}

static void put_colour(GString *out, CpColour colour)
{
    g_string_append_printf(out, " #%06x\n", colour);
}

static gboolean text_open(CpCanvas *canvas, double width, double height, GError **error)
{
    (void)error; /* any size can be written as text */
    GString *out = text_canvas(canvas)->out;
    g_string_append(out, "canvas");
    put_number(out, width);
    put_number(out, height);
    g_string_append_c(out, '\n');
    return TRUE;
}

static void text_page(CpCanvas *canvas, double width, double height, CpColour background)
{
    TextCanvas *t = text_canvas(canvas);
    g_string_append_printf(t->out, "page %u", ++t->n_pages);
    put_number(t->out, width);
    put_number(t->out, height);
    put_colour(t->out, background);
}

static void text_end_page(CpCanvas *canvas)
{
    g_string_append_printf(text_canvas(canvas)->out, "end %u primitives\n",
                           canvas->n_primitives);
}

static void text_boxes(CpCanvas *canvas, const CpBox *boxes, size_t n)
{
    GString *out = text_canvas(canvas)->out;
    for (size_t i = 0; i < n; i++) {
        g_string_append(out, "box");
        put_number(out, boxes[i].x);
        put_number(out, boxes[i].y);
        put_number(out, boxes[i].w);
        put_number(out, boxes[i].h);
        put_colour(out, boxes[i].colour);
    }
}

static void put_points(GString *out, const CpPoint *points, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        put_number(out, points[i].x);
        put_number(out, points[i].y);
    }
}

static void text_polyline(CpCanvas *canvas, const CpPoint *points, size_t n, double width,
                          CpColour colour)
{
    GString *out = text_canvas(canvas)->out;
    g_string_append(out, "line");
    put_points(out, points, n);
    g_string_append(out, " width");
    put_number(out, width);
    put_colour(out, colour);
}

static void text_polygon(CpCanvas *canvas, const CpPoint *points, size_t n, CpColour colour)
{
    GString *out = text_canvas(canvas)->out;
    g_string_append(out, "polygon");
    put_points(out, points, n);
    put_colour(out, colour);
}

static void text_text(CpCanvas *canvas, CpPoint at, CpTextStyle style, const char *text)
{
    static const char *const aligns[] = {"left", "centre", "right"};
    GString *out = text_canvas(canvas)->out;
    g_string_append(out, "text");
    put_points(out, &at, 1);
    put_number(out, style.size_pt);
    g_string_append_printf(out, " %s%s \"", aligns[style.align], style.bold ? " bold" : "");
    /* Quotes are escaped and nothing ends the line; the rest stays readable UTF-8. */
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '"' || *p == '\\') {
            g_string_append_c(out, '\\');
        }
        g_string_append_c(out, (unsigned char)*p < 0x20 ? ' ' : *p);
    }
    g_string_append_c(out, '"');
    put_colour(out, style.colour);
}

/* A fixed estimate: the same pages with and without fonts. */
static double text_text_width(CpCanvas *canvas, CpTextStyle style, const char *text)
{
    (void)canvas; /* every canvas of this kind measures alike */
    double columns = 0;
    for (const char *p = text; *p != '\0'; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);
        columns += g_unichar_iszerowidth(c) ? 0 : g_unichar_iswide(c) ? 2 : 1;
    }
    return columns * style.size_pt * (style.bold ? 0.58 : 0.54);
}

static GBytes *text_finish(CpCanvas *canvas)
{
    TextCanvas *t = text_canvas(canvas);
    GString *out = t->out;
    t->out = NULL;
    return g_string_free_to_bytes(out);
}

static void text_free(CpCanvas *canvas)
{
    TextCanvas *t = text_canvas(canvas);
    if (t->out != NULL) {
        g_string_free(t->out, TRUE);
    }
    g_free(t);
}

CpCanvas *cp_canvas_text_new(GError **error)
{
    (void)error; /* text can always be made */
    static const CpCanvasClass cls = {
        .open = text_open,
        .page = text_page,
        .end_page = text_end_page,
        .boxes = text_boxes,
        .polyline = text_polyline,
        .polygon = text_polygon,
        .text = text_text,
        .text_width = text_text_width,
        .finish = text_finish,
        .free = text_free,
    };
    TextCanvas *t = g_new0(TextCanvas, 1);
    t->base.cls = &cls;
    t->out = g_string_new("coreplay chart, text form 1\n");
    return &t->base;
}
