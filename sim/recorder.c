#include "sim/recorder.h"

/* Decides which records of a run reach its sink. */

static bool wanted(const CpRecordFilter *filter, const CpRecord *r)
{
    CpTime t = cp_record_time(r);
    bool in_window = t >= filter->from && (filter->to == 0 || t <= filter->to);
    return in_window && !(filter->drop_kinds >> cp_record_kind(r) & 1);
}

/* Drops what the filter refuses; a MORE record shares its head's fate. */
static size_t filter_block(const CpRecordFilter *filter, CpRecord *records, size_t n)
{
    size_t kept = 0;
    bool keep = false;
    for (size_t i = 0; i < n; i++) {
        if (cp_record_kind(&records[i]) != CP_REC_MORE) {
            keep = wanted(filter, &records[i]);
        }
        if (keep) {
            records[kept++] = records[i];
        }
    }
    return kept;
}

/* Time never goes back; a MORE record keeps a value in its place. */
static bool in_order(const CpRecord *records, size_t n)
{
    CpTime last = 0;
    for (size_t i = 0; i < n; i++) {
        if (cp_record_kind(&records[i]) != CP_REC_MORE) {
            if (cp_record_time(&records[i]) < last) {
                return false;
            }
            last = cp_record_time(&records[i]);
        }
    }
    return true;
}

void cp_record_flush(CpSim *sim)
{
    const CpRecordFilter *filter = &sim->config.filter;
    size_t n = (size_t)(sim->rec.next - sim->rec.block);
    cp_assert(sim->rec.next >= sim->rec.block && sim->rec.next <= sim->rec.end);
    cp_audit(in_order(sim->rec.block, n));
    if (filter->from > 0 || filter->to > 0 || filter->drop_kinds != 0) {
        n = filter_block(filter, sim->rec.block, n);
    }
    sim->rec.next = sim->rec.block;
    if (n == 0 || sim->fatal != NULL) {
        return;
    }
    const CpSink *sink = sim->config.sink;
    if (!sink->write(sink->data, sim->rec.block, n, &sim->fatal)) {
        sim->stopping = true;
        sim->outcome = CP_OUTCOME_ERROR;
    }
}

void cp_record_wide(CpSim *sim, CpRecordKind kind, uint32_t id, uint32_t cpu, uint32_t arg,
                    uint32_t id2, int64_t value)
{
    cp_assert(cpu < sim->n_cpus || cpu == CP_RECORD_NO_CPU);
    cp_assert(cp_record_info(kind)->has_more);
    if (!cp_records(sim, kind)) {
        return;
    }
    if (sim->rec.end - sim->rec.next < 2) {
        cp_record_flush(sim);
    }
    *sim->rec.next++ = cp_record_make(sim->now, kind, id, cpu, arg);
    *sim->rec.next++ = cp_record_make(value, CP_REC_MORE, id2, 0, 0);
}
