#include "scenario/scenario.h"

#include "sim/error.h"
#include "sim/words.h"
#include "lang/compile.h"
#include "traces/cpr-pack.h"
#include "traces/cpr.h"
#include "scenario/expect.h"
#include "lang/workload-json.h"
#include "lang/parse.h"
#include "traces/import/formats.h"
#include "traces/rebuild/rebuild.h"
#include "models/python/versions.h"
#include "scenario/settings.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void param_free(void *data)
{
    CpWorkloadParam *p = data;
    g_free(p->name);
    g_free(p->value);
    g_free(p->choices);
    g_free(p);
}

static CpScenario *scenario_new(const char *source)
{
    CpScenario *s = g_new0(CpScenario, 1);
    s->source = g_strdup(source);
    s->expects = g_ptr_array_new_with_free_func(cp_expect_free);
    s->params = g_ptr_array_new_with_free_func(param_free);
    s->subjects = g_ptr_array_new_with_free_func(cp_subject_setting_free);
    return s;
}

void cp_scenario_free(CpScenario *s)
{
    if (s == NULL) {
        return;
    }
    cp_class_params_free(s->classes, s->class_params);
    for (uint32_t i = 0; s->proc_params != NULL && i < s->workload->procs->len; i++) {
        cp_params_free(s->proc_params[i]);
    }
    if (s->base == NULL) {
        cp_workload_free(s->workload);
    }
    g_clear_pointer(&s->written, g_ptr_array_unref);
    cp_machine_free(s->machine);
    cp_params_free(s->machine_params);
    cp_params_free(s->costs);
    cp_params_free(s->run);
    g_free(s->proc_params);
    g_free(s->policy);
    g_free(s->capacity);
    g_free(s->source);
    g_free(s->hash);
    g_ptr_array_unref(s->expects);
    g_ptr_array_unref(s->params);
    g_ptr_array_unref(s->subjects);
    g_free(s);
}

/* --- params --- */

static char *print_choices(const CpNode *choices)
{
    GString *out = g_string_new(NULL);
    for (const CpNode *n = choices->child; n != NULL; n = n->next) {
        g_autofree char *text = cp_node_print(n);
        g_string_append_printf(out, "%s%s", n == choices->child ? "" : "|", text);
    }
    return g_string_free(out, FALSE);
}

static bool is_choice(const CpNode *choices, const char *value)
{
    for (const CpNode *n = choices->child; n != NULL; n = n->next) {
        g_autofree char *text = cp_node_print(n);
        if (strcmp(text, value) == 0) {
            return true;
        }
    }
    return false;
}

static bool check_choice(CpBuild *b, const CpNode *param, const CpNode *value,
                         const CpOverride *o)
{
    const CpNode *choices = cp_node_child(param, CP_CHILD_CHOICES);
    g_autofree char *shown = cp_node_print(value);
    if (choices->kind != CP_NODE_LIST || is_choice(choices, shown)) {
        return true;
    }
    g_autofree char *origin = o != NULL ? cp_from_print(o->from, o->key) : NULL;
    g_autofree char *all = print_choices(choices);
    g_auto(GStrv) words = g_strsplit(all, "|", -1);
    const char *near = cp_nearest(shown, (const char *const *)words);
    if (o != NULL) {
        cp_diag_usage(b->diag, "param '%s' cannot be '%s' (in %s)", param->text, shown,
                      origin);
    } else {
        cp_diag_error(b->diag, value->pos, "param '%s' cannot be '%s'", param->text, shown);
    }
    g_autofree char *list = g_strjoinv(", ", words);
    if (near != NULL) {
        cp_diag_help(b->diag, "did you mean '%s'?   (choices: %s)", near, list);
    } else {
        cp_diag_help(b->diag, "choices: %s", list);
    }
    return false;
}

