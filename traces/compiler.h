/* What the parts of the compiler share (compile*.c); private. */
#ifndef CP_TRACES_COMPILER_H
#define CP_TRACES_COMPILER_H

#include "traces/compile.h"
#include "traces/parse.h"

/* The item that ends `for x from q`. */
#define CP_ITEM_NONE INT64_MIN

/* A resource or variable. */
typedef struct {
    const CpNode *node;
    uint32_t index;   /* of CpWorkload.objs, or of vars for a var */
    CpProcId owner;   /* declared in that process; CP_NONE: at file level */
    CpProcId used_by; /* first process that uses it */
    bool is_var, used;
} CpcObject;

typedef struct {
    const CpNode *node; /* CP_NODE_TASK */
    uint32_t n_params;
    uint64_t time_params; /* bit i: argument i is used as a time */
    GPtrArray *callees;   /* CpcTask, each once */
    uint32_t pc;
    uint32_t base, frame; /* registers: first one, how many */
    bool called;
    bool periodic; /* it, or what it calls, uses `period` */
} CpcTask;

/* A thread declaration and where its code comes from. */
typedef struct {
    const CpNode *node; /* CP_NODE_THREAD, or the CP_NODE_SPAWN that names it first */
    const CpNode *body; /* NULL for a spawned one */
    CpcTask *task;      /* of a spawned one */
    GPtrArray *callees; /* CpcTask */
    uint32_t index;     /* of CpWorkload.threads */
    uint32_t frame;
    bool periodic;
} CpcThread;

typedef struct {
    const CpNode *node;
    CpProcId index;
    GHashTable *objects; /* name -> CpcObject */
    GHashTable *tasks;   /* name -> CpcTask */
    GHashTable *threads; /* name -> CpcThread */
    GPtrArray *task_list, *thread_list;
    uint16_t grid; /* register of `period`, behind all frames */
} CpcProc;

typedef struct {
    const char *name;
    uint16_t reg;
    uint8_t dim; /* CpDim */
} CpcLocal;

/* Value of an expression. */
typedef enum { CPC_CONST, CPC_REG, CPC_DIST, CPC_WORD } CpcKind;
typedef struct {
    CpcKind kind;
    CpDim dim;
    __int128 micro;        /* CPC_CONST: value in millionths of its unit */
    uint16_t reg;          /* CPC_REG */
    uint32_t dist;         /* CPC_DIST: row */
    const char *word;      /* CPC_WORD */
    const CpNode *choices; /* CPC_WORD: list of its parameter's choices, or NULL */
} CpcValue;

typedef struct {
    CpWorkload *w;
    CpDiag *diag;
    const char *source;
    const CpNode *root;
    GHashTable *params;  /* name -> CP_NODE_PARAM */
    GHashTable *objects; /* at file level: name -> CpcObject */
    GHashTable *procs;   /* name -> CpcProc */
    GPtrArray *proc_list;
    bool measure; /* first pass: nothing is emitted */
    unsigned param_depth;
    /* the code being compiled */
    CpcProc *proc;
    uint32_t base, reg, reg_max; /* frame: first register, next free, high water */
    GArray *locals;              /* CpcLocal */
    GPtrArray *callees;          /* of the code, CpcTask */
    bool periodic;
    bool no_block; /* inside an instant arrivals body: sends drop instead of waiting */
} Cpc;

/* --- emission: nothing happens while measuring --- */
uint32_t cpc_emit(Cpc *c, CpOp op, uint8_t a, uint16_t b, uint32_t arg, const CpNode *at);
uint32_t cpc_pc(const Cpc *c);
/* Makes a jump go to the next instruction. */
void cpc_land(Cpc *c, uint32_t jump);
uint32_t cpc_const(Cpc *c, int64_t value);
uint32_t cpc_dist(Cpc *c, CpDist dist);
uint32_t cpc_list(Cpc *c, const GArray *values);
/* Next n registers, side by side; given back by resetting c->reg. */
uint16_t cpc_reg(Cpc *c, unsigned n);

/* --- expressions (compile-expr.c) --- */
bool cpc_eval(Cpc *c, const CpNode *node, CpcValue *out);
/* Into a given register. */
bool cpc_eval_to(Cpc *c, const CpNode *node, uint16_t reg, CpDim *dim);
/* A duration operand: a and c of an instruction. */
bool cpc_duration(Cpc *c, const CpNode *node, uint8_t *a, uint32_t *arg);
/* Constants known before the run; each reports what is wrong. */
bool cpc_const_time(Cpc *c, const CpNode *node, CpTime *out);
bool cpc_const_int(Cpc *c, const CpNode *node, int64_t min, int64_t max, int64_t *out);
bool cpc_const_size(Cpc *c, const CpNode *node, int64_t *out);
bool cpc_const_dist(Cpc *c, const CpNode *node, CpDist *out);
/* A list of constants; *dim is that of its entries. */
bool cpc_const_list(Cpc *c, const CpNode *node, GArray *values, CpDim *dim);
/* The node behind a name that is a parameter, else the node itself. */
const CpNode *cpc_resolve(Cpc *c, const CpNode *node);
bool cpc_is_const(Cpc *c, const CpNode *node, CpcValue *out);
/* Whether a condition is known before the run: 1 true, 0 false, -1 not known, -2 error. */
int cpc_cond_known(Cpc *c, const CpNode *cond);
/* Jumps to a place to be landed if the condition does not hold. */
bool cpc_jump_unless(Cpc *c, const CpNode *cond, uint32_t *jump);
bool cpc_no_unit(Cpc *c, const CpNode *node, const char *shown);
int64_t cpc_round(const CpcValue *value);
/* A file of times beside the source, one a line, into `values`. */
bool cpc_read_times(Cpc *c, const CpNode *file, GArray *values);

/* --- names --- */
CpcLocal *cpc_local(Cpc *c, const char *name);
void cpc_local_push(Cpc *c, const char *name, uint16_t reg, CpDim dim);
CpcObject *cpc_object(Cpc *c, const char *name);
/* Reports an unknown name with the nearest of several tables. */
bool cpc_unknown(Cpc *c, CpPos pos, const char *what, const char *name,
                 ...) G_GNUC_NULL_TERMINATED;

/* --- code (compile-stmt.c) --- */
bool cpc_body(Cpc *c, const CpNode *body);

/* --- declarations (compile-decl.c) --- */
bool cpc_declare(Cpc *c);
bool cpc_attrs(Cpc *c, const CpNode *opts, CpSchedAttr *attr, CpTime *start, bool *given);
bool cpc_mask(Cpc *c, const CpNode *cpus, uint32_t *mask);
/* Tables of calls, spawned threads; no recursion. */
bool cpc_scan_calls(Cpc *c, CpcProc *proc);

#endif
