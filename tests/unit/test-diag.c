#include "lang/diag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

static void check_print(CpDiag *diag, const char *want)
{
    g_autofree char *text = cp_diag_print(diag, false);
    assert_string_equal(text, want);
    cp_diag_free(diag);
}

/* A message shows the place, the line, a caret under it and what to do. */
static void test_form(void **state)
{
    (void)state; /* cmocka's signature */
    const char *text = "a\nb\n    wait     5\n";
    CpDiag *diag = cp_diag_new("cafe.cpw", text, strlen(text));
    assert_false(cp_diag_error(diag, (CpPos){3, 14, 1}, "'%d' has no unit", 5));
    cp_diag_help(diag, "write 5s, 5ms, 5us or 5ns");
    assert_int_equal(cp_diag_code(diag), 3);
    check_print(diag, "cafe.cpw:3:14: error: '5' has no unit\n"
                      "    3 |     wait     5\n"
                      "      |              ^\n"
                      "      = help: write 5s, 5ms, 5us or 5ns\n");
}

/* A note with a place quotes its own line. */
static void test_note(void **state)
{
    (void)state; /* cmocka's signature */
    const char *text = "\n  thread main {\n";
    CpDiag *diag = cp_diag_new("x", text, strlen(text));
    cp_diag_error(diag, (CpPos){3, 1, 1}, "block opened at line 2 is not closed");
    cp_diag_note(diag, (CpPos){2, 15, 1}, "opened here");
    check_print(diag, "x:3:1: error: block opened at line 2 is not closed\n"
                      "    2 |   thread main {\n"
                      "      |               - opened here\n");
}

/* Tabs stay tabs in the caret line; wide and escaped characters take their columns. */
static void test_columns(void **state)
{
    (void)state; /* cmocka's signature */
    const char *text = "\t\xe6\xbc\xa2\xe2\x80\xae\xff"
                       "bad";
    CpDiag *diag = cp_diag_new("x", text, strlen(text));
    cp_diag_error(diag, (CpPos){1, 5, 3}, "here");
    check_print(diag, "x:1:5: error: here\n"
                      "    1 | \t\xe6\xbc\xa2\\u{202e}\\xffbad\n"
                      "      | \t              ^^^\n");
}

/* Options have no file; their exit code is 2. */
static void test_usage(void **state)
{
    (void)state; /* cmocka's signature */
    CpDiag *diag = cp_diag_new("x", NULL, 0);
    cp_diag_usage(diag, "unknown setting '%s' (in --set)", "gil.intervall");
    cp_diag_help(diag, "did you mean 'gil.interval'?  coreplay list settings gil");
    assert_int_equal(cp_diag_code(diag), 2);
    check_print(diag,
                "coreplay: error: unknown setting 'gil.intervall' (in --set)\n"
                "   help: did you mean 'gil.interval'?  coreplay list settings gil\n");
}

/* Only twenty errors are kept, the rest is counted; one place has one error. */
static void test_limit(void **state)
{
    (void)state; /* cmocka's signature */
    CpDiag *diag = cp_diag_new("x", NULL, 0);
    for (unsigned i = 1; i <= 25; i++) {
        cp_diag_error(diag, (CpPos){i, 1, 1}, "bad");
        cp_diag_error(diag, (CpPos){i, 1, 1}, "worse");
    }
    cp_diag_help(diag, "belongs to none of the messages kept");
    assert_int_equal(cp_diag_n_errors(diag), 25);
    g_autofree char *text = cp_diag_print(diag, false);
    assert_non_null(strstr(text, "x:20:1: error: bad\n"));
    assert_null(strstr(text, "x:21:1"));
    assert_null(strstr(text, "worse"));
    assert_non_null(strstr(text, "5 more errors\n"));
    cp_diag_free(diag);
}

/* Control characters and bidirectional overrides never come out raw, not even in names. */
static void test_clean(void **state)
{
    (void)state; /* cmocka's signature */
    g_autofree char *clean =
        cp_clean_text("a\033[31m\xe2\x80\xae\n\xc3\xa9\xc2\x9b\xff", -1);
    assert_string_equal(clean, "a\\x1b[31m\\u{202e}\\x0a\xc3\xa9\\u{9b}\\xff");
    CpDiag *diag = cp_diag_new("evil\033.cpw", NULL, 0);
    cp_diag_error(diag, (CpPos){0}, "name '%s'", "\033]0;x\a");
    check_print(diag, "evil\\x1b.cpw: error: name '\\x1b]0;x\\x07'\n");
}

/* A very long line is shown around the place only. */
static void test_long_line(void **state)
{
    (void)state; /* cmocka's signature */
    g_autofree char *line = g_strnfill(1000000, 'x');
    CpDiag *diag = cp_diag_new("x", line, strlen(line));
    cp_diag_error(diag, (CpPos){1, 500000, 1}, "here");
    g_autofree char *text = cp_diag_print(diag, false);
    assert_true(strlen(text) < 500);
    assert_non_null(strstr(text, "| ... xxx"));
    cp_diag_free(diag);
}

/* The JSON form has the same content. */
static void test_json(void **state)
{
    (void)state; /* cmocka's signature */
    CpDiag *diag = cp_diag_new("a.cpw", "wait 5", 6);
    cp_diag_error(diag, (CpPos){1, 6, 1}, "'5' has no unit");
    cp_diag_help(diag, "write \"5s\"");
    cp_diag_warning(diag, (CpPos){0}, "odd");
    g_autofree char *json = cp_diag_json(diag);
    assert_string_equal(json,
                        "[{\"level\":\"error\",\"file\":\"a.cpw\",\"line\":1,\"column\":6,"
                        "\"length\":1,\"message\":\"'5' has no unit\","
                        "\"help\":\"write \\\"5s\\\"\"},"
                        "{\"level\":\"warning\",\"file\":\"a.cpw\",\"message\":\"odd\"}]");
    cp_diag_free(diag);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_form),      cmocka_unit_test(test_note),
        cmocka_unit_test(test_columns),   cmocka_unit_test(test_usage),
        cmocka_unit_test(test_limit),     cmocka_unit_test(test_clean),
        cmocka_unit_test(test_long_line), cmocka_unit_test(test_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
