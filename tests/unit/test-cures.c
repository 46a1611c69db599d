/* Words of other languages in a workload: what the message tells to write instead. */
#include "lang/cures.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

/* A line in which '^' stands before what the error marks; part of the remedy, NULL: none.
 */
typedef struct {
    const char *line, *remedy;
} Case;

static void check(const Case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *mark = strchr(cases[i].line, '^');
        assert_non_null(mark);
        g_autoptr(GString) line = g_string_new_len(cases[i].line, mark - cases[i].line);
        size_t at = line->len;
        g_string_append(line, mark + 1);
        const char *found = cp_cure_find(line->str, line->len, at);
        if (cases[i].remedy == NULL && found != NULL) {
            fail_msg("'%s' needs no cure, found '%s'", cases[i].line, found);
        }
        if (cases[i].remedy != NULL &&
            (found == NULL || strstr(found, cases[i].remedy) == NULL)) {
            fail_msg("'%s': expected '%s', found '%s'", cases[i].line, cases[i].remedy,
                     found != NULL ? found : "nothing");
        }
    }
}

/* What people type who know Python or C gets the words of the language. */
static void test_words_of_other_languages(void **state)
{
    (void)state;
    static const Case cases[] = {
        {"  ^time.sleep(1)", "wait 1s"},
        {"  time.sleep(^1)", "wait 1s"},
        {"thread main { ^sleep 10ms }", "wait 1s"},
        {"  await ^asyncio.sleep(1)", "await wait 1s"},
        {"async ^def f() {", "async task f()"},
        {"^def main():", "task f()"},
        {"  while True^:", "forever"},
        {"  while True ^{ cpu 1ms }", "forever"},
        {"for i in ^range(10) {", "1..10"},
        {"for ^(i = 0; i < 10; i++) {", "1..10"},
        {"process p runtime python ^3.12 {", "python \"3.12\""},
        {"^with l:", "lock l {"},
        {"^with lock {", "lock l {"},
        {"async ^with l {", "await lock l"},
        {"^with ThreadPoolExecutor(5) as ex:", "pool ex threads(5)"},
        {"^l.acquire()", "acquire l"},
        {"^t = threading.Thread(target=f)", "spawn thread"},
        {"^t.start()", "spawn thread"},
        {"item = ^q.get()", "recv q"},
        {"^mutex m", "lock l"},
        {"if x == 1^:", "{ }"},
        {"^// comment", "#"},
        {"print^(\"hello\")", "without parentheses"},
        {"^compute 5ms", "cpu 10ms"},
        {"^run 5ms", "cpu 10ms"},
        {"thread t (policy=^SCHED_RR, prio=3)", "policy=rr"},
        {"thread t (policy=^cfs)", "kernel { policy cfs }"},
        {"machine { cores=^1-4 }", "cores 4"},
        {"machine { cores ^1-4 }", "cores 4"},
        {"  cpu ^1 ms", "blank"},
        {"  cpu ^5sec", "written s"},
        {"  cpu ^5m", "min"},
        {"^import threading", "imported"},
    };
    check(cases, G_N_ELEMENTS(cases));
}

/* Names a user chose are not taken for words of another language. */
static void test_names_of_the_user(void **state)
{
    (void)state;
    static const Case cases[] = {
        {"thread sleep { cpu ^5 }", NULL},
        {"call sleep(^5)", NULL},
        {"process loop { thread a { cpu ^5 } }", NULL},
        {"send get 5 ^5", NULL},
        {"cpu ^5 # sleep", NULL},
        {"mark \"sleep\" ^5", NULL},
        {"^", NULL},
        {"{^", NULL},
    };
    check(cases, G_N_ELEMENTS(cases));
}

/* Lines of many tokens and odd bytes are looked at without harm. */
static void test_long_lines(void **state)
{
    (void)state;
    g_autoptr(GString) line = g_string_new(NULL);
    for (int i = 0; i < 200; i++) {
        g_string_append(line, i % 3 ? "x = \"" : "\xff sleep ");
    }
    for (size_t mark = 0; mark <= line->len; mark++) {
        cp_cure_find(line->str, line->len, mark);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_of_other_languages),
        cmocka_unit_test(test_names_of_the_user),
        cmocka_unit_test(test_long_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
