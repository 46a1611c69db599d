#include "sim/operand.h"

#include "sim/assert.h"
#include "sim/error.h"
#include "sim/params.h"

#include <inttypes.h>

/* Decides what an operand letter means: one row each in the table at the end, with how it
 * is checked, which registers it names and how a listing shows it. */

bool cp_check_fail(CpCheck *check, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(check->error, CP_ERROR, CP_ERROR_INPUT, "invalid program: %s %s",
                check->subject, text);
    return false;
}

bool cp_check_exists(CpCheck *check, const char *what, uint64_t index, guint n)
{
    return index < n ||
           cp_check_fail(check, "refers to %s %" PRIu64 " of %u", what, index, n);
}

bool cp_check_exists_or_none(CpCheck *check, const char *what, uint32_t index, guint n)
{
    return index == CP_NONE || cp_check_exists(check, what, index, n);
}

bool cp_check_argument(CpCheck *check, unsigned arg, uint32_t index, bool may_lack)
{
    switch (arg & CP_ARG_MASK) {
    case CP_ARG_CONST:
        return cp_check_exists(check, "constant", index, check->w->consts->len);
    case CP_ARG_REG:
        return index < CP_REG_NONE || cp_check_fail(check, "refers to register %u", index);
    case CP_ARG_DIST:
        return cp_check_exists(check, "distribution", index, check->w->dists->len);
    case CP_ARG_NONE:
        return may_lack || cp_check_fail(check, "has no duration");
    default:
        return cp_check_fail(check, "has a duration of unknown kind %u", arg);
    }
}

/* --- checks: does the operand name a row that is there, of the right kind? --- */

/* One that is spawned must have room for its arguments. */
static bool check_arguments(CpCheck *check, const CpInsn *insn)
{
    if (insn->c >= check->w->threads->len) {
        return true; /* refused as a thread */
    }
    uint32_t n_regs = cp_thread_decl(check->w, insn->c)->n_regs;
    return CP_REG_FREE + (uint32_t)insn->b <= n_regs ||
           cp_check_fail(check, "passes %u arguments to a thread of %u registers", insn->b,
                         n_regs);
}

static bool check_thread(CpCheck *check, const CpInsn *insn)
{
    return cp_check_exists(check, "thread", insn->c, check->w->threads->len);
}

static bool check_thread_or_all(CpCheck *check, const CpInsn *insn)
{
    return cp_check_exists_or_none(check, "thread", insn->c, check->w->threads->len);
}

/* A call passes what the task has room for: its arguments and `more`. */
static bool check_call_of(CpCheck *check, const CpInsn *insn, uint32_t more)
{
    const CpWorkload *w = check->w;
    if (!cp_check_exists(check, "call", insn->c, w->calls->len)) {
        return false;
    }
    const CpCallDecl *call = cp_call_decl(w, insn->c);
    uint32_t n = call->n_args + more;
    uint32_t n_regs = cp_task_decl(w, call->task)->n_regs;
    return CP_REG_FREE + n <= n_regs ||
           cp_check_fail(check, "passes %u arguments to a task of %u registers", n, n_regs);
}

static bool check_call(CpCheck *check, const CpInsn *insn)
{
    return check_call_of(check, insn, 0);
}

static bool has_pool(CpCheck *check, const CpInsn *insn)
{
    cp_assert(insn->c < check->w->calls->len);
    return cp_call_decl(check->w, insn->c)->pool != CP_NONE ||
           cp_check_fail(check, "names no pool");
}

static bool check_pool_call(CpCheck *check, const CpInsn *insn)
{
    return check_call_of(check, insn, 0) && has_pool(check, insn);
}

/* The element comes on top. */
static bool check_each_call(CpCheck *check, const CpInsn *insn)
{
    return check_call_of(check, insn, 1) && has_pool(check, insn);
}

/* The object is there, and it is one that the operation can be done to. */
static bool check_object_at(CpCheck *check, uint32_t obj, CpOp op)
{
    const CpWorkload *w = check->w;
    if (!cp_check_exists(check, "object", obj, w->objs->len)) {
        return false;
    }
    const CpObjDecl *o = cp_obj_decl(w, obj);
    return cp_op_info(w, op)->objects >> o->kind & 1 ||
           cp_check_fail(check, "is done to object %u (%s), which is a %s", obj,
                         cp_workload_text(w, o->name), cp_obj_kind_name(o->kind));
}

