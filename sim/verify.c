#include "sim/program.h"

#include "sim/assert.h"
#include "sim/error.h"

#include <inttypes.h>
#include <string.h>

/* Says of what is being checked, for messages: "thread main", "instruction 12 (lock)". */
typedef struct {
    const CpWorkload *w;
    char subject[64];
    GError **error;
} Check;

static bool fail(Check *check, const char *format, ...) G_GNUC_PRINTF(2, 3);

static bool fail(Check *check, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(check->error, CP_ERROR, CP_ERROR_INPUT, "invalid program: %s %s",
                check->subject, text);
    return false;
}

static bool exists(Check *check, const char *what, uint64_t index, guint n)
{
    return index < n || fail(check, "refers to %s %" PRIu64 " of %u", what, index, n);
}

static bool exists_or_none(Check *check, const char *what, uint32_t index, guint n)
{
    return index == CP_NONE || exists(check, what, index, n);
}

static bool check_string(Check *check, uint32_t string)
{
    return exists(check, "string", string, check->w->strings->len);
}

static void name_subject(Check *check, const char *kind, uint32_t i, uint32_t string)
{
    const GPtrArray *strings = check->w->strings;
    const char *name = string < strings->len ? g_ptr_array_index(strings, string) : "?";
    g_snprintf(check->subject, sizeof check->subject, "%s %u (%.32s)", kind, i, name);
}

/* --- operands --- */

static bool check_argument(Check *check, unsigned arg, uint32_t index, bool may_lack)
{
    switch (arg & CP_ARG_MASK) {
    case CP_ARG_CONST:
        return exists(check, "constant", index, check->w->consts->len);
    case CP_ARG_REG:
        return index < CP_REG_NONE || fail(check, "refers to register %u", index);
    case CP_ARG_DIST:
        return exists(check, "distribution", index, check->w->dists->len);
    case CP_ARG_NONE:
        return may_lack || fail(check, "has no duration");
    default:
        return fail(check, "has a duration of unknown kind %u", arg);
    }
}

/* JOIN may leave the thread open; one that is spawned must have room for its arguments. */
static bool check_thread_operand(Check *check, const CpInsn *insn)
{
    if (insn->op == CP_OP_JOIN && insn->c == CP_NONE) {
        return true;
    }
    if (!exists(check, "thread", insn->c, check->w->threads->len)) {
        return false;
    }
    uint32_t n_regs = cp_thread_decl(check->w, insn->c)->n_regs;
    return insn->op != CP_OP_SPAWN || CP_REG_FREE + (uint32_t)insn->b <= n_regs ||
           fail(check, "passes %u arguments to a thread of %u registers", insn->b, n_regs);
}

/* A call passes what the task has room for; MAP passes the element on top. */
static bool check_call(Check *check, const CpInsn *insn)
{
    const CpWorkload *w = check->w;
    if (!exists(check, "call", insn->c, w->calls->len)) {
        return false;
    }
    const CpCallDecl *call = cp_call_decl(w, insn->c);
    uint32_t n = call->n_args + (insn->op == CP_OP_MAP ? 1u : 0u);
    uint32_t n_regs = cp_task_decl(w, call->task)->n_regs;
    if (CP_REG_FREE + n > n_regs) {
        return fail(check, "passes %u arguments to a task of %u registers", n, n_regs);
    }
    bool needs_pool =
        insn->op == CP_OP_SUBMIT || insn->op == CP_OP_MAP || insn->op == CP_OP_EXECUTOR;
    return !needs_pool || call->pool != CP_NONE || fail(check, "names no pool");
}

