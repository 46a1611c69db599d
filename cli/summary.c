#include "cli/summary.h"

#include "cli/columns.h"
#include "cli/fold.h"
#include "cli/waits.h"
#include "scenario/run-names.h"
#include "scenario/warmup.h"

#include <string.h>

/* What of a run people are shown: two lines about all of it, its histograms, a row for each
 * thread, its expects. */

/* --- metrics --- */

/* Value of a metric by name; false if the run does not define it. */
static bool metric(const CpResult *r, CpScope scope, uint32_t subject, const char *name,
                   int64_t *value)
{
    return cp_metric_named(r->sim, scope, name, subject, value);
}

static int64_t run_metric(const CpResult *r, const char *name)
{
    int64_t value = 0;
    return metric(r, CP_SCOPE_RUN, 0, name, &value) ? value : 0;
}

/* New text for a table cell: "-" if undefined, "0" for nothing. */
static char *time_cell(const CpResult *r, uint32_t tid, const char *name)
{
    int64_t value = 0;
    if (!metric(r, CP_SCOPE_THREAD, tid, name, &value)) {
        return g_strdup("-");
    }
    return value == 0 ? g_strdup("0") : cp_format_time_human(value);
}

/* --- the summary --- */

/* The slice or quantum in force, the one figure that says most; new text or NULL. */
static char *slice_text(const CpScenario *s)
{
    CpTime slice = 0;
    for (size_t i = 0; s->classes[i] != NULL && slice == 0; i++) {
        const CpPolicyClass *cls = s->classes[i];
        slice = cls->slice != NULL ? cls->slice(s->class_params[i], s->machine->n_cpus) : 0;
    }
    return slice > 0 ? cp_format_time_human(slice) : NULL;
}

static char *machine_text(const CpScenario *s)
{
    const CpMachine *m = s->machine;
    GString *out = g_string_new(NULL);
    g_string_append_printf(out, "%u core%s", m->n_cores, m->n_cores == 1 ? "" : "s");
    if (m->smt > 1) {
        g_string_append_printf(out, " x %u", m->smt);
    }
    g_autofree char *slice = slice_text(s);
    g_string_append_printf(out, ", %s%s%s, hz %" G_GINT64_FORMAT, s->policy,
                           slice ? " " : "", slice ? slice : "", CP_S / m->tick);
    return g_string_free(out, FALSE);
}

static char *workload_title(const CpResult *r)
{
    const CpScenario *s = r->scenario;
    GString *out = g_string_new(NULL);
    g_autofree char *name = cp_run_workload_name(r->scenario, r->file);
    g_string_append(out, name);
    for (unsigned i = 0; i < s->params->len && i < 3; i++) {
        const CpWorkloadParam *p = s->params->pdata[i];
        g_autofree char *value = cp_clean_text(p->value, -1);
        if (strlen(value) <= 16) {
            g_string_append_printf(out, ", %s %s", p->name, value);
        }
    }
    return g_string_free(out, FALSE);
}

static void append_head(const CpResult *r, GString *out)
{
    g_autofree char *title = workload_title(r);
    g_autofree char *machine = machine_text(r->scenario);
    const CpSimConfig *config = cp_sim_config(r->sim);
    g_string_append_printf(out,
                           "workload  %-23s  machine  %-36s  seed %" G_GUINT64_FORMAT "\n",
                           title, machine, config->seed);
    if (r->scenario->kernel_said != NULL) {
        g_string_append_printf(out, "kernel    %s\n", r->scenario->kernel_said);
    }
    g_autofree char *makespan = cp_format_time_human(run_metric(r, "makespan"));
    g_autofree char *cpu = cp_format_time_human(run_metric(r, "cpu"));
    int64_t all = run_metric(r, "switches");
    int64_t vol = run_metric(r, "switches_voluntary");
    int64_t invol = run_metric(r, "switches_involuntary");
    g_string_append_printf(
        out,
        "makespan  %s    cpu %s    busy %.1f %%    switches %" G_GINT64_FORMAT
        " (%" G_GINT64_FORMAT " vol, %" G_GINT64_FORMAT " invol, %" G_GINT64_FORMAT
        " idle)   migrations %" G_GINT64_FORMAT "\n",
        makespan, cpu, (double)run_metric(r, "busy_share") / 1e4, all, vol, invol,
        all - vol - invol, run_metric(r, "migrations"));
    if (config->warmup > 0) {
        g_autofree char *from = cp_format_time_human(run_metric(r, "warmup"));
        g_string_append_printf(out, "counted   from %s to the end (warm-up)\n", from);
    } else if (cp_warmup_is_auto(r->scenario)) {
        g_string_append(out, "counted   from the start: no warm-up is needed\n");
    }
    if (r->outcome != CP_OUTCOME_DONE) {
        g_string_append_printf(out, "outcome   %s%s\n", cp_outcome_name(r->outcome),
                               r->outcome == CP_OUTCOME_UNTIL
                                   ? ""
                                   : ": partial, the figures end where the run did");
    }
}

