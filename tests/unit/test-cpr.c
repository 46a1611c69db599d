/* The .cpr recording: what is written is read back, and nothing else is. */
#include "sim/error.h"
#include "tests/unit/fixture-records.h"
#include "traces/cpr-pack.h"
#include "traces/cpr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <glib/gstdio.h>

typedef struct {
    char *dir, *path;
} Fixture;

static int setup(void **state)
{
    Fixture *f = g_new0(Fixture, 1);
    f->dir = g_dir_make_tmp("cpr-XXXXXX", NULL);
    f->path = g_build_filename(f->dir, "a.cpr", NULL);
    *state = f;
    return f->dir == NULL;
}

static int teardown(void **state)
{
    Fixture *f = *state;
    g_unlink(f->path);
    int left = g_rmdir(f->dir);
    g_free(f->dir);
    g_free(f->path);
    g_free(f);
    return left;
}

/* Any record there can be: every kind, ids of all sizes, CPUs known or not, times that
 * stand still or leap. */
static void random_records(uint64_t seed, CpRecord *r, size_t n)
{
    CpTime time = -(CpTime)(fixture_random(&seed) % 1000);
    unsigned id_bits = (unsigned)(fixture_random(&seed) % 33);
    unsigned step_bits = (unsigned)(fixture_random(&seed) % 35);
    bool more_allowed = false;
    for (size_t i = 0; i < n; i++) {
        uint64_t x = fixture_random(&seed), y = fixture_random(&seed);
        CpRecordKind kind = (CpRecordKind)(x % (x >> 60 == 0 ? 256 : 6));
        if (kind == CP_REC_MORE && !more_allowed) {
            kind = CP_REC_SWITCH;
        }
        more_allowed = kind != CP_REC_MORE;
        time += (CpTime)(y & ((UINT64_C(1) << step_bits) - 1));
        int64_t value = (int64_t)(y << 8) >> (8 + (x >> 8) % 50);
        uint32_t id = (uint32_t)(x >> 32 & ((UINT64_C(1) << id_bits) - 1));
        if (x >> 58 == 1) {
            id = CP_NONE;
        } else if (x >> 58 == 2 && i > 0) {
            id = r[i - 1].id;
        }
        uint32_t cpu = x >> 57 == 9 ? CP_RECORD_NO_CPU : (uint32_t)(x >> 20) % 8;
        r[i] = cp_record_make(kind == CP_REC_MORE ? value : time, kind, id, cpu,
                              (uint32_t)(y >> 56 == 3 ? y >> 40 : y >> 62));
    }
    if (cp_record_kind(&r[0]) == CP_REC_MORE) {
        abort();
    }
}

static CpCprInfo write_file(const char *path, const CpRecord *r, size_t n, size_t chunk)
{
    GError *error = NULL;
    CpCprWriter *w = cp_cpr_writer_new(path, &error);
    assert_null(error);
    CpSink sink = cp_cpr_sink(w);
    for (size_t i = 0; i < n;) {
        size_t part = MIN(chunk, n - i);
        while (i + part < n && cp_record_kind(&r[i + part]) == CP_REC_MORE) {
            part++;
        }
        assert_true(sink.write(sink.data, r + i, part, &error));
        i += part;
    }
    CpCprInfo info = {.origin = CP_ORIGIN_RECORDED,
                      .n_cpus = 8,
                      .start = -1000,
                      .end = INT64_MAX >> 8,
                      .clock_base = 1234567890123456789,
                      .lost = 3,
                      .repaired = 4,
                      .seed = 5,
                      .machine = cp_cpr_string(w, "two cores"),
                      .settings = cp_cpr_string(w, "a=1\nb=2\n")};
    CpCprThread t = {cp_cpr_string(w, "main"), cp_cpr_string(w, "p"), 77, 78, 120, 1};
    cp_cpr_thread(w, 3, &t);
    cp_cpr_name(w, CP_REC_LOCK_GOT, 9, cp_cpr_string(w, "big lock"));
    assert_true(cp_cpr_writer_finish(w, &info, &error));
    cp_cpr_writer_free(w);
    return info;
}

/* Reads everything; false and no error is impossible. */
static bool read_all(const char *path, GArray *out, GError **error)
{
    CpCpr *cpr = cp_cpr_open(path, error);
    if (cpr == NULL) {
        return false;
    }
    bool good = true;
    CpRecord *block = g_new(CpRecord, CP_RECORD_BLOCK);
    for (uint32_t i = 0; good && i < cp_cpr_n_blocks(cpr); i++) {
        size_t n = 0;
        good = cp_cpr_read(cpr, i, block, &n, error);
        assert_true(good ? n > 0 : true);
        g_array_append_vals(out, block, good ? (guint)n : 0);
    }
    g_free(block);
    cp_cpr_free(cpr);
    return good;
}

