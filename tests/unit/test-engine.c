/* The engine's own behaviour: what every operation does to time, and the laws that hold
 * whatever the policy. */
#include "tests/unit/fixture-run.h"

#include "sim/channel.h"
#include "sim/cpu.h"
#include "sim/flow.h"
#include "sim/process.h"
#include "sim/runqueue.h"
#include "sim/thread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void emit_cpu(Fixture *f, CpTime work)
{
    fixture_emit(f, COMPUTE, CP_ARG_CONST, 0, fixture_const(f, work));
}

static void emit_sleep(Fixture *f, CpTime d)
{
    fixture_emit(f, SLEEP, CP_ARG_CONST, 0, fixture_const(f, d));
}

static void emit_set(Fixture *f, uint16_t reg, int64_t value)
{
    fixture_emit(f, SET, 0, reg, fixture_const(f, value));
}

static void emit_exit(Fixture *f)
{
    fixture_emit(f, EXIT, 0, 0, 0);
}

static CpGroup add_group(Fixture *f, const char *name, uint32_t weight, CpTime quota,
                         CpTime period)
{
    CpGroupDecl d = {.name = cp_workload_string(f->w, name),
                     .weight = weight,
                     .quota = quota,
                     .period = period,
                     .cpus = CP_NONE};
    if (f->w->groups->len == 0) {
        CpGroupDecl root = {.name = cp_workload_string(f->w, "/"), .cpus = CP_NONE};
        g_array_append_val(f->w->groups, root);
    }
    g_array_append_val(f->w->groups, d);
    return f->w->groups->len - 1;
}

static CpTime stretch(GArray *a, guint i)
{
    assert_true(i < a->len);
    return g_array_index(a, CpTime, i);
}

/* Work takes as long as it says, sleeping too, and the two make up the makespan. */
static void test_compute_and_sleep(void **state)
{
    (void)state;
    Fixture f;
    fixture_init(&f);
    fixture_thread(&f, "t", 0);
    emit_cpu(&f, 3 * CP_MS);
    emit_sleep(&f, 7 * CP_MS);
    emit_cpu(&f, 2 * CP_MS);
    emit_exit(&f);
    fixture_run(&f);
    assert_int_equal(f.outcome, CP_OUTCOME_DONE);
    assert_int_equal(fixture_metric(&f, "makespan"), 12 * CP_MS);
    assert_int_equal(fixture_metric(&f, "cpu.t"), 5 * CP_MS);
    assert_int_equal(fixture_metric(&f, "blocked.t"), 7 * CP_MS);
    fixture_clear(&f);
}

/* The records of two hogs and a sleeper, whose bursts are cut into so many pieces. */
static GArray *run_cut(const char *policy, unsigned pieces)
{
    Fixture f;
    fixture_init(&f);
    f.policy = policy;
    f.record = true;
    for (unsigned hog = 0; hog < 2; hog++) {
        fixture_thread(&f, hog == 0 ? "a" : "b", 0);
        for (unsigned i = 0; i < pieces; i++) {
            emit_cpu(&f, 120 * CP_MS / pieces);
        }
        emit_exit(&f);
    }
    fixture_thread(&f, "sleeper", 0);
    for (unsigned round = 0; round < 20; round++) {
        for (unsigned i = 0; i < pieces; i++) {
            emit_cpu(&f, 600 * CP_US / pieces);
        }
        emit_sleep(&f, 3300 * CP_US);
    }
    emit_exit(&f);
    fixture_run(&f);
    GArray *records = g_array_copy(f.records);
    fixture_clear(&f);
    return records;
}

/* The kernel does not see where one burst ends and the next begins: bursts in a row are
 * one, also where a boundary falls on a tick. */
static void test_bursts_in_a_row_are_one(void **state)
{
    (void)state;
    static const char *const policies[] = {"eevdf-6.18", "eevdf-6.6", "rr", "mlfq",
                                           "stride"};
    for (size_t i = 0; i < G_N_ELEMENTS(policies); i++) {
        g_autoptr(GArray) whole = run_cut(policies[i], 1);
        for (unsigned pieces = 2; pieces <= 120; pieces *= 2) {
            g_autoptr(GArray) cut = run_cut(policies[i], pieces);
            assert_int_equal(cut->len, whole->len);
            assert_memory_equal(cut->data, whole->data, cut->len * sizeof(CpRecord));
        }
    }
}

