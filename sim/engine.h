/* The state of a run, private to the engine and to the runtimes built on it.
 *
 * Ownership: everything hangs off one CpSim.  Tables (threads, flows, channels, objects)
 * never move, so a pointer into one is good while the row exists, but no pointer is kept in
 * a structure: structures hold handles.
 *
 * One event is one entry taken from the timers or from the CPU slots.  Nobody runs another
 * CPU's scheduler: a wake-up that should preempt CPU k moves k's slot. */
#ifndef CP_SIM_ENGINE_H
#define CP_SIM_ENGINE_H

#include "sim/arena.h"
#include "sim/assert.h"
#include "sim/dist.h"
#include "sim/sim.h"
#include "sim/slots.h"
#include "sim/timerq.h"

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

typedef struct {       /* hot; one cache line */
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
} CpThread;

G_STATIC_ASSERT(sizeof(CpThread) == 64);

typedef struct { /* cold */
    CpTime start;
    CpTime work; /* nominal ns given to it in bursts */
    CpTime runq_wait, blocked;
    CpTime irq; /* interrupts while it held a CPU */
    uint32_t nvcsw, nivcsw, migrations;
    uint32_t instance; /* of its declaration, from 0 */
    uint32_t object;   /* what it is blocked on: object, declaration */
    uint32_t attr;     /* row of sim->attrs in force */
} CpThreadCold;

G_STATIC_ASSERT(sizeof(CpThreadCold) == 64);

/* What few threads have; a row that is never written costs no memory. */
typedef struct {
    CpTid parent_plus1;                        /* 0: none */
    CpTid first_plus1, next_plus1, prev_plus1; /* living children, newest first */
    CpTime first_run_plus1;   /* 0: before; kept for the first CP_FIRST_RUNS threads */
    CpTime stopped;           /* work left when cp_stop_at ended its burst */
    uint32_t base_attr_plus1; /* row without inherited priority; 0: as in force */
    uint32_t credits;         /* replay: wake-ups that came before the wait */
} CpThreadRare;

enum { CP_FIRST_RUNS = 1 << 16 };

typedef struct {
    uint32_t pc;
    CpTid thread;      /* who executes it; CP_NONE: outside a CPU (arrivals) */
    uint32_t draws;    /* random numbers drawn so far */
    uint8_t why;       /* CpWhy with which the instruction at pc is (re-)entered */
    uint8_t timed_out; /* result of the last wait */
    uint16_t rt_state; /* the runtime's place within an instruction */
    uint32_t regs;     /* first row of sim->regs, CP_NONE: none */
    uint32_t owner;    /* the runtime's */
    uint64_t rng_id;   /* logical id, independent of scheduling */
} CpFlow;

G_STATIC_ASSERT(sizeof(CpFlow) == 32);

typedef struct {
    CpTid first, last;
    uint32_t n;
    uint32_t n_rt; /* real-time waiters at the front, by priority */
} CpChannel;

typedef struct {
    int64_t value;
    CpTime stamp; /* release of the request, CP_NEVER: none */
    int64_t size; /* bytes; 0: counts as one item */
    CpTime sent;
} CpItem;

typedef struct {
    CpObjKind kind;
    uint32_t flags;
    uint32_t decl;
    CpChan chan;    /* lock, event, get side, readers */
    CpChan chan2;   /* put side, writers */
    CpTid owner;    /* holder, CP_NONE */
    uint32_t depth; /* of a recursive lock; readers inside a rwlock */
    int64_t value;  /* count of a semaphore, 1 = event set, parties arrived, bytes held */
    uint32_t lock;  /* condition: object of its lock */
    uint32_t head, n, cap; /* ring of items */
    CpItem *items;         /* owned */
    CpTime since;          /* when the owner took it */
    uint32_t running;      /* device: requests in service */
    uint32_t pollers;      /* who wants sim->rt_poll to be called when something arrives */
    /* statistics */
    uint64_t acquired, contended, dropped, passed;
    CpTime hold_ns, wait_ns, wait_max_ns;
    uint32_t n_max;
} CpObj;

