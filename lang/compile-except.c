#include "lang/compiler.h"

#include <string.h>

/* Decides what code exceptions become: raise, and the clauses of try. */

static uint32_t exception(Cpc *c, const CpNode *name)
{
    return c->measure ? 0 : cp_workload_string(c->w, name->text);
}

static bool is_word(const CpNode *name, const char *word)
{
    return name->kind == CP_NODE_NAME && strcmp(name->text, word) == 0;
}

static bool is_clause(const CpNode *name)
{
    return !is_word(name, "else") && !is_word(name, "finally");
}

/* Without a name: what the except block around it handles. */
bool cpc_do_raise(Cpc *c, const CpNode *node)
{
    const CpNode *name = cp_node_child(node, CP_CHILD_NAME);
    if (cp_node_is_null(name) && c->caught == 0) {
        cp_diag_error(c->diag, node->pos,
                      "'raise' without a name stands in no except block");
        cp_diag_help(c->diag, "name the exception: raise broken");
        return false;
    }
    if (cp_node_is_null(name)) {
        cpc_emit(c, CP_OP_RERAISE, 0, c->caught, 0, node);
        return true;
    }
    if (!is_clause(name)) {
        return cp_diag_error(c->diag, name->pos, "'%s' is not the name of an exception",
                             name->text);
    }
    cpc_emit(c, CP_OP_RAISE, 0, 0, exception(c, name), node);
    return true;
}

/* What the clauses of a try must be: except, the one for any exception last, then else,
 * then finally. */
static bool check_clauses(Cpc *c, const CpNode *node)
{
    bool any = false, all = false, otherwise = false, finally = false;
    for (const CpNode *n = cp_node_child(node, CP_CHILD_CLAUSES); n != NULL;
         n = n->next->next) {
        bool is_else = is_word(n, "else"), is_finally = is_word(n, "finally");
        if (finally || (otherwise && !is_finally)) {
            return cp_diag_error(c->diag, n->pos,
                                 "'%s' must be the last clause of this try",
                                 finally ? "finally" : "else");
        }
        if (is_else && !any) {
            return cp_diag_error(c->diag, n->pos, "'else' of a try without except");
        }
        if (!is_else && !is_finally && all) {
            cp_diag_error(c->diag, n->pos, "an except without name must be the last");
            cp_diag_help(c->diag, "it takes every exception, so that nothing is left here");
            return false;
        }
        any |= !is_else && !is_finally;
        all |= cp_node_is_null(n);
        otherwise |= is_else;
        finally |= is_finally;
    }
    return any || finally ||
           cp_diag_error(c->diag, node->pos, "'try' has neither except nor finally");
}

/* Jumps to the clause's body if the exception in `handler` is `name`.  Exception is all but
 * `cancelled`, as in Python since 3.8. */
static void match(Cpc *c, const CpNode *name, uint16_t handler, GArray *to_body)
{
    uint16_t wanted = (uint16_t)(handler + 1);
    bool most = is_word(name, "Exception");
    uint32_t string = c->measure ? 0
                      : most     ? cp_workload_string(c->w, "cancelled")
                                 : exception(c, name);
    cpc_emit(c, CP_OP_SET, 0, wanted, cpc_const(c, string), name);
    uint32_t jump = cpc_emit(c, CP_OP_JUMP_IF, most ? CP_NE : CP_EQ, handler, 0, name);
    g_array_append_val(to_body, jump);
}

