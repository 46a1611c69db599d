#include "lang/diag.h"
#include "sim/error.h"
#include "traces/import/formats.h"
#include "traces/import/tracing.h"

#include <string.h>
#include <zstd.h>

/* Which records of a perf.data file are events, and in which order they happened. */

enum {
    HEADER = 104,
    PIPE_HEADER = 16,
    RECORD_HEAD = 8,
    FEATURE_TRACING = 1,
    ATTRS_MAX = 1 << 16,
    IDS_MAX = 1 << 22,
    TYPE_TRACEPOINT = 2,
    UNPACKED_MAX = 64 << 20, /* of one compressed record */
    PENDING_MAX = 1 << 30,   /* bytes of records that wait for their turn */
    CHECK_EVERY = 1 << 14,   /* records between looks at the interrupt flag */
};

/* Numbers of record types, of what a sample holds, and of flags of an event. */
enum {
    RECORD_LOST = 2,
    RECORD_COMM = 3,
    RECORD_FORK = 7,
    RECORD_SAMPLE = 9,
    RECORD_LOST_SAMPLES = 13,
    RECORD_ATTR = 64,
    RECORD_TRACING_DATA = 66,
    RECORD_FINISHED_ROUND = 68,
    RECORD_AUXTRACE = 71,
    RECORD_COMPRESSED = 81,
    RECORD_COMPRESSED2 = 83,

    SAMPLE_IP = 1 << 0,
    SAMPLE_TID = 1 << 1,
    SAMPLE_TIME = 1 << 2,
    SAMPLE_ADDR = 1 << 3,
    SAMPLE_READ = 1 << 4,
    SAMPLE_CALLCHAIN = 1 << 5,
    SAMPLE_ID = 1 << 6,
    SAMPLE_CPU = 1 << 7,
    SAMPLE_PERIOD = 1 << 8,
    SAMPLE_STREAM_ID = 1 << 9,
    SAMPLE_RAW = 1 << 10,
    SAMPLE_IDENTIFIER = 1 << 16,

    READ_GROUP = 1 << 3,

    FLAG_SAMPLE_ID_ALL = 18,
};

typedef struct {
    uint32_t type;
    uint64_t config, sample_type, read_format;
    bool sample_id_all;
} Attr;

/* A record that waits for its turn. */
typedef struct {
    uint64_t time, order;
    uint32_t at, size; /* in the bytes of the records that wait */
} Waiting;

typedef struct {
    const CpImportJob *job;
    CpBytes *bytes;
    bool big;
    GArray *attrs;   /* Attr */
    GHashTable *ids; /* id -> index + 1 of its attr */
    CpTracing *tracing;
    GHashTable *comms; /* tid -> name */
    GByteArray *records;
    GArray *waiting; /* Waiting */
    uint64_t newest, limit, n_orders;
    ZSTD_DStream *zstd;
    GByteArray *unpacked; /* records of compressed ones, the last of them maybe a part */
    uint64_t n_samples;
    bool no_cpu, no_time; /* samples lack it */
} Perf;

static gboolean damaged(const Perf *p, uint64_t at, const char *what, GError **error)
{
    g_set_error(error, CP_ERROR, CP_ERROR_INPUT,
                "%s: this perf.data is damaged at byte %" G_GUINT64_FORMAT
                ": %s; record again, "
                "or try perf script --ns -F comm,pid,tid,cpu,time,event,trace",
                cp_bytes_name(p->bytes), at, what);
    return FALSE;
}

/* --- events and their ids --- */

static uint64_t bits_of(const Perf *p, const uint8_t *at)
{
    /* Flags are a bit field: the first one is the lowest bit of a little-endian machine
     * and the highest one of a big-endian machine. */
    uint64_t v = cp_get64(at, p->big), flags = v;
    for (int i = 0; p->big && i < 64; i++) {
        flags = i == 0 ? 0 : flags;
        flags |= (v >> (63 - i) & 1) << i;
    }
    return flags;
}

