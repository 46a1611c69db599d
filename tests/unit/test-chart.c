#include "plots/chart.h"
#include "plots/lanes.h"
#include "sim/error.h"
#include "tests/unit/fixture-drawing.h"
#include "tests/unit/fixture-recording.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#ifdef HAVE_PLPLOT
#include <cairo.h>
#endif

static char *folder;

static const Fixture small = {.n_cpus = 2,
                              .n_threads = 5,
                              .end = 100 * CP_MS,
                              .slice = CP_MS,
                              .idle_permille = 200,
                              .long_permille = 30,
                              .seed = 1,
                              .machine = "laptop, 2 cores",
                              .policy = "eevdf-6.18",
                              .workload = "cafe.cpw"};

static const char *const both[] = {"occupancy", "switches", NULL};

static char *in_folder(const char *name)
{
    return g_build_filename(folder, name, NULL);
}

static CpCpr *recording(const char *name, const Fixture *fixture)
{
    g_autofree char *path = in_folder(name);
    CpCpr *cpr = fixture_open(path, fixture);
    unlink(path);
    return cpr;
}

/* Draws and returns the file's text; it must succeed. */
static char *drawn(const char *const *charts, CpCpr *const *cpr, size_t n, const char *name,
                   const CpChartOptions *options)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = in_folder(name);
    char *text = NULL;
    cp_chart_draw(charts, cpr, n, path, options, &error);
    assert_string_equal(error != NULL ? error->message : "", "");
    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    unlink(path);
    return text;
}

/* Every size of machine gives a page that can be carried and has nothing outside. */
static void test_sizes(void **state)
{
    (void)state;
    static const uint32_t sizes[][2] = {{1, 1},    {1, 40},    {2, 5},      {8, 64},
                                        {64, 300}, {200, 200}, {1024, 1500}};
    static const double pages[][2] = {{0, 0}, {255, 0}, {200, 160}, {2000, 1200}};
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        Fixture fixture = small;
        fixture.n_cpus = sizes[i][0];
        fixture.n_threads = sizes[i][1];
        CpCpr *cpr = recording("sizes.cpr", &fixture);
        for (size_t k = 0; k < G_N_ELEMENTS(pages); k++) {
            CpChartOptions options = {.width_pt = pages[k][0], .height_pt = pages[k][1]};
            g_autofree char *text = drawn(both, &cpr, 1, "sizes.txt", &options);
            fixture_check_drawing(text);
        }
        CpChartOptions zoom = {.from = 40 * CP_MS, .to = 41 * CP_MS};
        g_autofree char *text = drawn(both, &cpr, 1, "zoom.txt", &zoom);
        fixture_check_drawing(text);
        cp_cpr_free(cpr);
    }
}

static void sum_slice(void *data, uint32_t cpu, uint32_t tid, CpTime from, CpTime to)
{
    (void)cpu;
    (void)tid;
    *(CpTime *)data += to - from;
}

/* Adds up a series of --data; "" adds all of a unit. */
static int64_t csv_sum(const char *csv, const char *series, const char *unit)
{
    int64_t sum = 0;
    g_auto(GStrv) lines = g_strsplit(csv, "\n", -1);
    for (char **line = lines; *line != NULL && **line != '\0'; line++) {
        g_auto(GStrv) field = g_strsplit(*line, ",", -1);
        assert_int_equal(g_strv_length(field), 8);
        if (strcmp(field[7], unit) == 0 &&
            (series[0] == '\0' || strcmp(field[5], series) == 0)) {
            sum += g_ascii_strtoll(field[6], NULL, 10);
        }
    }
    return sum;
}

