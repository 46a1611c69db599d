/* Speed of recordings: packing of records, and reading of perf script text. */
#include "tests/bench/bench.h"
#include "tests/unit/fixture-records.h"
#include "traces/cpr-pack.h"
#include "traces/import/formats.h"

#include <glib/gstdio.h>

enum { ROUNDS = 7, CPUS = 8, THREADS = 200 };

static double pack_all(const GArray *r, CpCprPacker *packer, uint8_t *out, size_t *bytes)
{
    const CpRecord *records = (const CpRecord *)(const void *)r->data;
    double start = bench_now_ns();
    *bytes = 0;
    for (size_t i = 0; i < r->len; i += CP_RECORD_BLOCK) {
        *bytes += cp_cpr_pack(packer, records + i, MIN(r->len - i, CP_RECORD_BLOCK), out);
    }
    return (bench_now_ns() - start) / r->len;
}

static double write_all(const GArray *r, const char *path)
{
    double start = bench_now_ns();
    CpCprWriter *w = cp_cpr_writer_new(path, NULL);
    CpCprInfo info = {0};
    if (w == NULL ||
        !cp_cpr_write(w, (const CpRecord *)(const void *)r->data, r->len, NULL) ||
        !cp_cpr_writer_finish(w, &info, NULL)) {
        abort();
    }
    cp_cpr_writer_free(w);
    return (bench_now_ns() - start) / r->len;
}

static void bench_cpr(size_t n, const char *path)
{
    g_autoptr(GArray) r = fixture_mixed_records(n, THREADS);
    CpCprPacker *packer = g_new0(CpCprPacker, 1);
    uint8_t *out = g_malloc(CP_CPR_PACK_MAX);
    double pack[ROUNDS], written[ROUNDS];
    size_t bytes = 0;
    for (unsigned i = 0; i < ROUNDS; i++) {
        pack[i] = pack_all(r, packer, out, &bytes);
        written[i] = write_all(r, path);
    }
    bench_report(&(BenchGoal){"cpr_bytes_per_record", "B", BENCH_AT_MOST, 4, 5},
                 (double)bytes / r->len);
    bench_report(&(BenchGoal){"cpr_pack_ns", "ns", BENCH_AT_MOST, 10, 15},
                 bench_median(pack, ROUNDS));
    bench_report(&(BenchGoal){"cpr_write_ns", "ns", BENCH_AT_MOST, 12, 25},
                 bench_median(written, ROUNDS));
    g_free(packer);
    g_free(out);
}

/* perf script text of threads that switch on 8 CPUs, with wake-ups and run-time reports. */
static void make_text(const char *path, size_t bytes)
{
    g_autoptr(GString) text = g_string_sized_new(bytes + 4096);
    unsigned running[CPUS] = {0};
    uint64_t seed = 9, now = 1000000000000;
    while (text->len < bytes) {
        uint64_t x = fixture_random(&seed);
        unsigned cpu = (unsigned)x % CPUS, next = 100 + (unsigned)(x >> 20) % 900;
        unsigned prev = running[cpu];
        now += (x >> 40) % 100000;
        uint64_t s = now / 1000000000, ns = now % 1000000000;
        g_string_append_printf(text,
                               "%16s %5u [%03u] %5" G_GUINT64_FORMAT ".%09" G_GUINT64_FORMAT
                               ":       sched:sched_waking: comm=work-%u pid=%u prio=120 "
                               "target_cpu=%03u\n",
                               "worker", prev, cpu, s, ns, next, next, cpu);
        if (prev != 0) {
            g_string_append_printf(
                text,
                "%16s %5u [%03u] %5" G_GUINT64_FORMAT ".%09" G_GUINT64_FORMAT
                ": sched:sched_stat_runtime: comm=work-%u pid=%u runtime=%u [ns]\n",
                "worker", prev, cpu, s, ns, prev, prev, (unsigned)(x >> 44));
        }
        g_string_append_printf(text,
                               "%16s %5u [%03u] %5" G_GUINT64_FORMAT ".%09" G_GUINT64_FORMAT
                               ":       sched:sched_switch: prev_comm=work-%u prev_pid=%u "
                               "prev_prio=120 prev_state=%c ==> next_comm=work-%u "
                               "next_pid=%u next_prio=120\n",
                               "worker", prev, cpu, s, ns, prev, prev, "RSD"[x % 3], next,
                               next);
        running[cpu] = next;
    }
    if (!g_file_set_contents(path, text->str, (gssize)text->len, NULL)) {
        abort();
    }
}

static void bench_import(size_t bytes, const char *in, const char *out)
{
    double rate[ROUNDS], cost[ROUNDS];
    make_text(in, bytes);
    for (unsigned i = 0; i < ROUNDS; i++) {
        CpImportReport report;
        cp_import_report_init(&report);
        double start = bench_now_ns();
        if (!cp_import(in, out, NULL, &report, NULL) || report.unread > 0 ||
            report.broken > 0) {
            abort();
        }
        double ns = bench_now_ns() - start;
        rate[i] = (double)report.bytes * 1e3 / ns;
        cost[i] = ns / (double)report.events;
        cp_import_report_clear(&report);
    }
    bench_report(&(BenchGoal){"import_mb_per_s", "MB/s", BENCH_AT_LEAST, 500, 500},
                 bench_median(rate, ROUNDS));
    bench_report(&(BenchGoal){"import_ns_per_event", "ns", BENCH_AT_MOST, 300, 300},
                 bench_median(cost, ROUNDS));
}

int main(int argc, char **argv)
{
    bool quick = bench_quick(argc, argv);
    g_autofree char *dir = g_dir_make_tmp("bench-XXXXXX", NULL);
    g_autofree char *text = g_build_filename(dir, "perf.txt", NULL);
    g_autofree char *cpr = g_build_filename(dir, "bench.cpr", NULL);
    bench_cpr(quick ? 20000 : 1000000, cpr);
    bench_import(quick ? 1 << 20 : 50 << 20, text, cpr);
    g_unlink(text);
    g_unlink(cpr);
    g_rmdir(dir);
    return 0;
}