/* Figures of a runtime, where the run has them: "gil  12 takes, 3 switches, ..." */
static void append_runtime(const CpResult *r, GString *out)
{
    static const struct {
        const char *head, *metric, *words;
        bool is_time;
    } rows[] = {
        {"gil      ", "gil_acquisitions", "takes", false},
        {NULL, "gil_switches", "by another thread than the last", false},
        {NULL, "gil_forced", "asked for", false},
        {NULL, "gil_wait", "waited in all", true},
        {NULL, "gil_wait.max", "at most", true},
        {"loop     ", "loop_iterations", "iterations", false},
        {NULL, "loop_lag.p99", "lag p99", true},
        {NULL, "loop_lag.max", "lag max", true},
        {NULL, "loop_blocked.max", "longest step", true},
    };
    bool shown = false;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        int64_t value = 0;
        bool known = metric(r, CP_SCOPE_RUN, 0, rows[i].metric, &value);
        if (rows[i].head != NULL) {
            g_string_append(out, shown ? "\n" : "");
            shown = known && value > 0;
            if (shown) {
                g_string_append_printf(out, "%s", rows[i].head);
            }
        }
        if (shown && known) {
            g_autofree char *text = rows[i].is_time && value > 0
                                        ? cp_format_time_human(value)
                                        : g_strdup_printf("%" G_GINT64_FORMAT, value);
            g_string_append_printf(out, "%s%s %s", rows[i].head != NULL ? " " : "   ", text,
                                   rows[i].words);
        }
    }
    g_string_append(out, shown ? "\n" : "");
}

static void append_histograms(const CpResult *r, GString *out)
{
    static const char *const heads[] = {"mean", "p50", "p99", "p99.9", "max"};
    const CpWorkload *w = r->scenario->workload;
    g_autoptr(CpColumns) table = cp_columns_new("lrrrrrr");
    cp_columns_cell(table, "histogram");
    cp_columns_cell(table, "n");
    for (size_t i = 0; i < G_N_ELEMENTS(heads); i++) {
        cp_columns_cell(table, heads[i]);
    }
    for (unsigned i = 0; i < w->hists->len; i++) {
        const CpHist *h = cp_sim_hist(r->sim, i);
        const int64_t values[] = {cp_hist_mean(h), cp_hist_quantile(h, 500000),
                                  cp_hist_quantile(h, 990000), cp_hist_quantile(h, 999000),
                                  h->max};
        cp_columns_cell(table, cp_workload_text(w, g_array_index(w->hists, uint32_t, i)));
        cp_columns_cellf(table, "%" G_GUINT64_FORMAT, h->n);
        for (size_t k = 0; k < G_N_ELEMENTS(values); k++) {
            g_autofree char *text =
                h->n > 0 ? cp_format_time_human(values[k]) : g_strdup("-");
            cp_columns_cell(table, text);
        }
    }
    if (w->hists->len > 0) {
        g_string_append_c(out, '\n');
        cp_columns_print(table, out);
    }
}

static void thread_row(const CpResult *r, CpColumns *table, uint32_t tid)
{
    static const char *const before[] = {"start", "end", "cpu", "runq_wait", "blocked"};
    for (size_t i = 0; i < G_N_ELEMENTS(before); i++) {
        g_autofree char *cell = time_cell(r, tid, before[i]);
        cp_columns_cell(table, cell);
    }
    g_autofree char *p50 = time_cell(r, tid, "wakeup_latency.p50");
    g_autofree char *p99 = time_cell(r, tid, "wakeup_latency.p99");
    g_autofree char *on = cp_waits_cell(r->sim, tid);
    int64_t vol = 0;
    int64_t invol = 0;
    metric(r, CP_SCOPE_THREAD, tid, "switches_voluntary", &vol);
    metric(r, CP_SCOPE_THREAD, tid, "switches_involuntary", &invol);
    cp_columns_cell(table, on);
    cp_columns_cellf(table, "%s / %s", p50, p99);
    cp_columns_cellf(table, "%" G_GINT64_FORMAT, vol + invol);
}

static const char *const teaching[] = {"arrival",  "end",     "cpu",
                                       "response", "waiting", "turnaround"};

static void teaching_row(const CpResult *r, CpColumns *table, uint32_t tid)
{
    for (size_t i = 0; i < G_N_ELEMENTS(teaching); i++) {
        g_autofree char *cell = time_cell(r, tid, teaching[i]);
        cp_columns_cell(table, cell);
    }
}