/* The numbers behind a chart add up to the recording's, at every level of detail. */
static void test_data(void **state)
{
    (void)state;
    Fixture fixture = small;
    g_autofree char *csv_path = in_folder("data.csv");
    for (int dense = 0; dense < 3; dense++) {
        CpCpr *cpr = recording("data.cpr", &fixture);
        CpTime busy = 0;
        GError *error = NULL;
        assert_true(cp_slices_walk(cpr, 0, fixture.end, sum_slice, &busy, &error));
        CpChartOptions options = {.data_csv = csv_path};
        g_autofree char *text = drawn(both, &cpr, 1, "data.txt", &options);
        g_autofree char *csv = NULL;
        assert_true(g_file_get_contents(csv_path, &csv, NULL, NULL));
        assert_int_equal(csv_sum(csv, "", "ns"), busy);
        assert_true(csv_sum(csv, "voluntary", "count") > 0);
        cp_cpr_free(cpr);
        fixture.slice /= 20;
        fixture.n_threads *= 10;
    }
    unlink(csv_path);
}

/* Counts of the switches chart are those of the records: switches out of threads, by the
 * state left in; nothing out of idle. */
static void test_switch_counts(void **state)
{
    (void)state;
    g_autofree char *path = in_folder("counts.cpr"), *csv_path = in_folder("counts.csv");
    GError *error = NULL;
    CpCprWriter *w = cp_cpr_writer_new(path, &error);
    const CpRecord records[] = {
        cp_record_make(10, CP_REC_SWITCH, 0, 0, 'S'),       /* out of nothing known */
        cp_record_make(20, CP_REC_SWITCH, 1, 0, 'R'),       /* involuntary */
        cp_record_make(30, CP_REC_SWITCH, CP_NONE, 0, 'S'), /* voluntary */
        cp_record_make(40, CP_REC_SWITCH, 0, 0, 'R'),       /* out of idle */
        cp_record_make(50, CP_REC_SWITCH, CP_NONE, 0, 'D'), /* voluntary */
        cp_record_make(60, CP_REC_SWITCH, 0, 1, 'R'),       /* seen on another CPU */
        cp_record_make(70, CP_REC_SWITCH, 1, 1, 'X'),       /* voluntary; moved too */
    };
    assert_true(cp_cpr_write(w, records, G_N_ELEMENTS(records), &error));
    CpCprThread thread = {.name = cp_cpr_string(w, "a, \"b\"")};
    cp_cpr_thread(w, 0, &thread);
    cp_cpr_thread(w, 1, &thread);
    CpCprInfo info = {.n_cpus = 2, .end = 100};
    assert_true(cp_cpr_writer_finish(w, &info, &error));
    cp_cpr_writer_free(w);
    CpCpr *cpr = cp_cpr_open(path, &error);
    CpChartOptions options = {.data_csv = csv_path};
    g_autofree char *text = drawn(both + 1, &cpr, 1, "counts.txt", &options);
    g_autofree char *csv = NULL;
    assert_true(g_file_get_contents(csv_path, &csv, NULL, NULL));
    assert_int_equal(csv_sum(csv, "voluntary", "count"), 3);
    assert_int_equal(csv_sum(csv, "involuntary", "count"), 1);
    assert_int_equal(csv_sum(csv, "migrations", "count"), 2);
    cp_cpr_free(cpr);
    unlink(path);
    unlink(csv_path);
}

/* Few slices are drawn one by one; when a few are too short for that the caption counts
 * them, and when they are many they become shares of columns. */
static void test_detail(void **state)
{
    (void)state;
    const char *const occupancy[] = {"occupancy", NULL};
    Fixture fixture = small;
    CpCpr *cpr = recording("detail.cpr", &fixture);
    g_autofree char *exact = drawn(occupancy, &cpr, 1, "exact.txt", NULL);
    assert_null(strstr(exact, "columns of"));
    cp_cpr_free(cpr);
    fixture.slice = 20 * CP_US;
    cpr = recording("detail.cpr", &fixture);
    g_autofree char *shares = drawn(occupancy, &cpr, 1, "shares.txt", NULL);
    assert_non_null(strstr(shares, "columns of"));
    assert_null(strstr(shares, "not shown"));
    cp_cpr_free(cpr);
}

