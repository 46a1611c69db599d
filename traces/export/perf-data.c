#include "traces/export/formats.h"
#include "traces/export/tracing-data.h"

/* Which records of a perf.data file say what happened. */

enum {
    HEADER = 104,
    ATTR = 128,
    ATTR_ENTRY = ATTR + 16,
    TYPE_TRACEPOINT = 2,
    /* What each sample holds, in this order: identifier first. */
    SAMPLE_TYPE = 0x10000 | 0x1 | 0x2 | 0x4 | 0x80 | 0x100 | 0x400,
    FLAG_COMM = 1 << 9,
    FLAG_SAMPLE_ID_ALL = 1 << 18,
    SAMPLE_HEAD = 56, /* bytes of a sample before its raw event */
    RAW_SIZE = 4,
    COMM_RECORD = 64,
    LOST_RECORD = 56,
    ROUND_RECORD = 8,
    ROUND_EVENTS = 50000, /* after so many a reader may sort and go on */
    RECORD_LOST = 2,
    RECORD_COMM = 3,
    RECORD_SAMPLE = 9,
    RECORD_ROUND = 68,
    MISC_KERNEL = 1,
    MISC_USER = 2,
    COMM_BYTES = 16,
    ID_FIRST = 1,
    STRING_ROUND = 64,
};

/* Features of the file, by the number of their bit. */
enum { HAS_TRACING = 1, HAS_HOSTNAME = 3, HAS_RELEASE, HAS_VERSION, HAS_ARCH, HAS_CPUS };

typedef struct {
    const CpExportJob *job;
    CpStream *out; /* NULL: the bytes are only counted */
    uint64_t n_bytes, n_events;
} Perf;

static size_t padded(size_t event)
{
    return (event + RAW_SIZE + 7) / 8 * 8 - RAW_SIZE;
}

static void put_record(CpStream *s, uint32_t type, uint16_t misc, size_t size)
{
    cp_stream_u32(s, type);
    cp_stream_u16(s, misc);
    cp_stream_u16(s, (uint16_t)size);
}

/* What ends records that are no samples. */
static void put_sample_id(CpStream *s, const CpKernelTask *t, CpTime at, uint32_t cpu)
{
    cp_stream_u32(s, (uint32_t)t->tgid);
    cp_stream_u32(s, (uint32_t)t->pid);
    cp_stream_u64(s, (uint64_t)at);
    cp_stream_u32(s, cpu);
    cp_stream_u32(s, 0);
    cp_stream_u64(s, ID_FIRST);
}

static void put_comm(Perf *p, const CpKernelTask *t, const char *name, CpTime at,
                     uint32_t cpu)
{
    p->n_bytes += COMM_RECORD;
    if (p->out != NULL) {
        size_t n = MIN(strlen(name), COMM_BYTES - 1);
        put_record(p->out, RECORD_COMM, MISC_USER, COMM_RECORD);
        cp_stream_u32(p->out, (uint32_t)t->tgid);
        cp_stream_u32(p->out, (uint32_t)t->pid);
        cp_stream_bytes(p->out, name, n);
        cp_stream_zeros(p->out, COMM_BYTES - n);
        put_sample_id(p->out, t, at, cpu);
    }
}

static void put_lost(Perf *p, const CpKernelEvent *e)
{
    p->n_bytes += LOST_RECORD;
    if (p->out != NULL) {
        put_record(p->out, RECORD_LOST, 0, LOST_RECORD);
        cp_stream_u64(p->out, ID_FIRST);
        cp_stream_u64(p->out, (uint64_t)e->value);
        put_sample_id(p->out, &e->current, e->at, e->cpu);
    }
}

static void put_sample(Perf *p, const CpKernelEvent *e, int row)
{
    uint8_t raw[CP_TRACING_EVENT_MAX];
    size_t n = cp_tracing_event(e, row, raw);
    size_t size = SAMPLE_HEAD + RAW_SIZE + padded(n);
    p->n_bytes += size;
    if (p->out == NULL) {
        return;
    }
    CpStream *s = p->out;
    put_record(s, RECORD_SAMPLE, MISC_KERNEL, size);
    cp_stream_u64(s, (uint64_t)(ID_FIRST + row));
    cp_stream_u64(s, 0);
    cp_stream_u32(s, (uint32_t)e->current.tgid);
    cp_stream_u32(s, (uint32_t)e->current.pid);
    cp_stream_u64(s, (uint64_t)e->at);
    cp_stream_u32(s, e->cpu);
    cp_stream_u32(s, 0);
    cp_stream_u64(s, 1);
    cp_stream_u32(s, (uint32_t)padded(n));
    cp_stream_bytes(s, raw, n);
    cp_stream_zeros(s, padded(n) - n);
}

static bool on_event(void *data, const CpKernelEvent *e)
{
    Perf *p = data;
    int row = cp_tracing_row(e->kind);
    if (e->kind == CP_KERNEL_LOST) {
        put_lost(p, e);
    } else if (row >= 0) {
        put_sample(p, e, row);
    }
    if (e->kind == CP_KERNEL_RENAME) {
        put_comm(p, &e->subject, e->text, e->at, e->cpu);
    }
    if (++p->n_events % ROUND_EVENTS == 0) {
        p->n_bytes += ROUND_RECORD;
        if (p->out != NULL) {
            put_record(p->out, RECORD_ROUND, 0, ROUND_RECORD);
        }
    }
    return !cp_export_stop(p->job);
}

