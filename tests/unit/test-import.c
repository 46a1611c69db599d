/* Trace text -> recording: every irregularity real files have, one small text each. */
#include "sim/error.h"
#include "traces/import/formats.h"
#include "traces/import/text-event.h"
#include "traces/import/input.h"
#include "traces/measure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <glib/gstdio.h>

typedef struct {
    char *dir, *in, *out;
    CpImportReport report;
    CpImportOptions options;
    GError *error;
    CpCpr *cpr;
    GArray *records;
} Fixture;

static int setup(void **state)
{
    Fixture *f = g_new0(Fixture, 1);
    f->dir = g_dir_make_tmp("import-XXXXXX", NULL);
    f->in = g_build_filename(f->dir, "trace.txt", NULL);
    f->out = g_build_filename(f->dir, "trace.cpr", NULL);
    f->records = g_array_new(FALSE, FALSE, sizeof(CpRecord));
    cp_import_report_init(&f->report);
    *state = f;
    return f->dir == NULL;
}

static int teardown(void **state)
{
    Fixture *f = *state;
    cp_cpr_free(f->cpr);
    cp_import_report_clear(&f->report);
    g_clear_error(&f->error);
    g_array_unref(f->records);
    g_unlink(f->in);
    g_unlink(f->out);
    int left = g_rmdir(f->dir);
    g_free(f->dir);
    g_free(f->in);
    g_free(f->out);
    g_free(f);
    return left;
}

static bool import_path(Fixture *f, const char *path)
{
    g_clear_error(&f->error);
    g_clear_pointer(&f->cpr, cp_cpr_free);
    cp_import_report_clear(&f->report);
    cp_import_report_init(&f->report);
    g_array_set_size(f->records, 0);
    if (!cp_import(path, f->out, &f->options, &f->report, &f->error)) {
        assert_false(g_file_test(f->out, G_FILE_TEST_EXISTS));
        return false;
    }
    f->cpr = cp_cpr_open(f->out, &f->error);
    assert_non_null(f->cpr);
    for (uint32_t b = 0; b < cp_cpr_n_blocks(f->cpr); b++) {
        CpRecord block[CP_RECORD_BLOCK];
        size_t n;
        assert_true(cp_cpr_read(f->cpr, b, block, &n, &f->error));
        g_array_append_vals(f->records, block, (guint)n);
    }
    g_unlink(f->out);
    return true;
}

static bool import_bytes(Fixture *f, const char *text, gssize n)
{
    assert_true(g_file_set_contents(f->in, text, n, NULL));
    return import_path(f, f->in);
}

static void import(Fixture *f, const char *text)
{
    if (!import_bytes(f, text, -1)) {
        fail_msg("%s", f->error->message);
    }
}

static void import_fails(Fixture *f, const char *text, gssize n, const char *word)
{
    assert_false(import_bytes(f, text, n));
    assert_true(g_error_matches(f->error, CP_ERROR, CP_ERROR_INPUT));
    if (strstr(f->error->message, word) == NULL) {
        fail_msg("'%s' lacks '%s'", f->error->message, word);
    }
}

static const char *name_of(Fixture *f, uint32_t id)
{
    return id == CP_NONE       ? "idle"
           : id == CP_NONE - 1 ? "nobody"
                               : cp_cpr_text(f->cpr, cp_cpr_thread_at(f->cpr, id)->name);
}

/* Records of the chosen kinds, one `kind@cpu time name arg` each. */
static char *listing(Fixture *f, uint64_t kinds)
{
    GString *out = g_string_new(NULL);
    for (guint i = 0; i < f->records->len; i++) {
        const CpRecord *r = &g_array_index(f->records, CpRecord, i);
        CpRecordKind kind = cp_record_kind(r);
        if (!(kinds >> kind & 1)) {
            continue;
        }
        g_string_append_printf(out, "%s@%u %" G_GINT64_FORMAT " %s",
                               kind == CP_REC_SWITCH   ? "sw"
                               : kind == CP_REC_WAKEUP ? "up"
                                                       : "k",
                               r->cpu, cp_record_time(r), name_of(f, r->id));
        if (kind == CP_REC_SWITCH) {
            g_string_append_printf(out, " %c%s%s", CP_SWITCH_STATE(r->arg),
                                   r->arg & CP_SWITCH_PREEMPTED ? "+" : "",
                                   r->arg & CP_SWITCH_RECONSTRUCTED ? "*" : "");
        }
        g_string_append(out, "; ");
    }
    return g_string_free(out, FALSE);
}

#define SWITCHES ((uint64_t)1 << CP_REC_SWITCH)

static void expect_listing(Fixture *f, uint64_t kinds, const char *expected)
{
    g_autofree char *got = listing(f, kinds);
    assert_string_equal(got, expected);
}

/* --- columns and payloads --- */

