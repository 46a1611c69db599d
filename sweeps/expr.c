#include "sweeps/expr.h"

#include "sim/error.h"
#include "sim/program.h"
#include "sweeps/axis.h"
#include "lang/parse.h"

#include <math.h>
#include <string.h>

/* Decides whether a condition holds of values; the language's parser reads it. */

enum { LENGTH_MAX = 10000 };

struct CpExpr {
    CpTree *tree;
    const CpNode *root;
};

CpExpr *cp_expr_new(const char *text, GError **error)
{
    size_t len = strlen(text);
    if (len > LENGTH_MAX) {
        g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                    "a condition of %zu characters is too long (at most %d)", len,
                    LENGTH_MAX);
        return NULL;
    }
    CpExpr *expr = g_new0(CpExpr, 1);
    CpDiag *diag = cp_diag_new("", text, len);
    expr->tree = cp_tree_new();
    expr->root = cp_parse_condition(expr->tree, text, len, diag);
    if (expr->root == NULL) {
        g_autofree char *why = cp_diag_inline(diag);
        g_set_error(error, CP_ERROR, CP_ERROR_USAGE, "%s", why);
        g_clear_pointer(&expr, cp_expr_free);
    }
    cp_diag_free(diag);
    return expr;
}

void cp_expr_free(CpExpr *expr)
{
    if (expr != NULL) {
        cp_tree_free(expr->tree);
        g_free(expr);
    }
}

/* --- values --- */

CpValue cp_value_from_quant(CpQuant q)
{
    bool micro = q.dim == CP_DIM_NUMBER || q.dim == CP_DIM_SHARE;
    CpValue v = {.kind = CP_VALUE_NUMBER};
    v.dim = q.dim == CP_DIM_SHARE ? CP_DIM_NUMBER : q.dim;
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

/* --- evaluation --- */

typedef struct {
    CpExprLookup lookup;
    void *data;
} Scope;

static CpValue evaluate(const CpNode *n, const Scope *scope);

static CpValue number(double value, CpDim dim)
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
        return number(INFINITY, CP_DIM_NUMBER);
    }
    return v;
}

static bool compare(CpCmp cmp, CpValue a, CpValue b)
{
    if (a.kind != b.kind) {
        a = as_number(a);
        b = as_number(b);
    }
    if (a.kind != b.kind || a.kind == CP_VALUE_NULL) {
        return cmp == CP_NE && a.kind != CP_VALUE_NULL && b.kind != CP_VALUE_NULL;
    }
    int sign = a.kind == CP_VALUE_TEXT ? strcmp(a.text, b.text)
               : a.number == b.number  ? 0
               : a.number < b.number   ? -1
                                       : 1;
    return cp_cmp_holds(cmp, sign);
}

static CpValue calculate(char sign, CpValue a, CpValue b)
{
    if (a.kind != CP_VALUE_NUMBER || b.kind != CP_VALUE_NUMBER) {
        return (CpValue){.kind = CP_VALUE_NULL};
    }
    CpDim dim = MAX(a.dim, b.dim);
    switch (sign) {
    case '+':
        return number(a.number + b.number, dim);
    case '-':
        return number(a.number - b.number, dim);
    case '*':
        return number(a.number * b.number, dim);
    default:
        if (b.number == 0) {
            return (CpValue){.kind = CP_VALUE_NULL};
        }
        return number(a.number / b.number, a.dim == b.dim ? CP_DIM_NUMBER : dim);
    }
}

/* Shares count as numbers: 50% is 0.5. */
static CpValue literal(const CpNode *n)
{
    bool micro = n->micro || n->dim == CP_DIM_SHARE;
    CpValue v = number((double)n->value / (micro ? 1e6 : 1),
                       n->dim == CP_DIM_SHARE ? CP_DIM_NUMBER : (CpDim)n->dim);
    v.text = n->text;
    return v;
}

/* Of all operands, or of any. */
static CpValue joined(const CpNode *n, const Scope *scope)
{
    bool any = n->kind == CP_NODE_OR;
    for (const CpNode *operand = n->child; operand != NULL; operand = operand->next) {
        if (is_true(evaluate(operand, scope)) == any) {
            return number(any, CP_DIM_NUMBER);
        }
    }
    return number(!any, CP_DIM_NUMBER);
}

