#include "lang/parser.h"

#include "sim/params.h"
#include "sim/program.h"

#include <string.h>

/* --- tokens --- */

void cp_parser_next(CpParser *p)
{
    p->end = p->tok.end;
    p->tok = cp_scan(&p->scan);
}

CpToken cp_parser_peek(const CpParser *p)
{
    CpScanner ahead = p->scan;
    ahead.diag = NULL;
    return cp_scan(&ahead);
}

bool cp_parser_is(const CpParser *p, const char *word)
{
    return cp_token_is(&p->scan, &p->tok, word);
}

bool cp_parser_is_char(const CpParser *p, char c)
{
    return p->tok.kind == CP_TOK_CHAR && p->tok.ch == c;
}

bool cp_parser_accept(CpParser *p, const char *word)
{
    bool is = cp_parser_is(p, word);
    if (is) {
        cp_parser_next(p);
    }
    return is;
}

bool cp_parser_accept_char(CpParser *p, char c)
{
    bool is = cp_parser_is_char(p, c);
    if (is) {
        cp_parser_next(p);
    }
    return is;
}

bool cp_parser_expected(CpParser *p, const char *what)
{
    g_autofree char *found = cp_token_describe(&p->scan, &p->tok);
    return cp_diag_error(p->diag, p->tok.pos, "expected %s, found %s", what, found);
}

bool cp_parser_expect_char(CpParser *p, char c, const char *what)
{
    return cp_parser_accept_char(p, c) || cp_parser_expected(p, what);
}

bool cp_parser_at_end(const CpParser *p)
{
    return p->tok.kind == CP_TOK_SEPARATOR || p->tok.kind == CP_TOK_EOF ||
           cp_parser_is_char(p, '}');
}

const char *cp_parser_slice(CpParser *p, uint32_t start)
{
    return cp_tree_text(p->tree, p->scan.text + start,
                        p->end > start ? (gssize)(p->end - start) : 0);
}

/* --- blocks and recovery --- */

/* Column of the first character that is not blank on the line around `at`. */
static uint32_t indentation(const CpParser *p, uint32_t at, uint32_t column)
{
    uint32_t i = at;
    while (i > 0 && p->scan.text[i - 1] != '\n' && at - i < column) {
        i--;
    }
    uint32_t n = 1;
    while (p->scan.text[i] == ' ' || p->scan.text[i] == '\t') {
        i++;
        n++;
    }
    return n;
}

/* A '}' that begins its line elsewhere than the line of its '{' hints at a missing one. */
static void check_indentation(CpParser *p, const CpToken *open)
{
    if (p->suspect.line == 0 && p->tok.pos.line != open->pos.line &&
        indentation(p, p->tok.start, p->tok.pos.column) == p->tok.pos.column &&
        indentation(p, open->start, open->pos.column) != p->tok.pos.column) {
        p->suspect = open->pos;
    }
}

static bool not_closed(CpParser *p, CpPos open)
{
    open = p->suspect.line != 0 ? p->suspect : open;
    cp_diag_error(p->diag, p->tok.pos, "block opened at line %u is not closed", open.line);
    cp_diag_note(p->diag, open, "opened here");
    p->suspect = (CpPos){0};
    return false;
}

void cp_parser_skip_block(CpParser *p)
{
    unsigned open = 0;
    do {
        if (cp_parser_is_char(p, '{')) {
            open++;
        } else if (cp_parser_is_char(p, '}')) {
            open--;
        }
        cp_parser_next(p);
    } while (open > 0 && p->tok.kind != CP_TOK_EOF);
}

void cp_parser_skip_statement(CpParser *p)
{
    while (!cp_parser_at_end(p)) {
        if (cp_parser_is_char(p, '{')) {
            cp_parser_skip_block(p);
        } else {
            cp_parser_next(p);
        }
    }
}

/* After an error: to the end of the statement.  Blocks of statements are still read, for
 * the errors in them. */
static void recover(CpParser *p, CpParseItem item)
{
    p->scan.depth = 0;
    p->expr_depth = 0;
    while (!cp_parser_at_end(p) && !p->unwinding) {
        if (!cp_parser_is_char(p, '{')) {
            cp_parser_next(p);
        } else if (item == cp_parser_statement && p->depth < CP_PARSE_DEPTH_MAX) {
            cp_parser_body(p);
        } else {
            cp_parser_skip_block(p);
        }
    }
}

