/* Where fair threads go: wake-up placement, fork placement, newidle pull, balancing at
 * ticks.
 *
 * Loads are sums of weights of runnable threads (load tracking comes with the full Linux
 * model). */
#ifndef CP_MODELS_LINUX_BALANCE_H
#define CP_MODELS_LINUX_BALANCE_H

#include "models/linux/features.h"
#include "sim/policy.h"

/* First member of a fair queue's data. */
typedef struct {
    uint64_t load;       /* sum of weights of runnable entities, curr included */
    CpTime next_balance; /* of this CPU as the puller */
    CpTime interval;     /* current, not multiplied for busy CPUs */
    uint32_t failed;     /* attempts in a row that moved nothing */
    uint32_t scan;       /* CPUs of its cache a wake-up looks at for an idle one */
    CpTime scan_until;   /* when that is computed anew */
} CpBalanceRq;

/* Hooks of a fair class, whose policy data begins with CpBalanceFeatures. */
bool cp_linux_newidle(CpRq *rq);
CpTime cp_linux_balance(CpRq *rq);
CpCpu cp_linux_select_cpu(CpPolicy *policy, CpTid tid, CpCpu waker_cpu, CpWakeFlags flags);

#endif
