/* Recording -> workload: who waits for whom, and the laws of simulating it again. */
#include "models/ops.h"
#include "models/registry.h"
#include "sim/error.h"
#include "sim/sim.h"
#include "lang/diag.h"
#include "traces/import/formats.h"
#include "lang/parse.h"
#include "traces/rebuild/evidence.h"
#include "scenario/scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <glib/gstdio.h>

typedef struct {
    char *dir, *in, *out;
    CpRebuildOptions options;
    CpImportOptions import;
    CpCpr *cpr;
    CpRebuild *rebuild;
} Fixture;

static int setup(void **state)
{
    Fixture *f = g_new0(Fixture, 1);
    f->dir = g_dir_make_tmp("rebuild-XXXXXX", NULL);
    f->in = g_build_filename(f->dir, "trace.txt", NULL);
    f->out = g_build_filename(f->dir, "trace.cpr", NULL);
    *state = f;
    return f->dir == NULL;
}

static void drop(Fixture *f)
{
    g_clear_pointer(&f->rebuild, cp_rebuild_free);
    g_clear_pointer(&f->cpr, cp_cpr_free);
}

static int teardown(void **state)
{
    Fixture *f = *state;
    drop(f);
    g_unlink(f->in);
    g_unlink(f->out);
    int left = g_rmdir(f->dir);
    g_free(f->dir);
    g_free(f->in);
    g_free(f->out);
    g_free(f);
    return left;
}

/* --- running a workload --- */

typedef struct {
    CpMachine *machine;
    CpParamSet *machine_params, *costs;
    const CpPolicyClass *const *classes;
    CpParamSet **params;
    CpSim *sim;
    CpTime makespan;
} Run;

static CpTime metric(CpSim *sim, CpScope scope, uint32_t subject, const char *name)
{
    int64_t value;
    return cp_metric_named(sim, scope, name, subject, &value) ? value : -1;
}

static void run_init(Run *run, const CpWorkload *w, const char *cores, const CpSink *sink)
{
    GError *error = NULL;
    *run = (Run){.machine_params = cp_params_new(cp_machine_params),
                 .costs = cp_cost_set("ideal")};
    assert_true(
        cp_params_set(run->machine_params, CP_MACHINE_CORES, cores, CP_FROM_SET, &error));
    run->machine = cp_machine_new(run->machine_params, NULL, 0, &error);
    const CpProfile *profile = cp_profile_find("eevdf");
    run->classes = profile->classes;
    run->params = cp_profile_params(profile);
    CpSimConfig config = {.machine = run->machine,
                          .classes = run->classes,
                          .class_params = (const CpParamSet *const *)run->params,
                          .runtimes = cp_runtime_classes(),
                          .costs = run->costs,
                          .workload = w,
                          .seed = 7,
                          .until = CP_NEVER,
                          .max_events = 10000000,
                          .sink = sink};
    run->sim = cp_sim_new(&config, &error);
    if (run->sim == NULL) {
        fail_msg("%s", error->message);
    }
    CpOutcome outcome = cp_sim_run(run->sim, &error);
    if (error != NULL || outcome != CP_OUTCOME_DONE) {
        const GPtrArray *d = cp_sim_diagnoses(run->sim);
        fail_msg("%s: %s", cp_outcome_name(outcome),
                 error    ? error->message
                 : d->len ? ((CpDiagnosis *)g_ptr_array_index(d, 0))->text
                          : "");
    }
    run->makespan = metric(run->sim, CP_SCOPE_RUN, 0, "makespan");
}

static void run_clear(Run *run)
{
    cp_sim_free(run->sim);
    cp_machine_free(run->machine);
    cp_params_free(run->machine_params);
    cp_params_free(run->costs);
    cp_class_params_free(run->classes, run->params);
}

static CpTime cpu_of(Run *run, uint32_t tid)
{
    return metric(run->sim, CP_SCOPE_THREAD, tid, "cpu");
}

/* --- reading --- */

static void rebuild(Fixture *f)
{
    GError *error = NULL;
    f->cpr = cp_cpr_open(f->out, &error);
    assert_non_null(f->cpr);
    f->rebuild = cp_rebuild_new(f->cpr, &f->options, &error);
    if (f->rebuild == NULL) {
        fail_msg("%s", error->message);
    }
}

static void import_path(Fixture *f, const char *path)
{
    GError *error = NULL;
    CpImportReport report;
    drop(f);
    cp_import_report_init(&report);
    if (!cp_import(path, f->out, &f->import, &report, &error)) {
        fail_msg("%s", error->message);
    }
    cp_import_report_clear(&report);
}

static void rebuild_text(Fixture *f, const char *text)
{
    assert_true(g_file_set_contents(f->in, text, -1, NULL));
    import_path(f, f->in);
    rebuild(f);
}

static uint64_t rule(Fixture *f, CpRebuildRule r)
{
    return cp_rebuild_rule_count(f->rebuild, r);
}

