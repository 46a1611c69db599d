#include "lang/parser.h"

#include <string.h>

/* Decides how the operands of the python runtime's statements are read where their rows do
 * not say it all. */

static bool add(CpNodeList *list, CpNode *child)
{
    return cp_parser_add(list, child);
}

/* --- pools --- */

/* pool NAME KIND (4, start=fork) { ... } */
bool cp_operands_pool(CpParser *p, CpNode *node, CpNodeList *list)
{
    if (!cp_parser_slots(p, node, CP_CHILD_NAME, CP_CHILD_BODY, list)) {
        return false;
    }
    CpNode *count = cp_parser_null(p);
    CpNode *keys = cp_node_new(p->tree, CP_NODE_OPTS, p->tok.pos);
    if (cp_parser_accept_char(p, '(')) {
        CpToken ahead = cp_parser_peek(p);
        bool named =
            p->tok.kind == CP_TOK_NAME && ahead.kind == CP_TOK_CHAR && ahead.ch == '=';
        if (!named && !cp_parser_is_char(p, ')')) {
            count = cp_parser_expr(p);
            named = count != NULL && cp_parser_accept_char(p, ',');
        }
        if (count == NULL || (named && !cp_parser_more_opts(p, keys)) ||
            !cp_parser_expect_char(p, ')', "',' or ')'")) {
            return false;
        }
    }
    return add(list, cp_parser_body(p)) && add(list, count) && add(list, keys);
}

bool cp_operands_submit(CpParser *p, CpNode *node, CpNodeList *list)
{
    return cp_parser_slots(p, node, CP_CHILD_NAME, CP_CHILD_AS, list) &&
           cp_parser_extras(p, node, CP_CHILD_AS, list);
}

bool cp_operands_apply(CpParser *p, CpNode *node, CpNodeList *list)
{
    return cp_parser_slots(p, node, CP_CHILD_NAME, CP_CHILD_TO, list) &&
           cp_parser_extras(p, node, CP_CHILD_TO, list);
}

/* as_completed POOL [ as NAME ] { ... } */
bool cp_operands_as_completed(CpParser *p, CpNode *node, CpNodeList *list)
{
    if (!cp_parser_slots(p, node, CP_CHILD_NAME, CP_CHILD_BODY, list)) {
        return false;
    }
    CpNode *as =
        cp_parser_accept(p, "as") ? cp_parser_name(p, "a name") : cp_parser_null(p);
    return as != NULL && add(list, cp_parser_body(p)) && add(list, as);
}

/* map POOL TASK over LIST [ extras ], and imap with a body at the end. */
bool cp_operands_map(CpParser *p, CpNode *node, CpNodeList *list)
{
    if (!cp_parser_slots(p, node, CP_CHILD_NAME, CP_CHILD_LIST, list)) {
        return false;
    }
    if (!cp_parser_accept(p, "over")) {
        return cp_parser_expected(p, "'over' and a list");
    }
    if (!add(list, cp_parser_list(p))) {
        return false;
    }
    if (node->kind == CP_NODE_MAP) {
        return cp_parser_extras(p, node, CP_CHILD_CHUNK, list);
    }
    /* The body stands last, but first among the children. */
    CpNodeList extras = {cp_node_new(p->tree, CP_NODE_BODY, p->tok.pos), NULL};
    CpNode *body =
        cp_parser_extras(p, node, CP_CHILD_CHUNK, &extras) ? cp_parser_body(p) : NULL;
    if (body == NULL) {
        return false;
    }
    cp_node_add(list, body);
    for (CpNode *next, *n = extras.parent->child; n != NULL; n = next) {
        next = n->next;
        n->next = NULL;
        cp_node_add(list, n);
    }
    return true;
}

/* --- asyncio --- */

/* [ NAME ] call: the pool is absent for the loop's default executor. */
static bool read_executor(CpParser *p, CpNodeList *list)
{
    CpToken ahead = cp_parser_peek(p);
    bool direct = ahead.kind == CP_TOK_CHAR && ahead.ch == '(';
    CpNode *pool = direct ? cp_parser_null(p) : cp_parser_name(p, "a pool or a task");
    return pool != NULL && add(list, cp_parser_call(p)) && add(list, pool);
}

bool cp_operands_executor(CpParser *p, CpNode *node, CpNodeList *list)
{
    return read_executor(p, list) && cp_parser_extras(p, node, CP_CHILD_AS, list);
}

/* `await recv q` and its like: one ordinary statement in a body of its own. */
static bool await_op(CpParser *p, CpNode *node, CpNodeList *list)
{
    CpNode *body = cp_node_new(p->tree, CP_NODE_BODY, p->tok.pos);
    CpNodeList inner = {body, NULL};
    node->kind = CP_NODE_AWAIT_OP;
    if (!p->tables->statement(p, &inner)) {
        return false;
    }
    cp_node_add(list, body);
    return true;
}

/* `for x from q` is found by its word, which it shares with the other `for`. */
static bool is_await_op(const CpParser *p)
{
    for (CpNodeKind kind = 0; kind < CP_NODE_KINDS; kind++) {
        const CpStmtInfo *info = cp_stmt_info(kind);
        bool awaited = info != NULL && (info->place & CP_STMT_AWAITABLE);
        if ((awaited || kind == CP_NODE_FOR) && cp_parser_is(p, info->word)) {
            return true;
        }
    }
    return false;
}

