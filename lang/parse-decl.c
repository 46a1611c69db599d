#include "lang/parser.h"

#include "sim/params.h"
#include "sim/words.h"

#include <string.h>

/* Decides which declaration a line is, by the rows of decl.def, and how those are read that
 * have no process around them. */

bool cp_parser_named(CpParser *p, CpNode *node, const char *what)
{
    CpNode *name = cp_parser_name(p, what);
    if (name == NULL) {
        return false;
    }
    node->text = name->text;
    node->pos = name->pos;
    return true;
}

bool cp_decl_plain(CpParser *p, CpNode *node, CpNodeList *list)
{
    CpNodeKind kind = (CpNodeKind)node->kind;
    return cp_parser_named(p, node, cp_decl_fields(kind)->noun) &&
           cp_parser_slots(p, node, (CpChild)cp_node_slots(kind)->child, CP_CHILD_MEMBERS,
                           list);
}

/* --- settings --- */

/* KEY value: the value is kept as text, up to the end of the statement. */
static bool parse_setting(CpParser *p, CpNodeList *into)
{
    CpNode *node = cp_node_new(p->tree, CP_NODE_SETTING, p->tok.pos);
    node->text = cp_parser_key(p, "a setting");
    if (node->text == NULL) {
        return false;
    }
    cp_parser_accept_char(p, '=');
    if (cp_parser_at_end(p)) {
        return cp_diag_error(p->diag, node->pos, "setting '%s' has no value", node->text);
    }
    CpNode *value = cp_node_new(p->tree, CP_NODE_STRING, p->tok.pos);
    if (p->tok.kind == CP_TOK_STRING) {
        value = cp_parser_string(p, "a value");
    } else {
        uint32_t start = p->tok.start;
        while (!cp_parser_at_end(p) && !cp_parser_is_char(p, '{')) {
            cp_parser_next(p);
        }
        value->text = cp_parser_slice(p, start);
        value->pos.length = (uint32_t)g_utf8_strlen(value->text, -1);
    }
    CpNodeList list = {node, NULL};
    cp_node_add(&list, value);
    cp_node_add(into, node);
    return true;
}

bool cp_decl_settings(CpParser *p, CpNode *node, CpNodeList *list)
{
    if (node->kind == CP_NODE_MACHINE && p->tok.kind == CP_TOK_STRING) {
        CpNode *name = cp_parser_string(p, "a name");
        node->text = name->text;
        node->pos = name->pos;
        if (cp_parser_at_end(p)) {
            return true;
        }
    }
    return cp_parser_block(p, list, parse_setting);
}

static CpNodeKind find_decl(const CpParser *p, unsigned place);
static bool read_decl(CpParser *p, CpNodeKind kind, CpNodeList *into);

static bool parse_cgroup_item(CpParser *p, CpNodeList *into)
{
    CpNodeKind kind = find_decl(p, CP_IN_CGROUP);
    return kind != CP_NODE_NULL ? read_decl(p, kind, into) : parse_setting(p, into);
}

bool cp_decl_cgroup(CpParser *p, CpNode *node, CpNodeList *list)
{
    return cp_parser_named(p, node, "a name") &&
           cp_parser_block(p, list, parse_cgroup_item);
}

/* --- other declarations --- */

bool cp_decl_param(CpParser *p, CpNode *node, CpNodeList *list)
{
    if (!cp_parser_named(p, node, "a name") || !cp_parser_expect_char(p, '=', "'='") ||
        !cp_parser_add(list, cp_parser_value(p))) {
        return false;
    }
    return cp_parser_add(list,
                         cp_parser_accept(p, "in") ? cp_parser_list(p) : cp_parser_null(p));
}

static bool parse_action(CpParser *p, CpNodeList *into)
{
    CpPos pos = p->tok.pos;
    if (cp_parser_accept(p, "set")) {
        return parse_setting(p, into);
    }
    bool online = cp_parser_is(p, "online");
    if (!online && !cp_parser_is(p, "offline")) {
        return cp_parser_expected(p, "'offline', 'online' or 'set'");
    }
    cp_parser_next(p);
    CpNode *cpus = cp_parser_cpus(p);
    if (cpus == NULL) {
        return false;
    }
    CpNode *node = cp_node_new(p->tree, online ? CP_NODE_ONLINE : CP_NODE_OFFLINE, pos);
    CpNodeList list = {node, NULL};
    cp_node_add(&list, cpus);
    cp_node_add(into, node);
    return true;
}

