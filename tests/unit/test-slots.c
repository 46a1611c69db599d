/* Slots against a linear scan. */
#include "sim/dist.h"
#include "sim/slots.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void check_next(const CpSlots *slots, const CpTime *at, uint32_t n)
{
    CpCpu first = 0;
    for (CpCpu cpu = 1; cpu < n; cpu++) {
        first = at[cpu] < at[first] ? cpu : first;
    }
    CpCpu cpu;
    assert_int_equal(cp_slots_next(slots, &cpu), at[first]);
    assert_int_equal(cpu, first);
}

/* The earliest slot is found, the lowest CPU first at equal times, parked ones never. */
static void test_against_scan(void **state)
{
    (void)state; /* no fixture */
    static const uint32_t sizes[] = {1, 2, 3, 7, 8, 64, 65, 1000, 1024};
    for (size_t s = 0; s < G_N_ELEMENTS(sizes); s++) {
        uint32_t n = sizes[s];
        CpSlots slots;
        CpTime at[CP_CPUS_MAX];
        cp_slots_init(&slots, n);
        for (CpCpu cpu = 0; cpu < n; cpu++) {
            at[cpu] = CP_NEVER;
        }
        check_next(&slots, at, n);
        for (uint64_t i = 0; i < 5000; i++) {
            uint64_t r = cp_rng_key(n, 0, i);
            CpCpu cpu = (CpCpu)(r % n);
            /* Few distinct times, so that there are ties; some parked. */
            at[cpu] = (r >> 20) % 5 == 0 ? CP_NEVER : (CpTime)(i / 50 + (r >> 30) % 7);
            cp_slots_set(&slots, cpu, at[cpu]);
            check_next(&slots, at, n);
        }
        cp_slots_reset(&slots);
        CpCpu cpu;
        assert_int_equal(cp_slots_next(&slots, &cpu), CP_NEVER);
        cp_slots_clear(&slots);
    }
}

/* The largest time that fits is kept; later ones count as it, and only never as never. */
static void test_range(void **state)
{
    (void)state;
    const CpTime most = (INT64_C(1) << 54) - 2;
    CpSlots slots;
    CpCpu cpu;
    cp_slots_init(&slots, 1024);
    cp_slots_set(&slots, 1023, most);
    assert_int_equal(cp_slots_next(&slots, &cpu), most);
    assert_int_equal(cpu, 1023);
    cp_slots_set(&slots, 1023, most * 50);
    assert_int_equal(cp_slots_next(&slots, &cpu), most);
    cp_slots_set(&slots, 1023, CP_NEVER);
    assert_int_equal(cp_slots_next(&slots, &cpu), CP_NEVER);
    cp_slots_clear(&slots);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_scan),
        cmocka_unit_test(test_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
