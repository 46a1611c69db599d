#include "tests/unit/python-bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* Executors, process pools and what the worked examples say of them. */

enum { R0 = CP_REG_FREE, R1, R2, R3, R4, R5 };

static uint32_t call(Bench *b, uint32_t task, uint32_t pool, uint16_t first, uint16_t n,
                     uint32_t flags)
{
    uint32_t c = cp_workload_call(b->w, task);
    CpCallDecl *d = cp_call_decl(b->w, c);
    d->pool = pool;
    d->first_arg = first;
    d->n_args = n;
    d->flags = flags;
    return c;
}

static uint32_t sleeper(Bench *b, const char *name)
{
    uint32_t t = bench_task(b, name, 4, 0);
    bench_emit(b, CP_OP_SLEEP, CP_ARG_REG, 0, R0);
    bench_mark(b, name);
    bench_move(b, CP_REG_VALUE, R0);
    bench_return(b);
    return t;
}

static unsigned threads(const Bench *b)
{
    return cp_sim_n_threads(b->sim);
}

/* Two workers, jobs of one second. */
static void test_threads(void **state)
{
    (void)state;
    Bench *b = bench_new("3.12", 4);
    uint32_t main = bench_thread(b, "main", 8);
    (void)main;
    bench_emit(b, CP_OP_POOL_OPEN, 0, 0, 0);
    bench_set_reg(b, R0, CP_S);
    bench_emit(b, CP_OP_SUBMIT, 0, 0, 0);
    bench_emit(b, CP_OP_SUBMIT, 0, 0, 0);
    bench_emit(b, CP_OP_POOL_SHUTDOWN, CP_SHUTDOWN_WAIT, 0, 0);
    bench_mark(b, "closed");
    bench_end(b);
    uint32_t pool = cp_workload_pool(b->w, b->proc, "ex", CP_POOL_THREADS, 2);
    call(b, sleeper(b, "job"), pool, R0, 1, 0);
    bench_run(b);
    assert_int_equal(b->outcome, CP_OUTCOME_DONE);
    assert_int_equal(bench_marks(b, "job"), 2);
    assert_int_equal(bench_marked(b, "closed", 0), CP_S);
    assert_int_equal(threads(b), 3);
    bench_free(b);
}

/* A worker that is idle again is used again. */
static void test_on_demand(void **state)
{
    (void)state;
    Bench *b = bench_new("3.12", 4);
    bench_thread(b, "main", 8);
    bench_set_reg(b, R0, CP_MS);
    bench_set_reg(b, R1, 5);
    uint32_t top = bench_emit(b, CP_OP_SUBMIT, 0, 0, 0);
    bench_emit(b, CP_OP_RESULT, CP_REG_VALUE, CP_REG_NONE, 0);
    bench_sleep(b, CP_MS);
    bench_emit(b, CP_OP_LOOP, 0, R1, top);
    bench_end(b);
    uint32_t pool = cp_workload_pool(b->w, b->proc, "ex", CP_POOL_THREADS, 4);
    call(b, sleeper(b, "job"), pool, R0, 1, CP_CALL_KEEP);
    bench_run(b);
    assert_int_equal(b->outcome, CP_OUTCOME_DONE);
    assert_int_equal(bench_marks(b, "job"), 5);
    assert_int_equal(threads(b), 2);
    bench_free(b);
}

/* as_completed: in the order they finish; results carry values. */
static void test_as_completed(void **state)
{
    static const CpTime lengths[] = {50 * CP_MS, 300 * CP_MS, 800 * CP_MS, 500 * CP_MS};
    (void)state;
    Bench *b = bench_new("3.12", 4);
    const CpVarDecl var = {cp_workload_string(b->w, "sum"), b->proc, 0, false};
    g_array_append_val(b->w->vars, var);
    bench_thread(b, "main", 10);
    for (size_t i = 0; i < G_N_ELEMENTS(lengths); i++) {
        bench_set_reg(b, R0, lengths[i]);
        bench_emit(b, CP_OP_SUBMIT, 0, 0, 0);
    }
    bench_emit(b, CP_OP_AS_COMPLETED, 0, R1, 0);
    uint32_t top = bench_emit(b, CP_OP_ITER_NEXT, 0, R1, 0);
    bench_mark(b, "next");
    bench_emit(b, CP_OP_ARITH, CP_ADD, R2, (uint32_t)R2 | (uint32_t)CP_REG_VALUE << 16);
    bench_emit(b, CP_OP_JUMP, 0, 0, top);
    cp_insn(b->w, top)->c = cp_workload_pc(b->w);
    bench_emit(b, CP_OP_STORE, 0, R2, 0);
    bench_end(b);
    uint32_t pool = cp_workload_pool(b->w, b->proc, "ex", CP_POOL_THREADS, 5);
    call(b, sleeper(b, "load"), pool, R0, 1, 0);
    bench_run(b);
    assert_int_equal(b->outcome, CP_OUTCOME_DONE);
    assert_int_equal(bench_marked(b, "next", 0), 50 * CP_MS);
    assert_int_equal(bench_marked(b, "next", 1), 300 * CP_MS);
    assert_int_equal(bench_marked(b, "next", 2), 500 * CP_MS);
    assert_int_equal(bench_marked(b, "next", 3), 800 * CP_MS);
    assert_int_equal(bench_metric(b, "var.sum"), 1650 * CP_MS);
    bench_free(b);
}

