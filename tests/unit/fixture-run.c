#include "tests/unit/fixture-run.h"

#include "models/registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

void fixture_init(Fixture *f)
{
    memset(f, 0, sizeof *f);
    f->w = cp_workload_new(&cp_ops);
    f->proc = cp_workload_proc(f->w, "p", "native");
    f->policy = "eevdf-6.18";
    f->costs = "ideal";
    f->until = CP_NEVER;
    f->seed = 1;
}

uint32_t fixture_thread(Fixture *f, const char *name, uint32_t n_regs)
{
    uint32_t decl = cp_workload_thread(f->w, f->proc, name);
    CpThreadDecl *d = cp_thread_decl(f->w, decl);
    d->entry = cp_workload_pc(f->w);
    d->copies = 1;
    d->n_regs = MAX(n_regs, (uint32_t)CP_REG_FREE);
    return decl;
}

uint32_t fixture_const(Fixture *f, int64_t value)
{
    return cp_workload_const(f->w, value);
}

static gboolean keep(void *data, const CpRecord *records, size_t n, GError **error)
{
    (void)error; /* memory does not fail */
    g_array_append_vals(data, records, (guint)n);
    return TRUE;
}

static void apply(CpParamSet *set, const char *const *settings)
{
    for (size_t i = 0; set != NULL && settings[i] != NULL; i += 2) {
        int row = cp_params_find(set->spec, settings[i]);
        if (row >= 0) {
            g_autoptr(GError) error = NULL;
            assert_true(cp_params_set(set, row, settings[i + 1], CP_FROM_SET, &error));
        }
    }
}

static void set_up_classes(Fixture *f)
{
    const CpProfile *profile = cp_profile_find(f->policy);
    assert_non_null(profile);
    f->classes = profile->classes;
    f->class_set = cp_profile_params(profile);
    for (size_t i = 0; f->classes[i] != NULL; i++) {
        apply(f->class_set[i], f->settings);
    }
}

void fixture_run(Fixture *f)
{
    g_autoptr(GError) error = NULL;
    if (!cp_workload_verify(f->w, &error)) {
        fail_msg("%s", error->message);
    }
    f->machine_set = cp_params_new(cp_machine_params);
    assert_true(cp_params_set(f->machine_set, CP_MACHINE_CORES, "1", CP_FROM_SET, NULL));
    apply(f->machine_set, f->settings);
    f->machine = cp_machine_new(f->machine_set, NULL, 0, &error);
    assert_non_null(f->machine);
    f->cost_set = cp_cost_set(f->costs);
    apply(f->cost_set, f->settings);
    set_up_classes(f);
    f->records = g_array_new(FALSE, FALSE, sizeof(CpRecord));
    const CpSink sink = {keep, f->records};
    const CpRuntimeClass *const own[] = {f->runtime, NULL};
    CpSimConfig config = {.machine = f->machine,
                          .classes = f->classes,
                          .class_params = (const CpParamSet *const *)f->class_set,
                          .runtimes = f->runtime != NULL ? own : cp_runtime_classes(),
                          .costs = f->cost_set,
                          .workload = f->w,
                          .seed = f->seed,
                          .until = f->until,
                          .exact_ticks = f->exact_ticks,
                          .sink = f->record ? &sink : NULL};
    f->sim = cp_sim_new(&config, &error);
    if (f->sim == NULL) {
        fail_msg("%s", error->message);
    }
    f->outcome = cp_sim_run(f->sim, &error);
    if (error != NULL) {
        fail_msg("%s", error->message);
    }
}

void fixture_clear(Fixture *f)
{
    cp_sim_free(f->sim);
    cp_machine_free(f->machine);
    cp_params_free(f->machine_set);
    cp_params_free(f->cost_set);
    cp_class_params_free(f->classes, f->class_set);
    if (f->records != NULL) {
        g_array_unref(f->records);
    }
    cp_workload_free(f->w);
}

int64_t fixture_metric(Fixture *f, const char *name)
{
    int64_t value = 0;
    CpUnit unit;
    if (!cp_metric_find(f->sim, name, &value, &unit)) {
        fail_msg("no metric %s", name);
    }
    return value;
}

GArray *fixture_stretches(const Fixture *f, CpTid tid)
{
    GArray *out = g_array_new(FALSE, FALSE, sizeof(CpTime));
    CpTime since = CP_NEVER;
    uint32_t cpu = CP_NONE;
    for (guint i = 0; i < f->records->len; i++) {
        const CpRecord *r = &g_array_index(f->records, CpRecord, i);
        if (cp_record_kind(r) != CP_REC_SWITCH) {
            continue;
        }
        if (since != CP_NEVER && r->cpu == cpu) {
            CpTime length = cp_record_time(r) - since;
            g_array_append_val(out, length);
            since = CP_NEVER;
        }
        if (r->id == tid) {
            since = cp_record_time(r);
            cpu = r->cpu;
        }
    }
    return out;
}