/* A spinning thread is done when its time has passed, however little of it it ran. */
static void test_spin_ends_by_the_clock(void **state)
{
    (void)state;
    Fixture f;
    fixture_init(&f);
    fixture_thread(&f, "hog", 0);
    emit_cpu(&f, 100 * CP_MS);
    emit_exit(&f);
    fixture_thread(&f, "spin", CP_REG_FREE + 1);
    fixture_emit(&f, SPIN, CP_ARG_CONST, CP_REG_FREE, fixture_const(&f, 20 * CP_MS));
    emit_exit(&f);
    fixture_run(&f);
    int64_t end = fixture_metric(&f, "end.spin");
    assert_true(end >= 20 * CP_MS && end <= 24 * CP_MS);
    assert_true(fixture_metric(&f, "cpu.spin") <= 12 * CP_MS);
    fixture_clear(&f);
}

/* Absolute periods keep the grid; a late job does not sleep and its lateness is kept. */
static void test_period_keeps_lateness(void **state)
{
    (void)state;
    Fixture f;
    fixture_init(&f);
    uint32_t hist = cp_workload_hist(f.w, "latency");
    fixture_thread(&f, "t", CP_REG_FREE + 2);
    emit_set(&f, CP_REG_FREE, 3);
    uint32_t loop = cp_workload_pc(f.w);
    fixture_emit(&f, PERIOD, CP_ARG_CONST, CP_REG_FREE + 1, fixture_const(&f, 10 * CP_MS));
    emit_cpu(&f, 15 * CP_MS);
    fixture_emit(&f, RESPOND, 0, 0, hist);
    fixture_emit(&f, LOOP, 0, CP_REG_FREE, loop);
    emit_exit(&f);
    fixture_run(&f);
    /* released at 0, 10, 20; done at 15, 30, 45 */
    assert_int_equal(fixture_metric(&f, "makespan"), 45 * CP_MS);
    assert_int_equal(fixture_metric(&f, "latency.max"), 25 * CP_MS);
    assert_int_equal(fixture_metric(&f, "latency.min"), 15 * CP_MS);
    fixture_clear(&f);
}

/* An open stream goes on whatever happens to the requests: a full queue drops, nothing
 * blocks, no CPU is used by the source. */
static void test_open_arrivals_never_block(void **state)
{
    (void)state;
    Fixture f;
    fixture_init(&f);
    uint32_t hist = cp_workload_hist(f.w, "latency");
    uint32_t q = cp_workload_obj(f.w, "inbox", CP_OBJ_QUEUE);
    cp_obj_decl(f.w, q)->n = 2;
    fixture_thread(&f, "gen", CP_REG_FREE + 2);
    CpArrivalsDecl a = {.arg = CP_ARG_CONST,
                        .gap = fixture_const(&f, 1 * CP_MS),
                        .until = 100 * CP_MS,
                        .instant = true};
    uint32_t pc = cp_workload_pc(f.w);
    a.end = pc + 3;
    g_array_append_val(f.w->arrivals, a);
    fixture_emit(&f, ARRIVALS, 0, CP_REG_FREE, 0);
    fixture_emit(&f, SEND, 0, CP_REG_NONE, q);
    fixture_emit(&f, ARRIVE_END, 0, CP_REG_FREE, 0);
    emit_exit(&f);
    uint32_t server = fixture_thread(&f, "server", CP_REG_FREE);
    cp_thread_decl(f.w, server)->flags = CP_THREAD_DAEMON;
    uint32_t top = cp_workload_pc(f.w);
    fixture_emit(&f, RECV, 0, CP_REG_NONE, q);
    emit_cpu(&f, 10 * CP_MS);
    fixture_emit(&f, RESPOND, 0, 0, hist);
    fixture_emit(&f, JUMP, 0, 0, top);
    fixture_run(&f);
    assert_int_equal(f.outcome, CP_OUTCOME_DONE);
    assert_int_equal(fixture_metric(&f, "end.gen"), 100 * CP_MS);
    assert_int_equal(fixture_metric(&f, "cpu.gen"), 0);
    /* the server takes one at 1, 11, 21 ... 91 ms; two wait; the rest of 100 is dropped */
    assert_int_equal(fixture_metric(&f, "latency.n"), 9);
    assert_true(fixture_metric(&f, "dropped") >= 86);
    fixture_clear(&f);
}

