/* Repeats a scenario: tick phases, places where threads began, seeds. */
#ifndef CP_TESTS_ACCURACY_SIMULATE_H
#define CP_TESTS_ACCURACY_SIMULATE_H

#include "tests/accuracy/figures.h"

typedef struct {
    yajl_val scenario; /* borrowed */
    GPtrArray *figures;
    char *failure;    /* why nothing could be simulated, NULL */
    double scale;     /* of bursts, as given */
    double corrected; /* less the simulated cost of switches that it contains */
    uint64_t events;
} Outcome;

/* `runs` tick phases; new. */
Outcome *simulate(const Reality *reality, yajl_val scenario, unsigned runs);
void outcome_free(Outcome *outcome);

#endif
