#include "sim/operand.h"

#include "sim/assert.h"

#include <string.h>

/* Decides whether a compiled workload may be run: every operand refers to something that is
 * there, control stays inside the program, declarations fit together. */

static bool check_string(CpCheck *check, uint32_t string)
{
    return cp_check_exists(check, "string", string, check->w->strings->len);
}

static void name_subject(CpCheck *check, const char *kind, uint32_t i, uint32_t string)
{
    const GPtrArray *strings = check->w->strings;
    const char *name = string < strings->len ? g_ptr_array_index(strings, string) : "?";
    g_snprintf(check->subject, sizeof check->subject, "%s %u (%.32s)", kind, i, name);
}

/* --- code --- */

static void name_insn(CpCheck *check, uint32_t pc)
{
    const CpInsn *insn = cp_insn(check->w, pc);
    uint32_t line = g_array_index(check->w->line, uint32_t, pc);
    g_snprintf(check->subject, sizeof check->subject, "instruction %u (%s, line %u)", pc,
               insn->op < check->w->ops->n ? cp_op_info(check->w, insn->op)->name : "?",
               line);
}

static bool check_code(CpCheck *check)
{
    for (uint32_t pc = 0; pc < check->w->code->len; pc++) {
        const CpInsn *insn = cp_insn(check->w, pc);
        name_insn(check, pc);
        if (insn->op >= check->w->ops->n) {
            return cp_check_fail(check, "has the unknown operation %u", insn->op);
        }
        if (!cp_check_operands(check, insn)) {
            return false;
        }
    }
    return true;
}

/* --- paths --- */

typedef struct {
    uint8_t *seen;   /* by pc: is or was on the stack */
    uint32_t n;      /* instructions there are */
    GArray *pending; /* uint32_t pcs */
    bool replays;    /* the targets of REPLAY have been walked to */
} Walk;

static void walk_to(Walk *walk, uint32_t pc)
{
    cp_assert(pc < walk->n); /* its operand has been checked */
    if (!walk->seen[pc]) {
        walk->seen[pc] = 1;
        g_array_append_val(walk->pending, pc);
    }
}

/* A piece of a recording may go on at any target. */
static void walk_to_targets(const CpCheck *check, Walk *walk)
{
    cp_assert(check->w->replay != NULL);
    const GArray *targets = check->w->replay->targets;
    for (guint i = 0; i < targets->len && !walk->replays; i++) {
        walk_to(walk, g_array_index(targets, uint32_t, i));
    }
    walk->replays = true;
}

/* Pushes where control can go from pc; false if it can run past the end. */
static bool walk_on(CpCheck *check, Walk *walk, uint32_t pc)
{
    const CpInsn *insn = cp_insn(check->w, pc);
    const CpOpInfo *info = cp_op_info(check->w, insn->op);
    bool falls = !(info->flags & CP_OPF_ENDS);
    for (const char *p = info->operands; *p != '\0'; p++) {
        if (*p == 'j') {
            walk_to(walk, insn->c);
        } else if (*p == 'i') {
            walk_to(walk, g_array_index(check->w->arrivals, CpArrivalsDecl, insn->c).end);
        } else if (*p == 'P') {
            walk_to_targets(check, walk);
        }
    }
    if (falls && pc + 1 >= check->w->code->len) {
        name_insn(check, pc);
        return cp_check_fail(check, "can run past the end of the program");
    }
    if (falls) {
        walk_to(walk, pc + 1);
    }
    return true;
}

/* Where a flow begins, and how many registers it has. */
typedef struct {
    const char *kind; /* "thread", "task" */
    uint32_t name, entry, n_regs;
} Start;

