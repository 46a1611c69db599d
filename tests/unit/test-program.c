/* Workload tables, the verifier, the listing, and the lists of ops and records. */
#include "models/ops.h"
#include "models/python/declare.h"
#include "sim/error.h"
#include "sim/operand.h"
#include "sim/program.h"
#include "sim/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* One process with one thread: lock, compute 1 ms, loop twice, exit. */
static CpWorkload *small_workload(void)
{
    CpWorkload *w = cp_workload_new(&cp_ops);
    CpProcId proc = cp_workload_proc(w, "app", "native");
    uint32_t lock = cp_workload_obj(w, "counter", CP_OBJ_LOCK);
    uint32_t main_thread = cp_workload_thread(w, proc, "main");
    cp_thread_decl(w, main_thread)->n_regs = 4;
    cp_workload_emit(w, CP_OP_SET, 0, 2, cp_workload_const(w, 2), 3);
    uint32_t top = cp_workload_emit(w, CP_OP_LOCK, 0, CP_REG_NONE, lock, 4);
    cp_workload_emit(w, CP_OP_COMPUTE, CP_ARG_CONST, 0, cp_workload_const(w, CP_MS), 5);
    cp_workload_emit(w, CP_OP_UNLOCK, 0, 0, lock, 6);
    cp_workload_emit(w, CP_OP_LOOP, 0, 2, top, 3);
    cp_workload_emit(w, CP_OP_EXIT, 0, 0, 0, 0);
    return w;
}

/* Equal strings, constants and histograms share a row. */
static void test_interning(void **state)
{
    (void)state; /* no fixture */
    CpWorkload *w = cp_workload_new(&cp_ops);
    assert_int_equal(cp_workload_string(w, ""), 0);
    assert_string_equal(cp_workload_text(w, 0), "");
    uint32_t a = cp_workload_string(w, "a");
    assert_int_equal(cp_workload_string(w, "a"), a);
    assert_int_not_equal(cp_workload_string(w, "b"), a);
    assert_string_equal(cp_workload_text(w, a), "a");
    static const int64_t values[] = {0, -1, 1, INT64_MAX, INT64_MIN, 1LL << 32};
    for (uint32_t round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < G_N_ELEMENTS(values); i++) {
            assert_int_equal(cp_workload_const(w, values[i]), i);
        }
    }
    assert_int_equal(cp_workload_hist(w, "h"), cp_workload_hist(w, "h"));
    assert_int_not_equal(cp_workload_hist(w, "h"), cp_workload_hist(w, "i"));
    cp_workload_free(w);
    cp_workload_free(NULL);
}

/* The defaults of declarations make a valid workload. */
static void test_valid(void **state)
{
    (void)state;
    CpWorkload *w = small_workload();
    GError *error = NULL;
    if (!cp_workload_verify(w, &error)) {
        fail_msg("%s", error->message);
    }
    cp_workload_free(w);
    CpWorkload *empty = cp_workload_new(&cp_ops);
    assert_true(cp_workload_verify(empty, NULL));
    cp_workload_free(empty);
}

static void test_listing(void **state)
{
    (void)state;
    CpWorkload *w = small_workload();
    g_autofree char *listing = cp_workload_listing(w);
    assert_string_equal(listing, "    pc   line  operation\n"
                                 "thread main of app, 4 registers:\n"
                                 "     0      3  set          r2, 2\n"
                                 "     1      4  lock         counter\n"
                                 "     2      5  compute      1ms\n"
                                 "     3      6  unlock       counter\n"
                                 "     4      3  loop         r2, -> 1\n"
                                 "     5         exit\n");
    cp_workload_free(w);
}

/* One instruction changed for the worse: what it becomes and what is said. */
typedef struct {
    uint32_t pc;
    CpInsn insn;
    const char *message;
} Damage;

