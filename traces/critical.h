/* The critical path of some threads of a recording: what the last of them to run waited
 * for, step by step back to the beginning.  A thread that was woken by another one goes on
 * from where that one was; one that was woken by nobody seen goes on from its own wait.
 *
 * Followed forwards, in memory for each thread: the hooks of a timeline are handed on. */
#ifndef CP_TRACES_CRITICAL_H
#define CP_TRACES_CRITICAL_H

#include "sim/timeline.h"
#include "traces/measure.h"

typedef struct CpCritical CpCritical;

/* `kept`, one a thread, is borrowed: waits ended by others are from outside. */
CpCritical *cp_critical_new(const bool *kept, uint32_t n_threads);
void cp_critical_free(CpCritical *critical);

/* In the order of the hooks. */
void cp_critical_span(CpCritical *critical, const CpSpan *span);
void cp_critical_wakeup(CpCritical *critical, const CpTimeline *tl, const CpWakeup *w);

/* The path to the end of what was seen of the threads. */
const CpPath *cp_critical_path(const CpCritical *critical);

#endif