typedef struct {
    CpTime clock;      /* everything is charged up to here */
    CpTime burst_end;  /* end of the running burst if nothing happens; CP_NEVER */
    CpTime look;       /* when the class wants to look; CP_NEVER */
    CpTime resched_at; /* when the pending reschedule takes effect; CP_NEVER */
    CpTime
        irq_left; /* interrupt time still to pass before curr goes on; not charged to it */
    CpTime ovh_left;            /* kernel work still to pass; charged to curr */
    CpTime uncharged;           /* time of curr that its class has not been told of */
    const CpPolicyClass *hooks; /* of curr's class */
    CpTid curr;                 /* CP_NONE: idle */
    uint8_t cls;                /* rank of curr's class */
    bool online;
    bool clock_stands; /* a wake-up preempts: what passes until then is charged to the next
                        * thread, since the queue's clock is not read a second time
                        * (core.c:rq_clock_skip_update) */
    uint32_t waking;   /* threads on their way here */
    bool balancing;    /* inside a newidle pull */
    uint32_t speed;    /* of 1024: capacity, less a busy SMT sibling */
    uint32_t nr;       /* runnable threads here, curr included */
    CpTime run_since;  /* curr was switched in, or the CPU went idle */
    CpTime idled;      /* length of the last idle time that ended, and when it did */
    CpTime idled_until;
    CpTime look_from; /* ticks up to here have been seen by the class */
    CpTime last_switch;
    CpCpu id;
    CpRq *root; /* its queues at the root, by class */
    /* statistics */
    CpTime busy, idle, overhead, irq;
    uint64_t switches;
    uint64_t noise;      /* key of the random numbers for its switches */
    uint32_t server_gen; /* bumping it makes the server's timer stale */
    CpTime exit_at;      /* leaving idle: when it can run something */
    CpTime util_at;      /* util is of then: when it last went idle or left idle */
    uint32_t util;       /* see cp_cpu_util */
    CpTime server_left;  /* runtime of the fair server's period left */
    uint8_t server;      /* CP_SERVER_* */
    uint32_t n_exits;    /* random numbers drawn for leaving idle */
} CpCore;

enum {
    CP_SERVER_OFF,
    CP_SERVER_ARMED, /* threads of the last class wait behind another class */
    CP_SERVER_ON,    /* the last class goes first */
};

typedef struct {
    CpPolicy policy;
    const CpPolicyClass *cls;
} CpClassSlot;

struct CpProcess {
    uint32_t decl;
    const CpRuntimeClass *runtime;
    const CpParamSet *params; /* of the runtime, NULL */
    uint32_t n_live;
    /* A forked process's own copies of the variables that are not shared, by number; NULL:
     * a declared process, whose variables are those of the run. */
    int64_t *vars;
    void *data; /* proc_size bytes */
};

typedef struct {
    CpGroup parent;
    uint32_t shares; /* 1024 = default */
    CpTime cpu_time;
    /* bandwidth */
    CpTime quota, period, burst, pool;
    bool timer_on, idle;
    bool used;         /* charged since the last period began */
    CpTime phase;      /* of its periods */
    CpCpu first, last; /* throttled CPUs in order */
    uint64_t periods, throttled_periods;
    CpTime throttled_ns;
} CpGroupState;

typedef struct {
    bool throttled;
    bool delayed;  /* the group entity sleeps in its parent's structure */
    CpTime left;   /* runtime granted to this CPU */
    CpTime since;  /* throttled since */
    uint32_t nr;   /* runnable threads below */
    uint32_t next; /* CPU throttled after this one, first come first served */
} CpGroupCpu;

