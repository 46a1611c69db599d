/* How busy CPUs even out the load: the rhythm that was measured on real kernels (6.12, 6.18
 * and 7.3 in virtual time, 250 Hz) comes out of the rules. */
#include "tests/unit/fixture-run.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* `hogs` threads of `work` each on `cores` CPUs of one cache. */
static void run_hogs(Fixture *f, unsigned hogs, const char *cores, CpTime work,
                     uint64_t seed)
{
    fixture_init(f);
    f->settings[0] = "cores";
    f->settings[1] = cores;
    f->seed = seed;
    f->record = true;
    for (unsigned i = 0; i < hogs; i++) {
        g_autofree char *name = g_strdup_printf("h%u", i);
        fixture_thread(f, name, 0);
        fixture_emit(f, COMPUTE, CP_ARG_CONST, 0, fixture_const(f, work));
        fixture_emit(f, EXIT, 0, 0, 0);
    }
    fixture_run(f);
}

static CpTime first_move(const Fixture *f)
{
    for (guint i = 0; i < f->records->len; i++) {
        const CpRecord *r = &g_array_index(f->records, CpRecord, i);
        if (cp_record_kind(r) == CP_REC_MIGRATE && cp_record_time(r) > 0) {
            return cp_record_time(r);
        }
    }
    return CP_NEVER;
}

/* Five hogs of 200 ms on four CPUs end before anybody moves: the two that share a CPU take
 * 300 ms, the last half alone.  Measured on every kernel: 300 ms, 200 + 100. */
static void test_short_hogs_never_rotate(void **state)
{
    (void)state; /* no fixture */
    for (uint64_t seed = 1; seed <= 10; seed++) {
        Fixture f;
        run_hogs(&f, 5, "4", 200 * CP_MS, seed);
        assert_in_range(fixture_metric(&f, "makespan"), 294 * CP_MS, 304 * CP_MS);
        fixture_clear(&f);
    }
}

/* Longer ones do, first after 200 to 250 ms: until then a CPU with one hog counts as having
 * room, and its third try moves one. */
static void test_first_move_of_four(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        Fixture f;
        run_hogs(&f, 5, "4", 600 * CP_MS, seed);
        assert_in_range(first_move(&f), 190 * CP_MS, 256 * CP_MS);
        assert_in_range(fixture_metric(&f, "makespan"), 740 * CP_MS, 830 * CP_MS);
        fixture_clear(&f);
    }
}

/* Nine on eight: twice the interval, and one failure more.  Measured: 585 and 621 ms. */
static void test_first_move_of_eight(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        Fixture f;
        run_hogs(&f, 9, "8", 1400 * CP_MS, seed);
        assert_in_range(first_move(&f), 540 * CP_MS, 640 * CP_MS);
        fixture_clear(&f);
    }
}

/* An idle CPU is fed at the next tick of a CPU with two, whatever the dice said before. */
static void test_idle_is_fed(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        Fixture f;
        run_hogs(&f, 2, "2", 100 * CP_MS, seed);
        assert_in_range(fixture_metric(&f, "makespan"), 100 * CP_MS, 108 * CP_MS);
        fixture_clear(&f);
    }
}

/* Two threads begin on one CPU, one of them bound to it: the other one leaves as soon as it
 * may, although the bound one is what waits at every second look. */
static void test_beside_pinned(void **state)
{
    (void)state;
    Fixture f;
    fixture_init(&f);
    f.settings[0] = "cores";
    f.settings[1] = "4";
    CpCpuMask one = {{2}}, all = {{15}};
    for (unsigned i = 0; i < 2; i++) {
        uint32_t row = fixture_thread(&f, i == 0 ? "bound" : "free", 0);
        CpThreadDecl *d = cp_thread_decl(f.w, row);
        d->own_attr = true;
        d->attr.cpus = cp_workload_mask(f.w, &one);
        if (i == 1) {
            fixture_emit(&f, COMPUTE, CP_ARG_CONST, 0, fixture_const(&f, 50 * CP_MS));
            fixture_emit(&f, SET_AFFINITY, 0, 0, cp_workload_mask(f.w, &all));
        }
        fixture_emit(&f, COMPUTE, CP_ARG_CONST, 0, fixture_const(&f, CP_S));
        fixture_emit(&f, EXIT, 0, 0, 0);
    }
    fixture_run(&f);
    assert_in_range(fixture_metric(&f, "makespan"), CP_S, 1200 * CP_MS);
    fixture_clear(&f);
}

/* Six threads may use four of eight CPUs.  When two of these four have nothing to do any
 * more, they take from those with two, although idle CPUs that may not take anything have
 * long been told to try again much later.  Measured (6.18): 194 to 211 ms. */
static void test_newly_idle_among_idle(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        Fixture f;
        fixture_init(&f);
        f.settings[0] = "cores";
        f.settings[1] = "8";
        f.seed = seed;
        CpCpuMask some = {{15}};
        for (unsigned i = 0; i < 6; i++) {
            g_autofree char *name = g_strdup_printf("b%u", i);
            uint32_t row = fixture_thread(&f, name, 0);
            CpThreadDecl *d = cp_thread_decl(f.w, row);
            d->own_attr = true;
            d->attr.cpus = cp_workload_mask(f.w, &some);
            fixture_emit(&f, COMPUTE, CP_ARG_CONST, 0, fixture_const(&f, 120 * CP_MS));
            fixture_emit(&f, EXIT, 0, 0, 0);
        }
        fixture_run(&f);
        assert_in_range(fixture_metric(&f, "makespan"), 180 * CP_MS, 211 * CP_MS);
        fixture_clear(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_short_hogs_never_rotate),
        cmocka_unit_test(test_first_move_of_four),
        cmocka_unit_test(test_first_move_of_eight),
        cmocka_unit_test(test_idle_is_fed),
        cmocka_unit_test(test_beside_pinned),
        cmocka_unit_test(test_newly_idle_among_idle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
