#include "lang/compiler.h"

#include <string.h>

/* Decides what code a printed line becomes: its template, and its values in registers. */

enum { VALUES_MAX = 32, DECIMALS_MAX = 9 };

/* How a value is shown, from {} or {:.N}: N, or -1. */
static bool read_spec(Cpc *c, const CpNode *node, const char **at, int *decimals)
{
    const char *p = *at;
    *decimals = -1;
    if (*p == ':') {
        bool ok = p[1] == '.' && g_ascii_isdigit(p[2]);
        *decimals = ok ? p[2] - '0' : 0;
        p += ok ? 3 : 0;
        p += ok && *p == 'f';
    }
    if (*p != '}' || *decimals > DECIMALS_MAX) {
        cp_diag_error(c->diag, node->pos, "'{%.12s' is no place for a value", *at);
        cp_diag_help(c->diag, "write {x}, or {x:.2f} with two decimals");
        return false;
    }
    *at = p + 1;
    return true;
}

/* What is known before the run is part of the text. */
static bool add_constant(const CpcValue *v, int decimals, GString *out)
{
    if (v->kind == CPC_WORD) {
        for (const char *p = v->word; *p != '\0'; p++) {
            g_string_append_printf(out, *p == '{' || *p == '}' ? "%c%c" : "%c", *p, *p);
        }
        return true;
    }
    if (v->micro == (__int128)CP_ITEM_NONE * CPC_MICRO) {
        g_string_append(out, "None");
        return true;
    }
    bool is_time = v->dim == CP_DIM_TIME;
    if (decimals >= 0) {
        double seconds = is_time ? 1e9 : 1;
        g_string_append_printf(out, "%.*f", decimals,
                               (double)v->micro / CPC_MICRO / seconds);
        return true;
    }
    bool whole = v->micro % CPC_MICRO == 0;
    g_autofree char *text = whole ? cp_format_amount(v->dim, cpc_round(v))
                                  : cp_format_decimal((int64_t)v->micro, 6);
    g_string_append(out, text);
    return true;
}

/* A value with decimals that measures nothing known is a time: whole numbers have none. */
static void add_place(const CpcValue *v, bool is_time, int decimals, GString *out)
{
    bool time = is_time || v->dim == CP_DIM_TIME || (v->dim == CP_DIM_ANY && decimals >= 0);
    g_string_append_printf(out, "{%c", time ? 't' : 'd');
    if (decimals >= 0) {
        g_string_append_printf(out, ".%d", decimals);
    }
    g_string_append_c(out, '}');
}

/* A name that only stands for a thread's, and for nothing of the workload. */
static bool is_thread_name(Cpc *c, const CpNode *value)
{
    return cp_node_is(value, CP_NODE_NAME) && cp_node_says(value, "thread") &&
           cpc_local(c, value->text) == NULL && cpc_object(c, value->text) == NULL &&
           !g_hash_table_contains(c->params, value->text);
}

/* A parameter of the task that is used as a time is one. */
static bool is_time_local(Cpc *c, const CpNode *value)
{
    const CpcLocal *local =
        cp_node_is(value, CP_NODE_NAME) ? cpc_local(c, value->text) : NULL;
    return local != NULL && local->is_time;
}

static bool add_value(Cpc *c, const CpNode *value, int decimals, uint16_t reg, unsigned *n,
                      GString *out)
{
    CpcValue v;
    if (is_thread_name(c, value)) {
        g_string_append(out, "{@}");
        return true;
    }
    const CpcLocal *local =
        cp_node_is(value, CP_NODE_NAME) ? cpc_local(c, value->text) : NULL;
    if (local != NULL && local->is_list) {
        cpc_emit(c, CP_OP_MOVE, 0, (uint16_t)(reg + *n), local->reg, value);
        *n += 1;
        g_string_append(out, "{l}");
        return true;
    }
    uint32_t save = c->reg;
    if (!cpc_eval(c, value, &v)) {
        return false;
    }
    bool known_word = v.kind == CPC_WORD && cp_node_is(value, CP_NODE_NAME) &&
                      g_hash_table_contains(c->params, value->text);
    if (known_word || v.kind == CPC_CONST) {
        c->reg = save;
        return add_constant(&v, decimals, out);
    }
    bool ok = cpc_to_reg(c, value, &v, (uint16_t)(reg + *n));
    c->reg = save;
    *n += 1;
    add_place(&v, is_time_local(c, value), decimals, out);
    return ok;
}

bool cpc_do_print(Cpc *c, const CpNode *node)
{
    const CpNode *text = cp_node_child(node, CP_CHILD_TEXT);
    const CpNode *value = cp_node_child(node, CP_CHILD_ARGS);
    if (cp_node_is_null(text)) {
        cpc_emit(c, CP_OP_PRINT, 0, 0, 0, node);
        return true;
    }
    unsigned n_values = 0, n = 0;
    for (const CpNode *v = value; v != NULL; v = v->next) {
        n_values++;
    }
    if (n_values > VALUES_MAX) {
        return cp_diag_error(c->diag, node->pos, "more than %d values in a line",
                             VALUES_MAX);
    }
    uint16_t first = cpc_reg(c, n_values);
    g_autoptr(GString) line = g_string_new(NULL);
    for (const char *p = text->text; *p != '\0';) {
        bool doubled = (*p == '{' || *p == '}') && p[1] == *p;
        if (*p != '{' || doubled) {
            g_string_append_len(line, p, doubled ? 2 : 1);
            p += doubled ? 2 : 1;
            continue;
        }
        int decimals;
        p++;
        if (!read_spec(c, text, &p, &decimals)) {
            return false;
        }
        if (value == NULL) {
            return cp_diag_error(c->diag, text->pos,
                                 "the line has more places than values");
        }
        if (!add_value(c, value, decimals, first, &n, line)) {
            return false;
        }
        value = value->next;
    }
    if (value != NULL) {
        return cp_diag_error(c->diag, value->pos, "the line has fewer places than values");
    }
    uint32_t string = c->measure ? 0 : cp_workload_string(c->w, line->str);
    cpc_emit(c, CP_OP_PRINT, (uint8_t)n, first, string, node);
    return true;
}
