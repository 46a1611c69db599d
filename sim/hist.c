#include "sim/hist.h"

#include "sim/assert.h"

#include <string.h>

enum { STEPS = 1 << CP_HIST_BITS, PPM = 1000000 };

void cp_hist_init(CpHist *hist, CpArena *arena)
{
    cp_require(arena != NULL);
    *hist = (CpHist){.arena = arena, .min = INT64_MAX};
}

void cp_hist_reset(CpHist *hist)
{
    hist->n = 0;
    hist->min = INT64_MAX;
    hist->max = 0;
    hist->sum = 0;
    for (unsigned o = 0; o < CP_HIST_OCTAVES; o++) {
        if (hist->octave[o] != NULL) {
            memset(hist->octave[o], 0, STEPS * sizeof(uint64_t));
        }
    }
}

void cp_hist_grow(CpHist *hist, unsigned octave)
{
    cp_require(octave < CP_HIST_OCTAVES);
    cp_assert(hist->octave[octave] == NULL); /* or its counts would be lost */
    hist->octave[octave] = cp_arena_alloc(hist->arena, STEPS * sizeof(uint64_t));
}

/* Smallest value counted in a step.  Octave 0 is exact; octave o >= 1 begins at 64 << o - 1
 * and has steps of 1 << o - 1. */
static uint64_t step_low(unsigned octave, unsigned step)
{
    return octave == 0 ? step : (uint64_t)(STEPS + step) << (octave - 1);
}

static uint64_t step_width(unsigned octave)
{
    return octave == 0 ? 1 : (uint64_t)1 << (octave - 1);
}

int64_t cp_hist_quantile(const CpHist *hist, uint32_t ppm)
{
    cp_require(ppm <= PPM);
    if (hist->n == 0) {
        return 0;
    }
    /* Rank of the value wanted, from 1: the smallest with at least that share at or below
     * it. */
    uint64_t rank = (uint64_t)(((unsigned __int128)hist->n * ppm + PPM - 1) / PPM);
    rank = CLAMP(rank, 1, hist->n);
    cp_assert(hist->min >= 0 && hist->min <= hist->max);
    uint64_t seen = 0;
    for (unsigned o = 0; o < CP_HIST_OCTAVES; o++) {
        for (unsigned s = 0; hist->octave[o] != NULL && s < STEPS; s++) {
            seen += hist->octave[o][s];
            if (seen >= rank) {
                int64_t middle = (int64_t)(step_low(o, s) + (step_width(o) - 1) / 2);
                return CLAMP(middle, hist->min, hist->max);
            }
        }
    }
    return hist->max;
}

int64_t cp_hist_mean(const CpHist *hist)
{
    int64_t mean = hist->n == 0 ? 0 : (int64_t)((hist->sum + hist->n / 2) / hist->n);
    cp_assert(hist->n == 0 || (mean >= hist->min && mean <= hist->max));
    return mean;
}

uint64_t cp_hist_below(const CpHist *hist, int64_t limit)
{
    if (limit < 0 || hist->n == 0 || limit < hist->min) {
        return 0;
    }
    uint64_t n = 0;
    for (unsigned o = 0; o < CP_HIST_OCTAVES; o++) {
        for (unsigned s = 0; hist->octave[o] != NULL && s < STEPS; s++) {
            if (step_low(o, s) > (uint64_t)limit) {
                return n;
            }
            n += hist->octave[o][s];
        }
    }
    cp_assert(n == hist->n); /* every value was added to a step */
    return n;
}