/* One switch in every dialect reads the same. */
static void test_dialects(void **state)
{
    Fixture *f = *state;
    static const char *const lines[] = {
        /* kernel, 4 flags, 5 flags, none, TGID column, unknown TGID */
        "            bash-77    [002] d..3  10.000001: sched_switch: prev_comm=bash "
        "prev_pid=77 "
        "prev_prio=120 prev_state=S ==> next_comm=cat next_pid=78 next_prio=115\n",
        "            bash-77    [002] d..2.  10.000001: sched_switch: prev_comm=bash "
        "prev_pid=77 "
        "prev_prio=120 prev_state=S ==> next_comm=cat next_pid=78 next_prio=115\n",
        "            bash-77    [002] 10.000001: sched_switch: prev_comm=bash prev_pid=77 "
        "prev_prio=120 prev_state=S ==> next_comm=cat next_pid=78 next_prio=115\n",
        "\tbash-77    (   70) [002] ....  10.000001: sched_switch: prev_comm=bash "
        "prev_pid=77 "
        "prev_prio=120 prev_state=S ==> next_comm=cat next_pid=78 next_prio=115\n",
        "  bash-77 (-----) [002] .... 10.000001000: sched_switch: prev_comm=bash "
        "prev_pid=77 "
        "prev_prio=120 prev_state=S ==> next_comm=cat next_pid=78 next_prio=115\n",
        /* trace-cmd report, its raw form, the old payload */
        "  bash-77 [002] 10.000001: sched_switch:      bash:77 [120] S ==> cat:78 [115]\n",
        "  bash-77 [002] 10.000001: sched_switch: prev_comm=bash prev_pid=77 prev_prio=120 "
        "prev_state=1 next_comm=cat next_pid=78 next_prio=115\n",
        "  bash-77 [002] 10.000001: sched_switch: task bash:77 [120] (S) ==> cat:78 "
        "[115]\n",
        /* perf script: tid, pid/tid, with a period, CRLF */
        "  bash    77 [002]    10.000001:       sched:sched_switch: prev_comm=bash "
        "prev_pid=77 "
        "prev_prio=120 prev_state=S ==> next_comm=cat next_pid=78 next_prio=115\n",
        "  bash 70/77 [002]    10.000001: sched:sched_switch: prev_comm=bash prev_pid=77 "
        "prev_prio=120 prev_state=S ==> next_comm=cat next_pid=78 next_prio=115\r\n",
        "  bash 77 [002] 10.000001:  1 sched:sched_switch: bash:77 [120] S ==> cat:78 "
        "[115]\n",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
        import(f, lines[i]);
        g_autofree char *got = listing(f, SWITCHES);
        if (strcmp(got, "sw@2 0 bash ?*; sw@2 0 cat S; ") != 0) {
            fail_msg("line %zu: %s", i, got);
        }
        assert_int_equal(f->report.first, 10000001000);
        assert_int_equal(cp_cpr_thread_at(f->cpr, 0)->tid, 77);
        assert_int_equal(cp_cpr_thread_at(f->cpr, 1)->prio, 115);
        assert_int_equal(cp_cpr_info(f->cpr)->n_cpus, 3);
        assert_int_equal(f->report.broken + f->report.unread, 0);
    }
}

/* Names with blanks, colons, brackets, dashes, keys inside, and heads inside. */
static void test_names(void **state)
{
    Fixture *f = *state;
    static const char *const names[] = {
        "rs:main Q:Reg",   "kworker/0:1H", "a [120] b",
        "x-12 [000]",      "<-transport",  "p prev_pid=1",
        "1 [0] 1.0: a:b",  "(paren) (9)",  "a ==> b",
        "Smack Packet Wr", "-5",           "7",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        const char *n = names[i];
        g_autofree char *perf = g_strdup_printf(
            "%16s 77 [000] 10.000001: sched:sched_switch: prev_comm=%s prev_pid=77 "
            "prev_prio=120 prev_state=S ==> next_comm=swapper/0 next_pid=0 next_prio=120\n"
            "swapper 0 [000] 11.0: sched:sched_switch: prev_comm=swapper/0 prev_pid=0 "
            "prev_prio=120 prev_state=R ==> next_comm=%s next_pid=77 next_prio=120\n",
            n, n, n);
        import(f, perf);
        assert_int_equal(f->report.switches, 2);
        assert_int_equal(f->report.n_threads, 1);
        assert_string_equal(name_of(f, 0), n);
        g_autofree char *cmd = g_strdup_printf(
            "%16s-77 [000] 10.000001: sched_switch:   %s:77 [120] S ==> swapper/0:0 [120]\n"
            "  <idle>-0 [000] 11.0: sched_switch:   swapper/0:0 [120] R ==> %s:77 [120]\n",
            n, n, n);
        import(f, cmd);
        assert_int_equal(f->report.switches, 2);
        assert_int_equal(f->report.n_threads, 1);
        assert_string_equal(name_of(f, 0), n);
    }
}