/* A million slices are drawn within a second or so and within the limit. */
static void test_million(void **state)
{
    (void)state;
    Fixture fixture = small;
    fixture.n_cpus = 8;
    fixture.n_threads = 64;
    fixture.slice = 2 * CP_US;
    fixture.end = 250 * CP_MS;
    fixture.long_permille = 0;
    CpCpr *cpr = recording("million.cpr", &fixture);
    assert_true(cp_cpr_n_records(cpr) > 900000);
    g_autofree char *text = drawn(both, &cpr, 1, "million.txt", NULL);
    fixture_check_drawing(text);
    cp_cpr_free(cpr);
}

/* A recording of nothing, of no length, or a window with nothing in it, says so. */
static void test_empty(void **state)
{
    (void)state;
    Fixture fixture = small;
    fixture.end = 0;
    CpCpr *cpr = recording("empty.cpr", &fixture);
    g_autofree char *none = drawn(both, &cpr, 1, "empty.txt", NULL);
    assert_non_null(strstr(none, "nothing was recorded"));
    cp_cpr_free(cpr);
    fixture = small;
    fixture.n_threads = 0;
    CpCpr *two[2] = {recording("idle.cpr", &fixture), recording("some.cpr", &small)};
    g_autofree char *idle = drawn(both, two, 1, "idle.txt", NULL);
    fixture_check_drawing(idle);
    Fixture longer = small;
    longer.end *= 2;
    cp_cpr_free(two[0]);
    two[0] = recording("longer.cpr", &longer);
    CpChartOptions late = {.from = 150 * CP_MS};
    g_autofree char *window = drawn(both, two, 2, "late.txt", &late);
    assert_non_null(strstr(window, "nothing recorded in this window"));
    fixture_check_drawing(window);
    cp_cpr_free(two[0]);
    cp_cpr_free(two[1]);
}

/* Foreign names are shown clean and shortened; markup in them means nothing. */
static void test_names(void **state)
{
    (void)state;
    g_autofree char *endless = g_strnfill(300, 'w');
    const char *const names[] = {"kworker#1", "<&>", "线程-工作者", "خيط",      endless,
                                 "\xff\xfe",  "",    "a\x1b[31mb",  "x\u202ey", NULL};
    Fixture fixture = small;
    fixture.n_threads = 9;
    fixture.names = names;
    fixture.policy = "p\x07";
    CpCpr *cpr = recording("names.cpr", &fixture);
    g_autofree char *text = drawn(both, &cpr, 1, "names.txt", NULL);
    fixture_check_drawing(text);
    assert_null(strchr(text, 0x1b));
    assert_null(strchr(text, 0x07));
    assert_null(strstr(text, "\u202e"));
    assert_null(strstr(text, endless));
    assert_non_null(strstr(text, "kworker#1"));
    assert_true(g_utf8_validate(text, -1, NULL));
#ifdef HAVE_PLPLOT
    CpChartOptions options = {.title = "# <b> & 线程 \xff", .theme = "dark"};
    g_autofree char *svg = drawn(both, &cpr, 1, "names.svg", &options);
    assert_non_null(strstr(svg, "# &lt;b&gt; &amp; 线程"));
#endif
    cp_cpr_free(cpr);
}

static void check_error(const char *const *charts, CpCpr *const *cpr, size_t n,
                        const char *path, const CpChartOptions *options, int code,
                        const char *part)
{
    g_autoptr(GError) error = NULL;
    assert_false(cp_chart_draw(charts, cpr, n, path, options, &error));
    assert_true(g_error_matches(error, CP_ERROR, code));
    if (strstr(error->message, part) == NULL) {
        fail_msg("'%s' does not say '%s'", error->message, part);
    }
}

