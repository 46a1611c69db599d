#include "plots/canvas-backend.h"

#include "sim/assert.h"
#include "sim/error.h"

#include <cairo-pdf.h>
#include <cairo-svg.h>
#include <math.h>
#include <pango/pangocairo.h>
#include <plplot.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

/* How PLplot, cairo and pango make the bytes of a picture, and what to do when they
 * fail. */

/* The driver looks fonts up by the list in this variable, and so does our measuring. */
#define FONTS_VARIABLE "PLPLOT_FREETYPE_SANS_FAMILY"
#define FONTS          "Inter,DejaVu Sans"

/* PLplot sizes text in mm at 72 dpi while Pango renders at 96: factor to get true points.
 */
#define MM_PER_POINT (25.4 / 72 * 0.75)

enum {
    COLOURS_MAX = 256,  /* colour table of a page; index 0 is the background */
    TEXT_MAX = 220,     /* characters; beyond about 500 the driver drops a string */
    PIXELS_MAX = 32767, /* side of a cairo image */
    POINTS_MAX = 14400, /* side of a PDF page (its specification's limit) */
};

typedef struct {
    CpCanvas base;
    cairo_surface_t *surface; /* the file to be, from open on */
    cairo_t *cr;
    PangoLayout *measure; /* for text widths, independent of the surface */
    GByteArray *bytes;    /* what cairo has written */
    double width, height; /* of everything, points */
    double next_y;        /* where the next page lies, if pages are stacked */
    double page_w, page_h;
    CpColour colours[COLOURS_MAX];
    int n_colours;
    bool has_lock;   /* we are the one canvas PLplot draws on */
    bool is_started; /* plinit done, plend1 due */
} PlotCanvas;

/* PLplot keeps one current stream for the whole process and calls its error handlers
 * without user data, so there is one canvas in drawing, and a lock around both. */
G_LOCK_DEFINE_STATIC(plplot);
static PlotCanvas *drawing; /* NULL: none */
static jmp_buf escape;      /* from a fatal PLplot error back into our call */

static PlotCanvas *plot_canvas(CpCanvas *canvas)
{
    return (PlotCanvas *)canvas;
}

/* --- errors --- */

static void fail(PlotCanvas *p, const char *what)
{
    cp_canvas_fail(&p->base,
                   g_error_new(CP_ERROR, CP_ERROR_OUTPUT, "drawing failed: %s", what));
}

/* PLplot skipped a call; the chart would be wrong, so it is not written. */
static void on_abort(const char *message)
{
    if (drawing != NULL) {
        fail(drawing, message);
    }
}

/* PLplot is about to exit the process: leave it by a jump into the call we made. */
static int on_exit_call(const char *message)
{
    if (drawing != NULL) {
        fail(drawing, message);
    }
    longjmp(escape, 1);
    return 0;
}

/* Every use of PLplot is between these two, so that on_exit_call has where to go. */
#define PLPLOT_BEGIN if (setjmp(escape) == 0) {
#define PLPLOT_END   }

static void check_cairo(PlotCanvas *p)
{
    cairo_status_t status = cairo_surface_status(p->surface);
    if (status == CAIRO_STATUS_SUCCESS) {
        status = cairo_status(p->cr);
    }
    if (status != CAIRO_STATUS_SUCCESS) {
        fail(p, cairo_status_to_string(status));
    }
}

/* --- the surface --- */

static cairo_status_t take_bytes(void *data, const unsigned char *bytes, unsigned n)
{
    g_byte_array_append(data, bytes, n);
    return CAIRO_STATUS_SUCCESS;
}

/* Day of the PDF's metadata: SOURCE_DATE_EPOCH or 1970, so that equal charts are equal
 * bytes. */