/* What a timer's id means: the top four bits. */
enum {
    CP_TIMER_THREAD,   /* deadline of a wait; gen = wake_gen */
    CP_TIMER_ACTIVATE, /* woken thread is enqueued on its CPU */
    CP_TIMER_START,    /* declared thread starts */
    CP_TIMER_DEVICE,   /* request of a device is served; id = row of sim->requests */
    CP_TIMER_ARRIVAL,  /* id = row of sim->streams */
    CP_TIMER_NOISE,
    CP_TIMER_AT,
    CP_TIMER_RUNTIME, /* id = row of sim->runtime_timers */
    CP_TIMER_GROUP,   /* bandwidth period */
    CP_TIMER_STOP,    /* cp_stop_at; gen = wake_gen */
    CP_TIMER_SERVER,  /* the fair server's turn; id = CPU, gen = server_gen */
    CP_TIMER_WARMUP,  /* metrics begin to count */
    CP_TIMER_SHIFT = 28,
};

typedef struct {
    CpObjId obj;
    CpTid tid;
    CpItem item;
    uint32_t next_free;
    CpTime service;
    CpTime transfer; /* still to come, once served */
} CpRequest;

typedef struct {   /* one open arrival stream */
    CpTid tid;     /* the thread that opened it */
    uint32_t desc; /* row of workload->arrivals */
    uint32_t body; /* pc */
    CpTime next;
    uint32_t index; /* arrivals so far */
} CpStream;

typedef struct {
    CpProcId proc;
    uint32_t id, gen;
    uint32_t next_free;
} CpRuntimeTimer;

typedef struct {
    uint32_t instances; /* created so far */
    uint32_t live;
    CpTid first;      /* first instance, good once instances > 0 */
    uint32_t credits; /* replay: wake-ups that came before it existed */
} CpDeclState;

/* One owner's metrics. */
typedef struct {
    const CpMetric *rows; /* n of them */
    size_t n;
    int64_t **base; /* by row and subject, what it had come to at the end of the warm-up,
                       valid while there is a CpBase; NULL entry: the row does not add up */
} CpMetricTable;

/* What the warm-up added to the metrics that add up. */
typedef struct {
    GPtrArray *blocks;     /* of CpMetricTable.base */
    uint32_t n[CP_SCOPES]; /* subjects there were */
    CpTime *irq; /* by thread: interrupts are part of their lives, but no metric */
} CpBase;

struct CpSim {
    /* the loop; these four and n_idle are CpSimHead */
    CpTime now;
    CpTime tick, tick_phase;
    CpTime next_tick; /* first tick after now */
    uint32_t n_idle;  /* CPUs without a running thread */
    CpTimerq *timers;
    CpSlots slots;
    CpCore *cores;
    CpThread *threads;
    CpThreadCold *cold;
    CpFlow *flows;
    const CpInsn *code;
    uint32_t n_cpus, n_online, n_classes;
    uint32_t n_groups;
    CpRq *rqs;               /* [group][cpu][class] */
    CpClassSlot *classes;    /* n_classes */
    CpRecord *rec, *rec_end; /* next free record of the block; NULL: no recording */
    uint64_t events;
    CpTime last_useful; /* time of the last event that was not stale */
    const CpMachine *machine;
    const int64_t *cost;   /* CP_COST_* */
    CpTime hit;            /* mean length of one disturbance of a burst (speed.hit) */
    CpTime hit_gap;        /* mean CPU time from one to the next; 0: none */
    CpTime switch_least;   /* cost of a switch, less its noise */
    uint64_t switch_width; /* number of values it can take from there */
    bool stopping;         /* leave the loop */
    bool flat;             /* no groups and no global class: one queue a class and CPU */
    CpTime balance_at;     /* before that no class need be asked to balance */
    bool exact_ticks, any_global, smt;
    bool periodic; /* the workload has periodic threads: their start is the first release */
    bool
        releases; /* some instruction may use a CP_REG_RELEASE; else they are not written */
    CpCpuMask idle;        /* CPUs with nothing to do and nothing on its way */
    uint32_t n_overloaded; /* CPUs with two or more runnable threads */
    CpCpu irq_cpu;         /* CPU whose interrupt is being served, CP_NONE */
    CpCpu event_cpu;       /* CPU whose own event is being served, CP_NONE */
    CpCpu turn; /* CPUs below had their turn at this moment, ticks of now included */
    CpOutcome outcome;
    CpHist slice_hist, wakeup_hist;
    uint64_t seed;
    CpTime server_runtime, server_period; /* of the fair server; 0: there is none */