static void test_bad_code(void **state)
{
    (void)state;
    static const Damage damages[] = {
        {5, {CP_OP_NOP, 0, 0, 0}, "instruction 5 (nop, line 0) can run past the end"},
        {5, {CP_OP_COMPUTE, CP_ARG_CONST, 0, 0}, "can run past the end"},
        {5,
         {CP_OP_JUMP, 0, 0, 6},
         "instruction 5 (jump, line 0) refers to instruction 6 of 6"},
        {5, {CP_OP_JUMP, 0, 0, UINT32_MAX}, "refers to instruction 4294967295 of 6"},
        {5, {CP_OP_LOOP, 0, 2, 0}, "can run past the end"},
        {0, {200, 0, 0, 0}, "has the unknown operation 200"},
        {0, {CP_OP_SET, 0, 4, 0}, "uses register 4, but thread 'main' has 4"},
        {0, {CP_OP_SET, 0, 2, 2}, "refers to constant 2 of 2"},
        {0, {CP_OP_LOCK, 0, 4, 0}, "uses register 4"},
        {0, {CP_OP_LOCK, 0, CP_REG_NONE, 1}, "refers to object 1 of 1"},
        {0, {CP_OP_COMPUTE, CP_ARG_REG, 0, 4}, "uses register 4"},
        {0, {CP_OP_COMPUTE, CP_ARG_REG, 0, CP_REG_NONE}, "refers to register 65535"},
        {0, {CP_OP_COMPUTE, CP_ARG_DIST, 0, 0}, "refers to distribution 0 of 0"},
        {0, {CP_OP_COMPUTE, CP_ARG_NONE, 0, 0}, "has no duration"},
        {0, {CP_OP_COMPUTE, 7, 0, 0}, "has a duration of unknown kind 7"},
        {0, {CP_OP_IO, CP_ARG_NONE, 1, 0}, "refers to object 1 of 1"},
        {0, {CP_OP_ARITH, 9, 2, 0}, "has the unknown operator 9"},
        {0, {CP_OP_ARITH, CP_ADD, 2, 4u << 16}, "uses register 4"},
        {0, {CP_OP_MOVE, 0, 2, 5}, "uses register 5"},
        {0, {CP_OP_JUMP_IF, 6, 2, 0}, "has the unknown comparison 6"},
        {0, {CP_OP_JUMP_IF, CP_LT, 3, 0}, "uses register 4"},
        {0, {CP_OP_JUMP_CHANCE, 0, 2, 0}, "refers to constant 2 of 2"},
        {0, {CP_OP_MARK, 0, 0, 99}, "refers to string 99"},
        {0, {CP_OP_RESPOND, 0, 0, 0}, "refers to histogram 0 of 0"},
        {0, {CP_OP_LOAD, 0, 2, 0}, "refers to variable 0 of 0"},
        {0, {CP_OP_LIST_GET, 0, 2, 0}, "refers to list 0 of 0"},
        {0, {CP_OP_SET_AFFINITY, 0, 0, 0}, "refers to CPU mask 0 of 0"},
        {0, {CP_OP_SET_SCHED, 0, 0, 0}, "refers to attributes 0 of 0"},
        {0, {CP_OP_SPAWN, 3, 2, 0}, "uses register 4"},
        {0, {CP_OP_SPAWN, 0, 0, 1}, "refers to thread 1 of 1"},
        {0, {CP_OP_SPAWN, 0, 0, CP_NONE}, "refers to thread 4294967295 of 1"},
        {0, {CP_OP_SPAWN, 0, 3, 0}, "passes 3 arguments to a thread of 4 registers"},
        {0, {CP_OP_JOIN, 0, CP_REG_NONE, 1}, "refers to thread 1 of 1"},
        {0, {CP_OP_ARRIVALS, 0, 2, 0}, "refers to arrival stream 0 of 0"},
        {0, {CP_OP_SEND, 0, 4, 0}, "object 0 (counter), which is a lock"},
        {0, {CP_OP_IO, CP_ARG_NONE, 0, 0}, "object 0 (counter), which is a lock"},
        {0, {CP_OP_SEM_POST, 1, 0, 0}, "object 0 (counter), which is a lock"},
        {0, {CP_OP_TOUCH, 0, 0, 0}, "object 0 (counter), which is a lock"},
        {0, {CP_OP_REPLAY, 0, 2, 0}, "has nothing to replay"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(damages); i++) {
        CpWorkload *w = small_workload();
        *cp_insn(w, damages[i].pc) = damages[i].insn;
        g_autoptr(GError) error = NULL;
        if (cp_workload_verify(w, &error)) {
            fail_msg("accepted, expected: %s", damages[i].message);
        }
        if (strstr(error->message, damages[i].message) == NULL) {
            fail_msg("got: %s; expected: %s", error->message, damages[i].message);
        }
        /* The listing shows damaged code without falling over. */
        g_autofree char *listing = cp_workload_listing(w);
        assert_non_null(listing);
        cp_workload_free(w);
    }
}

/* Every operation is done to objects of its kinds only, and to some. */
static void test_kinds(void **state)
{
    (void)state;
    for (unsigned op = 0; op < cp_ops.n; op++) {
        const char *letter = strpbrk(cp_ops.rows[op].operands, "oO");
        unsigned n_accepted = 0;
        for (unsigned kind = 0; letter != NULL && kind < CP_OBJ_KINDS; kind++) {
            CpWorkload *w = small_workload();
            uint32_t obj = cp_workload_obj(w, "thing", (CpObjKind)kind);
            CpInsn insn = {(uint8_t)op, 0, CP_REG_NONE, obj};
            if (*letter == 'O') {
                insn = (CpInsn){(uint8_t)op, CP_ARG_NONE, (uint16_t)obj, 0};
            } else if (strchr("Kr", cp_ops.rows[op].operands[0]) != NULL) {
                insn.b = 0;
            }
            *cp_insn(w, 0) = insn;
            g_autoptr(GError) error = NULL;
            bool is_good = cp_workload_verify(w, &error);
            n_accepted += is_good;
            if (!is_good && strstr(error->message, "(thing), which is a ") == NULL) {
                fail_msg("%s", error->message);
            }
            cp_workload_free(w);
        }
        assert_true(letter == NULL || (n_accepted > 0 && n_accepted < CP_OBJ_KINDS));
    }
}

/* A condition's lock is a lock. */
static void test_condition_lock(void **state)
{
    (void)state;
    CpWorkload *w = small_workload();
    uint32_t event = cp_workload_obj(w, "event", CP_OBJ_EVENT);
    uint32_t condition = cp_workload_obj(w, "condition", CP_OBJ_CONDITION);
    cp_obj_decl(w, condition)->lock = 0;
    assert_true(cp_workload_verify(w, NULL));
    cp_obj_decl(w, condition)->lock = event;
    assert_false(cp_workload_verify(w, NULL));
    cp_workload_free(w);
}

/* Code that no thread reaches may use any register and end anywhere; what two threads
 * share is held to the smaller of the two. */
static void test_paths(void **state)
{
    (void)state;
    CpWorkload *w = small_workload();
    cp_workload_emit(w, CP_OP_SET, 0, 100, 0, 0);
    assert_true(cp_workload_verify(w, NULL));
    cp_insn(w, 5)->op = CP_OP_NOP;
    assert_false(cp_workload_verify(w, NULL));
    cp_insn(w, 5)->op = CP_OP_EXIT;
    uint32_t second = cp_workload_thread(w, 0, "second");
    cp_thread_decl(w, second)->entry = 0;
    assert_false(cp_workload_verify(w, NULL)); /* two registers; r2 is used */
    cp_thread_decl(w, second)->entry = 5;
    assert_true(cp_workload_verify(w, NULL));
    cp_workload_free(w);
}

/* Damages one field of the thread; false when there are no more. */
static bool damage_thread(CpThreadDecl *t, int which)
{
    const CpThreadDecl whole = *t;
    const CpThreadDecl damaged[] = {
        {.entry = 6},      {.proc = 1},  {.name = 99},  {.n_regs = 1},
        {.n_regs = 65535}, {.group = 1}, {.start = -1}, {.start_cpu = 1024},
    };
    if ((size_t)which >= G_N_ELEMENTS(damaged)) {
        return false;
    }
    const CpThreadDecl *d = &damaged[which];
    t->entry = d->entry != 0 ? d->entry : whole.entry;
    t->proc = d->proc != 0 ? d->proc : whole.proc;
    t->name = d->name != 0 ? d->name : whole.name;
    t->n_regs = d->n_regs != 0 ? d->n_regs : whole.n_regs;
    t->group = d->group != 0 ? d->group : whole.group;
    t->start = d->start != 0 ? d->start : whole.start;
    t->start_cpu = d->start_cpu != 0 ? d->start_cpu : whole.start_cpu;
    return true;
}

/* Damages one of the other declarations; false when there are no more. */
static bool damage_other(CpWorkload *w, int which)
{
    const CpDist dist = {CP_DIST_CHOICE, 0, {0, 1, 0}};
    const CpAtDecl at = {.at = 0, .kind = CP_AT_NICE, .subject = 7};
    const CpArrivalsDecl stream = {.arg = CP_ARG_CONST, .end = 99};
    const CpList list = {0, 1};
    if (which == 0) {
        cp_thread_decl(w, 0)->attr.nice = 20;
    } else if (which == 1) {
        cp_thread_decl(w, 0)->attr.cpus = 0;
    } else if (which == 2) {
        cp_obj_decl(w, 0)->kind = CP_OBJ_KINDS;
    } else if (which == 3) {
        cp_obj_decl(w, 0)->lock = 1;
    } else if (which == 4) {
        cp_obj_decl(w, 0)->service_arg = CP_ARG_DIST;
    } else if (which == 5) {
        cp_proc_decl(w, 0)->group = 1;
    } else if (which == 6) {
        cp_proc_decl(w, 0)->n_threads = 2;
    } else if (which == 7) {
        cp_group_decl(w, 0)->parent = 0;
    } else if (which == 8) {
        cp_workload_dist(w, dist);
    } else if (which == 9) {
        g_array_append_val(w->ats, at);
    } else if (which == 10) {
        g_array_append_val(w->arrivals, stream);
    } else if (which == 11) {
        g_array_append_val(w->lists, list);
    }
    return which < 12;
}

/* Every reference of a declaration is checked. */
static void test_bad_declarations(void **state)
{
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        bool is_damaged = true;
        for (int which = 0; is_damaged; which++) {
            CpWorkload *w = small_workload();
            is_damaged = kind == 0 ? damage_thread(cp_thread_decl(w, 0), which)
                                   : damage_other(w, which);
            g_autoptr(GError) error = NULL;
            if (cp_workload_verify(w, &error) == is_damaged) {
                fail_msg("damage %d/%d: %s", kind, which,
                         error ? error->message : "passed");
            }
            assert_true(!is_damaged || g_error_matches(error, CP_ERROR, CP_ERROR_INPUT));
            cp_workload_free(w);
        }
    }
}