/* A device with two channels serves two at a time, in order of submission. */
static void test_device_channels(void **state)
{
    (void)state;
    Fixture f;
    fixture_init(&f);
    uint32_t dev = cp_workload_obj(f.w, "disk", CP_OBJ_DEVICE);
    cp_obj_decl(f.w, dev)->n = 2;
    uint32_t decl = fixture_thread(&f, "t", CP_REG_FREE);
    cp_thread_decl(f.w, decl)->copies = 5;
    fixture_emit(&f, IO, CP_ARG_CONST, (uint16_t)dev, fixture_const(&f, 10 * CP_MS));
    emit_exit(&f);
    fixture_run(&f);
    assert_int_equal(fixture_metric(&f, "end.t-2"), 10 * CP_MS);
    assert_int_equal(fixture_metric(&f, "end.t-4"), 20 * CP_MS);
    assert_int_equal(fixture_metric(&f, "makespan"), 30 * CP_MS);
    fixture_clear(&f);
}

/* A parent waits for its own children only, and gets on when the last of them ends. */
static void test_spawn_and_join(void **state)
{
    (void)state;
    Fixture f;
    fixture_init(&f);
    f.settings[0] = "cores";
    f.settings[1] = "4";
    fixture_thread(&f, "main", CP_REG_FREE + 1);
    uint32_t child = 1;
    emit_set(&f, CP_REG_FREE, 20 * CP_MS);
    fixture_emit(&f, SPAWN, CP_REG_FREE, 1, child);
    emit_set(&f, CP_REG_FREE, 5 * CP_MS);
    fixture_emit(&f, SPAWN, CP_REG_FREE, 1, child);
    fixture_emit(&f, JOIN, 0, CP_REG_NONE, child);
    emit_cpu(&f, CP_MS);
    emit_exit(&f);
    assert_int_equal(fixture_thread(&f, "child", CP_REG_FREE + 1), child);
    cp_thread_decl(f.w, child)->copies = 0;
    cp_thread_decl(f.w, child)->flags = CP_THREAD_SPAWNED;
    fixture_emit(&f, COMPUTE, CP_ARG_REG, 0, CP_REG_FREE);
    emit_exit(&f);
    fixture_run(&f);
    assert_int_equal(fixture_metric(&f, "end.child-1"), 20 * CP_MS);
    assert_int_equal(fixture_metric(&f, "end.child-2"), 5 * CP_MS);
    assert_int_equal(fixture_metric(&f, "makespan"), 21 * CP_MS);
    fixture_clear(&f);
}

/* Two threads that take two locks in opposite order stop each other; the run says who holds
 * and who waits, at the time it happened. */
static void test_deadlock_is_a_result(void **state)
{
    (void)state;
    Fixture f;
    fixture_init(&f);
    uint32_t a = cp_workload_obj(f.w, "a", CP_OBJ_LOCK);
    uint32_t b = cp_workload_obj(f.w, "b", CP_OBJ_LOCK);
    for (int i = 0; i < 2; i++) {
        fixture_thread(&f, i == 0 ? "one" : "two", CP_REG_FREE);
        fixture_emit(&f, LOCK, 0, CP_REG_NONE, i == 0 ? a : b);
        emit_sleep(&f, 5 * CP_MS);
        fixture_emit(&f, LOCK, 0, CP_REG_NONE, i == 0 ? b : a);
        emit_exit(&f);
    }
    fixture_run(&f);
    assert_int_equal(f.outcome, CP_OUTCOME_DEADLOCK);
    assert_int_equal(fixture_metric(&f, "makespan"), 5 * CP_MS);
    const GPtrArray *all = cp_sim_diagnoses(f.sim);
    const CpDiagnosis *cycle = g_ptr_array_index(all, 0);
    assert_string_equal(cycle->kind, "lock cycle");
    const CpDiagnosis *last = g_ptr_array_index(all, all->len - 1);
    assert_string_equal(last->kind, "deadlock");
    assert_non_null(strstr(last->text, "one  holds a  waits for b"));
    assert_non_null(strstr(last->text, "two  holds b  waits for a"));
    fixture_clear(&f);
}

/* A loop in which no time passes is stopped, not waited for. */
static void test_zero_time_loop(void **state)
{
    (void)state;
    Fixture f;
    fixture_init(&f);
    fixture_thread(&f, "t", 0);
    fixture_emit(&f, JUMP, 0, 0, cp_workload_pc(f.w));
    fixture_run(&f);
    assert_int_equal(f.outcome, CP_OUTCOME_GUARD);
    fixture_clear(&f);
}