static char *creation_date(void)
{
    const char *epoch = g_getenv("SOURCE_DATE_EPOCH");
    gint64 seconds = epoch != NULL ? g_ascii_strtoll(epoch, NULL, 10) : 0;
    g_autoptr(GDateTime) date = g_date_time_new_from_unix_utc(seconds);
    return date != NULL ? g_date_time_format_iso8601(date)
                        : g_strdup("1970-01-01T00:00:00Z");
}

static cairo_surface_t *new_surface(PlotCanvas *p)
{
    if (p->base.format == CP_FORMAT_PNG) {
        return cairo_image_surface_create(CAIRO_FORMAT_RGB24,
                                          (int)lround(p->width * p->base.scale),
                                          (int)lround(p->height * p->base.scale));
    }
    if (p->base.format == CP_FORMAT_SVG) {
        return cairo_svg_surface_create_for_stream(take_bytes, p->bytes, p->width,
                                                   p->height);
    }
    cairo_surface_t *pdf =
        cairo_pdf_surface_create_for_stream(take_bytes, p->bytes, p->width, p->height);
    g_autofree char *date = creation_date();
    cairo_pdf_surface_set_metadata(pdf, CAIRO_PDF_METADATA_TITLE, p->base.title);
    cairo_pdf_surface_set_metadata(pdf, CAIRO_PDF_METADATA_SUBJECT, p->base.detail);
    cairo_pdf_surface_set_metadata(pdf, CAIRO_PDF_METADATA_CREATOR, "coreplay");
    cairo_pdf_surface_set_metadata(pdf, CAIRO_PDF_METADATA_CREATE_DATE, date);
    return pdf;
}

static gboolean plot_open(CpCanvas *canvas, double width, double height, GError **error)
{
    PlotCanvas *p = plot_canvas(canvas);
    bool is_png = canvas->format == CP_FORMAT_PNG;
    double limit = is_png ? PIXELS_MAX / canvas->scale : POINTS_MAX;
    if (!(width >= 1 && height >= 1 && width <= limit && height <= limit)) {
        g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                    "a chart of %.0f x %.0f points is too %s for this format; each side "
                    "may have 1 to %.0f points",
                    width, height, width < 1 || height < 1 ? "small" : "large", limit);
        return FALSE;
    }
    p->width = ceil(width);
    p->height = ceil(height);
    p->surface = new_surface(p);
    p->cr = cairo_create(p->surface);
    if (is_png) {
        cairo_scale(p->cr, canvas->scale, canvas->scale);
    }
    check_cairo(p);
    G_LOCK(plplot);
    p->has_lock = true;
    drawing = p;
    return TRUE;
}

/* --- pages --- */

static void paint_background(PlotCanvas *p, CpColour colour)
{
    cairo_set_source_rgb(p->cr, (colour >> 16 & 0xff) / 255.0, (colour >> 8 & 0xff) / 255.0,
                         (colour & 0xff) / 255.0);
    cairo_rectangle(p->cr, 0, 0, p->page_w, p->page_h);
    cairo_fill(p->cr);
}

/* Starts a PLplot stream whose world is points with y down.  The cairo context must be
 * handed over before anything is drawn: the driver would dereference nothing. */
static void start_stream(PlotCanvas *p, CpColour background)
{
    PLPLOT_BEGIN
    plsdev("extcairo");
    plspage(0, 0, (PLINT)p->page_w, (PLINT)p->page_h, 0, 0);
    plsetopt("drvopt", "set_background=0,text_clipping=0");
    plscmap0n(COLOURS_MAX);
    plscol0(0, background >> 16 & 0xff, background >> 8 & 0xff, background & 0xff);
    plinit();
    p->is_started = true;
    pl_cmd(PLESC_DEVINIT, p->cr);
    pladv(0);
    plvpor(0, 1, 0, 1);
    plwind(0, p->page_w, p->page_h, 0);
    PLPLOT_END
}