/* The records; without a stream they are counted. */
static gboolean put_data(const CpExportJob *job, const CpKernelTasks *tasks, CpStream *out,
                         uint64_t *n_bytes, GError **error)
{
    Perf p = {.job = job, .out = out};
    CpTime first = cp_kernel_base(job->cpr);
    for (uint32_t i = 0; i < tasks->n; i++) {
        put_comm(&p, &tasks->tasks[i], tasks->tasks[i].comm, first, 0);
    }
    gboolean ok = cp_kernel_walk(job->cpr, job->from, job->to, on_event, &p, error);
    *n_bytes = p.n_bytes;
    return ok;
}

/* --- what stands around the records --- */

static void put_section(CpStream *s, uint64_t offset, uint64_t size)
{
    cp_stream_u64(s, offset);
    cp_stream_u64(s, size);
}

static void put_attr(CpStream *s, unsigned row, uint64_t ids_at)
{
    cp_stream_u32(s, TYPE_TRACEPOINT);
    cp_stream_u32(s, ATTR);
    cp_stream_u64(s, CP_TRACING_FIRST_ID + row);
    cp_stream_u64(s, 1); /* period */
    cp_stream_u64(s, SAMPLE_TYPE);
    cp_stream_u64(s, 0); /* read format */
    cp_stream_u64(s, FLAG_COMM | FLAG_SAMPLE_ID_ALL);
    cp_stream_zeros(s, ATTR - 48);
    put_section(s, ids_at + 8 * row, 8);
}

static void add_string(GByteArray *out, const char *text)
{
    size_t n = (strlen(text) / STRING_ROUND + 1) * STRING_ROUND;
    cp_tracing_u32(out, (uint32_t)n);
    guint at = out->len;
    g_byte_array_set_size(out, at + (guint)n);
    memset(out->data + at, 0, n);
    memcpy(out->data + at, text, strlen(text));
}

static void put_features(const CpExportJob *job, const CpKernelTasks *tasks, uint64_t at)
{
    static const char *const strings[] = {[HAS_HOSTNAME] = "coreplay",
                                          [HAS_RELEASE] = "6.12.0-coreplay",
                                          [HAS_VERSION] = "coreplay",
                                          [HAS_ARCH] = "x86_64"};
    static const int features[] = {HAS_TRACING, HAS_HOSTNAME, HAS_RELEASE,
                                   HAS_VERSION, HAS_ARCH,     HAS_CPUS};
    uint32_t n_cpus = cp_cpr_info(job->cpr)->n_cpus;
    g_autoptr(GByteArray) all = g_byte_array_new();
    uint64_t begin = at + 16 * G_N_ELEMENTS(features);
    for (size_t i = 0; i < G_N_ELEMENTS(features); i++) {
        guint from = all->len;
        if (features[i] == HAS_TRACING) {
            cp_tracing_describe(all, "0.6", tasks);
            while (all->len % 8 != 0) {
                g_byte_array_append(all, (const uint8_t *)"", 1);
            }
        } else if (features[i] == HAS_CPUS) {
            cp_tracing_u32(all, n_cpus); /* online */
            cp_tracing_u32(all, n_cpus); /* available */
        } else {
            add_string(all, strings[features[i]]);
        }
        put_section(job->out, begin + from, all->len - from);
    }
    cp_stream_bytes(job->out, all->data, all->len);
}

static gboolean write_perf(const CpExportJob *job, GError **error)
{
    CpStream *s = job->out;
    unsigned n_rows = cp_tracing_n_rows();
    CpKernelTasks *tasks = cp_kernel_tasks_new(job->cpr);
    uint64_t n_bytes, ids_at = HEADER, attrs_at = ids_at + 8 * n_rows;
    uint64_t data_at = attrs_at + ATTR_ENTRY * n_rows;
    gboolean ok = put_data(job, tasks, NULL, &n_bytes, error);
    if (ok) {
        cp_stream_text(s, "PERFILE2");
        cp_stream_u64(s, HEADER);
        cp_stream_u64(s, ATTR_ENTRY);
        put_section(s, attrs_at, ATTR_ENTRY * n_rows);
        put_section(s, data_at, n_bytes);
        put_section(s, 0, 0);
        cp_stream_u64(s, 1 << HAS_TRACING | 1 << HAS_HOSTNAME | 1 << HAS_RELEASE |
                             1 << HAS_VERSION | 1 << HAS_ARCH | 1 << HAS_CPUS);
        cp_stream_zeros(s, 24);
        for (unsigned row = 0; row < n_rows; row++) {
            cp_stream_u64(s, ID_FIRST + row);
        }
        for (unsigned row = 0; row < n_rows; row++) {
            put_attr(s, row, ids_at);
        }
        ok = put_data(job, tasks, s, &n_bytes, error);
        put_features(job, tasks, data_at + n_bytes);
    }
    cp_kernel_tasks_free(tasks);
    return ok;
}

const CpExportFormat cp_export_perf = {
    .name = "perf",
    .endings = ".perf.data .data .perf",
    .help =
        "perf.data: perf sched latency|timehist|map, perf script, and through perf data "
        "convert --to-ctf Trace Compass",
    .write = write_perf,
};
