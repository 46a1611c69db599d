#include "scenario/warmup.h"

#include "sim/error.h"
#include "sim/params.h"
#include "sim/timeline.h"

#include <inttypes.h>
#include <string.h>

/* How long a run warms up, decided by a pilot run. */

enum {
    BATCH = 5,         /* observations a mean, as the rule's name says */
    MEANS_MAX = 32768, /* beyond that, means are joined in twos */
    MEANS_MIN = 10,    /* fewer say nothing */
    EDGE = 20,         /* a cut that near to the half, as a part of all, is at it */
};

/* What a pilot run lets be seen. */
typedef struct {
    uint32_t hist;  /* response times of this histogram; CP_NONE: wake-up latencies */
    GArray *means;  /* double */
    GArray *ends;   /* CpTime: when the last observation of a mean was made */
    double sum;     /* of the mean being made */
    uint32_t n;     /* observations in it */
    uint32_t batch; /* observations a mean has now */
    uint64_t seen;  /* observations in all */
} Pilot;

bool cp_warmup_is_auto(const CpScenario *scenario)
{
    return scenario->run->v[CP_RUN_WARMUP] == CP_WARMUP_AUTO;
}

/* --- the rule --- */

int64_t cp_warmup_mser(const double *values, size_t n)
{
    size_t best = 0;
    double least = -1, sum = 0, squares = 0;
    for (size_t i = n; i-- > 0;) {
        /* Against the last value: equal values then have no variance at all. */
        double x = values[i] - values[n - 1];
        double m = (double)(n - i);
        sum += x;
        squares += x * x;
        double error = (squares - sum * sum / m) / (m * m);
        if (i <= n / 2 && (least < 0 || error <= least)) {
            least = MAX(error, 0);
            best = i;
        }
    }
    return best + n / EDGE >= n / 2 ? -1 : (int64_t)best;
}

/* --- the pilot run --- */

/* Halves the number of means, so that memory does not grow with the run. */
static void join_means(Pilot *p)
{
    double *means = (double *)(void *)p->means->data;
    CpTime *ends = (CpTime *)(void *)p->ends->data;
    for (guint i = 0; i < p->means->len / 2; i++) {
        means[i] = (means[2 * i] + means[2 * i + 1]) / 2;
        ends[i] = ends[2 * i + 1];
    }
    g_array_set_size(p->means, p->means->len / 2);
    g_array_set_size(p->ends, p->ends->len / 2);
    p->batch *= 2;
}

static void observe(Pilot *p, CpTime at, int64_t value)
{
    p->seen++;
    p->sum += (double)value;
    if (++p->n < p->batch) {
        return;
    }
    double mean = p->sum / p->batch;
    g_array_append_val(p->means, mean);
    g_array_append_val(p->ends, at);
    p->sum = 0;
    p->n = 0;
    if (p->means->len >= MEANS_MAX) {
        join_means(p);
    }
}

/* Latencies of wake-ups, from enqueued to running. */
static void observe_wakeup(void *data, const CpSpan *span)
{
    if (span->state == CP_SEEN_RUNNABLE && span->woken && !span->is_new &&
        span->end == CP_END_RUNS) {
        observe(data, span->to, span->to - span->since);
    }
}

static void observe_response(void *data, const CpMoment *response)
{
    Pilot *p = data;
    if (response->id == p->hist) {
        observe(p, response->at, response->value);
    }
}

static gboolean watch(void *data, const CpRecord *records, size_t n, GError **error)
{
    (void)error; /* nothing is written that could fail */
    cp_timeline_feed(data, records, n);
    return TRUE;
}

static uint32_t watched_hist(const CpWorkload *w)
{
    for (uint32_t i = 0; i < w->hists->len; i++) {
        const char *name = cp_workload_text(w, g_array_index(w->hists, uint32_t, i));
        if (strcmp(name, "latency") == 0) {
            return i;
        }
    }
    return w->hists->len > 0 ? 0 : CP_NONE;
}

static gboolean run_pilot(Pilot *p, CpSimConfig config, CpOutcome *outcome, GError **error)
{
    bool wakeups = p->hist == CP_NONE;
    uint64_t kinds = wakeups
                         ? UINT64_C(1) << CP_REC_WAKEUP | UINT64_C(1) << CP_REC_WAKEUP_NEW |
                               UINT64_C(1) << CP_REC_SWITCH
                         : UINT64_C(1) << CP_REC_RESPOND;
    const CpTimelineHooks hooks = {.span = wakeups ? observe_wakeup : NULL,
                                   .respond = wakeups ? NULL : observe_response};
    const CpTimelineConfig follow = {.simulated = true, .hooks = &hooks, .data = p};
    CpTimeline *tl = cp_timeline_new(&follow);
    const CpSink sink = {watch, tl};
    config.sink = &sink;
    config.filter = (CpRecordFilter){.drop_kinds = ~kinds};
    CpSim *sim = cp_sim_new(&config, error);
    *outcome = sim != NULL ? cp_sim_run(sim, error) : CP_OUTCOME_ERROR;
    cp_sim_free(sim);
    cp_timeline_free(tl);
    return *outcome != CP_OUTCOME_ERROR;
}

/* The moment from which the means are steady. */
static gboolean cut(const Pilot *p, CpTime *warmup, GError **error)
{
    const char *what = p->hist == CP_NONE ? "wake-ups" : "response times";
    if (p->means->len < MEANS_MIN) {
        g_set_error(error, CP_ERROR, CP_ERROR_MODEL,
                    "warmup auto: %" PRIu64 " %s in the pilot run, at least %d are needed; "
                    "make the run longer or give the warm-up as a time",
                    p->seen, what, BATCH * MEANS_MIN);
        return FALSE;
    }
    const double *means = (const double *)(const void *)p->means->data;
    int64_t dropped = cp_warmup_mser(means, p->means->len);
    if (dropped < 0) {
        g_set_error(
            error, CP_ERROR, CP_ERROR_MODEL,
            "warmup auto: the pilot run was not steady: its %s still changed in the "
            "second half; make the run longer, the load less, or give the warm-up "
            "as a time",
            what);
        return FALSE;
    }
    *warmup = dropped == 0 ? 0 : g_array_index(p->ends, CpTime, dropped - 1);
    return TRUE;
}

static gboolean find(const CpScenario *s, CpSimConfig *config, GError **error)
{
    Pilot p = {.hist = watched_hist(s->workload), .batch = BATCH};
    p.means = g_array_new(FALSE, FALSE, sizeof(double));
    p.ends = g_array_new(FALSE, FALSE, sizeof(CpTime));
    CpOutcome outcome;
    gboolean ok = run_pilot(&p, *config, &outcome, error);
    /* A run that is stopped is so without a warm-up too, and says it by itself. */
    if (ok && (outcome == CP_OUTCOME_DONE || outcome == CP_OUTCOME_UNTIL)) {
        ok = cut(&p, &config->warmup, error);
    }
    g_array_unref(p.means);
    g_array_unref(p.ends);
    return ok;
}

gboolean cp_warmup_resolve(const CpScenario *s, CpSimConfig *config, GError **error)
{
    if (cp_warmup_is_auto(s)) {
        return find(s, config, error);
    }
    if (config->warmup > 0 && config->warmup >= config->until) {
        g_autofree char *warmup = cp_format_time(config->warmup);
        g_autofree char *until = cp_format_time(config->until);
        g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                    "the warm-up of %s does not end before the run, which ends at %s",
                    warmup, until);
        return FALSE;
    }
    return TRUE;
}
