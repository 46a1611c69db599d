#include "scenario/expect.h"

#include "lang/compiler.h"
#include "models/registry.h"
#include "sim/words.h"

#include <inttypes.h>
#include <string.h>

/* What an `expect` line means, and whether a run has met it. */

enum { MICRO = 1000000 };

static const char *const outcomes[] = {"done", "deadlock", "until", "guard", "error", NULL};

void cp_expect_free(void *data)
{
    CpExpect *e = data;
    g_free(e->text);
    g_free(e->metric);
    g_free(e->word);
    g_strfreev(e->lines);
    g_free(e);
}

/* --- which metrics there are --- */

static bool find_metric(CpScope scope, const char *name, size_t len, CpUnit *unit)
{
    const CpMetric *metric = cp_metric_row(scope, name, len);
    if (metric == NULL) {
        return false;
    }
    *unit = metric->unit;
    return true;
}

/* A thread by name, or one instance of it: "worker", "worker-3". */
static bool is_thread(const CpWorkload *w, const char *name)
{
    if (cp_thread_find(w, name, 0) != CP_NONE) {
        return true;
    }
    const char *dash = strrchr(name, '-');
    if (dash == NULL || dash[1] == '\0' ||
        strspn(dash + 1, "0123456789") != strlen(dash + 1)) {
        return false;
    }
    g_autofree char *decl = g_strndup(name, (gsize)(dash - name));
    return cp_thread_find(w, decl, 0) != CP_NONE;
}

static bool is_hist(const CpWorkload *w, const char *name, CpUnit *unit)
{
    const char *dot = strrchr(name, '.');
    const CpHistPart *part = dot != NULL ? cp_hist_part(dot + 1) : NULL;
    for (uint32_t i = 0; part != NULL && i < w->hists->len; i++) {
        const char *h = cp_workload_text(w, g_array_index(w->hists, uint32_t, i));
        if (strlen(h) == (size_t)(dot - name) && strncmp(h, name, strlen(h)) == 0) {
            *unit = part->unit;
            return true;
        }
    }
    return false;
}

static bool is_var(const CpWorkload *w, const char *name)
{
    for (uint32_t i = 0; i < w->vars->len; i++) {
        if (strcmp(cp_workload_text(w, g_array_index(w->vars, CpVarDecl, i).name), name) ==
            0) {
            return true;
        }
    }
    return false;
}

static bool is_group(const CpWorkload *w, const char *name, CpUnit *unit)
{
    for (CpGroup i = 1; i < w->groups->len; i++) {
        const char *own = cp_workload_text(w, cp_group_decl(w, i)->name);
        size_t len = strlen(own);
        if (strncmp(name, own, len) == 0 && name[len] == '.' &&
            find_metric(CP_SCOPE_GROUP, name + len + 1, strlen(name + len + 1), unit)) {
            return true;
        }
    }
    return false;
}

/* Mirrors cp_metric_find, which needs a run. */
static bool metric_unit(const CpWorkload *w, const char *name, CpUnit *unit)
{
    if (find_metric(CP_SCOPE_RUN, name, strlen(name), unit) || is_hist(w, name, unit)) {
        return true;
    }
    if (g_str_has_prefix(name, "var.")) {
        *unit = CP_UNIT_NUMBER;
        return is_var(w, name + 4);
    }
    if (g_str_has_prefix(name, "cgroup.")) {
        return is_group(w, name + 7, unit);
    }
    for (const char *dot = strchr(name, '.'); dot != NULL; dot = strchr(dot + 1, '.')) {
        if (find_metric(CP_SCOPE_THREAD, name, (size_t)(dot - name), unit) &&
            is_thread(w, dot + 1)) {
            return true;
        }
    }
    return false;
}

static void add_names(GPtrArray *names, const CpWorkload *w)
{
    for (const CpMetric *const *m = cp_metrics(CP_SCOPE_RUN); *m != NULL; m++) {
        g_ptr_array_add(names, g_strdup((*m)->name));
    }
    for (uint32_t i = 0; i < w->hists->len; i++) {
        const char *h = cp_workload_text(w, g_array_index(w->hists, uint32_t, i));
        for (const CpHistPart *part = cp_hist_parts; part->name != NULL; part++) {
            g_ptr_array_add(names, g_strconcat(h, ".", part->name, NULL));
        }
    }
    for (uint32_t i = 0; i < w->vars->len; i++) {
        const CpVarDecl *v = &g_array_index(w->vars, CpVarDecl, i);
        g_ptr_array_add(names, g_strconcat("var.", cp_workload_text(w, v->name), NULL));
    }
    for (uint32_t i = 0; i < MIN(w->threads->len, 100); i++) {
        const char *name = cp_workload_text(w, cp_thread_decl(w, i)->name);
        for (const CpMetric *const *m = cp_metrics(CP_SCOPE_THREAD); *m != NULL; m++) {
            g_ptr_array_add(names, g_strconcat((*m)->name, ".", name, NULL));
        }
    }
    g_ptr_array_add(names, g_strdup("outcome"));
    g_ptr_array_add(names, g_strdup("order"));
    g_ptr_array_add(names, g_strdup("output"));
    g_ptr_array_add(names, NULL);
}

