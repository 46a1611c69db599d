#include "sim/service.h"

#include "sim/flow.h"
#include "sim/recorder.h"
#include "sim/thread.h"

/* What is recorded of a line the program prints: its template, and its values. */

void cp_print_value(CpSim *sim, CpTid tid, CpPrintValue what, int64_t value)
{
    cp_record_wide(sim, CP_REC_PRINT_VALUE, what, cp_thread(sim, tid)->cpu,
                   cp_record_high(value), tid, cp_record_low(value));
}

void cp_print(CpSim *sim, CpTid tid, const CpFlow *flow, const CpInsn *insn, int64_t task)
{
    cp_assert(insn->c < sim->w->strings->len);
    if (insn->c == 0 || !cp_records(sim, CP_REC_PRINT)) {
        return;
    }
    cp_record_wide(sim, CP_REC_PRINT, insn->c, cp_thread(sim, tid)->cpu, 0, tid, task);
    const int64_t *value = flow->regs == CP_NONE ? NULL : &cp_regs(sim, flow)[insn->b];
    unsigned n = 0;
    for (const char *c = cp_workload_text(sim->w, insn->c); *c != '\0'; c++) {
        if (*c != '{' || *++c == '{' || *c == '@') {
            continue;
        }
        cp_assert(n < insn->a);
        if (*c == 'l' && sim->rt.print_list != NULL) {
            sim->rt.print_list(sim, tid, value[n++]);
        } else {
            cp_print_value(sim, tid, CP_PRINT_NUMBER, value[n++]);
        }
    }
}

int64_t cp_sim_pid(const CpSim *sim, CpTid tid)
{
    enum { FIRST_PID = 1000 };
    return FIRST_PID + (int64_t)cp_thread(sim, tid)->proc;
}
