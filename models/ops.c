#include "models/ops.h"

/* Decides in which order the lists of operations are numbered. */

static const CpOpInfo rows[] = {
#define CP_OP CP_OP_ROW
#include "sim/control-ops.def"
#include "sim/kernel-ops.def"
#include "models/native/sync-ops.def"
#include "models/python/python-ops.def"
#undef CP_OP
};

G_STATIC_ASSERT(G_N_ELEMENTS(rows) == CP_OP_PYTHON + CP_PYTHON_OPS);
G_STATIC_ASSERT(G_N_ELEMENTS(rows) <= 1 << 8 * sizeof(((CpInsn *)0)->op));

const CpOpTable cp_ops = {rows, G_N_ELEMENTS(rows)};
