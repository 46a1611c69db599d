#include "plots/table.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static CpTable *people(void)
{
    CpTable *table = cp_table_new("thread", "<", "cpu", ">", NULL);
    cp_table_row(table, "main", "12 ms");
    cp_table_gap(table);
    cp_table_row(table, "线程", "1.5 s");
    cp_table_row(table, "a|b,\"c\"", NULL);
    return table;
}

/* Columns line up by what a terminal shows, not by bytes. */
static void test_text(void **state)
{
    (void)state;
    g_autoptr(CpTable) table = people();
    g_autofree char *text = cp_table_print(table, CP_TABLE_TEXT, 0);
    assert_string_equal(text, "thread     cpu\n"
                              "main     12 ms\n"
                              "\n"
                              "线程     1.5 s\n"
                              "a|b,\"c\"\n");
    assert_int_equal(cp_table_n_rows(table), 3);
}

/* Characters that mean something in Markdown or CSV are escaped. */
static void test_markdown_csv(void **state)
{
    (void)state;
    g_autoptr(CpTable) table = people();
    g_autofree char *markdown = cp_table_print(table, CP_TABLE_MARKDOWN, 0);
    assert_string_equal(markdown, "| thread   |   cpu |\n"
                                  "|:---------|------:|\n"
                                  "| main     | 12 ms |\n"
                                  "| 线程     | 1.5 s |\n"
                                  "| a\\|b,\"c\" |       |\n");
    g_autofree char *csv = cp_table_print(table, CP_TABLE_CSV, 0);
    assert_string_equal(csv, "thread,cpu\nmain,12 ms\n线程,1.5 s\n\"a|b,\"\"c\"\"\",\n");
}

/* On a narrow terminal names give way, numbers never. */
static void test_narrow(void **state)
{
    (void)state;
    g_autoptr(CpTable) table = cp_table_new("thread", "<", "cpu", ">", NULL);
    cp_table_row(table, "a-very-long-thread-name", "123456789 ms");
    g_autofree char *text = cp_table_print(table, CP_TABLE_TEXT, 26);
    assert_string_equal(text, "thread                 cpu\n"
                              "a-very…-name  123456789 ms\n");
}

/* A shortened text is never wider than asked, and stays valid. */
static void test_fit(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "a",
                                        "abcdefgh",
                                        "线程工作者线程",
                                        "e\u0301e\u0301e\u0301e\u0301",
                                        "\xff\xfe bad",
                                        "x线y程z"};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        for (unsigned columns = 0; columns < 16; columns++) {
            g_autofree char *fit = cp_text_fit(texts[i], columns);
            assert_true(g_utf8_validate(fit, -1, NULL));
            assert_true(cp_text_columns(fit) <= columns);
        }
    }
    g_autofree char *middle = cp_text_fit("abcdefgh", 5);
    assert_string_equal(middle, "ab…gh");
}

/* Control characters in cells cannot break lines or reach the terminal. */
static void test_control(void **state)
{
    (void)state;
    g_autoptr(CpTable) table = cp_table_new("x", "<", NULL);
    cp_table_row(table, "a\nb\x1b[31m");
    g_autofree char *text = cp_table_print(table, CP_TABLE_TEXT, 0);
    assert_string_equal(text, "x\na b [31m\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),    cmocka_unit_test(test_markdown_csv),
        cmocka_unit_test(test_narrow),  cmocka_unit_test(test_fit),
        cmocka_unit_test(test_control),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