/* The clause's tests and body; *to_end: behind all clauses. */
static bool except_clause(Cpc *c, const CpNode *names, uint16_t handler, GArray *to_end)
{
    g_autoptr(GArray) to_body = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    uint32_t to_next = 0;
    if (names->kind == CP_NODE_LIST) {
        for (const CpNode *n = names->child; n != NULL; n = n->next) {
            match(c, n, handler, to_body);
        }
    } else if (!cp_node_is_null(names) && !is_word(names, "BaseException")) {
        match(c, names, handler, to_body);
    }
    bool takes_all = cp_node_is_null(names) || is_word(names, "BaseException");
    if (!takes_all) {
        to_next = cpc_emit(c, CP_OP_JUMP, 0, 0, 0, names);
    }
    for (guint i = 0; i < to_body->len; i++) {
        cpc_land(c, g_array_index(to_body, uint32_t, i));
    }
    uint16_t before = c->caught;
    c->caught = handler;
    bool ok = cpc_body(c, names->next);
    c->caught = before;
    uint32_t done = cpc_emit(c, CP_OP_JUMP, 0, 0, 0, names);
    g_array_append_val(to_end, done);
    if (!takes_all) {
        cpc_land(c, to_next);
    }
    return ok;
}

/* The try with its except and else clauses. */
static bool guarded(Cpc *c, const CpNode *node)
{
    const CpNode *first = cp_node_child(node, CP_CHILD_CLAUSES);
    if (!is_clause(first)) {
        return cpc_body(c, cp_node_child(node, CP_CHILD_BODY));
    }
    g_autoptr(GArray) to_end = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    uint16_t handler = cpc_reg(c, 2);
    uint32_t to_handler = cpc_emit(c, CP_OP_TRY, 0, handler, 0, node);
    CpcScope tried;
    cpc_scope_undo(c, &tried, CP_OP_TRY_END, 0, handler, 0);
    bool ok = cpc_body(c, cp_node_child(node, CP_CHILD_BODY));
    cpc_scope_pop(c, &tried);
    cpc_emit(c, CP_OP_TRY_END, 0, handler, 0, node);
    for (const CpNode *n = first; n != NULL; n = n->next->next) {
        ok = (!is_word(n, "else") || cpc_body(c, n->next)) && ok;
    }
    uint32_t done = cpc_emit(c, CP_OP_JUMP, 0, 0, 0, node);
    g_array_append_val(to_end, done);
    cpc_land(c, to_handler);
    for (const CpNode *n = first; n != NULL && is_clause(n); n = n->next->next) {
        ok = except_clause(c, n, handler, to_end) && ok;
    }
    cpc_emit(c, CP_OP_RERAISE, 0, handler, 0, node);
    for (guint i = 0; i < to_end->len; i++) {
        cpc_land(c, g_array_index(to_end, uint32_t, i));
    }
    return ok;
}

/* `finally` is one piece of code for both ways into it: the register holds the exception to
 * go on with, or -1. */
bool cpc_do_try(Cpc *c, const CpNode *node)
{
    if (!check_clauses(c, node)) {
        return false;
    }
    const CpNode *last = cp_node_child(node, CP_CHILD_CLAUSES);
    while (last->next->next != NULL) {
        last = last->next->next;
    }
    if (!is_word(last, "finally")) {
        return guarded(c, node);
    }
    uint16_t exc = cpc_reg(c, 2);
    uint32_t to_finally = cpc_emit(c, CP_OP_TRY, 0, exc, 0, node);
    CpcScope tried;
    cpc_scope_push(c, &tried, CPC_SCOPE_FINALLY);
    tried.reg = exc;
    bool ok = guarded(c, node);
    c->scope = tried.outer;
    cpc_emit(c, CP_OP_TRY_END, 0, exc, 0, node);
    cpc_emit(c, CP_OP_SET, 0, exc, cpc_const(c, -1), node);
    cpc_land(c, to_finally);
    for (unsigned way = 0; way < CPC_WAYS; way++) {
        cpc_scope_land(c, &tried, (CpcWay)way);
    }
    ok = cpc_body(c, last->next) && ok;
    ok = cpc_go_on(c, &tried, exc, node) && ok;
    cpc_scope_pop(c, &tried);
    cpc_emit(c, CP_OP_SET, 0, (uint16_t)(exc + 1), cpc_const(c, -1), node);
    uint32_t to_end = cpc_emit(c, CP_OP_JUMP_IF, CP_EQ, exc, 0, node);
    cpc_emit(c, CP_OP_RERAISE, 0, exc, 0, node);
    cpc_land(c, to_end);
    return ok;
}
