#include "traces/import/formats.h"

#include "sim/error.h"

#include <string.h>

/* Which format a file has, and how often it is read. */

/* Formats known by their first bytes, to say what to do with them. */
#define KNOWN(id, text, magic, advice)                                                     \
    static bool sniff_##id(const char *bytes, size_t n)                                    \
    {                                                                                      \
        return n >= sizeof magic - 1 && memcmp(bytes, magic, sizeof magic - 1) == 0;       \
    }                                                                                      \
    static const CpImportFormat known_##id = {                                             \
        .name = text, .help = advice, .sniff = sniff_##id};

KNOWN(recording, "cpr",
      "\x89"
      "CPR\r\n\x1a\n",
      "a coreplay recording already")
KNOWN(zstd, "zstd", "\x28\xb5\x2f\xfd",
      "compressed with zstd; unpack it first: zstd -d FILE")
KNOWN(xz, "xz",
      "\xfd"
      "7zXZ",
      "compressed with xz; unpack it first: xz -dk FILE")
KNOWN(zip, "zip", "PK\x03\x04", "a zip archive; unpack it first: unzip FILE")
KNOWN(bzip2, "bzip2", "BZh", "compressed with bzip2; unpack it first: bunzip2 -k FILE")
KNOWN(lz4, "lz4", "\x04\x22\x4d\x18", "compressed with lz4; unpack it first: lz4 -d FILE")

#define PERF_DATA "perf.data, which is read"

KNOWN(ctf, "CTF", "\xc1\x1f\xfc\xc1",
      "a stream of a CTF trace (LTTng), which is not read; record with perf "
      "sched record, "
      "then import its " PERF_DATA)

/* Its first packet begins with its tag, and lengths and ids are not printable.
 */
static bool sniff_perfetto(const char *bytes, size_t n)
{
    return n > 8 && bytes[0] == '\n' && memchr(bytes, 0, MIN(n, (size_t)512)) != NULL;
}

static const CpImportFormat known_perfetto = {
    .name = "perfetto",
    .help = "a Perfetto trace (protobuf); turn it into text first: traceconv "
            "systrace FILE "
            "FILE.txt",
    .sniff = sniff_perfetto};

enum { FIRST = 16384 }; /* bytes in which texts show what they are */

static bool has(const char *bytes, size_t n, const char *words)
{
    return memmem(bytes, MIN(n, (size_t)FIRST), words, strlen(words)) != NULL;
}

/* Texts known by two things that stand in their first lines. */
#define KNOWN_BY(id, text, first, second, advice)                                          \
    static bool sniff_##id(const char *bytes, size_t n)                                    \
    {                                                                                      \
        return has(bytes, n, first) && has(bytes, n, second);                              \
    }                                                                                      \
    static const CpImportFormat known_##id = {                                             \
        .name = text, .help = advice, .sniff = sniff_##id};

KNOWN_BY(babeltrace, "babeltrace", "{ cpu_id = ", "}, {",
         "text of babeltrace, which is not read; record with perf sched "
         "record, then import its " PERF_DATA)
KNOWN_BY(timehist, "perf sched timehist", "wait time", "sch delay",
         "the table of perf sched timehist, which leaves out states; of the "
         "same recording "
         "take its " PERF_DATA)
KNOWN_BY(latency, "perf sched latency", "Task  ", "Switches",
         "the table of perf sched latency, sums without times; of the same "
         "recording take its " PERF_DATA)
KNOWN_BY(map, "perf sched map", " secs ", " => ",
         "the output of perf sched map, which leaves out states; of the same "
         "recording "
         "take its " PERF_DATA)
KNOWN_BY(runqlat, "runqlat", "count ", "distribution",
         "a histogram (runqlat, cpudist), in which single events cannot be "
         "told any more; "
         "record with perf sched record, then import its " PERF_DATA)
KNOWN_BY(histogram, "bpftrace", "\n@", "|@",
         "a histogram of bpftrace, in which single events cannot be told any "
         "more; record "
         "with perf sched record, then import its " PERF_DATA)
