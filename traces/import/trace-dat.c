#include "lang/diag.h"
#include "sim/error.h"
#include "traces/import/formats.h"
#include "traces/import/tracing.h"

#include <gio/gio.h>
#include <string.h>
#include <zstd.h>

/* Where the pages of each CPU stand in a trace.dat file, and which events stand on them. */

enum {
    PAGE_MAX = 1 << 20,
    TEXT_MAX = 256,
    DELTA_BITS = 27,
    PADDING = 29,
    TIME_EXTEND = 30,
    TIME_STAMP = 31,
    COUNT_MASK = 0xfffff,  /* of a page's bytes */
    LOST = 1 << 30,        /* beside them, as 2 of 32 bits: how many is told, ... */
    CHUNKS_MAX = 1 << 20,  /* of a packed section */
    CHUNK_MAX = 256 << 20, /* bytes */
    CPUS_MAX = 1 << 16,
    OPTIONS_MAX = 1 << 20,
    CHECK_EVERY = 1 << 14,
};
#define LOST_BEFORE ((uint32_t)1 << 31)

/* Sections and options of version 7. */
enum { DONE, BUFFER = 3, HEADER_INFO = 16, EVENTS = 18, COMMS = 21 };

typedef struct {
    CpBytes *bytes; /* where its pages are */
    uint32_t cpu;
    uint64_t at, end; /* pages not read yet */
    uint8_t *page;
    uint32_t from, size; /* events of the page not read yet: from .. size */
    uint64_t time;       /* of the event below */
    const uint8_t *event;
    uint32_t n_event; /* 0: no event is left */
    uint64_t lost;    /* before this page; UINT64_MAX: it is not told how many */
} Cpu;

typedef struct {
    const CpImportJob *job;
    CpBytes *bytes;
    CpBytes *unpacked; /* of packed sections */
    CpTracing *tracing;
    bool big;
    uint32_t page_size, commit_size, data;
    GArray *cpus;    /* Cpu */
    GPtrArray *heap; /* Cpu with an event, the oldest first */
    char packing[TEXT_MAX];
} Dat;

static gboolean damaged(const Dat *d, uint64_t at, GError **error)
{
    g_set_error(error, CP_ERROR, CP_ERROR_INPUT,
                "%s: this trace.dat is damaged or cut at byte %" G_GUINT64_FORMAT
                "; record again",
                cp_bytes_name(d->bytes), at);
    return FALSE;
}

/* --- events of a CPU --- */

static uint32_t word(const Dat *d, const uint8_t *at)
{
    return cp_get32(at, d->big);
}

/* The next page with events; false: there is none, or it is damaged. */
static bool next_page(Dat *d, Cpu *c)
{
    while (c->at + d->page_size <= c->end) {
        if (!cp_bytes_copy(c->bytes, c->at, c->page, d->page_size)) {
            return false;
        }
        c->at += d->page_size;
        const uint8_t *commit = c->page + 8;
        uint32_t bits =
            d->commit_size == 8 ? (uint32_t)cp_get64(commit, d->big) : word(d, commit);
        uint32_t n = bits & COUNT_MASK;
        c->time = cp_get64(c->page, d->big);
        c->from = d->data;
        c->size = MIN(d->data + n, d->page_size);
        if (bits & LOST_BEFORE) {
            bool told = (bits & LOST) != 0 && c->size + d->commit_size <= d->page_size;
            c->lost = !told                 ? UINT64_MAX
                      : d->commit_size == 8 ? cp_get64(c->page + c->size, d->big)
                                            : word(d, c->page + c->size);
        }
        if (n > 0) {
            return true;
        }
    }
    return false;
}

/* What stands at c->from: an event, of which place and time are set, or something that only
 * moves the time.  False: the page ends. */
