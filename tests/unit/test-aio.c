#include "sim/object.h"
#include "sim/thread.h"
#include "tests/unit/python-bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* The worked examples of asyncio: times, orders and the number of loop iterations. */

enum { R0 = CP_REG_FREE, R1, R2, R3, R4, R5 };

static uint32_t call(Bench *b, uint32_t task, uint16_t first, uint16_t n, uint32_t flags)
{
    uint32_t c = cp_workload_call(b->w, task);
    cp_call_decl(b->w, c)->first_arg = first;
    cp_call_decl(b->w, c)->n_args = n;
    cp_call_decl(b->w, c)->flags = flags;
    return c;
}

/* thread main: asyncio.run of that task */
static void run_loop(Bench *b, uint32_t task)
{
    bench_thread(b, "main", 0);
    bench_emit(b, CP_OP_LOOP_RUN, 0, 0, call(b, task, 0, 0, 0));
    bench_end(b);
}

/* A coroutine that sleeps its argument and marks its end. */
static uint32_t sleeper(Bench *b, const char *name)
{
    uint32_t t = bench_task(b, name, 4, CP_TASK_ASYNC);
    bench_emit(b, CP_OP_AWAIT_SLEEP, CP_ARG_REG, 0, R0);
    bench_mark(b, name);
    bench_return(b);
    return t;
}

static void group(Bench *b, CpGroupKind kind, uint32_t task, const CpTime *lengths,
                  size_t n)
{
    bench_emit(b, CP_OP_GROUP, kind, R5, 0);
    for (size_t i = 0; i < n; i++) {
        bench_set_reg(b, R4, lengths[i]);
        bench_emit(b, CP_OP_CREATE, 0, 0, call(b, task, R4, 1, 0));
        bench_emit(b, CP_OP_GROUP_ADD, CP_REG_VALUE, R5, 0);
    }
    bench_emit(b, CP_OP_GROUP_AWAIT, R5, CP_REG_NONE, 0);
}

static unsigned blocking_selects(const Bench *b)
{
    unsigned n = 0;
    for (guint i = 0; i < b->records->len; i++) {
        const PyRec *r = &g_array_index(b->records, PyRec, i);
        n += r->kind == CP_REC_LOOP_SELECT && r->value > 0;
    }
    return n;
}

static Bench *steps(const char *version, uint32_t flags)
{
    static const CpTime lengths[] = {3 * CP_S, 5 * CP_S, CP_S};
    Bench *b = bench_new(version, 2);
    uint32_t end = sleeper(b, "end");
    uint32_t main = bench_task(b, "main", 8, CP_TASK_ASYNC | flags);
    group(b, CP_GROUP_ALL, end, lengths, 3);
    bench_mark(b, "main");
    bench_return(b);
    run_loop(b, main);
    bench_run(b);
    return b;
}

static void test_steps(void **state)
{
    static const char *const versions[] = {"3.8", "3.11", "3.13"};
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(versions); i++) {
        Bench *b = steps(versions[i], 0);
        assert_int_equal(b->outcome, CP_OUTCOME_DONE);
        assert_int_equal(bench_metric(b, "makespan"), 5 * CP_S);
        assert_int_equal(bench_marked(b, "end", 0), CP_S);
        assert_int_equal(bench_marked(b, "end", 1), 3 * CP_S);
        assert_int_equal(bench_marked(b, "end", 2), 5 * CP_S);
        assert_int_equal(bench_metric(b, "loop_iterations"), 13);
        assert_int_equal(blocking_selects(b), 3);
        bench_free(b);
    }
    Bench *b = steps("3.13", CP_TASK_EAGER);
    assert_int_equal(bench_metric(b, "makespan"), 5 * CP_S);
    assert_int_equal(bench_metric(b, "loop_iterations"), 12);
    bench_free(b);
}

static void test_gather(void **state)
{
    static const CpTime lengths[] = {CP_S, CP_S};
    (void)state;
    Bench *b = bench_new("3.12", 2);
    uint32_t end = sleeper(b, "end");
    uint32_t main = bench_task(b, "main", 8, CP_TASK_ASYNC);
    group(b, CP_GROUP_GATHER, end, lengths, 2);
    bench_return(b);
    run_loop(b, main);
    bench_run(b);
    assert_int_equal(bench_metric(b, "loop_iterations"), 7);
    assert_int_equal(blocking_selects(b), 1);
    assert_int_equal(bench_metric(b, "makespan"), CP_S);
    assert_int_equal(bench_metric(b, "tasks"), 3);
    bench_free(b);
}