static bool add_attr(Perf *p, const uint8_t *at, size_t n)
{
    if (n < 48 || p->attrs->len >= ATTRS_MAX) {
        return false;
    }
    Attr a = {.type = cp_get32(at, p->big),
              .config = cp_get64(at + 8, p->big),
              .sample_type = cp_get64(at + 24, p->big),
              .read_format = cp_get64(at + 32, p->big),
              .sample_id_all = bits_of(p, at + 40) >> FLAG_SAMPLE_ID_ALL & 1};
    g_array_append_val(p->attrs, a);
    return true;
}

/* An id of the attr added last. */
static void add_id(Perf *p, uint64_t id)
{
    if (g_hash_table_size(p->ids) < IDS_MAX) {
        gint64 *key = g_new(gint64, 1);
        *key = (gint64)id;
        g_hash_table_replace(p->ids, key, GUINT_TO_POINTER(p->attrs->len));
    }
}

static const Attr *attr_of(const Perf *p, uint64_t id)
{
    gint64 key = (gint64)id;
    guint number = GPOINTER_TO_UINT(g_hash_table_lookup(p->ids, &key));
    return number > 0 ? &g_array_index(p->attrs, Attr, number - 1) : NULL;
}

static gboolean read_attrs(Perf *p, uint64_t entry, uint64_t at, uint64_t size,
                           GError **error)
{
    uint64_t n = entry > 16 && entry < 4096 ? size / entry : 0;
    if (n == 0 || n > ATTRS_MAX) {
        return damaged(p, at, "no events are described", error);
    }
    for (uint64_t i = 0; i < n; i++) {
        const uint8_t *attr = cp_bytes_at(p->bytes, at + i * entry, entry);
        if (attr == NULL || !add_attr(p, attr, entry)) {
            return damaged(p, at + i * entry, "an event's description is cut", error);
        }
        uint64_t ids = cp_get64(attr + entry - 16, p->big);
        uint64_t n_ids = cp_get64(attr + entry - 8, p->big) / 8;
        for (uint64_t k = 0; k < MIN(n_ids, IDS_MAX); k++) {
            const uint8_t *id = cp_bytes_at(p->bytes, ids + 8 * k, 8);
            if (id == NULL) {
                return damaged(p, ids + 8 * k, "numbers of events are cut", error);
            }
            add_id(p, cp_get64(id, p->big));
        }
    }
    return TRUE;
}

/* --- what a sample holds --- */

typedef struct {
    const uint8_t *at, *end;
    bool big, failed;
} Cursor;

static const uint8_t *take(Cursor *c, uint64_t n)
{
    const uint8_t *at = c->at;
    if (c->failed || n > (uint64_t)(c->end - at)) {
        c->failed = true;
        return NULL;
    }
    c->at += n;
    return at;
}

static uint64_t take64(Cursor *c)
{
    const uint8_t *at = take(c, 8);
    return at != NULL ? cp_get64(at, c->big) : 0;
}

typedef struct {
    uint64_t id, time;
    int32_t pid, tid;
    uint32_t cpu;
    bool has_time, has_tid, has_cpu, has_raw;
    const uint8_t *raw;
    size_t n_raw;
} Sample;

static void skip_read(Cursor *c, uint64_t format)
{
    uint64_t head = (format >> 0 & 1) + (format >> 1 & 1);     /* enabled, running */
    uint64_t each = 1 + (format >> 2 & 1) + (format >> 4 & 1); /* id, lost */
    uint64_t n = format & READ_GROUP ? take64(c) : 1;
    c->failed |= n > 1 << 16;
    take(c, c->failed ? 0 : 8 * (head + n * each));
}

static void take_tid(Cursor *c, Sample *s)
{
    const uint8_t *at = take(c, 8);
    if (at != NULL) {
        s->pid = (int32_t)cp_get32(at, c->big);
        s->tid = (int32_t)cp_get32(at + 4, c->big);
        s->has_tid = true;
    }
}

static void take_cpu(Cursor *c, Sample *s)
{
    const uint8_t *at = take(c, 8);
    if (at != NULL) {
        s->cpu = cp_get32(at, c->big);
        s->has_cpu = true;
    }
}