static bool read_item(CpParser *p, CpNodeList *into, CpParseItem item)
{
    if (!item(p, into)) {
        recover(p, item);
        return false;
    }
    bool after_block = p->scan.text[p->end - 1] == '}';
    if (!cp_parser_at_end(p) && !after_block) {
        cp_parser_expected(p, "end of line or ';'");
        recover(p, item);
        return false;
    }
    return true;
}

static bool open_block(CpParser *p, CpToken *open)
{
    CpParser before = *p;
    while (p->tok.kind == CP_TOK_SEPARATOR && p->tok.ch == '\n') {
        cp_parser_next(p);
    }
    if (!cp_parser_is_char(p, '{')) {
        *p = before;
        return cp_parser_expected(p, "'{'");
    }
    if (p->depth == CP_PARSE_DEPTH_MAX) {
        cp_diag_error(p->diag, p->tok.pos, "blocks are nested more than %d deep",
                      CP_PARSE_DEPTH_MAX);
        cp_diag_help(p->diag, "move inner parts into a task and call it");
        cp_parser_skip_block(p);
        return false;
    }
    *open = p->tok;
    cp_parser_next(p);
    return true;
}

/* How far out a word must stand that can only begin a declaration: 2 at file level, 1 in a
 * process, 0 anywhere. */
static unsigned decl_level(const CpParser *p)
{
    static const char *const outer[] = {"process", "machine", "kernel", "param",
                                        "run",     "expect",  "noise"};
    if (p->tok.kind != CP_TOK_NAME || cp_parser_peek(p).kind == CP_TOK_PLUS_SET) {
        return 0;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(outer); i++) {
        if (cp_parser_is(p, outer[i])) {
            return 2;
        }
    }
    return cp_parser_is(p, "thread") || cp_parser_is(p, "task") ? 1 : 0;
}

static bool parse_member(CpParser *p, CpNodeList *into);

/* A declaration among statements means that a '}' is missing: the blocks around are given
 * up, and reading goes on with the declaration where it belongs. */
static bool unwinds(CpParser *p, CpParseItem item)
{
    unsigned level = p->owner != NULL ? 0 : item == parse_member ? 1 : 2;
    p->unwinding = level < 2 && decl_level(p) > level;
    return p->unwinding;
}