bool cp_scenario_metric(const CpScenario *s, const char *name, CpUnit *unit, char **near)
{
    *near = NULL;
    if (metric_unit(s->workload, name, unit)) {
        return true;
    }
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    add_names(names, s->workload);
    *near = g_strdup(cp_nearest(name, (const char *const *)names->pdata));
    return false;
}

static bool unknown_metric(Cpc *c, const CpNode *node)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    add_names(names, c->w);
    const char *near = cp_nearest(node->text, (const char *const *)names->pdata);
    cp_diag_error(c->diag, node->pos, "unknown metric '%s'", node->text);
    if (near != NULL) {
        cp_diag_help(c->diag, "did you mean '%s'?  coreplay list metrics", near);
    } else {
        cp_diag_help(c->diag,
                     "coreplay list metrics; of a thread: end.NAME; of a variable: "
                     "var.NAME; of respond and timed: NAME.p99");
    }
    return false;
}

/* --- values in the metric's unit --- */

static bool wrong_unit(Cpc *c, const CpNode *value, const char *want)
{
    g_autofree char *shown = cp_node_print(value);
    return cp_diag_error(c->diag, value->pos, "expected %s, found '%s'", want, shown);
}

/* Plain numbers go with everything but times. */
static bool to_unit(Cpc *c, const CpNode *node, CpUnit unit, int64_t *out)
{
    static const char *const wants[] = {
        [CP_DIM_NUMBER] = "a plain number",
        [CP_DIM_TIME] = "a time",
        [CP_DIM_SIZE] = "a size such as 64MiB",
        [CP_DIM_SHARE] = "a share such as 50%",
    };
    CpcValue v;
    if (!cpc_is_const(c, node, &v)) {
        return wrong_unit(c, node, "a value known before the run");
    }
    CpDim want = cp_units[unit].dim;
    bool number = v.dim == CP_DIM_NUMBER || v.dim == CP_DIM_ANY;
    if (want == CP_DIM_TIME && v.dim == CP_DIM_NUMBER && v.micro != 0) {
        g_autofree char *shown = cp_node_print(node);
        return cpc_no_unit(c, node, shown);
    }
    if (want != CP_DIM_ANY && !number && v.dim != want) {
        return wrong_unit(c, node, wants[want]);
    }
    v.micro *= cp_unit_scale(unit);
    *out = cpc_round(&v);
    return true;
}

/* +- 1%, +- 5ms */
static bool read_tolerance(Cpc *c, const CpNode *node, CpUnit unit, CpExpect *e)
{
    CpcValue v;
    if (node->kind == CP_NODE_NULL) {
        return true;
    }
    if (cpc_is_const(c, node, &v) && v.dim == CP_DIM_SHARE) {
        e->tolerance_ppm = (int64_t)v.micro;
        return true;
    }
    return to_unit(c, node, unit, &e->tolerance);
}

static bool read_outcome(Cpc *c, const CpNode *node, CpExpect *e)
{
    const CpNode *value = node->child;
    if (node->value != CP_EQ) {
        return cp_diag_error(c->diag, node->pos, "an outcome is compared with ==");
    }
    if (value->kind == CP_NODE_NAME && g_strv_contains(outcomes, value->text)) {
        e->word = g_strdup(value->text);
        return true;
    }
    g_autofree char *shown = cp_node_print(value);
    const char *near = cp_nearest(shown, outcomes);
    cp_diag_error(c->diag, value->pos, "unknown outcome '%s'", shown);
    if (near != NULL) {
        cp_diag_help(c->diag, "did you mean '%s'?", near);
    } else {
        cp_diag_help(c->diag, "outcomes: done, deadlock, until, guard, error");
    }
    return false;
}

