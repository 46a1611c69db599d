/* Busy waiting: a thread that finds an object taken computes until it is free, for as long
 * as the object says (spin=200us, spin=forever), and sleeps then.  What OpenMP, BLAS and
 * runtimes of languages do.
 *
 * Who spins notices a release at once while it has a CPU; who has lost its CPU notices it
 * when it runs again, and whoever holds the object while preempted lets all others burn
 * time.  Only the time on a CPU counts, as loops of PAUSE instructions do.  Spinning needs
 * a thread of a native process: CPython's locks sleep at once. */
#ifndef CP_MODELS_NATIVE_SPIN_H
#define CP_MODELS_NATIVE_SPIN_H

#include "sim/flow.h"
#include "sim/object.h"

/* How an operation that spins goes on; values of CpThreadRare.spin_state. */
enum {
    CP_SPIN_NOT,
    CP_SPIN_ON,      /* in the object's list */
    CP_SPIN_GRANTED, /* what it waited for has happened: the operation is done */
    CP_SPIN_OVER,    /* its time is used up: it sleeps */
};

/* The running thread cannot go on with its operation on `obj`: CP_STEP_RUN: it spins (on),
 * CP_STEP_BLOCK: it has to sleep, CP_STEP_NEXT: its deadline has passed. */
CpStep cp_spin_wait(CpSim *sim, CpTid tid, CpObjId obj, CpTime deadline);
/* Its operation is over, or sleeps: it spins no more, if it did. */
void cp_spin_end(CpSim *sim, CpTid tid, CpObjId obj);
/* The thread has ended, maybe from outside. */
void cp_spin_ended(CpSim *sim, CpTid tid);
/* The object is free for `n` of those who spin: they look again. */
void cp_spin_look(CpSim *sim, CpObjId obj, uint32_t n);
/* What all wait for has happened: they go on. */
void cp_spin_grant(CpSim *sim, CpObjId obj);
/* Since when the thread waits, spinning included. */
CpTime cp_spin_since(const CpSim *sim, CpTid tid);

#endif
