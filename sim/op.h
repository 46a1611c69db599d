/* Operations: what an instruction can ask for.
 *
 * An operation is one row of a list, and its interpreter.  Enum, dispatch, verifier,
 * listing, the look-ahead of SJF and what the engine needs to know before it has run
 * anything all come from the row.  There are four lists, numbered one after the other:
 *
 *   sim/control-ops.def           takes no time                       sim/flow.c
 *   sim/kernel-ops.def            system calls and computing          sim/service.c
 *   models/native/sync-ops.def    objects between threads             models/native/sync.c
 *   models/python/python-ops.def  what only Python threads do         models/python/
 *
 * sim names only its own two.  From CP_OP_RUNTIME on the process's runtime interprets, and
 * a workload brings the table of all rows along (models/ops.h joins it).
 *
 * A row is CP_OP(NAME, name, "operands", WAITS, FLAGS, OBJECT, "meaning").
 *
 * An instruction is { op, a, b, c } (8, 8, 16 and 32 bits).  Operand letters say how they
 * are read; sim/operand.c has one row a letter:
 *   D  a duration: a = CP_ARG_CONST | CP_ARG_REG | CP_ARG_DIST, c = index
 *   d  the same, or none: a = CP_ARG_NONE
 *   r  b = register           z  b = register or CP_REG_NONE
 *   t  b = register holding a timeout in ns, or CP_REG_NONE
 *   R  a = register           S  a = first of b registers, passed to the thread c
 *   x  c = two registers, low and high half               X  c = register
 *   n  a = small number       +  a = CpArith
 *   ?  a = CpCmp; b and b + 1 = registers
 *   k  c = constant           K  b = constant             s  c = string
 *   L  c = template of a line, see CpPrintValue; a values from register b on
 *   o  c = object             O  b = object               h  c = histogram
 *   v  c = variable           l  c = list                 m  c = CPU mask
 *   j  c = jump target        i  c = arrival stream       A  c = scheduling attributes
 *   T  c = thread declaration                             U  the same, or CP_NONE: all
 *   f  c = call of a task     g  the same, given to a pool
 *   e  the same, given to a pool for each element of its sequence
 *   p  c = pool               F  b = COMPUTE flags
 *   P  b and b + 1 = registers of a replay
 * An operation that can time out leaves its result for JUMP_TIMEOUT. */
#ifndef CP_SIM_OP_H
#define CP_SIM_OP_H

#include "sim/types.h"

typedef struct {
    uint8_t op, a;
    uint16_t b;
    uint32_t c;
} CpInsn;

G_STATIC_ASSERT(sizeof(CpInsn) == 8);

/* Number of an operation of any list. */
typedef unsigned CpOp;

/* Does its thread wait?  Policies that look ahead (SJF, SRTF) read a burst up to there. */
typedef enum {
    CP_WAITS_NO,
    CP_WAITS_RUNS,     /* it needs the CPU for as long as its duration operand says */
    CP_WAITS_IF_TAKEN, /* only while what it wants is taken or full; counts as free */
    CP_WAITS_YES,      /* unless what it waits for is there already */
} CpOpWaits;

enum {
    CP_OPF_ENDS = 1, /* control does not go on behind it */
    CP_OPF_WRITES =
        2, /* control: it changes register b (letter P: and b + 1), nothing else */
    CP_OPF_EFFECT =
        4, /* control: it is seen outside its flow, so a look-ahead leaves it out */
    CP_OPF_RELEASE = 8, /* it reads or sets the release of the request in hand */
};

/* What operations are done to. */
typedef enum {
    CP_OBJ_LOCK,
    CP_OBJ_RLOCK,
    CP_OBJ_RWLOCK,
    CP_OBJ_SEMAPHORE,
    CP_OBJ_CONDITION,
    CP_OBJ_EVENT,
    CP_OBJ_BARRIER,
    CP_OBJ_QUEUE,
    CP_OBJ_PIPE,
    CP_OBJ_SOCKET,
    CP_OBJ_DEVICE,
    CP_OBJ_OBJECT, /* a plain object with its own lock (free-threaded builds) */
    CP_OBJ_KINDS
} CpObjKind;

/* Kinds of objects that an operation takes: bits 1 << CpObjKind. */
enum {
    CP_ON_NOTHING = 0,
    /* A condition without a lock of its own is one. */
    CP_ON_LOCK =
        1 << CP_OBJ_LOCK | 1 << CP_OBJ_RLOCK | 1 << CP_OBJ_CONDITION | 1 << CP_OBJ_OBJECT,
    CP_ON_RWLOCK = 1 << CP_OBJ_RWLOCK,
    CP_ON_SEMAPHORE = 1 << CP_OBJ_SEMAPHORE,
    CP_ON_CONDITION = 1 << CP_OBJ_CONDITION,
    CP_ON_EVENT = 1 << CP_OBJ_EVENT,
    CP_ON_BARRIER = 1 << CP_OBJ_BARRIER,
    CP_ON_QUEUE = 1 << CP_OBJ_QUEUE,
    CP_ON_STREAM = 1 << CP_OBJ_QUEUE | 1 << CP_OBJ_PIPE | 1 << CP_OBJ_SOCKET,
    CP_ON_DEVICE = 1 << CP_OBJ_DEVICE,
    CP_ON_OBJECT = 1 << CP_OBJ_OBJECT,
    CP_ON_PROBED = CP_ON_LOCK | CP_ON_SEMAPHORE | CP_ON_EVENT | CP_ON_STREAM,
};

typedef struct {
    const char *name, *operands;
    uint8_t waits;    /* CpOpWaits */
    uint8_t flags;    /* CP_OPF_* */
    uint16_t objects; /* CP_ON_* */
    const char *meaning;
} CpOpInfo;

/* Rows of every list, by number; static. */
typedef struct {
    const CpOpInfo *rows;
    unsigned n;
} CpOpTable;

/* Makes a list into rows of the table: #define CP_OP CP_OP_ROW. */
#define CP_OP_ROW(NAME, name, operands, WAITS, FLAGS, OBJECT, meaning)                     \
    {#name, operands, CP_WAITS_##WAITS, FLAGS, CP_ON_##OBJECT, meaning},

/* Places within a list, and its length; then the numbers as a type of their own, so that a
 * switch without a default names every row of its list. */
enum {
#define CP_OP(NAME, ...) CP_CONTROL_##NAME,
#include "sim/control-ops.def"
#undef CP_OP
    CP_CONTROL_OPS
};
enum {
#define CP_OP(NAME, ...) CP_KERNEL_##NAME,
#include "sim/kernel-ops.def"
#undef CP_OP
    CP_KERNEL_OPS
};

enum {
    CP_OP_KERNEL = CP_CONTROL_OPS,                /* first kernel service */
    CP_OP_RUNTIME = CP_OP_KERNEL + CP_KERNEL_OPS, /* first that a runtime interprets */
};

typedef enum {
#define CP_OP(NAME, ...) CP_OP_##NAME = CP_CONTROL_##NAME,
#include "sim/control-ops.def"
#undef CP_OP
} CpControlOp;

typedef enum {
#define CP_OP(NAME, ...) CP_OP_##NAME = CP_OP_KERNEL + CP_KERNEL_##NAME,
#include "sim/kernel-ops.def"
#undef CP_OP
} CpKernelOp;

#endif
