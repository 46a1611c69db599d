#include "lang/compiler.h"

#include <string.h>

/* Decides what an expression is worth: folds what is known, emits code for what is not. */

enum { PARAM_DEPTH_MAX = 16 };

bool cpc_is_plain(CpDim dim)
{
    return dim == CP_DIM_NUMBER || dim == CP_DIM_SHARE;
}

const char *cpc_dim_name(CpDim dim)
{
    static const char *const names[] = {"a plain number", "a time", "a size", "a share",
                                        "a value"};
    return names[dim];
}

/* Half a unit rounds away from zero. */
int64_t cpc_round(const CpcValue *value)
{
    __int128 m = value->micro;
    __int128 q = (m < 0 ? m - CPC_MICRO / 2 : m + CPC_MICRO / 2) / CPC_MICRO;
    return (int64_t)CLAMP(q, (__int128)INT64_MIN, (__int128)INT64_MAX);
}

const CpNode *cpc_resolve(Cpc *c, const CpNode *node)
{
    for (int i = 0; i < PARAM_DEPTH_MAX && node->kind == CP_NODE_NAME; i++) {
        const CpNode *param = cpc_local(c, node->text) == NULL
                                  ? g_hash_table_lookup(c->params, node->text)
                                  : NULL;
        if (param == NULL) {
            break;
        }
        node = param->child;
    }
    return node;
}

/* --- leaves --- */

static bool eval_number(const CpNode *node, CpcValue *out)
{
    bool scaled = node->micro || node->dim == CP_DIM_SHARE;
    *out = (CpcValue){.kind = CPC_CONST,
                      .dim = (CpDim)node->dim,
                      .micro = (__int128)node->value * (scaled ? 1 : CPC_MICRO)};
    return true;
}

static bool eval_param(Cpc *c, const CpNode *node, const CpNode *param, CpcValue *out)
{
    const CpNode *value = param->child;
    if (c->param_depth == PARAM_DEPTH_MAX) {
        return cp_diag_error(c->diag, node->pos, "param '%s' refers to itself", node->text);
    }
    if (value->kind == CP_NODE_LIST || value->kind == CP_NODE_RANGE) {
        cp_diag_error(c->diag, node->pos, "param '%s' is a list", node->text);
        cp_diag_help(c->diag, "use it in for x in %s { ... }", node->text);
        return false;
    }
    if (value->kind == CP_NODE_STRING) {
        *out = (CpcValue){.kind = CPC_WORD, .word = value->text};
        return true;
    }
    c->param_depth++;
    bool ok = cpc_eval(c, value, out);
    c->param_depth--;
    if (ok && out->kind == CPC_WORD) {
        const CpNode *choices = cp_node_child(param, CP_CHILD_CHOICES);
        out->choices = choices->kind == CP_NODE_LIST ? choices : NULL;
    }
    return ok;
}

static bool eval_name(Cpc *c, const CpNode *node, CpcValue *out)
{
    CpcLocal *local = cpc_local(c, node->text);
    if (local != NULL && local->is_list) {
        cp_diag_error(c->diag, node->pos, "'%s' is a list of results", node->text);
        cp_diag_help(c->diag,
                     "print it whole, or read them one by one: imap p f over xs as "
                     "x { ... }");
        return false;
    }
    if (local != NULL) {
        *out = (CpcValue){.kind = CPC_REG, .dim = (CpDim)local->dim, .reg = local->reg};
        return true;
    }
    const CpNode *param = g_hash_table_lookup(c->params, node->text);
    if (param != NULL) {
        return eval_param(c, node, param, out);
    }
    CpcObject *object = c->proc != NULL ? cpc_object(c, node->text) : NULL;
    if (object != NULL && object->is_var) {
        *out = (CpcValue){.kind = CPC_REG, .dim = CP_DIM_ANY, .reg = cpc_reg(c, 1)};
        cpc_emit(c, CP_OP_LOAD, 0, out->reg, object->index, node);
        object->used = true;
        return true;
    }
    if (strcmp(node->text, "now") == 0 || strcmp(node->text, "pid") == 0) {
        bool now = *node->text == 'n';
        *out = (CpcValue){.kind = CPC_REG,
                          .dim = now ? CP_DIM_TIME : CP_DIM_NUMBER,
                          .reg = cpc_reg(c, 1)};
        cpc_emit(c, now ? CP_OP_NOW : CP_OP_PID, 0, out->reg, 0, node);
        return true;
    }
    if (strcmp(node->text, "none") == 0) {
        *out = (CpcValue){.kind = CPC_CONST,
                          .dim = CP_DIM_ANY,
                          .micro = (__int128)CP_ITEM_NONE * CPC_MICRO};
        return true;
    }
    *out = (CpcValue){.kind = CPC_WORD, .word = node->text};
    return true;
}

