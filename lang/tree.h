/* The tree of a workload: what the parser and the JSON reader make and what the compiler
 * and the JSON writer read.
 *
 * One node type serves everything, because the canonical JSON form, the hash over it and
 * the two readers then follow from one table of statements (tree.def).  The children of a
 * statement have names and stand in the order of its row; an absent one is a CP_NODE_NULL.
 * A tree owns its nodes and texts. */
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
    CP_NODE_AND,     /* operands; of conditions over metrics and settings only */
    CP_NODE_OR,      /* operands */
    CP_NODE_NOT,     /* operand */
    CP_NODE_RUNNING, /* text */
    CP_NODE_ASK,     /* value = CpAsk; text */
    CP_NODE_INVOKE,  /* text = task; arguments */
    CP_NODE_OPTS,    /* CP_NODE_OPT ... */
    CP_NODE_OPT,     /* text = key; value */
    CP_NODE_BODY,    /* statements */
    CP_NODE_CASE,    /* weight, body */
/* statements */
#define CP_STMT(KIND, word, place, children, read, note, compile, form) CP_NODE_##KIND,
#include "lang/tree.def"
#undef CP_STMT
    /* declarations: from CP_DECL_BEGIN to before CP_DECL_END */
    CP_DECL_BEGIN,
    CP_DECL_BEFORE = CP_DECL_BEGIN - 1, /* takes no number of its own */
#define CP_DECL(KIND, word, place, stage, json, fields, read, declare, form) CP_NODE_##KIND,
#define CP_PART(KIND, fields)                                                CP_NODE_##KIND,
#include "lang/decl.def"
#undef CP_DECL
    CP_DECL_END,
    CP_NODE_FILE = CP_DECL_END, /* declarations in the order written */
    CP_NODE_SETTING,            /* text = key; CP_NODE_STRING */
    CP_NODE_OFFLINE,            /* CP_NODE_STRING */
    CP_NODE_ONLINE,             /* CP_NODE_STRING */
    CP_NODE_KINDS,
} CpNodeKind;

/* Names of children. */
typedef enum {
    CP_CHILD_NONE,
    CP_CHILD_NAME, /* of the object, task or thing the node is about */
    CP_CHILD_BODY, /* statements */
    CP_CHILD_TIME, /* how long: a bare number is refused, also as an argument */
    CP_CHILD_VALUE,
    CP_CHILD_COUNT,
    CP_CHILD_AMOUNT,  /* of io: a time or a size */
    CP_CHILD_MODE,    /* a word that says how */
    CP_CHILD_KIND,    /* a word that says what */
    CP_CHILD_TIMEOUT, /* then ELSE if it passes */
    CP_CHILD_ELSE,
    CP_CHILD_KEYS, /* (key=value, ...) */
    CP_CHILD_CALL, /* task and arguments */
    CP_CHILD_ARGS, /* the first argument; the others follow */
    CP_CHILD_DAEMON,
    CP_CHILD_INDEX,
    CP_CHILD_ENTRY, /* name of a loop's entry */
    CP_CHILD_LIST,
    CP_CHILD_PARAM,
    CP_CHILD_COND,
    CP_CHILD_GAP, /* between arrivals: a time, a distribution or a file */
    CP_CHILD_UNTIL,
    CP_CHILD_CASES, /* the first; the others follow */
    CP_CHILD_CPUS,
    CP_CHILD_TEXT,
    CP_CHILD_AS, /* name for a handle */
    CP_CHILD_TO, /* name for a value */
    CP_CHILD_TASK,
    CP_CHILD_CHUNK,
    CP_CHILD_SIZE,
    CP_CHILD_INTS,
    CP_CHILD_RETURNS,
    CP_CHILD_DELAY,
    CP_CHILD_THREAD,
    CP_CHILD_SIGNAL,
    CP_CHILD_CLAUSES, /* of a try: an exception, a list of them, nothing (any), "else" or
                         "finally", and a body, in turn */
    CP_CHILD_CHOICES, /* of a param: its values */
    CP_CHILD_RUNTIME,
    CP_CHILD_VERSION,
    CP_CHILD_GROUP, /* cgroup */
    CP_CHILD_COPIES,
    CP_CHILD_LOOP,
    CP_CHILD_PARAMS, /* names of a task's arguments */
    CP_CHILD_TOLERANCE,
    CP_CHILD_MEMBERS, /* the first setting, action or declaration; the others follow */
    CP_CHILD_LEFT,    /* of an operator, a comparison or a range */
    CP_CHILD_RIGHT,
} CpChild;

/* What a child is: how it is read, and its JSON form. */
typedef enum {
    CP_SLOT_EXPR,
    CP_SLOT_TIME, /* an expression that needs a unit */
    CP_SLOT_SIZE,
    CP_SLOT_NAME,
    CP_SLOT_WORD, /* one of a few, "a|b" */
    CP_SLOT_TEXT,
    CP_SLOT_CPUS,
    CP_SLOT_BODY,
    CP_SLOT_GROUP, /* a body of calls and handles */
    CP_SLOT_LIST,  /* list, range or the name of one */
    CP_SLOT_COND,
    CP_SLOT_KEYS, /* never absent: an empty CP_NODE_OPTS */
    CP_SLOT_CALL,
    CP_SLOT_GAP,     /* expression or text */
    CP_SLOT_EXPRS,   /* up to the end */
    CP_SLOT_CASES,   /* weight and body, up to the end */
    CP_SLOT_CLAUSES, /* up to the end */
    CP_SLOT_PART,    /* of a declaration: a node of the kind its name says */
    CP_SLOT_MEMBERS, /* of a declaration: up to the end */
} CpSlotType;

