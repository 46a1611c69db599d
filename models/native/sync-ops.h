/* Numbers of the operations on objects between threads; see sim/op.h. */
#ifndef CP_MODELS_NATIVE_SYNC_OPS_H
#define CP_MODELS_NATIVE_SYNC_OPS_H

#include "sim/op.h"

enum {
#define CP_OP(NAME, ...) CP_SYNC_##NAME,
#include "models/native/sync-ops.def"
#undef CP_OP
    CP_SYNC_OPS
};

typedef enum {
#define CP_OP(NAME, ...) CP_OP_##NAME = CP_OP_RUNTIME + CP_SYNC_##NAME,
#include "models/native/sync-ops.def"
#undef CP_OP
} CpSyncOp;

static inline bool cp_op_is_sync(CpOp op)
{
    return op - CP_OP_RUNTIME < CP_SYNC_OPS;
}

#endif
