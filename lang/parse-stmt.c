#include "lang/parser.h"

#include "sim/assert.h"
#include "sim/params.h"
#include "sim/words.h"

#include <string.h>

/* Decides which statement a line is, and reads the operands of those whose row in tree.def
 * says all about them ("plain").  The others have a function of their own in
 * parse-operands.c and parse-python.c. */

CpNode *cp_parser_word(CpParser *p)
{
    CpNode *word = cp_node_new(p->tree, CP_NODE_NAME, p->tok.pos);
    word->text = cp_tree_text(p->tree, p->scan.text + p->tok.start,
                              (gssize)(p->tok.end - p->tok.start));
    cp_parser_next(p);
    return word;
}

CpNode *cp_parser_group(CpParser *p)
{
    bool outer = p->grouped;
    p->grouped = true;
    CpNode *body = cp_parser_body(p);
    p->grouped = outer;
    return body;
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
        if (!cp_parser_add(&args, cp_parser_expr(p))) {
            return NULL;
        }
    } while (cp_parser_accept_char(p, ','));
    return cp_parser_expect_char(p, ')', "',' or ')'") ? call : NULL;
}

/* --- operands by their rows --- */

/* Whether the token is one of the words "a|b". */
static bool is_one_of(const CpParser *p, const char *words)
{
    g_auto(GStrv) all = g_strsplit(words, "|", -1);
    for (int i = 0; all[i] != NULL; i++) {
        if (cp_parser_is(p, all[i])) {
            return true;
        }
    }
    return false;
}

static CpNode *one_of(CpParser *p, const char *words)
{
    if (is_one_of(p, words)) {
        return cp_parser_word(p);
    }
    g_auto(GStrv) all = g_strsplit(words, "|", -1);
    GString *what = g_string_new(NULL);
    for (int i = 0; all[i] != NULL; i++) {
        g_string_append_printf(what, "%s'%s'",
                               i == 0               ? ""
                               : all[i + 1] == NULL ? " or "
                                                    : ", ",
                               all[i]);
    }
    cp_parser_expected(p, what->str);
    g_string_free(what, TRUE);
    return NULL;
}

static CpNode *read_slot(CpParser *p, const CpSlot *slot)
{
    switch ((CpSlotType)slot->type) {
    case CP_SLOT_TIME:
        return cp_parser_duration(p);
    case CP_SLOT_SIZE:
        return cp_parser_size(p);
    case CP_SLOT_NAME:
        return cp_parser_name(p, slot->what);
    case CP_SLOT_WORD:
        return one_of(p, slot->before);
    case CP_SLOT_TEXT:
        return cp_parser_string(p, slot->what);
    case CP_SLOT_CPUS:
        return cp_parser_cpus(p);
    case CP_SLOT_BODY:
        return cp_parser_body(p);
    case CP_SLOT_GROUP:
        return cp_parser_group(p);
    case CP_SLOT_LIST:
        return cp_parser_list(p);
    case CP_SLOT_COND:
        return cp_parser_cond(p);
    case CP_SLOT_KEYS:
        return cp_parser_opts(p);
    case CP_SLOT_CALL:
        return cp_parser_call(p);
    default:
        return cp_parser_expr(p);
    }
}

/* Whether an operand that may be absent is there; takes the word before it. */
static bool is_there(CpParser *p, const CpSlot *slot, const CpNode *last)
{
    if (slot->type == CP_SLOT_KEYS) {
        return true;
    }
    if (slot->type == CP_SLOT_WORD) {
        return is_one_of(p, slot->before);
    }
    if (slot->before == NULL) {
        return !cp_parser_at_end(p);
    }
    /* An `else` without what it belongs to would be somebody else's. */
    bool dangles = slot->child == CP_CHILD_ELSE && cp_node_is_null(last);
    return !dangles && cp_parser_accept(p, slot->before);
}

static const CpSlot *find_slot(const CpNode *node, CpChild name)
{
    const CpSlot *slot = cp_node_slots((CpNodeKind)node->kind);
    while (slot->child != CP_CHILD_NONE && slot->child != name) {
        slot++;
    }
    return slot;
}

bool cp_parser_slots(CpParser *p, CpNode *node, CpChild from, CpChild end, CpNodeList *list)
{
    for (const CpSlot *slot = find_slot(node, from);
         slot->child != CP_CHILD_NONE && slot->child != end; slot++) {
        bool there = slot->must || is_there(p, slot, list->last);
        if (!cp_parser_add(list, there ? read_slot(p, slot) : cp_parser_null(p))) {
            return false;
        }
    }
    return true;
}

bool cp_parser_extras(CpParser *p, const CpNode *node, CpChild from, CpNodeList *list)
{
    const CpSlot *first = find_slot(node, from);
    const CpNode *p_none = cp_parser_null(p);
    CpNode *extras[CP_EXTRAS_MAX];
    unsigned n = 0;
    for (; first[n].child != CP_CHILD_NONE; n++) {
        cp_require(n < CP_EXTRAS_MAX); /* a row with more asks for a longer array */
        extras[n] = cp_parser_null(p);
    }
    for (unsigned i = 0; i < n; i++) {
        if (is_there(p, &first[i], i > 0 ? extras[i - 1] : p_none)) {
            extras[i] = read_slot(p, &first[i]);
            if (extras[i] == NULL) {
                return false;
            }
            i = UINT_MAX; /* from the first again: they come in any order */
        }
    }
    for (unsigned i = 0; i < n; i++) {
        cp_node_add(list, extras[i]);
    }
    return true;
}