    /* the rest */
    CpSimConfig config;
    const CpWorkload *w;
    void *replay; /* reader of w->replay; NULL: there is none */
    CpThreadRare *rare;
    CpChannel *chans;
    int64_t *regs;
    char *ents[8];               /* entity bytes of each class, by thread */
    CpObj *objs;                 /* as many as the workload declares */
    CpProcess *procs;            /* those of the workload, then forked ones */
    char *rt_threads, *rt_flows; /* bytes of the runtimes by thread and flow; NULL: none */
    void *rt_shared;             /* state all processes of a runtime share */
    void (*rt_shared_free)(void *data); /* NULL: none */
    /* A runtime's: an object with pollers got an item, or room; NULL: none. */
    void (*rt_poll)(CpSim *sim, CpObjId obj, CpTid from);
    GArray *free_flows; /* CpFlowId by number of registers */
    GPtrArray *proc_data;
    CpGroupState *groups;
    CpGroupCpu *group_cpu; /* [group][cpu] */
    GArray *attrs;         /* CpSchedAttr: those of declarations first, then changed ones */
    CpDeclState *decls;
    int64_t *vars;        /* of declared processes, and shared ones */
    CpHist *hists;        /* of the workload */
    GArray *thread_hists; /* CpHist *: threads' own wake-up latencies */
    GArray *requests;     /* CpRequest */
    uint32_t free_request;
    GArray *streams;         /* CpStream */
    uint32_t *arrival_begin; /* pc of each stream's ARRIVALS */
    uint64_t *noise_draws;   /* [noise][cpu] */
    GArray *runtime_timers;  /* CpRuntimeTimer */
    uint32_t free_runtime_timer;
    GArray *end_order;    /* CpTid */
    GPtrArray *diagnoses; /* CpDiagnosis */
    CpRecord *rec_block;
    GError *io_error;        /* of the sink or the replay; ends the run */
    uint32_t n_threads_live; /* not ended, not daemon */
    uint64_t n_noise;        /* noise timers pending: they keep nothing alive */
    uint64_t zero_events;    /* events since time last moved */
    uint64_t wakeups, timeouts;
    CpTime end; /* last moment of the run */
    uint64_t responses;
    CpTime counted_from; /* end of the warm-up; what was before is in no metric */
    CpBase *base;        /* NULL: there is no warm-up, or it is not over */
    CpMetricTable *metric_tables;
    uint32_t n_metric_tables;
    GPtrArray *notes; /* strings of marks and diagnoses beyond the workload's */

    /* Memory that a reset empties and keeps; the first is thread_table. */
    CpTable thread_table, cold_table, flow_table, rare_table, chan_table, reg_table;
    CpTable ent_table[8]; /* of each class */
    CpTable proc_table;
    CpTable rt_thread_table, rt_flow_table;
    CpArena *arena; /* histograms, queues: what lives as long as the run */
};

G_STATIC_ASSERT(offsetof(CpSim, next_tick) == offsetof(CpSimHead, next_tick));
G_STATIC_ASSERT(offsetof(CpSim, n_idle) == offsetof(CpSimHead, n_idle));

/* --- inline access --- */

static inline CpThread *cp_thread(const CpSim *sim, CpTid tid)
{
    return &sim->threads[tid];
}

static inline CpFlow *cp_flow_of(const CpSim *sim, CpTid tid)
{
    return &sim->flows[sim->threads[tid].flow];
}

static inline int64_t *cp_regs(const CpSim *sim, const CpFlow *flow)
{
    return sim->regs + flow->regs;
}

/* The variable as that process sees it; valid until the end of the run. */
static inline int64_t *cp_var(const CpSim *sim, CpProcId proc, uint32_t var)
{
    int64_t *own = sim->procs[proc].vars;
    return G_LIKELY(own == NULL) || g_array_index(sim->w->vars, CpVarDecl, var).shared
               ? &sim->vars[var]
               : &own[var];
}

