/* The policy interface: what a scheduling class must provide.
 *
 * A scheduler is an ordered stack of classes; the first one with something runnable is
 * asked to pick.  A class queues *entities*: threads, or control groups as seen on one CPU,
 * and never needs to know which.  The engine owns all memory: `rq_size` bytes per queue and
 * `ent_size` bytes per entity come zeroed and stay where they are.
 *
 * Rules for every hook: no allocation (but through cp_rq_reserve), no printing, no
 * randomness but cp_rq_random, no touching of another CPU's queue except through
 * cp_resched.  `now` is cp_now(sim).  The running entity is not in the queue's own
 * structure: set_next takes it out, put_prev puts it back; account charges it. */
#ifndef CP_SIM_POLICY_H
#define CP_SIM_POLICY_H

#include "sim/machine.h"
#include "sim/params.h"
#include "sim/program.h"
#include "sim/types.h"

typedef struct CpPolicyClass CpPolicyClass;

/* One configured class of one run. */
typedef struct {
    const CpPolicyClass *cls;
    const CpParamSet *params; /* borrowed from the scenario */
    CpSim *sim;
    uint8_t rank;      /* place in the stack, 0 = first asked */
    uint32_t ent_size; /* rounded up to 8 */
    char *ents;        /* entity data: ents + ent * ent_size, threads and groups */
    void *data;        /* sim_size bytes of the class's own */
    /* Set by init: so much of each period the last class of the stack gets even if this one
     * always has something to run; 0: nothing. */
    CpTime server_runtime, server_period;
    bool
        concur; /* set by init: a group's weight counts as often as it has threads to run */
} CpPolicy;

/* One class's queue on one CPU at one level of the group tree. */
typedef struct {
    CpPolicy *policy;
    CpSim *sim;
    void *data; /* rq_size bytes of the class's own */
    CpCpu cpu;
    CpGroup group;    /* whose children are queued here; 0 at the top */
    CpEnt curr;       /* running entity of this queue, CP_NONE */
    uint32_t nr;      /* runnable entities, curr included; kept by the engine */
    uint32_t delayed; /* entities asleep but still in the structure; kept by the engine */
    uint64_t draws;   /* random numbers drawn so far */
} CpRq;

typedef enum {
    CP_ENQ_WAKEUP = 1,   /* after a sleep */
    CP_ENQ_FORK = 2,     /* for the first time */
    CP_ENQ_MIGRATED = 4, /* comes from another CPU's queue */
    CP_ENQ_RESTORE = 8,  /* put back after a change of attributes; was queued before */
} CpEnqFlags;

typedef enum {
    CP_DEQ_SLEEP = 1,    /* blocks */
    CP_DEQ_EXIT = 2,     /* never comes back */
    CP_DEQ_MIGRATE = 4,  /* goes to another CPU */
    CP_DEQ_SAVE = 8,     /* attributes are about to change */
    CP_DEQ_SPECIAL = 16, /* stopped, throttled: no delayed dequeue */
} CpDeqFlags;

typedef enum {
    CP_WAKE_SYNC = 1,        /* the waker is about to sleep */
    CP_WAKE_NEW = 2,         /* fork */
    CP_WAKE_UNPARENTED = 64, /* with NEW: nobody in the model starts it */
    CP_WAKE_DELAYED = 4,     /* the wakee was still queued (delayed dequeue) */
    CP_WAKE_DISPLACED = 8, /* no wake-up: it runs elsewhere, or has just lost its CPU; only
                              a strictly better claim counts */
} CpWakeFlags;

/* A class under another name, some settings changed: `rm` is edf with `edf.rule rm`. */
typedef struct {
    const char *name, *summary;
    const char *const *settings; /* "key", "value", ..., NULL-ended */
} CpPolicyVariant;

struct CpPolicyClass {
    const char *name;                /* as in `coreplay list policies` and setting keys */
    const char *summary;             /* one line */
    const CpParam *params;           /* settings, NULL-name ended; NULL: none */
    const struct CpMetric *metrics;  /* figures it keeps, the same; NULL: none */
    const CpPolicyVariant *variants; /* names of its own besides, NULL-name ended; NULL */
    /* Thread policies (fifo, rr ...) it takes wherever it stands in the stack, as bits
     * 1 << CpSchedPolicy; the last class takes all that no other one does. */
    uint32_t serves;
    size_t sim_size, rq_size, ent_size;
    bool ticked; /* next_look is honoured at the next tick, as in the kernel */
    /* One queue for all CPUs (textbook).  Each CPU still has its CpRq, with its own `curr`,
     * but all share one `data`; rq_init and rq_clear are called once.  pick must leave out
     * what cp_rq_allows refuses.  A waking thread goes to an allowed idle CPU; if there is
     * none, the CPUs where `preempts` says yes are candidates, and of two of them the one
     * whose curr the other's curr would preempt (lowest number first). */
    bool global;
    bool conserving; /* never idles a CPU while something is queued there */

