#include "models/conform.h"

#include "models/random-workload.h"
#include "models/registry.h"
#include "sim/assert.h"
#include "sim/error.h"
#include "sim/timeline.h"

#include <string.h>

/* Decides whether a run kept the laws of conform.h, and which one it broke. */

/* What the records say of one thread. */
typedef struct {
    CpTime born, until; /* first and last evidence */
    CpTime run, wait, blocked;
} Life;

typedef struct {
    CpSim *sim;
    uint32_t n_threads, n_cpus;
    Life *life;
    CpTime *busy;       /* by CPU */
    CpTime now;         /* of the record looked at */
    CpTime interrupted; /* time on a CPU that was not charged, all threads */
    CpTime irq;         /* the same, all CPUs */
    bool conserving;    /* check that law */
    bool global;
    bool is_broken; /* a law: `error` says which; nothing is looked at any more */
    GError **error;
} Walk;

static bool broken(Walk *w, CpTid tid, const char *law)
{
    g_autofree char *name = tid == CP_NONE ? NULL : cp_sim_thread_name(w->sim, tid);
    g_autofree char *at = cp_format_time(w->now);
    g_set_error(w->error, CP_ERROR, CP_ERROR_MODEL, "%s%s%s, at %s", name ? "thread " : "",
                name ? name : "", law, at);
    w->is_broken = true;
    return false;
}

/* Between two moments: does a CPU idle while somebody waits for it? */
static bool check_conserved(Walk *w, const CpTimeline *tl)
{
    if (!w->conserving || tl->n_running == w->n_cpus || tl->n_runnable == 0) {
        return true;
    }
    for (CpTid tid = 0; tid < w->n_threads; tid++) {
        if (tl->threads[tid].state != CP_SEEN_RUNNABLE) {
            continue;
        }
        for (CpCpu cpu = 0; cpu < w->n_cpus; cpu++) {
            bool could = w->global ? cp_thread_allowed(w->sim, tid, cpu)
                                   : tl->threads[tid].cpu == cpu;
            if (cp_timeline_running(tl, cpu) == CP_NONE && could) {
                return broken(w, tid, " waits while a CPU that could run it idles");
            }
        }
    }
    return true;
}

static bool check_wakeup(Walk *w, const CpTimeline *tl, CpTid tid, bool is_new)
{
    CpSeen state = (CpSeen)tl->threads[tid].state;
    if (is_new && state != CP_SEEN_NOT) {
        return broken(w, tid, " starts twice");
    }
    if (!is_new && state != CP_SEEN_BLOCKED && state != CP_SEEN_RUNNING) {
        return broken(w, tid, " is woken although it is not blocked");
    }
    return true;
}

static bool check_switch(Walk *w, const CpTimeline *tl, const CpRecord *r)
{
    CpTid prev = cp_timeline_running(tl, r->cpu), next = r->id;
    if (prev != CP_NONE &&
        (tl->threads[prev].state != CP_SEEN_RUNNING || tl->threads[prev].cpu != r->cpu)) {
        return broken(w, prev, " leaves a CPU it was not on");
    }
    if (next == CP_NONE || next == prev) {
        return true;
    }
    if (tl->threads[next].state == CP_SEEN_RUNNING) {
        return broken(w, next, " runs on two CPUs");
    }
    if (tl->threads[next].state != CP_SEEN_RUNNABLE) {
        return broken(w, next, " runs without having been woken");
    }
    return cp_thread_allowed(w->sim, next, r->cpu) ||
           broken(w, next, " runs on a CPU outside its mask");
}

/* May this happen, as things stand? */
static void check(void *data, const CpTimeline *tl, const CpRecord *r, const CpRecord *more)
{
    (void)more; /* the laws are about threads and CPUs */
    Walk *w = data;
    CpRecordKind kind = cp_record_kind(r);
    w->now = cp_record_time(r);
    if (w->is_broken) {
        return;
    }
    if (w->now < tl->now) {
        broken(w, CP_NONE, "time goes back");
    } else if (w->now == tl->now || check_conserved(w, tl)) {
        if (kind == CP_REC_SWITCH) {
            check_switch(w, tl, r);
        } else if (kind == CP_REC_WAKEUP || kind == CP_REC_WAKEUP_NEW) {
            check_wakeup(w, tl, r->id, kind == CP_REC_WAKEUP_NEW);
        } else if (kind == CP_REC_EXIT && tl->threads[r->id].state == CP_SEEN_NOT) {
            /* It is killed while its CPU comes back: nothing of its life was seen. */
            w->life[r->id].born = w->life[r->id].until = w->now;
        }
    }
}

