#include "lang/parser.h"

#include <string.h>

/* Statements of the python runtime. */

static bool add(CpNodeList *list, CpNode *child)
{
    return cp_parser_add(list, child);
}

/* Words that begin such a statement; those of asyncio need an async task. */
static const struct {
    const char *word;
    CpNodeKind kind;
    bool loop;
} words[] = {
    {"await", CP_NODE_AWAIT, true},
    {"create", CP_NODE_CREATE, true},
    {"gather", CP_NODE_GATHER, true},
    {"group", CP_NODE_GROUP, true},
    {"timeout", CP_NODE_TIMEOUT, true},
    {"executor", CP_NODE_EXECUTOR, true},
    {"pool", CP_NODE_POOL, false},
    {"submit", CP_NODE_SUBMIT, false},
    {"result", CP_NODE_RESULT, false},
    {"cancel", CP_NODE_CANCEL, false},
    {"map", CP_NODE_MAP, false},
    {"imap", CP_NODE_IMAP, false},
    {"apply", CP_NODE_APPLY, false},
    {"as_completed", CP_NODE_AS_COMPLETED, false},
    {"completed", CP_NODE_COMPLETED, false},
    {"shutdown", CP_NODE_SHUTDOWN, false},
    {"raise", CP_NODE_RAISE, false},
    {"try", CP_NODE_TRY, false},
    {"print", CP_NODE_PRINT, false},
    {"input", CP_NODE_INPUT, false},
    {"touch", CP_NODE_TOUCH, false},
    {"alloc", CP_NODE_ALLOC, false},
    {"kill", CP_NODE_KILL, false},
};

CpNodeKind cp_parser_python_kind(const CpParser *p)
{
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        if (cp_parser_is(p, words[i].word)) {
            return words[i].kind;
        }
    }
    if (!p->python || p->tok.kind != CP_TOK_NAME) {
        return CP_NODE_NULL;
    }
    CpToken ahead = cp_parser_peek(p);
    if (ahead.kind == CP_TOK_CHAR && ahead.ch == '(') {
        return CP_NODE_START;
    }
    bool alone =
        ahead.kind == CP_TOK_SEPARATOR || (ahead.kind == CP_TOK_CHAR && ahead.ch == '}');
    return p->grouped && alone ? CP_NODE_MEMBER : CP_NODE_NULL;
}

/* The calls and handles of gather and its like. */
static CpNode *group_body(CpParser *p)
{
    bool outer = p->grouped;
    p->grouped = true;
    CpNode *body = cp_parser_body(p);
    p->grouped = outer;
    return body;
}

/* asyncio's words need an async task, or a thread with an event loop. */
static bool check_await(CpParser *p, CpNodeKind kind)
{
    const char *word = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        word = words[i].loop && words[i].kind == kind ? words[i].word : word;
    }
    if (word == NULL || p->may_await || p->owner == NULL) {
        return true;
    }
    const char *name = p->owner->text;
    bool task = p->owner->kind == CP_NODE_TASK;
    cp_diag_error(p->diag, p->tok.pos, "'%s' outside an async task", word);
    cp_diag_note(p->diag, (CpPos){0}, "%s '%s' is declared at line %u without '%s'",
                 task ? "task" : "thread", name, p->owner->pos.line,
                 task ? "async" : "loop");
    if (task) {
        cp_diag_help(p->diag, "write 'async task %s(…)'", name);
    } else {
        cp_diag_help(p->diag, "write 'thread %s loop asyncio'", name);
    }
    return false;
}

/* --- parts --- */

static CpNode *copy_word(CpParser *p)
{
    return cp_parser_name(p, "a word");
}

/* [ "as" NAME ] [ "chunk" n ] [ "size" bytes [ "ints" ] ] [ "returns" bytes ] in any
 * order.  Adds the name or the chunk (as `first` says), size, ints, returns. */