static bool check_object(CpCheck *check, const CpInsn *insn)
{
    return check_object_at(check, insn->c, insn->op);
}

static bool check_object_b(CpCheck *check, const CpInsn *insn)
{
    return check_object_at(check, insn->b, insn->op);
}

static bool check_duration(CpCheck *check, const CpInsn *insn)
{
    return cp_check_argument(check, insn->a, insn->c, false);
}

static bool check_duration_or_none(CpCheck *check, const CpInsn *insn)
{
    return cp_check_argument(check, insn->a, insn->c, true);
}

static bool check_arith(CpCheck *check, const CpInsn *insn)
{
    return insn->a <= CP_DIV ||
           cp_check_fail(check, "has the unknown operator %u", insn->a);
}

static bool check_comparison(CpCheck *check, const CpInsn *insn)
{
    return insn->a <= CP_GE ||
           cp_check_fail(check, "has the unknown comparison %u", insn->a);
}

static bool check_replay(CpCheck *check, const CpInsn *insn)
{
    (void)insn; /* its registers are checked along the paths */
    return check->w->replay != NULL || cp_check_fail(check, "has nothing to replay");
}

/* Operands that are an index of a table and nothing else. */
#define CHECK_ROW(name, what, field, table)                                                \
    static bool check_##name(CpCheck *check, const CpInsn *insn)                           \
    {                                                                                      \
        return cp_check_exists(check, what, insn->field, check->w->table->len);            \
    }
CHECK_ROW(const, "constant", c, consts)
CHECK_ROW(const_b, "constant", b, consts)
CHECK_ROW(string, "string", c, strings)
CHECK_ROW(hist, "histogram", c, hists)
CHECK_ROW(var, "variable", c, vars)
CHECK_ROW(list, "list", c, lists)
CHECK_ROW(mask, "CPU mask", c, masks)
CHECK_ROW(target, "instruction", c, code)
CHECK_ROW(stream, "arrival stream", c, arrivals)
CHECK_ROW(attr, "attributes", c, attrs)
CHECK_ROW(pool, "pool", c, pools)

/* Values the template of a line has a place for. */
static unsigned n_values(const char *template)
{
    unsigned n = 0;
    for (const char *c = template; *c != '\0'; c++) {
        if (*c == '{') {
            c++;
            n += *c != '{' && *c != '@';
        }
        if (*c == '\0') {
            break;
        }
    }
    return n;
}

static bool check_line(CpCheck *check, const CpInsn *insn)
{
    if (!check_string(check, insn)) {
        return false;
    }
    unsigned n = n_values(cp_workload_text(check->w, insn->c));
    return n == insn->a ||
           cp_check_fail(check, "prints %u values, the line has %u", insn->a, n);
}

/* --- registers --- */

static void name_regs(CpRegsNamed *regs, uint32_t first, uint32_t n)
{
    cp_assert(n <= CP_REG_NONE);
    if (n > 0) {
        regs->end = MAX(regs->end, first + n);
        regs->release |= first <= CP_REG_RELEASE && first + n > CP_REG_RELEASE;
    }
}

static void regs_b(const CpWorkload *w, const CpInsn *insn, CpRegsNamed *regs)
{
    (void)w; /* only the instruction says */
    name_regs(regs, insn->b, 1);
}

static void regs_b_or_none(const CpWorkload *w, const CpInsn *insn, CpRegsNamed *regs)
{
    (void)w; /* only the instruction says */
    name_regs(regs, insn->b, insn->b != CP_REG_NONE);
}

static void regs_b_pair(const CpWorkload *w, const CpInsn *insn, CpRegsNamed *regs)
{
    (void)w; /* only the instruction says */
    name_regs(regs, insn->b, 2);
}

static void regs_a(const CpWorkload *w, const CpInsn *insn, CpRegsNamed *regs)
{
    (void)w; /* only the instruction says */
    name_regs(regs, insn->a, 1);
}

static void regs_arguments(const CpWorkload *w, const CpInsn *insn, CpRegsNamed *regs)
{
    (void)w; /* only the instruction says */
    name_regs(regs, insn->a, insn->b);
}

static void regs_line(const CpWorkload *w, const CpInsn *insn, CpRegsNamed *regs)
{
    (void)w; /* only the instruction says */
    name_regs(regs, insn->b, insn->a);
}

static void regs_c(const CpWorkload *w, const CpInsn *insn, CpRegsNamed *regs)
{
    (void)w; /* only the instruction says */
    name_regs(regs, insn->c & 0xffff, 1);
}

