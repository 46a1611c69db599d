/* What a run tells beside its figures: the lines its program prints, what became of its
 * tasks and calls, the values of a variable.
 *
 *   CpRunLog *log = cp_run_log_new(workload, var);
 *   cp_run_log_watch(log, &config);       before cp_sim_new
 *   ... run ...
 *   for (i = 0; i < cp_run_log_n_lines(log); i++) cp_run_log_text(log, sim, i)
 *
 * It reads records and keeps a bounded number of each; the others are counted. */
#ifndef CP_SCENARIO_RUN_LOG_H
#define CP_SCENARIO_RUN_LOG_H

#include "sim/sim.h"

typedef struct CpRunLog CpRunLog;

enum { CP_LOG_LINES_MAX = 10000, CP_LOG_TASKS_MAX = 1000, CP_LOG_VALUES_MAX = 100000 };

/* A line, by whom, or a value of the variable. */
typedef struct {
    CpTime at;
    CpTid tid;        /* CP_NONE: nobody on a CPU */
    int64_t task;     /* line: as of a LOOP_STEP record; 0: no task */
    int64_t value;    /* of the variable */
    uint32_t string;  /* line: its template */
    uint32_t n, from; /* line: its values in the log */
} CpLogEntry;

/* A task of an event loop, or a call of a pool. */
typedef struct {
    int64_t label;                  /* as of a TASK_CREATE record */
    CpTime created, started, ended; /* CP_NEVER: not yet */
    CpTid tid;                      /* who began it; CP_NONE */
    uint32_t order;                 /* in which it ended, from 1; 0: it has not */
    uint8_t how;                    /* as of a TASK_END record */
} CpLogTask;

/* `var`: number of the variable whose values are kept, CP_NONE: of none. */
CpRunLog *cp_run_log_new(const CpWorkload *workload, uint32_t var);
void cp_run_log_free(CpRunLog *log);
/* Whether runs of the workload print anything or have tasks. */
bool cp_run_log_has_any(const CpWorkload *workload);
/* Sets the configuration's sink, which is borrowed until the run is over, and hands what
 * would go to another on to it. */
void cp_run_log_watch(CpRunLog *log, CpSimConfig *config);
/* Reads records of a run, all of them in order. */
void cp_run_log_feed(CpRunLog *log, const CpRecord *records, size_t n);

unsigned cp_run_log_n_lines(const CpRunLog *log);
const CpLogEntry *cp_run_log_line(const CpRunLog *log, unsigned line);
/* New text of a line, as it was printed. */
char *cp_run_log_text(const CpRunLog *log, const CpSim *sim, unsigned line);
uint64_t cp_run_log_more_lines(const CpRunLog *log);

unsigned cp_run_log_n_tasks(const CpRunLog *log);
const CpLogTask *cp_run_log_task(const CpRunLog *log, unsigned task);
uint64_t cp_run_log_more_tasks(const CpRunLog *log);
/* New text for a label: "Task-3 fetch", or "fetch" of a call. */
char *cp_run_log_task_name(const CpRunLog *log, int64_t label);
/* "done", "cancelled", "failed", "running" or "waiting" (not begun). */
const char *cp_log_task_state(const CpLogTask *task);

uint32_t cp_run_log_var(const CpRunLog *log);
unsigned cp_run_log_n_values(const CpRunLog *log);
const CpLogEntry *cp_run_log_value(const CpRunLog *log, unsigned i);
uint64_t cp_run_log_more_values(const CpRunLog *log);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(CpRunLog, cp_run_log_free)

#endif
