#include "sim/slots.h"

#include "sim/assert.h"

void cp_slots_init(CpSlots *slots, uint32_t n_cpus)
{
    cp_require(n_cpus >= 1 && n_cpus <= CP_CPUS_MAX);
    uint32_t n = 1;
    while (n < n_cpus) {
        n *= 2;
    }
    slots->n_leaves = n;
    slots->key = g_new(uint64_t, 2 * (size_t)n);
    cp_slots_reset(slots);
}

void cp_slots_clear(CpSlots *slots)
{
    g_free(slots->key);
    *slots = (CpSlots){0};
}

void cp_slots_reset(CpSlots *slots)
{
    cp_assert(slots->n_leaves > 0);
    for (uint32_t cpu = 0; cpu < slots->n_leaves; cpu++) {
        slots->key[slots->n_leaves + cpu] = CP_SLOT_NEVER << 10 | cpu;
    }
    for (uint32_t i = slots->n_leaves - 1; i > 0; i--) {
        slots->key[i] = slots->key[2 * i];
    }
    slots->key[0] = UINT64_MAX;
}
