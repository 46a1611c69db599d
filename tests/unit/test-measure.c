/* Figures read from the records of a recording. */
#include "traces/measure.h"

#include <glib/gstdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { A, B, KERNEL, N_THREADS };

static CpRecord switched(CpTime at, uint32_t cpu, uint32_t to, char state, bool preempted)
{
    uint32_t arg = (uint32_t)state | (preempted ? CP_SWITCH_PREEMPTED : 0);
    return cp_record_make(at, CP_REC_SWITCH, to, cpu, arg);
}

static CpRecord woken(CpTime at, uint32_t cpu, uint32_t thread)
{
    return cp_record_make(at, CP_REC_WAKEUP, thread, cpu, CP_WAKE_TIMER);
}

/* Writes the records as a recording of two CPUs and 100 us and opens it. */
static CpCpr *recording(const char *path, const CpRecord *records, size_t n)
{
    g_autoptr(GError) error = NULL;
    CpCprWriter *w = cp_cpr_writer_new(path, &error);
    assert_non_null(w);
    assert_true(cp_cpr_write(w, records, n, &error));
    for (uint32_t i = 0; i < N_THREADS; i++) {
        CpCprThread t = {.tid = 100 + i, .prio = 120, .flags = i == KERNEL};
        cp_cpr_thread(w, i, &t);
    }
    CpCprInfo info = {.n_cpus = 2, .end = 100 * CP_US};
    assert_true(cp_cpr_writer_finish(w, &info, &error));
    cp_cpr_writer_free(w);
    CpCpr *cpr = cp_cpr_open(path, &error);
    assert_non_null(cpr);
    return cpr;
}

/* A preempted by B, B by a kernel thread; A goes on on the other CPU. */
static size_t make_story(CpRecord *r)
{
    size_t n = 0;
    r[n++] = woken(10 * CP_US, 0, A);
    r[n++] = switched(12 * CP_US, 0, A, 'R', false);
    r[n++] = woken(20 * CP_US, 0, B);
    r[n++] = switched(30 * CP_US, 0, B, 'R', true);       /* A preempted after 18 us */
    r[n++] = switched(40 * CP_US, 0, KERNEL, 'S', false); /* B sleeps after 10 us */
    r[n++] = switched(45 * CP_US, 1, A, 'R', false);      /* A goes on elsewhere */
    r[n++] = switched(50 * CP_US, 0, CP_NONE, 'S', false);
    r[n++] = switched(70 * CP_US, 1, CP_NONE, 'S', false); /* A sleeps after 25 us */
    r[n++] = woken(80 * CP_US, 1, B);
    r[n++] = switched(90 * CP_US, 1, B, 'R', false); /* B runs to the end */
    return n;
}

/* CPU time, waits, switches, migrations and latencies are what the records say. */
static void test_story(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    CpRecord records[16];
    CpMeasure m;
    size_t n = make_story(records);
    CpCpr *cpr = recording("test-measure.cpr", records, n);
    assert_true(cp_measure(cpr, NULL, &m, &error));
    assert_int_equal(m.first, 12 * CP_US);
    assert_int_equal(m.last, 100 * CP_US);
    assert_int_equal(m.cpu, (18 + 10 + 25 + 10) * CP_US);
    assert_int_equal(m.run_wait, (2 + 10 + 15 + 10) * CP_US);
    assert_int_equal(m.switches, 6);
    assert_int_equal(m.voluntary, 2);
    assert_int_equal(m.involuntary, 1);
    assert_int_equal(m.migrations, 2);
    assert_int_equal(m.wakeups, 3);
    assert_in_range(m.wakeup_p50, 9900, 10100);
    assert_int_equal(m.longest, A);
    assert_int_equal(m.longest_cpu, 43 * CP_US);
    cp_cpr_free(cpr);
    g_unlink("test-measure.cpr");
}

/* Only the threads asked for count. */
static void test_kept_threads(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    CpRecord records[16];
    CpMeasure m;
    const bool keep[N_THREADS] = {[B] = true};
    size_t n = make_story(records);
    CpCpr *cpr = recording("test-measure-kept.cpr", records, n);
    assert_true(cp_measure(cpr, keep, &m, &error));
    assert_int_equal(m.cpu, 20 * CP_US);
    assert_int_equal(m.run_wait, 20 * CP_US);
    assert_int_equal(m.first, 30 * CP_US);
    assert_int_equal(m.longest, B);
    cp_cpr_free(cpr);
    g_unlink("test-measure-kept.cpr");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_story),
        cmocka_unit_test(test_kept_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