/* Five, ten and twenty seconds, all at once. */
static void test_cafe(void **state)
{
    static const CpTime lengths[] = {5 * CP_S, 10 * CP_S, 20 * CP_S};
    (void)state;
    Bench *b = bench_new("3.12", 4);
    uint32_t serve = sleeper(b, "serve");
    uint32_t main = bench_task(b, "main", 8, CP_TASK_ASYNC);
    group(b, CP_GROUP_GATHER, serve, lengths, 3);
    bench_return(b);
    run_loop(b, main);
    bench_run(b);
    assert_int_equal(bench_metric(b, "makespan"), 20 * CP_S);
    bench_free(b);
}

/* A heartbeat each 0.1 s, and time.sleep(3) in another task at 0.25 s: on the loop, or in
 * an executor. */
static Bench *heartbeat(bool in_executor)
{
    Bench *b = bench_new("3.12", 2);
    uint32_t pool = cp_workload_pool(b->w, b->proc, "default", CP_POOL_THREADS, 0);
    uint32_t beat = bench_task(b, "beat", 4, CP_TASK_ASYNC);
    uint32_t top = cp_workload_pc(b->w);
    bench_await_sleep(b, 100 * CP_MS);
    bench_mark(b, "beat");
    bench_emit(b, CP_OP_JUMP, 0, 0, top);
    bench_return(b);
    uint32_t blocker = bench_task(b, "blocker", 4, 0);
    bench_sleep(b, 3 * CP_S);
    bench_return(b);
    uint32_t main = bench_task(b, "main", 8, CP_TASK_ASYNC);
    bench_emit(b, CP_OP_CREATE, 0, 0, call(b, beat, 0, 0, 0));
    bench_await_sleep(b, 250 * CP_MS);
    if (in_executor) {
        uint32_t c = call(b, blocker, 0, 0, CP_CALL_KEEP);
        cp_call_decl(b->w, c)->pool = pool;
        bench_emit(b, CP_OP_EXECUTOR, 0, 0, c);
        bench_emit(b, CP_OP_AWAIT, CP_REG_VALUE, CP_REG_NONE, 0);
    } else {
        bench_sleep(b, 3 * CP_S);
    }
    bench_mark(b, "after");
    bench_await_sleep(b, 500 * CP_MS);
    bench_return(b);
    run_loop(b, main);
    bench_run(b);
    assert_int_equal(b->outcome, CP_OUTCOME_DONE);
    return b;
}

static void test_blocking(void **state)
{
    (void)state;
    Bench *b = heartbeat(false);
    assert_int_equal(bench_marked(b, "beat", 0), 100 * CP_MS);
    assert_int_equal(bench_marked(b, "beat", 1), 200 * CP_MS);
    assert_int_equal(bench_marked(b, "beat", 2), 3250 * CP_MS);
    assert_int_equal(bench_marked(b, "beat", 3), 3350 * CP_MS);
    assert_int_equal(bench_metric(b, "loop_lag.max"), 2950 * CP_MS);
    assert_int_equal(bench_diagnoses(b, "blocked loop"), 1);
    bench_free(b);
    b = heartbeat(true);
    for (unsigned i = 0; i < 33; i++) {
        assert_int_equal(bench_marked(b, "beat", i), (i + 1) * 100 * CP_MS);
    }
    assert_int_equal(bench_marked(b, "after", 0), 3250 * CP_MS);
    assert_int_equal(bench_diagnoses(b, "blocked loop"), 0);
    bench_free(b);
}

static void test_executor_iterations(void **state)
{
    (void)state;
    Bench *b = bench_new("3.13", 2);
    uint32_t pool = cp_workload_pool(b->w, b->proc, "default", CP_POOL_THREADS, 0);
    uint32_t work = bench_task(b, "work", 4, 0);
    bench_compute(b, CP_MS);
    bench_set_reg(b, CP_REG_VALUE, 42);
    bench_return(b);
    uint32_t main = bench_task(b, "main", 8, CP_TASK_ASYNC);
    uint32_t c = call(b, work, 0, 0, CP_CALL_KEEP);
    cp_call_decl(b->w, c)->pool = pool;
    bench_emit(b, CP_OP_EXECUTOR, 0, 0, c);
    bench_emit(b, CP_OP_AWAIT, CP_REG_VALUE, CP_REG_NONE, 0);
    bench_emit(b, CP_OP_STORE, 0, CP_REG_VALUE, 0);
    bench_return(b);
    const CpVarDecl var = {cp_workload_string(b->w, "x"), b->proc, 0, false};
    g_array_append_val(b->w->vars, var);
    run_loop(b, main);
    bench_run(b);
    assert_int_equal(bench_metric(b, "loop_iterations"), 4);
    assert_int_equal(bench_metric(b, "var.x"), 42);
    assert_int_equal(bench_metric(b, "makespan"), CP_MS);
    bench_free(b);
}