/* The value of an override in the tree, instead of the one written. */
static bool override_param(CpBuild *b, CpNode *param, const CpOverride *o)
{
    g_autofree char *origin = cp_from_print(o->from, o->key);
    CpDiag *own = cp_diag_new(origin, NULL, 0);
    CpNode *value = cp_parse_value(b->tree, o->value, strlen(o->value), own);
    cp_diag_free(own);
    if (value == NULL) {
        cp_diag_usage(b->diag, "param '%s' cannot be '%s' (in %s)", param->text, o->value,
                      origin);
        g_autofree char *now = cp_node_print(param->child);
        cp_diag_help(b->diag, "it is written like its value in the workload: %s", now);
        return false;
    }
    const CpNode *old = param->child;
    bool units = value->kind == CP_NODE_NUMBER && old->kind == CP_NODE_NUMBER &&
                 value->dim != old->dim && value->value != 0 && old->dim != CP_DIM_ANY;
    if (units) {
        g_autofree char *now = cp_node_print(old);
        cp_diag_usage(b->diag, "param '%s': '%s' %s (in %s)", param->text, o->value,
                      value->dim == CP_DIM_NUMBER ? "has no unit" : "has another unit",
                      origin);
        cp_diag_help(b->diag, "the workload says %s", now);
        return false;
    }
    value->pos = old->pos;
    value->next = old->next;
    param->child = value;
    return check_choice(b, param, value, o);
}

/* Whether it is stronger than what the workload says. */
static bool is_late(const CpOverride *o)
{
    return o->from >= CP_FROM_MACHINE;
}

static CpNode *find_param(const CpTree *tree, const char *name)
{
    for (CpNode *n = cp_tree_root(tree)->child; n != NULL; n = n->next) {
        if (n->kind == CP_NODE_PARAM && strcmp(n->text, name) == 0) {
            return n;
        }
    }
    return NULL;
}

static void add_param(CpBuild *b, const CpNode *param, CpFrom from)
{
    CpWorkloadParam *row = g_new0(CpWorkloadParam, 1);
    const CpNode *choices = cp_node_child(param, CP_CHILD_CHOICES);
    row->name = g_strdup(param->text);
    row->value = cp_node_print(param->child);
    row->choices = choices->kind == CP_NODE_LIST ? print_choices(choices) : NULL;
    row->from = from;
    g_ptr_array_add(b->s->params, row);
}

/* The last override of a param that counts, or NULL. */
static const CpOverride *param_override(const CpOverride *overrides, size_t n,
                                        const char *name)
{
    while (n > 0 &&
           !(is_late(&overrides[n - 1]) && strcmp(overrides[n - 1].key, name) == 0)) {
        n--;
    }
    return n > 0 ? &overrides[n - 1] : NULL;
}

/* Only --set overrides a param: a config file holds defaults, and the text has one. */
static bool read_params(CpBuild *b, const CpOverride *overrides, size_t n)
{
    bool ok = true;
    for (CpNode *p = cp_tree_root(b->tree)->child; p != NULL; p = p->next) {
        if (p->kind == CP_NODE_PARAM) {
            ok = check_choice(b, p, p->child, NULL) && ok;
        }
    }
    for (size_t i = 0; ok && i < n; i++) {
        CpNode *param =
            is_late(&overrides[i]) ? find_param(b->tree, overrides[i].key) : NULL;
        ok = param == NULL || override_param(b, param, &overrides[i]);
    }
    for (const CpNode *p = cp_tree_root(b->tree)->child; ok && p != NULL; p = p->next) {
        if (p->kind == CP_NODE_PARAM) {
            const CpOverride *o = param_override(overrides, n, p->text);
            add_param(b, p, o != NULL ? o->from : CP_FROM_WORKLOAD);
        }
    }
    return ok;
}

/* --- collecting settings --- */

static void add_setting(CpBuild *b, const char *key, const char *value, const CpNode *node,
                        CpFrom from)
{
    const CpSetting setting = {
        .key = key, .value = g_strdup(value), .node = node, .from = from};
    g_array_append_val(b->list, setting);
}

static void add_overrides(CpBuild *b, const CpOverride *overrides, size_t n, bool late)
{
    for (size_t i = 0; i < n; i++) {
        const CpOverride *o = &overrides[i];
        bool param = b->tree != NULL && find_param(b->tree, o->key) != NULL;
        if (is_late(o) == late && !param) {
            add_setting(b, o->key, o->value, NULL, o->from);
        }
    }
}

static void keep_written(CpScenario *s, const char *key, const char *value)
{
    g_ptr_array_add(s->written, g_strdup(key));
    g_ptr_array_add(s->written, g_strdup(value));
}

