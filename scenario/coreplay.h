/* libcoreplay: run a workload from a program of your own.
 *
 *   GError *error = NULL;
 *   CpPlay *play = cp_play_load("server.cpw", &error);
 *   cp_play_set(play, "cores", "8", &error);
 *   cp_play_run(play, &error);
 *   int64_t p99;
 *   cp_play_query(play, "latency.p99", &p99);
 *   cp_play_free(play);
 *
 * Compile with `pkg-config --cflags --libs coreplay`; libcoreplay(3) has a whole program,
 * examples/library more of them.  Plays share nothing: several may live at once, each used
 * by one thread at a time.  Functions that can fail return FALSE or NULL and set `error`,
 * whose code is the exit code the program would have: 2 a wrong setting, 3 a wrong input, 4
 * the simulation had to stop, 5 output.
 *
 * What is declared here is what the library exports.  Structs are handed out by it, never
 * made by callers, so that they can grow at their end. */
#ifndef COREPLAY_H
#define COREPLAY_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

typedef struct CpPlay CpPlay;

/* "0.1.0". */
const char *cp_play_version(void);

/* --- a run --- */

/* Reads a workload (.cpw text or its JSON form) or a recording (.cpr), told apart by their
 * content.  Returns new; the error's message is the full text with positions. */
CpPlay *cp_play_load(const char *path, GError **error);

/* Overrides one setting, as --set KEY=VALUE does; the last one counts.  The names are those
 * of `coreplay list settings` and the parameters of the workload. */
gboolean cp_play_set(CpPlay *play, const char *key, const char *value, GError **error);

/* Runs to the end with the settings in force; may be repeated.  TRUE as soon as there is a
 * result, a deadlock of the simulated program included: see cp_play_outcome. */
gboolean cp_play_run(CpPlay *play, GError **error);

/* "done", "until", "deadlock", "guard" ...; NULL before the first run. */
const char *cp_play_outcome(const CpPlay *play);

/* --- what it measured --- */

typedef struct {
    const char *name;  /* "makespan", "wakeup_latency.p99" */
    const char *scope; /* whose: "run", "thread", "cpu", "object", "cgroup" */
    const char *unit;  /* of its integer: "ns", "count", "ppm" (millionths of a whole),
                          "milli" (thousandths), "number", "bytes" */
    const char *help;
} CpPlayMetric;

/* Every metric there is, those of all scopes, and the histograms and variables of the
 * workload as metrics of the run; NULL-ended.  Good until the next cp_play_set. */
const CpPlayMetric *const *cp_play_metrics(CpPlay *play);

/* How many threads, CPUs ... the last run had, in the words of `scope`; 0: none, or there
 * was no run. */
uint32_t cp_play_count(const CpPlay *play, const char *scope);
/* What one of them is called ("" for the whole run and for the group of everything); good
 * until the next run.  NULL: there is no such one. */
const char *cp_play_name(CpPlay *play, const char *scope, uint32_t subject);

/* A metric of one of them in the last run; `subject` is 0 for the run.  False: not defined
 * in this run. */
bool cp_play_value(CpPlay *play, const CpPlayMetric *metric, uint32_t subject,
                   int64_t *value);

/* A metric of the last run by its dotted name ("makespan", "wakeup_latency.p99",
 * "cpu.NAME"): times in ns, shares in parts per million, rates in thousandths.  False: no
 * such metric, or not defined in this run. */
bool cp_play_query(CpPlay *play, const char *metric, int64_t *value);

/* --- what happened --- */

#define CP_PLAY_NOBODY UINT32_MAX /* an idle CPU, a timer */

/* A thread was in one state; spans of a thread follow each other without gaps. */
typedef struct {
    uint32_t thread,
        cpu;           /* running: on it; runnable: queued there; else where it was last */
    int64_t from, to;  /* ns since the start of the run */
    const char *state; /* "running", "runnable", "blocked", "off" (nobody knows) */
    const char *why; /* blocked: "sleep", "lock", "cond", "queue", "io", "join", "runtime",
                        "outside"; else "" */
    const char *object; /* the lock, queue or device it waits for, or "" */
} CpPlaySpan;

/* A CPU went from one thread to another one. */
typedef struct {
    int64_t at;
    uint32_t cpu, from, to; /* threads, or CP_PLAY_NOBODY */
    bool voluntary;         /* the one before waits, or has ended */
} CpPlaySwitch;

/* A thread that waited became runnable. */
typedef struct {
    int64_t at;
    uint32_t thread, cpu; /* enqueued there */
    uint32_t waker;       /* thread, or CP_PLAY_NOBODY */
} CpPlayWakeup;

/* What is to be told; NULL: not that.  Fill with zeros first: callbacks may be added. */
typedef struct {
    void (*span)(void *data, const CpPlaySpan *span);
    void (*switched)(void *data, const CpPlaySwitch *s);
    void (*wakeup)(void *data, const CpPlayWakeup *w);
    void (*reserved[13])(void); /* NULL */
} CpPlayCallbacks;

/* Runs like cp_play_run, and tells what happens in order of time, spans when they end; in
 * memory that does not grow with the run.  What callbacks get is good until they return;
 * they may ask the play for names, and change nothing of it. */
gboolean cp_play_walk(CpPlay *play, const CpPlayCallbacks *callbacks, void *data,
                      GError **error);

void cp_play_free(CpPlay *play);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CpPlay, cp_play_free)

G_END_DECLS

#endif
