/* What the parts of the parser share (parse*.c); private.
 *
 * They form a line, each uses those before it: block (tokens, blocks, recovery), expr,
 * cond, stmt, operands and python (statements), decl and process (declarations), parse (the
 * texts there are, and the table of all functions). */
#ifndef CP_LANG_PARSER_H
#define CP_LANG_PARSER_H

#include "lang/parse.h"

typedef struct CpParser CpParser;

/* Reads one item of a block; false: reported, the caller recovers. */
typedef bool (*CpParseItem)(CpParser *p, CpNodeList *into);

/* What is reached through a table that stands on top, so that the parts of the parser form
 * a line: the functions of the rows of tree.def and decl.def by CpNodeKind, and what stands
 * in blocks and parentheses. */
typedef struct {
    CpParseItem statement, member; /* one of a body, one of a process */
    CpNode *(*inner)(CpParser *p); /* in the parentheses of an expression */
    /* NULL: no word begins that statement */
    bool (*operands[CP_NODE_KINDS])(CpParser *p, CpNode *node, CpNodeList *list);
    bool (*decl[CP_NODE_KINDS])(CpParser *p, CpNode *node, CpNodeList *list);
} CpParserTables;

struct CpParser {
    const CpParserTables *tables;
    CpScanner scan; /* behind `tok` */
    CpToken tok;    /* not yet consumed */
    uint32_t end;   /* bytes: end of the token consumed last */
    CpTree *tree;
    CpDiag *diag;
    unsigned depth;        /* open blocks */
    unsigned expr_depth;   /* open parentheses of an expression */
    uint32_t n_statements; /* written so far */
    bool python;           /* inside a process with `runtime python` */
    const CpNode *owner;   /* task or thread being read, NULL outside */
    bool may_await;        /* its body may use `await` */
    bool grouped;          /* inside gather or its like: names stand for tasks */
    bool unwinding;        /* a '}' is missing: leave the blocks of statements */
    CpPos suspect;         /* first block whose '}' is indented otherwise; line 0: none */
};

void cp_parser_next(CpParser *p);
CpToken cp_parser_peek(const CpParser *p);
bool cp_parser_is(const CpParser *p, const char *word);
bool cp_parser_is_char(const CpParser *p, char c);
bool cp_parser_accept(CpParser *p, const char *word);
bool cp_parser_accept_char(CpParser *p, char c);
/* False: reports "expected WHAT, found ..." */
bool cp_parser_expect_char(CpParser *p, char c, const char *what);
bool cp_parser_expected(CpParser *p, const char *what);
bool cp_parser_at_end(const CpParser *p); /* of a statement */
/* Text of the source from a byte offset to the end of the last token, trimmed. */
const char *cp_parser_slice(CpParser *p, uint32_t start);
/* One item, and what comes after an error in it. */
bool cp_parser_item(CpParser *p, CpNodeList *into, CpParseItem item);
/* `{ item; item ... }` into a list. */
bool cp_parser_block(CpParser *p, CpNodeList *into, CpParseItem item);
void cp_parser_skip_block(CpParser *p);

/* Names: a NAME, or a text in quotes for foreign names; NULL after reporting. */
CpNode *cp_parser_name(CpParser *p, const char *what);
/* A dotted key such as cgroup.web/api.quota or end.worker-3. */
const char *cp_parser_key(CpParser *p, const char *what);

CpNode *cp_parser_expr(CpParser *p);
/* An expression or distribution; a bare number is an error (no unit). */
CpNode *cp_parser_duration(CpParser *p);
CpNode *cp_parser_size(CpParser *p);
CpNode *cp_parser_list(CpParser *p);
/* A condition of the language: one comparison, or `running NAME`. */
CpNode *cp_parser_cond(CpParser *p);
/* One over metrics and settings: with and, or, not.  The scanner is a wide one. */
CpNode *cp_parser_logic(CpParser *p);
CpNode *cp_parser_cpus(CpParser *p);
CpNode *cp_parser_string(CpParser *p, const char *what);
/* "(" key=value, ... ")"; an empty OPTS node if there is no parenthesis. */
CpNode *cp_parser_opts(CpParser *p);
/* key=value, ... into an OPTS node. */
bool cp_parser_more_opts(CpParser *p, CpNode *opts);
CpNode *cp_parser_value(CpParser *p);
bool cp_parser_no_unit(CpParser *p, const CpNode *number, bool size);

/* --- declarations (parse-decl.c, parse-process.c) --- */

/* One at file level, one in a process. */
bool cp_parser_decl(CpParser *p, CpNodeList *into);
bool cp_parser_member(CpParser *p, CpNodeList *into);
/* Reads the node's name into it. */
bool cp_parser_named(CpParser *p, CpNode *node, const char *what);

/* The functions of the rows of decl.def: what stands behind a declaration's word. */
#define CP_DECL(KIND, word, place, stage, json, fields, read, declare, form)               \
    bool cp_decl_##read(CpParser *p, CpNode *node, CpNodeList *list);
#include "lang/decl.def"
#undef CP_DECL

/* --- statements (parse-stmt.c, parse-operands.c, parse-python.c) --- */

bool cp_parser_statement(CpParser *p, CpNodeList *into);
/* `{ statements }`, or NULL after reporting. */
CpNode *cp_parser_body(CpParser *p);
/* The same of gather and its like: calls and names of handles. */
CpNode *cp_parser_group(CpParser *p);
/* NAME "(" expressions ")": a CP_NODE_INVOKE. */
CpNode *cp_parser_call(CpParser *p);
/* The token as it stands. */
CpNode *cp_parser_word(CpParser *p);
CpNode *cp_parser_null(CpParser *p);
/* Adds a child; false if it is NULL, which was reported. */
bool cp_parser_add(CpNodeList *list, CpNode *child);
/* Reads the children of a row from one to before another (CP_CHILD_NONE: all), as they
 * stand in it. */
bool cp_parser_slots(CpParser *p, CpNode *node, CpChild from, CpChild end,
                     CpNodeList *list);
/* Reads those from one to the end of the row, each behind its word, in any order. */
enum { CP_EXTRAS_MAX = 8 };
bool cp_parser_extras(CpParser *p, const CpNode *node, CpChild from, CpNodeList *list);
/* Those from one to the end of the row, `as NAME` before them in the text and last in the
 * row. */
bool cp_parser_valued(CpParser *p, CpNode *node, CpChild from, CpNodeList *list);
/* Behind `call f(x)`: soon, after 1s, on THREAD. */
bool cp_parser_soon(CpParser *p, CpNode *node, CpNodeList *list);

/* The functions of the rows of tree.def: what stands behind a statement's word.  They may
 * make another statement of the node. */
#define CP_STMT(KIND, word, place, children, read, note, compile, form)                    \
    bool cp_operands_##read(CpParser *p, CpNode *node, CpNodeList *list);
#define CP_FORM(KIND, word, place, children, note, compile, form)
#include "lang/tree.def"
#undef CP_STMT

#endif
