#include "lang/compiler.h"

#include <string.h>

/* Decides whether a condition is known before the run, and what tests it if not. */

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
    const CpNode *left = cp_node_child(cond, CP_CHILD_LEFT);
    const CpNode *right = cp_node_child(cond, CP_CHILD_RIGHT);
    bool l_param = g_hash_table_contains(c->params, left->text != NULL ? left->text : "");
    bool r_param = g_hash_table_contains(c->params, right->text != NULL ? right->text : "");
    if (!l_param && !r_param) {
        cpc_to_reg(c, left, l, 0); /* reports the unknown name */
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

/* and, or, not of what is known of the operands. */
static int logic_known(Cpc *c, const CpNode *cond)
{
    bool all = cond->kind == CP_NODE_AND;
    int known = cond->kind == CP_NODE_OR ? 0 : 1;
    for (const CpNode *n = cond->child; n != NULL; n = n->next) {
        int one = cpc_cond_known(c, n);
        if (one == -2) {
            return -2;
        }
        if (cond->kind == CP_NODE_NOT) {
            return one < 0 ? one : !one;
        }
        bool decides = one == (all ? 0 : 1);
        known = decides || known == (all ? 0 : 1) ? !all : one == -1 ? -1 : known;
    }
    return known;
}

int cpc_cond_known(Cpc *c, const CpNode *cond)
{
    if (cond->kind == CP_NODE_AND || cond->kind == CP_NODE_OR ||
        cond->kind == CP_NODE_NOT) {
        return logic_known(c, cond);
    }
    if (cond->kind != CP_NODE_CMP) {
        return -1;
    }
    CpcValue l, r;
    uint32_t save = c->reg;
    bool measure = c->measure;
    c->measure = true;
    bool ok = cpc_eval(c, cp_node_child(cond, CP_CHILD_LEFT), &l) &&
              cpc_eval(c, cp_node_child(cond, CP_CHILD_RIGHT), &r);
    c->measure = measure;
    c->reg = save;
    if (!ok) {
        return -2;
    }
    if (l.kind == CPC_WORD && r.kind == CPC_WORD) {
        return compare_words(c, cond, &l, &r);
    }
    if (l.kind == CPC_WORD || r.kind == CPC_WORD) {
        const CpNode *at =
            cp_node_child(cond, l.kind == CPC_WORD ? CP_CHILD_LEFT : CP_CHILD_RIGHT);
        cpc_to_reg(c, at, l.kind == CPC_WORD ? &l : &r, 0);
        return -2;
    }
    bool plain = cpc_is_plain(l.dim) && cpc_is_plain(r.dim);
    if (l.dim != r.dim && l.dim != CP_DIM_ANY && r.dim != CP_DIM_ANY && !plain) {
        cp_diag_error(c->diag, cond->pos, "cannot compare %s with %s", cpc_dim_name(l.dim),
                      cpc_dim_name(r.dim));
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
        cpc_arith(c, CP_ADD, reg, reg, tmp, node);
    }
    return true;
}

/* Puts 1 into `reg` if it is so. */
static bool emit_ask(Cpc *c, const CpNode *node, uint16_t reg)
{
    CpObjKind kind;
    uint16_t handle;
    static const uint32_t kinds[] = {
        [CP_ASK_IS_SET] = CP_OBJ_BIT(EVENT),
        [CP_ASK_EMPTY] = CP_OBJ_BIT(QUEUE) | CP_OBJ_BIT(PIPE) | CP_OBJ_BIT(SOCKET),
        [CP_ASK_LOCKED] = CP_OBJ_BIT(LOCK) | CP_OBJ_BIT(RLOCK) | CP_OBJ_BIT(SEMAPHORE),
    };
    if (node->value == CP_ASK_DONE) {
        if (!c->proc->python) {
            return cp_diag_error(c->diag, node->pos, "'done' needs a python runtime");
        }
        if (!cpc_handle_reg(c, node, &handle)) {
            return false;
        }
        cpc_emit(c, CP_OP_FUT_DONE, (uint8_t)handle, reg, 0, node);
        return true;
    }
    uint32_t obj =
        cpc_find_obj(c, node, cp_ask_word(node->value), kinds[node->value], &kind);
    cpc_emit(c, CP_OP_PROBE, 0, reg, obj, node);
    return obj != CP_NONE;
}

static bool is_logic(const CpNode *cond)
{
    return cond->kind == CP_NODE_AND || cond->kind == CP_NODE_OR ||
           cond->kind == CP_NODE_NOT;
}

/* Puts 1 into `reg` if the condition holds, else 0; operands that no longer matter are not
 * looked at. */
static bool emit_cond(Cpc *c, const CpNode *cond, uint16_t reg)
{
    uint32_t to_false;
    if (!is_logic(cond)) {
        bool ok = cpc_jump_unless(c, cond, &to_false);
        cpc_emit(c, CP_OP_SET, 0, reg, cpc_const(c, 1), cond);
        uint32_t to_end = cpc_emit(c, CP_OP_JUMP, 0, 0, 0, cond);
        if (ok) {
            cpc_land(c, to_false);
        }
        cpc_emit(c, CP_OP_SET, 0, reg, cpc_const(c, 0), cond);
        cpc_land(c, to_end);
        return ok;
    }
    g_autoptr(GArray) ends = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    uint16_t value = cpc_reg(c, 2);
    bool ok = true;
    for (const CpNode *n = cond->child; ok && n != NULL; n = n->next) {
        ok = emit_cond(c, n, value);
        cpc_emit(c, CP_OP_SET, 0, (uint16_t)(value + 1),
                 cpc_const(c, cond->kind == CP_NODE_OR), n);
        if (n->next != NULL) {
            uint32_t end = cpc_emit(c, CP_OP_JUMP_IF, CP_EQ, value, 0, n);
            g_array_append_val(ends, end);
        }
    }
    for (guint i = 0; i < ends->len; i++) {
        cpc_land(c, g_array_index(ends, uint32_t, i));
    }
    if (cond->kind == CP_NODE_NOT) {
        cpc_emit(c, CP_OP_SET, 0, (uint16_t)(value + 1), cpc_const(c, 1), cond);
        cpc_arith(c, CP_SUB, value, (uint16_t)(value + 1), value, cond);
    }
    cpc_emit(c, CP_OP_MOVE, 0, reg, value, cond);
    return ok;
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
    } else if (cond->kind == CP_NODE_ASK || is_logic(cond)) {
        ok = is_logic(cond) ? emit_cond(c, cond, regs) : emit_ask(c, cond, regs);
        cpc_emit(c, CP_OP_SET, 0, second, cpc_const(c, 0), cond);
    } else {
        ok = cpc_eval_to(c, cp_node_child(cond, CP_CHILD_LEFT), regs, NULL) &&
             cpc_eval_to(c, cp_node_child(cond, CP_CHILD_RIGHT), second, NULL);
        cmp = inverse[cond->value];
    }
    *jump = cpc_emit(c, CP_OP_JUMP_IF, (uint8_t)cmp, regs, 0, cond);
    c->reg = save;
    return ok;
}
