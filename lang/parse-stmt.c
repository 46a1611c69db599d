#include "lang/parser.h"

#include "sim/params.h"

#include <string.h>

CpNode *cp_parser_null(CpParser *p)
{
    return cp_node_new(p->tree, CP_NODE_NULL, p->tok.pos);
}

bool cp_parser_add(CpNodeList *list, CpNode *child)
{
    if (child != NULL) {
        cp_node_add(list, child);
    }
    return child != NULL;
}

static bool add(CpNodeList *list, CpNode *child)
{
    return cp_parser_add(list, child);
}

static CpNode *word_node(CpParser *p)
{
    return cp_parser_name(p, "a word");
}

bool cp_parser_timeout(CpParser *p, CpNodeList *list)
{
    if (!cp_parser_accept(p, "timeout")) {
        cp_node_add(list, cp_parser_null(p));
        cp_node_add(list, cp_parser_null(p));
        return true;
    }
    if (!add(list, cp_parser_duration(p))) {
        return false;
    }
    if (!cp_parser_accept(p, "else")) {
        cp_node_add(list, cp_parser_null(p));
        return true;
    }
    return add(list, cp_parser_body(p));
}

static bool parse_word_after(CpParser *p, CpNodeList *list, const char *a, const char *b)
{
    bool is = cp_parser_is(p, a) || cp_parser_is(p, b);
    return add(list, is ? word_node(p) : cp_parser_null(p));
}

static bool parse_lock(CpParser *p, CpNodeList *list)
{
    if (!add(list, cp_parser_name(p, "the name of a lock"))) {
        return false;
    }
    CpNode *mode = cp_parser_is(p, "read") || cp_parser_is(p, "write") ? word_node(p)
                                                                       : cp_parser_null(p);
    if (!cp_parser_is_char(p, '{')) {
        g_autofree char *found = cp_token_describe(&p->scan, &p->tok);
        cp_diag_error(p->diag, p->tok.pos, "expected '{' after lock, found %s", found);
        cp_diag_help(p->diag, "write lock NAME { ... }, or acquire NAME and release NAME");
        return false;
    }
    return add(list, cp_parser_body(p)) && add(list, mode);
}

CpNode *cp_parser_call(CpParser *p)
{
    CpNode *call = cp_parser_name(p, "the name of a task");
    if (call == NULL) {
        return NULL;
    }
    call->kind = CP_NODE_INVOKE;
    if (!cp_parser_is_char(p, '(')) {
        cp_parser_expected(p, "'(' after the task's name");
        return NULL;
    }
    cp_parser_next(p);
    CpNodeList args = {call, NULL};
    if (cp_parser_accept_char(p, ')')) {
        return call;
    }
    do {
        if (!add(&args, cp_parser_expr(p))) {
            return NULL;
        }
    } while (cp_parser_accept_char(p, ','));
    return cp_parser_expect_char(p, ')', "',' or ')'") ? call : NULL;
}

/* spawn [daemon] thread|process NAME [ "[" NAME "]" ] call [ opts ] */
static bool parse_spawn(CpParser *p, CpNodeList *list)
{
    CpNode *daemon = cp_parser_is(p, "daemon") ? word_node(p) : cp_parser_null(p);
    if (!cp_parser_is(p, "thread") && !cp_parser_is(p, "process")) {
        return cp_parser_expected(p, "'thread' or 'process'");
    }
    if (!add(list, word_node(p)) || !add(list, cp_parser_name(p, "a name"))) {
        return false;
    }
    CpNode *index = cp_parser_null(p);
    if (cp_parser_accept_char(p, '[')) {
        index = cp_parser_expr(p);
        if (index == NULL || !cp_parser_expect_char(p, ']', "']'")) {
            return false;
        }
    }
    if (!add(list, cp_parser_call(p))) {
        return false;
    }
    cp_node_add(list, daemon);
    return add(list, cp_parser_opts(p)) && add(list, index);
}