static void regs_c_pair(const CpWorkload *w, const CpInsn *insn, CpRegsNamed *regs)
{
    regs_c(w, insn, regs);
    name_regs(regs, insn->c >> 16, 1);
}

static void regs_duration(const CpWorkload *w, const CpInsn *insn, CpRegsNamed *regs)
{
    (void)w; /* only the instruction says */
    name_regs(regs, insn->c, (insn->a & CP_ARG_MASK) == CP_ARG_REG);
}

static void regs_call(const CpWorkload *w, const CpInsn *insn, CpRegsNamed *regs)
{
    cp_assert(insn->c < w->calls->len);
    const CpCallDecl *call = cp_call_decl(w, insn->c);
    name_regs(regs, call->first_arg, call->n_args);
    name_regs(regs, call->delay, call->delay_arg == CP_ARG_REG);
}

/* Without a list the elements are the integers between two registers. */
static void regs_each_call(const CpWorkload *w, const CpInsn *insn, CpRegsNamed *regs)
{
    const CpCallDecl *call = cp_call_decl(w, insn->c);
    regs_call(w, insn, regs);
    name_regs(regs, call->from, call->list == CP_NONE ? 2 : 0);
}

/* --- how a listing shows them --- */

const char *cp_operand_name(const CpWorkload *w, uint32_t string)
{
    return string < w->strings->len ? cp_workload_text(w, string) : "?";
}

static void add_reg(GString *out, uint32_t reg)
{
    if (reg == CP_REG_RELEASE) {
        g_string_append(out, "release");
    } else if (reg == CP_REG_VALUE) {
        g_string_append(out, "value");
    } else {
        g_string_append_printf(out, "r%u", reg);
    }
}

static void add_time(GString *out, CpTime t)
{
    g_autofree char *text = cp_format_time(t);
    g_string_append(out, text);
}

/* ppm without trailing zeros. */
static void add_ppm(GString *out, int64_t ppm)
{
    g_autofree char *text = cp_format_decimal(ppm, 6);
    g_string_append(out, text);
}

static void add_const(const CpWorkload *w, GString *out, uint32_t c, bool is_time)
{
    if (c >= w->consts->len) {
        g_string_append_printf(out, "constant %u?", c);
    } else if (is_time) {
        add_time(out, g_array_index(w->consts, int64_t, c));
    } else {
        g_string_append_printf(out, "%" PRId64, g_array_index(w->consts, int64_t, c));
    }
}

static void add_dist(const CpWorkload *w, GString *out, uint32_t c)
{
    static const struct {
        const char *name;
        bool has_second, is_second_ppm;
    } kinds[] = {
        [CP_DIST_CONST] = {"const", false, false},
        [CP_DIST_UNIFORM] = {"uniform", true, false},
        [CP_DIST_EXP] = {"exp", false, false},
        [CP_DIST_NORMAL] = {"normal", true, false},
        [CP_DIST_LOGNORMAL] = {"lognormal", true, true},
        [CP_DIST_PARETO] = {"pareto", true, true},
        [CP_DIST_WEIBULL] = {"weibull", true, true},
        [CP_DIST_CHOICE] = {"choice", false, false},
        [CP_DIST_EMPIRICAL] = {"empirical", false, false},
    };
    const CpDist *d = c < w->dists->len ? &g_array_index(w->dists, CpDist, c) : NULL;
    if (d == NULL || d->kind >= G_N_ELEMENTS(kinds)) {
        g_string_append_printf(out, "distribution %u?", c);
        return;
    }
    g_string_append_printf(out, "%s(", kinds[d->kind].name);
    if (d->kind == CP_DIST_CHOICE || d->kind == CP_DIST_EMPIRICAL) {
        g_string_append_printf(out, "%" PRId64 " values)", d->p[1]);
        return;
    }
    add_time(out, d->p[0]);
    if (kinds[d->kind].has_second) {
        g_string_append(out, ", ");
        if (kinds[d->kind].is_second_ppm) {
            add_ppm(out, d->p[1]);
        } else {
            add_time(out, d->p[1]);
        }
    }
    g_string_append_c(out, ')');
}