    /* How long a thread runs at most while others wait, as far as one figure can say it,
     * for the head of a report; 0: nothing to say.  Only looks at what it is given. */
    CpTime (*slice)(const CpParamSet *params, uint32_t n_cpus);

    /* Once, before the first event: check settings, fill policy->data.  The only hook that
     * may fail. */
    gboolean (*init)(CpPolicy *policy, GError **error);
    /* Once per queue. */
    void (*rq_init)(CpRq *rq);
    void (*rq_clear)(CpRq *rq);

    /* A thread got its attributes (before the first enqueue and at each change, then not
     * queued). */
    void (*attr)(CpPolicy *policy, CpEnt ent, const CpSchedAttr *attr);

    /* A group entity's share of its parent on one CPU; rq is NULL before the first enqueue,
     * else the queue it stands in or runs in.  Classes without groups leave it NULL. */
    void (*group_weight)(CpPolicy *policy, CpRq *rq, CpEnt ent, uint32_t weight, bool idle);

    /* Where a waking or new thread goes; default: cp_place_default. */
    CpCpu (*select_cpu)(CpPolicy *policy, CpTid tid, CpCpu waker_cpu, CpWakeFlags flags);

    /* ent becomes runnable in rq.  It is neither queued nor running. */
    void (*enqueue)(CpRq *rq, CpEnt ent, CpEnqFlags flags);
    /* ent (queued or running; account has been called) leaves.  Returning false: it stays
     * in the class's structure although it sleeps (delayed dequeue); the engine then counts
     * it not runnable, and pick must finish the job (cp_rq_dequeue_done) when it meets it.
     */
    bool (*dequeue)(CpRq *rq, CpEnt ent, CpDeqFlags flags);
    /* A delayed entity wakes before it was removed: make it runnable again in place. */
    void (*requeue)(CpRq *rq, CpEnt ent);
    /* Is ent, a thread, off the queue although it could run (its runtime is used up)? Asked
     * after enqueue, put_prev and before dequeue; such a one counts as not runnable. */
    bool (*throttled)(const CpRq *rq, CpEnt ent);
    /* A moment asked for with cp_class_timer has come while ent could run; it is not in the
     * structure, or runs.  True: it is back in the structure. */
    bool (*fired)(CpRq *rq, CpEnt ent);
    /* The entity to run next, or CP_NONE; does not remove it.  The running entity, if still
     * runnable, has been put back by put_prev. */
    CpEnt (*pick)(CpRq *rq);
    /* ent starts to run: take it out of the structure. */
    void (*set_next)(CpRq *rq, CpEnt ent);
    /* ent stops running but stays runnable: put it back. */
    void (*put_prev)(CpRq *rq, CpEnt ent);
    /* ent, a thread that could go on, is off its CPU, where one of another class runs now,
     * or none. */
    void (*off)(const CpRq *rq, CpEnt ent);
    /* ent ran for delta > 0 ns of task clock since the last call.  Returns true to ask for
     * a reschedule. */
    bool (*account)(CpRq *rq, CpEnt ent, CpTime delta);
    /* Should woken (just enqueued in rq) take the CPU from rq->curr (just accounted)? */
    bool (*preempts)(CpRq *rq, CpEnt woken, CpWakeFlags flags);
    /* After preempts said yes to a thread woken from another CPU: does that CPU's tick
     * decide when it takes effect? */
    bool (*waits_for_tick)(const CpRq *rq);
    /* When a timer of the class interrupts the CPU: `expired` is asked then, whatever the
     * ticks are; CP_NEVER: it is off. */
    CpTime (*timer)(const CpRq *root);
    /* The earliest time at which `expired` could say true if nothing else happens, or
     * CP_NEVER; called when curr starts and whenever the queue changes. */
    CpTime (*next_look)(CpRq *rq, CpEnt curr);
    /* At a tick, or at next_look if the class is not ticked; account has been called. True:
     * reschedule. */
    bool (*expired)(CpRq *rq, CpEnt curr);
    /* How many ticks went by unlooked-at while curr ran (elision), for classes that count
     * ticks. */
    void (*ticked_over)(CpRq *rq, CpEnt curr, uint64_t n);
    void (*yield)(CpRq *rq);
    /* The CPU is about to go idle: move threads here with cp_pull; true if any came. */
    bool (*newidle)(CpRq *rq);
    /* The CPU's thread, of this class or one before it, is gone, or a thread here has lost
     * its claim, and the CPU is about to choose: threads of the class that wait on other
     * CPUs, with a better claim than what is left here, come over with cp_pull.  Mirrors
     * core.c:put_prev_task_balance. */
    void (*pull)(CpRq *rq);
    /* A thread of the class was switched in, or one was woken that does not get the CPU:
     * who has to wait here and could run elsewhere goes there with cp_pull.  Mirrors
     * core.c:balance_callbacks and task_woken. */
    void (*push)(CpRq *rq);
    /* Right after a tick, when CPUs have switched: even out the load.  Returns the next
     * tick at which it could do anything; CP_NEVER: not before a CPU has two runnable
     * threads, or idles while one has. */
    CpTime (*balance)(CpPolicy *policy);
    /* Next movable entity for balancing, walking from `after` (CP_NONE: start); CP_NONE at
     * the end.  All that wait are met, the running one is not. */
    CpEnt (*next_queued)(CpRq *rq, CpEnt after);
    /* Whole-structure check in audit builds: g_error on a broken law. */
    void (*audit)(CpRq *rq);
};