/* Changes of settings are put in order of time; equal times keep the written order. */
static void test_ats_sorted(void **state)
{
    (void)state;
    CpWorkload *w = small_workload();
    static const CpTime times[] = {5, 3, 5, 1, 3};
    for (size_t i = 0; i < G_N_ELEMENTS(times); i++) {
        const CpAtDecl at = {.at = times[i], .kind = CP_AT_STOP, .value = (int64_t)i};
        g_array_append_val(w->ats, at);
    }
    assert_true(cp_workload_verify(w, NULL));
    static const int64_t order[] = {3, 1, 4, 0, 2};
    for (guint i = 0; i < w->ats->len; i++) {
        assert_int_equal(g_array_index(w->ats, CpAtDecl, i).value, order[i]);
    }
    cp_workload_free(w);
}

/* Every operation lists with all its operands, whatever they are. */
static void test_listing_all(void **state)
{
    (void)state;
    CpWorkload *w = small_workload();
    CpCpuMask mask = {{0}};
    cp_cpumask_set(&mask, 0);
    cp_cpumask_set(&mask, 1);
    cp_cpumask_set(&mask, 5);
    cp_cpumask_set(&mask, 1023);
    cp_workload_mask(w, &mask);
    cp_workload_dist(w, (CpDist){CP_DIST_LOGNORMAL, 0, {CP_MS, 1500000, 0}});
    cp_workload_hist(w, "response");
    cp_workload_list(w, (const int64_t[]){1, 2, 3}, 3);
    cp_workload_const(w, 250000);
    cp_workload_obj(w, "disk", CP_OBJ_DEVICE);
    cp_workload_obj(w, "disk2", CP_OBJ_DEVICE);
    const CpVarDecl var = {cp_workload_string(w, "hits"), CP_NONE, 0, false};
    g_array_append_val(w->vars, var);
    const CpSchedAttr attr = cp_sched_attr_default();
    g_array_append_val(w->attrs, attr);
    cp_workload_call(w, cp_workload_task(w, 0, "load"));
    cp_workload_pool(w, 0, "ex", CP_POOL_THREADS, 5);
    cp_call_decl(w, 0)->pool = 0;
    for (unsigned op = 0; op < cp_ops.n; op++) {
        cp_workload_emit(w, (CpOp)op, CP_ARG_DIST, 2, 0, op);
    }
    g_autofree char *listing = cp_workload_listing(w);
    for (unsigned op = 0; op < cp_ops.n; op++) {
        assert_non_null(strstr(listing, cp_ops.rows[op].name));
    }
    assert_non_null(strstr(listing, "compute      lognormal(1ms, 1.5), nocheck\n"));
    assert_non_null(strstr(listing, "set_affinity cpus 0-1,5,1023\n"));
    assert_non_null(strstr(listing, "timed_end    r2, response\n"));
    assert_non_null(strstr(listing, "jump_if      r2 < r3, -> 0\n"));
    assert_non_null(strstr(listing, "arith        mul, r2, release, release\n"));
    assert_non_null(strstr(listing, "submit       load() on ex\n"));
    assert_null(strchr(listing, '?'));
    cp_workload_free(w);
}

