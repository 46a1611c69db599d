#include "sim/program.h"

#include "sim/assert.h"
#include "sim/params.h"

#include <inttypes.h>
#include <string.h>

static const char *name_of(const CpWorkload *w, uint32_t string)
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
    g_string_append_printf(out, "%" PRId64 ".%06" PRId64, ppm / 1000000, ppm % 1000000);
    while (out->str[out->len - 1] == '0') {
        g_string_truncate(out, out->len - 1);
    }
    if (out->str[out->len - 1] == '.') {
        g_string_truncate(out, out->len - 1);
    }
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

static void add_duration(const CpWorkload *w, GString *out, const CpInsn *insn)
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

static void add_list(const CpWorkload *w, GString *out, uint32_t c)
{
    const CpList *list = c < w->lists->len ? &g_array_index(w->lists, CpList, c) : NULL;
    g_string_append_printf(out, "list %u (%u values)", c, list != NULL ? list->n : 0);
}

static void add_mask(const CpWorkload *w, GString *out, uint32_t c)
{
    if (c >= w->masks->len) {
        g_string_append_printf(out, "mask %u?", c);
        return;
    }
    const CpCpuMask *mask = &g_array_index(w->masks, CpCpuMask, c);
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

static void add_attr(const CpWorkload *w, GString *out, uint32_t c)
{
    static const char *const policies[] = {"normal", "batch", "idle",
                                           "fifo",   "rr",    "deadline"};
    const CpSchedAttr *attr =
        c < w->attrs->len ? &g_array_index(w->attrs, CpSchedAttr, c) : NULL;
    if (attr == NULL || (size_t)attr->policy >= G_N_ELEMENTS(policies)) {
        g_string_append_printf(out, "attributes %u?", c);
        return;
    }
    g_string_append_printf(out, "policy=%s nice=%d prio=%d", policies[attr->policy],
                           attr->nice, attr->rt_prio);
}

static void add_thread(const CpWorkload *w, GString *out, uint32_t c)
{
    g_string_append_printf(out, "thread %s",
                           c == CP_NONE          ? "any"
                           : c < w->threads->len ? name_of(w, cp_thread_decl(w, c)->name)
                                                 : "?");
}

static void add_object(const CpWorkload *w, GString *out, uint32_t i)
{
    g_string_append(out, i < w->objs->len ? name_of(w, cp_obj_decl(w, i)->name) : "?");
}

/* "load(r2..r3) on ex" */
static void add_call(const CpWorkload *w, GString *out, uint32_t i)
{
    if (i >= w->calls->len || cp_call_decl(w, i)->task >= w->tasks->len) {
        g_string_append_printf(out, "call %u?", i);
        return;
    }
    const CpCallDecl *call = cp_call_decl(w, i);
    g_string_append_printf(out, "%s(", name_of(w, cp_task_decl(w, call->task)->name));
    if (call->n_args > 0) {
        g_string_append_printf(out, "r%u..r%u", call->first_arg,
                               call->first_arg + call->n_args - 1u);
    }
    g_string_append_c(out, ')');
    if (call->pool < w->pools->len) {
        g_string_append_printf(out, " on %s",
                               name_of(w, cp_pool_decl(w, call->pool)->name));
    }
}

static void add_flags(GString *out, const CpInsn *insn)
{
    g_string_append(out, insn->b & CP_COMPUTE_NOGIL     ? "nogil"
                         : insn->b & CP_COMPUTE_NOCHECK ? "nocheck"
                                                        : "");
}

static void add_register_operand(GString *out, char letter, const CpInsn *insn)
{
    switch (letter) {
    case 't':
        g_string_append(out, "timeout ");
        add_reg(out, insn->b);
        break;
    case 'R':
        add_reg(out, insn->a);
        break;
    case 'P':
        g_string_append_printf(out, "r%u, r%u", insn->b, insn->b + 1u);
        break;
    case 'S':
        g_string_append_printf(out, "r%u..r%u", insn->a, insn->a + insn->b - 1);
        break;
    case 'x':
        add_reg(out, insn->c & 0xffff);
        if (insn->op == CP_OP_ARITH) {
            g_string_append(out, ", ");
            add_reg(out, insn->c >> 16);
        }
        break;
    case '?':
        add_reg(out, insn->b);
        g_string_append_printf(
            out, " %s ",
            insn->a <= CP_GE
                ? (const char *const[]){"==", "!=", "<", "<=", ">", ">="}[insn->a]
                : "?");
        add_reg(out, insn->b + 1u);
        break;
    default:
        add_reg(out, insn->b);
        break;
    }
}

static void add_named_operand(const CpWorkload *w, GString *out, char letter,
                              const CpInsn *insn)
{
    switch (letter) {
    case 's':
        g_string_append_printf(out, "\"%s\"", name_of(w, insn->c));
        break;
    case 'o':
        add_object(w, out, insn->c);
        break;
    case 'O':
        add_object(w, out, insn->b);
        break;
    case 'h':
        g_string_append(out, insn->c < w->hists->len
                                 ? name_of(w, g_array_index(w->hists, uint32_t, insn->c))
                                 : "?");
        break;
    case 'v':
        g_string_append(out,
                        insn->c < w->vars->len
                            ? name_of(w, g_array_index(w->vars, CpVarDecl, insn->c).name)
                            : "?");
        break;
    case 'l':
        add_list(w, out, insn->c);
        break;
    case 'm':
        add_mask(w, out, insn->c);
        break;
    case 'A':
        add_attr(w, out, insn->c);
        break;
    case 'T':
        add_thread(w, out, insn->c);
        break;
    case 'f':
        add_call(w, out, insn->c);
        break;
    case 'p':
        g_string_append(out, insn->c < w->pools->len
                                 ? name_of(w, cp_pool_decl(w, insn->c)->name)
                                 : "?");
        break;
    default:
        g_string_append_printf(out, "%c?", letter);
        break;
    }
}

static const char *const arith_words[] = {"add", "sub", "mul", "div"};

static void add_operand(const CpWorkload *w, GString *out, char letter, const CpInsn *insn)
{
    switch (letter) {
    case 'D':
        add_duration(w, out, insn);
        break;
    case 'k':
        add_const(w, out, insn->c, false);
        break;
    case 'K':
        add_const(w, out, insn->b, false);
        break;
    case 'j':
        g_string_append_printf(out, "-> %u", insn->c);
        break;
    case 'i':
        g_string_append_printf(out, "stream %u", insn->c);
        break;
    case 'n':
        g_string_append_printf(out, "%u", insn->a);
        break;
    case 'F':
        add_flags(out, insn);
        break;
    case '+':
        g_string_append(out, insn->a <= CP_DIV ? arith_words[insn->a] : "?");
        break;
    default:
        if (strchr("rztRSPx?", letter) != NULL) {
            add_register_operand(out, letter, insn);
        } else {
            add_named_operand(w, out, letter, insn);
        }
        break;
    }
}

/* An operand that is there in the encoding but says nothing. */
static bool is_silent(char letter, const CpInsn *insn)
{
    return ((letter == 't' || letter == 'z') && insn->b == CP_REG_NONE) ||
           (letter == 'F' && insn->b == 0) || (letter == 'S' && insn->b == 0) ||
           (letter == 'r' && insn->op == CP_OP_JUMP_IF);
}

static void add_insn(const CpWorkload *w, GString *out, uint32_t pc)
{
    const CpInsn *insn = cp_insn(w, pc);
    uint32_t line = g_array_index(w->line, uint32_t, pc);
    g_autofree char *where = line != 0 ? g_strdup_printf("%u", line) : g_strdup("");
    g_string_append_printf(out, "%6u %6s  ", pc, where);
    if (insn->op >= CP_OP_COUNT) {
        g_string_append_printf(out, "op %u?\n", insn->op);
        return;
    }
    const CpOpInfo *info = cp_op_info(insn->op);
    g_string_append_printf(out, *info->operands != '\0' ? "%-12s " : "%s", info->name);
    bool is_first = true;
    for (const char *p = info->operands; *p != '\0'; p++) {
        if (!is_silent(*p, insn)) {
            g_string_append(out, is_first ? "" : ", ");
            add_operand(w, out, *p, insn);
            is_first = false;
        }
    }
    while (out->str[out->len - 1] == ' ') {
        g_string_truncate(out, out->len - 1);
    }
    g_string_append_c(out, '\n');
}

static void add_heading(const CpWorkload *w, GString *out, const CpThreadDecl *thread)
{
    const char *process = thread->proc < w->procs->len
                              ? name_of(w, cp_proc_decl(w, thread->proc)->name)
                              : "?";
    g_string_append_printf(out, "thread %s of %s, %u registers", name_of(w, thread->name),
                           process, thread->n_regs);
    if (thread->flags & CP_THREAD_SPAWNED) {
        g_string_append(out, ", spawned");
    } else if (thread->copies != 1) {
        g_string_append_printf(out, ", %u copies", thread->copies);
    }
    g_string_append(out, thread->flags & CP_THREAD_DAEMON ? ", daemon:\n" : ":\n");
}

/* Threads by entry: those of one entry stay in order of declaration. */
static int compare_entries(const void *a, const void *b)
{
    const CpThreadDecl *x = *(CpThreadDecl *const *)a, *y = *(CpThreadDecl *const *)b;
    return x->entry != y->entry ? (x->entry < y->entry ? -1 : 1) : (x < y ? -1 : x > y);
}

char *cp_workload_listing(const CpWorkload *w)
{
    g_autoptr(GPtrArray) threads = g_ptr_array_new();
    for (uint32_t i = 0; i < w->threads->len; i++) {
        g_ptr_array_add(threads, cp_thread_decl(w, i));
    }
    g_ptr_array_sort(threads, compare_entries);
    GString *out = g_string_new("    pc   line  operation\n");
    guint next = 0;
    for (uint32_t pc = 0; pc < w->code->len; pc++) {
        for (; next < threads->len; next++) {
            const CpThreadDecl *thread = g_ptr_array_index(threads, next);
            if (thread->entry > pc) {
                break;
            }
            add_heading(w, out, thread);
        }
        if (w->replay != NULL && pc == g_array_index(w->replay->targets, uint32_t, 0)) {
            g_string_append(out, "pieces of the recording:\n");
        }
        add_insn(w, out, pc);
    }
    return g_string_free(out, FALSE);
}