bool cp_decl_at(CpParser *p, CpNode *node, CpNodeList *list)
{
    (void)node; /* it has no name */
    return cp_parser_add(list, cp_parser_duration(p)) &&
           cp_parser_block(p, list, parse_action);
}

static int resource_kind(const CpParser *p, const CpToken *token)
{
    if (token->kind != CP_TOK_NAME) {
        return -1;
    }
    g_autofree char *word =
        g_strndup(p->scan.text + token->start, MIN(token->end - token->start, 20));
    return cp_resource_find(word);
}

bool cp_decl_resource(CpParser *p, CpNode *node, CpNodeList *list)
{
    node->value = resource_kind(p, &p->tok);
    if (node->value < 0) {
        return cp_parser_expected(p, "a kind of resource (lock, queue, event ...)");
    }
    cp_parser_next(p);
    return cp_parser_named(p, node, "a name") && cp_parser_add(list, cp_parser_opts(p)) &&
           cp_parser_add(list, cp_parser_accept_char(p, '=') ? cp_parser_expr(p)
                                                             : cp_parser_null(p));
}

/* --- expect --- */

/* [ a, b, c ]: names of threads. */
static CpNode *parse_order(CpParser *p)
{
    CpNode *list = cp_node_new(p->tree, CP_NODE_LIST, p->tok.pos);
    CpNodeList names = {list, NULL};
    if (!cp_parser_expect_char(p, '[', "'[' and names in order")) {
        return NULL;
    }
    while (!cp_parser_is_char(p, ']')) {
        CpNode *name = cp_node_new(p->tree, CP_NODE_NAME, p->tok.pos);
        name->text = cp_parser_key(p, "the name of a thread");
        if (name->text == NULL) {
            return NULL;
        }
        cp_node_add(&names, name);
        if (!cp_parser_accept_char(p, ',') && !cp_parser_is_char(p, ']')) {
            cp_parser_expected(p, "',' or ']'");
            return NULL;
        }
    }
    cp_parser_next(p);
    return list;
}

static int take_cmp(CpParser *p)
{
    g_autofree char *word =
        g_strndup(p->scan.text + p->tok.start, p->tok.end - p->tok.start);
    int cmp = p->tok.kind >= CP_TOK_EQ && p->tok.kind <= CP_TOK_GE ? cp_cmp_find(word) : -1;
    if (cmp < 0) {
        cp_parser_expected(p, "a comparison (== != < <= > >=)");
    } else {
        cp_parser_next(p);
    }
    return cmp;
}

/* `if COND`, `as written`: of which runs it holds. */
static bool read_when(CpParser *p, CpNode *node, CpNodeList *list)
{
    CpNode *cond = cp_parser_accept(p, "if") ? cp_parser_cond(p) : cp_parser_null(p);
    if (!cp_parser_add(list, cond)) {
        return false;
    }
    if (!cp_parser_accept(p, "as")) {
        return true;
    }
    node->flags |= CP_FLAG_WRITTEN;
    return cp_parser_accept(p, "written") || cp_parser_expected(p, "'written'");
}

bool cp_decl_expect(CpParser *p, CpNode *node, CpNodeList *list)
{
    uint32_t start = p->tok.start;
    node->pos = p->tok.pos;
    node->text = cp_parser_key(p, "a metric, 'outcome', 'order' or 'output'");
    if (node->text == NULL || (node->value = take_cmp(p)) < 0) {
        return false;
    }
    bool order = strcmp(node->text, "order") == 0;
    if (!cp_parser_add(list, order ? parse_order(p) : cp_parser_value(p))) {
        return false;
    }
    bool tolerant = p->tok.kind == CP_TOK_PLUS_MINUS;
    if (tolerant) {
        cp_parser_next(p);
    }
    if (!cp_parser_add(list, tolerant ? cp_parser_expr(p) : cp_parser_null(p))) {
        return false;
    }
    if (!read_when(p, node, list)) {
        return false;
    }
    CpNode *text = cp_node_new(p->tree, CP_NODE_STRING, node->pos);
    text->text = cp_parser_slice(p, start);
    cp_node_add(list, text);
    return true;
}

/* --- which one it is --- */

static bool needs_python(CpParser *p, const CpDeclInfo *info)
{
    if (!(info->place & CP_DECL_PYTHON) || p->python) {
        return false;
    }
    cp_diag_error(p->diag, p->tok.pos, "'%s' needs a python runtime", info->word);
    cp_diag_help(p->diag, "declare the process with 'runtime python \"3.12\"'");
    return true;
}

