/* Events in the binary form that the kernel's tracer gives them, and the description of
 * that form which trace.dat and perf.data files carry. */
#ifndef CP_TRACES_EXPORT_TRACING_DATA_H
#define CP_TRACES_EXPORT_TRACING_DATA_H

#include "traces/export/kernel.h"

enum {
    CP_TRACING_EVENT_MAX = 64, /* bytes of one event */
    CP_TRACING_FIRST_ID = 101, /* of the first row; others follow */
};

/* Row of the event in the table of described ones; -1: it has no binary form. */
int cp_tracing_row(CpKernelKind kind);
unsigned cp_tracing_n_rows(void);

/* Writes an event of a row and returns its bytes, at most CP_TRACING_EVENT_MAX. */
size_t cp_tracing_event(const CpKernelEvent *e, int row, uint8_t *bytes);

/* Appends the description, from its magic number to the names of threads; `version` is
 * "0.6" in perf.data, "6" in trace.dat. */
void cp_tracing_describe(GByteArray *out, const char *version, const CpKernelTasks *tasks);

/* Little-endian numbers. */
void cp_tracing_u16(GByteArray *out, uint16_t value);
void cp_tracing_u32(GByteArray *out, uint32_t value);
void cp_tracing_u64(GByteArray *out, uint64_t value);

#endif
