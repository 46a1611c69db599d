#include "lang/compile.h"
#include "lang/parse.h"
#include "scenario/scenario.h"
#include "scenario/machines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

static CpScenario *load(const char *text, const CpOverride *sets, size_t n)
{
    CpDiag *diag = cp_diag_new("t.cpw", text, strlen(text));
    CpScenario *s = cp_scenario_from_text("t.cpw", text, strlen(text), sets, n, diag);
    if (s == NULL) {
        g_autofree char *why = cp_diag_print(diag, false);
        print_error("%s", why);
    }
    cp_diag_free(diag);
    return s;
}

/* Value of a number token, by the text of it. */
static int64_t number(const char *text, CpDim want)
{
    CpScanner scanner;
    CpDiag *diag = cp_diag_new("t", text, strlen(text));
    cp_scanner_init(&scanner, text, (uint32_t)strlen(text), diag);
    CpToken token = cp_scan(&scanner);
    int64_t value = -1;
    CpDim dim = CP_DIM_ANY;
    bool micro;
    bool ok = cp_token_number(&scanner, &token, &value, &dim, &micro);
    assert_true(!ok || dim == want);
    cp_diag_free(diag);
    return ok ? value : -1;
}

/* Numbers are exact: decimals are counted, not rounded. */
static void test_numbers(void **state)
{
    (void)state; /* cmocka's signature */
    assert_int_equal(number("1.5ms", CP_DIM_TIME), 1500000);
    assert_int_equal(number("0.000000001s", CP_DIM_TIME), 1);
    assert_int_equal(number("1min", CP_DIM_TIME), 60 * CP_S);
    assert_int_equal(number("64KiB", CP_DIM_SIZE), 65536);
    assert_int_equal(number("12.5%", CP_DIM_SHARE), 125000);
    assert_int_equal(number("1.50", CP_DIM_NUMBER), 1500000);
    assert_int_equal(number("7.00", CP_DIM_NUMBER), 7);
    assert_int_equal(number("1.5ns", CP_DIM_TIME), -1);
    assert_int_equal(number("101000000000000000000s", CP_DIM_TIME), -1);
    assert_int_equal(number("900000h", CP_DIM_TIME), -1);
}

/* Constant expressions are computed before the run; a listing shows it. */
static void expect_code(const char *body, const char *const *want)
{
    g_autofree char *text = g_strdup_printf("param rate = 200\nparam t = 3ms\nvar x = 2\n"
                                            "process p { thread main { %s } }",
                                            body);
    CpScenario *s = load(text, NULL, 0);
    assert_non_null(s);
    g_autofree char *listing = cp_workload_listing(s->workload);
    for (; *want != NULL; want++) {
        if (strstr(listing, *want) == NULL) {
            fail_msg("'%s' is not in\n%s", *want, listing);
        }
    }
    cp_scenario_free(s);
}

static void test_expressions(void **state)
{
    (void)state; /* cmocka's signature */
    expect_code("wait 1s / rate", (const char *const[]){"sleep        5ms", NULL});
    expect_code("wait (t + 1ms) * 2 - 1ms",
                (const char *const[]){"sleep        7ms", NULL});
    expect_code("wait t * 1.5", (const char *const[]){"sleep        4500us", NULL});
    expect_code("wait 1s / 3", (const char *const[]){"sleep        333333333ns", NULL});
    expect_code("wait t / 1ms * 1us", (const char *const[]){"sleep        3us", NULL});
    expect_code("set x = x * 1.5",
                (const char *const[]){"arith        mul", "arith        div", NULL});
    expect_code("if rate > 100 { cpu 1ms } else { cpu 2ms }",
                (const char *const[]){"compute      1ms\n", NULL});
    expect_code("arrivals exp(1s / rate) { mark \"x\" }",
                (const char *const[]){"arrivals", "mark         \"x\"", NULL});
}

/* Tasks called from several places lie behind all their callers. */
static void test_registers(void **state)
{
    (void)state; /* cmocka's signature */
    CpScenario *s = load("process p {\n"
                         "  task leaf(t) { cpu t }\n"
                         "  task middle(t) { for u in [1ms, 2ms] { call leaf(u) } }\n"
                         "  thread a { call leaf(1ms) }\n"
                         "  thread b { call middle(1ms); call leaf(2ms) }\n"
                         "}\n",
                         NULL, 0);
    assert_non_null(s);
    /* middle: return, argument, index, length, entry, one; then leaf: return, argument. */
    assert_int_equal(cp_thread_decl(s->workload, 1)->n_regs, CP_REG_FREE + 6 + 2);
    cp_scenario_free(s);
}