static void plot_page(CpCanvas *canvas, double width, double height, CpColour background)
{
    PlotCanvas *p = plot_canvas(canvas);
    p->page_w = ceil(width);
    p->page_h = ceil(height);
    p->colours[0] = background;
    p->n_colours = 1;
    cairo_save(p->cr);
    if (canvas->format == CP_FORMAT_PDF) {
        cairo_pdf_surface_set_size(p->surface, p->page_w, p->page_h);
    } else {
        cairo_translate(p->cr, 0, p->next_y);
        p->next_y += p->page_h;
    }
    paint_background(p, background);
    start_stream(p, background);
    check_cairo(p);
}

static void end_stream(PlotCanvas *p)
{
    if (p->is_started) {
        p->is_started = false;
        PLPLOT_BEGIN
        plend1();
        PLPLOT_END
    }
}

static void plot_end_page(CpCanvas *canvas)
{
    PlotCanvas *p = plot_canvas(canvas);
    end_stream(p);
    cairo_restore(p->cr);
    if (canvas->format == CP_FORMAT_PDF) {
        cairo_show_page(p->cr);
    }
    check_cairo(p);
}

/* --- drawing --- */

/* Colours enter the page's table when first used; a page uses a few dozen. */
static int colour_index(PlotCanvas *p, CpColour colour)
{
    for (int i = 1; i < p->n_colours; i++) {
        if (p->colours[i] == colour) {
            return i;
        }
    }
    if (p->n_colours == COLOURS_MAX) {
        fail(p, "more than 255 colours on a page");
        return 0;
    }
    p->colours[p->n_colours] = colour;
    plscol0(p->n_colours, colour >> 16 & 0xff, colour >> 8 & 0xff, colour & 0xff);
    return p->n_colours++;
}

/* Without antialiasing the driver fills only, with it it strokes the outline too; crisp
 * edges and no seams need the former. */
static void plot_boxes(CpCanvas *canvas, const CpBox *boxes, size_t n)
{
    PlotCanvas *p = plot_canvas(canvas);
    cairo_set_antialias(p->cr, CAIRO_ANTIALIAS_NONE);
    PLPLOT_BEGIN
    plwidth(0.1);
    for (size_t i = 0; i < n; i++) {
        const CpBox *b = &boxes[i];
        PLFLT x[] = {b->x, b->x + b->w, b->x + b->w, b->x};
        PLFLT y[] = {b->y, b->y, b->y + b->h, b->y + b->h};
        plcol0(colour_index(p, b->colour));
        plfill(4, x, y);
    }
    PLPLOT_END
    cairo_set_antialias(p->cr, CAIRO_ANTIALIAS_DEFAULT);
}

static void copy_points(const CpPoint *points, size_t n, PLFLT *x, PLFLT *y)
{
    for (size_t i = 0; i < n; i++) {
        x[i] = points[i].x;
        y[i] = points[i].y;
    }
}

static void plot_polyline(CpCanvas *canvas, const CpPoint *points, size_t n, double width,
                          CpColour colour)
{
    PlotCanvas *p = plot_canvas(canvas);
    g_autofree PLFLT *x = g_new(PLFLT, n), *y = g_new(PLFLT, n);
    copy_points(points, n, x, y);
    PLPLOT_BEGIN
    plwidth(width);
    plcol0(colour_index(p, colour));
    plline((PLINT)n, x, y);
    PLPLOT_END
}

static void plot_polygon(CpCanvas *canvas, const CpPoint *points, size_t n, CpColour colour)
{
    PlotCanvas *p = plot_canvas(canvas);
    g_autofree PLFLT *x = g_new(PLFLT, n), *y = g_new(PLFLT, n);
    copy_points(points, n, x, y);
    PLPLOT_BEGIN
    plwidth(0.1);
    plcol0(colour_index(p, colour));
    plfill((PLINT)n, x, y);
    PLPLOT_END
}

