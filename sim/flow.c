#include "sim/engine.h"

#include <string.h>

/* The op interpreter: executes a flow's instructions until one needs time.
 *
 * An instruction that takes time is entered several times with a reason (flow->why):
 * BEGIN, then RAN, WOKEN, TIMEOUT or STOPPED.  Control and kernel operations are here; from
 * CP_OP_RUNTIME on the process's runtime decides. */

enum {
    ZERO_TIME_LIMIT = 10000000
}; /* instructions at one instant before we call it a loop */

static int64_t const_at(const CpSim *sim, uint32_t index)
{
    return g_array_index(sim->w->consts, int64_t, index);
}

static int64_t sample(CpSim *sim, CpFlow *flow, uint32_t dist)
{
    return cp_dist_sample(&g_array_index(sim->w->dists, CpDist, dist),
                          (const int64_t *)(void *)sim->w->values->data,
                          cp_rng_key(sim->seed, flow->rng_id, flow->draws++));
}

int64_t cp_operand(CpSim *sim, CpFlow *flow, uint8_t arg, uint32_t index)
{
    switch (arg & CP_ARG_MASK) {
    case CP_ARG_CONST:
        return const_at(sim, index);
    case CP_ARG_REG:
        return cp_regs(sim, flow)[index];
    case CP_ARG_DIST:
        return sample(sim, flow, index);
    default:
        return 0;
    }
}

/* --- blocking --- */

void cp_block(CpSim *sim, CpTid tid, CpTime deadline, CpBlock reason, uint32_t object)
{
    CpThread *t = cp_thread(sim, tid);
    t->block = (uint8_t)reason;
    sim->cold[tid].object = object;
    cp_dequeue(sim, tid, CP_DEQ_SLEEP);
    t->state = CP_THREAD_BLOCKED;
    t->since = sim->now;
    if (deadline != CP_NEVER) {
        cp_timer_push(sim, CP_TIMER_THREAD, deadline + cp_slack(sim, tid), tid,
                      t->wake_gen);
    }
    if (reason == CP_BLOCK_LOCK) {
        cp_diagnose_cycle(sim, tid);
    }
}

void cp_charge(CpSim *sim, CpTid tid, CpTime cost)
{
    const CpThread *t = cp_thread(sim, tid);
    if (cost > 0 && t->state == CP_THREAD_RUNNING) {
        sim->cores[t->cpu].ovh_left += cost;
    }
}

void cp_run(CpSim *sim, CpTid tid, CpTime work)
{
    CpThread *t = cp_thread(sim, tid);
    t->burst_left = work < 0 ? 0 : work;
    sim->cold[tid].work += t->burst_left;
}

CpTime cp_run_left(CpSim *sim, CpTid tid)
{
    return sim->rare[tid].stopped;
}

/* --- stopping a burst at a boundary --- */

void cp_stop_at(CpSim *sim, CpTid tid, CpTime at)
{
    CpThread *t = cp_thread(sim, tid);
    cp_timer_push(sim, CP_TIMER_STOP, at, tid, t->wake_gen);
}

/* The burst ends now: what is left is the runtime's business. */
void cp_stop_now(CpSim *sim, CpCore *core, CpTid tid)
{
    CpThread *t = cp_thread(sim, tid);
    CpFlow *flow = cp_flow_of(sim, tid);
    (void)core;
    t->flags &= (uint8_t)~CP_TF_STOP;
    flow->why = CP_WHY_STOPPED;
    sim->rare[tid].stopped = t->burst_left;
    sim->cold[tid].work -= t->burst_left;
    t->burst_left = 0;
}

/* --- operations that take time; each returns how the flow goes on --- */

/* About normal, mean 0, from four uniform 16-bit numbers; thousandths of a deviation. */
static int64_t normal(uint64_t r)
{
    uint64_t sum = (r & 0xffff) + (r >> 16 & 0xffff) + (r >> 32 & 0xffff) + (r >> 48);
    return ((int64_t)sum - 131070) * 1000 / 37837;
}