/* The last row of the teaching table. */
static void averages_row(const CpResult *r, CpColumns *table)
{
    static const char *const means[] = {
        NULL, NULL, NULL, "response.mean", "waiting.mean", "turnaround.mean"};
    cp_columns_cell(table, "average");
    for (size_t i = 0; i < G_N_ELEMENTS(means); i++) {
        int64_t value = 0;
        bool known = means[i] != NULL && metric(r, CP_SCOPE_RUN, 0, means[i], &value);
        g_autofree char *text = known ? cp_format_time_human(value) : g_strdup("");
        cp_columns_cell(table, known && value == 0 ? "0" : text);
    }
}

/* Whether there is more than one process, a spawned one or a declared one. */
static bool has_pids(const CpResult *r)
{
    uint32_t n = cp_sim_n_threads(r->sim);
    for (uint32_t tid = 1; tid < n; tid++) {
        if (cp_sim_pid(r->sim, tid) != cp_sim_pid(r->sim, 0)) {
            return true;
        }
    }
    return false;
}

static CpColumns *thread_table(const CpResult *r)
{
    static const char *const usual[] = {
        "start", "end", "cpu", "waiting", "blocked", "on", "wake-up p50/p99", "switches"};
    /* The widths of a small run, so that the columns of most runs stand where they stood.
     */
    static const unsigned widths[] = {10, 6, 9, 7, 8, 8, 8, 17, 8};
    const char *const *heads = r->teaching ? teaching : usual;
    size_t n = r->teaching ? G_N_ELEMENTS(teaching) : G_N_ELEMENTS(usual);
    bool pids = has_pids(r);
    g_autofree char *align = g_strnfill(n + 1 + pids, 'l');
    CpColumns *table = cp_columns_new(align);
    cp_columns_cell(table, "thread");
    for (size_t i = 0; i < n; i++) {
        cp_columns_cell(table, heads[i]);
    }
    if (pids) {
        cp_columns_cell(table, "pid");
    }
    for (unsigned i = 0; i <= n; i++) {
        cp_columns_min_width(table, i, r->teaching && i > 0 ? 9 : widths[i]);
    }
    return table;
}

static void append_threads(const CpResult *r, GString *out)
{
    uint32_t n = cp_sim_n_threads(r->sim);
    uint32_t shown = r->rows_max > 0 && n > r->rows_max ? r->rows_max : n;
    g_autoptr(CpColumns) table = thread_table(r);
    bool pids = has_pids(r);
    for (uint32_t tid = 0; tid < shown; tid++) {
        g_autofree char *raw = cp_sim_thread_name(r->sim, tid);
        g_autofree char *name = cp_clean_text(raw, -1);
        cp_columns_cell(table, name);
        (r->teaching ? teaching_row : thread_row)(r, table, tid);
        if (pids) {
            cp_columns_cellf(table, "%" G_GINT64_FORMAT, cp_sim_pid(r->sim, tid));
        }
    }
    if (r->teaching) {
        averages_row(r, table);
        if (pids) {
            cp_columns_cell(table, "");
        }
    }
    g_string_append_c(out, '\n');
    cp_columns_print(table, out);
    if (shown < n) {
        g_string_append_printf(out, "... and %u more threads (--rows 0 shows all)\n",
                               n - shown);
    }
}

/* --- what the run tells --- */

static unsigned at_most(unsigned n, unsigned max)
{
    return max > 0 ? MIN(n, max) : n;
}

static void append_more(uint64_t n, const char *what, const char *option, GString *out)
{
    if (n > 0) {
        g_string_append_printf(out, "... and %" G_GUINT64_FORMAT " more %s (%s)\n", n, what,
                               option);
    }
}

static void time_or_dash(CpColumns *table, CpTime at)
{
    g_autofree char *text = at == CP_NEVER ? g_strdup("-")
                            : at == 0      ? g_strdup("0")
                                           : cp_format_time_human(at);
    cp_columns_cell(table, text);
}

static void thread_cell(const CpResult *r, CpColumns *table, CpTid tid)
{
    g_autofree char *raw = tid == CP_NONE ? NULL : cp_sim_thread_name(r->sim, tid);
    g_autofree char *name = raw != NULL ? cp_clean_text(raw, -1) : g_strdup("-");
    cp_columns_cell(table, name);
}

