/* The record stream: what happened, as 16-byte records in order of time.
 *
 * `records.def` is the only contract between the engine and everything that looks at a
 * run; recordings of real machines are imported into the same form.  The engine appends to
 * a block and hands full blocks to a sink, so memory does not grow with the run. */
#ifndef CP_SIM_RECORD_H
#define CP_SIM_RECORD_H

#include "sim/types.h"

typedef enum {
#define CP_RECORD(NAME, name, number, more, id, arg, id2, value, meaning)                  \
    CP_REC_##NAME = number,
#include "sim/records.def"
#undef CP_RECORD
    CP_REC_KINDS = 64
} CpRecordKind;

typedef struct {
    int64_t at;   /* time << 8 | kind; of a MORE record value << 8 | CP_REC_MORE */
    uint32_t id;  /* see records.def */
    uint16_t cpu; /* where it happened; CP_RECORD_NO_CPU if not known */
    uint16_t arg;
} CpRecord;

G_STATIC_ASSERT(sizeof(CpRecord) == 16);

#define CP_RECORD_NO_CPU 0xffffu

/* Times reach 2^55 ns, more than a year. */
static inline CpTime cp_record_time(const CpRecord *r)
{
    return r->at >> 8;
}

static inline int64_t cp_record_value(const CpRecord *r)
{
    return r->at >> 8;
}

static inline CpRecordKind cp_record_kind(const CpRecord *r)
{
    return (CpRecordKind)(r->at & 0xff);
}

static inline CpRecord cp_record_make(CpTime time, CpRecordKind kind, uint32_t id,
                                      uint32_t cpu, uint32_t arg)
{
    return (CpRecord){(int64_t)((uint64_t)time << 8 | (uint64_t)kind), id, (uint16_t)cpu,
                      (uint16_t)arg};
}

/* State letters of SWITCH records: low byte of arg; as the kernel prints prev_state. */
#define CP_SWITCH_STATE(arg)    ((char)((arg)&0xff))
#define CP_SWITCH_PREEMPTED     0x100u /* "R+" */
#define CP_SWITCH_RECONSTRUCTED 0x200u /* not in the source; rebuilt by an importer */
/* Whether the thread gave the CPU up itself: it waits, or it has ended.  One that could
 * have gone on (R, R+) did not. */
static inline bool cp_switch_voluntary(uint32_t arg)
{
    return CP_SWITCH_STATE(arg) != 'R' && (arg & CP_SWITCH_PREEMPTED) == 0;
}

/* In arg of WAKING records beside the target CPU: sent by an interrupt, not by the thread
 * that runs there. */
#define CP_WAKING_IRQ 0x8000u

/* arg of WAKEUP records: cause in the low bits; above them, if the waker ran on another CPU
 * than the one the thread was enqueued on, 1 + that CPU (recordings of kernels). */
#define CP_WAKEUP_CAUSE(arg)   ((CpWakeCause)((arg)&0xfu))
#define CP_WAKEUP_AUTHOR_SHIFT 4
#define CP_WAKEUP_AUTHOR(r)                                                                \
    ((r)->arg >> CP_WAKEUP_AUTHOR_SHIFT                                                    \
         ? (uint32_t)((r)->arg >> CP_WAKEUP_AUTHOR_SHIFT) - 1                              \
         : (uint32_t)(r)->cpu)

/* Value of LOOP_STEP and TASK_CREATE records: 1 + the function below, above it the number
 * of the task within its process, from 1; 0: no task but a callback, or a call for a pool.
 * A value of 0 tells nothing. */
enum { CP_RECORD_FUNCTION_BITS = 24 };
#define CP_RECORD_FUNCTION(value)                                                          \
    ((uint32_t)((value) & ((1 << CP_RECORD_FUNCTION_BITS) - 1)) - 1)
#define CP_RECORD_TASK_NUMBER(value) ((uint32_t)((value) >> CP_RECORD_FUNCTION_BITS))

/* What a PRINT_VALUE is: its id. */
typedef enum {
    CP_PRINT_NUMBER,
    CP_PRINT_LIST,      /* so many entries follow */
    CP_PRINT_EXCEPTION, /* its name: a string */
} CpPrintValue;

/* A template is text with {CODE} for each value: d a whole number, t a time, l a list, @
 * the name of the thread (no value); behind d and t .N: so many decimals, a time in
 * seconds. Braces of the text are doubled. */

/* Values of 64 bits: the high ones in arg, the others in the value. */
enum { CP_RECORD_LOW_BITS = 48 };
static inline uint32_t cp_record_high(int64_t value)
{
    return (uint32_t)((uint64_t)value >> CP_RECORD_LOW_BITS);
}
static inline int64_t cp_record_low(int64_t value)
{
    return value & ((INT64_C(1) << CP_RECORD_LOW_BITS) - 1);
}
static inline int64_t cp_record_wide_value(const CpRecord *head, const CpRecord *more)
{
    return (int64_t)((uint64_t)head->arg << CP_RECORD_LOW_BITS |
                     (uint64_t)cp_record_low(cp_record_value(more)));
}

/* Static description of a kind; NULL for a number not in use. */
typedef struct {
    const char *name;
    bool has_more;
    const char *id, *arg, *id2, *value, *meaning;
} CpRecordInfo;

const CpRecordInfo *cp_record_info(unsigned kind);

/* Where full blocks go.  `write` gets whole records (a MORE record is never separated from
 * its head) in order of time; a failure is latched and ends the run. */
typedef struct {
    gboolean (*write)(void *data, const CpRecord *records, size_t n, GError **error);
    void *data;
} CpSink;

enum { CP_RECORD_BLOCK = 4096 }; /* records a block: 64 KiB */

/* What to keep.  Zero-filled means everything. */
typedef struct {
    CpTime from, to;     /* window; to = 0: no end */
    uint64_t drop_kinds; /* bit k: leave kind k out */
} CpRecordFilter;

#endif
