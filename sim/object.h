/* Objects: locks, events, queues, devices and what they hold. */
#ifndef CP_SIM_OBJECT_H
#define CP_SIM_OBJECT_H

#include "sim/state.h"

typedef struct {
    int64_t value;
    CpTime stamp; /* release of the request, CP_NEVER: none */
    int64_t size; /* bytes; 0: counts as one item */
    CpTime sent;
    CpTid from; /* who sent it, CP_NONE: nobody any more */
} CpItem;

struct CpObj {
    CpObjKind kind;
    uint32_t flags;
    uint32_t decl;
    CpChan chan;    /* lock, event, get side, readers */
    CpChan chan2;   /* put side, writers */
    CpTid owner;    /* holder, CP_NONE */
    uint32_t depth; /* of a recursive lock; readers inside a rwlock */
    int64_t value;  /* count of a semaphore, 1 = event set, parties arrived, bytes held */
    uint32_t lock;  /* condition: object of its lock */
    uint32_t head, n, cap;                   /* ring of items */
    CpItem *items;                           /* owned */
    CpTime since;                            /* when the owner took it */
    uint32_t running;                        /* device: requests in service */
    CpTid spin_first_plus1, spin_last_plus1; /* who waits for it on a CPU; 0: nobody */
    uint64_t unfinished; /* queue: items put of which task_done was not said yet */
    CpChan joiners;      /* queue: who waits for that */
    uint32_t pollers;    /* who wants sim->rt.poll to be called when something arrives */
    /* statistics */
    uint64_t acquired, contended, dropped, passed;
    CpTime hold_ns, wait_ns, wait_max_ns;
    CpTime spin_ns; /* CPU time of those that waited for it on a CPU */
    uint32_t n_max;
};

void cp_objects_init(CpSim *sim);
void cp_objects_clear(CpSim *sim);

void cp_items_push(CpObj *obj, CpItem item);
CpItem cp_items_pop(CpObj *obj);

#endif
