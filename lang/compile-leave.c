#include "lang/compiler.h"

#include <string.h>

/* Decides what code leaves a body before its end: break, continue and return, and what has
 * to be undone on the way out. */

void cpc_scope_push(Cpc *c, CpcScope *scope, CpcScopeKind kind)
{
    *scope = (CpcScope){.kind = kind, .outer = c->scope};
    c->scope = scope;
}

void cpc_scope_undo(Cpc *c, CpcScope *scope, CpOp op, uint8_t a, uint16_t b, uint32_t arg)
{
    cpc_scope_push(c, scope, CPC_SCOPE_UNDO);
    scope->undo = (CpInsn){(uint8_t)op, a, b, arg};
}

void cpc_scope_pop(Cpc *c, CpcScope *scope)
{
    c->scope = scope->outer;
    for (unsigned way = 0; way < CPC_WAYS; way++) {
        g_clear_pointer(&scope->jumps[way], g_array_unref);
    }
}

static void add_jump(Cpc *c, CpcScope *scope, CpcWay way, const CpNode *node)
{
    if (scope->jumps[way] == NULL) {
        scope->jumps[way] = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    }
    uint32_t jump = cpc_emit(c, CP_OP_JUMP, 0, 0, 0, node);
    g_array_append_val(scope->jumps[way], jump);
}

void cpc_scope_land(Cpc *c, CpcScope *scope, CpcWay way)
{
    const GArray *jumps = scope->jumps[way];
    for (guint i = 0; jumps != NULL && i < jumps->len; i++) {
        cpc_land(c, g_array_index(jumps, uint32_t, i));
    }
}

static void undo(Cpc *c, const CpInsn *i, const CpNode *node)
{
    if (i->op != CP_OP_NOP) {
        cpc_emit(c, i->op, i->a, i->b, i->c, node);
    }
}

/* Number by which a `finally` knows where to go on; exceptions are strings, -1 is none. */
static int64_t way_number(CpcWay way)
{
    return -2 - (int64_t)way;
}

bool cpc_leave(Cpc *c, CpcWay way, const CpNode *node)
{
    static const char *const words[] = {"break", "continue", "return"};
    for (CpcScope *s = c->scope; s != NULL; s = s->outer) {
        switch (s->kind) {
        case CPC_SCOPE_WALL:
            return cp_diag_error(c->diag, node->pos, "'%s' cannot leave %s", words[way],
                                 s->what);
        case CPC_SCOPE_UNDO:
            undo(c, &s->undo, node);
            break;
        case CPC_SCOPE_FINALLY:
            cpc_emit(c, CP_OP_TRY_END, 0, s->reg, 0, node);
            cpc_emit(c, CP_OP_SET, 0, s->reg, cpc_const(c, way_number(way)), node);
            add_jump(c, s, way, node);
            return true;
        case CPC_SCOPE_LOOP:
            if (way != CPC_CONTINUE) {
                undo(c, &s->undo, node);
            }
            if (way != CPC_RETURN) {
                add_jump(c, s, way, node);
                return true;
            }
            break;
        case CPC_SCOPE_CODE:
            if (way == CPC_RETURN) {
                add_jump(c, s, way, node);
                return true;
            }
            break;
        }
    }
    return cp_diag_error(c->diag, node->pos, "'%s' outside a loop", words[way]);
}

bool cpc_go_on(Cpc *c, const CpcScope *scope, uint16_t reg, const CpNode *node)
{
    bool ok = true;
    for (unsigned way = 0; way < CPC_WAYS; way++) {
        if (scope->jumps[way] == NULL) {
            continue;
        }
        cpc_emit(c, CP_OP_SET, 0, (uint16_t)(reg + 1), cpc_const(c, way_number(way)), node);
        uint32_t to_next = cpc_emit(c, CP_OP_JUMP_IF, CP_NE, reg, 0, node);
        ok = cpc_leave(c, (CpcWay)way, node) && ok;
        cpc_land(c, to_next);
    }
    return ok;
}

bool cpc_do_break(Cpc *c, const CpNode *node)
{
    return cpc_leave(c, CPC_BREAK, node);
}

bool cpc_do_continue(Cpc *c, const CpNode *node)
{
    return cpc_leave(c, CPC_CONTINUE, node);
}