static void print_duration(const CpWorkload *w, const CpInsn *insn, GString *out)
{
    switch (insn->a & CP_ARG_MASK) {
    case CP_ARG_CONST:
        add_const(w, out, insn->c, !(insn->a & CP_ARG_SIZE));
        g_string_append(out, insn->a & CP_ARG_SIZE ? " bytes" : "");
        break;
    case CP_ARG_REG:
        add_reg(out, insn->c);
        break;
    case CP_ARG_DIST:
        add_dist(w, out, insn->c);
        break;
    default:
        g_string_append(out, "own time");
        break;
    }
    if (insn->a & CP_ARG_RELATIVE) {
        g_string_append(out, " relative");
    }
}

static void print_list(const CpWorkload *w, const CpInsn *insn, GString *out)
{
    const CpList *list =
        insn->c < w->lists->len ? &g_array_index(w->lists, CpList, insn->c) : NULL;
    g_string_append_printf(out, "list %u (%u values)", insn->c, list != NULL ? list->n : 0);
}

static void print_mask(const CpWorkload *w, const CpInsn *insn, GString *out)
{
    if (insn->c >= w->masks->len) {
        g_string_append_printf(out, "mask %u?", insn->c);
        return;
    }
    const CpCpuMask *mask = &g_array_index(w->masks, CpCpuMask, insn->c);
    const char *separator = "cpus ";
    for (CpCpu cpu = cp_cpumask_next(mask, 0); cpu != CP_NONE;) {
        CpCpu last = cpu;
        while (last + 1 < CP_CPUS_MAX && cp_cpumask_has(mask, last + 1)) {
            last++;
        }
        g_string_append_printf(out, last > cpu ? "%s%u-%u" : "%s%u", separator, cpu, last);
        separator = ",";
        cpu = last + 1 < CP_CPUS_MAX ? cp_cpumask_next(mask, last + 1) : CP_NONE;
    }
}

static void print_attr(const CpWorkload *w, const CpInsn *insn, GString *out)
{
    const CpSchedAttr *attr =
        insn->c < w->attrs->len ? &g_array_index(w->attrs, CpSchedAttr, insn->c) : NULL;
    if (attr == NULL || attr->policy >= CP_SCHED_POLICIES) {
        g_string_append_printf(out, "attributes %u?", insn->c);
        return;
    }
    g_string_append_printf(out, "policy=%s nice=%d prio=%d", cp_sched_name(attr->policy),
                           attr->nice, attr->rt_prio);
}

static void print_thread(const CpWorkload *w, const CpInsn *insn, GString *out)
{
    uint32_t c = insn->c;
    g_string_append_printf(out, "thread %s",
                           c == CP_NONE ? "any"
                           : c < w->threads->len
                               ? cp_operand_name(w, cp_thread_decl(w, c)->name)
                               : "?");
}

static void add_object(const CpWorkload *w, GString *out, uint32_t i)
{
    g_string_append(out,
                    i < w->objs->len ? cp_operand_name(w, cp_obj_decl(w, i)->name) : "?");
}

static void print_object(const CpWorkload *w, const CpInsn *insn, GString *out)
{
    add_object(w, out, insn->c);
}

static void print_object_b(const CpWorkload *w, const CpInsn *insn, GString *out)
{
    add_object(w, out, insn->b);
}

/* "load(r2..r3) on ex" */
static void print_call(const CpWorkload *w, const CpInsn *insn, GString *out)
{
    uint32_t i = insn->c;
    if (i >= w->calls->len || cp_call_decl(w, i)->task >= w->tasks->len) {
        g_string_append_printf(out, "call %u?", i);
        return;
    }
    const CpCallDecl *call = cp_call_decl(w, i);
    g_string_append_printf(out, "%s(",
                           cp_operand_name(w, cp_task_decl(w, call->task)->name));
    if (call->n_args > 0) {
        g_string_append_printf(out, "r%u..r%u", call->first_arg,
                               call->first_arg + call->n_args - 1u);
    }
    g_string_append_c(out, ')');
    if (call->pool < w->pools->len) {
        g_string_append_printf(out, " on %s",
                               cp_operand_name(w, cp_pool_decl(w, call->pool)->name));
    }
}

static void print_flags(const CpWorkload *w, const CpInsn *insn, GString *out)
{
    (void)w; /* only the instruction says */
    g_string_append(out, insn->b & CP_COMPUTE_NOGIL     ? "nogil"
                         : insn->b & CP_COMPUTE_NOCHECK ? "nocheck"
                                                        : "");
}

static void print_b(const CpWorkload *w, const CpInsn *insn, GString *out)
{
    (void)w; /* only the instruction says */
    add_reg(out, insn->b);
}

