#include "traces/cpr.h"

#include "sim/assert.h"
#include "sim/error.h"
#include "traces/cpr-pack.h"
#include "traces/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a .cpr file looks like, and when it is damaged. */

/* File: header, blocks, tail, trailer; every number little-endian.
 *
 *   header   magic (8), u32 version, u32 zero
 *   block    u32 "CPBK", u32 records, u32 bytes, u32 zero, i64 first and last time,
 *            u64 checksum of the bytes, the bytes
 *   tail     facts, strings, threads, names, index of the blocks
 *   trailer  u64 offset of the tail, u64 bytes, u64 checksum, u32 version, u32 zero, magic
 */
enum {
    HEADER = 16,
    BLOCK_HEADER = 40,
    TRAILER = 40,
    BLOCK_TAG = 0x4b425043,
    OUT_BUFFER = 1 << 18,
    INFO = 96,
    THREAD = 32,
    NAME = 12,
    ENTRY = 32,
    /* Limits that keep a damaged file from asking for absurd amounts of memory. */
    TAIL_MAX = 1 << 30,
};

static const uint8_t head_magic[8] = {0x89, 'C', 'P', 'R', '\r', '\n', 0x1a, '\n'};
static const uint8_t tail_magic[8] = {'C', 'P', 'R', '-', 'E', 'N', 'D', '\n'};

typedef struct {
    uint64_t offset;
    CpTime first, last;
    uint32_t n, size; /* records; packed bytes */
} Entry;

typedef struct {
    uint32_t domain, id, string;
} Name;

/* --- writing --- */

struct CpCprWriter {
    char *path;
    CpOutFile *file;
    uint64_t offset; /* bytes handed to the file so far, buffered ones included */
    uint8_t *buffer;
    size_t fill;
    CpRecord *pending; /* records not packed yet */
    size_t n_pending;
    uint8_t *packed;
    CpCprPacker *packer;
    GArray *index;   /* Entry */
    GArray *threads; /* CpCprThread */
    GArray *names;   /* Name */
    GPtrArray *strings;
    GHashTable *string_index;
    CpTime last; /* of the records so far */
    bool failed; /* the temporary file is not to be trusted any more */
};

static gboolean flush_buffer(CpCprWriter *w, GError **error)
{
    size_t n = w->fill;
    w->fill = 0;
    if (!cp_outfile_write(w->file, w->buffer, n, error)) {
        w->failed = true;
        return FALSE;
    }
    return TRUE;
}

