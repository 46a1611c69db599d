#include "lang/compiler.h"

#include "lang/slurp.h"

#include <inttypes.h>
#include <string.h>

/* Decides what is known before the run: times, numbers, sizes, lists, distributions. */

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
        return cpc_to_reg(c, node, out, 0);
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

bool cpc_check_time(Cpc *c, const CpNode *node, const CpcValue *v)
{
    g_autofree char *shown = cp_node_print(node);
    if (v->dim == CP_DIM_NUMBER && v->micro != 0) {
        return cpc_no_unit(c, node, shown);
    }
    if (v->dim == CP_DIM_SIZE || v->dim == CP_DIM_SHARE) {
        return cp_diag_error(c->diag, node->pos, "expected a time, '%s' is %s", shown,
                             cpc_dim_name(v->dim));
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
    if (!eval_const(c, node, &v) || !cpc_check_time(c, node, &v)) {
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
                             shown, cpc_dim_name(v.dim));
    }
    if (v.micro % CPC_MICRO != 0) {
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
                             v.micro < 0 ? "negative" : cpc_dim_name(v.dim));
    }
    *out = cpc_round(&v);
    return true;
}

bool cpc_duration(Cpc *c, const CpNode *node, uint8_t *a, uint32_t *arg)
{
    CpcValue v;
    if (!cpc_eval(c, node, &v)) {
        return false;
    }
    if (v.kind == CPC_WORD) {
        return cpc_to_reg(c, node, &v, 0);
    }
    if (!cpc_check_time(c, node, &v)) {
        return false;
    }
    *a = v.kind == CPC_CONST ? CP_ARG_CONST : v.kind == CPC_REG ? CP_ARG_REG : CP_ARG_DIST;
    *arg = v.kind == CPC_CONST ? cpc_const(c, cpc_round(&v))
           : v.kind == CPC_REG ? v.reg
                               : v.dist;
    return true;
}

bool cpc_emit_duration(Cpc *c, const CpNode *node, CpOp op, uint8_t flags, uint16_t b)
{
    uint8_t a;
    uint32_t arg;
    if (!cpc_duration(c, node->child, &a, &arg)) {
        return false;
    }
    cpc_emit(c, op, (uint8_t)(a | flags), b, arg, node);
    return true;
}

/* --- lists --- */

static bool add_entry(Cpc *c, const CpNode *node, GArray *values, CpDim *dim)
{
    CpcValue v;
    if (!eval_const(c, node, &v)) {
        return false;
    }
    if (*dim != CP_DIM_ANY && v.dim != CP_DIM_ANY && v.dim != *dim) {
        return cp_diag_error(c->diag, node->pos, "list mixes %s and %s", cpc_dim_name(*dim),
                             cpc_dim_name(v.dim));
    }
    *dim = v.dim == CP_DIM_ANY ? *dim : v.dim;
    if (v.micro % CPC_MICRO != 0 && v.dim != CP_DIM_TIME) {
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
    if (!cpc_const_int(c, cp_node_child(node, CP_CHILD_LEFT), -limit, limit, &first) ||
        !cpc_const_int(c, cp_node_child(node, CP_CHILD_RIGHT), -limit, limit, &last)) {
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
            /* Not what it holds: a workload could name any file. */
            cp_diag_error(c->diag, file->pos, "%s:%u: not a time with a unit", file->text,
                          number);
            cp_diag_help(c->diag, "one time a line, for example 1.5ms; # begins a comment");
            return false;
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
    if (!cp_slurp(path, true, &text, &len, &error)) {
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
        v.micro > 1000 * (__int128)CPC_MICRO) {
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