static void print_timeout(const CpWorkload *w, const CpInsn *insn, GString *out)
{
    (void)w; /* only the instruction says */
    g_string_append(out, "timeout ");
    add_reg(out, insn->b);
}

static void print_a_reg(const CpWorkload *w, const CpInsn *insn, GString *out)
{
    (void)w; /* only the instruction says */
    add_reg(out, insn->a);
}

static void print_b_pair(const CpWorkload *w, const CpInsn *insn, GString *out)
{
    (void)w; /* only the instruction says */
    g_string_append_printf(out, "r%u, r%u", insn->b, insn->b + 1u);
}

static void print_arguments(const CpWorkload *w, const CpInsn *insn, GString *out)
{
    (void)w; /* only the instruction says */
    g_string_append_printf(out, "r%u..r%u", insn->a, insn->a + insn->b - 1);
}

static void print_c_reg(const CpWorkload *w, const CpInsn *insn, GString *out)
{
    (void)w; /* only the instruction says */
    add_reg(out, insn->c & 0xffff);
}

static void print_c_pair(const CpWorkload *w, const CpInsn *insn, GString *out)
{
    (void)w; /* only the instruction says */
    add_reg(out, insn->c & 0xffff);
    g_string_append(out, ", ");
    add_reg(out, insn->c >> 16);
}

static void print_comparison(const CpWorkload *w, const CpInsn *insn, GString *out)
{
    (void)w; /* only the instruction says */
    static const char *const signs[] = {"==", "!=", "<", "<=", ">", ">="};
    add_reg(out, insn->b);
    g_string_append_printf(out, " %s ", insn->a <= CP_GE ? signs[insn->a] : "?");
    add_reg(out, insn->b + 1u);
}

static void print_arith(const CpWorkload *w, const CpInsn *insn, GString *out)
{
    (void)w; /* only the instruction says */
    static const char *const words[] = {"add", "sub", "mul", "div"};
    g_string_append(out, insn->a <= CP_DIV ? words[insn->a] : "?");
}

static void print_const(const CpWorkload *w, const CpInsn *insn, GString *out)
{
    add_const(w, out, insn->c, false);
}

static void print_const_b(const CpWorkload *w, const CpInsn *insn, GString *out)
{
    add_const(w, out, insn->b, false);
}

static void print_target(const CpWorkload *w, const CpInsn *insn, GString *out)
{
    (void)w; /* only the instruction says */
    g_string_append_printf(out, "-> %u", insn->c);
}

static void print_stream(const CpWorkload *w, const CpInsn *insn, GString *out)
{
    (void)w; /* only the instruction says */
    g_string_append_printf(out, "stream %u", insn->c);
}

static void print_a(const CpWorkload *w, const CpInsn *insn, GString *out)
{
    (void)w; /* only the instruction says */
    g_string_append_printf(out, "%u", insn->a);
}

static void print_string(const CpWorkload *w, const CpInsn *insn, GString *out)
{
    g_string_append_printf(out, "\"%s\"", cp_operand_name(w, insn->c));
}

static void print_line(const CpWorkload *w, const CpInsn *insn, GString *out)
{
    g_autofree char *text = g_strescape(cp_operand_name(w, insn->c), NULL);
    g_string_append_printf(out, "\"%s\"", text);
    if (insn->a > 0) {
        g_string_append_printf(out, " r%u..r%u", insn->b, insn->b + insn->a - 1u);
    }
}

static void print_hist(const CpWorkload *w, const CpInsn *insn, GString *out)
{
    g_string_append(out,
                    insn->c < w->hists->len
                        ? cp_operand_name(w, g_array_index(w->hists, uint32_t, insn->c))
                        : "?");
}

static void print_var(const CpWorkload *w, const CpInsn *insn, GString *out)
{
    g_string_append(
        out, insn->c < w->vars->len
                 ? cp_operand_name(w, g_array_index(w->vars, CpVarDecl, insn->c).name)
                 : "?");
}

static void print_pool(const CpWorkload *w, const CpInsn *insn, GString *out)
{
    g_string_append(out, insn->c < w->pools->len
                             ? cp_operand_name(w, cp_pool_decl(w, insn->c)->name)
                             : "?");
}

/* Present in the encoding, but it says nothing. */
static bool lacks_b(const CpInsn *insn)
{
    return insn->b == CP_REG_NONE;
}