/* A loop is not expanded: 10^9 rounds cost three instructions. */
static void test_huge_loops(void **state)
{
    (void)state; /* cmocka's signature */
    CpScenario *s = load("process p { thread m { repeat 1000000000 { cpu 1ns }\n"
                         "for i in 1..1000000000 { cpu 1ns } } }",
                         NULL, 0);
    assert_non_null(s);
    assert_true(s->workload->code->len < 20);
    assert_int_equal(s->workload->values->len, 0);
    cp_scenario_free(s);
}

/* Settings: text over defaults, --set over text, the last --set wins; a config file only
 * replaces defaults. */
static void test_precedence(void **state)
{
    (void)state; /* cmocka's signature */
    const CpOverride sets[] = {{"cores", "7", CP_FROM_CONFIG},
                               {"hz", "100", CP_FROM_CONFIG},
                               {"seed", "5", CP_FROM_SET},
                               {"seed", "6", CP_FROM_SET},
                               {"t", "9ms", CP_FROM_SET},
                               {"thread.main.nice", "3", CP_FROM_SET},
                               {"cgroup.g.quota", "200%", CP_FROM_SET}};
    CpScenario *s = load("param t = 1ms\nmachine { cores 3 }\nrun { seed 4 }\n"
                         "cgroup g { quota 50% }\n"
                         "process p in g { thread main { cpu t } }",
                         sets, G_N_ELEMENTS(sets));
    assert_non_null(s);
    assert_int_equal(s->machine->n_cpus, 3);
    assert_int_equal(s->machine->tick, 10 * CP_MS);
    assert_int_equal(s->run->v[CP_RUN_SEED], 6);
    assert_int_equal(cp_thread_decl(s->workload, 0)->attr.nice, 3);
    assert_int_equal(cp_group_decl(s->workload, 1)->quota, 200 * CP_MS);
    const CpWorkloadParam *p = g_ptr_array_index(s->params, 0);
    assert_string_equal(p->value, "9ms");
    g_autofree char *listing = cp_workload_listing(s->workload);
    assert_non_null(strstr(listing, "compute      9ms"));
    cp_scenario_free(s);
}

/* Every key of the table can be set to its default; so none is listed in vain. */
static void test_every_setting(void **state)
{
    (void)state; /* cmocka's signature */
    g_autofree CpSettingInfo *table = cp_settings();
    for (const CpSettingInfo *i = table; i->spec != NULL; i++) {
        bool special = strstr(i->spec->name, "NAME") != NULL || *i->spec->def == '\0' ||
                       g_str_has_prefix(i->spec->help, "not yet");
        const CpOverride set = {i->spec->name, i->spec->def, CP_FROM_SET};
        CpScenario *s =
            special ? NULL : load("process p { thread m { cpu 1ms } }", &set, 1);
        if (s == NULL && !special) {
            fail_msg("%s=%s is refused", i->spec->name, i->spec->def);
        }
        cp_scenario_free(s);
    }
}

/* Every named machine can be built. */
static void test_machines(void **state)
{
    (void)state; /* cmocka's signature */
    for (int i = 0; cp_machine_names[i] != NULL; i++) {
        const CpOverride set = {"machine", cp_machine_names[i], CP_FROM_SET};
        CpScenario *s = load("process p { thread m { cpu 1ms } }", &set, 1);
        assert_non_null(s);
        cp_scenario_free(s);
    }
    CpScenario *s =
        load("machine \"laptop4\" { smt 1 }\nprocess p { thread m { cpu 1ms } }", NULL, 0);
    assert_non_null(s);
    assert_int_equal(s->machine->n_cpus, 4);
    cp_scenario_free(s);
    /* Given with --set it replaces what the text says of the machine, not of the kernel. */
    const CpOverride sets[] = {{"machine", "laptop4", CP_FROM_SET},
                               {"smt", "1", CP_FROM_SET}};
    s = load("machine { cores 3 }\nkernel { hz 100 }\nprocess p { thread m { cpu 1ms } }",
             sets, 2);
    assert_non_null(s);
    assert_int_equal(s->machine->n_cpus, 4);
    assert_int_equal(s->machine->tick, 10 * CP_MS);
    cp_scenario_free(s);
}

/* In a python process a name before a parenthesis is a call, but a statement's word with a
 * blank behind it stays one: `wait (t + 1ms) * 2`. */
static void test_python_parenthesis(void **state)
{
    (void)state; /* cmocka's signature */
    CpScenario *s = load("param t = 3ms\nprocess p runtime python \"3.12\" {\n"
                         "thread main { wait (t + 1ms) * 2 } }",
                         NULL, 0);
    assert_non_null(s);
    g_autofree char *listing = cp_workload_listing(s->workload);
    assert_non_null(strstr(listing, "sleep        8ms"));
    cp_scenario_free(s);
}

