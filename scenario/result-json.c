#include "scenario/result-json.h"

#include "models/registry.h"
#include "scenario/run-names.h"

#include <string.h>

/* What the JSON of a run holds, and under which keys. */

typedef struct {
    const CpScenario *scenario;
    CpSim *sim;          /* after its run */
    const CpRunLog *log; /* NULL: none was kept */
    const char *file;
} Run;

CpJson *cp_result_json_new(void)
{
    CpJson *json = cp_json_new();
    cp_json_open(json, NULL, '{');
    cp_json_text(json, "coreplay", PACKAGE_VERSION);
    cp_json_int(json, "schema", CP_JSON_SCHEMA);
    return json;
}

static void json_value(CpJson *json, const char *key, CpUnit unit, bool known,
                       int64_t value)
{
    if (!known) {
        cp_json_null(json, key);
    } else {
        cp_json_decimal(json, key, value, cp_units[unit].decimals);
    }
}

/* New: the keys of a scope's metrics, in their order. */
static char **metric_keys(CpScope scope)
{
    GPtrArray *keys = g_ptr_array_new();
    for (const CpMetric *const *m = cp_metrics(scope); *m != NULL; m++) {
        g_ptr_array_add(keys, cp_metric_key((*m)->name, (*m)->unit));
    }
    g_ptr_array_add(keys, NULL);
    return (char **)g_ptr_array_free(keys, FALSE);
}

static void json_metrics(const Run *r, CpJson *json, CpScope scope, uint32_t subject,
                         char *const *keys)
{
    for (const CpMetric *const *m = cp_metrics(scope); *m != NULL; m++, keys++) {
        int64_t value = 0;
        bool known = cp_metric_value(r->sim, *m, subject, &value);
        json_value(json, *keys, (*m)->unit, known, value);
    }
}

/* The parts of one histogram; those of `latency` stand in every result, so that readers
 * need not ask. */
static void json_parts(const Run *r, CpJson *json, const char *name)
{
    for (const CpHistPart *part = cp_hist_parts; part->name != NULL; part++) {
        g_autofree char *dotted = g_strdup_printf("%s.%s", name, part->name);
        g_autofree char *key = cp_metric_key(dotted, part->unit);
        int64_t value = 0;
        CpUnit unit;
        if (part->in_result) {
            bool known = cp_metric_find(r->sim, dotted, &value, &unit);
            json_value(json, key, part->unit, known, value);
        }
    }
}

static void json_histograms(const Run *r, CpJson *json)
{
    const CpWorkload *w = r->scenario->workload;
    bool has_latency = false;
    for (unsigned i = 0; i < w->hists->len; i++) {
        const char *name = cp_workload_text(w, g_array_index(w->hists, uint32_t, i));
        json_parts(r, json, name);
        has_latency = has_latency || strcmp(name, "latency") == 0;
    }
    if (!has_latency) {
        json_parts(r, json, "latency");
    }
}

static void json_vars(const Run *r, CpJson *json)
{
    const CpWorkload *w = r->scenario->workload;
    for (unsigned i = 0; i < w->vars->len; i++) {
        const CpVarDecl *var = &g_array_index(w->vars, CpVarDecl, i);
        g_autofree char *dotted = g_strdup_printf("var.%s", cp_workload_text(w, var->name));
        int64_t value = 0;
        CpUnit unit = CP_UNIT_NUMBER;
        bool known = cp_metric_find(r->sim, dotted, &value, &unit);
        g_autofree char *key = cp_metric_key(dotted, unit);
        json_value(json, key, unit, known, value);
    }
}

static void json_threads(const Run *r, CpJson *json)
{
    const CpWorkload *w = r->scenario->workload;
    g_auto(GStrv) keys = metric_keys(CP_SCOPE_THREAD);
    cp_json_open(json, "threads", '[');
    for (uint32_t tid = 0; tid < cp_sim_n_threads(r->sim); tid++) {
        g_autofree char *name = cp_sim_thread_name(r->sim, tid);
        CpThreadDecl *decl = cp_thread_decl(w, cp_sim_thread_decl(r->sim, tid));
        cp_json_open(json, NULL, '{');
        cp_json_text(json, "name", name);
        cp_json_text(json, "process",
                     cp_workload_text(w, cp_proc_decl(w, decl->proc)->name));
        cp_json_int(json, "pid", cp_sim_pid(r->sim, tid));
        json_metrics(r, json, CP_SCOPE_THREAD, tid, keys);
        cp_json_close(json, '}');
    }
    cp_json_close(json, ']');
}

