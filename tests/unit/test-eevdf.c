/* EEVDF's arithmetic against values computed by hand: goldens G5, G6 and G14 of the
 * specification.  They are about virtual times, which no record shows, so the policy's own
 * functions are called. */
#include "models/linux/fair-lag.h"
#include "models/linux/fair-queue.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

typedef struct {
    CpPolicy policy;
    CpFairData data;
    CpFairRq queue;
    CpRq rq;
    CpFairEnt ents[4];
} Bench;

/* A queue of `n` threads of nice 0 at virtual time v; the others are of nice 0 too. */
static void bench_init(Bench *b, unsigned n, int64_t v)
{
    *b = (Bench){
        .data = {.base = 1400000, .tick = 4 * CP_MS, .has.lag_limit = CP_LAG_MAX_SLICE}};
    b->policy = (CpPolicy){
        .data = &b->data, .ents = (char *)b->ents, .ent_size = sizeof(CpFairEnt)};
    b->rq = (CpRq){.policy = &b->policy, .data = &b->queue, .curr = CP_NONE};
    b->queue.out = CP_NONE;
    for (CpEnt e = 0; e < G_N_ELEMENTS(b->ents); e++) {
        cp_policy_eevdf.attr(&b->policy, e, &(CpSchedAttr){.policy = CP_SCHED_NORMAL});
    }
    for (CpEnt e = 0; e < n; e++) {
        b->ents[e].v = v;
        cp_fair_join(&b->rq, &b->ents[e], e);
    }
}

/* G5: lag survives the insertion of its owner.  W = 2 x 1024, V = 100 ms, w = 1024, lag 3:
 * inflated 3 x (2048 + 1024) / 2048 = 4.5, so v = 100 - 4.5 = 95.5; the new V is
 * (2 x 100 + 95.5) / 3 = 98.5, and 98.5 - 95.5 = 3. */
static void test_placement(void **state)
{
    (void)state; /* no fixture */
    Bench b;
    bench_init(&b, 2, 100 * CP_MS);
    CpFairEnt *e = &b.ents[2];
    e->vlag = 3 * CP_MS;
    cp_fair_place_entity(&b.rq, e, false);
    assert_int_equal(e->v, 95500000);
    cp_fair_join(&b.rq, e, 2);
    assert_int_equal(cp_fair_average(&b.queue), 98500000);
    cp_fair_update_lag(&b.rq, e);
    assert_int_equal(e->vlag, 3000000);
}

/* The lag of entity 2 that lies `behind` below two others, after the clamp. */
static int64_t clamped(Bench *b, int64_t behind)
{
    CpFairEnt *e = &b->ents[2];
    e->v = b->ents[0].v - behind;
    cp_fair_join(&b->rq, e, 2);
    cp_fair_update_lag(&b->rq, e);
    cp_fair_leave(&b->rq, e, 2);
    return e->vlag;
}

/* G6: the limit is max(2 x 1.4, 4) = 4 ms in the older form, 1.4 + 4 = 5.4 ms in the newer,
 * of nice 0.  Nice 5 has the weight 335 and the inverse 12820798: 4000000 x (1024 x
 * 12820798) / 2^32 = 12226865.  An entity 30 ms behind two others of its weight has a lag
 * of 20 ms. */
static void test_lag_limit(void **state)
{
    (void)state;
    Bench b;
    bench_init(&b, 2, 100 * CP_MS);
    assert_int_equal(clamped(&b, 30 * CP_MS), 5400000);
    assert_int_equal(clamped(&b, -30 * CP_MS), -5400000);
    assert_int_equal(clamped(&b, 6 * CP_MS), 4000000); /* 2/3 of it, within the limit */
    b.data.has.lag_limit = CP_LAG_TWO_SLICES;
    assert_int_equal(clamped(&b, 30 * CP_MS), 4000000);
    assert_int_equal(clamped(&b, -30 * CP_MS), -4000000);
    cp_policy_eevdf.attr(&b.policy, 2,
                         &(CpSchedAttr){.policy = CP_SCHED_NORMAL, .nice = 5});
    assert_int_equal(clamped(&b, 30 * CP_MS), 12226865);
}

/* G14: a child begins at V with half a request, 50 + 1.4 / 2 = 50.7; who wakes without lag
 * at V with a whole one, 51.4. */
static void test_fork(void **state)
{
    (void)state;
    Bench b;
    bench_init(&b, 2, 50 * CP_MS);
    cp_fair_place_entity(&b.rq, &b.ents[2], true);
    assert_int_equal(b.ents[2].v, 50000000);
    assert_int_equal(b.ents[2].deadline, 50700000);
    cp_fair_place_entity(&b.rq, &b.ents[3], false);
    assert_int_equal(b.ents[3].v, 50000000);
    assert_int_equal(b.ents[3].deadline, 51400000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_placement),
        cmocka_unit_test(test_lag_limit),
        cmocka_unit_test(test_fork),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