typedef struct {
    uint8_t child; /* CpChild; CP_CHILD_NONE ends the row */
    uint8_t type;  /* CpSlotType */
    bool must;
    const char *before; /* the word it stands behind; of a WORD: the words there are */
    const char *what;   /* for "expected WHAT", or NULL */
} CpSlot;

enum { CP_RESOURCE_VAR = 100 }; /* beside CpObjKind */

/* CpNode.flags */
enum { CP_FLAG_SHARED = 1, CP_FLAG_ASYNC = 2, CP_FLAG_DAEMON = 4, CP_FLAG_WRITTEN = 8 };

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

/* The child of that name, a CP_NODE_NULL if it is absent; of children up to the end the
 * first, or NULL.  The kind must have such a child. */
CpNode *cp_node_child(const CpNode *node, CpChild name);
/* The same, NULL if the kind has no such child or it is absent. */
CpNode *cp_node_find(const CpNode *node, CpChild name);
/* Row of children of a kind; NULL: it has none with names. */
const CpSlot *cp_node_slots(CpNodeKind kind);
unsigned cp_node_count(const CpNode *node);
static inline bool cp_node_is(const CpNode *node, CpNodeKind kind)
{
    return node->kind == kind;
}
static inline bool cp_node_is_null(const CpNode *node)
{
    return node->kind == CP_NODE_NULL;
}
/* Whether it has that text. */
bool cp_node_says(const CpNode *node, const char *text);

/* The value of an option, or NULL. */
CpNode *cp_opts_find(const CpNode *opts, const char *key);

/* Where a statement may stand, and what else holds of it. */
enum {
    CP_STMT_PYTHON = 1,    /* in a python process only */
    CP_STMT_ASYNC = 2,     /* in an async task or a thread with a loop only */
    CP_STMT_TIMELESS = 4,  /* never lets time pass */
    CP_STMT_INSTANT = 8,   /* an open arrival may do it outside the CPUs */
    CP_STMT_AWAITABLE = 16 /* `await` may stand before it */
};

typedef struct {
    const char *word; /* NULL: no statement */
    const char *form; /* as it is written */
    unsigned place;   /* CP_STMT_ */
} CpStmtInfo;
/* Row of a statement kind; NULL for other kinds. */
const CpStmtInfo *cp_stmt_info(CpNodeKind kind);
/* Kind of the statement with that word, as JSON has it, or CP_NODE_NULL. */
CpNodeKind cp_stmt_find(const char *word);
/* Words that begin a statement, most wanted first; ends with NULL. */
const char *const *cp_stmt_words(void);

/* In which blocks a declaration may stand, and what else holds of it. */
enum {
    CP_IN_FILE = 1,
    CP_IN_PROCESS = 2,
    CP_IN_CGROUP = 4,
    CP_DECL_PYTHON = 8, /* if the process has that runtime */
    CP_DECL_HEAD = 16,  /* no statement begins so */
    CP_DECL_ALONE = 32, /* one of them is no array in JSON */
};

enum { CP_DECL_STAGES = 6 };

typedef struct {
    const char *word; /* NULL: several words begin it */
    const char *json; /* key of the array of these */
    const char *form; /* as it is written */
    unsigned place;
    unsigned stage; /* of compilation, 1 to CP_DECL_STAGES; 0: not compiled */
} CpDeclInfo;
/* Row of a declaration's kind; NULL for other kinds. */
const CpDeclInfo *cp_decl_info(CpNodeKind kind);
/* CP_IN_ of what may stand in a node of that kind; 0: nothing. */
unsigned cp_decl_inside(CpNodeKind kind);

/* What the JSON form of a declaration has under a key. */
typedef enum {
    CP_FIELD_END,
    CP_FIELD_TEXT,     /* the node's text */
    CP_FIELD_FLAG,     /* one of its flags: true */
    CP_FIELD_RESOURCE, /* its value: the word of a CpObjKind */
    CP_FIELD_CMP,      /* its value: a comparison */
    CP_FIELD_CHILD,
    CP_FIELD_SETTINGS, /* children: an object of them */
    CP_FIELD_ACTIONS,  /* children: an array */
    CP_FIELD_MEMBERS,  /* children: arrays under the keys of their own rows */
    CP_FIELD_HIDDEN,   /* a child that is left out */
} CpFieldWhat;

typedef struct {
    uint8_t what;        /* CpFieldWhat */
    uint8_t child, type; /* of CP_FIELD_CHILD: CpChild, CpSlotType */
    uint8_t flag;        /* CP_FLAG_ */
    bool must;
    const char *key;
    const char *noun; /* of a text: for "expected NOUN" */
} CpField;
/* Row of a declaration or part of one, ended by CP_FIELD_END; NULL for other kinds. */
const CpField *cp_decl_fields(CpNodeKind kind);

/* What a condition may ask of a name, beside `running`. */
typedef enum { CP_ASK_IS_SET, CP_ASK_EMPTY, CP_ASK_LOCKED, CP_ASK_DONE, CP_ASKS } CpAsk;
/* "is_set" ...; NULL: no such one. */
const char *cp_ask_word(int64_t ask);
/* Of a word, or -1. */
int cp_ask_find(const char *word);

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
