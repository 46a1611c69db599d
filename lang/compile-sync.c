#include "lang/compiler.h"

#include "models/python/declare.h"

#include <string.h>

/* Decides what code locks, semaphores, events, conditions, barriers and queues become. */

/* --- timeouts --- */

bool cpc_timeout_reg(Cpc *c, const CpNode *node, uint16_t *reg)
{
    const CpNode *timeout = cp_node_find(node, CP_CHILD_TIMEOUT);
    uint8_t a;
    uint32_t arg;
    *reg = CP_REG_NONE;
    if (timeout == NULL) {
        return true;
    }
    if (!cpc_duration(c, timeout, &a, &arg)) {
        return false;
    }
    *reg = cpc_reg(c, 1);
    cpc_emit(c, CP_OP_SAMPLE, a, *reg, arg, timeout);
    return true;
}

bool cpc_timeout_else(Cpc *c, const CpNode *node)
{
    const CpNode *body = cp_node_find(node, CP_CHILD_ELSE);
    if (body == NULL) {
        return true;
    }
    uint32_t to_else = cpc_emit(c, CP_OP_JUMP_TIMEOUT, 0, 0, 0, body);
    uint32_t to_end = cpc_emit(c, CP_OP_JUMP, 0, 0, 0, body);
    cpc_land(c, to_else);
    bool ok = cpc_body(c, body);
    cpc_land(c, to_end);
    return ok;
}

/* --- locks --- */

/* The lock of a condition is another object if one was given. */
static uint32_t lock_of(Cpc *c, uint32_t obj, CpObjKind kind)
{
    uint32_t lock = kind == CP_OBJ_CONDITION ? cp_obj_decl(c->w, obj)->lock : CP_NONE;
    return lock != CP_NONE ? lock : obj;
}

bool cpc_do_lock(Cpc *c, const CpNode *node)
{
    CpObjKind kind;
    const CpNode *mode = cp_node_child(node, CP_CHILD_MODE);
    const uint32_t kinds = CP_OBJ_BIT(LOCK) | CP_OBJ_BIT(RLOCK) | CP_OBJ_BIT(RWLOCK) |
                           CP_OBJ_BIT(SEMAPHORE) | CP_OBJ_BIT(CONDITION) |
                           CP_OBJ_BIT(OBJECT);
    uint32_t obj =
        cpc_find_obj(c, cp_node_child(node, CP_CHILD_NAME), "lock", kinds, &kind);
    if (obj == CP_NONE) {
        return false;
    }
    if (!cp_node_is_null(mode) && kind != CP_OBJ_RWLOCK) {
        cp_diag_error(c->diag, mode->pos, "'%s' needs a rwlock, '%s' is a %s", mode->text,
                      cp_node_child(node, CP_CHILD_NAME)->text, cp_resource_word(kind));
        cp_diag_help(c->diag, "declare it so: rwlock %s",
                     cp_node_child(node, CP_CHILD_NAME)->text);
        return false;
    }
    bool read = !cp_node_is_null(mode) && strcmp(mode->text, "read") == 0;
    obj = lock_of(c, obj, kind);
    CpOp take = kind == CP_OBJ_RWLOCK      ? (read ? CP_OP_RLOCK : CP_OP_WLOCK)
                : kind == CP_OBJ_SEMAPHORE ? CP_OP_SEM_WAIT
                                           : CP_OP_LOCK;
    CpOp give = kind == CP_OBJ_SEMAPHORE ? CP_OP_SEM_POST
                : kind == CP_OBJ_RWLOCK  ? CP_OP_RWUNLOCK
                                         : CP_OP_UNLOCK;
    cpc_emit(c, take, 0, CP_REG_NONE, obj, node);
    const CpInsn leave = {(uint8_t)give, kind == CP_OBJ_SEMAPHORE, 0, obj};
    return cpc_with(c, node, &leave);
}

bool cpc_do_acquire(Cpc *c, const CpNode *node)
{
    CpObjKind kind;
    uint16_t reg;
    const uint32_t kinds = CP_OBJ_BIT(LOCK) | CP_OBJ_BIT(RLOCK) | CP_OBJ_BIT(SEMAPHORE) |
                           CP_OBJ_BIT(CONDITION) | CP_OBJ_BIT(OBJECT);
    uint32_t obj =
        cpc_find_obj(c, cp_node_child(node, CP_CHILD_NAME), "acquire", kinds, &kind);
    if (obj == CP_NONE || !cpc_timeout_reg(c, node, &reg)) {
        return false;
    }
    cpc_emit(c, kind == CP_OBJ_SEMAPHORE ? CP_OP_SEM_WAIT : CP_OP_LOCK, 0, reg,
             lock_of(c, obj, kind), node);
    return cpc_timeout_else(c, node);
}

