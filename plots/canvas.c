#include "plots/canvas.h"

#include "sim/assert.h"
#include "sim/error.h"

#include <math.h>
#include <string.h>

/* --- the text back end --- */

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

static CpCanvas *text_new(void)
{
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

/* --- every canvas --- */

static CpCanvas *drawing_canvas_new(GError **error)
{
#ifdef HAVE_PLPLOT
    return cp_canvas_plplot_new(error);
#else
    g_set_error(error, CP_ERROR, CP_ERROR_OUTPUT,
                "this build has no PLplot and draws .txt charts only; configure without "
                "--without-plplot for svg, pdf and png");
    return NULL;
#endif
}

CpCanvas *cp_canvas_new(const CpCanvasOptions *options, GError **error)
{
    CpCanvas *canvas =
        options->format == CP_FORMAT_TXT ? text_new() : drawing_canvas_new(error);
    if (canvas == NULL) {
        return NULL;
    }
    canvas->format = options->format;
    canvas->scale = options->scale > 0 ? options->scale : 2;
    canvas->title = g_strdup(options->title != NULL ? options->title : "");
    canvas->detail = g_strdup(options->detail != NULL ? options->detail : "");
    return canvas;
}

void cp_canvas_free(CpCanvas *canvas)
{
    if (canvas == NULL) {
        return;
    }
    g_clear_error(&canvas->error);
    g_free(canvas->title);
    g_free(canvas->detail);
    canvas->cls->free(canvas);
}

void cp_canvas_fail(CpCanvas *canvas, GError *error)
{
    if (canvas->error == NULL) {
        canvas->error = error;
    } else {
        g_error_free(error);
    }
}

double cp_canvas_text_width(CpCanvas *canvas, CpTextStyle style, const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    return canvas->cls->text_width(canvas, style, valid);
}

/* The first and last `keep` characters of valid UTF-8 around an ellipsis. */
static char *shorten(const char *text, glong length, glong keep)
{
    const char *head_end = g_utf8_offset_to_pointer(text, keep - keep / 2);
    const char *tail = g_utf8_offset_to_pointer(text, length - keep / 2);
    return g_strdup_printf("%.*s…%s", (int)(head_end - text), text, tail);
}

char *cp_canvas_fit(CpCanvas *canvas, CpTextStyle style, const char *text, double width)
{
    char *valid = g_utf8_make_valid(text, -1);
    glong length = g_utf8_strlen(valid, -1);
    if (length <= 200 && canvas->cls->text_width(canvas, style, valid) <= width) {
        return valid;
    }
    /* Longest that fits; width grows with the number of characters closely enough. */
    glong low = 0, high = MIN(length, 200);
    while (low < high) {
        glong keep = (low + high + 1) / 2;
        g_autofree char *trial = shorten(valid, length, keep);
        if (canvas->cls->text_width(canvas, style, trial) <= width) {
            low = keep;
        } else {
            high = keep - 1;
        }
    }
    char *fit = shorten(valid, length, low);
    g_free(valid);
    return fit;
}

gboolean cp_canvas_open(CpCanvas *canvas, double width, double height, GError **error)
{
    return canvas->cls->open(canvas, width, height, error);
}

static void end_page(CpCanvas *canvas)
{
    if (canvas->on_page && canvas->error == NULL) {
        canvas->cls->end_page(canvas);
    }
    canvas->on_page = false;
}

void cp_canvas_page(CpCanvas *canvas, double width, double height, CpColour background)
{
    end_page(canvas);
    if (canvas->error == NULL) {
        canvas->n_primitives = 0;
        canvas->on_page = true;
        canvas->cls->page(canvas, width, height, background);
    }
}

/* Counts primitives before they are drawn; false: nothing may be drawn. */
static bool admit(CpCanvas *canvas, size_t n)
{
    cp_require(canvas->on_page || canvas->error != NULL);
    if (canvas->error != NULL) {
        return false;
    }
    if (n > CP_CANVAS_MAX - canvas->n_primitives) {
        cp_canvas_fail(canvas, g_error_new(CP_ERROR, CP_ERROR_OUTPUT,
                                           "a chart page may hold %d primitives at most",
                                           CP_CANVAS_MAX));
        return false;
    }
    canvas->n_primitives += (unsigned)n;
    return true;
}

static bool is_finite(const CpPoint *points, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(points[i].x) || !isfinite(points[i].y)) {
            return false;
        }
    }
    return true;
}

void cp_canvas_boxes(CpCanvas *canvas, const CpBox *boxes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        cp_require(isfinite(boxes[i].x + boxes[i].y + boxes[i].w + boxes[i].h));
    }
    if (n > 0 && admit(canvas, n)) {
        canvas->cls->boxes(canvas, boxes, n);
    }
}

void cp_canvas_polyline(CpCanvas *canvas, const CpPoint *points, size_t n, double width,
                        CpColour colour)
{
    cp_require(is_finite(points, n));
    if (n > 1 && admit(canvas, 1 + n / 16)) {
        canvas->cls->polyline(canvas, points, n, width, colour);
    }
}

void cp_canvas_line(CpCanvas *canvas, CpPoint a, CpPoint b, double width, CpColour colour)
{
    CpPoint points[] = {a, b};
    cp_canvas_polyline(canvas, points, 2, width, colour);
}

void cp_canvas_polygon(CpCanvas *canvas, const CpPoint *points, size_t n, CpColour colour)
{
    cp_require(is_finite(points, n));
    if (n > 2 && admit(canvas, 1 + n / 16)) {
        canvas->cls->polygon(canvas, points, n, colour);
    }
}

void cp_canvas_text(CpCanvas *canvas, CpPoint at, CpTextStyle style, const char *text)
{
    cp_require(is_finite(&at, 1));
    if (*text == '\0' || !admit(canvas, 1)) {
        return;
    }
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    canvas->cls->text(canvas, at, style, valid);
}

unsigned cp_canvas_n_primitives(const CpCanvas *canvas)
{
    return canvas->n_primitives;
}

GBytes *cp_canvas_finish(CpCanvas *canvas, GError **error)
{
    end_page(canvas);
    GBytes *bytes = canvas->error == NULL ? canvas->cls->finish(canvas) : NULL;
    if (canvas->error != NULL) {
        g_propagate_error(error, g_steal_pointer(&canvas->error));
    }
    return bytes;
}