KNOWN_BY(no_time, "perf script without time", "sched_switch: ", " ==> ",
         "text of scheduler events without the column of the time; print it "
         "with: perf script --ns -F comm,pid,tid,cpu,time,event,trace")

const CpImportFormat *const cp_import_formats[] = {
#define CP_IMPORT_FORMAT(name) &cp_import_##name,
#include "traces/import/formats.def"
#undef CP_IMPORT_FORMAT
    &known_recording,

    &known_zstd,      &known_xz,       &known_zip,        &known_bzip2,    &known_lz4,
    &known_ctf,       &known_perfetto, &known_babeltrace, &known_timehist, &known_latency,
    &known_map,       &known_runqlat,  &known_histogram,  &known_no_time,  NULL,
};

static const CpImportFormat *find_format(const char *bytes, size_t n)
{
    for (const CpImportFormat *const *f = cp_import_formats; *f != NULL; f++) {
        if ((*f)->sniff(bytes, n)) {
            return *f;
        }
    }
    return NULL;
}

const CpImportFormat *cp_import_format_of(const char *path)
{
    CpInput *input = cp_input_open(path, NULL);
    const char *bytes;
    size_t n;
    const CpImportFormat *format = NULL;
    if (input != NULL && cp_input_peek(input, &bytes, &n, NULL)) {
        format = find_format(bytes, n);
    }
    cp_input_free(input);
    return format;
}

/* The format of an input that is to be read.  One that no format claims is
 * taken for text, whose reader knows what is wrong with it. */
static const CpImportFormat *choose_format(CpInput *input, const char *path, GError **error)
{
    const char *bytes;
    size_t n;
    if (!cp_input_peek(input, &bytes, &n, error)) {
        return NULL;
    }
    if (n == 0) {
        g_set_error(error, CP_ERROR, CP_ERROR_INPUT,
                    "%s: the file is empty, expected text of perf script or "
                    "trace-cmd report",
                    path);
        return NULL;
    }
    const CpImportFormat *format = find_format(bytes, n);
    if (format != NULL && format->read == NULL) {
        g_set_error(error, CP_ERROR, CP_ERROR_INPUT, "%s: is %s", path, format->help);
        return NULL;
    }
    return format != NULL ? format : &cp_import_text;
}

/* One reading of the file; *again: it must be read once more, keeping all
 * events. */
static gboolean import_pass(const char *path, const char *out_path, CpImportOrder order,
                            const CpImportOptions *options, CpImportReport *r, bool *again,
                            GError **error)
{
    CpImportJob job = {
        .input = cp_input_open(path, error), .report = r, .interrupt = options->interrupt};
    const CpImportFormat *format = NULL;
    gboolean good = FALSE;
    *again = false;
    if (job.input == NULL || (format = choose_format(job.input, path, error)) == NULL) {
        goto out;
    }
    job.again = cp_input_seekable(job.input) && order == CP_ORDER_WINDOW;
    job.importer = cp_importer_new(out_path, order, options, r, error);
    if (job.importer == NULL || !format->read(&job, error)) {
        goto out;
    }
    if (job.again && cp_importer_disordered(job.importer)) {
        *again = true;
        goto out;
    }
    r->bytes = cp_input_n_bytes(job.input);
    if (!cp_importer_drain(job.importer, error)) {
        goto out;
    }
    if (r->switches > 0) {
        good = cp_importer_finish(job.importer, error);
    } else {
        format->complain(path, r, error);
    }
out:
    cp_importer_free(job.importer);
    cp_input_free(job.input);
    return good;
}

gboolean cp_import(const char *path, const char *out_path, const CpImportOptions *options,
                   CpImportReport *report, GError **error)
{
    static const CpImportOptions none = {0};
    options = options ? options : &none;
    bool again;
    gboolean good =
        import_pass(path, out_path, CP_ORDER_WINDOW, options, report, &again, error);
    if (again) {
        cp_import_report_clear(report);
        cp_import_report_init(report);
        good = import_pass(path, out_path, CP_ORDER_ALL, options, report, &again, error);
    }
    return good;
}
