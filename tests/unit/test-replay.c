/* Replay of recordings: the streams of pieces, the same simulation as from a program held
 * in memory, and memory that does not grow with the recording. */
#include "models/ops.h"
#include "models/registry.h"
#include "sim/error.h"
#include "tests/unit/fixture-replay.h"
#include "traces/import/formats.h"
#include "traces/rebuild/evidence.h"
#include "scenario/run-names.h"
#include "scenario/scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>
#include <glib/gstdio.h>

/* --- streams of pieces --- */

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 24;
}

/* What a stream should hold, as an array. */
typedef struct {
    CpPiece piece;
    int64_t place;
    bool gone;
} Kept;

enum { STREAMS = 5, RULE_BAD = 1 };

static CpPiece random_piece(uint64_t *seed)
{
    uint64_t x = next_random(seed);
    CpPiece p = {.kind = (uint8_t)(1 + x % CP_PIECE_AWAIT), .rule = (uint8_t)(x >> 8 & 3)};
    int64_t small = (int64_t)(x >> 16 & 0xff);
    if (p.kind == CP_PIECE_NICE) {
        p.value = small % 40 - 20;
    } else if (p.kind == CP_PIECE_RT) {
        p.value = 1 + small % 99;
    } else if (p.kind != CP_PIECE_WAKE && p.kind != CP_PIECE_SPAWN &&
               p.kind < CP_PIECE_YIELD) {
        p.value = small == 0 ? INT64_MAX / 4 : small % 5 == 1 ? 0 : small << (x >> 30 & 31);
    }
    if ((p.kind >= CP_PIECE_WAIT && p.kind <= CP_PIECE_JOIN_ALL) ||
        p.kind >= CP_PIECE_ANSWER) {
        p.thread = (uint32_t)(x >> 24) % STREAMS;
    }
    return p;
}

static bool is_timed(const CpPiece *p)
{
    return p->kind == CP_PIECE_RUN || p->kind == CP_PIECE_DELAY;
}

/* The stream as it should be read, from the model: stream 2 is outvoted, stream 1 does not
 * yield. */
static GArray *expected(const GArray *kept, uint32_t stream)
{
    GArray *out = g_array_new(FALSE, TRUE, sizeof(CpPiece));
    for (guint i = 0; i < kept->len; i++) {
        const Kept *k = &g_array_index(kept, Kept, i);
        CpPiece p = k->piece;
        bool bad = p.rule == RULE_BAD;
        if (k->gone || (p.kind == CP_PIECE_WAKE && bad && p.thread == 2) ||
            (p.kind == CP_PIECE_YIELD && stream == 1)) {
            continue;
        }
        if (p.kind == CP_PIECE_WAIT && bad && stream == 2) {
            p.kind = CP_PIECE_DELAY;
            p.thread = 0;
        } else if (p.kind >= CP_PIECE_WAIT && p.kind <= CP_PIECE_JOIN_ALL) {
            p.value = 0;
        }
        CpPiece *last = out->len > 0 ? &g_array_index(out, CpPiece, out->len - 1) : NULL;
        if (is_timed(&p) && p.value == 0) {
            continue;
        }
        if (is_timed(&p) && last != NULL && last->kind == p.kind) {
            last->value += p.value;
        } else {
            g_array_append_val(out, p);
        }
    }
    return out;
}

static void write_randomly(CpPieces *pieces, GArray *const *kept, unsigned n, uint64_t seed)
{
    for (unsigned i = 0; i < n; i++) {
        uint32_t stream =
            (uint32_t)next_random(&seed) % (STREAMS - 1); /* one stays empty */
        Kept k = {.piece = random_piece(&seed)};
        k.place = cp_pieces_add(pieces, stream, &k.piece);
        g_array_append_val(kept[stream], k);
        uint64_t x = next_random(&seed);
        Kept *old = &g_array_index(kept[stream], Kept, (x >> 8) % kept[stream]->len);
        bool waits = old->piece.kind == CP_PIECE_WAIT || old->piece.kind == CP_PIECE_JOIN;
        if (x % 4 == 0) {
            cp_pieces_take_back(pieces, stream, old->place);
            old->gone = true;
        } else if (x % 4 == 1 && waits && !old->gone) {
            old->piece.kind++;
            if (old->piece.kind == CP_PIECE_WAKE) {
                old->piece.kind = CP_PIECE_JOIN;
            }
            cp_pieces_change(pieces, stream, old->place, (CpPieceKind)old->piece.kind);
        } else if (x % 64 == 3) {
            cp_pieces_rest(pieces, stream);
        }
    }
    cp_pieces_outvote(pieces, 2, RULE_BAD);
    cp_pieces_drop_yields(pieces, 1);
}