/* wait_for that expires: with an own task up to 3.11, a timeout block after. */
static void test_timeouts(void **state)
{
    (void)state;
    Bench *b = bench_new("3.11", 2);
    uint32_t slow = sleeper(b, "slow");
    uint32_t main = bench_task(b, "main", 8, CP_TASK_ASYNC);
    bench_set_reg(b, R0, 5 * CP_S);
    bench_emit(b, CP_OP_CREATE, 0, 0, call(b, slow, R0, 1, CP_CALL_KEEP));
    bench_set_reg(b, R1, CP_S);
    bench_emit(b, CP_OP_AWAIT, CP_REG_VALUE, R1, 0);
    bench_emit(b, CP_OP_JUMP_TIMEOUT, 0, 0, cp_workload_pc(b->w) + 2);
    bench_mark(b, "in time");
    bench_mark(b, "after");
    bench_return(b);
    run_loop(b, main);
    bench_run(b);
    assert_int_equal(bench_marks(b, "in time"), 0);
    assert_int_equal(bench_marked(b, "after", 0), CP_S);
    assert_int_equal(bench_marks(b, "slow"), 0);
    assert_int_equal(bench_metric(b, "makespan"), CP_S);
    bench_free(b);

    b = bench_new("3.13", 2);
    main = bench_task(b, "main", 8, CP_TASK_ASYNC);
    bench_emit(b, CP_OP_TIMEOUT_BEGIN, CP_ARG_CONST, R0, bench_const(b, CP_S));
    bench_await_sleep(b, 5 * CP_S);
    bench_mark(b, "slow");
    bench_emit(b, CP_OP_TIMEOUT_END, 0, R0, 0);
    bench_emit(b, CP_OP_JUMP_TIMEOUT, 0, 0, cp_workload_pc(b->w) + 2);
    bench_mark(b, "in time");
    bench_mark(b, "after");
    bench_emit(b, CP_OP_TIMEOUT_BEGIN, CP_ARG_CONST, R0, bench_const(b, CP_S));
    bench_await_sleep(b, 100 * CP_MS);
    bench_emit(b, CP_OP_TIMEOUT_END, 0, R0, 0);
    bench_emit(b, CP_OP_JUMP_TIMEOUT, 0, 0, cp_workload_pc(b->w) + 2);
    bench_mark(b, "second in time");
    bench_return(b);
    run_loop(b, main);
    bench_run(b);
    assert_int_equal(bench_marks(b, "in time") + bench_marks(b, "slow"), 0);
    assert_int_equal(bench_marked(b, "after", 0), CP_S);
    assert_int_equal(bench_marked(b, "second in time", 0), 1100 * CP_MS);
    bench_free(b);
}

/* A cancelled task sees the exception, may clean up, and its awaiter learns. */
static void test_cancel(void **state)
{
    (void)state;
    Bench *b = bench_new("3.12", 2);
    uint32_t cancelled = cp_workload_string(b->w, "cancelled");
    uint32_t victim = bench_task(b, "victim", 8, CP_TASK_ASYNC);
    uint32_t try = bench_emit(b, CP_OP_TRY, 0, R0, 0);
    bench_await_sleep(b, 10 * CP_S);
    bench_emit(b, CP_OP_TRY_END, 0, R0, 0);
    bench_return(b);
    cp_insn(b->w, try)->c = cp_workload_pc(b->w);
    bench_mark(b, "clean up");
    bench_emit(b, CP_OP_RERAISE, 0, R0, 0);
    uint32_t main = bench_task(b, "main", 8, CP_TASK_ASYNC);
    bench_emit(b, CP_OP_CREATE, 0, 0, call(b, victim, 0, 0, CP_CALL_KEEP));
    bench_move(b, R2, CP_REG_VALUE);
    bench_await_sleep(b, CP_S);
    bench_emit(b, CP_OP_CANCEL, R2, 0, 0);
    try = bench_emit(b, CP_OP_TRY, 0, R0, 0);
    bench_emit(b, CP_OP_AWAIT, R2, CP_REG_NONE, 0);
    bench_emit(b, CP_OP_TRY_END, 0, R0, 0);
    bench_mark(b, "not cancelled");
    cp_insn(b->w, try)->c = cp_workload_pc(b->w);
    bench_set_reg(b, R1, cancelled);
    uint32_t jump = bench_emit(b, CP_OP_JUMP_IF, CP_EQ, R0, 0);
    bench_mark(b, "another exception");
    cp_insn(b->w, jump)->c = cp_workload_pc(b->w);
    bench_mark(b, "after");
    bench_return(b);
    run_loop(b, main);
    bench_run(b);
    assert_int_equal(b->outcome, CP_OUTCOME_DONE);
    assert_int_equal(bench_marked(b, "clean up", 0), CP_S);
    assert_int_equal(bench_marked(b, "after", 0), CP_S);
    assert_int_equal(bench_marks(b, "not cancelled") + bench_marks(b, "another exception"),
                     0);
    bench_free(b);
}

