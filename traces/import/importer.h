/* Events of a foreign trace -> a .cpr recording, with an integrity report.
 *
 * A reader pushes events as it finds them.  They are put in order of time within a window,
 * pids become dense thread ids, and what each CPU does is followed: where the trace
 * contradicts itself (a switch from a thread that was not there, somebody running on an
 * idle CPU) the missing switch is put in, marked as reconstructed, and counted.
 *
 * Times of the recording begin at 0, which is the first event or the start of the window.
 */
#ifndef CP_TRACES_IMPORT_IMPORTER_H
#define CP_TRACES_IMPORT_IMPORTER_H

#include "traces/cpr.h"
#include "traces/import/event.h"

typedef struct {
    CpTime from, to;    /* part to keep; to = 0: up to the end */
    bool source_clock;  /* from and to are times as printed in the trace; else since its
                           start */
    const char *root;   /* pid or name of the program that is meant, see traces/root.h; its
                           pid is kept as a fact for rebuilding; NULL: none */
    const char *source; /* text for the recording's `source`; NULL: none */
    const volatile int *interrupt; /* set by a signal handler; may be NULL */
} CpImportOptions;

/* What was seen on one CPU.  Busy and idle time lie between its first and its last switch
 * of the whole trace. */
typedef struct {
    uint64_t switches, mismatches, lost;
    CpTime first, last; /* switch, in the source's clock */
    CpTime busy, idle;
    CpTime unknown;    /* the trace contradicts itself about who ran */
    CpTime lossy;      /* between the events around losses */
    CpTime begin, end; /* first and last event of any kind, in the source's clock */
} CpImportCpu;

typedef struct {
    /* Set by the reader. */
    uint64_t bytes, lines;
    uint64_t unread;      /* lines that are no trace lines */
    uint64_t broken;      /* known events with a payload that cannot be read */
    uint64_t long_lines;  /* skipped */
    uint64_t first_bad;   /* line number of the first unread or broken one; 0: none */
    uint64_t integers;    /* events whose clock is a count without a fraction */
    uint64_t overwritten; /* events the source says its buffer lost at the beginning */
    bool cut;             /* the last line has no end */
    /* Set by the importer. */
    uint64_t events, other; /* used; of kinds without use */
    uint64_t switches, wakings, wakeups, forks, exits, migrations, renames;
    uint64_t lost;           /* events the trace says are missing */
    uint64_t lost_uncounted; /* times it does not say how many */
    uint64_t heads_differ;   /* switches whose head named another thread than the one that
                                left; 0: heads of lines were believed */
    uint64_t odd_states;     /* switches with a state that is not known */
    bool shifted;            /* states were printed too high, see judge.h */
    uint64_t unsorted;       /* events earlier than the one before */
    uint64_t late;           /* so late that they got a later time */
    uint64_t duplicates;     /* left out */
    uint64_t leaps;          /* left out: more than a year away from the start */
    uint64_t mismatches;     /* switched from a thread that was not there */
    uint64_t missing_idle;   /* somebody ran on a CPU last seen idle */
    uint64_t marked;         /* reconstructed already in the source */
    uint64_t no_cpu;         /* events without a CPU: left out */
    uint64_t cpu_above;      /* of these: on CPUs beyond the greatest number */
    uint32_t n_threads, n_cpus, n_cpus_told; /* told: by a heading */
    CpTime first, last;                      /* event, in the source's clock */
    GArray *cpus;                            /* CpImportCpu by number */
} CpImportReport;

void cp_import_report_init(CpImportReport *report);
void cp_import_report_clear(CpImportReport *report);
/* New text, several lines, fit for a terminal; its warnings are those of
 * cp_import_report_warnings. */
char *cp_import_report_text(const CpImportReport *report);
/* What makes the recording less than the whole truth, with its weight: new, NULL-ended, for
 * g_strfreev; none is longer than a line. */
char **cp_import_report_warnings(const CpImportReport *report);

typedef struct CpImporter CpImporter;

typedef enum {
    CP_ORDER_WINDOW, /* put in order within a window of events, in constant memory */
    CP_ORDER_ALL,    /* keep all events until the end, then sort them */
} CpImportOrder;

/* Report and options are borrowed until free. */
CpImporter *cp_importer_new(const char *out_path, CpImportOrder order,
                            const CpImportOptions *options, CpImportReport *report,
                            GError **error);
gboolean cp_importer_push(CpImporter *importer, const CpTraceEvent *event, GError **error);
/* Whether an event came too late for the window: the reader may begin again with ORDER_ALL.
 */
bool cp_importer_disordered(const CpImporter *importer);
/* Nothing more will be pushed: follows the events still waiting for their turn, after which
 * the report is complete. */
gboolean cp_importer_drain(CpImporter *importer, GError **error);
/* Writes the recording, after drain. */
gboolean cp_importer_finish(CpImporter *importer, GError **error);
void cp_importer_free(CpImporter *importer);

#endif