static void check_stream(const CpPieces *pieces, uint32_t stream, const GArray *wanted)
{
    CpPieceWindow window = {0};
    int64_t place = cp_pieces_first(pieces, stream);
    CpPiece got;
    for (guint i = 0; i < wanted->len; i++) {
        const CpPiece *want = &g_array_index(wanted, CpPiece, i);
        int64_t before = place;
        assert_true(cp_pieces_next(pieces, stream, &window, &place, &got, NULL));
        assert_int_equal(got.kind, want->kind);
        assert_int_equal(got.value, want->value);
        assert_int_equal(got.thread, want->thread);
        /* A place is all there is to know: another reader reads the same there. */
        if (i % 7 == 0) {
            CpPieceWindow other = {0};
            CpPiece again;
            assert_true(cp_pieces_next(pieces, stream, &other, &before, &again, NULL));
            assert_int_equal(again.value, got.value);
            assert_int_equal(before, place);
        }
    }
    for (int i = 0; i < 2; i++) {
        assert_true(cp_pieces_next(pieces, stream, &window, &place, &got, NULL));
        assert_int_equal(got.kind, CP_PIECE_END);
    }
}

/* Streams written side by side, changed and taken back later, are read as if each had been
 * an array. */
static void test_pieces(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        GError *error = NULL;
        GArray *kept[STREAMS];
        CpPieces *pieces = cp_pieces_new(STREAMS, &error);
        assert_non_null(pieces);
        for (uint32_t i = 0; i < STREAMS; i++) {
            kept[i] = g_array_new(FALSE, FALSE, sizeof(Kept));
        }
        write_randomly(pieces, kept, seed % 3 == 0 ? 20 : 3000, seed);
        assert_true(cp_pieces_seal(pieces, &error));
        for (uint32_t i = 0; i < STREAMS; i++) {
            g_autoptr(GArray) wanted = expected(kept[i], i);
            check_stream(pieces, i, wanted);
            g_array_unref(kept[i]);
        }
        cp_pieces_unref(pieces);
    }
}

/* A folder for temporary files that is full or not there is said to be so. */
static void test_no_room(void **state)
{
    (void)state;
    GError *error = NULL;
    struct rlimit old, none = {0, 0};
    CpPieces *pieces = cp_pieces_new(1, &error);
    const CpPiece run = {.kind = CP_PIECE_RUN, .value = CP_MS};
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    none.rlim_max = old.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    for (unsigned i = 0; i < 1000; i++) {
        cp_pieces_add(pieces, 0, &run);
    }
    assert_false(cp_pieces_seal(pieces, &error));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(error->code, CP_ERROR_OUTPUT);
    assert_non_null(strstr(error->message, "set TMPDIR"));
    g_clear_error(&error);
    cp_pieces_unref(pieces);
}

/* --- the same simulation --- */

/* The workload with every piece written out as instructions of its own. */
static void emit_piece(CpWorkload *w, const CpRebuild *rb, uint32_t decl, const CpPiece *p)
{
    bool pair = p->kind >= CP_PIECE_ANSWER;
    uint32_t other = pair ? p->thread : rb->threads[p->thread].facts.decl;
    bool rr = cp_rebuild_rt_policy(cp_rebuild_kept(rb, decl)) == CP_SCHED_RR;
    uint32_t c = cp_workload_const(w, p->value);
    CpSchedAttr attr = cp_sched_attr_default();
    attr.policy = rr ? CP_SCHED_RR : CP_SCHED_FIFO;
    attr.rt_prio = (int32_t)p->value;
    switch ((CpPieceKind)p->kind) {
    case CP_PIECE_END:
        cp_workload_emit(w, CP_OP_EXIT, 0, 0, 0, 0);
        break;
    case CP_PIECE_RUN:
        cp_workload_emit(w, CP_OP_COMPUTE, CP_ARG_CONST, 0, c, 0);
        break;
    case CP_PIECE_DELAY:
        cp_workload_emit(w, CP_OP_OUTSIDE, CP_ARG_CONST, 0, c, 0);
        break;
    case CP_PIECE_WAIT:
        cp_workload_emit(w, CP_OP_WAIT_WAKE, 0, 0, 0, 0);
        break;
    case CP_PIECE_WAKE:
        cp_workload_emit(w, CP_OP_WAKE, 0, 0, other, 0);
        break;
    case CP_PIECE_SPAWN:
        cp_workload_emit(w, CP_OP_SPAWN, 0, 0, other, 0);
        break;
    case CP_PIECE_JOIN:
        cp_workload_emit(w, CP_OP_JOIN, 0, CP_REG_NONE, other, 0);
        break;
    case CP_PIECE_JOIN_ALL:
        cp_workload_emit(w, CP_OP_JOIN, 0, CP_REG_NONE, CP_NONE, 0);
        break;
    case CP_PIECE_NICE:
        cp_workload_emit(w, CP_OP_SET_NICE, 0, 0, c, 0);
        break;
    case CP_PIECE_RT:
        g_array_append_val(w->attrs, attr);
        cp_workload_emit(w, CP_OP_SET_SCHED, 0, 0, w->attrs->len - 1, 0);
        break;
    case CP_PIECE_YIELD:
        cp_workload_emit(w, CP_OP_YIELD, 0, 0, 0, 0);
        break;
    case CP_PIECE_ANSWER: /* the semaphores of the pairs are all the objects there are */
        cp_workload_emit(w, CP_OP_SEM_POST, 0, 0, other, 0);
        break;
    case CP_PIECE_AWAIT:
        cp_workload_emit(w, CP_OP_SEM_WAIT, 0, CP_REG_NONE, other, 0);
        break;
    }
}

