/* Independent jobs: delivered in order, stopped cleanly, never too far ahead. */
#include "sim/batch.h"
#include "sim/dist.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct {
    unsigned n_workers;
    uint64_t stop_at;    /* `done` says no at this index */
    uint64_t next;       /* index `done` expects */
    gint started, alive; /* jobs begun; results made and not yet freed; atomic */
    gint ahead_max;      /* most jobs begun beyond those delivered */
    gint delivered;
} Plan;

static gint *alive_counter; /* for `drop`, which gets the result only; set by run */

static void *job(uint64_t index, unsigned worker, void *data)
{
    Plan *plan = data;
    assert_true(worker < MAX(plan->n_workers, 1));
    gint started = g_atomic_int_add(&plan->started, 1) + 1;
    gint ahead = started - g_atomic_int_get(&plan->delivered);
    if (ahead > g_atomic_int_get(&plan->ahead_max)) {
        g_atomic_int_set(&plan->ahead_max, ahead);
    }
    /* Uneven lengths, so that jobs finish out of order. */
    g_usleep((gulong)(cp_rng_key(1, 0, index) % 300));
    g_atomic_int_inc(&plan->alive);
    uint64_t *result = g_new(uint64_t, 1);
    *result = index * index;
    return result;
}

static void drop(void *result)
{
    g_atomic_int_add(alive_counter, -1);
    g_free(result);
}

static bool done(uint64_t index, void *result, void *data)
{
    Plan *plan = data;
    assert_int_equal(index, plan->next++);
    assert_int_equal(*(uint64_t *)result, index * index);
    g_atomic_int_inc(&plan->delivered);
    drop(result);
    return index != plan->stop_at;
}

static uint64_t run(Plan *plan, uint64_t n)
{
    alive_counter = &plan->alive;
    const CpBatch batch = {
        .job = job, .done = done, .drop = drop, .data = plan, .n_workers = plan->n_workers};
    uint64_t delivered = cp_batch_run(&batch, n);
    assert_int_equal(delivered, plan->next);
    assert_int_equal(g_atomic_int_get(&plan->alive), 0);
    return delivered;
}

/* All results come, in order, whatever the number of workers. */
static void test_order(void **state)
{
    (void)state; /* no fixture */
    static const unsigned workers[] = {0, 1, 2, 3, 8};
    static const uint64_t sizes[] = {0, 1, 2, 7, 300};
    for (size_t w = 0; w < G_N_ELEMENTS(workers); w++) {
        for (size_t s = 0; s < G_N_ELEMENTS(sizes); s++) {
            Plan plan = {.n_workers = workers[w] != 0 ? workers[w] : 1024,
                         .stop_at = UINT64_MAX};
            assert_int_equal(run(&plan, sizes[s]), sizes[s]);
            assert_int_equal(plan.started, sizes[s]);
        }
    }
}

/* After a stop nothing more is delivered or started, and no result is lost. */
static void test_stop(void **state)
{
    (void)state;
    for (unsigned n_workers = 1; n_workers <= 4; n_workers++) {
        for (uint64_t stop_at = 0; stop_at < 40; stop_at += 13) {
            Plan plan = {.n_workers = n_workers, .stop_at = stop_at};
            assert_int_equal(run(&plan, 1000), stop_at + 1);
            assert_true(plan.started <= (gint)stop_at + 1 + (gint)n_workers * 4);
        }
    }
}

/* Memory stays bounded: at most four results a worker are ahead of the delivery. */
static void test_window(void **state)
{
    (void)state;
    Plan plan = {.n_workers = 2, .stop_at = UINT64_MAX};
    run(&plan, 500);
    assert_true(plan.ahead_max <= 2 * 4 + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
