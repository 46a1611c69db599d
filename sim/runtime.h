/* The language-runtime interface: who interprets operations from CP_OP_RUNTIME on.
 *
 * A runtime is a state machine.  `step` is called with the flow's current instruction and a
 * reason, changes its own state through kernel services only, and says how to go on.  It is
 * called again with the same instruction until it says NEXT. */
#ifndef CP_SIM_RUNTIME_H
#define CP_SIM_RUNTIME_H

#include "sim/metrics.h"
#include "sim/params.h"
#include "sim/program.h"
#include "sim/types.h"

typedef enum {
    CP_WHY_BEGIN,   /* the instruction is met for the first time */
    CP_WHY_RAN,     /* the burst asked for is over */
    CP_WHY_WOKEN,   /* the wait ended by a wake-up */
    CP_WHY_TIMEOUT, /* the wait ended by its deadline; the thread runs again */
    CP_WHY_STOPPED, /* the burst ended early, at the point set by cp_stop_at */
} CpWhy;

typedef enum {
    CP_STEP_NEXT,   /* done: go to the next instruction */
    CP_STEP_AGAIN,  /* the pc was changed: go on there */
    CP_STEP_RUN,    /* cp_run was called: let the burst run, then come back */
    CP_STEP_BLOCK,  /* cp_wait or cp_sleep_until was called */
    CP_STEP_SWITCH, /* the thread executes another flow from here on: go on there as it is
                     */
    CP_STEP_EXIT,   /* the thread ends */
} CpStep;

typedef struct CpProcess CpProcess;

typedef struct {
    const char *name, *summary;
    const CpParam *params;
    size_t proc_size, thread_size, flow_size;
    /* Optional: gives the rows nobody has set the values that follow from the version
     * (NULL: none is written) and the costs of the kernel, and says so in `from`; may be
     * repeated, allocates nothing.  So what is shown of a run is what was in force. */
    void (*settle)(CpParamSet *set, const char *version, const CpParamSet *costs);
    gboolean (*init)(CpSim *sim, CpProcId proc, GError **error);
    CpStep (*step)(CpSim *sim, CpTid tid, const CpInsn *insn, CpWhy why);
    /* Optional: wraps kernel operations of the process's threads (a Python thread drops its
     * lock around a sleep).  NULL: the engine executes them itself. */
    CpStep (*kernel_step)(CpSim *sim, CpTid tid, const CpInsn *insn, CpWhy why);
    /* Optional: the thread has ended, by itself or with its process; it may wake others. */
    void (*thread_ended)(CpSim *sim, CpTid tid);
    void (*timer)(CpSim *sim, uint32_t id, uint32_t gen); /* cp_timer fired */
    /* Optional: the warm-up is over, maxima and histograms begin anew; what adds up is
     * taken off by the engine. */
    void (*restart)(CpSim *sim);
    /* Optional: the run is over, what is to be said of all of it may be diagnosed. */
    void (*finish)(CpSim *sim);
    /* Metrics this runtime keeps, ended by a row without a name; NULL: none.  They are
     * asked for in every run, also where no process has this runtime. */
    const CpMetric *metrics;
} CpRuntimeClass;

/* --- kernel services --- */

/* The running thread gets a burst of `work` nominal ns; return CP_STEP_RUN. */
void cp_run(CpSim *sim, CpTid tid, CpTime work);
/* Nominal work left of the burst when it was stopped. */
CpTime cp_run_left(CpSim *sim, CpTid tid);
/* The running thread waits on a channel until woken or until deadline (CP_NEVER: none);
 * return CP_STEP_BLOCK.  `reason` and `object` say on what. */
void cp_wait(CpSim *sim, CpTid tid, CpChan chan, CpTime deadline, CpBlock reason,
             uint32_t object);
/* Wakes up to n waiters in queue order (real-time by priority first, then first come first
 * served); returns how many.  `waker` runs (or CP_NONE: an interrupt or outside). */
uint32_t cp_wake(CpSim *sim, CpChan chan, uint32_t n, CpTid waker, CpWakeCause cause,
                 uint32_t flags);
/* Wakes this one thread if it is blocked; false if it is not. */
bool cp_wake_thread(CpSim *sim, CpTid tid, CpTid waker, CpWakeCause cause, uint32_t flags);
uint32_t cp_waiters(const CpSim *sim, CpChan chan);
CpTid cp_first_waiter(const CpSim *sim, CpChan chan);
CpChan cp_channel_new(CpSim *sim);
/* The thread's burst ends at that simulated time at the latest: step gets STOPPED.  If it
 * is not on a CPU then, the stop is delivered when it next runs; if the burst is over by
 * then, or the thread has waited meanwhile, nothing happens. */
void cp_stop_at(CpSim *sim, CpTid tid, CpTime at);
/* The runtime's `timer` hook is called with (id, gen) at that time, in interrupt context.
 */
void cp_timer(CpSim *sim, CpProcId proc, CpTime at, uint32_t id, uint32_t gen);
/* Executes a kernel operation (from CP_OP_KERNEL to below CP_OP_RUNTIME); for runtimes that
 * wrap them. */
CpStep cp_kernel_step(CpSim *sim, CpTid tid, const CpInsn *insn, CpWhy why);
/* CPU time of kernel work by the running thread, before its next instruction. */
void cp_charge(CpSim *sim, CpTid tid, CpTime cost);

#endif
