/* The follower of records: what it finds in a simulated run is what the engine measured,
 * and its laws hold for any stream. */
#include "sim/timeline.h"

#include "models/random-workload.h"
#include "tests/unit/fixture-run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { THREADS_MAX = 4096, CPUS = 3 };

typedef struct {
    CpTime ran[THREADS_MAX], waited[THREADS_MAX], blocked[THREADS_MAX];
    CpTime first[THREADS_MAX], last[THREADS_MAX]; /* of its spans; first CP_NEVER: none */
    uint64_t voluntary[THREADS_MAX], involuntary[THREADS_MAX];
    uint64_t n_spans, n_switches;
    CpTime cpu_until[CPUS];
} Sums;

static void add_span(void *data, const CpSpan *s)
{
    Sums *sums = data;
    assert_true(s->thread < THREADS_MAX);
    assert_true(s->from <= s->to && s->since <= s->from);
    sums->n_spans++;
    if (sums->first[s->thread] == CP_NEVER) {
        sums->first[s->thread] = s->from;
    } else { /* spans of a thread follow each other without gaps */
        assert_int_equal(sums->last[s->thread], s->from);
    }
    sums->last[s->thread] = s->to;
    CpTime length = s->to - s->from;
    switch (s->state) {
    case CP_SEEN_RUNNING:
        sums->ran[s->thread] += length;
        sums->involuntary[s->thread] += s->end == CP_END_PREEMPTED;
        sums->voluntary[s->thread] += s->end == CP_END_BLOCKED || s->end == CP_END_EXIT;
        break;
    case CP_SEEN_RUNNABLE:
        sums->waited[s->thread] += length;
        break;
    case CP_SEEN_BLOCKED:
        sums->blocked[s->thread] += length;
        break;
    case CP_SEEN_NOT:
    case CP_SEEN_OFF:
    case CP_SEEN_ENDED:
        fail_msg("a simulated thread is never in state %d", s->state);
    }
}

static void add_cpu(void *data, const CpCpuSpan *s)
{
    Sums *sums = data;
    assert_true(s->cpu < CPUS && s->from < s->to);
    assert_int_equal(sums->cpu_until[s->cpu], s->from); /* they fill the window */
    sums->cpu_until[s->cpu] = s->to;
}

static void add_switch(void *data, const CpSwitch *s)
{
    Sums *sums = data;
    assert_true(s->from != s->to);
    sums->n_switches++;
}

/* Feeds the records in pieces of `size` and sums up; returns new. */
static Sums *follow(const GArray *records, size_t size, CpTime end)
{
    const CpTimelineHooks hooks = {
        .span = add_span, .cpu = add_cpu, .switched = add_switch};
    Sums *sums = g_new0(Sums, 1);
    for (int i = 0; i < THREADS_MAX; i++) {
        sums->first[i] = CP_NEVER;
    }
    CpTimeline *tl = cp_timeline_new(&(CpTimelineConfig){
        .n_cpus = CPUS, .simulated = true, .hooks = &hooks, .data = sums});
    for (size_t at = 0; at < records->len; at += size) {
        cp_timeline_feed(tl, &g_array_index(records, CpRecord, at),
                         MIN(size, records->len - at));
    }
    cp_timeline_finish(tl, end);
    cp_timeline_free(tl);
    return sums;
}

static int64_t metric(const CpSim *sim, CpTid tid, const char *name)
{
    int64_t value = 0;
    return cp_metric_named(sim, CP_SCOPE_THREAD, name, tid, &value) ? value : 0;
}

static void check_seed(uint64_t seed, const char *policy, const char *costs)
{
    Fixture f;
    fixture_init(&f);
    cp_workload_free(f.w);
    const CpRandomPlan plan = {.seed = seed, .n_cpus = CPUS, .kernel = false};
    GArray *work = NULL;
    f.w = cp_random_workload(&plan, &work);
    g_array_unref(work);
    f.policy = policy;
    f.costs = costs;
    f.settings[0] = "cores";
    f.settings[1] = "3";
    f.seed = seed;
    f.record = true;
    fixture_run(&f);
    CpTime end = fixture_metric(&f, "makespan");
    Sums *whole = follow(f.records, f.records->len, end);
    for (CpTid tid = 0; tid < cp_sim_n_threads(f.sim); tid++) {
        assert_int_equal(whole->waited[tid], metric(f.sim, tid, "runq_wait"));
        assert_int_equal(whole->voluntary[tid], metric(f.sim, tid, "switches_voluntary"));
        assert_int_equal(whole->involuntary[tid],
                         metric(f.sim, tid, "switches_involuntary"));
        assert_int_equal(whole->ran[tid] + whole->waited[tid] + whole->blocked[tid],
                         whole->last[tid] - whole->first[tid]);
        /* Where kernel work takes time, interrupts are a part of the time it has a CPU, and
         * it is blocked a little before its CPU is switched away. */
        if (strcmp(costs, "ideal") == 0) {
            assert_int_equal(whole->blocked[tid], metric(f.sim, tid, "blocked"));
            assert_int_equal(whole->ran[tid], metric(f.sim, tid, "cpu"));
        }
    }
    for (int cpu = 0; cpu < CPUS; cpu++) {
        assert_int_equal(whole->cpu_until[cpu], end);
    }
    for (size_t size = 1; size < 40; size += 12) {
        Sums *parts = follow(f.records, size, end);
        assert_memory_equal(whole, parts, sizeof *whole);
        g_free(parts);
    }
    g_free(whole);
    fixture_clear(&f);
}