/* Errors inside do not fail the block: they were reported, and reading went on. */
bool cp_parser_block(CpParser *p, CpNodeList *into, CpParseItem item)
{
    CpToken open = p->tok;
    if (!open_block(p, &open)) {
        return false;
    }
    p->depth++;
    for (;;) {
        if (p->tok.kind == CP_TOK_SEPARATOR) {
            cp_parser_next(p);
        } else if (cp_parser_is_char(p, '}')) {
            check_indentation(p, &open);
            cp_parser_next(p);
            break;
        } else if (p->tok.kind == CP_TOK_EOF || unwinds(p, item)) {
            p->depth--;
            return not_closed(p, open.pos);
        } else {
            read_item(p, into, item);
        }
    }
    p->depth--;
    return true;
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

static bool parse_settings(CpParser *p, CpNodeList *into, CpNodeKind kind)
{
    CpNode *node = cp_node_new(p->tree, kind, p->tok.pos);
    cp_parser_next(p);
    if (kind == CP_NODE_MACHINE && p->tok.kind == CP_TOK_STRING) {
        CpNode *name = cp_parser_string(p, "a name");
        node->text = name->text;
        node->pos = name->pos;
    }
    CpNodeList list = {node, NULL};
    bool preset_only = node->text != NULL && cp_parser_at_end(p);
    if (!preset_only && !cp_parser_block(p, &list, parse_setting)) {
        return false;
    }
    cp_node_add(into, node);
    return true;
}

static bool parse_cgroup(CpParser *p, CpNodeList *into);

static bool parse_cgroup_item(CpParser *p, CpNodeList *into)
{
    return cp_parser_is(p, "cgroup") ? parse_cgroup(p, into) : parse_setting(p, into);
}

static bool parse_cgroup(CpParser *p, CpNodeList *into)
{
    cp_parser_next(p);
    CpNode *node = cp_parser_name(p, "a name");
    if (node == NULL) {
        return false;
    }
    node->kind = CP_NODE_CGROUP;
    CpNodeList list = {node, NULL};
    if (!cp_parser_block(p, &list, parse_cgroup_item)) {
        return false;
    }
    cp_node_add(into, node);
    return true;
}

/* --- other declarations --- */

static bool parse_param(CpParser *p, CpNodeList *into)
{
    cp_parser_next(p);
    CpNode *node = cp_parser_name(p, "a name");
    if (node == NULL || !cp_parser_expect_char(p, '=', "'='")) {
        return false;
    }
    node->kind = CP_NODE_PARAM;
    CpNode *value = cp_parser_value(p);
    if (value == NULL) {
        return false;
    }
    CpNode *choices = cp_node_new(p->tree, CP_NODE_NULL, p->tok.pos);
    if (cp_parser_accept(p, "in")) {
        choices = cp_parser_list(p);
        if (choices == NULL) {
            return false;
        }
    }
    CpNodeList list = {node, NULL};
    cp_node_add(&list, value);
    cp_node_add(&list, choices);
    cp_node_add(into, node);
    return true;
}

static bool parse_noise(CpParser *p, CpNodeList *into)
{
    cp_parser_next(p);
    CpNode *node = cp_parser_name(p, "a name");
    CpNode *opts = node != NULL ? cp_parser_opts(p) : NULL;
    if (opts == NULL) {
        return false;
    }
    node->kind = CP_NODE_NOISE;
    CpNodeList list = {node, NULL};
    cp_node_add(&list, opts);
    cp_node_add(into, node);
    return true;
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

static bool parse_at(CpParser *p, CpNodeList *into)
{
    CpNode *node = cp_node_new(p->tree, CP_NODE_AT, p->tok.pos);
    CpNodeList list = {node, NULL};
    cp_parser_next(p);
    CpNode *when = cp_parser_duration(p);
    if (when == NULL) {
        return false;
    }
    cp_node_add(&list, when);
    if (!cp_parser_block(p, &list, parse_action)) {
        return false;
    }
    cp_node_add(into, node);
    return true;
}

static int resource_kind(const CpParser *p)
{
    if (p->tok.kind != CP_TOK_NAME) {
        return -1;
    }
    g_autofree char *word =
        g_strndup(p->scan.text + p->tok.start, MIN(p->tok.end - p->tok.start, 20));
    return cp_resource_find(word);
}

static bool parse_resource(CpParser *p, CpNodeList *into)
{
    uint8_t flags = cp_parser_accept(p, "shared")  ? CP_FLAG_SHARED
                    : cp_parser_accept(p, "async") ? CP_FLAG_ASYNC
                                                   : 0;
    int kind = resource_kind(p);
    if (kind < 0) {
        return cp_parser_expected(p, "a kind of resource (lock, queue, event ...)");
    }
    cp_parser_next(p);
    CpNode *node = cp_parser_name(p, "a name");
    if (node == NULL) {
        return false;
    }
    node->kind = CP_NODE_RESOURCE;
    node->value = kind;
    node->flags = flags;
    CpNode *opts = cp_parser_opts(p);
    if (opts == NULL) {
        return false;
    }
    CpNode *value = cp_node_new(p->tree, CP_NODE_NULL, p->tok.pos);
    if (cp_parser_accept_char(p, '=')) {
        value = cp_parser_expr(p);
        if (value == NULL) {
            return false;
        }
    }
    CpNodeList list = {node, NULL};
    cp_node_add(&list, opts);
    cp_node_add(&list, value);
    cp_node_add(into, node);
    return true;
}

/* --- processes --- */

static CpNode *parse_group_name(CpParser *p)
{
    CpNode *node = cp_node_new(p->tree, CP_NODE_NULL, p->tok.pos);
    if (cp_parser_accept(p, "in")) {
        node->kind = CP_NODE_NAME;
        node->pos = p->tok.pos;
        node->text = cp_parser_key(p, "the name of a cgroup");
    }
    return node->kind == CP_NODE_NAME && node->text == NULL ? NULL : node;
}

static bool parse_task(CpParser *p, CpNodeList *into)
{
    uint8_t flags = cp_parser_accept(p, "async") ? CP_FLAG_ASYNC : 0;
    cp_parser_next(p);
    CpNode *node = cp_parser_name(p, "a name");
    if (node == NULL || !cp_parser_expect_char(p, '(', "'(' after the task's name")) {
        return false;
    }
    node->kind = CP_NODE_TASK;
    node->flags = flags;
    CpNode *params = cp_node_new(p->tree, CP_NODE_LIST, p->tok.pos);
    CpNodeList list = {node, NULL};
    CpNodeList names = {params, NULL};
    while (!cp_parser_is_char(p, ')')) {
        CpNode *name = cp_parser_name(p, "the name of an argument");
        if (name == NULL) {
            return false;
        }
        cp_node_add(&names, name);
        if (!cp_parser_accept_char(p, ',') && !cp_parser_is_char(p, ')')) {
            return cp_parser_expected(p, "',' or ')'");
        }
    }
    cp_parser_next(p);
    cp_node_add(&list, params);
    p->owner = node;
    p->may_await = (flags & CP_FLAG_ASYNC) != 0;
    CpNode *body = cp_parser_body(p);
    p->owner = NULL;
    if (body == NULL) {
        return false;
    }
    cp_node_add(&list, body);
    cp_node_add(into, node);
    return true;
}

/* "x" NUM */
static CpNode *parse_copies(CpParser *p)
{
    if (p->tok.kind == CP_TOK_NAME && p->tok.end - p->tok.start > 1 &&
        p->scan.text[p->tok.start] == 'x' &&
        g_ascii_isdigit(p->scan.text[p->tok.start + 1])) {
        g_autofree char *found = cp_token_describe(&p->scan, &p->tok);
        cp_diag_error(p->diag, p->tok.pos, "unexpected %s", found);
        cp_diag_help(p->diag, "write a blank after the x: x 16");
        return NULL;
    }
    return cp_parser_accept(p, "x") ? cp_parser_expr(p)
                                    : cp_node_new(p->tree, CP_NODE_NULL, p->tok.pos);
}

static CpNode *parse_loop(CpParser *p)
{
    CpNode *node = cp_node_new(p->tree, CP_NODE_NULL, p->tok.pos);
    if (!cp_parser_accept(p, "loop")) {
        return node;
    }
    node = cp_parser_name(p, "'asyncio' or 'uvloop'");
    CpNode *opts = node != NULL ? cp_parser_opts(p) : NULL;
    if (opts == NULL) {
        return NULL;
    }
    node->kind = CP_NODE_LOOP;
    CpNodeList list = {node, NULL};
    cp_node_add(&list, opts);
    return node;
}

static bool parse_thread(CpParser *p, CpNodeList *into)
{
    cp_parser_next(p);
    CpNode *node = cp_parser_name(p, "a name");
    CpNode *copies = node != NULL ? parse_copies(p) : NULL;
    CpNode *opts = copies != NULL ? cp_parser_opts(p) : NULL;
    if (opts == NULL) {
        return false;
    }
    node->kind = CP_NODE_THREAD;
    node->flags = cp_parser_accept(p, "daemon") ? CP_FLAG_DAEMON : 0;
    CpNode *loop = parse_loop(p);
    CpNode *group = loop != NULL ? parse_group_name(p) : NULL;
    if (group == NULL) {
        return false;
    }
    p->owner = node;
    p->may_await = loop->kind != CP_NODE_NULL;
    CpNode *body = cp_parser_body(p);
    p->owner = NULL;
    if (body == NULL) {
        return false;
    }
    CpNodeList list = {node, NULL};
    CpNode *const children[] = {copies, opts, loop, group, body};
    for (size_t i = 0; i < G_N_ELEMENTS(children); i++) {
        cp_node_add(&list, children[i]);
    }
    cp_node_add(into, node);
    return true;
}

/* `on SIGNAL call` and `interpreter NAME (opts)`, which only python has. */
static bool parse_python_member(CpParser *p, CpNodeList *into)
{
    bool handler = cp_parser_is(p, "on");
    if (!p->python) {
        g_autofree char *word = cp_token_describe(&p->scan, &p->tok);
        cp_diag_error(p->diag, p->tok.pos, "%s needs a python runtime", word);
        cp_diag_help(p->diag, "declare the process with 'runtime python \"3.12\"'");
        return false;
    }
    cp_parser_next(p);
    CpNode *node = cp_parser_name(p, handler ? "a signal such as SIGINT" : "a name");
    if (node == NULL) {
        return false;
    }
    node->kind = handler ? CP_NODE_HANDLER : CP_NODE_INTERP;
    CpNode *child = handler ? cp_parser_call(p) : cp_parser_opts(p);
    if (child == NULL) {
        return false;
    }
    CpNodeList list = {node, NULL};
    cp_node_add(&list, child);
    cp_node_add(into, node);
    return true;
}

static bool unknown_word(CpParser *p, const char *what, const char *const *words,
                         const char *all)
{
    if (p->tok.kind != CP_TOK_NAME) {
        return cp_parser_expected(p, what);
    }
    g_autofree char *word =
        g_strndup(p->scan.text + p->tok.start, p->tok.end - p->tok.start);
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

static const char *const member_words[] = {
    "task",    "thread", "async",  "shared", "on",     "interpreter", "lock",
    "rlock",   "rwlock", "queue",  "event",  "var",    "semaphore",   "condition",
    "barrier", "pipe",   "socket", "device", "object", NULL};

static bool parse_member(CpParser *p, CpNodeList *into)
{
    bool is_async = cp_parser_is(p, "async");
    CpToken ahead = cp_parser_peek(p);
    if (cp_parser_is(p, "task") || (is_async && cp_token_is(&p->scan, &ahead, "task"))) {
        return parse_task(p, into);
    }
    if (cp_parser_is(p, "thread")) {
        return parse_thread(p, into);
    }
    if (cp_parser_is(p, "on") || cp_parser_is(p, "interpreter")) {
        return parse_python_member(p, into);
    }
    if (is_async || cp_parser_is(p, "shared") || resource_kind(p) >= 0) {
        return parse_resource(p, into);
    }
    return unknown_word(p, "'task', 'thread' or a resource", member_words,
                        "in a process: task, thread, lock, queue, var, …");
}

static CpNode *parse_runtime(CpParser *p)
{
    CpNode *node = cp_node_new(p->tree, CP_NODE_RUNTIME, p->tok.pos);
    CpNodeList list = {node, NULL};
    node->text = "native";
    CpNode *version = cp_node_new(p->tree, CP_NODE_NULL, p->tok.pos);
    if (cp_parser_accept(p, "runtime")) {
        CpNode *name = cp_parser_name(p, "'native' or 'python'");
        if (name == NULL) {
            return NULL;
        }
        node->text = name->text;
        node->pos = name->pos;
        if (p->tok.kind == CP_TOK_STRING) {
            version = cp_parser_string(p, "a version");
        }
    }
    cp_node_add(&list, version);
    CpNode *opts = cp_parser_opts(p);
    if (opts == NULL) {
        return NULL;
    }
    cp_node_add(&list, opts);
    return node;
}

static bool parse_process(CpParser *p, CpNodeList *into)
{
    cp_parser_next(p);
    CpNode *node = cp_parser_name(p, "a name");
    CpNode *runtime = node != NULL ? parse_runtime(p) : NULL;
    CpNode *group = runtime != NULL ? parse_group_name(p) : NULL;
    if (group == NULL) {
        return false;
    }
    node->kind = CP_NODE_PROCESS;
    CpNodeList list = {node, NULL};
    cp_node_add(&list, runtime);
    cp_node_add(&list, group);
    p->python = strcmp(runtime->text, "python") == 0;
    bool ok = cp_parser_block(p, &list, parse_member);
    p->python = false;
    if (!ok) {
        return false;
    }
    cp_node_add(into, node);
    return true;
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

static bool parse_expect(CpParser *p, CpNodeList *into)
{
    cp_parser_next(p);
    CpNode *node = cp_node_new(p->tree, CP_NODE_EXPECT, p->tok.pos);
    uint32_t start = p->tok.start;
    node->text = cp_parser_key(p, "a metric, 'outcome' or 'order'");
    if (node->text == NULL || (node->value = take_cmp(p)) < 0) {
        return false;
    }
    CpNode *value = strcmp(node->text, "order") == 0 ? parse_order(p) : cp_parser_value(p);
    if (value == NULL) {
        return false;
    }
    CpNode *tolerance = cp_node_new(p->tree, CP_NODE_NULL, p->tok.pos);
    if (p->tok.kind == CP_TOK_PLUS_MINUS) {
        cp_parser_next(p);
        tolerance = cp_parser_expr(p);
        if (tolerance == NULL) {
            return false;
        }
    }
    CpNode *text = cp_node_new(p->tree, CP_NODE_STRING, node->pos);
    text->text = cp_parser_slice(p, start);
    CpNodeList list = {node, NULL};
    cp_node_add(&list, value);
    cp_node_add(&list, tolerance);
    cp_node_add(&list, text);
    cp_node_add(into, node);
    return true;
}

/* --- the file --- */

static const char *const decl_words[] = {
    "process", "machine", "kernel",  "param", "run",       "expect",    "cgroup",
    "noise",   "at",      "shared",  "lock",  "rlock",     "rwlock",    "queue",
    "event",   "var",     "barrier", "async", "semaphore", "condition", "pipe",
    "socket",  "device",  "object",  NULL};

const char *const *cp_decl_words(void)
{
    return decl_words;
}

static bool parse_decl(CpParser *p, CpNodeList *into)
{
    static const struct {
        const char *word;
        bool (*parse)(CpParser *, CpNodeList *);
    } decls[] = {{"param", parse_param},     {"noise", parse_noise},
                 {"at", parse_at},           {"cgroup", parse_cgroup},
                 {"process", parse_process}, {"expect", parse_expect},
                 {"shared", parse_resource}, {"async", parse_resource}};
    static const struct {
        const char *word;
        CpNodeKind kind;
    } blocks[] = {
        {"run", CP_NODE_RUN}, {"machine", CP_NODE_MACHINE}, {"kernel", CP_NODE_KERNEL}};
    for (size_t i = 0; i < G_N_ELEMENTS(decls); i++) {
        if (cp_parser_is(p, decls[i].word)) {
            return decls[i].parse(p, into);
        }
    }
    for (size_t i = 0; i < G_N_ELEMENTS(blocks); i++) {
        if (cp_parser_is(p, blocks[i].word)) {
            return parse_settings(p, into, blocks[i].kind);
        }
    }
    if (resource_kind(p) >= 0) {
        return parse_resource(p, into);
    }
    if (cp_parser_is_char(p, '}')) {
        cp_diag_error(p->diag, p->tok.pos, "'}' closes nothing");
        cp_parser_next(p);
        return false;
    }
    return unknown_word(p, "a declaration", decl_words,
                        "declarations: process, machine, kernel, param, run, expect, …");
}

static void parse_file(CpParser *p)
{
    CpNodeList decls = {cp_tree_root(p->tree), NULL};
    while (p->tok.kind != CP_TOK_EOF) {
        if (p->tok.kind == CP_TOK_SEPARATOR) {
            cp_parser_next(p);
        } else {
            p->unwinding = false;
            read_item(p, &decls, parse_decl);
        }
    }
}

static bool size_fits(size_t len, CpDiag *diag)
{
    if (len <= CP_PARSE_BYTES_MAX) {
        return true;
    }
    cp_diag_error(diag, (CpPos){0}, "file is larger than %d MiB", CP_PARSE_BYTES_MAX >> 20);
    cp_diag_help(diag, "recordings are kept as .cpr and replayed directly");
    return false;
}

CpTree *cp_parse(const char *text, size_t len, CpDiag *diag)
{
    if (!size_fits(len, diag)) {
        return NULL;
    }
    unsigned before = cp_diag_n_errors(diag);
    CpParser p = {.tree = cp_tree_new(), .diag = diag};
    cp_scanner_init(&p.scan, text, (uint32_t)len, diag);
    cp_parser_next(&p);
    parse_file(&p);
    if (cp_diag_n_errors(diag) > before) {
        cp_tree_free(p.tree);
        return NULL;
    }
    return p.tree;
}

CpNode *cp_parse_value(CpTree *tree, const char *text, size_t len, CpDiag *diag)
{
    if (!size_fits(len, diag)) {
        return NULL;
    }
    unsigned before = cp_diag_n_errors(diag);
    CpParser p = {.tree = tree, .diag = diag};
    cp_scanner_init(&p.scan, text, (uint32_t)len, diag);
    cp_parser_next(&p);
    CpNode *value = cp_parser_value(&p);
    if (value != NULL && p.tok.kind != CP_TOK_EOF) {
        cp_parser_expected(&p, "the end of the value");
    }
    return cp_diag_n_errors(diag) > before ? NULL : value;
}
