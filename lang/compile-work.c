#include "lang/compiler.h"

#include <string.h>

/* Decides what code the work of a thread becomes: computing, waiting, devices, and what is
 * recorded of it. */

bool cpc_do_cpu(Cpc *c, const CpNode *node)
{
    const CpNode *mode = cp_node_child(node, CP_CHILD_MODE);
    if (!cp_node_is_null(mode) && !c->measure && !c->proc->python) {
        cp_diag_warning(c->diag, mode->pos, "'%s' has no effect in a native process",
                        mode->text);
    }
    bool flagged = c->proc->python && !cp_node_is_null(mode);
    uint16_t flags = !flagged                           ? 0
                     : strcmp(mode->text, "nogil") == 0 ? CP_COMPUTE_NOGIL
                                                        : CP_COMPUTE_NOCHECK;
    return cpc_emit_duration(c, node, CP_OP_COMPUTE, 0, flags);
}

bool cpc_do_spin(Cpc *c, const CpNode *node)
{
    return cpc_emit_duration(c, node, CP_OP_SPIN, 0, cpc_reg(c, 1));
}

/* As time.sleep in a coroutine: allowed, and rarely meant. */
static void warn_blocking(Cpc *c, const CpNode *node, const char *word, const char *instead)
{
    if (c->is_async && !c->measure) {
        cp_diag_warning(c->diag, node->pos, "'%s' blocks the event loop", word);
        cp_diag_help(c->diag, "write '%s'", instead);
    }
}

bool cpc_do_wait(Cpc *c, const CpNode *node)
{
    warn_blocking(c, node, "wait", "await wait …");
    return cpc_emit_duration(c, node, CP_OP_SLEEP, 0, 0);
}

bool cpc_do_period(Cpc *c, const CpNode *node)
{
    CpcValue v;
    c->periodic = true;
    if (cpc_resolve(c, cp_node_child(node, CP_CHILD_TIME))->kind == CP_NODE_NUMBER &&
        cpc_is_const(c, cp_node_child(node, CP_CHILD_TIME), &v) && v.micro == 0) {
        return cp_diag_error(c->diag, cp_node_child(node, CP_CHILD_TIME)->pos,
                             "a period must be above 0");
    }
    uint8_t flags =
        cp_node_is_null(cp_node_child(node, CP_CHILD_MODE)) ? 0 : CP_ARG_RELATIVE;
    return cpc_emit_duration(c, node, CP_OP_PERIOD, flags, c->proc->grid);
}

/* io disk 64KiB: the device's own service time, if it has one, and the transfer. */
static bool io_size(Cpc *c, const CpNode *node, uint32_t obj)
{
    int64_t bytes = 0;
    if (cp_obj_decl(c->w, obj)->bandwidth == 0) {
        const char *name = cp_node_child(node, CP_CHILD_NAME)->text;
        cp_diag_error(c->diag, cp_node_child(node, CP_CHILD_AMOUNT)->pos,
                      "device '%s' has no bandwidth", name);
        cp_diag_help(c->diag, "write device %s (bandwidth=500MiB), bytes per second", name);
        return false;
    }
    if (!cpc_const_size(c, cp_node_child(node, CP_CHILD_AMOUNT), &bytes)) {
        return false;
    }
    cpc_emit(c, CP_OP_IO, CP_ARG_CONST | CP_ARG_SIZE, (uint16_t)obj, cpc_const(c, bytes),
             node);
    return true;
}

bool cpc_do_io(Cpc *c, const CpNode *node)
{
    CpObjKind kind;
    const CpNode *amount = cp_node_child(node, CP_CHILD_AMOUNT);
    uint32_t obj = cpc_find_obj(c, cp_node_child(node, CP_CHILD_NAME), "io",
                                CP_OBJ_BIT(DEVICE), &kind);
    if (obj == CP_NONE) {
        return false;
    }
    if (obj > UINT16_MAX) {
        return cp_diag_error(c->diag, node->pos, "more than 65536 resources");
    }
    if (cp_node_is_null(amount)) {
        if (cp_obj_decl(c->w, obj)->service_arg == CP_ARG_NONE) {
            cp_diag_error(c->diag, cp_node_child(node, CP_CHILD_NAME)->pos,
                          "device '%s' has no service time",
                          cp_node_child(node, CP_CHILD_NAME)->text);
            cp_diag_help(c->diag, "write io %s 4ms, or device %s (service=4ms)",
                         cp_node_child(node, CP_CHILD_NAME)->text,
                         cp_node_child(node, CP_CHILD_NAME)->text);
            return false;
        }
        cpc_emit(c, CP_OP_IO, CP_ARG_NONE, (uint16_t)obj, 0, node);
        return true;
    }
    CpcValue v;
    if (cpc_is_const(c, amount, &v) && v.dim == CP_DIM_SIZE) {
        return io_size(c, node, obj);
    }
    uint8_t a;
    uint32_t arg;
    if (!cpc_duration(c, amount, &a, &arg)) {
        return false;
    }
    cpc_emit(c, CP_OP_IO, a, (uint16_t)obj, arg, node);
    return true;
}

/* --- records and histograms --- */

static uint32_t hist(Cpc *c, const char *name)
{
    return c->measure ? 0 : cp_workload_hist(c->w, name);
}

bool cpc_do_mark(Cpc *c, const CpNode *node)
{
    uint32_t string =
        c->measure ? 0 : cp_workload_string(c->w, cp_node_child(node, CP_CHILD_TEXT)->text);
    cpc_emit(c, CP_OP_MARK, 0, 0, string, node);
    return true;
}

bool cpc_do_respond(Cpc *c, const CpNode *node)
{
    const char *name = cp_node_is_null(cp_node_child(node, CP_CHILD_NAME))
                           ? "latency"
                           : cp_node_child(node, CP_CHILD_NAME)->text;
    cpc_emit(c, CP_OP_RESPOND, 0, 0, hist(c, name), node);
    return true;
}

bool cpc_do_timed(Cpc *c, const CpNode *node)
{
    uint16_t begin = cpc_reg(c, 1);
    cpc_emit(c, CP_OP_NOW, 0, begin, 0, node);
    uint32_t row = hist(c, cp_node_child(node, CP_CHILD_NAME)->text);
    CpcScope timed;
    cpc_scope_undo(c, &timed, CP_OP_TIMED_END, 0, begin, row);
    bool ok = cpc_body(c, cp_node_child(node, CP_CHILD_BODY));
    cpc_scope_pop(c, &timed);
    cpc_emit(c, CP_OP_TIMED_END, 0, begin, row, node);
    return ok;
}