/* What cannot be drawn or written is refused with advice, and nothing is left behind. */
static void test_errors(void **state)
{
    (void)state;
    CpCpr *cpr = recording("errors.cpr", &small);
    CpCpr *many[9] = {cpr, cpr, cpr, cpr, cpr, cpr, cpr, cpr, cpr};
    g_autofree char *path = in_folder("errors.txt"), *jpeg = in_folder("a.jpg");
    g_autofree char *lost = in_folder("no/such/folder.txt"), *csv = in_folder("no/x.csv");
    const char *const near[] = {"ocupancy", NULL}, *const far[] = {"pie", NULL};
    check_error(near, &cpr, 1, path, NULL, CP_ERROR_USAGE, "did you mean 'occupancy'");
    check_error(far, &cpr, 1, path, NULL, CP_ERROR_USAGE, "charts: occupancy, timeline");
    check_error(both, &cpr, 1, jpeg, NULL, CP_ERROR_USAGE, ".svg, .pdf, .png or .txt");
    check_error(both, &cpr, 1, lost, NULL, CP_ERROR_OUTPUT, "No such file");
    check_error(both, &cpr, 1, folder, NULL, CP_ERROR_USAGE, "ending");
    check_error(both, many, 9, path, NULL, CP_ERROR_USAGE, "8 recordings at most");
    CpChartOptions bad_theme = {.theme = "blue"}, tiny = {.width_pt = 50},
                   late = {.from = CP_S}, empty = {.from = 500, .to = 400},
                   bad_csv = {.data_csv = csv};
    check_error(both, &cpr, 1, path, &bad_theme, CP_ERROR_USAGE, "light and dark");
    check_error(both, &cpr, 1, path, &tiny, CP_ERROR_USAGE, "at least");
    check_error(both, &cpr, 1, path, &late, CP_ERROR_USAGE, "after the end");
    check_error(both, &cpr, 1, path, &empty, CP_ERROR_USAGE, "is empty");
    check_error(both, &cpr, 1, path, &bad_csv, CP_ERROR_OUTPUT, "No such file");
    assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
    cp_cpr_free(cpr);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    assert_null(g_dir_read_name(dir));
}

/* A full disk is noticed, and a device is never replaced by a file. */
static void test_full(void **state)
{
    (void)state;
    g_autofree char *path = in_folder("full.txt");
    if (!g_file_test("/dev/full", G_FILE_TEST_EXISTS) || symlink("/dev/full", path) != 0) {
        skip();
    }
    CpCpr *cpr = recording("full.cpr", &small);
    check_error(both, &cpr, 1, path, NULL, CP_ERROR_OUTPUT, "No space left");
    struct stat status;
    assert_int_equal(stat("/dev/full", &status), 0);
    assert_true(S_ISCHR(status.st_mode));
    unlink(path);
    cp_cpr_free(cpr);
}

/* An old file is replaced whole, through a link, with the usual permissions. */
static void test_replace(void **state)
{
    (void)state;
    g_autofree char *path = in_folder("real.txt"), *link_path = in_folder("link.txt");
    g_autoptr(GError) error = NULL;
    assert_true(g_file_set_contents(path, "old", -1, NULL));
    assert_int_equal(symlink("real.txt", link_path), 0);
    CpCpr *cpr = recording("replace.cpr", &small);
    assert_true(cp_chart_draw(both, &cpr, 1, link_path, NULL, &error));
    struct stat status;
    assert_int_equal(lstat(link_path, &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    assert_int_equal(stat(path, &status), 0);
    assert_true(status.st_size > 1000);
    mode_t mask = umask(0);
    umask(mask);
    assert_int_equal(status.st_mode & 0777, 0666 & ~mask);
    unlink(link_path);
    unlink(path);
    cp_cpr_free(cpr);
}

#ifdef HAVE_PLPLOT

static GBytes *file_bytes(CpCpr *const *cpr, size_t n, const char *name,
                          const CpChartOptions *options)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = in_folder(name);
    assert_true(cp_chart_draw(both, cpr, n, path, options, &error));
    char *data;
    gsize size;
    assert_true(g_file_get_contents(path, &data, &size, NULL));
    unlink(path);
    return g_bytes_new_take(data, size);
}

/* The same recording gives the same bytes. */
static void test_identical(void **state)
{
    (void)state;
    static const char *const names[] = {"a.png", "a.svg", "a.pdf", "a.PNG"};
    CpCpr *cpr[2] = {recording("one.cpr", &small), recording("two.cpr", &small)};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(GBytes) one = file_bytes(cpr, 2, names[i], NULL);
        g_autoptr(GBytes) two = file_bytes(cpr, 2, names[i], NULL);
        assert_true(g_bytes_equal(one, two));
    }
    cp_cpr_free(cpr[0]);
    cp_cpr_free(cpr[1]);
}