/* 32 times the square root of x < 2^54, to a few parts in a thousand: two Newton steps. */
static int64_t root32(uint64_t x)
{
    x <<= 10;
    uint64_t r = UINT64_C(1) << ((64 - (unsigned)__builtin_clzll(x)) / 2);
    r = (r + x / r) / 2;
    return (int64_t)((r + x / r) / 2);
}

/* Bursts vary as interrupts and the host take pieces of the CPU's time now and then: most
 * short ones are exact and a few are much too long, and the variance grows with the length.
 * The mean stays.  A piece lasts exponentially long; many of them add up to a normal sum.
 */
static CpTime noisy(CpSim *sim, CpFlow *flow, CpTime work)
{
    static const uint16_t quantile[16] = {8,   25,  44,  63,  84,  107, 132, 159,
                                          189, 222, 259, 301, 351, 414, 503, 1235};
    CpTime gap = sim->hit_gap, hit = sim->hit;
    if (gap == 0 || work <= 0) {
        return work;
    }
    uint64_t r = cp_rng_key(sim->seed ^ 0x6e6f697365u, flow->rng_id, flow->draws++);
    uint64_t part = (r >> 32) * 0x9e3779b97f4a7c15u >> 32;
    int64_t n = work / gap, share = hit * 65536 / gap;
    n += (int64_t)(((unsigned __int128)part * (uint64_t)gap) >> 32) < work % gap;
    work -= (CpTime)((__int128)work * share >> 16);
    if (n < 2) {
        return n == 0 ? work : work + hit * quantile[r & 15] / 256;
    }
    CpTime more = n * hit + normal(r) * root32(2 * (uint64_t)n) / 1000 * hit / 32;
    return more > 0 ? work + more : work;
}

static CpStep op_compute(CpSim *sim, CpTid tid, CpFlow *flow, const CpInsn *i)
{
    if (flow->why != CP_WHY_BEGIN) {
        return CP_STEP_NEXT;
    }
    cp_run(sim, tid, noisy(sim, flow, cp_operand(sim, flow, i->a, i->c)));
    return CP_STEP_RUN;
}

static CpStep op_spin(CpSim *sim, CpTid tid, CpFlow *flow, const CpInsn *i)
{
    int64_t *end = &cp_regs(sim, flow)[i->b];
    CpThread *t = cp_thread(sim, tid);
    if (flow->why == CP_WHY_BEGIN) {
        *end = sim->now + cp_operand(sim, flow, i->a, i->c);
        t->flags |= CP_TF_SPIN;
    }
    if (*end <= sim->now) {
        t->flags &= (uint8_t)~CP_TF_SPIN;
        return CP_STEP_NEXT;
    }
    cp_run(sim, tid, *end - sim->now);
    return CP_STEP_RUN;
}

void cp_flow_respin(CpSim *sim, CpTid tid)
{
    CpFlow *flow = cp_flow_of(sim, tid);
    CpThread *t = cp_thread(sim, tid);
    CpTime end = cp_regs(sim, flow)[sim->code[flow->pc].b];
    CpTime left = end > sim->now ? end - sim->now : 0;
    sim->cold[tid].work += left - t->burst_left;
    t->burst_left = left;
}

static CpStep sleep_until(CpSim *sim, CpTid tid, CpTime at)
{
    cp_block(sim, tid, at, CP_BLOCK_SLEEP, CP_NONE);
    return CP_STEP_BLOCK;
}

static CpStep op_sleep(CpSim *sim, CpTid tid, CpFlow *flow, const CpInsn *i)
{
    if (flow->why != CP_WHY_BEGIN) {
        cp_charge(sim, tid, sim->cost[CP_COST_SLEEP]);
        return CP_STEP_NEXT;
    }
    CpTime d = cp_operand(sim, flow, i->a, i->c);
    return sleep_until(sim, tid, d > CP_NEVER / 2 - sim->now ? CP_NEVER / 2 : sim->now + d);
}

static CpStep op_sleep_until(CpSim *sim, CpTid tid, CpFlow *flow, const CpInsn *i)
{
    int64_t *regs = cp_regs(sim, flow);
    if (flow->why == CP_WHY_BEGIN && regs[i->b] > sim->now) {
        return sleep_until(sim, tid, regs[i->b]);
    }
    regs[CP_REG_RELEASE] = regs[i->b];
    return CP_STEP_NEXT;
}

