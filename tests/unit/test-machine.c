/* Machines and what kernel work costs on them. */
#include "sim/costs.h"
#include "sim/error.h"
#include "sim/machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Sets "key value" pairs on the defaults; the list ends with NULL. */
static CpParamSet *settings(const char *const *pairs)
{
    CpParamSet *set = cp_params_new(cp_machine_params);
    for (; *pairs != NULL; pairs += 2) {
        GError *error = NULL;
        int row = cp_params_find(cp_machine_params, pairs[0]);
        if (row < 0 || !cp_params_set(set, row, pairs[1], CP_FROM_SET, &error)) {
            fail_msg("%s: %s", pairs[0], error != NULL ? error->message : "unknown");
        }
    }
    return set;
}

static CpMachine *build(const char *const *pairs, const uint32_t *capacity, size_t n)
{
    CpParamSet *set = settings(pairs);
    GError *error = NULL;
    CpMachine *m = cp_machine_new(set, capacity, n, &error);
    if (m == NULL) {
        fail_msg("%s", error->message);
    }
    cp_params_free(set);
    return m;
}

/* Masks and numbers say the same, and each level divides the CPUs evenly. */
static void check_masks(const CpMachine *m)
{
    assert_int_equal(cp_cpumask_count(&m->all), m->n_cpus);
    assert_int_equal(m->n_cpus, m->n_cores * m->smt);
    for (CpCpu cpu = 0; cpu < m->n_cpus; cpu++) {
        const CpCpuInfo *info = &m->cpu[cpu];
        assert_int_equal(info->core, cpu % m->n_cores);
        for (uint32_t i = 0; i < m->n_cores; i++) {
            assert_int_equal(cp_cpumask_has(&m->core_cpus[i], cpu), i == info->core);
        }
        for (uint32_t i = 0; i < m->n_llcs; i++) {
            assert_int_equal(cp_cpumask_has(&m->llc_cpus[i], cpu), i == info->llc);
            assert_int_equal(cp_cpumask_count(&m->llc_cpus[i]), m->n_cpus / m->n_llcs);
        }
        for (uint32_t i = 0; i < m->n_nodes; i++) {
            assert_int_equal(cp_cpumask_has(&m->node_cpus[i], cpu), i == info->node);
            assert_int_equal(cp_cpumask_count(&m->node_cpus[i]), m->n_cpus / m->n_nodes);
        }
    }
}

static void test_default(void **state)
{
    (void)state; /* no fixture */
    CpMachine *m = build((const char *const[]){NULL}, NULL, 0);
    assert_int_equal(m->n_cpus, 2);
    assert_int_equal(m->tick, 4 * CP_MS);
    assert_int_equal(m->n_llcs, 1);
    assert_int_equal(m->cpu[1].capacity, 1024);
    check_masks(m);
    cp_machine_free(m);
    cp_machine_free(NULL);
}

/* Two nodes of eight cores, two threads a core, four cores a cache. */
static void test_topology(void **state)
{
    (void)state;
    CpMachine *m = build((const char *const[]){"cores", "16", "smt", "2", "numa.nodes", "2",
                                               "llc.cores", "4", "hz", "300", "smt.speed",
                                               "50%", "tick.phase", "1ms", NULL},
                         NULL, 0);
    assert_int_equal(m->n_cpus, 32);
    assert_int_equal(m->n_llcs, 4);
    assert_int_equal(m->tick, 3333333);
    assert_int_equal(m->tick_phase, CP_MS);
    assert_int_equal(m->smt_speed, 512);
    assert_int_equal(m->cpu[17].core, 1); /* the sibling of CPU 1 */
    assert_int_equal(m->cpu[7].node, 0);
    assert_int_equal(m->cpu[8].node, 1);
    assert_int_equal(m->cpu[24].llc, 2);
    check_masks(m);
    cp_machine_free(m);
}

/* The smallest and the largest, in cores and in threads. */
static void test_ends(void **state)
{
    (void)state;
    CpMachine *one = build((const char *const[]){"cores", "1", NULL}, NULL, 0);
    check_masks(one);
    cp_machine_free(one);
    CpMachine *most = build((const char *const[]){"cores", "1024", NULL}, NULL, 0);
    assert_int_equal(most->n_cpus, 1024);
    cp_machine_free(most);
    CpMachine *wide =
        build((const char *const[]){"cores", "256", "smt", "4", "numa.nodes", "256", NULL},
              NULL, 0);
    check_masks(wide);
    cp_machine_free(wide);
}

/* Capacity is given per core, siblings share it, and the last entry repeats. */
static void test_capacity(void **state)
{
    (void)state;
    static const uint32_t capacity[] = {1024, 1024, 446};
    CpMachine *m =
        build((const char *const[]){"cores", "4", "smt", "2", NULL}, capacity, 3);
    static const uint32_t expected[] = {1024, 1024, 446, 446, 1024, 1024, 446, 446};
    for (CpCpu cpu = 0; cpu < 8; cpu++) {
        assert_int_equal(m->cpu[cpu].capacity, expected[cpu]);
    }
    cp_machine_free(m);
}

