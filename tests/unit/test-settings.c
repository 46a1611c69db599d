/* Settings in force: each once, with where it comes from, and all of them given as --set
 * KEY=VALUE make the same run. */
#include "scenario/host.h"
#include "scenario/scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    GPtrArray *texts;  /* owned */
    GArray *overrides; /* CpOverride into texts: what the walk said, given as --set */
    GArray *froms;     /* CpFrom of each */
} Walked;

static void collect(const CpSettingInForce *setting, void *data)
{
    Walked *all = data;
    for (guint i = 0; i < all->overrides->len; i++) {
        assert_string_not_equal(g_array_index(all->overrides, CpOverride, i).key,
                                setting->key);
    }
    char *key = g_strdup(setting->key), *value = g_strdup(setting->value);
    const CpOverride o = {key, value, CP_FROM_SET};
    g_ptr_array_add(all->texts, key);
    g_ptr_array_add(all->texts, value);
    g_array_append_val(all->overrides, o);
    g_array_append_val(all->froms, setting->from);
}

static Walked walk(const CpScenario *s)
{
    Walked all = {g_ptr_array_new_with_free_func(g_free),
                  g_array_new(FALSE, FALSE, sizeof(CpOverride)),
                  g_array_new(FALSE, FALSE, sizeof(CpFrom))};
    cp_scenario_each_setting(s, collect, &all);
    return all;
}

static void walked_clear(Walked *all)
{
    g_ptr_array_unref(all->texts);
    g_array_unref(all->overrides);
    g_array_unref(all->froms);
}

static CpScenario *load(const char *name, const char *text, const CpOverride *sets,
                        size_t n)
{
    CpDiag *diag = cp_diag_new(name, NULL, 0);
    CpScenario *s = text != NULL
                        ? cp_scenario_from_text(name, text, strlen(text), sets, n, diag)
                        : cp_scenario_load(name, sets, n, diag);
    if (s == NULL) {
        g_autofree char *why = cp_diag_print(diag, false);
        print_error("%s", why);
    }
    cp_diag_free(diag);
    return s;
}

static gboolean sum_up(void *data, const CpRecord *records, size_t n, GError **error)
{
    (void)error; /* nothing can fail */
    g_checksum_update(data, (const guchar *)records, (gssize)(n * sizeof *records));
    return TRUE;
}

/* New text that names every record of the run. */
static char *run(const CpScenario *s)
{
    CpSimConfig config;
    g_autoptr(GError) error = NULL;
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    const CpSink sink = {sum_up, sum};
    cp_scenario_config(s, &config);
    config.sink = &sink;
    CpSim *sim = cp_sim_new(&config, &error);
    if (sim == NULL) {
        fail_msg("%s: %s", s->source, error->message);
    }
    cp_sim_run(sim, &error);
    cp_sim_free(sim);
    return g_strdup(g_checksum_get_string(sum));
}

/* The scenario's settings given back make the same run under the same settings. */
static void check_reproduces(const char *name, const char *text, const CpOverride *sets,
                             size_t n)
{
    CpScenario *first = load(name, text, sets, n);
    assert_non_null(first);
    Walked given = walk(first);
    CpScenario *second = load(name, text, (const CpOverride *)(void *)given.overrides->data,
                              given.overrides->len);
    if (second == NULL) {
        fail_msg("%s refuses its own settings", name);
    }
    Walked again = walk(second);
    assert_int_equal(given.overrides->len, again.overrides->len);
    for (guint i = 0; i < given.overrides->len; i++) {
        const CpOverride *a = &g_array_index(given.overrides, CpOverride, i);
        const CpOverride *b = &g_array_index(again.overrides, CpOverride, i);
        assert_string_equal(a->key, b->key);
        assert_string_equal(a->value, b->value);
        assert_int_equal(g_array_index(again.froms, CpFrom, i), CP_FROM_SET);
    }
    g_autofree char *before = run(first);
    g_autofree char *after = run(second);
    if (strcmp(before, after) != 0) {
        fail_msg("%s runs otherwise under its own settings", name);
    }
    walked_clear(&given);
    walked_clear(&again);
    cp_scenario_free(first);
    cp_scenario_free(second);
}

static void check_folder(const char *name)
{
    static const CpOverride quick[] = {{"gil.interval", "1ms", CP_FROM_SET},
                                       {"thread.boot", "200us", CP_FROM_SET},
                                       {"python.cost_factor", "150%", CP_FROM_CONFIG},
                                       {"machine", "laptop8hybrid", CP_FROM_SET},
                                       {"policy", "eevdf-6.6", CP_FROM_CONFIG},
                                       {"seed", "7", CP_FROM_OPTION}};
    static const CpOverride ideal[] = {{"costs", "ideal", CP_FROM_SET},
                                       {"gil.drop", "1us", CP_FROM_SET}};
    const char *source = getenv("top_srcdir");
    g_autofree char *folder =
        g_build_filename(source != NULL ? source : ".", "examples", name, NULL);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    assert_non_null(dir);
    for (const char *file; (file = g_dir_read_name(dir)) != NULL;) {
        if (g_str_has_suffix(file, ".cpw")) {
            g_autofree char *path = g_build_filename(folder, file, NULL);
            check_reproduces(path, NULL, NULL, 0);
            check_reproduces(path, NULL, quick, G_N_ELEMENTS(quick));
            check_reproduces(path, NULL, ideal, G_N_ELEMENTS(ideal));
        }
    }
}