/* The blocks of the text; the name of a param stands for its value. */
static void add_blocks(CpBuild *b)
{
    for (CpNode *block = cp_tree_root(b->tree)->child; block != NULL; block = block->next) {
        if (block->kind != CP_NODE_RUN && block->kind != CP_NODE_MACHINE &&
            block->kind != CP_NODE_KERNEL) {
            continue;
        }
        if (block->kind == CP_NODE_MACHINE && block->text != NULL) {
            CpNode *named = cp_node_new(b->tree, CP_NODE_SETTING, block->pos);
            CpNode *value = cp_node_new(b->tree, CP_NODE_STRING, block->pos);
            CpNodeList list = {named, NULL};
            cp_node_add(&list, value);
            add_setting(b, "machine", block->text, named, CP_FROM_WORKLOAD);
            keep_written(b->s, "machine", block->text);
        }
        for (const CpNode *s = block->child; s != NULL; s = s->next) {
            const CpNode *param = find_param(b->tree, s->child->text);
            g_autofree char *value =
                param != NULL ? cp_node_print(param->child) : g_strdup(s->child->text);
            add_setting(b, s->text, value, s, CP_FROM_WORKLOAD);
            keep_written(b->s, s->text, value);
        }
    }
}

/* --- putting together --- */

static bool make_machine(CpBuild *b)
{
    g_autoptr(GError) error = NULL;
    b->s->machine =
        cp_machine_new(b->s->machine_params, b->n_capacity > 0 ? b->capacity : NULL,
                       b->n_capacity, &error);
    if (b->s->machine != NULL) {
        return true;
    }
    CpSetting *setting = NULL;
    static const char *const keys[] = {"smt",   "numa.nodes", "llc.cores",
                                       "cores", "tick.phase", "machine"};
    for (size_t i = 0; i < G_N_ELEMENTS(keys) && setting == NULL; i++) {
        setting = cp_setting_find(b, keys[i]);
    }
    if (setting != NULL) {
        return cp_setting_bad(b, setting, "%s", error->message);
    }
    return cp_diag_error(b->diag, (CpPos){0}, "%s", error->message);
}

/* CPUs a group leaves its threads, its parents' limits included; false: all. */
static bool group_cpus(const CpWorkload *w, CpGroup group, CpCpuMask *mask)
{
    bool limited = false;
    memset(mask, 0xff, sizeof *mask);
    for (; group != CP_NONE && group != 0; group = cp_group_decl(w, group)->parent) {
        uint32_t row = cp_group_decl(w, group)->cpus;
        for (size_t i = 0; row != CP_NONE && i < G_N_ELEMENTS(mask->bits); i++) {
            mask->bits[i] &= g_array_index(w->masks, CpCpuMask, row).bits[i];
        }
        limited = limited || row != CP_NONE;
    }
    return limited;
}

/* A group's CPUs become the affinity its threads begin with. */
static void apply_cpusets(CpWorkload *w)
{
    for (uint32_t i = 0; i < w->threads->len; i++) {
        CpThreadDecl *t = cp_thread_decl(w, i);
        CpCpuMask mask;
        CpGroup group = t->group != CP_NONE ? t->group : cp_proc_decl(w, t->proc)->group;
        if (!group_cpus(w, group, &mask)) {
            continue;
        }
        for (size_t k = 0; t->attr.cpus != CP_NONE && k < G_N_ELEMENTS(mask.bits); k++) {
            mask.bits[k] &= g_array_index(w->masks, CpCpuMask, t->attr.cpus).bits[k];
        }
        t->attr.cpus = cp_workload_mask(w, &mask);
    }
}

/* A thread that may run nowhere would wait for ever. */
static bool check_masks(CpBuild *b)
{
    const CpWorkload *w = b->s->workload;
    bool ok = true;
    for (uint32_t i = 0; i < w->threads->len; i++) {
        const CpThreadDecl *t = cp_thread_decl(w, i);
        if (t->attr.cpus == CP_NONE) {
            continue;
        }
        const CpCpuMask *mask = &g_array_index(w->masks, CpCpuMask, t->attr.cpus);
        if (cp_cpumask_next(mask, 0) >= b->s->machine->n_cpus) {
            const char *name = cp_workload_text(w, t->name);
            ok = cp_diag_error(
                b->diag, (CpPos){t->line, 0, 0},
                "thread '%s' may only use CPU %u and above, the machine has %u "
                "(0 to %u)",
                name, cp_cpumask_next(mask, 0), b->s->machine->n_cpus,
                b->s->machine->n_cpus - 1);
        }
    }
    return ok;
}