/* States as letters, combinations and numbers of several kernels. */
static void test_states(void **state)
{
    Fixture *f = *state;
    static const struct {
        const char *text, *listed;
    } cases[] = {
        {"R", "R"},   {"R+", "R+"},  {"D|W", "D"},   {"x", "X"},     {"Z", "X"},
        {"I", "I"},   {"0", "R"},    {"1", "S"},     {"2", "D"},     {"64", "X"},
        {"130", "D"}, {"256", "R+"}, {"1024", "R+"}, {"4096", "R+"}, {"16", "X"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *line =
            g_strdup_printf("  a-7 [000] 1.0: sched_switch: prev_comm=a prev_pid=7 "
                            "prev_prio=120 prev_state=%s "
                            "==> next_comm=b next_pid=8 next_prio=120\n",
                            cases[i].text);
        g_autofree char *expected =
            g_strdup_printf("sw@0 0 a ?*; sw@0 0 b %s; ", cases[i].listed);
        import(f, line);
        expect_listing(f, SWITCHES, expected);
    }
}

#define HEAD "  a-7 [000] 1.000000: "
#define SWITCH(time, cpu, p, s, n)                                                         \
    "  t" #p "-" #p " [00" #cpu "] " time ": sched_switch: prev_comm=t" #p " prev_pid=" #p \
    " prev_prio=120 prev_state=" s " ==> next_comm=t" #n " next_pid=" #n                   \
    " next_prio=120\n"

/* Wake-ups with and without success, with trailing words, in the short form; a failed one
 * is none; the author's CPU is kept when it is another one. */
static void test_wakeups(void **state)
{
    Fixture *f = *state;
    import(f, SWITCH("0.5", 0, 0, "R", 7) HEAD
           "sched_wakeup: comm=b pid=8 prio=120 success=1 target_cpu=002\n" HEAD
           "sched_wakeup: comm=c pid=9 prio=120 target_cpu=2 state=W\n" HEAD
           "sched_wakeup: comm=b pid=8 prio=120 success=0 target_cpu=002\n" HEAD
           "sched_wakeup: b:8 [120] success=1 CPU:000\n" HEAD
           "sched_wakeup: b:8 [120] CPU:001\n" HEAD
           "sched_wakeup: task b:8 [120] success=1 [003]\n");
    assert_int_equal(f->report.wakeups, 5);
    assert_int_equal(f->report.broken, 0);
    expect_listing(
        f, (uint64_t)1 << CP_REC_WAKEUP,
        "up@2 500000000 b; up@2 500000000 c; up@0 500000000 b; up@1 500000000 b; "
        "up@3 500000000 b; ");
    const CpRecord *r = &g_array_index(f->records, CpRecord, 2);
    assert_int_equal(cp_record_kind(r), CP_REC_WAKEUP);
    assert_int_equal(CP_WAKEUP_CAUSE(r->arg), CP_WAKE_THREAD);
    assert_int_equal(CP_WAKEUP_AUTHOR(r), 0);
}

/* Fork, exec, rename, exit, priority, migration and run time become records; a new thread
 * with an old pid is another thread. */
static void test_lives(void **state)
{
    Fixture *f = *state;
    import(f, SWITCH("0.5", 0, 0, "R", 7) HEAD
           "sched_process_fork: comm=t7 pid=7 child_comm=kid child_pid=9\n" HEAD
           "sched_wakeup_new: comm=kid pid=9 prio=120 target_cpu=001\n" HEAD
           "sched_process_exec: filename=/bin/a b pid=9 old_pid=9\n" HEAD
           "sched_migrate_task: comm=made pid=9 prio=120 orig_cpu=1 dest_cpu=0\n" HEAD
           "sched_stat_runtime: comm=made pid=9 runtime=12345 [ns] vruntime=9 [ns]\n" HEAD
           "sched_pi_setprio: comm=made pid=9 oldprio=120 newprio=98\n" HEAD
           "sched_process_exit: comm=made pid=9 prio=120 group_dead=true\n" HEAD
           "task_rename: pid=7 oldcomm=t7 newcomm=new name oom_score_adj=0\n" HEAD
           "sched_process_fork: comm=new name pid=7 child_comm=other child_pid=9\n");
    assert_int_equal(f->report.broken, 0);
    assert_int_equal(f->report.forks, 2);
    assert_int_equal(f->report.renames, 2);
    assert_int_equal(f->report.n_threads, 3);
    assert_string_equal(name_of(f, 0), "new name");
    assert_string_equal(name_of(f, 1), "made");
    assert_string_equal(name_of(f, 2), "other");
    assert_int_equal(cp_cpr_thread_at(f->cpr, 2)->tid, 9);
    for (guint i = 0; i < f->records->len; i++) {
        const CpRecord *r = &g_array_index(f->records, CpRecord, i);
        if (cp_record_kind(r) == CP_REC_RUNTIME) {
            assert_int_equal(cp_record_value(r + 1), 12345);
        } else if (cp_record_kind(r) == CP_REC_FORK && r->id == 1) {
            assert_int_equal(r[1].id, 0);
        } else if (cp_record_kind(r) == CP_REC_EXIT) {
            assert_int_equal(r->arg, 1);
        } else if (cp_record_kind(r) == CP_REC_EXEC) {
            assert_string_equal(cp_cpr_text(f->cpr, r[1].id), "/bin/a b");
        }
    }
}

/* A pid that comes back after its thread's last switch is another thread's, also where no
 * fork says so; what is told at the moment of that switch is still the old one's. */
static void test_returning_pid(void **state)
{
    Fixture *f = *state;
    import(f, SWITCH("0.5", 0, 0, "R", 7) SWITCH("1.0", 0, 7, "X", 8)
                  SWITCH("2.0", 0, 8, "S", 7) SWITCH("2.5", 0, 7, "S", 0));
    assert_int_equal(f->report.n_threads, 3);
    assert_int_equal(cp_cpr_thread_at(f->cpr, 0)->tid, 7);
    assert_int_equal(cp_cpr_thread_at(f->cpr, 2)->tid, 7);
    CpMeasure m;
    g_autoptr(GError) error = NULL;
    assert_true(cp_measure(f->cpr, NULL, &m, &error));
    assert_int_equal(m.cpu, 2 * CP_S);
}

/* User probes on the interpreter's lock become its records, one lock a process. */
static void test_gil(void **state)
{
    Fixture *f = *state;
    import(f, "python 70/71 [000] 1.0: sched:sched_switch: prev_comm=swapper/0 prev_pid=0 "
              "prev_prio=120 prev_state=R ==> next_comm=python next_pid=71 next_prio=120\n"
              "python 70/71 [000] 1.000001: gil:take_enter:\n"
              "python 70/71 [000] 1.000004: gil:take_return: (55e1a)\n"
              "python 70/71 [000] 1.000009: gil:drop_enter:\n");
    const CpRecord *r = &g_array_index(f->records, CpRecord, f->records->len - 6);
    assert_int_equal(cp_record_kind(&r[0]), CP_REC_GIL_ASK);
    assert_int_equal(cp_record_kind(&r[2]), CP_REC_GIL_GOT);
    assert_int_equal(cp_record_value(&r[3]), 3000);
    assert_int_equal(r[3].id, 0);
    assert_int_equal(cp_record_kind(&r[4]), CP_REC_GIL_DROP);
    assert_int_equal(cp_record_value(&r[5]), 5000);
    assert_string_equal(cp_cpr_name_at(f->cpr, CP_REC_GIL_GOT, 0), "GIL of 70");
    assert_int_equal(cp_cpr_thread_at(f->cpr, 0)->pid, 70);
}

/* --- integrity --- */

/* A switch from a thread that was not there: from where the old one was last seen nobody is
 * known to run. */
static void test_mismatch(void **state)
{
    Fixture *f = *state;
    import(f, SWITCH("1.0", 0, 1, "S", 2) SWITCH("2.0", 0, 2, "S", 3)
                  SWITCH("4.0", 0, 5, "S", 6));
    assert_int_equal(f->report.mismatches, 1);
    expect_listing(
        f, SWITCHES,
        "sw@0 0 t1 ?*; sw@0 0 t2 S; sw@0 1000000000 t3 S; sw@0 1000000000 nobody ?*; "
        "sw@0 3000000000 t5 ?*; sw@0 3000000000 t6 S; ");
    assert_int_equal(cp_cpr_info(f->cpr)->repaired, 1);
}

/* Somebody runs on a CPU last seen idle: the missing switch is put where its run-time
 * report or its wake-up says, and only if the next switch agrees. */
static void test_missing_idle(void **state)
{
    Fixture *f = *state;
#define RUNTIME(time, ns)                                                                  \
    "  t5-5 [001] " time ": sched_stat_runtime: comm=t5 pid=5 runtime=" ns " [ns]\n"
    import(f, SWITCH("1.0", 1, 1, "S", 0) RUNTIME("2.000000", "250000000")
                  SWITCH("3.0", 1, 5, "S", 0));
    assert_int_equal(f->report.missing_idle, 1);
    assert_int_equal(f->report.mismatches, 0);
    expect_listing(
        f, SWITCHES,
        "sw@1 0 t1 ?*; sw@1 0 idle S; sw@1 750000000 t5 ?*; sw@1 2000000000 idle S; ");
    import(
        f,
        SWITCH(
            "1.0", 1, 1, "S",
            0) "  <idle>-0 [001] 1.5: sched_wakeup: comm=t5 pid=5 prio=120 target_cpu=001\n"
               "  t5-5 [001] 1.6: sys_enter: NR 1\n" SWITCH("3.0", 1, 5, "S", 0));
    expect_listing(
        f, SWITCHES,
        "sw@1 0 t1 ?*; sw@1 0 idle S; sw@1 500000000 t5 ?*; sw@1 2000000000 idle S; ");
    /* The head contradicts, the next switch does not: nothing is put in. */
    import(f, SWITCH("1.0", 1, 1, "S", 0) RUNTIME("2.000000", "250000000")
                  SWITCH("3.0", 1, 0, "R", 5));
    assert_int_equal(f->report.missing_idle, 0);
    expect_listing(f, SWITCHES, "sw@1 0 t1 ?*; sw@1 0 idle S; sw@1 2000000000 t5 R; ");
}

/* Lines out of order are sorted, equal times keep the order of the file. */
static void test_unsorted(void **state)
{
    Fixture *f = *state;
    import(f, SWITCH("1.0", 0, 1, "S", 2) SWITCH("3.0", 0, 3, "S", 4)
                  SWITCH("2.0", 0, 2, "S", 3) SWITCH("3.0", 0, 4, "S", 1));
    assert_int_equal(f->report.unsorted, 1);
    assert_int_equal(f->report.mismatches, 0);
    expect_listing(f, SWITCHES,
                   "sw@0 0 t1 ?*; sw@0 0 t2 S; sw@0 1000000000 t3 S; sw@0 2000000000 t4 S; "
                   "sw@0 2000000000 t1 S; ");
}

/* One line is so late that the window cannot hold it: the file is read again and sorted. */
static void test_very_late(void **state)
{
    Fixture *f = *state;
    g_autoptr(GString) text = g_string_new(NULL);
    for (unsigned i = 0; i < 100000; i++) {
        g_string_append_printf(
            text,
            " t%u-%u [000] 5.%06u: sched_switch: t%u:%u [120] S ==> t%u:%u "
            "[120]\n",
            i % 2 + 1, i % 2 + 1, i, i % 2 + 1, i % 2 + 1, 2 - i % 2, 2 - i % 2);
    }
    g_string_append(text, SWITCH("1.0", 3, 8, "S", 9));
    import(f, text->str);
    assert_int_equal(f->report.late, 0);
    assert_int_equal(f->report.unsorted, 1);
    assert_int_equal(f->report.switches, 100001);
    assert_int_equal(f->report.mismatches, 0);
    assert_int_equal(f->report.first, 1000000000);
    const CpRecord *r = &g_array_index(f->records, CpRecord, 0);
    assert_int_equal(r->cpu, 3);
}

/* Lost events are counted and marked, overwritten ones counted, duplicates left out. */
static void test_lost(void **state)
{
    Fixture *f = *state;
    import(f,
           "# tracer: nop\n"
           "# entries-in-buffer/entries-written: 10/25   #P:4\n#\n" SWITCH(
               "1.0", 0, 1, "S", 2) "CPU:3 [LOST 1042 EVENTS]\n" SWITCH("1.0", 0, 1, "S", 2)
               SWITCH("2.0", 0, 2, "S",
                      3) "perf 9 [000] 2.5: PERF_RECORD_LOST lost 7\n" SWITCH("2.7", 0, 3,
                                                                              "S", 3));
    assert_int_equal(f->report.lost, 1049);
    assert_int_equal(f->report.overwritten, 15);
    assert_int_equal(f->report.duplicates, 1);
    assert_int_equal(f->report.switches, 3);
    assert_int_equal(cp_cpr_info(f->cpr)->n_cpus, 4);
    assert_int_equal(cp_cpr_info(f->cpr)->lost, 1064);
    unsigned gaps = 0;
    for (guint i = 0; i < f->records->len; i++) {
        gaps += cp_record_kind(&g_array_index(f->records, CpRecord, i)) == CP_REC_GAP;
    }
    assert_int_equal(gaps, 2);
    g_autofree char *text = cp_import_report_text(&f->report);
    assert_non_null(strstr(text, "1049 events lost"));
}

/* Switches the source marks as reconstructed keep the mark and are counted. */
static void test_reconstructed(void **state)
{
    Fixture *f = *state;
    import(
        f,
        SWITCH(
            "1.0", 1, 1, "S",
            0) "swapper 0/0 [001] 2.0: sched:sched_switch: prev_comm=swapper/1 prev_pid=0 "
               "prev_prio=120 prev_state=R ==> next_comm=k next_pid=22 next_prio=- "
               "reconstructed=1\n");
    assert_int_equal(f->report.marked, 1);
    assert_int_equal(cp_cpr_info(f->cpr)->repaired, 1);
    expect_listing(f, SWITCHES, "sw@1 0 t1 ?*; sw@1 0 idle S; sw@1 1000000000 k R*; ");
}

/* Systrace pages of both forms, atrace's heading, print lines with anything in them. */
static void test_pages(void **state)
{
    Fixture *f = *state;
    import(f, "<!DOCTYPE html>\n<script>if (x.match(/sched_switch: prev_comm/)) {}\n"
              "  var linuxPerfData = \"\\\n# tracer: nop\\n\\\n"
              "  t1-1 [000] 1.0: sched_switch: t1:1 [120] S ==> t2:2 [120]\\n\\\n"
              "  t2-2 [000] 1.5: sched_switch: prev_comm=t2 prev_pid=2 prev_prio=120 "
              "prev_state=S ==> next_comm=t1 next_pid=1 next_prio=120\\n\\\n"
              "dummy-0000  [000] 0.0: 0: trace_event_clock_sync: parent_ts=0\\n\";\n");
    assert_int_equal(f->report.switches, 2);
    assert_int_equal(f->report.unsorted, 0);
    import(f, "<script class=\"trace-data\" type=\"application/text\">\n"
              "  t1-1 (1) [000] .... 1.0: sched_switch: t1:1 [120] S ==> t2:2 [120]\n"
              "</script>\n<script>\n"
              "  t1-1 [000] 2.0: sched_switch: t1:1 [120] S ==> t2:2 [120]\n");
    assert_int_equal(f->report.switches, 1);
    import(f, "TRACE:\n  t1-1 [000] 1.0: sched_switch: t1:1 [120] S ==> t2:2 [120]\n"
              "  t2-2 [000] 1.1: print: a 1.2: sched_switch: t1:1 [120] S ==> t3:3 [120]\n"
              "  t2-2 [000] 1.1: print: b-1 [001] 1.2: sched_switch: t1:1 [120] S ==> t3:3 "
              "[120]\n"
              "  t2-2 [000] 1.1: bprint: [FAILED TO PARSE] x=y\n"
              "  t2-2 [000] 1.2: sched_switch: [FAILED TO PARSE] prev_comm=x\n");
    assert_int_equal(f->report.switches, 1);
    assert_int_equal(f->report.broken, 1);
    assert_int_equal(f->report.first_bad, 6);
}

/* A last line without an end counts if it is whole, and the cut is told. */
static void test_cut(void **state)
{
    Fixture *f = *state;
    import(f,
           SWITCH("1.0", 0, 1, "S", 2) "  t2-2 [000] 2.0: sched_switch: t2:2 [120] S ==> "
                                       "t3:3 [120]");
    assert_int_equal(f->report.switches, 2);
    assert_true(f->report.cut);
    import(f, SWITCH("1.0", 0, 1, "S", 2) "  t2-2 [000] 2.0: sched_swi");
    assert_int_equal(f->report.switches, 1);
    assert_true(f->report.cut);
}

/* A line of any length is skipped and counted, and the next one is read. */
static void test_long_line(void **state)
{
    Fixture *f = *state;
    g_autoptr(GString) text = g_string_new(SWITCH("1.0", 0, 1, "S", 2));
    gsize at = text->len;
    g_string_set_size(text, at + (9 << 20));
    memset(text->str + at, 'x', 9 << 20);
    g_string_append(text, "\n" SWITCH("2.0", 0, 2, "S", 3));
    import(f, text->str);
    assert_int_equal(f->report.switches, 2);
    assert_int_equal(f->report.long_lines, 1);
    g_string_truncate(text, at + (3 << 20));
    import(f, text->str);
    assert_int_equal(f->report.switches, 1);
    assert_int_equal(f->report.long_lines, 1);
}

/* Control and bidi characters stay in the data as they are. */
static void test_nasty_names(void **state)
{
    Fixture *f = *state;
    import(f,
           "  a-7 [000] 1.0: sched_switch: prev_comm=\x1b[31m\xe2\x80\xae\x07 prev_pid=7 "
           "prev_prio=120 prev_state=S ==> next_comm=\xff\xfe next_pid=8 next_prio=120\n");
    assert_string_equal(name_of(f, 0), "\x1b[31m\xe2\x80\xae\x07");
    assert_string_equal(name_of(f, 1), "\xff\xfe");
}

/* Numbers that are too large are refused, not wrapped. */
static void test_huge_numbers(void **state)
{
    Fixture *f = *state;
    import(
        f,
        SWITCH("1.0", 0, 1, "S",
               2) "  a-7 [000] 99999999999.0: sched_switch: t2:2 [120] S ==> t3:3 [120]\n"
                  "  a-7 [9999999999] 2.0: sched_switch: t2:2 [120] S ==> t3:3 [120]\n"
                  "  a-7 [1024] 2.0: sched_switch: t2:2 [120] S ==> t3:3 [120]\n"
                  "  a-7 [000] 2.0: sched_switch: t2:99999999999 [120] S ==> t3:3 [120]\n"
                  "  a-7 [000] 8000000000.0: sched_switch: t2:2 [120] S ==> t3:3 [120]\n"
                  "  a-7 [000] 2.0: sched_stat_runtime: comm=a pid=7 "
                  "runtime=99999999999999999999 [ns]\n");
    assert_int_equal(f->report.switches, 1);
    assert_int_equal(f->report.leaps, 1);
    assert_int_equal(f->report.unread, 2);
    assert_int_equal(f->report.cpu_above, 1);
    assert_int_equal(f->report.broken, 2);
}

/* What is no trace is refused with a word on what to do. */
static void test_refused(void **state)
{
    Fixture *f = *state;
    import_fails(f, "", 0, "empty");
    import_fails(f, "PERFILE2\0\0\0", 11, "shorter than its header");
    import_fails(f, "\x17\x08\x44tracing6", 11, "damaged or cut at byte");
    import_fails(f,
                 "\x89"
                 "CPR\r\n\x1a\n",
                 8, "recording already");
    import_fails(f, "hello\nworld\n", -1, "trace.txt:1:");
    import_fails(f, "# tracer: nop\n#\n", -1, "no events");
    import_fails(f, "  a-7 [000] 1.0: sched_wakeup: b:8 [120] CPU:001\n", -1,
                 "sched_switch");
    import_fails(f, "a 7 1.0: sched:sched_switch: t2:2 [120] S ==> t3:3 [120]\n", -1,
                 "CPU");
    import_fails(f, "\x1f\x8b\x08garbage that is not gzip", -1, "gzip");
    char junk[5000];
    for (size_t i = 0; i < sizeof junk; i++) {
        junk[i] = (char)(i * 7919 >> 5);
    }
    import_fails(f, junk, sizeof junk, "not a line");
    assert_false(import_path(f, f->dir));
    assert_non_null(strstr(f->error->message, "directory"));
    assert_false(import_path(f, "/nonexistent/x"));
    assert_non_null(strstr(f->error->message, "No such file"));
}

/* A part of the trace begins with who runs where, and times count from its start. */
static void test_window(void **state)
{
    Fixture *f = *state;
    f->options = (CpImportOptions){.from = CP_S / 2, .to = 2 * CP_S, .root = "9"};
    const char *text = SWITCH("1.0", 0, 1, "S", 2) SWITCH("1.2", 1, 0, "R", 9)
        SWITCH("2.0", 0, 2, "S", 3) SWITCH("4.0", 0, 3, "S", 1);
    import(f, text);
    expect_listing(f, SWITCHES, "sw@0 0 t2 ?*; sw@1 0 t9 ?*; sw@0 500000000 t3 S; ");
    assert_int_equal(cp_cpr_info(f->cpr)->end, 1500000000);
    assert_int_equal(cp_cpr_info(f->cpr)->clock_base, 1500000000);
    assert_string_equal(cp_cpr_text(f->cpr, cp_cpr_info(f->cpr)->settings), "root=9\n");
    f->options = (CpImportOptions){.from = 2 * CP_S, .to = 4 * CP_S, .source_clock = true};
    import(f, text);
    expect_listing(f, SWITCHES,
                   "sw@0 0 t2 ?*; sw@1 0 t9 ?*; sw@0 0 t3 S; sw@0 2000000000 t1 S; ");
}

typedef struct {
    const char *file;
    unsigned cpu;
    uint64_t switches;
    CpTime busy, idle;
} Figures;

static void check_figures(Fixture *f, const char *folder, const Figures *figures)
{
    g_autofree char *path = g_build_filename(folder, figures->file, NULL);
    if (!import_path(f, path)) {
        fail_msg("%s", f->error->message);
    }
    const CpImportCpu *c = &g_array_index(f->report.cpus, CpImportCpu, figures->cpu);
    assert_int_equal(c->switches, figures->switches);
    assert_int_equal(c->busy, figures->busy);
    assert_int_equal(c->idle, figures->idle);
    assert_int_equal(f->report.mismatches + f->report.missing_idle, 0);
}

/* The same of larger ones, which are not part of the source: REFERENCE_TRACES is a folder
 * of them. */
static void test_reference_folder(void **state)
{
    static const Figures figures[] = {
        {"trace-dat/lisa-rtapp.dat.gz", 0, 77, 58224180, 9054465780},
        {"trace-dat/lisa-rtapp.dat.gz", 1, 788, 194011420, 9105084860},
        {"trace-dat/lisa-rtapp.dat.gz", 2, 596, 72085460, 9231058960},
        {"trace-dat/lisa-rtapp.dat.gz", 3, 34, 8852540, 8579582220},
        {"trace-dat/lisa-rtapp.dat.gz", 4, 6, 5568040, 5837161860},
        {"trace-dat/lisa-rtapp.dat.gz", 5, 51, 4537375520, 2226946460},
        {"trace-dat/trappy-idle.dat.gz", 0, 10, 447040, 1577740},
        {"trace-dat/trappy-idle.dat.gz", 1, 5, 2681180, 0},
        {"trace-dat/trappy-idle.dat.gz", 2, 2, 437180, 0},
        {"trace-dat/trappy-idle.dat.gz", 3, 5, 1831820, 0},
        {"trace-dat/trappy-idle.dat.gz", 5, 1, 0, 0},
    };
    const char *folder = g_getenv("REFERENCE_TRACES");
    if (folder == NULL) {
        skip();
    }
    for (size_t i = 0; i < G_N_ELEMENTS(figures); i++) {
        check_figures(*state, folder, &figures[i]);
    }
}

/* Foreign traces give the figures of an independent parser: switches, busy and idle time of
 * each CPU, to the nanosecond. */
static void test_reference(void **state)
{
    Fixture *f = *state;
    static const Figures figures[] = {
        {"catapult-android-systrace.txt.gz", 0, 58, 21956000, 97959000},
        {"catapult-atrace-data.txt.gz", 0, 72, 3760000, 996349000},
        {"lisa-trace-txt-raw.txt.gz", 0, 252, 9164000, 6058815000},
        {"lisa-trace-txt-raw.txt.gz", 1, 459, 67745000, 6607102000},
        {"lisa-trace-txt-raw.txt.gz", 2, 1065, 240236000, 6436251000},
        {"lisa-trace-txt-raw.txt.gz", 3, 45, 8204000, 6577517000},
        {"lisa-trace-txt-raw.txt.gz", 4, 22, 3693665000, 2534151000},
        {"lisa-trace-txt-raw.txt.gz", 5, 13, 3197000, 5523698000},
        {"trappy-idle-unsorted.txt.gz", 2, 2, 16000, 0},
        {"trappy-idle-unsorted.txt.gz", 5, 1, 0, 0},
        {"trappy-idle-unsorted.txt.gz", 6, 3, 14000, 13000},
        {"trappy-legacy-systrace.html.gz", 7, 2, 46000, 0},
        {"trappy-no-trailing-line.txt.gz", 3, 1, 0, 0},
    };
    const char *src = g_getenv("top_srcdir");
    g_autofree char *folder = g_build_filename(src ? src : ".", "tests/traces", NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(figures); i++) {
        check_figures(f, folder, &figures[i]);
    }
    static const char *const empty[] = {"trappy-failed-to-parse.txt.gz",
                                        "trappy-empty.txt.gz"};
    for (size_t i = 0; i < G_N_ELEMENTS(empty); i++) {
        g_autofree char *path = g_build_filename(folder, empty[i], NULL);
        assert_false(import_path(f, path));
        assert_non_null(strstr(f->error->message, "sched_switch"));
    }
}

/* Every format says what it is, those that are read come first, and texts are told from
 * workloads by their content. */
static void test_formats(void **state)
{
    Fixture *f = *state;
    bool seen_unread = false;
    for (const CpImportFormat *const *format = cp_import_formats; *format != NULL;
         format++) {
        assert_non_null((*format)->name);
        assert_non_null((*format)->help);
        assert_non_null((*format)->sniff);
        assert_int_equal((*format)->read != NULL, (*format)->complain != NULL);
        seen_unread |= (*format)->read == NULL;
        assert_false(seen_unread && (*format)->read != NULL);
    }
    static const struct {
        const char *bytes, *format;
    } files[] = {
        {"# tracer: nop\n"
         "bash-1 [000] 1.0: sched_switch: prev_comm=bash prev_pid=1 prev_prio=120 "
         "prev_state=S ==> next_comm=swapper/0 next_pid=0 next_prio=120\n",
         "text"},
        {"PERFILE2........", "perf.data"},
        {"PK\x03\x04....", "zip"},
        {"a 5 sched:sched_switch: a:5 [120] S ==> b:6 [120]\n", "perf script without time"},
        {"process p { thread a { cpu 10ms } }\n", NULL},
        {"{\"schema\":1}\n", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
        assert_true(g_file_set_contents(f->in, files[i].bytes, -1, NULL));
        const CpImportFormat *found = cp_import_format_of(f->in);
        assert_string_equal(found != NULL ? found->name : "none",
                            files[i].format != NULL ? files[i].format : "none");
    }
    assert_null(cp_import_format_of("/nonexistent"));
}

/* An input gives the same bytes in pieces of any size, peeked at or not, packed or not. */
static void test_input(void **state)
{
    (void)state;
    const char *src = g_getenv("top_srcdir");
    g_autofree char *path = g_build_filename(src ? src : ".", "tests/traces",
                                             "lisa-trace-txt-raw.txt.gz", NULL);
    GChecksum *sums[] = {g_checksum_new(G_CHECKSUM_MD5), g_checksum_new(G_CHECKSUM_MD5)};
    static const size_t rooms[] = {7, 1 << 20};
    for (size_t i = 0; i < G_N_ELEMENTS(rooms); i++) {
        g_autofree char *out = g_malloc(rooms[i]);
        CpInput *input = cp_input_open(path, NULL);
        const char *bytes;
        size_t n = 0, all = 0;
        assert_true(i == 0 || cp_input_peek(input, &bytes, &n, NULL));
        do {
            assert_true(cp_input_read(input, out, rooms[i], &n, NULL));
            g_checksum_update(sums[i], (const guchar *)out, (gssize)n);
            all += n;
        } while (n > 0);
        assert_int_equal(all, cp_input_n_bytes(input));
        cp_input_free(input);
    }
    assert_string_equal(g_checksum_get_string(sums[0]), g_checksum_get_string(sums[1]));
    g_checksum_free(sums[0]);
    g_checksum_free(sums[1]);
}

/* Damaged text of any kind neither crashes nor hangs: every prefix of a line, and lines
 * with one byte changed. */
static void test_damage(void **state)
{
    (void)state;
    static const char line[] =
        "  a b-7 (  12) [000] d..2. 1.000001: sched:sched_switch: prev_comm=a b prev_pid=7 "
        "prev_prio=120 prev_state=S ==> next_comm=c next_pid=8 next_prio=-\\n\\";
    char copy[sizeof line + CP_LINE_SLACK];
    for (size_t n = 0; n < sizeof line; n++) {
        for (unsigned c = 0; c < 256; c++) {
            memset(copy, 0, sizeof copy);
            memcpy(copy, line, sizeof line - 1);
            copy[n] = (char)(c == '\n' ? ' ' : c);
            CpTraceEvent event;
            cp_text_event(copy, sizeof line - 1, &event);
            memset(copy + n, 0, sizeof copy - n);
            cp_text_event(copy, n, &event);
        }
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_dialects),      TEST(test_names),
        TEST(test_states),        TEST(test_wakeups),
        TEST(test_lives),         TEST(test_returning_pid),
        TEST(test_gil),           TEST(test_mismatch),
        TEST(test_missing_idle),  TEST(test_unsorted),
        TEST(test_very_late),     TEST(test_lost),
        TEST(test_reconstructed), TEST(test_pages),
        TEST(test_cut),           TEST(test_long_line),
        TEST(test_nasty_names),   TEST(test_huge_numbers),
        TEST(test_refused),       TEST(test_window),
        TEST(test_reference),     TEST(test_reference_folder),
        TEST(test_damage),        TEST(test_formats),
        TEST(test_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
