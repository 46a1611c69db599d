/* Reads one line of scheduler event text: `perf script`, the kernel's trace
 * file, trace-cmd report (its own, raw and old payloads), systrace and atrace.
 * No state, no allocation. */
#ifndef CP_TRACES_IMPORT_TEXT_EVENT_H
#define CP_TRACES_IMPORT_TEXT_EVENT_H

#include "traces/import/event.h"

typedef enum {
    CP_TEXT_EVENT,   /* *event is filled */
    CP_TEXT_HEADER,  /* a comment, heading or blank line */
    CP_TEXT_UNKNOWN, /* not a line of a trace */
    CP_TEXT_BROKEN,  /* an event we know, whose payload is not as it should be */
    CP_TEXT_INTEGER, /* would be an event, but its clock counts something that is
                        no time */
    CP_TEXT_END,     /* end of the trace inside an HTML page */
} CpTextKind;

/* `line` has CP_LINE_SLACK readable bytes behind its `len`, the first of them a
 * line end, a carriage return or NUL. */
CpTextKind cp_text_event(const char *line, size_t len, CpTraceEvent *event);

/* What a heading says: the number of CPUs, events that the ring buffer
 * overwrote; 0 if it does not. */
void cp_text_heading(const char *line, size_t len, uint32_t *n_cpus, uint64_t *overwritten);

/* The state of a thread, as switches have it, by the number that the kernel has for it, of
 * a kernel that is not known. */
uint32_t cp_text_state_of_number(int64_t number);

#endif
