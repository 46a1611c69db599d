#include "lang/compiler.h"

/* Decides how instructions, constants and registers come into the workload: not at all
 * while the compiler only measures. */

uint32_t cpc_emit(Cpc *c, CpOp op, uint8_t a, uint16_t b, uint32_t arg, const CpNode *at)
{
    return c->measure ? 0 : cp_workload_emit(c->w, op, a, b, arg, at->pos.line);
}

uint32_t cpc_pc(const Cpc *c)
{
    return c->measure ? 0 : cp_workload_pc(c->w);
}

void cpc_land(Cpc *c, uint32_t jump)
{
    if (!c->measure) {
        cp_insn(c->w, jump)->c = cp_workload_pc(c->w);
    }
}

uint32_t cpc_const(Cpc *c, int64_t value)
{
    return c->measure ? 0 : cp_workload_const(c->w, value);
}

uint32_t cpc_dist(Cpc *c, CpDist dist)
{
    return c->measure ? 0 : cp_workload_dist(c->w, dist);
}

uint32_t cpc_list(Cpc *c, const GArray *values)
{
    return c->measure ? 0
                      : cp_workload_list(c->w, (const int64_t *)(const void *)values->data,
                                         values->len);
}

uint16_t cpc_reg(Cpc *c, unsigned n)
{
    uint32_t first = c->base + c->reg;
    c->reg += n;
    c->reg_max = MAX(c->reg_max, c->reg);
    return (uint16_t)MIN(first, UINT16_MAX - 1);
}
