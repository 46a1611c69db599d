#include "tests/unit/python-bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* The worked examples of the interpreter locks and of threading, exact to the nanosecond
 * with ideal costs. */

static void hog(Bench *b, const char *name, CpTime work, CpTime start)
{
    uint32_t t = bench_thread(b, name, 0);
    cp_thread_decl(b->w, t)->start = start;
    bench_compute(b, work);
    bench_end(b);
}

static void check_holders(Bench *b, const char *expected)
{
    g_autofree char *holders = bench_holders(b, CP_MS);
    assert_string_equal(holders, expected);
}

static void test_two_hogs(void **state)
{
    static const char *const versions[] = {"3.6", "3.12", "3.13"};
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(versions); i++) {
        Bench *b = bench_new(versions[i], 2);
        hog(b, "A", 20 * CP_MS, 0);
        hog(b, "B", 20 * CP_MS, 0);
        bench_run(b);
        check_holders(b, "A 0-5 B 5-10 A 10-15 B 15-20 A 20-25 B 25-30 A 30-35 B 35-40");
        assert_int_equal(bench_thread_end(b, "A"), 35 * CP_MS);
        assert_int_equal(bench_thread_end(b, "B"), 40 * CP_MS);
        assert_int_equal(bench_metric(b, "gil_switches"), 7);
        assert_int_equal(bench_metric(b, "gil_forced"), 6);
        assert_int_equal(bench_metric(b, "cpu"), 40 * CP_MS);
        bench_free(b);
    }
}

static void test_two_hogs_without(void **state)
{
    (void)state;
    Bench *b = bench_new("3.13t", 2);
    bench_set(b, "gil.free_overhead", "0%");
    hog(b, "A", 20 * CP_MS, 0);
    hog(b, "B", 20 * CP_MS, 0);
    bench_run(b);
    assert_int_equal(bench_thread_end(b, "A"), 20 * CP_MS);
    assert_int_equal(bench_thread_end(b, "B"), 20 * CP_MS);
    bench_free(b);
}

static void test_two_hogs_tick(void **state)
{
    (void)state;
    Bench *b = bench_new("2.7", 2);
    hog(b, "A", 20 * CP_MS, 0);
    hog(b, "B", 20 * CP_MS, 0);
    bench_run(b);
    assert_int_equal(bench_thread_end(b, "A"), 20 * CP_MS);
    assert_int_equal(bench_thread_end(b, "B"), 40 * CP_MS);
    assert_true(bench_metric(b, "gil_wasted") > 24000);
    bench_free(b);
}

/* Two CPUs make two threads of 2.x slower than one after the other, by wake-ups in vain;
 * fewer checks cure that.  Measured: 2.1 and 1.0 times. */
static void test_tick_battle(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        Bench *b = bench_new("2.7", 2);
        b->costs = "reference";
        bench_set(b, "gil.check_interval", i == 0 ? "100" : "10000");
        hog(b, "A", 100 * CP_MS, 0);
        hog(b, "B", 100 * CP_MS, 0);
        bench_run(b);
        assert_in_range(bench_metric(b, "makespan"), (i == 0 ? 320 : 195) * CP_MS,
                        (i == 0 ? 540 : 220) * CP_MS);
        assert_true(i == 1 || bench_metric(b, "gil_wasted") > 30000);
        bench_free(b);
    }
}

static void test_three_hogs(void **state)
{
    (void)state;
    Bench *b = bench_new("3.12", 4);
    hog(b, "A", 15 * CP_MS, 0);
    hog(b, "B", 15 * CP_MS, 0);
    hog(b, "C", 15 * CP_MS, CP_MS);
    bench_run(b);
    check_holders(b,
                  "A 0-5 C 5-10 B 10-15 A 15-20 C 20-25 B 25-30 A 30-35 C 35-40 B 40-45");
    bench_free(b);
}

/* A thread that computes 0.1 ms and reads for 1 ms, beside a CPU-bound one. */
static Bench *io_beside_hog(const char *version, const char *interval)
{
    Bench *b = bench_new(version, 2);
    if (interval != NULL) {
        bench_set(b, "gil.interval", interval);
    }
    bench_set(b, "gil.free_overhead", "0%");
    bench_thread(b, "Y", 0);
    uint32_t top = cp_workload_pc(b->w);
    bench_compute(b, 100 * CP_US);
    bench_mark(b, "read");
    bench_sleep(b, CP_MS);
    bench_emit(b, CP_OP_JUMP, 0, 0, top);
    bench_thread(b, "X", 0);
    top = cp_workload_pc(b->w);
    bench_compute(b, 10 * CP_S);
    bench_emit(b, CP_OP_JUMP, 0, 0, top);
    b->until = CP_S;
    bench_run(b);
    return b;
}