static const char *policy_word(CpSchedPolicy policy)
{
    static const char *const words[] = {"normal", "batch", "idle",
                                        "fifo",   "rr",    "deadline"};
    return words[policy];
}

static bool is_served(const CpScenario *s, CpSchedPolicy policy)
{
    bool is = false;
    for (size_t i = 0; s->classes[i] != NULL; i++) {
        is = is || (s->classes[i]->serves & 1u << policy);
    }
    return is;
}

/* Thread policies exist under kernel profiles only, and need a class that serves them. */
static bool check_policy(CpBuild *b, const CpSchedAttr *attr, uint32_t line)
{
    if (attr->policy == CP_SCHED_NORMAL) {
        return true;
    }
    if (!b->profile->kernel) {
        cp_diag_error(b->diag, (CpPos){line, 0, 0},
                      "policy=%s of a thread exists under kernel profiles only, not under "
                      "'%s'",
                      policy_word(attr->policy), b->profile->name);
        cp_diag_help(b->diag, "textbook policies read prio, deadline, period and tickets");
        return false;
    }
    if (attr->policy < CP_SCHED_FIFO || is_served(b->s, attr->policy)) {
        return true;
    }
    cp_diag_error(b->diag, (CpPos){line, 0, 0},
                  "not yet: policy=%s is not part of profile '%s'",
                  policy_word(attr->policy), b->profile->name);
    cp_diag_help(b->diag, "kernel { policy edf } schedules every thread by its "
                          "deadline; policy=fifo is a real-time class");
    return false;
}

static bool check_policies(CpBuild *b)
{
    const CpWorkload *w = b->s->workload;
    bool ok = true;
    for (uint32_t i = 0; i < w->threads->len; i++) {
        const CpThreadDecl *t = cp_thread_decl(w, i);
        ok = check_policy(b, &t->attr, t->line) && ok;
    }
    for (uint32_t i = 0; i < w->code->len; i++) {
        const CpInsn *insn = cp_insn(w, i);
        if (insn->op == CP_OP_SET_SCHED) {
            ok = check_policy(b, &g_array_index(w->attrs, CpSchedAttr, insn->c),
                              g_array_index(w->line, uint32_t, i)) &&
                 ok;
        }
    }
    return ok;
}

/* What the text says of this process's runtime; the compiler has checked it. */
static void set_proc_params(CpParamSet *set, const CpProcDecl *proc)
{
    for (guint i = 0; i + 1 < proc->settings->len; i += 2) {
        int row = cp_params_find(set->spec, g_ptr_array_index(proc->settings, i));
        if (row >= 0) {
            cp_params_set(set, row, g_ptr_array_index(proc->settings, i + 1),
                          CP_FROM_WORKLOAD, NULL);
        }
    }
}

static void make_proc_params(CpScenario *s)
{
    const CpWorkload *w = s->workload;
    s->proc_params = g_new0(CpParamSet *, w->procs->len + 1);
    for (uint32_t i = 0; i < w->procs->len; i++) {
        const CpRuntimeClass *runtime =
            cp_runtime_class_find(cp_workload_text(w, cp_proc_decl(w, i)->runtime));
        if (runtime != NULL && runtime->params != NULL) {
            s->proc_params[i] = cp_params_new(runtime->params);
            set_proc_params(s->proc_params[i], cp_proc_decl(w, i));
        }
    }
}

static void settings_free(GArray *list)
{
    for (guint i = 0; i < list->len; i++) {
        g_free(g_array_index(list, CpSetting, i).value);
    }
    g_array_unref(list);
}

/* A recording brings its number of CPUs.  Its CPU times contain what the kernel's work
 * cost, so that cost is not added a second time. */
static void add_recorded(CpBuild *b)
{
    g_autofree char *cores = g_strdup_printf("%u", MAX(b->recorded_cpus, 1));
    add_setting(b, "cores", cores, NULL, CP_FROM_RECORDING);
    add_setting(b, "costs", "ideal", NULL, CP_FROM_RECORDING);
}

