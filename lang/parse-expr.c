#include "lang/parser.h"

#include "sim/params.h"
#include "sim/program.h"
#include "sim/words.h"

#include <string.h>

/* Decides how values are read: numbers, names, operators, distributions, lists, CPU lists
 * and (key=value, ...). */

enum { EXPR_DEPTH_MAX = 64, OPTS_MAX = 64 };

CpNode *cp_parser_name(CpParser *p, const char *what)
{
    CpNode *node = cp_node_new(p->tree, CP_NODE_NAME, p->tok.pos);
    if (p->tok.kind == CP_TOK_STRING) {
        g_autofree char *text = cp_token_string(&p->scan, &p->tok);
        node->text = cp_tree_text(p->tree, text, -1);
        if (*text == '\0') {
            cp_diag_error(p->diag, p->tok.pos, "empty name");
            return NULL;
        }
    } else if (p->tok.kind == CP_TOK_NAME) {
        node->text = cp_tree_text(p->tree, p->scan.text + p->tok.start,
                                  (gssize)(p->tok.end - p->tok.start));
    } else {
        cp_parser_expected(p, what);
        return NULL;
    }
    cp_parser_next(p);
    return node;
}

const char *cp_parser_key(CpParser *p, const char *what)
{
    if (p->tok.kind == CP_TOK_STRING) {
        CpNode *name = cp_parser_name(p, what);
        return name != NULL ? name->text : NULL;
    }
    if (p->tok.kind != CP_TOK_NAME) {
        cp_parser_expected(p, what);
        return NULL;
    }
    uint32_t start = p->tok.start;
    cp_parser_next(p);
    while (p->tok.start == p->end &&
           (p->tok.kind == CP_TOK_NAME || p->tok.kind == CP_TOK_NUMBER ||
            (p->tok.kind == CP_TOK_CHAR && strchr("/-.", p->tok.ch)))) {
        cp_parser_next(p);
    }
    return cp_tree_text(p->tree, p->scan.text + start, (gssize)(p->end - start));
}

CpNode *cp_parser_string(CpParser *p, const char *what)
{
    if (p->tok.kind != CP_TOK_STRING) {
        cp_parser_expected(p, what);
        return NULL;
    }
    CpNode *node = cp_node_new(p->tree, CP_NODE_STRING, p->tok.pos);
    g_autofree char *text = cp_token_string(&p->scan, &p->tok);
    node->text = cp_tree_text(p->tree, text, -1);
    cp_parser_next(p);
    return node;
}

static CpNode *parse_number(CpParser *p)
{
    CpNode *node = cp_node_new(p->tree, CP_NODE_NUMBER, p->tok.pos);
    CpDim dim;
    bool ok = cp_token_number(&p->scan, &p->tok, &node->value, &dim, &node->micro);
    node->dim = (uint8_t)dim;
    node->text = cp_tree_text(p->tree, p->scan.text + p->tok.start,
                              (gssize)MIN(p->tok.end - p->tok.start, 40));
    cp_parser_next(p);
    return ok ? node : NULL;
}

/* --- distributions --- */

/* One argument of a distribution into its slot, by name or by place. */
static bool parse_dist_arg(CpParser *p, const CpDistForm *form, unsigned place,
                           CpNode **args)
{
    CpToken ahead = cp_parser_peek(p);
    if (p->tok.kind == CP_TOK_NAME && ahead.kind == CP_TOK_CHAR && ahead.ch == '=') {
        for (place = 0; place < 2; place++) {
            if (form->args[place] != NULL && cp_parser_is(p, form->args[place])) {
                break;
            }
        }
        if (place == 2) {
            g_autofree char *found = cp_token_describe(&p->scan, &p->tok);
            cp_diag_error(p->diag, p->tok.pos, "%s is not an argument of '%s'", found,
                          form->name);
            cp_diag_help(p->diag, "arguments: %s%s%s", form->args[0],
                         form->args[1] != NULL ? ", " : "",
                         form->args[1] != NULL ? form->args[1] : "");
            return false;
        }
        cp_parser_next(p);
        cp_parser_next(p);
    }
    if (place >= 2 || form->args[place] == NULL || args[place] != NULL) {
        return cp_diag_error(p->diag, p->tok.pos, "too many arguments for '%s'",
                             form->name);
    }
    args[place] = form->kind == CP_DIST_EMPIRICAL
                      ? cp_parser_string(p, "the name of a file")
                  : form->kind == CP_DIST_CHOICE     ? cp_parser_list(p)
                  : form->dims[place] == CP_DIM_TIME ? cp_parser_duration(p)
                                                     : cp_parser_expr(p);
    return args[place] != NULL;
}