static uint32_t pixel(cairo_surface_t *image, double x, double y)
{
    const unsigned char *row = cairo_image_surface_get_data(image) +
                               (int)(y * 2) * cairo_image_surface_get_stride(image);
    uint32_t value;
    memcpy(&value, row + (int)(x * 2) * 4, 4);
    return value & 0xffffff;
}

/* Boxes that the text form names have their colour in the PNG, at the same place. */
static void check_probes(const char *theme)
{
    const char *const charts[] = {"occupancy", NULL};
    CpCpr *cpr = recording("probe.cpr", &small);
    CpChartOptions options = {.theme = theme, .width_pt = 760, .height_pt = 300};
    g_autoptr(GError) error = NULL;
    g_autofree char *png = in_folder("probe.png");
    assert_true(cp_chart_draw(charts, &cpr, 1, png, &options, &error));
    cairo_surface_t *image = cairo_image_surface_create_from_png(png);
    assert_int_equal(cairo_surface_status(image), CAIRO_STATUS_SUCCESS);
    assert_int_equal(cairo_image_surface_get_width(image), 1520);
    assert_int_equal(cairo_image_surface_get_height(image), 600);
    uint32_t corner = pixel(image, 2, 2), hits = 0;
    assert_int_equal(corner, strcmp(theme, "dark") == 0 ? 0x16191d : 0xffffff);
    for (double x = 60; x < 560; x += 10) {
        for (double y = 70; y < 200; y += 5) {
            uint32_t colour = pixel(image, x, y);
            hits += colour == 0x0072b2 || colour == 0xe69f00 || colour == 0x009e73;
        }
    }
    assert_true(hits > 100);
    cairo_surface_destroy(image);
    unlink(png);
    cp_cpr_free(cpr);
}

static void test_probes(void **state)
{
    (void)state;
    check_probes("light");
    check_probes("dark");
}

/* Sizes a picture cannot have are an error, not a crash. */
static void test_huge(void **state)
{
    (void)state;
    CpCpr *cpr = recording("huge.cpr", &small);
    g_autofree char *png = in_folder("huge.png"), *pdf = in_folder("huge.pdf");
    CpChartOptions huge = {.width_pt = 20000}, scale = {.scale = 1000};
    check_error(both, &cpr, 1, png, &huge, CP_ERROR_USAGE, "too large");
    check_error(both, &cpr, 1, pdf, &huge, CP_ERROR_USAGE, "too large");
    check_error(both, &cpr, 1, png, &scale, CP_ERROR_USAGE, "too large");
    cp_cpr_free(cpr);
}

/* Draws in a process of its own with one variable set; new text: code and message. */
static char *drawn_with(const char *variable, const char *value)
{
    g_autofree char *exe = g_file_read_link("/proc/self/exe", NULL);
    g_auto(GStrv) env = g_environ_setenv(g_get_environ(), variable, value, TRUE);
    env = g_environ_setenv(env, "COREPLAY_TEST_DRIVER", folder, TRUE);
    char *argv[] = {exe, NULL}, *out = NULL;
    int status = 0;
    assert_true(g_spawn_sync(NULL, argv, env, G_SPAWN_DEFAULT, NULL, NULL, &out, NULL,
                             &status, NULL));
    return out;
}