bool cpc_do_return(Cpc *c, const CpNode *node)
{
    const CpNode *value = cp_node_child(node, CP_CHILD_VALUE);
    if (cp_node_is_null(value)) {
        cpc_emit(c, CP_OP_SET, 0, c->result, cpc_const(c, CP_ITEM_NONE), node);
    } else if (!c->in_task) {
        cp_diag_error(c->diag, value->pos, "a thread gives no value");
        cp_diag_help(c->diag, "write return alone, or move this into a task");
        return false;
    } else if (!cpc_eval_to(c, value, c->result, NULL)) {
        return false;
    }
    return cpc_leave(c, CPC_RETURN, node);
}

bool cpc_returns(const CpNode *body)
{
    for (const CpNode *s = body->child; s != NULL; s = s->next) {
        if (s->kind == CP_NODE_RETURN || cpc_returns(s)) {
            return true;
        }
    }
    return false;
}

void cpc_code_begin(Cpc *c, CpcScope *scope, const CpNode *body, bool in_task)
{
    cpc_scope_push(c, scope, CPC_SCOPE_CODE);
    scope->returns = cpc_returns(body);
    c->in_task = in_task;
    c->result = scope->returns ? cpc_reg(c, 1) : 0;
}

void cpc_code_end(Cpc *c, CpcScope *scope, const CpNode *at)
{
    if (scope->returns) {
        cpc_emit(c, CP_OP_SET, 0, c->result, cpc_const(c, CP_ITEM_NONE), at);
        cpc_scope_land(c, scope, CPC_RETURN);
        cpc_emit(c, CP_OP_MOVE, 0, CP_REG_VALUE, c->result, at);
    }
    cpc_scope_pop(c, scope);
}

/* Whether an exception may come out of it: raised, or thrown into a coroutine that waits.
 */
static bool may_raise(const CpNode *body)
{
    static const uint8_t kinds[] = {
        CP_NODE_RAISE,      CP_NODE_RESULT,         CP_NODE_AWAIT,
        CP_NODE_AWAIT_CALL, CP_NODE_AWAIT_WAIT,     CP_NODE_AWAIT_SET,
        CP_NODE_AWAIT_OP,   CP_NODE_AWAIT_EXECUTOR, CP_NODE_AWAIT_YIELD,
        CP_NODE_GATHER,     CP_NODE_GROUP,          CP_NODE_TIMEOUT,
        CP_NODE_SUBMIT,     CP_NODE_APPLY,          CP_NODE_MAP,
        CP_NODE_IMAP,       CP_NODE_IMAP_UNORDERED, CP_NODE_AS_COMPLETED,
        CP_NODE_CALL,       CP_NODE_CALL_AS};
    for (const CpNode *s = body->child; s != NULL; s = s->next) {
        if (memchr(kinds, s->kind, sizeof kinds) != NULL || may_raise(s)) {
            return true;
        }
    }
    return false;
}

bool cpc_with(Cpc *c, const CpNode *node, const CpInsn *leave)
{
    const CpNode *body = cp_node_child(node, CP_CHILD_BODY);
    bool guarded = c->proc->python && may_raise(body);
    CpcScope held, tried;
    uint16_t exc = guarded ? cpc_reg(c, 1) : 0;
    uint32_t to_handler = guarded ? cpc_emit(c, CP_OP_TRY, 0, exc, 0, node) : 0;
    cpc_scope_undo(c, &held, leave->op, leave->a, leave->b, leave->c);
    if (guarded) {
        cpc_scope_undo(c, &tried, CP_OP_TRY_END, 0, exc, 0);
    }
    bool ok = cpc_body(c, body);
    if (guarded) {
        cpc_scope_pop(c, &tried);
        cpc_emit(c, CP_OP_TRY_END, 0, exc, 0, node);
    }
    cpc_scope_pop(c, &held);
    cpc_emit(c, leave->op, leave->a, leave->b, leave->c, node);
    if (guarded) {
        uint32_t to_end = cpc_emit(c, CP_OP_JUMP, 0, 0, 0, node);
        cpc_land(c, to_handler);
        cpc_emit(c, leave->op, leave->a, leave->b, leave->c, node);
        cpc_emit(c, CP_OP_RERAISE, 0, exc, 0, node);
        cpc_land(c, to_end);
    }
    return ok;
}
