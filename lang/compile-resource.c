#include "lang/compiler.h"

#include <string.h>

/* Decides what locks, queues, devices, variables and the other resources become. */

static bool declare_obj(Cpc *c, const CpNode *node, CpProcId owner, uint32_t *index)
{
    CpObjKind kind = (CpObjKind)node->value;
    const CpNode *value = cp_node_child(node, CP_CHILD_VALUE);
    *index = cp_workload_obj(c->w, node->text, kind);
    bool is_async = node->flags & CP_FLAG_ASYNC;
    if (is_async && owner != CP_NONE && !c->proc->python) {
        return cp_diag_error(c->diag, node->pos, "'async' objects need a python runtime");
    }
    const uint32_t async_kinds = CP_OBJ_BIT(LOCK) | CP_OBJ_BIT(SEMAPHORE) |
                                 CP_OBJ_BIT(EVENT) | CP_OBJ_BIT(QUEUE) |
                                 CP_OBJ_BIT(CONDITION) | CP_OBJ_BIT(BARRIER);
    if (is_async && !((async_kinds >> kind) & 1)) {
        return cp_diag_error(c->diag, node->pos, "asyncio has no %s",
                             cp_resource_word(kind));
    }
    CpObjDecl obj = *cp_obj_decl(c->w, *index);
    bool crosses = kind == CP_OBJ_PIPE || kind == CP_OBJ_SOCKET || kind == CP_OBJ_DEVICE ||
                   (node->flags & CP_FLAG_SHARED);
    obj.proc = crosses ? CP_NONE : owner;
    obj.flags = (node->flags & CP_FLAG_SHARED ? (uint32_t)CP_OBJ_SHARED : 0) |
                (is_async ? (uint32_t)CP_OBJ_ASYNC : 0);
    obj.n = kind == CP_OBJ_SEMAPHORE || kind == CP_OBJ_DEVICE ? 1 : 0;
    obj.size = kind == CP_OBJ_PIPE ? 65536 : 0;
    g_autofree char *of = g_strdup_printf("a %s", cp_resource_word(kind));
    bool ok = cpc_keys(c, cp_node_child(node, CP_CHILD_KEYS), cp_resource_keys, 1u << kind,
                       of, &obj);
    if (value->kind != CP_NODE_NULL) {
        bool counts = kind == CP_OBJ_SEMAPHORE || kind == CP_OBJ_BARRIER;
        ok = ok && (counts ? cpc_const_int(c, value, 0, CP_THREADS_MAX, &obj.n)
                           : cp_diag_error(c->diag, value->pos, "a %s has no value",
                                           cp_resource_word(kind)));
    }
    if (ok && kind == CP_OBJ_BARRIER && obj.n < 1) {
        cp_diag_error(c->diag, node->pos, "barrier '%s' needs its number of parties",
                      node->text);
        cp_diag_help(c->diag, "write barrier %s (n=4)", node->text);
        return false;
    }
    if (ok && obj.spin != 0 && owner != CP_NONE && c->proc->python) {
        cp_diag_error(c->diag, node->pos, "'spin' needs a native process");
        cp_diag_help(c->diag, "CPython's locks sleep at once; leave 'spin' out");
        return false;
    }
    *cp_obj_decl(c->w, *index) = obj;
    return ok;
}

static bool declare_var(Cpc *c, const CpNode *node, CpProcId owner, uint32_t *index)
{
    bool shared = node->flags & CP_FLAG_SHARED;
    CpVarDecl var = {cp_workload_string(c->w, node->text), shared ? CP_NONE : owner, 0,
                     shared};
    const CpNode *value = cp_node_child(node, CP_CHILD_VALUE);
    CpcValue v = {0};
    bool ok = true;
    if (value->kind != CP_NODE_NULL) {
        ok = cpc_is_const(c, value, &v) ||
             cp_diag_error(c->diag, value->pos, "expected a value known before the run");
    }
    if (cp_node_child(node, CP_CHILD_KEYS)->child != NULL) {
        const char *const none[] = {NULL};
        ok = cpc_unknown_key(c, cp_node_child(node, CP_CHILD_KEYS)->child, "a var", none);
    }
    var.value = cpc_round(&v);
    g_array_append_val(c->w->vars, var);
    *index = c->w->vars->len - 1;
    return ok;
}

bool cpc_declare_resource(Cpc *c, const CpNode *node)
{
    GHashTable *table = c->proc != NULL ? c->proc->objects : c->objects;
    CpProcId owner = c->proc != NULL ? c->proc->index : CP_NONE;
    CpcObject *first = g_hash_table_lookup(table, node->text);
    const CpNode *param = g_hash_table_lookup(c->params, node->text);
    if (first != NULL || param != NULL) {
        return cpc_duplicate(c, node, "name", first != NULL ? first->node : param);
    }
    CpcObject *object = g_new0(CpcObject, 1);
    object->node = node;
    object->owner = owner;
    object->used_by = CP_NONE;
    object->lock = CP_NONE;
    object->is_var = node->value == CP_RESOURCE_VAR;
    bool ok = object->is_var ? declare_var(c, node, owner, &object->index)
                             : declare_obj(c, node, owner, &object->index);
    g_hash_table_insert(table, (char *)node->text, object);
    return ok;
}
