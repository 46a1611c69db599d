/* Why a changed simulation takes another time than the one before it, in a sentence or two.
 */
#ifndef CP_CLI_WHATIF_CAUSE_H
#define CP_CLI_WHATIF_CAUSE_H

#include "traces/measure.h"

typedef struct {
    const char *change; /* "4 cores" */
    const CpMeasure *before, *after, *recorded;
    CpCpr *cpr, *recording; /* of `after` and `recorded`, for names */
} CpCause;

/* New text: "with 4 cores the program is 39.7 % shorter, because ...". */
char *cp_cause_text(const CpCause *cause);

/* New text: name of a thread for a message. */
char *cp_cause_thread(const CpCpr *cpr, uint32_t id);

#endif
