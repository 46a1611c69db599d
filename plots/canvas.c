#include "plots/canvas-backend.h"

#include "sim/assert.h"
#include "sim/error.h"

#include <math.h>
#include <string.h>

/* What holds for every canvas: text is valid, numbers are finite, a page is not too full,
 * and the first failure ends all drawing. */

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

bool cp_canvas_is_paged(const CpCanvas *canvas)
{
    return canvas->format == CP_FORMAT_PDF;
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