static bool parse_extras(CpParser *p, CpNodeList *list, const char *first)
{
    CpNode *head = cp_parser_null(p);
    CpNode *size = cp_parser_null(p);
    CpNode *ints = cp_parser_null(p);
    CpNode *returns = cp_parser_null(p);
    for (;;) {
        CpNode **to = NULL;
        if (first != NULL && cp_parser_accept(p, first)) {
            to = &head;
            head = *first == 'a' ? cp_parser_name(p, "a name") : cp_parser_expr(p);
        } else if (cp_parser_accept(p, "size")) {
            to = &size;
            size = cp_parser_size(p);
        } else if (cp_parser_is(p, "ints")) {
            to = &ints;
            ints = copy_word(p);
        } else if (cp_parser_accept(p, "returns")) {
            to = &returns;
            returns = cp_parser_size(p);
        }
        if (to == NULL) {
            break;
        }
        if (*to == NULL) {
            return false;
        }
    }
    return (first == NULL || add(list, head)) && add(list, size) && add(list, ints) &&
           add(list, returns);
}

/* --- pools --- */

static bool parse_pool(CpParser *p, CpNodeList *list)
{
    if (!add(list, cp_parser_name(p, "a name for the pool")) ||
        !add(list, cp_parser_name(p, "threads, processes, workers or interpreters"))) {
        return false;
    }
    CpNode *count = cp_parser_null(p);
    CpNode *opts = cp_node_new(p->tree, CP_NODE_OPTS, p->tok.pos);
    if (cp_parser_accept_char(p, '(')) {
        CpToken ahead = cp_parser_peek(p);
        bool named =
            p->tok.kind == CP_TOK_NAME && ahead.kind == CP_TOK_CHAR && ahead.ch == '=';
        if (!named && !cp_parser_is_char(p, ')')) {
            count = cp_parser_expr(p);
            named = count != NULL && cp_parser_accept_char(p, ',');
        }
        if (count == NULL || (named && !cp_parser_more_opts(p, opts)) ||
            !cp_parser_expect_char(p, ')', "',' or ')'")) {
            return false;
        }
    }
    return add(list, cp_parser_body(p)) && add(list, count) && add(list, opts);
}

static bool parse_submit(CpParser *p, CpNodeList *list)
{
    return add(list, cp_parser_name(p, "the name of a pool")) &&
           add(list, cp_parser_call(p)) && parse_extras(p, list, "as");
}

