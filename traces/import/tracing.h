/* The description of a kernel's events that trace.dat and perf.data files carry, and what a
 * binary event says by it. */
#ifndef CP_TRACES_IMPORT_TRACING_H
#define CP_TRACES_IMPORT_TRACING_H

#include "traces/import/bytes.h"
#include "traces/import/event.h"

typedef struct CpTracing CpTracing;

/* Reads the description at `offset`, up to the names of threads; what stands behind it
 * begins at *end.  CP_ERROR_INPUT. */
CpTracing *cp_tracing_new(CpBytes *bytes, uint64_t offset, uint64_t *end, GError **error);
void cp_tracing_free(CpTracing *tracing);
bool cp_tracing_big_endian(const CpTracing *tracing);
/* The version of the description: 6 for trace.dat's, 0 for perf's. */
unsigned cp_tracing_version(const CpTracing *tracing);
/* Adds the event formats of `text`, as the kernel's format files have them. */
void cp_tracing_add(CpTracing *tracing, const char *text, size_t n);
/* The same of a part of a version 7 file, `size` bytes from `offset` on: formats of the
 * tracer's own events or of all systems, names of threads.  False: damaged. */
bool cp_tracing_read_page(CpTracing *tracing, CpBytes *bytes, uint64_t offset);
bool cp_tracing_read_events(CpTracing *tracing, CpBytes *bytes, uint64_t offset);
bool cp_tracing_read_comms(CpTracing *tracing, CpBytes *bytes, uint64_t offset);
/* How pages of events begin: the size of the count of their bytes behind the time, and
 * where their events begin. */
void cp_tracing_page(const CpTracing *tracing, uint32_t *commit_size, uint32_t *data);
uint32_t cp_tracing_page_size(const CpTracing *tracing);
/* Name of a thread, as the description lists it; length 0: not listed. */
CpSpan cp_tracing_comm(const CpTracing *tracing, int32_t pid);

/* Whether events of this id are used. */
bool cp_tracing_knows(const CpTracing *tracing, uint64_t id);
/* Number of the event's format, which its bytes begin with. */
uint64_t cp_tracing_id(const CpTracing *tracing, const uint8_t *bytes, size_t n);
/* Fills kind, subject, other, cpu2, state, value and irq of `event` from its bytes; names
 * point into them.  `current.pid` is set.  False: the bytes do not hold the fields. */
bool cp_tracing_decode(const CpTracing *tracing, uint64_t id, const uint8_t *bytes,
                       size_t n, CpTraceEvent *event);

#endif
