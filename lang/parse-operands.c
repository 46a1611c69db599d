#include "lang/parser.h"

#include <string.h>

/* Decides how the operands of a statement are read where its row does not say it all:
 * where their order in the text is not that of the JSON form, or a message is worth it. */

static bool add(CpNodeList *list, CpNode *child)
{
    return cp_parser_add(list, child);
}

bool cp_operands_lock(CpParser *p, CpNode *node, CpNodeList *list)
{
    if (!cp_parser_slots(p, node, CP_CHILD_NAME, CP_CHILD_BODY, list)) {
        return false;
    }
    CpNode *mode = cp_parser_is(p, "read") || cp_parser_is(p, "write") ? cp_parser_word(p)
                                                                       : cp_parser_null(p);
    if (!cp_parser_is_char(p, '{')) {
        g_autofree char *found = cp_token_describe(&p->scan, &p->tok);
        cp_diag_error(p->diag, p->tok.pos, "expected '{' after lock, found %s", found);
        cp_diag_help(p->diag, "write lock NAME { ... }, or acquire NAME and release NAME");
        return false;
    }
    return add(list, cp_parser_body(p)) && add(list, mode);
}

/* spawn [daemon] thread|process NAME [ "[" NAME "]" ] call [ keys ] */
bool cp_operands_spawn(CpParser *p, CpNode *node, CpNodeList *list)
{
    CpNode *daemon = cp_parser_is(p, "daemon") ? cp_parser_word(p) : cp_parser_null(p);
    if (!cp_parser_slots(p, node, CP_CHILD_KIND, CP_CHILD_CALL, list)) {
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

/* `for x in LIST body`, or `for x from QUEUE body`, which is another statement. */
bool cp_operands_for(CpParser *p, CpNode *node, CpNodeList *list)
{
    if (!cp_parser_slots(p, node, CP_CHILD_ENTRY, CP_CHILD_LIST, list)) {
        return false;
    }
    if (cp_parser_accept(p, "from")) {
        node->kind = CP_NODE_RECV_EACH;
        return cp_parser_slots(p, node, CP_CHILD_NAME, CP_CHILD_NONE, list);
    }
    if (!cp_parser_accept(p, "in")) {
        return cp_parser_expected(p, "'in' or 'from'");
    }
    return cp_parser_slots(p, node, CP_CHILD_LIST, CP_CHILD_PARAM, list) &&
           add(list, cp_parser_null(p));
}

/* --- print --- */

/* Where the scanner stands behind so many bytes of the text that is the token. */
static void scan_inside(CpParser *p, const CpToken *text, uint32_t from, uint32_t to)
{
    p->scan.at = from;
    p->scan.len = to;
    p->scan.line = text->pos.line;
    p->scan.column = text->pos.column + (uint32_t)g_utf8_strlen(p->scan.text + text->start,
                                                                from - text->start);
    p->scan.depth = 0;
    p->expr_depth = 0;
    cp_parser_next(p);
}

static bool bad_place(CpParser *p, const CpToken *text, uint32_t at, const char *what)
{
    CpPos pos = text->pos;
    pos.column += (uint32_t)g_utf8_strlen(p->scan.text + text->start, at - text->start);
    pos.length = 1;
    cp_diag_error(p->diag, pos, "%s", what);
    cp_diag_help(p->diag, "write {x} for a value, {{ and }} for braces");
    return false;
}

/* {VALUE} or {VALUE:.2f} from `at`, which is behind the brace: the value becomes a child,
 * and
 * {} stays in the text.  *end is behind the closing brace. */
static bool read_place(CpParser *p, const CpToken *text, uint32_t at, uint32_t *end,
                       GString *out, CpNodeList *values)
{
    const char *source = p->scan.text;
    uint32_t last = at;
    while (last < text->end - 1 && source[last] != '}' && source[last] != ':') {
        last++;
    }
    uint32_t close = last;
    while (close < text->end - 1 && source[close] != '}') {
        close++;
    }
    if (source[close] != '}') {
        return bad_place(p, text, at - 1, "'{' without '}'");
    }
    CpParser inside = *p;
    scan_inside(&inside, text, at, last);
    if (inside.tok.kind == CP_TOK_EOF) {
        return bad_place(p, text, at - 1, "nothing stands between the braces");
    }
    if (!cp_parser_add(values, cp_parser_expr(&inside))) {
        return false;
    }
    if (inside.tok.kind != CP_TOK_EOF) {
        return cp_parser_expected(&inside, "'}' behind one value");
    }
    g_string_append_c(out, '{');
    g_string_append_len(out, source + last, close + 1 - last);
    *end = close + 1;
    return true;
}

/* The text as it is, with {} where its values stand; NULL after reporting. */
static CpNode *read_line(CpParser *p, CpNodeList *values)
{
    const CpToken text = p->tok;
    const char *source = p->scan.text;
    g_autoptr(GString) out = g_string_new(NULL);
    CpNode *node = cp_node_new(p->tree, CP_NODE_STRING, text.pos);
    uint32_t end = text.end;
    end -= end > text.start + 1 && source[end - 1] == source[text.start];
    for (uint32_t at = text.start + 1; at < end;) {
        char ch = source[at++];
        bool doubled = (ch == '{' || ch == '}') && at < end && source[at] == ch;
        if (ch == '\\' && at < end) {
            ch = source[at++];
            ch = ch == 'n' ? '\n' : ch == 't' ? '\t' : ch;
            doubled = ch == '{' || ch == '}';
        } else if (doubled) {
            at++;
        } else if (ch == '}') {
            bad_place(p, &text, at - 1, "'}' without '{'");
            return NULL;
        } else if (ch == '{') {
            if (!read_place(p, &text, at, &at, out, values)) {
                return NULL;
            }
            continue;
        }
        g_string_append_c(out, ch);
        if (doubled) {
            g_string_append_c(out, ch);
        }
    }
    node->text = cp_tree_text(p->tree, out->str, -1);
    cp_parser_next(p);
    return node;
}

bool cp_operands_line(CpParser *p, CpNode *node, CpNodeList *list)
{
    (void)node; /* it has no other form */
    if (cp_parser_at_end(p)) {
        return cp_parser_add(list, cp_parser_null(p));
    }
    if (p->tok.kind != CP_TOK_STRING) {
        cp_parser_expected(p, "a text in quotes");
        cp_diag_help(p->diag, "write print \"x is {x}\"");
        return false;
    }
    CpNodeList values = {cp_node_new(p->tree, CP_NODE_BODY, p->tok.pos), NULL};
    if (!cp_parser_add(list, read_line(p, &values))) {
        return false;
    }
    for (CpNode *next, *n = values.parent->child; n != NULL; n = next) {
        next = n->next;
        n->next = NULL;
        cp_node_add(list, n);
    }
    return true;
}

bool cp_operands_valued(CpParser *p, CpNode *node, CpNodeList *list)
{
    return cp_parser_slots(p, node, CP_CHILD_NAME, CP_CHILD_TIMEOUT, list) &&
           cp_parser_valued(p, node, CP_CHILD_TIMEOUT, list);
}

bool cp_operands_set(CpParser *p, CpNode *node, CpNodeList *list)
{
    return cp_parser_slots(p, node, CP_CHILD_NAME, CP_CHILD_VALUE, list) &&
           cp_parser_expect_char(p, '=', "'='") && add(list, cp_parser_expr(p));
}

bool cp_operands_arrivals(CpParser *p, CpNode *node, CpNodeList *list)
{
    (void)node; /* what `until` says stands before the body */
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

bool cp_operands_choose(CpParser *p, CpNode *node, CpNodeList *list)
{
    (void)node; /* all its children are cases */
    return cp_parser_block(p, list, parse_case);
}

bool cp_operands_if(CpParser *p, CpNode *node, CpNodeList *list)
{
    if (!cp_parser_slots(p, node, CP_CHILD_COND, CP_CHILD_ELSE, list)) {
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
    bool ok = p->tables->statement(p, &inner);
    p->depth--;
    return ok && add(list, body);
}

bool cp_operands_send(CpParser *p, CpNode *node, CpNodeList *list)
{
    if (!cp_parser_slots(p, node, CP_CHILD_NAME, CP_CHILD_VALUE, list)) {
        return false;
    }
    bool no_value = cp_parser_at_end(p) || cp_parser_is(p, "size");
    return add(list, no_value ? cp_parser_null(p) : cp_parser_expr(p)) &&
           cp_parser_slots(p, node, CP_CHILD_SIZE, CP_CHILD_NONE, list);
}

/* call f(x), or in Python call f(x) soon, after 1s, on THREAD: another statement. */
bool cp_operands_call(CpParser *p, CpNode *node, CpNodeList *list)
{
    CpNode *call = cp_parser_call(p);
    if (call == NULL) {
        return false;
    }
    if (cp_parser_is(p, "soon") || cp_parser_is(p, "after")) {
        node->kind = CP_NODE_CALL_SOON;
        cp_node_add(list, call);
        return cp_parser_soon(p, node, list);
    }
    if (cp_parser_accept(p, "as")) {
        node->kind = CP_NODE_CALL_AS;
        cp_node_add(list, call);
        return add(list, cp_parser_name(p, "a name"));
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
