#include "lang/compiler.h"

#include "sim/params.h"

#include <inttypes.h>
#include <string.h>

enum { MICRO = 1000000, PARAM_DEPTH_MAX = 16 };

static bool is_plain(CpDim dim)
{
    return dim == CP_DIM_NUMBER || dim == CP_DIM_SHARE;
}

static const char *dim_name(CpDim dim)
{
    static const char *const names[] = {"a plain number", "a time", "a size", "a share",
                                        "a value"};
    return names[dim];
}

/* Half a unit rounds away from zero. */
int64_t cpc_round(const CpcValue *value)
{
    __int128 m = value->micro;
    __int128 q = (m < 0 ? m - MICRO / 2 : m + MICRO / 2) / MICRO;
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
                      .micro = (__int128)node->value * (scaled ? 1 : MICRO)};
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
        const CpNode *choices = cp_node_at(param, 1);
        out->choices = choices->kind == CP_NODE_LIST ? choices : NULL;
    }
    return ok;
}

static bool eval_name(Cpc *c, const CpNode *node, CpcValue *out)
{
    CpcLocal *local = cpc_local(c, node->text);
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
    if (strcmp(node->text, "none") == 0) {
        *out = (CpcValue){
            .kind = CPC_CONST, .dim = CP_DIM_ANY, .micro = (__int128)CP_ITEM_NONE * MICRO};
        return true;
    }
    *out = (CpcValue){.kind = CPC_WORD, .word = node->text};
    return true;
}

/* --- registers --- */

/* Brings a value into a register of its own choosing. */
static bool to_reg(Cpc *c, const CpNode *node, const CpcValue *value, uint16_t reg)
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
    bool ok = cpc_eval(c, node, &value) && to_reg(c, node, &value, reg);
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
                         dim_name(left), dim_name(right));
}

/* What an operator's result measures. */
static bool result_dim(Cpc *c, const CpNode *node, CpDim l, CpDim r, CpDim *out)
{
    bool product = node->value == '*' || node->value == '/';
    if (!product) {
        bool same =
            l == r || l == CP_DIM_ANY || r == CP_DIM_ANY || (is_plain(l) && is_plain(r));
        *out = l == CP_DIM_ANY ? r : l;
        return same || bad_dims(c, node, l, r);
    }
    if (is_plain(r)) {
        *out = l == CP_DIM_SHARE ? CP_DIM_NUMBER : l;
        return true;
    }
    if (node->value == '*' && is_plain(l)) {
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
        if ((double)a * (double)b / MICRO > 9e24 || (double)a * (double)b / MICRO < -9e24) {
            return too_large(c, node);
        }
        out->micro = a / MICRO * b + a % MICRO * b / MICRO;
        break;
    default:
        if (b == 0) {
            return cp_diag_error(c->diag, node->pos, "division by zero");
        }
        out->micro = a / b * MICRO + (a % b) * MICRO / b;
        break;
    }
    if (out->micro > (__int128)INT64_MAX * MICRO ||
        out->micro < (__int128)-INT64_MAX * MICRO) {
        return too_large(c, node);
    }
    return true;
}

static void arith(Cpc *c, CpArith op, uint16_t to, uint16_t l, uint16_t r,
                  const CpNode *node)
{
    cpc_emit(c, CP_OP_ARITH, (uint8_t)op, to, (uint32_t)l | (uint32_t)r << 16, node);
}

/* Registers hold whole numbers: x * 1.5 becomes x * 3 / 2. */
static bool scale(Cpc *c, const CpNode *node, uint16_t reg, uint16_t tmp, __int128 micro,
                  bool divide)
{
    int64_t num = (int64_t)micro;
    int64_t den = MICRO;
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
    arith(c, CP_MUL, reg, reg, tmp, node);
    cpc_emit(c, CP_OP_SET, 0, tmp, cpc_const(c, divide ? num : den), node);
    arith(c, CP_DIV, reg, reg, tmp, node);
    return true;
}

static bool is_fraction(const CpcValue *v)
{
    return v->kind == CPC_CONST && v->micro % MICRO != 0;
}