static bool read_sample(const Attr *a, Cursor *c, Sample *s)
{
    uint64_t type = a->sample_type;
    if (type & SAMPLE_IDENTIFIER) {
        s->id = take64(c);
    }
    if (type & SAMPLE_IP) {
        take64(c);
    }
    if (type & SAMPLE_TID) {
        take_tid(c, s);
    }
    if (type & SAMPLE_TIME) {
        s->time = take64(c);
        s->has_time = true;
    }
    if (type & SAMPLE_ADDR) {
        take64(c);
    }
    if (type & SAMPLE_ID) {
        s->id = take64(c);
    }
    if (type & SAMPLE_STREAM_ID) {
        take64(c);
    }
    if (type & SAMPLE_CPU) {
        take_cpu(c, s);
    }
    if (type & SAMPLE_PERIOD) {
        take64(c);
    }
    if (type & SAMPLE_READ) {
        skip_read(c, a->read_format);
    }
    if (type & SAMPLE_CALLCHAIN) {
        uint64_t n = take64(c);
        c->failed |= n > 1 << 16;
        take(c, c->failed ? 0 : 8 * n);
    }
    if (type & SAMPLE_RAW && !c->failed) {
        const uint8_t *size = take(c, 4);
        s->n_raw = size != NULL ? cp_get32(size, c->big) : 0;
        s->raw = take(c, s->n_raw);
        s->has_raw = s->raw != NULL;
    }
    return !c->failed;
}

/* What stands at the end of records that are no samples. */
static bool read_sample_id(const Attr *a, Cursor *c, Sample *s)
{
    uint64_t type = a->sample_type;
    size_t n = 8 * (size_t)(((type & SAMPLE_TID) != 0) + ((type & SAMPLE_TIME) != 0) +
                            ((type & SAMPLE_ID) != 0) + ((type & SAMPLE_STREAM_ID) != 0) +
                            ((type & SAMPLE_CPU) != 0) + ((type & SAMPLE_IDENTIFIER) != 0));
    if (!a->sample_id_all || (size_t)(c->end - c->at) < n) {
        return false;
    }
    c->at = c->end - n;
    if (type & SAMPLE_TID) {
        take_tid(c, s);
    }
    if (type & SAMPLE_TIME) {
        s->time = take64(c);
        s->has_time = true;
    }
    if (type & SAMPLE_ID) {
        take64(c);
    }
    if (type & SAMPLE_STREAM_ID) {
        take64(c);
    }
    if (type & SAMPLE_CPU) {
        take_cpu(c, s);
    }
    return true;
}

/* The event a sample is of: its id stands first, or at a place that is the same for all. */
static const Attr *attr_of_sample(const Perf *p, const uint8_t *body, size_t n)
{
    const Attr *first = &g_array_index(p->attrs, Attr, 0);
    if (p->attrs->len == 1) {
        return first;
    }
    if (first->sample_type & SAMPLE_IDENTIFIER) {
        return n >= 8 ? attr_of(p, cp_get64(body, p->big)) : NULL;
    }
    Cursor c = {body, body + n, p->big, false};
    Sample s = {0};
    Attr upto = *first;
    upto.sample_type &= SAMPLE_IP | SAMPLE_TID | SAMPLE_TIME | SAMPLE_ADDR | SAMPLE_ID;
    return read_sample(&upto, &c, &s) && (first->sample_type & SAMPLE_ID) != 0
               ? attr_of(p, s.id)
               : NULL;
}

/* --- records in order --- */

static void set_comm(Perf *p, int32_t tid, const char *name, size_t n)
{
    g_hash_table_replace(p->comms, GINT_TO_POINTER(tid), g_strndup(name, n));
}

static CpSpan comm_of(const Perf *p, int32_t tid)
{
    const char *name = g_hash_table_lookup(p->comms, GINT_TO_POINTER(tid));
    if (name != NULL) {
        return (CpSpan){name, (uint32_t)strlen(name)};
    }
    return p->tracing != NULL ? cp_tracing_comm(p->tracing, tid) : (CpSpan){NULL, 0};
}