static void add_span(void *data, const CpSpan *span)
{
    Walk *w = data;
    Life *l = &w->life[span->thread];
    CpTime spent = span->to - span->from;
    l->run += span->state == CP_SEEN_RUNNING ? spent : 0;
    l->wait += span->state == CP_SEEN_RUNNABLE ? spent : 0;
    l->blocked += span->state == CP_SEEN_BLOCKED ? spent : 0;
    bool first_waits = l->until == 0 && span->state == CP_SEEN_BLOCKED;
    l->born = span->is_new || first_waits ? span->from : l->born;
    l->until = span->to;
}

static void add_cpu(void *data, const CpCpuSpan *span)
{
    Walk *w = data;
    w->busy[span->cpu] += span->thread != CP_NONE ? span->to - span->from : 0;
}

static int64_t metric(CpSim *sim, CpScope scope, uint32_t subject, const char *name)
{
    int64_t value;
    cp_require(cp_metric_row(scope, name, strlen(name)) != NULL);
    return cp_metric_named(sim, scope, name, subject, &value) ? value : 0;
}

/* Metrics are counted by the engine as it goes, the walk adds up records. */
static bool check_thread(Walk *w, CpTid tid)
{
    Life *l = &w->life[tid];
    CpTime run = metric(w->sim, CP_SCOPE_THREAD, tid, "cpu");
    CpTime wait = metric(w->sim, CP_SCOPE_THREAD, tid, "runq_wait");
    CpTime blocked = metric(w->sim, CP_SCOPE_THREAD, tid, "blocked");
    /* A halted CPU takes time to come back for a new thread, who is blocked meanwhile. */
    CpTime start = metric(w->sim, CP_SCOPE_THREAD, tid, "start");
    l->blocked += l->born - start;
    if (l->run + l->wait + l->blocked != l->until - start) {
        return broken(w, tid, ": run + wait + blocked is not its lifetime");
    }
    w->interrupted += l->run - run; /* interrupts are not charged to whom they hit */
    if (l->run < run || l->wait != wait || l->blocked != blocked) {
        g_autofree char *law =
            g_strdup_printf(": its metrics differ from its records (run %" G_GINT64_FORMAT
                            ", wait %" G_GINT64_FORMAT ", blocked %" G_GINT64_FORMAT
                            ", but %" G_GINT64_FORMAT ", %" G_GINT64_FORMAT
                            ", %" G_GINT64_FORMAT " in the records)",
                            run, wait, blocked, l->run, l->wait, l->blocked);
        return broken(w, tid, law);
    }
    return true;
}

static bool check_cpu(Walk *w, CpCpu cpu)
{
    CpTime busy = metric(w->sim, CP_SCOPE_CPU, cpu, "busy");
    CpTime idle = metric(w->sim, CP_SCOPE_CPU, cpu, "idle");
    CpTime overhead = metric(w->sim, CP_SCOPE_CPU, cpu, "overhead");
    CpTime irq = metric(w->sim, CP_SCOPE_CPU, cpu, "irq");
    if (busy + idle + overhead + irq != w->now) {
        return broken(w, CP_NONE, "busy + idle + overhead of a CPU is not its time");
    }
    if (busy + overhead + irq != w->busy[cpu]) {
        return broken(w, CP_NONE, "a CPU's metrics differ from its records");
    }
    w->irq += irq;
    return true;
}

/* The sums, when all records have been followed. */
static bool check_sums(Walk *w, const CpTimeline *tl)
{
    w->now = tl->now;
    for (CpTid tid = 0; tid < w->n_threads; tid++) {
        if (tl->threads[tid].state != CP_SEEN_NOT && !check_thread(w, tid)) {
            return false;
        }
    }
    for (CpCpu cpu = 0; cpu < w->n_cpus; cpu++) {
        if (!check_cpu(w, cpu)) {
            return false;
        }
    }
    return w->interrupted == w->irq ||
           broken(w, CP_NONE, "threads lost other time than interrupts took");
}