/* From a compiled workload to a complete scenario. */
static bool assemble(CpBuild *b, const CpOverride *overrides, size_t n)
{
    b->list = g_array_new(FALSE, FALSE, sizeof(CpSetting));
    make_proc_params(b->s);
    add_overrides(b, overrides, n, false);
    if (b->tree != NULL) {
        add_blocks(b);
    } else {
        add_recorded(b);
    }
    add_overrides(b, overrides, n, true);
    bool ok = cp_settings_apply(b);
    if (ok) {
        apply_cpusets(b->s->workload);
    }
    ok = ok && make_machine(b) && check_masks(b) && check_policies(b);
    settings_free(b->list);
    return ok;
}

static CpTree *read_tree(const char *text, size_t len, CpDiag *diag)
{
    size_t i = 0;
    while (i < len && g_ascii_isspace(text[i])) {
        i++;
    }
    if (i == len) {
        cp_diag_error(diag, (CpPos){0}, "file is empty");
        cp_diag_help(diag, "coreplay init writes an example to start from");
        return NULL;
    }
    if (memchr(text, '\0', MIN(len, 4096)) != NULL) {
        cp_diag_error(diag, (CpPos){0}, "not a workload: binary data");
        cp_diag_help(diag,
                     "workloads are text (.cpw), JSON or recordings (.cpr); traces of "
                     "other programs: coreplay import");
        return NULL;
    }
    return text[i] == '{' || text[i] == '[' ? cp_json_read(text, len, diag)
                                            : cp_parse(text, len, diag);
}

/* runtime.version replaces the version of all python processes before they are compiled. */
static bool set_version(CpBuild *b, const CpNode *node, const char *version,
                        const CpOverride *o)
{
    g_autoptr(GError) error = NULL;
    CpPyVersion parsed;
    if (!cp_python_version(version, &parsed, &error)) {
        if (o != NULL) {
            g_autofree char *origin = cp_from_print(o->from, o->key);
            cp_diag_usage(b->diag, "%s (in %s)", error->message, origin);
            return false;
        }
        return cp_diag_error(b->diag, node->pos, "%s", error->message);
    }
    for (CpNode *p = cp_tree_root(b->tree)->child; p != NULL; p = p->next) {
        const CpNode *runtime =
            p->kind == CP_NODE_PROCESS ? cp_node_child(p, CP_CHILD_RUNTIME) : NULL;
        if (runtime != NULL && cp_node_says(runtime, "python")) {
            CpNode *text = cp_node_child(runtime, CP_CHILD_VERSION);
            text->kind = CP_NODE_STRING;
            text->text = cp_tree_text(b->tree, version, -1);
        }
    }
    b->s->version_from = o != NULL ? o->from : CP_FROM_WORKLOAD;
    return true;
}

static bool read_version(CpBuild *b, const CpOverride *overrides, size_t n)
{
    bool ok = true;
    const char *key = "runtime.version";
    for (size_t i = 0; i < n && ok; i++) {
        if (strcmp(overrides[i].key, key) == 0 && !is_late(&overrides[i])) {
            ok = set_version(b, NULL, overrides[i].value, &overrides[i]);
        }
    }
    for (const CpNode *r = cp_tree_root(b->tree)->child; r != NULL && ok; r = r->next) {
        for (const CpNode *s = r->kind == CP_NODE_RUN ? r->child : NULL; s != NULL && ok;
             s = s->next) {
            if (strcmp(s->text, key) == 0) {
                ok = set_version(b, s->child, s->child->text, NULL);
            }
        }
    }
    for (size_t i = 0; i < n && ok; i++) {
        if (strcmp(overrides[i].key, key) == 0 && is_late(&overrides[i])) {
            ok = set_version(b, NULL, overrides[i].value, &overrides[i]);
        }
    }
    return ok;
}

CpScenario *cp_scenario_from_text(const char *name, const char *text, size_t len,
                                  const CpOverride *overrides, size_t n, CpDiag *diag)
{
    cp_diag_source(diag, name, text, len);
    CpBuild b = {.diag = diag};
    b.tree = read_tree(text, len, diag);
    if (b.tree == NULL) {
        return NULL;
    }
    b.s = scenario_new(name);
    b.s->written = g_ptr_array_new_with_free_func(g_free);
    b.s->hash = cp_json_hash(b.tree);
    bool ok = read_params(&b, overrides, n) && read_version(&b, overrides, n);
    b.s->workload = ok ? cp_compile(b.tree, name, diag) : NULL;
    ok = b.s->workload != NULL;
    ok = ok && cp_expects_read(b.tree, b.s->workload, b.s->expects, diag);
    ok = ok && assemble(&b, overrides, n);
    cp_tree_free(b.tree);
    if (!ok) {
        cp_scenario_free(b.s);
        return NULL;
    }
    return b.s;
}