/* Numbers that make no machine are refused, by the table or by the whole. */
static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *key, *text, *message;
    } rows[] = {
        {"cores", "0", "cores: 0 is out of range, expected 1 to 1024"},
        {"cores", "1025", "cores: 1025 is out of range, expected 1 to 1024"},
        {"cores", "-1", "cores: -1 is out of range, expected 1 to 1024"},
        {"smt", "0", "smt: 0 is out of range, expected 1 to 8"},
        {"hz", "0", "hz: 0 is out of range, expected 1 to 10000"},
        {"smt.speed", "0", "smt.speed: 0% is out of range, expected 1% to 100%"},
    };
    CpParamSet *set = cp_params_new(cp_machine_params);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        int row = cp_params_find(cp_machine_params, rows[i].key);
        assert_false(cp_params_set(set, row, rows[i].text, CP_FROM_SET, &error));
        assert_string_equal(error->message, rows[i].message);
    }
    cp_params_free(set);
}

static void check_refused(const char *const *pairs, const uint32_t *capacity,
                          const char *message)
{
    CpParamSet *set = settings(pairs);
    g_autoptr(GError) error = NULL;
    assert_null(cp_machine_new(set, capacity, 1, &error));
    assert_true(g_error_matches(error, CP_ERROR, CP_ERROR_USAGE));
    assert_string_equal(error->message, message);
    cp_params_free(set);
}

static void test_refused_together(void **state)
{
    (void)state;
    static const uint32_t zero[] = {0}, large[] = {1025};
    check_refused((const char *const[]){"cores", "1024", "smt", "2", NULL}, NULL,
                  "1024 cores with 2 CPUs each make 2048 CPUs, expected 1 to 1024; "
                  "lower 'cores' or 'smt'");
    check_refused((const char *const[]){"cores", "6", "numa.nodes", "4", NULL}, NULL,
                  "6 cores cannot be divided among 4 memory nodes; make 'cores' a multiple "
                  "of 'numa.nodes'");
    check_refused((const char *const[]){"cores", "6", "llc.cores", "4", NULL}, NULL,
                  "the 6 cores of a node cannot be divided into caches of 4; make "
                  "'llc.cores' a divisor of it, or 0");
    check_refused((const char *const[]){"cores", "2", "llc.cores", "4", NULL}, NULL,
                  "the 2 cores of a node cannot be divided into caches of 4; make "
                  "'llc.cores' a divisor of it, or 0");
    check_refused((const char *const[]){"tick.phase", "4ms", NULL}, NULL,
                  "tick.phase: 4ms is not below the length of a tick, 4ms");
    check_refused((const char *const[]){NULL}, zero,
                  "capacity: 0 is out of range, expected 1 to 1024 (full speed)");
    check_refused((const char *const[]){NULL}, large,
                  "capacity: 1025 is out of range, expected 1 to 1024 (full speed)");
}

/* The time to leave idle runs straight between the given points and stays at the last. */
static void test_idle_exit(void **state)
{
    (void)state;
    CpParamSet *costs = cp_params_new(cp_cost_params);
    static const struct {
        CpTime idle, cost;
    } points[] = {{0, 0},
                  {50 * CP_US, 500},
                  {100 * CP_US, CP_US},
                  {200 * CP_US, 2 * CP_US},
                  {300 * CP_US, 3 * CP_US},
                  {2 * CP_MS, 38500},
                  {3 * CP_MS, 70 * CP_US},
                  {10 * CP_MS, 35 * CP_US},
                  {30 * CP_MS, 120 * CP_US},
                  {CP_NEVER, 120 * CP_US}};
    for (size_t i = 0; i < G_N_ELEMENTS(points); i++) {
        assert_int_equal(cp_cost_after_idle(costs, CP_COST_IDLE_EXIT, points[i].idle),
                         points[i].cost);
    }
    assert_true(cp_params_set(costs, CP_COST_IDLE_EXIT, "5us", CP_FROM_SET, NULL));
    assert_int_equal(cp_cost_after_idle(costs, CP_COST_IDLE_EXIT, CP_S), 5 * CP_US);
    assert_true(cp_params_set(costs, CP_COST_IDLE_EXIT, "0", CP_FROM_SET, NULL));
    assert_int_equal(cp_cost_after_idle(costs, CP_COST_IDLE_EXIT, CP_S), 0);
    cp_params_free(costs);
}

/* Every row of the tables has what `list settings` shows. */
static void test_tables_complete(void **state)
{
    (void)state;
    const CpParam *const tables[] = {cp_machine_params, cp_cost_params};
    const size_t sizes[] = {CP_MACHINE_PARAMS, CP_COSTS};
    for (size_t t = 0; t < 2; t++) {
        for (size_t i = 0; i < sizes[t]; i++) {
            assert_non_null(tables[t][i].name);
            assert_non_null(tables[t][i].def);
            assert_true(strlen(tables[t][i].help) > 5);
        }
        assert_null(tables[t][sizes[t]].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_default),   cmocka_unit_test(test_topology),
        cmocka_unit_test(test_ends),      cmocka_unit_test(test_capacity),
        cmocka_unit_test(test_refused),   cmocka_unit_test(test_refused_together),
        cmocka_unit_test(test_idle_exit), cmocka_unit_test(test_tables_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