static CpTraceEvent event_of(const Perf *p, const Sample *s)
{
    CpTraceTask unknown = {-1, CP_PRIO_UNKNOWN, {NULL, 0}};
    CpTraceEvent e = {.kind = CP_TRACE_OTHER,
                      .time = (CpTime)s->time,
                      .cpu = s->cpu < CP_CPUS_MAX ? s->cpu : CP_NONE,
                      .cpu2 = CP_NONE,
                      .cpu_above = s->cpu >= CP_CPUS_MAX,
                      .tgid = s->has_tid ? s->pid : -1,
                      .current = unknown,
                      .subject = unknown,
                      .other = unknown};
    if (!s->has_cpu) {
        e.cpu = CP_NONE;
        e.cpu_above = false;
    }
    if (s->has_tid) {
        e.current.pid = s->tid;
        e.current.comm = s->tid > 0 ? comm_of(p, s->tid) : (CpSpan){NULL, 0};
    }
    return e;
}

static gboolean push(Perf *p, const CpTraceEvent *e, GError **error)
{
    return cp_importer_push(p->job->importer, e, error);
}

static gboolean on_sample(Perf *p, const uint8_t *body, size_t n, GError **error)
{
    const Attr *a = attr_of_sample(p, body, n);
    Cursor c = {body, body + n, p->big, false};
    Sample s = {0};
    if (a == NULL || !read_sample(a, &c, &s) || s.time > INT64_MAX) {
        p->job->report->broken++;
        return TRUE;
    }
    if (a->type != TYPE_TRACEPOINT || !s.has_time || !s.has_raw) {
        p->no_time |= !s.has_time;
        return TRUE;
    }
    p->no_cpu |= !s.has_cpu;
    CpTraceEvent e = event_of(p, &s);
    int32_t head = e.current.pid;
    if (p->tracing == NULL ||
        !cp_tracing_decode(p->tracing, a->config, s.raw, s.n_raw, &e)) {
        e.kind = CP_TRACE_OTHER;
        p->job->report->broken++;
    }
    e.current.pid = s.has_tid ? head : e.current.pid;
    return push(p, &e, error);
}

/* Names of threads, and losses. */
static gboolean on_other(Perf *p, uint32_t type, const uint8_t *body, size_t n,
                         GError **error)
{
    Sample s = {0};
    Cursor c = {body, body + n, p->big, false};
    if (type == RECORD_COMM && n > 8) {
        const char *name = (const char *)body + 8;
        set_comm(p, (int32_t)cp_get32(body + 4, p->big), name, strnlen(name, n - 8));
        return TRUE;
    }
    if (type == RECORD_FORK && n >= 16) {
        CpSpan name = comm_of(p, (int32_t)cp_get32(body + 12, p->big));
        if (name.len > 0) {
            g_autofree char *copy = g_strndup(name.text, name.len);
            set_comm(p, (int32_t)cp_get32(body + 8, p->big), copy, name.len);
        }
        return TRUE;
    }
    uint64_t lost = 0;
    if (type == RECORD_LOST && n >= 16) {
        lost = cp_get64(body + 8, p->big);
    } else if (type == RECORD_LOST_SAMPLES && n >= 8) {
        lost = cp_get64(body, p->big);
    }
    if (lost == 0 || !read_sample_id(&g_array_index(p->attrs, Attr, 0), &c, &s) ||
        !s.has_time || s.time > INT64_MAX) {
        p->job->report->lost_uncounted += lost > 0;
        return TRUE;
    }
    CpTraceEvent e = event_of(p, &s);
    e.kind = CP_TRACE_LOST;
    e.value = (int64_t)MIN(lost, INT64_MAX);
    return push(p, &e, error);
}

static gboolean on_record(Perf *p, const uint8_t *record, GError **error)
{
    uint32_t type = cp_get32(record, p->big);
    size_t n = cp_get16(record + 6, p->big) - (size_t)RECORD_HEAD;
    return type == RECORD_SAMPLE ? on_sample(p, record + RECORD_HEAD, n, error)
                                 : on_other(p, type, record + RECORD_HEAD, n, error);
}

static int compare_waiting(const void *left, const void *right)
{
    const Waiting *a = left, *b = right;
    if (a->time != b->time) {
        return a->time < b->time ? -1 : 1;
    }
    return a->order < b->order ? -1 : a->order > b->order;
}