static bool walk_start(CpCheck *check, Walk *walk, const Start *start)
{
    cp_assert(walk->pending->len == 0);
    walk_to(walk, start->entry);
    while (walk->pending->len > 0) {
        uint32_t pc = g_array_index(walk->pending, uint32_t, walk->pending->len - 1);
        g_array_set_size(walk->pending, walk->pending->len - 1);
        uint32_t need = cp_operands_registers(check->w, cp_insn(check->w, pc)).end;
        if (need > start->n_regs) {
            name_insn(check, pc);
            return cp_check_fail(check, "uses register %u, but %s '%s' has %u", need - 1,
                                 start->kind, cp_workload_text(check->w, start->name),
                                 start->n_regs);
        }
        if (!walk_on(check, walk, pc)) {
            return false;
        }
    }
    return true;
}

static int compare_registers(const void *a, const void *b)
{
    const Start *x = a, *y = b;
    return x->n_regs < y->n_regs ? -1 : x->n_regs > y->n_regs;
}

static GArray *starts_of(const CpWorkload *w)
{
    GArray *starts = g_array_new(FALSE, FALSE, sizeof(Start));
    for (uint32_t i = 0; i < w->threads->len; i++) {
        const CpThreadDecl *t = cp_thread_decl(w, i);
        const Start start = {"thread", t->name, t->entry, t->n_regs};
        g_array_append_val(starts, start);
    }
    for (uint32_t i = 0; i < w->tasks->len; i++) {
        const CpTaskDecl *t = cp_task_decl(w, i);
        const Start start = {"task", t->name, t->entry, t->n_regs};
        g_array_append_val(starts, start);
    }
    g_array_sort(starts, compare_registers);
    return starts;
}

/* Flows with few registers go first: what they have reached need not be looked at again
 * for those with more, so the work is linear in the code. */
static bool check_paths(CpCheck *check)
{
    const CpWorkload *w = check->w;
    g_autoptr(GArray) starts = starts_of(w);
    g_autofree uint8_t *seen = g_malloc0(w->code->len + 1);
    g_autoptr(GArray) pending = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    Walk walk = {seen, w->code->len, pending, false};
    for (guint i = 0; i < starts->len; i++) {
        if (!walk_start(check, &walk, &g_array_index(starts, Start, i))) {
            return false;
        }
    }
    return true;
}

/* --- declarations --- */

static bool check_attr(CpCheck *check, const CpSchedAttr *attr)
{
    if (attr->policy > CP_SCHED_DEADLINE) {
        return cp_check_fail(check, "has the unknown scheduling policy %u",
                             (unsigned)attr->policy);
    }
    if (attr->nice < -20 || attr->nice > 19) {
        return cp_check_fail(check, "has nice %d, expected -20 to 19", attr->nice);
    }
    return cp_check_exists_or_none(check, "CPU mask", attr->cpus, check->w->masks->len);
}

static bool check_registers(CpCheck *check, uint32_t n_regs)
{
    return (n_regs >= CP_REG_FREE && n_regs < CP_REG_NONE) ||
           cp_check_fail(check, "has %u registers, expected %d to %d", n_regs, CP_REG_FREE,
                         CP_REG_NONE - 1);
}

static bool check_threads(CpCheck *check)
{
    const CpWorkload *w = check->w;
    for (uint32_t i = 0; i < w->threads->len; i++) {
        const CpThreadDecl *t = cp_thread_decl(w, i);
        name_subject(check, "thread", i, t->name);
        if (!check_string(check, t->name) || !check_attr(check, &t->attr) ||
            !cp_check_exists(check, "process", t->proc, w->procs->len) ||
            !cp_check_exists(check, "instruction", t->entry, w->code->len) ||
            !cp_check_exists_or_none(check, "group", t->group, w->groups->len) ||
            !cp_check_exists_or_none(check, "CPU", t->start_cpu, CP_CPUS_MAX) ||
            !cp_check_exists_or_none(check, "interpreter", t->interp, w->interps->len) ||
            !check_registers(check, t->n_regs)) {
            return false;
        }
        if (t->start < 0) {
            return cp_check_fail(check, "starts before the beginning");
        }
    }
    return true;
}

