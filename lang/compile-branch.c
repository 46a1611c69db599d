#include "lang/compiler.h"

/* Decides what code choices and conditions become. */

static bool case_share(Cpc *c, const CpNode *node, int64_t *ppm)
{
    CpcValue v;
    const CpNode *share = cp_node_child(node, CP_CHILD_VALUE);
    if (!cpc_is_const(c, share, &v)) {
        return cp_diag_error(c->diag, share->pos, "expected a share known before the run");
    }
    /* JSON writes shares as {"percent": n}; a share's millionths are ppm. */
    if (v.dim != CP_DIM_SHARE || v.micro < 0 || v.micro > CPC_MICRO) {
        g_autofree char *shown = cp_node_print(share);
        cp_diag_error(c->diag, share->pos, "'%s' is not a share", shown);
        cp_diag_help(c->diag, "write a percentage from 0%% to 100%%");
        return false;
    }
    *ppm = (int64_t)v.micro;
    return true;
}

/* One draw a case, each with its share of what the cases before have left. */
bool cpc_do_choose(Cpc *c, const CpNode *node)
{
    g_autoptr(GArray) ends = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    int64_t left = CPC_MICRO;
    bool ok = true;
    for (const CpNode *k = node->child; k != NULL; k = k->next) {
        int64_t ppm = 0;
        if (!case_share(c, k, &ppm)) {
            return false;
        }
        if (ppm > left) {
            cp_diag_error(c->diag, k->child->pos, "the shares add up to more than 100 %%");
            return false;
        }
        int64_t chance = left > 0 ? (ppm * CPC_MICRO + left / 2) / left : 0;
        uint32_t row = cpc_const(c, chance);
        if (row > UINT16_MAX) {
            return cp_diag_error(c->diag, k->pos,
                                 "more than 65536 different constants before "
                                 "this 'choose'");
        }
        left -= ppm;
        uint32_t to_case = cpc_emit(c, CP_OP_JUMP_CHANCE, 0, (uint16_t)row, 0, k);
        uint32_t to_next = cpc_emit(c, CP_OP_JUMP, 0, 0, 0, k);
        cpc_land(c, to_case);
        ok = cpc_body(c, cp_node_child(k, CP_CHILD_BODY)) && ok;
        uint32_t to_end = cpc_emit(c, CP_OP_JUMP, 0, 0, 0, k);
        g_array_append_val(ends, to_end);
        cpc_land(c, to_next);
    }
    for (guint i = 0; i < ends->len; i++) {
        cpc_land(c, g_array_index(ends, uint32_t, i));
    }
    return ok;
}

/* A condition known before the run leaves only one side, but both are checked. */
static bool if_known(Cpc *c, const CpNode *node, bool holds)
{
    const CpNode *other = cp_node_child(node, holds ? CP_CHILD_ELSE : CP_CHILD_BODY);
    const CpNode *taken = cp_node_child(node, holds ? CP_CHILD_BODY : CP_CHILD_ELSE);
    bool ok = true;
    if (c->measure && !cp_node_is_null(other)) {
        ok = cpc_body(c, other);
    }
    return (cp_node_is_null(taken) || cpc_body(c, taken)) && ok;
}

bool cpc_do_if(Cpc *c, const CpNode *node)
{
    const CpNode *other = cp_node_child(node, CP_CHILD_ELSE);
    int known = cpc_cond_known(c, cp_node_child(node, CP_CHILD_COND));
    if (known == -2) {
        return false;
    }
    if (known >= 0) {
        return if_known(c, node, known == 1);
    }
    uint32_t to_else;
    if (!cpc_jump_unless(c, cp_node_child(node, CP_CHILD_COND), &to_else)) {
        return false;
    }
    bool ok = cpc_body(c, cp_node_child(node, CP_CHILD_BODY));
    if (cp_node_is_null(other)) {
        cpc_land(c, to_else);
        return ok;
    }
    uint32_t to_end = cpc_emit(c, CP_OP_JUMP, 0, 0, 0, node);
    cpc_land(c, to_else);
    ok = cpc_body(c, other) && ok;
    cpc_land(c, to_end);
    return ok;
}
