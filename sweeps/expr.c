#include "sweeps/expr.h"

#include "sim/error.h"
#include "sweeps/axis.h"
#include "lang/diag.h"

#include <math.h>
#include <string.h>

enum { DEPTH_MAX = 64 };

typedef enum {
    OP_VALUE, /* number */
    OP_NAME,
    OP_OR,
    OP_AND,
    OP_NOT,
    OP_EQ,
    OP_NE,
    OP_LT,
    OP_LE,
    OP_GT,
    OP_GE,
    OP_ADD,
    OP_SUB,
    OP_MUL,
    OP_DIV,
} Op;

typedef struct Node {
    Op op;
    char *text; /* OP_NAME, OP_VALUE */
    CpValue value;
    struct Node *a, *b;
} Node;

struct CpExpr {
    Node *root;
};

typedef struct {
    const char *text, *at;
    char *token; /* NULL: the end */
    size_t token_at;
    int depth;
    GError **error;
    bool failed;
} Parser;

static void node_free(Node *n)
{
    if (n == NULL) {
        return;
    }
    node_free(n->a);
    node_free(n->b);
    g_free(n->text);
    g_free(n);
}

static Node *node_new(Op op, Node *a, Node *b)
{
    Node *n = g_new0(Node, 1);
    n->op = op;
    n->a = a;
    n->b = b;
    return n;
}

/* --- tokens --- */

static Node *fail(Parser *p, const char *what)
{
    if (!p->failed) {
        g_autofree char *clean = cp_clean_text(p->text, -1);
        g_autofree char *found = p->token != NULL ? cp_clean_text(p->token, -1) : NULL;
        if (found == NULL) {
            g_set_error(p->error, CP_ERROR, CP_ERROR_USAGE,
                        "'%s': %s is missing at the end", clean, what);
        } else {
            g_set_error(p->error, CP_ERROR, CP_ERROR_USAGE,
                        "'%s': expected %s at character %zu, found '%s'", clean, what,
                        p->token_at + 1, found);
        }
    }
    p->failed = true;
    return NULL;
}

static bool is_word(char c)
{
    return g_ascii_isalnum(c) || strchr("_.%/-", c) != NULL || (c & 0x80) != 0;
}

/* A word may hold dots, and a dash that is no minus: "eevdf-6.18", "end.worker-3". */
static size_t token_length(const char *at)
{
    static const char *const doubles[] = {"==", "!=", "<=", ">=", "&&", "||"};
    for (size_t i = 0; i < G_N_ELEMENTS(doubles); i++) {
        if (strncmp(at, doubles[i], 2) == 0) {
            return 2;
        }
    }
    bool word = g_ascii_isalnum(*at) || *at == '_' || (*at & 0x80) != 0;
    bool number = g_ascii_isdigit(*at);
    size_t len = 0;
    while (word && at[len] != '\0' && is_word(at[len])) {
        if ((at[len] == '-' || at[len] == '/') &&
            (number || !g_ascii_isalnum(at[len + 1]))) {
            break;
        }
        len++;
    }
    return MAX(len, 1);
}

static void next(Parser *p)
{
    g_clear_pointer(&p->token, g_free);
    while (g_ascii_isspace(*p->at)) {
        p->at++;
    }
    p->token_at = (size_t)(p->at - p->text);
    if (*p->at == '\0') {
        return;
    }
    if (*p->at == '"' || *p->at == '\'') {
        const char *end = strchr(p->at + 1, *p->at);
        if (end != NULL) {
            p->token = g_strndup(p->at, (gsize)(end - p->at));
            p->at = end + 1;
            return;
        }
    }
    size_t len = token_length(p->at);
    p->token = g_strndup(p->at, len);
    p->at += len;
    /* "2 s" is a number and its unit. */
    const char *unit = p->at + strspn(p->at, " ");
    size_t n = strspn(unit, "abcdefghijklmnopqrstuvwxyzKMGiB");
    if (unit == p->at || n == 0 || !g_ascii_isdigit(p->token[0])) {
        return;
    }
    g_autofree char *joined = g_strdup_printf("%s%.*s", p->token, (int)n, unit);
    CpQuant q;
    if (cp_quant_parse(joined, &q)) {
        g_free(p->token);
        p->token = g_steal_pointer(&joined);
        p->at = unit + n;
    }
}