/* Hands on the records up to `limit`, in order of time. */
static gboolean release(Perf *p, uint64_t limit, GError **error)
{
    g_array_sort(p->waiting, compare_waiting);
    guint n = 0;
    while (n < p->waiting->len && g_array_index(p->waiting, Waiting, n).time <= limit) {
        const Waiting *w = &g_array_index(p->waiting, Waiting, n);
        if (!on_record(p, p->records->data + w->at, error)) {
            return FALSE;
        }
        n++;
    }
    /* What goes on waiting moves to the front. */
    GByteArray *rest = g_byte_array_new();
    for (guint i = n; i < p->waiting->len; i++) {
        Waiting *w = &g_array_index(p->waiting, Waiting, i);
        guint at = rest->len;
        g_byte_array_append(rest, p->records->data + w->at, w->size);
        w->at = at;
    }
    g_byte_array_unref(p->records);
    p->records = rest;
    g_array_remove_range(p->waiting, 0, n);
    return TRUE;
}

/* When the record happened; 0: it does not say, and comes before what waits. */
static uint64_t time_of(const Perf *p, uint32_t type, const uint8_t *body, size_t n)
{
    Cursor c = {body, body + n, p->big, false};
    Sample s = {0};
    if (type != RECORD_SAMPLE) {
        return read_sample_id(&g_array_index(p->attrs, Attr, 0), &c, &s) ? s.time : 0;
    }
    const Attr *a = attr_of_sample(p, body, n);
    if (a == NULL) {
        return 0;
    }
    Attr upto = *a;
    upto.sample_type &= SAMPLE_IDENTIFIER | SAMPLE_IP | SAMPLE_TID | SAMPLE_TIME;
    return read_sample(&upto, &c, &s) ? s.time : 0;
}

/* A round is over: nothing that is still to come is older than the newest of the round
 * before. */
static gboolean end_round(Perf *p, GError **error)
{
    gboolean ok = release(p, p->limit, error);
    p->limit = p->newest;
    return ok;
}

static gboolean unpack(Perf *p, const uint8_t *bytes, size_t n, uint64_t at,
                       GError **error);

/* A record of the stream. */
static gboolean take_record(Perf *p, const uint8_t *record, size_t size, uint64_t at,
                            GError **error)
{
    uint32_t type = cp_get32(record, p->big);
    const uint8_t *body = record + RECORD_HEAD;
    size_t n = size - RECORD_HEAD;
    switch (type) {
    case RECORD_FINISHED_ROUND:
        return end_round(p, error);
    case RECORD_COMPRESSED:
        return unpack(p, body, n, at, error);
    case RECORD_COMPRESSED2:
        return n < 8 ? damaged(p, at, "a packed record is cut", error)
                     : unpack(p, body + 8, MIN(n - 8, cp_get64(body, p->big)), at, error);
    case RECORD_ATTR: {
        uint32_t attr = n >= 8 ? cp_get32(body + 4, p->big) : 0;
        if (attr > n || !add_attr(p, body, attr)) {
            return damaged(p, at, "an event's description is cut", error);
        }
        for (size_t i = attr; i + 8 <= n; i += 8) {
            add_id(p, cp_get64(body + i, p->big));
        }
        return TRUE;
    }
    case RECORD_SAMPLE:
        p->job->report->lines++;
        break;
    case RECORD_COMM:
    case RECORD_FORK:
    case RECORD_LOST:
    case RECORD_LOST_SAMPLES:
        break;
    default:
        return TRUE;
    }
    if (p->attrs->len == 0) {
        return damaged(p, at, "records before any event is described", error);
    }
    if (p->records->len + size > PENDING_MAX) {
        if (!release(p, UINT64_MAX, error)) {
            return FALSE;
        }
    }
    Waiting w = {time_of(p, type, body, n), p->n_orders++, p->records->len, (uint32_t)size};
    p->newest = MAX(p->newest, w.time);
    g_byte_array_append(p->records, record, (guint)size);
    g_array_append_val(p->waiting, w);
    return TRUE;
}

/* Size of the record at `head`; 0: it is none. */
static size_t size_of(const Perf *p, const uint8_t *head)
{
    size_t size = cp_get16(head + 6, p->big);
    return size >= RECORD_HEAD ? size : 0;
}

