/* The operations of sim and of every runtime, joined into the table a workload brings along
 * (cp_workload_new).  A runtime's list is one more #include in ops.c, at the place its
 * numbers say. */
#ifndef CP_MODELS_OPS_H
#define CP_MODELS_OPS_H

#include "models/python/python-ops.h"

extern const CpOpTable cp_ops;

#endif
