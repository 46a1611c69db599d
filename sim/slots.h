/* One next-event time per CPU in a winner tree; ties go to the lower CPU number.
 *
 * The time and the CPU share one 64-bit key (time << 10 | cpu), so one compare orders both;
 * times reach 2^54 ns, 208 days of simulated time, which is as long as a run can be: later
 * ones count as CP_SLOT_LAST.  CP_NEVER parks a slot. */
#ifndef CP_SIM_SLOTS_H
#define CP_SIM_SLOTS_H

#include "sim/assert.h"
#include "sim/types.h"

typedef struct {
    uint64_t *key; /* 2 * n_leaves, heap order; key[1] is the winner */
    uint32_t n_leaves;
} CpSlots;

#define CP_SLOT_NEVER (UINT64_MAX >> 10)
#define CP_SLOT_LAST  (CP_SLOT_NEVER - 1)

void cp_slots_init(CpSlots *slots, uint32_t n_cpus);
void cp_slots_clear(CpSlots *slots);
void cp_slots_reset(CpSlots *slots);

static inline void cp_slots_set(CpSlots *slots, CpCpu cpu, CpTime at)
{
    uint64_t *key = slots->key;
    cp_assert(cpu < slots->n_leaves && at >= 0);
    uint64_t t = (uint64_t)at;
    if (t >= CP_SLOT_LAST) {
        t = at == CP_NEVER ? CP_SLOT_NEVER : CP_SLOT_LAST;
    }
    uint64_t k = t << 10 | cpu;
    uint32_t i = slots->n_leaves + cpu;
    key[i] = k;
    while (i > 1) {
        uint64_t other = key[i ^ 1];
        k = other < k ? other : k;
        i /= 2;
        key[i] = k;
    }
}

/* Earliest time (CP_NEVER if all are parked) and its CPU. */
static inline CpTime cp_slots_next(const CpSlots *slots, CpCpu *cpu)
{
    uint64_t t = slots->key[1] >> 10;
    *cpu = (CpCpu)(slots->key[1] & 1023);
    return t == CP_SLOT_NEVER ? CP_NEVER : (CpTime)t;
}

#endif