/* Random records of every kind come back as they were, however they are handed over. */
static void test_round_trip(void **state)
{
    Fixture *f = *state;
    enum { N = 20000 };
    CpRecord *r = g_new(CpRecord, N);
    for (uint64_t seed = 1; seed <= 40; seed++) {
        size_t n = seed < 6 ? seed : N - seed;
        random_records(seed * 7919, r, n);
        write_file(f->path, r, n, seed % 3 == 0 ? 1 : 1000 * seed);
        g_autoptr(GArray) back = g_array_new(FALSE, FALSE, sizeof(CpRecord));
        GError *error = NULL;
        assert_true(read_all(f->path, back, &error));
        if (back->len != n || memcmp(back->data, r, n * sizeof *r) != 0) {
            fail_msg("seed %" G_GUINT64_FORMAT ": %u records of %zu, or not the same", seed,
                     back->len, n);
        }
    }
    g_free(r);
}

/* Facts, tables and texts come back; what nobody wrote reads as empty. */
static void test_tables(void **state)
{
    Fixture *f = *state;
    CpRecord r = cp_record_make(5, CP_REC_SWITCH, 3, 0, 'S');
    CpCprInfo info = write_file(f->path, &r, 1, 1);
    GError *error = NULL;
    CpCpr *cpr = cp_cpr_open(f->path, &error);
    assert_non_null(cpr);
    const CpCprInfo *got = cp_cpr_info(cpr);
    assert_int_equal(got->origin, CP_ORIGIN_RECORDED);
    assert_int_equal(got->n_cpus, 8);
    assert_int_equal(got->start, info.start);
    assert_int_equal(got->end, info.end);
    assert_int_equal(got->clock_base, info.clock_base);
    assert_int_equal(got->lost, 3);
    assert_int_equal(got->repaired, 4);
    assert_int_equal(got->seed, 5);
    assert_string_equal(cp_cpr_text(cpr, got->machine), "two cores");
    assert_string_equal(cp_cpr_text(cpr, got->settings), "a=1\nb=2\n");
    assert_string_equal(cp_cpr_text(cpr, got->metrics), "");
    assert_string_equal(cp_cpr_text(cpr, 1u << 30), "");
    assert_int_equal(cp_cpr_n_threads(cpr), 4);
    const CpCprThread *t = cp_cpr_thread_at(cpr, 3);
    assert_string_equal(cp_cpr_text(cpr, t->name), "main");
    assert_int_equal(t->pid, 77);
    assert_int_equal(t->tid, 78);
    assert_int_equal(t->prio, 120);
    assert_int_equal(t->flags, 1);
    assert_int_equal(cp_cpr_thread_at(cpr, 99)->name, 0);
    assert_string_equal(cp_cpr_name_at(cpr, CP_REC_LOCK_GOT, 9), "big lock");
    assert_string_equal(cp_cpr_name_at(cpr, CP_REC_LOCK_GOT, 8), "");
    assert_int_equal(cp_cpr_n_records(cpr), 1);
    CpTime from, to;
    cp_cpr_block_range(cpr, 0, &from, &to);
    assert_int_equal(from, 5);
    assert_int_equal(to, 5);
    cp_cpr_free(cpr);
}

/* A run that recorded nothing is a recording too. */
static void test_no_records(void **state)
{
    Fixture *f = *state;
    write_file(f->path, NULL, 0, 1);
    g_autoptr(GArray) back = g_array_new(FALSE, FALSE, sizeof(CpRecord));
    GError *error = NULL;
    assert_true(read_all(f->path, back, &error));
    assert_int_equal(back->len, 0);
}

static void expect_error(const char *path, const char *word)
{
    g_autoptr(GArray) back = g_array_new(FALSE, FALSE, sizeof(CpRecord));
    GError *error = NULL;
    assert_false(read_all(path, back, &error));
    assert_true(g_error_matches(error, CP_ERROR, CP_ERROR_INPUT));
    if (strstr(error->message, word) == NULL || strstr(error->message, path) == NULL) {
        fail_msg("'%s' lacks '%s'", error->message, word);
    }
    g_error_free(error);
}

/* A file cut at any byte is refused with the word for it. */
static void test_truncation(void **state)
{
    Fixture *f = *state;
    CpRecord r[40];
    random_records(5, r, G_N_ELEMENTS(r));
    write_file(f->path, r, G_N_ELEMENTS(r), 40);
    g_autofree char *bytes = NULL;
    gsize n;
    assert_true(g_file_get_contents(f->path, &bytes, &n, NULL));
    for (gsize cut = 0; cut < n; cut++) {
        assert_true(g_file_set_contents(f->path, bytes, (gssize)cut, NULL));
        expect_error(f->path, cut == 0 ? "empty" : "truncated");
    }
}