/* ProcessPoolExecutor(2), five jobs of a second; a sixth can still be cancelled. */
static void test_processes(void **state)
{
    (void)state;
    Bench *b = bench_new("3.12", 4);
    const CpVarDecl var = {cp_workload_string(b->w, "cancelled"), b->proc, 0, false};
    g_array_append_val(b->w->vars, var);
    bench_thread(b, "main", 10);
    bench_set_reg(b, R0, CP_S);
    bench_set_reg(b, R1, 5);
    uint32_t top = bench_emit(b, CP_OP_SUBMIT, 0, 0, 0);
    bench_emit(b, CP_OP_LOOP, 0, R1, top);
    bench_sleep(b, CP_MS);
    bench_emit(b, CP_OP_SUBMIT, 0, 0, 0);
    bench_emit(b, CP_OP_CANCEL, CP_REG_VALUE, 0, 0);
    bench_emit(b, CP_OP_STORE, 0, CP_REG_VALUE, 0);
    bench_emit(b, CP_OP_POOL_SHUTDOWN, CP_SHUTDOWN_WAIT, 0, 0);
    bench_mark(b, "closed");
    bench_end(b);
    uint32_t pool = cp_workload_pool(b->w, b->proc, "ex", CP_POOL_PROCESSES, 2);
    call(b, sleeper(b, "job"), pool, R0, 1, CP_CALL_KEEP);
    bench_run(b);
    assert_int_equal(b->outcome, CP_OUTCOME_DONE);
    static const CpTime ends[] = {CP_S, CP_S, 2 * CP_S, 2 * CP_S, 3 * CP_S};
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(bench_marked(b, "job", i), ends[i]);
    }
    assert_int_equal(bench_metric(b, "var.cancelled"), 1);
    assert_int_equal(bench_marked(b, "closed", 0), 3 * CP_S);
    bench_free(b);
}

/* Pool(5).map(f, [1, 2, 3]): chunk 1, three tasks; results in order. */
static void test_map(void **state)
{
    (void)state;
    for (int kind = CP_POOL_THREADS; kind <= CP_POOL_WORKERS; kind++) {
        Bench *b = bench_new("3.12", 4);
        const CpVarDecl var = {cp_workload_string(b->w, "x"), b->proc, 0, false};
        g_array_append_val(b->w->vars, var);
        bench_thread(b, "main", 12);
        bench_emit(b, CP_OP_POOL_OPEN, 0, 0, 0);
        bench_emit(b, CP_OP_MAP, 0, R1, 0);
        uint32_t top = bench_emit(b, CP_OP_ITER_NEXT, 0, R1, 0);
        bench_set_reg(b, R3, 10);
        bench_emit(b, CP_OP_ARITH, CP_MUL, R2, (uint32_t)R2 | (uint32_t)R3 << 16);
        bench_emit(b, CP_OP_ARITH, CP_ADD, R2, (uint32_t)R2 | (uint32_t)CP_REG_VALUE << 16);
        bench_emit(b, CP_OP_JUMP, 0, 0, top);
        cp_insn(b->w, top)->c = cp_workload_pc(b->w);
        bench_emit(b, CP_OP_STORE, 0, R2, 0);
        bench_emit(b, CP_OP_POOL_SHUTDOWN, CP_SHUTDOWN_WAIT, 0, 0);
        bench_end(b);
        uint32_t pool = cp_workload_pool(b->w, b->proc, "p", (CpPoolKind)kind, 5);
        uint32_t square = bench_task(b, "square", 4, 0);
        bench_compute(b, CP_MS);
        bench_emit(b, CP_OP_ARITH, CP_MUL, CP_REG_VALUE, (uint32_t)R0 | (uint32_t)R0 << 16);
        bench_return(b);
        uint32_t c = call(b, square, pool, 0, 0, 0);
        cp_call_decl(b->w, c)->list = cp_workload_list(b->w, (const int64_t[]){1, 2, 3}, 3);
        bench_run(b);
        assert_int_equal(b->outcome, CP_OUTCOME_DONE);
        assert_int_equal(bench_metric(b, "var.x"), 149);
        bench_free(b);
    }
}

