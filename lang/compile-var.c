#include "lang/compiler.h"

/* Decides what code setting a variable becomes. */

/* NAME = value: a variable of the workload, or a local name. */
static bool store(Cpc *c, const CpNode *name, uint16_t reg, const CpNode *node)
{
    CpcObject *object = cpc_object(c, name->text);
    if (object == NULL || !object->is_var) {
        bool param = g_hash_table_contains(c->params, name->text);
        if (param || object != NULL) {
            cp_diag_error(c->diag, name->pos, "'%s' is a %s and cannot be set", name->text,
                          param ? "param" : cp_resource_word(object->node->value));
            cp_diag_help(c->diag, "declare a variable: var x = 0");
            return false;
        }
        return cpc_unknown(c, name->pos, "variable", name->text, c->proc->objects,
                           c->objects, NULL);
    }
    if (!cpc_claim(c, name, object)) {
        return false;
    }
    cpc_emit(c, CP_OP_STORE, 0, reg, object->index, node);
    return true;
}

bool cpc_do_set(Cpc *c, const CpNode *node)
{
    CpcLocal *local = cpc_local(c, cp_node_child(node, CP_CHILD_NAME)->text);
    uint16_t reg = local != NULL ? local->reg : cpc_reg(c, 1);
    return cpc_eval_to(c, cp_node_child(node, CP_CHILD_VALUE), reg, NULL) &&
           (local != NULL || store(c, cp_node_child(node, CP_CHILD_NAME), reg, node));
}

bool cpc_do_add(Cpc *c, const CpNode *node)
{
    const CpNode *name = cp_node_child(node, CP_CHILD_NAME);
    CpcLocal *local = cpc_local(c, name->text);
    uint16_t regs = cpc_reg(c, 2);
    uint16_t second = (uint16_t)(regs + 1);
    if (!cpc_eval_to(c, cp_node_child(node, CP_CHILD_VALUE), second, NULL)) {
        return false;
    }
    uint16_t to = local != NULL ? local->reg : regs;
    CpcObject *object = local == NULL ? cpc_object(c, name->text) : NULL;
    if (object != NULL && object->is_var && c->proc->python) {
        bool call = !cp_node_is_null(cp_node_child(node, CP_CHILD_MODE));
        cpc_emit(c, CP_OP_VAR_ADD, call, second, object->index, node);
        return cpc_claim(c, name, object);
    }
    if (object != NULL && object->is_var) {
        cpc_emit(c, CP_OP_LOAD, 0, to, object->index, node);
    }
    cpc_emit(c, CP_OP_ARITH, CP_ADD, to, (uint32_t)to | (uint32_t)second << 16, node);
    return local != NULL || store(c, name, to, node);
}