static bool take(Parser *p, const char *token)
{
    if (p->token == NULL || strcmp(p->token, token) != 0) {
        return false;
    }
    next(p);
    return true;
}

/* --- grammar --- */

CpValue cp_value_from_quant(CpQuant q)
{
    bool micro = q.dim == CP_QUANT_NUMBER || q.dim == CP_QUANT_SHARE;
    CpValue v = {.kind = CP_VALUE_NUMBER};
    v.dim = q.dim == CP_QUANT_TIME   ? CP_DIMS_TIME
            : q.dim == CP_QUANT_SIZE ? CP_DIMS_SIZE
                                     : CP_DIMS_NUMBER;
    v.number = (double)q.value / (micro ? 1e6 : 1);
    return v;
}

CpValue cp_value_from_text(const char *text)
{
    CpQuant q;
    CpValue v = {.kind = CP_VALUE_TEXT};
    if (cp_quant_parse(text, &q)) {
        v = cp_value_from_quant(q);
    }
    v.text = text;
    return v;
}

static Node *parse_or(Parser *p);

static Node *parse_atom(Parser *p)
{
    if (p->token == NULL) {
        return fail(p, "a value");
    }
    if (take(p, "(")) {
        Node *n = parse_or(p);
        if (n != NULL && !take(p, ")")) {
            node_free(n);
            return fail(p, "')'");
        }
        return n;
    }
    bool quoted = p->token[0] == '"' || p->token[0] == '\'';
    bool word = g_ascii_isalnum(p->token[0]) || p->token[0] == '_' || p->token[0] & 0x80;
    if (!quoted && !word) {
        return fail(p, "a value");
    }
    CpValue value = cp_value_from_text(p->token);
    if (g_ascii_isdigit(p->token[0]) && value.kind != CP_VALUE_NUMBER) {
        return fail(p, "a number with a unit (ns us ms s min % KiB MiB)");
    }
    Node *n =
        node_new(quoted || value.kind == CP_VALUE_NUMBER ? OP_VALUE : OP_NAME, NULL, NULL);
    n->text = g_strdup(quoted ? p->token + 1 : p->token);
    n->value = value;
    n->value.text = n->text;
    if (quoted) {
        n->value.kind = CP_VALUE_TEXT;
    }
    next(p);
    return n;
}

typedef struct {
    const char *token;
    Op op;
} OpName;

/* One level of operators of equal strength that lean to the left. */
static Node *parse_level(Parser *p, const OpName *ops, Node *(*lower)(Parser *p), bool many)
{
    Node *a = lower(p);
    bool again = a != NULL;
    while (again) {
        again = false;
        for (const OpName *o = ops; o->token != NULL; o++) {
            if (!take(p, o->token)) {
                continue;
            }
            Node *b = lower(p);
            if (b == NULL) {
                node_free(a);
                return NULL;
            }
            a = node_new(o->op, a, b);
            again = many;
            break;
        }
    }
    return a;
}

static Node *parse_product(Parser *p)
{
    static const OpName ops[] = {{"*", OP_MUL}, {"/", OP_DIV}, {NULL, OP_VALUE}};
    return parse_level(p, ops, parse_atom, true);
}

static Node *parse_sum(Parser *p)
{
    static const OpName ops[] = {{"+", OP_ADD}, {"-", OP_SUB}, {NULL, OP_VALUE}};
    return parse_level(p, ops, parse_product, true);
}

static Node *parse_comparison(Parser *p)
{
    static const OpName ops[] = {{"==", OP_EQ}, {"!=", OP_NE},   {"<=", OP_LE},
                                 {">=", OP_GE}, {"<", OP_LT},    {">", OP_GT},
                                 {"=", OP_EQ},  {NULL, OP_VALUE}};
    return parse_level(p, ops, parse_sum, false);
}

