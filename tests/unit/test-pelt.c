/* Load averages against values computed by hand: goldens P1, P2, P4 and P6 of the
 * specification, as ideal values (the kernel's are up to a period old). */
#include "models/linux/pelt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static uint32_t after(uint32_t average, bool on, CpTime t)
{
    uint32_t f = cp_pelt_factor(cp_pelt_units(t));
    return cp_pelt_later(average, on ? (uint32_t)CP_PELT_FULL : 0, f);
}

static int shown(uint32_t average)
{
    return (int)(average >> CP_PELT_SHIFT);
}

/* P1 and P2: half a life is 33.55 ms, whichever way. */
static void test_half_life(void **state)
{
    (void)state; /* no fixture */
    const struct {
        CpTime t;
        int up;
    } row[] = {{4 * CP_MS, 81},     {8 * CP_MS, 156},  {16 * CP_MS, 288},
               {32 * CP_MS, 495},   {64 * CP_MS, 751}, {100 * CP_MS, 894},
               {200 * CP_MS, 1007}, {10 * CP_S, 1023}};
    for (size_t i = 0; i < G_N_ELEMENTS(row); i++) {
        assert_true(abs(shown(after(0, true, row[i].t)) - row[i].up) <= 1);
        assert_true(abs(shown(after((uint32_t)CP_PELT_FULL, false, row[i].t)) -
                        (1023 - row[i].up)) <= 1);
    }
    assert_int_equal(after((uint32_t)CP_PELT_FULL, false, 10 * CP_S), 0);
}

/* Many small steps say the same as one, to a thousandth. */
static void test_steps(void **state)
{
    (void)state;
    uint32_t average = 0;
    for (unsigned i = 0; i < 40000; i++) {
        average = after(average, true, 1024);
    }
    assert_true(llabs((int64_t)average - after(0, true, (CpTime)40000 * 1024)) <
                CP_PELT_FULL / 1000);
}

/* P4: 2 ms of each 10 ms settle between 188 and 222. */
static void test_periodic(void **state)
{
    (void)state;
    uint32_t average = 0;
    for (unsigned i = 0; i < 200; i++) {
        average = after(after(average, true, 2 * CP_MS), false, 8 * CP_MS);
    }
    assert_true(abs(shown(average) - 188) <= 3);
    assert_true(abs(shown(after(average, true, 2 * CP_MS)) - 222) <= 3);
}

/* P6: a CPU whose hog was taken away is below 876 again for some 60 ms. */
static void test_taken_away(void **state)
{
    (void)state;
    uint32_t average = CP_PELT_FULL / 2;
    assert_true(shown(after(average, true, 59 * CP_MS)) < 876);
    assert_true(shown(after(average, true, 61 * CP_MS)) >= 876);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_half_life),
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_periodic),
        cmocka_unit_test(test_taken_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
