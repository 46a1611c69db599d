#include "lang/compiler.h"

#include <string.h>

/* Decides what code loops and streams of arrivals become. */

/* The body of a loop, up to where it goes round again; loop_end stands behind the loop. */
static bool loop_body(Cpc *c, CpcScope *loop, const CpNode *node)
{
    cpc_scope_push(c, loop, CPC_SCOPE_LOOP);
    bool ok = cpc_body(c, cp_node_child(node, CP_CHILD_BODY));
    cpc_scope_land(c, loop, CPC_CONTINUE);
    return ok;
}

static void loop_end(Cpc *c, CpcScope *loop)
{
    cpc_scope_land(c, loop, CPC_BREAK);
    cpc_scope_pop(c, loop);
}

bool cpc_do_repeat(Cpc *c, const CpNode *node)
{
    CpcValue v;
    uint16_t regs = cpc_reg(c, 2);
    const CpNode *count = cp_node_child(node, CP_CHILD_COUNT);
    uint32_t skip = CP_NONE;
    if (cpc_is_const(c, count, &v)) {
        int64_t n;
        if (!cpc_const_int(c, count, 0, INT64_MAX, &n)) {
            return false;
        }
        skip = n == 0 ? cpc_emit(c, CP_OP_JUMP, 0, 0, 0, node) : CP_NONE;
        cpc_emit(c, CP_OP_SET, 0, regs, cpc_const(c, n), node);
    } else {
        CpDim dim = CP_DIM_ANY;
        if (!cpc_eval_to(c, count, regs, &dim)) {
            return false;
        }
        if (dim != CP_DIM_ANY && dim != CP_DIM_NUMBER) {
            return cp_diag_error(c->diag, count->pos, "expected a plain number");
        }
        cpc_emit(c, CP_OP_SET, 0, (uint16_t)(regs + 1), cpc_const(c, 0), node);
        skip = cpc_emit(c, CP_OP_JUMP_IF, CP_LE, regs, 0, node);
    }
    uint32_t top = cpc_pc(c);
    CpcScope loop;
    bool ok = loop_body(c, &loop, node);
    cpc_emit(c, CP_OP_LOOP, 0, regs, top, node);
    if (skip != CP_NONE) {
        cpc_land(c, skip);
    }
    loop_end(c, &loop);
    return ok;
}

/* A range whose ends are known at run time only, or that is long: counted, not stored. */
static bool for_range(Cpc *c, const CpNode *node, const CpNode *range)
{
    uint16_t regs = cpc_reg(c, 3); /* entry, last, 1 */
    uint16_t last = (uint16_t)(regs + 1);
    uint16_t one = (uint16_t)(regs + 2);
    CpDim dims[2] = {CP_DIM_ANY, CP_DIM_ANY};
    for (unsigned i = 0; i < 2; i++) {
        const CpNode *end = cp_node_child(range, i == 0 ? CP_CHILD_LEFT : CP_CHILD_RIGHT);
        if (!cpc_eval_to(c, end, (uint16_t)(regs + i), &dims[i])) {
            return false;
        }
        if (dims[i] != CP_DIM_NUMBER && dims[i] != CP_DIM_ANY) {
            return cp_diag_error(c->diag, end->pos, "a range counts plain numbers");
        }
    }
    cpc_emit(c, CP_OP_SET, 0, one, cpc_const(c, 1), node);
    uint32_t top = cpc_pc(c);
    uint32_t to_end = cpc_emit(c, CP_OP_JUMP_IF, CP_GT, regs, 0, node);
    /* The body gets a copy: setting the name must not change the count. */
    uint16_t entry = cpc_reg(c, 1);
    cpc_emit(c, CP_OP_MOVE, 0, entry, regs, node);
    cpc_local_push(c, cp_node_child(node, CP_CHILD_ENTRY)->text, entry, CP_DIM_NUMBER);
    CpcScope loop;
    bool ok = loop_body(c, &loop, node);
    g_array_set_size(c->locals, c->locals->len - 1);
    cpc_emit(c, CP_OP_ARITH, CP_ADD, regs, (uint32_t)regs | (uint32_t)one << 16, node);
    cpc_emit(c, CP_OP_JUMP, 0, 0, top, node);
    cpc_land(c, to_end);
    loop_end(c, &loop);
    (void)last; /* names the middle register of the three */
    return ok;
}

