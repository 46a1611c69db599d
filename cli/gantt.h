/* A Gantt chart of letters, for terminals and lecture notes. */
#ifndef CP_CLI_GANTT_H
#define CP_CLI_GANTT_H

#include "traces/cpr.h"

typedef struct {
    unsigned width; /* columns of the terminal */
    bool ascii;     /* no other characters */
    bool colour;
} CpGanttLook;

/* New text: who ran on each CPU, and below what each thread did, column by column; in a
 * column stands what took most of it.  CP_ERROR_INPUT: a damaged recording. */
char *cp_gantt_text(CpCpr *cpr, const CpGanttLook *look, GError **error);

#endif