/* PLplot reads '#' as the start of an escape; doubled it is itself. */
static char *escape_text(const char *text)
{
    GString *out = g_string_new(NULL);
    glong n = 0;
    for (const char *c = text; *c != '\0' && n < TEXT_MAX; c = g_utf8_next_char(c), n++) {
        const char *next = g_utf8_next_char(c);
        if (*c == '#') {
            g_string_append_c(out, '#');
        }
        g_string_append_len(out, c, next - c);
    }
    return g_string_free(out, FALSE);
}

static void plot_text(CpCanvas *canvas, CpPoint at, CpTextStyle style, const char *text)
{
    static const double justs[] = {0, 0.5, 1};
    PlotCanvas *p = plot_canvas(canvas);
    g_autofree char *escaped = escape_text(text);
    PLPLOT_BEGIN
    plschr(style.size_pt * MM_PER_POINT, 1);
    plsfont(PL_FCI_SANS, PL_FCI_UPRIGHT, style.bold ? PL_FCI_BOLD : PL_FCI_MEDIUM);
    plcol0(colour_index(p, style.colour));
    plptex(at.x, at.y, 1, 0, justs[style.align], escaped);
    PLPLOT_END
}

static double plot_text_width(CpCanvas *canvas, CpTextStyle style, const char *text)
{
    PlotCanvas *p = plot_canvas(canvas);
    PangoFontDescription *font =
        pango_font_description_from_string(g_getenv(FONTS_VARIABLE));
    pango_font_description_set_absolute_size(font, style.size_pt * PANGO_SCALE);
    pango_font_description_set_weight(font,
                                      style.bold ? PANGO_WEIGHT_BOLD : PANGO_WEIGHT_NORMAL);
    pango_layout_set_font_description(p->measure, font);
    pango_font_description_free(font);
    pango_layout_set_text(p->measure, text, -1);
    PangoRectangle logical;
    pango_layout_get_extents(p->measure, NULL, &logical);
    return (double)logical.width / PANGO_SCALE;
}

/* --- the file --- */

static void add_bytes(GByteArray *out, const char *from, const char *to)
{
    g_byte_array_append(out, (const guint8 *)from, (guint)(to - from));
}

/* Text in SVG is outlines; title and description keep it findable and readable aloud.  The
 * number of the surface, which cairo before 1.18 writes and counts over the whole process,
 * is left out, so that equal charts are equal bytes. */
static void finish_svg(PlotCanvas *p)
{
    static const char surface[] = "<g id=\"surface";
    g_byte_array_append(p->bytes, (const guint8 *)"", 1);
    const char *text = (const char *)p->bytes->data;
    const char *end = text + p->bytes->len - 1;
    const char *tag = strstr(text, "<svg");
    tag = tag != NULL ? strchr(tag, '>') : NULL;
    if (tag == NULL) {
        fail(p, "cairo wrote no SVG");
        return;
    }
    const char *id = strstr(tag, surface);
    const char *number = id != NULL ? id + strlen(surface) : end;
    g_autofree char *insert = g_markup_printf_escaped(
        "\n<title>%s</title>\n<desc>%s</desc>", p->base.title, p->base.detail);
    GByteArray *whole = g_byte_array_new();
    add_bytes(whole, text, tag + 1);
    add_bytes(whole, insert, insert + strlen(insert));
    add_bytes(whole, tag + 1, number);
    add_bytes(whole, number + strspn(number, "0123456789"), end);
    g_byte_array_unref(p->bytes);
    p->bytes = whole;
}

static GBytes *plot_finish(CpCanvas *canvas)
{
    PlotCanvas *p = plot_canvas(canvas);
    if (canvas->format == CP_FORMAT_PNG) {
        cairo_surface_flush(p->surface);
        cairo_status_t status =
            cairo_surface_write_to_png_stream(p->surface, take_bytes, p->bytes);
        if (status != CAIRO_STATUS_SUCCESS) {
            fail(p, cairo_status_to_string(status));
        }
    } else {
        cairo_surface_finish(p->surface);
        cairo_status_t status = cairo_surface_status(p->surface);
        if (status != CAIRO_STATUS_SUCCESS) {
            fail(p, cairo_status_to_string(status));
        }
    }
    if (canvas->format == CP_FORMAT_SVG && canvas->error == NULL) {
        finish_svg(p);
    }
    if (canvas->error != NULL) {
        return NULL;
    }
    return g_byte_array_free_to_bytes(g_steal_pointer(&p->bytes));
}

