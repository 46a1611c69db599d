/* Speed of recordings: packing of records, and reading of perf script text.
 *
 * Prints one `name value` line a measurement, the best of several rounds. */
#include "traces/cpr-pack.h"
#include "traces/cpr.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t next_random(uint64_t *seed)
{
    *seed += 0x9e3779b97f4a7c15u;
    uint64_t z = (*seed ^ *seed >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static double seconds(void)
{
    return (double)g_get_monotonic_time() / 1e6;
}

/* Switches, wake-ups and migrations of 200 threads on 8 CPUs. */
static GArray *make_records(size_t n)
{
    GArray *r = g_array_new(FALSE, FALSE, sizeof(CpRecord));
    uint64_t seed = 3;
    CpTime now = 0;
    while (r->len < n) {
        uint64_t x = next_random(&seed);
        now += (CpTime)(x >> 8) % 100000;
        uint32_t cpu = (uint32_t)(x % 8), id = (uint32_t)(x >> 32) % 200;
        uint32_t target = (uint32_t)(x >> 16) % 8;
        CpRecord part[4] = {cp_record_make(now, CP_REC_WAKING, id, cpu, target),
                            cp_record_make(now, CP_REC_MIGRATE, id, cpu, target),
                            cp_record_make(now + 900, CP_REC_WAKEUP, id, target, 0),
                            cp_record_make(now + 1700, CP_REC_SWITCH, id, target, 'S')};
        now += 1700;
        if (x >> 62 == 0) {
            g_array_append_vals(r, part, 4);
        } else if (x >> 62 == 1) {
            g_array_append_vals(r, part + 2, 2);
        } else {
            part[3].arg = 'R' | CP_SWITCH_PREEMPTED;
            part[3].id = x >> 61 == 7 ? CP_NONE : id;
            g_array_append_val(r, part[3]);
        }
    }
    return r;
}

static void bench_pack(void)
{
    g_autoptr(GArray) r = make_records(1000000);
    const CpRecord *records = (const CpRecord *)(void *)r->data;
    CpCprPacker *packer = g_new0(CpCprPacker, 1);
    uint8_t *out = g_malloc(CP_CPR_PACK_MAX);
    CpRecord *back = g_new(CpRecord, CP_RECORD_BLOCK);
    double pack = 1e9, unpack = 1e9;
    size_t bytes = 0;
    for (unsigned round = 0; round < 7; round++) {
        double spent = 0, spent_back = 0;
        bytes = 0;
        for (size_t i = 0; i < r->len; i += CP_RECORD_BLOCK) {
            size_t n = MIN(r->len - i, CP_RECORD_BLOCK);
            double t0 = seconds();
            size_t size = cp_cpr_pack(packer, records + i, n, out);
            double t1 = seconds();
            if (!cp_cpr_unpack(out, size, back, n)) {
                abort();
            }
            spent += t1 - t0;
            spent_back += seconds() - t1;
            bytes += size;
        }
        pack = MIN(pack, spent / r->len);
        unpack = MIN(unpack, spent_back / r->len);
    }
    printf("cpr_pack_ns %.2f\n", pack * 1e9);
    printf("cpr_unpack_ns %.2f\n", unpack * 1e9);
    printf("cpr_bytes_per_record %.3f\n", (double)bytes / r->len);
    g_free(packer);
    g_free(out);
    g_free(back);
}

static void bench_write(const char *path)
{
    g_autoptr(GArray) r = make_records(2000000);
    double best = 1e9;
    for (unsigned round = 0; round < 5; round++) {
        double t0 = seconds();
        CpCprWriter *w = cp_cpr_writer_new(path, NULL);
        CpCprInfo info = {0};
        if (w == NULL || !cp_cpr_write(w, (CpRecord *)(void *)r->data, r->len, NULL) ||
            !cp_cpr_writer_finish(w, &info, NULL)) {
            abort();
        }
        cp_cpr_writer_free(w);
        best = MIN(best, (seconds() - t0) / r->len);
    }
    printf("cpr_write_ns %.2f\n", best * 1e9);
}

int main(void)
{
    g_autofree char *dir = g_dir_make_tmp("bench-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "bench.cpr", NULL);
    bench_pack();
    bench_write(path);
    g_unlink(path);
    g_rmdir(dir);
    return 0;
}
