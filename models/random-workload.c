#include "models/random-workload.h"

#include "models/ops.h"
#include "sim/assert.h"
#include "sim/random.h"

#include <string.h>

/* What the threads of a random workload do, and how much CPU time that is. */

enum {
    REG_LOOP = CP_REG_FREE, /* rounds left */
    REG_GRID,               /* last release of `period` */
    N_REGS,
    PIECES_MAX = 6, /* operations a round */
};

/* What is being written. */
typedef struct {
    CpWorkload *w;
    const CpRandomPlan *plan;
    uint64_t draws;
    CpObjId lock, queue, disk;
    uint32_t child; /* declaration of spawned threads */
    CpTime work;    /* of the body so far */
} Writer;

static uint32_t draw(Writer *wr, uint32_t below)
{
    return (uint32_t)(cp_rng_key(wr->plan->seed, CP_RANDOM_WORKLOAD, wr->draws++) % below);
}

static CpTime draw_time(Writer *wr, CpTime max)
{
    /* Round numbers make events meet at one instant, odd ones keep them apart. */
    CpTime unit = draw(wr, 2) == 0 ? max / 8 : 1;
    return (1 + (CpTime)draw(wr, (uint32_t)(max / unit))) * unit;
}

static void emit(Writer *wr, CpOp op, uint8_t a, uint16_t b, uint32_t c)
{
    cp_workload_emit(wr->w, op, a, b, c, 0);
}

static void timed(Writer *wr, CpOp op, uint16_t b, CpTime time)
{
    emit(wr, op, CP_ARG_CONST, b, cp_workload_const(wr->w, time));
}

static void compute(Writer *wr, CpTime time)
{
    timed(wr, CP_OP_COMPUTE, 0, time);
    wr->work += time;
}

static void spawn_and_join(Writer *wr)
{
    emit(wr, CP_OP_SPAWN, CP_REG_FREE, 0, wr->child);
    emit(wr, CP_OP_SPAWN, CP_REG_FREE, 0, wr->child);
    emit(wr, CP_OP_JOIN, 0, CP_REG_NONE, wr->child);
}

static void locked(Writer *wr)
{
    emit(wr, CP_OP_LOCK, 0, CP_REG_NONE, wr->lock);
    compute(wr, draw_time(wr, 2 * CP_MS));
    emit(wr, CP_OP_UNLOCK, 0, 0, wr->lock);
}

static void piece(Writer *wr, bool may_spawn)
{
    switch (draw(wr, 9)) {
    case 0:
        timed(wr, CP_OP_SLEEP, 0, draw_time(wr, 8 * CP_MS));
        break;
    case 1:
        timed(wr, CP_OP_IO, (uint16_t)wr->disk, draw_time(wr, 4 * CP_MS));
        break;
    case 2:
        locked(wr);
        break;
    case 3:
        emit(wr, CP_OP_YIELD, 0, 0, 0);
        break;
    case 4:
        timed(wr, CP_OP_PERIOD, REG_GRID, 4 * CP_MS + draw_time(wr, 8 * CP_MS));
        break;
    case 5:
        emit(wr, CP_OP_SET_NICE, 0, 0, cp_workload_const(wr->w, (int64_t)draw(wr, 20)));
        break;
    case 6:
        if (may_spawn) {
            spawn_and_join(wr);
        }
        break;
    default:
        compute(wr, draw_time(wr, 16 * CP_MS));
    }
}

/* Rounds of some pieces; every round hands on or takes `items` items. */
static CpTime body(Writer *wr, uint32_t rounds, CpOp link, bool may_spawn)
{
    wr->work = 0;
    emit(wr, CP_OP_SET, 0, REG_LOOP, cp_workload_const(wr->w, rounds));
    uint32_t top = cp_workload_pc(wr->w);
    for (uint32_t i = 1 + draw(wr, PIECES_MAX); i > 0; i--) {
        piece(wr, may_spawn);
    }
    if (link == CP_OP_SEND) {
        emit(wr, CP_OP_SEND, 0, CP_REG_NONE, wr->queue);
    } else if (link == CP_OP_RECV) {
        emit(wr, CP_OP_RECV, 0, CP_REG_NONE, wr->queue);
    }
    compute(wr, draw_time(wr, 4 * CP_MS));
    emit(wr, CP_OP_LOOP, 0, REG_LOOP, top);
    emit(wr, CP_OP_EXIT, 0, 0, 0);
    return wr->work * rounds;
}