bool cp_parser_valued(CpParser *p, CpNode *node, CpChild from, CpNodeList *list)
{
    const CpSlot *first = find_slot(node, from);
    CpNode *to = cp_parser_null(p);
    if (cp_parser_accept(p, "as") && (to = cp_parser_name(p, "a name")) == NULL) {
        return false;
    }
    return cp_parser_slots(p, node, (CpChild)first->child, CP_CHILD_TO, list) &&
           cp_parser_add(list, to);
}

bool cp_operands_plain(CpParser *p, CpNode *node, CpNodeList *list)
{
    return cp_parser_slots(p, node, (CpChild)cp_node_slots((CpNodeKind)node->kind)->child,
                           CP_CHILD_NONE, list);
}

/* --- statements --- */

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
    if (cp_parser_peek(p).ch == '=') {
        cp_diag_help(p->diag, "write set %s = ..., with var %s = 0 declared", word, word);
    } else if (near != NULL) {
        cp_diag_help(p->diag, "did you mean '%s'?   (%s)", near, all);
    } else {
        cp_diag_help(p->diag, "%s", all);
    }
    return false;
}

static CpNodeKind kind_of_word(const CpParser *p)
{
    char word[24] = "";
    uint32_t len = p->tok.end - p->tok.start;
    if (p->tok.kind != CP_TOK_NAME || len >= sizeof word) {
        return CP_NODE_NULL;
    }
    memcpy(word, p->scan.text + p->tok.start, len);
    CpNodeKind kind = cp_stmt_find(word);
    return p->tables->operands[kind] != NULL ? kind : CP_NODE_NULL;
}

/* In Python `work()` starts a task, and a name alone is a member of the group around it.  A
 * call is not parted from its parenthesis: `wait (a + b) * 2` is a statement. */
static CpNodeKind kind_in_python(const CpParser *p, CpNodeKind kind)
{
    CpToken ahead = cp_parser_peek(p);
    bool paren = ahead.kind == CP_TOK_CHAR && ahead.ch == '(';
    if (paren && (kind == CP_NODE_NULL || ahead.start == p->tok.end)) {
        return CP_NODE_START;
    }
    bool alone =
        ahead.kind == CP_TOK_SEPARATOR || (ahead.kind == CP_TOK_CHAR && ahead.ch == '}');
    return p->grouped && alone ? CP_NODE_MEMBER : kind;
}

static CpNodeKind statement_kind(const CpParser *p)
{
    CpNodeKind kind = kind_of_word(p);
    bool native = kind == CP_NODE_NULL || !(cp_stmt_info(kind)->place & CP_STMT_PYTHON);
    return p->python && native && p->tok.kind == CP_TOK_NAME ? kind_in_python(p, kind)
                                                             : kind;
}

/* asyncio's words need an async task, or a thread with an event loop. */
static bool outside_async(CpParser *p, const char *word)
{
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

static bool check_place(CpParser *p, CpNodeKind kind)
{
    const CpStmtInfo *info = cp_stmt_info(kind);
    if ((info->place & CP_STMT_PYTHON) && !p->python) {
        cp_diag_error(p->diag, p->tok.pos, "'%s' needs a python runtime", info->word);
        cp_diag_help(p->diag, "declare the process with 'runtime python \"3.12\"'");
        return false;
    }
    return !(info->place & CP_STMT_ASYNC) || p->may_await || p->owner == NULL ||
           outside_async(p, info->word);
}

/* NAME += expr, or NAME += call(expr), which has a check point inside. */
static bool read_add(CpParser *p, CpNode *node, CpNodeList *list)
{
    if (!cp_parser_slots(p, node, CP_CHILD_NAME, CP_CHILD_VALUE, list)) {
        return false;
    }
    cp_parser_next(p);
    CpNode *word = cp_parser_null(p);
    if (p->python && cp_parser_is(p, "call") && cp_parser_peek(p).ch == '(') {
        word = cp_parser_word(p);
    }
    return cp_parser_add(list, cp_parser_expr(p)) && cp_parser_add(list, word);
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

static bool read_statement(CpParser *p, CpNode *node, CpNodeList *list)
{
    switch ((CpNodeKind)node->kind) {
    case CP_NODE_ADD:
        return read_add(p, node, list);
    case CP_NODE_START:
    case CP_NODE_MEMBER:
        return cp_operands_plain(p, node, list);
    default:
        cp_parser_next(p);
        return p->tables->operands[node->kind](p, node, list);
    }
}

bool cp_parser_statement(CpParser *p, CpNodeList *into)
{
    if (!count_statement(p)) {
        return false;
    }
    bool adds = p->tok.kind == CP_TOK_NAME && cp_parser_peek(p).kind == CP_TOK_PLUS_SET;
    CpNodeKind kind = adds ? CP_NODE_ADD : statement_kind(p);
    if (kind == CP_NODE_NULL) {
        return unknown_statement(p);
    }
    if (!check_place(p, kind)) {
        return false;
    }
    CpNode *node = cp_node_new(p->tree, kind, p->tok.pos);
    CpNodeList list = {node, NULL};
    if (!read_statement(p, node, &list)) {
        return false;
    }
    cp_node_add(into, node);
    return true;
}
