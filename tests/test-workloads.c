/* Laws over all example workloads: each runs and meets its own `expect` lines, keeps the
 * laws of the python runtime, reads back from its JSON form unchanged, and gives the same
 * result when that form is run. */
#include "models/python/laws.h"
#include "models/registry.h"
#include "lang/workload-json.h"
#include "lang/parse.h"
#include "scenario/run-names.h"
#include "scenario/scenario.h"

#include <glib/gstdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static char *root;
static GPtrArray *paths; /* of .cpw files */

static char *load(const char *path, gsize *len)
{
    char *text = NULL;
    assert_true(g_file_get_contents(path, &text, len, NULL));
    return text;
}

static void show(const CpDiag *diag)
{
    g_autofree char *text = cp_diag_print(diag, false);
    if (*text != '\0') {
        print_error("%s", text);
    }
}

static CpTree *parse(const char *path, const char *text, gsize len)
{
    CpDiag *diag = cp_diag_new(path, text, len);
    CpTree *tree = cp_parse(text, len, diag);
    show(diag);
    assert_non_null(tree);
    cp_diag_free(diag);
    return tree;
}

/* text -> tree -> JSON -> tree -> JSON gives the same JSON, and the same hash. */
static void test_round_trip(void **state)
{
    (void)state; /* cmocka's signature */
    for (guint i = 0; i < paths->len; i++) {
        gsize len;
        const char *path = g_ptr_array_index(paths, i);
        g_autofree char *text = load(path, &len);
        CpTree *first = parse(path, text, len);
        for (int pretty = 0; pretty < 2; pretty++) {
            g_autofree char *json = cp_json_write(first, pretty);
            CpDiag *diag = cp_diag_new(path, json, strlen(json));
            CpTree *second = cp_json_read(json, strlen(json), diag);
            show(diag);
            assert_non_null(second);
            g_autofree char *again = cp_json_write(second, pretty);
            assert_string_equal(json, again);
            g_autofree char *hash = cp_json_hash(first);
            g_autofree char *hash2 = cp_json_hash(second);
            assert_string_equal(hash, hash2);
            cp_tree_free(second);
            cp_diag_free(diag);
        }
        cp_tree_free(first);
    }
}

/* Comments, blanks and line ends change nothing that counts. */
static void test_spacing(void **state)
{
    (void)state; /* cmocka's signature */
    const char *a = "process p { thread main { repeat 3 { cpu 1500us }; wait 1s } }";
    const char *b =
        "# comment\r\nprocess p\n{\n\n\tthread main {\n  repeat 3 {\n cpu 1.5ms # x\n"
        "  }\n  wait 1000ms;;\n }\n}\n";
    CpTree *first = parse("a", a, strlen(a));
    CpTree *second = parse("b", b, strlen(b));
    g_autofree char *hash = cp_json_hash(first);
    g_autofree char *hash2 = cp_json_hash(second);
    assert_string_equal(hash, hash2);
    cp_tree_free(first);
    cp_tree_free(second);
}

/* Runs a scenario, in the memory of a run before if `used` is given; returns a summary of
 * everything a result is made of. */
static char *run_in(CpSim **used, CpScenario *scenario, bool check)
{
    CpSimConfig config;
    cp_scenario_config(scenario, &config);
    CpPyLaws *laws = cp_pylaws_new();
    CpSink sink = {.write = cp_pylaws_read, .data = laws};
    config.sink = check ? &sink : NULL;
    g_autoptr(CpRunLog) log = cp_run_log_new(scenario->workload, CP_NONE);
    if (cp_expects_output(scenario)) {
        cp_run_log_watch(log, &config);
        config.filter.drop_kinds = 0; /* the laws want all of them */
    }
    g_autoptr(GError) error = NULL;
    CpSim *sim = used != NULL ? *used : NULL;
    if (sim == NULL) {
        sim = cp_sim_new(&config, &error);
        assert_non_null(sim);
    } else {
        assert_true(cp_sim_reset(sim, &config, &error));
    }
    CpOutcome outcome = cp_sim_run(sim, &error);
    if (error == NULL && check) {
        cp_pylaws_end(laws, outcome == CP_OUTCOME_DONE, &error);
    }
    if (error != NULL) {
        fail_msg("%s: %s", scenario->source, error->message);
    }
    cp_pylaws_free(laws);
    GString *out = g_string_new(cp_outcome_name(outcome));
    for (const CpMetric *const *m = cp_metrics(CP_SCOPE_RUN); *m != NULL; m++) {
        int64_t value = 0;
        cp_metric_value(sim, *m, 0, &value);
        g_string_append_printf(out, " %" G_GINT64_FORMAT, value);
    }
    for (guint i = 0; i < scenario->expects->len; i++) {
        const CpExpect *e = g_ptr_array_index(scenario->expects, i);
        g_autofree char *measured = NULL;
        bool ok = cp_expect_check(scenario, e, sim, log, &measured) != CP_EXPECT_FAILED;
        g_string_append_printf(out, " %s", measured);
        if (check && !ok) {
            print_error("%s:%u: expect %s, measured %s\n", scenario->source, e->line,
                        e->text, measured);
        }
        assert_true(ok || !check);
    }
    if (used != NULL) {
        *used = sim;
    } else {
        cp_sim_free(sim);
    }
    return g_string_free(out, FALSE);
}