/* `for x in LIST body` or `for x from QUEUE body`; the latter changes the kind. */
static bool parse_for(CpParser *p, CpNode *node, CpNodeList *list)
{
    if (!add(list, cp_parser_name(p, "a name for the entry"))) {
        return false;
    }
    if (cp_parser_accept(p, "from")) {
        node->kind = CP_NODE_RECV_EACH;
        return add(list, cp_parser_name(p, "the name of a queue")) &&
               add(list, cp_parser_body(p));
    }
    if (!cp_parser_accept(p, "in")) {
        return cp_parser_expected(p, "'in' or 'from'");
    }
    return add(list, cp_parser_list(p)) && add(list, cp_parser_body(p)) &&
           add(list, cp_parser_null(p));
}

static bool parse_set(CpParser *p, CpNodeList *list)
{
    return add(list, cp_parser_name(p, "the name of a variable")) &&
           cp_parser_expect_char(p, '=', "'='") && add(list, cp_parser_expr(p));
}

static bool parse_arrivals(CpParser *p, CpNodeList *list)
{
    CpNode *gap = p->tok.kind == CP_TOK_STRING ? cp_parser_string(p, "a file")
                                               : cp_parser_duration(p);
    if (!add(list, gap)) {
        return false;
    }
    CpNode *until = cp_parser_null(p);
    if (cp_parser_accept(p, "until")) {
        until = cp_parser_duration(p);
        if (until == NULL) {
            return false;
        }
    }
    return add(list, cp_parser_body(p)) && add(list, until);
}

static bool parse_case(CpParser *p, CpNodeList *into)
{
    CpNode *node = cp_node_new(p->tree, CP_NODE_CASE, p->tok.pos);
    CpNodeList list = {node, NULL};
    if (p->tok.kind != CP_TOK_NUMBER && p->tok.kind != CP_TOK_NAME) {
        return cp_parser_expected(p, "a share such as 90% { ... }");
    }
    CpNode *share = cp_parser_expr(p);
    if (share == NULL) {
        return false;
    }
    if (share->kind == CP_NODE_NUMBER && share->dim != CP_DIM_SHARE) {
        cp_diag_error(p->diag, share->pos, "'%s' is not a share", share->text);
        cp_diag_help(p->diag, "write a percentage: 90%% { ... }");
        return false;
    }
    cp_node_add(&list, share);
    if (!add(&list, cp_parser_body(p))) {
        return false;
    }
    cp_node_add(into, node);
    return true;
}

static bool parse_if(CpParser *p, CpNodeList *list)
{
    if (!add(list, cp_parser_cond(p)) || !add(list, cp_parser_body(p))) {
        return false;
    }
    /* `else` may stand on the line after the closing brace. */
    CpParser before = *p;
    while (p->tok.kind == CP_TOK_SEPARATOR && p->tok.ch == '\n') {
        cp_parser_next(p);
    }
    if (!cp_parser_accept(p, "else")) {
        *p = before;
        return add(list, cp_parser_null(p));
    }
    if (!cp_parser_is(p, "if")) {
        return add(list, cp_parser_body(p));
    }
    /* else if: a body of one statement. */
    CpNode *body = cp_node_new(p->tree, CP_NODE_BODY, p->tok.pos);
    CpNodeList inner = {body, NULL};
    if (p->depth == CP_PARSE_DEPTH_MAX) {
        return cp_diag_error(p->diag, p->tok.pos, "more than %d 'else if' in a row",
                             CP_PARSE_DEPTH_MAX);
    }
    p->depth++;
    bool ok = cp_parser_statement(p, &inner);
    p->depth--;
    return ok && add(list, body);
}

static bool parse_io(CpParser *p, CpNodeList *list)
{
    return add(list, cp_parser_name(p, "the name of a device")) &&
           add(list, cp_parser_at_end(p) ? cp_parser_null(p) : cp_parser_duration(p));
}