static Node *parse_not(Parser *p)
{
    bool is_not = false;
    while (take(p, "not") || take(p, "!")) {
        is_not = !is_not;
    }
    Node *n = parse_comparison(p);
    return n != NULL && is_not ? node_new(OP_NOT, n, NULL) : n;
}

static Node *parse_and(Parser *p)
{
    static const OpName ops[] = {{"and", OP_AND}, {"&&", OP_AND}, {NULL, OP_VALUE}};
    return parse_level(p, ops, parse_not, true);
}

static Node *parse_or(Parser *p)
{
    static const OpName ops[] = {{"or", OP_OR}, {"||", OP_OR}, {NULL, OP_VALUE}};
    if (++p->depth > DEPTH_MAX) {
        return fail(p, "fewer brackets within brackets");
    }
    Node *n = parse_level(p, ops, parse_and, true);
    p->depth--;
    return n;
}

CpExpr *cp_expr_new(const char *text, GError **error)
{
    Parser p = {.text = text, .at = text, .error = error};
    if (strlen(text) > 10000) {
        g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                    "a condition of %zu characters is too "
                    "long (at most 10000)",
                    strlen(text));
        return NULL;
    }
    next(&p);
    Node *root = parse_or(&p);
    if (root != NULL && p.token != NULL) {
        fail(&p, "an operator (== != < <= > >= and or) or the end");
    }
    if (root != NULL && !p.failed && root->op == OP_VALUE) {
        p.token = p.token != NULL ? p.token : g_strdup(root->text);
        p.token_at = 0;
        fail(&p, "a comparison such as cores <= 8");
    }
    g_free(p.token);
    if (p.failed) {
        node_free(root);
        return NULL;
    }
    CpExpr *expr = g_new0(CpExpr, 1);
    expr->root = root;
    return expr;
}

void cp_expr_free(CpExpr *expr)
{
    if (expr != NULL) {
        node_free(expr->root);
        g_free(expr);
    }
}

/* --- evaluation --- */

typedef struct {
    CpExprLookup lookup;
    void *data;
} Scope;

static CpValue evaluate(const Node *n, const Scope *scope);

static CpValue number(double value, CpValueDim dim)
{
    return (CpValue){.kind = CP_VALUE_NUMBER, .dim = dim, .number = value};
}

static bool is_true(CpValue v)
{
    if (v.kind == CP_VALUE_TEXT) {
        return strcmp(v.text, "on") == 0 || strcmp(v.text, "true") == 0;
    }
    return v.kind == CP_VALUE_NUMBER && v.number != 0;
}

static CpValue as_number(CpValue v)
{
    if (v.kind == CP_VALUE_TEXT && strcmp(v.text, "none") == 0) {
        return number(INFINITY, CP_DIMS_NUMBER);
    }
    return v;
}

static bool compare(Op op, CpValue a, CpValue b)
{
    if (a.kind != b.kind) {
        a = as_number(a);
        b = as_number(b);
    }
    if (a.kind != b.kind || a.kind == CP_VALUE_NULL) {
        return op == OP_NE && a.kind != CP_VALUE_NULL && b.kind != CP_VALUE_NULL;
    }
    double d = a.kind == CP_VALUE_TEXT ? strcmp(a.text, b.text)
               : a.number == b.number  ? 0
               : a.number < b.number   ? -1
                                       : 1;
    switch (op) {
    case OP_EQ:
        return d == 0;
    case OP_NE:
        return d != 0;
    case OP_LT:
        return d < 0;
    case OP_LE:
        return d <= 0;
    case OP_GT:
        return d > 0;
    default:
        return d >= 0;
    }
}