static void test_convoy(void **state)
{
    (void)state;
    Bench *b = io_beside_hog("3.12", NULL);
    assert_int_equal(bench_marked(b, "read", 0), 100 * CP_US);
    assert_int_equal(bench_marked(b, "read", 1), 6200 * CP_US);
    assert_int_equal(bench_marked(b, "read", 2), 12300 * CP_US);
    assert_int_equal(bench_marks(b, "read"), 164);
    bench_free(b);
    b = io_beside_hog("3.12", "500us");
    assert_int_equal(bench_marked(b, "read", 2) - bench_marked(b, "read", 1), 1600 * CP_US);
    bench_free(b);
    b = io_beside_hog("3.14t", NULL);
    assert_int_equal(bench_marked(b, "read", 2) - bench_marked(b, "read", 1), 1100 * CP_US);
    assert_int_equal(bench_metric(b, "cpu.X"), CP_S);
    bench_free(b);
}

/* A thread that gives the lock up for 2 us each millisecond is back before a waiter that
 * needs 18 us to wake up, so that the waiter never runs; one that needs 1 us does. */
static void test_starvation(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        Bench *b = bench_new("3.12", 2);
        bench_set(b, "gil.signalled", i == 0 ? "18us" : "1us");
        bench_thread(b, "Y", 0);
        uint32_t top = cp_workload_pc(b->w);
        bench_compute(b, CP_MS);
        bench_emit(b, CP_OP_COMPUTE, CP_ARG_CONST, CP_COMPUTE_NOGIL,
                   bench_const(b, 2 * CP_US));
        bench_mark(b, "back");
        bench_emit(b, CP_OP_JUMP, 0, 0, top);
        hog(b, "X", 3 * CP_S, 0);
        b->until = 2 * CP_S;
        bench_run(b);
        if (i == 0) {
            assert_int_equal(bench_metric(b, "gil_acquisitions.X"), 0);
            assert_int_equal(bench_diagnoses(b, "starvation"), 1);
            assert_int_equal(bench_marked(b, "back", 9), 10020 * CP_US);
        } else {
            assert_true(bench_metric(b, "gil_acquisitions.X") > 100);
            assert_int_equal(bench_marked(b, "back", 0), 6003 * CP_US);
        }
        bench_free(b);
    }
}

/* Two releases an operation, 2 us and 50 us long, and 18 us to wake up: the first is won
 * back, the second costs an interval. */
static void test_two_releases(void **state)
{
    (void)state;
    Bench *b = bench_new("3.12", 2);
    bench_set(b, "gil.signalled", "18us");
    bench_thread(b, "Y", 0);
    uint32_t top = cp_workload_pc(b->w);
    bench_compute(b, 5 * CP_US);
    bench_emit(b, CP_OP_COMPUTE, CP_ARG_CONST, CP_COMPUTE_NOGIL, bench_const(b, 2 * CP_US));
    bench_compute(b, 10 * CP_US);
    bench_emit(b, CP_OP_COMPUTE, CP_ARG_CONST, CP_COMPUTE_NOGIL,
               bench_const(b, 50 * CP_US));
    bench_mark(b, "echo");
    bench_emit(b, CP_OP_JUMP, 0, 0, top);
    hog(b, "X", 3 * CP_S, 0);
    b->until = CP_S;
    bench_run(b);
    CpTime period = bench_marked(b, "echo", 11) - bench_marked(b, "echo", 10);
    assert_in_range(period, 5000 * CP_US, 5150 * CP_US);
    bench_free(b);
}

static void make_deadlock(Bench *b, const char *name, uint32_t first, uint32_t second)
{
    bench_thread(b, name, 0);
    bench_emit(b, CP_OP_LOCK, 0, CP_REG_NONE, first);
    bench_sleep(b, CP_S);
    bench_emit(b, CP_OP_LOCK, 0, CP_REG_NONE, second);
    bench_emit(b, CP_OP_UNLOCK, 0, 0, second);
    bench_emit(b, CP_OP_UNLOCK, 0, 0, first);
    bench_end(b);
}

static void test_deadlock(void **state)
{
    (void)state;
    Bench *b = bench_new("3.12", 2);
    uint32_t l1 = cp_workload_obj(b->w, "L1", CP_OBJ_LOCK);
    uint32_t l2 = cp_workload_obj(b->w, "L2", CP_OBJ_LOCK);
    make_deadlock(b, "t1", l1, l2);
    make_deadlock(b, "t2", l2, l1);
    bench_run(b);
    assert_int_equal(b->outcome, CP_OUTCOME_DEADLOCK);
    assert_int_equal(bench_diagnoses(b, "lock cycle"), 1);
    assert_int_equal(bench_metric(b, "makespan"), CP_S);
    bench_free(b);
    b = bench_new("3.12", 2);
    l1 = cp_workload_obj(b->w, "L1", CP_OBJ_LOCK);
    l2 = cp_workload_obj(b->w, "L2", CP_OBJ_LOCK);
    make_deadlock(b, "t1", l1, l2);
    make_deadlock(b, "t2", l1, l2);
    bench_run(b);
    assert_int_equal(bench_thread_end(b, "t1"), CP_S);
    assert_int_equal(bench_thread_end(b, "t2"), 2 * CP_S);
    bench_free(b);
}