static bool next_on_page(const Dat *d, Cpu *c)
{
    c->n_event = 0;
    if (c->from + 4 > c->size) {
        return false;
    }
    uint32_t head = word(d, c->page + c->from);
    uint32_t type = d->big ? head >> DELTA_BITS : head & 0x1f;
    uint64_t delta = d->big ? head & ((1u << DELTA_BITS) - 1) : head >> 5;
    uint32_t left = c->size - c->from - 4;
    uint32_t extra = left >= 4 ? word(d, c->page + c->from + 4) : 0;
    uint32_t n;
    switch (type) {
    case PADDING:
        n = delta == 0 ? left : extra;
        break;
    case TIME_EXTEND:
        delta += (uint64_t)extra << DELTA_BITS;
        n = 4;
        break;
    case TIME_STAMP: {
        uint64_t low = (uint64_t)extra << DELTA_BITS | delta;
        c->time = (c->time & ~((UINT64_C(1) << 59) - 1)) | low;
        delta = 0;
        n = 4;
        break;
    }
    case 0:
        n = (extra + 3) / 4 * 4;
        c->event = c->page + c->from + 8;
        c->n_event = extra > 4 && extra <= left ? extra - 4 : 0;
        break;
    default:
        n = type * 4;
        c->event = c->page + c->from + 4;
        c->n_event = n <= left ? n : 0;
        break;
    }
    if (n > left) {
        return false;
    }
    c->time += delta;
    c->from += 4 + n;
    return true;
}

static bool next_event(Dat *d, Cpu *c)
{
    do {
        while (next_on_page(d, c)) {
            if (c->n_event > 0) {
                return true;
            }
        }
    } while (next_page(d, c));
    c->n_event = 0;
    return false;
}

/* --- CPUs in order of time --- */

static bool before(const Cpu *a, const Cpu *b)
{
    return a->time != b->time ? a->time < b->time : a->cpu < b->cpu;
}

static void sift_down(GPtrArray *heap, guint i)
{
    for (guint child; (child = 2 * i + 1) < heap->len; i = child) {
        if (child + 1 < heap->len && before(heap->pdata[child + 1], heap->pdata[child])) {
            child++;
        }
        if (!before(heap->pdata[child], heap->pdata[i])) {
            return;
        }
        gpointer other = heap->pdata[i];
        heap->pdata[i] = heap->pdata[child];
        heap->pdata[child] = other;
    }
}

static CpTraceEvent event_of(const Cpu *c)
{
    CpTraceTask unknown = {-1, CP_PRIO_UNKNOWN, {NULL, 0}};
    return (CpTraceEvent){.kind = CP_TRACE_OTHER,
                          .time = (CpTime)MIN(c->time, INT64_MAX),
                          .cpu = c->cpu < CP_CPUS_MAX ? c->cpu : CP_NONE,
                          .cpu2 = CP_NONE,
                          .cpu_above = c->cpu >= CP_CPUS_MAX,
                          .tgid = -1,
                          .current = unknown,
                          .subject = unknown,
                          .other = unknown};
}

static gboolean push(Dat *d, Cpu *c, GError **error)
{
    if (c->lost > 0) {
        CpTraceEvent e = event_of(c);
        e.kind = CP_TRACE_LOST;
        e.value = c->lost == UINT64_MAX ? -1 : (int64_t)MIN(c->lost, INT64_MAX);
        c->lost = 0;
        if (!cp_importer_push(d->job->importer, &e, error)) {
            return FALSE;
        }
    }
    CpTraceEvent e = event_of(c);
    uint64_t id = cp_tracing_id(d->tracing, c->event, c->n_event);
    if (!cp_tracing_decode(d->tracing, id, c->event, c->n_event, &e)) {
        e.kind = CP_TRACE_OTHER;
        d->job->report->broken++;
    }
    if (e.current.pid > 0) {
        e.current.comm = cp_tracing_comm(d->tracing, e.current.pid);
    }
    d->job->report->lines++;
    return cp_importer_push(d->job->importer, &e, error);
}

static gboolean merge(Dat *d, GError **error)
{
    for (guint i = 0; i < d->cpus->len; i++) {
        Cpu *c = &g_array_index(d->cpus, Cpu, i);
        c->page = g_malloc(d->page_size);
        if (next_page(d, c) && next_event(d, c)) {
            g_ptr_array_add(d->heap, c);
        }
    }
    for (guint i = d->heap->len / 2; i-- > 0;) {
        sift_down(d->heap, i);
    }
    for (uint64_t n = 0; d->heap->len > 0; n++) {
        Cpu *c = d->heap->pdata[0];
        if (!push(d, c, error)) {
            return FALSE;
        }
        if (!next_event(d, c)) {
            g_ptr_array_remove_index_fast(d->heap, 0);
        }
        sift_down(d->heap, 0);
        if (n % CHECK_EVERY == 0 && d->job->interrupt != NULL && *d->job->interrupt != 0) {
            g_set_error(error, CP_ERROR, CP_ERROR_MODEL, "interrupted");
            return FALSE;
        }
        if (d->job->again && cp_importer_disordered(d->job->importer)) {
            return TRUE;
        }
    }
    return TRUE;
}

