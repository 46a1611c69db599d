#include "lang/parser.h"

#include <string.h>

/* Decides how a process, its runtime, tasks and threads are read. */

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

static CpNode *parse_params(CpParser *p)
{
    CpNode *params = cp_node_new(p->tree, CP_NODE_LIST, p->tok.pos);
    CpNodeList names = {params, NULL};
    while (!cp_parser_is_char(p, ')')) {
        if (!cp_parser_add(&names, cp_parser_name(p, "the name of an argument"))) {
            return NULL;
        }
        if (!cp_parser_accept_char(p, ',') && !cp_parser_is_char(p, ')')) {
            cp_parser_expected(p, "',' or ')'");
            return NULL;
        }
    }
    cp_parser_next(p);
    return params;
}

/* The statements of a task or thread. */
static bool read_code(CpParser *p, const CpNode *owner, bool may_await, CpNodeList *list)
{
    p->owner = owner;
    p->may_await = may_await;
    CpNode *body = cp_parser_body(p);
    p->owner = NULL;
    return cp_parser_add(list, body);
}

bool cp_decl_task(CpParser *p, CpNode *node, CpNodeList *list)
{
    return cp_parser_named(p, node, "a name") &&
           cp_parser_expect_char(p, '(', "'(' after the task's name") &&
           cp_parser_add(list, parse_params(p)) &&
           read_code(p, node, (node->flags & CP_FLAG_ASYNC) != 0, list);
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

bool cp_decl_thread(CpParser *p, CpNode *node, CpNodeList *list)
{
    if (!cp_parser_named(p, node, "a name") || !cp_parser_add(list, parse_copies(p)) ||
        !cp_parser_add(list, cp_parser_opts(p))) {
        return false;
    }
    node->flags = cp_parser_accept(p, "daemon") ? CP_FLAG_DAEMON : 0;
    CpNode *loop = parse_loop(p);
    return cp_parser_add(list, loop) && cp_parser_add(list, parse_group_name(p)) &&
           read_code(p, node, !cp_node_is_null(loop), list);
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

bool cp_decl_process(CpParser *p, CpNode *node, CpNodeList *list)
{
    CpNode *runtime = cp_parser_named(p, node, "a name") ? parse_runtime(p) : NULL;
    if (!cp_parser_add(list, runtime) || !cp_parser_add(list, parse_group_name(p))) {
        return false;
    }
    p->python = cp_node_says(runtime, "python");
    bool ok = cp_parser_block(p, list, p->tables->member);
    p->python = false;
    return ok;
}
