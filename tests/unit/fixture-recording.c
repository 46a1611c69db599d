#include "tests/unit/fixture-recording.h"

#include <stdlib.h>
#include <unistd.h>

static void must(gboolean ok, GError *error)
{
    if (!ok) {
        g_error("fixture: %s", error != NULL ? error->message : "failed");
    }
}

static uint64_t next(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

static int by_time(const void *a, const void *b)
{
    const CpRecord *x = a, *y = b;
    CpTime tx = cp_record_time(x), ty = cp_record_time(y);
    if (tx != ty) {
        return tx < ty ? -1 : 1;
    }
    return x->cpu != y->cpu ? (x->cpu < y->cpu ? -1 : 1) : 0;
}

/* Length of one slice: 0.1 to 1.9 times the typical one, now and then twenty times. */
static CpTime length(const Fixture *f, uint64_t *state)
{
    CpTime part = f->slice / 10;
    CpTime slice = part + (CpTime)(next(state) % (uint64_t)(f->slice * 18 / 10 + 1));
    return MAX(next(state) % 1000 < f->long_permille ? slice * 20 : slice, 1);
}

/* Threads of a CPU take turns; CPU c has threads c, c + n_cpus, ... and at times one of a
 * neighbour's, which is a migration. */
static void run_cpu(const Fixture *f, uint32_t cpu, GArray *records)
{
    uint64_t state = f->seed * 977 + cpu;
    uint32_t own = f->n_threads / f->n_cpus + (cpu < f->n_threads % f->n_cpus);
    uint32_t before = CP_NONE;
    for (CpTime at = (CpTime)(next(&state) % 1000); at < f->end && own > 0;) {
        uint32_t tid = cpu + (uint32_t)(next(&state) % own) * f->n_cpus;
        uint32_t how = next(&state) % 3 == 0 ? 'S' : 'R';
        bool is_guest = f->n_cpus > 1 && next(&state) % 400 == 0;
        if (is_guest) {
            tid = (cpu + 1) % f->n_cpus;
            CpRecord move = cp_record_make(at, CP_REC_MIGRATE, tid, tid, cpu);
            g_array_append_val(records, move);
        }
        CpRecord r = cp_record_make(at, CP_REC_SWITCH, tid, cpu, before == tid ? 'R' : how);
        g_array_append_val(records, r);
        before = tid;
        at += length(f, &state);
        if (next(&state) % 1000 < f->idle_permille && at < f->end) {
            CpRecord idle = cp_record_make(at, CP_REC_SWITCH, CP_NONE, cpu, 'S');
            g_array_append_val(records, idle);
            before = CP_NONE;
            at += length(f, &state);
        }
    }
}

static void write_threads(const Fixture *f, CpCprWriter *w)
{
    uint32_t process = cp_cpr_string(w, "app");
    bool has_name = f->names != NULL;
    for (uint32_t i = 0; i < f->n_threads; i++) {
        has_name = has_name && f->names[i] != NULL;
        g_autofree char *number = g_strdup_printf("worker-%u", i + 1);
        CpCprThread thread = {.name = cp_cpr_string(w, has_name ? f->names[i] : number),
                              .process = process,
                              .pid = 4000,
                              .tid = 4000 + i,
                              .prio = 120};
        cp_cpr_thread(w, i, &thread);
    }
}

static uint32_t text(CpCprWriter *w, const char *string)
{
    return string != NULL ? cp_cpr_string(w, string) : 0;
}

void fixture_write_records(const char *path, const Fixture *f, const CpRecord *records,
                           size_t n)
{
    GError *error = NULL;
    CpCprWriter *w = cp_cpr_writer_new(path, &error);
    must(w != NULL, error);
    must(cp_cpr_write(w, records, n, &error), error);
    write_threads(f, w);
    CpCprInfo info = {.origin = f->origin,
                      .n_cpus = f->n_cpus,
                      .end = f->end,
                      .seed = f->seed,
                      .machine = text(w, f->machine),
                      .policy = text(w, f->policy),
                      .workload = text(w, f->workload)};
    must(cp_cpr_writer_finish(w, &info, &error), error);
    cp_cpr_writer_free(w);
}

void fixture_write(const char *path, const Fixture *f)
{
    GArray *records = g_array_new(FALSE, FALSE, sizeof(CpRecord));
    for (uint32_t cpu = 0; cpu < f->n_cpus; cpu++) {
        run_cpu(f, cpu, records);
    }
    g_array_sort(records, by_time);
    fixture_write_records(path, f, (const CpRecord *)(void *)records->data, records->len);
    g_array_unref(records);
}

CpCpr *fixture_open(const char *path, const Fixture *fixture)
{
    GError *error = NULL;
    fixture_write(path, fixture);
    CpCpr *cpr = cp_cpr_open(path, &error);
    must(cpr != NULL, error);
    return cpr;
}

int fixture_set_up(void **state)
{
    g_autoptr(GError) error = NULL;
    int fd = g_file_open_tmp("recording-XXXXXX.cpr", (char **)state, &error);
    return fd < 0 ? 1 : close(fd);
}

int fixture_tear_down(void **state)
{
    unlink(*state);
    g_free(*state);
    return 0;
}
