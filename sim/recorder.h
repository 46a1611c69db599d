/* Records of a run, as it makes them. */
#ifndef CP_SIM_RECORDER_H
#define CP_SIM_RECORDER_H

#include "sim/state.h"

/* The block is full, or the run over. */
void cp_record_flush(CpSim *sim);

/* Whether records of that kind are made. */
static inline bool cp_records(const CpSim *sim, CpRecordKind kind)
{
    return sim->rec.next != NULL && !(sim->rec.drop >> kind & 1);
}

static inline void cp_record(CpSim *sim, CpRecordKind kind, uint32_t id, uint32_t cpu,
                             uint32_t arg)
{
    cp_assert(cpu < sim->n_cpus && !cp_record_info(kind)->has_more);
    if (cp_records(sim, kind)) {
        if (G_UNLIKELY(sim->rec.next >= sim->rec.end)) {
            cp_record_flush(sim);
        }
        *sim->rec.next++ = cp_record_make(sim->now, kind, id, cpu, arg);
    }
}

void cp_record_wide(CpSim *sim, CpRecordKind kind, uint32_t id, uint32_t cpu, uint32_t arg,
                    uint32_t id2, int64_t value);

/* A variable has a new value. */
static inline void cp_record_var(CpSim *sim, CpTid tid, uint32_t var, int64_t value)
{
    if (G_UNLIKELY(cp_records(sim, CP_REC_VAR))) {
        cp_record_wide(sim, CP_REC_VAR, var, CP_RECORD_NO_CPU, cp_record_high(value), tid,
                       cp_record_low(value));
    }
}

#endif