/* Without PLplot's cairo driver, or fonts, the message says what to install. */
static void test_missing(void **state)
{
    (void)state;
    g_autofree char *driver = drawn_with("PLPLOT_DRV_DIR", folder);
    assert_string_equal(driver,
                        "5 PLplot has no cairo driver; install plplot-driver-cairo\n");
    g_autofree char *conf = in_folder("fonts.conf");
    assert_true(g_file_set_contents(conf, "<fontconfig><dir>/nowhere</dir></fontconfig>",
                                    -1, NULL));
    g_autofree char *fonts = drawn_with("FONTCONFIG_FILE", conf);
    assert_string_equal(
        fonts, "5 no font is installed; install fonts-inter or fonts-dejavu-core\n");
    unlink(conf);
}

#endif

#ifndef HAVE_PLPLOT

/* A build without PLplot says so for the formats that need it. */
static void test_without(void **state)
{
    (void)state;
    CpCpr *cpr = recording("without.cpr", &small);
    g_autofree char *png = in_folder("without.png");
    check_error(both, &cpr, 1, png, NULL, CP_ERROR_OUTPUT, "no PLplot");
    cp_cpr_free(cpr);
}

#endif

/* What the copy of this program started by test_missing does. */
static int try_driver(const char *where)
{
    folder = g_strdup(where);
    CpCpr *cpr = recording("driver.cpr", &small);
    g_autofree char *path = in_folder("driver.png");
    g_autoptr(GError) error = NULL;
    cp_chart_draw(both, &cpr, 1, path, NULL, &error);
    printf("%d %s\n", error != NULL ? error->code : 0, error != NULL ? error->message : "");
    cp_cpr_free(cpr);
    g_free(folder);
    return 0;
}

/* Standard error goes to a file while the tests run: libraries must not print. */
static int saved_stderr;

static int set_up(void **state)
{
    (void)state;
    folder = g_dir_make_tmp("chart-XXXXXX", NULL);
    g_autofree char *path = g_strconcat(folder, ".stderr", NULL);
    saved_stderr = dup(2);
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    return folder == NULL || dup2(fd, 2) < 0 || close(fd) != 0;
}

static void test_silence(void **state)
{
    (void)state;
    g_autofree char *path = g_strconcat(folder, ".stderr", NULL), *text = NULL;
    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    assert_string_equal(text, "");
}

static int tear_down(void **state)
{
    (void)state;
    g_autofree char *path = g_strconcat(folder, ".stderr", NULL);
    g_autofree char *text = NULL;
    dup2(saved_stderr, 2);
    if (g_file_get_contents(path, &text, NULL, NULL)) {
        fputs(text, stderr);
    }
    unlink(path);
    g_rmdir(folder);
    g_free(folder);
    return 0;
}

int main(void)
{
    if (g_getenv("COREPLAY_TEST_DRIVER") != NULL) {
        return try_driver(g_getenv("COREPLAY_TEST_DRIVER"));
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),         cmocka_unit_test(test_data),
        cmocka_unit_test(test_switch_counts), cmocka_unit_test(test_detail),
        cmocka_unit_test(test_million),       cmocka_unit_test(test_empty),
        cmocka_unit_test(test_names),         cmocka_unit_test(test_errors),
        cmocka_unit_test(test_full),          cmocka_unit_test(test_replace),
#ifndef HAVE_PLPLOT
        cmocka_unit_test(test_without),
#else
        cmocka_unit_test(test_identical),     cmocka_unit_test(test_probes),
        cmocka_unit_test(test_huge),          cmocka_unit_test(test_missing),
#endif
        cmocka_unit_test(test_silence),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
