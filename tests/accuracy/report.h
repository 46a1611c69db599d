/* What the comparison says, as text, Markdown and JSON. */
#ifndef CP_TESTS_ACCURACY_REPORT_H
#define CP_TESTS_ACCURACY_REPORT_H

#include "tests/accuracy/simulate.h"

#include <stdio.h>

typedef struct {
    const char *key;
    double median_err, p90_err; /* shares; NAN if n is 0 */
    double in_range;            /* share of figures inside the measured range */
    unsigned n;
} Summary;

/* One row a key, in the order they are printed; new array of Summary. */
GArray *report_summary(const GPtrArray *outcomes);
/* Table of every figure. */
void report_print(FILE *out, const Reality *reality, const GPtrArray *outcomes);
void report_print_summary(FILE *out, const GArray *summary);
/* New text. */
char *report_markdown(const Reality *reality, const GPtrArray *outcomes,
                      const GArray *summary);
char *report_json(const Reality *reality, const GPtrArray *outcomes, const GArray *summary);

#endif
