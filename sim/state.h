/* The state of a run, private to the engine and to the runtimes built on it: what there is,
 * and where.  The nouns have headers of their own, which stand on this one and not on each
 * other unless they say so; a file includes those of the nouns it handles.
 *
 * Ownership: everything hangs off one CpSim.  Tables (threads, flows, channels, objects)
 * never move, so a pointer into one is good while the row exists, but no pointer is kept in
 * a structure: structures hold handles.
 *
 * One event is one entry taken from the timers or from the CPU slots.  Nobody runs another
 * CPU's scheduler: a wake-up that should preempt CPU k moves k's slot. */
#ifndef CP_SIM_STATE_H
#define CP_SIM_STATE_H

#include "sim/arena.h"
#include "sim/assert.h"
#include "sim/sim.h"
#include "sim/slots.h"
#include "sim/timerq.h"

typedef struct CpCpuState CpCpuState;       /* cpu.h */
typedef struct CpThread CpThread;           /* thread.h */
typedef struct CpThreadCold CpThreadCold;   /* thread.h */
typedef struct CpThreadRare CpThreadRare;   /* thread.h */
typedef struct CpDeclState CpDeclState;     /* thread.h */
typedef struct CpFlow CpFlow;               /* flow.h */
typedef struct CpChannel CpChannel;         /* channel.h */
typedef struct CpObj CpObj;                 /* object.h */
typedef struct CpClassSlot CpClassSlot;     /* runqueue.h */
typedef struct CpGroupState CpGroupState;   /* group.h */
typedef struct CpGroupCpu CpGroupCpu;       /* group.h */
typedef struct CpMetricTable CpMetricTable; /* baseline.h */
typedef struct CpBase CpBase;               /* baseline.h */

enum { CP_CLASSES_MAX = 8 };

struct CpSim {
    /* the loop; these four and n_idle are CpSimHead */
    CpTime now;
    CpTime tick, tick_phase;
    CpTime next_tick; /* first tick after now */
    uint32_t n_idle;  /* CPUs without a running thread */
    CpTimerq *timers;
    CpSlots slots;
    CpCpuState *cpus;
    CpThread *threads;
    CpThreadCold *cold;
    CpFlow *flows;
    const CpInsn *code;
    uint32_t n_cpus, n_online, n_classes;
    uint32_t n_groups;
    CpRq *rqs;            /* [group][cpu][class] */
    CpClassSlot *classes; /* n_classes */
    struct {              /* records on their way to the sink */
        CpRecord *next;   /* free one of the block; NULL: no recording */
        CpRecord *end;
        CpRecord *block;
        uint64_t drop; /* bit k: kind k is not made at all */
    } rec;
    uint64_t events;
    CpTime last_useful; /* time of the last event that was not stale */
    const CpMachine *machine;
    const int64_t *cost; /* CP_COST_* */
    struct {
        CpTime hit;            /* mean length of one disturbance of a burst (speed.hit) */
        CpTime gap;            /* mean CPU time from one to the next; 0: none */
        CpTime switch_least;   /* cost of a switch, less its noise */
        uint64_t switch_width; /* number of values it can take from there */
    } noise;
    uint64_t at_once;  /* instructions and events this moment may still have */
    bool stopping;     /* leave the loop */
    bool flat;         /* no groups and no global class: one queue a class and CPU */
    CpTime balance_at; /* tick at which classes balance next; CP_NEVER: none */
    uint32_t balance_gen;
    bool balances; /* a class does so, and there is more than one CPU */
    bool layered;  /* CPUs differ in what they share: balance is not about crowds only */
    bool exact_ticks, any_global, smt;
    bool periodic; /* the workload has periodic threads: their start is the first release */
    bool releases; /* some instruction may use a CP_REG_RELEASE; else it is not written */
    CpCpuMask idle;        /* CPUs with nothing to do and nothing on its way */
    uint32_t n_overloaded; /* CPUs with two or more runnable threads */
    CpCpu irq_cpu;         /* CPU whose interrupt is being served, CP_NONE */
    CpCpu event_cpu;       /* CPU whose own event is being served, CP_NONE */
    CpCpu turn; /* CPUs below had their turn at this moment, ticks of now included */
    CpOutcome outcome;
    CpHist slice_hist, wakeup_hist;
    uint64_t seed;
    struct {
        CpTime runtime, period; /* of the fair server; 0: there is none */
    } server;