static bool eval_dist(Cpc *c, const CpNode *node, CpcValue *out)
{
    CpDist dist;
    if (!cpc_const_dist(c, node, &dist)) {
        return false;
    }
    *out = (CpcValue){.kind = CPC_DIST, .dim = CP_DIM_TIME, .dist = cpc_dist(c, dist)};
    return true;
}

/* --- registers --- */

/* Brings a value into a register of its own choosing. */
bool cpc_to_reg(Cpc *c, const CpNode *node, const CpcValue *value, uint16_t reg)
{
    switch (value->kind) {
    case CPC_CONST:
        cpc_emit(c, CP_OP_SET, 0, reg, cpc_const(c, cpc_round(value)), node);
        return true;
    case CPC_REG:
        if (value->reg != reg) {
            cpc_emit(c, CP_OP_MOVE, 0, reg, value->reg, node);
        }
        return true;
    case CPC_DIST:
        cpc_emit(c, CP_OP_SAMPLE, CP_ARG_DIST, reg, value->dist, node);
        return true;
    case CPC_WORD:
        return cpc_unknown(c, node->pos, "name", value->word, c->params, c->objects,
                           c->proc != NULL ? c->proc->objects : NULL, NULL);
    }
    return false;
}

bool cpc_eval_to(Cpc *c, const CpNode *node, uint16_t reg, CpDim *dim)
{
    uint32_t save = c->reg;
    CpcValue value;
    bool ok = cpc_eval(c, node, &value) && cpc_to_reg(c, node, &value, reg);
    c->reg = save;
    if (ok && dim != NULL) {
        *dim = value.dim;
    }
    return ok;
}

/* --- operators --- */

static bool bad_dims(Cpc *c, const CpNode *node, CpDim left, CpDim right)
{
    static const char *const verbs[] = {
        ['+'] = "add", ['-'] = "subtract", ['*'] = "multiply", ['/'] = "divide"};
    return cp_diag_error(c->diag, node->pos, "cannot %s %s and %s", verbs[node->value],
                         cpc_dim_name(left), cpc_dim_name(right));
}

/* What an operator's result measures. */
static bool result_dim(Cpc *c, const CpNode *node, CpDim l, CpDim r, CpDim *out)
{
    bool product = node->value == '*' || node->value == '/';
    if (!product) {
        bool same = l == r || l == CP_DIM_ANY || r == CP_DIM_ANY ||
                    (cpc_is_plain(l) && cpc_is_plain(r));
        *out = l == CP_DIM_ANY ? r : l;
        return same || bad_dims(c, node, l, r);
    }
    if (cpc_is_plain(r)) {
        *out = l == CP_DIM_SHARE ? CP_DIM_NUMBER : l;
        return true;
    }
    if (node->value == '*' && cpc_is_plain(l)) {
        *out = r;
        return true;
    }
    if (l == CP_DIM_ANY || r == CP_DIM_ANY) {
        *out = CP_DIM_ANY;
        return true;
    }
    *out = CP_DIM_NUMBER;
    return (node->value == '/' && l == r) || bad_dims(c, node, l, r);
}

static bool too_large(Cpc *c, const CpNode *node)
{
    return cp_diag_error(c->diag, node->pos, "the result is too large");
}

static bool fold(Cpc *c, const CpNode *node, const CpcValue *l, const CpcValue *r,
                 CpcValue *out)
{
    __int128 a = l->micro;
    __int128 b = r->micro;
    out->kind = CPC_CONST;
    switch (node->value) {
    case '+':
        out->micro = a + b;
        break;
    case '-':
        out->micro = a - b;
        break;
    case '*':
        /* Exact through the remainder: a * b / 10^6 without the large product. */
        if ((double)a * (double)b / CPC_MICRO > 9e24 ||
            (double)a * (double)b / CPC_MICRO < -9e24) {
            return too_large(c, node);
        }
        out->micro = a / CPC_MICRO * b + a % CPC_MICRO * b / CPC_MICRO;
        break;
    default:
        if (b == 0) {
            return cp_diag_error(c->diag, node->pos, "division by zero");
        }
        out->micro = a / b * CPC_MICRO + (a % b) * CPC_MICRO / b;
        break;
    }
    if (out->micro > (__int128)INT64_MAX * CPC_MICRO ||
        out->micro < (__int128)-INT64_MAX * CPC_MICRO) {
        return too_large(c, node);
    }
    return true;
}

void cpc_arith(Cpc *c, CpArith op, uint16_t to, uint16_t l, uint16_t r, const CpNode *node)
{
    cpc_emit(c, CP_OP_ARITH, (uint8_t)op, to, (uint32_t)l | (uint32_t)r << 16, node);
}