/* A job that begins late begins without a sleep before it: where decisions are not bound to
 * ticks (EDF) that is a moment to decide anew. */
static void begin_late(CpSim *sim, CpTid tid)
{
    const CpThread *t = cp_thread(sim, tid);
    const CpPolicyClass *cls = sim->classes[t->cls].cls;
    CpRq *rq = cp_rq(sim, cls->global ? 0 : t->group, t->cpu, t->cls);
    if (!cls->ticked && cls->expired != NULL && cls->expired(rq, tid)) {
        cp_resched_after(sim, &sim->cores[t->cpu], 0);
    }
}

/* The grid starts at the thread's start; register b holds the last release.  When late
 * there is no sleep and the missed release stays in force, so lateness is never forgotten.
 */
static CpStep op_period(CpSim *sim, CpTid tid, CpFlow *flow, const CpInsn *i)
{
    int64_t *regs = cp_regs(sim, flow);
    if (flow->why != CP_WHY_BEGIN) {
        cp_charge(sim, tid, sim->cost[CP_COST_SLEEP]);
        return CP_STEP_NEXT;
    }
    CpTime period = cp_operand(sim, flow, i->a & (uint8_t)~CP_ARG_RELATIVE, i->c);
    if (regs[i->b] == 0) {
        regs[i->b] = sim->cold[tid].start;
    }
    regs[i->b] += period;
    if (regs[i->b] <= sim->now) {
        regs[CP_REG_RELEASE] = regs[i->b];
        if (i->a & CP_ARG_RELATIVE) {
            regs[i->b] = sim->now;
        }
        begin_late(sim, tid);
        return CP_STEP_NEXT;
    }
    regs[CP_REG_RELEASE] = regs[i->b];
    return sleep_until(sim, tid, regs[i->b]);
}

static CpStep op_io(CpSim *sim, CpTid tid, CpFlow *flow, const CpInsn *i)
{
    if (flow->why != CP_WHY_BEGIN) {
        return CP_STEP_NEXT;
    }
    bool given = (i->a & CP_ARG_MASK) != CP_ARG_NONE, sized = i->a & CP_ARG_SIZE;
    int64_t amount = given ? cp_operand(sim, flow, i->a, i->c) : -1;
    cp_block(sim, tid, CP_NEVER, CP_BLOCK_IO, i->b);
    cp_device_submit(sim, i->b, tid, sized ? -1 : amount, sized ? amount : 0);
    return CP_STEP_BLOCK;
}

static CpStep op_outside(CpSim *sim, CpTid tid, CpFlow *flow, const CpInsn *i)
{
    if (flow->why != CP_WHY_BEGIN) {
        return CP_STEP_NEXT;
    }
    CpTime d = cp_operand(sim, flow, i->a, i->c);
    CpThread *t = cp_thread(sim, tid);
    cp_block(sim, tid, CP_NEVER, CP_BLOCK_OUTSIDE, CP_NONE);
    cp_timer_push(sim, CP_TIMER_THREAD, sim->now + d, tid, t->wake_gen);
    return CP_STEP_BLOCK;
}

/* An open stream.  A body that takes no time runs outside any CPU while the thread sleeps
 * until the stream ends; another body runs on the thread, released at each arrival. */