static void test_examples(void **state)
{
    (void)state; /* cmocka's signature */
    check_folder("workloads");
    check_folder("tutorials");
}

static const char several[] = "param cores = 3\n" /* --set cores means the param */
                              "machine { cores cores }\n"
                              "cgroup g { quota 50% }\n"
                              "process a runtime python \"3.12\" (interval=2ms) in g {\n"
                              "  thread x { repeat 3 { cpu 7ms; wait 1ms } }\n"
                              "  thread y { cpu 10ms } }\n"
                              "process b runtime python \"3.14t\" {\n"
                              "  thread z { cpu 10ms } }\n"
                              "process c { thread n { cpu 10ms } }\n";

/* Processes that differ, params in place of settings, words, and shares that count for the
 * period of their moment. */
static void test_reproduces(void **state)
{
    (void)state; /* cmocka's signature */
    static const CpOverride sets[] = {
        {"process.b.gil.check", "1us", CP_FROM_SET}, {"cgroup.g.quota", "30%", CP_FROM_SET},
        {"cgroup.g.period", "20ms", CP_FROM_SET},    {"cgroup.g.quota", "80%", CP_FROM_SET},
        {"thread.x.nice", "5", CP_FROM_CONFIG},      {"thread.y.cpus", "1", CP_FROM_SET},
        {"capacity", "[1024, 300 x 2]", CP_FROM_SET}};
    check_reproduces("t.cpw", several, NULL, 0);
    check_reproduces("t.cpw", several, sets, G_N_ELEMENTS(sets));
    static const CpOverride levels[] = {{"policy", "mlfq", CP_FROM_SET},
                                        {"mlfq.quanta", "1ms,2ms", CP_FROM_SET}};
    static const char plain[] = "process p { thread m { repeat 9 { cpu 3ms } }\n"
                                "thread n { repeat 9 { cpu 3ms } } }";
    check_reproduces("t.cpw", plain, levels, G_N_ELEMENTS(levels));
    static const CpOverride old[] = {{"runtime.version", "2.7", CP_FROM_SET}};
    check_reproduces("t.cpw", several, old, G_N_ELEMENTS(old));
    static const CpOverride version[] = {{"costs", "ideal", CP_FROM_SET},
                                         {"python.costs", "version", CP_FROM_SET}};
    check_reproduces("t.cpw", several, version, G_N_ELEMENTS(version));
}

static void expect(const CpScenario *s, const char *key, const char *value, CpFrom from)
{
    Walked all = walk(s);
    bool found = false;
    for (guint i = 0; i < all.overrides->len; i++) {
        const CpOverride *o = &g_array_index(all.overrides, CpOverride, i);
        if (strcmp(o->key, key) == 0) {
            found = true;
            assert_string_equal(o->value, value);
            assert_int_equal(g_array_index(all.froms, CpFrom, i), from);
        }
    }
    if (found != (value != NULL)) {
        fail_msg("%s is %s", key, found ? "there" : "missing");
    }
    walked_clear(&all);
}

/* Each value says who gave it. */
static void test_origins(void **state)
{
    (void)state; /* cmocka's signature */
    const CpOverride sets[] = {{"policy", "eevdf-6.12", CP_FROM_CONFIG},
                               {"hz", "100", CP_FROM_CONFIG},
                               {"smt", "2", CP_FROM_MACHINE},
                               {"seed", "7", CP_FROM_OPTION},
                               {"costs", "ideal", CP_FROM_SET},
                               {"gil.timeout", "1us", CP_FROM_SET},
                               {"thread.x.nice", "5", CP_FROM_SET}};
    CpScenario *s = load("t.cpw", several, sets, G_N_ELEMENTS(sets));
    assert_non_null(s);
    expect(s, "policy", "eevdf-6.12", CP_FROM_CONFIG);
    expect(s, "eevdf.preempt_short", "cancel", CP_FROM_PROFILE);
    expect(s, "hz", "100", CP_FROM_CONFIG);
    expect(s, "cores", "3", CP_FROM_WORKLOAD);
    expect(s, "smt", "2", CP_FROM_MACHINE);
    expect(s, "seed", "7", CP_FROM_OPTION);
    expect(s, "until", "0ns", CP_FROM_BUILT_IN);
    expect(s, "switch.cost", "0ns", CP_FROM_COSTS);
    expect(s, "gil.timeout", "1us", CP_FROM_SET);
    expect(s, "gil.drop", "0ns", CP_FROM_COSTS);
    expect(s, "gil.interval", NULL, CP_FROM_BUILT_IN);
    expect(s, "process.a.gil.interval", "2ms", CP_FROM_WORKLOAD);
    expect(s, "process.b.gil.interval", "5ms", CP_FROM_BUILT_IN);
    expect(s, "process.b.gil.free_overhead", "8%", CP_FROM_VERSION);
    expect(s, "process.c.gil.interval", NULL, CP_FROM_BUILT_IN);
    expect(s, "thread.x.nice", "5", CP_FROM_SET);
    expect(s, "runtime.version", NULL, CP_FROM_BUILT_IN);
    cp_scenario_free(s);
    const CpOverride version = {"runtime.version", "3.11", CP_FROM_SWEEP};
    s = load("t.cpw", several, &version, 1);
    assert_non_null(s);
    expect(s, "runtime.version", "3.11", CP_FROM_SWEEP);
    expect(s, "thread.boot", "16us", CP_FROM_VERSION);
    cp_scenario_free(s);
    s = load(
        "t.cpw",
        "machine \"laptop8hybrid\"\nrun { seed 3 }\nprocess p { thread m { cpu 1ms } }",
        NULL, 0);
    assert_non_null(s);
    expect(s, "cores", "8", CP_FROM_WORKLOAD);
    expect(s, "capacity", "[1024 x 4, 512 x 4]", CP_FROM_WORKLOAD);
    expect(s, "seed", "3", CP_FROM_WORKLOAD);
    expect(s, "machine", NULL, CP_FROM_BUILT_IN);
    cp_scenario_free(s);
}