static bool parse_map(CpParser *p, CpNode *node, CpNodeList *list)
{
    if (!add(list, cp_parser_name(p, "the name of a pool")) ||
        !add(list, cp_parser_name(p, "the name of a task"))) {
        return false;
    }
    if (!cp_parser_accept(p, "over")) {
        return cp_parser_expected(p, "'over' and a list");
    }
    if (!add(list, cp_parser_list(p))) {
        return false;
    }
    if (node->kind == CP_NODE_MAP) {
        return parse_extras(p, list, "chunk");
    }
    /* The body stands last, but first among the children. */
    CpNodeList extras = {cp_node_new(p->tree, CP_NODE_BODY, p->tok.pos), NULL};
    CpNode *body = parse_extras(p, &extras, "chunk") ? cp_parser_body(p) : NULL;
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

static bool parse_completed(CpParser *p, CpNodeList *list)
{
    if (!add(list, cp_parser_name(p, "the name of a pool"))) {
        return false;
    }
    if (!cp_parser_is(p, "first") && !cp_parser_is(p, "all") &&
        !cp_parser_is(p, "exception")) {
        return cp_parser_expected(p, "first, all or exception");
    }
    return add(list, copy_word(p)) && cp_parser_timeout(p, list);
}

static bool parse_shutdown(CpParser *p, CpNodeList *list)
{
    return add(list, cp_parser_name(p, "the name of a pool")) &&
           add(list, cp_parser_is(p, "cancel") ? copy_word(p) : cp_parser_null(p));
}

/* --- asyncio --- */

/* [ NAME ] call: the pool is NULL for the loop's default executor. */
static bool parse_executor(CpParser *p, CpNodeList *list)
{
    CpToken ahead = cp_parser_peek(p);
    bool direct = ahead.kind == CP_TOK_CHAR && ahead.ch == '(';
    CpNode *pool = direct ? cp_parser_null(p) : cp_parser_name(p, "a pool or a task");
    return pool != NULL && add(list, cp_parser_call(p)) && add(list, pool);
}

/* `await recv q` and its like: one ordinary statement in a body of its own. */
static bool parse_await_op(CpParser *p, CpNode *node, CpNodeList *list)
{
    CpNode *body = cp_node_new(p->tree, CP_NODE_BODY, p->tok.pos);
    CpNodeList inner = {body, NULL};
    node->kind = CP_NODE_AWAIT_OP;
    if (!cp_parser_statement(p, &inner)) {
        return false;
    }
    cp_node_add(list, body);
    return true;
}

static bool is_await_op(const CpParser *p)
{
    static const char *const ops[] = {"lock", "acquire", "waitfor", "recv",
                                      "send", "for",     NULL};
    for (int i = 0; ops[i] != NULL; i++) {
        if (cp_parser_is(p, ops[i])) {
            return true;
        }
    }
    return false;
}

static bool parse_await_call(CpParser *p, CpNode *node, CpNodeList *list)
{
    CpToken ahead = cp_parser_peek(p);
    if (ahead.kind == CP_TOK_CHAR && ahead.ch == '(') {
        node->kind = CP_NODE_AWAIT_CALL;
        return add(list, cp_parser_call(p)) && cp_parser_timeout(p, list);
    }
    return add(list, cp_parser_name(p, "a call, a name or a wait")) &&
           cp_parser_timeout(p, list);
}

static bool parse_await(CpParser *p, CpNode *node, CpNodeList *list)
{
    CpToken ahead = cp_parser_peek(p);
    bool block = ahead.kind == CP_TOK_CHAR && ahead.ch == '{';
    if (cp_parser_accept(p, "wait")) {
        node->kind = CP_NODE_AWAIT_WAIT;
        return add(list, cp_parser_duration(p));
    }
    if (cp_parser_accept(p, "yield")) {
        node->kind = CP_NODE_AWAIT_YIELD;
        return true;
    }
    if (cp_parser_accept(p, "executor")) {
        node->kind = CP_NODE_AWAIT_EXECUTOR;
        return parse_executor(p, list) && cp_parser_timeout(p, list) &&
               parse_extras(p, list, NULL);
    }
    if (block && (cp_parser_is(p, "gather") || cp_parser_is(p, "group"))) {
        node->kind = cp_parser_is(p, "gather") ? CP_NODE_GATHER : CP_NODE_GROUP;
        cp_parser_next(p);
        return add(list, group_body(p));
    }
    bool set =
        cp_parser_is(p, "first") || cp_parser_is(p, "all") || cp_parser_is(p, "exception");
    if (block && set) {
        node->kind = CP_NODE_AWAIT_SET;
        return add(list, copy_word(p)) && add(list, group_body(p)) &&
               cp_parser_timeout(p, list);
    }
    return is_await_op(p) ? parse_await_op(p, node, list) : parse_await_call(p, node, list);
}

static bool parse_create(CpParser *p, CpNodeList *list)
{
    return add(list, cp_parser_call(p)) &&
           add(list,
               cp_parser_accept(p, "as") ? cp_parser_name(p, "a name") : cp_parser_null(p));
}

static bool parse_timeout_block(CpParser *p, CpNodeList *list)
{
    return add(list, cp_parser_duration(p)) && add(list, cp_parser_body(p)) &&
           add(list, cp_parser_accept(p, "else") ? cp_parser_body(p) : cp_parser_null(p));
}

bool cp_parser_soon(CpParser *p, CpNode *node, CpNode *call)
{
    bool soon = cp_parser_is(p, "soon");
    if (!soon && !cp_parser_is(p, "after")) {
        return true;
    }
    if (!p->python) {
        return cp_parser_expected(p, "the end of the statement");
    }
    cp_parser_next(p);
    CpNodeList list = {node, NULL};
    node->kind = CP_NODE_CALL_SOON;
    cp_node_add(&list, call);
    return add(&list, soon ? cp_parser_null(p) : cp_parser_duration(p)) &&
           add(&list, cp_parser_accept(p, "on") ? cp_parser_name(p, "a thread with a loop")
                                                : cp_parser_null(p)) &&
           add(&list,
               cp_parser_accept(p, "as") ? cp_parser_name(p, "a name") : cp_parser_null(p));
}

/* --- the rest --- */

/* Nothing, a name, or several in parentheses. */
static CpNode *parse_exceptions(CpParser *p)
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

static CpNode *word_node(CpParser *p)
{
    CpNode *word = cp_node_new(p->tree, CP_NODE_NAME, p->tok.pos);
    word->text = cp_tree_text(p->tree, p->scan.text + p->tok.start,
                              (gssize)(p->tok.end - p->tok.start));
    cp_parser_next(p);
    return word;
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

static bool parse_try(CpParser *p, CpNodeList *list)
{
    if (!add(list, cp_parser_body(p))) {
        return false;
    }
    bool any = false;
    for (; next_clause(p); any = true) {
        CpNode *names = cp_parser_accept(p, "except") ? parse_exceptions(p) : word_node(p);
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

static bool parse_touch(CpParser *p, CpNodeList *list)
{
    return add(list, cp_parser_name(p, "the name of an object")) &&
           add(list, cp_parser_accept(p, "x") ? cp_parser_expr(p) : cp_parser_null(p));
}

static bool parse_operands(CpParser *p, CpNode *node, CpNodeList *list)
{
    switch ((CpNodeKind)node->kind) {
    case CP_NODE_POOL:
        return parse_pool(p, list);
    case CP_NODE_SUBMIT:
    case CP_NODE_APPLY:
        return parse_submit(p, list);
    case CP_NODE_MAP:
    case CP_NODE_IMAP:
        return parse_map(p, node, list);
    case CP_NODE_RESULT:
        return add(list, cp_parser_name(p, "a name given by 'as'")) &&
               cp_parser_timeout(p, list);
    case CP_NODE_AS_COMPLETED:
        return add(list, cp_parser_name(p, "the name of a pool")) &&
               add(list, cp_parser_body(p));
    case CP_NODE_COMPLETED:
        return parse_completed(p, list);
    case CP_NODE_SHUTDOWN:
        return parse_shutdown(p, list);
    case CP_NODE_CREATE:
        return parse_create(p, list);
    case CP_NODE_GATHER:
    case CP_NODE_GROUP:
        return add(list, group_body(p));
    case CP_NODE_TIMEOUT:
        return parse_timeout_block(p, list);
    case CP_NODE_AWAIT:
        return parse_await(p, node, list);
    case CP_NODE_EXECUTOR:
        return parse_executor(p, list) && parse_extras(p, list, "as");
    case CP_NODE_CANCEL:
        return add(list, cp_parser_name(p, "a name"));
    case CP_NODE_RAISE:
        return add(list, cp_parser_at_end(p)
                             ? cp_parser_null(p)
                             : cp_parser_name(p, "the name of an exception"));
    case CP_NODE_TRY:
        return parse_try(p, list);
    case CP_NODE_INPUT:
        return add(list, cp_parser_duration(p));
    case CP_NODE_TOUCH:
        return parse_touch(p, list);
    case CP_NODE_ALLOC:
        return add(list, cp_parser_expr(p));
    case CP_NODE_KILL:
        return add(list, cp_parser_name(p, "a process or thread")) &&
               add(list, cp_parser_name(p, "a signal such as SIGINT"));
    default: /* print */
        return true;
    }
}

bool cp_parser_python(CpParser *p, CpNodeKind kind, CpNodeList *into)
{
    if (!p->python) {
        g_autofree char *word = cp_token_describe(&p->scan, &p->tok);
        cp_diag_error(p->diag, p->tok.pos, "%s needs a python runtime", word);
        cp_diag_help(p->diag, "declare the process with 'runtime python \"3.12\"'");
        return false;
    }
    if (!check_await(p, kind)) {
        return false;
    }
    CpNode *node = cp_node_new(p->tree, kind, p->tok.pos);
    CpNodeList list = {node, NULL};
    bool ok;
    if (kind == CP_NODE_START) {
        ok = add(&list, cp_parser_call(p));
    } else if (kind == CP_NODE_MEMBER) {
        ok = add(&list, cp_parser_name(p, "a name"));
    } else {
        cp_parser_next(p);
        ok = parse_operands(p, node, &list);
    }
    if (ok) {
        cp_node_add(into, node);
    }
    return ok;
}
