#include "tests/unit/python-bench.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

Bench *bench_new(const char *version, unsigned cores)
{
    Bench *b = g_new0(Bench, 1);
    b->w = cp_workload_new(&cp_ops);
    b->proc = cp_workload_proc(b->w, "app", "python");
    cp_proc_decl(b->w, b->proc)->version = cp_workload_string(b->w, version);
    b->version = version;
    b->policy = "eevdf-6.18";
    b->cores = cores;
    b->until = CP_NEVER;
    b->seed = 1;
    b->costs = "ideal";
    b->records = g_array_new(FALSE, FALSE, sizeof(PyRec));
    return b;
}

void bench_set(Bench *b, const char *key, const char *value)
{
    b->set[b->n_set].key = key;
    b->set[b->n_set++].value = value;
}

uint32_t bench_emit(Bench *b, CpOp op, uint8_t a, uint16_t b_, uint32_t c)
{
    return cp_workload_emit(b->w, op, a, b_, c, 0);
}

uint32_t bench_thread(Bench *b, const char *name, uint32_t n_regs)
{
    uint32_t t = cp_workload_thread(b->w, b->proc, name);
    cp_thread_decl(b->w, t)->n_regs = MAX(n_regs, (uint32_t)CP_REG_FREE);
    bench_emit(b, CP_OP_PY_BEGIN, 0, 0, 0);
    return t;
}

uint32_t bench_spawned(Bench *b, const char *name, uint32_t n_regs, uint32_t flags)
{
    uint32_t t = bench_thread(b, name, n_regs);
    cp_thread_decl(b->w, t)->flags |= CP_THREAD_SPAWNED | flags;
    cp_thread_decl(b->w, t)->copies = 0;
    return t;
}

uint32_t bench_task(Bench *b, const char *name, uint32_t n_regs, uint32_t flags)
{
    uint32_t t = cp_workload_task(b->w, b->proc, name);
    cp_task_decl(b->w, t)->n_regs = MAX(n_regs, (uint32_t)CP_REG_FREE);
    cp_task_decl(b->w, t)->flags = flags;
    return t;
}

uint32_t bench_const(Bench *b, int64_t value)
{
    return cp_workload_const(b->w, value);
}

void bench_compute(Bench *b, CpTime work)
{
    bench_emit(b, CP_OP_COMPUTE, CP_ARG_CONST, 0, bench_const(b, work));
}

void bench_sleep(Bench *b, CpTime length)
{
    bench_emit(b, CP_OP_SLEEP, CP_ARG_CONST, 0, bench_const(b, length));
}

void bench_await_sleep(Bench *b, CpTime length)
{
    bench_emit(b, CP_OP_AWAIT_SLEEP, CP_ARG_CONST, 0, bench_const(b, length));
}

void bench_mark(Bench *b, const char *text)
{
    bench_emit(b, CP_OP_MARK, 0, 0, cp_workload_string(b->w, text));
}

void bench_end(Bench *b)
{
    bench_emit(b, CP_OP_EXIT, 0, 0, 0);
}

void bench_return(Bench *b)
{
    bench_emit(b, CP_OP_PY_RETURN, 0, CP_REG_VALUE, 0);
}

void bench_set_reg(Bench *b, uint16_t reg, int64_t value)
{
    bench_emit(b, CP_OP_SET, 0, reg, bench_const(b, value));
}

void bench_move(Bench *b, uint16_t to, uint16_t from)
{
    bench_emit(b, CP_OP_MOVE, 0, to, from);
}

static gboolean keep(void *data, const CpRecord *records, size_t n, GError **error)
{
    const Bench *b = data;
    GArray *out = b->records;
    for (size_t i = 0; i < n; i++) {
        const CpRecord *r = &records[i];
        if (cp_record_kind(r) == CP_REC_MORE) {
            PyRec *last = &g_array_index(out, PyRec, out->len - 1);
            last->id2 = r->id;
            last->value = cp_record_time(r);
            continue;
        }
        PyRec rec = {
            .at = cp_record_time(r), .kind = cp_record_kind(r), .id = r->id, .arg = r->arg};
        g_array_append_val(out, rec);
    }
    return cp_pylaws_read(b->laws, records, n, error);
}

static void make_machine(Bench *b)
{
    b->machine_set = cp_params_new(cp_machine_params);
    g_autofree char *cores = g_strdup_printf("%u", b->cores);
    GError *error = NULL;
    cp_params_set(b->machine_set, cp_params_find(cp_machine_params, "cores"), cores,
                  CP_FROM_SET, &error);
    assert_null(error);
    b->machine = cp_machine_new(b->machine_set, NULL, 0, &error);
    assert_non_null(b->machine);
}

