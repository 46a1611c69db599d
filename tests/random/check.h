/* What must hold of every workload, whatever it does.
 *
 *   laws       those of threads, CPUs and the python runtime, on the records of the run
 *   outcome    one of the documented ones, within the guards
 *   ticks      running every tick changes nothing
 *   JSON       the JSON form of the workload makes the same run, and has the same hash
 *   settings   all settings in force, given as --set would, make the same run
 *   rebuild    the recording is read, rebuilt and simulated, and keeps the laws */
#ifndef CP_TESTS_RANDOM_CHECK_H
#define CP_TESTS_RANDOM_CHECK_H

#include "sim/types.h"

typedef enum {
    CHECK_READ,
    CHECK_RUN,
    CHECK_TICKS,
    CHECK_JSON,
    CHECK_SETTINGS,
    CHECK_REBUILD,
    CHECK_PARTS
} CheckPart;
/* "the run" ... for messages. */
const char *check_part_name(CheckPart part);

typedef struct {
    volatile CheckPart *part; /* told what is being done, for whoever watches; not NULL */
    const char *folder;       /* for temporary files */
    /* results */
    bool accepted;     /* the compiler takes the text */
    CpOutcome outcome; /* if it does */
    uint64_t events;
    uint64_t digest; /* of records and results: equal in every build */
    char *failure;   /* what does not hold, or NULL; owned by the caller */
} Check;

/* New text: the same without what the compiler refuses, or NULL if that was too much. */
char *check_mend(const char *text);
void check_text(const char *text, Check *check);

#endif