/* --- the same workload under other settings --- */

bool cp_scenario_can_retune(const CpScenario *base, const char *key)
{

    for (guint i = 0; i < base->params->len; i++) {
        const CpWorkloadParam *param = base->params->pdata[i];
        if (strcmp(param->name, key) == 0) {
            return false;
        }
    }
    return base->written != NULL && !cp_setting_has_subject(key);
}

static void add_retuned(CpBuild *b, const CpOverride *overrides, size_t n, bool late)
{
    for (size_t i = 0; i < n; i++) {
        const CpOverride *o = &overrides[i];
        if (is_late(o) == late && cp_scenario_can_retune(b->s->base, o->key)) {
            add_setting(b, o->key, o->value, NULL, o->from);
        }
    }
}

CpScenario *cp_scenario_retune(const CpScenario *base, const CpOverride *overrides,
                               size_t n, CpDiag *diag)
{
    CpBuild b = {.diag = diag};
    CpScenario *s = b.s = g_new0(CpScenario, 1);
    s->base = base;
    s->workload = base->workload;
    s->source = g_strdup(base->source);
    s->hash = g_strdup(base->hash);
    s->expects = g_ptr_array_ref(base->expects);
    s->params = g_ptr_array_ref(base->params);
    s->subjects = g_ptr_array_ref(base->subjects);
    s->version_from = base->version_from;
    b.list = g_array_new(FALSE, FALSE, sizeof(CpSetting));
    make_proc_params(s);
    add_retuned(&b, overrides, n, false);
    for (guint i = 0; i < base->written->len; i += 2) {
        const char *key = base->written->pdata[i];
        if (!cp_setting_has_subject(key)) {
            add_setting(&b, key, base->written->pdata[i + 1], NULL, CP_FROM_WORKLOAD);
        }
    }
    add_retuned(&b, overrides, n, true);
    bool ok =
        cp_settings_apply(&b) && make_machine(&b) && check_masks(&b) && check_policies(&b);
    settings_free(b.list);
    if (!ok) {
        cp_scenario_free(s);
        return NULL;
    }
    return s;
}

/* --- files --- */

static bool cannot_read(CpDiag *diag, const char *path, const char *why)
{
    cp_diag_source(diag, path, NULL, 0);
    return cp_diag_error(diag, (CpPos){0}, "cannot read: %s", why);
}

/* At most one byte more than the limit, so that the parser can say it is too large. */
static char *read_all(const char *path, size_t *len, CpDiag *diag)
{
    bool standard = strcmp(path, "-") == 0;
    if (!standard && g_file_test(path, G_FILE_TEST_IS_DIR)) {
        cannot_read(diag, path, "it is a directory");
        return NULL;
    }
    FILE *file = standard ? stdin : fopen(path, "rb");
    if (file == NULL) {
        cannot_read(diag, path, g_strerror(errno));
        return NULL;
    }
    g_autoptr(GString) text = g_string_new(NULL);
    char buffer[65536];
    size_t got;
    while (text->len <= CP_PARSE_BYTES_MAX &&
           (got = fread(buffer, 1, sizeof buffer, file)) > 0) {
        g_string_append_len(text, buffer, (gssize)got);
    }
    bool failed = ferror(file) != 0;
    int why = errno;
    if (!standard) {
        fclose(file);
    }
    if (failed) {
        cannot_read(diag, path, g_strerror(why));
        return NULL;
    }
    *len = text->len;
    return g_string_free(g_steal_pointer(&text), FALSE);
}

/* What the workload does, whatever its names and places are. */
static char *workload_hash(const CpWorkload *w)
{
    uint64_t sum = cp_cpr_checksum(w->code->data, w->code->len * sizeof(CpInsn), 0);
    sum = cp_cpr_checksum(w->consts->data, w->consts->len * sizeof(int64_t), sum);
    sum ^= w->replay != NULL ? w->replay->hash : 0;
    return g_strdup_printf("%016" G_GINT64_MODIFIER "x", sum);
}

