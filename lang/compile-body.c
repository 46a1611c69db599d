#include "lang/compiler.h"

/* Decides where a statement may stand, and hands each of a body to its function. */

/* The parser has looked at this already, the JSON reader has not. */
static bool check_place(Cpc *c, const CpNode *node)
{
    unsigned place = cp_stmt_info((CpNodeKind)node->kind)->place;
    if ((place & CP_STMT_PYTHON) && !c->proc->python) {
        cp_diag_error(c->diag, node->pos, "this statement needs a python runtime");
        cp_diag_help(c->diag, "declare the process with 'runtime python \"3.12\"'");
        return false;
    }
    return !(place & CP_STMT_ASYNC) || c->is_async ||
           cp_diag_error(c->diag, node->pos, "this statement stands in an async task only");
}

/* Registers a statement takes are free again after it. */
bool cpc_body(Cpc *c, const CpNode *body)
{
    bool ok = true;
    for (const CpNode *s = body->child; s != NULL; s = s->next) {
        uint32_t save = c->reg;
        ok = check_place(c, s) && c->tables->compile[s->kind](c, s) && ok;
        c->reg = save;
    }
    return ok;
}