/* choice(1ms, 2ms): the entries without brackets. */
static CpNode *parse_bare_choice(CpParser *p)
{
    CpNode *list = cp_node_new(p->tree, CP_NODE_LIST, p->tok.pos);
    CpNodeList entries = {list, NULL};
    do {
        CpNode *entry = cp_parser_expr(p);
        if (entry == NULL) {
            return NULL;
        }
        cp_node_add(&entries, entry);
    } while (cp_parser_accept_char(p, ','));
    return list;
}

static CpNode *parse_dist(CpParser *p, const CpDistForm *form, CpPos pos)
{
    CpNode *args[2] = {NULL, NULL};
    cp_parser_next(p); /* ( */
    bool range = p->tok.kind == CP_TOK_NUMBER && cp_parser_peek(p).kind == CP_TOK_RANGE;
    if (form->kind == CP_DIST_CHOICE && !cp_parser_is_char(p, '[') && !range) {
        args[0] = parse_bare_choice(p);
        if (args[0] == NULL) {
            return NULL;
        }
    } else if (!cp_parser_is_char(p, ')')) {
        unsigned place = 0;
        do {
            if (!parse_dist_arg(p, form, place++, args)) {
                return NULL;
            }
        } while (cp_parser_accept_char(p, ','));
    }
    for (int i = 0; i < 2; i++) {
        if (form->args[i] != NULL && args[i] == NULL) {
            cp_diag_error(p->diag, pos, "'%s' needs its argument '%s'", form->name,
                          form->args[i]);
            return NULL;
        }
    }
    if (!cp_parser_expect_char(p, ')', "')'")) {
        return NULL;
    }
    CpNode *node = cp_node_new(p->tree, CP_NODE_DIST, pos);
    node->value = form->kind;
    CpNodeList list = {node, NULL};
    for (int i = 0; i < 2 && args[i] != NULL; i++) {
        cp_node_add(&list, args[i]);
    }
    return node;
}

/* --- expressions --- */

static CpNode *parse_function(CpParser *p)
{
    CpPos pos = p->tok.pos;
    g_autofree char *name =
        g_strndup(p->scan.text + p->tok.start, p->tok.end - p->tok.start);
    const CpDistForm *form = cp_dist_form(name);
    if (form == NULL) {
        const char *near = cp_nearest(name, cp_dist_names());
        cp_diag_error(p->diag, pos, "unknown distribution '%s'", name);
        if (near != NULL) {
            cp_diag_help(p->diag, "did you mean '%s'?", near);
        } else {
            cp_diag_help(p->diag, "distributions: exp, uniform, normal, lognormal, pareto, "
                                  "weibull, choice, empirical");
        }
        return NULL;
    }
    cp_parser_next(p);
    return parse_dist(p, form, pos);
}

static CpNode *parse_primary(CpParser *p)
{
    if (p->tok.kind == CP_TOK_NUMBER) {
        return parse_number(p);
    }
    if (p->tok.kind == CP_TOK_NAME) {
        CpToken ahead = cp_parser_peek(p);
        bool call = ahead.kind == CP_TOK_CHAR && ahead.ch == '(' &&
                    ahead.start == p->tok.end && !p->scan.wide;
        if (call) {
            return parse_function(p);
        }
        return cp_parser_name(p, "a name");
    }
    if (cp_parser_is_char(p, '(')) {
        if (p->expr_depth == EXPR_DEPTH_MAX) {
            cp_diag_error(p->diag, p->tok.pos, "parentheses are nested more than %d deep",
                          EXPR_DEPTH_MAX);
            return NULL;
        }
        cp_parser_next(p);
        p->expr_depth++;
        CpNode *node = p->tables->inner(p);
        p->expr_depth--;
        return node != NULL && cp_parser_expect_char(p, ')', "')'") ? node : NULL;
    }
    if (p->scan.wide && p->tok.kind == CP_TOK_STRING) {
        return cp_parser_string(p, "a text");
    }
    cp_parser_expected(p, "a value");
    return NULL;
}