static gboolean unpack(Perf *p, const uint8_t *bytes, size_t n, uint64_t at, GError **error)
{
    if (p->zstd == NULL) {
        p->zstd = ZSTD_createDStream();
        p->unpacked = g_byte_array_new();
    }
    ZSTD_inBuffer in = {bytes, n, 0};
    while (in.pos < in.size) {
        uint8_t part[1 << 14];
        ZSTD_outBuffer out = {part, sizeof part, 0};
        size_t result = ZSTD_decompressStream(p->zstd, &out, &in);
        if (ZSTD_isError(result) || p->unpacked->len > UNPACKED_MAX) {
            return damaged(p, at, "a packed record cannot be unpacked", error);
        }
        g_byte_array_append(p->unpacked, part, (guint)out.pos);
        if (out.pos == 0 && in.pos == in.size) {
            break;
        }
    }
    guint done = 0;
    while (p->unpacked->len - done >= RECORD_HEAD) {
        const uint8_t *record = p->unpacked->data + done;
        size_t size = size_of(p, record);
        if (size == 0) {
            return damaged(p, at, "a packed record holds none", error);
        }
        if (size > p->unpacked->len - done) {
            break;
        }
        uint32_t type = cp_get32(record, p->big);
        bool nested = type == RECORD_COMPRESSED || type == RECORD_COMPRESSED2;
        if (nested || !take_record(p, record, size, at, error)) {
            return nested ? damaged(p, at, "a packed record in a packed one", error)
                          : FALSE;
        }
        done += (guint)size;
    }
    g_byte_array_remove_range(p->unpacked, 0, done);
    return TRUE;
}

/* --- the file --- */

/* In a stream the description of the tracepoints, and what hardware traced, stand behind
 * their record. */
static gboolean behind(Perf *p, const uint8_t *record, size_t size, uint64_t *at,
                       GError **error)
{
    uint32_t type = cp_get32(record, p->big);
    if (type == RECORD_TRACING_DATA && size >= 12) {
        uint64_t end, n = cp_get32(record + 8, p->big);
        CpTracing *tracing = cp_tracing_new(p->bytes, *at, &end, error);
        if (tracing == NULL) {
            return FALSE;
        }
        cp_tracing_free(p->tracing);
        p->tracing = tracing;
        *at += (n + 7) / 8 * 8;
    } else if (type == RECORD_AUXTRACE && size >= 16) {
        *at += cp_get64(record + 8, p->big);
    }
    return TRUE;
}

static gboolean read_records(Perf *p, uint64_t at, uint64_t end, GError **error)
{
    for (uint64_t n = 0; at + RECORD_HEAD <= end; n++) {
        const uint8_t *head = cp_bytes_at(p->bytes, at, RECORD_HEAD);
        size_t size = head != NULL ? size_of(p, head) : 0;
        const uint8_t *record = size > 0 ? cp_bytes_at(p->bytes, at, size) : NULL;
        if (record == NULL && head != NULL && size > 0) {
            p->job->report->cut = true; /* the recording was ended by force */
            break;
        }
        if (record == NULL) {
            return damaged(p, at, "expected the length of a record", error);
        }
        uint32_t type = cp_get32(record, p->big);
        uint64_t from = at;
        at += size;
        if (type == RECORD_TRACING_DATA || type == RECORD_AUXTRACE) {
            if (!behind(p, record, size, &at, error)) {
                return FALSE;
            }
        } else if (!take_record(p, record, size, from, error)) {
            return FALSE;
        }
        if (n % CHECK_EVERY == 0 && p->job->interrupt != NULL && *p->job->interrupt != 0) {
            g_set_error(error, CP_ERROR, CP_ERROR_MODEL, "interrupted");
            return FALSE;
        }
        if (p->job->again && cp_importer_disordered(p->job->importer)) {
            return TRUE;
        }
    }
    return release(p, UINT64_MAX, error);
}

static gboolean read_features(Perf *p, const uint8_t *header, uint64_t at, GError **error)
{
    uint64_t features = cp_get64(header + 72, p->big);
    uint64_t n = 0;
    for (unsigned bit = 0; bit < FEATURE_TRACING; bit++) {
        n += features >> bit & 1;
    }
    if (!(features >> FEATURE_TRACING & 1)) {
        return TRUE;
    }
    const uint8_t *section = cp_bytes_at(p->bytes, at + 16 * n, 16);
    uint64_t end;
    if (section == NULL) {
        return damaged(p, at, "the table behind the events is cut", error);
    }
    p->tracing = cp_tracing_new(p->bytes, cp_get64(section, p->big), &end, error);
    return p->tracing != NULL;
}