static bool await_call(CpParser *p, CpNode *node, CpNodeList *list)
{
    CpToken ahead = cp_parser_peek(p);
    if (ahead.kind == CP_TOK_CHAR && ahead.ch == '(') {
        node->kind = CP_NODE_AWAIT_CALL;
        return add(list, cp_parser_call(p)) &&
               cp_parser_valued(p, node, CP_CHILD_TIMEOUT, list);
    }
    return add(list, cp_parser_name(p, "a call, a name or a wait")) &&
           cp_parser_valued(p, node, CP_CHILD_TIMEOUT, list);
}

/* A word behind `await` makes another statement of it; false: none did. */
static bool await_word(CpParser *p, CpNode *node)
{
    CpToken ahead = cp_parser_peek(p);
    bool block = ahead.kind == CP_TOK_CHAR && ahead.ch == '{';
    static const struct {
        const char *word;
        CpNodeKind kind;
        bool block, keep; /* needs a block behind it; is itself an operand */
    } words[] = {
        {"wait", CP_NODE_AWAIT_WAIT, false, false},
        {"yield", CP_NODE_AWAIT_YIELD, false, false},
        {"executor", CP_NODE_AWAIT_EXECUTOR, false, false},
        {"gather", CP_NODE_GATHER, true, false},
        {"group", CP_NODE_GROUP, true, false},
        {"first", CP_NODE_AWAIT_SET, true, true},
        {"all", CP_NODE_AWAIT_SET, true, true},
        {"exception", CP_NODE_AWAIT_SET, true, true},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        if (cp_parser_is(p, words[i].word) && (block || !words[i].block)) {
            node->kind = (uint8_t)words[i].kind;
            if (!words[i].keep) {
                cp_parser_next(p);
            }
            return true;
        }
    }
    return false;
}

/* await executor: `as NAME`, the time limit, then the sizes. */
static bool read_awaited(CpParser *p, CpNode *node, CpNodeList *list)
{
    CpNode *to = cp_parser_null(p);
    CpNodeList extras = {cp_node_new(p->tree, CP_NODE_BODY, p->tok.pos), NULL};
    if (cp_parser_accept(p, "as") && (to = cp_parser_name(p, "a name")) == NULL) {
        return false;
    }
    if (!cp_parser_slots(p, node, CP_CHILD_TIMEOUT, CP_CHILD_SIZE, list) ||
        !cp_parser_extras(p, node, CP_CHILD_SIZE, &extras)) {
        return false;
    }
    for (CpNode *next, *n = extras.parent->child; n != NULL; n = next) {
        next = n->next;
        n->next = NULL;
        bool is_to = next == NULL; /* the last of the row */
        cp_node_add(list, is_to && cp_node_is_null(n) ? to : n);
    }
    return true;
}

bool cp_operands_await(CpParser *p, CpNode *node, CpNodeList *list)
{
    if (!await_word(p, node)) {
        return is_await_op(p) ? await_op(p, node, list) : await_call(p, node, list);
    }
    if (node->kind == CP_NODE_AWAIT_EXECUTOR) {
        return read_executor(p, list) && read_awaited(p, node, list);
    }
    return cp_operands_plain(p, node, list);
}

bool cp_parser_soon(CpParser *p, CpNode *node, CpNodeList *list)
{
    if (!p->python) {
        return cp_parser_expected(p, "the end of the statement");
    }
    if (!cp_parser_accept(p, "soon")) {
        return cp_parser_slots(p, node, CP_CHILD_DELAY, CP_CHILD_NONE, list);
    }
    return add(list, cp_parser_null(p)) &&
           cp_parser_slots(p, node, CP_CHILD_THREAD, CP_CHILD_NONE, list);
}

/* --- exceptions --- */

/* Nothing, a name, or several in parentheses. */
static CpNode *read_exceptions(CpParser *p)
{
    if (cp_parser_is_char(p, '{')) {
        return cp_parser_null(p);
    }
    if (!cp_parser_is_char(p, '(')) {
        return cp_parser_name(p, "the name of an exception, or '{' for any");
    }
    CpNode *names = cp_node_new(p->tree, CP_NODE_LIST, p->tok.pos);
    CpNodeList list = {names, NULL};
    do {
        cp_parser_next(p);
        if (!add(&list, cp_parser_name(p, "the name of an exception"))) {
            return NULL;
        }
    } while (cp_parser_is_char(p, ','));
    return cp_parser_expect_char(p, ')', "',' or ')'") ? names : NULL;
}

/* A clause may stand on the line after the brace before it; false: none follows. */
static bool next_clause(CpParser *p)
{
    CpParser before = *p;
    while (p->tok.kind == CP_TOK_SEPARATOR && p->tok.ch == '\n') {
        cp_parser_next(p);
    }
    if (cp_parser_is(p, "except") || cp_parser_is(p, "else") ||
        cp_parser_is(p, "finally")) {
        return true;
    }
    *p = before;
    return false;
}

bool cp_operands_try(CpParser *p, CpNode *node, CpNodeList *list)
{
    if (!cp_parser_slots(p, node, CP_CHILD_BODY, CP_CHILD_CLAUSES, list)) {
        return false;
    }
    bool any = false;
    for (; next_clause(p); any = true) {
        CpNode *names =
            cp_parser_accept(p, "except") ? read_exceptions(p) : cp_parser_word(p);
        if (!add(list, names) || !add(list, cp_parser_body(p))) {
            return false;
        }
    }
    if (any) {
        return true;
    }
    while (p->tok.kind == CP_TOK_SEPARATOR && p->tok.ch == '\n') {
        cp_parser_next(p);
    }
    return cp_parser_expected(p, "'except NAME { ... }' or 'finally { ... }'");
}