void bench_run(Bench *b)
{
    GError *error = NULL;
    const CpProfile *profile = cp_profile_find(b->policy);
    if (!cp_workload_verify(b->w, &error)) {
        fail_msg("%s", error->message);
    }
    b->classes = profile->classes;
    b->class_params = cp_profile_params(profile);
    make_machine(b);
    b->costs_set = cp_cost_set(b->costs);
    const CpRuntimeClass *python = cp_runtime_classes()[1];
    b->proc_params = g_new0(CpParamSet *, b->w->procs->len + 1);
    for (guint i = 0; i < b->w->procs->len; i++) {
        b->proc_params[i] = cp_params_new(python->params);
        for (unsigned k = 0; k < b->n_set; k++) {
            int row = cp_params_find(python->params, b->set[k].key);
            assert_true(row >= 0);
            if (!cp_params_set(b->proc_params[i], row, b->set[k].value, CP_FROM_SET,
                               &error)) {
                fail_msg("%s", error->message);
            }
        }
    }
    b->laws = cp_pylaws_new();
    b->sink = (CpSink){.write = keep, .data = b};
    CpSimConfig config = {.machine = b->machine,
                          .classes = b->classes,
                          .class_params = (const CpParamSet *const *)b->class_params,
                          .runtimes = cp_runtime_classes(),
                          .proc_params = (const CpParamSet *const *)b->proc_params,
                          .costs = b->costs_set,
                          .workload = b->w,
                          .seed = b->seed,
                          .until = b->until,
                          .max_events = 20000000,
                          .sink = &b->sink};
    b->sim = cp_sim_new(&config, &error);
    if (b->sim == NULL) {
        fail_msg("%s", error->message);
    }
    b->outcome = cp_sim_run(b->sim, &error);
    if (error == NULL) {
        cp_pylaws_end(b->laws, b->outcome == CP_OUTCOME_DONE, &error);
    }
    if (error != NULL) {
        fail_msg("%s", error->message);
    }
}

void bench_free(Bench *b)
{
    cp_sim_free(b->sim);
    for (guint i = 0; i < b->w->procs->len; i++) {
        cp_params_free(b->proc_params[i]);
    }
    cp_class_params_free(b->classes, b->class_params);
    cp_workload_free(b->w);
    cp_machine_free(b->machine);
    cp_params_free(b->machine_set);
    cp_params_free(b->costs_set);
    g_free(b->proc_params);
    g_array_unref(b->records);
    cp_pylaws_free(b->laws);
    g_free(b);
}

#define REC(b, i) (&g_array_index((b)->records, PyRec, (i)))

CpTime bench_marked(const Bench *b, const char *text, unsigned n)
{
    for (guint i = 0; i < b->records->len; i++) {
        const PyRec *r = REC(b, i);
        if (r->kind == CP_REC_MARK && strcmp(cp_workload_text(b->w, r->id), text) == 0 &&
            n-- == 0) {
            return r->at;
        }
    }
    return -1;
}

unsigned bench_marks(const Bench *b, const char *text)
{
    unsigned n = 0;
    while (bench_marked(b, text, n) >= 0) {
        n++;
    }
    return n;
}

unsigned bench_count(const Bench *b, uint32_t kind)
{
    unsigned n = 0;
    for (guint i = 0; i < b->records->len; i++) {
        n += REC(b, i)->kind == kind;
    }
    return n;
}

CpTime bench_thread_end(const Bench *b, const char *name)
{
    g_autofree char *metric = g_strconcat("end.", name, NULL);
    return bench_metric(b, metric);
}

int64_t bench_metric(const Bench *b, const char *name)
{
    int64_t value;
    CpUnit unit;
    if (!cp_metric_find(b->sim, name, &value, &unit)) {
        return -1;
    }
    return value;
}

unsigned bench_diagnoses(const Bench *b, const char *kind)
{
    const GPtrArray *all = cp_sim_diagnoses(b->sim);
    unsigned n = 0;
    for (guint i = 0; i < all->len; i++) {
        n += strcmp(((const CpDiagnosis *)g_ptr_array_index(all, i))->kind, kind) == 0;
    }
    return n;
}

char *bench_holders(const Bench *b, CpTime unit)
{
    GString *out = g_string_new(NULL);
    CpTime since = 0;
    for (guint i = 0; i < b->records->len; i++) {
        const PyRec *r = REC(b, i);
        if (r->kind == CP_REC_GIL_GOT) {
            since = r->at;
        } else if (r->kind == CP_REC_GIL_DROP && r->at > since) {
            g_autofree char *name = cp_sim_thread_name(b->sim, r->id2);
            g_string_append_printf(out, "%s%s %" PRId64 "-%" PRId64, out->len ? " " : "",
                                   name, since / unit, r->at / unit);
        }
    }
    return g_string_free(out, FALSE);
}
