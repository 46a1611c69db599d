/* Threads: what the kernel schedules.  Their rows are split by use: what an event touches
 * is one cache line. */
#ifndef CP_SIM_THREAD_H
#define CP_SIM_THREAD_H

#include "sim/state.h"

enum {
    CP_TF_DELAYED = 1,   /* asleep, but still in its class's structure */
    CP_TF_WAKING = 2,    /* woken; activation on its CPU is under way */
    CP_TF_SPIN = 4,      /* burst ends at a moment, not after an amount of work */
    CP_TF_STOP = 8,      /* cp_stop_at is due when it next runs */
    CP_TF_WOKEN = 16,    /* enqueued by a wake-up, has not run since */
    CP_TF_MIGRATED = 32, /* its next burst pays for the migration */
    CP_TF_DAEMON = 64,
    CP_TF_SPECIAL = 128, /* has attributes of its own */
};

struct CpThread {      /* hot; one cache line */
    CpTime burst_left; /* ns of work left at full capacity */
    CpTime since;      /* when the present state began */
    CpTime cpu_time;   /* ns charged */
    CpFlowId flow;     /* behaviour now executed */
    CpTid next, prev;  /* neighbours in the wait queue `chan` */
    CpChan chan;       /* what we wait on, or CP_NONE */
    uint32_t wake_gen; /* bumping it makes a pending deadline stale */
    uint32_t decl;     /* declaration in the workload */
    CpProcId proc;
    CpGroup group;
    uint16_t cpu;      /* where it runs or is queued, or last was */
    uint16_t affinity; /* mask of the workload + 1; 0: all CPUs */
    uint8_t state;     /* CpThreadState */
    uint8_t cls;       /* rank of its class */
    uint8_t block;     /* CpBlock */
    uint8_t flags;     /* CP_TF_* */
};

G_STATIC_ASSERT(sizeof(CpThread) == 64);

struct CpThreadCold { /* cold */
    CpTime start;
    CpTime work; /* nominal ns given to it in bursts */
    CpTime runq_wait, blocked;
    CpTime irq; /* interrupts while it held a CPU */
    uint32_t nvcsw, nivcsw, migrations;
    uint32_t instance; /* of its declaration, from 0 */
    uint32_t object;   /* what it is blocked on: object, declaration */
    uint32_t attr;     /* row of sim->attrs in force */
};

G_STATIC_ASSERT(sizeof(CpThreadCold) == 64);

/* What few threads have; a row that is never written costs no memory. */
struct CpThreadRare {
    CpTid parent_plus1;                        /* 0: none */
    CpTid first_plus1, next_plus1, prev_plus1; /* living children, newest first */
    CpTime first_run_plus1;   /* 0: before; kept for the first CP_FIRST_RUNS threads */
    CpTime stopped;           /* work left when cp_stop_at ended its burst */
    uint32_t base_attr_plus1; /* row without inherited priority; 0: as in force */
    CpTid spin_next_plus1, spin_prev_plus1; /* who waits for the same on a CPU; 0: none */
    CpTime spin_since_plus1;                /* waits since then; 0: it does not spin */
    CpTime spin_stretch, spin_left; /* of the burst it spins in; of all, -1: no end */
    uint8_t spin_state; /* how far its operation is with it, 0: it does not spin */
    uint32_t credits;   /* replay: wake-ups that came before the wait */
};

enum { CP_FIRST_RUNS = 1 << 16 };

struct CpDeclState {    /* what has become of one declaration */
    uint32_t instances; /* created so far */
    uint32_t live;
    CpTid first;      /* first instance, good once instances > 0 */
    uint32_t credits; /* replay: wake-ups that came before it existed */
};

static inline CpThread *cp_thread(const CpSim *sim, CpTid tid)
{
    cp_assert(tid < sim->tables.thread.n);
    return &sim->threads[tid];
}

static inline bool cp_allowed(const CpSim *sim, const CpThread *t, CpCpu cpu)
{
    return t->affinity == 0 ||
           cp_cpumask_has(&g_array_index(sim->w->masks, CpCpuMask, t->affinity - 1), cpu);
}

/* It has been blocked since `since`, on `block`: counts that. */
void cp_thread_was_blocked(CpSim *sim, CpTid tid);
void cp_threads_init(CpSim *sim);
CpTid cp_thread_create(CpSim *sim, uint32_t decl, CpTid parent);
/* The thread has left its queue and ends. */
void cp_thread_end(CpSim *sim, CpTid tid);
/* Ends a thread from outside, whatever it does at the moment. */
void cp_thread_kill(CpSim *sim, CpTid tid);
/* A living child of that declaration; CP_NONE: any that is no daemon. */
bool cp_has_child(const CpSim *sim, CpTid tid, uint32_t decl);

/* attr.c */
/* New attributes, whatever the thread does at the moment. */
void cp_set_attr(CpSim *sim, CpTid tid, const CpSchedAttr *attr);
/* Class, affinity and the class's own data follow the attributes; not queued. */
void cp_thread_class(CpSim *sim, CpTid tid, const CpSchedAttr *attr);

#endif
