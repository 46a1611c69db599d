#include "plots/lanes.h"

#include "sim/assert.h"

/* --- reading a window --- */

/* First block that ends at or after `from`; n_blocks if there is none. */
static uint32_t first_block(const CpCpr *cpr, CpTime from)
{
    uint32_t low = 0, high = cp_cpr_n_blocks(cpr);
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        CpTime begin, end;
        cp_cpr_block_range(cpr, middle, &begin, &end);
        if (end < from) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

gboolean cp_records_walk(CpCpr *cpr, CpTime from, CpTime to, CpRecordsFn fn, void *data,
                         GError **error)
{
    g_autofree CpRecord *records = g_new(CpRecord, CP_RECORD_BLOCK);
    for (uint32_t b = first_block(cpr, from); b < cp_cpr_n_blocks(cpr); b++) {
        CpTime begin, end;
        cp_cpr_block_range(cpr, b, &begin, &end);
        if (begin > to) {
            break;
        }
        size_t n = 0;
        if (!cp_cpr_read(cpr, b, records, &n, error)) {
            return FALSE;
        }
        fn(data, records, n);
    }
    return TRUE;
}

/* Goes back from `from` block by block until every CPU has been seen. */
gboolean cp_running_before(CpCpr *cpr, CpTime from, uint32_t *running, GError **error)
{
    uint32_t n_cpus = cp_cpr_info(cpr)->n_cpus, n_unknown = n_cpus;
    g_autofree bool *is_known = g_new0(bool, n_cpus + 1);
    g_autofree CpRecord *records = g_new(CpRecord, CP_RECORD_BLOCK);
    for (uint32_t cpu = 0; cpu < n_cpus; cpu++) {
        running[cpu] = CP_NONE;
    }
    for (uint32_t b = first_block(cpr, from); b-- > 0 && n_unknown > 0;) {
        size_t n = 0;
        if (!cp_cpr_read(cpr, b, records, &n, error)) {
            return FALSE;
        }
        while (n-- > 0) {
            const CpRecord *r = &records[n];
            if (cp_record_kind(r) == CP_REC_SWITCH && r->cpu < n_cpus &&
                !is_known[r->cpu]) {
                is_known[r->cpu] = true;
                running[r->cpu] = r->id;
                n_unknown--;
            }
        }
    }
    return TRUE;
}

/* --- slices --- */

void cp_slicer_init(CpSlicer *slicer, uint32_t n_cpus, CpTime from, CpTime to, CpSliceFn fn,
                    void *data)
{
    *slicer = (CpSlicer){.from = from, .to = to, .n_cpus = n_cpus, .fn = fn, .data = data};
    slicer->running = g_new(uint32_t, n_cpus + 1);
    slicer->since = g_new(CpTime, n_cpus + 1);
    for (uint32_t cpu = 0; cpu < n_cpus; cpu++) {
        slicer->running[cpu] = CP_NONE;
        slicer->since[cpu] = from;
    }
}

static void end_slice(CpSlicer *s, uint32_t cpu, CpTime at)
{
    CpTime to = MIN(at, s->to);
    if (s->running[cpu] != CP_NONE && s->since[cpu] < to) {
        s->fn(s->data, cpu, s->running[cpu], s->since[cpu], to);
    }
}

void cp_slicer_feed(CpSlicer *slicer, const CpRecord *records, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const CpRecord *r = &records[i];
        if (cp_record_kind(r) != CP_REC_SWITCH || r->cpu >= slicer->n_cpus ||
            r->id == slicer->running[r->cpu]) {
            continue;
        }
        CpTime at = cp_record_time(r);
        end_slice(slicer, r->cpu, at);
        slicer->running[r->cpu] = r->id;
        slicer->since[r->cpu] = MAX(at, slicer->from);
    }
}

void cp_slicer_finish(CpSlicer *slicer)
{
    for (uint32_t cpu = 0; cpu < slicer->n_cpus; cpu++) {
        end_slice(slicer, cpu, slicer->to);
        slicer->running[cpu] = CP_NONE;
    }
}

void cp_slicer_clear(CpSlicer *slicer)
{
    g_clear_pointer(&slicer->running, g_free);
    g_clear_pointer(&slicer->since, g_free);
}

static void feed_slicer(void *data, const CpRecord *records, size_t n)
{
    cp_slicer_feed(data, records, n);
}

gboolean cp_slices_walk(CpCpr *cpr, CpTime from, CpTime to, CpSliceFn fn, void *data,
                        GError **error)
{
    const CpCprInfo *info = cp_cpr_info(cpr);
    from = MAX(from, info->start);
    to = MIN(to, info->end);
    CpSlicer slicer;
    cp_slicer_init(&slicer, info->n_cpus, from, to, fn, data);
    gboolean ok = cp_running_before(cpr, from, slicer.running, error) &&
                  cp_records_walk(cpr, from, to, feed_slicer, &slicer, error);
    if (ok) {
        cp_slicer_finish(&slicer);
    }
    cp_slicer_clear(&slicer);
    return ok;
}

/* --- level of detail --- */

static CpTime edge(const CpBinsShape *shape, uint32_t bin)
{
    __int128 span = shape->to - shape->from;
    return shape->from + (CpTime)(span * bin / shape->n_bins);
}