static inline CpRq *cp_rq(const CpSim *sim, CpGroup group, CpCpu cpu, uint32_t cls)
{
    return G_LIKELY(group == 0)
               ? sim->cores[cpu].root + cls
               : &sim->rqs[(group * sim->n_cpus + cpu) * sim->n_classes + cls];
}

static inline CpEnt cp_group_ent(const CpSim *sim, CpGroup group, CpCpu cpu)
{
    return CP_ENT_GROUP | (group * sim->n_cpus + cpu);
}

static inline bool cp_allowed(const CpSim *sim, const CpThread *t, CpCpu cpu)
{
    return t->affinity == 0 ||
           cp_cpumask_has(&g_array_index(sim->w->masks, CpCpuMask, t->affinity - 1), cpu);
}

static inline void cp_timer_push(CpSim *sim, unsigned kind, CpTime at, uint32_t id,
                                 uint32_t gen)
{
    cp_timerq_push(sim->timers, (CpTimer){at < sim->now ? sim->now : at,
                                          kind << CP_TIMER_SHIFT | id, gen});
}

/* Every change of what a CPU has to do goes through these two. */
static inline void cp_core_idle(CpSim *sim, const CpCore *core)
{
    if (core->nr + core->waking == 0) {
        cp_cpumask_set(&sim->idle, core->id);
    } else {
        cp_cpumask_clear(&sim->idle, core->id);
    }
}

static inline void cp_core_count(CpSim *sim, CpCore *core, int change)
{
    sim->n_overloaded -= core->nr >= 2;
    core->nr = (uint32_t)((int)core->nr + change);
    sim->n_overloaded += core->nr >= 2;
    cp_core_idle(sim, core);
}

static inline void cp_core_expect(CpSim *sim, CpCore *core, int change)
{
    core->waking = (uint32_t)((int)core->waking + change);
    cp_core_idle(sim, core);
}

/* record.c part of the engine */
void cp_record_flush(CpSim *sim);

static inline void cp_record(CpSim *sim, CpRecordKind kind, uint32_t id, uint32_t cpu,
                             uint32_t arg)
{
    if (sim->rec != NULL) {
        if (G_UNLIKELY(sim->rec >= sim->rec_end)) {
            cp_record_flush(sim);
        }
        *sim->rec++ = cp_record_make(sim->now, kind, id, cpu, arg);
    }
}

void cp_record_wide(CpSim *sim, CpRecordKind kind, uint32_t id, uint32_t cpu, uint32_t arg,
                    uint32_t id2, int64_t value);

/* cpu.c */
/* Clocks and the running burst up to now; the class learns of it at the next account. */
void cp_core_advance(CpSim *sim, CpCore *core);
/* The same, and charges the class: where the kernel updates the running thread, i.e. at
 * ticks, switches, wake-ups on this CPU and changes of attributes; mirrors update_curr. */
void cp_core_account(CpSim *sim, CpCore *core);
/* Only up to the last tick that has passed, as if every tick were simulated. */
void cp_core_account_tick(CpSim *sim, CpCore *core);
void cp_core_arm(CpSim *sim, CpCore *core);
void cp_core_event(CpSim *sim, CpCore *core);
void cp_core_speed(CpSim *sim, CpCore *core);
/* Ask for a reschedule that takes effect after `delay`. */
void cp_resched_after(CpSim *sim, CpCore *core, CpTime delay);
/* The class's next look for the running thread, after its queue changed. */
void cp_core_look(CpSim *sim, CpCore *core);

/* server.c */
/* A thread of the last class may have begun to wait behind another class. */
void cp_server_arm(CpSim *sim, CpCore *core);
/* False: the timer was stale. */
bool cp_server_timer(CpSim *sim, CpCpu cpu, uint32_t gen);
/* The running thread was charged; true: the server's time is up, choose anew. */
bool cp_server_charge(CpSim *sim, CpCore *core, CpTime delta);