static CpStep op_arrivals(CpSim *sim, CpTid tid, CpFlow *flow, const CpInsn *i)
{
    const CpArrivalsDecl *decl = &g_array_index(sim->w->arrivals, CpArrivalsDecl, i->c);
    int64_t *regs = cp_regs(sim, flow);
    if (decl->instant) {
        if (flow->why != CP_WHY_BEGIN) {
            flow->pc = decl->end;
            return CP_STEP_AGAIN;
        }
        CpStream stream = {.tid = tid, .desc = i->c, .body = flow->pc + 1};
        g_array_append_val(sim->streams, stream);
        cp_block(sim, tid, CP_NEVER, CP_BLOCK_SLEEP, CP_NONE);
        uint32_t row = sim->streams->len - 1;
        cp_arrival_next(sim, &g_array_index(sim->streams, CpStream, row), flow);
        return CP_STEP_BLOCK;
    }
    if (flow->why != CP_WHY_BEGIN) {
        regs[CP_REG_RELEASE] = regs[i->b];
        return CP_STEP_NEXT;
    }
    CpStream stream = {
        .tid = tid, .desc = i->c, .next = regs[i->b], .index = (uint32_t)regs[i->b + 1]};
    stream.next = regs[i->b + 1] == 0 ? sim->now : stream.next;
    if (!cp_arrival_time(sim, &stream, flow)) {
        flow->pc = decl->end;
        return CP_STEP_AGAIN;
    }
    regs[i->b] = stream.next;
    regs[i->b + 1] = stream.index;
    if (stream.next <= sim->now) {
        regs[CP_REG_RELEASE] = regs[i->b];
        return CP_STEP_NEXT;
    }
    return sleep_until(sim, tid, stream.next);
}

static CpStep op_arrive_end(CpSim *sim, CpTid tid, CpFlow *flow, const CpInsn *i)
{
    (void)tid; /* only its flow moves */
    flow->pc = sim->arrival_begin[i->c];
    return CP_STEP_AGAIN;
}

static CpStep op_yield(CpSim *sim, CpTid tid, CpFlow *flow, const CpInsn *i)
{
    (void)i; /* no operands */
    CpThread *t = cp_thread(sim, tid);
    if (flow->why != CP_WHY_BEGIN) {
        return CP_STEP_NEXT;
    }
    CpRq *rq = cp_thread_rq(sim, t);
    cp_core_account(sim, &sim->cores[t->cpu]);
    if (rq->policy->cls->yield != NULL) {
        rq->policy->cls->yield(rq);
    }
    flow->pc++;
    cp_resched_after(sim, &sim->cores[t->cpu], 0);
    return CP_STEP_AGAIN;
}

static CpStep op_spawn(CpSim *sim, CpTid tid, CpFlow *flow, const CpInsn *i)
{
    bool process = cp_thread_decl(sim->w, i->c)->flags & CP_THREAD_FORKS;
    CpTime cost = sim->cost[process ? CP_COST_FORK_PROCESS : CP_COST_FORK];
    bool on_cpu = cp_thread(sim, tid)->state == CP_THREAD_RUNNING;
    if (flow->why == CP_WHY_BEGIN && cost > 0 && on_cpu) {
        cp_charge(sim, tid, cost);
        cp_run(sim, tid, 0);
        return CP_STEP_RUN;
    }
    CpTid child = cp_thread_create(sim, i->c, tid);
    CpFlow *to = cp_flow_of(sim, child);
    for (uint32_t k = 0; k < i->b; k++) {
        cp_regs(sim, to)[CP_REG_FREE + k] = cp_regs(sim, flow)[i->a + k];
    }
    cp_record_wide(sim, CP_REC_FORK, child, cp_thread(sim, tid)->cpu, 0, tid, 0);
    if (cp_thread_decl(sim->w, i->c)->start > 0) {
        CpTime at = sim->now + cp_thread_decl(sim->w, i->c)->start;
        sim->cold[child].start = at;
        cp_timer_push(sim, CP_TIMER_START, at, child, 0);
    } else {
        cp_thread_start(sim, child, tid);
    }
    return CP_STEP_NEXT;
}

static CpStep op_join(CpSim *sim, CpTid tid, CpFlow *flow, const CpInsn *i)
{
    flow->timed_out = flow->why == CP_WHY_TIMEOUT;
    if (flow->timed_out || !cp_has_child(sim, tid, i->c)) {
        return CP_STEP_NEXT;
    }
    CpTime deadline = CP_NEVER;
    if (i->b != CP_REG_NONE) {
        int64_t *reg = &cp_regs(sim, flow)[i->b];
        *reg += flow->why == CP_WHY_BEGIN ? sim->now : 0;
        deadline = *reg;
    }
    cp_block(sim, tid, deadline, CP_BLOCK_JOIN, i->c);
    return CP_STEP_BLOCK;
}

static CpStep change_attr(CpSim *sim, CpTid tid, CpFlow *flow, const CpSchedAttr *attr)
{
    flow->pc++;
    cp_set_attr(sim, tid, attr);
    return CP_STEP_AGAIN;
}

