/* Axes as numbers: where a time or a count lies, which ticks to mark, how to write them.
 *
 * One unit an axis, chosen by the largest value, written once in the axis title; steps
 * are 1, 2 or 5 times a power of ten; never an exponent, never a locale.  Ticks are found
 * in integers, so a window of 100 ns an hour into a run has correct labels. */
#ifndef CP_PLOTS_SCALE_H
#define CP_PLOTS_SCALE_H

#include "sim/types.h"
#include "sim/units.h"

enum { CP_TICKS_MAX = 32, CP_TICK_TEXT = 32 };

typedef struct {
    int64_t value; /* ns, or a count */
    char text[CP_TICK_TEXT];
} CpTick;

typedef struct {
    CpTick tick[CP_TICKS_MAX];
    unsigned n;
    char title[96]; /* "time [ms]"; "time after 5.02 s [us]" */
} CpTicks;

/* A straight map of [from, to] to [start, end] in points. */
typedef struct {
    int64_t from, to; /* to > from */
    double start, end;
} CpScale;

double cp_scale_at(const CpScale *scale, int64_t value);

/* Cuts the range into at most `max` steps. */
void cp_ticks_time(CpTicks *ticks, CpTime from, CpTime to, unsigned max);
/* From zero to at least `largest`; the last tick is the end of the axis. */
void cp_ticks_count(CpTicks *ticks, int64_t largest, unsigned max);

/* Smallest 1, 2 or 5 times a power of ten that is >= value; value >= 1. */
int64_t cp_scale_step(int64_t value);

/* Its name in the letters that charts can draw: "µs". */
const char *cp_unit_name(const CpSuffix *unit);

/* New text: a length for people, "1.240 s", "606 ms", "12.3 µs", "0 ns". */
char *cp_time_text(CpTime ns);
/* New text: 12345 as "12 345". */
char *cp_count_text(int64_t count);
/* New text: part of whole in per cent, one decimal below ten, "<0.1" for the rest. */
char *cp_share_text(int64_t part, int64_t whole);

#endif