/* Quota 50 of 100 ms, HZ=250, one hog, the period's edge 0.9 ms before a tick: the overrun
 * of each tick is paid back, so the pattern repeats and its mean is the quota (G9). */
static void test_quota_golden(void **state)
{
    (void)state;
    Fixture f;
    fixture_init(&f);
    CpGroup g = add_group(&f, "g", 100, 50 * CP_MS, 100 * CP_MS);
    uint64_t phase = cp_rng_key(1, 0x300000000u, g) % (uint64_t)(100 * CP_MS);
    CpTime tick = (CpTime)((phase + 900000) % (uint64_t)(4 * CP_MS));
    g_autofree char *tick_phase = g_strdup_printf("%" G_GINT64_FORMAT "ns", tick);
    f.settings[0] = "tick.phase";
    f.settings[1] = tick_phase;
    uint32_t decl = fixture_thread(&f, "hog", 0);
    cp_thread_decl(f.w, decl)->group = g;
    emit_cpu(&f, 100 * CP_S);
    emit_exit(&f);
    f.until = 2 * CP_S;
    f.record = true;
    fixture_run(&f);
    g_autoptr(GArray) runs = fixture_stretches(&f, 0);
    CpTime sum = 0;
    for (guint i = 1; i <= 12; i++) {
        CpTime s = stretch(runs, i);
        assert_true(s == 52900000 || s == 48900000);
        sum += s;
    }
    assert_true(labs(sum / 12 - 50 * CP_MS) <= 350000);
    assert_true(fixture_metric(&f, "cgroup.g.throttled") > 900 * CP_MS);
    fixture_clear(&f);
}

/* Two hogs of one group with 50 % of one CPU, on two CPUs, get a quarter each. */
static void test_quota_is_shared_by_cpus(void **state)
{
    (void)state;
    Fixture f;
    fixture_init(&f);
    f.settings[0] = "cores";
    f.settings[1] = "2";
    CpGroup g = add_group(&f, "g", 100, 50 * CP_MS, 100 * CP_MS);
    uint32_t decl = fixture_thread(&f, "hog", 0);
    cp_thread_decl(f.w, decl)->group = g;
    cp_thread_decl(f.w, decl)->copies = 2;
    emit_cpu(&f, 100 * CP_S);
    emit_exit(&f);
    f.until = 4 * CP_S;
    fixture_run(&f);
    CpTime all = fixture_metric(&f, "cpu.hog-1") + fixture_metric(&f, "cpu.hog-2");
    assert_true(all > 1950 * CP_MS && all < 2100 * CP_MS);
    assert_true(fixture_metric(&f, "cpu.hog-1") > 900 * CP_MS);
    assert_true(fixture_metric(&f, "cpu.hog-2") > 900 * CP_MS);
    fixture_clear(&f);
}

/* Groups of equal weight share the CPU, whatever the number of their threads (G10). */
static void test_group_shares(void **state)
{
    (void)state;
    Fixture f;
    fixture_init(&f);
    CpGroup x = add_group(&f, "x", 100, 0, 0), y = add_group(&f, "y", 100, 0, 0);
    for (int i = 0; i < 2; i++) {
        uint32_t decl = fixture_thread(&f, i == 0 ? "x" : "y", 0);
        cp_thread_decl(f.w, decl)->group = i == 0 ? x : y;
        cp_thread_decl(f.w, decl)->copies = i == 0 ? 3 : 1;
        emit_cpu(&f, 100 * CP_S);
        emit_exit(&f);
    }
    f.until = 12 * CP_S;
    fixture_run(&f);
    assert_true(labs(fixture_metric(&f, "cpu.y") - 6 * CP_S) < 40 * CP_MS);
    assert_true(labs(fixture_metric(&f, "cpu.x-1") - 2 * CP_S) < 40 * CP_MS);
    assert_true(labs(fixture_metric(&f, "cpu.x-3") - 2 * CP_S) < 40 * CP_MS);
    fixture_clear(&f);
}

/* --- a toy runtime: what a language runtime may rely on --- */

/* LOCK runs 10 ms but is stopped at 3 ms; UNLOCK waits on a channel nobody wakes, with a
 * deadline 2 ms ahead. */
