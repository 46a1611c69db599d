/* What the parts of the compiler share (compile*.c); private.
 *
 * They form a line, each uses those before it:
 *   emit, names      instructions, registers; what a name means
 *   value, const     expressions (these two need each other), keys, cond
 *   body             a statement to its function, through CpcTables
 *   leave            how a body is left before its end
 *   calls, flow      who calls whom; what runs as a flow of its own
 *   the statements   work print sync loop branch var thread, pool async except python
 *   the declarations decl resource runtime process
 *   code, layout     tasks and threads; where their registers lie
 *   compile          the passes, and the table of all functions */
#ifndef CP_LANG_COMPILER_H
#define CP_LANG_COMPILER_H

#include "models/python/python.h"
#include "lang/compile.h"
#include "lang/keys.h"
#include "lang/parse.h"
#include "models/ops.h"

/* A resource or variable. */
typedef struct {
    const CpNode *node;
    uint32_t index;   /* of CpWorkload.objs, or of vars for a var */
    CpProcId owner;   /* declared in that process; CP_NONE: at file level */
    CpProcId used_by; /* first process that uses it */
    uint32_t lock;    /* of a shared variable, once used; CP_NONE */
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

/* The name `as` gives to a future or task. */
typedef struct {
    uint32_t var;     /* with the handle, for other tasks that use the name; or CP_NONE */
    uint32_t run_var; /* 1 while it runs, for `running NAME`; or CP_NONE */
} CpcHandle;

/* Python: code that runs as a flow of its own. */
typedef struct {
    CpcTask *task;         /* called by it; NULL: `body` */
    const CpNode *body;    /* of a thread with a loop */
    const CpcHandle *runs; /* its run_var is cleared at the end; or NULL */
    GPtrArray *callees;    /* CpcTask */
    uint32_t index;        /* of CpWorkload.tasks */
    uint32_t frame;
    bool periodic;
} CpcFlow;

/* A thread declaration and where its code comes from. */
typedef struct {
    const CpNode *node; /* CP_NODE_THREAD, or the CP_NODE_SPAWN that names it first */
    const CpNode *body; /* NULL for a spawned one */
    CpcTask *task;      /* of a spawned one */
    CpcFlow *main;      /* python: what its loop runs, then `body` is NULL; or NULL */
    CpTime after;       /* python: a Timer sleeps first; 0: none */
    uint32_t finished;  /* its event, if somebody cancels it; else CP_NONE */
    bool refused;       /* python: its process cannot import the main module */
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
    bool python;
    CpPyVersion version;   /* of python; nothing of a native process */
    uint8_t start_method;  /* CpStartMethod of its `start` option */
    GHashTable *pools;     /* python: name -> index + 1 */
    GHashTable *interps;   /* python: name -> index + 1 */
    GHashTable *handles;   /* python: name -> CpcHandle */
    GHashTable *running;   /* python: names somebody asks `running` of */
    GHashTable *cancelled; /* python: names somebody cancels */
    GPtrArray *flow_list;  /* CpcFlow */
    uint16_t grid;         /* register of `period`, behind all frames */
} CpcProc;

typedef struct {
    const char *name;
    uint16_t reg;
    uint8_t dim;  /* CpDim */
    bool is_time; /* used as one, though its dimension is not known */
    bool is_list; /* of results: it can be printed */
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

typedef struct Cpc Cpc;
typedef struct CpcScan CpcScan;

/* Ways out of a body, and what lies between a statement and the place they lead to. */
typedef enum { CPC_BREAK, CPC_CONTINUE, CPC_RETURN, CPC_WAYS } CpcWay;
typedef enum {
    CPC_SCOPE_CODE, /* a task or thread */
    CPC_SCOPE_LOOP,
    CPC_SCOPE_UNDO,    /* something that is given back */
    CPC_SCOPE_FINALLY, /* a try whose `finally` comes first */
    CPC_SCOPE_WALL,    /* nothing leads out */
} CpcScopeKind;
typedef struct CpcScope {
    CpcScopeKind kind;
    struct CpcScope *outer;
    CpInsn undo;             /* UNDO, and LOOP if it is broken off; NOP: nothing */
    uint16_t reg;            /* FINALLY: of its exception */
    bool returns;            /* CODE: there is a `return` in it */
    const char *what;        /* WALL: "an arrival" */
    GArray *jumps[CPC_WAYS]; /* uint32_t, to be landed; NULL: none */
} CpcScope;

/* The functions of the rows of tree.def and decl.def, by CpNodeKind.  They are reached
 * through a table that stands on top, so that the parts of the compiler form a line. */
typedef struct {
    void (*note[CP_NODE_KINDS])(CpcScan *scan, const CpNode *node);
    bool (*compile[CP_NODE_KINDS])(Cpc *c, const CpNode *node);
    bool (*declare[CP_NODE_KINDS])(Cpc *c, const CpNode *node);
} CpcTables;

struct Cpc {
    const CpcTables *tables;
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
    bool is_async;   /* inside an async task, or a thread with a loop */
    bool awaiting;   /* the operation is awaited; its object takes that back */
    uint16_t group;  /* python: register of the group calls belong to, or CP_REG_NONE */
    uint16_t caught; /* python: register of the exception an except block handles, or 0 */
    bool no_block;   /* inside an instant arrivals body: sends drop instead of waiting */
    CpcScope *scope; /* innermost one of the code */
    uint16_t result; /* register of what `return` gives */
    bool in_task;    /* the code is a task's, not a thread's */
};

/* Looking through the code for calls, before anything is compiled. */
struct CpcScan {
    Cpc *c;
    CpcProc *proc;
    GPtrArray *callees;
    CpcTask *task; /* whose body is walked, or NULL */
    bool ok;
};

/* --- emission (compile-emit.c): nothing happens while measuring --- */
uint32_t cpc_emit(Cpc *c, CpOp op, uint8_t a, uint16_t b, uint32_t arg, const CpNode *at);
uint32_t cpc_pc(const Cpc *c);
/* Makes a jump go to the next instruction. */
void cpc_land(Cpc *c, uint32_t jump);
uint32_t cpc_const(Cpc *c, int64_t value);
uint32_t cpc_dist(Cpc *c, CpDist dist);
uint32_t cpc_list(Cpc *c, const GArray *values);
/* Next n registers, side by side; given back by resetting c->reg. */
uint16_t cpc_reg(Cpc *c, unsigned n);

/* --- values (compile-value.c) --- */
/* A value's unit is counted in millionths, so that decimals are exact. */
#define CPC_MICRO 1000000
bool cpc_eval(Cpc *c, const CpNode *node, CpcValue *out);
/* Into a given register. */
bool cpc_eval_to(Cpc *c, const CpNode *node, uint16_t reg, CpDim *dim);
/* Brings a value into a register; reports a word, which has none. */
bool cpc_to_reg(Cpc *c, const CpNode *node, const CpcValue *value, uint16_t reg);
void cpc_arith(Cpc *c, CpArith op, uint16_t to, uint16_t l, uint16_t r, const CpNode *node);
/* The node behind a name that is a parameter, else the node itself. */
const CpNode *cpc_resolve(Cpc *c, const CpNode *node);
int64_t cpc_round(const CpcValue *value);
/* Whether it is a plain number or a share, which go together. */
bool cpc_is_plain(CpDim dim);
const char *cpc_dim_name(CpDim dim);

/* --- what is known before the run (compile-const.c) --- */
bool cpc_is_const(Cpc *c, const CpNode *node, CpcValue *out);
/* Each reports what is wrong. */
bool cpc_const_time(Cpc *c, const CpNode *node, CpTime *out);
bool cpc_const_int(Cpc *c, const CpNode *node, int64_t min, int64_t max, int64_t *out);
bool cpc_const_size(Cpc *c, const CpNode *node, int64_t *out);
bool cpc_const_dist(Cpc *c, const CpNode *node, CpDist *out);
/* A list of constants; *dim is that of its entries. */
bool cpc_const_list(Cpc *c, const CpNode *node, GArray *values, CpDim *dim);
bool cpc_check_time(Cpc *c, const CpNode *node, const CpcValue *v);
bool cpc_no_unit(Cpc *c, const CpNode *node, const char *shown);
/* A file of times beside the source, one a line, into `values`. */
bool cpc_read_times(Cpc *c, const CpNode *file, GArray *values);
/* A duration operand: a and c of an instruction. */
bool cpc_duration(Cpc *c, const CpNode *node, uint8_t *a, uint32_t *arg);
/* An instruction whose operand is the statement's time. */
bool cpc_emit_duration(Cpc *c, const CpNode *node, CpOp op, uint8_t flags, uint16_t b);

/* --- leaving a body (compile-leave.c) --- */
void cpc_scope_push(Cpc *c, CpcScope *scope, CpcScopeKind kind);
/* One that is left by an instruction. */
void cpc_scope_undo(Cpc *c, CpcScope *scope, CpOp op, uint8_t a, uint16_t b, uint32_t arg);
void cpc_scope_pop(Cpc *c, CpcScope *scope);
/* Its jumps of that way go to the next instruction. */
void cpc_scope_land(Cpc *c, CpcScope *scope, CpcWay way);
bool cpc_leave(Cpc *c, CpcWay way, const CpNode *node);
/* Behind a `finally`: the ways that led into it go on; `scope` is popped already. */
bool cpc_go_on(Cpc *c, const CpcScope *scope, uint16_t reg, const CpNode *node);
/* The body of a statement that holds something, and what gives it back behind it, on every
 * way out: an exception too. */
bool cpc_with(Cpc *c, const CpNode *node, const CpInsn *leave);
/* Whether a body has a `return`. */
bool cpc_returns(const CpNode *body);
/* Around the code of a task or thread; at the end VALUE is what it returns. */
void cpc_code_begin(Cpc *c, CpcScope *scope, const CpNode *body, bool in_task);
void cpc_code_end(Cpc *c, CpcScope *scope, const CpNode *at);

/* --- conditions (compile-cond.c) --- */
/* Whether a condition is known before the run: 1 true, 0 false, -1 not known, -2 error. */
int cpc_cond_known(Cpc *c, const CpNode *cond);
/* Jumps to a place to be landed if the condition does not hold. */
bool cpc_jump_unless(Cpc *c, const CpNode *cond, uint32_t *jump);

/* --- names (compile-names.c) --- */
CpcLocal *cpc_local(Cpc *c, const char *name);
void cpc_local_push(Cpc *c, const char *name, uint16_t reg, CpDim dim);
CpcObject *cpc_object(Cpc *c, const char *name);
/* Reports an unknown name with the nearest of several tables. */
bool cpc_unknown(Cpc *c, CpPos pos, const char *what, const char *name,
                 ...) G_GNUC_NULL_TERMINATED;
/* The object a statement names; CP_NONE after reporting. */
uint32_t cpc_find_obj(Cpc *c, const CpNode *name, const char *word, uint32_t kinds,
                      CpObjKind *kind);
/* Notes that this process uses the object; false: it is another's. */
bool cpc_claim(Cpc *c, const CpNode *name, CpcObject *object);

/* --- statements (compile-body.c and the nouns) --- */
bool cpc_body(Cpc *c, const CpNode *body);
/* The functions of the rows of tree.def: what a statement is compiled to, and what it
 * declares or calls, which must be known before anything is compiled. */
#define CP_STMT(KIND, word, place, children, read, note, compile, form)                    \
    bool cpc_do_##compile(Cpc *c, const CpNode *node);                                     \
    void cpc_note_##note(CpcScan *scan, const CpNode *node);
#include "lang/tree.def"
#undef CP_STMT
/* Calls a task in place; `args` is the first argument. */
bool cpc_call(Cpc *c, const char *name, const CpNode *args, const CpNode *node);
bool cpc_check_args(Cpc *c, const CpcTask *task, const CpNode *args);
/* The statement's timeout goes into a register; CP_REG_NONE if there is none. */
bool cpc_timeout_reg(Cpc *c, const CpNode *node, uint16_t *reg);
/* Its `else` part, after an operation that may have timed out. */
bool cpc_timeout_else(Cpc *c, const CpNode *node);

/* --- python: flows, handles, pools (compile-flow.c, compile-pool.c) --- */
/* VALUE is what the statement gives: kept under its name, if it has one. */
bool cpc_keep_value(Cpc *c, const CpNode *node);
/* The same, if the statement's timeout has not passed. */
bool cpc_keep_in_time(Cpc *c, const CpNode *node);
/* VALUE becomes none behind a call of a task that returns nothing. */
void cpc_none_of(Cpc *c, const CpcTask *task, const CpNode *node);
/* The event of a Timer that can be cancelled. */
uint32_t cpc_timer_event(Cpc *c, CpcThread *thread);
/* Registers for the names `as` gives in a body. */
void cpc_hoist(Cpc *c, const CpNode *body);
/* Register with the handle of that name. */
bool cpc_handle_reg(Cpc *c, const CpNode *name, uint16_t *reg);
/* The value is the handle; `name` may be NULL. */
void cpc_keep_handle(Cpc *c, const CpNode *name, const CpNode *node);
CpcFlow *cpc_flow_new(Cpc *c, CpcProc *proc, CpcTask *task, const char *name);
CpcFlow *cpc_flow_find(CpcProc *proc, CpcTask *task, const CpcHandle *runs);
/* A row for the call of a task; its arguments are evaluated into registers. */
bool cpc_make_call(Cpc *c, const CpNode *invoke, const CpNode *as, CpCallDecl *call);
uint32_t cpc_call_row(Cpc *c, const CpCallDecl *call);
/* Pickled sizes of the statement's call. */
bool cpc_set_sizes(Cpc *c, const CpNode *node, CpCallDecl *call);
/* `else`, or `timeout` raised, if the statement's timeout has passed. */
bool cpc_timed_out(Cpc *c, const CpNode *node);
/* The pool of that name; NULL: the executor a loop makes for itself. */
bool cpc_pool_of(Cpc *c, const CpNode *name, uint32_t *pool);
CpGroupKind cpc_group_kind(const CpNode *word);
bool cpc_needs_version(Cpc *c, const CpcProc *proc, CpPos pos, const char *what,
                       CpPyFeature feature);
bool cpc_signal(Cpc *c, CpPos pos, const char *name, uint32_t *number);

/* --- keys (compile-keys.c) --- */
/* Evaluates (key=value, ...) by the rows of a table into `row`; `of`: "a thread". */
bool cpc_keys(Cpc *c, const CpNode *opts, const CpKey *table, uint32_t kinds,
              const char *of, void *row);
bool cpc_key(Cpc *c, const CpKey *key, const CpNode *opt, void *row);
bool cpc_unknown_key(Cpc *c, const CpNode *opt, const char *of, const char *const *known);
bool cpc_mask(Cpc *c, const CpNode *cpus, uint32_t *mask);
/* Those of a thread: its attributes, start and interpreter. */
bool cpc_thread_keys(Cpc *c, const CpNode *opts, CpThreadDecl *thread);

/* --- declarations (compile-decl.c, compile-resource.c, compile-process.c ...) --- */
bool cpc_declare(Cpc *c);
/* Those of a block, stage after stage. */
bool cpc_declare_members(Cpc *c, const CpNode *first);
#define CP_DECL(KIND, word, place, stage, json, fields, read, declare, form)               \
    bool cpc_declare_##declare(Cpc *c, const CpNode *node);
#include "lang/decl.def"
#undef CP_DECL
void cpc_proc_free(void *proc);
/* The runtime of a process. */
bool cpc_native_runtime(Cpc *c, const CpNode *runtime);
bool cpc_python_runtime(Cpc *c, CpcProc *proc, const CpNode *runtime);
bool cpc_duplicate(Cpc *c, const CpNode *node, const char *what, const CpNode *first);
bool cpc_find_group(Cpc *c, const CpNode *name, CpGroup *group);

/* --- calls (compile-calls.c) --- */
/* The task of a call, with that many arguments; NULL after reporting. */
CpcTask *cpc_scan_task(CpcScan *scan, const CpNode *name, unsigned n_args);
void cpc_scan_callee(CpcScan *scan, CpcTask *task);
/* Reports that a task is async, or is not, where the other is needed. */
bool cpc_scan_async(CpcScan *scan, const CpNode *stmt, const CpNode *name,
                    const CpcTask *task, bool is_async);
/* Tables of calls, spawned threads; no recursion. */
bool cpc_scan_calls(Cpc *c, CpcProc *proc);

/* --- code and registers (compile-code.c, compile-layout.c) --- */
bool cpc_flow_code(Cpc *c, CpcFlow *flow);
bool cpc_proc_code(Cpc *c, CpcProc *proc);
/* Gives each task its place behind all its callers, and each thread its registers. */
bool cpc_layout(Cpc *c);

#endif