/* --- what a class may ask of the engine --- */

/* The first fields of every run, for inline reading only. */
typedef struct __attribute__((may_alias)) {
    CpTime now;
    CpTime tick, tick_phase; /* ticks are at phase + n x tick */
    CpTime next_tick;        /* first tick after now */
    uint32_t n_idle;         /* CPUs without a running thread */
} CpSimHead;

static inline const CpSimHead *cp_head(const CpSim *sim)
{
    return (const CpSimHead *)(const void *)sim;
}

static inline CpTime cp_now(const CpSim *sim)
{
    return cp_head(sim)->now;
}

static inline CpTime cp_tick_period(const CpSim *sim)
{
    return cp_head(sim)->tick;
}

/* First tick at or after t. */
CpTime cp_tick_after_far(const CpSim *sim, CpTime t);
static inline CpTime cp_tick_after(const CpSim *sim, CpTime t)
{
    const CpSimHead *h = cp_head(sim);
    return t <= h->next_tick && t > h->next_tick - h->tick ? h->next_tick
                                                           : cp_tick_after_far(sim, t);
}

uint32_t cp_cpus_online(const CpSim *sim);

static inline void *cp_ent_data(const CpRq *rq, CpEnt ent)
{
    return rq->policy->ents + (size_t)ent * rq->policy->ent_size;
}

/* An idle CPU near the thread's last one, else the least loaded. */
CpCpu cp_place_default(CpPolicy *policy, CpTid tid, CpCpu waker_cpu, CpWakeFlags flags);
/* Ask cpu to reschedule as soon as it can. */
void cp_resched(CpSim *sim, CpCpu cpu);
/* Charges what runs on a CPU up to its last tick, that of this moment included. */
void cp_settle(CpSim *sim, CpCpu cpu);
/* `fired` is called at that time if ent is a thread of the class then and could run. */
void cp_class_timer(const CpRq *rq, CpEnt ent, CpTime at);
/* Time of the running thread its class has not been told of yet. */
CpTime cp_cpu_uncharged(const CpSim *sim, CpCpu cpu);
/* The workload of this run, for looking only. */
const CpWorkload *cp_run_workload(const CpSim *sim);
/* Moves a queued, not running thread to another CPU's queue. */
void cp_pull(CpSim *sim, CpTid tid, CpCpu to);
/* What a CPU has to do: runnable threads, those on their way included; 0 = idle. */
uint32_t cp_cpu_nr(const CpSim *sim, CpCpu cpu);
/* Threads on their way to a CPU, not yet in its queues. */
uint32_t cp_cpu_coming(const CpSim *sim, CpCpu cpu);
/* CPUs of which cp_cpu_nr is 0. */
const CpCpuMask *cp_idle_mask(const CpSim *sim);
CpTid cp_cpu_curr(const CpSim *sim, CpCpu cpu);
/* The first tick that `ticked_over` has not told of the thread running there. */
CpTime cp_cpu_tick_due(const CpSim *sim, CpCpu cpu);
/* Rank of the class whose thread runs there; beyond all if it idles. */
uint32_t cp_cpu_rank(const CpSim *sim, CpCpu cpu);
/* How much of the CPU's time classes before the last one took lately, of 1024: half of it
 * is forgotten in 32 ms. */
