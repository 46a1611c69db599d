/* The .cpr recording: one format for simulated runs and imported recordings of real ones.
 *
 * Layout: header, blocks, string table, thread table, index, trailer.  The trailer is
 * written last, so a truncated file is recognised.  Each block is packed column by column,
 * carries its own checksum, time range and record count, and can be read alone; the index
 * lists them, so a time window is found without reading the rest. */
#ifndef CP_TRACES_CPR_H
#define CP_TRACES_CPR_H

#include "sim/record.h"

enum { CP_CPR_VERSION = 1 };

typedef enum { CP_ORIGIN_SIMULATED, CP_ORIGIN_RECORDED } CpOrigin;

typedef struct {
    uint32_t name;    /* string */
    uint32_t process; /* string: process name */
    int64_t pid, tid; /* of the real system; simulated: process number, thread number */
    int32_t prio;     /* kernel priority at first sight, 120 = nice 0 */
    uint32_t flags;   /* CP_CPR_ flags */
} CpCprThread;

/* A thread of the kernel; load beside the program that a simulation was about. */
enum { CP_CPR_KERNEL = 1, CP_CPR_LOAD = 2 };

/* What a recording says of itself.  Strings are indexes into the string table. */
typedef struct {
    CpOrigin origin;
    uint32_t n_cpus;    /* highest CPU number + 1 */
    CpTime start, end;  /* of the recording, relative to base; end >= last record */
    int64_t clock_base; /* ns of the source's clock at time 0 */
    uint64_t lost;      /* events known to be lost */
    uint64_t repaired;  /* records rebuilt by the importer */
    uint64_t seed;      /* simulated runs */
    uint32_t machine, policy, workload, version, source; /* text for titles; 0: none */
    uint32_t settings; /* text: "key=value\n" of every setting given */
    uint32_t metrics;  /* text: the run's JSON object; 0: none */
} CpCprInfo;

/* --- writing --- */

typedef struct CpCprWriter CpCprWriter;

/* The file appears under its name when cp_cpr_writer_finish is called, see
 * traces/outfile.h; "-" is the standard output.  CP_ERROR_OUTPUT. */
CpCprWriter *cp_cpr_writer_new(const char *path, GError **error);
/* Records in order of time (a MORE record right after its head). */
gboolean cp_cpr_write(CpCprWriter *w, const CpRecord *records, size_t n, GError **error);
/* A CpSink over the writer; `data` is the writer. */
CpSink cp_cpr_sink(CpCprWriter *w);
uint32_t cp_cpr_string(CpCprWriter *w, const char *text);
/* Name tables, by the dense ids records use. */
void cp_cpr_thread(CpCprWriter *w, uint32_t id, const CpCprThread *thread);
void cp_cpr_name(CpCprWriter *w, CpRecordKind domain, uint32_t id,
                 uint32_t string); /* locks, marks ... by their kind */
gboolean cp_cpr_writer_finish(CpCprWriter *w, const CpCprInfo *info, GError **error);
/* Without finish: removes the temporary file. */
void cp_cpr_writer_free(CpCprWriter *w);

/* --- reading --- */

typedef struct CpCpr CpCpr;

/* CP_ERROR_INPUT: not a recording, truncated, another version, checksum wrong (says where).
 */
CpCpr *cp_cpr_open(const char *path, GError **error);
void cp_cpr_free(CpCpr *cpr);
const CpCprInfo *cp_cpr_info(const CpCpr *cpr);
const char *cp_cpr_text(const CpCpr *cpr, uint32_t string);
uint32_t cp_cpr_n_threads(const CpCpr *cpr);
const CpCprThread *cp_cpr_thread_at(const CpCpr *cpr, uint32_t id);
/* Name of a lock, mark ... or "". */
const char *cp_cpr_name_at(const CpCpr *cpr, CpRecordKind domain, uint32_t id);
uint64_t cp_cpr_n_records(const CpCpr *cpr);
uint32_t cp_cpr_n_blocks(const CpCpr *cpr);
void cp_cpr_block_range(const CpCpr *cpr, uint32_t block, CpTime *from, CpTime *to);
/* Unpacks one block into `out` (room for CP_RECORD_BLOCK); n = 0 never happens. */
gboolean cp_cpr_read(CpCpr *cpr, uint32_t block, CpRecord *out, size_t *n, GError **error);

/* Whether a file begins like a recording (by content, not by name). */
bool cp_cpr_sniff(const void *bytes, size_t n);
/* The same of a file; false for "-", which can be read only once. */
bool cp_cpr_is_file(const char *path);

#endif