static bool walk(Walk *w, const CpRecord *records, size_t n)
{
    const CpTimelineHooks hooks = {.each = check, .span = add_span, .cpu = add_cpu};
    const CpTimelineConfig config = {.n_cpus = w->n_cpus,
                                     .n_threads = w->n_threads,
                                     .simulated = true,
                                     .hooks = &hooks,
                                     .data = w};
    CpTimeline *tl = cp_timeline_new(&config);
    for (CpCpu cpu = 0; cpu < w->n_cpus; cpu++) {
        cp_timeline_runs(tl, cpu, CP_NONE);
    }
    cp_timeline_feed(tl, records, n);
    cp_timeline_finish(tl, metric(w->sim, CP_SCOPE_RUN, 0, "makespan"));
    bool ok = !w->is_broken && check_sums(w, tl);
    cp_timeline_free(tl);
    return ok;
}

static bool is_ideal(const CpParamSet *costs)
{
    for (size_t i = 0; i < costs->n; i++) {
        if (costs->v[i] != 0 && costs->spec[i].type != CP_PARAM_TIMES) {
            return false;
        }
    }
    return true;
}

gboolean cp_conform_records(CpSim *sim, const CpRecord *records, size_t n, GError **error)
{
    const CpSimConfig *config = cp_sim_config(sim);
    uint32_t n_threads = cp_sim_n_threads(sim), n_cpus = config->machine->n_cpus;
    Walk w = {.sim = sim,
              .n_threads = n_threads,
              .n_cpus = n_cpus,
              .life = g_new0(Life, n_threads),
              .busy = g_new0(CpTime, n_cpus),
              .conserving = is_ideal(config->costs),
              .error = error};
    for (size_t i = 0; config->classes[i] != NULL; i++) {
        w.conserving &= config->classes[i]->conserving;
        w.global |= config->classes[i]->global;
    }
    bool ok = walk(&w, records, n);
    g_free(w.life);
    g_free(w.busy);
    return ok;
}

/* --- one random workload --- */

typedef struct {
    CpParamSet *machine_set, *costs;
    CpMachine *machine;
    CpWorkload *workload;
    GArray *work; /* CpTime by declaration */
} Case;

static gboolean collect(void *data, const CpRecord *records, size_t n, GError **error)
{
    (void)error; /* memory does not fail */
    g_array_append_vals(data, records, (guint)n);
    return TRUE;
}

static void case_init(Case *c, const CpConformSubject *subject, uint64_t seed)
{
    static const char *const cores[] = {"1", "2", "3", "4"};
    static const char *const hz[] = {"100", "250", "1000"};
    g_autoptr(GError) error = NULL;
    c->machine_set = cp_params_new(cp_machine_params);
    cp_params_set(c->machine_set, CP_MACHINE_CORES, cores[seed % 4], CP_FROM_SET, &error);
    cp_params_set(c->machine_set, CP_MACHINE_HZ, hz[seed / 4 % 3], CP_FROM_SET, &error);
    c->machine = cp_machine_new(c->machine_set, NULL, 0, &error);
    c->costs = cp_cost_set(seed % 3 == 2 ? "reference" : "ideal");
    cp_require(error == NULL && c->machine != NULL && c->costs != NULL);
    CpRandomPlan plan = {seed, c->machine->n_cpus, subject->kernel};
    c->workload = cp_random_workload(&plan, &c->work);
}

static void case_clear(Case *c)
{
    cp_workload_free(c->workload);
    g_array_unref(c->work);
    cp_machine_free(c->machine);
    cp_params_free(c->machine_set);
    cp_params_free(c->costs);
}

static bool all_ended(CpSim *sim, GError **error)
{
    if (cp_sim_outcome(sim) != CP_OUTCOME_DONE) {
        const GPtrArray *said = cp_sim_diagnoses(sim);
        const CpDiagnosis *first = said->len > 0 ? g_ptr_array_index(said, 0) : NULL;
        g_set_error(error, CP_ERROR, CP_ERROR_MODEL,
                    "threads are lost: the run ended with %s%s%s",
                    cp_outcome_name(cp_sim_outcome(sim)), first ? ": " : "",
                    first ? first->text : "");
        return false;
    }
    return true;
}

static bool work_done(CpSim *sim, const Case *c, GError **error)
{
    for (CpTid tid = 0; tid < cp_sim_n_threads(sim); tid++) {
        CpTime want = g_array_index(c->work, CpTime, cp_sim_thread_decl(sim, tid));
        CpTime got = metric(sim, CP_SCOPE_THREAD, tid, "cpu");
        if (got != want) {
            g_autofree char *name = cp_sim_thread_name(sim, tid);
            g_autofree char *is = cp_format_time(got), *should = cp_format_time(want);
            g_set_error(error, CP_ERROR, CP_ERROR_MODEL,
                        "thread %s got %s of CPU time, its program needs %s", name, is,
                        should);
            return false;
        }
    }
    return true;
}