static bool operate(Cpc *c, const CpNode *node, CpcValue *l, CpcValue *r, CpcValue *out)
{
    static const CpArith ops[] = {
        ['+'] = CP_ADD, ['-'] = CP_SUB, ['*'] = CP_MUL, ['/'] = CP_DIV};
    const CpNode *left = cp_node_at(node, 0);
    const CpNode *right = cp_node_at(node, 1);
    uint16_t regs = cpc_reg(c, 2);
    bool product = node->value == '*' || node->value == '/';
    out->kind = CPC_REG;
    out->reg = regs;
    if (node->value == '*' && is_fraction(l)) {
        return to_reg(c, right, r, regs) &&
               scale(c, node, regs, (uint16_t)(regs + 1), l->micro, false);
    }
    if (product && is_fraction(r)) {
        return to_reg(c, left, l, regs) &&
               scale(c, node, regs, (uint16_t)(regs + 1), r->micro, node->value == '/');
    }
    if (is_fraction(l) || is_fraction(r)) {
        const CpNode *at = is_fraction(l) ? left : right;
        return cp_diag_error(c->diag, at->pos, "expected a whole number beside a variable");
    }
    if (!to_reg(c, left, l, regs) || !to_reg(c, right, r, (uint16_t)(regs + 1))) {
        return false;
    }
    arith(c, ops[node->value], regs, regs, (uint16_t)(regs + 1), node);
    return true;
}