static CpStep toy_step(CpSim *sim, CpTid tid, const CpInsn *insn, CpWhy why)
{
    CpChan *chan = sim->procs[0].data;
    if (insn->op == CP_OP_LOCK) {
        if (why == CP_WHY_BEGIN) {
            cp_run(sim, tid, 10 * CP_MS);
            cp_stop_at(sim, tid, 3 * CP_MS);
            return CP_STEP_RUN;
        }
        assert_int_equal(why, CP_WHY_STOPPED);
        assert_int_equal(sim->now, 3 * CP_MS);
        return CP_STEP_NEXT;
    }
    if (why == CP_WHY_BEGIN) {
        cp_wait(sim, tid, *chan, sim->now + 2 * CP_MS, CP_BLOCK_RUNTIME, CP_NONE);
        return CP_STEP_BLOCK;
    }
    assert_int_equal(why, CP_WHY_TIMEOUT);
    assert_int_equal(cp_waiters(sim, *chan), 0);
    return CP_STEP_NEXT;
}

static gboolean toy_init(CpSim *sim, CpProcId proc, GError **error)
{
    (void)error; /* nothing can go wrong */
    *(CpChan *)sim->procs[proc].data = cp_channel_new(sim);
    return TRUE;
}

static const CpRuntimeClass toy = {
    .name = "native", .proc_size = sizeof(CpChan), .init = toy_init, .step = toy_step};

/* A burst can be ended at a boundary, a wait by its deadline, and the step is re-entered
 * with the reason. */
static void test_toy_runtime(void **state)
{
    (void)state;
    Fixture f;
    fixture_init(&f);
    f.runtime = &toy;
    uint32_t obj = cp_workload_obj(f.w, "o", CP_OBJ_LOCK);
    fixture_thread(&f, "t", CP_REG_FREE);
    fixture_emit(&f, LOCK, 0, CP_REG_NONE, obj);
    fixture_emit(&f, UNLOCK, 0, 0, obj);
    emit_exit(&f);
    fixture_run(&f);
    assert_int_equal(fixture_metric(&f, "makespan"), 5 * CP_MS);
    assert_int_equal(fixture_metric(&f, "cpu.t"), 3 * CP_MS);
    fixture_clear(&f);
}

/* Changes from outside happen at their time: a nice value, a set of CPUs. */
static void test_at_commands(void **state)
{
    (void)state;
    Fixture f;
    fixture_init(&f);
    f.settings[0] = "cores";
    f.settings[1] = "2";
    CpCpuMask one = {0};
    cp_cpumask_set(&one, 1);
    fixture_thread(&f, "a", 0);
    emit_cpu(&f, 100 * CP_MS);
    emit_exit(&f);
    uint32_t b = fixture_thread(&f, "b", 0);
    emit_cpu(&f, 100 * CP_MS);
    emit_exit(&f);
    CpAtDecl at = {.at = 20 * CP_MS, .kind = CP_AT_CPUS, .subject = 0};
    at.value = cp_workload_mask(f.w, &one);
    g_array_append_val(f.w->ats, at);
    at.subject = b;
    g_array_append_val(f.w->ats, at);
    f.record = true;
    fixture_run(&f);
    assert_int_equal(fixture_metric(&f, "makespan"), 180 * CP_MS);
    fixture_clear(&f);
}

/* The kernel does not notice the end of a burst: two hogs that compute in short bursts
 * take turns at ticks, as if each had one long burst, although their requests of 0.7 ms are
 * used up in between. */
static void test_short_bursts_switch_at_ticks(void **state)
{
    (void)state;
    Fixture f;
    fixture_init(&f);
    for (int i = 0; i < 2; i++) {
        fixture_thread(&f, i == 0 ? "a" : "b", CP_REG_FREE + 1);
        emit_set(&f, CP_REG_FREE, 5000);
        uint32_t top = cp_workload_pc(f.w);
        emit_cpu(&f, 20 * CP_US);
        fixture_emit(&f, LOOP, 0, CP_REG_FREE, top);
        emit_exit(&f);
    }
    f.record = true;
    fixture_run(&f);
    g_autoptr(GArray) runs = fixture_stretches(&f, 0);
    assert_true(runs->len >= 24 && runs->len <= 26);
    for (guint i = 1; i + 1 < runs->len; i++) {
        assert_int_equal(stretch(runs, i), 4 * CP_MS);
    }
    fixture_clear(&f);
}