/* Pool(4).map over 1 000: chunks of 63, the last of 55. */
static void test_chunks(void **state)
{
    (void)state;
    Bench *b = bench_new("3.12", 4);
    bench_thread(b, "main", 12);
    bench_emit(b, CP_OP_POOL_OPEN, 0, 0, 0);
    bench_set_reg(b, R2, 1);
    bench_set_reg(b, R3, 1000);
    bench_emit(b, CP_OP_MAP, 0, R1, 0);
    bench_emit(b, CP_OP_ITER_ALL, 0, R1, 0);
    bench_emit(b, CP_OP_POOL_SHUTDOWN, CP_SHUTDOWN_WAIT, 0, 0);
    bench_end(b);
    uint32_t pool = cp_workload_pool(b->w, b->proc, "p", CP_POOL_WORKERS, 4);
    uint32_t work = bench_task(b, "work", 4, 0);
    bench_compute(b, CP_MS);
    bench_mark(b, "work");
    bench_return(b);
    uint32_t c = call(b, work, pool, 0, 0, 0);
    cp_call_decl(b->w, c)->from = R2;
    bench_run(b);
    assert_int_equal(b->outcome, CP_OUTCOME_DONE);
    assert_int_equal(bench_marks(b, "work"), 1000);
    assert_int_equal(bench_count(b, CP_REC_TASK_CREATE), 16);
    /* four rounds of chunks on four cores */
    assert_in_range(bench_metric(b, "makespan"), 250 * CP_MS, 253 * CP_MS);
    bench_free(b);
}

/* Interpreters of their own run side by side; threads of one do not. */
static void test_interpreters(void **state)
{
    (void)state;
    for (int own = 0; own < 2; own++) {
        Bench *b = bench_new("3.14", 4);
        bench_thread(b, "main", 8);
        bench_set_reg(b, R0, 20 * CP_MS);
        for (int i = 0; i < 4; i++) {
            bench_emit(b, CP_OP_SUBMIT, 0, 0, 0);
        }
        bench_emit(b, CP_OP_POOL_SHUTDOWN, CP_SHUTDOWN_WAIT, 0, 0);
        bench_end(b);
        uint32_t pool = cp_workload_pool(b->w, b->proc, "ex",
                                         own ? CP_POOL_INTERPRETERS : CP_POOL_THREADS, 4);
        uint32_t burn = bench_task(b, "burn", 4, 0);
        bench_emit(b, CP_OP_COMPUTE, CP_ARG_REG, 0, R0);
        bench_return(b);
        call(b, burn, pool, R0, 1, 0);
        bench_run(b);
        assert_int_equal(b->outcome, CP_OUTCOME_DONE);
        assert_int_equal(bench_metric(b, "makespan"), (own ? 20 : 80) * CP_MS);
        bench_free(b);
    }
}

