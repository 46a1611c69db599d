/* Speed of the event structures: slots, timers, histograms.
 *
 * Every figure is the best of several rounds.  The timer queue runs the hold model (pop the
 * earliest of N pending, push one later) beside a plain binary radix heap without chunks,
 * cached minima or a `next`, so that their ratio is taken in one run. */
#include "sim/dist.h"
#include "sim/hist.h"
#include "sim/slots.h"
#include "sim/timerq.h"
#include "tests/bench/bench.h"

#include <math.h>
enum { TABLE = 65536, ROUNDS = 5 };

typedef struct {
    uint64_t increment[TABLE]; /* exponential, mean 4 ms */
    size_t holds;
    bool is_quick;
} Bench;

static void fill_increments(Bench *bench)
{
    for (uint64_t i = 0; i < TABLE; i++) {
        double u = ((double)(cp_rng_key(42, 0, i) >> 11) + 0.5) * 0x1p-53;
        bench->increment[i] = (uint64_t)(-log(u) * 4e6) + 1;
    }
}

/* --- the yardstick --- */

typedef struct {
    struct {
        CpTimer *row;
        size_t n, room;
    } bucket[65]; /* by the highest bit in which a time differs from `last` */
    size_t head;  /* in bucket 0 */
    uint64_t last, used;
} Plain;

static void plain_push(Plain *q, CpTimer timer)
{
    uint64_t differ = (uint64_t)timer.at ^ q->last;
    unsigned k = differ == 0 ? 0 : 64u - (unsigned)__builtin_clzll(differ);
    if (q->bucket[k].n == q->bucket[k].room) {
        q->bucket[k].room = MAX(16, 2 * q->bucket[k].room);
        q->bucket[k].row = g_renew(CpTimer, q->bucket[k].row, q->bucket[k].room);
    }
    q->bucket[k].row[q->bucket[k].n++] = timer;
    q->used |= k == 0 ? 0 : (uint64_t)1 << (k - 1);
}

static CpTimer plain_pop(Plain *q)
{
    if (q->head == q->bucket[0].n) {
        unsigned k = (unsigned)__builtin_ctzll(q->used) + 1;
        const CpTimer *row = q->bucket[k].row;
        size_t n = q->bucket[k].n;
        q->last = UINT64_MAX;
        for (size_t i = 0; i < n; i++) {
            q->last = MIN(q->last, (uint64_t)row[i].at);
        }
        q->head = q->bucket[0].n = q->bucket[k].n = 0;
        q->used &= q->used - 1;
        for (size_t i = 0; i < n; i++) {
            plain_push(q, row[i]);
        }
    }
    return q->bucket[0].row[q->head++];
}

static double hold_plain(const Bench *bench, size_t n, uint64_t *check)
{
    Plain *q = g_new0(Plain, 1);
    for (size_t i = 0; i < n; i++) {
        CpTime at = (CpTime)bench->increment[cp_rng_key(1, 0, i) % TABLE];
        plain_push(q, (CpTimer){at, (uint32_t)i, 0});
    }
    double begin = bench_now_ns();
    for (size_t i = 0; i < bench->holds; i++) {
        CpTimer t = plain_pop(q);
        t.at += (CpTime)bench->increment[(t.id * 40503u + i) % TABLE];
        plain_push(q, t);
    }
    double ns = (bench_now_ns() - begin) / (double)bench->holds;
    *check = q->last;
    for (size_t k = 0; k < G_N_ELEMENTS(q->bucket); k++) {
        g_free(q->bucket[k].row);
    }
    g_free(q);
    return ns;
}

static double hold_timerq(const Bench *bench, size_t n, uint64_t *check)
{
    CpTimerq *q = cp_timerq_new();
    for (size_t i = 0; i < n; i++) {
        CpTime at = (CpTime)bench->increment[cp_rng_key(1, 0, i) % TABLE];
        cp_timerq_push(q, (CpTimer){at, (uint32_t)i, 0});
    }
    CpTime last = 0;
    double begin = bench_now_ns();
    for (size_t i = 0; i < bench->holds; i++) {
        CpTimer t = cp_timerq_pop(q);
        last = t.at;
        t.at += (CpTime)bench->increment[(t.id * 40503u + i) % TABLE];
        cp_timerq_push(q, t);
    }
    double ns = (bench_now_ns() - begin) / (double)bench->holds;
    *check = (uint64_t)last;
    cp_timerq_free(q);
    return ns;
}