static CpStep op_set_nice(CpSim *sim, CpTid tid, CpFlow *flow, const CpInsn *i)
{
    CpSchedAttr attr = *cp_thread_attr(sim, tid);
    attr.nice = (int32_t)CLAMP(const_at(sim, i->c), -20, 19);
    return change_attr(sim, tid, flow, &attr);
}

static CpStep op_set_affinity(CpSim *sim, CpTid tid, CpFlow *flow, const CpInsn *i)
{
    CpSchedAttr attr = *cp_thread_attr(sim, tid);
    attr.cpus = i->c;
    return change_attr(sim, tid, flow, &attr);
}

static CpStep op_set_sched(CpSim *sim, CpTid tid, CpFlow *flow, const CpInsn *i)
{
    CpSchedAttr attr = g_array_index(sim->w->attrs, CpSchedAttr, i->c);
    attr.cpus = attr.cpus == CP_NONE ? cp_thread_attr(sim, tid)->cpus : attr.cpus;
    return change_attr(sim, tid, flow, &attr);
}

/* --- operations that take no time --- */

/* Of a copy of the flow, which reads ahead, nothing is said: it has not happened yet. */
static int64_t arith(CpSim *sim, CpTid tid, const CpFlow *flow, const CpInsn *i)
{
    const int64_t *regs = cp_regs(sim, flow);
    int64_t a = regs[i->c & 0xffff], b = regs[i->c >> 16], out = 0;
    bool bad = false;
    switch ((CpArith)i->a) {
    case CP_ADD:
        bad = __builtin_add_overflow(a, b, &out);
        break;
    case CP_SUB:
        bad = __builtin_sub_overflow(a, b, &out);
        break;
    case CP_MUL:
        bad = __builtin_mul_overflow(a, b, &out);
        break;
    case CP_DIV:
        bad = b == 0 || (a == INT64_MIN && b == -1);
        out = bad ? 0 : a / b;
        break;
    }
    if (bad && flow == cp_flow_of(sim, tid)) {
        cp_diagnose(sim, "arithmetic", &tid, 1, "%s",
                    b == 0 && i->a == CP_DIV ? "division by zero" : "overflow");
    }
    return bad ? 0 : out;
}

static bool compare(uint8_t cmp, int64_t a, int64_t b)
{
    return cp_cmp_holds((CpCmp)cmp, (a > b) - (a < b));
}

static void respond(CpSim *sim, CpTid tid, uint32_t hist, CpTime from)
{
    if (from == CP_NEVER) {
        cp_diagnose(sim, "respond without a request", &tid, tid != CP_NONE,
                    "respond: nothing was received or released before");
        return;
    }
    if (from >= sim->counted_from) { /* else it began in the warm-up */
        cp_hist_add(&sim->hists[hist], sim->now - from);
    }
    uint32_t cpu = tid == CP_NONE ? CP_RECORD_NO_CPU : cp_thread(sim, tid)->cpu;
    cp_record_wide(sim, CP_REC_RESPOND, hist, cpu, 0, tid, sim->now - from);
}

static uint32_t list_get(CpSim *sim, uint32_t list, int64_t index, int64_t *out)
{
    const CpList *l = &g_array_index(sim->w->lists, CpList, list);
    if (index < 0 || index >= l->n) {
        return 0;
    }
    *out = g_array_index(sim->w->values, int64_t, l->first + (uint32_t)index);
    return 1;
}

static void op_mark(CpSim *sim, CpTid tid, uint32_t string)
{
    uint32_t cpu = tid == CP_NONE ? CP_RECORD_NO_CPU : cp_thread(sim, tid)->cpu;
    cp_record_wide(sim, CP_REC_MARK, string, cpu, 0, tid, 0);
}