/* runqueue.c */
gboolean cp_runqueues_init(CpSim *sim, GError **error);
void cp_runqueues_clear(CpSim *sim);
void cp_enqueue(CpSim *sim, CpTid tid, CpCpu cpu, CpEnqFlags flags);
/* False: stays in the structure (delayed dequeue). */
bool cp_dequeue(CpSim *sim, CpTid tid, CpDeqFlags flags);
CpTid cp_pick(CpSim *sim, CpCore *core);
void cp_put_prev(CpSim *sim, CpCore *core, CpTid tid);
void cp_set_next(CpSim *sim, CpCore *core, CpTid tid);
bool cp_charge_class(CpSim *sim, CpCore *core, CpTime delta);
/* Class queue of a thread on a CPU. */
static inline CpRq *cp_thread_rq(const CpSim *sim, const CpThread *t)
{
    return cp_rq(sim, t->group, t->cpu, t->cls);
}
void cp_thread_class(CpSim *sim, CpTid tid, const CpSchedAttr *attr);
void cp_enqueue_group(CpSim *sim, CpGroup group, CpCpu cpu, uint32_t rank,
                      CpEnqFlags flags);
void cp_dequeue_group(CpSim *sim, CpGroup group, CpCpu cpu, uint32_t rank,
                      CpDeqFlags flags);
void cp_dequeue_delayed(CpSim *sim, CpTid tid, CpDeqFlags flags);
void cp_requeue_delayed(CpSim *sim, CpTid tid);
void cp_set_idle(CpSim *sim, CpCore *core);
void cp_migrate(CpSim *sim, CpTid tid, CpCpu to);
/* One queue for all CPUs, after a choice: offers those left over to other CPUs.  `prev`
 * lost its CPU, or is CP_NONE. */
void cp_global_rest(CpSim *sim, CpTid prev);
void cp_wakeup_check(CpSim *sim, CpTid tid, CpCpu cpu, CpWakeFlags flags);

/* wake.c */
void cp_activate(CpSim *sim, CpTid tid, CpEnqFlags flags);
void cp_wake_begin(CpSim *sim, CpTid tid, CpCpu from, CpTid waker, CpWakeCause cause,
                   uint32_t flags);
CpTime cp_slack(const CpSim *sim, CpTid tid);

/* thread.c */
CpTid cp_thread_create(CpSim *sim, uint32_t decl, CpTid parent);
void cp_thread_start(CpSim *sim, CpTid tid, CpTid parent);
void cp_thread_end(CpSim *sim, CpTid tid);
void cp_threads_init(CpSim *sim);
/* Every other thread of the process ends. */
void cp_process_end(CpSim *sim, CpProcId proc, CpTid except);
bool cp_has_child(const CpSim *sim, CpTid tid, uint32_t decl);
void cp_set_attr(CpSim *sim, CpTid tid, const CpSchedAttr *attr);

/* channel.c */
void cp_channel_add(CpSim *sim, CpChan chan, CpTid tid);
void cp_channel_remove(CpSim *sim, CpTid tid);
/* Puts a waiter in front of another one of the same channel; neither is real-time. */
void cp_channel_move(CpSim *sim, CpTid tid, CpTid before);

/* A process like `parent` begins: its runtime is new, its declaration the same. */
CpProcId cp_process_fork(CpSim *sim, CpProcId parent);
/* A flow that belongs to no thread yet; freed flows are used again. */
CpFlowId cp_flow_new(CpSim *sim, uint32_t entry, uint32_t n_regs, uint64_t rng_id);
void cp_flow_free(CpSim *sim, CpFlowId flow, uint32_t n_regs);

