#include "sim/cpu.h"
#include "sim/flow.h"
#include "sim/random.h"
#include "sim/thread.h"
#include "sim/timer.h"

/* Decides how long a burst of a thread is, and where it ends before its time. */

void cp_run(CpSim *sim, CpTid tid, CpTime work)
{
    CpThread *t = cp_thread(sim, tid);
    cp_assert(t->state == CP_THREAD_RUNNING);
    t->burst_left = work < 0 ? 0 : work;
    sim->cold[tid].work += t->burst_left;
}

CpTime cp_run_left(CpSim *sim, CpTid tid)
{
    return sim->rare[tid].stopped;
}

void cp_charge(CpSim *sim, CpTid tid, CpTime cost)
{
    const CpThread *t = cp_thread(sim, tid);
    cp_assert(cost >= 0);
    if (cost > 0 && t->state == CP_THREAD_RUNNING) {
        sim->cpus[t->cpu].ovh_left += cost;
    }
}

void cp_stop_at(CpSim *sim, CpTid tid, CpTime at)
{
    CpThread *t = cp_thread(sim, tid);
    cp_assert(t->state != CP_THREAD_ENDED);
    cp_assert(at >= sim->now);
    cp_timer_push(sim, CP_TIMER_STOP, at, tid, t->wake_gen);
}

/* The burst ends now: what is left is the runtime's business. */
void cp_burst_stop(CpSim *sim, CpTid tid)
{
    CpThread *t = cp_thread(sim, tid);
    CpFlow *flow = cp_flow_of(sim, tid);
    cp_assert(t->burst_left >= 0 && flow->why != CP_WHY_BEGIN);
    t->flags &= (uint8_t)~CP_TF_STOP;
    flow->why = CP_WHY_STOPPED;
    sim->rare[tid].stopped = t->burst_left;
    sim->cold[tid].work -= t->burst_left;
    t->burst_left = 0;
}

void cp_burst_respin(CpSim *sim, CpTid tid)
{
    CpFlow *flow = cp_flow_of(sim, tid);
    CpThread *t = cp_thread(sim, tid);
    cp_assert(sim->code[flow->pc].op == CP_OP_SPIN);
    CpTime end = cp_regs(sim, flow)[sim->code[flow->pc].b];
    CpTime left = end > sim->now ? end - sim->now : 0;
    sim->cold[tid].work += left - t->burst_left;
    t->burst_left = left;
}

/* About normal, mean 0, from four uniform 16-bit numbers; thousandths of a deviation. */
static int64_t normal(uint64_t r)
{
    uint64_t sum = (r & 0xffff) + (r >> 16 & 0xffff) + (r >> 32 & 0xffff) + (r >> 48);
    return ((int64_t)sum - 131070) * 1000 / 37837;
}

/* 32 times the square root of x < 2^54, to a few parts in a thousand: two Newton steps. */
static int64_t root32(uint64_t x)
{
    cp_assert(x > 0 && x < UINT64_C(1) << 54);
    x <<= 10;
    uint64_t r = UINT64_C(1) << ((64 - (unsigned)__builtin_clzll(x)) / 2);
    r = (r + x / r) / 2;
    return (int64_t)((r + x / r) / 2);
}

/* Bursts vary as interrupts and the host take pieces of the CPU's time now and then: most
 * short ones are exact and a few are much too long, and the variance grows with the length.
 * The mean stays.  A piece lasts exponentially long; many of them add up to a normal sum.
 */
CpTime cp_burst_disturbed(CpSim *sim, CpFlow *flow, CpTime work)
{
    static const uint16_t quantile[16] = {8,   25,  44,  63,  84,  107, 132, 159,
                                          189, 222, 259, 301, 351, 414, 503, 1235};
    CpTime gap = sim->noise.gap, hit = sim->noise.hit;
    if (gap == 0 || work <= 0) {
        return work;
    }
    uint64_t r = cp_rng_key(sim->seed ^ CP_RANDOM_BURST, flow->rng_id, flow->draws++);
    uint64_t part = (r >> 32) * 0x9e3779b97f4a7c15u >> 32;
    int64_t n = work / gap, share = hit * 65536 / gap;
    n += (int64_t)(((unsigned __int128)part * (uint64_t)gap) >> 32) < work % gap;
    work -= (CpTime)((__int128)work * share >> 16);
    cp_assert(n >= 0 && share >= 0);
    if (n < 2) {
        return n == 0 ? work : work + hit * quantile[r & 15] / 256;
    }
    CpTime more = n * hit + normal(r) * root32(2 * (uint64_t)n) / 1000 * hit / 32;
    return more > 0 ? work + more : work;
}