static bool check_tasks(CpCheck *check)
{
    const CpWorkload *w = check->w;
    for (uint32_t i = 0; i < w->tasks->len; i++) {
        const CpTaskDecl *t = cp_task_decl(w, i);
        name_subject(check, "task", i, t->name);
        if (!check_string(check, t->name) ||
            !cp_check_exists(check, "process", t->proc, w->procs->len) ||
            !cp_check_exists(check, "instruction", t->entry, w->code->len) ||
            (t->run_var != CP_NONE &&
             !cp_check_exists(check, "variable", t->run_var, w->vars->len)) ||
            !check_registers(check, t->n_regs)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < w->calls->len; i++) {
        const CpCallDecl *c = cp_call_decl(w, i);
        g_snprintf(check->subject, sizeof check->subject, "call %u", i);
        if (!cp_check_exists(check, "task", c->task, w->tasks->len) ||
            !cp_check_exists_or_none(check, "pool", c->pool, w->pools->len) ||
            !cp_check_exists_or_none(check, "thread", c->thread, w->threads->len) ||
            !cp_check_exists_or_none(check, "list", c->list, w->lists->len) ||
            !cp_check_argument(check, c->delay_arg, c->delay, true)) {
            return false;
        }
    }
    return true;
}

static bool check_pools(CpCheck *check)
{
    const CpWorkload *w = check->w;
    for (uint32_t i = 0; i < w->pools->len; i++) {
        const CpPoolDecl *p = cp_pool_decl(w, i);
        name_subject(check, "pool", i, p->name);
        if (!check_string(check, p->name) ||
            !cp_check_exists(check, "process", p->proc, w->procs->len) ||
            !cp_check_exists(check, "thread", p->worker, w->threads->len) ||
            !cp_check_exists_or_none(check, "thread", p->manager, w->threads->len) ||
            !cp_check_exists_or_none(check, "thread", p->feeder, w->threads->len)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < w->interps->len; i++) {
        const CpInterpDecl *p = &g_array_index(w->interps, CpInterpDecl, i);
        name_subject(check, "interpreter", i, p->name);
        if (!check_string(check, p->name) ||
            !cp_check_exists(check, "process", p->proc, w->procs->len)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < w->handlers->len; i++) {
        const CpHandlerDecl *h = &g_array_index(w->handlers, CpHandlerDecl, i);
        g_snprintf(check->subject, sizeof check->subject, "signal handler %u", i);
        if (!cp_check_exists(check, "process", h->proc, w->procs->len) ||
            !cp_check_exists(check, "task", h->task, w->tasks->len)) {
            return false;
        }
    }
    return true;
}

static bool check_objects(CpCheck *check)
{
    const CpWorkload *w = check->w;
    for (uint32_t i = 0; i < w->objs->len; i++) {
        const CpObjDecl *o = cp_obj_decl(w, i);
        name_subject(check, "object", i, o->name);
        if (!check_string(check, o->name) ||
            !cp_check_exists(check, "kind", o->kind, CP_OBJ_KINDS) ||
            !cp_check_exists_or_none(check, "process", o->proc, w->procs->len) ||
            !cp_check_exists_or_none(check, "object", o->lock, w->objs->len) ||
            !cp_check_exists_or_none(check, "thread", o->feeder, w->threads->len) ||
            !cp_check_argument(check, o->service_arg, o->service, true)) {
            return false;
        }
        CpObjKind lock = o->lock != CP_NONE ? cp_obj_decl(w, o->lock)->kind : CP_OBJ_LOCK;
        if (lock != CP_OBJ_LOCK && lock != CP_OBJ_RLOCK) {
            return cp_check_fail(check, "has object %u for a lock, which is none", o->lock);
        }
    }
    return true;
}

static bool check_processes(CpCheck *check)
{
    const CpWorkload *w = check->w;
    for (uint32_t i = 0; i < w->procs->len; i++) {
        const CpProcDecl *p = cp_proc_decl(w, i);
        name_subject(check, "process", i, p->name);
        if (!check_string(check, p->name) || !check_string(check, p->runtime) ||
            !cp_check_exists_or_none(check, "string", p->version, w->strings->len) ||
            !cp_check_exists(check, "group", p->group, w->groups->len) ||
            !cp_check_exists_or_none(check, "process", p->parent, w->procs->len) ||
            !cp_check_exists(check, "thread", (uint64_t)p->first_thread + p->n_threads,
                             w->threads->len + 1)) {
            return false;
        }
    }
    return true;
}

static bool check_groups(CpCheck *check)
{
    const CpWorkload *w = check->w;
    for (uint32_t i = 0; i < w->groups->len; i++) {
        const CpGroupDecl *g = cp_group_decl(w, i);
        name_subject(check, "group", i, g->name);
        /* A parent comes before its children, so there are no rings. */
        if (!check_string(check, g->name) ||
            !cp_check_exists_or_none(check, "CPU mask", g->cpus, w->masks->len) ||
            !(i == 0 ? g->parent == CP_NONE || cp_check_fail(check, "has a parent")
                     : cp_check_exists(check, "earlier group", g->parent, i))) {
            return false;
        }
    }
    return true;
}

static bool check_dist(CpCheck *check, const CpDist *d)
{
    const CpWorkload *w = check->w;
    switch (d->kind) {
    case CP_DIST_CONST:
    case CP_DIST_EXP:
        return true;
    case CP_DIST_UNIFORM:
        return d->p[0] <= d->p[1] ||
               cp_check_fail(check, "has an upper end below the lower one");
    case CP_DIST_NORMAL:
    case CP_DIST_LOGNORMAL:
        return d->p[1] >= 0 || cp_check_fail(check, "has a negative sigma");
    case CP_DIST_PARETO:
    case CP_DIST_WEIBULL:
        return d->p[1] > 0 || cp_check_fail(check, "has a shape that is not above zero");
    case CP_DIST_CHOICE:
    case CP_DIST_EMPIRICAL:
        if (d->p[0] < 0 || d->p[1] < 1 || d->p[1] > w->values->len) {
            return cp_check_fail(check, "has no values");
        }
        return cp_check_exists(check, "value", (uint64_t)d->p[0] + (uint64_t)d->p[1] - 1,
                               w->values->len);
    default:
        return cp_check_fail(check, "is of the unknown kind %u", d->kind);
    }
}

static bool check_dists(CpCheck *check)
{
    const CpWorkload *w = check->w;
    for (uint32_t i = 0; i < w->dists->len; i++) {
        g_snprintf(check->subject, sizeof check->subject, "distribution %u", i);
        if (!check_dist(check, &g_array_index(w->dists, CpDist, i))) {
            return false;
        }
    }
    for (uint32_t i = 0; i < w->noises->len; i++) {
        const CpNoiseDecl *n = &g_array_index(w->noises, CpNoiseDecl, i);
        name_subject(check, "noise", i, n->name);
        if (!check_string(check, n->name) || !check_dist(check, &n->every) ||
            !check_dist(check, &n->steal) ||
            !cp_check_exists_or_none(check, "CPU mask", n->cpus, w->masks->len)) {
            return false;
        }
    }
    return true;
}

static bool check_lists(CpCheck *check)
{
    const CpWorkload *w = check->w;
    for (uint32_t i = 0; i < w->lists->len; i++) {
        const CpList *list = &g_array_index(w->lists, CpList, i);
        g_snprintf(check->subject, sizeof check->subject, "list %u", i);
        if (!cp_check_exists(check, "value", (uint64_t)list->first + list->n,
                             w->values->len + 1)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < w->attrs->len; i++) {
        g_snprintf(check->subject, sizeof check->subject, "attributes %u", i);
        if (!check_attr(check, &g_array_index(w->attrs, CpSchedAttr, i))) {
            return false;
        }
    }
    return true;
}

static bool check_arrivals(CpCheck *check)
{
    const CpWorkload *w = check->w;
    for (uint32_t i = 0; i < w->arrivals->len; i++) {
        const CpArrivalsDecl *a = &g_array_index(w->arrivals, CpArrivalsDecl, i);
        g_snprintf(check->subject, sizeof check->subject, "arrival stream %u", i);
        bool is_listed = a->arg == CP_ARG_NONE;
        if (!cp_check_exists(check, "instruction", a->end, w->code->len) ||
            !(is_listed ? cp_check_exists(check, "list", a->gap, w->lists->len)
                        : cp_check_argument(check, a->arg, a->gap, false))) {
            return false;
        }
    }
    return true;
}

static bool check_targets(CpCheck *check)
{
    const CpReplay *replay = check->w->replay;
    g_snprintf(check->subject, sizeof check->subject, "replay");
    for (guint i = 0; replay != NULL && i < replay->targets->len; i++) {
        if (!cp_check_exists(check, "instruction",
                             g_array_index(replay->targets, uint32_t, i),
                             check->w->code->len)) {
            return false;
        }
    }
    return true;
}

static bool check_names(CpCheck *check)
{
    const CpWorkload *w = check->w;
    g_snprintf(check->subject, sizeof check->subject, "workload");
    if (!check_string(check, w->name) || !check_string(check, w->source)) {
        return false;
    }
    for (uint32_t i = 0; i < w->hists->len; i++) {
        g_snprintf(check->subject, sizeof check->subject, "histogram %u", i);
        if (!check_string(check, g_array_index(w->hists, uint32_t, i))) {
            return false;
        }
    }
    for (uint32_t i = 0; i < w->vars->len; i++) {
        const CpVarDecl *v = &g_array_index(w->vars, CpVarDecl, i);
        name_subject(check, "variable", i, v->name);
        if (!check_string(check, v->name) ||
            !cp_check_exists_or_none(check, "process", v->proc, w->procs->len)) {
            return false;
        }
    }
    return true;
}

static bool check_at(CpCheck *check, const CpAtDecl *at)
{
    const CpWorkload *w = check->w;
    if (at->at < 0) {
        return cp_check_fail(check, "happens before the beginning");
    }
    switch (at->kind) {
    case CP_AT_NICE:
        return cp_check_exists(check, "thread", at->subject, w->threads->len);
    case CP_AT_CPUS:
        return cp_check_exists(check, "thread", at->subject, w->threads->len) &&
               cp_check_exists(check, "CPU mask", (uint64_t)at->value, w->masks->len);
    case CP_AT_QUOTA:
    case CP_AT_WEIGHT:
        return cp_check_exists(check, "group", at->subject, w->groups->len);
    case CP_AT_OFFLINE:
    case CP_AT_ONLINE:
        return cp_check_exists(check, "CPU mask", at->subject, w->masks->len);
    case CP_AT_STOP:
        return true;
    }
    return cp_check_fail(check, "is of the unknown kind %u", (unsigned)at->kind);
}

static int compare_ats(const void *a, const void *b)
{
    const CpAtDecl *x = a, *y = b;
    return x->at < y->at ? -1 : x->at > y->at;
}

static bool check_ats(CpCheck *check)
{
    const CpWorkload *w = check->w;
    g_array_sort(w->ats, compare_ats); /* stable: equal times keep the written order */
    for (uint32_t i = 0; i < w->ats->len; i++) {
        g_snprintf(check->subject, sizeof check->subject, "change of settings %u", i);
        if (!check_at(check, &g_array_index(w->ats, CpAtDecl, i))) {
            return false;
        }
    }
    return true;
}

gboolean cp_workload_verify(CpWorkload *w, GError **error)
{
    cp_require(w->code->len == w->line->len);
    CpCheck check = {.w = w, .error = error};
    return check_names(&check) && check_groups(&check) && check_lists(&check) &&
           check_dists(&check) && check_objects(&check) && check_processes(&check) &&
           check_threads(&check) && check_tasks(&check) && check_pools(&check) &&
           check_arrivals(&check) && check_ats(&check) && check_targets(&check) &&
           check_code(&check) && check_paths(&check);
}