/* The program of a thread as text: its lines in the workload language. */
static char *body_of(Fixture *f, const char *head)
{
    g_autofree char *text = cp_rebuild_text(f->rebuild, NULL);
    CpDiag *diag = cp_diag_new("rebuilt", text, strlen(text));
    CpTree *tree = cp_parse(text, strlen(text), diag);
    if (tree == NULL || cp_diag_n_errors(diag) > 0) {
        g_autofree char *messages = cp_diag_print(diag, false);
        fail_msg("%s\n%s", messages, text);
    }
    cp_tree_free(tree);
    cp_diag_free(diag);
    char *start = strstr(text, head);
    if (start == NULL) {
        fail_msg("no '%s' in\n%s", head, text);
    }
    start = strchr(start, '\n') + 1;
    GString *out = g_string_new(NULL);
    for (char *line = strtok(start, "\n"); line && strcmp(line, "  }") != 0;
         line = strtok(NULL, "\n")) {
        g_string_append_printf(out, "%s; ", g_strstrip(line));
    }
    return g_string_free(out, FALSE);
}

static void expect_body(Fixture *f, const char *head, const char *expected)
{
    g_autofree char *got = body_of(f, head);
    assert_string_equal(got, expected);
}

#define SWITCH(time, cpu, p, s, n)                                                         \
    "  t" #p "-" #p " [00" #cpu "] " time ": sched_switch: prev_comm=t" #p " prev_pid=" #p \
    " prev_prio=120 prev_state=" s " ==> next_comm=t" #n " next_pid=" #n                   \
    " next_prio=120\n"
#define WAKE(kind, time, cpu, flags, by, who, target)                                      \
    "  t" #by "-" #by " [00" #cpu "] " flags " " time ": sched_" kind ": comm=t" #who      \
    " pid=" #who " prio=120 target_cpu=00" #target "\n"

/* --- rules --- */

/* A wake-up by a thread that runs becomes a wait for it, one by nobody a delay; waiting for
 * a CPU is left out. */
static void test_author(void **state)
{
    Fixture *f = *state;
    rebuild_text(f, SWITCH("1.000", 0, 0, "R", 1) SWITCH("1.000", 1, 0, "R", 2) SWITCH(
                        "1.010", 1, 2, "S", 0) WAKE("wakeup", "1.015", 0, "....", 1, 2, 1)
                        SWITCH("1.017", 1, 0, "R", 2) SWITCH("1.020", 0, 1, "R+", 3)
                            SWITCH("1.030", 0, 3, "S", 1) SWITCH("1.031", 1, 2, "S", 0)
                                SWITCH("1.040", 0, 1, "S", 0)
                                    WAKE("wakeup", "1.045", 1, "....", 0, 2, 1)
                                        SWITCH("1.046", 1, 0, "R", 2)
                                            SWITCH("1.050", 1, 2, "X", 0));
    assert_int_equal(rule(f, CP_RULE_AUTHOR), 1);
    assert_int_equal(rule(f, CP_RULE_OUTSIDE), 1);
    expect_body(f, "thread t1", "cpu 15ms; release woken_t2; cpu 15ms; ");
    expect_body(f, "thread t2",
                "cpu 10ms; acquire woken_t2; cpu 14ms; wait 14ms; cpu 4ms; ");
    expect_body(f, "thread t3", "cpu 10ms; ");
    assert_int_equal(cp_rebuild_makespan(f->rebuild), 50 * CP_MS);
    const CpRebuiltThread *t1 = cp_rebuild_thread(f->rebuild, 0);
    assert_int_equal(t1->cpu_time, 30 * CP_MS);
    assert_int_equal(t1->voluntary, 1);
    assert_int_equal(t1->involuntary, 1);
}

/* Where waking events exist they name the author, unless it was an interrupt. */
static void test_waking(void **state)
{
    Fixture *f = *state;
    rebuild_text(
        f, SWITCH("1.000", 0, 0, "R", 1) SWITCH("1.000", 1, 0, "R", 2)
               SWITCH("1.010", 1, 2, "S", 0) WAKE("waking", "1.015", 0, "d..2.", 1, 2, 1)
                   WAKE("wakeup", "1.016", 1, "d.h2.", 0, 2, 1)
                       SWITCH("1.017", 1, 0, "R", 2) SWITCH("1.020", 1, 2, "S", 0)
                           WAKE("waking", "1.030", 0, "d.h2.", 1, 2, 1)
                               SWITCH("1.031", 1, 0, "R", 2) SWITCH("1.040", 1, 2, "S", 0)
                                   SWITCH("1.050", 0, 1, "S", 0));
    assert_int_equal(rule(f, CP_RULE_WAKING), 1);
    assert_int_equal(rule(f, CP_RULE_OUTSIDE), 1);
    expect_body(f, "thread t1", "cpu 15ms; release woken_t2; cpu 35ms; ");
    expect_body(f, "thread t2",
                "cpu 10ms; acquire woken_t2; cpu 3ms; wait 10ms; cpu 9ms; ");
}

/* At so many us thread `from` leaves the CPU to `to`; 0: idle. */
static void add_switch(GString *text, int us, int cpu, int from, const char *state, int to)
{
    g_string_append_printf(text,
                           "  t-%d [00%d] 1.%06d: sched_switch: prev_comm=t%d prev_pid=%d "
                           "prev_prio=120 prev_state=%s ==> next_comm=t%d next_pid=%d "
                           "next_prio=120\n",
                           from, cpu, us, from, from, state, to, to);
}

static void add_waking(GString *text, int us, int cpu, int by, int who)
{
    g_string_append_printf(text,
                           "  t-%d [00%d] 1.%06d: sched_waking: comm=t%d pid=%d prio=120 "
                           "target_cpu=000\n",
                           by, cpu, us, who, who);
}