/* Puts the whole programs into the workload of a replay. */
static void write_out(CpWorkload *w, const char *path)
{
    GError *error = NULL;
    CpCpr *cpr = cp_cpr_open(path, &error);
    assert_non_null(cpr);
    CpParamSet *costs = cp_cost_set("reference");
    CpRebuild *rb =
        cp_rebuild_new(cpr, &(CpRebuildOptions){.costs = costs, .foreign = true}, &error);
    cp_params_free(costs);
    assert_non_null(rb);
    for (uint32_t i = 0; i < w->threads->len; i++) {
        CpPieceWindow window = {0};
        uint32_t id = cp_rebuild_kept(rb, i)->facts.id;
        int64_t place = cp_pieces_first(rb->pieces, id);
        cp_thread_decl(w, i)->entry = cp_workload_pc(w);
        for (CpPiece p = {.kind = CP_PIECE_RUN}; p.kind != CP_PIECE_END;) {
            assert_true(cp_pieces_next(rb->pieces, id, &window, &place, &p, &error));
            emit_piece(w, rb, i, &p);
        }
    }
    if (!cp_workload_verify(w, &error)) {
        fail_msg("%s", error->message);
    }
    cp_rebuild_free(rb);
    cp_cpr_free(cpr);
}

static gboolean keep_records(void *data, const CpRecord *records, size_t n, GError **error)
{
    (void)error; /* memory does not fail */
    g_array_append_vals(data, records, (guint)n);
    return TRUE;
}

/* Everything a run said: its records. */
static GArray *simulate(const char *path, const char *policy, const char *cores, bool whole)
{
    const CpOverride overrides[] = {{"policy", policy, CP_FROM_SET},
                                    {"cores", cores, CP_FROM_SET}};
    GArray *records = g_array_new(FALSE, FALSE, sizeof(CpRecord));
    CpDiag *diag = cp_diag_new(path, NULL, 0);
    CpScenario *s = cp_scenario_load(path, overrides, G_N_ELEMENTS(overrides), diag);
    if (s == NULL) {
        g_autofree char *text = cp_diag_print(diag, false);
        fail_msg("%s", text);
    }
    if (whole) {
        write_out(s->workload, path);
    }
    CpSimConfig config;
    const CpSink sink = {keep_records, records};
    GError *error = NULL;
    cp_scenario_config(s, &config);
    config.sink = &sink;
    CpSim *sim = cp_sim_new(&config, &error);
    if (sim == NULL || cp_sim_run(sim, &error) == CP_OUTCOME_ERROR) {
        fail_msg("%s", error->message);
    }
    cp_sim_free(sim);
    cp_scenario_free(s);
    cp_diag_free(diag);
    return records;
}

static void check_same(const char *path)
{
    /* Policies that look ahead too, and other machines than the recorded one. */
    static const char *const policies[] = {"eevdf", "sjf", "srtf", "mlfq", "rr"};
    for (size_t i = 0; i < G_N_ELEMENTS(policies); i++) {
        for (unsigned cores = 1; cores <= 4; cores++) {
            char n[2] = {(char)('0' + cores), 0};
            g_autoptr(GArray) replayed = simulate(path, policies[i], n, false);
            g_autoptr(GArray) whole = simulate(path, policies[i], n, true);
            assert_int_equal(replayed->len, whole->len);
            assert_memory_equal(replayed->data, whole->data,
                                replayed->len * sizeof(CpRecord));
        }
    }
}

/* Reading pieces on the way changes nothing: the records are those of the program written
 * out whole. */
static void test_same(void **state)
{
    (void)state;
    static const char *const files[] = {"hogs5_c2.txt.gz", "lock_hold_4t.txt.gz",
                                        "thrjoin_8x40.txt.gz"};
    g_autofree char *dir = g_dir_make_tmp("replay-XXXXXX", NULL);
    g_autofree char *cpr = g_build_filename(dir, "trace.cpr", NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
        const char *src = g_getenv("top_srcdir");
        g_autofree char *path =
            g_build_filename(src ? src : ".", "examples/recordings", files[i], NULL);
        const CpImportOptions all = {0};
        CpImportReport report;
        GError *error = NULL;
        cp_import_report_init(&report);
        assert_true(cp_import(path, cpr, &all, &report, &error));
        cp_import_report_clear(&report);
        check_same(cpr);
    }
    g_unlink(cpr);
    assert_int_equal(g_rmdir(dir), 0);
}

/* --- memory --- */

/* A recording ten times as long is replayed in less than a tenth more memory. */
static void test_memory(void **state)
{
    (void)state;
    g_autofree char *dir = g_dir_make_tmp("replay-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "run.cpr", NULL);
    double short_peak = fixture_replay(path, "800", NULL);
    double long_peak = fixture_replay(path, "8000", NULL);
    print_message("30 000 switches: %.0f B; 300 000: %.0f B\n", short_peak, long_peak);
    g_unlink(path);
    assert_int_equal(g_rmdir(dir), 0);
    assert_true(long_peak * 10 < short_peak * 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_same),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