static bool eval_binary(Cpc *c, const CpNode *node, CpcValue *out)
{
    CpcValue l, r;
    if (!cpc_eval(c, cp_node_at(node, 0), &l) || !cpc_eval(c, cp_node_at(node, 1), &r)) {
        return false;
    }
    *out = (CpcValue){0};
    if (l.kind == CPC_WORD || r.kind == CPC_WORD) {
        const CpNode *at = cp_node_at(node, l.kind == CPC_WORD ? 0 : 1);
        return to_reg(c, at, l.kind == CPC_WORD ? &l : &r, 0);
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
    if (!to_reg(c, node->child, out, (uint16_t)(regs + 1))) {
        return false;
    }
    cpc_emit(c, CP_OP_SET, 0, regs, cpc_const(c, 0), node);
    arith(c, CP_SUB, regs, regs, (uint16_t)(regs + 1), node);
    *out = (CpcValue){.kind = CPC_REG, .dim = out->dim, .reg = regs};
    return true;
}

/* --- constants --- */

bool cpc_no_unit(Cpc *c, const CpNode *node, const char *shown)
{
    const CpNode *param =
        node->kind == CP_NODE_NAME ? g_hash_table_lookup(c->params, node->text) : NULL;
    cp_diag_error(c->diag, node->pos, "'%s' has no unit", shown);
    if (param != NULL) {
        g_autofree char *value = cp_node_print(param->child);
        cp_diag_help(c->diag, "give the param one: param %s = %sms", node->text, value);
    } else if (node->kind == CP_NODE_NUMBER) {
        cp_diag_help(c->diag, "write %ss, %sms, %sus or %sns", shown, shown, shown, shown);
    } else {
        cp_diag_help(c->diag, "multiply by a time, such as 1ms");
    }
    return false;
}

/* Evaluates to a constant, or reports that it is none. */
static bool eval_const(Cpc *c, const CpNode *node, CpcValue *out)
{
    uint32_t save = c->reg;
    bool measure = c->measure;
    c->measure = true; /* a failure must not leave code behind */
    bool ok = cpc_eval(c, node, out);
    c->measure = measure;
    c->reg = save;
    if (ok && out->kind == CPC_WORD) {
        return to_reg(c, node, out, 0);
    }
    if (ok && out->kind != CPC_CONST) {
        return cp_diag_error(c->diag, node->pos, "expected a value known before the run");
    }
    return ok;
}

bool cpc_is_const(Cpc *c, const CpNode *node, CpcValue *out)
{
    uint32_t save = c->reg;
    bool measure = c->measure;
    c->measure = true;
    bool ok = cpc_eval(c, node, out) && out->kind == CPC_CONST;
    c->measure = measure;
    c->reg = save;
    return ok;
}

static bool check_time(Cpc *c, const CpNode *node, const CpcValue *v)
{
    g_autofree char *shown = cp_node_print(node);
    if (v->dim == CP_DIM_NUMBER && v->micro != 0) {
        return cpc_no_unit(c, node, shown);
    }
    if (v->dim == CP_DIM_SIZE || v->dim == CP_DIM_SHARE) {
        return cp_diag_error(c->diag, node->pos, "expected a time, '%s' is %s", shown,
                             dim_name(v->dim));
    }
    if (v->kind == CPC_CONST && v->micro < 0) {
        cp_diag_error(c->diag, node->pos, "'%s' is a negative time", shown);
        cp_diag_help(c->diag, "times are 0 or more");
        return false;
    }
    if (v->kind == CPC_CONST && cpc_round(v) > CP_TIME_LIMIT) {
        cp_diag_error(c->diag, node->pos, "'%s' is too large", shown);
        cp_diag_help(c->diag, "a time is at most 100 years");
        return false;
    }
    return true;
}

bool cpc_const_time(Cpc *c, const CpNode *node, CpTime *out)
{
    CpcValue v;
    if (!eval_const(c, node, &v) || !check_time(c, node, &v)) {
        return false;
    }
    *out = cpc_round(&v);
    return true;
}

bool cpc_const_int(Cpc *c, const CpNode *node, int64_t min, int64_t max, int64_t *out)
{
    CpcValue v;
    if (!eval_const(c, node, &v)) {
        return false;
    }
    g_autofree char *shown = cp_node_print(node);
    if (v.dim != CP_DIM_NUMBER && v.dim != CP_DIM_ANY) {
        return cp_diag_error(c->diag, node->pos, "expected a plain number, '%s' is %s",
                             shown, dim_name(v.dim));
    }
    if (v.micro % MICRO != 0) {
        return cp_diag_error(c->diag, node->pos, "'%s' is not a whole number", shown);
    }
    int64_t value = cpc_round(&v);
    if (value < min || value > max) {
        cp_diag_error(c->diag, node->pos, "'%s' is out of range", shown);
        if (max == INT64_MAX) {
            cp_diag_help(c->diag, "expected %" PRId64 " or more", min);
        } else {
            cp_diag_help(c->diag, "expected %" PRId64 " to %" PRId64, min, max);
        }
        return false;
    }
    *out = value;
    return true;
}

bool cpc_const_size(Cpc *c, const CpNode *node, int64_t *out)
{
    CpcValue v;
    if (!eval_const(c, node, &v)) {
        return false;
    }
    g_autofree char *shown = cp_node_print(node);
    if (v.dim == CP_DIM_NUMBER && v.micro != 0) {
        cp_diag_error(c->diag, node->pos, "'%s' has no unit", shown);
        cp_diag_help(c->diag, "write %sB, %sKiB or %sMiB", shown, shown, shown);
        return false;
    }
    if (v.dim == CP_DIM_TIME || v.dim == CP_DIM_SHARE || v.micro < 0) {
        return cp_diag_error(c->diag, node->pos, "expected a size, '%s' is %s", shown,
                             v.micro < 0 ? "negative" : dim_name(v.dim));
    }
    *out = cpc_round(&v);
    return true;
}

static bool add_entry(Cpc *c, const CpNode *node, GArray *values, CpDim *dim)
{
    CpcValue v;
    if (!eval_const(c, node, &v)) {
        return false;
    }
    if (*dim != CP_DIM_ANY && v.dim != CP_DIM_ANY && v.dim != *dim) {
        return cp_diag_error(c->diag, node->pos, "list mixes %s and %s", dim_name(*dim),
                             dim_name(v.dim));
    }
    *dim = v.dim == CP_DIM_ANY ? *dim : v.dim;
    if (v.micro % MICRO != 0 && v.dim != CP_DIM_TIME) {
        return cp_diag_error(c->diag, node->pos, "expected a whole number");
    }
    int64_t value = cpc_round(&v);
    g_array_append_val(values, value);
    return true;
}

static bool add_range(Cpc *c, const CpNode *node, GArray *values, CpDim *dim)
{
    int64_t first, last;
    const int64_t limit = INT64_MAX / 4;
    if (!cpc_const_int(c, cp_node_at(node, 0), -limit, limit, &first) ||
        !cpc_const_int(c, cp_node_at(node, 1), -limit, limit, &last)) {
        return false;
    }
    if (last - first >= CP_PARSE_LIST_MAX) {
        return cp_diag_error(c->diag, node->pos, "list has more than %d entries",
                             CP_PARSE_LIST_MAX);
    }
    for (int64_t i = first; i <= last; i++) {
        g_array_append_val(values, i);
    }
    *dim = CP_DIM_NUMBER;
    return true;
}

bool cpc_const_list(Cpc *c, const CpNode *node, GArray *values, CpDim *dim)
{
    const CpNode *list = cpc_resolve(c, node);
    *dim = CP_DIM_ANY;
    if (list->kind == CP_NODE_RANGE) {
        return add_range(c, list, values, dim);
    }
    if (list->kind != CP_NODE_LIST) {
        g_autofree char *shown = cp_node_print(node);
        cp_diag_error(c->diag, node->pos, "'%s' is not a list", shown);
        cp_diag_help(c->diag, "lists: [1ms, 2ms], 1..10, or a param that holds one");
        return false;
    }
    for (const CpNode *entry = list->child; entry != NULL; entry = entry->next) {
        if (!add_entry(c, entry, values, dim)) {
            return false;
        }
    }
    return true;
}

/* --- distributions --- */

static int compare_int64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static bool read_time_lines(Cpc *c, const CpNode *file, char *text, GArray *values)
{
    uint32_t number = 0;
    char *save = NULL;
    for (char *line = text; line != NULL; line = save) {
        save = strchr(line, '\n');
        if (save != NULL) {
            *save++ = '\0';
        }
        number++;
        char *comment = strchr(line, '#');
        if (comment != NULL) {
            *comment = '\0';
        }
        g_strstrip(line);
        if (*line == '\0') {
            continue;
        }
        CpTime t;
        g_autoptr(GError) error = NULL;
        if (!cp_parse_time(line, &t, &error)) {
            return cp_diag_error(c->diag, file->pos, "%s:%u: %s", file->text, number,
                                 error->message);
        }
        if (values->len == CP_PARSE_LIST_MAX) {
            return cp_diag_error(c->diag, file->pos, "%s: more than %d values", file->text,
                                 CP_PARSE_LIST_MAX);
        }
        g_array_append_val(values, t);
    }
    return true;
}

bool cpc_read_times(Cpc *c, const CpNode *file, GArray *values)
{
    g_autofree char *dir = g_path_get_dirname(c->source);
    g_autofree char *path = g_path_is_absolute(file->text)
                                ? g_strdup(file->text)
                                : g_build_filename(dir, file->text, NULL);
    g_autofree char *text = NULL;
    gsize len;
    g_autoptr(GError) error = NULL;
    if (!g_file_get_contents(path, &text, &len, &error)) {
        const char *why = strrchr(error->message, ':'); /* what comes after the path */
        cp_diag_error(c->diag, file->pos, "cannot read '%s'%s", file->text,
                      why != NULL ? why : "");
        cp_diag_help(c->diag,
                     "data files are looked up beside the workload; one time a line");
        return false;
    }
    if (!read_time_lines(c, file, text, values)) {
        return false;
    }
    if (values->len == 0) {
        return cp_diag_error(c->diag, file->pos, "'%s' holds no times", file->text);
    }
    qsort(values->data, values->len, sizeof(int64_t), compare_int64);
    return true;
}

static bool dist_table(Cpc *c, const CpNode *node, CpDist *out)
{
    g_autoptr(GArray) values = g_array_new(FALSE, FALSE, sizeof(int64_t));
    CpDim dim = CP_DIM_TIME;
    bool ok = node->value == CP_DIST_EMPIRICAL
                  ? cpc_read_times(c, node->child, values)
                  : cpc_const_list(c, node->child, values, &dim);
    if (!ok) {
        return false;
    }
    if (values->len == 0) {
        return cp_diag_error(c->diag, node->child->pos, "list is empty");
    }
    for (guint i = 0; i < values->len; i++) {
        if (g_array_index(values, int64_t, i) < 0) {
            return cp_diag_error(c->diag, node->child->pos, "negative entry");
        }
    }
    uint32_t list = cpc_list(c, values);
    out->p[0] = c->measure ? 0 : g_array_index(c->w->lists, CpList, list).first;
    out->p[1] = values->len;
    return true;
}

static bool dist_arg(Cpc *c, const CpNode *arg, CpDim want, int64_t *out)
{
    if (want == CP_DIM_TIME) {
        return cpc_const_time(c, arg, out);
    }
    CpcValue v;
    if (!eval_const(c, arg, &v)) {
        return false;
    }
    if ((v.dim != CP_DIM_NUMBER && v.dim != CP_DIM_ANY) || v.micro <= 0 ||
        v.micro > 1000 * (__int128)MICRO) {
        g_autofree char *shown = cp_node_print(arg);
        cp_diag_error(c->diag, arg->pos,
                      "expected a number above 0 and up to 1000, not '%s'", shown);
        return false;
    }
    *out = (int64_t)v.micro;
    return true;
}

bool cpc_const_dist(Cpc *c, const CpNode *node, CpDist *out)
{
    node = cpc_resolve(c, node);
    *out = (CpDist){.kind = CP_DIST_CONST};
    if (node->kind != CP_NODE_DIST) {
        return cpc_const_time(c, node, &out->p[0]);
    }
    const CpDistForm *form = cp_dist_form_of((int)node->value);
    out->kind = (uint32_t)node->value;
    if (node->value == CP_DIST_CHOICE || node->value == CP_DIST_EMPIRICAL) {
        return dist_table(c, node, out);
    }
    unsigned i = 0;
    for (const CpNode *arg = node->child; arg != NULL; arg = arg->next, i++) {
        if (!dist_arg(c, arg, form->dims[i], &out->p[i])) {
            return false;
        }
    }
    if (node->value == CP_DIST_UNIFORM && out->p[1] < out->p[0]) {
        return cp_diag_error(c->diag, node->pos,
                             "uniform: the maximum is below the minimum");
    }
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

bool cpc_duration(Cpc *c, const CpNode *node, uint8_t *a, uint32_t *arg)
{
    CpcValue v;
    if (!cpc_eval(c, node, &v)) {
        return false;
    }
    if (v.kind == CPC_WORD) {
        return to_reg(c, node, &v, 0);
    }
    if (!check_time(c, node, &v)) {
        return false;
    }
    *a = v.kind == CPC_CONST ? CP_ARG_CONST : v.kind == CPC_REG ? CP_ARG_REG : CP_ARG_DIST;
    *arg = v.kind == CPC_CONST ? cpc_const(c, cpc_round(&v))
           : v.kind == CPC_REG ? v.reg
                               : v.dist;
    return true;
}

/* --- conditions --- */

static bool compare_const(int64_t cmp, __int128 a, __int128 b)
{
    return cp_cmp_holds((CpCmp)cmp, (a > b) - (a < b));
}

static bool is_choice(const CpNode *choices, const char *word)
{
    for (const CpNode *n = choices->child; n != NULL; n = n->next) {
        if (n->text != NULL && strcmp(n->text, word) == 0) {
            return true;
        }
    }
    return false;
}

static int not_a_choice(Cpc *c, const CpNode *node, const char *word, const CpNode *choices)
{
    g_autofree char *all = cp_node_print(choices);
    cp_diag_error(c->diag, node->pos, "'%s' is not one of the param's choices", word);
    cp_diag_help(c->diag, "choices: %s", all);
    return -2;
}

/* Words compare as texts: `if work == cpu`. */
static int compare_words(Cpc *c, const CpNode *cond, const CpcValue *l, const CpcValue *r)
{
    if (cond->value != CP_EQ && cond->value != CP_NE) {
        cp_diag_error(c->diag, cond->pos, "words are compared with == or !=");
        return -2;
    }
    const CpNode *left = cp_node_at(cond, 0);
    const CpNode *right = cp_node_at(cond, 1);
    bool l_param = g_hash_table_contains(c->params, left->text != NULL ? left->text : "");
    bool r_param = g_hash_table_contains(c->params, right->text != NULL ? right->text : "");
    if (!l_param && !r_param) {
        to_reg(c, left, l, 0); /* reports the unknown name */
        return -2;
    }
    if (l->choices != NULL && !is_choice(l->choices, r->word)) {
        return not_a_choice(c, right, r->word, l->choices);
    }
    if (r->choices != NULL && !is_choice(r->choices, l->word)) {
        return not_a_choice(c, left, l->word, r->choices);
    }
    bool same = strcmp(l->word, r->word) == 0;
    return same == (cond->value == CP_EQ);
}

int cpc_cond_known(Cpc *c, const CpNode *cond)
{
    if (cond->kind != CP_NODE_CMP) {
        return -1;
    }
    CpcValue l, r;
    uint32_t save = c->reg;
    bool measure = c->measure;
    c->measure = true;
    bool ok = cpc_eval(c, cp_node_at(cond, 0), &l) && cpc_eval(c, cp_node_at(cond, 1), &r);
    c->measure = measure;
    c->reg = save;
    if (!ok) {
        return -2;
    }
    if (l.kind == CPC_WORD && r.kind == CPC_WORD) {
        return compare_words(c, cond, &l, &r);
    }
    if (l.kind == CPC_WORD || r.kind == CPC_WORD) {
        const CpNode *at = cp_node_at(cond, l.kind == CPC_WORD ? 0 : 1);
        to_reg(c, at, l.kind == CPC_WORD ? &l : &r, 0);
        return -2;
    }
    bool plain = is_plain(l.dim) && is_plain(r.dim);
    if (l.dim != r.dim && l.dim != CP_DIM_ANY && r.dim != CP_DIM_ANY && !plain) {
        cp_diag_error(c->diag, cond->pos, "cannot compare %s with %s", dim_name(l.dim),
                      dim_name(r.dim));
        return -2;
    }
    if (l.kind == CPC_CONST && r.kind == CPC_CONST) {
        return compare_const(cond->value, l.micro, r.micro);
    }
    return -1;
}

/* Puts 1 into `reg` if a thread, process or task of that name has not ended. */
static bool emit_running(Cpc *c, const CpNode *node, uint16_t reg, uint16_t tmp)
{
    CpcThread *thread = g_hash_table_lookup(c->proc->threads, node->text);
    if (thread != NULL) {
        cpc_emit(c, CP_OP_RUNNING, 0, reg, thread->index, node);
        return true;
    }
    const CpcHandle *handle = g_hash_table_lookup(c->proc->handles, node->text);
    if (handle != NULL) {
        cpc_emit(c, CP_OP_LOAD, 0, reg, handle->run_var, node);
        return true;
    }
    CpcProc *proc = g_hash_table_lookup(c->procs, node->text);
    if (proc == NULL) {
        return cpc_unknown(c, node->pos, "thread or process", node->text, c->proc->threads,
                           c->procs, NULL);
    }
    cpc_emit(c, CP_OP_SET, 0, reg, cpc_const(c, 0), node);
    for (guint i = 0; i < proc->thread_list->len; i++) {
        thread = g_ptr_array_index(proc->thread_list, i);
        cpc_emit(c, CP_OP_RUNNING, 0, tmp, thread->index, node);
        arith(c, CP_ADD, reg, reg, tmp, node);
    }
    return true;
}

bool cpc_jump_unless(Cpc *c, const CpNode *cond, uint32_t *jump)
{
    static const CpCmp inverse[] = {[CP_EQ] = CP_NE, [CP_NE] = CP_EQ, [CP_LT] = CP_GE,
                                    [CP_LE] = CP_GT, [CP_GT] = CP_LE, [CP_GE] = CP_LT};
    uint32_t save = c->reg;
    uint16_t regs = cpc_reg(c, 2);
    uint16_t second = (uint16_t)(regs + 1);
    CpCmp cmp = CP_EQ;
    bool ok;
    if (cond->kind == CP_NODE_RUNNING) {
        ok = emit_running(c, cond, regs, second);
        cpc_emit(c, CP_OP_SET, 0, second, cpc_const(c, 0), cond);
    } else {
        ok = cpc_eval_to(c, cp_node_at(cond, 0), regs, NULL) &&
             cpc_eval_to(c, cp_node_at(cond, 1), second, NULL);
        cmp = inverse[cond->value];
    }
    *jump = cpc_emit(c, CP_OP_JUMP_IF, (uint8_t)cmp, regs, 0, cond);
    c->reg = save;
    return ok;
}