static gboolean read_file(Perf *p, const uint8_t *begin, GError **error)
{
    uint8_t header[HEADER];
    memcpy(header, begin, HEADER);
    uint64_t attrs = cp_get64(header + 24, p->big),
             attrs_size = cp_get64(header + 32, p->big);
    uint64_t data = cp_get64(header + 40, p->big), size = cp_get64(header + 48, p->big);
    uint64_t all = cp_bytes_size(p->bytes);
    if (data > all) {
        return damaged(p, data, "the events begin behind the end of the file", error);
    }
    bool cut = size == 0 || size > all - data;
    p->job->report->cut |= cut;
    if (!read_attrs(p, cp_get64(header + 16, p->big), attrs, attrs_size, error) ||
        (!cut && !read_features(p, header, data + size, error))) {
        return FALSE;
    }
    if (p->tracing == NULL) {
        g_set_error(
            error, CP_ERROR, CP_ERROR_INPUT,
            cut ? "%s: was not completed (perf was ended by force): what its events "
                  "mean stands at its end and is missing; record again"
                : "%s: holds no tracepoints; record with: perf sched record -- "
                  "COMMAND",
            cp_bytes_name(p->bytes));
        return FALSE;
    }
    return read_records(p, data, data + (cut ? all - data : size), error);
}

static gboolean read_all(Perf *p, GError **error)
{
    const uint8_t *begin = cp_bytes_at(p->bytes, 0, PIPE_HEADER);
    if (begin == NULL) {
        return damaged(p, 0, "it is shorter than its header", error);
    }
    p->big = memcmp(begin, "2ELIFREP", 8) == 0;
    if (cp_get64(begin + 8, p->big) == PIPE_HEADER) {
        return read_records(p, PIPE_HEADER, cp_bytes_size(p->bytes), error);
    }
    begin = cp_bytes_at(p->bytes, 0, HEADER);
    return begin != NULL ? read_file(p, begin, error)
                         : damaged(p, 0, "it is shorter than its header", error);
}

static gboolean read_perf(const CpImportJob *job, GError **error)
{
    Perf p = {.job = job,
              .bytes = cp_bytes_new(job->input, error),
              .attrs = g_array_new(FALSE, FALSE, sizeof(Attr)),
              .ids = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL),
              .comms = g_hash_table_new_full(NULL, NULL, NULL, g_free),
              .records = g_byte_array_new(),
              .waiting = g_array_new(FALSE, FALSE, sizeof(Waiting))};
    gboolean ok = p.bytes != NULL && read_all(&p, error);
    cp_bytes_free(p.bytes);
    g_array_unref(p.attrs);
    g_hash_table_unref(p.ids);
    g_hash_table_unref(p.comms);
    g_byte_array_unref(p.records);
    g_array_unref(p.waiting);
    cp_tracing_free(p.tracing);
    ZSTD_freeDStream(p.zstd);
    if (p.unpacked != NULL) {
        g_byte_array_unref(p.unpacked);
    }
    return ok;
}

static bool sniff(const char *bytes, size_t n)
{
    return n >= 8 &&
           (memcmp(bytes, "PERFILE2", 8) == 0 || memcmp(bytes, "2ELIFREP", 8) == 0);
}

static void complain(const char *path, const CpImportReport *r, GError **error)
{
    g_autofree char *name = cp_clean_text(path, -1);
    g_set_error(error, CP_ERROR, CP_ERROR_INPUT,
                "%s: %" G_GUINT64_FORMAT
                " samples, but none of them is a sched_switch with "
                "time and CPU; record with: perf sched record -- COMMAND",
                name, r->lines);
}

const CpImportFormat cp_import_perf = {
    .name = "perf.data",
    .help =
        "what perf record and perf sched record write, compressed or not, of any machine",
    .sniff = sniff,
    .read = read_perf,
    .complain = complain,
};