/* One flipped bit anywhere is either refused or changes nothing. */
static void test_bit_flips(void **state)
{
    Fixture *f = *state;
    CpRecord r[60];
    random_records(9, r, G_N_ELEMENTS(r));
    write_file(f->path, r, G_N_ELEMENTS(r), 60);
    g_autofree char *bytes = NULL;
    gsize n;
    unsigned unseen = 0;
    assert_true(g_file_get_contents(f->path, &bytes, &n, NULL));
    for (gsize bit = 0; bit < n * 8; bit++) {
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
        assert_true(g_file_set_contents(f->path, bytes, (gssize)n, NULL));
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
        g_autoptr(GArray) back = g_array_new(FALSE, FALSE, sizeof(CpRecord));
        g_autoptr(GError) error = NULL;
        if (read_all(f->path, back, &error)) {
            unseen++;
            assert_int_equal(back->len, G_N_ELEMENTS(r));
            assert_memory_equal(back->data, r, sizeof r);
        }
    }
    /* Only reserved bytes may go unseen: 4 in the header, block header and trailer. */
    assert_true(unseen <= 12 * 8);
}

/* Random bytes in place of a packed block never lead the unpacker out of bounds (the
 * sanitizer builds watch) and are mostly refused. */
static void test_unpack_noise(void **state)
{
    (void)state;
    uint64_t seed = 42;
    CpRecord *out = g_new(CpRecord, CP_RECORD_BLOCK);
    for (unsigned round = 0; round < 20000; round++) {
        size_t size = fixture_random(&seed) % 300, n = 1 + fixture_random(&seed) % 60;
        uint8_t *bytes = g_malloc(size + CP_CPR_SLACK);
        for (size_t i = 0; i < size + CP_CPR_SLACK; i++) {
            bytes[i] = (uint8_t)(fixture_random(&seed) >> (i < 9 ? 61 : 50));
        }
        cp_cpr_unpack(bytes, size, out, n);
        g_free(bytes);
    }
    g_free(out);
}

/* Foreign, newer, missing and odd files are told apart. */
static void test_foreign(void **state)
{
    Fixture *f = *state;
    g_file_set_contents(f->path, "  bash 1 [000] 1.0: x:\n", -1, NULL);
    expect_error(f->path, "not a coreplay recording");
    CpRecord r = cp_record_make(5, CP_REC_SWITCH, 3, 0, 'S');
    write_file(f->path, &r, 1, 1);
    g_autofree char *bytes = NULL;
    gsize n;
    assert_true(g_file_get_contents(f->path, &bytes, &n, NULL));
    assert_true(cp_cpr_sniff(bytes, n));
    assert_false(cp_cpr_sniff("  bash 1", 8));
    bytes[8] = 2;
    assert_true(g_file_set_contents(f->path, bytes, (gssize)n, NULL));
    expect_error(f->path, "format version 2");
    g_unlink(f->path);
    expect_error(f->path, "No such file");
    g_mkdir(f->path, 0700);
    expect_error(f->path, "directory");
    g_rmdir(f->path);
}

/* Nothing stands under the final name before the end, and nothing is left after a failure;
 * records out of order are refused. */
static void test_writer_faults(void **state)
{
    Fixture *f = *state;
    GError *error = NULL;
    CpCprWriter *w = cp_cpr_writer_new(f->path, &error);
    CpRecord r[2] = {cp_record_make(5, CP_REC_SWITCH, 3, 0, 'S'),
                     cp_record_make(4, CP_REC_SWITCH, 3, 0, 'S')};
    assert_true(cp_cpr_write(w, r, 2, &error));
    assert_false(g_file_test(f->path, G_FILE_TEST_EXISTS));
    CpCprInfo info = {0};
    assert_false(cp_cpr_writer_finish(w, &info, &error));
    assert_true(g_error_matches(error, CP_ERROR, CP_ERROR_OUTPUT));
    assert_non_null(strstr(error->message, "order"));
    g_clear_error(&error);
    assert_false(cp_cpr_writer_finish(w, &info, &error));
    g_clear_error(&error);
    cp_cpr_writer_free(w);
    GDir *dir = g_dir_open(f->dir, 0, NULL);
    assert_null(g_dir_read_name(dir));
    g_dir_close(dir);
    assert_null(cp_cpr_writer_new("/nonexistent/dir/x.cpr", &error));
    assert_true(g_error_matches(error, CP_ERROR, CP_ERROR_OUTPUT));
    g_error_free(error);
}

/* A typical mix of scheduling records takes at most five bytes on disk. */
static void test_size(void **state)
{
    Fixture *f = *state;
    GArray *r = fixture_mixed_records(200000, 200);
    write_file(f->path, (CpRecord *)(void *)r->data, r->len, CP_RECORD_BLOCK);
    GStatBuf st;
    assert_int_equal(g_stat(f->path, &st), 0);
    double bytes = (double)st.st_size / r->len;
    print_message("%.3f bytes a record\n", bytes);
    assert_true(bytes <= 5.0);
    g_array_unref(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tables, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_records, setup, teardown),
        cmocka_unit_test_setup_teardown(test_truncation, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bit_flips, setup, teardown),
        cmocka_unit_test(test_unpack_noise),
        cmocka_unit_test_setup_teardown(test_foreign, setup, teardown),
        cmocka_unit_test_setup_teardown(test_writer_faults, setup, teardown),
        cmocka_unit_test_setup_teardown(test_size, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