static bool holds_kind(const CpNode *node, CpNodeKind kind)
{
    for (const CpNode *child = node->child; child != NULL; child = child->next) {
        if (child->kind == kind || holds_kind(child, kind)) {
            return true;
        }
    }
    return false;
}

/* Reads FORMAT with the form in its place and looks for the kind. */
static void expect_kind(CpNodeKind kind, const char *form, const char *format)
{
    g_auto(GStrv) parts = g_strsplit(form, "...", -1);
    bool process = kind == CP_NODE_PROCESS;
    g_autofree char *body = g_strjoinv(process ? "thread main { yield }" : "yield", parts);
    g_auto(GStrv) around = g_strsplit(format, "@", 2);
    g_autofree char *text = g_strconcat(around[0], body, around[1], NULL);
    CpDiag *diag = cp_diag_new("form.cpw", text, strlen(text));
    CpTree *tree = cp_parse(text, strlen(text), diag);
    g_autofree char *why = cp_diag_print(diag, false);
    if (tree == NULL || !holds_kind(cp_tree_root(tree), kind)) {
        fail_msg("the form of a row is not read as it:\n%s\n%s", text, why);
    }
    cp_tree_free(tree);
    cp_diag_free(diag);
}

/* What a row of tree.def or decl.def shows as its form is read as that statement or
 * declaration. */
static void test_forms(void **state)
{
    (void)state; /* cmocka's signature */
    for (CpNodeKind kind = 0; kind < CP_NODE_KINDS; kind++) {
        const CpStmtInfo *stmt = cp_stmt_info(kind);
        const CpDeclInfo *decl = cp_decl_info(kind);
        if (stmt != NULL) {
            expect_kind(kind, stmt->form,
                        kind == CP_NODE_MEMBER
                            ? "process p runtime python \"3.14\" { async task a() {\n"
                              "gather { @ } } }"
                            : "process p runtime python \"3.14\" { async task a() {\n"
                              "@\n} }");
        }
        if (decl != NULL) {
            expect_kind(kind, decl->form,
                        decl->place & CP_IN_FILE
                            ? "@"
                            : "process p runtime python \"3.14\" {\n@\n}");
        }
    }
}

static void describe(const CpNode *node, GString *out)
{
    static const char *const names[CP_NODE_KINDS] = {[CP_NODE_AND] = "and",
                                                     [CP_NODE_OR] = "or",
                                                     [CP_NODE_NOT] = "not",
                                                     [CP_NODE_NEG] = "neg",
                                                     [CP_NODE_STRING] = "text"};
    if (node->child == NULL) {
        g_autofree char *text = cp_node_print(node);
        g_string_append_printf(out, "%s%s", names[node->kind] != NULL ? "text:" : "", text);
        return;
    }
    const char sign[] = {(char)node->value, '\0'};
    g_string_append_printf(out, "(%s",
                           names[node->kind] != NULL   ? names[node->kind]
                           : node->kind == CP_NODE_CMP ? cp_cmp_word(node->value)
                                                       : sign);
    for (const CpNode *child = node->child; child != NULL; child = child->next) {
        g_string_append_c(out, ' ');
        describe(child, out);
    }
    g_string_append_c(out, ')');
}

/* Conditions over metrics and settings are read by the language's parser, with names of
 * their own: dots, dashes, units that stand apart, both quotes, and, or, not. */