/* The operand letters of ops.def are those the verifier knows. */
static void test_op_letters(void **state)
{
    (void)state;
    for (unsigned op = 0; op < cp_ops.n; op++) {
        const CpOpInfo *info = &cp_ops.rows[op];
        assert_true(strlen(info->name) > 0 && strlen(info->meaning) > 0);
        for (const char *letter = info->operands; *letter != '\0'; letter++) {
            assert_true(cp_operand_known(*letter));
        }
    }
}

/* Record kinds: known numbers have a row, others none. */
static void test_records(void **state)
{
    (void)state;
    assert_string_equal(cp_record_info(CP_REC_SWITCH)->name, "switch");
    assert_false(cp_record_info(CP_REC_SWITCH)->has_more);
    assert_true(cp_record_info(CP_REC_FORK)->has_more);
    assert_null(cp_record_info(13));
    assert_null(cp_record_info(64));
    assert_null(cp_record_info(UINT32_MAX));
    CpRecord r = cp_record_make(-5, CP_REC_WAKEUP, 7, 3, 2);
    assert_int_equal(cp_record_time(&r), -5);
    assert_int_equal(cp_record_kind(&r), CP_REC_WAKEUP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_interning),      cmocka_unit_test(test_valid),
        cmocka_unit_test(test_listing),        cmocka_unit_test(test_bad_code),
        cmocka_unit_test(test_paths),          cmocka_unit_test(test_bad_declarations),
        cmocka_unit_test(test_ats_sorted),     cmocka_unit_test(test_listing_all),
        cmocka_unit_test(test_op_letters),     cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_condition_lock), cmocka_unit_test(test_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