/* --- where the pages are --- */

static bool get(Dat *d, uint64_t *at, void *out, size_t n)
{
    bool ok = cp_bytes_copy(d->bytes, *at, out, n);
    *at += n;
    return ok;
}

static bool get_number(Dat *d, uint64_t *at, size_t n, uint64_t *value)
{
    uint8_t bytes[8];
    if (!get(d, at, bytes, n)) {
        return false;
    }
    *value = n == 2   ? cp_get16(bytes, d->big)
             : n == 4 ? cp_get32(bytes, d->big)
                      : cp_get64(bytes, d->big);
    return true;
}

static bool get_text(Dat *d, uint64_t *at, char out[TEXT_MAX])
{
    for (size_t i = 0; i < TEXT_MAX; i++) {
        if (!get(d, at, out + i, 1)) {
            return false;
        }
        if (out[i] == '\0') {
            return true;
        }
    }
    return false;
}

static bool add_cpu(Dat *d, CpBytes *bytes, uint64_t cpu, uint64_t at, uint64_t size)
{
    uint64_t all = cp_bytes_size(bytes);
    if (cpu >= CPUS_MAX || at > all) {
        return false;
    }
    if (size > all - at) {
        d->job->report->cut = true;
    }
    Cpu c = {
        .bytes = bytes, .cpu = (uint32_t)cpu, .at = at, .end = at + MIN(size, all - at)};
    g_array_append_val(d->cpus, c);
    return true;
}

/* Version 6: behind the description the number of CPUs, options, and where pages begin. */
static gboolean read_places(Dat *d, uint64_t at, GError **error)
{
    uint64_t n_cpus, id = 1, size, place;
    char what[10] = "";
    if (!get_number(d, &at, 4, &n_cpus) || n_cpus > CPUS_MAX || !get(d, &at, what, 10)) {
        return damaged(d, at, error);
    }
    if (memcmp(what, "options  ", 10) == 0) {
        while (get_number(d, &at, 2, &id) && id != DONE && get_number(d, &at, 4, &size)) {
            at += size;
        }
        if (id != DONE || !get(d, &at, what, 10)) {
            return damaged(d, at, error);
        }
    }
    if (memcmp(what, "flyrecord", 10) != 0) {
        g_set_error(error, CP_ERROR, CP_ERROR_INPUT,
                    "%s: holds no events but the text of a latency tracer; take: trace-cmd "
                    "report -t FILE > FILE.txt",
                    cp_bytes_name(d->bytes));
        return FALSE;
    }
    for (uint64_t cpu = 0; cpu < n_cpus; cpu++) {
        if (!get_number(d, &at, 8, &place) || !get_number(d, &at, 8, &size) ||
            !add_cpu(d, d->bytes, cpu, place, size)) {
            return damaged(d, at, error);
        }
    }
    return TRUE;
}

/* --- version 7: sections, packed or not --- */

static bool unpack_chunk(const Dat *d, const uint8_t *in, size_t n_in, uint8_t *out,
                         size_t n_out)
{
    if (strcmp(d->packing, "zstd") == 0) {
        return ZSTD_decompress(out, n_out, in, n_in) == n_out;
    }
    g_autoptr(GZlibDecompressor) zlib =
        g_zlib_decompressor_new(G_ZLIB_COMPRESSOR_FORMAT_ZLIB);
    gsize used = 0, made = 0;
    GConverterResult result =
        g_converter_convert(G_CONVERTER(zlib), in, n_in, out, n_out,
                            G_CONVERTER_INPUT_AT_END, &used, &made, NULL);
    return result == G_CONVERTER_FINISHED && made == n_out;
}

/* Unpacks the chunks at `at` behind what was unpacked before: as many as stand before them
 * for the pages of a CPU, one of any other section; false: damaged. */
