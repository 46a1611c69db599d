#include "sim/arrival.h"

#include "sim/flow.h"
#include "sim/thread.h"
#include "sim/timer.h"

/* Decides when the next request of an open stream arrives. */

bool cp_arrival_time(CpSim *sim, CpStream *stream, CpFlow *flow)
{
    const CpArrivalsDecl *d =
        &g_array_index(sim->w->arrivals, CpArrivalsDecl, stream->desc);
    cp_assert(stream->index != UINT32_MAX); /* it is not over */
    if (d->arg == CP_ARG_NONE) {
        const CpList *list = &g_array_index(sim->w->lists, CpList, d->gap);
        if (stream->index >= list->n) {
            return false;
        }
        stream->next = g_array_index(sim->w->values, int64_t, list->first + stream->index);
    } else {
        CpTime from = stream->index == 0 ? sim->now : stream->next;
        CpTime gap = cp_operand(sim, flow, d->arg, d->gap);
        stream->next = gap > CP_NEVER / 2 - from ? CP_NEVER / 2 : from + gap;
    }
    stream->index++;
    return stream->next <= d->until;
}

void cp_arrival_arm(CpSim *sim, uint32_t row, CpFlow *flow)
{
    CpStream *stream = &g_array_index(sim->arrivals.streams, CpStream, row);
    cp_assert(row < sim->arrivals.streams->len);
    if (cp_arrival_time(sim, stream, flow)) {
        cp_timer_push(sim, CP_TIMER_ARRIVAL, stream->next, row, 0);
    } else {
        stream->index = UINT32_MAX;
        CpTime until = g_array_index(sim->w->arrivals, CpArrivalsDecl, stream->desc).until;
        cp_timer_push(sim, CP_TIMER_ARRIVAL, until == CP_NEVER ? sim->now : until, row, 1);
    }
}

void cp_arrival_open(CpSim *sim, CpTid tid, uint32_t desc, CpFlow *flow)
{
    cp_assert(desc < sim->w->arrivals->len);
    /* Its thread sleeps until the stream is over. */
    cp_assert(cp_thread(sim, tid)->state == CP_THREAD_BLOCKED);
    CpStream stream = {.tid = tid, .desc = desc, .body = flow->pc + 1};
    g_array_append_val(sim->arrivals.streams, stream);
    uint32_t row = sim->arrivals.streams->len - 1;
    cp_arrival_arm(sim, row, flow);
}
