/* Timers against a list kept sorted by (time, order of arming). */
#include "sim/dist.h"
#include "sim/timerq.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct {
    GArray *row; /* CpTimer, sorted */
} Oracle;

/* Behind all entries of the same or an earlier time. */
static void oracle_push(Oracle *o, CpTimer timer)
{
    guint low = 0, high = o->row->len;
    while (low < high) {
        guint middle = (low + high) / 2;
        if (g_array_index(o->row, CpTimer, middle).at <= timer.at) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    g_array_insert_val(o->row, low, timer);
}

static void check_pop(CpTimerq *q, Oracle *o)
{
    CpTimer expected = g_array_index(o->row, CpTimer, 0);
    g_array_remove_index(o->row, 0);
    assert_int_equal(cp_timerq_next(q), expected.at);
    CpTimer got = cp_timerq_pop(q);
    assert_int_equal(got.at, expected.at);
    assert_int_equal(got.id, expected.id);
    assert_int_equal(got.gen, expected.gen);
}

/* A random mixture: `reach` bits bound how far ahead timers are set, so that small ones
 * make many equal times; `growth` of 8 steps push while the queue fills. */
static void run_random(CpTimerq *q, uint64_t seed, unsigned reach, unsigned growth)
{
    Oracle o = {g_array_new(FALSE, FALSE, sizeof(CpTimer))};
    CpTime last = 0;
    for (uint32_t i = 0; i < 4000; i++) {
        uint64_t r = cp_rng_key(seed, 0, i);
        bool fills = i < 2000;
        if (o.row->len == 0 || (r & 7) < (fills ? growth : 3)) {
            uint64_t ahead =
                cp_rng_key(seed, 1, i) >> (64 - 1 - cp_rng_key(seed, 2, i) % reach);
            CpTimer timer = {last + (CpTime)(ahead & INT64_MAX), i, (uint32_t)(r >> 32)};
            cp_timerq_push(q, timer);
            oracle_push(&o, timer);
        } else {
            last = g_array_index(o.row, CpTimer, 0).at;
            check_pop(q, &o);
        }
        CpTimer soon;
        assert_int_equal(cp_timerq_size(q), o.row->len);
        assert_int_equal(cp_timerq_soon(q, &soon), o.row->len > 0);
        assert_true(o.row->len == 0 || soon.at >= cp_timerq_next(q));
        assert_int_equal(cp_timerq_next(q),
                         o.row->len ? g_array_index(o.row, CpTimer, 0).at : CP_NEVER);
    }
    while (o.row->len > 0) {
        check_pop(q, &o);
    }
    assert_int_equal(cp_timerq_next(q), CP_NEVER);
    g_array_unref(o.row);
}

/* Whatever is pushed comes out sorted by time, and in order of arming at equal times. */
static void test_random(void **state)
{
    (void)state; /* no fixture */
    for (uint64_t seed = 1; seed <= 60; seed++) {
        CpTimerq *q = cp_timerq_new();
        unsigned reach = (unsigned[]){2, 5, 12, 30, 45}[seed % 5];
        run_random(q, seed, reach, 4 + seed % 4);
        /* The same again after a reset, which also sets the clock back. */
        cp_timerq_push(q, (CpTimer){INT64_MAX - 1, 0, 0});
        cp_timerq_reset(q);
        assert_int_equal(cp_timerq_size(q), 0);
        run_random(q, seed, reach, 4);
        cp_timerq_free(q);
    }
}

/* A thousand timers at one moment fire in the order they were armed, also when half were
 * armed before other timers fired. */
static void test_ties(void **state)
{
    (void)state;
    CpTimerq *q = cp_timerq_new();
    const CpTime tie = 123456789;
    for (uint32_t i = 0; i < 1000; i++) {
        if (i == 500) {
            cp_timerq_push(q, (CpTimer){tie - 3, 9999, 0});
            assert_int_equal(cp_timerq_pop(q).id, 9999);
        }
        cp_timerq_push(q, (CpTimer){tie, i, 0});
    }
    for (uint32_t i = 0; i < 1000; i++) {
        CpTimer t = cp_timerq_pop(q);
        assert_int_equal(t.id, i);
        if (i == 10) { /* armed for now, while now is being worked off */
            cp_timerq_push(q, (CpTimer){tie, 1000, 0});
        }
    }
    assert_int_equal(cp_timerq_pop(q).id, 1000);
    cp_timerq_free(q);
    cp_timerq_free(NULL);
}

/* Looking at the next time does not forbid pushing an earlier one. */
static void test_looking(void **state)
{
    (void)state;
    CpTimerq *q = cp_timerq_new();
    for (CpTime at = 1 << 20; at >= 0; at = at > 0 ? at / 3 : -1) {
        cp_timerq_push(q, (CpTimer){at, (uint32_t)at, 0});
        assert_int_equal(cp_timerq_next(q), at);
    }
    CpTime last = -1;
    while (cp_timerq_size(q) > 0) {
        CpTimer t = cp_timerq_pop(q);
        assert_true(t.at > last);
        last = t.at;
    }
    cp_timerq_free(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_looking),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