/* A thread that sometimes waits for the one it has woken, 5 us later, needs the answer also
 * where that one preempted it at once, answered and waited again: there it waits in the
 * workload.  On two CPUs the two take turns as on one. */
static void test_answers(void **state)
{
    Fixture *f = *state;
    g_autoptr(GString) text = g_string_new(NULL);
    add_switch(text, 0, 0, 0, "R", 1);
    for (int i = 0; i < 40; i++) {
        int t = 100 + i * 100;
        add_waking(text, t, 0, 1, 2);
        if (i % 4 == 0) {
            add_switch(text, t + 5, 0, 1, "S", 2);
            add_waking(text, t + 20, 0, 2, 1);
            add_switch(text, t + 25, 0, 2, "S", 1);
        } else {
            add_switch(text, t + 1, 0, 1, "R", 2);
            add_switch(text, t + 20, 0, 2, "S", 1);
        }
    }
    add_switch(text, 5000, 0, 1, "S", 0);
    rebuild_text(f, text->str);
    assert_in_range(rule(f, CP_RULE_REPLY), 28, 30);
    g_autofree char *body = body_of(f, "thread t1");
    if (strstr(body, "release woken_t2; cpu 5us; acquire answered_t1_by_t2; ") == NULL) {
        fail_msg("%s", body);
    }
    GError *error = NULL;
    for (const char *cores = "1"; *cores != 0; cores = *cores == '1' ? "2" : "") {
        CpWorkload *w = cp_rebuild_workload(f->rebuild, &error);
        Run run;
        run_init(&run, w, cores, NULL);
        assert_in_range(run.makespan, 4700 * CP_US, 5000 * CP_US);
        run_clear(&run);
        cp_workload_free(w);
    }
}

/* Who leaves the CPU again and again to one that has waited all the time yields; a few such
 * switches are a tick's. */
static void test_yields(void **state)
{
    Fixture *f = *state;
    for (int n = 4; n <= 40; n += 36) {
        g_autoptr(GString) text = g_string_new(NULL);
        add_switch(text, 0, 0, 0, "R", 1);
        add_waking(text, 5, 0, 1, 2);
        add_switch(text, 10, 0, 1, "S", 2);
        add_waking(text, 15, 0, 2, 1);
        for (int i = 0; i < n; i++) {
            add_switch(text, 20 + 10 * i, 0, 2 - i % 2, "R", 1 + i % 2);
        }
        add_switch(text, 2000, 0, 2, "S", 1);
        add_switch(text, 2100, 0, 1, "S", 0);
        rebuild_text(f, text->str);
        g_autofree char *body = body_of(f, "thread t1");
        assert_true((strstr(body, "yield") != NULL) == (n > 10));
    }
}

/* A wake-up that comes while its thread is still on its way off the CPU ends the wait that
 * follows, however short. */
static void test_early(void **state)
{
    Fixture *f = *state;
    g_autoptr(GString) text = g_string_new(NULL);
    add_switch(text, 0, 0, 0, "R", 2);
    add_switch(text, 0, 1, 0, "R", 1);
    add_waking(text, 1000, 1, 1, 2);
    add_switch(text, 1002, 0, 2, "S", 0);
    add_switch(text, 1010, 0, 0, "R", 2);
    add_waking(text, 1500, 1, 1, 2); /* it does not wait then */
    add_switch(text, 2000, 0, 2, "S", 0);
    add_switch(text, 2100, 0, 0, "R", 2);
    add_switch(text, 3000, 0, 2, "S", 0);
    add_switch(text, 3000, 1, 1, "S", 0);
    rebuild_text(f, text->str);
    assert_int_equal(rule(f, CP_RULE_WAKING), 1);
    assert_int_equal(rule(f, CP_RULE_UNSEEN), 1);
    expect_body(f, "thread t2",
                "cpu 1002us; acquire woken_t2; cpu 990us; wait 100us; cpu 900us; ");
}

/* A timer interrupts somebody now and then: the sleeper's other wake-ups tell. */
static void test_outvoted(void **state)
{
    Fixture *f = *state;
    g_autoptr(GString) text = g_string_new(SWITCH("1.000", 0, 0, "R", 1));
    for (int i = 0; i < 5; i++) {
        g_string_append_printf(
            text,
            "  <idle>-0 [001] 1.%d10: sched_wakeup: t2:2 [120] CPU:001\n"
            "  <idle>-0 [001] 1.%d10: sched_switch: swapper/1:0 [120] R ==> "
            "t2:2 [120]\n"
            "  t2-2 [001] 1.%d20: sched_switch: t2:2 [120] S ==> "
            "swapper/1:0 [120]\n",
            i, i, i);
    }
    g_string_append(text, "  t1-1 [000] 1.500: sched_wakeup: t2:2 [120] CPU:001\n" SWITCH(
                              "1.510", 1, 0, "R", 2) SWITCH("1.520", 1, 2, "S", 0)
                              SWITCH("1.600", 0, 1, "S", 0));
    rebuild_text(f, text->str);
    assert_int_equal(rule(f, CP_RULE_OUTVOTED), 1);
    assert_int_equal(rule(f, CP_RULE_AUTHOR), 0);
    expect_body(f, "thread t1", "cpu 600ms; ");
    /* Equal repetitions are folded. */
    expect_body(f, "thread t2",
                "repeat 4 { cpu 10ms; wait 90ms }; cpu 10ms; wait 80ms; cpu 10ms; ");
}