static gboolean put_bytes(CpCprWriter *w, const void *bytes, size_t n, GError **error)
{
    const uint8_t *p = bytes;
    w->offset += n;
    while (n > 0) {
        size_t part = MIN(n, OUT_BUFFER - w->fill);
        memcpy(w->buffer + w->fill, p, part);
        w->fill += part;
        p += part;
        n -= part;
        if (w->fill == OUT_BUFFER && !flush_buffer(w, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static CpCprWriter *writer_alloc(const char *path)
{
    CpCprWriter *w = g_new0(CpCprWriter, 1);
    w->path = g_strdup(path);
    w->buffer = g_malloc(OUT_BUFFER);
    w->pending = g_new(CpRecord, CP_RECORD_BLOCK);
    w->packed = g_malloc(CP_CPR_PACK_MAX);
    w->packer = g_new0(CpCprPacker, 1);
    w->index = g_array_new(FALSE, FALSE, sizeof(Entry));
    w->threads = g_array_new(FALSE, TRUE, sizeof(CpCprThread));
    w->names = g_array_new(FALSE, FALSE, sizeof(Name));
    w->strings = g_ptr_array_new_with_free_func(g_free);
    w->string_index = g_hash_table_new(g_str_hash, g_str_equal);
    w->last = INT64_MIN;
    cp_cpr_string(w, "");
    return w;
}

CpCprWriter *cp_cpr_writer_new(const char *path, GError **error)
{
    CpCprWriter *w = writer_alloc(path);
    uint8_t header[HEADER] = {0};
    memcpy(header, head_magic, sizeof head_magic);
    cp_put_u32(header + 8, CP_CPR_VERSION);
    w->file = cp_outfile_new(path, error);
    if (w->file == NULL || !put_bytes(w, header, HEADER, error)) {
        cp_cpr_writer_free(w);
        return NULL;
    }
    return w;
}

static gboolean write_block(CpCprWriter *w, const CpRecord *r, size_t n, GError **error)
{
    size_t size = cp_cpr_pack(w->packer, r, n, w->packed);
    if (size == 0 || cp_record_time(r) < w->last) {
        g_set_error(error, CP_ERROR, CP_ERROR_OUTPUT,
                    "%s: records are not in order of time near %" G_GINT64_FORMAT " ns",
                    w->path, cp_record_time(r));
        w->failed = true;
        return FALSE;
    }
    size_t end = n - 1;
    while (cp_record_kind(&r[end]) == CP_REC_MORE) {
        end--;
    }
    Entry entry = {w->offset, cp_record_time(r), cp_record_time(&r[end]), (uint32_t)n,
                   (uint32_t)size};
    w->last = entry.last;
    g_array_append_val(w->index, entry);
    uint8_t header[BLOCK_HEADER] = {0};
    cp_put_u32(header, BLOCK_TAG);
    cp_put_u32(header + 4, (uint32_t)n);
    cp_put_u32(header + 8, (uint32_t)size);
    cp_put_u64(header + 16, (uint64_t)entry.first);
    cp_put_u64(header + 24, (uint64_t)entry.last);
    cp_put_u64(header + 32, cp_cpr_checksum(w->packed, size, n));
    return put_bytes(w, header, BLOCK_HEADER, error) &&
           put_bytes(w, w->packed, size, error);
}

/* The largest part of up to `room` records that ends between records. */
static size_t whole_records(const CpRecord *r, size_t n, size_t room)
{
    if (n <= room) {
        return n;
    }
    size_t part = room;
    while (part > 0 && cp_record_kind(&r[part]) == CP_REC_MORE) {
        part--;
    }
    return part;
}

static gboolean flush_pending(CpCprWriter *w, GError **error)
{
    size_t n = w->n_pending;
    w->n_pending = 0;
    return n == 0 || write_block(w, w->pending, n, error);
}

gboolean cp_cpr_write(CpCprWriter *w, const CpRecord *r, size_t n, GError **error)
{
    while (n > 0) {
        size_t part = whole_records(r, n, CP_RECORD_BLOCK - w->n_pending);
        if (w->n_pending == 0 && part >= CP_RECORD_BLOCK / 2) {
            /* A block as the engine hands it over is packed where it lies. */
            if (!write_block(w, r, part, error)) {
                return FALSE;
            }
        } else {
            memcpy(w->pending + w->n_pending, r, part * sizeof *r);
            w->n_pending += part;
            if ((part < n || w->n_pending == CP_RECORD_BLOCK) && !flush_pending(w, error)) {
                return FALSE;
            }
        }
        r += part;
        n -= part;
    }
    return TRUE;
}

static gboolean sink_write(void *data, const CpRecord *records, size_t n, GError **error)
{
    return cp_cpr_write(data, records, n, error);
}

CpSink cp_cpr_sink(CpCprWriter *w)
{
    return (CpSink){sink_write, w};
}

uint32_t cp_cpr_string(CpCprWriter *w, const char *text)
{
    void *found;
    if (g_hash_table_lookup_extended(w->string_index, text, NULL, &found)) {
        return GPOINTER_TO_UINT(found);
    }
    char *copy = g_strdup(text);
    uint32_t i = w->strings->len;
    g_ptr_array_add(w->strings, copy);
    g_hash_table_insert(w->string_index, copy, GUINT_TO_POINTER(i));
    return i;
}

void cp_cpr_thread(CpCprWriter *w, uint32_t id, const CpCprThread *thread)
{
    cp_require(id < CP_THREADS_MAX);
    if (id >= w->threads->len) {
        g_array_set_size(w->threads, id + 1);
    }
    g_array_index(w->threads, CpCprThread, id) = *thread;
}

void cp_cpr_name(CpCprWriter *w, CpRecordKind domain, uint32_t id, uint32_t string)
{
    Name name = {domain, id, string};
    g_array_append_val(w->names, name);
}

static uint8_t *grow(GByteArray *out, size_t n)
{
    guint at = out->len;
    g_byte_array_set_size(out, at + (guint)n);
    memset(out->data + at, 0, n);
    return out->data + at;
}

static void tail_info(GByteArray *out, const CpCprInfo *info)
{
    uint8_t *p = grow(out, INFO);
    const uint64_t wide[] = {
        (uint64_t)info->start, (uint64_t)info->end, (uint64_t)info->clock_base, info->lost,
        info->repaired,        info->seed};
    const uint32_t narrow[] = {info->origin, info->n_cpus,   info->machine,
                               info->policy, info->workload, info->version,
                               info->source, info->settings, info->metrics};
    for (size_t i = 0; i < G_N_ELEMENTS(wide); i++, p += 8) {
        cp_put_u64(p, wide[i]);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(narrow); i++, p += 4) {
        cp_put_u32(p, narrow[i]);
    }
}

static void tail_strings(GByteArray *out, const GPtrArray *strings)
{
    cp_put_u32(grow(out, 4), strings->len);
    for (guint i = 0; i < strings->len; i++) {
        const char *text = g_ptr_array_index(strings, i);
        size_t len = strlen(text);
        uint8_t *p = grow(out, 4 + len + 1);
        cp_put_u32(p, (uint32_t)len);
        memcpy(p + 4, text, len);
    }
}

static void tail_threads(GByteArray *out, const GArray *threads)
{
    cp_put_u32(grow(out, 4), threads->len);
    for (guint i = 0; i < threads->len; i++) {
        const CpCprThread *t = &g_array_index(threads, CpCprThread, i);
        uint8_t *p = grow(out, THREAD);
        cp_put_u32(p, t->name);
        cp_put_u32(p + 4, t->process);
        cp_put_u64(p + 8, (uint64_t)t->pid);
        cp_put_u64(p + 16, (uint64_t)t->tid);
        cp_put_u32(p + 24, (uint32_t)t->prio);
        cp_put_u32(p + 28, t->flags);
    }
}

static void tail_tables(GByteArray *out, const CpCprWriter *w)
{
    cp_put_u32(grow(out, 4), w->names->len);
    for (guint i = 0; i < w->names->len; i++) {
        const Name *name = &g_array_index(w->names, Name, i);
        uint8_t *p = grow(out, NAME);
        cp_put_u32(p, name->domain);
        cp_put_u32(p + 4, name->id);
        cp_put_u32(p + 8, name->string);
    }
    cp_put_u32(grow(out, 4), w->index->len);
    for (guint i = 0; i < w->index->len; i++) {
        const Entry *e = &g_array_index(w->index, Entry, i);
        uint8_t *p = grow(out, ENTRY);
        cp_put_u64(p, e->offset);
        cp_put_u64(p + 8, (uint64_t)e->first);
        cp_put_u64(p + 16, (uint64_t)e->last);
        cp_put_u32(p + 24, e->n);
        cp_put_u32(p + 28, e->size);
    }
}

static gboolean write_tail(CpCprWriter *w, const CpCprInfo *info, GError **error)
{
    g_autoptr(GByteArray) tail = g_byte_array_new();
    tail_info(tail, info);
    tail_strings(tail, w->strings);
    tail_threads(tail, w->threads);
    tail_tables(tail, w);
    uint8_t trailer[TRAILER] = {0};
    cp_put_u64(trailer, w->offset);
    cp_put_u64(trailer + 8, tail->len);
    cp_put_u64(trailer + 16, cp_cpr_checksum(tail->data, tail->len, 0));
    cp_put_u32(trailer + 24, CP_CPR_VERSION);
    memcpy(trailer + 32, tail_magic, sizeof tail_magic);
    return put_bytes(w, tail->data, tail->len, error) &&
           put_bytes(w, trailer, TRAILER, error) && flush_buffer(w, error);
}

gboolean cp_cpr_writer_finish(CpCprWriter *w, const CpCprInfo *info, GError **error)
{
    if (w->failed) {
        g_set_error(error, CP_ERROR, CP_ERROR_OUTPUT,
                    "%s: not written, because an earlier part of it failed", w->path);
        return FALSE;
    }
    CpCprInfo copy = *info;
    if (!flush_pending(w, error)) {
        return FALSE;
    }
    if (w->index->len > 0) {
        copy.end = MAX(copy.end, w->last);
    }
    if (!write_tail(w, &copy, error)) {
        return FALSE;
    }
    return cp_outfile_commit(w->file, error);
}

void cp_cpr_writer_free(CpCprWriter *w)
{
    if (w == NULL) {
        return;
    }
    cp_outfile_free(w->file);
    g_free(w->path);
    g_free(w->buffer);
    g_free(w->pending);
    g_free(w->packed);
    g_free(w->packer);
    g_array_unref(w->index);
    g_array_unref(w->threads);
    g_array_unref(w->names);
    g_hash_table_unref(w->string_index);
    g_ptr_array_unref(w->strings);
    g_free(w);
}

/* --- reading --- */

struct CpCpr {
    char *path;
    int fd;
    CpCprInfo info;
    uint8_t *tail;        /* the strings lie in it */
    const char **strings; /* into tail */
    uint32_t n_strings, n_threads, n_blocks;
    CpCprThread *threads;
    GHashTable *names; /* domain << 32 | id -> string */
    Entry *index;
    uint64_t n_records;
    uint8_t *packed; /* one block */
};

G_GNUC_PRINTF(3, 4)
static gboolean fail_input(CpCpr *cpr, GError **error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(error, CP_ERROR, CP_ERROR_INPUT, "%s: %s", cpr->path, text);
    return FALSE;
}

static gboolean read_at(CpCpr *cpr, uint64_t offset, void *out, size_t n, GError **error)
{
    for (size_t done = 0; done < n;) {
        ssize_t got = pread(cpr->fd, (char *)out + done, n - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return fail_input(cpr, error, "cannot read at byte %" G_GUINT64_FORMAT ": %s",
                              offset + done, g_strerror(errno));
        }
        if (got == 0) {
            return fail_input(cpr, error,
                              "the file ends at byte %" G_GUINT64_FORMAT
                              " while it is being read",
                              offset + done);
        }
        done += (size_t)got;
    }
    return TRUE;
}

bool cp_cpr_sniff(const void *bytes, size_t n)
{
    return n >= sizeof head_magic && memcmp(bytes, head_magic, sizeof head_magic) == 0;
}

bool cp_cpr_is_file(const char *path)
{
    char head[8];
    /* What was read of a pipe would be lost to whoever reads on. */
    path = strcmp(path, "-") == 0 ? "/dev/stdin" : path;
    bool is_file = g_file_test(path, G_FILE_TEST_IS_REGULAR);
    FILE *file = is_file ? fopen(path, "rb") : NULL;
    size_t n = file != NULL ? fread(head, 1, sizeof head, file) : 0;
    if (file != NULL) {
        fclose(file);
    }
    return cp_cpr_sniff(head, n);
}

static gboolean check_version(CpCpr *cpr, uint32_t version, GError **error)
{
    if (version > CP_CPR_VERSION) {
        return fail_input(cpr, error,
                          "recording of format version %u; this coreplay reads up to %d: "
                          "use the coreplay that wrote it, or a newer one",
                          version, CP_CPR_VERSION);
    }
    if (version == 0) {
        return fail_input(cpr, error, "damaged at byte 8: format version 0 does not exist");
    }
    return TRUE;
}

static gboolean check_header(CpCpr *cpr, uint64_t size, GError **error)
{
    uint8_t header[HEADER];
    size_t n = MIN(size, (uint64_t)HEADER);
    if (size == 0) {
        return fail_input(cpr, error, "the file is empty, expected a recording");
    }
    if (!read_at(cpr, 0, header, n, error)) {
        return FALSE;
    }
    if (memcmp(header, head_magic, MIN(n, sizeof head_magic)) != 0) {
        return fail_input(cpr, error,
                          "not a coreplay recording; text of perf script or trace-cmd is "
                          "turned into one by `coreplay import`");
    }
    if (n < HEADER) {
        return fail_input(cpr, error,
                          "truncated: a recording has more than %" G_GUINT64_FORMAT
                          " bytes; copy or record it again",
                          size);
    }
    return check_version(cpr, cp_get_u32(header + 8), error);
}

static gboolean read_tail(CpCpr *cpr, uint64_t size, size_t *tail_size, GError **error)
{
    uint8_t trailer[TRAILER];
    if (size >= HEADER + TRAILER &&
        !read_at(cpr, size - TRAILER, trailer, TRAILER, error)) {
        return FALSE;
    }
    if (size < HEADER + TRAILER ||
        memcmp(trailer + 32, tail_magic, sizeof tail_magic) != 0) {
        return fail_input(
            cpr, error,
            "truncated: no end mark at byte %" G_GUINT64_FORMAT
            "; the copy was cut short or the writer was killed; copy or record "
            "it again",
            size);
    }
    uint64_t offset = cp_get_u64(trailer), n = cp_get_u64(trailer + 8);
    if (!check_version(cpr, cp_get_u32(trailer + 24), error)) {
        return FALSE;
    }
    if (n > TAIL_MAX || offset < HEADER || offset > size || n != size - TRAILER - offset) {
        return fail_input(cpr, error,
                          "damaged: the end mark at byte %" G_GUINT64_FORMAT
                          " points outside of the file; copy or record it again",
                          size - TRAILER);
    }
    cpr->tail = g_malloc(n + 1);
    *tail_size = n;
    if (!read_at(cpr, offset, cpr->tail, n, error)) {
        return FALSE;
    }
    if (cp_cpr_checksum(cpr->tail, n, 0) != cp_get_u64(trailer + 16)) {
        return fail_input(cpr, error,
                          "damaged: wrong checksum of the tables at byte %" G_GUINT64_FORMAT
                          "; copy or record it again",
                          offset);
    }
    return TRUE;
}

typedef struct {
    const uint8_t *at, *end;
} Input;

/* Takes n bytes, or NULL if there are not so many. */
static const uint8_t *take(Input *in, size_t n)
{
    if ((size_t)(in->end - in->at) < n) {
        return NULL;
    }
    const uint8_t *p = in->at;
    in->at += n;
    return p;
}

/* A table's number of rows, checked against the bytes that are left. */
static bool take_count(Input *in, size_t row, uint32_t *n)
{
    const uint8_t *p = take(in, 4);
    *n = p ? cp_get_u32(p) : 0;
    return p != NULL && *n <= (size_t)(in->end - in->at) / row;
}

static bool parse_info(CpCpr *cpr, Input *in)
{
    const uint8_t *p = take(in, INFO);
    if (p == NULL) {
        return false;
    }
    CpCprInfo *i = &cpr->info;
    int64_t *const wide[] = {&i->start, &i->end, &i->clock_base};
    uint64_t *const count[] = {&i->lost, &i->repaired, &i->seed};
    uint32_t *const narrow[] = {&i->n_cpus,  &i->machine, &i->policy,   &i->workload,
                                &i->version, &i->source,  &i->settings, &i->metrics};
    for (size_t k = 0; k < G_N_ELEMENTS(wide); k++, p += 8) {
        *wide[k] = (int64_t)cp_get_u64(p);
    }
    for (size_t k = 0; k < G_N_ELEMENTS(count); k++, p += 8) {
        *count[k] = cp_get_u64(p);
    }
    i->origin = cp_get_u32(p) ? CP_ORIGIN_RECORDED : CP_ORIGIN_SIMULATED;
    p += 4;
    for (size_t k = 0; k < G_N_ELEMENTS(narrow); k++, p += 4) {
        *narrow[k] = cp_get_u32(p);
    }
    return i->n_cpus <= CP_CPUS_MAX && i->end >= i->start;
}

static bool parse_strings(CpCpr *cpr, Input *in)
{
    if (!take_count(in, 5, &cpr->n_strings)) {
        return false;
    }
    cpr->strings = g_new0(const char *, cpr->n_strings + 1);
    for (uint32_t i = 0; i < cpr->n_strings; i++) {
        const uint8_t *p = take(in, 4);
        const uint8_t *text = p ? take(in, (size_t)cp_get_u32(p) + 1) : NULL;
        if (text == NULL || text[cp_get_u32(p)] != 0) {
            return false;
        }
        cpr->strings[i] = (const char *)text;
    }
    return true;
}

static bool parse_threads(CpCpr *cpr, Input *in)
{
    uint32_t n;
    if (!take_count(in, THREAD, &n)) {
        return false;
    }
    cpr->threads = g_new0(CpCprThread, (size_t)n + 1);
    cpr->n_threads = n;
    for (uint32_t i = 0; i < n; i++) {
        const uint8_t *p = take(in, THREAD);
        cpr->threads[i] = (CpCprThread){
            .name = cp_get_u32(p),
            .process = cp_get_u32(p + 4),
            .pid = (int64_t)cp_get_u64(p + 8),
            .tid = (int64_t)cp_get_u64(p + 16),
            .prio = (int32_t)cp_get_u32(p + 24),
            .flags = cp_get_u32(p + 28),
        };
    }
    return true;
}

static bool parse_names(CpCpr *cpr, Input *in)
{
    uint32_t n;
    if (!take_count(in, NAME, &n)) {
        return false;
    }
    cpr->names = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    for (uint32_t i = 0; i < n; i++) {
        const uint8_t *p = take(in, NAME);
        int64_t *key = g_new(int64_t, 1);
        *key = (int64_t)((uint64_t)cp_get_u32(p) << 32 | cp_get_u32(p + 4));
        g_hash_table_replace(cpr->names, key, GUINT_TO_POINTER(cp_get_u32(p + 8)));
    }
    return true;
}

/* Blocks must follow each other without a hole from the header to the tail. */
static bool parse_index(CpCpr *cpr, Input *in, uint64_t tail)
{
    if (!take_count(in, ENTRY, &cpr->n_blocks)) {
        return false;
    }
    cpr->index = g_new0(Entry, (size_t)cpr->n_blocks + 1);
    uint64_t offset = HEADER;
    CpTime before = INT64_MIN;
    for (uint32_t i = 0; i < cpr->n_blocks; i++) {
        const uint8_t *p = take(in, ENTRY);
        Entry e = {cp_get_u64(p), (CpTime)cp_get_u64(p + 8), (CpTime)cp_get_u64(p + 16),
                   cp_get_u32(p + 24), cp_get_u32(p + 28)};
        if (e.offset != offset || e.n == 0 || e.n > CP_RECORD_BLOCK ||
            e.size > CP_CPR_PACK_MAX || e.first < before || e.last < e.first) {
            return false;
        }
        before = e.last;
        offset += BLOCK_HEADER + e.size;
        cpr->n_records += e.n;
        cpr->index[i] = e;
    }
    return offset == tail && in->at == in->end;
}

/* A recording is read out of order, so one that comes through a pipe is kept in a file
 * without a name first. */
static gboolean keep_stream(CpCpr *cpr, GError **error)
{
    g_autofree char *name = NULL;
    int file = g_file_open_tmp("coreplay-XXXXXX", &name, error);
    if (file < 0) {
        return FALSE;
    }
    g_unlink(name);
    char buffer[65536];
    ssize_t got;
    while ((got = read(cpr->fd, buffer, sizeof buffer)) > 0 ||
           (got < 0 && errno == EINTR)) {
        for (ssize_t done = 0; done < got;) {
            ssize_t n = write(file, buffer + done, (size_t)(got - done));
            if (n < 0 && errno != EINTR) {
                got = -1;
                break;
            }
            done += n > 0 ? n : 0;
        }
        if (got < 0) {
            break;
        }
    }
    int why = errno;
    close(cpr->fd);
    cpr->fd = file;
    return got < 0 ? fail_input(cpr, error, "%s", g_strerror(why)) : TRUE;
}

/* The number of a descriptor that is open already: "-", /dev/stdin, what <(...) of a shell
 * stands for; -1: it is the name of a file. */
static int open_already(const char *path)
{
    static const char *const folders[] = {"/dev/fd/", "/proc/self/fd/"};
    if (strcmp(path, "-") == 0 || strcmp(path, "/dev/stdin") == 0) {
        return STDIN_FILENO;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(folders); i++) {
        const char *n = path + strlen(folders[i]);
        if (g_str_has_prefix(path, folders[i]) && g_ascii_isdigit(*n)) {
            return (int)g_ascii_strtoll(n, NULL, 10);
        }
    }
    return -1;
}

static gboolean load(CpCpr *cpr, GError **error)
{
    struct stat st;
    if (fstat(cpr->fd, &st) != 0) {
        return fail_input(cpr, error, "%s", g_strerror(errno));
    }
    bool is_stream = S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode);
    if (is_stream && open_already(cpr->path) >= 0 &&
        (!keep_stream(cpr, error) || fstat(cpr->fd, &st) != 0)) {
        return FALSE;
    }
    if (!S_ISREG(st.st_mode)) {
        return fail_input(cpr, error,
                          S_ISDIR(st.st_mode)
                              ? "is a directory, expected a recording"
                              : "is not a plain file; a recording is read out of "
                                "order, so save it to a file first");
    }
    uint64_t size = (uint64_t)st.st_size;
    size_t tail_size = 0;
    if (!check_header(cpr, size, error) || !read_tail(cpr, size, &tail_size, error)) {
        return FALSE;
    }
    uint64_t tail = size - TRAILER - tail_size;
    Input in = {cpr->tail, cpr->tail + tail_size};
    if (!parse_info(cpr, &in) || !parse_strings(cpr, &in) || !parse_threads(cpr, &in) ||
        !parse_names(cpr, &in) || !parse_index(cpr, &in, tail)) {
        return fail_input(cpr, error,
                          "damaged: the tables at byte %" G_GUINT64_FORMAT
                          " contradict themselves near byte %" G_GUINT64_FORMAT
                          "; copy or record it again",
                          tail, tail + (uint64_t)(in.at - cpr->tail));
    }
    return TRUE;
}

CpCpr *cp_cpr_open(const char *path, GError **error)
{
    CpCpr *cpr = g_new0(CpCpr, 1);
    cpr->path = g_strdup(path);
    /* Without O_NONBLOCK opening a named pipe would wait for a writer. */
    int already = open_already(path);
    cpr->fd = already >= 0 ? fcntl(already, F_DUPFD_CLOEXEC, 0)
                           : g_open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (cpr->fd < 0) {
        fail_input(cpr, error, "cannot open the recording: %s", g_strerror(errno));
        cp_cpr_free(cpr);
        return NULL;
    }
    cpr->packed = g_malloc(BLOCK_HEADER + CP_CPR_PACK_MAX + CP_CPR_SLACK);
    if (!load(cpr, error)) {
        cp_cpr_free(cpr);
        return NULL;
    }
    return cpr;
}

void cp_cpr_free(CpCpr *cpr)
{
    if (cpr == NULL) {
        return;
    }
    if (cpr->fd >= 0) {
        close(cpr->fd);
    }
    g_clear_pointer(&cpr->names, g_hash_table_unref);
    g_free(cpr->path);
    g_free(cpr->tail);
    g_free(cpr->strings);
    g_free(cpr->threads);
    g_free(cpr->index);
    g_free(cpr->packed);
    g_free(cpr);
}

const CpCprInfo *cp_cpr_info(const CpCpr *cpr)
{
    return &cpr->info;
}

const char *cp_cpr_text(const CpCpr *cpr, uint32_t string)
{
    return string < cpr->n_strings ? cpr->strings[string] : "";
}

uint32_t cp_cpr_n_threads(const CpCpr *cpr)
{
    return cpr->n_threads;
}

const CpCprThread *cp_cpr_thread_at(const CpCpr *cpr, uint32_t id)
{
    /* The row behind the last one is zero: a thread nobody described. */
    return &cpr->threads[MIN(id, cpr->n_threads)];
}

const char *cp_cpr_name_at(const CpCpr *cpr, CpRecordKind domain, uint32_t id)
{
    int64_t key = (int64_t)((uint64_t)domain << 32 | id);
    return cp_cpr_text(cpr, GPOINTER_TO_UINT(g_hash_table_lookup(cpr->names, &key)));
}

uint64_t cp_cpr_n_records(const CpCpr *cpr)
{
    return cpr->n_records;
}

uint32_t cp_cpr_n_blocks(const CpCpr *cpr)
{
    return cpr->n_blocks;
}

void cp_cpr_block_range(const CpCpr *cpr, uint32_t block, CpTime *from, CpTime *to)
{
    cp_require(block < cpr->n_blocks);
    *from = cpr->index[block].first;
    *to = cpr->index[block].last;
}

gboolean cp_cpr_read(CpCpr *cpr, uint32_t block, CpRecord *out, size_t *n, GError **error)
{
    cp_require(block < cpr->n_blocks);
    const Entry *e = &cpr->index[block];
    if (!read_at(cpr, e->offset, cpr->packed, BLOCK_HEADER + e->size, error)) {
        return FALSE;
    }
    const uint8_t *head = cpr->packed, *body = head + BLOCK_HEADER;
    memset(cpr->packed + BLOCK_HEADER + e->size, 0, CP_CPR_SLACK);
    if (cp_get_u32(head) != BLOCK_TAG || cp_get_u32(head + 4) != e->n ||
        cp_get_u32(head + 8) != e->size || cp_get_u64(head + 16) != (uint64_t)e->first ||
        cp_get_u64(head + 24) != (uint64_t)e->last ||
        cp_get_u64(head + 32) != cp_cpr_checksum(body, e->size, e->n) ||
        !cp_cpr_unpack(body, e->size, out, e->n)) {
        return fail_input(
            cpr, error,
            "damaged: block %u at byte %" G_GUINT64_FORMAT
            " (%.6f s to %.6f s) does not match its checksum; copy or record it "
            "again",
            block, e->offset, (double)e->first / 1e9, (double)e->last / 1e9);
    }
    *n = e->n;
    return TRUE;
}