uint32_t cp_cpu_taken(const CpSim *sim, CpCpu cpu);
/* When the CPU last became idle or switched. */
CpTime cp_cpu_since(const CpSim *sim, CpCpu cpu);
/* When the CPU's last idle time ended; 0: it never idled. */
CpTime cp_cpu_busy_since(const CpSim *sim, CpCpu cpu);
bool cp_cpu_online(const CpSim *sim, CpCpu cpu);
/* CPUs with two or more runnable threads. */
uint32_t cp_crowded_cpus(const CpSim *sim);
/* A thread that runs goes to another CPU, as if its affinity asked for it. */
void cp_push(CpSim *sim, CpTid tid, CpCpu to);
/* A group above the thread has used up its quota on a CPU. */
bool cp_thread_throttled(const CpSim *sim, CpTid tid, CpCpu cpu);
/* The queue in which a thread of policy's class would stand on a CPU, for looking only. */
const CpRq *cp_thread_queue(const CpPolicy *policy, CpTid tid, CpCpu cpu);
bool cp_thread_allowed(const CpSim *sim, CpTid tid, CpCpu cpu);
/* Allowed on every CPU. */
bool cp_thread_anywhere(const CpSim *sim, CpTid tid);
CpCpu cp_thread_cpu(const CpSim *sim, CpTid tid);
const CpMachine *cp_sim_machine(const CpSim *sim);
/* The same class's queue on another CPU, for looking only. */
const CpRq *cp_rq_on(const CpRq *rq, CpCpu cpu);
/* The queue in which the group of rq stands or runs on this CPU, and as which entity; NULL
 * at the top. */
CpRq *cp_rq_parent(const CpRq *rq, CpEnt *ent);
/* The queue of a group that stands as ent in rq. */
CpRq *cp_rq_below(const CpRq *rq, CpEnt ent);
/* A class as configured in this run, for getters of its metrics; NULL: it is not in the
 * stack. */
const CpPolicy *cp_policy_of(const CpSim *sim, const CpPolicyClass *cls);
/* A class's root queue on a CPU, for looking only. */
const CpRq *cp_policy_rq(const CpPolicy *policy, CpCpu cpu);
/* How many CPUs have nothing to run. */
static inline uint32_t cp_idle_cpus(const CpSim *sim)
{
    return cp_head(sim)->n_idle;
}
/* A delayed entity has been removed from the structure by the class. */
void cp_rq_dequeue_done(CpRq *rq, CpEnt ent);
/* Arrays that grow with the queue: *array gets room for n rows of `size` bytes; contents
 * are kept, *cap is updated.  Amortised; no other allocation is allowed in a hook. */
void cp_rq_reserve(void **array, uint32_t *cap, uint32_t n, size_t size);
/* 64 random bits for a decision of this queue (lottery): keyed by CPU and count. */
uint64_t cp_rq_random(CpRq *rq);
/* The thread's attributes. */
const CpSchedAttr *cp_thread_attr(const CpSim *sim, CpTid tid);
/* What it would compute if given a CPU now: the nominal work left until it waits, read
 * ahead in its program (the oracle of SJF and SRTF).  Locks count as free, and a burst of
 * more than some hundred instructions is cut there. */
CpTime cp_thread_burst_left(CpSim *sim, CpTid tid);
/* May ent run on this queue's CPU?  Always true but for global classes and pinned threads.
 */
bool cp_rq_allows(const CpRq *rq, CpEnt ent);
/* A hint that costs little and changes nothing: ent will be needed soon, so its rows are
 * fetched.  Worth it where so many threads are queued that their rows are in no cache. */
void cp_ent_fetch(const CpPolicy *policy, CpEnt ent);
/* When the thread was last enqueued. */
CpTime cp_thread_ready_since(const CpSim *sim, CpTid tid);
/* CPU time of the thread up to now, ns. */
CpTime cp_thread_cpu_time(const CpSim *sim, CpTid tid);
/* Release of the job in hand: its flow's CP_REG_RELEASE (period, arrival, received
 * request), or cp_thread_ready_since if that holds none. */
CpTime cp_thread_release(const CpSim *sim, CpTid tid);
/* fair.c:prio_to_weight */
uint32_t cp_nice_weight(int nice);

#endif
