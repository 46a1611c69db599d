/* The figures of a scenario: what was measured, what repeated simulation gives, how far
 * apart they are and whether that is evidence.
 *
 * Which figures there are follows from what was measured; each simulated run adds a value
 * to every figure it can answer. */
#ifndef CP_TESTS_ACCURACY_FIGURES_H
#define CP_TESTS_ACCURACY_FIGURES_H

#include "sim/sim.h"
#include "tests/accuracy/reality.h"

typedef enum {
    FIGURE_MAKESPAN,
    FIGURE_CPU,   /* seconds of a thread */
    FIGURE_SHARE, /* of the CPU time of all threads */
    FIGURE_NVCSW,
    FIGURE_NIVCSW,
    FIGURE_TOTAL,   /* switches of all threads */
    FIGURE_LATENCY, /* a thread's own histogram */
    FIGURE_THROTTLED,
    FIGURE_N_THROTTLED,
    FIGURE_HANDOFFS,
    /* from the traced repetition */
    FIGURE_MIGRATIONS,
    FIGURE_TRACED_HANDOFFS,
    FIGURE_SWITCHES,
    FIGURE_BUSY,
    FIGURE_WAKEUP,
    FIGURE_SLICE,
} FigureKind;

typedef struct {
    double median, min, max;
    unsigned n;
} Spread;

typedef struct {
    char *name; /* "nvcsw.hog" */
    FigureKind kind;
    char *subject;   /* thread, CPU number, group; NULL: the whole program */
    unsigned cpu;    /* FIGURE_BUSY: the simulated one */
    char *hist;      /* FIGURE_LATENCY: histogram of the workload */
    double samples;  /* a distribution's, NAN if not known */
    double quantile; /* 0..1; 2: mean */
    bool traced;
    Spread measured, simulated;
    GArray *values; /* double, one a simulated run that has it */
    char *why_not;  /* not counted because; NULL: counted */
    char *summary;  /* key it counts under, NULL: printed only */
    double error;   /* share; NAN if there is nothing to compare */
    double below;   /* simulated share below the measured value, summed over runs */
    unsigned n_below;
    double distance; /* of that share from the quantile; NAN if it is not a quantile */
    bool by_range;   /* several modes: distance to the measured range */
    bool in_range;
} Figure;

/* New array of Figure *, owned. */
GPtrArray *figures_of(const Reality *reality, yajl_val scenario);
/* Adds what a finished run says. */
void figures_add(GPtrArray *figures, CpSim *sim, bool traced);
/* Spreads, errors, and what is evidence. */
void figures_compare(GPtrArray *figures, const Reality *reality, yajl_val scenario);
/* Largest distance of the two distribution functions at the measured quantiles of a
 * distribution ("wake_lat_us.sl"); a lower bound of the Kolmogorov-Smirnov distance.  NAN:
 * there is no such distribution. */
double figures_distance(const GPtrArray *figures, const char *name);
/* Names of the distributions: new array of new text. */
GPtrArray *figures_distributions(const GPtrArray *figures);
Spread spread_of(const GArray *values);

#endif
