/* Golden folders of bad input: tests/invalid/CASE/ holds input.cpw (or input.json), the
 * messages it must give in error.txt, and optionally set.txt with one KEY=VALUE a line.
 *
 * With CP_GOLDEN_UPDATE=1 the messages found are written instead of compared. */
#include "scenario/scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

enum { SETS_MAX = 16 };

static char *root;

static char *read_file(const char *name, const char *file, gsize *len)
{
    g_autofree char *path = g_build_filename(root, name, file, NULL);
    char *text = NULL;
    return g_file_get_contents(path, &text, len, NULL) ? text : NULL;
}

/* KEY=VALUE lines, split in place. */
static size_t read_sets(char *text, CpOverride *sets)
{
    size_t n = 0;
    char *save = NULL;
    for (char *line = text != NULL ? strtok_r(text, "\n", &save) : NULL; line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        char *value = strchr(line, '=');
        assert_non_null(value);
        assert_true(n < SETS_MAX);
        *value = '\0';
        sets[n++] = (CpOverride){line, value + 1, CP_FROM_SET};
    }
    return n;
}

/* The messages for one case, followed by the exit code they ask for. */
static char *messages(const char *name)
{
    gsize len;
    const char *file = "input.cpw";
    g_autofree char *text = read_file(name, file, &len);
    if (text == NULL) {
        file = "input.json";
        text = read_file(name, file, &len);
    }
    if (text == NULL) {
        fail_msg("%s has neither input.cpw nor input.json", name);
    }
    g_autofree char *set_text = read_file(name, "set.txt", &(gsize){0});
    CpOverride sets[SETS_MAX];
    size_t n = read_sets(set_text, sets);
    CpDiag *diag = cp_diag_new(file, text, len);
    CpScenario *scenario = cp_scenario_from_text(file, text, len, sets, n, diag);
    g_autofree char *printed = cp_diag_print(diag, false);
    char *out =
        g_strdup_printf("%sexit %d\n", printed, scenario != NULL ? 0 : cp_diag_code(diag));
    cp_scenario_free(scenario);
    cp_diag_free(diag);
    return out;
}

/* The messages are exactly those written down. */
static void check_case(const char *name)
{
    g_autofree char *got = messages(name);
    if (getenv("CP_GOLDEN_UPDATE") != NULL) {
        g_autofree char *path = g_build_filename(root, name, "error.txt", NULL);
        assert_true(g_file_set_contents(path, got, -1, NULL));
        return;
    }
    g_autofree char *want = read_file(name, "error.txt", &(gsize){0});
    if (want == NULL || strcmp(got, want) != 0) {
        print_error("tests/invalid/%s gives\n%s", name, got);
    }
    assert_non_null(want);
    assert_string_equal(got, want);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Every folder is looked at, and there are as many as promised. */
static void test_cases(void **state)
{
    (void)state; /* cmocka's signature */
    GDir *dir = g_dir_open(root, 0, NULL);
    assert_non_null(dir);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    for (const char *name = g_dir_read_name(dir); name != NULL;
         name = g_dir_read_name(dir)) {
        g_ptr_array_add(names, g_strdup(name));
    }
    g_dir_close(dir);
    g_ptr_array_sort(names, compare_names);
    assert_true(names->len >= 40);
    for (guint i = 0; i < names->len; i++) {
        check_case(g_ptr_array_index(names, i));
    }
}

int main(void)
{
    const char *source = getenv("top_srcdir");
    root = g_build_filename(source != NULL ? source : ".", "tests", "invalid", NULL);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases)};
    int status = cmocka_run_group_tests(tests, NULL, NULL);
    g_free(root);
    return status;
}
