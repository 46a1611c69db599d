#include "sweeps/recording-line.h"

#include "lang/json-writer.h"
#include "traces/measure.h"

/* Which figures a recording has for a query. */

static void add_metrics(CpJson *json, const CpMeasure *m)
{
    const struct {
        const char *key;
        int64_t value;
    } rows[] = {{"makespan_ns", m->last - m->first},
                {"cpu_ns", m->cpu},
                {"switches", (int64_t)m->switches},
                {"switches_voluntary", (int64_t)m->voluntary},
                {"switches_involuntary", (int64_t)m->involuntary},
                {"migrations", (int64_t)m->migrations},
                {"wakeups", (int64_t)m->wakeups},
                {"wakeup_latency_p50_ns", m->wakeup_p50},
                {"wakeup_latency_p99_ns", m->wakeup_p99},
                {"runq_wait_ns", m->run_wait},
                {"blocked_ns", m->blocked},
                {"blocked_on_threads_ns", m->blocked_on_threads},
                {"blocked_outside_ns", m->blocked - m->blocked_on_threads},
                {"lock_wait_ns", m->lock_wait},
                {"gil_wait_ns", m->gil_wait}};
    cp_json_open(json, "metrics", '{');
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        cp_json_int(json, rows[i].key, rows[i].value);
    }
    cp_json_close(json, '}');
}

static char *measured(CpCpr *cpr, const char *path, GError **error)
{
    CpMeasure m;
    if (!cp_measure(cpr, NULL, &m, error)) {
        return NULL;
    }
    CpJson *json = cp_json_new();
    cp_json_open(json, NULL, '{');
    cp_json_text(json, "coreplay", PACKAGE_VERSION);
    cp_json_open(json, "workload", '{');
    cp_json_text(json, "name", cp_cpr_text(cpr, cp_cpr_info(cpr)->source));
    cp_json_text(json, "file", path);
    cp_json_close(json, '}');
    cp_json_text(json, "outcome", "recorded");
    add_metrics(json, &m);
    cp_json_close(json, '}');
    return cp_json_free(json);
}

char *cp_recording_line(const char *path, GError **error)
{
    CpCpr *cpr = cp_cpr_open(path, error);
    if (cpr == NULL) {
        return NULL;
    }
    const char *result = cp_cpr_text(cpr, cp_cpr_info(cpr)->metrics);
    char *line = *result != '\0' ? g_strdup(result) : measured(cpr, path, error);
    cp_cpr_free(cpr);
    return line != NULL ? g_strstrip(line) : NULL;
}