/* Waiting, blocking and switches of each thread are those the engine measured; states fill
 * lives, spans fill CPUs, and blocks may be of any size. */
static void is_what_the_engine_measured(void **state)
{
    (void)state;
    const char *const policies[] = {"eevdf-6.18", "eevdf-6.12", "rr", "mlfq"};
    for (uint64_t seed = 1; seed <= 40; seed++) {
        print_message("seed %d\n", (int)seed);
        check_seed(seed, policies[seed % 4], seed % 3 == 0 ? "reference" : "ideal");
    }
}

typedef struct {
    CpTime waited[2], off;
    CpTime first;
} Story;

static void tell(void *data, const CpSpan *s)
{
    Story *story = data;
    if (s->thread == 1 && story->first == CP_NEVER) {
        story->first = s->from;
    }
    story->waited[s->thread] += s->state == CP_SEEN_RUNNABLE ? s->to - s->from : 0;
    story->off += s->state == CP_SEEN_OFF ? s->to - s->from : 0;
}

/* A thread first seen when it is switched to has not waited since the recording began, and
 * of one that left its CPU in an unknown state it is not said that it waited. */
static void nothing_is_made_up(void **state)
{
    (void)state;
    const CpRecord r[] = {
        cp_record_make(10, CP_REC_WAKEUP, 0, 0, 0),
        cp_record_make(12, CP_REC_SWITCH, 0, 0, 'R'),
        cp_record_make(50, CP_REC_SWITCH, 1, 1, 'R'),
        cp_record_make(60, CP_REC_SWITCH, CP_NONE, 1, '?'),
        cp_record_make(90, CP_REC_SWITCH, 1, 1, 'R'),
        cp_record_make(95, CP_REC_SWITCH, CP_NONE, 0, 'S'),
        cp_record_make(99, CP_REC_SWITCH, CP_NONE, 1, 'S'),
    };
    Story story = {.first = CP_NEVER};
    const CpTimelineHooks hooks = {.span = tell};
    CpTimeline *tl =
        cp_timeline_new(&(CpTimelineConfig){.n_cpus = 2, .hooks = &hooks, .data = &story});
    cp_timeline_feed(tl, r, G_N_ELEMENTS(r));
    cp_timeline_finish(tl, 100);
    cp_timeline_free(tl);
    assert_int_equal(story.waited[0], 2);
    assert_int_equal(story.waited[1], 0);
    assert_int_equal(story.first, 50);
    assert_int_equal(story.off, 30);
}

static void append_cpu(void *data, const CpCpuSpan *s)
{
    if (s->thread < CP_UNKNOWN) {
        g_string_append_printf(data, "%u:%u[%d,%d) ", s->cpu, s->thread, (int)s->from,
                               (int)s->to);
    }
}

static CpRecord to(CpTime at, uint32_t cpu, uint32_t tid)
{
    return cp_record_make(at, CP_REC_SWITCH, tid, cpu, 'R');
}

static char *cpu_spans(const CpRecord *records, size_t n, CpTime from, CpTime until)
{
    GString *out = g_string_new(NULL);
    const CpTimelineHooks hooks = {.cpu = append_cpu};
    CpTimeline *tl = cp_timeline_new(&(CpTimelineConfig){
        .from = from, .to = until, .n_cpus = 2, .hooks = &hooks, .data = out});
    cp_timeline_feed(tl, records, n);
    cp_timeline_finish(tl, until);
    cp_timeline_free(tl);
    return g_string_free(out, FALSE);
}

/* A thread switched to itself runs on, windows cut, foreign CPUs and other kinds are
 * ignored. */
static void spans_of_cpus(void **state)
{
    (void)state;
    const CpRecord records[] = {
        to(10, 0, 1),       to(10, 1, 2),
        to(20, 0, 1),       cp_record_make(22, CP_REC_WAKEUP, 1, 0, 0),
        to(30, 0, CP_NONE), to(40, 0, 3),
        to(45, 7, 3),       to(50, 1, 1),
    };
    g_autofree char *all = cpu_spans(records, G_N_ELEMENTS(records), 0, 60);
    assert_string_equal(all, "0:1[10,30) 1:2[10,50) 0:3[40,60) 1:1[50,60) ");
    g_autofree char *cut = cpu_spans(records, G_N_ELEMENTS(records), 25, 45);
    assert_string_equal(cut, "0:1[25,30) 0:3[40,45) 1:2[25,45) ");
    g_autofree char *none = cpu_spans(records, 0, 0, 60);
    assert_string_equal(none, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_what_the_engine_measured),
        cmocka_unit_test(nothing_is_made_up),
        cmocka_unit_test(spans_of_cpus),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
