/* From spans of CPUs to what a picture of them draws.
 *
 *   recording -> slices (who ran where, from when to when; idle left out)
 *             -> CpBins -> pieces (long slices, drawn exactly) and bins (shares of time)
 *
 * Everything is integer nanoseconds and exact: in each lane pieces, bins and idle time add
 * up to the window times the lane's CPUs, whatever the level of detail.  Work is done in
 * one pass over the blocks of the window, memory depends on the picture, not on the run. */
#ifndef CP_PLOTS_LANES_H
#define CP_PLOTS_LANES_H

#include "traces/cpr.h"

/* One stretch of a thread on a CPU, from < to; of each CPU in order of time.  A switch from
 * a thread to itself does not end a slice. */
typedef void (*CpSliceFn)(void *data, uint32_t cpu, uint32_t tid, CpTime from, CpTime to);

/* All slices of a recording within [from, to), which is cut to the recording. */
gboolean cp_slices_walk(CpCpr *cpr, CpTime from, CpTime to, CpSliceFn fn, void *data,
                        GError **error);

/* --- level of detail --- */

typedef struct {
    CpTime from, to; /* to > from */
    uint32_t n_cpus;
    uint32_t cpus_per_lane; /* CPUs that share a lane of the chart */
    uint32_t n_bins;        /* columns of the window; 0: every slice is a piece */
    uint32_t n_slots;       /* threads told apart; slots are 0 .. n_slots - 1 */
    CpTime long_ns;         /* slices of this length are pieces; raised to a bin's width;
                               lanes of several CPUs have no pieces */
} CpBinsShape;

typedef struct {
    uint32_t lane, tid, slot;
    CpTime from, to;
} CpPiece;

typedef struct {
    CpBinsShape shape;
    uint32_t n_lanes;
    CpTime *ns;           /* [lane][bin][slot]: time of short slices */
    CpTime *open, *close; /* [lane][bin]: the part of the bin that no piece covers */
    GArray *pieces;       /* CpPiece, of each lane in order of time */
} CpBins;

void cp_bins_init(CpBins *bins, const CpBinsShape *shape);
void cp_bins_clear(CpBins *bins);
void cp_bins_add(CpBins *bins, uint32_t cpu, uint32_t tid, uint32_t slot, CpTime from,
                 CpTime to);
/* Start of a bin; of n_bins: the end of the window. */
CpTime cp_bins_edge(const CpBins *bins, uint32_t bin);
/* The slots of one bin. */
const CpTime *cp_bins_at(const CpBins *bins, uint32_t lane, uint32_t bin);
/* CPUs of a lane; the last lane may have fewer. */
uint32_t cp_bins_lane_cpus(const CpBins *bins, uint32_t lane);
/* Busy time of a lane: pieces and bins together. */
CpTime cp_bins_busy(const CpBins *bins, uint32_t lane);

#endif
