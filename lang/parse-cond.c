#include "lang/parser.h"

#include "sim/program.h"

#include <string.h>

/* Decides how conditions are read: `if x < 10` and `while running t` of the language, and
 * those over metrics and settings; both may be joined by and, or and not. */

static int cmp_of(CpTokenKind kind)
{
    switch (kind) {
    case CP_TOK_EQ:
        return CP_EQ;
    case CP_TOK_NE:
        return CP_NE;
    case CP_TOK_LT:
        return CP_LT;
    case CP_TOK_LE:
        return CP_LE;
    case CP_TOK_GT:
        return CP_GT;
    case CP_TOK_GE:
        return CP_GE;
    default:
        return -1;
    }
}

/* A value, or two with a comparison between them. */
static CpNode *parse_comparison(CpParser *p)
{
    CpPos pos = p->tok.pos;
    CpNode *left = cp_parser_expr(p);
    int cmp = left != NULL ? cmp_of(p->tok.kind) : -1;
    if (cmp < 0) {
        return left;
    }
    cp_parser_next(p);
    CpNode *right = cp_parser_expr(p);
    if (right == NULL) {
        return NULL;
    }
    CpNode *node = cp_node_new(p->tree, CP_NODE_CMP, pos);
    node->value = cmp;
    CpNodeList list = {node, NULL};
    cp_node_add(&list, left);
    cp_node_add(&list, right);
    return node;
}

/* --- and, or, not --- */

static CpNode *parse_not(CpParser *p)
{
    CpPos pos = p->tok.pos;
    bool negated = false;
    while (cp_parser_accept(p, "not") || cp_parser_accept_char(p, '!')) {
        negated = !negated;
    }
    CpNode *operand = parse_comparison(p);
    if (operand == NULL || !negated) {
        return operand;
    }
    CpNode *node = cp_node_new(p->tree, CP_NODE_NOT, pos);
    CpNodeList list = {node, NULL};
    cp_node_add(&list, operand);
    return node;
}

static bool accept_join(CpParser *p, const char *word, CpTokenKind sign)
{
    if (p->tok.kind == sign) {
        cp_parser_next(p);
        return true;
    }
    return cp_parser_accept(p, word);
}

/* One operand, or a node that holds all that are joined by the word. */
static CpNode *parse_joined(CpParser *p, CpNodeKind kind, const char *word,
                            CpTokenKind sign, CpNode *(*operand)(CpParser *p))
{
    CpNode *first = operand(p);
    if (first == NULL || !accept_join(p, word, sign)) {
        return first;
    }
    CpNode *node = cp_node_new(p->tree, kind, first->pos);
    CpNodeList list = {node, NULL};
    cp_node_add(&list, first);
    do {
        if (!cp_parser_add(&list, operand(p))) {
            return NULL;
        }
    } while (accept_join(p, word, sign));
    return node;
}

static CpNode *parse_and(CpParser *p)
{
    return parse_joined(p, CP_NODE_AND, "and", CP_TOK_AND, parse_not);
}

CpNode *cp_parser_logic(CpParser *p)
{
    return parse_joined(p, CP_NODE_OR, "or", CP_TOK_OR, parse_and);
}

/* --- conditions of the language --- */

/* Which question a word is that stands before a name; -1: none. */
static int ask_of(const CpParser *p)
{
    bool name =
        cp_parser_peek(p).kind == CP_TOK_NAME || cp_parser_peek(p).kind == CP_TOK_STRING;
    for (int ask = 0; name && ask < CP_ASKS; ask++) {
        if (cp_parser_is(p, cp_ask_word(ask))) {
            return ask;
        }
    }
    return -1;
}

/* A comparison, `running NAME`, `is_set NAME` ... */
static CpNode *parse_question(CpParser *p)
{
    int ask = ask_of(p);
    bool running = cp_parser_is(p, "running") && cmp_of(cp_parser_peek(p).kind) < 0;
    if (running || ask >= 0) {
        cp_parser_next(p);
        CpNode *node = cp_parser_name(p, "the name of a thread or process");
        if (node != NULL) {
            node->kind = running ? CP_NODE_RUNNING : CP_NODE_ASK;
            node->value = running ? 0 : ask;
        }
        return node;
    }
    CpNode *node = parse_comparison(p);
    if (node != NULL && node->kind != CP_NODE_CMP) {
        cp_parser_expected(p, "a comparison (== != < <= > >=)");
        return NULL;
    }
    return node;
}

static CpNode *parse_denial(CpParser *p)
{
    CpPos pos = p->tok.pos;
    if (!cp_parser_accept(p, "not")) {
        return parse_question(p);
    }
    CpNode *operand = parse_question(p);
    if (operand == NULL) {
        return NULL;
    }
    CpNode *node = cp_node_new(p->tree, CP_NODE_NOT, pos);
    CpNodeList list = {node, NULL};
    cp_node_add(&list, operand);
    return node;
}

static CpNode *parse_both(CpParser *p)
{
    return parse_joined(p, CP_NODE_AND, "and", CP_TOK_AND, parse_denial);
}

CpNode *cp_parser_cond(CpParser *p)
{
    return parse_joined(p, CP_NODE_OR, "or", CP_TOK_OR, parse_both);
}
