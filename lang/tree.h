/* The tree of a workload: what the parser and the JSON reader make and what the compiler
 * and the JSON writer read.
 *
 * One node type serves everything, because the canonical JSON form, the hash over it and
 * the two readers then follow from one table of statements (tree.def).  Children are in a
 * fixed order for each kind, given beside the kind; an absent one is a CP_NODE_NULL, so
 * that cp_node_at(node, 2) always means the same.  A tree owns its nodes and texts. */
#ifndef CP_LANG_TREE_H
#define CP_LANG_TREE_H

#include "lang/scan.h"

typedef enum {
    CP_NODE_NULL,
    /* values */
    CP_NODE_NUMBER,  /* value, dim, micro */
    CP_NODE_NAME,    /* text */
    CP_NODE_STRING,  /* text */
    CP_NODE_LIST,    /* entries */
    CP_NODE_RANGE,   /* first, last */
    CP_NODE_NEG,     /* operand */
    CP_NODE_BINARY,  /* value = '+', '-', '*', '/'; left, right */
    CP_NODE_DIST,    /* value = CpDistKind; arguments in the order of cp_dist_forms */
    CP_NODE_CMP,     /* value = CpCmp; left, right */
    CP_NODE_RUNNING, /* text */
    CP_NODE_INVOKE,  /* text = task; arguments */
    CP_NODE_OPTS,    /* CP_NODE_OPT ... */
    CP_NODE_OPT,     /* text = key; value */
    CP_NODE_BODY,    /* statements */
    CP_NODE_CASE,    /* weight, body */
/* statements */
#define CP_STMT(KIND, word, slots, form) CP_NODE_##KIND,
#include "lang/tree.def"
#undef CP_STMT
    /* declarations */
    CP_NODE_FILE,     /* declarations in the order written */
    CP_NODE_PARAM,    /* text; value, list of choices */
    CP_NODE_RUN,      /* CP_NODE_SETTING ... */
    CP_NODE_MACHINE,  /* text = name or NULL; CP_NODE_SETTING ... */
    CP_NODE_KERNEL,   /* CP_NODE_SETTING ... */
    CP_NODE_SETTING,  /* text = key; CP_NODE_STRING */
    CP_NODE_NOISE,    /* text; options */
    CP_NODE_AT,       /* time, then actions */
    CP_NODE_OFFLINE,  /* CP_NODE_STRING */
    CP_NODE_ONLINE,   /* CP_NODE_STRING */
    CP_NODE_RESOURCE, /* text; value = CpObjKind or CP_RESOURCE_VAR; flags; options, value
                       */
    CP_NODE_CGROUP,   /* text; CP_NODE_SETTING and CP_NODE_CGROUP ... */
    CP_NODE_PROCESS,  /* text; runtime, group name, then members */
    CP_NODE_RUNTIME,  /* text; version (string), options */
    CP_NODE_TASK,     /* text; flags; list of parameter names, body */
    CP_NODE_THREAD,   /* text; flags; copies, options, loop name, group name, body */
    CP_NODE_HANDLER,  /* text = signal; call */
    CP_NODE_INTERP,   /* text; options */
    CP_NODE_EXPECT,   /* text = metric; value = CpCmp; value, tolerance, text as written */
} CpNodeKind;

enum { CP_RESOURCE_VAR = 100 }; /* beside CpObjKind */

/* CpNode.flags */
enum { CP_FLAG_SHARED = 1, CP_FLAG_ASYNC = 2, CP_FLAG_DAEMON = 4 };

typedef struct CpNode CpNode;
struct CpNode {
    uint8_t kind; /* CpNodeKind */
    uint8_t dim;  /* CpDim of a number */
    uint8_t flags;
    bool micro; /* a number with decimals: value is in millionths */
    CpPos pos;
    const char *text; /* owned by the tree */
    int64_t value;
    CpNode *child, *next;
};

typedef struct CpTree CpTree;

CpTree *cp_tree_new(void);
void cp_tree_free(CpTree *tree);
CpNode *cp_tree_root(const CpTree *tree);
CpNode *cp_node_new(CpTree *tree, CpNodeKind kind, CpPos pos);
/* The tree's own copy of a text; equal texts share one. */
const char *cp_tree_text(CpTree *tree, const char *text, gssize len);

/* Adding children in order; `CpNodeList` keeps the place of the next one. */
typedef struct {
    CpNode *parent, *last;
} CpNodeList;
void cp_node_add(CpNodeList *list, CpNode *child);

static inline CpNode *cp_node_at(const CpNode *node, unsigned i)
{
    CpNode *child = node->child;
    while (i-- > 0) {
        child = child->next;
    }
    return child;
}

unsigned cp_node_count(const CpNode *node);
static inline bool cp_node_is(const CpNode *node, CpNodeKind kind)
{
    return node->kind == kind;
}

/* The value of an option, or NULL. */
CpNode *cp_opts_find(const CpNode *opts, const char *key);

typedef struct {
    const char *word, *slots, *form;
} CpStmtInfo;
/* Whether only a python process has that statement. */
static inline bool cp_stmt_is_python(CpNodeKind kind)
{
    return kind >= CP_NODE_POOL && kind <= CP_NODE_KILL;
}
/* Row of a statement kind; NULL for other kinds. */
const CpStmtInfo *cp_stmt_info(CpNodeKind kind);
/* Kind of the statement with that word, or CP_NODE_NULL. */
CpNodeKind cp_stmt_find(const char *word);
/* Words of all statements, most wanted first; ends with NULL. */
const char *const *cp_stmt_words(void);

/* Distributions: name and argument names, in the order of CP_NODE_DIST's children. */
typedef struct {
    const char *name;
    int kind; /* CpDistKind */
    const char *args[2];
    CpDim dims[2]; /* CP_DIM_TIME: any one dimension; CP_DIM_NUMBER: a plain number */
} CpDistForm;
const CpDistForm *cp_dist_form(const char *name);
const CpDistForm *cp_dist_form_of(int kind);
const char *const *cp_dist_names(void);

/* "lock" ... of CpObjKind and CP_RESOURCE_VAR; NULL if there is none. */
const char *cp_resource_word(int64_t kind);
/* Kind of a word, or -1. */
int cp_resource_find(const char *word);
const char *cp_cmp_word(int64_t cmp);
/* CpCmp of "<" ..., or -1. */
int cp_cmp_find(const char *word);

/* New text of a value as a user would write it: "1500us", "[1s, 2s]", "wait". */
char *cp_node_print(const CpNode *node);

#endif