static bool unpack_chunks(Dat *d, uint64_t at, bool are_pages)
{
    uint64_t n_chunks = 1, packed, plain;
    bool ok = (!are_pages || get_number(d, &at, 4, &n_chunks)) && n_chunks <= CHUNKS_MAX;
    for (uint64_t i = 0; ok && i < n_chunks; i++) {
        ok = get_number(d, &at, 4, &packed) && get_number(d, &at, 4, &plain) &&
             packed <= CHUNK_MAX && plain <= CHUNK_MAX && packed <= cp_bytes_size(d->bytes);
        if (ok) {
            g_autofree uint8_t *in = g_malloc(MAX(packed, 1));
            g_autofree uint8_t *out = g_malloc(MAX(plain, 1));
            ok = get(d, &at, in, packed) && unpack_chunk(d, in, packed, out, plain) &&
                 cp_bytes_append(d->unpacked, out, plain);
        }
    }
    return ok;
}

/* A section: where its content stands now, and how long it is. */
static bool open_section(Dat *d, uint64_t at, CpBytes **bytes, uint64_t *from,
                         uint64_t *size, bool *is_packed)
{
    uint64_t id, flags, name;
    if (!get_number(d, &at, 2, &id) || !get_number(d, &at, 2, &flags) ||
        !get_number(d, &at, 4, &name) || !get_number(d, &at, 8, size)) {
        return false;
    }
    *is_packed = (flags & 1) != 0;
    *bytes = d->bytes;
    *from = at;
    if (*is_packed && id != BUFFER) { /* the pages of a buffer are packed CPU by CPU */
        *bytes = d->unpacked;
        *from = cp_bytes_size(d->unpacked);
        bool ok = unpack_chunks(d, at, false);
        *size = cp_bytes_size(d->unpacked) - *from;
        return ok;
    }
    return true;
}

/* Option BUFFER: where the pages of the CPUs stand. */
static bool read_buffer(Dat *d, CpBytes *bytes, uint64_t at)
{
    CpBytes *file = d->bytes, *content;
    char name[TEXT_MAX], clock[TEXT_MAX];
    uint64_t section, page_size, n_cpus, cpu, place, size;
    bool is_packed;
    d->bytes = bytes;
    bool ok = get_number(d, &at, 8, &section) && get_text(d, &at, name) &&
              get_text(d, &at, clock) && get_number(d, &at, 4, &page_size) &&
              get_number(d, &at, 4, &n_cpus) && n_cpus <= CPUS_MAX && page_size >= 64 &&
              page_size <= PAGE_MAX;
    if (!ok || *name != '\0' || d->cpus->len > 0) {
        d->bytes = file;
        return ok; /* that of another instance */
    }
    d->page_size = (uint32_t)page_size;
    g_autoptr(GArray) places = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    for (uint64_t i = 0; ok && i < n_cpus; i++) {
        ok = get_number(d, &at, 4, &cpu) && get_number(d, &at, 8, &place) &&
             get_number(d, &at, 8, &size);
        g_array_append_val(places, cpu);
        g_array_append_val(places, place);
        g_array_append_val(places, size);
    }
    d->bytes = file;
    ok = ok && open_section(d, section, &content, &at, &size, &is_packed);
    for (guint i = 0; ok && i + 2 < places->len; i += 3) {
        cpu = g_array_index(places, uint64_t, i);
        place = g_array_index(places, uint64_t, i + 1);
        size = g_array_index(places, uint64_t, i + 2);
        if (is_packed && size > 0) {
            uint64_t from = cp_bytes_size(d->unpacked);
            ok = unpack_chunks(d, place, true);
            place = from;
            size = cp_bytes_size(d->unpacked) - from;
        }
        ok = ok && add_cpu(d, is_packed ? d->unpacked : d->bytes, cpu, place, size);
    }
    return ok;
}