static void json_cpus(const Run *r, CpJson *json)
{
    g_auto(GStrv) keys = metric_keys(CP_SCOPE_CPU);
    cp_json_open(json, "cpus", '[');
    for (uint32_t cpu = 0; cpu < cp_metric_subjects(r->sim, CP_SCOPE_CPU); cpu++) {
        cp_json_open(json, NULL, '{');
        cp_json_int(json, "cpu", cpu);
        json_metrics(r, json, CP_SCOPE_CPU, cpu, keys);
        cp_json_close(json, '}');
    }
    cp_json_close(json, ']');
}

static void json_named(const Run *r, CpJson *json, CpScope scope)
{
    const CpWorkload *w = r->scenario->workload;
    bool is_group = scope == CP_SCOPE_GROUP;
    g_auto(GStrv) keys = metric_keys(scope);
    cp_json_open(json, is_group ? "cgroups" : "objects", '[');
    /* Group 0 is the root: everything, which `metrics` says already. */
    for (uint32_t i = is_group; i < cp_metric_subjects(r->sim, scope); i++) {
        uint32_t name = is_group ? cp_group_decl(w, i)->name : cp_obj_decl(w, i)->name;
        cp_json_open(json, NULL, '{');
        cp_json_text(json, "name", cp_workload_text(w, name));
        json_metrics(r, json, scope, i, keys);
        cp_json_close(json, '}');
    }
    cp_json_close(json, ']');
}

static unsigned json_expects(const Run *r, CpJson *json)
{
    const GPtrArray *expects = r->scenario->expects;
    unsigned n_failed = 0;
    cp_json_open(json, "expects", '[');
    for (unsigned i = 0; i < expects->len; i++) {
        const CpExpect *expect = expects->pdata[i];
        g_autofree char *measured = NULL;
        CpVerdict verdict = cp_expect_check(r->scenario, expect, r->sim, r->log, &measured);
        cp_json_open(json, NULL, '{');
        cp_json_text(json, "text", expect->text);
        cp_json_text(json, "measured", measured);
        if (verdict == CP_EXPECT_NOT_JUDGED) {
            cp_json_null(json, "ok");
        } else {
            cp_json_bool(json, "ok", verdict == CP_EXPECT_OK);
        }
        cp_json_int(json, "line", expect->line);
        cp_json_close(json, '}');
        n_failed += verdict == CP_EXPECT_FAILED;
    }
    cp_json_close(json, ']');
    return n_failed;
}

static void json_diagnoses(const Run *r, CpJson *json)
{
    const GPtrArray *diagnoses = cp_sim_diagnoses(r->sim);
    cp_json_open(json, "diagnoses", '[');
    for (unsigned i = 0; i < diagnoses->len; i++) {
        const CpDiagnosis *d = diagnoses->pdata[i];
        cp_json_open(json, NULL, '{');
        cp_json_text(json, "kind", d->kind);
        cp_json_int(json, "at_ns", d->at);
        cp_json_text(json, "text", d->text);
        cp_json_open(json, "threads", '[');
        for (unsigned t = 0; t < d->threads->len; t++) {
            g_autofree char *name =
                cp_sim_thread_name(r->sim, g_array_index(d->threads, CpTid, t));
            cp_json_text(json, NULL, name);
        }
        cp_json_close(json, ']');
        cp_json_close(json, '}');
    }
    cp_json_close(json, ']');
}

/* --- what the run tells --- */

static void json_thread(const Run *r, CpJson *json, CpTid tid)
{
    if (tid == CP_NONE) {
        cp_json_null(json, "thread");
        cp_json_null(json, "pid");
        return;
    }
    g_autofree char *name = cp_sim_thread_name(r->sim, tid);
    cp_json_text(json, "thread", name);
    cp_json_int(json, "pid", cp_sim_pid(r->sim, tid));
}

static void json_moment(CpJson *json, const char *key, CpTime at)
{
    if (at == CP_NEVER) {
        cp_json_null(json, key);
    } else {
        cp_json_int(json, key, at);
    }
}

static void json_output(const Run *r, CpJson *json)
{
    cp_json_open(json, "output", '[');
    for (unsigned i = 0; i < cp_run_log_n_lines(r->log); i++) {
        const CpLogEntry *line = cp_run_log_line(r->log, i);
        g_autofree char *text = cp_run_log_text(r->log, r->sim, i);
        g_autofree char *task =
            line->task != 0 ? cp_run_log_task_name(r->log, line->task) : NULL;
        cp_json_open(json, NULL, '{');
        cp_json_int(json, "at_ns", line->at);
        json_thread(r, json, line->tid);
        if (task != NULL) {
            cp_json_text(json, "task", task);
        } else {
            cp_json_null(json, "task");
        }
        cp_json_text(json, "text", text);
        cp_json_close(json, '}');
    }
    cp_json_close(json, ']');
    cp_json_int(json, "output_more", (int64_t)cp_run_log_more_lines(r->log));
}