/* LOAD, ADD, STORE of 10 ns each and a loop of 20 ns: B asks in the middle of A's ADD. */
static Bench *race(const char *version, bool call, CpTime second)
{
    Bench *b = bench_new(version, 2);
    bench_set(b, "var.add", "50ns");
    bench_set(b, "gil.interval", "1ms");
    const CpVarDecl var = {cp_workload_string(b->w, "x"), b->proc, 0, false};
    g_array_append_val(b->w->vars, var);
    for (int i = 0; i < 2; i++) {
        uint32_t t = bench_thread(b, i == 0 ? "A" : "B", 4);
        cp_thread_decl(b->w, t)->start = i == 0 ? 0 : second;
        bench_set_reg(b, 2, 1);
        bench_set_reg(b, 3, 100000);
        uint32_t top = bench_emit(b, CP_OP_VAR_ADD, call, 2, 0);
        bench_emit(b, CP_OP_LOOP, 0, 3, top);
        bench_end(b);
    }
    bench_run(b);
    return b;
}

static void test_race(void **state)
{
    (void)state;
    Bench *b = race("3.9", false, 15);
    assert_true(bench_metric(b, "var.x") < 200000);
    assert_int_equal(bench_diagnoses(b, "lost update"), 1);
    bench_free(b);
    b = race("3.12", false, 15);
    assert_int_equal(bench_metric(b, "var.x"), 200000);
    bench_free(b);
    b = race("3.12", true, 15);
    assert_true(bench_metric(b, "var.x") < 200000);
    bench_free(b);
    b = race("3.14t", false, 15);
    assert_in_range(bench_metric(b, "var.x"), 2, 200000);
    bench_free(b);
}

/* start() of a CPU-bound thread returns when the parent has the GIL again. */
static void test_start_under_load(void **state)
{
    (void)state;
    Bench *b = bench_new("3.12", 4);
    bench_set(b, "thread.boot", "100us");
    uint32_t main = bench_thread(b, "main", 0);
    (void)main;
    bench_emit(b, CP_OP_SPAWN, CP_REG_FREE, 0, 1);
    bench_mark(b, "first");
    bench_emit(b, CP_OP_SPAWN, CP_REG_FREE, 0, 2);
    bench_mark(b, "second");
    bench_end(b);
    for (int i = 0; i < 2; i++) {
        bench_spawned(b, i == 0 ? "t1" : "t2", 0, 0);
        bench_compute(b, 100 * CP_MS);
        bench_end(b);
    }
    bench_run(b);
    assert_int_equal(bench_marked(b, "first", 0), 5100 * CP_US);
    assert_int_equal(bench_marked(b, "second", 0), 15100 * CP_US);
    bench_free(b);
}

/* The background thread of the seed: daemon threads end with the main thread. */
static void test_daemon(void **state)
{
    (void)state;
    for (int daemon = 0; daemon < 2; daemon++) {
        Bench *b = bench_new("3.12", 2);
        bench_thread(b, "main", 0);
        bench_emit(b, CP_OP_SPAWN, CP_REG_FREE, 0, 1);
        bench_mark(b, "main");
        bench_sleep(b, 5 * CP_S);
        bench_end(b);
        bench_spawned(b, "bg", 0, daemon ? CP_THREAD_DAEMON : 0);
        uint32_t top = cp_workload_pc(b->w);
        bench_mark(b, "bg");
        bench_emit(b, CP_OP_PRINT, 0, 0, 0);
        bench_sleep(b, CP_S);
        bench_emit(b, CP_OP_JUMP, 0, 0, top);
        b->until = 20 * CP_S;
        bench_run(b);
        assert_int_equal(b->outcome, daemon ? CP_OUTCOME_DONE : CP_OUTCOME_UNTIL);
        assert_int_equal(bench_metric(b, "makespan"), (daemon ? 5 : 20) * CP_S);
        assert_in_range(bench_marks(b, "bg"), daemon ? 5 : 20, daemon ? 6 : 21);
        bench_free(b);
    }
}