static uint32_t some_cpus(Writer *wr)
{
    CpCpuMask mask = {{0}};
    cp_cpumask_set(&mask, draw(wr, wr->plan->n_cpus));
    cp_cpumask_set(&mask, draw(wr, wr->plan->n_cpus));
    return cp_workload_mask(wr->w, &mask);
}

static CpSchedAttr attributes(Writer *wr)
{
    CpSchedAttr attr = cp_sched_attr_default();
    attr.nice = (int32_t)draw(wr, 40) - 20;
    attr.tickets = draw(wr, 4) * 50;
    attr.cpus = draw(wr, 4) == 0 ? some_cpus(wr) : CP_NONE;
    if (!wr->plan->kernel) {
        attr.rt_prio = (int32_t)draw(wr, 10);
        attr.period = draw(wr, 3) * 10 * CP_MS;
        return attr;
    }
    static const CpSchedPolicy policies[] = {CP_SCHED_BATCH, CP_SCHED_IDLE, CP_SCHED_FIFO,
                                             CP_SCHED_RR};
    if (draw(wr, 3) == 0) {
        attr.policy = policies[draw(wr, G_N_ELEMENTS(policies))];
        attr.rt_prio = attr.policy >= CP_SCHED_FIFO ? 1 + (int32_t)draw(wr, 5) : 0;
    }
    attr.slice = draw(wr, 4) == 0 ? draw_time(wr, 8 * CP_MS) + 100 * CP_US : 0;
    return attr;
}

static void add_thread(Writer *wr, CpProcId proc, const char *name, uint32_t rounds,
                       CpOp link, GArray *work)
{
    bool spawned = strcmp(name, "child") == 0;
    uint32_t decl = cp_workload_thread(wr->w, proc, name);
    uint32_t entry = cp_workload_pc(wr->w);
    CpTime need = body(wr, rounds, link, !spawned);
    CpThreadDecl *d = cp_thread_decl(wr->w, decl);
    d->entry = entry;
    d->n_regs = N_REGS;
    d->copies = spawned ? 0 : 1;
    d->flags = spawned ? CP_THREAD_SPAWNED : 0;
    d->start = draw(wr, 2) == 0 ? 0 : draw_time(wr, 16 * CP_MS);
    if (!spawned) {
        d->attr = attributes(wr);
        d->own_attr = true;
    }
    g_array_append_val(work, need);
}

CpWorkload *cp_random_workload(const CpRandomPlan *plan, GArray **work)
{
    Writer wr = {.w = cp_workload_new(&cp_ops), .plan = plan};
    CpProcId proc = cp_workload_proc(wr.w, "p", "native");
    wr.lock = cp_workload_obj(wr.w, "m", CP_OBJ_LOCK);
    wr.queue = cp_workload_obj(wr.w, "q", CP_OBJ_QUEUE);
    wr.disk = cp_workload_obj(wr.w, "disk", CP_OBJ_DEVICE);
    cp_obj_decl(wr.w, wr.disk)->n = 2;
    cp_obj_decl(wr.w, wr.disk)->service_arg = CP_ARG_NONE;
    *work = g_array_new(FALSE, FALSE, sizeof(CpTime));
    wr.child = 0;
    add_thread(&wr, proc, "child", 1, CP_OP_NOP, *work);
    /* As many items go in as come out, and none is waited for by who must send it. */
    uint32_t items = 1 + draw(&wr, 6);
    add_thread(&wr, proc, "producer", items, CP_OP_SEND, *work);
    add_thread(&wr, proc, "consumer", items, CP_OP_RECV, *work);
    for (uint32_t i = 1 + draw(&wr, 8); i > 0; i--) {
        g_autofree char *name = g_strdup_printf("t%u", i);
        add_thread(&wr, proc, name, 1 + draw(&wr, 5), CP_OP_NOP, *work);
    }
    g_autoptr(GError) error = NULL;
    if (!cp_workload_verify(wr.w, &error)) {
        g_error("random workload %" G_GUINT64_FORMAT ": %s", plan->seed, error->message);
    }
    return wr.w;
}