/* TaskGroup: the first failure cancels the rest and reaches the awaiter. */
static void test_task_group(void **state)
{
    static const CpTime lengths[] = {3 * CP_S, 5 * CP_S};
    (void)state;
    Bench *b = bench_new("3.12", 2);
    uint32_t error = cp_workload_string(b->w, "ValueError");
    uint32_t end = sleeper(b, "end");
    uint32_t fails = bench_task(b, "fails", 4, CP_TASK_ASYNC);
    bench_await_sleep(b, CP_S);
    bench_emit(b, CP_OP_RAISE, 0, 0, error);
    uint32_t main = bench_task(b, "main", 8, CP_TASK_ASYNC);
    uint32_t try = bench_emit(b, CP_OP_TRY, 0, R0, 0);
    bench_emit(b, CP_OP_GROUP, CP_GROUP_TASKS, R5, 0);
    for (int i = 0; i < 2; i++) {
        bench_set_reg(b, R4, lengths[i]);
        bench_emit(b, CP_OP_CREATE, 0, 0, call(b, end, R4, 1, 0));
        bench_emit(b, CP_OP_GROUP_ADD, CP_REG_VALUE, R5, 0);
    }
    bench_emit(b, CP_OP_CREATE, 0, 0, call(b, fails, 0, 0, 0));
    bench_emit(b, CP_OP_GROUP_ADD, CP_REG_VALUE, R5, 0);
    bench_emit(b, CP_OP_GROUP_AWAIT, R5, CP_REG_NONE, 0);
    bench_emit(b, CP_OP_TRY_END, 0, R0, 0);
    bench_mark(b, "no failure");
    cp_insn(b->w, try)->c = cp_workload_pc(b->w);
    bench_mark(b, "after");
    bench_return(b);
    run_loop(b, main);
    bench_run(b);
    assert_int_equal(bench_marks(b, "end"), 0);
    assert_int_equal(bench_marks(b, "no failure"), 0);
    assert_int_equal(bench_marked(b, "after", 0), CP_S);
    bench_free(b);
}

/* asyncio.Lock is fair; a queue wakes its getter. */
static void test_objects(void **state)
{
    (void)state;
    Bench *b = bench_new("3.12", 2);
    uint32_t lock = cp_workload_obj(b->w, "lock", CP_OBJ_LOCK);
    cp_obj_decl(b->w, lock)->flags = CP_OBJ_ASYNC;
    uint32_t q = cp_workload_obj(b->w, "q", CP_OBJ_QUEUE);
    cp_obj_decl(b->w, q)->flags = CP_OBJ_ASYNC;
    cp_obj_decl(b->w, q)->n = 1;
    uint32_t user = bench_task(b, "user", 4, CP_TASK_ASYNC);
    bench_emit(b, CP_OP_LOCK, 0, CP_REG_NONE, lock);
    bench_await_sleep(b, CP_S);
    bench_mark(b, "locked");
    bench_emit(b, CP_OP_UNLOCK, 0, 0, lock);
    bench_emit(b, CP_OP_SEND, 0, CP_REG_NONE, q);
    bench_return(b);
    uint32_t reader = bench_task(b, "reader", 4, CP_TASK_ASYNC);
    bench_set_reg(b, R1, 3);
    uint32_t top = bench_emit(b, CP_OP_RECV, 0, CP_REG_NONE, q);
    bench_mark(b, "got");
    bench_emit(b, CP_OP_LOOP, 0, R1, top);
    bench_return(b);
    uint32_t main = bench_task(b, "main", 8, CP_TASK_ASYNC);
    bench_emit(b, CP_OP_GROUP, CP_GROUP_GATHER, R5, 0);
    for (int i = 0; i < 4; i++) {
        bench_emit(b, CP_OP_CREATE, 0, 0, call(b, i < 3 ? user : reader, 0, 0, 0));
        bench_emit(b, CP_OP_GROUP_ADD, CP_REG_VALUE, R5, 0);
    }
    bench_emit(b, CP_OP_GROUP_AWAIT, R5, CP_REG_NONE, 0);
    bench_return(b);
    run_loop(b, main);
    bench_run(b);
    assert_int_equal(b->outcome, CP_OUTCOME_DONE);
    assert_int_equal(bench_marked(b, "locked", 2), 3 * CP_S);
    assert_int_equal(bench_marked(b, "got", 2), 3 * CP_S);
    bench_free(b);
}

