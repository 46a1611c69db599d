/* Records of a run, as it makes them. */
#ifndef CP_SIM_RECORDER_H
#define CP_SIM_RECORDER_H

#include "sim/state.h"

/* The block is full, or the run over. */
void cp_record_flush(CpSim *sim);

static inline void cp_record(CpSim *sim, CpRecordKind kind, uint32_t id, uint32_t cpu,
                             uint32_t arg)
{
    cp_assert(cpu < sim->n_cpus && !cp_record_info(kind)->has_more);
    if (sim->rec.next != NULL) {
        if (G_UNLIKELY(sim->rec.next >= sim->rec.end)) {
            cp_record_flush(sim);
        }
        *sim->rec.next++ = cp_record_make(sim->now, kind, id, cpu, arg);
    }
}

void cp_record_wide(CpSim *sim, CpRecordKind kind, uint32_t id, uint32_t cpu, uint32_t arg,
                    uint32_t id2, int64_t value);

#endif
