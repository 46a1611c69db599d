#include "models/python/laws.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* The checker of the python runtime's laws finds each kind of break, in records made up one
 * by one. */

enum { WIDE_MAX = 16 };

/* A record with its continuation; `value` of SWITCH and EXIT does not matter. */
typedef struct {
    CpRecordKind kind;
    uint32_t id, other;
    int64_t value;
} Made;

static int64_t label(uint32_t number, uint32_t function)
{
    return (int64_t)number << CP_RECORD_FUNCTION_BITS | (function + 1);
}

/* The message for these records, one a microsecond on CPU 0, and the end of a run; "" if
 * they keep the laws. */
static char *verdict(const Made *made, size_t n, bool done)
{
    CpRecord records[2 * WIDE_MAX];
    size_t len = 0;
    assert_true(n <= WIDE_MAX);
    for (size_t i = 0; i < n; i++) {
        const Made *m = &made[i];
        records[len++] = cp_record_make((CpTime)i * CP_US, m->kind, m->id, 0, 0);
        if (cp_record_info(m->kind)->has_more) {
            records[len++] = cp_record_make(m->value, CP_REC_MORE, m->other, 0, 0);
        }
    }
    CpPyLaws *laws = cp_pylaws_new();
    GError *error = NULL;
    (void)(cp_pylaws_read(laws, records, len, &error) &&
           cp_pylaws_end(laws, done, &error)); /* the message is the verdict */
    cp_pylaws_free(laws);
    char *text = g_strdup(error != NULL ? error->message : "");
    g_clear_error(&error);
    return text;
}

#define EXPECT(text, ...)                                                                  \
    do {                                                                                   \
        const Made made[] = {__VA_ARGS__};                                                 \
        g_autofree char *got = verdict(made, G_N_ELEMENTS(made), true);                    \
        assert_string_equal(got, text);                                                    \
    } while (0)

#define RUN(tid)                                                                           \
    {                                                                                      \
        CP_REC_SWITCH, tid, 0, 0                                                           \
    }
#define GOT(tid)                                                                           \
    {                                                                                      \
        CP_REC_GIL_GOT, 0, tid, 0                                                          \
    }
#define DROP(tid)                                                                          \
    {                                                                                      \
        CP_REC_GIL_DROP, 0, tid, 0                                                         \
    }

static void test_locks(void **state)
{
    (void)state;
    EXPECT("", RUN(1), GOT(1), DROP(1), RUN(2), GOT(2), {CP_REC_EXIT, 2, 0, 0}, RUN(1),
           GOT(1));
    EXPECT("", DROP(1)); /* taken before the recording began */
    EXPECT("interpreter lock 0 is taken by thread 2 while thread 1 has it, at 3us", RUN(1),
           GOT(1), RUN(2), GOT(2));
    EXPECT("interpreter lock 0 is given up by thread 2, which does not have it, at 2us",
           RUN(1), GOT(1), DROP(2));
    EXPECT("interpreter lock 0 is taken by thread 2, which is not running, at 1us", RUN(1),
           GOT(2));
    EXPECT("thread 1 runs Python code without its interpreter's lock, at 3us", RUN(1),
           GOT(1), DROP(1), {CP_REC_MARK, 0, 1, 0});
    EXPECT("lock 3 is taken by thread 2 while thread 1 has it, at 1us",
           {CP_REC_LOCK_GOT, 3, 1, 0}, {CP_REC_LOCK_GOT, 3, 2, 0});
    EXPECT("lock 3 is given up by thread 2, which does not have it, at 1us",
           {CP_REC_LOCK_GOT, 3, 1, 0}, {CP_REC_LOCK_DROP, 3, 2, 0});
}

static void test_loops(void **state)
{
    (void)state;
    EXPECT("", RUN(1), GOT(1), {CP_REC_LOOP_SELECT, 0, 1, 0}, {CP_REC_LOOP_READY, 0, 1, 2},
           {CP_REC_LOOP_STEP, 0, 7, 0}, {CP_REC_LOOP_STEP, 0, 8, 0},
           {CP_REC_LOOP_SELECT, 0, 1, 0});
    EXPECT("", {CP_REC_LOOP_STEP, 0, 7, 0}, {CP_REC_LOOP_STEP, 0, 8, 0});
    EXPECT("loop 0 makes a step while it polls, at 1us", {CP_REC_LOOP_SELECT, 0, 1, -1},
           {CP_REC_LOOP_STEP, 0, 7, 0});
    EXPECT("loop 0 makes a step more than it has handles, at 2us",
           {CP_REC_LOOP_READY, 0, 1, 1}, {CP_REC_LOOP_STEP, 0, 7, 0},
           {CP_REC_LOOP_STEP, 0, 8, 0});
    EXPECT("loop 0 runs on thread 1 and on thread 2, at 1us", {CP_REC_LOOP_READY, 0, 1, 1},
           {CP_REC_LOOP_SELECT, 0, 2, 0});
    EXPECT("thread 1 makes a step of a task without its interpreter's lock, at 4us", RUN(1),
           GOT(1), {CP_REC_LOOP_READY, 0, 1, 1}, DROP(1), {CP_REC_LOOP_STEP, 0, 7, 0});
}

static void test_futures(void **state)
{
    (void)state;
    const Made call = {CP_REC_TASK_CREATE, 7, 0, label(0, 3)};
    const Made task = {CP_REC_TASK_CREATE, 7, 0, label(1, 3)};
    const Made end = {CP_REC_TASK_END, 7, 0, 0};
    EXPECT("", call, end, task, end);
    EXPECT("", end); /* made before the recording began */
    EXPECT("", task);
    EXPECT("future 7 ends twice, at 2us", call, end, end);
    EXPECT("future 7 is made again before it has ended, at 1us", call, task);
    EXPECT("call 7 was submitted and has not ended, at 0ns", call);
    g_autofree char *until = verdict(&call, 1, false);
    assert_string_equal(until, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_locks),
        cmocka_unit_test(test_loops),
        cmocka_unit_test(test_futures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