/* Beside a FIFO hog a normal one gets 50 ms of each second, rounded up to a tick; the next
 * second begins when they are used up. */
static void test_fair_server_golden(void **state)
{
    (void)state;
    Fixture f;
    fixture_init(&f);
    f.settings[0] = "tick.phase";
    f.settings[1] = "2ms";
    uint32_t fifo = fixture_thread(&f, "fifo", 0);
    cp_thread_decl(f.w, fifo)->attr.policy = CP_SCHED_FIFO;
    cp_thread_decl(f.w, fifo)->attr.rt_prio = 10;
    emit_cpu(&f, 100 * CP_S);
    emit_exit(&f);
    fixture_thread(&f, "hog", 0);
    emit_cpu(&f, 100 * CP_S);
    emit_exit(&f);
    f.until = 3 * CP_S;
    f.record = true;
    fixture_run(&f);
    g_autoptr(GArray) high = fixture_stretches(&f, 0);
    g_autoptr(GArray) low = fixture_stretches(&f, 1);
    for (guint i = 0; i < 2; i++) {
        assert_int_equal(stretch(high, i), 950 * CP_MS);
        CpTime got = stretch(low, i);
        assert_true(got >= 50 * CP_MS && got <= 54 * CP_MS);
    }
    fixture_clear(&f);
}

/* Whoever is woken while a CPU is still on its way out of idle is enqueued together with
 * the first, and only then one is picked. */
static void test_one_exit_for_all(void **state)
{
    (void)state;
    Fixture f;
    fixture_init(&f);
    f.costs = "reference";
    f.record = true;
    for (int i = 0; i < 2; i++) {
        fixture_thread(&f, i == 0 ? "a" : "b", 0);
        emit_sleep(&f, 10 * CP_MS);
        emit_cpu(&f, CP_MS);
        emit_exit(&f);
    }
    fixture_run(&f);
    CpTime woken[2] = {0};
    for (guint i = 0; i < f.records->len; i++) {
        const CpRecord *r = &g_array_index(f.records, CpRecord, i);
        if (cp_record_kind(r) == CP_REC_WAKEUP && r->id < 2) {
            woken[r->id] = cp_record_time(r);
        }
    }
    assert_true(woken[0] > 10 * CP_MS);
    assert_int_equal(woken[0], woken[1]);
    fixture_clear(&f);
}

/* To read ahead says nothing: a division by zero is diagnosed once, when it happens. */
static void test_look_ahead_is_silent(void **state)
{
    (void)state;
    Fixture f;
    fixture_init(&f);
    f.policy = "srtf";
    fixture_thread(&f, "t", CP_REG_FREE + 2);
    emit_set(&f, CP_REG_FREE, 7);
    emit_set(&f, CP_REG_FREE + 1, 0);
    emit_cpu(&f, 5 * CP_MS);
    fixture_emit(&f, ARITH, CP_DIV, CP_REG_FREE, CP_REG_FREE | (CP_REG_FREE + 1) << 16);
    emit_exit(&f);
    fixture_run(&f);
    const GPtrArray *all = cp_sim_diagnoses(f.sim);
    assert_int_equal(all->len, 1);
    const CpDiagnosis *d = g_ptr_array_index(all, 0);
    assert_string_equal(d->kind, "arithmetic");
    assert_int_equal(d->at, 5 * CP_MS);
    fixture_clear(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_exit_for_all),
        cmocka_unit_test(test_look_ahead_is_silent),
        cmocka_unit_test(test_fair_server_golden),
        cmocka_unit_test(test_short_bursts_switch_at_ticks),
        cmocka_unit_test(test_compute_and_sleep),
        cmocka_unit_test(test_bursts_in_a_row_are_one),
        cmocka_unit_test(test_spin_ends_by_the_clock),
        cmocka_unit_test(test_period_keeps_lateness),
        cmocka_unit_test(test_open_arrivals_never_block),
        cmocka_unit_test(test_device_channels),
        cmocka_unit_test(test_spawn_and_join),
        cmocka_unit_test(test_deadlock_is_a_result),
        cmocka_unit_test(test_zero_time_loop),
        cmocka_unit_test(test_quota_golden),
        cmocka_unit_test(test_quota_is_shared_by_cpus),
        cmocka_unit_test(test_group_shares),
        cmocka_unit_test(test_toy_runtime),
        cmocka_unit_test(test_at_commands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