/* Queue, semaphore, event, condition, barrier: producers and consumers come to an end. */
static void test_objects(void **state)
{
    (void)state;
    Bench *b = bench_new("3.12", 2);
    uint32_t q = cp_workload_obj(b->w, "q", CP_OBJ_QUEUE);
    cp_obj_decl(b->w, q)->n = 4;
    for (int i = 0; i < 2; i++) {
        bench_thread(b, i == 0 ? "prod" : "cons", 3);
        bench_set_reg(b, 2, 100);
        uint32_t top = cp_workload_pc(b->w);
        bench_compute(b, i == 0 ? CP_MS : 1500 * CP_US);
        if (i == 0) {
            bench_emit(b, CP_OP_SEND, 0, CP_REG_NONE, q);
        } else {
            bench_emit(b, CP_OP_RECV, 0, CP_REG_NONE, q);
        }
        bench_emit(b, CP_OP_LOOP, 0, 2, top);
        bench_end(b);
    }
    bench_run(b);
    assert_int_equal(b->outcome, CP_OUTCOME_DONE);
    assert_in_range(bench_metric(b, "makespan"), 250 * CP_MS, 251 * CP_MS);
    bench_free(b);
}

/* Timeouts of locks keep their result across the wait for the GIL. */
static void test_timeout(void **state)
{
    (void)state;
    Bench *b = bench_new("3.12", 2);
    uint32_t l = cp_workload_obj(b->w, "L", CP_OBJ_LOCK);
    bench_thread(b, "A", 0);
    bench_emit(b, CP_OP_LOCK, 0, CP_REG_NONE, l);
    bench_sleep(b, CP_MS);
    bench_compute(b, 3 * CP_MS);
    bench_sleep(b, 10 * CP_MS);
    bench_end(b);
    uint32_t t = bench_thread(b, "B", 3);
    cp_thread_decl(b->w, t)->start = 100 * CP_US;
    bench_set_reg(b, 2, 2 * CP_MS);
    bench_emit(b, CP_OP_LOCK, 0, 2, l);
    bench_emit(b, CP_OP_JUMP_TIMEOUT, 0, 0, cp_workload_pc(b->w) + 2);
    bench_mark(b, "got it");
    bench_mark(b, "late");
    bench_end(b);
    bench_run(b);
    assert_int_equal(bench_marks(b, "got it"), 0);
    assert_int_equal(bench_marked(b, "late", 0), 4 * CP_MS);
    bench_free(b);
}

/* Processes have locks of their own. */
static void test_processes(void **state)
{
    (void)state;
    Bench *b = bench_new("3.12", 2);
    bench_thread(b, "main", 0);
    bench_emit(b, CP_OP_SPAWN, CP_REG_FREE, 0, 1);
    bench_emit(b, CP_OP_SPAWN, CP_REG_FREE, 0, 1);
    bench_emit(b, CP_OP_JOIN, 0, CP_REG_NONE, CP_NONE);
    bench_end(b);
    bench_spawned(b, "child", 0, CP_THREAD_FORKS);
    bench_compute(b, 20 * CP_MS);
    bench_end(b);
    bench_run(b);
    assert_int_equal(bench_metric(b, "makespan"), 20 * CP_MS);
    bench_free(b);
}

/* The same seed gives the same bytes. */
static void test_same(void **state)
{
    (void)state;
    GArray *first = NULL;
    for (int round = 0; round < 2; round++) {
        Bench *b = bench_new("3.12", 2);
        b->costs = "reference";
        for (int i = 0; i < 5; i++) {
            g_autofree char *name = g_strdup_printf("t%d", i);
            bench_thread(b, name, 0);
            bench_compute(b, 20 * CP_MS);
            bench_sleep(b, CP_MS);
            bench_compute(b, 20 * CP_MS);
            bench_end(b);
        }
        bench_run(b);
        if (first == NULL) {
            first = g_array_copy(b->records);
        } else {
            assert_int_equal(first->len, b->records->len);
            assert_memory_equal(first->data, b->records->data, first->len * sizeof(PyRec));
        }
        bench_free(b);
    }
    g_array_unref(first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_hogs),         cmocka_unit_test(test_two_hogs_without),
        cmocka_unit_test(test_two_hogs_tick),    cmocka_unit_test(test_tick_battle),
        cmocka_unit_test(test_three_hogs),       cmocka_unit_test(test_convoy),
        cmocka_unit_test(test_starvation),       cmocka_unit_test(test_two_releases),
        cmocka_unit_test(test_deadlock),         cmocka_unit_test(test_race),
        cmocka_unit_test(test_start_under_load), cmocka_unit_test(test_daemon),
        cmocka_unit_test(test_objects),          cmocka_unit_test(test_timeout),
        cmocka_unit_test(test_processes),        cmocka_unit_test(test_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
