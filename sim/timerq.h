/* Timers: a monotone radix heap, first-in-first-out at equal times.
 *
 * Time never goes back: pushing before the last popped time is a bug.  Looking at the
 * minimum does not advance the queue.  There is no cancelling: an entry carries a
 * generation number that its owner compares when the entry surfaces. */
#ifndef CP_SIM_TIMERQ_H
#define CP_SIM_TIMERQ_H

#include "sim/types.h"

typedef struct {
    CpTime at;
    uint32_t id;
    uint32_t gen;
} CpTimer;

typedef struct CpTimerq CpTimerq;

CpTimerq *cp_timerq_new(void);
void cp_timerq_free(CpTimerq *q);
void cp_timerq_reset(CpTimerq *q);
void cp_timerq_push(CpTimerq *q, CpTimer timer);
/* Earliest time, or CP_NEVER. */
/* A timer that is due soon, probably the next one; false: there is none. */
bool cp_timerq_soon(const CpTimerq *q, CpTimer *timer);
CpTime cp_timerq_next(const CpTimerq *q);
/* Removes and returns the first entry; the queue must not be empty. */
CpTimer cp_timerq_pop(CpTimerq *q);
size_t cp_timerq_size(const CpTimerq *q);

#endif