/* An exception of the call reaches whoever asks for its result; a limit is kept. */
static void test_results(void **state)
{
    (void)state;
    Bench *b = bench_new("3.12", 4);
    uint32_t error = cp_workload_string(b->w, "ValueError");
    bench_thread(b, "main", 10);
    bench_emit(b, CP_OP_SUBMIT, 0, 0, 0);
    bench_move(b, R2, CP_REG_VALUE);
    bench_set_reg(b, R1, 100 * CP_MS);
    bench_emit(b, CP_OP_RESULT, R2, R1, 0);
    bench_emit(b, CP_OP_JUMP_TIMEOUT, 0, 0, cp_workload_pc(b->w) + 2);
    bench_mark(b, "too early");
    bench_mark(b, "late");
    uint32_t try = bench_emit(b, CP_OP_TRY, 0, R0, 0);
    bench_emit(b, CP_OP_RESULT, R2, CP_REG_NONE, 0);
    bench_mark(b, "no exception");
    bench_emit(b, CP_OP_TRY_END, 0, R0, 0);
    cp_insn(b->w, try)->c = cp_workload_pc(b->w);
    bench_mark(b, "caught");
    bench_emit(b, CP_OP_RAISE, 0, 0, error);
    uint32_t pool = cp_workload_pool(b->w, b->proc, "ex", CP_POOL_THREADS, 2);
    uint32_t fails = bench_task(b, "fails", 4, 0);
    bench_sleep(b, CP_S);
    bench_emit(b, CP_OP_RAISE, 0, 0, error);
    call(b, fails, pool, 0, 0, CP_CALL_KEEP);
    bench_run(b);
    assert_int_equal(b->outcome, CP_OUTCOME_DONE);
    assert_int_equal(bench_marks(b, "too early") + bench_marks(b, "no exception"), 0);
    assert_int_equal(bench_marked(b, "late", 0), 100 * CP_MS);
    assert_int_equal(bench_marked(b, "caught", 0), CP_S);
    assert_int_equal(bench_diagnoses(b, "unhandled exception"), 1);
    bench_free(b);
}

/* concurrent.futures.wait: the first, or all. */
static void test_wait(void **state)
{
    static const CpTime lengths[] = {3 * CP_S, CP_S, 2 * CP_S};
    (void)state;
    for (int all = 0; all < 2; all++) {
        Bench *b = bench_new("3.12", 4);
        bench_thread(b, "main", 10);
        for (size_t i = 0; i < G_N_ELEMENTS(lengths); i++) {
            bench_set_reg(b, R0, lengths[i]);
            bench_emit(b, CP_OP_SUBMIT, 0, 0, 0);
        }
        bench_emit(b, CP_OP_COMPLETED, all ? CP_GROUP_ALL : CP_GROUP_FIRST, CP_REG_NONE, 0);
        bench_mark(b, "after");
        bench_end(b);
        uint32_t pool = cp_workload_pool(b->w, b->proc, "ex", CP_POOL_THREADS, 5);
        call(b, sleeper(b, "job"), pool, R0, 1, 0);
        bench_run(b);
        assert_int_equal(b->outcome, CP_OUTCOME_DONE);
        assert_int_equal(bench_marked(b, "after", 0), (all ? 3 : 1) * CP_S);
        assert_int_equal(bench_metric(b, "makespan"), 3 * CP_S);
        bench_free(b);
    }
}

/* With the costs of the version: a process pool's round trip is near what was measured. */
static void test_round_trip(void **state)
{
    (void)state;
    Bench *b = bench_new("3.12", 2);
    b->costs = "reference";
    bench_thread(b, "main", 8);
    bench_set_reg(b, R1, 100);
    bench_emit(b, CP_OP_SUBMIT, 0, 0, 0);
    bench_emit(b, CP_OP_RESULT, CP_REG_VALUE, CP_REG_NONE, 0);
    bench_mark(b, "start");
    uint32_t top = bench_emit(b, CP_OP_SUBMIT, 0, 0, 0);
    bench_emit(b, CP_OP_RESULT, CP_REG_VALUE, CP_REG_NONE, 0);
    bench_emit(b, CP_OP_LOOP, 0, R1, top);
    bench_mark(b, "end");
    bench_end(b);
    uint32_t pool = cp_workload_pool(b->w, b->proc, "ex", CP_POOL_PROCESSES, 2);
    uint32_t work = bench_task(b, "work", 4, 0);
    bench_compute(b, CP_US);
    bench_return(b);
    call(b, work, pool, 0, 0, CP_CALL_KEEP);
    bench_run(b);
    assert_int_equal(b->outcome, CP_OUTCOME_DONE);
    CpTime each = (bench_marked(b, "end", 0) - bench_marked(b, "start", 0)) / 100;
    print_message("round trip %" G_GINT64_FORMAT " ns\n", each);
    assert_in_range(each, 30 * CP_US, 400 * CP_US);
    bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads),      cmocka_unit_test(test_on_demand),
        cmocka_unit_test(test_as_completed), cmocka_unit_test(test_processes),
        cmocka_unit_test(test_map),          cmocka_unit_test(test_chunks),
        cmocka_unit_test(test_interpreters), cmocka_unit_test(test_results),
        cmocka_unit_test(test_wait),         cmocka_unit_test(test_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
