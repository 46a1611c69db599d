/* Synchronisation objects as C programs use them: mutex, rwlock, semaphore, condition,
 * event, barrier, queue, pipe, socket, built on channels as glibc builds them on futexes.
 *
 * There is no hand-off: a release makes the object free and wakes a waiter, which competes
 * again when it runs (barging), as futex-based objects do. */
#ifndef CP_MODELS_NATIVE_SYNC_H
#define CP_MODELS_NATIVE_SYNC_H

#include "models/native/sync-ops.h"
#include "sim/state.h"

extern const CpRuntimeClass cp_runtime_native;

/* One step of an operation of sync-ops.def; same contract as CpRuntimeClass.step. */
CpStep cp_sync_step(CpSim *sim, CpTid tid, const CpInsn *insn, CpWhy why);

/* CPU time, ns, of the system call that sends to that object or receives from it. */
CpTime cp_sync_io_cost(const CpSim *sim, CpObjId obj);

/* A message in flight reaches its socket: for CpRuntimeClass.timer. */
void cp_sync_timer(CpSim *sim, uint32_t id);

/* Takes a lock for a thread if it is free. */
bool cp_sync_try_lock(CpSim *sim, CpObjId obj, CpTid tid);
/* The thread makes it free, whoever has taken it, and wakes one waiter. */
void cp_sync_unlock(CpSim *sim, CpObjId obj, CpTid tid);

#endif