static bool has_zero_b(const CpInsn *insn)
{
    return insn->b == 0;
}

/* --- the letters --- */

typedef struct {
    bool (*check)(CpCheck *check, const CpInsn *insn); /* NULL: any value will do */
    void (*registers)(const CpWorkload *w, const CpInsn *insn,
                      CpRegsNamed *regs); /* NULL: none */
    void (*print)(const CpWorkload *w, const CpInsn *insn, GString *out);
    bool (*is_silent)(const CpInsn *insn); /* not listed; NULL: always is */
} Operand;

static const Operand operands[128] = {
    ['D'] = {check_duration, regs_duration, print_duration, NULL},
    ['d'] = {check_duration_or_none, regs_duration, print_duration, NULL},
    ['r'] = {NULL, regs_b, print_b, NULL},
    ['z'] = {NULL, regs_b_or_none, print_b, lacks_b},
    ['t'] = {NULL, regs_b_or_none, print_timeout, lacks_b},
    ['R'] = {NULL, regs_a, print_a_reg, NULL},
    ['S'] = {check_arguments, regs_arguments, print_arguments, has_zero_b},
    ['x'] = {NULL, regs_c_pair, print_c_pair, NULL},
    ['X'] = {NULL, regs_c, print_c_reg, NULL},
    ['n'] = {NULL, NULL, print_a, NULL},
    ['+'] = {check_arith, NULL, print_arith, NULL},
    ['?'] = {check_comparison, regs_b_pair, print_comparison, NULL},
    ['k'] = {check_const, NULL, print_const, NULL},
    ['K'] = {check_const_b, NULL, print_const_b, NULL},
    ['s'] = {check_string, NULL, print_string, NULL},
    ['L'] = {check_line, regs_line, print_line, NULL},
    ['o'] = {check_object, NULL, print_object, NULL},
    ['O'] = {check_object_b, NULL, print_object_b, NULL},
    ['h'] = {check_hist, NULL, print_hist, NULL},
    ['v'] = {check_var, NULL, print_var, NULL},
    ['l'] = {check_list, NULL, print_list, NULL},
    ['m'] = {check_mask, NULL, print_mask, NULL},
    ['j'] = {check_target, NULL, print_target, NULL},
    ['i'] = {check_stream, NULL, print_stream, NULL},
    ['A'] = {check_attr, NULL, print_attr, NULL},
    ['T'] = {check_thread, NULL, print_thread, NULL},
    ['U'] = {check_thread_or_all, NULL, print_thread, NULL},
    ['f'] = {check_call, regs_call, print_call, NULL},
    ['g'] = {check_pool_call, regs_call, print_call, NULL},
    ['e'] = {check_each_call, regs_each_call, print_call, NULL},
    ['p'] = {check_pool, NULL, print_pool, NULL},
    ['F'] = {NULL, NULL, print_flags, has_zero_b},
    ['P'] = {check_replay, regs_b_pair, print_b_pair, NULL},
};

bool cp_operand_known(char letter)
{
    return letter > 0 && (size_t)letter < G_N_ELEMENTS(operands) &&
           operands[(size_t)letter].print != NULL;
}

static const Operand *operand_of(char letter)
{
    cp_require(cp_operand_known(letter));
    return &operands[(size_t)letter];
}

bool cp_check_operands(CpCheck *check, const CpInsn *insn)
{
    for (const char *p = cp_op_info(check->w, insn->op)->operands; *p != '\0'; p++) {
        const Operand *o = operand_of(*p);
        if (o->check != NULL && !o->check(check, insn)) {
            return false;
        }
    }
    return true;
}

CpRegsNamed cp_operands_registers(const CpWorkload *w, const CpInsn *insn)
{
    CpRegsNamed regs = {0, false};
    for (const char *p = cp_op_info(w, insn->op)->operands; *p != '\0'; p++) {
        const Operand *o = operand_of(*p);
        if (o->registers != NULL) {
            o->registers(w, insn, &regs);
        }
    }
    return regs;
}

void cp_operands_print(const CpWorkload *w, const CpInsn *insn, GString *out)
{
    bool is_first = true;
    for (const char *p = cp_op_info(w, insn->op)->operands; *p != '\0'; p++) {
        const Operand *o = operand_of(*p);
        if (o->is_silent == NULL || !o->is_silent(insn)) {
            g_string_append(out, is_first ? "" : ", ");
            o->print(w, insn, out);
            is_first = false;
        }
    }
}
