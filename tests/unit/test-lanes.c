#include "plots/lanes.h"
#include "tests/unit/fixture-recording.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct {
    CpBins *bins;
    CpTime sum, *lane;
    uint64_t n;
} Sums;

static void add_slice(void *data, uint32_t cpu, uint32_t tid, CpTime from, CpTime until)
{
    Sums *sums = data;
    const CpBinsShape *shape = &sums->bins->shape;
    cp_bins_add(sums->bins, cpu, tid, tid % shape->n_slots, from, until);
    sums->lane[cpu / shape->cpus_per_lane] += until - from;
    sums->n++;
}

/* Busy time of each lane is exact, and a bin's threads never exceed what it leaves them. */
static void check_bins(const CpBins *bins, const CpTime *lane_sums)
{
    for (uint32_t lane = 0; lane < bins->n_lanes; lane++) {
        CpTime covered = 0;
        assert_int_equal(cp_bins_busy(bins, lane), lane_sums[lane]);
        for (uint32_t bin = 0; bin < bins->shape.n_bins; bin++) {
            size_t cell = (size_t)lane * bins->shape.n_bins + bin;
            CpTime sum = 0, room = bins->close[cell] - bins->open[cell];
            CpTime width = cp_bins_edge(bins, bin + 1) - cp_bins_edge(bins, bin);
            for (uint32_t slot = 0; slot < bins->shape.n_slots; slot++) {
                sum += cp_bins_at(bins, lane, bin)[slot];
            }
            assert_in_range(room, 0, width);
            assert_in_range(sum, 0, room * cp_bins_lane_cpus(bins, lane));
            covered += width - room;
        }
        CpTime pieces = 0;
        for (guint i = 0; i < bins->pieces->len; i++) {
            const CpPiece *piece = &g_array_index(bins->pieces, CpPiece, i);
            pieces += piece->lane == lane ? piece->to - piece->from : 0;
        }
        assert_true(bins->shape.n_bins == 0 || covered == pieces);
    }
    assert_int_equal(cp_bins_edge(bins, bins->shape.n_bins), bins->shape.to);
}

static void check_shape(CpCpr *cpr, CpTime from, CpTime until, uint32_t n_bins,
                        uint32_t group, CpTime long_ns)
{
    CpBinsShape shape = {.from = from,
                         .to = until,
                         .n_cpus = cp_cpr_info(cpr)->n_cpus,
                         .cpus_per_lane = group,
                         .n_bins = n_bins,
                         .n_slots = 5,
                         .long_ns = long_ns};
    CpBins bins;
    cp_bins_init(&bins, &shape);
    g_autofree CpTime *lanes = g_new0(CpTime, bins.n_lanes);
    Sums sums = {.bins = &bins, .lane = lanes};
    GError *error = NULL;
    assert_true(cp_slices_walk(cpr, from, until, add_slice, &sums, &error));
    if (n_bins == 0) {
        cp_bins_clear(&bins);
        return;
    }
    check_bins(&bins, lanes);
    cp_bins_clear(&bins);
}

/* Sums of shares are exact for every level of detail, grouping and window. */
static void test_exact(void **state)
{
    const char *path = *state;
    Fixture fixture = {.n_cpus = 6,
                       .n_threads = 30,
                       .end = 50 * CP_MS + 7,
                       .slice = 20 * CP_US,
                       .idle_permille = 200,
                       .long_permille = 60,
                       .seed = 3};
    CpCpr *cpr = fixture_open(path, &fixture);
    static const uint32_t bins[] = {1, 3, 97, 400, 1000};
    for (size_t i = 0; i < G_N_ELEMENTS(bins); i++) {
        check_shape(cpr, 0, fixture.end, bins[i], 1, 0);
        check_shape(cpr, 0, fixture.end, bins[i], 1, 300 * CP_US);
        check_shape(cpr, 0, fixture.end, bins[i], 4, 0);
        check_shape(cpr, 12345678, 12345678 + 999999, bins[i], 1, 0);
    }
    /* More bins than nanoseconds: empty bins, same sums. */
    check_shape(cpr, 1000, 1100, 400, 1, 0);
    cp_cpr_free(cpr);
}

static void count_slice(void *data, uint32_t cpu, uint32_t tid, CpTime from, CpTime until)
{
    (void)cpu;
    (void)tid;
    Sums *sums = data;
    sums->n++;
    sums->sum += until - from;
}

/* A window gives what the whole run gives there, though it is read from the middle: blocks
 * before it are only searched for who was running. */
static void test_window(void **state)
{
    const char *path = *state;
    Fixture fixture = {.n_cpus = 3,
                       .n_threads = 7,
                       .end = 400 * CP_MS,
                       .slice = 10 * CP_US,
                       .long_permille = 1,
                       .seed = 5};
    CpCpr *cpr = fixture_open(path, &fixture);
    assert_true(cp_cpr_n_blocks(cpr) > 10);
    GError *error = NULL;
    Sums whole = {.n = 0}, parts = {.n = 0};
    assert_true(cp_slices_walk(cpr, 0, fixture.end, count_slice, &whole, &error));
    for (CpTime from = 0; from < fixture.end; from += 7 * CP_MS) {
        CpTime until = MIN(from + 7 * CP_MS, fixture.end);
        assert_true(cp_slices_walk(cpr, from, until, count_slice, &parts, &error));
    }
    assert_int_equal(whole.sum, parts.sum);
    /* Every CPU is busy from its first switch on. */
    assert_in_range(whole.sum, 3 * fixture.end - 3000, 3 * fixture.end);
    cp_cpr_free(cpr);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact),
        cmocka_unit_test(test_window),
    };
    return cmocka_run_group_tests(tests, fixture_set_up, fixture_tear_down);
}