static void bench_timerq(const Bench *bench, size_t n)
{
    double best = INFINITY, best_plain = INFINITY;
    for (int r = 0; r < (bench->is_quick ? 1 : ROUNDS); r++) {
        uint64_t end, end_plain;
        double plain = hold_plain(bench, n, &end_plain);
        double ours = hold_timerq(bench, n, &end);
        best = MIN(best, ours);
        best_plain = MIN(best_plain, plain);
        if (end != end_plain) {
            fprintf(stderr, "bench-structs: the two timer queues differ at N=%zu\n", n);
            exit(1);
        }
    }
    g_autofree char *name = g_strdup_printf("timerq.ratio_%zu", n);
    printf("# timerq.hold_%zu: %.1f ns; plain radix heap: %.1f ns\n", n, best, best_plain);
    bench_report(&(BenchGoal){name, "ratio", BENCH_AT_MOST, 1, 1.5}, best / best_plain);
}

/* Takes the next CPU's event and plans its following one. */
static void bench_slots(const Bench *bench, uint32_t n_cpus)
{
    double best = INFINITY;
    CpSlots slots;
    cp_slots_init(&slots, n_cpus);
    for (int r = 0; r < (bench->is_quick ? 1 : ROUNDS); r++) {
        cp_slots_reset(&slots);
        for (CpCpu cpu = 0; cpu < n_cpus; cpu++) {
            cp_slots_set(&slots, cpu, (CpTime)bench->increment[cpu]);
        }
        double begin = bench_now_ns();
        for (size_t i = 0; i < bench->holds; i++) {
            CpCpu cpu;
            CpTime t = cp_slots_next(&slots, &cpu);
            cp_slots_set(&slots, cpu,
                         t + (CpTime)bench->increment[(cpu * 40503u + i) % TABLE]);
        }
        best = MIN(best, (bench_now_ns() - begin) / (double)bench->holds);
    }
    cp_slots_clear(&slots);
    if (n_cpus == 64) {
        bench_report(&(BenchGoal){"slots.hold_64", "ns", BENCH_AT_MOST, 9, 12}, best);
    } else {
        printf("# slots.hold_%u: %.1f ns\n", n_cpus, best);
    }
}

static void bench_hist(const Bench *bench)
{
    double best = INFINITY;
    CpArena *arena = cp_arena_new();
    CpHist hist;
    cp_hist_init(&hist, arena);
    for (int r = 0; r < (bench->is_quick ? 1 : ROUNDS); r++) {
        double begin = bench_now_ns();
        for (size_t i = 0; i < bench->holds; i++) {
            cp_hist_add(&hist, (int64_t)bench->increment[i % TABLE]);
        }
        best = MIN(best, (bench_now_ns() - begin) / (double)bench->holds);
    }
    printf("# hist.add: %.1f ns\n", best);
    cp_arena_free(arena);
}

static void bench_dist(const Bench *bench, const char *name, CpDist dist)
{
    double best = INFINITY;
    int64_t sum = 0;
    for (int r = 0; r < (bench->is_quick ? 1 : ROUNDS); r++) {
        double begin = bench_now_ns();
        for (size_t i = 0; i < bench->holds; i++) {
            sum ^= cp_dist_sample(&dist, NULL, cp_rng_key(1, 2, i));
        }
        best = MIN(best, (bench_now_ns() - begin) / (double)bench->holds);
    }
    /* The sum is looked at so that the work cannot be left out. */
    printf("# dist.%s: %.1f ns\n", name, sum == -1 ? 0 : best);
}

int main(int argc, char **argv)
{
    static const size_t sizes[] = {10, 1000, 100000, 1000000};
    static Bench bench;
    bench.is_quick = bench_quick(argc, argv);
    fill_increments(&bench);
    bench.holds = bench.is_quick ? 1000 : 1000000;
    bench_slots(&bench, 8);
    bench_slots(&bench, 64);
    bench_slots(&bench, 1024);
    bench_hist(&bench);
    bench_dist(&bench, "exp", (CpDist){CP_DIST_EXP, 0, {4 * CP_MS}});
    bench_dist(&bench, "normal", (CpDist){CP_DIST_NORMAL, 0, {4 * CP_MS, CP_MS}});
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        bench.holds = bench.is_quick ? 1000 : sizes[i] > 10000 ? 2000000 : 1000000;
        bench_timerq(&bench, bench.is_quick ? MIN(sizes[i], 2000) : sizes[i]);
    }
    return 0;
}