static void plot_free(CpCanvas *canvas)
{
    PlotCanvas *p = plot_canvas(canvas);
    end_stream(p);
    if (p->has_lock) {
        drawing = NULL;
        G_UNLOCK(plplot);
    }
    if (p->cr != NULL) {
        cairo_destroy(p->cr);
    }
    if (p->surface != NULL) {
        cairo_surface_destroy(p->surface);
    }
    if (p->bytes != NULL) {
        g_byte_array_unref(p->bytes);
    }
    g_object_unref(p->measure);
    g_free(p);
}

/* A layout on a surface of its own, unhinted, so that widths do not depend on the format.
 */
static PangoLayout *new_measure(void)
{
    PangoFontMap *map = pango_cairo_font_map_get_default();
    PangoContext *context = pango_font_map_create_context(map);
    cairo_font_options_t *options = cairo_font_options_create();
    cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
    cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
    pango_cairo_context_set_font_options(context, options);
    cairo_font_options_destroy(options);
    PangoLayout *layout = pango_layout_new(context);
    g_object_unref(context);
    return layout;
}

static bool names_driver(const char *const *names, int n)
{
    for (int i = 0; i < n && names[i] != NULL; i++) {
        if (strcmp(names[i], "extcairo") == 0) {
            return true;
        }
    }
    return false;
}

/* An unknown device would make PLplot ask on the terminal, so ask it for its list first. */
static bool has_driver(void)
{
    const char *menu[64], *names[64];
    const char **menu_list = menu, **name_list = names;
    volatile bool found = false;
    int n = G_N_ELEMENTS(names);
    G_LOCK(plplot);
    plsabort(on_abort);
    plsexit(on_exit_call);
    PLPLOT_BEGIN
    plgDevs(&menu_list, &name_list, &n);
    found = names_driver(name_list, n);
    PLPLOT_END
    G_UNLOCK(plplot);
    return found;
}

/* Without any font Pango leaves text out and says nothing. */
static bool has_fonts(void)
{
    PangoFontMap *map = pango_cairo_font_map_get_default();
    PangoContext *context = pango_font_map_create_context(map);
    PangoFontDescription *any = pango_font_description_from_string("sans 10");
    PangoFont *font = pango_font_map_load_font(map, context, any);
    pango_font_description_free(any);
    g_object_unref(context);
    bool found = font != NULL;
    g_clear_object(&font);
    return found;
}

CpCanvas *cp_canvas_plplot_new(GError **error)
{
    static const CpCanvasClass cls = {
        .open = plot_open,
        .page = plot_page,
        .end_page = plot_end_page,
        .boxes = plot_boxes,
        .polyline = plot_polyline,
        .polygon = plot_polygon,
        .text = plot_text,
        .text_width = plot_text_width,
        .finish = plot_finish,
        .free = plot_free,
    };
    if (!has_driver()) {
        g_set_error(error, CP_ERROR, CP_ERROR_OUTPUT,
                    "PLplot has no cairo driver; install plplot-driver-cairo");
        return NULL;
    }
    if (!has_fonts()) {
        g_set_error(error, CP_ERROR, CP_ERROR_OUTPUT,
                    "no font is installed; install fonts-inter or fonts-dejavu-core");
        return NULL;
    }
    /* Read by the driver when a stream starts; what the user set goes first. */
    g_setenv(FONTS_VARIABLE, FONTS, FALSE);
    PlotCanvas *p = g_new0(PlotCanvas, 1);
    p->base.cls = &cls;
    p->bytes = g_byte_array_new();
    p->measure = new_measure();
    return &p->base;
}