/* A child is started by its parent and joined by it; when all had ended before the parent
 * went on to start others, it waited for all. */
static void test_fork_join(void **state)
{
    Fixture *f = *state;
#define FORK(time, cpu, p, c)                                                              \
    "  t" #p "-" #p " [00" #cpu "] " time ": sched_process_fork: comm=t" #p " pid=" #p     \
    " child_comm=t" #c " child_pid=" #c "\n"                                               \
    "  t" #p "-" #p " [00" #cpu "] " time ": sched_wakeup_new: comm=t" #c " pid=" #c       \
    " prio=120 target_cpu=001\n"
#define EXIT(time, cpu, p)                                                                 \
    "  t" #p "-" #p " [00" #cpu "] " time ": sched_process_exit: comm=t" #p " pid=" #p     \
    " prio=120\n"
    rebuild_text(
        f,
        SWITCH("1.000", 0, 0, "R", 1) FORK("1.001", 0, 1, 2) FORK("1.002", 0, 1, 3)
            SWITCH("1.003", 0, 1, "S", 0) SWITCH("1.003", 1, 0, "R", 2) EXIT("1.010", 1, 2)
                WAKE("wakeup", "1.010", 1, "....", 2, 1, 0) SWITCH("1.010", 1, 2, "X", 3)
                    SWITCH("1.011", 0, 0, "R", 1) SWITCH("1.012", 0, 1, "S", 0)
                        EXIT("1.020", 1, 3) SWITCH("1.020", 1, 3, "X", 0)
                            WAKE("wakeup", "1.0201", 0, "....", 0, 1, 0)
                                SWITCH("1.021", 0, 0, "R", 1) FORK("1.022", 0, 1, 4)
                                    SWITCH("1.023", 0, 1, "X", 0));
    assert_int_equal(rule(f, CP_RULE_JOIN), 2);
    assert_int_equal(rule(f, CP_RULE_OUTSIDE), 0);
    expect_body(f, "thread t1",
                "cpu 1ms; spawn process t2 run_t2(); cpu 1ms; spawn process t3 run_t3(); "
                "cpu 1ms; join t2; cpu 1ms; join all; cpu 1ms; spawn process t4 run_t4(); "
                "cpu 1ms; ");
    expect_body(f, "task run_t2", "cpu 7ms; ");
    GError *error = NULL;
    CpWorkload *w = cp_rebuild_workload(f->rebuild, &error);
    assert_non_null(w);
    Run run;
    run_init(&run, w, "2", NULL);
    assert_int_equal(cp_sim_n_threads(run.sim), 4);
    run_clear(&run);
    cp_workload_free(w);
}

/* The lock of an interpreter changes hands: asking is ended by dropping, waiting after a
 * drop by taking. */
static void test_lock(void **state)
{
    Fixture *f = *state;
#define PROBE(time, cpu, p, what)                                                          \
    "  t" #p " 1/" #p " [00" #cpu "] " time ": gil:" what ":\n"
#define PERF(time, cpu, p, s, n)                                                           \
    "  t" #p " 1/" #p " [00" #cpu "] " time ": sched:sched_switch: prev_comm=t" #p         \
    " prev_pid=" #p " prev_prio=120 prev_state=" s " ==> next_comm=t" #n " next_pid=" #n   \
    " next_prio=120\n"
#define IDLE(time, cpu, n)                                                                 \
    "  swapper 0/0 [00" #cpu "] " time ": sched:sched_wakeup: comm=t" #n " pid=" #n        \
    " prio=120 target_cpu=00" #cpu "\n"                                                    \
    "  swapper 0/0 [00" #cpu "] " time ": sched:sched_switch: prev_comm=swapper/" #cpu     \
    " prev_pid=0 prev_prio=120 prev_state=R ==> next_comm=t" #n " next_pid=" #n            \
    " next_prio=120\n"
    rebuild_text(
        f, PERF("1.000000", 0, 9, "S", 1) PERF("1.000000", 1, 9, "S", 2)
               PROBE("1.000000", 0, 1, "take_return") PROBE("1.000100", 1, 2, "take_enter")
                   PERF("1.000100", 1, 2, "S", 0) PROBE("1.005000", 0, 1, "drop_enter")
                       IDLE("1.005010", 1, 2) PERF("1.005020", 0, 1, "S", 0)
                           PROBE("1.005030", 1, 2, "take_return") IDLE("1.005035", 0, 1)
                               PERF("1.006", 0, 1, "S", 0) PERF("1.007", 1, 2, "S", 0));
    assert_int_equal(rule(f, CP_RULE_LOCK), 2);
    assert_int_equal(rule(f, CP_RULE_OUTSIDE), 0);
    expect_body(f, "thread t1",
                "cpu 5010us; release woken_t2; cpu 10us; acquire woken_t1; cpu 965us; ");
    expect_body(f, "thread t2",
                "cpu 100us; acquire woken_t2; cpu 25us; release woken_t1; cpu 1965us; ");
}

/* Only the chosen process and what it started is kept, or the rest becomes load from
 * others; threads of the kernel are left out by default; nobody is an error. */