/* Two loops talk over a socket with latency. */
static void test_streams(void **state)
{
    (void)state;
    Bench *b = bench_new("3.12", 2);
    uint32_t s = cp_workload_obj(b->w, "s", CP_OBJ_SOCKET);
    cp_obj_decl(b->w, s)->latency = 10 * CP_MS;
    uint32_t reader = bench_task(b, "reader", 4, CP_TASK_ASYNC);
    bench_set_reg(b, R1, 3);
    uint32_t top = bench_emit(b, CP_OP_RECV, CP_IO_AWAIT, CP_REG_NONE, s);
    bench_mark(b, "got");
    bench_emit(b, CP_OP_LOOP, 0, R1, top);
    bench_return(b);
    uint32_t writer = bench_task(b, "writer", 4, CP_TASK_ASYNC);
    bench_set_reg(b, R1, 3);
    top = cp_workload_pc(b->w);
    bench_await_sleep(b, 100 * CP_MS);
    bench_emit(b, CP_OP_SEND, CP_IO_AWAIT, CP_REG_NONE, s);
    bench_emit(b, CP_OP_LOOP, 0, R1, top);
    bench_return(b);
    run_loop(b, reader);
    bench_thread(b, "other", 0);
    bench_emit(b, CP_OP_LOOP_RUN, 0, 0, call(b, writer, 0, 0, 0));
    bench_end(b);
    bench_run(b);
    assert_int_equal(b->outcome, CP_OUTCOME_DONE);
    assert_int_equal(bench_marked(b, "got", 0), 110 * CP_MS);
    assert_int_equal(bench_marked(b, "got", 2), 310 * CP_MS);
    bench_free(b);
}

/* call_soon_threadsafe from another thread, call_later, and a cancelled handle. */
static void test_callbacks(void **state)
{
    (void)state;
    Bench *b = bench_new("3.12", 2);
    uint32_t hello = bench_task(b, "hello", 4, 0);
    bench_mark(b, "hello");
    bench_return(b);
    uint32_t main = bench_task(b, "main", 8, CP_TASK_ASYNC);
    uint32_t later = call(b, hello, 0, 0, CP_CALL_KEEP);
    cp_call_decl(b->w, later)->delay_arg = CP_ARG_CONST;
    cp_call_decl(b->w, later)->delay = bench_const(b, CP_S);
    bench_emit(b, CP_OP_CALL_SOON, 0, 0, later);
    bench_emit(b, CP_OP_CALL_SOON, 0, 0, later);
    bench_emit(b, CP_OP_CANCEL, CP_REG_VALUE, 0, 0);
    bench_emit(b, CP_OP_CALL_SOON, 0, 0, call(b, hello, 0, 0, 0));
    bench_await_sleep(b, 3 * CP_S);
    bench_return(b);
    run_loop(b, main);
    bench_thread(b, "other", 0);
    bench_sleep(b, 2 * CP_S);
    uint32_t safe = call(b, hello, 0, 0, 0);
    cp_call_decl(b->w, safe)->thread = 0;
    bench_emit(b, CP_OP_CALL_SOON, 0, 0, safe);
    bench_end(b);
    bench_run(b);
    assert_int_equal(bench_marks(b, "hello"), 3);
    assert_int_equal(bench_marked(b, "hello", 0), 0);
    assert_int_equal(bench_marked(b, "hello", 1), CP_S);
    assert_int_equal(bench_marked(b, "hello", 2), 2 * CP_S);
    bench_free(b);
}