static CpValue calculate(Op op, CpValue a, CpValue b)
{
    if (a.kind != CP_VALUE_NUMBER || b.kind != CP_VALUE_NUMBER) {
        return (CpValue){.kind = CP_VALUE_NULL};
    }
    CpValueDim dim = MAX(a.dim, b.dim);
    switch (op) {
    case OP_ADD:
        return number(a.number + b.number, dim);
    case OP_SUB:
        return number(a.number - b.number, dim);
    case OP_MUL:
        return number(a.number * b.number, dim);
    default:
        if (b.number == 0) {
            return (CpValue){.kind = CP_VALUE_NULL};
        }
        return number(a.number / b.number, a.dim == b.dim ? CP_DIMS_NUMBER : dim);
    }
}

static CpValue evaluate(const Node *n, const Scope *scope)
{
    CpValue v = n->value;
    switch (n->op) {
    case OP_VALUE:
        return v;
    case OP_NAME:
        if (!scope->lookup(n->text, &v, scope->data)) {
            v = (CpValue){.kind = CP_VALUE_TEXT, .text = n->text};
        }
        return v;
    case OP_OR:
        return number(is_true(evaluate(n->a, scope)) || is_true(evaluate(n->b, scope)),
                      CP_DIMS_NUMBER);
    case OP_AND:
        return number(is_true(evaluate(n->a, scope)) && is_true(evaluate(n->b, scope)),
                      CP_DIMS_NUMBER);
    case OP_NOT:
        return number(!is_true(evaluate(n->a, scope)), CP_DIMS_NUMBER);
    case OP_ADD:
    case OP_SUB:
    case OP_MUL:
    case OP_DIV:
        return calculate(n->op, evaluate(n->a, scope), evaluate(n->b, scope));
    default:
        return number(compare(n->op, evaluate(n->a, scope), evaluate(n->b, scope)),
                      CP_DIMS_NUMBER);
    }
}

bool cp_expr_holds(const CpExpr *expr, CpExprLookup lookup, void *data)
{
    Scope scope = {lookup, data};
    return is_true(evaluate(expr->root, &scope));
}

/* "'makespan' is a time" */
static char *describe(const Node *n, CpValue v)
{
    static const char *const dims[] = {"a number without a unit", "a time", "a size"};
    g_autofree char *clean =
        n->text != NULL ? cp_clean_text(n->text, -1) : g_strdup("what is calculated");
    return g_strdup_printf("'%s' is %s", clean, dims[v.dim]);
}

static bool clash(CpValue a, CpValue b)
{
    bool numbers = a.kind == CP_VALUE_NUMBER && b.kind == CP_VALUE_NUMBER;
    return numbers && a.dim != b.dim && a.number != 0 && b.number != 0;
}

static gboolean check_units(const Node *n, const Scope *scope, GError **error)
{
    if (n == NULL || n->op == OP_VALUE || n->op == OP_NAME) {
        return TRUE;
    }
    if (!check_units(n->a, scope, error) || !check_units(n->b, scope, error)) {
        return FALSE;
    }
    bool alike = (n->op >= OP_EQ && n->op <= OP_SUB);
    if (!alike) {
        return TRUE;
    }
    CpValue a = evaluate(n->a, scope), b = evaluate(n->b, scope);
    if (!clash(a, b)) {
        return TRUE;
    }
    g_autofree char *left = describe(n->a, a), *right = describe(n->b, b);
    g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                "%s, but %s; give both the same unit, for example 50ms", left, right);
    return FALSE;
}

gboolean cp_expr_check(const CpExpr *expr, CpExprLookup lookup, void *data, GError **error)
{
    Scope scope = {lookup, data};
    return check_units(expr->root, &scope, error);
}

static void add_names(const Node *n, GPtrArray *names)
{
    if (n == NULL) {
        return;
    }
    if (n->op == OP_NAME &&
        !g_ptr_array_find_with_equal_func(names, n->text, g_str_equal, NULL)) {
        g_ptr_array_add(names, g_strdup(n->text));
    }
    add_names(n->a, names);
    add_names(n->b, names);
}

char **cp_expr_names(const CpExpr *expr)
{
    GPtrArray *names = g_ptr_array_new();
    add_names(expr->root, names);
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_free(names, FALSE);
}