bool cpc_do_for(Cpc *c, const CpNode *node)
{
    const CpNode *list = cp_node_child(node, CP_CHILD_LIST);
    const CpNode *behind = cpc_resolve(c, list);
    if (behind->kind == CP_NODE_RANGE) {
        return for_range(c, node, behind);
    }
    g_autoptr(GArray) values = g_array_new(FALSE, FALSE, sizeof(int64_t));
    CpDim dim;
    if (!cpc_const_list(c, list, values, &dim)) {
        return false;
    }
    uint16_t regs = cpc_reg(c, 4); /* index, length, entry, 1 */
    uint16_t length = (uint16_t)(regs + 1);
    uint16_t entry = (uint16_t)(regs + 2);
    uint16_t one = (uint16_t)(regs + 3);
    cpc_emit(c, CP_OP_SET, 0, regs, cpc_const(c, 0), node);
    cpc_emit(c, CP_OP_SET, 0, length, cpc_const(c, values->len), node);
    cpc_emit(c, CP_OP_SET, 0, one, cpc_const(c, 1), node);
    uint32_t top = cpc_pc(c);
    uint32_t to_end = cpc_emit(c, CP_OP_JUMP_IF, CP_GE, regs, 0, node);
    cpc_emit(c, CP_OP_LIST_GET, (uint8_t)regs, entry, cpc_list(c, values), node);
    cpc_local_push(c, cp_node_child(node, CP_CHILD_ENTRY)->text, entry, dim);
    CpcScope loop;
    bool ok = loop_body(c, &loop, node);
    g_array_set_size(c->locals, c->locals->len - 1);
    cpc_emit(c, CP_OP_ARITH, CP_ADD, regs, (uint32_t)regs | (uint32_t)one << 16, node);
    cpc_emit(c, CP_OP_JUMP, 0, 0, top, node);
    cpc_land(c, to_end);
    loop_end(c, &loop);
    return ok;
}

bool cpc_do_until(Cpc *c, const CpNode *node)
{
    uint8_t a;
    uint32_t arg;
    uint16_t end = cpc_reg(c, 1);
    if (!cpc_duration(c, cp_node_child(node, CP_CHILD_TIME), &a, &arg)) {
        return false;
    }
    cpc_emit(c, CP_OP_SAMPLE, a, end, arg, node);
    uint32_t to_check = cpc_emit(c, CP_OP_JUMP, 0, 0, 0, node);
    uint32_t top = cpc_pc(c);
    CpcScope loop;
    bool ok = loop_body(c, &loop, node);
    cpc_land(c, to_check);
    cpc_emit(c, CP_OP_JUMP_BEFORE, 0, end, top, node);
    loop_end(c, &loop);
    return ok;
}

static bool has(const CpNode *statement, unsigned place)
{
    return (cp_stmt_info((CpNodeKind)statement->kind)->place & place) != 0;
}

/* Whether a body may take time or end the thread: a loop over nothing else never ends. */
static bool may_pass_time(const CpNode *body)
{
    for (const CpNode *s = body->child; s != NULL; s = s->next) {
        if (!has(s, CP_STMT_TIMELESS)) {
            return true;
        }
    }
    return false;
}

bool cpc_do_forever(Cpc *c, const CpNode *node)
{
    if (!c->measure && !may_pass_time(cp_node_child(node, CP_CHILD_BODY))) {
        cp_diag_warning(c->diag, node->pos, "this loop never lets time pass");
    }
    uint32_t top = cpc_pc(c);
    CpcScope loop;
    bool ok = loop_body(c, &loop, node);
    cpc_emit(c, CP_OP_JUMP, 0, 0, top, node);
    loop_end(c, &loop);
    return ok;
}