/* Timers are late by rounding to milliseconds, never early; the law holds with costs. */
static void test_many(void **state)
{
    (void)state;
    Bench *b = bench_new("3.13", 2);
    b->costs = "reference";
    uint32_t one = bench_task(b, "one", 4, CP_TASK_ASYNC);
    bench_set_reg(b, R1, 10);
    uint32_t top = cp_workload_pc(b->w);
    bench_emit(b, CP_OP_AWAIT_SLEEP, CP_ARG_DIST, 0,
               cp_workload_dist(b->w, (CpDist){CP_DIST_UNIFORM, 0, {0, 50 * CP_MS, 0}}));
    bench_emit(b, CP_OP_LOOP, 0, R1, top);
    bench_return(b);
    uint32_t main = bench_task(b, "main", 8, CP_TASK_ASYNC);
    bench_emit(b, CP_OP_GROUP, CP_GROUP_GATHER, R5, 0);
    bench_set_reg(b, R2, 1000);
    top = bench_emit(b, CP_OP_CREATE, 0, 0, call(b, one, 0, 0, 0));
    bench_emit(b, CP_OP_GROUP_ADD, CP_REG_VALUE, R5, 0);
    bench_emit(b, CP_OP_LOOP, 0, R2, top);
    bench_emit(b, CP_OP_GROUP_AWAIT, R5, CP_REG_NONE, 0);
    bench_return(b);
    run_loop(b, main);
    bench_run(b);
    assert_int_equal(b->outcome, CP_OUTCOME_DONE);
    assert_int_equal(bench_metric(b, "tasks"), 1001);
    assert_in_range(bench_count(b, CP_REC_LOOP_STEP), 10000, 12000);
    bench_free(b);
}

/* n messages that a coroutine waits for; what the program takes. */
static CpTime messages(const char *key, const char *value, int64_t n)
{
    Bench *b = bench_new("3.12", 2);
    uint32_t sock = cp_workload_obj(b->w, "sock", CP_OBJ_SOCKET);
    cp_obj_decl(b->w, sock)->proc = b->proc;
    bench_set(b, "python.costs", "version");
    bench_set(b, key, value);
    uint32_t to = bench_task(b, "to", 8, CP_TASK_ASYNC);
    bench_set_reg(b, R1, n);
    uint32_t top = bench_emit(b, CP_OP_SEND, CP_IO_AWAIT, CP_REG_NONE, sock);
    bench_emit(b, CP_OP_AWAIT_SLEEP, CP_ARG_CONST, 0, bench_const(b, CP_MS));
    bench_emit(b, CP_OP_LOOP, 0, R1, top);
    bench_return(b);
    uint32_t main = bench_task(b, "main", 8, CP_TASK_ASYNC);
    bench_emit(b, CP_OP_CREATE, 0, 0, call(b, to, 0, 0, 0));
    bench_set_reg(b, R1, n);
    top = bench_emit(b, CP_OP_RECV, CP_IO_AWAIT, CP_REG_NONE, sock);
    bench_emit(b, CP_OP_LOOP, 0, R1, top);
    bench_return(b);
    run_loop(b, main);
    bench_run(b);
    assert_int_equal(b->outcome, CP_OUTCOME_DONE);
    CpTime cpu = cp_thread(b->sim, 0)->cpu_time;
    bench_free(b);
    return cpu;
}

/* A wait for a socket costs what the version needs for it, the calls of the loop less than
 * a stream; a slower machine pays in proportion, and cold caches come on top. */
static void test_costs(void **state)
{
    (void)state;
    CpTime warm = messages("loop.cold", "0", 100);
    CpTime cold = messages("loop.cold", "300us", 100);
    CpTime few = messages("loop.cold", "0", 50);
    CpTime calls = messages("loop.sockets", "calls", 100);
    assert_in_range((warm - few) / 50, 25 * CP_US, 40 * CP_US);
    assert_in_range((cold - calls) / 100, 4 * CP_US, 12 * CP_US);
    assert_in_range((cold - warm) / 100, 10 * CP_US, 20 * CP_US);
    CpTime slow = messages("python.cost_factor", "200%", 100);
    assert_in_range(slow - cold, warm * 95 / 100, warm * 105 / 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_gather),
        cmocka_unit_test(test_cafe),
        cmocka_unit_test(test_blocking),
        cmocka_unit_test(test_executor_iterations),
        cmocka_unit_test(test_timeouts),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_task_group),
        cmocka_unit_test(test_objects),
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_callbacks),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_costs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