static void test_choice(void **state)
{
    Fixture *f = *state;
    const char *text = SWITCH("1.000", 0, 0, "R", 1) FORK("1.001", 0, 1, 2)
        SWITCH("1.002", 0, 1, "S", 3) SWITCH("1.004", 0, 3, "I", 5)
            SWITCH("1.005", 0, 5, "S", 2) SWITCH("1.006", 0, 2, "S", 0);
    rebuild_text(f, text);
    assert_int_equal(cp_rebuild_n_threads(f->rebuild),
                     3); /* t1, t2, t5; t3 is the kernel's */
    f->options.root_pid = 1;
    rebuild_text(f, text);
    assert_int_equal(cp_rebuild_n_threads(f->rebuild), 2);
    f->options.foreign = true;
    rebuild_text(f, text);
    assert_int_equal(cp_rebuild_n_threads(f->rebuild), 4);
    assert_true(cp_rebuild_thread(f->rebuild, 2)->foreign);
    f->options = (CpRebuildOptions){.root_pid = 77};
    GError *error = NULL;
    assert_null(cp_rebuild_new(f->cpr, &f->options, &error));
    assert_true(g_error_matches(error, CP_ERROR, CP_ERROR_INPUT));
    assert_non_null(strstr(error->message, "77"));
    g_error_free(error);
    f->options = (CpRebuildOptions){0};
}

/* A part of the recording: threads on a CPU, ready and asleep at its start go on as they
 * were, and what lies outside is cut off. */
static void test_part(void **state)
{
    Fixture *f = *state;
    f->options = (CpRebuildOptions){.from = 5 * CP_MS, .to = 30 * CP_MS};
    rebuild_text(f, SWITCH("1.000", 0, 0, "R", 1) SWITCH("1.000", 1, 0, "R", 3)
                        SWITCH("1.001", 1, 3, "S", 0) SWITCH("1.002", 0, 1, "R", 2)
                            WAKE("wakeup", "1.011", 1, "....", 0, 3, 1)
                                SWITCH("1.012", 1, 0, "R", 3) SWITCH("1.020", 0, 2, "S", 1)
                                    SWITCH("1.025", 1, 3, "S", 0)
                                        SWITCH("1.040", 0, 1, "S", 0));
    expect_body(f, "thread t1 (slack=1ns)", "cpu 10ms; ");
    expect_body(f, "thread t2 (slack=1ns)", "cpu 15ms; ");
    expect_body(f, "thread t3 (slack=1ns, start=6ms)", "cpu 13ms; ");
    assert_int_equal(cp_rebuild_makespan(f->rebuild), 25 * CP_MS);
}

/* Priorities: nice and real-time ones, at the start and changed later; the names of the
 * language do not depend on what threads are called. */
static void test_priorities(void **state)
{
    Fixture *f = *state;
    f->options.pin = true;
    rebuild_text(
        f, "  <idle>-0 [000] 1.0: sched_switch: swapper/0:0 [120] R ==> a b;{:7 [125]\n"
           "  x-7 [000] 1.1: sched_switch: a b;{:7 [125] R ==> 0rt:8 [89]\n"
           "  x-8 [000] 1.2: sched_switch: 0rt:8 [89] S ==> a b;{:7 [125]\n"
           "  x-7 [000] 1.3: sched_switch: a b;{:7 [130] S ==> \x1b[31m:9 [120]\n"
           "  x-9 [000] 1.4: sched_switch: \x1b[31m:9 [120] S ==> swapper/0:0 [120]\n");
    expect_body(f, "thread a_b (slack=1ns, nice=5, cpus=0)", "cpu 200ms; nice 10; ");
    expect_body(f, "thread t0rt (slack=1ns, policy=fifo, prio=10, start=100ms, cpus=0)",
                "cpu 100ms; ");
    expect_body(f, "thread t31m", "cpu 100ms; ");
    GError *error = NULL;
    CpWorkload *w = cp_rebuild_workload(f->rebuild, &error);
    assert_non_null(w);
    assert_int_equal(cp_thread_decl(w, 1)->attr.policy, CP_SCHED_FIFO);
    assert_int_equal(cp_thread_decl(w, 0)->attr.nice, 5);
    cp_workload_free(w);
    f->options.pin = false;
}

/* A recording of CPUs the simulated machine does not have is simulated all the same. */
static void test_fewer_cpus(void **state)
{
    Fixture *f = *state;
    rebuild_text(f, SWITCH("1.000", 0, 0, "R", 1) SWITCH("1.000", 7, 0, "R", 2)
                        SWITCH("1.010", 7, 2, "S", 0) SWITCH("1.010", 0, 1, "S", 0));
    GError *error = NULL;
    CpWorkload *w = cp_rebuild_workload(f->rebuild, &error);
    Run run;
    run_init(&run, w, "1", NULL);
    assert_int_equal(run.makespan, 20 * CP_MS);
    run_clear(&run);
    cp_workload_free(w);
}

/* Traces without wake-ups at all: sleeps last until the thread runs again. */
static void test_no_wakeups(void **state)
{
    Fixture *f = *state;
    rebuild_text(f, SWITCH("1.000", 0, 0, "R", 1) SWITCH("1.010", 0, 1, "S", 2)
                        SWITCH("1.020", 0, 2, "S", 1) SWITCH("1.025", 0, 1, "S", 0));
    assert_int_equal(rule(f, CP_RULE_UNSEEN), 1);
    expect_body(f, "thread t1", "cpu 10ms; wait 10ms; cpu 5ms; ");
    expect_body(f, "thread t2 (slack=1ns, start=10ms)", "cpu 10ms; ");
}