/* Where the next piece of the thread's stream goes on; a source that fails ends the run. */
static uint32_t replay(CpSim *sim, CpTid tid, const CpFlow *flow, const CpInsn *i)
{
    const CpReplay *replay = sim->w->replay;
    int64_t *regs = cp_regs(sim, flow) + i->b;
    CpReplayPiece piece;
    if (sim->io_error != NULL || !replay->next(sim->replay, cp_thread(sim, tid)->decl,
                                               &regs[0], &piece, &sim->io_error)) {
        sim->stopping = true;
        sim->outcome = CP_OUTCOME_ERROR;
        return flow->pc;
    }
    regs[1] = piece.value;
    return g_array_index(replay->targets, uint32_t, piece.target);
}

/* Executes one control instruction and moves the pc. */
static void control(CpSim *sim, CpTid tid, CpFlow *flow, const CpInsn *i)
{
    int64_t *regs = flow->regs == CP_NONE ? NULL : cp_regs(sim, flow);
    uint32_t next = flow->pc + 1;
    switch ((CpControlOp)i->op) {
    case CP_OP_NOP:
        break;
    case CP_OP_JUMP:
        next = i->c;
        break;
    case CP_OP_CALL:
        regs[i->b] = next;
        next = i->c;
        break;
    case CP_OP_RETURN:
        next = (uint32_t)regs[i->b];
        break;
    case CP_OP_LOOP:
        next = --regs[i->b] > 0 ? i->c : next;
        break;
    case CP_OP_SET:
        regs[i->b] = const_at(sim, i->c);
        break;
    case CP_OP_MOVE:
        regs[i->b] = regs[i->c & 0xffff];
        break;
    case CP_OP_ARITH:
        regs[i->b] = arith(sim, tid, flow, i);
        break;
    case CP_OP_SAMPLE:
        regs[i->b] = cp_operand(sim, flow, i->a, i->c);
        break;
    case CP_OP_LOAD:
        regs[i->b] = *cp_var(sim, cp_thread(sim, tid)->proc, i->c);
        break;
    case CP_OP_STORE:
        *cp_var(sim, cp_thread(sim, tid)->proc, i->c) = regs[i->b];
        break;
    case CP_OP_LIST_GET:
        list_get(sim, i->c, regs[i->a], &regs[i->b]);
        break;
    case CP_OP_JUMP_IF:
        next = compare(i->a, regs[i->b], regs[i->b + 1]) ? i->c : next;
        break;
    case CP_OP_JUMP_TIMEOUT:
        next = flow->timed_out ? i->c : next;
        break;
    case CP_OP_JUMP_CHANCE: {
        uint64_t r = cp_rng_key(sim->seed, flow->rng_id, flow->draws++);
        uint64_t ppm = (uint64_t)(((unsigned __int128)r * 1000000) >> 64);
        next = (int64_t)ppm < const_at(sim, i->b) ? i->c : next;
        break;
    }
    case CP_OP_JUMP_BEFORE:
        next = sim->now < regs[i->b] ? i->c : next;
        break;
    case CP_OP_RUNNING:
        regs[i->b] = sim->decls[i->c].live > 0;
        break;
    case CP_OP_NOW:
        regs[i->b] = sim->now;
        break;
    case CP_OP_MARK:
        op_mark(sim, tid, i->c);
        break;
    case CP_OP_RESPOND:
        sim->responses += regs[CP_REG_RELEASE] != CP_NEVER;
        respond(sim, tid, i->c, regs[CP_REG_RELEASE]);
        break;
    case CP_OP_TIMED_END:
        respond(sim, tid, i->c, regs[i->b]);
        break;
    case CP_OP_REPLAY:
        next = replay(sim, tid, flow, i);
        break;
    }
    flow->pc = next;
}

static CpStep op_exit_process(CpSim *sim, CpTid tid, CpFlow *flow, const CpInsn *i)
{
    (void)flow; /* it goes no further */
    (void)i;    /* no operands */
    cp_process_end(sim, cp_thread(sim, tid)->proc, tid);
    return CP_STEP_EXIT;
}

static CpStep op_exit(CpSim *sim, CpTid tid, CpFlow *flow, const CpInsn *i)
{
    (void)sim;  /* cp_flow_run ends the thread */
    (void)tid;  /* as above */
    (void)flow; /* it goes no further */
    (void)i;    /* no operands */
    return CP_STEP_EXIT;
}