bool cpc_do_while(Cpc *c, const CpNode *node)
{
    uint32_t top = cpc_pc(c);
    uint32_t to_end = CP_NONE;
    int known = cpc_cond_known(c, cp_node_child(node, CP_CHILD_COND));
    if (known == -2 ||
        (known == -1 && !cpc_jump_unless(c, cp_node_child(node, CP_CHILD_COND), &to_end))) {
        return false;
    }
    if (known == 0) {
        to_end = cpc_emit(c, CP_OP_JUMP, 0, 0, 0, node);
    }
    CpcScope loop;
    bool ok = loop_body(c, &loop, node);
    cpc_emit(c, CP_OP_JUMP, 0, 0, top, node);
    if (to_end != CP_NONE) {
        cpc_land(c, to_end);
    }
    loop_end(c, &loop);
    return ok;
}

/* --- arrivals --- */

/* Whether a body runs at the instant of the arrival, outside any CPU. */
static bool is_instant(const CpNode *body)
{
    for (const CpNode *s = body->child; s != NULL; s = s->next) {
        if (!has(s, CP_STMT_INSTANT)) {
            return false;
        }
        for (const CpNode *child = s->child; child != NULL; child = child->next) {
            const CpNode *inner =
                child->kind == CP_NODE_CASE ? cp_node_child(child, CP_CHILD_BODY) : child;
            if (inner->kind == CP_NODE_BODY && !is_instant(inner)) {
                return false;
            }
        }
    }
    return true;
}

static bool arrival_gap(Cpc *c, const CpNode *gap, CpArrivalsDecl *decl)
{
    if (gap->kind == CP_NODE_STRING) {
        g_autoptr(GArray) times = g_array_new(FALSE, FALSE, sizeof(int64_t));
        decl->arg = CP_ARG_NONE;
        if (!cpc_read_times(c, gap, times)) {
            return false;
        }
        decl->gap = cpc_list(c, times);
        return true;
    }
    CpcValue v;
    if (cpc_resolve(c, gap)->kind != CP_NODE_DIST && cpc_is_const(c, gap, &v) &&
        v.micro <= 0) {
        return cp_diag_error(c->diag, gap->pos,
                             "the time between arrivals must be above 0");
    }
    return cpc_duration(c, gap, &decl->arg, &decl->gap);
}

bool cpc_do_arrivals(Cpc *c, const CpNode *node)
{
    const CpNode *body = cp_node_child(node, CP_CHILD_BODY);
    const CpNode *until = cp_node_child(node, CP_CHILD_UNTIL);
    CpArrivalsDecl decl = {.until = CP_NEVER, .instant = is_instant(body)};
    if (!arrival_gap(c, cp_node_child(node, CP_CHILD_GAP), &decl) ||
        (!cp_node_is_null(until) && !cpc_const_time(c, until, &decl.until))) {
        return false;
    }
    uint16_t next = cpc_reg(c, 2); /* next arrival, how many there were */
    uint32_t row = c->measure ? 0 : c->w->arrivals->len;
    if (!c->measure) {
        g_array_append_val(c->w->arrivals, decl);
    }
    cpc_emit(c, CP_OP_SET, 0, next, cpc_const(c, 0), node);
    cpc_emit(c, CP_OP_SET, 0, (uint16_t)(next + 1), cpc_const(c, 0), node);
    cpc_emit(c, CP_OP_ARRIVALS, 0, next, row, node);
    bool outer = c->no_block;
    c->no_block = decl.instant;
    CpcScope wall;
    cpc_scope_push(c, &wall, CPC_SCOPE_WALL);
    wall.what = "the body of an arrival";
    bool ok = cpc_body(c, body);
    cpc_scope_pop(c, &wall);
    c->no_block = outer;
    cpc_emit(c, CP_OP_ARRIVE_END, 0, next, row, node);
    if (!c->measure) {
        g_array_index(c->w->arrivals, CpArrivalsDecl, row).end = cpc_pc(c);
    }
    return ok;
}