bool cpc_do_release(Cpc *c, const CpNode *node)
{
    CpObjKind kind;
    int64_t n = 1;
    const CpNode *count = cp_node_child(node, CP_CHILD_COUNT);
    const uint32_t kinds = CP_OBJ_BIT(LOCK) | CP_OBJ_BIT(RLOCK) | CP_OBJ_BIT(SEMAPHORE) |
                           CP_OBJ_BIT(CONDITION) | CP_OBJ_BIT(OBJECT);
    uint32_t obj =
        cpc_find_obj(c, cp_node_child(node, CP_CHILD_NAME), "release", kinds, &kind);
    if (obj == CP_NONE) {
        return false;
    }
    if (!cp_node_is_null(count)) {
        if (kind != CP_OBJ_SEMAPHORE) {
            return cp_diag_error(c->diag, count->pos, "a %s is released once",
                                 cp_resource_word(kind));
        }
        if (!cpc_const_int(c, count, 1, 255, &n)) {
            return false;
        }
    }
    if (kind == CP_OBJ_SEMAPHORE) {
        cpc_emit(c, CP_OP_SEM_POST, (uint8_t)n, 0, obj, node);
    } else {
        cpc_emit(c, CP_OP_UNLOCK, 0, 0, lock_of(c, obj, kind), node);
    }
    return true;
}

bool cpc_do_waitfor(Cpc *c, const CpNode *node)
{
    CpObjKind kind;
    uint16_t reg;
    uint32_t obj = cpc_find_obj(
        c, cp_node_child(node, CP_CHILD_NAME), "waitfor",
        CP_OBJ_BIT(EVENT) | CP_OBJ_BIT(CONDITION) | CP_OBJ_BIT(BARRIER), &kind);
    if (obj == CP_NONE || !cpc_timeout_reg(c, node, &reg)) {
        return false;
    }
    CpOp op = kind == CP_OBJ_EVENT       ? CP_OP_EVENT_WAIT
              : kind == CP_OBJ_CONDITION ? CP_OP_COND_WAIT
                                         : CP_OP_BARRIER;
    cpc_emit(c, op, 0, reg, obj, node);
    return cpc_timeout_else(c, node);
}

bool cpc_do_signal(Cpc *c, const CpNode *node)
{
    CpObjKind kind;
    int64_t n = 1;
    const CpNode *count = cp_node_child(node, CP_CHILD_COUNT);
    uint32_t obj = cpc_find_obj(c, cp_node_child(node, CP_CHILD_NAME), "signal",
                                CP_OBJ_BIT(EVENT) | CP_OBJ_BIT(CONDITION), &kind);
    if (obj == CP_NONE) {
        return false;
    }
    bool all = count->kind == CP_NODE_NAME && strcmp(count->text, "all") == 0;
    if (kind == CP_OBJ_EVENT) {
        cpc_emit(c, CP_OP_EVENT_SET, 0, 0, obj, node);
        return cp_node_is_null(count) || all ||
               cp_diag_error(c->diag, count->pos, "an event wakes all waiters");
    }
    if (!cp_node_is_null(count) && !all && !cpc_const_int(c, count, 1, 254, &n)) {
        return false;
    }
    cpc_emit(c, CP_OP_COND_SIGNAL, all ? 255 : (uint8_t)n, 0, obj, node);
    return true;
}

bool cpc_do_clear(Cpc *c, const CpNode *node)
{
    CpObjKind kind;
    uint32_t obj = cpc_find_obj(c, cp_node_child(node, CP_CHILD_NAME), "clear",
                                CP_OBJ_BIT(EVENT), &kind);
    if (obj == CP_NONE) {
        return false;
    }
    cpc_emit(c, CP_OP_EVENT_CLEAR, 0, 0, obj, node);
    return true;
}

/* --- queues --- */

#define ITEM_KINDS (CP_OBJ_BIT(QUEUE) | CP_OBJ_BIT(PIPE) | CP_OBJ_BIT(SOCKET))

