/* Recordings -> files of other programs: the list of formats.
 *
 * A format is one file and one line of formats.def.  Its writer reads the recording through
 * the follower (traces/walk.h), or as a kernel's events (traces/export/kernel.h), and
 * writes a stream, in constant memory. */
#ifndef CP_TRACES_EXPORT_FORMATS_H
#define CP_TRACES_EXPORT_FORMATS_H

#include "traces/cpr.h"
#include "traces/export/stream.h"

/* What a writer works with. */
typedef struct {
    CpCpr *cpr;
    CpTime from, to; /* window; to = 0: up to the end */
    CpStream *out;
    const volatile int *interrupt; /* non-zero: give up with CP_ERROR_MODEL; may be NULL */
} CpExportJob;

typedef struct {
    const char *name;    /* "perf" */
    const char *endings; /* of file names that mean it: ".perf.data .data" */
    const char *help;    /* what it is, and who reads it */
    /* Writes everything; failures of the stream are its own.  CP_ERROR_INPUT: a damaged
     * recording, or one that the format cannot hold. */
    gboolean (*write)(const CpExportJob *job, GError **error);
} CpExportFormat;

#define CP_EXPORT_FORMAT(name) extern const CpExportFormat cp_export_##name;
#include "traces/export/formats.def"
#undef CP_EXPORT_FORMAT

/* NULL-ended. */
extern const CpExportFormat *const cp_export_formats[];

/* NULL: there is none of that name. */
const CpExportFormat *cp_export_find(const char *name);
/* The format that a file of this name is meant to have; NULL: none. */
const CpExportFormat *cp_export_of_name(const char *path);

/* Writes the recording, or the window of it, to `path`; "-" is the standard output.
 * CP_ERROR_INPUT, CP_ERROR_OUTPUT, CP_ERROR_MODEL. */
gboolean cp_export(CpCpr *cpr, const CpExportFormat *format, CpTime from, CpTime to,
                   const char *path, const volatile int *interrupt, GError **error);

/* Whether to end early: the stream has failed, or somebody wants it. */
static inline bool cp_export_stop(const CpExportJob *job)
{
    return cp_stream_failed(job->out) || (job->interrupt != NULL && *job->interrupt != 0);
}

#endif