static CpNode *parse_unary(CpParser *p)
{
    if (!cp_parser_is_char(p, '-')) {
        return parse_primary(p);
    }
    CpPos pos = p->tok.pos;
    cp_parser_next(p);
    CpNode *operand = parse_primary(p);
    if (operand == NULL) {
        return NULL;
    }
    if (operand->kind == CP_NODE_NUMBER) {
        operand->value = -operand->value;
        operand->pos.column =
            pos.line == operand->pos.line ? pos.column : operand->pos.column;
        g_autofree char *text = cp_node_print(operand);
        operand->text = cp_tree_text(p->tree, text, -1);
        operand->pos.length++;
        return operand;
    }
    CpNode *node = cp_node_new(p->tree, CP_NODE_NEG, pos);
    CpNodeList list = {node, NULL};
    cp_node_add(&list, operand);
    return node;
}

static CpNode *binary(CpParser *p, char sign, CpNode *left, CpNode *right)
{
    if (right == NULL) {
        return NULL;
    }
    CpNode *node = cp_node_new(p->tree, CP_NODE_BINARY, left->pos);
    node->value = sign;
    CpNodeList list = {node, NULL};
    cp_node_add(&list, left);
    cp_node_add(&list, right);
    return node;
}

/* A chain of operators is a loop, but its tree leans left and is walked by recursion. */
static bool chain_fits(CpParser *p, unsigned n)
{
    return n < EXPR_DEPTH_MAX ||
           cp_diag_error(p->diag, p->tok.pos, "expression has more than %d operators",
                         EXPR_DEPTH_MAX);
}

static CpNode *parse_term(CpParser *p)
{
    CpNode *left = parse_unary(p);
    for (unsigned n = 0;
         left != NULL && (cp_parser_is_char(p, '*') || cp_parser_is_char(p, '/')); n++) {
        char sign = p->tok.ch;
        if (!chain_fits(p, n)) {
            return NULL;
        }
        cp_parser_next(p);
        left = binary(p, sign, left, parse_unary(p));
    }
    return left;
}

CpNode *cp_parser_expr(CpParser *p)
{
    CpNode *left = parse_term(p);
    for (unsigned n = 0;
         left != NULL && (cp_parser_is_char(p, '+') || cp_parser_is_char(p, '-')); n++) {
        char sign = p->tok.ch;
        if (!chain_fits(p, n)) {
            return NULL;
        }
        cp_parser_next(p);
        left = binary(p, sign, left, parse_term(p));
    }
    return left;
}

bool cp_parser_no_unit(CpParser *p, const CpNode *number, bool size)
{
    cp_diag_error(p->diag, number->pos, "'%s' has no unit", number->text);
    const char *n = number->text;
    if (size) {
        cp_diag_help(p->diag, "write %sB, %sKiB or %sMiB", n, n, n);
    } else {
        cp_diag_help(p->diag, "write %ss, %sms, %sus or %sns", n, n, n, n);
    }
    return false;
}

CpNode *cp_parser_duration(CpParser *p)
{
    CpNode *node = cp_parser_expr(p);
    if (node != NULL && node->kind == CP_NODE_NUMBER && node->dim == CP_DIM_NUMBER &&
        node->value != 0) {
        cp_parser_no_unit(p, node, false);
        return NULL;
    }
    return node;
}

CpNode *cp_parser_size(CpParser *p)
{
    CpNode *node = cp_parser_expr(p);
    if (node != NULL && node->kind == CP_NODE_NUMBER && node->dim == CP_DIM_NUMBER &&
        node->value != 0) {
        cp_parser_no_unit(p, node, true);
        return NULL;
    }
    return node;
}

/* --- lists, CPUs, keys --- */

static CpNode *parse_bracketed(CpParser *p)
{
    CpNode *list = cp_node_new(p->tree, CP_NODE_LIST, p->tok.pos);
    CpNodeList entries = {list, NULL};
    cp_parser_next(p); /* [ */
    for (uint32_t n = 0; !cp_parser_is_char(p, ']'); n++) {
        if (n == CP_PARSE_LIST_MAX) {
            cp_diag_error(p->diag, p->tok.pos, "list has more than %d entries",
                          CP_PARSE_LIST_MAX);
            return NULL;
        }
        CpNode *entry = p->tok.kind == CP_TOK_STRING ? cp_parser_string(p, "a text")
                                                     : cp_parser_expr(p);
        if (entry == NULL) {
            return NULL;
        }
        cp_node_add(&entries, entry);
        if (!cp_parser_accept_char(p, ',') && !cp_parser_is_char(p, ']')) {
            cp_parser_expected(p, "',' or ']'");
            return NULL;
        }
    }
    cp_parser_next(p);
    return list;
}