static bool parse_send(CpParser *p, CpNodeList *list)
{
    if (!add(list, cp_parser_name(p, "the name of a queue"))) {
        return false;
    }
    bool no_value = cp_parser_at_end(p) || cp_parser_is(p, "size");
    if (!add(list, no_value ? cp_parser_null(p) : cp_parser_expr(p))) {
        return false;
    }
    return add(list, cp_parser_accept(p, "size") ? cp_parser_size(p) : cp_parser_null(p));
}

/* NAME and an optional expression. */
static bool parse_name_expr(CpParser *p, CpNodeList *list)
{
    return add(list, cp_parser_name(p, "a name")) &&
           add(list, cp_parser_at_end(p) ? cp_parser_null(p) : cp_parser_expr(p));
}

static bool parse_name_timeout(CpParser *p, CpNodeList *list)
{
    return add(list, cp_parser_name(p, "a name")) && cp_parser_timeout(p, list);
}

static bool parse_call(CpParser *p, CpNode *node, CpNodeList *list)
{
    CpNode *call = cp_parser_call(p);
    if (call == NULL || !cp_parser_soon(p, node, call)) {
        return false;
    }
    if (node->kind != CP_NODE_CALL) {
        return true;
    }
    CpNode *args = call->child;
    call->kind = CP_NODE_NAME;
    call->child = NULL;
    cp_node_add(list, call);
    for (CpNode *next; args != NULL; args = next) {
        next = args->next;
        args->next = NULL;
        cp_node_add(list, args);
    }
    return true;
}

static bool parse_policy(CpParser *p, CpNodeList *list)
{
    return add(list, cp_parser_name(p, "a policy")) && add(list, cp_parser_opts(p));
}

/* Operands of a statement after its word. */
static bool parse_operands(CpParser *p, CpNode *node, CpNodeList *list)
{
    switch (node->kind) {
    case CP_NODE_CPU:
        return add(list, cp_parser_duration(p)) &&
               parse_word_after(p, list, "nogil", "nocheck");
    case CP_NODE_PERIOD:
        return add(list, cp_parser_duration(p)) &&
               parse_word_after(p, list, "relative", "relative");
    case CP_NODE_SPIN:
    case CP_NODE_WAIT:
        return add(list, cp_parser_duration(p));
    case CP_NODE_IO:
        return parse_io(p, list);
    case CP_NODE_MARK:
        return add(list, cp_parser_string(p, "a text in quotes"));
    case CP_NODE_RESPOND:
        return add(list,
                   cp_parser_at_end(p) ? cp_parser_null(p) : cp_parser_name(p, "a name"));
    case CP_NODE_TIMED:
        return add(list, cp_parser_name(p, "a name")) && add(list, cp_parser_body(p));
    case CP_NODE_LOCK:
        return parse_lock(p, list);
    case CP_NODE_ACQUIRE:
    case CP_NODE_WAITFOR:
    case CP_NODE_RECV:
    case CP_NODE_JOIN:
        return parse_name_timeout(p, list);
    case CP_NODE_RELEASE:
    case CP_NODE_SIGNAL:
        return parse_name_expr(p, list);
    case CP_NODE_CLEAR:
        return add(list, cp_parser_name(p, "the name of an event"));
    case CP_NODE_SEND:
        return parse_send(p, list);
    case CP_NODE_SPAWN:
        return parse_spawn(p, list);
    case CP_NODE_CALL:
        return parse_call(p, node, list);
    case CP_NODE_SET:
        return parse_set(p, list);
    case CP_NODE_REPEAT:
        return add(list, cp_parser_expr(p)) && add(list, cp_parser_body(p));
    case CP_NODE_FOR:
        return parse_for(p, node, list);
    case CP_NODE_UNTIL:
        return add(list, cp_parser_duration(p)) && add(list, cp_parser_body(p));
    case CP_NODE_FOREVER:
        return add(list, cp_parser_body(p));
    case CP_NODE_WHILE:
        return add(list, cp_parser_cond(p)) && add(list, cp_parser_body(p));
    case CP_NODE_ARRIVALS:
        return parse_arrivals(p, list);
    case CP_NODE_CHOOSE:
        return cp_parser_block(p, list, parse_case);
    case CP_NODE_IF:
        return parse_if(p, list);
    case CP_NODE_NICE:
        return add(list, cp_parser_expr(p));
    case CP_NODE_AFFINITY:
        return add(list, cp_parser_cpus(p));
    case CP_NODE_POLICY:
        return parse_policy(p, list);
    default: /* yield, stop, exit */
        return true;
    }
}