static CpValue evaluate_pair(const CpNode *n, const Scope *scope)
{
    CpValue a = evaluate(cp_node_child(n, CP_CHILD_LEFT), scope);
    CpValue b = evaluate(cp_node_child(n, CP_CHILD_RIGHT), scope);
    return n->kind == CP_NODE_CMP ? number(compare((CpCmp)n->value, a, b), CP_DIM_NUMBER)
                                  : calculate((char)n->value, a, b);
}

static CpValue evaluate(const CpNode *n, const Scope *scope)
{
    CpValue v = {.kind = CP_VALUE_TEXT, .text = n->text};
    switch ((CpNodeKind)n->kind) {
    case CP_NODE_NUMBER:
        return literal(n);
    case CP_NODE_NAME:
        if (!scope->lookup(n->text, &v, scope->data)) {
            v = (CpValue){.kind = CP_VALUE_TEXT, .text = n->text};
        }
        return v;
    case CP_NODE_OR:
    case CP_NODE_AND:
        return joined(n, scope);
    case CP_NODE_NOT:
        return number(!is_true(evaluate(n->child, scope)), CP_DIM_NUMBER);
    case CP_NODE_NEG:
        v = evaluate(n->child, scope);
        v.number = -v.number;
        return v;
    case CP_NODE_BINARY:
    case CP_NODE_CMP:
        return evaluate_pair(n, scope);
    default: /* a text in quotes */
        return v;
    }
}

bool cp_expr_holds(const CpExpr *expr, CpExprLookup lookup, void *data)
{
    Scope scope = {lookup, data};
    return is_true(evaluate(expr->root, &scope));
}

/* "'makespan' is a time" */
static char *describe(const CpNode *n, CpValue v)
{
    static const char *const dims[] = {"a number without a unit", "a time", "a size"};
    g_autofree char *clean =
        n->text != NULL ? cp_clean_text(n->text, -1) : g_strdup("what is calculated");
    return g_strdup_printf("'%s' is %s", clean, dims[v.dim]);
}

/* A plain number may be one of bytes, never one of times. */
static bool clash(CpValue a, CpValue b)
{
    bool numbers = a.kind == CP_VALUE_NUMBER && b.kind == CP_VALUE_NUMBER;
    bool differ = (a.dim == CP_DIM_TIME) != (b.dim == CP_DIM_TIME);
    return numbers && differ && a.number != 0 && b.number != 0;
}

/* What is compared, added or subtracted must have one unit. */
static bool needs_like(const CpNode *n)
{
    return n->kind == CP_NODE_CMP ||
           (n->kind == CP_NODE_BINARY && (n->value == '+' || n->value == '-'));
}

static gboolean check_units(const CpNode *n, const Scope *scope, GError **error)
{
    for (const CpNode *child = n->child; child != NULL; child = child->next) {
        if (!check_units(child, scope, error)) {
            return FALSE;
        }
    }
    if (!needs_like(n)) {
        return TRUE;
    }
    const CpNode *l = cp_node_child(n, CP_CHILD_LEFT);
    const CpNode *r = cp_node_child(n, CP_CHILD_RIGHT);
    CpValue a = evaluate(l, scope), b = evaluate(r, scope);
    if (!clash(a, b)) {
        return TRUE;
    }
    g_autofree char *left = describe(l, a), *right = describe(r, b);
    g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                "%s, but %s; give both the same unit, for example 50ms", left, right);
    return FALSE;
}

gboolean cp_expr_check(const CpExpr *expr, CpExprLookup lookup, void *data, GError **error)
{
    Scope scope = {lookup, data};
    return check_units(expr->root, &scope, error);
}

static void add_names(const CpNode *n, GPtrArray *names)
{
    if (n->kind == CP_NODE_NAME &&
        !g_ptr_array_find_with_equal_func(names, n->text, g_str_equal, NULL)) {
        g_ptr_array_add(names, g_strdup(n->text));
    }
    for (const CpNode *child = n->child; child != NULL; child = child->next) {
        add_names(child, names);
    }
}

char **cp_expr_names(const CpExpr *expr)
{
    GPtrArray *names = g_ptr_array_new();
    add_names(expr->root, names);
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_free(names, FALSE);
}