/* A scenario made from another without compiling has the same settings: also thread.boot,
 * which is one of the runtime and not of a thread, and `cores`, which a param is named as
 * well. */
static void test_retuned(void **state)
{
    (void)state; /* cmocka's signature */
    const CpOverride sets[] = {{"thread.boot", "1ms", CP_FROM_SET},
                               {"thread.x.nice", "5", CP_FROM_SET}};
    CpScenario *base = load("t.cpw", several, sets, G_N_ELEMENTS(sets));
    assert_non_null(base);
    CpDiag *diag = cp_diag_new("t.cpw", NULL, 0);
    CpScenario *s = cp_scenario_retune(base, sets, G_N_ELEMENTS(sets), diag);
    assert_non_null(s);
    expect(s, "thread.boot", "1ms", CP_FROM_SET);
    expect(s, "thread.x.nice", "5", CP_FROM_SET);
    g_autofree char *before = run(base);
    g_autofree char *after = run(s);
    assert_string_equal(before, after);
    cp_scenario_free(s);
    cp_scenario_free(base);
    cp_diag_free(diag);
}

static void put(const char *root, const char *text, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

static void put(const char *root, const char *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *name = g_strdup_vprintf(format, args);
    va_end(args);
    g_autofree char *path = g_build_filename(root, name, NULL);
    g_autofree char *folder = g_path_get_dirname(path);
    assert_int_equal(g_mkdir_with_parents(folder, 0700), 0);
    assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void assert_host(const char *root, const char *expected)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) pairs = cp_host_machine(root, &error);
    assert_non_null(pairs);
    g_ptr_array_add(pairs, NULL);
    g_autofree char *all = g_strjoinv(" ", (char **)pairs->pdata);
    assert_string_equal(all, expected);
}

/* The host's machine is what its folders say: siblings may be numbered side by side, a CPU
 * may be off, and cores of unequal size are an error. */
static void test_host(void **state)
{
    (void)state;
    g_autofree char *root = g_dir_make_tmp("host-XXXXXX", NULL);
    g_autoptr(GError) error = NULL;
    assert_null(cp_host_machine(root, &error));
    assert_non_null(strstr(error->message, "cpu/online"));
    put(root, "0-7\n", "cpu/online");
    put(root, "0-1\n", "node/online");
    for (unsigned c = 0; c < 8; c++) {
        g_autofree char *core = g_strdup_printf("%u-%u\n", c / 2 * 2, c / 2 * 2 + 1);
        put(root, core, "cpu/cpu%u/topology/core_cpus_list", c);
        put(root, core, "cpu/cpu%u/cache/index0/shared_cpu_list", c);
        put(root, c < 4 ? "0-3\n" : "4-7\n", "cpu/cpu%u/cache/index1/shared_cpu_list", c);
        put(root, c < 4 ? "0-3\n" : "4-7\n", "node/node%u/cpulist", c / 4);
    }
    assert_host(root, "cores 4 smt 2 numa.nodes 2 llc.cores 0");
    put(root, "0\n", "node/online");
    assert_host(root, "cores 4 smt 2 numa.nodes 1 llc.cores 2");
    put(root, "0-6\n", "cpu/online");
    g_clear_error(&error);
    assert_null(cp_host_machine(root, &error));
    assert_non_null(strstr(error->message, "equal size"));
    const char *argv[] = {"rm", "-r", root, NULL};
    assert_true(g_spawn_sync(NULL, (char **)(uintptr_t)argv, NULL, G_SPAWN_SEARCH_PATH,
                             NULL, NULL, NULL, NULL, NULL, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples), cmocka_unit_test(test_reproduces),
        cmocka_unit_test(test_origins),  cmocka_unit_test(test_retuned),
        cmocka_unit_test(test_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