static CpStep op_stop(CpSim *sim, CpTid tid, CpFlow *flow, const CpInsn *i)
{
    (void)tid;  /* all threads stop */
    (void)flow; /* it goes no further */
    (void)i;    /* no operands */
    sim->stopping = true;
    sim->outcome = CP_OUTCOME_DONE;
    return CP_STEP_EXIT;
}

static CpStep (*const services[])(CpSim *sim, CpTid tid, CpFlow *flow, const CpInsn *i) = {
#define CP_OP(NAME, name, ...) op_##name,
#include "sim/kernel-ops.def"
#undef CP_OP
};

CpStep cp_kernel_step(CpSim *sim, CpTid tid, const CpInsn *i, CpWhy why)
{
    CpFlow *flow = cp_flow_of(sim, tid);
    flow->why = (uint8_t)why;
    cp_assert(i->op >= CP_OP_KERNEL && i->op < CP_OP_RUNTIME);
    return services[i->op - CP_OP_KERNEL](sim, tid, flow, i);
}

/* --- the interpreter --- */

static CpStep execute(CpSim *sim, CpTid tid, CpFlow *flow, const CpInsn *insn)
{
    if (G_LIKELY(insn->op < CP_OP_KERNEL)) {
        control(sim, tid, flow, insn);
        return CP_STEP_AGAIN;
    }
    const CpRuntimeClass *runtime = sim->procs[cp_thread(sim, tid)->proc].runtime;
    if (insn->op >= CP_OP_RUNTIME) {
        return runtime->step(sim, tid, insn, (CpWhy)flow->why);
    }
    if (runtime->kernel_step != NULL) {
        return runtime->kernel_step(sim, tid, insn, (CpWhy)flow->why);
    }
    return cp_kernel_step(sim, tid, insn, (CpWhy)flow->why);
}

static CpFlowEnd zero_loop(CpSim *sim, CpTid tid)
{
    cp_diagnose(sim, "zero-time loop", &tid, 1,
                "a loop repeats without time passing (%d instructions)", ZERO_TIME_LIMIT);
    sim->stopping = true;
    sim->outcome = CP_OUTCOME_GUARD;
    return CP_FLOW_PREEMPT;
}

/* May the next instruction begin only after pending kernel work has passed?  A burst simply
 * comes after it, everything else must wait. */
static bool must_pay_first(const CpCore *core, const CpFlow *flow, const CpInsn *insn)
{
    return core->ovh_left > 0 && flow->why == CP_WHY_BEGIN && insn->op >= CP_OP_KERNEL &&
           insn->op != CP_OP_COMPUTE;
}

CpFlowEnd cp_flow_run(CpSim *sim, CpCore *core, CpTid tid)
{
    CpFlow *flow = cp_flow_of(sim, tid);
    bool was_due = core->resched_at <= sim->now;
    for (uint32_t n = 0; n < ZERO_TIME_LIMIT; n++) {
        const CpInsn *insn = &sim->code[flow->pc];
        if (sim->stopping || (core->resched_at <= sim->now && !was_due)) {
            return CP_FLOW_PREEMPT;
        }
        if (G_UNLIKELY(must_pay_first(core, flow, insn))) {
            return CP_FLOW_BURST;
        }
        switch (execute(sim, tid, flow, insn)) {
        case CP_STEP_NEXT:
            flow->pc++;
            flow->why = CP_WHY_BEGIN;
            flow->rt_state = 0;
            break;
        case CP_STEP_AGAIN:
            flow->why = CP_WHY_BEGIN;
            flow->rt_state = 0;
            break;
        case CP_STEP_RUN:
            flow->why = CP_WHY_RAN;
            if (cp_thread(sim, tid)->burst_left > 0 || core->ovh_left > 0) {
                return CP_FLOW_BURST;
            }
            break;
        case CP_STEP_BLOCK:
            return CP_FLOW_BLOCKED;
        case CP_STEP_SWITCH:
            flow = cp_flow_of(sim, tid);
            break;
        case CP_STEP_EXIT:
            if (cp_thread(sim, tid)->state == CP_THREAD_RUNNING) {
                cp_dequeue(sim, tid, CP_DEQ_EXIT | CP_DEQ_SPECIAL);
                cp_thread_end(sim, tid);
            }
            return CP_FLOW_ENDED;
        }
        if (cp_thread(sim, tid)->state != CP_THREAD_RUNNING) {
            return CP_FLOW_BLOCKED;
        }
    }
    return zero_loop(sim, tid);
}

