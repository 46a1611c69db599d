/* Text of `perf script`, the kernel's trace file, trace-cmd report or systrace ->
 * recording.
 */
#ifndef CP_TRACES_IMPORT_TEXT_H
#define CP_TRACES_IMPORT_TEXT_H

#include "traces/import/importer.h"

/* Reads `path` (plain or gzip; "-": standard input) and writes the recording `out_path`.
 * `options` may be NULL; `report` was initialised by cp_import_report_init.
 * CP_ERROR_INPUT, CP_ERROR_OUTPUT. */
gboolean cp_import_text(const char *path, const char *out_path,
                        const CpImportOptions *options, CpImportReport *report,
                        GError **error);

#endif
