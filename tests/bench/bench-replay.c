/* Memory and speed of replaying a recording.
 *
 *   bench-replay [--quick]
 *
 * A recording and one ten times as long are replayed, each in a process of its own: the
 * most memory it had, and the time of a switch from opening the recording to the end of the
 * simulation. */
#include "tests/bench/case.h"
#include "tests/unit/fixture-replay.h"
#include "traces/cpr.h"

#include <glib/gstdio.h>

/* Switches in the recording. */
static uint64_t count_switches(const char *path)
{
    GError *error = NULL;
    CpCpr *cpr = cp_cpr_open(path, &error);
    must(cpr != NULL, error);
    g_autofree CpRecord *block = g_new(CpRecord, CP_RECORD_BLOCK);
    uint64_t switches = 0;
    for (uint32_t b = 0; b < cp_cpr_n_blocks(cpr); b++) {
        size_t n;
        must(cp_cpr_read(cpr, b, block, &n, &error), error);
        for (size_t i = 0; i < n; i++) {
            switches += cp_record_kind(&block[i]) == CP_REC_SWITCH;
        }
    }
    cp_cpr_free(cpr);
    return switches;
}

int main(int argc, char **argv)
{
    static const BenchGoal growth = {"replay.memory_10x", "ratio", BENCH_AT_MOST, 1.1, 1.1};
    static const BenchGoal resident = {"replay.resident", "MB", BENCH_AT_MOST, 16, 32};
    static const BenchGoal rate = {"replay.rate", "M switches/s", BENCH_AT_LEAST, 1, 0.5};
    bool quick = bench_quick(argc, argv);
    g_autofree char *dir = g_dir_make_tmp("bench-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "run.cpr", NULL);
    double ns;
    double small = fixture_replay(path, quick ? "60" : "6000", &ns);
    double large = fixture_replay(path, quick ? "600" : "60000", &ns);
    uint64_t switches = count_switches(path);
    printf("# %.1f MB; %.1f MB for %.2g M switches\n", small / 1e6, large / 1e6,
           (double)switches / 1e6);
    bench_report(&growth, large / small);
    bench_report(&resident, large / 1e6);
    bench_report(&rate, (double)switches / ns * 1e3);
    g_unlink(path);
    g_rmdir(dir);
    return 0;
}