/* A shared queue into which Python puts something is multiprocessing's. */
void cpc_note_send(CpcScan *s, const CpNode *node)
{
    const char *name = cp_node_child(node, CP_CHILD_NAME)->text;
    const CpcObject *object = g_hash_table_lookup(s->c->objects, name);
    if (!s->proc->python || object == NULL || object->is_var ||
        g_hash_table_contains(s->proc->objects, name)) {
        return;
    }
    const CpObjDecl *d = cp_obj_decl(s->c->w, object->index);
    if (d->kind == CP_OBJ_QUEUE && d->flags & CP_OBJ_SHARED && d->feeder == CP_NONE) {
        cp_workload_feeder(s->c->w, s->proc->index, object->index);
    }
}

bool cpc_do_send(Cpc *c, const CpNode *node)
{
    CpObjKind kind;
    const CpNode *value = cp_node_child(node, CP_CHILD_VALUE);
    const CpNode *size = cp_node_child(node, CP_CHILD_SIZE);
    uint16_t reg = CP_REG_NONE;
    bool awaits = c->awaiting;
    uint32_t obj =
        cpc_find_obj(c, cp_node_child(node, CP_CHILD_NAME), "send", ITEM_KINDS, &kind);
    if (obj == CP_NONE) {
        return false;
    }
    if (!cp_node_is_null(size)) {
        int64_t bytes;
        if (!cpc_const_size(c, size, &bytes)) {
            return false;
        }
        reg = cpc_reg(c, 1);
        cpc_emit(c, CP_OP_SET, 0, reg, cpc_const(c, bytes), size);
    }
    if (cp_node_is_null(value)) {
        cpc_emit(c, CP_OP_SET, 0, CP_REG_VALUE, cpc_const(c, 0), node);
    } else if (!cpc_eval_to(c, value, CP_REG_VALUE, NULL)) {
        return false;
    }
    uint8_t how = (uint8_t)((c->no_block ? CP_IO_DROP : 0) | (awaits ? CP_IO_AWAIT : 0));
    cpc_emit(c, CP_OP_SEND, how, reg, obj, node);
    return true;
}

bool cpc_do_recv(Cpc *c, const CpNode *node)
{
    CpObjKind kind;
    uint16_t reg;
    bool awaits = c->awaiting;
    uint32_t obj =
        cpc_find_obj(c, cp_node_child(node, CP_CHILD_NAME), "recv", ITEM_KINDS, &kind);
    if (obj == CP_NONE || !cpc_timeout_reg(c, node, &reg)) {
        return false;
    }
    cpc_emit(c, CP_OP_RECV, awaits ? CP_IO_AWAIT : 0, reg, obj, node);
    return cpc_keep_in_time(c, node) && cpc_timeout_else(c, node);
}

/* Receives until `none` arrives. */
bool cpc_do_recv_each(Cpc *c, const CpNode *node)
{
    CpObjKind kind;
    bool awaits = c->awaiting;
    uint32_t obj = cpc_find_obj(c, cp_node_child(node, CP_CHILD_NAME), "for ... from",
                                ITEM_KINDS, &kind);
    if (obj == CP_NONE) {
        return false;
    }
    uint16_t item = cpc_reg(c, 2); /* item, none */
    uint32_t top =
        cpc_emit(c, CP_OP_RECV, awaits ? CP_IO_AWAIT : 0, CP_REG_NONE, obj, node);
    cpc_emit(c, CP_OP_MOVE, 0, item, CP_REG_VALUE, node);
    cpc_emit(c, CP_OP_SET, 0, (uint16_t)(item + 1), cpc_const(c, CP_ITEM_NONE), node);
    uint32_t to_end = cpc_emit(c, CP_OP_JUMP_IF, CP_EQ, item, 0, node);
    cpc_local_push(c, cp_node_child(node, CP_CHILD_ENTRY)->text, item, CP_DIM_ANY);
    CpcScope loop;
    cpc_scope_push(c, &loop, CPC_SCOPE_LOOP);
    bool ok = cpc_body(c, cp_node_child(node, CP_CHILD_BODY));
    g_array_set_size(c->locals, c->locals->len - 1);
    cpc_scope_land(c, &loop, CPC_CONTINUE);
    cpc_emit(c, CP_OP_JUMP, 0, 0, top, node);
    cpc_land(c, to_end);
    cpc_scope_land(c, &loop, CPC_BREAK);
    cpc_scope_pop(c, &loop);
    return ok;
}
