#include "lang/compiler.h"

/* Decides where the registers of each task, flow and thread lie. */

enum { REGS_MAX = 250 }; /* some instructions name a register in 8 bits */

static void push_down(const GPtrArray *callees, uint32_t end)
{
    for (guint i = 0; i < callees->len; i++) {
        CpcTask *task = g_ptr_array_index(callees, i);
        task->base = MAX(task->base, end);
    }
}

/* End of the frames a piece of code can reach; whether it uses `period`. */
static uint32_t reach(const GPtrArray *callees, const uint32_t *ends, uint32_t end,
                      bool *periodic)
{
    for (guint i = 0; i < callees->len; i++) {
        const CpcTask *task = g_ptr_array_index(callees, i);
        end = MAX(end, ends[task->pc]);
        *periodic = *periodic || task->periodic;
    }
    return end;
}

static bool too_many(Cpc *c, const CpNode *at)
{
    cp_diag_error(c->diag, at->pos,
                  "calls and loops are nested too deeply: more than %d "
                  "values at once",
                  REGS_MAX);
    cp_diag_help(c->diag, "split the work into spawned threads or fewer nested calls");
    return false;
}

/* Gives each task its place behind all callers, then each thread its number of registers.
 * task->pc serves as the row of `ends` until code is emitted. */
static bool layout(Cpc *c, CpcProc *proc)
{
    guint n = proc->task_list->len;
    g_autofree uint32_t *ends = g_new0(uint32_t, n + 1);
    for (guint i = 0; i < proc->thread_list->len; i++) {
        CpcThread *thread = g_ptr_array_index(proc->thread_list, i);
        push_down(thread->callees, CP_REG_FREE + thread->frame);
    }
    for (guint i = 0; i < proc->flow_list->len; i++) {
        CpcFlow *flow = g_ptr_array_index(proc->flow_list, i);
        push_down(flow->callees, CP_REG_FREE + flow->frame);
    }
    uint32_t all = CP_REG_FREE;
    for (guint i = 0; i < n; i++) {
        CpcTask *task = g_ptr_array_index(proc->task_list, i);
        task->base = MAX(task->base, CP_REG_FREE);
        task->pc = i;
        push_down(task->callees, task->base + task->frame);
        all = MAX(all, task->base + task->frame);
        if (all > REGS_MAX) {
            return too_many(c, task->node);
        }
    }
    for (guint i = n; i > 0; i--) {
        CpcTask *task = g_ptr_array_index(proc->task_list, i - 1);
        ends[i - 1] = reach(task->callees, ends, task->base + task->frame, &task->periodic);
    }
    for (guint i = 0; i < proc->thread_list->len; i++) {
        const CpcThread *thread = g_ptr_array_index(proc->thread_list, i);
        all = MAX(all, CP_REG_FREE + thread->frame);
        if (all > REGS_MAX) {
            return too_many(c, thread->node);
        }
    }
    for (guint i = 0; i < proc->flow_list->len; i++) {
        const CpcFlow *flow = g_ptr_array_index(proc->flow_list, i);
        all = MAX(all, CP_REG_FREE + flow->frame);
        if (all > REGS_MAX) {
            return too_many(c, flow->body != NULL ? flow->body : flow->task->node);
        }
    }
    proc->grid = (uint16_t)all;
    for (guint i = 0; i < proc->flow_list->len; i++) {
        CpcFlow *flow = g_ptr_array_index(proc->flow_list, i);
        uint32_t end =
            reach(flow->callees, ends, CP_REG_FREE + flow->frame, &flow->periodic);
        cp_task_decl(c->w, flow->index)->n_regs =
            flow->periodic ? (uint32_t)proc->grid + 1 : end;
    }
    for (guint i = 0; i < proc->thread_list->len; i++) {
        CpcThread *thread = g_ptr_array_index(proc->thread_list, i);
        uint32_t end =
            reach(thread->callees, ends, CP_REG_FREE + thread->frame, &thread->periodic);
        cp_thread_decl(c->w, thread->index)->n_regs =
            thread->periodic ? (uint32_t)proc->grid + 1 : end;
    }
    return true;
}

bool cpc_layout(Cpc *c)
{
    for (guint i = 0; i < c->proc_list->len; i++) {
        if (!layout(c, g_ptr_array_index(c->proc_list, i))) {
            return false;
        }
    }
    return true;
}