    /* the rest */
    CpSimConfig config;
    const CpWorkload *w;
    void *replay; /* reader of w->replay; NULL: there is none */
    CpThreadRare *rare;
    CpChannel *chans;
    int64_t *regs;
    char *ents[CP_CLASSES_MAX];          /* entity bytes of each class, by thread */
    CpObj *objs;                         /* as many as the workload declares */
    CpProcess *procs;                    /* those of the workload, then forked ones */
    struct {                             /* of the runtimes */
        char *threads, *flows;           /* their bytes by thread and flow; NULL: none */
        void *shared;                    /* state all processes of a runtime share */
        void (*shared_free)(void *data); /* NULL: none */
        /* An object with pollers got an item, or room; NULL: none. */
        void (*poll)(CpSim *sim, CpObjId obj, CpTid from);
        /* Records the list of that handle as values of a line; NULL: there are none. */
        void (*print_list)(CpSim *sim, CpTid tid, int64_t list);
        GArray *timers; /* CpRuntimeTimer */
        uint32_t free_timer;
    } rt;
    GArray *free_flows; /* CpFlowId by number of registers */
    CpGroupState *groups;
    CpGroupCpu *group_cpu; /* [group][cpu] */
    GArray *attrs;         /* CpSchedAttr: those of declarations first, then changed ones */
    CpDeclState *decls;
    int64_t *vars;        /* of declared processes, and shared ones */
    CpHist *hists;        /* of the workload */
    GArray *thread_hists; /* CpHist *: threads' own wake-up latencies */
    GArray
        *thread_blocks; /* CpTime *: of CP_BLOCKS, what the same threads were blocked on */
    CpTime blocked_by[CP_BLOCKS]; /* of all threads */
    struct {                      /* on their way to an object, or served by a device */
        GArray *rows;             /* CpRequest */
        uint32_t free;            /* first free row, CP_NONE */
    } requests;
    struct {
        GArray *streams; /* CpStream */
        uint32_t *begin; /* pc of each stream's ARRIVALS */
    } arrivals;
    uint64_t *irq_draws;  /* of interrupt noise: [noise][cpu] */
    GArray *end_order;    /* CpTid */
    GPtrArray *diagnoses; /* CpDiagnosis */
    GError *fatal;        /* ends the run: the sink or the replay failed, a table is full */
    uint32_t n_threads_live; /* not ended, not daemon */
    uint64_t n_passive;      /* timers pending that keep nothing alive */
    uint64_t wakeups;
    uint64_t spin_mark;  /* what was done besides spinning when somebody last looked */
    uint32_t spin_quiet; /* looks in a row since that changed */
    CpTime end;          /* last moment of the run */
    uint64_t responses;
    CpTime counted_from; /* end of the warm-up; what was before is in no metric */
    CpBase *base;        /* NULL: there is no warm-up, or it is not over */
    CpMetricTable *metric_tables;
    uint32_t n_metric_tables;

    /* Memory that a reset empties and keeps; `tables` is the first of it. */
    struct {
        CpTable thread, cold, flow, rare, chan, reg, proc;
        CpTable rt_thread, rt_flow;
        CpTable ent[CP_CLASSES_MAX]; /* of each class */
    } tables;
    CpArena *arena; /* histograms, queues: what lives as long as the run */
};

G_STATIC_ASSERT(offsetof(CpSim, next_tick) == offsetof(CpSimHead, next_tick));
G_STATIC_ASSERT(offsetof(CpSim, n_idle) == offsetof(CpSimHead, n_idle));

/* A new row of a table of the run.  What the workload has too much of, `what`, ends the run
 * while there are spare rows for the event that is under way. */
uint32_t cp_row_new(CpSim *sim, CpTable *table, const char *what);

/* The workload's 64-bit number at that place. */
static inline int64_t cp_const(const CpSim *sim, uint32_t index)
{
    cp_assert(index < sim->w->consts->len);
    return g_array_index(sim->w->consts, int64_t, index);
}

#endif
