#include "traces/export/formats.h"
#include "sim/error.h"
#include "traces/export/tracing-data.h"

/* On which pages of a trace.dat file the events of a CPU stand. */

enum {
    PAGE = 4096,
    PAGE_HEAD = 16,
    DELTA_BITS = 27,
    TIME_EXTEND = 30,
    WORD = 4,
    LOST_BEFORE = 1u << 31, /* in the count of a page's bytes */

    OPTION_END = 0,
    MEMORY = 64 << 20,       /* bytes of pages kept at a time */
    CPU_PAGES_MAX = 1 << 19, /* of one CPU: 2 GiB */
};

typedef struct {
    uint64_t n_pages;   /* complete ones and the one being filled */
    GByteArray *pages;  /* NULL: they are only counted */
    uint8_t page[PAGE]; /* the one being filled */
    size_t fill;        /* bytes of events in it */
    CpTime last;        /* time of the last event */
    uint64_t lost;      /* events lost before the next page */
    bool is_open;
} Cpu;

typedef struct {
    const CpExportJob *job;
    Cpu **cpus;           /* by number */
    uint32_t first, last; /* CPUs followed */
} Dat;

static void put32(uint8_t *at, uint32_t value)
{
    uint32_t v = GUINT32_TO_LE(value);
    memcpy(at, &v, sizeof v);
}

static void put64(uint8_t *at, uint64_t value)
{
    uint64_t v = GUINT64_TO_LE(value);
    memcpy(at, &v, sizeof v);
}

static uint64_t get64(const uint8_t *at)
{
    uint64_t v;
    memcpy(&v, at, sizeof v);
    return GUINT64_FROM_LE(v);
}

static void close_page(Cpu *c)
{
    if (c->is_open) {
        put64(c->page + 8, (get64(c->page + 8) & LOST_BEFORE) | c->fill);
        if (c->pages != NULL) {
            g_byte_array_append(c->pages, c->page, PAGE);
        }
        c->n_pages++;
        c->is_open = false;
    }
}

static void open_page(Cpu *c, CpTime at)
{
    memset(c->page, 0, PAGE);
    put64(c->page, (uint64_t)at);
    put64(c->page + 8, c->lost > 0 ? LOST_BEFORE : 0);
    c->lost = 0;
    c->fill = 0;
    c->last = at;
    c->is_open = true;
}

/* An event that came `n` bytes long at `at`: its size and how long after the one before it
 * stand in a word before it, or in two where that was long ago. */
static void put_event(Cpu *c, CpTime at, const uint8_t *bytes, size_t n)
{
    size_t words = (n + WORD - 1) / WORD;
    uint64_t delta = (uint64_t)(at - c->last);
    size_t need = WORD + words * WORD + (delta >> DELTA_BITS != 0 ? 2 * WORD : 0);
    if (!c->is_open || c->fill + need > PAGE - PAGE_HEAD || delta >> (DELTA_BITS + 32)) {
        close_page(c);
        open_page(c, at);
        delta = 0;
    }
    uint8_t *p = c->page + PAGE_HEAD + c->fill;
    if (delta >> DELTA_BITS != 0) {
        put32(p, (uint32_t)(delta << 5) | TIME_EXTEND);
        put32(p + WORD, (uint32_t)(delta >> DELTA_BITS));
        p += 2 * WORD;
        delta = 0;
    }
    put32(p, (uint32_t)(delta << 5) | (uint32_t)words);
    memcpy(p + WORD, bytes, n);
    c->fill = (size_t)(p + WORD + words * WORD - (c->page + PAGE_HEAD));
    c->last = at;
}

static bool on_event(void *data, const CpKernelEvent *e)
{
    Dat *d = data;
    int row = cp_tracing_row(e->kind);
    if (e->cpu < d->first || e->cpu > d->last) {
        return true;
    }
    Cpu *c = d->cpus[e->cpu];
    if (e->kind == CP_KERNEL_LOST) {
        close_page(c);
        c->lost += (uint64_t)e->value;
    } else if (row >= 0) {
        uint8_t bytes[CP_TRACING_EVENT_MAX];
        put_event(c, e->at, bytes, cp_tracing_event(e, row, bytes));
    }
    return !cp_export_stop(d->job);
}

static void cpu_free(void *data)
{
    Cpu *c = data;
    if (c != NULL) {
        if (c->pages != NULL) {
            g_byte_array_unref(c->pages);
        }
        g_free(c);
    }
}