/* flow.c */
typedef enum { CP_FLOW_BURST, CP_FLOW_BLOCKED, CP_FLOW_ENDED, CP_FLOW_PREEMPT } CpFlowEnd;
/* Executes instructions of the running thread until one needs time. */
CpFlowEnd cp_flow_run(CpSim *sim, CpCore *core, CpTid tid);
/* The burst of a spinning thread ends at a moment: what is left of it now. */
void cp_flow_respin(CpSim *sim, CpTid tid);
/* A stop that came due off the CPU: the burst ends here. */
void cp_stop_now(CpSim *sim, CpCore *core, CpTid tid);
/* What the thread will compute after its present burst, up to where it waits. */
CpTime cp_flow_ahead(CpSim *sim, CpTid tid);
/* Executes an instant body outside any CPU, up to the ARRIVE_END. */
void cp_flow_outside(CpSim *sim, CpStream *stream);
int64_t cp_operand(CpSim *sim, CpFlow *flow, uint8_t arg, uint32_t index);
/* Blocks the running thread: off its queue, with a deadline or CP_NEVER. */
void cp_block(CpSim *sim, CpTid tid, CpTime deadline, CpBlock reason, uint32_t object);

/* device.c */
/* `service` < 0: as the device has it; `bytes` are transferred after it. */
void cp_device_submit(CpSim *sim, CpObjId obj, CpTid tid, CpTime service, int64_t bytes);
void cp_device_done(CpSim *sim, uint32_t request);
uint32_t cp_request_new(CpSim *sim);
void cp_request_free(CpSim *sim, uint32_t request);
/* Draws the next arrival into stream->next; false: the stream is over. */
bool cp_arrival_time(CpSim *sim, CpStream *stream, CpFlow *flow);
void cp_arrival_next(CpSim *sim, CpStream *stream, CpFlow *flow);
void cp_arrival_fire(CpSim *sim, uint32_t stream);
void cp_noise_fire(CpSim *sim, uint32_t noise, uint32_t gen);
void cp_noises_init(CpSim *sim);
void cp_irq(CpSim *sim, CpCpu cpu, CpTime cost);

/* group.c */
void cp_groups_init(CpSim *sim);
void cp_group_charge(CpSim *sim, CpGroup group, CpCore *core, CpTime delta);
/* When the CPU's share of the group's quota runs out if curr goes on; CP_NEVER: no quota.
 */
CpTime cp_group_look(const CpSim *sim, CpGroup group, const CpCore *core);
/* After put_prev: takes the groups of a thread that ran out of quota off the CPU. */
void cp_group_throttle(CpSim *sim, CpCore *core, CpTid tid);
/* A thread below `group` became runnable or stopped being so; false: hidden by a throttled
 * ancestor, so that the CPU does not count it. */
bool cp_group_count(CpSim *sim, CpGroup group, CpCpu cpu, int change);
void cp_group_timer(CpSim *sim, CpGroup group);
/* Changes of cpu.max and cpu.weight during the run; a quota of 0 is none. */
void cp_group_set_quota(CpSim *sim, CpGroup group, CpTime quota);
void cp_group_set_weight(CpSim *sim, CpGroup group, uint32_t weight);

/* object queues, for runtimes */
void cp_items_push(CpObj *obj, CpItem item);
CpItem cp_items_pop(CpObj *obj);

/* diagnose.c */
/* Adds a diagnosis; the text is formatted as printf does. */
void cp_diagnose(CpSim *sim, const char *kind, const CpTid *threads, uint32_t n,
                 const char *format, ...) G_GNUC_PRINTF(5, 6);
void cp_diagnose_deadlock(CpSim *sim);
void cp_diagnose_cycle(CpSim *sim, CpTid tid);

/* warmup.c */
/* Metrics count from now on.  Nothing that decides about the simulated program changes. */
void cp_warmup_end(CpSim *sim);
void cp_warmup_clear(CpSim *sim);

/* metrics.c */
/* Finds the tables of those who take part: engine, runtimes, classes. */
void cp_metrics_init(CpSim *sim);

/* engine-metrics.c */
/* What a CPU did that its counters have not been told of yet, split as they would. */
typedef struct {
    CpTime idle, irq, overhead, busy;
} CpLag;
CpLag cp_core_lag(const CpSim *sim, const CpCore *core);

/* audit.c */
gboolean cp_audit_end(CpSim *sim, GError **error);
void cp_audit_now(CpSim *sim);

#endif
