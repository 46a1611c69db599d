/* Recordings of other programs -> .cpr recordings: the list of formats.
 *
 * A format is one file and one line of formats.def.  Its reader gets the input, whose first
 * bytes it has recognised, and pushes events into the importer (importer.h), which puts
 * them in order, repairs and counts.  docs/adding-an-importer.md tells how to write one. */
#ifndef CP_TRACES_IMPORT_FORMATS_H
#define CP_TRACES_IMPORT_FORMATS_H

#include "traces/import/importer.h"
#include "traces/import/input.h"

/* What a reader works with. */
typedef struct {
    CpInput *input;
    CpImporter *importer;
    CpImportReport *report;
    const volatile int *interrupt; /* non-zero: give up with CP_ERROR_MODEL; may be NULL */
    bool again; /* the input can be read again: end once cp_importer_disordered */
} CpImportJob;

typedef struct {
    const char *name; /* "text" */
    const char
        *help; /* what such a file is; if it is not read, what makes it one that is */
    /* Whether a file that begins so is of this format; CP_LINE_SLACK more bytes can be read
     * behind the n. */
    bool (*sniff)(const char *bytes, size_t n);
    /* Pushes all events and fills the reader's part of the report.  NULL: the format is
     * known, but not read.  CP_ERROR_INPUT. */
    gboolean (*read)(const CpImportJob *job, GError **error);
    /* Says why a file that was read to its end holds no switch; sets `error`. */
    void (*complain)(const char *path, const CpImportReport *report, GError **error);
} CpImportFormat;

#define CP_IMPORT_FORMAT(name) extern const CpImportFormat cp_import_##name;
#include "traces/import/formats.def"
#undef CP_IMPORT_FORMAT

/* NULL-ended; those that are read come first. */
extern const CpImportFormat *const cp_import_formats[];

/* The format a file has by its content; NULL: none of them, or it cannot be read. */
const CpImportFormat *cp_import_format_of(const char *path);

/* Reads `path` (plain or gzip; "-": standard input) and writes the recording `out_path`.
 * `options` may be NULL; `report` was initialised by cp_import_report_init.
 * CP_ERROR_INPUT, CP_ERROR_OUTPUT. */
gboolean cp_import(const char *path, const char *out_path, const CpImportOptions *options,
                   CpImportReport *report, GError **error);

#endif