void cp_flow_outside(CpSim *sim, CpStream *stream)
{
    CpTid tid = stream->tid;
    CpFlow *flow = cp_flow_of(sim, tid);
    uint32_t pc = flow->pc;
    uint8_t why = flow->why;
    CpTime release = cp_regs(sim, flow)[CP_REG_RELEASE];
    flow->pc = stream->body;
    cp_regs(sim, flow)[CP_REG_RELEASE] = stream->next;
    for (uint32_t n = 0; n < ZERO_TIME_LIMIT; n++) {
        const CpInsn *insn = &sim->code[flow->pc];
        if (insn->op == CP_OP_ARRIVE_END) {
            break;
        }
        flow->why = CP_WHY_BEGIN;
        CpStep step = execute(sim, tid, flow, insn);
        flow->pc += step == CP_STEP_NEXT;
    }
    cp_regs(sim, flow)[CP_REG_RELEASE] = release;
    flow->pc = pc;
    flow->why = why;
}

/* --- looking ahead --- */

enum { AHEAD_INSNS = 256 };

/* Registers as they were before a look ahead, in order of change. */
typedef struct {
    struct {
        int64_t *reg;
        int64_t was;
    } rows[2 * AHEAD_INSNS];
    size_t n;
} Undo;

static void keep(CpSim *sim, const CpFlow *flow, const CpInsn *insn, Undo *undo)
{
    const CpOpInfo *info = cp_op_info(sim->w, insn->op);
    uint32_t n = !(info->flags & CP_OPF_WRITES) ? 0 : info->operands[0] == 'P' ? 2 : 1;
    for (uint32_t k = 0; k < n; k++) {
        int64_t *reg = &cp_regs(sim, flow)[insn->b + k];
        undo->rows[undo->n].reg = reg;
        undo->rows[undo->n++].was = *reg;
    }
}

/* How an instruction not yet begun looks from before: does the burst go on after it?  If it
 * does, what it adds is added. */
static bool goes_on(CpSim *sim, CpFlow *flow, const CpInsn *insn, CpTime *sum)
{
    const CpOpInfo *info = cp_op_info(sim->w, insn->op);
    if (info->waits == CP_WAITS_RUNS) {
        CpTime time = cp_operand(sim, flow, insn->a, insn->c);
        *sum += insn->op == CP_OP_COMPUTE ? noisy(sim, flow, time) : time;
    }
    return info->waits != CP_WAITS_YES && !(info->flags & CP_OPF_ENDS);
}

/* Follows a copy of the flow to where it will wait; adds up what it computes until then. */
static CpTime walk_ahead(CpSim *sim, CpTid tid, CpFlow *flow, Undo *undo)
{
    CpTime sum = 0;
    for (int n = 0; n < AHEAD_INSNS; n++) {
        const CpInsn *insn = &sim->code[flow->pc];
        bool is_control = insn->op < CP_OP_KERNEL;
        if (is_control && !(cp_op_info(sim->w, insn->op)->flags & CP_OPF_EFFECT)) {
            keep(sim, flow, insn, undo);
            control(sim, tid, flow, insn);
            continue;
        }
        if (!is_control && flow->why == CP_WHY_BEGIN && !goes_on(sim, flow, insn, &sum)) {
            return sum;
        }
        flow->why = CP_WHY_BEGIN;
        flow->pc++;
    }
    return sum;
}

/* Runs on the thread's own registers, which are put back, and on its own draws, which are
 * keyed by number: the real execution will meet the same values. */
CpTime cp_flow_ahead(CpSim *sim, CpTid tid)
{
    CpFlow flow = *cp_flow_of(sim, tid);
    Undo undo;
    undo.n = 0;
    CpTime sum = walk_ahead(sim, tid, &flow, &undo);
    while (undo.n > 0) {
        undo.n--;
        *undo.rows[undo.n].reg = undo.rows[undo.n].was;
    }
    return sum;
}