static bool unknown_statement(CpParser *p)
{
    if (p->tok.kind != CP_TOK_NAME) {
        return cp_parser_expected(p, "a statement");
    }
    g_autofree char *word =
        g_strndup(p->scan.text + p->tok.start, p->tok.end - p->tok.start);
    const char *near = cp_nearest(word, cp_stmt_words());
    const char *all = "statements: cpu, wait, lock, spawn, join, …";
    cp_diag_error(p->diag, p->tok.pos, "unknown statement '%s'", word);
    if (near != NULL) {
        cp_diag_help(p->diag, "did you mean '%s'?   (%s)", near, all);
    } else {
        cp_diag_help(p->diag, "%s", all);
    }
    return false;
}

static CpNodeKind statement_kind(CpParser *p)
{
    if (p->tok.kind != CP_TOK_NAME || p->tok.end - p->tok.start > 20) {
        return CP_NODE_NULL;
    }
    char word[24] = "";
    memcpy(word, p->scan.text + p->tok.start, p->tok.end - p->tok.start);
    CpNodeKind kind = cp_stmt_find(word);
    bool word_only = kind == CP_NODE_RECV_EACH || kind == CP_NODE_ADD;
    return word_only || cp_stmt_is_python(kind) ? CP_NODE_NULL : kind;
}

/* NAME += expr, or NAME += call(expr), which has a check point inside. */
static bool parse_add(CpParser *p, CpNodeList *into)
{
    CpNode *node = cp_node_new(p->tree, CP_NODE_ADD, p->tok.pos);
    CpNodeList list = {node, NULL};
    if (!add(&list, cp_parser_name(p, "a variable"))) {
        return false;
    }
    cp_parser_next(p);
    CpNode *word = cp_parser_null(p);
    if (p->python && cp_parser_is(p, "call") && cp_parser_peek(p).ch == '(') {
        word = word_node(p);
    }
    if (!add(&list, cp_parser_expr(p)) || !add(&list, word)) {
        return false;
    }
    cp_node_add(into, node);
    return true;
}

static bool count_statement(CpParser *p)
{
    if (p->n_statements++ < CP_PARSE_STMTS_MAX) {
        return true;
    }
    if (p->n_statements == CP_PARSE_STMTS_MAX + 1) {
        cp_diag_error(p->diag, p->tok.pos, "more than %d statements", CP_PARSE_STMTS_MAX);
        cp_diag_help(p->diag, "loops are not expanded: write repeated parts as repeat, for "
                              "or task");
    }
    return false;
}

bool cp_parser_statement(CpParser *p, CpNodeList *into)
{
    if (!count_statement(p)) {
        return false;
    }
    if (cp_parser_peek(p).kind == CP_TOK_PLUS_SET && p->tok.kind == CP_TOK_NAME) {
        return parse_add(p, into);
    }
    CpNodeKind kind = cp_parser_python_kind(p);
    if (kind != CP_NODE_NULL) {
        return cp_parser_python(p, kind, into);
    }
    kind = statement_kind(p);
    if (kind == CP_NODE_NULL) {
        return unknown_statement(p);
    }
    CpNode *node = cp_node_new(p->tree, kind, p->tok.pos);
    CpNodeList list = {node, NULL};
    cp_parser_next(p);
    if (!parse_operands(p, node, &list)) {
        return false;
    }
    cp_node_add(into, node);
    return true;
}

CpNode *cp_parser_body(CpParser *p)
{
    CpNode *body = cp_node_new(p->tree, CP_NODE_BODY, p->tok.pos);
    CpNodeList list = {body, NULL};
    return cp_parser_block(p, &list, cp_parser_statement) ? body : NULL;
}