#define KIND(K) (1u << CP_OBJ_##K)
static const uint32_t kinds_of_op[CP_OP_COUNT] = {
    [CP_OP_IO] = KIND(DEVICE),
    /* A condition without a lock of its own is one. */
    [CP_OP_LOCK] = KIND(LOCK) | KIND(RLOCK) | KIND(CONDITION) | KIND(OBJECT),
    [CP_OP_UNLOCK] = KIND(LOCK) | KIND(RLOCK) | KIND(CONDITION) | KIND(OBJECT),
    [CP_OP_RLOCK] = KIND(RWLOCK),
    [CP_OP_WLOCK] = KIND(RWLOCK),
    [CP_OP_RWUNLOCK] = KIND(RWLOCK),
    [CP_OP_SEM_WAIT] = KIND(SEMAPHORE),
    [CP_OP_SEM_POST] = KIND(SEMAPHORE),
    [CP_OP_EVENT_WAIT] = KIND(EVENT),
    [CP_OP_EVENT_SET] = KIND(EVENT),
    [CP_OP_EVENT_CLEAR] = KIND(EVENT),
    [CP_OP_COND_WAIT] = KIND(CONDITION),
    [CP_OP_COND_SIGNAL] = KIND(CONDITION),
    [CP_OP_BARRIER] = KIND(BARRIER),
    [CP_OP_SEND] = KIND(QUEUE) | KIND(PIPE) | KIND(SOCKET),
    [CP_OP_RECV] = KIND(QUEUE) | KIND(PIPE) | KIND(SOCKET),
    [CP_OP_TOUCH] = KIND(OBJECT),
    [CP_OP_QUEUE_FEED] = KIND(QUEUE),
};

/* The object is there, and it is one that the operation can be done to. */
static bool check_object(Check *check, uint32_t obj, CpOp op)
{
    const CpWorkload *w = check->w;
    if (!exists(check, "object", obj, w->objs->len)) {
        return false;
    }
    const CpObjDecl *o = cp_obj_decl(w, obj);
    return kinds_of_op[op] >> o->kind & 1 ||
           fail(check, "is done to object %u (%s), which is a %s", obj,
                cp_workload_text(w, o->name), cp_obj_kind_name(o->kind));
}

static bool check_operand(Check *check, char letter, const CpInsn *insn)
{
    const CpWorkload *w = check->w;
    switch (letter) {
    case 'D':
        return check_argument(check, insn->a, insn->c, insn->op == CP_OP_IO);
    case 'k':
        return exists(check, "constant", insn->c, w->consts->len);
    case 'K':
        return exists(check, "constant", insn->b, w->consts->len);
    case 's':
        return check_string(check, insn->c);
    case 'o':
        return check_object(check, insn->c, (CpOp)insn->op);
    case 'O':
        return check_object(check, insn->b, (CpOp)insn->op);
    case 'h':
        return exists(check, "histogram", insn->c, w->hists->len);
    case 'v':
        return exists(check, "variable", insn->c, w->vars->len);
    case 'l':
        return exists(check, "list", insn->c, w->lists->len);
    case 'm':
        return exists(check, "CPU mask", insn->c, w->masks->len);
    case 'j':
        return exists(check, "instruction", insn->c, w->code->len);
    case 'T':
        return check_thread_operand(check, insn);
    case 'i':
        return exists(check, "arrival stream", insn->c, w->arrivals->len);
    case 'A':
        return exists(check, "attributes", insn->c, w->attrs->len);
    case 'f':
        return check_call(check, insn);
    case 'p':
        return exists(check, "pool", insn->c, w->pools->len);
    case '+':
        return insn->a <= CP_DIV || fail(check, "has the unknown operator %u", insn->a);
    case '?':
        return insn->a <= CP_GE || fail(check, "has the unknown comparison %u", insn->a);
    case 'P':
        return w->replay != NULL || fail(check, "has nothing to replay");
    default: /* registers, checked along the paths; n takes any value */
        return true;
    }
}

/* One above the highest register a call reads. */
static uint32_t registers_of_call(const CpWorkload *w, const CpInsn *insn)
{
    const CpCallDecl *call = cp_call_decl(w, insn->c);
    uint32_t n = call->n_args == 0 ? 0 : (uint32_t)call->first_arg + call->n_args;
    if (insn->op == CP_OP_MAP && call->list == CP_NONE) {
        n = MAX(n, call->from + 2u);
    }
    if (insn->op == CP_OP_CALL_SOON && call->delay_arg == CP_ARG_REG) {
        n = MAX(n, call->delay + 1);
    }
    return n;
}