/* Follows CPUs first .. last; `keep`: their pages, else only how many there are. */
static gboolean follow(Dat *d, uint32_t first, uint32_t last, bool keep, GError **error)
{
    d->first = first;
    d->last = last;
    for (uint32_t i = first; i <= last; i++) {
        guint size = keep ? (guint)(d->cpus[i]->n_pages * PAGE) : 0;
        cpu_free(d->cpus[i]);
        d->cpus[i] = g_new0(Cpu, 1);
        d->cpus[i]->pages = keep ? g_byte_array_sized_new(size) : NULL;
    }
    gboolean ok = cp_kernel_walk(d->job->cpr, d->job->from, d->job->to, on_event, d, error);
    for (uint32_t i = first; i <= last; i++) {
        close_page(d->cpus[i]);
    }
    return ok;
}

/* The pages of CPU after CPU; as many CPUs at a time as fit into memory. */
static gboolean put_pages(Dat *d, uint32_t n_cpus, GError **error)
{
    for (uint32_t first = 0; first < n_cpus;) {
        uint64_t n_bytes = d->cpus[first]->n_pages * PAGE;
        if (d->cpus[first]->n_pages > CPU_PAGES_MAX) {
            g_set_error(error, CP_ERROR, CP_ERROR_INPUT,
                        "CPU %u has more than 2 GiB of events: write a part of the "
                        "recording with --from and --to",
                        first);
            return FALSE;
        }
        uint32_t last = first;
        while (last + 1 < n_cpus && n_bytes + d->cpus[last + 1]->n_pages * PAGE <= MEMORY) {
            n_bytes += d->cpus[++last]->n_pages * PAGE;
        }
        if (n_bytes > 0 && !follow(d, first, last, true, error)) {
            return FALSE;
        }
        for (uint32_t i = first; n_bytes > 0 && i <= last; i++) {
            const GByteArray *pages = d->cpus[i]->pages;
            cp_stream_bytes(d->job->out, pages->data, pages->len);
            g_byte_array_unref(g_steal_pointer(&d->cpus[i]->pages));
        }
        first = last + 1;
    }
    return TRUE;
}

/* Where the pages of each CPU begin, and how many bytes they are. */
static void put_places(const Dat *d, GByteArray *head, uint32_t n_cpus)
{
    uint64_t at = head->len + 16 * (uint64_t)n_cpus;
    at = (at + PAGE - 1) / PAGE * PAGE;
    for (uint32_t i = 0; i < n_cpus; i++) {
        uint64_t size = d->cpus[i]->n_pages * PAGE;
        cp_tracing_u64(head, at);
        cp_tracing_u64(head, size);
        at += size;
    }
    while (head->len % PAGE != 0) {
        g_byte_array_append(head, (const uint8_t *)"", 1);
    }
}

static gboolean write_dat(const CpExportJob *job, GError **error)
{
    uint32_t n_cpus = CLAMP(cp_cpr_info(job->cpr)->n_cpus, 1, CP_CPUS_MAX);
    Dat d = {.job = job, .cpus = g_new0(Cpu *, n_cpus)};
    gboolean ok = follow(&d, 0, n_cpus - 1, false, error);
    if (ok) {
        CpKernelTasks *tasks = cp_kernel_tasks_new(job->cpr);
        g_autoptr(GByteArray) head = g_byte_array_new();
        cp_tracing_describe(head, "6", tasks);
        cp_tracing_u32(head, n_cpus);
        g_byte_array_append(head, (const uint8_t *)"options  ", 10);
        cp_tracing_u16(head, OPTION_END);
        g_byte_array_append(head, (const uint8_t *)"flyrecord", 10);
        put_places(&d, head, n_cpus);
        cp_stream_bytes(job->out, head->data, head->len);
        cp_kernel_tasks_free(tasks);
        ok = put_pages(&d, n_cpus, error);
    }
    for (uint32_t i = 0; i < n_cpus; i++) {
        cpu_free(d.cpus[i]);
    }
    g_free(d.cpus);
    return ok;
}

const CpExportFormat cp_export_tracedat = {
    .name = "trace.dat",
    .endings = ".trace.dat .dat",
    .help = "trace.dat of trace-cmd: KernelShark, trace-cmd report",
    .write = write_dat,
};
