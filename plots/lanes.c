#include "plots/lanes.h"

#include "sim/assert.h"
#include "traces/walk.h"

/* --- slices --- */

typedef struct {
    CpSliceFn fn;
    void *data;
} Slices;

static void give(void *data, const CpCpuSpan *span)
{
    const Slices *slices = data;
    if (span->thread < CP_UNKNOWN) {
        slices->fn(slices->data, span->cpu, span->thread, span->from, span->to);
    }
}

gboolean cp_slices_walk(CpCpr *cpr, CpTime from, CpTime to, CpSliceFn fn, void *data,
                        GError **error)
{
    const CpTimelineHooks hooks = {.cpu = give};
    const CpWalk walk = {.from = from, .to = to, .near = true};
    Slices slices = {fn, data};
    return to <= from || cp_walk(cpr, &walk, &hooks, &slices, error);
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
