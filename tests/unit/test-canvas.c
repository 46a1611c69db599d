#include "plots/canvas.h"

#include "sim/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const CpTextStyle plain = {10, 0x112233, CP_ALIGN_LEFT, false};

static CpCanvas *text_canvas(void)
{
    CpCanvasOptions options = {.format = CP_FORMAT_TXT};
    CpCanvas *canvas = cp_canvas_new(&options, NULL);
    assert_true(cp_canvas_open(canvas, 200, 100, NULL));
    return canvas;
}

static char *finish(CpCanvas *canvas)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) bytes = cp_canvas_finish(canvas, &error);
    cp_canvas_free(canvas);
    assert_null(error);
    gsize n;
    const char *data = g_bytes_get_data(bytes, &n);
    return g_strndup(data, n);
}

/* The text form is one line a primitive. */
static void test_text_form(void **state)
{
    (void)state;
    CpCanvas *canvas = text_canvas();
    cp_canvas_page(canvas, 200, 100, 0xffffff);
    CpBox box = {1, 2.25, 3, -0.001, 0x0072b2};
    cp_canvas_boxes(canvas, &box, 1);
    cp_canvas_line(canvas, (CpPoint){0, 0}, (CpPoint){1, 1}, 0.5, 0);
    CpPoint points[] = {{0, 0}, {1, 0}, {0, 1}};
    cp_canvas_polygon(canvas, points, 3, 0xff);
    cp_canvas_text(canvas, (CpPoint){5, 6}, plain, "a \"b\"\n\xff");
    cp_canvas_text(canvas, (CpPoint){5, 6}, plain, "");
    assert_int_equal(cp_canvas_n_primitives(canvas), 4);
    g_autofree char *text = finish(canvas);
    assert_string_equal(text, "coreplay chart, text form 1\n"
                              "canvas 200 100\n"
                              "page 1 200 100 #ffffff\n"
                              "box 1 2.25 3 0 #0072b2\n"
                              "line 0 0 1 1 width 0.5 #000000\n"
                              "polygon 0 0 1 0 0 1 #0000ff\n"
                              "text 5 6 10 left \"a \\\"b\\\" \ufffd\" #112233\n"
                              "end 4 primitives\n");
}

/* A page that would hold more primitives than files can carry is refused as a whole. */
static void test_limit(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    CpCanvas *canvas = text_canvas();
    cp_canvas_page(canvas, 200, 100, 0);
    g_autofree CpBox *boxes = g_new0(CpBox, CP_CANVAS_MAX);
    cp_canvas_boxes(canvas, boxes, CP_CANVAS_MAX);
    cp_canvas_boxes(canvas, boxes, 1);
    cp_canvas_text(canvas, (CpPoint){0, 0}, plain, "nothing is drawn any more");
    assert_null(cp_canvas_finish(canvas, &error));
    assert_true(g_error_matches(error, CP_ERROR, CP_ERROR_OUTPUT));
    cp_canvas_free(canvas);
}

/* A shortened text fits, keeps both ends, and needs no room it was not given. */
static void test_fit(void **state)
{
    (void)state;
    CpCanvas *canvas = text_canvas();
    g_autofree char *same = cp_canvas_fit(canvas, plain, "short", 1000);
    assert_string_equal(same, "short");
    g_autofree char *long_name = g_strnfill(3000, 'x');
    for (double width = 0; width < 100; width += 7) {
        g_autofree char *fit = cp_canvas_fit(canvas, plain, long_name, width);
        assert_true(width < 6 || cp_canvas_text_width(canvas, plain, fit) <= width);
        assert_non_null(strstr(fit, "…"));
    }
    g_autofree char *ends = cp_canvas_fit(canvas, plain, "python: pool (GIL)", 60);
    assert_true(g_str_has_prefix(ends, "pyth") && g_str_has_suffix(ends, "GIL)"));
    g_autofree char *bad = cp_canvas_fit(canvas, plain, "\xff\xfe", 100);
    assert_true(g_utf8_validate(bad, -1, NULL));
    cp_canvas_free(canvas);
}

#ifdef HAVE_PLPLOT