static bool read_order(Cpc *c, const CpNode *node, CpExpect *e)
{
    g_autoptr(GString) words = g_string_new(NULL);
    if (node->value != CP_EQ || node->child->kind != CP_NODE_LIST) {
        cp_diag_error(c->diag, node->pos, "an order is written order == [first, second]");
        return false;
    }
    for (const CpNode *name = node->child->child; name != NULL; name = name->next) {
        if (name->text == NULL || !is_thread(c->w, name->text)) {
            g_autofree char *shown = cp_node_print(name);
            return cp_diag_error(c->diag, name->pos, "no thread is named '%s'", shown);
        }
        g_string_append_printf(words, "%s%s", words->len > 0 ? "," : "", name->text);
    }
    e->word = g_strdup(words->str);
    return true;
}

/* output == ["a", "b"] */
static bool read_output(Cpc *c, const CpNode *node, CpExpect *e)
{
    const CpNode *list = node->child;
    if (node->value != CP_EQ || list->kind != CP_NODE_LIST || list->child == NULL) {
        return cp_diag_error(c->diag, node->pos,
                             "an output is written output == [\"first line\", \"second\"]");
    }
    GPtrArray *lines = g_ptr_array_new();
    bool ok = true;
    for (const CpNode *line = list->child; line != NULL; line = line->next) {
        ok = ok && (line->kind == CP_NODE_STRING ||
                    cp_diag_error(c->diag, line->pos, "expected a line in quotes"));
        g_ptr_array_add(lines, g_strdup(line->text != NULL ? line->text : ""));
    }
    g_ptr_array_add(lines, NULL);
    e->lines = (char **)g_ptr_array_free(lines, FALSE);
    return ok;
}

static bool read_when(Cpc *c, const CpNode *cond, CpExpect *e)
{
    int known = cp_node_is_null(cond) ? 1 : cpc_cond_known(c, cond);
    e->applies = known == 1;
    if (known == -1) {
        cp_diag_error(c->diag, cond->pos, "expected a condition known before the run");
        cp_diag_help(c->diag, "compare a param: if form == threads");
    }
    return known >= 0;
}

/* New text: a line that was broken in two is one again. */
static char *one_line(const char *text)
{
    GString *out = g_string_new(NULL);
    for (const char *p = text; *p != '\0'; p++) {
        if (*p != '\n') {
            g_string_append_c(out, *p);
            continue;
        }
        g_string_append_c(out, ' ');
        p += strspn(p + 1, " \t");
    }
    return g_string_free(out, FALSE);
}

static bool read_expect(Cpc *c, const CpNode *node, CpExpect *e)
{
    CpUnit unit;
    e->text = one_line(cp_node_child(node, CP_CHILD_TEXT)->text);
    e->metric = g_strdup(node->text);
    e->cmp = (CpCmp)node->value;
    e->tolerance = e->tolerance_ppm = -1;
    e->line = node->pos.line;
    e->as_written = node->flags & CP_FLAG_WRITTEN;
    if (!read_when(c, cp_node_child(node, CP_CHILD_COND), e)) {
        return false;
    }
    if (strcmp(node->text, "outcome") == 0) {
        return read_outcome(c, node, e);
    }
    if (strcmp(node->text, "order") == 0) {
        return read_order(c, node, e);
    }
    if (strcmp(node->text, "output") == 0) {
        return read_output(c, node, e);
    }
    if (!metric_unit(c->w, node->text, &unit)) {
        return unknown_metric(c, node);
    }
    const CpNode *tolerance = cp_node_child(node, CP_CHILD_TOLERANCE);
    if (tolerance->kind != CP_NODE_NULL && node->value != CP_EQ) {
        cp_diag_error(c->diag, tolerance->pos, "a tolerance goes with == only");
        return false;
    }
    return to_unit(c, node->child, unit, &e->value) &&
           read_tolerance(c, tolerance, unit, e);
}

bool cp_expects_read(const CpTree *tree, const CpWorkload *w, GPtrArray *expects,
                     CpDiag *diag)
{
    Cpc c = {.w = (CpWorkload *)w, .diag = diag, .source = "", .measure = true};
    c.root = cp_tree_root(tree);
    c.params = g_hash_table_new(g_str_hash, g_str_equal);
    c.objects = g_hash_table_new(g_str_hash, g_str_equal);
    c.locals = g_array_new(FALSE, FALSE, sizeof(CpcLocal));
    bool ok = true;
    for (const CpNode *node = c.root->child; node != NULL; node = node->next) {
        if (node->kind == CP_NODE_PARAM) {
            g_hash_table_insert(c.params, (char *)node->text, (void *)node);
        }
    }
    for (const CpNode *node = c.root->child; node != NULL; node = node->next) {
        if (node->kind == CP_NODE_EXPECT) {
            CpExpect *e = g_new0(CpExpect, 1);
            ok = read_expect(&c, node, e) && ok;
            g_ptr_array_add(expects, e);
        }
    }
    g_hash_table_unref(c.params);
    g_hash_table_unref(c.objects);
    g_array_unref(c.locals);
    return ok;
}