static void test_conditions(void **state)
{
    (void)state; /* cmocka's signature */
    static const char *const cases[][2] = {
        {"cores <= 8", "(<= cores 8)"},
        {"policy = eevdf-6.18", "(== policy eevdf-6.18)"},
        {"latency.p99 < 2 s and end.worker-3 > 1ms",
         "(and (< latency.p99 2s) (> end.worker-3 1ms))"},
        {"a == 1 or b == 2 && !c", "(or (== a 1) (and (== b 2) (not c)))"},
        {"not (p == y and cores > 1) or x", "(or (not (and (== p y) (> cores 1))) x)"},
        {"a + b * 2 - c/d < 10%", "(< (- (+ a (* b 2)) c/d) 10%)"},
        {"name != 'a b' and name != \"and\"",
         "(and (!= name text:a b) (!= name text:and))"},
        {"-1 < x\n and -x < 5 KiB", "(and (< -1 x) (< (neg x) 5KiB))"},
        {"a==1 and b==2 and c==3", "(and (== a 1) (== b 2) (== c 3))"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const char *text = cases[i][0];
        CpDiag *diag = cp_diag_new("", text, strlen(text));
        CpTree *tree = cp_tree_new();
        const CpNode *node = cp_parse_condition(tree, text, strlen(text), diag);
        g_autofree char *why = cp_diag_inline(diag);
        if (node == NULL) {
            fail_msg("%s", why);
        }
        g_autoptr(GString) shown = g_string_new(NULL);
        describe(node, shown);
        assert_string_equal(shown->str, cases[i][1]);
        cp_tree_free(tree);
        cp_diag_free(diag);
    }
}

/* What cannot be read is shown with a mark; the language's own `if` has none of it. */
static void test_condition_errors(void **state)
{
    (void)state; /* cmocka's signature */
    static const char *const cases[][2] = {
        {"cores <", "expected a value, found the end\n      | cores <\n      |        ^"},
        {"a < b < c",
         "expected an operator (== != < <= > >= and or) or the end, found '<'\n"
         "      | a < b < c\n      |       ^"},
        {"x == 5q",
         "unknown unit 'q'\n      | x == 5q\n      |      ^^\n"
         "      = help: times: ns us ms s min h; shares: %; sizes: B KiB MiB GiB"},
        {"5", "expected a comparison such as cores <= 8\n      | 5\n      | ^"},
        {"a & b", "character '&' has no meaning here\n      | a & b\n      |   ^"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const char *text = cases[i][0];
        CpDiag *diag = cp_diag_new("", text, strlen(text));
        CpTree *tree = cp_tree_new();
        assert_null(cp_parse_condition(tree, text, strlen(text), diag));
        g_autofree char *why = cp_diag_inline(diag);
        assert_string_equal(why, cases[i][1]);
        cp_tree_free(tree);
        cp_diag_free(diag);
    }
}

/* A million statements are read; one more is refused. */
static void test_many_statements(void **state)
{
    (void)state; /* cmocka's signature */
    for (int extra = 0; extra < 2; extra++) {
        GString *text = g_string_new("process p { thread m {\n");
        for (int i = 0; i < CP_PARSE_STMTS_MAX + extra; i++) {
            g_string_append(text, "yield\n");
        }
        g_string_append(text, "} }\n");
        CpDiag *diag = cp_diag_new("big.cpw", text->str, text->len);
        CpTree *tree = cp_parse(text->str, text->len, diag);
        assert_true((tree != NULL) == (extra == 0));
        assert_int_equal(cp_diag_n_errors(diag), extra);
        cp_tree_free(tree);
        cp_diag_free(diag);
        g_string_free(text, TRUE);
    }
}

/* Texts larger than the limit and endless lines are refused at once. */
static void test_size_limit(void **state)
{
    (void)state; /* cmocka's signature */
    size_t len = (size_t)CP_PARSE_BYTES_MAX + 1;
    g_autofree char *text = g_strnfill(len, ' ');
    CpDiag *diag = cp_diag_new("big.cpw", text, len);
    assert_null(cp_parse(text, len, diag));
    g_autofree char *printed = cp_diag_print(diag, false);
    assert_non_null(strstr(printed, "file is larger than 64 MiB"));
    cp_diag_free(diag);
}

/* Every prefix of a workload is refused or read, and never faults. */
static void test_prefixes(void **state)
{
    (void)state; /* cmocka's signature */
    const char *text =
        "param a = [1ms, 2ms] in [1, 2]\nmachine \"laptop4\" { cores 2 }\n"
        "queue q (capacity=3)\nprocess p in g { task t(x) { if x < 3 { cpu x }\n"
        "else { choose { 5% { io d exp(3ms) } } } }\n"
        "thread m x 3 (nice=3, cpus=0-3,4) { for i in a { call t(i + 1ms) }\n"
        "recv q timeout 1s else { mark \"x\" } } }\n"
        "expect order == [m-1, m-2]\nexpect makespan == 3s +- 1%\n";
    for (size_t n = 0; n < strlen(text); n++) {
        CpDiag *diag = cp_diag_new("t", text, n);
        CpScenario *s = cp_scenario_from_text("t", text, n, NULL, 0, diag);
        assert_true(s != NULL || cp_diag_n_errors(diag) > 0);
        g_autofree char *printed = cp_diag_print(diag, false);
        cp_scenario_free(s);
        cp_diag_free(diag);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),    cmocka_unit_test(test_expressions),
        cmocka_unit_test(test_registers),  cmocka_unit_test(test_huge_loops),
        cmocka_unit_test(test_precedence), cmocka_unit_test(test_every_setting),
        cmocka_unit_test(test_machines),   cmocka_unit_test(test_many_statements),
        cmocka_unit_test(test_size_limit), cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_conditions), cmocka_unit_test(test_condition_errors),
        cmocka_unit_test(test_forms),      cmocka_unit_test(test_python_parenthesis),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
