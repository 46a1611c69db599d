#include "sim/operand.h"

/* Decides how a compiled workload is shown: `coreplay validate --listing`. */

static void add_insn(const CpWorkload *w, GString *out, uint32_t pc)
{
    const CpInsn *insn = cp_insn(w, pc);
    uint32_t line = g_array_index(w->line, uint32_t, pc);
    g_autofree char *where = line != 0 ? g_strdup_printf("%u", line) : g_strdup("");
    g_string_append_printf(out, "%6u %6s  ", pc, where);
    if (insn->op >= w->ops->n) {
        g_string_append_printf(out, "op %u?\n", insn->op);
        return;
    }
    const CpOpInfo *info = cp_op_info(w, insn->op);
    g_string_append_printf(out, *info->operands != '\0' ? "%-12s " : "%s", info->name);
    cp_operands_print(w, insn, out);
    while (out->str[out->len - 1] == ' ') {
        g_string_truncate(out, out->len - 1);
    }
    g_string_append_c(out, '\n');
}

static void add_heading(const CpWorkload *w, GString *out, const CpThreadDecl *thread)
{
    const char *process = thread->proc < w->procs->len
                              ? cp_operand_name(w, cp_proc_decl(w, thread->proc)->name)
                              : "?";
    g_string_append_printf(out, "thread %s of %s, %u registers",
                           cp_operand_name(w, thread->name), process, thread->n_regs);
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