/* `shared` and `async` stand before the word, and a resource's word is its kind. */
static bool read_decl(CpParser *p, CpNodeKind kind, CpNodeList *into)
{
    if (needs_python(p, cp_decl_info(kind))) {
        return false;
    }
    CpNode *node = cp_node_new(p->tree, kind, p->tok.pos);
    CpNodeList list = {node, NULL};
    node->flags = cp_parser_accept(p, "shared")  ? CP_FLAG_SHARED
                  : cp_parser_accept(p, "async") ? CP_FLAG_ASYNC
                                                 : 0;
    if (kind != CP_NODE_RESOURCE) {
        cp_parser_next(p);
    }
    if (!p->tables->decl[kind](p, node, &list)) {
        return false;
    }
    cp_node_add(into, node);
    return true;
}

static CpNodeKind find_decl(const CpParser *p, unsigned place)
{
    CpToken token = cp_parser_is(p, "async") ? cp_parser_peek(p) : p->tok;
    for (CpNodeKind kind = CP_DECL_BEGIN; kind < CP_DECL_END; kind++) {
        const CpDeclInfo *info = cp_decl_info(kind);
        if (info != NULL && info->word != NULL && (info->place & place) &&
            cp_token_is(&p->scan, &token, info->word)) {
            /* Only a task may have `async` before its word. */
            return token.start == p->tok.start || kind == CP_NODE_TASK ? kind
                                                                       : CP_NODE_RESOURCE;
        }
    }
    bool resource = cp_parser_is(p, "shared") || cp_parser_is(p, "async") ||
                    resource_kind(p, &p->tok) >= 0;
    bool here = cp_decl_info(CP_NODE_RESOURCE)->place & place;
    return resource && here ? CP_NODE_RESOURCE : CP_NODE_NULL;
}

/* Words that begin a declaration in such a block; new, NULL-ended. */
static const char **words_of(unsigned place)
{
    GPtrArray *words = g_ptr_array_new();
    for (CpNodeKind kind = CP_DECL_BEGIN; kind < CP_DECL_END; kind++) {
        const CpDeclInfo *info = cp_decl_info(kind);
        if (info != NULL && info->word != NULL && (info->place & place)) {
            g_ptr_array_add(words, (char *)(uintptr_t)info->word);
        }
    }
    g_ptr_array_add(words, (char *)(uintptr_t) "shared");
    g_ptr_array_add(words, (char *)(uintptr_t) "async");
    for (int kind = 0; kind <= CP_RESOURCE_VAR; kind++) {
        const char *word = cp_resource_word(kind);
        if (word != NULL) {
            g_ptr_array_add(words, (char *)(uintptr_t)word);
        }
    }
    g_ptr_array_add(words, NULL);
    return (const char **)g_ptr_array_free(words, FALSE);
}

static bool unknown_word(CpParser *p, unsigned place, const char *what, const char *all)
{
    if (p->tok.kind != CP_TOK_NAME) {
        return cp_parser_expected(p, what);
    }
    g_autofree char *word =
        g_strndup(p->scan.text + p->tok.start, p->tok.end - p->tok.start);
    g_autofree const char **words = words_of(place);
    const char *near = cp_nearest(word, words);
    cp_diag_error(p->diag, p->tok.pos, "unknown declaration '%s'", word);
    if (cp_stmt_find(word) != CP_NODE_NULL) {
        cp_diag_help(p->diag, "statements stand inside a thread or task   (%s)", all);
    } else if (near != NULL) {
        cp_diag_help(p->diag, "did you mean '%s'?   (%s)", near, all);
    } else {
        cp_diag_help(p->diag, "%s", all);
    }
    return false;
}

bool cp_parser_member(CpParser *p, CpNodeList *into)
{
    CpNodeKind kind = find_decl(p, CP_IN_PROCESS);
    return kind != CP_NODE_NULL
               ? read_decl(p, kind, into)
               : unknown_word(p, CP_IN_PROCESS, "'task', 'thread' or a resource",
                              "in a process: task, thread, lock, queue, var, …");
}

bool cp_parser_decl(CpParser *p, CpNodeList *into)
{
    CpNodeKind kind = find_decl(p, CP_IN_FILE);
    if (kind != CP_NODE_NULL) {
        return read_decl(p, kind, into);
    }
    if (cp_parser_is_char(p, '}')) {
        cp_diag_error(p->diag, p->tok.pos, "'}' closes nothing");
        cp_parser_next(p);
        return false;
    }
    return unknown_word(p, CP_IN_FILE, "a declaration",
                        "declarations: process, machine, kernel, param, run, expect, …");
}
