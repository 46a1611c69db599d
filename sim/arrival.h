/* Open arrival streams. */
#ifndef CP_SIM_ARRIVAL_H
#define CP_SIM_ARRIVAL_H

#include "sim/flow.h"

typedef struct {   /* one open arrival stream */
    CpTid tid;     /* the thread that opened it */
    uint32_t desc; /* row of workload->arrivals */
    uint32_t body; /* pc */
    CpTime next;
    uint32_t index; /* arrivals so far */
} CpStream;

/* The thread opens the stream: its body runs by timers from now on. */
void cp_arrival_open(CpSim *sim, CpTid tid, uint32_t desc, CpFlow *flow);
/* Draws the next arrival into stream->next; false: the stream is over. */
bool cp_arrival_time(CpSim *sim, CpStream *stream, CpFlow *flow);
/* Draws when the stream's next request arrives and sets its timer; at its end, the one that
 * wakes its thread. */
void cp_arrival_arm(CpSim *sim, uint32_t stream, CpFlow *flow);

#endif