static void append_tasks(const CpResult *r, GString *out)
{
    unsigned n = cp_run_log_n_tasks(r->log), shown = at_most(n, r->rows_max);
    static const char *const heads[] = {"task",  "created", "start", "end",
                                        "order", "state",   "thread"};
    if (n == 0) {
        return;
    }
    g_autoptr(CpColumns) table = cp_columns_new("lllllll");
    for (size_t i = 0; i < G_N_ELEMENTS(heads); i++) {
        cp_columns_cell(table, heads[i]);
    }
    for (unsigned i = 0; i < shown; i++) {
        const CpLogTask *task = cp_run_log_task(r->log, i);
        g_autofree char *raw = cp_run_log_task_name(r->log, task->label);
        g_autofree char *name = cp_clean_text(raw, -1);
        cp_columns_cell(table, name);
        time_or_dash(table, task->created);
        time_or_dash(table, task->started);
        time_or_dash(table, task->ended);
        if (task->order > 0) {
            cp_columns_cellf(table, "%u", task->order);
        } else {
            cp_columns_cell(table, "-");
        }
        cp_columns_cell(table, cp_log_task_state(task));
        thread_cell(r, table, task->tid);
    }
    g_string_append_c(out, '\n');
    cp_columns_print(table, out);
    append_more(n - shown + cp_run_log_more_tasks(r->log), "tasks", "--rows 0 shows all",
                out);
}

static void append_output(const CpResult *r, GString *out)
{
    unsigned n = cp_run_log_n_lines(r->log), shown = at_most(n, r->lines_max);
    if (n == 0) {
        return;
    }
    g_autoptr(CpColumns) table = cp_columns_new("rll");
    for (unsigned i = 0; i < shown; i++) {
        const CpLogEntry *line = cp_run_log_line(r->log, i);
        g_autofree char *raw = cp_run_log_text(r->log, r->sim, i);
        g_autofree char *text = cp_clean_text(raw, -1);
        g_autofree char *task = CP_RECORD_TASK_NUMBER(line->task) > 0
                                    ? cp_run_log_task_name(r->log, line->task)
                                    : NULL;
        time_or_dash(table, line->at);
        if (task != NULL) {
            cp_columns_cell(table, task);
        } else {
            thread_cell(r, table, line->tid);
        }
        cp_columns_cell(table, text);
    }
    g_string_append(out, "\noutput\n");
    cp_columns_print(table, out);
    append_more(n - shown + cp_run_log_more_lines(r->log), "lines", "--lines 0 shows all",
                out);
}

static void append_history(const CpResult *r, GString *out)
{
    const CpWorkload *w = r->scenario->workload;
    uint32_t var = cp_run_log_var(r->log);
    if (var == CP_NONE) {
        return;
    }
    unsigned n = cp_run_log_n_values(r->log), shown = at_most(n, r->lines_max);
    g_autoptr(CpColumns) table = cp_columns_new("rlr");
    for (unsigned i = 0; i < shown; i++) {
        const CpLogEntry *entry = cp_run_log_value(r->log, i);
        time_or_dash(table, entry->at);
        thread_cell(r, table, entry->tid);
        cp_columns_cellf(table, "%" G_GINT64_FORMAT, entry->value);
    }
    g_string_append_printf(
        out, "\nvalues of %s\n",
        cp_workload_text(w, g_array_index(w->vars, CpVarDecl, var).name));
    cp_columns_print(table, out);
    append_more(n - shown + cp_run_log_more_values(r->log), "values", "--lines 0 shows all",
                out);
}

static unsigned append_expects(const CpResult *r, GString *out)
{
    const GPtrArray *expects = r->scenario->expects;
    unsigned n_failed = 0;
    g_autoptr(CpColumns) table = cp_columns_new("lll");
    for (unsigned i = 0; i < expects->len; i++) {
        const CpExpect *expect = expects->pdata[i];
        g_autofree char *measured = NULL;
        CpVerdict verdict = cp_expect_check(r->scenario, expect, r->sim, r->log, &measured);
        bool has_word = g_str_has_prefix(expect->text, "expect ");
        cp_columns_cell(table, cp_verdict_name(verdict));
        cp_columns_cellf(table, "%s%s", has_word ? "" : "expect ", expect->text);
        cp_columns_cellf(table, "measured %s", measured ? measured : "nothing");
        n_failed += verdict == CP_EXPECT_FAILED;
    }
    if (expects->len > 0) {
        g_string_append_c(out, '\n');
        cp_columns_print(table, out);
    }
    return n_failed;
}

unsigned cp_summary_text(const CpResult *result, GString *out)
{
    g_autoptr(GString) head = g_string_new(NULL);
    append_head(result, head);
    cp_waits_line(result->scenario, result->sim, head);
    append_runtime(result, head);
    g_auto(GStrv) lines = g_strsplit(head->str, "\n", -1);
    for (char **line = lines; *line != NULL && **line != '\0'; line++) {
        cp_fold_fields(out, *line, cp_fold_width());
    }
    append_histograms(result, out);
    append_threads(result, out);
    if (result->log != NULL) {
        append_tasks(result, out);
        append_output(result, out);
        append_history(result, out);
    }
    return append_expects(result, out);
}