static CpWorkload *rebuild(CpBuild *b, const char *path, GError **error)
{
    CpWorkload *w = NULL;
    CpCpr *cpr = cp_cpr_open(path, error);
    CpRebuildOptions options = {.placement = true};
    CpRebuild *rb = cpr != NULL ? cp_rebuild_new(cpr, &options, error) : NULL;
    if (rb != NULL) {
        b->recorded_cpus = cp_cpr_info(cpr)->n_cpus;
        w = cp_rebuild_workload(rb, error);
    }
    cp_rebuild_free(rb);
    cp_cpr_free(cpr);
    return w;
}

/* On another machine than the recorded one the policy places new threads. */
static void forget_placement(CpBuild *b)
{
    if (b->s->machine->n_cpus == b->recorded_cpus) {
        return;
    }
    for (uint32_t i = 0; i < b->s->workload->threads->len; i++) {
        CpThreadDecl *t = cp_thread_decl(b->s->workload, i);
        t->start_cpu = t->flags & CP_THREAD_SPAWNED ? CP_NONE : t->start_cpu;
    }
}

/* A recording is rebuilt into a workload of its own. */
static CpScenario *from_recording(const char *path, const CpOverride *overrides, size_t n,
                                  CpDiag *diag)
{
    g_autoptr(GError) error = NULL;
    CpBuild b = {.diag = diag};
    cp_diag_source(diag, path, NULL, 0);
    CpWorkload *w = rebuild(&b, path, &error);
    if (w == NULL) {
        const char *text = error->message;
        size_t named = strlen(path);
        bool repeats = g_str_has_prefix(text, path) && g_str_has_prefix(text + named, ": ");
        cp_diag_error(diag, (CpPos){0}, "%s", repeats ? text + named + 2 : text);
        cp_diag_set_code(diag, error->code);
        return NULL;
    }
    b.s = scenario_new(path);
    b.s->workload = w;
    b.s->hash = workload_hash(w);
    if (!assemble(&b, overrides, n)) {
        cp_scenario_free(b.s);
        return NULL;
    }
    forget_placement(&b);
    return b.s;
}

/* A recording of another program is no workload: says what makes it one. */
static bool is_foreign(const char *path, CpDiag *diag)
{
    const CpImportFormat *format =
        strcmp(path, "-") != 0 ? cp_import_format_of(path) : NULL;
    if (format == NULL) {
        return false;
    }
    cp_diag_source(diag, path, NULL, 0);
    if (format->read == NULL) {
        cp_diag_error(diag, (CpPos){0}, "is %s", format->help);
    } else {
        cp_diag_error(diag, (CpPos){0}, "a recording, not a workload: %s", format->help);
        cp_diag_help(diag, "coreplay import %s -o real.cpr, then run real.cpr", path);
    }
    return true;
}

CpScenario *cp_scenario_load(const char *path, const CpOverride *overrides, size_t n,
                             CpDiag *diag)
{
    if (cp_cpr_is_file(path)) {
        return from_recording(path, overrides, n, diag);
    }
    if (is_foreign(path, diag)) {
        return NULL;
    }
    size_t len;
    g_autofree char *text = read_all(path, &len, diag);
    if (text == NULL) {
        return NULL;
    }
    CpScenario *s = cp_scenario_from_text(path, text, len, overrides, n, diag);
    cp_diag_source(diag, path, NULL, 0); /* the text is freed */
    return s;
}

void cp_scenario_config(const CpScenario *s, CpSimConfig *config)
{
    const int64_t *run = s->run->v;
    *config = (CpSimConfig){
        .machine = s->machine,
        .classes = s->classes,
        .class_params = (const CpParamSet *const *)s->class_params,
        .runtimes = cp_runtime_classes(),
        .proc_params = (const CpParamSet *const *)s->proc_params,
        .costs = s->costs,
        .workload = s->workload,
        .seed = (uint64_t)run[CP_RUN_SEED],
        .until = run[CP_RUN_UNTIL] > 0 ? run[CP_RUN_UNTIL] : CP_NEVER,
        .warmup = MAX(run[CP_RUN_WARMUP], 0),
        .max_events = (uint64_t)run[CP_RUN_MAX_EVENTS],
        .max_wall = run[CP_RUN_MAX_WALL],
        .exact_ticks = run[CP_RUN_EXACT_TICKS] != 0,
    };
}