/* Records in any order that cannot be are read without harm, and what is made of them is
 * a valid program. */
static void test_noise(void **state)
{
    Fixture *f = *state;
    uint64_t seed = 11;
    for (unsigned round = 0; round < 200; round++) {
        GError *error = NULL;
        CpCprWriter *w = cp_cpr_writer_new(f->out, &error);
        CpTime now = 0;
        for (unsigned i = 0; i < 300; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            uint64_t x = seed >> 20;
            static const uint8_t kinds[] = {1, 1, 1, 2, 3, 4, 6, 8, 10, 24, 25, 26, 5, 12};
            static const char letters[] = "SSRDX?I";
            CpRecordKind kind = kinds[x % sizeof kinds];
            uint32_t id = x >> 4 & 15 ? (uint32_t)(x >> 8) % 7 : CP_NONE;
            now += (CpTime)(x >> 12) % 50000;
            CpRecord r[2] = {cp_record_make(now, kind, id, (uint32_t)(x >> 30) % 4,
                                            (uint8_t)letters[(x >> 33) % 7]),
                             cp_record_make((int64_t)(x >> 36) % 150, CP_REC_MORE,
                                            (uint32_t)(x >> 40) % 8, 0, 0)};
            bool wide = cp_record_info(kind)->has_more && x >> 43 & 7;
            assert_true(cp_cpr_write(w, r, wide ? 2 : 1, &error));
        }
        for (uint32_t i = 0; i < 6; i++) {
            CpCprThread t = {0, 0, i / 2, i, 120, 0};
            cp_cpr_thread(w, i, &t);
        }
        CpCprInfo info = {.origin = round % 2 ? CP_ORIGIN_RECORDED : CP_ORIGIN_SIMULATED,
                          .n_cpus = 3};
        assert_true(cp_cpr_writer_finish(w, &info, &error));
        cp_cpr_writer_free(w);
        f->cpr = cp_cpr_open(f->out, &error);
        f->options = (CpRebuildOptions){.root_pid = round % 5 == 4,
                                        .foreign = round % 3 == 0,
                                        .pin = round % 7 == 0,
                                        .from = round % 4 == 0 ? CP_MS : 0};
        f->rebuild = cp_rebuild_new(f->cpr, &f->options, &error);
        if (f->rebuild != NULL) {
            CpWorkload *made = cp_rebuild_workload(f->rebuild, &error);
            if (made == NULL) {
                fail_msg("round %u: %s", round, error->message);
            }
            cp_workload_free(made);
            g_autofree char *text = cp_rebuild_text(f->rebuild, NULL);
            assert_true(strlen(text) > 0);
        }
        g_clear_error(&error);
        drop(f);
    }
    f->options = (CpRebuildOptions){0};
}

/* --- folding --- */

/* Folding never changes what a program does. */
static void test_fold(void **state)
{
    (void)state;
    uint64_t seed = 5;
    for (unsigned round = 0; round < 300; round++) {
        g_autoptr(GArray) pieces = g_array_new(FALSE, FALSE, sizeof(CpPiece));
        for (unsigned i = 0; i < 60; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            uint8_t kind = (seed >> 60) % 2 ? CP_PIECE_RUN : CP_PIECE_WAIT;
            CpPiece p = {.kind = kind,
                         .value = 1 + (int64_t)(seed >> 50) % (1 + round % 3)};
            g_array_append_val(pieces, p);
        }
        g_autoptr(GArray) folded = cp_rebuild_fold(pieces);
        int64_t run = 0, waits = 0, run2 = 0, waits2 = 0;
        for (guint i = 0; i < pieces->len; i++) {
            const CpPiece *p = &g_array_index(pieces, CpPiece, i);
            run += p->kind == CP_PIECE_RUN ? p->value : 0;
            waits += p->kind == CP_PIECE_WAIT;
        }
        for (guint i = 0, times = 1, left = 0; i < folded->len; i++) {
            const FoldedPiece *p = &g_array_index(folded, FoldedPiece, i);
            if (p->times > 1) {
                times = p->times;
                left = p->n;
                continue;
            }
            run2 += p->piece.kind == CP_PIECE_RUN ? p->piece.value * times : 0;
            waits2 += p->piece.kind == CP_PIECE_WAIT ? times : 0;
            left -= left > 0;
            times = left > 0 ? times : 1;
        }
        assert_int_equal(run, run2);
        assert_int_equal(waits, waits2);
    }
}

/* --- laws --- */

typedef struct {
    CpWorkload *w;
    uint64_t seed;
    uint32_t n_threads, n_locks; /* no locks: nobody waits for another */
} Maker;

static uint32_t pick(Maker *m, uint32_t n)
{
    m->seed = m->seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(m->seed >> 33) % n;
}

static void emit(Maker *m, CpOp op, uint8_t a, uint16_t b, uint32_t c)
{
    cp_workload_emit(m->w, op, a, b, c, 0);
}

static void emit_time(Maker *m, CpOp op, uint32_t us)
{
    emit(m, op, CP_ARG_CONST, 0, cp_workload_const(m->w, (CpTime)(1 + us) * CP_US));
}