/* One above the highest register the instruction names. */
static uint32_t registers_used(const CpWorkload *w, const CpInsn *insn)
{
    uint32_t n = 0;
    for (const char *p = cp_op_info(insn->op)->operands; *p != '\0'; p++) {
        uint32_t need = 0;
        switch (*p) {
        case 'r':
            need = insn->b + 1u;
            break;
        case 't':
        case 'z':
            need = insn->b == CP_REG_NONE ? 0 : insn->b + 1u;
            break;
        case '?':
        case 'P':
            need = insn->b + 2u;
            break;
        case 'R':
            need = insn->a + 1u;
            break;
        case 'S':
            need = insn->b == 0 ? 0 : (uint32_t)insn->a + insn->b;
            break;
        case 'x':
            need = MAX(insn->c & 0xffff, insn->c >> 16) + 1;
            break;
        case 'D':
            need = (insn->a & CP_ARG_MASK) == CP_ARG_REG ? insn->c + 1 : 0;
            break;
        case 'f':
            need = registers_of_call(w, insn);
            break;
        default:
            break;
        }
        n = MAX(n, need);
    }
    return n;
}

static void name_insn(Check *check, uint32_t pc)
{
    const CpInsn *insn = cp_insn(check->w, pc);
    uint32_t line = g_array_index(check->w->line, uint32_t, pc);
    g_snprintf(check->subject, sizeof check->subject, "instruction %u (%s, line %u)", pc,
               insn->op < CP_OP_COUNT ? cp_op_info(insn->op)->name : "?", line);
}

static bool check_code(Check *check)
{
    for (uint32_t pc = 0; pc < check->w->code->len; pc++) {
        const CpInsn *insn = cp_insn(check->w, pc);
        name_insn(check, pc);
        if (insn->op >= CP_OP_COUNT) {
            return fail(check, "has the unknown operation %u", insn->op);
        }
        for (const char *p = cp_op_info(insn->op)->operands; *p != '\0'; p++) {
            if (!check_operand(check, *p, insn)) {
                return false;
            }
        }
    }
    return true;
}

/* --- paths --- */

typedef struct {
    uint8_t *seen;   /* by pc: is or was on the stack */
    GArray *pending; /* uint32_t pcs */
    bool replays;    /* the targets of REPLAY have been walked to */
} Walk;

static void walk_to(Walk *walk, uint32_t pc)
{
    if (!walk->seen[pc]) {
        walk->seen[pc] = 1;
        g_array_append_val(walk->pending, pc);
    }
}

/* A piece of a recording may go on at any target. */
static void walk_to_targets(const Check *check, Walk *walk)
{
    const GArray *targets = check->w->replay->targets;
    for (guint i = 0; i < targets->len && !walk->replays; i++) {
        walk_to(walk, g_array_index(targets, uint32_t, i));
    }
    walk->replays = true;
}