static void json_tasks(const Run *r, CpJson *json)
{
    cp_json_open(json, "tasks", '[');
    for (unsigned i = 0; i < cp_run_log_n_tasks(r->log); i++) {
        const CpLogTask *task = cp_run_log_task(r->log, i);
        g_autofree char *name = cp_run_log_task_name(r->log, task->label);
        cp_json_open(json, NULL, '{');
        cp_json_text(json, "name", name);
        json_thread(r, json, task->tid);
        cp_json_int(json, "created_ns", task->created);
        json_moment(json, "start_ns", task->started);
        json_moment(json, "end_ns", task->ended);
        cp_json_text(json, "state", cp_log_task_state(task));
        cp_json_int(json, "order", task->order);
        cp_json_close(json, '}');
    }
    cp_json_close(json, ']');
    cp_json_int(json, "tasks_more", (int64_t)cp_run_log_more_tasks(r->log));
}

static void json_history(const Run *r, CpJson *json)
{
    const CpWorkload *w = r->scenario->workload;
    uint32_t var = cp_run_log_var(r->log);
    if (var == CP_NONE) {
        return;
    }
    cp_json_open(json, "history", '{');
    cp_json_text(json, "var",
                 cp_workload_text(w, g_array_index(w->vars, CpVarDecl, var).name));
    cp_json_open(json, "values", '[');
    for (unsigned i = 0; i < cp_run_log_n_values(r->log); i++) {
        const CpLogEntry *entry = cp_run_log_value(r->log, i);
        cp_json_open(json, NULL, '{');
        cp_json_int(json, "at_ns", entry->at);
        json_thread(r, json, entry->tid);
        cp_json_int(json, "value", entry->value);
        cp_json_close(json, '}');
    }
    cp_json_close(json, ']');
    cp_json_int(json, "more", (int64_t)cp_run_log_more_values(r->log));
    cp_json_close(json, '}');
}

static void json_setting(const CpSettingInForce *setting, void *json)
{
    cp_json_text(json, setting->key, setting->value);
}

static void json_workload(const Run *r, CpJson *json)
{
    const CpScenario *s = r->scenario;
    cp_json_open(json, "workload", '{');
    g_autofree char *name = cp_run_workload_name(s, r->file);
    cp_json_text(json, "name", name);
    cp_json_text(json, "file", r->file);
    cp_json_text(json, "hash", s->hash);
    cp_json_open(json, "params", '{');
    for (unsigned i = 0; i < s->params->len; i++) {
        const CpWorkloadParam *p = s->params->pdata[i];
        cp_json_text(json, p->name, p->value);
    }
    cp_json_close(json, '}');
    cp_json_close(json, '}');
}

unsigned cp_result_json(const CpScenario *scenario, CpSim *sim, const CpRunLog *log,
                        const char *file, GString *out)
{
    const Run run = {scenario, sim, log, file}, *r = &run;
    g_auto(GStrv) keys = metric_keys(CP_SCOPE_RUN);
    CpJson *json = cp_result_json_new();
    json_workload(r, json);
    cp_json_int(json, "seed", (int64_t)cp_sim_config(r->sim)->seed);
    cp_json_text(json, "outcome", cp_outcome_name(cp_sim_outcome(sim)));
    cp_json_open(json, "settings", '{');
    cp_scenario_each_setting(r->scenario, json_setting, json);
    cp_json_close(json, '}');
    cp_json_open(json, "metrics", '{');
    json_metrics(r, json, CP_SCOPE_RUN, 0, keys);
    json_histograms(r, json);
    json_vars(r, json);
    cp_json_close(json, '}');
    json_threads(r, json);
    json_cpus(r, json);
    json_named(r, json, CP_SCOPE_GROUP);
    json_named(r, json, CP_SCOPE_OBJECT);
    unsigned n_failed = json_expects(r, json);
    json_diagnoses(r, json);
    if (log != NULL) {
        json_output(r, json);
        json_tasks(r, json);
        json_history(r, json);
    }
    cp_json_close(json, '}');
    g_autofree char *text = cp_json_free(json);
    g_string_append(out, text);
    g_string_append_c(out, '\n');
    return n_failed;
}

void cp_result_json_error(const char *file, const char *errors, GString *out)
{
    CpJson *json = cp_result_json_new();
    cp_json_open(json, "workload", '{');
    cp_json_text(json, "file", file);
    cp_json_close(json, '}');
    cp_json_text(json, "outcome", "error");
    cp_json_raw(json, "errors", errors);
    cp_json_close(json, '}');
    g_autofree char *text = cp_json_free(json);
    g_string_append(out, text);
    g_string_append_c(out, '\n');
}
