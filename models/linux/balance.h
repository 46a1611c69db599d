/* Where fair threads run: place.c chooses a CPU for who wakes or is new, pull.c moves who
 * waits.
 *
 * Loads are sums of weights of runnable threads (load tracking comes with the full Linux
 * model).  Any fair class can use these hooks: its policy data begins with
 * CpBalanceFeatures, its queue data with CpBalanceRq, whose `load` it keeps. */
#ifndef CP_MODELS_LINUX_BALANCE_H
#define CP_MODELS_LINUX_BALANCE_H

#include "models/linux/features.h"
#include "sim/policy.h"

enum {
    CP_IMBALANCE_PCT = 117, /* tolerated within a cache and between them (sd_init) */
    CP_BALANCE_LOOKS = 32,  /* threads looked at, and moved, in one go (sched_nr_migrate) */
};

typedef struct {
    uint64_t load;       /* sum of weights of runnable entities, curr included */
    CpTime next_balance; /* of this CPU as the one that pulls */
    CpTime interval;     /* current, not multiplied for busy CPUs */
    uint32_t failed;     /* attempts in a row that moved nothing */
    uint32_t scan;       /* CPUs of its cache a wake-up looks at for an idle one */
    CpTime scan_until;   /* when that is computed anew */
} CpBalanceRq;

/* Hooks of the class, see sim/policy.h. */
CpCpu cp_balance_select_cpu(CpPolicy *policy, CpTid tid, CpCpu waker_cpu,
                            CpWakeFlags flags);
bool cp_balance_newidle(CpRq *rq);
CpTime cp_balance_tick(CpRq *rq);

#endif