/* Pushes where control can go from pc; false if it can run past the end. */
static bool walk_on(Check *check, Walk *walk, uint32_t pc)
{
    const CpInsn *insn = cp_insn(check->w, pc);
    bool falls = true;
    switch (insn->op) {
    case CP_OP_RETURN: /* its call has gone on behind itself already */
    case CP_OP_PY_RETURN:
    case CP_OP_RAISE:
    case CP_OP_RERAISE:
    case CP_OP_EXIT:
    case CP_OP_EXIT_PROCESS:
    case CP_OP_STOP:
        falls = false;
        break;
    case CP_OP_JUMP:
        falls = false;
        walk_to(walk, insn->c);
        break;
    case CP_OP_REPLAY:
        falls = false;
        walk_to_targets(check, walk);
        break;
    case CP_OP_ARRIVE_END:
        falls = false;
        /* fall through */
    case CP_OP_ARRIVALS:
        walk_to(walk, g_array_index(check->w->arrivals, CpArrivalsDecl, insn->c).end);
        break;
    default:
        if (strchr(cp_op_info(insn->op)->operands, 'j') != NULL) {
            walk_to(walk, insn->c);
        }
        break;
    }
    if (falls && pc + 1 >= check->w->code->len) {
        name_insn(check, pc);
        return fail(check, "can run past the end of the program");
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

static bool walk_start(Check *check, Walk *walk, const Start *start)
{
    walk_to(walk, start->entry);
    while (walk->pending->len > 0) {
        uint32_t pc = g_array_index(walk->pending, uint32_t, walk->pending->len - 1);
        g_array_set_size(walk->pending, walk->pending->len - 1);
        uint32_t need = registers_used(check->w, cp_insn(check->w, pc));
        if (need > start->n_regs) {
            name_insn(check, pc);
            return fail(check, "uses register %u, but %s '%s' has %u", need - 1,
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
static bool check_paths(Check *check)
{
    const CpWorkload *w = check->w;
    g_autoptr(GArray) starts = starts_of(w);
    g_autofree uint8_t *seen = g_malloc0(w->code->len + 1);
    g_autoptr(GArray) pending = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    Walk walk = {seen, pending, false};
    for (guint i = 0; i < starts->len; i++) {
        if (!walk_start(check, &walk, &g_array_index(starts, Start, i))) {
            return false;
        }
    }
    return true;
}

/* --- declarations --- */

static bool check_attr(Check *check, const CpSchedAttr *attr)
{
    if (attr->policy > CP_SCHED_DEADLINE) {
        return fail(check, "has the unknown scheduling policy %u", (unsigned)attr->policy);
    }
    if (attr->nice < -20 || attr->nice > 19) {
        return fail(check, "has nice %d, expected -20 to 19", attr->nice);
    }
    return exists_or_none(check, "CPU mask", attr->cpus, check->w->masks->len);
}

static bool check_registers(Check *check, uint32_t n_regs)
{
    return (n_regs >= CP_REG_FREE && n_regs < CP_REG_NONE) ||
           fail(check, "has %u registers, expected %d to %d", n_regs, CP_REG_FREE,
                CP_REG_NONE - 1);
}

static bool check_threads(Check *check)
{
    const CpWorkload *w = check->w;
    for (uint32_t i = 0; i < w->threads->len; i++) {
        const CpThreadDecl *t = cp_thread_decl(w, i);
        name_subject(check, "thread", i, t->name);
        if (!check_string(check, t->name) || !check_attr(check, &t->attr) ||
            !exists(check, "process", t->proc, w->procs->len) ||
            !exists(check, "instruction", t->entry, w->code->len) ||
            !exists_or_none(check, "group", t->group, w->groups->len) ||
            !exists_or_none(check, "CPU", t->start_cpu, CP_CPUS_MAX) ||
            !exists_or_none(check, "interpreter", t->interp, w->interps->len) ||
            !check_registers(check, t->n_regs)) {
            return false;
        }
        if (t->start < 0) {
            return fail(check, "starts before the beginning");
        }
    }
    return true;
}

static bool check_tasks(Check *check)
{
    const CpWorkload *w = check->w;
    for (uint32_t i = 0; i < w->tasks->len; i++) {
        const CpTaskDecl *t = cp_task_decl(w, i);
        name_subject(check, "task", i, t->name);
        if (!check_string(check, t->name) ||
            !exists(check, "process", t->proc, w->procs->len) ||
            !exists(check, "instruction", t->entry, w->code->len) ||
            (t->run_var != CP_NONE &&
             !exists(check, "variable", t->run_var, w->vars->len)) ||
            !check_registers(check, t->n_regs)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < w->calls->len; i++) {
        const CpCallDecl *c = cp_call_decl(w, i);
        g_snprintf(check->subject, sizeof check->subject, "call %u", i);
        if (!exists(check, "task", c->task, w->tasks->len) ||
            !exists_or_none(check, "pool", c->pool, w->pools->len) ||
            !exists_or_none(check, "thread", c->thread, w->threads->len) ||
            !exists_or_none(check, "list", c->list, w->lists->len) ||
            !check_argument(check, c->delay_arg, c->delay, true)) {
            return false;
        }
    }
    return true;
}

static bool check_pools(Check *check)
{
    const CpWorkload *w = check->w;
    for (uint32_t i = 0; i < w->pools->len; i++) {
        const CpPoolDecl *p = cp_pool_decl(w, i);
        name_subject(check, "pool", i, p->name);
        if (!check_string(check, p->name) ||
            !exists(check, "process", p->proc, w->procs->len) ||
            !exists(check, "thread", p->worker, w->threads->len) ||
            !exists_or_none(check, "thread", p->manager, w->threads->len) ||
            !exists_or_none(check, "thread", p->feeder, w->threads->len)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < w->interps->len; i++) {
        const CpInterpDecl *p = &g_array_index(w->interps, CpInterpDecl, i);
        name_subject(check, "interpreter", i, p->name);
        if (!check_string(check, p->name) ||
            !exists(check, "process", p->proc, w->procs->len)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < w->handlers->len; i++) {
        const CpHandlerDecl *h = &g_array_index(w->handlers, CpHandlerDecl, i);
        g_snprintf(check->subject, sizeof check->subject, "signal handler %u", i);
        if (!exists(check, "process", h->proc, w->procs->len) ||
            !exists(check, "task", h->task, w->tasks->len)) {
            return false;
        }
    }
    return true;
}

static bool check_objects(Check *check)
{
    const CpWorkload *w = check->w;
    for (uint32_t i = 0; i < w->objs->len; i++) {
        const CpObjDecl *o = cp_obj_decl(w, i);
        name_subject(check, "object", i, o->name);
        if (!check_string(check, o->name) ||
            !exists(check, "kind", o->kind, CP_OBJ_KINDS) ||
            !exists_or_none(check, "process", o->proc, w->procs->len) ||
            !exists_or_none(check, "object", o->lock, w->objs->len) ||
            !exists_or_none(check, "thread", o->feeder, w->threads->len) ||
            !check_argument(check, o->service_arg, o->service, true)) {
            return false;
        }
        CpObjKind lock = o->lock != CP_NONE ? cp_obj_decl(w, o->lock)->kind : CP_OBJ_LOCK;
        if (lock != CP_OBJ_LOCK && lock != CP_OBJ_RLOCK) {
            return fail(check, "has object %u for a lock, which is none", o->lock);
        }
    }
    return true;
}

static bool check_processes(Check *check)
{
    const CpWorkload *w = check->w;
    for (uint32_t i = 0; i < w->procs->len; i++) {
        const CpProcDecl *p = cp_proc_decl(w, i);
        name_subject(check, "process", i, p->name);
        if (!check_string(check, p->name) || !check_string(check, p->runtime) ||
            !exists_or_none(check, "string", p->version, w->strings->len) ||
            !exists(check, "group", p->group, w->groups->len) ||
            !exists_or_none(check, "process", p->parent, w->procs->len) ||
            !exists(check, "thread", (uint64_t)p->first_thread + p->n_threads,
                    w->threads->len + 1)) {
            return false;
        }
    }
    return true;
}

static bool check_groups(Check *check)
{
    const CpWorkload *w = check->w;
    for (uint32_t i = 0; i < w->groups->len; i++) {
        const CpGroupDecl *g = cp_group_decl(w, i);
        name_subject(check, "group", i, g->name);
        /* A parent comes before its children, so there are no rings. */
        if (!check_string(check, g->name) ||
            !exists_or_none(check, "CPU mask", g->cpus, w->masks->len) ||
            !(i == 0 ? g->parent == CP_NONE || fail(check, "has a parent")
                     : exists(check, "earlier group", g->parent, i))) {
            return false;
        }
    }
    return true;
}

static bool check_dist(Check *check, const CpDist *d)
{
    const CpWorkload *w = check->w;
    switch (d->kind) {
    case CP_DIST_CONST:
    case CP_DIST_EXP:
        return true;
    case CP_DIST_UNIFORM:
        return d->p[0] <= d->p[1] || fail(check, "has an upper end below the lower one");
    case CP_DIST_NORMAL:
    case CP_DIST_LOGNORMAL:
        return d->p[1] >= 0 || fail(check, "has a negative sigma");
    case CP_DIST_PARETO:
    case CP_DIST_WEIBULL:
        return d->p[1] > 0 || fail(check, "has a shape that is not above zero");
    case CP_DIST_CHOICE:
    case CP_DIST_EMPIRICAL:
        if (d->p[0] < 0 || d->p[1] < 1 || d->p[1] > w->values->len) {
            return fail(check, "has no values");
        }
        return exists(check, "value", (uint64_t)d->p[0] + (uint64_t)d->p[1] - 1,
                      w->values->len);
    default:
        return fail(check, "is of the unknown kind %u", d->kind);
    }
}

static bool check_dists(Check *check)
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
            !exists_or_none(check, "CPU mask", n->cpus, w->masks->len)) {
            return false;
        }
    }
    return true;
}

static bool check_lists(Check *check)
{
    const CpWorkload *w = check->w;
    for (uint32_t i = 0; i < w->lists->len; i++) {
        const CpList *list = &g_array_index(w->lists, CpList, i);
        g_snprintf(check->subject, sizeof check->subject, "list %u", i);
        if (!exists(check, "value", (uint64_t)list->first + list->n, w->values->len + 1)) {
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

static bool check_arrivals(Check *check)
{
    const CpWorkload *w = check->w;
    for (uint32_t i = 0; i < w->arrivals->len; i++) {
        const CpArrivalsDecl *a = &g_array_index(w->arrivals, CpArrivalsDecl, i);
        g_snprintf(check->subject, sizeof check->subject, "arrival stream %u", i);
        bool is_listed = a->arg == CP_ARG_NONE;
        if (!exists(check, "instruction", a->end, w->code->len) ||
            !(is_listed ? exists(check, "list", a->gap, w->lists->len)
                        : check_argument(check, a->arg, a->gap, false))) {
            return false;
        }
    }
    return true;
}

static bool check_targets(Check *check)
{
    const CpReplay *replay = check->w->replay;
    g_snprintf(check->subject, sizeof check->subject, "replay");
    for (guint i = 0; replay != NULL && i < replay->targets->len; i++) {
        if (!exists(check, "instruction", g_array_index(replay->targets, uint32_t, i),
                    check->w->code->len)) {
            return false;
        }
    }
    return true;
}

static bool check_names(Check *check)
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
            !exists_or_none(check, "process", v->proc, w->procs->len)) {
            return false;
        }
    }
    return true;
}

static bool check_at(Check *check, const CpAtDecl *at)
{
    const CpWorkload *w = check->w;
    if (at->at < 0) {
        return fail(check, "happens before the beginning");
    }
    switch (at->kind) {
    case CP_AT_NICE:
        return exists(check, "thread", at->subject, w->threads->len);
    case CP_AT_CPUS:
        return exists(check, "thread", at->subject, w->threads->len) &&
               exists(check, "CPU mask", (uint64_t)at->value, w->masks->len);
    case CP_AT_QUOTA:
    case CP_AT_WEIGHT:
        return exists(check, "group", at->subject, w->groups->len);
    case CP_AT_OFFLINE:
    case CP_AT_ONLINE:
        return exists(check, "CPU mask", at->subject, w->masks->len);
    case CP_AT_STOP:
        return true;
    }
    return fail(check, "is of the unknown kind %u", (unsigned)at->kind);
}

static int compare_ats(const void *a, const void *b)
{
    const CpAtDecl *x = a, *y = b;
    return x->at < y->at ? -1 : x->at > y->at;
}

static bool check_ats(Check *check)
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
    Check check = {.w = w, .error = error};
    return check_names(&check) && check_groups(&check) && check_lists(&check) &&
           check_dists(&check) && check_objects(&check) && check_processes(&check) &&
           check_threads(&check) && check_tasks(&check) && check_pools(&check) &&
           check_arrivals(&check) && check_ats(&check) && check_targets(&check) &&
           check_code(&check) && check_paths(&check);
}
