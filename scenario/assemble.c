#include "scenario/assemble.h"

#include <string.h>

/* From a compiled workload and what is said of its surroundings to a scenario that can run:
 * which settings count in which order, and whether workload, machine and policy go
 * together. */

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
        bool param = b->tree != NULL && cp_param_in(b->tree, o->key) != NULL;
        if (cp_override_is_late(o) == late && !param) {
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
            const CpNode *param = cp_param_in(b->tree, s->child->text);
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

/* The mask itself, or one of as many of the CPUs there are. */
static uint32_t fitting_mask(CpWorkload *w, uint32_t row, uint32_t n_cpus)
{
    const CpCpuMask *mask =
        row == CP_NONE ? NULL : &g_array_index(w->masks, CpCpuMask, row);
    if (mask == NULL || cp_cpumask_next(mask, 0) < n_cpus) {
        return row;
    }
    CpCpuMask other = {{0}};
    for (CpCpu c = 0; c < MIN(cp_cpumask_count(mask), n_cpus); c++) {
        cp_cpumask_set(&other, c);
    }
    return cp_workload_mask(w, &other);
}

/* On a machine that lacks the CPUs a recorded thread was kept to it is kept to as many of
 * those there are. */
static void fit_masks(CpBuild *b)
{
    CpWorkload *w = b->s->workload;
    uint32_t n_cpus = b->s->machine->n_cpus;
    for (uint32_t i = 0; w->replay != NULL && i < w->threads->len; i++) {
        CpThreadDecl *t = cp_thread_decl(w, i);
        t->attr.cpus = fitting_mask(w, t->attr.cpus, n_cpus);
    }
    for (uint32_t i = 0; w->replay != NULL && i < w->ats->len; i++) {
        CpAtDecl *at = &g_array_index(w->ats, CpAtDecl, i);
        if (at->kind == CP_AT_CPUS) {
            at->value = fitting_mask(w, (uint32_t)at->value, n_cpus);
        }
    }
}

/* Whether whoever is kept to a mask (CP_NONE: to none) has a CPU to run on. */
static bool check_mask(CpBuild *b, uint32_t row, uint32_t line, const char *who)
{
    uint32_t n_cpus = b->s->machine->n_cpus;
    const CpPos pos = {line, 0, 0};
    if (row == CP_NONE) {
        return true;
    }
    const CpCpuMask *mask = &g_array_index(b->s->workload->masks, CpCpuMask, row);
    CpCpu first = cp_cpumask_next(mask, 0);
    if (first == CP_NONE) {
        return cp_diag_error(b->diag, pos,
                             "%s may use no CPU: its own and those of its group have none "
                             "in common",
                             who);
    }
    return first < n_cpus ||
           cp_diag_error(b->diag, pos,
                         "%s may only use CPU %u and above, the machine has %u (0 to %u)",
                         who, first, n_cpus, n_cpus - 1);
}

/* What the code and changes during the run keep threads to. */
static bool check_later_masks(CpBuild *b)
{
    const CpWorkload *w = b->s->workload;
    bool ok = true;
    for (uint32_t i = 0; i < w->code->len; i++) {
        const CpInsn *insn = cp_insn(w, i);
        uint32_t row = insn->op == CP_OP_SET_AFFINITY ? insn->c
                       : insn->op == CP_OP_SET_SCHED
                           ? g_array_index(w->attrs, CpSchedAttr, insn->c).cpus
                           : CP_NONE;
        ok &= check_mask(b, row, g_array_index(w->line, uint32_t, i), "from here on it");
    }
    for (uint32_t i = 0; i < w->ats->len; i++) {
        const CpAtDecl *at = &g_array_index(w->ats, CpAtDecl, i);
        if (at->kind == CP_AT_CPUS) {
            const CpThreadDecl *t = cp_thread_decl(w, at->subject);
            g_autofree char *who =
                g_strdup_printf("thread '%s'", cp_workload_text(w, t->name));
            ok &= check_mask(b, (uint32_t)at->value, at->line, who);
        }
    }
    return ok;
}

/* A thread that may run nowhere would wait for ever. */
static bool check_masks(CpBuild *b)
{
    const CpWorkload *w = b->s->workload;
    bool ok = true;
    for (uint32_t i = 0; i < w->threads->len; i++) {
        const CpThreadDecl *t = cp_thread_decl(w, i);
        g_autofree char *who = g_strdup_printf("thread '%s'", cp_workload_text(w, t->name));
        ok &= check_mask(b, t->attr.cpus, t->line, who);
    }
    return ok && check_later_masks(b);
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
                      cp_sched_name(attr->policy), b->profile->name);
        cp_diag_help(b->diag, "textbook policies read prio, deadline, period and tickets");
        return false;
    }
    bool rt = attr->policy == CP_SCHED_FIFO || attr->policy == CP_SCHED_RR;
    if (rt && (attr->rt_prio < 1 || attr->rt_prio > 99)) {
        cp_diag_error(b->diag, (CpPos){line, 0, 0}, "policy=%s needs a priority",
                      cp_sched_name(attr->policy));
        cp_diag_help(b->diag, "set thread.NAME.prio to 1 (low) to 99 (high), too");
        return false;
    }
    if (attr->policy < CP_SCHED_FIFO || is_served(b->s, attr->policy)) {
        return true;
    }
    cp_diag_error(b->diag, (CpPos){line, 0, 0},
                  "not yet: policy=%s is not part of profile '%s'",
                  cp_sched_name(attr->policy), b->profile->name);
    cp_diag_help(b->diag, "kernel { policy edf } schedules every thread by its "
                          "deadline; policy=fifo is a real-time class");
    return false;
}