/* --- after the run --- */

/* Names of ended threads in order; those not expected are left out of the comparison. */
static bool check_order(const CpExpect *e, CpSim *sim, char **measured)
{
    g_autoptr(GArray) ended = cp_sim_end_order(sim);
    g_auto(GStrv) want = g_strsplit(e->word, ",", -1);
    g_autoptr(GString) got = g_string_new(NULL);
    for (guint i = 0; i < ended->len; i++) {
        g_autofree char *name = cp_sim_thread_name(sim, g_array_index(ended, CpTid, i));
        if (g_strv_contains((const char *const *)want, name)) {
            g_string_append_printf(got, "%s%s", got->len > 0 ? "," : "", name);
        }
    }
    bool ok = strcmp(got->str, e->word) == 0;
    g_auto(GStrv) names = g_strsplit(got->str, ",", -1);
    g_autofree char *list = g_strjoinv(", ", names);
    *measured = g_strdup_printf("[%s]", list);
    return ok;
}

/* The lines printed, in order; those not expected are left out of the comparison. */
static bool check_output(const CpExpect *e, const CpSim *sim, const CpRunLog *log,
                         char **measured)
{
    g_autoptr(GString) got = g_string_new("[");
    unsigned n = 0, n_want = g_strv_length(e->lines);
    bool ok = log != NULL;
    for (unsigned i = 0; log != NULL && i < cp_run_log_n_lines(log); i++) {
        g_autofree char *line = cp_run_log_text(log, sim, i);
        if (!g_strv_contains((const char *const *)e->lines, line)) {
            continue;
        }
        ok = ok && n < n_want && strcmp(e->lines[n], line) == 0;
        if (n <= n_want) {
            g_string_append_printf(got, "%s\"%s\"", n > 0 ? ", " : "", line);
        }
        n++;
    }
    g_string_append_printf(got, "%s]", n > n_want + 1 ? ", ..." : "");
    *measured = g_strdup(got->str);
    return ok && n == n_want;
}

static bool compare(const CpExpect *e, int64_t value)
{
    if (e->cmp == CP_EQ && (e->tolerance >= 0 || e->tolerance_ppm >= 0)) {
        __int128 off = (__int128)value - e->value;
        off = off < 0 ? -off : off;
        __int128 base = e->value < 0 ? -(__int128)e->value : e->value;
        __int128 margin =
            e->tolerance >= 0 ? e->tolerance : base * e->tolerance_ppm / MICRO;
        return off <= margin;
    }
    return cp_cmp_holds(e->cmp, (value > e->value) - (value < e->value));
}

static bool is_met(const CpExpect *e, CpSim *sim, const CpRunLog *log, char **measured)
{
    if (e->lines != NULL) {
        return check_output(e, sim, log, measured);
    }
    if (strcmp(e->metric, "outcome") == 0) {
        *measured = g_strdup(cp_outcome_name(cp_sim_outcome(sim)));
        return strcmp(*measured, e->word) == 0;
    }
    if (strcmp(e->metric, "order") == 0) {
        return check_order(e, sim, measured);
    }
    int64_t value;
    CpUnit unit;
    if (!cp_metric_find(sim, e->metric, &value, &unit)) {
        *measured = g_strdup("not defined in this run");
        return false;
    }
    *measured = cp_unit_text(unit, value);
    return compare(e, value);
}

bool cp_expects_output(const CpScenario *s)
{
    for (guint i = 0; i < s->expects->len; i++) {
        if (((const CpExpect *)s->expects->pdata[i])->lines != NULL) {
            return true;
        }
    }
    return false;
}

CpVerdict cp_expect_check(const CpScenario *s, const CpExpect *e, CpSim *sim,
                          const CpRunLog *log, char **measured)
{
    bool met = is_met(e, sim, log, measured);
    if (!e->applies || (e->as_written && s->overridden)) {
        return CP_EXPECT_NOT_JUDGED;
    }
    return met ? CP_EXPECT_OK : CP_EXPECT_FAILED;
}

const char *cp_verdict_name(CpVerdict verdict)
{
    static const char *const names[] = {[CP_EXPECT_FAILED] = "FAILED",
                                        [CP_EXPECT_OK] = "ok",
                                        [CP_EXPECT_NOT_JUDGED] = "not judged"};
    return names[verdict];
}
