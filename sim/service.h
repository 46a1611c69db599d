/* The operations of kernel-ops.def. */
#ifndef CP_SIM_SERVICE_H
#define CP_SIM_SERVICE_H

#include "sim/flow.h"

/* One operation of kernel-ops.def each, by its place there; flow->why says why. */
typedef CpStep (*CpService)(CpSim *sim, CpTid tid, CpFlow *flow, const CpInsn *insn);
extern const CpService cp_services[CP_KERNEL_OPS];

#endif