/* Registers hold whole numbers: x * 1.5 becomes x * 3 / 2. */
static bool scale(Cpc *c, const CpNode *node, uint16_t reg, uint16_t tmp, __int128 micro,
                  bool divide)
{
    int64_t num = (int64_t)micro;
    int64_t den = CPC_MICRO;
    for (int64_t a = num < 0 ? -num : num, b = den; b != 0;) {
        int64_t rest = a % b;
        if (rest == 0) {
            num /= b;
            den /= b;
        }
        a = b;
        b = rest;
    }
    if (divide && num == 0) {
        return cp_diag_error(c->diag, node->pos, "division by zero");
    }
    cpc_emit(c, CP_OP_SET, 0, tmp, cpc_const(c, divide ? den : num), node);
    cpc_arith(c, CP_MUL, reg, reg, tmp, node);
    cpc_emit(c, CP_OP_SET, 0, tmp, cpc_const(c, divide ? num : den), node);
    cpc_arith(c, CP_DIV, reg, reg, tmp, node);
    return true;
}

static bool is_fraction(const CpcValue *v)
{
    return v->kind == CPC_CONST && v->micro % CPC_MICRO != 0;
}

static bool operate(Cpc *c, const CpNode *node, CpcValue *l, CpcValue *r, CpcValue *out)
{
    static const CpArith ops[] = {
        ['+'] = CP_ADD, ['-'] = CP_SUB, ['*'] = CP_MUL, ['/'] = CP_DIV};
    const CpNode *left = cp_node_child(node, CP_CHILD_LEFT);
    const CpNode *right = cp_node_child(node, CP_CHILD_RIGHT);
    uint16_t regs = cpc_reg(c, 2);
    bool product = node->value == '*' || node->value == '/';
    out->kind = CPC_REG;
    out->reg = regs;
    if (node->value == '*' && is_fraction(l)) {
        return cpc_to_reg(c, right, r, regs) &&
               scale(c, node, regs, (uint16_t)(regs + 1), l->micro, false);
    }
    if (product && is_fraction(r)) {
        return cpc_to_reg(c, left, l, regs) &&
               scale(c, node, regs, (uint16_t)(regs + 1), r->micro, node->value == '/');
    }
    if (is_fraction(l) || is_fraction(r)) {
        const CpNode *at = is_fraction(l) ? left : right;
        return cp_diag_error(c->diag, at->pos, "expected a whole number beside a variable");
    }
    if (!cpc_to_reg(c, left, l, regs) || !cpc_to_reg(c, right, r, (uint16_t)(regs + 1))) {
        return false;
    }
    cpc_arith(c, ops[node->value], regs, regs, (uint16_t)(regs + 1), node);
    return true;
}

static bool eval_binary(Cpc *c, const CpNode *node, CpcValue *out)
{
    CpcValue l, r;
    if (!cpc_eval(c, cp_node_child(node, CP_CHILD_LEFT), &l) ||
        !cpc_eval(c, cp_node_child(node, CP_CHILD_RIGHT), &r)) {
        return false;
    }
    *out = (CpcValue){0};
    if (l.kind == CPC_WORD || r.kind == CPC_WORD) {
        const CpNode *at =
            cp_node_child(node, l.kind == CPC_WORD ? CP_CHILD_LEFT : CP_CHILD_RIGHT);
        return cpc_to_reg(c, at, l.kind == CPC_WORD ? &l : &r, 0);
    }
    if (!result_dim(c, node, l.dim, r.dim, &out->dim)) {
        return false;
    }
    return l.kind == CPC_CONST && r.kind == CPC_CONST ? fold(c, node, &l, &r, out)
                                                      : operate(c, node, &l, &r, out);
}

static bool eval_neg(Cpc *c, const CpNode *node, CpcValue *out)
{
    if (!cpc_eval(c, node->child, out)) {
        return false;
    }
    if (out->kind == CPC_CONST) {
        out->micro = -out->micro;
        return true;
    }
    uint16_t regs = cpc_reg(c, 2);
    if (!cpc_to_reg(c, node->child, out, (uint16_t)(regs + 1))) {
        return false;
    }
    cpc_emit(c, CP_OP_SET, 0, regs, cpc_const(c, 0), node);
    cpc_arith(c, CP_SUB, regs, regs, (uint16_t)(regs + 1), node);
    *out = (CpcValue){.kind = CPC_REG, .dim = out->dim, .reg = regs};
    return true;
}

bool cpc_eval(Cpc *c, const CpNode *node, CpcValue *out)
{
    *out = (CpcValue){0};
    switch (node->kind) {
    case CP_NODE_NUMBER:
        return eval_number(node, out);
    case CP_NODE_NAME:
        return eval_name(c, node, out);
    case CP_NODE_NEG:
        return eval_neg(c, node, out);
    case CP_NODE_BINARY:
        return eval_binary(c, node, out);
    case CP_NODE_DIST:
        return eval_dist(c, node, out);
    default: {
        g_autofree char *shown = cp_node_print(node);
        return cp_diag_error(c->diag, node->pos, "expected one value, found '%s'", shown);
    }
    }
}
