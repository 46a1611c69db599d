/* Log-linear histogram of ns: 64 steps an octave, so a quantile is within 0.8 %; exact
 * minimum, maximum, sum and count.  Octaves are allocated from an arena at first use, so an
 * unused histogram costs half a KiB, each octave another, and a hot one allocates nothing.
 */
#ifndef CP_SIM_HIST_H
#define CP_SIM_HIST_H

#include "sim/arena.h"
#include "sim/types.h"

enum { CP_HIST_BITS = 6, CP_HIST_OCTAVES = 64 - CP_HIST_BITS };

typedef struct {
    uint64_t n;
    int64_t min, max; /* valid when n > 0 */
    __int128 sum;
    CpArena *arena; /* borrowed */
    uint64_t *octave[CP_HIST_OCTAVES];
} CpHist;

void cp_hist_init(CpHist *hist, CpArena *arena);
/* Forgets all values and keeps the memory. */
void cp_hist_reset(CpHist *hist);
void cp_hist_grow(CpHist *hist, unsigned octave);

/* Adds one value; negative ones count as 0. */
static inline void cp_hist_add(CpHist *hist, int64_t value)
{
    uint64_t v = value < 0 ? 0 : (uint64_t)value;
    unsigned octave = v < (1u << CP_HIST_BITS)
                          ? 0
                          : (unsigned)(64 - CP_HIST_BITS) - (unsigned)__builtin_clzll(v);
    unsigned step = (unsigned)(v >> (octave ? octave - 1 : 0)) & ((1u << CP_HIST_BITS) - 1);
    if (G_UNLIKELY(hist->octave[octave] == NULL)) {
        cp_hist_grow(hist, octave);
    }
    hist->octave[octave][step]++;
    hist->n++;
    hist->sum += v;
    hist->min = (int64_t)v < hist->min ? (int64_t)v : hist->min;
    hist->max = (int64_t)v > hist->max ? (int64_t)v : hist->max;
}

/* Value at share ppm (500000 = median), clamped to min..max; 0 when empty. */
int64_t cp_hist_quantile(const CpHist *hist, uint32_t ppm);
int64_t cp_hist_mean(const CpHist *hist);
/* Number of values <= limit (to the step's resolution). */
uint64_t cp_hist_below(const CpHist *hist, int64_t limit);

#endif