/* Draws one of everything; new bytes. */
static GBytes *drawing(CpFormat format, const char *text)
{
    g_autoptr(GError) error = NULL;
    CpCanvasOptions options = {
        .format = format, .scale = 2, .title = "a <title> & more", .detail = "detail"};
    CpCanvas *canvas = cp_canvas_new(&options, &error);
    assert_non_null(canvas);
    assert_true(cp_canvas_open(canvas, 120, 80, &error));
    for (int page = 0; page < 2; page++) {
        cp_canvas_page(canvas, 120, 40, 0xffffff);
        CpBox box = {10, 10, 20, 20, 0xd55e00};
        CpPoint points[] = {{60, 10}, {80, 10}, {80, 30}};
        cp_canvas_boxes(canvas, &box, 1);
        cp_canvas_polygon(canvas, points, 3, 0x0072b2);
        cp_canvas_line(canvas, (CpPoint){0, 35}, (CpPoint){120, 35}, 1, 0);
        cp_canvas_text(canvas, (CpPoint){40, 20}, plain, text);
    }
    GBytes *bytes = cp_canvas_finish(canvas, &error);
    assert_null(error);
    assert_non_null(bytes);
    cp_canvas_free(canvas);
    return bytes;
}

/* Whatever the text, a file comes out, the same one twice, of the right kind. */
static void test_formats(void **state)
{
    (void)state;
    g_autofree char *endless = g_strnfill(3000, '#');
    const char *const texts[] = {
        "plain",    "kworker#1 ## #g", "<&>\"'",    "线程-工作者", "Привет", "שלום",
        "\xff\xfe", "e\u0301",         "new\nline", " ",           endless,  "\U0001f600"};
    static const char *const magic[] = {"\x89PNG", "<?xml", "%PDF-"};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        for (CpFormat format = CP_FORMAT_PNG; format <= CP_FORMAT_PDF; format++) {
            g_autoptr(GBytes) one = drawing(format, texts[i]);
            g_autoptr(GBytes) two = drawing(format, texts[i]);
            gsize n;
            const char *data = g_bytes_get_data(one, &n);
            assert_true(n > 300);
            assert_memory_equal(data, magic[format], strlen(magic[format]));
            assert_true(g_bytes_equal(one, two));
        }
    }
}

/* Text in an SVG is outlines, so the file carries its title for search and readers. */
static void test_svg_title(void **state)
{
    (void)state;
    g_autoptr(GBytes) bytes = drawing(CP_FORMAT_SVG, "x");
    gsize n;
    const char *data = g_bytes_get_data(bytes, &n);
    g_autofree char *text = g_strndup(data, n);
    assert_non_null(strstr(text, "<title>a &lt;title&gt; &amp; more</title>"));
    assert_non_null(strstr(text, "<desc>detail</desc>"));
}

/* Measured widths are those drawn: monotone in length and size. */
static void test_measure(void **state)
{
    (void)state;
    CpCanvasOptions options = {.format = CP_FORMAT_SVG};
    CpCanvas *canvas = cp_canvas_new(&options, NULL);
    CpTextStyle large = plain, bold = plain;
    large.size_pt = 20;
    bold.bold = true;
    double width = cp_canvas_text_width(canvas, plain, "worker");
    assert_true(width > 20 && width < 60);
    assert_true(cp_canvas_text_width(canvas, large, "worker") > 1.9 * width);
    assert_true(cp_canvas_text_width(canvas, bold, "worker") > width);
    assert_true(cp_canvas_text_width(canvas, plain, "") == 0);
    cp_canvas_free(canvas);
}

/* Sizes no format can carry are refused before anything is drawn. */
static void test_sizes(void **state)
{
    (void)state;
    static const double sizes[][2] = {{0, 100}, {-5, 10}, {1e9, 10}, {10, 1e300}};
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autoptr(GError) error = NULL;
        CpCanvasOptions options = {.format = CP_FORMAT_PNG};
        CpCanvas *canvas = cp_canvas_new(&options, NULL);
        assert_false(cp_canvas_open(canvas, sizes[i][0], sizes[i][1], &error));
        assert_true(g_error_matches(error, CP_ERROR, CP_ERROR_USAGE));
        cp_canvas_free(canvas);
    }
}

/* A canvas given up half-way leaves PLplot ready for the next. */
static void test_abandon(void **state)
{
    (void)state;
    CpCanvasOptions options = {.format = CP_FORMAT_PDF};
    CpCanvas *canvas = cp_canvas_new(&options, NULL);
    assert_true(cp_canvas_open(canvas, 100, 100, NULL));
    cp_canvas_page(canvas, 100, 100, 0);
    cp_canvas_free(canvas);
    g_autoptr(GBytes) bytes = drawing(CP_FORMAT_PDF, "again");
    assert_non_null(bytes);
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_form), cmocka_unit_test(test_limit),
        cmocka_unit_test(test_fit),
#ifdef HAVE_PLPLOT
        cmocka_unit_test(test_formats),   cmocka_unit_test(test_svg_title),
        cmocka_unit_test(test_measure),   cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_abandon),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