static char *run(CpScenario *scenario, bool check)
{
    return run_in(NULL, scenario, check);
}

/* Every example says what it shows, and it does. */
static void test_examples(void **state)
{
    (void)state; /* cmocka's signature */
    for (guint i = 0; i < paths->len; i++) {
        const char *path = g_ptr_array_index(paths, i);
        CpDiag *diag = cp_diag_new(path, NULL, 0);
        CpScenario *scenario = cp_scenario_load(path, NULL, 0, diag);
        show(diag);
        assert_non_null(scenario);
        assert_true(scenario->expects->len > 0);
        g_autofree char *summary = run(scenario, true);
        cp_scenario_free(scenario);
        cp_diag_free(diag);
    }
}

static void check_recording(const char *path)
{
    g_autoptr(GError) error = NULL;
    CpCpr *cpr = cp_cpr_open(path, &error);
    CpPyLaws *laws = cp_pylaws_new();
    g_autofree CpRecord *records = g_new(CpRecord, CP_RECORD_BLOCK);
    for (uint32_t i = 0; error == NULL && i < cp_cpr_n_blocks(cpr); i++) {
        size_t n;
        if (cp_cpr_read(cpr, i, records, &n, &error)) {
            cp_pylaws_read(laws, records, n, &error);
        }
    }
    if (error == NULL) {
        cp_pylaws_end(laws, true, &error);
    }
    if (error != NULL) {
        fail_msg("%s", error->message);
    }
    cp_pylaws_free(laws);
    cp_cpr_free(cpr);
}

/* What a file keeps of a run keeps the laws as the run does. */
static void test_recordings(void **state)
{
    (void)state; /* cmocka's signature */
    static const char *const names[] = {"callbacks", "pool-two", "try-finally"};
    g_autofree char *folder = g_dir_make_tmp("workloads-XXXXXX", NULL);
    g_autofree char *file = g_build_filename(folder, "run.cpr", NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_strdup_printf("%s/../tutorials/%s.cpw", root, names[i]);
        CpDiag *diag = cp_diag_new(path, NULL, 0);
        CpScenario *scenario = cp_scenario_load(path, NULL, 0, diag);
        assert_non_null(scenario);
        g_autoptr(GError) error = NULL;
        CpCprWriter *writer = cp_cpr_writer_new(file, &error);
        assert_non_null(writer);
        CpSink sink = cp_cpr_sink(writer);
        CpSimConfig config;
        cp_scenario_config(scenario, &config);
        config.sink = &sink;
        CpSim *sim = cp_sim_new(&config, &error);
        assert_non_null(sim);
        assert_int_equal(cp_sim_run(sim, &error), CP_OUTCOME_DONE);
        CpCprInfo info;
        cp_run_describe(writer, sim, scenario, NULL, &info);
        assert_true(cp_cpr_writer_finish(writer, &info, &error));
        cp_cpr_writer_free(writer);
        cp_sim_free(sim);
        cp_scenario_free(scenario);
        cp_diag_free(diag);
        check_recording(file);
    }
    g_remove(file);
    g_rmdir(folder);
}

/* The JSON form of a workload gives the same run, also in memory that the run of another
 * workload has left behind. */