/* One run; returns its records, or NULL. */
static GArray *run_case(const CpConformSubject *subject, const Case *c, uint64_t seed,
                        bool exact_ticks, GError **error)
{
    g_autoptr(GArray) records = g_array_new(FALSE, FALSE, sizeof(CpRecord));
    CpSink sink = {collect, records};
    CpSimConfig config = {.machine = c->machine,
                          .classes = subject->classes,
                          .class_params = subject->params,
                          .runtimes = cp_runtime_classes(),
                          .costs = c->costs,
                          .workload = c->workload,
                          .seed = seed,
                          .until = CP_NEVER,
                          .max_events = 10000000,
                          .max_wall = 20 * CP_S,
                          .exact_ticks = exact_ticks,
                          .sink = &sink,
                          .filter = {.drop_kinds = (uint64_t)1 << CP_REC_RUNTIME}};
    CpSim *sim = cp_sim_new(&config, error);
    if (sim == NULL) {
        return NULL;
    }
    GArray *out = NULL;
    if (cp_sim_run(sim, error) != CP_OUTCOME_ERROR && all_ended(sim, error) &&
        cp_conform_records(sim, (const CpRecord *)(void *)records->data, records->len,
                           error) &&
        (!is_ideal(c->costs) || work_done(sim, c, error))) {
        out = g_steal_pointer(&records);
    }
    cp_sim_free(sim);
    return out;
}

/* The first difference between two runs, if there is one. */
static bool same(const GArray *a, const GArray *b, const char *how, GError **error)
{
    guint i = 0, n = MIN(a->len, b->len);
    while (i < n && memcmp(&g_array_index(a, CpRecord, i), &g_array_index(b, CpRecord, i),
                           sizeof(CpRecord)) == 0) {
        i++;
    }
    if (i == n && a->len == b->len) {
        return true;
    }
    const CpRecord *r = &g_array_index(a->len > i ? a : b, CpRecord, i);
    const CpRecord *q = &g_array_index(b->len > i ? b : a, CpRecord, i);
    g_autofree char *at = cp_format_time(cp_record_time(r));
    g_autofree char *other = cp_format_time(cp_record_time(q));
    g_set_error(error, CP_ERROR, CP_ERROR_MODEL,
                "%s: record %u is %s of %u on cpu %u at %s, and %s of %u on cpu %u at %s",
                how, i, cp_record_info(cp_record_kind(r))->name, r->id, r->cpu, at,
                cp_record_info(cp_record_kind(q))->name, q->id, q->cpu, other);
    return false;
}

gboolean cp_conform_check(const CpConformSubject *subject, uint64_t seed, GError **error)
{
    Case c;
    GArray *runs[3] = {NULL};
    bool ok = true;
    case_init(&c, subject, seed);
    for (size_t i = 0; i < 3 && ok; i++) {
        runs[i] = run_case(subject, &c, seed, i == 2, error);
        ok = runs[i] != NULL;
    }
    ok = ok && same(runs[0], runs[1], "two runs of the same seed differ", error) &&
         same(runs[0], runs[2], "running every tick changes what happens", error);
    for (size_t i = 0; i < 3; i++) {
        if (runs[i] != NULL) {
            g_array_unref(runs[i]);
        }
    }
    case_clear(&c);
    if (!ok) {
        g_prefix_error(error, "random workload %" G_GUINT64_FORMAT ": ", seed);
    }
    return ok;
}

/* --- a profile --- */

static gboolean set_all(const CpProfile *profile, CpParamSet **params,
                        const char *const *settings, GError **error)
{
    for (const char *const *s = settings; s != NULL && *s != NULL; s += 2) {
        int row;
        CpParamSet *set = cp_class_params_find(profile->classes, params, s[0], &row);
        if (set == NULL) {
            g_set_error(error, CP_ERROR, CP_ERROR_USAGE, "no class of %s knows %s",
                        profile->name, s[0]);
        }
        if (set == NULL || !cp_params_set(set, row, s[1], CP_FROM_SET, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

gboolean cp_conform_profile(const CpProfile *profile, const char *const *settings,
                            uint64_t seed, GError **error)
{
    CpParamSet **params = cp_profile_params(profile);
    CpConformSubject subject = {profile->classes, (const CpParamSet *const *)params,
                                profile->kernel};
    gboolean ok = set_all(profile, params, settings, error) &&
                  cp_conform_check(&subject, seed, error);
    cp_class_params_free(profile->classes, params);
    return ok;
}