/* Load beside a replayed program, such as threads of the kernel, is scheduled like
 * everything else where only one policy exists. */
static void level_load(CpBuild *b)
{
    CpWorkload *w = b->s->workload;
    for (uint32_t i = 0; w->replay != NULL && i < w->threads->len; i++) {
        CpThreadDecl *t = cp_thread_decl(w, i);
        t->attr.policy = t->flags & CP_THREAD_LOAD ? CP_SCHED_NORMAL : t->attr.policy;
    }
    for (uint32_t i = 0; w->replay != NULL && i < w->attrs->len; i++) {
        g_array_index(w->attrs, CpSchedAttr, i).policy = CP_SCHED_NORMAL;
    }
}

static bool check_policies(CpBuild *b)
{
    if (!b->profile->kernel) {
        level_load(b);
    }
    const CpWorkload *w = b->s->workload;
    bool ok = true;
    for (uint32_t i = 0; i < w->threads->len; i++) {
        const CpThreadDecl *t = cp_thread_decl(w, i);
        bool is_said = !ok && t->line == 0; /* of all threads of a recording once */
        ok = (is_said || check_policy(b, &t->attr, t->line)) && ok;
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

/* A recording brings its number of CPUs.  What the kernel's work costs has been taken out
 * of its CPU times and is added again; that no burst is as long as another is in them. */
static void add_recorded(CpBuild *b)
{
    g_autofree char *cores = g_strdup_printf("%u", MAX(b->recorded_cpus, 1));
    add_setting(b, "cores", cores, NULL, CP_FROM_RECORDING);
    add_setting(b, "costs", "reference", NULL, CP_FROM_RECORDING);
    add_setting(b, "speed.noise", "0%", NULL, CP_FROM_RECORDING);
}

/* Whether one of them may change what a run gives. */
static bool changes_result(const CpOverride *overrides, size_t n)
{
    static const char *const limits[] = {"max_events", "max_wall", "exact_ticks", NULL};
    for (size_t i = 0; i < n; i++) {
        if (cp_override_is_late(&overrides[i]) &&
            !g_strv_contains(limits, overrides[i].key)) {
            return true;
        }
    }
    return false;
}

/* CPUs that threads of the program are kept to; CP_NONE: to none. */
static uint32_t program_cpus(const CpWorkload *w)
{
    uint32_t cpus = CP_NONE;
    for (uint32_t i = 0; i < w->threads->len && cpus == CP_NONE; i++) {
        const CpThreadDecl *t = cp_thread_decl(w, i);
        cpus = t->flags & CP_THREAD_LOAD ? CP_NONE : t->attr.cpus;
    }
    return cpus;
}

/* Other load that is asked for: as the program it is beside, it keeps to its CPUs. */
static bool add_hogs(CpBuild *b)
{
    CpWorkload *w = b->s->workload;
    const CpSetting *setting = cp_setting_find(b, "load.hogs");
    int64_t n = 0;
    if (setting == NULL || !cp_parse_int(setting->value, &n, NULL) || n < 1 || n > 1000) {
        return true; /* what is wrong with it is said where it is set */
    }
    uint32_t cpus = program_cpus(w);
    CpProcId proc = cp_workload_proc(w, "load", "native");
    uint32_t decl = cp_workload_thread(w, proc, "hog");
    cp_thread_decl(w, decl)->copies = (uint32_t)n;
    cp_thread_decl(w, decl)->flags |= CP_THREAD_DAEMON | CP_THREAD_LOAD;
    cp_thread_decl(w, decl)->attr.cpus = cpus;
    cp_thread_decl(w, decl)->own_attr = true;
    uint32_t pc =
        cp_workload_emit(w, CP_OP_COMPUTE, CP_ARG_CONST, 0, cp_workload_const(w, CP_S), 0);
    cp_workload_emit(w, CP_OP_JUMP, 0, 0, pc, 0);
    g_autoptr(GError) error = NULL;
    return cp_workload_verify(w, &error) ||
           cp_diag_error(b->diag, (CpPos){0}, "%s", error->message);
}

bool cp_assemble(CpBuild *b, const CpOverride *overrides, size_t n)
{
    b->s->overridden = changes_result(overrides, n);
    b->list = g_array_new(FALSE, FALSE, sizeof(CpSetting));
    add_overrides(b, overrides, n, false);
    if (b->tree != NULL) {
        add_blocks(b);
    } else {
        add_recorded(b);
    }
    add_overrides(b, overrides, n, true);
    bool ok = add_hogs(b);
    make_proc_params(b->s);
    ok = cp_settings_apply(b) && ok;
    if (ok) {
        apply_cpusets(b->s->workload);
    }
    ok = ok && make_machine(b);
    if (ok) {
        fit_masks(b);
    }
    ok = ok && check_masks(b) && check_policies(b);
    settings_free(b->list);
    return ok;
}

/* --- the same workload under other settings --- */

bool cp_scenario_can_retune(const CpScenario *base, const char *key)
{
    return base->written != NULL && cp_scenario_param(base, key) == NULL &&
           strcmp(key, "load.hogs") != 0 && !cp_setting_has_subject(key);
}

static void add_retuned(CpBuild *b, const CpOverride *overrides, size_t n, bool late)
{
    for (size_t i = 0; i < n; i++) {
        const CpOverride *o = &overrides[i];
        if (cp_override_is_late(o) == late && cp_scenario_can_retune(b->s->base, o->key)) {
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
    s->overridden = changes_result(overrides, n);
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