static void make_thread(Maker *m, uint32_t i)
{
    char name[16];
    g_snprintf(name, sizeof name, "w%u", i);
    uint32_t decl = cp_workload_thread(m->w, 0, name);
    cp_thread_decl(m->w, decl)->entry = cp_workload_pc(m->w);
    cp_thread_decl(m->w, decl)->n_regs = CP_REG_FREE + 1;
    cp_thread_decl(m->w, decl)->copies = i % 3 == 2 ? 0 : 1;
    cp_thread_decl(m->w, decl)->flags = i % 3 == 2 ? CP_THREAD_SPAWNED : 0;
    cp_thread_decl(m->w, decl)->attr.nice = (int)pick(m, 5) - 2;
    cp_thread_decl(m->w, decl)->own_attr = true;
    bool spawns = i % 3 == 1 && i + 1 < m->n_threads;
    if (spawns) {
        emit_time(m, CP_OP_COMPUTE, pick(m, 500));
        emit(m, CP_OP_SPAWN, 0, 0, i + 1);
    }
    for (uint32_t n = 5 + pick(m, 20); n > 0; n--) {
        uint32_t lock = pick(m, MAX(m->n_locks, 1));
        emit_time(m, CP_OP_COMPUTE, pick(m, 5000));
        if (m->n_locks == 0 || pick(m, 2) == 0) {
            emit_time(m, CP_OP_SLEEP, pick(m, 4000));
        } else {
            emit(m, CP_OP_LOCK, 0, CP_REG_NONE, lock);
            emit_time(m, CP_OP_COMPUTE, pick(m, 2000));
            emit(m, CP_OP_UNLOCK, 0, 0, lock);
        }
    }
    if (spawns) {
        emit(m, CP_OP_JOIN, 0, CP_REG_NONE, i + 1);
    }
    emit(m, CP_OP_EXIT, 0, 0, 0);
}

static CpWorkload *make_workload(uint64_t seed)
{
    Maker m = {cp_workload_new(&cp_ops), seed, 0, 0};
    cp_workload_proc(m.w, "p", "native");
    m.n_threads = 3 + pick(&m, 8);
    m.n_locks = seed % 2 ? 1 + pick(&m, 3) : 0;
    for (uint32_t i = 0; i < m.n_locks; i++) {
        cp_workload_obj(m.w, "lock", CP_OBJ_LOCK);
    }
    for (uint32_t i = 0; i < m.n_threads; i++) {
        make_thread(&m, i);
    }
    GError *error = NULL;
    if (!cp_workload_verify(m.w, &error)) {
        fail_msg("%s", error->message);
    }
    return m.w;
}

/* Runs the workload and keeps a recording of it. */
static void record(Fixture *f, Run *run, const CpWorkload *w, const char *cores)
{
    GError *error = NULL;
    CpCprWriter *writer = cp_cpr_writer_new(f->out, &error);
    CpSink sink = cp_cpr_sink(writer);
    run_init(run, w, cores, &sink);
    for (uint32_t i = 0; i < cp_sim_n_threads(run->sim); i++) {
        g_autofree char *name = cp_sim_thread_name(run->sim, i);
        const CpThreadDecl *decl = cp_thread_decl(w, cp_sim_thread_decl(run->sim, i));
        CpCprThread t = {cp_cpr_string(writer, name), 0, 1, i, 120 + decl->attr.nice, 0};
        cp_cpr_thread(writer, i, &t);
    }
    CpCprInfo info = {.n_cpus = run->machine->n_cpus, .end = run->makespan};
    assert_true(cp_cpr_writer_finish(writer, &info, &error));
    cp_cpr_writer_free(writer);
}

/* A simulated run, recorded and rebuilt, gives each thread the same CPU time to the
 * nanosecond, on its own machine in (nearly) the same time, and is not slower on a larger
 * one. */
static void test_round_trip(void **state)
{
    Fixture *f = *state;
    unsigned exact = 0;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        CpWorkload *w = make_workload(seed);
        Run first, second, other;
        GError *error = NULL;
        drop(f);
        record(f, &first, w, "2");
        rebuild(f);
        assert_int_equal(cp_rebuild_makespan(f->rebuild), first.makespan);
        CpWorkload *again = cp_rebuild_workload(f->rebuild, &error);
        assert_non_null(again);
        run_init(&second, again, "2", NULL);
        run_init(&other, again, "5", NULL);
        assert_int_equal(cp_sim_n_threads(second.sim), cp_sim_n_threads(first.sim));
        for (uint32_t i = 0; i < cp_sim_n_threads(second.sim); i++) {
            uint32_t decl = cp_sim_thread_decl(second.sim, i);
            const CpRebuiltThread *t = cp_rebuild_thread(f->rebuild, decl);
            assert_int_equal(t->cpu_time, cpu_of(&first, t->id));
            assert_int_equal(cpu_of(&second, i), t->cpu_time);
        }
        CpTime gap = ABS(second.makespan - first.makespan);
        exact += seed % 2 == 0 && gap == 0;
        if (gap * 8 > first.makespan) {
            fail_msg("seed %" G_GUINT64_FORMAT ": %" G_GINT64_FORMAT
                     " instead of %" G_GINT64_FORMAT " ns",
                     seed, second.makespan, first.makespan);
        }
        assert_true(other.makespan <= second.makespan + second.makespan / 10);
        run_clear(&first);
        run_clear(&second);
        run_clear(&other);
        cp_workload_free(w);
        cp_workload_free(again);
    }
    /* Without locks nothing but the order within an instant can differ. */
    assert_true(exact >= 10);
}