/* The options at `from`; *next: where further ones are, 0: nowhere. */
static bool read_options(Dat *d, CpBytes *bytes, uint64_t from, uint64_t size,
                         uint64_t *next)
{
    CpBytes *file = d->bytes;
    bool ok = true, done = false;
    *next = 0;
    for (uint64_t at = from; ok && !done && at + 6 <= from + size;) {
        uint64_t id = 0, n = 0, place = 0, where, length;
        CpBytes *content;
        bool is_packed;
        d->bytes = bytes;
        ok = get_number(d, &at, 2, &id) && get_number(d, &at, 4, &n) && n <= OPTIONS_MAX;
        uint64_t body = at;
        bool has_place = id == DONE || id == HEADER_INFO || id == EVENTS || id == COMMS;
        ok = ok && (!has_place || get_number(d, &body, 8, &place));
        d->bytes = file;
        if (ok && id == DONE) {
            *next = place;
            done = true;
        } else if (ok && id == BUFFER) {
            ok = read_buffer(d, bytes, at);
        } else if (ok && has_place) {
            ok = open_section(d, place, &content, &where, &length, &is_packed) &&
                 (id == HEADER_INFO ? cp_tracing_read_page(d->tracing, content, where)
                  : id == EVENTS    ? cp_tracing_read_events(d->tracing, content, where)
                                    : cp_tracing_read_comms(d->tracing, content, where));
        }
        at += ok ? n : 0;
    }
    return ok;
}

static gboolean read_sections(Dat *d, uint64_t at, GError **error)
{
    char version[TEXT_MAX];
    uint64_t next;
    if (!get_text(d, &at, d->packing) || !get_text(d, &at, version) ||
        !get_number(d, &at, 8, &next)) {
        return damaged(d, at, error);
    }
    d->unpacked = cp_bytes_new_empty(error);
    if (d->unpacked == NULL) {
        return FALSE;
    }
    for (int i = 0; next != 0 && i < OPTIONS_MAX; i++) {
        CpBytes *bytes;
        uint64_t from, size;
        bool is_packed;
        at = next;
        if (!open_section(d, at, &bytes, &from, &size, &is_packed) ||
            !read_options(d, bytes, from, size, &next)) {
            return damaged(d, at, error);
        }
    }
    return TRUE;
}

/* --- the file --- */

static gboolean read_all(Dat *d, GError **error)
{
    uint64_t end;
    d->tracing = cp_tracing_new(d->bytes, 0, &end, error);
    if (d->tracing == NULL) {
        return FALSE;
    }
    d->big = cp_tracing_big_endian(d->tracing);
    d->page_size = cp_tracing_page_size(d->tracing);
    if (!(cp_tracing_version(d->tracing) >= 7 ? read_sections(d, end, error)
                                              : read_places(d, end, error))) {
        return FALSE;
    }
    cp_tracing_page(d->tracing, &d->commit_size, &d->data);
    if (d->page_size < 64 || d->page_size > PAGE_MAX || d->data < 12 ||
        d->data >= d->page_size) {
        return damaged(d, end, error);
    }
    return merge(d, error);
}

static gboolean read_dat(const CpImportJob *job, GError **error)
{
    Dat d = {.job = job,
             .bytes = cp_bytes_new(job->input, error),
             .cpus = g_array_new(FALSE, FALSE, sizeof(Cpu)),
             .heap = g_ptr_array_new()};
    gboolean ok = d.bytes != NULL && read_all(&d, error);
    for (guint i = 0; i < d.cpus->len; i++) {
        g_free(g_array_index(d.cpus, Cpu, i).page);
    }
    g_array_unref(d.cpus);
    g_ptr_array_unref(d.heap);
    cp_tracing_free(d.tracing);
    cp_bytes_free(d.bytes);
    cp_bytes_free(d.unpacked);
    return ok;
}

static bool sniff(const char *bytes, size_t n)
{
    return n >= 10 && memcmp(bytes, "\x17\x08\x44tracing", 10) == 0;
}

static void complain(const char *path, const CpImportReport *r, GError **error)
{
    g_autofree char *name = cp_clean_text(path, -1);
    g_set_error(error, CP_ERROR, CP_ERROR_INPUT,
                "%s: %" G_GUINT64_FORMAT
                " events, but none of them is a sched_switch; record "
                "with: trace-cmd record -e sched",
                name, r->lines);
}

const CpImportFormat cp_import_tracedat = {
    .name = "trace.dat",
    .help = "what trace-cmd record writes, versions 6 and 7, packed or not, of any machine",
    .sniff = sniff,
    .read = read_dat,
    .complain = complain,
};