static void test_json_runs(void **state)
{
    (void)state; /* cmocka's signature */
    CpSim *used = NULL;
    CpScenario *last = NULL; /* `used` borrows from it until it is reset */
    for (guint i = 0; i < paths->len; i++) {
        gsize len;
        const char *path = g_ptr_array_index(paths, i);
        g_autofree char *text = load(path, &len);
        CpTree *tree = parse(path, text, len);
        g_autofree char *json = cp_json_write(tree, false);
        cp_tree_free(tree);
        CpDiag *diag = cp_diag_new(path, NULL, 0);
        CpScenario *a = cp_scenario_from_text(path, text, len, NULL, 0, diag);
        CpScenario *b = cp_scenario_from_text(path, json, strlen(json), NULL, 0, diag);
        show(diag);
        assert_non_null(a);
        assert_non_null(b);
        assert_string_equal(a->hash, b->hash);
        g_autofree char *first = run(a, false);
        g_autofree char *second = run_in(&used, b, false);
        assert_string_equal(first, second);
        cp_scenario_free(a);
        cp_scenario_free(last);
        last = b;
        cp_diag_free(diag);
    }
    cp_sim_free(used);
    cp_scenario_free(last);
}

/* --- documentation --- */

static void check_loads(const char *text, unsigned line)
{
    CpDiag *diag = cp_diag_new("workload-language.md", text, strlen(text));
    CpScenario *scenario =
        cp_scenario_from_text("workload-language.md", text, strlen(text), NULL, 0, diag);
    if (scenario == NULL) {
        show(diag);
        fail_msg("the block at line %u is refused", line);
    }
    g_autofree char *summary = run(scenario, true);
    cp_scenario_free(scenario);
    cp_diag_free(diag);
}

/* A block of the document: a whole workload, declarations for what follows, or statements.
 */
static void check_block(const char *kind, const char *text, GString *around, unsigned line)
{
    if (strcmp(kind, "cpw") == 0 || strcmp(kind, "json") == 0) {
        check_loads(text, line);
    } else if (strcmp(kind, "cpw-around") == 0) {
        g_string_assign(around, text);
    } else if (strcmp(kind, "cpw-body") == 0) {
        g_autofree char *whole =
            g_strdup_printf("%s\nmachine { cores 2 }\nprocess p { thread main {\n%s\n} }\n",
                            around->str, text);
        check_loads(whole, line);
    }
}

/* What the description of the language shows is accepted, runs and meets its expectations.
 */
static void test_document(void **state)
{
    (void)state; /* cmocka's signature */
    const char *source = getenv("top_srcdir");
    g_autofree char *path = g_build_filename(source != NULL ? source : ".", "docs",
                                             "workload-language.md", NULL);
    g_autofree char *all = load(path, &(gsize){0});
    g_auto(GStrv) lines = g_strsplit(all, "\n", -1);
    g_autoptr(GString) block = g_string_new(NULL);
    g_autoptr(GString) around = g_string_new(NULL);
    const char *kind = NULL;
    unsigned n = 0;
    for (unsigned i = 0; lines[i] != NULL; i++) {
        bool fence = g_str_has_prefix(lines[i], "```");
        if (fence && kind == NULL) {
            kind = lines[i] + 3;
            g_string_truncate(block, 0);
        } else if (fence) {
            check_block(kind, block->str, around, i);
            kind = NULL;
            n++;
        } else if (kind != NULL) {
            g_string_append_printf(block, "%s\n", lines[i]);
        }
    }
    assert_true(n > 10);
}

static void add_folder(const char *folder)
{
    GDir *dir = g_dir_open(folder, 0, NULL);
    for (const char *name = dir != NULL ? g_dir_read_name(dir) : NULL; name != NULL;
         name = g_dir_read_name(dir)) {
        if (g_str_has_suffix(name, ".cpw")) {
            g_ptr_array_add(paths, g_build_filename(folder, name, NULL));
        }
    }
    if (dir != NULL) {
        g_dir_close(dir);
    }
}

int main(void)
{
    const char *source = getenv("top_srcdir");
    root = g_build_filename(source != NULL ? source : ".", "examples", "workloads", NULL);
    paths = g_ptr_array_new_with_free_func(g_free);
    add_folder(root);
    g_autofree char *tutorials =
        g_build_filename(source != NULL ? source : ".", "examples", "tutorials", NULL);
    add_folder(tutorials);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_spacing),
        cmocka_unit_test(test_examples),   cmocka_unit_test(test_json_runs),
        cmocka_unit_test(test_document),   cmocka_unit_test(test_recordings),
    };
    int status = paths->len >= 12 ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
    g_ptr_array_unref(paths);
    g_free(root);
    return status;
}