/* The text form compiles, and gives the same CPU times as the direct one; load ends with
 * the program, so a moment of it may be missing. */
static void check_text(Fixture *f, CpTime cpu)
{
    g_autofree char *text = cp_rebuild_text(f->rebuild, NULL);
    CpDiag *diag = cp_diag_new("rebuilt", text, strlen(text));
    CpScenario *s = cp_scenario_from_text("rebuilt", text, strlen(text), NULL, 0, diag);
    if (s == NULL) {
        g_autofree char *messages = cp_diag_print(diag, false);
        fail_msg("%s", messages);
    }
    CpSimConfig config;
    cp_scenario_config(s, &config);
    GError *error = NULL;
    CpSim *sim = cp_sim_new(&config, &error);
    assert_int_equal(cp_sim_run(sim, &error), CP_OUTCOME_DONE);
    assert_true(ABS(metric(sim, CP_SCOPE_RUN, 0, "cpu") - cpu) < cpu / 1000);
    cp_sim_free(sim);
    cp_scenario_free(s);
    cp_diag_free(diag);
}

/* A recording is loaded like a workload, on as many cores as it has.  The kernel's work is
 * taken out of its CPU times and added again: as much, but for what goes another way. */
static void check_scenario(Fixture *f, CpTime cpu)
{
    CpDiag *diag = cp_diag_new(f->out, NULL, 0);
    CpScenario *s = cp_scenario_load(f->out, NULL, 0, diag);
    if (s == NULL) {
        g_autofree char *messages = cp_diag_print(diag, false);
        fail_msg("%s", messages);
    }
    assert_int_equal(s->machine->n_cpus, 2);
    CpSimConfig config;
    cp_scenario_config(s, &config);
    GError *error = NULL;
    CpSim *sim = cp_sim_new(&config, &error);
    assert_int_equal(cp_sim_run(sim, &error), CP_OUTCOME_DONE);
    CpTime simulated = metric(sim, CP_SCOPE_RUN, 0, "cpu");
    assert_in_range(simulated, cpu - cpu / 50, cpu + cpu / 50);
    cp_sim_free(sim);
    cp_scenario_free(s);
    cp_diag_free(diag);
}

typedef struct {
    const char *file;
    double from, to; /* s since the first event */
    const char *root;
    double tolerance; /* of the makespan */
} Real;

/* Real recordings, simulated again on as many cores: the CPU time is exact, the makespan
 * near. */
static void test_real(void **state)
{
    Fixture *f = *state;
    static const Real reals[] = {
        {"hogs5_c2.txt.gz", 0.058492684, 0.740654672, "18346", 0.02},
        {"lock_hold_4t.txt.gz", 0.047520554, 0.639091701, "18341", 0.06},
        {"thrjoin_8x40.txt.gz", 0.059159680, 0.351726752, "18711", 0.10},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(reals); i++) {
        const Real *real = &reals[i];
        const char *src = g_getenv("top_srcdir");
        g_autofree char *path =
            g_build_filename(src ? src : ".", "examples/recordings", real->file, NULL);
        f->options.placement = f->options.foreign = true;
        f->import = (CpImportOptions){.from = (CpTime)(real->from * 1e9),
                                      .to = (CpTime)(real->to * 1e9),
                                      .root = real->root};
        import_path(f, path);
        rebuild(f);
        GError *error = NULL;
        CpWorkload *w = cp_rebuild_workload(f->rebuild, &error);
        assert_non_null(w);
        Run run;
        run_init(&run, w, "2", NULL);
        for (uint32_t t = 0; t < cp_sim_n_threads(run.sim); t++) {
            uint32_t decl = cp_sim_thread_decl(run.sim, t);
            const CpRebuiltThread *facts = cp_rebuild_thread(f->rebuild, decl);
            if (!facts->foreign) { /* load ends with the program */
                assert_int_equal(cpu_of(&run, t), facts->cpu_time);
            }
        }
        CpTime cpu = metric(run.sim, CP_SCOPE_RUN, 0, "cpu");
        check_text(f, cpu);
        check_scenario(f, cpu);
        double recorded = (double)cp_rebuild_makespan(f->rebuild);
        double error_share = ((double)run.makespan - recorded) / recorded;
        print_message("%s: %.3f ms recorded, %.3f ms simulated, %+.2f %%\n", real->file,
                      recorded / 1e6, (double)run.makespan / 1e6, error_share * 100);
        assert_true(error_share < real->tolerance && -error_share < real->tolerance);
        run_clear(&run);
        cp_workload_free(w);
    }
    f->import = (CpImportOptions){0};
    f->options = (CpRebuildOptions){0};
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_author),     TEST(test_waking),     TEST(test_outvoted),
        TEST(test_answers),    TEST(test_yields),     TEST(test_early),
        TEST(test_fork_join),  TEST(test_lock),       TEST(test_choice),
        TEST(test_part),       TEST(test_priorities), TEST(test_no_wakeups),
        TEST(test_fewer_cpus), TEST(test_noise),      cmocka_unit_test(test_fold),
        TEST(test_round_trip), TEST(test_real),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
