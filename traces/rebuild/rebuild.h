/* A recording -> a workload that does the same on any machine.
 *
 * Each thread becomes a program of its own: the CPU time it needed between two waits, whom
 * it woke, whom it waited for, what it started.  Where somebody in the recording ended a
 * wait, the wait is for that thread; where nobody did (a timer, a device, another machine),
 * it lasts as long as it did.  Waiting for a CPU is left out: that is what another machine
 * changes.
 *
 * Who woke whom is decided by these rules, in this order, and counted:
 *   waking    the waking event names the thread that ran when it was sent
 *   author    the wake-up was reported by a thread that ran there
 *   lock      the thread asked for an interpreter's lock, and its holder had just dropped
 *             it
 *   join      it had started the thread whose end woke it
 *   outvoted  a thread was named, but most wake-ups of the same sleeper named nobody: a
 * timer that happened to interrupt somebody; kept as a delay outside   nobody was named:
 * kept as a delay unseen    it ran again without any wake-up: kept as a delay reply     no
 * wait was recorded, but the thread needs an answer of one it has woken: it was seen to
 * wait for that elsewhere, or wakes it again (lead.c); these are semaphores of the two
 *
 * Who left its CPU again and again to a thread that had waited all the time yields. */
#ifndef CP_TRACES_REBUILD_REBUILD_H
#define CP_TRACES_REBUILD_REBUILD_H

#include "sim/costs.h"
#include "sim/program.h"
#include "traces/cpr.h"

#define CP_REBUILD_GROUP "program"

typedef struct {
    int64_t root_pid; /* keep this process and what it started; 0: as the recording says,
                         else everything but threads of the kernel */
    bool foreign;     /* threads left out become daemon threads: load from others */
    bool pin;         /* a thread seen on one CPU only may run nowhere else */
    bool unbound;     /* the program may use all CPUs, though it was bound to some */
    bool grouped;     /* the program is in a group of its own, CP_REBUILD_GROUP */
    bool placement;   /* started threads begin where they did, as fits the same machine */
    CpTime from, to;  /* part of the recording; to = 0: up to its end */
    const CpParamSet *costs; /* see sim/costs.h; borrowed by cp_rebuild_new: the share of
                                kernel work in the measured CPU time, taken out because a
                                machine with these costs adds it; NULL: nothing */
} CpRebuildOptions;

typedef enum {
    CP_RULE_WAKING,
    CP_RULE_AUTHOR,
    CP_RULE_LOCK,
    CP_RULE_JOIN,
    CP_RULE_OUTVOTED,
    CP_RULE_OUTSIDE,
    CP_RULE_UNSEEN,
    CP_RULE_REPLY,
    CP_RULES
} CpRebuildRule;

/* What the recording says of one rebuilt thread. */
typedef struct {
    uint32_t id;   /* in the recording */
    uint32_t decl; /* its declaration in the workload */
    bool foreign;
    CpTime cpu_time;    /* within the part */
    CpTime first, last; /* on a CPU, since the start of the part */
    uint64_t voluntary, involuntary, migrations;
} CpRebuiltThread;

typedef struct CpRebuild CpRebuild;

/* CP_ERROR_INPUT: no thread to rebuild, root not found, a damaged block.  CP_ERROR_OUTPUT:
 * no room for the temporary file. */
CpRebuild *cp_rebuild_new(CpCpr *cpr, const CpRebuildOptions *options, GError **error);
void cp_rebuild_free(CpRebuild *rebuild);

/* New workload, verified, that replays the recording: what the threads do is read from a
 * temporary file while they do it, so memory does not grow with the recording. */
CpWorkload *cp_rebuild_workload(const CpRebuild *rebuild, GError **error);
/* New text in the workload language, all of it in memory.  Recorded wake-ups are semaphores
 * there. */
char *cp_rebuild_text(const CpRebuild *rebuild, GError **error);

uint32_t cp_rebuild_n_threads(const CpRebuild *rebuild);
const CpRebuiltThread *cp_rebuild_thread(const CpRebuild *rebuild, uint32_t i);
/* From the first to the last moment a kept thread was on a CPU. */
CpTime cp_rebuild_makespan(const CpRebuild *rebuild);
uint64_t cp_rebuild_rule_count(const CpRebuild *rebuild, CpRebuildRule rule);
/* What is not in the records but has to be so, one line each: NULL-ended, borrowed. */
const char *const *cp_rebuild_said(const CpRebuild *rebuild);
/* Why nothing can be predicted from it; NULL: it can. */
const char *cp_rebuild_refusal(const CpRebuild *rebuild);
/* CPU time of the threads that are load, and of those that were left out. */
CpTime cp_rebuild_load(const CpRebuild *rebuild);
CpTime cp_rebuild_left_out(const CpRebuild *rebuild);
/* New text: one line on what was kept, one a rule. */
char *cp_rebuild_report(const CpRebuild *rebuild);

#endif
