/* The operations of kernel-ops.def. */
#ifndef CP_SIM_SERVICE_H
#define CP_SIM_SERVICE_H

#include "sim/flow.h"

/* One operation of kernel-ops.def each, by its place there; flow->why says why. */
typedef CpStep (*CpService)(CpSim *sim, CpTid tid, CpFlow *flow, const CpInsn *insn);
extern const CpService cp_services[CP_KERNEL_OPS];

/* print.c: a line is printed; `task`: as of a PRINT record, 0: none. */
void cp_print(CpSim *sim, CpTid tid, const CpFlow *flow, const CpInsn *insn, int64_t task);
void cp_print_value(CpSim *sim, CpTid tid, CpPrintValue what, int64_t value);

#endif
