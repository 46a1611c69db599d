/* Numbers of the operations that only Python threads execute; see sim/op.h. */
#ifndef CP_MODELS_PYTHON_PYTHON_OPS_H
#define CP_MODELS_PYTHON_PYTHON_OPS_H

#include "models/native/sync-ops.h"

enum {
#define CP_OP(NAME, ...) CP_PYTHON_##NAME,
#include "models/python/python-ops.def"
#undef CP_OP
    CP_PYTHON_OPS,
    CP_OP_PYTHON = CP_OP_RUNTIME + CP_SYNC_OPS, /* the first one */
};

typedef enum {
#define CP_OP(NAME, ...) CP_OP_##NAME = CP_OP_PYTHON + CP_PYTHON_##NAME,
#include "models/python/python-ops.def"
#undef CP_OP
} CpPythonOp;

#endif