CpNode *cp_parser_list(CpParser *p)
{
    if (cp_parser_is_char(p, '[')) {
        return parse_bracketed(p);
    }
    CpNode *first = parse_unary(p);
    if (first == NULL) {
        return NULL;
    }
    if (p->tok.kind != CP_TOK_RANGE) {
        if (first->kind == CP_NODE_NAME) {
            return first;
        }
        cp_parser_expected(p, "'..' of a range");
        return NULL;
    }
    cp_parser_next(p);
    CpNode *last = parse_unary(p);
    if (last == NULL) {
        return NULL;
    }
    CpNode *range = cp_node_new(p->tree, CP_NODE_RANGE, first->pos);
    CpNodeList list = {range, NULL};
    cp_node_add(&list, first);
    cp_node_add(&list, last);
    return range;
}

CpNode *cp_parser_value(CpParser *p)
{
    if (cp_parser_is_char(p, '[') ||
        (p->tok.kind == CP_TOK_NUMBER && cp_parser_peek(p).kind == CP_TOK_RANGE)) {
        return cp_parser_list(p);
    }
    if (p->tok.kind == CP_TOK_STRING) {
        return cp_parser_string(p, "a text");
    }
    return cp_parser_expr(p);
}

/* 0-3,6: kept as text; a comma belongs to it only if a number follows. */
CpNode *cp_parser_cpus(CpParser *p)
{
    CpNode *node = cp_node_new(p->tree, CP_NODE_STRING, p->tok.pos);
    uint32_t start = p->tok.start;
    if (p->tok.kind != CP_TOK_NUMBER) {
        cp_parser_expected(p, "CPU numbers such as 0-3,6");
        return NULL;
    }
    for (;;) {
        cp_parser_next(p);
        CpToken ahead = cp_parser_peek(p);
        bool joins = cp_parser_is_char(p, '-') || cp_parser_is_char(p, ',');
        if (!joins || ahead.kind != CP_TOK_NUMBER) {
            break;
        }
        cp_parser_next(p);
    }
    node->text = cp_parser_slice(p, start);
    return node;
}

static CpNode *parse_opt(CpParser *p)
{
    CpPos pos = p->tok.pos;
    const char *key = cp_parser_key(p, "an option");
    if (key == NULL || !cp_parser_expect_char(p, '=', "'=' after the option")) {
        return NULL;
    }
    CpNode *value = strcmp(key, "cpus") == 0 ? cp_parser_cpus(p) : cp_parser_value(p);
    if (value == NULL) {
        return NULL;
    }
    CpNode *opt = cp_node_new(p->tree, CP_NODE_OPT, pos);
    opt->text = key;
    CpNodeList list = {opt, NULL};
    cp_node_add(&list, value);
    return opt;
}

bool cp_parser_more_opts(CpParser *p, CpNode *opts)
{
    CpNodeList list = {opts, NULL};
    unsigned n = 0;
    do {
        CpNode *opt = parse_opt(p);
        if (opt == NULL) {
            return false;
        }
        if (n++ == OPTS_MAX) {
            return cp_diag_error(p->diag, opt->pos, "more than %d options", OPTS_MAX);
        }
        if (cp_opts_find(opts, opt->text) != NULL) {
            return cp_diag_error(p->diag, opt->pos, "option '%s' is given twice",
                                 opt->text);
        }
        cp_node_add(&list, opt);
    } while (cp_parser_accept_char(p, ','));
    return true;
}

CpNode *cp_parser_opts(CpParser *p)
{
    CpNode *opts = cp_node_new(p->tree, CP_NODE_OPTS, p->tok.pos);
    if (!cp_parser_accept_char(p, '(') || cp_parser_accept_char(p, ')')) {
        return opts;
    }
    if (!cp_parser_more_opts(p, opts)) {
        return NULL;
    }
    return cp_parser_expect_char(p, ')', "',' or ')'") ? opts : NULL;
}