/* The bin that holds `at`; the last one for the end of the window. */
static uint32_t bin_of(const CpBinsShape *shape, CpTime at)
{
    __int128 past = at - shape->from;
    uint32_t bin = (uint32_t)(past * shape->n_bins / (shape->to - shape->from));
    bin = MIN(bin, shape->n_bins - 1);
    /* Edges are rounded down, so the division may be one short. */
    while (bin + 1 < shape->n_bins && edge(shape, bin + 1) <= at) {
        bin++;
    }
    return bin;
}

void cp_bins_init(CpBins *bins, const CpBinsShape *shape)
{
    cp_require(shape->to > shape->from && shape->cpus_per_lane > 0 && shape->n_slots > 0);
    *bins = (CpBins){.shape = *shape};
    bins->n_lanes = (shape->n_cpus + shape->cpus_per_lane - 1) / shape->cpus_per_lane;
    bins->pieces = g_array_new(FALSE, FALSE, sizeof(CpPiece));
    size_t cells = (size_t)bins->n_lanes * shape->n_bins;
    bins->ns = g_new0(CpTime, cells * shape->n_slots + 1);
    bins->open = g_new(CpTime, cells + 1);
    bins->close = g_new(CpTime, cells + 1);
    for (size_t i = 0; i < cells; i++) {
        bins->open[i] = edge(shape, (uint32_t)(i % shape->n_bins));
        bins->close[i] = edge(shape, (uint32_t)(i % shape->n_bins) + 1);
    }
    if (shape->n_bins > 0) {
        /* What no piece covers is one stretch a bin only if a piece never fits inside. */
        CpTime width = (shape->to - shape->from) / shape->n_bins + 1;
        bins->shape.long_ns =
            shape->cpus_per_lane > 1 ? CP_NEVER : MAX(shape->long_ns, width);
    }
}

void cp_bins_clear(CpBins *bins)
{
    g_clear_pointer(&bins->ns, g_free);
    g_clear_pointer(&bins->open, g_free);
    g_clear_pointer(&bins->close, g_free);
    g_clear_pointer(&bins->pieces, g_array_unref);
}

/* Takes [from, to) out of the bins it touches. */
static void cover(CpBins *bins, uint32_t lane, CpTime from, CpTime to)
{
    const CpBinsShape *shape = &bins->shape;
    size_t row = (size_t)lane * shape->n_bins;
    for (uint32_t b = bin_of(shape, from); b < shape->n_bins; b++) {
        CpTime start = edge(shape, b), end = edge(shape, b + 1);
        if (start >= to) {
            break;
        }
        if (from <= start && to >= end) {
            bins->close[row + b] = bins->open[row + b];
        } else if (from > start) {
            bins->close[row + b] = MIN(bins->close[row + b], from);
        } else {
            bins->open[row + b] = MAX(bins->open[row + b], to);
        }
    }
}

static void spread(CpBins *bins, uint32_t lane, uint32_t slot, CpTime from, CpTime to)
{
    const CpBinsShape *shape = &bins->shape;
    size_t row = (size_t)lane * shape->n_bins;
    for (uint32_t b = bin_of(shape, from); b < shape->n_bins && from < to; b++) {
        CpTime until = MIN(to, edge(shape, b + 1));
        bins->ns[(row + b) * shape->n_slots + slot] += until - from;
        from = until;
    }
}

void cp_bins_add(CpBins *bins, uint32_t cpu, uint32_t tid, uint32_t slot, CpTime from,
                 CpTime to)
{
    const CpBinsShape *shape = &bins->shape;
    cp_require(cpu < shape->n_cpus && slot < shape->n_slots);
    cp_require(shape->from <= from && from < to && to <= shape->to);
    uint32_t lane = cpu / shape->cpus_per_lane;
    if (shape->n_bins == 0 || to - from >= bins->shape.long_ns) {
        CpPiece piece = {lane, tid, slot, from, to};
        g_array_append_val(bins->pieces, piece);
        if (shape->n_bins > 0) {
            cover(bins, lane, from, to);
        }
    } else {
        spread(bins, lane, slot, from, to);
    }
}

CpTime cp_bins_edge(const CpBins *bins, uint32_t bin)
{
    return edge(&bins->shape, bin);
}

const CpTime *cp_bins_at(const CpBins *bins, uint32_t lane, uint32_t bin)
{
    size_t cell = (size_t)lane * bins->shape.n_bins + bin;
    return &bins->ns[cell * bins->shape.n_slots];
}

uint32_t cp_bins_lane_cpus(const CpBins *bins, uint32_t lane)
{
    uint32_t first = lane * bins->shape.cpus_per_lane;
    return MIN(bins->shape.cpus_per_lane, bins->shape.n_cpus - first);
}

CpTime cp_bins_busy(const CpBins *bins, uint32_t lane)
{
    CpTime busy = 0;
    size_t n = (size_t)bins->shape.n_bins * bins->shape.n_slots;
    for (size_t i = 0; i < n; i++) {
        busy += bins->ns[(size_t)lane * n + i];
    }
    for (guint i = 0; i < bins->pieces->len; i++) {
        const CpPiece *piece = &g_array_index(bins->pieces, CpPiece, i);
        busy += piece->lane == lane ? piece->to - piece->from : 0;
    }
    return busy;
}
